// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the gate tells the worker, and what it keeps to itself: contents, one
 * event a source and interval, the rate of each CPU, and a ring buffer that is
 * full. Whatever becomes of the event, the packet's outcome is the same.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "gate.h"

#define HOST       42
#define OTHER      43
#define TICK_SHIFT 20
#define LO_IFINDEX 1 /* where BPF_PROG_TEST_RUN says the frame came from */

struct inbox {
	struct ring_buffer *ring;
	struct mxg_event last;
	unsigned int count;
};

static const struct packet_spec syn4 = {.family = 4, .flags = SYN, .host = HOST};
static const struct packet_spec syn6 = {.family = 6, .flags = SYN, .host = HOST};
static const struct packet_spec *const syns[] = {&syn4, &syn6};

#define for_each_syn(syn) for (const struct packet_spec *const *syn = syns; syn < syns + 2; syn++)

static int on_event(void *ctx, void *data, size_t len)
{
	struct inbox *inbox = ctx;

	cr_assert_eq(len, sizeof(inbox->last));
	memcpy(&inbox->last, data, len);
	inbox->count++;
	return 0;
}

static void inbox_init(struct inbox *inbox, const struct gate *gate)
{
	memset(inbox, 0, sizeof(*inbox));
	inbox->ring = ring_buffer__new(gate_map(gate, MXG_MAP_EVENTS), on_event, inbox, NULL);
	cr_assert(inbox->ring);
}

/* How many events have come since it was last asked. */
static unsigned int inbox_take(struct inbox *inbox)
{
	unsigned int count;

	cr_assert(ring_buffer__consume(inbox->ring) >= 0);
	count = inbox->count;
	inbox->count = 0;
	return count;
}

static void setup(struct gate *gate, struct inbox *inbox)
{
	unsigned int cpus[2];

	cr_assert(gate_two_cpus(cpus) > 0);
	gate_load(gate);
	gate_setup(gate, GATE_ENFORCE);
	inbox_init(inbox, gate);
	gate_stay_on(cpus[0]);
}

static void done(struct gate *gate, struct inbox *inbox)
{
	ring_buffer__free(inbox->ring);
	gate_free(gate);
}

static void expect_event(const struct mxg_event *event, enum mxg_event_kind kind,
			 unsigned int family, uint64_t not_before)
{
	struct mxg_event want = {.abi = MXG_ABI,
				 .kind = (__u8)kind,
				 .family = (__u8)family,
				 .ifindex = LO_IFINDEX,
				 .time_ns = event->time_ns};

	if (family == 4)
		packet_addr4(HOST, want.saddr);
	else
		packet_addr6(HOST, want.saddr);
	cr_expect_eq(memcmp(event, &want, sizeof(want)), 0, "v%u, kind %u", event->family,
		     event->kind);
	cr_expect_geq(event->time_ns, not_before);
	cr_expect_leq(event->time_ns, clock_mono_ns());
}

static void put(struct gate *gate, unsigned int family, uint8_t action, uint64_t expires_ns,
		uint64_t refresh_ns)
{
	const struct mxg_verdict verdict = {.expires_ns = expires_ns,
					    .refresh_ns = refresh_ns,
					    .action = action,
					    .reason = action == MXG_ACTION_DROP ? MXG_REASON_NO_PTR
										: MXG_REASON_PASS};

	gate_put_verdict(gate, family, HOST, &verdict);
}

/* --- contents ------------------------------------------------------------------- */

Test(gate_events, an_unknown_source)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	for_each_syn(syn)
	{
		uint64_t start = gate_now_ns();

		gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "unknown");
		cr_expect_eq(inbox_take(&inbox), 1);
		expect_event(&inbox.last, MXG_EVENT_UNKNOWN, (*syn)->family, start);
	}
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 2);
	done(&gate, &inbox);
}

