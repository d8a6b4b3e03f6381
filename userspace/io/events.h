/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads the gate's ring buffer on a libuv loop. Skips records of another ABI or
 * of an impossible shape; decides nothing.
 */
#ifndef MXGATE_IO_EVENTS_H
#define MXGATE_IO_EVENTS_H

#include <mxgate/abi.h>
#include <stdbool.h>
#include <uv.h>

#include "base/addr.h"

struct events;

/*
 * sent_ns: CLOCK_MONOTONIC. False: no more for now, the next ones wait in the ring
 * (whose overflow the gate counts) until events_resume().
 */
typedef bool (*events_fn)(enum mxg_event_kind kind, const struct addr *addr, uint64_t sent_ns,
			  void *user);

/* map_fd stays the caller's. 0 or -errno. */
int events_new(uv_loop_t *loop, int map_fd, events_fn on_event, void *user, struct events **ret);

/* Goes on after on_event has said no; else does nothing. */
void events_resume(struct events *events);

/* The loop must run once more to finish closing. NULL is fine. */
void events_free(struct events *events);

#endif
