/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The two clocks. Everything that expires uses the monotonic one, the same that
 * the gate reads; wall time is only for people and for what outlives a boot.
 */
#ifndef MXGATE_BASE_CLOCK_H
#define MXGATE_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_SEC 1000000000ULL

uint64_t clock_mono_ns(void);
/*
 * The gate reads the same clock as it was at the last tick (1 to 10 ms ago). What it
 * must not find to lie in the future is set so much earlier.
 */
#define CLOCK_LAG_NS (CLOCK_NS_PER_SEC / 10)
int64_t clock_wall_sec(void);

#define CLOCK_BOOT_MAX 40
/*
 * What tells this boot from all others, within which alone moments of the monotonic clock
 * can be compared. Returns buf; "" when the kernel does not say.
 */
const char *clock_boot(char buf[static CLOCK_BOOT_MAX]);

#endif
