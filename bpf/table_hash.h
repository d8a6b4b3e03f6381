/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Learned verdicts in the kernel's own HASH, which each kernel has: those of the gate for older
 * ones (kernel.h), and the measure of the one-line table.
 */
#ifndef MXGATE_BPF_TABLE_HASH_H
#define MXGATE_BPF_TABLE_HASH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "parse.h"

/* NULL if the source has no entry, or if no table has been put into the slot. */
static __always_inline struct mxg_verdict *verdict_find(const struct source *source)
{
	const __u32 zero = 0;
	struct mxg_verdict *entry;
	void *table;

	if (source->family == 4) {
		table = bpf_map_lookup_elem(&VERDICT_MAP4, &zero);
		entry = table ? bpf_map_lookup_elem(table, &source->v4) : NULL;
		/* Else clang joins the two calls, and the kernel cannot inline the lookup. */
		barrier_var(entry);
		return entry;
	}
	table = bpf_map_lookup_elem(&VERDICT_MAP6, &zero);
	return table ? bpf_map_lookup_elem(table, &source->v6) : NULL;
}

static __always_inline struct mxg_verdict *verdict_read(const struct source *source,
							struct mxg_verdict *ret)
{
	struct mxg_verdict *entry = verdict_find(source);

	if (entry)
		*ret = *entry;
	return entry;
}

/*
 * The learned verdict of a source, in *ret when VERDICT_LIVE. Counts a hit, if it is one; cpu:
 * NULL, if it is none.
 *
 * A HASH hands the entry that an update replaced to the next update, also while it is being read
 * here: always if it is preallocated, from 6.1 on if it is not. An interrupt between finding and
 * reading is enough to read another source's verdict. So a verdict that would
 * block is looked up twice, and counts only if both say the same. What is left
 * is the chance of the same accident twice in one packet, which costs that
 * source a retransmission.
 */
static __always_inline enum verdict_state verdict_lookup(const struct source *source, __u64 now,
							 struct mxg_counters *cpu,
							 struct verdict *ret)
{
	struct mxg_verdict first, again;
	struct mxg_verdict *entry = verdict_read(source, &first);

	if (!entry)
		return VERDICT_NONE;
	if (now >= first.expires_ns)
		return VERDICT_EXPIRED;
	if (first.action != MXG_ACTION_PASS) {
		entry = verdict_read(source, &again);
		if (!entry || first.action != again.action || first.reason != again.reason ||
		    first.expires_ns != again.expires_ns)
			return VERDICT_NONE;
	}
	ret->action = first.action;
	ret->reason = first.reason;
	ret->wants_refresh = now >= first.refresh_ns;
	ret->hits = first.hits;
	if (cpu)
		__sync_fetch_and_add(&entry->hits, 1);
	return VERDICT_LIVE;
}

#endif
