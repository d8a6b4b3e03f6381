/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/policy.h"

#include <errno.h>
#include <string.h>

#define MINUTE_SEC 60u
#define HOUR_SEC   3600u
#define DAY_SEC    86400u

/* How soon a host that is refused may hope for another look. */
#define RECHECK_MAX_SEC (5 * MINUTE_SEC)

static const char *const reason_names[MXG_REASON_MAX] = {
	[MXG_REASON_NONE] = "none",           [MXG_REASON_PASS] = "pass",
	[MXG_REASON_NO_PTR] = "no-ptr",       [MXG_REASON_UNCONFIRMED] = "unconfirmed",
	[MXG_REASON_TEMPERROR] = "temperror", [MXG_REASON_SPECIAL] = "special",
	[MXG_REASON_ALLOW] = "allow",         [MXG_REASON_DENY] = "deny",
	[MXG_REASON_GENERIC] = "generic",
};

static const char *const action_names[MXG_ACTION_MAX] = {
	[MXG_ACTION_PASS] = "pass",
	[MXG_ACTION_DROP] = "drop",
	[MXG_ACTION_RESET] = "reset",
	[MXG_ACTION_REJECT] = "reject",
};

static const char *const caution_names[POLICY_CAUTION_MAX] = {
	[POLICY_CAUTION_NONE] = "none",     [POLICY_CAUTION_WAITING] = "waiting",
	[POLICY_CAUTION_HELD] = "held",     [POLICY_CAUTION_FROZEN] = "frozen",
	[POLICY_CAUTION_CAPPED] = "capped", [POLICY_CAUTION_UNPROVEN] = "unproven",
};

const char *policy_caution_name(enum policy_caution caution)
{
	return caution_names[caution];
}

const char *policy_reason_name(enum mxg_reason reason)
{
	return (unsigned int)reason < MXG_REASON_MAX ? reason_names[reason] : "none";
}

int policy_reason_parse(const char *name, enum mxg_reason *ret)
{
	unsigned int i;

	for (i = 0; i < MXG_REASON_MAX; i++) {
		if (strcmp(name, reason_names[i]) == 0) {
			*ret = (enum mxg_reason)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* An action that the gate does not know is a pass there, and so it is here. */
const char *policy_action_name(enum mxg_action action)
{
	return (unsigned int)action < MXG_ACTION_MAX ? action_names[action] : "pass";
}

int policy_action_parse(const char *name, enum mxg_action *ret)
{
	unsigned int i;

	for (i = 0; i < MXG_ACTION_MAX; i++) {
		if (strcmp(name, action_names[i]) == 0) {
			*ret = (enum mxg_action)i;
			return 0;
		}
	}
	return -EINVAL;
}

void policy_defaults(struct policy *policy)
{
	static const struct policy defaults = {
		.row =
			{
				[MXG_REASON_PASS] = {MXG_ACTION_PASS, HOUR_SEC, DAY_SEC, true},
				[MXG_REASON_NO_PTR] = {MXG_ACTION_REJECT, MINUTE_SEC, HOUR_SEC,
						       true},
				[MXG_REASON_UNCONFIRMED] = {MXG_ACTION_PASS, MINUTE_SEC, HOUR_SEC,
							    true},
				[MXG_REASON_TEMPERROR] = {MXG_ACTION_PASS, MINUTE_SEC, MINUTE_SEC,
							  true},
				[MXG_REASON_SPECIAL] = {MXG_ACTION_PASS, DAY_SEC, DAY_SEC, true},
				[MXG_REASON_GENERIC] = {MXG_ACTION_PASS, 10 * MINUTE_SEC, HOUR_SEC,
							true},
			},
	};

	*policy = defaults;
}

enum mxg_reason policy_reason(enum iprev_result result)
{
	switch (result) {
	case IPREV_PASS:
		return MXG_REASON_PASS;
	case IPREV_FAIL:
		return MXG_REASON_UNCONFIRMED;
	case IPREV_PERMERROR:
		return MXG_REASON_NO_PTR;
	case IPREV_SPECIAL:
		return MXG_REASON_SPECIAL;
	case IPREV_TEMPERROR:
	case IPREV_NONE:
		break;
	}
	/* An evaluation without a result is missing knowledge, too. */
	return MXG_REASON_TEMPERROR;
}

/* Only these say something against a host; every other row can only pass. */
static bool may_block(enum mxg_reason reason)
{
	return reason == MXG_REASON_NO_PTR || reason == MXG_REASON_UNCONFIRMED ||
	       reason == MXG_REASON_GENERIC;
}

static uint32_t refresh_after(enum mxg_reason reason, enum mxg_action action, uint32_t ttl_sec)
{
	if (reason == MXG_REASON_PASS || reason == MXG_REASON_SPECIAL ||
	    (reason == MXG_REASON_GENERIC && action == MXG_ACTION_PASS))
		return ttl_sec - ttl_sec / 4;
	return ttl_sec / 2 < RECHECK_MAX_SEC ? ttl_sec / 2 : RECHECK_MAX_SEC;
}

void policy_decide(const struct policy *policy, enum mxg_reason reason, uint32_t ttl_sec,
		   struct policy_decision *ret)
{
	const struct policy_row *row = &policy->row[reason];

	/* Should the bounds contradict each other, the shorter life is the safer one. */
	if (ttl_sec < row->ttl_min_sec)
		ttl_sec = row->ttl_min_sec;
	if (ttl_sec > row->ttl_max_sec)
		ttl_sec = row->ttl_max_sec;
	memset(ret, 0, sizeof(*ret));
	ret->reason = reason;
	ret->ttl_max_sec = row->ttl_max_sec;
	ret->action =
		may_block(reason) && row->action < MXG_ACTION_MAX ? row->action : MXG_ACTION_PASS;
	ret->ttl_sec = ttl_sec;
	ret->refresh_sec = refresh_after(reason, ret->action, ttl_sec);
}

uint32_t policy_enforce_mask(const struct policy *policy, bool enforce)
{
	uint32_t mask = 1u << MXG_REASON_DENY;
	unsigned int i;

	if (!enforce)
		return 0;
	for (i = 0; i < MXG_REASON_MAX; i++)
		if (may_block((enum mxg_reason)i) && policy->row[i].enforce &&
		    policy->row[i].action != MXG_ACTION_PASS)
			mask |= 1u << i;
	return mask;
}
