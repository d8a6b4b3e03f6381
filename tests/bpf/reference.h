/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a frame is, read a second time: written from IEEE 802.1Q and the RFCs, for clarity
 * and not for speed, without a line or a constant of the gate's parser. It knows the named
 * hosts as gate_fill_hosts() makes them, and the gate in enforce mode.
 */
#ifndef MXGATE_TESTS_REFERENCE_H
#define MXGATE_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mxgate/abi.h>
#include "named.h"

/* What BPF_PROG_TEST_RUN puts into the first buffer where a page has 4,096 bytes. */
#define REFERENCE_BUFFER 3520

/*
 * The frame that must leave for one whose outcome is a reset: RFC 9293 §3.10.7.1 in the
 * room of what came, of which all but the headers stays.
 */
void reference_answer(const uint8_t *frame, size_t len, uint8_t *ret);

/* The outcome that the frame must count. */
enum mxg_counter reference_judge(const struct named_shape *shape, const uint8_t *frame, size_t len);

/*
 * Whether anything in the frame, at whatever place, could be the port and the flags of a
 * pure SYN to a protected port. Where it is false the gate has nothing to drop, whatever
 * any parser says.
 */
bool reference_has_syn(const struct named_shape *shape, const uint8_t *frame, size_t len);

#endif
