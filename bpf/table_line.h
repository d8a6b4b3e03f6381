/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Learned verdicts in one-line tables (mxgate/table.h). The daemon makes the inner
 * maps, of any size, and puts them into slot 0; the templates say what they have in
 * common. BPF_F_INNER_MAP lets the number of entries differ.
 */
#ifndef MXGATE_BPF_TABLE_LINE_H
#define MXGATE_BPF_TABLE_LINE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include <mxgate/table.h>
#include "cpu.h"
#include "parse.h"

static __always_inline void *table_at(void *table, __u32 at)
{
	return bpf_map_lookup_elem(table, &at);
}

#define LINE_AT(table, at) table_at(table, at)
#define LINE_READ(x)       (*(const volatile __typeof__(x) *)&(x))

/*
 * Between reads that must not pass each other. x86 keeps them in order by itself, and the
 * Makefile says when the gate is built for it; where a processor does not, an atomic
 * operation that gives a value is a full barrier.
 */
#ifdef MXG_STRONG_ORDER
#define LINE_FENCE() barrier()
#else
static __always_inline void table_fence(void)
{
	__u64 word = 0;

	word = __sync_fetch_and_add(&word, 1);
	barrier_var(word);
}

#define LINE_FENCE() table_fence()
#endif

#include "line.h"

/* Many hits are counted by chance; what two CPUs count at once may be counted once. */
static __always_inline void table_hit(__u8 *hits, struct mxg_counters *cpu)
{
	const __u8 count = LINE_READ(*hits);

	if (count >= MXG_HITS_MAX)
		return;
	if (count >= MXG_HITS_EXACT &&
	    cpu_draw(cpu) & ((16U << ((count - MXG_HITS_EXACT) >> 3)) - 1))
		return;
	*(volatile __u8 *)hits = (__u8)(count + 1);
}

static __always_inline void table_find(const struct source *source, struct line_found *ret)
{
	const __u32 zero = 0;
	void *table;

	if (source->family == 4) {
		table = bpf_map_lookup_elem(&VERDICT_MAP4, &zero);
		if (table)
			line4_find(table, source->v4, ret);
	} else {
		table = bpf_map_lookup_elem(&VERDICT_MAP6, &zero);
		if (table)
			line6_find(table, source->word, ret);
	}
}

static __always_inline bool table_has_expired(const struct line_found *found, __u64 now)
{
	return (now - found->base_ns) >> MXG_UNIT_SHIFT >= found->state >> MXG_STATE_UNITS_SHIFT;
}

/*
 * The learned verdict of a source, in *ret when VERDICT_LIVE. Counts a hit, if it is one; cpu:
 * NULL, if it is none.
 */
static __always_inline enum verdict_state verdict_lookup(const struct source *source, __u64 now,
							 struct mxg_counters *cpu,
							 struct verdict *ret)
{
	struct line_found found = {};

	table_find(source, &found);
	if (!found.state)
		return VERDICT_NONE;
	if (table_has_expired(&found, now))
		return VERDICT_EXPIRED;
	ret->action = found.state & MXG_STATE_ACTION;
	ret->reason = found.state >> MXG_STATE_REASON_SHIFT & MXG_STATE_REASON;
	ret->wants_refresh = found.state & MXG_STATE_REFRESH;
	ret->hits = LINE_READ(*found.hits);
	if (cpu)
		table_hit(found.hits, cpu);
	return VERDICT_LIVE;
}

#endif
