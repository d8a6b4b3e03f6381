/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Evidence as bytes: a head, a part for each step, then the texts, each with its NUL:
 * special, the names, of each step server and note, the pattern that decided on a name.
 * What follows from these (the names asked for, the findings in a name) is not written.
 * Reading believes nothing: a file may be damaged.
 */
#include <string.h>

#include "base/text.h"
#include "core/evidence.h"

#define PACKED_VERSION 2

struct head {
	uint8_t version;
	uint8_t result;
	uint8_t reason;
	uint8_t name_count;
	uint8_t step_count;
	uint8_t row_action;
	uint8_t row_enforce;
	uint8_t is_special;
	uint16_t names_total;
	uint16_t queried, confirmed; /* a bit for each name */
	uint8_t generic;             /* GENERIC_*, 0: no name was judged */
	uint8_t generic_name;        /* number of the name that decided */
	uint32_t dns_ttl_sec;
	uint32_t row_ttl_min_sec, row_ttl_max_sec;
	int64_t decided_sec;
	struct policy_decision decision;
};

#define GENERIC_JUDGED  1
#define GENERIC_YES     2
#define GENERIC_GAVE_UP 4

struct packed_step {
	uint32_t ttl_sec, elapsed_us;
	uint16_t qtype, rcode, records;
	uint8_t status;
	uint8_t name;
	uint8_t answered;
	uint8_t zero[3];
};

/* --- out ------------------------------------------------------------------------------------ */

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

static uint8_t *put_text(uint8_t *at, const char *text, size_t max)
{
	size_t len = strnlen(text, max - 1);

	at = put(at, text, len);
	*at++ = '\0';
	return at;
}

static void fill_head(const struct iprev_report *report, const struct policy_row *row,
		      struct head *head)
{
	unsigned int i;

	head->version = PACKED_VERSION;
	head->result = (uint8_t)report->result;
	head->name_count = report->name_count;
	head->step_count = report->step_count;
	head->row_action = (uint8_t)row->action;
	head->row_enforce = row->enforce;
	head->row_ttl_min_sec = row->ttl_min_sec;
	head->row_ttl_max_sec = row->ttl_max_sec;
	head->is_special = report->special != NULL;
	head->names_total = report->names_total;
	head->dns_ttl_sec = report->ttl_sec;
	for (i = 0; i < report->name_count; i++) {
		head->queried |= (uint16_t)(report->names[i].queried << i);
		head->confirmed |= (uint16_t)(report->names[i].confirmed << i);
	}
}

static uint8_t *put_step(uint8_t *at, const struct iprev_step *step)
{
	struct packed_step packed = {
		.ttl_sec = step->ttl_sec,
		.elapsed_us = step->elapsed_us,
		.qtype = step->qtype,
		.rcode = step->rcode,
		.records = step->records,
		.status = (uint8_t)step->status,
		.name = step->name,
		.answered = step->answered,
	};

	return put(at, &packed, sizeof(packed));
}

static void fill_generic(const struct iprev_report *report, const struct rdns_result *generic,
			 struct head *head)
{
	uint8_t i;

	for (i = 0; generic && i < report->name_count; i++)
		if (strcmp(report->names[i].text, generic->name) == 0)
			break;
	if (!generic || i == report->name_count)
		return;
	head->generic_name = i;
	head->generic = (uint8_t)(GENERIC_JUDGED | (generic->is_generic ? GENERIC_YES : 0) |
				  (generic->pattern_gave_up ? GENERIC_GAVE_UP : 0));
}

size_t evidence_pack(const struct iprev_report *report, const struct rdns_result *generic,
		     const struct policy *policy, const struct policy_decision *decision,
		     int64_t decided_sec, uint8_t ret[static EVIDENCE_PACKED_MAX])
{
	struct head head = {.reason = (uint8_t)decision->reason,
			    .decided_sec = decided_sec,
			    .decision = *decision};
	uint8_t *at = ret + sizeof(head);
	unsigned int i;

	fill_head(report, &policy->row[decision->reason], &head);
	fill_generic(report, generic, &head);
	memcpy(ret, &head, sizeof(head));
	for (i = 0; i < report->step_count; i++)
		at = put_step(at, &report->steps[i]);
	at = put_text(at, report->special ? report->special : "", IPREV_NOTE_MAX);
	for (i = 0; i < report->name_count; i++)
		at = put_text(at, report->names[i].text, DNS_NAME_TEXT_MAX);
	for (i = 0; i < report->step_count; i++) {
		at = put_text(at, report->steps[i].server, ENDPOINT_TEXT_MAX);
		at = put_text(at, report->steps[i].note, IPREV_NOTE_MAX);
	}
	if (head.generic)
		at = put_text(at, generic->pattern, PATTERN_AT_MAX);
	return (size_t)(at - ret);
}

/* --- in ------------------------------------------------------------------------------------- */

struct cursor {
	const uint8_t *at, *end;
	bool is_bad;
};

