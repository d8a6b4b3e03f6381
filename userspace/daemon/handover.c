/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/aftermath.h"
#include "daemon/worker.h"

#define SETTING   "troubles" /* "SEC BOOT" of its writing, then aftermath_to_text() */
#define AGAIN_SEC 30u
#define DOUBT_SEC 3600u /* nothing counts for so long when nobody can say what was */

int handover_write_head(uint32_t now_sec, char buf[static HANDOVER_HEAD_MAX])
{
	char boot[CLOCK_BOOT_MAX];

	return snprintf(buf, HANDOVER_HEAD_MAX, "%" PRIu32 " %s\n", now_sec, clock_boot(boot));
}

char *handover_read_head(char *text, uint32_t now_sec, int64_t *ret_shift)
{
	char boot[CLOCK_BOOT_MAX], *rest = NULL, *end = strchr(text, '\n');
	const char *word;
	uint64_t sec;

	if (!end)
		return NULL;
	*end = '\0';
	word = strtok_r(text, " ", &rest);
	if (!word || text_to_u64(word, 1, UINT32_MAX, &sec) < 0)
		return NULL;
	word = strtok_r(NULL, " ", &rest);
	if (!word || strtok_r(NULL, " ", &rest))
		return NULL;
	clock_boot(boot);
	if (strcmp(word, boot) == 0 && sec <= now_sec)
		*ret_shift = 0;
	else
		*ret_shift = (int64_t)now_sec - (int64_t)sec;
	return end + 1;
}

static int read_all(char *text, uint32_t now_sec, struct aftermath *ret)
{
	int64_t shift_sec;
	char *zones = handover_read_head(text, now_sec, &shift_sec);

	return zones ? aftermath_from_text(zones, shift_sec, now_sec, ret) : -EBADMSG;
}

void handover_load(struct worker *worker)
{
	const struct prefix everything = {.bits = 0};
	struct aftermath aftermath = {.count = 0};
	uint32_t now_sec = judge_now_sec();
	char *text = NULL;
	int err = store_setting_get(worker->store, SETTING, &text);

	worker->handover.is_loaded = true;
	worker->handover.is_there = err != -ENOENT;
	if (err == 0)
		err = read_all(text, now_sec, &aftermath);
	free(text);
	if (err == -ENOENT)
		return;
	if (err < 0) {
		log_warn("event=troubles-not-read error=\"%s\" detail=\"nobody is newly refused "
			 "before what is found bad an hour from now\"",
			 strerror(-err));
		aftermath_add(&aftermath, &everything, now_sec, DOUBT_SEC, now_sec);
	} else if (aftermath.count > 0) {
		log_info("event=troubles-restored zones=%u", aftermath.count);
	}
	breaker_take_over(worker->breaker, &aftermath);
	/* By the clock of now, or it would begin anew with each worker that ends badly. */
	worker->handover.has_changed = true;
}

void handover_save(struct worker *worker)
{
	static struct aftermath aftermath;
	static char text[HANDOVER_HEAD_MAX + AFTERMATH_TEXT_MAX];
	struct handover *handover = &worker->handover;
	uint32_t now_sec = judge_now_sec();
	int head, err;

	/* A worker that did not come as far as reading it must not write it. */
	if (!handover->is_loaded)
		return;
	breaker_hand_over(worker->breaker, now_sec, &aftermath);
	if (aftermath.count == 0 && !handover->is_there)
		return;
	head = handover_write_head(now_sec, text);
	aftermath_to_text(&aftermath, now_sec, text + head);
	err = store_setting_put(worker->store, SETTING, text);
	if (err < 0 && !handover->has_failed)
		log_warn("event=troubles-not-saved error=\"%s\" detail=\"a reload forgets them\"",
			 strerror(-err));
	handover->has_failed = handover->has_changed = err < 0;
	handover->again_sec = err < 0 ? now_sec + AGAIN_SEC : 0;
	handover->is_there = true;
}

void handover_on_change(struct worker *worker)
{
	worker->handover.has_changed = true;
}

void handover_tick(struct worker *worker)
{
	if (worker->handover.has_changed && judge_now_sec() >= worker->handover.again_sec)
		handover_save(worker);
}
