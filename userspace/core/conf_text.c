/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/conf_text.h"

#include <string.h>

#define ZERO_BYTE "a zero byte: this is no text; save it as plain text"

void conf_text_init(struct conf_text *text, const char *bytes, size_t size)
{
	memset(text, 0, sizeof(*text));
	text->at = bytes;
	text->end = bytes + size;
	text->next_line = text->line = 1;
}

static enum conf_token wrong(struct conf_text *text, const char *why)
{
	text->why = why;
	text->at = text->end;
	return CONF_TOKEN_WRONG;
}

static bool begins(const struct conf_text *text, const char *with)
{
	size_t len = strlen(with);

	return (size_t)(text->end - text->at) >= len && memcmp(text->at, with, len) == 0;
}

static void skip_line(struct conf_text *text)
{
	while (text->at < text->end && *text->at && *text->at != '\n')
		text->at++;
}

/* False: it has no end. A zero byte is where that of any text is looked for. */
static bool skip_remark(struct conf_text *text)
{
	for (text->at += 2; text->at < text->end; text->at++) {
		if (!*text->at)
			return true;
		if (begins(text, "*/")) {
			text->at += 2;
			return true;
		}
		text->next_line += *text->at == '\n';
	}
	return false;
}

/* False: a remark has no end; the line is that of its beginning. */
static bool skip_blanks(struct conf_text *text)
{
	for (;;) {
		text->line = text->next_line;
		if (text->at == text->end || !*text->at)
			return true;
		if (*text->at == '#' || begins(text, "//")) {
			skip_line(text);
		} else if (begins(text, "/*")) {
			if (!skip_remark(text))
				return false;
		} else if (strchr(" \t\r\n", *text->at)) {
			text->next_line += *text->at++ == '\n';
		} else {
			return true;
		}
	}
}

static bool put(struct conf_text *text, size_t *used, char c)
{
	if (*used + 1 >= sizeof(text->word))
		return false;
	text->word[(*used)++] = c;
	text->word[*used] = '\0';
	return true;
}

/* A backslash makes a quote or a backslash a part of the word, and is one elsewhere. */
static enum conf_token read_quoted(struct conf_text *text, size_t *used)
{
	char quote = *text->at++;

	for (; text->at < text->end && *text->at && *text->at != '\n'; text->at++) {
		if (*text->at == quote) {
			text->at++;
			return CONF_TOKEN_WORD;
		}
		if (*text->at == '\\' && text->at + 1 < text->end &&
		    (text->at[1] == quote || text->at[1] == '\\'))
			text->at++;
		if (!put(text, used, *text->at))
			return wrong(text, "the text in quotes is longer than any value may be");
	}
	if (text->at < text->end && !*text->at)
		return wrong(text, ZERO_BYTE);
	return wrong(text, "a quote is opened and not closed in this line; close it");
}

static bool is_sign(const struct conf_text *text)
{
	return strchr("={}(),", *text->at) || begins(text, "+=");
}

static enum conf_token read_bare(struct conf_text *text, size_t *used)
{
	for (; text->at < text->end && *text->at; text->at++) {
		if (strchr(" \t\r\n#\"'", *text->at) || is_sign(text))
			break;
		if (!put(text, used, *text->at))
			return wrong(text, "a word is longer than any value may be");
	}
	return CONF_TOKEN_WORD;
}

static enum conf_token read_sign(struct conf_text *text, size_t *used)
{
	static const char signs[] = "={}(),";
	static const enum conf_token tokens[] = {CONF_TOKEN_SET,   CONF_TOKEN_OPEN,
						 CONF_TOKEN_CLOSE, CONF_TOKEN_LEFT,
						 CONF_TOKEN_RIGHT, CONF_TOKEN_COMMA};
	char sign;

	if (begins(text, "+=")) {
		put(text, used, '+');
		put(text, used, '=');
		text->at += 2;
		return CONF_TOKEN_ADD;
	}
	sign = *text->at++;
	put(text, used, sign);
	return tokens[strchr(signs, sign) - signs];
}

enum conf_token conf_text_next(struct conf_text *text)
{
	size_t used = 0;

	text->word[0] = '\0';
	if (!skip_blanks(text))
		return wrong(text, "a comment is opened with /* and nowhere closed; write */");
	if (text->at == text->end)
		return CONF_TOKEN_END;
	if (!*text->at)
		return wrong(text, ZERO_BYTE);
	if (*text->at == '"' || *text->at == '\'')
		return read_quoted(text, &used);
	return is_sign(text) ? read_sign(text, &used) : read_bare(text, &used);
}

enum conf_token conf_text_peek(const struct conf_text *text)
{
	struct conf_text copy = *text;

	return conf_text_next(&copy);
}
