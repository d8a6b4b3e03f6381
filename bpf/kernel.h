/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What of the kernel is newer than the maps: one name, and two ways to it. Built with MXG_COMPAT
 * the gate asks for nothing that Linux 5.10 lacks, and loads on newer ones as well; it is for
 * kernels that do not take the other, which wants 5.18. Its verdicts are in the kernel's own HASH.
 */
#ifndef MXGATE_BPF_KERNEL_H
#define MXGATE_BPF_KERNEL_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define KERNEL_ROOM 64 /* bytes of kernel_room() */

#ifdef MXG_COMPAT

#define MXG_TABLE_HASH

/* With this section libbpf does not ask for several buffers, which is refused before 5.18. */
#define KERNEL_SEC_FRAGS "xdp"

/* Before 5.13 a function that the verifier looks at by itself takes no pointers. */
#define KERNEL_GLOBAL static __always_inline

/* From libbpf. The verifier knows it, and does not look at what it rules out. */
extern int LINUX_KERNEL_VERSION __kconfig;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, KERNEL_ROOM);
} kernel_rooms SEC(".maps");

/* The coarse clock is of 5.11. */
static __always_inline __u64 kernel_now(void)
{
	return bpf_ktime_get_ns();
}

/* Before 5.12 no atomic operation gives a value: next is there, and nobody knows what was. */
static __always_inline bool kernel_swap(__u64 *word, __u64 was, __u64 next)
{
	(void)was;
	*(volatile __u64 *)word = next;
	return false;
}

/* Before 5.18 there is one buffer, and no helper to ask for more. */
static __always_inline __u64 kernel_frame_len(struct xdp_md *ctx)
{
	if (LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 18, 0))
		return ctx->data_end - ctx->data;
	return bpf_xdp_get_buff_len(ctx);
}

/* Before 5.12 the stack is written to at places alone that the verifier knows. */
static __always_inline void *kernel_room(void *ret)
{
	const __u32 zero = 0;

	(void)ret;
	return bpf_map_lookup_elem(&kernel_rooms, &zero);
}

#else

#define KERNEL_SEC_FRAGS "xdp.frags"
#define KERNEL_GLOBAL    __noinline

/* CLOCK_MONOTONIC in ns, never ahead of it and at most a tick behind. */
static __always_inline __u64 kernel_now(void)
{
	return bpf_ktime_get_coarse_ns();
}

/* Puts next in the place of was. False: something else was there, or it cannot be told. */
static __always_inline bool kernel_swap(__u64 *word, __u64 was, __u64 next)
{
	return __sync_val_compare_and_swap(word, was, next) == was;
}

/* All bytes of a frame, in however many buffers. */
static __always_inline __u64 kernel_frame_len(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

/* Where what is to be in *ret may be put together, at any offset. NULL never. */
static __always_inline void *kernel_room(void *ret)
{
	return ret;
}

#endif

#endif
