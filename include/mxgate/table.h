/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one-line verdict table: how verdicts lie in an array map that the gate reads and
 * the worker writes through mmap(), without a lock and without a system call.
 *
 *   element 0          struct mxg_table
 *   elements 1 ..      lines; MXG_LINES_PROBED - 1 more than an address can be at home
 *                      in, so that no way from home leaves the table
 *   the rest           the worker's notes on each entry, which the gate never reads
 *
 * An address has one home line. When that is full its entry goes into the next with
 * room, at most MXG_LINES_PROBED - 1 further, and each line that it was led past counts
 * it in beyond. So a look ends in the first line that nobody was led past: for nine of
 * ten addresses of a table that is 85 % full, the first.
 *
 * Of IPv4 the whole entry, address and verdict, is one aligned 64-bit word, which
 * nobody sees half written. Of IPv6 the address stands beside the word; the word goes
 * first and comes last, with a number that each use of a slot raises: who reads the
 * word, the address, and the same word again has read one entry.
 *
 * Times are counted from base_ns in units of 2^MXG_UNIT_SHIFT ns (67 ms), cut off: an
 * entry ends that much too early at most, never late, and everything has ended when
 * the count would wrap, 13 days after base_ns.
 */
#ifndef MXGATE_TABLE_H
#define MXGATE_TABLE_H

#include <linux/types.h>

#define MXG_LINE4_SLOTS  7
#define MXG_LINE6_SLOTS  5
#define MXG_LINES_PROBED 8
#define MXG_NOTES6_LINES 6   /* whose notes share an element */
#define MXG_BEYOND_MAX   255 /* a count that has come so far stays there */

#define MXG_UNIT_SHIFT 26
#define MXG_UNITS_MAX  ((1U << 24) - 1)

/* The verdict as the gate reads it, in 32 bits; 0 is none. */
#define MXG_STATE_ACTION       0x3U /* enum mxg_action */
#define MXG_STATE_REASON_SHIFT 2
#define MXG_STATE_REASON       0x1fU
#define MXG_STATE_REFRESH      0x80U /* a hit asks for a new lookup */
#define MXG_STATE_UNITS_SHIFT  8     /* its expiry */

/*
 * hits, in a byte: the number itself below MXG_HITS_EXACT. Above, three bits count
 * eighths of the way to the next power of two and four the powers, and the gate adds
 * one by chance, as rarely as it then stands for many: right to about a quarter.
 */
#define MXG_HITS_EXACT 128U
#define MXG_HITS_MAX   255U

struct mxg_table {
	__u64 base_ns; /* CLOCK_MONOTONIC */
	__u64 seed;    /* secret: who knows it can choose addresses that share a home */
	__u32 lines;   /* that can be a home */
	__u32 max;     /* entries */
};

struct mxg_line4 {
	__u8 beyond;
	__u8 hits[MXG_LINE4_SLOTS];
	__u64 word[MXG_LINE4_SLOTS]; /* address as it lies in memory << 32 | state; 0: free */
};

struct mxg_slot6 {
	__u64 key[2]; /* the address as it lies in memory */
	__u64 word;   /* MXG_WORD6_*, state in the lower half; state 0: free */
};

#define MXG_WORD6_USE_SHIFT  32 /* 16 bits: raised by each write of the word */
#define MXG_WORD6_PART_SHIFT 48 /* 16 bits: the expiry's part of a unit, for the worker */

struct mxg_line6 {
	__u8 beyond;
	__u8 hits[MXG_LINE6_SLOTS];
	__u8 zero[2];
	struct mxg_slot6 slot[MXG_LINE6_SLOTS];
};

/*
 * The notes: a refresh time in units << 8 | MXG_NOTE_*. IPv4 has the expiry's part, too.
 * Beside those of the first line of a block: no refresh time in it comes before due.
 */
struct mxg_notes4 {
	struct {
		__u32 note;
		__u32 part_ns;
	} slot[MXG_LINE4_SLOTS];
	__u32 due;
	__u32 zero;
};

struct mxg_notes6 {
	__u32 note[MXG_NOTES6_LINES][MXG_LINE6_SLOTS];
	__u32 due;
	__u32 zero;
};

/* The finalizer of splitmix64: a bijection in which every bit reaches every other. */
static inline __attribute__((always_inline)) __u64 mxg_mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* The home of an address among lines, as the number of its element. */
static inline __attribute__((always_inline)) __u32 mxg_home4(const struct mxg_table *table,
							     __u32 addr)
{
	return 1 + (__u32)((mxg_mix(table->seed ^ addr) >> 32) * table->lines >> 32);
}

static inline __attribute__((always_inline)) __u32 mxg_home6(const struct mxg_table *table,
							     const __u64 addr[2])
{
	const __u64 hash = mxg_mix(mxg_mix(table->seed ^ addr[0]) ^ addr[1]);

	return 1 + (__u32)((hash >> 32) * table->lines >> 32);
}

_Static_assert(sizeof(struct mxg_table) == 24, "mxg_table layout");
_Static_assert(sizeof(struct mxg_line4) == 64, "a line of IPv4 is a cache line");
_Static_assert(sizeof(struct mxg_line6) == 128, "a line of IPv6 is two cache lines");
_Static_assert(sizeof(struct mxg_notes4) == sizeof(struct mxg_line4), "notes fit an element");
_Static_assert(sizeof(struct mxg_notes6) == sizeof(struct mxg_line6), "notes fit an element");

#endif
