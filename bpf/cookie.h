/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The sequence numbers of connections that the gate opens by itself: a keyed hash of the
 * connection and of the time, so that the acknowledgment of one shows, without any
 * memory, that its sender has received the answer to its SYN within the last 69 to 137 s.
 *
 * A number is the parity of its time slot (1 bit), seven zeros, and 24 bits of SipHash-1-3
 * over addresses, ports and slot, as many as a SYN cookie of the kernel has. The last zero
 * takes the carry of what is sent after it, so the parity can be read from any
 * acknowledgment, and one hash decides. The other six spare 63 of 64 connections of the
 * host, whose numbers are random, that hash. Without a secret there are no cookies.
 *
 * Who guesses is right once in a million packets, and has one text of some hundred bytes sent to
 * somebody else for that. So as many rounds are enough as others take for their tables.
 */
#ifndef MXGATE_BPF_COOKIE_H
#define MXGATE_BPF_COOKIE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "reply.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct mxg_secret);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_secret SEC(".maps");

#define COOKIE_PARITY_SHIFT 31
#define COOKIE_ZEROS        0x7e000000U
#define COOKIE_HASH         ((1U << 24) - 1)

/* The state of SipHash. */
struct cookie_sip {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 cookie_rotate(__u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static __always_inline void cookie_round(struct cookie_sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = cookie_rotate(sip->v1, 13) ^ sip->v0;
	sip->v0 = cookie_rotate(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = cookie_rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = cookie_rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = cookie_rotate(sip->v1, 17) ^ sip->v2;
	sip->v2 = cookie_rotate(sip->v2, 32);
}

static __always_inline void cookie_eat(struct cookie_sip *sip, __u64 word)
{
	sip->v3 ^= word;
	cookie_round(sip);
	sip->v0 ^= word;
}

static __always_inline void cookie_begin(struct cookie_sip *sip, const struct mxg_secret *secret)
{
	sip->v0 = secret->key[0] ^ 0x736f6d6570736575ULL;
	sip->v1 = secret->key[1] ^ 0x646f72616e646f6dULL;
	sip->v2 = secret->key[0] ^ 0x6c7967656e657261ULL;
	sip->v3 = secret->key[1] ^ 0x7465646279746573ULL;
}

/* last: what is left of all the bytes, less than a word. */
static __always_inline __u64 cookie_end(struct cookie_sip *sip, __u64 last, __u64 bytes)
{
	cookie_eat(sip, last | bytes << 56);
	sip->v2 ^= 0xff;
	cookie_round(sip);
	cookie_round(sip);
	cookie_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

/*
 * What is hashed is client, server, ports and the lower three bytes of the slot: 15 or 39 bytes,
 * in the order of memory, so that SipHash's own last word has some of them.
 */
static __always_inline __u32 cookie_hash(const struct reply_headers *headers,
					 const struct mxg_secret *secret, __u32 slot)
{
	const __u64 rest = *(const __u32 *)(const void *)headers->tcp | (__u64)(slot & 0xffffff)
										<< 32;
	struct cookie_sip sip;
	__u64 word[4];

	cookie_begin(&sip, secret);
	if (headers->ip4) {
		cookie_eat(&sip, (__u64)headers->ip4->daddr << 32 | headers->ip4->saddr);
		return (__u32)cookie_end(&sip, rest, 15);
	}
	if (!headers->ip6) /* never: the verifier's question */
		return 0;
	__builtin_memcpy(word, &headers->ip6->saddr, sizeof(word));
#pragma unroll
	for (int i = 0; i < 4; i++)
		cookie_eat(&sip, word[i]);
	return (__u32)cookie_end(&sip, rest, 39);
}

static __always_inline __u32 cookie_slot(__u64 now)
{
	return (__u32)(now >> MXG_COOKIE_SHIFT);
}

/* The number for this connection in this slot; false if there is no secret. */
static __always_inline bool cookie_make(const struct reply_headers *headers, __u32 slot, __u32 *ret)
{
	const __u32 at = slot >> (MXG_SECRET_SHIFT - MXG_COOKIE_SHIFT) & 1;
	const struct mxg_secret *secret = bpf_map_lookup_elem(&mxg3_secret, &at);

	if (!secret || !(secret->key[0] | secret->key[1]))
		return false;
	*ret = (slot & 1) << COOKIE_PARITY_SHIFT |
	       (cookie_hash(headers, secret, slot) & COOKIE_HASH);
	return true;
}

/* False: what acknowledges this is of no connection that the gate has opened. */
static __always_inline bool cookie_may_be(__be32 ack)
{
	return !(ack & bpf_htonl(COOKIE_ZEROS));
}

/*
 * How many bytes of ours, the SYN among them, the packet acknowledges: 1 to max. False if
 * it is not of a connection that the gate has opened in this slot or the one before.
 */
static __always_inline bool cookie_prove(const struct reply_headers *headers, __u64 now, __u32 max,
					 __u32 *ret)
{
	const __u32 ack = bpf_ntohl(headers->tcp->ack_seq);
	__u32 slot = cookie_slot(now), cookie;

	slot -= (slot ^ ack >> COOKIE_PARITY_SHIFT) & 1;
	if (!cookie_make(headers, slot, &cookie))
		return false;
	*ret = ack - cookie;
	return ack - cookie - 1 < max;
}

#endif
