// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Random frames, and the named packets with random damage, against the reference: for
 * each frame the XDP action and the outcome counter must be those that it expects. Each
 * shape of the configuration and both programs get their part.
 *
 * To read the counters after each frame would cost more than the frame. So frames wait in
 * a bin for each expected outcome; a full bin is run at once, and then that counter must
 * have moved by their number, and no other at all: nothing can cancel out.
 *
 * MXGATE_FUZZ_FRAMES says how many (make fuzz-packets: ten millions), MXGATE_FUZZ_SEED
 * where to begin; a failure prints the seed and the frame.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gate.h"
#include "named.h"
#include "reference.h"
#include "talk.h"

#define FRAMES      3000000
#define FRAME_MIN   14 /* BPF_PROG_TEST_RUN takes no shorter one */
#define RANDOM_MAX  160
#define HEADERS_MAX 150 /* damage beyond it seldom meets a header */
#define BIN_BYTES   (1U << 17)
#define BIN_FRAMES  1024
#define PACKETS_MAX 1024

struct bin {
	uint32_t count, used;
	uint16_t lens[BIN_FRAMES];
	uint8_t bytes[BIN_BYTES];
};

static struct {
	struct gate gate;
	const struct named_shape *shape;
	const char *program;
	uint64_t seed, state;
	struct mxg_counters counters; /* as last read */
	struct mxg_counters seen;
	struct bin bins[MXG_CTR_MAX];
	/* The named packets, built once. */
	uint8_t *packets[PACKETS_MAX];
	size_t packet_lens[PACKETS_MAX];
	uint32_t packet_count;
} fuzz;

static uint32_t fuzz_random(void)
{
	fuzz.state ^= fuzz.state << 13;
	fuzz.state ^= fuzz.state >> 7;
	fuzz.state ^= fuzz.state << 17;
	return (uint32_t)(fuzz.state >> 16);
}

static uint32_t fuzz_below(uint32_t limit)
{
	return fuzz_random() % limit;
}

static uint64_t number_of(const char *name, uint64_t preset)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : preset;
}

/* --- bins ------------------------------------------------------------------------------ */

/* What left the gate last. */
static uint8_t out[PACKET_ROOM];

static uint32_t run_bytes(const uint8_t *bytes, uint32_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);

	if (bpf_prog_test_run_opts(fuzz.gate.prog, &opts) < 0)
		cr_assert_fail("%u bytes: %s", len, strerror(errno));
	if (opts.data_size_out != len)
		cr_assert_fail("%u bytes became %u", len, opts.data_size_out);
	return opts.retval;
}

static void print_frame(const uint8_t *bytes, uint32_t len)
{
	fprintf(stderr,
		"seed %llu, shape %s, program %s, %u bytes: ", (unsigned long long)fuzz.seed,
		fuzz.shape->name, fuzz.program, len);
	for (uint32_t i = 0; i < len; i++)
		fprintf(stderr, "%02x", bytes[i]);
	fputc('\n', stderr);
}

/* The outcome that moved between two readings, or MXG_CTR_MAX. */
static unsigned int outcome_between(const struct mxg_counters *before,
				    const struct mxg_counters *after)
{
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
		if (gate_counter_kind(i) != MXG_KIND_BESIDE && after->count[i] != before->count[i])
			return i;
	return MXG_CTR_MAX;
}

static void expect_action(enum mxg_counter outcome, const uint8_t *bytes, uint32_t len)
{
	uint32_t got = run_bytes(bytes, len), want = gate_action_of(outcome);
	static uint8_t answer[PACKET_ROOM];

	if (got != XDP_PASS && !reference_has_syn(fuzz.shape, bytes, len)) {
		print_frame(bytes, len);
		cr_assert_fail("XDP action %u for what has no SYN to a protected port in it", got);
	}
	if (got != want) {
		print_frame(bytes, len);
		cr_assert_fail("XDP action %u, expected that of %s", got,
			       gate_counter_name(outcome));
	}
	/* What is not answered leaves as it came. */
	memcpy(answer, bytes, len);
	if (want == XDP_TX)
		reference_answer(bytes, len, answer);
	if (memcmp(out, answer, len) != 0) {
		print_frame(bytes, len);
		print_frame(out, len);
		cr_assert_fail("another frame left than the reference has for %s",
			       gate_counter_name(outcome));
	}
}

