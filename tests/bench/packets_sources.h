/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the generator in the kernel and the program that fills the tables agree on: the
 * sources, by number, and the two maps that they share.
 *
 * A source's address is worked out from its number by a bijection, so that the generator
 * reads no list: its memory traffic would meet that of the core that is measured. IPv4
 * sources lie in 32.0.0.0/3, where every address is an ordinary one; IPv6 sources have a
 * /64 of 2001:db8::/32 each.
 */
#ifndef MXGATE_TESTS_PACKETS_SOURCES_H
#define MXGATE_TESTS_PACKETS_SOURCES_H

#include <linux/types.h>

#define SOURCES_MAX (1u << 29) /* so many addresses has 32.0.0.0/3 */
#define SAMPLES_MAX (1u << 20)
#define SAMPLES_MAP "bench_samples"
#define SEND_MAP    "bench_send"
#define METER_MAP   "bench_meter"
#define LINES_MAP   "bench_lines"
#define TALK_SECRET                                                                                \
	{                                                                                          \
		{                                                                                  \
			0x5eed, 0xf00d                                                             \
		}                                                                                  \
	} /* what the gate's cookies are keyed with */
#define FRAME_MAX  128
#define CACHE_LINE 64
/*
 * So many frames are sent, then all are received, then the next. The ring of a veth takes
 * 256, and the sender's pool keeps as many pages as there are frames in a batch: what is
 * beyond either goes through the page allocator and its locks, at the receiver's cost.
 */
#define SEND_BATCH   192
#define SOURCES_NET4 0x20000000u
#define SOURCES_NET6 0x20010db8u

/* What the generator is told, and its random state. */
struct bench_send {
	__u64 random;
	__u64 due;     /* of the receiver's packets, when all that was sent has come */
	__u64 stalls;  /* times that they did not all come */
	__u32 left;    /* frames of the batch */
	__u32 ifindex; /* where the frames go out */
	__u32 first;   /* sources first, first + stride, ..., hot of them */
	__u32 stride;
	__u32 hot;
	__u32 ip_sum;  /* of the IPv4 header without source and checksum */
	__u32 tcp_sum; /* of TCP and its pseudo header without source and checksum */
	__u32 acked;   /* bytes of the gate's that a packet of a talk acknowledges, with its SYN */
	__u32 len;
	__u8 frame[FRAME_MAX]; /* as it is sent, but for source and what depends on it */
};

/* What the receiving thread's polls took. Samples go to SAMPLES_MAP, in ns. */
struct bench_meter {
	__u64 received; /* packets; the sender looks at it, so it has a line of its own */
	__u64 line[7];
	__u64 last_ns;
	__u32 last_work;
	__u32 pid; /* of the receiving thread; 0: nothing is measured */
	__u64 polls;
	__u64 samples; /* may be more than there is room for */
};

/* A bijection of 29 bits. */
static inline __u32 sources_mix29(__u32 x)
{
	const __u32 mask = SOURCES_MAX - 1;

	x ^= x >> 15;
	x = x * 0x2c1b3c6du & mask;
	x ^= x >> 12;
	x = x * 0x297a2d39u & mask;
	return x ^ x >> 15;
}

/* The finalizer of splitmix64. */
static inline __u64 sources_mix64(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* In host byte order. */
static inline __u32 sources_addr4(__u32 number)
{
	return SOURCES_NET4 | sources_mix29(number);
}

/* The two halves, in host byte order. */
static inline __u64 sources_net6(__u32 number)
{
	return (__u64)SOURCES_NET6 << 32 | sources_mix29(number);
}

static inline __u64 sources_host6(__u32 number)
{
	return sources_mix64(number + 1ULL);
}

#endif
