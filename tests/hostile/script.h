/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The script of the hostile name server: rules, each with a pattern of queries and
 * what is done with them. README.md has the grammar.
 *
 * Reads a whole file or refuses it with its line; what was read never changes.
 * Knows names and records as text and octets, not messages.
 */
#ifndef TESTS_HOSTILE_SCRIPT_H
#define TESTS_HOSTILE_SCRIPT_H

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define SCRIPT_TYPES_MAX 8
#define SCRIPT_ANY       UINT32_MAX

enum script_section {
	SECTION_ANSWER,
	SECTION_AUTHORITY,
	SECTION_ADDITIONAL,
	SECTION_MAX
};

/* A record; its owner and rdata are text until the query is known. */
struct script_record {
	enum script_section section;
	char *owner; /* "@" is the name asked, "hex:..." octets */
	uint32_t ttl;
	uint16_t rclass;
	uint16_t type;
	char *rdata;
	uint32_t rdlength;    /* what the record claims, or SCRIPT_ANY: the truth */
	uint32_t first, last; /* made once for each number, which replaces %n, %N, %h, %l */
	struct script_record *next;
};

enum script_question {
	QUESTION_COPY,
	QUESTION_NONE,
	QUESTION_OTHER,
	QUESTION_TWICE,
};

struct script_rule {
	/* which queries */
	char *name; /* lower case, no final dot; "*", "*.zone" */
	uint16_t types[SCRIPT_TYPES_MAX];
	unsigned int type_count; /* 0: any */
	bool only_udp, only_tcp;
	bool only_edns, only_plain;
	struct addr at;              /* family 0: anywhere */
	uint32_t seen_min, seen_max; /* 1 is the first query for this name and type */

	/* what is done */
	bool drop, close, wrong_id, wrong_source, shuffle;
	uint32_t delay_ms;
	uint16_t flags; /* of the header, without rcode and opcode */
	uint16_t rcode;
	uint16_t opcode;
	enum script_question question;
	char *question_name;
	uint16_t question_type;
	uint32_t opts;                /* OPT records, or SCRIPT_ANY: one for one */
	uint32_t counts[SECTION_MAX]; /* what the header claims, or SCRIPT_ANY: the truth */
	uint32_t cut;                 /* octets sent, or SCRIPT_ANY: all */
	uint32_t noise;               /* random octets after the ID; 0: none */
	char *raw;                    /* hex of what follows the ID, or NULL */
	char *reflect;                /* zone of the names made from addresses, or NULL */
	struct script_record *records, **tail;
	struct script_rule *next;
};

struct script_query {
	char name[NS_MAXDNAME]; /* lower case, no final dot; the root is "" */
	uint16_t type;
	bool is_tcp;
	bool has_edns;
	struct addr at;
	uint32_t seen;
};

struct script;

/* NULL after saying on standard error what is wrong and where. */
struct script *script_read(const char *path);
void script_free(struct script *script);

/* The first rule that matches, or NULL. */
const struct script_rule *script_find(const struct script *script,
				      const struct script_query *query);

/* "PTR", or "TYPE65280"; buf has 16 octets. 0 when text is no type. */
const char *script_type_name(uint16_t type, char *buf);
uint16_t script_type_parse(const char *text);

#endif
