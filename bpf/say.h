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

#define SAY_ADDR_ROOM   48 /* MXG_SAY_ADDR, and what is written behind it and not kept */
#define SAY_CHARS       4  /* of a group */
#define SAY_ADDR_SUMMED 40 /* whole words */
#define SAY_FRONT_MAX   22 /* Ethernet and two tags */
#define SAY_FRONT_MASK  0x1f
#define SAY_AT_MASK     0x1ff /* headers and text */
#define SAY_GROWN_MASK  0xff  /* all that MXG_SAY_MAX takes */

/* An address as text; zero behind it. */
struct say_addr {
	union {
		char text[SAY_ADDR_ROOM];
		__u64 word[2]; /* all of IPv4 */
	};
	__u32 len;
	__u32 zero;
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

/*
 * Characters are put together in numbers, the first one lowest, and nothing branches on a
 * digit: which there are is as good as random, and BPF has no other choice but a jump.
 */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SAY_LE32(x) (x)
#define SAY_LE64(x) (x)
#else
#define SAY_LE32(x) __builtin_bswap32(x)
#define SAY_LE64(x) __builtin_bswap64(x)
#endif

/* 1 or 0: x is less than most, both below 2^63. */
static __always_inline __u32 say_less(__u64 x, __u64 most)
{
	return (__u32)((x - most) >> 63);
}

/* 0 to 255 in one to three digits; *ret_bits: 8 for each. */
static __always_inline __u64 say_octet(__u32 octet, __u32 *ret_bits)
{
	const __u32 hundreds = octet * 41 >> 12, tens = octet * 205 >> 11; /* exact below 256 */
	const __u32 missing = say_less(octet, 100) + say_less(octet, 10);
	const __u64 digits =
		0x303030 + (hundreds | (tens - hundreds * 10) << 8 | (octet - tens * 10) << 16);

	*ret_bits = 24 - missing * 8;
	return digits >> missing * 8;
}

/* Two octets with a dot between, up to seven characters. */
static __always_inline __u64 say_octets(const __u8 octets[2], __u32 *ret_bits)
{
	__u32 first, second;
	__u64 chars = say_octet(octets[0], &first);

	chars |= (__u64)'.' << first;
	chars |= say_octet(octets[1], &second) << (first + 8);
	*ret_bits = first + second + 8;
	return chars;
}

static __always_inline void say_addr4(const __u8 bytes[4], struct say_addr *ret)
{
	__u32 first, second, half;
	__u64 chars = say_octets(bytes, &first), more = say_octets(bytes + 2, &second);

	chars |= (__u64)'.' << first;
	/* By 32 to 64 bits and back, half at a time: a shift by all 64 is none. */
	first += 8;
	half = first / 2;
	ret->word[0] = SAY_LE64(chars | more << half << half);
	ret->word[1] = SAY_LE64(more >> (32 - half) >> (32 - half));
	ret->len = (first + second) / 8;
}

/* Four digits of a group without what it begins with in zeros; *ret_len: at least one. */
static __always_inline __u32 say_group(__u32 group, __u32 *ret_len)
{
	__u32 digits = group >> 12 | (group & 0xf00) | (group & 0xf0) << 12 | group << 28 >> 4;
	__u32 letters = (digits + 0x06060606) >> 4 & 0x01010101;
	__u32 missing = say_less(group, 0x1000) + say_less(group, 0x100) + say_less(group, 0x10);

	digits += 0x30303030 + letters * ('a' - '0' - 10);
	*ret_len = SAY_CHARS - missing;
	return digits >> missing * 8;
}

/* Writes four characters at len, and gives len behind those of them that are kept. */
static __always_inline __u32 say_put(struct say_addr *addr, __u32 len, __u32 chars, __u32 kept)
{
	__u32 __attribute__((may_alias)) *at = (void *)&addr->text[len];

	if (len > SAY_ADDR_ROOM - SAY_CHARS) /* never: the verifier's question */
		return len;
	*at = SAY_LE32(chars);
	return len + kept;
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
	__u32 len = 0;

#pragma unroll
	for (int i = 0; i < 8; i++) {
		const __u32 is_left_out = run >> i & 1;
		const __u32 begins = is_left_out & ~(run << 1 >> i);
		__u32 digits, chars = say_group(bpf_ntohs(groups[i]), &digits);

		/* One between groups; a run has one before it and one behind. */
		len = say_put(ret, len, ':', begins | ((i > 0) & ~is_left_out));
		len = say_put(ret, len, ':', is_left_out & (i == 7));
		len = say_put(ret, len, chars, digits & (is_left_out - 1));
	}
	ret->len = say_put(ret, len, 0, 0);
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

/* By how much the head has grown, 0 if it was the tail; negative if there is no room. */
static __always_inline int say_grow(struct xdp_md *ctx, __u32 by)
{
	if (bpf_xdp_adjust_head(ctx, -(int)by) == 0)
		return (int)by;
	return bpf_xdp_adjust_tail(ctx, (int)by);
}

/*
 * Writes len bytes at offset at of the frame, and gives len; or negative. In place, as a helper for
 * each part of a text would take longer than the text.
 */
static __always_inline int say_store(struct xdp_md *ctx, __u32 at, const char *from, __u32 len,
				     __u32 max)
{
	void *to = (void *)(unsigned long)ctx->data + (at & SAY_AT_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;
	__u32 i;

	if (len > max)
		return -1;
	/* It follows from the other bounds, but the verifier of 6.1 learns nothing from them. */
	barrier_var(len);
	for (i = 0; i + sizeof(__u64) <= max && i + sizeof(__u64) <= len; i += sizeof(__u64)) {
		if ((const void *)(to + i + sizeof(__u64)) > end)
			return -1;
		*(__u64 *)(to + i) = *(const __u64 *)(const void *)(from + i);
	}
	barrier_var(i); /* a counter to the verifier, not what the compiler knows of its end */
	for (; i < len; i++) {
		if (i >= max || (const void *)(to + i + 1) > end)
			return -1;
		*(char *)(to + i) = from[i];
	}
	return (int)len;
}

/*
 * The text from offset at of the frame on: what stands before the address, or what behind it,
 * and the address. How many bytes that were, negative if they do not fit. Not static, as
 * say_address().
 */
__noinline int say_store_part(struct xdp_md *ctx, __u32 at, __u32 slot, __u32 is_after)
{
	const struct mxg_say *say = say_get(slot);

	if (!say)
		return -1;
	if (is_after & 1)
		return say_store(ctx, at, say->after, say->after_len, MXG_SAY_PART);
	return say_store(ctx, at, say->before, say->before_len, MXG_SAY_PART);
}

__noinline int say_store_addr(struct xdp_md *ctx, __u32 at, const struct say_addr *addr)
{
	return addr ? say_store(ctx, at, addr->text, addr->len, MXG_SAY_ADDR) : -1;
}

/*
 * All of it, len bytes. False if that is not what there is, or not any more: the worker may
 * write a text anew at any time, and the frame has been made for the one before.
 */
static __always_inline bool say_store_text(struct xdp_md *ctx, __u32 at, __u32 slot,
					   const struct say_addr *addr, __u32 len)
{
	const struct mxg_say *say = say_get(slot);
	const bool has_addr = say && say->has_addr;
	const __u32 end = at + len;
	int part = say_store_part(ctx, at, slot, 0);

	if (part < 0)
		return false;
	at += (__u32)part;
	part = has_addr ? say_store_addr(ctx, at, addr) : 0;
	if (part < 0)
		return false;
	at += (__u32)part;
	part = at == end ? 0 : say_store_part(ctx, at, slot, 1);
	return part >= 0 && at + (__u32)part == end;
}

/* What there is of the packet where its answer is to be written. */
struct say_front {
	__u64 len;  /* of Ethernet and tags */
	__u32 from; /* where they are in the frame, which has grown */
	bool is_ip4;
};

/* To the frame's begin, and turned. All is read before any is written: the two may overlap. */
static __always_inline bool say_put_front(struct xdp_md *ctx, const struct say_front *front)
{
	void *to = (void *)(unsigned long)ctx->data;
	const void *from = to + (front->from & SAY_GROWN_MASK);
	__u64 word[2];
	__u32 more;
	__u16 rest;

	_Static_assert(SAY_FRONT_MAX == 22, "what is moved here");
	if (from + SAY_FRONT_MAX > (void *)(unsigned long)ctx->data_end)
		return false;
	word[0] = *(const __u64 *)from;
	word[1] = *(const __u64 *)(from + 8);
	more = *(const __u32 *)(from + 16);
	rest = *(const __u16 *)(from + 20);
	*(__u64 *)to = word[0];
	*(__u64 *)(to + 8) = word[1];
	*(__u32 *)(to + 16) = more;
	*(__u16 *)(to + 20) = rest;
	reply_turn_ethernet(to);
	return true;
}

/* The headers, into a frame that is long enough by now. */
static __always_inline bool say_put_headers(struct xdp_md *ctx, const struct say_front *front,
					    const struct reply_sum *sum)
{
	struct cursor cur = {
		.pos = (void *)(unsigned long)ctx->data,
		.end = (void *)(unsigned long)ctx->data_end,
	};
	void *at = cur.pos;

	if (!cursor_has(&cur, SAY_FRONT_MAX) || !say_put_front(ctx, front))
		return false;
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

/*
 * The frame becomes the answer with this text, whose length is put into *reply, but for the
 * text itself: gives its offset. 0 if there is no room to grow, or no such text any more: the
 * frame is as it was, and *reply may not be.
 */
static __noinline __u32 say_prepare(struct xdp_md *ctx, struct reply *reply, __u32 slot,
				    const struct say_addr *addr)
{
	const struct mxg_say *say = say_get(slot);
	struct reply_headers headers = {};
	struct reply_sum sum = {};
	struct say_front front = {};
	__u32 have, want, at;
	int grown = 0;

	if (!reply || !say || !addr || !reply_find(ctx, &headers))
		return 0;
	front.len = headers.front;
	front.is_ip4 = headers.ip4;
	reply->data = (__u16)say_len(say, addr);
	reply_prepare(&headers, reply, &sum);
	sum.tcp.check = say_checksum(&sum, say, addr);
	at = (__u32)front.len + (front.is_ip4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
	     sizeof(sum.tcp);
	want = at + reply->data;
	have = (__u32)bpf_xdp_get_buff_len(ctx);
	if (want > have)
		grown = say_grow(ctx, want - have);
	if (grown < 0)
		return 0;
	front.from = (__u32)grown;
	/* It does not fail in a frame of this length: the verifier's question. */
	return say_put_headers(ctx, &front, &sum) ? at : 0;
}

#endif
