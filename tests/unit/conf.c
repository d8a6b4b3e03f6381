/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tests/data/conf: NN-name.in is a configuration. With NN-name.ok beside it the
 * printed configuration must be exactly that, and must read back to itself; with
 * NN-name.err the error lines must be exactly those.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"

#define DATA "tests/data/conf"

static char errors[CONF_ERRORS_MAX];

static char *slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text;
	size_t n;

	if (!file)
		return NULL;
	text = calloc(1, 16384);
	n = fread(text, 1, 16383, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static char *print(const struct conf *conf)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	conf_print(conf, out);
	fclose(out);
	return text;
}

static void check_ok(const char *name, const char *want)
{
	char path[] = "/tmp/mxg-test-conf-XXXXXX";
	struct conf conf, again;
	char *printed, *second;
	FILE *file;
	int fd;

	cr_assert_eq(conf_read(name, &conf, errors), 0, "%s: %s", name, errors);
	printed = print(&conf);
	cr_expect_str_eq(printed, want, "%s: prints\n%s", name, printed);
	fd = mkstemp(path);
	file = fdopen(fd, "w");
	fputs(printed, file);
	fclose(file);
	cr_expect_eq(conf_read(path, &again, errors), 0, "%s: reparse: %s", name, errors);
	unlink(path);
	second = print(&again);
	cr_expect_str_eq(second, printed, "%s: does not read back to itself", name);
	free(printed);
	free(second);
}

static void check_err(const char *name, const char *want)
{
	struct conf conf, untouched;

	memset(&conf, 0x5a, sizeof(conf));
	untouched = conf;
	cr_assert_lt(conf_read(name, &conf, errors), 0, "%s: read without error", name);
	cr_expect_str_eq(errors, want, "%s: says\n%s", name, errors);
	cr_expect_eq(memcmp(&conf, &untouched, sizeof(conf)), 0, "%s: touched the result", name);
}

Test(conf, golden_pairs)
{
	struct dirent **list;
	char path[300], home[4096];
	int n, pairs = 0;
	char *want;

	cr_assert_not_null(getcwd(home, sizeof(home)));
	cr_assert_eq(chdir(DATA), 0, "run from the top of the tree");
	n = scandir(".", &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char *name = list[i]->d_name, *dot = strrchr(name, '.');

		if (dot && strcmp(dot, ".in") == 0) {
			snprintf(path, sizeof(path), "%.*s.ok", (int)(dot - name), name);
			want = slurp(path);
			if (want) {
				check_ok(name, want);
			} else {
				snprintf(path, sizeof(path), "%.*s.err", (int)(dot - name), name);
				want = slurp(path);
				cr_assert_not_null(want, "%s has no .ok and no .err", name);
				check_err(name, want);
			}
			free(want);
			pairs++;
		}
		free(list[i]);
	}
	free(list);
	cr_assert_geq(pairs, 20);
	cr_assert_eq(chdir(home), 0);
}

Test(conf, shipped_example_parses)
{
	struct conf conf, defaults;
	char *shipped, *built_in;

	cr_assert_eq(conf_read("deploy/mxgate.conf", &conf, errors), 0, "%s", errors);
	conf_defaults(&defaults);
	/* It shows the defaults: only the interface and the resolver are its own. */
	conf.interface_count = 0;
	memset(conf.interfaces, 0, sizeof(conf.interfaces));
	conf.dns.server_count = 0;
	memset(conf.dns.servers, 0, sizeof(conf.dns.servers));
	shipped = print(&conf);
	built_in = print(&defaults);
	cr_expect_str_eq(shipped, built_in);
	free(shipped);
	free(built_in);
}

Test(conf, missing_file_says_so)
{
	struct conf conf;

	cr_assert_eq(conf_read("/nonexistent/mxgate.conf", &conf, errors), -2);
	cr_expect_str_eq(errors,
			 "/nonexistent/mxgate.conf: cannot be read: No such file or directory; "
			 "make it a readable file, or name another\n");
}

/* --- files made here ------------------------------------------------------------------ */

static char made[] = "/tmp/mxg-test-conf-XXXXXX";

static void make(const char *bytes, size_t size)
{
	FILE *file;
	int fd;

	strcpy(made + sizeof(made) - 7, "XXXXXX");
	fd = mkstemp(made);
	file = fdopen(fd, "w");
	fwrite(bytes, 1, size, file);
	fclose(file);
}

