/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One line per event, as key=value, to standard error; with the journal behind
 * it (JOURNAL_STREAM) each line carries its priority as "<N>".
 *
 * Values that came from outside go through text_escape() first; log_line()
 * itself replaces any byte outside 0x20..0x7e, so no line can be broken in two.
 */
#ifndef MXGATE_BASE_LOG_H
#define MXGATE_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* who is written in front of each line ("mxgated[worker]"); a static string. */
void log_open(const char *who, enum log_level max);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
