/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The other side of the refusal responder: a client that is refused, made of single
 * frames, and an observer that takes each answer apart to the last bit. It works out the
 * cookie from the paper on SipHash and addresses by the C library, and shares neither with
 * the gate. Any answer that no host would take fails the test.
 */
#ifndef MXGATE_TESTS_TALK_H
#define MXGATE_TESTS_TALK_H

#include <stdint.h>

#include <mxgate/abi.h>
#include "gate.h"
#include "packet.h"

#define TALK_GREETING "220 mx.example.org ESMTP\r\n"
#define TALK_BEFORE   "554 5.7.25 No reverse DNS for "
#define TALK_AFTER    "; see https://example.org/why\r\n"
#define TALK_PLAIN    "554 5.7.25 Reverse DNS not confirmed\r\n"
#define TALK_BYE      "221 2.0.0 Bye\r\n"
#define TALK_WRONG    "503 5.7.25 No reverse DNS for " /* and the same behind it */

#define TALK_SEQ 0x7ffffff0U /* of the client; not far from where signs change */

struct talk {
	struct gate *gate;
	struct packet_spec spec; /* of the client: family, host, tags, options */
	struct mxg_secret secret[2];
};

/* What was sent back. */
struct talk_answer {
	uint32_t action; /* of XDP; the rest is of an XDP_TX */
	uint32_t seq, ack;
	uint16_t window, mss;
	uint8_t flags;
	size_t len; /* of text */
	char text[512];
};

/*
 * A gate that rejects, with texts and secrets, the hosts of gate_fill_hosts(), and a
 * rejecting verdict (no-ptr) for the client. gate is loaded with gate_load_reject().
 */
void talk_init(struct talk *talk, struct gate *gate, unsigned int family, unsigned int host);

void talk_set_verdict(struct talk *talk, uint8_t action, uint8_t reason);
/* Two of them. */
void talk_set_secrets(struct gate *gate, const struct mxg_secret *secret);
void talk_set_say(struct gate *gate, uint32_t slot, const char *before, const char *after,
		  bool has_addr);
/* The line of a reason, which has a code of three digits, and the same with 503. */
void talk_set_reason(struct gate *gate, uint32_t reason, const char *before, const char *after,
		     bool has_addr);
void talk_put_say(struct gate *gate, uint32_t slot, const struct mxg_say *say);

uint32_t talk_slot(void);

/* The number of this client's connection in a slot. */
uint32_t talk_cookie(const struct talk *talk, uint32_t slot);

/* Whether this very frame acknowledges what the gate may have sent to where it is from. */
bool talk_is_proven(const struct talk *talk, const struct packet *pkt);

/* The client's frame. data may be NULL. */
void talk_build(const struct talk *talk, uint8_t flags, uint32_t seq, uint32_t ack,
		const char *data, struct packet *ret);

/* Whether a host takes this answer to the frame: whether its TCP checksum is right. */
bool talk_is_taken(const struct talk *talk, const struct packet *pkt, const struct packet *out);

/* Reads an answer to the frame, which was sent back. */
void talk_read(const struct talk *talk, const struct packet *pkt, const struct packet *out,
	       struct talk_answer *ret);
/* Runs the frame and reads the answer. */
void talk_run(const struct talk *talk, const struct packet *pkt, struct talk_answer *ret);
/* talk_build() and talk_run(). */
void talk_send(const struct talk *talk, uint8_t flags, uint32_t seq, uint32_t ack, const char *data,
	       struct talk_answer *ret);

/* What the client is told for no-ptr. */
const char *talk_refusal(const struct talk *talk);
/* The same as the answer to other commands. Either is good until it is asked for again. */
const char *talk_wrong(const struct talk *talk);

#endif
