/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/gate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <mxgate/abi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "base/log.h"

#define BPFFS "/sys/fs/bpf"

#define OBJECT_SUFFIX ".bpf.o"
#define COMPAT_SUFFIX "-compat" OBJECT_SUFFIX

#define DISPATCHER_DIR   BPFFS "/xdp"
#define DISPATCHER_NAME  "xdp_dispatcher"
#define DISPATCHER_SLOTS 10 /* programs in one dispatcher */
#define PIN_MAX          96
#define PATH_LEN         256

struct gate {
	char object_path[PATH_LEN]; /* of the object that is loaded */
	struct bpf_object *object;
	struct gate_fds fds;
	uint32_t config_id; /* the map that shows a program to be current */
	uint8_t tag[BPF_TAG_SIZE];
	struct bpf_object *reject; /* with the program that can reject, once it is wanted */
	bool reject_tried;
	uint8_t reject_tag[BPF_TAG_SIZE];
};

/* --- libraries' own words --------------------------------------------------- */

static char last_words[256];
static bool found_mismatch; /* of a pin with what the object says of that map */

/* Their lines go to the debug log; the last warning helps to say why something failed. */
static void library_says(bool warning, const char *fmt, va_list ap)
{
	char line[256];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	if (warning && line[0])
		snprintf(last_words, sizeof(last_words), "%s", line);
	found_mismatch |= warning && strstr(line, "mismatch");
	log_debug("library=\"%s\"", line);
}

static int on_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBBPF_DEBUG)
		library_says(level == LIBBPF_WARN, fmt, ap);
	return 0;
}

static int on_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBXDP_DEBUG)
		library_says(level == LIBXDP_WARN, fmt, ap);
	return 0;
}

static void listen_to_libraries(void)
{
	libbpf_set_print(on_libbpf);
	libxdp_set_print(on_libxdp);
	last_words[0] = '\0';
}

/* --- opening ----------------------------------------------------------------- */

static int check_bpffs(char why[static GATE_WHY_MAX])
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		return 0;
	snprintf(why, GATE_WHY_MAX,
		 "no BPF file system at " BPFFS "; mount it: mount -t bpf bpf " BPFFS);
	return -ENODEV;
}

/* libbpf makes one level only. iproute2 keeps these directories at 0700. */
static int make_pin_dir(char why[static GATE_WHY_MAX])
{
	static const char *const levels[] = {BPFFS "/xdp", MXG_PIN_DIR};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (mkdir(levels[i], 0700) < 0 && errno != EEXIST) {
			int err = -errno;

			snprintf(why, GATE_WHY_MAX, "cannot create %s: %s", levels[i],
				 strerror(-err));
			return err;
		}
	return 0;
}

/* With one program: each costs the verifier's time, and one may be refused. */
static struct bpf_object *object_open(const char *path, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = MXG_PIN_DIR);
	struct bpf_object *object = bpf_object__open_file(path, &opts);
	struct bpf_program *prog;

	if (!object)
		return NULL;
	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, strcmp(bpf_program__name(prog), name) == 0);
	return object;
}

static int explain_open(const char *path, int err, char why[static GATE_WHY_MAX])
{
	char text[128];

	libbpf_strerror(err, text, sizeof(text)); /* knows libbpf's own numbers, too */
	snprintf(why, GATE_WHY_MAX,
		 "bpf_object %s cannot be opened: %s; name the mxgate.bpf.o of this release", path,
		 text);
	return -ENOEXEC;
}

static int explain_parts(const char *path, const char *what, char why[static GATE_WHY_MAX])
{
	snprintf(why, GATE_WHY_MAX,
		 "bpf_object %s is not a gate of this version: %s; name the mxgate.bpf.o of this "
		 "release",
		 path, what);
	return -ENOEXEC;
}

/* What the gate's verdicts lie in. */
static const char *verdict_map(bool is_hash, unsigned int family)
{
	if (is_hash)
		return family == 4 ? MXG_MAP_HASH4 : MXG_MAP_HASH6;
	return family == 4 ? MXG_MAP_VERDICT4 : MXG_MAP_VERDICT6;
}

static bool has_hash(const struct bpf_object *object)
{
	return bpf_object__find_map_by_name(object, MXG_MAP_HASH4) != NULL;
}

