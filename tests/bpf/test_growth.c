// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The table grows from a thousand entries to a million while the gate reads it on another
 * CPU and sources come and go: whoever is known gets its own action at every moment.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"

#define START 1000
#define END   1024000
#define KNOWN 16 /* hosts, from HOST_FIRST on: every second one is dropped */
#define BATCH 50000
#define SPARE 8 /* entries that come and go between two steps */

enum {
	HOST_FIRST = 100
};

struct reader {
	struct gate *gate;
	uint8_t family;
	atomic_bool is_over;
	uint64_t packets[2]; /* passed, dropped: as they should be */
	unsigned long wrong;
};

static void *reader_run(void *arg)
{
	struct reader *reader = arg;
	struct packet pkt;

	for (unsigned int i = 0; !atomic_load(&reader->is_over) || i < KNOWN; i++) {
		struct packet_spec syn = {.family = reader->family,
					  .flags = SYN,
					  .host = (uint8_t)(HOST_FIRST + i % KNOWN)};
		bool is_bad = i % 2;

		packet_build(&pkt, &syn);
		reader->wrong +=
			gate_run(reader->gate, &pkt, BATCH) != (is_bad ? XDP_DROP : XDP_PASS);
		reader->packets[is_bad] += BATCH;
	}
	return NULL;
}

static struct addr numbered(unsigned int family, uint32_t n)
{
	struct addr addr = {.family = (uint8_t)family};
	uint64_t half = mxg_mix(n);
	uint32_t mixed = 0x0b | n << 8;

	if (family == 6)
		memcpy(addr.bytes, &half, sizeof(half));
	else
		memcpy(addr.bytes, &mixed, sizeof(mixed));
	return addr;
}

static void put(struct table *table, const struct addr *addr, bool is_bad)
{
	const struct mxg_verdict verdict = {
		.expires_ns = MXG_NEVER,
		.refresh_ns = MXG_NEVER,
		.action = is_bad ? MXG_ACTION_DROP : MXG_ACTION_PASS,
		.reason = is_bad ? MXG_REASON_NO_PTR : MXG_REASON_PASS,
	};

	cr_assert_eq(table_put(table, addr, &verdict, gate_now_ns()), 0);
}

static void put_known(struct gate *gate, unsigned int family)
{
	struct table *table = family == 4 ? &gate->table4.table : &gate->table6.table;
	struct addr addr = {.family = (uint8_t)family};

	for (unsigned int i = 0; i < KNOWN; i++) {
		if (family == 4)
			packet_addr4(HOST_FIRST + i, addr.bytes);
		else
			packet_addr6(HOST_FIRST + i, addr.bytes);
		put(table, &addr, i % 2);
	}
}

/* As daemon/growth.c and the keeper do it. */
static uint32_t grow(struct gate *gate, unsigned int family, uint32_t *next)
{
	struct gate_table *now = family == 4 ? &gate->table4 : &gate->table6, fresh;
	uint32_t max = table_max(&now->table), steps = 0;

	gate_new_table(gate, family, 2 * max, &fresh);
	table_grow_begin(&now->table, &fresh.table);
	while (table_grow_step(&now->table, gate_now_ns())) {
		for (uint32_t i = 0; i < SPARE; i++) {
			struct addr was = numbered(family, *next - max / 2),
				    comes = numbered(family, *next);

			cr_assert_eq(table_del(&now->table, &was), 0);
			put(&now->table, &comes, false);
			++*next;
		}
		if (steps++ % 16 == 0)
			put_known(gate, family);
	}
	/* It closes the old one; the kernel has waited for those who read it. */
	table_grow_end(&now->table);
	gate_set_table(gate, family, &fresh);
	return steps;
}

static void expect_their_own(uint8_t family)
{
	struct reader reader = {.family = family};
	uint32_t next = 0, steps = 0, swaps = 0;
	struct mxg_counters counters;
	struct gate_table small;
	struct gate gate;
	pthread_t thread;

	gate_load(&gate);
	gate_need_newer(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_new_table(&gate, family, START, &small);
	gate_set_table(&gate, family, &small);
	put_known(&gate, family);
	reader.gate = &gate;
	cr_assert_eq(pthread_create(&thread, NULL, reader_run, &reader), 0);
	for (uint32_t max = START; max < END; max *= 2, swaps++) {
		struct table *table = family == 4 ? &gate.table4.table : &gate.table6.table;

		while (table->count < max - max / 16) {
			struct addr addr = numbered(family, next++);

			put(table, &addr, false);
		}
		steps += grow(&gate, family, &next);
	}
	atomic_store(&reader.is_over, true);
	pthread_join(thread, NULL);
	gate_read_counters(&gate, &counters);
	printf("  IPv%u: %u swaps, %u steps, %llu packets\n", family, swaps, steps,
	       (unsigned long long)(reader.packets[0] + reader.packets[1]));
	cr_expect_eq(reader.wrong, 0);
	cr_expect_eq(counters.count[MXG_CTR_KNOWN_PASS], reader.packets[0], "IPv%u: %llu unknown",
		     family, (unsigned long long)counters.count[MXG_CTR_UNKNOWN]);
	cr_expect_eq(counters.count[MXG_CTR_DROP_NO_PTR], reader.packets[1], "IPv%u", family);
	gate_free(&gate);
}

Test(gate_growth, everybody_gets_his_own)
{
	expect_their_own(4);
	expect_their_own(6);
}
