/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/evidence.h"
#include "core/policy.h"
#include "core/refusal.h"
#include "daemon/worker.h"

#define AUDIT_LIMIT_DEFAULT 50
#define AUDIT_LIMIT_MAX     1000
#define LIST_STEP           512 /* exceptions that are sent in one turn of the loop */

/* A request that is answered later: a lookup under way, or a list being sent. */
struct pending {
	struct worker *worker;
	struct control_request *request;
	struct pending *prev, *next;
	/* of a list of verdicts */
	struct vmap_cursor cursor;
	struct table_entry *entries;
	int entry_count, entry_at;
	bool has_prefix;
	struct prefix prefix;
	enum mxg_reason reason; /* NONE: any */
	int action;             /* -1: any */
	uint64_t limit, sent;
	uint32_t rollup_at; /* of the networks, which come first */
	/* of a list of exceptions */
	uint32_t *ids;
	size_t id_count, id_at;
	bool all;
};

static struct pending *pending_new(struct worker *worker, struct control_request *request)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending) {
		control_reply_error(request, CONTROL_ERR_INTERNAL, NULL, "out of memory");
		return NULL;
	}
	pending->worker = worker;
	pending->request = request;
	DL_APPEND(worker->pending, pending);
	return pending;
}

/* What the store has refused to write; rest ends the sentence that says what to do. */
static void reply_not_kept(struct control_request *request, int err, const char *what,
			   const char *rest)
{
	bool moved = err == -ESTALE;
	char hint[160];

	snprintf(hint, sizeof(hint), "%s%s",
		 moved ? "put it back, or restart mxgated to begin without it"
		       : "make room, or rights, in the state directory",
		 rest);
	control_reply_error(request, CONTROL_ERR_IO, hint, "%s: %s", what,
			    moved ? "state.db was moved or deleted" : strerror(-err));
}

static void pending_free(struct pending *pending)
{
	DL_DELETE(pending->worker->pending, pending);
	free(pending->entries);
	free(pending->ids);
	free(pending);
}

void commands_done(struct worker *worker)
{
	struct pending *pending, *next;

	if (worker->reloading)
		control_reply_error(worker->reloading, CONTROL_ERR_UNAVAILABLE,
				    "try again in a moment", "the daemon is stopping");
	worker->reloading = NULL;
	DL_FOREACH_SAFE(worker->pending, pending, next)
	{
		control_reply_error(pending->request, CONTROL_ERR_UNAVAILABLE,
				    "try again in a moment", "the daemon is stopping");
		pending_free(pending);
	}
}

/* --- arguments ----------------------------------------------------------------- */

/* Each of these answers the request itself when the argument is wrong. */

static bool get_addr(struct control_request *request, struct addr *ret)
{
	const char *text = control_request_string(request, "address");

	if (text && addr_parse(text, ret) == 0)
		return true;
	control_reply_error(request, CONTROL_ERR_DATA, "give one IPv4 or IPv6 address",
			    "address is missing or is not an address");
	return false;
}

static bool get_prefix(struct control_request *request, struct prefix *ret)
{
	const char *text = control_request_string(request, "prefix"), *why = "prefix is missing";

	if (text && prefix_parse(text, ret, &why) == 0)
		return true;
	control_reply_error(request, CONTROL_ERR_DATA, NULL, "prefix: %s", why);
	return false;
}

static bool has_arg(struct control_request *request, const char *key)
{
	const json_t *value = json_object_get(control_request_args(request), key);

	return value && !json_is_null(value);
}

/* A whole number in [min, max]; preset when absent. */
static bool get_number(struct control_request *request, const char *key, uint64_t min, uint64_t max,
		       uint64_t preset, uint64_t *ret)
{
	const json_t *value = json_object_get(control_request_args(request), key);

	if (!value || json_is_null(value)) {
		*ret = preset;
		return true;
	}
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    (uint64_t)json_integer_value(value) >= min &&
	    (uint64_t)json_integer_value(value) <= max) {
		*ret = (uint64_t)json_integer_value(value);
		return true;
	}
	control_reply_error(request, CONTROL_ERR_DATA, NULL,
			    "%s must be a whole number from %" PRIu64 " to %" PRIu64, key, min,
			    max);
	return false;
}

