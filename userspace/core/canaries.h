/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The operator's canaries: addresses and host names whose reverse DNS is known to be
 * right, which of them are well, and what is to be looked at next.
 *
 * An address is well or bad as it was found last. A name is well when one of its
 * addresses is, and bad when it certainly has none, or when every one that was looked
 * at is bad. What is not known (no answer) changes nothing, but that a name that was
 * well and cannot be looked up now has not recovered. One that has been bad for the
 * longest time is set aside: it no longer counts until it is well again.
 *
 * While all is well a name costs what an address does: the one that was well last is
 * looked at, and the name is asked for again when that is not well, when none is known,
 * and while the breaker is open for everything.
 *
 * Pure and of fixed size, part of the breaker. Seconds are its monotonic clock, never 0.
 */
#ifndef MXGATE_CORE_CANARIES_H
#define MXGATE_CORE_CANARIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/dnsmsg.h"
#include "core/forward.h"

#define CANARIES_MAX 8

/* As the configuration has it. */
struct canary_host {
	char name[DNS_HOST_TEXT_MAX]; /* lower case, no final dot; "": an address */
	struct addr addr;
};

/*
 * Reads an address (none that is special-purpose: it is never looked up, so it would
 * count as well whatever happens) or a host name of two labels or more: letters, digits,
 * hyphens inside labels, underscores; the last label has a letter. 0, or -EINVAL and *ret
 * untouched.
 */
int canary_host_parse(const char *text, struct canary_host *ret);

/* The same address, or the same name. */
bool canary_host_equal(const struct canary_host *a, const struct canary_host *b);

/* The name, or the address in its canonical text. Returns buf. */
const char *canary_host_format(const struct canary_host *host, char buf[static DNS_HOST_TEXT_MAX]);

enum canary_state {
	CANARY_UNKNOWN, /* never found well or bad since the start; counts as well */
	CANARY_GOOD,
	CANARY_BAD,
};

struct canary {
	struct canary_host host;
	enum canary_state state;
	bool was_good;       /* at any time since the start */
	bool is_aside;       /* bad for too long */
	bool is_lost;        /* the last time that its name was asked for told nothing */
	bool is_settled;     /* found well or bad in this round */
	bool is_wanted;      /* its name is to be asked for */
	bool is_fresh;       /* addrs are what the name has now, */
	bool is_all;         /* and it has no other */
	uint32_t bad_sec;    /* since when it is bad */
	unsigned int misses; /* rounds in a row that told nothing */
	uint8_t bad;         /* a bit for each address found bad in this round */
	uint8_t count, at;   /* of addrs; at is looked at next */
	struct addr addrs[FORWARD_ADDRS_MAX];
};

struct canaries {
	struct canary list[CANARIES_MAX];
	unsigned int count;
	uint32_t longest_sec;
	uint32_t round_sec; /* begin of the present round; 0: none yet */
};

void canaries_init(struct canaries *canaries, const struct canary_host *hosts, unsigned int count,
		   uint32_t longest_sec);

/* addr was found good, or bad for certain. True if it is that of a canary. */
bool canaries_on_good(struct canaries *canaries, const struct addr *addr);
bool canaries_on_bad(struct canaries *canaries, const struct addr *addr, uint32_t now_sec);

/* What became of asking for a name; one that is no canary's is ignored. */
void canaries_on_forward(struct canaries *canaries, const struct forward_report *report,
			 uint32_t now_sec);

/* How many count, how many of those are not bad, and how many are well enough to close. */
unsigned int canaries_counted(const struct canaries *canaries);
unsigned int canaries_well(const struct canaries *canaries);
unsigned int canaries_recovered(const struct canaries *canaries);

/*
 * Begins a round when one is due. The next address to look at now; false when there is
 * none. is_open: the breaker is open for everything, which makes rounds more frequent.
 */
bool canaries_next(struct canaries *canaries, bool is_open, uint32_t now_sec, struct addr *ret);

/* The next name to ask for now, or NULL. Of the round that canaries_next() has begun. */
const char *canaries_next_name(struct canaries *canaries);

#endif
