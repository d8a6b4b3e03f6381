/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The configured interfaces and what they carry. slots_reconcile() looks at each
 * and mends what is not as configured; it may be called at any time, any number
 * of times. Never replaces a foreign program, never falls back to generic mode.
 */
#ifndef MXGATE_DAEMON_SLOTS_H
#define MXGATE_DAEMON_SLOTS_H

#include <stdbool.h>

#include "core/conf.h"
#include "daemon/message.h"
#include "io/gate.h"

struct slots {
	struct link_info link[CONF_INTERFACES_MAX];
	unsigned int count;
	enum conf_attach attach;
	bool rejects; /* the program that can is wanted */
};

/*
 * Takes over the interfaces and the attach mode of conf. The gate comes off
 * interfaces that are no longer named. Where conf rejects, the program that can takes the
 * place of the other one at the next slots_reconcile(); it stays when conf does no more:
 * with nobody to reject both do the same.
 */
void slots_configure(struct slots *slots, const struct conf *conf);

/*
 * Brings every interface to what is configured; with may_attach false it only
 * looks. on_change (may be NULL) is called for each link whose state changed.
 */
void slots_reconcile(struct slots *slots, struct gate *gate, bool may_attach,
		     void (*on_change)(unsigned int index, void *user), void *user);

/* Takes our program off every interface (not in external mode). */
void slots_detach_all(struct slots *slots);

/* True if some interface carries the gate, or can once it appears (see keeper.c). */
bool slots_any_usable(const struct slots *slots);

#endif
