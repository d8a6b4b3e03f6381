/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/canaries.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define ROUND_SEC      60 /* between two looks at them */
#define OPEN_ROUND_SEC 30 /* while the breaker is open for everything */
#define LABEL_MAX      63

/* --- hosts ---------------------------------------------------------------------------- */

/* One label, which ends at a dot or with the text: its length, or 0 when it is none. */
static size_t label_length(const char *text, bool *ret_has_letter)
{
	size_t len = 0;

	for (*ret_has_letter = false; text[len] && text[len] != '.'; len++) {
		if (!isalnum((unsigned char)text[len]) && text[len] != '-' && text[len] != '_')
			return 0;
		*ret_has_letter |= isalpha((unsigned char)text[len]) != 0;
	}
	if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return 0;
	return len;
}

static int name_parse(const char *text, char name[static DNS_HOST_TEXT_MAX])
{
	size_t len = strlen(text), at = 0, label;
	unsigned int labels = 0;
	bool has_letter = false;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len >= DNS_HOST_TEXT_MAX)
		return -EINVAL;
	do {
		label = label_length(text + at, &has_letter);
		if (label == 0)
			return -EINVAL;
		at += label + 1;
		labels++;
	} while (at <= len);
	if (labels < 2 || !has_letter)
		return -EINVAL;
	for (at = 0; at < len; at++)
		name[at] = (char)tolower((unsigned char)text[at]);
	name[len] = '\0';
	return 0;
}

int canary_host_parse(const char *text, struct canary_host *ret)
{
	struct canary_host host = {.name = ""};

	if (addr_parse(text, &host.addr) == 0) {
		if (addr_special(&host.addr))
			return -EINVAL;
	} else if (name_parse(text, host.name) < 0) {
		return -EINVAL;
	}
	*ret = host;
	return 0;
}

bool canary_host_equal(const struct canary_host *a, const struct canary_host *b)
{
	return strcmp(a->name, b->name) == 0 && addr_equal(&a->addr, &b->addr);
}

const char *canary_host_format(const struct canary_host *host, char buf[static DNS_HOST_TEXT_MAX])
{
	return *host->name ? strcpy(buf, host->name) : addr_format(&host->addr, buf);
}

/* --- one canary ------------------------------------------------------------------------- */

static bool is_name(const struct canary *canary)
{
	return *canary->host.name != '\0';
}

static void keep_only(struct canary *canary, unsigned int i)
{
	canary->addrs[0] = canary->addrs[i];
	canary->count = canary->at = 1;
	canary->bad = 0;
	canary->is_fresh = false;
	canary->is_wanted = false;
}

static void become_good(struct canary *canary, unsigned int i)
{
	keep_only(canary, i);
	canary->state = CANARY_GOOD;
	canary->was_good = canary->is_settled = true;
	canary->is_aside = canary->is_lost = false;
}

static void become_bad(struct canary *canary, uint32_t now_sec)
{
	if (canary->state != CANARY_BAD)
		canary->bad_sec = now_sec;
	canary->state = CANARY_BAD;
	canary->is_settled = true;
}

/* An address that it had is bad: of a name, what it has now is asked for before it counts. */
static void consider_bad(struct canary *canary, uint32_t now_sec)
{
	if (canary->bad != (1u << canary->count) - 1)
		return;
	if (is_name(canary) && !canary->is_fresh)
		canary->is_wanted = true;
	else if (canary->is_all)
		become_bad(canary, now_sec);
}

/* What is bad for so long is news, not trouble. */
static void consider_aside(struct canary *canary, uint32_t longest_sec, uint32_t now_sec)
{
	if (canary->state == CANARY_BAD && now_sec - canary->bad_sec >= longest_sec)
		canary->is_aside = true;
}

static int find_addr(const struct canary *canary, const struct addr *addr)
{
	for (int i = 0; i < canary->count; i++)
		if (addr_equal(&canary->addrs[i], addr))
			return i;
	return -1;
}

static void begin_round(struct canary *canary, bool is_open)
{
	canary->misses = canary->is_settled ? 0 : canary->misses + 1;
	canary->is_settled = false;
	canary->bad = 0;
	canary->at = 0;
	if (!is_name(canary))
		return;
	canary->is_fresh = false;
	canary->is_wanted = is_open || canary->state != CANARY_GOOD || canary->misses > 0;
	if (canary->is_wanted)
		canary->at = canary->count;
}

