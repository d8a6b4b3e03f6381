/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two tables, each eight places for a value of a keyed hash: networks with bad addresses,
 * and networks that a good one was seen in. Apart, since the good ones are many and must
 * not crowd out what is counted, nor be crowded out by it.
 */
#include "core/rollup.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/min.h"
#include "core/history.h"

#define WAYS      8
#define SETS      (ROLLUP_NETS / WAYS)
#define GOOD_SETS 8192u
#define NET_BYTES (ROLLUP_BITS / 8)

_Static_assert((SETS & (SETS - 1)) == 0, "a power of two");

/* One address of a network: its last 64 bits. until_sec 0: a free place. */
struct host {
	uint64_t id;
	uint32_t first_sec, until_sec;
};

struct net {
	uint64_t id;                   /* the first 64 bits, as they lie in an address */
	uint32_t first_sec;            /* since then one or more hosts have counted */
	uint32_t since_sec, until_sec; /* rolled up; until_sec 0: not */
	uint32_t zero;                 /* rounds it to 8 bytes */
	struct host hosts[ROLLUP_ADDRESSES_MAX];
};

struct good {
	uint64_t id;
	uint32_t good_sec; /* 0: a free place */
	uint32_t zero;     /* rounds it to 16 bytes */
};

struct rollup {
	struct rollup_conf conf;
	rollup_fn on_change;
	void *user;
	struct net nets[SETS][WAYS];
	struct good goods[GOOD_SETS][WAYS];
};

struct rollup *rollup_new(const struct rollup_conf *conf, rollup_fn on_change, void *user)
{
	struct rollup *rollup = calloc(1, sizeof(*rollup));

	if (!rollup)
		return NULL;
	rollup->conf = *conf;
	rollup->on_change = on_change;
	rollup->user = user;
	return rollup;
}

void rollup_free(struct rollup *rollup)
{
	free(rollup);
}

/* --- places --------------------------------------------------------------------------------- */

static uint64_t net_id(const struct addr *addr)
{
	uint64_t id;

	memcpy(&id, addr->bytes, sizeof(id));
	return id;
}

static uint64_t host_id(const struct addr *addr)
{
	uint64_t id;

	memcpy(&id, addr->bytes + NET_BYTES, sizeof(id));
	return id;
}

static struct addr addr_of(const struct net *net, uint64_t host)
{
	struct addr addr = {.family = 6};

	memcpy(addr.bytes, &net->id, sizeof(net->id));
	memcpy(addr.bytes + NET_BYTES, &host, sizeof(host));
	return addr;
}

static size_t hash_of(const struct rollup *rollup, uint64_t id)
{
	return (size_t)hash_bytes(rollup->conf.seed, &id, sizeof(id));
}

static bool is_up(const struct net *net, uint32_t now_sec)
{
	return now_sec < net->until_sec;
}

static bool counts(const struct host *host, uint32_t now_sec)
{
	return now_sec < host->until_sec;
}

static uint32_t latest_of(const struct net *net)
{
	uint32_t latest_sec = 0;

	for (unsigned int i = 0; i < ROLLUP_ADDRESSES_MAX; i++)
		latest_sec = max_u32(latest_sec, net->hosts[i].until_sec);
	return latest_sec;
}

/* Its place, or NULL; a net without a host that ever counted is none. */
static struct net *net_find(const struct rollup *rollup, const struct addr *addr)
{
	uint64_t id = net_id(addr);
	const struct net *set;

	if (!rollup || addr->family != 6)
		return NULL;
	set = rollup->nets[hash_of(rollup, id) % SETS];
	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].id == id && latest_of(&set[i]) > 0)
			return (struct net *)&set[i];
	return NULL;
}

/* The one of the set that is worth the least: not rolled up, and stops counting first. */
static struct net *least_of(struct net *set, uint32_t now_sec)
{
	struct net *least = set;
	uint64_t worth, lowest = UINT64_MAX;

	for (struct net *at = set; at < set + WAYS; at++) {
		worth = (uint64_t)is_up(at, now_sec) << 32 | latest_of(at);
		if (worth < lowest) {
			lowest = worth;
			least = at;
		}
	}
	return least;
}

static void tell(const struct rollup *rollup, const struct net *net)
{
	const struct prefix prefix = {.addr = addr_of(net, 0), .bits = ROLLUP_BITS};

	rollup->on_change(&prefix, net->until_sec, rollup->user);
}

