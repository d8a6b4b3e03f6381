/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps that hold the verdicts, one for IPv4 and one for IPv6, each in the only slot
 * of a pinned outer map: made in a size that suits what is in them, replaced by one
 * pointer, and offered in larger sizes to a worker whose tables fill. What the gate reads
 * is always one whole table. Needs root; used by the keeper only, who writes no verdict
 * but to copy a table while no worker has it.
 *
 * Sizes are the smallest one times a power of two, and the largest. A table shrinks only
 * here, while nobody writes, when less than an eighth of it is in use: load goes and comes
 * again with the hours, and what it took at its highest is what it will take tomorrow.
 */
#ifndef MXGATE_IO_INNER_H
#define MXGATE_IO_INNER_H

#include <stdbool.h>
#include <stdint.h>

#define INNER_WHY_MAX 512

/* Entries that the table of a family begins with, and may have at most. */
struct inner_size {
	uint32_t least, most;
};

struct inner;

/*
 * The outer maps' fds stay the caller's. is_hash: not lines but the kernel's own hash
 * (core/table_hash.h) belongs into them, whose size is always the largest, so that none larger
 * is ever offered. 0 or -ENOMEM.
 */
int inner_new(int outer4, int outer6, bool is_hash, struct inner **ret);
/* The tables stay in their outer maps. NULL is fine. */
void inner_free(struct inner *inner);

/*
 * Gives both families a table of a size within bounds that has room for the live verdicts
 * that are there. One that is too large, too small, or mostly empty is replaced by one to
 * which they have been copied (those that fit: who does not, is unknown and passes). Both
 * or none: 0, or -errno with one line in why. Takes back all offers; nobody else may write.
 */
int inner_configure(struct inner *inner, const struct inner_size *v4, const struct inner_size *v6,
		    char why[static INNER_WHY_MAX]);

/* Borrowed; until the table is replaced. -1 before inner_configure(). */
int inner_fd(const struct inner *inner, unsigned int family);

/* True if the last inner_configure() found no table of either family: the first since boot. */
bool inner_is_first(const struct inner *inner);

/*
 * A larger and empty table, with the seed of the present one: for wanted entries, in so
 * far as it may be. One that was offered before and has room for them is offered again,
 * emptied: whoever was to fill it has given that up. Any other is larger than all that were
 * offered since the last inner_withdraw(), so all that somebody can hoard is twice the
 * largest. *ret_fd is borrowed until the next offer; *ret_max its entries. 0; -E2BIG when
 * there is none larger; -errno with a line in why.
 */
int inner_offer(struct inner *inner, unsigned int family, uint32_t wanted, int *ret_fd,
		uint32_t *ret_max, char why[static INNER_WHY_MAX]);

/*
 * Puts the table offered last, if it is that of max entries, into the place of the present
 * one; no gate reads that any more when it returns. 0, also when it is there already;
 * -ENOENT; -errno.
 */
int inner_install(struct inner *inner, unsigned int family, uint32_t max);

/* The last inner_offer() has not reached anybody. */
void inner_take_back(struct inner *inner, unsigned int family);

/* Nobody is there any more to whom something was offered. */
void inner_withdraw(struct inner *inner);

#endif
