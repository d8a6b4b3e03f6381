/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The file "known-good" in the state directory: which sources were found good, and when,
 * so that whoever works next knows them; and of those that have turned bad since, for how
 * long they have been so, which is how much of the patience with them is used up. It holds
 * nothing else that speaks against anybody, and nobody who was not good.
 *
 * Written whole under another name and then put in place, so that there is always one
 * that is complete; a damaged one gives what stands before the damage. 28 bytes a source.
 * Within one boot its moments are those of the monotonic clock; over a reboot the wall
 * clocks of both ends say how much time has gone, and one that went back says none. That
 * time counts against what was good, and not as one in which anybody was bad.
 */
#ifndef MXGATE_IO_GOODFILE_H
#define MXGATE_IO_GOODFILE_H

#include <stdbool.h>
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

/*
 * Another one: goodfile_collect() takes a part out of the history, goodfile_write() writes
 * that part, in turns until the last. Only the latter touches the disk, and nothing but the
 * file, so it may run in another thread, while nobody else has the file.
 */
struct goodfile;

/* 0 and *ret, or -ENOMEM. */
int goodfile_new(const char *dir, const struct goodfile_moment *now, struct goodfile **ret);
/* If it is not in place, it goes, and the older one stays. NULL is fine. */
void goodfile_free(struct goodfile *file);
/* Some thousand places of history. False: that was the last part. */
bool goodfile_collect(struct goodfile *file, const struct history *history, uint32_t now_sec);
/*
 * With the last part it is made durable and put in place. 0, or -errno: free it, the older
 * one is still there.
 */
int goodfile_write(struct goodfile *file);
/* The sources collected. */
uint32_t goodfile_count(const struct goodfile *file);

#endif
