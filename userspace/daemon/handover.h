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
#include <stdint.h>

struct worker;

struct handover {
	bool is_there; /* something is written down */
	bool is_loaded, has_changed, has_failed;
	uint32_t again_sec; /* when a write that failed is tried again: each may take a second */
};

/* Into the breaker; store and breaker must be there. */
void handover_load(struct worker *worker);
/* The breaker has opened or closed. */
void handover_on_change(struct worker *worker);
/* Every second. */
void handover_tick(struct worker *worker);
/* At the end, while there are breaker and store. */
void handover_save(struct worker *worker);

/* The first line of what is handed over, and says when. Its length, or what follows it. */
#define HANDOVER_HEAD_MAX 64
int handover_write_head(uint32_t now_sec, char buf[static HANDOVER_HEAD_MAX]);
/*
 * *ret_shift is what is to be added to moments that stand in it: 0 in this boot; of another it
 * was written a moment ago. NULL: it cannot be read. Writes into text.
 */
char *handover_read_head(char *text, uint32_t now_sec, int64_t *ret_shift);

#endif
