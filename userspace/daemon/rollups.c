/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/rollups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/min.h"
#include "base/text.h"
#include "daemon/worker.h"

#define SETTING   "rollups" /* a head, then lines of address, first_sec, until_sec */
#define SAVED_MAX (1 << 20) /* bytes, or a network more */

/* --- the gate's table ----------------------------------------------------------------------- */

/* The moment of the monotonic clock at which judge_now_sec() will say so, or a little before. */
static uint64_t ns_of(uint32_t sec)
{
	uint32_t now_sec = judge_now_sec();
	uint64_t now_ns = clock_mono_ns();

	return sec > now_sec ? now_ns - now_ns % CLOCK_NS_PER_SEC +
				       (uint64_t)(sec - now_sec) * CLOCK_NS_PER_SEC
			     : now_ns;
}

static void log_change(const struct rollups *rollups, const struct prefix *net, const char *state)
{
	char text[PREFIX_TEXT_MAX];

	log_info("event=rollup net=%s state=%s in_gate=%u", prefix_format(net, text), state,
		 rollups->in_gate);
}

/* The gate looks into the table only when told that it is not empty. */
static void set_in_gate(struct worker *worker, unsigned int in_gate)
{
	bool was_empty = worker->rollups.in_gate == 0;

	worker->rollups.in_gate = in_gate;
	if (was_empty != (in_gate == 0) && tables_write_config(worker) < 0)
		log_error("event=rollup-not-written error=\"the gate's configuration\"");
}

static void put(struct worker *worker, const struct prefix *net, uint32_t until_sec)
{
	struct rollups *rollups = &worker->rollups;
	struct mxg_rollup there = {0};
	bool is_new = vmap_rollup_get(worker->vmap, net, &there) == -ENOENT;
	int err = vmap_rollup_put(worker->vmap, net, ns_of(until_sec));

	if (err < 0) {
		log_error("event=rollup-not-written error=\"%s\"", strerror(-err));
		return;
	}
	if (is_new)
		set_in_gate(worker, rollups->in_gate + 1);
	if (is_new || clock_mono_ns() >= there.expires_ns) {
		rollups->begun++;
		log_change(rollups, net, "begun");
	}
}

static void on_change(const struct prefix *net, uint32_t until_sec, void *user)
{
	struct worker *worker = user;

	if (until_sec) {
		put(worker, net, until_sec);
	} else if (vmap_rollup_del(worker->vmap, net) == 0) {
		set_in_gate(worker, worker->rollups.in_gate - 1);
		log_change(&worker->rollups, net, "ended");
	}
}

/* --- begin and end -------------------------------------------------------------------------- */

static void restore_good(struct worker *worker)
{
	static struct history_good good[HISTORY_STEP];
	uint32_t now_sec = judge_now_sec();
	size_t at = 0;
	int n;

	while ((n = history_next_good(worker->history, &at, now_sec, good)) >= 0)
		for (int i = 0; i < n; i++)
			rollup_on_good(worker->rollups.rollup, &good[i].addr,
				       now_sec - good[i].age_sec);
}

static int read_address(char *line, struct rollup_address *ret)
{
	char *rest = NULL;
	const char *word = strtok_r(line, " ", &rest);
	int err = word ? addr_parse(word, &ret->addr) : -EBADMSG;

	if (err == 0)
		err = text_next_u32(&rest, 1, &ret->first_sec);
	return err == 0 ? text_next_u32(&rest, 1, &ret->until_sec) : err;
}

