/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Turns the frame of a SYN into the answer to it, which goes back the way it came by
 * XDP_TX: the reset of RFC 9293 §3.10.7.1. MAC addresses, IP addresses and ports are
 * swapped, tags stay.
 *
 * Only bare headers are answered: Ethernet, tags, IP without options, extensions or
 * fragments, TCP, all in one buffer, from one host to one host. Who calls drops the rest.
 * The frame keeps its length, so no answer is larger than what it answers; what stands
 * behind the shorter packet in it are the sender's own bytes, and not part of it. To
 * resize it would shut the gate out of a dispatcher: newer kernels (6.12.95, not 6.1) let
 * no program that may do so take a place made for one that may not, as those in
 * libxdp 1.3.1 are.
 */
#ifndef MXGATE_BPF_REPLY_H
#define MXGATE_BPF_REPLY_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "parse.h"

#define REPLY_HOPS  64
#define REPLY_IP_DF 0x4000 /* RFC 6864: with it the identification means nothing */
#define REPLY_SIZE  (sizeof(struct tcphdr))

/* The headers of a frame that can be answered, all of them within it. */
struct reply_headers {
	struct ethhdr *eth;
	struct tcphdr *tcp;
	struct iphdr *ip4; /* one of the two; NULL: the other */
	struct ipv6hdr *ip6;
	__u32 tcp_len; /* header and data, as the IP header has it and the frame has room for */
};

/*
 * What a TCP checksum covers: a sum does not mind the order nor zeros between, so IPv4
 * has the same form, with the rest of its addresses 0.
 */
struct reply_sum {
	__be32 from[4];
	__be32 to[4];
	__be32 len;
	__be32 proto;
	struct tcphdr tcp;
};

static __always_inline bool reply_find_ip4(struct cursor *cur, struct reply_headers *ret)
{
	struct iphdr *ip = cur->pos;

	if (!cursor_skip(cur, sizeof(*ip)) || ip->version != 4 || ip->ihl != 5)
		return false;
	if (ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(PARSE_IP_MF | PARSE_IP_OFFSET))
		return false;
	/* RFC 1122 §4.2.3.10: none for a group, nor for all. */
	if (((const __u8 *)&ip->daddr)[0] >= 224 || ((const __u8 *)&ip->saddr)[0] >= 224)
		return false;
	ret->ip4 = ip;
	ret->tcp_len = bpf_ntohs(ip->tot_len) - (__u32)sizeof(*ip);
	return true;
}

static __always_inline bool reply_find_ip6(struct cursor *cur, struct reply_headers *ret)
{
	struct ipv6hdr *ip = cur->pos;

	if (!cursor_skip(cur, sizeof(*ip)) || ip->version != 6 || ip->nexthdr != IPPROTO_TCP)
		return false;
	if (ip->daddr.s6_addr[0] == 0xff || ip->saddr.s6_addr[0] == 0xff)
		return false;
	ret->ip6 = ip;
	ret->tcp_len = bpf_ntohs(ip->payload_len);
	return true;
}

/* False: not bare, or it lies about its length. *ret is zero before. */
static __always_inline bool reply_find(struct xdp_md *ctx, struct reply_headers *ret)
{
	void *start = (void *)(unsigned long)ctx->data;
	struct cursor cur = {
		.pos = start,
		.end = (void *)(unsigned long)ctx->data_end,
	};
	enum parse_l3 l3 = parse_ethernet(&cur);
	__u64 left;

	if (l3 != PARSE_L3_IPV4 && l3 != PARSE_L3_IPV6)
		return false;
	if (!(l3 == PARSE_L3_IPV4 ? reply_find_ip4(&cur, ret) : reply_find_ip6(&cur, ret)))
		return false;
	left = (__u64)(cur.end - cur.pos);
	ret->eth = start;
	ret->tcp = cur.pos;
	if (ret->eth->h_dest[0] & 1 || !cursor_skip(&cur, sizeof(*ret->tcp)))
		return false;
	return ret->tcp_len <= left && ret->tcp_len >= ret->tcp->doff * 4U;
}

static __always_inline __u16 reply_fold(__s64 sum)
{
	__u32 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return (__u16)~folded;
}

static __always_inline void reply_turn_ethernet(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

static __always_inline void reply_turn_ip4(struct iphdr *ip, struct reply_sum *sum)
{
	const struct iphdr reply = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(sizeof(reply) + REPLY_SIZE),
		.frag_off = bpf_htons(REPLY_IP_DF),
		.ttl = REPLY_HOPS,
		.protocol = IPPROTO_TCP,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};

	sum->from[0] = reply.saddr;
	sum->to[0] = reply.daddr;
	*ip = reply;
	ip->check = reply_fold(bpf_csum_diff(NULL, 0, (__be32 *)(void *)ip, sizeof(*ip), 0));
}

static __always_inline void reply_turn_ip6(struct ipv6hdr *ip, struct reply_sum *sum)
{
	struct ipv6hdr reply = {
		.version = 6,
		.payload_len = bpf_htons(REPLY_SIZE),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = REPLY_HOPS,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};

	__builtin_memcpy(sum->from, &reply.saddr, sizeof(sum->from));
	__builtin_memcpy(sum->to, &reply.daddr, sizeof(sum->to));
	*ip = reply;
}

/* The whole checksum: that of a packet from this machine may not have been filled in. */
static __always_inline void reply_turn_tcp(struct tcphdr *tcp, __u32 tcp_len, struct reply_sum *sum)
{
	sum->len = bpf_htonl(REPLY_SIZE);
	sum->proto = bpf_htonl(IPPROTO_TCP);
	sum->tcp = (struct tcphdr){
		.source = tcp->dest,
		.dest = tcp->source,
		.ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + 1 + tcp_len - tcp->doff * 4U),
		.doff = REPLY_SIZE / 4,
		.rst = 1,
		.ack = 1,
	};
	sum->tcp.check = reply_fold(bpf_csum_diff(NULL, 0, sum->from, sizeof(*sum), 0));
	*tcp = sum->tcp;
}

/*
 * A SYN becomes the reset that refuses it, to be sent by XDP_TX. False, and nothing has
 * changed, if it is not one that can be answered. A function of its own, so that the
 * many who are not reset do not carry what it needs.
 */
static __noinline bool reply_reset(struct xdp_md *ctx)
{
	struct reply_headers headers = {};
	struct reply_sum sum = {};

	/* Of a frame in several buffers the tail would go with the answer. */
	if (bpf_xdp_get_buff_len(ctx) != ctx->data_end - ctx->data || !reply_find(ctx, &headers))
		return false;
	reply_turn_ethernet(headers.eth);
	if (headers.ip4)
		reply_turn_ip4(headers.ip4, &sum);
	else if (headers.ip6)
		reply_turn_ip6(headers.ip6, &sum);
	reply_turn_tcp(headers.tcp, headers.tcp_len, &sum);
	return true;
}

#endif
