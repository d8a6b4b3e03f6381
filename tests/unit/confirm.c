// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A source's story, observation by observation: when is it refused, and when not yet. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/confirm.h"

#define NOW    1000000u
#define ROW    3600u
#define WITHIN 21600u

/* One observation: seconds after the last, by which server, and what must come of it. */
struct step {
	uint32_t after_sec;
	uint16_t server;
	uint32_t trouble; /* OPEN, or over: NOW and that much later it counts; 0: none */
	bool refused, good;
	enum policy_caution caution;
	uint32_t refresh_sec; /* 0: not looked at */
};

#define STEPS 8

struct story {
	const char *label;
	struct confirm_conf conf;
	bool was_good;
	unsigned int count;
	struct step steps[STEPS];
};

#define CONF(n, apart, other, hold)                                                                \
	{                                                                                          \
		n, apart, WITHIN, other, hold, 1000, 0, 0                                          \
	}
#define OPEN    1
#define BACK    7200u /* from when it counts to when the trouble began */
#define NONE    POLICY_CAUTION_NONE
#define WAITING POLICY_CAUTION_WAITING
#define HELD    POLICY_CAUTION_HELD
#define FROZEN  POLICY_CAUTION_FROZEN
#define CAPPED  POLICY_CAUTION_CAPPED

