/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/min.h"
#include "core/policy.h"
#include "core/rdns.h"
#include "daemon/worker.h"

static bool is_live(const struct mxg_verdict *verdict, uint64_t now_ns)
{
	return now_ns < verdict->expires_ns;
}

/*
 * Seconds of the monotonic clock, as history, confirm and breaker count: never 0, and late
 * enough that whoever was good before the boot was so at a moment that can be told.
 */
static uint32_t sec_of(uint64_t now_ns)
{
	return (uint32_t)(now_ns / CLOCK_NS_PER_SEC) + HISTORY_GOOD_SEC + 1;
}

uint32_t judge_now_sec(void)
{
	return sec_of(clock_mono_ns());
}

void judge_on_room(void *user)
{
	struct worker *worker = user;

	events_resume(worker->events);
}

void judge_on_done(const struct iprev_report *report, void *user)
{
	judge_apply(user, report);
}

int judge_look_up(struct worker *worker, const struct addr *addr, resolver_done_fn on_done,
		  void *user)
{
	const struct history_source *source;

	if (!worker->conf->confirm.different_servers)
		return resolver_check(worker->resolver, addr, on_done, user);
	source = history_find(worker->history, addr);
	if (!source || source->seen == 0 || source->server == 0)
		return resolver_check(worker->resolver, addr, on_done, user);
	return resolver_check_avoiding(worker->resolver, addr, source->server - 1u, on_done, user);
}

/*
 * Events wait in the ring: what they ask for may have been settled since. The gate
 * asks about a source once in a second at most, so that of one is not, which is younger.
 */
static bool is_settled(const struct worker *worker, enum mxg_event_kind kind,
		       const struct addr *addr, uint64_t age_ns)
{
	struct mxg_verdict verdict;

	if (exceptions_match(worker->exceptions, addr, clock_wall_sec()))
		return true;
	return kind == MXG_EVENT_UNKNOWN && age_ns >= CLOCK_NS_PER_SEC &&
	       vmap_get(worker->vmap, addr, &verdict) == 0 && is_live(&verdict, clock_mono_ns());
}

bool judge_event(enum mxg_event_kind kind, const struct addr *addr, uint64_t sent_ns, void *user)
{
	struct worker *worker = user;
	uint64_t now = clock_mono_ns();

	if (is_settled(worker, kind, addr, now > sent_ns ? now - sent_ns : 0))
		return true;
	/* Nothing is known of a source over budget, so it passes and will ask again. */
	if (!budget_take(worker->budget, addr,
			 kind == MXG_EVENT_REFRESH ? BUDGET_REFRESH : BUDGET_UNKNOWN, now)) {
		worker->over_budget++;
		return true;
	}
	/* -EBUSY is counted by the resolver; the source passes and will ask again. */
	judge_look_up(worker, addr, judge_on_done, worker);
	return resolver_room(worker->resolver) > 0;
}

static void log_table_full(struct worker *worker, unsigned int family, uint64_t now_ns)
{
	worker->table_full++;
	/* Or it grows, and growth.c says when it cannot. */
	if (vmap_max(worker->vmap, family) < growth_most(worker, family))
		return;
	if (worker->table_full_logged_ns &&
	    now_ns - worker->table_full_logged_ns < 60 * CLOCK_NS_PER_SEC)
		return;
	worker->table_full_logged_ns = now_ns;
	log_warn("event=verdict-table-full times=%" PRIu64
		 " detail=\"new sources pass unjudged; raise verdicts { max4, max6 }\"",
		 worker->table_full);
}

/* How long a resolver may go on saying any part of it without asking again. */
static uint32_t memory_of(const struct iprev_report *report)
{
	uint32_t longest_sec = 0;

	for (unsigned int i = 0; i < report->step_count; i++)
		if (report->steps[i].ttl_sec > longest_sec)
			longest_sec = report->steps[i].ttl_sec;
	return longest_sec;
}

/*
 * What DNS says for certain about the source is remembered, and told to the breaker. What
 * is remembered of it, or NULL.
 */
