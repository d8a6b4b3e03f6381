// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Strangers of a network that is rolled up: the first SYN is held and told of, the next
 * passes; whoever is known, and every doubt about the worker, goes as ever.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"

static const struct packet_spec stranger = {.family = 6, .flags = SYN, .host = HOST_UNKNOWN};
static const struct packet_spec stranger4 = {.family = 4, .flags = SYN, .host = HOST_UNKNOWN};

static void put_net(struct gate *gate, const uint8_t net[8], uint64_t expires_ns)
{
	const struct mxg_rollup value = {.expires_ns = expires_ns};

	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_ROLLUP), net, &value, 0), 0, "%s",
		     strerror(errno));
}

/* The /64 that all hosts are in which are not denied, rolled up for an hour. */
static void setup(struct gate *gate, uint32_t enforce_mask)
{
	uint8_t addr[16];

	gate_load(gate);
	gate_need_newer(gate);
	gate_setup_holding(gate, enforce_mask, GATE_HOUR_NS);
	gate_fill_hosts(gate);
	gate->config.rollup = 1;
	gate_configure(gate);
	packet_addr6(HOST_UNKNOWN, addr);
	put_net(gate, addr, gate_now_ns() + GATE_HOUR_NS);
}

static uint64_t hits(const struct gate *gate)
{
	struct mxg_rollup value;
	uint8_t addr[16];

	packet_addr6(HOST_UNKNOWN, addr);
	cr_assert_eq(bpf_map_lookup_elem(gate_map(gate, MXG_MAP_ROLLUP), addr, &value), 0);
	return value.hits;
}

Test(gate_rollup, the_first_syn_only)
{
	struct packet_spec other = stranger;
	struct gate gate;

	setup(&gate, GATE_ENFORCE);
	gate_expect_spec(&gate, &stranger, MXG_CTR_HELD_ROLLUP, "the first");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 1, "the worker is told");
	for (int i = 0; i < 3; i++)
		gate_expect_spec(&gate, &stranger, MXG_CTR_UNKNOWN, "and again");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 1);
	cr_expect_eq(hits(&gate), 1);
	other.host = HOST_EXPIRED;
	gate_expect_spec(&gate, &other, MXG_CTR_HELD_ROLLUP, "whose verdict has ended");
	gate_expect_spec(&gate, &other, MXG_CTR_EXPIRED, "and again");
	cr_expect_eq(hits(&gate), 2);
	gate_free(&gate);
}

/* As when the second SYN comes after the interval, or the worker wants each of them. */
Test(gate_rollup, one_that_is_asked_about_again_is_not_held_again)
{
	struct gate gate;

	setup(&gate, GATE_ENFORCE);
	gate.config.ask_interval_ns = 0;
	gate_configure(&gate);
	gate_expect_spec(&gate, &stranger, MXG_CTR_HELD_ROLLUP, "the first");
	gate_sleep_ms(20);
	gate_expect_spec(&gate, &stranger, MXG_CTR_UNKNOWN, "the second");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 2);
	gate_free(&gate);
}

Test(gate_rollup, whoever_is_known_goes_as_ever)
{
	static const struct {
		enum packet_host host;
		enum mxg_counter outcome;
	} rows[] = {
		{HOST_GOOD, MXG_CTR_KNOWN_PASS},    {HOST_TEMPERROR, MXG_CTR_KNOWN_PASS},
		{HOST_NO_PTR, MXG_CTR_DROP_NO_PTR}, {HOST_UNCONFIRMED, MXG_CTR_DROP_UNCONFIRMED},
		{HOST_BOTH, MXG_CTR_KNOWN_PASS},
	};
	const struct mxg_prefix allow = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_PASS, .reason = MXG_REASON_ALLOW};
	struct gate gate;

	setup(&gate, GATE_ENFORCE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct packet_spec spec = {
			.family = 6, .flags = SYN, .host = (uint8_t)rows[i].host};

		gate_expect_spec(&gate, &spec, rows[i].outcome, "known");
	}
	gate_expect_spec(&gate, &stranger4, MXG_CTR_UNKNOWN, "IPv4");
	cr_expect_eq(hits(&gate), 0);
	cr_expect_eq(gate_counter(&gate, MXG_CTR_NOT_HELD), 0);
	gate_put_prefix(&gate, 6, HOST_UNKNOWN, 128, &allow);
	gate_expect_spec(&gate, &stranger, MXG_CTR_ALLOW, "an exception for it");
	gate_put_prefix(&gate, 6, HOST_EXPIRED, 32, &allow);
	gate_expect_spec(&gate, &stranger, MXG_CTR_ALLOW, "and a shorter one");
	cr_expect_eq(hits(&gate), 0);
	gate_free(&gate);
}

