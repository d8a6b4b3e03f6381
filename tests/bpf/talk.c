// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "talk.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/refusal.h"

#define ETH_LEN 14
#define TAG_LEN 4

#define TALK_LINE 256

/* --- the gate ---------------------------------------------------------------------- */

void talk_put_say(struct gate *gate, uint32_t slot, const struct mxg_say *say)
{
	struct mxg_say sealed = *say;

	refusal_seal(&sealed);
	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_SAY), &slot, &sealed, 0), 0);
}

void talk_set_say(struct gate *gate, uint32_t slot, const char *before, const char *after,
		  bool has_addr)
{
	struct mxg_say say = {
		.head.before_len = (uint8_t)strlen(before),
		.head.after_len = (uint8_t)strlen(after),
		.head.has_addr = has_addr,
	};

	memcpy(say.before, before, say.head.before_len);
	memcpy(say.after, after, say.head.after_len);
	talk_put_say(gate, slot, &say);
}

void talk_set_reason(struct gate *gate, uint32_t reason, const char *before, const char *after,
		     bool has_addr)
{
	char wrong[MXG_SAY_PART + 1];

	snprintf(wrong, sizeof(wrong), "503%s", before + 3);
	talk_set_say(gate, reason, before, after, has_addr);
	talk_set_say(gate, MXG_SAY_WRONG + reason, wrong, after, has_addr);
}

void talk_set_secrets(struct gate *gate, const struct mxg_secret *secret)
{
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_SECRET), &i, &secret[i], 0),
			     0);
}

void talk_set_verdict(struct talk *talk, uint8_t action, uint8_t reason)
{
	const struct mxg_verdict verdict = {
		.expires_ns = gate_now_ns() + GATE_HOUR_NS,
		.refresh_ns = MXG_NEVER,
		.action = action,
		.reason = reason,
	};

	gate_put_verdict(talk->gate, talk->spec.family, talk->spec.host, &verdict);
}

void talk_init(struct talk *talk, struct gate *gate, unsigned int family, unsigned int host)
{
	*talk = (struct talk){
		.gate = gate,
		.spec = {.family = (uint8_t)family, .host = (uint8_t)host},
		.secret = {{{0x0123456789abcdefULL, 0xfedcba9876543210ULL}},
			   {{0x1111222233334444ULL, 0x9999aaaabbbbccccULL}}},
	};
	gate_setup(gate, GATE_ENFORCE);
	gate_fill_hosts(gate);
	gate->config.reject = 1;
	gate_configure(gate);
	talk_set_say(gate, MXG_SAY_GREETING, TALK_GREETING, "", false);
	talk_set_say(gate, MXG_SAY_BYE, TALK_BYE, "", false);
	talk_set_reason(gate, MXG_REASON_NO_PTR, TALK_BEFORE, TALK_AFTER, true);
	talk_set_reason(gate, MXG_REASON_UNCONFIRMED, TALK_PLAIN, "", false);
	talk_set_reason(gate, MXG_REASON_GENERIC, TALK_PLAIN, "", false);
	talk_set_reason(gate, MXG_REASON_DENY, TALK_PLAIN, "", false);
	talk_set_secrets(gate, talk->secret);
	talk_set_verdict(talk, MXG_ACTION_REJECT, MXG_REASON_NO_PTR);
}

/* --- SipHash, of bytes, as its paper has it -------------------------------------------- */

static uint64_t rotl(uint64_t x, unsigned int b)
{
	return x << b | x >> (64 - b);
}

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotl(v[1], 13), v[3] = rotl(v[3], 16);
		v[1] ^= v[0], v[3] ^= v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotl(v[1], 17), v[3] = rotl(v[3], 21);
		v[1] ^= v[2], v[3] ^= v[0];
		v[2] = rotl(v[2], 32);
	}
}

/* SipHash-c-d. */
static uint64_t siphash(int c, int d, const __u64 key[2], const uint8_t *data, size_t len)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			 key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

	for (size_t at = 0; at <= len; at += 8) {
		size_t n = len - at < 8 ? len - at : 8;
		uint64_t m = little(data + at, n) | (n < 8 ? (uint64_t)len << 56 : 0);

		v[3] ^= m;
		sip_rounds(v, c);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	sip_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/*
 * Of the paper's appendix: key and message are 00 01 02 ..., the message has 15 bytes. And of
 * CPython 3.11, whose hash() of the same is this where PYTHONHASHSEED=0 makes its key all zero.
 */
static void check_siphash(void)
{
	const __u64 key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908}, none[2] = {0};
	uint8_t message[15];

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	cr_assert_eq(siphash(2, 4, key, message, sizeof(message)), 0xa129ca6149be45e5);
	cr_assert_eq(siphash(1, 3, none, message, sizeof(message)), 0xf30eb725bb91c9ea);
}

