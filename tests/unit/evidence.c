// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The keys that scripts rely on, their types, and what the sentence says. */
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/evidence.h"

static struct iprev iprev;
static const struct patterns *patterns;

static void start(const char *client)
{
	struct iprev_query query;
	struct addr addr;

	cr_assert_eq(addr_parse(client, &addr), 0);
	iprev_init(&iprev, &addr);
	iprev_next(&iprev, &query);
}

static void answer_names(unsigned int count, const char *const *texts, bool host)
{
	static struct dns_name names[16];
	struct dns_answer answer = {.status = DNS_DATA, .ttl_sec = 300, .names = names};
	struct iprev_query query;
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(names[i].text, sizeof(names[i].text), "%s", texts[i]);
		names[i].is_host = host;
	}
	answer.count = answer.total = (uint16_t)count;
	iprev_answer(&iprev, 0, &answer, "127.0.0.1:53", 1250);
	while (iprev_next(&iprev, &query))
		;
}

static void answer_plain(uint8_t id, enum dns_status status, uint16_t rcode)
{
	struct dns_answer answer = {.status = status, .rcode = rcode, .ttl_sec = 60};

	iprev_answer(&iprev, id, &answer, "127.0.0.1:53", 900);
}

static void answer_addr(uint8_t id, const char *text)
{
	struct dns_answer answer = {.status = DNS_DATA, .ttl_sec = 120, .count = 1, .total = 1};
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	answer.addrs = &addr;
	iprev_answer(&iprev, id, &answer, "127.0.0.1:53", 900);
}

/* Packed and unpacked it is the same; no part of the bytes, and none that is damaged, hurts. */
static void check_packed(const struct rdns_result *generic, const struct policy *policy,
			 const struct policy_decision *decision, const json_t *whole)
{
	static uint8_t packed[EVIDENCE_PACKED_MAX], bad[EVIDENCE_PACKED_MAX];
	size_t len = evidence_pack(&iprev.report, generic, policy, decision, 1700000000, packed),
	       at;
	json_t *again = evidence_unpack(&iprev.report.addr, packed, len);

	cr_expect(json_equal(whole, again));
	json_decref(again);
	for (at = 0; at < len; at++) {
		again = evidence_unpack(&iprev.report.addr, packed, at);
		cr_expect(again == NULL, "%zu of %zu bytes", at, len);
		json_decref(again);
		memcpy(bad, packed, len);
		bad[at] ^= 0xff;
		json_decref(evidence_unpack(&iprev.report.addr, bad, len));
	}
}

static json_t *evidence_of(const struct rdns_result *generic, const struct policy *policy,
			   const struct policy_decision *decision)
{
	json_t *object = evidence_to_json(&iprev.report, generic, policy, decision, 1700000000);

	cr_assert(object != NULL);
	check_packed(generic, policy, decision, object);
	return object;
}

