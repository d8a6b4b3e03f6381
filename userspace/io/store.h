/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What must outlive the process, in two SQLite files in the state directory:
 *
 *   state.db     exceptions, the audit trail (append-only by trigger), settings.
 *                Every change is durable before the call returns; -ESTALE, and
 *                nothing has changed, when the file is no longer at its path.
 *   evidence.db  the DNS evidence behind each verdict. The newest is held in memory
 *                and written by a thread of the store's own, which takes a twentieth of
 *                a processor at most; what comes faster is shed, and counted, unless it
 *                must be kept. Damaged, the file is set aside and begun again; moved or
 *                deleted, it is begun again; above STORE_EVIDENCE_MAX, what was decided
 *                first makes room. Nothing needs it: while it cannot be opened or written,
 *                the figures say so, and the thread tries again every ten seconds.
 *
 * Used by the worker only, from one thread. It decides nothing.
 */
#ifndef MXGATE_IO_STORE_H
#define MXGATE_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/exceptions.h"

#define STORE_EVIDENCE_MAX (1LL << 30) /* bytes: some 3,000,000 addresses */

#define STORE_TROUBLE_MAX 256

struct store;

/*
 * Opens or creates both files in dir (which must exist). 0, or -errno with one
 * line in why (what, which file, what to do); *ret untouched then. An evidence.db
 * that cannot be opened is no failure, store_evidence_get_stats() tells of it.
 */
int store_open(const char *dir, struct store **ret, char *why, size_t why_size);
void store_close(struct store *store); /* flushes; NULL is fine */

/*
 * Inserts the exception and its audit row in one transaction. On success sets
 * exception->id. 0 or -errno. who is "uid=1000(alice)"; now_sec wall time.
 */
int store_exception_add(struct store *store, struct exception *exception, const char *who,
			int64_t now_sec);

/* Marks it removed (rows are kept for the audit). 0, -ENOENT, -errno. */
int store_exception_remove(struct store *store, uint32_t id, const char *who, const char *why,
			   int64_t now_sec);

/* Calls fn for every exception not removed, by number, expired ones too. */
int store_exception_each(struct store *store,
			 int (*fn)(const struct exception *exception, void *user), void *user);

/* Appends to the audit trail: "mode", "flush", "reload", "recheck", ... 0 or -errno. */
int store_audit(struct store *store, const char *who, const char *what, const char *object,
		const char *detail, int64_t now_sec);

struct store_audit_row {
	int64_t id;
	int64_t time_sec;
	const char *who;
	const char *what;
	const char *object;
	const char *detail;
};
/* The newest limit rows, newest first, about object ("" for all). */
int store_audit_each(struct store *store, const char *object, unsigned int limit,
		     int (*fn)(const struct store_audit_row *row, void *user), void *user);

/* A small named value ("mode"). get returns 0 and a string to free(), or -ENOENT. */
int store_setting_put(struct store *store, const char *name, const char *value);
int store_setting_get(struct store *store, const char *name, char **ret);
int store_setting_del(struct store *store, const char *name);

/* Starts the thread, which store_close() ends, unless it runs. 0 or -errno: the figures say so. */
int store_evidence_start(struct store *store);
/*
 * Holds the evidence of addr (copied), never waiting for the disk, nor for the thread, whatever
 * else the machine does (but when that is late by a thousand); the newest replaces the older. What
 * must be kept is held on beyond its place in memory, 10,000 of it. 0, or -E2BIG above 2 MiB.
 */
int store_evidence_put(struct store *store, const struct addr *addr, int64_t decided_sec,
		       int64_t expires_sec, const void *data, size_t len, bool must_keep);
/*
 * The newest evidence, to be freed. 0, -ENOENT, -EBUSY when the thread is at it and does not
 * come to an end in 0.2 s, -errno.
 */
int store_evidence_get(struct store *store, const struct addr *addr, void **ret, size_t *ret_len);
/*
 * What the thread does: writes a batch, of at most limit entries, and commits it. How many
 * (0: there are none), or -errno: that batch is to be written again, whatever the limit.
 */
int store_evidence_write(struct store *store, unsigned int limit);
/* Writes all that is held, and commits. 0 or -errno. */
int store_flush(struct store *store);

struct store_evidence_stats {
	uint64_t written; /* rows, since the start */
	uint64_t shed;    /* were never written, since newer came too fast or the disk is full */
	uint32_t pending; /* to be written */
	bool is_stuck;    /* the last attempt to write, or to open the file, has failed: */
	char trouble[STORE_TROUBLE_MAX]; /* what, and why; not escaped */
};
/* As of now, or as they were last while the thread is at it: nobody waits for figures. */
void store_evidence_get_stats(struct store *store, struct store_evidence_stats *ret);
/* How many bytes of evidence.db may be in use, give or take a thousand rows; for tests. */
void store_limit_evidence(struct store *store, int64_t bytes);
/*
 * Has the thread delete evidence that expired before, the oldest thousand or so at a time: to
 * be said again and again. Never waits.
 */
void store_evidence_expire(struct store *store, int64_t expired_before_sec);
/*
 * What the thread does for that: of the limit rows that were decided first, deletes those that
 * expired before. Rows deleted, or -errno.
 */
int store_evidence_prune(struct store *store, int64_t expired_before_sec, unsigned int limit);

#endif
