// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * hold: the first SYN of an unknown source is dropped, and the next one never. Whatever
 * speaks against it, from a worker that is late to a full ring buffer, passes the first
 * one, too. Each row counts: held, told, passed in spite of hold.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"

#define HOST       42
#define TICK_SHIFT 20
#define LEASE_NS   (60 * GATE_NS_PER_SEC)
#define SEC_TICKS  ((uint32_t)(GATE_NS_PER_SEC >> TICK_SHIFT))

static const struct packet_spec syn4 = {.family = 4, .flags = SYN, .host = HOST};
static const struct packet_spec syn6 = {.family = 6, .flags = SYN, .host = HOST};
static const struct packet_spec *const syns[] = {&syn4, &syn6};

#define for_each_syn(syn) for (const struct packet_spec *const *syn = syns; syn < syns + 2; syn++)

/* It holds everybody, and asks about him every 3 s. */
static void hold_all(struct gate *gate)
{
	gate_setup_holding(gate, GATE_ENFORCE, LEASE_NS);
	gate->config.hold = 1;
	gate->config.ask_interval_ns = 3 * GATE_NS_PER_SEC;
	gate_configure(gate);
}

static void setup(struct gate *gate)
{
	gate_load(gate);
	gate_need_newer(gate);
	hold_all(gate);
}

/* A SYN with this outcome, of which not_held tells or does not. */
static void expect(struct gate *gate, const struct packet_spec *syn, enum mxg_counter outcome,
		   unsigned int not_held, const char *label)
{
	uint64_t before = gate_counter(gate, MXG_CTR_NOT_HELD);

	gate_expect_spec(gate, syn, outcome, label);
	cr_expect_eq(gate_counter(gate, MXG_CTR_NOT_HELD) - before, not_held, "%s: not_held",
		     label);
}

/* The place of the only source that was asked about. */
static uint32_t find_mark(const struct gate *gate, uint64_t *ret_mark)
{
	int fd = gate_map(gate, MXG_MAP_ASKED);

	for (uint32_t slot = 0; slot < MXG_ASKED_SLOTS; slot++) {
		cr_assert_eq(bpf_map_lookup_elem(fd, &slot, ret_mark), 0);
		if (*ret_mark)
			return slot;
	}
	cr_assert(false, "no mark");
	return 0;
}

/* Sets up the gate, which holds the first SYN of syn4; where its mark is, and its tag. */
static uint32_t hold_first(struct gate *gate, uint32_t *ret_tag)
{
	uint64_t mark;
	uint32_t slot;

	setup(gate);
	expect(gate, &syn4, MXG_CTR_HELD, 0, "the first");
	slot = find_mark(gate, &mark);
	*ret_tag = (uint32_t)(mark >> 32);
	return slot;
}

static void set_mark(const struct gate *gate, uint32_t slot, uint32_t tag, int age_sec)
{
	uint32_t tick = (uint32_t)(gate_now_ns() >> TICK_SHIFT) - (uint32_t)age_sec * SEC_TICKS;
	const uint64_t mark = (uint64_t)tag << 32 | tick;

	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_ASKED), &slot, &mark, 0), 0);
}

Test(gate_hold, the_gate_for_older_kernels_holds_nobody)
{
	struct gate gate;

	gate_load(&gate);
	if (!gate.is_hash) {
		gate_free(&gate);
		cr_skip("this one holds");
	}
	hold_all(&gate);
	for_each_syn(syn) for (int i = 0; i < 3; i++)
		expect(&gate, *syn, MXG_CTR_UNKNOWN, i == 0, "passed");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 2, "each was told of");
	gate_free(&gate);
}

Test(gate_hold, the_first_syn_is_held_and_no_other)
{
	struct gate gate;

	setup(&gate);
	for_each_syn(syn)
	{
		expect(&gate, *syn, MXG_CTR_HELD, 0, "the first");
		for (int i = 0; i < 5; i++)
			expect(&gate, *syn, MXG_CTR_UNKNOWN, 0, "again");
	}
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 2, "each was told of");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_ASKED), 10);
	gate_free(&gate);
}

Test(gate_hold, an_expired_verdict_is_none)
{
	const struct mxg_verdict verdict = {.expires_ns = gate_now_ns(),
					    .refresh_ns = MXG_NEVER,
					    .action = MXG_ACTION_PASS,
					    .reason = MXG_REASON_PASS};
	struct gate gate;

	setup(&gate);
	for_each_syn(syn)
	{
		gate_put_verdict(&gate, (*syn)->family, HOST, &verdict);
		expect(&gate, *syn, MXG_CTR_HELD, 0, "expired");
		expect(&gate, *syn, MXG_CTR_EXPIRED, 0, "again");
	}
	gate_free(&gate);
}