/* The counters of a bin are wrong: its frames again, one by one. */
static void find_culprit(const struct bin *bin, enum mxg_counter outcome)
{
	const uint8_t *bytes = bin->bytes;

	for (uint32_t i = 0; i < bin->count; bytes += bin->lens[i++]) {
		struct mxg_counters before, after;
		unsigned int got;

		gate_read_counters(&fuzz.gate, &before);
		run_bytes(bytes, bin->lens[i]);
		gate_read_counters(&fuzz.gate, &after);
		got = outcome_between(&before, &after);
		if (got == outcome)
			continue;
		print_frame(bytes, bin->lens[i]);
		cr_assert_fail("counted %s, expected %s", gate_counter_name(got),
			       gate_counter_name(outcome));
	}
	cr_assert_fail("%u frames of %s did not count so, and do now", bin->count,
		       gate_counter_name(outcome));
}

static void run_bin(enum mxg_counter outcome)
{
	struct bin *bin = &fuzz.bins[outcome];
	struct mxg_counters want = fuzz.counters;
	const uint8_t *bytes = bin->bytes;

	for (uint32_t i = 0; i < bin->count; bytes += bin->lens[i++])
		expect_action(outcome, bytes, bin->lens[i]);
	want.count[outcome] += bin->count;
	gate_read_counters(&fuzz.gate, &fuzz.counters);
	if (outcome_between(&want, &fuzz.counters) != MXG_CTR_MAX)
		find_culprit(bin, outcome);
	fuzz.seen.count[outcome] += bin->count;
	bin->count = bin->used = 0;
}

static void put_frame(const struct packet *pkt)
{
	enum mxg_counter outcome = reference_judge(fuzz.shape, pkt->data, pkt->len);
	struct bin *bin = &fuzz.bins[outcome];

	if (bin->count == BIN_FRAMES || bin->used + pkt->len > BIN_BYTES)
		run_bin(outcome);
	memcpy(bin->bytes + bin->used, pkt->data, pkt->len);
	bin->lens[bin->count++] = (uint16_t)pkt->len;
	bin->used += (uint32_t)pkt->len;
}

/* --- frames ---------------------------------------------------------------------------- */

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
		HOST_GOOD,          HOST_NO_PTR,  HOST_UNCONFIRMED, HOST_GENERIC,
		HOST_TEMPERROR,     HOST_EXPIRED, HOST_UNKNOWN,     HOST_BOTH,
		HOST_DENIED,        HOST_ALLOWED, HOST_LAPSED,      HOST_RESET,
		HOST_RESET,         HOST_RESET,   HOST_RESET_DENY,  HOST_RESET_UNCONFIRMED,
		HOST_RESET_GENERIC,
	};

	return hosts[fuzz_below(sizeof(hosts))];
}

/* Most often none. */
static void random_ext(uint8_t *ext, uint32_t room)
{
	if (fuzz_below(3))
		return;
	for (uint32_t i = 0, count = fuzz_below(room + 1); i < count; i++)
		ext[i] = (uint8_t)(EXT_HOP +
				   fuzz_below(fuzz_below(4) ? EXT_FRAG_ATOMIC : EXT_COUNT - 1));
}

static void random_outers(struct packet_spec *spec)
{
	for (uint32_t i = 0, count = fuzz_below(PACKET_OUTERS + 1); i < count; i++) {
		struct packet_outer *outer = &spec->outer[i];

		outer->family = fuzz_below(2) ? 4 : 6;
		outer->host = random_host();
		outer->ip_options = (uint8_t)(fuzz_below(3) ? 0 : 4 * fuzz_below(11));
		outer->frag_off = (uint16_t)(fuzz_below(4) ? 0 : fuzz_below(4) << 13);
		outer->ihl = (uint8_t)(fuzz_below(16) ? 0 : fuzz_below(16));
		outer->version = (uint8_t)(fuzz_below(16) ? 0 : fuzz_below(16));
		random_ext(outer->ext, sizeof(outer->ext));
		if (fuzz_below(3))
			return;
	}
}

