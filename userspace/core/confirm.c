/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/confirm.h"

#include "base/min.h"

#define SEC_PER_MINUTE 60u
#define CAPPED_SEC     60u /* when a refusal that found no room is tried again */

void confirm_init(struct confirm *confirm, const struct confirm_conf *conf, uint32_t now_sec)
{
	confirm->conf = *conf;
	confirm->credit = (uint64_t)conf->per_minute * SEC_PER_MINUTE;
	confirm->credit_sec = now_sec;
	confirm->passes = 0;
}

/* A token bucket that holds a minute's worth; one refusal costs a minute's seconds. */
static bool take_credit(struct confirm *confirm, uint32_t now_sec)
{
	uint64_t depth = (uint64_t)confirm->conf.per_minute * SEC_PER_MINUTE;

	confirm->credit += (uint64_t)(now_sec - confirm->credit_sec) * confirm->conf.per_minute;
	confirm->credit_sec = now_sec;
	if (confirm->credit > depth)
		confirm->credit = depth;
	if (confirm->credit < SEC_PER_MINUTE)
		return false;
	confirm->credit -= SEC_PER_MINUTE;
	return true;
}

/* A day after it was confirmed, or so long that it cannot be of one trouble any more. */
static bool is_forgotten(const struct confirm *confirm, const struct history_source *source,
			 uint32_t now_sec)
{
	const struct confirm_conf *conf = &confirm->conf;

	return now_sec - source->last_sec >
	       (source->seen < conf->confirmations ? conf->within_sec : HISTORY_BAD_SEC);
}

/* A resolver may still repeat what was not believed: until last_sec, then. */
static bool is_of_outage(const struct history_source *source, uint32_t now_sec)
{
	return source->last_sec > now_sec;
}

static void observe(const struct confirm *confirm, const struct confirm_case *observed,
		    struct history_source *source)
{
	uint32_t now = observed->now_sec;

	if (is_of_outage(source, now))
		return;
	if (source->seen == 0 || is_forgotten(confirm, source, now))
		source->seen = 0;
	else if (now - source->last_sec < confirm->conf.apart_sec ||
		 (confirm->conf.different_servers && observed->server == source->server))
		return;
	if (source->seen < UINT8_MAX)
		source->seen++;
	source->last_sec = now;
	source->server = observed->server;
}

/*
 * How long until the next observation can count; or until it may be found good, where the
 * trouble may be all that was wrong with it.
 */
static uint32_t until_next(const struct confirm *confirm, const struct confirm_case *observed,
			   const struct history_source *source)
{
	uint32_t gone = observed->now_sec - source->last_sec;

	if (is_of_outage(source, observed->now_sec))
		return min_u32(source->last_sec - observed->now_sec, observed->wait_sec);
	return gone < confirm->conf.apart_sec ? confirm->conf.apart_sec - gone : 1;
}

static void soften(struct policy_decision *decision, enum policy_caution caution, uint32_t wait_sec)
{
	decision->caution = caution;
	decision->action = MXG_ACTION_PASS;
	decision->refresh_sec = min_u32(wait_sec, decision->ttl_max_sec);
	decision->ttl_sec = decision->ttl_max_sec;
}

/* It has been refused for what was seen before the trouble began, not long ago. */
static bool was_confirmed(const struct confirm *confirm, const struct confirm_case *observed,
			  const struct history_source *source)
{
	return source->seen >= confirm->conf.confirmations && !source->good_sec &&
	       source->bad_sec < observed->trouble_since_sec &&
	       observed->now_sec - source->last_sec <= HISTORY_BAD_SEC;
}

/*
 * There is trouble where it is, or there was and it has not been looked at since: what was
 * found before is of it, and what is found now may be what a resolver remembers.
 */
static bool is_doubted(const struct confirm_case *observed, const struct history_source *source)
{
	return observed->trouble_since_sec &&
	       (!observed->counts_sec || source->last_sec < observed->counts_sec);
}

/*
 * What is seen during an outage counts for nothing, nor does it when the resolver repeats
 * it afterwards, nor what was seen at its beginning: the source's clock stands still.
 */
static void disregard(const struct confirm_case *observed, enum policy_caution caution,
		      struct history_source *source, struct policy_decision *decision)
{
	uint32_t memory_sec;

	if (source->good_sec)
		source->good_sec += observed->now_sec - source->bad_sec;
	source->bad_sec = observed->now_sec;
	/* No TTL lets anybody in for ever. */
	memory_sec = min_u32(max_u32(observed->memory_sec, decision->ttl_sec), HISTORY_BAD_SEC);
	source->last_sec = max_u32(observed->now_sec + memory_sec, observed->counts_sec);
	source->seen = 0;
	decision->seen = 0;
	soften(decision, caution, observed->wait_sec);
}

bool confirm_on_pass(struct confirm *confirm)
{
	if (confirm_is_proven(confirm))
		return false;
	confirm->passes++;
	return true;
}

void confirm_take_over(struct confirm *confirm, uint32_t passes)
{
	confirm->passes = min_u32(passes, confirm->conf.proof);
}

bool confirm_is_proven(const struct confirm *confirm)
{
	return confirm->passes >= confirm->conf.proof;
}

void confirm_weigh(struct confirm *confirm, const struct confirm_case *observed,
		   struct history_source *source, struct policy_decision *decision)
{
	const struct confirm_conf *conf = &confirm->conf;
	uint32_t now = observed->now_sec;

	decision->needed =
		observed->is_rolled_up && !conf->different_servers ? 1 : conf->confirmations;
	if (!observed->is_refused && !confirm_is_proven(confirm)) {
		disregard(observed, POLICY_CAUTION_UNPROVEN, source, decision);
		return;
	}
	if (is_doubted(observed, source) && !observed->is_refused &&
	    !was_confirmed(confirm, observed, source)) {
		disregard(observed,
			  observed->counts_sec ? POLICY_CAUTION_WAITING : POLICY_CAUTION_FROZEN,
			  source, decision);
		return;
	}
	observe(confirm, observed, source);
	decision->seen = source->seen;
	/* Whoever was not seen so often is to try again: what he is told in SMTP is final. */
	if (observed->is_rolled_up && source->seen < conf->confirmations &&
	    decision->action == MXG_ACTION_REJECT)
		decision->action = MXG_ACTION_DROP;
	if (observed->is_refused)
		return;
	/* It was good when it turned bad: that much later is no less to it. */
	if (history_is_good(source, source->bad_sec) && now - source->bad_sec < conf->hold_sec) {
		decision->hold_sec = conf->hold_sec - (now - source->bad_sec);
		soften(decision, POLICY_CAUTION_HELD,
		       min_u32(observed->wait_sec, decision->hold_sec));
	} else if (source->seen < decision->needed) {
		soften(decision, POLICY_CAUTION_WAITING, until_next(confirm, observed, source));
	} else if (!take_credit(confirm, now)) {
		soften(decision, POLICY_CAUTION_CAPPED, CAPPED_SEC);
	} else {
		source->good_sec = 0; /* no longer known to be good */
	}
}

void confirm_cap(struct confirm *confirm, bool is_refused, uint32_t now_sec,
		 struct policy_decision *decision)
{
	if (!is_refused && !take_credit(confirm, now_sec))
		soften(decision, POLICY_CAUTION_CAPPED, CAPPED_SEC);
}

void confirm_restore(struct history_source *source, uint8_t seen, uint32_t now_sec)
{
	source->seen = seen ? seen : UINT8_MAX;
	source->good_sec = 0;
	source->bad_sec = 1; /* before anything that is going on now */
	source->last_sec = now_sec;
}
