/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a refused client is told (action "reject"): from an operator's sentence to the
 * line of SMTP that the gate sends, CRLF and all, with a gap for the client's address.
 *
 * Pure. The gate copies and fills the gap, so whatever can be wrong with a text is found
 * here: a byte that is not printable ASCII, no reply code (RFC 5321 §4.2), no code of
 * RFC 3463 behind it or one of another class (RFC 2034 §4), more than has room.
 */
#ifndef MXGATE_CORE_REFUSAL_H
#define MXGATE_CORE_REFUSAL_H

#include <mxgate/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define REFUSAL_TEXT_MAX 256 /* what an operator writes, with NUL */

/* In a text: the client's address, and what url says. */
#define REFUSAL_ADDRESS "{address}"
#define REFUSAL_URL     "{url}"

#define REFUSAL_BUDGET_MAX 127

struct refusal_conf {
	char host[REFUSAL_TEXT_MAX]; /* in the greeting; empty: this machine's name */
	char url[REFUSAL_TEXT_MAX];  /* empty: {url} vanishes, and the blank before it */
	char text[MXG_REASON_MAX][REFUSAL_TEXT_MAX]; /* of REFUSAL_REASONS */
	uint32_t budget; /* hits of a verdict that are answered; 0: all of them */
};

/* For which a source can be told something. */
#define REFUSAL_REASON_COUNT 4
extern const enum mxg_reason REFUSAL_REASONS[REFUSAL_REASON_COUNT];

/* A reply of one line, right by itself, whatever url may be. */
bool refusal_text_is_valid(const char *text);

/* A scheme, a colon and something; no blank, and no brace but those of {address}. */
bool refusal_url_is_valid(const char *text);

/*
 * What a server may greet with: a name with its domain (RFC 5321 §2.3.5), of letters, digits
 * and hyphens, or its address as a literal (§4.1.3).
 */
bool refusal_host_is_valid(const char *text);

/*
 * The line for who is refused for this reason; conf's texts and url must be valid. 0;
 * -EINVAL: text and url have more than one {address}; -E2BIG: there is no room for it,
 * with *ret_len, if not NULL, the bytes it has with the longest address and without
 * CRLF. *ret is untouched then.
 */
int refusal_line(const struct refusal_conf *conf, enum mxg_reason reason, struct mxg_say *ret,
		 size_t *ret_len);

/* What REFUSAL_LINE_MAX and MXG_SAY_PART allow, in words for people. */
#define REFUSAL_LINE_MAX (MXG_SAY_MAX - 2) /* without CRLF */

/*
 * The 220 greeting with conf's host, or if that is empty machine's, or if that is
 * no name, "localhost". 220, as a client that is greeted with 554 may try again
 * and again, and nobody is told why (RFC 5321 §3.1 says where 554 is to be expected).
 */
void refusal_greeting(const struct refusal_conf *conf, const char *machine, struct mxg_say *ret);

/* 221 to QUIT. */
void refusal_bye(struct mxg_say *ret);

/*
 * To what is out of turn, and to what cannot be told to be a command at all: the line of
 * refusal_line() once more, with 503 (RFC 5321 §3.1) in the place of its code, since the
 * client may have asked in parts and has not been told yet. A refusal for the time being
 * keeps its code, or it would be made one for good. As long as that line; its errors.
 */
int refusal_wrong(const struct refusal_conf *conf, enum mxg_reason reason, struct mxg_say *ret);

/* Fills in the sums of its parts, which the others here have done. */
void refusal_seal(struct mxg_say *say);

/* What the gate makes of a line for this client, without CRLF. Returns buf. */
const char *refusal_format(const struct mxg_say *say, const struct addr *addr,
			   char buf[static MXG_SAY_MAX + 1]);

#endif
