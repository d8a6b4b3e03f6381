/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/evidence.h"

#include <arpa/nameser.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define EXPLAIN_MAX       2048
#define EXPLAIN_NAMES_MAX 3

/* --- the sentence --------------------------------------------------------------------------- */

struct sentence {
	char text[EXPLAIN_MAX];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *fmt, ...)
{
	size_t room = sizeof(s->text) - s->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(s->text + s->used, room, fmt, args);
	va_end(args);
	if (n > 0)
		s->used += (size_t)n < room ? (size_t)n : room - 1;
}

static const char *type_name(uint16_t qtype)
{
	return qtype == ns_t_ptr ? "PTR" : qtype == ns_t_a ? "A" : "AAAA";
}

/* The type of address record that would confirm the client. */
static const char *forward_type(const struct iprev_report *report)
{
	return report->addr.family == 4 ? "A" : "AAAA";
}

static void say_names(struct sentence *s, const struct iprev_report *report)
{
	unsigned int i, shown = report->name_count;

	if (shown > EXPLAIN_NAMES_MAX)
		shown = EXPLAIN_NAMES_MAX;
	for (i = 0; i < shown; i++)
		say(s, "%s%s", i > 0 ? ", " : "", report->names[i].text);
	if (report->names_total > shown)
		say(s, " and %u more", report->names_total - shown);
}

static void explain_pass(struct sentence *s, const struct iprev_report *report, const char *addr)
{
	unsigned int i;

	for (i = 0; i < report->name_count; i++)
		if (report->names[i].confirmed)
			break;
	if (i < report->name_count)
		say(s, "%s is %s: its PTR record says so, and that name's %s record points back.",
		    addr, report->names[i].text, forward_type(report));
}

static void explain_no_ptr(struct sentence *s, const struct iprev_report *report, const char *addr)
{
	const struct iprev_step *step = &report->steps[0];

	say(s, "%s has no PTR record (%s for %s); ask the network's operator to publish one that ",
	    addr, step->status == DNS_NXDOMAIN ? "NXDOMAIN" : "no data", step->qname);
	say(s, "names this host, and an %s record for that name pointing back.",
	    forward_type(report));
}

/* What the one name that was asked for has instead of the client's address. */
static void say_lack(struct sentence *s, const struct iprev_report *report)
{
	const struct iprev_step *step = &report->steps[1];

	if (step->status == DNS_NXDOMAIN)
		say(s, "that name does not exist");
	else if (step->status == DNS_NODATA)
		say(s, "that name has no %s record", forward_type(report));
	else
		say(s, "that name has other addresses");
}

static void explain_fail(struct sentence *s, const struct iprev_report *report, const char *addr)
{
	bool one = report->names_total == 1;

	say(s, "The PTR record%s of %s name%s ", one ? "" : "s", addr, one ? "s" : "");
	say_names(s, report);
	if (report->step_count == 1)
		say(s, ", which can be no host name; ");
	else if (one) {
		say(s, ", but ");
		say_lack(s, report);
		say(s, "; ");
	} else
		say(s, ", but no name that was asked for (at most %d) has the address %s; ",
		    IPREV_NAMES_MAX, addr);
	say(s, "ask for an %s record that points from the host's name to %s, or for a PTR record ",
	    forward_type(report), addr);
	say(s, "that names the host.");
}

static void explain_temperror(struct sentence *s, const struct iprev_report *report,
			      const char *addr)
{
	const struct iprev_step *step = report->steps;
	unsigned int i;

	for (i = 0; i < report->step_count; i++, step++)
		if (step->answered && !dns_status_is_certain(step->status))
			break;
	if (i == report->step_count && report->names_total > report->name_count) {
		say(s,
		    "%s has %u PTR names, of which %u were evaluated; none of these has that "
		    "address, another might: this is not held against a host, but one PTR record "
		    "that names the host is enough.",
		    addr, report->names_total, report->name_count);
		return;
	}
	if (i == report->step_count)
		step = report->steps;
	say(s, "The DNS gave no certain answer about %s (%s for %s %s", addr,
	    dns_status_name(step->status), step->qname, type_name(step->qtype));
	if (step->server[0])
		say(s, " from %s", step->server);
	if (step->note[0])
		say(s, ", %s", step->note);
	say(s, "); this is never held against a host, and it is asked again soon.");
}

