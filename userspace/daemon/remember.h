/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who was found good outlives the worker: its history's known-good sources are saved to
 * the state directory now and then (daemon/saver.h), and whole at its end; the next worker
 * begins with them, and a hold (core/confirm.h) goes on where it was. Nothing is done for a
 * verdict: what fails here makes nobody worse off than a stranger.
 */
#ifndef MXGATE_DAEMON_REMEMBER_H
#define MXGATE_DAEMON_REMEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/saver.h"
#include "io/goodfile.h"

struct worker;

struct remember {
	struct saver saver;
	struct goodfile *file; /* being written */
	uint64_t changes;      /* of what there is to tell, since the worker began */
	uint64_t saved;        /* so many were told when the last one was begun */
	bool is_loaded;
};

/* Into the worker's history, which is empty; before what the verdict table says. */
void remember_load(struct worker *worker);

/* Who is known to be good was found so again, found bad, or is so no more. */
void remember_on_change(struct worker *worker);

void remember_start(struct worker *worker);
/* Before the loop is closed; a file that is half written goes. */
void remember_stop(struct worker *worker);
/* After remember_stop(), while there is a history: all of it. */
void remember_save(struct worker *worker);

#endif
