// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The other trigger (trigger = established): tells the worker of a source when a
 * connection of its to a protected port has been accepted on this host. A source address
 * that is forged never gets so far, so a flood of such SYNs causes no lookup at all.
 *
 * It sees the sockets of a control group, whatever network namespace they are in, and
 * shares the gate's tables. It only reports: it changes no socket and refuses nothing.
 * It does nothing while the configuration has the SYN for a trigger, or while the lease
 * has lapsed.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "config.h"
#include "kernel.h"
#include "report.h"
#include "verdict.h"

#define AF_INET  2
#define AF_INET6 10

#define ESTABLISHED_GO_ON 1 /* what a program of this kind returns */

/* 16 bytes; of IPv4 in IPv6 (RFC 4291 §2.5.5.2) the IPv4 address. *ret is zero before. */
static __always_inline void established_source6(const __u32 word[4], struct source *ret)
{
	if (!word[0] && !word[1] && word[2] == bpf_htonl(0xffff)) {
		ret->family = 4;
		ret->v4 = word[3];
		return;
	}
	ret->family = 6;
	__builtin_memcpy(&ret->v6, word, sizeof(ret->v6));
}

/* Whose connection it is, and which address of ours it came to. False: neither is IP. */
static __always_inline bool established_ends(const struct bpf_sock_ops *ops, struct source *remote,
					     struct source *local)
{
	if (ops->family == AF_INET) {
		remote->family = local->family = 4;
		remote->v4 = ops->remote_ip4;
		local->v4 = ops->local_ip4;
		return true;
	}
	if (ops->family == AF_INET6) {
		const __u32 from[4] = {ops->remote_ip6[0], ops->remote_ip6[1], ops->remote_ip6[2],
				       ops->remote_ip6[3]};
		const __u32 to[4] = {ops->local_ip6[0], ops->local_ip6[1], ops->local_ip6[2],
				     ops->local_ip6[3]};

		established_source6(from, remote);
		established_source6(to, local);
		return true;
	}
	return false;
}

static __always_inline bool established_is_unknown(const struct mxg_config *config,
						   const struct source *source, __u64 now)
{
	struct verdict verdict = {};

	/* No hits: the SYN was that. */
	return verdict_lease(now) && verdict_lookup(source, now, NULL, &verdict) != VERDICT_LIVE &&
	       !verdict_exception(config, source, now, false, &verdict);
}

SEC("sockops")
int mxgate_established(struct bpf_sock_ops *ops)
{
	struct source remote = {}, local = {};
	const struct mxg_config *config;
	__u64 now;

	if (ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return ESTABLISHED_GO_ON;
	config = config_get();
	if (!config || !config->established ||
	    !config_is_protected(config, bpf_htons((__u16)ops->local_port)) ||
	    !established_ends(ops, &remote, &local) || !config_is_destination(config, &local))
		return ESTABLISHED_GO_ON;
	now = kernel_now();
	if (established_is_unknown(config, &remote, now))
		report_event(0, config, &remote, MXG_EVENT_UNKNOWN, now);
	return ESTABLISHED_GO_ON;
}

char _license[] SEC("license") = "Dual BSD/GPL";
