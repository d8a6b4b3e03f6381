/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/established.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mxgate/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTS     "/proc/self/mountinfo"
#define MOUNT_MAX  16384 /* bytes of one of its lines */
#define CGROUP_MAX 256
#define PATH_LEN   256 /* of a mount point, of the gate's object */

struct established {
	int link;
	char cgroup[CGROUP_MAX];
	char path[PATH_LEN + CGROUP_MAX]; /* of it in the file system */
};

/* --- the control group ------------------------------------------------------------- */

/* proc(5): "36 35 98:0 /root /mount/point options [tags] - type source options". */
static bool is_hierarchy(const char *line, char mount_point[static PATH_LEN])
{
	const char *type = strstr(line, " - ");
	char root[PATH_LEN];

	return type && strncmp(type, " - cgroup2 ", 11) == 0 &&
	       sscanf(line, "%*s %*s %*s %255s %255s", root, mount_point) == 2 &&
	       strcmp(root, "/") == 0;
}

/* Where the whole hierarchy of cgroup v2 is mounted: beside the older ones or alone. */
static int find_hierarchy(char ret[static PATH_LEN])
{
	FILE *file = fopen(MOUNTS, "re");
	char line[MOUNT_MAX];
	int err = -ENODEV;

	if (!file)
		return -errno;
	while (err < 0 && fgets(line, sizeof(line), file))
		if (is_hierarchy(line, ret))
			err = 0;
	fclose(file);
	return err;
}

static int open_cgroup(struct established *established, int *ret_fd,
		       char why[static ESTABLISHED_WHY_MAX])
{
	char hierarchy[PATH_LEN];
	int err = find_hierarchy(hierarchy), n;

	if (err < 0) {
		snprintf(why, ESTABLISHED_WHY_MAX,
			 "trigger = established needs cgroup v2, which is not mounted; mount it "
			 "(mount -t cgroup2 cgroup2 /sys/fs/cgroup) or set trigger = syn");
		return err;
	}
	n = snprintf(established->path, sizeof(established->path), "%s%s", hierarchy,
		     established->cgroup);
	if (n < 0 || (size_t)n >= sizeof(established->path)) {
		snprintf(why, ESTABLISHED_WHY_MAX, "cgroup %s is too long", established->cgroup);
		return -ENAMETOOLONG;
	}
	*ret_fd = open(established->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	err = -errno;
	snprintf(why, ESTABLISHED_WHY_MAX,
		 "cgroup %s cannot be opened: %s: %s; name one that is there (systemctl show -p "
		 "ControlGroup UNIT)",
		 established->cgroup, established->path, strerror(-err));
	return err;
}

/* --- the program ------------------------------------------------------------------- */

/* Beside the gate: the two are built and installed together. */
static int object_path(const char *gate_object, char ret[static 2 * PATH_LEN])
{
	const char *slash = strrchr(gate_object, '/');
	int len = slash ? (int)(slash + 1 - gate_object) : 0;
	int n = snprintf(ret, 2 * PATH_LEN, "%.*s" MXG_ESTABLISHED_OBJECT, len, gate_object);

	return n < 0 || n >= 2 * PATH_LEN ? -ENAMETOOLONG : 0;
}

static int load(const char *gate_object, struct bpf_object **ret,
		char why[static ESTABLISHED_WHY_MAX])
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = MXG_PIN_DIR);
	char path[2 * PATH_LEN];
	int err = object_path(gate_object, path);

	if (err < 0)
		return err;
	*ret = bpf_object__open_file(path, &opts);
	if (!*ret) {
		err = -errno;
		snprintf(why, ESTABLISHED_WHY_MAX, "%s cannot be opened: %s", path, strerror(-err));
		return err;
	}
	err = bpf_object__load(*ret);
	if (err < 0)
		snprintf(why, ESTABLISHED_WHY_MAX,
			 "the kernel does not load %s: %s (log_level = debug tells more)", path,
			 strerror(-err));
	return err;
}

static int attach(struct established *established, const struct bpf_object *object, int cgroup_fd,
		  char why[static ESTABLISHED_WHY_MAX])
{
	const struct bpf_program *prog =
		bpf_object__find_program_by_name(object, MXG_ESTABLISHED_NAME);
	int err;

	established->link =
		prog ? bpf_link_create(bpf_program__fd(prog), cgroup_fd, BPF_CGROUP_SOCK_OPS, NULL)
		     : -1;
	if (established->link >= 0)
		return 0;
	err = prog ? -errno : -ENOENT;
	/* One that was attached with no word about others shuts them out. */
	snprintf(why, ESTABLISHED_WHY_MAX,
		 "the trigger cannot be put on cgroup %s: %s%s; set trigger = syn",
		 established->cgroup, strerror(-err),
		 err == -EPERM ? " (another sock_ops program there allows no second: bpftool "
				 "cgroup tree shows it)"
			       : "");
	return err;
}

int established_start(const char *gate_object, const char *cgroup, struct established **ret,
		      char why[static ESTABLISHED_WHY_MAX])
{
	struct established *established = calloc(1, sizeof(*established));
	struct bpf_object *object = NULL;
	int cgroup_fd = -1, err;

	snprintf(why, ESTABLISHED_WHY_MAX, "out of memory");
	if (!established)
		return -ENOMEM;
	established->link = -1;
	snprintf(established->cgroup, sizeof(established->cgroup), "%s", cgroup);
	why[0] = '\0';
	err = open_cgroup(established, &cgroup_fd, why);
	if (err == 0)
		err = load(gate_object, &object, why);
	if (err == 0)
		err = attach(established, object, cgroup_fd, why);
	/* The link holds the program, and the program its maps. */
	bpf_object__close(object);
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	if (err == 0) {
		*ret = established;
		return 0;
	}
	if (!why[0])
		snprintf(why, ESTABLISHED_WHY_MAX, "trigger = established: %s", strerror(-err));
	established_stop(established);
	return err;
}

bool established_is_attached(const struct established *established)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);
	struct stat st;

	if (bpf_obj_get_info_by_fd(established->link, &info, &len) < 0 ||
	    stat(established->path, &st) < 0)
		return false;
	/* Without its group the link has number 0. The number of a group is its inode's. */
	return info.cgroup.cgroup_id == st.st_ino;
}

const char *established_cgroup(const struct established *established)
{
	return established->cgroup;
}

void established_stop(struct established *established)
{
	if (!established)
		return;
	if (established->link >= 0)
		close(established->link);
	free(established);
}
