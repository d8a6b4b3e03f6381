/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is remembered of a source beyond its verdict: when it was last found good,
 * since when it has been found bad, how often. A verdict ends with its DNS data;
 * this is what lets the next one be weighed against the last.
 *
 * A table of fixed size, eight places for each value of a keyed hash: nothing is
 * allocated after the start, and nobody can aim at a place from outside. When the
 * places of a source are taken, the oldest bad one makes way, then the oldest good
 * one. What is forgotten starts anew, and a good one without its patience; so the
 * families are apart: the holder of an IPv6 network, who can be as many good hosts as
 * he likes, crowds out none of IPv4.
 *
 * Pure: seconds are the caller's monotonic clock, never 0.
 */
#ifndef MXGATE_CORE_HISTORY_H
#define MXGATE_CORE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * How long a pass counts as "known to be good" after it was seen, and a refusal as
 * "known to be bad": RFC 8767 §5 lets stale data serve for one to three days.
 */
#define HISTORY_GOOD_SEC (2 * 86400u)
#define HISTORY_BAD_SEC  86400u

struct history_source {
	struct addr addr;  /* family 0: a free place */
	uint8_t seen;      /* negative observations that counted, in a row */
	uint16_t server;   /* who gave the last of them, as confirm_case has it */
	uint32_t good_sec; /* last found good; 0: not known to be */
	uint32_t bad_sec;  /* first of the negative observations in a row; 0: none */
	uint32_t last_sec; /* the last one that counted; later than now: none counts until then */
};

struct history;

/*
 * Room for so many sources of each family, or up to twice as many: 32 bytes each, a power
 * of two. A table of the same size and seed has a place for all that this one has, whatever
 * it is filled to. NULL when out of memory.
 */
struct history *history_new(uint32_t sources4, uint32_t sources6, uint64_t seed);
void history_free(struct history *history); /* NULL is fine */

/* What is remembered of addr, or NULL. Valid until the next history_get(). */
struct history_source *history_find(struct history *history, const struct addr *addr);
/* The same; a source not known gets a place. Never NULL. */
struct history_source *history_get(struct history *history, const struct addr *addr);

/* A source that is known to be good, as it is carried to another table. */
struct history_good {
	struct addr addr;
	uint32_t age_sec; /* since it was found good; its clock stands still while it is bad */
	uint32_t bad_sec; /* so long it has been found bad; 0: it is not */
};

#define HISTORY_STEP 1024

/*
 * The known-good of the next HISTORY_STEP places: how many, perhaps none; -1 at the end. *at
 * begins at 0 and moves on. What changes between two calls is seen before or after.
 */
int history_next_good(const struct history *history, size_t *at, uint32_t now_sec,
		      struct history_good ret[static HISTORY_STEP]);
/*
 * By what outlived another table it was good good->age_sec ago, and has been bad after that
 * for as long as it says. That its next bad answer is a flip nevertheless is for a breaker
 * that has not seen the first. Takes nothing from a source that is known better or to be good
 * since; false if there was nothing to be added. now_sec is later than age_sec.
 */
bool history_restore(struct history *history, const struct history_good *good, uint32_t now_sec);

/*
 * Forgets what speaks against the sources inside prefix (NULL: all), not who was good:
 * that would make whoever flushes in an outage condemn the innocent.
 */
void history_forget(struct history *history, const struct prefix *prefix);

/* True if it was good not too long ago. NULL is fine. */
bool history_is_good(const struct history_source *source, uint32_t now_sec);

/* It was found good. */
void history_on_good(struct history_source *source, uint32_t now_sec);
/* It was found bad; true if that is a flip: good until now. */
bool history_on_bad(struct history_source *source, uint32_t now_sec);

#endif
