// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the gate makes of verdicts, exceptions, the lease and the config: the
 * edges in time, every action and reason there could be, and every map that may
 * not be there or not be filled yet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "gate.h"

#define HOST    42
#define UNIT_NS (1ULL << MXG_UNIT_SHIFT) /* to which a table cuts expiries off */

static const struct packet_spec syn4 = {.family = 4, .flags = SYN, .host = HOST};
static const struct packet_spec syn6 = {.family = 6, .flags = SYN, .host = HOST};
static const struct packet_spec *const syns[] = {&syn4, &syn6};

#define for_each_syn(syn) for (const struct packet_spec *const *syn = syns; syn < syns + 2; syn++)

static void put(struct gate *gate, unsigned int family, uint8_t action, uint8_t reason,
		uint64_t expires_ns)
{
	const struct mxg_verdict verdict = {.expires_ns = expires_ns,
					    .refresh_ns = MXG_NEVER,
					    .action = action,
					    .reason = reason};

	gate_put_verdict(gate, family, HOST, &verdict);
}

static void except(struct gate *gate, unsigned int family, unsigned int bits, uint8_t action,
		   uint8_t reason)
{
	const struct mxg_prefix prefix = {
		.expires_ns = MXG_NEVER, .action = action, .reason = reason};

	gate_put_prefix(gate, family, HOST, bits, &prefix);
}

static void count_prefixes(struct gate *gate, uint32_t count4, uint32_t count6)
{
	gate->config.prefix4_count = count4;
	gate->config.prefix6_count = count6;
	gate_configure(gate);
}

/* --- time --------------------------------------------------------------------- */

/*
 * Runs set(now + offset) and a SYN within one tick of the coarse clock, so that
 * the gate sees the very nanosecond the test saw; that for older kernels, one of the same tick.
 */
static void expect_in_tick(struct gate *gate, const struct packet_spec *spec,
			   void (*set)(struct gate *, unsigned int, uint64_t), uint64_t offset,
			   enum mxg_counter outcome, const char *label)
{
	struct mxg_counters before, after;
	uint64_t now;

	do {
		now = gate_now_ns();
		set(gate, spec->family, now + offset);
		gate_read_counters(gate, &before);
		gate_run_spec(gate, spec);
		gate_read_counters(gate, &after);
	} while (gate_now_ns() != now);
	cr_expect_eq(after.count[outcome] - before.count[outcome], 1, "v%u %s", spec->family,
		     label);
}

/* The least that lies ahead of what the gate sees. */
static uint64_t least_ahead(const struct gate *gate)
{
	return gate->is_hash ? 2 * CLOCK_LAG_NS : 1;
}

static void set_expiry(struct gate *gate, unsigned int family, uint64_t when)
{
	put(gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, when);
}

static void set_prefix_expiry(struct gate *gate, unsigned int family, uint64_t when)
{
	const struct mxg_prefix prefix = {
		.expires_ns = when, .action = MXG_ACTION_DROP, .reason = MXG_REASON_DENY};

	gate_put_prefix(gate, family, HOST, 24, &prefix);
}

static void set_lease(struct gate *gate, unsigned int family, uint64_t when)
{
	(void)family;
	gate_set_lease(gate, when);
}

Test(gate_verdicts, a_verdict_ends_at_its_expiry)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for_each_syn(syn)
	{
		expect_in_tick(&gate, *syn, set_expiry, UNIT_NS, MXG_CTR_DROP_NO_PTR,
			       "a unit before");
		expect_in_tick(&gate, *syn, set_expiry, 0, MXG_CTR_EXPIRED, "at its expiry");
		expect_in_tick(&gate, *syn, set_expiry, (uint64_t)-1, MXG_CTR_EXPIRED, "after");
	}
	gate_free(&gate);
}

Test(gate_verdicts, an_exception_ends_at_its_expiry)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	count_prefixes(&gate, 1, 1);
	for_each_syn(syn)
	{
		expect_in_tick(&gate, *syn, set_prefix_expiry, least_ahead(&gate),
			       MXG_CTR_DROP_DENY, "just before");
		expect_in_tick(&gate, *syn, set_prefix_expiry, 0, MXG_CTR_UNKNOWN, "at its expiry");
	}
	gate_free(&gate);
}

Test(gate_verdicts, the_lease_ends_at_its_time)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for_each_syn(syn)
	{
		put(&gate, (*syn)->family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
		expect_in_tick(&gate, *syn, set_lease, least_ahead(&gate), MXG_CTR_DROP_NO_PTR,
			       "just before");
		expect_in_tick(&gate, *syn, set_lease, 0, MXG_CTR_NO_LEASE, "at its end");
	}
	gate_set_lease(&gate, 0);
	gate_expect_spec(&gate, &syn4, MXG_CTR_NO_LEASE, "no heartbeat yet");
	gate_free(&gate);
}

