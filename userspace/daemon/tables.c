/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/policy.h"
#include "core/rdns.h"
#include "daemon/worker.h"

#define SWEEP_STEP_MS     50
#define SWEEP_PAUSE_MS    10000
#define EVIDENCE_KEEP_SEC (7 * 86400) /* so that "why" can speak of last week */

/* The store's setting that says by which rules names were judged. */
#define RULES "rdns-rules"

/* --- exceptions ----------------------------------------------------------------- */

static uint64_t mono_of_wall(int64_t wall_sec)
{
	int64_t left = wall_sec - clock_wall_sec();
	uint64_t now = clock_mono_ns();

	if (left <= 0)
		return 0;
	if ((uint64_t)left > (MXG_NEVER - now) / CLOCK_NS_PER_SEC)
		return MXG_NEVER;
	return now + (uint64_t)left * CLOCK_NS_PER_SEC;
}

int tables_sync_prefix(struct worker *worker, const struct prefix *prefix)
{
	const struct exception *rules =
		exceptions_effective(worker->exceptions, prefix, clock_wall_sec());
	struct mxg_prefix value = {0}, old;
	int err;

	if (!rules) {
		err = vmap_prefix_del(worker->vmap, prefix);
		return err == -ENOENT ? 0 : err;
	}
	value.id = rules->id;
	value.expires_ns = rules->expires_sec ? mono_of_wall(rules->expires_sec) : MXG_NEVER;
	if (rules->kind == EXCEPTION_ALLOW) {
		value.action = MXG_ACTION_PASS;
		value.reason = MXG_REASON_ALLOW;
	} else {
		value.action = (__u8)conf_deny_action(worker->conf);
		value.reason = MXG_REASON_DENY;
	}
	if (vmap_prefix_get(worker->vmap, prefix, &old) == 0 && old.id == value.id)
		value.hits = old.hits;
	return vmap_prefix_put(worker->vmap, prefix, &value);
}

static int on_stored_exception(const struct exception *exception, void *user)
{
	struct worker *worker = user;
	int err = exceptions_put(worker->exceptions, exception);

	if (err == 0)
		err = tables_sync_prefix(worker, &exception->prefix);
	return err;
}

/* Takes out of the gate what no exception stands behind. */
static int prune_prefixes(struct worker *worker, unsigned int family)
{
	struct prefix at = {.addr.family = (uint8_t)family}, next;
	int64_t now = clock_wall_sec();
	int err;

	while ((err = vmap_prefix_next(worker->vmap, &at, &next)) == 0) {
		if (exceptions_effective(worker->exceptions, &next, now))
			at = next;
		else if ((err = vmap_prefix_del(worker->vmap, &next)) < 0)
			break;
	}
	return err == -ENOENT ? 0 : err;
}

int tables_load_exceptions(struct worker *worker)
{
	int err = store_exception_each(worker->store, on_stored_exception, worker);

	if (err == 0)
		err = prune_prefixes(worker, 4);
	if (err == 0)
		err = prune_prefixes(worker, 6);
	return err;
}

/* An expired one with the same prefix and kind makes way. */
static int make_way(struct worker *worker, const struct exception *exception, const char *who)
{
	const struct exception *there =
		exceptions_find(worker->exceptions, &exception->prefix, exception->kind);

	if (!there)
		return 0;
	if (!there->expires_sec || there->expires_sec > clock_wall_sec())
		return -EEXIST;
	return tables_exception_remove(worker, there->id, who, "expired and replaced");
}

static void undo_add(struct worker *worker, const struct exception *exception)
{
	store_exception_remove(worker->store, exception->id, "mxgated", "could not be put in force",
			       clock_wall_sec());
	exceptions_del(worker->exceptions, exception->id);
	tables_sync_prefix(worker, &exception->prefix);
	tables_write_config(worker);
}

int tables_exception_add(struct worker *worker, struct exception *exception, const char *who,
			 int *ret_removed)
{
	int err = make_way(worker, exception, who), removed;

	if (err < 0)
		return err;
	if (exceptions_count(worker->exceptions) >= MXG_PREFIX_MAX)
		return -E2BIG;
	err = store_exception_add(worker->store, exception, who, clock_wall_sec());
	if (err < 0)
		return err;
	err = exceptions_put(worker->exceptions, exception);
	if (err == 0)
		err = tables_sync_prefix(worker, &exception->prefix);
	/* The gate looks into the prefix table only when told that it is not empty. */
	if (err == 0)
		err = tables_write_config(worker);
	removed = err == 0 ? vmap_flush(worker->vmap, &exception->prefix) : err;
	if (removed < 0) {
		undo_add(worker, exception);
		return removed == -ENOSPC ? -E2BIG : removed; /* that is not a full disk */
	}
	rollups_forget(worker, &exception->prefix);
	*ret_removed = removed;
	return 0;
}

