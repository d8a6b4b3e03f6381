/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the fuzz targets share: a reader of the input's bytes, which yields zeros when
 * they have run out, and a check that ends the process, so that the fuzzer keeps the
 * input. A target holds no state from one input to the next.
 */
#ifndef MXGATE_TESTS_FUZZ_H
#define MXGATE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint8_t take8(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

static inline uint32_t take32(struct input *input)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | take8(input);
	return value;
}

/* Below limit, which is 256 at most. */
static inline unsigned int take_below(struct input *input, unsigned int limit)
{
	return take8(input) % limit;
}

/* TTLs that matter: ordinary ones, both ends, and the negative-looking. */
static inline uint32_t take_ttl(struct input *input)
{
	static const uint32_t ttls[] = {0,     1,         60,       300,       3600,
					86400, INT32_MAX, 1u << 31, UINT32_MAX};
	unsigned int which = take_below(input, 16);

	return which < sizeof(ttls) / sizeof(ttls[0]) ? ttls[which] : take32(input);
}

#endif
