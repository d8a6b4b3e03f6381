/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Files of the state directory that are written anew now and then beside the loop: what
 * goes into one is collected in the loop, a part at a time, and a thread writes each part,
 * so that no verdict waits for a disk. At an orderly end one is written whole. Knows when,
 * and nothing of what: that is with the module whose file it is. Whatever fails is told,
 * and tried again when the next one is due.
 */
#ifndef MXGATE_DAEMON_SAVER_H
#define MXGATE_DAEMON_SAVER_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

struct worker;

struct saver_kind {
	const char *name; /* in the log: event=NAME-not-saved */
	/* Another file. 1; 0: nothing is to be saved now; -errno. is_final: the whole, at the end.
	 */
	int (*begin)(struct worker *worker, bool is_final);
	/* The next part. 1; 0: it is the last; -ECANCELED: it is not wanted any more. */
	int (*collect)(struct worker *worker);
	/* Puts the part on the disk, the last one in place. In a thread: touches the file alone. */
	int (*write)(struct worker *worker);
	/* It is in place (0), or will never be: frees what there is of it, if anything. */
	void (*end)(struct worker *worker, int err, const char *how);
};

struct saver {
	const struct saver_kind *kind;
	struct worker *worker;
	uv_timer_t timer;
	pthread_t writer; /* while is_writing; err and the kind's file are its own then */
	bool is_writing, has_more;
	int err;
};

/* The loop must be there. */
void saver_start(struct saver *saver, const struct saver_kind *kind, struct worker *worker);
/* Before the loop is closed; a file that is half written goes. Fine if it never began. */
void saver_stop(struct saver *saver);
/* All of it at once, while no other of the kind is under way. */
void saver_save(const struct saver_kind *kind, struct worker *worker);

#endif
