/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/growth.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/worker.h"

#define SLICE_NS       (CLOCK_NS_PER_SEC / 1000)
#define ANSWER_NS      (10 * CLOCK_NS_PER_SEC)
#define AGAIN_NS       (60 * CLOCK_NS_PER_SEC) /* after there was none to be had */
#define NEWS_NS        (10 * AGAIN_NS)         /* or so long ago that it is another time */
#define NO_MORE_MS     100
#define SLICE_PAUSE_MS 1

static struct growth_table *table_of(struct worker *worker, unsigned int family)
{
	return family == 4 ? &worker->growth.v4 : &worker->growth.v6;
}

uint32_t growth_most(const struct worker *worker, unsigned int family)
{
	return family == 4 ? worker->conf->verdicts.max4 : worker->conf->verdicts.max6;
}

static int tell_keeper(struct worker *worker, enum message_kind kind, unsigned int family,
		       uint32_t count)
{
	static struct message message;

	memset(&message, 0, sizeof(message));
	message.kind = kind;
	message.index = family;
	message.count = count;
	return message_send(worker->args.keeper_fd, &message);
}

static void ask(struct worker *worker, unsigned int family, uint32_t entries)
{
	struct growth_table *table = table_of(worker, family);

	table->asked_ns = clock_mono_ns();
	table->state = GROWTH_ASKED;
	tell_keeper(worker, MESSAGE_GROW, family, entries);
}

/* The old one serves on. Told once, however often it is tried in vain. */
static void give_up(struct worker *worker, unsigned int family, const char *why)
{
	struct growth_table *table = table_of(worker, family);
	uint64_t now = clock_mono_ns();
	bool is_news = !table->failed_ns || now - table->failed_ns > NEWS_NS;

	if (table->state == GROWTH_FILLING || table->state == GROWTH_FILLED)
		vmap_grow_stop(worker->vmap, family);
	table->state = GROWTH_NONE;
	table->failed++;
	table->failed_ns = now;
	log_line(is_news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		 "event=table-not-grown family=IPv%u entries=%" PRIu32 " of=%" PRIu32
		 " error=\"%s\" detail=\"what finds no place passes; it is tried again every "
		 "minute\"",
		 family, vmap_count(worker->vmap, family), vmap_max(worker->vmap, family), why);
}

/* --- filling ------------------------------------------------------------------ */

static void swap(struct worker *worker, unsigned int family)
{
	struct growth_table *table = table_of(worker, family);

	table->state = GROWTH_FILLED;
	table->asked_ns = clock_mono_ns();
	tell_keeper(worker, MESSAGE_SWAP, family, table->max);
}

static void fill(struct worker *worker, unsigned int family)
{
	struct growth_table *table = table_of(worker, family);
	uint64_t begun = clock_mono_ns(), now = begun;
	bool has_more = true;

	while (has_more && now - begun < SLICE_NS) {
		has_more = vmap_grow_step(worker->vmap, family, now);
		now = clock_mono_ns();
	}
	table->slices++;
	if (now - begun > table->longest_ns)
		table->longest_ns = now - begun;
	if (!has_more)
		swap(worker, family);
}

/*
 * A slice, then whatever else there is to do: libuv before 1.45 runs a timer of 0 again
 * before it looks at anything else.
 */
static void on_slice(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	struct growth *growth = &worker->growth;

	if (growth->v4.state == GROWTH_FILLING)
		fill(worker, 4);
	else if (growth->v6.state == GROWTH_FILLING)
		fill(worker, 6);
	if (growth->v4.state == GROWTH_FILLING || growth->v6.state == GROWTH_FILLING)
		uv_timer_start(timer, on_slice, SLICE_PAUSE_MS, 0);
}

void growth_on_table(struct worker *worker, const struct message *message, int fd)
{
	struct growth_table *table = table_of(worker, message->index);
	int err;

	if (table->state != GROWTH_ASKED)
		return;
	if (message->err < 0 || fd < 0) {
		give_up(worker, message->index, message->text);
		return;
	}
	table->begun_ns = clock_mono_ns();
	err = vmap_grow_begin(worker->vmap, message->index, fd);
	if (err < 0) {
		give_up(worker, message->index, strerror(-err));
		return;
	}
	table->state = GROWTH_FILLING;
	table->from = vmap_max(worker->vmap, message->index);
	table->max = message->count;
	table->slices = table->longest_ns = 0;
	if (worker->growth.timer.data)
		uv_timer_start(&worker->growth.timer, on_slice, SLICE_PAUSE_MS, 0);
}

