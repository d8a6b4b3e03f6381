/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters: of the outcome of each packet, and of what happens beside it. */
#ifndef MXGATE_BPF_COUNT_H
#define MXGATE_BPF_COUNT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "cpu.h"

/* One that is missing changes nothing. */
static __always_inline void count_one(enum mxg_counter counter)
{
	struct mxg_counters *counters = cpu_get();

	if (counters && (__u32)counter < MXG_CTR_ROOM)
		counters->count[counter]++;
}

#endif
