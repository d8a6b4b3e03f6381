// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A one-line verdict table by itself: what is put is got, and found by the gate's own
 * look; times, hits and notes; how full it gets; what is left of garbage.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/table.h"

#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#define LINE_AT(memory, line) line_at(memory, line)
#define LINE_READ(x)          (x)
#define LINE_FENCE()          ((void)0)

#define UNIT_NS (1ULL << MXG_UNIT_SHIFT)
#define PART_NS (UNIT_NS >> 16) /* of which IPv6 does not keep the rest */
#define BASE_NS (12345 * UNIT_NS / 10)
#define NOW_NS  (BASE_NS + 7777777777)
#define END_NS  (BASE_NS + MXG_UNITS_MAX * UNIT_NS)
#define HOUR_NS (3600 * 1000000000ULL)

static struct {
	struct table table;
	uint8_t *memory;
	uint32_t elements;
} world;

static void *line_at(void *memory, uint32_t line)
{
	return (uint8_t *)memory + line * table_element_size(world.table.family);
}

#include "../../bpf/line.h"

static const unsigned int FAMILIES[] = {4, 6};

#define EACH_FAMILY(family)                                                                        \
	for (unsigned int at_ = 0, family = 4; at_ < 2 && (family = FAMILIES[at_]); at_++)

static void begin(unsigned int family, uint32_t max)
{
	free(world.memory);
	world.elements = table_elements(family, max);
	world.memory = calloc(world.elements, table_element_size(family));
	cr_assert_not_null(world.memory);
	table_format(family, world.memory, max, BASE_NS, 42);
	cr_assert_eq(table_init(&world.table, family, world.memory, world.elements), 0);
}

static void end(void)
{
	free(world.memory);
	world.memory = NULL;
}

/* Address number n, as if by chance and never twice, or one after the other. */
static struct addr by_chance(uint64_t n)
{
	struct addr addr = {.family = (uint8_t)world.table.family};
	uint64_t half[2] = {mxg_mix(n), mxg_mix(~n)};
	uint32_t mixed = (uint32_t)n * 2654435761U;

	mixed = (mixed ^ mixed >> 15) * 0x2c1b3c6dU;
	if (addr.family == 4)
		memcpy(addr.bytes, &mixed, 4);
	else
		memcpy(addr.bytes, half, 16);
	return addr;
}

static struct addr numbered(uint64_t upper, uint32_t lower)
{
	struct addr addr = {.family = (uint8_t)world.table.family};
	uint8_t *last = addr.bytes + (addr.family == 4 ? 0 : 12);

	if (addr.family == 6)
		memcpy(addr.bytes, &upper, 8);
	for (int i = 0; i < 4; i++)
		last[i] = (uint8_t)(lower >> (24 - 8 * i));
	return addr;
}

static struct addr one_by_one(uint64_t n)
{
	return numbered(0xb80d0120, 0x0a000000 + (uint32_t)n);
}

/* Forty hosts of each network of 256 (IPv4), or of 2^64. */
static struct addr by_network(uint64_t n)
{
	uint64_t net = n / 40;

	return numbered(mxg_mix(net), (uint32_t)(net * 7919 % (1 << 24)) << 8 | (uint32_t)(n % 40));
}

static struct mxg_verdict verdict_until(uint64_t expires_ns)
{
	return (struct mxg_verdict){
		.expires_ns = expires_ns,
		.refresh_ns = expires_ns - expires_ns % UNIT_NS,
		.action = MXG_ACTION_DROP,
		.reason = MXG_REASON_NO_PTR,
	};
}

static int put(struct addr addr, uint64_t expires_ns, uint64_t now_ns)
{
	struct mxg_verdict verdict = verdict_until(expires_ns);

	return table_put(&world.table, &addr, &verdict, now_ns);
}

static struct mxg_verdict got(struct addr addr)
{
	struct mxg_verdict verdict;

	cr_assert_eq(table_get(&world.table, &addr, &verdict), 0);
	return verdict;
}