/* Text that people wrote: no control characters, and it must fit. */
static bool get_text(struct control_request *request, const char *key, bool needed,
		     char ret[static EXCEPTION_TEXT_MAX])
{
	const char *text = control_request_string(request, key);

	if (!text)
		text = "";
	if (needed && !*text) {
		control_reply_error(request, CONTROL_ERR_DATA, NULL, "%s is missing", key);
		return false;
	}
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			control_reply_error(request, CONTROL_ERR_DATA, NULL,
					    "%s contains a control character", key);
			return false;
		}
	if (strlen(text) >= EXCEPTION_TEXT_MAX) {
		control_reply_error(request, CONTROL_ERR_DATA, NULL, "%s is longer than %d bytes",
				    key, EXCEPTION_TEXT_MAX - 1);
		return false;
	}
	strcpy(ret, text);
	return true;
}

static json_t *moment_json(int64_t sec)
{
	char text[TEXT_MOMENT_MAX];

	return sec ? json_string(text_from_moment(sec, text)) : json_null();
}

static void audit(struct worker *worker, const struct control_request *request, const char *what,
		  const char *object, const char *detail)
{
	int err = store_audit(worker->store, control_request_who(request), what, object, detail,
			      clock_wall_sec());

	log_info("event=command what=%s object=\"%s\" detail=\"%s\" who=\"%s\"", what, object,
		 detail, control_request_who(request));
	if (err < 0)
		log_error("event=audit-not-written error=\"%s\"", strerror(-err));
}

/* --- why, recheck ----------------------------------------------------------------- */

static json_t *exception_json(const struct worker *worker, const struct exception *exception)
{
	char prefix[PREFIX_TEXT_MAX];
	struct mxg_prefix value = {0};
	bool in_gate = vmap_prefix_get(worker->vmap, &exception->prefix, &value) == 0 &&
		       value.id == exception->id;

	prefix_format(&exception->prefix, prefix);
	return json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:b, s:I}", "id", (int)exception->id,
		"kind", exception->kind == EXCEPTION_ALLOW ? "allow" : "deny", "prefix", prefix,
		"owner", exception->owner, "ticket", exception->ticket, "reason", exception->reason,
		"created", moment_json(exception->created_sec), "created_by", exception->created_by,
		"expires", moment_json(exception->expires_sec), "active",
		in_gate && clock_mono_ns() < value.expires_ns, "hits",
		in_gate ? (json_int_t)value.hits : (json_int_t)0);
}

static json_int_t seconds_until(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns > now_ns ? (json_int_t)((then_ns - now_ns) / CLOCK_NS_PER_SEC) : 0;
}

/* What the gate holds now, over what was written down when it was decided. */
static void add_verdict(const struct worker *worker, json_t *object,
			const struct mxg_verdict *verdict, uint64_t now)
{
	enum mxg_reason reason = (enum mxg_reason)verdict->reason;
	bool acts = verdict->action != MXG_ACTION_PASS && mode_is_enforced(worker, reason);

	json_object_set_new(object, "reason", json_string(policy_reason_name(reason)));
	json_object_set_new(object, "action",
			    json_string(policy_action_name((enum mxg_action)verdict->action)));
	json_object_set_new(object, "hits", json_integer(verdict->hits));
	json_object_set_new(object, "expires_in_sec",
			    json_integer(seconds_until(verdict->expires_ns, now)));
	json_object_set_new(object, "refresh_in_sec",
			    json_integer(seconds_until(verdict->refresh_ns, now)));
	json_object_set_new(object, "enforced", json_boolean(acts));
	json_object_set_new(object, "hardened", json_boolean(replies_are_used_up(worker, verdict)));
}

