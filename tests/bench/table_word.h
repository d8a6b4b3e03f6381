/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What no table can do better: the way to a line of the real one, its first word, and that
 * is a verdict to drop, for everybody. Nothing is looked for or compared, no hit is counted.
 * The bench builds the gate with it (MXG_TABLE_WORD), to tell what the gate costs from what
 * finding a verdict does. Refuses strangers: never to be installed.
 */
#ifndef MXGATE_BENCH_TABLE_WORD_H
#define MXGATE_BENCH_TABLE_WORD_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include <mxgate/table.h>
#include "../../bpf/parse.h"

static __always_inline __u64 word_of(const struct source *source)
{
	const __u32 zero = 0;
	void *table = source->family == 4 ? bpf_map_lookup_elem(&VERDICT_MAP4, &zero) : NULL;
	const struct mxg_table *head;
	const volatile __u64 *line;
	__u32 home;

	if (source->family == 6)
		table = bpf_map_lookup_elem(&VERDICT_MAP6, &zero);
	head = table ? bpf_map_lookup_elem(table, &zero) : NULL;
	if (!head)
		return 0;
	home = source->family == 4 ? mxg_home4(head, source->v4) : mxg_home6(head, source->word);
	line = bpf_map_lookup_elem(table, &home);
	return line ? line[1] : 0;
}

static __always_inline enum verdict_state verdict_lookup(const struct source *source, __u64 now,
							 struct mxg_counters *cpu,
							 struct verdict *ret)
{
	__u64 none = 0;

	(void)now;
	(void)cpu;
	barrier_var(none);
	ret->action = MXG_ACTION_DROP;
	ret->reason = MXG_REASON_NO_PTR;
	/* Which no word is, but that has to be read first. */
	return word_of(source) & none ? VERDICT_NONE : VERDICT_LIVE;
}

#endif
