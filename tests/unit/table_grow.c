// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A table grows into an heir while entries come, go and make way for one another: in the
 * end both say the same of everybody. The interleavings with the gate's look are gone
 * through in table_model.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/table.h"

#define UNIT_NS (1ULL << MXG_UNIT_SHIFT)
#define BASE_NS (12345 * UNIT_NS / 10)
#define NOW_NS  (BASE_NS + 7777777777)
#define HOUR_NS (3600 * 1000000000ULL)

static struct {
	struct table old, heir;
} world;

static const unsigned int FAMILIES[] = {4, 6};

#define EACH_FAMILY(family)                                                                        \
	for (unsigned int at_ = 0, family = 4; at_ < 2 && (family = FAMILIES[at_]); at_++)

static void make(struct table *table, unsigned int family, uint32_t max, uint64_t base_ns,
		 uint64_t seed)
{
	uint32_t elements = table_elements(family, max);
	void *memory = calloc(elements, table_element_size(family));

	cr_assert_not_null(memory);
	table_format(family, memory, max, base_ns, seed);
	cr_assert_eq(table_init(table, family, memory, elements), 0);
}

static void begin(unsigned int family, uint32_t max, uint32_t heir_max, uint64_t heir_seed)
{
	make(&world.old, family, max, BASE_NS, 42);
	make(&world.heir, family, heir_max, NOW_NS, heir_seed);
}

static void end(void)
{
	free(world.old.memory);
	free(world.heir.memory);
	memset(&world, 0, sizeof(world));
}

static struct addr numbered(unsigned int family, uint32_t n)
{
	struct addr addr = {.family = (uint8_t)family};
	uint64_t half[2] = {mxg_mix(n), mxg_mix(~(uint64_t)n)};
	uint32_t mixed = n * 2654435761U;

	memcpy(addr.bytes, family == 4 ? (void *)&mixed : (void *)half, family == 4 ? 4 : 16);
	return addr;
}

static struct mxg_verdict verdict_of(uint32_t number)
{
	return (struct mxg_verdict){
		.expires_ns = NOW_NS + HOUR_NS + number * UNIT_NS,
		.refresh_ns = NOW_NS + HOUR_NS / 2 + number * UNIT_NS,
		.hits = number % 100,
		.action = (__u8)(number % 3),
		.reason = (__u8)(1 + number % (MXG_REASON_MAX - 1)),
		.note = (__u8)number,
	};
}

static int put(uint32_t n, uint32_t number)
{
	struct addr addr = numbered(world.old.family, n);
	struct mxg_verdict verdict = verdict_of(number);

	return table_put(&world.old, &addr, &verdict, NOW_NS);
}

static void step_to_the_end(void)
{
	while (table_grow_step(&world.old, NOW_NS))
		;
}

/* As the old one has it, so does the heir; of times a unit more or less, and never later an end. */
static void check_same(uint32_t n, const char *label)
{
	struct addr addr = numbered(world.old.family, n);
	struct mxg_verdict old, heir;
	int has_old = table_get(&world.old, &addr, &old);

	cr_assert_eq(has_old, table_get(&world.heir, &addr, &heir), "%s: %u", label, n);
	if (has_old < 0)
		return;
	cr_assert(heir.action == old.action && heir.reason == old.reason && heir.note == old.note,
		  "%s: %u", label, n);
	cr_assert_eq(heir.hits, old.hits, "%s: %u: %u and %u", label, n, old.hits, heir.hits);
	cr_assert_leq(heir.expires_ns, old.expires_ns);
	cr_assert_lt(old.expires_ns - heir.expires_ns, UNIT_NS / 1000);
	cr_assert_geq(heir.refresh_ns, old.refresh_ns);
	cr_assert_lt(heir.refresh_ns - old.refresh_ns, UNIT_NS);
}

/* Counts and places of the heir are right: a new writer finds the same. */
static void check_sound(void)
{
	struct table again = world.heir;
	uint32_t elements = table_elements(again.family, table_max(&again));

	cr_assert_eq(table_init(&again, again.family, world.heir.memory, elements), 0);
	cr_assert_eq(again.count, world.heir.count);
	cr_assert_arr_eq(again.led, world.heir.led, sizeof(again.led));
}

Test(table_grow, what_is_there_goes_over)
{
	static const struct {
		const char *label;
		uint32_t max, heir_max, entries;
		uint64_t heir_seed;
	} rows[] = {
		{"none", 10, 20, 0, 42},
		{"one", 1, 2, 1, 42},
		{"twice as large", 5000, 10000, 5000, 42},
		{"a hundred times", 1000, 100000, 1000, 42},
		{"under another seed", 5000, 10000, 5000, 43},
		{"a smaller one that has room", 5000, 2500, 2000, 42},
	};

	EACH_FAMILY(family)
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(family, rows[i].max, rows[i].heir_max, rows[i].heir_seed);
		for (uint32_t n = 0; n < rows[i].entries; n++)
			cr_assert_eq(put(n, n), 0);
		table_grow_begin(&world.old, &world.heir);
		step_to_the_end();
		for (uint32_t n = 0; n < rows[i].entries + 10; n++)
			check_same(n, rows[i].label);
		cr_assert_eq(world.heir.count, rows[i].entries, "%s", rows[i].label);
		table_grow_end(&world.old);
		check_sound();
		end();
	}
}

