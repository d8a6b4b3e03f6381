/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One run of the mxgate command: the table of commands, the parsed arguments,
 * and what a command may call. The table (commands.c) feeds dispatch, --help,
 * the man page and the tests of the completion; a command is one row and one
 * function.
 *
 * A command reads its arguments with ctl_option() and ctl->operand, asks the
 * daemon with client_call() (ctl/client.h), prints through ctl->out only, and
 * returns the exit code. It never knows whether it prints text or JSON.
 */
#ifndef MXGATE_CTL_CTL_H
#define MXGATE_CTL_CTL_H

#include <jansson.h>
#include <mxgate/control.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "ctl/out.h"

#define CTL_OPTIONS_MAX  8 /* of one command */
#define CTL_OPERANDS_MAX 4
#define CTL_VALUES_MAX   32 /* options given in one call */

/* sysexits.h, as CONTROL_ERRORS has them; 1 is "no", "not found", "nothing known". */
enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_NO = 1,
	CTL_EXIT_USAGE = 64,
	CTL_EXIT_DATA = 65,
	CTL_EXIT_UNAVAILABLE = 69,
	CTL_EXIT_INTERNAL = 70,
	CTL_EXIT_IO = 74,
	CTL_EXIT_BUSY = 75,
	CTL_EXIT_DENIED = 77,
	CTL_EXIT_CONFIG = 78,
};

struct ctl_option {
	const char *name; /* without the dashes; NULL ends the list */
	const char *arg;  /* what its value is called; NULL: a flag */
	const char *help;
	bool is_repeatable;
};

struct ctl;

struct ctl_command {
	const char *name;     /* "status", "exception add" */
	const char *operands; /* "ADDR", "[PREFIX]", "" */
	uint8_t operand_min;
	uint8_t operand_max;
	bool waits_for_dns;  /* the daemon answers when the DNS has */
	const char *summary; /* one line, for the list of commands */
	const char *detail;  /* sentences, for --help and the man page */
	const char *example; /* complete command lines, one a line */
	struct ctl_option options[CTL_OPTIONS_MAX + 1];
	int (*run)(struct ctl *ctl);
};

/* Ends at a row without name. */
extern const struct ctl_command ctl_commands[];
#define CTL_TEXT_MAX 255 /* bytes of an owner, ticket, reason */

/* --json, --socket, --help, --version. */
extern const struct ctl_option ctl_global_options[];
/* The policy's reasons by name; ends at NULL. */
extern const char *const ctl_reasons[];

struct ctl_value {
	const struct ctl_option *option;
	const char *value; /* "" for a flag */
};

struct ctl {
	const struct ctl_command *command; /* NULL: none given */
	const char *group; /* "exception" when only the first of two words was given */
	const char *operand[CTL_OPERANDS_MAX];
	unsigned int operand_count;
	struct ctl_value value[CTL_VALUES_MAX];
	unsigned int value_count;
	const struct ctl_out *out;
	struct ctl_out_state out_state; /* of out only */
	const char *socket_path;
	int64_t now_sec; /* wall time, read once */
	FILE *to;        /* results */
	FILE *err;       /* errors */
};

/* The whole program on these streams; returns the exit code. */
int ctl_run(int argc, char *const argv[], FILE *to, FILE *err);

/*
 * Reads argv into *ctl, which has to and err set. Options may come anywhere; "--"
 * ends them. 0, or the exit code after one line of complaint on ctl->err.
 */
int args_parse(struct ctl *ctl, int argc, char *const argv[]);

/* The value of an option of this command, "" for a given flag, NULL if not given. */
const char *ctl_option(const struct ctl *ctl, const char *name);
/* The nth value (from 0) of a repeatable option, NULL past the last. */
const char *ctl_option_nth(const struct ctl *ctl, const char *name, unsigned int nth);
bool ctl_has(const struct ctl *ctl, const char *name);

/*
 * Says what is wrong and (hint, may be NULL) what to do about it; returns code, so that
 * a command can end with it.
 */
int ctl_fail(struct ctl *ctl, int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Arguments as people write them, refused with the reason: each returns 0 or the exit
 * code after the complaint. ctl_get_limit leaves *ret alone when --limit is not given.
 */
int ctl_get_addr(struct ctl *ctl, const char *text, struct addr *ret);
int ctl_get_prefix(struct ctl *ctl, const char *text, struct prefix *ret);
int ctl_get_limit(struct ctl *ctl, unsigned int max, json_int_t *ret);
int ctl_get_word(struct ctl *ctl, const char *what, const char *text, const char *const *words);

/* The one of words (ends at NULL) nearest to text, or NULL when none is near. */
const char *args_nearest(const char *text, const char *const *words);

/* Help on ctl->command, ctl->group or everything; the page mxgate.1 from the table. */
void help_print(const struct ctl *ctl, FILE *to);
void help_man(FILE *to);

/* The commands: one file per group. */
int status_run(struct ctl *ctl);
int check_run(struct ctl *ctl);
int rdns_run(struct ctl *ctl);
int why_run(struct ctl *ctl);
int why_recheck(struct ctl *ctl);
int verdicts_run(struct ctl *ctl);
int verdicts_flush(struct ctl *ctl);
int mode_run(struct ctl *ctl);
int mode_reload(struct ctl *ctl);
int exception_add(struct ctl *ctl);
int exception_list(struct ctl *ctl);
int exception_show(struct ctl *ctl);
int exception_remove(struct ctl *ctl);
int audit_run(struct ctl *ctl);

#endif