static void add_exception(const struct worker *worker, json_t *object,
			  const struct exception *exception)
{
	enum mxg_reason reason =
		exception->kind == EXCEPTION_ALLOW ? MXG_REASON_ALLOW : MXG_REASON_DENY;
	enum mxg_action action = conf_deny_action(worker->conf);

	if (reason == MXG_REASON_ALLOW)
		action = MXG_ACTION_PASS;
	json_object_set_new(object, "exception", exception_json(worker, exception));
	json_object_set_new(object, "hardened", json_false());
	json_object_del(object, "policy"); /* it does not apply */
	json_object_set_new(object, "reason", json_string(policy_reason_name(reason)));
	json_object_set_new(object, "action", json_string(policy_action_name(action)));
	json_object_set_new(
		object, "enforced",
		json_boolean(reason == MXG_REASON_DENY && mode_is_enforced(worker, reason)));
}

/* The line that the client is told, if it is rejected; else null. */
static json_t *told_json(const struct worker *worker, const struct addr *addr, const json_t *object)
{
	const char *action = json_string_value(json_object_get(object, "action"));
	const char *name = json_string_value(json_object_get(object, "reason"));
	char text[MXG_SAY_MAX + 1];
	enum mxg_reason reason;
	struct mxg_say say;

	if (json_is_true(json_object_get(object, "hardened")) || !action ||
	    strcmp(action, policy_action_name(MXG_ACTION_REJECT)) != 0 || !name ||
	    policy_reason_parse(name, &reason) < 0 ||
	    refusal_line(&worker->conf->reject, reason, &say, NULL) < 0)
		return json_null();
	return json_string(refusal_format(&say, addr, text));
}

/* The answer to "why", or NULL when nothing at all is known about addr. */
static json_t *why_json(const struct worker *worker, const struct addr *addr)
{
	const struct exception *exception =
		exceptions_match(worker->exceptions, addr, clock_wall_sec());
	uint64_t now = clock_mono_ns();
	char text[ADDR_TEXT_MAX];
	void *evidence = NULL;
	size_t len = 0;
	struct mxg_verdict verdict;
	json_t *object = NULL, *rollup;
	bool live = vmap_get(worker->vmap, addr, &verdict) == 0 && now < verdict.expires_ns;

	if (store_evidence_get(worker->store, addr, &evidence, &len) == 0)
		object = evidence_unpack(addr, evidence, len);
	free(evidence);
	rollup = rollups_why_json(worker, addr);
	if (!object && !live && !exception && json_is_null(rollup))
		return NULL;
	if (!object) /* never looked up, or the evidence is lost: the same keys */
		object = json_pack("{s:s, s:s, s:[], s:[], s:n, s:n, s:[]}", "address",
				   addr_format(addr, text), "iprev", "none", "names", "confirmed",
				   "ttl_sec", "expires", "steps");
	json_object_set_new(object, "known", json_boolean(live));
	json_object_set_new(object, "exception", json_null());
	json_object_set_new(object, "enforced", json_false());
	json_object_set_new(object, "rollup", rollup);
	json_object_set_new(object, "hardened", json_false());
	if (live)
		add_verdict(worker, object, &verdict, now);
	if (exception)
		add_exception(worker, object, exception);
	json_object_set_new(object, "told",
			    live || exception ? told_json(worker, addr, object) : json_null());
	return object;
}

static void reply_why(struct worker *worker, struct control_request *request,
		      const struct addr *addr)
{
	json_t *object = why_json(worker, addr);
	char text[ADDR_TEXT_MAX];

	if (object)
		control_reply_ok(request, object);
	else
		control_reply_error(
			request, CONTROL_ERR_NOT_FOUND,
			"`mxgate check` evaluates an address now, `mxgate recheck` also "
			"gives its result to the gate",
			"nothing is known about %s: it has not connected lately",
			addr_format(addr, text));
}

static void cmd_why(struct worker *worker, struct control_request *request)
{
	struct addr addr;

	if (get_addr(request, &addr))
		reply_why(worker, request, &addr);
}

/* The table has not taken the result of a recheck. */
static void reply_not_taken(const struct worker *worker, struct control_request *request,
			    const struct addr *addr, int err)
{
	char text[ADDR_TEXT_MAX], hint[96];

	if (err != -E2BIG) {
		control_reply_error(request, CONTROL_ERR_INTERNAL, NULL,
				    "the result could not be given to the gate: %s",
				    strerror(-err));
		return;
	}
	if (vmap_max(worker->vmap, addr->family) < growth_most(worker, addr->family))
		snprintf(hint, sizeof(hint), "a larger one is asked for: try again in a second");
	else
		snprintf(hint, sizeof(hint),
			 "raise verdicts { max%u } and reload, or flush what is not needed",
			 addr->family);
	control_reply_error(request, CONTROL_ERR_UNAVAILABLE, hint,
			    "the IPv%u verdict table is full (%" PRIu32 " of %" PRIu32
			    "): %s stays unknown and passes",
			    addr->family, vmap_count(worker->vmap, addr->family),
			    vmap_max(worker->vmap, addr->family), addr_format(addr, text));
}

