// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* When the breaker opens, for whom, whom it asks, and when it closes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/breaker.h"

#define NOW 1000000u

struct world {
	struct breaker *breaker;
	uint32_t now;
	uint32_t memory_sec; /* of what is bad */
	unsigned int opened, closed;
	char last[BREAKER_SCOPE_MAX];
	struct breaker_info info;
};

static const struct breaker_conf CONF = {
	.window_sec = 600,
	.flips = 3,
	.share_pct = 50,
	.total_flips = 20,
	.total_share_pct = 10,
	.longest_sec = 86400,
};

static void on_change(const struct breaker_info *info, bool is_open, void *user)
{
	struct world *world = user;

	if (is_open)
		world->opened++;
	else
		world->closed++;
	breaker_scope_name(info, world->last);
	world->info = *info;
}

static void begin(struct world *world, const struct breaker_conf *conf)
{
	memset(world, 0, sizeof(*world));
	world->now = NOW;
	world->breaker = breaker_new(conf, 7, on_change, world);
	cr_assert_not_null(world->breaker);
}

static struct addr parse(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* Host number n of /24 number net, 256 of which are a /16. */
static struct addr host(unsigned int net, unsigned int n)
{
	struct addr addr = {.family = 4};

	addr.bytes[0] = (uint8_t)(20 + net / 65536);
	addr.bytes[1] = (uint8_t)(net / 256);
	addr.bytes[2] = (uint8_t)net;
	addr.bytes[3] = (uint8_t)n;
	return addr;
}

static void good(struct world *world, struct addr addr, bool was_good)
{
	breaker_on_good(world->breaker, &addr, was_good, 0, world->now);
}

/* Its PTR record, as the resolver has it, lives until then. */
static void good_until(struct world *world, struct addr addr, uint32_t until_sec)
{
	breaker_on_good(world->breaker, &addr, true, until_sec - world->now, world->now);
}

static void flip(struct world *world, struct addr addr)
{
	breaker_on_bad(world->breaker, &addr, true, world->memory_sec, world->now);
}

static void bad(struct world *world, struct addr addr)
{
	breaker_on_bad(world->breaker, &addr, false, world->memory_sec, world->now);
}

static bool is_open(const struct world *world, struct addr addr)
{
	uint32_t since;

	return breaker_since(world->breaker, &addr, &since);
}

/* All that is due to be looked at now. */
static unsigned int looks(struct world *world, struct addr *ret, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && breaker_next(world->breaker, world->now, &ret[n]))
		n++;
	return n;
}

Test(breaker, opens_for_a_zone_at_the_third_flip)
{
	struct world world;

	begin(&world, &CONF);
	flip(&world, host(1, 1));
	flip(&world, host(1, 2));
	cr_expect_not(is_open(&world, host(1, 9)));
	flip(&world, host(1, 3));
	cr_expect(is_open(&world, host(1, 9)), "for every source of the zone");
	cr_expect_eq(world.opened, 1, "the /16, as nobody else is known in it");
	cr_expect_not(is_open(&world, host(256, 9)), "and for no other");
	breaker_free(world.breaker);
}

/* In a /16 with many good ones, three bad ones in one /24 stop that /24 only. */
Test(breaker, the_share_decides_how_wide)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 10; i++)
		good(&world, host(2, i), true);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(1, i));
	cr_expect(is_open(&world, host(1, 9)));
	cr_expect_not(is_open(&world, host(2, 9)));
	cr_expect_eq(world.opened, 1);
	cr_expect_str_eq(world.last, "20.0.1.0/24");
	cr_expect_str_eq(world.info.cause, "flips");
	cr_expect_eq(world.info.flips, 3);
	cr_expect_eq(world.info.stays, 0);
	breaker_free(world.breaker);
}

/* The zone's sample decides, not how often each was looked at: yesterday's health is no news. */
Test(breaker, what_was_good_often_before_does_not_outweigh_what_is_bad_now)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 1000; i++)
		good(&world, host(1, i % 8), true);
	for (unsigned int i = 0; i < 4; i++)
		flip(&world, host(1, i));
	cr_expect(is_open(&world, host(1, 9)));
	breaker_free(world.breaker);
}

/* In a zone with more good ones than are watched, the first flip has the sample asked. */
Test(breaker, a_sample_stands_for_a_large_zone)
{
	struct addr asked[64];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 200; i++)
		good(&world, host(1, i), false);
	flip(&world, host(1, 0));
	n = looks(&world, asked, 64);
	cr_expect_eq(n, 16, "eight of the /24, eight of the /16: %u", n);
	for (unsigned int i = 0; i < 4; i++)
		flip(&world, asked[i]);
	cr_expect(is_open(&world, host(1, 9)), "half of the sample is bad");
	breaker_free(world.breaker);
}

Test(breaker, few_among_many_good_ones_open_nothing)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good(&world, host(1, i), true);
	for (unsigned int i = 100; i < 115; i++)
		flip(&world, host(1, i));
	cr_expect_eq(world.opened, 0);
	breaker_free(world.breaker);
}

/*
 * A big operator's zones are empty, but the resolver still remembers the records of all who
 * were asked about lately. They cannot tell; those whose records have run out can.
 */
