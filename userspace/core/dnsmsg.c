/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/dnsmsg.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#include "base/min.h"

#define ADDR4_LEN     4
#define ADDR6_LEN     16
#define SOA_TAIL      20 /* five 32-bit numbers, MINIMUM is the last */
#define RCODE_BADVERS 16
#define JUMPS_MAX     64 /* of one name; an honest one has a label before each */

/* Names are compared in wire form, not compressed: NS_MAXCDNAME octets at most. */
struct record {
	uint8_t owner[NS_MAXCDNAME];
	uint16_t type, class;
	uint32_t ttl_sec;
	const u_char *rdata;
	uint16_t rdlen;
};

/* Some of a section's records are still to be read. */
struct cursor {
	ns_sect section;
	unsigned int left;
	const u_char *at;
};

/* One message being read: where the chain of names stands, and what it has cost. */
struct reading {
	ns_msg msg;
	const u_char *sections[ns_s_max]; /* where the records of each begin */
	uint16_t qtype;
	uint8_t qname[NS_MAXCDNAME];
	uint8_t owner[NS_MAXCDNAME]; /* the end of the CNAME chain so far */
	unsigned int hops;
	uint32_t ttl_sec; /* least TTL along the chain */
	union dns_records *records;
	struct dns_answer *answer;
};

static const char *const status_names[] = {
	[DNS_DATA] = "data",           [DNS_NODATA] = "nodata",   [DNS_NXDOMAIN] = "nxdomain",
	[DNS_SERVFAIL] = "servfail",   [DNS_REFUSED] = "refused", [DNS_TIMEOUT] = "timeout",
	[DNS_MALFORMED] = "malformed", [DNS_LAME] = "lame",       [DNS_OTHER] = "other",
};

const char *dns_status_name(enum dns_status status)
{
	return status_names[status];
}

const char *dns_rcode_name(uint16_t rcode, char buf[static DNS_RCODE_TEXT_MAX])
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					    "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
					    "NXRRSET", "NOTAUTH", "NOTZONE"};

	if (rcode < sizeof(names) / sizeof(names[0]))
		snprintf(buf, DNS_RCODE_TEXT_MAX, "%s", names[rcode]);
	else if (rcode == RCODE_BADVERS)
		snprintf(buf, DNS_RCODE_TEXT_MAX, "BADVERS");
	else
		snprintf(buf, DNS_RCODE_TEXT_MAX, "RCODE%u", rcode);
	return buf;
}

bool dns_status_is_certain(enum dns_status status)
{
	return status == DNS_DATA || status == DNS_NODATA || status == DNS_NXDOMAIN;
}

static void conclude(struct reading *r, enum dns_status status, const char *note)
{
	r->answer->status = status;
	r->answer->note = note;
	if (!dns_status_is_certain(status)) {
		r->answer->ttl_sec = 0;
		r->answer->count = 0;
		r->answer->total = 0;
	}
}

/*
 * All 32 bits count, and a week is enough (RFC 8767 §4, which takes back what RFC
 * 2181 §8 said of the highest bit).
 */
