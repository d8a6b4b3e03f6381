/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The words and signs of a configuration file, each with the line it begins in: words
 * with or without quotes, = += { } ( ) and the comma; # and // begin a comment that ends
 * with its line, and what is between slash-star and star-slash is one, too.
 *
 * Pure: it knows no key, opens no file, and keeps nothing from one text to the next.
 */
#ifndef MXGATE_CORE_CONF_TEXT_H
#define MXGATE_CORE_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define CONF_WORD_MAX 512 /* with NUL: more than any value may have */

enum conf_token {
	CONF_TOKEN_END,
	CONF_TOKEN_WORD,
	CONF_TOKEN_SET, /* = */
	CONF_TOKEN_ADD, /* += */
	CONF_TOKEN_OPEN,
	CONF_TOKEN_CLOSE,
	CONF_TOKEN_LEFT, /* ( */
	CONF_TOKEN_RIGHT,
	CONF_TOKEN_COMMA,
	CONF_TOKEN_WRONG /* why says what it is and what to do; there is nothing behind it */
};

struct conf_text {
	const char *at, *end;
	unsigned int next_line; /* the one that at is in */
	/* Of the token that was read last: */
	unsigned int line;
	char word[CONF_WORD_MAX]; /* or the sign as it is written; "" at the end */
	const char *why;
};

/* bytes stay the caller's and must be there until the last token was read. */
void conf_text_init(struct conf_text *text, const char *bytes, size_t size);

enum conf_token conf_text_next(struct conf_text *text);

/* What comes next, which stays there. */
enum conf_token conf_text_peek(const struct conf_text *text);

#endif
