/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads a query and writes the reply that a rule wants, right or wrong.
 *
 * Never reads outside the query. A reply that does not fit 65,535 octets is
 * refused, not cut: a rule that should cut says so.
 */
#ifndef TESTS_HOSTILE_REPLY_H
#define TESTS_HOSTILE_REPLY_H

#include <stddef.h>

#include "script.h"

#define REPLY_MAX 65535

struct reply {
	uint8_t bytes[REPLY_MAX];
	size_t len;
};

/* What a message asks; false when it is no query with one question. */
bool reply_read_query(const uint8_t *msg, size_t len, struct script_query *ret);

/*
 * The reply of rule to the query in msg; NULL for a rule answers REFUSED. Over UDP
 * one that the asker has no room for is cut down to its question, with TC set.
 * False after saying why when the rule makes what no message can hold.
 */
bool reply_write(const struct script_rule *rule, const struct script_query *query,
		 const uint8_t *msg, size_t len, struct reply *reply);

#endif
