/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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
#define UNPROVEN_MIN 20 /* found bad, and nobody good */

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

/* A canary that never had a PTR keeps it open for ever: say which, and what to do. */
static void tell_of_canaries(struct worker *worker)
{
	char list[BREAKER_CANARIES_MAX * (ADDR_TEXT_MAX + 2)] = "", text[ADDR_TEXT_MAX];
	struct addr bad[BREAKER_CANARIES_MAX];
	unsigned int count = breaker_bad_canaries(worker->breaker, bad);
	size_t used = 0;

	for (unsigned int i = 0; i < count; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 addr_format(&bad[i], text));
	alarms_raise(&worker->alarms, clock_mono_ns(), ALARM,
		     "breaker { canaries }: %u of %u have no confirmed reverse DNS: %s; nobody at "
		     "all is newly refused until half of them do; take those out that never had it",
		     count, worker->conf->breaker.canary_count, list);
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
	if (!is_open)
		return;
	worker->breaker_opened++;
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

int watch_init(struct worker *worker)
{
	uint64_t seeds[2];

	if (getrandom(seeds, sizeof(seeds), 0) != sizeof(seeds))
		return -EIO;
	worker->history = history_new(remembered(worker->conf->verdicts.max4),
				      remembered(worker->conf->verdicts.max6), seeds[0]);
	worker->breaker = breaker_new(&worker->conf->breaker, seeds[1], on_change, worker);
	confirm_init(&worker->confirm, &worker->conf->confirm, judge_now_sec());
	return worker->history && worker->breaker ? 0 : -ENOMEM;
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

void watch_on_tick(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	uint32_t now = judge_now_sec();
	struct addr addr;

	for (int i = 0; i < LOOKS_MAX && breaker_next(worker->breaker, now, &addr); i++)
		resolver_check(worker->resolver, &addr, judge_on_done, worker);
	tell_unproven(worker);
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

json_t *watch_breaker_json(const struct worker *worker)
{
	json_t *list = json_array();

	breaker_each(worker->breaker, add_open, list);
	return json_pack("{s:I, s:o}", "opened", (json_int_t)worker->breaker_opened, "open", list);
}
