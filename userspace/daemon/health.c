/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define NET4_BYTES 3 /* as the resolver takes reverse zones to be cut */
#define NET6_BYTES 6

/* A busy gate sees it in the short one within seconds, a quiet one in the long. */
static const unsigned int windows_sec[] = {10, 30};

#define USELESS_QUERIES 8 /* one zone that is dead gives as many errors, but not only errors */
#define USELESS_SEC     15

#define WINDOWS (sizeof(windows_sec) / sizeof(windows_sec[0]))

struct sum {
	unsigned int sec;
	uint32_t ended, failed;
	unsigned int networks; /* that failures come from, at least: some share a bit */
};

void health_on_report(struct health *health, const struct iprev_report *report, uint64_t now_ns)
{
	uint64_t at_sec = now_ns / CLOCK_NS_PER_SEC, hash;
	struct health_second *second = &health->seconds[at_sec % HEALTH_SECONDS];
	const struct addr *addr = &report->addr;

	if (report->result == IPREV_SPECIAL || report->result == IPREV_NONE)
		return;
	if (second->at_sec != at_sec) {
		memset(second, 0, sizeof(*second));
		second->at_sec = at_sec;
	}
	second->ended++;
	if (report->result != IPREV_TEMPERROR)
		return;
	second->failed++;
	hash = hash_bytes(addr->family, addr->bytes, addr->family == 4 ? NET4_BYTES : NET6_BYTES);
	second->networks |= 1ULL << (hash >> 58);
}

static struct sum sum_up(const struct health *health, unsigned int sec, uint64_t now_ns)
{
	uint64_t now_sec = now_ns / CLOCK_NS_PER_SEC, networks = 0;
	struct sum sum = {.sec = sec};

	for (unsigned int i = 0; i < HEALTH_SECONDS; i++) {
		const struct health_second *second = &health->seconds[i];

		if (second->at_sec + sec <= now_sec)
			continue;
		sum.ended += second->ended;
		sum.failed += second->failed;
		networks |= second->networks;
	}
	sum.networks = (unsigned int)__builtin_popcountll(networks);
	return sum;
}

static bool is_trouble(const struct sum *sum)
{
	return sum->ended >= HEALTH_LOOKUPS_MIN && sum->failed * 2 >= sum->ended &&
	       sum->networks >= HEALTH_NETWORKS_MIN;
}

/* Not just below the line of trouble, so that the alarm does not come and go. */
static bool is_well(const struct sum *sum)
{
	return sum->ended > sum->failed && sum->failed * 4 < sum->ended;
}

static bool are_all_down(const struct resolver_stats *stats)
{
	for (unsigned int i = 0; i < stats->server_count; i++)
		if (!stats->servers[i].is_down)
			return false;
	return stats->server_count > 0;
}

static uint64_t sec_since(uint64_t then_ns, uint64_t now_ns)
{
	return (now_ns - then_ns) / CLOCK_NS_PER_SEC;
}

/* "127.0.0.1:53 up for 90s, last answer 3s ago" */
static void describe(const struct resolver_server_stats *server, uint64_t now_ns, char *buf,
		     size_t size)
{
	int used = snprintf(buf, size, "%s %s for %" PRIu64 "s, ", server->name,
			    server->is_down ? "down" : "up", sec_since(server->since_ns, now_ns));

	if (used < 0 || (size_t)used >= size)
		return;
	if (server->last_answer_ns)
		snprintf(buf + used, size - (size_t)used, "last answer %" PRIu64 "s ago",
			 sec_since(server->last_answer_ns, now_ns));
	else
		snprintf(buf + used, size - (size_t)used, "no answer yet");
}

static void list_servers(const struct resolver_stats *stats, uint64_t now_ns, char *buf,
			 size_t size)
{
	char one[128];
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < stats->server_count && used < size; i++) {
		describe(&stats->servers[i], now_ns, one, sizeof(one));
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? "; " : "", one);
	}
}

static void raise_alarm(struct alarms *alarms, const struct resolver_stats *stats,
			const struct sum *sum, uint64_t now_ns)
{
	char servers[ALARM_DETAIL_MAX];

	list_servers(stats, now_ns, servers, sizeof(servers));
	alarms_raise(alarms, now_ns, HEALTH_ALARM,
		     "%s%" PRIu32 " of %" PRIu32
		     " lookups of the last %us gave no answer; nobody is blocked for that; %s",
		     are_all_down(stats) ? "every server is silent; " : "", sum->failed, sum->ended,
		     sum->sec, servers);
}

void health_tick(struct health *health, const struct resolver_stats *stats, struct alarms *alarms,
		 uint64_t now_ns)
{
	struct sum sums[WINDOWS];
	bool trouble = are_all_down(stats), well = false;
	unsigned int worst = WINDOWS - 1;

	for (unsigned int i = 0; i < WINDOWS; i++) {
		sums[i] = sum_up(health, windows_sec[i], now_ns);
		well = well || is_well(&sums[i]);
		if (!is_trouble(&sums[i]))
			continue;
		trouble = true;
		worst = i < worst ? i : worst;
	}
	if (trouble)
		raise_alarm(alarms, stats, &sums[worst], now_ns);
	else if (well)
		alarms_clear(alarms, now_ns, HEALTH_ALARM, "dns-recovered");
}

/*
 * False when it is silent, or up and of no use: so many questions for so long, and errors
 * only.
 */
static bool gives_answers(struct health_server *last, const struct resolver_server_stats *server,
			  uint64_t now_ns)
{
	if (!last->at_ns || server->answers != last->answers || server->queries == last->queries) {
		last->queries = server->queries;
		last->answers = server->answers;
		last->at_ns = now_ns;
	}
	return !server->is_down && (server->queries - last->queries < USELESS_QUERIES ||
				    sec_since(last->at_ns, now_ns) < USELESS_SEC);
}

void health_opinions(struct health *health, const struct resolver_stats *stats,
		     struct alarms *alarms, uint64_t now_ns)
{
	unsigned int count = 0;
	char servers[ALARM_DETAIL_MAX];

	for (unsigned int i = 0; i < stats->server_count; i++)
		count += gives_answers(&health->servers[i], &stats->servers[i], now_ns);
	if (count >= 2) {
		alarms_clear(alarms, now_ns, HEALTH_ALONE, "second-opinion-back");
		return;
	}
	list_servers(stats, now_ns, servers, sizeof(servers));
	alarms_raise(alarms, now_ns, HEALTH_ALONE,
		     "confirm { different_servers = true } needs answers of two servers, and %u of "
		     "%u gives any: nobody is newly refused; %s",
		     count, stats->server_count, servers);
}
