// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Random frames, and ordinary ones with random damage, against a second parser
 * that was written from the RFCs and shares nothing with the gate's: it works
 * with offsets, one function for everything. For each frame the XDP action must
 * be the one it expects, and for each batch every outcome counter.
 *
 * The seed is fixed; MXGATE_FUZZ_SEED sets another, and a failure prints it
 * with the frame.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"

#define FRAMES      200000
#define BATCH       1000
#define FRAME_MIN   14 /* BPF_PROG_TEST_RUN takes no shorter one */
#define RANDOM_MAX  160
#define EXT_HEADERS 6

static uint64_t fuzz_state;

static uint32_t fuzz_random(void)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return (uint32_t)(fuzz_state >> 16);
}

static uint32_t fuzz_below(uint32_t limit)
{
	return fuzz_random() % limit;
}

static void fuzz_seed(void)
{
	const char *text = getenv("MXGATE_FUZZ_SEED");

	fuzz_state = text ? strtoull(text, NULL, 0) : 20250;
	fuzz_state |= 1;
}

/* --- the second parser ------------------------------------------------------------ */

static unsigned int word16(const struct packet *pkt, size_t at)
{
	return (unsigned int)pkt->data[at] << 8 | pkt->data[at + 1];
}

static bool has(const struct packet *pkt, size_t at, size_t len)
{
	return at + len <= pkt->len;
}

static enum mxg_counter oracle_host(const uint8_t *addr, size_t size)
{
	const struct {
		enum packet_host host;
		enum mxg_counter outcome;
	} known[] = {
		{HOST_GOOD, MXG_CTR_KNOWN_PASS},      {HOST_BOTH, MXG_CTR_KNOWN_PASS},
		{HOST_NO_PTR, MXG_CTR_DROP_NO_PTR},   {HOST_UNCONFIRMED, MXG_CTR_DROP_UNCONFIRMED},
		{HOST_GENERIC, MXG_CTR_DROP_GENERIC}, {HOST_TEMPERROR, MXG_CTR_KNOWN_PASS},
		{HOST_EXPIRED, MXG_CTR_EXPIRED},      {HOST_ALLOWED, MXG_CTR_ALLOW},
		{HOST_LAPSED, MXG_CTR_UNKNOWN},
	};
	uint8_t want[16];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (size == 4)
			packet_addr4(known[i].host, want);
		else
			packet_addr6(known[i].host, want);
		if (!memcmp(addr, want, size))
			return known[i].outcome;
	}
	if (size == 4)
		packet_addr4(HOST_DENIED, want);
	else
		packet_addr6(HOST_DENIED, want);
	/* The deny prefix: a /24 and a /48. */
	return memcmp(addr, want, size == 4 ? 3 : 6) ? MXG_CTR_UNKNOWN : MXG_CTR_DROP_DENY;
}

static enum mxg_counter oracle_tcp(const struct packet *pkt, size_t at, const uint8_t *addr,
				   size_t size, enum mxg_counter cut)
{
	unsigned int words;

	if (!has(pkt, at, 20))
		return cut;
	words = pkt->data[at + 12] / 16;
	if (words < 5 || !has(pkt, at, words * 4))
		return cut;
	if (word16(pkt, at + 2) != PORT_SMTP)
		return MXG_CTR_NOT_PORT;
	if (!(pkt->data[at + 13] & SYN) || (pkt->data[at + 13] & (ACK | RST | FIN)))
		return MXG_CTR_NOT_SYN;
	return oracle_host(addr, size);
}

static enum mxg_counter oracle_ipv4(const struct packet *pkt, size_t at)
{
	unsigned int words, frag;
	enum mxg_counter cut;

	if (!has(pkt, at, 20) || pkt->data[at] / 16 != 4 || pkt->data[at] % 16 < 5)
		return MXG_CTR_MALFORMED;
	words = pkt->data[at] % 16;
	frag = word16(pkt, at + 6);
	if (frag % 0x2000)
		return MXG_CTR_FRAGMENT;
	if (pkt->data[at + 9] != 6)
		return MXG_CTR_NOT_TCP;
	cut = frag / 0x2000 % 2 ? MXG_CTR_FRAGMENT : MXG_CTR_MALFORMED;
	if (!has(pkt, at, words * 4))
		return cut;
	return oracle_tcp(pkt, at + words * 4, pkt->data + at + 12, 4, cut);
}

