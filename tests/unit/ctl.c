// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The mxgate command as people and scripts meet it: argument parsing, the two
 * formats, help and completion from one table, and whole runs against a control
 * server that answers with canned lines.
 */
#include <criterion/criterion.h>
#include <mxgate/abi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/exceptions.h"
#include "core/policy.h"
#include "ctl/ctl.h"
#include "ctl/out_text.h"
#include "io/control.h"
#include "tmpdir.h"

#define ARGS_MAX 32

_Static_assert(CTL_TEXT_MAX == EXCEPTION_TEXT_MAX - 1, "the same limit on both sides");

static char *printed; /* what the last run wrote, and complained */
static char *complained;

/* Runs mxgate with the words of line; '...' is one word. */
static int run(const char *line)
{
	static char words[1 << 15];
	char *argv[ARGS_MAX] = {"mxgate"};
	size_t out_size;
	size_t err_size;
	int argc = 1;
	int code;
	FILE *to;
	FILE *err;

	snprintf(words, sizeof(words), "%s", line);
	for (char *at = words; *at && argc < ARGS_MAX - 1;) {
		char stop = ' ';

		at += strspn(at, " ");
		if (*at == '\'') {
			stop = '\'';
			at++;
		}
		argv[argc++] = at;
		at += strcspn(at, (char[]){stop, '\0'});
		if (*at)
			*at++ = '\0';
	}
	free(printed);
	free(complained);
	to = open_memstream(&printed, &out_size);
	err = open_memstream(&complained, &err_size);
	code = ctl_run(argc, argv, to, err);
	fclose(to);
	fclose(err);
	return code;
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* --- arguments ---------------------------------------------------------------- */

Test(ctl, what_is_refused_before_the_daemon_is_asked)
{
	static const struct {
		const char *line;
		int code;
		const char *words;
	} rows[] = {
		{"stauts", 64, "there is no command \"stauts\"; did you mean \"status\"?"},
		{"verdict", 64, "did you mean \"verdicts\"?"},
		{"exeption list", 64, "did you mean \"exception\"?"},
		{"exception ad", 64, "did you mean \"exception add\"?"},
		{"exception", 64, "no command is given after exception"},
		{"exception frobnicate", 64, "there is no command \"exception frobnicate\""},
		{"zzzzz", 64, "there is no command \"zzzzz\"; see mxgate --help"},
		{"--json", 64, "no command is given"},
		{"status --jsno", 64, "there is no option --jsno; did you mean --json?"},
		{"status -x", 64, "there is no option -x"},
		{"status --owner me", 64, "--owner is not an option of mxgate status"},
		{"status now", 64, "\"now\" is one argument too many for mxgate status"},
		{"why", 64, "mxgate why needs ADDR, as in: mxgate why 192.0.2.25"},
		{"why 192.0.2.1 192.0.2.2", 64, "one argument too many"},
		{"a b c d e f g", 64, "\"g\" is one argument too many"},
		{"status --json --json", 64, "--json is given twice"},
		{"status --json=1", 64, "--json takes no value"},
		{"audit --limit", 64, "--limit needs its N after it"},
		{"exception add 192.0.2.1 --owner --reason x", 64, "--owner needs its NAME"},
		{"check 192.0.2.1 --dns :53", 65, "--dns :53 is no server that can be found"},
		{"rdns a.example.net", 64, "mxgate rdns needs NAME ADDR, as in: mxgate rdns dhcp-"},
		{"rdns a\\.example.net 192.0.2.1", 65, "is no host name; it has letters"},
		{"rdns a.example.net 192.0.2", 65, "\"192.0.2\" is not an IP address"},
		{"rdns a.example.net 192.0.2.1 --patterns /none", 78,
		 "/none: cannot be read: No such file"},
		{"rdns a.example.net 192.0.2.1 --config /none", 74, "cannot read /none"},
		{"why 192.0.2", 65, "\"192.0.2\" is not an IP address"},
		{"why mail.example.org", 65, "is not an IP address"},
		{"recheck 192.0.2.0/24", 65, "is not an IP address"},
		{"flush 192.0.2.5/24", 65, "did you mean 192.0.2.0/24?"},
		{"flush 2001:db8::1/32", 65, "did you mean 2001:db8::/32?"},
		{"flush 0.0.0.0/0", 65, "/0"},
		{"flush 192.0.2.0/33", 65, "\"192.0.2.0/33\""},
		{"verdicts --prefix x", 65, "\"x\": "},
		{"verdicts --reason noptr", 65, "\"noptr\" is no reason; did you mean no-ptr?"},
		{"verdicts --action block", 65,
		 "\"block\" is no action; there are pass, drop, reset, reject"},
		{"verdicts --limit 0", 65, "--limit 0 is not a number from 1"},
		{"verdicts --limit -1", 65, "--limit -1 is not a number"},
		{"audit --limit ten", 65, "--limit ten is not a number"},
		{"audit --limit 1001", 65, "--limit 1001 is not a number from 1 to 1000"},
		{"status --socket ''", 65, "the socket path \"\" does not have 1 to 107"},
		{"mode enforced", 65, "\"enforced\" is no mode; did you mean enforce?"},
		{"mode enforce temperror", 65, "there are no-ptr, unconfirmed, generic, deny"},
		{"exception add 192.0.2.1 --reason r", 64, "needs --owner"},
		{"exception add 192.0.2.1 --owner o", 64, "needs --reason"},
		{"exception add 192.0.2.1 --owner o --reason ''", 65, "--reason is empty"},
		{"exception add 192.0.2.1 --owner ' ' --reason r", 65, "--owner is empty"},
		{"exception add 192.0.2.1 --owner o --reason 'a\nb'", 65, "line break"},
		{"exception add 192.0.2.1 --owner o --reason \xff", 65, "not valid UTF-8"},
		{"exception add 192.0.2.1 --owner o --reason r --expires 2001-01-01", 65,
		 "--expires 2001-01-01 is in the past: that was 2001-01-01T00:00:00Z"},
		{"exception add 192.0.2.1 --owner o --reason r --expires soon", 65,
		 "--expires soon is not a time; write 2026-12-31"},
		{"exception add 192.0.2.1/16 --owner o --reason r", 65,
		 "did you mean 192.0.0.0/16?"},
		{"exception show 0", 65, "\"0\" is not the number of an exception"},
		{"exception show 4294967296", 65, "is not the number"},
		{"exception remove 7 --deny", 64, "--deny goes with a prefix"},
		{"exception remove 192.0.2.1 --why ''", 65, "--why is empty"},
		{"why \xff --json", 65, "\\\\255"}, /* what is not UTF-8, in JSON as well */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code = run(rows[i].line);

		cr_expect_eq(code, rows[i].code, "%s: %d", rows[i].line, code);
		cr_expect(strstr(complained, rows[i].words), "%s: %s", rows[i].line, complained);
		cr_expect_eq(count_lines(complained), 1, "%s: one line", rows[i].line);
		cr_expect_str_empty(printed, "%s: nothing on standard output", rows[i].line);
	}
}

Test(ctl, text_of_the_maximum_passes_and_one_more_is_refused)
{
	char line[512] = "exception add 192.0.2.1 --owner o --reason ";
	size_t at = strlen(line);

	memset(line + at, 'r', CTL_TEXT_MAX);
	setenv("MXGATE_SOCKET", "/nonexistent/mxg-test", 1);
	cr_expect_eq(run(line), 69);
	line[at + CTL_TEXT_MAX] = 'r';
	cr_expect_eq(run(line), 65);
	cr_expect(strstr(complained, "longer than 255 bytes"), "%s", complained);
}

Test(ctl, nearest)
{
	static const char *const words[] = {"status", "mode", "why", "audit", NULL};
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"stat", "status"},
		{"statsu", "status"},
		{"sttus", "status"},
		{"mod", "mode"},
		{"moed", "mode"},
		{"wyh", "why"},
		{"x", NULL},
		{"", NULL},
		{"if", NULL},
		{"report", NULL},
		{"adit", "audit"},
		{"s", NULL},
		{"abcdefghijklmnopqrstuvwxyzabcdefghij", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = args_nearest(rows[i].text, words);

		if (rows[i].want)
			cr_expect(got && strcmp(got, rows[i].want) == 0, "%s: %s", rows[i].text,
				  got);
		else
			cr_expect_null(got, "%s: %s", rows[i].text, got);
	}
}

