/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/spawn.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static gid_t group_id(const char *name)
{
	const struct group *group = getgrnam(name);

	return group ? group->gr_gid : (gid_t)-1;
}

int spawn_resolve(const struct conf *conf, struct spawn_ids *ret, char *why, size_t why_size)
{
	const struct passwd *user = getpwnam(conf->user);

	if (!user || user->pw_uid == 0) {
		snprintf(why, why_size,
			 user ? "user = %s: the worker must not be root; name an unprivileged user"
			      : "user = %s: no such user; create it (useradd --system mxgate) or "
				"name another",
			 conf->user);
		return -ENOENT;
	}
	ret->uid = user->pw_uid;
	ret->gid = user->pw_gid;
	ret->read_gid = group_id(conf->control.group);
	ret->change_gid = group_id(conf->control.admin_group);
	return 0;
}

static bool is_empty(int dir_fd)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool empty = dir != NULL;

	while (empty && (entry = readdir(dir)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return empty;
}

/*
 * Hands over what was just made or lies empty. A directory of somebody else's, or
 * one of root's with something in it (/etc), is a mistake in the file; a link could
 * have been put there by the worker.
 */
static int open_to_hand_over(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != 0)
		err = -EPERM;
	else if (!is_empty(fd))
		err = -ENOTEMPTY;
	if (err < 0)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

static int hand_over(const char *path, const struct spawn_ids *ids)
{
	int fd = -1, err = open_to_hand_over(path, &fd);

	if (err < 0)
		return err;
	err = fchown(fd, ids->uid, ids->gid) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int own_directory(const char *path, const struct spawn_ids *ids)
{
	struct stat st;

	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == ids->uid ? 0 : hand_over(path, ids);
}

/* The same without touching it; what only root may see may well be right. */
static int look_at_directory(const char *path, const struct spawn_ids *ids)
{
	struct stat st;
	int fd = -1, err;

	if (stat(path, &st) < 0)
		return file_check_parent(path);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (access(path, W_OK) < 0 && errno == EROFS)
		return -EROFS;
	if (st.st_uid == ids->uid)
		return 0;
	err = open_to_hand_over(path, &fd);
	if (fd >= 0)
		close(fd);
	return err == -EACCES && geteuid() != 0 ? 0 : err;
}

/* Returns err. */
static int explain_directory(const struct conf *conf, int err, char *why, size_t why_size)
{
	if (err < 0)
		snprintf(why, why_size,
			 "state_directory %s cannot be made user %s's: %s; create its parent, or "
			 "name a directory of its own",
			 conf->state_directory, conf->user, strerror(-err));
	return err;
}

int spawn_state_directory(const struct conf *conf, const struct spawn_ids *ids, char *why,
			  size_t why_size)
{
	return explain_directory(conf, own_directory(conf->state_directory, ids), why, why_size);
}

int spawn_check_directory(const struct conf *conf, const struct spawn_ids *ids, char *why,
			  size_t why_size)
{
	return explain_directory(conf, look_at_directory(conf->state_directory, ids), why,
				 why_size);
}

int spawn_try_bare(int (*step)(void *user), void *user)
{
	void *all;
	int err;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	all = capng_save_state();
	if (!all)
		return -ENOMEM;
	capng_updatev(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_BPF, CAP_SYS_ADMIN, -1);
	err = capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EINVAL : step(user);
	capng_restore_state(&all);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EINVAL : err;
}

int spawn_drop_privileges(const struct spawn_ids *ids, pid_t parent, bool keeps_bpf)
{
	bool may_bound;

	/*
	 * The bounding set can go only while we have CAP_SETPCAP, which a unit file
	 * may have taken already; without new privileges it grants nothing anyway.
	 */
	if (capng_get_caps_process() < 0)
		return -EPERM;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	if (keeps_bpf && !capng_have_capability(CAPNG_PERMITTED, CAP_BPF))
		return -ENOTSUP;
	capng_clear(CAPNG_SELECT_BOTH);
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	if (keeps_bpf) {
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF);
		if (prctl(PR_SET_KEEPCAPS, 1) < 0)
			return -errno;
	}
	if (setgroups(0, NULL) < 0 || setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
	    setresuid(ids->uid, ids->uid, ids->uid) < 0)
		return -errno;
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	/*
	 * A worker that hangs and goes on some time later would write to the tables beside
	 * the next one, so it cannot be asked. After setresuid(), which clears the signal; the
	 * parent may be dead by now.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}