/* What a failed reading left behind must not be seen by the next: a daemon reads again. */
Test(conf, a_wrong_file_leaves_nothing_behind)
{
	char text[4200], home[4096];
	struct conf conf;

	cr_assert_not_null(getcwd(home, sizeof(home)));
	snprintf(text, sizeof(text),
		 "attach = external\ninclude(\"%s/" DATA "/c3-in-included.part\")\n", home);
	make(text, strlen(text));
	for (unsigned int i = 0; i < 50; i++) {
		cr_assert_eq(conf_read(made, &conf, errors), -EINVAL);
		cr_assert(strstr(errors, "c3-in-included.part:2: section dns"), "%u: %s", i,
			  errors);
		cr_assert_eq(conf_read(DATA "/b5-quote.in", &conf, errors), -EINVAL);
		cr_assert_eq(conf_read(DATA "/b6-comment.in", &conf, errors), -EINVAL);
		cr_assert_eq(conf_read(DATA "/08-include.in", &conf, errors), 0, "%u: %s", i,
			     errors);
		cr_assert_eq(conf.confirm.apart_sec, 300);
	}
	unlink(made);
}

Test(conf, what_is_no_plain_file_is_not_waited_for)
{
	struct conf conf;

	cr_expect_eq(conf_read("/tmp", &conf, errors), -EINVAL);
	cr_expect_str_eq(
		errors,
		"/tmp: cannot be read: it is no plain file; make it a readable file, or name "
		"another\n");
	cr_expect_eq(conf_read("/dev/zero", &conf, errors), -EINVAL);
	cr_expect_str_eq(
		errors,
		"/dev/zero: cannot be read: it is no plain file; make it a readable file, or name "
		"another\n");
}

Test(conf, where_a_key_is_set)
{
	static const struct {
		const char *file, *section, *name, *want;
	} rows[] = {
		{DATA "/02-full.in", "", "user", DATA "/02-full.in:12"},
		{DATA "/02-full.in", "control", "path", DATA "/02-full.in:17"},
		{DATA "/02-full.in", "", "hold", DATA "/02-full.in"},
		{DATA "/08-include.in", "confirm", "apart", DATA "/08-include.part:3"},
		{DATA "/08-include.in", "", "mode", DATA "/08-include.in:3"},
		{"/nonexistent", "", "mode", "/nonexistent"},
	};
	char buf[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_str_eq(
			conf_where(rows[i].file, rows[i].section, rows[i].name, buf, sizeof(buf)),
			rows[i].want, "%s: %s", rows[i].name, buf);
}

/* More lines than there is room for: the last one is whole. */
Test(conf, very_many_mistakes)
{
	char text[20000] = "attach = external\nports = {70000}\n", *end;
	struct conf conf;
	size_t used = strlen(text);

	for (unsigned int i = 0; i < 500; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "mode = %u\n", i);
	make(text, used);
	cr_expect_eq(conf_read(made, &conf, errors), -EINVAL);
	cr_expect_gt(strlen(errors), CONF_ERRORS_MAX - 200);
	cr_expect_lt(strlen(errors), CONF_ERRORS_MAX);
	end = strrchr(errors, '\n');
	cr_expect_str_eq(end, "\n");
	*end = '\0';
	end = strrchr(errors, '\n');
	cr_expect_eq(strncmp(end + 1, made, strlen(made)), 0, "%s", end);
	unlink(made);
}

Test(conf, too_large_a_file)
{
	char *text = calloc(1, (1 << 20) + 1);
	struct conf conf;

	memset(text, '\n', (1 << 20) + 1);
	make(text, (1 << 20) + 1);
	cr_expect_eq(conf_read(made, &conf, errors), -EFBIG);
	cr_expect(strstr(errors, "larger than 1 MiB"), "%s", errors);
	unlink(made);
	make(text, 1 << 20);
	cr_expect_eq(conf_read(made, &conf, errors), -EINVAL);
	cr_expect(strstr(errors, "interfaces: none"), "%s", errors);
	unlink(made);
	free(text);
}

/* --- damaged files ---------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % n;
}

static size_t damage(char *text, size_t size)
{
	static const char signs[] = "={}(),+\"'\\#/*\n \0x";
	size_t at = random_below((uint32_t)size), n = random_below(8);

	switch (random_below(4)) {
	case 0:
		text[at] = signs[random_below(sizeof(signs) - 1)];
		return size;
	case 1:
		n = n < size - at ? n : size - at - 1;
		memmove(text + at, text + at + n, size - at - n);
		return size - n;
	case 2:
		memmove(text + at + 1, text + at, size - at);
		text[at] = signs[random_below(sizeof(signs) - 1)];
		return size + 1;
	default:
		text[at] = (char)random_below(256);
		return size;
	}
}

/* Each line is about a file, and about a line of it unless nothing is there to be named. */
static void check_lines(const char *text)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		cr_assert_eq(strncmp(line, made, strlen(made)), 0, "%s", text);
		cr_assert(line[strlen(made)] == ':', "%s", text);
		cr_assert(line[strlen(made) + 1] != ' ' || strstr(line, "interfaces: none"), "%s",
			  text);
		cr_assert_not_null(strchr(line, '\n'), "%s", text);
		for (const char *at = line; *at != '\n'; at++)
			cr_assert(*at >= 0x20 && *at <= 0x7e, "%s", text);
	}
}

