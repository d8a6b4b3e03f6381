/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/worker.h"

#define LOOKS_MAX    32    /* a second */
#define SOURCES_MIN  8192u /* remembered, of each family */
#define SOURCES_MAX  (1u << 24)
#define ALARM        "breaker-open"
#define UNPROVEN     "dns-unproven"
#define UNPROVEN_MIN 20             /* found bad, and nobody good */
#define LIST_MAX     272            /* of an alarm's detail, for the canaries' names */
#define SEED         "history-seed" /* the store's setting, a decimal number */
#define SEED_MAX     24
#define MISSES_MAX   5 /* rounds without an answer, before it is told */

struct first {
	char scope[BREAKER_SCOPE_MAX]; /* "": none */
	bool is_of_canaries;
};

/* One alarm for all that is open: the first of them, and how many more. */
static int name_first(const struct breaker_info *info, void *user)
{
	struct first *first = user;

	if (*first->scope)
		return 1;
	breaker_scope_name(info, first->scope);
	first->is_of_canaries = strcmp(info->cause, "canaries") == 0;
	return 0;
}

/* In worker->canaries_told. */
static uint32_t told_never_well(unsigned int canary)
{
	return 1u << canary;
}

static uint32_t told_aside(unsigned int canary)
{
	return 1u << (CANARIES_MAX + canary);
}

static const char *what_is_bad(const struct canary *canary)
{
	if (canary->state != CANARY_BAD)
		return "no answer yet";
	return canary->count == 0 ? "no address" : "no confirmed reverse DNS";
}

/* Names those that are bad, as many as there is room for; how many there are. */
static unsigned int list_bad(struct worker *worker, char list[static LIST_MAX])
{
	const struct canaries *canaries = breaker_canaries(worker->breaker);
	char name[DNS_HOST_TEXT_MAX];
	unsigned int count = 0;
	size_t used = 0;
	int n;

	list[0] = '\0';
	for (unsigned int i = 0; i < canaries->count; i++) {
		const struct canary *canary = &canaries->list[i];

		if (canary->state != CANARY_BAD || canary->is_aside)
			continue;
		count++;
		n = snprintf(list + used, LIST_MAX - used, "%s%s%s", used ? ", " : "",
			     canary_host_format(&canary->host, name),
			     canary->count == 0 ? " (no address)" : "");
		if ((size_t)n < LIST_MAX - used) {
			used += (size_t)n;
			worker->canaries_told |= told_never_well(i);
		}
		list[used] = '\0';
	}
	return count;
}

/* It may well be the operator's own list that is wrong: say which, and what to do. */
static void tell_of_canaries(struct worker *worker)
{
	char list[LIST_MAX];
	unsigned int count = list_bad(worker, list);

	alarms_raise(&worker->alarms, clock_mono_ns(), ALARM,
		     "breaker { canaries }: %u of %u have no confirmed reverse DNS: %s; nobody at "
		     "all is newly refused until half of them do; take those out that never had it",
		     count, canaries_counted(breaker_canaries(worker->breaker)), list);
}

/* One that was never found well, and one that no longer counts: each is told once. */
static void tell_of_canary(struct worker *worker, unsigned int i)
{
	const struct canary *canary = &breaker_canaries(worker->breaker)->list[i];
	char name[DNS_HOST_TEXT_MAX], span[TEXT_SPAN_MAX];

	canary_host_format(&canary->host, name);
	if (!canary->was_good && (canary->state == CANARY_BAD || canary->misses >= MISSES_MAX) &&
	    !(worker->canaries_told & told_never_well(i))) {
		worker->canaries_told |= told_never_well(i);
		log_warn("event=canary-bad canary=%s detail=\"not found well since the start: %s; "
			 "what never had confirmed reverse DNS does not belong in breaker { "
			 "canaries }\"",
			 name, what_is_bad(canary));
	}
	if (!canary->is_aside) {
		worker->canaries_told &= ~told_aside(i);
	} else if (!(worker->canaries_told & told_aside(i))) {
		worker->canaries_told |= told_aside(i);
		log_warn("event=canary-set-aside canary=%s detail=\"%s for %s: it does not count "
			 "until it is well again\"",
			 name, what_is_bad(canary),
			 text_from_span(worker->conf->breaker.longest_sec, span));
	}
}