/* Why it is let through all the same. */
static void explain_caution(struct sentence *s, const struct policy_decision *decision)
{
	char span[TEXT_SPAN_MAX];

	switch (decision->caution) {
	case POLICY_CAUTION_WAITING:
		say(s, " It passes until it has been found so %u times; ", decision->needed);
		if (decision->seen)
			say(s, "this was number %u.", decision->seen);
		else
			say(s, "this is not counted, as it may be what the resolver remembers of a "
			       "time when DNS was not believed.");
		break;
	case POLICY_CAUTION_HELD:
		say(s,
		    " It passes for now, since it was good lately: it is refused only if this "
		    "lasts %s more.",
		    text_from_span(decision->hold_sec, span));
		break;
	case POLICY_CAUTION_FROZEN:
		say(s, " It passes for now: the breaker is open, since hosts that were good have "
		       "no confirmed reverse DNS all at once (see mxgate status).");
		break;
	case POLICY_CAUTION_CAPPED:
		say(s, " It passes for now: as many hosts have been newly refused this minute as "
		       "the configuration allows.");
		break;
	case POLICY_CAUTION_UNPROVEN:
		say(s, " It passes for now: no host has been found good since the daemon started, "
		       "so the resolver may be denying everything.");
		break;
	case POLICY_CAUTION_NONE:
	case POLICY_CAUTION_MAX:
		break;
	}
}

/* Said after the sentence of a pass. */
static void explain_generic(struct sentence *s, const struct rdns_result *generic)
{
	const char *separator = "";

	say(s, " But that name looks generic (");
	if (generic->pattern[0])
		say(s, "pattern %s", generic->pattern);
	for (unsigned int i = 0; !generic->pattern[0] && i < generic->finding_count; i++)
		if (generic->findings[i].weight > 0) {
			say(s, "%s%s: %s", separator, generic->findings[i].what,
			    generic->findings[i].part);
			separator = "; ";
		}
	say(s, "), as those of dial-up and cable lines do: that is a sign, and no proof. A mail "
	       "server should have a name of its own as its PTR record; ask the network's operator "
	       "for one.");
}

static void explain(struct sentence *s, const struct iprev_report *report,
		    const struct rdns_result *generic)
{
	char addr[ADDR_TEXT_MAX];

	addr_format(&report->addr, addr);
	switch (report->result) {
	case IPREV_PASS:
		explain_pass(s, report, addr);
		if (generic && generic->is_generic)
			explain_generic(s, generic);
		break;
	case IPREV_FAIL:
		explain_fail(s, report, addr);
		break;
	case IPREV_PERMERROR:
		explain_no_ptr(s, report, addr);
		break;
	case IPREV_TEMPERROR:
		explain_temperror(s, report, addr);
		break;
	case IPREV_SPECIAL:
		say(s, "%s is a special-purpose address (%s); it is never looked up and passes.",
		    addr, report->special);
		break;
	case IPREV_NONE:
		say(s, "%s has not been evaluated to the end.", addr);
		break;
	}
}

/* --- the object ----------------------------------------------------------------------------- */

static json_t *names_to_json(const struct iprev_report *report, bool only_confirmed)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < report->name_count; i++)
		if (!only_confirmed || report->names[i].confirmed)
			json_array_append_new(list, json_string(report->names[i].text));
	return list;
}

