// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a check says of a machine that lacks what the configuration names: a line for each,
 * with its place, and nothing is made. "@" stands for the test's directory. That the
 * gate's object is one is the e2e case bad-config's to see: here it never is, and that
 * line, whose words are libbpf's, is looked at by itself.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/needs.h"
#include "tmpdir.h"

#define TEXT_MAX 4096

static char dir[TMPDIR_MAX], conf_path[64];

static const char *fill_in(const char *text, char ret[static TEXT_MAX])
{
	size_t used = 0;

	for (; *text; text++)
		if (*text == '@')
			used += (size_t)snprintf(ret + used, TEXT_MAX - used, "%s", dir);
		else
			ret[used++] = *text;
	ret[used] = '\0';
	return ret;
}

static void put(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_dir(void)
{
	tmpdir_make(dir);
	snprintf(conf_path, sizeof(conf_path), "%s/conf", dir);
	put("plain", "");
	put("wrong", "generic ^a\ngeneric (\n");
	put("conf", "");
}

/* Nothing but the three files is there. */
static void remove_dir(void)
{
	static const char *const names[] = {"plain", "wrong", "conf"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		cr_expect_eq(unlink(path), 0, "%s", path);
	}
	cr_expect_eq(rmdir(dir), 0);
}

/* Takes the line about the object out of errors, which must have one. */
static void take_object(char *errors, const char *begin)
{
	char want[TEXT_MAX], *at = strstr(errors, fill_in(begin, want)), *end;

	cr_assert_not_null(at, "no line about the object:\n%s", errors);
	cr_expect(at == errors || at[-1] == '\n', "not at its beginning:\n%s", errors);
	end = strchr(at, '\n');
	cr_assert_not_null(end);
	cr_expect_eq(strncmp(end - 39, "; name the mxgate.bpf.o of this release", 39), 0, "%s", at);
	memmove(at, end + 1, strlen(end + 1) + 1);
}

static const char HEAD[] = "interfaces = {eth0}\nbpf_object = \"@/plain\"\n";
static const char REST[] =
	"user = nobody\nstate_directory = \"@/state\"\ncontrol { path = \"@/run/c\" }\n";

struct row {
	const char *conf; /* behind HEAD */
	const char *want; /* but for the object's line */
};

static const struct row ROWS[] = {
	{REST, ""},
	{"user = \"nobody-of-that-name\"\nstate_directory = \"@/state\"\n"
	 "control { path = \"@/c\" }\n",
	 "@/conf:3: user = nobody-of-that-name: no such user; create it (useradd --system mxgate) "
	 "or name another\n"},
	{"user = nobody\nstate_directory = \"@/none/state\"\ncontrol { path = \"@/c\" }\n",
	 "@/conf:4: state_directory @/none/state cannot be made user nobody's: No such file or "
	 "directory; create its parent, or name a directory of its own\n"},
	{"user = nobody\nstate_directory = \"@/plain\"\ncontrol { path = \"@/c\" }\n",
	 "@/conf:4: state_directory @/plain cannot be made user nobody's: Not a directory; create "
	 "its parent, or name a directory of its own\n"},
	{"user = nobody\nstate_directory = \"@/plain/state\"\ncontrol { path = \"@/c\" }\n",
	 "@/conf:4: state_directory @/plain/state cannot be made user nobody's: Not a directory; "
	 "create its parent, or name a directory of its own\n"},
	{"user = nobody\nstate_directory = \"/\"\ncontrol { path = \"@/c\" }\n",
	 "@/conf:4: state_directory / cannot be made user nobody's: Directory not empty; create "
	 "its parent, or name a directory of its own\n"},
	{"user = nobody\nstate_directory = \"@/state\"\ncontrol {\npath = \"@/none/run/c\" }\n",
	 "@/conf:6: control socket @/none/run/c cannot be made: No such file or directory; check "
	 "control { path } and its directory\n"},
	{"user = nobody\nstate_directory = \"@/state\"\ncontrol { path = \"@/plain\" }\n",
	 "@/conf:5: control socket @/plain cannot be made: File exists; check control { path } and "
	 "its directory\n"},
	{"user = root\nstate_directory = \"@/none/state\"\ncontrol { path = \"@/none/run/c\" }\n"
	 "rdns { patterns = {\"@/a\", \"@/plain\", \"@/wrong\", \"@\"} }\n",
	 "@/conf:3: user = root: the worker must not be root; name an unprivileged user\n"
	 "@/conf:5: control socket @/none/run/c cannot be made: No such file or directory; check "
	 "control { path } and its directory\n"
	 "@/conf:6: @/a: cannot be read: No such file or directory; make it a readable file of at "
	 "most 1 MiB, or take it out of rdns { patterns }\n"
	 "@/wrong:2: missing closing parenthesis (at character 2 of the expression); correct it, "
	 "or "
	 "put a # before the line\n"
	 "@/conf:6: @: cannot be read: Is a directory; make it a readable file of at most 1 MiB, "
	 "or "
	 "take it out of rdns { patterns }\n"},
};

static void check(const char *text, const char *object, char errors[static CONF_ERRORS_MAX])
{
	char filled[TEXT_MAX], path[64];
	struct conf conf;

	put("conf", fill_in(text, filled));
	cr_assert_eq(conf_read(conf_path, &conf, errors), 0, "%s", errors);
	snprintf(path, sizeof(path), "%s/%s", dir, object ? object : "");
	cr_expect_eq(needs_check(conf_path, &conf, object ? path : NULL, errors), -ENOENT);
}

Test(needs, each_thing_is_told_of, .init = make_dir, .fini = remove_dir)
{
	char errors[CONF_ERRORS_MAX], text[TEXT_MAX], want[TEXT_MAX];

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", HEAD, ROWS[i].conf);
		check(text, NULL, errors);
		take_object(errors, "@/conf:2: bpf_object @/plain cannot be opened: ");
		cr_expect_str_eq(errors, fill_in(ROWS[i].want, want), "row %zu says\n%s", i,
				 errors);
	}
}

/* That of the command line has no place in the file. */
Test(needs, object_of_the_command_line, .init = make_dir, .fini = remove_dir)
{
	char errors[CONF_ERRORS_MAX], text[TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s", HEAD, REST);
	check(text, "none.o", errors);
	take_object(errors, "bpf_object @/none.o cannot be opened: ");
	cr_expect_str_empty(errors, "%s", errors);
}