Test(gate_verdicts, a_verdict_decays_with_nobody_there)
{
	struct gate gate;
	uint64_t until;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	until = gate_now_ns() + GATE_NS_PER_SEC;
	put(&gate, 4, MXG_ACTION_DROP, MXG_REASON_NO_PTR, until);
	cr_expect(gate_run_spec(&gate, &syn4) == XDP_DROP || gate_now_ns() + UNIT_NS >= until,
		  "live");
	gate_sleep_ms(1050);
	gate_expect_spec(&gate, &syn4, MXG_CTR_EXPIRED, "a second later");
	gate_free(&gate);
}

/* --- actions, reasons, modes --------------------------------------------------- */

/* What each reason that may refuse counts. */
static const struct {
	uint8_t reason;
	enum mxg_counter would, drop, reset;
} refusals[] = {
	{MXG_REASON_NO_PTR, MXG_CTR_WOULD_DROP_NO_PTR, MXG_CTR_DROP_NO_PTR, MXG_CTR_RESET_NO_PTR},
	{MXG_REASON_UNCONFIRMED, MXG_CTR_WOULD_DROP_UNCONFIRMED, MXG_CTR_DROP_UNCONFIRMED,
	 MXG_CTR_RESET_UNCONFIRMED},
	{MXG_REASON_GENERIC, MXG_CTR_WOULD_DROP_GENERIC, MXG_CTR_DROP_GENERIC,
	 MXG_CTR_RESET_GENERIC},
	{MXG_REASON_DENY, MXG_CTR_WOULD_DROP_DENY, MXG_CTR_DROP_DENY, MXG_CTR_RESET_DENY},
};

#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static enum mxg_counter outcome_of(unsigned int action, unsigned int reason)
{
	if (reason == MXG_REASON_ALLOW)
		return MXG_CTR_ALLOW;
	for (size_t i = 0; i < REFUSALS; i++) {
		if (reason == refusals[i].reason && action == MXG_ACTION_DROP)
			return refusals[i].drop;
		if (reason == refusals[i].reason &&
		    (action == MXG_ACTION_RESET || action == MXG_ACTION_REJECT))
			return refusals[i].reset;
	}
	return MXG_CTR_KNOWN_PASS;
}

static void expect_action_reason(struct gate *gate, unsigned int action, unsigned int reason)
{
	char label[64];

	snprintf(label, sizeof(label), "action %u, reason %u", action, reason);
	gate_expect_spec(gate, &syn4, outcome_of(action, reason), label);
}

/* All that a table can hold, with every enforce bit set. */
Test(gate_verdicts, what_the_gate_does_not_know_passes)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for (unsigned int action = 0; action <= MXG_STATE_ACTION; action++) {
		for (unsigned int reason = 1; reason <= MXG_STATE_REASON; reason++) {
			put(&gate, 4, (uint8_t)action, (uint8_t)reason, MXG_NEVER);
			expect_action_reason(&gate, action, reason);
		}
	}
	gate_free(&gate);
}

Test(gate_verdicts, an_exception_of_unknown_kind_passes)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	count_prefixes(&gate, 1, 0);
	for (unsigned int action = 0; action < 4; action++) {
		for (unsigned int reason = 0; reason < 256; reason++) {
			except(&gate, 4, 24, (uint8_t)action, (uint8_t)reason);
			expect_action_reason(&gate, action, reason);
		}
	}
	gate_free(&gate);
}

/* As often as there are bits; the action acts with its own alone. */
static void expect_each_bit(struct gate *gate, uint8_t action, uint8_t reason,
			    enum mxg_counter would)
{
	put(gate, 4, action, reason, MXG_NEVER);
	for (unsigned int bit = 0; bit < 32; bit++) {
		char label[64];

		gate->config.enforce_mask = 1U << bit;
		gate_configure(gate);
		snprintf(label, sizeof(label), "action %u, reason %u, bit %u", action, reason, bit);
		gate_expect_spec(gate, &syn4, bit == reason ? outcome_of(action, reason) : would,
				 label);
	}
}

Test(gate_verdicts, each_reason_is_enforced_by_its_own_bit)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, 0);
	for (size_t i = 0; i < REFUSALS; i++) {
		expect_each_bit(&gate, MXG_ACTION_DROP, refusals[i].reason, refusals[i].would);
		expect_each_bit(&gate, MXG_ACTION_RESET, refusals[i].reason, refusals[i].would);
		expect_each_bit(&gate, MXG_ACTION_REJECT, refusals[i].reason, refusals[i].would);
	}
	gate_free(&gate);
}

