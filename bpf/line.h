/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Finds an address in a one-line table (mxgate/table.h) while the worker writes to it.
 * Whatever it meets there, it gives either a state that this very address had at some
 * moment of the look, or nothing: tests/unit/table_model.c goes through the
 * interleavings. So this file needs no BPF: who includes it says how a line is reached
 * (LINE_AT), how a word is read (LINE_READ) and what keeps reads in order (LINE_FENCE).
 */
#ifndef MXGATE_BPF_LINE_H
#define MXGATE_BPF_LINE_H

#include <linux/types.h>

#include <mxgate/table.h>

/* What was found: a state, 0 for nothing; from when its time counts; where its hits are. */
struct line_found {
	__u64 base_ns;
	__u32 state;
	__u8 *hits;
};

/*
 * The worker moves the base when all states have been counted anew from it: so who reads
 * the base first may see a state end too early, and never too late.
 */
static inline __attribute__((always_inline)) void line_begin(const struct mxg_table *head,
							     struct line_found *ret)
{
	ret->base_ns = LINE_READ(head->base_ns);
	LINE_FENCE();
}

/* So that no compiler makes a branch of what is computed. */
#define LINE_HIDE(x) asm volatile("" : "+r"(x))

/* 0.0.0.0, whose half of a word is as that of a free one. */
static inline __attribute__((always_inline)) __u32 line4_slot_of_none(struct mxg_line4 *line)
{
	for (__u32 i = 0; i < MXG_LINE4_SLOTS; i++) {
		const __u64 word = LINE_READ(line->word[i]);

		if (word && !(word >> 32))
			return i;
	}
	return MXG_LINE4_SLOTS;
}

/*
 * Which slot may have the address, without a branch that nobody could foresee: for the
 * address itself the upper half of what is compared less one is all ones, for another all
 * zeros. Of two slots that had it the number need be neither's: its word is looked at.
 */
static inline __attribute__((always_inline)) __u64 line4_slot(struct mxg_line4 *line, __u32 addr)
{
	__u64 slots = 0;

	if (!addr)
		return line4_slot_of_none(line);
#pragma unroll
	for (__u64 i = 1; i < MXG_LINE4_SLOTS; i++) {
		__u64 less = ((LINE_READ(line->word[i]) >> 32) ^ addr) - 1;

		LINE_HIDE(less);
		slots |= less & i << 32;
	}
	return slots >> 32;
}

/* One read tells all: address and state are one word. */
static inline __attribute__((always_inline)) __u32 line4_state(struct mxg_line4 *line, __u32 addr,
							       struct line_found *ret)
{
	__u64 slot = line4_slot(line, addr), word;

	/* The verifier is to see that what is compared is what the slot is found by. */
	LINE_HIDE(slot);
	if (slot >= MXG_LINE4_SLOTS)
		return 0;
	word = LINE_READ(line->word[slot]);
	if ((__u32)(word >> 32) != addr)
		return 0;
	ret->hits = &line->hits[slot];
	return (__u32)word;
}

static inline __attribute__((always_inline)) void line4_find(void *table, __u32 addr,
							     struct line_found *ret)
{
	const struct mxg_table *head = LINE_AT(table, 0);
	struct mxg_line4 *line;
	__u32 at;

	ret->state = 0;
	if (!head)
		return;
	line_begin(head, ret);
	at = mxg_home4(head, addr);
	for (__u32 i = 0; i < MXG_LINES_PROBED; i++) {
		line = LINE_AT(table, at + i);
		if (!line)
			return;
		ret->state = line4_state(line, addr, ret);
		if (ret->state || !LINE_READ(line->beyond))
			return;
	}
}

/* The address stands beside this word, or did when it was read. */
static inline __attribute__((always_inline)) int line6_is(const struct mxg_slot6 *slot, __u64 word,
							  const __u64 addr[2])
{
	LINE_FENCE();
	return (__u32)word && LINE_READ(slot->key[1]) == addr[1] &&
	       LINE_READ(slot->key[0]) == addr[0];
}

/*
 * The word, the address, the same word: nobody has used the slot for another meanwhile. With
 * another word its verdict may have been renewed: that one is looked at once more.
 */
static inline __attribute__((always_inline)) __u32
line6_state(struct mxg_line6 *line, const __u64 addr[2], struct line_found *ret)
{
#pragma unroll
	for (__u32 i = 0; i < MXG_LINE6_SLOTS; i++) {
		struct mxg_slot6 *slot = &line->slot[i];
		__u64 word = LINE_READ(slot->word), was = word;

		if (!line6_is(slot, word, addr))
			continue;
		LINE_FENCE();
		word = LINE_READ(slot->word);
		if (word != was) {
			was = word;
			if (!line6_is(slot, word, addr))
				continue;
			LINE_FENCE();
			word = LINE_READ(slot->word);
			if (word != was)
				continue;
		}
		ret->hits = &line->hits[i];
		return (__u32)word;
	}
	return 0;
}

static inline __attribute__((always_inline)) void line6_find(void *table, const __u64 addr[2],
							     struct line_found *ret)
{
	const struct mxg_table *head = LINE_AT(table, 0);
	struct mxg_line6 *line;
	__u32 at;

	ret->state = 0;
	if (!head)
		return;
	line_begin(head, ret);
	at = mxg_home6(head, addr);
	for (__u32 i = 0; i < MXG_LINES_PROBED; i++) {
		line = LINE_AT(table, at + i);
		if (!line)
			return;
		ret->state = line6_state(line, addr, ret);
		if (ret->state || !LINE_READ(line->beyond))
			return;
	}
}

#endif
