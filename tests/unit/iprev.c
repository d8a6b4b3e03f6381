// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The state machine by labelled rows: each in many orders of the answers, one result. */
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/iprev.h"

#define NAMES 14

/* What the forward lookup of one PTR name gives. */
struct forward {
	const char *name;       /* in sorted order, as dnsmsg gives them; NULL ends */
	enum dns_status status; /* of its address lookup */
	uint32_t ttl;
	const char *addrs[3];
	bool not_host;
};

struct row {
	const char *label;
	const char *client;
	enum dns_status ptr;
	uint32_t ptr_ttl;
	struct forward names[NAMES];
	enum iprev_result result;
	uint32_t ttl;
	const char *confirmed; /* the only name that can be */
	unsigned int total;    /* names in the PTR answer, if more than listed */
};

static struct addr parse(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static void answer_ptr(struct iprev *iprev, const struct row *row)
{
	static struct dns_name names[NAMES];
	struct dns_answer answer = {.status = row->ptr, .ttl_sec = row->ptr_ttl, .names = names};
	unsigned int n;

	for (n = 0; row->ptr == DNS_DATA && n < NAMES && row->names[n].name; n++) {
		snprintf(names[n].text, sizeof(names[n].text), "%s", row->names[n].name);
		names[n].is_host = !row->names[n].not_host;
	}
	answer.count = (uint16_t)n;
	answer.total = (uint16_t)(row->total ? row->total : n);
	iprev_answer(iprev, 0, &answer, "192.0.2.53:53", 1500);
}

static void answer_forward(struct iprev *iprev, uint8_t id, const struct row *row)
{
	const char *qname = iprev->report.steps[id].qname;
	const struct forward *forward = row->names;
	struct dns_answer answer = {.rcode = 0};
	struct addr addrs[3];

	while (strcmp(forward->name, qname) != 0)
		forward++;
	answer.status = forward->status;
	answer.ttl_sec = forward->ttl;
	answer.addrs = addrs;
	for (; answer.count < 3 && forward->addrs[answer.count]; answer.count++)
		addrs[answer.count] = parse(forward->addrs[answer.count]);
	answer.total = answer.count;
	iprev_answer(iprev, id, &answer, NULL, 0);
}

/* Answers in an order that depends on turn; a pass may come before the last. */
static void run(struct iprev *iprev, const struct row *row, unsigned int turn)
{
	struct addr addr = parse(row->client);
	struct iprev_query query;
	uint8_t ids[IPREV_STEPS_MAX];
	unsigned int n = 0, i;

	iprev_init(iprev, &addr);
	cr_assert(iprev_next(iprev, &query), "%s", row->label);
	cr_assert_eq(query.qtype, ns_t_ptr);
	cr_assert_not(iprev_next(iprev, &query), "%s: one query at first", row->label);
	answer_ptr(iprev, row);
	while (iprev_next(iprev, &query)) {
		cr_expect_eq(query.qtype, addr.family == 4 ? ns_t_a : ns_t_aaaa);
		ids[n++] = query.id;
	}
	cr_assert_leq(n, IPREV_NAMES_MAX);
	for (i = 0; i < n; i++)
		answer_forward(iprev, ids[turn < n ? (i + turn) % n : (n - 1 - i + turn) % n], row);
	cr_assert(iprev_is_done(iprev), "%s: done after the last answer", row->label);
	cr_assert_not(iprev_next(iprev, &query), "%s: nothing more is asked", row->label);
}

static void check_confirmed(const struct iprev_report *report, const struct row *row)
{
	unsigned int i;

	for (i = 0; i < report->name_count; i++)
		cr_expect_eq(report->names[i].confirmed,
			     row->confirmed && strcmp(report->names[i].text, row->confirmed) == 0,
			     "%s: %s", row->label, report->names[i].text);
}

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define NO DNS_NXDOMAIN, 60, {NULL}, false

static const struct row rows[] = {
	{"confirmed",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 200, {V4}, false}},
	 IPREV_PASS,
	 200,
	 "mx",
	 0},
	{"confirmed, the PTR lives less long",
	 V4,
	 DNS_DATA,
	 100,
	 {{"mx", DNS_DATA, 200, {V4}, false}},
	 IPREV_PASS,
	 100,
	 "mx",
	 0},
	{"confirmed over IPv6",
	 V6,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 200, {V6}, false}},
	 IPREV_PASS,
	 200,
	 "mx",
	 0},
	{"confirmed by the last of several addresses",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 200, {"192.0.2.9", "192.0.2.8", V4}, false}},
	 IPREV_PASS,
	 200,
	 "mx",
	 0},
	{"one of three names confirms, the others do not",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO}, {"b", DNS_DATA, 50, {V4}, false}, {"c", DNS_DATA, 10, {"192.0.2.9"}, false}},
	 IPREV_PASS,
	 50,
	 "b",
	 0},
	{"one confirms, the others fail for now",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", DNS_SERVFAIL, 0, {NULL}, false},
	  {"b", DNS_DATA, 50, {V4}, false},
	  {"c", DNS_TIMEOUT, 0, {NULL}, false}},
	 IPREV_PASS,
	 50,
	 "b",
	 0},
	{"no PTR: NXDOMAIN", V4, DNS_NXDOMAIN, 60, {{0}}, IPREV_PERMERROR, 60, NULL, 0},
	{"no PTR: NODATA", V4, DNS_NODATA, 70, {{0}}, IPREV_PERMERROR, 70, NULL, 0},
	{"PTR SERVFAIL", V4, DNS_SERVFAIL, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"PTR REFUSED", V4, DNS_REFUSED, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"PTR timeout", V4, DNS_TIMEOUT, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"PTR malformed", V4, DNS_MALFORMED, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"PTR lame", V4, DNS_LAME, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"PTR other", V4, DNS_OTHER, 0, {{0}}, IPREV_TEMPERROR, 0, NULL, 0},
	{"another address: least TTL of all",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 20, {"192.0.2.9"}, false}},
	 IPREV_FAIL,
	 20,
	 NULL,
	 0},
	{"forward NXDOMAIN", V4, DNS_DATA, 300, {{"mx", NO}}, IPREV_FAIL, 60, NULL, 0},
	{"forward NODATA",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_NODATA, 30, {NULL}, false}},
	 IPREV_FAIL,
	 30,
	 NULL,
	 0},
	{"forward SERVFAIL",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_SERVFAIL, 0, {NULL}, false}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 0},
	{"none confirms and one did not answer",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO},
	  {"b", DNS_TIMEOUT, 0, {NULL}, false},
	  {"c", DNS_DATA, 9, {"192.0.2.9"}, false}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 0},
	{"none confirms and one is lame",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO}, {"b", DNS_LAME, 0, {NULL}, false}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 0},
	{"only private addresses",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 200, {"10.0.0.1", "127.0.0.1"}, false}},
	 IPREV_FAIL,
	 200,
	 NULL,
	 0},
	{"a private address beside the right one",
	 V4,
	 DNS_DATA,
	 300,
	 {{"mx", DNS_DATA, 200, {"10.0.0.1", V4}, false}},
	 IPREV_PASS,
	 200,
	 "mx",
	 0},
	{"no host name at all",
	 V4,
	 DNS_DATA,
	 300,
	 {{"192.0.2.1", DNS_DATA, 0, {V4}, true}},
	 IPREV_FAIL,
	 300,
	 NULL,
	 0},
	{"junk beside a good name",
	 V4,
	 DNS_DATA,
	 300,
	 {{"1.2", DNS_DATA, 0, {V4}, true}, {"mx", DNS_DATA, 200, {V4}, false}},
	 IPREV_PASS,
	 200,
	 "mx",
	 0},
	{"junk beside a name that is not answered",
	 V4,
	 DNS_DATA,
	 300,
	 {{"1.2", DNS_DATA, 0, {V4}, true}, {"mx", DNS_SERVFAIL, 0, {NULL}, false}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 0},
	{"the tenth name confirms",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO},
	  {"b", NO},
	  {"c", NO},
	  {"d", NO},
	  {"e", NO},
	  {"f", NO},
	  {"g", NO},
	  {"h", NO},
	  {"i", NO},
	  {"j", DNS_DATA, 5, {V4}, false}},
	 IPREV_PASS,
	 5,
	 "j",
	 0},
	{"the eleventh name is not evaluated",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO},
	  {"b", NO},
	  {"c", NO},
	  {"d", NO},
	  {"e", NO},
	  {"f", NO},
	  {"g", NO},
	  {"h", NO},
	  {"i", NO},
	  {"j", NO},
	  {"k", DNS_DATA, 5, {V4}, false}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 0},
	{"ten that are no host names do not crowd it out",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO},
	  {"b.1", DNS_DATA, 0, {0}, true},
	  {"c.1", DNS_DATA, 0, {0}, true},
	  {"d.1", DNS_DATA, 0, {0}, true},
	  {"e.1", DNS_DATA, 0, {0}, true},
	  {"f.1", DNS_DATA, 0, {0}, true},
	  {"g.1", DNS_DATA, 0, {0}, true},
	  {"h.1", DNS_DATA, 0, {0}, true},
	  {"i.1", DNS_DATA, 0, {0}, true},
	  {"j.1", DNS_DATA, 0, {0}, true},
	  {"k.1", DNS_DATA, 0, {0}, true},
	  {"mx", DNS_DATA, 5, {V4}, false}},
	 IPREV_PASS,
	 5,
	 "mx",
	 0},
	{"what is left out can be no host: that none confirms is certain",
	 V4,
	 DNS_DATA,
	 300,
	 {{"b.1", DNS_DATA, 0, {0}, true}, {"mx", DNS_DATA, 5, {"192.0.2.9"}, false}},
	 IPREV_FAIL,
	 5,
	 NULL,
	 70},
	{"far more names than are kept",
	 V4,
	 DNS_DATA,
	 300,
	 {{"a", NO}, {"b", NO}},
	 IPREV_TEMPERROR,
	 0,
	 NULL,
	 900},
	{"TTL 0 stays 0",
	 V4,
	 DNS_DATA,
	 0,
	 {{"mx", DNS_DATA, 200, {V4}, false}},
	 IPREV_PASS,
	 0,
	 "mx",
	 0},
};