static json_t *evidence(void)
{
	struct policy_decision decision;
	struct rdns_result names;
	bool has_names = rdns_judge(&iprev.report, patterns, &names);
	const struct rdns_result *judged = has_names ? &names : NULL;
	struct policy policy;

	policy_defaults(&policy);
	policy_decide(&policy, rdns_reason(&iprev.report, judged), iprev.report.ttl_sec, &decision);
	return evidence_of(judged, &policy, &decision);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

/* The longest note that the reader of replies has. */
Test(evidence, a_long_note_is_kept_whole)
{
	struct dns_answer answer = {
		.status = DNS_LAME,
		.note = "from a server that neither resolves nor has authority"};
	json_t *object, *step;

	start("192.0.2.1");
	iprev_answer(&iprev, 0, &answer, "127.0.0.1:53", 1250);
	object = evidence();
	step = json_array_get(json_object_get(object, "steps"), 0);
	cr_expect_str_eq(text_of(step, "note"), answer.note);
	json_decref(object);
}

/* A terminal or a page must not be at the mercy of what a disk has made of a byte. */
Test(evidence, damaged_text_is_none)
{
	static const char *const names[] = {"mx.example"};
	static uint8_t packed[EVIDENCE_PACKED_MAX];
	struct policy_decision decision = {.reason = MXG_REASON_UNCONFIRMED};
	struct policy policy;
	json_t *object;
	uint8_t *at;
	size_t len;

	policy_defaults(&policy);
	start("192.0.2.1");
	answer_names(1, names, true);
	answer_plain(1, DNS_NXDOMAIN, 3);
	len = evidence_pack(&iprev.report, NULL, &policy, &decision, 1700000000, packed);
	at = memmem(packed, len, "mx.example", 10);
	cr_assert(at);
	*at = 'n';
	object = evidence_unpack(&iprev.report.addr, packed, len);
	cr_expect(object != NULL, "another letter nobody can tell");
	json_decref(object);
	*at = 0x1b;
	cr_expect_eq(evidence_unpack(&iprev.report.addr, packed, len), NULL);
}

/* Any two bytes of the head at once: what does not fit together is none. */
Test(evidence, damaged_head_does_no_harm)
{
	static uint8_t packed[EVIDENCE_PACKED_MAX], bad[EVIDENCE_PACKED_MAX];
	struct policy_decision decision = {.reason = MXG_REASON_TEMPERROR};
	struct policy policy;
	unsigned int a, b, value;
	size_t len;

	policy_defaults(&policy);
	start("192.0.2.1");
	answer_plain(0, DNS_SERVFAIL, 2);
	len = evidence_pack(&iprev.report, NULL, &policy, &decision, 1700000000, packed);
	for (a = 0; a < 16; a++)
		for (b = 0; b < 16; b++)
			for (value = 0; value < 12; value++) {
				memcpy(bad, packed, len);
				bad[a] = (uint8_t)(value & 3);
				bad[b] = (uint8_t)(value >> 2);
				json_decref(evidence_unpack(&iprev.report.addr, bad, len));
			}
	cr_expect_eq(a * b, 256);
}

Test(evidence, keys_of_a_pass)
{
	static const char *const names[] = {"mx.example", "old.example"};
	static const char *const keys[] = {
		"address",     "iprev",   "reason",  "action", "names",   "confirmed", "ttl_sec",
		"dns_ttl_sec", "decided", "expires", "policy", "caution", "steps",     "explain"};
	json_t *object, *step;
	size_t i;

	start("192.0.2.1");
	answer_names(2, names, true);
	answer_addr(1, "192.0.2.1");
	object = evidence();
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		cr_expect(json_object_get(object, keys[i]) != NULL, "%s", keys[i]);
	cr_expect_eq(json_object_size(object), sizeof(keys) / sizeof(keys[0]));
	cr_expect_str_eq(text_of(object, "address"), "192.0.2.1");
	cr_expect_str_eq(text_of(object, "iprev"), "pass");
	cr_expect_str_eq(text_of(object, "reason"), "pass");
	cr_expect_str_eq(text_of(object, "action"), "pass");
	cr_expect_eq(json_array_size(json_object_get(object, "names")), 2);
	cr_expect_eq(json_array_size(json_object_get(object, "confirmed")), 1);
	cr_expect_eq(json_integer_value(json_object_get(object, "ttl_sec")), 3600);
	cr_expect_eq(json_integer_value(json_object_get(object, "dns_ttl_sec")), 120);
	cr_expect_str_eq(text_of(object, "decided"), "2023-11-14T22:13:20Z");
	cr_expect_str_eq(text_of(object, "expires"), "2023-11-14T23:13:20Z");
	cr_expect_eq(json_array_size(json_object_get(object, "steps")), 3);
	step = json_array_get(json_object_get(object, "steps"), 0);
	cr_expect_eq(json_object_size(step), 9);
	cr_expect_str_eq(text_of(step, "query"), "1.2.0.192.in-addr.arpa");
	cr_expect_str_eq(text_of(step, "type"), "PTR");
	cr_expect_str_eq(text_of(step, "status"), "data");
	cr_expect_str_eq(text_of(step, "rcode"), "NOERROR");
	cr_expect_str_eq(text_of(step, "server"), "127.0.0.1:53");
	cr_expect_float_eq(json_real_value(json_object_get(step, "elapsed_ms")), 1.25, 1e-9);
	cr_expect(json_is_null(json_object_get(step, "note")));
	step = json_array_get(json_object_get(object, "steps"), 2);
	cr_expect_str_eq(text_of(step, "status"), "unanswered", "the result was certain before");
	cr_expect(json_is_null(json_object_get(step, "rcode")));
	cr_expect(json_is_null(json_object_get(step, "server")));
	json_decref(object);
}

Test(evidence, policy_row_that_applied)
{
	json_t *object, *row;

	start("192.0.2.7");
	answer_plain(0, DNS_NXDOMAIN, 3);
	object = evidence();
	row = json_object_get(object, "policy");
	cr_expect_str_eq(text_of(row, "action"), "reject");
	cr_expect_eq(json_integer_value(json_object_get(row, "ttl_min")), 60);
	cr_expect_eq(json_integer_value(json_object_get(row, "ttl_max")), 3600);
	cr_expect(json_is_true(json_object_get(row, "enforce")));
	json_decref(object);
}

static void explains(const char *label, const char *const *parts)
{
	json_t *object = evidence();
	const char *text = text_of(object, "explain");

	for (; *parts; parts++)
		cr_expect(strstr(text, *parts) != NULL, "%s: \"%s\" is not in: %s", label, *parts,
			  text);
	cr_expect(text_is_printable(text), "%s", label);
	json_decref(object);
}

#define EXPLAINS(label, ...) explains(label, (const char *const[]){__VA_ARGS__, NULL})

Test(evidence, the_sentence_says_what_and_how_to_mend_it)
{
	static const char *const one[] = {"mx.example"};
	static const char *const number[] = {"192.0.2.7"};
	static const char *const many[] = {"a.example", "b.example", "c.example", "d.example",
					   "e.example"};
	static const char *const eleven[] = {"a.e", "b.e", "c.e", "d.e", "e.e", "f.e",
					     "g.e", "h.e", "i.e", "j.e", "k.e"};

	start("192.0.2.7");
	answer_plain(0, DNS_NXDOMAIN, 3);
	EXPLAINS("no PTR", "192.0.2.7 has no PTR record", "NXDOMAIN for 7.2.0.192.in-addr.arpa",
		 "an A record");
	start("2001:db8::7");
	answer_plain(0, DNS_NODATA, 0);
	EXPLAINS("no PTR, IPv6", "no data for", "ip6.arpa", "an AAAA record");
	start("192.0.2.7");
	answer_names(1, one, true);
	answer_addr(1, "192.0.2.7");
	EXPLAINS("pass", "192.0.2.7 is mx.example", "A record points back");
	start("192.0.2.7");
	answer_names(1, one, true);
	answer_addr(1, "192.0.2.9");
	EXPLAINS("mismatch", "mx.example, but that name has other addresses", "192.0.2.7");
	start("192.0.2.7");
	answer_names(1, one, true);
	answer_plain(1, DNS_NXDOMAIN, 3);
	EXPLAINS("forward NXDOMAIN", "that name does not exist");
	start("192.0.2.7");
	answer_names(1, one, true);
	answer_plain(1, DNS_NODATA, 0);
	EXPLAINS("forward NODATA", "that name has no A record");
	start("192.0.2.7");
	answer_names(1, number, false);
	EXPLAINS("number", "can be no host name");
	start("192.0.2.7");
	answer_plain(0, DNS_SERVFAIL, 2);
	EXPLAINS("temperror", "servfail for 7.2.0.192.in-addr.arpa PTR from 127.0.0.1:53",
		 "never held against");
	start("192.0.2.7");
	iprev_expire(&iprev);
	EXPLAINS("deadline", "timeout", "deadline passed");
	start("10.0.0.1");
	EXPLAINS("special", "10.0.0.1 is a special-purpose address", "passes");
	start("192.0.2.7");
	answer_names(5, many, true);
	for (uint8_t i = 1; i <= 5; i++)
		answer_plain(i, DNS_NXDOMAIN, 3);
	EXPLAINS("many", "a.example, b.example, c.example and 2 more");
	start("192.0.2.7");
	answer_names(11, eleven, true);
	for (uint8_t i = 1; i <= 10; i++)
		answer_plain(i, DNS_NXDOMAIN, 3);
	EXPLAINS("more than are evaluated",
		 "192.0.2.7 has 11 PTR names, of which 10 were evaluated", "not held against");
}

Test(evidence, generic_name)
{
	static const char *const one[] = {"dhcp-192-0-2-7.lines.example.net"};
	static const char *const good[] = {"mail.example.net"};
	struct patterns *set = patterns_new();
	char why[PATTERN_WHY_MAX];
	const json_t *generic, *finding;
	json_t *object;

	start("192.0.2.7");
	answer_names(1, one, true);
	answer_addr(1, "192.0.2.7");
	object = evidence();
	cr_expect_str_eq(text_of(object, "iprev"), "pass");
	cr_expect_str_eq(text_of(object, "reason"), "generic");
	cr_expect_str_eq(text_of(object, "action"), "pass");
	generic = json_object_get(object, "generic");
	cr_expect_str_eq(text_of(generic, "verdict"), "generic");
	cr_expect_str_eq(text_of(generic, "name"), one[0]);
	cr_expect_eq(json_integer_value(json_object_get(generic, "score")), 100);
	cr_expect_eq(json_integer_value(json_object_get(generic, "threshold")), RDNS_THRESHOLD);
	cr_expect(json_is_null(json_object_get(generic, "pattern")));
	cr_expect_eq(json_array_size(json_object_get(generic, "findings")), 2);
	finding = json_array_get(json_object_get(generic, "findings"), 0);
	cr_expect_str_eq(text_of(finding, "what"), "the address");
	cr_expect_str_eq(text_of(finding, "part"), "192-0-2-7");
	cr_expect_eq(json_integer_value(json_object_get(finding, "weight")), 60);
	json_decref(object);
	EXPLAINS("generic", "192.0.2.7 is dhcp-192-0-2-7.lines.example.net",
		 "looks generic (the address: 192-0-2-7; a word of access lines: dhcp)",
		 "no proof");
	start("192.0.2.7");
	answer_names(1, good, true);
	answer_addr(1, "192.0.2.7");
	object = evidence();
	cr_expect_str_eq(text_of(object, "reason"), "pass");
	cr_expect_str_eq(text_of(json_object_get(object, "generic"), "verdict"), "ordinary");
	cr_expect_null(strstr(text_of(object, "explain"), "generic"));
	json_decref(object);
	cr_assert_not_null(set);
	cr_assert_eq(patterns_add(set, "/f", "\ngeneric ^mail\n", 15, why), 0, "%s", why);
	patterns = set;
	object = evidence();
	cr_expect_str_eq(text_of(object, "reason"), "generic");
	cr_expect_str_eq(text_of(json_object_get(object, "generic"), "pattern"), "/f:2");
	json_decref(object);
	EXPLAINS("by a pattern", "looks generic (pattern /f:2)");
	patterns = NULL;
	patterns_free(set);
	start("192.0.2.7");
	answer_names(1, one, true);
	answer_addr(1, "192.0.2.9");
	object = evidence();
	cr_expect_str_eq(text_of(object, "reason"), "unconfirmed", "the stronger reason stays");
	cr_expect_null(json_object_get(object, "generic"));
	json_decref(object);
}

/* The longest hostile names do not overflow anything; only printable ASCII leaves. */
Test(evidence, longest_names)
{
	static char long_name[DNS_NAME_TEXT_MAX];
	static const char *names[10];
	json_t *object;
	char *text;
	unsigned int i;

	for (i = 0; i + 4 < sizeof(long_name); i += 4)
		memcpy(long_name + i, "\\001", 5);
	for (i = 0; i < 10; i++)
		names[i] = long_name;
	start("192.0.2.7");
	answer_names(10, names, false);
	object = evidence();
	text = json_dumps(object, JSON_ENSURE_ASCII);
	cr_expect(text_is_printable(text));
	cr_expect(strlen(text) > 10 * (sizeof(long_name) - 5));
	free(text);
	json_decref(object);
}

Test(evidence, rcode_only_where_a_reply_had_one)
{
	static const struct {
		enum dns_status status;
		uint16_t rcode;
		const char *name; /* NULL: null */
	} rows[] = {
		{DNS_NXDOMAIN, 3, "NXDOMAIN"}, {DNS_SERVFAIL, 2, "SERVFAIL"},
		{DNS_TIMEOUT, 0, NULL},        {DNS_OTHER, 4, "NOTIMP"},
		{DNS_OTHER, 0, NULL},          {DNS_MALFORMED, 0, NULL},
		{DNS_LAME, 0, "NOERROR"},
	};
	json_t *object, *rcode;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start("192.0.2.7");
		answer_plain(0, rows[i].status, rows[i].rcode);
		object = evidence();
		rcode = json_object_get(json_array_get(json_object_get(object, "steps"), 0),
					"rcode");
		if (rows[i].name)
			cr_expect_str_eq(json_string_value(rcode), rows[i].name);
		else
			cr_expect(json_is_null(rcode), "status %d", rows[i].status);
		json_decref(object);
	}
}

