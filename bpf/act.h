/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What becomes of a packet, and the counters. The only place that drops, and
 * only for the reasons in act_on(): an action or a reason that is not known
 * here passes, whatever the enforce mask says. A counter that is missing
 * changes nothing.
 */
#ifndef MXGATE_BPF_ACT_H
#define MXGATE_BPF_ACT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxg_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg2_counters SEC(".maps");

static __always_inline void act_count(enum mxg_counter counter)
{
	const __u32 zero = 0;
	struct mxg_counters *counters = bpf_map_lookup_elem(&mxg2_counters, &zero);

	if (counters && (__u32)counter < MXG_CTR_ROOM)
		counters->count[counter]++;
}

static __always_inline int act_pass(enum mxg_counter outcome)
{
	act_count(outcome);
	return XDP_PASS;
}

static __always_inline int act_drop(const struct mxg_config *config, enum mxg_reason reason,
				    enum mxg_counter would, enum mxg_counter did)
{
	if (!(config->enforce_mask >> reason & 1))
		return act_pass(would);
	act_count(did);
	return XDP_DROP;
}

/* Acts on what is known of the source of a SYN to a protected port. */
static __always_inline int act_on(const struct mxg_config *config, __u8 action, __u8 reason)
{
	if (reason == MXG_REASON_ALLOW)
		return act_pass(MXG_CTR_ALLOW);
	if (action != MXG_ACTION_DROP)
		return act_pass(MXG_CTR_KNOWN_PASS);
	switch (reason) {
	case MXG_REASON_NO_PTR:
		return act_drop(config, MXG_REASON_NO_PTR, MXG_CTR_WOULD_DROP_NO_PTR,
				MXG_CTR_DROP_NO_PTR);
	case MXG_REASON_UNCONFIRMED:
		return act_drop(config, MXG_REASON_UNCONFIRMED, MXG_CTR_WOULD_DROP_UNCONFIRMED,
				MXG_CTR_DROP_UNCONFIRMED);
	case MXG_REASON_GENERIC:
		return act_drop(config, MXG_REASON_GENERIC, MXG_CTR_WOULD_DROP_GENERIC,
				MXG_CTR_DROP_GENERIC);
	case MXG_REASON_DENY:
		return act_drop(config, MXG_REASON_DENY, MXG_CTR_WOULD_DROP_DENY,
				MXG_CTR_DROP_DENY);
	}
	return act_pass(MXG_CTR_KNOWN_PASS);
}

#endif
