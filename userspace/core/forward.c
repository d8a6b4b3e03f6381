/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/forward.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

static const struct {
	uint16_t qtype;
	uint8_t family;
} QUESTIONS[] = {{ns_t_a, 4}, {ns_t_aaaa, 6}};

#define QUESTION_COUNT (sizeof(QUESTIONS) / sizeof(QUESTIONS[0]))
#define ALL_ANSWERED   ((1u << QUESTION_COUNT) - 1)

void forward_init(struct forward *forward, const char *name)
{
	memset(forward, 0, sizeof(*forward));
	forward->report.is_certain = true;
	snprintf(forward->report.name, sizeof(forward->report.name), "%s", name);
}

bool forward_is_done(const struct forward *forward)
{
	return forward->answered == ALL_ANSWERED;
}

bool forward_next(struct forward *forward, struct iprev_query *ret)
{
	if (forward_is_done(forward) || forward->next >= QUESTION_COUNT)
		return false;
	ret->id = forward->next++;
	ret->qtype = QUESTIONS[ret->id].qtype;
	ret->qname = forward->report.name;
	return true;
}

static void keep(struct forward_report *report, const struct dns_answer *answer, uint8_t family)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < answer->count && kept < FORWARD_EACH; i++) {
		if (answer->addrs[i].family != family || addr_special(&answer->addrs[i]))
			continue;
		report->addrs[report->count++] = answer->addrs[i];
		kept++;
	}
}

void forward_answer(struct forward *forward, uint8_t id, const struct dns_answer *answer)
{
	if (id >= forward->next || forward->answered & 1u << id)
		return;
	forward->answered |= (uint8_t)(1u << id);
	if (!dns_status_is_certain(answer->status))
		forward->report.is_certain = false;
	else if (answer->status == DNS_DATA)
		keep(&forward->report, answer, QUESTIONS[id].family);
}

void forward_expire(struct forward *forward)
{
	if (forward_is_done(forward))
		return;
	forward->answered = ALL_ANSWERED;
	forward->report.is_certain = false;
}
