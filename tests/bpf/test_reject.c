// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The refusal responder: each step of its talk, in both families and with tags; what
 * makes a cookie; and all that must be left to the host.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/refusal.h"
#include "gate.h"
#include "named.h"
#include "reference.h"
#include "talk.h"

#define Q  ETH_P_8021Q
#define AD ETH_P_8021AD

#define CLIENT HOST_RESET_GENERIC /* any that has no prefix of its own */

static struct gate gate;

static void set_up(void)
{
	gate_load_reject(&gate);
}

static void tear_down(void)
{
	gate_free(&gate);
}

TestSuite(gate_reject, .init = set_up, .fini = tear_down);

/* --- a talk ------------------------------------------------------------------------- */

/* A client that counts as a host does. */
struct client {
	struct talk talk;
	uint32_t seq, ack;
	const char *label;
};

static void begin(struct client *client, unsigned int family)
{
	memset(client, 0, sizeof(*client));
	talk_init(&client->talk, &gate, family, CLIENT);
	client->seq = TALK_SEQ;
	client->label = family == 4 ? "IPv4" : "IPv6";
}

static void expect_syn_ack(struct client *client)
{
	struct talk_answer got;
	uint32_t slot = talk_slot();

	talk_send(&client->talk, SYN, client->seq, 0, NULL, &got);
	cr_assert_eq(got.action, XDP_TX, "%s: SYN", client->label);
	cr_expect_eq(got.flags, SYN | ACK, "%s", client->label);
	cr_expect_eq(got.ack, client->seq + 1, "%s", client->label);
	cr_expect_eq(got.len, 0, "%s", client->label);
	cr_expect_geq(got.window, 512, "%s", client->label);
	cr_expect(got.seq == talk_cookie(&client->talk, slot) ||
			  got.seq == talk_cookie(&client->talk, slot + 1),
		  "%s: cookie %08x", client->label, got.seq);
	cr_expect_eq(got.seq & 0x7f000000, 0, "%s: known beforehand", client->label);
	client->seq++;
	client->ack = got.seq + 1;
}

/* Sends data (NULL: none) and flags, and expects this answer, which is taken. */
static void expect_say(struct client *client, uint8_t flags, const char *data, uint8_t answer,
		       const char *text)
{
	struct talk_answer got;

	talk_send(&client->talk, flags, client->seq, client->ack, data, &got);
	client->seq += (uint32_t)(data ? strlen(data) : 0) + !!(flags & FIN);
	cr_assert_eq(got.action, XDP_TX, "%s: %s", client->label, data ? data : "no data");
	cr_expect_eq(got.flags, answer, "%s: flags %02x", client->label, got.flags);
	cr_expect_eq(got.seq, client->ack, "%s", client->label);
	cr_expect_eq(got.ack, client->seq, "%s: acknowledges %d", client->label,
		     (int)(got.ack - client->seq));
	cr_expect_eq(got.len, strlen(text), "%s: %zu bytes", client->label, got.len);
	cr_expect_arr_eq(got.text, text, strlen(text), "%s: %.*s", client->label, (int)got.len,
			 got.text);
	client->ack += (uint32_t)got.len + !!(answer & FIN);
}

static void expect_silence(struct client *client, uint8_t flags)
{
	struct talk_answer got;

	talk_send(&client->talk, flags, client->seq, client->ack, NULL, &got);
	cr_expect_eq(got.action, XDP_DROP, "%s: %u", client->label, got.action);
}

static void greet(struct client *client)
{
	expect_syn_ack(client);
	expect_say(client, ACK, NULL, ACK | PSH, TALK_GREETING);
	expect_silence(client, ACK);
}

static void run_talk(struct client *client)
{
	const char *refusal = talk_refusal(&client->talk);

	greet(client);
	expect_say(client, ACK | PSH, "EHLO mail.example.net\r\n", ACK | PSH, refusal);
	expect_silence(client, ACK);
	expect_say(client, ACK | PSH, "HELO mail.example.net\r\n", ACK | PSH, refusal);
	expect_say(client, ACK | PSH, "QUIT\r\n", ACK | PSH | FIN, TALK_BYE);
	expect_silence(client, ACK);
	expect_say(client, ACK | FIN, NULL, ACK, "");
	expect_silence(client, ACK);
}

Test(gate_reject, a_talk_from_syn_to_fin)
{
	static const uint16_t tags[3][PACKET_VLANS] = {{0}, {Q}, {AD, Q}};
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < 3; i++) {
			begin(&client, family);
			memcpy(client.talk.spec.vlan, tags[i], sizeof(tags[i]));
			run_talk(&client);
			begin(&client, family);
			memcpy(client.talk.spec.vlan, tags[i], sizeof(tags[i]));
			client.talk.spec.tcp_options = 20;
			run_talk(&client);
			begin(&client, family);
			memcpy(client.talk.spec.vlan, tags[i], sizeof(tags[i]));
			client.talk.spec.trailer = 3;
			run_talk(&client);
		}
	}
}

static void expect_counted(enum mxg_counter counter, uint64_t count)
{
	struct mxg_counters counters;

	gate_read_counters(&gate, &counters);
	cr_expect_eq(counters.count[counter], count, "%s: %llu", gate_counter_name(counter),
		     (unsigned long long)counters.count[counter]);
}

Test(gate_reject, each_step_is_counted)
{
	struct client client;

	begin(&client, 4);
	run_talk(&client);
	expect_counted(MXG_CTR_REJECT_NO_PTR, 1);
	expect_counted(MXG_CTR_REJECT_GREETED, 1);
	expect_counted(MXG_CTR_REJECT_TOLD, 2);
	expect_counted(MXG_CTR_REJECT_QUIT, 1);
	expect_counted(MXG_CTR_REJECT_ACKED, 1);
	expect_counted(MXG_CTR_REJECT_SILENT, 4);
	expect_counted(MXG_CTR_REJECT_WRONG, 0);
	expect_counted(MXG_CTR_REJECT_UNABLE, 0);
	expect_counted(MXG_CTR_NOT_SYN, 0);
	cr_expect_eq(gate_get_verdict(&gate, 4, CLIENT).hits, 1, "a talk is one hit");
}