Test(gate_events, an_expired_verdict_is_asked_about_as_unknown)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	for_each_syn(syn)
	{
		uint64_t start = gate_now_ns();

		put(&gate, (*syn)->family, MXG_ACTION_DROP, start, 0);
		gate_expect_spec(&gate, *syn, MXG_CTR_EXPIRED, "expired");
		cr_expect_eq(inbox_take(&inbox), 1);
		expect_event(&inbox.last, MXG_EVENT_UNKNOWN, (*syn)->family, start);
	}
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_REFRESH), 0);
	done(&gate, &inbox);
}

Test(gate_events, a_refresh_is_asked_for_and_the_verdict_still_serves)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	for_each_syn(syn)
	{
		uint64_t start = gate_now_ns();

		put(&gate, (*syn)->family, MXG_ACTION_DROP, MXG_NEVER, start + GATE_HOUR_NS);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_NO_PTR, "before the window");
		cr_expect_eq(inbox_take(&inbox), 0);
		put(&gate, (*syn)->family, MXG_ACTION_DROP, MXG_NEVER, start);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_NO_PTR, "in the window");
		cr_expect_eq(inbox_take(&inbox), 1);
		expect_event(&inbox.last, MXG_EVENT_REFRESH, (*syn)->family, start);
	}
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_REFRESH), 2);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 0);
	done(&gate, &inbox);
}

Test(gate_events, a_good_source_is_refreshed_too)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	put(&gate, 4, MXG_ACTION_PASS, MXG_NEVER, gate_now_ns());
	gate_expect_spec(&gate, &syn4, MXG_CTR_KNOWN_PASS, "in the window");
	cr_expect_eq(inbox_take(&inbox), 1);
	cr_expect_eq(inbox.last.kind, MXG_EVENT_REFRESH);
	done(&gate, &inbox);
}

/* Only a SYN to a protected port that reaches a verdict is worth an event. */
Test(gate_events, nothing_else_is_told)
{
	struct packet_spec ack = syn4, https = syn4, udp = syn4;
	const struct mxg_prefix allow = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_PASS, .reason = MXG_REASON_ALLOW};
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	ack.flags = SYN | ACK;
	https.port = PORT_HTTPS;
	udp.proto = 17;
	gate_expect_spec(&gate, &ack, MXG_CTR_NOT_SYN, "not a SYN");
	gate_expect_spec(&gate, &https, MXG_CTR_NOT_PORT, "not protected");
	gate_expect_spec(&gate, &udp, MXG_CTR_NOT_TCP, "not TCP");
	gate_set_lease(&gate, gate_now_ns());
	gate_expect_spec(&gate, &syn4, MXG_CTR_NO_LEASE, "lease lapsed");
	gate_set_lease(&gate, MXG_NEVER);
	gate.config.prefix4_count = 1;
	gate_configure(&gate);
	gate_put_prefix(&gate, 4, HOST, 24, &allow);
	gate_expect_spec(&gate, &syn4, MXG_CTR_ALLOW, "covered by an exception");
	cr_expect_eq(inbox_take(&inbox), 0);
	done(&gate, &inbox);
}

/* Of the other trigger: what is unknown is told of when its connection stands. */
Test(gate_events, of_unknown_sources_another_program_tells)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	gate.config.established = 1;
	gate_configure(&gate);
	for_each_syn(syn)
	{
		gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "unknown");
		put(&gate, (*syn)->family, MXG_ACTION_DROP, gate_now_ns(), 0);
		gate_expect_spec(&gate, *syn, MXG_CTR_EXPIRED, "expired");
		cr_expect_eq(inbox_take(&inbox), 0);
		put(&gate, (*syn)->family, MXG_ACTION_DROP, MXG_NEVER, gate_now_ns());
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_NO_PTR, "in the window");
		cr_expect_eq(inbox_take(&inbox), 1, "who is refused never gets a connection");
	}
	done(&gate, &inbox);
}

/* --- asked lately --------------------------------------------------------------- */