int tables_exception_remove(struct worker *worker, uint32_t id, const char *who, const char *why)
{
	const struct exception *there = exceptions_get(worker->exceptions, id);
	struct prefix prefix;
	int err;

	if (!there)
		return -ENOENT;
	prefix = there->prefix;
	err = store_exception_remove(worker->store, id, who, why, clock_wall_sec());
	if (err < 0)
		return err;
	exceptions_del(worker->exceptions, id);
	err = tables_sync_prefix(worker, &prefix);
	return err < 0 ? err : tables_write_config(worker);
}

static bool is_in_force(const struct worker *worker, const struct prefix *prefix)
{
	struct mxg_prefix value;

	return vmap_prefix_get(worker->vmap, prefix, &value) == 0 &&
	       clock_mono_ns() < value.expires_ns;
}

/*
 * The moment is a wall-clock one: follow the clock when somebody sets it. When that
 * brings an expired exception back, what was learned meanwhile must not hide it.
 */
static int tick_exception(const struct exception *exception, void *user)
{
	struct worker *worker = user;
	bool was = exception->expires_sec && is_in_force(worker, &exception->prefix);
	int removed = 0;

	if (!exception->expires_sec || tables_sync_prefix(worker, &exception->prefix) < 0)
		return 0;
	if (!was && is_in_force(worker, &exception->prefix))
		removed = vmap_flush(worker->vmap, &exception->prefix);
	if (removed < 0)
		log_error("event=verdicts-not-removed error=\"%s\"", strerror(-removed));
	return 0;
}

void tables_on_exception_tick(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	exceptions_each(worker->exceptions, tick_exception, worker);
	replies_renew_secrets(worker);
	ledger_on_second(worker);
}

/* --- configuration ----------------------------------------------------------------- */

static int count_family(const struct exception *exception, void *user)
{
	struct mxg_config *config = user;

	if (exception->prefix.addr.family == 4)
		config->prefix4_count++;
	else
		config->prefix6_count++;
	return 0;
}

static struct mxg_dest dest_of(const struct prefix *prefix)
{
	struct mxg_dest dest = {.family = prefix->addr.family};
	uint8_t mask[16];

	prefix_mask(prefix, mask);
	memcpy(dest.addr, prefix->addr.bytes, sizeof(dest.addr));
	memcpy(dest.mask, mask, sizeof(dest.mask));
	return dest;
}

int tables_write_config(struct worker *worker)
{
	const struct conf *conf = worker->conf;
	struct mxg_config config = {
		.abi = MXG_ABI,
		.enforce_mask = worker->enforce_mask,
		.hash_seed = worker->hash_seed,
		.port_count = conf->port_count,
		.event_rate = conf->events.rate,
		.event_burst = conf->events.burst,
		.ask_interval_ns = conf->events.interval_sec * CLOCK_NS_PER_SEC,
		.rollup = worker->rollups.in_gate > 0,
		.hold = conf->hold,
		.decap = conf->decap != 0,
		.reject = replies_are_wanted(worker),
		.reject_budget = (__u8)conf->reject.budget,
		.dest_count = conf->destination_count,
		.established = conf->trigger == CONF_TRIGGER_ESTABLISHED,
	};
	int err;

	for (unsigned int i = 0; i < conf->port_count; i++)
		config.ports[i] = htons(conf->ports[i]);
	for (unsigned int i = 0; i < conf->destination_count; i++)
		config.dests[i] = dest_of(&conf->destinations[i]);
	exceptions_each(worker->exceptions, count_family, &config);
	if (mode_may_hold(worker))
		config.hold_left_ns = conf->lease_sec * CLOCK_NS_PER_SEC - MXG_HOLD_BEAT_NS;
	err = vmap_config_put(worker->vmap, &config);
	if (err == 0)
		worker->is_holding = config.hold_left_ns != 0;
	return err;
}

/* --- verdicts ------------------------------------------------------------------------ */

const char *tables_rules(const struct worker *worker, char buf[static TABLES_RULES_MAX])
{
	snprintf(buf, TABLES_RULES_MAX, "%u:%016" PRIx64, RDNS_VERSION,
		 patterns_fingerprint(worker->args.patterns));
	return buf;
}

/*
 * Whether names were judged by the same rules when the verdicts were written: the store
 * remembers which. Then *fingerprint is what to write down.
 */
static bool rules_are_same(const struct worker *worker, char fingerprint[static TABLES_RULES_MAX])
{
	char *text = NULL;
	bool same;

	tables_rules(worker, fingerprint);
	same = store_setting_get(worker->store, RULES, &text) == 0 &&
	       strcmp(text, fingerprint) == 0;
	free(text);
	return same;
}

static bool is_of_policy(enum mxg_reason reason)
{
	return (reason >= MXG_REASON_PASS && reason <= MXG_REASON_SPECIAL) ||
	       reason == MXG_REASON_GENERIC;
}

/* Dropped after so few looks that it is not to be rejected yet: core/confirm.h. */
static bool is_too_few(const struct worker *worker, const struct mxg_verdict *verdict)
{
	unsigned int seen = verdict->note >> MXG_NOTE_SEEN_SHIFT;

	return verdict->action == MXG_ACTION_DROP && seen > 0 &&
	       seen < worker->conf->confirm.confirmations;
}

