// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Every command of mxgate, once: its name, arguments, help, example and
 * function. Dispatch, --help, mxgate.1 and the completion's test read this table
 * and nothing else, so that they cannot disagree. It holds no code.
 */
#include "ctl/ctl.h"

const char *const ctl_reasons[] = {"pass",  "no-ptr", "unconfirmed", "temperror", "special",
				   "allow", "deny",   "generic",     NULL};

const struct ctl_option ctl_global_options[] = {
	{"json", NULL, "print the result as JSON, exactly as the daemon gives it", false},
	{"socket", "PATH", "the daemon's control socket (also: $MXGATE_SOCKET)", false},
	{"help", NULL, "help on this command", false},
	{"version", NULL, "print the version", false},
	{NULL, NULL, NULL, false},
};

const struct ctl_command ctl_commands[] = {
	{
		.name = "status",
		.operands = "",
		.summary = "what the gate is doing now",
		.detail = "Alarms, mode, interfaces, tables, resolvers, what became of hosts that "
			  "were found bad, an open breaker, and counters. Counters that are zero "
			  "are left out.",
		.example = "mxgate status",
		.options = {{"all", NULL, "show counters that are zero, too", false}},
		.run = status_run,
	},
	{
		.name = "check",
		.operands = "ADDR",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "evaluate an address now, without the daemon",
		.detail =
			"Asks DNS as the daemon would and shows every step. Needs neither root "
			"nor a running daemon, and changes nothing. It knows nothing of earlier "
			"looks: the daemon lets a host in until they confirm each other. Policy "
			"and servers are those of the configuration file where there is one. Exit "
			"75 when DNS gave no certain answer.",
		.example = "mxgate check 192.0.2.25\n"
			   "mxgate check 2001:db8::25 --dns 127.0.0.1:53 --dns [::1]:5353",
		.options = {{"dns", "HOST:PORT", "ask this server instead of the system's", true},
			    {"config", "FILE", "policy and servers of this mxgate.conf", false}},
		.run = check_run,
	},
	{
		.name = "rdns",
		.operands = "NAME ADDR",
		.operand_min = 2,
		.operand_max = 2,
		.summary = "does a reverse name look generic?",
		.detail = "Judges a name as the daemon would, for a host with this address, and "
			  "shows every finding with its weight and the pattern that decided. Asks "
			  "neither the daemon nor DNS. Exit 0 when the name is ordinary, 1 when it "
			  "is generic.",
		.example = "mxgate rdns dhcp-192-0-2-25.example.net 192.0.2.25\n"
			   "mxgate rdns mail.example.net 192.0.2.25 --patterns ./rdns.patterns",
		.options = {{"config", "FILE", "the patterns of this mxgate.conf", false},
			    {"patterns", "FILE", "this file instead of the configured ones", true}},
		.run = rdns_run,
	},
	{
		.name = "why",
		.operands = "ADDR",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "why an address is treated as it is",
		.detail = "The verdict, whether it is live and enforced, every DNS step behind it, "
			  "the policy row, the exception that rules, and how to mend it. Exit 1 "
			  "when nothing is known about the address.",
		.example = "mxgate why 192.0.2.25",
		.run = why_run,
	},
	{
		.name = "verdicts",
		.operands = "",
		.summary = "list the verdicts that the gate holds",
		.detail = "One line per live verdict, of all or of those selected.",
		.example = "mxgate verdicts --reason no-ptr --prefix 192.0.2.0/24",
		.options = {{"prefix", "PREFIX", "only addresses in this prefix", false},
			    {"reason", "REASON", "only verdicts for this reason", false},
			    {"action", "ACTION", "only pass, drop, reset or reject", false},
			    {"limit", "N", "at most N of them", false}},
		.run = verdicts_run,
	},
	{
		.name = "recheck",
		.operands = "ADDR",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "have the daemon look an address up again now",
		.detail =
			"For a host whose reverse DNS has been repaired. Replaces the verdict and "
			"shows the new one as why does.",
		.example = "mxgate recheck 192.0.2.25",
		.waits_for_dns = true,
		.run = why_recheck,
	},
	{
		.name = "flush",
		.operands = "[PREFIX]",
		.operand_max = 1,
		.summary = "forget learned verdicts",
		.detail =
			"Of one prefix, or all, and with them how often a host was found bad. Who "
			"was good stays known, and exceptions stay. Until an address has been "
			"looked up again it passes.",
		.example = "mxgate flush 192.0.2.0/24",
		.run = verdicts_flush,
	},
	{
		.name = "mode",
		.operands = "monitor|enforce|config [REASON]",
		.operand_min = 1,
		.operand_max = 2,
		.summary = "count only, or act on verdicts",
		.detail = "monitor decides and counts, and drops nothing. enforce acts, for every "
			  "reason or for the one named. config returns to what the configuration "
			  "says.",
		.example = "mxgate mode enforce no-ptr\nmxgate mode monitor",
		.run = mode_run,
	},
	{
		.name = "exception add",
		.operands = "PREFIX",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "always let a prefix in, or keep it out",
		.detail =
			"In force in the gate before the command returns, also over a verdict. An "
			"address alone is its /32 or /128. The longest prefix rules; for one "
			"prefix an allow beats a deny.",
		.example = "mxgate exception add 192.0.2.25 --owner postmaster --reason \"partner, "
			   "PTR promised\" --ticket OPS-17 --expires +30d",
		.options = {{"owner", "NAME", "who answers for it (needed)", false},
			    {"reason", "TEXT", "why it exists (needed)", false},
			    {"ticket", "TEXT", "where it was asked for", false},
			    {"expires", "TIME", "2026-12-31, 2026-12-31T18:00Z or +30d", false},
			    {"deny", NULL, "keep the prefix out instead", false}},
		.run = exception_add,
	},
	{
		.name = "exception list",
		.operands = "",
		.summary = "list the exceptions in force",
		.detail = "One line per exception.",
		.example = "mxgate exception list --all",
		.options = {{"all", NULL, "those that have expired, too", false}},
		.run = exception_list,
	},
	{
		.name = "exception show",
		.operands = "ID|PREFIX",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "show an exception and who changed it",
		.detail = "Every field, and the audit trail of its prefix.",
		.example = "mxgate exception show 17\nmxgate exception show 192.0.2.0/24",
		.run = exception_show,
	},
	{
		.name = "exception remove",
		.operands = "ID|PREFIX",
		.operand_min = 1,
		.operand_max = 1,
		.summary = "remove an exception",
		.detail =
			"By its number, or by its prefix: then the allow, or with --deny the deny. "
			"The audit trail keeps it.",
		.example = "mxgate exception remove 17 --why \"PTR repaired\"",
		.options = {{"deny", NULL, "remove the deny of this prefix", false},
			    {"why", "TEXT", "for the audit trail", false}},
		.run = exception_remove,
	},
	{
		.name = "reload",
		.operands = "",
		.summary = "read the configuration again",
		.detail = "If it has an error, the error is shown and the running configuration "
			  "stays.",
		.example = "mxgate reload",
		.run = mode_reload,
	},
	{
		.name = "audit",
		.operands = "",
		.summary = "who changed what, newest first",
		.detail = "The append-only trail of every change made by command.",
		.example = "mxgate audit --limit 20",
		.options = {{"limit", "N", "at most N rows, 1 to 1000; else 50", false}},
		.run = audit_run,
	},
	{.name = NULL},
};
