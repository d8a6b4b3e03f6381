/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The IPv6 networks that are judged as one (core/rollup.h), where the configuration wants
 * that: which answers count, and the gate's table of them, which nobody else writes. Who was
 * good is known from the start. What an earlier worker rolled up is handed over at its orderly
 * end, within one boot, but for where DNS is in trouble; else it is forgotten, which is milder.
 */
#ifndef MXGATE_DAEMON_ROLLUPS_H
#define MXGATE_DAEMON_ROLLUPS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/iprev.h"
#include "core/policy.h"
#include "core/rollup.h"
#include "core/table.h"

struct worker;

struct rollups {
	struct rollup *rollup;  /* NULL: none is ever rolled up */
	unsigned int in_gate;   /* entries of the gate's table */
	uint64_t begun, undone; /* undone: by a good one */
};

/* History, breaker and tables must be there. 0 or -errno; done takes half of it. */
int rollups_init(struct worker *worker);
/* What the worker before this one has handed over; when the gate may be told of it. */
void rollups_load(struct worker *worker);
/* At the end, while there is a store: for the worker after this one. */
void rollups_save(struct worker *worker);
void rollups_done(struct worker *worker);

/* addr was found good. */
void rollups_on_good(struct worker *worker, const struct addr *addr, uint32_t now_sec);
/* What was made of a report that is no pass. */
void rollups_on_report(struct worker *worker, const struct iprev_report *report,
		       const struct policy_decision *decision, uint32_t now_sec);
/* Takes out of the gate's table what has run out; now and then. */
void rollups_expire(struct worker *worker);
/* Nothing that was found inside prefix (NULL: anywhere) counts any more. */
void rollups_forget(struct worker *worker, const struct prefix *prefix);

/*
 * True if this refusal is to go: it came sooner for its network, in which a good one has been
 * found since.
 */
bool rollups_is_undone(const struct worker *worker, const struct table_entry *entry);

/* True if the network of addr is rolled up. */
bool rollups_has(const struct worker *worker, const struct addr *addr, uint32_t now_sec);

/* "rollup" of CONTROL_CMD_WHY (null if the network of addr is not rolled up). */
json_t *rollups_why_json(const struct worker *worker, const struct addr *addr);
/* The next network for CONTROL_CMD_VERDICTS, from *at on (0 at first); NULL at the end. */
json_t *rollups_next_json(const struct worker *worker, const struct prefix *within, uint32_t *at);
/* "rollup" of CONTROL_CMD_STATUS. */
json_t *rollups_json(const struct worker *worker);

#endif
