/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tells the worker about a source: events through the ring buffer, at most one
 * per source and ask interval, at most so many per second and CPU. Whatever
 * goes wrong on the way costs an event or sends one twice, never a verdict; a
 * source whose event was held back or lost is not marked as asked, so its next
 * SYN tries again.
 *
 * Both kinds of event share the marks: either makes the worker look the source
 * up, so one that was sent lately stands for the other. But no flood of unknown sources
 * takes all of the credit or of the ring: a part is kept for refreshes, of which there
 * are no more than sources that are known, so that those stay known.
 */
#ifndef MXGATE_BPF_REPORT_H
#define MXGATE_BPF_REPORT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include <mxgate/table.h>
#include "count.h"
#include "kernel.h"
#include "parse.h"

#define REPORT_NS_PER_SEC 1000000000ULL
#define REPORT_TICK_SHIFT 20   /* the marks count in 2^20 ns and wrap after 52 days */
#define REPORT_AHEAD      1024 /* ticks, 1.07 s */
#define REPORT_SLOT_BITS  20
#define REPORT_RESERVE    8 /* one part of so many of credit and ring is for refreshes */

_Static_assert(MXG_ASKED_SLOTS == 1u << REPORT_SLOT_BITS, "asked table and its index agree");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, MXG_EVENTS_SIZE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_events SEC(".maps");

/* Direct mapped. A word is tag << 32 | tick: one store, which cannot tear. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MXG_ASKED_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mxg_bucket);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} mxg3_bucket SEC(".maps");

/*
 * The source's slot, and in *ret_tag what tells it from others in that slot: of
 * IPv4 the address itself, of IPv6 a keyed hash.
 */
static __always_inline __u64 *report_slot(const struct mxg_config *config,
					  const struct source *source, __u32 *ret_tag)
{
	const __u64 seed = (__u64)config->hash_seed << 32;
	__u64 hash;
	__u32 slot;

	if (source->family == 4) {
		hash = mxg_mix(seed | source->v4);
		*ret_tag = source->v4;
	} else {
		hash = mxg_mix(seed ^ source->word[0]);
		hash = mxg_mix(hash ^ source->word[1]);
		*ret_tag = (__u32)hash;
	}
	slot = (__u32)(hash >> (64 - REPORT_SLOT_BITS));
	return bpf_map_lookup_elem(&mxg3_asked, &slot);
}

/*
 * How many ticks ago the mark was left. One ahead of this CPU's clock is as one of now: it is
 * of a CPU that has read its clock later and was faster. Of what the wrap hides, that takes
 * the last second of 52 days.
 */
static __always_inline __u32 report_age(__u64 mark, __u32 tick)
{
	const __u32 age = tick - (__u32)mark;

	return age > ~0U - REPORT_AHEAD ? 0 : age;
}

static __always_inline bool report_was_asked(const struct mxg_config *config, __u64 mark, __u32 tag,
					     __u32 tick)
{
	if ((__u32)(mark >> 32) != tag)
		return false;
	return report_age(mark, tick) < config->ask_interval_ns >> REPORT_TICK_SHIFT;
}

/* Takes one event's worth of credit from this CPU's bucket, if there is that much for it. */
static __always_inline bool report_take_token(const struct mxg_config *config,
					      enum mxg_event_kind kind, __u64 now)
{
	const __u32 zero = 0;
	struct mxg_bucket *bucket = bpf_map_lookup_elem(&mxg3_bucket, &zero);
	__u64 cost, depth, credit, least;

	if (!bucket || !config->event_rate)
		return false;
	cost = REPORT_NS_PER_SEC / config->event_rate;
	depth = cost * config->event_burst;
	credit = bucket->credit_ns + (now - bucket->last_ns);
	if (credit > depth)
		credit = depth;
	bucket->last_ns = now;
	bucket->credit_ns = credit;
	least = cost;
	if (kind == MXG_EVENT_UNKNOWN)
		least += cost * (config->event_burst / REPORT_RESERVE);
	if (credit < least)
		return false;
	bucket->credit_ns = credit - cost;
	return true;
}

static __always_inline bool report_send(__u32 ifindex, const struct source *source,
					enum mxg_event_kind kind, __u64 now)
{
	const __u64 most = MXG_EVENTS_SIZE - MXG_EVENTS_SIZE / REPORT_RESERVE;
	struct mxg_event *event;

	if (kind == MXG_EVENT_UNKNOWN && bpf_ringbuf_query(&mxg3_events, BPF_RB_AVAIL_DATA) >= most)
		return false;
	event = bpf_ringbuf_reserve(&mxg3_events, sizeof(*event), 0);
	if (!event)
		return false;
	event->abi = MXG_ABI;
	event->kind = (__u8)kind;
	event->family = source->family;
	event->ifindex = ifindex;
	__builtin_memcpy(event->saddr, source->word, sizeof(event->saddr));
	event->time_ns = now;
	bpf_ringbuf_submit(event, 0);
	return true;
}

/*
 * What became of an event. New: sent, and the place of the source had no mark of anybody's
 * that is younger than MXG_HOLD_PERIOD_NS. As each mark is younger than the one before, but
 * for a moment between two clocks, a place is not new again before that time is over, whoever
 * shares it.
 */
enum report_result {
	REPORT_NEW,
	REPORT_AGAIN,  /* sent, and once before in that time */
	REPORT_ASKED,  /* not sent, as it was a moment ago */
	REPORT_SHARED, /* sent, but another has left his mark in that time */
	REPORT_FAILED, /* not sent */
};

static __always_inline bool report_is_free(__u64 mark, __u32 tick)
{
	return !mark || report_age(mark, tick) >= MXG_HOLD_PERIOD_NS >> REPORT_TICK_SHIFT;
}

/*
 * Leaves the mark. Of several CPUs that do so at once, one has found the place new; where that
 * cannot be told (kernel.h), none has, and nobody is held.
 */
static __always_inline enum report_result report_mark(__u64 *slot, __u64 was, __u32 tag, __u32 tick)
{
	const __u64 mark = (__u64)tag << 32 | tick;

	if (!kernel_swap(slot, was, mark))
		return REPORT_SHARED;
	if (report_is_free(was, tick))
		return REPORT_NEW;
	return (__u32)(was >> 32) == tag ? REPORT_AGAIN : REPORT_SHARED;
}

static __always_inline enum report_result report_event(__u32 ifindex,
						       const struct mxg_config *config,
						       const struct source *source,
						       enum mxg_event_kind kind, __u64 now)
{
	const __u32 tick = (__u32)(now >> REPORT_TICK_SHIFT);
	__u32 tag;
	__u64 *slot = report_slot(config, source, &tag);
	const __u64 was = slot ? *(volatile __u64 *)slot : 0;

	if (slot && report_was_asked(config, was, tag, tick)) {
		count_one(MXG_CTR_EVENT_ASKED);
		return REPORT_ASKED;
	}
	if (!report_take_token(config, kind, now)) {
		count_one(MXG_CTR_EVENT_LIMITED);
		return REPORT_FAILED;
	}
	if (!report_send(ifindex, source, kind, now)) {
		count_one(MXG_CTR_EVENT_LOST);
		return REPORT_FAILED;
	}
	count_one(kind == MXG_EVENT_REFRESH ? MXG_CTR_EVENT_REFRESH : MXG_CTR_EVENT_UNKNOWN);
	return slot ? report_mark(slot, was, tag, tick) : REPORT_SHARED;
}

#endif
