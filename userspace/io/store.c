// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Owns state.db and evidence.db and every statement that runs on them.
 *
 * The two differ in what a loss would mean. state.db is what operators decided:
 * written through (WAL, synchronous=FULL), checked when opened, and never
 * replaced; if it is damaged we refuse to start over it. evidence.db only
 * explains: no verdict depends on it. Damaged, it is set aside under another name and
 * begun again; gone, it is begun again; if it cannot be had at all, what is behind the
 * verdicts stays in memory, as far as there is room, until it can.
 *
 * A row of evidence costs what it moves in the tree of addresses, so rows are written
 * in batches, in the order of that tree: thousands at once touch a page once where each
 * for itself would write a page anew. A batch is taken out of the memory of the newest
 * and kept until it is committed; there is no other index, as the order of the rows is
 * that of their age.
 *
 * Refuses to decide anything, and to change or delete a row of the audit trail:
 * triggers forbid that to everybody who opens the file.
 */
#include "io/store.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pages.h"
#include "base/text.h"
#include "base/thread.h"
#include "core/recent.h"

#define STATE_VERSION    1
#define EVIDENCE_VERSION 2
#define BUSY_MS          1000       /* somebody's sqlite3 shell may hold a lock; not for long */
#define EVIDENCE_BUSY_MS 10         /* nobody waits for evidence: it is written later */
#define RECENT_BYTES     (8u << 20) /* some 30,000 addresses */
#define CHECKPOINT_PAGES "4000"
#define BATCH_ROWS       8192
#define BATCH_BYTES      (RECENT_BYTES / 4) /* the largest entry, or thousands as they are */
#define GATHER_ROWS      32                 /* who puts evidence waits for so many copies at most */
#define PRUNE_CHUNKS     10
#define CHUNK_ROWS       100 /* whoever asks for evidence waits for so many at most */
#define SIZE_CHECK_ROWS  1000
#define KEPT_MAX         10000 /* rows behind refusals that have lost their place */
#define LATE_MAX         1000  /* rows that found the memory in use */
#define LATE_BYTES       65536 /* each, at most */
#define GET_MS           100   /* for each of two locks, at most */
#define GATHER_MS        100   /* between two looks of the thread: few commits where little comes */
#define RETRY_MS         1000  /* after a failure */
#define REOPEN_MS        10000 /* when there is no file at all */
#define NICE             5
#define SLICE_NS         100000 /* the least that there is */
#define REST             19 /* times as long as it writes: a twentieth of a processor, at most */
#define NS_PER_MS        1000000L
#define DETAIL_MAX       4096

/* A row outside recent: one that had to make way there but must be written, or one that is late. */
struct kept {
	STAILQ_ENTRY(kept) link;
	struct recent_entry entry; /* its data follows */
	uint8_t data[];
};
STAILQ_HEAD(kept_list, kept);

/* A row that is being written. */
struct row {
	char addr[ADDR_TEXT_MAX]; /* the key */
	uint32_t number;          /* in which order it came */
	uint32_t at, len;         /* in the batch's data */
	int64_t decided_sec, expires_sec;
};

/* Rows that were taken to be written, and are here until they are committed. */
struct batch {
	struct row *rows; /* BATCH_ROWS; by key, each once */
	uint8_t *data;    /* BATCH_BYTES */
	uint32_t count, used;
	uint32_t done;  /* are in the transaction that is open */
	uint32_t taken; /* entries: more than rows, where one took the place of another */
};

struct store {
	char *state_path;
	char *evidence_path;
	sqlite3 *state;

	pthread_mutex_t db; /* for what follows */
	sqlite3 *evidence;
	int64_t evidence_max; /* bytes in use */
	sqlite3_stmt *insert, *trim;
	bool is_writing;   /* a transaction is open on evidence */
	bool is_over;      /* evidence_max: each row takes the place of two */
	unsigned int rows; /* tried so far */
	struct batch batch;

	struct kept_list late; /* the caller's alone: what is to be put into recent */
	uint32_t late_count;
	struct store_evidence_stats told; /* the last that could be seen without waiting */

	pthread_mutex_t memory; /* for what follows */
	struct recent *recent;
	struct kept_list kept;
	uint32_t kept_count;
	struct store_evidence_stats stats; /* pending: those of the batch only */
	bool is_asleep, is_ending;
	int64_t expired_sec; /* what has expired before is to be deleted; 0: nothing is */
	pthread_cond_t wake; /* there is something, or the end has come */
	pthread_t thread;
	bool has_thread;
};

static const char state_schema[] =
	"CREATE TABLE exception ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused */
	" kind TEXT NOT NULL CHECK (kind IN ('allow', 'deny')),"
	" prefix TEXT NOT NULL,"
	" owner TEXT NOT NULL, ticket TEXT NOT NULL, reason TEXT NOT NULL,"
	" created INTEGER NOT NULL, created_by TEXT NOT NULL,"
	" expires INTEGER NOT NULL DEFAULT 0,"
	" removed INTEGER, removed_by TEXT, removed_why TEXT);"
	"CREATE UNIQUE INDEX exception_live ON exception (prefix, kind) WHERE removed IS NULL;"
	"CREATE TRIGGER exception_no_delete BEFORE DELETE ON exception BEGIN"
	" SELECT RAISE(ABORT, 'exceptions are marked removed, not deleted'); END;"
	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" time INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,"
	" object TEXT NOT NULL, detail TEXT NOT NULL);"
	"CREATE INDEX audit_object ON audit (object, id);"
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN"
	" SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN"
	" SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
	/* REPLACE deletes without firing the delete trigger */
	"CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
	" WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN"
	" SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

static const char evidence_schema[] =
	"CREATE TABLE evidence ("
	/* with rowids: without, a row above a quarter page would take another page of its own */
	" addr TEXT PRIMARY KEY NOT NULL, decided INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" data BLOB NOT NULL);";

/* --- SQLite in our terms ------------------------------------------------------ */

