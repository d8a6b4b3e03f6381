// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Files into a set: order, what cannot be read, and the one that is shipped. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/patternfile.h"
#include "tmpdir.h"

static char dir[TMPDIR_MAX];
static char paths[3][64];
static char why[PATTERN_WHY_MAX];

static void make_dir(void)
{
	tmpdir_make(dir);
	for (int i = 0; i < 3; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
}

static void remove_dir(void)
{
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
	cr_expect_eq(rmdir(dir), 0);
}

static void put(int i, const char *text)
{
	FILE *file = fopen(paths[i], "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

Test(patternfile, several_files, .init = make_dir, .fini = remove_dir)
{
	const char *names[] = {paths[0], paths[1], paths[2]};
	struct patterns *patterns = NULL;
	struct pattern_match match;
	char want[80];

	put(0, "generic ^a\n");
	put(1, "");
	put(2, "# x\ngeneric ^a\ngeneric ^b");
	cr_assert_eq(patternfile_read(names, 3, &patterns, why), 0, "%s", why);
	cr_expect_eq(patterns_count(patterns), 3);
	patterns_find(patterns, "a.example", &match);
	snprintf(want, sizeof(want), "%s:1", paths[0]);
	cr_expect_str_eq(match.at, want, "the first file first");
	patterns_find(patterns, "b.example", &match);
	snprintf(want, sizeof(want), "%s:3", paths[2]);
	cr_expect_str_eq(match.at, want);
	patterns_free(patterns);
}

Test(patternfile, no_files)
{
	struct patterns *patterns = (struct patterns *)&dir;

	cr_expect_eq(patternfile_read(NULL, 0, &patterns, why), 0);
	cr_expect_null(patterns);
}

Test(patternfile, what_cannot_be_read, .init = make_dir, .fini = remove_dir)
{
	struct patterns *untouched = (struct patterns *)&dir, *patterns = untouched;
	const char *names[] = {paths[0], paths[1]};
	char *big = malloc((1 << 20) + 2);

	put(0, "generic ^a\n");
	cr_expect_eq(patternfile_read(names, 2, &patterns, why), -ENOENT);
	cr_expect(strstr(why, paths[1]) && strstr(why, "No such file"), "%s", why);
	put(1, "nonsense\n");
	cr_expect_eq(patternfile_read(names, 2, &patterns, why), -EINVAL);
	cr_expect(strstr(why, "/1:1: neither generic nor ordinary"), "%s", why);
	memset(big, '\n', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	put(1, big);
	free(big);
	cr_expect_eq(patternfile_read(names, 2, &patterns, why), -EFBIG);
	names[1] = dir;
	cr_expect_eq(patternfile_read(names, 2, &patterns, why), -EISDIR);
	/* Nobody writes into it, and the reader must not wait for that. */
	cr_assert_eq(mkfifo(paths[2], 0600), 0);
	names[1] = paths[2];
	cr_expect_eq(patternfile_read(names, 2, &patterns, why), -ENOTSUP);
	cr_expect_eq(patterns, untouched);
}

/* It has nothing but comments, and the examples in these are right. */
Test(patternfile, shipped_example, .init = make_dir, .fini = remove_dir)
{
	const char *names[] = {"deploy/rdns.patterns", paths[0]};
	struct patterns *patterns = NULL;
	char line[PATTERN_LINE_MAX];
	FILE *from = fopen(names[0], "r"), *to = fopen(paths[0], "w");
	int examples = 0;

	cr_assert(from && to);
	while (fgets(line, sizeof(line), from))
		if (strncmp(line, "#ordinary ", 10) == 0 || strncmp(line, "#generic ", 9) == 0) {
			fputs(line + 1, to);
			examples++;
		}
	fclose(from);
	fclose(to);
	cr_assert_eq(patternfile_read(names, 1, &patterns, why), 0, "%s", why);
	cr_expect_eq(patterns_count(patterns), 0);
	patterns_free(patterns);
	cr_assert_eq(patternfile_read(names, 2, &patterns, why), 0, "%s", why);
	cr_expect_eq(patterns_count(patterns), (size_t)examples);
	cr_expect_geq(examples, 3);
	patterns_free(patterns);
}