/* As the gate sees it at that time: a state, 0 for nothing or nothing any more. */
static uint32_t seen(struct addr addr, uint64_t now_ns, uint8_t **ret_hits)
{
	struct line_found found = {0};
	__u64 key[2];

	memcpy(key, addr.bytes, sizeof(key));
	if (world.table.family == 4)
		line4_find(world.memory, (uint32_t)key[0], &found);
	else
		line6_find(world.memory, key, &found);
	*ret_hits = found.hits;
	if (!found.state ||
	    (now_ns - found.base_ns) >> MXG_UNIT_SHIFT >= found.state >> MXG_STATE_UNITS_SHIFT)
		return 0;
	return found.state;
}

static bool is_live(struct addr addr, uint64_t now_ns)
{
	uint8_t *hits;

	return seen(addr, now_ns, &hits) != 0;
}

static uint8_t *hits_of(struct addr addr)
{
	uint8_t *hits;

	cr_assert_neq(seen(addr, NOW_NS, &hits), 0);
	return hits;
}

/* --- whether it is sound -------------------------------------------------------------------- */

/* Where the slot's address is at home; 0 when the slot is free. */
static uint32_t home_at(uint32_t line, unsigned int slot, struct addr *ret_addr, uint8_t **ret_hits)
{
	const struct mxg_table *head = (const void *)world.memory;
	struct mxg_line4 *line4 = line_at(world.memory, line);
	struct mxg_line6 *line6 = line_at(world.memory, line);
	uint32_t key4;

	*ret_addr = (struct addr){.family = (uint8_t)world.table.family};
	if (world.table.family == 4) {
		key4 = (uint32_t)(line4->word[slot] >> 32);
		memcpy(ret_addr->bytes, &key4, 4);
		*ret_hits = &line4->hits[slot];
		return (uint32_t)line4->word[slot] ? mxg_home4(head, key4) : 0;
	}
	memcpy(ret_addr->bytes, line6->slot[slot].key, 16);
	*ret_hits = &line6->hits[slot];
	return (uint32_t)line6->slot[slot].word ? mxg_home6(head, line6->slot[slot].key) : 0;
}

/* Each entry is the one that table_get() and the gate find, and all counts are right. */
static void check_sound(void)
{
	unsigned int slots = world.table.family == 4 ? MXG_LINE4_SLOTS : MXG_LINE6_SLOTS;
	uint32_t lines = table_lines(&world.table), count = 0, led[MXG_LINES_PROBED] = {0};
	uint32_t *past = calloc(lines + 1, sizeof(*past));
	uint8_t *hits, *found;
	struct addr addr;

	cr_assert_not_null(past);
	for (uint32_t line = 1; line <= lines; line++)
		for (unsigned int slot = 0; slot < slots; slot++) {
			uint32_t home = home_at(line, slot, &addr, &hits);

			if (home == 0)
				continue;
			cr_assert(home <= line && line - home < MXG_LINES_PROBED);
			led[line - home]++;
			count++;
			while (home < line)
				past[home++]++;
			seen(addr, NOW_NS, &found);
			cr_assert_eq(found, hits);
			got(addr);
		}
	cr_assert_eq(world.table.count, count);
	cr_assert_arr_eq(world.table.led, led, sizeof(led));
	for (uint32_t line = 1; line <= lines; line++)
		cr_assert_eq(*(const uint8_t *)line_at(world.memory, line), past[line]);
	free(past);
}

static void print_led(const char *what)
{
	printf("  IPv%u, %u entries %s, lines from home:", world.table.family, world.table.count,
	       what);
	for (unsigned int i = 0; i < MXG_LINES_PROBED; i++)
		printf(" %u", world.table.led[i]);
	printf("\n");
}

/* --- one entry ------------------------------------------------------------------------------ */