Test(breaker, good_from_memory_speaks_for_nobody)
{
	const uint32_t until = NOW + 3600;
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good_until(&world, host(i, 1), until);
	for (unsigned int i = 0; i < 3; i++) {
		world.now += 10;
		cr_expect_not(is_open(&world, host(200, 1)), "flip %u", i);
		flip(&world, host(i, 1));
		n = i < 2 ? looks(&world, asked, 32) : 0;
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], until + k % 2);
	}
	cr_expect(is_open(&world, host(200, 1)));
	cr_expect_str_eq(world.last, "20.0.0.0/16");
	cr_expect_eq(world.info.flips, 3);
	breaker_free(world.breaker);
}

#define TTL 7200u

/*
 * Three hosts of a quiet network turn bad, and the resolver remembers all the others: it opens.
 * seen_sec: so long before that their records were fetched.
 */
static void open_from_memory(struct world *world, const struct breaker_conf *conf,
			     uint32_t seen_sec, uint32_t until_sec)
{
	struct addr asked[32];
	unsigned int n;

	begin(world, conf);
	world->now -= seen_sec;
	for (unsigned int i = 0; i < 100; i++)
		good_until(world, host(i, 1), world->now + TTL);
	world->now += seen_sec;
	for (unsigned int i = 0; i < 3; i++)
		flip(world, host(i, 1));
	n = looks(world, asked, 32);
	for (unsigned int k = 0; k < n; k++)
		good_until(world, asked[k], until_sec);
	cr_assert(is_open(world, host(200, 1)));
}

/* Every second until then, or until it closes, whoever is asked answers; when that was. */
static uint32_t ask_until(struct world *world, uint32_t end_sec, uint32_t remembered_sec,
			  unsigned int lost)
{
	struct addr asked[32];
	unsigned int n;

	for (; world->now < end_sec && world->closed == 0; world->now++) {
		n = looks(world, asked, 32);
		for (unsigned int k = 0; k < n; k++) {
			bool is_ours = asked[k].bytes[3] == 1;

			cr_assert(is_ours);
			if (asked[k].bytes[2] < 3)
				bad(world, asked[k]);
			else if (world->now < remembered_sec)
				good_until(world, asked[k], remembered_sec);
			else if (asked[k].bytes[2] >= 100 - lost)
				flip(world, asked[k]);
			else
				good_until(world, asked[k], world->now + TTL);
		}
	}
	return world->now;
}

/* Who was good from memory only has its say as soon as the zone itself must have answered. */
Test(breaker, closes_when_the_silent_ones_have_spoken)
{
	const uint32_t end = NOW + CONF.longest_sec - 100;
	struct addr asked[32];
	struct world world;
	uint32_t closed;

	open_from_memory(&world, &CONF, 0, NOW + TTL);
	ask_until(&world, NOW + TTL - 100, NOW + TTL, 0);
	flip(&world, host(150, 1));
	closed = ask_until(&world, end, NOW + TTL, 0);
	cr_expect_eq(world.closed, 1);
	cr_expect_geq(closed, NOW + TTL);
	cr_expect_leq(closed, NOW + TTL + 31, "%u", closed - NOW);
	for (unsigned int i = 3; i < 6; i++)
		flip(&world, host(i, 1));
	looks(&world, asked, 32);
	cr_expect(is_open(&world, host(200, 1)), "what they said then is of then");
	breaker_free(world.breaker);
}

/* Who was silent in a doubt that came to nothing may have ended since. */
Test(breaker, the_silent_ones_are_of_this_doubt)
{
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 10; i < 20; i++)
		good_until(&world, host(i, 9), NOW + TTL);
	for (unsigned int doubt = 0; doubt < 2; doubt++) {
		flip(&world, host(doubt, 1));
		n = looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], NOW + TTL);
		world.now += CONF.window_sec;
		for (unsigned int i = 20; i < 100; i++)
			good_until(&world, host(i, 1), NOW + TTL);
	}
	flip(&world, host(2, 1));
	cr_expect_eq(world.opened, 0);
	flip(&world, host(0, 2));
	flip(&world, host(0, 3));
	n = looks(&world, asked, 32);
	for (unsigned int k = 0; k < n; k++)
		good_until(&world, asked[k], NOW + TTL);
	cr_assert(is_open(&world, host(200, 1)));
	for (; world.now < NOW + 4 * TTL && world.closed == 0; world.now++) {
		n = looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			if (asked[k].bytes[3] == 1 && asked[k].bytes[2] >= 20)
				good_until(&world, asked[k],
					   world.now < NOW + TTL ? NOW + TTL : world.now + TTL);
	}
	cr_expect_eq(world.closed, 1);
	breaker_free(world.breaker);
}

/* One that has spoken before it opened has no second say. */
Test(breaker, nobody_speaks_twice)
{
	const uint32_t end = NOW + CONF.longest_sec - 100;
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good_until(&world, host(i, 1), NOW + TTL);
	flip(&world, host(0, 1));
	n = looks(&world, asked, 32);
	for (unsigned int k = 0; k < n; k++)
		good_until(&world, asked[k], NOW + TTL);
	for (unsigned int i = 92; i < 94; i++)
		good_until(&world, host(i, 1), NOW + TTL + 60);
	for (unsigned int i = 1; i < 3; i++)
		flip(&world, host(i, 1));
	cr_assert(is_open(&world, host(200, 1)));
	cr_expect_eq(world.info.stays, 2);
	ask_until(&world, end, NOW + TTL + 60, 3);
	cr_expect_eq(world.closed, 0, "six are bad of eleven");
	breaker_free(world.breaker);
}