static struct history_source *learn(struct worker *worker, const struct iprev_report *report,
				    uint32_t now_sec)
{
	struct history_source *source;
	bool was_good;

	if (report->result != IPREV_PASS && report->result != IPREV_FAIL &&
	    report->result != IPREV_PERMERROR)
		return history_find(worker->history, &report->addr);
	source = history_get(worker->history, &report->addr);
	if (report->result == IPREV_PASS) {
		was_good = history_is_good(source, now_sec);
		if (confirm_on_pass(&worker->confirm))
			worker_tell(worker); /* the next one may begin before the heartbeat */
		rollups_on_good(worker, &report->addr, now_sec);
		history_on_good(source, now_sec);
		remember_on_change(worker);
		breaker_on_good(worker->breaker, &report->addr, was_good, report->steps[0].ttl_sec,
				now_sec);
	} else {
		was_good = history_on_bad(source, now_sec);
		if (history_is_good(source, source->bad_sec))
			remember_on_change(worker);
		breaker_on_bad(worker->breaker, &report->addr, was_good, memory_of(report),
			       now_sec);
	}
	return source;
}

static uint16_t server_of(const struct worker *worker, const struct iprev_report *report)
{
	const char *name = report->step_count ? report->steps[0].server : "";

	return (uint16_t)(1 + resolver_server_number(worker->resolver, name));
}

/* A refusal has to be confirmed; anything else stands as the policy has it. */
static void weigh(struct worker *worker, const struct iprev_report *report,
		  struct history_source *source, bool is_refused, uint32_t now_sec,
		  struct policy_decision *decision)
{
	struct confirm_case observed = {
		.now_sec = now_sec,
		.is_refused = is_refused,
		.is_rolled_up = rollups_has(worker, &report->addr, now_sec),
		.wait_sec = decision->refresh_sec,
	};
	struct breaker_trouble trouble;

	if (!source || decision->action == MXG_ACTION_PASS)
		return;
	if (report->result == IPREV_PASS) {
		confirm_cap(&worker->confirm, is_refused, now_sec, decision);
	} else {
		observed.server = server_of(worker, report);
		observed.memory_sec = memory_of(report);
		trouble = breaker_trouble(worker->breaker, &report->addr, now_sec);
		observed.trouble_since_sec = trouble.since_sec;
		observed.counts_sec = trouble.counts_sec;
		confirm_weigh(&worker->confirm, &observed, source, decision);
	}
	worker->cautions[decision->caution]++;
}

/* What the worker after this one is to know of the source. */
static uint8_t note_of(const struct policy_decision *decision, bool is_good)
{
	uint32_t note = is_good ? MXG_NOTE_GOOD : 0;

	if (decision->action != MXG_ACTION_PASS)
		note |= min_u32(decision->seen, MXG_NOTE_SEEN_MAX) << MXG_NOTE_SEEN_SHIFT;
	return (uint8_t)note;
}

/* is_good: the source is known to be, and must not be a stranger to the next worker. */
static int put_verdict(struct worker *worker, const struct addr *addr,
		       const struct policy_decision *decision, bool is_good, uint64_t now_ns)
{
	const struct mxg_verdict fresh = {
		.expires_ns = now_ns + decision->ttl_sec * CLOCK_NS_PER_SEC,
		.refresh_ns = now_ns + decision->refresh_sec * CLOCK_NS_PER_SEC,
		.action = (__u8)decision->action,
		.reason = (__u8)decision->reason,
		.note = note_of(decision, is_good),
	};
	int err = vmap_put(worker->vmap, addr, &fresh, now_ns);

	if (vmap_is_filling(worker->vmap, addr->family))
		growth_look(worker);
	if (err == -E2BIG)
		log_table_full(worker, addr->family, now_ns);
	else if (err < 0)
		log_error("event=verdict-not-written error=\"%s\"", strerror(-err));
	return err;
}