static void check_damaged(const char *bytes, size_t size)
{
	struct conf conf, again;
	char *printed, *second;

	make(bytes, size);
	if (conf_read(made, &conf, errors) < 0) {
		cr_assert(*errors);
		check_lines(errors);
		unlink(made);
		return;
	}
	cr_assert_str_empty(errors);
	unlink(made);
	printed = print(&conf);
	make(printed, strlen(printed));
	cr_assert_eq(conf_read(made, &again, errors), 0, "%s", errors);
	unlink(made);
	second = print(&again);
	cr_assert_str_eq(second, printed);
	free(printed);
	free(second);
}

/* Whatever becomes of a file: it is read and can be printed and read, or told of in lines. */
Test(conf, damaged_files)
{
	struct dirent **list;
	char path[300];
	int n = scandir(DATA, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char *name = list[i]->d_name, *text;
		size_t size, now;

		snprintf(path, sizeof(path), DATA "/%s", name);
		text = strstr(name, ".in") ? slurp(path) : NULL;
		free(list[i]);
		/* What is included is told of by its own name, and may be any file. */
		if (!text || strstr(text, "include")) {
			free(text);
			continue;
		}
		size = strlen(text);
		for (unsigned int k = 0; k < 30; k++) {
			char copy[16384];

			memcpy(copy, text, size);
			now = size;
			for (unsigned int times = 1 + random_below(3); times-- > 0 && now > 8;)
				now = damage(copy, now);
			check_damaged(copy, now);
		}
		free(text);
	}
	free(list);
}

Test(conf, the_defaults_of_the_policy)
{
	struct conf conf;

	conf_defaults(&conf);
	cr_expect_eq(conf.mode, 0, "monitor");
	cr_expect_eq(conf.policy.row[MXG_REASON_NO_PTR].action, MXG_ACTION_REJECT);
	cr_expect_eq(conf.policy.row[MXG_REASON_NO_PTR].ttl_max_sec, 3600);
	cr_expect_eq(conf.policy.row[MXG_REASON_UNCONFIRMED].action, MXG_ACTION_PASS);
	cr_expect_eq(conf.policy.row[MXG_REASON_TEMPERROR].action, MXG_ACTION_PASS);
	cr_expect_eq(conf.policy.row[MXG_REASON_TEMPERROR].ttl_max_sec, 60);
	cr_expect_eq(conf.policy.row[MXG_REASON_PASS].ttl_min_sec, 3600);
	cr_expect_eq(conf.policy.row[MXG_REASON_PASS].ttl_max_sec, 86400);
}

Test(conf, man_page_has_every_key)
{
	char *text = NULL, *printed, *line, *rest = NULL, want[64];
	struct conf conf;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	conf_print_man(out);
	fclose(out);
	conf_defaults(&conf);
	printed = print(&conf);
	for (line = strtok_r(printed, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, "\t");
		if (!strstr(line, " = "))
			continue;
		snprintf(want, sizeof(want), "\n.B %.*s\n", (int)strcspn(line, " "), line);
		cr_expect(strstr(text, want), "man page lacks %s", want);
	}
	free(printed);
	free(text);
}
