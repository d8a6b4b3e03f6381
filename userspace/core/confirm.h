/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Confirmation before condemnation: whether what DNS now says against a source is
 * enough to refuse it. One observation can be an accident (a zone being loaded, a
 * secondary out of step, a forged answer in a cache), so a refusal needs several,
 * some time apart, and a source that was good lately needs patience as well.
 *
 * It only ever makes a verdict milder. Pure; seconds are the caller's monotonic
 * clock, never 0.
 */
#ifndef MXGATE_CORE_CONFIRM_H
#define MXGATE_CORE_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/history.h"
#include "core/policy.h"

struct confirm_conf {
	uint32_t confirmations;     /* negative observations before a refusal, 1 or more */
	uint32_t apart_sec;         /* at least so long between two that count */
	uint32_t within_sec;        /* and at most: after that it begins anew */
	uint32_t different_servers; /* bool: the next must come from another server */
	uint32_t hold_sec;          /* how long a source known to be good must be found bad */
	uint32_t per_minute;        /* new refusals at most */
	uint32_t proof;             /* passes that must have been seen before any refusal */
	uint32_t rollup; /* bad addresses that roll up an IPv6 /64 (core/rollup.h); 0: none do */
};

struct confirm {
	struct confirm_conf conf;
	uint64_t credit; /* of new refusals, in sixtieths */
	uint32_t credit_sec;
	uint32_t passes; /* seen, as far as they are needed */
};

/* One negative observation of a source. */
struct confirm_case {
	uint32_t now_sec;
	uint16_t server;     /* who answered: a number of its own, 0 if not known */
	bool is_refused;     /* a live verdict refuses it already: nothing new */
	bool is_rolled_up;   /* its network is: there once is enough, but for different_servers */
	uint32_t wait_sec;   /* of the policy: how soon a refused source is looked at again */
	uint32_t memory_sec; /* so long a resolver may repeat it, or a part of it, from memory */
	/* As breaker_trouble() says: */
	uint32_t trouble_since_sec; /* only what was confirmed before this is believed; 0: all */
	uint32_t counts_sec; /* it is over: nothing counts before this, nor a first look; 0: open */
};

void confirm_init(struct confirm *confirm, const struct confirm_conf *conf, uint32_t now_sec);

/*
 * Some source was found good: DNS can say so. Before conf.proof of them nothing that it
 * says against a source is believed, as a resolver may deny everything. True while that
 * makes a difference.
 */
bool confirm_on_pass(struct confirm *confirm);
/* So many were seen already, by one before that asked the same servers. */
void confirm_take_over(struct confirm *confirm, uint32_t passes);
bool confirm_is_proven(const struct confirm *confirm);

/*
 * Weighs one observation against what is remembered in *source, and writes it down
 * there. *decision, which refuses, is left alone when that is confirmed; else its
 * action becomes pass, its caution says why, and its refresh_sec when to look again. One
 * that refuses after fewer times, as its network is rolled up, drops and does not reject.
 */
void confirm_weigh(struct confirm *confirm, const struct confirm_case *observed,
		   struct history_source *source, struct policy_decision *decision);

/*
 * A refusal that rests on a confirmed answer and the operator's word (a generic name)
 * needs no second look: only the cap on new refusals may soften it.
 */
void confirm_cap(struct confirm *confirm, bool is_refused, uint32_t now_sec,
		 struct policy_decision *decision);

/*
 * The memory of a source that a verdict refuses, after a restart. seen: how many
 * observations were behind that, 0: as many as it took.
 */
void confirm_restore(struct history_source *source, uint8_t seen, uint32_t now_sec);

#endif
