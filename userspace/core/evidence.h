/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Why a verdict is what it is, as the JSON object that `mxgate check --json` and
 * `mxgate why --json` print. One place writes these keys:
 *
 *   address    the source
 *   iprev      RFC 8601 result: pass, fail, permerror, temperror, none
 *   reason     policy reason: pass, no-ptr, unconfirmed, generic, temperror, special
 *   action     pass, drop, reset, reject
 *   names      [string]  PTR names, escaped, sorted
 *   confirmed  [string]  those whose addresses include the source
 *   names_total  names in the PTR answer, only when more than were evaluated
 *   special    the registry block, only for a special-purpose address
 *   ttl_sec    life of the verdict
 *   dns_ttl_sec  what DNS said, before the policy's clamp
 *   decided    RFC 3339 UTC
 *   expires    RFC 3339 UTC
 *   policy     {action, ttl_min, ttl_max, enforce}: the row that applied
 *   caution    why it passes although the policy's row refuses, or null: {state: waiting,
 *              held, frozen, capped, unproven; seen, needed: times found bad; wait_sec: until a
 *              connection of it has it looked at again; hold_sec: of held, at most so long}
 *   steps      [{query, type, status, rcode, ttl_sec, records, server, elapsed_ms, note}]
 *              status is a dns_status, or "unanswered" when the result was certain
 *              without it; rcode, server and note are null when there is none
 *   generic    only after a pass, and only where there is something to say: what was made
 *              of the names (core/rdns.h), of the one that decided: {verdict: generic or
 *              ordinary; name, score, threshold; pattern: FILE:LINE of the one that had the
 *              last word, or null; pattern_gave_up; findings: [{what, part, weight}]}
 *   explain    one sentence for a person: what was found and how to mend it
 */
#ifndef MXGATE_CORE_EVIDENCE_H
#define MXGATE_CORE_EVIDENCE_H

#include <jansson.h>
#include <stdint.h>

#include "core/iprev.h"
#include "core/policy.h"
#include "core/rdns.h"

/*
 * A new reference, or NULL when out of memory. generic is what rdns_judge() made of the
 * names, or NULL when it had nothing to judge; decided_sec is wall time.
 */
json_t *evidence_to_json(const struct iprev_report *report, const struct rdns_result *generic,
			 const struct policy *policy, const struct policy_decision *decision,
			 int64_t decided_sec);

/* The object under "generic". A new reference or NULL. */
json_t *evidence_generic_to_json(const struct rdns_result *generic);

/*
 * The same in some hundred bytes, for keeping: evidence_unpack() makes of them what
 * evidence_to_json() would have made. ret gets EVIDENCE_PACKED_MAX bytes at most;
 * how many. Host byte order: for this machine only.
 */
#define EVIDENCE_PACKED_MAX                                                                        \
	(128 + PATTERN_AT_MAX + IPREV_TEXT_MAX + IPREV_STEPS_MAX * (ENDPOINT_TEXT_MAX + 64))
size_t evidence_pack(const struct iprev_report *report, const struct rdns_result *generic,
		     const struct policy *policy, const struct policy_decision *decision,
		     int64_t decided_sec, uint8_t ret[static EVIDENCE_PACKED_MAX]);

/* A new reference, or NULL for bytes that are not of evidence_pack(), or out of memory. */
json_t *evidence_unpack(const struct addr *addr, const void *data, size_t len);

#endif
