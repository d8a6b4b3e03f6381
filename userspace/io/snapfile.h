/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The file "verdicts" in the state directory: the verdicts of a moment, for the tables of
 * the next boot. Written whole under another name, made durable, then put in place: there
 * is always one that is complete, or none. 16 bytes an IPv4 and 28 an IPv6 verdict, in the
 * order of the tables, whose seeds stand beside them (so it is nobody else's to read).
 *
 * It is believed whole or not at all: a checksum over each block and the end, and no
 * verdict is given out before all have been looked at. A verdict ends no later than it
 * would have: within one boot the clock is the monotonic one, or the wall clock when that
 * has gone further; over a reboot the wall clocks of both ends, or the time since the boot
 * if that is more, and when the wall clock has gone back the file is of no use.
 */
#ifndef MXGATE_IO_SNAPFILE_H
#define MXGATE_IO_SNAPFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "core/table.h"

#define SNAPFILE_STEP      4096 /* verdicts */
#define SNAPFILE_RULES_MAX 32

struct snapfile_moment {
	uint64_t mono_ns;
	int64_t wall_sec;
	char boot[CLOCK_BOOT_MAX]; /* clock_boot() */
};

/* What stands at its head. */
struct snapfile_about {
	uint64_t seed4, seed6;
	uint32_t count4, count6; /* about so many; the reader is given the true numbers */
	uint32_t is_final;       /* written at an orderly end: nothing was learned after it */
	uint32_t zero;
	char rules[SNAPFILE_RULES_MAX]; /* by which names were judged */
};

/* --- reading ------------------------------------------------------------------ */

struct snapfile_in;

/*
 * Looks through the file of directory dir. 0 and *ret, *ret_about; -ENOENT: there is none;
 * -EPROTO: of another release; -EBADMSG: damaged; -ESTALE: too old, or the clock has gone
 * back; -errno.
 */
int snapfile_open(const char *dir, const struct snapfile_moment *now, struct snapfile_in **ret,
		  struct snapfile_about *ret_about);
/* The same of a file that is open, which it takes in any case: snapfile_close() closes it. */
int snapfile_open_stream(FILE *file, const struct snapfile_moment *now, struct snapfile_in **ret,
			 struct snapfile_about *ret_about);
/* The next at most SNAPFILE_STEP verdicts that have not ended by now; 0 at the end; -errno. */
int snapfile_next(struct snapfile_in *in, struct table_entry *entries);
/* NULL is fine. */
void snapfile_close(struct snapfile_in *in);

/* --- writing ------------------------------------------------------------------ */

/*
 * snapfile_add() takes a step of verdicts, at most SNAPFILE_STEPS times before each
 * snapfile_write(), which alone touches the disk and nothing but the file: it may run in
 * another thread, while nobody else has the file.
 */
#define SNAPFILE_STEPS 4

struct snapfile;

/* 0 and *ret, or -ENOMEM. */
int snapfile_new(const char *dir, const struct snapfile_moment *now,
		 const struct snapfile_about *about, struct snapfile **ret);
/* If it is not in place, it goes, and the older one stays. NULL is fine. */
void snapfile_free(struct snapfile *file);
/* Of one family or of both; those that have ended when the file was begun are left out. */
void snapfile_add(struct snapfile *file, const struct table_entry *entries, int count);
/* is_last: make it durable and put it in place. 0, or -errno: free it. */
int snapfile_write(struct snapfile *file, bool is_last);
/* The verdicts added. */
uint32_t snapfile_count(const struct snapfile *file);

/* Takes the file away, for good. 0, also if there was none; -errno. */
int snapfile_remove(const char *dir);

#endif