/* --- config -------------------------------------------------------------------- */

Test(gate_verdicts, another_abi_is_off)
{
	const uint32_t others[] = {0, MXG_ABI - 1, MXG_ABI + 1, MXG_ABI << 24, ~0U};
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	put(&gate, 4, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		gate.config.abi = others[i];
		gate_configure(&gate);
		gate_expect_spec(&gate, &syn4, MXG_CTR_OFF, "another abi");
	}
	gate.config.abi = MXG_ABI;
	gate_configure(&gate);
	gate_expect_spec(&gate, &syn4, MXG_CTR_DROP_NO_PTR, "our abi");
	gate_free(&gate);
}

static void expect_ports(struct gate *gate, unsigned int guarded)
{
	for (unsigned int i = 0; i < MXG_PORTS_MAX; i++) {
		struct packet_spec spec = syn4;
		char label[64];

		spec.port = ntohs(gate->config.ports[i]);
		snprintf(label, sizeof(label), "port %u of %u", i, gate->config.port_count);
		gate_expect_spec(gate, &spec, i < guarded ? MXG_CTR_DROP_NO_PTR : MXG_CTR_NOT_PORT,
				 label);
	}
}

Test(gate_verdicts, up_to_eight_ports)
{
	const uint16_t ports[MXG_PORTS_MAX] = {25, 465, 587, 2525, 1, 65535, 24, 10025};
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	put(&gate, 4, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
	for (unsigned int i = 0; i < MXG_PORTS_MAX; i++)
		gate.config.ports[i] = htons(ports[i]);
	for (unsigned int count = 0; count <= MXG_PORTS_MAX; count++) {
		gate.config.port_count = count;
		gate_configure(&gate);
		expect_ports(&gate, count);
	}
	gate.config.port_count = ~0U;
	gate_configure(&gate);
	expect_ports(&gate, MXG_PORTS_MAX);
	gate_free(&gate);
}

/* --- tables -------------------------------------------------------------------- */

Test(gate_verdicts, no_table_is_a_miss)
{
	const uint32_t zero = 0;
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for_each_syn(syn) put(&gate, (*syn)->family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
	cr_assert_eq(bpf_map_delete_elem(gate_tables(&gate, 4), &zero), 0);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "no IPv4 table");
	gate_expect_spec(&gate, &syn6, MXG_CTR_DROP_NO_PTR, "IPv6 table still there");
	cr_assert_eq(bpf_map_delete_elem(gate_tables(&gate, 6), &zero), 0);
	gate_expect_spec(&gate, &syn6, MXG_CTR_UNKNOWN, "no IPv6 table");
	count_prefixes(&gate, 1, 1);
	for_each_syn(syn)
	{
		except(&gate, (*syn)->family, 24, MXG_ACTION_DROP, MXG_REASON_DENY);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_DENY, "exceptions work without table");
	}
	gate_free(&gate);
}

Test(gate_verdicts, a_table_is_swapped_whole)
{
	struct gate_table table;
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for_each_syn(syn)
	{
		const unsigned int family = (*syn)->family;

		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_NO_PTR, "first table");
		gate_new_table(&gate, family, 4, &table);
		gate_set_table(&gate, family, &table);
		gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "empty smaller table");
		put(&gate, family, MXG_ACTION_PASS, MXG_REASON_PASS, MXG_NEVER);
		gate_expect_spec(&gate, *syn, MXG_CTR_KNOWN_PASS, "smaller table");
		gate_new_table(&gate, family, 100000, &table);
		gate_set_table(&gate, family, &table);
		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_UNCONFIRMED, MXG_NEVER);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_UNCONFIRMED, "larger table");
	}
	gate_free(&gate);
}

/* The kernel itself refuses a table of another form, so the gate cannot misread one. */
Test(gate_verdicts, a_table_of_another_form_is_refused)
{
	const uint32_t zero = 0;
	struct gate gate;
	int fd;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "mxg_test_table", sizeof(__be32),
			    sizeof(struct mxg_verdict) + 8, 16, NULL);
	cr_assert(fd >= 0);
	cr_assert_neq(bpf_map_update_elem(gate_tables(&gate, 4), &zero, &fd, 0), 0);
	cr_assert_eq(errno, EINVAL);
	close(fd);
	gate_free(&gate);
}

