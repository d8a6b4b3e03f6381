/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Is the DNS in trouble? Raises the alarm "dns-trouble" when of the lookups that
 * ended lately half or more gave no answer, or when every server has fallen silent,
 * and clears it ("dns-recovered") when most are answered again.
 *
 * Where two servers must agree before anybody is refused, it also raises
 * "no-second-opinion" while fewer than two of them give answers, as nobody is refused
 * then and nothing else would tell.
 *
 * One zone that is dead is not trouble, however many hosts it has: the failures must
 * be spread over several networks. Nothing depends on the alarm but hold, which makes
 * nobody wait for answers that do not come: each lookup that fails passes its source by
 * itself.
 */
#ifndef MXGATE_DAEMON_HEALTH_H
#define MXGATE_DAEMON_HEALTH_H

#include <stdint.h>

#include "daemon/alarms.h"
#include "io/resolver.h"

#define HEALTH_ALARM        "dns-trouble"
#define HEALTH_ALONE        "no-second-opinion"
#define HEALTH_SECONDS      32 /* remembered; a power of 2 */
#define HEALTH_LOOKUPS_MIN  5
#define HEALTH_NETWORKS_MIN 3

struct health_second {
	uint64_t at_sec; /* which second this is; others have overwritten it */
	uint32_t ended;
	uint32_t failed;
	uint64_t networks; /* of the failed: a bit for each, chosen by a hash */
};

/* What a server was asked and gave when it last gave an answer, or had all it was asked. */
struct health_server {
	uint64_t queries, answers;
	uint64_t at_ns;
};

/* All-zero is ready. */
struct health {
	struct health_second seconds[HEALTH_SECONDS];
	struct health_server servers[RESOLVER_SERVERS_MAX];
};

/* The end of a lookup; not of one that failed as the source's last did. */
void health_on_report(struct health *health, const struct iprev_report *report, uint64_t now_ns);

/* Once a second: raises or clears the alarm. */
void health_tick(struct health *health, const struct resolver_stats *stats, struct alarms *alarms,
		 uint64_t now_ns);

/*
 * Once a second where confirmations want different servers: raises or clears the other
 * alarm. A server answers as long as it has not been seen to give nothing: what is never
 * asked is not known to be dead.
 */
void health_opinions(struct health *health, const struct resolver_stats *stats,
		     struct alarms *alarms, uint64_t now_ns);

#endif
