/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The aftermath of a trouble: where the breaker has closed lately, and from when on what
 * is found bad there counts again. Resolvers repeat what they were told in the trouble
 * for as long as it lives, and each source there may have been found bad in it before
 * the breaker opened.
 *
 * A zone is remembered for a day; when there are too many, those of one wide network
 * (/16, /32) become one, which is milder and never stricter. Pure and of fixed size;
 * seconds are the breaker's monotonic clock, never 0. It opens and closes nothing.
 */
#ifndef MXGATE_CORE_AFTERMATH_H
#define MXGATE_CORE_AFTERMATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define AFTERMATH_MAX 256
#define AFTERMATH_SEC 86400u /* longer than that no TTL of an absence should be: RFC 2308 §5 */

struct aftermath_zone {
	struct prefix prefix; /* addr.family 0: everything */
	uint32_t since_sec;   /* what was found bad from here on may be of the trouble */
	uint32_t closed_sec;
	uint32_t counts_sec; /* the first moment at which something can count */
	bool is_open;        /* it was not over when this was written down: it is when it is read */
};

struct aftermath {
	struct aftermath_zone zones[AFTERMATH_MAX];
	unsigned int count;
};

/*
 * The trouble of prefix, which began at since_sec, is over. memory_sec: so long it may be
 * repeated; more than AFTERMATH_SEC is taken for that. A zone that is there already keeps
 * its earlier beginning.
 */
void aftermath_add(struct aftermath *aftermath, const struct prefix *prefix, uint32_t since_sec,
		   uint32_t memory_sec, uint32_t now_sec);

/* The same of a trouble that goes on, to be written down for who would not know of it. */
void aftermath_add_open(struct aftermath *aftermath, const struct prefix *prefix,
			uint32_t since_sec, uint32_t memory_sec, uint32_t now_sec);

/*
 * True if addr is in one or more of the zones: then the earliest beginning, and the latest
 * moment from which on something counts, which may have gone by.
 */
bool aftermath_find(const struct aftermath *aftermath, const struct addr *addr, uint32_t now_sec,
		    uint32_t *ret_since, uint32_t *ret_counts);

/* A line for each zone that is not forgotten yet. Returns buf. */
#define AFTERMATH_TEXT_MAX (AFTERMATH_MAX * 96 + 1)
const char *aftermath_to_text(const struct aftermath *aftermath, uint32_t now_sec,
			      char buf[static AFTERMATH_TEXT_MAX]);
/*
 * Reads that, and writes into text. shift_sec is what its moments are to be moved by; none of
 * them comes to lie after now_sec but those from which on something counts. 0; -EBADMSG, and
 * *ret is untouched.
 */
int aftermath_from_text(char *text, int64_t shift_sec, uint32_t now_sec, struct aftermath *ret);

#endif
