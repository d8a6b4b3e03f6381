// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* From results to verdicts: the default table, the clamps, and what can never block. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/policy.h"

#define HOUR 3600u
#define DAY  86400u

Test(policy, default_table)
{
	static const struct {
		const char *label;
		enum iprev_result result;
		uint32_t dns_ttl;
		enum mxg_reason reason;
		enum mxg_action action;
		uint32_t ttl, refresh;
	} rows[] = {
		{"pass, short TTL", IPREV_PASS, 5, MXG_REASON_PASS, MXG_ACTION_PASS, HOUR, 2700},
		{"pass, as DNS says", IPREV_PASS, 8000, MXG_REASON_PASS, MXG_ACTION_PASS, 8000,
		 6000},
		{"pass, long TTL", IPREV_PASS, UINT32_MAX, MXG_REASON_PASS, MXG_ACTION_PASS, DAY,
		 64800},
		{"no PTR, TTL 0", IPREV_PERMERROR, 0, MXG_REASON_NO_PTR, MXG_ACTION_REJECT, 60, 30},
		{"no PTR, as DNS says", IPREV_PERMERROR, 500, MXG_REASON_NO_PTR, MXG_ACTION_REJECT,
		 500, 250},
		{"no PTR, at most an hour, seen to in 5 min", IPREV_PERMERROR, DAY,
		 MXG_REASON_NO_PTR, MXG_ACTION_REJECT, HOUR, 300},
		{"unconfirmed passes by default", IPREV_FAIL, DAY, MXG_REASON_UNCONFIRMED,
		 MXG_ACTION_PASS, HOUR, 300},
		{"temperror", IPREV_TEMPERROR, 0, MXG_REASON_TEMPERROR, MXG_ACTION_PASS, 60, 30},
		{"temperror for a minute, whatever the TTL", IPREV_TEMPERROR, DAY,
		 MXG_REASON_TEMPERROR, MXG_ACTION_PASS, 60, 30},
		{"special-purpose", IPREV_SPECIAL, 0, MXG_REASON_SPECIAL, MXG_ACTION_PASS, DAY,
		 64800},
		{"no result is missing knowledge", IPREV_NONE, 0, MXG_REASON_TEMPERROR,
		 MXG_ACTION_PASS, 60, 30},
	};
	struct policy_decision decision;
	struct policy policy;
	size_t i;

	policy_defaults(&policy);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		policy_decide(&policy, policy_reason(rows[i].result), rows[i].dns_ttl, &decision);
		cr_expect_eq(decision.reason, rows[i].reason, "%s", rows[i].label);
		cr_expect_eq(decision.action, rows[i].action, "%s", rows[i].label);
		cr_expect_eq(decision.ttl_sec, rows[i].ttl, "%s: %u", rows[i].label,
			     decision.ttl_sec);
		cr_expect_eq(decision.refresh_sec, rows[i].refresh, "%s: %u", rows[i].label,
			     decision.refresh_sec);
	}
}

/* No result stands for it, so the table above cannot. */
Test(policy, generic_passes_by_default)
{
	struct policy_decision decision;
	struct policy policy;

	policy_defaults(&policy);
	policy_decide(&policy, MXG_REASON_GENERIC, 0, &decision);
	cr_expect_eq(decision.reason, MXG_REASON_GENERIC);
	cr_expect_eq(decision.action, MXG_ACTION_PASS);
	cr_expect_eq(decision.ttl_sec, 600);
	cr_expect_eq(decision.refresh_sec, 450, "asked again as late as any pass");
	policy_decide(&policy, MXG_REASON_GENERIC, DAY, &decision);
	cr_expect_eq(decision.ttl_sec, HOUR);
}