Test(gate_events, one_event_a_source_and_interval)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	gate.config.ask_interval_ns = GATE_HOUR_NS;
	gate_configure(&gate);
	for_each_syn(syn)
	{
		struct packet_spec other = **syn;

		other.host = OTHER;
		for (int i = 0; i < 5; i++)
			gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "asked about");
		cr_expect_eq(inbox_take(&inbox), 1);
		gate_expect_spec(&gate, &other, MXG_CTR_UNKNOWN, "another source");
		cr_expect_eq(inbox_take(&inbox), 1);
	}
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_ASKED), 8);
	gate.config.ask_interval_ns = 50000000;
	gate_configure(&gate);
	gate_sleep_ms(60);
	for_each_syn(syn) gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "an interval later");
	cr_expect_eq(inbox_take(&inbox), 2);
	done(&gate, &inbox);
}

Test(gate_events, a_question_stands_for_a_refresh)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "unknown");
	put(&gate, 4, MXG_ACTION_DROP, MXG_NEVER, gate_now_ns());
	gate_expect_spec(&gate, &syn4, MXG_CTR_DROP_NO_PTR, "refresh");
	cr_expect_eq(inbox_take(&inbox), 1);
	cr_expect_eq(inbox.last.kind, MXG_EVENT_UNKNOWN);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_ASKED), 1);
	done(&gate, &inbox);
}

Test(gate_events, interval_zero_always_asks)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	gate.config.ask_interval_ns = 0;
	gate_configure(&gate);
	for (int i = 0; i < 4; i++)
		gate_expect_spec(&gate, &syn6, MXG_CTR_UNKNOWN, "unknown");
	cr_expect_eq(inbox_take(&inbox), 4);
	done(&gate, &inbox);
}

Test(gate_events, another_seed_forgets)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	for_each_syn(syn) gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "first seed");
	cr_expect_eq(inbox_take(&inbox), 2);
	gate.config.hash_seed++;
	gate_configure(&gate);
	for_each_syn(syn) gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "second seed");
	cr_expect_eq(inbox_take(&inbox), 2);
	done(&gate, &inbox);
}

/* The slot of the only mark in the table. */
static uint32_t find_mark(const struct gate *gate, uint64_t *ret_mark)
{
	int fd = gate_map(gate, MXG_MAP_ASKED);
	uint32_t found = MXG_ASKED_SLOTS;
	uint64_t mark;

	for (uint32_t slot = 0; slot < MXG_ASKED_SLOTS; slot++) {
		cr_assert_eq(bpf_map_lookup_elem(fd, &slot, &mark), 0);
		if (!mark)
			continue;
		cr_assert_eq(found, MXG_ASKED_SLOTS, "a second mark");
		found = slot;
		*ret_mark = mark;
	}
	cr_assert_neq(found, MXG_ASKED_SLOTS, "no mark");
	return found;
}

static unsigned int ask_with_mark(struct gate *gate, struct inbox *inbox, uint32_t slot,
				  uint32_t tag, uint32_t tick)
{
	const uint64_t mark = (uint64_t)tag << 32 | tick;

	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_ASKED), &slot, &mark, 0), 0);
	gate_expect_spec(gate, &syn4, MXG_CTR_UNKNOWN, "marked");
	return inbox_take(inbox);
}

/* The ticks are 32 bits wide: marks of long ago and from before a wrap must not stick. */
Test(gate_events, marks_wrap_and_collide_harmlessly)
{
	const uint32_t interval = 100000;
	struct inbox inbox;
	uint32_t slot, tag, start, now;
	struct gate gate;
	uint64_t mark = 0;

	setup(&gate, &inbox);
	gate.config.ask_interval_ns = (uint64_t)interval << TICK_SHIFT;
	gate_configure(&gate);
	start = (uint32_t)(gate_now_ns() >> TICK_SHIFT);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "first");
	cr_assert_eq(inbox_take(&inbox), 1);
	slot = find_mark(&gate, &mark);
	tag = (uint32_t)(mark >> 32);
	now = (uint32_t)(gate_now_ns() >> TICK_SHIFT);
	cr_expect_leq((uint32_t)mark - start, now - start, "the mark is of then");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now), 0, "now");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now - interval + 20000), 0, "recent");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now - interval), 1, "due");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now - 0x7fffffff), 1, "26 days");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now + 0x7fffffff), 1, "wrapped");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, now + 10000), 1, "52 days");
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag + 1, now), 1, "another's mark");

	/* An interval that reaches back beyond the wrap still finds its mark there. */
	gate.config.ask_interval_ns = ((uint64_t)now + 20000) << TICK_SHIFT;
	gate_configure(&gate);
	cr_expect_eq(ask_with_mark(&gate, &inbox, slot, tag, 0U - 10000U), 0, "before the wrap");
	done(&gate, &inbox);
}