Test(ctl, options_stand_anywhere)
{
	static const char *const lines[] = {
		"exception add 192.0.2.1 --owner o --reason r --socket /tmp/x --deny",
		"--socket /tmp/x exception --owner o add --reason r --deny 192.0.2.1",
		"--deny --owner=o --reason=r --socket=/tmp/x exception add -- 192.0.2.1",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char words[128];
		char *argv[ARGS_MAX] = {"mxgate"};
		struct ctl ctl = {.out = &out_text, .err = stderr};
		int argc = 1;

		strcpy(words, lines[i]);
		for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
			argv[argc++] = word;
		cr_assert_eq(args_parse(&ctl, argc, argv), 0, "%s", lines[i]);
		cr_expect_str_eq(ctl.command->name, "exception add");
		cr_expect_eq(ctl.operand_count, 1);
		cr_expect_str_eq(ctl.operand[0], "192.0.2.1");
		cr_expect_str_eq(ctl_option(&ctl, "owner"), "o");
		cr_expect_str_eq(ctl_option(&ctl, "reason"), "r");
		cr_expect_str_eq(ctl.socket_path, "/tmp/x");
		cr_expect(ctl_has(&ctl, "deny"));
		cr_expect_not(ctl_has(&ctl, "ticket"));
	}
}

Test(ctl, repeatable_options_keep_their_order)
{
	char *argv[] = {"mxgate", "check", "--dns", "a", "192.0.2.1", "--dns=b", NULL};
	struct ctl ctl = {.out = &out_text, .err = stderr};

	cr_assert_eq(args_parse(&ctl, 6, argv), 0);
	cr_expect_str_eq(ctl_option_nth(&ctl, "dns", 0), "a");
	cr_expect_str_eq(ctl_option_nth(&ctl, "dns", 1), "b");
	cr_expect_null(ctl_option_nth(&ctl, "dns", 2));
}

/* --- without the daemon ----------------------------------------------------------- */

#define PATTERNS "tests/data/rdns/test.patterns"

Test(ctl, rdns_judges_a_name)
{
	static const struct {
		const char *line;
		int code;
		const char *out;
	} rows[] = {
		{"rdns DHCP-192-0-2-25.example.net. 192.0.2.25", 1,
		 "dhcp-192-0-2-25.example.net  GENERIC for 192.0.2.25\n"
		 "  because   score 100, generic from 50\n"
		 "             +60  the address: 192-0-2-25\n"
		 "             +40  a word of access lines: dhcp\n"},
		{"rdns mail-192-0-2-25.example.net 192.0.2.25", 0,
		 "mail-192-0-2-25.example.net  ordinary for 192.0.2.25\n"
		 "  because   score 0, generic from 50\n"
		 "             +60  the address: 192-0-2-25\n"
		 "             -60  a word of servers: mail\n"},
		{"rdns srv7.homes.example.net 192.0.2.25 --patterns " PATTERNS, 1,
		 "srv7.homes.example.net  GENERIC for 192.0.2.25\n"
		 "  because   by the pattern at " PATTERNS ":4; score -40, generic from 50\n"
		 "             -40  a word of servers: srv\n"},
		{"rdns dhcp-192-0-2-25.colo.example.net 192.0.2.25 --patterns " PATTERNS, 0,
		 "dhcp-192-0-2-25.colo.example.net  ordinary for 192.0.2.25\n"
		 "  because   by the pattern at " PATTERNS ":3; score 60, generic from 50\n"
		 "             +60  the address: 192-0-2-25\n"
		 "             +40  a word of access lines: dhcp\n"
		 "             -40  a word of servers: colo\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(run(rows[i].line), rows[i].code, "%s: %s", rows[i].line, complained);
		cr_expect_str_eq(printed, rows[i].out, "%s:\n%s", rows[i].line, printed);
	}
	cr_expect_eq(run("rdns dhcp-192-0-2-25.example.net 192.0.2.25 --json"), 1);
	cr_expect(strstr(printed, "\"verdict\": \"generic\""), "%s", printed);
	cr_expect(strstr(printed, "\"address\": \"192.0.2.25\""), "%s", printed);
}

/* --- the table ---------------------------------------------------------------- */

/* args_parse() decides what is a value before it knows the command. */
Test(ctl, an_option_takes_a_value_everywhere_or_nowhere)
{
	for (const struct ctl_command *a = ctl_commands; a->name; a++)
		for (const struct ctl_command *b = ctl_commands; b->name; b++)
			for (const struct ctl_option *o = a->options; o->name; o++)
				for (const struct ctl_option *p = b->options; p->name; p++)
					if (strcmp(o->name, p->name) == 0)
						cr_expect_eq(!o->arg, !p->arg, "--%s of %s and %s",
							     o->name, a->name, b->name);
}

Test(ctl, every_reason_of_the_policy_is_known)
{
	size_t count = 0;

	while (ctl_reasons[count])
		count++;
	cr_expect_eq(count, MXG_REASON_MAX - 1);
	for (int r = MXG_REASON_PASS; r < MXG_REASON_MAX; r++) {
		bool found = false;

		for (size_t i = 0; ctl_reasons[i]; i++)
			found |=
				strcmp(ctl_reasons[i], policy_reason_name((enum mxg_reason)r)) == 0;
		cr_expect(found, "%s", policy_reason_name((enum mxg_reason)r));
	}
}

Test(ctl, help_has_an_example_for_every_command)
{
	char line[64];

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		snprintf(line, sizeof(line), "%s --help", c->name);
		cr_expect_eq(run(line), 0, "%s", line);
		snprintf(line, sizeof(line), "example:\n  mxgate %s", c->name);
		cr_expect(strstr(printed, line), "%s: %s", c->name, printed);
		cr_expect(strstr(printed, c->summary) || strstr(printed, "usage:"));
	}
	cr_expect_eq(run("--help"), 0);
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		cr_expect(strstr(printed, c->summary), "--help lacks %s", c->name);
	cr_expect_eq(run("exception --help"), 0);
	cr_expect_null(strstr(printed, "recheck"), "only the group's");
	cr_expect_eq(run(""), 64);
	cr_expect(strstr(complained, "usage: mxgate COMMAND"));
	cr_expect_eq(run("--version"), 0);
	cr_expect_str_eq(printed, "mxgate " MXG_VERSION "\n");
}

