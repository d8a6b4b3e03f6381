/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What mxgated and mxgate say to each other: JSON lines over a unix stream
 * socket. One request is one object on one line:
 *
 *     {"v":1,"cmd":"why","address":"192.0.2.1"}
 *
 * The answer is zero or more item lines and exactly one last line:
 *
 *     {"item":{...}}
 *     {"ok":true,"result":{...}}
 *     {"ok":false,"error":{"code":"not-found","message":"...","hint":"..."}}
 *
 * Requests on one connection are answered one after another. SO_PEERCRED and
 * SO_PEERGROUPS decide who may ask: "read" needs uid 0, the control group or the
 * admin group; "change" needs uid 0 or the admin group.
 */
#ifndef MXGATE_CONTROL_H
#define MXGATE_CONTROL_H

#define CONTROL_VERSION      1
#define CONTROL_LINE_MAX     16384 /* bytes of one request, newline included */
#define CONTROL_CLIENTS_MAX  64
#define CONTROL_PER_UID_MAX  16 /* of them for one uid other than 0 */
#define CONTROL_IDLE_SEC     30 /* a client that sends or reads nothing is cut */
#define CONTROL_DEFAULT_PATH "/run/mxgate/control.sock"

/*
 *   X(symbol, "name", access)
 *
 * Arguments and results (every time is RFC 3339 UTC, every span in seconds):
 *
 *   status            -> result: see CONTROL_STATUS below
 *   why               address -> result: the evidence object (core/evidence.h) and
 *                       known        true when the gate holds a live verdict
 *                       hits, expires_in_sec, refresh_in_sec   of that verdict
 *                       enforced     true when the gate acts on it now
 *                       exception    the exception that rules, or null
 *                       hardened     true when it was told so often that it is dropped now
 *                       told         what the client reads when it is rejected, or null
 *                       rollup       if its network is rolled up (else null): {net, since,
 *                                    expires_in_sec, needed, hits: SYNs held, enforced,
 *                                    addresses: [{address, found, counts_sec}]}
 *   verdicts          [prefix] [reason] [action] [limit] -> item per verdict:
 *                       {address, action, reason, hits, expires_in_sec}; result {count, more};
 *                       without reason and action also networks that are rolled up, first:
 *                       address is a prefix, action "hold", reason "rollup"
 *   recheck           address -> evaluates now; result as why
 *   flush             [prefix] -> result {removed}
 *   mode              mode = "monitor" | "enforce" | "config", [reason]
 *                       -> result {mode, enforced: [reason], source: "config" | "command"}
 *   exception-add     prefix, kind = "allow" | "deny", owner, reason, [ticket],
 *                       [expires = seconds since the epoch] -> result {exception, verdicts_removed}
 *   exception-list    [all = true: expired ones too] -> item per exception; result {count}
 *   exception-show    id or prefix -> result {exceptions: [exception], audit: [row]}
 *   exception-remove  id, or prefix and [kind]; [why] -> result {exception}
 *   reload            -> result {message}
 *   audit             [limit] -> item per row {id, time, who, what, object, detail}; result {count}
 *
 * An exception object: {id, kind, prefix, owner, ticket, reason, created, created_by,
 * expires (null: never), active, hits}.
 */
#define CONTROL_COMMANDS(X)                                                                        \
	X(STATUS, "status", CONTROL_READ)                                                          \
	X(WHY, "why", CONTROL_READ)                                                                \
	X(VERDICTS, "verdicts", CONTROL_READ)                                                      \
	X(RECHECK, "recheck", CONTROL_CHANGE)                                                      \
	X(FLUSH, "flush", CONTROL_CHANGE)                                                          \
	X(MODE, "mode", CONTROL_CHANGE)                                                            \
	X(EXCEPTION_ADD, "exception-add", CONTROL_CHANGE)                                          \
	X(EXCEPTION_LIST, "exception-list", CONTROL_READ)                                          \
	X(EXCEPTION_SHOW, "exception-show", CONTROL_READ)                                          \
	X(EXCEPTION_REMOVE, "exception-remove", CONTROL_CHANGE)                                    \
	X(RELOAD, "reload", CONTROL_CHANGE)                                                        \
	X(AUDIT, "audit", CONTROL_READ)

