/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a configuration needs of the machine: a user, directories and files that it names,
 * what sees connections. A line about what is not there begins with where the
 * configuration asks for it ("FILE:LINE: ..."), and it is the same line whether a start, a
 * reload or a check finds out.
 *
 * Holds nothing. Only needs_directory() and needs_socket() make anything; the interfaces are the
 * slots' matter, since one may come later.
 */
#ifndef MXGATE_DAEMON_NEEDS_H
#define MXGATE_DAEMON_NEEDS_H

#include "core/conf.h"
#include "core/patterns.h"
#include "daemon/spawn.h"
#include "io/established.h"

/* Puts "FILE:LINE: " before the text in why; the key's place, in the file conf_path. */
void needs_place(const char *conf_path, const char *section, const char *name,
		 char why[static CONF_ERRORS_MAX]);

/* Who is to run the worker. 0 or -errno with a line in why. */
int needs_user(const char *conf_path, const struct conf *conf, struct spawn_ids *ret,
	       char why[static CONF_ERRORS_MAX]);

/* Makes the worker's directory, or makes it the worker's. 0 or -errno with a line in why. */
int needs_directory(const char *conf_path, const struct conf *conf, const struct spawn_ids *ids,
		    char why[static CONF_ERRORS_MAX]);

/*
 * The operator's patterns, which the caller frees; NULL where no file is named. 0, or -errno
 * with a line in why; what is wrong in one of those files has that one's place.
 */
int needs_patterns(const char *conf_path, const struct conf *conf, struct patterns **ret,
		   char why[static CONF_ERRORS_MAX]);

/* The line for what io/established.h says. */
void needs_explain_trigger(const char *conf_path, const struct conf *conf,
			   const struct established_why *found, char why[static CONF_ERRORS_MAX]);

/* Makes the control socket, as control_listen(). 0 or -errno with a line in why. */
int needs_socket(const char *conf_path, const struct conf *conf, int *ret_fd,
		 char why[static CONF_ERRORS_MAX]);

/*
 * All of it, as far as it can be known without starting: nothing is loaded, made or changed.
 * object as in keeper_run(). 0, or -ENOENT with a line for each thing in errors; what has no
 * room is left out.
 */
int needs_check(const char *conf_path, const struct conf *conf, const char *object,
		char errors[static CONF_ERRORS_MAX]);

#endif
