// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The lookup budget per network: sizes, refill, who shares it, and a crowded table. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "core/budget.h"

#define SEC CLOCK_NS_PER_SEC

static const struct budget_conf conf = {
	.per_minute4 = 600, .per_minute6 = 60, .seed = {0x0123456789abcdefULL, 77}};

static struct addr addr_of(const char *text)
{
	struct addr addr = {0};

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

/* How many of 10,000 requests are granted at this moment. */
static unsigned int grants(struct budget *budget, const char *text, enum budget_kind kind,
			   uint64_t now_ns)
{
	struct addr addr = addr_of(text);
	unsigned int granted = 0;

	for (unsigned int i = 0; i < 10000; i++)
		granted += budget_take(budget, &addr, kind, now_ns);
	return granted;
}

Test(budget, so_many_at_once_and_per_minute)
{
	static const struct {
		const char *label, *addr;
		enum budget_kind kind;
		unsigned int at_ms, granted;
	} rows[] = {
		{"a whole /24's at once", "192.0.2.1", BUDGET_UNKNOWN, 0, 600},
		{"its neighbour has none left", "192.0.2.255", BUDGET_UNKNOWN, 0, 0},
		{"refreshes have their own", "192.0.2.7", BUDGET_REFRESH, 0, 600},
		{"and no more", "192.0.2.8", BUDGET_REFRESH, 0, 0},
		{"the next /24", "192.0.3.1", BUDGET_UNKNOWN, 0, 600},
		{"nothing comes back in 99 ms", "192.0.2.1", BUDGET_UNKNOWN, 99, 0},
		{"one comes back in 100 ms", "192.0.2.1", BUDGET_UNKNOWN, 100, 1},
		{"ten in a second", "192.0.2.9", BUDGET_UNKNOWN, 1100, 10},
		{"a /64's at once", "2001:db8::1", BUDGET_UNKNOWN, 1100, 60},
		{"its neighbour", "2001:db8::ffff:1:2:3", BUDGET_UNKNOWN, 1100, 0},
		{"the next /64", "2001:db8:0:1::1", BUDGET_UNKNOWN, 1100, 60},
		{"bytes as those of an IPv4 network", "c000:02::1", BUDGET_UNKNOWN, 1100, 60},
		{"one comes back in a second", "2001:db8::2", BUDGET_UNKNOWN, 2100, 1},
		{"half of it in half a minute", "192.0.3.1", BUDGET_UNKNOWN, 30000, 300},
		{"all of it in a minute", "192.0.3.1", BUDGET_UNKNOWN, 90000, 600},
		{"and never more than that", "192.0.3.1", BUDGET_UNKNOWN, 3600000, 600},
	};
	struct budget *budget = budget_new(&conf);

	cr_assert(budget);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int got = grants(budget, rows[i].addr, rows[i].kind,
					  1000 * SEC + rows[i].at_ms * (SEC / 1000));

		cr_expect_eq(got, rows[i].granted, "%s: %u", rows[i].label, got);
	}
	budget_free(budget);
	budget_free(NULL);
}

/* Steadily asked for more than there is, over an hour: the rate is what was set. */
Test(budget, rate_is_exact_over_time)
{
	static const uint32_t per_minute[] = {1, 7, 60, 600, 1000000};
	struct addr addr = addr_of("192.0.2.1");

	for (size_t i = 0; i < sizeof(per_minute) / sizeof(per_minute[0]); i++) {
		struct budget_conf one = conf;
		unsigned int granted = 0,
			     want = per_minute[i] > 6000 ? 3600 * 10 : 60 * per_minute[i];
		struct budget *budget;

		one.per_minute4 = per_minute[i];
		budget = budget_new(&one);
		cr_assert(budget);
		granted = grants(budget, "192.0.2.1", BUDGET_UNKNOWN, SEC);
		cr_expect_eq(granted, per_minute[i] < 10000 ? per_minute[i] : 10000);
		granted = 0;
		for (unsigned int tick = 1; tick <= 3600 * 10; tick++)
			granted +=
				budget_take(budget, &addr, BUDGET_UNKNOWN, SEC + tick * (SEC / 10));
		cr_expect_leq(granted, want, "%u: %u", per_minute[i], granted);
		cr_expect_geq(granted + 1, want, "%u: %u", per_minute[i], granted);
		budget_free(budget);
	}
}

/* Who takes the table full cannot buy back a budget that is spent, nor spend another's. */
Test(budget, crowd_of_networks)
{
	struct budget *budget = budget_new(&conf);
	unsigned int refused = 0;
	struct addr crowd = addr_of("2001:db8::1");

	cr_assert(budget);
	cr_expect_eq(grants(budget, "2001:db8:ffff::1", BUDGET_UNKNOWN, SEC), 60);
	cr_expect_eq(grants(budget, "192.0.2.1", BUDGET_UNKNOWN, SEC), 600);
	for (unsigned int i = 0; i < 200000; i++) {
		crowd.bytes[4] = (uint8_t)(i >> 16);
		crowd.bytes[5] = (uint8_t)(i >> 8);
		crowd.bytes[6] = (uint8_t)i;
		refused += !budget_take(budget, &crowd, BUDGET_UNKNOWN, SEC);
	}
	cr_expect_eq(refused, 0, "a network's first lookup is always granted");
	cr_expect_eq(grants(budget, "2001:db8:ffff::1", BUDGET_UNKNOWN, SEC), 0);
	cr_expect_eq(grants(budget, "192.0.2.1", BUDGET_UNKNOWN, SEC), 0);
	budget_free(budget);
}

/* The same networks under another seed meet elsewhere: no list of them fits all. */
Test(budget, places_depend_on_the_seed)
{
	struct budget_conf other = conf;
	struct budget *budgets[2];
	unsigned int kept[2] = {0}, differ = 0;
	struct addr crowd = addr_of("2001:db8::1");
	bool granted[2];

	other.seed[1]++;
	budgets[0] = budget_new(&conf);
	budgets[1] = budget_new(&other);
	cr_assert(budgets[0] && budgets[1]);
	/* The second round of a crowd is refused as far as the table remembers the first. */
	for (unsigned int round = 0; round < 61; round++)
		for (unsigned int i = 0; i < 20000; i++) {
			crowd.bytes[5] = (uint8_t)(i >> 8);
			crowd.bytes[6] = (uint8_t)i;
			for (unsigned int b = 0; b < 2; b++)
				granted[b] = budget_take(budgets[b], &crowd, BUDGET_UNKNOWN, SEC);
			if (round == 60) {
				kept[0] += !granted[0];
				kept[1] += !granted[1];
				differ += granted[0] != granted[1];
			}
		}
	cr_expect_gt(kept[0], 8000, "%u", kept[0]);
	cr_expect_gt(kept[1], 8000, "%u", kept[1]);
	cr_expect_gt(differ, 1000, "%u", differ);
	budget_free(budgets[0]);
	budget_free(budgets[1]);
}