Test(table, put_get_del)
{
	struct mxg_verdict verdict;
	uint8_t *hits;

	EACH_FAMILY(family)
	{
		struct addr addr = by_chance(1), other = by_chance(2);

		begin(family, 100);
		addr = by_chance(1);
		other = by_chance(2);
		cr_assert_eq(table_get(&world.table, &addr, &verdict), -ENOENT);
		cr_assert_eq(table_del(&world.table, &addr), -ENOENT);
		cr_assert_eq(put(addr, NOW_NS + HOUR_NS, NOW_NS), 0);
		cr_assert_eq(world.table.count, 1);
		verdict = got(addr);
		cr_assert_eq(verdict.action, MXG_ACTION_DROP);
		cr_assert_eq(verdict.reason, MXG_REASON_NO_PTR);
		cr_assert_eq(verdict.hits, 0);
		cr_assert_eq(seen(addr, NOW_NS, &hits) & 0xff, MXG_REASON_NO_PTR << 2 | 1);
		cr_assert_eq(table_get(&world.table, &other, &verdict), -ENOENT);
		cr_assert_not(is_live(other, NOW_NS));
		check_sound();
		cr_assert_eq(table_del(&world.table, &addr), 0);
		cr_assert_eq(table_del(&world.table, &addr), -ENOENT);
		cr_assert_not(is_live(addr, NOW_NS));
		cr_assert_eq(world.table.count, 0);
		check_sound();
	}
	end();
}

Test(table, renew)
{
	EACH_FAMILY(family)
	{
		struct mxg_verdict verdict;
		struct addr addr;
		uint8_t *hits;

		begin(family, 100);
		addr = by_chance(1);
		put(addr, NOW_NS + HOUR_NS, NOW_NS);
		verdict = (struct mxg_verdict){.expires_ns = NOW_NS + 3 * HOUR_NS,
					       .refresh_ns = NOW_NS + 2 * HOUR_NS,
					       .reason = MXG_REASON_PASS,
					       .note = MXG_NOTE_GOOD};
		cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), 0);
		cr_assert_eq(world.table.count, 1);
		cr_assert_eq(got(addr).action, MXG_ACTION_PASS);
		cr_assert_eq(got(addr).reason, MXG_REASON_PASS);
		cr_assert_eq(got(addr).note, MXG_NOTE_GOOD);
		cr_assert_eq(seen(addr, NOW_NS + 2 * HOUR_NS, &hits) & 0xff, MXG_REASON_PASS << 2);
		check_sound();
	}
	end();
}

Test(table, hits_of_one_action_are_forgotten)
{
	EACH_FAMILY(family)
	{
		struct mxg_verdict verdict = verdict_until(NOW_NS + HOUR_NS);

		begin(family, 100);
		verdict.hits = 7;
		verdict.reason = MXG_REASON_NO_PTR;
		for (uint64_t n = 0; n < 80; n++) {
			struct addr addr = by_chance(n);

			verdict.action = n & MXG_STATE_ACTION;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), 0);
		}
		table_forget_hits(&world.table, MXG_ACTION_REJECT);
		for (uint64_t n = 0; n < 80; n++)
			cr_expect_eq(got(by_chance(n)).hits,
				     (n & MXG_STATE_ACTION) == MXG_ACTION_REJECT ? 0 : 7, "%d",
				     (int)n);
	}
	end();
}

/* A budget of refusals that are told counts those, and not what came before. */
Test(table, hits_begin_with_rejecting)
{
	static const struct {
		enum mxg_action before, after;
		uint64_t now_ns;
		uint32_t hits;
	} rows[] = {
		{MXG_ACTION_PASS, MXG_ACTION_REJECT, NOW_NS, 0},
		{MXG_ACTION_DROP, MXG_ACTION_REJECT, NOW_NS, 0},
		{MXG_ACTION_REJECT, MXG_ACTION_REJECT, NOW_NS, 90},
		{MXG_ACTION_REJECT, MXG_ACTION_REJECT, NOW_NS + 2 * HOUR_NS, 0},
		{MXG_ACTION_REJECT, MXG_ACTION_DROP, NOW_NS, 90},
		{MXG_ACTION_PASS, MXG_ACTION_DROP, NOW_NS + 2 * HOUR_NS, 90},
	};

	EACH_FAMILY(family)
	{
		begin(family, 100);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct mxg_verdict verdict = verdict_until(NOW_NS + HOUR_NS);
			struct addr addr = by_chance(i);

			verdict.action = (uint8_t)rows[i].before;
			verdict.hits = 90;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), 0);
			verdict = verdict_until(NOW_NS + 3 * HOUR_NS);
			verdict.action = (uint8_t)rows[i].after;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, rows[i].now_ns), 0);
			cr_expect_eq(got(addr).hits, rows[i].hits, "row %zu: %u", i,
				     got(addr).hits);
		}
	}
	end();
}

