/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The last entries about addresses, in a fixed piece of memory: the newest about an
 * address is found at once, the oldest make way for new ones. It is also the queue
 * of what is still to be written somewhere: in order, each entry is handed out once,
 * and one that makes way before its turn is handed to on_lost.
 *
 * Pure: it writes nothing itself, and knows nothing of what the bytes mean.
 */
#ifndef MXGATE_CORE_RECENT_H
#define MXGATE_CORE_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct recent_entry {
	struct addr addr;
	bool must_keep; /* for the caller */
	int64_t decided_sec;
	int64_t expires_sec;
	const void *data;
	size_t len;
};

struct recent;

/* Makes way unwritten; valid during the call, which must not touch the recent. */
typedef void (*recent_lost_fn)(const struct recent_entry *entry, void *user);

/* All its memory is taken here: size bytes, rounded up to a power of two. NULL: none left. */
struct recent *recent_new(size_t size, recent_lost_fn on_lost, void *user);
void recent_free(struct recent *recent); /* loses nothing to on_lost; NULL is fine */

/* Copies the entry. 0, or -E2BIG for one of more than a quarter of the size. */
int recent_put(struct recent *recent, const struct recent_entry *entry);

/* The newest about addr, valid until the next put. 0 or -ENOENT. */
int recent_get(const struct recent *recent, const struct addr *addr, struct recent_entry *ret);

/* The oldest that has not been handed out, valid until the next put; false: none. */
bool recent_next(struct recent *recent, struct recent_entry *ret);
/* It has been handed out: it may be found as long as it has its place, and is not lost. */
void recent_take(struct recent *recent);

/* Entries not handed out. */
uint32_t recent_pending(const struct recent *recent);

#endif