/* clang-format off */
static const struct story stories[] = {
	{"one is enough where one is asked for", CONF(1, 60, 0, 0), false, 1,
	 {{0, 1, 0, 0, 0, NONE, 300}}},
	{"two, a minute apart", CONF(2, 60, 0, 0), false, 2,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300}}},
	{"too soon does not count", CONF(2, 60, 0, 0), false, 4,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {20, 1, 0, 0, 0, WAITING, 40},
	  {39, 1, 0, 0, 0, WAITING, 1}, {1, 1, 0, 0, 0, NONE, 300}}},
	{"three", CONF(3, 10, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}}},
	{"a good one between begins anew", CONF(2, 60, 0, 0), false, 4,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 1, NONE, 0},
	  {60, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300}}},
	{"the same server is no second opinion", CONF(2, 60, 1, 0), false, 4,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, WAITING, 1},
	  {600, 1, 0, 0, 0, WAITING, 1}, {1, 2, 0, 0, 0, NONE, 300}}},
	{"another server, but too soon", CONF(2, 60, 1, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {30, 2, 0, 0, 0, WAITING, 30}, {30, 2, 0, 0, 0, NONE, 300}}},
	{"a day later it is the first time again", CONF(2, 60, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {HISTORY_BAD_SEC + 1, 1, 0, 0, 0, WAITING, 60},
	  {60, 1, 0, 0, 0, NONE, 300}}},
	{"six hours apart is one trouble", CONF(2, 60, 0, 0), false, 2,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {WITHIN, 1, 0, 0, 0, NONE, 300}}},
	{"more than that is another", CONF(2, 60, 0, 0), false, 4,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {WITHIN + 1, 1, 0, 0, 0, WAITING, 60},
	  {WITHIN + 1, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300}}},
	{"each from the one before", CONF(3, 60, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {WITHIN, 1, 0, 0, 0, WAITING, 60},
	  {WITHIN, 1, 0, 0, 0, NONE, 300}}},
	{"the same server, but in another trouble", CONF(2, 60, 1, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {WITHIN + 1, 1, 0, 0, 0, WAITING, 60},
	  {60, 2, 0, 0, 0, NONE, 300}}},
	{"held for days, and seen again at the end: not yet", CONF(2, 60, 0, 72000), true, 3,
	 {{0, 1, 0, 0, 0, HELD, 300}, {72000, 1, 0, 0, 0, WAITING, 60},
	  {60, 1, 0, 0, 0, NONE, 300}}},
	{"refused before, back within a day: at once", CONF(2, 60, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300},
	  {HISTORY_BAD_SEC, 1, 0, 0, 0, NONE, 300}}},
	{"a live refusal is renewed without counting", CONF(5, 60, 0, 7200), true, 2,
	 {{0, 1, 0, 1, 0, NONE, 300}, {1, 1, 0, 1, 0, NONE, 300}}},
	{"a live refusal is renewed while the breaker is open", CONF(2, 60, 0, 7200), false, 1,
	 {{0, 1, 1, 1, 0, NONE, 300}}},
	{"known to be good: held, looked at again soon, then refused", CONF(2, 60, 0, 7200), true, 5,
	 {{0, 1, 0, 0, 0, HELD, 300}, {300, 1, 0, 0, 0, HELD, 300}, {6800, 1, 0, 0, 0, HELD, 100},
	  {99, 1, 0, 0, 0, HELD, 1}, {1, 1, 0, 0, 0, NONE, 300}}},
	{"held, and seen too rarely: waits on", CONF(2, 60, 0, 7200), true, 3,
	 {{0, 1, 0, 0, 0, HELD, 300}, {7200, 1, 0, 0, 0, NONE, 300}, {60, 1, 0, 1, 0, NONE, 300}}},
	{"recovered within the hold", CONF(1, 60, 0, 7200), true, 3,
	 {{0, 1, 0, 0, 0, HELD, 300}, {3600, 1, 0, 0, 1, NONE, 0}, {7000, 1, 0, 0, 0, HELD, 300}}},
	{"what is seen while frozen counts for nothing", CONF(2, 60, 0, 0), false, 5,
	 {{0, 1, 1, 0, 0, FROZEN, 300}, {60, 1, 1, 0, 0, FROZEN, 300}, {60, 1, 1, 0, 0, FROZEN, 300},
	  {ROW, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300}}},
	{"nor when a resolver repeats it afterwards", CONF(2, 60, 0, 0), false, 5,
	 {{0, 1, 1, 0, 0, FROZEN, 300}, {60, 1, 0, 0, 0, WAITING, 300},
	  {ROW - 61, 1, 0, 0, 0, WAITING, 1}, {1, 1, 0, 0, 0, WAITING, 60}, {60, 1, 0, 0, 0, NONE, 300}}},
	{"nor what was seen at its beginning", CONF(2, 10, 0, 0), false, 6,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}, {10, 1, 1, 0, 0, FROZEN, 300},
	  {300, 1, 0, 0, 0, WAITING, 300}, {ROW - 300, 1, 0, 0, 0, WAITING, 10},
	  {10, 1, 0, 0, 0, NONE, 300}}},
	{"good in between: it is another answer", CONF(2, 60, 0, 0), false, 4,
	 {{0, 1, 1, 0, 0, FROZEN, 300}, {60, 1, 0, 0, 1, NONE, 0}, {60, 1, 0, 0, 0, WAITING, 60},
	  {60, 1, 0, 0, 0, NONE, 300}}},
	{"confirmed before the trouble: stays refused", CONF(2, 10, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}, {31, 1, 1, 0, 0, NONE, 300}}},
	{"begun in it: is let in", CONF(2, 10, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}, {10, 1, 1, 0, 0, FROZEN, 300}}},
	{"seen before the trouble, but not often enough", CONF(3, 10, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, WAITING, 10}, {31, 1, 1, 0, 0, FROZEN, 300}}},
	{"once before the breaker opened, and after it has closed: neither counts", CONF(2, 60, 0, 0),
	 false, 6,
	 {{0, 1, 0, 0, 0, WAITING, 60}, {600, 1, BACK - 10, 0, 0, WAITING, 300},
	  {3600, 1, BACK - 10, 0, 0, WAITING, 300},
	  {BACK - 10 - 4201, 1, BACK - 10, 0, 0, WAITING, 1}, {1, 1, BACK - 10, 0, 0, WAITING, 60},
	  {60, 1, BACK - 10, 0, 0, NONE, 300}}},
	{"nor does a first look long after, while a resolver may repeat it", CONF(2, 60, 0, 0), false, 4,
	 {{10000, 1, 100, 0, 0, WAITING, 300}, {ROW - 1, 1, 100, 0, 0, WAITING, 1},
	  {1, 1, 100, 0, 0, WAITING, 60}, {60, 1, 100, 0, 0, NONE, 300}}},
	{"refused at its beginning, seen again when it is over", CONF(2, 10, 0, 0), false, 5,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}, {8000, 1, BACK, 0, 0, WAITING, 300},
	  {ROW, 1, BACK, 0, 0, WAITING, 10}, {10, 1, BACK, 0, 0, NONE, 300}}},
	{"confirmed before it began: refused at once when it is over", CONF(2, 10, 0, 0), false, 3,
	 {{0, 1, 0, 0, 0, WAITING, 10}, {10, 1, 0, 0, 0, NONE, 300}, {600, 1, BACK + 1, 0, 0, NONE, 300}}},
	{"seen while it was open, and until it counts again", CONF(1, 10, 0, 0), false, 4,
	 {{0, 1, OPEN, 0, 0, FROZEN, 300}, {ROW, 1, BACK, 0, 0, WAITING, 300},
	  {ROW - 1, 1, BACK, 0, 0, WAITING, 1}, {1, 1, BACK, 0, 0, NONE, 300}}},
	{"refused, and it stands", CONF(2, 10, 0, 0), false, 1, {{0, 1, BACK, 1, 0, NONE, 300}}},
	{"known to be good: held from the first look on", CONF(1, 60, 0, 7200), true, 4,
	 {{0, 1, 100, 0, 0, WAITING, 300}, {ROW, 1, 100, 0, 0, HELD, 300},
	  {7200 - ROW - 1, 1, 100, 0, 0, HELD, 1}, {1, 1, 100, 0, 0, NONE, 300}}},
	{"once good, held, refused, and then the trouble: stays refused", CONF(1, 10, 0, 100), true, 3,
	 {{0, 1, 0, 0, 0, HELD, 100}, {100, 1, 0, 0, 0, NONE, 300}, {31, 1, 1, 0, 0, NONE, 300}}},
	{"nor for the patience with a good one", CONF(1, 60, 0, 7200), true, 4,
	 {{0, 1, 0, 0, 0, HELD, 300}, {9000, 1, 1, 0, 0, FROZEN, 300}, {7199, 1, 0, 0, 0, HELD, 1},
	  {1, 1, 0, 0, 0, NONE, 300}}},
	{"good almost two days ago: held for as long as others", CONF(1, 60, 0, 7200), true, 3,
	 {{HISTORY_GOOD_SEC - 20, 1, 0, 0, 0, HELD, 300}, {7199, 1, 0, 0, 0, HELD, 1},
	  {1, 1, 0, 0, 0, NONE, 300}}},
	{"a hold longer than that", CONF(1, 60, 0, 3 * 86400), true, 3,
	 {{0, 1, 0, 0, 0, HELD, 300}, {3 * 86400 - 1, 1, 0, 0, 0, HELD, 1},
	  {1, 1, 0, 0, 0, NONE, 300}}},
	{"in a long trouble nobody's goodness ends", CONF(1, 60, 0, 7200), true, 5,
	 {{HISTORY_GOOD_SEC - 20, 1, 1, 0, 0, FROZEN, 300}, {43200, 1, 1, 0, 0, FROZEN, 300},
	  {43200, 1, 1, 0, 0, FROZEN, 300}, {7199, 1, 0, 0, 0, HELD, 1}, {1, 1, 0, 0, 0, NONE, 300}}},
};
/* clang-format on */

