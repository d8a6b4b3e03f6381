/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is said to a rejected client, and the answers that carry it. The texts are the
 * worker's; the client's own address is put into them here, in the form of RFC 5952.
 *
 * A text does not fit into the frame of an acknowledgment, so the frame grows: at its
 * tail, where the headers need not be moved; else, as buffers that were cut to their packets
 * have nothing there, at its head, where each driver leaves 152 bytes and most 216. Only a
 * program that the kernel lets do that may include this.
 */
#ifndef MXGATE_BPF_SAY_H
#define MXGATE_BPF_SAY_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "kernel.h"
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
#define SAY_ADDR_MASK   0x3f
#define SAY_CHARS       4     /* of a group */
#define SAY_ADDR_SUMMED 40    /* whole words */
#define SAY_AT_MASK     0x1ff /* headers and text */
#define SAY_HEADERS_MAX 82    /* Ethernet, two tags, IPv6, TCP */
#define SAY_GROWN_MASK  0xff  /* all that MXG_SAY_MAX takes */
#define SAY_WORD        sizeof(__u64)
#define SAY_PIECE       32U /* of a longer text */

/* An address as text; zero behind it. */
struct say_addr {
	union {
		char text[SAY_ADDR_ROOM];
		__u64 word[2]; /* all of IPv4 */
	};
	__u32 len;
	__u32 zero;
};

_Static_assert(sizeof(struct say_addr) <= KERNEL_ROOM, "an address has room");

/*
 * A text, and its head as it was at one moment: the worker may write it anew at any time. Who
 * says what has become another text says as many bytes as the head names, with its checksum, which
 * is then of neither: it is asked for again, as if it had been lost. So it is, too, where a kernel
 * writes byte by byte and the head is half of each.
 */
struct say_text {
	const struct mxg_say *say; /* NULL: there is none that can be said */
	struct mxg_say_head head;
};

static __always_inline struct say_text say_get(__u32 slot)
{
	struct say_text ret = {.say = bpf_map_lookup_elem(&mxg3_say, &slot)};
	union {
		__u64 word;
		struct mxg_say_head head;
	} read;

	if (!ret.say)
		return ret;
	read.word = *(const volatile __u64 *)(const void *)&ret.say->head;
	ret.head = read.head;
	if (!ret.head.before_len || ret.head.before_len > MXG_SAY_PART ||
	    ret.head.after_len > MXG_SAY_PART ||
	    ret.head.before_len + ret.head.after_len + (ret.head.has_addr ? MXG_SAY_ADDR : 0) >
		    MXG_SAY_MAX)
		ret.say = NULL;
	return ret;
}

/* 0: there is no such text. */
static __always_inline __u32 say_len(const struct say_text *text, const struct say_addr *addr)
{
	if (!text->say)
		return 0;
	return text->head.before_len + text->head.after_len + (text->head.has_addr ? addr->len : 0);
}

/*
 * The same number, of which the verifier knows nothing any more: to it, all ways to here are
 * one, where each end of a loop is another for all that follows. key: any number that it does not
 * know, either.
 */