/*
 * CONTROL_STATUS, the result of status:
 *
 *   version, pid (keeper), worker_pid, uptime_sec, worker_restarts
 *   mode            "monitor" | "enforce"
 *   mode_source     "config" | "command"
 *   enforced        [reason] that the gate acts on now
 *   alarms          [{name, since, detail}] that stand now, oldest first
 *   lease_sec       seconds until the gate opens if the worker falls silent
 *   interfaces      [{name, ifindex, state, mode, prog_id, detail}]
 *                     state: attached | external | absent | foreign | missing | failed
 *                     mode: native | generic | offload | none
 *   ports           [25]
 *   trigger         {kind: "syn" | "established", cgroup: of the latter, or "", detail: why it
 *                    is not in force, or ""}
 *   hold            {on: first SYNs of unknown sources are held now, why_not: or ""}
 *   table           {form: "lines" | "hash": the kernel's own, of the gate for older kernels,
 *                    v4: {entries, max, size: entries that the table has room for now,
 *                    bytes: of that (0: the kernel does not tell), refused: new entries that found
 *                    no place,
 *                    lines_from_home: [entries that lie so many lines from home],
 *                    growth: {growing, grown: times, not_grown: times that there was no
 *                    larger one to be had, longest_slice_us: of the last time}}, v6}
 *   exceptions      {active, total}
 *   counters        {name: count} for every MXG_COUNTERS name
 *   resolver        {outstanding, started, pass, fail, permerror, temperror, refused_full, joined,
 *                    over_budget: events of networks that have had their lookups of the minute,
 *                    servers: [{name, queries, answers, failures, timeouts,
 *                      state            "up" | "down": it was silent several times in a row
 *                      state_sec        for how long
 *                      first            the next query goes to it first
 *                      last_answer_sec  since the last that was knowledge, null: there was none
 *                      reply_ms         how long a reply takes, smoothed; null: there was none
 *                    }]}
 *   evidence        {written: rows since the start, pending: to be written, shed: never
 *                    written for want of time or room, not_logged: verdicts without a line
 *                    in the log, since there were too many}
 *   confirm         decisions on sources that the policy's row refuses: {refused, waiting, held,
 *                    frozen, capped, unproven}; stale_served: passes served on while DNS failed;
 *                    released: refusals undone when the breaker opened
 *   rollup          {needed: bad addresses of an IPv6 /64 (0: none is ever rolled up), networks:
 *                    that are now, begun, undone: by a good address}
 *   breaker         {opened: times, open: [{scope, cause, since, flips, stays, canaries, good}]}
 *                    scope: a prefix or "everything"; cause: flips | canaries | zones
 *                   canaries: the operator's, [{canary: address or name, state: good | bad |
 *                    unknown | aside (bad for too long to count), why: not good, or ""}]
 */

enum control_access {
	CONTROL_READ,
	CONTROL_CHANGE
};

enum control_command {
#define X(sym, name, access) CONTROL_CMD_##sym,
	CONTROL_COMMANDS(X)
#undef X
	CONTROL_CMD_MAX
};

/*
 * Why a request was refused, and the exit code that mxgate gives (sysexits.h
 * where it has one).
 *
 *   X(symbol, "code", exit)
 */
#define CONTROL_ERRORS(X)                                                                          \
	X(USAGE, "usage", 64)             /* EX_USAGE: not a request we know */                    \
	X(DATA, "bad-data", 65)           /* EX_DATAERR: an argument is wrong */                   \
	X(NOT_FOUND, "not-found", 1)      /* there is no such thing */                             \
	X(EXISTS, "exists", 1)            /* it is there already */                                \
	X(UNAVAILABLE, "unavailable", 69) /* EX_UNAVAILABLE: daemon not there or not able */       \
	X(INTERNAL, "internal", 70)       /* EX_SOFTWARE */                                        \
	X(IO, "io", 74)                   /* EX_IOERR: state could not be written */               \
	X(BUSY, "busy", 75)               /* EX_TEMPFAIL: try again */                             \
	X(DENIED, "denied", 77)           /* EX_NOPERM */                                          \
	X(CONFIG, "config", 78)           /* EX_CONFIG */

enum control_error {
#define X(sym, code, exit) CONTROL_ERR_##sym,
	CONTROL_ERRORS(X)
#undef X
	CONTROL_ERR_MAX
};

#endif