static void on_rechecked(const struct iprev_report *report, void *user)
{
	struct pending *pending = user;
	struct worker *worker = pending->worker;
	struct control_request *request = pending->request;
	int err = judge_apply(worker, report);

	pending_free(pending);
	if (err < 0)
		reply_not_taken(worker, request, &report->addr, err);
	else
		reply_why(worker, request, &report->addr);
}

static void cmd_recheck(struct worker *worker, struct control_request *request)
{
	struct pending *pending;
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int err;

	if (!get_addr(request, &addr))
		return;
	pending = pending_new(worker, request);
	if (!pending)
		return;
	audit(worker, request, "recheck", addr_format(&addr, text), "");
	err = judge_look_up(worker, &addr, on_rechecked, pending);
	if (err < 0) {
		pending_free(pending);
		control_reply_error(request, CONTROL_ERR_BUSY, "try again in a few seconds",
				    "too many lookups are under way");
	}
}

/* --- verdicts, flush --------------------------------------------------------------- */

static bool wants(const struct pending *list, const struct table_entry *entry)
{
	if (list->has_prefix && !prefix_contains(&list->prefix, &entry->addr))
		return false;
	if (list->reason != MXG_REASON_NONE && entry->verdict.reason != list->reason)
		return false;
	return list->action < 0 || entry->verdict.action == list->action;
}

static json_t *verdict_json(const struct table_entry *entry, uint64_t now)
{
	char text[ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "address", addr_format(&entry->addr, text),
			 "action", policy_action_name((enum mxg_action)entry->verdict.action),
			 "reason", policy_reason_name((enum mxg_reason)entry->verdict.reason),
			 "hits", (json_int_t)entry->verdict.hits, "expires_in_sec",
			 seconds_until(entry->verdict.expires_ns, now));
}

static void send_verdicts(struct control_request *request, void *user);

static void end_list(struct pending *list, bool more)
{
	struct control_request *request = list->request;
	json_t *result = json_pack("{s:I, s:b}", "count", (json_int_t)list->sent, "more", more);

	pending_free(list);
	control_reply_ok(request, result);
}

/* The networks that are rolled up, where any reason and action is wanted. False: they wait. */
static bool send_rollups(struct control_request *request, struct pending *list)
{
	const struct prefix *within = list->has_prefix ? &list->prefix : NULL;
	json_t *item;

	if (list->reason != MXG_REASON_NONE || list->action >= 0)
		return true;
	while (list->sent < list->limit &&
	       (item = rollups_next_json(list->worker, within, &list->rollup_at))) {
		list->sent++;
		if (control_reply_item(request, item) == -EAGAIN) {
			control_request_on_drain(request, send_verdicts, list);
			return false;
		}
	}
	return true;
}

/*
 * Sends until the client falls behind; goes on when it has caught up. One step of
 * the table a turn, also when nothing in it is wanted: a list must not hold up the
 * heartbeat or another client.
 */
static void send_verdicts(struct control_request *request, void *user)
{
	struct pending *list = user;
	uint64_t now = clock_mono_ns();
	bool stepped = false;

	if (!send_rollups(request, list))
		return;
	while (!control_request_is_gone(request)) {
		if (list->entry_at >= list->entry_count) {
			if (stepped) {
				control_request_on_drain(request, send_verdicts, list);
				return;
			}
			stepped = true;
			list->entry_count =
				vmap_next(list->worker->vmap, &list->cursor, list->entries);
			list->entry_at = 0;
			if (list->entry_count <= 0)
				break;
		}
		const struct table_entry *entry = &list->entries[list->entry_at++];

		if (now >= entry->verdict.expires_ns || !wants(list, entry))
			continue;
		if (list->sent == list->limit) {
			end_list(list, true);
			return;
		}
		list->sent++;
		if (control_reply_item(request, verdict_json(entry, now)) == -EAGAIN) {
			control_request_on_drain(request, send_verdicts, list);
			return;
		}
	}
	end_list(list, false);
}