/* --- rate ----------------------------------------------------------------------- */

/* A SYN from each of count new sources; how many of them were told. */
static unsigned int knock(struct gate *gate, struct inbox *inbox, unsigned int count)
{
	static uint8_t next_net;
	struct packet pkt;

	packet_build(&pkt, &syn4);
	next_net++;
	for (unsigned int i = 0; i < count; i++) {
		pkt.data[14 + 12] = 10;
		pkt.data[14 + 13] = next_net;
		pkt.data[14 + 14] = (uint8_t)(i >> 8);
		pkt.data[14 + 15] = (uint8_t)i;
		gate_expect(gate, &pkt, MXG_CTR_UNKNOWN, "knock");
	}
	return inbox_take(inbox);
}

/* Events that a rate of 1 a second has allowed anew since start_ns: none, unless the machine
 * stalls. */
static unsigned int refilled(uint64_t start_ns)
{
	return (unsigned int)((gate_now_ns() - start_ns) / GATE_NS_PER_SEC);
}

static void expect_told(unsigned int told, unsigned int credit, uint64_t start_ns)
{
	cr_expect(told >= credit && told <= credit + refilled(start_ns), "told %u of %u", told,
		  credit);
}

static void limit(struct gate *gate, uint32_t rate, uint32_t burst)
{
	gate->config.event_rate = rate;
	gate->config.event_burst = burst;
	gate_configure(gate);
}

Test(gate_events, a_bucket_holds_a_burst_and_refills)
{
	const uint32_t rate = 2, burst = 8, kept = 1; /* for a refresh */
	unsigned int first, second;
	struct inbox inbox;
	struct gate gate;
	uint64_t start, bound;

	setup(&gate, &inbox);
	limit(&gate, rate, burst);
	start = gate_now_ns();
	first = knock(&gate, &inbox, 20);
	bound = burst - kept + (gate_now_ns() - start) * rate / GATE_NS_PER_SEC;
	cr_expect(first >= burst - kept && first <= bound, "told %u", first);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_LIMITED), 20 - first);
	gate_sleep_ms(1250);
	second = knock(&gate, &inbox, 20);
	bound = burst - kept + (gate_now_ns() - start) * rate / GATE_NS_PER_SEC;
	cr_expect(second >= 2 && first + second <= bound, "told %u after 1.25 s", second);
	done(&gate, &inbox);
}

/* Who is known stays known: of the burst, an eighth is for refreshes. */
Test(gate_events, unknown_sources_leave_credit_for_refreshes)
{
	struct inbox inbox;
	struct gate gate;
	uint64_t start;

	setup(&gate, &inbox);
	limit(&gate, 1, 16);
	start = gate_now_ns();
	expect_told(knock(&gate, &inbox, 20), 14, start);
	put(&gate, 4, MXG_ACTION_PASS, MXG_NEVER, gate_now_ns());
	put(&gate, 6, MXG_ACTION_PASS, MXG_NEVER, gate_now_ns());
	for_each_syn(syn) gate_expect_spec(&gate, *syn, MXG_CTR_KNOWN_PASS, "in the window");
	cr_expect_eq(inbox_take(&inbox), 2);
	cr_expect_eq(inbox.last.kind, MXG_EVENT_REFRESH);
	cr_expect_leq(knock(&gate, &inbox, 5), refilled(start));
	done(&gate, &inbox);
}

