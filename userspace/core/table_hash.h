/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A verdict table in the kernel's own HASH, for kernels of which one-line tables (core/table.h)
 * ask too much. To who uses it much the same; but each step is a system call, an entry takes
 * some 100 bytes, and it has its size from the start, of which the buckets alone are taken then.
 */
#ifndef MXGATE_CORE_TABLE_HASH_H
#define MXGATE_CORE_TABLE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/table.h"

struct table_hash {
	unsigned int family; /* 4 or 6 */
	int fd;              /* its own; -1: not open */
	uint32_t count, max;
	uint64_t refused; /* new entries that found no place */
	uint8_t *keys;    /* room for a piece of a walk */
	struct mxg_verdict *values;
};

/* A map for so many, in *ret_fd. 0 or -errno. */
int table_hash_make(unsigned int family, uint32_t max, int *ret_fd);

/* What fd has room for; 0: it is no map of that family as table_hash_make() makes it. */
uint32_t table_hash_max(unsigned int family, int fd);

/* What lives on at now_ns, in so far as it finds a place, from the one map to the other. 0, -errno.
 */
int table_hash_copy(unsigned int family, int from, int to, uint64_t now_ns);

/* Counts what is there. fd stays the caller's. 0; -EINVAL: it is no such map; -errno. */
int table_hash_open(struct table_hash *hash, unsigned int family, int fd);
/* One of fd -1, or of zeroes, is fine. */
void table_hash_close(struct table_hash *hash);

/*
 * As table_get() and so on. put: -E2BIG also where some have expired, until they are deleted, and
 * where the kernel has no memory; an older verdict, which cannot be replaced then, is gone. An
 * expiry is kept as it is.
 */
int table_hash_get(const struct table_hash *hash, const struct addr *addr, struct mxg_verdict *ret);
int table_hash_put(struct table_hash *hash, const struct addr *addr,
		   const struct mxg_verdict *verdict, uint64_t now_ns);
int table_hash_del(struct table_hash *hash, const struct addr *addr);
void table_hash_forget_hits(struct table_hash *hash, enum mxg_action action);

/*
 * The entries from *at on (begin with 0), at most max of them (and 4096); their number, 0 at the
 * end. What is put meanwhile may be missed, what is deleted may be seen.
 */
int table_hash_next(const struct table_hash *hash, uint32_t *at, struct table_entry *entries,
		    int max);

/* What it takes, as the kernel counts it (before 6.4, at its fullest), in bytes; 0: not known. */
uint64_t table_hash_bytes(const struct table_hash *hash);

#endif