/* Each caution has a state of its own and a sentence that a person can act on. */
Test(evidence, caution)
{
	static const struct {
		struct policy_decision decision;
		const char *state, *says;
	} rows[] = {
		{{.caution = POLICY_CAUTION_WAITING, .seen = 1, .needed = 2},
		 "waiting",
		 "passes until it has been found so 2 times; this was number 1."},
		{{.caution = POLICY_CAUTION_WAITING, .seen = 0, .needed = 2},
		 "waiting",
		 "found so 2 times; this is not counted, as it may be what the resolver remembers"},
		{{.caution = POLICY_CAUTION_HELD, .hold_sec = 5400},
		 "held",
		 "good lately: it is refused only if this lasts 90m more."},
		{{.caution = POLICY_CAUTION_FROZEN}, "frozen", "the breaker is open"},
		{{.caution = POLICY_CAUTION_CAPPED}, "capped", "newly refused this minute"},
		{{.caution = POLICY_CAUTION_UNPROVEN}, "unproven", "may be denying everything"},
	};
	struct policy policy;
	json_t *object, *caution;
	size_t i;

	policy_defaults(&policy);
	start("192.0.2.1");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		object = evidence_of(NULL, &policy, &rows[i].decision);
		caution = json_object_get(object, "caution");
		cr_expect_str_eq(text_of(caution, "state"), rows[i].state);
		cr_expect(strstr(text_of(object, "explain"), rows[i].says) != NULL, "%s: %s",
			  rows[i].state, text_of(object, "explain"));
		cr_expect_eq(json_integer_value(json_object_get(caution, "seen")),
			     rows[i].decision.seen);
		json_decref(object);
	}
}
