/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The addresses of a host name as a state machine beside iprev's: two queries come
 * out, A and AAAA (RFC 1035, RFC 3596), DNS answers go in, a few addresses are the end.
 *
 * Pure: it sends nothing, reads no clock, allocates nothing. Kept are the first four of
 * each family as they came: that bounds what a name can have looked up, whatever its
 * zone says. Special-purpose addresses and those of the wrong family (a v4-mapped AAAA)
 * are no host's on the Internet and are left out. It judges none of them.
 */
#ifndef MXGATE_CORE_FORWARD_H
#define MXGATE_CORE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/dnsmsg.h"
#include "core/iprev.h"

#define FORWARD_EACH      4 /* addresses kept of each family */
#define FORWARD_ADDRS_MAX (2 * FORWARD_EACH)

struct forward_report {
	char name[DNS_HOST_TEXT_MAX]; /* as it was asked for */
	struct addr addrs[FORWARD_ADDRS_MAX];
	unsigned int count;
	bool is_certain; /* both questions were answered: none is missing but for the bound */
};

struct forward {
	uint8_t next;     /* queries handed out */
	uint8_t answered; /* a bit for each */
	struct forward_report report;
};

/* name: a host name without final dot, shorter than DNS_HOST_TEXT_MAX. */
void forward_init(struct forward *forward, const char *name);

/* The next query to send, or false when none is left. Its name is the report's. */
bool forward_next(struct forward *forward, struct iprev_query *ret);

/* What came of query id; a second answer to it, and one after the end, is ignored. */
void forward_answer(struct forward *forward, uint8_t id, const struct dns_answer *answer);

/* The deadline has passed: an open query is one without knowledge. */
void forward_expire(struct forward *forward);

bool forward_is_done(const struct forward *forward);

#endif
