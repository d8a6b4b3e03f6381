/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A token bucket as one moment: every lookup moves "paid until" a minute's share
 * into the future, and it may be a minute ahead of now, not more. So a network
 * that has spent n lookups is idle again after n shares; at 10,000 lookups a second
 * from as many networks, some 10,000 places are taken for IPv6 (share: 1 s) and
 * 1,000 for IPv4 (0.1 s).
 */
#include "core/budget.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define MINUTE_NS  60000000000ULL
#define SET_BITS   12
#define SETS       (1u << SET_BITS)
#define WAYS       4
#define NET4_BYTES 3
#define NET6_BYTES 8
#define FAMILIES   2 /* apart, so that neither crowds the other out */
#define FAMILY(a)  ((a)->family == 6)

struct account {
	uint64_t net;
	uint64_t paid_until_ns[BUDGET_KINDS]; /* all in the past: the place is free */
};

struct budget {
	uint64_t share_ns[FAMILIES];
	uint64_t seed[2];
	struct account sets[FAMILIES][SETS][WAYS];
};

struct budget *budget_new(const struct budget_conf *conf)
{
	struct budget *budget = calloc(1, sizeof(*budget));

	if (!budget)
		return NULL;
	budget->share_ns[0] = MINUTE_NS / conf->per_minute4;
	budget->share_ns[1] = MINUTE_NS / conf->per_minute6;
	memcpy(budget->seed, conf->seed, sizeof(budget->seed));
	return budget;
}

static uint64_t net_of(const struct addr *addr)
{
	uint64_t net = 0;

	for (unsigned int i = 0; i < (addr->family == 4 ? NET4_BYTES : NET6_BYTES); i++)
		net = net << 8 | addr->bytes[i];
	return net;
}

static struct account *set_of(struct budget *budget, const struct addr *addr, uint64_t net)
{
	uint64_t hash = mxg_mix(mxg_mix(net ^ budget->seed[0]) ^ budget->seed[1]);

	return budget->sets[FAMILY(addr)][hash >> (64 - SET_BITS)];
}

static uint64_t debt_end_ns(const struct account *account)
{
	uint64_t a = account->paid_until_ns[BUDGET_UNKNOWN];
	uint64_t b = account->paid_until_ns[BUDGET_REFRESH];

	return a > b ? a : b;
}

/* The account of net, which may take the place of the one that owes least. */
static struct account *account_get(struct account *set, uint64_t net)
{
	struct account *least = set;

	for (struct account *at = set; at < set + WAYS; at++) {
		if (at->net == net && debt_end_ns(at) > 0)
			return at;
		if (debt_end_ns(at) < debt_end_ns(least))
			least = at;
	}
	memset(least, 0, sizeof(*least));
	least->net = net;
	return least;
}

bool budget_take(struct budget *budget, const struct addr *addr, enum budget_kind kind,
		 uint64_t now_ns)
{
	uint64_t share_ns = budget->share_ns[FAMILY(addr)], net = net_of(addr);
	struct account *account = account_get(set_of(budget, addr, net), net);
	uint64_t *paid_until_ns = &account->paid_until_ns[kind];

	if (*paid_until_ns < now_ns)
		*paid_until_ns = now_ns;
	/* A share is rounded down: what is a minute ahead to the last one is too far. */
	if (*paid_until_ns + share_ns > now_ns + MINUTE_NS)
		return false;
	*paid_until_ns += share_ns;
	return true;
}

void budget_free(struct budget *budget)
{
	free(budget);
}
