// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The two databases: what must survive does, what must not change cannot, and damage is told. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/store.h"
#include "stillclock.h"
#include "tmpdir.h"

#define NOW 1800000000

static char dir[TMPDIR_MAX];
static char why[512];

static const char *path_of(const char *name)
{
	static char path[80];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make_dir(void)
{
	tmpdir_make(dir);
}

static void remove_dir(void)
{
	static const char *const names[] = {
		"state.db",        "state.db-wal",    "state.db-shm",       "evidence.db",
		"evidence.db-wal", "evidence.db-shm", "evidence.db.damaged"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	cr_expect_eq(rmdir(dir), 0, "something else was left in %s", dir);
}

static struct store *open_store(void)
{
	struct store *store = NULL;

	cr_assert_eq(store_open(dir, &store, why, sizeof(why)), 0, "%s", why);
	return store;
}

static struct exception make(enum exception_kind kind, const char *prefix)
{
	struct exception e = {.kind = kind, .expires_sec = NOW + 60};

	cr_assert_eq(prefix_parse(prefix, &e.prefix, &(const char *){NULL}), 0);
	strcpy(e.owner, "postmaster");
	strcpy(e.ticket, "OPS-17");
	strcpy(e.reason, "partner \"A\"\n");
	return e;
}

static uint32_t add(struct store *store, enum exception_kind kind, const char *prefix)
{
	struct exception e = make(kind, prefix);

	cr_assert_eq(store_exception_add(store, &e, "uid=0(root)", NOW), 0);
	return e.id;
}

static int raw(const char *file, const char *sql)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open(path_of(file), &db);

	if (code == SQLITE_OK)
		code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}

struct seen {
	struct exception last;
	unsigned int count;
	uint32_t last_id;
};

static int note_exception(const struct exception *e, void *user)
{
	struct seen *seen = user;

	cr_expect_gt(e->id, seen->last_id, "by number");
	seen->last = *e;
	seen->last_id = e->id;
	seen->count++;
	return 0;
}

static struct seen list(struct store *store)
{
	struct seen seen = {.count = 0};

	cr_assert_eq(store_exception_each(store, note_exception, &seen), 0);
	return seen;
}

struct trail {
	unsigned int count;
	char what[8][40];
	char detail[8][400];
};

static int note_audit(const struct store_audit_row *row, void *user)
{
	struct trail *trail = user;

	if (trail->count < 8) {
		snprintf(trail->what[trail->count], 40, "%s", row->what);
		snprintf(trail->detail[trail->count], 400, "%s", row->detail);
	}
	trail->count++;
	return 0;
}

static struct trail audit(struct store *store, const char *object, unsigned int limit)
{
	struct trail trail = {.count = 0};

	cr_assert_eq(store_audit_each(store, object, limit, note_audit, &trail), 0);
	return trail;
}

Test(store, exceptions_come_back_whole, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct exception want = make(EXCEPTION_DENY, "2001:db8::/32");
	struct seen seen;

	add(store, EXCEPTION_ALLOW, "192.0.2.25");
	cr_assert_eq(store_exception_add(store, &want, "uid=1000(alice)", NOW), 0);
	store_close(store);
	store = open_store();
	seen = list(store);
	cr_expect_eq(seen.count, 2);
	cr_expect_eq(seen.last.id, want.id);
	cr_expect_eq(seen.last.kind, EXCEPTION_DENY);
	cr_expect(prefix_equal(&seen.last.prefix, &want.prefix));
	cr_expect_eq(seen.last.created_sec, NOW);
	cr_expect_eq(seen.last.expires_sec, NOW + 60);
	cr_expect_str_eq(seen.last.owner, want.owner);
	cr_expect_str_eq(seen.last.ticket, want.ticket);
	cr_expect_str_eq(seen.last.reason, want.reason);
	cr_expect_str_eq(seen.last.created_by, "uid=1000(alice)");
	store_close(store);
}

Test(store, numbers_are_never_used_again, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	uint32_t first = add(store, EXCEPTION_ALLOW, "192.0.2.1");
	uint32_t second = add(store, EXCEPTION_ALLOW, "192.0.2.2");

	cr_expect_eq(store_exception_remove(store, second, "uid=0(root)", "done", NOW), 0);
	cr_expect_eq(store_exception_remove(store, second, "uid=0(root)", "done", NOW), -ENOENT);
	cr_expect_eq(store_exception_remove(store, 77, "uid=0(root)", NULL, NOW), -ENOENT);
	store_close(store);
	store = open_store();
	cr_expect_gt(add(store, EXCEPTION_ALLOW, "192.0.2.2"), second, "same prefix, new number");
	cr_expect_eq(list(store).count, 2);
	cr_expect_eq(first, 1);
	store_close(store);
}

Test(store, a_second_of_the_same_is_refused, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct exception same = make(EXCEPTION_ALLOW, "192.0.2.0/24");

	add(store, EXCEPTION_ALLOW, "192.0.2.0/24");
	cr_expect_eq(store_exception_add(store, &same, "uid=0(root)", NOW), -EEXIST);
	cr_expect_eq(same.id, 0, "untouched");
	cr_expect_eq(audit(store, "", 10).count, 1, "what did not happen is not in the trail");
	add(store, EXCEPTION_DENY, "192.0.2.0/24");
	cr_expect_eq(list(store).count, 2);
	store_close(store);
}

Test(store, the_trail_tells_all_newest_first, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	uint32_t id = add(store, EXCEPTION_ALLOW, "192.0.2.25");
	struct trail trail;

	cr_assert_eq(store_audit(store, "uid=0(root)", "mode", "", "enforce", NOW), 0);
	cr_assert_eq(store_exception_remove(store, id, "uid=0(root)", "PTR \"ok\"", NOW), 0);
	trail = audit(store, "", 2);
	cr_expect_eq(trail.count, 2, "limit");
	cr_expect_str_eq(trail.what[0], "exception-remove");
	cr_expect_str_eq(trail.detail[0], "id=1 kind=allow why=\"PTR \\\"ok\\\"\"");
	cr_expect_str_eq(trail.what[1], "mode");
	trail = audit(store, "192.0.2.25", 10);
	cr_expect_eq(trail.count, 2, "about one object");
	cr_expect_str_eq(trail.detail[1],
			 "id=1 kind=allow owner=\"postmaster\" ticket=\"OPS-17\" "
			 "reason=\"partner \\\"A\\\"\\010\" expires=2027-01-15T08:01:00Z");
	store_close(store);
}

Test(store, nobody_can_rewrite_the_trail, .init = make_dir, .fini = remove_dir)
{
	static const char *const attempts[] = {
		"UPDATE audit SET who = 'nobody'",
		"DELETE FROM audit",
		"DELETE FROM audit WHERE id = 1",
		"INSERT OR REPLACE INTO audit VALUES (1, 0, 'x', 'x', 'x', 'x')",
		"REPLACE INTO audit VALUES (1, 0, 'x', 'x', 'x', 'x')",
		("INSERT INTO audit VALUES (1, 0, 'x', 'x', 'x', 'x')"
		 " ON CONFLICT (id) DO UPDATE SET who = 'x'"),
		"DELETE FROM exception",
	};
	struct store *store = open_store();

	add(store, EXCEPTION_ALLOW, "192.0.2.25");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		cr_expect_eq(raw("state.db", attempts[i]), SQLITE_CONSTRAINT, "%s", attempts[i]);
	cr_expect_eq(raw("state.db", "INSERT INTO audit (time, who, what, object, detail)"
				     " VALUES (0, 'x', 'x', 'x', 'x')"),
		     SQLITE_OK, "appending is what it is for");
	cr_expect_str_eq(audit(store, "", 9).what[1], "exception-add");
	store_close(store);
}

Test(store, settings, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	char *value = NULL;

	cr_expect_eq(store_setting_get(store, "mode", &value), -ENOENT);
	cr_expect_null(value);
	cr_expect_eq(store_setting_put(store, "mode", "monitor"), 0);
	cr_expect_eq(store_setting_put(store, "mode", "enforce"), 0);
	store_close(store);
	store = open_store();
	cr_assert_eq(store_setting_get(store, "mode", &value), 0);
	cr_expect_str_eq(value, "enforce");
	free(value);
	cr_expect_eq(store_setting_del(store, "mode"), 0);
	cr_expect_eq(store_setting_del(store, "mode"), 0, "deleting nothing is fine");
	cr_expect_eq(store_setting_get(store, "mode", &value), -ENOENT);
	store_close(store);
}

/* --- opening what is not right ------------------------------------------------ */

static void expect_refused(int error, const char *words)
{
	struct store *store = NULL;

	why[0] = '\0';
	cr_expect_eq(store_open(dir, &store, why, sizeof(why)), error, "%s", why);
	cr_expect_null(store);
	cr_expect_not_null(strstr(why, words), "%s", why);
	cr_expect_null(strchr(why, '\n'), "one line: %s", why);
}

Test(store, a_file_that_was_moved_takes_no_change, .init = make_dir, .fini = remove_dir)
{
	struct exception e = make(EXCEPTION_ALLOW, "192.0.2.0/24");
	struct store *store = open_store();
	char away[100], *text = NULL;
	uint32_t id = add(store, EXCEPTION_ALLOW, "192.0.3.0/24");

	snprintf(away, sizeof(away), "%s.away", path_of("state.db"));
	cr_assert_eq(rename(path_of("state.db"), away), 0);
	cr_expect_eq(store_exception_add(store, &e, "uid=0(root)", NOW), -ESTALE);
	cr_expect_eq(store_exception_remove(store, id, "uid=0(root)", "", NOW), -ESTALE);
	cr_expect_eq(store_audit(store, "uid=0(root)", "flush", "", "", NOW), -ESTALE);
	cr_expect_eq(store_setting_put(store, "mode", "monitor"), -ESTALE);
	cr_expect_eq(store_setting_del(store, "mode"), -ESTALE);
	cr_assert_eq(rename(away, path_of("state.db")), 0);
	cr_expect_eq(store_setting_put(store, "mode", "monitor"), 0, "it is back");
	cr_expect_eq(store_setting_get(store, "mode", &text), 0);
	free(text);
	store_close(store);
}

static void overwrite(const char *file, off_t at, size_t len)
{
	char junk[8192];
	int fd = open(path_of(file), O_WRONLY | O_CREAT, 0600);

	memset(junk, 0xa5, sizeof(junk));
	cr_assert_eq(pwrite(fd, junk, len, at), (ssize_t)len);
	close(fd);
}

Test(store, state_of_a_newer_release_is_refused, .init = make_dir, .fini = remove_dir)
{
	store_close(open_store());
	cr_assert_eq(raw("state.db", "PRAGMA user_version=2"), SQLITE_OK);
	expect_refused(-EPROTONOSUPPORT, "schema version 2, this mxgated knows up to 1");
}

Test(store, state_that_is_no_database_is_refused, .init = make_dir, .fini = remove_dir)
{
	struct stat st;

	overwrite("state.db", 0, 8192);
	expect_refused(-EBADMSG, "restore it from a backup");
	cr_expect_eq(stat(path_of("state.db"), &st), 0, "and left alone");
	cr_expect_eq(st.st_size, 8192);
}

Test(store, state_with_a_bad_page_is_refused, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	for (int i = 1; i < 200; i++) {
		char prefix[PREFIX_TEXT_MAX];

		snprintf(prefix, sizeof(prefix), "192.0.2.%d", i);
		add(store, EXCEPTION_ALLOW, prefix);
	}
	store_close(store);
	overwrite("state.db", 3 * 4096, 4096);
	expect_refused(-EBADMSG, "is damaged");
}

Test(store, a_directory_that_is_not_there, .init = make_dir, .fini = remove_dir)
{
	struct store *store = NULL;

	cr_expect_eq(store_open("/nonexistent/mxg-test", &store, why, sizeof(why)), -EACCES);
	cr_expect_not_null(strstr(why, "must exist and be writable"), "%s", why);
	cr_expect_null(store);
}

/* --- evidence ----------------------------------------------------------------- */

static struct addr addr_of(unsigned int i)
{
	struct addr addr = {.family = 4,
			    .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

	return addr;
}

static bool must_keep;

static void put_evidence(struct store *store, unsigned int i, int64_t expires, const char *json)
{
	struct addr addr = addr_of(i);

	cr_assert_eq(
		store_evidence_put(store, &addr, NOW, expires, json, strlen(json) + 1, must_keep),
		0);
}

static void expect_evidence(struct store *store, unsigned int i, const char *want)
{
	struct addr addr = addr_of(i);
	void *json = NULL;
	size_t len = 0;
	int r = store_evidence_get(store, &addr, &json, &len);

	cr_expect_eq(r, want ? 0 : -ENOENT, "%u: %d", i, r);
	if (want && json)
		cr_expect_str_eq(json, want);
	free(json);
}

static struct store_evidence_stats stats_of(struct store *store)
{
	struct store_evidence_stats stats;

	store_evidence_get_stats(store, &stats);
	return stats;
}

Test(store, evidence_queued_and_written, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	put_evidence(store, 1, NOW, "{\"n\":1}");
	expect_evidence(store, 1, "{\"n\":1}");
	put_evidence(store, 1, NOW, "{\"n\":2}");
	expect_evidence(store, 1, "{\"n\":2}");
	cr_expect_eq(store_flush(store), 0);
	expect_evidence(store, 1, "{\"n\":2}");
	put_evidence(store, 1, NOW, "{\"n\":3}");
	expect_evidence(store, 1, "{\"n\":3}");
	expect_evidence(store, 2, NULL);
	store_close(store);
	store = open_store();
	expect_evidence(store, 1, "{\"n\":3}");
	store_close(store);
}

/* Of several about one address in one batch the last counts, whatever their order in the tree. */
Test(store, evidence_of_one_batch, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	char text[32];

	for (unsigned int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "{\"n\":%u}", i);
		put_evidence(store, i * 7919 % 1000, NOW, text);
	}
	cr_expect_eq(store_evidence_write(store, 3000), 3000);
	cr_expect_eq(stats_of(store).written, 3000);
	store_close(store);
	store = open_store();
	for (unsigned int i = 2000; i < 3000; i++) {
		snprintf(text, sizeof(text), "{\"n\":%u}", i);
		expect_evidence(store, i * 7919 % 1000, text);
	}
	store_close(store);
}

/* Each address has its own row, and its canonical spelling is the key. */
Test(store, evidence_of_many, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct addr v6;
	void *json = NULL;
	char text[32];
	size_t len;

	for (unsigned int i = 0; i < 3500; i++) {
		snprintf(text, sizeof(text), "{\"n\":%u}", i);
		put_evidence(store, i, NOW, text);
	}
	for (unsigned int i = 0; i < 3500; i++) {
		snprintf(text, sizeof(text), "{\"n\":%u}", i);
		expect_evidence(store, i, text);
	}
	cr_assert_eq(addr_parse("2001:DB8:0:0::25", &v6), 0);
	cr_assert_eq(store_evidence_put(store, &v6, NOW, NOW, "{}", 3, false), 0);
	cr_assert_eq(store_flush(store), 0);
	cr_assert_eq(store_evidence_get(store, &v6, &json, &len), 0);
	free(json);
	store_close(store);
	cr_expect_eq(raw("evidence.db",
			 "CREATE TABLE one (n CHECK (n = 1)); INSERT INTO one"
			 " SELECT count(*) FROM evidence WHERE addr = '2001:db8::25'"),
		     SQLITE_OK);
}

/* kill -9 may take what is not committed, never more. */
Test(store, what_is_committed_survives, .init = make_dir, .fini = remove_dir)
{
	struct store *store;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		store = open_store();
		for (unsigned int i = 0; i < 300; i++)
			put_evidence(store, i, NOW, "{}");
		cr_assert_eq(store_evidence_write(store, 200), 200);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	store = open_store();
	expect_evidence(store, 199, "{}");
	expect_evidence(store, 200, NULL);
	store_close(store);
}

/* What comes faster than it is written is shed and counted; what is behind refusals is not. */
Test(store, evidence_that_comes_too_fast, .init = make_dir, .fini = remove_dir)
{
	enum {
		MANY = 40000,
		BYTES = 500
	};
	struct store_evidence_stats stats;
	struct store *store = open_store();
	char json[BYTES];
	unsigned int i;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	for (i = 0; i < MANY; i++) {
		must_keep = i % 100 == 0;
		put_evidence(store, i, NOW, json);
	}
	expect_evidence(store, MANY - 1, json);
	expect_evidence(store, 100, json);
	expect_evidence(store, 101, NULL);
	store_evidence_get_stats(store, &stats);
	cr_expect_gt(stats.shed, MANY / 2);
	cr_expect_eq(stats.shed + stats.written + stats.pending, MANY);
	cr_expect_eq(store_flush(store), 0);
	store_evidence_get_stats(store, &stats);
	cr_expect_eq(stats.pending, 0);
	cr_expect_eq(stats.shed + stats.written, MANY);
	store_close(store);
	store = open_store();
	for (i = 0; i < MANY; i += 100)
		expect_evidence(store, i, json);
	expect_evidence(store, MANY - 1, json);
	store_close(store);
}

Test(store, expired_evidence_is_pruned_in_portions, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	for (unsigned int i = 0; i < 30; i++) {
		put_evidence(store, i, i < 20 ? NOW - 1 : NOW, "{}");
		if (i == 19)
			cr_assert_eq(store_flush(store), 0);
	}
	cr_assert_eq(store_flush(store), 0);
	cr_expect_eq(store_evidence_prune(store, NOW, 15), 15);
	cr_expect_eq(store_evidence_prune(store, NOW, 15), 5);
	cr_expect_eq(store_evidence_prune(store, NOW, 15), 0);
	store_close(store); /* what is in memory is forgotten with that */
	store = open_store();
	expect_evidence(store, 19, NULL);
	expect_evidence(store, 20, "{}");
	store_close(store);
}

/* An operator's shell, say. Verdicts are not made to wait for it. */
Test(store, a_locked_file_is_not_waited_for, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	uint64_t start_ns = clock_mono_ns();
	sqlite3 *other;

	cr_assert_eq(sqlite3_open(path_of("evidence.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put_evidence(store, 1, NOW, "{}");
	cr_expect_eq(store_evidence_write(store, 1), -EBUSY);
	cr_expect(stats_of(store).is_stuck);
	cr_expect_eq(store_evidence_prune(store, NOW, 1), -EBUSY);
	cr_expect_lt(clock_mono_ns() - start_ns, CLOCK_NS_PER_SEC);
	sqlite3_close(other);
	put_evidence(store, 2, NOW, "{}");
	cr_expect_eq(store_evidence_write(store, 5), 1, "what failed goes first");
	cr_expect_eq(store_evidence_write(store, 5), 1);
	cr_expect_eq(store_evidence_write(store, 5), 0);
	cr_expect_not(stats_of(store).is_stuck);
	expect_evidence(store, 1, "{}");
	store_close(store);
}

static bool wait_until_written(struct store *store, uint64_t count)
{
	for (int i = 0; i < 30000; i++) {
		if (stats_of(store).written >= count && stats_of(store).pending == 0)
			return true;
		usleep(1000);
	}
	return false;
}

/* Its thread writes without being told to, is idle, and writes again; what it has is seen. */
Test(store, the_thread_writes, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	char text[32];

	cr_assert_eq(store_evidence_start(store), 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 1000; i++) {
			snprintf(text, sizeof(text), "{\"round\":%u}", round);
			put_evidence(store, i, NOW, text);
			if (i % 300 == 0)
				expect_evidence(store, i, text);
		}
		cr_expect(wait_until_written(store, 1000 * (round + 1)), "round %u", round);
	}
	cr_expect_eq(stats_of(store).shed, 0);
	put_evidence(store, 1000, NOW, "{}");
	store_close(store); /* the last one is written, too */
	cr_expect_eq(raw("evidence.db", "CREATE TABLE one (n CHECK (n = 1001)); INSERT INTO one"
					" SELECT count(*) FROM evidence"),
		     SQLITE_OK);
}

/*
 * In front of libc's, for whoever asks for a lock without waiting: the thread has it, and is
 * kept from running.
 */
static bool is_held;
static unsigned int tries;

int held_trylock(pthread_mutex_t *mutex) __asm__("pthread_mutex_trylock");

int held_trylock(pthread_mutex_t *mutex)
{
	static int (*libcs)(pthread_mutex_t *);

	if (is_held) {
		tries++;
		return EBUSY;
	}
	if (!libcs)
		*(void **)&libcs = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
	return libcs(mutex);
}

/* Before libc's, too: the wait for a lock has an end, and is at it. */
static bool is_over;

int over_clocklock(pthread_mutex_t *mutex, clockid_t clock,
		   const struct timespec *until) __asm__("pthread_mutex_clocklock");

int over_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	(void)clock;
	(void)until;
	return is_over ? ETIMEDOUT : pthread_mutex_lock(mutex);
}

/* Who asks for evidence may be told nothing; the loop is not his to stop. */
Test(store, asking_has_an_end, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct addr addr = addr_of(1);
	void *data = NULL;
	size_t len = 0;

	put_evidence(store, 1, NOW, "{}");
	is_over = true;
	cr_expect_eq(store_evidence_get(store, &addr, &data, &len), -EBUSY);
	cr_expect_null(data);
	is_over = false;
	expect_evidence(store, 1, "{}");
	store_close(store);
}

/* What comes in the meantime is neither waited for nor lost, and the newest counts. */
Test(store, nobody_waits_for_a_thread_that_does_not_run, .init = make_dir, .fini = remove_dir)
{
	enum {
		MANY = 3000
	};
	struct store *store = open_store();
	uint32_t pending;
	unsigned int tried;

	put_evidence(store, 0, NOW, "{\"n\":1}");
	is_held = true;
	put_evidence(store, 0, NOW, "{\"n\":2}");
	put_evidence(store, 0, NOW, "{\"n\":3}");
	store_evidence_expire(store, NOW);
	cr_assert_geq(tries, 3);
	expect_evidence(store, 0, "{\"n\":3}");
	pending = stats_of(store).pending;
	put_evidence(store, 1, NOW, "{}");
	tried = tries;
	cr_expect_eq(stats_of(store).pending, pending + 1);
	cr_expect_gt(tries, tried, "the figures are waited for");
	for (unsigned int i = 0; i < MANY; i++)
		put_evidence(store, i, NOW, "{\"n\":4}");
	is_held = false;
	put_evidence(store, MANY, NOW, "{\"n\":5}");
	is_held = true;
	put_evidence(store, MANY, NOW, "{\"n\":6}");
	store_close(store);
	is_held = false;
	store = open_store();
	for (unsigned int i = 0; i < MANY; i++)
		expect_evidence(store, i, "{\"n\":4}");
	expect_evidence(store, MANY, "{\"n\":6}");
	store_close(store);
}

/* What is too old goes in the thread: it is disk and pages, too. */
Test(store, the_thread_deletes, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct addr last = addr_of(299);
	void *data = NULL;
	size_t len;

	for (unsigned int i = 0; i < 300; i++)
		put_evidence(store, i, NOW - 1, "{}");
	store_close(store);
	store = open_store(); /* what is in memory is forgotten with that */
	put_evidence(store, 300, NOW, "{}");
	cr_assert_eq(store_evidence_start(store), 0);
	cr_expect(wait_until_written(store, 1));
	cr_assert_eq(store_evidence_get(store, &last, &data, &len), 0);
	free(data);
	for (int i = 0; i < 5000 && store_evidence_get(store, &last, &data, &len) == 0; i++) {
		store_evidence_expire(store, NOW);
		free(data);
		usleep(1000);
	}
	store_close(store);
	store = open_store();
	for (unsigned int i = 0; i < 300; i++)
		expect_evidence(store, i, NULL);
	expect_evidence(store, 300, "{}");
	store_close(store);
}

/* Its naps are not the wall clock's, which may be set back. */
Test(store, the_thread_does_not_sleep_through_a_jump, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	stillclock_put_wall_ahead(3600);
	cr_assert_eq(store_evidence_start(store), 0);
	put_evidence(store, 1, NOW, "{}");
	cr_expect(wait_until_written(store, 1));
	store_close(store);
}

/* While somebody has the file nobody waits, and what is behind refusals is not lost. */
Test(store, the_thread_comes_back_to_a_locked_file, .init = make_dir, .fini = remove_dir)
{
	enum {
		MANY = 30000,
		BYTES = 500
	};
	struct store *store = open_store();
	char json[BYTES];
	sqlite3 *other;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	cr_assert_eq(sqlite3_open(path_of("evidence.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(store_evidence_start(store), 0);
	for (unsigned int i = 0; i < MANY; i++) {
		must_keep = i % 50 == 0;
		put_evidence(store, i, NOW, json);
	}
	expect_evidence(store, 50, json);
	expect_evidence(store, 51, NULL);
	for (int i = 0; i < 5000 && !stats_of(store).is_stuck; i++)
		usleep(1000);
	cr_expect(stats_of(store).is_stuck);
	sqlite3_close(other);
	cr_expect(wait_until_written(store, MANY / 50));
	cr_expect_not(stats_of(store).is_stuck);
	cr_expect_gt(stats_of(store).shed, 0);
	for (unsigned int i = 0; i < MANY; i += 50)
		expect_evidence(store, i, json);
	store_close(store);
}

/* One that works without a break, on the one processor that this process has from now on. */
static pid_t take_the_processor(void)
{
	cpu_set_t set;
	pid_t pid;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (volatile unsigned int n = 0;; n++)
			;
	}
	return pid;
}

/* A thread that gets no time does not hold up the end, and nothing is lost. */
Test(store, the_end_does_not_wait_for_idle_time, .init = make_dir, .fini = remove_dir,
     .timeout = 60)
{
	enum {
		MANY = 20000
	};
	struct store *store = open_store();
	pid_t pid = take_the_processor();
	uint64_t start_ns;

	cr_assert_eq(store_evidence_start(store), 0);
	for (unsigned int i = 0; i < MANY; i++)
		put_evidence(store, i, NOW, "{}");
	cr_expect_gt(stats_of(store).pending, MANY / 2);
	usleep(200000); /* it has begun */
	start_ns = clock_mono_ns();
	store_close(store);
	cr_expect_lt(clock_mono_ns() - start_ns, 5 * CLOCK_NS_PER_SEC);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_expect_eq(raw("evidence.db", "CREATE TABLE one (n CHECK (n = 20000)); INSERT INTO one"
					" SELECT count(*) FROM evidence"),
		     SQLITE_OK);
}

/* What could not be written goes back before what is newer, also of the same address. */
Test(store, a_failed_write_keeps_the_order, .init = make_dir, .fini = remove_dir)
{
	enum {
		CROWD = 20000,
		BYTES = 500
	};
	struct store *store = open_store();
	char json[BYTES];
	sqlite3 *other;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	for (unsigned int version = 1; version <= 2; version++) {
		char text[32];

		snprintf(text, sizeof(text), "{\"version\":%u}", version);
		must_keep = true;
		put_evidence(store, 0, NOW, text);
		must_keep = false;
		for (unsigned int i = 1; i <= CROWD; i++)
			put_evidence(store, i, NOW, json);
	}
	cr_assert_eq(sqlite3_open(path_of("evidence.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_expect_eq(store_evidence_write(store, 1), -EBUSY);
	expect_evidence(store, 0, "{\"version\":2}");
	sqlite3_close(other);
	cr_expect_eq(store_flush(store), 0);
	expect_evidence(store, 0, "{\"version\":2}");
	store_close(store);
}

/* A batch that waits is out of the memory of the newest, and is found, and lost by nobody. */
Test(store, what_waits_to_be_written_is_found, .init = make_dir, .fini = remove_dir)
{
	enum {
		CROWD = 30000,
		BYTES = 500
	};
	struct store *store = open_store();
	struct store_evidence_stats before;
	char json[BYTES];
	sqlite3 *other;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	cr_assert_eq(sqlite3_open(path_of("evidence.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (unsigned int i = 0; i < 100; i++)
		put_evidence(store, i, NOW, "{\"waits\":1}");
	cr_expect_eq(store_evidence_write(store, 100), -EBUSY);
	for (unsigned int i = 1000; i < CROWD; i++)
		put_evidence(store, i, NOW, json);
	for (unsigned int i = 0; i < 100; i++)
		expect_evidence(store, i, "{\"waits\":1}");
	before = stats_of(store);
	cr_expect_gt(before.shed, 0);
	cr_expect_eq(before.shed + before.pending, CROWD - 900);
	sqlite3_close(other);
	cr_expect_eq(store_flush(store), 0);
	cr_expect_eq(stats_of(store).written, before.pending);
	store_close(store);
	store = open_store();
	for (unsigned int i = 0; i < 100; i++)
		expect_evidence(store, i, "{\"waits\":1}");
	store_close(store);
}

/* A flood of sources must not fill the disk that the exceptions are on. */

Test(store, evidence_is_bounded, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	char json[1000];
	struct stat st;

	memset(json, 'x', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	store_limit_evidence(store, 4 << 20);
	must_keep = true;
	for (unsigned int i = 0; i < 20000; i++)
		put_evidence(store, i, NOW + i, json);
	cr_assert_eq(store_flush(store), 0);
	expect_evidence(store, 0, NULL);
	expect_evidence(store, 19500, json);
	expect_evidence(store, 19999, json);
	store_close(store);
	cr_assert_eq(stat(path_of("evidence.db"), &st), 0);
	cr_expect_lt(st.st_size, 7 << 20, "%lld bytes", (long long)st.st_size);
}

static void quiet(void)
{
	make_dir();
	cr_assert_not_null(freopen("/dev/null", "w", stderr)); /* the log line is expected */
}

Test(store, damaged_evidence_is_set_aside_at_start, .init = quiet, .fini = remove_dir)
{
	struct store *store;

	overwrite("evidence.db", 0, 8192);
	store = open_store();
	cr_expect_eq(access(path_of("evidence.db.damaged"), F_OK), 0);
	put_evidence(store, 1, NOW, "{}");
	cr_expect_eq(store_flush(store), 0);
	store_close(store);
}

/* By a shell that keeps it to itself; or it is no file that can be opened. */
Test(store, evidence_that_cannot_be_had_is_set_aside, .init = quiet, .fini = remove_dir)
{
	struct store *store;
	sqlite3 *other;

	store_close(open_store());
	cr_assert_eq(sqlite3_open(path_of("evidence.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", NULL,
				  NULL, NULL),
		     SQLITE_OK);
	store = open_store();
	put_evidence(store, 1, NOW, "{}");
	cr_expect_eq(store_flush(store), 0);
	store_close(store);
	sqlite3_close(other);
	cr_assert_eq(unlink(path_of("evidence.db.damaged")), 0);
	store = open_store();
	expect_evidence(store, 1, "{}");
	store_close(store);
	cr_assert_eq(unlink(path_of("evidence.db")), 0);
	cr_assert_eq(mkdir(path_of("evidence.db"), 0700), 0);
	store_close(open_store());
	cr_expect_eq(rmdir(path_of("evidence.db.damaged")), 0);
}

Test(store, evidence_of_another_release_is_set_aside, .init = quiet, .fini = remove_dir)
{
	store_close(open_store());
	cr_assert_eq(raw("evidence.db", "PRAGMA user_version=9"), SQLITE_OK);
	store_close(open_store());
	cr_expect_eq(access(path_of("evidence.db.damaged"), F_OK), 0);
}

/* It found what is oldest by an index that cost more than the row. */
Test(store, evidence_of_an_earlier_release_is_taken_over, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	put_evidence(store, 1, NOW, "{\"old\":1}");
	store_close(store);
	cr_assert_eq(raw("evidence.db", "CREATE INDEX evidence_expires ON evidence (expires)"),
		     SQLITE_OK);
	store = open_store();
	expect_evidence(store, 1, "{\"old\":1}");
	put_evidence(store, 2, NOW, "{}");
	store_close(store);
	cr_expect_eq(raw("evidence.db", "DROP INDEX evidence_expires"), SQLITE_ERROR, "gone");
	cr_expect_neq(access(path_of("evidence.db.damaged"), F_OK), 0);
}

/* --- evidence that cannot be had ---------------------------------------------- */

/* What goes to a file that nobody finds again is lost: it is begun again, and the other whole. */
Test(store, evidence_that_was_moved_is_begun_again, .init = quiet, .fini = remove_dir)
{
	struct store *store = open_store();
	char away[100];

	snprintf(away, sizeof(away), "%s.damaged", path_of("evidence.db"));
	put_evidence(store, 1, NOW, "{\"n\":1}");
	cr_assert_eq(store_flush(store), 0);
	cr_assert_eq(rename(path_of("evidence.db"), away), 0);
	put_evidence(store, 2, NOW, "{\"n\":2}");
	cr_expect_eq(store_flush(store), 0);
	cr_expect_not(stats_of(store).is_stuck);
	cr_expect_eq(access(path_of("evidence.db"), F_OK), 0, "a new one");
	put_evidence(store, 3, NOW, "{\"n\":3}");
	cr_expect_eq(store_flush(store), 0);
	cr_assert_eq(unlink(path_of("evidence.db")), 0);
	put_evidence(store, 4, NOW, "{\"n\":4}");
	store_close(store);
	store = open_store();
	expect_evidence(store, 1, NULL);
	expect_evidence(store, 3, NULL);
	expect_evidence(store, 4, "{\"n\":4}");
	store_close(store);
	cr_assert_eq(rename(away, path_of("evidence.db")), 0);
	store = open_store();
	expect_evidence(store, 1, "{\"n\":1}");
	expect_evidence(store, 2, NULL);
	store_close(store);
}

/* Without its file the rest works; what is in memory is found, and written in the end. */
Test(store, evidence_without_a_file, .init = quiet, .fini = remove_dir)
{
	struct store *store;

	cr_assert_eq(mkdir(path_of("evidence.db-wal"), 0700), 0);
	store = open_store();
	cr_expect_eq(store_evidence_write(store, 1), 0);
	cr_expect(stats_of(store).is_stuck, "nothing to write mends nothing");
	cr_expect_not_null(strstr(stats_of(store).trouble, "cannot open "), "%s",
			   stats_of(store).trouble);
	cr_expect_not_null(strstr(stats_of(store).trouble, "evidence.db"));
	add(store, EXCEPTION_ALLOW, "192.0.2.25");
	put_evidence(store, 1, NOW, "{\"n\":1}");
	cr_expect_lt(store_flush(store), 0);
	cr_expect_eq(stats_of(store).pending, 1);
	expect_evidence(store, 1, "{\"n\":1}");
	cr_expect_lt(store_evidence_prune(store, NOW, 10), 0);
	cr_expect(stats_of(store).is_stuck);
	cr_assert_eq(rmdir(path_of("evidence.db-wal")), 0);
	cr_expect_eq(store_evidence_prune(store, NOW, 10), 0, "whoever needs it looks for it");
	cr_expect_not(stats_of(store).is_stuck);
	put_evidence(store, 2, NOW, "{\"n\":2}");
	cr_expect_eq(store_flush(store), 0);
	cr_expect_not(stats_of(store).is_stuck);
	cr_expect_str_eq(stats_of(store).trouble, "");
	store_close(store);
	store = open_store();
	expect_evidence(store, 1, "{\"n\":1}");
	expect_evidence(store, 2, "{\"n\":2}");
	cr_expect_eq(list(store).count, 1);
	store_close(store);
}

/* In front of libc's: there may not be one more thread. */
static bool is_crowded;

int crowded_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
		   void *arg) __asm__("pthread_create");

int crowded_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	static int (*libcs)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (is_crowded)
		return EAGAIN;
	if (!libcs)
		*(void **)&libcs = dlsym(RTLD_NEXT, "pthread_create");
	return libcs(thread, attr, fn, arg);
}

Test(store, a_thread_that_comes_later, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();

	is_crowded = true;
	cr_expect_eq(store_evidence_start(store), -EAGAIN);
	cr_expect(stats_of(store).is_stuck);
	cr_expect_not_null(strstr(stats_of(store).trouble, "no thread"), "%s",
			   stats_of(store).trouble);
	put_evidence(store, 1, NOW, "{}");
	expect_evidence(store, 1, "{}");
	is_crowded = false;
	cr_expect_eq(store_evidence_start(store), 0);
	cr_expect_eq(store_evidence_start(store), 0, "it runs");
	cr_expect(wait_until_written(store, 1));
	cr_expect_not(stats_of(store).is_stuck);
	store_close(store);
}

static struct store *store_with_bad_evidence(void)
{
	struct store *store = open_store();

	for (unsigned int i = 0; i < 900; i++)
		put_evidence(store, i, NOW, "{\"fill\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}");
	store_close(store);
	for (off_t page = 1; page < 10; page++)
		overwrite("evidence.db", page * 4096, 4096);
	return open_store();
}

Test(store, damage_found_while_reading, .init = quiet, .fini = remove_dir)
{
	struct store *store = store_with_bad_evidence();

	expect_evidence(store, 500, NULL);
	cr_expect_eq(access(path_of("evidence.db.damaged"), F_OK), 0);
	put_evidence(store, 500, NOW, "{}");
	cr_expect_eq(store_flush(store), 0);
	expect_evidence(store, 500, "{}");
	store_close(store);
}

Test(store, damage_found_while_writing, .init = quiet, .fini = remove_dir)
{
	struct store *store = store_with_bad_evidence();

	put_evidence(store, 500, NOW, "{\"new\":1}");
	cr_expect_eq(store_flush(store), 0, "set aside, begun again, written");
	cr_expect_eq(access(path_of("evidence.db.damaged"), F_OK), 0);
	expect_evidence(store, 500, "{\"new\":1}");
	store_close(store);
	store = open_store();
	expect_evidence(store, 500, "{\"new\":1}");
	store_close(store);
}

/* --- durability --------------------------------------------------------------- */

static pid_t start_adding(int ack, unsigned int net)
{
	pid_t pid = fork();
	struct store *store;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	store = open_store();
	for (unsigned int i = 0;; i++) {
		char prefix[PREFIX_TEXT_MAX];
		uint32_t id;

		snprintf(prefix, sizeof(prefix), "10.%u.%u.%u", net, i >> 8, i & 255);
		id = add(store, EXCEPTION_ALLOW, prefix);
		if (write(ack, &id, sizeof(id)) != sizeof(id))
			_exit(1);
	}
}

Test(store, kill_9_loses_nothing_that_was_acknowledged, .init = make_dir, .fini = remove_dir)
{
	uint32_t acked = 0;
	struct store *store;

	for (unsigned int round = 0; round < 6; round++) {
		int ack[2];
		uint32_t id;
		unsigned int got = 0;
		pid_t pid;

		cr_assert_eq(pipe(ack), 0);
		pid = start_adding(ack[1], round);
		close(ack[1]);
		while (got++ < 20 + round * 7 && read(ack[0], &id, sizeof(id)) == sizeof(id))
			acked = id;
		kill(pid, SIGKILL);
		while (read(ack[0], &id, sizeof(id)) == sizeof(id))
			acked = id;
		close(ack[0]);
		waitpid(pid, NULL, 0);
	}
	store = open_store();
	cr_expect_gt(acked, 200);
	cr_expect_geq(list(store).count, acked, "numbers have no gaps, so all up to it are there");
	cr_expect_eq(audit(store, "", 1u << 30).count, list(store).count);
	store_close(store);
}

Test(store, a_full_disk_fails_the_call_and_nothing_else, .init = make_dir, .fini = remove_dir)
{
	struct store *store = open_store();
	struct exception e = make(EXCEPTION_ALLOW, "192.0.2.25");
	struct rlimit before;
	struct rlimit none = {.rlim_cur = 0};

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none.rlim_max = before.rlim_max;
	put_evidence(store, 1, NOW, "{}");
	setrlimit(RLIMIT_FSIZE, &none);
	cr_expect_lt(store_exception_add(store, &e, "uid=0(root)", NOW), 0);
	cr_expect_eq(e.id, 0);
	cr_expect_lt(store_flush(store), 0);
	setrlimit(RLIMIT_FSIZE, &before);
	cr_expect_eq(list(store).count, 0);
	cr_expect_eq(audit(store, "", 9).count, 0);
	cr_expect_eq(store_exception_add(store, &e, "uid=0(root)", NOW), 0);
	cr_expect_eq(store_flush(store), 0, "what was queued is still there");
	expect_evidence(store, 1, "{}");
	store_close(store);
}