/* Some of them are gone as well: with half of the sample bad it would have opened. */
Test(breaker, stays_open_when_the_silent_ones_are_bad_too)
{
	const uint32_t end = NOW + CONF.longest_sec - 100;
	struct world world;

	for (unsigned int lost = 1; lost <= 8; lost++) {
		open_from_memory(&world, &CONF, 0, NOW + TTL);
		ask_until(&world, end, NOW + TTL, lost);
		cr_expect_eq(world.closed, lost < 3, "three and %u of eight", lost);
		breaker_free(world.breaker);
	}
}

/*
 * A record that was fetched again just before it opened, or that lies in another of the
 * resolver's caches, speaks of the time before: nothing younger than its whole life does.
 */
Test(breaker, the_silent_ones_speak_of_the_time_after_the_opening)
{
	const uint32_t end = NOW + CONF.longest_sec - 100;
	struct world world;
	uint32_t closed;

	open_from_memory(&world, &CONF, TTL - 100, NOW + 100);
	closed = ask_until(&world, end, NOW + 100, 0);
	cr_expect_geq(closed, NOW + TTL, "of another cache: %u", closed - NOW);
	cr_expect_leq(closed, NOW + TTL + 31, "%u", closed - NOW);
	breaker_free(world.breaker);
	open_from_memory(&world, &CONF, 0, NOW + TTL);
	closed = ask_until(&world, end, NOW + TTL + 500, 0);
	cr_expect_geq(closed, NOW + TTL + 500, "fetched again: %u", closed - NOW);
	cr_expect_leq(closed, NOW + TTL + 531, "%u", closed - NOW);
	breaker_free(world.breaker);
}

/* More turned bad than are told apart: no eight that are well outvote them. */
Test(breaker, many_bad_ones_are_not_outvoted)
{
	const uint32_t end = NOW + CONF.longest_sec - 100;
	struct breaker_conf conf = CONF;
	struct world world;

	conf.share_pct = 60;
	open_from_memory(&world, &conf, 0, NOW + TTL);
	for (unsigned int i = 50; i < 55; i++)
		flip(&world, host(i, 2));
	world.now++;
	for (; world.now < end; world.now += 30) {
		struct addr asked[32];
		unsigned int n = looks(&world, asked, 32);

		for (unsigned int k = 0; k < n; k++)
			if (asked[k].bytes[3] == 2 || asked[k].bytes[2] < 3)
				bad(&world, asked[k]);
			else
				good_until(&world, asked[k], world.now + TTL);
	}
	cr_expect_eq(world.closed, 0);
	breaker_free(world.breaker);
}

/* As many flips as were needed came before anybody was asked; who is well again is none of them. */
Test(breaker, flips_wait_until_the_sample_is_asked)
{
	const uint32_t until = NOW + 3600;
	struct addr asked[32];
	struct world world;
	unsigned int n;

	for (unsigned int well = 0; well < 2; well++) {
		begin(&world, &CONF);
		for (unsigned int i = 0; i < 100; i++)
			good_until(&world, host(i, 1), until);
		for (unsigned int i = 0; i < 3; i++)
			flip(&world, host(i, 1));
		for (unsigned int i = 0; i < well; i++)
			good_until(&world, host(i, 1), until + 60);
		cr_expect_eq(world.opened, 0);
		n = looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], until);
		cr_expect_eq(is_open(&world, host(200, 1)), !well, "%u", well);
		breaker_free(world.breaker);
	}
}

/* A narrow zone that is open, the first of a wide one, does not speak for that. */
Test(breaker, a_narrow_zone_covers_no_wide_one)
{
	const uint32_t until = NOW + 3600;
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good_until(&world, host(i < 3 ? 0 : i, 1 + i), until);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(0, 1 + i));
	cr_expect_str_eq(world.last, "20.0.0.0/24");
	n = looks(&world, asked, 32);
	for (unsigned int k = 0; k < n; k++)
		if (asked[k].bytes[2] != 0)
			good_until(&world, asked[k], until);
	cr_expect(is_open(&world, host(200, 1)));
	breaker_free(world.breaker);
}

/* A sample as above, but what they say is news each time: three hosts have ended, all else is well.
 */
Test(breaker, good_afresh_speaks_for_the_zone)
{
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good_until(&world, host(i, 1), NOW + 3600);
	for (unsigned int i = 0; i < 10; i++) {
		world.now += 60;
		flip(&world, host(i, 1));
		n = looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], world.now + 3600);
	}
	cr_expect_eq(world.opened, 0);
	world.now += 3700;
	for (unsigned int i = 10; i < 20; i++) {
		world.now += 60;
		flip(&world, host(i, 1));
		n = looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], world.now + 1);
	}
	cr_expect_eq(world.opened, 0, "once a record has run out, any answer is news");
	breaker_free(world.breaker);
}

/* Those asked are not pushed out by others who come by and are good from memory. */
Test(breaker, who_comes_by_does_not_push_out_the_flipped)
{
	const uint32_t until = NOW + 3600;
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good_until(&world, host(i, 1), until);
	for (unsigned int round = 0; world.opened == 0 && round < 5; round++) {
		world.now += 30;
		flip(&world, host(round, 1));
		n = world.opened ? 0 : looks(&world, asked, 32);
		for (unsigned int k = 0; k < n; k++)
			good_until(&world, asked[k], until);
		for (unsigned int i = 0; i < 100; i++)
			good_until(&world, host(i, 100 + round), until);
	}
	cr_expect(is_open(&world, host(200, 1)));
	cr_expect_str_eq(world.last, "20.0.0.0/16");
	breaker_free(world.breaker);
}

