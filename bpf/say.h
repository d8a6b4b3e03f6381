/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is said to a rejected client, and the answers that carry it. The texts are the
 * worker's; the client's own address is put into them here, in the form of RFC 5952.
 *
 * A text does not fit into the frame of an acknowledgment, so the frame grows: at its
 * head, where each driver leaves 152 bytes and most 216, else at its tail, where buffers
 * that were cut to their packets have nothing. Only a program that the kernel lets do
 * that may include this.
 */
#ifndef MXGATE_BPF_SAY_H
#define MXGATE_BPF_SAY_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "parse.h"
#include "reply.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXG_SAY_SLOTS);
	__type(key, __u32);
	__type(value, struct mxg_say);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_say SEC(".maps");

#define SAY_ADDR_ROOM   64 /* MXG_SAY_ADDR and what a mask of its index lets through */
#define SAY_ADDR_SUMMED 40 /* whole words */
#define SAY_FRONT_MAX   22 /* Ethernet and two tags */
#define SAY_FRONT_MASK  0x1f

/* An address as text; zero behind it. */
struct say_addr {
	char text[SAY_ADDR_ROOM];
	__u32 len;
};

/* The text, or NULL if there is none that can be said. */
static __always_inline const struct mxg_say *say_get(__u32 slot)
{
	const struct mxg_say *say = bpf_map_lookup_elem(&mxg3_say, &slot);

	if (!say || !say->before_len || say->before_len > MXG_SAY_PART ||
	    say->after_len > MXG_SAY_PART ||
	    say->before_len + say->after_len + (say->has_addr ? MXG_SAY_ADDR : 0) > MXG_SAY_MAX)
		return NULL;
	return say;
}

/* 0: there is no such text. */
static __always_inline __u32 say_len(const struct mxg_say *say, const struct say_addr *addr)
{
	if (!say)
		return 0;
	return say->before_len + say->after_len + (say->has_addr ? addr->len : 0);
}

/* --- addresses ---------------------------------------------------------------- */

/* Writes a character, and keeps it only if it is wanted: the next one takes its place. */
static __always_inline void say_put(struct say_addr *addr, __u8 c, bool is_wanted)
{
	addr->text[addr->len % SAY_ADDR_ROOM] = (char)c;
	addr->len += is_wanted;
}

static __always_inline void say_hex(struct say_addr *addr, __u32 digit, bool is_wanted)
{
	say_put(addr, (__u8)(digit + (digit < 10 ? '0' : 'a' - 10)), is_wanted);
}

static __always_inline void say_addr4(const __u8 bytes[4], struct say_addr *ret)
{
#pragma unroll
	for (int i = 0; i < 4; i++) {
		const __u32 byte = bytes[i];

		say_put(ret, '.', i > 0);
		say_put(ret, (__u8)('0' + byte / 100), byte > 99);
		say_put(ret, (__u8)('0' + byte / 10 % 10), byte > 9);
		say_put(ret, (__u8)('0' + byte % 10), true);
	}
}

/* A bit for each group of the first longest run of two or more that are zero. */
static __always_inline __u32 say_longest_run(const __be16 groups[8])
{
	__u32 zeros = 0, starts, run = 0;

#pragma unroll
	for (int i = 0; i < 8; i++)
		zeros |= (__u32)(groups[i] == 0) << i;
	starts = zeros;
#pragma unroll
	for (int len = 2; len <= 8; len++) {
		starts &= zeros >> (len - 1);
		if (starts)
			run = (starts & -starts) * ((1U << len) - 1);
	}
	return run;
}

static __always_inline void say_addr6(const __be16 groups[8], struct say_addr *ret)
{
	const __u32 run = say_longest_run(groups);

#pragma unroll
	for (int i = 0; i < 8; i++) {
		const __u32 group = bpf_ntohs(groups[i]);
		const bool is_left_out = run >> i & 1;
		const bool begins = is_left_out && !(run << 1 >> i & 1);

		/* One between groups; a run has one before it and one behind. */
		say_put(ret, ':', begins || (i > 0 && !is_left_out));
		say_put(ret, ':', is_left_out && i == 7);
		say_hex(ret, group >> 12, group > 0xfff);
		say_hex(ret, group >> 8 & 0xf, group > 0xff);
		say_hex(ret, group >> 4 & 0xf, group > 0xf);
		say_hex(ret, group & 0xf, !is_left_out);
	}
}

/*
 * *ret is zero before; 0. Not static, so that the verifier looks at it once by itself and
 * not with all that follows for each length that an address can have.
 */
__noinline int say_address(const struct source *source, struct say_addr *ret)
{
	if (!source || !ret)
		return 0;
	if (source->family == 4)
		say_addr4((const __u8 *)&source->v4, ret);
	else
		say_addr6((const __be16 *)(const void *)source->v6.addr, ret);
	ret->text[ret->len % SAY_ADDR_ROOM] = '\0';
	return 0;
}

/* --- answers ------------------------------------------------------------------- */

/* A sum of 16 bits, of what begins at an odd or even place of what is summed. */
static __always_inline __u32 say_turn(__u16 sum, __u32 at)
{
	return at & 1 ? (__u16)(sum >> 8 | sum << 8) : sum;
}

