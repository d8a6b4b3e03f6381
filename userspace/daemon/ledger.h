/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is written down about verdicts: the evidence, and the log's lines. Judging waits
 * for neither: evidence is handed to the store, which writes it beside us; of the lines
 * so many a second are written and the rest are counted, the sum is told. What is not
 * written for want of time is counted, and told by `mxgate status`.
 */
#ifndef MXGATE_DAEMON_LEDGER_H
#define MXGATE_DAEMON_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/iprev.h"
#include "core/policy.h"
#include "core/rdns.h"

struct worker;

struct ledger {
	uint32_t lines[2], unwritten[2]; /* this second: of passes, of all else */
	uint64_t held_back;
};

/*
 * A verdict has been given; is_new: another than before, so that the log has a line.
 * generic is as evidence_to_json() wants it.
 */
void ledger_note(struct worker *worker, const struct iprev_report *report,
		 const struct rdns_result *generic, const struct policy_decision *decision,
		 bool is_new);

/*
 * To be called every second: tells what was not written, and raises or clears the alarm
 * "evidence-not-written".
 */
void ledger_on_second(struct worker *worker);

/* The "evidence" object of CONTROL_STATUS. A new reference. */
json_t *ledger_json(const struct worker *worker);

#endif
