// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is remembered, for how long, and who makes way when the table is full. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/history.h"

#define NOW 1000000u

static struct addr numbered(unsigned int n)
{
	struct addr addr = {.family = 4};

	addr.bytes[0] = 198;
	addr.bytes[1] = (uint8_t)(n >> 16);
	addr.bytes[2] = (uint8_t)(n >> 8);
	addr.bytes[3] = (uint8_t)n;
	return addr;
}

Test(history, good_is_remembered_for_two_days)
{
	struct history *history = history_new(1024, 1024, 1);
	struct addr addr = numbered(1);
	struct history_source *source;

	cr_expect_null(history_find(history, &addr));
	cr_expect_not(history_is_good(NULL, NOW));
	source = history_get(history, &addr);
	cr_expect_not(history_is_good(source, NOW), "nothing is known of it yet");
	history_on_good(source, NOW);
	cr_expect_eq(history_find(history, &addr), source);
	cr_expect(history_is_good(source, NOW));
	cr_expect(history_is_good(source, NOW + HISTORY_GOOD_SEC));
	cr_expect_not(history_is_good(source, NOW + HISTORY_GOOD_SEC + 1));
	history_free(history);
}

Test(history, only_the_first_bad_after_good_is_a_flip)
{
	struct history_source source = {.addr = numbered(1)};

	cr_expect_not(history_on_bad(&source, NOW), "was never good");
	history_on_good(&source, NOW + 1);
	cr_expect_eq(source.bad_sec, 0);
	cr_expect(history_on_bad(&source, NOW + 2));
	cr_expect_not(history_on_bad(&source, NOW + 3), "bad already");
	cr_expect_eq(source.bad_sec, NOW + 2, "since the first time");
	history_on_good(&source, NOW + 4);
	cr_expect(history_on_bad(&source, NOW + 5), "and again");
	history_on_good(&source, NOW + 6);
	cr_expect_not(history_on_bad(&source, NOW + 7 + HISTORY_GOOD_SEC), "too long ago");
}

/* Families are apart, and 198.51.0.1 is not the IPv6 address that begins so. */
Test(history, keys_are_whole_addresses)
{
	struct history *history = history_new(1024, 1024, 1);
	struct addr four = numbered(1), six = four;

	six.family = 6;
	history_on_good(history_get(history, &four), NOW);
	cr_expect_null(history_find(history, &six));
	six.bytes[15] = 1;
	cr_expect_null(history_find(history, &six));
	history_free(history);
}

/* So many, each later than the one before. */
static void good_ones(struct history *history, unsigned int count)
{
	for (unsigned int n = 0; n < count; n++) {
		struct addr addr = numbered(n);

		history_on_good(history_get(history, &addr), NOW + n);
	}
}

Test(history, bad_sources_make_way_before_good_ones)
{
	struct history *history = history_new(8, 8, 1); /* one set */
	struct addr addr;
	unsigned int n;

	good_ones(history, 4);
	for (n = 4; n < 5000; n++) {
		addr = numbered(n);
		history_on_bad(history_get(history, &addr), NOW + n);
	}
	for (n = 0; n < 4; n++) {
		addr = numbered(n);
		cr_expect(history_is_good(history_find(history, &addr), NOW + 5000), "%u", n);
	}
	addr = numbered(4998);
	cr_expect_not_null(history_find(history, &addr), "the newest bad ones are there");
	addr = numbered(4);
	cr_expect_null(history_find(history, &addr), "the oldest are not");
	history_free(history);
}

Test(history, the_oldest_good_one_makes_way_for_a_new_one)
{
	struct history *history = history_new(8, 8, 1);
	struct addr addr;
	unsigned int n;

	good_ones(history, 9);
	addr = numbered(0);
	cr_expect_null(history_find(history, &addr));
	for (n = 1; n < 9; n++) {
		addr = numbered(n);
		cr_expect_not_null(history_find(history, &addr), "%u", n);
	}
	history_free(history);
}

/* A table of the size asked for takes nearly as many at random as it has room for. */
Test(history, places_are_used)
{
	struct history *history = history_new(8192, 8192, 12345);
	unsigned int n, found = 0;
	struct addr addr;

	for (n = 0; n < 4096; n++) {
		addr = numbered(n);
		history_on_good(history_get(history, &addr), NOW);
	}
	for (n = 0; n < 4096; n++) {
		addr = numbered(n);
		found += history_find(history, &addr) != NULL;
	}
	cr_expect_geq(found, 4000, "%u of 4096", found);
	history_free(history);
}

/* A flush in an outage must not turn those who were good into strangers. */
Test(history, forget_keeps_who_was_good)
{
	struct history *history = history_new(1024, 1024, 1);
	struct addr good = numbered(1), bad = numbered(2), other = numbered(256);
	struct history_source *source;
	const char *why;
	struct prefix prefix;

	source = history_get(history, &good);
	history_on_good(source, NOW);
	history_on_bad(source, NOW + 1);
	source->seen = 1;
	source->last_sec = NOW + 1;
	history_on_bad(history_get(history, &bad), NOW);
	history_on_bad(history_get(history, &other), NOW);
	cr_assert_eq(prefix_parse("198.0.0.0/24", &prefix, &why), 0);
	history_forget(history, &prefix);
	cr_expect(history_is_good(history_find(history, &good), NOW + 2));
	cr_expect_eq(source->good_sec, NOW, "since when it was");
	cr_expect_eq(source->seen + source->bad_sec + source->last_sec, 0);
	cr_expect_null(history_find(history, &bad));
	cr_expect_not_null(history_find(history, &other), "not in there");
	history_forget(history, NULL);
	cr_expect_null(history_find(history, &other));
	history_free(history);
}