/* What counted in a trouble that was noticed since counts no more. */
static void restore_bad(struct worker *worker, char *text)
{
	uint32_t now_sec = judge_now_sec(), at = 0;
	char *lines, *line, *rest = NULL;
	struct rollup_address address;
	struct rollup_info info;
	unsigned int count = 0;
	int64_t shift_sec;

	lines = handover_read_head(text, now_sec, &shift_sec);
	if (!lines || shift_sec != 0)
		return;
	for (line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (read_address(line, &address) == 0 &&
		    !breaker_trouble(worker->breaker, &address.addr, now_sec).since_sec)
			rollup_restore(worker->rollups.rollup, &address, now_sec);
	while (rollup_next(worker->rollups.rollup, &at, now_sec, &info))
		count++;
	if (count)
		log_info("event=rollups-restored networks=%u", count);
}

/* It is read once: after that there is more to know than it says. */
void rollups_load(struct worker *worker)
{
	char *text = NULL;

	if (store_setting_get(worker->store, SETTING, &text) < 0)
		return;
	if (store_setting_del(worker->store, SETTING) == 0)
		restore_bad(worker, text);
	free(text);
}

static void write_all(const struct worker *worker, uint32_t now_sec, FILE *to)
{
	char text[PREFIX_TEXT_MAX], head[HANDOVER_HEAD_MAX];
	struct rollup_info info;
	uint32_t at = 0;

	handover_write_head(now_sec, head);
	fputs(head, to);
	while (ftell(to) < SAVED_MAX && rollup_next(worker->rollups.rollup, &at, now_sec, &info))
		for (unsigned int i = 0; i < info.count; i++)
			fprintf(to, "%s %" PRIu32 " %" PRIu32 "\n",
				addr_format(&info.addresses[i].addr, text),
				info.addresses[i].first_sec, info.addresses[i].until_sec);
}

void rollups_save(struct worker *worker)
{
	uint32_t now_sec = judge_now_sec();
	char *text = NULL;
	size_t size = 0;
	FILE *to;
	int err;

	if (worker->rollups.in_gate == 0)
		return;
	to = open_memstream(&text, &size);
	if (!to)
		return;
	write_all(worker, now_sec, to);
	err = fclose(to) == 0 ? store_setting_put(worker->store, SETTING, text) : -ENOMEM;
	if (err < 0)
		log_warn("event=rollups-not-saved error=\"%s\"", strerror(-err));
	free(text);
}

int rollups_init(struct worker *worker)
{
	const struct confirm_conf *confirm = &worker->conf->confirm;
	struct rollup_conf conf = {
		.addresses = confirm->rollup,
		.apart_sec = (confirm->confirmations - 1) * confirm->apart_sec,
	};
	int err = vmap_rollup_clear(worker->vmap);

	if (err < 0 || !confirm->rollup)
		return err;
	if (getrandom(&conf.seed, sizeof(conf.seed), 0) != sizeof(conf.seed))
		return -EIO;
	worker->rollups.rollup = rollup_new(&conf, on_change, worker);
	if (!worker->rollups.rollup)
		return -ENOMEM;
	restore_good(worker);
	return 0;
}

void rollups_done(struct worker *worker)
{
	rollup_free(worker->rollups.rollup);
	worker->rollups.rollup = NULL;
}

/* --- what counts ---------------------------------------------------------------------------- */

bool rollups_has(const struct worker *worker, const struct addr *addr, uint32_t now_sec)
{
	return rollup_is_up(worker->rollups.rollup, addr, now_sec);
}

void rollups_on_good(struct worker *worker, const struct addr *addr, uint32_t now_sec)
{
	bool was_up = rollups_has(worker, addr, now_sec);

	rollup_on_good(worker->rollups.rollup, addr, now_sec);
	if (!was_up)
		return;
	worker->rollups.undone++;
	/* Who was refused for it is let go soon: rollups_is_undone(). */
	worker->sweep_again = true;
	uv_timer_start(&worker->sweep, tables_on_sweep, 0, 0);
}

bool rollups_is_undone(const struct worker *worker, const struct table_entry *entry)
{
	const struct history_source *source;

	if (entry->verdict.action == MXG_ACTION_PASS ||
	    entry->verdict.reason == MXG_REASON_GENERIC ||
	    !rollup_has_good(worker->rollups.rollup, &entry->addr, judge_now_sec()))
		return false;
	source = history_find(worker->history, &entry->addr);
	return source && source->seen < worker->conf->confirm.confirmations;
}

/*
 * Found bad for certain, by a DNS that is believed and in which there is no trouble, nor was
 * any lately; and it would be refused, now or when it has been seen so often enough. One that
 * is only held, since it was good, is no sign against others.
 */
static bool is_sign(const struct worker *worker, const struct iprev_report *report,
		    const struct policy_decision *decision, uint32_t now_sec)
{
	bool refuses = decision->action != MXG_ACTION_PASS ||
		       decision->caution == POLICY_CAUTION_WAITING ||
		       decision->caution == POLICY_CAUTION_CAPPED;

	return (report->result == IPREV_FAIL || report->result == IPREV_PERMERROR) && refuses &&
	       decision->seen > 0 && confirm_is_proven(&worker->confirm) &&
	       !breaker_trouble(worker->breaker, &report->addr, now_sec).since_sec;
}

void rollups_on_report(struct worker *worker, const struct iprev_report *report,
		       const struct policy_decision *decision, uint32_t now_sec)
{
	struct rollup *rollup = worker->rollups.rollup;

	/* A pass has been told already, and a temporary failure says nothing. */
	if (!rollup || report->addr.family != 6 || report->result == IPREV_PASS ||
	    report->result == IPREV_TEMPERROR)
		return;
	if (is_sign(worker, report, decision, now_sec))
		rollup_on_bad(rollup, &report->addr,
			      min_u32(decision->ttl_max_sec, worker->conf->confirm.within_sec),
			      now_sec);
	else
		rollup_drop(rollup, &report->addr, now_sec);
}

void rollups_expire(struct worker *worker)
{
	if (worker->rollups.in_gate > 0)
		rollup_expire(worker->rollups.rollup, judge_now_sec());
}

void rollups_forget(struct worker *worker, const struct prefix *prefix)
{
	rollup_forget(worker->rollups.rollup, prefix, judge_now_sec());
}

/* The gate holds nobody for it while what is found bad is only counted. */
static bool is_enforced(const struct worker *worker)
{
	return mode_is_enforced(worker, MXG_REASON_NO_PTR) ||
	       mode_is_enforced(worker, MXG_REASON_UNCONFIRMED);
}

/* --- what is told --------------------------------------------------------------------------- */

static json_t *moment_json(uint32_t sec, uint32_t now_sec)
{
	char text[TEXT_MOMENT_MAX];

	return json_string(text_from_moment(clock_wall_sec() - (int64_t)(now_sec - sec), text));
}

static json_int_t hits_of(const struct worker *worker, const struct prefix *net)
{
	struct mxg_rollup value = {0};

	vmap_rollup_get(worker->vmap, net, &value);
	return (json_int_t)value.hits;
}

/* A reason of the daemon's why nobody is held now, or NULL. */
static const char *not_held(const struct worker *worker)
{
	const char *why = mode_nobody_held(worker);

	if (worker->is_holding)
		return NULL;
	return why ? why : "the gate is told so within a second";
}

json_t *rollups_why_json(const struct worker *worker, const struct addr *addr)
{
	uint32_t now_sec = judge_now_sec();
	char text[PREFIX_TEXT_MAX];
	struct rollup_info info;
	json_t *list;

	if (!rollup_find(worker->rollups.rollup, addr, now_sec, &info))
		return json_null();
	list = json_array();
	for (unsigned int i = 0; i < info.count; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:I}", "address",
				  addr_format(&info.addresses[i].addr, text), "found",
				  moment_json(info.addresses[i].first_sec, now_sec), "counts_sec",
				  (json_int_t)(info.addresses[i].until_sec - now_sec)));
	return json_pack(
		"{s:s, s:o, s:I, s:i, s:I, s:b, s:s?, s:o}", "net", prefix_format(&info.net, text),
		"since", moment_json(info.since_sec, now_sec), "expires_in_sec",
		(json_int_t)(info.until_sec - now_sec), "needed", (int)worker->conf->confirm.rollup,
		"hits", hits_of(worker, &info.net), "enforced", is_enforced(worker), "not_held",
		not_held(worker), "addresses", list);
}

