/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Turns the frame of a packet into the answer to it, which goes back the way it came by
 * XDP_TX. MAC addresses, IP addresses and ports are swapped, tags stay. Here are the
 * answers without data, among them the reset of RFC 9293 §3.10.7.1, and the headers of those
 * with, which are in say.h.
 *
 * Only bare headers are answered: Ethernet, tags, IP without options, extensions or
 * fragments, TCP, all in one buffer, from one host to one host. Who calls drops the rest.
 * Without data the frame keeps its length, so no such answer is larger than what it answers; what
 * stands behind the shorter packet in it are the sender's own bytes, and not part of it. To resize
 * it would shut the gate out of a dispatcher: newer kernels (6.12.95, not 6.1) let no program that
 * may do so take a place made for one that may not, as those in libxdp 1.3.1 are.
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

#include "kernel.h"
#include "parse.h"

#define REPLY_HOPS       64
#define REPLY_FRONT_MASK 0x1f   /* Ethernet and two tags: 22 */
#define REPLY_BUFFER_MIN 256    /* bytes; no driver's buffer is so small */
#define REPLY_IP_DF      0x4000 /* RFC 6864: with it the identification means nothing */

#define REPLY_MSS4     1460 /* RFC 9293 §3.7.1, for the MTU of an Ethernet */
#define REPLY_MSS6     1440
#define REPLY_MSS_SIZE 4 /* of the option */
#define REPLY_MSS_KIND 0x02040000U

/* The headers of a frame that can be answered, all of them within it. */
struct reply_headers {
	struct ethhdr *eth;
	struct tcphdr *tcp;
	struct iphdr *ip4; /* one of the two; NULL: the other */
	struct ipv6hdr *ip6;
	void *end;
	__u64 front;   /* bytes of Ethernet and tags */
	__u32 tcp_len; /* header and data, as the IP header has it and the frame has room for */
};

/* Where the headers of a frame are that reply_find() has found before. */
struct reply_place {
	__u32 front; /* bytes of Ethernet and tags */
	bool is_ip4;
};

/* What the TCP header of an answer says, beside the ports; in the order of the host. */
struct reply {
	__u32 seq;
	__u32 ack;
	__u16 window;
	__u16 data;     /* bytes that follow it */
	__u8 flags;     /* PARSE_TCP_* */
	bool is_syn;    /* tells the largest segment, where there is room for that */
	__u64 data_sum; /* RFC 1071: of those, as they lie in memory, not yet folded or inverted */
};

/* What a TCP checksum covers, beside addresses and data. */
struct reply_sum {
	__be32 len;
	__be32 proto;
	struct tcphdr tcp;
	__be32 option;
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

/* From where IP begins on. */
static __always_inline bool reply_find_ip(struct cursor *cur, void *start, bool is_ip4,
					  struct reply_headers *ret)
{
	__u64 left;

	ret->eth = start;
	ret->front = (__u64)(cur->pos - start);
	if (!(is_ip4 ? reply_find_ip4(cur, ret) : reply_find_ip6(cur, ret)))
		return false;
	left = (__u64)(cur->end - cur->pos);
	ret->tcp = cur->pos;
	ret->end = cur->end;
	if (ret->eth->h_dest[0] & 1 || !cursor_skip(cur, sizeof(*ret->tcp)))
		return false;
	return ret->tcp_len <= left && ret->tcp_len >= ret->tcp->doff * 4U;
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

	return (l3 == PARSE_L3_IPV4 || l3 == PARSE_L3_IPV6) &&
	       reply_find_ip(&cur, start, l3 == PARSE_L3_IPV4, ret);
}

/* The same of a packet that has been parsed; false for one that was in another. */
static __always_inline bool reply_find_parsed(struct xdp_md *ctx, const struct packet *pkt,
					      struct reply_headers *ret)
{
	void *start = (void *)(unsigned long)ctx->data;
	struct cursor eth = {.pos = start, .end = (void *)(unsigned long)ctx->data_end};
	struct cursor cur = {.pos = (void *)pkt->ip, .end = eth.end};