static __always_inline __u32 say_forget(__u32 number, __u32 key)
{
	number ^= key;
	barrier_var(number);
	return number ^ key;
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

/* Four numbers of 16 bits in one, which are worked at together; x in each. */
#define SAY_FOUR(x) (0x0001000100010001ULL * (x))

/* 1 in each of the four that is least or more; all below 2^15. */
static __always_inline __u64 say_four_from(__u64 four, __u64 least)
{
	return (four + SAY_FOUR(0x8000 - least)) >> 15 & SAY_FOUR(1);
}

/* The digits of four octets, three of each. */
struct say_octets {
	__u64 first_two;
	__u64 third;
	__u64 zeros; /* how many of each it begins with that are left out */
};

static __always_inline void say_octets(const __u8 bytes[4], struct say_octets *ret)
{
	__u64 octets = SAY_LE32(*(const __u32 *)(const void *)bytes), hundreds, tens;

	octets = (octets | octets << 16) & 0x0000ffff0000ffffULL;
	octets = (octets | octets << 8) & SAY_FOUR(0xff);
	hundreds = octets * 41 >> 12 & SAY_FOUR(0xf); /* exact below 256, as is the next */
	tens = octets * 205 >> 11 & SAY_FOUR(0x1f);
	ret->first_two = SAY_FOUR(0x3030) + hundreds + ((tens - hundreds * 10) << 8);
	ret->third = SAY_FOUR(0x30) + octets - tens * 10;
	ret->zeros = SAY_FOUR(2) - say_four_from(octets, 100) - say_four_from(octets, 10);
}

/* One of them, and what is to be behind it; *ret_bits: 8 for each character. */
static __always_inline __u64 say_octet(const struct say_octets *octets, int i, char behind,
				       __u32 *ret_bits)
{
	const __u32 zeros = (octets->zeros >> 16 * i & 3) * 8;
	const __u64 digits =
		(octets->first_two >> 16 * i & 0xffff) | (octets->third >> 16 * i & 0xff) << 16;

	*ret_bits = 32 - zeros;
	return (digits | (__u64)behind << 24) >> zeros;
}

static __always_inline void say_addr4(const __u8 bytes[4], struct say_addr *ret)
{
	struct say_octets octets;
	__u32 bits[4], half;
	__u64 chars, more;

	say_octets(bytes, &octets);
	chars = say_octet(&octets, 0, '.', &bits[0]);
	chars |= say_octet(&octets, 1, '.', &bits[1]) << bits[0];
	more = say_octet(&octets, 2, '.', &bits[2]);
	more |= say_octet(&octets, 3, '\0', &bits[3]) << bits[2];
	/* By 32 to 64 bits and back, half at a time: a shift by all 64 is none. */
	half = (bits[0] + bits[1]) / 2;
	ret->word[0] = SAY_LE64(chars | more << half << half);
	ret->word[1] = SAY_LE64(more >> (32 - half) >> (32 - half));
	ret->len = (bits[0] + bits[1] + bits[2] + bits[3]) / 8 - 1;
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
	const __u32 key = *(const __u32 *)(const void *)groups;
	const __u32 run = say_forget(say_longest_run(groups), key);
	__u32 len = 0;

#pragma unroll
	for (int i = 0; i < 8; i++) {
		const __u32 is_left_out = run >> i & 1;
		const __u32 begins = is_left_out & ~(run << 1 >> i);
		__u32 digits, chars = say_group(bpf_ntohs(groups[i]), &digits);

		/* One between groups; a run has one before it and one behind. */
		len = say_put(ret, len, ':', begins | ((i > 0) & ~is_left_out));
		len = say_put(ret, len, ':', is_left_out & (i == 7));
		len = say_forget(say_put(ret, len, chars, digits & (is_left_out - 1)), key);
		len &= SAY_ADDR_MASK; /* of what is forgotten 6.1 does not know 32 bits either */
		barrier_var(len);
	}
	ret->len = say_put(ret, len, 0, 0);
}

/*
 * *ret is zero before; 0. Not static where that can be, so that the verifier looks at it once by
 * itself and not with all that follows for each length that an address can have.
 */
KERNEL_GLOBAL int say_address6(const struct source *source, struct say_addr *ret)
{
	struct say_addr *room = kernel_room(ret);

	if (!source || !ret || !room)
		return 0;
	*room = *ret;
	say_addr6((const __be16 *)(const void *)source->v6.addr, room);
	*ret = *room;
	return 0;
}

static __always_inline void say_address(const struct source *source, struct say_addr *ret)
{
	if (source->family == 4)
		say_addr4((const __u8 *)&source->v4, ret);
	else
		say_address6(source, ret);
}

/* --- answers ------------------------------------------------------------------- */

static __always_inline __u64 say_addr_sum(const struct say_addr *addr)
{
	__u64 sum = REPLY_SUM(&addr->word);

	if (addr->len > sizeof(addr->word))
		sum += reply_add(addr->text + sizeof(addr->word),
				 SAY_ADDR_SUMMED - sizeof(addr->word));
	return sum;
}

/*
 * Not folded, as reply_fold() takes it. Of what begins at an odd place the two bytes of each 16
 * bits are the other way round, which is times 256 in such a sum (RFC 1071 §2 (B)).
 */
static __always_inline __u64 say_sum(const struct mxg_say_head *head, const struct say_addr *addr)
{
	__u32 at = head->before_len;
	__u64 total = head->before_sum;

	if (head->has_addr) {
		total += say_addr_sum(addr) << (at & 1) * 8;
		at += addr->len;
	}
	return total + ((__u64)head->after_sum << (at & 1) * 8);
}

/*
 * What began by bytes later in the frame, to its begin: the words of the first len bytes, of
 * which what is left are some of a TCP header that is to be written anew.
 */
static __always_inline void say_move(struct xdp_md *ctx, __u32 by, __u32 len)
{
	void *to = (void *)(unsigned long)ctx->data;
	const void *from = to + (by & SAY_GROWN_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;

	for (__u32 i = 0; i < SAY_HEADERS_MAX && i + SAY_WORD <= len; i += SAY_WORD) {
		if (from + i + SAY_WORD > end || to + i + SAY_WORD > (void *)end)
			return;
		*(__u64 *)(to + i) = *(const __u64 *)(from + i);
	}
}

/*
 * The frame, all in one buffer, gets want bytes, its headers at its begin. False: it cannot, and
 * is as it was.
 */
static __always_inline bool say_grow(struct xdp_md *ctx, __u32 headers_len, __u32 want, __u32 key)
{
	const __u32 have = (__u32)(ctx->data_end - ctx->data);

	if (want <= have || bpf_xdp_adjust_tail(ctx, (int)(want - have)) == 0)
		return true;
	if (bpf_xdp_adjust_head(ctx, (int)(have - want)) != 0)
		return false;
	say_move(ctx, want - have, say_forget(headers_len, key));
	return true;
}

static __always_inline void say_copy(void *to, const void *from, __u32 bytes)
{
#pragma unroll
	for (__u32 i = 0; i < bytes; i += SAY_WORD)
		*(__u64 *)(to + i) = *(const __u64 *)(from + i);
}

/*
 * len bytes, in pieces of so many, the last one with some of what stands before it. False: they
 * are fewer than a piece has or more than a part, or the frame ends before.
 */
static __always_inline bool say_store_pieces(void *to, const void *end, const char *from, __u32 len,
					     __u32 bytes, __u32 key)
{
	__u32 last;

	for (__u32 i = 0; i + bytes <= MXG_SAY_PART; i += bytes) {
		if (i + bytes > len)
			break;
		if ((const void *)(to + i + bytes) > end)
			return false;
		say_copy(to + i, from + i, bytes);
	}
	last = say_forget(len, key) - bytes;
	if (last > MXG_SAY_PART - bytes || (const void *)(to + last + bytes) > end)
		return false;
	say_copy(to + last, from + last, bytes);
	return true;
}

/*
 * Writes a part of a text at offset at of the frame, and gives its length; or negative. In place,
 * as a helper for each would take longer than the text.
 */
static __always_inline int say_store_part(struct xdp_md *ctx, __u32 at, const char *from, __u32 len,
					  __u32 key)
{
	void *to = (void *)(unsigned long)ctx->data + (at & SAY_AT_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;

	if (len >= SAY_PIECE)
		return say_store_pieces(to, end, from, len, SAY_PIECE, key) ? (int)len : -1;
	if (len >= SAY_WORD)
		return say_store_pieces(to, end, from, len, SAY_WORD, key) ? (int)len : -1;
	/* To clang 19, which knows its bound and leaves out what tells the verifier, too. */
	barrier_var(len);
	for (__u32 i = 0; i < SAY_WORD && i < len; i++) {
		if ((const void *)(to + i + 1) > end)
			return -1;
		*(char *)(to + i) = from[i];
	}
	return (int)len;
}

/* The same with an address; where there is room, zeros behind it, for the part that follows. */
static __always_inline int say_store_addr(struct xdp_md *ctx, __u32 at, const struct say_addr *addr,
					  __u32 key)
{
	void *to = (void *)(unsigned long)ctx->data + (at & SAY_AT_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;
	const __u32 len = say_forget(addr->len, key);

	for (__u32 i = 0; i < SAY_ADDR_SUMMED && i < len; i += SAY_WORD) {
		if ((const void *)(to + i + SAY_WORD) <= end) {
			*(__u64 *)(to + i) = *(const __u64 *)(const void *)(addr->text + i);
			continue;
		}
		for (__u32 j = i; j < i + SAY_WORD && j < len; j++) {
			if ((const void *)(to + j + 1) > end)
				return -1;
			*(char *)(to + j) = addr->text[j];
		}
	}
	return (int)len;
}

/*
 * All of it. False never: the verifier's question. key: any number that the verifier does not
 * know.
 */
static __always_inline bool say_store_text(struct xdp_md *ctx, __u32 at,
					   const struct say_text *text, const struct say_addr *addr,
					   __u32 key)
{
	int part = say_store_part(ctx, at, text->say->before, text->head.before_len, key);

	if (part < 0)
		return false;
	at = say_forget(at + (__u32)part, key);
	if (text->head.has_addr) {
		part = say_store_addr(ctx, at, addr, key);
		if (part < 0)
			return false;
		at = say_forget(at + (__u32)part, key);
	}
	return say_store_part(ctx, at, text->say->after, text->head.after_len, key) >= 0;
}

enum say_result {
	SAY_SAID,
	SAY_NO_ROOM, /* and nothing has changed */
	SAY_SPOILT,  /* never: the verifier's question */
};

/*
 * The frame, bare and all in one buffer, becomes the answer with this text. *reply has all but
 * what is said of data.
 */
static __always_inline enum say_result say_answer(struct xdp_md *ctx,
						  const struct reply_place *place,
						  struct reply *reply, const struct say_text *text,
						  const struct say_addr *addr)
{
	struct reply_headers headers = {};
	__u32 len = say_len(text, addr), at;

	if (!len || len > MXG_SAY_MAX) /* never, neither */
		return SAY_SPOILT;
	at = reply_tcp_at(place) + sizeof(struct tcphdr);
	if (!say_grow(ctx, at, at + len, reply->seq))
		return SAY_NO_ROOM;
	if (!reply_find_again(ctx, place, &headers))
		return SAY_SPOILT;
	reply->data = (__u16)len;
	reply->data_sum = say_sum(&text->head, addr);
	reply_in_place(&headers, reply);
	return say_store_text(ctx, at, text, addr, reply->seq) ? SAY_SAID : SAY_SPOILT;
}

#endif
