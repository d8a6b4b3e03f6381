/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The breaker: notices that hosts which used to pass now fail in numbers, in one
 * reverse zone or everywhere, which is trouble of the DNS and not of the hosts, and
 * says that new refusals there are to wait. What it guards against first: a big
 * operator of reverse DNS who answers "no such record" for everything for an hour.
 *
 * A scope is a reverse zone, taken to be cut at /24 and /16 (IPv4) or /48 and /32
 * (IPv6), or everything. A zone keeps the latest few sources that were good there as
 * canaries. The first source that was good and is bad (a flip) has them looked at, and
 * whoever is good only by what the resolver remembers is none any more; the zone opens
 * when enough of them, and a large enough share, are bad. Everything opens
 * when flips are many, a share of all that known-good sources gave lately, and come from
 * several networks (/16, /32), so that the holder of one cannot open it by breaking his
 * own names; when most of the operator's canaries are bad; or when too many zones are
 * open.
 * While a scope is open, those that were bad then are looked at again and again, and it
 * closes when half of them are good, or when it has been open for the longest time. A zone
 * closes, too, when those that only a resolver's memory spoke for before have been asked
 * anew, after all of that memory has run out, and it would not have opened with them: then
 * some hosts have ended, and the zone is well.
 *
 * Pure and of fixed size: time and results come in, the addresses to look at go
 * out. Seconds are the caller's monotonic clock, never 0. It refuses nothing and
 * releases nothing by itself.
 */
#ifndef MXGATE_CORE_BREAKER_H
#define MXGATE_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/aftermath.h"
#include "core/canaries.h"

#define BREAKER_WATCHED_MAX  8 /* a zone's own */
#define BREAKER_NETWORKS_MIN 4 /* from which flips must come to open it for everything */

struct breaker_conf {
	uint32_t window_sec;                   /* counts go one to two of these back */
	uint32_t flips, share_pct;             /* of a zone's canaries */
	uint32_t total_flips, total_share_pct; /* of everything */
	uint32_t longest_sec;                  /* what is bad for so long is news, not trouble */
	struct canary_host canaries[CANARIES_MAX]; /* the operator's: always looked at */
	unsigned int canary_count;
};

struct breaker_info {
	struct prefix scope; /* addr.family 0: everything */
	const char *cause;   /* "flips", "canaries", "zones": static */
	uint32_t opened_sec;
	uint32_t flips, stays;        /* when it opened: bad and good ones */
	uint32_t canaries, recovered; /* those looked at now, and how many of them are good */
};

#define BREAKER_SCOPE_MAX PREFIX_TEXT_MAX
/* "203.0.113.0/24" or "everything". Returns buf. */
const char *breaker_scope_name(const struct breaker_info *info, char buf[static BREAKER_SCOPE_MAX]);

/* A scope has just opened (or closed); info is valid during the call. */
typedef void (*breaker_fn)(const struct breaker_info *info, bool is_open, void *user);

struct breaker;

/* on_change is called from inside the functions below. NULL when out of memory. */
struct breaker *breaker_new(const struct breaker_conf *conf, uint64_t seed, breaker_fn on_change,
			    void *user);
void breaker_free(struct breaker *breaker); /* NULL is fine */

/*
 * addr was found good; was_good: it was known to be. ttl_sec is what its PTR record has left:
 * as long as that says the same end, a resolver has answered from memory, which tells nothing
 * of the zone now.
 */
void breaker_on_good(struct breaker *breaker, const struct addr *addr, bool was_good,
		     uint32_t ttl_sec, uint32_t now_sec);
/*
 * addr was found bad for certain; is_flip: for the first time since it was good. memory_sec: so
 * long a resolver may repeat it.
 */
void breaker_on_bad(struct breaker *breaker, const struct addr *addr, bool is_flip,
		    uint32_t memory_sec, uint32_t now_sec);

/* True while new refusals of addr are to wait; *ret_since: refusals of hosts found bad before that
 * are none of its doing. */
bool breaker_since(const struct breaker *breaker, const struct addr *addr, uint32_t *ret_since);

/* What is found bad cannot be believed as it stands, since there is or was trouble. */
struct breaker_trouble {
	uint32_t since_sec; /* what was confirmed before that is none of its doing; 0: no trouble */
	uint32_t counts_sec; /* it is over, and what is found counts from then on; 0: it goes on */
};

/* Of addr, now or in the last AFTERMATH_SEC. */
struct breaker_trouble breaker_trouble(const struct breaker *breaker, const struct addr *addr,
				       uint32_t now_sec);

/*
 * What of the troubles, now and lately, whoever judges next is to know, and without which he
 * would believe what is of them: to be taken over before anything is judged. Not that the
 * operator's canaries are bad now: he may have put that right, and they are asked at once.
 */
void breaker_hand_over(const struct breaker *breaker, uint32_t now_sec, struct aftermath *ret);
void breaker_take_over(struct breaker *breaker, const struct aftermath *aftermath);

/* The next address to look at now; false when there is none. Call it every second. */
bool breaker_next(struct breaker *breaker, uint32_t now_sec, struct addr *ret);

/*
 * The next name of a canary whose addresses are to be asked for now, or NULL; call it
 * after breaker_next(). What comes of it goes to breaker_on_forward(), and the addresses
 * come out of breaker_next() then.
 */
const char *breaker_next_name(struct breaker *breaker);
void breaker_on_forward(struct breaker *breaker, const struct forward_report *report,
			uint32_t now_sec);

/* The operator's canaries as they are now. */
const struct canaries *breaker_canaries(const struct breaker *breaker);

/* Calls fn for every open scope, everything first; stops and returns what is not 0. */
int breaker_each(const struct breaker *breaker, int (*fn)(const struct breaker_info *, void *),
		 void *user);

#endif