Test(gate_reject, the_largest_segment_is_told)
{
	struct client client;
	struct talk_answer got;

	begin(&client, 4);
	client.talk.spec.tcp_options = 4;
	talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
	cr_expect_eq(got.mss, 1460);
	client.talk.spec.tcp_options = 0;
	talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
	cr_expect_eq(got.mss, 0, "no room");
	cr_expect_eq(got.action, XDP_TX);
	begin(&client, 6);
	client.talk.spec.tcp_options = 20;
	talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
	cr_expect_eq(got.mss, 1440);
}

/* RFC 7413: data of a SYN that is not taken comes again. */
Test(gate_reject, data_of_a_syn_is_not_taken)
{
	struct client client;
	struct talk_answer got;

	begin(&client, 4);
	client.talk.spec.tcp_options = 12;
	client.talk.spec.tcp_kind = TCP_FAST_OPEN;
	talk_send(&client.talk, SYN, client.seq, 0, "EHLO x\r\n", &got);
	cr_expect_eq(got.action, XDP_TX);
	cr_expect_eq(got.ack, client.seq + 1);
	cr_expect_eq(got.len, 0);
}

Test(gate_reject, what_comes_twice_is_answered_twice_alike)
{
	const char *ehlo = "EHLO mail.example.net\r\n";
	struct talk_answer first, second;
	struct client client;

	begin(&client, 6);
	greet(&client);
	talk_send(&client.talk, ACK, client.seq, client.ack, ehlo, &first);
	talk_send(&client.talk, ACK, client.seq, client.ack, ehlo, &second);
	cr_expect_arr_eq(&first, &second, sizeof(first));
	cr_expect_eq(first.action, XDP_TX);
}

/* --- what clients say ---------------------------------------------------------------- */

enum says {
	SAYS_NOTHING, /* an acknowledgment */
	SAYS_WHY,
	SAYS_WRONG, /* and why */
	SAYS_BYE,
};

static const char *text_of(const struct client *client, enum says says)
{
	switch (says) {
	case SAYS_WHY:
		return talk_refusal(&client->talk);
	case SAYS_WRONG:
		return talk_wrong(&client->talk);
	case SAYS_BYE:
		return TALK_BYE;
	default:
		return "";
	}
}

struct said {
	const char *data;
	enum says says;
	bool ends; /* and closes */
};

/* Each of them to a client of its own, with these flags beside ACK. */
static void expect_answers(const struct said *rows, size_t count, uint8_t flags)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t answer =
			(uint8_t)(ACK | (rows[i].says ? PSH : 0) | (rows[i].ends ? FIN : 0));
		struct client client;

		begin(&client, i % 2 ? 4 : 6);
		client.label = rows[i].data;
		greet(&client);
		expect_say(&client, ACK | flags, rows[i].data, answer,
			   text_of(&client, rows[i].says));
		if (rows[i].ends)
			expect_silence(&client, ACK);
	}
}

#define EXPECT_ANSWERS(rows, flags) expect_answers(rows, sizeof(rows) / sizeof((rows)[0]), flags)

Test(gate_reject, commands)
{
	static const struct said rows[] = {
		{"EHLO mail.example.net\r\n", SAYS_WHY, false},
		{"ehlo x\r\n", SAYS_WHY, false},
		{"hElO x\r\n", SAYS_WHY, false},
		{"HELO\r\n", SAYS_WHY, false},
		{"EHLO\n", SAYS_WHY, false},
		{"QUIT\r\n", SAYS_BYE, true},
		{"quit\n", SAYS_BYE, true},
		{"QUIT \r\n", SAYS_BYE, true},
		{"QUITE\r\n", SAYS_WRONG, false},
		{"EHLOX y\r\n", SAYS_WRONG, false},
		{"MAIL FROM:<a@example.net>\r\n", SAYS_WRONG, false},
		{"STARTTLS\r\n", SAYS_WRONG, false},
		{"LHLO x\r\n", SAYS_WRONG, false},
		{"RSET\r\n", SAYS_WRONG, false},
		{"\r\n", SAYS_WRONG, false},
		{"\n", SAYS_WRONG, false},
		{" EHLO x\r\n", SAYS_WRONG, false},
		{"EHL\n", SAYS_WRONG, false},
		{"\x16\x03\x01\n", SAYS_WRONG, false},
	};

	EXPECT_ANSWERS(rows, PSH);
}

/* The rest may come; what a line begins with is forgotten then, so the rest is told why, too. */
Test(gate_reject, a_command_in_parts_is_told_why)
{
	static const struct said rows[] = {
		{"E", SAYS_NOTHING, false},       {"EHLO x", SAYS_NOTHING, false},
		{"QUIT\r", SAYS_NOTHING, false},  {"QUIT", SAYS_NOTHING, false},
		{"\r", SAYS_NOTHING, false},      {"\tx", SAYS_NOTHING, false},
		{"LO mx\r\n", SAYS_WRONG, false}, {"x\r\n", SAYS_WRONG, false},
		{"~\n", SAYS_WRONG, false},
	};
	struct client client;

	EXPECT_ANSWERS(rows, PSH);
	begin(&client, 6);
	greet(&client);
	expect_say(&client, ACK | PSH, "EH", ACK, "");
	expect_say(&client, ACK | PSH, "LO x\r\n", ACK | PSH, talk_wrong(&client.talk));
	expect_say(&client, ACK | PSH, "HELO x\r\n", ACK | PSH, talk_refusal(&client.talk));
	for (const char *at = "MAIL"; *at; at++)
		expect_say(&client, ACK | PSH, (char[]){*at, '\0'}, ACK, "");
	expect_say(&client, ACK | PSH, "\r\n", ACK | PSH, talk_wrong(&client.talk));
	expect_say(&client, ACK | PSH, "QUIT\r\n", ACK | PSH | FIN, TALK_BYE);
}