/* Sources that nobody knew to be good say nothing: most of the Internet's bad ones. */
Test(breaker, unknown_sources_found_bad_open_nothing)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 200000; i++)
		bad(&world, host(i / 256, i % 256));
	cr_expect_eq(world.opened, 0);
	breaker_free(world.breaker);
}

/* A big operator: one host in each of many zones. No zone has three; together they are many. */
Test(breaker, opens_for_everything)
{
	struct addr other = host(65536, 1);
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 100; i++)
		good(&world, host(4096 + 256 * i, 1), true);
	for (unsigned int i = 0; i < 19; i++)
		flip(&world, host(65536 * 3 + 256 * i, 1));
	cr_expect_eq(world.opened, 0);
	flip(&world, host(65536 * 3 + 256 * 19, 1));
	cr_expect_eq(world.opened, 1);
	cr_expect_str_eq(world.last, "everything");
	cr_expect(is_open(&world, other));
	breaker_free(world.breaker);
}

/* Who holds one network, however large, cannot open it for everybody. */
Test(breaker, one_network_is_not_everything)
{
	struct addr six;
	struct world world;

	begin(&world, &CONF);
	for (unsigned int window = 0; window < 3; window++) {
		for (unsigned int i = 0; i < 500; i++) {
			six = parse("2001:db8::1");
			six.bytes[4] = (uint8_t)(i >> 8);
			six.bytes[5] = (uint8_t)i;
			six.bytes[15] = (uint8_t)window;
			flip(&world, six);
			if (i < 200)
				flip(&world, host(i, window));
		}
		world.now += CONF.window_sec;
	}
	for (unsigned int i = 0; i < 1500; i++) {
		six = parse("2001:db8::8:0");
		six.bytes[4] = (uint8_t)(i / 3 >> 8);
		six.bytes[5] = (uint8_t)(i / 3);
		six.bytes[15] = (uint8_t)i;
		flip(&world, six);
	}
	cr_expect_not(is_open(&world, host(65536 * 9, 1)));
	cr_expect_leq(world.opened, 3, "%u scopes", world.opened);
	for (unsigned int i = 0; i < 1; i++)
		flip(&world, host(65536 * 3 + 256 * i, 1));
	for (unsigned int i = 0; i < 20; i++)
		flip(&world, host(i, 77));
	cr_expect_not(is_open(&world, host(65536 * 9, 1)), "three");
	flip(&world, host(65536 * 4, 1));
	cr_expect(is_open(&world, host(65536 * 9, 1)), "four");
	breaker_free(world.breaker);
}

Test(breaker, old_flips_are_forgotten)
{
	struct world world;

	begin(&world, &CONF);
	flip(&world, host(1, 1));
	flip(&world, host(1, 2));
	world.now += 2 * CONF.window_sec;
	flip(&world, host(1, 3));
	cr_expect_eq(world.opened, 0, "two windows later");
	world.now += CONF.window_sec - 1;
	flip(&world, host(1, 4));
	world.now += 1;
	flip(&world, host(1, 5));
	cr_expect_eq(world.opened, 1, "across the border of two windows");
	breaker_free(world.breaker);
}

/* The first flip has the neighbours looked at; what that finds opens it within seconds. */
Test(breaker, neighbours_are_asked_at_the_first_flip)
{
	struct addr asked[32];
	unsigned int n, i;
	struct world world;

	begin(&world, &CONF);
	for (i = 0; i < 5; i++)
		good(&world, host(1, i), false);
	cr_expect_eq(looks(&world, asked, 32), 0, "all is well");
	flip(&world, host(1, 0));
	n = looks(&world, asked, 32);
	cr_expect_eq(n, 8, "four neighbours, as the /24's and as the /16's: %u", n);
	cr_expect_eq(looks(&world, asked + n, 32 - n), 0, "once");
	for (i = 0; i < n; i++)
		cr_expect_not(addr_equal(&asked[i], &(struct addr){.family = 0}));
	flip(&world, host(1, 1));
	flip(&world, host(1, 2));
	cr_expect_eq(world.opened, 1);
	breaker_free(world.breaker);
}

Test(breaker, neighbours_are_not_asked_more_often_than_twice_a_minute)
{
	struct addr asked[32];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 8; i++)
		good(&world, host(1, i), false);
	for (unsigned int i = 100; i < 115; i++) {
		flip(&world, host(1, i));
		n = looks(&world, asked, 32);
		cr_expect_eq(n, i == 100 ? 16 : 0, "%u: %u", i, n);
	}
	world.now += 30;
	flip(&world, host(1, 200));
	n = looks(&world, asked, 32);
	cr_expect_eq(n, 16, "%u", n);
	breaker_free(world.breaker);
}

/* An hour in which all was well does not outweigh the minutes in which it is not. */
Test(breaker, the_present_window_counts_by_itself)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 5000; i++)
		good(&world, host(4096 + 256 * (i % 1000), 1), true);
	world.now += CONF.window_sec;
	for (unsigned int i = 0; i < 20; i++)
		flip(&world, host(65536 * 3 + 256 * i, 1));
	cr_expect_str_eq(world.last, "everything");
	breaker_free(world.breaker);
}

