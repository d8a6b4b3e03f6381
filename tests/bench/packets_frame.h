/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet that is sent, but for its source: that, and with it the checksums, is filled
 * in for each, in the kernel or here; and what a packet of a talk acknowledges.
 */
#ifndef MXGATE_TESTS_PACKETS_FRAME_H
#define MXGATE_TESTS_PACKETS_FRAME_H

#include <linux/types.h>

#include "packets.h"
#include "packets_sources.h"

struct frame {
	uint8_t data[FRAME_MAX];
	__u32 len;
	__u32 ip_sum, tcp_sum; /* RFC 1071, of all but those; tcp with its pseudo header */
};

/* Of packets: family, mac, kind. */
void packets_frame(const struct packets *packets, struct frame *frame);

/* The sum of the 16-bit words of an even number of bytes, as they lie in memory. */
__u32 packets_sum(const void *at, size_t len);

#endif