static bool get_filter(struct control_request *request, struct pending *list)
{
	const char *reason = control_request_string(request, "reason");
	const char *action = control_request_string(request, "action");
	enum mxg_action parsed;

	list->action = -1;
	list->has_prefix = has_arg(request, "prefix");
	if (list->has_prefix && !get_prefix(request, &list->prefix))
		return false;
	if (reason && policy_reason_parse(reason, &list->reason) < 0) {
		control_reply_error(request, CONTROL_ERR_DATA,
				    "pass, no-ptr, unconfirmed, generic, temperror or special",
				    "no such reason");
		return false;
	}
	if (action && policy_action_parse(action, &parsed) < 0) {
		control_reply_error(request, CONTROL_ERR_DATA, "pass, drop, reset or reject",
				    "no such action");
		return false;
	}
	if (action)
		list->action = (int)parsed;
	return get_number(request, "limit", 1, UINT32_MAX, UINT32_MAX, &list->limit);
}

static void cmd_verdicts(struct worker *worker, struct control_request *request)
{
	struct pending filter = {0}, *list;

	if (!get_filter(request, &filter))
		return;
	list = pending_new(worker, request);
	if (!list)
		return;
	list->has_prefix = filter.has_prefix;
	list->prefix = filter.prefix;
	list->reason = filter.reason;
	list->action = filter.action;
	list->limit = filter.limit;
	list->entries = calloc(VMAP_STEP, sizeof(*list->entries));
	if (!list->entries) {
		pending_free(list);
		control_reply_error(request, CONTROL_ERR_INTERNAL, NULL, "out of memory");
		return;
	}
	send_verdicts(request, list);
}

static void cmd_flush(struct worker *worker, struct control_request *request)
{
	bool has_prefix = has_arg(request, "prefix");
	char text[PREFIX_TEXT_MAX] = "all";
	struct prefix prefix;
	int removed;

	if (has_prefix && !get_prefix(request, &prefix))
		return;
	removed = vmap_flush(worker->vmap, has_prefix ? &prefix : NULL);
	if (removed < 0) {
		control_reply_error(request, CONTROL_ERR_INTERNAL, NULL,
				    "the verdict table cannot be read: %s", strerror(-removed));
		return;
	}
	snapshot_forget(worker);
	history_forget(worker->history, has_prefix ? &prefix : NULL);
	remember_on_change(worker);
	rollups_forget(worker, has_prefix ? &prefix : NULL);
	/* Under a new seed the gate forgets whom it has asked about lately. */
	if (getrandom(&worker->hash_seed, sizeof(worker->hash_seed), GRND_NONBLOCK) > 0)
		tables_write_config(worker);
	audit(worker, request, "flush", has_prefix ? prefix_format(&prefix, text) : text, "");
	control_reply_ok(request, json_pack("{s:i}", "removed", removed));
}

/* --- mode, reload ------------------------------------------------------------------ */

static void cmd_mode(struct worker *worker, struct control_request *request)
{
	const char *mode = control_request_string(request, "mode");
	const char *reason = control_request_string(request, "reason");
	bool in_force;
	int err;

	if (!mode || (strcmp(mode, "monitor") != 0 && strcmp(mode, "enforce") != 0 &&
		      strcmp(mode, "config") != 0)) {
		control_reply_error(request, CONTROL_ERR_DATA, "monitor, enforce or config",
				    "no such mode");
		return;
	}
	err = mode_set(worker, mode, reason, &in_force);
	if (err == -EINVAL) {
		control_reply_error(request, CONTROL_ERR_DATA,
				    "no-ptr, unconfirmed, generic or deny",
				    "there is no such reason to enforce");
		return;
	}
	if (err == 0 || in_force)
		audit(worker, request, "mode", mode, reason ? reason : "");
	if (err < 0) {
		reply_not_kept(request, err,
			       in_force ? "this is in force, but cannot be kept over a restart"
					: "the mode cannot be kept",
			       in_force ? ", and repeat it" : "; nothing was changed");
		return;
	}
	control_reply_ok(request, json_pack("{s:s, s:o, s:s}", "mode",
					    worker->enforce_mask ? "enforce" : "monitor",
					    "enforced", mode_enforced_json(worker), "source",
					    worker->mode_is_command ? "command" : "config"));
}

