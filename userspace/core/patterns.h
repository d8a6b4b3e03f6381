/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The operator's own patterns for reverse names: Perl-compatible regular expressions,
 * one a line, each with what it says about a name that it matches.
 *
 *     # a comment
 *     generic   ^cpe-\d+\.lines\.example\.net$
 *     ordinary  \.colo\.example\.net$
 *
 * A set is compiled once and then only read. Pure: it opens no file (io/patternfile
 * does) and logs nothing. A match has hard limits, so that no name and no pattern can
 * hold a process up; where they end a match, the name is ordinary.
 */
#ifndef MXGATE_CORE_PATTERNS_H
#define MXGATE_CORE_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERNS_MAX     2000
#define PATTERN_LINE_MAX 1024 /* bytes of a line */
#define PATTERN_AT_MAX   272  /* "FILE:LINE" */
#define PATTERN_WHY_MAX  1024

struct patterns;

enum pattern_says {
	PATTERN_NOTHING, /* no pattern matches */
	PATTERN_GENERIC,
	PATTERN_ORDINARY,
};

struct pattern_match {
	enum pattern_says says;
	char at[PATTERN_AT_MAX]; /* FILE:LINE of the pattern, or "" */
	bool gave_up;            /* it ran into its limit: ordinary, for want of an answer */
};

/* An empty set, which the caller frees; NULL when out of memory. free takes NULL. */
struct patterns *patterns_new(void);
void patterns_free(struct patterns *patterns);

/*
 * Adds what a file says; name is only for FILE:LINE. 0, or -EINVAL, -E2BIG (more than
 * PATTERNS_MAX), -ENOMEM with one line in why, "FILE:LINE: what is wrong; what to do".
 * After an error the set is good for nothing but patterns_free().
 */
int patterns_add(struct patterns *patterns, const char *name, const char *text, size_t size,
		 char why[static PATTERN_WHY_MAX]);

size_t patterns_count(const struct patterns *patterns);

/* Changes when any pattern or its sign does; 0 for an empty set. */
uint64_t patterns_fingerprint(const struct patterns *patterns);

/*
 * What the set says about name: the first `ordinary` pattern that matches, else the
 * first `generic` one. patterns may be NULL. Not for two threads at once on one set.
 */
void patterns_find(const struct patterns *patterns, const char *name, struct pattern_match *ret);

#endif
