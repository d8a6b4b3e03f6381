/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The worker: an unprivileged process with the fds of the gate's maps. It turns
 * events into lookups, results into verdicts, commands into changes, and keeps
 * the lease alive. One thread, one libuv loop.
 *
 *   worker.c    starts and ends it, heartbeat, messages from the keeper
 *   judge.c     event -> lookup -> policy -> verdict, evidence and log line
 *   watch.c     the breaker's canaries, and what it says
 *   tables.c    exceptions and configuration into the gate, sweep, re-application
 *   growth.c    a larger table for the verdicts, when one fills
 *   ledger.c    what is written down of it: evidence and log lines, in measure
 *   rollups.c   the IPv6 networks that are judged as one
 *   saver.c     files that are written beside the loop:
 *   remember.c  who was good, for the worker after it
 *   snapshot.c  the verdicts, for the next boot
 *   handover.c  where DNS was in trouble, for the worker after it
 *   mode.c      which reasons the gate acts on
 *   replies.c   what it says to who is rejected, and the secrets of that
 *   alarms.c    what an operator should know now;  health.c  that DNS is in trouble
 *   commands.c  the control commands;  status.c  the answer to `mxgate status`
 */
#ifndef MXGATE_DAEMON_WORKER_H
#define MXGATE_DAEMON_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/breaker.h"
#include "core/budget.h"
#include "core/conf.h"
#include "core/confirm.h"
#include "core/exceptions.h"
#include "core/patterns.h"
#include "core/history.h"
#include "daemon/alarms.h"
#include "daemon/growth.h"
#include "daemon/handover.h"
#include "daemon/health.h"
#include "daemon/ledger.h"
#include "daemon/message.h"
#include "daemon/remember.h"
#include "daemon/rollups.h"
#include "daemon/slots.h"
#include "daemon/snapshot.h"
#include "io/control.h"
#include "io/events.h"
#include "io/resolver.h"
#include "io/store.h"
#include "io/vmap.h"

struct worker_args {
	const struct conf *conf;
	const struct patterns *patterns; /* conf's rdns { patterns }; NULL for none */
	struct vmap_fds maps;
	int events_fd;
	int keeper_fd;              /* SOCK_SEQPACKET, struct message */
	int listen_fd;              /* the control socket */
	gid_t read_gid, change_gid; /* (gid_t)-1: no such group */
	struct slots slots;         /* as the keeper saw them before the fork */
	struct trigger_info trigger;
	struct proof proof; /* of the worker before; all zero: there was none */
	pid_t keeper_pid;
	unsigned int restarts;
	bool is_first; /* the tables have just been made: nobody has written to them */
	uint64_t keeper_started_ns;
};

struct worker {
	struct worker_args args;
	const struct conf *conf;
	uv_loop_t loop;
	uv_timer_t heartbeat, sweep, due, exception_tick, watch;
	uv_signal_t term;
	uv_poll_t keeper;
	struct vmap *vmap;
	struct store *store;
	struct exceptions *exceptions;
	struct history *history;
	struct confirm confirm;
	struct breaker *breaker;
	uint32_t canaries_told;                /* watch.c: of whom the operator has been warned */
	uint64_t cautions[POLICY_CAUTION_MAX]; /* decisions that ended so; NONE: refusals */
	uint64_t stale_served, breaker_opened, released;
	struct resolver *resolver;
	uint32_t servers_mark; /* of whom it asks */
	struct budget *budget;
	bool secrets_failed;
	uint64_t secrets_done; /* the half of a secret's time, and one, that has been seen to */
	uint64_t over_budget;  /* events that caused no lookup for that */
	struct control *control;
	struct events *events;
	struct vmap_cursor sweep_cursor;
	bool sweep_again; /* when the end is reached: the breaker has opened meanwhile */
	struct table_entry *sweep_entries;
	uint32_t hash_seed;
	uint32_t enforce_mask;
	bool is_holding;      /* the gate has been told to hold unknown sources */
	bool mode_is_command; /* set by `mxgate mode`, not by the configuration */
	uint64_t table_full, table_full_logged_ns;
	struct alarms alarms;
	struct health health;
	struct ledger ledger;
	struct growth growth;
	struct handover handover;
	struct remember remember;
	struct snapshot snapshot;
	struct rollups rollups;
	struct control_request *reloading; /* waits for the keeper's word */
	struct pending *pending;           /* commands.c: requests with work under way */
	bool is_last;                      /* of this keeper: no worker follows at once */
	int exit_code;
};

/* Takes the keeper's messages that are there. 0, or -errno when it has gone. */
int worker_take_messages(struct worker *worker);

/* Tells the keeper that it lives, and what the worker after it is to know at once. */
void worker_tell(const struct worker *worker);

/*
 * Runs until the keeper says stop or goes away; the exit code. Everything in
 * args stays the caller's.
 */
int worker_run(const struct worker_args *args);

/* --- judge.c ------------------------------------------------------------------ */

/* events_fn; user is the worker. */
bool judge_event(enum mxg_event_kind kind, const struct addr *addr, uint64_t sent_ns, void *user);

/*
 * Writes what the report says: verdict, evidence, log line. Leaves a standing
 * verdict alone when the report is temperror, and writes none for an address
 * that an exception covers. 0 or -errno of the table (-E2BIG: full).
 */
int judge_apply(struct worker *worker, const struct iprev_report *report);

uint32_t judge_now_sec(void);

/* resolver_check(); a second opinion is asked of another server, where that is wanted. */
int judge_look_up(struct worker *worker, const struct addr *addr, resolver_done_fn on_done,
		  void *user);