/* Before anything is made of it: what another program has would be pinned for good. */
static int check_parts(const char *path, const struct bpf_object *object,
		       char why[static GATE_WHY_MAX])
{
	const char *const maps[] = {
		MXG_MAP_CONFIG,
		MXG_MAP_LEASE,
		MXG_MAP_COUNTERS,
		MXG_MAP_PREFIX4,
		MXG_MAP_PREFIX6,
		MXG_MAP_ROLLUP,
		MXG_MAP_EVENTS,
		MXG_MAP_SAY,
		MXG_MAP_SECRET,
		verdict_map(has_hash(object), 4),
		verdict_map(has_hash(object), 6),
	};
	char what[64];

	if (!bpf_object__find_program_by_name(object, MXG_PROG_NAME))
		return explain_parts(path, "it has no program " MXG_PROG_NAME, why);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!bpf_object__find_map_by_name(object, maps[i])) {
			snprintf(what, sizeof(what), "it has no map %s", maps[i]);
			return explain_parts(path, what, why);
		}
	return 0;
}

static int open_and_check(const char *path, struct bpf_object **ret, char why[static GATE_WHY_MAX])
{
	struct bpf_object *object = object_open(path, MXG_PROG_NAME);
	int err;

	if (!object)
		return explain_open(path, -errno, why);
	err = check_parts(path, object, why);
	if (err < 0)
		bpf_object__close(object);
	else
		*ret = object;
	return err;
}

static int explain_load(int err, char why[static GATE_WHY_MAX])
{
	if (err == -EPERM)
		snprintf(why, GATE_WHY_MAX,
			 "the kernel refuses to load the gate: not permitted; "
			 "run mxgated as root");
	else if (found_mismatch || err == -EINVAL)
		snprintf(why, GATE_WHY_MAX,
			 "the gate does not load (%s); if pins of another version are in the way, "
			 "take it off the interfaces and remove " MXG_PIN_DIR "/mxg%d_*",
			 last_words[0] ? last_words : strerror(-err), MXG_ABI);
	else
		snprintf(why, GATE_WHY_MAX,
			 "the kernel does not load the gate: %s (%s); Linux 5.10 or newer with BPF "
			 "is needed",
			 strerror(-err), last_words);
	return err;
}

static int map_fd(const struct gate *gate, const char *name)
{
	return bpf_object__find_map_fd_by_name(gate->object, name);
}

static void find_maps(struct gate *gate)
{
	struct gate_fds *fds = &gate->fds;

	fds->config = map_fd(gate, MXG_MAP_CONFIG);
	fds->lease = map_fd(gate, MXG_MAP_LEASE);
	fds->counters = map_fd(gate, MXG_MAP_COUNTERS);
	fds->prefix4 = map_fd(gate, MXG_MAP_PREFIX4);
	fds->prefix6 = map_fd(gate, MXG_MAP_PREFIX6);
	fds->rollup = map_fd(gate, MXG_MAP_ROLLUP);
	fds->events = map_fd(gate, MXG_MAP_EVENTS);
	fds->say = map_fd(gate, MXG_MAP_SAY);
	fds->secret = map_fd(gate, MXG_MAP_SECRET);
	fds->is_hash = has_hash(gate->object);
	fds->outer4 = map_fd(gate, verdict_map(fds->is_hash, 4));
	fds->outer6 = map_fd(gate, verdict_map(fds->is_hash, 6));
}

