// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What may be a canary, when one is well, and what is looked at and asked for when. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/canaries.h"

#define NOW     1000000u
#define LONGEST 3600u

struct world {
	struct canaries canaries;
	uint32_t now;
	bool is_open;
};

static struct addr parse(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* hosts: separated by spaces. */
static void begin(struct world *world, const char *hosts)
{
	struct canary_host list[CANARIES_MAX];
	char text[256], *save, *word;
	unsigned int count = 0;

	strcpy(text, hosts);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		cr_assert_eq(canary_host_parse(word, &list[count++]), 0, "%s", word);
	memset(world, 0, sizeof(*world));
	world->now = NOW;
	canaries_init(&world->canaries, list, count, LONGEST);
}

/* All that is to be looked at and asked for now: "192.0.2.1 mx.example.com?". */
static const char *due(struct world *world)
{
	static char text[1024];
	char one[ADDR_TEXT_MAX];
	struct addr addr;
	const char *name;
	size_t used = 0;

	text[0] = '\0';
	while (canaries_next(&world->canaries, world->is_open, world->now, &addr))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
					 addr_format(&addr, one));
	while ((name = canaries_next_name(&world->canaries)))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s?", used ? " " : "",
					 name);
	return text;
}

static void good(struct world *world, const char *text)
{
	struct addr addr = parse(text);

	canaries_on_good(&world->canaries, &addr);
}

static void bad(struct world *world, const char *text)
{
	struct addr addr = parse(text);

	canaries_on_bad(&world->canaries, &addr, world->now);
}

static void forward(struct world *world, const char *name, const char *list, bool is_certain)
{
	struct forward_report report = {.is_certain = is_certain};
	char text[256], *save, *word;

	strcpy(report.name, name);
	strcpy(text, list);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		report.addrs[report.count++] = parse(word);
	canaries_on_forward(&world->canaries, &report, world->now);
}

static enum canary_state state(const struct world *world, unsigned int i)
{
	return world->canaries.list[i].state;
}

#define MX "mx.example.com"

Test(canaries, what_may_be_one)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} rows[] = {
		{"192.0.2.25", "192.0.2.25"},
		{"2001:DB8:0::25", "2001:db8::25"},
		{"::ffff:192.0.2.25", "192.0.2.25"},
		{"mx.example.com", "mx.example.com"},
		{"MX.Example.COM.", "mx.example.com"},
		{"out_1.xn--mxa.example", "out_1.xn--mxa.example"},
		{"0.pool.ntp.org", "0.pool.ntp.org"},
		{"a.b", "a.b"},
		{"", NULL},
		{".", NULL},
		{"mx", NULL},
		{"localhost.", NULL},
		{"10.1.2.3", NULL},
		{"127.0.0.1", NULL},
		{"fe80::1", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.0/24", NULL},
		{"1.2.3.4.", NULL},
		{"192.0.2.1-5", NULL},
		{"mx..example.com", NULL},
		{".mx.example.com", NULL},
		{"mx.example.com..", NULL},
		{"-mx.example.com", NULL},
		{"mx-.example.com", NULL},
		{"mx.example.com ", NULL},
		{"mx,example.com", NULL},
		{"*.example.com", NULL},
		{"m\303\244il.example.com", NULL},
	};
	char buf[DNS_HOST_TEXT_MAX];
	struct canary_host host;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&host, 0x5a, sizeof(host));
		if (rows[i].want) {
			cr_assert_eq(canary_host_parse(rows[i].text, &host), 0, "%s", rows[i].text);
			cr_expect_str_eq(canary_host_format(&host, buf), rows[i].want);
		} else {
			cr_expect_eq(canary_host_parse(rows[i].text, &host), -EINVAL, "'%s'",
				     rows[i].text);
			cr_expect_eq(host.name[0], 0x5a, "untouched");
		}
	}
}

Test(canaries, lengths_of_names)
{
	char text[300], label[65];
	struct canary_host host;

	memset(label, 'a', 64);
	label[64] = '\0';
	snprintf(text, sizeof(text), "%s.example", label);
	cr_expect_eq(canary_host_parse(text, &host), -EINVAL, "a label of 64");
	cr_expect_eq(canary_host_parse(text + 1, &host), 0, "of 63");
	for (size_t i = 0; i < 260; i++)
		text[i] = i % 2 ? '.' : 'a';
	text[253] = '\0';
	cr_expect_eq(canary_host_parse(text, &host), 0, "253");
	cr_expect_eq(strlen(host.name), 253);
	strcpy(text + 253, ".");
	cr_expect_eq(canary_host_parse(text, &host), 0, "and a final dot");
	strcpy(text + 253, ".a");
	cr_expect_eq(canary_host_parse(text, &host), -EINVAL, "255");
}

