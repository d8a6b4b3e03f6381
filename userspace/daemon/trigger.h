/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What tells the worker of unknown sources, as the keeper keeps it: with trigger = syn the
 * gate does and there is nothing to hold; with trigger = established it is a program on a
 * control group, which a reload may move and which is lost when its group goes.
 *
 * Lost, nobody is told of: unknown sources pass unjudged until it is back. It never falls
 * back to SYNs, whose floods the configuration was written to keep from the DNS.
 */
#ifndef MXGATE_DAEMON_TRIGGER_H
#define MXGATE_DAEMON_TRIGGER_H

#include <stdbool.h>

#include "core/conf.h"
#include "daemon/message.h"
#include "io/established.h"

struct trigger {
	const char *object; /* the gate's file, borrowed, and its kind: set before all else */
	bool is_hash;
	struct established *in_use; /* NULL: none */
	struct established *ready;  /* for a configuration to come */
	struct trigger_info info;   /* how it stands, for the worker */
};

/*
 * Makes ready what conf needs and is not in use, and leaves what is. 0, or -errno with *why
 * filled.
 */
int trigger_prepare(struct trigger *trigger, const struct conf *conf, struct established_why *why);

/* Takes over what is ready, or makes it, and lets go of what conf does not use. */
void trigger_apply(struct trigger *trigger, const struct conf *conf);

/* Puts it back where it was lost. True if info has changed. */
bool trigger_check(struct trigger *trigger, const struct conf *conf);

/* Also in the worker's process, where it takes nothing out of force. */
void trigger_done(struct trigger *trigger);

#endif
