/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

#define HEARTBEAT_MS      1000
#define EXCEPTION_TICK_MS 5000
#define WHY_MAX           512

void worker_tell(const struct worker *worker)
{
	static struct message message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_ALIVE;
	message.proof.passes = worker->confirm.passes;
	message.proof.servers = worker->servers_mark;
	/* A keeper that reads slowly misses a heartbeat, not more. */
	message_send(worker->args.keeper_fd, &message);
}

static void on_heartbeat(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	uint64_t now = clock_mono_ns();
	struct resolver_stats stats;
	int err = vmap_lease_put(worker->vmap, now + worker->conf->lease_sec * CLOCK_NS_PER_SEC);

	if (err < 0)
		log_error("event=lease-not-written error=\"%s\"", strerror(-err));
	worker_tell(worker);
	events_resume(worker->events); /* should nobody else have said that there is room */
	resolver_get_stats(worker->resolver, &stats);
	health_tick(&worker->health, &stats, &worker->alarms, now);
	if (worker->conf->confirm.different_servers)
		health_opinions(&worker->health, &stats, &worker->alarms, now);
	alarms_tick(&worker->alarms, now);
	mode_hold_tick(worker);
}

static void take_link(struct worker *worker, const struct message *message)
{
	struct slots *slots = &worker->args.slots;

	if (message->count > CONF_INTERFACES_MAX || message->index >= message->count)
		return;
	slots->count = message->count;
	slots->link[message->index] = message->link;
}

/* Nobody is judged anew while it lasts, and nobody would notice. */
static void heed_trigger(struct worker *worker)
{
	const struct trigger_info *info = &worker->args.trigger;

	if (info->err)
		alarms_raise(&worker->alarms, clock_mono_ns(), "trigger-lost",
			     "new sources pass unjudged: %s", info->detail);
	else
		alarms_clear(&worker->alarms, clock_mono_ns(), "trigger-lost", "trigger-back");
}

static void take_trigger(struct worker *worker, const struct message *message)
{
	worker->args.trigger = message->trigger;
	heed_trigger(worker);
}

static void on_message(struct worker *worker, const struct message *message, int fd)
{
	switch (message->kind) {
	case MESSAGE_LINK:
		take_link(worker, message);
		break;
	case MESSAGE_TRIGGER:
		take_trigger(worker, message);
		break;
	case MESSAGE_RELOADED:
		commands_on_reloaded(worker, message);
		break;
	case MESSAGE_TABLE:
		growth_on_table(worker, message, fd);
		break;
	case MESSAGE_SWAPPED:
		growth_on_swapped(worker, message);
		break;
	case MESSAGE_STOP:
		worker->is_last = message->index;
		uv_stop(&worker->loop);
		break;
	}
	if (fd >= 0)
		close(fd);
}

int worker_take_messages(struct worker *worker)
{
	static struct message message;
	int fd = -1, got;

	while ((got = message_receive(worker->args.keeper_fd, &message, &fd)) > 0)
		on_message(worker, &message, fd);
	return got;
}

static void on_keeper(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;

	(void)events;
	if (status < 0 || worker_take_messages(worker) < 0) {
		/* Without a keeper nobody watches over us: let the lease lapse. */
		log_error("event=keeper-gone detail=\"the gate opens when the lease lapses\"");
		worker->exit_code = 70;
		uv_poll_stop(poll);
		uv_stop(&worker->loop);
	}
}

/* From a service manager that signals the whole group, or from a keeper that cannot say it. */
static void on_term(uv_signal_t *handle, int signum)
{
	struct worker *worker = handle->data;

	(void)signum;
	worker->is_last = true; /* for all that is known */
	uv_stop(&worker->loop);
}

static int fail(const char *what, int err)
{
	log_error("event=worker-cannot-start what=%s error=\"%s\"", what, strerror(-err));
	return err;
}