/* The first is answered, all is taken, and that was all. */
Test(gate_reject, commands_in_one_packet_are_answered_at_once)
{
	static const struct said rows[] = {
		{"EHLO x\r\nMAIL FROM:<a@example.net>\r\n", SAYS_WHY, true},
		{"EHLO x\r\nQUIT\r\n", SAYS_WHY, true},
		{"HELO x\nQ", SAYS_WHY, true},
		{"QUIT\r\nEHLO x\r\n", SAYS_BYE, true},
		{"LO x\r\nMAIL", SAYS_WRONG, true},
		{"GET / HTTP/1.1\r\n\r\n", SAYS_WRONG, true},
		{"\n\n", SAYS_WRONG, true},
	};

	EXPECT_ANSWERS(rows, PSH);
}

Test(gate_reject, what_is_no_smtp_is_answered_and_closed)
{
	static const struct said rows[] = {
		{"\x16\x03\x01\x02", SAYS_WRONG, true}, /* TLS */
		{"\x80\x2e\x01", SAYS_WRONG, true},     /* SSL 2 */
		{"\xff\xfb\x1f", SAYS_WRONG, true},     /* Telnet */
		{"\x7f", SAYS_WRONG, true},
		{"\x1f", SAYS_WRONG, true},
	};

	EXPECT_ANSWERS(rows, PSH);
}

static void expect_left(const struct talk *talk, uint8_t flags, uint32_t ack, const char *data,
			const char *label)
{
	static struct packet pkt;

	talk_build(talk, flags, TALK_SEQ, ack, data, &pkt);
	gate_expect(&gate, &pkt, MXG_CTR_NOT_SYN, label);
}

/* RFC 5321 §4.5.3.1.4: 512 bytes with their end. */
Test(gate_reject, a_line_that_is_too_long)
{
	static char line[512 + 1];
	static const struct {
		size_t len, end; /* where a LF stands; 0: nowhere */
		struct said want;
	} rows[] = {
		{511, 0, {line, SAYS_NOTHING, false}},
		{512, 0, {line, SAYS_WRONG, true}},
		{512, 512, {line, SAYS_WHY, false}},
		{512, 511, {line, SAYS_WHY, true}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, "EHLO ", 5);
		line[rows[i].len] = '\0';
		if (rows[i].end)
			line[rows[i].end - 1] = '\n';
		expect_answers(&rows[i].want, 1, PSH);
	}
}

/* No client of ours may send so much at once, and the mail of others comes so. */
Test(gate_reject, more_than_the_window_is_left_to_the_host)
{
	static char line[1460 + 1];
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		greet(&client);
		memset(line, 'x', sizeof(line) - 1);
		memcpy(line, "EHLO ", 5);
		line[511] = '\n';
		expect_left(&client.talk, ACK, client.ack, line, "a whole segment");
		line[513] = '\0';
		expect_left(&client.talk, ACK, client.ack, line, "a byte more than the window");
		line[512] = '\0';
		expect_say(&client, ACK, line, ACK | PSH, talk_refusal(&client.talk));
	}
}

/* Else one that answers what is beyond its window would be answered for it, on and on. */
Test(gate_reject, who_has_no_room_is_not_greeted)
{
	const unsigned int room = sizeof(TALK_GREETING) - 1;
	static struct packet pkt;
	struct talk_answer got;
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		for (unsigned int window = 0; window <= room; window += window ? room - 1 : 1) {
			const size_t at = ETH_HLEN + (family == 4 ? 20 : 40) + 14;

			begin(&client, family);
			expect_syn_ack(&client);
			talk_build(&client.talk, ACK, client.seq, client.ack, NULL, &pkt);
			pkt.data[at] = 0;
			pkt.data[at + 1] = (uint8_t)window;
			talk_run(&client.talk, &pkt, &got);
			cr_expect_eq(got.action, window < room ? XDP_DROP : XDP_TX, "IPv%u, %u",
				     family, window);
		}
	}
}

Test(gate_reject, as_many_refusals_as_are_enough)
{
	struct client client;

	for (int last = 0; last < 2; last++) {
		const char *line = last ? "MAIL\r\n" : "EHLO x\r\n", *want;

		begin(&client, 4);
		greet(&client);
		for (int i = 0; i < 4; i++)
			expect_say(&client, ACK, "EHLO x\r\n", ACK | PSH,
				   talk_refusal(&client.talk));
		want = last ? talk_wrong(&client.talk) : talk_refusal(&client.talk);
		expect_say(&client, ACK, line, ACK | PSH | FIN, want);
		expect_silence(&client, ACK);
		expect_say(&client, ACK | PSH, "QUIT\r\n", ACK, "");
		expect_say(&client, ACK | FIN, NULL, ACK, "");
	}
}

/* Who has lost the greeting gets it by anything that it says, and by a keepalive probe. */
Test(gate_reject, a_greeting_that_was_lost)
{
	struct talk_answer got;
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		expect_syn_ack(&client);
		for (uint32_t back = 0; back < 2; back++) {
			talk_send(&client.talk, ACK, client.seq - back, client.ack, NULL, &got);
			cr_expect_eq(got.action, XDP_TX);
			cr_expect_eq(got.seq, client.ack);
			cr_expect_eq(got.ack, client.seq - back);
			cr_expect_arr_eq(got.text, TALK_GREETING, strlen(TALK_GREETING));
		}
	}
}

/* The one that is lost comes by its command again, which is not acknowledged without it. */
Test(gate_reject, a_refusal_that_was_lost)
{
	struct client client, lost;

	begin(&client, 6);
	greet(&client);
	expect_say(&client, ACK | PSH, "EH", ACK, "");
	lost = client;
	expect_say(&lost, ACK | PSH, "LO x\r\n", ACK | PSH, talk_wrong(&client.talk));
	expect_say(&client, ACK | PSH, "LO x\r\n", ACK | PSH, talk_wrong(&client.talk));
	lost = client;
	expect_say(&lost, ACK | PSH, "QUIT\r\n", ACK | PSH | FIN, TALK_BYE);
	expect_say(&client, ACK | PSH, "QUIT\r\n", ACK | PSH | FIN, TALK_BYE);
}

