/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tests/data/conf: NN-name.in is a configuration. With NN-name.ok beside it the
 * printed configuration must be exactly that, and must read back to itself; with
 * NN-name.err the error lines must be exactly those.
 */
#include <criterion/criterion.h>
#include <dirent.h>
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
			 "/nonexistent/mxgate.conf: cannot be read: No such file or directory\n");
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
