// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The grammar, its complaints by file and line, and patterns that would burn the CPU. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/patterns.h"

static int add(struct patterns *patterns, const char *text, char why[static PATTERN_WHY_MAX])
{
	return patterns_add(patterns, "names", text, strlen(text), why);
}

static struct pattern_match find(const struct patterns *patterns, const char *name)
{
	struct pattern_match match;

	patterns_find(patterns, name, &match);
	return match;
}

Test(patterns, grammar)
{
	struct patterns *patterns = patterns_new();
	char why[PATTERN_WHY_MAX] = "";

	cr_assert_eq(add(patterns,
			 "# comment\n"
			 "\n"
			 "   # indented\n"
			 "generic ^a b$\n"
			 "\tordinary\t \\.COLO\\.  \r\n"
			 "generic #hash",
			 why),
		     0, "%s", why);
	cr_expect_eq(patterns_count(patterns), 3);
	cr_expect_eq(find(patterns, "a b").says, PATTERN_GENERIC);
	cr_expect_str_eq(find(patterns, "a b").at, "names:4");
	cr_expect_eq(find(patterns, "x.colo.example").says, PATTERN_ORDINARY, "any case");
	cr_expect_str_eq(find(patterns, "x.colo.example").at, "names:5");
	cr_expect_eq(find(patterns, "x#hash").says, PATTERN_GENERIC,
		     "# is a comment in front only");
	cr_expect_eq(find(patterns, "other").says, PATTERN_NOTHING);
	cr_expect_str_eq(find(patterns, "other").at, "");
	cr_expect_eq(find(NULL, "other").says, PATTERN_NOTHING);
	patterns_free(patterns);
	patterns_free(NULL);
}

Test(patterns, complaints)
{
	static char long_line[1100];
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"ordinary a\ngeneric (\n", "names:2: missing closing parenthesis"},
		{"generic [z-a]\n", "names:1: range out of order in character class"},
		{"generic\n", "names:1: no expression after the word; write `generic REGEX`"},
		{"Generic a\n", "names:1: neither generic nor ordinary; write"},
		{"dynamic a\n", "names:1: neither generic nor ordinary"},
		{"\n\n^dhcp\n", "names:3: neither generic nor ordinary"},
		{"generic \xc3\xa4\n", "names:1: a byte that is not printable ASCII"},
		{"generic \\C\n", "names:1: using \\C is disabled"},
		{"generic (*UTF)a\n", "names:1: using UTF is disabled"},
		{long_line, "names:1: longer than 1023 bytes; make two patterns of it"},
	};

	memset(long_line, 'x', sizeof(long_line) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct patterns *patterns = patterns_new();
		char why[PATTERN_WHY_MAX] = "";

		cr_expect_eq(add(patterns, rows[i].text, why), -EINVAL, "%s", rows[i].text);
		cr_expect_eq(strncmp(why, rows[i].why, strlen(rows[i].why)), 0, "%zu: %s", i, why);
		cr_expect(strchr(why, ';'), "%s: says what to do", why);
		cr_expect_eq(strcspn(why, "\n") + 1, strlen(why), "%s: one line", why);
		patterns_free(patterns);
	}
}

Test(patterns, a_nul_byte)
{
	struct patterns *patterns = patterns_new();
	char why[PATTERN_WHY_MAX] = "";

	cr_expect_eq(patterns_add(patterns, "names", "generic a\0b\n", 12, why), -EINVAL);
	cr_expect(strstr(why, "names:1: a NUL byte"), "%s", why);
	patterns_free(patterns);
}

Test(patterns, at_most_so_many)
{
	struct patterns *patterns = patterns_new();
	char why[PATTERN_WHY_MAX] = "";
	int err = 0, n = 0;

	while (err == 0 && n <= PATTERNS_MAX) {
		err = add(patterns, "generic ^a$\n", why);
		n += err == 0;
	}
	cr_expect_eq(err, -E2BIG, "%d", err);
	cr_expect_eq(n, PATTERNS_MAX);
	cr_expect(strstr(why, "more than 2000 patterns"), "%s", why);
	patterns_free(patterns);
}

Test(patterns, fingerprint)
{
	static const char *const sets[] = {"generic a\n", "ordinary a\n", "generic b\n",
					   "generic a\ngeneric b\n", "generic ab\n"};
	uint64_t prints[5];
	char why[PATTERN_WHY_MAX];

	cr_expect_eq(patterns_fingerprint(NULL), 0);
	for (int i = 0; i < 5; i++) {
		struct patterns *patterns = patterns_new();

		cr_expect_eq(patterns_fingerprint(patterns), 0);
		cr_assert_eq(add(patterns, sets[i], why), 0);
		prints[i] = patterns_fingerprint(patterns);
		patterns_free(patterns);
		cr_expect_neq(prints[i], 0);
		for (int k = 0; k < i; k++)
			cr_expect_neq(prints[i], prints[k], "%s and %s", sets[i], sets[k]);
	}
}

/* Exponential on this name; without limits it would not end in a life. */
Test(patterns, a_match_that_does_not_end)
{
	static const char *const rows[] = {"generic ^(a+)+$\n", "ordinary ^(a|aa)+$\n",
					   "generic ^(\\w+\\s?)*\\x22$\n"};
	char name[254], why[PATTERN_WHY_MAX];
	struct timespec from, to;
	struct pattern_match match;

	memset(name, 'a', 252);
	strcpy(name + 252, "!");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct patterns *patterns = patterns_new();

		cr_assert_eq(add(patterns, rows[i], why), 0);
		match = find(patterns, name);
		/* pcre2 may see through the last one; nobody is called generic for it. */
		cr_expect_neq(match.says, PATTERN_GENERIC, "%s", rows[i]);
		cr_expect(i == 2 || (match.says == PATTERN_ORDINARY && match.gave_up), "%s",
			  rows[i]);
		cr_expect(i == 2 || strcmp(match.at, "names:1") == 0, "%s", match.at);
		patterns_free(patterns);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	/* Measured: 0.3 ms, 0.6 ms interpreted; 60 ms without the limits. */
	cr_expect_lt((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000,
		     20000);
}
