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

/* More of our bytes than this no talk has. */
#define REFUSE_BYTES_MAX (2 + (REFUSE_TOLD_MAX + 2) * MXG_SAY_MAX)

_Static_assert(REFUSE_BYTES_MAX <= COOKIE_HASH, "one bit takes their carry");

/* How long what is said to one client is. */
struct refuse_lens {
	__u32 greeting, reason, bye;
};

/* A packet of a connection that the gate has opened. */
struct refuse_talk {
	__u32 seq, ack;
	__u32 acked; /* of our bytes, the SYN among them: 1 and more */
	__u32 data;  /* bytes that it carries */
	__u32 at;    /* their offset in the frame */
	__u32 window;
	bool is_fin;
};

/* What a packet asks for. */
enum refuse_step {
	REFUSE_GREET,   /* the greeting has not arrived */
	REFUSE_COMMAND, /* it has, and all that was said after it */
	REFUSE_CLOSED,  /* and so has our FIN */
	REFUSE_STRANGE,
};

/* False if there is nothing to say: one of the texts is missing, or of another length. */
static __always_inline bool refuse_find_lens(__u32 reason, const struct say_addr *addr,
					     struct refuse_lens *ret)
{
	ret->greeting = say_len(say_get(MXG_SAY_GREETING), addr);
	ret->reason = say_len(say_get(reason), addr);
	ret->bye = say_len(say_get(MXG_SAY_BYE), addr);
	return ret->greeting && ret->reason && ret->bye &&
	       say_len(say_get(MXG_SAY_WRONG + reason), addr) == ret->reason;
}

/* The SYN becomes the SYN-ACK. False, and nothing has changed: it cannot be refused so. */
static __noinline bool refuse_syn(struct xdp_md *ctx, __u32 reason, __u64 now)
{
	struct reply_headers headers = {};
	const struct say_addr none = {};
	struct refuse_lens lens;
	struct reply reply = {
		.flags = PARSE_TCP_SYN | PARSE_TCP_ACK,
		.window = REFUSE_WINDOW,
		.is_syn = true,
	};

	if (!refuse_find_lens(reason, &none, &lens) || !reply_is_whole(ctx) ||
	    !reply_find(ctx, &headers) || !cookie_make(&headers, cookie_slot(now), &reply.seq))
		return false;
	/* Data of the SYN is not taken: it comes again (RFC 7413 §4.2.2). */
	reply.ack = bpf_ntohl(headers.tcp->seq) + 1;
	reply_in_place(&headers, &reply);
	return true;
}

/* Whether the packet, not a SYN, is of a connection that the gate has opened; *ret then. */
static __noinline bool refuse_prove(struct xdp_md *ctx, __u64 now, struct refuse_talk *ret)
{
	const __u8 mask = PARSE_TCP_SYN | PARSE_TCP_RST | PARSE_TCP_ACK;
	struct reply_headers headers = {};
	__u8 flags;

	if (!ret || !reply_find(ctx, &headers))
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
	ret->window = bpf_ntohs(headers.tcp->window); /* ours had no scale: RFC 7323 §2.2 */
	ret->is_fin = flags & PARSE_TCP_FIN;
	return true;
}