static int program_fd(const struct bpf_object *object, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

static int get_tag(const struct bpf_object *object, const char *name,
		   uint8_t ret[static BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	int fd = program_fd(object, name);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	memcpy(ret, info.tag, BPF_TAG_SIZE);
	return 0;
}

/* What a program on an interface is compared with. */
static int remember_identity(struct gate *gate)
{
	struct bpf_map_info map_info = {0};
	__u32 len = sizeof(map_info);

	if (bpf_obj_get_info_by_fd(gate->fds.config, &map_info, &len) < 0)
		return -errno;
	gate->config_id = map_info.id;
	return get_tag(gate->object, MXG_PROG_NAME, gate->tag);
}

/* Not before it is wanted, and once: a kernel that refuses it will do so again. */
static int load_reject(struct gate *gate)
{
	struct bpf_object *object;
	int err;

	if (gate->reject_tried)
		return gate->reject ? 0 : -ENOTSUP;
	gate->reject_tried = true;
	object = object_open(gate->object_path, MXG_REJECT_NAME);
	if (!object)
		return -errno;
	err = bpf_object__load(object);
	if (err == 0)
		err = get_tag(object, MXG_REJECT_NAME, gate->reject_tag);
	if (err < 0)
		bpf_object__close(object);
	else
		gate->reject = object;
	return err;
}

int gate_check(const char *object, bool *ret_is_hash, char why[static GATE_WHY_MAX])
{
	struct bpf_object *opened;
	int err;

	listen_to_libraries();
	err = open_and_check(object, &opened, why);
	if (err < 0)
		return err;
	*ret_is_hash = has_hash(opened);
	bpf_object__close(opened);
	return 0;
}

static int open_and_load(struct gate *gate, const char *path, char why[static GATE_WHY_MAX])
{
	int err = open_and_check(path, &gate->object, why);

	if (err < 0)
		return err;
	last_words[0] = '\0';
	found_mismatch = false;
	err = bpf_object__load(gate->object);
	if (err == 0) {
		snprintf(gate->object_path, sizeof(gate->object_path), "%s", path);
		return 0;
	}
	bpf_object__close(gate->object);
	gate->object = NULL;
	return explain_load(err, why);
}

/* Whether err says that the kernel lacks what the gate is made of: nothing that may pass. */
static bool is_lack(int err)
{
	return err == -EINVAL || err == -EACCES || err == -E2BIG || err == -ENOTSUP ||
	       err == -524; /* the kernel's own ENOTSUPP */
}

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* "x.bpf.o" is "x-compat.bpf.o" beside it. False: it is not named so, or that is what it is. */
static bool compat_path(const char *path, char ret[static PATH_LEN])
{
	if (!ends_with(path, OBJECT_SUFFIX) || ends_with(path, COMPAT_SUFFIX))
		return false;
	return snprintf(ret, PATH_LEN, "%.*s" COMPAT_SUFFIX,
			(int)(strlen(path) - strlen(OBJECT_SUFFIX)), path) < PATH_LEN;
}

/* The gate, or where the kernel takes it not the one that asks less of it. */
static int load_either(struct gate *gate, const char *path, char why[static GATE_WHY_MAX])
{
	char compat[PATH_LEN], why_not[GATE_WHY_MAX];
	int err = open_and_load(gate, path, why);

	if (!is_lack(err) || found_mismatch || !compat_path(path, compat))
		return err;
	if (open_and_load(gate, compat, why_not) < 0) {
		log_warn("event=gate-compat-not-loaded error=\"%s\"", why_not);
		return err;
	}
	log_warn(
		"event=gate-compat object=\"%s\" detail=\"this kernel takes the gate only with its "
		"own hash for a table: slower, and `hold` holds nobody\" error=\"%s\"",
		compat, strerror(-err));
	return 0;
}

int gate_open(const char *object, struct gate **ret, char why[static GATE_WHY_MAX])
{
	struct gate *gate;
	int err;

	listen_to_libraries();
	err = check_bpffs(why);
	if (err < 0)
		return err;
	err = make_pin_dir(why);
	if (err < 0)
		return err;
	gate = calloc(1, sizeof(*gate));
	if (!gate)
		return -ENOMEM;
	err = load_either(gate, object, why);
	if (err < 0)
		goto out;
	find_maps(gate);
	err = remember_identity(gate);
	if (err < 0)
		snprintf(why, GATE_WHY_MAX,
			 "the kernel does not tell what it has loaded: %s; run "
			 "mxgated as root",
			 strerror(-err));
out:
	if (err < 0)
		gate_close(gate);
	else
		*ret = gate;
	return err;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	bpf_object__close(gate->object);
	bpf_object__close(gate->reject);
	free(gate);
}

const struct gate_fds *gate_get_fds(const struct gate *gate)
{
	return &gate->fds;
}

const char *gate_object(const struct gate *gate)
{
	const char *slash = strrchr(gate->object_path, '/');

	return slash ? slash + 1 : gate->object_path;
}

int gate_touch(const struct gate *gate)
{
	__u32 zero = 0;
	__u64 lease;

	return bpf_map_lookup_elem(gate->fds.lease, &zero, &lease) < 0 ? -errno : 0;
}

void gate_unpin_others(const struct gate *gate)
{
	static const unsigned int families[] = {4, 6};
	const __u32 zero = 0;
	char path[PIN_MAX];
	int fd;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), MXG_PIN_DIR "/%s",
			 verdict_map(!gate->fds.is_hash, families[i]));
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		bpf_map_delete_elem(fd, &zero);
		close(fd);
		unlink(path);
		log_info("event=tables-of-other-kind-removed pin=\"%s\"", path);
	}
}

