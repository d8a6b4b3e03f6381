/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A log of records in a ring of bytes. Positions only grow, the ring is their low
 * bits: oldest <= taken <= head. A bucket has the position of the newest
 * record of its addresses, a record that of the one before it in its bucket; what is
 * older than oldest has been written over, and ends a chain.
 */
#include "core/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pages.h"

#define ALIGN        64  /* so that a filler fits wherever anything is left */
#define BUCKET_BYTES 128 /* of the ring for each bucket: about one record */
#define NOWHERE      UINT64_MAX

struct record {
	uint32_t size; /* of the record, to the next */
	uint32_t len;
	uint64_t before; /* in its bucket, or NOWHERE */
	int64_t decided_sec;
	int64_t expires_sec;
	struct addr addr; /* family 0: filler at the end of the ring */
	bool must_keep;
};

_Static_assert(sizeof(struct record) <= ALIGN, "a filler fits");

struct recent {
	uint8_t *bytes;
	uint64_t *bucket;
	size_t size, buckets;
	uint64_t oldest, taken, head;
	uint32_t pending;
	recent_lost_fn on_lost;
	void *user;
};

static struct record *record_at(const struct recent *recent, uint64_t at)
{
	return (struct record *)(void *)(recent->bytes + (at & (recent->size - 1)));
}

static uint64_t *bucket_of(const struct recent *recent, const struct addr *addr)
{
	uint64_t hash = hash_bytes(0, addr, sizeof(*addr));

	return &recent->bucket[hash & (recent->buckets - 1)];
}

static size_t power_of_two(size_t at_least)
{
	size_t size = 1;

	while (size < at_least)
		size *= 2;
	return size;
}

struct recent *recent_new(size_t size, recent_lost_fn on_lost, void *user)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (!recent)
		return NULL;
	recent->size = power_of_two(size);
	recent->buckets = power_of_two(recent->size / BUCKET_BYTES + 1);
	recent->bytes = pages_new(recent->size);
	recent->bucket = malloc(recent->buckets * sizeof(*recent->bucket));
	if (!recent->bytes || !recent->bucket) {
		recent_free(recent);
		return NULL;
	}
	memset(recent->bucket, 0xff, recent->buckets * sizeof(*recent->bucket));
	recent->on_lost = on_lost;
	recent->user = user;
	return recent;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	pages_free(recent->bytes, recent->size);
	free(recent->bucket);
	free(recent);
}

static void to_entry(const struct record *record, struct recent_entry *ret)
{
	*ret = (struct recent_entry){.addr = record->addr,
				     .must_keep = record->must_keep,
				     .decided_sec = record->decided_sec,
				     .expires_sec = record->expires_sec,
				     .data = record + 1,
				     .len = record->len};
}

/* The oldest record makes way. */
static void forget_oldest(struct recent *recent)
{
	const struct record *record = record_at(recent, recent->oldest);
	struct recent_entry entry;

	if (recent->oldest == recent->taken) {
		recent->taken += record->size;
		if (record->addr.family != 0) {
			recent->pending--;
			to_entry(record, &entry);
			recent->on_lost(&entry, recent->user);
		}
	}
	recent->oldest += record->size;
}

/* A record lies in one piece. */
static struct record *append(struct recent *recent, uint32_t size)
{
	size_t left = recent->size - (recent->head & (recent->size - 1));
	uint64_t end = recent->head + (left < size ? left : 0) + size;
	struct record *record;

	while (end - recent->oldest > recent->size)
		forget_oldest(recent);
	record = record_at(recent, recent->head);
	if (left < size) {
		*record = (struct record){.size = (uint32_t)left};
		recent->head += left;
		record = record_at(recent, recent->head);
	}
	recent->head += size;
	return record;
}

int recent_put(struct recent *recent, const struct recent_entry *entry)
{
	size_t size = (sizeof(struct record) + entry->len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	uint64_t *bucket = bucket_of(recent, &entry->addr);
	struct record *record;

	if (size > recent->size / 4)
		return -E2BIG;
	record = append(recent, (uint32_t)size);
	*record = (struct record){.size = (uint32_t)size,
				  .len = (uint32_t)entry->len,
				  .before = *bucket,
				  .decided_sec = entry->decided_sec,
				  .expires_sec = entry->expires_sec,
				  .addr = entry->addr,
				  .must_keep = entry->must_keep};
	memcpy(record + 1, entry->data, entry->len);
	*bucket = recent->head - size;
	recent->pending++;
	return 0;
}

int recent_get(const struct recent *recent, const struct addr *addr, struct recent_entry *ret)
{
	uint64_t at = *bucket_of(recent, addr);
	const struct record *record;

	for (; at != NOWHERE && at >= recent->oldest; at = record->before) {
		record = record_at(recent, at);
		if (addr_equal(&record->addr, addr)) {
			to_entry(record, ret);
			return 0;
		}
	}
	return -ENOENT;
}

bool recent_next(struct recent *recent, struct recent_entry *ret)
{
	const struct record *record;

	for (; recent->taken < recent->head; recent->taken += record->size) {
		record = record_at(recent, recent->taken);
		if (record->addr.family == 0)
			continue;
		to_entry(record, ret);
		return true;
	}
	return false;
}

void recent_take(struct recent *recent)
{
	recent->taken += record_at(recent, recent->taken)->size;
	recent->pending--;
}

uint32_t recent_pending(const struct recent *recent)
{
	return recent->pending;
}