Test(gate_hold, who_is_known_is_not_held)
{
	static const struct {
		uint8_t host;
		enum mxg_counter outcome;
	} rows[] = {
		{HOST_GOOD, MXG_CTR_KNOWN_PASS},      {HOST_NO_PTR, MXG_CTR_DROP_NO_PTR},
		{HOST_TEMPERROR, MXG_CTR_KNOWN_PASS}, {HOST_ALLOWED, MXG_CTR_ALLOW},
		{HOST_DENIED, MXG_CTR_DROP_DENY},
	};
	struct gate gate;

	setup(&gate);
	gate_fill_hosts(&gate);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for_each_syn(syn)
		{
			struct packet_spec spec = **syn;

			spec.host = rows[i].host;
			expect(&gate, &spec, rows[i].outcome, 0,
			       gate_counter_name(rows[i].outcome));
		}
	gate_free(&gate);
}

Test(gate_hold, only_when_told_to)
{
	struct gate gate;

	setup(&gate);
	gate.config.hold_left_ns = 0;
	gate_configure(&gate);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "not told to");
	gate.config.hold_left_ns = LEASE_NS - MXG_HOLD_BEAT_NS;
	gate.config.enforce_mask = 0;
	gate_configure(&gate);
	expect(&gate, &syn6, MXG_CTR_UNKNOWN, 1, "monitor mode");
	gate_free(&gate);
}

/* There is nothing to hold when the connection stands. */
Test(gate_hold, not_with_the_other_trigger)
{
	struct gate gate;

	setup(&gate);
	gate.config.established = 1;
	gate_configure(&gate);
	for_each_syn(syn) expect(&gate, *syn, MXG_CTR_UNKNOWN, 0, "established");
	gate_free(&gate);
}

Test(gate_hold, only_while_the_worker_is_at_work)
{
	static const struct {
		int64_t age_ms; /* of the heartbeat */
		bool is_held;
		const char *label;
	} rows[] = {
		{0, true, "just now"},
		{2500, true, "2.5 s ago"},
		{3200, false, "3.2 s ago"},
		{40000, false, "40 s ago"},
		{-1000, false, "a lease that is longer than the leases are now"},
		{-3600000, false, "one of an hour"},
	};
	struct packet_spec spec = syn4;
	struct gate gate;

	setup(&gate);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t left_ns = (int64_t)LEASE_NS - rows[i].age_ms * 1000000;

		gate_set_lease(&gate, gate_now_ns() + (uint64_t)left_ns);
		spec.host = (uint8_t)(HOST + i);
		expect(&gate, &spec, rows[i].is_held ? MXG_CTR_HELD : MXG_CTR_UNKNOWN,
		       !rows[i].is_held, rows[i].label);
	}
	gate_set_lease(&gate, gate_now_ns());
	expect(&gate, &syn6, MXG_CTR_NO_LEASE, 0, "no lease at all");
	gate_free(&gate);
}

/* A source that asks about itself again and again is held once, and the next period anew. */
Test(gate_hold, once_in_a_period)
{
	struct gate gate;
	uint32_t tag, slot = hold_first(&gate, &tag);

	set_mark(&gate, slot, tag, 4);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "asked about anew");
	set_mark(&gate, slot, tag, 59);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "asked about anew, nearly a minute later");
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "again");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 3);
	set_mark(&gate, slot, tag, 61);
	expect(&gate, &syn4, MXG_CTR_HELD, 0, "after the period");
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "again");
	gate_free(&gate);
}

/* Interval 0 asks at each SYN: no reason to hold each. */
Test(gate_hold, once_though_always_asked_about)
{
	struct gate gate;

	setup(&gate);
	gate.config.ask_interval_ns = 0;
	gate_configure(&gate);
	expect(&gate, &syn6, MXG_CTR_HELD, 0, "the first");
	expect(&gate, &syn6, MXG_CTR_UNKNOWN, 0, "the second");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 2);
	gate_free(&gate);
}

/*
 * A CPU that has read its clock before another one did, and finds that one's mark: it is
 * younger than its own packet, and neither a source nor a place is new by that.
 */
Test(gate_hold, not_with_a_mark_of_a_moment_ahead)
{
	struct gate gate;
	uint32_t tag, slot = hold_first(&gate, &tag);

	set_mark(&gate, slot, tag, -1);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 0, "its own mark");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_ASKED), 1);
	set_mark(&gate, slot, tag + 1, -1);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 1, "another's mark");
	set_mark(&gate, slot, tag, -5);
	expect(&gate, &syn4, MXG_CTR_HELD, 0, "more than a moment: 52 days ago");
	gate_free(&gate);
}

/*
 * Another source in its place: whose mark overwrites that of one who is held would have it
 * held again. So nobody is while anybody's mark there is young.
 */
Test(gate_hold, not_where_another_was_asked_about)
{
	struct gate gate;
	uint32_t tag, slot = hold_first(&gate, &tag);

	set_mark(&gate, slot, tag + 1, 1);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 1, "another came while it was held");
	set_mark(&gate, slot, tag + 1, 55);
	expect(&gate, &syn4, MXG_CTR_UNKNOWN, 1, "another, nearly a minute ago");
	set_mark(&gate, slot, tag + 1, 61);
	expect(&gate, &syn4, MXG_CTR_HELD, 0, "another, long ago");
	gate_free(&gate);
}

