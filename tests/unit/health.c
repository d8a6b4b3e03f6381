// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * When the DNS is in trouble: told second by second, what ended how and in how many
 * networks, and whether the alarm stands after it.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/health.h"

#define SEC CLOCK_NS_PER_SEC

/* The log lines are the alarms' test. */
static void hush(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
}

/* count lookups that end so, from as many networks of a /24 as there are, in turn. */
static void end_lookups(struct health *health, enum iprev_result result, unsigned int count,
			unsigned int networks, uint64_t now_ns)
{
	static struct iprev_report report;

	for (unsigned int i = 0; i < count; i++) {
		report.addr = (struct addr){4, {198, 51, (uint8_t)(i % networks), (uint8_t)i}};
		report.result = result;
		health_on_report(health, &report, now_ns);
	}
}

static const struct resolver_stats healthy = {.server_count = 1};
static const struct resolver_stats silent = {.server_count = 2,
					     .servers = {{.name = "192.0.2.53:53", .is_down = true},
							 {.name = "[::1]:53", .is_down = true}}};
static const struct resolver_stats half_silent = {
	.server_count = 2, .servers = {{.is_down = true}, {.is_down = false}}};

struct phase {
	unsigned int sec;                 /* it lasts */
	unsigned int good, bad, networks; /* each second */
	bool stands;                      /* the alarm, after it */
};

Test(health, alarm_stands_when_it_should, .init = hush)
{
	static const struct {
		const char *label;
		struct phase phases[4];
	} rows[] = {
		{"all well", {{100, 5, 0, 1, false}}},
		{"a fifth fails, always", {{100, 8, 2, 50, false}}},
		{"all fail, a few a second", {{60, 5, 0, 1, false}, {6, 0, 5, 50, true}}},
		{"not at once, for the good ones before",
		 {{60, 5, 0, 1, false}, {3, 0, 5, 50, false}}},
		{"half fail", {{60, 100, 0, 1, false}, {10, 50, 50, 50, true}}},
		{"less than half do", {{60, 100, 0, 1, false}, {60, 51, 49, 50, false}}},
		{"as many at once as it takes", {{1, 0, 5, 5, true}}},
		{"one less", {{30, 0, 0, 1, false}, {1, 0, 4, 4, false}}},
		{"one dead zone only", {{30, 5, 0, 1, false}, {60, 5, 100, 1, false}}},
		{"dead zones, few", {{30, 5, 0, 1, false}, {60, 5, 100, 2, false}}},
		{"slowly: six of them in half a minute, and no others",
		 {{1, 0, 2, 2, false}, {13, 0, 0, 1, false}, {1, 0, 4, 4, true}}},
		{"too far apart", {{1, 0, 4, 4, false}, {31, 0, 0, 1, false}, {1, 0, 4, 4, false}}},
		{"it lasts while nothing is known",
		 {{10, 0, 5, 50, true}, {600, 0, 0, 1, true}, {1, 1, 0, 1, false}}},
		{"it lasts while a third fails",
		 {{10, 0, 9, 50, true}, {600, 6, 3, 50, true}, {20, 9, 1, 50, false}}},
		{"over in ten seconds when all is well",
		 {{60, 0, 20, 50, true}, {15, 20, 0, 50, true}, {10, 20, 0, 50, false}}},
	};
	static struct health health;
	static struct alarms alarms;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t now = 1000 * SEC;

		memset(&health, 0, sizeof(health));
		memset(&alarms, 0, sizeof(alarms));
		for (size_t p = 0; p < 4 && rows[i].phases[p].sec; p++) {
			const struct phase *phase = &rows[i].phases[p];

			for (unsigned int s = 0; s < phase->sec; s++, now += SEC) {
				end_lookups(&health, IPREV_PASS, phase->good, 200, now);
				end_lookups(&health, IPREV_TEMPERROR, phase->bad, phase->networks,
					    now);
				health_tick(&health, &healthy, &alarms, now);
			}
			cr_expect_eq(alarms_is_raised(&alarms, HEALTH_ALARM), phase->stands,
				     "%s, phase %zu", rows[i].label, p + 1);
		}
	}
}

Test(health, silence_of_all_servers, .init = hush)
{
	static struct health health;
	static struct alarms alarms;
	uint64_t now = 1000 * SEC;

	health_tick(&health, &half_silent, &alarms, now);
	cr_expect_not(alarms_is_raised(&alarms, HEALTH_ALARM), "one of two is enough");
	health_tick(&health, &silent, &alarms, now + SEC);
	cr_expect(alarms_is_raised(&alarms, HEALTH_ALARM), "no lookup has to end for it");
	cr_expect_neq(strstr(alarms.list[0].detail, "every server is silent"), NULL, "%s",
		      alarms.list[0].detail);
	health_tick(&health, &half_silent, &alarms, now + 2 * SEC);
	cr_expect(alarms_is_raised(&alarms, HEALTH_ALARM), "none has answered yet");
	end_lookups(&health, IPREV_PERMERROR, 1, 1, now + 3 * SEC);
	health_tick(&health, &half_silent, &alarms, now + 3 * SEC);
	cr_expect_not(alarms_is_raised(&alarms, HEALTH_ALARM));
}

