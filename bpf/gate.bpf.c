// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate: an XDP program that judges TCP connections to mail ports at their
 * first packet. Only a pure SYN to a protected port can be refused, and only if
 * a live verdict or exception says so and its reason is enforced; everything
 * else passes, among it all that the gate does not know or understand. The one SYN that
 * is dropped for want of knowledge is the first of a source that is held, which comes
 * again.
 * Of packets after the SYN it takes those of connections alone that it has opened itself
 * (refuse.h).
 *
 * It loads without a daemon (plain `ip link`, xdp-loader) and then passes
 * everything: all it needs is in pinned maps, whose first state is all zero.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include <mxgate/abi.h>
#include "act.h"
#include "config.h"
#include "cpu.h"
#include "parse.h"
#include "refuse.h"
#include "report.h"
#include "verdict.h"

#define GATE_TICK_NS 100000000ULL /* more than the coarse clock is behind the worker's */

/* For libxdp: early in the chain, and the next program gets what passes. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(mxgate_gate);

struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(mxgate_reject);

/* The worker has given a sign of life lately, and said that it holds. */
static __always_inline bool gate_may_hold(const struct mxg_config *config, __u64 lease_ns)
{
	/* Less than 0 is a very long time. So is a lease of when the leases were longer. */
	return config->hold_left_ns && config->enforce_mask &&
	       lease_ns - config->hold_left_ns <= MXG_HOLD_BEAT_NS + GATE_TICK_NS;
}

/*
 * A SYN of whom nothing is known. It passes; the first may be to come again: of everybody,
 * or of a source whose network is rolled up.
 */
static __always_inline int gate_unknown(struct xdp_md *ctx, const struct mxg_config *config,
					const struct source *source, enum verdict_state state,
					__u64 lease_ns, __u64 now)
{
	struct mxg_rollup *rollup = verdict_rollup(config, source, now);
	enum report_result told = REPORT_ASKED;

	/* With the other trigger it is told when its connection stands: established.bpf.c. */
	if (rollup || !config->established)
		told = report_event(ctx->ingress_ifindex, config, source, MXG_EVENT_UNKNOWN, now);
	if ((rollup || config->hold) && told != REPORT_ASKED && told != REPORT_AGAIN) {
		if (told == REPORT_NEW && rollup && !act_refuses_learned(config))
			return act_pass(MXG_CTR_WOULD_HOLD_ROLLUP);
		if (told == REPORT_NEW && gate_may_hold(config, lease_ns))
			return act_hold(rollup);
		if (config->hold_left_ns)
			count_one(MXG_CTR_NOT_HELD);
	}
	return act_pass(state == VERDICT_EXPIRED ? MXG_CTR_EXPIRED : MXG_CTR_UNKNOWN);
}

/* A SYN to a protected port: the learned verdict, then the exceptions, then the question. */
static __always_inline int gate_syn(struct xdp_md *ctx, const struct mxg_config *config,
				    const struct source *source, bool can_reject)
{
	struct mxg_counters *cpu = cpu_get();
	const __u64 now = cpu_now(cpu), lease_ns = verdict_lease(now);
	struct verdict verdict = {};
	enum verdict_state state;

	if (!lease_ns)
		return act_pass(MXG_CTR_NO_LEASE);
	state = verdict_lookup(source, now, cpu, &verdict);
	if (state == VERDICT_LIVE) {
		if (verdict.wants_refresh)
			report_event(ctx->ingress_ifindex, config, source, MXG_EVENT_REFRESH, now);
		return act_on(ctx, config, &verdict, now, can_reject);
	}
	if (verdict_exception(config, source, now, true, &verdict))
		return act_on(ctx, config, &verdict, now, can_reject);
	return gate_unknown(ctx, config, source, state, lease_ns, now);
}

/* The refusal of a source that is refused in SMTP: what a SYN of it would meet now. */
static __always_inline bool gate_rejects(const struct mxg_config *config,
					 const struct source *source, __u64 now,
					 struct verdict *ret)
{
	if (!verdict_lease(now))
		return false;
	if (verdict_lookup(source, now, NULL, ret) != VERDICT_LIVE &&
	    !verdict_exception(config, source, now, false, ret))
		return false;
	return act_may_talk(config, ret);
}

/*
 * Not a SYN, but to a protected port, with a number that may be a cookie, while something is
 * rejected: one of 64 good connections has such a number for a while. The cookie is proven
 * first, since that touches no table, and what it is not passes.
 */
static __always_inline int gate_talk(struct xdp_md *ctx, const struct mxg_config *config,
				     const struct packet *pkt, const struct source *source)
{
	const __u64 now = cpu_now(cpu_get());
	struct refuse_talk talk = {};
	struct verdict verdict = {};
	int action = XDP_PASS;

	if (!refuse_prove(ctx, pkt, now, &talk))
		return act_pass(MXG_CTR_NOT_SYN);
	if (gate_rejects(config, source, now, &verdict))
		action = refuse_answer(ctx, &talk, source, verdict.reason);
	if (action != XDP_PASS)
		return action;
	count_one(MXG_CTR_REJECT_LEFT);
	return act_pass(MXG_CTR_NOT_SYN);
}

static __always_inline int gate_packet(struct xdp_md *ctx, bool can_reject)
{
	const struct mxg_config *config = config_get();
	struct packet pkt = {};
	struct source source = {}, dest = {};

	if (!config)
		return act_pass(MXG_CTR_OFF);
	switch (parse_packet(ctx, config->decap, &pkt)) {
	case PARSE_TCP:
		break;
	case PARSE_NOT_IP:
		return act_pass(MXG_CTR_NOT_IP);
	case PARSE_NOT_TCP:
		return act_pass(MXG_CTR_NOT_TCP);
	case PARSE_FRAGMENT:
		return act_pass(MXG_CTR_FRAGMENT);
	case PARSE_MALFORMED:
		return act_pass(MXG_CTR_MALFORMED);
	}
	if (!config_is_protected(config, pkt.dport))
		return act_pass(MXG_CTR_NOT_PORT);
	if (!pkt.is_syn && !(can_reject && config->reject && cookie_may_be(pkt.ack)))
		return act_pass(MXG_CTR_NOT_SYN);
	packet_source(&pkt, &source);
	if (!pkt.is_syn)
		return gate_talk(ctx, config, &pkt, &source);
	packet_dest(&pkt, &dest);
	if (!config_is_destination(config, &dest))
		return act_pass(MXG_CTR_NOT_DESTINATION);
	return gate_syn(ctx, config, &source, can_reject);
}

SEC("xdp")
int mxgate_gate(struct xdp_md *ctx)
{
	return gate_packet(ctx, false);
}

#ifndef MXG_COMPAT
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(mxgate_frags);

/*
 * The same program, allowed where frames come in several buffers (a large MTU): libbpf
 * says so to the kernel for this section. `ip link` finds its program by the section.
 */
SEC("xdp.frags")
int mxgate_frags(struct xdp_md *ctx)
{
	return gate_packet(ctx, false);
}
#endif

/*
 * The same with a tongue: what is to be rejected is told so. By itself, since a program in
 * which frames grow is refused by some dispatchers (reply.h). Chosen by its name.
 */
SEC(KERNEL_SEC_FRAGS)
int mxgate_reject(struct xdp_md *ctx)
{
	return gate_packet(ctx, true);
}

char _license[] SEC("license") = "Dual BSD/GPL";
