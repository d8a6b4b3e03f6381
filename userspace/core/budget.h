/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How many lookups the sources of one network may cause in a minute: an IPv4 /24
 * or an IPv6 /64, each of which its holder can fill with as many hosts as he likes.
 * Pure: the caller says what time it is. One block of memory, made at the start.
 *
 * Source addresses can be forged, so a flood may be spent in the name of a victim.
 * Whoever is over budget therefore gets no verdict, and no verdict passes:
 *
 *   - its known hosts keep the verdicts that they have, good or bad;
 *   - refreshes have a budget of their own, of the same size. The gate asks for one
 *     only when a verdict that stands nears its end, so a flood of new addresses
 *     cannot spend it, and a known good host stays known;
 *   - its unknown hosts stay unknown, and get in, until the flood ends.
 *
 * The last is what an attacker could want for his own network: to stay unjudged. It
 * costs him nothing less than being as many hosts, and all that he gains is what he
 * had before there was a gate. A whole /24 does not reach the default for IPv4: 256
 * hosts whose DNS is broken are looked up when their verdict of a minute has ended
 * and again when half of it is over, 512 times a minute.
 *
 * A network that is idle is forgotten: after a minute at most it has its whole budget
 * again, which is what an unknown one has. When its place in the table is wanted
 * before that, the network that has spent least gives way. Where networks meet in
 * the table depends on a random seed.
 */
#ifndef MXGATE_CORE_BUDGET_H
#define MXGATE_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum budget_kind {
	BUDGET_UNKNOWN, /* a source without a verdict */
	BUDGET_REFRESH, /* one whose verdict nears its end */
	BUDGET_KINDS
};

struct budget_conf {
	uint32_t per_minute4; /* lookups of each kind per /24; as many at once; > 0 */
	uint32_t per_minute6; /* per /64 */
	uint64_t seed[2];     /* random */
};

struct budget;

/* To be freed with budget_free(); NULL when out of memory. */
struct budget *budget_new(const struct budget_conf *conf);

/* True, and the lookup is on the network's account; false: over budget. */
bool budget_take(struct budget *budget, const struct addr *addr, enum budget_kind kind,
		 uint64_t now_ns);

void budget_free(struct budget *budget);

#endif
