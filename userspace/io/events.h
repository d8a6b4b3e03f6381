/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads the gate's ring buffer on a libuv loop. Skips records of another ABI or
 * of an impossible shape; decides nothing.
 */
#ifndef MXGATE_IO_EVENTS_H
#define MXGATE_IO_EVENTS_H

#include <mxgate/abi.h>
#include <uv.h>

#include "base/addr.h"

struct events;

typedef void (*events_fn)(enum mxg_event_kind kind, const struct addr *addr, void *user);

/* map_fd stays the caller's. 0 or -errno. */
int events_new(uv_loop_t *loop, int map_fd, events_fn on_event, void *user, struct events **ret);

/* The loop must run once more to finish closing. NULL is fine. */
void events_free(struct events *events);

#endif