static __always_inline enum refuse_step refuse_step_of(const struct refuse_talk *talk,
						       const struct refuse_lens *lens)
{
	__u32 rest = talk->acked - 1;

	if (rest == 0)
		return REFUSE_GREET;
	rest -= lens->greeting;
#pragma unroll
	for (int i = 0; i <= REFUSE_TOLD_MAX; i++) {
		if (rest == i * lens->reason)
			return REFUSE_COMMAND;
	}
#pragma unroll
	for (int i = 0; i <= REFUSE_TOLD_MAX + 1; i++) {
		const __u32 last = rest - i * lens->reason - 1; /* without the FIN */

		if (last == 0 || (last == lens->bye && i <= REFUSE_TOLD_MAX))
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

/* Whether one of eight bytes is a line feed: one that becomes zero lets its top bit be borrowed. */
static __always_inline bool refuse_has_end(__u64 chars)
{
	const __u64 ones = ~0ULL / 0xff;

	chars ^= ones * '\n';
	return (chars - ones) & ~chars & ones << 7;
}

/*
 * How long the first of the lines is that stand in len bytes from offset at of the frame on,
 * its LF among them; 0 if it does not end there. Eight bytes in a step, until there is one
 * among them. Not static, as say_address().
 */
__noinline int refuse_line_len(struct xdp_md *ctx, __u32 at, __u32 len)
{
	const __u8 *line = (void *)(unsigned long)ctx->data + (at & REFUSE_AT_MASK);
	const void *end = (void *)(unsigned long)ctx->data_end;
	__u32 i;

	for (i = 0; i < REFUSE_WINDOW; i += sizeof(__u64)) {
		if (i + sizeof(__u64) > len || (const void *)(line + i + sizeof(__u64)) > end ||
		    refuse_has_end(*(const __u64 *)(const void *)(line + i)))
			break;
	}
	for (__u32 left = 0; left < sizeof(__u64); left++, i++) {
		if (i >= len || i >= REFUSE_WINDOW || (const void *)(line + i + 1) > end)
			return 0;
		if (line[i] == '\n')
			return (int)i + 1;
	}
	return 0;
}

/* Whether what has no end may have one, in the packets to come. RFC 5321 §4.5.3.1.4. */
static __always_inline bool refuse_may_end(struct xdp_md *ctx, const struct refuse_talk *talk)
{
	__u8 first = 0;

	if (talk->is_fin || talk->data >= REFUSE_WINDOW ||
	    bpf_xdp_load_bytes(ctx, talk->at, &first, 1) != 0)
		return false;
	return (first >= ' ' && first < 0x7f) || first == '\t' || first == '\r';
}

static __noinline int refuse_send(struct xdp_md *ctx, const struct reply *reply,
				  enum mxg_counter counter)
{
	struct reply_headers headers = {};

	if (!reply_find(ctx, &headers))
		return XDP_DROP;
	reply_in_place(&headers, reply);
	count_one(counter);
	return XDP_TX;
}

static __always_inline int refuse_keep_silent(void)
{
	count_one(MXG_CTR_REJECT_SILENT);
	return XDP_DROP;
}

/* A text that is another one by now is not told: it is asked for again, as if it had been lost. */
static __always_inline int refuse_say(struct xdp_md *ctx, struct reply *reply, __u32 slot,
				      struct say_addr *addr, enum mxg_counter counter)
{
	const __u32 at = say_prepare(ctx, reply, slot, addr);

	if (at && !say_store_text(ctx, at, slot, addr, reply->data))
		return refuse_keep_silent();
	if (at) {
		count_one(counter);
		return XDP_TX;
	}
	reply->flags = PARSE_TCP_RST;
	reply->ack = 0;
	reply->data = 0;
	return refuse_send(ctx, reply, MXG_CTR_REJECT_BROKEN);
}

/* Data, once the greeting has arrived. */
static __always_inline int refuse_command(struct xdp_md *ctx, const struct refuse_talk *talk,
					  const struct refuse_lens *lens, __u32 reason,
					  struct say_addr *addr, struct reply *reply)
{
	const __u32 line = (__u32)refuse_line_len(ctx, talk->at, talk->data);
	const __u32 verb = line ? refuse_verb(ctx, talk) : 0;

	reply->ack = talk->seq + talk->data + talk->is_fin;
	if (!line && refuse_may_end(ctx, talk))
		return refuse_send(ctx, reply, MXG_CTR_REJECT_ACKED);
	reply->flags |= PARSE_TCP_PSH;
	if (verb == REFUSE_WORD('q', 'u', 'i', 't')) {
		reply->flags |= PARSE_TCP_FIN;
		return refuse_say(ctx, reply, MXG_SAY_BYE, addr, MXG_CTR_REJECT_QUIT);
	}
	if (line != talk->data || talk->is_fin || refuse_is_enough(talk, lens))
		reply->flags |= PARSE_TCP_FIN;
	if (verb == REFUSE_WORD('e', 'h', 'l', 'o') || verb == REFUSE_WORD('h', 'e', 'l', 'o'))
		return refuse_say(ctx, reply, reason, addr, MXG_CTR_REJECT_TOLD);
	return refuse_say(ctx, reply, MXG_SAY_WRONG + reason, addr, MXG_CTR_REJECT_WRONG);
}

/* Writing it out takes longer than all else: who is greeted is seldom told his address. */
static __always_inline bool refuse_needs_address(const struct refuse_talk *talk)
{
	const struct mxg_say *greeting = say_get(MXG_SAY_GREETING);

	return talk->acked > 1 || (greeting && greeting->has_addr);
}

/* What is to become of a packet of a talk with a source that is refused for reason. */
static __noinline int refuse_answer(struct xdp_md *ctx, const struct refuse_talk *talk,
				    const struct source *source, __u32 reason)
{
	struct say_addr addr = {};
	struct refuse_lens lens;
	struct reply reply = {};
	enum refuse_step step;

	if (!talk || !source || !reply_is_whole(ctx))
		return XDP_PASS;
	if (refuse_needs_address(talk))
		say_address(source, &addr);
	if (!refuse_find_lens(reason, &addr, &lens))
		return XDP_PASS;
	step = refuse_step_of(talk, &lens);
	if (step == REFUSE_STRANGE)
		return XDP_PASS;
	reply.seq = talk->ack;
	reply.ack = talk->seq;
	reply.window = REFUSE_WINDOW;
	reply.flags = PARSE_TCP_ACK;
	/* Who has no room says so when he has; who is told all the same may answer for ever. */
	if (step == REFUSE_GREET && talk->window < lens.greeting)
		return refuse_keep_silent();
	if (step == REFUSE_GREET) {
		reply.flags |= PARSE_TCP_PSH;
		return refuse_say(ctx, &reply, MXG_SAY_GREETING, &addr, MXG_CTR_REJECT_GREETED);
	}
	if (step == REFUSE_COMMAND && talk->data)
		return refuse_command(ctx, talk, &lens, reason, &addr, &reply);
	if (!talk->data && !talk->is_fin)
		return refuse_keep_silent();
	reply.ack += talk->data + talk->is_fin;
	if (step == REFUSE_COMMAND)
		reply.flags |= PARSE_TCP_FIN;
	return refuse_send(ctx, &reply, MXG_CTR_REJECT_ACKED);
}

#endif