/* A well-formed frame of any shape, or nearly so. */
static void random_spec(struct packet *pkt)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	static const uint16_t ports[] = {25, 587, 26, 65535, 443};
	struct packet_spec spec = {.family = fuzz_below(2) ? 4 : 6, .host = random_host()};

	spec.flags = fuzz_below(4) ? SYN : (uint8_t)fuzz_random();
	spec.dest = (uint8_t)fuzz_below(256);
	if (fuzz_below(2))
		spec.dest = DEST_MX;
	spec.port = fuzz_below(3) ? PORT_SMTP : ports[fuzz_below(5)];
	spec.ip_options = (uint8_t)(fuzz_below(3) ? 0 : 4 * fuzz_below(11));
	spec.frag_off = (uint16_t)(fuzz_below(6) ? 0 : fuzz_random());
	spec.tcp_options = (uint8_t)(4 * fuzz_below(11));
	spec.payload = (uint16_t)(fuzz_below(3) ? 0 : fuzz_below(64));
	spec.trailer = (uint16_t)(fuzz_below(3) ? 0 : fuzz_below(9));
	spec.reserved = (uint8_t)(fuzz_below(4) ? 0 : fuzz_below(16));
	for (uint32_t i = 0, count = fuzz_below(3) ? 0 : fuzz_below(4); i < count; i++)
		spec.vlan[i] = tags[fuzz_below(16) ? fuzz_below(2) : 2];
	random_ext(spec.ext, PACKET_EXTS);
	if (fuzz_below(2))
		random_outers(&spec);
	packet_build(pkt, &spec);
}

static void named_packet(struct packet *pkt)
{
	uint32_t i = fuzz_below(fuzz.packet_count);

	/* Large ones cost ten others. */
	if (fuzz.packet_lens[i] > 2048)
		i = fuzz_below(fuzz.packet_count);
	pkt->len = fuzz.packet_lens[i];
	memcpy(pkt->data, fuzz.packets[i], pkt->len);
}

/* --- damage ---------------------------------------------------------------------------- */

static size_t random_place(const struct packet *pkt)
{
	size_t end = pkt->len < HEADERS_MAX || !fuzz_below(16) ? pkt->len : HEADERS_MAX;

	return 12 + fuzz_below((uint32_t)end - 12);
}

/* What means something somewhere in a header. */
static void put_word(struct packet *pkt, size_t at)
{
	static const uint16_t words[] = {25,     587,    0x0800, 0x86dd, 0x8100, 0x88a8, 0x2000,
					 0x4000, 0x5002, 0x5012, 0x0001, 0x0008, 0x45c0, 0x6000};
	static const uint8_t bytes[] = {0, 4, 6, 17, 41, 43, 44, 50, 51, 58, 59, 60, 0x45, 0x60};
	uint16_t word = words[fuzz_below(sizeof(words) / sizeof(words[0]))];

	if (fuzz_below(2) || at + 1 >= pkt->len) {
		pkt->data[at] = bytes[fuzz_below(sizeof(bytes))];
		return;
	}
	pkt->data[at] = (uint8_t)(word >> 8);
	pkt->data[at + 1] = (uint8_t)word;
}

/* Takes a piece out, or puts one in: of the frame itself, or random. */
static void move_piece(struct packet *pkt, size_t at)
{
	size_t size = 1 + fuzz_below(fuzz_below(2) ? 8 : 40);

	if (fuzz_below(2)) {
		if (at + size >= pkt->len)
			return;
		memmove(pkt->data + at, pkt->data + at + size, pkt->len - at - size);
		pkt->len -= size;
		return;
	}
	if (pkt->len + size > sizeof(pkt->data) || at + size > pkt->len)
		return;
	memmove(pkt->data + at + size, pkt->data + at, pkt->len - at);
	pkt->len += size;
	if (fuzz_below(2))
		return;
	for (size_t i = 0; i < size; i++)
		pkt->data[at + i] = (uint8_t)fuzz_random();
}