/* --- interfaces ----------------------------------------------------------------- */

const char *gate_mode_name(enum gate_mode mode)
{
	static const char *const names[] = {"none", "native", "generic", "offload"};

	return names[mode];
}

/* What the kernel says about a program; what is needed to tell it from others. */
struct look {
	struct bpf_prog_info info;
	__u32 map_ids[64];
};

/* Takes fd. */
static int look_at(int fd, struct look *ret)
{
	__u32 len = sizeof(ret->info);
	int err;

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return -errno;
	ret->info.nr_map_ids = sizeof(ret->map_ids) / sizeof(ret->map_ids[0]);
	ret->info.map_ids = (__u64)(uintptr_t)ret->map_ids;
	err = bpf_obj_get_info_by_fd(fd, &ret->info, &len) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static bool is_our_name(const char *name)
{
	return strcmp(name, MXG_PROG_NAME) == 0 || strcmp(name, MXG_FRAGS_NAME) == 0 ||
	       strcmp(name, MXG_REJECT_NAME) == 0;
}

static bool is_reject_name(const char *name)
{
	return strcmp(name, MXG_REJECT_NAME) == 0;
}

/* Same code, and its maps are those that this process writes to. */
static bool is_current(struct gate *gate, const struct look *look)
{
	bool rejects = is_reject_name(look->info.name);

	if (rejects && load_reject(gate) < 0)
		return false;
	if (memcmp(look->info.tag, rejects ? gate->reject_tag : gate->tag, BPF_TAG_SIZE) != 0)
		return false;
	for (__u32 i = 0;
	     i < look->info.nr_map_ids && i < sizeof(look->map_ids) / sizeof(look->map_ids[0]); i++)
		if (look->map_ids[i] == gate->config_id)
			return true;
	return false;
}

static void found_ours(struct gate *gate, const struct look *look, struct gate_found *found)
{
	found->can_reject = is_reject_name(look->info.name);
	found->is_ours = true;
	found->is_current = is_current(gate, look);
	found->prog_id = look->info.id;
}

/* The names are those of libxdp's protocol for sharing a dispatcher. */
static void dispatcher_pin(int ifindex, uint32_t dispatcher_id, int slot, const char *what,
			   char buf[static PIN_MAX])
{
	snprintf(buf, PIN_MAX, DISPATCHER_DIR "/dispatch-%d-%u/prog%d-%s", ifindex, dispatcher_id,
		 slot, what);
}

/* A component is in force while its link is pinned, or held by somebody. */
static void look_into_dispatcher(struct gate *gate, int ifindex, struct gate_found *found)
{
	struct look look;
	char pin[PIN_MAX];

	for (int i = 0; i < DISPATCHER_SLOTS && !found->is_ours; i++) {
		dispatcher_pin(ifindex, found->dispatcher_id, i, "link", pin);
		if (access(pin, F_OK) < 0)
			continue;
		dispatcher_pin(ifindex, found->dispatcher_id, i, "prog", pin);
		if (look_at(bpf_obj_get(pin), &look) == 0 && is_our_name(look.info.name))
			found_ours(gate, &look, found);
	}
}

/* The program in charge and its mode; 0 if there is none. */
static uint32_t main_program(const struct bpf_xdp_query_opts *opts, enum gate_mode *ret_mode)
{
	*ret_mode = GATE_MODE_NONE;
	if (opts->attach_mode == XDP_ATTACHED_NONE)
		return 0;
	if (opts->drv_prog_id) {
		*ret_mode = GATE_MODE_NATIVE;
		return opts->drv_prog_id;
	}
	*ret_mode = opts->skb_prog_id ? GATE_MODE_GENERIC : GATE_MODE_OFFLOAD;
	return opts->skb_prog_id ? opts->skb_prog_id : opts->hw_prog_id;
}

/*
 * By the kernel's word and not by xdp_multiprog__get_from_ifindex(): this is called
 * twice a second, and up to libxdp 1.4.0 each such call leaves a descriptor open.
 */
int gate_find(struct gate *gate, int ifindex, struct gate_found *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts, .prog_id = 0);
	struct gate_found found = {0};
	struct look look;
	uint32_t id;
	int err = bpf_xdp_query(ifindex, 0, &opts);

	if (err < 0)
		return err;
	id = main_program(&opts, &found.mode);
	if (id) {
		err = look_at(bpf_prog_get_fd_by_id(id), &look);
		if (err < 0 && err != -ENOENT)
			return err;
		if (err == -ENOENT) {
			found.mode = GATE_MODE_NONE; /* it went while we looked */
		} else if (is_our_name(look.info.name)) {
			found_ours(gate, &look, &found);
		} else if (strcmp(look.info.name, DISPATCHER_NAME) == 0) {
			found.dispatcher_id = id;
			look_into_dispatcher(gate, ifindex, &found);
		} else {
			found.is_foreign = true;
			found.prog_id = id;
		}
	}
	*ret = found;
	return 0;
}

