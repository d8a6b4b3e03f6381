// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Which addresses of a name are kept, and when it is certain that there are no others. */
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <string.h>

#include "core/forward.h"

#define ADDRS_MAX 8

static void fill(const char *list, struct addr *addrs, struct dns_answer *answer)
{
	char text[256], *save, *word;

	strcpy(text, list);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		cr_assert_eq(addr_parse(word, &addrs[answer->count++]), 0, "%s", word);
	answer->addrs = addrs;
	answer->total = answer->count;
}

static const char *list_of(const struct forward_report *report)
{
	static char text[1024];
	char one[ADDR_TEXT_MAX];

	text[0] = '\0';
	for (unsigned int i = 0; i < report->count; i++) {
		strcat(text, i ? " " : "");
		strcat(text, addr_format(&report->addrs[i], one));
	}
	return text;
}

static void ask_both(struct forward *forward)
{
	struct iprev_query query;

	forward_init(forward, "mx.example.com");
	cr_assert(forward_next(forward, &query));
	cr_expect_eq(query.qtype, ns_t_a);
	cr_expect_str_eq(query.qname, "mx.example.com");
	cr_assert(forward_next(forward, &query));
	cr_expect_eq(query.qtype, ns_t_aaaa);
	cr_expect_eq(query.id, 1);
	cr_expect_not(forward_next(forward, &query));
}

Test(forward, what_is_kept)
{
	static const struct {
		const char *label;
		enum dns_status a;
		const char *a_list;
		enum dns_status aaaa;
		const char *aaaa_list;
		const char *want;
		bool is_certain;
	} rows[] = {
		{"both", DNS_DATA, "192.0.2.1", DNS_DATA, "2001:db8::1", "192.0.2.1 2001:db8::1",
		 true},
		{"no AAAA", DNS_DATA, "192.0.2.1", DNS_NODATA, "", "192.0.2.1", true},
		{"no such name", DNS_NXDOMAIN, "", DNS_NXDOMAIN, "", "", true},
		{"no address", DNS_NODATA, "", DNS_NODATA, "", "", true},
		{"no answer at all", DNS_SERVFAIL, "", DNS_TIMEOUT, "", "", false},
		{"half an answer", DNS_DATA, "192.0.2.1", DNS_SERVFAIL, "", "192.0.2.1", false},
		{"half an absence", DNS_NODATA, "", DNS_LAME, "", "", false},
		{"special ones are none", DNS_DATA, "127.0.0.1 10.1.2.3 192.0.2.1", DNS_DATA,
		 "::1 fe80::1", "192.0.2.1", true},
		{"a v4-mapped one is none", DNS_NODATA, "", DNS_DATA,
		 "::ffff:192.0.2.1 2001:db8::1", "2001:db8::1", true},
		{"four of each", DNS_DATA,
		 "192.0.2.1 10.0.0.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5", DNS_DATA,
		 "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5",
		 "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 2001:db8::1 2001:db8::2 2001:db8::3 "
		 "2001:db8::4",
		 true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_answer a = {.status = rows[i].a}, aaaa = {.status = rows[i].aaaa};
		struct addr four[ADDRS_MAX], six[ADDRS_MAX];
		struct forward forward;

		fill(rows[i].a_list, four, &a);
		fill(rows[i].aaaa_list, six, &aaaa);
		ask_both(&forward);
		forward_answer(&forward, 0, &a);
		cr_expect_not(forward_is_done(&forward), "%s", rows[i].label);
		forward_answer(&forward, 1, &aaaa);
		cr_expect(forward_is_done(&forward), "%s", rows[i].label);
		cr_expect_str_eq(list_of(&forward.report), rows[i].want, "%s: %s", rows[i].label,
				 list_of(&forward.report));
		cr_expect_eq(forward.report.is_certain, rows[i].is_certain, "%s", rows[i].label);
	}
}

Test(forward, the_deadline_keeps_what_came)
{
	struct dns_answer a = {.status = DNS_DATA};
	struct addr addrs[ADDRS_MAX];
	struct forward forward;

	fill("192.0.2.1", addrs, &a);
	ask_both(&forward);
	forward_answer(&forward, 0, &a);
	forward_answer(&forward, 0, &a);
	cr_expect_not(forward_is_done(&forward), "the same answer twice is one");
	cr_expect_eq(forward.report.count, 1);
	forward_expire(&forward);
	cr_expect(forward_is_done(&forward));
	cr_expect_not(forward.report.is_certain);
	cr_expect_str_eq(list_of(&forward.report), "192.0.2.1");
	forward_answer(&forward, 1, &a);
	cr_expect_eq(forward.report.count, 1, "nothing after the end");
}

/* One that was answered in full is not made doubtful by a deadline that comes late. */
Test(forward, the_deadline_after_the_end_is_nothing)
{
	struct dns_answer none = {.status = DNS_NODATA};
	struct forward forward;

	ask_both(&forward);
	forward_answer(&forward, 1, &none);
	forward_answer(&forward, 0, &none);
	forward_expire(&forward);
	cr_expect(forward.report.is_certain);
}
