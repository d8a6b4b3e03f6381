/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The verdicts outlive a reboot in a file of the state directory: written every now and
 * then (daemon/saver.h), and whole at the end of the last worker. It is read only by the
 * first worker after the tables were made; later they are in their pinned maps.
 *
 * What comes from it is brought under the policy and the exceptions that hold now, and ends
 * when it would have. A refusal comes only from a file of an orderly end, after which nobody
 * could undo it (by an exception, a flush, or the breaker, which all change the tables
 * before), and is looked at again at its first hit. Whatever is wrong with the file, nobody
 * is worse off than a stranger.
 */
#ifndef MXGATE_DAEMON_SNAPSHOT_H
#define MXGATE_DAEMON_SNAPSHOT_H

#include <stdbool.h>

#include "daemon/saver.h"
#include "io/snapfile.h"
#include "io/vmap.h"

struct worker;

struct snapshot {
	struct saver saver;
	struct snapfile *file; /* being written */
	struct vmap_cursor cursor;
	bool is_last;  /* of its parts */
	bool is_stale; /* what is being written has been overtaken by a flush */
	bool is_loaded;
};

/*
 * Into tables that nobody has written to, or nothing; exceptions must be known. 0, also
 * when there is no file that can be used; -errno when the worker cannot go on.
 */
int snapshot_load(struct worker *worker);

/* The loop must be there. */
void snapshot_start(struct worker *worker);
/* Before the loop is closed; a file that is half written goes. */
void snapshot_stop(struct worker *worker);
/* After snapshot_stop(), while there are tables: all of it, if no other worker follows. */
void snapshot_save(struct worker *worker);

/*
 * A flush: not even a pass is to come back. (An exception needs no such thing: it rules over what
 * comes from a file.)
 */
void snapshot_forget(struct worker *worker);

#endif
