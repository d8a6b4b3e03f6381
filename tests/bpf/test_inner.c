// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Larger tables that do not come about: one that somebody was to fill and gave up, and one
 * for which there is no memory. The table in use stays in use, with all its verdicts, and
 * the next try is as good as the first.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "core/table_map.h"
#include "gate.h"
#include "io/inner.h"
#include "io/vmap.h"

#define LEAST 1024u
#define KNOWN 200 /* hosts; every second one is dropped */

static const uint8_t families[] = {4, 6};

static struct gate gate;
static struct inner *inner;
static struct vmap *vmap;
static char why[INNER_WHY_MAX];

static struct addr host(uint8_t family, unsigned int n)
{
	struct addr addr = {.family = family};

	if (family == 4)
		packet_addr4(n, addr.bytes);
	else
		packet_addr6(n, addr.bytes);
	return addr;
}

static void configure(uint32_t most4, uint32_t most6)
{
	const struct inner_size v4 = {LEAST, most4}, v6 = {LEAST, most6};

	cr_assert_eq(inner_configure(inner, &v4, &v6, why), 0, "%s", why);
}

/* A worker, after the one that there was. */
static void work(void)
{
	const struct vmap_fds fds = {.verdict4 = inner_fd(inner, 4),
				     .verdict6 = inner_fd(inner, 6)};

	vmap_free(vmap);
	cr_assert_eq(vmap_new(&fds, &vmap), 0);
}

/* A gate whose tables the keeper made, and a worker who has filled them. */
static void fill(uint32_t most4, uint32_t most6)
{
	gate_setup(&gate, GATE_ENFORCE);
	cr_assert_eq(inner_new(gate_tables(&gate, 4), gate_tables(&gate, 6), gate.is_hash, &inner),
		     0);
	configure(most4, most6);
	work();
	for (int i = 0; i < 2; i++)
		for (unsigned int n = 1; n <= KNOWN; n++) {
			const struct mxg_verdict verdict = {
				.expires_ns = MXG_NEVER,
				.refresh_ns = MXG_NEVER,
				.action = n % 2 ? MXG_ACTION_DROP : MXG_ACTION_PASS,
				.reason = n % 2 ? MXG_REASON_NO_PTR : MXG_REASON_PASS,
			};
			const struct addr addr = host(families[i], n);

			cr_assert_eq(vmap_put(vmap, &addr, &verdict, gate_now_ns()), 0);
		}
}

static void setup(uint32_t most4, uint32_t most6)
{
	gate_load(&gate);
	gate_need_newer(&gate);
	fill(most4, most6);
}

static void teardown(void)
{
	vmap_free(vmap);
	inner_free(inner);
	gate_free(&gate);
}

/* To the gate, and to the worker. */
static void expect_all_known(const char *label)
{
	struct mxg_verdict verdict;

	for (int i = 0; i < 2; i++)
		for (unsigned int n = 1; n <= KNOWN; n++) {
			const struct packet_spec syn = {
				.family = families[i], .flags = SYN, .host = (uint8_t)n};
			const struct addr addr = host(families[i], n);

			gate_expect_spec(&gate, &syn,
					 n % 2 ? MXG_CTR_DROP_NO_PTR : MXG_CTR_KNOWN_PASS, label);
			cr_expect_eq(vmap_get(vmap, &addr, &verdict), 0, "%s, %u", label, n);
		}
}

