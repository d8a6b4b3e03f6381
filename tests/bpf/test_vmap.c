/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* io/vmap against real maps of the shapes that the gate has. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pages.h"
#include "core/table_hash.h"
#include "io/vmap.h"

#define MAX4     20000
#define NOW      0             /* nothing has expired yet */
#define LATER(n) ((n)*4096ULL) /* what a table of IPv6 tells apart */
#define HOUR_NS  (3600ULL * 1000000000)

static struct vmap_fds fds;
static struct vmap *vmap;

static int make(enum bpf_map_type type, size_t key, size_t value, __u32 max, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, "mxg_test", (__u32)key, (__u32)value, max, &opts);

	cr_assert_geq(fd, 0, "map: %s (root needed)", strerror(errno));
	return fd;
}

static int make_table(unsigned int family, uint32_t max)
{
	size_t element = table_element_size(family), size;
	uint32_t elements = table_elements(family, max);
	int fd = make(BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), element, elements, BPF_F_MMAPABLE);
	void *memory = pages_of_map(fd, element, &size);

	cr_assert(memory, "%s", strerror(errno));
	table_format(family, memory, max, 0, 0x5eed);
	pages_free(memory, size);
	return fd;
}

static int make_hash(unsigned int family, uint32_t max)
{
	int fd = -1;

	cr_assert_eq(table_hash_make(family, max, &fd), 0, "%s", strerror(errno));
	return fd;
}

static void setup_with(int (*make_verdicts)(unsigned int family, uint32_t max))
{
	fds.config = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_config), 1, 0);
	fds.lease = make(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	fds.counters = make(BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct mxg_counters), 1, 0);
	fds.verdict4 = make_verdicts(4, MAX4);
	fds.verdict6 = make_verdicts(6, 4);
	fds.prefix4 = make(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct mxg_prefix4_key),
			   sizeof(struct mxg_prefix), 8, BPF_F_NO_PREALLOC);
	fds.prefix6 = make(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct mxg_prefix6_key),
			   sizeof(struct mxg_prefix), 8, BPF_F_NO_PREALLOC);
	fds.rollup = make(BPF_MAP_TYPE_HASH, 8, sizeof(struct mxg_rollup), 4, BPF_F_NO_PREALLOC);
	fds.say = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_say), MXG_SAY_SLOTS, 0);
	fds.secret = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct mxg_secret), 2, 0);
	cr_assert_eq(vmap_new(&fds, &vmap), 0);
}

static void setup(void)
{
	setup_with(make_table);
}

static void setup_hash(void)
{
	setup_with(make_hash);
	cr_assert(vmap_is_hash(vmap));
}

static void teardown(void)
{
	vmap_free(vmap);
}

TestSuite(vmap, .init = setup, .fini = teardown);
TestSuite(vmap_hash, .init = setup_hash, .fini = teardown);

/* What holds of lines and of the kernel's hash. */
#define BOTH(name)                                                                                 \
	static void name(void);                                                                    \
	Test(vmap, name)                                                                           \
	{                                                                                          \
		name();                                                                            \
	}                                                                                          \
	Test(vmap_hash, name)                                                                      \
	{                                                                                          \
		name();                                                                            \
	}                                                                                          \
	static void name(void)

