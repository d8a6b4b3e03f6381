/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define WAYS 8

_Static_assert(sizeof(struct history_source) == 32, "half a cache line a source");

struct history {
	uint64_t seed;
	uint32_t sets; /* a power of two */
	struct history_source *sources;
};

struct history *history_new(uint32_t sources, uint64_t seed)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->seed = seed;
	history->sets = 1;
	while (history->sets < sources / WAYS && history->sets < 1u << 28)
		history->sets *= 2;
	history->sources = calloc((size_t)history->sets * WAYS, sizeof(*history->sources));
	if (!history->sources) {
		free(history);
		return NULL;
	}
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	free(history->sources);
	free(history);
}

static struct history_source *set_of(const struct history *history, const struct addr *addr)
{
	uint64_t hash = hash_bytes(history->seed, addr, sizeof(*addr));

	return &history->sources[(size_t)(hash & (history->sets - 1)) * WAYS];
}

struct history_source *history_find(struct history *history, const struct addr *addr)
{
	struct history_source *set = set_of(history, addr);

	for (unsigned int i = 0; i < WAYS; i++)
		if (addr_equal(&set[i].addr, addr))
			return &set[i];
	return NULL;
}

/* When it was last heard of. */
static uint32_t touched(const struct history_source *source)
{
	uint32_t last = source->good_sec;

	if (source->bad_sec > last)
		last = source->bad_sec;
	return source->last_sec > last ? source->last_sec : last;
}

/* True if a makes way rather than b. */
static bool is_lesser(const struct history_source *a, const struct history_source *b)
{
	if (!a->addr.family != !b->addr.family)
		return !a->addr.family;
	if (!a->good_sec != !b->good_sec)
		return !a->good_sec;
	return touched(a) < touched(b);
}

struct history_source *history_get(struct history *history, const struct addr *addr)
{
	struct history_source *source = history_find(history, addr);
	struct history_source *set = set_of(history, addr);

	if (source)
		return source;
	source = set;
	for (unsigned int i = 1; i < WAYS; i++)
		if (is_lesser(&set[i], source))
			source = &set[i];
	memset(source, 0, sizeof(*source));
	source->addr = *addr;
	return source;
}

void history_forget(struct history *history, const struct prefix *prefix)
{
	for (size_t i = 0; i < (size_t)history->sets * WAYS; i++) {
		struct history_source *source = &history->sources[i];

		if (source->addr.family && (!prefix || prefix_contains(prefix, &source->addr)))
			memset(source, 0, sizeof(*source));
	}
}

bool history_is_good(const struct history_source *source, uint32_t now_sec)
{
	return source && source->good_sec && now_sec - source->good_sec <= HISTORY_GOOD_SEC;
}

void history_on_good(struct history_source *source, uint32_t now_sec)
{
	source->good_sec = now_sec;
	source->bad_sec = 0;
	source->last_sec = 0;
	source->seen = 0;
	source->server = 0;
}

bool history_on_bad(struct history_source *source, uint32_t now_sec)
{
	bool is_flip = !source->bad_sec && history_is_good(source, now_sec);

	if (!source->bad_sec)
		source->bad_sec = now_sec;
	return is_flip;
}
