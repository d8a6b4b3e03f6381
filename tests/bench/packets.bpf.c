// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel's side of tests/bench/gate:
 *
 *   bench_send4, bench_send6   live frames of BPF_PROG_TEST_RUN: give the frame another
 *                              source and send it out
 *   bench_talk4, bench_talk6   the same, and acknowledge what the gate would have said to
 *                              that source: packets of a talk with who is rejected
 *   bench_drop                 the least an XDP program can do
 *   bench_parse                the gate's own parser, then the same drop
 *   bench_line                 the same, and one word of a line of memory that the source
 *                              picks: less than this no table can do
 *   bench_tx, bench_grow       send each frame back, as it is or with as much more as a text
 *   bench_on_poll              takes the time between two full polls of the receiving
 *                              thread, one after the other: all that those packets cost
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/table.h>

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function" /* of replies, only the numbers */
#include "../../bpf/cookie.h"
#pragma clang diagnostic pop
#include "../../bpf/parse.h"
#include "packets_sources.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_send);
} bench_send SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_meter);
} bench_meter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SAMPLES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} bench_samples SEC(".maps");

/* As many as the gate has for the sources. One buffer, reached without a helper. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct mxg_line4));
} bench_lines SEC(".maps");

const volatile __u32 bench_line_count = 1;

#define GROW_BYTES 96        /* of a text */
#define GROW_AT    54        /* behind Ethernet, IPv4 and TCP */
#define WAIT_STEPS (1 << 20) /* longer than the slowest receiver needs */

struct wait {
	struct bench_meter *meter;
	__u64 due, received;
};

static long wait_step(__u32 step, struct wait *wait)
{
	(void)step;
	wait->received = *(volatile __u64 *)&wait->meter->received;
	return wait->received >= wait->due;
}

/* Until the receiver has all that was sent, then on to the next batch. */
static __always_inline void begin_batch(struct bench_send *send)
{
	const __u32 zero = 0;
	struct wait wait = {.meter = bpf_map_lookup_elem(&bench_meter, &zero), .due = send->due};

	if (!wait.meter)
		return;
	bpf_loop(WAIT_STEPS, wait_step, &wait, 0);
	if (wait.received < wait.due)
		send->stalls++;
	send->due = wait.received + SEND_BATCH;
	send->left = SEND_BATCH;
}

/* The number of the source of the next packet. */
static __always_inline __u32 next_source(struct bench_send *send)
{
	__u64 drawn;

	if (send->left == 0)
		begin_batch(send);
	send->left--;
	send->random += 0x9e3779b97f4a7c15ULL;
	drawn = sources_mix64(send->random) >> 32;
	return send->first + (__u32)(drawn * send->hot >> 32) * send->stride;
}

