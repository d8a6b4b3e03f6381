/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/aftermath.h"

#include <string.h>

#include "base/min.h"

static bool is_over(const struct aftermath_zone *zone, uint32_t now_sec)
{
	return now_sec - zone->closed_sec > AFTERMATH_SEC;
}

static void forget_old(struct aftermath *aftermath, uint32_t now_sec)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < aftermath->count; i++)
		if (!is_over(&aftermath->zones[i], now_sec))
			aftermath->zones[kept++] = aftermath->zones[i];
	aftermath->count = kept;
}

static void merge(struct aftermath_zone *zone, const struct aftermath_zone *other)
{
	zone->since_sec = min_u32(zone->since_sec, other->since_sec);
	zone->closed_sec = max_u32(zone->closed_sec, other->closed_sec);
	zone->counts_sec = max_u32(zone->counts_sec, other->counts_sec);
}

/* Into the one of the same prefix, else behind the last; there must be room for that. */
static void put(struct aftermath *aftermath, const struct aftermath_zone *zone)
{
	for (unsigned int i = 0; i < aftermath->count; i++)
		if (prefix_equal(&aftermath->zones[i].prefix, &zone->prefix)) {
			merge(&aftermath->zones[i], zone);
			return;
		}
	aftermath->zones[aftermath->count++] = *zone;
}

/* The /16 or /32 around it; a family: everything. */
static struct prefix wider(const struct prefix *prefix, bool is_everything)
{
	struct prefix wide = {0};
	uint8_t bits = prefix->addr.family == 4 ? 16 : 32;

	if (is_everything || prefix->addr.family == 0)
		return wide;
	if (prefix->bits <= bits)
		return *prefix;
	wide.addr.family = prefix->addr.family;
	wide.bits = bits;
	memcpy(wide.addr.bytes, prefix->addr.bytes, bits / 8u);
	return wide;
}

/* Whoever holds one network cannot crowd the others out, nor make it everything. */
static void widen(struct aftermath *aftermath, bool is_everything)
{
	unsigned int count = aftermath->count;
	struct aftermath_zone zone;

	aftermath->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		zone = aftermath->zones[i];
		zone.prefix = wider(&zone.prefix, is_everything);
		put(aftermath, &zone);
	}
}

void aftermath_add(struct aftermath *aftermath, const struct prefix *prefix, uint32_t since_sec,
		   uint32_t memory_sec, uint32_t now_sec)
{
	const struct aftermath_zone zone = {
		.prefix = *prefix,
		.since_sec = since_sec,
		.closed_sec = now_sec,
		.counts_sec = now_sec + min_u32(memory_sec, AFTERMATH_SEC),
	};

	forget_old(aftermath, now_sec);
	if (aftermath->count == AFTERMATH_MAX)
		widen(aftermath, false);
	if (aftermath->count == AFTERMATH_MAX)
		widen(aftermath, true);
	put(aftermath, &zone);
}

bool aftermath_find(const struct aftermath *aftermath, const struct addr *addr, uint32_t now_sec,
		    uint32_t *ret_since, uint32_t *ret_counts)
{
	struct aftermath_zone sum = {.since_sec = UINT32_MAX};
	const struct aftermath_zone *zone;
	bool is_there = false;

	for (unsigned int i = 0; i < aftermath->count; i++) {
		zone = &aftermath->zones[i];
		if (is_over(zone, now_sec) ||
		    (zone->prefix.addr.family && !prefix_contains(&zone->prefix, addr)))
			continue;
		merge(&sum, zone);
		is_there = true;
	}
	if (!is_there)
		return false;
	*ret_since = sum.since_sec;
	*ret_counts = sum.counts_sec;
	return true;
}