/* It is sent again once the greeting has arrived, and answered then. */
Test(gate_reject, who_speaks_first_is_greeted_and_not_heard)
{
	struct client client;
	struct talk_answer got;

	begin(&client, 4);
	expect_syn_ack(&client);
	for (int i = 0; i < 2; i++) {
		talk_send(&client.talk, ACK | PSH | (i ? FIN : 0), client.seq, client.ack,
			  "EHLO x\r\n", &got);
		cr_expect_eq(got.action, XDP_TX);
		cr_expect_eq(got.ack, client.seq, "the data is not acknowledged");
		cr_expect_eq(got.seq, client.ack);
		cr_expect_eq(got.flags, ACK | PSH);
		cr_expect_eq(got.len, strlen(TALK_GREETING));
	}
	client.ack += (uint32_t)got.len;
	expect_say(&client, ACK | PSH, "EHLO x\r\n", ACK | PSH, talk_refusal(&client.talk));
}

Test(gate_reject, closes)
{
	static const struct said rows[] = {
		{"EHLO x\r\n", SAYS_WHY, true}, {"QUIT\r\n", SAYS_BYE, true},
		{"EHLO x", SAYS_WRONG, true},   {"MAIL FROM:<>\r\n", SAYS_WRONG, true},
		{"E", SAYS_WRONG, true},
	};
	struct client client;

	begin(&client, 6);
	greet(&client);
	expect_say(&client, ACK | FIN, NULL, ACK | FIN, "");
	expect_silence(&client, ACK);
	/* A close with a line, or with what can be none any more, is one of both. */
	EXPECT_ANSWERS(rows, PSH | FIN);
}

/* --- cookies --------------------------------------------------------------------------- */

Test(gate_reject, a_cookie_is_of_one_connection_and_two_slots)
{
	struct talk_answer got;
	struct client client;
	struct talk other;
	uint32_t slot, ack;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		other = client.talk;
		slot = talk_slot();
		ack = talk_cookie(&client.talk, slot) + 1;
		talk_send(&client.talk, ACK, client.seq, ack, NULL, &got);
		cr_expect_eq(got.action, XDP_TX, "of this slot");
		talk_send(&client.talk, ACK, client.seq, talk_cookie(&other, slot - 1) + 1, NULL,
			  &got);
		cr_expect_eq(got.action, XDP_TX, "of the slot before");
		for (uint32_t back = 2; back < 66; back++)
			expect_left(&client.talk, ACK, talk_cookie(&other, slot - back) + 1, NULL,
				    "of a slot that is over");
		expect_left(&client.talk, ACK, talk_cookie(&other, slot + 2) + 1, NULL, "to come");
		for (uint32_t bit = 0; bit < 32; bit++)
			expect_left(&client.talk, ACK, ack ^ 1U << bit, NULL, "a wrong bit");
		other.spec.source_port = 49154;
		expect_left(&other, ACK, ack, NULL, "of another port");
		other.spec.source_port = 0;
		other.spec.dest = DEST_OTHER;
		expect_left(&other, ACK, ack, NULL, "to another host");
		other.spec.dest = 0;
		other.spec.host = HOST_RESET;
		expect_left(&other, ACK, ack, NULL, "of another host");
	}
}

/* No other number of bytes than those that were sent. */
Test(gate_reject, only_what_was_said_is_acknowledged)
{
	const uint32_t told = 2 + (uint32_t)strlen(TALK_GREETING);
	struct client client;
	struct talk_answer got;
	unsigned int answered = 0;
	uint32_t cookie;

	begin(&client, 4);
	cookie = talk_cookie(&client.talk, talk_slot());
	for (uint32_t acked = 0; acked < 4000; acked++) {
		talk_send(&client.talk, ACK, client.seq, cookie + acked, "QUIT\r\n", &got);
		answered += got.action == XDP_TX;
		if (acked == 0 || (acked > 1 && acked < told - 1))
			cr_expect_eq(got.action, XDP_PASS, "%u", acked);
	}
	/* The greeting, 5 places for a command, 221 after each, and the end after one more. */
	cr_expect_eq(answered, 1 + 5 + 5 + 6);
}

Test(gate_reject, secrets_take_turns)
{
	struct mxg_secret none[2] = {0};
	struct client client;
	struct talk_answer got;
	uint32_t slot = talk_slot();

	begin(&client, 4);
	none[slot / 64 % 2] = client.talk.secret[slot / 64 % 2];
	talk_set_secrets(&gate, none);
	talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
	cr_expect_eq(got.flags, SYN | ACK, "the other one is not needed");
	memset(none, 0, sizeof(none));
	talk_set_secrets(&gate, none);
	talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
	cr_expect_eq(got.flags, RST | ACK, "nothing is numbered without a secret");
	expect_left(&client.talk, ACK, talk_cookie(&client.talk, slot) + 1, NULL, "nor proven");
}

/* --- what is not the responder's --------------------------------------------------------- */

/* With a cookie that is right: only what is in force takes a packet that is no SYN. */
Test(gate_reject, without_a_refusal_in_force_all_is_left_to_the_host)
{
	struct client client;
	uint32_t ack;

	begin(&client, 4);
	greet(&client);
	ack = client.ack;
	gate.config.enforce_mask = ~(1U << MXG_REASON_NO_PTR);
	gate_configure(&gate);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "monitored");
	expect_counted(MXG_CTR_REJECT_LEFT, 1);
	gate.config.enforce_mask = GATE_ENFORCE;
	gate.config.reject = 0;
	gate_configure(&gate);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "nothing is rejected");
	gate.config.reject = 1;
	gate_configure(&gate);
	gate_set_lease(&gate, gate_now_ns());
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "no lease");
	gate_set_lease(&gate, gate_now_ns() + GATE_HOUR_NS);
	talk_set_verdict(&client.talk, MXG_ACTION_PASS, MXG_REASON_PASS);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "good by now");
	talk_set_verdict(&client.talk, MXG_ACTION_DROP, MXG_REASON_NO_PTR);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "dropped by now");
	talk_set_verdict(&client.talk, MXG_ACTION_REJECT, MXG_REASON_TEMPERROR);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "for no reason that refuses");
	gate_del_verdict(&gate, 4, CLIENT);
	expect_left(&client.talk, ACK, ack, "QUIT\r\n", "unknown");
	talk_set_verdict(&client.talk, MXG_ACTION_REJECT, MXG_REASON_NO_PTR);
	expect_say(&client, ACK, "QUIT\r\n", ACK | PSH | FIN, TALK_BYE);
}

