/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/refusal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define CRLF      "\r\n"
#define HOST_MAX  100 /* leaves room for the rest of the greeting */
#define LABEL_MAX 63
#define BYE       "221 2.0.0 Bye"
#define WRONG     "503"

const enum mxg_reason REFUSAL_REASONS[REFUSAL_REASON_COUNT] = {
	MXG_REASON_NO_PTR, MXG_REASON_UNCONFIRMED, MXG_REASON_GENERIC, MXG_REASON_DENY};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- what an operator may write --------------------------------------------------- */

/* Up to three digits; NULL if there is none, or a fourth. */
static const char *skip_number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n >= 1 && n <= 3 ? text + n : NULL;
}

/* "554 5.7.25 ": what stands behind it; NULL: it does not begin so. */
static const char *skip_codes(const char *text)
{
	const char *at;

	if ((text[0] != '4' && text[0] != '5') || text[1] < '0' || text[1] > '5' ||
	    !is_digit(text[2]) || text[3] != ' ' || text[4] != text[0] || text[5] != '.')
		return NULL;
	at = skip_number(text + 6);
	if (!at || *at != '.')
		return NULL;
	at = skip_number(at + 1);
	return at && *at == ' ' ? at + 1 : NULL;
}

/* Each of the two at most once, and no other brace. */
static bool has_good_braces(const char *text, bool may_have_url)
{
	unsigned int addresses = 0, urls = 0;

	for (text += strcspn(text, "{}"); *text; text += strcspn(text, "{}")) {
		if (strncmp(text, REFUSAL_ADDRESS, strlen(REFUSAL_ADDRESS)) == 0) {
			text += strlen(REFUSAL_ADDRESS);
			addresses++;
		} else if (strncmp(text, REFUSAL_URL, strlen(REFUSAL_URL)) == 0) {
			text += strlen(REFUSAL_URL);
			urls++;
		} else {
			return false;
		}
	}
	return addresses <= 1 && urls <= (may_have_url ? 1 : 0);
}

bool refusal_text_is_valid(const char *text)
{
	const char *sentence;

	if (strlen(text) >= REFUSAL_TEXT_MAX || !text_is_printable(text))
		return false;
	sentence = skip_codes(text);
	return sentence && *sentence && *sentence != ' ' && has_good_braces(sentence, true);
}

bool refusal_url_is_valid(const char *text)
{
	size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	return strlen(text) < REFUSAL_TEXT_MAX && scheme > 0 && text[scheme] == ':' &&
	       text[scheme + 1] && text_is_printable(text) && !strchr(text, ' ') &&
	       has_good_braces(text, false);
}

static bool is_label(const char *text, size_t len)
{
	if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-')
			return false;
	return true;
}

/* Labels of letters, digits and hyphens; *ret_last: where the last of them begins. */
static bool is_name(const char *text, const char **ret_last)
{
	if (strlen(text) > HOST_MAX)
		return false;
	for (;; text++) {
		size_t len = strcspn(text, ".");

		if (!is_label(text, len))
			return false;
		*ret_last = text;
		text += len;
		if (!*text)
			return true;
	}
}

/* "[192.0.2.25]" or "[IPv6:2001:db8::25]". */
static bool is_literal(const char *text)
{
	static const char tag[] = "[IPv6:";
	bool six = strncasecmp(text, tag, strlen(tag)) == 0;
	const char *begin = text + (six ? strlen(tag) : 1);
	size_t len = strlen(begin);
	char copy[ADDR_TEXT_MAX];
	struct addr addr;

	if (*text != '[' || len < 2 || len > sizeof(copy) || begin[len - 1] != ']')
		return false;
	memcpy(copy, begin, len - 1);
	copy[len - 1] = '\0';
	return (strchr(copy, ':') != NULL) == six && addr_parse(copy, &addr) == 0;
}

bool refusal_host_is_valid(const char *text)
{
	const char *last = text;

	if (*text == '[')
		return is_literal(text);
	/* 192.0.2.25 looks like a name, but no domain has only digits (RFC 3696 §2). */
	return is_name(text, &last) && last != text && last[strspn(last, "0123456789")];
}

/* --- what is made of it ------------------------------------------------------------- */

/* A text and a url, with room for any two of them. */
struct line {
	char text[2 * REFUSAL_TEXT_MAX];
	size_t len;
};

static void append(struct line *line, const char *text, size_t len)
{
	memcpy(line->text + line->len, text, len);
	line->len += len;
	line->text[line->len] = '\0';
}

