/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From a frame to what the gate needs of it: where the IP header is, the TCP
 * destination port, and whether it is a pure SYN. Of IP in IP, if asked for, it
 * is the inner packet's; the outer one is then not looked at again.
 *
 * A cursor walks the frame; every step checks it against the end of the frame
 * and says with a type of its own layer what comes next, so that an ethertype
 * cannot be taken for an IP protocol. Length fields of IP are not believed: a
 * packet that lies about them is the host's to discard. Of a frame in several
 * buffers the first is what there is; headers beyond it are cut short. Nothing
 * here decides anything, and what cannot be parsed has a result, never an abort.
 */
#ifndef MXGATE_BPF_PARSE_H
#define MXGATE_BPF_PARSE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>

#define PARSE_VLAN_MAX 2 /* 802.1Q in 802.1ad, no deeper */
#define PARSE_EXT_MAX  6 /* IPv6: RFC 8200 §4.1 orders at most 5, beside AH and ESP */

/* Above all that lies before an inner header: Ethernet, tags, IPv6, its extensions. */
#define CURSOR_MAX 0x3fff
_Static_assert(14 + 4 * PARSE_VLAN_MAX + 40 + 2048 * PARSE_EXT_MAX <= CURSOR_MAX, "a mask");

#define PARSE_IP_MF      0x2000 /* RFC 791: more fragments */
#define PARSE_IP_OFFSET  0x1fff
#define PARSE_IP6_OFFSET 0xfff8 /* RFC 8200 §4.5 */

#define PARSE_TCP_FIN 0x01
#define PARSE_TCP_SYN 0x02
#define PARSE_TCP_RST 0x04
#define PARSE_TCP_PSH 0x08
#define PARSE_TCP_ACK 0x10

struct source {
	union {
		__be32 v4;
		struct mxg_key6 v6;
		__u64 word[2];
	};
	__u8 family; /* 4 or 6 */
};

struct packet {
	const void *ip; /* the header, which lies within the frame without its options */
	bool is_ipv4;
	bool is_syn;      /* SYN set; ACK, RST, FIN clear; the other flags do not matter */
	bool is_inner;    /* unpacked: another IP header is around it */
	bool is_fragment; /* the first or a later one, of the packet or of what is around it */
	__be16 dport;
	__be32 ack;
};

enum parse_result {
	PARSE_TCP,
	PARSE_NOT_IP,
	PARSE_NOT_TCP,
	PARSE_FRAGMENT,
	PARSE_MALFORMED,
};

/* What an Ethernet header leads to. */
enum parse_l3 {
	PARSE_L3_IPV4,
	PARSE_L3_IPV6,
	PARSE_L3_OTHER,
	PARSE_L3_CUT,
};

/* What an IP header leads to. */
enum parse_l4 {
	PARSE_L4_TCP,
	PARSE_L4_IPV4,
	PARSE_L4_IPV6,
	PARSE_L4_OTHER,
	PARSE_L4_LATER_FRAGMENT,
	PARSE_L4_CUT,
};

struct cursor {
	void *pos;
	void *end;
};

struct parse_vlan {
	__be16 tci;
	__be16 proto;
};

/* Common to the extension headers of RFC 8200 that have a length. */
struct parse_ext {
	__u8 next;
	__u8 len; /* in units of 8 bytes, not counting the first */
	__u8 rest[6];
};

