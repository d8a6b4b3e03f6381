/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where DNS is in trouble, or was lately, outlives the worker in a setting of the store:
 * the next one would count what is found bad there from the first look on. Written within a
 * second of each change, and at the end.
 *
 * A trouble that went on when it was written down is over when it is read, and nothing
 * counts for as long after that as after any other; the new breaker opens by itself if it
 * still goes on. What is of another boot is taken to have been written a moment ago, what
 * cannot be read to have been a trouble everywhere: nobody is refused sooner for it.
 */
#ifndef MXGATE_DAEMON_HANDOVER_H
#define MXGATE_DAEMON_HANDOVER_H

#include <stdbool.h>

struct worker;

struct handover {
	bool is_there; /* something is written down */
	bool is_loaded, has_changed, has_failed;
};

/* Into the breaker; store and breaker must be there. */
void handover_load(struct worker *worker);
/* The breaker has opened or closed. */
void handover_on_change(struct worker *worker);
/* Every second. */
void handover_tick(struct worker *worker);
/* At the end, while there are breaker and store. */
void handover_save(struct worker *worker);

#endif