static __always_inline __u32 sum_of(__u64 word)
{
	return (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
}

/* RFC 1071. Whatever the byte order, as long as all words have the same. */
static __always_inline __u16 checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * Frames are used again as they were left: one that was answered is an answer, to somebody
 * else, and nobody's filter would look at it. Its MAC addresses show which has been. And one
 * that has grown at its tail would stay long: the kernel makes its length anew where the
 * program has moved something, be it but the begin of data that stand before it.
 */
static __always_inline void mend_frame(struct xdp_md *ctx, struct bench_send *send)
{
	void *data = (void *)(unsigned long)ctx->data, *end = (void *)(unsigned long)ctx->data_end;
	const struct ethhdr *eth = data;
	__u64 less = (__u64)send->len - 1;

	if ((void *)(eth + 1) > end ||
	    *(const __u32 *)(const void *)eth == *(const __u32 *)(const void *)send->frame)
		return;
	barrier_var(less);
	if (less < FRAME_MAX)
		bpf_xdp_store_bytes(ctx, 0, send->frame, (__u32)(less + 1));
	bpf_xdp_adjust_meta(ctx, -(int)sizeof(__u32));
}

/* The cookie that the gate would have given it, and so many bytes more. */
static __always_inline __be32 acknowledged(const struct reply_headers *headers,
					   const struct bench_send *send)
{
	__u32 cookie = 0;

	cookie_make(headers, cookie_slot(bpf_ktime_get_coarse_ns()), &cookie);
	return bpf_htonl(cookie + send->acked);
}

/* sum: of all that the checksum of TCP covers but the acknowledgment of a talk. */
static __always_inline int send_out(const struct reply_headers *headers,
				    const struct bench_send *send, __u32 sum, bool is_talk)
{
	struct tcphdr *tcp = headers->tcp;

	if (is_talk) {
		tcp->ack_seq = acknowledged(headers, send);
		sum += sum_of(tcp->ack_seq);
	}
	tcp->check = checksum(sum);
	return (int)bpf_redirect(send->ifindex, 0);
}

static __always_inline int send4(struct xdp_md *ctx, bool is_talk)
{
	struct reply_headers headers = {};
	struct iphdr *ip;
	struct tcphdr *tcp;
	const __u32 zero = 0;
	struct bench_send *send = bpf_map_lookup_elem(&bench_send, &zero);
	__u32 sum;

	if (!send)
		return XDP_DROP;
	mend_frame(ctx, send);
	ip = (void *)(unsigned long)ctx->data + sizeof(struct ethhdr);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	ip->saddr = bpf_htonl(sources_addr4(next_source(send)));
	ip->check = checksum(send->ip_sum + sum_of(ip->saddr));
	sum = send->tcp_sum + sum_of(ip->saddr);
	headers.ip4 = ip;
	headers.tcp = tcp;
	return send_out(&headers, send, sum, is_talk);
}

static __always_inline int send6(struct xdp_md *ctx, bool is_talk)
{
	struct reply_headers headers = {};
	struct ipv6hdr *ip;
	struct tcphdr *tcp;
	const __u32 zero = 0;
	struct bench_send *send = bpf_map_lookup_elem(&bench_send, &zero);
	__u32 number, sum;
	__u64 half[2];

	if (!send)
		return XDP_DROP;
	mend_frame(ctx, send);
	ip = (void *)(unsigned long)ctx->data + sizeof(struct ethhdr);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	number = next_source(send);
	half[0] = bpf_cpu_to_be64(sources_net6(number));
	half[1] = bpf_cpu_to_be64(sources_host6(number));
	__builtin_memcpy(&ip->saddr, half, sizeof(half));
	sum = send->tcp_sum + sum_of(half[0]) + sum_of(half[1]);
	headers.ip6 = ip;
	headers.tcp = tcp;
	return send_out(&headers, send, sum, is_talk);
}

SEC("xdp")
int bench_send4(struct xdp_md *ctx)
{
	return send4(ctx, false);
}

SEC("xdp")
int bench_send6(struct xdp_md *ctx)
{
	return send6(ctx, false);
}

SEC("xdp")
int bench_talk4(struct xdp_md *ctx)
{
	return send4(ctx, true);
}

SEC("xdp")
int bench_talk6(struct xdp_md *ctx)
{
	return send6(ctx, true);
}

SEC("xdp")
int bench_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* The least that an answer costs: the frame goes back as it is. */
SEC("xdp")
int bench_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(unsigned long)ctx->data;
	__u8 mac[ETH_ALEN];

	if ((void *)(eth + 1) > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(mac, eth->h_dest, sizeof(mac));
	__builtin_memcpy(eth->h_dest, eth->h_source, sizeof(mac));
	__builtin_memcpy(eth->h_source, mac, sizeof(mac));
	return XDP_TX;
}

/* The least that an answer with a text costs: the frame grows, and what is new is written. */
SEC("xdp")
int bench_grow(struct xdp_md *ctx)
{
	__u64 *word;

	if (bpf_xdp_adjust_tail(ctx, GROW_BYTES))
		return XDP_DROP;
	word = (void *)(unsigned long)ctx->data + GROW_AT;
	if ((void *)word + GROW_BYTES > (void *)(unsigned long)ctx->data_end)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < GROW_BYTES / 8; i++)
		*(volatile __u64 *)&word[i] = 0;
	return bench_tx(ctx);
}

SEC("xdp")
int bench_parse(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (parse_packet(ctx, false, &pkt) != PARSE_TCP)
		return XDP_PASS;
	return pkt.is_syn && pkt.dport == bpf_htons(25) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int bench_line(struct xdp_md *ctx)
{
	struct source source = {};
	struct packet pkt = {};
	__u64 *word;
	__u32 at;

	if (parse_packet(ctx, false, &pkt) != PARSE_TCP || !pkt.is_syn ||
	    pkt.dport != bpf_htons(25))
		return XDP_PASS;
	packet_source(&pkt, &source);
	at = (mxg_mix(source.family == 4 ? source.v4 : source.word[0]) >> 32) * bench_line_count >>
	     32;
	word = bpf_map_lookup_elem(&bench_lines, &at);
	/* All are zero; the drop has to wait for that. */
	return word && !*(volatile __u64 *)word ? XDP_DROP : XDP_PASS;
}

/* Args: napi, work done, budget. */
SEC("raw_tp/napi_poll")
int bench_on_poll(struct bpf_raw_tracepoint_args *ctx)
{
	const __u32 zero = 0;
	struct bench_meter *meter = bpf_map_lookup_elem(&bench_meter, &zero);
	__u32 work = (__u32)ctx->args[1], budget = (__u32)ctx->args[2], slot;
	__u64 now, *sample;

	if (!meter || !meter->pid || (__u32)bpf_get_current_pid_tgid() != meter->pid)
		return 0;
	now = bpf_ktime_get_ns();
	if (work == budget && meter->last_work == budget) {
		slot = (__u32)meter->samples;
		sample = bpf_map_lookup_elem(&bench_samples, &slot);
		if (sample)
			*sample = now - meter->last_ns;
		meter->samples++;
	}
	meter->last_ns = now;
	meter->last_work = work;
	meter->received += work;
	meter->polls++;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
