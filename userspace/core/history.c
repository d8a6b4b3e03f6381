/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/min.h"
#include "base/pages.h"

#define WAYS        8
#define HANDED_OVER UINT16_MAX /* as its server */

_Static_assert(sizeof(struct history_source) == 32, "half a cache line a source");

struct history {
	uint64_t seed;
	uint32_t sets4, sets6; /* powers of two; those of IPv4 come first */
	struct history_source *sources;
};

static uint32_t sets_for(uint32_t sources)
{
	uint32_t sets = 1;

	while (sets < sources / WAYS && sets < 1u << 28)
		sets *= 2;
	return sets;
}

static size_t places(const struct history *history)
{
	return ((size_t)history->sets4 + history->sets6) * WAYS;
}

static size_t size_of(const struct history *history)
{
	return places(history) * sizeof(*history->sources);
}

struct history *history_new(uint32_t sources4, uint32_t sources6, uint64_t seed)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->seed = seed;
	history->sets4 = sets_for(sources4);
	history->sets6 = sets_for(sources6);
	history->sources = pages_new(size_of(history));
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
	pages_free(history->sources, size_of(history));
	free(history);
}

static struct history_source *set_of(const struct history *history, const struct addr *addr)
{
	uint64_t hash = hash_bytes(history->seed, addr, sizeof(*addr));
	size_t set = addr->family == 4 ? hash & (history->sets4 - 1)
				       : history->sets4 + (hash & (history->sets6 - 1));

	return &history->sources[set * WAYS];
}

/* Its place in the set, or WAYS. */
static unsigned int find_in(const struct history_source *set, const struct addr *addr)
{
	unsigned int i = 0;

	while (i < WAYS && !addr_equal(&set[i].addr, addr))
		i++;
	return i;
}

struct history_source *history_find(struct history *history, const struct addr *addr)
{
	struct history_source *set = set_of(history, addr);
	unsigned int at = find_in(set, addr);

	return at < WAYS ? &set[at] : NULL;
}

/* How much it is worth keeping: nothing, a bad one, a good one; the later the more. */
static uint64_t worth(const struct history_source *source)
{
	uint32_t last = source->good_sec > source->bad_sec ? source->good_sec : source->bad_sec;

	if (!source->addr.family)
		return 0;
	if (source->last_sec > last)
		last = source->last_sec;
	return (uint64_t)(source->good_sec ? 2 : 1) << 32 | last;
}

/* The place of the set that is worth the least. */
static unsigned int least_of(const struct history_source *set)
{
	unsigned int at = 0;

	for (unsigned int i = 1; i < WAYS; i++)
		if (worth(&set[i]) < worth(&set[at]))
			at = i;
	return at;
}

struct history_source *history_get(struct history *history, const struct addr *addr)
{
	struct history_source *set = set_of(history, addr);
	unsigned int at = find_in(set, addr);

	if (at < WAYS)
		return &set[at];
	at = least_of(set);
	memset(&set[at], 0, sizeof(set[at]));
	set[at].addr = *addr;
	return &set[at];
}

/* Its first bad answer was given to another, and none has been since. */
static bool is_handed_over(const struct history_source *source)
{
	return source->bad_sec && !source->seen && source->server == HANDED_OVER;
}

bool history_restore(struct history *history, const struct history_good *good, uint32_t now_sec)
{
	struct history_source *set = set_of(history, &good->addr);
	/* Within what the clock has: less of it is milder. */
	uint32_t bad_sec = min_u32(good->bad_sec, now_sec - good->age_sec - 1);
	struct history_source source = {.addr = good->addr,
					.good_sec = now_sec - bad_sec - good->age_sec};
	unsigned int at = find_in(set, &good->addr);

	if (bad_sec) {
		source.bad_sec = now_sec - bad_sec;
		source.server = HANDED_OVER;
	}
	if (at == WAYS)
		at = least_of(set);
	if (worth(&set[at]) >= worth(&source))
		return false;
	set[at] = source;
	return true;
}

/* The moment at which its goodness is to be judged, if it is one that counts. */
static bool good_at(const struct history_source *source, uint32_t now_sec, uint32_t *ret_sec)
{
	uint32_t at_sec = source->bad_sec ? source->bad_sec : now_sec;

	*ret_sec = at_sec;
	return source->addr.family && history_is_good(source, at_sec);
}

int history_next_good(const struct history *history, size_t *at, uint32_t now_sec,
		      struct history_good ret[static HISTORY_STEP])
{
	size_t end = *at + HISTORY_STEP;
	uint32_t at_sec;
	int n = 0;

	if (*at >= places(history))
		return -1;
	if (end > places(history))
		end = places(history);
	for (; *at < end; ++*at) {
		const struct history_source *source = &history->sources[*at];

		if (good_at(source, now_sec, &at_sec))
			ret[n++] = (struct history_good){source->addr, at_sec - source->good_sec,
							 now_sec > at_sec ? now_sec - at_sec : 0};
	}
	return n;
}

void history_forget(struct history *history, const struct prefix *prefix)
{
	for (size_t i = 0; i < places(history); i++) {
		struct history_source *source = &history->sources[i];

		if (!source->addr.family || (prefix && !prefix_contains(prefix, &source->addr)))
			continue;
		if (source->good_sec)
			history_on_good(source, source->good_sec);
		else
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
	bool is_first = !source->bad_sec || is_handed_over(source);

	if (!source->bad_sec)
		source->bad_sec = now_sec;
	if (source->server == HANDED_OVER)
		source->server = 0;
	return is_first && history_is_good(source, source->bad_sec);
}
