// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the gate sends: which SYNs are answered and which are dropped instead, and that
 * each answer is, byte for byte, the one that the reference writes. One is written here
 * by hand, so that both cannot be wrong in the same way.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"
#include "named.h"
#include "reference.h"

#define Q         ETH_P_8021Q
#define AD        ETH_P_8021AD
#define RESET     MXG_CTR_RESET_NO_PTR
#define DROP      MXG_CTR_DROP_NO_PTR
#define RESET_SYN .flags = SYN, .host = HOST_RESET

#define ETH_LEN 14

static void set_up(struct gate *gate)
{
	gate_load(gate);
	gate_setup(gate, GATE_ENFORCE);
	gate_fill_hosts(gate);
}

/* Runs it twice: once for the counter, once for the frame. */
static void expect_reply(struct gate *gate, const struct packet *pkt, enum mxg_counter outcome,
			 const char *label)
{
	static struct packet got, want;

	gate_expect(gate, pkt, outcome, label);
	cr_expect_eq(gate_run_out(gate, pkt, &got), gate_action_of(outcome), "%s", label);
	memcpy(want.data, pkt->data, pkt->len);
	if (gate_action_of(outcome) == XDP_TX)
		reference_answer(pkt->data, pkt->len, want.data);
	cr_expect_eq(got.len, pkt->len, "%s: %zu bytes for %zu", label, got.len, pkt->len);
	cr_expect_arr_eq(got.data, want.data, pkt->len, "%s: another frame", label);
}

/* --- by hand --------------------------------------------------------------------- */

/* Of 192.0.2.10 to 203.0.113.25, checksums by Python's own sum. */
Test(gate_reply, a_reset_byte_for_byte)
{
	static const uint8_t syn[] =
		{
			0x02, 0,    0,    0,    0,    0x01, 0x02, 0,    0,    0,    0,    0x02,
			0x08, 0x00, /* Ethernet */
			0x45, 0x10, 0,    44,   0x12, 0x34, 0,    0,    50,   6,    0,    0,
			192,  0,    2,    10,   203,  0,    113,  25,   0xc0, 0x01, 0,    25,
			0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0x60, 0x02, 0xfa, 0xf0,
			0,    0,    0,    0,    2,    4,    5,    0xb4, 0,    0,
		};
	static const uint8_t reset[] =
		{
			0x02, 0,    0,   0,  0,   0x02, 0x02, 0,    0,    0,    0,    0x01,
			0x08, 0x00, /* Ethernet */
			0x45, 0,    0,   40, 0,   0,    0x40, 0,    64,   6,    0x3c, 0xac,
			203,  0,    113, 25, 192, 0,    2,    10,   0,    25,   0xc0, 0x01,
			0,    0,    0,   0,  0,   0,    0,    0,    0x50, 0x14, 0,    0,
			0xf1, 0x91, 0,   0,  2,   4,    5,    0xb4, 0,    0, /* what is left of the
										SYN */
		};
	static struct packet pkt, got;
	struct gate gate;

	set_up(&gate);
	memcpy(pkt.data, syn, sizeof(syn));
	pkt.len = sizeof(syn);
	cr_expect_eq(gate_run_out(&gate, &pkt, &got), XDP_TX);
	cr_expect_eq(got.len, sizeof(reset));
	cr_expect_arr_eq(got.data, reset, sizeof(reset));
	gate_free(&gate);
}