static uint32_t sane_ttl(uint32_t ttl)
{
	return ttl > DNS_TTL_MAX_SEC ? DNS_TTL_MAX_SEC : ttl;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool name_equal(const uint8_t *a, const uint8_t *b)
{
	unsigned int left;

	while (*a != 0) {
		/* The octet that says how long the label is, too: it is no letter. */
		for (left = 1u + *a; left > 0; left--, a++, b++)
			if (*a != *b && lower(*a) != lower(*b))
				return false;
	}
	return *b == 0;
}

/* True when name is zone or below it. */
static bool name_is_under(const uint8_t *name, const uint8_t *zone)
{
	while (!name_equal(name, zone)) {
		if (*name == 0)
			return false;
		name += 1 + *name;
	}
	return true;
}

static struct cursor records_of(const struct reading *r, ns_sect section)
{
	return (struct cursor){section, ns_msg_count(r->msg, section), r->sections[section]};
}

/*
 * The next record of a section; false at its end, or with a conclusion when its owner is
 * unreadable. All records lie inside the message: ns_initparse() has seen to that.
 */
static bool next_record(struct reading *r, struct cursor *cursor, struct record *ret)
{
	int used;

	if (cursor->left == 0)
		return false;
	cursor->left--;
	used = ns_name_unpack(ns_msg_base(r->msg), ns_msg_end(r->msg), cursor->at, ret->owner,
			      sizeof(ret->owner));
	if (used < 0) {
		conclude(r, DNS_MALFORMED, "unreadable record");
		return false;
	}
	cursor->at += used;
	NS_GET16(ret->type, cursor->at);
	NS_GET16(ret->class, cursor->at);
	if (cursor->section == ns_s_qd)
		return true;
	NS_GET32(ret->ttl_sec, cursor->at);
	NS_GET16(ret->rdlen, cursor->at);
	ret->rdata = cursor->at;
	cursor->at += ret->rdlen;
	return true;
}

/* --- names as data -------------------------------------------------------------------------- */

static size_t put_byte(uint8_t c, char *out)
{
	if (c == '.' || c == '\\' || c == '"') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c > 0x20 && c < 0x7f) {
		out[0] = (char)lower(c);
		return 1;
	}
	return (size_t)snprintf(out, 5, "\\%03u", c);
}

static bool is_host_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '_';
}

/* From the uncompressed wire form. Text in a label is data: dots and NULs in it stay visible. */
static void name_from_wire(const uint8_t *wire, struct dns_name *ret)
{
	bool numeric = false, host = *wire != 0;
	size_t used = 0;
	uint8_t len, i;

	while ((len = *wire++) != 0) {
		if (used > 0)
			ret->text[used++] = '.';
		numeric = true;
		for (i = 0; i < len; i++, wire++) {
			numeric = numeric && *wire >= '0' && *wire <= '9';
			if (is_host_byte(*wire)) {
				ret->text[used++] = (char)lower(*wire);
				continue;
			}
			host = false;
			used += put_byte(*wire, ret->text + used);
		}
	}
	if (used == 0)
		ret->text[used++] = '.';
	ret->text[used] = '\0';
	ret->is_host = host && !numeric && used < DNS_HOST_TEXT_MAX;
}

/* Which of a full list leaves: the greatest that can be no host, else the greatest. */
static unsigned int weakest_name(const struct dns_answer *answer)
{
	unsigned int at = answer->count;

	while (at > 0)
		if (!answer->names[--at].is_host)
			return at;
	return answer->count - 1u;
}

/*
 * Keeps the list sorted and distinct. When it is full, host names stay before what
 * can be none, and then the least, so that what is kept does not depend on the order
 * in which a server rotates them.
 */
static void keep_name(struct reading *r, const struct dns_name *name)
{
	struct dns_name *names = r->records->names;
	struct dns_answer *answer = r->answer;
	unsigned int at = 0, gone = answer->count;
	int order = 1;

	while (at < answer->count && (order = strcmp(names[at].text, name->text)) < 0)
		at++;
	if (at < answer->count && order == 0)
		return;
	answer->total++;
	if (answer->count < DNS_NAMES_MAX) {
		answer->count++;
	} else {
		gone = weakest_name(answer);
		if (names[gone].is_host == name->is_host ? at > gone : !name->is_host)
			return;
	}
	if (gone < at) {
		at--;
		memmove(&names[gone], &names[gone + 1], (at - gone) * sizeof(names[0]));
	} else {
		memmove(&names[at + 1], &names[at], (gone - at) * sizeof(names[0]));
	}
	names[at].is_host = name->is_host;
	strcpy(names[at].text, name->text);
}

/* --- records -------------------------------------------------------------------------------- */

/* A name that is all that the record has. */
static bool read_name(const struct reading *r, const struct record *record,
		      uint8_t wire[static NS_MAXCDNAME])
{
	return ns_name_unpack(ns_msg_base(r->msg), ns_msg_end(r->msg), record->rdata, wire,
			      NS_MAXCDNAME) == record->rdlen;
}