/* The end of another named packet behind the beginning of this one. */
static void splice(struct packet *pkt, size_t at)
{
	static struct packet other;
	size_t from;

	named_packet(&other);
	from = random_place(&other);
	if (at + (other.len - from) > sizeof(pkt->data) || at + (other.len - from) < FRAME_MIN)
		return;
	memcpy(pkt->data + at, other.data + from, other.len - from);
	pkt->len = at + (other.len - from);
}

static void damage(struct packet *pkt)
{
	for (uint32_t count = fuzz_below(5); count--;) {
		size_t at = random_place(pkt);

		switch (fuzz_below(8)) {
		case 0:
		case 1:
			pkt->data[at] = (uint8_t)fuzz_random();
			break;
		case 2:
		case 3:
			pkt->data[at] ^= (uint8_t)(1U << fuzz_below(8));
			break;
		case 4:
		case 5:
			put_word(pkt, at);
			break;
		case 6:
			move_piece(pkt, at);
			break;
		default:
			if (fuzz_below(4))
				pkt->len = at < FRAME_MIN ? (size_t)FRAME_MIN : at;
			else
				splice(pkt, at);
		}
		if (pkt->len < FRAME_MIN)
			pkt->len = FRAME_MIN;
	}
}

static void make_frame(struct packet *pkt)
{
	uint32_t kind = fuzz_below(16);

	if (kind == 0) {
		random_bytes(pkt);
		return;
	}
	if (kind < 7)
		random_spec(pkt);
	else
		named_packet(pkt);
	damage(pkt);
}

/* --- the run --------------------------------------------------------------------------- */

static void build_packets(void)
{
	static struct packet pkt;
	char label[NAMED_LABEL_MAX];

	for (size_t i = 0; i < NAMED_COUNT; i++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			uint8_t *copy;

			if (!named_build(&NAMED[i], family, &pkt, label))
				continue;
			copy = malloc(pkt.len);
			cr_assert(copy && fuzz.packet_count < PACKETS_MAX);
			memcpy(copy, pkt.data, pkt.len);
			fuzz.packets[fuzz.packet_count] = copy;
			fuzz.packet_lens[fuzz.packet_count++] = pkt.len;
		}
	}
}

static void free_packets(void)
{
	for (uint32_t i = 0; i < fuzz.packet_count; i++)
		free(fuzz.packets[i]);
	fuzz.packet_count = 0;
}

static void run_part(const struct named_shape *shape, const char *program, uint64_t frames)
{
	static struct packet pkt;

	fuzz.shape = shape;
	fuzz.program = program;
	named_configure(shape, &fuzz.gate.config);
	gate_configure(&fuzz.gate);
	gate_read_counters(&fuzz.gate, &fuzz.counters);
	for (uint64_t i = 0; i < frames; i++) {
		make_frame(&pkt);
		put_frame(&pkt);
	}
	for (unsigned int outcome = 0; outcome < MXG_CTR_MAX; outcome++)
		run_bin(outcome);
}

/* The gate is fuzzed while it enforces, and neither holds nor rejects anybody. */
static bool may_be_seen(unsigned int counter)
{
	switch (gate_counter_kind(counter)) {
	case MXG_KIND_UNJUDGED:
	case MXG_KIND_PASSED:
	case MXG_KIND_DROPPED:
	case MXG_KIND_RESET:
		return counter != MXG_CTR_OFF && counter != MXG_CTR_NO_LEASE;
	default:
		return false;
	}
}

/* Some of every outcome that this state of the gate has, or the test looks away from one. */
static void expect_all_seen(void)
{
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++) {
		if (!may_be_seen(i))
			continue;
		cr_expect_gt(fuzz.seen.count[i], 0, "no frame was %s", gate_counter_name(i));
	}
}

