// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Named frames against the gate in each of its states. A row says what the gate
 * in monitor mode counts; what the other states make of it follows from that,
 * because they differ only in what they do with a SYN to a protected port.
 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"

#define V4   1
#define V6   2
#define BOTH (V4 | V6)

#define ETH      14
#define IP4      20
#define IP6      40
#define TCP      20
#define VLAN     4
#define MF       0x2000
#define DF       0x4000
#define Q        ETH_P_8021Q
#define AD       ETH_P_8021AD
#define BAD      .host = HOST_NO_PTR
#define BAD_SYN  .flags = SYN, .host = HOST_NO_PTR
#define WOULD    MXG_CTR_WOULD_DROP_NO_PTR
#define SYN_FROM .flags = SYN, .host

struct row {
	const char *name;
	unsigned int families;
	enum mxg_counter monitor;
	struct packet_spec spec;
};

/* clang-format off: a row a line */
static const struct row rows[] = {
	/* what the gate knows of the source */
	{"syn, good", BOTH, MXG_CTR_KNOWN_PASS, {SYN_FROM = HOST_GOOD}},
	{"syn, no PTR", BOTH, WOULD, {BAD_SYN}},
	{"syn, unconfirmed", BOTH, MXG_CTR_WOULD_DROP_UNCONFIRMED, {SYN_FROM = HOST_UNCONFIRMED}},
	{"syn, generic", BOTH, MXG_CTR_WOULD_DROP_GENERIC, {SYN_FROM = HOST_GENERIC}},
	{"syn, temperror marked drop", BOTH, MXG_CTR_KNOWN_PASS, {SYN_FROM = HOST_TEMPERROR}},
	{"syn, expired", BOTH, MXG_CTR_EXPIRED, {SYN_FROM = HOST_EXPIRED}},
	{"syn, unknown", BOTH, MXG_CTR_UNKNOWN, {SYN_FROM = HOST_UNKNOWN}},
	{"syn, denied", BOTH, MXG_CTR_WOULD_DROP_DENY, {SYN_FROM = HOST_DENIED}},
	{"syn, allowed in a denied net", BOTH, MXG_CTR_ALLOW, {SYN_FROM = HOST_ALLOWED}},
	{"syn, expired exception", BOTH, MXG_CTR_UNKNOWN, {SYN_FROM = HOST_LAPSED}},
	{"syn, verdict before exception", BOTH, MXG_CTR_KNOWN_PASS, {SYN_FROM = HOST_BOTH}},

	/* flags: a SYN with any of ACK, RST, FIN is none */
	{"syn+ece+cwr", BOTH, WOULD, {BAD, .flags = SYN | ECE | CWR}},
	{"syn+psh+urg", BOTH, WOULD, {BAD, .flags = SYN | PSH | URG}},
	{"syn+ack", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = SYN | ACK}},
	{"syn+rst", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = SYN | RST}},
	{"syn+fin", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = SYN | FIN}},
	{"every flag", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = 0xff}},
	{"no flag", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = 0}},
	{"ack", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = ACK}},
	{"data", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = PSH | ACK, .payload = 512}},
	{"fin+ack", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = FIN | ACK}},
	{"rst", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = RST}},
	{"fin+psh+urg", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = FIN | PSH | URG}},

	/* ports */
	{"syn to 443", BOTH, MXG_CTR_NOT_PORT, {BAD_SYN, .port = PORT_HTTPS}},
	{"syn to 587", BOTH, MXG_CTR_NOT_PORT, {BAD_SYN, .port = PORT_SUBMISSION}},
	{"syn to 25 byte-swapped", BOTH, MXG_CTR_NOT_PORT, {BAD_SYN, .port = 6400}},
	{"data to 443", BOTH, MXG_CTR_NOT_PORT, {BAD, .flags = ACK, .port = PORT_HTTPS}},

	/* TCP header */
	{"tcp options", BOTH, WOULD, {BAD_SYN, .tcp_options = 20}},
	{"tcp options, all 40", BOTH, WOULD, {BAD_SYN, .tcp_options = 40}},
	{"syn with data", BOTH, WOULD, {BAD_SYN, .payload = 100}},
	{"tcp data offset 4", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .doff = 4}},
	{"tcp data offset 1", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .doff = 1}},
	{"tcp data offset past the end", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .doff = 6}},

	/* other protocols */
	{"udp", BOTH, MXG_CTR_NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP}},
	{"icmp", V4, MXG_CTR_NOT_TCP, {.host = HOST_NO_PTR, .proto = IPPROTO_ICMP}},
	{"icmpv6", V6, MXG_CTR_NOT_TCP, {.host = HOST_NO_PTR, .proto = IPPROTO_ICMPV6}},
	{"sctp", BOTH, MXG_CTR_NOT_TCP, {BAD_SYN, .proto = IPPROTO_SCTP}},
	{"gre", BOTH, MXG_CTR_NOT_TCP, {BAD_SYN, .proto = IPPROTO_GRE}},

	/* Ethernet and VLAN */
	{"arp", V4, MXG_CTR_NOT_IP, {BAD_SYN, .ethertype = ETH_P_ARP}},
	{"llc length", V4, MXG_CTR_NOT_IP, {BAD_SYN, .ethertype = 46}},
	{"mpls", V4, MXG_CTR_NOT_IP, {BAD_SYN, .ethertype = ETH_P_MPLS_UC}},
	{"ip version 5", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .version = 5}},
	{"v4 as v6", V4, MXG_CTR_MALFORMED, {BAD_SYN, .ethertype = ETH_P_IPV6}},
	{"v6 as v4", V6, MXG_CTR_MALFORMED, {BAD_SYN, .ethertype = ETH_P_IP}},
	{"802.1q", BOTH, WOULD, {BAD_SYN, .vlan = {Q}}},
	{"802.1ad", BOTH, WOULD, {BAD_SYN, .vlan = {AD}}},
	{"802.1ad over 802.1q", BOTH, WOULD, {BAD_SYN, .vlan = {AD, Q}}},
	{"802.1q twice", BOTH, WOULD, {BAD_SYN, .vlan = {Q, Q}}},
	{"three tags", BOTH, MXG_CTR_NOT_IP, {BAD_SYN, .vlan = {AD, Q, Q}}},
	{"tagged arp", V4, MXG_CTR_NOT_IP, {BAD_SYN, .vlan = {Q}, .ethertype = ETH_P_ARP}},
	{"tagged data", BOTH, MXG_CTR_NOT_SYN, {BAD, .flags = ACK, .vlan = {Q}}},
	{"tagged unknown", BOTH, MXG_CTR_UNKNOWN, {SYN_FROM = HOST_UNKNOWN, .vlan = {Q}}},

	/* IPv4 header */
	{"ip options", V4, WOULD, {BAD_SYN, .ip_options = 4}},
	{"ip options, all 40", V4, WOULD, {BAD_SYN, .ip_options = 40}},
	{"ip and tcp options, tagged",
	 V4,
	 WOULD,
	 {BAD_SYN, .ip_options = 40, .tcp_options = 40, .vlan = {AD, Q}}},
	{"ip header length 4", V4, MXG_CTR_MALFORMED, {BAD_SYN, .ihl = 4}},
	{"ip header length 1", V4, MXG_CTR_MALFORMED, {BAD_SYN, .ihl = 1}},
	{"ip header length past the end", V4, MXG_CTR_MALFORMED, {BAD_SYN, .ihl = 15}},
	{"ip options, udp", V4, MXG_CTR_NOT_TCP, {BAD_SYN, .ip_options = 8, .proto = IPPROTO_UDP}},

	/* fragments */
	{"don't fragment", V4, WOULD, {BAD_SYN, .frag_off = DF}},
	{"reserved flag", V4, WOULD, {BAD_SYN, .frag_off = 0x8000}},
	{"first fragment", V4, WOULD, {BAD_SYN, .frag_off = MF}},
	{"first fragment, data", V4, MXG_CTR_NOT_SYN, {BAD, .flags = ACK, .frag_off = MF}},
	{"first fragment, udp",
	 V4,
	 MXG_CTR_NOT_TCP,
	 {BAD_SYN, .frag_off = MF, .proto = IPPROTO_UDP}},
	{"first fragment of 8 bytes",
	 V4,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .frag_off = MF, .cut = ETH + IP4 + 8}},
	{"middle fragment", V4, MXG_CTR_FRAGMENT, {BAD_SYN, .frag_off = MF | 185}},
	{"last fragment", V4, MXG_CTR_FRAGMENT, {BAD_SYN, .frag_off = 185}},
	{"fragment at offset 8", V4, MXG_CTR_FRAGMENT, {BAD_SYN, .frag_off = 1}},
	{"last fragment, udp",
	 V4,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .frag_off = 185, .proto = IPPROTO_UDP}},
	{"first fragment", V6, WOULD, {BAD_SYN, .ext = {EXT_FRAG_FIRST}}},
	{"atomic fragment", V6, WOULD, {BAD_SYN, .ext = {EXT_FRAG_ATOMIC}}},
	{"first fragment, options after", V6, WOULD, {BAD_SYN, .ext = {EXT_FRAG_FIRST, EXT_DST}}},
	{"first fragment of 8 bytes",
	 V6,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .cut = ETH + IP6 + 16}},
	{"first fragment that ends in options",
	 V6,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .ext = {EXT_FRAG_FIRST, EXT_DST}, .cut = ETH + IP6 + 12}},
	{"later fragment", V6, MXG_CTR_FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_LATER}}},
	{"later fragment after options",
	 V6,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .ext = {EXT_HOP, EXT_FRAG_LATER}}},
	{"first fragment, udp",
	 V6,
	 MXG_CTR_NOT_TCP,
	 {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .proto = IPPROTO_UDP}},

	/* IPv6 extension headers */
	{"hop-by-hop", V6, WOULD, {BAD_SYN, .ext = {EXT_HOP}}},
	{"routing", V6, WOULD, {BAD_SYN, .ext = {EXT_ROUTE}}},
	{"destination options", V6, WOULD, {BAD_SYN, .ext = {EXT_DST}}},
	{"264 bytes of options", V6, WOULD, {BAD_SYN, .ext = {EXT_DST_LONG}}},
	{"four headers",
	 V6,
	 WOULD,
	 {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_FRAG_ATOMIC}}},
	{"six headers",
	 V6,
	 WOULD,
	 {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST}}},
	{"seven headers",
	 V6,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"seven headers, one a fragment's",
	 V6,
	 MXG_CTR_FRAGMENT,
	 {BAD_SYN, .ext = {EXT_HOP, EXT_FRAG_FIRST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"options, udp", V6, MXG_CTR_NOT_TCP, {BAD_SYN, .ext = {EXT_DST}, .proto = IPPROTO_UDP}},
	{"authentication header", V6, MXG_CTR_NOT_TCP, {BAD_SYN, .ext = {EXT_AUTH}}},
	{"esp", V6, MXG_CTR_NOT_TCP, {BAD_SYN, .ext = {EXT_ESP}}},
	{"no next header", V6, MXG_CTR_NOT_TCP, {BAD_SYN, .ext = {EXT_NONE}}},
	{"options, data", V6, MXG_CTR_NOT_SYN, {BAD, .flags = ACK, .ext = {EXT_HOP}}},
	{"options, unknown", V6, MXG_CTR_UNKNOWN, {SYN_FROM = HOST_UNKNOWN, .ext = {EXT_HOP}}},

	/* cut at and inside every header */
	{"ends after ethernet", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH}},
	{"ends in the vlan tag", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .vlan = {Q}, .cut = ETH + 3}},
	{"ends before the second tag",
	 BOTH,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .vlan = {AD, Q}, .cut = ETH + VLAN}},
	{"ends after the tags",
	 BOTH,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .vlan = {AD, Q}, .cut = ETH + 2 * VLAN}},
	{"one byte of ip", BOTH, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + 1}},
	{"ip less one byte", V4, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP4 - 1}},
	{"ip less one byte", V6, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP6 - 1}},
	{"ends after ip", V4, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP4}},
	{"ends after ip", V6, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP6}},
	{"ends in ip options",
	 V4,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .ip_options = 8, .cut = ETH + IP4 + 7}},
	{"ends in an extension header",
	 V6,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .ext = {EXT_HOP}, .cut = ETH + IP6 + 7}},
	{"ends in a long extension header",
	 V6,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .ext = {EXT_DST_LONG}, .cut = ETH + IP6 + 200}},
	{"ends in a fragment header",
	 V6,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .cut = ETH + IP6 + 4}},
	{"tcp ports only", V4, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP4 + 4}},
	{"tcp ports only", V6, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP6 + 4}},
	{"tcp less one byte", V4, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP4 + TCP - 1}},
	{"tcp less one byte", V6, MXG_CTR_MALFORMED, {BAD_SYN, .cut = ETH + IP6 + TCP - 1}},
	{"ends in tcp options",
	 V4,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .tcp_options = 20, .cut = ETH + IP4 + TCP + 19}},
	{"ends in tcp options",
	 V6,
	 MXG_CTR_MALFORMED,
	 {BAD_SYN, .tcp_options = 20, .cut = ETH + IP6 + TCP + 19}},
	{"udp cut short",
	 V4,
	 MXG_CTR_NOT_TCP,
	 {BAD_SYN, .proto = IPPROTO_UDP, .cut = ETH + IP4 + 2}},
};
/* clang-format on */

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

static void run_table(struct gate *gate, enum state state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct packet_spec spec = rows[i].spec;
			char label[80];

			if (!(rows[i].families & (family == 4 ? V4 : V6)))
				continue;
			spec.family = family;
			snprintf(label, sizeof(label), "v%u %s", family, rows[i].name);
			gate_expect_spec(gate, &spec, outcome_in(state, rows[i].monitor), label);
		}
	}
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
	struct packet pkt;
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
	gate_free(&gate);
}

Test(gate_packets, every_combination_of_flags)
{
	struct gate gate;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	for (unsigned int flags = 0; flags < 256; flags++) {
		const struct packet_spec spec = {
			.family = 4, .host = HOST_NO_PTR, .flags = (uint8_t)flags};
		bool is_pure = (flags & SYN) && !(flags & ACK) && !(flags & RST) && !(flags & FIN);
		char label[80];

		snprintf(label, sizeof(label), "flags 0x%02x", flags);
		gate_expect_spec(&gate, &spec, is_pure ? MXG_CTR_DROP_NO_PTR : MXG_CTR_NOT_SYN,
				 label);
	}
	gate_free(&gate);
}