/* An rcode is said only where a reply had one. */
static json_t *rcode_to_json(const struct iprev_step *step)
{
	char text[DNS_RCODE_TEXT_MAX];

	if (!step->answered || step->status == DNS_TIMEOUT ||
	    ((step->status == DNS_OTHER || step->status == DNS_MALFORMED) && step->rcode == 0))
		return json_null();
	return json_string(dns_rcode_name(step->rcode, text));
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *step_to_json(const struct iprev_step *step)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:f, s:o}", "query", step->qname,
			 "type", type_name(step->qtype), "status",
			 step->answered ? dns_status_name(step->status) : "unanswered", "rcode",
			 rcode_to_json(step), "ttl_sec", (json_int_t)step->ttl_sec, "records",
			 (json_int_t)step->records, "server", text_or_null(step->server),
			 "elapsed_ms", (double)step->elapsed_us / 1000.0, "note",
			 text_or_null(step->note));
}

static json_t *steps_to_json(const struct iprev_report *report)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < report->step_count; i++)
		json_array_append_new(list, step_to_json(&report->steps[i]));
	return list;
}

static json_t *row_to_json(const struct policy *policy, const struct policy_decision *decision)
{
	const struct policy_row *row = &policy->row[decision->reason];

	return json_pack("{s:s, s:I, s:I, s:b}", "action", policy_action_name(row->action),
			 "ttl_min", (json_int_t)row->ttl_min_sec, "ttl_max",
			 (json_int_t)row->ttl_max_sec, "enforce", (int)row->enforce);
}

static json_t *caution_to_json(const struct policy_decision *decision)
{
	if (!decision->caution)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "state",
			 policy_caution_name(decision->caution), "seen", (json_int_t)decision->seen,
			 "needed", (json_int_t)decision->needed, "wait_sec",
			 (json_int_t)decision->refresh_sec, "hold_sec",
			 (json_int_t)decision->hold_sec);
}

json_t *evidence_generic_to_json(const struct rdns_result *generic)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < generic->finding_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "what",
						      generic->findings[i].what, "part",
						      generic->findings[i].part, "weight",
						      generic->findings[i].weight));
	return json_pack("{s:s, s:s, s:i, s:i, s:o, s:b, s:o}", "verdict",
			 generic->is_generic ? "generic" : "ordinary", "name", generic->name,
			 "score", generic->score, "threshold", RDNS_THRESHOLD, "pattern",
			 text_or_null(generic->pattern), "pattern_gave_up",
			 (int)generic->pattern_gave_up, "findings", list);
}

json_t *evidence_to_json(const struct iprev_report *report, const struct rdns_result *generic,
			 const struct policy *policy, const struct policy_decision *decision,
			 int64_t decided_sec)
{
	char addr[ADDR_TEXT_MAX], decided[TEXT_MOMENT_MAX], expires[TEXT_MOMENT_MAX];
	struct sentence why = {.used = 0};
	struct rdns_result judged;
	json_t *object;

	if (generic) {
		judged = *generic;
		rdns_explain(&report->addr, &judged);
		generic = &judged;
	}
	explain(&why, report, generic);
	explain_caution(&why, decision);
	object = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:s}", "address",
		addr_format(&report->addr, addr), "iprev", iprev_result_name(report->result),
		"reason", policy_reason_name(decision->reason), "action",
		policy_action_name(decision->action), "names", names_to_json(report, false),
		"confirmed", names_to_json(report, true), "ttl_sec", (json_int_t)decision->ttl_sec,
		"dns_ttl_sec", (json_int_t)report->ttl_sec, "decided",
		text_from_moment(decided_sec, decided), "expires",
		text_from_moment(decided_sec + decision->ttl_sec, expires), "policy",
		row_to_json(policy, decision), "caution", caution_to_json(decision), "steps",
		steps_to_json(report), "explain", why.text);
	if (!object)
		return NULL;
	if (report->names_total > report->name_count)
		json_object_set_new(object, "names_total", json_integer(report->names_total));
	if (generic && (generic->finding_count > 0 || generic->pattern[0]))
		json_object_set_new(object, "generic", evidence_generic_to_json(generic));
	if (report->special)
		json_object_set_new(object, "special", json_string(report->special));
	return object;
}