uint32_t talk_slot(void)
{
	return (uint32_t)(gate_now_ns() >> MXG_COOKIE_SHIFT);
}

/* Where the IP header is, and how long. */
static size_t ip_at(const struct packet *pkt)
{
	size_t at = ETH_LEN;

	while (pkt->data[at - 2] == 0x81 || pkt->data[at - 2] == 0x88)
		at += TAG_LEN;
	return at;
}

static size_t ip_len(const struct talk *talk)
{
	return talk->spec.family == 4 ? 20 : 40;
}

/* Client, server, ports, three bytes of the slot, each as it is on the wire but for the slot. */
static uint32_t cookie_of(const struct talk *talk, const struct packet *pkt, uint32_t slot)
{
	const size_t addrs = talk->spec.family == 4 ? 8 : 32, ip = ip_at(pkt);
	const __u64 *key = talk->secret[slot / 64 % 2].key;
	uint8_t message[39];

	memcpy(message, pkt->data + ip + ip_len(talk) - addrs, addrs);
	memcpy(message + addrs, pkt->data + ip + ip_len(talk), 4);
	for (size_t i = 0; i < 3; i++)
		message[addrs + 4 + i] = (uint8_t)(slot >> 8 * i);
	return (uint32_t)(siphash(1, 3, key, message, addrs + 7) & 0xffffff) | slot % 2 << 31;
}

uint32_t talk_cookie(const struct talk *talk, uint32_t slot)
{
	static struct packet pkt;

	check_siphash();
	talk_build(talk, ACK, 0, 0, NULL, &pkt);
	return cookie_of(talk, &pkt, slot);
}

/* --- frames ---------------------------------------------------------------------------- */

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void talk_build(const struct talk *talk, uint8_t flags, uint32_t seq, uint32_t ack,
		const char *data, struct packet *ret)
{
	struct packet_spec spec = talk->spec;
	uint8_t *tcp;

	spec.flags = flags;
	spec.payload = (uint16_t)(data ? strlen(data) : 0);
	packet_build(ret, &spec);
	tcp = ret->data + ip_at(ret) + ip_len(talk);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	if (data)
		memcpy(tcp + 20 + spec.tcp_options, data, spec.payload);
}

bool talk_is_proven(const struct talk *talk, const struct packet *pkt)
{
	const size_t tcp = ip_at(pkt) + ip_len(talk);
	uint32_t now = talk_slot(), ack;

	if (pkt->len < tcp + 20)
		return false;
	ack = get32(pkt->data + tcp + 8);
	for (uint32_t slot = now - 1; slot != now + 1; slot++)
		if (ack - cookie_of(talk, pkt, slot) - 1 < 2000)
			return true;
	return false;
}

