// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The object as others see it: the maps are those of abi.h, pinned by name, and
 * the program is what iproute2, libxdp and the kernel expect.
 */
#include <bpf/bpf.h>
#include <string.h>
#include <linux/bpf.h>
#include <xdp/libxdp.h>

#include <criterion/criterion.h>

#include "gate.h"

struct map_row {
	const char *name;
	enum bpf_map_type type;
	uint32_t key_size, value_size, entries, flags;
	uint32_t inner_value_size; /* 0: no table of tables */
	uint32_t hash_key_size;    /* of one of hashes, which the gate for older kernels has */
};

static const struct map_row maps[] = {
	{MXG_MAP_CONFIG, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_config), 1, 0, 0, 0},
	{MXG_MAP_LEASE, BPF_MAP_TYPE_ARRAY, 4, sizeof(__u64), 1, 0, 0, 0},
	{MXG_MAP_COUNTERS, BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct mxg_counters), 1, 0, 0, 0},
	{MXG_MAP_VERDICT4, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, sizeof(struct mxg_line4), 0},
	{MXG_MAP_VERDICT6, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, sizeof(struct mxg_line6), 0},
	{MXG_MAP_HASH4, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, sizeof(struct mxg_verdict), 4},
	{MXG_MAP_HASH6, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, sizeof(struct mxg_verdict), 16},
	{MXG_MAP_PREFIX4, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct mxg_prefix4_key),
	 sizeof(struct mxg_prefix), MXG_PREFIX_MAX, BPF_F_NO_PREALLOC, 0, 0},
	{MXG_MAP_PREFIX6, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct mxg_prefix6_key),
	 sizeof(struct mxg_prefix), MXG_PREFIX_MAX, BPF_F_NO_PREALLOC, 0, 0},
	{MXG_MAP_ROLLUP, BPF_MAP_TYPE_HASH, sizeof(__be64), sizeof(struct mxg_rollup),
	 MXG_ROLLUP_MAX, BPF_F_NO_PREALLOC, 0, 0},
	{MXG_MAP_EVENTS, BPF_MAP_TYPE_RINGBUF, 0, 0, MXG_EVENTS_SIZE, 0, 0, 0},
	{MXG_MAP_ASKED, BPF_MAP_TYPE_ARRAY, 4, sizeof(__u64), MXG_ASKED_SLOTS, 0, 0, 0},
	{MXG_MAP_SAY, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_say), MXG_SAY_SLOTS, 0, 0, 0},
	{MXG_MAP_SECRET, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_secret), 2, 0, 0, 0},
	{MXG_MAP_BUCKET, BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct mxg_bucket), 1, 0, 0, 0},
};

#define MAPS (sizeof(maps) / sizeof(maps[0]))

static void expect_inner(const struct bpf_map *map, const struct map_row *row)
{
	struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)map);

	if (!row->inner_value_size) {
		cr_expect_null(inner, "%s", row->name);
		return;
	}
	cr_assert(inner, "%s", row->name);
	cr_expect_eq(bpf_map__value_size(inner), row->inner_value_size, "%s", row->name);
	if (row->hash_key_size) {
		cr_expect_eq(bpf_map__type(inner), BPF_MAP_TYPE_HASH, "%s", row->name);
		cr_expect_eq(bpf_map__key_size(inner), row->hash_key_size, "%s", row->name);
		cr_expect_eq(bpf_map__map_flags(inner), BPF_F_NO_PREALLOC, "%s", row->name);
		return;
	}
	cr_expect_eq(bpf_map__type(inner), BPF_MAP_TYPE_ARRAY, "%s", row->name);
	cr_expect_eq(bpf_map__key_size(inner), sizeof(__u32), "%s", row->name);
	cr_expect_eq(bpf_map__map_flags(inner), BPF_F_MMAPABLE | BPF_F_INNER_MAP,
		     "%s: mapped by the worker, of any size", row->name);
}

static void expect_form(const struct bpf_map *map, const struct map_row *row)
{
	cr_expect_eq(bpf_map__type(map), row->type, "%s", row->name);
	cr_expect_eq(bpf_map__key_size(map), row->key_size, "%s", row->name);
	cr_expect_eq(bpf_map__value_size(map), row->value_size, "%s", row->name);
	cr_expect_eq(bpf_map__max_entries(map), row->entries, "%s", row->name);
	cr_expect_eq(bpf_map__map_flags(map), row->flags, "%s", row->name);
}

static void expect_pin(const struct bpf_map *map, const struct map_row *row)
{
	const char *pin = bpf_map__pin_path(map);

	cr_assert(pin, "%s is not pinned by name", row->name);
	cr_expect_eq(strncmp(pin, MXG_PIN_DIR "/", sizeof(MXG_PIN_DIR)), 0, "%s", pin);
	cr_expect_str_eq(pin + sizeof(MXG_PIN_DIR), row->name);
}

