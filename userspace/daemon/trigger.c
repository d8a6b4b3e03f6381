/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/trigger.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static void let_go(struct established **at)
{
	established_stop(*at);
	*at = NULL;
}

static bool serves(const struct established *established, const struct conf *conf)
{
	return established && strcmp(established_cgroup(established), conf->cgroup) == 0 &&
	       established_is_attached(established);
}

static int start(const struct trigger *trigger, const struct conf *conf, struct established **at,
		 struct established_why *why)
{
	struct established *fresh;
	int err = established_start(trigger->object, trigger->is_hash, conf->cgroup, &fresh, why);

	if (err < 0)
		return err;
	let_go(at);
	*at = fresh;
	return 0;
}

int trigger_prepare(struct trigger *trigger, const struct conf *conf, struct established_why *why)
{
	if (conf->trigger == CONF_TRIGGER_SYN || serves(trigger->in_use, conf))
		return 0;
	return start(trigger, conf, &trigger->ready, why);
}

/* One that is in use and does not serve stays until there is a better one. */
static void make_sure(struct trigger *trigger, const struct conf *conf)
{
	struct established_why why;

	if (serves(trigger->ready, conf)) {
		let_go(&trigger->in_use);
		trigger->in_use = trigger->ready;
		trigger->ready = NULL;
	}
	trigger->info = (struct trigger_info){0};
	if (serves(trigger->in_use, conf))
		return;
	trigger->info.err = start(trigger, conf, &trigger->in_use, &why);
	if (trigger->info.err < 0)
		snprintf(trigger->info.detail, sizeof(trigger->info.detail), "%s", why.text);
}

void trigger_apply(struct trigger *trigger, const struct conf *conf)
{
	if (conf->trigger == CONF_TRIGGER_SYN) {
		let_go(&trigger->in_use);
		trigger->info = (struct trigger_info){0};
	} else {
		make_sure(trigger, conf);
	}
	let_go(&trigger->ready);
}

bool trigger_check(struct trigger *trigger, const struct conf *conf)
{
	int was = trigger->info.err;

	if (conf->trigger == CONF_TRIGGER_SYN || serves(trigger->in_use, conf))
		return false;
	make_sure(trigger, conf);
	if (trigger->info.err == 0)
		log_info("event=trigger-attached cgroup=\"%s\"", conf->cgroup);
	return trigger->info.err != was;
}

void trigger_done(struct trigger *trigger)
{
	let_go(&trigger->in_use);
	let_go(&trigger->ready);
}
