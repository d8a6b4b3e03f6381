/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/iprev.h"

#include <arpa/nameser.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/min.h"

const char *iprev_result_name(enum iprev_result result)
{
	switch (result) {
	case IPREV_PASS:
		return "pass";
	case IPREV_FAIL:
		return "fail";
	case IPREV_PERMERROR:
		return "permerror";
	case IPREV_TEMPERROR:
		return "temperror";
	case IPREV_NONE:
	case IPREV_SPECIAL:
		break;
	}
	return "none";
}

/* --- texts ---------------------------------------------------------------------------------- */

/* There is room for every text that a report can have. */
static const char *keep_text(struct iprev_report *report, const char *text)
{
	size_t size = strlen(text) + 1;
	char *at = report->text + report->text_used;

	if (size > sizeof(report->text) - report->text_used)
		return "";
	memcpy(at, text, size);
	report->text_used = (uint16_t)(report->text_used + size);
	return at;
}

__attribute__((format(printf, 3, 4))) static void
set_note(struct iprev_report *report, struct iprev_step *step, const char *fmt, ...)
{
	char note[IPREV_NOTE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
	step->note = keep_text(report, note);
}

static const char *moved(const struct iprev_report *from, const char *text,
			 const struct iprev_report *to)
{
	uintptr_t at = (uintptr_t)text - (uintptr_t)from->text;

	return at < sizeof(from->text) ? to->text + at : text;
}

void iprev_report_copy(const struct iprev_report *from, struct iprev_report *to)
{
	unsigned int i;

	memcpy(to, from, offsetof(struct iprev_report, text) + from->text_used);
	for (i = 0; i < to->name_count; i++)
		to->names[i].text = moved(from, from->names[i].text, to);
	for (i = 0; i < to->step_count; i++) {
		to->steps[i].qname = moved(from, from->steps[i].qname, to);
		to->steps[i].note = moved(from, from->steps[i].note, to);
	}
}

/* --- queries out ---------------------------------------------------------------------------- */

/* qname is the report's. */
static struct iprev_step *add_step(struct iprev_report *report, const char *qname, uint16_t qtype)
{
	struct iprev_step *step = &report->steps[report->step_count++];

	*step = (struct iprev_step){.qname = qname, .server = "", .note = "", .qtype = qtype};
	return step;
}

void iprev_init(struct iprev *iprev, const struct addr *addr)
{
	struct iprev_report *report = &iprev->report;
	char qname[ADDR_REVERSE_MAX];

	/* Names, steps and texts are written before they are read: most never are. */
	memset(iprev, 0, offsetof(struct iprev, report));
	memset(report, 0, offsetof(struct iprev_report, names));
	report->addr = *addr;
	report->special = addr_special(addr);
	if (report->special) {
		report->result = IPREV_SPECIAL;
		return;
	}
	addr_reverse_name(addr, qname);
	qname[strlen(qname) - 1] = '\0';
	add_step(report, keep_text(report, qname), ns_t_ptr);
}

bool iprev_is_done(const struct iprev *iprev)
{
	return iprev->report.result != IPREV_NONE;
}

bool iprev_next(struct iprev *iprev, struct iprev_query *ret)
{
	const struct iprev_step *step;

	if (iprev_is_done(iprev) || iprev->next >= iprev->report.step_count)
		return false;
	step = &iprev->report.steps[iprev->next];
	ret->id = iprev->next++;
	ret->qtype = step->qtype;
	ret->qname = step->qname;
	iprev->open++;
	return true;
}

static void end(struct iprev *iprev, enum iprev_result result, uint32_t ttl_sec)
{
	iprev->report.result = result;
	iprev->report.ttl_sec = ttl_sec;
	iprev->open = 0;
}

/*
 * All forward steps are answered and none confirms: certain only if all are, and
 * if no host name was left out, since that one might have confirmed.
 */
static void conclude(struct iprev *iprev)
{
	const struct iprev_report *report = &iprev->report;
	uint32_t ttl_sec = report->steps[0].ttl_sec;
	unsigned int i;

	if (iprev->has_more) {
		end(iprev, IPREV_TEMPERROR, 0);
		return;
	}
	for (i = 1; i < report->step_count; i++) {
		if (!dns_status_is_certain(report->steps[i].status)) {
			end(iprev, IPREV_TEMPERROR, 0);
			return;
		}
		ttl_sec = min_u32(ttl_sec, report->steps[i].ttl_sec);
	}
	end(iprev, IPREV_FAIL, ttl_sec);
}

/* --- the PTR answer ------------------------------------------------------------------------- */

/*
 * Which names are evaluated: at most ten, host names before what can be none, so
 * that junk beside a good name does not crowd it out. Keeps the sorted order.
 */
static void choose_names(struct iprev *iprev, const struct dns_answer *answer)
{
	struct iprev_report *report = &iprev->report;
	unsigned int hosts = 0, others, i;
	const struct dns_name *from;
	struct iprev_name *name;

	for (i = 0; i < answer->count; i++)
		hosts += answer->names[i].is_host;
	/* What dnsmsg had no room for may be a host only if all that it kept are. */
	iprev->has_more = hosts > IPREV_NAMES_MAX ||
			  (answer->total > answer->count && hosts == answer->count);
	if (hosts > IPREV_NAMES_MAX)
		hosts = IPREV_NAMES_MAX;
	others = IPREV_NAMES_MAX - hosts;
	for (i = 0; i < answer->count; i++) {
		from = &answer->names[i];
		if (from->is_host ? hosts == 0 : others == 0)
			continue;
		name = &report->names[report->name_count++];
		name->queried = from->is_host;
		name->confirmed = false;
		name->text = keep_text(report, from->text);
		if (from->is_host)
			hosts--;
		else
			others--;
	}
	report->names_total = answer->total;
}

static void on_names(struct iprev *iprev, const struct dns_answer *answer)
{
	struct iprev_report *report = &iprev->report;
	uint16_t qtype = report->addr.family == 4 ? ns_t_a : ns_t_aaaa;
	unsigned int i, skipped;

	choose_names(iprev, answer);
	for (i = 0; i < report->name_count; i++)
		if (report->names[i].queried)
			add_step(report, report->names[i].text, qtype)->name = (uint8_t)i;
	skipped = (unsigned int)(report->name_count - (report->step_count - 1));
	if (report->names_total > report->name_count)
		set_note(report, &report->steps[0], "only %u of %u names evaluated",
			 report->name_count, report->names_total);
	else if (skipped > 0)
		set_note(report, &report->steps[0], "%u not a host name", skipped);
	/* Names that can have no address are answered: none of them confirms. */
	if (report->step_count == 1)
		conclude(iprev);
}

static void on_ptr(struct iprev *iprev, const struct dns_answer *answer)
{
	if (!dns_status_is_certain(answer->status))
		end(iprev, IPREV_TEMPERROR, 0);
	else if (answer->status == DNS_DATA)
		on_names(iprev, answer);
	else
		end(iprev, IPREV_PERMERROR, answer->ttl_sec);
}

/* --- the forward answers -------------------------------------------------------------------- */

static bool has_client(const struct iprev_report *report, const struct dns_answer *answer)
{
	unsigned int i;

	/* The client is not special-purpose, so no such address can confirm it. */
	for (i = 0; i < answer->count; i++)
		if (addr_equal(&answer->addrs[i], &report->addr))
			return true;
	return false;
}

static void note_special(struct iprev_report *report, struct iprev_step *step,
			 const struct dns_answer *answer)
{
	unsigned int i, special = 0;

	for (i = 0; i < answer->count; i++)
		special += addr_special(&answer->addrs[i]) != NULL;
	if (special > 0)
		set_note(report, step, "%u special-purpose, no evidence", special);
}

static void on_addresses(struct iprev *iprev, struct iprev_step *step,
			 const struct dns_answer *answer)
{
	struct iprev_report *report = &iprev->report;

	if (answer->status == DNS_DATA) {
		note_special(report, step, answer);
		if (has_client(report, answer)) {
			report->names[step->name].confirmed = true;
			end(iprev, IPREV_PASS, min_u32(report->steps[0].ttl_sec, step->ttl_sec));
			return;
		}
	}
	if (iprev->open == 0 && iprev->next == report->step_count)
		conclude(iprev);
}

/* --- answers in ----------------------------------------------------------------------------- */

static void record(struct iprev_step *step, const struct dns_answer *answer, const char *server,
		   uint32_t elapsed_us)
{
	step->answered = true;
	step->status = answer->status;
	step->rcode = answer->rcode;
	step->ttl_sec = answer->ttl_sec;
	step->records = answer->total;
	step->elapsed_us = elapsed_us;
	step->server = server ? server : "";
	step->note = answer->note ? answer->note : "";
}

void iprev_answer(struct iprev *iprev, uint8_t id, const struct dns_answer *answer,
		  const char *server, uint32_t elapsed_us)
{
	struct iprev_step *step;

	if (iprev_is_done(iprev) || id >= iprev->next || iprev->report.steps[id].answered)
		return;
	step = &iprev->report.steps[id];
	record(step, answer, server, elapsed_us);
	iprev->open--;
	if (id == 0)
		on_ptr(iprev, answer);
	else
		on_addresses(iprev, step, answer);
}

void iprev_expire(struct iprev *iprev)
{
	static const struct dns_answer late = {.status = DNS_TIMEOUT, .note = "deadline passed"};
	unsigned int i;

	if (iprev_is_done(iprev))
		return;
	for (i = 0; i < iprev->report.step_count; i++)
		if (!iprev->report.steps[i].answered)
			record(&iprev->report.steps[i], &late, NULL, 0);
	end(iprev, IPREV_TEMPERROR, 0);
}