Test(ctl, the_man_page_has_every_command_option_counter_and_exit)
{
	char want[128];

	cr_assert_eq(run("--dump-man"), 0);
	cr_expect_eq(strncmp(printed, ".TH MXGATE 1", 12), 0);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		snprintf(want, sizeof(want), "\n.SS mxgate %s ", c->name);
		cr_expect(strstr(printed, want), "%s", want);
		for (const struct ctl_option *o = c->options; o->name; o++) {
			snprintf(want, sizeof(want), ".B \\-\\-%s", o->name);
			cr_expect(strstr(printed, want), "%s", want);
		}
	}
#define X(sym, kind, name, help) cr_expect(strstr(printed, "\n.B " name), "counter " name);
	MXG_COUNTERS(X)
#undef X
	cr_expect(strstr(printed, "\n.B 77 \\fIdenied"), "exit codes");
}

/* --- completion --------------------------------------------------------------- */

#define COMPLETION "deploy/completion/mxgate.bash"

/* What bash offers after the words of line; the last is being typed. */
static void complete(const char *line, char *ret, size_t size)
{
	char command[1024];
	size_t len;
	FILE *bash;

	snprintf(command, sizeof(command),
		 "bash -c 'source " COMPLETION "; COMP_WORDS=(mxgate %s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _mxgate; echo \" ${COMPREPLY[*]} \"'",
		 line);
	bash = popen(command, "r");
	cr_assert_not_null(bash);
	len = fread(ret, 1, size - 1, bash);
	ret[len] = '\0';
	cr_assert_eq(pclose(bash), 0, "%s", command);
}

Test(ctl, completion_knows_every_command_and_its_options)
{
	char line[128];
	char offers[1024];
	char want[64];

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		snprintf(line, sizeof(line), "%s", c->name);
		complete(line, offers, sizeof(offers));
		snprintf(want, sizeof(want), " %s ",
			 strrchr(c->name, ' ') ? strrchr(c->name, ' ') + 1 : c->name);
		cr_expect_str_eq(strtok(offers, "\n"), want, "%s", c->name);
		snprintf(line, sizeof(line), "%s --", c->name);
		complete(line, offers, sizeof(offers));
		for (const struct ctl_option *o = c->options; o->name; o++) {
			snprintf(want, sizeof(want), " --%s ", o->name);
			cr_expect(strstr(offers, want), "%s%s: %s", c->name, want, offers);
		}
		for (const struct ctl_option *o = ctl_global_options; o->name; o++) {
			snprintf(want, sizeof(want), " --%s ", o->name);
			cr_expect(strstr(offers, want), "%s%s: %s", c->name, want, offers);
		}
	}
}

/* And nothing that the program would refuse. */
Test(ctl, completion_offers_nothing_that_is_not_there)
{
	char offers[1024];
	char line[128];

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		snprintf(line, sizeof(line), "%s --", c->name);
		complete(line, offers, sizeof(offers));
		for (char *word = strtok(offers, " \n"); word; word = strtok(NULL, " \n")) {
			bool found = false;

			for (const struct ctl_option *o = c->options; o->name; o++)
				found |= strcmp(o->name, word + 2) == 0;
			for (const struct ctl_option *o = ctl_global_options; o->name; o++)
				found |= strcmp(o->name, word + 2) == 0;
			cr_expect(found, "%s %s", c->name, word);
		}
	}
}

Test(ctl, completion_of_words_and_values)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
		{"exception \"\"", " add list show remove \n"},
		{"--socket exception st", " status \n"},
		{"mode e", " enforce \n"},
		{"mode enforce n", " no-ptr \n"},
		{"verdicts --reason un", " unconfirmed \n"},
		{"verdicts --action \"\"", " pass drop reset reject \n"},
		{"exception add 192.0.2.1 --ti", " --ticket \n"},
		{"why \"\"", "  \n"},
	};
	char offers[1024];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		complete(rows[i].line, offers, sizeof(offers));
		cr_expect_str_eq(offers, rows[i].want, "%s: %s", rows[i].line, offers);
	}
}

/* --- rendering ---------------------------------------------------------------- */

static char *render(void (*show)(struct ctl *, const json_t *), const char *json)
{
	struct ctl ctl = {.out = &out_text, .now_sec = clock_wall_sec()};
	json_t *object = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size;

	cr_assert_not_null(object, "%s", json);
	ctl.to = open_memstream(&text, &size);
	show(&ctl, object);
	fclose(ctl.to);
	json_decref(object);
	return text;
}

#define DNS_NO_PTR                                                                                 \
	"\"iprev\":\"permerror\",\"reason\":\"no-ptr\",\"action\":\"drop\",\"names\":[],"          \
	"\"confirmed\":[],\"ttl_sec\":3600,\"dns_ttl_sec\":7200,"                                  \
	"\"decided\":\"2026-01-01T10:00:00Z\",\"expires\":\"2026-01-01T11:00:00Z\","               \
	"\"policy\":{\"action\":\"drop\",\"ttl_min\":60,\"ttl_max\":3600,\"enforce\":true},"       \
	"\"steps\":[{\"query\":\"25.2.0.192.in-addr.arpa\",\"type\":\"PTR\","                      \
	"\"status\":\"nxdomain\",\"rcode\":\"NXDOMAIN\",\"ttl_sec\":7200,\"records\":0,"           \
	"\"server\":\"127.0.0.1:53\",\"elapsed_ms\":12.345,\"note\":null}],"                       \
	"\"explain\":\"192.0.2.25 has no PTR record (NXDOMAIN); ask the network's operator to "    \
	"publish one that names this host.\""