static void expand(const char *text, const char *url, struct line *ret)
{
	const char *at = strstr(text, REFUSAL_URL);
	size_t before = at ? (size_t)(at - text) : strlen(text);

	ret->len = 0;
	append(ret, text, before);
	if (!at)
		return;
	if (!*url && ret->len && ret->text[ret->len - 1] == ' ')
		ret->len--;
	append(ret, url, strlen(url));
	append(ret, at + strlen(REFUSAL_URL), strlen(at + strlen(REFUSAL_URL)));
}

/* before or after, whole and with zeros behind it. */
static bool put_part(const char *text, size_t len, __u8 *ret_len, char part[static MXG_SAY_PART])
{
	if (len > MXG_SAY_PART)
		return false;
	memcpy(part, text, len);
	*ret_len = (__u8)len;
	return true;
}

/* Of zeros behind the part there may be any number. */
static uint16_t sum_of(const char part[static MXG_SAY_PART])
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < MXG_SAY_PART; i += sizeof(word)) {
		memcpy(&word, part + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void refusal_seal(struct mxg_say *say)
{
	say->head.before_sum = sum_of(say->before);
	say->head.after_sum = sum_of(say->after);
}

/* A line without an address; one that is longer than a part goes on in the other. */
static bool say_plain(const char *text, size_t len, struct mxg_say *ret)
{
	size_t first = len < MXG_SAY_PART ? len : MXG_SAY_PART;

	memset(ret, 0, sizeof(*ret));
	if (len > MXG_SAY_MAX || !put_part(text, first, &ret->head.before_len, ret->before) ||
	    !put_part(text + first, len - first, &ret->head.after_len, ret->after))
		return false;
	refusal_seal(ret);
	return true;
}

static bool say_split(const char *text, const char *address, struct mxg_say *ret)
{
	const char *after = address + strlen(REFUSAL_ADDRESS);
	size_t len = (size_t)(address - text) + strlen(after);

	memset(ret, 0, sizeof(*ret));
	ret->head.has_addr = 1;
	if (len > MXG_SAY_MAX - MXG_SAY_ADDR ||
	    !put_part(text, (size_t)(address - text), &ret->head.before_len, ret->before) ||
	    !put_part(after, strlen(after), &ret->head.after_len, ret->after))
		return false;
	refusal_seal(ret);
	return true;
}

int refusal_line(const struct refusal_conf *conf, enum mxg_reason reason, struct mxg_say *ret,
		 size_t *ret_len)
{
	struct mxg_say say;
	struct line line;
	char *address;
	bool fits;

	expand(conf->text[reason], conf->url, &line);
	address = strstr(line.text, REFUSAL_ADDRESS);
	if (address && strstr(address + 1, REFUSAL_ADDRESS))
		return -EINVAL;
	if (ret_len)
		*ret_len = line.len + (address ? MXG_SAY_ADDR - strlen(REFUSAL_ADDRESS) : 0);
	append(&line, CRLF, 2);
	fits = address ? say_split(line.text, address, &say) : say_plain(line.text, line.len, &say);
	if (!fits)
		return -E2BIG;
	*ret = say;
	return 0;
}

void refusal_greeting(const struct refusal_conf *conf, const char *machine, struct mxg_say *ret)
{
	const char *host = *conf->host ? conf->host : machine, *last;
	char text[HOST_MAX + 16];

	/* A machine may not know its domain; whoever writes a name down should. */
	if (!*conf->host && !is_name(host, &last))
		host = "localhost";
	snprintf(text, sizeof(text), "220 %.*s ESMTP" CRLF, HOST_MAX, host);
	say_plain(text, strlen(text), ret);
}

void refusal_bye(struct mxg_say *ret)
{
	say_plain(BYE CRLF, sizeof(BYE CRLF) - 1, ret);
}

int refusal_wrong(const struct refusal_conf *conf, enum mxg_reason reason, struct mxg_say *ret)
{
	struct mxg_say say;
	int err = refusal_line(conf, reason, &say, NULL);

	if (err < 0)
		return err;
	if (say.before[0] == '5')
		memcpy(say.before, WRONG, sizeof(WRONG) - 1);
	refusal_seal(&say);
	*ret = say;
	return 0;
}

const char *refusal_format(const struct mxg_say *say, const struct addr *addr,
			   char buf[static MXG_SAY_MAX + 1])
{
	char text[ADDR_TEXT_MAX] = "";
	size_t len;

	if (say->head.has_addr)
		addr_format(addr, text);
	snprintf(buf, MXG_SAY_MAX + 1, "%.*s%s%.*s", say->head.before_len, say->before, text,
		 say->head.after_len, say->after);
	len = strcspn(buf, "\r");
	buf[len] = '\0';
	return buf;
}
