/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <limits.h>
#include <string.h>
#include <unistd.h>

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
	refusal_wrong(&says[MXG_SAY_WRONG]);
	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++)
		refusal_line(conf, REFUSAL_REASONS[i], &says[REFUSAL_REASONS[i]], NULL);
	for (uint32_t i = 0; i < MXG_SAY_SLOTS && err == 0; i++)
		err = vmap_say_put(worker->vmap, i, &says[i]);
	return err;
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
