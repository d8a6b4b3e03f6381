/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/evidence.h"
#include "daemon/worker.h"

#define ALARM     "evidence-not-written"
#define LINES_MAX 300 /* a second, of each kind; journald's own limit is about this */

/* --- evidence ------------------------------------------------------------------------------- */

static void keep(struct worker *worker, const struct iprev_report *report,
		 const struct rdns_result *generic, const struct policy_decision *decision)
{
	int64_t now = clock_wall_sec();
	uint8_t packed[EVIDENCE_PACKED_MAX];
	size_t len = evidence_pack(report, generic, &worker->conf->policy, decision, now, packed);

	store_evidence_put(worker->store, &report->addr, now, now + decision->ttl_sec, packed, len,
			   decision->action != MXG_ACTION_PASS);
}

static void raise_alarm(struct worker *worker, const struct store_evidence_stats *stats)
{
	char trouble[STORE_TROUBLE_MAX * 4];

	text_escape(stats->trouble, strlen(stats->trouble), trouble, sizeof(trouble));
	alarms_raise(&worker->alarms, clock_mono_ns(), ALARM,
		     "%s: make room, or see whose it is; verdicts are not affected; what is behind "
		     "%" PRIu32 " of them waits in memory, and `mxgate why` has it",
		     trouble, stats->pending);
}

/* --- the log -------------------------------------------------------------------------------- */

static void log_verdict(const struct worker *worker, const struct iprev_report *report,
			const struct policy_decision *decision)
{
	bool enforced = worker->enforce_mask >> decision->reason & 1;
	char addr[ADDR_TEXT_MAX];

	/* The name is escaped by the machine that read it. */
	log_info("verdict addr=%s iprev=%s reason=%s action=%s%s%s ttl=%" PRIu32
		 " mode=%s names=%u ptr=\"%s\"",
		 addr_format(&report->addr, addr), iprev_result_name(report->result),
		 policy_reason_name(decision->reason), policy_action_name(decision->action),
		 decision->caution ? " caution=" : "",
		 decision->caution ? policy_caution_name(decision->caution) : "", decision->ttl_sec,
		 enforced ? "enforce" : "monitor", report->names_total,
		 report->name_count ? report->names[0].text : "");
}

/* True if the second has room for one more line of this kind. */
static bool may_log(struct ledger *ledger, const struct policy_decision *decision)
{
	unsigned int kind = decision->reason != MXG_REASON_PASS;

	if (ledger->lines[kind] < LINES_MAX) {
		ledger->lines[kind]++;
		return true;
	}
	ledger->unwritten[kind]++;
	return false;
}

static void tell_unwritten(struct ledger *ledger)
{
	if (ledger->unwritten[0] + ledger->unwritten[1] > 0)
		log_info("event=verdicts-not-logged pass=%" PRIu32 " other=%" PRIu32
			 " detail=\"mxgate why and mxgate verdicts have them\"",
			 ledger->unwritten[0], ledger->unwritten[1]);
	ledger->held_back += ledger->unwritten[0] + ledger->unwritten[1];
	memset(ledger->lines, 0, sizeof(ledger->lines));
	memset(ledger->unwritten, 0, sizeof(ledger->unwritten));
}

/* --- the public side ------------------------------------------------------------------------ */

void ledger_note(struct worker *worker, const struct iprev_report *report,
		 const struct rdns_result *generic, const struct policy_decision *decision,
		 bool is_new)
{
	if (is_new && may_log(&worker->ledger, decision))
		log_verdict(worker, report, decision);
	keep(worker, report, generic, decision);
}

void ledger_on_second(struct worker *worker)
{
	struct store_evidence_stats stats;

	store_evidence_get_stats(worker->store, &stats);
	if (stats.is_stuck)
		raise_alarm(worker, &stats);
	else
		alarms_clear(&worker->alarms, clock_mono_ns(), ALARM, "evidence-written");
	store_evidence_start(worker->store); /* unless it runs */
	tell_unwritten(&worker->ledger);
}

json_t *ledger_json(const struct worker *worker)
{
	struct store_evidence_stats stats;

	store_evidence_get_stats(worker->store, &stats);
	return json_pack("{s:I, s:I, s:I, s:I}", "written", (json_int_t)stats.written, "pending",
			 (json_int_t)stats.pending, "shed", (json_int_t)stats.shed, "not_logged",
			 (json_int_t)worker->ledger.held_back);
}