#define RULE                                                                                       \
	"{\"id\":17,\"kind\":\"allow\",\"prefix\":\"192.0.2.0/24\",\"owner\":\"postmaster\","      \
	"\"ticket\":\"OPS-17\",\"reason\":\"partner, PTR promised\",\"created\":"                  \
	"\"2026-01-01T09:00:00Z\",\"created_by\":\"uid=0(root)\",\"expires\":null,"                \
	"\"active\":true,\"hits\":4}"

Test(ctl, why_of_a_dropped_address)
{
	char *text = render(out_text_evidence,
			    "{\"address\":\"192.0.2.25\"," DNS_NO_PTR
			    ",\"known\":true,\"hits\":1234,\"expires_in_sec\":2520,"
			    "\"refresh_in_sec\":0,\"enforced\":true,\"exception\":null}");

	cr_expect_str_eq(
		text, "192.0.2.25  DROPPED: no-ptr (iprev permerror)\n"
		      "  verdict   drop, live, enforced\n"
		      "  hits      1,234\n"
		      "  expires   in 42m; the next hit asks DNS again\n"
		      "  DNS       PTR  25.2.0.192.in-addr.arpa  nxdomain, TTL 2h, 127.0.0.1:53, "
		      "12.3 ms\n"
		      "  decided   2026-01-01T10:00:00Z, for 1h (DNS: 2h)\n"
		      "  policy    no-ptr -> drop, TTL 1m to 1h\n"
		      "  exception none\n"
		      "\n"
		      "  192.0.2.25 has no PTR record (NXDOMAIN); ask the network's operator to\n"
		      "  publish one that names this host.\n");
	free(text);
}

Test(ctl, why_says_what_the_client_is_told)
{
	char *text = render(out_text_evidence,
			    "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"no-ptr\","
			    "\"action\":\"reject\",\"enforced\":true,\"exception\":null,"
			    "\"told\":\"554 5.7.25 192.0.2.25 has none\"}");

	cr_expect(strstr(text, "\n  told      554 5.7.25 192.0.2.25 has none\n"), "%s", text);
	free(text);
}

Test(ctl, the_first_line_of_why)
{
	static const struct {
		const char *label, *json, *want;
	} rows[] = {
		{"enforced",
		 "{\"address\":\"192.0.2.25\"," DNS_NO_PTR
		 ",\"known\":true,\"enforced\":true,\"exception\":null}",
		 "192.0.2.25  DROPPED: no-ptr (iprev permerror)\n"},
		{"monitor",
		 "{\"address\":\"192.0.2.25\"," DNS_NO_PTR
		 ",\"known\":true,\"enforced\":false,\"exception\":null}",
		 "192.0.2.25  PASSES (monitor: would be DROPPED): no-ptr (iprev permerror)\n"},
		{"expired",
		 "{\"address\":\"192.0.2.25\"," DNS_NO_PTR
		 ",\"known\":false,\"enforced\":false,\"exception\":null}",
		 "192.0.2.25  PASSES: the gate holds no live verdict; the last was drop no-ptr "
		 "(iprev permerror)\n"},
		{"check", "{\"address\":\"192.0.2.25\"," DNS_NO_PTR "}",
		 "192.0.2.25  would be DROPPED: no-ptr (iprev permerror)\n"},
		{"exception", "{\"address\":\"192.0.2.25\",\"known\":true,\"exception\":" RULE "}",
		 "192.0.2.25  PASSES, by exception 17 (allow 192.0.2.0/24)\n"},
		{"deny, enforced",
		 "{\"address\":\"192.0.2.25\",\"action\":\"drop\",\"known\":true,\"enforced\":true,"
		 "\"exception\":{\"id\":3,\"kind\":\"deny\",\"prefix\":\"192.0.2.25\"}}",
		 "192.0.2.25  DROPPED, by exception 3 (deny 192.0.2.25)\n"},
		{"deny, monitor",
		 "{\"address\":\"192.0.2.25\",\"action\":\"drop\",\"known\":true,\"enforced\":"
		 "false,"
		 "\"exception\":{\"id\":3,\"kind\":\"deny\",\"prefix\":\"192.0.2.25\"}}",
		 "192.0.2.25  PASSES (monitor: would be DROPPED), by exception 3 (deny "
		 "192.0.2.25)\n"},
		{"deny, reset",
		 "{\"address\":\"192.0.2.25\",\"action\":\"reset\",\"known\":true,\"enforced\":"
		 "true,"
		 "\"exception\":{\"id\":3,\"kind\":\"deny\",\"prefix\":\"192.0.2.25\"}}",
		 "192.0.2.25  RESET, by exception 3 (deny 192.0.2.25)\n"},
		{"reset, enforced",
		 "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"generic\",\"action\":"
		 "\"reset\",\"enforced\":true,\"exception\":null}",
		 "192.0.2.25  RESET: generic\n"},
		{"reset, monitor",
		 "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"generic\",\"action\":"
		 "\"reset\",\"enforced\":false,\"exception\":null}",
		 "192.0.2.25  PASSES (monitor: would be RESET): generic\n"},
		{"reject, enforced",
		 "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"no-ptr\",\"action\":"
		 "\"reject\",\"enforced\":true,\"exception\":null}",
		 "192.0.2.25  REJECTED: no-ptr\n"},
		{"reject, used up",
		 "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"no-ptr\",\"action\":"
		 "\"reject\",\"enforced\":true,\"exception\":null,\"hardened\":true}",
		 "192.0.2.25  DROPPED, told often enough: no-ptr\n"},
		{"verdict without evidence",
		 "{\"address\":\"192.0.2.25\",\"known\":true,\"reason\":\"pass\",\"action\":"
		 "\"pass\",\"enforced\":false,\"exception\":null}",
		 "192.0.2.25  PASSES: pass\n"},
		{"special",
		 "{\"address\":\"10.0.0.1\",\"iprev\":\"none\",\"reason\":\"special\","
		 "\"action\":\"pass\",\"special\":\"private\"}",
		 "10.0.0.1  PASSES: special address: private\n"},
		{"nothing", "{\"address\":\"192.0.2.25\",\"known\":false,\"exception\":null}",
		 "192.0.2.25  PASSES: nothing is known about it\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = render(out_text_evidence, rows[i].json);

		cr_expect_eq(strncmp(text, rows[i].want, strlen(rows[i].want)), 0, "%s: %s",
			     rows[i].label, text);
		free(text);
	}
}

Test(ctl, why_with_names_exception_and_a_long_query)
{
	char *text = render(
		out_text_evidence,
		"{\"address\":\"2001:db8::25\",\"iprev\":\"pass\",\"reason\":\"allow\","
		"\"action\":\"pass\",\"names\":[\"a.example\",\"b\\\\032.example\"],"
		"\"confirmed\":[\"a.example\"],\"names_total\":12,\"ttl_sec\":90,"
		"\"decided\":\"2026-01-01T10:00:00Z\",\"policy\":{\"action\":\"pass\","
		"\"ttl_min\":3600,\"ttl_max\":86400,\"enforce\":false},\"steps\":["
		"{\"query\":\"5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6."
		"arpa\",\"type\":\"PTR\",\"status\":\"data\",\"rcode\":\"NOERROR\",\"ttl_sec\":300,"
		"\"records\":2,\"server\":\"[::1]:53\",\"elapsed_ms\":0.4,\"note\":\"cut\"},"
		"{\"query\":\"a.example\",\"type\":\"AAAA\",\"status\":\"other\",\"rcode\":"
		"\"NOTIMP\",\"ttl_sec\":0,\"records\":0,\"server\":null,\"elapsed_ms\":1}],"
		"\"known\":true,\"exception\":" RULE "}");

	cr_expect_str_eq(text,
			 "2001:db8::25  PASSES, by exception 17 (allow 192.0.2.0/24)\n"
			 "  verdict   none learned, since the exception rules\n"
			 "  names     a.example  confirmed\n"
			 "            b\\032.example  not confirmed\n"
			 "            (2 of 12 names are evaluated)\n"
			 "  DNS       PTR  5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b"
			 ".d.0.1.0.0.2.ip6.arpa\n"
			 "                 data (2), TTL 5m, [::1]:53, 0.4 ms\n"
			 "                 cut\n"
			 "            AAAA a.example                other/NOTIMP, 1.0 ms\n"
			 "  decided   2026-01-01T10:00:00Z, for 1m30s\n"
			 "  policy    pass -> pass, TTL 1h to 1d, monitored only\n"
			 "  exception 17 allow 192.0.2.0/24, owner postmaster, ticket OPS-17\n"
			 "            expires never\n"
			 "            partner, PTR promised\n");
	free(text);
}

Test(ctl, why_of_a_host_that_passes_for_now)
{
	static const struct {
		const char *caution, *says;
	} rows[] = {
		{"{\"state\":\"waiting\",\"seen\":1,\"needed\":2,\"wait_sec\":60,\"hold_sec\":0}",
		 "  caution   waiting, found bad 1 of 2 times\n"},
		{"{\"state\":\"held\",\"seen\":9,\"needed\":2,\"wait_sec\":60,\"hold_sec\":5400}",
		 "  caution   held, for 1h30m more at most\n"},
		{"{\"state\":\"frozen\",\"seen\":0,\"needed\":2,\"wait_sec\":60,\"hold_sec\":0}",
		 "  caution   frozen\n"},
		{"null", NULL},
	};
	char json[512], *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(json, sizeof(json),
			 "{\"address\":\"192.0.2.1\",\"iprev\":\"permerror\",\"reason\":\"no-ptr\","
			 "\"action\":\"pass\",\"names\":[],\"known\":true,\"caution\":%s}",
			 rows[i].caution);
		text = render(out_text_evidence, json);
		if (rows[i].says)
			cr_expect(strstr(text, rows[i].says) != NULL, "%s", text);
		else
			cr_expect_null(strstr(text, "caution"), "%s", text);
		free(text);
	}
}

