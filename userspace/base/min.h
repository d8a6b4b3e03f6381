/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The lesser and the greater of two numbers. */
#ifndef MXGATE_BASE_MIN_H
#define MXGATE_BASE_MIN_H

#include <stdint.h>

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

#endif