Test(breaker, closes_when_half_of_the_flipped_are_good_again)
{
	struct addr asked[64];
	struct world world;
	unsigned int n;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 4; i++)
		good(&world, host(1, i), false);
	for (unsigned int i = 4; i < 8; i++)
		flip(&world, host(1, i));
	cr_expect_eq(world.opened, 1);
	/* The good neighbours were good before, too: that is no recovery. */
	good(&world, host(1, 0), true);
	cr_expect(is_open(&world, host(1, 9)));
	for (unsigned int i = 20; i < 40; i++)
		good(&world, host(1, i), false);
	cr_expect(is_open(&world, host(1, 9)), "nor are others that are good");
	n = looks(&world, asked, 64);
	cr_expect_geq(n, 4, "those that flipped are asked: %u", n);
	world.now += 29;
	cr_expect_eq(looks(&world, asked, 64), 0);
	world.now += 1;
	cr_expect_eq(looks(&world, asked, 64), 4, "every 30 s");
	good(&world, host(1, 4), false);
	cr_expect(is_open(&world, host(1, 9)), "one of four");
	good(&world, host(1, 5), false);
	good(&world, host(1, 6), false);
	cr_expect_not(is_open(&world, host(1, 9)));
	cr_expect_eq(world.closed, 1);
	world.now += 60;
	cr_expect_eq(looks(&world, asked, 64), 0, "nobody is asked any more");
	flip(&world, host(1, 10));
	flip(&world, host(1, 11));
	cr_expect_not(is_open(&world, host(1, 9)), "what was counted before is gone");
	breaker_free(world.breaker);
}

Test(breaker, a_bad_one_found_bad_again_is_no_recovery)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(1, i));
	for (unsigned int i = 0; i < 100; i++)
		bad(&world, host(1, i % 3));
	cr_expect(is_open(&world, host(1, 9)));
	cr_expect_eq(world.closed, 0);
	breaker_free(world.breaker);
}

Test(breaker, closes_after_the_longest_time)
{
	struct addr asked[64];
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(1, i));
	for (unsigned int i = 0; i < 24 * 60; i++) {
		world.now += 59;
		looks(&world, asked, 64);
		for (unsigned int k = 0; k < 3; k++)
			bad(&world, host(1, k));
	}
	cr_expect(is_open(&world, host(1, 9)), "not before");
	world.now += 24 * 60;
	looks(&world, asked, 64);
	cr_expect_not(is_open(&world, host(1, 9)));
	breaker_free(world.breaker);
}

Test(breaker, the_operators_canaries)
{
	struct breaker_conf conf = CONF;
	struct addr asked[8];
	struct world world;

	conf.canaries[0].addr = parse("192.0.2.25");
	conf.canaries[1].addr = parse("198.51.100.25");
	conf.canaries[2].addr = parse("2001:db8::25");
	conf.canary_count = 3;
	begin(&world, &conf);
	cr_expect_eq(looks(&world, asked, 8), 3);
	cr_expect(addr_equal(&asked[2], &conf.canaries[2].addr));
	cr_expect_eq(looks(&world, asked, 8), 0);
	world.now += 59;
	cr_expect_eq(looks(&world, asked, 8), 0);
	world.now += 1;
	cr_expect_eq(looks(&world, asked, 8), 3, "every minute");
	bad(&world, conf.canaries[0].addr);
	cr_expect_eq(world.opened, 0, "one may be broken by itself");
	bad(&world, conf.canaries[2].addr);
	cr_expect_eq(world.opened, 1);
	cr_expect_str_eq(world.last, "everything");
	cr_expect_str_eq(world.info.cause, "canaries");
	cr_expect_eq(world.info.canaries, 3);
	cr_expect_eq(world.info.recovered, 1);
	world.now += 30;
	cr_expect_eq(looks(&world, asked, 8), 3, "more often while it is open");
	cr_expect(is_open(&world, host(1, 1)));
	good(&world, conf.canaries[2].addr, false);
	cr_expect_eq(world.closed, 1);
	cr_expect_not(is_open(&world, host(1, 1)));
	breaker_free(world.breaker);
}

static void forward(struct world *world, const char *name, const char *addr, bool is_certain)
{
	struct forward_report report = {.is_certain = is_certain};

	strcpy(report.name, name);
	if (addr)
		report.addrs[report.count++] = parse(addr);
	breaker_on_forward(world->breaker, &report, world->now);
}