static bool touches(const struct prefix *within, const struct prefix *net)
{
	return !within || prefix_contains(within, &net->addr) ||
	       prefix_contains(net, &within->addr);
}

json_t *rollups_next_json(const struct worker *worker, const struct prefix *within, uint32_t *at)
{
	uint32_t now_sec = judge_now_sec();
	char text[PREFIX_TEXT_MAX];
	struct rollup_info info;

	while (rollup_next(worker->rollups.rollup, at, now_sec, &info))
		if (touches(within, &info.net))
			return json_pack("{s:s, s:s, s:s, s:I, s:I}", "address",
					 prefix_format(&info.net, text), "action", "hold", "reason",
					 "rollup", "hits", hits_of(worker, &info.net),
					 "expires_in_sec", (json_int_t)(info.until_sec - now_sec));
	return NULL;
}

json_t *rollups_json(const struct worker *worker)
{
	const struct rollups *rollups = &worker->rollups;
	uint32_t at = 0, now_sec = judge_now_sec();
	struct rollup_info info;
	json_int_t count = 0;

	while (rollup_next(rollups->rollup, &at, now_sec, &info))
		count++;
	return json_pack("{s:I, s:I, s:I, s:I}", "needed", (json_int_t)worker->conf->confirm.rollup,
			 "networks", count, "begun", (json_int_t)rollups->begun, "undone",
			 (json_int_t)rollups->undone);
}