static void cmd_reload(struct worker *worker, struct control_request *request)
{
	static struct message message;
	int err;

	if (worker->reloading) {
		control_reply_error(request, CONTROL_ERR_BUSY, "try again in a moment",
				    "a reload is under way");
		return;
	}
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_RELOAD;
	err = message_send(worker->args.keeper_fd, &message);
	if (err < 0) {
		control_reply_error(request, CONTROL_ERR_BUSY, "try again in a moment",
				    "the keeper does not answer: %s", strerror(-err));
		return;
	}
	audit(worker, request, "reload", "configuration", "");
	worker->reloading = request;
}

void commands_on_reloaded(struct worker *worker, const struct message *message)
{
	struct control_request *request = worker->reloading;
	size_t len = strlen(message->text);

	worker->reloading = NULL;
	if (!request)
		return; /* it was a SIGHUP */
	if (message->err < 0)
		/* One line per error; the last newline is not part of the sentence. */
		control_reply_error(
			request, CONTROL_ERR_CONFIG,
			"the running configuration stays; mend the file and reload again", "%.*s",
			(int)(len && message->text[len - 1] == '\n' ? len - 1 : len),
			message->text);
	else
		control_reply_ok(request, json_pack("{s:s}", "message", message->text));
}

/* --- exceptions -------------------------------------------------------------------- */

static bool get_kind(struct control_request *request, enum exception_kind *ret)
{
	const char *kind = control_request_string(request, "kind");

	if (!kind || strcmp(kind, "allow") == 0) {
		*ret = EXCEPTION_ALLOW;
	} else if (strcmp(kind, "deny") == 0) {
		*ret = EXCEPTION_DENY;
	} else {
		control_reply_error(request, CONTROL_ERR_DATA, "allow or deny", "no such kind");
		return false;
	}
	return true;
}

static bool get_exception(struct control_request *request, struct exception *exception)
{
	int64_t now = clock_wall_sec();
	uint64_t expires;

	if (!get_prefix(request, &exception->prefix) || !get_kind(request, &exception->kind) ||
	    !get_text(request, "owner", true, exception->owner) ||
	    !get_text(request, "reason", true, exception->reason) ||
	    !get_text(request, "ticket", false, exception->ticket) ||
	    !get_number(request, "expires", 1, INT64_MAX / 2, 0, &expires))
		return false;
	if (expires && (int64_t)expires <= now) {
		control_reply_error(request, CONTROL_ERR_DATA, "give a moment to come, or none",
				    "the expiry is in the past");
		return false;
	}
	exception->created_sec = now;
	exception->expires_sec = (int64_t)expires;
	strncpy(exception->created_by, control_request_who(request),
		sizeof(exception->created_by) - 1);
	return true;
}

static void reply_add_failed(struct worker *worker, struct control_request *request,
			     const struct exception *exception, int err)
{
	const struct exception *there;

	switch (err) {
	case -EEXIST:
		there = exceptions_find(worker->exceptions, &exception->prefix, exception->kind);
		control_reply_error(request, CONTROL_ERR_EXISTS,
				    "`mxgate exception remove` it first to replace it",
				    "exception %u covers exactly this already (owner %s)",
				    there ? there->id : 0, there ? there->owner : "?");
		break;
	case -E2BIG:
		control_reply_error(request, CONTROL_ERR_UNAVAILABLE,
				    "remove some, or cover several with one prefix",
				    "the gate holds %d exceptions, which is all it can",
				    MXG_PREFIX_MAX);
		break;
	default:
		reply_not_kept(request, err, "the exception cannot be kept",
			       "; nothing was changed");
	}
}

