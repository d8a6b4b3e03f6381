/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <arpa/inet.h>
#include "core/refusal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/conf.h"

#define A39 "2001:1db8:1111:2222:3333:4444:5555:6666"

static struct refusal_conf conf;

static void set_text(const char *text, const char *url)
{
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.text[MXG_REASON_NO_PTR], REFUSAL_TEXT_MAX, "%s", text);
	snprintf(conf.url, sizeof(conf.url), "%s", url);
}

/* n bytes of 'x'. */
static const char *xs(size_t n)
{
	static char text[REFUSAL_TEXT_MAX];

	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static struct addr address(const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

Test(refusal, what_a_text_may_be)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"554 5.7.25 no reverse DNS", true},
		{"550 5.7.1 x", true},
		{"450 4.7.25 try again later", true},
		{"554 5.123.999 x", true},
		{"554 5.7.25 {address}", true},
		{"554 5.7.25 {url} {address} x", true},
		{"", false},
		{"554", false},
		{"554 5.7.25", false},
		{"554 5.7.25 ", false},
		{"554 5.7.25  two blanks", false},
		{"554-5.7.25 more to come", false},
		{"554 no second code", false},
		{"554 5.7 x", false},
		{"554 5.7. x", false},
		{"554 5.7.25x", false},
		{"554 5.1234.1 x", false},
		{"554 5.7.1234 x", false},
		{"554 4.7.25 another class", false},
		{"450 5.7.25 another class", false},
		{"250 2.0.0 welcome", false},
		{"354 3.0.0 go on", false},
		{"564 5.7.25 no such second digit", false},
		{"55a 5.7.25 x", false},
		{"5544 5.7.25 x", false},
		{" 554 5.7.25 x", false},
		{"554 5.7.25 x\ry", false},
		{"554 5.7.25 x\n250 2.0.0 welcome", false},
		{"554 5.7.25 x\ty", false},
		{"554 5.7.25 \xc3\xa4", false},
		{"554 5.7.25 {addr}", false},
		{"554 5.7.25 {", false},
		{"554 5.7.25 }", false},
		{"554 5.7.25 {address", false},
		{"554 5.7.25 {address} {address}", false},
		{"554 5.7.25 {url} {url}", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(refusal_text_is_valid(rows[i].text), rows[i].want, "%s", rows[i].text);
}

Test(refusal, what_a_url_may_be)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"https://mx.example/refused", true},
		{"https://mx.example/refused?ip={address}&x=%20", true},
		{"mailto:postmaster@mx.example", true},
		{"mx.example/refused", false},
		{"https:", false},
		{":x", false},
		{"", false},
		{"https://mx.example/a b", false},
		{"https://mx.example/{url}", false},
		{"https://mx.example/{address}{address}", false},
		{"https://mx.example/{x}", false},
		{"https://mx.example/\x7f", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(refusal_url_is_valid(rows[i].text), rows[i].want, "%s", rows[i].text);
}

Test(refusal, what_a_host_may_be)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"mx1.example.net", true},
		{"xn--mnchen-3ya.example", true},
		{"25.example", true},
		{"[192.0.2.25]", true},
		{"[IPv6:2001:db8::25]", true},
		{"[ipv6:::1]", true},
		{"", false},
		{"localhost", false}, /* no domain */
		{"192.0.2.25", false},
		{"mx.25", false},
		{"2001:db8::25", false},
		{"[2001:db8::25]", false},
		{"[IPv6:192.0.2.25]", false},
		{"[192.0.2.25", false},
		{"[192.0.2.25] x", false},
		{"[192.0.2.256]", false},
		{"[]", false},
		{"[", false},
		{"[IPv6:", false},
		{"[IPv6:]", false},
		{"[IPv6:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]", false},
		{"mx_1.example", false},
		{"mx.example.", false},
		{".example", false},
		{"-mx.example", false},
		{"mx-.example", false},
		{"mx.example ESMTP", false},
	};
	char longest[102];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(refusal_host_is_valid(rows[i].text), rows[i].want, "%s", rows[i].text);
	snprintf(longest, sizeof(longest), "%.64s.example", xs(64));
	cr_expect_not(refusal_host_is_valid(longest), "a label has 63");
	snprintf(longest, sizeof(longest), "%.50s.%.49s", xs(50), xs(50));
	cr_expect(refusal_host_is_valid(longest), "100");
	snprintf(longest, sizeof(longest), "%.50s.%.50s", xs(50), xs(50));
	cr_expect_not(refusal_host_is_valid(longest), "101");
}