Test(table, what_it_cannot_hold)
{
	static const struct {
		uint8_t action, reason;
		int err;
	} ROWS[] = {
		{0, MXG_REASON_NONE, -EINVAL},
		{3, MXG_REASON_PASS, 0},
		{4, MXG_REASON_PASS, -EINVAL},
		{0, 31, 0},
		{0, 32, -EINVAL},
	};

	EACH_FAMILY(family)
	{
		begin(family, 100);
		for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
			struct mxg_verdict verdict = verdict_until(NOW_NS + HOUR_NS);
			struct addr addr = by_chance(i);

			verdict.action = ROWS[i].action;
			verdict.reason = ROWS[i].reason;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), ROWS[i].err);
			cr_assert_eq(is_live(addr, NOW_NS), ROWS[i].err == 0);
		}
		check_sound();
	}
	end();
}

/* Never late, a unit early at most; given back as it was, of IPv6 a part of a unit less. */
Test(table, expiry)
{
	EACH_FAMILY(family)
	{
		begin(family, 100);
		for (uint64_t i = 0; i < 4000; i++) {
			uint64_t ns = i < 8 ? i / 3 * UNIT_NS + i % 3 - (i > 2) : mxg_mix(i) >> 14;
			uint64_t expires_ns = BASE_NS + ns, kept;
			struct addr addr = by_chance(i % 50);

			if (expires_ns >= END_NS)
				continue;
			cr_assert_eq(put(addr, expires_ns, NOW_NS), 0);
			kept = got(addr).expires_ns;
			cr_assert(kept <= expires_ns &&
				  kept + (family == 4 ? 0 : PART_NS - 1) >= expires_ns);
			cr_assert_not(is_live(addr, expires_ns));
			cr_assert_not(is_live(addr, END_NS));
			cr_assert(ns < UNIT_NS || is_live(addr, expires_ns - UNIT_NS));
			put(addr, kept, NOW_NS);
			cr_assert_eq(got(addr).expires_ns, kept);
		}
	}
	end();
}

Test(table, expiry_out_of_range)
{
	static const uint64_t FAR[] = {END_NS, END_NS + 1, END_NS + HOUR_NS, MXG_NEVER};

	EACH_FAMILY(family)
	{
		struct addr addr;

		begin(family, 100);
		addr = by_chance(3);
		for (size_t i = 0; i < sizeof(FAR) / sizeof(FAR[0]); i++) {
			cr_assert_eq(put(addr, FAR[i], NOW_NS), 0);
			cr_assert(is_live(addr, END_NS - 1));
			cr_assert_not(is_live(addr, END_NS));
			cr_assert_not(is_live(addr, END_NS + (UNIT_NS << 24)));
			cr_assert_eq(got(addr).expires_ns, END_NS);
		}
		for (uint64_t ns = 0; ns <= BASE_NS; ns += BASE_NS / 4) {
			cr_assert_eq(put(addr, ns, NOW_NS), 0);
			cr_assert_not(is_live(addr, BASE_NS));
			cr_assert_eq(got(addr).expires_ns, BASE_NS);
		}
		/* A clock before the base: all has ended, nothing lives longer. */
		put(addr, NOW_NS + HOUR_NS, BASE_NS - 1);
		cr_assert_not(is_live(addr, BASE_NS - 1));
		cr_assert(is_live(addr, BASE_NS));
	}
	end();
}