static bool keep_ptr(struct reading *r, const struct record *record)
{
	uint8_t wire[NS_MAXCDNAME];
	struct dns_name name;

	if (!read_name(r, record, wire)) {
		conclude(r, DNS_MALFORMED, "PTR record with a broken name");
		return false;
	}
	name_from_wire(wire, &name);
	keep_name(r, &name);
	return true;
}

static bool keep_addr(struct reading *r, const struct record *record)
{
	unsigned int family = r->qtype == ns_t_a ? 4 : 6;

	if (record->rdlen != (family == 4 ? ADDR4_LEN : ADDR6_LEN)) {
		conclude(r, DNS_MALFORMED, "address record of the wrong length");
		return false;
	}
	if (r->answer->count >= DNS_ADDRS_MAX) {
		conclude(r, DNS_MALFORMED, "more addresses than a message can hold");
		return false;
	}
	addr_from_bytes(family, record->rdata, &r->records->addrs[r->answer->count++]);
	r->answer->total = r->answer->count;
	return true;
}

/*
 * Looks at every answer record of the chain's present owner: takes the data and
 * the target of a CNAME. False with a conclusion when the message is broken.
 */
static bool scan_owner(struct reading *r, uint8_t target[static NS_MAXCDNAME], bool *ret_cname)
{
	struct cursor answers = records_of(r, ns_s_an);
	uint8_t name[NS_MAXCDNAME];
	struct record record;

	*ret_cname = false;
	while (next_record(r, &answers, &record)) {
		if (record.class != ns_c_in || !name_equal(record.owner, r->owner))
			continue;
		if (record.type != r->qtype && record.type != ns_t_cname)
			continue;
		r->ttl_sec = min_u32(r->ttl_sec, sane_ttl(record.ttl_sec));
		if (record.type == r->qtype) {
			if (!(r->qtype == ns_t_ptr ? keep_ptr(r, &record) : keep_addr(r, &record)))
				return false;
			continue;
		}
		if (!read_name(r, &record, name)) {
			conclude(r, DNS_MALFORMED, "CNAME record with a broken name");
			return false;
		}
		if (*ret_cname && !name_equal(name, target)) {
			conclude(r, DNS_MALFORMED, "two CNAMEs at one name");
			return false;
		}
		memcpy(target, name, sizeof(name));
		*ret_cname = true;
	}
	return r->answer->note == NULL;
}

/* Follows CNAMEs to the end. False with a conclusion when there is none. */
static bool follow_chain(struct reading *r)
{
	uint8_t target[NS_MAXCDNAME];
	bool cname;

	for (;;) {
		if (!scan_owner(r, target, &cname))
			return false;
		if (r->answer->count > 0 || !cname)
			return true;
		/*
		 * A loop is an error of the zone, not the absence of a record: nobody
		 * has said that there is none, whatever the rcode claims.
		 */
		if (++r->hops > DNS_CHAIN_MAX || name_equal(target, r->owner) ||
		    name_equal(target, r->qname)) {
			conclude(r, DNS_LAME, "CNAME loop or too long a chain");
			return false;
		}
		memcpy(r->owner, target, sizeof(target));
	}
}

/* MINIMUM of an SOA; false when its rdata is not one. */
static bool soa_minimum(const struct record *record, uint32_t *ret)
{
	const u_char *at = record->rdata, *end = at + record->rdlen;

	/* NOLINTNEXTLINE(misc-redundant-expression): two names, one after the other */
	if (ns_name_skip(&at, end) < 0 || ns_name_skip(&at, end) < 0 || end - at != SOA_TAIL)
		return false;
	*ret = sane_ttl((uint32_t)ns_get32(end - NS_INT32SZ));
	return true;
}

/*
 * The authority section of an answer without data: the SOA of a zone that the
 * name lies in says how long the absence holds (RFC 2308 §5); NS without SOA is
 * a referral (§2.2). False with a conclusion when the message is broken.
 */
