// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* DNS replies built record by record, and what each of them may be taken for. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/dnsmsg.h"

#define PTR  ns_t_ptr
#define A    ns_t_a
#define AAAA ns_t_aaaa
#define OPT  (ns_t_opt | CLASS(1232))

#define QNAME "1.2.0.192.in-addr.arpa"

enum {
	AN = 1,
	NS = 2,
	AR = 3
};

#define CLASS(c) ((unsigned int)(c) << 16)

/* rdata: a name; an address; for SOA its MINIMUM; nothing for OPT. */
struct rec {
	int section; /* 0 ends the list */
	const char *owner;
	unsigned int type; /* and CLASS(), if not IN */
	uint32_t ttl;
	const char *rdata;
};

struct wire {
	uint8_t bytes[NS_MAXMSG];
	size_t len;
};

static union dns_records records;

static void put8(struct wire *w, unsigned int v)
{
	w->bytes[w->len++] = (uint8_t)v;
}

static void put16(struct wire *w, unsigned int v)
{
	put8(w, v >> 8);
	put8(w, v & 0xff);
}

static void put32(struct wire *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

static void put_name(struct wire *w, const char *text)
{
	uint8_t name[NS_MAXCDNAME], *at = name;

	cr_assert_neq(ns_name_pton(text, name, sizeof(name)), -1, "%s", text);
	while (*at) {
		memcpy(w->bytes + w->len, at, *at + 1u);
		w->len += *at + 1u;
		at += *at + 1;
	}
	put8(w, 0);
}

static void put_rdata(struct wire *w, const struct rec *rec)
{
	unsigned int type = rec->type & 0xffff;

	if (type == A || type == AAAA) {
		cr_assert_eq(
			inet_pton(type == A ? AF_INET : AF_INET6, rec->rdata, w->bytes + w->len),
			1);
		w->len += type == A ? 4 : 16;
	} else if (type == ns_t_soa) {
		put_name(w, "ns.example");
		put_name(w, "hostmaster.example");
		put32(w, 1);
		put32(w, 2);
		put32(w, 3);
		put32(w, 4);
		put32(w, (uint32_t)strtoul(rec->rdata, NULL, 10));
	} else if (type != ns_t_opt) {
		put_name(w, rec->rdata);
	}
}

static void put_record(struct wire *w, const struct rec *rec)
{
	size_t at;

	put_name(w, rec->owner);
	put16(w, rec->type & 0xffff);
	put16(w, rec->type >> 16 ? rec->type >> 16 : ns_c_in);
	put32(w, rec->ttl);
	at = w->len;
	put16(w, 0);
	put_rdata(w, rec);
	w->bytes[at] = (uint8_t)((w->len - at - 2) >> 8);
	w->bytes[at + 1] = (uint8_t)(w->len - at - 2);
}

#define QR 0x8000u
#define AA 0x0400u
#define TC 0x0200u
#define RA 0x0080u

static void build(struct wire *w, unsigned int flags, const char *qname, int qtype,
		  const struct rec *recs, size_t max)
{
	unsigned int counts[4] = {0}, section;
	size_t i;

	for (i = 0; i < max && recs[i].section; i++)
		counts[recs[i].section]++;
	w->len = 0;
	put16(w, 0x1234);
	put16(w, flags);
	put16(w, qname != NULL);
	for (section = AN; section <= AR; section++)
		put16(w, counts[section]);
	if (qname) {
		put_name(w, qname);
		put16(w, (unsigned int)qtype);
		put16(w, ns_c_in);
	}
	for (section = AN; section <= AR; section++)
		for (i = 0; i < max && recs[i].section; i++)
			if (recs[i].section == (int)section)
				put_record(w, &recs[i]);
}

#define RECS 8

Test(dnsmsg, what_a_reply_is)
{
	static const struct {
		const char *label;
		unsigned int flags; /* QR is added */
		const char *qname;  /* asked: QNAME or h.example */
		int qtype;
		struct rec recs[RECS];
		enum dns_status status;
		uint32_t ttl;
		unsigned int count;
		const char *first; /* first name or address */
	} rows[] = {
		{"one PTR",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "mx.example"}},
		 DNS_DATA,
		 300,
		 1,
		 "mx.example"},
		{"an answer is asked for in any case",
		 0,
		 QNAME,
		 PTR,
		 {{AN, "1.2.0.192.IN-ADDR.ARPA", PTR, 300, "MX.Example"}},
		 DNS_DATA,
		 300,
		 1,
		 "mx.example"},
		{"names are distinct and sorted",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "z.example"},
		  {AN, QNAME, PTR, 200, "a.example"},
		  {AN, QNAME, PTR, 300, "Z.EXAMPLE"}},
		 DNS_DATA,
		 200,
		 2,
		 "a.example"},
		{"TTL with the high bit is a week, as any that is longer",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 0x80000001u, "mx.example"}},
		 DNS_DATA,
		 DNS_TTL_MAX_SEC,
		 1,
		 "mx.example"},
		{"the largest TTL of RFC 2181",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 0x7fffffffu, "mx.example"}},
		 DNS_DATA,
		 DNS_TTL_MAX_SEC,
		 1,
		 "mx.example"},
		{"a week",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 604800, "mx.example"}},
		 DNS_DATA,
		 604800,
		 1,
		 "mx.example"},
		{"classless delegation: least TTL along the chain",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, "1.0/26.2.0.192.in-addr.arpa"},
		  {AN, "1.0/26.2.0.192.in-addr.arpa", PTR, 300, "mx.example"}},
		 DNS_DATA,
		 60,
		 1,
		 "mx.example"},
		{"chain in any order, two links",
		 0,
		 "h.example",
		 A,
		 {{AN, "c.example", A, 30, "192.0.2.1"},
		  {AN, "b.example", ns_t_cname, 20, "c.example"},
		  {AN, "h.example", ns_t_cname, 10, "b.example"}},
		 DNS_DATA,
		 10,
		 1,
		 "192.0.2.1"},
		{"a chain to the root",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, "."}, {AN, ".", PTR, 300, "mx.example"}},
		 DNS_DATA,
		 60,
		 1,
		 "mx.example"},
		{"NXDOMAIN, and a record at the end of the chain, which is the root",
		 3,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, "."},
		  {AN, ".", PTR, 300, "mx.example"},
		  {NS, ".", ns_t_soa, 900, "60"}},
		 DNS_MALFORMED,
		 0,
		 0,
		 NULL},
		{"DNAME with the CNAME it makes",
		 0,
		 "h.old.example",
		 A,
		 {{AN, "old.example", ns_t_dname, 500, "new.example"},
		  {AN, "h.old.example", ns_t_cname, 0, "h.new.example"},
		  {AN, "h.new.example", A, 500, "192.0.2.1"}},
		 DNS_DATA,
		 0,
		 1,
		 "192.0.2.1"},
		{"addresses",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", A, 300, "192.0.2.1"}, {AN, "h.example", A, 300, "192.0.2.2"}},
		 DNS_DATA,
		 300,
		 2,
		 "192.0.2.1"},
		{"IPv6 address",
		 0,
		 "h.example",
		 AAAA,
		 {{AN, "h.example", AAAA, 300, "2001:db8::1"}},
		 DNS_DATA,
		 300,
		 1,
		 "2001:db8::1"},
		{"what was not asked is ignored: owner, type, class",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", A, 300, "192.0.2.1"},
		  {AN, "other.example", A, 1, "192.0.2.2"},
		  {AN, "h.example", AAAA, 1, "2001:db8::1"},
		  {AN, "h.example", A | CLASS(ns_c_chaos), 1, "192.0.2.3"}},
		 DNS_DATA,
		 300,
		 1,
		 "192.0.2.1"},
		{"NXDOMAIN: least of SOA TTL and MINIMUM",
		 3,
		 QNAME,
		 PTR,
		 {{NS, "2.0.192.in-addr.arpa", ns_t_soa, 900, "120"}},
		 DNS_NXDOMAIN,
		 120,
		 0,
		 NULL},
		{"NXDOMAIN: the SOA TTL is less",
		 3,
		 QNAME,
		 PTR,
		 {{NS, "2.0.192.in-addr.arpa", ns_t_soa, 50, "120"}},
		 DNS_NXDOMAIN,
		 50,
		 0,
		 NULL},
		{"NXDOMAIN: SOA of the root",
		 3,
		 QNAME,
		 PTR,
		 {{NS, ".", ns_t_soa, 900, "60"}},
		 DNS_NXDOMAIN,
		 60,
		 0,
		 NULL},
		{"NXDOMAIN without SOA",
		 RA | 3,
		 QNAME,
		 PTR,
		 {{0}},
		 DNS_NXDOMAIN,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"NXDOMAIN with the SOA of another zone",
		 RA | 3,
		 QNAME,
		 PTR,
		 {{NS, "example", ns_t_soa, 900, "10"}},
		 DNS_NXDOMAIN,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"a zone whose name merely ends alike is another zone",
		 RA | 3,
		 QNAME,
		 PTR,
		 {{NS, "92.in-addr.arpa", ns_t_soa, 900, "10"}},
		 DNS_NXDOMAIN,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"a dot inside a label ends no label",
		 RA | 3,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 900, "a\\.b.example"},
		  {NS, "b.example", ns_t_soa, 900, "10"}},
		 DNS_NXDOMAIN,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"NXDOMAIN behind a CNAME",
		 3,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 40, "gone.example"},
		  {NS, "example", ns_t_soa, 900, "120"}},
		 DNS_NXDOMAIN,
		 40,
		 0,
		 NULL},
		{"NXDOMAIN with records contradicts itself",
		 3,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "mx.example"}},
		 DNS_MALFORMED,
		 0,
		 0,
		 NULL},
		{"NODATA",
		 0,
		 QNAME,
		 PTR,
		 {{NS, "2.0.192.in-addr.arpa", ns_t_soa, 900, "120"}},
		 DNS_NODATA,
		 120,
		 0,
		 NULL},
		{"NODATA without SOA",
		 AA,
		 QNAME,
		 PTR,
		 {{0}},
		 DNS_NODATA,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"NODATA without SOA, from a resolver",
		 RA,
		 QNAME,
		 PTR,
		 {{0}},
		 DNS_NODATA,
		 DNS_NEGATIVE_TTL_SEC,
		 0,
		 NULL},
		{"nothing, from a server that neither resolves nor has authority",
		 0,
		 QNAME,
		 PTR,
		 {{0}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"no such name, from a server that neither resolves nor has authority",
		 3,
		 QNAME,
		 PTR,
		 {{0}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"an SOA from elsewhere lends it no authority",
		 3,
		 QNAME,
		 PTR,
		 {{NS, "example", ns_t_soa, 900, "10"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a DNAME without the CNAME it makes",
		 RA,
		 QNAME,
		 PTR,
		 {{AN, "2.0.192.in-addr.arpa", ns_t_dname, 500, "rev.example"},
		  {AN, "1.rev.example", PTR, 500, "mx.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"answers, but to another question",
		 RA | 3,
		 QNAME,
		 PTR,
		 {{AN, "2.2.0.192.in-addr.arpa", PTR, 500, "mx.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"NODATA behind a CNAME",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 77, "b.example"},
		  {NS, "example", ns_t_soa, 900, "120"}},
		 DNS_NODATA,
		 77,
		 0,
		 NULL},
		{"only records of another type, and SOA",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", AAAA, 5, "2001:db8::1"}, {NS, "example", ns_t_soa, 900, "120"}},
		 DNS_NODATA,
		 120,
		 0,
		 NULL},
		{"a referral",
		 0,
		 QNAME,
		 PTR,
		 {{NS, "2.0.192.in-addr.arpa", ns_t_ns, 900, "ns.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a referral that claims authority",
		 AA,
		 QNAME,
		 PTR,
		 {{NS, "2.0.192.in-addr.arpa", ns_t_ns, 900, "ns.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a chain without end and without SOA",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, "x.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a chain whose SOA is of another zone",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, "x.example"},
		  {NS, "2.0.192.in-addr.arpa", ns_t_soa, 900, "120"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a CNAME to itself",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, QNAME}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a loop of two",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 60, "b.example"},
		  {AN, "b.example", ns_t_cname, 60, "h.example"},
		  {NS, "example", ns_t_soa, 900, "120"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a loop behind the first link",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 60, "b.example"},
		  {AN, "b.example", ns_t_cname, 60, "c.example"},
		  {AN, "c.example", ns_t_cname, 60, "b.example"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"a loop is no absence, whatever the rcode",
		 3,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 60, "h.example"},
		  {NS, "example", ns_t_soa, 900, "120"}},
		 DNS_LAME,
		 0,
		 0,
		 NULL},
		{"two CNAMEs",
		 0,
		 "h.example",
		 A,
		 {{AN, "h.example", ns_t_cname, 60, "b.example"},
		  {AN, "h.example", ns_t_cname, 60, "c.example"}},
		 DNS_MALFORMED,
		 0,
		 0,
		 NULL},
		{"SERVFAIL", 2, QNAME, PTR, {{0}}, DNS_SERVFAIL, 0, 0, NULL},
		{"SERVFAIL with an SOA is no absence",
		 2,
		 QNAME,
		 PTR,
		 {{NS, ".", ns_t_soa, 9, "9"}},
		 DNS_SERVFAIL,
		 0,
		 0,
		 NULL},
		{"SERVFAIL behind a loop",
		 2,
		 QNAME,
		 PTR,
		 {{AN, QNAME, ns_t_cname, 60, QNAME}},
		 DNS_SERVFAIL,
		 0,
		 0,
		 NULL},
		{"REFUSED", 5, QNAME, PTR, {{0}}, DNS_REFUSED, 0, 0, NULL},
		{"FORMERR", 1, QNAME, PTR, {{0}}, DNS_OTHER, 0, 0, NULL},
		{"NOTIMP", 4, QNAME, PTR, {{0}}, DNS_OTHER, 0, 0, NULL},
		{"an rcode nobody knows", 13, QNAME, PTR, {{0}}, DNS_OTHER, 0, 0, NULL},
		{"BADVERS looks like NOERROR without its upper bits",
		 0,
		 QNAME,
		 PTR,
		 {{AR, ".", OPT, 1u << 24, ""}},
		 DNS_OTHER,
		 0,
		 0,
		 NULL},
		{"an OPT record that adds nothing",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "mx.example"}, {AR, ".", OPT, 0x8000, ""}},
		 DNS_DATA,
		 300,
		 1,
		 "mx.example"},
		{"two OPT records",
		 0,
		 QNAME,
		 PTR,
		 {{AR, ".", OPT, 0, ""}, {AR, ".", OPT, 0, ""}},
		 DNS_MALFORMED,
		 0,
		 0,
		 NULL},
		{"truncated",
		 TC,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "mx.example"}},
		 DNS_MALFORMED,
		 0,
		 0,
		 NULL},
		{"another opcode", 2u << 11, QNAME, PTR, {{0}}, DNS_MALFORMED, 0, 0, NULL},
		{"the root as a name",
		 0,
		 QNAME,
		 PTR,
		 {{AN, QNAME, PTR, 300, "."}},
		 DNS_DATA,
		 300,
		 1,
		 "."},
	};
	struct dns_answer answer;
	char text[ADDR_TEXT_MAX];
	static struct wire w;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		build(&w, QR | rows[i].flags, rows[i].qname, rows[i].qtype, rows[i].recs, RECS);
		dnsmsg_parse(w.bytes, w.len, rows[i].qname, (uint16_t)rows[i].qtype, &records,
			     &answer);
		cr_expect_eq(answer.status, rows[i].status, "%s: %s (%s)", rows[i].label,
			     dns_status_name(answer.status), answer.note ? answer.note : "");
		cr_expect_eq(answer.ttl_sec, rows[i].ttl, "%s: ttl %u", rows[i].label,
			     answer.ttl_sec);
		cr_expect_eq(answer.count, rows[i].count, "%s: count %u", rows[i].label,
			     answer.count);
		if (rows[i].first && answer.count > 0)
			cr_expect_str_eq(rows[i].qtype == PTR ? answer.names[0].text
							      : addr_format(&answer.addrs[0], text),
					 rows[i].first, "%s", rows[i].label);
	}
}

Test(dnsmsg, the_question_must_be_ours)
{
	static const struct {
		const char *label;
		unsigned int flags;
		const char *qname; /* NULL: no question */
		int qtype;
		enum dns_status status;
	} rows[] = {
		{"ours", QR | RA, QNAME, PTR, DNS_NODATA},
		{"ours with 0x20 noise", QR | RA, "1.2.0.192.iN-AdDr.aRpA", PTR, DNS_NODATA},
		{"not a reply", 0, QNAME, PTR, DNS_MALFORMED},
		{"another name", QR, "2.2.0.192.in-addr.arpa", PTR, DNS_MALFORMED},
		{"another type", QR, QNAME, A, DNS_MALFORMED},
		{"another name, NXDOMAIN", QR | 3, "2.2.0.192.in-addr.arpa", PTR, DNS_MALFORMED},
		{"another name, SERVFAIL", QR | 2, "2.2.0.192.in-addr.arpa", PTR, DNS_MALFORMED},
		{"none, NOERROR", QR, NULL, 0, DNS_MALFORMED},
		{"none, NXDOMAIN", QR | 3, NULL, 0, DNS_MALFORMED},
		{"none, FORMERR", QR | 1, NULL, 0, DNS_OTHER},
		{"none, REFUSED", QR | 5, NULL, 0, DNS_REFUSED},
	};
	static const struct rec none[1];
	struct dns_answer answer;
	static struct wire w;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		build(&w, rows[i].flags, rows[i].qname, rows[i].qtype, none, 1);
		dnsmsg_parse(w.bytes, w.len, QNAME ".", PTR, &records, &answer);
		cr_expect_eq(answer.status, rows[i].status, "%s: %s", rows[i].label,
			     dns_status_name(answer.status));
	}
}

/* A class that is not ours in the question, and a message with one byte too many. */
Test(dnsmsg, small_things_that_are_wrong)
{
	static const struct rec none[1];
	struct dns_answer answer;
	static struct wire w;

	build(&w, QR, QNAME, PTR, none, 1);
	w.bytes[w.len - 1] = ns_c_chaos;
	dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
	cr_expect_eq(answer.status, DNS_MALFORMED, "class");
	build(&w, QR, QNAME, PTR, none, 1);
	dnsmsg_parse(w.bytes, w.len + 1, QNAME, PTR, &records, &answer);
	cr_expect_eq(answer.status, DNS_MALFORMED, "tail");
}

Test(dnsmsg, names_are_data)
{
	static const struct {
		const char *wire; /* presentation form for the builder */
		const char *text;
		bool is_host;
	} rows[] = {
		{"mx.example", "mx.example", true},
		{"MX-1.Example", "mx-1.example", true},
		{"_mx._tcp.example", "_mx._tcp.example", true},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", true},
		{"localhost", "localhost", true},
		{"192.0.2.1", "192.0.2.1", false},
		{"host.42", "host.42", false},
		{"42.host", "42.host", true},
		{".", ".", false},
		{"a\\.b.example", "a\\.b.example", false},
		{"nul\\000.example", "nul\\000.example", false},
		{"back\\\\slash.example", "back\\\\slash.example", false},
		{"a\\\"b.example", "a\\\"b.example", false},
		{"sp\\032ace.example", "sp\\032ace.example", false},
		{"esc\\027[31m.example", "esc\\027[31m.example", false},
		{"m\\195\\188ller.example", "m\\195\\188ller.example", false},
		{"new\\010line.example", "new\\010line.example", false},
		{"<script>.example", "<script>.example", false},
		{"1\\.2\\.0\\.192", "1\\.2\\.0\\.192", false},
	};
	struct dns_answer answer;
	static struct wire w;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rec rec = {AN, QNAME, PTR, 300, rows[i].wire};

		build(&w, QR, QNAME, PTR, &rec, 1);
		dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
		cr_assert_eq(answer.count, 1, "%s", rows[i].wire);
		cr_expect_str_eq(answer.names[0].text, rows[i].text);
		cr_expect_eq(answer.names[0].is_host, rows[i].is_host, "%s", rows[i].wire);
	}
}

/* The longest name there is, in the longest form; and the longest host name. */
Test(dnsmsg, longest_names)
{
	char name[DNS_NAME_TEXT_MAX] = "", host[300] = "";
	struct rec rec = {AN, QNAME, PTR, 300, name};
	struct dns_answer answer;
	static struct wire w;
	unsigned int i;

	/* 3 labels of 63 octets and one of 61: 255 octets on the wire. */
	for (i = 0; i < 250; i++) {
		strcat(name, "\\001");
		strcat(host, "a");
		if (i % 63 == 62) {
			strcat(name, ".");
			strcat(host, ".");
		}
	}
	build(&w, QR, QNAME, PTR, &rec, 1);
	dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
	cr_assert_eq(answer.count, 1);
	cr_expect_str_eq(answer.names[0].text, name);
	rec.rdata = host;
	build(&w, QR, QNAME, PTR, &rec, 1);
	dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
	cr_expect_eq(strlen(answer.names[0].text), 253);
	cr_expect(answer.names[0].is_host);
}

enum {
	MANY = 200
};

/* Names MANY at once, in an order that depends on turn. */
static void parse_many(char names[MANY][32], unsigned int turn, struct dns_answer *ret)
{
	static struct rec recs[MANY];
	static struct wire w;

	for (unsigned int i = 0; i < MANY; i++)
		recs[i] = (struct rec){AN, QNAME, PTR, 300, names[(i * 7 + turn) % MANY]};
	build(&w, QR, QNAME, PTR, recs, MANY);
	dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, ret);
}

