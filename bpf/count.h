/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters: of the outcome of each packet, and of what happens beside it; and a draw. */
#ifndef MXGATE_BPF_COUNT_H
#define MXGATE_BPF_COUNT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxg_counters);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_counters SEC(".maps");

/* One that is missing changes nothing. */
static __always_inline void count_one(enum mxg_counter counter)
{
	const __u32 zero = 0;
	struct mxg_counters *counters = bpf_map_lookup_elem(&mxg3_counters, &zero);

	if (counters && (__u32)counter < MXG_CTR_ROOM)
		counters->count[counter]++;
}

/*
 * 32 bits by chance, for what only samples: a linear congruential generator (Knuth's for MMIX),
 * whose upper half is good enough for that, and not worth a call to the kernel's. One that is
 * missing draws 0.
 */
static __always_inline __u32 count_draw(void)
{
	const __u32 zero = 0;
	struct mxg_counters *counters = bpf_map_lookup_elem(&mxg3_counters, &zero);

	if (!counters)
		return 0;
	counters->draw = counters->draw * 6364136223846793005ULL + 1442695040888963407ULL;
	return (__u32)(counters->draw >> 32);
}

#endif
