/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/aftermath.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/min.h"
#include "base/text.h"

#define EVERYTHING "everything"

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
	zone->is_open |= other->is_open;
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

static void add(struct aftermath *aftermath, const struct aftermath_zone *zone, uint32_t now_sec)
{
	forget_old(aftermath, now_sec);
	if (aftermath->count == AFTERMATH_MAX)
		widen(aftermath, false);
	if (aftermath->count == AFTERMATH_MAX)
		widen(aftermath, true);
	put(aftermath, zone);
}

static struct aftermath_zone closed_now(const struct prefix *prefix, uint32_t since_sec,
					uint32_t memory_sec, uint32_t now_sec)
{
	return (struct aftermath_zone){
		.prefix = *prefix,
		.since_sec = since_sec,
		.closed_sec = now_sec,
		.counts_sec = now_sec + min_u32(memory_sec, AFTERMATH_SEC),
	};
}

void aftermath_add(struct aftermath *aftermath, const struct prefix *prefix, uint32_t since_sec,
		   uint32_t memory_sec, uint32_t now_sec)
{
	const struct aftermath_zone zone = closed_now(prefix, since_sec, memory_sec, now_sec);

	add(aftermath, &zone, now_sec);
}

void aftermath_add_open(struct aftermath *aftermath, const struct prefix *prefix,
			uint32_t since_sec, uint32_t memory_sec, uint32_t now_sec)
{
	struct aftermath_zone zone = closed_now(prefix, since_sec, memory_sec, now_sec);

	zone.is_open = true;
	add(aftermath, &zone, now_sec);
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

/* --- in words, for whoever judges next -------------------------------------------- */

const char *aftermath_to_text(const struct aftermath *aftermath, uint32_t now_sec,
			      char buf[static AFTERMATH_TEXT_MAX])
{
	char prefix[PREFIX_TEXT_MAX];
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < aftermath->count; i++) {
		const struct aftermath_zone *zone = &aftermath->zones[i];

		if (is_over(zone, now_sec))
			continue;
		used += (size_t)snprintf(buf + used, AFTERMATH_TEXT_MAX - used,
					 "%s %" PRIu32 " %" PRIu32 " %" PRIu32 " %s\n",
					 zone->prefix.addr.family
						 ? prefix_format(&zone->prefix, prefix)
						 : EVERYTHING,
					 zone->since_sec, zone->closed_sec, zone->counts_sec,
					 zone->is_open ? "open" : "closed");
	}
	return buf;
}

static int read_prefix(const char *word, struct prefix *ret)
{
	const char *why;

	if (word && strcmp(word, EVERYTHING) == 0)
		return 0;
	return word && prefix_parse(word, ret, &why) == 0 ? 0 : -EBADMSG;
}

static int read_zone(char *line, struct aftermath_zone *ret)
{
	struct aftermath_zone zone = {.is_open = false};
	char *rest = NULL;
	const char *state;
	int err = read_prefix(strtok_r(line, " ", &rest), &zone.prefix);

	if (err == 0)
		err = text_next_u32(&rest, 0, &zone.since_sec);
	if (err == 0)
		err = text_next_u32(&rest, 0, &zone.closed_sec);
	if (err == 0)
		err = text_next_u32(&rest, 0, &zone.counts_sec);
	state = err == 0 ? strtok_r(NULL, " ", &rest) : NULL;
	if (!state || strtok_r(NULL, " ", &rest) ||
	    (strcmp(state, "open") != 0 && strcmp(state, "closed") != 0) ||
	    zone.counts_sec < zone.closed_sec)
		return -EBADMSG;
	zone.is_open = strcmp(state, "open") == 0;
	*ret = zone;
	return 0;
}

/* Between the first moment that there is and now. */
static uint32_t moved(uint32_t sec, int64_t shift_sec, uint32_t now_sec)
{
	int64_t at_sec = (int64_t)sec + shift_sec;

	if (at_sec < 1)
		return 1;
	return at_sec < now_sec ? (uint32_t)at_sec : now_sec;
}

int aftermath_from_text(char *text, int64_t shift_sec, uint32_t now_sec, struct aftermath *ret)
{
	struct aftermath aftermath = {.count = 0};
	struct aftermath_zone zone;
	char *line, *rest = NULL;
	uint32_t memory_sec;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (read_zone(line, &zone) < 0)
			return -EBADMSG;
		memory_sec = min_u32(zone.counts_sec - zone.closed_sec, AFTERMATH_SEC);
		zone.since_sec = moved(zone.since_sec, shift_sec, now_sec);
		zone.closed_sec =
			zone.is_open ? now_sec : moved(zone.closed_sec, shift_sec, now_sec);
		zone.counts_sec = zone.closed_sec + memory_sec;
		zone.is_open = false;
		add(&aftermath, &zone, now_sec);
	}
	*ret = aftermath;
	return 0;
}