static void decide(struct policy_decision *decision)
{
	struct policy policy;

	policy_defaults(&policy);
	policy_decide(&policy, MXG_REASON_NO_PTR, ROW, decision);
}

static void tell(const struct story *story)
{
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm_case observed;
	struct confirm confirm;
	uint32_t now = NOW;

	confirm_init(&confirm, &story->conf, now);
	if (story->was_good)
		history_on_good(&source, now - 10);
	for (unsigned int i = 0; i < story->count; i++) {
		const struct step *step = &story->steps[i];

		now += step->after_sec;
		if (step->good) {
			history_on_good(&source, now);
			continue;
		}
		history_on_bad(&source, now);
		decide(&decision);
		observed = (struct confirm_case){.now_sec = now,
						 .server = step->server,
						 .is_refused = step->refused,
						 .wait_sec = decision.refresh_sec,
						 .memory_sec = ROW,
						 .trouble_since_sec = step->trouble ? now - 30 : 0};
		if (step->trouble > OPEN) {
			observed.counts_sec = NOW + step->trouble;
			observed.trouble_since_sec = observed.counts_sec - BACK;
		}
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.caution, step->caution, "%s, step %u: %s", story->label, i,
			     policy_caution_name(decision.caution));
		cr_expect_eq(decision.action, step->caution ? MXG_ACTION_PASS : MXG_ACTION_REJECT,
			     "%s, step %u", story->label, i);
		cr_expect(!step->refresh_sec || decision.refresh_sec == step->refresh_sec,
			  "%s, step %u: refresh %u", story->label, i, decision.refresh_sec);
		cr_expect_leq(decision.refresh_sec, decision.ttl_sec);
		cr_expect(step->caution != WAITING || decision.seen < decision.needed,
			  "%s, step %u: %u of %u", story->label, i, decision.seen, decision.needed);
	}
}