static void expect_map(struct bpf_object *obj, const struct map_row *row)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(obj, row->name);

	cr_assert(map, "no map %s", row->name);
	expect_form(map, row);
	expect_pin(map, row);
	expect_inner(map, row);
}

Test(gate_abi, maps)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = MXG_PIN_DIR);
	struct bpf_object *obj;
	struct bpf_map *map;
	size_t count = 0;
	bool is_hash;

	gate_quiet();
	obj = bpf_object__open_file(gate_path(), &opts);
	cr_assert(obj);
	is_hash = bpf_object__find_map_by_name(obj, MXG_MAP_HASH4) != NULL;
	for (size_t i = 0; i < MAPS; i++)
		if (!maps[i].inner_value_size || (maps[i].hash_key_size != 0) == is_hash)
			expect_map(obj, &maps[i]);
	/*
	 * Nothing beside them: .rodata or .bss would not be shared between loads. The gate for
	 * older kernels asks which one it is on, and has a room where nothing stays.
	 */
	bpf_object__for_each_map(map, obj) count++;
	cr_expect_eq(count, MAPS - 2 + (is_hash ? 2 : 0), "and of tables those of one kind");
	bpf_object__close(obj);
}

static void expect_program(const struct bpf_program *prog, const char *name, const char *section)
{
	cr_assert(prog, "no %s", name);
	cr_expect_str_eq(bpf_program__name(prog), name);
	cr_expect_str_eq(bpf_program__section_name(prog), section);
	cr_expect_eq(bpf_program__type(prog), BPF_PROG_TYPE_XDP);
}

/* `sec xdp` and `sec xdp.frags` have one meaning each, and a loader told nothing takes the first.
 */
Test(gate_abi, programs)
{
	struct bpf_program *prog;
	struct bpf_object *obj;

	gate_quiet();
	obj = bpf_object__open_file(gate_path(), NULL);
	cr_assert(obj);
	prog = bpf_object__next_program(obj, NULL);
	expect_program(prog, MXG_PROG_NAME, "xdp");
	prog = bpf_object__next_program(obj, prog);
	if (bpf_object__find_map_by_name(obj, MXG_MAP_HASH4)) {
		expect_program(prog, MXG_REJECT_NAME, "xdp");
	} else {
		expect_program(prog, MXG_FRAGS_NAME, "xdp.frags");
		prog = bpf_object__next_program(obj, prog);
		expect_program(prog, MXG_REJECT_NAME, "xdp.frags");
	}
	cr_expect_null(bpf_object__next_program(obj, prog));
	bpf_object__close(obj);
}

static void get_tag(const struct bpf_object *obj, const char *name, __u8 ret[BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, name));

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	memcpy(ret, info.tag, BPF_TAG_SIZE);
}

/* The tag is the kernel's hash of the instructions: large frames cost small ones nothing. */
Test(gate_abi, both_programs_are_the_same_code)
{
	__u8 plain[BPF_TAG_SIZE], frags[BPF_TAG_SIZE];
	struct gate gate;

	gate_load(&gate);
	gate_need_newer(&gate);
	get_tag(gate.obj, MXG_PROG_NAME, plain);
	get_tag(gate.obj, MXG_FRAGS_NAME, frags);
	cr_expect_arr_eq(plain, frags, BPF_TAG_SIZE);
	gate_free(&gate);
}

Test(gate_abi, loaded_as_gpl_compatible)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	struct gate gate;

	gate_load(&gate);
	cr_assert_eq(bpf_obj_get_info_by_fd(gate.prog, &info, &len), 0);
	cr_expect(info.gpl_compatible);
	cr_expect_str_eq(info.name, MXG_PROG_NAME);
	gate_free(&gate);
}

Test(gate_abi, libxdp_metadata)
{
	const char *const sections[] = {"xdp", "xdp.frags"};

	struct gate gate;

	gate_load(&gate);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) - gate.is_hash; i++) {
		struct xdp_program *prog = xdp_program__open_file(gate_path(), sections[i], NULL);

		cr_assert_eq(libxdp_get_error(prog), 0);
		cr_expect_eq(xdp_program__run_prio(prog), 20);
		cr_expect(xdp_program__chain_call_enabled(prog, XDP_PASS));
		cr_expect_not(xdp_program__chain_call_enabled(prog, XDP_DROP));
		cr_expect_not(xdp_program__chain_call_enabled(prog, XDP_TX));
		xdp_program__close(prog);
	}
	gate_free(&gate);
}
