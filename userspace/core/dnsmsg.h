/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A DNS reply's bytes, read into what iprev needs to know: is there data, is it
 * certain that there is none, or do we not know. Nothing in between is guessed.
 *
 * Pure. Reads with the system's ns_initparse()/ns_parserr(), checks the question
 * and the rcode itself, follows the CNAME chain inside the answer (a DNAME is
 * followed by the CNAME it synthesizes), and takes the least TTL along the way.
 */
#ifndef MXGATE_CORE_DNSMSG_H
#define MXGATE_CORE_DNSMSG_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define DNS_NAME_TEXT_MAX 1025 /* 255 octets, each at most \DDD, and NUL */
#define DNS_RECORDS_MAX   64   /* kept of one answer; the rest is counted */
#define DNS_NEGATIVE_TTL_SEC 300 /* of an absence without SOA */

enum dns_status {
	DNS_DATA,      /* NOERROR with records of the type asked */
	DNS_NODATA,    /* NOERROR, certainly none (RFC 2308 §2.2) */
	DNS_NXDOMAIN,  /* RFC 2308 §2.1, also behind a CNAME (RFC 6604) */
	DNS_SERVFAIL,
	DNS_REFUSED,
	DNS_TIMEOUT,
	DNS_MALFORMED, /* unreadable, or not an answer to our question */
	DNS_LAME,      /* a referral or an incomplete chain: says nothing */
	DNS_OTHER,     /* any other rcode, or a local failure to ask */
};

/* "data", "nodata", "nxdomain", "servfail", ... */
const char *dns_status_name(enum dns_status status);

/* One PTR target. */
struct dns_name {
	char text[DNS_NAME_TEXT_MAX]; /* lower case, escaped, no final dot; "." is the root */
	bool is_host; /* letters, digits, hyphen, underscore; last label not numeric */
};

struct dns_answer {
	enum dns_status status;
	uint8_t rcode;
	uint32_t ttl_sec;
	uint16_t count;  /* kept in names or addrs */
	uint16_t total;  /* distinct ones in the answer */
	const char *note; /* static: what a person should know, or NULL */
	union {
		struct dns_name *names; /* ns_t_ptr, sorted */
		struct addr *addrs;     /* ns_t_a, ns_t_aaaa */
	};
};

#endif
