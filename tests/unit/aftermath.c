// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Where the breaker has closed lately: who is in it, for how long, and when there are many. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/aftermath.h"

#define NOW 1000000u

static struct addr parse(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix;
	const char *why;

	cr_assert_eq(prefix_parse(text, &prefix, &why), 0, "%s", text);
	return prefix;
}

struct found {
	bool is_there;
	uint32_t since, counts;
};

static struct found find(const struct aftermath *aftermath, const char *text, uint32_t now)
{
	struct addr addr = parse(text);
	struct found found = {0};

	found.is_there = aftermath_find(aftermath, &addr, now, &found.since, &found.counts);
	return found;
}

static void add(struct aftermath *aftermath, const char *text, uint32_t since, uint32_t memory,
		uint32_t now)
{
	struct prefix zone = {0};

	if (*text)
		zone = prefix(text);
	aftermath_add(aftermath, &zone, since, memory, now);
}

Test(aftermath, of_all_that_cover_it)
{
	struct aftermath aftermath = {.count = 0};
	struct found found;

	cr_expect_not(find(&aftermath, "192.0.2.1", NOW).is_there);
	add(&aftermath, "192.0.2.0/24", NOW - 100, 600, NOW);
	add(&aftermath, "192.0.0.0/16", NOW - 50, 900, NOW + 10);
	found = find(&aftermath, "192.0.2.1", NOW + 10);
	cr_expect(found.is_there);
	cr_expect_eq(found.since, NOW - 100);
	cr_expect_eq(found.counts, NOW + 910);
	found = find(&aftermath, "192.0.3.1", NOW + 10);
	cr_expect_eq(found.since, NOW - 50);
	cr_expect_not(find(&aftermath, "192.1.2.1", NOW + 10).is_there);
	cr_expect_not(find(&aftermath, "c000:200::1", NOW + 10).is_there);
	found = find(&aftermath, "192.0.2.1", NOW + AFTERMATH_SEC + 1);
	cr_expect_eq(found.since, NOW - 50, "that of the /24 has ended");
	cr_expect_not(find(&aftermath, "192.0.2.1", NOW + AFTERMATH_SEC + 11).is_there);
}

Test(aftermath, everything)
{
	struct aftermath aftermath = {.count = 0};

	add(&aftermath, "", NOW - 100, 600, NOW);
	cr_expect_eq(find(&aftermath, "192.0.2.1", NOW).counts, NOW + 600);
	cr_expect_eq(find(&aftermath, "2001:db8::1", NOW).since, NOW - 100);
}

Test(aftermath, the_same_zone_again_and_a_memory_too_long)
{
	struct aftermath aftermath = {.count = 0};
	struct found found;

	add(&aftermath, "192.0.2.0/24", NOW - 100, 600, NOW);
	add(&aftermath, "192.0.2.0/24", NOW + 100, UINT32_MAX, NOW + 200);
	cr_expect_eq(aftermath.count, 1);
	found = find(&aftermath, "192.0.2.1", NOW + 200);
	cr_expect_eq(found.since, NOW - 100);
	cr_expect_eq(found.counts, NOW + 200 + AFTERMATH_SEC);
	add(&aftermath, "192.0.2.0/24", NOW + 900000, 600, NOW + 900000);
	found = find(&aftermath, "192.0.2.1", NOW + 900000);
	cr_expect_eq(found.since, NOW + 900000, "what has ended is not dug out");
}

/* As many as there is no room for: one network's become one, and the others stay as they are. */
Test(aftermath, the_holder_of_one_network_crowds_nobody_out)
{
	struct prefix zone = prefix("2001:db8::/48");
	struct aftermath aftermath = {.count = 0};

	add(&aftermath, "192.0.2.0/24", NOW - 100, 600, NOW);
	add(&aftermath, "2001:db9:1::/48", NOW - 100, 600, NOW);
	for (unsigned int i = 0; i < 3 * AFTERMATH_MAX; i++) {
		zone.addr.bytes[4] = (uint8_t)(i >> 8);
		zone.addr.bytes[5] = (uint8_t)i;
		aftermath_add(&aftermath, &zone, NOW, 600, NOW);
		cr_assert_leq(aftermath.count, AFTERMATH_MAX);
	}
	cr_expect(find(&aftermath, "192.0.2.1", NOW).is_there);
	cr_expect(find(&aftermath, "2001:db9:1::1", NOW).is_there);
	cr_expect(find(&aftermath, "2001:db8:1::1", NOW).is_there);
	cr_expect(find(&aftermath, "2001:db8:ffff::1", NOW).is_there, "his whole network");
	cr_expect_not(find(&aftermath, "2001:dba::1", NOW).is_there);
	cr_expect_not(find(&aftermath, "193.0.2.1", NOW).is_there);
}