Test(gate_events, a_source_that_was_held_back_may_ask_again)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	limit(&gate, 0, 5);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "held back");
	cr_expect_eq(inbox_take(&inbox), 0);
	limit(&gate, 1000, 5);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "again");
	cr_expect_eq(inbox_take(&inbox), 1);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_ASKED), 0);
	done(&gate, &inbox);
}

/* A repeated SYN costs no credit, so it cannot starve the others. */
Test(gate_events, asking_again_costs_no_credit)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	limit(&gate, 1, 2);
	for (int i = 0; i < 50; i++)
		gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "the same source");
	cr_expect_eq(inbox_take(&inbox), 1);
	cr_expect_eq(knock(&gate, &inbox, 1), 1);
	done(&gate, &inbox);
}

Test(gate_events, no_rate_or_no_burst_is_no_event)
{
	struct inbox inbox;
	struct gate gate;

	setup(&gate, &inbox);
	limit(&gate, 0, 1000);
	cr_expect_eq(knock(&gate, &inbox, 10), 0);
	limit(&gate, 1000, 0);
	cr_expect_eq(knock(&gate, &inbox, 10), 0);
	limit(&gate, 0, 0);
	cr_expect_eq(knock(&gate, &inbox, 10), 0);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_LIMITED), 30);
	limit(&gate, ~0U, ~0U);
	cr_expect_eq(knock(&gate, &inbox, 10), 10, "the largest values are no limit");
	done(&gate, &inbox);
}

Test(gate_events, each_cpu_has_its_bucket)
{
	struct inbox inbox;
	struct gate gate;
	unsigned int cpus[2];
	uint64_t start;

	if (gate_two_cpus(cpus) < 2)
		cr_skip_test("needs two CPUs");
	setup(&gate, &inbox);
	limit(&gate, 1, 3);
	start = gate_now_ns();
	expect_told(knock(&gate, &inbox, 10), 3, start);
	gate_stay_on(cpus[1]);
	start = gate_now_ns();
	expect_told(knock(&gate, &inbox, 10), 3, start);
	done(&gate, &inbox);
}

/* --- a full ring buffer ----------------------------------------------------------- */

Test(gate_events, a_full_ring_loses_events_and_passes)
{
	const uint32_t tries = 40000, record = sizeof(struct mxg_event) + BPF_RINGBUF_HDR_SZ;
	struct inbox inbox;
	struct packet pkt;
	struct gate gate;
	uint64_t sent;

	setup(&gate, &inbox);
	gate.config.ask_interval_ns = 0;
	limit(&gate, 1000000000, 1000000000);
	packet_build(&pkt, &syn4);
	cr_expect_eq(gate_run(&gate, &pkt, tries), XDP_PASS);
	sent = gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN);
	cr_expect_eq(sent, (MXG_EVENTS_SIZE / 8 * 7 + record - 1) / record);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_LOST), tries - sent);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_UNKNOWN), tries);

	/* The rest is for refreshes, and then it is full for them as well. */
	put(&gate, 4, MXG_ACTION_PASS, MXG_NEVER, gate_now_ns());
	cr_expect_eq(gate_run(&gate, &pkt, tries), XDP_PASS);
	sent += gate_counter(&gate, MXG_CTR_EVENT_REFRESH);
	cr_expect_eq(sent, MXG_EVENTS_SIZE / record);
	put(&gate, 4, MXG_ACTION_DROP, MXG_NEVER, gate_now_ns());
	gate_expect_spec(&gate, &syn4, MXG_CTR_DROP_NO_PTR, "verdicts stand when it is full");

	/* What was lost was not marked, so it is told once there is room. */
	gate.config.ask_interval_ns = GATE_HOUR_NS;
	gate_configure(&gate);
	gate_expect_spec(&gate, &syn6, MXG_CTR_UNKNOWN, "full");
	cr_expect_eq(inbox_take(&inbox), sent);
	gate_expect_spec(&gate, &syn6, MXG_CTR_UNKNOWN, "drained");
	cr_expect_eq(inbox_take(&inbox), 1);
	done(&gate, &inbox);
}