void growth_on_swapped(struct worker *worker, const struct message *message)
{
	struct growth_table *table = table_of(worker, message->index);

	if (table->state != GROWTH_FILLED || message->count != table->max)
		return;
	if (message->err < 0) {
		give_up(worker, message->index, strerror(-message->err));
		return;
	}
	vmap_grow_done(worker->vmap, message->index);
	table->state = GROWTH_NONE;
	table->grown++;
	table->failed_ns = 0;
	log_info("event=table-grown family=IPv%u entries=%" PRIu32 " from=%" PRIu32 " to=%" PRIu32
		 " ms=%" PRIu64 " slices=%" PRIu64 " longest_us=%" PRIu64,
		 message->index, vmap_count(worker->vmap, message->index), table->from, table->max,
		 (clock_mono_ns() - table->begun_ns) / 1000000, table->slices,
		 table->longest_ns / 1000);
}

/* --- when --------------------------------------------------------------------- */

static void look(struct worker *worker, unsigned int family, uint64_t now)
{
	struct growth_table *table = table_of(worker, family);

	if (table->state == GROWTH_FILLED && now - table->asked_ns > ANSWER_NS)
		swap(worker, family);
	else if (table->state == GROWTH_ASKED && now - table->asked_ns > ANSWER_NS)
		give_up(worker, family, "no answer");
	if (table->state != GROWTH_NONE ||
	    vmap_max(worker->vmap, family) >= growth_most(worker, family) ||
	    (table->failed_ns && now - table->failed_ns < AGAIN_NS) ||
	    !vmap_is_filling(worker->vmap, family))
		return;
	ask(worker, family, 0);
}

void growth_look(struct worker *worker)
{
	uint64_t now = clock_mono_ns();

	look(worker, 4, now);
	look(worker, 6, now);
}

/* Waits for the keeper's word on what it was asked. */
static int await(struct worker *worker, const struct growth_table *table)
{
	struct pollfd keeper = {.fd = worker->args.keeper_fd, .events = POLLIN};
	enum growth_state state = table->state;
	uint64_t begun = clock_mono_ns();
	int err = 0;

	while (err == 0 && table->state == state) {
		if (clock_mono_ns() - begun > ANSWER_NS)
			return -ETIMEDOUT;
		poll(&keeper, 1, NO_MORE_MS);
		err = worker_take_messages(worker);
	}
	return err;
}

int growth_make_room(struct worker *worker, unsigned int family, uint32_t entries)
{
	struct growth_table *table = table_of(worker, family);
	int err = 0;

	if (entries <= vmap_max(worker->vmap, family) ||
	    vmap_max(worker->vmap, family) >= growth_most(worker, family))
		return 0;
	ask(worker, family, entries);
	while (err == 0 && table->state != GROWTH_NONE) {
		if (table->state == GROWTH_FILLING)
			fill(worker, family);
		else
			err = await(worker, table);
	}
	return err;
}

/* --- start and end ------------------------------------------------------------ */

void growth_start(struct worker *worker)
{
	uv_timer_init(&worker->loop, &worker->growth.timer);
	worker->growth.timer.data = worker;
}

void growth_stop(struct worker *worker)
{
	if (worker->growth.timer.data)
		uv_close((uv_handle_t *)&worker->growth.timer, NULL);
}

bool growth_is_under_way(const struct worker *worker, unsigned int family)
{
	return (family == 4 ? &worker->growth.v4 : &worker->growth.v6)->state != GROWTH_NONE;
}

json_t *growth_json(const struct worker *worker, unsigned int family)
{
	const struct growth_table *table = family == 4 ? &worker->growth.v4 : &worker->growth.v6;

	return json_pack("{s:b, s:I, s:I, s:I}", "growing", growth_is_under_way(worker, family),
			 "grown", (json_int_t)table->grown, "not_grown", (json_int_t)table->failed,
			 "longest_slice_us", (json_int_t)(table->longest_ns / 1000));
}