Test(gate_reject, to_who_is_not_protected_all_is_left)
{
	struct talk_answer got;
	struct client client;
	struct talk other;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		named_configure(&NAMED_SHAPES[NAMED_ROUTER], &gate.config);
		gate_configure(&gate);
		greet(&client);
		other = client.talk;
		other.spec.dest = DEST_OTHER;
		expect_left(&other, ACK, client.ack, "EHLO x\r\n", "to another");
		talk_send(&client.talk, ACK, client.seq, client.ack, "EHLO x\r\n", &got);
		cr_expect_eq(got.action, XDP_TX);
	}
}

Test(gate_reject, flags_that_no_client_of_ours_sends)
{
	static const uint8_t rows[] = {0,         RST,       RST | ACK, SYN | ACK, FIN,
				       SYN | RST, SYN | FIN, PSH,       URG,       SYN | ACK | FIN};
	struct client client;

	begin(&client, 4);
	greet(&client);
	for (size_t i = 0; i < sizeof(rows); i++)
		expect_left(&client.talk, rows[i], client.ack, "QUIT\r\n", "odd flags");
}

static void add_shape(struct talk *talk, unsigned int row)
{
	static const uint8_t exts[] = {EXT_DST, EXT_HOP, EXT_FRAG_ATOMIC};

	if (row == 3)
		talk->spec.outer[0].family = 4;
	else if (row == 4)
		talk->spec.outer[0].family = 6;
	else if (talk->spec.family == 6)
		talk->spec.ext[0] = exts[row];
	else if (row == 2)
		talk->spec.frag_off = 0x2000;
	else
		talk->spec.ip_options = row ? 40 : 4;
}

/* What cannot be answered is refused as hard as can be, or left to the host. */
Test(gate_reject, shapes_that_are_not_answered)
{
	static struct packet pkt, bare;
	struct client client;
	char label[32];

	for (unsigned int family = 4; family <= 6; family += 2) {
		for (unsigned int row = 0; row < 5; row++) {
			struct talk shaped;
			size_t tcp;

			begin(&client, family);
			gate.config.decap = 1;
			gate_configure(&gate);
			snprintf(label, sizeof(label), "v%u, %u", family, row);
			shaped = client.talk;
			add_shape(&shaped, row);
			shaped.spec.flags = SYN;
			gate_expect_spec(&gate, &shaped.spec, MXG_CTR_DROP_NO_PTR, label);
			/* Behind the shape's headers, the same TCP. */
			shaped.spec.flags = ACK;
			packet_build(&pkt, &shaped.spec);
			talk_build(&client.talk, ACK, TALK_SEQ,
				   talk_cookie(&client.talk, talk_slot()) + 1, NULL, &bare);
			tcp = pkt.len - 20;
			memcpy(pkt.data + tcp, bare.data + bare.len - 20, 20);
			gate_expect(&gate, &pkt, MXG_CTR_NOT_SYN, label);
		}
	}
}

Test(gate_reject, several_buffers_are_left_to_the_host)
{
	static char line[9000];
	struct client client;

	memset(line, 'x', sizeof(line) - 2);
	memcpy(line, "EHLO ", 5);
	line[sizeof(line) - 2] = '\n';
	begin(&client, 4);
	greet(&client);
	expect_left(&client.talk, ACK, client.ack, line, "several buffers");
	client.talk.spec.trailer = 9000;
	expect_left(&client.talk, ACK, client.ack, "QUIT\r\n", "the packet in the first");
	client.talk.spec.flags = SYN;
	gate_expect_spec(&gate, &client.talk.spec, MXG_CTR_DROP_NO_PTR, "a SYN in several");
	client.talk.spec.trailer = 0;
	line[500] = '\0';
	line[499] = '\n';
	expect_say(&client, ACK, line, ACK | PSH, talk_refusal(&client.talk));
}

/* Whatever it acknowledges: a refusal takes packets, a cookie alone does not. */
Test(gate_reject, a_source_that_is_not_refused_is_never_answered)
{
	static const char *const lines[] = {NULL, "EHLO x\r\n", "x"};
	struct client client;
	struct talk_answer got;
	uint32_t cookie;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		cookie = talk_cookie(&client.talk, talk_slot());
		for (unsigned int known = 0; known < 2; known++) {
			if (known)
				talk_set_verdict(&client.talk, MXG_ACTION_PASS, MXG_REASON_PASS);
			else
				gate_del_verdict(&gate, family, CLIENT);
			for (uint32_t acked = 0; acked < 3 * 1500; acked++) {
				talk_send(&client.talk, ACK | PSH, client.seq, cookie + acked / 3,
					  lines[acked % 3], &got);
				cr_assert_eq(got.action, XDP_PASS, "%u of IPv%u", acked, family);
			}
		}
	}
	for (unsigned int i = MXG_CTR_REJECT_NO_PTR; i <= MXG_CTR_REJECT_SILENT; i++)
		expect_counted(i, 0);
}

/* --- what is said ------------------------------------------------------------------------ */

Test(gate_reject, without_its_texts_a_syn_is_reset)
{
	static const struct mxg_say wrong[] = {
		{.head.after_len = 1},
		{.head.before_len = MXG_SAY_PART + 1},
		{.head.before_len = 1, .head.after_len = MXG_SAY_PART + 1},
		{.head.before_len = 100, .head.after_len = 93},
		{.head.before_len = 100, .head.after_len = 54, .head.has_addr = 1},
	};
	static const uint32_t slots[] = {MXG_SAY_GREETING, MXG_REASON_NO_PTR};
	struct client client;
	struct talk_answer got;

	for (size_t slot = 0; slot < sizeof(slots) / sizeof(slots[0]); slot++) {
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			begin(&client, 4);
			greet(&client);
			talk_put_say(&gate, slots[slot], &wrong[i]);
			talk_send(&client.talk, SYN, client.seq, 0, NULL, &got);
			cr_expect_eq(got.flags, RST | ACK, "slot %u, %zu", slots[slot], i);
			expect_left(&client.talk, ACK, client.ack, "QUIT\r\n", "in the talk");
		}
	}
}