/* --- who is answered -------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned int families;
	enum mxg_counter outcome;
	struct packet_spec spec;
} SYNS[] = {
	{"syn", NAMED_BOTH, RESET, {RESET_SYN}},
	{"syn with options",
	 NAMED_BOTH,
	 RESET,
	 {RESET_SYN, .tcp_options = 20, .tcp_kind = TCP_USUAL}},
	{"syn with data", NAMED_BOTH, RESET, {RESET_SYN, .payload = 1000}},
	{"syn with options and data",
	 NAMED_BOTH,
	 RESET,
	 {RESET_SYN, .tcp_options = 40, .payload = 7}},
	{"syn with ECN", NAMED_BOTH, RESET, {.flags = SYN | ECE | CWR, .host = HOST_RESET}},
	{"one tag", NAMED_BOTH, RESET, {RESET_SYN, .vlan = {Q}}},
	{"two tags", NAMED_BOTH, RESET, {RESET_SYN, .vlan = {AD, Q}, .tcp_options = 20}},
	{"padded", NAMED_BOTH, RESET, {RESET_SYN, .trailer = 6}},
	{"data cut off", NAMED_V4, DROP, {RESET_SYN, .payload = 10, .cut = 63}},
	{"data cut off, IPv6", NAMED_V6, DROP, {RESET_SYN, .payload = 10, .cut = 83}},
	{"a length of nothing", NAMED_BOTH, DROP, {RESET_SYN, .ip_len = 1}},
	{"a length below the header's", NAMED_V4, DROP, {RESET_SYN, .ip_len = 39}},
	{"a length of just the headers", NAMED_V4, RESET, {RESET_SYN, .ip_len = 40}},
	{"a length below the header's, IPv6", NAMED_V6, DROP, {RESET_SYN, .ip_len = 19}},
	{"a length beyond the frame", NAMED_BOTH, DROP, {RESET_SYN, .ip_len = 2000}},
	{"IP options", NAMED_V4, DROP, {RESET_SYN, .ip_options = 4}},
	{"first fragment", NAMED_V4, DROP, {RESET_SYN, .frag_off = 0x2000}},
	{"not to be fragmented", NAMED_V4, RESET, {RESET_SYN, .frag_off = 0x4000}},
	{"extension header", NAMED_V6, DROP, {RESET_SYN, .ext = {EXT_DST}}},
	{"atomic fragment", NAMED_V6, DROP, {RESET_SYN, .ext = {EXT_FRAG_ATOMIC}}},
	{"ack", NAMED_BOTH, MXG_CTR_NOT_SYN, {.flags = ACK, .host = HOST_RESET}},
	{"syn ack", NAMED_BOTH, MXG_CTR_NOT_SYN, {.flags = SYN | ACK, .host = HOST_RESET}},
	{"rst", NAMED_BOTH, MXG_CTR_NOT_SYN, {.flags = RST, .host = HOST_RESET}},
	{"fin ack", NAMED_BOTH, MXG_CTR_NOT_SYN, {.flags = FIN | ACK, .host = HOST_RESET}},
	{"another port", NAMED_BOTH, MXG_CTR_NOT_PORT, {RESET_SYN, .port = PORT_HTTPS}},
};

static void run_syns(struct gate *gate)
{
	static struct packet pkt;
	char label[96];

	for (size_t i = 0; i < sizeof(SYNS) / sizeof(SYNS[0]); i++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			struct packet_spec spec = SYNS[i].spec;

			if (!(SYNS[i].families & (family == 4 ? NAMED_V4 : NAMED_V6)))
				continue;
			spec.family = (uint8_t)family;
			packet_build(&pkt, &spec);
			snprintf(label, sizeof(label), "v%u, %s", family, SYNS[i].name);
			expect_reply(gate, &pkt, SYNS[i].outcome, label);
		}
	}
}

Test(gate_reply, which_are_answered)
{
	struct gate gate;

	set_up(&gate);
	run_syns(&gate);
	if (!gate.is_hash) {
		gate.prog = gate.frags;
		run_syns(&gate);
	}
	gate_free(&gate);
}

/* In a tunnel it would have to go back in one. */
Test(gate_reply, what_is_unpacked_is_dropped)
{
	static struct packet pkt;
	struct gate gate;

	set_up(&gate);
	named_configure(&NAMED_SHAPES[NAMED_DECAP], &gate.config);
	gate_configure(&gate);
	for (uint8_t outer = 4; outer <= 6; outer += 2) {
		for (uint8_t family = 4; family <= 6; family += 2) {
			packet_build(&pkt, &(struct packet_spec){.family = family,
								 RESET_SYN,
								 .outer = {{.family = outer}}});
			expect_reply(&gate, &pkt, DROP, "in a tunnel");
		}
	}
	run_syns(&gate);
	gate_free(&gate);
}

/* RFC 1122 §4.2.3.10. */
Test(gate_reply, no_answer_for_a_group)
{
	static struct packet pkt;
	struct gate gate;

	set_up(&gate);
	for (uint8_t family = 4; family <= 6; family += 2) {
		packet_build(&pkt, &(struct packet_spec){.family = family, RESET_SYN});
		pkt.data[0] = 0x03;
		expect_reply(&gate, &pkt, DROP, "to a group of stations");
		pkt.data[0] = 0x02;
		pkt.data[family == 4 ? ETH_LEN + 16 : ETH_LEN + 24] = family == 4 ? 239 : 0xff;
		expect_reply(&gate, &pkt, DROP, "to a group of hosts");
		pkt.data[family == 4 ? ETH_LEN + 16 : ETH_LEN + 24] = family == 4 ? 223 : 0xfe;
		expect_reply(&gate, &pkt, RESET, "to no group");
	}
	gate_free(&gate);
}

/* What BPF_PROG_TEST_RUN does not take into the first buffer stays outside. */
Test(gate_reply, several_buffers_are_dropped)
{
	static struct packet pkt;
	struct gate gate;

	set_up(&gate);
	gate_need_newer(&gate);
	gate.prog = gate.frags;
	for (uint8_t family = 4; family <= 6; family += 2) {
		packet_build(&pkt,
			     &(struct packet_spec){.family = family, RESET_SYN, .payload = 9000});
		gate_expect(&gate, &pkt, DROP, "several buffers");
		packet_build(&pkt,
			     &(struct packet_spec){.family = family, RESET_SYN, .trailer = 9000});
		gate_expect(&gate, &pkt, DROP, "several buffers, the packet in the first");
		packet_build(&pkt,
			     &(struct packet_spec){.family = family, RESET_SYN, .payload = 3000});
		expect_reply(&gate, &pkt, RESET, "one buffer");
	}
	gate_free(&gate);
}

/* Carries of all sizes: checksums are where they go wrong. */
Test(gate_reply, every_sequence_number_and_port)
{
	static struct packet pkt;
	uint32_t state = 2463534242U;
	struct gate gate;

	set_up(&gate);
	for (uint32_t i = 0; i < 20000; i++) {
		const uint8_t family = i % 2 ? 4 : 6;
		const size_t tcp = ETH_LEN + (family == 4 ? 20 : 40);
		struct packet_spec spec = {
			.family = family, RESET_SYN, .payload = (uint16_t)(i % 64)};
		static struct packet got, want;

		packet_build(&pkt, &spec);
		for (size_t at = tcp + 4; at < tcp + 8; at++) {
			state ^= state << 13;
			state ^= state >> 17;
			state ^= state << 5;
			pkt.data[at] = i % 7 ? (uint8_t)state : 0xff;
		}
		pkt.data[tcp] = (uint8_t)(state >> 8);
		pkt.data[tcp + 1] = (uint8_t)(state >> 16);
		memcpy(want.data, pkt.data, pkt.len);
		reference_answer(pkt.data, pkt.len, want.data);
		cr_assert_eq(gate_run_out(&gate, &pkt, &got), XDP_TX);
		cr_assert_arr_eq(got.data, want.data, pkt.len, "number %u", i);
	}
	gate_free(&gate);
}
