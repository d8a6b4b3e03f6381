/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A verdict table that fills is replaced by a larger one while packets flow: the keeper is
 * asked for it, the entries go over a slice at a time, what is decided meanwhile goes into
 * both, and when they are the same the keeper leads the gate to the new one. Nobody's
 * verdict is missing for a moment. Where there is no memory for it, or no more is
 * configured, the old one serves on and says so.
 */
#ifndef MXGATE_DAEMON_GROWTH_H
#define MXGATE_DAEMON_GROWTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/message.h"

struct worker;

enum growth_state {
	GROWTH_NONE,
	GROWTH_ASKED,   /* the keeper has been asked for a table */
	GROWTH_FILLING, /* it is here */
	GROWTH_FILLED,  /* the keeper has been asked to lead the gate to it */
};

struct growth_table {
	enum growth_state state;
	uint32_t from, max; /* entries of the old and the larger one, from FILLING on */
	uint64_t asked_ns, begun_ns;
	uint64_t slices, longest_ns; /* of filling: how many, and the longest */
	uint64_t failed_ns;          /* when there was none to be had; 0: not lately */
	uint64_t grown, failed;      /* times */
};

struct growth {
	uv_timer_t timer; /* of filling */
	struct growth_table v4, v6;
};

/* The loop must be there. */
void growth_start(struct worker *worker);
/* Before the loop is closed. */
void growth_stop(struct worker *worker);

/* Now and then: begins to grow what fills, and asks again where an answer is missing. */
void growth_look(struct worker *worker);

/*
 * Before the loop runs: asks for a larger table if that of the family is too small for so
 * many, and waits for it. 0 also when there is none to be had; -errno when the keeper does
 * not answer: which table the gate reads is not known then.
 */
int growth_make_room(struct worker *worker, unsigned int family, uint32_t entries);

/* Entries that the family's table may have at most. */
uint32_t growth_most(const struct worker *worker, unsigned int family);
bool growth_is_under_way(const struct worker *worker, unsigned int family);

/* The keeper's answers. The descriptor stays the caller's. */
void growth_on_table(struct worker *worker, const struct message *message, int fd);
void growth_on_swapped(struct worker *worker, const struct message *message);

/* {growing, grown, not_grown: times, longest_slice_us}. A new reference or NULL. */
json_t *growth_json(const struct worker *worker, unsigned int family);

#endif