/* Where one is missing that is said to few, the talk goes on until one asks for it. */
Test(gate_reject, without_a_later_text_who_needs_it_is_left_to_the_host)
{
	static const struct mxg_say none = {.head.after_len = 1}, longer = {.head.before_len = 100};
	const uint32_t wrong = MXG_SAY_WRONG + MXG_REASON_NO_PTR;
	struct client client;

	begin(&client, 4);
	talk_put_say(&gate, MXG_SAY_BYE, &none);
	talk_put_say(&gate, wrong, &none);
	greet(&client);
	expect_say(&client, ACK, "EHLO a\r\n", ACK | PSH, talk_refusal(&client.talk));
	expect_left(&client.talk, ACK, client.ack, "QUIT\r\n", "no 221");
	expect_left(&client.talk, ACK, client.ack, "NOOP\r\n", "no 503");
	talk_put_say(&gate, wrong, &longer);
	expect_left(&client.talk, ACK, client.ack, "NOOP\r\n", "503 is longer than 554");
	expect_counted(MXG_CTR_REJECT_LEFT, 3);
	expect_say(&client, ACK, "HELO a\r\n", ACK | PSH, talk_refusal(&client.talk));
}

/* The end of a line is found wherever it is, and by nothing that looks like it. */
Test(gate_reject, lines_of_all_lengths)
{
	static const char near[] = "x\t\v\x8a\x09\x0b";
	struct client client;
	char line[64];

	for (unsigned int len = 0; len < 40; len++) {
		unsigned int at = (unsigned int)snprintf(line, sizeof(line), "EHLO ");

		for (unsigned int i = 0; i < len; i++)
			line[at++] = near[i % (sizeof(near) - 1)];
		memcpy(line + at, "\r\n", sizeof("\r\n"));
		begin(&client, len % 2 ? 4 : 6);
		greet(&client);
		expect_say(&client, ACK | PSH, line, ACK | PSH, talk_refusal(&client.talk));
		memcpy(line + at + 2, "MAIL\r\n", sizeof("MAIL\r\n"));
		begin(&client, len % 2 ? 4 : 6);
		greet(&client);
		expect_say(&client, ACK | PSH, line, ACK | PSH | FIN, talk_refusal(&client.talk));
	}
}

/* --- texts that the worker writes anew while they are said --------------------------------- */

#define REWRITES   20000
#define TEXT_LONG  (MXG_SAY_MAX - 2)
#define TEXT_BRIEF 20

struct writer {
	struct mxg_say say[2];
	unsigned int cpu;
	atomic_bool is_over;
};

/* One of the two, then the other, which is not one step to who reads. */
static void *writer_run(void *arg)
{
	const uint32_t slot = MXG_SAY_GREETING;
	struct writer *writer = arg;

	gate_stay_on(writer->cpu);
	for (unsigned int i = 0; !atomic_load(&writer->is_over); i++)
		bpf_map_update_elem(gate_map(&gate, MXG_MAP_SAY), &slot, &writer->say[i & 1], 0);
	return NULL;
}

/*
 * Of letters, also behind their end: nothing that is in the map is like a byte of the frame. They
 * are neighbours: each byte of the other text adds one to a byte of the sum, so that no mixture of
 * the two has the checksum of either; nor, with these letters and lengths, where the head is a
 * mixture itself.
 */
static void set_texts(struct writer *writer)
{
	struct mxg_say *lengthy = &writer->say[0], *brief = &writer->say[1];

	lengthy->head.before_len = MXG_SAY_PART;
	lengthy->head.after_len = TEXT_LONG - MXG_SAY_PART;
	memset(lengthy->before, 'a', lengthy->head.before_len);
	memset(lengthy->after, 'a', lengthy->head.after_len);
	refusal_seal(lengthy);
	brief->head.before_len = TEXT_BRIEF;
	memset(brief->before, 'b', brief->head.before_len);
	refusal_seal(brief);
	memset(brief->before, 'b', sizeof(brief->before));
	memset(brief->after, 'b', sizeof(brief->after));
}

/*
 * What goes out is as long as its IP header says, turned once, and no byte of it but a text's.
 * Half of each it may be, and as long as half of each where a kernel copies byte by byte, with a
 * checksum of neither: nobody takes that. True: it is taken, and is one of the two.
 */
static bool check_frame(const struct talk *talk, const struct packet *in, const struct packet *out)
{
	const size_t text = 14 + 20 + 20;
	const size_t len = (size_t)(out->data[16] << 8 | out->data[17]) + 14 - text;
	const bool is_taken = talk_is_taken(talk, in, out);
	const char *letters = !is_taken ? "ab" : len == TEXT_BRIEF ? "b" : "a";

	cr_assert_arr_eq(out->data, in->data + 6, 6, "to the sender's station");
	cr_assert(!is_taken || len == TEXT_LONG || len == TEXT_BRIEF, "%zu bytes of text", len);
	cr_assert_geq(out->len, text + len);
	for (size_t i = 0; i < len; i++)
		cr_assert(out->data[text + i] && strchr(letters, out->data[text + i]),
			  "byte %zu of %zu: %02x", i, len, out->data[text + i]);
	return is_taken;
}

Test(gate_reject, a_text_that_is_written_anew_meanwhile)
{
	static struct packet pkt, out;
	static struct writer writer;
	unsigned int cpus[2], taken = 0;
	struct client client;
	pthread_t thread;

	if (gate_two_cpus(cpus) < 2)
		cr_skip("nobody writes meanwhile on one CPU");
	begin(&client, 4);
	expect_syn_ack(&client);
	set_texts(&writer);
	talk_put_say(&gate, MXG_SAY_GREETING, &writer.say[0]);
	writer.cpu = cpus[1];
	gate_stay_on(cpus[0]);
	talk_build(&client.talk, ACK, client.seq, client.ack, NULL, &pkt);
	cr_assert_eq(pthread_create(&thread, NULL, writer_run, &writer), 0);
	for (unsigned int i = 0; i < REWRITES; i++) {
		cr_assert_eq(gate_run_out(&gate, &pkt, &out), XDP_TX, "packet %u", i);
		taken += check_frame(&client.talk, &pkt, &out);
	}
	atomic_store(&writer.is_over, true);
	pthread_join(thread, NULL);
	printf("  %u taken, %u not\n", taken, REWRITES - taken);
	cr_expect_gt(taken, REWRITES / 2);
}