Test(confirm, stories)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		tell(&stories[i]);
}

static unsigned int refuse(struct confirm *confirm, unsigned int sources, uint32_t now)
{
	unsigned int refused = 0;

	for (unsigned int i = 0; i < sources; i++) {
		struct history_source source = {.addr = {.family = 4}};
		const struct confirm_case observed = {.now_sec = now, .wait_sec = 300};
		struct policy_decision decision;

		decide(&decision);
		confirm_weigh(confirm, &observed, &source, &decision);
		refused += decision.caution == POLICY_CAUTION_NONE;
		if (decision.caution)
			cr_expect_eq(decision.caution, POLICY_CAUTION_CAPPED);
	}
	return refused;
}

Test(confirm, new_refusals_are_capped_by_the_minute)
{
	const struct confirm_conf conf = {.confirmations = 1, .per_minute = 120};
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	cr_expect_eq(refuse(&confirm, 500, NOW), 120, "a minute's worth at once");
	cr_expect_eq(refuse(&confirm, 500, NOW), 0);
	cr_expect_eq(refuse(&confirm, 500, NOW + 1), 2, "then two a second");
	cr_expect_eq(refuse(&confirm, 500, NOW + 31), 60);
	cr_expect_eq(refuse(&confirm, 500, NOW + 86431), 120, "and no more saved up");
}

Test(confirm, a_slow_cap_still_lets_one_through_in_its_time)
{
	const struct confirm_conf conf = {.confirmations = 1, .per_minute = 1};
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	cr_expect_eq(refuse(&confirm, 5, NOW), 1);
	cr_expect_eq(refuse(&confirm, 5, NOW + 59), 0);
	cr_expect_eq(refuse(&confirm, 5, NOW + 60), 1);
}

Test(confirm, never_waits_for_longer_than_the_verdict_lives)
{
	const struct confirm_conf conf = CONF(2, 3600, 0, 0);
	const struct confirm_case observed = {.now_sec = NOW, .wait_sec = 300};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	decide(&decision);
	decision.ttl_max_sec = 60;
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.ttl_sec, 60);
	cr_expect_eq(decision.refresh_sec, 60);
}

/* A worker that starts anew takes what the gate refuses for confirmed. */
Test(confirm, refusals_outlive_a_restart)
{
	const struct confirm_conf conf = CONF(3, 60, 1, 7200);
	const struct confirm_case observed = {.now_sec = NOW, .wait_sec = 300};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	confirm_restore(&source, 0, NOW);
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT, "how often it was seen is not known");
}

/* One that now asks for more: what stands is renewed, what has ended needs as many. */
Test(confirm, refusals_of_before_a_restart_that_asks_for_more)
{
	const struct confirm_conf conf = CONF(4, 60, 0, 7200);
	struct confirm_case observed = {.now_sec = NOW + 60, .wait_sec = 300, .is_refused = true};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	confirm_restore(&source, 2, NOW);
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT, "it stands");
	cr_expect_eq(decision.seen, 3);
	confirm_restore(&source, 2, NOW);
	observed.is_refused = false;
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.caution, POLICY_CAUTION_WAITING);
	cr_expect_eq(decision.seen, 3);
	observed.now_sec += 60;
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT);
}