static void end(const struct rollup *rollup, struct net *net)
{
	bool was_up = net->until_sec > 0;

	net->until_sec = net->since_sec = 0;
	if (was_up)
		tell(rollup, net);
}

static struct net *net_get(struct rollup *rollup, const struct addr *addr, uint32_t now_sec)
{
	struct net *net = net_find(rollup, addr);

	if (net)
		return net;
	net = least_of(rollup->nets[hash_of(rollup, net_id(addr)) % SETS], now_sec);
	end(rollup, net);
	memset(net, 0, sizeof(*net));
	net->id = net_id(addr);
	return net;
}

/* --- good ones ------------------------------------------------------------------------------ */

static const struct good *good_find(const struct rollup *rollup, uint64_t id)
{
	const struct good *set = rollup->goods[hash_of(rollup, id) % GOOD_SETS];

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].good_sec && set[i].id == id)
			return &set[i];
	return NULL;
}

static bool has_good(const struct rollup *rollup, uint64_t id, uint32_t now_sec)
{
	const struct good *good = good_find(rollup, id);

	return good && now_sec - good->good_sec <= HISTORY_GOOD_SEC;
}

static void good_put(struct rollup *rollup, uint64_t id, uint32_t good_sec)
{
	struct good *good = (struct good *)good_find(rollup, id);
	struct good *set = rollup->goods[hash_of(rollup, id) % GOOD_SETS];

	if (!good) {
		good = set;
		for (struct good *at = set; at < set + WAYS; at++)
			if (at->good_sec < good->good_sec)
				good = at;
	}
	if (good_sec >= good->good_sec)
		*good = (struct good){.id = id, .good_sec = max_u32(good_sec, 1)};
}

void rollup_on_good(struct rollup *rollup, const struct addr *addr, uint32_t good_sec)
{
	struct net *net = net_find(rollup, addr);

	if (!rollup || addr->family != 6)
		return;
	good_put(rollup, net_id(addr), good_sec);
	if (!net)
		return;
	end(rollup, net);
	memset(net, 0, sizeof(*net));
}

bool rollup_has_good(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec)
{
	return rollup && addr->family == 6 && has_good(rollup, net_id(addr), now_sec);
}

/* --- bad ones ------------------------------------------------------------------------------- */

/*
 * Until when so many of them count; 0: it is not to be rolled up. That is the moment of the
 * last but so many, which is the greatest that so many do not end before.
 */
static uint32_t until_of(const struct rollup *rollup, const struct net *net, uint32_t now_sec)
{
	unsigned int count = 0, longer;
	uint32_t until_sec = 0;

	for (unsigned int i = 0; i < ROLLUP_ADDRESSES_MAX; i++) {
		if (!counts(&net->hosts[i], now_sec))
			continue;
		count++;
		longer = 0;
		for (unsigned int j = 0; j < ROLLUP_ADDRESSES_MAX; j++)
			longer += net->hosts[j].until_sec >= net->hosts[i].until_sec;
		if (longer >= rollup->conf.addresses)
			until_sec = max_u32(until_sec, net->hosts[i].until_sec);
	}
	if (count < rollup->conf.addresses || now_sec - net->first_sec < rollup->conf.apart_sec)
		return 0;
	return until_sec;
}

/* Brings it under what is known of its hosts now. */
static void settle(const struct rollup *rollup, struct net *net, uint32_t now_sec)
{
	uint32_t until_sec = until_of(rollup, net, now_sec);

	if (until_sec == 0) {
		end(rollup, net);
		return;
	}
	if (!is_up(net, now_sec))
		net->since_sec = now_sec;
	if (until_sec == net->until_sec)
		return;
	net->until_sec = until_sec;
	tell(rollup, net);
}

/* Its place among the hosts, or that of the one which stops counting first. */
static struct host *host_get(struct net *net, uint64_t id, uint32_t now_sec)
{
	struct host *least = net->hosts;

	for (struct host *at = net->hosts; at < net->hosts + ROLLUP_ADDRESSES_MAX; at++) {
		if (at->id == id && counts(at, now_sec))
			return at;
		if (at->until_sec < least->until_sec)
			least = at;
	}
	*least = (struct host){.id = id, .first_sec = now_sec};
	return least;
}

void rollup_on_bad(struct rollup *rollup, const struct addr *addr, uint32_t count_sec,
		   uint32_t now_sec)
{
	struct net *net;

	if (!rollup || addr->family != 6 || has_good(rollup, net_id(addr), now_sec))
		return;
	net = net_get(rollup, addr, now_sec);
	if (latest_of(net) <= now_sec)
		net->first_sec = now_sec;
	host_get(net, host_id(addr), now_sec)->until_sec = now_sec + min_u32(count_sec, ROLLUP_SEC);
	settle(rollup, net, now_sec);
}