/* So full that entries make way for others, from lines to come to lines that have been. */
Test(table_grow, while_entries_come_and_go)
{
	enum {
		MAX = 3000,
		KEYS = 3400
	};
	uint64_t chance = 1;
	uint32_t changes, refused = 0;
	bool more = true;

	EACH_FAMILY(family)
	for (unsigned int round = 0; round < 6; round++) {
		begin(family, MAX, 2 * MAX, round % 2 ? 43 : 42);
		for (uint32_t n = 0; n < MAX; n++)
			put(n, n);
		table_grow_begin(&world.old, &world.heir);
		more = true;
		for (uint32_t steps = 0; more || steps < 50; steps++) {
			for (changes = 0; changes < 40; changes++) {
				uint32_t n =
					(uint32_t)((chance = mxg_mix(chance + 1)) >> 32) % KEYS;
				struct addr addr = numbered(family, n);

				if (chance % 3 == 0)
					table_del(&world.old, &addr);
				else
					refused += put(n, (uint32_t)(chance >> 8) % 1000) < 0;
			}
			more = table_grow_step(&world.old, NOW_NS);
		}
		for (uint32_t n = 0; n < KEYS; n++)
			check_same(n, "entries come and go");
		cr_assert_eq(world.heir.count, world.old.count);
		cr_assert_eq(world.heir.refused, 0);
		check_sound();
		end();
	}
	cr_expect_gt(refused, 0, "the old one was never full");
}

/* Entries of the heir whose next hit asks for a lookup. */
static unsigned int asking(void)
{
	unsigned int count = 0;

	for (uint32_t line = 1; line <= table_lines(&world.heir); line++) {
		const struct mxg_line4 *line4 = (const void *)world.heir.memory;
		const struct mxg_line6 *line6 = (const void *)world.heir.memory;

		if (world.heir.family == 4)
			for (int i = 0; i < MXG_LINE4_SLOTS; i++)
				count += (line4[line].word[i] & MXG_STATE_REFRESH) != 0;
		else
			for (int i = 0; i < MXG_LINE6_SLOTS; i++)
				count += (line6[line].slot[i].word & MXG_STATE_REFRESH) != 0;
	}
	return count;
}

/* A key of its own at home in that line of the old table. */
static struct addr key_at(uint32_t line)
{
	static uint32_t n;
	struct addr addr;
	__u64 key[2] = {0};

	do {
		addr = numbered(world.old.family, n++);
		memcpy(key, addr.bytes, sizeof(addr.bytes));
	} while ((world.old.family == 4 ? mxg_home4(&world.old.head, (__u32)key[0])
					: mxg_home6(&world.old.head, key)) != line);
	return addr;
}

/* An entry makes way from a line whose turn is to come to one whose turn is over. */
Test(table_grow, one_that_makes_way_is_not_left_behind)
{
	const struct mxg_verdict verdict = verdict_of(1);
	struct mxg_verdict got;
	struct addr keys[200];
	unsigned int count;
	uint32_t last;

	EACH_FAMILY(family)
	{
		unsigned int slots = family == 4 ? MXG_LINE4_SLOTS : MXG_LINE6_SLOTS;

		begin(family, 2000, 4000, 42);
		table_grow_begin(&world.old, &world.heir);
		while (world.old.handing == table_lines(&world.old))
			table_grow_step(&world.old, NOW_NS);
		last = world.old.handing;
		count = 0;
		for (uint32_t line = last - 7; line < last + 4; line++)
			for (unsigned int i = 0; i < slots; i++, count++) {
				keys[count] = key_at(line);
				table_put(&world.old, &keys[count], &verdict, NOW_NS);
			}
		/* What has gone over is forgotten: only the way is to bring them there. */
		table_grow_end(&world.old);
		memset(world.heir.memory, 0,
		       table_elements(family, 4000) * table_element_size(family));
		table_format(family, world.heir.memory, 4000, NOW_NS, 42);
		cr_assert_eq(table_watch(&world.heir, family, world.heir.memory,
					 table_elements(family, 4000)),
			     0);
		table_grow_begin(&world.old, &world.heir);
		while (world.old.handing != last)
			table_grow_step(&world.old, NOW_NS);
		keys[count++] = key_at(last - 7);
		cr_assert_eq(table_put(&world.old, &keys[count - 1], &verdict, NOW_NS), 0);
		step_to_the_end();
		for (unsigned int i = 0; i < count; i++)
			cr_assert_eq(table_get(&world.heir, &keys[i], &got), 0, "IPv%u: %u", family,
				     i);
		cr_assert_eq(world.heir.count, count);
		table_grow_end(&world.old);
		check_sound();
		end();
	}
}