static void cmd_exception_add(struct worker *worker, struct control_request *request)
{
	struct exception exception = {0};
	char text[PREFIX_TEXT_MAX];
	int removed = 0, err;

	if (!get_exception(request, &exception))
		return;
	err = tables_exception_add(worker, &exception, control_request_who(request), &removed);
	if (err < 0) {
		reply_add_failed(worker, request, &exception, err);
		return;
	}
	log_info("event=exception-added id=%u kind=%s prefix=%s verdicts_removed=%d who=\"%s\"",
		 exception.id, exception.kind == EXCEPTION_ALLOW ? "allow" : "deny",
		 prefix_format(&exception.prefix, text), removed, control_request_who(request));
	control_reply_ok(request,
			 json_pack("{s:o, s:i}", "exception", exception_json(worker, &exception),
				   "verdicts_removed", removed));
}

static int collect_id(const struct exception *exception, void *user)
{
	struct pending *list = user;

	if (list->all || !exception->expires_sec || exception->expires_sec > clock_wall_sec())
		list->ids[list->id_count++] = exception->id;
	return 0;
}

/* As send_verdicts(); what is removed meanwhile is left out. */
static void send_exceptions(struct control_request *request, void *user)
{
	struct pending *list = user;
	const struct exception *exception;
	json_t *result;

	while (list->id_at < list->id_count && !control_request_is_gone(request)) {
		exception = exceptions_get(list->worker->exceptions, list->ids[list->id_at++]);
		if (!exception)
			continue;
		list->sent++;
		if (control_reply_item(request, exception_json(list->worker, exception)) ==
			    -EAGAIN ||
		    list->id_at % LIST_STEP == 0) {
			control_request_on_drain(request, send_exceptions, list);
			return;
		}
	}
	result = json_pack("{s:I}", "count", (json_int_t)list->sent);
	pending_free(list);
	control_reply_ok(request, result);
}

static void cmd_exception_list(struct worker *worker, struct control_request *request)
{
	struct pending *list = pending_new(worker, request);

	if (!list)
		return;
	list->all = json_is_true(json_object_get(control_request_args(request), "all"));
	list->ids = calloc(exceptions_count(worker->exceptions) + 1, sizeof(*list->ids));
	if (!list->ids) {
		pending_free(list);
		control_reply_error(request, CONTROL_ERR_INTERNAL, NULL, "out of memory");
		return;
	}
	exceptions_each(worker->exceptions, collect_id, list);
	send_exceptions(request, list);
}

static json_t *audit_json(const struct store_audit_row *row)
{
	char text[TEXT_MOMENT_MAX];

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "id", (json_int_t)row->id, "time",
			 text_from_moment(row->time_sec, text), "who", row->who, "what", row->what,
			 "object", row->object, "detail", row->detail);
}

static int collect_audit(const struct store_audit_row *row, void *user)
{
	json_array_append_new(user, audit_json(row));
	return 0;
}

struct audit_list {
	struct control_request *request;
	json_int_t count;
};

static int send_audit(const struct store_audit_row *row, void *user)
{
	struct audit_list *list = user;

	list->count++;
	control_reply_item(list->request, audit_json(row));
	return control_request_is_gone(list->request) ? -EPIPE : 0;
}

static void show_one(struct worker *worker, const struct exception *exception, json_t *found)
{
	if (exception)
		json_array_append_new(found, exception_json(worker, exception));
}

/* Those that "id", or "prefix" and perhaps "kind", name. False: answered already. */
static bool find_named(struct worker *worker, struct control_request *request, json_t *found,
		       struct prefix *ret_prefix)
{
	const struct exception *exception;
	uint64_t id;

	if (has_arg(request, "id")) {
		if (!get_number(request, "id", 1, UINT32_MAX, 0, &id))
			return false;
		exception = exceptions_get(worker->exceptions, (uint32_t)id);
		show_one(worker, exception, found);
		if (exception)
			*ret_prefix = exception->prefix;
	} else {
		enum exception_kind kind;

		if (!get_prefix(request, ret_prefix) || !get_kind(request, &kind))
			return false;
		if (!has_arg(request, "kind") || kind == EXCEPTION_ALLOW)
			show_one(worker,
				 exceptions_find(worker->exceptions, ret_prefix, EXCEPTION_ALLOW),
				 found);
		if (!has_arg(request, "kind") || kind == EXCEPTION_DENY)
			show_one(worker,
				 exceptions_find(worker->exceptions, ret_prefix, EXCEPTION_DENY),
				 found);
	}
	if (json_array_size(found))
		return true;
	control_reply_error(request, CONTROL_ERR_NOT_FOUND, "`mxgate exception list` shows them",
			    "there is no such exception");
	return false;
}