static void tell(struct worker *worker)
{
	struct first first = {.scope = ""};
	bool more = breaker_each(worker->breaker, name_first, &first) != 0;

	if (first.is_of_canaries)
		tell_of_canaries(worker);
	else if (*first.scope)
		alarms_raise(&worker->alarms, clock_mono_ns(), ALARM,
			     "hosts of %s%s that were good have no confirmed reverse DNS now; "
			     "nobody there is newly refused until they recover",
			     first.scope, more ? " and other zones" : "");
	else
		alarms_clear(&worker->alarms, clock_mono_ns(), ALARM, "breaker-closed");
}

static void on_change(const struct breaker_info *info, bool is_open, void *user)
{
	char scope[BREAKER_SCOPE_MAX];
	struct worker *worker = user;

	log_warn("event=breaker scope=%s state=%s cause=%s flips=%" PRIu32 " stays=%" PRIu32
		 " canaries=%" PRIu32 " good=%" PRIu32,
		 breaker_scope_name(info, scope), is_open ? "open" : "closed", info->cause,
		 info->flips, info->stays, info->canaries, info->recovered);
	tell(worker);
	handover_on_change(worker);
	if (!is_open)
		return;
	worker->breaker_opened++;
	rollups_forget(worker, info->scope.addr.family ? &info->scope : NULL);
	/* What was refused for it lately is undone now; where a sweep is half done, by two. */
	worker->sweep_again = true;
	uv_timer_start(&worker->sweep, tables_on_sweep, 0, 0);
}

static uint32_t remembered(uint32_t verdicts)
{
	if (verdicts > SOURCES_MAX)
		return SOURCES_MAX;
	return verdicts < SOURCES_MIN ? SOURCES_MIN : verdicts;
}

/*
 * The history's, drawn once for the state directory: what one worker found places for, the
 * next one has places for, too. If it cannot be kept, a full table loses some.
 */
static int history_seed(struct worker *worker, uint64_t *ret)
{
	char text[SEED_MAX], *kept = NULL;
	uint64_t seed = 0;
	int err = store_setting_get(worker->store, SEED, &kept);

	if (err == 0)
		err = text_to_u64(kept, 0, UINT64_MAX, &seed);
	free(kept);
	if (err < 0) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			return -EIO;
		snprintf(text, sizeof(text), "%" PRIu64, seed);
		err = store_setting_put(worker->store, SEED, text);
		if (err < 0)
			log_warn("event=seed-not-kept error=\"%s\"", strerror(-err));
	}
	*ret = seed;
	return 0;
}

int watch_init(struct worker *worker)
{
	uint64_t seed, breaker_seed;

	if (history_seed(worker, &seed) < 0 ||
	    getrandom(&breaker_seed, sizeof(breaker_seed), 0) != sizeof(breaker_seed))
		return -EIO;
	worker->history = history_new(remembered(worker->conf->verdicts.max4),
				      remembered(worker->conf->verdicts.max6), seed);
	worker->breaker = breaker_new(&worker->conf->breaker, breaker_seed, on_change, worker);
	confirm_init(&worker->confirm, &worker->conf->confirm, judge_now_sec());
	if (!worker->history || !worker->breaker)
		return -ENOMEM;
	handover_load(worker);
	return 0;
}

void watch_done(struct worker *worker)
{
	history_free(worker->history);
	breaker_free(worker->breaker);
}