/* While it is well, a name costs what an address does. */
Test(canaries, a_name_that_is_well_is_asked_for_once)
{
	struct world world;

	begin(&world, "192.0.2.25 " MX);
	cr_expect_str_eq(due(&world), "192.0.2.25 " MX "?");
	forward(&world, MX, "198.51.100.1 198.51.100.2", true);
	cr_expect_str_eq(due(&world), "198.51.100.1 198.51.100.2");
	bad(&world, "198.51.100.1");
	cr_expect_eq(state(&world, 1), CANARY_UNKNOWN);
	good(&world, "198.51.100.2");
	cr_expect_eq(state(&world, 1), CANARY_GOOD, "one is enough");
	bad(&world, "198.51.100.1");
	cr_expect_eq(state(&world, 1), CANARY_GOOD, "whoever comes last");
	cr_expect_str_eq(due(&world), "");
	for (unsigned int i = 0; i < 5; i++) {
		world.now += 59;
		cr_expect_str_eq(due(&world), "");
		world.now += 1;
		cr_expect_str_eq(due(&world), "192.0.2.25 198.51.100.2");
		good(&world, "198.51.100.2");
	}
}

/* A name whose one address was well, which is due again. */
static void begin_well(struct world *world)
{
	begin(world, MX);
	due(world);
	forward(world, MX, "198.51.100.1", true);
	due(world);
	good(world, "198.51.100.1");
	world->now += 60;
	cr_expect_str_eq(due(world), "198.51.100.1");
}

Test(canaries, a_known_address_that_is_bad_has_the_name_asked_for)
{
	struct world world;

	begin_well(&world);
	bad(&world, "198.51.100.1");
	cr_expect_eq(state(&world, 0), CANARY_GOOD, "the host may have moved");
	world.now++;
	cr_expect_str_eq(due(&world), MX "?");
	forward(&world, MX, "198.51.100.7", true);
	cr_expect_str_eq(due(&world), "198.51.100.7");
	cr_expect_eq(state(&world, 0), CANARY_GOOD);
	good(&world, "198.51.100.7");
	world.now += 60;
	cr_expect_str_eq(due(&world), "198.51.100.7");
	bad(&world, "198.51.100.7");
	due(&world);
	forward(&world, MX, "198.51.100.7", true);
	cr_expect_eq(state(&world, 0), CANARY_GOOD, "it is not known yet");
	cr_expect_str_eq(due(&world), "198.51.100.7");
	bad(&world, "198.51.100.7");
	cr_expect_eq(state(&world, 0), CANARY_BAD);
	world.now += 60;
	cr_expect_str_eq(due(&world), MX "?", "what it has now is what counts");
}

/* The host may have moved, and left a zone behind that nobody serves. */
Test(canaries, a_known_address_without_answer_has_the_name_asked_for)
{
	struct world world;

	begin_well(&world);
	world.now += 60;
	cr_expect_str_eq(due(&world), MX "?");
	forward(&world, MX, "198.51.100.1 198.51.100.7", true);
	cr_expect_str_eq(due(&world), "198.51.100.1 198.51.100.7");
	good(&world, "198.51.100.7");
	world.now += 60;
	cr_expect_str_eq(due(&world), "198.51.100.7");
}

Test(canaries, what_is_not_known_changes_nothing)
{
	struct world world;

	begin(&world, MX);
	due(&world);
	forward(&world, MX, "", false);
	cr_expect_eq(state(&world, 0), CANARY_UNKNOWN);
	cr_expect_str_eq(due(&world), "");
	world.now += 60;
	cr_expect_str_eq(due(&world), MX "?");
	forward(&world, MX, "198.51.100.1", false);
	cr_expect_str_eq(due(&world), "198.51.100.1");
	bad(&world, "198.51.100.1");
	cr_expect_eq(state(&world, 0), CANARY_UNKNOWN, "there may be a good AAAA");
	world.now += 60;
	due(&world);
	forward(&world, MX, "", true);
	cr_expect_eq(state(&world, 0), CANARY_BAD, "it certainly has none");
	world.now += 60;
	due(&world);
	forward(&world, MX, "", false);
	cr_expect_eq(state(&world, 0), CANARY_BAD, "it has not recovered");
	forward(&world, "other.example.com", "198.51.100.1", true);
	cr_expect_str_eq(due(&world), "", "nobody's name");
}

