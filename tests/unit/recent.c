// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A model beside it: which entries are in memory, to be taken, lost, in any mixture. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/recent.h"

#define SIZE  65536
#define ADDRS 500
#define PUTS  20000

struct seen {
	unsigned int taken, lost, next; /* next: the number that must come now */
};

static struct addr addr_of(unsigned int i)
{
	struct addr addr = {.family = i % 3 ? 4 : 6,
			    .bytes = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};

	return addr;
}

static unsigned int number_of(const struct recent_entry *entry)
{
	unsigned int number;

	cr_assert_geq(entry->len, sizeof(number));
	memcpy(&number, entry->data, sizeof(number));
	return number;
}

static void on_lost(const struct recent_entry *entry, void *user)
{
	struct seen *seen = user;

	cr_assert_eq(number_of(entry), seen->next, "in order, each once");
	seen->next++;
	seen->lost++;
}

static void put(struct recent *recent, unsigned int number, unsigned int len)
{
	static uint8_t data[4096];
	struct recent_entry entry = {.addr = addr_of(number % ADDRS), .data = data, .len = len};

	memset(data, (int)(number & 0xff), sizeof(data));
	memcpy(data, &number, sizeof(number));
	cr_assert_eq(recent_put(recent, &entry), 0);
}

static void take(struct recent *recent, struct seen *seen, unsigned int count)
{
	struct recent_entry entry;

	while (count-- > 0 && recent_next(recent, &entry)) {
		cr_assert_eq(number_of(&entry), seen->next, "in order, each once");
		recent_take(recent);
		seen->next++;
		seen->taken++;
	}
}

Test(recent, taken_or_lost_in_order)
{
	static const unsigned int paces[] = {0, 1, 3};
	struct recent_entry entry;
	struct recent *recent;
	struct addr addr;

	for (size_t p = 0; p < sizeof(paces) / sizeof(paces[0]); p++) {
		struct seen seen = {0};

		recent = recent_new(SIZE, on_lost, &seen);
		cr_assert_not_null(recent);
		for (unsigned int i = 0; i < PUTS; i++) {
			put(recent, i, 4 + i * 37 % 900);
			addr = addr_of(i % ADDRS);
			cr_assert_eq(recent_get(recent, &addr, &entry), 0);
			cr_assert_eq(number_of(&entry), i, "the newest");
			cr_assert_eq(entry.len, 4 + i * 37 % 900);
			cr_assert_eq(((const uint8_t *)entry.data)[entry.len - 1],
				     entry.len > 4 ? (i & 0xff) : i >> 24);
			take(recent, &seen, i % 2 ? paces[p] : 0);
			cr_assert_eq(seen.next + recent_pending(recent), i + 1);
		}
		take(recent, &seen, PUTS);
		cr_expect_eq(seen.taken + seen.lost, PUTS);
		cr_expect_eq(seen.lost > 0, paces[p] < 3, "pace %u: %u lost", paces[p], seen.lost);
		recent_free(recent);
	}
}

Test(recent, old_ones_are_gone)
{
	struct seen seen = {.next = 1};
	struct recent *recent = recent_new(SIZE, on_lost, &seen);
	static uint8_t big[SIZE];
	struct recent_entry entry = {.addr = addr_of(1), .data = big, .len = SIZE / 4};

	cr_expect_eq(recent_put(recent, &entry), -E2BIG);
	cr_expect_eq(recent_get(recent, &entry.addr, &entry), -ENOENT);
	put(recent, 1, 4000);
	for (unsigned int i = 2; i < 30; i++)
		put(recent, i, 4000);
	cr_expect_eq(
		recent_get(recent, &(struct addr){.family = 4, .bytes = {10, 0, 0, 1}}, &entry),
		-ENOENT);
	recent_free(recent);
}