Test(ctl, why_in_a_network_that_is_rolled_up)
{
	static const struct {
		const char *known, *enforced, *not_held, *head;
	} rows[] = {
		{"false", "true", "null",
		 "2001:db8::5  HELD: no live verdict, and its network is rolled up\n"},
		{"false", "true", "\"the DNS is in trouble\"",
		 "2001:db8::5  PASSES: no live verdict, and its network is rolled up, but nobody "
		 "is held now: the DNS is in trouble\n"},
		{"false", "false", "\"no reason is enforced\"",
		 "2001:db8::5  PASSES (monitor: would be HELD): no live verdict, and its network "
		 "is rolled up\n"},
		{"true,\"action\":\"drop\",\"reason\":\"no-ptr\"", "true", "null",
		 "2001:db8::5  PASSES (monitor: would be DROPPED): no-ptr\n"},
	};
	char json[1024], *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(json, sizeof(json),
			 "{\"address\":\"2001:db8::5\",\"exception\":null,\"known\":%s,\"rollup\":{"
			 "\"net\":\"2001:db8::/64\",\"since\":\"2026-01-01T10:00:00Z\","
			 "\"expires_in_sec\":3120,\"enforced\":%s,\"not_held\":%s,\"addresses\":[{"
			 "\"address\":"
			 "\"2001:db8::1\",\"found\":\"2026-01-01T09:59:00Z\",\"counts_sec\":3000}]}"
			 "}",
			 rows[i].known, rows[i].enforced, rows[i].not_held);
		text = render(out_text_evidence, json);
		cr_expect_eq(strncmp(text, rows[i].head, strlen(rows[i].head)), 0, "%s", text);
		cr_expect(strstr(text,
				 "  rolled up 2001:db8::/64 since 2026-01-01T10:00:00Z, for 52m "
				 "unless"),
			  "%s", text);
		cr_expect(strstr(text, "            2001:db8::1 found bad 2026-01-01T09:59:00Z, "
				       "counts for 50m\n"),
			  "%s", text);
		cr_expect(strstr(text, "flush 2001:db8::/64."), "%s", text);
		free(text);
	}
}