/* More names than are kept: the same ones stay, however the server rotates them. */
Test(dnsmsg, kept_names_do_not_depend_on_the_order)
{
	static char names[MANY][32];
	static struct dns_name first[DNS_NAMES_MAX];
	struct dns_answer answer;
	unsigned int turn, i;

	for (i = 0; i < MANY; i++)
		snprintf(names[i], sizeof(names[i]), "h%03u.example", i);
	for (turn = 0; turn < MANY; turn += 37) {
		parse_many(names, turn, &answer);
		cr_assert_eq(answer.count, DNS_NAMES_MAX);
		cr_expect_eq(answer.total, MANY, "%u", answer.total);
		if (turn == 0)
			memcpy(first, answer.names, sizeof(first));
		for (i = 0; i < DNS_NAMES_MAX; i++)
			cr_expect_str_eq(answer.names[i].text, first[i].text);
	}
	cr_expect_str_eq(first[0].text, "h000.example");
	cr_expect_str_eq(first[63].text, "h063.example");
}

/* All hosts stay, and of the rest the least, wherever in the answer and the alphabet they are. */
Test(dnsmsg, host_names_are_kept_before_others)
{
	static const char *const hosts[] = {"a.example", "m.example", "z.example"};
	static char names[MANY][32];
	struct dns_answer answer;
	unsigned int turn, i, seen;

	for (i = 0; i < MANY; i++)
		snprintf(names[i], sizeof(names[i]), i % 2 ? "n%03u.1" : "b%03u.1", i);
	for (i = 0; i < 3; i++)
		strcpy(names[60 * i], hosts[i]);
	for (turn = 0; turn < MANY; turn++) {
		parse_many(names, turn, &answer);
		cr_assert_eq(answer.count, DNS_NAMES_MAX);
		cr_expect_eq(answer.total, MANY, "%u", answer.total);
		for (i = 1; i < DNS_NAMES_MAX; i++)
			cr_assert_lt(strcmp(answer.names[i - 1].text, answer.names[i].text), 0);
		for (i = seen = 0; i < DNS_NAMES_MAX; i++)
			seen += answer.names[i].is_host;
		cr_assert_eq(seen, 3, "turn %u: %u hosts", turn, seen);
		cr_expect_str_eq(answer.names[0].text, "a.example");
		cr_expect_str_eq(answer.names[1].text, "b002.1");
		cr_expect_str_eq(answer.names[63].text, "z.example");
	}
}

