// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate: an XDP program that judges TCP connections to mail ports at their
 * first packet. Only a pure SYN to a protected port can be dropped or reset, and only if
 * a live verdict or exception says so and its reason is enforced; everything
 * else passes, among it all that the gate does not know or understand.
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
#include "parse.h"
#include "refuse.h"
#include "report.h"
#include "verdict.h"

/* For libxdp: early in the chain, and the next program gets what passes. */
struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(mxgate_gate);

struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(mxgate_frags);

/* A SYN to a protected port: the learned verdict, then the exceptions, then the question. */
static __always_inline int gate_syn(struct xdp_md *ctx, const struct mxg_config *config,
				    const struct source *source)
{
	const __u64 now = bpf_ktime_get_coarse_ns();
	const struct mxg_prefix *exception;
	struct verdict verdict;
	enum verdict_state state;

	if (!verdict_lease_holds(now))
		return act_pass(MXG_CTR_NO_LEASE);
	state = verdict_lookup(source, now, &verdict);
	if (state == VERDICT_LIVE) {
		if (verdict.wants_refresh)
			report_event(ctx->ingress_ifindex, config, source, MXG_EVENT_REFRESH, now);
		return act_on(ctx, config, verdict.action, verdict.reason);
	}
	exception = verdict_exception(config, source, now);
	if (exception)
		return act_on(ctx, config, exception->action, exception->reason);
	/* With the other trigger it is told when its connection stands: established.bpf.c. */
	if (!config->established)
		report_event(ctx->ingress_ifindex, config, source, MXG_EVENT_UNKNOWN, now);
	return act_pass(state == VERDICT_EXPIRED ? MXG_CTR_EXPIRED : MXG_CTR_UNKNOWN);
}

static __always_inline int gate_packet(struct xdp_md *ctx)
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
	if (!pkt.is_syn)
		return act_pass(MXG_CTR_NOT_SYN);
	packet_source(&pkt, &source);
	packet_dest(&pkt, &dest);
	if (!config_is_destination(config, &dest))
		return act_pass(MXG_CTR_NOT_DESTINATION);
	return gate_syn(ctx, config, &source);
}

SEC("xdp")
int mxgate_gate(struct xdp_md *ctx)
{
	return gate_packet(ctx);
}

/*
 * The same program, allowed where frames come in several buffers (a large MTU): libbpf
 * says so to the kernel for this section. `ip link` finds its program by the section.
 */
SEC("xdp.frags")
int mxgate_frags(struct xdp_md *ctx)
{
	return gate_packet(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