/* --- addresses as text ---------------------------------------------------------------------- */

/* In the place of this client's own verdict, one of another address of its family. */
static void move_to(struct client *client, const uint8_t bytes[16])
{
	const struct mxg_verdict verdict = {
		.expires_ns = gate_now_ns() + GATE_HOUR_NS,
		.refresh_ns = MXG_NEVER,
		.action = MXG_ACTION_REJECT,
		.reason = MXG_REASON_NO_PTR,
	};
	const unsigned int family = client->talk.spec.family;
	struct addr addr;

	addr_from_bytes((uint8_t)family, bytes, &addr);
	gate_put(&gate, &addr, &verdict);
}

/* The gate's text for an address is the C library's. */
static void expect_addr(unsigned int family, const uint8_t bytes[16], unsigned int before,
			unsigned int after)
{
	static struct packet pkt;
	const size_t at = ETH_HLEN + (family == 4 ? 12 : 8), len = family == 4 ? 4 : 16;
	struct mxg_say say = {.head.before_len = (uint8_t)before,
			      .head.after_len = (uint8_t)after,
			      .head.has_addr = 1};
	char text[INET6_ADDRSTRLEN], want[256];
	struct talk_answer got;
	struct client client;

	begin(&client, family);
	memset(say.before, 'b', before);
	memset(say.after, 'a', after);
	talk_put_say(&gate, MXG_SAY_GREETING, &say);
	move_to(&client, bytes);
	cr_assert(inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)));
	snprintf(want, sizeof(want), "%.*s%s%.*s", (int)before, say.before, text, (int)after,
		 say.after);
	talk_build(&client.talk, SYN, TALK_SEQ, 0, NULL, &pkt);
	memcpy(pkt.data + at, bytes, len);
	talk_run(&client.talk, &pkt, &got);
	cr_assert_eq(got.flags, SYN | ACK, "%s", text);
	talk_build(&client.talk, ACK, TALK_SEQ + 1, got.seq + 1, NULL, &pkt);
	memcpy(pkt.data + at, bytes, len);
	talk_run(&client.talk, &pkt, &got);
	cr_assert_eq(got.action, XDP_TX, "%s", text);
	cr_expect_eq(got.len, strlen(want), "%s: %zu bytes", text, got.len);
	cr_expect_arr_eq(got.text, want, strlen(want), "%s: %.*s", want, (int)got.len, got.text);
}

Test(gate_reject, addresses_as_text)
{
	static const char *const rows[] = {
		"0.0.0.1",
		"1.10.100.99",
		"192.0.2.1",
		"223.255.255.255",
		"100.10.1.0",
		"9.99.199.209",
		"2001:db8::1",
		"2001:db8::",
		"::2",
		"1::",
		"2001:db8:1111:2222:3333:4444:5555:6666",
		"2001:db8:0:1:1:1:1:1",
		"2001:0:0:1:0:0:0:1",
		"2001:db8:0:0:1:0:0:1",
		"1:0:0:2:3:0:0:4",
		"0:0:1:2:3:4:0:0",
		"0:1:2:3:4:5:6:0",
		"abcd:ef01:2345:6789:abcd:ef01:2345:6789",
		"1:20:300:4000:a:b0:c00:d000",
		"fe80:0:0:0:1:0:0:0",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int family = strchr(rows[i], ':') ? 6 : 4;
		uint8_t bytes[16] = {0};

		cr_assert_eq(inet_pton(family == 4 ? AF_INET : AF_INET6, rows[i], bytes), 1);
		expect_addr(family, bytes, 30, 10);
		expect_addr(family, bytes, 31, 11);
	}
	for (unsigned int i = 0; i < 256; i++) {
		const uint8_t bytes[16] = {(uint8_t)(1 + i % 223), (uint8_t)i, (uint8_t)(255 - i),
					   (uint8_t)i};

		expect_addr(4, bytes, 30, 10);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Zeros at any place, lengths odd and even: all checksums are whole. */
Test(gate_reject, addresses_and_texts_of_all_lengths)
{
	uint32_t state = 2463534242U;

	for (unsigned int i = 0; i < 1500; i++) {
		uint32_t before = 1 + next_random(&state) % MXG_SAY_PART;
		uint32_t room = MXG_SAY_MAX - MXG_SAY_ADDR - before, mask = next_random(&state);
		uint32_t after =
			next_random(&state) % ((room < MXG_SAY_PART ? room : MXG_SAY_PART) + 1);
		uint8_t bytes[16];

		for (size_t at = 0; at < 16; at++)
			bytes[at] = mask >> at & 1 ? (uint8_t)next_random(&state) : 0;
		bytes[0] = (uint8_t)(i % 2 ? 1 + bytes[0] % 223 : 0x20);
		expect_addr(i % 2 ? 4 : 6, bytes, before, after);
	}
}

/* --- verdicts, exceptions, budget ------------------------------------------------------ */

Test(gate_reject, each_reason_has_its_text)
{
	static const struct {
		uint8_t reason;
		enum mxg_counter outcome;
	} rows[] = {
		{MXG_REASON_NO_PTR, MXG_CTR_REJECT_NO_PTR},
		{MXG_REASON_UNCONFIRMED, MXG_CTR_REJECT_UNCONFIRMED},
		{MXG_REASON_GENERIC, MXG_CTR_REJECT_GENERIC},
	};
	static struct packet pkt;
	struct client client;
	char text[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&client, 4);
		talk_set_verdict(&client.talk, MXG_ACTION_REJECT, rows[i].reason);
		snprintf(text, sizeof(text), "554 reason %u\r\n", rows[i].reason);
		talk_set_reason(&gate, rows[i].reason, text, "", false);
		talk_build(&client.talk, SYN, TALK_SEQ, 0, NULL, &pkt);
		gate_expect(&gate, &pkt, rows[i].outcome, text);
		greet(&client);
		expect_say(&client, ACK, "EHLO x\r\n", ACK | PSH, text);
	}
}

Test(gate_reject, a_deny_that_rejects)
{
	const struct mxg_prefix deny = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_REJECT, .reason = MXG_REASON_DENY};
	struct mxg_prefix got;
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		gate_del_verdict(&gate, family, CLIENT);
		gate_put_prefix(&gate, family, CLIENT, family == 4 ? 32 : 128, &deny);
		gate.config.reject_budget = 1;
		gate_configure(&gate);
		greet(&client);
		expect_say(&client, ACK, "EHLO x\r\n", ACK | PSH, TALK_PLAIN);
		begin(&client, family);
		gate_del_verdict(&gate, family, CLIENT);
		greet(&client);
		got = gate_get_prefix(&gate, family, CLIENT, family == 4 ? 32 : 128);
		cr_expect_eq(got.hits, 2, "SYNs alone are hits");
	}
	expect_counted(MXG_CTR_REJECT_DENY, 4);
}