static struct addr addr_of(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

static struct addr nth4(unsigned int n)
{
	const uint8_t bytes[4] = {198, 51, (uint8_t)(n >> 8), (uint8_t)n};
	struct addr addr;

	addr_from_bytes(4, bytes, &addr);
	return addr;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	const char *why;

	cr_assert_eq(prefix_parse(text, &prefix, &why), 0, "%s", why);
	return prefix;
}

BOTH(hits_are_carried_over)
{
	struct addr addr = addr_of("2001:db8::1");
	struct mxg_verdict verdict = {.expires_ns = LATER(5), .hits = 7, .reason = 2}, got;

	cr_assert_eq(vmap_get(vmap, &addr, &got), -ENOENT);
	cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	verdict.hits = 0;
	verdict.expires_ns = LATER(9);
	cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	cr_assert_eq(vmap_get(vmap, &addr, &got), 0);
	cr_expect_eq(got.hits, 7);
	cr_expect_eq(got.expires_ns, LATER(9));
	cr_expect_eq(vmap_count(vmap, 6), 1);
	cr_expect_eq(vmap_count(vmap, 4), 0);
}

BOTH(full_table_says_so_and_keeps_what_it_has)
{
	struct mxg_verdict verdict = {.expires_ns = 1ULL << MXG_UNIT_SHIFT, .reason = 1}, got;
	char text[] = "2001:db8::0";
	struct addr addr;

	for (int i = 0; i < 4; i++) {
		text[sizeof(text) - 2] = (char)('1' + i);
		addr = addr_of(text);
		cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	}
	addr = addr_of("2001:db8::9");
	cr_expect_eq(vmap_put(vmap, &addr, &verdict, NOW), -E2BIG);
	addr = addr_of("2001:db8::1");
	verdict.expires_ns += LATER(2);
	cr_expect_eq(vmap_put(vmap, &addr, &verdict, NOW), 0,
		     "an entry that is there can be renewed");
	cr_expect_eq(vmap_get(vmap, &addr, &got), 0);
	cr_expect_eq(got.expires_ns, verdict.expires_ns);
	cr_expect_eq(vmap_count(vmap, 6), 4);
	cr_expect_eq(vmap_max(vmap, 6), 4);
}

BOTH(walk_sees_every_entry_once)
{
	struct table_entry *entries = calloc(VMAP_STEP, sizeof(*entries));
	struct mxg_verdict verdict = {.reason = 1};
	unsigned char seen[MAX4] = {0};
	struct vmap_cursor cursor = {0};
	struct addr six = addr_of("2001:db8::6"), addr;
	unsigned int total = 0, sixes = 0;
	struct vmap *second;
	int n;

	for (unsigned int i = 0; i < 12000; i++) {
		addr = nth4(i);
		verdict.expires_ns = i;
		cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	}
	cr_assert_eq(vmap_put(vmap, &six, &verdict, NOW), 0);
	while ((n = vmap_next(vmap, &cursor, entries)) > 0)
		for (int i = 0; i < n; i++) {
			total++;
			if (addr_equal(&entries[i].addr, &six)) {
				sixes++;
				continue;
			}
			addr = nth4((unsigned int)entries[i].verdict.expires_ns);
			cr_assert(addr_equal(&entries[i].addr, &addr));
			cr_assert_eq(seen[entries[i].verdict.expires_ns]++, 0);
		}
	cr_expect_eq(n, 0);
	cr_expect_eq(total, 12001);
	cr_expect_eq(sixes, 1);
	cr_assert_eq(vmap_new(&fds, &second), 0, "a second run counts what it finds");
	cr_expect_eq(vmap_count(second, 4), 12000);
	cr_expect_eq(vmap_count(second, 6), 1);
	vmap_free(second);
	free(entries);
}

BOTH(flush_takes_the_prefix_and_nothing_else)
{
	struct prefix prefix = prefix_of("198.51.1.0/24"), host = prefix_of("198.51.0.7");
	struct mxg_verdict verdict = {.reason = 1};
	struct addr addr, six = addr_of("2001:db8::6");

	for (unsigned int i = 0; i < 1024; i++) {
		addr = nth4(i);
		cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	}
	cr_assert_eq(vmap_put(vmap, &six, &verdict, NOW), 0);
	cr_expect_eq(vmap_flush(vmap, &prefix), 256);
	addr = nth4(0x100);
	cr_expect_eq(vmap_get(vmap, &addr, &verdict), -ENOENT);
	addr = nth4(0x200);
	cr_expect_eq(vmap_get(vmap, &addr, &verdict), 0);
	cr_expect_eq(vmap_flush(vmap, &host), 1);
	cr_expect_eq(vmap_flush(vmap, &host), 0);
	cr_expect_eq(vmap_count(vmap, 4), 767);
	cr_expect_eq(vmap_flush(vmap, NULL), 768);
	cr_expect_eq(vmap_count(vmap, 4) + vmap_count(vmap, 6), 0);
}

/* What is different, and what lines are asked that the kernel's hash has no answer to. */
Test(vmap_hash, what_it_has_not)
{
	struct vmap_fds mixed = fds;
	struct vmap *other;

	cr_expect_not(vmap_is_filling(vmap, 4));
	cr_expect_eq(vmap_grow_begin(vmap, 4, make_table(4, MAX4)), -EINVAL);
	cr_expect_neq(vmap_seed(vmap, 4), vmap_seed(vmap, 4),
		      "whoever takes one takes a fresh one");
	vmap_reseed(vmap, 4, 1);
	mixed.verdict6 = make_table(6, 4);
	cr_expect_eq(vmap_new(&mixed, &other), -EINVAL);
	mixed.verdict6 = make(BPF_MAP_TYPE_HASH, 16, sizeof(struct mxg_verdict) + 8, 4, 0);
	cr_expect_eq(vmap_new(&mixed, &other), -EINVAL);
}

Test(vmap_hash, room_that_is_refused_and_made)
{
	struct mxg_verdict verdict = {.expires_ns = 1, .reason = MXG_REASON_NO_PTR};
	struct addr addr = addr_of("2001:db8::1");
	struct vmap_figures figures;
	char text[] = "2001:db8::0";

	verdict.reason = MXG_REASON_NONE;
	cr_expect_eq(vmap_put(vmap, &addr, &verdict, NOW), -EINVAL);
	verdict.reason = MXG_REASON_NO_PTR;
	for (int i = 0; i < 6; i++) {
		text[sizeof(text) - 2] = (char)('1' + i);
		addr = addr_of(text);
		cr_expect_eq(vmap_put(vmap, &addr, &verdict, 2), i < 4 ? 0 : -E2BIG);
	}
	vmap_figures(vmap, 6, &figures);
	cr_expect_eq(figures.count, 4);
	cr_expect_eq(figures.max, 4);
	cr_expect_eq(figures.refused, 2);
	cr_expect_gt(figures.bytes, 4 * sizeof(verdict));
	cr_expect_eq(vmap_del(vmap, &addr), -ENOENT);
	addr = addr_of("2001:db8::1");
	cr_expect_eq(vmap_del(vmap, &addr), 0);
	addr = addr_of("2001:db8::9");
	cr_expect_eq(vmap_put(vmap, &addr, &verdict, 2), 0);
	cr_expect_eq(vmap_count(vmap, 6), 4);
}

/* A budget of refusals that are told counts those, and not what came before. */
BOTH(hits_begin_with_rejecting)
{
	static const struct {
		enum mxg_action before, after;
		uint64_t now_ns;
		uint32_t hits;
	} rows[] = {
		{MXG_ACTION_PASS, MXG_ACTION_REJECT, NOW, 0},
		{MXG_ACTION_DROP, MXG_ACTION_REJECT, NOW, 0},
		{MXG_ACTION_REJECT, MXG_ACTION_REJECT, NOW, 90},
		{MXG_ACTION_REJECT, MXG_ACTION_REJECT, 2 * HOUR_NS, 0},
		{MXG_ACTION_REJECT, MXG_ACTION_DROP, NOW, 90},
		{MXG_ACTION_PASS, MXG_ACTION_DROP, 2 * HOUR_NS, 90},
	};
	struct mxg_verdict got;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct addr addr = nth4(i);
		struct mxg_verdict verdict = {.expires_ns = HOUR_NS,
					      .hits = 90,
					      .action = (uint8_t)rows[i].before,
					      .reason = MXG_REASON_NO_PTR};

		cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
		verdict.expires_ns = 3 * HOUR_NS;
		verdict.hits = 0;
		verdict.action = (uint8_t)rows[i].after;
		cr_assert_eq(vmap_put(vmap, &addr, &verdict, rows[i].now_ns), 0);
		cr_assert_eq(vmap_get(vmap, &addr, &got), 0);
		cr_expect_eq(got.hits, rows[i].hits, "row %u: %u", i, got.hits);
	}
}