static bool scan_authority(struct reading *r, bool *ret_soa, bool *ret_ns)
{
	struct cursor authority = records_of(r, ns_s_ns);
	struct record record;
	uint32_t minimum;

	*ret_soa = *ret_ns = false;
	while (next_record(r, &authority, &record)) {
		if (record.class != ns_c_in)
			continue;
		if (record.type == ns_t_ns)
			*ret_ns = true;
		if (record.type != ns_t_soa || !name_is_under(r->owner, record.owner))
			continue;
		if (!soa_minimum(&record, &minimum)) {
			conclude(r, DNS_MALFORMED, "unreadable SOA record");
			return false;
		}
		r->ttl_sec = min_u32(r->ttl_sec, min_u32(sane_ttl(record.ttl_sec), minimum));
		*ret_soa = true;
	}
	return r->answer->note == NULL;
}

/* Why a reply without the SOA that proves it is no absence, or NULL if it may be one. */
static const char *unfounded(const struct reading *r, bool is_nxdomain, bool has_ns)
{
	if (!is_nxdomain && r->hops > 0)
		return "CNAME chain ends without an answer";
	if (!is_nxdomain && has_ns)
		return "referral instead of an answer";
	if (r->hops == 0 && ns_msg_count(r->msg, ns_s_an) > 0)
		return "answers, and none to our question";
	/* A resolver may deny without proof, and the zone's own server. Who else has looked? */
	if (!ns_msg_getflag(r->msg, ns_f_ra) && !ns_msg_getflag(r->msg, ns_f_aa))
		return "from a server that neither resolves nor has authority";
	return NULL;
}

static void conclude_absence(struct reading *r, bool is_nxdomain)
{
	const char *why = NULL;
	bool soa, ns;

	if (!scan_authority(r, &soa, &ns))
		return;
	if (!soa)
		why = unfounded(r, is_nxdomain, ns);
	if (why) {
		conclude(r, DNS_LAME, why);
		return;
	}
	r->answer->ttl_sec = soa ? r->ttl_sec : min_u32(r->ttl_sec, DNS_NEGATIVE_TTL_SEC);
	conclude(r, is_nxdomain ? DNS_NXDOMAIN : DNS_NODATA, soa ? NULL : "absence without SOA");
}

/* --- the message ---------------------------------------------------------------------------- */

/*
 * True when the name at this place jumps more often than any honest writer makes it, or
 * is longer than a name can be.
 */
static bool is_endless(const ns_msg *msg, const u_char *at)
{
	const u_char *base = ns_msg_base(*msg), *end = ns_msg_end(*msg);
	unsigned int jumps = 0, octets = 0;

	while (at < end && *at != 0) {
		if ((*at & NS_CMPRSFLGS) != NS_CMPRSFLGS) {
			octets += 1u + *at;
			if (octets >= NS_MAXCDNAME)
				return true;
			at += 1 + *at;
			continue;
		}
		if (++jumps > JUMPS_MAX)
			return true;
		if (end - at < NS_INT16SZ)
			return false;
		at = base + (ns_get16(at) & 0x3fff);
	}
	return false;
}

/*
 * One message of pointers to pointers, each record's owner at the far end of them, takes
 * seconds to read. Looks at every place where a name begins that is read below, in
 * one pass, and notes where the sections begin; ns_initparse() has seen that the records
 * lie inside the message.
 */
static bool is_maze(struct reading *r)
{
	const ns_msg *msg = &r->msg;
	const u_char *at = ns_msg_base(*msg) + NS_HFIXEDSZ, *end = ns_msg_end(*msg);
	unsigned int left, type;

	for (int section = 0; section < ns_s_max; section++) {
		r->sections[section] = at;
		for (left = ns_msg_count(*msg, section); left > 0; left--) {
			if (is_endless(msg, at) || ns_name_skip(&at, end) < 0)
				return true;
			type = ns_get16(at);
			at += NS_QFIXEDSZ;
			if (section == ns_s_qd)
				continue;
			at += NS_INT32SZ + NS_INT16SZ;
			if ((type == ns_t_ptr || type == ns_t_cname) && is_endless(msg, at))
				return true;
			at += ns_get16(at - NS_INT16SZ);
		}
	}
	return false;
}