Test(iprev, rows_in_every_order)
{
	static struct iprev iprev;
	const struct row *row;
	unsigned int turn;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = &rows[i];
		for (turn = 0; turn < 2 * IPREV_NAMES_MAX; turn++) {
			run(&iprev, row, turn);
			cr_expect_eq(iprev.report.result, row->result, "%s, turn %u: %s",
				     row->label, turn, iprev_result_name(iprev.report.result));
			cr_expect_eq(iprev.report.ttl_sec, row->ttl, "%s, turn %u: ttl %u",
				     row->label, turn, iprev.report.ttl_sec);
			check_confirmed(&iprev.report, row);
		}
	}
}

Test(iprev, special_purpose_addresses_are_not_looked_up)
{
	static const char *const addrs[] = {"10.1.2.3",    "127.0.0.1", "169.254.1.1", "224.0.0.1",
					    "100.64.0.1",  "::1",       "fe80::1",     "fd00::1",
					    "192.168.7.7", "0.0.0.0",   "240.0.0.1",   "ff02::1"};
	static struct iprev iprev;
	struct iprev_query query;
	struct addr addr;
	size_t i;

	for (i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		addr = parse(addrs[i]);
		iprev_init(&iprev, &addr);
		cr_expect_eq(iprev.report.result, IPREV_SPECIAL, "%s", addrs[i]);
		cr_expect(iprev.report.special != NULL, "%s", addrs[i]);
		cr_expect_not(iprev_next(&iprev, &query), "%s", addrs[i]);
		cr_expect_eq(iprev.report.step_count, 0);
	}
}