Test(refusal, lines)
{
	static const struct {
		const char *text, *url, *addr, *want;
	} rows[] = {
		{"554 5.7.25 {address} has none {url}", "https://x.example/", "192.0.2.1",
		 "554 5.7.25 192.0.2.1 has none https://x.example/"},
		{"554 5.7.25 {address} has none {url}", "", "2001:db8::1",
		 "554 5.7.25 2001:db8::1 has none"},
		{"554 5.7.25 see {url} for {address}", "", "192.0.2.1",
		 "554 5.7.25 see for 192.0.2.1"},
		{"554 5.7.25 ({url})", "", "192.0.2.1", "554 5.7.25 ()"},
		{"554 5.7.25 see {url}", "https://x.example/?{address}", "192.0.2.1",
		 "554 5.7.25 see https://x.example/?192.0.2.1"},
		{"554 5.7.25 {address}", "https://not.used.example/{address}", "192.0.2.1",
		 "554 5.7.25 192.0.2.1"},
		{"554 5.7.25 plain", "https://not.used.example/", "192.0.2.1", "554 5.7.25 plain"},
	};
	char buf[MXG_SAY_MAX + 1];
	struct mxg_say say;
	struct addr addr;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_text(rows[i].text, rows[i].url);
		addr = address(rows[i].addr);
		cr_assert_eq(refusal_line(&conf, MXG_REASON_NO_PTR, &say, NULL), 0, "%s",
			     rows[i].text);
		cr_expect_str_eq(refusal_format(&say, &addr, buf), rows[i].want);
	}
}

/* What the gate gets: both parts with their lengths, one CRLF at the end, zeros behind. */
Test(refusal, a_line_as_it_lies_in_the_map)
{
	const struct mxg_say want = {
		.head.before_len = 11,
		.head.after_len = 10,
		.head.has_addr = 1,
		.head.before_sum =
			htons(0x27e7), /* RFC 1071 §1: of bytes in the order of the network */
		.head.after_sum = htons(0x6723),
		.before = "554 5.7.25 ",
		.after = " is bad.\r\n",
	};
	struct mxg_say say;

	memset(&say, 0x5a, sizeof(say));
	set_text("554 5.7.25 {address} is bad.", "");
	cr_assert_eq(refusal_line(&conf, MXG_REASON_NO_PTR, &say, NULL), 0);
	cr_expect_arr_eq((char *)&say, (const char *)&want, sizeof(say));
}

Test(refusal, room)
{
	static const struct {
		const char *label;
		size_t before, after; /* bytes of text on either side of the address */
		bool has_addr;
		int want;
		size_t len;
	} rows[] = {
		{"no address", 0, 190, false, 0, 190},
		{"no address, too long", 0, 191, false, -E2BIG, 191},
		{"address", 60, 91, true, 0, 190},
		{"address, too long", 60, 92, true, -E2BIG, 191},
		{"much before", 124, 27, true, 0, 190},
		{"too much before", 125, 20, true, -E2BIG, 184},
		{"much after", 29, 122, true, 0, 190},
		{"too much after", 20, 123, true, -E2BIG, 182},
	};
	const struct addr addr = address(A39);
	char text[REFUSAL_TEXT_MAX], buf[MXG_SAY_MAX + 1];
	struct mxg_say say, untouched;
	size_t len;

	cr_assert_eq(strlen(A39), MXG_SAY_ADDR);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(text, xs(rows[i].before));
		strcat(text, rows[i].has_addr ? REFUSAL_ADDRESS : "");
		strcat(text, xs(rows[i].after));
		set_text(text, "");
		memset(&say, 0x5a, sizeof(say));
		untouched = say;
		cr_expect_eq(refusal_line(&conf, MXG_REASON_NO_PTR, &say, &len), rows[i].want, "%s",
			     rows[i].label);
		cr_expect_eq(len, rows[i].len, "%s: %zu", rows[i].label, len);
		if (rows[i].want)
			cr_expect_arr_eq((char *)&say, (char *)&untouched, sizeof(say));
		else
			cr_expect_eq(strlen(refusal_format(&say, &addr, buf)), rows[i].len, "%s",
				     rows[i].label);
	}
}

Test(refusal, one_address_in_all)
{
	struct mxg_say say;

	set_text("554 5.7.25 {address} {url}", "https://x.example/?{address}");
	cr_expect_eq(refusal_line(&conf, MXG_REASON_NO_PTR, &say, NULL), -EINVAL);
}

