/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The gate's tables as the worker sees them: verdicts, exception prefixes,
 * configuration, lease, counters. The only writer of these maps in the system,
 * and the only place that knows how verdicts lie in them. Works on inherited
 * file descriptors, without any capability (before Linux 5.19 with one: daemon/spawn.h).
 */
#ifndef MXGATE_IO_VMAP_H
#define MXGATE_IO_VMAP_H

#include <mxgate/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/table.h"

struct vmap_fds {
	int config, lease, counters, prefix4, prefix6, rollup, say, secret;
	int verdict4, verdict6;
};

struct vmap;

/*
 * The fds stay the caller's. Counts what is there. 0; -EINVAL when a table is not one;
 * -errno.
 */
int vmap_new(const struct vmap_fds *fds, struct vmap **ret);
void vmap_free(struct vmap *vmap);

/*
 * Whether the verdicts lie in the kernel's own hash, for want of lines (core/table_hash.h): then
 * what is below makes system calls, an entry that has expired makes no room before it is deleted,
 * and nothing grows.
 */
bool vmap_is_hash(const struct vmap *vmap);

/* As table_get(), table_put(), ...: no system call, no wait. */
int vmap_get(const struct vmap *vmap, const struct addr *addr, struct mxg_verdict *ret);
int vmap_put(struct vmap *vmap, const struct addr *addr, const struct mxg_verdict *verdict,
	     uint64_t now_ns);
int vmap_put_many(struct vmap *vmap, const struct table_entry *entries, int count, uint64_t now_ns);
int vmap_del(struct vmap *vmap, const struct addr *addr);

struct vmap_figures {
	uint32_t count, max;            /* entries now (expired ones too) and at most */
	uint64_t bytes;                 /* what the table takes */
	uint64_t refused;               /* entries that found no place since the start */
	uint32_t led[MXG_LINES_PROBED]; /* entries that lie so many lines from home; of a hash: 0 */
};
void vmap_figures(const struct vmap *vmap, unsigned int family, struct vmap_figures *ret);

/* Two of them by themselves, of family 4 or 6. */
uint32_t vmap_count(const struct vmap *vmap, unsigned int family);
uint32_t vmap_max(const struct vmap *vmap, unsigned int family);

/*
 * Walks all verdicts, IPv4 first, in pieces. Start with a zeroed cursor; each
 * call fills entries (VMAP_STEP long) and gives their number, 0 at the end.
 * Entries put or deleted meanwhile may be seen or missed, never torn.
 */
#define VMAP_STEP 4096
struct vmap_cursor {
	unsigned int family; /* 0: not begun */
	uint32_t line;
};
int vmap_next(const struct vmap *vmap, struct vmap_cursor *cursor, struct table_entry *entries);

/* As table_mark_due(), for both tables, which count time anew when that is due. */
void vmap_mark_due(struct vmap *vmap, uint64_t now_ns);

/*
 * Growth, as core/table.h has it, into the memory of a larger table (which stays open in
 * that memory: fd may be closed). What is put or deleted meanwhile is so in both. begin:
 * 0, -EINVAL, -errno (the table stays as it is). step: a part; false when all is over
 * there. Then the gate is led to the other by whoever may, and done takes it for the
 * table; stop leaves the old one, at any time. A walk goes on in the larger table: it may
 * be given entries twice and misses none.
 */
bool vmap_is_filling(const struct vmap *vmap, unsigned int family); /* it is time */
int vmap_grow_begin(struct vmap *vmap, unsigned int family, int fd);
bool vmap_grow_step(struct vmap *vmap, unsigned int family, uint64_t now_ns);
void vmap_grow_done(struct vmap *vmap, unsigned int family);
void vmap_grow_stop(struct vmap *vmap, unsigned int family);

/* As table_forget_hits(), in both tables. */
void vmap_forget_hits(struct vmap *vmap, enum mxg_action action);
/* The secret by which a table's entries lie where they do; set only while it is empty. */
uint64_t vmap_seed(const struct vmap *vmap, unsigned int family);
void vmap_reseed(struct vmap *vmap, unsigned int family, uint64_t seed);

/* Deletes every verdict inside prefix (NULL: all). Their number, or -ENOMEM. */
int vmap_flush(struct vmap *vmap, const struct prefix *prefix);

/*
 * Exceptions. get gives the longest prefix that covers the one asked for: compare
 * its id. -ENOENT and -ENOSPC (table full) are passed on.
 */
int vmap_prefix_get(const struct vmap *vmap, const struct prefix *prefix, struct mxg_prefix *ret);
int vmap_prefix_put(struct vmap *vmap, const struct prefix *prefix, const struct mxg_prefix *value);
int vmap_prefix_del(struct vmap *vmap, const struct prefix *prefix);
/*
 * The prefix after *prefix in the table of its family (bits 0: the first; one that
 * is not there: wherever the kernel goes on). 0, -ENOENT at the end, -errno.
 */
int vmap_prefix_next(const struct vmap *vmap, const struct prefix *prefix, struct prefix *ret);

/*
 * IPv6 /64s that are rolled up; of net only its first 64 bits count. 0; -ENOENT; -E2BIG (no
 * room), -errno. put keeps the hits that there are, clear leaves no entry.
 */
int vmap_rollup_get(const struct vmap *vmap, const struct prefix *net, struct mxg_rollup *ret);
int vmap_rollup_put(struct vmap *vmap, const struct prefix *net, uint64_t expires_ns);
int vmap_rollup_del(struct vmap *vmap, const struct prefix *net);
int vmap_rollup_clear(struct vmap *vmap);

int vmap_config_put(struct vmap *vmap, const struct mxg_config *config);
/* What is said in slot, MXG_SAY_* or an enum mxg_reason. */
int vmap_say_put(struct vmap *vmap, uint32_t slot, const struct mxg_say *say);
/* The cookies' secrets, of slot 0 or 1. */
int vmap_secret_put(struct vmap *vmap, uint32_t slot, const struct mxg_secret *secret);
int vmap_secret_get(const struct vmap *vmap, uint32_t slot, struct mxg_secret *ret);
/* CLOCK_MONOTONIC ns until which the gate believes its tables. */
int vmap_lease_put(struct vmap *vmap, uint64_t until_ns);
int vmap_lease_get(const struct vmap *vmap, uint64_t *ret_until_ns);

/* The sum over all CPUs. 0 or -errno. */
int vmap_counters_get(const struct vmap *vmap, uint64_t ret[MXG_CTR_MAX]);

#endif
