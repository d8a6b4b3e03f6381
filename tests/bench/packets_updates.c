// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * How fast the worker can write verdicts: through io/vmap, as it does, into the tables
 * that io/gate makes. Each verdict is put into an empty table (what a restart does with a
 * snapshot), then put again with another expiry, in another order, then half of them are
 * deleted and put back (what expiry and new sources do).
 *
 * Rates are of the processor time of this process, so that neighbours count little; the
 * seconds on the wall stand beside that of the restore.
 */
#include "packets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mxgate/abi.h>

#include "base/clock.h"
#include "io/vmap.h"
#include "packets_sources.h"

#define BATCH 256 /* verdicts that are put together */

struct writing {
	struct vmap *vmap;
	unsigned int family;
	uint32_t count;
	struct mxg_verdict verdict;
	uint64_t now_ns;
	struct table_entry batch[BATCH];
};

struct rates {
	double restore, restore_secs, update, update_single, replace;
	uint64_t refused; /* puts */
};

static double cpu_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Another number for each: an odd factor permutes what is taken modulo a power of two. */
static uint32_t shuffled(uint32_t i, uint32_t count)
{
	const uint32_t mask = (uint32_t)((1ULL << (32 - __builtin_clz(count | 1))) - 1);

	do
		i = (i * 0x9e3779b1U + 0x7f4a7c15U) & mask;
	while (i >= count);
	return i;
}

/* One that finds no place in a full table is the table's to count. */
static int put(struct writing *writing, uint32_t number)
{
	struct addr addr;
	int err;

	packets_source(writing->family, number, &addr);
	err = vmap_put(writing->vmap, &addr, &writing->verdict, writing->now_ns);
	return err == -E2BIG ? 0 : err;
}

static uint32_t in_order(uint32_t i, uint32_t count)
{
	(void)count;
	return i;
}

static void put_batches(struct writing *writing, uint32_t (*number)(uint32_t i, uint32_t count))
{
	for (uint32_t i = 0; i < writing->count; i += BATCH) {
		int n = 0;

		for (; n < BATCH && i + (uint32_t)n < writing->count; n++) {
			struct table_entry *entry = &writing->batch[n];

			packets_source(writing->family, number(i + (uint32_t)n, writing->count),
				       &entry->addr);
			entry->verdict = writing->verdict;
		}
		vmap_put_many(writing->vmap, writing->batch, n, writing->now_ns);
	}
}

static int put_singly(struct writing *writing)
{
	int err = 0;

	for (uint32_t i = 0; i < writing->count && err == 0; i++)
		err = put(writing, shuffled(i, writing->count));
	return err;
}

/* Every second one goes, and one that was not there comes. */
static int replace_half(struct writing *writing)
{
	struct addr addr;
	int err = 0;

	for (uint32_t i = 0; i < writing->count && err == 0; i += 2) {
		packets_source(writing->family, i, &addr);
		err = vmap_del(writing->vmap, &addr);
		if (err == -ENOENT) /* it found no place before */
			err = 0;
		if (err == 0)
			err = put(writing, writing->count + i);
	}
	return err;
}

static int time_all(struct writing *writing, struct rates *ret)
{
	uint64_t start_ns = clock_mono_ns();
	struct vmap_figures figures;
	double start = cpu_secs();
	int err;

	put_batches(writing, in_order);
	ret->restore = writing->count / (cpu_secs() - start);
	ret->restore_secs = (double)(clock_mono_ns() - start_ns) / 1e9;
	start = cpu_secs();
	writing->verdict.expires_ns += CLOCK_NS_PER_SEC;
	put_batches(writing, shuffled);
	ret->update = writing->count / (cpu_secs() - start);
	start = cpu_secs();
	writing->verdict.expires_ns += CLOCK_NS_PER_SEC;
	err = put_singly(writing);
	ret->update_single = writing->count / (cpu_secs() - start);
	start = cpu_secs();
	if (err == 0)
		err = replace_half(writing);
	ret->replace = writing->count / (cpu_secs() - start); /* half deleted, half put */
	vmap_figures(writing->vmap, writing->family, &figures);
	ret->refused = figures.refused;
	if (err == 0 && figures.count + figures.refused < writing->count)
		err = -EBADMSG;
	return err;
}

int packets_updates(const struct packets *packets)
{
	const uint64_t now_ns = clock_mono_ns(), day_ns = 86400 * CLOCK_NS_PER_SEC;
	struct writing writing = {
		.family = packets->family,
		.count = packets->sources,
		.verdict = {.expires_ns = now_ns + day_ns,
			    .refresh_ns = now_ns + day_ns,
			    .action = MXG_ACTION_DROP,
			    .reason = MXG_REASON_NO_PTR},
		.now_ns = now_ns,
	};
	struct packets_gate gate = {0};
	struct rates rates;
	int err = packets_gate(packets, &gate);

	writing.vmap = gate.vmap;
	if (err == 0)
		err = time_all(&writing, &rates);
	if (err == 0)
		printf("{\"verdicts\": %" PRIu32 ", \"family\": %u, \"restore_per_sec\": %.0f, "
		       "\"restore_secs\": %.2f, \"update_per_sec\": %.0f, "
		       "\"update_singly_per_sec\": %.0f, \"replace_per_sec\": %.0f, \"refused\": "
		       "%" PRIu64 "}\n",
		       writing.count, writing.family, rates.restore, rates.restore_secs,
		       rates.update, rates.update_single, rates.replace, rates.refused);
	else
		fprintf(stderr, "bench-gate: updates: %s\n", strerror(-err));
	packets_gate_free(&gate);
	return err;
}