Test(table, refresh)
{
	EACH_FAMILY(family)
	{
		struct mxg_verdict verdict = verdict_until(NOW_NS + 9 * HOUR_NS);
		uint64_t refresh_ns;
		struct addr addr;
		uint8_t *hits;

		begin(family, 1000);
		addr = by_chance(5);
		for (uint64_t i = 0; i < 1000; i++) {
			verdict.refresh_ns = NOW_NS + HOUR_NS + i * 987654321;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), 0);
			refresh_ns = got(addr).refresh_ns;
			cr_assert(refresh_ns >= verdict.refresh_ns &&
				  refresh_ns < verdict.refresh_ns + UNIT_NS);
			verdict.refresh_ns = refresh_ns;
			table_put(&world.table, &addr, &verdict, NOW_NS);
			cr_assert_eq(got(addr).refresh_ns, refresh_ns);
			table_mark_due(&world.table, refresh_ns - 1);
			cr_assert_not(seen(addr, NOW_NS, &hits) & MXG_STATE_REFRESH);
			table_mark_due(&world.table, refresh_ns);
			cr_assert(seen(addr, NOW_NS, &hits) & MXG_STATE_REFRESH);
			cr_assert_eq(got(addr).refresh_ns, refresh_ns);
			cr_assert_eq(got(addr).reason, verdict.reason);
		}
		verdict.refresh_ns = NOW_NS;
		table_put(&world.table, &addr, &verdict, NOW_NS);
		cr_assert(seen(addr, NOW_NS, &hits) & MXG_STATE_REFRESH);
		verdict.refresh_ns = MXG_NEVER;
		table_put(&world.table, &addr, &verdict, NOW_NS);
		table_mark_due(&world.table, END_NS - 1);
		cr_assert_not(seen(addr, NOW_NS, &hits) & MXG_STATE_REFRESH);
		check_sound();
	}
	end();
}

Test(table, notes)
{
	EACH_FAMILY(family)
	{
		begin(family, 300);
		for (unsigned int note = 0; note < 256; note++) {
			struct mxg_verdict verdict = verdict_until(NOW_NS + HOUR_NS);
			struct addr addr = by_chance(note);

			verdict.note = (uint8_t)note;
			cr_assert_eq(table_put(&world.table, &addr, &verdict, NOW_NS), 0);
		}
		for (unsigned int note = 0; note < 256; note++)
			cr_assert_eq(got(by_chance(note)).note, note);
	}
	end();
}

/* --- hits ----------------------------------------------------------------------------------- */

static int put_hits(struct addr addr, uint32_t hits)
{
	struct mxg_verdict verdict = verdict_until(NOW_NS + HOUR_NS);

	verdict.hits = hits;
	return table_put(&world.table, &addr, &verdict, NOW_NS);
}

Test(table, hits_in_a_byte)
{
	EACH_FAMILY(family)
	{
		uint32_t number, before = 0;
		struct addr addr;

		begin(family, 100);
		addr = by_chance(8);
		for (unsigned int byte = 0; byte <= MXG_HITS_MAX; byte++) {
			put_hits(addr, 0);
			*hits_of(addr) = (uint8_t)byte;
			number = got(addr).hits;
			cr_assert(byte < MXG_HITS_EXACT ? number == byte : number > before);
			cr_assert_leq(number - before, 1 + before / 8);
			before = number;
			put_hits(addr, 0);
			cr_assert_eq(*hits_of(addr), byte);
			table_del(&world.table, &addr);
			put_hits(addr, number);
			cr_assert_eq(*hits_of(addr), byte);
			table_del(&world.table, &addr);
		}
		put_hits(addr, 100);
		put_hits(addr, 20);
		cr_assert_eq(got(addr).hits, 120);
		put_hits(addr, UINT32_MAX);
		cr_assert_eq(*hits_of(addr), MXG_HITS_MAX);
		put_hits(addr, UINT32_MAX);
		cr_assert_eq(*hits_of(addr), MXG_HITS_MAX);
	}
	end();
}

/* One more, as mxgate/table.h tells the gate to count. */
static void hit(uint8_t *hits, uint64_t *chance)
{
	*chance = mxg_mix(*chance + 0x9e3779b97f4a7c15);
	if (*hits == MXG_HITS_MAX)
		return;
	if (*hits < MXG_HITS_EXACT ||
	    (*chance & ((16U << ((*hits - MXG_HITS_EXACT) >> 3)) - 1)) == 0)
		++*hits;
}