/* A table that refuses everywhere, and even says what no action is. */
static void only_certain_reasons_block(enum mxg_action action)
{
	static const struct {
		enum iprev_result result;
		bool may_block;
	} rows[] = {
		{IPREV_NONE, false},     {IPREV_PASS, false},      {IPREV_FAIL, true},
		{IPREV_PERMERROR, true}, {IPREV_TEMPERROR, false}, {IPREV_SPECIAL, false},
	};
	struct policy_decision decision;
	struct policy policy;
	size_t i;
	int r;

	policy_defaults(&policy);
	for (r = 0; r < MXG_REASON_MAX; r++)
		policy.row[r].action = action;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		policy_decide(&policy, policy_reason(rows[i].result), 300, &decision);
		cr_expect_eq(decision.action, rows[i].may_block ? action : MXG_ACTION_PASS,
			     "result %d", rows[i].result);
	}
	policy_decide(&policy, MXG_REASON_GENERIC, DAY, &decision);
	cr_expect_eq(decision.action, action, "generic may be set to it");
	cr_expect_eq(decision.refresh_sec, 300, "and then a new name counts soon");
	policy.row[MXG_REASON_NO_PTR].action = (enum mxg_action)77;
	policy_decide(&policy, MXG_REASON_NO_PTR, 300, &decision);
	cr_expect_eq(decision.action, MXG_ACTION_PASS, "an unknown action passes");
}

Test(policy, only_certain_reasons_drop)
{
	only_certain_reasons_block(MXG_ACTION_DROP);
}

Test(policy, only_certain_reasons_reset)
{
	only_certain_reasons_block(MXG_ACTION_RESET);
}

Test(policy, only_certain_reasons_reject)
{
	only_certain_reasons_block(MXG_ACTION_REJECT);
}

Test(policy, bounds_that_contradict_take_the_shorter)
{
	struct policy_decision decision;
	struct policy policy;

	policy_defaults(&policy);
	policy.row[MXG_REASON_NO_PTR].ttl_min_sec = 900;
	policy.row[MXG_REASON_NO_PTR].ttl_max_sec = 100;
	policy_decide(&policy, MXG_REASON_NO_PTR, 500, &decision);
	cr_expect_eq(decision.ttl_sec, 100);
}

Test(policy, enforce_mask)
{
	const uint32_t deny = 1u << MXG_REASON_DENY, no_ptr = 1u << MXG_REASON_NO_PTR;
	const uint32_t unconfirmed = 1u << MXG_REASON_UNCONFIRMED;
	const uint32_t generic = 1u << MXG_REASON_GENERIC;
	struct policy policy;
	int r;

	policy_defaults(&policy);
	cr_expect_eq(policy_enforce_mask(&policy, false), 0, "monitor");
	cr_expect_eq(policy_enforce_mask(&policy, true), deny | no_ptr, "unconfirmed passes");
	policy.row[MXG_REASON_UNCONFIRMED].action = MXG_ACTION_DROP;
	cr_expect_eq(policy_enforce_mask(&policy, true), deny | no_ptr | unconfirmed);
	policy.row[MXG_REASON_NO_PTR].enforce = false;
	cr_expect_eq(policy_enforce_mask(&policy, true), deny | unconfirmed, "kept in monitor");
	policy.row[MXG_REASON_GENERIC].action = MXG_ACTION_DROP;
	cr_expect_eq(policy_enforce_mask(&policy, true), deny | unconfirmed | generic);
	for (r = 0; r < MXG_REASON_MAX; r++)
		policy.row[r] = (struct policy_row){MXG_ACTION_DROP, 1, 1, true};
	cr_expect_eq(policy_enforce_mask(&policy, true), deny | no_ptr | unconfirmed | generic,
		     "a temporary failure is never enforced");
}

Test(policy, names_read_back)
{
	enum mxg_reason reason;
	enum mxg_action action;
	int i;

	for (i = 0; i < MXG_REASON_MAX; i++) {
		cr_expect_eq(policy_reason_parse(policy_reason_name((enum mxg_reason)i), &reason),
			     0);
		cr_expect_eq((int)reason, i);
	}
	for (i = 0; i < MXG_ACTION_MAX; i++) {
		cr_expect_eq(policy_action_parse(policy_action_name((enum mxg_action)i), &action),
			     0);
		cr_expect_eq((int)action, i);
	}
	reason = MXG_REASON_DENY;
	cr_expect_eq(policy_reason_parse("No-PTR", &reason), -EINVAL);
	cr_expect_eq(reason, MXG_REASON_DENY, "untouched");
	cr_expect_eq(policy_action_parse("", &action), -EINVAL);
	cr_expect_str_eq(policy_reason_name((enum mxg_reason)99), "none");
	cr_expect_str_eq(policy_action_name((enum mxg_action)99), "pass");
}
