/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/worker.h"

#define ROOM_PART 8 /* the tables get so much more room than the file's verdicts need */

_Static_assert(VMAP_STEP <= SNAPFILE_STEP, "a step of the tables is one of the file");

static struct snapfile_moment moment(void)
{
	struct snapfile_moment now = {.mono_ns = clock_mono_ns(), .wall_sec = clock_wall_sec()};

	clock_boot(now.boot);
	return now;
}

/* --- reading ------------------------------------------------------------------ */

static void tell_unusable(int err)
{
	static const struct {
		int err;
		const char *why;
	} rows[] = {
		{-EPROTO, "it is of another release"},
		{-EBADMSG, "it is damaged"},
		{-ESTALE, "it is too old, or the clock has gone back since"},
	};
	const char *why = strerror(-err);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (err == rows[i].err)
			why = rows[i].why;
	log_warn("event=verdicts-not-restored error=\"%s\" detail=\"who was known is asked about "
		 "again, and passes until then\"",
		 why);
}

/*
 * What of a step is to be put, in its place; how many. Who was refused when a file was
 * written that is not the last may have been found good since: nobody is refused for that.
 */
static int bring_under_policy(const struct worker *worker, const struct snapfile_about *about,
			      bool same_rules, struct table_entry *entries, int count,
			      uint64_t now_ns)
{
	struct mxg_verdict verdict;
	int n = 0;

	for (int i = 0; i < count; i++) {
		if (!about->is_final && entries[i].verdict.reason != MXG_REASON_PASS)
			continue;
		if (!tables_reapply_one(worker, &entries[i], same_rules, now_ns, &verdict))
			continue;
		if (verdict.action != MXG_ACTION_PASS)
			verdict.refresh_ns = now_ns;
		entries[n] = (struct table_entry){.addr = entries[i].addr, .verdict = verdict};
		n++;
	}
	return n;
}

static int load_all(struct worker *worker, struct snapfile_in *in,
		    const struct snapfile_about *about, uint64_t *ret_restored)
{
	struct table_entry *entries = calloc(SNAPFILE_STEP, sizeof(*entries));
	uint64_t now = clock_mono_ns(), restored = 0;
	char rules[TABLES_RULES_MAX];
	bool same_rules = strcmp(tables_rules(worker, rules), about->rules) == 0;
	int n = -ENOMEM;

	while (entries && (n = snapfile_next(in, entries)) > 0) {
		n = bring_under_policy(worker, about, same_rules, entries, n, now);
		restored += (uint64_t)vmap_put_many(worker->vmap, entries, n, now);
	}
	free(entries);
	*ret_restored = restored;
	return n;
}

/* A table of the size, and with the seed that lets the file be gone through in its order. */
static int prepare(struct worker *worker, const struct snapfile_about *about)
{
	int err;

	vmap_reseed(worker->vmap, 4, about->seed4);
	vmap_reseed(worker->vmap, 6, about->seed6);
	err = growth_make_room(worker, 4, about->count4 + about->count4 / ROOM_PART);
	if (err == 0)
		err = growth_make_room(worker, 6, about->count6 + about->count6 / ROOM_PART);
	return err;
}

/* From now on there is more to know than it says. 0 or -errno. */
static int forget(const struct worker *worker)
{
	int err = snapfile_remove(worker->conf->state_directory);

	if (err < 0)
		log_warn("event=verdicts-not-forgotten error=\"%s\"", strerror(-err));
	return err;
}

static int load(struct worker *worker)
{
	const struct snapfile_moment now = moment();
	struct snapfile_in *in = NULL;
	struct snapfile_about about;
	uint64_t restored = 0;
	int err, read;

	err = snapfile_open(worker->conf->state_directory, &now, &in, &about);
	if (err < 0) {
		if (err != -ENOENT)
			tell_unusable(err);
		forget(worker);
		return 0;
	}
	err = prepare(worker, &about);
	if (err == 0) {
		/* Else it would be there once more, when who was refused may be good. */
		about.is_final &= forget(worker) == 0;
		read = load_all(worker, in, &about, &restored);
		if (read < 0)
			tell_unusable(read);
		log_info("event=verdicts-restored verdicts=%" PRIu64 " of=%" PRIu32 " ms=%" PRIu64,
			 restored, about.count4 + about.count6,
			 (clock_mono_ns() - now.mono_ns) / 1000000);
	}
	snapfile_close(in);
	return err;
}

int snapshot_load(struct worker *worker)
{
	int err = 0;

	if (worker->args.is_first)
		err = load(worker);
	else
		forget(worker);
	worker->snapshot.is_loaded = true;
	return err;
}

/* --- writing ------------------------------------------------------------------ */

static int begin(struct worker *worker, bool is_final)
{
	const struct snapfile_moment now = moment();
	struct snapfile_about about = {
		.seed4 = vmap_seed(worker->vmap, 4),
		.seed6 = vmap_seed(worker->vmap, 6),
		.is_final = is_final,
	};
	char rules[TABLES_RULES_MAX];
	int err;

	_Static_assert(sizeof(rules) <= sizeof(about.rules), "rules fit");
	memcpy(about.rules, tables_rules(worker, rules), strlen(rules) + 1);
	memset(&worker->snapshot.cursor, 0, sizeof(worker->snapshot.cursor));
	worker->snapshot.is_stale = false;
	err = snapfile_new(worker->conf->state_directory, &now, &about, &worker->snapshot.file);
	return err < 0 ? err : 1;
}

static int collect(struct worker *worker)
{
	struct snapshot *snapshot = &worker->snapshot;
	int n = 0;

	if (snapshot->is_stale)
		return -ECANCELED;
	for (int i = 0; i < SNAPFILE_STEPS; i++) {
		n = vmap_next(worker->vmap, &snapshot->cursor, worker->sweep_entries);
		snapfile_add(snapshot->file, worker->sweep_entries, n);
	}
	snapshot->is_last = n == 0;
	return n > 0;
}

static int write_part(struct worker *worker)
{
	return snapfile_write(worker->snapshot.file, worker->snapshot.is_last);
}

static void end(struct worker *worker, int err, const char *how)
{
	struct snapshot *snapshot = &worker->snapshot;

	/* It was complete before anybody noticed that it is not true any more. */
	if (snapshot->is_stale)
		snapfile_remove(worker->conf->state_directory);
	else if (err == 0)
		log_debug("event=verdicts-saved verdicts=%" PRIu32 " how=%s",
			  snapfile_count(snapshot->file), how);
	snapfile_free(snapshot->file);
	snapshot->file = NULL;
}

static const struct saver_kind VERDICTS = {"verdicts", begin, collect, write_part, end};

void snapshot_start(struct worker *worker)
{
	saver_start(&worker->snapshot.saver, &VERDICTS, worker);
}

void snapshot_stop(struct worker *worker)
{
	saver_stop(&worker->snapshot.saver);
}

void snapshot_save(struct worker *worker)
{
	/* A worker that did not come as far as reading it must not write it. */
	if (worker->snapshot.is_loaded && worker->vmap && worker->is_last)
		saver_save(&VERDICTS, worker);
}

void snapshot_forget(struct worker *worker)
{
	int err = snapfile_remove(worker->conf->state_directory);

	worker->snapshot.is_stale = true;
	if (err < 0)
		log_warn("event=verdicts-not-forgotten error=\"%s\"", strerror(-err));
}