Test(breaker, canaries_that_are_names)
{
	struct breaker_conf conf = CONF;
	struct aftermath aftermath;
	struct addr asked[8];
	struct world world;

	cr_assert_eq(canary_host_parse("mx.example.com", &conf.canaries[0]), 0);
	cr_assert_eq(canary_host_parse("mx.example.net", &conf.canaries[1]), 0);
	conf.canary_count = 2;
	begin(&world, &conf);
	cr_expect_eq(looks(&world, asked, 8), 0);
	cr_expect_str_eq(breaker_next_name(world.breaker), "mx.example.com");
	cr_expect_str_eq(breaker_next_name(world.breaker), "mx.example.net");
	cr_expect_null(breaker_next_name(world.breaker));
	forward(&world, "mx.example.com", "192.0.2.1", true);
	forward(&world, "mx.example.net", NULL, false);
	cr_expect_eq(looks(&world, asked, 8), 1);
	bad(&world, asked[0]);
	cr_expect_eq(world.opened, 0, "one of two, and of the other nothing is known");
	forward(&world, "mx.example.net", NULL, true);
	cr_expect_eq(world.opened, 1);
	cr_expect_str_eq(world.info.cause, "canaries");
	cr_expect_eq(world.info.canaries, 2);
	cr_expect_eq(world.info.recovered, 0);
	breaker_hand_over(world.breaker, world.now, &aftermath);
	cr_expect_eq(aftermath.count, 0, "the next one sees for itself");
	world.now += 30;
	looks(&world, asked, 8);
	cr_expect_str_eq(breaker_next_name(world.breaker), "mx.example.com", "again");
	forward(&world, "mx.example.com", NULL, false);
	cr_expect_eq(world.closed, 0, "no answer is no recovery");
	forward(&world, "mx.example.com", "192.0.2.1", true);
	cr_expect_eq(world.closed, 0, "nor is an address");
	good(&world, parse("192.0.2.1"), false);
	cr_expect_eq(world.closed, 1);
	breaker_free(world.breaker);
}

/* A canary that never was well keeps it open for the longest time, and not for ever. */
Test(breaker, a_bad_canary_does_not_open_it_again_and_again)
{
	struct breaker_conf conf = CONF;
	struct addr asked[8];
	struct world world;

	conf.canaries[0].addr = parse("192.0.2.25");
	cr_assert_eq(canary_host_parse("mx.example.net", &conf.canaries[1]), 0);
	conf.canary_count = 2;
	begin(&world, &conf);
	for (uint32_t end = NOW + 3 * conf.longest_sec; world.now < end; world.now += 10) {
		if (looks(&world, asked, 8))
			bad(&world, asked[0]);
		if (breaker_next_name(world.breaker))
			forward(&world, "mx.example.net", NULL, true);
	}
	cr_expect_eq(world.opened, 1);
	cr_expect_eq(world.closed, 1);
	cr_expect_not(is_open(&world, host(1, 1)));
	good(&world, parse("192.0.2.25"), false);
	bad(&world, parse("192.0.2.25"));
	cr_expect_eq(world.opened, 2, "one that was well counts again");
	breaker_free(world.breaker);
}

/* A name that cannot be looked up does not open it, and does not let it close. */
Test(breaker, a_name_without_answer_has_not_recovered)
{
	struct breaker_conf conf = CONF;
	struct addr asked[64];
	struct world world;

	cr_assert_eq(canary_host_parse("mx.example.com", &conf.canaries[0]), 0);
	conf.canary_count = 1;
	begin(&world, &conf);
	looks(&world, asked, 64);
	forward(&world, "mx.example.com", "192.0.2.1", true);
	looks(&world, asked, 64);
	good(&world, parse("192.0.2.1"), false);
	forward(&world, "mx.example.com", NULL, false);
	cr_expect_eq(world.opened, 0);
	for (unsigned int i = 0; i < 20; i++)
		flip(&world, host(65536 * 3 + 256 * i, 1));
	cr_expect_str_eq(world.info.cause, "flips");
	for (unsigned int i = 0; i < 20; i++)
		good(&world, host(65536 * 3 + 256 * i, 1), false);
	looks(&world, asked, 64);
	cr_expect(is_open(&world, host(77777, 1)), "the canary is not well");
	forward(&world, "mx.example.com", "192.0.2.1", true);
	good(&world, parse("192.0.2.1"), true);
	cr_expect_not(is_open(&world, host(77777, 1)));
	breaker_free(world.breaker);
}

/* More zones than it can look after: everything, and no place is lost for good. */
Test(breaker, very_many_zones_are_everything)
{
	struct breaker_conf conf = CONF;
	struct addr asked[64];
	unsigned int net, i;
	struct world world;

	conf.total_flips = 1000000;
	begin(&world, &conf);
	for (net = 0; net < 400; net++)
		for (i = 0; i < 3; i++)
			flip(&world, host(net * 256, i));
	cr_expect_str_eq(world.last, "everything");
	cr_expect_str_eq(world.info.cause, "zones");
	cr_expect(is_open(&world, host(65536 * 9, 1)));
	for (unsigned int round = 0; round < 3; round++, world.now += 30)
		while (looks(&world, asked, 64) > 0)
			;
	for (net = 0; net < 400; net++)
		for (i = 0; i < 3; i++)
			good(&world, host(net * 256, i), false);
	cr_expect_not(is_open(&world, host(65536 * 9, 1)));
	cr_expect_eq(world.opened, world.closed);
	for (i = 0; i < 3; i++)
		flip(&world, host(77777, i));
	cr_expect(is_open(&world, host(77777, 9)), "the next is noticed as ever");
	breaker_free(world.breaker);
}

Test(breaker, since_covers_the_time_in_which_flips_were_counted)
{
	struct world world;
	uint32_t since = 0;
	struct addr inside = host(1, 200), outside = host(70000, 1);

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(1, i));
	cr_expect(breaker_since(world.breaker, &inside, &since));
	cr_expect_eq(since, NOW - 2 * CONF.window_sec);
	cr_expect_not(breaker_since(world.breaker, &outside, &since));
	world.now += 1000;
	for (unsigned int i = 0; i < 20; i++)
		flip(&world, host(65536 * 3 + 256 * i, 1));
	cr_expect_str_eq(world.last, "everything");
	cr_expect(breaker_since(world.breaker, &outside, &since));
	cr_expect_eq(since, world.now - 2 * CONF.window_sec);
	cr_expect(breaker_since(world.breaker, &inside, &since));
	cr_expect_eq(since, NOW - 2 * CONF.window_sec, "there it began earlier");
	breaker_free(world.breaker);
}

