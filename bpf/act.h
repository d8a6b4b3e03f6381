/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What becomes of a packet. The only place that drops or answers, and only for the
 * reasons in act_on() and a hold: an action or a reason that is not known here passes,
 * whatever the enforce mask says. What is to be told in SMTP and cannot be is reset, what
 * is to be reset and cannot be answered is dropped.
 */
#ifndef MXGATE_BPF_ACT_H
#define MXGATE_BPF_ACT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "count.h"
#include "refuse.h"
#include "reply.h"
#include "verdict.h"

static __always_inline int act_pass(enum mxg_counter outcome)
{
	count_one(outcome);
	return XDP_PASS;
}

static __always_inline bool act_is_enforced(const struct mxg_config *config,
					    const struct verdict *verdict)
{
	return config->enforce_mask >> (verdict->reason & 31) & 1;
}

/* What an unknown source may turn out to be is refused for one reason or another. */
static __always_inline bool act_refuses_learned(const struct mxg_config *config)
{
	return config->enforce_mask & (1U << MXG_REASON_NO_PTR | 1U << MXG_REASON_UNCONFIRMED);
}

/* A SYN that is to come again: hold, for its network or as anybody's. */
static __always_inline int act_hold(struct mxg_rollup *rollup)
{
	if (rollup) {
		__sync_fetch_and_add(&rollup->hits, 1);
		count_one(MXG_CTR_HELD_ROLLUP);
	} else {
		count_one(MXG_CTR_HELD);
	}
	return XDP_DROP;
}

/* How a refusal for one reason counts. */
struct act_counters {
	enum mxg_counter would, drop, reset, reject;
};

/* Answers a SYN that is to be rejected: not in a program in which frames cannot grow. */
static __always_inline bool act_begin_talk(struct xdp_md *ctx, const struct mxg_config *config,
					   __u32 reason, __u64 now, bool can_reject)
{
	if (can_reject && config->reject && refuse_syn(ctx, reason, now))
		return true;
	count_one(MXG_CTR_REJECT_UNABLE);
	return false;
}

/* What the verdict says, or drop: it has been told so often that telling is no use. */
static __always_inline __u32 act_harden(const struct mxg_config *config,
					const struct verdict *verdict)
{
	if (verdict->action != MXG_ACTION_REJECT || !config->reject_budget ||
	    verdict->hits < config->reject_budget)
		return verdict->action;
	count_one(MXG_CTR_REJECT_HARDENED);
	return MXG_ACTION_DROP;
}

static __always_inline int act_refuse(struct xdp_md *ctx, const struct mxg_config *config,
				      const struct verdict *verdict, struct act_counters counters,
				      __u64 now, bool can_reject)
{
	__u32 action;

	if (!act_is_enforced(config, verdict))
		return act_pass(counters.would);
	action = act_harden(config, verdict);
	if (action == MXG_ACTION_REJECT &&
	    act_begin_talk(ctx, config, verdict->reason, now, can_reject)) {
		count_one(counters.reject);
		return XDP_TX;
	}
	if (action != MXG_ACTION_DROP && reply_reset(ctx)) {
		count_one(counters.reset);
		return XDP_TX;
	}
	count_one(counters.drop);
	return XDP_DROP;
}

#define ACT_COUNTERS(name)                                                                         \
	((struct act_counters){MXG_CTR_WOULD_DROP_##name, MXG_CTR_DROP_##name,                     \
			       MXG_CTR_RESET_##name, MXG_CTR_REJECT_##name})

/* Acts on what is known of the source of a SYN to a protected port. */
static __always_inline int act_on(struct xdp_md *ctx, const struct mxg_config *config,
				  const struct verdict *verdict, __u64 now, bool can_reject)
{
	struct act_counters counters;

	if (verdict->reason == MXG_REASON_ALLOW)
		return act_pass(MXG_CTR_ALLOW);
	if (verdict->action != MXG_ACTION_DROP && verdict->action != MXG_ACTION_RESET &&
	    verdict->action != MXG_ACTION_REJECT)
		return act_pass(MXG_CTR_KNOWN_PASS);
	switch (verdict->reason) {
	case MXG_REASON_NO_PTR:
		counters = ACT_COUNTERS(NO_PTR);
		break;
	case MXG_REASON_UNCONFIRMED:
		counters = ACT_COUNTERS(UNCONFIRMED);
		break;
	case MXG_REASON_GENERIC:
		counters = ACT_COUNTERS(GENERIC);
		break;
	case MXG_REASON_DENY:
		counters = ACT_COUNTERS(DENY);
		break;
	default:
		return act_pass(MXG_CTR_KNOWN_PASS);
	}
	return act_refuse(ctx, config, verdict, counters, now, can_reject);
}

/* Whether what comes after a SYN is talked to: the SYN would be rejected, but for its budget. */
static __always_inline bool act_may_talk(const struct mxg_config *config,
					 const struct verdict *verdict)
{
	return verdict->action == MXG_ACTION_REJECT && act_is_enforced(config, verdict) &&
	       (verdict->reason == MXG_REASON_NO_PTR || verdict->reason == MXG_REASON_UNCONFIRMED ||
		verdict->reason == MXG_REASON_GENERIC || verdict->reason == MXG_REASON_DENY);
}

#endif