/*
 * A temporary failure says nothing: what stands, stands until its own expiry. A pass
 * that has run out is served on, a little at a time (RFC 8767 §5): its evidence, too,
 * stays what was last known. 0 if neither is the case, 1 if that was all, -errno.
 */
static int stand_by(struct worker *worker, const struct addr *addr, const struct mxg_verdict *old,
		    const struct policy_decision *decision, bool is_good, uint64_t now_ns)
{
	struct policy_decision stale = *decision;
	int err;

	if (old && is_live(old, now_ns))
		return old->reason != MXG_REASON_TEMPERROR;
	if (!is_good)
		return 0;
	worker->stale_served++;
	stale.reason = MXG_REASON_PASS;
	err = put_verdict(worker, addr, &stale, is_good, now_ns);
	return err < 0 ? err : 1;
}

int judge_apply(struct worker *worker, const struct iprev_report *report)
{
	uint64_t now = clock_mono_ns();
	uint32_t now_sec = sec_of(now);
	struct history_source *source;
	struct policy_decision decision;
	struct rdns_result names;
	struct mxg_verdict old = {0};
	bool has_names = rdns_judge(report, worker->args.patterns, &names);
	bool is_there, had;
	int err;

	policy_decide(&worker->conf->policy, rdns_reason(report, has_names ? &names : NULL),
		      report->ttl_sec, &decision);
	source = learn(worker, report, now_sec);
	is_there = vmap_get(worker->vmap, &report->addr, &old) == 0;
	/*
	 * Hosts whose zones are broken try again and again, and good ones are seldom looked
	 * up: that one fails which failed before tells nothing of the DNS.
	 */
	if (report->result != IPREV_TEMPERROR || !is_there || old.reason != MXG_REASON_TEMPERROR)
		health_on_report(&worker->health, report, now);

	/* Invariant: no learned verdict where an exception rules. */
	if (exceptions_match(worker->exceptions, &report->addr, clock_wall_sec()))
		return 0;
	had = is_there && is_live(&old, now);
	if (report->result == IPREV_TEMPERROR) {
		err = stand_by(worker, &report->addr, is_there ? &old : NULL, &decision,
			       history_is_good(source, now_sec), now);
		if (err != 0)
			return err < 0 ? err : 0;
	}
	weigh(worker, report, source, had && old.action != MXG_ACTION_PASS, now_sec, &decision);
	rollups_on_report(worker, report, &decision, now_sec);
	err = put_verdict(worker, &report->addr, &decision, history_is_good(source, now_sec), now);
	if (err < 0)
		return err;
	ledger_note(worker, report, has_names ? &names : NULL, &decision,
		    !had || old.reason != (__u8)decision.reason ||
			    old.action != (__u8)decision.action);
	return 0;
}

bool judge_is_undone(const struct worker *worker, const struct table_entry *entry)
{
	const struct history_source *source;
	uint32_t since;

	if (entry->verdict.action == MXG_ACTION_PASS ||
	    entry->verdict.reason == MXG_REASON_GENERIC ||
	    !breaker_since(worker->breaker, &entry->addr, &since))
		return false;
	source = history_find(worker->history, &entry->addr);
	return source && source->bad_sec >= since;
}

void judge_adopt(struct worker *worker, const struct table_entry *entry, uint32_t now_sec)
{
	const struct mxg_verdict *verdict = &entry->verdict;
	bool passed = verdict->reason == MXG_REASON_PASS || verdict->reason == MXG_REASON_GENERIC;

	/* Since when it is good although it was found bad: that may be known already. */
	if (!passed && verdict->note & MXG_NOTE_GOOD &&
	    history_is_good(history_find(worker->history, &entry->addr), now_sec))
		return;
	if (passed || verdict->note & MXG_NOTE_GOOD)
		history_on_good(history_get(worker->history, &entry->addr), now_sec);
	else if (verdict->action != MXG_ACTION_PASS)
		confirm_restore(history_get(worker->history, &entry->addr),
				verdict->note >> MXG_NOTE_SEEN_SHIFT, now_sec);
}