struct parse_frag {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline bool cursor_has(const struct cursor *cur, __u32 size)
{
	return cur->pos + size <= cur->end;
}

/* Steps over size bytes; false and no step if the frame ends before. */
static __always_inline bool cursor_skip(struct cursor *cur, __u32 size)
{
	if (!cursor_has(cur, size))
		return false;
	cur->pos += size;
	return true;
}

/*
 * Changes nothing, but takes from the verifier what it knows of the way to here: after
 * this all ways are one to it, where two chains of extension headers in a row would be
 * tens of thousands.
 */
static __always_inline void cursor_rebase(struct cursor *cur, void *start)
{
	__u64 offset = (__u64)(cur->pos - start) & CURSOR_MAX;

	cur->pos = start + offset;
}

static __always_inline bool parse_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline enum parse_l3 parse_ethernet(struct cursor *cur)
{
	const struct ethhdr *eth = cur->pos;
	__be16 proto;

	if (!cursor_skip(cur, sizeof(*eth)))
		return PARSE_L3_CUT;
	proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < PARSE_VLAN_MAX; i++) {
		const struct parse_vlan *tag = cur->pos;

		if (!parse_is_vlan(proto))
			break;
		if (!cursor_skip(cur, sizeof(*tag)))
			return PARSE_L3_CUT;
		proto = tag->proto;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return PARSE_L3_IPV4;
	if (proto == bpf_htons(ETH_P_IPV6))
		return PARSE_L3_IPV6;
	return PARSE_L3_OTHER;
}

/* With decap also packets in packets: RFC 2003, 2473, 4213. */
static __always_inline enum parse_l4 parse_protocol(__u8 proto, bool decap)
{
	if (proto == IPPROTO_TCP)
		return PARSE_L4_TCP;
	if (decap && proto == IPPROTO_IPIP)
		return PARSE_L4_IPV4;
	if (decap && proto == IPPROTO_IPV6)
		return PARSE_L4_IPV6;
	return PARSE_L4_OTHER;
}

static __always_inline enum parse_l4 parse_ipv4(struct cursor *cur, bool decap, struct packet *pkt)
{
	const struct iphdr *ip = cur->pos;
	enum parse_l4 next;

	if (!cursor_has(cur, sizeof(*ip)) || ip->version != 4 || ip->ihl < 5)
		return PARSE_L4_CUT;
	pkt->ip = ip;
	pkt->is_ipv4 = true;
	if (ip->frag_off & bpf_htons(PARSE_IP_MF | PARSE_IP_OFFSET))
		pkt->is_fragment = true;
	if (ip->frag_off & bpf_htons(PARSE_IP_OFFSET))
		return PARSE_L4_LATER_FRAGMENT;
	next = parse_protocol(ip->protocol, decap);
	if (next != PARSE_L4_OTHER && !cursor_skip(cur, ip->ihl * 4U))
		return PARSE_L4_CUT;
	return next;
}

static __always_inline bool parse_is_ext(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS;
}

/* Steps over one extension header and moves *proto on; PARSE_L4_TCP means "go on". */
static __always_inline enum parse_l4 parse_ext_header(struct cursor *cur, struct packet *pkt,
						      __u8 *proto)
{
	if (*proto == IPPROTO_FRAGMENT) {
		const struct parse_frag *frag = cur->pos;

		if (!cursor_skip(cur, sizeof(*frag)))
			return PARSE_L4_CUT;
		pkt->is_fragment = true;
		if (frag->offset & bpf_htons(PARSE_IP6_OFFSET))
			return PARSE_L4_LATER_FRAGMENT;
		*proto = frag->next;
	} else {
		const struct parse_ext *ext = cur->pos;

		if (!cursor_has(cur, sizeof(*ext)) || !cursor_skip(cur, (ext->len + 1) * 8U))
			return PARSE_L4_CUT;
		*proto = ext->next;
	}
	return PARSE_L4_TCP;
}

static __always_inline enum parse_l4 parse_ipv6(struct cursor *cur, bool decap, struct packet *pkt)
{
	const struct ipv6hdr *ip = cur->pos;
	__u8 proto;

	if (!cursor_skip(cur, sizeof(*ip)) || ip->version != 6)
		return PARSE_L4_CUT;
	pkt->ip = ip;
	pkt->is_ipv4 = false;
	proto = ip->nexthdr;
#pragma unroll
	for (int i = 0; i < PARSE_EXT_MAX; i++) {
		enum parse_l4 step;

		if (!parse_is_ext(proto) && proto != IPPROTO_FRAGMENT)
			break;
		step = parse_ext_header(cur, pkt, &proto);
		if (step != PARSE_L4_TCP)
			return step;
	}
	/* A chain longer than the bound may or may not end in TCP: not understood. */
	if (parse_is_ext(proto) || proto == IPPROTO_FRAGMENT)
		return PARSE_L4_CUT;
	return parse_protocol(proto, decap);
}

static __always_inline enum parse_result parse_tcp(struct cursor *cur, struct packet *pkt)
{
	const __u8 mask = PARSE_TCP_SYN | PARSE_TCP_ACK | PARSE_TCP_RST | PARSE_TCP_FIN;
	const struct tcphdr *tcp = cur->pos;

	if (!cursor_has(cur, sizeof(*tcp)) || tcp->doff < 5 || !cursor_skip(cur, tcp->doff * 4U))
		return PARSE_MALFORMED;
	pkt->dport = tcp->dest;
	pkt->ack = tcp->ack_seq;
	pkt->is_syn = (((const __u8 *)tcp)[13] & mask) == PARSE_TCP_SYN;
	return PARSE_TCP;
}

/* What lies between Ethernet and TCP; with decap, two IP headers of any versions at most. */
static __always_inline enum parse_l4 parse_ip(struct cursor *cur, void *start, enum parse_l3 l3,
					      bool decap, struct packet *pkt)
{
	enum parse_l4 l4 =
		l3 == PARSE_L3_IPV4 ? parse_ipv4(cur, decap, pkt) : parse_ipv6(cur, decap, pkt);

	if (l4 != PARSE_L4_IPV4 && l4 != PARSE_L4_IPV6)
		return l4;
	cursor_rebase(cur, start);
	pkt->is_inner = true;
	if (l4 == PARSE_L4_IPV4)
		return parse_ipv4(cur, false, pkt);
	return parse_ipv6(cur, false, pkt);
}

static __always_inline enum parse_result parse_l4(struct cursor *cur, enum parse_l4 l4,
						  struct packet *pkt)
{
	switch (l4) {
	case PARSE_L4_TCP:
		return parse_tcp(cur, pkt);
	case PARSE_L4_LATER_FRAGMENT:
		return PARSE_FRAGMENT;
	case PARSE_L4_CUT:
		return PARSE_MALFORMED;
	default:
		return PARSE_NOT_TCP;
	}
}

/* PARSE_TCP: all of *pkt, zero before, is set. Any other result: nothing in it may be used. */
static __always_inline enum parse_result parse_packet(struct xdp_md *ctx, bool decap,
						      struct packet *pkt)
{
	void *start = (void *)(unsigned long)ctx->data;
	struct cursor cur = {
		.pos = start,
		.end = (void *)(unsigned long)ctx->data_end,
	};
	enum parse_l3 l3 = parse_ethernet(&cur);
	enum parse_result result;