Test(table, hits_by_chance)
{
	enum {
		RUNS = 400
	};
	static const uint32_t HITS[] = {127, 128, 1000, 10000, 50000};
	uint64_t chance = 3;
	struct addr addr;

	begin(4, 100);
	addr = by_chance(9);
	for (size_t i = 0; i < sizeof(HITS) / sizeof(HITS[0]); i++) {
		double sum = 0, squares = 0, part;

		for (int run = 0; run < RUNS; run++) {
			table_del(&world.table, &addr);
			put_hits(addr, 0);
			for (uint32_t n = 0; n < HITS[i]; n++)
				hit(hits_of(addr), &chance);
			part = (double)got(addr).hits / HITS[i];
			sum += part / RUNS;
			squares += (part - 1) * (part - 1) / RUNS;
		}
		printf("  %u hits: mean %.3f, variance %.4f\n", HITS[i], sum, squares);
		cr_assert(sum > 0.95 && sum < 1.05 && squares < 0.25 * 0.25);
		cr_assert(HITS[i] > MXG_HITS_EXACT || squares == 0);
	}
	end();
}

/* --- many ----------------------------------------------------------------------------------- */

static void fill(struct addr (*addr)(uint64_t n), const char *what)
{
	uint32_t max = table_max(&world.table);
	struct addr one_more = by_chance(max), last = addr(max - 1);

	for (uint32_t i = 0; i < max; i++)
		cr_assert_eq(put(addr(i), NOW_NS + HOUR_NS, NOW_NS), 0, "%s, number %u", what, i);
	print_led(what);
	cr_assert_eq(world.table.count, max);
	cr_assert_eq(world.table.refused, 0);
	cr_assert_eq(put(one_more, NOW_NS + HOUR_NS, NOW_NS), -E2BIG);
	cr_assert_eq(world.table.refused, 1);
	cr_assert_not(is_live(one_more, NOW_NS));
	cr_assert_eq(put(last, NOW_NS + 2 * HOUR_NS, NOW_NS), 0);
	check_sound();
	/* When they have expired they make room. */
	cr_assert_eq(put(one_more, NOW_NS + 3 * HOUR_NS, NOW_NS + HOUR_NS), 0);
	cr_assert(is_live(one_more, NOW_NS + HOUR_NS));
	cr_assert(is_live(last, NOW_NS + HOUR_NS));
	cr_assert_eq(world.table.count, max);
	cr_assert_eq(world.table.refused, 1);
}

Test(table, everyone_finds_a_place)
{
	static const uint32_t MAX[] = {2, 10, 1000, 100000};

	EACH_FAMILY(family)
	for (size_t i = 0; i < sizeof(MAX) / sizeof(MAX[0]); i++) {
		begin(family, MAX[i]);
		fill(by_chance, "by chance");
		begin(family, MAX[i]);
		fill(one_by_one, "one after the other");
		begin(family, MAX[i]);
		fill(by_network, "by network");
	}
	end();
}

Test(table, a_million_find_a_place)
{
	EACH_FAMILY(family)
	{
		begin(family, 1000000);
		fill(by_chance, "by chance");
	}
	begin(4, 1000000);
	fill(by_network, "by network");
	end();
}

/* One goes, another comes, in a full table, thirty times over. */
Test(table, coming_and_going)
{
	enum {
		MAX = 20000,
		ROUNDS = 30
	};
	uint64_t *number = calloc(MAX, sizeof(*number)), next = MAX, chance = 5;

	cr_assert_not_null(number);
	EACH_FAMILY(family)
	{
		begin(family, MAX);
		for (uint32_t i = 0; i < MAX; i++) {
			number[i] = i;
			put(by_chance(i), NOW_NS + HOUR_NS, NOW_NS);
		}
		for (uint32_t i = 0; i < MAX * ROUNDS; i++) {
			uint64_t *which = &number[(chance = mxg_mix(chance + i)) % MAX];
			struct addr addr = by_chance(*which);

			cr_assert_eq(table_del(&world.table, &addr), 0);
			*which = next++;
			cr_assert_eq(put(by_chance(*which), NOW_NS + HOUR_NS, NOW_NS), 0);
		}
		print_led("after coming and going");
		check_sound();
		for (uint32_t i = 0; i < MAX; i++)
			cr_assert(is_live(by_chance(number[i]), NOW_NS));
		cr_assert_eq(world.table.refused, 0);
	}
	free(number);
	end();
}

