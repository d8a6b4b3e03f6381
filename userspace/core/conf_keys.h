/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of configuration keys, and what one value of a key may be: shared by the
 * reader (conf_reader.c, conf_check.c) and the printer (conf_print.c), and by nobody else.
 */
#ifndef MXGATE_CORE_CONF_KEYS_H
#define MXGATE_CORE_CONF_KEYS_H

#include <stddef.h>

#include "core/conf.h"

enum conf_key_type {
	KEY_CHOICE, /* uint32_t: index into allowed, names separated by '|' */
	KEY_NUMBER, /* uint32_t in [min, max] */
	KEY_SPAN,   /* uint32_t seconds in [min, max] */
	KEY_TEXT,   /* char[CONF_TEXT_MAX] of 1 byte at least, allowed: what it is */
	KEY_PATH,   /* the same, absolute */
	KEY_HOST,   /* char[CONF_TEXT_MAX], may be empty: this and the next two: core/refusal.h */
	KEY_URL,    /* the same */
	KEY_REPLY,  /* of 1 byte at least */
	KEY_IFACES, /* list of interface names */
	KEY_PORTS,  /* list of ports */
	KEY_NETS,   /* list of addresses and prefixes, struct prefix */
	KEY_SERVERS,
	KEY_HOSTS,  /* list of addresses and host names, struct canary_host */
	KEY_PATHS,  /* list of absolute paths, char[CONF_TEXT_MAX] each */
	KEY_ACTION, /* enum mxg_action of a policy row */
	KEY_FLAG,   /* bool of a policy row */
};

struct conf_key {
	const char *section; /* "" for the top level */
	const char *name;
	enum conf_key_type type;
	size_t offset; /* in struct conf, or in struct policy_row for "policy" */
	uint64_t min, max;
	const char *allowed;
	const char *preset; /* default; NULL in policy rows, whose defaults are policy.c's */
	const char *help;
};

/* Upper bounds for arrays; the counts below are exact. */
#define CONF_KEY_MAX     64
#define CONF_SECTION_MAX 9

extern const struct conf_key CONF_KEYS[];
extern const size_t CONF_KEY_COUNT;

/* The sections, "policy" (one per row) the last. */
extern const char *const CONF_SECTIONS[];
extern const size_t CONF_SECTION_COUNT;

/* The rows of the policy that a configuration can set. */
#define CONF_POLICY_ROW_COUNT 5
#define CONF_POLICY_ROW_NAMES "pass, no-ptr, unconfirmed, generic, temperror"
extern const enum mxg_reason CONF_POLICY_ROWS[CONF_POLICY_ROW_COUNT];

/* NULL if there is none. */
const struct conf_key *conf_key_find(const char *section, const char *name);

bool conf_key_is_list(const struct conf_key *key);

/* Where conf counts the elements of a list key; NULL for other keys. */
unsigned int *conf_key_count(const struct conf_key *key, struct conf *conf);

/*
 * Checks text for key and writes it to at; n is the index within a list, whose elements
 * before that are there already. 0; -EEXIST when the list has it; -E2BIG when it is full; or
 * -EINVAL and, if there is more to say than "not allowed", *ret_why a static sentence.
 */
int conf_key_store(const struct conf_key *key, const char *text, unsigned int n, void *at,
		   const char **ret_why);

#define CONF_ALLOWED_MAX 192
/* What may stand there, in words, for error lines and the man page. */
void conf_key_allowed(const struct conf_key *key, char *buf, size_t size);

/* The name of choice number index out of "a|b|c". */
void conf_key_choice(const char *allowed, uint32_t index, char *buf, size_t size);

#endif
