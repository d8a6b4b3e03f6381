/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tells when network interfaces of this namespace appear, vanish, are renamed or
 * change their XDP program, as rtnetlink reports it. Says only that something
 * changed: what is there now is the caller's to look up, so that a lost message
 * (netlink may drop them under load) costs nothing but time.
 */
#ifndef MXGATE_IO_LINKS_H
#define MXGATE_IO_LINKS_H

#include <uv.h>

struct links;

/* on_change is called from the loop, once for a burst of messages. 0 or -errno. */
int links_new(uv_loop_t *loop, void (*on_change)(void *user), void *user, struct links **ret);

/* The loop must run once more to finish closing. NULL is fine. */
void links_free(struct links *links);

#endif