Test(table, next)
{
	enum {
		MAX = 3000
	};
	struct table_entry entries[20];
	uint8_t *was_given;

	EACH_FAMILY(family)
	{
		uint32_t line = 0, given = 0;
		int n;

		begin(family, MAX);
		was_given = calloc(MAX, 1);
		cr_assert_not_null(was_given);
		for (uint32_t i = 0; i < MAX; i++)
			put(one_by_one(i), NOW_NS + HOUR_NS + i, NOW_NS);
		while ((n = table_next(&world.table, &line, entries, 20)) > 0) {
			cr_assert_leq(n, 20);
			for (int i = 0; i < n; i++) {
				const uint8_t *last =
					entries[i].addr.bytes + (family == 4 ? 2 : 14);
				unsigned int number = last[0] * 256U + last[1];

				cr_assert(number < MAX && !was_given[number]);
				was_given[number] = 1;
				cr_assert_eq(entries[i].addr.family, family);
				cr_assert_eq(entries[i].verdict.expires_ns,
					     got(one_by_one(number)).expires_ns);
				given++;
			}
		}
		cr_assert_eq(given, MAX);
		cr_assert_eq(table_next(&world.table, &line, entries, 20), 0);
		free(was_given);
	}
	end();
}

/* Who deletes what he is given misses none, whoever comes nearer for it. */
Test(table, next_while_deleting)
{
	enum {
		MAX = 20000
	};
	struct table_entry entries[MXG_LINE4_SLOTS];
	uint32_t line;
	int n;

	EACH_FAMILY(family)
	{
		begin(family, MAX);
		for (uint32_t i = 0; i < MAX; i++)
			put(by_chance(i), NOW_NS + HOUR_NS, NOW_NS);
		for (unsigned int odd = 0; odd < 2; odd++) {
			line = 0;
			while ((n = table_next(&world.table, &line, entries, MXG_LINE4_SLOTS)) > 0)
				for (int i = 0; i < n; i++)
					if (odd || entries[i].addr.bytes[3] % 2)
						table_del(&world.table, &entries[i].addr);
			check_sound();
			for (uint32_t i = 0; i < MAX; i++) {
				struct addr addr = by_chance(i);

				cr_assert_eq(is_live(addr, NOW_NS),
					     odd == 0 && addr.bytes[3] % 2 == 0);
			}
		}
		cr_assert_eq(world.table.count, 0);
	}
	end();
}

/* --- the base ------------------------------------------------------------------------------- */

Test(table, rebase)
{
	enum {
		MAX = 5000
	};
	static const uint64_t LATER[] = {1, UNIT_NS, 3 * HOUR_NS + 12345, 100 * HOUR_NS};

	EACH_FAMILY(family)
	{
		uint64_t now_ns = NOW_NS, was[MAX], due[MAX];
		uint32_t count;

		begin(family, MAX);
		for (uint32_t i = 0; i < MAX; i++) {
			put(by_chance(i), NOW_NS + i * HOUR_NS / 20, NOW_NS);
			was[i] = got(by_chance(i)).expires_ns;
			due[i] = got(by_chance(i)).refresh_ns;
		}
		for (size_t j = 0; j < sizeof(LATER) / sizeof(LATER[0]); j++) {
			now_ns += LATER[j];
			table_rebase(&world.table, now_ns);
			count = 0;
			cr_assert(table_base_ns(&world.table) <= now_ns &&
				  table_base_ns(&world.table) + UNIT_NS > now_ns);
			for (uint32_t i = 0; i < MAX; i++) {
				struct mxg_verdict verdict;
				struct addr addr = by_chance(i);

				cr_assert_not(is_live(addr, was[i]));
				if (table_get(&world.table, &addr, &verdict) < 0) {
					cr_assert_lt(was[i], now_ns + UNIT_NS);
					continue;
				}
				count++;
				cr_assert_eq(verdict.expires_ns, was[i]);
				cr_assert(is_live(addr, was[i] - UNIT_NS));
				cr_assert_eq(verdict.refresh_ns,
					     due[i] > table_base_ns(&world.table)
						     ? due[i]
						     : table_base_ns(&world.table));
			}
			cr_assert_eq(world.table.count, count);
			check_sound();
		}
		cr_assert(world.table.count > 0 && world.table.count < MAX);
		table_rebase(&world.table, END_NS + (UNIT_NS << 25));
		cr_assert_eq(world.table.count, 0);
		check_sound();
	}
	end();
}