	return !pkt->is_inner && cursor_has(&eth, sizeof(*ret->eth)) &&
	       reply_find_ip(&cur, start, pkt->is_ipv4, ret);
}

static __always_inline __u32 reply_tcp_at(const struct reply_place *place)
{
	return place->front + (place->is_ip4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

/*
 * The headers of a frame in which they have been found before: whoever may move a frame asks
 * for its pointers again, and what they point to is known. *ret is zero before.
 */
static __always_inline bool reply_find_again(struct xdp_md *ctx, const struct reply_place *place,
					     struct reply_headers *ret)
{
	void *start = (void *)(unsigned long)ctx->data;
	struct cursor eth = {.pos = start, .end = (void *)(unsigned long)ctx->data_end};
	struct cursor cur = {.pos = start + (place->front & REPLY_FRONT_MASK), .end = eth.end};

	ret->eth = start;
	ret->end = cur.end;
	if (place->is_ip4) {
		ret->ip4 = cur.pos;
		cur.pos += sizeof(struct iphdr);
	} else {
		ret->ip6 = cur.pos;
		cur.pos += sizeof(struct ipv6hdr);
	}
	ret->tcp = cur.pos;
	return cursor_has(&cur, sizeof(*ret->tcp)) && cursor_has(&eth, sizeof(*ret->eth));
}

/* RFC 1071: a sum of 32-bit words becomes one of 16. */
static __always_inline __u16 reply_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* In pairs of bytes, which is how a frame is aligned: the header's own type is packed. */
static __always_inline void reply_turn_ethernet(void *frame)
{
	__u16 __attribute__((may_alias)) *mac = frame;

#pragma unroll
	for (int i = 0; i < ETH_ALEN / 2; i++) {
		const __u16 to = mac[i];

		mac[i] = mac[ETH_ALEN / 2 + i];
		mac[ETH_ALEN / 2 + i] = to;
	}
}

/* The sum of so few words is had sooner than a helper is called. */
static __always_inline __u64 reply_add(const void *words, __u32 bytes)
{
	const __u32 __attribute__((may_alias)) *word = words;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < bytes / 4; i++)
		sum += word[i];
	return sum;
}

#define REPLY_SUM(what) reply_add(what, sizeof(*(what)))

static __always_inline __u32 reply_header_len(const struct reply_sum *sum)
{
	return sum->tcp.doff * 4U;
}

/* All that the sum covers but addresses, data and the sum itself. *ret is zero before. */
static __always_inline void reply_prepare(const struct reply_headers *headers,
					  const struct reply *reply, struct reply_sum *ret)
{
	const __u16 mss = headers->ip4 ? REPLY_MSS4 : REPLY_MSS6;

	ret->tcp = (struct tcphdr){
		.source = headers->tcp->dest,
		.dest = headers->tcp->source,
		.seq = bpf_htonl(reply->seq),
		.ack_seq = bpf_htonl(reply->ack),
		.doff = sizeof(ret->tcp) / 4,
		.window = bpf_htons(reply->window),
	};
	((__u8 *)&ret->tcp)[13] = reply->flags;
	if (reply->is_syn && (void *)(headers->tcp + 1) + REPLY_MSS_SIZE <= headers->end) {
		ret->tcp.doff++;
		ret->option = bpf_htonl(REPLY_MSS_KIND | mss);
	}
	ret->len = bpf_htonl(reply_header_len(ret) + reply->data);
	ret->proto = bpf_htonl(IPPROTO_TCP);
}

/*
 * The headers of an answer of len bytes of TCP, with the addresses of what it answers; gives
 * the sum of those, which does not mind which is whose. Made beside the frame, as what is
 * written in halves of a word is slow to be read back as a whole.
 */
static __always_inline __u64 reply_put_ip4(struct iphdr *ip, __u32 len)
{
	struct iphdr reply = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons((__u16)(sizeof(*ip) + len)),
		.frag_off = bpf_htons(REPLY_IP_DF),
		.ttl = REPLY_HOPS,
		.protocol = IPPROTO_TCP,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};

	reply.check = (__u16)~reply_fold(REPLY_SUM(&reply));
	*ip = reply;
	return (__u64)reply.saddr + reply.daddr;
}

static __always_inline __u64 reply_put_ip6(struct ipv6hdr *ip, __u32 len)
{
	struct ipv6hdr reply = {
		.version = 6,
		.payload_len = bpf_htons((__u16)len),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = REPLY_HOPS,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};

	*ip = reply;
	return REPLY_SUM(&reply.saddr) + REPLY_SUM(&reply.daddr);
}

/*
 * Writes the answer over what it answers, but for its data. The whole checksum: that of a
 * packet from this machine may not have been filled in.
 */
static __always_inline void reply_in_place(struct reply_headers *headers, const struct reply *reply)
{
	struct reply_sum sum = {};
	__u64 total;
	__u32 len;

	reply_prepare(headers, reply, &sum);
	len = bpf_ntohl(sum.len);
	total = REPLY_SUM(&sum) + reply->data_sum;
	reply_turn_ethernet(headers->eth);
	if (headers->ip4)
		total += reply_put_ip4(headers->ip4, len);
	else if (headers->ip6)
		total += reply_put_ip6(headers->ip6, len);
	sum.tcp.check = (__u16)~reply_fold(total);
	*headers->tcp = sum.tcp;
	if (sum.option && (void *)(headers->tcp + 1) + REPLY_MSS_SIZE <= headers->end)
		__builtin_memcpy(headers->tcp + 1, &sum.option, REPLY_MSS_SIZE);
}

/* False: of a frame in several buffers the tail would go with the answer, or be what grows. */
static __always_inline bool reply_is_whole(struct xdp_md *ctx)
{
	return kernel_frame_len(ctx) == ctx->data_end - ctx->data;
}

/*
 * The same, without a call for most, for an answer that is as long as what it answers. Where there
 * are more buffers and so little is in the first, that was for headers, and since the packet ends
 * in it, what is in the others is padding.
 */
static __always_inline bool reply_may_stay(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data <= REPLY_BUFFER_MIN || reply_is_whole(ctx);
}

/* What the packet carries behind its header, in bytes. */
static __always_inline __u32 reply_data_len(const struct reply_headers *headers)
{
	return headers->tcp_len - headers->tcp->doff * 4U;
}

/*
 * A SYN becomes the reset that refuses it, to be sent by XDP_TX. False, and nothing has
 * changed, if it is not one that can be answered. A function of its own, so that the
 * many who are not reset do not carry what it needs.
 */
static __noinline bool reply_reset(struct xdp_md *ctx)
{
	struct reply_headers headers = {};
	struct reply reply = {.flags = PARSE_TCP_RST | PARSE_TCP_ACK};

	if (!reply_may_stay(ctx) || !reply_find(ctx, &headers))
		return false;
	reply.ack = bpf_ntohl(headers.tcp->seq) + 1 + reply_data_len(&headers);
	reply_in_place(&headers, &reply);
	return true;
}

#endif
