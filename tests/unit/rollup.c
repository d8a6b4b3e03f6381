// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* When a /64 is rolled up, when not, and how it ends. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/history.h"
#include "core/rollup.h"

#define NOW  (HISTORY_GOOD_SEC + 1000u)
#define LONG ROLLUP_SEC

/* What was told, the last of it. */
struct told {
	unsigned int begun, ended;
	struct prefix net;
	uint32_t until_sec;
};

static void on_change(const struct prefix *net, uint32_t until_sec, void *user)
{
	struct told *told = user;

	told->net = *net;
	told->until_sec = until_sec;
	told->begun += until_sec > 0;
	told->ended += until_sec == 0;
}

static struct rollup *rollup_of(uint32_t addresses, uint32_t apart_sec, struct told *told)
{
	const struct rollup_conf conf = {
		.addresses = addresses, .apart_sec = apart_sec, .seed = 0x5eed};
	struct rollup *rollup = rollup_new(&conf, on_change, told);

	memset(told, 0, sizeof(*told));
	cr_assert(rollup);
	return rollup;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	const char *why;

	cr_assert_eq(prefix_parse(text, &prefix, &why), 0, "%s", text);
	return prefix;
}

/* The host-th address of the net-th /64 of 2001:db8::/32. */
static struct addr member(uint32_t net, uint64_t host)
{
	struct addr addr = addr_of("2001:db8::");

	for (int i = 0; i < 4; i++)
		addr.bytes[4 + i] = (uint8_t)(net >> (24 - 8 * i));
	for (int i = 0; i < 8; i++)
		addr.bytes[8 + i] = (uint8_t)(host >> (56 - 8 * i));
	return addr;
}

static void bad(struct rollup *rollup, uint32_t net, uint64_t first, unsigned int count,
		uint32_t now_sec)
{
	for (unsigned int i = 0; i < count; i++) {
		struct addr addr = member(net, first + i);

		rollup_on_bad(rollup, &addr, LONG, now_sec);
	}
}

static bool is_up(const struct rollup *rollup, uint32_t net, uint32_t now_sec)
{
	struct addr addr = member(net, 0xffffff);

	return rollup_is_up(rollup, &addr, now_sec);
}

/* --- stories -------------------------------------------------------------------------------- */

enum what {
	BAD,    /* addr is found bad; what counts for that long */
	GOOD,   /* addr is found good */
	DROP,   /* addr does not count any more */
	FORGET, /* addr is a prefix, or NULL: everything */
	LOOK,
};

struct step {
	uint32_t after_sec;
	enum what what;
	const char *addr;
	uint32_t count_sec; /* BAD */
	bool up;            /* 2001:db8::/64, afterwards */
};

#define STEPS 12
#define NET   "2001:db8::"

/* Four addresses, a minute apart. */
#define FOUR                                                                                       \
	{0, BAD, NET "1", LONG, 0}, {30, BAD, NET "2", LONG, 0}, {20, BAD, NET "3", LONG, 0},      \
	{                                                                                          \
		10, BAD, NET "4", LONG, 1                                                          \
	}

