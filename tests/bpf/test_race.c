// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The worker replaces verdicts while the gate reads them. The table hands the
 * entry that was replaced to the next update, so a reader that was interrupted
 * between finding an entry and reading it may see another source's verdict
 * there. A good source must not be dropped for that, however often it happens.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <stdatomic.h>

#include <criterion/criterion.h>

#include "gate.h"

#define ROUNDS 20
#define SYNS   500000

struct writer {
	struct gate *gate;
	atomic_bool is_over;
	unsigned long updates;
};

/* Refreshes a good source and a bad one in turn, each time moving them in the table. */
static void *writer_run(void *arg)
{
	const struct mxg_verdict good = {.expires_ns = MXG_NEVER,
					 .refresh_ns = MXG_NEVER,
					 .action = MXG_ACTION_PASS,
					 .reason = MXG_REASON_PASS};
	const struct mxg_verdict bad = {.expires_ns = MXG_NEVER,
					.refresh_ns = MXG_NEVER,
					.action = MXG_ACTION_DROP,
					.reason = MXG_REASON_NO_PTR};
	struct writer *writer = arg;

	while (!atomic_load(&writer->is_over)) {
		gate_put_verdict(writer->gate, 4, HOST_GOOD, &good);
		gate_put_verdict(writer->gate, 4, HOST_NO_PTR, &bad);
		writer->updates += 2;
	}
	return NULL;
}

Test(gate_race, a_verdict_that_moves_is_not_anothers)
{
	const struct packet_spec syn = {.family = 4, .flags = SYN, .host = HOST_GOOD};
	struct writer writer = {0};
	struct mxg_counters counters;
	struct packet pkt;
	struct gate gate;
	pthread_t thread;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	packet_build(&pkt, &syn);
	writer.gate = &gate;
	cr_assert_eq(pthread_create(&thread, NULL, writer_run, &writer), 0);
	for (int i = 0; i < ROUNDS; i++)
		gate_run(&gate, &pkt, SYNS);
	atomic_store(&writer.is_over, true);
	pthread_join(thread, NULL);
	gate_read_counters(&gate, &counters);
	cr_expect_gt(writer.updates, 1000);
	cr_expect_eq(counters.count[MXG_CTR_DROP_NO_PTR], 0, "%llu good SYNs dropped",
		     (unsigned long long)counters.count[MXG_CTR_DROP_NO_PTR]);
	/* A lookup that an update disturbs may miss, and passes. */
	cr_expect_eq(counters.count[MXG_CTR_KNOWN_PASS] + counters.count[MXG_CTR_UNKNOWN],
		     ROUNDS * SYNS);
	gate_free(&gate);
}