Test(table_grow, times)
{
	struct mxg_verdict verdict = verdict_of(1);
	struct addr due, later, over;

	EACH_FAMILY(family)
	{
		begin(family, 100, 200, 42);
		due = numbered(family, 1);
		later = numbered(family, 2);
		over = numbered(family, 3);
		verdict.refresh_ns = NOW_NS;
		cr_assert_eq(table_put(&world.old, &due, &verdict, NOW_NS), 0);
		verdict.refresh_ns = NOW_NS + 10 * UNIT_NS;
		cr_assert_eq(table_put(&world.old, &later, &verdict, NOW_NS), 0);
		verdict.expires_ns = NOW_NS - 2 * UNIT_NS;
		cr_assert_eq(table_put(&world.old, &over, &verdict, NOW_NS), 0);
		table_grow_begin(&world.old, &world.heir);
		step_to_the_end();
		table_grow_end(&world.old);
		cr_assert_eq(world.heir.count, 2, "what has expired stays behind");
		cr_expect_eq(table_get(&world.heir, &over, &verdict), -ENOENT);
		cr_expect_eq(asking(), 1, "IPv%u", family);
		table_mark_due(&world.heir, NOW_NS + 8 * UNIT_NS);
		cr_expect_eq(asking(), 1, "IPv%u: too early for the other", family);
		table_mark_due(&world.heir, NOW_NS + 12 * UNIT_NS);
		cr_expect_eq(asking(), 2, "IPv%u", family);
		verdict = verdict_of(1);
		end();
	}
}

Test(table_grow, hits_are_forgotten_in_both)
{
	EACH_FAMILY(family)
	{
		begin(family, 100, 200, 42);
		for (uint32_t n = 0; n < 50; n++)
			cr_assert_eq(put(n, n + 10), 0);
		table_grow_begin(&world.old, &world.heir);
		step_to_the_end();
		table_forget_hits(&world.old, MXG_ACTION_DROP);
		for (uint32_t n = 0; n < 50; n++)
			check_same(n, "forgotten");
		end();
	}
}

Test(table_grow, too_small_or_given_up)
{
	struct addr addr = numbered(4, 7);
	struct mxg_verdict verdict;

	begin(4, 1000, 100, 42);
	for (uint32_t n = 0; n < 500; n++)
		cr_assert_eq(put(n, n), 0);
	table_grow_begin(&world.old, &world.heir);
	step_to_the_end();
	cr_expect_eq(world.heir.count + world.heir.refused, 500);
	cr_expect_eq(world.heir.count, 100);
	table_grow_end(&world.old);
	cr_expect_eq(table_del(&world.old, &addr), 0);
	cr_expect_eq(world.old.count, 499, "the old one is as good as before");
	cr_expect_eq(put(7, 9), 0);
	cr_expect_eq(table_get(&world.old, &addr, &verdict), 0);
	end();
}

Test(table_grow, a_step_is_short)
{
	uint32_t before, most = 0;

	begin(4, 100000, 200000, 42);
	for (uint32_t n = 0; n < 100000; n++)
		put(n, n);
	table_grow_begin(&world.old, &world.heir);
	do {
		before = world.heir.count;
		if (!table_grow_step(&world.old, NOW_NS))
			break;
		if (world.heir.count - before > most)
			most = world.heir.count - before;
	} while (true);
	cr_expect_leq(most, 1000);
	cr_expect_eq(world.heir.count, 100000);
	end();
}

Test(table_grow, many_are_put_as_one_after_the_other)
{
	static struct table_entry entries[2000];

	EACH_FAMILY(family)
	{
		begin(family, 1500, 2000, 42);
		for (uint32_t n = 0; n < 2000; n++)
			entries[n] = (struct table_entry){.addr = numbered(family, n % 1900),
							  .verdict = verdict_of(n)};
		cr_expect_eq(table_put_many(&world.heir, entries, 0, NOW_NS), 0);
		entries[5].verdict.reason = MXG_REASON_NONE;
		cr_expect_eq(table_put_many(&world.heir, entries, 2000, NOW_NS), 1999);
		cr_expect_eq(world.heir.count, 1900);
		cr_expect_lt(table_put_many(&world.old, entries, 2000, NOW_NS), 1999);
		cr_expect_gt(world.old.refused, 0);
		check_sound();
		for (uint32_t n = 100; n < 1900; n++) {
			struct addr addr = numbered(family, n);
			struct mxg_verdict got;

			cr_assert_eq(table_get(&world.heir, &addr, &got), 0);
			cr_assert_eq(got.note, (__u8)n);
		}
		end();
	}
}
