/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A keyed 64-bit hash of a few bytes for tables of fixed size: with a random seed
 * nobody outside can tell which keys share a place. Not for anything that must
 * resist an attacker who sees its values.
 */
#ifndef MXGATE_BASE_HASH_H
#define MXGATE_BASE_HASH_H

#include <mxgate/table.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = mxg_mix(seed ^ (uint64_t)len), word;

	for (; len > 0; at += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, at, n);
		hash = mxg_mix(hash ^ word);
		len -= n;
	}
	return hash;
}

#endif
