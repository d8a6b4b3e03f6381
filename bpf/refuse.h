/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The refusal responder: a mail server's whole talk with a client that is to be turned
 * away, without a socket and without memory.
 *
 *   SYN              SYN-ACK, numbered by a cookie (cookie.h)
 *   ACK              220, again and again until it is acknowledged
 *   EHLO, HELO       554 and why (RFC 5321 §4.2.5, RFC 7372)
 *   QUIT             221 and FIN
 *   any other line   503 and why: it may be the end of an EHLO that came in parts
 *   half a line      its acknowledgment
 *   several lines    the answer to the first and FIN, as nobody may send more before he
 *                    is told so (RFC 2920 §3.1), and what is behind it would get none
 *   no SMTP at all   503 and FIN: a control character, or as much as a line may have
 *   FIN              FIN, or its acknowledgment after ours
 *
 * Where a talk is follows from how many of our bytes the client acknowledges, since each
 * reply has one length for one client, and 554 and 503 the same. So a packet that comes
 * twice gets one answer twice, and each packet gets one at most. Behind the greeting, not
 * in its place, stands the 554: to a greeting of 554 Postfix does not return the mail, but
 * tries again for days.
 * What a client has not acknowledged it must ask for: by the command again, as each TCP
 * does, but for the greeting, of which nobody knows when to send it again. Who loses it and
 * only waits does so until its own timeout; a word or a keepalive probe brings it.
 *
 * Only a proven cookie and a refusal that is in force take a packet that is not a SYN.
 * Of a connection that stood before its source was refused, an acknowledgment that is one
 * of 17 numbers of 2^31 would be taken for a part of a talk; of a source that is not
 * refused, none. Of 64 good connections 63 pay a comparison for that, the last one a hash
 * for each packet that is no larger than our window, and none a look into a table.
 * What is not understood, or carries more than our window, is left alone, and the host resets a
 * connection that it does not have. Nothing is acknowledged before the greeting is: the client
 * sends it again then.
 */
#ifndef MXGATE_BPF_REFUSE_H
#define MXGATE_BPF_REFUSE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <mxgate/abi.h>
#include "cookie.h"
#include "count.h"
#include "parse.h"
#include "reply.h"
#include "say.h"

#define REFUSE_WINDOW   512  /* bytes: some command lines */
#define REFUSE_TOLD_MAX 4    /* to EHLO, to HELO, and to who goes on; one more ends it */
#define REFUSE_VERB     5    /* with what ends the word */
#define REFUSE_AT_MASK  0xff /* above Ethernet, tags, IPv6 and TCP with all its options */
#define REFUSE_END_MASK 0x3ff

/* More of our bytes than this no talk has. */
#define REFUSE_BYTES_MAX (2 + (REFUSE_TOLD_MAX + 2) * MXG_SAY_MAX)

_Static_assert(REFUSE_BYTES_MAX <= COOKIE_HASH, "one bit takes their carry");

/* How long what is said to one client is. */
struct refuse_lens {
	__u32 greeting, reason;
};

/* A packet of a connection that the gate has opened. */
struct refuse_talk {
	__u32 seq, ack;
	__u32 acked; /* of our bytes, the SYN among them: 1 and more */
	__u32 data;  /* bytes that it carries */
	__u32 at;    /* their offset in the frame */
	__u32 window;
	struct reply_place place;
	bool is_fin;
};

/* What a packet asks for. */
enum refuse_step {
	REFUSE_GREET,   /* the greeting has not arrived */
	REFUSE_COMMAND, /* it has, and all that was said after it */
	REFUSE_CLOSED,  /* and so has our FIN */
	REFUSE_STRANGE,
};

