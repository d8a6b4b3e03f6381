/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/refusal.h"
#include "daemon/worker.h"

int replies_write(struct worker *worker)
{
	const struct refusal_conf *conf = &worker->conf->reject;
	struct mxg_say says[MXG_SAY_SLOTS] = {0};
	char machine[HOST_NAME_MAX + 1] = "";
	int err = 0;

	if (gethostname(machine, sizeof(machine) - 1) < 0)
		log_warn("event=no-host-name detail=\"the greeting says localhost\"");
	refusal_greeting(conf, machine, &says[MXG_SAY_GREETING]);
	refusal_bye(&says[MXG_SAY_BYE]);
	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++) {
		const enum mxg_reason reason = REFUSAL_REASONS[i];

		refusal_line(conf, reason, &says[reason], NULL);
		refusal_wrong(conf, reason, &says[MXG_SAY_WRONG + reason]);
	}
	for (uint32_t i = 0; i < MXG_SAY_SLOTS && err == 0; i++)
		err = vmap_say_put(worker->vmap, i, &says[i]);
	return err;
}

static int renew_secret(struct worker *worker, uint32_t slot)
{
	struct mxg_secret secret;

	if (getrandom(&secret, sizeof(secret), 0) < 0)
		return -errno;
	return vmap_secret_put(worker->vmap, slot, &secret);
}

/* Those of a worker before us stay: refused clients may be talking. */
static int find_secret(struct worker *worker, uint32_t slot)
{
	struct mxg_secret secret;
	int err = vmap_secret_get(worker->vmap, slot, &secret);

	if (err < 0)
		return err;
	return secret.key[0] | secret.key[1] ? 0 : renew_secret(worker, slot);
}

/* In the second half of a secret's time the one before it serves nobody any more. */
static int renew_secrets(struct worker *worker, uint64_t half)
{
	const uint32_t slot = half >> 1 & 1;
	int err = find_secret(worker, slot);

	if (err < 0)
		return err;
	return half & 1 ? renew_secret(worker, !slot) : find_secret(worker, !slot);
}

void replies_renew_secrets(struct worker *worker)
{
	const uint64_t half = clock_mono_ns() >> (MXG_SECRET_SHIFT - 1);
	int err;

	if (half + 1 == worker->secrets_done)
		return;
	err = renew_secrets(worker, half);
	if (err == 0)
		worker->secrets_done = half + 1;
	if (err < 0 && !worker->secrets_failed)
		log_warn("event=secrets-not-renewed error=\"%s\" detail=\"older ones serve on; "
			 "where there is none, whom the gate should reject it resets\"",
			 strerror(-err));
	else if (err == 0 && worker->secrets_failed)
		log_info("event=secrets-renewed");
	worker->secrets_failed = err < 0;
}

bool replies_are_wanted(const struct worker *worker)
{
	const struct conf *conf = worker->conf;

	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++) {
		enum mxg_reason reason = REFUSAL_REASONS[i];
		enum mxg_action action = reason == MXG_REASON_DENY
						 ? conf_deny_action(conf)
						 : conf->policy.row[reason].action;

		if (action == MXG_ACTION_REJECT && mode_is_enforced(worker, reason))
			return true;
	}
	return false;
}

bool replies_are_used_up(const struct worker *worker, const struct mxg_verdict *verdict)
{
	const uint32_t budget = worker->conf->reject.budget;

	return verdict->action == MXG_ACTION_REJECT && budget && verdict->hits >= budget;
}