	if (l3 == PARSE_L3_OTHER)
		return PARSE_NOT_IP;
	if (l3 == PARSE_L3_CUT)
		return PARSE_MALFORMED;
	result = parse_l4(&cur, parse_ip(&cur, start, l3, decap, pkt), pkt);
	/* A first fragment that ends before its TCP header does is not broken. */
	if (result == PARSE_MALFORMED && pkt->is_fragment)
		return PARSE_FRAGMENT;
	return result;
}

/* *ret is zero before: the bytes behind an IPv4 address stay that. */
static __always_inline void packet_source(const struct packet *pkt, struct source *ret)
{
	ret->family = pkt->is_ipv4 ? 4 : 6;
	if (pkt->is_ipv4)
		ret->v4 = ((const struct iphdr *)pkt->ip)->saddr;
	else
		__builtin_memcpy(&ret->v6, &((const struct ipv6hdr *)pkt->ip)->saddr,
				 sizeof(ret->v6));
}

/* The same for the destination. */
static __always_inline void packet_dest(const struct packet *pkt, struct source *ret)
{
	ret->family = pkt->is_ipv4 ? 4 : 6;
	if (pkt->is_ipv4)
		ret->v4 = ((const struct iphdr *)pkt->ip)->daddr;
	else
		__builtin_memcpy(&ret->v6, &((const struct ipv6hdr *)pkt->ip)->daddr,
				 sizeof(ret->v6));
}

#endif
