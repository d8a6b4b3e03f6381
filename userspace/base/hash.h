/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A keyed 64-bit hash of a few bytes for tables of fixed size: with a random seed
 * nobody outside can tell which keys share a place. Not for anything that must
 * resist an attacker who sees its values.
 */
#ifndef MXGATE_BASE_HASH_H
#define MXGATE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The finalizer of splitmix64: a bijection in which every bit reaches every other. */
static inline uint64_t hash_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = hash_mix(seed ^ (uint64_t)len), word;

	for (; len > 0; at += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, at, n);
		hash = hash_mix(hash ^ word);
		len -= n;
	}
	return hash;
}

#endif
