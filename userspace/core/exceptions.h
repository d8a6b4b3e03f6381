/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The operator's exceptions in memory: a binary trie over prefixes for each
 * family. Answers "which exception applies to this address" the way the gate's
 * LPM trie does: the longest matching prefix; for one prefix an allow beats a
 * deny. Pure: no clock (now_sec is an argument), no I/O, no logging.
 */
#ifndef MXGATE_CORE_EXCEPTIONS_H
#define MXGATE_CORE_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define EXCEPTION_TEXT_MAX 256 /* owner, ticket, reason each, with NUL */

enum exception_kind {
	EXCEPTION_ALLOW = 1,
	EXCEPTION_DENY = 2
};

struct exception {
	uint32_t id; /* from the store, never reused */
	enum exception_kind kind;
	struct prefix prefix;
	int64_t created_sec; /* wall time */
	int64_t expires_sec; /* wall time; 0: never */
	char owner[EXCEPTION_TEXT_MAX];
	char ticket[EXCEPTION_TEXT_MAX]; /* "" if none */
	char reason[EXCEPTION_TEXT_MAX];
	char created_by[EXCEPTION_TEXT_MAX]; /* "uid=0(root)" */
};

struct exceptions;

/* NULL when out of memory. */
struct exceptions *exceptions_new(void);
void exceptions_free(struct exceptions *set);

/*
 * Adds a copy. 0; -EEXIST when the same prefix and kind is there already (also
 * an expired one); -ENOMEM.
 */
int exceptions_put(struct exceptions *set, const struct exception *exception);

/* Removes by number. 0 or -ENOENT. */
int exceptions_del(struct exceptions *set, uint32_t id);

/* The one with this number, or this prefix and kind; NULL if none. Valid until the next change. */
const struct exception *exceptions_get(const struct exceptions *set, uint32_t id);
const struct exception *exceptions_find(const struct exceptions *set, const struct prefix *prefix,
					enum exception_kind kind);

/*
 * The one that rules for addr at now_sec: among the unexpired ones that contain
 * it, the longest prefix, allow before deny. NULL if none.
 */
const struct exception *exceptions_match(const struct exceptions *set, const struct addr *addr,
					 int64_t now_sec);

/*
 * The one that the gate should hold for exactly this prefix at now_sec: the
 * allow if it has not expired, else the deny if that has not. NULL if none.
 */
const struct exception *exceptions_effective(const struct exceptions *set,
					     const struct prefix *prefix, int64_t now_sec);

size_t exceptions_count(const struct exceptions *set);

/* Calls fn for each, by number; stops and returns what fn returned when not 0. */
int exceptions_each(const struct exceptions *set,
		    int (*fn)(const struct exception *exception, void *user), void *user);

#endif
