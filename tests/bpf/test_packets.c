// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The named packets against the gate in each of its states. A row says what the gate in
 * monitor mode counts; what the other states make of it follows from that, because they
 * differ only in what they do with a SYN to a protected port.
 */
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"
#include "named.h"

#define ETH     14
#define Q       ETH_P_8021Q
#define AD      ETH_P_8021AD
#define BAD_SYN .flags = SYN, .host = HOST_NO_PTR

#define NAMED_LEAST 250

enum state {
	UNCONFIGURED,
	MONITOR,
	ENFORCE,
	LAPSED,
};

static enum mxg_counter outcome_in(enum state state, enum mxg_counter monitor)
{
	if (state == UNCONFIGURED)
		return MXG_CTR_OFF;
	if (state == LAPSED && gate_counter_kind(monitor) != MXG_KIND_UNJUDGED)
		return MXG_CTR_NO_LEASE;
	if (state == ENFORCE && monitor == MXG_CTR_WOULD_DROP_NO_PTR)
		return MXG_CTR_DROP_NO_PTR;
	if (state == ENFORCE && monitor == MXG_CTR_WOULD_DROP_UNCONFIRMED)
		return MXG_CTR_DROP_UNCONFIRMED;
	if (state == ENFORCE && monitor == MXG_CTR_WOULD_DROP_GENERIC)
		return MXG_CTR_DROP_GENERIC;
	if (state == ENFORCE && monitor == MXG_CTR_WOULD_DROP_DENY)
		return MXG_CTR_DROP_DENY;
	return monitor;
}

static void run_shape(struct gate *gate, enum state state, enum named_conf conf)
{
	char label[NAMED_LABEL_MAX];
	static struct packet pkt;

	for (size_t i = 0; i < NAMED_COUNT; i++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			if (NAMED[i].conf == conf && named_build(&NAMED[i], family, &pkt, label))
				gate_expect(gate, &pkt, outcome_in(state, NAMED[i].monitor), label);
		}
	}
}

static void run_table(struct gate *gate, enum state state)
{
	for (unsigned int conf = 0; conf < NAMED_CONFS; conf++) {
		if (state != UNCONFIGURED) {
			named_configure(&NAMED_SHAPES[conf], &gate->config);
			gate_configure(gate);
		}
		run_shape(gate, state, conf);
	}
}

/* A name that is there twice would tell of the wrong packet. */
Test(gate_packets, names)
{
	static char labels[2048][NAMED_LABEL_MAX];
	static struct packet pkt;
	size_t count = 0;

	for (size_t i = 0; i < NAMED_COUNT; i++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			cr_assert_lt(count, sizeof(labels) / sizeof(labels[0]));
			if (!named_build(&NAMED[i], family, &pkt, labels[count]))
				continue;
			for (size_t j = 0; j < count; j++)
				cr_expect_str_neq(labels[j], labels[count]);
			count++;
		}
	}
	cr_expect_geq(count, NAMED_LEAST);
	printf("packets: %zu rows, %zu named packets\n", NAMED_COUNT, count);
}

Test(gate_packets, unconfigured)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	memset(&gate.config, 0, sizeof(gate.config));
	gate_configure(&gate);
	run_table(&gate, UNCONFIGURED);
	gate_free(&gate);
}

Test(gate_packets, monitor)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, 0);
	gate_fill_hosts(&gate);
	run_table(&gate, MONITOR);
	gate_free(&gate);
}

Test(gate_packets, enforce)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	run_table(&gate, ENFORCE);
	gate_free(&gate);
}

/* The program for frames in several buffers. */
Test(gate_packets, enforce_frags)
{
	struct gate gate;

	gate_load(&gate);
	gate_need_newer(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	gate.prog = gate.frags;
	run_table(&gate, ENFORCE);
	gate_free(&gate);
}

Test(gate_packets, lease_lapsed)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	gate_set_lease(&gate, gate_now_ns());
	run_table(&gate, LAPSED);
	gate_free(&gate);
}

/* As plain `ip link` leaves it: nothing in any map. */
Test(gate_packets, just_loaded)
{
	struct gate gate;

	gate_load(&gate);
	run_table(&gate, UNCONFIGURED);
	gate_free(&gate);
}

static void cut_everywhere(struct gate *gate, const struct packet_spec *spec)
{
	static struct packet pkt;
	char label[80];
	size_t full;

	packet_build(&pkt, spec);
	full = pkt.len;
	for (pkt.len = ETH; pkt.len < full; pkt.len++) {
		snprintf(label, sizeof(label), "v%u, first %zu of %zu bytes", spec->family, pkt.len,
			 full);
		gate_expect(gate, &pkt, MXG_CTR_MALFORMED, label);
	}
	gate_expect(gate, &pkt, MXG_CTR_DROP_NO_PTR, "not cut");
}

Test(gate_packets, every_length_of_a_syn)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	cut_everywhere(&gate, &(struct packet_spec){.family = 4,
						    BAD_SYN,
						    .vlan = {AD, Q},
						    .ip_options = 12,
						    .tcp_options = 20});
	cut_everywhere(&gate, &(struct packet_spec){.family = 6,
						    BAD_SYN,
						    .vlan = {AD, Q},
						    .ext = {EXT_HOP, EXT_ROUTE, EXT_DST},
						    .tcp_options = 20});
	named_configure(&NAMED_SHAPES[NAMED_DECAP], &gate.config);
	gate_configure(&gate);
	for (uint8_t outer = 4; outer <= 6; outer += 2) {
		for (uint8_t family = 4; family <= 6; family += 2)
			cut_everywhere(&gate, &(struct packet_spec){.family = family,
								    BAD_SYN,
								    .vlan = {AD, Q},
								    .outer = {{.family = outer}},
								    .tcp_options = 20});
	}
	gate_free(&gate);
}

static void every_flag(struct gate *gate, unsigned int family, unsigned int reserved)
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		const struct packet_spec spec = {.family = (uint8_t)family,
						 .host = HOST_NO_PTR,
						 .flags = (uint8_t)flags,
						 .reserved = (uint8_t)reserved};
		bool is_pure = (flags & SYN) && !(flags & ACK) && !(flags & RST) && !(flags & FIN);
		char label[80];

		snprintf(label, sizeof(label), "v%u, flags 0x%x%02x", family, reserved, flags);
		gate_expect_spec(gate, &spec, is_pure ? MXG_CTR_DROP_NO_PTR : MXG_CTR_NOT_SYN,
				 label);
	}
}

/* All twelve bits beside the data offset. */
Test(gate_packets, every_combination_of_flags)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	for (unsigned int reserved = 0; reserved < 16; reserved++) {
		every_flag(&gate, 4, reserved);
		every_flag(&gate, 6, reserved);
	}
	gate_free(&gate);
}
