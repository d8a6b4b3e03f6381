/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * IPv6 /64s whose hosts are found bad one after the other, and never a good one: who has
 * such a network can come from another address each time, and each would be a stranger.
 * When so many distinct addresses of it have been found bad lately the network is rolled
 * up: it is judged as one, until one good address is found there.
 *
 * To be rolled up refuses nobody. The reverse zone of a /64 may have one holder, but its
 * addresses may have many (a hoster gives one to each customer), and who can forge packets
 * can have DNS asked about any of them: a good server that has not connected yet has
 * thousands of neighbours without PTR. So nothing that is found of one address is ever a
 * verdict on another. What its network says of a stranger is only:
 *
 *   - its first SYN is dropped and not passed (the gate's hold), so that its own lookup is
 *     there before it tries again a second later: a good one is late by that second, once,
 *     and what is not known by then passes;
 *   - its own bad answer needs no second one a minute later (core/confirm.h): that the zone
 *     has nothing for its hosts has been seen often enough.
 *
 * What counts as bad is the caller's to say: not what is found during a trouble of the
 * DNS, nor of a host that was good, nor a temporary failure. Each address counts for
 * ROLLUP_SEC or less, so a network comes out by itself when its hosts are not found bad
 * any more; a good one keeps it out for as long as a host is known to be good.
 *
 * Pure and of fixed size; seconds are the caller's monotonic clock, never 0. Where
 * networks meet in the table depends on a random seed; when there are too many, what is
 * forgotten is not rolled up.
 */
#ifndef MXGATE_CORE_ROLLUP_H
#define MXGATE_CORE_ROLLUP_H

#include <mxgate/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define ROLLUP_BITS          64
#define ROLLUP_ADDRESSES_MIN 4              /* a few broken hosts are no pattern */
#define ROLLUP_ADDRESSES_MAX 32             /* of a network are remembered */
#define ROLLUP_NETS          MXG_ROLLUP_MAX /* are watched, rolled up or not */
#define ROLLUP_SEC           3600u /* an address counts for so long after it was found bad */

struct rollup_conf {
	uint32_t addresses; /* that make a roll-up: ROLLUP_ADDRESSES_MIN..MAX */
	uint32_t apart_sec; /* at least so long since the first that was found without a break */
	uint64_t seed;      /* random */
};

struct rollup_address {
	struct addr addr;
	uint32_t first_sec; /* found bad; ever again since then before it stopped counting */
	uint32_t until_sec; /* it counts */
};

struct rollup_info {
	struct prefix net;
	uint32_t since_sec, until_sec;
	unsigned int count; /* of those that count now, the first found first */
	struct rollup_address addresses[ROLLUP_ADDRESSES_MAX];
};

/*
 * The network is rolled up until then, from now on or for longer than before; 0: it is so
 * no longer. That the time has come is told by rollup_expire().
 */
typedef void (*rollup_fn)(const struct prefix *net, uint32_t until_sec, void *user);

struct rollup;

/*
 * on_change is called from inside the functions below. NULL when out of memory. In all of
 * them no rollup at all (NULL) is fine, and one in which no network is; IPv4 is ignored.
 */
struct rollup *rollup_new(const struct rollup_conf *conf, rollup_fn on_change, void *user);
void rollup_free(struct rollup *rollup);

/* addr was found good, by what was known at good_sec: its network is not rolled up any more. */
void rollup_on_good(struct rollup *rollup, const struct addr *addr, uint32_t good_sec);

/* addr was found bad, and that counts for so long, or for ROLLUP_SEC if that is less. */
void rollup_on_bad(struct rollup *rollup, const struct addr *addr, uint32_t count_sec,
		   uint32_t now_sec);

/*
 * address counted in another table, in one that was rolled up there; as far as it would count now
 * it does here, too, unless a good one is known beside it.
 */
void rollup_restore(struct rollup *rollup, const struct rollup_address *address, uint32_t now_sec);

/* What was found of addr does not count any more. */
void rollup_drop(struct rollup *rollup, const struct addr *addr, uint32_t now_sec);
/* The same of all that are inside prefix (NULL: all). Who was good is remembered. */
void rollup_forget(struct rollup *rollup, const struct prefix *prefix, uint32_t now_sec);

/* Tells of those whose time has come: to be called now and then. */
void rollup_expire(struct rollup *rollup, uint32_t now_sec);

bool rollup_is_up(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec);

/* True if a good one is known in the network of addr. */
bool rollup_has_good(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec);

/* What is known of the network of addr, if it is rolled up. */
bool rollup_find(const struct rollup *rollup, const struct addr *addr, uint32_t now_sec,
		 struct rollup_info *ret);
/* The next that is rolled up, from *at on (begin with 0); false at the end. */
bool rollup_next(const struct rollup *rollup, uint32_t *at, uint32_t now_sec,
		 struct rollup_info *ret);

#endif