/* What was seen before counts as far as it is asked for, and no less than what is new. */
Test(confirm, passes_are_taken_over)
{
	static const struct {
		uint32_t proof, before, after;
		bool is_proven;
	} rows[] = {{1, 0, 0, false}, {1, 1, 0, true},          {3, 1, 1, false},
		    {3, 1, 2, true},  {3, UINT32_MAX, 1, true}, {0, 0, 0, true}};
	struct confirm confirm;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct confirm_conf conf = {.per_minute = 1, .proof = rows[i].proof};

		confirm_init(&confirm, &conf, NOW);
		confirm_take_over(&confirm, rows[i].before);
		for (uint32_t n = 0; n < rows[i].after; n++)
			confirm_on_pass(&confirm);
		cr_expect_eq(confirm_is_proven(&confirm), rows[i].is_proven, "row %zu", i);
	}
}

/* A resolver that denies everything: nobody is refused, and none of it counts later. */
Test(confirm, nothing_is_believed_before_somebody_passed)
{
	const struct confirm_conf conf = {
		.confirmations = 2, .within_sec = WITHIN, .per_minute = 1000, .proof = 2};
	struct confirm_case observed = {.now_sec = NOW, .wait_sec = 300, .memory_sec = ROW};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	for (unsigned int i = 0; i < 10; i++, observed.now_sec += 60) {
		if (i == 5)
			confirm_on_pass(&confirm);
		cr_expect_not(confirm_is_proven(&confirm));
		decide(&decision);
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.caution, POLICY_CAUTION_UNPROVEN);
		cr_expect_eq(decision.action, MXG_ACTION_PASS);
	}
	observed.is_refused = true;
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT, "what is refused already stays so");
	observed.is_refused = false;
	confirm_on_pass(&confirm);
	cr_expect(confirm_is_proven(&confirm));
	/* The last was seen a minute ago, and may be repeated for as long as it lives. */
	for (unsigned int i = 0; i <= ROW / 60; i++, observed.now_sec += 60) {
		decide(&decision);
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.caution,
			     i < ROW / 60 ? POLICY_CAUTION_WAITING : POLICY_CAUTION_NONE,
			     "after %u min", i + 1);
	}
}

/* The verdict's life is the operator's; the answer's is not. */
Test(confirm, an_answer_outlives_the_verdict_that_was_frozen)
{
	const struct confirm_conf conf = CONF(1, 60, 0, 0);
	struct confirm_case observed = {.now_sec = NOW,
					.wait_sec = 300,
					.memory_sec = 3 * ROW,
					.trouble_since_sec = NOW - 30};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.caution, POLICY_CAUTION_FROZEN);
	observed.trouble_since_sec = 0;
	observed.now_sec += 3 * ROW - 1;
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.caution, POLICY_CAUTION_WAITING, "the resolver may repeat it");
	observed.now_sec++;
	decide(&decision);
	confirm_weigh(&confirm, &observed, &source, &decision);
	cr_expect_eq(decision.caution, POLICY_CAUTION_NONE);
}

/* One that the holder of its zone lets live for a month is believed after a day. */
Test(confirm, no_answer_is_waited_out_for_longer_than_a_day)
{
	const struct confirm_conf conf = CONF(1, 60, 0, 0);
	struct confirm_case observed = {.now_sec = NOW,
					.wait_sec = 300,
					.memory_sec = 30 * 86400,
					.trouble_since_sec = NOW - 3600,
					.counts_sec = NOW + 3600};
	struct history_source source = {.addr = {.family = 4}};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	for (unsigned int i = 0; i < 3; i++) {
		decide(&decision);
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.caution, i < 2 ? POLICY_CAUTION_WAITING : POLICY_CAUTION_NONE,
			     "%u", i);
		observed.now_sec = NOW + HISTORY_BAD_SEC - 1 + i;
	}
}

