/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SPAN_MAX_SEC (10ULL * 365 * 86400)

/* Writes the escape of one byte to out (at least 5 bytes); its length. */
static size_t escape_byte(unsigned char c, char *out)
{
	if (c == '\\' || c == '"') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= 0x20 && c <= 0x7e) {
		out[0] = (char)c;
		return 1;
	}
	return (size_t)snprintf(out, 5, "\\%03u", c);
}

const char *text_escape(const void *bytes, size_t len, char *buf, size_t size)
{
	const unsigned char *in = bytes;
	size_t used = 0, safe = 0, i, n;
	char one[5];

	for (i = 0; i < len; i++) {
		n = escape_byte(in[i], one);
		if (used + n >= size) {
			strcpy(buf + safe, "...");
			return buf;
		}
		memcpy(buf + used, one, n);
		used += n;
		if (used + 4 <= size)
			safe = used;
	}
	buf[used] = '\0';
	return buf;
}

bool text_is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	return true;
}

int text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0, digit;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		digit = (uint64_t)(*text - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int text_next_u32(char **rest, uint32_t least, uint32_t *ret)
{
	const char *word = strtok_r(NULL, " ", rest);
	uint64_t value;

	if (!word || text_to_u64(word, least, UINT32_MAX, &value) < 0)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

static const struct span_unit {
	char letter;
	uint64_t sec;
} SPAN_UNITS[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

#define SPAN_UNIT_COUNT (sizeof(SPAN_UNITS) / sizeof(SPAN_UNITS[0]))

int text_to_span(const char *text, uint64_t *ret_sec)
{
	uint64_t value, unit = 1;
	size_t len = strlen(text), i;
	char digits[24];
	int err;

	if (len == 0 || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len + 1);
	if (!isdigit((unsigned char)text[len - 1])) {
		for (i = 0; i < SPAN_UNIT_COUNT; i++)
			if (SPAN_UNITS[i].letter == text[len - 1])
				break;
		if (i == SPAN_UNIT_COUNT)
			return -EINVAL;
		unit = SPAN_UNITS[i].sec;
		digits[len - 1] = '\0';
	}
	err = text_to_u64(digits, 0, SPAN_MAX_SEC / unit, &value);
	if (err < 0)
		return err;
	*ret_sec = value * unit;
	return 0;
}

const char *text_from_span(uint64_t sec, char buf[static TEXT_SPAN_MAX])
{
	size_t i = SPAN_UNIT_COUNT - 1;

	/* Days at most: people say 14d, not 2w. */
	for (size_t k = 1; sec && k < SPAN_UNIT_COUNT; k++)
		if (sec % SPAN_UNITS[k].sec == 0) {
			i = k;
			break;
		}
	snprintf(buf, TEXT_SPAN_MAX, "%" PRIu64 "%c", sec / SPAN_UNITS[i].sec,
		 SPAN_UNITS[i].letter);
	return buf;
}

int text_to_moment(const char *text, int64_t now_sec, int64_t *ret_sec)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"};
	struct tm tm, check;
	const char *end;
	uint64_t span;
	time_t t;

	if (*text == '+') {
		if (text_to_span(text + 1, &span) < 0)
			return -EINVAL;
		*ret_sec = now_sec + (int64_t)span;
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		memset(&tm, 0, sizeof(tm));
		end = strptime(text, forms[i], &tm);
		if (!end || *end)
			continue;
		check = tm;
		t = timegm(&check);
		/* timegm() turns February 30th into March: that is not what was written. */
		if (check.tm_mday != tm.tm_mday || check.tm_mon != tm.tm_mon)
			return -EINVAL;
		*ret_sec = t;
		return 0;
	}
	return -EINVAL;
}

const char *text_from_moment(int64_t sec, char buf[static TEXT_MOMENT_MAX])
{
	time_t t = sec;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, TEXT_MOMENT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, TEXT_MOMENT_MAX, "@%" PRId64, sec);
	return buf;
}