static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static int to_errno(int code)
{
	if (code == SQLITE_CONSTRAINT_COMMITHOOK)
		return -ESTALE; /* refuse_if_moved() */
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

/*
 * Prepares sql and binds the rest by fmt: 't' const char *, 'i' int64_t. SQLite's
 * code; NULL in *ret on failure.
 */
static int prepare(sqlite3 *db, sqlite3_stmt **ret, const char *sql, const char *fmt, ...)
{
	sqlite3_stmt *stmt = NULL;
	va_list ap;
	int code = db ? sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) : SQLITE_CANTOPEN;

	va_start(ap, fmt);
	for (int i = 0; code == SQLITE_OK && fmt[i]; i++) {
		if (fmt[i] == 't')
			code = sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1,
						 SQLITE_TRANSIENT);
		else
			code = sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t));
	}
	va_end(ap);
	if (code != SQLITE_OK) {
		sqlite3_finalize(stmt);
		stmt = NULL;
	}
	*ret = stmt;
	return code;
}

/* Runs a prepared statement that returns no rows, and finalizes it. SQLite's code. */
static int finish(int code, sqlite3_stmt *stmt)
{
	if (code == SQLITE_OK) {
		code = sqlite3_step(stmt);
		sqlite3_finalize(stmt);
	}
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int run(sqlite3 *db, const char *sql)
{
	return db ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_CANTOPEN;
}

/* Ends a transaction by what came before: COMMIT on SQLITE_OK, else ROLLBACK. */
static int end(sqlite3 *db, int code)
{
	if (code == SQLITE_OK)
		code = run(db, "COMMIT");
	if (code != SQLITE_OK && !sqlite3_get_autocommit(db))
		run(db, "ROLLBACK");
	return code;
}

static const char *column(sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	return text ? text : "";
}

static int user_version(sqlite3 *db, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	int code = prepare(db, &stmt, "PRAGMA user_version", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* SQLITE_CORRUPT when the check finds anything. */
static int quick_check(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int code = prepare(db, &stmt, "PRAGMA quick_check(1)", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		code = strcmp(column(stmt, 0), "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	sqlite3_finalize(stmt);
	return code;
}

/* Opens path and sets it up; version 0 gets the schema. *ret_version is what it has then. */
static int open_db(const char *path, const char *pragmas, const char *schema, int version,
		   sqlite3 **ret, int *ret_version)
{
	sqlite3 *db = NULL;
	char set_version[40];
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%d", version);
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, BUSY_MS);
	if (code == SQLITE_OK)
		code = run(db, pragmas);
	if (code == SQLITE_OK)
		code = user_version(db, ret_version);
	if (code == SQLITE_OK && *ret_version == 0) {
		code = run(db, "BEGIN IMMEDIATE");
		if (code == SQLITE_OK)
			code = run(db, schema);
		if (code == SQLITE_OK)
			code = run(db, set_version);
		code = end(db, code);
		*ret_version = version;
	}
	*ret = db;
	return code;
}

static bool has_moved(sqlite3 *db)
{
	int moved = 0;

	return sqlite3_file_control(db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

/*
 * A commit hook: rolls back what would go to a file that nobody will find again, and
 * so be lost in silence.
 */
static int refuse_if_moved(void *db)
{
	return has_moved(db);
}

/* --- opening ------------------------------------------------------------------ */

static void explain_open(const char *path, int err, const char *message, char *why, size_t why_size)
{
	snprintf(why, why_size, "cannot open %s (%s): %s", path, message,
		 err == -ENOSPC ? "make room on that disk"
				: "the directory must exist and be writable by mxgated's user");
}

static int state_open(struct store *store, char *why, size_t why_size)
{
	int version = 0;
	int code = open_db(store->state_path,
			   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			   "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF",
			   state_schema, STATE_VERSION, &store->state, &version);

	if (code == SQLITE_OK && version <= STATE_VERSION)
		code = quick_check(store->state);
	if (code == SQLITE_OK && version > STATE_VERSION) {
		snprintf(why, why_size,
			 "%s is of schema version %d, this mxgated knows up to %d: "
			 "install the newer mxgated again, or give another state directory",
			 store->state_path, version, STATE_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (is_damage(code))
		snprintf(why, why_size,
			 "%s is damaged (%s): restore it from a backup, or move it away to "
			 "begin without exceptions and audit trail",
			 store->state_path, sqlite3_errstr(code));
	else if (code != SQLITE_OK)
		explain_open(store->state_path, to_errno(code), sqlite3_errmsg(store->state), why,
			     why_size);
	else {
		/* The hook's refusal is one of the extended codes. */
		sqlite3_extended_result_codes(store->state, 1);
		sqlite3_commit_hook(store->state, refuse_if_moved, store->state);
	}
	return to_errno(code);
}

static int evidence_try(struct store *store)
{
	int version = 0;
	int code = open_db(store->evidence_path,
			   "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
			   "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES,
			   evidence_schema, EVIDENCE_VERSION, &store->evidence, &version);

	if (code == SQLITE_OK)
		sqlite3_busy_timeout(store->evidence, EVIDENCE_BUSY_MS);
	/* of another release: as good as damaged, it is only evidence */
	if (code == SQLITE_OK && version != EVIDENCE_VERSION)
		return SQLITE_NOTADB;
	/* Earlier releases found by it what is oldest. */
	if (code == SQLITE_OK)
		code = run(store->evidence, "DROP INDEX IF EXISTS evidence_expires");
	if (code == SQLITE_OK) {
		sqlite3_extended_result_codes(store->evidence, 1);
		sqlite3_commit_hook(store->evidence, refuse_if_moved, store->evidence);
	}
	return code;
}

static void kept_free(struct kept_list *list)
{
	struct kept *kept;

	while ((kept = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		free(kept);
	}
}

/* Why nothing is written, for people; "": it is. */
static void set_trouble(struct store *store, const char *trouble)
{
	pthread_mutex_lock(&store->memory);
	store->stats.is_stuck = trouble[0] != '\0';
	snprintf(store->stats.trouble, sizeof(store->stats.trouble), "%s", trouble);
	pthread_mutex_unlock(&store->memory);
}

/* The connection ends; what was in its transaction is still to be written. */
static void evidence_close(struct store *store)
{
	sqlite3_finalize(store->insert);
	sqlite3_finalize(store->trim);
	store->insert = store->trim = NULL;
	store->is_writing = false;
	store->batch.done = 0;
	sqlite3_close(store->evidence);
	store->evidence = NULL;
}

static void unlink_beside(const struct store *store, const char *suffix)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s%s", store->evidence_path, suffix);
	unlink(name);
}

/* Renames evidence.db to evidence.db.damaged (one is kept). 0 or -errno. */
static int set_aside(struct store *store, int code)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s.damaged", store->evidence_path);
	log_warn("event=evidence-damaged error=\"%s\" file=%s set-aside=%s hint=\"verdicts are not "
		 "affected; why knows less until addresses are looked up again\"",
		 sqlite3_errstr(code), store->evidence_path, name);
	if (rename(store->evidence_path, name) && unlink(store->evidence_path) && errno != ENOENT)
		return -errno;
	return 0;
}

/* Somebody has taken the file away: it is his, and shall be whole. */
static void let_go(struct store *store)
{
	log_warn("event=evidence-gone file=%s hint=\"moved or deleted, and begun again; verdicts "
		 "are "
		 "not affected; why knows less until addresses are looked up again\"",
		 store->evidence_path);
	run(store->evidence, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/*
 * Begins a new file, or takes what lies there now, in the place of one that is of no use.
 * SQLite's code.
 */
static int evidence_renew(struct store *store, int code)
{
	bool is_gone = code == SQLITE_CONSTRAINT_COMMITHOOK;

	if (is_gone)
		let_go(store);
	evidence_close(store);
	if (!is_gone && set_aside(store, code) < 0)
		return code;
	unlink_beside(store, "-wal");
	unlink_beside(store, "-shm");
	return evidence_try(store);
}

/* What the system said, where SQLite says only that it failed. 0: nothing. */
static int system_error(sqlite3 *db, int code)
{
	bool is_systems = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;

	return db && is_systems ? sqlite3_system_errno(db) : 0;
}

static void explain_evidence(struct store *store, const char *what, int code)
{
	char trouble[sizeof(store->stats.trouble)];
	int err = system_error(store->evidence, code);

	snprintf(trouble, sizeof(trouble), "cannot %s %s (%s)", what, store->evidence_path,
		 err ? strerror(err) : sqlite3_errstr(code));
	set_trouble(store, trouble);
}

/* A statement failed: a damaged file is begun again. True when it is worth a second try. */
static bool evidence_mended(struct store *store, int code)
{
	if (!is_damage(code) && code != SQLITE_CONSTRAINT_COMMITHOOK)
		return false;
	code = evidence_renew(store, code);
	if (code == SQLITE_OK)
		return true;
	explain_evidence(store, "open", code);
	evidence_close(store);
	return false;
}

/* There is no room, and nothing wrong with the file. */
static bool is_short(sqlite3 *db, int code)
{
	int err = system_error(db, code);

	return err == ENOSPC || err == EDQUOT || err == EMFILE || err == ENFILE;
}

/*
 * It is only evidence: a file that is damaged, or that somebody else holds or owns, keeps
 * nobody from his work, and neither does a disk that has no room for one. SQLite's code.
 */
static int evidence_open(struct store *store)
{
	int code = evidence_try(store), r = to_errno(code);

	if (r == -EBADMSG || r == -EBUSY || (r == -EACCES && !is_short(store->evidence, code)))
		code = evidence_renew(store, code);
	if (code == SQLITE_OK) {
		set_trouble(store, "");
		return SQLITE_OK;
	}
	explain_evidence(store, "open", code);
	evidence_close(store);
	return code;
}

static void on_lost(const struct recent_entry *entry, void *user);

static void init_wake(struct store *store)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&store->wake, &attr);
	pthread_condattr_destroy(&attr);
}

int store_open(const char *dir, struct store **ret, char *why, size_t why_size)
{
	struct store *store = calloc(1, sizeof(*store));
	int r = -ENOMEM;

	if (!store)
		goto out;
	store->evidence_max = STORE_EVIDENCE_MAX;
	pthread_mutex_init(&store->db, NULL);
	pthread_mutex_init(&store->memory, NULL);
	init_wake(store);
	STAILQ_INIT(&store->kept);
	STAILQ_INIT(&store->late);
	store->recent = recent_new(RECENT_BYTES, on_lost, store);
	store->batch.rows = pages_new(BATCH_ROWS * sizeof(*store->batch.rows));
	store->batch.data = pages_new(BATCH_BYTES);
	if (asprintf(&store->state_path, "%s/state.db", dir) < 0)
		store->state_path = NULL;
	if (asprintf(&store->evidence_path, "%s/evidence.db", dir) < 0)
		store->evidence_path = NULL;
	if (!store->recent || !store->state_path || !store->evidence_path || !store->batch.rows ||
	    !store->batch.data)
		goto out;
	r = state_open(store, why, why_size);
	if (!r)
		evidence_open(store); /* or later */
out:
	if (r == -ENOMEM)
		snprintf(why, why_size, "out of memory");
	if (r)
		store_close(store);
	else
		*ret = store;
	return r;
}

/* --- exceptions --------------------------------------------------------------- */

static const char *kind_name(enum exception_kind kind)
{
	return kind == EXCEPTION_DENY ? "deny" : "allow";
}

static int audit_insert(sqlite3 *db, const char *who, const char *what, const char *object,
			const char *detail, int64_t now_sec)
{
	sqlite3_stmt *stmt;
	int code = prepare(db, &stmt,
			   "INSERT INTO audit (time, who, what, object, detail) VALUES (?,?,?,?,?)",
			   "itttt", now_sec, who, what, object, detail);

	return finish(code, stmt);
}

/* The whole exception on one line, so that the trail says what it was without the table. */
static void exception_detail(const struct exception *e, char buf[static DETAIL_MAX])
{
	char text[3][EXCEPTION_TEXT_MAX * 4];
	char expires[TEXT_MOMENT_MAX] = "never";

	text_escape(e->owner, strlen(e->owner), text[0], sizeof(text[0]));
	text_escape(e->ticket, strlen(e->ticket), text[1], sizeof(text[1]));
	text_escape(e->reason, strlen(e->reason), text[2], sizeof(text[2]));
	if (e->expires_sec)
		text_from_moment(e->expires_sec, expires);
	snprintf(buf, DETAIL_MAX,
		 "id=%u kind=%s owner=\"%s\" ticket=\"%s\" reason=\"%s\" expires=%s", e->id,
		 kind_name(e->kind), text[0], text[1], text[2], expires);
}

static int exception_insert(sqlite3 *db, const struct exception *e, const char *prefix,
			    const char *who, int64_t now_sec)
{
	sqlite3_stmt *stmt;
	int code = prepare(db, &stmt,
			   "INSERT INTO exception (kind, prefix, owner, ticket, reason, created,"
			   " created_by, expires) VALUES (?,?,?,?,?,?,?,?)",
			   "tttttiti", kind_name(e->kind), prefix, e->owner, e->ticket, e->reason,
			   now_sec, who, e->expires_sec);

	return finish(code, stmt);
}

int store_exception_add(struct store *store, struct exception *exception, const char *who,
			int64_t now_sec)
{
	sqlite3 *db = store->state;
	struct exception added = *exception;
	char prefix[PREFIX_TEXT_MAX];
	char detail[DETAIL_MAX];
	int64_t id;
	int code;

	prefix_format(&added.prefix, prefix);
	code = run(db, "BEGIN IMMEDIATE");
	if (code != SQLITE_OK)
		return to_errno(code);
	code = exception_insert(db, &added, prefix, who, now_sec);
	id = sqlite3_last_insert_rowid(db);
	if (code == SQLITE_OK && id > UINT32_MAX)
		code = SQLITE_FULL; /* the gate's numbers have 32 bits */
	if (code == SQLITE_OK) {
		added.id = (uint32_t)id;
		exception_detail(&added, detail);
		code = audit_insert(db, who, "exception-add", prefix, detail, now_sec);
	}
	code = end(db, code);
	if (code == SQLITE_OK) {
		exception->id = added.id;
		exception->created_sec = now_sec;
		snprintf(exception->created_by, sizeof(exception->created_by), "%s", who);
	}
	return to_errno(code);
}

#define EXCEPTION_COLUMNS "id, kind, prefix, owner, ticket, reason, created, created_by, expires"

/* 0, or -EBADMSG for a row that we cannot have written. */
static int exception_from_row(sqlite3_stmt *stmt, struct exception *ret)
{
	const char *why;

	memset(ret, 0, sizeof(*ret));
	ret->id = (uint32_t)sqlite3_column_int64(stmt, 0);
	ret->kind = strcmp(column(stmt, 1), "deny") == 0 ? EXCEPTION_DENY : EXCEPTION_ALLOW;
	if (prefix_parse(column(stmt, 2), &ret->prefix, &why))
		return -EBADMSG;
	snprintf(ret->owner, sizeof(ret->owner), "%s", column(stmt, 3));
	snprintf(ret->ticket, sizeof(ret->ticket), "%s", column(stmt, 4));
	snprintf(ret->reason, sizeof(ret->reason), "%s", column(stmt, 5));
	ret->created_sec = sqlite3_column_int64(stmt, 6);
	snprintf(ret->created_by, sizeof(ret->created_by), "%s", column(stmt, 7));
	ret->expires_sec = sqlite3_column_int64(stmt, 8);
	return 0;
}

/* The live exception of this number. 0, -ENOENT or -errno. */
static int exception_read(sqlite3 *db, uint32_t id, struct exception *ret)
{
	sqlite3_stmt *stmt;
	int code = prepare(db, &stmt,
			   "SELECT " EXCEPTION_COLUMNS
			   " FROM exception WHERE id = ? AND removed IS NULL",
			   "i", (int64_t)id);
	int r = -ENOENT;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		r = exception_from_row(stmt, ret);
	else if (code != SQLITE_DONE)
		r = to_errno(code);
	sqlite3_finalize(stmt);
	return r;
}

static int exception_mark(sqlite3 *db, uint32_t id, const char *who, const char *why,
			  int64_t now_sec)
{
	sqlite3_stmt *stmt;
	int code = prepare(
		db, &stmt,
		"UPDATE exception SET removed = ?, removed_by = ?, removed_why = ? WHERE id = ?",
		"itti", now_sec, who, why, (int64_t)id);

	return finish(code, stmt);
}

int store_exception_remove(struct store *store, uint32_t id, const char *who, const char *why,
			   int64_t now_sec)
{
	sqlite3 *db = store->state;
	struct exception e = {0};
	char prefix[PREFIX_TEXT_MAX];
	char text[1024];
	char detail[DETAIL_MAX];
	int code;
	int r = exception_read(db, id, &e);

	if (r)
		return r;
	prefix_format(&e.prefix, prefix);
	text_escape(why ? why : "", why ? strlen(why) : 0, text, sizeof(text));
	snprintf(detail, sizeof(detail), "id=%u kind=%s why=\"%s\"", id, kind_name(e.kind), text);
	code = run(db, "BEGIN IMMEDIATE");
	if (code != SQLITE_OK)
		return to_errno(code);
	code = exception_mark(db, id, who, why ? why : "", now_sec);
	if (code == SQLITE_OK)
		code = audit_insert(db, who, "exception-remove", prefix, detail, now_sec);
	return to_errno(end(db, code));
}

int store_exception_each(struct store *store,
			 int (*fn)(const struct exception *exception, void *user), void *user)
{
	sqlite3_stmt *stmt;
	struct exception e;
	int r = 0;
	int code = prepare(store->state, &stmt,
			   "SELECT " EXCEPTION_COLUMNS
			   " FROM exception WHERE removed IS NULL ORDER BY id",
			   "");

	if (code != SQLITE_OK)
		return to_errno(code);
	while (!r && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		r = exception_from_row(stmt, &e);
		if (!r)
			r = fn(&e, user);
	}
	sqlite3_finalize(stmt);
	return r ? r : to_errno(code);
}

/* --- audit and settings ------------------------------------------------------- */

int store_audit(struct store *store, const char *who, const char *what, const char *object,
		const char *detail, int64_t now_sec)
{
	return to_errno(audit_insert(store->state, who, what, object, detail, now_sec));
}

int store_audit_each(struct store *store, const char *object, unsigned int limit,
		     int (*fn)(const struct store_audit_row *row, void *user), void *user)
{
	const char *sql = object[0] ? "SELECT id, time, who, what, object, detail FROM audit"
				      " WHERE object = ?2 ORDER BY id DESC LIMIT ?1"
				    : "SELECT id, time, who, what, object, detail FROM audit"
				      " ORDER BY id DESC LIMIT ?1";
	sqlite3_stmt *stmt;
	int r = 0;
	int code =
		prepare(store->state, &stmt, sql, object[0] ? "it" : "i", (int64_t)limit, object);

	if (code != SQLITE_OK)
		return to_errno(code);
	while (!r && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_audit_row row = {
			.id = sqlite3_column_int64(stmt, 0),
			.time_sec = sqlite3_column_int64(stmt, 1),
			.who = column(stmt, 2),
			.what = column(stmt, 3),
			.object = column(stmt, 4),
			.detail = column(stmt, 5),
		};

		r = fn(&row, user);
	}
	sqlite3_finalize(stmt);
	return r ? r : to_errno(code);
}

int store_setting_put(struct store *store, const char *name, const char *value)
{
	sqlite3_stmt *stmt;
	int code = prepare(store->state, &stmt,
			   "INSERT INTO setting (name, value) VALUES (?1, ?2)"
			   " ON CONFLICT (name) DO UPDATE SET value = ?2",
			   "tt", name, value);

	return to_errno(finish(code, stmt));
}

/* The one text that a query finds, to be freed. SQLITE_ROW, or SQLITE_DONE without one. */
static int fetch(int code, sqlite3_stmt *stmt, char **ret)
{
	char *copy;

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		copy = strdup(column(stmt, 0));
		if (copy)
			*ret = copy;
		else
			code = SQLITE_NOMEM;
	}
	sqlite3_finalize(stmt);
	return code;
}

int store_setting_get(struct store *store, const char *name, char **ret)
{
	sqlite3_stmt *stmt;
	int code =
		prepare(store->state, &stmt, "SELECT value FROM setting WHERE name = ?", "t", name);

	code = fetch(code, stmt, ret);
	return code == SQLITE_DONE ? -ENOENT : to_errno(code);
}

int store_setting_del(struct store *store, const char *name)
{
	sqlite3_stmt *stmt;
	int code = prepare(store->state, &stmt, "DELETE FROM setting WHERE name = ?", "t", name);

	return to_errno(finish(code, stmt));
}

/* --- evidence ----------------------------------------------------------------- */

/* By the monotonic clock. */
static struct timespec in_ms(unsigned int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * NS_PER_MS;
	if (until.tv_nsec >= 1000 * NS_PER_MS) {
		until.tv_sec++;
		until.tv_nsec -= 1000 * NS_PER_MS;
	}
	return until;
}

/* The thread may have the lock, and not be let run. */
static bool try_lock(pthread_mutex_t *mutex, unsigned int ms)
{
	const struct timespec until = in_ms(ms);

	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until) == 0;
}

void store_limit_evidence(struct store *store, int64_t bytes)
{
	pthread_mutex_lock(&store->db);
	store->evidence_max = bytes;
	pthread_mutex_unlock(&store->db);
}

/* What the pages that hold something take. SQLite's code. */
static int evidence_size(struct store *store, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int code = prepare(store->evidence, &stmt,
			   "SELECT (page_count - freelist_count) * page_size"
			   " FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
			   "");

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* Looks now and then whether there is room. */
static int check_size(struct store *store)
{
	int64_t size = 0;
	int code;

	if (store->rows++ % SIZE_CHECK_ROWS != 0)
		return SQLITE_OK;
	code = evidence_size(store, &size);
	store->is_over = size >= store->evidence_max;
	return code;
}

/* The two statements that are kept. */
static int prepare_kept(struct store *store)
{
	int code = SQLITE_OK;

	if (!store->insert)
		code = prepare(store->evidence, &store->insert,
			       "INSERT OR REPLACE INTO evidence (addr, decided, expires, data)"
			       " VALUES (?,?,?,?)",
			       "");
	if (code == SQLITE_OK && !store->trim)
		code = prepare(store->evidence, &store->trim,
			       "DELETE FROM evidence WHERE rowid IN"
			       " (SELECT rowid FROM evidence ORDER BY rowid LIMIT 2)",
			       "");
	return code;
}

/* Opens the transaction that is open as long as there is something to write, and the file. */
static int begin(struct store *store)
{
	int code = store->evidence ? SQLITE_OK : evidence_open(store);

	if (code == SQLITE_OK)
		code = run(store->evidence, "BEGIN IMMEDIATE");
	store->is_writing = code == SQLITE_OK;
	return code == SQLITE_OK ? prepare_kept(store) : code;
}

/* Runs a statement that is kept. */
static int step(sqlite3_stmt *stmt)
{
	int code = sqlite3_step(stmt), reset = sqlite3_reset(stmt);

	return code == SQLITE_DONE ? reset : code;
}

static int insert(struct store *store, const struct row *row)
{
	int code = store->is_writing ? SQLITE_OK : begin(store);

	if (code == SQLITE_OK)
		code = check_size(store);
	/* Two for one, so that the file shrinks back below its limit. */
	if (code == SQLITE_OK && store->is_over)
		code = step(store->trim);
	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_text(store->insert, 1, row->addr, -1, SQLITE_STATIC);
	sqlite3_bind_int64(store->insert, 2, row->decided_sec);
	sqlite3_bind_int64(store->insert, 3, row->expires_sec);
	code = sqlite3_bind_blob(store->insert, 4, store->batch.data + row->at, (int)row->len,
				 SQLITE_STATIC);
	return code == SQLITE_OK ? step(store->insert) : code;
}

/* All of the batch is still to be written, or to be written into a new file. */
static int give_up(struct store *store, int code)
{
	/* It says so itself, where there is no file. */
	if (store->evidence && !evidence_mended(store, code) && store->evidence)
		explain_evidence(store, "write", code);
	if (store->is_writing && !sqlite3_get_autocommit(store->evidence))
		run(store->evidence, "ROLLBACK");
	store->is_writing = false;
	store->batch.done = 0;
	return to_errno(code);
}

/* A copy of the entry and its data, or NULL. */
static struct kept *kept_new(const struct recent_entry *entry)
{
	struct kept *kept = malloc(sizeof(*kept) + entry->len);

	if (!kept)
		return NULL;
	memcpy(kept->data, entry->data, entry->len);
	kept->entry = *entry;
	kept->entry.data = kept->data;
	return kept;
}

/* An entry makes way before its turn: one behind a refusal is written for all that. */
static void on_lost(const struct recent_entry *entry, void *user)
{
	struct store *store = user;
	struct kept *kept = NULL;

	if (entry->must_keep && store->kept_count < KEPT_MAX)
		kept = kept_new(entry);
	if (!kept) {
		store->stats.shed++;
		return;
	}
	STAILQ_INSERT_TAIL(&store->kept, kept, link);
	store->kept_count++;
}

/* What was late comes into recent, by whoever has the memory now, but for the thread. */
static void take_late(struct store *store)
{
	struct kept *kept;

	while ((kept = STAILQ_FIRST(&store->late))) {
		STAILQ_REMOVE_HEAD(&store->late, link);
		recent_put(store->recent, &kept->entry);
		free(kept);
	}
	store->late_count = 0;
}

static void leave(struct store *store)
{
	bool was_asleep = store->is_asleep && recent_pending(store->recent) > 0;

	if (was_asleep)
		store->is_asleep = false;
	pthread_mutex_unlock(&store->memory);
	if (was_asleep)
		pthread_cond_signal(&store->wake);
}

/*
 * The thread holds the memory for moments only, but has it as long as it takes until
 * its turn comes again: judging does not wait for that.
 */
static bool put_late(struct store *store, const struct recent_entry *entry)
{
	struct kept *kept = NULL;

	if (store->late_count < LATE_MAX && entry->len <= LATE_BYTES)
		kept = kept_new(entry);
	if (!kept)
		return false;
	STAILQ_INSERT_TAIL(&store->late, kept, link);
	store->late_count++;
	return true;
}

int store_evidence_put(struct store *store, const struct addr *addr, int64_t decided_sec,
		       int64_t expires_sec, const void *data, size_t len, bool must_keep)
{
	const struct recent_entry entry = {.addr = *addr,
					   .must_keep = must_keep,
					   .decided_sec = decided_sec,
					   .expires_sec = expires_sec,
					   .data = data,
					   .len = len};
	int err;

	if (pthread_mutex_trylock(&store->memory) != 0) {
		if (put_late(store, &entry))
			return 0;
		pthread_mutex_lock(&store->memory);
	}
	take_late(store);
	err = recent_put(store->recent, &entry);
	leave(store);
	return err;
}

/* The next to be written, valid while the memory is held: those that have lost their place first.
 */
static bool next(struct store *store, struct recent_entry *ret)
{
	const struct kept *kept = STAILQ_FIRST(&store->kept);

	if (kept)
		*ret = kept->entry;
	return kept || recent_next(store->recent, ret);
}

static void take(struct store *store)
{
	struct kept *kept = STAILQ_FIRST(&store->kept);

	if (!kept) {
		recent_take(store->recent);
		return;
	}
	STAILQ_REMOVE_HEAD(&store->kept, link);
	store->kept_count--;
	free(kept);
}

/* Copies some more of what is to be written, at most up to limit. False: that is all, or full. */
static bool gather_some(struct store *store, uint32_t limit)
{
	struct batch *batch = &store->batch;
	struct recent_entry entry;
	uint32_t end = batch->count + GATHER_ROWS;
	bool more = false;

	pthread_mutex_lock(&store->memory);
	while (batch->count < limit && (more = next(store, &entry)) && batch->count < end) {
		struct row *row = &batch->rows[batch->count];

		if (entry.len > BATCH_BYTES - batch->used) {
			more = false;
			break;
		}
		addr_format(&entry.addr, row->addr);
		row->number = batch->count++;
		row->at = batch->used;
		row->len = (uint32_t)entry.len;
		row->decided_sec = entry.decided_sec;
		row->expires_sec = entry.expires_sec;
		memcpy(batch->data + batch->used, entry.data, entry.len);
		batch->used += row->len;
		take(store);
	}
	store->stats.pending = batch->count;
	pthread_mutex_unlock(&store->memory);
	return more && batch->count < limit;
}

static int by_key(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int order = strcmp(a->addr, b->addr);

	return order ? order : (a->number > b->number) - (a->number < b->number);
}

/* Of rows about one address the last stays. */
static void sort(struct batch *batch)
{
	uint32_t kept = 0;

	qsort(batch->rows, batch->count, sizeof(*batch->rows), by_key);
	for (uint32_t i = 0; i < batch->count; i++) {
		if (kept > 0 && strcmp(batch->rows[kept - 1].addr, batch->rows[i].addr) == 0)
			kept--;
		batch->rows[kept++] = batch->rows[i];
	}
	batch->count = kept;
}

/* The next batch, of at most limit entries, once the last is written. How many rows it has. */
static uint32_t gather(struct store *store, unsigned int limit)
{
	struct batch *batch = &store->batch;

	if (batch->count > 0)
		return batch->count;
	batch->used = batch->done = 0;
	while (gather_some(store, limit < BATCH_ROWS ? limit : BATCH_ROWS))
		;
	batch->taken = batch->count;
	sort(batch);
	return batch->count;
}

/* Writes at most so many rows of the batch. 0 or -errno. */
static int write_rows(struct store *store, unsigned int limit)
{
	struct batch *batch = &store->batch;
	int code = SQLITE_OK;

	for (; limit > 0 && batch->done < batch->count && code == SQLITE_OK; limit--) {
		code = insert(store, &batch->rows[batch->done]);
		batch->done += code == SQLITE_OK;
	}
	return code == SQLITE_OK ? 0 : give_up(store, code);
}

/* Once all of the batch is in. */
static int commit(struct store *store)
{
	int code;

	if (!store->is_writing)
		return 0; /* there was nothing */
	code = run(store->evidence, "COMMIT");
	if (code != SQLITE_OK)
		return give_up(store, code);
	store->is_writing = false;
	pthread_mutex_lock(&store->memory);
	store->stats.written += store->batch.taken;
	store->stats.pending = 0;
	pthread_mutex_unlock(&store->memory);
	store->batch.count = store->batch.taken = 0;
	set_trouble(store, "");
	return 0;
}

int store_evidence_write(struct store *store, unsigned int limit)
{
	uint32_t taken = 0;
	int err = 0;

	pthread_mutex_lock(&store->db);
	if (gather(store, limit) > 0) {
		taken = store->batch.taken;
		err = write_rows(store, UINT_MAX);
		if (err == 0)
			err = commit(store);
	}
	pthread_mutex_unlock(&store->db);
	return err < 0 ? err : (int)taken;
}

int store_flush(struct store *store)
{
	struct store_evidence_stats stats;
	int n;

	pthread_mutex_lock(&store->memory);
	take_late(store);
	leave(store);
	do {
		n = store_evidence_write(store, BATCH_ROWS);
		store_evidence_get_stats(store, &stats);
		if (n < 0 && !stats.is_stuck) /* the file has been begun again */
			n = store_evidence_write(store, BATCH_ROWS);
	} while (n > 0);
	return n;
}

void store_evidence_get_stats(struct store *store, struct store_evidence_stats *ret)
{
	if (pthread_mutex_trylock(&store->memory) == 0) {
		take_late(store);
		store->told = store->stats;
		store->told.pending += recent_pending(store->recent) + store->kept_count;
		leave(store);
	}
	*ret = store->told;
	ret->pending += store->late_count;
}

/* --- what is too old ------------------------------------------------------------ */

static int prune(struct store *store, int64_t expired_before_sec, unsigned int limit)
{
	int code = store->evidence ? SQLITE_OK : evidence_open(store);
	sqlite3_stmt *stmt = NULL;

	if (code == SQLITE_OK)
		code = prepare(store->evidence, &stmt,
			       "DELETE FROM evidence WHERE expires < ?1 AND rowid IN"
			       " (SELECT rowid FROM evidence ORDER BY rowid LIMIT ?2)",
			       "ii", expired_before_sec, (int64_t)limit);
	code = finish(code, stmt);
	if (code != SQLITE_OK)
		return evidence_mended(store, code) ? 0 : to_errno(code);
	return sqlite3_changes(store->evidence);
}

int store_evidence_prune(struct store *store, int64_t expired_before_sec, unsigned int limit)
{
	int n;

	pthread_mutex_lock(&store->db);
	n = prune(store, expired_before_sec, limit);
	pthread_mutex_unlock(&store->db);
	return n;
}

void store_evidence_expire(struct store *store, int64_t expired_before_sec)
{
	if (pthread_mutex_trylock(&store->memory) != 0)
		return; /* the next time, then */
	store->expired_sec = expired_before_sec;
	store->is_asleep = false;
	pthread_mutex_unlock(&store->memory);
	pthread_cond_signal(&store->wake);
}

/* --- the thread that writes it -------------------------------------------------- */

/* Sleeps so long, whatever becomes of the wall clock, or until the end. */
static void nap(struct store *store, unsigned int ms)
{
	const struct timespec until = in_ms(ms);

	pthread_mutex_lock(&store->memory);
	while (!store->is_ending &&
	       pthread_cond_timedwait(&store->wake, &store->memory, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&store->memory);
}

/* Waits until there is something to be written. False: the end has come. */
static bool await_rows(struct store *store)
{
	bool is_ending;

	pthread_mutex_lock(&store->memory);
	while (!store->is_ending && !store->expired_sec &&
	       store->stats.pending + store->kept_count == 0 &&
	       recent_pending(store->recent) == 0) {
		store->is_asleep = true;
		pthread_cond_wait(&store->wake, &store->memory);
	}
	store->is_asleep = false;
	is_ending = store->is_ending;
	pthread_mutex_unlock(&store->memory);
	return !is_ending;
}

/* Then whoever ends it writes the rest, and at his own priority. */
static bool is_ending(struct store *store)
{
	bool is;

	pthread_mutex_lock(&store->memory);
	is = store->is_ending;
	pthread_mutex_unlock(&store->memory);
	return is;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 * NS_PER_MS + (uint64_t)ts.tv_nsec;
}

/* So long that it has its share of a processor, and no more. */
static void rest(struct store *store, uint64_t begun_ns)
{
	nap(store, 1 + (unsigned int)((own_cpu_ns() - begun_ns) * REST / NS_PER_MS));
}

/* Writes some rows of the batch, or commits it. 1: there is more to do, 0, -errno. */
static int write_some(struct store *store)
{
	const struct batch *batch = &store->batch;
	int err;

	pthread_mutex_lock(&store->db);
	gather(store, BATCH_ROWS);
	err = batch->done < batch->count ? write_rows(store, CHUNK_ROWS) : commit(store);
	if (err == 0)
		err = batch->count > 0;
	pthread_mutex_unlock(&store->db);
	return err;
}

/* Writes a batch. 0 or -errno. */
static int write_batch(struct store *store)
{
	uint64_t begun_ns;
	int more;

	do {
		begun_ns = own_cpu_ns();
		more = write_some(store);
		rest(store, begun_ns);
	} while (more > 0 && !is_ending(store));
	return more;
}

/* Deletes some of what is too old, if that is wanted. */
static void prune_some(struct store *store)
{
	int64_t expired_sec;
	uint64_t begun_ns;

	pthread_mutex_lock(&store->memory);
	expired_sec = store->expired_sec;
	store->expired_sec = 0;
	pthread_mutex_unlock(&store->memory);
	for (unsigned int i = 0; expired_sec && i < PRUNE_CHUNKS && !is_ending(store); i++) {
		begun_ns = own_cpu_ns();
		if (store_evidence_prune(store, expired_sec, CHUNK_ROWS) < CHUNK_ROWS)
			break;
		rest(store, begun_ns);
	}
}

static bool has_file(struct store *store)
{
	bool has;

	pthread_mutex_lock(&store->db);
	has = store->evidence;
	pthread_mutex_unlock(&store->db);
	return has;
}

/*
 * Judging goes first, but not before everything: with SCHED_IDLE the thread kept the locks
 * for seconds where the processors were busy, and what is behind refusals was shed. Linux
 * 6.12 and newer let whoever runs go on to the end of his slice, so that is as short as can
 * be; older kernels take no notice of it, and need not.
 */
static void give_way(void)
{
	const struct { /* struct sched_attr, which C libraries have only lately */
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} attr = {
		.size = sizeof(attr), .policy = SCHED_BATCH, .nice = NICE, .runtime_ns = SLICE_NS};

	syscall(SYS_sched_setattr, 0, &attr, 0);
}

static void *write_on(void *arg)
{
	struct store *store = arg;

	give_way();
	while (await_rows(store)) {
		nap(store, GATHER_MS);
		if (write_batch(store) < 0)
			nap(store, has_file(store) ? RETRY_MS : REOPEN_MS);
		prune_some(store);
	}
	return NULL;
}

int store_evidence_start(struct store *store)
{
	char trouble[sizeof(store->stats.trouble)];
	int err;

	if (store->has_thread)
		return 0;
	err = thread_start(&store->thread, write_on, store);
	if (err < 0) {
		snprintf(trouble, sizeof(trouble), "no thread can be started to write %s (%s)",
			 store->evidence_path, strerror(-err));
		set_trouble(store, trouble);
	}
	store->has_thread = err == 0;
	return err;
}

static void evidence_stop(struct store *store)
{
	if (!store->has_thread)
		return;
	pthread_mutex_lock(&store->memory);
	store->is_ending = true;
	pthread_mutex_unlock(&store->memory);
	pthread_cond_signal(&store->wake);
	pthread_join(store->thread, NULL);
	store->has_thread = false;
}

/* --- reading it ------------------------------------------------------------------ */

static int copy_of(const void *data, size_t len, void **ret, size_t *ret_len)
{
	void *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, len);
	*ret = copy;
	*ret_len = len;
	return 0;
}

static int read_row(struct store *store, const char *addr, void **ret, size_t *ret_len)
{
	sqlite3_stmt *stmt;
	int r = -ENOENT;
	int code = prepare(store->evidence, &stmt, "SELECT data FROM evidence WHERE addr = ?", "t",
			   addr);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		r = copy_of(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
			    ret, ret_len);
	sqlite3_finalize(stmt);
	if (code == SQLITE_ROW || code == SQLITE_DONE || evidence_mended(store, code))
		return r;
	return to_errno(code);
}

/* The newest that has lost its place in recent and is not written yet. */
static int kept_get(const struct store *store, const struct addr *addr, struct recent_entry *ret)
{
	const struct kept *kept;
	int r = -ENOENT;

	STAILQ_FOREACH(kept, &store->kept, link)
	if (addr_equal(&kept->entry.addr, addr)) {
		*ret = kept->entry;
		r = 0;
	}
	return r;
}

static int find_key(const void *key, const void *row)
{
	return strcmp(key, ((const struct row *)row)->addr);
}

/* Of the batch, or else of the file. */
static int read_written(struct store *store, const struct addr *addr, void **ret, size_t *ret_len)
{
	const struct batch *batch = &store->batch;
	char text[ADDR_TEXT_MAX];
	const struct row *row = bsearch(addr_format(addr, text), batch->rows, batch->count,
					sizeof(*batch->rows), find_key);

	return row ? copy_of(batch->data + row->at, row->len, ret, ret_len)
		   : read_row(store, text, ret, ret_len);
}

int store_evidence_get(struct store *store, const struct addr *addr, void **ret, size_t *ret_len)
{
	struct recent_entry entry;
	int r;

	if (!try_lock(&store->memory, GET_MS))
		return -EBUSY;
	take_late(store);
	r = recent_get(store->recent, addr, &entry);
	if (r == -ENOENT)
		r = kept_get(store, addr, &entry);
	if (r == 0)
		r = copy_of(entry.data, entry.len, ret, ret_len);
	leave(store);
	if (r != -ENOENT)
		return r;
	if (!try_lock(&store->db, GET_MS))
		return -EBUSY;
	r = read_written(store, addr, ret, ret_len);
	pthread_mutex_unlock(&store->db);
	return r;
}

static void write_the_rest(struct store *store)
{
	struct store_evidence_stats stats;
	int err = store_flush(store);

	store_evidence_get_stats(store, &stats);
	if (stats.pending > 0)
		log_warn("event=evidence-lost rows=%u error=\"%s\" hint=\"verdicts are not "
			 "affected; "
			 "why knows less until addresses are looked up again\"",
			 stats.pending, strerror(-err));
}

void store_close(struct store *store)
{
	if (!store)
		return;
	evidence_stop(store);
	if (store->recent)
		write_the_rest(store);
	evidence_close(store);
	sqlite3_close(store->state);
	kept_free(&store->kept);
	kept_free(&store->late);
	recent_free(store->recent);
	pages_free(store->batch.rows, BATCH_ROWS * sizeof(*store->batch.rows));
	pages_free(store->batch.data, BATCH_BYTES);
	free(store->state_path);
	free(store->evidence_path);
	free(store);
}