Test(aftermath, too_many_networks_are_everything)
{
	struct prefix zone = prefix("20.0.0.0/16");
	struct aftermath aftermath = {.count = 0};

	for (unsigned int i = 0; i <= AFTERMATH_MAX; i++) {
		zone.addr.bytes[0] = (uint8_t)(20 + i / 256);
		zone.addr.bytes[1] = (uint8_t)i;
		cr_expect_not(find(&aftermath, "2001:db8::1", NOW).is_there, "%u", i);
		aftermath_add(&aftermath, &zone, NOW + i, 600, NOW + i);
	}
	cr_expect_eq(find(&aftermath, "2001:db8::1", NOW + 300).since, NOW);
}

static struct aftermath copied(const struct aftermath *from, uint32_t then, int64_t shift,
			       uint32_t now)
{
	static char text[AFTERMATH_TEXT_MAX];
	struct aftermath to = {.count = 99};

	aftermath_to_text(from, then, text);
	cr_assert_eq(aftermath_from_text(text, shift, now, &to), 0);
	return to;
}

Test(aftermath, in_words_and_back)
{
	struct aftermath aftermath = {.count = 0}, read;
	struct prefix zone = prefix("2001:db8:1::/48");

	add(&aftermath, "198.51.100.0/24", NOW - AFTERMATH_SEC, 10, NOW - AFTERMATH_SEC + 25);
	add(&aftermath, "192.0.2.0/24", NOW - 100, 600, NOW);
	add(&aftermath, "", NOW - 200, 700, NOW + 10);
	aftermath_add_open(&aftermath, &zone, NOW - 300, 5000, NOW + 20);
	read = copied(&aftermath, NOW + 30, 0, NOW + 90);
	cr_expect_eq(read.count, 3, "the first has ended");
	for (int i = 0; i < 2; i++) {
		const struct aftermath_zone *was = &aftermath.zones[i + 1], *is = &read.zones[i];

		cr_expect(prefix_equal(&is->prefix, &was->prefix), "%d", i);
		cr_expect_eq(is->since_sec, was->since_sec);
		cr_expect_eq(is->closed_sec, was->closed_sec);
		cr_expect_eq(is->counts_sec, was->counts_sec);
	}
	cr_expect(prefix_equal(&read.zones[2].prefix, &zone));
	cr_expect_eq(read.zones[2].since_sec, NOW - 300);
	cr_expect_eq(read.zones[2].closed_sec, NOW + 90, "it went on, and is over now");
	cr_expect_eq(read.zones[2].counts_sec, NOW + 90 + 5000);
	cr_expect_not(read.zones[2].is_open);
	read = (struct aftermath){.count = 0};
	cr_expect_eq(copied(&read, NOW, 0, NOW).count, 0);
}

/* The clock begins anew: nothing comes to lie before the first moment, nor has gone by. */
Test(aftermath, of_another_clock)
{
	struct aftermath aftermath = {.count = 0}, read;

	add(&aftermath, "192.0.2.0/24", NOW - 5000, 600, NOW - 300);
	read = copied(&aftermath, NOW, 1000 - (int64_t)NOW, 1000);
	cr_expect_eq(read.zones[0].since_sec, 1);
	cr_expect_eq(read.zones[0].closed_sec, 700);
	cr_expect_eq(read.zones[0].counts_sec, 1300);
	read = copied(&aftermath, NOW, 5000000, NOW);
	cr_expect_eq(read.zones[0].closed_sec, NOW, "no later than now");
	cr_expect_eq(read.zones[0].counts_sec, NOW + 600);
}

Test(aftermath, as_many_as_there_can_be)
{
	struct aftermath aftermath = {.count = 0};
	struct prefix zone = prefix("2001:db8:1000:1000:1000:1000:1000:0/112");

	for (unsigned int i = 0; i < AFTERMATH_MAX; i++) {
		zone.addr.bytes[2] = (uint8_t)i;
		aftermath_add_open(&aftermath, &zone, UINT32_MAX - 100000, 90000,
				   UINT32_MAX - 90000);
	}
	cr_expect_eq(copied(&aftermath, UINT32_MAX - 90000, 0, UINT32_MAX - 90000).count,
		     AFTERMATH_MAX);
}

Test(aftermath, what_cannot_be_read)
{
	static const char *const texts[] = {
		"192.0.2.0/24",
		"192.0.2.0/24 1 2 3",
		"192.0.2.0/24 1 2 3 ajar",
		"192.0.2.0/24 1 3 2 open",
		"192.0.2.0/24 1 2 4294967296 open",
		"192.0.2.0/24 -1 2 3 open",
		"192.0.2.0 /24 1 2 3 open",
		"192.0.2.1/24 1 2 3 open",
		"nothing 1 2 3 closed",
		"everything 1 2 3 closed\nx",
		"everything 1 2 3 closed now",
		"\x01",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct aftermath read = {.count = 99};
		char text[128];

		strcpy(text, texts[i]);
		cr_expect_eq(aftermath_from_text(text, 0, NOW, &read), -EBADMSG, "%s", texts[i]);
		cr_expect_eq(read.count, 99, "untouched");
	}
}