/* --- memory that is not believed ------------------------------------------------------------ */

Test(table, no_table)
{
	EACH_FAMILY(family)
	{
		struct mxg_table *head, good;
		struct table table;

		begin(family, 500);
		head = (void *)world.memory;
		good = *head;
		for (int bit = 0; bit < 32; bit++) {
			head->lines = good.lines ^ 1U << bit;
			cr_assert_eq(table_init(&table, family, head, world.elements), -EINVAL);
			cr_assert_eq(table_watch(&table, family, head, world.elements), -EINVAL);
			*head = good;
		}
		for (uint32_t max = 10; max; max *= 10) {
			head->max = max;
			cr_assert_eq(table_init(&table, family, head, world.elements), -EINVAL);
			if (max == 1000000000)
				break;
		}
		*head = good;
		cr_assert_eq(table_init(&table, family, head, world.elements - 1), -EINVAL);
		cr_assert_eq(table_init(&table, family, head, world.elements + 1), -EINVAL);
		cr_assert_eq(table_init(&table, family, head, 0), -EINVAL);
		cr_assert_eq(table_init(&table, family == 4 ? 6 : 4, head, world.elements),
			     -EINVAL);
		memset(head, 0, sizeof(*head));
		cr_assert_eq(table_init(&table, family, head, world.elements), -EINVAL);
		*head = good;
		cr_assert_eq(table_init(&table, family, head, world.elements), 0);
	}
	end();
}

/* The keeper has the memory that a worker could write to: what it says later is not believed. */
Test(table, head_changes)
{
	EACH_FAMILY(family)
	{
		struct table_entry entries[MXG_LINE4_SLOTS];
		struct mxg_verdict verdict;
		struct mxg_table *head;
		uint32_t line = 0;
		int n, count = 0;

		begin(family, 200);
		for (uint64_t i = 0; i < 150; i++)
			put(by_chance(i), NOW_NS + HOUR_NS, NOW_NS);
		head = (void *)world.memory;
		head->lines = UINT32_MAX / 8;
		head->max = UINT32_MAX;
		head->seed++;
		head->base_ns = UINT64_MAX;
		for (uint64_t i = 0; i < 150; i++) {
			struct addr addr = by_chance(i);

			cr_assert_eq(table_get(&world.table, &addr, &verdict), 0);
			cr_assert(verdict.expires_ns <= NOW_NS + HOUR_NS);
			cr_assert(verdict.expires_ns > NOW_NS + HOUR_NS - PART_NS);
		}
		while ((n = table_next(&world.table, &line, entries, MXG_LINE4_SLOTS)) > 0)
			count += n;
		cr_assert_eq(count, 150);
		cr_assert_eq(table_max(&world.table), 200);
		table_mark_due(&world.table, NOW_NS);
		table_rebase(&world.table, NOW_NS);
		for (uint64_t i = 0; i < 150; i++) {
			struct addr addr = by_chance(i);

			cr_assert_eq(table_del(&world.table, &addr), 0);
		}
	}
	end();
}

/* A table whose lines hold anything is one that works, afterwards. */
Test(table, garbage)
{
	EACH_FAMILY(family)
	for (unsigned int round = 0; round < 60; round++) {
		size_t element = table_element_size(family), size;
		uint64_t chance = round;

		begin(family, 200);
		for (uint64_t i = 0; i < 150; i++)
			put(by_chance(i), NOW_NS + HOUR_NS, NOW_NS);
		size = world.elements * element;
		for (size_t i = element; i < size; i++) {
			chance = mxg_mix(chance + i);
			if (chance % 64 < round)
				world.memory[i] = (uint8_t)(chance >> 32);
		}
		cr_assert_eq(table_init(&world.table, family, world.memory, world.elements), 0);
		check_sound();
		table_mark_due(&world.table, NOW_NS);
		for (uint64_t i = 0; i < 400; i++)
			put(by_chance(i), NOW_NS + HOUR_NS, NOW_NS);
		check_sound();
		table_rebase(&world.table, NOW_NS);
		for (uint64_t i = 0; i < 400; i++) {
			struct addr addr = by_chance(i);

			table_del(&world.table, &addr);
		}
		check_sound();
	}
	end();
}
