/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What an operator should know now, until it is over: a few alarms with names,
 * each with the moment since it stands and a sentence of detail. One log line at
 * error level when it begins, another every ten minutes while it lasts, one
 * when it is over; `mxgate status` shows those that stand.
 *
 * Whoever sees the trouble raises and clears: nothing is decided here, and no
 * alarm ever changes a verdict. Fixed size; an alarm that finds no room is logged
 * and not kept.
 */
#ifndef MXGATE_DAEMON_ALARMS_H
#define MXGATE_DAEMON_ALARMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ALARMS_MAX       8
#define ALARM_NAME_MAX   32
#define ALARM_DETAIL_MAX 512
#define ALARM_AGAIN_SEC  600

struct alarm {
	char name[ALARM_NAME_MAX];     /* "dns-trouble": its event in the log, too */
	char detail[ALARM_DETAIL_MAX]; /* the latest */
	int64_t since_sec;             /* wall time, for people */
	uint64_t raised_ns;
	uint64_t logged_ns;
};

/* All-zero is none. */
struct alarms {
	struct alarm list[ALARMS_MAX]; /* in the order in which they were raised */
	unsigned int count;
};

/*
 * name is shorter than ALARM_NAME_MAX. Raises the alarm, or gives the one that stands a new detail
 * (which is logged the next time that its turn comes). The detail must be escaped: it may have no
 * byte outside 0x20..0x7e, and is cut when it is longer than there is room.
 */
void alarms_raise(struct alarms *alarms, uint64_t now_ns, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Ends the alarm, if it stands; over is the event that says so ("dns-recovered"). */
void alarms_clear(struct alarms *alarms, uint64_t now_ns, const char *name, const char *over);

bool alarms_is_raised(const struct alarms *alarms, const char *name);

/* Once a second or so: logs again what has stood for ten minutes more. */
void alarms_tick(struct alarms *alarms, uint64_t now_ns);

/* [{name, since, detail}], oldest first. A new reference or NULL. */
json_t *alarms_json(const struct alarms *alarms);

#endif
