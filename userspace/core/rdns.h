/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Does a reverse name look as if a machine had written it for a line of customers,
 * rather than a person for a mail host? Adds up what speaks for and against: the
 * address written in the name, and weighted words. The operator's own patterns
 * (core/patterns) have the last word over both.
 *
 * It is evidence and never proof: many an honest host has such a name. In doubt a
 * name is ordinary, and only the part left of the registrable domain (by the public
 * suffix list) is looked at, so that nobody is condemned by the provider's name.
 *
 * Pure: no I/O, no clock, no allocation; the same name and address give the same
 * result, in time linear in the name's length.
 */
#ifndef MXGATE_CORE_RDNS_H
#define MXGATE_CORE_RDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/dnsmsg.h"
#include "core/iprev.h"
#include "core/patterns.h"
#include "core/policy.h"

/*
 * From this score on a name is generic. The address in full is enough by itself,
 * so are two words of access lines, or one beside a part of the address; one alone is
 * not, but where it says that the address is unassigned.
 * A word of mail, or one for a fixed address, outweighs each of these alone.
 */
#define RDNS_THRESHOLD    50
#define RDNS_FINDINGS_MAX 24
#define RDNS_PART_MAX     40

/* Raised with every change of what is found and weighed: old verdicts are not adopted. */
#define RDNS_VERSION 1u

struct rdns_finding {
	const char *what; /* static: "the address", "word of access lines", ... */
	int weight;
	char part[RDNS_PART_MAX]; /* of the name; a longer one ends in "..." */
};

struct rdns_result {
	char name[DNS_HOST_TEXT_MAX]; /* the name that was judged, "" for none */
	bool is_generic;
	int score;                    /* the sum of the findings' weights */
	char pattern[PATTERN_AT_MAX]; /* FILE:LINE of the pattern that decided, or "" */
	bool pattern_gave_up;         /* it ran into its limit, which counts as ordinary */
	uint8_t finding_count;
	struct rdns_finding findings[RDNS_FINDINGS_MAX];
};

/*
 * Judges one name: lower case, escaped, without its final dot, as struct dns_name has
 * it. One that is no host name (an escape in it, too long) is ordinary. patterns may
 * be NULL. An `ordinary` pattern beats a `generic` one, and that the score.
 */
void rdns_classify(const char *name, const struct addr *addr, const struct patterns *patterns,
		   struct rdns_result *ret);

/*
 * Judges a whole evaluation: generic only if the result is pass, every name of the PTR
 * answer was looked at, and each that is a host name is generic by itself, whether it
 * is the confirming one or not. So the order in which the answers came changes nothing,
 * and one ordinary name is enough for a host. Then *ret is about the confirming name,
 * else about the first name that is ordinary. False, and nothing in *ret but name "",
 * when there was nothing to judge. Score and findings are left empty.
 */
bool rdns_judge(const struct iprev_report *report, const struct patterns *patterns,
		struct rdns_result *ret);

/* Adds score and findings to what rdns_judge() made of the names of addr: for a person. */
void rdns_explain(const struct addr *addr, struct rdns_result *judged);

/* The reason of an evaluation whose names were judged so (NULL: they were not). */
enum mxg_reason rdns_reason(const struct iprev_report *report, const struct rdns_result *judged);

/* The bytes of name left of its registrable domain, without the dot between; 0: none. */
size_t rdns_host_part(const char *name);

#endif