static void get(struct cursor *cursor, void *ret, size_t len)
{
	if ((size_t)(cursor->end - cursor->at) < len) {
		cursor->is_bad = true;
		return;
	}
	memcpy(ret, cursor->at, len);
	cursor->at += len;
}

/* In place: the bytes outlive what is made of them. */
static const char *get_text(struct cursor *cursor)
{
	const char *text = (const char *)cursor->at;
	const uint8_t *nul = memchr(cursor->at, 0, (size_t)(cursor->end - cursor->at));

	/* What was packed had been escaped. */
	if (!nul || !text_is_printable(text)) {
		cursor->is_bad = true;
		return "";
	}
	cursor->at = nul + 1;
	return text;
}

static bool is_sane(const struct head *head)
{
	return head->version == PACKED_VERSION && head->result <= IPREV_SPECIAL &&
	       head->name_count <= IPREV_NAMES_MAX && head->step_count <= IPREV_STEPS_MAX &&
	       (head->result == IPREV_SPECIAL) == (head->is_special != 0) &&
	       (head->result == IPREV_SPECIAL) == (head->step_count == 0) &&
	       head->row_action < MXG_ACTION_MAX && head->reason < MXG_REASON_MAX &&
	       head->decision.reason < MXG_REASON_MAX && head->decision.action < MXG_ACTION_MAX &&
	       head->decision.caution < POLICY_CAUTION_MAX &&
	       (!head->generic || head->generic_name < head->name_count);
}

static void get_step(struct cursor *cursor, struct iprev_report *report, unsigned int number)
{
	struct iprev_step *step = &report->steps[number];
	struct packed_step packed = {0};

	get(cursor, &packed, sizeof(packed));
	step->qtype = packed.qtype;
	step->rcode = packed.rcode;
	step->records = packed.records;
	step->status = (enum dns_status)packed.status;
	step->ttl_sec = packed.ttl_sec;
	step->elapsed_us = packed.elapsed_us;
	step->name = packed.name;
	step->answered = packed.answered;
	if (packed.status > DNS_OTHER || (number > 0 && packed.name >= report->name_count))
		cursor->is_bad = true;
}

static void get_texts(struct cursor *cursor, const struct head *head, struct iprev_report *report,
		      char reverse[static ADDR_REVERSE_MAX])
{
	const char *special = get_text(cursor);
	unsigned int i;

	report->special = head->is_special ? special : NULL;
	for (i = 0; i < report->name_count; i++) {
		report->names[i].text = get_text(cursor);
		report->names[i].queried = head->queried >> i & 1;
		report->names[i].confirmed = head->confirmed >> i & 1;
	}
	addr_reverse_name(&report->addr, reverse);
	reverse[strlen(reverse) - 1] = '\0';
	for (i = 0; i < report->step_count && !cursor->is_bad; i++) {
		report->steps[i].server = get_text(cursor);
		report->steps[i].note = get_text(cursor);
		report->steps[i].qname =
			i == 0 ? reverse : report->names[report->steps[i].name].text;
	}
}

/* Without the findings: evidence_to_json() makes them, they follow from name and address. */
static void get_generic(struct cursor *cursor, const struct head *head,
			const struct iprev_report *report, struct rdns_result *ret)
{
	const char *name = report->names[head->generic_name].text;
	const char *pattern = get_text(cursor);

	if (cursor->is_bad || strlen(name) >= sizeof(ret->name) ||
	    strlen(pattern) >= sizeof(ret->pattern)) {
		cursor->is_bad = true;
		return;
	}
	strcpy(ret->name, name);
	ret->is_generic = head->generic & GENERIC_YES;
	ret->pattern_gave_up = head->generic & GENERIC_GAVE_UP;
	strcpy(ret->pattern, pattern);
}

json_t *evidence_unpack(const struct addr *addr, const void *data, size_t len)
{
	struct cursor cursor = {.at = data, .end = (const uint8_t *)data + len};
	struct iprev_report report = {.addr = *addr};
	struct policy policy = {.row = {{0}}};
	struct policy_row *row;
	struct rdns_result generic;
	struct head head = {0};
	char reverse[ADDR_REVERSE_MAX];

	get(&cursor, &head, sizeof(head));
	if (cursor.is_bad || !is_sane(&head))
		return NULL;
	row = &policy.row[head.decision.reason];
	row->action = (enum mxg_action)head.row_action;
	row->enforce = head.row_enforce;
	row->ttl_min_sec = head.row_ttl_min_sec;
	row->ttl_max_sec = head.row_ttl_max_sec;
	report.result = (enum iprev_result)head.result;
	report.names_total = head.names_total;
	report.name_count = head.name_count;
	report.step_count = head.step_count;
	report.ttl_sec = head.dns_ttl_sec;
	for (unsigned int i = 0; i < report.step_count; i++)
		get_step(&cursor, &report, i);
	get_texts(&cursor, &head, &report, reverse);
	if (head.generic && !cursor.is_bad)
		get_generic(&cursor, &head, &report, &generic);
	if (cursor.is_bad)
		return NULL;
	return evidence_to_json(&report, head.generic ? &generic : NULL, &policy, &head.decision,
				head.decided_sec);
}