static int explain_attach(int err, enum gate_mode mode, char why[static GATE_WHY_MAX])
{
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		snprintf(why, GATE_WHY_MAX,
			 "another XDP program holds the interface; it is left "
			 "alone; take it off first, or load both with a libxdp "
			 "dispatcher");
		return -EBUSY;
	case -EOPNOTSUPP:
	case -EINVAL:
		snprintf(why, GATE_WHY_MAX, "the driver refuses %s mode (%s); set attach = generic",
			 gate_mode_name(mode), last_words[0] ? last_words : strerror(-err));
		return -EOPNOTSUPP;
	default:
		snprintf(why, GATE_WHY_MAX, "attaching in %s mode failed: %s (%s)",
			 gate_mode_name(mode), strerror(-err), last_words);
		return err;
	}
}

static int attach_shared(struct gate *gate, int ifindex, enum gate_mode mode, const char *name,
			 char why[static GATE_WHY_MAX])
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = name);
	struct bpf_object *object;
	struct xdp_program *prog;
	long err;

	last_words[0] = '\0';
	/*
	 * An object of its own for each interface: in a dispatcher the program is
	 * loaded again as an extension of that interface's dispatcher. The maps
	 * are the same through their pins.
	 */
	object = object_open(gate->object_path, name);
	if (!object)
		return explain_open(gate->object_path, -errno, why);
	opts.obj = object;
	prog = xdp_program__create(&opts);
	err = libxdp_get_error(prog);
	if (err) {
		bpf_object__close(object);
		return explain_attach((int)err, mode, why);
	}
	/*
	 * Jumbo frames: with any MTU it may be there, and the MTU may be raised later.
	 * libxdp takes it back in a dispatcher where another program cannot. The gate for older
	 * kernels takes each frame for one buffer.
	 */
	xdp_program__set_xdp_frags_support(prog, !gate->fds.is_hash);
	err = xdp_program__attach(prog, ifindex,
				  mode == GATE_MODE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	xdp_program__close(prog);
	bpf_object__close(object);
	return err ? explain_attach((int)err, mode, why) : 0;
}

int gate_attach(struct gate *gate, int ifindex, enum gate_mode mode, char why[static GATE_WHY_MAX])
{
	struct gate_found found;

	if (gate_find(gate, ifindex, &found) == 0 && found.is_foreign)
		return explain_attach(-EBUSY, mode, why);
	return attach_shared(gate, ifindex, mode, MXG_PROG_NAME, why);
}

/* Our program within what the interface carries, or NULL. Owned by mp. */
static struct xdp_program *find_ours(struct xdp_multiprog *mp)
{
	struct xdp_program *prog = NULL;

	if (xdp_multiprog__is_legacy(mp)) {
		prog = xdp_multiprog__main_prog(mp);
		return prog && is_our_name(xdp_program__name(prog)) ? prog : NULL;
	}
	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (is_our_name(xdp_program__name(prog)))
			return prog;
	return NULL;
}

int gate_detach(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	long err = libxdp_get_error(mp);
	struct xdp_program *ours;

	if (err || !mp)
		return err ? (int)err : -EIO;
	ours = find_ours(mp);
	if (!ours)
		err = -ENOENT;
	else if (xdp_multiprog__is_legacy(mp))
		err = xdp_multiprog__detach(mp);
	else
		err = xdp_program__detach(ours, ifindex, xdp_multiprog__attach_mode(mp), 0);
	xdp_multiprog__close(mp);
	return (int)err;
}

/* --- the program that rejects ----------------------------------------------------- */

/* From a dispatcher that has its successor by now. */
static void detach_from_dispatcher(int ifindex, uint32_t prog_id)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog = NULL;

	if (libxdp_get_error(mp) || !mp)
		return;
	while (!xdp_multiprog__is_legacy(mp) && (prog = xdp_multiprog__next_prog(prog, mp)))
		if (xdp_program__id(prog) == prog_id) {
			xdp_program__detach(prog, ifindex, xdp_multiprog__attach_mode(mp), 0);
			break;
		}
	xdp_multiprog__close(mp);
}