/* Whoever has a /48 is as many good hosts as he likes: those of IPv4 are not his to crowd out. */
Test(history, families_do_not_crowd_each_other_out)
{
	struct history *history = history_new(1024, 1024, 1);
	struct addr four = numbered(1), six = {.family = 6};

	history_on_good(history_get(history, &four), NOW);
	for (unsigned int n = 0; n < 20000; n++) {
		memcpy(six.bytes, &n, sizeof(n));
		history_on_good(history_get(history, &six), NOW + 1);
	}
	cr_expect_not_null(history_find(history, &four));
	cr_expect_not_null(history_find(history, &six));
	history_free(history);
}

static bool restore(struct history *history, const struct addr *addr, uint32_t good_sec)
{
	const struct history_good good = {.addr = *addr, .age_sec = NOW + 1000 - good_sec};

	return history_restore(history, &good, NOW + 1000);
}

/* What is carried over takes a free place or that of an older one, and nobody's knowledge. */
Test(history, restored_ones_take_nothing_from_others)
{
	struct history *history = history_new(8, 8, 1);
	struct addr addr;

	good_ones(history, 8);
	addr = numbered(100);
	cr_expect_not(restore(history, &addr, NOW), "older than all");
	cr_expect(restore(history, &addr, NOW + 5), "not older than the oldest");
	addr = numbered(0);
	cr_expect_null(history_find(history, &addr));
	addr = numbered(7);
	cr_expect_not(restore(history, &addr, NOW + 6), "known to be good since");
	cr_expect_eq(history_find(history, &addr)->good_sec, NOW + 7);
	cr_expect(restore(history, &addr, NOW + 8));
	cr_expect_eq(history_find(history, &addr)->good_sec, NOW + 8);
	history_free(history);
}

static unsigned int copy(const struct history *from, struct history *to)
{
	static struct history_good step[HISTORY_STEP];
	unsigned int count = 0;
	size_t at = 0;
	int n;

	while ((n = history_next_good(from, &at, NOW + 10000, step)) >= 0)
		for (int i = 0; i < n; i++)
			count += history_restore(to, &step[i], NOW + 10000);
	return count;
}

/* Good a thousand seconds before it turned bad, which it has been for 300 now. */
Test(history, who_is_held_is_held_on)
{
	static const struct {
		const char *label;
		uint32_t now_sec, bad_sec; /* of the next one; 0: nobody knows that it is bad */
	} rows[] = {
		{"at once", NOW + 300, NOW},
		{"another boot", HISTORY_GOOD_SEC + 5000, HISTORY_GOOD_SEC + 4700},
		{"a clock that has not run for so long", 1100, 1001},
		{"nor since it was good", 1001, 0},
	};
	struct history *from = history_new(8, 8, 1), *to;
	static struct history_good step[HISTORY_STEP];
	const struct history_source *source;
	struct addr addr = numbered(1);
	size_t at = 0;

	history_on_good(history_get(from, &addr), NOW - 1000);
	history_on_bad(history_get(from, &addr), NOW);
	cr_assert_eq(history_next_good(from, &at, NOW + 300, step), 1);
	cr_expect(step[0].age_sec == 1000 && step[0].bad_sec == 300);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		to = history_new(8, 8, 1);
		cr_assert(history_restore(to, &step[0], rows[i].now_sec), "%s", rows[i].label);
		source = history_find(to, &addr);
		cr_expect_eq(source->bad_sec, rows[i].bad_sec, "%s: %u", rows[i].label,
			     source->bad_sec);
		cr_expect_eq((source->bad_sec ? source->bad_sec : rows[i].now_sec) -
				     source->good_sec,
			     1000, "%s", rows[i].label);
		cr_expect(source->seen == 0 && source->last_sec == 0, "to be looked at anew");
		history_free(to);
	}
	history_free(from);
}

/* The breaker is another, and has seen none of it. */
Test(history, who_is_held_on_turns_bad_once_more)
{
	const struct history_good good = {.addr = numbered(1), .age_sec = 1000, .bad_sec = 300};
	struct history *history = history_new(8, 8, 1);
	struct history_source *source;

	cr_assert(history_restore(history, &good, NOW));
	source = history_get(history, &good.addr);
	cr_expect(history_on_bad(source, NOW), "a flip");
	cr_expect_eq(source->bad_sec, NOW - 300);
	cr_expect_eq(source->server, 0);
	cr_expect_not(history_on_bad(source, NOW + 1));
	history_on_good(source, NOW + 2);
	cr_expect(history_on_bad(source, NOW + 3));
	cr_expect_eq(source->bad_sec, NOW + 3);
	history_free(history);
}

static unsigned int count_known(struct history *history, const struct history *of,
				unsigned int sources)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < sources; i++) {
		struct addr addr = numbered(i);

		count += history_find((struct history *)of, &addr) && history_find(history, &addr);
	}
	return count;
}

/* Filled to 84 %: the next table has room for each if it has the seed, and else not. */
Test(history, the_same_seed_has_places_for_all)
{
	const unsigned int sources = 8192 * 84 / 100;
	struct history *first = history_new(8192, 8, 1), *next = history_new(8192, 8, 1),
		       *other = history_new(8192, 8, 2);
	unsigned int known, kept;

	for (unsigned int i = 0; i < sources; i++) {
		struct addr addr = numbered(i);

		history_on_good(history_get(first, &addr), NOW + i);
	}
	known = copy(first, next);
	copy(first, other);
	cr_expect_eq(count_known(next, first, sources), known);
	kept = count_known(other, first, sources);
	cr_expect_lt(kept, known - known / 50, "another seed keeps %u of %u", kept, known);
	history_free(first);
	history_free(next);
	history_free(other);
}
