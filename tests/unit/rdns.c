// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * tests/data/rdns/names.tsv: each name is judged as a person labelled it. Then what the
 * table cannot show: the findings, the registrable part, patterns over the score, a
 * whole evaluation, and names that nobody sane would write.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rdns.h"
#include "core/rdns_words.h"

#define DATA "tests/data/rdns/names.tsv"

static struct addr addr_of(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static void show(const struct rdns_result *result)
{
	for (unsigned int i = 0; i < result->finding_count; i++)
		fprintf(stderr, "    %+d %s: %s\n", result->findings[i].weight,
			result->findings[i].what, result->findings[i].part);
}

Test(rdns, labelled_names)
{
	char line[512], *field[4], *rest;
	unsigned int rows = 0, right = 0, called = 0, called_right = 0, generic = 0;
	FILE *file = fopen(DATA, "r");

	cr_assert_not_null(file, "run from the top of the tree");
	while (fgets(line, sizeof(line), file)) {
		struct rdns_result result;
		struct addr addr;
		bool want;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		field[0] = strtok_r(line, "\t", &rest);
		for (int i = 1; i < 4; i++)
			cr_assert_not_null(field[i] = strtok_r(NULL, "\t", &rest), "row %u", rows);
		addr = addr_of(field[1]);
		want = strcmp(field[2], "generic") == 0;
		cr_assert(want || strcmp(field[2], "ordinary") == 0, "%s", field[2]);
		rdns_classify(field[0], &addr, NULL, &result);
		rows++;
		generic += want;
		right += result.is_generic == want;
		called += result.is_generic;
		called_right += result.is_generic && want;
		cr_expect_eq(result.is_generic, want, "%s %s: %s, score %d, but labelled %s (%s)",
			     field[0], field[1], result.is_generic ? "generic" : "ordinary",
			     result.score, field[2], field[3]);
		if (result.is_generic != want)
			show(&result);
	}
	fclose(file);
	fprintf(stderr, "rdns: %u names, %u judged as labelled; of %u called generic %u are (%u)\n",
		rows, right, called, called_right, generic);
	cr_expect_geq(rows, 150);
	/* Whoever adds a row that fails may leave it so; an innocent one called generic, no. */
	cr_expect_eq(called, called_right, "ordinary names called generic");
}

/* That the score is the sum, and what people are told of it. */
Test(rdns, findings)
{
	static const struct {
		const char *name, *addr;
		int score;
		const char *what[4], *part[4];
	} rows[] = {
		{"dhcp-198-51-100-7.dyn.example.net",
		 "198.51.100.7",
		 140,
		 {"the address", "a word of access lines", "a word of access lines"},
		 {"198-51-100-7", "dhcp", "dyn"}},
		{"mail-007100051198.example.net",
		 "198.51.100.7",
		 0,
		 {"the address reversed", "a word of servers"},
		 {"007100051198", "mail"}},
		{"c6-33.64-07.example.net",
		 "198.51.100.7",
		 60,
		 {"the address in hexadecimal"},
		 {"c6-33.64-07"}},
		{"dhcp12.dhcp.example.net",
		 "198.51.100.12",
		 55,
		 {"a word of access lines", "the last octet of the address, beside such a word"},
		 {"dhcp", "12"}},
		{"x2001-db8--7.example.net", "2001:db8::7", 60, {"the address"}, {"2001-db8--7"}},
		{"1-9-8-5.198.51.100.7.8.example.net",
		 "198.51.100.7",
		 60,
		 {"the address"},
		 {"198.51.100.7"}},
		{"nothing.example.net", "198.51.100.7", 0, {NULL}, {NULL}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = addr_of(rows[i].addr);
		struct rdns_result result;
		unsigned int n = 0;

		rdns_classify(rows[i].name, &addr, NULL, &result);
		cr_expect_eq(result.score, rows[i].score, "%s: %d", rows[i].name, result.score);
		cr_expect_str_eq(result.name, rows[i].name);
		for (; n < 4 && rows[i].what[n]; n++) {
			cr_expect_str_eq(result.findings[n].what, rows[i].what[n]);
			cr_expect_str_eq(result.findings[n].part, rows[i].part[n]);
		}
		cr_expect_eq(result.finding_count, n, "%s: %u findings", rows[i].name,
			     result.finding_count);
	}
}

Test(rdns, host_part)
{
	static const struct {
		const char *name;
		size_t len;
	} rows[] = {
		{"a.b.example.net", 3},
		{"example.net", 0},
		{"net", 0},
		{"", 0},
		{"a.example.co.uk", 1},
		{"example.co.uk", 0},
		{"a.example.test", 1},
		{"a.b.city.kawasaki.jp", 3},  /* an exception to a wildcard */
		{"a.b.other.kawasaki.jp", 1}, /* the wildcard */
		{"a.b.valer.hedmark.no", 1},  /* hedmark.no is no suffix */
		{"a.firm.pvt.k12.ma.us", 1},
		{"a.b.github.io", 3}, /* a provider's suffix, no registry's */
		{"..", 0},
		{".a", 0},
		{"a..example.net", 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(rdns_host_part(rows[i].name), rows[i].len, "%s: %zu", rows[i].name,
			     rdns_host_part(rows[i].name));
}

Test(rdns, words_are_sorted_and_sane)
{
	for (unsigned int i = 0; i < RDNS_WORD_COUNT; i++) {
		const char *word = RDNS_WORDS[i].text;

		cr_expect(i == 0 || strcmp(RDNS_WORDS[i - 1].text, word) < 0, "%s", word);
		cr_expect_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz"), strlen(word), "%s", word);
		cr_expect(RDNS_WORDS[i].weight != 0 && RDNS_WORDS[i].weight >= -60 &&
				  RDNS_WORDS[i].weight <= RDNS_THRESHOLD,
			  "%s", word);
	}
}

/* Every address in each way of writing it, so that no octet is special. */
Test(rdns, every_form_of_many_addresses)
{
	static const char *const forms[] = {
		"%1$u-%2$u-%3$u-%4$u.example.net", "%4$u.%3$u.%2$u.%1$u.example.net",
		"x%1$03u%2$03u%3$03u%4$03u.example.net", "%1$02x%2$02x%3$02x%4$02x.example.net",
		"%4$02x-%3$02x-%2$02x-%1$02x.example.net"};
	uint32_t seed = 1;

	for (int n = 0; n < 2000; n++) {
		struct addr addr = {.family = 4};
		struct rdns_result result;
		char name[128];

		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			addr.bytes[i] = (uint8_t)(seed >> 24);
		}
		for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(name, sizeof(name), forms[f], addr.bytes[0], addr.bytes[1],
				 addr.bytes[2], addr.bytes[3]);
#pragma GCC diagnostic pop
			rdns_classify(name, &addr, NULL, &result);
			cr_expect(result.is_generic, "%s", name);
		}
	}
}

/* What is no host name is nothing to judge; the longest and the strangest end well. */
Test(rdns, strange_names)
{
	struct addr addr = addr_of("198.51.100.7");
	char name[DNS_NAME_TEXT_MAX];
	struct rdns_result result;

	rdns_classify("198-51-100-7\\.dyn.pool.example.net", &addr, NULL, &result);
	cr_expect_not(result.is_generic);
	cr_expect_str_eq(result.name, "");
	rdns_classify("", &addr, NULL, &result);
	cr_expect_not(result.is_generic);
	memset(name, '1', sizeof(name));
	name[254] = '\0';
	rdns_classify(name, &addr, NULL, &result);
	cr_expect_str_eq(result.name, "", "too long");
	name[253] = '\0';
	rdns_classify(name, &addr, NULL, &result);
	cr_expect_eq(strlen(result.name), 253);
	for (int i = 0; i < 253; i++)
		name[i] = i % 2 ? '.' : '7';
	rdns_classify(name, &addr, NULL, &result);
	cr_expect_not(result.is_generic);
	for (int i = 0; i + 7 < 253; i += 4)
		memcpy(name + i, i % 8 ? "dsl." : "ppp.", 4);
	rdns_classify(name, &addr, NULL, &result);
	cr_expect_leq(result.finding_count, RDNS_FINDINGS_MAX);
	memset(name, '.', 253);
	rdns_classify(name, &addr, NULL, &result);
	cr_expect_not(result.is_generic);
}

/* Thousands of random names: no crash, the same twice, the score is the sum. */
Test(rdns, any_bytes)
{
	static const char alphabet[] = "0123456789abcdef-._dhcpmailxyz";
	struct addr addrs[2] = {addr_of("198.51.100.7"), addr_of("2001:db8::211:22ff:fe33:4455")};
	struct rdns_result one, two;
	uint32_t seed = 7;
	char name[254];

	for (int n = 0; n < 20000; n++) {
		size_t len;
		int sum = 0;

		seed = seed * 1664525 + 1013904223;
		len = seed >> 16 & 255;
		len = len < 254 ? len : 253;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			name[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		name[len] = '\0';
		rdns_classify(name, &addrs[n & 1], NULL, &one);
		rdns_classify(name, &addrs[n & 1], NULL, &two);
		cr_assert(one.score == two.score && one.is_generic == two.is_generic &&
				  one.finding_count == two.finding_count,
			  "%s", name);
		for (unsigned int i = 0; i < one.finding_count; i++)
			sum += one.findings[i].weight;
		cr_assert_eq(sum, one.score, "%s", name);
	}
}

/* --- patterns and whole evaluations ------------------------------------------------------------
 */

static struct patterns *set_of(const char *text)
{
	struct patterns *patterns = patterns_new();
	char why[PATTERN_WHY_MAX] = "";

	cr_assert_not_null(patterns);
	cr_assert_eq(patterns_add(patterns, "f", text, strlen(text), why), 0, "%s", why);
	return patterns;
}

Test(rdns, patterns_beat_the_score)
{
	struct patterns *patterns = set_of("generic ^mail\\d+\\.\n"
					   "ordinary ^pool-198-\n"
					   "generic \\.dyn\\.\n"
					   "ordinary ^mail9\\.\n");
	static const struct {
		const char *name;
		bool is_generic;
		const char *pattern;
	} rows[] = {
		{"mail7.example.net", true, "f:1"},
		{"mail9.example.net", false,
		 "f:4"}, /* ordinary beats generic, wherever it stands */
		{"pool-198-51-100-7.dyn.example.net", false, "f:2"},
		{"a.dyn.example.net", true, "f:3"},
		{"198-51-100-7.example.net", true, ""},
		{"www.example.net", false, ""},
	};
	struct addr addr = addr_of("198.51.100.7");
	struct rdns_result result;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rdns_classify(rows[i].name, &addr, patterns, &result);
		cr_expect_eq(result.is_generic, rows[i].is_generic, "%s", rows[i].name);
		cr_expect_str_eq(result.pattern, rows[i].pattern, "%s", rows[i].name);
	}
	patterns_free(patterns);
}

static void add_name(struct iprev_report *report, const char *text, bool queried, bool confirmed)
{
	struct iprev_name *name = &report->names[report->name_count++];

	name->text = text;
	name->queried = queried;
	name->confirmed = confirmed;
	report->names_total++;
}

#define GENERIC "dhcp-198-51-100-7.example.net"

Test(rdns, whole_evaluations)
{
	static const struct {
		const char *label;
		enum iprev_result result;
		struct {
			const char *text;
			bool queried, confirmed;
		} names[3];
		uint16_t left_out;
		bool judged, is_generic;
		const char *about;
	} rows[] = {
		{"generic", IPREV_PASS, {{GENERIC, true, true}}, 0, true, true, GENERIC},
		{"ordinary",
		 IPREV_PASS,
		 {{"a.example.net", true, true}},
		 0,
		 true,
		 false,
		 "a.example.net"},
		{"fail keeps its reason",
		 IPREV_FAIL,
		 {{GENERIC, true, false}},
		 0,
		 false,
		 false,
		 ""},
		{"temperror too", IPREV_TEMPERROR, {{GENERIC, true, false}}, 0, false, false, ""},
		{"no PTR", IPREV_PERMERROR, {{NULL, false, false}}, 0, false, false, ""},
		{"special", IPREV_SPECIAL, {{NULL, false, false}}, 0, false, false, ""},
		{"both generic",
		 IPREV_PASS,
		 {{"7.dyn.pool.example.net", true, false}, {GENERIC, true, true}},
		 0,
		 true,
		 true,
		 GENERIC},
		{"confirmed one first",
		 IPREV_PASS,
		 {{GENERIC, true, true}, {"7.dyn.pool.example.net", true, false}},
		 0,
		 true,
		 true,
		 GENERIC},
		{"one ordinary name is enough",
		 IPREV_PASS,
		 {{GENERIC, true, true}, {"mail.example.net", true, false}},
		 0,
		 true,
		 false,
		 "mail.example.net"},
		{"whichever is confirmed",
		 IPREV_PASS,
		 {{GENERIC, true, false}, {"mail.example.net", true, true}},
		 0,
		 true,
		 false,
		 "mail.example.net"},
		{"and if it is the first",
		 IPREV_PASS,
		 {{"a.example.net", true, false}, {GENERIC, true, true}},
		 0,
		 true,
		 false,
		 "a.example.net"},
		{"what is no host name says nothing",
		 IPREV_PASS,
		 {{"a\\.b.example.net", false, false}, {GENERIC, true, true}},
		 0,
		 true,
		 true,
		 GENERIC},
		{"the provider's name is no word of mail",
		 IPREV_PASS,
		 {{"198-51-100-7.mail.co.uk", true, true}},
		 0,
		 true,
		 true,
		 "198-51-100-7.mail.co.uk"},
		{"nor one of lines",
		 IPREV_PASS,
		 {{"a.dyn-pool.co.uk", true, true}},
		 0,
		 true,
		 false,
		 "a.dyn-pool.co.uk"},
		{"nor is the address in it one",
		 IPREV_PASS,
		 {{"a.198-51-100-7.co.uk", true, true}},
		 0,
		 true,
		 false,
		 "a.198-51-100-7.co.uk"},
		{"a name left out might be ordinary",
		 IPREV_PASS,
		 {{GENERIC, true, true}},
		 1,
		 true,
		 false,
		 GENERIC},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct iprev_report report;
		struct rdns_result result;

		memset(&report, 0, sizeof(report));
		report.addr = addr_of("198.51.100.7");
		report.result = rows[i].result;
		for (size_t n = 0; n < 3 && rows[i].names[n].text; n++)
			add_name(&report, rows[i].names[n].text, rows[i].names[n].queried,
				 rows[i].names[n].confirmed);
		report.names_total = (uint16_t)(report.names_total + rows[i].left_out);
		cr_expect_eq(rdns_judge(&report, NULL, &result), rows[i].judged, "%s",
			     rows[i].label);
		cr_expect_eq(result.is_generic, rows[i].is_generic, "%s", rows[i].label);
		cr_expect_str_eq(result.name, rows[i].about, "%s: %s", rows[i].label, result.name);
	}
}

Test(rdns, why_a_judged_name_is_generic_is_found_when_asked)
{
	static struct iprev_report report = {.result = IPREV_PASS};
	struct rdns_result judged, whole;

	report.addr = addr_of("198.51.100.7");
	add_name(&report, GENERIC, true, true);
	cr_assert(rdns_judge(&report, NULL, &judged));
	cr_expect_eq(judged.finding_count, 0);
	cr_expect_eq(judged.score, 0);
	strcpy(judged.pattern, "names:7");
	rdns_explain(&report.addr, &judged);
	rdns_classify(GENERIC, &report.addr, NULL, &whole);
	cr_expect_eq(judged.finding_count, 2);
	cr_expect_eq(judged.finding_count, whole.finding_count);
	cr_expect_eq(judged.score, whole.score);
	for (unsigned int i = 0; i < whole.finding_count; i++)
		cr_expect_str_eq(judged.findings[i].part, whole.findings[i].part);
	cr_expect(judged.is_generic);
	cr_expect_str_eq(judged.pattern, "names:7");
}