/* EDNS adds eight bits above those of the header; two OPT records are an error. */
static bool read_rcode(struct reading *r)
{
	struct cursor additional = records_of(r, ns_s_ar);
	struct record record;
	bool seen = false;

	r->answer->rcode = (uint16_t)ns_msg_getflag(r->msg, ns_f_rcode);
	while (next_record(r, &additional, &record)) {
		if (record.type != ns_t_opt)
			continue;
		if (seen) {
			conclude(r, DNS_MALFORMED, "two OPT records");
			return false;
		}
		seen = true;
		r->answer->rcode |= (uint16_t)((record.ttl_sec >> 24) << 4);
	}
	return r->answer->note == NULL;
}

static bool is_failure(uint16_t rcode)
{
	return rcode != ns_r_noerror && rcode != ns_r_nxdomain;
}

/* A server that could not read our query may leave the question out. */
static bool check_question(struct reading *r)
{
	struct cursor question = records_of(r, ns_s_qd);
	struct record record;

	if (ns_msg_count(r->msg, ns_s_qd) == 0 && is_failure(r->answer->rcode))
		return true;
	if (ns_msg_count(r->msg, ns_s_qd) != 1 || !next_record(r, &question, &record)) {
		conclude(r, DNS_MALFORMED, "not one question");
		return false;
	}
	if (record.type != r->qtype || record.class != ns_c_in ||
	    !name_equal(record.owner, r->qname)) {
		conclude(r, DNS_MALFORMED, "answer to another question");
		return false;
	}
	return true;
}

static bool check_header(struct reading *r)
{
	if (!ns_msg_getflag(r->msg, ns_f_qr) || ns_msg_getflag(r->msg, ns_f_opcode) != ns_o_query) {
		conclude(r, DNS_MALFORMED, "not a reply to a query");
		return false;
	}
	if (!read_rcode(r) || !check_question(r))
		return false;
	if (is_failure(r->answer->rcode)) {
		conclude(r,
			 r->answer->rcode == ns_r_servfail  ? DNS_SERVFAIL
			 : r->answer->rcode == ns_r_refused ? DNS_REFUSED
							    : DNS_OTHER,
			 NULL);
		return false;
	}
	if (ns_msg_getflag(r->msg, ns_f_tc)) {
		conclude(r, DNS_MALFORMED, "truncated answer");
		return false;
	}
	return true;
}

static void read_answer(struct reading *r)
{
	bool is_nxdomain = r->answer->rcode == ns_r_nxdomain;

	if (!follow_chain(r))
		return;
	if (r->answer->count == 0) {
		conclude_absence(r, is_nxdomain);
	} else if (is_nxdomain) {
		conclude(r, DNS_MALFORMED, "NXDOMAIN with records");
	} else {
		r->answer->ttl_sec = r->ttl_sec;
		conclude(r, DNS_DATA, NULL);
	}
}

void dnsmsg_parse(const uint8_t *msg, size_t len, const char *qname, uint16_t qtype,
		  union dns_records *records, struct dns_answer *ret)
{
	struct reading r = {.qtype = qtype, .ttl_sec = DNS_TTL_MAX_SEC, .records = records};

	r.answer = ret;
	memset(ret, 0, sizeof(*ret));
	if (qtype == ns_t_ptr)
		ret->names = records->names;
	else
		ret->addrs = records->addrs;
	if (ns_name_pton(qname, r.qname, sizeof(r.qname)) < 0) {
		conclude(&r, DNS_MALFORMED, "answer to another question");
		return;
	}
	memcpy(r.owner, r.qname, sizeof(r.owner));
	if (len > NS_MAXMSG || ns_initparse(msg, (int)len, &r.msg) < 0) {
		conclude(&r, DNS_MALFORMED, "unreadable message");
		return;
	}
	if (is_maze(&r))
		conclude(&r, DNS_MALFORMED, "names that lead from pointer to pointer");
	else if (check_header(&r))
		read_answer(&r);
}