/* resolver_room_fn; user is the worker. The events that wait in the ring have their turn. */
void judge_on_room(void *user);

/* resolver_done_fn; user is the worker. Applies the report. */
void judge_on_done(const struct iprev_report *report, void *user);

/* True if this refusal came of what the breaker is now open for: it is to go. */
bool judge_is_undone(const struct worker *worker, const struct table_entry *entry);

/* Remembers what a verdict of an earlier run says about its source. */
void judge_adopt(struct worker *worker, const struct table_entry *entry, uint32_t now_sec);

/* --- watch.c ------------------------------------------------------------------ */

/* Sets up history, confirmations and breaker; the store must be open. 0 or -errno. */
int watch_init(struct worker *worker);
void watch_done(struct worker *worker);

/* A timer, every second: looks at the canaries that are due. */
void watch_on_tick(uv_timer_t *timer);

/* The "confirm" and "breaker" objects of CONTROL_STATUS. New references. */
json_t *watch_confirm_json(const struct worker *worker);
json_t *watch_breaker_json(const struct worker *worker);

/* --- tables.c ------------------------------------------------------------------ */

/* Loads the exceptions from the store and makes the gate hold exactly those. */
int tables_load_exceptions(struct worker *worker);

/* Makes the gate hold what now rules for this very prefix. 0 or -errno. */
int tables_sync_prefix(struct worker *worker, const struct prefix *prefix);

/*
 * Store, memory, gate; then the learned verdicts inside go. In force when it
 * returns. Sets exception->id. 0, -EEXIST, -E2BIG (gate full), -errno; nothing
 * has changed on failure.
 */
int tables_exception_add(struct worker *worker, struct exception *exception, const char *who,
			 int *ret_removed);
int tables_exception_remove(struct worker *worker, uint32_t id, const char *who, const char *why);

/* Brings the verdicts that an earlier run left under the policy that now holds. */
int tables_reapply_policy(struct worker *worker);

/*
 * What a verdict from before, judged under those rules for names, is to be now: false, it
 * is not to be.
 */
bool tables_reapply_one(const struct worker *worker, const struct table_entry *entry,
			bool same_rules, uint64_t now_ns, struct mxg_verdict *ret);

/* What tells the rules for names from others. */
#define TABLES_RULES_MAX 32
const char *tables_rules(const struct worker *worker, char buf[static TABLES_RULES_MAX]);

/* Writes configuration and mode into the gate. 0 or -errno. */
int tables_write_config(struct worker *worker);

/* Timers; that of due is to run every TABLES_DUE_MS. */
#define TABLES_DUE_MS 100
void tables_on_due(uv_timer_t *timer);
void tables_on_sweep(uv_timer_t *timer);
void tables_on_exception_tick(uv_timer_t *timer);

/*
 * At the end: takes out at once what the sweep has not come to. The worker after this one
 * does not know that it is undone, nor does a file that outlives the boot.
 */
void tables_finish_sweep(struct worker *worker);

/* --- mode.c ---------------------------------------------------------------------- */

/* Reads what `mxgate mode` left in the store, else what the configuration says. */
void mode_load(struct worker *worker);

/*
 * what is "monitor", "enforce" or "config"; reason (may be NULL) restricts the
 * change to one reason. 0, -EINVAL for a reason that is never enforced, -errno. What
 * cannot be kept is not done, but for "monitor": it is in force until a new worker,
 * which *ret_in_force tells.
 */
int mode_set(struct worker *worker, const char *what, const char *reason, bool *ret_in_force);

/* True if the gate acts on this reason now: enforced, and its action is not pass. */
bool mode_is_enforced(const struct worker *worker, enum mxg_reason reason);

/* NULL: unknown sources are to be held now. Else why not, "" when it is not configured. */
const char *mode_hold_why_not(const struct worker *worker);

/* Why nobody is to be held, whoever it would be; NULL: who should be is. */
const char *mode_nobody_held(const struct worker *worker);

/* True if the gate is to hold whom it should: those, or of a network that is rolled up. */
bool mode_may_hold(const struct worker *worker);

/* Tells the gate when that has changed. */
void mode_hold_tick(struct worker *worker);

/* [reason names] that the gate acts on. A new reference or NULL. */
json_t *mode_enforced_json(const struct worker *worker);

/* --- replies.c -------------------------------------------------------------------- */

/* Gives the gate what this configuration has it say. 0 or -errno. */
int replies_write(struct worker *worker);

/*
 * Sees to it that the gate has the secrets that it wants now and next; to be called once a
 * second. What fails is told once and tried again: a secret that is older than it should be
 * serves as well, and without one the gate resets whom it should reject. Nobody is refused
 * for it who would not be, nor let in.
 */
void replies_renew_secrets(struct worker *worker);

/* True if somebody may be rejected now: a reason that is enforced has that action. */
bool replies_are_wanted(const struct worker *worker);

/* True if whom this verdict rejects has been told so often that the gate drops it. */
bool replies_are_used_up(const struct worker *worker, const struct mxg_verdict *verdict);

/* --- commands.c, status.c -------------------------------------------------------- */

/* control_request_fn; user is the worker. */
void commands_on_request(struct control_request *request, void *user);
/* The keeper's answer to a reload. */
void commands_on_reloaded(struct worker *worker, const struct message *message);
/* Answers what still waits, after the resolver and before the control server have gone. */
void commands_done(struct worker *worker);

json_t *status_json(struct worker *worker);

#endif