static struct breaker_trouble trouble_of(const struct world *world, struct addr addr)
{
	return breaker_trouble(world->breaker, &addr, world->now);
}

/* What was found in the two windows before it opened does not count, nor in the two after it. */
Test(breaker, what_comes_after_it_has_closed_does_not_count_at_once)
{
	const uint32_t back = 2 * CONF.window_sec;
	struct breaker_trouble trouble;
	struct world world;

	begin(&world, &CONF);
	cr_expect_eq(trouble_of(&world, host(1, 9)).since_sec, 0);
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(1, i));
	trouble = trouble_of(&world, host(1, 9));
	cr_expect_eq(trouble.since_sec, NOW - back);
	cr_expect_eq(trouble.counts_sec, 0, "it goes on");
	world.now += 500;
	for (unsigned int i = 0; i < 2; i++)
		good(&world, host(1, i), false);
	cr_assert_eq(world.closed, 1);
	trouble = trouble_of(&world, host(1, 9));
	cr_expect_eq(trouble.since_sec, NOW - back);
	cr_expect_eq(trouble.counts_sec, NOW + 500 + back);
	cr_expect_eq(trouble_of(&world, host(256, 9)).since_sec, 0, "nobody else's");
	world.now += AFTERMATH_SEC;
	cr_expect_eq(trouble_of(&world, host(1, 9)).counts_sec, NOW + 500 + back);
	world.now++;
	cr_expect_eq(trouble_of(&world, host(1, 9)).since_sec, 0, "a day later it is forgotten");
	breaker_free(world.breaker);
}

/* As long as those that turned bad say that their absence lives; what others say is nothing. */
Test(breaker, a_long_memory_makes_it_longer)
{
	struct world world;

	begin(&world, &CONF);
	world.memory_sec = 30000; /* of a flip that is no news any more */
	flip(&world, host(1, 9));
	world.now += 2 * CONF.window_sec;
	world.memory_sec = 7000;
	flip(&world, host(1, 1));
	world.memory_sec = 9000;
	flip(&world, host(1, 2));
	world.memory_sec = 50000;
	bad(&world, host(1, 77));
	world.memory_sec = 300;
	flip(&world, host(1, 3));
	for (unsigned int i = 1; i < 3; i++)
		good(&world, host(1, i), false);
	cr_assert_eq(world.closed, 1);
	cr_expect_eq(trouble_of(&world, host(1, 9)).counts_sec, world.now + 9000);
	for (unsigned int i = 11; i < 14; i++)
		flip(&world, host(1, i));
	for (unsigned int i = 11; i < 13; i++)
		good(&world, host(1, i), false);
	cr_assert_not(is_open(&world, host(1, 9)));
	world.now += 60;
	cr_expect_eq(trouble_of(&world, host(1, 9)).counts_sec, world.now - 60 + 9000);
	breaker_free(world.breaker);
}

/* It opens again: who was refused at the beginning of the first time is none it believes. */
Test(breaker, two_troubles_on_one_day_are_one)
{
	struct breaker_trouble trouble;
	struct world world;

	begin(&world, &CONF);
	for (unsigned int round = 0; round < 2; round++, world.now += 20000) {
		for (unsigned int i = 0; i < 3; i++)
			flip(&world, host(1, i));
		trouble = trouble_of(&world, host(1, 9));
		cr_expect_eq(trouble.since_sec, NOW - 2 * CONF.window_sec);
		cr_expect_eq(trouble.counts_sec, 0);
		for (unsigned int i = 0; i < 2; i++)
			good(&world, host(1, i), false);
		cr_assert_eq(world.closed, round + 1);
	}
	breaker_free(world.breaker);
}

static int count_open(const struct breaker_info *info, void *user)
{
	cr_expect_neq(info->opened_sec, 0);
	++*(unsigned int *)user;
	return 0;
}

static uint32_t counts_sec(const struct world *world, struct addr addr)
{
	return breaker_trouble(world->breaker, &addr, world->now).counts_sec;
}

/* To a worker that begins while one zone is in trouble, and another was. */
Test(breaker, what_the_next_one_is_to_know)
{
	struct world world, next;
	struct aftermath aftermath;

	begin(&world, &CONF);
	for (unsigned int i = 1; i <= 3; i++)
		flip(&world, host(1, i));
	world.now += 60;
	for (unsigned int i = 1; i <= 3; i++)
		good(&world, host(1, i), false);
	cr_expect_not(is_open(&world, host(1, 9)));
	world.memory_sec = 3600;
	for (unsigned int i = 1; i <= 3; i++)
		flip(&world, host(300, i));
	cr_expect(is_open(&world, host(300, 9)));
	breaker_hand_over(world.breaker, world.now, &aftermath);
	cr_expect_eq(aftermath.count, 2);

	begin(&next, &CONF);
	next.now = world.now;
	cr_expect_eq(counts_sec(&next, host(1, 9)), 0);
	breaker_take_over(next.breaker, &aftermath);
	cr_expect_not(is_open(&next, host(300, 9)), "it opens by itself");
	cr_expect_eq(counts_sec(&next, host(1, 9)), NOW + 60 + 1200);
	cr_expect_eq(counts_sec(&next, host(300, 9)), NOW + 60 + 3600);
	cr_expect_eq(counts_sec(&next, host(600, 9)), 0);
	breaker_free(world.breaker);
	breaker_free(next.breaker);
}