static enum mxg_counter oracle_ipv6(const struct packet *pkt, size_t at)
{
	const uint8_t *addr = pkt->data + at + 8;
	enum mxg_counter cut = MXG_CTR_MALFORMED;
	unsigned int headers = 0;
	uint8_t next;

	if (!has(pkt, at, 40) || pkt->data[at] / 16 != 6)
		return MXG_CTR_MALFORMED;
	next = pkt->data[at + 6];
	at += 40;
	while (next == 0 || next == 43 || next == 60 || next == 44) {
		uint8_t type = next;

		if (++headers > EXT_HEADERS || !has(pkt, at, 8))
			return cut;
		next = pkt->data[at];
		if (type == 44) {
			cut = MXG_CTR_FRAGMENT;
			if (word16(pkt, at + 2) / 8)
				return MXG_CTR_FRAGMENT;
			at += 8;
			continue;
		}
		if (!has(pkt, at, (pkt->data[at + 1] + 1U) * 8))
			return cut;
		at += (pkt->data[at + 1] + 1U) * 8;
	}
	return next == 6 ? oracle_tcp(pkt, at, addr, 16, cut) : MXG_CTR_NOT_TCP;
}

static enum mxg_counter oracle(const struct packet *pkt)
{
	unsigned int type = word16(pkt, 12);
	size_t at = 14;

	for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (!has(pkt, at, 4))
			return MXG_CTR_MALFORMED;
		type = word16(pkt, at + 2);
		at += 4;
	}
	if (type == 0x0800)
		return oracle_ipv4(pkt, at);
	if (type == 0x86dd)
		return oracle_ipv6(pkt, at);
	return MXG_CTR_NOT_IP;
}

/* --- frames ----------------------------------------------------------------------- */

static void random_bytes(struct packet *pkt)
{
	pkt->len = FRAME_MIN + fuzz_below(RANDOM_MAX - FRAME_MIN);
	for (size_t i = 0; i < pkt->len; i++)
		pkt->data[i] = (uint8_t)fuzz_random();
	/* Random ethertypes would all be "not IP". */
	if (fuzz_below(8))
		memcpy(pkt->data + 12, fuzz_below(2) ? "\x08\x00" : "\x86\xdd", 2);
	if (fuzz_below(4))
		pkt->data[14] = (uint8_t)(pkt->data[13] ? 0x60 : 0x45);
}

static uint8_t random_host(void)
{
	static const uint8_t hosts[] = {
		HOST_GOOD,      HOST_NO_PTR,  HOST_UNCONFIRMED, HOST_GENERIC,
		HOST_TEMPERROR, HOST_EXPIRED, HOST_UNKNOWN,     HOST_BOTH,
		HOST_DENIED,    HOST_ALLOWED, HOST_LAPSED,
	};

	return hosts[fuzz_below(sizeof(hosts))];
}

static void random_spec(struct packet_spec *spec)
{
	static const uint16_t tags[] = {0x8100, 0x88a8};

	memset(spec, 0, sizeof(*spec));
	spec->family = fuzz_below(2) ? 4 : 6;
	spec->host = random_host();
	spec->flags = fuzz_below(4) ? SYN : (uint8_t)fuzz_random();
	spec->ip_options = (uint8_t)(fuzz_below(3) ? 0 : 4 * fuzz_below(11));
	spec->tcp_options = (uint8_t)(4 * fuzz_below(11));
	spec->payload = (uint16_t)(fuzz_below(3) ? 0 : fuzz_below(64));
	for (uint32_t i = 0, count = fuzz_below(4); i < count && spec->family == 4; i++)
		spec->vlan[i] = tags[fuzz_below(2)];
	for (uint32_t i = 0, count = fuzz_below(9); i < count && fuzz_below(8); i++)
		spec->ext[i] = (uint8_t)(EXT_HOP + fuzz_below(EXT_FRAG_ATOMIC));
}