/* The SYN becomes the SYN-ACK. False, and nothing has changed: it cannot be refused so. */
static __always_inline bool refuse_syn(struct xdp_md *ctx, __u32 reason, __u64 now)
{
	struct reply_headers headers = {};
	struct reply reply = {
		.flags = PARSE_TCP_SYN | PARSE_TCP_ACK,
		.window = REFUSE_WINDOW,
		.is_syn = true,
	};

	if (!say_get(MXG_SAY_GREETING).say || !say_get(reason).say || !reply_may_stay(ctx) ||
	    !reply_find(ctx, &headers) || !cookie_make(&headers, cookie_slot(now), &reply.seq))
		return false;
	/* Data of the SYN is not taken: it comes again (RFC 7413 §4.2.2). */
	reply.ack = bpf_ntohl(headers.tcp->seq) + 1;
	reply_in_place(&headers, &reply);
	return true;
}

/* Whether the packet, not a SYN, is of a connection that the gate has opened; *ret then. */
static __always_inline bool refuse_prove(struct xdp_md *ctx, const struct packet *pkt, __u64 now,
					 struct refuse_talk *ret)
{
	const __u8 mask = PARSE_TCP_SYN | PARSE_TCP_RST | PARSE_TCP_ACK;
	struct reply_headers headers = {};
	__u8 flags;

	if (!reply_find_parsed(ctx, pkt, &headers))
		return false;
	flags = ((const __u8 *)headers.tcp)[13];
	if ((flags & mask) != PARSE_TCP_ACK)
		return false;
	ret->data = reply_data_len(&headers);
	/* More than it was told to send: mail, on a good connection, for which no hash is made. */
	if (ret->data > REFUSE_WINDOW ||
	    !cookie_prove(&headers, now, REFUSE_BYTES_MAX, &ret->acked))
		return false;
	ret->seq = bpf_ntohl(headers.tcp->seq);
	ret->ack = bpf_ntohl(headers.tcp->ack_seq);
	ret->at = (__u32)((void *)headers.tcp - (void *)headers.eth) + headers.tcp->doff * 4U;
	ret->place.front = (__u32)headers.front;
	ret->place.is_ip4 = headers.ip4;
	ret->window = bpf_ntohs(headers.tcp->window); /* ours had no scale: RFC 7323 §2.2 */
	ret->is_fin = flags & PARSE_TCP_FIN;
	return true;
}

static __always_inline enum refuse_step refuse_step_of(const struct refuse_talk *talk,
						       const struct refuse_lens *lens,
						       const struct say_addr *addr)
{
	__u32 rest = talk->acked - 1, bye_len;
	struct say_text bye;

	if (rest == 0)
		return REFUSE_GREET;
	rest -= lens->greeting;
#pragma unroll
	for (int i = 0; i <= REFUSE_TOLD_MAX; i++) {
		if (rest == i * lens->reason)
			return REFUSE_COMMAND;
	}
	bye = say_get(MXG_SAY_BYE);
	bye_len = say_len(&bye, addr);
#pragma unroll
	for (int i = 0; i <= REFUSE_TOLD_MAX + 1; i++) {
		const __u32 last = rest - i * lens->reason - 1; /* without the FIN */

		if (last == 0 || (last == bye_len && i <= REFUSE_TOLD_MAX))
			return REFUSE_CLOSED;
	}
	return REFUSE_STRANGE;
}

/* How many refusals the client has acknowledged: as many as are enough end the talk. */
static __always_inline bool refuse_is_enough(const struct refuse_talk *talk,
					     const struct refuse_lens *lens)
{
	return talk->acked - 1 - lens->greeting == REFUSE_TOLD_MAX * lens->reason;
}

#define REFUSE_ONES (~0ULL / 0xff)