/* A resolver that denies everything looks like a world without good hosts. */
static void tell_unproven(struct worker *worker)
{
	uint64_t bad = worker->cautions[POLICY_CAUTION_UNPROVEN];

	if (confirm_is_proven(&worker->confirm))
		alarms_clear(&worker->alarms, clock_mono_ns(), UNPROVEN, "dns-proven");
	else if (bad >= UNPROVEN_MIN)
		alarms_raise(
			&worker->alarms, clock_mono_ns(), UNPROVEN,
			"no host has been found good since the start, %" PRIu64
			" bad: the resolver may be denying everything; nobody is newly refused",
			bad);
}

static void on_forward(const struct forward_report *report, void *user)
{
	struct worker *worker = user;

	breaker_on_forward(worker->breaker, report, judge_now_sec());
}

void watch_on_tick(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	uint32_t now = judge_now_sec();
	struct addr addr;
	const char *name;

	for (int i = 0; i < LOOKS_MAX && breaker_next(worker->breaker, now, &addr); i++)
		resolver_check(worker->resolver, &addr, judge_on_done, worker);
	while ((name = breaker_next_name(worker->breaker)))
		resolver_forward(worker->resolver, name, on_forward, worker);
	for (unsigned int i = 0; i < worker->conf->breaker.canary_count; i++)
		tell_of_canary(worker, i);
	tell_unproven(worker);
	handover_tick(worker);
	/* Who of them is well and who is not changes while it is open. */
	if (alarms_is_raised(&worker->alarms, ALARM))
		tell(worker);
}

json_t *watch_confirm_json(const struct worker *worker)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "refused",
			 (json_int_t)worker->cautions[POLICY_CAUTION_NONE], "waiting",
			 (json_int_t)worker->cautions[POLICY_CAUTION_WAITING], "held",
			 (json_int_t)worker->cautions[POLICY_CAUTION_HELD], "frozen",
			 (json_int_t)worker->cautions[POLICY_CAUTION_FROZEN], "capped",
			 (json_int_t)worker->cautions[POLICY_CAUTION_CAPPED], "unproven",
			 (json_int_t)worker->cautions[POLICY_CAUTION_UNPROVEN], "stale_served",
			 (json_int_t)worker->stale_served, "released",
			 (json_int_t)worker->released);
}

static int add_open(const struct breaker_info *info, void *user)
{
	char scope[BREAKER_SCOPE_MAX], since[TEXT_MOMENT_MAX];
	json_t *list = user;

	text_from_moment(clock_wall_sec() - (int64_t)(judge_now_sec() - info->opened_sec), since);
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "scope",
					      breaker_scope_name(info, scope), "cause", info->cause,
					      "since", since, "flips", (json_int_t)info->flips,
					      "stays", (json_int_t)info->stays, "canaries",
					      (json_int_t)info->canaries, "good",
					      (json_int_t)info->recovered));
	return 0;
}

static const char *state_of(const struct canary *canary)
{
	static const char *const names[] = {
		[CANARY_UNKNOWN] = "unknown", [CANARY_GOOD] = "good", [CANARY_BAD] = "bad"};

	return canary->is_aside ? "aside" : names[canary->state];
}

static json_t *canaries_json(const struct canaries *canaries)
{
	char name[DNS_HOST_TEXT_MAX];
	json_t *list = json_array();

	for (unsigned int i = 0; i < canaries->count; i++) {
		const struct canary *canary = &canaries->list[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s}", "canary",
					canary_host_format(&canary->host, name), "state",
					state_of(canary), "why",
					canary->state == CANARY_GOOD ? "" : what_is_bad(canary)));
	}
	return list;
}

json_t *watch_breaker_json(const struct worker *worker)
{
	json_t *list = json_array();

	breaker_each(worker->breaker, add_open, list);
	return json_pack("{s:I, s:o, s:o}", "opened", (json_int_t)worker->breaker_opened, "open",
			 list, "canaries", canaries_json(breaker_canaries(worker->breaker)));
}
