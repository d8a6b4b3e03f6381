/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What becomes of a packet. The only place that drops or answers, and only for the
 * reasons in act_on(): an action or a reason that is not known here passes, whatever the
 * enforce mask says. What is to be reset and cannot be answered is dropped.
 */
#ifndef MXGATE_BPF_ACT_H
#define MXGATE_BPF_ACT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "count.h"
#include "reply.h"

static __always_inline int act_pass(enum mxg_counter outcome)
{
	count_one(outcome);
	return XDP_PASS;
}

/* A SYN that is to come again: hold. */
static __always_inline int act_hold(void)
{
	count_one(MXG_CTR_HELD);
	return XDP_DROP;
}

/* How a refusal for one reason counts. */
struct act_counters {
	enum mxg_counter would, drop, reset;
};

static __always_inline int act_refuse(struct xdp_md *ctx, const struct mxg_config *config,
				      __u8 action, enum mxg_reason reason,
				      struct act_counters counters)
{
	if (!(config->enforce_mask >> reason & 1))
		return act_pass(counters.would);
	if (action != MXG_ACTION_DROP && reply_reset(ctx)) {
		count_one(counters.reset);
		return XDP_TX;
	}
	count_one(counters.drop);
	return XDP_DROP;
}

#define ACT_COUNTERS(name)                                                                         \
	((struct act_counters){MXG_CTR_WOULD_DROP_##name, MXG_CTR_DROP_##name,                     \
			       MXG_CTR_RESET_##name})

/* Acts on what is known of the source of a SYN to a protected port. */
static __always_inline int act_on(struct xdp_md *ctx, const struct mxg_config *config, __u8 action,
				  __u8 reason)
{
	if (reason == MXG_REASON_ALLOW)
		return act_pass(MXG_CTR_ALLOW);
	if (action != MXG_ACTION_DROP && action != MXG_ACTION_RESET && action != MXG_ACTION_REJECT)
		return act_pass(MXG_CTR_KNOWN_PASS);
	switch (reason) {
	case MXG_REASON_NO_PTR:
		return act_refuse(ctx, config, action, MXG_REASON_NO_PTR, ACT_COUNTERS(NO_PTR));
	case MXG_REASON_UNCONFIRMED:
		return act_refuse(ctx, config, action, MXG_REASON_UNCONFIRMED,
				  ACT_COUNTERS(UNCONFIRMED));
	case MXG_REASON_GENERIC:
		return act_refuse(ctx, config, action, MXG_REASON_GENERIC, ACT_COUNTERS(GENERIC));
	case MXG_REASON_DENY:
		return act_refuse(ctx, config, action, MXG_REASON_DENY, ACT_COUNTERS(DENY));
	}
	return act_pass(MXG_CTR_KNOWN_PASS);
}

#endif