static uint32_t add_words(const uint8_t *at, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)at[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void check_ethernet(const struct packet *in, const struct packet *out)
{
	const size_t tags = ip_at(in) - ETH_LEN;

	cr_expect_arr_eq(out->data, in->data + 6, 6, "to the sender's station");
	cr_expect_arr_eq(out->data + 6, in->data, 6);
	cr_expect_arr_eq(out->data + 12, in->data + 12, 2 + tags, "tags are kept");
}

/* The TCP segment of the answer; its length. */
static size_t check_ip(const struct talk *talk, const struct packet *in, const struct packet *out)
{
	const uint8_t *was = in->data + ip_at(in), *ip = out->data + ip_at(in);
	const size_t room = out->len - ip_at(in);
	size_t len;

	if (talk->spec.family == 4) {
		len = get16(ip + 2);
		cr_expect_eq(ip[0], 0x45);
		cr_expect_eq(ip[8], 64);
		cr_expect_eq(ip[9], IPPROTO_TCP);
		cr_expect_eq(get16(ip + 6), 0x4000);
		cr_expect_eq(add_words(ip, 20), 0xffff, "checksum of IP");
		cr_expect_arr_eq(ip + 12, was + 16, 4);
		cr_expect_arr_eq(ip + 16, was + 12, 4);
	} else {
		len = get16(ip + 4) + 40U;
		cr_expect_eq(get32(ip), 0x60000000);
		cr_expect_eq(ip[6], IPPROTO_TCP);
		cr_expect_eq(ip[7], 64);
		cr_expect_arr_eq(ip + 8, was + 24, 16);
		cr_expect_arr_eq(ip + 24, was + 8, 16);
	}
	cr_assert_leq(len, room, "longer than its frame");
	return len - ip_len(talk);
}

/* Whether the checksum of len bytes of TCP, behind their addresses, is right. */
static bool has_tcp_sum(const struct talk *talk, const uint8_t *tcp, size_t len)
{
	const size_t addrs = talk->spec.family == 4 ? 8 : 32;
	const uint32_t sum =
		add_words(tcp - addrs, addrs) + add_words(tcp, len) + IPPROTO_TCP + (uint32_t)len;

	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static void read_tcp(const struct talk *talk, const uint8_t *was, const uint8_t *tcp, size_t len,
		     struct talk_answer *ret)
{
	const size_t header = (size_t)(tcp[12] >> 4) * 4;

	cr_expect(has_tcp_sum(talk, tcp, len), "checksum of TCP");
	cr_expect_arr_eq(tcp, was + 2, 2);
	cr_expect_arr_eq(tcp + 2, was, 2);
	cr_assert(header >= 20 && header <= len);
	ret->seq = get32(tcp + 4);
	ret->ack = get32(tcp + 8);
	ret->flags = tcp[13];
	ret->window = get16(tcp + 14);
	cr_expect_eq(get16(tcp + 18), 0, "nothing urgent");
	ret->len = len - header;
	cr_assert_lt(ret->len, sizeof(ret->text));
	memcpy(ret->text, tcp + header, ret->len);
	if (header == 24 && tcp[20] == 2 && tcp[21] == 4)
		ret->mss = get16(tcp + 22);
	else
		cr_expect_eq(header, 20, "an option that nobody wants");
}

bool talk_is_taken(const struct talk *talk, const struct packet *pkt, const struct packet *out)
{
	return has_tcp_sum(talk, out->data + ip_at(pkt) + ip_len(talk), check_ip(talk, pkt, out));
}

void talk_read(const struct talk *talk, const struct packet *pkt, const struct packet *out,
	       struct talk_answer *ret)
{
	const size_t at = ip_at(pkt) + ip_len(talk);
	size_t len;

	check_ethernet(pkt, out);
	len = check_ip(talk, pkt, out);
	read_tcp(talk, pkt->data + at, out->data + at, len, ret);
	cr_expect_eq(out->len, pkt->len > at + len ? pkt->len : at + len, "longer than it must be");
}

void talk_run(const struct talk *talk, const struct packet *pkt, struct talk_answer *ret)
{
	static struct packet out;

	memset(ret, 0, sizeof(*ret));
	ret->action = gate_run_out(talk->gate, pkt, &out);
	if (ret->action != XDP_TX) {
		cr_expect_eq(out.len, pkt->len);
		cr_expect_arr_eq(out.data, pkt->data, pkt->len, "changed, and not sent");
		return;
	}
	talk_read(talk, pkt, &out, ret);
}

void talk_send(const struct talk *talk, uint8_t flags, uint32_t seq, uint32_t ack, const char *data,
	       struct talk_answer *ret)
{
	static struct packet pkt;

	talk_build(talk, flags, seq, ack, data, &pkt);
	talk_run(talk, &pkt, ret);
}

static void put_line(const struct talk *talk, const char *before, char ret[TALK_LINE])
{
	char addr[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (talk->spec.family == 4)
		packet_addr4(talk->spec.host, bytes);
	else
		packet_addr6(talk->spec.host, bytes);
	cr_assert(
		inet_ntop(talk->spec.family == 4 ? AF_INET : AF_INET6, bytes, addr, sizeof(addr)));
	snprintf(ret, TALK_LINE, "%s%s%s", before, addr, TALK_AFTER);
}

const char *talk_refusal(const struct talk *talk)
{
	static char text[TALK_LINE];

	put_line(talk, TALK_BEFORE, text);
	return text;
}

const char *talk_wrong(const struct talk *talk)
{
	static char text[TALK_LINE];

	put_line(talk, TALK_WRONG, text);
	return text;
}