Test(iprev, deadline_before_and_after_the_ptr_answer)
{
	static const struct row row = {"two names", V4, DNS_DATA, 300, {{"a", NO}, {"b", NO}},
				       IPREV_NONE,  0,  NULL,     0};
	static struct iprev iprev;
	struct iprev_query query;
	struct addr addr = parse(V4);
	unsigned int answers;

	/* In time came: 0, nothing; 1, the PTR; 2, one of the two forward answers, too. */
	for (answers = 0; answers < 3; answers++) {
		iprev_init(&iprev, &addr);
		iprev_next(&iprev, &query);
		if (answers > 0) {
			answer_ptr(&iprev, &row);
			while (iprev_next(&iprev, &query))
				;
		}
		if (answers > 1)
			answer_forward(&iprev, 1, &row);
		cr_assert_not(iprev_is_done(&iprev));
		iprev_expire(&iprev);
		cr_expect_eq(iprev.report.result, IPREV_TEMPERROR);
		cr_expect_eq(iprev.report.ttl_sec, 0);
		cr_expect_eq(iprev.report.steps[iprev.report.step_count - 1].status, DNS_TIMEOUT);
		cr_expect_eq(iprev.report.steps[0].status, answers ? DNS_DATA : DNS_TIMEOUT);
	}
	iprev_expire(&iprev);
	cr_expect_eq(iprev.report.result, IPREV_TEMPERROR, "a second time changes nothing");
}