/* Each of these, and the stranger passes as it does without a roll-up. */
Test(gate_rollup, in_doubt_it_passes)
{
	static const struct {
		const char *label;
		bool is_not_told;   /* the configuration says that the table is empty */
		bool has_ended;     /* the entry */
		bool is_elsewhere;  /* another /64 is rolled up */
		bool is_empty;      /* no credit for an event */
		bool is_off;        /* the worker says that nobody is held now */
		uint32_t silent_ms; /* the worker, for so long */
		enum mxg_counter outcome;
	} rows[] = {
		{"an entry, and nothing in doubt", 0, 0, 0, 0, 0, 0, MXG_CTR_HELD_ROLLUP},
		{"not told that there is one", 1, 0, 0, 0, 0, 0, MXG_CTR_UNKNOWN},
		{"it has ended", 0, 1, 0, 0, 0, 0, MXG_CTR_UNKNOWN},
		{"another network", 0, 0, 1, 0, 0, 0, MXG_CTR_UNKNOWN},
		{"the worker cannot be told", 0, 0, 0, 1, 0, 0, MXG_CTR_UNKNOWN},
		{"it could not answer", 0, 0, 0, 0, 1, 0, MXG_CTR_UNKNOWN},
		{"a heartbeat ago", 0, 0, 0, 0, 0, 2500, MXG_CTR_HELD_ROLLUP},
		{"three seconds without one", 0, 0, 0, 0, 0, 3200, MXG_CTR_UNKNOWN},
		{"an hour", 0, 0, 0, 0, 0, 1000 * 3600, MXG_CTR_NO_LEASE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t addr[16];
		struct gate gate;
		uint64_t now;

		setup(&gate, GATE_ENFORCE);
		now = gate_now_ns();
		packet_addr6(HOST_UNKNOWN, addr);
		gate.config.rollup = !rows[i].is_not_told;
		if (rows[i].is_empty)
			gate.config.event_rate = 0;
		if (rows[i].is_off)
			gate.config.hold_left_ns = 0;
		gate_configure(&gate);
		if (rows[i].has_ended)
			put_net(&gate, addr, now);
		if (rows[i].is_elsewhere) {
			bpf_map_delete_elem(gate_map(&gate, MXG_MAP_ROLLUP), addr);
			addr[7]++;
			put_net(&gate, addr, MXG_NEVER);
		}
		gate_set_lease(&gate, now + GATE_HOUR_NS - rows[i].silent_ms * 1000000ULL);
		gate_expect_spec(&gate, &stranger, rows[i].outcome, rows[i].label);
		gate_free(&gate);
	}
}

/* What the worker finds it would not act on: then nobody is held for it. */
Test(gate_rollup, only_counted_where_nothing_is_enforced)
{
	static const struct {
		uint32_t mask;
		enum mxg_counter outcome;
	} rows[] = {
		{0, MXG_CTR_WOULD_HOLD_ROLLUP},
		{1u << MXG_REASON_GENERIC | 1u << MXG_REASON_DENY, MXG_CTR_WOULD_HOLD_ROLLUP},
		{1u << MXG_REASON_NO_PTR, MXG_CTR_HELD_ROLLUP},
		{1u << MXG_REASON_UNCONFIRMED, MXG_CTR_HELD_ROLLUP},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate gate;

		setup(&gate, rows[i].mask);
		gate_expect_spec(&gate, &stranger, rows[i].outcome, "the first");
		gate_expect_spec(&gate, &stranger, MXG_CTR_UNKNOWN, "the second");
		gate_free(&gate);
	}
}

/* The other trigger tells of who has come in, which one that is held has not. */
Test(gate_rollup, whatever_the_trigger_is)
{
	struct gate gate;

	setup(&gate, GATE_ENFORCE);
	gate.config.established = 1;
	gate_configure(&gate);
	gate_expect_spec(&gate, &stranger, MXG_CTR_HELD_ROLLUP, "the first");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 1);
	gate_expect_spec(&gate, &stranger, MXG_CTR_UNKNOWN, "the second");
	gate_expect_spec(&gate, &stranger4, MXG_CTR_UNKNOWN, "elsewhere");
	cr_expect_eq(gate_counter(&gate, MXG_CTR_EVENT_UNKNOWN), 1, "nobody is told");
	gate_free(&gate);
}