Test(health, detail_names_servers_and_numbers, .init = hush)
{
	struct resolver_stats stats = silent;
	static struct health health;
	static struct alarms alarms;
	uint64_t now = 1000 * SEC;

	stats.servers[0].since_ns = now - 20 * SEC;
	stats.servers[0].last_answer_ns = now - 21 * SEC;
	stats.servers[1].since_ns = now - 500 * SEC;
	stats.servers[1].is_down = false;
	end_lookups(&health, IPREV_TEMPERROR, 7, 7, now);
	end_lookups(&health, IPREV_FAIL, 2, 7, now);
	end_lookups(&health, IPREV_SPECIAL, 50, 7, now);
	health_tick(&health, &stats, &alarms, now);
	cr_assert_eq(alarms.count, 1);
	cr_expect_str_eq(alarms.list[0].detail,
			 "7 of 9 lookups of the last 10s gave no answer; nobody is blocked for "
			 "that; 192.0.2.53:53 down for 20s, last answer 21s ago; [::1]:53 up for "
			 "500s, no answer yet");
	stats.server_count = RESOLVER_SERVERS_MAX;
	for (unsigned int i = 0; i < RESOLVER_SERVERS_MAX; i++)
		memset(stats.servers[i].name, 'x', ENDPOINT_TEXT_MAX - 1);
	health_tick(&health, &stats, &alarms, now);
	cr_expect_eq(strlen(alarms.list[0].detail), ALARM_DETAIL_MAX - 1, "cut, not overrun");
}

/* One second of a server: what it was asked and gave, and whether it is called down. */
struct service {
	unsigned int queries, answers;
	bool is_down;
};

Test(health, second_opinion, .init = hush)
{
	static const struct {
		const char *label;
		unsigned int servers;
		struct {
			unsigned int sec;
			struct service service[3];
			bool stands;
		} phases[3];
	} rows[] = {
		{"both answer", 2, {{30, {{5, 5, 0}, {1, 1, 0}}, false}}},
		{"the second is never asked", 2, {{90, {{50, 50, 0}, {0, 0, 0}}, false}}},
		{"it falls silent, and is back",
		 2,
		 {{30, {{5, 5, 0}, {1, 1, 0}}, false},
		  {1, {{5, 5, 0}, {1, 0, 1}}, true},
		  {1, {{5, 5, 0}, {1, 1, 0}}, false}}},
		{"the first does", 2, {{1, {{5, 0, 1}, {5, 5, 0}}, true}}},
		{"both do", 2, {{1, {{5, 0, 1}, {5, 0, 1}}, true}}},
		{"one of three", 3, {{60, {{5, 5, 0}, {1, 0, 1}, {1, 1, 0}}, false}}},
		{"two of three", 3, {{1, {{5, 5, 0}, {1, 0, 1}, {1, 0, 1}}, true}}},
		{"there is but one", 1, {{1, {{5, 5, 0}}, true}}},
		{"it is up, and gives errors only; then an answer",
		 2,
		 {{14, {{5, 5, 0}, {1, 0, 0}}, false},
		  {2, {{5, 5, 0}, {1, 0, 0}}, true},
		  {1, {{5, 5, 0}, {1, 1, 0}}, false}}},
		{"a few errors, long ago",
		 2,
		 {{7, {{5, 5, 0}, {1, 0, 0}}, false}, {60, {{5, 5, 0}, {0, 0, 0}}, false}}},
		{"one in ten is an answer",
		 2,
		 {{60, {{5, 5, 0}, {10, 1, 0}}, false}, {14, {{5, 5, 0}, {9, 0, 0}}, false}}},
		{"slow, but no error",
		 2,
		 {{12, {{9, 0, 0}, {9, 0, 0}}, false}, {60, {{9, 9, 0}, {9, 9, 0}}, false}}},
	};
	static struct health health;
	static struct alarms alarms;
	struct resolver_stats stats;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t now = 1000 * SEC;

		memset(&health, 0, sizeof(health));
		memset(&alarms, 0, sizeof(alarms));
		memset(&stats, 0, sizeof(stats));
		stats.server_count = rows[i].servers;
		for (size_t p = 0; p < 3 && rows[i].phases[p].sec; p++) {
			for (unsigned int s = 0; s < rows[i].phases[p].sec; s++, now += SEC) {
				for (unsigned int n = 0; n < rows[i].servers; n++) {
					const struct service *service =
						&rows[i].phases[p].service[n];

					stats.servers[n].queries += service->queries;
					stats.servers[n].answers += service->answers;
					stats.servers[n].is_down = service->is_down;
				}
				health_opinions(&health, &stats, &alarms, now);
			}
			cr_expect_eq(alarms_is_raised(&alarms, HEALTH_ALONE),
				     rows[i].phases[p].stands, "%s, phase %zu", rows[i].label,
				     p + 1);
		}
	}
}

Test(health, second_opinion_names_who_is_left, .init = hush)
{
	static struct health health;
	static struct alarms alarms;
	struct resolver_stats stats = silent;

	stats.servers[1].is_down = false;
	stats.servers[0].since_ns = stats.servers[1].since_ns = 1000 * SEC;
	health_opinions(&health, &stats, &alarms, 1007 * SEC);
	cr_assert_eq(alarms.count, 1);
	cr_expect_str_eq(alarms.list[0].detail,
			 "confirm { different_servers = true } needs answers of two servers, and 1 "
			 "of 2 gives any: nobody is newly refused; 192.0.2.53:53 down for 7s, no "
			 "answer yet; [::1]:53 up for 7s, no answer yet");
}