Test(ctl, status_as_text)
{
	const char *json =
		"{\"version\":\"0.1.0\",\"pid\":812,\"worker_pid\":815,\"uptime_sec\":12000,"
		"\"worker_restarts\":1,\"mode\":\"enforce\",\"mode_source\":\"command\","
		"\"enforced\":[\"no-ptr\",\"deny\"],\"lease_sec\":58,\"interfaces\":[{\"name\":"
		"\"eth0\",\"ifindex\":2,\"state\":\"attached\",\"mode\":\"native\",\"prog_id\":42,"
		"\"detail\":\"\"},{\"name\":\"eth1\",\"ifindex\":0,\"state\":\"missing\",\"mode\":"
		"\"none\",\"prog_id\":0,\"detail\":\"no such interface\"}],\"ports\":[25,587],"
		"\"destinations\":[\"203.0.113.25\",\"2001:db8:25::/64\"],\"decap\":true,"
		"\"trigger\":{\"kind\":\"established\",\"cgroup\":\"/mail.slice\",\"detail\":\"\"},"
		"\"hold\":{\"on\":false,\"why_not\":\"the DNS is in trouble\"},"
		"\"table\":{\"v4\":{\"entries\":1234,\"max\":1000000,\"size\":65536,"
		"\"bytes\":1410000,\"refused\":0,\"lines_from_home\":[1200,30,4,0,0,0,0,0],"
		"\"growth\":{\"growing\":true}},\"v6\":{\"entries\":0,"
		"\"max\":250000,\"size\":16384,\"bytes\":1048576,\"refused\":0,\"lines_from_home\":"
		"[0,0,0,0,0,"
		"0,0,0]}},\"exceptions\":{\"active\":3,\"total\":5},\"counters\":{"
		"\"known_pass\":1234567,\"unknown\":12,\"drop_no_ptr\":3,\"not_syn\":0,"
		"\"brand_new\":7},\"resolver\":{\"outstanding\":1,\"started\":20,\"pass\":10,"
		"\"fail\":2,\"permerror\":3,\"temperror\":4,\"refused_full\":0,\"joined\":5,"
		"\"over_budget\":1200,"
		"\"servers\":[{\"name\":\"127.0.0.1:53\",\"queries\":40,\"answers\":38,"
		"\"failures\":2,\"timeouts\":1,\"state\":\"down\",\"state_sec\":75,"
		"\"first\":false,\"last_answer_sec\":76,\"reply_ms\":0.44},{\"name\":\"[::1]:53\","
		"\"queries\":2,\"answers\":0,\"failures\":0,\"timeouts\":0,\"state\":\"up\","
		"\"state_sec\":12000,\"first\":true,\"last_answer_sec\":null,\"reply_ms\":null}]},"
		"\"alarms\":[{\"name\":\"dns-trouble\",\"since\":"
		"\"2026-01-01T10:00:00Z\",\"detail\":\"9 of 10 lookups failed; servers: "
		"127.0.0.1:53\"},{\"name\":\"x\",\"since\":\"y\",\"detail\":\"z\"}],\"evidence\":{"
		"\"written\":1,\"pending\":0,\"shed\":1500,\"not_logged\":2},\"confirm\":{"
		"\"refused\":12345,\"waiting\":2,\"held\":3,\"frozen\":4,\"capped\":5,\"unproven\":"
		"0,"
		"\"stale_served\":7,\"released\":6},\"rollup\":{\"needed\":16,\"networks\":1,"
		"\"begun\":"
		"3,\"undone\":2},\"breaker\":{\"opened\":1,\"open\":[{\"scope\":"
		"\"192.0.2.0/24\",\"cause\":\"flips\",\"since\":\"2026-01-01T10:00:00Z\","
		"\"flips\":4,\"stays\":1,\"canaries\":5,\"good\":2}],\"canaries\":["
		"{\"canary\":\"192.0.2.25\",\"state\":\"good\",\"why\":\"\"},"
		"{\"canary\":\"mx.example.com\",\"state\":\"bad\",\"why\":\"no address\"},"
		"{\"canary\":\"2001:db8::25\",\"state\":\"aside\",\"why\":\"no confirmed "
		"reverse DNS\"},{\"canary\":\"mx.example.net\",\"state\":\"unknown\",\"why\":"
		"\"no answer yet\"}]}}";
	char *text = render(out_text_status, json);

	cr_expect_str_eq(
		text, "ALARM       dns-trouble since 2026-01-01T10:00:00Z: 9 of 10 lookups "
		      "failed;\n"
		      "            servers: 127.0.0.1:53\n"
		      "ALARM       x since y: z\n"
		      "mxgated 0.1.0, up 3h20m, pid 812, worker 815 (restarted 1 times)\n"
		      "mode        enforce (by command), acting on: no-ptr, deny\n"
		      "lease       58s, then the gate opens\n"
		      "ports       25, 587 of 203.0.113.25, 2001:db8:25::/64; tunnels are "
		      "looked into\n"
		      "trigger     established, in cgroup /mail.slice\n"
		      "hold        off: the DNS is in trouble\n"
		      "interfaces  eth0            attached native  program 42\n"
		      "            eth1            missing  none    no such interface\n"
		      "verdicts    v4 1,234 of 1,000,000, v6 0 of 250,000\n"
		      "tables      v4 1.3 MiB for 65,536 (growing), 1.03 lines a look (3 at most); "
		      "v6 1.0 MiB "
		      "for 16,384\n"
		      "exceptions  3 active of 5\n"
		      "lookups     started 20, under way 1, joined 5, pass 10, fail 2, "
		      "permerror 3,\n"
		      "            temperror 4, turned away 0, over budget 1,200\n"
		      "servers     127.0.0.1:53          down 1m15s, replies in 0.4 ms\n"
		      "              40 asked, 38 answers (last 1m16s ago), 2 failures, 1 "
		      "timeouts\n"
		      "            [::1]:53              up 3h20m, asked first\n"
		      "              2 asked, 0 answers, 0 failures, 0 timeouts\n"
		      "evidence    of 1,500 verdicts not written, 2 not logged: too fast, or the "
		      "disk\n"
		      "            was full\n"
		      "judged bad  refused 12,345, waiting 2, held 3, frozen 4, capped 5, unproven "
		      "0,\n"
		      "            released 6, stale passes 7\n"
		      "rolled up   networks now 1, since the start 3, ended by a good address 2\n"
		      "breaker     open for 192.0.2.0/24 since 2026-01-01T10:00:00Z (flips: 4 "
		      "turned\n"
		      "            bad, 1 stayed good; 2 of 5 canaries are good)\n"
		      "canary      mx.example.com: no address\n"
		      "canary      2001:db8::25: no confirmed reverse DNS (set aside)\n"
		      "canary      mx.example.net: no answer yet\n"
		      "\n"
		      "SYNs passed                      1,234,579\n"
		      "  unknown                               12\n"
		      "  known_pass                     1,234,567\n"
		      "SYNs dropped                             3\n"
		      "  drop_no_ptr                            3\n"
		      "  brand_new                              7\n");
	free(text);
}

/* Whatever a daemon sends, or does not: no crash, and no byte that a terminal obeys. */
Test(ctl, odd_objects_do_no_harm)
{
	static void (*const show[])(struct ctl *, const json_t *) = {out_text_status,
								     out_text_evidence};
	static const char *const odd[] = {
		"{}",
		"[]",
		"{\"address\":7,\"names\":[1,null,{}],\"steps\":[null,7,{}],\"policy\":[],"
		"\"exception\":7,\"known\":true,\"iprev\":\"pass\"}",
		"{\"interfaces\":[7],\"ports\":[\"x\"],\"counters\":[],\"resolver\":{\"servers\":7}"
		",\"alarms\":[7,{\"name\":7}],"
		"\"table\":null,\"exceptions\":[]}",
		"{\"address\":\"\\u001b[2J\\u0007\\u00e4\\u007f\",\"known\":true,\"iprev\":\"\\n\","
		"\"names\":[\"\\u001b]0;x\\u0007\"],\"explain\":\"a\\nb\\u001b\",\"steps\":[{"
		"\"query\":\"\\r\\n\",\"note\":\"\\t\"}],\"version\":\"\\u001b\",\"mode\":\"\\n\"}",
		"{\"address\":\"2001:db8::1\",\"known\":false,\"rollup\":{\"net\":\"\\u001b[2J\","
		"\"since\":7,\"addresses\":[7,null,{\"address\":\"\\n\\u001b\"}]}}",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (size_t j = 0; j < 2; j++) {
			char *text = render(show[j], odd[i]);

			for (const char *c = text; *c; c++)
				cr_assert(*c == '\n' || (*c >= 0x20 && *c <= 0x7e), "%s: byte %d",
					  odd[i], *c);
			cr_expect_null(strstr(text, "a\nb"));
			free(text);
		}
	}
}