/* What the operator refuses though DNS confirms it: at once, but capped. */
Test(confirm, a_generic_name_is_only_capped)
{
	const struct confirm_conf conf = {.confirmations = 5, .hold_sec = 7200, .per_minute = 1};
	struct policy_decision decision;
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	decide(&decision);
	confirm_cap(&confirm, false, NOW, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT);
	confirm_cap(&confirm, true, NOW, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_REJECT, "a live one is renewed");
	confirm_cap(&confirm, false, NOW, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_PASS);
	cr_expect_eq(decision.caution, POLICY_CAUTION_CAPPED);
}

/* In a network that is rolled up its own bad answer is enough; what else is asked for stays. */
Test(confirm, once_is_enough_where_the_network_is_rolled_up)
{
	static const struct {
		const char *label;
		struct confirm_conf conf;
		bool is_rolled_up, was_good;
		uint32_t trouble_since_sec;
		enum policy_caution caution;
	} rows[] = {
		{"elsewhere it is not", CONF(3, 60, 0, 0), false, false, 0, WAITING},
		{"there it is", CONF(3, 60, 0, 0), true, false, 0, NONE},
		{"not without a second opinion", CONF(3, 60, 1, 0), true, false, 0, WAITING},
		{"one that was good is held", CONF(3, 60, 0, 7200), true, true, 0, HELD},
		{"nor while the breaker is open", CONF(3, 60, 0, 0), true, false, NOW - 30, FROZEN},
		{"nor while nobody has passed",
		 {.confirmations = 3, .within_sec = WITHIN, .per_minute = 1000, .proof = 1},
		 true,
		 false,
		 0,
		 POLICY_CAUTION_UNPROVEN},
		{"nor on top of the cap",
		 {.confirmations = 3, .within_sec = WITHIN},
		 true,
		 false,
		 0,
		 CAPPED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct confirm_case observed = {.now_sec = NOW,
						      .server = 1,
						      .wait_sec = 300,
						      .memory_sec = ROW,
						      .is_rolled_up = rows[i].is_rolled_up,
						      .trouble_since_sec =
							      rows[i].trouble_since_sec};
		struct history_source source = {.addr = {.family = 6}};
		struct policy_decision decision;
		struct confirm confirm;

		confirm_init(&confirm, &rows[i].conf, NOW);
		if (rows[i].was_good)
			history_on_good(&source, NOW - 10);
		history_on_bad(&source, NOW);
		decide(&decision);
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.caution, rows[i].caution, "%s: %s", rows[i].label,
			     policy_caution_name(decision.caution));
	}
}

/* Seen once, it is refused so that it tries again; the final word takes as many as asked for. */
Test(confirm, nobody_is_rejected_for_one_look)
{
	static const struct {
		const char *label;
		bool is_rolled_up, is_refused;
		enum mxg_action action, want;
	} rows[] = {
		{"the first, in a network that is rolled up", 1, 0, MXG_ACTION_REJECT,
		 MXG_ACTION_DROP},
		{"too soon for another", 1, 1, MXG_ACTION_REJECT, MXG_ACTION_DROP},
		{"the second counts", 0, 1, MXG_ACTION_REJECT, MXG_ACTION_REJECT},
		{"a reset is not final", 1, 0, MXG_ACTION_RESET, MXG_ACTION_RESET},
	};
	const struct confirm_conf conf = CONF(2, 60, 0, 0);
	struct history_source source = {.addr = {.family = 6}};
	struct confirm confirm;

	confirm_init(&confirm, &conf, NOW);
	history_on_bad(&source, NOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct confirm_case observed = {.now_sec = NOW + (uint32_t)i * 30,
						      .wait_sec = 300,
						      .is_rolled_up = rows[i].is_rolled_up,
						      .is_refused = rows[i].is_refused};
		struct policy_decision decision;

		if (i == 3)
			source.seen = 0;
		decide(&decision);
		decision.action = rows[i].action;
		confirm_weigh(&confirm, &observed, &source, &decision);
		cr_expect_eq(decision.action, rows[i].want, "%s: %s", rows[i].label,
			     policy_action_name(decision.action));
	}
}