/* An ordinary frame, most often with a few bytes changed or its end cut off. */
static void damaged_frame(struct packet *pkt)
{
	struct packet_spec spec;

	random_spec(&spec);
	packet_build(pkt, &spec);
	for (uint32_t i = 0, count = fuzz_below(4); i < count; i++) {
		size_t at = 12 + fuzz_below((uint32_t)pkt->len - 12);

		if (fuzz_below(2))
			pkt->data[at] = (uint8_t)fuzz_random();
		else
			pkt->data[at] ^= (uint8_t)(1U << fuzz_below(8));
	}
	if (!fuzz_below(4))
		pkt->len = FRAME_MIN + fuzz_below((uint32_t)pkt->len - FRAME_MIN);
}

static void print_frame(const struct packet *pkt, uint64_t seed)
{
	fprintf(stderr, "seed %llu, %zu bytes: ", (unsigned long long)seed, pkt->len);
	for (size_t i = 0; i < pkt->len; i++)
		fprintf(stderr, "%02x", pkt->data[i]);
	fputc('\n', stderr);
}

static void run_frame(struct gate *gate, const struct packet *pkt, uint64_t seed,
		      struct mxg_counters *want)
{
	enum mxg_counter outcome = oracle(pkt);
	uint32_t action = outcome >= MXG_CTR_DROP_NO_PTR ? XDP_DROP : XDP_PASS;
	uint32_t got = gate_run(gate, pkt, 1);

	want->count[outcome]++;
	if (got == action)
		return;
	print_frame(pkt, seed);
	cr_assert_fail("XDP action %u, expected %u (%s)", got, action, gate_counter_name(outcome));
}

static void expect_counters(const struct gate *gate, const struct mxg_counters *want, uint64_t seed)
{
	struct mxg_counters got;

	gate_read_counters(gate, &got);
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
		cr_assert(gate_counter_kind(i) == MXG_KIND_BESIDE || got.count[i] == want->count[i],
			  "seed %llu: %s is %llu, expected %llu", (unsigned long long)seed,
			  gate_counter_name(i), (unsigned long long)got.count[i],
			  (unsigned long long)want->count[i]);
}

static void fuzz(void (*make)(struct packet *), struct mxg_counters *ret)
{
	struct mxg_counters want = {0};
	struct packet pkt = {.len = 0};
	struct gate gate;
	uint64_t seed;

	gate_load(&gate);
	gate_setup(&gate, GATE_ENFORCE);
	gate_fill_hosts(&gate);
	fuzz_seed();
	seed = fuzz_state;
	for (unsigned int i = 0; i < FRAMES; i++) {
		make(&pkt);
		run_frame(&gate, &pkt, seed, &want);
		if (i % BATCH == BATCH - 1)
			expect_counters(&gate, &want, seed);
	}
	gate_free(&gate);
	*ret = want;
}

Test(gate_fuzz, random_bytes)
{
	struct mxg_counters seen;

	fuzz(random_bytes, &seen);
	cr_expect_gt(seen.count[MXG_CTR_NOT_IP], 0);
	cr_expect_gt(seen.count[MXG_CTR_MALFORMED], 0);
	cr_expect_gt(seen.count[MXG_CTR_NOT_TCP], 0);
	cr_expect_gt(seen.count[MXG_CTR_FRAGMENT], 0);
}

/* The damage must leave some of every outcome, or this test looks away from one. */
Test(gate_fuzz, damaged_frames)
{
	struct mxg_counters seen;

	fuzz(damaged_frame, &seen);
	for (unsigned int i = MXG_CTR_NOT_IP; i < MXG_CTR_MAX; i++) {
		enum mxg_counter_kind kind = gate_counter_kind(i);
		bool is_of_this_state = i != MXG_CTR_NO_LEASE && i != MXG_CTR_NOT_DESTINATION &&
					kind != MXG_KIND_WOULD_DROP;

		if (kind == MXG_KIND_BESIDE)
			continue;
		cr_expect_eq(seen.count[i] > 0, is_of_this_state, "%s: %llu", gate_counter_name(i),
			     (unsigned long long)seen.count[i]);
	}
}