/* Every prefix of a good message, and every byte of it changed: no crash, no wild read. */
Test(dnsmsg, cut_and_damaged)
{
	static const struct rec recs[] = {
		{AN, QNAME, ns_t_cname, 60, "1.0/26.2.0.192.in-addr.arpa"},
		{AN, "1.0/26.2.0.192.in-addr.arpa", PTR, 300, "mx.example"},
		{NS, "example", ns_t_soa, 900, "120"},
		{AR, ".", OPT, 0, ""},
	};
	struct dns_answer answer;
	static struct wire w;
	uint8_t *copy, keep;
	size_t i;
	int bit;

	build(&w, QR, QNAME, PTR, recs, 4);
	for (i = 0; i < w.len; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, w.bytes, i);
		dnsmsg_parse(copy, i, QNAME, PTR, &records, &answer);
		cr_expect_eq(answer.status, DNS_MALFORMED, "cut at %zu", i);
		free(copy);
	}
	for (i = 0; i < w.len; i++) {
		for (bit = 0; bit < 8; bit++) {
			keep = w.bytes[i];
			w.bytes[i] ^= (uint8_t)(1 << bit);
			dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
			cr_expect(answer.status <= DNS_OTHER);
			w.bytes[i] = keep;
		}
	}
}

Test(dnsmsg, names_of_statuses_and_rcodes)
{
	char text[DNS_RCODE_TEXT_MAX];
	unsigned int i;

	for (i = 0; i <= DNS_OTHER; i++) {
		cr_expect(dns_status_name((enum dns_status)i)[0]);
		cr_expect_eq(dns_status_is_certain((enum dns_status)i), i <= DNS_NXDOMAIN);
	}
	cr_expect_str_eq(dns_rcode_name(3, text), "NXDOMAIN");
	cr_expect_str_eq(dns_rcode_name(16, text), "BADVERS");
	cr_expect_str_eq(dns_rcode_name(4095, text), "RCODE4095");
}

