// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The worker renews verdicts, takes them out and puts others into their place while the
 * gate reads them on another CPU. However often that happens, a good source is not
 * dropped for what stood beside it; the interleavings one by one are gone through in
 * tests/unit/table_model.c.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <stdatomic.h>

#include <criterion/criterion.h>

#include "gate.h"

#define ROUNDS  10
#define SYNS    500000
#define UPDATES 1000

struct writer {
	struct gate *gate;
	uint8_t family;
	atomic_bool is_over;
	atomic_ulong updates;
};

/* A bad source comes into the place that another has left, beside a good one that is renewed. */
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
		gate_put_verdict(writer->gate, writer->family, HOST_GOOD, &good);
		gate_put_verdict(writer->gate, writer->family, HOST_NO_PTR, &bad);
		gate_del_verdict(writer->gate, writer->family, HOST_NO_PTR);
		gate_put_verdict(writer->gate, writer->family, HOST_UNCONFIRMED, &bad);
		gate_del_verdict(writer->gate, writer->family, HOST_UNCONFIRMED);
		writer->updates += 5;
	}
	return NULL;
}

static void expect_no_drop(uint8_t family)
{
	const struct packet_spec syn = {.family = family, .flags = SYN, .host = HOST_GOOD};
	struct writer writer = {.family = family};
	struct mxg_counters counters;
	struct gate_table table;
	struct packet pkt;
	struct gate gate;
	uint64_t rounds = 0;
	pthread_t thread;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_new_table(&gate, family, 4, &table); /* so small that all have one home */
	gate_set_table(&gate, family, &table);
	packet_build(&pkt, &syn);
	writer.gate = &gate;
	cr_assert_eq(pthread_create(&thread, NULL, writer_run, &writer), 0);
	while (atomic_load(&writer.updates) == 0)
		gate_sleep_ms(1);
	/* Where others have the processors the writer may get no turn in so short a time. */
	for (; rounds < ROUNDS || atomic_load(&writer.updates) < UPDATES; rounds++)
		gate_run(&gate, &pkt, SYNS);
	atomic_store(&writer.is_over, true);
	pthread_join(thread, NULL);
	gate_read_counters(&gate, &counters);
	/* Renewed in its place, an entry of lines is there; of IPv6 a look may be disturbed. */
	cr_expect_eq(counters.count[MXG_CTR_KNOWN_PASS] +
			     (family == 6 || gate.is_hash ? counters.count[MXG_CTR_UNKNOWN] : 0),
		     rounds * SYNS, "v%u", family);
	gate_free(&gate);
}

Test(gate_race, a_verdict_is_never_anothers)
{
	expect_no_drop(4);
	expect_no_drop(6);
}
