/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/established.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mxgate/abi.h>
#include <stdarg.h>
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

static int explain(struct established_why *why, enum established_fault fault, int err,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Returns err. */
static int explain(struct established_why *why, enum established_fault fault, int err,
		   const char *fmt, ...)
{
	va_list ap;

	why->fault = fault;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}

static int open_cgroup(struct established *established, int *ret_fd, struct established_why *why)
{
	char hierarchy[PATH_LEN];
	int err = find_hierarchy(hierarchy), n;

	if (err < 0)
		return explain(why, ESTABLISHED_FAULT_SYSTEM, err,
			       "trigger = established needs cgroup v2, which is not mounted; mount "
			       "it (mount -t cgroup2 cgroup2 /sys/fs/cgroup) or set trigger = syn");
	n = snprintf(established->path, sizeof(established->path), "%s%s", hierarchy,
		     established->cgroup);
	if (n < 0 || (size_t)n >= sizeof(established->path))
		return explain(why, ESTABLISHED_FAULT_CGROUP, -ENAMETOOLONG,
			       "cgroup %s is too long; name another", established->cgroup);
	*ret_fd = open(established->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	err = -errno;
	return explain(why, ESTABLISHED_FAULT_CGROUP, err,
		       "cgroup %s cannot be opened: %s: %s; name one that is there (systemctl show "
		       "-p ControlGroup UNIT)",
		       established->cgroup, established->path, strerror(-err));
}

/* --- the program ------------------------------------------------------------------- */

/* Beside the gate: the two are built and installed together. */
static int object_path(const char *gate_object, bool is_hash, char ret[static 2 * PATH_LEN])
{
	const char *name = is_hash ? MXG_ESTABLISHED_COMPAT : MXG_ESTABLISHED_OBJECT;
	const char *slash = strrchr(gate_object, '/');
	int len = slash ? (int)(slash + 1 - gate_object) : 0;
	int n = snprintf(ret, 2 * PATH_LEN, "%.*s%s", len, gate_object, name);

	return n < 0 || n >= 2 * PATH_LEN ? -ENAMETOOLONG : 0;
}

static int open_object(const char *gate_object, bool is_hash, struct bpf_object **ret,
		       struct established_why *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = MXG_PIN_DIR);
	char path[2 * PATH_LEN], text[128];
	struct bpf_object *object;
	int err = object_path(gate_object, is_hash, path);

	if (err < 0)
		return explain(why, ESTABLISHED_FAULT_OBJECT, err,
			       "bpf_object %s: the path is too long; name a shorter one",
			       gate_object);
	object = bpf_object__open_file(path, &opts);
	if (!object) {
		err = -errno;
		libbpf_strerror(err, text, sizeof(text)); /* knows libbpf's own numbers, too */
		return explain(why, ESTABLISHED_FAULT_OBJECT, err,
			       "%s cannot be opened: %s; trigger = established needs that of this "
			       "release beside bpf_object",
			       path, text);
	}
	if (!bpf_object__find_program_by_name(object, MXG_ESTABLISHED_NAME)) {
		bpf_object__close(object);
		return explain(
			why, ESTABLISHED_FAULT_OBJECT, -ENOEXEC,
			"%s has no program " MXG_ESTABLISHED_NAME
			"; trigger = established needs that of this release beside bpf_object",
			path);
	}
	*ret = object;
	return 0;
}

static int load(struct bpf_object *object, struct established_why *why)
{
	int err = bpf_object__load(object);

	return err < 0 ? explain(why, ESTABLISHED_FAULT_SYSTEM, err,
				 "the kernel does not load " MXG_ESTABLISHED_NAME ": %s "
				 "(log_level = debug tells more); set trigger = syn",
				 strerror(-err))
		       : 0;
}

static int attach(struct established *established, const struct bpf_object *object, int cgroup_fd,
		  struct established_why *why)
{
	const struct bpf_program *prog =
		bpf_object__find_program_by_name(object, MXG_ESTABLISHED_NAME);
	int err;

	established->link =
		bpf_link_create(bpf_program__fd(prog), cgroup_fd, BPF_CGROUP_SOCK_OPS, NULL);
	if (established->link >= 0)
		return 0;
	err = -errno;
	/* One that was attached with no word about others shuts them out. */
	return explain(why, ESTABLISHED_FAULT_SYSTEM, err,
		       "the trigger cannot be put on cgroup %s: %s%s; set trigger = syn",
		       established->cgroup, strerror(-err),
		       err == -EPERM ? " (another sock_ops program there allows no second: bpftool "
				       "cgroup tree shows it)"
				     : "");
}

static struct established *established_new(const char *cgroup, struct established_why *why)
{
	struct established *established = calloc(1, sizeof(*established));

	if (!established) {
		explain(why, ESTABLISHED_FAULT_SYSTEM, -ENOMEM, "out of memory; free some");
		return NULL;
	}
	established->link = -1;
	snprintf(established->cgroup, sizeof(established->cgroup), "%s", cgroup);
	return established;
}

/* ret NULL: all but what needs the kernel's consent. */
static int begin(const char *gate_object, bool is_hash, const char *cgroup,
		 struct established **ret, struct established_why *why)
{
	struct established *established = established_new(cgroup, why);
	struct bpf_object *object = NULL;
	int cgroup_fd = -1, err;

	if (!established)
		return -ENOMEM;
	err = open_cgroup(established, &cgroup_fd, why);
	if (err == 0)
		err = open_object(gate_object, is_hash, &object, why);
	if (err == 0 && ret)
		err = load(object, why);
	if (err == 0 && ret)
		err = attach(established, object, cgroup_fd, why);
	/* The link holds the program, and the program its maps. */
	bpf_object__close(object);
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	if (err == 0 && ret)
		*ret = established;
	else
		established_stop(established);
	return err;
}

int established_start(const char *gate_object, bool is_hash, const char *cgroup,
		      struct established **ret, struct established_why *why)
{
	return begin(gate_object, is_hash, cgroup, ret, why);
}

int established_check(const char *gate_object, bool is_hash, const char *cgroup,
		      struct established_why *why)
{
	return begin(gate_object, is_hash, cgroup, NULL, why);
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