BOTH(hits_of_one_action_are_forgotten)
{
	struct mxg_verdict refused = {.expires_ns = LATER(5),
				      .hits = 7,
				      .action = MXG_ACTION_REJECT,
				      .reason = MXG_REASON_NO_PTR};
	struct mxg_verdict good = {
		.expires_ns = LATER(5), .hits = 9, .action = MXG_ACTION_PASS, .reason = 1};
	struct addr addrs[2] = {addr_of("192.0.2.1"), addr_of("192.0.2.2")};
	struct mxg_verdict got;

	cr_assert_eq(vmap_put(vmap, &addrs[0], &refused, NOW), 0);
	cr_assert_eq(vmap_put(vmap, &addrs[1], &good, NOW), 0);
	vmap_forget_hits(vmap, MXG_ACTION_REJECT);
	cr_assert_eq(vmap_get(vmap, &addrs[0], &got), 0);
	cr_expect_eq(got.hits, 0);
	cr_expect_eq(got.action, MXG_ACTION_REJECT);
	cr_assert_eq(vmap_get(vmap, &addrs[1], &got), 0);
	cr_expect_eq(got.hits, 9);
}

Test(vmap, prefixes)
{
	struct prefix wide = prefix_of("198.51.0.0/16"), narrow = prefix_of("198.51.100.0/24");
	struct prefix at = {.addr.family = 4}, next;
	struct mxg_prefix value = {.id = 1}, got;
	int count = 0;

	cr_assert_eq(vmap_prefix_next(vmap, &at, &next), -ENOENT);
	cr_assert_eq(vmap_prefix_put(vmap, &wide, &value), 0);
	cr_assert_eq(vmap_prefix_get(vmap, &narrow, &got), 0);
	cr_expect_eq(got.id, 1, "the longest one that covers it");
	value.id = 2;
	cr_assert_eq(vmap_prefix_put(vmap, &narrow, &value), 0);
	cr_assert_eq(vmap_prefix_get(vmap, &narrow, &got), 0);
	cr_expect_eq(got.id, 2);
	for (; vmap_prefix_next(vmap, &at, &next) == 0; at = next)
		count++;
	cr_expect_eq(count, 2);
	cr_expect_eq(vmap_prefix_del(vmap, &narrow), 0);
	cr_expect_eq(vmap_prefix_del(vmap, &narrow), -ENOENT);
	cr_assert_eq(vmap_prefix_get(vmap, &narrow, &got), 0);
	cr_expect_eq(got.id, 1);
}