Test(refusal, greeting)
{
	static const struct {
		const char *host, *machine, *want;
	} rows[] = {
		{"", "mx1.example", "220 mx1.example ESMTP"},
		{"mx.example", "mx1.example", "220 mx.example ESMTP"},
		{"[IPv6:2001:db8::25]", "mx1", "220 [IPv6:2001:db8::25] ESMTP"},
		{"", "mx1", "220 mx1 ESMTP"},
		{"", "bad_name", "220 localhost ESMTP"},
		{"", "", "220 localhost ESMTP"},
		{"", "x\r\n250 y", "220 localhost ESMTP"},
	};
	const struct addr addr = address("192.0.2.1");
	char buf[MXG_SAY_MAX + 1];
	struct mxg_say say;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&conf, 0, sizeof(conf));
		strcpy(conf.host, rows[i].host);
		refusal_greeting(&conf, rows[i].machine, &say);
		cr_expect_str_eq(refusal_format(&say, &addr, buf), rows[i].want);
		cr_expect_eq(say.head.before_len + say.head.after_len, strlen(rows[i].want) + 2);
		cr_expect_eq(memcmp(say.before + say.head.before_len - 2, "\r\n", 2), 0);
	}
	refusal_bye(&say);
	cr_expect_eq(strncmp(refusal_format(&say, &addr, buf), "221 2.0.0 ", 10), 0, "%s", buf);
}

/* The line of the reason, with its length, but for the code of a refusal for good. */
Test(refusal, wrong)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"554 5.7.25 No name for {address} {url}",
		 "503 5.7.25 No name for 192.0.2.1 https://x.example"},
		{"550 5.7.1 No", "503 5.7.1 No"},
		{"503 5.7.1 No", "503 5.7.1 No"},
		{"450 4.7.25 {address} is not known yet", "450 4.7.25 192.0.2.1 is not known yet"},
	};
	const struct addr addr = address("192.0.2.1");
	struct mxg_say say, line;
	char buf[MXG_SAY_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_text(rows[i].text, "https://x.example");
		cr_assert_eq(refusal_line(&conf, MXG_REASON_NO_PTR, &line, NULL), 0);
		cr_assert_eq(refusal_wrong(&conf, MXG_REASON_NO_PTR, &say), 0);
		cr_expect_str_eq(refusal_format(&say, &addr, buf), rows[i].want);
		cr_expect_eq(say.head.before_len, line.head.before_len, "%s", rows[i].text);
		cr_expect_eq(say.head.after_len, line.head.after_len, "%s", rows[i].text);
		cr_expect_eq(say.head.has_addr, line.head.has_addr, "%s", rows[i].text);
		line = say;
		refusal_seal(&line);
		cr_expect_arr_eq((char *)&say, (char *)&line, sizeof(say), "%s", rows[i].text);
	}
	set_text("554 5.7.25 {address} {url}", "https://x.example/?{address}");
	line = say;
	cr_expect_eq(refusal_wrong(&conf, MXG_REASON_NO_PTR, &say), -EINVAL);
	cr_expect_arr_eq((char *)&say, (char *)&line, sizeof(say), "untouched");
}

/* RFC 7372 has 5.7.25 for a failed check of reverse DNS; a generic name has passed it. */
Test(refusal, defaults)
{
	static const char *const codes[MXG_REASON_MAX] = {
		[MXG_REASON_NO_PTR] = "554 5.7.25 ",
		[MXG_REASON_UNCONFIRMED] = "554 5.7.25 ",
		[MXG_REASON_GENERIC] = "554 5.7.1 ",
		[MXG_REASON_DENY] = "554 5.7.1 ",
	};
	struct mxg_say say;
	struct conf all;

	conf_defaults(&all);
	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++) {
		enum mxg_reason reason = REFUSAL_REASONS[i];
		const char *name = policy_reason_name(reason);

		cr_expect(refusal_text_is_valid(all.reject.text[reason]), "%s", name);
		cr_expect_eq(strncmp(all.reject.text[reason], codes[reason], strlen(codes[reason])),
			     0, "%s", name);
		strcpy(all.reject.url, "https://postmaster.some-provider.example.net/refused.html");
		cr_expect_eq(refusal_line(&all.reject, reason, &say, NULL), 0, "%s", name);
		cr_expect_eq(say.head.has_addr, 1, "%s", name);
	}
}
