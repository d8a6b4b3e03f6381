/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/policy.h"
#include "daemon/worker.h"

/*
 * The store's setting "mode", when a command has set one:
 *   "monitor" | "enforce" | "only:REASON,REASON"
 * "enforce" follows the policy's enforce flags, also after they change.
 */
#define SETTING "mode"

static const enum mxg_reason ENFORCEABLE[] = {MXG_REASON_NO_PTR, MXG_REASON_UNCONFIRMED,
					      MXG_REASON_GENERIC, MXG_REASON_DENY};
#define ENFORCEABLE_COUNT (sizeof(ENFORCEABLE) / sizeof(ENFORCEABLE[0]))

static bool is_enforceable(enum mxg_reason reason)
{
	for (size_t i = 0; i < ENFORCEABLE_COUNT; i++)
		if (ENFORCEABLE[i] == reason)
			return true;
	return false;
}

/* "no-ptr,deny" to bits; an unknown name is left out: in doubt the gate opens. */
static uint32_t mask_parse(const char *text)
{
	enum mxg_reason reason;
	uint32_t mask = 0;
	char name[32];
	size_t len;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		if (policy_reason_parse(name, &reason) == 0 && is_enforceable(reason))
			mask |= 1u << reason;
	}
	return mask;
}

static void mask_format(uint32_t mask, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "only:");

	for (size_t i = 0; i < ENFORCEABLE_COUNT; i++)
		if (mask >> ENFORCEABLE[i] & 1)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
						 buf[used - 1] == ':' ? "" : ",",
						 policy_reason_name(ENFORCEABLE[i]));
}

void mode_load(struct worker *worker)
{
	const struct policy *policy = &worker->conf->policy;
	char *text = NULL;
	int err = store_setting_get(worker->store, SETTING, &text);

	worker->mode_is_command = err == 0;
	if (err == -ENOENT) {
		worker->enforce_mask = policy_enforce_mask(policy, worker->conf->mode == 1);
	} else if (err < 0) {
		/* It may have said monitor. */
		log_error("event=mode-not-read mode=monitor error=\"%s\"", strerror(-err));
		worker->enforce_mask = 0;
	} else if (strncmp(text, "only:", 5) == 0) {
		worker->enforce_mask = mask_parse(text + 5);
	} else {
		worker->enforce_mask = policy_enforce_mask(policy, strcmp(text, "enforce") == 0);
	}
	free(text);
	/* Hits of a monitor, or of another action, were told to nobody: the budget begins here. */
	vmap_forget_hits(worker->vmap, MXG_ACTION_REJECT);
}

/* The gate opens also when that cannot be written down: a full disk must not hold it shut. */
static int open_unkept(struct worker *worker, uint32_t mask)
{
	worker->enforce_mask &= mask;
	worker->mode_is_command = true;
	return tables_write_config(worker);
}

int mode_set(struct worker *worker, const char *what, const char *reason, bool *ret_in_force)
{
	bool enforce = strcmp(what, "enforce") == 0;
	enum mxg_reason one = MXG_REASON_NONE;
	uint32_t mask = worker->enforce_mask;
	char text[128];
	int err;

	*ret_in_force = false;
	if (reason && (policy_reason_parse(reason, &one) < 0 || !is_enforceable(one)))
		return -EINVAL;
	if (strcmp(what, "config") == 0) {
		err = store_setting_del(worker->store, SETTING);
		if (err == -ENOENT)
			err = 0;
	} else if (reason) {
		mask = enforce ? mask | 1u << one : mask & ~(1u << one);
		mask_format(mask, text, sizeof(text));
		err = store_setting_put(worker->store, SETTING, text);
	} else {
		err = store_setting_put(worker->store, SETTING, what);
	}
	if (err < 0) {
		if (strcmp(what, "monitor") == 0)
			*ret_in_force = open_unkept(worker, reason ? mask : 0) == 0;
		return err;
	}
	mode_load(worker);
	err = tables_write_config(worker);
	*ret_in_force = err == 0;
	return err;
}

bool mode_is_enforced(const struct worker *worker, enum mxg_reason reason)
{
	if (!(worker->enforce_mask >> reason & 1))
		return false;
	return reason == MXG_REASON_DENY ||
	       worker->conf->policy.row[reason].action != MXG_ACTION_PASS;
}

/* A verdict that is learned must be able to refuse, else there is nothing to wait for. */
static bool may_refuse_learned(const struct worker *worker)
{
	for (size_t i = 0; i < ENFORCEABLE_COUNT; i++)
		if (ENFORCEABLE[i] != MXG_REASON_DENY && mode_is_enforced(worker, ENFORCEABLE[i]))
			return true;
	return false;
}

const char *mode_nobody_held(const struct worker *worker)
{
	if (vmap_is_hash(worker->vmap))
		return "the gate for older kernels cannot";
	if (!may_refuse_learned(worker))
		return "no reason is enforced that can be learned";
	if (!worker->resolver || resolver_places(worker->resolver) == 0)
		return "no more can be looked up now";
	if (alarms_is_raised(&worker->alarms, HEALTH_ALARM))
		return "the DNS is in trouble";
	return NULL;
}

const char *mode_hold_why_not(const struct worker *worker)
{
	return worker->conf->hold ? mode_nobody_held(worker) : "";
}

bool mode_may_hold(const struct worker *worker)
{
	return (worker->conf->hold || worker->rollups.in_gate > 0) && !mode_nobody_held(worker);
}

void mode_hold_tick(struct worker *worker)
{
	const char *why_not = mode_nobody_held(worker);
	int err;

	if (mode_may_hold(worker) == worker->is_holding)
		return;
	err = tables_write_config(worker);
	if (err < 0)
		log_error("event=hold-not-written error=\"%s\"", strerror(-err));
	else
		log_debug("event=hold state=%s why=\"%s\"", worker->is_holding ? "on" : "off",
			  why_not ? why_not : "");
}

json_t *mode_enforced_json(const struct worker *worker)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ENFORCEABLE_COUNT; i++)
		if (mode_is_enforced(worker, ENFORCEABLE[i]))
			json_array_append_new(list,
					      json_string(policy_reason_name(ENFORCEABLE[i])));
	return list;
}
