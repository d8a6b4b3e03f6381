// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * --help and the page mxgate.1, from the table of commands, the counters and the
 * error codes. Says nothing that a table does not say, except how they belong
 * together.
 */
#include <mxgate/abi.h>
#include <string.h>

#include "ctl/ctl.h"

#define WIDTH 78

/* Breaks text at spaces, each line after indent. */
static void wrap(FILE *to, unsigned int indent, const char *text)
{
	size_t column = 0;

	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > WIDTH) {
			fputc('\n', to);
			column = 0;
		}
		if (column)
			column += (size_t)fprintf(to, " ");
		else
			column = (size_t)fprintf(to, "%*s", (int)indent, "");
		column += (size_t)fprintf(to, "%.*s", (int)len, text);
		text += len;
	}
	fputc('\n', to);
}

/* Each line of text after the indent. */
static void lines(FILE *to, const char *indent, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(to, "%s%.*s\n", indent, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void options(FILE *to, const struct ctl_option *option)
{
	for (; option->name; option++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s%s%s%s", option->name, option->arg ? " " : "",
			 option->arg ? option->arg : "", option->is_repeatable ? " ..." : "");
		fprintf(to, "  %-20s %s\n", left, option->help);
	}
}

static bool is_in_group(const struct ctl_command *command, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	return !group || (strncmp(command->name, group, len) == 0 && command->name[len] == ' ');
}

static void help_command(const struct ctl_command *command, FILE *to)
{
	fprintf(to, "usage: mxgate %s%s%s%s\n\n", command->name, *command->operands ? " " : "",
		command->operands, command->options[0].name ? " [OPTION]..." : "");
	wrap(to, 0, command->detail);
	if (command->options[0].name) {
		fputs("\noptions:\n", to);
		options(to, command->options);
	}
	fputs("\nalways:\n", to);
	options(to, ctl_global_options);
	fputs("\nexample:\n", to);
	lines(to, "  ", command->example);
}

void help_print(const struct ctl *ctl, FILE *to)
{
	if (ctl->command) {
		help_command(ctl->command, to);
		return;
	}
	fprintf(to, "usage: mxgate %s%sCOMMAND [ARGUMENT]... [OPTION]...\n\ncommands:\n",
		ctl->group ? ctl->group : "", ctl->group ? " " : "");
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		if (is_in_group(c, ctl->group))
			fprintf(to, "  %-20s %s\n", c->name, c->summary);
	fputs("\noptions:\n", to);
	options(to, ctl_global_options);
	fputs("\nexample:\n", to);
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		if (ctl->group ? is_in_group(c, ctl->group) : c->run == why_run)
			lines(to, "  ", c->example);
	fprintf(to, "\nmxgate %s%sCOMMAND --help shows more, with an example.\n",
		ctl->group ? ctl->group : "", ctl->group ? " " : "");
}

/* --- mxgate.1 ----------------------------------------------------------------- */

/* Text for roff: a backslash doubled, a hyphen that stays one, no line that is a request. */
static void roff(FILE *to, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", to);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", to);
		else if (*text == '-')
			fputs("\\-", to);
		else
			fputc(*text, to);
	}
}

static void man_term(FILE *to, const char *term, const char *rest, const char *text)
{
	fputs(".TP\n.B ", to);
	roff(to, term);
	if (*rest) {
		fputs(" \\fI", to);
		roff(to, rest);
		fputs("\\fR", to);
	}
	fputc('\n', to);
	roff(to, text);
	fputc('\n', to);
}

static void man_options(FILE *to, const struct ctl_option *option)
{
	char term[40];

	for (; option->name; option++) {
		snprintf(term, sizeof(term), "--%s", option->name);
		man_term(to, term, option->arg ? option->arg : "", option->help);
	}
}

static void man_command(FILE *to, const struct ctl_command *command)
{
	const char *line = command->example;

	fputs(".SS mxgate ", to);
	roff(to, command->name);
	fputc(' ', to);
	roff(to, command->operands);
	fputc('\n', to);
	roff(to, command->detail);
	fputc('\n', to);
	man_options(to, command->options);
	fputs(".PP\nExample:\n.PP\n.nf\n.RS 4\n", to);
	while (*line) {
		char one[256];
		size_t len = strcspn(line, "\n");

		snprintf(one, sizeof(one), "%.*s", (int)len, line);
		roff(to, one);
		fputc('\n', to);
		line += len + (line[len] == '\n');
	}
	fputs(".RE\n.fi\n", to);
}

static const char *const error_texts[] = {
	[CONTROL_ERR_USAGE] = "the command line is wrong",
	[CONTROL_ERR_DATA] = "an argument is wrong",
	[CONTROL_ERR_NOT_FOUND] = "there is no such thing, or nothing is known about it",
	[CONTROL_ERR_EXISTS] = "it is there already",
	[CONTROL_ERR_UNAVAILABLE] = "the daemon cannot be reached, or is not able to do it",
	[CONTROL_ERR_INTERNAL] = "an error of the program",
	[CONTROL_ERR_IO] = "the state or the result could not be written",
	[CONTROL_ERR_BUSY] = "try again: too busy, or DNS gave no certain answer",
	[CONTROL_ERR_DENIED] = "not permitted; the message names the group to join",
	[CONTROL_ERR_CONFIG] = "the configuration is wrong",
};

static void man_tables(FILE *to)
{
	char code[8];

	fputs(".SH COUNTERS\nThe counters that \\fBmxgate status\\fR shows:\n", to);
#define X(sym, kind, name, help) man_term(to, name, "", help);
	MXG_COUNTERS(X)
#undef X
	fputs(".SH EXIT STATUS\n", to);
	man_term(to, "0", "", "it was done");
#define X(sym, name, number)                                                                       \
	snprintf(code, sizeof(code), "%d", number);                                                \
	man_term(to, code, name, error_texts[CONTROL_ERR_##sym]);
	CONTROL_ERRORS(X)
#undef X
}

void help_man(FILE *to)
{
	fprintf(to, ".TH MXGATE 1 \"\" \"mxgate %s\" \"User Commands\"\n", MXG_VERSION);
	fputs(".SH NAME\nmxgate \\- show and steer the connection gate in front of mail "
	      "servers\n.SH SYNOPSIS\n",
	      to);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		fputs(".B mxgate ", to);
		roff(to, c->name);
		fputs(*c->operands ? " \\fI" : "\\fI", to);
		roff(to, c->operands);
		fputs(c->options[0].name ? "\\fR [\\fIoption\\fR]...\n.br\n" : "\\fR\n.br\n", to);
	}
	fputs(".SH DESCRIPTION\nmxgate talks to\n.BR mxgated (8)\nover its control socket. "
	      "Reading needs membership of the control group, changing needs root or the admin "
	      "group. Options may stand anywhere; \\-\\- ends them.\n.SH OPTIONS\n",
	      to);
	man_options(to, ctl_global_options);
	fputs(".SH COMMANDS\n", to);
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		man_command(to, c);
	man_tables(to);
	fputs(".SH ENVIRONMENT\n.TP\n.B MXGATE_SOCKET\nThe control socket, where \\-\\-socket is "
	      "not given.\n.SH FILES\n.TP\n.I " CONTROL_DEFAULT_PATH "\nThe control socket.\n"
	      ".SH SEE ALSO\n.BR mxgated (8),\n.BR mxgate.conf (5)\n",
	      to);
}