/* --- messages that are made to take long ------------------------------------------------------ */

#define LABELS       15000
#define POINTERS     2500
#define MAZE_RECORDS 1000

/* Pointer to pointer, count of them, the first to the question; where the last stands. */
static size_t put_chain(struct wire *w, unsigned int count)
{
	size_t at, to = 12;

	put16(w, 0xc00c);
	put16(w, ns_t_txt);
	put16(w, ns_c_in);
	put32(w, 300);
	put16(w, 2 * count);
	for (; count > 0; count--) {
		at = w->len;
		put16(w, 0xc000 | (unsigned int)to);
		to = at;
	}
	return to;
}

/* A chain of CNAMEs, and many records whose owners are at the end of a chain of pointers. */
static void build_maze(struct wire *w, unsigned int jumps)
{
	struct rec cname = {AN, QNAME, ns_t_cname, 300, NULL};
	char owner[32] = QNAME, target[32];
	unsigned int i;
	size_t last;

	build(w, 0x8180, QNAME, PTR, NULL, 0);
	last = put_chain(w, jumps);
	for (i = 0; i < MAZE_RECORDS; i++) {
		put16(w, 0xc000 | (unsigned int)last);
		put16(w, ns_t_txt);
		put16(w, ns_c_in);
		put32(w, 300);
		put16(w, 0);
	}
	for (i = 0; i < DNS_CHAIN_MAX; i++) {
		snprintf(target, sizeof(target), "c%u.example", i);
		cname.owner = i ? owner : QNAME;
		cname.rdata = target;
		put_record(w, &cname);
		strcpy(owner, target);
	}
	cname = (struct rec){AN, owner, PTR, 300, "mx.example"};
	put_record(w, &cname);
	i += MAZE_RECORDS + 2;
	w->bytes[6] = (uint8_t)(i >> 8);
	w->bytes[7] = (uint8_t)i;
}