static int open_state(struct worker *worker)
{
	char why[WHY_MAX] = "";
	int err = store_open(worker->conf->state_directory, &worker->store, why, sizeof(why));

	if (err < 0) {
		log_error("event=worker-cannot-start error=\"%s\"", why);
		worker->exit_code = 74;
		return err;
	}
	store_evidence_start(worker->store); /* or later: ledger_on_second() */
	worker->exceptions = exceptions_new();
	worker->sweep_entries = calloc(VMAP_STEP, sizeof(*worker->sweep_entries));
	return worker->exceptions && worker->sweep_entries ? 0 : -ENOMEM;
}

/* They are in our memory, and go when a larger one has come: nothing else may hold them. */
static void close_tables(struct vmap_fds *fds)
{
	close(fds->verdict4);
	close(fds->verdict6);
	fds->verdict4 = fds->verdict6 = -1;
}

/*
 * The tables are brought under this configuration before the lease is renewed,
 * and the gate is told its mode last.
 */
static int fill_tables(struct worker *worker)
{
	int err = watch_init(worker);

	if (err < 0)
		return fail("memory", err);
	remember_load(worker);
	err = vmap_new(&worker->args.maps, &worker->vmap);
	if (err < 0)
		return fail("tables", err);
	close_tables(&worker->args.maps);
	err = tables_load_exceptions(worker);
	if (err < 0)
		return fail("exceptions", err);
	err = snapshot_load(worker);
	if (err < 0)
		return fail("snapshot", err);
	err = tables_reapply_policy(worker);
	if (err < 0)
		return fail("verdicts", err);
	err = rollups_init(worker);
	if (err < 0)
		return fail("networks", err);
	if (getrandom(&worker->hash_seed, sizeof(worker->hash_seed), 0) < 0)
		return fail("random", -errno);
	mode_load(worker);
	err = replies_write(worker);
	if (err < 0)
		return fail("replies", err);
	replies_renew_secrets(worker);
	rollups_load(worker);
	err = tables_write_config(worker);
	return err < 0 ? fail("configuration", err) : 0;
}

static int start_budget(struct worker *worker)
{
	struct budget_conf budget = {
		.per_minute4 = worker->conf->dns.budget4,
		.per_minute6 = worker->conf->dns.budget6,
	};

	if (getrandom(budget.seed, sizeof(budget.seed), 0) < 0)
		return -errno;
	worker->budget = budget_new(&budget);
	return worker->budget ? 0 : -ENOMEM;
}

/* Who has been found good by the servers that are asked now is known from the worker before. */
static void take_over_proof(struct worker *worker)
{
	struct resolver_stats stats;
	uint64_t mark = 0;

	resolver_get_stats(worker->resolver, &stats);
	for (unsigned int i = 0; i < stats.server_count; i++)
		mark = hash_bytes(mark, stats.servers[i].name, strlen(stats.servers[i].name));
	worker->servers_mark = (uint32_t)mark;
	if (worker->args.proof.servers == worker->servers_mark)
		confirm_take_over(&worker->confirm, worker->args.proof.passes);
}

static int start_resolver(struct worker *worker)
{
	const struct conf *conf = worker->conf;
	struct resolver_conf resolver = {
		.server_count = conf->dns.server_count,
		.deadline_ms = conf->dns.deadline_sec * 1000,
		.max_outstanding = conf->dns.max_outstanding,
		.on_room = judge_on_room,
		.room_user = worker,
	};
	int err;

	err = start_budget(worker);
	if (err < 0)
		return fail("budget", err);
	memcpy(resolver.servers, conf->dns.servers, sizeof(resolver.servers));
	err = resolver_new(&worker->loop, &resolver, &worker->resolver);
	if (err == -ENOENT)
		log_error("event=worker-cannot-start error=\"no resolver: /etc/resolv.conf names "
			  "none; set dns { servers = {\\\"127.0.0.1\\\"} }\"");
	else if (err < 0)
		fail("resolver", err);
	if (err < 0)
		worker->exit_code = 78;
	else
		take_over_proof(worker);
	return err;
}

