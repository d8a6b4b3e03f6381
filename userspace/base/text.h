/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Text that came from outside, made safe to show, and numbers that people wrote.
 * Pure: no I/O; the caller owns every buffer.
 */
#ifndef MXGATE_BASE_TEXT_H
#define MXGATE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies len bytes to buf so that only 0x20..0x7e remain: the rest, the
 * backslash and the double quote become \DDD, \\ and \". Always terminated;
 * text that does not fit ends in "...". size must be at least 8. Returns buf.
 */
const char *text_escape(const void *bytes, size_t len, char *buf, size_t size);

/* True if every byte is in 0x20..0x7e. */
bool text_is_printable(const char *text);

/* Whole number in [min, max], decimal digits only. 0 or -EINVAL, -ERANGE. */
int text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/*
 * The next word of a line that strtok_r() is cutting at blanks, as a number of at least least.
 * 0 or -EBADMSG.
 */
int text_next_u32(char **rest, uint32_t least, uint32_t *ret);

/*
 * A span of time: digits with an optional unit s, m, h, d or w; seconds without
 * one ("90", "15m", "24h"). In seconds. 0 or -EINVAL, -ERANGE (above 10 years).
 */
int text_to_span(const char *text, uint64_t *ret_sec);

#define TEXT_SPAN_MAX 24
/* The shortest exact form of a span ("1h", "90s"). Returns buf. */
const char *text_from_span(uint64_t sec, char buf[static TEXT_SPAN_MAX]);

/*
 * A moment: "2026-12-31", "2026-12-31T18:00:00Z" or "2026-12-31T18:00Z" (UTC,
 * RFC 3339), or "+SPAN" from now_sec. In seconds since the epoch. 0 or -EINVAL.
 */
int text_to_moment(const char *text, int64_t now_sec, int64_t *ret_sec);

#define TEXT_MOMENT_MAX 32
/* RFC 3339 in UTC, to the second ("2026-12-31T18:00:00Z"). Returns buf. */
const char *text_from_moment(int64_t sec, char buf[static TEXT_MOMENT_MAX]);

#endif