Test(dnsmsg, pointers_to_pointers)
{
	static const struct {
		unsigned int jumps;
		enum dns_status status;
	} rows[] = {{1, DNS_DATA}, {60, DNS_DATA}, {70, DNS_MALFORMED}, {8000, DNS_MALFORMED}};
	static struct wire w;
	struct dns_answer answer;
	clock_t start;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		build_maze(&w, rows[i].jumps);
		start = clock();
		dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
		cr_expect_eq(answer.status, rows[i].status, "%u jumps: %s %s", rows[i].jumps,
			     dns_status_name(answer.status), answer.note ? answer.note : "");
		cr_expect_lt(clock() - start, CLOCKS_PER_SEC / 10, "%u jumps: %ld us of CPU",
			     rows[i].jumps, (long)(clock() - start));
	}
}

/* Text that is no name but can be pointed to, by many: labels and labels. */
Test(dnsmsg, pointers_to_labels_without_end)
{
	static struct wire w;
	struct dns_answer answer;
	clock_t start;
	size_t begin;

	build(&w, 0x8180, QNAME, PTR, NULL, 0);
	put16(&w, 0xc00c);
	put16(&w, ns_t_txt);
	put16(&w, ns_c_in);
	put32(&w, 300);
	put16(&w, 2 * LABELS + 1);
	begin = w.len;
	for (int i = 0; i < LABELS; i++)
		put16(&w, 0x0161);
	w.bytes[w.len++] = 0;
	for (int i = 0; i < POINTERS; i++) {
		put16(&w, 0xc000 | (unsigned int)begin);
		put16(&w, ns_t_txt);
		put16(&w, ns_c_in);
		put32(&w, 300);
		put16(&w, 0);
	}
	w.bytes[6] = (POINTERS + 1) >> 8;
	w.bytes[7] = (POINTERS + 1) & 0xff;
	start = clock();
	dnsmsg_parse(w.bytes, w.len, QNAME, PTR, &records, &answer);
	cr_expect_eq(answer.status, DNS_MALFORMED, "%s", dns_status_name(answer.status));
	cr_expect_lt(clock() - start, CLOCKS_PER_SEC / 40, "%ld us of CPU",
		     (long)(clock() - start));
}

/* 192.42.0.1 looks like a pointer to itself, where it stands at this place. */
Test(dnsmsg, addresses_that_look_like_pointers)
{
	static struct wire w;
	struct dns_answer answer;
	struct rec rec = {AN, "h.example", A, 300, "192.0.2.1"};
	char text[32];

	build(&w, 0x8180, "h.example", A, &rec, 1);
	snprintf(text, sizeof(text), "192.%zu.0.1", w.len - 4);
	rec.rdata = text;
	build(&w, 0x8180, "h.example", A, &rec, 1);
	dnsmsg_parse(w.bytes, w.len, "h.example", A, &records, &answer);
	cr_expect_eq(answer.status, DNS_DATA, "%s", answer.note ? answer.note : "");
}