Test(vmap, counters_are_summed_over_cpus)
{
	int cpus = libbpf_num_possible_cpus();
	struct mxg_counters *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	uint64_t sums[MXG_CTR_MAX];
	__u32 zero = 0;

	for (int i = 0; i < cpus; i++)
		per_cpu[i].count[MXG_CTR_DROP_DENY] = 10 + (unsigned int)i;
	cr_assert_eq(bpf_map_update_elem(fds.counters, &zero, per_cpu, BPF_ANY), 0);
	cr_assert_eq(vmap_counters_get(vmap, sums), 0);
	cr_expect_eq(sums[MXG_CTR_DROP_DENY], (uint64_t)(10 * cpus + cpus * (cpus - 1) / 2));
	cr_expect_eq(sums[MXG_CTR_OFF], 0);
	free(per_cpu);
}

BOTH(works_without_any_capability)
{
	struct addr addr = addr_of("192.0.2.1");
	struct mxg_verdict verdict = {.hits = 3, .reason = 1}, got;

	/* The worker's life: another uid, inherited fds (unprivileged BPF is off). */
	cr_assert_eq(setresgid(65534, 65534, 65534), 0);
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_eq(vmap_put(vmap, &addr, &verdict, NOW), 0);
	cr_assert_eq(vmap_get(vmap, &addr, &got), 0);
	cr_expect_eq(got.hits, 3);
	cr_expect_eq(vmap_lease_put(vmap, 1), 0);
	cr_expect_eq(vmap_flush(vmap, NULL), 1);
}

Test(vmap, what_is_said_and_its_secrets)
{
	const struct mxg_say say = {.head.before_len = 3, .before = "554"};
	const struct mxg_secret secret = {{1, 2}};
	struct mxg_secret got;
	struct mxg_say there;
	uint32_t slot = MXG_SAY_WRONG;

	cr_expect_eq(vmap_say_put(vmap, MXG_SAY_WRONG, &say), 0);
	cr_assert_eq(bpf_map_lookup_elem(fds.say, &slot, &there), 0);
	cr_expect_arr_eq(&there, &say, sizeof(say));
	cr_expect_eq(vmap_say_put(vmap, MXG_SAY_SLOTS, &say), -E2BIG);
	cr_expect_eq(vmap_secret_put(vmap, 1, &secret), 0);
	cr_expect_eq(vmap_secret_get(vmap, 1, &got), 0);
	cr_expect_eq(got.key[1], 2);
	cr_expect_eq(vmap_secret_get(vmap, 0, &got), 0);
	cr_expect_eq(got.key[1], 0);
	cr_expect_eq(vmap_secret_get(vmap, 2, &got), -ENOENT);
}

Test(vmap, networks_that_are_rolled_up)
{
	struct prefix a = prefix_of("2001:db8:0:1::/64"), b = prefix_of("2001:db8:0:2::/64");
	struct prefix room = prefix_of("2001:db8::/64");
	const uint8_t *key = a.addr.bytes;
	struct mxg_rollup value = {LATER(5), 7};

	cr_assert_eq(vmap_rollup_put(vmap, &a, LATER(5)), 0);
	cr_assert_eq(bpf_map_update_elem(fds.rollup, key, &value, BPF_EXIST), 0, "its key");
	cr_assert_eq(vmap_rollup_put(vmap, &a, LATER(9)), 0, "it may be moved");
	cr_assert_eq(vmap_rollup_put(vmap, &b, LATER(5)), 0);
	cr_assert_eq(vmap_rollup_get(vmap, &a, &value), 0);
	cr_expect_eq(value.expires_ns, LATER(9));
	cr_expect_eq(value.hits, 7);
	cr_expect_eq(vmap_rollup_del(vmap, &a), 0);
	cr_expect_eq(vmap_rollup_del(vmap, &a), -ENOENT);
	for (uint8_t i = 3; i < 6; i++) {
		room.addr.bytes[7] = i;
		cr_assert_eq(vmap_rollup_put(vmap, &room, LATER(5)), 0);
	}
	cr_expect_eq(vmap_rollup_put(vmap, &a, LATER(5)), -E2BIG);
	cr_expect_eq(vmap_rollup_clear(vmap), 0);
	cr_expect_eq(vmap_rollup_clear(vmap), 0, "of nothing");
	cr_expect_eq(vmap_rollup_del(vmap, &b), -ENOENT);
}