Test(gate_reject, who_has_been_told_often_enough_is_dropped)
{
	static struct packet pkt;
	struct client client;

	begin(&client, 4);
	gate.config.reject_budget = 3;
	gate_configure(&gate);
	talk_build(&client.talk, SYN, TALK_SEQ, 0, NULL, &pkt);
	for (int i = 0; i < 3; i++)
		gate_expect(&gate, &pkt, MXG_CTR_REJECT_NO_PTR, "within the budget");
	gate_expect(&gate, &pkt, MXG_CTR_DROP_NO_PTR, "beyond it");
	expect_counted(MXG_CTR_REJECT_HARDENED, 1);
	/* What has begun is brought to its end. */
	client.seq++;
	client.ack = talk_cookie(&client.talk, talk_slot()) + 1;
	expect_say(&client, ACK, NULL, ACK | PSH, TALK_GREETING);
	begin(&client, 6);
	for (int i = 0; i < 300; i++) {
		talk_build(&client.talk, SYN, TALK_SEQ, 0, NULL, &pkt);
		gate_expect(&gate, &pkt, MXG_CTR_REJECT_NO_PTR, "no budget");
	}
}

/* The program that `ip link` loads, or a dispatcher that lets no other in. */
Test(gate_reject, a_gate_that_cannot_reject_resets)
{
	static struct packet pkt;
	struct client client;
	struct talk_answer got;
	struct gate able = gate;

	gate_load(&gate);
	begin(&client, 4);
	talk_build(&client.talk, SYN, TALK_SEQ, 0, NULL, &pkt);
	gate_expect(&gate, &pkt, MXG_CTR_RESET_NO_PTR, "reset instead");
	expect_counted(MXG_CTR_REJECT_UNABLE, 1);
	talk_run(&client.talk, &pkt, &got);
	cr_expect_eq(got.flags, RST | ACK);
	expect_left(&client.talk, ACK, talk_cookie(&client.talk, talk_slot()) + 1, NULL, "a talk");
	client.talk.spec.flags = SYN;
	client.talk.spec.ip_options = 4;
	gate_expect_spec(&gate, &client.talk.spec, MXG_CTR_DROP_NO_PTR, "or drops");
	gate_free(&able);
}

/* --- damage ------------------------------------------------------------------------------- */

#define DAMAGED 60000

/* A packet of a talk, with some bytes of its headers or data changed, or its end cut off. */
static void damaged(const struct client *client, uint32_t *state, struct packet *ret)
{
	static const char *const lines[] = {NULL, "EHLO x\r\n", "QUIT\r\n", "NOOP\r\n", "E"};
	static const uint8_t flags[] = {ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN};
	const uint32_t told = (uint32_t)strlen(talk_refusal(&client->talk));
	const uint32_t kind = next_random(state);

	talk_build(&client->talk, flags[kind % 4], TALK_SEQ, client->ack + (kind >> 2 & 3) * told,
		   lines[(kind >> 4) % 5], ret);
	for (uint32_t n = kind >> 8 & 3; n--;) {
		uint32_t at = next_random(state) % (uint32_t)ret->len;
		uint32_t bits = next_random(state) & 1 ? next_random(state) : 1U << at % 8;

		ret->data[at] = (uint8_t)(ret->data[at] ^ bits);
	}
	if ((kind >> 10 & 15) == 0)
		ret->len -= next_random(state) % (uint32_t)(ret->len - 14);
}

/*
 * Of all that is not a SYN, what is taken is proven. The reference, which knows nothing of
 * rejecting, says what is one.
 */
Test(gate_reject, nothing_is_taken_but_what_is_proven)
{
	uint32_t state = 88172645U, taken = 0, left = 0;
	static struct packet pkt;
	struct client client;

	for (unsigned int family = 4; family <= 6; family += 2) {
		begin(&client, family);
		greet(&client);
		for (uint32_t i = 0; i < DAMAGED; i++) {
			uint32_t action;
			enum mxg_counter outcome;

			damaged(&client, &state, &pkt);
			outcome = reference_judge(&NAMED_SHAPES[NAMED_PLAIN], pkt.data, pkt.len);
			action = gate_run(&gate, &pkt, 1);
			taken += action != XDP_PASS;
			left += action == XDP_PASS;
			if (outcome == MXG_CTR_NOT_SYN && action != XDP_PASS)
				cr_assert(talk_is_proven(&client.talk, &pkt), "frame %u of IPv%u",
					  i, family);
			else if (gate_counter_kind(outcome) == MXG_KIND_UNJUDGED)
				cr_assert_eq(action, XDP_PASS, "frame %u of IPv%u: %s", i, family,
					     gate_counter_name(outcome));
		}
	}
	cr_expect_gt(taken, DAMAGED / 4);
	cr_expect_gt(left, DAMAGED / 4);
}