/* While the breaker is open a name is asked for each time; no answer is no recovery. */
Test(canaries, a_name_recovers_when_it_can_be_looked_up)
{
	struct world world;

	begin(&world, MX);
	due(&world);
	forward(&world, MX, "", false);
	cr_expect_eq(canaries_recovered(&world.canaries), 1, "never well: it holds nobody up");
	world.now += 60;
	due(&world);
	forward(&world, MX, "198.51.100.1", true);
	due(&world);
	good(&world, "198.51.100.1");
	world.is_open = true;
	world.now += 30;
	cr_expect_str_eq(due(&world), MX "?");
	forward(&world, MX, "", false);
	cr_expect_eq(canaries_well(&world.canaries), 1, "it is not bad");
	cr_expect_eq(canaries_recovered(&world.canaries), 0, "nor well enough");
	good(&world, "198.51.100.1");
	cr_expect_eq(canaries_recovered(&world.canaries), 1, "a connection of its host tells it");
	forward(&world, MX, "", false);
	cr_expect_eq(canaries_recovered(&world.canaries), 0);
	world.now += 30;
	cr_expect_str_eq(due(&world), MX "?");
	forward(&world, MX, "198.51.100.1", true);
	cr_expect_str_eq(due(&world), "198.51.100.1");
	good(&world, "198.51.100.1");
	cr_expect_eq(canaries_recovered(&world.canaries), 1);
}

Test(canaries, one_that_is_bad_for_too_long_is_set_aside)
{
	struct world world;

	begin(&world, "192.0.2.25 " MX);
	due(&world);
	good(&world, "192.0.2.25");
	forward(&world, MX, "", true);
	cr_expect_eq(canaries_counted(&world.canaries), 2);
	cr_expect_eq(canaries_well(&world.canaries), 1);
	world.now += LONGEST - 1;
	due(&world);
	forward(&world, MX, "", true);
	cr_expect_eq(canaries_counted(&world.canaries), 2);
	world.now++;
	forward(&world, MX, "", true);
	cr_expect_eq(canaries_counted(&world.canaries), 1);
	cr_expect_eq(canaries_well(&world.canaries), 1);
	world.now += 60;
	cr_expect_str_eq(due(&world), "192.0.2.25 " MX "?", "it is looked at as ever");
	forward(&world, MX, "198.51.100.1", true);
	due(&world);
	good(&world, "198.51.100.1");
	cr_expect_eq(canaries_counted(&world.canaries), 2, "and counts when it is well");
	/* An address as well as a name, also when nothing is heard of it any more. */
	bad(&world, "192.0.2.25");
	world.now += LONGEST;
	due(&world);
	cr_expect_eq(canaries_counted(&world.canaries), 1);
}

Test(canaries, rounds_that_tell_nothing_are_counted)
{
	struct world world;

	begin(&world, "192.0.2.25 " MX);
	for (unsigned int i = 0; i < 4; i++) {
		due(&world);
		cr_expect_eq(world.canaries.list[0].misses, i);
		cr_expect_eq(world.canaries.list[1].misses, i);
		forward(&world, MX, "", false);
		world.now += 60;
	}
	due(&world);
	good(&world, "192.0.2.25");
	forward(&world, MX, "", true);
	world.now += 60;
	due(&world);
	cr_expect_eq(world.canaries.list[0].misses, 0);
	cr_expect_eq(world.canaries.list[1].misses, 0);
	cr_expect_not(world.canaries.list[1].was_good);
	cr_expect(world.canaries.list[0].was_good);
}

/* Two canaries that are one host are both told. */
Test(canaries, an_address_of_two)
{
	struct world world;

	begin(&world, "198.51.100.1 " MX " mx.example.net");
	due(&world);
	forward(&world, MX, "198.51.100.1", true);
	forward(&world, "mx.example.net", "198.51.100.1 198.51.100.2", true);
	bad(&world, "198.51.100.1");
	cr_expect_eq(state(&world, 0), CANARY_BAD);
	cr_expect_eq(state(&world, 1), CANARY_BAD);
	cr_expect_eq(state(&world, 2), CANARY_UNKNOWN);
	good(&world, "198.51.100.1");
	for (unsigned int i = 0; i < 3; i++)
		cr_expect_eq(state(&world, i), CANARY_GOOD);
}