static void print_seen(uint64_t frames, uint64_t took_ns)
{
	printf("fuzz-packets: %llu frames in %.1f s, seed %llu\n", (unsigned long long)frames,
	       (double)took_ns / 1e9, (unsigned long long)fuzz.seed);
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
		if (fuzz.seen.count[i])
			printf("fuzz-packets:   %-18s %llu\n", gate_counter_name(i),
			       (unsigned long long)fuzz.seen.count[i]);
}

Test(gate_fuzz, as_the_reference_says)
{
	const uint64_t frames = number_of("MXGATE_FUZZ_FRAMES", FRAMES);
	const uint64_t start = gate_now_ns(), part = frames / (2 * NAMED_CONFS) + 1;
	uint64_t done = 0;
	int plain;

	gate_load(&fuzz.gate);
	plain = fuzz.gate.prog;
	gate_setup(&fuzz.gate, GATE_ENFORCE);
	gate_fill_hosts(&fuzz.gate);
	build_packets();
	fuzz.seed = number_of("MXGATE_FUZZ_SEED", 20250);
	fuzz.state = fuzz.seed | 1;
	for (unsigned int conf = 0; conf < NAMED_CONFS; conf++) {
		fuzz.gate.prog = plain;
		run_part(&NAMED_SHAPES[conf], MXG_PROG_NAME, part);
		if (!fuzz.gate.is_hash)
			fuzz.gate.prog = fuzz.gate.frags;
		run_part(&NAMED_SHAPES[conf], MXG_FRAGS_NAME, part);
	}
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
		done += fuzz.seen.count[i];
	cr_expect_eq(done, part * 2 * NAMED_CONFS);
	expect_all_seen();
	print_seen(done, gate_now_ns() - start);
	free_packets();
	gate_free(&fuzz.gate);
}

/* The gate that can reject, with all that it needs for that, and nobody to reject. */
Test(gate_fuzz, the_gate_that_rejects_is_no_other)
{
	const uint64_t frames = number_of("MXGATE_FUZZ_FRAMES", FRAMES) / 4;
	struct talk talk;

	gate_load_reject(&fuzz.gate);
	talk_init(&talk, &fuzz.gate, 4, HOST_UNKNOWN);
	gate_del_verdict(&fuzz.gate, 4, HOST_UNKNOWN);
	build_packets();
	fuzz.seed = number_of("MXGATE_FUZZ_SEED", 20251);
	fuzz.state = fuzz.seed | 1;
	for (unsigned int conf = 0; conf < NAMED_CONFS; conf++)
		run_part(&NAMED_SHAPES[conf], MXG_REJECT_NAME, frames / NAMED_CONFS + 1);
	expect_all_seen();
	free_packets();
	gate_free(&fuzz.gate);
}

/* The reference must know the named packets as well as the gate does. */
Test(gate_fuzz, the_reference_knows_the_named_packets)
{
	static struct packet pkt;
	char label[NAMED_LABEL_MAX];

	for (size_t i = 0; i < NAMED_COUNT; i++) {
		const struct named_shape *shape = &NAMED_SHAPES[NAMED[i].conf];

		for (unsigned int family = 4; family <= 6; family += 2) {
			enum mxg_counter want = NAMED[i].monitor, got;

			if (!named_build(&NAMED[i], family, &pkt, label))
				continue;
			got = reference_judge(shape, pkt.data, pkt.len);
			if (gate_counter_kind(want) == MXG_KIND_WOULD_DROP)
				cr_expect_eq(gate_counter_kind(got), MXG_KIND_DROPPED, "%s: %s",
					     label, gate_counter_name(got));
			else
				cr_expect_eq(got, want, "%s: %s, expected %s", label,
					     gate_counter_name(got), gate_counter_name(want));
			if (gate_counter_kind(want) == MXG_KIND_WOULD_DROP)
				cr_expect(reference_has_syn(shape, pkt.data, pkt.len), "%s", label);
		}
	}
}