Test(iprev, answers_that_are_not_expected_change_nothing)
{
	static const struct dns_answer gone = {.status = DNS_NXDOMAIN, .ttl_sec = 1};
	static struct iprev iprev;
	struct iprev_query query;
	struct addr addr = parse(V4);

	iprev_init(&iprev, &addr);
	iprev_answer(&iprev, 0, &gone, NULL, 0);
	cr_expect_not(iprev_is_done(&iprev), "an answer before the question");
	iprev_next(&iprev, &query);
	iprev_answer(&iprev, 1, &gone, NULL, 0);
	iprev_answer(&iprev, 200, &gone, NULL, 0);
	cr_expect_not(iprev_is_done(&iprev), "an answer to a question nobody asked");
	run(&iprev, &rows[0], 0);
	iprev_answer(&iprev, 0, &gone, NULL, 0);
	iprev_answer(&iprev, 1, &gone, NULL, 0);
	cr_expect_eq(iprev.report.result, IPREV_PASS, "an answer after the end");
	cr_expect_eq(iprev.report.steps[0].status, DNS_DATA);
}

/* The first of two answers to one query counts, also while the evaluation goes on. */
Test(iprev, second_answer_to_one_query_is_ignored)
{
	static const struct row two = {"two names", V4, DNS_DATA, 300, {{"a", NO}, {"b", NO}},
				       IPREV_NONE,  0,  NULL,     0};
	static const struct dns_answer late = {.status = DNS_SERVFAIL};
	static struct iprev iprev;
	struct iprev_query query;
	struct addr addr = parse(V4);

	iprev_init(&iprev, &addr);
	iprev_next(&iprev, &query);
	answer_ptr(&iprev, &two);
	while (iprev_next(&iprev, &query))
		;
	answer_forward(&iprev, 1, &two);
	iprev_answer(&iprev, 1, &late, NULL, 0);
	cr_assert_not(iprev_is_done(&iprev));
	answer_forward(&iprev, 2, &two);
	cr_expect_eq(iprev.report.result, IPREV_FAIL);
}

Test(iprev, the_report_says_what_was_asked)
{
	static struct iprev iprev;

	run(&iprev, &rows[0], 0);
	cr_expect_str_eq(iprev.report.steps[0].qname, "1.2.0.192.in-addr.arpa");
	cr_expect_str_eq(iprev.report.steps[0].server, "192.0.2.53:53");
	cr_expect_eq(iprev.report.steps[0].elapsed_us, 1500);
	cr_expect_eq(iprev.report.steps[0].records, 1);
	cr_expect_str_eq(iprev.report.steps[1].qname, "mx");
	cr_expect_str_eq(iprev.report.steps[1].server, "");
	run(&iprev, &rows[2], 0);
	cr_expect_str_eq(
		iprev.report.steps[0].qname,
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

static const char *note_of(const char *label)
{
	static struct iprev iprev;
	static char note[64];
	size_t i;

	for (i = 0; strcmp(rows[i].label, label) != 0; i++)
		;
	run(&iprev, &rows[i], 0);
	snprintf(note, sizeof(note), "%s", iprev.report.steps[0].note);
	if (!note[0] && iprev.report.step_count > 1)
		snprintf(note, sizeof(note), "%s", iprev.report.steps[1].note);
	return note;
}

Test(iprev, notes)
{
	cr_expect_str_eq(note_of("confirmed"), "");
	cr_expect_str_eq(note_of("no host name at all"), "1 not a host name");
	cr_expect_str_eq(note_of("only private addresses"), "2 special-purpose, no evidence");
	cr_expect_str_eq(note_of("the eleventh name is not evaluated"),
			 "only 10 of 11 names evaluated");
	cr_expect_str_eq(note_of("far more names than are kept"), "only 2 of 900 names evaluated");
}

Test(iprev, names_of_results)
{
	cr_expect_str_eq(iprev_result_name(IPREV_PASS), "pass");
	cr_expect_str_eq(iprev_result_name(IPREV_FAIL), "fail");
	cr_expect_str_eq(iprev_result_name(IPREV_PERMERROR), "permerror");
	cr_expect_str_eq(iprev_result_name(IPREV_TEMPERROR), "temperror");
	cr_expect_str_eq(iprev_result_name(IPREV_SPECIAL), "none");
	cr_expect_str_eq(iprev_result_name(IPREV_NONE), "none");
}