/* A zone that stays bad when the network around it is well again opens by itself. */
Test(breaker, what_was_covered_opens_when_it_is_not)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 4; i++)
		flip(&world, host(1, i));
	for (unsigned int i = 0; i < 4; i++)
		flip(&world, host(2, i));
	cr_expect_eq(world.opened, 1);
	cr_expect_str_eq(world.last, "20.0.0.0/16");
	for (unsigned int i = 0; i < 4; i++)
		good(&world, host(2, i), false);
	cr_expect_eq(world.closed, 1);
	cr_expect_not(is_open(&world, host(1, 9)));
	bad(&world, host(1, 0));
	cr_expect_str_eq(world.last, "20.0.1.0/24");
	cr_expect(is_open(&world, host(1, 9)));
	cr_expect_not(is_open(&world, host(2, 9)));
	breaker_free(world.breaker);
}

Test(breaker, ipv6_zones_are_48_and_32)
{
	struct world world;
	unsigned int open = 0;
	struct addr addr;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 4; i++) {
		addr = parse("2001:db8:2::1");
		addr.bytes[15] = (uint8_t)i;
		good(&world, addr, true);
	}
	flip(&world, parse("2001:db8:1::1"));
	flip(&world, parse("2001:db8:1:ffff::1"));
	flip(&world, parse("2001:db8:1:2:3:4:5:6"));
	cr_expect_str_eq(world.last, "2001:db8:1::/48");
	cr_expect(is_open(&world, parse("2001:db8:1:8000::1")));
	cr_expect_not(is_open(&world, parse("2001:db8:2::1")));
	breaker_each(world.breaker, count_open, &open);
	cr_expect_eq(open, 1);
	breaker_free(world.breaker);
}

/*
 * Hosts end, and stay bad for ever. They are no part of a trouble that begins long after,
 * so the end of that does not wait for them.
 */
Test(breaker, closes_without_those_that_ended_long_ago)
{
	struct breaker_conf conf = CONF;
	struct world world;

	conf.canary_count = 1;
	conf.canaries[0].addr = host(9, 1);
	begin(&world, &conf);
	for (unsigned int i = 0; i < 8; i++) {
		flip(&world, host(256 * i, 1));
		world.now += 3 * conf.window_sec;
	}
	cr_expect_eq(world.opened, 0);
	bad(&world, host(9, 1));
	cr_expect(is_open(&world, host(5000, 1)));
	cr_expect_str_eq(world.info.cause, "canaries");
	good(&world, host(9, 1), false);
	cr_expect_not(is_open(&world, host(5000, 1)), "the canary is well again");
	breaker_free(world.breaker);
}

Test(breaker, a_zone_closes_without_those_that_ended_long_ago)
{
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 8; i++)
		good(&world, host(3, i), true);
	for (unsigned int i = 0; i < 5; i++) {
		flip(&world, host(3, i));
		world.now += 3 * CONF.window_sec;
	}
	cr_expect_eq(world.opened, 0);
	for (unsigned int i = 5; i < 8; i++)
		flip(&world, host(3, i));
	cr_expect(is_open(&world, host(3, 99)));
	for (unsigned int i = 5; i < 8; i++)
		good(&world, host(3, i), false);
	cr_expect_not(is_open(&world, host(3, 99)));
	breaker_free(world.breaker);
}

/* The zones of IPv4 are remembered, whatever the holder of an IPv6 /32 fills his with. */
Test(breaker, families_do_not_crowd_each_other_out)
{
	struct addr six = {.family = 6, .bytes = {0x2a}};
	struct world world;

	begin(&world, &CONF);
	for (unsigned int i = 0; i < 8; i++)
		good(&world, host(3, i), true);
	world.now++;
	for (unsigned int n = 0; n < 200000; n++) {
		memcpy(six.bytes + 2, &n, sizeof(n));
		good(&world, six, true);
	}
	for (unsigned int i = 0; i < 3; i++)
		flip(&world, host(3, i));
	cr_expect_not(is_open(&world, host(3, 9)), "three of eight are not half of them");
	flip(&world, host(3, 3));
	cr_expect(is_open(&world, host(3, 9)));
	breaker_free(world.breaker);
}

/* However many zones are open, each has its turn: it could not close by itself otherwise. */
Test(breaker, no_open_zone_waits_for_ever)
{
	struct breaker_conf conf = CONF;
	struct addr due[32];
	bool seen[200] = {false};
	struct world world;
	unsigned int n, missed = 0;

	conf.total_flips = 1000000;
	begin(&world, &conf);
	for (unsigned int zone = 0; zone < 200; zone++)
		for (unsigned int i = 0; i < 8; i++)
			flip(&world, host(256 * zone, i));
	cr_expect_eq(world.opened, 200);
	for (unsigned int second = 0; second < 120; second++, world.now++) {
		n = looks(&world, due, 32);
		for (unsigned int i = 0; i < n; i++)
			seen[due[i].bytes[1]] = true;
	}
	for (unsigned int zone = 0; zone < 200; zone++)
		missed += !seen[zone];
	cr_expect_eq(missed, 0, "%u of 200 were never looked at", missed);
	breaker_free(world.breaker);
}
