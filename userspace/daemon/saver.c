/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/saver.h"

#include <errno.h>
#include <string.h>

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

static void on_due(uv_timer_t *timer);
static void step(struct saver *saver);

static void wait_for_next(struct saver *saver)
{
	uint64_t sec = saver->worker->conf->policy.row[MXG_REASON_PASS].ttl_min_sec / 2;

	if (sec > PAUSE_MAX_SEC)
		sec = PAUSE_MAX_SEC;
	if (sec < PAUSE_MIN_SEC)
		sec = PAUSE_MIN_SEC;
	uv_timer_start(&saver->timer, on_due, sec * 1000, 0);
}

static void finish(const struct saver_kind *kind, struct worker *worker, int err, const char *how)
{
	if (err < 0 && err != -ECANCELED)
		log_warn("event=%s-not-saved error=\"%s\" hint=\"make room, or rights, in the "
			 "state directory; until then an older file stands\"",
			 kind->name, strerror(-err));
	kind->end(worker, err, how);
}

static void end(struct saver *saver, int err)
{
	finish(saver->kind, saver->worker, err, "running");
	wait_for_next(saver);
}

/* In a thread of its own: a disk may take seconds for a part, and nobody waits for that. */
static void *write_part(void *arg)
{
	struct saver *saver = arg;

	saver->err = saver->kind->write(saver->worker);
	return NULL;
}

static void on_written(uv_timer_t *timer)
{
	struct saver *saver = timer->data;

	if (pthread_tryjoin_np(saver->writer, NULL) == EBUSY) {
		uv_timer_start(timer, on_written, STEP_MS, 0);
		return;
	}
	saver->is_writing = false;
	if (saver->err == 0 && saver->has_more)
		step(saver);
	else
		end(saver, saver->err);
}

static void step(struct saver *saver)
{
	int err = saver->kind->collect(saver->worker);

	saver->has_more = err > 0;
	if (err >= 0)
		err = thread_start(&saver->writer, write_part, saver);
	if (err < 0) {
		end(saver, err);
		return;
	}
	saver->is_writing = true;
	uv_timer_start(&saver->timer, on_written, STEP_MS, 0);
}

static void on_due(uv_timer_t *timer)
{
	struct saver *saver = timer->data;
	int begun = saver->kind->begin(saver->worker, false);

	if (begun > 0)
		step(saver);
	else if (begun < 0)
		end(saver, begun);
	else
		wait_for_next(saver);
}

void saver_start(struct saver *saver, const struct saver_kind *kind, struct worker *worker)
{
	saver->kind = kind;
	saver->worker = worker;
	uv_timer_init(&worker->loop, &saver->timer);
	saver->timer.data = saver;
	wait_for_next(saver);
}

void saver_stop(struct saver *saver)
{
	if (!saver->kind)
		return;
	uv_close((uv_handle_t *)&saver->timer, NULL);
	if (saver->is_writing)
		pthread_join(saver->writer, NULL);
	saver->is_writing = false;
	finish(saver->kind, saver->worker, -ECANCELED, "stopping");
}

void saver_save(const struct saver_kind *kind, struct worker *worker)
{
	int more = kind->begin(worker, true), err = more < 0 ? more : 0;

	if (more == 0)
		return;
	while (err == 0 && more > 0) {
		more = kind->collect(worker);
		err = more < 0 ? more : kind->write(worker);
	}
	finish(kind, worker, err, "stopping");
}
