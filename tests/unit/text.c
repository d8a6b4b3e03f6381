/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

Test(text, escape)
{
	static const struct {
		const char *in;
		size_t len, size;
		const char *out;
	} rows[] = {
		{"plain", 5, 64, "plain"},         {"", 0, 64, ""},
		{"a\nb", 3, 64, "a\\010b"},        {"a\0b", 3, 64, "a\\000b"},
		{"\"q\\", 3, 64, "\\\"q\\\\"},     {"\x1b[31m", 5, 64, "\\027[31m"},
		{"\xc3\xa9", 2, 64, "\\195\\169"}, {"\x7f", 1, 64, "\\127"},
		{"12345678", 8, 9, "12345678"},    {"123456789", 9, 9, "12345..."},
		{"\n\n\n\n", 4, 9, "\\010..."},    {"1234567890", 10, 8, "1234..."},
	};
	char buf[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text_escape(rows[i].in, rows[i].len, buf, rows[i].size);
		cr_expect_str_eq(buf, rows[i].out);
	}
}

Test(text, escape_of_anything_fits_and_is_printable)
{
	unsigned char in[64];
	char buf[64];

	srand(7);
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand() % sizeof(in), size = 8 + (size_t)rand() % 56;

		for (size_t i = 0; i < len; i++)
			in[i] = (unsigned char)rand();
		memset(buf, 'Z', sizeof(buf));
		text_escape(in, len, buf, size);
		cr_assert_lt(strlen(buf), size);
		cr_assert(text_is_printable(buf));
		for (size_t i = size; i < sizeof(buf); i++)
			cr_assert_eq(buf[i], 'Z', "wrote past its buffer");
	}
}

Test(text, span)
{
	static const struct {
		const char *in;
		int64_t sec; /* -1: refused */
		const char *out;
	} rows[] = {
		{"0", 0, "0s"},
		{"90", 90, "90s"},
		{"90s", 90, "90s"},
		{"15m", 900, "15m"},
		{"60m", 3600, "1h"},
		{"24h", 86400, "1d"},
		{"2w", 1209600, "14d"},
		{"3661", 3661, "3661s"},
		{"", -1, NULL},
		{"h", -1, NULL},
		{"-1", -1, NULL},
		{"1.5h", -1, NULL},
		{"1 h", -1, NULL},
		{"1H", -1, NULL},
		{"1y", -1, NULL},
		{"99999999999999999999", -1, NULL},
		{"521w", 315100800, "3647d"},
		{"522w", -1, NULL},
		{"0x10", -1, NULL},
	};
	char buf[TEXT_SPAN_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t sec = 12345;
		int err = text_to_span(rows[i].in, &sec);

		if (rows[i].sec < 0) {
			cr_expect_lt(err, 0, "\"%s\" parses", rows[i].in);
			cr_expect_eq(sec, 12345, "\"%s\" touched the result", rows[i].in);
			continue;
		}
		cr_expect_eq(err, 0, "\"%s\" refused", rows[i].in);
		cr_expect_eq(sec, (uint64_t)rows[i].sec, "\"%s\"", rows[i].in);
		cr_expect_str_eq(text_from_span(sec, buf), rows[i].out);
	}
}

Test(text, moment)
{
	static const struct {
		const char *in;
		int64_t sec; /* -1: refused */
	} rows[] = {
		{"1970-01-01", 0},
		{"2026-12-31", 1798675200},
		{"2026-12-31T18:00:00Z", 1798740000},
		{"2026-12-31T18:00Z", 1798740000},
		{"2028-02-29", 1835395200},
		{"2027-02-29", -1},
		{"2026-13-01", -1},
		{"2026-02-30", -1},
		{"2026-12-31T18:00", -1},
		{"2026-12-31 18:00Z", -1},
		{"tomorrow", -1},
		{"", -1},
		{"+1h", 1000003600},
		{"+30d", 1002592000},
		{"+", -1},
		{"+1y", -1},
	};
	char buf[TEXT_MOMENT_MAX];
	int64_t sec;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = text_to_moment(rows[i].in, 1000000000, &sec);

		if (rows[i].sec < 0)
			cr_expect_lt(err, 0, "\"%s\" parses as %s", rows[i].in,
				     text_from_moment(sec, buf));
		else
			cr_expect(err == 0 && sec == rows[i].sec, "\"%s\" gives %s", rows[i].in,
				  text_from_moment(sec, buf));
	}
	cr_expect_str_eq(text_from_moment(1798740000, buf), "2026-12-31T18:00:00Z");
}

Test(text, numbers)
{
	uint64_t value = 7;

	cr_expect_eq(text_to_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	cr_expect_eq(value, UINT64_MAX);
	cr_expect_lt(text_to_u64("18446744073709551616", 0, UINT64_MAX, &value), 0);
	cr_expect_lt(text_to_u64("", 0, 10, &value), 0);
	cr_expect_lt(text_to_u64("11", 0, 10, &value), 0);
	cr_expect_lt(text_to_u64("1", 2, 10, &value), 0);
	cr_expect_lt(text_to_u64("+1", 0, 10, &value), 0);
	cr_expect_lt(text_to_u64("1 ", 0, 10, &value), 0);
	cr_expect_eq(value, UINT64_MAX, "failures leave the result alone");
}
