/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A DNS reply's bytes, read into what iprev needs to know: is there data, is it
 * certain that there is none, or do we not know. Nothing in between is guessed:
 * only DATA, NODATA and NXDOMAIN are knowledge, all else is the lack of it.
 *
 * Pure. Reads with the system's ns_initparse() and ns_name_unpack(), checks the question
 * and the rcode itself, follows the CNAME chain inside the answer (a DNAME is
 * followed by the CNAME it synthesizes), and takes the least TTL along the way.
 */
#ifndef MXGATE_CORE_DNSMSG_H
#define MXGATE_CORE_DNSMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define DNS_NAME_TEXT_MAX    1025 /* 255 octets, each at most \DDD, and NUL */
#define DNS_HOST_TEXT_MAX    254  /* a host name needs no escapes: 253 and NUL */
#define DNS_NAMES_MAX        64 /* PTR names kept of one answer, hosts first; the rest is counted */
#define DNS_ADDRS_MAX        4096   /* no message has room for more A or AAAA records */
#define DNS_CHAIN_MAX        16     /* CNAMEs followed */
#define DNS_NEGATIVE_TTL_SEC 300    /* of an absence without SOA */
#define DNS_TTL_MAX_SEC      604800 /* RFC 8767 §4 */

enum dns_status {
	DNS_DATA,     /* NOERROR with records of the type asked */
	DNS_NODATA,   /* NOERROR, certainly none (RFC 2308 §2.2) */
	DNS_NXDOMAIN, /* RFC 2308 §2.1, also behind a CNAME (RFC 6604) */
	DNS_SERVFAIL,
	DNS_REFUSED,
	DNS_TIMEOUT,
	DNS_MALFORMED, /* unreadable, or not an answer to our question */
	DNS_LAME,      /* a referral, a loop, half a chain, an unfounded no: says nothing */
	DNS_OTHER,     /* any other rcode, or a local failure to ask */
};

/* "data", "nodata", "nxdomain", "servfail", ... */
const char *dns_status_name(enum dns_status status);

/* "NOERROR", "NXDOMAIN", "SERVFAIL", ...; "RCODEnn" for the nameless. Returns buf. */
#define DNS_RCODE_TEXT_MAX 16
const char *dns_rcode_name(uint16_t rcode, char buf[static DNS_RCODE_TEXT_MAX]);

/* True for DATA, NODATA and NXDOMAIN: the answer is knowledge. */
bool dns_status_is_certain(enum dns_status status);

/* One PTR target. */
struct dns_name {
	char text[DNS_NAME_TEXT_MAX]; /* lower case, escaped, no final dot; "." is the root */
	bool is_host; /* letters, digits, hyphen, underscore; last label not numeric */
};

struct dns_answer {
	enum dns_status status;
	uint16_t rcode;   /* with the upper bits that EDNS adds (RFC 6891 §6.1.3) */
	uint32_t ttl_sec; /* of the data or of the absence; 0 when neither is known */
	uint16_t count;   /* kept in names or addrs */
	uint16_t total;   /* in the answer; exact up to DNS_NAMES_MAX distinct names */
	const char *note; /* static: what a person should know, or NULL */
	union {
		const struct dns_name
			*names; /* ns_t_ptr: distinct, sorted; no host left out for others */
		const struct addr *addrs; /* ns_t_a, ns_t_aaaa: as they came */
	};
};

/* Where the records of one answer are put: the caller's, valid until used again. */
union dns_records {
	struct dns_name names[DNS_NAMES_MAX];
	struct addr addrs[DNS_ADDRS_MAX];
};

/*
 * Reads a reply to the question qname (presentation form), qtype (ns_t_ptr,
 * ns_t_a or ns_t_aaaa), class IN. Every outcome, bad bytes included, is a status
 * in *ret; ret->names or ret->addrs then point into records. The message's ID
 * and sender are not looked at: who received it has matched those.
 */
void dnsmsg_parse(const uint8_t *msg, size_t len, const char *qname, uint16_t qtype,
		  union dns_records *records, struct dns_answer *ret);

#endif
