/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the maps know about a source: the learned verdict, the exception, the
 * lease. The verdict tables are reached through verdict_lookup() alone, so that
 * they can change their form without anyone else noticing.
 *
 * Read-only but for the hit counts. Whatever is missing, expired or changes
 * while it is read is "not known", and the caller passes what is not known.
 */
#ifndef MXGATE_BPF_VERDICT_H
#define MXGATE_BPF_VERDICT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include <mxgate/table.h>
#include "kernel.h"
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MXG_PREFIX_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxg_prefix4_key);
	__type(value, struct mxg_prefix);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_prefix4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MXG_PREFIX_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxg_prefix6_key);
	__type(value, struct mxg_prefix);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_prefix6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MXG_ROLLUP_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be64);
	__type(value, struct mxg_rollup);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_rollup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_lease SEC(".maps");

enum verdict_state {
	VERDICT_NONE,
	VERDICT_EXPIRED,
	VERDICT_LIVE,
};

/* What the gate needs of a live verdict. */
struct verdict {
	__u32 action; /* enum mxg_action */
	__u32 reason; /* enum mxg_reason */
	__u32 hits;   /* of the table's entry before this one, exact below MXG_HITS_EXACT */
	bool wants_refresh;
};

/* How much longer the worker's word holds, in ns; 0: it does not. */
static __always_inline __u64 verdict_lease(__u64 now)
{
	const __u32 zero = 0;
	const __u64 *lease = bpf_map_lookup_elem(&mxg3_lease, &zero);
	const __u64 until = lease ? *lease : 0;

	return now < until ? until - now : 0;
}

/*
 * The inner tables are the daemon's to make and to put into slot 0; these are
 * the templates the kernel compares them with. It lets the number of entries
 * differ. Sizes, not types: behind __array() clang leaves a type undefined.
 */
#ifdef MXG_TABLE_HASH
#define VERDICT_MAP4 mxg3_hash4
#define VERDICT_MAP6 mxg3_hash6

struct verdict_table4 {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* without verdicts it costs its buckets alone */
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__be32));
	__uint(value_size, sizeof(struct mxg_verdict));
};

struct verdict_table6 {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct mxg_key6));
	__uint(value_size, sizeof(struct mxg_verdict));
};
#else
#define VERDICT_MAP4 mxg3_verdict4
#define VERDICT_MAP6 mxg3_verdict6

struct verdict_table4 {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct mxg_line4));
};

struct verdict_table6 {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct mxg_line6));
};
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct verdict_table4);
} VERDICT_MAP4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct verdict_table6);
} VERDICT_MAP6 SEC(".maps");

/* verdict_lookup(): the learned verdict of a source, and nothing else knows their form. */
#if defined(MXG_TABLE_HASH)
#include "table_hash.h"
#elif defined(MXG_TABLE_WORD)
#include "../tests/bench/table_word.h"
#else
#include "table_line.h"
#endif

/* The live exception with the longest prefix that covers the source, or NULL. */
static __always_inline struct mxg_prefix *verdict_prefix(const struct mxg_config *config,
							 const struct source *source, __u64 now)
{
	struct mxg_prefix *entry = NULL;

	if (source->family == 4 && config->prefix4_count) {
		struct mxg_prefix4_key key = {.prefixlen = 32};

		__builtin_memcpy(key.addr, &source->v4, sizeof(key.addr));
		entry = bpf_map_lookup_elem(&mxg3_prefix4, &key);
	} else if (source->family == 6 && config->prefix6_count) {
		struct mxg_prefix6_key key = {.prefixlen = 128};

		__builtin_memcpy(key.addr, &source->v6, sizeof(key.addr));
		entry = bpf_map_lookup_elem(&mxg3_prefix6, &key);
	}
	return entry && now < entry->expires_ns ? entry : NULL;
}

/* The same in *ret; false if there is none. Its hits stand for many sources: not given. */
static __always_inline bool verdict_exception(const struct mxg_config *config,
					      const struct source *source, __u64 now,
					      bool is_counted, struct verdict *ret)
{
	struct mxg_prefix *entry = verdict_prefix(config, source, now);

	if (!entry)
		return false;
	if (is_counted)
		__sync_fetch_and_add(&entry->hits, 1);
	*ret = (struct verdict){.action = entry->action, .reason = entry->reason};
	return true;
}

/* The entry of the source's network if that is rolled up, or NULL. */
static __always_inline struct mxg_rollup *verdict_rollup(const struct mxg_config *config,
							 const struct source *source, __u64 now)
{
	struct mxg_rollup *entry;

	if (!config->rollup || source->family != 6)
		return NULL;
	entry = bpf_map_lookup_elem(&mxg3_rollup, &source->word[0]);
	return entry && now < entry->expires_ns ? entry : NULL;
}

#endif
