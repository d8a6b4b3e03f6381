/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The worker's side of a one-line verdict table (mxgate/table.h): the only writer of
 * its memory, which the gate reads at the same time. Each change is a sequence of
 * aligned stores in which every prefix is a table that tells no lie: between two of
 * them an entry is there or missing, never another's.
 *
 * The memory is the caller's. What is in it is believed only as far as it makes sense:
 * a writer that was killed in the middle leaves nothing behind that table_init() does
 * not mend, and nobody who changes its head meanwhile leads us out of it.
 */
#ifndef MXGATE_CORE_TABLE_H
#define MXGATE_CORE_TABLE_H

#include <mxgate/abi.h>
#include <mxgate/table.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct table {
	unsigned int family; /* 4 or 6 */
	uint8_t *memory;
	struct mxg_table head;          /* as it was found sound: the memory's may change */
	uint32_t count;                 /* entries, expired ones too */
	uint32_t led[MXG_LINES_PROBED]; /* of them: so many lines from home */
	uint64_t refused;               /* new entries that found no place */
	struct table *heir;             /* while it grows: what takes its place */
	uint32_t readied, handing; /* lines of the heir that are ready; lines to be handed on */
};

struct table_entry {
	struct addr addr;
	struct mxg_verdict verdict;
};

/* Size of one element of the map, and their number for max entries (85 % full then; of IPv6 80). */
size_t table_element_size(unsigned int family);
uint32_t table_elements(unsigned int family, uint32_t max);

/*
 * Makes zeroed memory of that many elements an empty table. seed: random. base_ns must not
 * lie ahead of the gate's clock, which is a little behind: all would have expired to it.
 */
void table_format(unsigned int family, void *memory, uint32_t max, uint64_t base_ns, uint64_t seed);

/*
 * Takes a formatted table into use: counts what is there and mends what an earlier
 * writer left half done. 0; -EINVAL when memory of so many elements holds no table of
 * this family; -ENOMEM.
 */
int table_init(struct table *table, unsigned int family, void *memory, uint32_t elements);

/* The same for who looks only, beside the writer: nothing is counted or mended. 0 or -EINVAL. */
int table_watch(struct table *table, unsigned int family, void *memory, uint32_t elements);

/* 0, or -ENOENT. An expired entry is given as it is. */
int table_get(const struct table *table, const struct addr *addr, struct mxg_verdict *ret);

/* The hits of every verdict with this action are counted anew. */
void table_forget_hits(struct table *table, enum mxg_action action);

/*
 * Sets the verdict. Its hits are added to those that an older one of the address has.
 * An expiry further away than the table can count (7 to 13 days) is brought nearer; a
 * refresh time is rounded up to a unit. 0; -E2BIG when there is no place, and no entry
 * that has expired by now_ns can make one; -EINVAL for a verdict without a reason, or
 * with an action or a reason that the table cannot hold.
 */
int table_put(struct table *table, const struct addr *addr, const struct mxg_verdict *verdict,
	      uint64_t now_ns);

/*
 * table_put() for each of count entries; how many found a place. Faster for many: their lines
 * are fetched ahead.
 */
int table_put_many(struct table *table, const struct table_entry *entries, int count,
		   uint64_t now_ns);

/* 0 or -ENOENT. */
int table_del(struct table *table, const struct addr *addr);

/*
 * The entries of the next lines from *line on (begin with 0), at most max of them (not
 * below MXG_LINE4_SLOTS); their number, 0 at the end. They are counted from the end of
 * the table: who deletes meanwhile may be given an entry twice, and misses none. What is
 * put may be missed, and in a full table one that makes way for it.
 */
int table_next(const struct table *table, uint32_t *line, struct table_entry *entries, int max);

/*
 * Marks the entries whose refresh time has come, so that their next hit asks for a lookup.
 * Only where there are such it looks at each: to be called some times a second.
 */
void table_mark_due(struct table *table, uint64_t now_ns);

/* Lines in all, and when times began to count. */
uint32_t table_lines(const struct table *table);
uint32_t table_max(const struct table *table);
uint64_t table_base_ns(const struct table *table);

/*
 * Growth: the entries go over to an heir, an empty table that nobody reads yet and that
 * has room for all, a part with each step (some hundred of them); what has expired stays.
 * Meanwhile table_put() and table_del() change both, and table_rebase() must wait. When
 * step says false, the heir knows each address as the table does, and goes on doing so
 * until the end: so who reads may be led from one to the other at any moment between.
 * Hits that are counted after an entry has gone over are lost.
 *
 * With the table's own seed (table_seed()) an heir is filled from one end to the other.
 */
void table_grow_begin(struct table *table, struct table *heir);
bool table_grow_step(struct table *table, uint64_t now_ns);
/* The two are apart again; either may be the one that stays. Nothing if there is no heir. */
void table_grow_end(struct table *table);
uint64_t table_seed(const struct table *table);
/* Gives an empty table another seed. Of one that is not empty nothing changes. */
void table_reseed(struct table *table, uint64_t seed);

/*
 * Counts times from now_ns on (as of base_ns above). Until it returns, the gate takes every entry
 * for an expired one; those that have expired are taken out.
 */
void table_rebase(struct table *table, uint64_t now_ns);

#endif
