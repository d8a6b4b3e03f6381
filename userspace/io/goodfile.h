/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The file "known-good" in the state directory: which sources were found good, and when,
 * so that whoever works next knows them. It holds nothing that speaks against anybody.
 *
 * Written whole under another name and then put in place, so that there is always one
 * that is complete; a damaged one gives what stands before the damage. 24 bytes a source.
 * Within one boot its moments are those of the monotonic clock; over a reboot the wall
 * clocks of both ends say how much time has gone, and one that went back says none.
 */
#ifndef MXGATE_IO_GOODFILE_H
#define MXGATE_IO_GOODFILE_H

#include <stdint.h>

#include "base/clock.h"
#include "core/history.h"

struct goodfile_moment {
	uint32_t now_sec; /* as history counts; above HISTORY_GOOD_SEC */
	int64_t wall_sec;
	char boot[CLOCK_BOOT_MAX]; /* clock_boot() */
};

/*
 * Puts what the file of directory dir knows into history, with its times as of now. Sets
 * *ret_count to how many. 0, -ENOENT (there is none), -EBADMSG (damaged, or of another
 * release: *ret_count are in), -errno.
 */
int goodfile_read(const char *dir, const struct goodfile_moment *now, struct history *history,
		  uint32_t *ret_count);

struct goodfile;

/* Begins another one. 0 and *ret, which goodfile_end() or goodfile_drop() frees; -errno. */
int goodfile_begin(const char *dir, const struct goodfile_moment *now, struct goodfile **ret);
/* Writes some of it: a few thousand places of history. 1, 0 when that was the last, -errno. */
int goodfile_step(struct goodfile *file, const struct history *history, uint32_t now_sec);
/*
 * Makes it durable and puts it in place; *ret_count sources. Soon after the last step it
 * waits for the disk. 0 or -errno: the older one is still there. file is gone either way.
 */
int goodfile_end(struct goodfile *file, uint32_t *ret_count);
/* The older one stays. NULL is fine. */
void goodfile_drop(struct goodfile *file);

#endif
