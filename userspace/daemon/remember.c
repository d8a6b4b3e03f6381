/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/remember.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/worker.h"

static struct goodfile_moment moment(void)
{
	struct goodfile_moment now = {.now_sec = judge_now_sec(), .wall_sec = clock_wall_sec()};

	clock_boot(now.boot);
	return now;
}

static int begin(struct worker *worker, bool is_final)
{
	const struct goodfile_moment now = moment();
	struct remember *remember = &worker->remember;
	uint64_t seen = is_final ? UINT64_MAX : remember->changes;
	int err;

	if (!is_final && seen == remember->saved)
		return 0;
	err = goodfile_new(worker->conf->state_directory, &now, &remember->file);
	if (err < 0)
		return err;
	remember->saved = seen;
	return 1;
}

static int collect(struct worker *worker)
{
	return goodfile_collect(worker->remember.file, worker->history, judge_now_sec());
}

static int write_part(struct worker *worker)
{
	return goodfile_write(worker->remember.file);
}

static void end(struct worker *worker, int err, const char *how)
{
	struct remember *remember = &worker->remember;

	if (err < 0)
		remember->saved = UINT64_MAX;
	else
		log_debug("event=known-good-saved sources=%" PRIu32 " how=%s",
			  goodfile_count(remember->file), how);
	goodfile_free(remember->file);
	remember->file = NULL;
}

static const struct saver_kind KNOWN_GOOD = {"known-good", begin, collect, write_part, end};

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

void remember_on_change(struct worker *worker)
{
	worker->remember.changes++;
}

void remember_start(struct worker *worker)
{
	worker->remember.saved = worker->remember.changes;
	saver_start(&worker->remember.saver, &KNOWN_GOOD, worker);
}

void remember_stop(struct worker *worker)
{
	saver_stop(&worker->remember.saver);
}

void remember_save(struct worker *worker)
{
	/* A worker that did not come as far as reading it must not write it. */
	if (worker->remember.is_loaded)
		saver_save(&KNOWN_GOOD, worker);
}
