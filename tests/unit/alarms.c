// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Alarms: when a line is logged and when none is, what stands and in which order. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/alarms.h"

#define SEC CLOCK_NS_PER_SEC

static int pipes[2];

static void listen_to_log(void)
{
	cr_assert_eq(pipe2(pipes, O_NONBLOCK), 0);
	cr_assert_geq(dup2(pipes[1], STDERR_FILENO), 0);
}

/* What has been logged since the last call. */
static const char *logged(void)
{
	static char text[8192];
	ssize_t n = read(pipes[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void expect_state(const struct alarms *alarms, const char *names)
{
	json_t *list = alarms_json(alarms), *one;
	char got[256] = "";
	size_t i;

	json_array_foreach (list, i, one) {
		strcat(got, json_string_value(json_object_get(one, "name")));
		strcat(got, " ");
		cr_expect_eq(strlen(json_string_value(json_object_get(one, "since"))), 20);
	}
	cr_expect_str_eq(got, names);
	json_decref(list);
}

Test(alarms, a_line_when_it_begins_every_ten_minutes_and_when_it_is_over, .init = listen_to_log)
{
	static struct alarms alarms;
	uint64_t now = 1000 * SEC;

	alarms_raise(&alarms, now, "dns-trouble", "%d of %d", 5, 6);
	cr_expect_str_eq(logged(),
			 "mxgate: level=error event=dns-trouble state=raised detail=\"5 of 6\"\n");
	cr_expect(alarms_is_raised(&alarms, "dns-trouble"));
	cr_expect_not(alarms_is_raised(&alarms, "dns"));
	alarms_raise(&alarms, now + SEC, "dns-trouble", "7 of 8");
	alarms_tick(&alarms, now + SEC);
	alarms_tick(&alarms, now + 599 * SEC);
	cr_expect_str_eq(logged(), "", "one line, however often it is raised");
	alarms_tick(&alarms, now + 600 * SEC);
	cr_expect_str_eq(logged(), "mxgate: level=error event=dns-trouble state=lasting lasts=10m "
				   "detail=\"7 of 8\"\n");
	alarms_tick(&alarms, now + 601 * SEC);
	alarms_tick(&alarms, now + 1199 * SEC);
	cr_expect_str_eq(logged(), "");
	alarms_tick(&alarms, now + 1200 * SEC);
	cr_expect_neq(strstr(logged(), "lasts=20m"), NULL);
	expect_state(&alarms, "dns-trouble ");
	alarms_clear(&alarms, now + 1230 * SEC, "dns-trouble", "dns-recovered");
	cr_expect_str_eq(logged(), "mxgate: level=warn event=dns-recovered alarm=dns-trouble "
				   "lasted=1230s\n");
	expect_state(&alarms, "");
	alarms_clear(&alarms, now + 1231 * SEC, "dns-trouble", "dns-recovered");
	alarms_tick(&alarms, now + 9999 * SEC);
	cr_expect_str_eq(logged(), "", "what does not stand is not over");
}

Test(alarms, several_stand_in_the_order_they_came, .init = listen_to_log)
{
	static struct alarms alarms;

	alarms_raise(&alarms, SEC, "a", "1");
	alarms_raise(&alarms, 2 * SEC, "b", "2");
	alarms_raise(&alarms, 3 * SEC, "c", "3");
	expect_state(&alarms, "a b c ");
	alarms_clear(&alarms, 4 * SEC, "b", "b-over");
	expect_state(&alarms, "a c ");
	alarms_raise(&alarms, 5 * SEC, "b", "4");
	expect_state(&alarms, "a c b ");
	alarms_clear(&alarms, 6 * SEC, "a", "a-over");
	alarms_clear(&alarms, 6 * SEC, "b", "b-over");
	expect_state(&alarms, "c ");
	cr_expect_str_eq(alarms.list[0].detail, "3");
}

Test(alarms, more_than_there_is_room_for, .init = listen_to_log)
{
	static struct alarms alarms;
	char name[8], longer[2 * ALARM_DETAIL_MAX];
	unsigned int i;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (i = 0; i < ALARMS_MAX; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		alarms_raise(&alarms, SEC, name, "%s", longer);
	}
	logged();
	alarms_raise(&alarms, SEC, "late", "still told");
	cr_expect_neq(strstr(logged(), "event=late state=raised detail=\"still told\""), NULL);
	cr_expect_eq(alarms.count, ALARMS_MAX);
	cr_expect_not(alarms_is_raised(&alarms, "late"));
	cr_expect_eq(strlen(alarms.list[0].detail), ALARM_DETAIL_MAX - 1);
}
