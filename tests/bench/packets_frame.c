// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "packets_frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#define MX_PORT 25

static const char hello[] = "EHLO mail1.example.net\r\n"; /* of an even length */

/* What Linux sends: MSS, SACK permitted, timestamps, window scale. */
static const uint8_t syn_options[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
				      0, 1, 0, 0,   0, 0, 1, 3,  3, 7};

__u32 packets_sum(const void *at, size_t len)
{
	__u32 sum = 0;
	uint16_t word;

	for (size_t i = 0; i + 1 < len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)at + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static void put(struct frame *frame, const void *bytes, size_t len)
{
	memcpy(frame->data + frame->len, bytes, len);
	frame->len += (__u32)len;
}

/* What stands behind the TCP header of each kind, and its flags. */
static const struct {
	const void *at;
	size_t len;
	bool is_data, is_syn, is_ack;
} tails[] = {
	[PACKETS_SYN] = {syn_options, sizeof(syn_options), .is_syn = true},
	[PACKETS_ACK] = {"", 0, .is_ack = true},
	[PACKETS_EHLO] = {hello, sizeof(hello) - 1, .is_data = true, .is_ack = true},
};

static size_t tcp_len(enum packets_kind kind)
{
	return sizeof(struct tcphdr) + tails[kind].len;
}

static void put_tcp(struct frame *frame, enum packets_kind kind)
{
	const size_t options = tails[kind].is_data ? 0 : tails[kind].len;
	struct tcphdr tcp = {.source = htons(40000),
			     .dest = htons(MX_PORT),
			     .seq = htonl(1000),
			     .window = htons(64240)};
	const __u16 length = htons((uint16_t)tcp_len(kind)), proto = htons(IPPROTO_TCP);

	tcp.doff = (sizeof(tcp) + options) / 4 & 0xf;
	tcp.syn = tails[kind].is_syn;
	tcp.ack = tails[kind].is_ack;
	frame->tcp_sum += packets_sum(&tcp, sizeof(tcp)) +
			  packets_sum(tails[kind].at, tails[kind].len) + length + proto;
	put(frame, &tcp, sizeof(tcp));
	put(frame, tails[kind].at, tails[kind].len);
}

static void put_ip4(struct frame *frame, enum packets_kind kind)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};

	ip.tot_len = htons((uint16_t)(sizeof(ip) + tcp_len(kind)));
	inet_pton(AF_INET, PACKETS_MX4, &ip.daddr);
	frame->ip_sum = packets_sum(&ip, sizeof(ip));
	frame->tcp_sum = packets_sum(&ip.daddr, sizeof(ip.daddr));
	put(frame, &ip, sizeof(ip));
}

static void put_ip6(struct frame *frame, enum packets_kind kind)
{
	struct ip6_hdr ip = {.ip6_flow = htonl(6U << 28), .ip6_nxt = IPPROTO_TCP, .ip6_hlim = 64};

	ip.ip6_plen = htons((uint16_t)tcp_len(kind));
	inet_pton(AF_INET6, PACKETS_MX6, &ip.ip6_dst);
	frame->tcp_sum = packets_sum(&ip.ip6_dst, sizeof(ip.ip6_dst));
	put(frame, &ip, sizeof(ip));
}

void packets_frame(const struct packets *packets, struct frame *frame)
{
	struct ethhdr eth = {.h_source = {2, 0, 0, 0, 0, 1}};

	eth.h_proto = htons(packets->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(eth.h_dest, packets->mac, sizeof(eth.h_dest));
	memset(frame, 0, sizeof(*frame));
	put(frame, &eth, sizeof(eth));
	if (packets->family == 4)
		put_ip4(frame, packets->kind);
	else
		put_ip6(frame, packets->kind);
	put_tcp(frame, packets->kind);
}