static int start_loop(struct worker *worker)
{
	const struct control_conf control = {.read_gid = worker->args.read_gid,
					     .change_gid = worker->args.change_gid};
	int err = uv_poll_init(&worker->loop, &worker->keeper, worker->args.keeper_fd);

	if (err < 0)
		return fail("keeper", err);
	worker->keeper.data = worker;
	uv_poll_start(&worker->keeper, UV_READABLE, on_keeper);
	err = start_resolver(worker);
	if (err < 0)
		return err;
	err = control_new(&worker->loop, worker->args.listen_fd, &control, commands_on_request,
			  worker, &worker->control);
	if (err < 0)
		return fail("control", err);
	err = events_new(&worker->loop, worker->args.events_fd, judge_event, worker,
			 &worker->events);
	if (err < 0)
		return fail("events", err);
	heed_trigger(worker);
	remember_start(worker);
	snapshot_start(worker);
	growth_start(worker);
	uv_timer_start(&worker->heartbeat, on_heartbeat, 0, HEARTBEAT_MS);
	uv_timer_start(&worker->sweep, tables_on_sweep, EXCEPTION_TICK_MS, 0);
	uv_timer_start(&worker->due, tables_on_due, TABLES_DUE_MS, TABLES_DUE_MS);
	uv_timer_start(&worker->exception_tick, tables_on_exception_tick, 1000, 1000);
	uv_timer_start(&worker->watch, watch_on_tick, 1000, 1000);
	return 0;
}

static void init_handles(struct worker *worker)
{
	uv_loop_init(&worker->loop);
	uv_timer_init(&worker->loop, &worker->heartbeat);
	uv_timer_init(&worker->loop, &worker->sweep);
	uv_timer_init(&worker->loop, &worker->due);
	uv_timer_init(&worker->loop, &worker->exception_tick);
	uv_timer_init(&worker->loop, &worker->watch);
	uv_signal_init(&worker->loop, &worker->term);
	worker->term.data = worker;
	uv_signal_start(&worker->term, on_term, SIGTERM);
	worker->heartbeat.data = worker->sweep.data = worker->exception_tick.data = worker;
	worker->watch.data = worker->due.data = worker;
}

static void done(struct worker *worker)
{
	events_free(worker->events);
	resolver_free(worker->resolver);
	commands_done(worker);
	control_free(worker->control);
	if (worker->keeper.data)
		uv_close((uv_handle_t *)&worker->keeper, NULL);
	remember_stop(worker);
	snapshot_stop(worker);
	growth_stop(worker);
	uv_close((uv_handle_t *)&worker->term, NULL);
	uv_close((uv_handle_t *)&worker->heartbeat, NULL);
	uv_close((uv_handle_t *)&worker->sweep, NULL);
	uv_close((uv_handle_t *)&worker->due, NULL);
	uv_close((uv_handle_t *)&worker->exception_tick, NULL);
	uv_close((uv_handle_t *)&worker->watch, NULL);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	uv_loop_close(&worker->loop);
	remember_save(worker);
	tables_finish_sweep(worker);
	snapshot_save(worker);
	handover_save(worker);
	rollups_save(worker);
	store_close(worker->store);
	exceptions_free(worker->exceptions);
	budget_free(worker->budget);
	rollups_done(worker);
	watch_done(worker);
	vmap_free(worker->vmap);
	free(worker->sweep_entries);
}

int worker_run(const struct worker_args *args)
{
	struct worker worker = {.args = *args, .conf = args->conf, .exit_code = 71};

	init_handles(&worker);
	if (open_state(&worker) < 0 || fill_tables(&worker) < 0 || start_loop(&worker) < 0)
		goto out;
	worker.exit_code = 0;
	log_info("event=worker-ready mode=%s source=%s",
		 worker.enforce_mask ? "enforce" : "monitor",
		 worker.mode_is_command ? "command" : "config");
	uv_run(&worker.loop, UV_RUN_DEFAULT);
out:
	done(&worker);
	return worker.exit_code;
}