/* The mean of many counts by chance, each of which is right to about a quarter. */
Test(gate_verdicts, many_hits_are_counted_by_chance)
{
	enum {
		HOSTS = 40,
		HITS = 20000
	};
	const struct mxg_verdict verdict = {.expires_ns = MXG_NEVER,
					    .refresh_ns = MXG_NEVER,
					    .action = MXG_ACTION_DROP,
					    .reason = MXG_REASON_NO_PTR};
	struct packet_spec syn = syn4;
	static struct packet pkt;
	struct gate gate;
	double sum = 0;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for (unsigned int i = 0; i < HOSTS; i++) {
		syn.host = (uint8_t)(HOST + i);
		gate_put_verdict(&gate, 4, syn.host, &verdict);
		packet_build(&pkt, &syn);
		cr_assert_eq(gate_run(&gate, &pkt, HITS), XDP_DROP);
		sum += gate_get_verdict(&gate, 4, syn.host).hits;
	}
	cr_expect_float_eq(sum / HOSTS / HITS, 1, 0.15, "%.3f times as many", sum / HOSTS / HITS);
	printf("  %.3f times as many\n", sum / HOSTS / HITS);
	gate_free(&gate);
}

Test(gate_verdicts, hits_are_counted)
{
	struct packet_spec ack = syn4;
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	ack.flags = ACK;
	for_each_syn(syn)
	{
		const unsigned int family = (*syn)->family;

		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(gate_run_spec(&gate, *syn), XDP_DROP);
		cr_assert_eq(gate_run_spec(&gate, &ack), XDP_PASS);
		cr_expect_eq(gate_get_verdict(&gate, family, HOST).hits, 3);
		put(&gate, family, MXG_ACTION_PASS, MXG_REASON_PASS, MXG_NEVER);
		cr_assert_eq(gate_run_spec(&gate, *syn), XDP_PASS);
		cr_expect_eq(gate_get_verdict(&gate, family, HOST).hits, 4, "renewed");
		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, gate_now_ns());
		cr_assert_eq(gate_run_spec(&gate, *syn), XDP_PASS);
		cr_expect_eq(gate_get_verdict(&gate, family, HOST).hits, 4, "expired");
	}
	gate_free(&gate);
}

/* --- exceptions ---------------------------------------------------------------- */

Test(gate_verdicts, the_longest_prefix_wins)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	count_prefixes(&gate, 1, 1);
	for_each_syn(syn)
	{
		const unsigned int family = (*syn)->family, all = family == 4 ? 32 : 128;

		except(&gate, family, 8, MXG_ACTION_DROP, MXG_REASON_DENY);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_DENY, "deny /8");
		except(&gate, family, 16, MXG_ACTION_PASS, MXG_REASON_ALLOW);
		gate_expect_spec(&gate, *syn, MXG_CTR_ALLOW, "allow /16 in it");
		except(&gate, family, 24, MXG_ACTION_DROP, MXG_REASON_DENY);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_DENY, "deny /24 in that");
		except(&gate, family, all, MXG_ACTION_PASS, MXG_REASON_ALLOW);
		gate_expect_spec(&gate, *syn, MXG_CTR_ALLOW, "allow the host");
		cr_expect_eq(gate_get_prefix(&gate, family, HOST, 24).hits, 1);
		cr_expect_eq(gate_get_prefix(&gate, family, HOST, all).hits, 1);
	}
	gate_free(&gate);
}

Test(gate_verdicts, no_prefixes_no_lookup)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	for_each_syn(syn) except(&gate, (*syn)->family, 24, MXG_ACTION_DROP, MXG_REASON_DENY);
	for_each_syn(syn) gate_expect_spec(&gate, *syn, MXG_CTR_UNKNOWN, "both counts 0");
	count_prefixes(&gate, 1, 0);
	gate_expect_spec(&gate, &syn4, MXG_CTR_DROP_DENY, "IPv4 count 1");
	gate_expect_spec(&gate, &syn6, MXG_CTR_UNKNOWN, "IPv6 count 0");
	count_prefixes(&gate, 0, 1);
	gate_expect_spec(&gate, &syn4, MXG_CTR_UNKNOWN, "IPv4 count 0");
	gate_expect_spec(&gate, &syn6, MXG_CTR_DROP_DENY, "IPv6 count 1");
	gate_free(&gate);
}

Test(gate_verdicts, an_exception_counts_once_the_verdict_is_gone)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	count_prefixes(&gate, 1, 1);
	for_each_syn(syn)
	{
		const unsigned int family = (*syn)->family;

		except(&gate, family, 24, MXG_ACTION_PASS, MXG_REASON_ALLOW);
		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, MXG_NEVER);
		gate_expect_spec(&gate, *syn, MXG_CTR_DROP_NO_PTR, "verdict live");
		cr_expect_eq(gate_get_prefix(&gate, family, HOST, 24).hits, 0);
		put(&gate, family, MXG_ACTION_DROP, MXG_REASON_NO_PTR, gate_now_ns());
		gate_expect_spec(&gate, *syn, MXG_CTR_ALLOW, "verdict expired");
	}
	gate_free(&gate);
}
