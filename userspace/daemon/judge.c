/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/evidence.h"
#include "core/policy.h"
#include "daemon/worker.h"

static bool is_live(const struct mxg_verdict *verdict, uint64_t now_ns)
{
	return now_ns < verdict->expires_ns;
}

static void on_done(const struct iprev_report *report, void *user)
{
	judge_apply(user, report);
}

void judge_event(enum mxg_event_kind kind, const struct addr *addr, void *user)
{
	struct worker *worker = user;
	struct mxg_verdict verdict;

	/* Events wait in the ring: what they ask for may have been settled since. */
	if (exceptions_match(worker->exceptions, addr, clock_wall_sec()))
		return;
	if (kind == MXG_EVENT_UNKNOWN && vmap_get(worker->vmap, addr, &verdict) == 0 &&
	    is_live(&verdict, clock_mono_ns()))
		return;
	/* Nothing is known of a source over budget, so it passes and will ask again. */
	if (!budget_take(worker->budget, addr,
			 kind == MXG_EVENT_REFRESH ? BUDGET_REFRESH : BUDGET_UNKNOWN,
			 clock_mono_ns())) {
		worker->over_budget++;
		return;
	}
	/* -EBUSY is counted by the resolver; the source passes and will ask again. */
	resolver_check(worker->resolver, addr, on_done, worker);
}

static void log_verdict(const struct worker *worker, const struct iprev_report *report,
			const struct policy_decision *decision)
{
	bool enforced = worker->enforce_mask >> decision->reason & 1;
	char addr[ADDR_TEXT_MAX];

	/* The name is escaped by the machine that read it. */
	log_info("verdict addr=%s iprev=%s reason=%s action=%s ttl=%" PRIu32
		 " mode=%s names=%u ptr=\"%s\"",
		 addr_format(&report->addr, addr), iprev_result_name(report->result),
		 policy_reason_name(decision->reason), policy_action_name(decision->action),
		 decision->ttl_sec, enforced ? "enforce" : "monitor", report->names_total,
		 report->name_count ? report->names[0].text : "");
}

static void log_table_full(struct worker *worker, uint64_t now_ns)
{
	worker->table_full++;
	if (worker->table_full_logged_ns &&
	    now_ns - worker->table_full_logged_ns < 60 * CLOCK_NS_PER_SEC)
		return;
	worker->table_full_logged_ns = now_ns;
	log_warn("event=verdict-table-full times=%" PRIu64
		 " detail=\"new sources pass unjudged; raise verdicts { max4, max6 }\"",
		 worker->table_full);
}

static void keep_evidence(struct worker *worker, const struct iprev_report *report,
			  const struct policy_decision *decision)
{
	int64_t now = clock_wall_sec();
	json_t *evidence = evidence_to_json(report, &worker->conf->policy, decision, now);
	char *text = evidence ? json_dumps(evidence, JSON_COMPACT) : NULL;
	int err = -ENOMEM;

	if (text)
		err = store_evidence_put(worker->store, &report->addr, now, now + decision->ttl_sec,
					 text);
	if (err < 0)
		log_warn("event=evidence-lost error=\"%s\"", strerror(-err));
	free(text);
	json_decref(evidence);
}

int judge_apply(struct worker *worker, const struct iprev_report *report)
{
	uint64_t now = clock_mono_ns();
	struct mxg_verdict old = {0}, fresh = {0};
	struct policy_decision decision;
	bool had;
	int err;

	/* Invariant: no learned verdict where an exception rules. */
	if (exceptions_match(worker->exceptions, &report->addr, clock_wall_sec()))
		return 0;
	had = vmap_get(worker->vmap, &report->addr, &old) == 0 && is_live(&old, now);
	/* A temporary failure says nothing: what stands, stands until its own expiry. */
	if (report->result == IPREV_TEMPERROR && had && old.reason != MXG_REASON_TEMPERROR)
		return 0;
	policy_decide(&worker->conf->policy, report->result, report->ttl_sec, &decision);
	fresh.expires_ns = now + decision.ttl_sec * CLOCK_NS_PER_SEC;
	fresh.refresh_ns = now + decision.refresh_sec * CLOCK_NS_PER_SEC;
	fresh.action = (__u8)decision.action;
	fresh.reason = (__u8)decision.reason;
	err = vmap_put(worker->vmap, &report->addr, &fresh);
	if (err == -E2BIG) {
		log_table_full(worker, now);
		return err;
	}
	if (err < 0) {
		log_error("event=verdict-not-written error=\"%s\"", strerror(-err));
		return err;
	}
	if (!had || old.reason != fresh.reason || old.action != fresh.action)
		log_verdict(worker, report, &decision);
	keep_evidence(worker, report, &decision);
	return 0;
}
