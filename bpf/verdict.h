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
#include "parse.h"

/*
 * The inner tables are the daemon's to make and to put into slot 0; these are
 * the templates the kernel compares them with. It lets the number of entries
 * differ. Sizes, not types: behind __array() clang leaves a type undefined.
 */
struct verdict_table4 {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__be32));
	__uint(value_size, sizeof(struct mxg_verdict));
};

struct verdict_table6 {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct mxg_key6));
	__uint(value_size, sizeof(struct mxg_verdict));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct verdict_table4);
} mxg1_verdict4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct verdict_table6);
} mxg1_verdict6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MXG_PREFIX_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxg_prefix4_key);
	__type(value, struct mxg_prefix);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg1_prefix4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MXG_PREFIX_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mxg_prefix6_key);
	__type(value, struct mxg_prefix);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg1_prefix6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg1_lease SEC(".maps");

enum verdict_state {
	VERDICT_NONE,
	VERDICT_EXPIRED,
	VERDICT_LIVE,
};

static __always_inline bool verdict_lease_holds(__u64 now)
{
	const __u32 zero = 0;
	const __u64 *lease = bpf_map_lookup_elem(&mxg1_lease, &zero);

	return lease && now < *lease;
}

/* NULL if the source has no entry, or if no table has been put into the slot. */
static __always_inline struct mxg_verdict *verdict_find(const struct source *source)
{
	const __u32 zero = 0;
	struct mxg_verdict *entry;
	void *table;

	if (source->family == 4) {
		table = bpf_map_lookup_elem(&mxg1_verdict4, &zero);
		entry = table ? bpf_map_lookup_elem(table, &source->v4) : NULL;
		/* Else clang joins the two calls, and the kernel cannot inline the lookup. */
		barrier_var(entry);
		return entry;
	}
	table = bpf_map_lookup_elem(&mxg1_verdict6, &zero);
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
 * The learned verdict of a source, in *ret when VERDICT_LIVE.
 *
 * A preallocated HASH hands the entry that an update replaced to the next
 * update, also while it is being read here: an interrupt between finding and
 * reading is enough to read another source's verdict. So a verdict that would
 * block is looked up twice, and counts only if both say the same. What is left
 * is the chance of the same accident twice in one packet, which costs that
 * source a retransmission.
 */
static __always_inline enum verdict_state verdict_lookup(const struct source *source, __u64 now,
							 struct mxg_verdict *ret)
{
	struct mxg_verdict *entry = verdict_read(source, ret);
	struct mxg_verdict first;

	if (!entry)
		return VERDICT_NONE;
	if (now >= ret->expires_ns)
		return VERDICT_EXPIRED;
	if (ret->action != MXG_ACTION_PASS) {
		first = *ret;
		entry = verdict_read(source, ret);
		if (!entry || first.action != ret->action || first.reason != ret->reason ||
		    first.expires_ns != ret->expires_ns)
			return VERDICT_NONE;
	}
	__sync_fetch_and_add(&entry->hits, 1);
	return VERDICT_LIVE;
}

/* The live exception with the longest prefix that covers the source, or NULL. */
static __always_inline const struct mxg_prefix *
verdict_exception(const struct mxg_config *config, const struct source *source, __u64 now)
{
	struct mxg_prefix *entry = NULL;

	if (source->family == 4 && config->prefix4_count) {
		struct mxg_prefix4_key key = {.prefixlen = 32};

		__builtin_memcpy(key.addr, &source->v4, sizeof(key.addr));
		entry = bpf_map_lookup_elem(&mxg1_prefix4, &key);
	} else if (source->family == 6 && config->prefix6_count) {
		struct mxg_prefix6_key key = {.prefixlen = 128};

		__builtin_memcpy(key.addr, &source->v6, sizeof(key.addr));
		entry = bpf_map_lookup_elem(&mxg1_prefix6, &key);
	}
	if (!entry || now >= entry->expires_ns)
		return NULL;
	__sync_fetch_and_add(&entry->hits, 1);
	return entry;
}

#endif