/*
 * What an entry of an earlier run should be now; false: it should not be. Under other
 * rules a generic name may no longer be one, so it goes and passes, and a pass is to be
 * looked at again at its next connection.
 */
bool tables_reapply_one(const struct worker *worker, const struct table_entry *entry,
			bool same_rules, uint64_t now, struct mxg_verdict *ret)
{
	enum mxg_reason reason = (enum mxg_reason)entry->verdict.reason;
	struct mxg_verdict verdict = entry->verdict;
	const struct policy_row *row;
	uint64_t latest;

	if (now >= verdict.expires_ns || !is_of_policy(reason) ||
	    (reason == MXG_REASON_GENERIC && !same_rules) ||
	    exceptions_match(worker->exceptions, &entry->addr, clock_wall_sec()))
		return false;
	row = &worker->conf->policy.row[reason == MXG_REASON_SPECIAL ? MXG_REASON_PASS : reason];
	latest = now + row->ttl_max_sec * CLOCK_NS_PER_SEC;
	if (verdict.expires_ns > latest)
		verdict.expires_ns = latest;
	/* A pass that the policy would not give waits for its confirmation: ask soon. */
	if ((verdict.action == MXG_ACTION_PASS && row->action != MXG_ACTION_PASS) ||
	    (reason == MXG_REASON_PASS && !same_rules))
		verdict.refresh_ns = now;
	else if (row->action != MXG_ACTION_REJECT || !is_too_few(worker, &verdict))
		verdict.action = (__u8)row->action;
	verdict.hits = 0; /* they stay where they are */
	*ret = verdict;
	return true;
}

int tables_reapply_policy(struct worker *worker)
{
	struct table_entry *entries = calloc(VMAP_STEP, sizeof(*entries));
	char rules[TABLES_RULES_MAX];
	bool same_rules = rules_are_same(worker, rules);
	struct vmap_cursor cursor = {0};
	struct mxg_verdict verdict;
	uint64_t now = clock_mono_ns();
	unsigned int kept = 0, gone = 0;
	int n = -ENOMEM;

	while (entries && (n = vmap_next(worker->vmap, &cursor, entries)) > 0)
		for (int i = 0; i < n; i++) {
			const struct mxg_verdict *was = &entries[i].verdict;

			if (!tables_reapply_one(worker, &entries[i], same_rules, now, &verdict)) {
				/* A pass that has run out still tells who was good. */
				if (was->action == MXG_ACTION_PASS)
					judge_adopt(worker, &entries[i], judge_now_sec());
				vmap_del(worker->vmap, &entries[i].addr);
				gone++;
				continue;
			}
			kept++;
			judge_adopt(worker, &entries[i], judge_now_sec());
			if (verdict.action != was->action ||
			    verdict.expires_ns != was->expires_ns ||
			    verdict.refresh_ns != was->refresh_ns)
				vmap_put(worker->vmap, &entries[i].addr, &verdict, now);
		}
	free(entries);
	/* If that fails, the next run takes the rules for others, and is milder for it. */
	if (n == 0 && !same_rules)
		store_setting_put(worker->store, RULES, rules);
	if (kept + gone)
		log_info("event=verdicts-adopted kept=%u dropped=%u", kept, gone);
	return n;
}

void tables_on_due(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	vmap_mark_due(worker->vmap, clock_mono_ns());
	growth_look(worker);
}

/* A step of it; how many entries it has met, 0 at the end. */
static int sweep(struct worker *worker)
{
	uint64_t now = clock_mono_ns();
	int n = vmap_next(worker->vmap, &worker->sweep_cursor, worker->sweep_entries);

	for (int i = 0; i < n; i++) {
		const struct table_entry *entry = &worker->sweep_entries[i];
		bool is_undone =
			now < entry->verdict.expires_ns &&
			(judge_is_undone(worker, entry) || rollups_is_undone(worker, entry));

		worker->released += is_undone;
		if (is_undone || now >= entry->verdict.expires_ns)
			vmap_del(worker->vmap, &entry->addr);
	}
	if (n == 0)
		memset(&worker->sweep_cursor, 0, sizeof(worker->sweep_cursor));
	return n;
}

void tables_on_sweep(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	if (sweep(worker) > 0) {
		uv_timer_start(timer, tables_on_sweep, SWEEP_STEP_MS, 0);
		return;
	}
	rollups_expire(worker);
	store_evidence_expire(worker->store, clock_wall_sec() - EVIDENCE_KEEP_SEC);
	uv_timer_start(timer, tables_on_sweep, worker->sweep_again ? SWEEP_STEP_MS : SWEEP_PAUSE_MS,
		       0);
	worker->sweep_again = false;
}

void tables_finish_sweep(struct worker *worker)
{
	bool again;

	if (!worker->vmap || !worker->breaker)
		return;
	do {
		while (sweep(worker) > 0)
			;
		again = worker->sweep_again;
		worker->sweep_again = false;
	} while (again);
}
