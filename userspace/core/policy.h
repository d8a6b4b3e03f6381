/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From an iprev result to a verdict: which reason, which action, how long.
 * Pure: the table comes from the configuration, the time from the caller.
 *
 * Two rows can only pass, whatever the configuration says: "pass" and
 * "temperror". A temporary failure is missing knowledge, and mxgate never
 * blocks on that; conf.c refuses other settings by file and line.
 */
#ifndef MXGATE_CORE_POLICY_H
#define MXGATE_CORE_POLICY_H

#include <mxgate/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/iprev.h"

struct policy_row {
	enum mxg_action action;
	uint32_t ttl_min_sec; /* the DNS data's TTL is clamped to [min, max] */
	uint32_t ttl_max_sec;
	bool enforce; /* false: this reason stays in monitor even in enforce mode */
};

struct policy {
	struct policy_row row[MXG_REASON_MAX]; /* used: PASS..SPECIAL, GENERIC */
};

/* Why a source that the policy would refuse is let through for now (core/confirm.h). */
enum policy_caution {
	POLICY_CAUTION_NONE = 0,
	POLICY_CAUTION_WAITING,  /* not seen often enough yet */
	POLICY_CAUTION_HELD,     /* it was good lately */
	POLICY_CAUTION_FROZEN,   /* the breaker is open */
	POLICY_CAUTION_CAPPED,   /* too many new refusals this minute */
	POLICY_CAUTION_UNPROVEN, /* no host has been found good yet: can the DNS be believed? */
	POLICY_CAUTION_MAX
};

struct policy_decision {
	enum mxg_reason reason;
	enum mxg_action action;
	uint32_t ttl_sec;     /* life of the verdict */
	uint32_t refresh_sec; /* from this age on a hit asks for a new lookup */
	uint32_t ttl_max_sec; /* of the row */
	enum policy_caution caution;
	uint32_t seen, needed; /* negative observations; needed 0: none was weighed */
	uint32_t hold_sec;     /* POLICY_CAUTION_HELD: how much longer at most */
};

/*
 * no-ptr reject at most 1 h, unconfirmed and generic pass at most 1 h, temperror 60 s,
 * pass 1..24 h.
 */
void policy_defaults(struct policy *policy);

/*
 * The reason that an iprev result stands for (RFC 8601 §2.7.3). A pass can be
 * MXG_REASON_GENERIC instead, which core/rdns.h says.
 */
enum mxg_reason policy_reason(enum iprev_result result);

/*
 * Decides for one reason whose DNS data lives ttl_sec more. Refresh starts at
 * 3/4 of a pass's life, also of a generic name's that passes; for what is not a
 * pass at half its life, but no later than 5 minutes in, so that a repaired PTR
 * counts soon.
 */
void policy_decide(const struct policy *policy, enum mxg_reason reason, uint32_t ttl_sec,
		   struct policy_decision *ret);

/* "none", "waiting", "held", "frozen", "capped", "unproven". */
const char *policy_caution_name(enum policy_caution caution);

/* The bits for mxg_config.enforce_mask; deny exceptions are enforced with the rest. */
uint32_t policy_enforce_mask(const struct policy *policy, bool enforce);

/* "no-ptr", "unconfirmed", "temperror", "pass", "special", "allow", "deny", "generic", "none". */
const char *policy_reason_name(enum mxg_reason reason);
/* 0, or -EINVAL for a name that no reason has. */
int policy_reason_parse(const char *name, enum mxg_reason *ret);

/* "pass", "drop", "reset", "reject". */
const char *policy_action_name(enum mxg_action action);
int policy_action_parse(const char *name, enum mxg_action *ret);

#endif