static __always_inline __u16 say_checksum(const struct reply_sum *sum, const struct mxg_say *say,
					  const struct say_addr *addr)
{
	__u32 at = say->before_len;
	__u64 total = REPLY_SUM(sum) + say->before_sum;

	if (say->has_addr) {
		total += say_turn(reply_fold(reply_add(addr->text, SAY_ADDR_SUMMED)), at);
		at += addr->len;
	}
	return (__u16)~reply_fold(total + say_turn(say->after_sum, at));
}

static __always_inline bool say_grow(struct xdp_md *ctx, __u32 by)
{
	return bpf_xdp_adjust_head(ctx, -(int)by) == 0 || bpf_xdp_adjust_tail(ctx, (int)by) == 0;
}

/*
 * Writes len bytes, 1 to max, at offset at of the frame. The barrier keeps the test on the
 * very number that is used: the verifier of Linux 6.1 learns from no other that it is not 0.
 */
static __always_inline bool say_store_part(struct xdp_md *ctx, __u32 at, const void *part,
					   __u32 len, __u32 max)
{
	__u64 less = (__u64)len - 1;

	barrier_var(less);
	return less < max && bpf_xdp_store_bytes(ctx, at, (void *)part, (__u32)(less + 1)) == 0;
}

/* The text itself, from offset at of the frame on. */
static __always_inline bool say_store(struct xdp_md *ctx, __u32 at, const struct mxg_say *say,
				      const struct say_addr *addr)
{
	__u32 len = say->before_len;

	if (!say_store_part(ctx, at, say->before, len, MXG_SAY_PART))
		return false;
	at += len;
	if (say->has_addr) {
		len = addr->len;
		if (!say_store_part(ctx, at, addr->text, len, MXG_SAY_ADDR))
			return false;
		at += len;
	}
	len = say->after_len;
	return len == 0 || say_store_part(ctx, at, say->after, len, MXG_SAY_PART);
}

/* Where the headers of an answer are to be written: what is kept of the packet's. */
struct say_front {
	__u8 ethernet[SAY_FRONT_MAX];
	__u64 len; /* of Ethernet and tags */
	bool is_ip4;
};

/* The headers, into a frame that is long enough by now. */
static __always_inline bool say_put_headers(struct xdp_md *ctx, const struct say_front *front,
					    const struct reply_sum *sum)
{
	struct cursor cur = {
		.pos = (void *)(unsigned long)ctx->data,
		.end = (void *)(unsigned long)ctx->data_end,
	};
	void *at = cur.pos;

	if (!cursor_has(&cur, SAY_FRONT_MAX))
		return false;
	__builtin_memcpy(at, front->ethernet, SAY_FRONT_MAX);
	reply_turn_ethernet(at);
	cur.pos += front->len & SAY_FRONT_MASK;
	at = cur.pos;
	if (front->is_ip4) {
		if (!cursor_skip(&cur, sizeof(struct iphdr)))
			return false;
		reply_put_ip4(at, sum);
	} else {
		if (!cursor_skip(&cur, sizeof(struct ipv6hdr)))
			return false;
		reply_put_ip6(at, sum);
	}
	at = cur.pos;
	if (!cursor_skip(&cur, sizeof(sum->tcp)))
		return false;
	__builtin_memcpy(at, &sum->tcp, sizeof(sum->tcp));
	return true;
}

static __always_inline bool say_keep_front(const struct reply_headers *headers,
					   struct say_front *ret)
{
	if ((void *)headers->eth + SAY_FRONT_MAX > headers->end)
		return false;
	__builtin_memcpy(ret->ethernet, headers->eth, SAY_FRONT_MAX);
	ret->len = headers->front;
	ret->is_ip4 = headers->ip4;
	return true;
}

/*
 * The frame becomes the answer with this text, whose length is put into *reply, to be sent
 * by XDP_TX. False if there is no room to grow, or no such text any more: the frame is as it
 * was, and *reply may not be.
 */
static __noinline bool say_answer(struct xdp_md *ctx, struct reply *reply, __u32 slot,
				  struct say_addr *addr)
{
	const struct mxg_say *say = say_get(slot);
	struct reply_headers headers = {};
	struct reply_sum sum = {};
	struct say_front front = {};
	__u32 have, want, at;

	if (!reply || !say || !addr || !reply_find(ctx, &headers) ||
	    !say_keep_front(&headers, &front))
		return false;
	reply->data = (__u16)say_len(say, addr);
	reply_prepare(&headers, reply, &sum);
	sum.tcp.check = say_checksum(&sum, say, addr);
	at = (__u32)front.len + (front.is_ip4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
	     sizeof(sum.tcp);
	want = at + reply->data;
	have = (__u32)bpf_xdp_get_buff_len(ctx);
	if (want > have && !say_grow(ctx, want - have))
		return false;
	/* Neither fails in a frame of this length: the verifier's questions. */
	return say_put_headers(ctx, &front, &sum) && say_store(ctx, at, say, addr);
}

#endif