Test(ctl, numbers_and_spans)
{
	static const struct {
		json_int_t value;
		const char *number, *span;
	} rows[] = {
		{0, "0", "0s"},          {59, "59", "59s"},         {60, "60", "1m"},
		{999, "999", "16m39s"},  {1000, "1,000", "16m40s"}, {3600, "3,600", "1h"},
		{3601, "3,601", "1h"},   {86400, "86,400", "1d"},   {1234567, "1,234,567", "14d6h"},
		{-1234, "-1,234", "0s"}, {-123, "-123", "0s"},
	};
	char buf[OUT_TEXT_NUMBER_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_str_eq(out_text_number(rows[i].value, buf), rows[i].number);
		cr_expect_str_eq(out_text_span(rows[i].value, buf), rows[i].span);
	}
}

/* --- whole runs --------------------------------------------------------------- */

static char dir[TMPDIR_MAX];
static pid_t server;

/* A child that does not outlive a test that dies. */
static pid_t fork_bound(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void canned_why(struct control_request *request)
{
	const char *address = control_request_string(request, "address");

	if (strcmp(address, "192.0.2.25") == 0)
		control_reply_ok(request, json_loads("{\"address\":\"192.0.2.25\"," DNS_NO_PTR
						     ",\"known\":true,\"exception\":null}",
						     0, NULL));
	else if (strcmp(address, "192.0.2.26") == 0)
		control_reply_ok(request, json_pack("{s:s, s:b, s:n}", "address", address, "known",
						    0, "exception"));
	else
		control_reply_error(request, CONTROL_ERR_NOT_FOUND, "try mxgate recheck",
				    "nothing is known about %s", address);
}

static void canned_items(struct control_request *request, unsigned int count, const char *json)
{
	while (count--)
		control_reply_item(request, json_loads(json, 0, NULL));
	control_reply_ok(request, json_pack("{s:i, s:b}", "count", 2, "more", 1));
}

static void canned(struct control_request *request, void *user)
{
	(void)user;
	switch (control_request_command(request)) {
	case CONTROL_CMD_WHY:
		canned_why(request);
		return;
	case CONTROL_CMD_VERDICTS:
		canned_items(
			request, 2,
			"{\"address\":\"192.0.2.25\",\"action\":\"drop\",\"reason\":\"no-ptr\","
			"\"hits\":17,\"expires_in_sec\":90}");
		return;
	case CONTROL_CMD_EXCEPTION_LIST:
		canned_items(request, json_object_get(control_request_args(request), "all") ? 2 : 0,
			     RULE);
		return;
	case CONTROL_CMD_EXCEPTION_ADD: /* echoes what was asked */
		control_reply_ok(request,
				 json_pack("{s:O, s:i}", "exception", control_request_args(request),
					   "verdicts_removed", 1));
		return;
	case CONTROL_CMD_EXCEPTION_SHOW:
		control_reply_ok(request,
				 json_loads("{\"exceptions\":[" RULE "],\"audit\":[{\"id\":1,"
					    "\"time\":\"2026-01-01T09:00:00Z\",\"who\":"
					    "\"uid=0(root)\",\"what\":\"exception-add\",\"object\":"
					    "\"192.0.2.0/24\",\"detail\":\"id=17 kind=allow\"}]}",
					    0, NULL));
		return;
	case CONTROL_CMD_MODE:
		control_reply_ok(request, json_pack("{s:s, s:[s], s:s}", "mode", "enforce",
						    "enforced", "no-ptr", "source", "command"));
		return;
	case CONTROL_CMD_FLUSH:
		control_reply_ok(request, json_pack("{s:i}", "removed", 1));
		return;
	case CONTROL_CMD_RELOAD:
		control_reply_error(request, CONTROL_ERR_CONFIG, "the running one stays",
				    "mxgate.conf:7: no such key");
		return;
	default:
		control_reply_error(request, CONTROL_ERR_DENIED, "join the group x", "not you");
	}
}

static void serve(const char *path)
{
	struct control_conf conf = {.read_gid = getgid(), .change_gid = getgid()};
	struct control *control;
	uv_loop_t loop;
	int fd;

	if (control_listen(path, &fd) || uv_loop_init(&loop) ||
	    control_new(&loop, fd, &conf, canned, NULL, &control))
		_exit(1);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

static void start_server(void)
{
	char path[64];
	struct stat st;

	tmpdir_make(dir);
	snprintf(path, sizeof(path), "%s/sock", dir);
	setenv("MXGATE_SOCKET", path, 1);
	server = fork_bound();
	if (server == 0)
		serve(path);
	for (int i = 0; i < 500 && (stat(path, &st) || (st.st_mode & 0777) != 0666); i++)
		usleep(10000);
}

static void stop_server(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/sock", dir);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	cr_expect_eq(rmdir(dir), 0);
	free(printed);
	free(complained);
}

Test(ctl, runs_against_a_server, .init = start_server, .fini = stop_server)
{
	static const struct {
		const char *line;
		int code;
		const char *out, *err;
	} rows[] = {
		{"why 192.0.2.25", 0, "would be DROPPED", ""},
		{"why ::ffff:192.0.2.25", 0, "192.0.2.25  PASSES", ""},
		{"why 192.0.2.26", 1, "192.0.2.26  PASSES: nothing is known about it\n", ""},
		{"why 192.0.2.27", 1, "", "mxgate: nothing is known about 192.0.2.27; try mxgate"},
		{"why 192.0.2.27 --json", 1, "",
		 "{\"error\":{\"code\":\"not-found\",\"message\":\"nothing is known about "
		 "192.0.2.27\",\"hint\":\"try mxgate recheck\"}}\n"},
		{"status", 77, "", "mxgate: not you; join the group x\n"},
		{"reload", 78, "", "mxgate.conf:7: no such key; the running one stays"},
		{"flush", 0, "1 verdict forgotten\n", ""},
		{"mode enforce no-ptr", 0, "mode enforce (by command), acting on: no-ptr\n", ""},
		{"verdicts", 0,
		 "ADDRESS                                 ACTION REASON           HITS EXPIRES\n"
		 "192.0.2.25                              drop   no-ptr             17   1m30s\n",
		 ""},
		{"verdicts", 0, "(there are more", ""},
		{"exception list", 0, "no exceptions\n", ""},
		{"exception list --json", 0, "[]\n", ""},
		{"exception list --all", 0,
		 "   ID KIND  PREFIX             EXPIRES    OWNER        REASON\n"
		 "   17 allow 192.0.2.0/24       never      postmaster   partner, PTR promised\n",
		 ""},
		{"exception show 17", 0,
		 "exception 17: allow 192.0.2.0/24\n"
		 "  owner     postmaster\n"
		 "  reason    partner, PTR promised\n"
		 "  ticket    OPS-17\n"
		 "  created   2026-01-01T09:00:00Z\n"
		 "  by        uid=0(root)\n"
		 "  expires   never\n"
		 "  hits      4\n"
		 "history\n"
		 "2026-01-01T09:00:00Z uid=0(root)     exception-add    192.0.2.0/24\n"
		 "    id=17 kind=allow\n",
		 ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code = run(rows[i].line);

		cr_expect_eq(code, rows[i].code, "%s: %d %s", rows[i].line, code, complained);
		cr_expect(strstr(printed, rows[i].out), "%s: %s", rows[i].line, printed);
		cr_expect(strstr(complained, rows[i].err), "%s: %s", rows[i].line, complained);
		cr_expect(*rows[i].out || !*printed, "%s: %s", rows[i].line, printed);
		cr_expect(*rows[i].err || !*complained, "%s: %s", rows[i].line, complained);
	}
}

Test(ctl, json_is_exactly_what_the_daemon_gave, .init = start_server, .fini = stop_server)
{
	json_t *want = json_loads("{\"address\":\"192.0.2.25\"," DNS_NO_PTR
				  ",\"known\":true,\"exception\":null}",
				  0, NULL);
	json_t *got;

	cr_assert_eq(run("why 192.0.2.25 --json"), 0);
	got = json_loads(printed, 0, NULL);
	cr_expect(json_equal(got, want), "%s", printed);
	json_decref(got);
	json_decref(want);
	cr_assert_eq(run("verdicts --json"), 0);
	got = json_loads(printed, 0, NULL);
	cr_expect_eq(json_array_size(got), 2);
	json_decref(got);
}

Test(ctl, what_exception_add_asks_for, .init = start_server, .fini = stop_server)
{
	json_t *got;
	json_t *asked;

	cr_assert_eq(
		run("exception add 192.0.2.128/25 --owner postmaster --reason 'a \"b\" \xc3\xa4' "
		    "--ticket OPS-17 --expires +30d --deny --json"),
		0, "%s", complained);
	for (const char *c = printed; *c; c++)
		cr_assert(*c == '\n' || (*c >= 0x20 && *c <= 0x7e));
	got = json_loads(printed, 0, NULL);
	asked = json_object_get(got, "exception");
	cr_expect_str_eq(out_text_string(asked, "cmd"), "exception-add");
	cr_expect_str_eq(out_text_string(asked, "prefix"), "192.0.2.128/25");
	cr_expect_str_eq(out_text_string(asked, "kind"), "deny");
	cr_expect_str_eq(out_text_string(asked, "owner"), "postmaster");
	cr_expect_str_eq(out_text_string(asked, "reason"), "a \"b\" \xc3\xa4");
	cr_expect_str_eq(out_text_string(asked, "ticket"), "OPS-17");
	cr_expect_eq(out_text_integer(asked, "v"), CONTROL_VERSION);
	cr_expect_geq(out_text_integer(asked, "expires"), clock_wall_sec() + 30 * 86400 - 60);
	json_decref(got);
}

Test(ctl, no_daemon, .init = start_server, .fini = stop_server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = -1;
	cr_expect_eq(run("status"), 69);
	cr_expect(strstr(complained, "Connection refused"), "%s", complained);
	cr_expect(strstr(complained, "systemctl status mxgated"), "%s", complained);
	cr_expect(strstr(complained, "--socket PATH"), "%s", complained);
	cr_expect_eq(run("status --socket /nonexistent/sock"), 69);
	cr_expect(strstr(complained, "/nonexistent/sock: No such file"), "%s", complained);
}

/* --- a daemon that answers badly ---------------------------------------------- */

/* Answers the first client with text, then goes. */
static void answer_once(const char *text)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int client;
	char junk[1024];

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/odd", dir);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	setenv("MXGATE_SOCKET", sun.sun_path, 1);
	server = fork_bound();
	if (server == 0) {
		client = accept(fd, NULL, NULL);
		if (read(client, junk, sizeof(junk)) < 0 || write(client, text, strlen(text)) < 0)
			_exit(1);
		_exit(0);
	}
	close(fd);
}

Test(ctl, answers_that_make_no_sense)
{
	static const struct {
		const char *label, *text;
		int code;
		const char *words;
	} rows[] = {
		{"silence", "", 69, "closed the connection before its answer was whole"},
		{"half a line", "{\"ok\":tr", 69, "closed the connection"},
		{"junk", "hello\n", 70, "same release"},
		{"array", "[]\n", 70, "same release"},
		{"no verdict on it", "{}\n", 70, "same release"},
		{"unknown error", "{\"ok\":false,\"error\":{\"code\":\"new\",\"message\":\"m\"}}\n",
		 70, "mxgate: m\n"},
		{"no error object", "{\"ok\":false}\n", 70, "without a reason"},
		{"hostile",
		 "{\"ok\":false,\"error\":{\"code\":\"io\",\"message\":\"\\u001b[2J\"}}\n", 74,
		 "mxgate: \\027[2J\n"},
		{"items, then the end", "{\"item\":{}}\n", 69, "closed the connection"},
	};

	tmpdir_make(dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[64];
		int code;

		answer_once(rows[i].text);
		code = run("verdicts");
		cr_expect_eq(code, rows[i].code, "%s: %d", rows[i].label, code);
		cr_expect(strstr(complained, rows[i].words), "%s: %s", rows[i].label, complained);
		waitpid(server, NULL, 0);
		snprintf(path, sizeof(path), "%s/odd", dir);
		unlink(path);
	}
	answer_once("{\"item\":{}}\n");
	cr_expect_eq(run("verdicts --json"), 69);
	cr_expect_null(json_loads(printed, 0, NULL), "half a list must not parse: %s", printed);
	waitpid(server, NULL, 0);
	unlink(getenv("MXGATE_SOCKET"));
	rmdir(dir);
}