/* Bytes of a word, in small letters, as one number. */
#define REFUSE_WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* The first word of the line, 0 if it is none of four letters. */
static __always_inline __u32 refuse_verb(struct xdp_md *ctx, const struct refuse_talk *talk)
{
	const __u8 *line = (void *)(unsigned long)ctx->data + (talk->at & REFUSE_AT_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;

	if (talk->data < REFUSE_VERB || (const void *)(line + REFUSE_VERB) > end)
		return 0;
	if (line[4] != ' ' && line[4] != '\r' && line[4] != '\n')
		return 0;
	return REFUSE_WORD(line[0] | 0x20, line[1] | 0x20, line[2] | 0x20, line[3] | 0x20);
}

/*
 * Among eight bytes, the first lowest: the top bit of the first that is a line feed, and perhaps
 * more above it; 0 if none is. A byte that becomes zero lets its top bit be borrowed.
 */
static __always_inline __u64 refuse_line_feeds(__u64 chars)
{
	chars ^= REFUSE_ONES * '\n';
	return (chars - REFUSE_ONES) & ~chars & REFUSE_ONES << 7;
}

/* How many bytes stand before the first: as many as are all ones below it, counted. */
static __always_inline __u32 refuse_before(__u64 feeds)
{
	feeds &= -feeds;
	return (__u32)((((feeds >> 7) - 1) & REFUSE_ONES) * REFUSE_ONES >> 56);
}

/*
 * How long the first of the lines is that the packet carries, its LF among them; 0 if it
 * does not end there. Eight bytes in a step; the last few with those that stand before them,
 * looked at already or of the header.
 */
static __always_inline __u32 refuse_line_len(struct xdp_md *ctx, const struct refuse_talk *talk)
{
	const __u32 len = say_forget(talk->data, talk->seq);
	const void *start = (void *)(unsigned long)ctx->data;
	const void *line = start + (talk->at & REFUSE_AT_MASK);
	const void *last = start + ((talk->at + len - sizeof(__u64)) & REFUSE_END_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;
	__u64 feeds;
	__u32 i;

	for (i = 0; i < REFUSE_WINDOW && i + sizeof(__u64) <= len; i += sizeof(__u64)) {
		if (line + i + sizeof(__u64) > end)
			return 0;
		feeds = refuse_line_feeds(SAY_LE64(*(const __u64 *)(line + i)));
		if (feeds)
			return i + refuse_before(feeds) + 1;
	}
	if (i >= len || last + sizeof(__u64) > end)
		return 0;
	feeds = refuse_line_feeds(SAY_LE64(*(const __u64 *)last) >> (i + sizeof(__u64) - len) * 8);
	return feeds ? i + refuse_before(feeds) + 1 : 0;
}

/* Whether what has no end may have one, in the packets to come. RFC 5321 §4.5.3.1.4. */
static __always_inline bool refuse_may_end(struct xdp_md *ctx, const struct refuse_talk *talk)
{
	const __u8 *line = (void *)(unsigned long)ctx->data + (talk->at & REFUSE_AT_MASK);

	if (talk->is_fin || talk->data >= REFUSE_WINDOW ||
	    (const void *)(line + 1) > (void *)(unsigned long)ctx->data_end)
		return false;
	return (*line >= ' ' && *line < 0x7f) || *line == '\t' || *line == '\r';
}

static __always_inline int refuse_keep_silent(void)
{
	count_one(MXG_CTR_REJECT_SILENT);
	return XDP_DROP;
}

/* What is said to a line that is no command of a client that is to be told why. */
static __always_inline struct say_text refuse_wrong(const struct refuse_lens *lens, __u32 reason,
						    const struct say_addr *addr)
{
	struct say_text wrong = say_get(MXG_SAY_WRONG + reason);

	if (say_len(&wrong, addr) != lens->reason)
		wrong.say = NULL;
	return wrong;
}

/* What is told, and as what it counts. */
struct refuse_text {
	struct say_text told;
	enum mxg_counter counter;
};

/* Data, once the greeting has arrived: MXG_CTR_REJECT_ACKED, if there is nothing to tell yet. */
static __always_inline void refuse_command(struct xdp_md *ctx, const struct refuse_talk *talk,
					   const struct refuse_lens *lens, __u32 reason,
					   const struct say_addr *addr, struct reply *reply,
					   struct refuse_text *text)
{
	const __u32 line = say_forget(refuse_line_len(ctx, talk), talk->seq);
	const __u32 verb = line ? refuse_verb(ctx, talk) : 0;

	if (!line && refuse_may_end(ctx, talk))
		return;
	reply->flags |= PARSE_TCP_PSH;
	if (verb == REFUSE_WORD('q', 'u', 'i', 't')) {
		reply->flags |= PARSE_TCP_FIN;
		text->told = say_get(MXG_SAY_BYE);
		text->counter = MXG_CTR_REJECT_QUIT;
		return;
	}
	if (line != talk->data || talk->is_fin || refuse_is_enough(talk, lens))
		reply->flags |= PARSE_TCP_FIN;
	if (verb == REFUSE_WORD('e', 'h', 'l', 'o') || verb == REFUSE_WORD('h', 'e', 'l', 'o')) {
		text->counter = MXG_CTR_REJECT_TOLD;
	} else {
		text->told = refuse_wrong(lens, reason, addr);
		text->counter = MXG_CTR_REJECT_WRONG;
	}
}

/* The packet becomes its answer. */
static __always_inline int refuse_reply(struct xdp_md *ctx, const struct refuse_talk *talk,
					struct reply *reply, struct refuse_text *text,
					const struct say_addr *addr)
{
	struct reply_headers headers = {};

	if (text->counter != MXG_CTR_REJECT_ACKED) {
		if (!text->told.say)
			return XDP_PASS;
		switch (say_answer(ctx, &talk->place, reply, &text->told, addr)) {
		case SAY_SAID:
			count_one(text->counter);
			return XDP_TX;
		case SAY_SPOILT:
			return refuse_keep_silent();
		case SAY_NO_ROOM:
			break;
		}
		reply->flags = PARSE_TCP_RST;
		reply->ack = 0;
		text->counter = MXG_CTR_REJECT_BROKEN;
	}
	/* It does not fail: the verifier's question. */
	if (!reply_find_again(ctx, &talk->place, &headers))
		return XDP_DROP;
	reply_in_place(&headers, reply);
	count_one(text->counter);
	return XDP_TX;
}

/*
 * What is to become of a packet of a talk with a source that is refused for reason. Inlined, as
 * refuse_syn() is: a call takes long to return; and 6.1, which may take what it knows of the
 * stack on one way into a static function for all of them, once wrote IPv4 addresses as IPv6.
 */
static __always_inline int refuse_answer(struct xdp_md *ctx, const struct refuse_talk *talk,
					 const struct source *source, __u32 reason)
{
	const struct say_text greeting = say_get(MXG_SAY_GREETING), told = say_get(reason);
	struct refuse_text text = {told, MXG_CTR_REJECT_ACKED};
	struct say_addr addr = {};
	struct refuse_lens lens;
	struct reply reply = {};
	enum refuse_step step;

	if (!talk || !source || !greeting.say || !told.say || !reply_is_whole(ctx))
		return XDP_PASS;
	/* Writing it out takes long: who is greeted is seldom told his address. */
	if (talk->acked > 1 || greeting.head.has_addr)
		say_address(source, &addr);
	lens.greeting = say_len(&greeting, &addr);
	lens.reason = say_len(&told, &addr);
	step = refuse_step_of(talk, &lens, &addr);
	if (step == REFUSE_STRANGE)
		return XDP_PASS;
	reply.seq = talk->ack;
	reply.ack = talk->seq;
	reply.window = REFUSE_WINDOW;
	reply.flags = PARSE_TCP_ACK;
	if (step == REFUSE_GREET) {
		/* Who has no room says so when he has; who is told before may answer for ever. */
		if (talk->window < lens.greeting)
			return refuse_keep_silent();
		reply.flags |= PARSE_TCP_PSH;
		text = (struct refuse_text){greeting, MXG_CTR_REJECT_GREETED};
	} else {
		if (!talk->data && !talk->is_fin)
			return refuse_keep_silent();
		reply.ack += talk->data + talk->is_fin;
		if (step == REFUSE_COMMAND && talk->data)
			refuse_command(ctx, talk, &lens, reason, &addr, &reply, &text);
		else if (step == REFUSE_COMMAND)
			reply.flags |= PARSE_TCP_FIN;
	}
	return refuse_reply(ctx, talk, &reply, &text, &addr);
}

#endif
