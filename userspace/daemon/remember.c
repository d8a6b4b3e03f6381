/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/remember.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "daemon/worker.h"

#define STEP_MS 10
/*
 * Twice in the life of the shortest pass: who has passed since the last save is in the
 * verdict table then, and nobody falls between the two when the worker dies.
 */
#define PAUSE_MIN_SEC 10
#define PAUSE_MAX_SEC 600

static struct goodfile_moment moment(void)
{
	struct goodfile_moment now = {.now_sec = judge_now_sec(), .wall_sec = clock_wall_sec()};

	clock_boot(now.boot);
	return now;
}

/* Changes when somebody was found good, or has been refused. */
static uint64_t changes(const struct worker *worker)
{
	struct resolver_stats stats;

	resolver_get_stats(worker->resolver, &stats);
	return stats.done[IPREV_PASS] + worker->cautions[POLICY_CAUTION_NONE];
}

static void on_due(uv_timer_t *timer);

static void wait_for_next(struct worker *worker)
{
	uint64_t sec = worker->conf->policy.row[MXG_REASON_PASS].ttl_min_sec / 2;

	if (sec > PAUSE_MAX_SEC)
		sec = PAUSE_MAX_SEC;
	if (sec < PAUSE_MIN_SEC)
		sec = PAUSE_MIN_SEC;
	uv_timer_start(&worker->remember.timer, on_due, sec * 1000, 0);
}

static void tell_failure(int err)
{
	log_warn(
		"event=known-good-not-saved error=\"%s\" hint=\"make room, or rights, in the state "
		"directory; until then the older file stands\"",
		strerror(-err));
}

/* Of what is being written; it is gone after that. */
static void finish(struct remember *remember, int err, const char *how)
{
	if (err < 0)
		tell_failure(err);
	else
		log_debug("event=known-good-saved sources=%" PRIu32 " how=%s",
			  goodfile_count(remember->file), how);
	goodfile_free(remember->file);
	remember->file = NULL;
}

/* In a thread of its own: a disk may take seconds for a part, and nobody waits for that. */
static void *write_part(void *arg)
{
	struct remember *remember = arg;

	remember->err = goodfile_write(remember->file);
	return NULL;
}

static void on_step(uv_timer_t *timer);

static void end(struct worker *worker, int err)
{
	if (err < 0)
		worker->remember.saved = UINT64_MAX;
	finish(&worker->remember, err, "running");
	wait_for_next(worker);
}

static void on_written(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	struct remember *remember = &worker->remember;

	if (pthread_tryjoin_np(remember->writer, NULL) == EBUSY) {
		uv_timer_start(timer, on_written, STEP_MS, 0);
		return;
	}
	remember->is_writing = false;
	if (remember->err == 0 && remember->has_more)
		on_step(timer);
	else
		end(worker, remember->err);
}

static void on_step(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	struct remember *remember = &worker->remember;
	int err;

	remember->has_more = goodfile_collect(remember->file, worker->history, judge_now_sec());
	err = thread_start(&remember->writer, write_part, remember);
	if (err < 0) {
		end(worker, err);
		return;
	}
	remember->is_writing = true;
	uv_timer_start(timer, on_written, STEP_MS, 0);
}

static void on_due(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	const struct goodfile_moment now = moment();
	uint64_t seen = changes(worker);
	int err;

	if (seen == worker->remember.saved) {
		wait_for_next(worker);
		return;
	}
	err = goodfile_new(worker->conf->state_directory, &now, &worker->remember.file);
	if (err < 0) {
		end(worker, err);
		return;
	}
	worker->remember.saved = seen;
	on_step(timer);
}

void remember_load(struct worker *worker)
{
	const struct goodfile_moment now = moment();
	uint64_t start_ns = clock_mono_ns();
	uint32_t count = 0;
	int err = goodfile_read(worker->conf->state_directory, &now, worker->history, &count);

	worker->remember.is_loaded = true;
	if (err == -EBADMSG)
		log_warn("event=known-good-damaged sources=%" PRIu32
			 " detail=\"the rest is forgotten, and nobody worse off than a stranger\"",
			 count);
	else if (err < 0 && err != -ENOENT)
		log_warn("event=known-good-not-read error=\"%s\"", strerror(-err));
	else if (count)
		log_info("event=known-good-restored sources=%" PRIu32 " ms=%" PRIu64, count,
			 (clock_mono_ns() - start_ns) / 1000000);
}

void remember_start(struct worker *worker)
{
	uv_timer_init(&worker->loop, &worker->remember.timer);
	worker->remember.timer.data = worker;
	worker->remember.saved = changes(worker);
	wait_for_next(worker);
}

void remember_stop(struct worker *worker)
{
	if (worker->remember.timer.data)
		uv_close((uv_handle_t *)&worker->remember.timer, NULL);
	if (worker->remember.is_writing)
		pthread_join(worker->remember.writer, NULL);
	worker->remember.is_writing = false;
	goodfile_free(worker->remember.file);
	worker->remember.file = NULL;
}

void remember_save(struct worker *worker)
{
	const struct goodfile_moment now = moment();
	struct remember *remember = &worker->remember;
	bool more = true;
	int err;

	/* A worker that did not come as far as reading it must not write it. */
	if (!remember->is_loaded)
		return;
	err = goodfile_new(worker->conf->state_directory, &now, &remember->file);
	while (err == 0 && more) {
		more = goodfile_collect(remember->file, worker->history, now.now_sec);
		err = goodfile_write(remember->file);
	}
	finish(remember, err, "stopping");
}