void rollup_restore(struct rollup *rollup, const struct rollup_address *address, uint32_t now_sec)
{
	const struct addr *addr = &address->addr;
	struct host *host;
	struct net *net;

	if (!rollup || addr->family != 6 || address->until_sec <= now_sec ||
	    address->first_sec > now_sec || has_good(rollup, net_id(addr), now_sec))
		return;
	net = net_get(rollup, addr, now_sec);
	if (latest_of(net) <= now_sec || address->first_sec < net->first_sec)
		net->first_sec = address->first_sec;
	host = host_get(net, host_id(addr), now_sec);
	host->first_sec = address->first_sec;
	host->until_sec = min_u32(address->until_sec, now_sec + ROLLUP_SEC);
	settle(rollup, net, now_sec);
}

static bool is_inside(const struct prefix *prefix, const struct net *net, uint64_t host)
{
	struct addr addr = addr_of(net, host);

	return !prefix || prefix_contains(prefix, &addr);
}

static void forget_in(const struct rollup *rollup, struct net *net, const struct prefix *prefix,
		      uint32_t now_sec)
{
	bool has_changed = false;

	for (unsigned int i = 0; i < ROLLUP_ADDRESSES_MAX; i++) {
		struct host *host = &net->hosts[i];

		if (host->until_sec == 0 || !is_inside(prefix, net, host->id))
			continue;
		memset(host, 0, sizeof(*host));
		has_changed = true;
	}
	if (has_changed)
		settle(rollup, net, now_sec);
}

void rollup_drop(struct rollup *rollup, const struct addr *addr, uint32_t now_sec)
{
	const struct prefix one = {.addr = *addr, .bits = 128};
	struct net *net = net_find(rollup, addr);

	if (net)
		forget_in(rollup, net, &one, now_sec);
}

void rollup_forget(struct rollup *rollup, const struct prefix *prefix, uint32_t now_sec)
{
	if (!rollup)
		return;
	for (unsigned int set = 0; set < SETS; set++)
		for (unsigned int way = 0; way < WAYS; way++)
			forget_in(rollup, &rollup->nets[set][way], prefix, now_sec);
}

void rollup_expire(struct rollup *rollup, uint32_t now_sec)
{
	if (!rollup)
		return;
	for (unsigned int set = 0; set < SETS; set++)
		for (unsigned int way = 0; way < WAYS; way++)
			if (!is_up(&rollup->nets[set][way], now_sec))
				end(rollup, &rollup->nets[set][way]);
}

/* --- what is known -------------------------------------------------------------------------- */

bool rollup_is_up(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec)
{
	const struct net *net = net_find(rollup, addr);

	return net && is_up(net, now_sec);
}

static int by_first(const void *a, const void *b)
{
	const struct rollup_address *x = a, *y = b;

	if (x->first_sec != y->first_sec)
		return x->first_sec < y->first_sec ? -1 : 1;
	return memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
}

static void describe(const struct net *net, uint32_t now_sec, struct rollup_info *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->net = (struct prefix){.addr = addr_of(net, 0), .bits = ROLLUP_BITS};
	ret->since_sec = net->since_sec;
	ret->until_sec = net->until_sec;
	for (unsigned int i = 0; i < ROLLUP_ADDRESSES_MAX; i++) {
		const struct host *host = &net->hosts[i];

		if (counts(host, now_sec))
			ret->addresses[ret->count++] = (struct rollup_address){
				addr_of(net, host->id), host->first_sec, host->until_sec};
	}
	qsort(ret->addresses, ret->count, sizeof(ret->addresses[0]), by_first);
}

bool rollup_find(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec,
		 struct rollup_info *ret)
{
	const struct net *net = net_find(rollup, addr);

	if (!net || !is_up(net, now_sec))
		return false;
	describe(net, now_sec, ret);
	return true;
}

bool rollup_next(const struct rollup *rollup, uint32_t *at, uint32_t now_sec,
		 struct rollup_info *ret)
{
	const struct net *net;

	while (rollup && *at < ROLLUP_NETS) {
		net = &rollup->nets[*at / WAYS][*at % WAYS];
		++*at;
		if (is_up(net, now_sec)) {
			describe(net, now_sec, ret);
			return true;
		}
	}
	return false;
}