Test(gate_hold, not_without_credit)
{
	struct gate gate;

	setup(&gate);
	gate.config.event_rate = gate.config.event_burst = 1;
	gate_configure(&gate);
	expect(&gate, &syn4, MXG_CTR_HELD, 0, "the last event");
	expect(&gate, &syn6, MXG_CTR_UNKNOWN, 1, "no credit");
	gate.config.event_rate = gate.config.event_burst = 1000000;
	gate_configure(&gate);
	gate_sleep_ms(200); /* the reserve comes first */
	expect(&gate, &syn6, MXG_CTR_HELD, 0, "credit: it has not been held before");
	gate_free(&gate);
}

Test(gate_hold, not_with_a_full_ring)
{
	struct packet_spec other = syn4;
	struct packet pkt;
	struct gate gate;

	setup(&gate);
	gate.config.event_rate = gate.config.event_burst = 1000000000;
	gate.config.ask_interval_ns = 0;
	gate_configure(&gate);
	other.host = HOST + 1;
	packet_build(&pkt, &other);
	gate_run(&gate, &pkt, 40000);
	cr_assert(gate_counter(&gate, MXG_CTR_EVENT_LOST) > 0);
	for_each_syn(syn) expect(&gate, *syn, MXG_CTR_UNKNOWN, 1, "full");
	gate_free(&gate);
}

/* What is left of the promise that nothing is dropped which is not a SYN to a mail port. */
Test(gate_hold, nothing_else_is_held)
{
	struct packet_spec ack = syn4, https = syn4, elsewhere = syn4;
	struct gate gate;

	setup(&gate);
	ack.flags = ACK;
	https.port = PORT_HTTPS;
	expect(&gate, &ack, MXG_CTR_NOT_SYN, 0, "of a connection that stands");
	expect(&gate, &https, MXG_CTR_NOT_PORT, 0, "another port");
	gate.config.dest_count = 1;
	gate.config.dests[0] = (struct mxg_dest){.addr = {1}, .mask = {~0ULL}, .family = 4};
	gate_configure(&gate);
	expect(&gate, &elsewhere, MXG_CTR_NOT_DESTINATION, 0, "another destination");
	gate_free(&gate);
}

/* --- two CPUs ----------------------------------------------------------------- */

#define RACES     20000
#define RACES_ONE 500 /* events that the ring has room for */

struct racer {
	struct gate *gate;
	struct packet pkt;
	unsigned int cpu;
	atomic_uint begun, done; /* rounds */
};

static void *racer_run(void *arg)
{
	struct racer *racer = arg;

	gate_stay_on(racer->cpu);
	for (unsigned int round = 1; round <= RACES; round++) {
		while (atomic_load(&racer->begun) < round)
			;
		gate_run(racer->gate, &racer->pkt, 1);
		atomic_store(&racer->done, round);
	}
	return NULL;
}

static int on_event(void *user, void *data, size_t size)
{
	(void)user;
	(void)data;
	(void)size;
	return 0;
}

/* A source whose SYNs come in on two CPUs at once, each as its first: one of them is held. */
Test(gate_hold, one_of_two_at_once)
{
	const uint64_t none = 0;
	struct racer racer = {.cpu = 0};
	unsigned int cpus[2];
	struct ring_buffer *ring;
	uint64_t mark, held;
	struct gate gate;
	pthread_t thread;
	uint32_t slot;

	if (gate_two_cpus(cpus) < 2)
		cr_skip("one CPU races with nobody");
	setup(&gate);
	ring = ring_buffer__new(gate_map(&gate, MXG_MAP_EVENTS), on_event, NULL, NULL);
	cr_assert(ring, "%s", strerror(errno));
	packet_build(&racer.pkt, &syn4);
	gate_run(&gate, &racer.pkt, 1);
	slot = find_mark(&gate, &mark);
	held = gate_counter(&gate, MXG_CTR_HELD);
	racer.gate = &gate;
	racer.cpu = cpus[1];
	gate_stay_on(cpus[0]);
	cr_assert_eq(pthread_create(&thread, NULL, racer_run, &racer), 0);
	for (unsigned int round = 1; round <= RACES; round++) {
		bpf_map_update_elem(gate_map(&gate, MXG_MAP_ASKED), &slot, &none, 0);
		atomic_store(&racer.begun, round);
		gate_run(&gate, &racer.pkt, 1);
		while (atomic_load(&racer.done) < round)
			;
		if (round % RACES_ONE == 0)
			ring_buffer__consume(ring);
	}
	pthread_join(thread, NULL);
	printf("  %d races, %llu of them close\n", RACES,
	       (unsigned long long)gate_counter(&gate, MXG_CTR_NOT_HELD));
	held = gate_counter(&gate, MXG_CTR_HELD) - held;
	cr_expect_eq(held, RACES, "held %" PRIu64, held);
	ring_buffer__free(ring);
	gate_free(&gate);
}
