/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RFC 8601 §3 iprev as a state machine: queries come out, DNS answers go in, a
 * report with the result and every step behind it is the end.
 *
 * Pure: it sends nothing, reads no clock, allocates nothing. The caller (see
 * io/resolver) asks iprev_next() for queries until it says no, feeds each reply
 * or failure to iprev_answer() in any order, ends it early with iprev_expire()
 * when its deadline has passed, and reads the report once iprev_is_done(). The
 * result does not depend on the order of the answers; which of several confirming
 * names is named, and its TTL, may, since the first one ends the evaluation.
 */
#ifndef MXGATE_CORE_IPREV_H
#define MXGATE_CORE_IPREV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/dnsmsg.h"

#define IPREV_NAMES_MAX 10 /* RFC 8601 §3 asks for a limit */
#define IPREV_STEPS_MAX (1 + IPREV_NAMES_MAX)
#define IPREV_NOTE_MAX  64
/* All texts of a report at their longest; what is not used is never touched. */
#define IPREV_TEXT_MAX                                                                             \
	(ADDR_REVERSE_MAX + IPREV_NAMES_MAX * DNS_NAME_TEXT_MAX + IPREV_STEPS_MAX * IPREV_NOTE_MAX)

enum iprev_result {
	IPREV_NONE = 0,  /* not done */
	IPREV_PASS,      /* an address of some PTR name equals the client */
	IPREV_FAIL,      /* names exist, all answered, none confirms */
	IPREV_PERMERROR, /* no PTR: reverse NXDOMAIN or NODATA */
	IPREV_TEMPERROR, /* SERVFAIL, REFUSED, timeout, malformed, deadline */
	IPREV_SPECIAL,   /* special-purpose address: never looked up, always passes */
};

/* "pass", "fail", "permerror", "temperror"; "none" for the other two. */
const char *iprev_result_name(enum iprev_result result);

/*
 * Every text is set, "" for none. Those of a report lie in its own text[], but for
 * the server, which is the caller's.
 */
struct iprev_name {
	const char *text; /* escaped for people, without the final dot */
	bool queried;     /* a host name, so its addresses were asked for */
	bool confirmed;
};

/* One query and what came of it, in the order they were asked. */
struct iprev_step {
	const char *qname;  /* without the final dot */
	const char *server; /* who answered, "192.0.2.53:53" */
	const char *note;   /* what a person should know */
	uint32_t ttl_sec;   /* of the data, or of its absence (RFC 2308) */
	uint32_t elapsed_us;
	uint16_t qtype; /* ns_t_ptr, ns_t_a, ns_t_aaaa */
	uint16_t rcode;
	uint16_t records; /* PTR names or addresses in the answer */
	enum dns_status status;
	uint8_t name;  /* index of the name whose addresses were asked for */
	bool answered; /* false: the result was certain without it */
};

struct iprev_report {
	struct addr addr;
	enum iprev_result result;
	uint32_t ttl_sec;     /* how long the DNS data behind the result lives */
	uint16_t names_total; /* names in the PTR answer, may exceed name_count */
	uint8_t name_count;
	uint8_t step_count;
	const char *special; /* why it was never looked up; static, or NULL */
	uint16_t text_used;
	struct iprev_name names[IPREV_NAMES_MAX]; /* sorted; host names are preferred */
	struct iprev_step steps[IPREV_STEPS_MAX];
	char text[IPREV_TEXT_MAX];
};

/* The texts of to are its own then, but for the servers. */
void iprev_report_copy(const struct iprev_report *from, struct iprev_report *to);

struct iprev_query {
	uint8_t id;        /* index of its step in the report */
	const char *qname; /* the report's */
	uint16_t qtype;
};

struct iprev {
	uint8_t next;  /* steps handed out */
	uint8_t open;  /* handed out and unanswered */
	bool has_more; /* host names that are not evaluated: more than IPREV_NAMES_MAX */
	struct iprev_report report;
};

void iprev_init(struct iprev *iprev, const struct addr *addr);

/* The next query to send, or false when none is wanted now. */
bool iprev_next(struct iprev *iprev, struct iprev_query *ret);

/*
 * What came of query id. server and elapsed_us are for the report only; server
 * may be NULL and is not copied, nor is the answer's note. A second answer to the same
 * query, one to a query that was not handed out, or one after the end, is ignored.
 */
void iprev_answer(struct iprev *iprev, uint8_t id, const struct dns_answer *answer,
		  const char *server, uint32_t elapsed_us);

/* The deadline has passed: every open query counts as timed out. */
void iprev_expire(struct iprev *iprev);

bool iprev_is_done(const struct iprev *iprev);

#endif