/* --- all of them ------------------------------------------------------------------------ */

void canaries_init(struct canaries *canaries, const struct canary_host *hosts, unsigned int count,
		   uint32_t longest_sec)
{
	memset(canaries, 0, sizeof(*canaries));
	canaries->count = count;
	canaries->longest_sec = longest_sec;
	for (unsigned int i = 0; i < count; i++) {
		struct canary *canary = &canaries->list[i];

		canary->host = hosts[i];
		canary->is_settled = true; /* no round has missed it */
		if (is_name(canary))
			continue;
		canary->addrs[0] = hosts[i].addr;
		canary->count = canary->at = 1;
		canary->is_all = true;
	}
}

bool canaries_on_good(struct canaries *canaries, const struct addr *addr)
{
	bool is_one = false;
	int at;

	for (unsigned int i = 0; i < canaries->count; i++) {
		at = find_addr(&canaries->list[i], addr);
		if (at < 0)
			continue;
		become_good(&canaries->list[i], (unsigned int)at);
		is_one = true;
	}
	return is_one;
}

bool canaries_on_bad(struct canaries *canaries, const struct addr *addr, uint32_t now_sec)
{
	bool is_one = false;
	int at;

	for (unsigned int i = 0; i < canaries->count; i++) {
		struct canary *canary = &canaries->list[i];

		at = find_addr(canary, addr);
		if (at < 0)
			continue;
		canary->bad |= (uint8_t)(1u << at);
		consider_bad(canary, now_sec);
		consider_aside(canary, canaries->longest_sec, now_sec);
		is_one = true;
	}
	return is_one;
}

static struct canary *find_name(struct canaries *canaries, const char *name)
{
	for (unsigned int i = 0; i < canaries->count; i++)
		if (is_name(&canaries->list[i]) && strcmp(canaries->list[i].host.name, name) == 0)
			return &canaries->list[i];
	return NULL;
}

void canaries_on_forward(struct canaries *canaries, const struct forward_report *report,
			 uint32_t now_sec)
{
	struct canary *canary = find_name(canaries, report->name);

	if (!canary)
		return;
	canary->is_lost = report->count == 0 && !report->is_certain;
	if (canary->is_lost)
		return;
	memcpy(canary->addrs, report->addrs, sizeof(canary->addrs));
	canary->count = (uint8_t)report->count;
	canary->at = canary->bad = 0;
	canary->is_all = report->is_certain;
	canary->is_fresh = true;
	consider_bad(canary, now_sec);
	consider_aside(canary, canaries->longest_sec, now_sec);
}

unsigned int canaries_counted(const struct canaries *canaries)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < canaries->count; i++)
		count += !canaries->list[i].is_aside;
	return count;
}

unsigned int canaries_well(const struct canaries *canaries)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < canaries->count; i++)
		count += canaries->list[i].state != CANARY_BAD;
	return count;
}

unsigned int canaries_recovered(const struct canaries *canaries)
{
	unsigned int count = canaries_well(canaries);

	/* One that never was well holds nobody up. */
	for (unsigned int i = 0; i < canaries->count; i++)
		count -= canaries->list[i].is_lost && canaries->list[i].state == CANARY_GOOD;
	return count;
}

static void begin_rounds(struct canaries *canaries, bool is_open, uint32_t now_sec)
{
	uint32_t pause = is_open ? OPEN_ROUND_SEC : ROUND_SEC;

	if (canaries->round_sec && now_sec - canaries->round_sec < pause)
		return;
	for (unsigned int i = 0; i < canaries->count; i++) {
		consider_aside(&canaries->list[i], canaries->longest_sec, now_sec);
		begin_round(&canaries->list[i], is_open);
	}
	canaries->round_sec = now_sec;
}

bool canaries_next(struct canaries *canaries, bool is_open, uint32_t now_sec, struct addr *ret)
{
	begin_rounds(canaries, is_open, now_sec);
	for (unsigned int i = 0; i < canaries->count; i++) {
		struct canary *canary = &canaries->list[i];

		if (canary->at >= canary->count)
			continue;
		*ret = canary->addrs[canary->at++];
		return true;
	}
	return false;
}

const char *canaries_next_name(struct canaries *canaries)
{
	for (unsigned int i = 0; i < canaries->count; i++) {
		if (!canaries->list[i].is_wanted)
			continue;
		canaries->list[i].is_wanted = false;
		return canaries->list[i].host.name;
	}
	return NULL;
}
