/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the refusal responder shares with the worker: what it says, and what keys the
 * cookies by which it knows its own connections.
 */
#ifndef MXGATE_BPF_REFUSE_H
#define MXGATE_BPF_REFUSE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXG_SAY_SLOTS);
	__type(key, __u32);
	__type(value, struct mxg_say);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_say SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct mxg_secret);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_secret SEC(".maps");

#endif
