/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What each CPU keeps for itself: the counters, and what saves it a call into the kernel for
 * each SYN. A call and its way back cost some 10 ns where processors are to return safely.
 */
#ifndef MXGATE_BPF_CPU_H
#define MXGATE_BPF_CPU_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxg_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_counters SEC(".maps");

/* NULL never, but the verifier's question. */
static __always_inline struct mxg_counters *cpu_get(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&mxg3_counters, &zero);
}

/*
 * CLOCK_MONOTONIC_COARSE in ns, or what it was a tick ago. It moves with the kernel's ticks
 * alone, so it is asked again when their number, which needs no call, is another.
 */
static __always_inline __u64 cpu_now(struct mxg_counters *cpu)
{
	const __u64 tick = bpf_jiffies64();

	if (!cpu)
		return kernel_now();
	if (cpu->tick != tick || !cpu->now_ns) {
		cpu->now_ns = kernel_now();
		cpu->tick = tick;
	}
	return cpu->now_ns;
}

/*
 * 32 bits by chance, for what only samples: a linear congruential generator (Knuth's for
 * MMIX), whose upper half is good enough for that.
 */
static __always_inline __u32 cpu_draw(struct mxg_counters *cpu)
{
	cpu->draw = cpu->draw * 6364136223846793005ULL + 1442695040888963407ULL;
	return (__u32)(cpu->draw >> 32);
}

#endif