static bool is_shared(int ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	bool shared;

	if (libxdp_get_error(mp) || !mp)
		return true; /* in doubt nobody is put out */
	shared = !xdp_multiprog__is_legacy(mp) && xdp_multiprog__program_count(mp) > 1;
	xdp_multiprog__close(mp);
	return shared;
}

/* In the place of what was found, and of nothing else, by one step of the kernel's. */
static int attach_alone(struct gate *gate, int ifindex, enum gate_mode mode,
			const struct gate_found *found)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = 0);
	uint32_t old = found->dispatcher_id ? found->dispatcher_id : found->prog_id;
	__u32 flags = mode == GATE_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int fd = -1, err;

	if (old) {
		fd = bpf_prog_get_fd_by_id(old);
		if (fd < 0)
			return -errno;
		opts.old_prog_fd = fd;
	} else {
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	}
	err = bpf_xdp_attach(ifindex, program_fd(gate->reject, MXG_REJECT_NAME), flags, &opts);
	if (fd >= 0)
		close(fd);
	return err;
}

int gate_attach_reject(struct gate *gate, int ifindex, enum gate_mode mode, bool *ret_is_alone,
		       char why[static GATE_WHY_MAX])
{
	struct gate_found found;
	int err = gate_find(gate, ifindex, &found);

	if (err < 0 || found.is_foreign)
		return explain_attach(err < 0 ? err : -EBUSY, mode, why);
	last_words[0] = '\0';
	if (load_reject(gate) < 0) {
		snprintf(why, GATE_WHY_MAX, "the kernel does not load " MXG_REJECT_NAME " (%s)",
			 last_words);
		return -ENOTSUP;
	}
	if (found.is_ours && found.mode != mode) {
		gate_detach(ifindex);
		found = (struct gate_found){0};
	}
	/* Where there is no dispatcher one would have to be put in the place of the gate. */
	if ((!found.is_ours || found.dispatcher_id) &&
	    attach_shared(gate, ifindex, mode, MXG_REJECT_NAME, why) == 0) {
		if (found.is_ours)
			detach_from_dispatcher(ifindex, found.prog_id);
		*ret_is_alone = false;
		return 0;
	}
	if (found.dispatcher_id && (!found.is_ours || is_shared(ifindex))) {
		snprintf(why, GATE_WHY_MAX,
			 "the dispatcher here does not take " MXG_REJECT_NAME
			 ", and another program shares it");
		return -EBUSY;
	}
	err = attach_alone(gate, ifindex, mode, &found);
	if (err < 0)
		return explain_attach(err, mode, why);
	*ret_is_alone = true;
	return 0;
}

/* --- what a dispatcher leaves behind -------------------------------------------- */

static bool carries(int ifindex, uint32_t prog_id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts, .prog_id = 0);
	int err = bpf_xdp_query(ifindex, 0, &opts);

	if (err < 0)
		return err != -ENODEV; /* in doubt it is there */
	return opts.prog_id == prog_id || opts.drv_prog_id == prog_id ||
	       opts.skb_prog_id == prog_id || opts.hw_prog_id == prog_id;
}

static void unpin_ours(int ifindex, uint32_t dispatcher_id)
{
	char prog[PIN_MAX], link[PIN_MAX], dir[PIN_MAX];
	struct look look;

	for (int i = 0; i < DISPATCHER_SLOTS; i++) {
		dispatcher_pin(ifindex, dispatcher_id, i, "prog", prog);
		dispatcher_pin(ifindex, dispatcher_id, i, "link", link);
		if (look_at(bpf_obj_get(prog), &look) < 0 || !is_our_name(look.info.name))
			continue;
		unlink(link);
		unlink(prog);
	}
	snprintf(dir, sizeof(dir), DISPATCHER_DIR "/dispatch-%d-%u", ifindex, dispatcher_id);
	rmdir(dir); /* stays while the program of another is pinned in it */
}

void gate_unpin(int ifindex, uint32_t dispatcher_id)
{
	int lock = open(DISPATCHER_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0)
		return;
	/* libxdp's lock: it may be building the next dispatcher out of this one. */
	if (flock(lock, LOCK_EX) == 0 && !carries(ifindex, dispatcher_id))
		unpin_ours(ifindex, dispatcher_id);
	close(lock);
}
