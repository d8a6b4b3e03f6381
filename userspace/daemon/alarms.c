/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/alarms.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static struct alarm *find(const struct alarms *alarms, const char *name)
{
	for (unsigned int i = 0; i < alarms->count; i++)
		if (strcmp(alarms->list[i].name, name) == 0)
			return (struct alarm *)&alarms->list[i];
	return NULL;
}

static const char *lasted(const struct alarm *alarm, uint64_t now_ns, char buf[TEXT_SPAN_MAX])
{
	return text_from_span((now_ns - alarm->raised_ns) / CLOCK_NS_PER_SEC, buf);
}

static struct alarm *add(struct alarms *alarms, uint64_t now_ns, const char *name)
{
	struct alarm *alarm;

	if (alarms->count == ALARMS_MAX)
		return NULL;
	alarm = &alarms->list[alarms->count++];
	memset(alarm, 0, sizeof(*alarm));
	snprintf(alarm->name, sizeof(alarm->name), "%s", name);
	alarm->since_sec = clock_wall_sec();
	alarm->raised_ns = alarm->logged_ns = now_ns;
	return alarm;
}

void alarms_raise(struct alarms *alarms, uint64_t now_ns, const char *name, const char *fmt, ...)
{
	struct alarm *alarm = find(alarms, name);
	char detail[ALARM_DETAIL_MAX];
	bool is_new = !alarm;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	if (is_new) {
		alarm = add(alarms, now_ns, name);
		log_error("event=%s state=raised detail=\"%s\"", name, detail);
	}
	if (alarm)
		strcpy(alarm->detail, detail);
}

void alarms_clear(struct alarms *alarms, uint64_t now_ns, const char *name, const char *over)
{
	struct alarm *alarm = find(alarms, name);
	char span[TEXT_SPAN_MAX];
	unsigned int after;

	if (!alarm)
		return;
	log_warn("event=%s alarm=%s lasted=%s", over, name, lasted(alarm, now_ns, span));
	after = alarms->count - (unsigned int)(alarm - alarms->list) - 1;
	memmove(alarm, alarm + 1, after * sizeof(*alarm));
	alarms->count--;
}

bool alarms_is_raised(const struct alarms *alarms, const char *name)
{
	return find(alarms, name) != NULL;
}

void alarms_tick(struct alarms *alarms, uint64_t now_ns)
{
	char span[TEXT_SPAN_MAX];

	for (unsigned int i = 0; i < alarms->count; i++) {
		struct alarm *alarm = &alarms->list[i];

		if (now_ns - alarm->logged_ns < ALARM_AGAIN_SEC * CLOCK_NS_PER_SEC)
			continue;
		alarm->logged_ns = now_ns;
		log_error("event=%s state=lasting lasts=%s detail=\"%s\"", alarm->name,
			  lasted(alarm, now_ns, span), alarm->detail);
	}
}

json_t *alarms_json(const struct alarms *alarms)
{
	char since[TEXT_MOMENT_MAX];
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < alarms->count; i++) {
		const struct alarm *alarm = &alarms->list[i];

		text_from_moment(alarm->since_sec, since);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", alarm->name,
						      "since", since, "detail", alarm->detail));
	}
	return list;
}