static uint32_t id_of(int fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

/* The worker begins to fill it, and has to give it up. */
static void fill_in_vain(unsigned int family, int fd)
{
	cr_assert_eq(vmap_grow_begin(vmap, family, fd), 0);
	cr_assert(vmap_grow_step(vmap, family, gate_now_ns()));
	while (vmap_grow_step(vmap, family, gate_now_ns()))
		;
	vmap_grow_stop(vmap, family);
}

static void expect_empty(unsigned int family, int fd)
{
	struct table table = {0};

	cr_assert_eq(table_map_open(&table, family, fd), 0);
	cr_expect_eq(table.count, 0, "IPv%u: %u are left in it", family, table.count);
	table_map_close(&table);
}

static void expect_offer(unsigned int family, uint32_t wanted, uint32_t max, int *ret_fd)
{
	uint32_t got = 0;

	cr_assert_eq(inner_offer(inner, family, wanted, ret_fd, &got, why), 0, "IPv%u: %s", family,
		     why);
	cr_assert_eq(got, max, "IPv%u: %u entries", family, got);
	expect_empty(family, *ret_fd);
}

Test(inner, what_was_given_up_is_offered_again)
{
	uint32_t id;
	int fd;

	setup(2 * LEAST, 4 * LEAST); /* for IPv4 that is the only one there is */
	for (int i = 0; i < 2; i++) {
		unsigned int family = families[i];

		expect_offer(family, 0, 2 * LEAST, &fd);
		id = id_of(fd);
		for (uint32_t times = 0; times < 3; times++) {
			fill_in_vain(family, fd);
			expect_all_known("given up");
			expect_offer(family, times, 2 * LEAST, &fd);
			cr_expect_eq(id_of(fd), id, "the same one: nobody can hoard any");
		}
		inner_take_back(inner, family);
		expect_offer(family, 0, 2 * LEAST, &fd);
		cr_expect_eq(id_of(fd), id, "it has reached somebody before");
		cr_assert_eq(vmap_grow_begin(vmap, family, fd), 0);
		while (vmap_grow_step(vmap, family, gate_now_ns()))
			;
		cr_assert_eq(inner_install(inner, family, 2 * LEAST), 0);
		vmap_grow_done(vmap, family);
		expect_all_known("grown");
		cr_expect_eq(vmap_max(vmap, family), 2 * LEAST);
	}
	cr_expect_eq(inner_offer(inner, 4, 0, &fd, &id, why), -E2BIG);
	expect_offer(6, 0, 4 * LEAST, &fd);
	teardown();
}

Test(inner, a_hash_is_as_large_as_it_may_be)
{
	const struct mxg_verdict over = {
		.expires_ns = 1, .action = MXG_ACTION_DROP, .reason = MXG_REASON_NO_PTR};
	const struct addr gone = host(4, KNOWN + 1);
	uint32_t id4, id6, max;
	int fd;

	gate_load(&gate);
	if (!gate.is_hash) {
		gate_free(&gate);
		cr_skip("of the gate for older kernels alone");
	}
	fill(4 * LEAST, 2 * LEAST);
	cr_expect_eq(vmap_max(vmap, 4), 4 * LEAST);
	cr_expect_eq(vmap_max(vmap, 6), 2 * LEAST);
	expect_all_known("at the start");
	for (int i = 0; i < 2; i++)
		cr_expect_eq(inner_offer(inner, families[i], 0, &fd, &max, why), -E2BIG);
	cr_assert_eq(vmap_put(vmap, &gone, &over, gate_now_ns()), 0);

	id4 = id_of(inner_fd(inner, 4));
	id6 = id_of(inner_fd(inner, 6));
	configure(8 * LEAST, 2 * LEAST);
	work();
	cr_expect_not(inner_is_first(inner));
	cr_expect_neq(id_of(inner_fd(inner, 4)), id4, "a larger one");
	cr_expect_eq(id_of(inner_fd(inner, 6)), id6, "the same");
	cr_expect_eq(vmap_max(vmap, 4), 8 * LEAST);
	cr_expect_eq(vmap_count(vmap, 4), KNOWN, "what has expired stays behind");
	expect_all_known("in a larger one");
	configure(KNOWN / 2, 2 * LEAST);
	work();
	cr_expect_eq(vmap_count(vmap, 4), KNOWN / 2, "as many as there is room for");
	teardown();
}

Test(inner, more_is_another_one)
{
	uint32_t id;
	int fd;

	setup(8 * LEAST, 8 * LEAST);
	expect_offer(4, 0, 2 * LEAST, &fd);
	id = id_of(fd);
	expect_offer(4, 3 * LEAST, 4 * LEAST, &fd);
	cr_expect_neq(id_of(fd), id);
	inner_take_back(inner, 4);
	expect_offer(4, 0, 4 * LEAST, &fd);
	inner_withdraw(inner);
	expect_offer(4, 0, 2 * LEAST, &fd);
	teardown();
}

/* Entries of IPv6 that take more than the machine has, which its kernel refuses at once. */
static uint32_t too_many(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t elements = (bytes + bytes / 8) / table_element_size(6);

	if (elements > UINT32_MAX / MXG_LINE6_SLOTS)
		cr_skip("no table is too large for this machine");
	return (uint32_t)elements * (MXG_LINE6_SLOTS - 1);
}

Test(inner, no_memory_for_a_larger_one)
{
	uint32_t most = too_many(), max = 99;
	const struct inner_size small = {4 * LEAST, 8 * LEAST}, large = {most, most};
	int fd = -99;

	setup(8 * LEAST, most);
	cr_expect_eq(inner_offer(inner, 6, UINT32_MAX, &fd, &max, why), -ENOMEM);
	cr_expect_neq(strstr(why, "no memory for an IPv6"), NULL, "%s", why);
	cr_expect(fd == -99 && max == 99, "untouched");
	expect_all_known("no larger one to be had");
	cr_expect_eq(inner_configure(inner, &small, &large, why), -ENOMEM);
	cr_expect_neq(strstr(why, "no memory for an IPv6"), NULL, "%s", why);
	expect_all_known("nor by a reload");
	for (int i = 0; i < 2; i++) {
		expect_offer(families[i], 0, 2 * LEAST, &fd);
		cr_assert_eq(vmap_grow_begin(vmap, families[i], fd), 0);
		while (vmap_grow_step(vmap, families[i], gate_now_ns()))
			;
		cr_assert_eq(inner_install(inner, families[i], 2 * LEAST), 0);
		vmap_grow_done(vmap, families[i]);
	}
	expect_all_known("a smaller one");
	teardown();
}
