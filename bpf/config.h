/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the worker has told the gate, and what follows from it for an address and a
 * port. All zero, as it is before any daemon has run, means that nothing is judged.
 */
#ifndef MXGATE_BPF_CONFIG_H
#define MXGATE_BPF_CONFIG_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxg_config);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_config SEC(".maps");

/* NULL: nobody has said anything, or somebody who speaks of other maps. */
static __always_inline const struct mxg_config *config_get(void)
{
	const __u32 zero = 0;
	const struct mxg_config *config = bpf_map_lookup_elem(&mxg3_config, &zero);

	return config && config->abi == MXG_ABI ? config : NULL;
}

static __always_inline bool config_is_protected(const struct mxg_config *config, __be16 port)
{
#pragma unroll
	for (__u32 i = 0; i < MXG_PORTS_MAX; i++) {
		if (i >= config->port_count)
			return false;
		if (config->ports[i] == port)
			return true;
	}
	return false;
}

/* Only for who comes to a protected port: nobody else pays for the comparisons. */
static __always_inline bool config_is_destination(const struct mxg_config *config,
						  const struct source *addr)
{
	if (!config->dest_count)
		return true;
	for (__u32 i = 0; i < MXG_DESTS_MAX; i++) {
		const struct mxg_dest *dest = &config->dests[i];

		if (i >= config->dest_count)
			return false;
		if (dest->family == addr->family &&
		    (addr->word[0] & dest->mask[0]) == dest->addr[0] &&
		    (addr->word[1] & dest->mask[1]) == dest->addr[1])
			return true;
	}
	return false;
}

#endif