static void cmd_exception_show(struct worker *worker, struct control_request *request)
{
	json_t *found = json_array(), *rows = json_array();
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;

	if (find_named(worker, request, found, &prefix)) {
		store_audit_each(worker->store, prefix_format(&prefix, text), AUDIT_LIMIT_DEFAULT,
				 collect_audit, rows);
		control_reply_ok(request,
				 json_pack("{s:O, s:O}", "exceptions", found, "audit", rows));
	}
	json_decref(found);
	json_decref(rows);
}

static void remove_named(struct worker *worker, struct control_request *request, json_t *found,
			 const char *why)
{
	json_t *one = json_array_get(found, 0);
	uint32_t id = (uint32_t)json_integer_value(json_object_get(one, "id"));
	int err;

	if (json_array_size(found) > 1) {
		control_reply_error(request, CONTROL_ERR_DATA, "name one by its id",
				    "there is an allow and a deny for this prefix");
		return;
	}
	err = tables_exception_remove(worker, id, control_request_who(request), why);
	if (err < 0) {
		reply_not_kept(request, err, "the exception cannot be removed", "");
		return;
	}
	log_info("event=exception-removed id=%u prefix=%s who=\"%s\"", id,
		 json_string_value(json_object_get(one, "prefix")), control_request_who(request));
	json_object_set_new(one, "active", json_false());
	control_reply_ok(request, json_pack("{s:O}", "exception", one));
}

static void cmd_exception_remove(struct worker *worker, struct control_request *request)
{
	json_t *found = json_array();
	char why[EXCEPTION_TEXT_MAX];
	struct prefix prefix;

	if (get_text(request, "why", false, why) && find_named(worker, request, found, &prefix))
		remove_named(worker, request, found, why);
	json_decref(found);
}

static void cmd_audit(struct worker *worker, struct control_request *request)
{
	struct audit_list list = {.request = request};
	uint64_t limit;
	int n;

	if (!get_number(request, "limit", 1, AUDIT_LIMIT_MAX, AUDIT_LIMIT_DEFAULT, &limit))
		return;
	n = store_audit_each(worker->store, "", (unsigned int)limit, send_audit, &list);
	if (n < 0 && n != -EPIPE)
		control_reply_error(request, CONTROL_ERR_IO, NULL,
				    "the audit trail cannot be read: %s", strerror(-n));
	else
		control_reply_ok(request, json_pack("{s:I}", "count", list.count));
}

static void cmd_status(struct worker *worker, struct control_request *request)
{
	control_reply_ok(request, status_json(worker));
}

/* --- dispatch ---------------------------------------------------------------------- */

static void (*const COMMANDS[CONTROL_CMD_MAX])(struct worker *, struct control_request *) = {
	[CONTROL_CMD_STATUS] = cmd_status,
	[CONTROL_CMD_WHY] = cmd_why,
	[CONTROL_CMD_VERDICTS] = cmd_verdicts,
	[CONTROL_CMD_RECHECK] = cmd_recheck,
	[CONTROL_CMD_FLUSH] = cmd_flush,
	[CONTROL_CMD_MODE] = cmd_mode,
	[CONTROL_CMD_EXCEPTION_ADD] = cmd_exception_add,
	[CONTROL_CMD_EXCEPTION_LIST] = cmd_exception_list,
	[CONTROL_CMD_EXCEPTION_SHOW] = cmd_exception_show,
	[CONTROL_CMD_EXCEPTION_REMOVE] = cmd_exception_remove,
	[CONTROL_CMD_RELOAD] = cmd_reload,
	[CONTROL_CMD_AUDIT] = cmd_audit,
};

void commands_on_request(struct control_request *request, void *user)
{
	COMMANDS[control_request_command(request)](user, request);
}