/* clang-format off */
static const struct story {
	const char *label;
	struct step steps[STEPS];
} stories[] = {
	{"so many distinct ones", {FOUR}},
	{"three of them are not four, however often",
	 {{0, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", LONG, 0}, {60, BAD, NET "3", LONG, 0},
	  {60, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", LONG, 0}, {60, BAD, NET "3", LONG, 0}}},
	{"all in one moment may be one accident; a minute later it is none",
	 {{0, BAD, NET "1", LONG, 0}, {0, BAD, NET "2", LONG, 0}, {0, BAD, NET "3", LONG, 0},
	  {0, BAD, NET "4", LONG, 0}, {59, BAD, NET "5", LONG, 0}, {1, BAD, NET "5", LONG, 1}}},
	{"another /64 is another", {{0, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", LONG, 0},
	  {0, BAD, NET "3", LONG, 0}, {0, BAD, "2001:db8:0:1::4", LONG, 0}}},
	{"IPv4 is ignored", {{0, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", LONG, 0},
	  {0, BAD, NET "3", LONG, 0}, {0, BAD, "192.0.2.1", LONG, 0}, {0, GOOD, "192.0.2.1", 0, 0}}},
	{"one good address undoes it, and keeps it undone",
	 {FOUR, {10, GOOD, NET "99", 0, 0}, {0, BAD, NET "5", LONG, 0}, {60, BAD, NET "6", LONG, 0},
	  {60, BAD, NET "7", LONG, 0}, {60, BAD, NET "8", LONG, 0}, {60, BAD, NET "9", LONG, 0}}},
	{"for as long as a host is known to be good, and what was found until then is forgotten",
	 {FOUR, {10, GOOD, NET "99", 0, 0}, {HISTORY_GOOD_SEC, BAD, NET "5", LONG, 0},
	  {1, BAD, NET "6", LONG, 0}, {60, BAD, NET "7", LONG, 0}, {0, BAD, NET "8", LONG, 0},
	  {0, BAD, NET "9", LONG, 1}}},
	{"one that was counted is good now", {FOUR, {10, GOOD, NET "2", 0, 0}}},
	{"a good one elsewhere", {FOUR, {10, GOOD, "2001:db8:0:1::1", 0, 1}}},
	{"it ends with the fourth", {FOUR, {LONG - 61, LOOK, NULL, 0, 1}, {1, LOOK, NULL, 0, 0}}},
	{"a fifth takes the place of the first",
	 {FOUR, {600, BAD, NET "5", LONG, 1}, {LONG - 660, LOOK, NULL, 0, 1},
	  {29, LOOK, NULL, 0, 1}, {1, LOOK, NULL, 0, 0}}},
	{"those who are found bad again keep it up",
	 {FOUR, {3000, BAD, NET "1", LONG, 1}, {0, BAD, NET "2", LONG, 1}, {0, BAD, NET "3", LONG, 1},
	  {0, BAD, NET "4", LONG, 1}, {LONG - 1, LOOK, NULL, 0, 1}, {1, LOOK, NULL, 0, 0}}},
	{"none counts for more than an hour", {{0, BAD, NET "1", 86400, 0}, {60, BAD, NET "2", 86400, 0},
	  {0, BAD, NET "3", 86400, 0}, {0, BAD, NET "4", 86400, 1}, {LONG - 61, LOOK, NULL, 0, 1},
	  {1, LOOK, NULL, 0, 0}}},
	{"what counts for less, counts for less", {{0, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", 100, 0},
	  {0, BAD, NET "3", LONG, 0}, {0, BAD, NET "4", LONG, 1}, {99, LOOK, NULL, 0, 1},
	  {1, LOOK, NULL, 0, 0}, {0, BAD, NET "5", LONG, 1}}},
	{"what has ended does not count", {{0, BAD, NET "1", 60, 0}, {60, BAD, NET "2", LONG, 0},
	  {0, BAD, NET "3", LONG, 0}, {0, BAD, NET "4", LONG, 0}, {60, BAD, NET "5", LONG, 1}}},
	{"one that does not count any more", {FOUR, {0, DROP, NET "4", 0, 0}, {0, BAD, NET "5", LONG, 1}}},
	{"one of five", {FOUR, {0, BAD, NET "5", LONG, 1}, {0, DROP, NET "4", 0, 1}, {0, DROP, NET "9", 0, 1},
	  {0, DROP, NET "3", 0, 0}}},
	{"forgotten as a whole", {FOUR, {0, FORGET, "2001:db8::/32", 0, 0}, {0, BAD, NET "5", LONG, 0}}},
	{"everything forgotten", {FOUR, {0, FORGET, NULL, 0, 0}, {0, BAD, NET "5", LONG, 0}}},
	{"another network forgotten", {FOUR, {0, FORGET, "2001:db8:0:1::/64", 0, 1},
	  {0, FORGET, "192.0.2.0/24", 0, 1}}},
	{"a part of it", {FOUR, {0, BAD, NET "1:5", LONG, 1}, {0, FORGET, "2001:db8::1:0/112", 0, 1},
	  {0, FORGET, "2001:db8::2/127", 0, 0}}},
	{"forgetting forgets nobody who was good", {{0, GOOD, NET "99", 0, 0}, {0, FORGET, NULL, 0, 0},
	  {0, BAD, NET "1", LONG, 0}, {60, BAD, NET "2", LONG, 0}, {0, BAD, NET "3", LONG, 0},
	  {0, BAD, NET "4", LONG, 0}}},
};
/* clang-format on */

static void take(struct rollup *rollup, const struct step *step, uint32_t now)
{
	struct prefix prefix;
	struct addr addr;

	if (step->what == LOOK)
		return;
	if (step->what == FORGET) {
		if (step->addr)
			prefix = prefix_of(step->addr);
		rollup_forget(rollup, step->addr ? &prefix : NULL, now);
		return;
	}
	addr = addr_of(step->addr);
	if (step->what == BAD)
		rollup_on_bad(rollup, &addr, step->count_sec, now);
	else if (step->what == GOOD)
		rollup_on_good(rollup, &addr, now);
	else
		rollup_drop(rollup, &addr, now);
}

Test(rollup, stories)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct told told;
		struct rollup *rollup = rollup_of(4, 60, &told);
		uint32_t now = NOW;

		for (unsigned int n = 0; n < STEPS && (n == 0 || stories[i].steps[n].addr ||
						       stories[i].steps[n].what != BAD);
		     n++) {
			const struct step *step = &stories[i].steps[n];

			now += step->after_sec;
			take(rollup, step, now);
			cr_expect_eq(is_up(rollup, 0, now), step->up, "%s: step %u",
				     stories[i].label, n);
			/* What was told last is what is so, but for time that went by. */
			if (step->what != LOOK)
				cr_expect_eq(now < told.until_sec, step->up, "%s: told at step %u",
					     stories[i].label, n);
		}
		rollup_free(rollup);
	}
}

/* --- who may be meant ----------------------------------------------------------------------- */

/*
 * A flood forges the addresses of a victim's /64, thousands that have no PTR, and its mail
 * server, which has one, has not connected yet. The network is rolled up, since nothing
 * else can be known; what is said of the server is found by its own lookup alone, and that
 * undoes it for as long as it is remembered, whatever the flood goes on to forge.
 */
Test(rollup, a_server_among_forged_neighbours)
{
	struct told told;
	struct rollup *rollup = rollup_of(16, 60, &told);
	struct addr server = member(7, 25);
	struct rollup_info info;

	for (unsigned int i = 0; i < 5000; i++)
		bad(rollup, 7, 1000 + i, 1, NOW + i / 10);
	cr_expect(is_up(rollup, 7, NOW + 500));
	cr_assert(rollup_find(rollup, &server, NOW + 500, &info));
	for (unsigned int i = 0; i < info.count; i++)
		cr_expect_not(addr_equal(&info.addresses[i].addr, &server));
	cr_expect_not(rollup_has_good(rollup, &server, NOW + 500));
	rollup_on_good(rollup, &server, NOW + 501);
	cr_expect(rollup_has_good(rollup, &info.addresses[0].addr, NOW + 501));
	cr_expect_not(is_up(rollup, 7, NOW + 501));
	cr_expect_eq(told.until_sec, 0);
	told.begun = 0;
	for (unsigned int i = 0; i < 5000; i++)
		bad(rollup, 7, 100000 + i, 1, NOW + 502 + i * 30);
	cr_expect_eq(told.begun, 0);
	cr_expect_not(is_up(rollup, 7, NOW + 502 + 5000 * 30));
	rollup_free(rollup);
}

/* Known from before, as a restart tells it: by when it was good. */
Test(rollup, known_good_from_before)
{
	static const struct {
		const char *label;
		uint32_t age_sec;
		bool up;
	} rows[] = {
		{"just now", 0, false},
		{"almost two days ago", HISTORY_GOOD_SEC - 60, false},
		{"two days ago when the fourth comes", HISTORY_GOOD_SEC - 59, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;
		struct rollup *rollup = rollup_of(4, 0, &told);
		struct addr server = member(0, 25);

		rollup_on_good(rollup, &server, NOW - rows[i].age_sec);
		/* What is known better is not taken away. */
		rollup_on_good(rollup, &server, NOW - rows[i].age_sec - 500);
		bad(rollup, 0, 1, 4, NOW + 60);
		cr_expect_eq(is_up(rollup, 0, NOW + 60), rows[i].up, "%s", rows[i].label);
		rollup_free(rollup);
	}
}

/* --- bounds --------------------------------------------------------------------------------- */

/*
 * However many networks come, no more are up at once than there are places, each that
 * makes way is told to have ended, and good ones are neither crowded out by bad ones nor
 * the other way round.
 */
Test(rollup, crowd_of_networks)
{
	struct told told;
	struct rollup *rollup = rollup_of(4, 0, &told);
	unsigned int up = 0, listed = 0, forgotten = 0;
	struct rollup_info info;
	uint32_t at = 0;

	for (uint32_t net = 1000000; net < 1000100; net++) {
		struct addr addr = member(net, 25);

		rollup_on_good(rollup, &addr, NOW);
	}
	for (uint32_t net = 0; net < 3 * ROLLUP_NETS; net++) {
		bad(rollup, net, 1, 4, NOW + net / 100);
		cr_assert(is_up(rollup, net, NOW + net / 100), "the newest finds a place");
	}
	for (uint32_t net = 0; net < 3 * ROLLUP_NETS; net++)
		up += is_up(rollup, net, NOW + 200);
	cr_expect_leq(up, ROLLUP_NETS);
	cr_expect_geq(up, ROLLUP_NETS * 9 / 10, "%u", up);
	cr_expect_eq(told.begun - told.ended, up, "%u - %u, %u", told.begun, told.ended, up);
	while (rollup_next(rollup, &at, NOW + 200, &info))
		listed++;
	cr_expect_eq(listed, up);
	for (uint32_t net = 1000000; net < 1000100; net++) {
		bad(rollup, net, 1, 4, NOW + 200);
		forgotten += is_up(rollup, net, NOW + 200);
	}
	cr_expect_eq(forgotten, 0);
	rollup_forget(rollup, NULL, NOW + 200);
	cr_expect_eq(told.begun, told.ended);
	rollup_free(rollup);
}

/* Those that are up stay, as long as others may make way. */
Test(rollup, who_makes_way)
{
	struct told told;
	struct rollup *rollup = rollup_of(4, 0, &told);

	bad(rollup, 5, 1, 4, NOW);
	for (uint32_t net = 100; net < 100 + 20 * ROLLUP_NETS; net++)
		bad(rollup, net, 1, 3, NOW + 1);
	cr_expect(is_up(rollup, 5, NOW + 2));
	cr_expect_eq(told.ended, 0);
	rollup_free(rollup);
}

/* The same networks under another seed meet elsewhere. */
Test(rollup, seed_decides_who_makes_way)
{
	struct told told;
	uint64_t lost[2] = {0};

	for (uint64_t seed = 0; seed < 2; seed++) {
		const struct rollup_conf conf = {.addresses = 4, .seed = seed};
		struct rollup *rollup = rollup_new(&conf, on_change, &told);

		cr_assert(rollup);
		for (uint32_t net = 0; net < ROLLUP_NETS; net++)
			bad(rollup, net, 1, 4, NOW);
		for (uint32_t net = 0; net < ROLLUP_NETS; net++)
			if (!is_up(rollup, net, NOW))
				lost[seed] = lost[seed] * 31 + net;
		rollup_free(rollup);
	}
	cr_expect_neq(lost[0], lost[1]);
}

/* More addresses than are remembered: the latest of them are. */
Test(rollup, what_is_told)
{
	struct told told;
	struct rollup *rollup = rollup_of(32, 60, &told);
	struct rollup_info info;
	struct addr addr = member(3, 77);
	struct prefix want = prefix_of("2001:db8:0:3::/64");
	uint32_t at = 0;

	for (unsigned int i = 0; i < 100; i++)
		bad(rollup, 3, i, 1, NOW + 2 * i);
	cr_assert(rollup_find(rollup, &addr, NOW + 200, &info));
	cr_expect(prefix_equal(&info.net, &want));
	cr_expect(prefix_equal(&told.net, &want));
	cr_expect_eq(info.since_sec, NOW + 62);
	cr_expect_eq(info.until_sec, NOW + 2 * 68 + LONG);
	cr_expect_eq(told.until_sec, info.until_sec);
	cr_assert_eq(info.count, ROLLUP_ADDRESSES_MAX);
	for (unsigned int i = 0; i < info.count; i++) {
		struct addr each = member(3, 68 + i);

		cr_expect(addr_equal(&info.addresses[i].addr, &each), "%u", i);
		cr_expect_eq(info.addresses[i].first_sec, NOW + 2 * (68 + i));
		cr_expect_eq(info.addresses[i].until_sec, NOW + 2 * (68 + i) + LONG);
	}
	cr_expect(rollup_next(rollup, &at, NOW + 200, &info));
	cr_expect(prefix_equal(&info.net, &want));
	cr_expect_not(rollup_next(rollup, &at, NOW + 200, &info));
	at = 0;
	cr_expect_not(rollup_next(rollup, &at, NOW + 2 * 68 + LONG, &info));
	addr = member(4, 77);
	cr_expect_not(rollup_find(rollup, &addr, NOW + 200, &info));
	rollup_free(rollup);
}

/* The all-zero /64 is one like any other; no rollup at all rolls nothing up. */
Test(rollup, corners)
{
	struct told told;
	struct rollup *rollup = rollup_of(4, 0, &told);
	struct addr addr = addr_of("2001:db8::1"), zero = {.family = 6};
	struct rollup_info info;
	uint32_t at = 0;

	cr_expect_not(rollup_is_up(rollup, &zero, NOW));
	for (unsigned int i = 0; i < 4; i++) {
		zero.bytes[15] = (uint8_t)i;
		rollup_on_bad(rollup, &zero, LONG, NOW);
	}
	cr_expect(rollup_is_up(rollup, &zero, NOW));
	rollup_on_good(rollup, &zero, NOW);
	cr_expect_not(rollup_is_up(rollup, &zero, NOW));
	rollup_free(rollup);
	rollup_on_bad(NULL, &addr, LONG, NOW);
	rollup_on_good(NULL, &addr, NOW);
	rollup_drop(NULL, &addr, NOW);
	rollup_forget(NULL, NULL, NOW);
	cr_expect_not(rollup_is_up(NULL, &addr, NOW));
	cr_expect_not(rollup_has_good(NULL, &addr, NOW));
	cr_expect_not(rollup_find(NULL, &addr, NOW, &info));
	cr_expect_not(rollup_next(NULL, &at, NOW, &info));
	rollup_free(NULL);
}

/* Whoever keeps a table of what was told is told of each end, once. */
Test(rollup, that_the_time_has_come_is_told)
{
	struct told told;
	struct rollup *rollup = rollup_of(4, 0, &told);
	struct prefix net = prefix_of("2001:db8:0:1::/64");

	bad(rollup, 1, 1, 4, NOW);
	bad(rollup, 2, 1, 4, NOW + 10);
	cr_expect_eq(told.begun, 2);
	rollup_expire(rollup, NOW + LONG - 1);
	cr_expect_eq(told.ended, 0, "not yet");
	rollup_expire(rollup, NOW + LONG);
	cr_expect(told.ended == 1 && prefix_equal(&told.net, &net), "the first, and no other");
	rollup_expire(rollup, NOW + LONG + 1);
	cr_expect_eq(told.ended, 1, "once");
	cr_expect(is_up(rollup, 2, NOW + LONG + 1));
	rollup_expire(rollup, NOW + LONG + 10);
	cr_expect_eq(told.ended, 2);
	bad(rollup, 1, 5, 4, NOW + LONG + 20);
	cr_expect(told.begun == 3 && told.ended == 2 && is_up(rollup, 1, NOW + LONG + 20));
	rollup_expire(NULL, NOW);
	rollup_free(rollup);
}

/* As one worker hands it to the next; at apart_sec it would take as long as ever from nothing. */
Test(rollup, from_one_table_to_the_next)
{
	struct told told, next_told;
	struct rollup *rollup = rollup_of(4, 60, &told), *next = rollup_of(4, 60, &next_told);
	struct rollup *good = rollup_of(4, 60, &next_told);
	struct addr one = member(1, 99);
	struct rollup_info info, again;
	uint32_t at = 0, now = NOW + 100;

	bad(rollup, 1, 1, 4, NOW);
	bad(rollup, 1, 5, 1, NOW + 90);
	bad(rollup, 2, 1, 3, NOW);
	cr_assert(rollup_next(rollup, &at, now, &info));
	cr_expect_eq(info.count, 5);
	rollup_on_good(good, &one, now - 1000);
	for (unsigned int i = 0; i < info.count; i++) {
		rollup_restore(next, &info.addresses[i], now);
		rollup_restore(good, &info.addresses[i], now);
		rollup_restore(NULL, &info.addresses[i], now);
	}
	at = 0;
	cr_assert(rollup_next(next, &at, now, &again));
	cr_expect_eq(again.until_sec, info.until_sec);
	cr_expect_eq(again.count, info.count);
	for (unsigned int i = 0; i < info.count; i++) {
		cr_expect(addr_equal(&again.addresses[i].addr, &info.addresses[i].addr), "%u", i);
		cr_expect_eq(again.addresses[i].first_sec, info.addresses[i].first_sec);
		cr_expect_eq(again.addresses[i].until_sec, info.addresses[i].until_sec);
	}
	cr_expect(next_told.begun > 0 && next_told.until_sec == info.until_sec);
	cr_expect_not(is_up(good, 1, now), "one that is good is known there");
	cr_expect(is_up(next, 1, NOW + LONG - 1));
	cr_expect_not(is_up(next, 1, NOW + LONG), "no longer than it would have been");
	rollup_free(rollup);
	rollup_free(next);
	rollup_free(good);
}

Test(rollup, what_is_handed_over_may_be_anything)
{
	static const struct {
		const char *addr;
		uint32_t first_sec, until_sec;
	} rows[] = {
		{"192.0.2.1", NOW - 100, NOW + 100},     {"2001:db8::1", NOW - 100, NOW},
		{"2001:db8::2", NOW - 2000, NOW - 1000}, {"2001:db8::3", NOW + 1, NOW + 100},
		{"2001:db8::4", NOW - 100, UINT32_MAX},
	};
	struct told told;
	struct rollup *rollup = rollup_of(4, 0, &told);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rollup_address address = {addr_of(rows[i].addr), rows[i].first_sec,
						       rows[i].until_sec};

		rollup_restore(rollup, &address, NOW);
	}
	cr_expect_eq(told.begun, 0, "one of them counts");
	bad(rollup, 0, 0x10, 2, NOW);
	cr_expect_not(is_up(rollup, 0, NOW));
	bad(rollup, 0, 0x12, 1, NOW);
	cr_expect(is_up(rollup, 0, NOW));
	cr_expect_leq(told.until_sec, NOW + LONG);
	rollup_free(rollup);
}
