/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/min.h"
#include "core/conf.h"
#include "daemon/message.h"
#include "daemon/needs.h"
#include "daemon/slots.h"
#include "daemon/spawn.h"
#include "daemon/trigger.h"
#include "daemon/worker.h"
#include "io/control.h"
#include "io/gate.h"
#include "io/inner.h"
#include "io/links.h"

#define TICK_MS         500 /* an interface is gated again well within 2 s */
#define SILENCE_NS      (20 * CLOCK_NS_PER_SEC)
#define STOP_NS         (5 * CLOCK_NS_PER_SEC)
#define BACKOFF_MIN_NS  (CLOCK_NS_PER_SEC / 10)
#define BACKOFF_MAX_NS  (10 * CLOCK_NS_PER_SEC)
#define MESSAGES_A_TURN 16
#define NOT_GROWN_NS    CLOCK_NS_PER_SEC /* nobody is to make us try in vain all the time */
#define FILES_MIN       256 /* libbpf's while it loads, and every client of the worker */
#define STEADY_NS       (30 * CLOCK_NS_PER_SEC) /* alive this long: forget old crashes */

/* The worker's process, as the keeper sees it. */
struct child {
	pid_t pid; /* 0: none */
	int fd;
	uv_poll_t poll;
	bool ready;    /* has been heard of since its start */
	bool stopping; /* we asked it to end */
	uint64_t started_ns, heard_ns, stop_ns;
	uint64_t due_ns, backoff_ns; /* when to start the next one */
	unsigned int restarts;
};

struct keeper {
	const char *conf_path;
	const char *object; /* from the command line, or NULL */
	struct conf conf;
	struct conf fresh; /* read by a reload, taken over when the worker has ended */
	bool has_fresh;
	struct conf proven; /* the last under which a worker has come up */
	bool is_unproven;   /* conf is of a reload, and no worker has come up under it yet */
	/* Of conf, fresh and proven; two may be the same one. The worker inherits that of conf. */
	struct patterns *patterns, *fresh_patterns, *proven_patterns;
	struct spawn_ids ids;
	struct gate *gate;
	struct inner *tables;
	bool worker_needs_bpf; /* the kernel keeps the maps from who has no CAP_BPF */
	uint64_t not_grown_ns; /* when there was no larger one to be had */
	struct slots slots;
	struct trigger trigger;
	struct links *links;
	struct child child;
	uv_loop_t loop;
	uv_signal_t sig_term, sig_int, sig_hup, sig_chld;
	uv_timer_t tick;
	int listen_fd, lock_fd;
	int fresh_fd; /* the socket of fresh if it is at another path, else -1 */
	uint64_t started_ns;
	struct proof proof; /* as the last worker told it */
	bool was_ready;     /* some worker has been: an early failure is final before that */
	bool stopping;
	bool spawn; /* leave the loop to fork */
	int exit_code;
};

static void say(const char *state)
{
	sd_notify(0, state);
}

/* --- what a configuration needs of the machine ---------------------------------- */

static void open_log(const struct conf *conf, const char *who)
{
	static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						LOG_LEVEL_DEBUG};

	log_open(who, levels[conf->log_level]);
}

static void take_patterns(struct keeper *keeper, struct patterns **at, struct patterns *set)
{
	struct patterns *old = *at;

	*at = set;
	if (old != keeper->patterns && old != keeper->fresh_patterns &&
	    old != keeper->proven_patterns)
		patterns_free(old);
}

static void free_patterns(struct keeper *keeper)
{
	take_patterns(keeper, &keeper->patterns, NULL);
	take_patterns(keeper, &keeper->fresh_patterns, NULL);
	take_patterns(keeper, &keeper->proven_patterns, NULL);
}

/* What sees its connections. */
static int prepare_trigger(struct keeper *keeper, const struct conf *conf,
			   enum established_fault *ret_fault, char why[static CONF_ERRORS_MAX])
{
	struct established_why found;
	int err = trigger_prepare(&keeper->trigger, conf, &found);

	if (err < 0) {
		needs_explain_trigger(keeper->conf_path, conf, &found, why);
		*ret_fault = found.fault;
	}
	return err;
}

/* *ret_patterns is untouched on failure. */
static int read_conf(struct keeper *keeper, struct conf *ret, struct patterns **ret_patterns,
		     char errors[static CONF_ERRORS_MAX])
{
	char *line, *rest = NULL, copy[CONF_ERRORS_MAX];
	struct spawn_ids ids;
	int err = conf_read(keeper->conf_path, ret, errors);

	if (err == 0)
		err = needs_user(keeper->conf_path, ret, &ids, errors);
	if (err == 0)
		err = needs_patterns(keeper->conf_path, ret, ret_patterns, errors);
	if (err == 0) {
		if (keeper->object)
			snprintf(ret->bpf_object, sizeof(ret->bpf_object), "%s", keeper->object);
		return 0;
	}
	strcpy(copy, errors);
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error("%s", line);
	return err;
}

/* Without descriptors all sorts of things fail, and each would name another cause. */
static int check_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MIN)
		return 0;
	limit.rlim_cur = limit.rlim_max < FILES_MIN ? limit.rlim_max : FILES_MIN;
	if (limit.rlim_cur == FILES_MIN && setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return 0;
	log_error("only %llu file descriptors are allowed, and %d are needed; raise the limit "
		  "(LimitNOFILE=, ulimit -n)",
		  (unsigned long long)limit.rlim_max, FILES_MIN);
	return KEEPER_EXIT_OS;
}

/* One daemon per set of tables. A directory can be locked, and bpffs has no files. */
static int take_lock(struct keeper *keeper)
{
	keeper->lock_fd = open(MXG_PIN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper->lock_fd < 0)
		return -errno;
	return flock(keeper->lock_fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int size_tables(struct keeper *keeper, char why[static INNER_WHY_MAX])
{
	const struct conf *conf = &keeper->conf;
	const struct inner_size v4 = {min_u32(conf->verdicts.start4, conf->verdicts.max4),
				      conf->verdicts.max4};
	const struct inner_size v6 = {min_u32(conf->verdicts.start6, conf->verdicts.max6),
				      conf->verdicts.max6};

	return inner_configure(keeper->tables, &v4, &v6, why);
}

static int open_tables(struct keeper *keeper)
{
	const struct gate_fds *fds = gate_get_fds(keeper->gate);
	char why[INNER_WHY_MAX] = "";
	int err = inner_new(fds->outer4, fds->outer6, fds->is_hash, &keeper->tables);

	if (err == 0)
		err = size_tables(keeper, why);
	if (err == 0)
		return 0;
	log_error("%s; lower verdicts { start4, start6 }, or max4 and max6",
		  why[0] ? why : strerror(-err));
	return KEEPER_EXIT_OS;
}

static int touch_gate(void *user)
{
	return gate_touch(user);
}

/* Before Linux 5.19 unprivileged_bpf_disabled is about maps, too, that somebody has been given. */
static void look_whether_maps_open(struct keeper *keeper)
{
	bool needs = spawn_try_bare(touch_gate, keeper->gate) == -EPERM;

	if (needs && !keeper->worker_needs_bpf)
		log_info("event=worker-keeps-capability capability=CAP_BPF detail=\"before Linux "
			 "5.19 it cannot use the tables without, while "
			 "kernel.unprivileged_bpf_disabled is not 0\"");
	keeper->worker_needs_bpf = needs;
}

static int open_gate(struct keeper *keeper)
{
	char why[CONF_ERRORS_MAX] = "";
	int err = gate_open(keeper->conf.bpf_object, &keeper->gate, why);

	if (err < 0) {
		if (!keeper->object && err == -ENOEXEC)
			needs_place(keeper->conf_path, "", "bpf_object", why);
		log_error("%s", why[0] ? why : strerror(-err));
		return err == -EPERM                      ? KEEPER_EXIT_NOT_ROOT
		       : err == -ENODEV || err == -ENOMEM ? KEEPER_EXIT_OS
		       : err == -ENOEXEC                  ? KEEPER_EXIT_CONFIG
							  : KEEPER_EXIT_NO_KERNEL;
	}
	err = take_lock(keeper);
	if (err < 0 && err != -EWOULDBLOCK) {
		log_error(MXG_PIN_DIR " cannot be locked: %s", strerror(-err));
		return KEEPER_EXIT_OS;
	}
	if (err < 0) {
		log_error("another mxgated fills the tables in " MXG_PIN_DIR
			  " already; stop it first (systemctl stop mxgated)");
		return KEEPER_EXIT_RUNNING;
	}
	gate_unpin_others(keeper->gate);
	keeper->trigger.object = keeper->conf.bpf_object;
	keeper->trigger.is_hash = gate_get_fds(keeper->gate)->is_hash;
	return open_tables(keeper);
}

static int open_trigger(struct keeper *keeper)
{
	enum established_fault fault;
	char why[CONF_ERRORS_MAX];

	if (prepare_trigger(keeper, &keeper->conf, &fault, why) < 0) {
		log_error("%s", why);
		return fault == ESTABLISHED_FAULT_SYSTEM ? KEEPER_EXIT_NO_KERNEL
							 : KEEPER_EXIT_CONFIG;
	}
	trigger_apply(&keeper->trigger, &keeper->conf);
	return 0;
}

static int open_socket(struct keeper *keeper)
{
	char why[CONF_ERRORS_MAX];
	int err = needs_socket(keeper->conf_path, &keeper->conf, &keeper->listen_fd, why);

	if (err == 0)
		return 0;
	log_error("%s", why);
	return err == -EADDRINUSE ? KEEPER_EXIT_RUNNING : KEEPER_EXIT_OS;
}

/* The socket of a configuration to come, unless that in use or that waiting will do. */
static int open_fresh_socket(struct keeper *keeper, const struct conf *conf,
			     char why[static CONF_ERRORS_MAX])
{
	const char *path = conf->control.path;
	int fd = -1, err;

	if (keeper->fresh_fd >= 0 && strcmp(path, keeper->fresh.control.path) == 0)
		return 0;
	if (strcmp(path, keeper->conf.control.path) != 0) {
		err = needs_socket(keeper->conf_path, conf, &fd, why);
		if (err < 0)
			return err;
	}
	if (keeper->fresh_fd >= 0) {
		close(keeper->fresh_fd);
		unlink(keeper->fresh.control.path);
	}
	keeper->fresh_fd = fd;
	return 0;
}

static int open_state(struct keeper *keeper)
{
	char why[CONF_ERRORS_MAX];

	if (needs_user(keeper->conf_path, &keeper->conf, &keeper->ids, why) == 0 &&
	    needs_directory(keeper->conf_path, &keeper->conf, &keeper->ids, why) == 0)
		return 0;
	log_error("%s", why);
	return KEEPER_EXIT_CONFIG;
}

/* --- interfaces -------------------------------------------------------------------- */

static void tell_link(unsigned int index, void *user)
{
	static struct message message;
	struct keeper *keeper = user;

	if (!keeper->child.pid)
		return;
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_LINK;
	message.index = index;
	message.count = keeper->slots.count;
	message.link = keeper->slots.link[index];
	message_send(keeper->child.fd, &message);
}

static void check_trigger(struct keeper *keeper)
{
	static struct message message;

	if (!trigger_check(&keeper->trigger, &keeper->conf) || !keeper->child.pid)
		return;
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_TRIGGER;
	message.trigger = keeper->trigger.info;
	message_send(keeper->child.fd, &message);
}

/* Nothing goes onto an interface before a worker has brought the tables in order. */
static void reconcile(struct keeper *keeper)
{
	slots_reconcile(&keeper->slots, keeper->gate, keeper->was_ready && !keeper->stopping,
			tell_link, keeper);
}

static void on_links(void *user)
{
	reconcile(user);
}

/* What to exit with when not one interface can carry the gate at the start. */
static int refuse_start(const struct slots *slots)
{
	int code = KEEPER_EXIT_NO_INTERFACE;

	for (unsigned int i = 0; i < slots->count; i++) {
		/* One that is absent would be waited for, if another could be gated now. */
		log_error("interface %s: %s", slots->link[i].name,
			  slots->link[i].state == LINK_ABSENT
				  ? "no such interface; name one that is there (ip link)"
				  : slots->link[i].detail);
		if (slots->link[i].state == LINK_FOREIGN)
			code = KEEPER_EXIT_FOREIGN;
		else if (slots->link[i].state == LINK_FAILED)
			code = KEEPER_EXIT_NO_KERNEL;
	}
	return code;
}

/* --- the worker -------------------------------------------------------------------- */

static void stop_child(struct keeper *keeper)
{
	struct child *child = &keeper->child;
	static struct message message;

	if (!child->pid || child->stopping)
		return;
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_STOP;
	message.index = keeper->stopping;
	child->stopping = true;
	child->stop_ns = clock_mono_ns();
	if (message_send(child->fd, &message) < 0)
		kill(child->pid, SIGTERM);
}

static void quit(struct keeper *keeper, int code)
{
	if (!keeper->stopping)
		keeper->exit_code = code;
	keeper->stopping = true;
	say("STOPPING=1");
	if (keeper->child.pid)
		stop_child(keeper);
	else
		uv_stop(&keeper->loop);
}

static void child_is_ready(struct keeper *keeper)
{
	bool first = !keeper->was_ready;

	keeper->child.ready = true;
	keeper->proven = keeper->conf;
	take_patterns(keeper, &keeper->proven_patterns, keeper->patterns);
	keeper->is_unproven = false;
	if (!first)
		return;
	keeper->was_ready = true;
	reconcile(keeper);
	if (!slots_any_usable(&keeper->slots)) {
		quit(keeper, refuse_start(&keeper->slots));
		return;
	}
	say("READY=1\nSTATUS=gate attached");
}

/* Takes over what a reload has read; the worker has ended. */
static void apply_fresh(struct keeper *keeper)
{
	struct conf old = keeper->conf;
	char why[INNER_WHY_MAX];

	keeper->has_fresh = false;
	keeper->is_unproven = true;
	keeper->child.due_ns = clock_mono_ns();
	keeper->conf = keeper->fresh;
	take_patterns(keeper, &keeper->patterns, keeper->fresh_patterns);
	open_log(&keeper->conf, "mxgated");
	if (keeper->fresh_fd >= 0) {
		close(keeper->listen_fd);
		unlink(old.control.path);
		keeper->listen_fd = keeper->fresh_fd;
		keeper->fresh_fd = -1;
	}
	if (open_state(keeper) != 0)
		strcpy(keeper->conf.state_directory, old.state_directory);
	if (size_tables(keeper, why) < 0)
		log_error("event=reload detail=\"%s; the tables keep their size\"", why);
	trigger_apply(&keeper->trigger, &keeper->conf);
	slots_configure(&keeper->slots, &keeper->conf);
	reconcile(keeper);
}

/* What only a start could do, and what a worker under this configuration could not. */
static int check_fresh(struct keeper *keeper, const struct conf *fresh,
		       char why[static CONF_ERRORS_MAX])
{
	enum established_fault fault;
	struct spawn_ids ids;
	int err;

	if (strcmp(fresh->bpf_object, keeper->conf.bpf_object) != 0) {
		snprintf(why, CONF_ERRORS_MAX,
			 "bpf_object cannot change in a reload; restart mxgated");
		needs_place(keeper->conf_path, "", "bpf_object", why);
		return -EINVAL;
	}
	if (needs_user(keeper->conf_path, fresh, &ids, why) < 0 ||
	    needs_directory(keeper->conf_path, fresh, &ids, why) < 0)
		return -EINVAL;
	err = open_fresh_socket(keeper, fresh, why);
	return err < 0 ? err : prepare_trigger(keeper, fresh, &fault, why);
}

static void reload(struct keeper *keeper, bool reply)
{
	static struct message message;
	struct patterns *patterns = NULL;
	static struct conf fresh;
	int err;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_RELOADED;
	say("RELOADING=1");
	err = read_conf(keeper, &fresh, &patterns, message.text);
	if (err == 0) {
		err = check_fresh(keeper, &fresh, message.text);
		if (err < 0)
			log_error("%s", message.text);
	}
	message.err = err;
	if (err == 0)
		snprintf(message.text, sizeof(message.text), "configuration reloaded");
	log_line(err ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "event=reload result=%s",
		 err ? "refused" : "ok");
	if (reply && keeper->child.pid)
		message_send(keeper->child.fd, &message);
	say("READY=1");
	if (err < 0) {
		patterns_free(patterns);
		return;
	}
	keeper->fresh = fresh;
	take_patterns(keeper, &keeper->fresh_patterns, patterns);
	keeper->has_fresh = true;
	/* The new configuration begins with a new worker. */
	if (keeper->child.pid)
		stop_child(keeper);
	else
		apply_fresh(keeper);
}

/* The worker's tables fill: a larger one, which it fills before anybody reads it. */
static void offer_table(struct keeper *keeper, const struct message *asked)
{
	static struct message message;
	uint64_t now = clock_mono_ns();
	int fd = -1;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_TABLE;
	message.index = asked->index;
	message.err = -EAGAIN;
	strcpy(message.text, "asked again too soon");
	if (now - keeper->not_grown_ns >= NOT_GROWN_NS) {
		message.err = inner_offer(keeper->tables, asked->index, asked->count, &fd,
					  &message.count, message.text);
		if (message.err < 0)
			keeper->not_grown_ns = now;
	}
	if (message.err < 0) {
		message_send(keeper->child.fd, &message);
	} else if (message_send_fd(keeper->child.fd, &message, fd) < 0) {
		inner_take_back(keeper->tables, asked->index);
	}
}

static void swap_table(struct keeper *keeper, const struct message *filled)
{
	static struct message message;

	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_SWAPPED;
	message.index = filled->index;
	message.count = filled->count;
	message.err = inner_install(keeper->tables, filled->index, filled->count);
	message_send(keeper->child.fd, &message); /* it asks again if that does not arrive */
}

static void on_message(struct keeper *keeper, const struct message *message)
{
	bool is_of_table = message->index == 4 || message->index == 6;

	if (message->kind == MESSAGE_ALIVE) {
		keeper->proof = message->proof;
		if (!keeper->child.ready)
			child_is_ready(keeper);
	}
	if (message->kind == MESSAGE_RELOAD)
		reload(keeper, true);
	else if (message->kind == MESSAGE_GROW && is_of_table)
		offer_table(keeper, message);
	else if (message->kind == MESSAGE_SWAP && is_of_table)
		swap_table(keeper, message);
}

static void on_child(uv_poll_t *poll, int status, int events)
{
	static struct message message;
	struct keeper *keeper = poll->data;
	int got = status < 0 ? -EPIPE : 0, n = 0;

	(void)events;
	/* A worker that never stops talking must not keep us from the rest. */
	while (got >= 0 && n++ < MESSAGES_A_TURN &&
	       (got = message_receive(keeper->child.fd, &message, NULL)) > 0) {
		keeper->child.heard_ns = clock_mono_ns();
		on_message(keeper, &message);
	}
	if (got < 0)
		uv_poll_stop(poll); /* SIGCHLD says the rest */
}

static void on_child_closed(uv_handle_t *handle)
{
	struct keeper *keeper = handle->data;

	close(keeper->child.fd);
	keeper->child.fd = -1;
	if (keeper->stopping)
		uv_stop(&keeper->loop);
}

static void undo_reload(struct keeper *keeper)
{
	char why[CONF_ERRORS_MAX];
	int err = open_fresh_socket(keeper, &keeper->proven, why);

	log_error("event=reload-undone detail=\"no worker comes up under the new configuration; "
		  "the one before it is back\"");
	keeper->fresh = keeper->proven;
	take_patterns(keeper, &keeper->fresh_patterns, keeper->proven_patterns);
	if (err < 0) {
		log_error("%s", why);
		strcpy(keeper->fresh.control.path, keeper->conf.control.path);
	}
	apply_fresh(keeper);
	keeper->is_unproven = false;
}

static void child_ended(struct keeper *keeper, int status)
{
	struct child *child = &keeper->child;
	uint64_t now = clock_mono_ns();
	bool expected = child->stopping;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : KEEPER_EXIT_INTERNAL;

	child->pid = 0;
	inner_withdraw(keeper->tables);
	uv_close((uv_handle_t *)&child->poll, on_child_closed);
	if (keeper->stopping)
		return;
	if (!expected)
		log_error("event=worker-ended %s=%d restarts=%u",
			  WIFSIGNALED(status) ? "signal" : "code",
			  WIFSIGNALED(status) ? WTERMSIG(status) : code, child->restarts);
	if (!expected && !keeper->was_ready) {
		/* Its own line said why; starting it again would not mend that. */
		keeper->stopping = true;
		keeper->exit_code = code ? code : KEEPER_EXIT_INTERNAL;
		return;
	}
	if (expected || now - child->started_ns > STEADY_NS)
		child->backoff_ns = BACKOFF_MIN_NS;
	else if (child->backoff_ns < BACKOFF_MAX_NS)
		child->backoff_ns *= 2;
	child->restarts += !expected;
	child->due_ns = expected ? now : now + child->backoff_ns;
	if (!expected && !child->ready && keeper->is_unproven && !keeper->has_fresh) {
		undo_reload(keeper);
	} else if (keeper->has_fresh) {
		apply_fresh(keeper);
	}
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct keeper *keeper = handle->data;
	int status;

	if (signum == SIGTERM || signum == SIGINT) {
		quit(keeper, KEEPER_EXIT_OK);
	} else if (signum == SIGHUP) {
		reload(keeper, false);
	} else if (keeper->child.pid &&
		   waitpid(keeper->child.pid, &status, WNOHANG) == keeper->child.pid) {
		child_ended(keeper, status);
	}
}

/* A worker that hangs is as good as a dead one. */
static void watch_child(struct keeper *keeper, uint64_t now)
{
	struct child *child = &keeper->child;

	if (child->pid && child->stopping && now - child->stop_ns > STOP_NS) {
		kill(child->pid, SIGKILL);
	} else if (child->pid && !child->stopping && now - child->heard_ns > SILENCE_NS) {
		log_error("event=worker-silent detail=\"killing it\"");
		child->heard_ns = now;
		kill(child->pid, SIGKILL);
	} else if (!child->pid && child->fd < 0 && !keeper->stopping && now >= child->due_ns) {
		keeper->spawn = true;
		uv_stop(&keeper->loop);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct keeper *keeper = timer->data;

	watch_child(keeper, clock_mono_ns());
	reconcile(keeper);
	check_trigger(keeper);
	say("WATCHDOG=1");
}

/* --- process ------------------------------------------------------------------------- */

static void init_signal(struct keeper *keeper, uv_signal_t *handle, int signum)
{
	uv_signal_init(&keeper->loop, handle);
	handle->data = keeper;
	uv_signal_start(handle, on_signal, signum);
}

static int start_loop(struct keeper *keeper)
{
	int err = uv_loop_init(&keeper->loop);

	if (err < 0)
		return err;
	init_signal(keeper, &keeper->sig_term, SIGTERM);
	init_signal(keeper, &keeper->sig_int, SIGINT);
	init_signal(keeper, &keeper->sig_hup, SIGHUP);
	init_signal(keeper, &keeper->sig_chld, SIGCHLD);
	uv_timer_init(&keeper->loop, &keeper->tick);
	keeper->tick.data = keeper;
	uv_timer_start(&keeper->tick, on_tick, 0, TICK_MS);
	return links_new(&keeper->loop, on_links, keeper, &keeper->links);
}

static void close_handle(uv_handle_t *handle, void *user)
{
	(void)user;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop_loop(struct keeper *keeper)
{
	links_free(keeper->links);
	uv_walk(&keeper->loop, close_handle, NULL);
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	uv_loop_close(&keeper->loop);
}

/* In the worker's process: the keeper's things go, what the worker needs stays. */
static void become_worker(struct keeper *keeper, int fd, struct worker_args *args)
{
	const struct gate_fds *fds = gate_get_fds(keeper->gate);

	open_log(&keeper->conf, "mxgated[worker]");
	uv_loop_fork(&keeper->loop);
	stop_loop(keeper);
	*args = (struct worker_args){
		.conf = &keeper->conf,
		.patterns = keeper->patterns,
		.maps = {.config = fcntl(fds->config, F_DUPFD_CLOEXEC, 3),
			 .lease = fcntl(fds->lease, F_DUPFD_CLOEXEC, 3),
			 .counters = fcntl(fds->counters, F_DUPFD_CLOEXEC, 3),
			 .prefix4 = fcntl(fds->prefix4, F_DUPFD_CLOEXEC, 3),
			 .prefix6 = fcntl(fds->prefix6, F_DUPFD_CLOEXEC, 3),
			 .rollup = fcntl(fds->rollup, F_DUPFD_CLOEXEC, 3),
			 .say = fcntl(fds->say, F_DUPFD_CLOEXEC, 3),
			 .secret = fcntl(fds->secret, F_DUPFD_CLOEXEC, 3),
			 .verdict4 = fcntl(inner_fd(keeper->tables, 4), F_DUPFD_CLOEXEC, 3),
			 .verdict6 = fcntl(inner_fd(keeper->tables, 6), F_DUPFD_CLOEXEC, 3)},
		/* To nobody but the first: after that there are tables that somebody has written.
		 */
		.is_first = inner_is_first(keeper->tables) && !keeper->was_ready,
		.events_fd = fcntl(fds->events, F_DUPFD_CLOEXEC, 3),
		.keeper_fd = fd,
		.listen_fd = keeper->listen_fd,
		.read_gid = keeper->ids.read_gid,
		.change_gid = keeper->ids.change_gid,
		.slots = keeper->slots,
		.trigger = keeper->trigger.info,
		.proof = keeper->proof,
		.keeper_pid = getppid(),
		.restarts = keeper->child.restarts,
		.keeper_started_ns = keeper->started_ns,
	};
	inner_free(keeper->tables);
	keeper->tables = NULL;
	gate_close(keeper->gate);
	keeper->gate = NULL;
	trigger_done(&keeper->trigger);
	close(keeper->lock_fd);
}

static void close_worker_args(struct worker_args *args)
{
	int *fds[] = {&args->maps.config,   &args->maps.lease,   &args->maps.counters,
		      &args->maps.prefix4,  &args->maps.prefix6, &args->maps.rollup,
		      &args->maps.say,      &args->maps.secret,  &args->maps.verdict4,
		      &args->maps.verdict6, &args->events_fd,    &args->keeper_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(*fds[i]);
}

static int run_worker(struct keeper *keeper, int fd, pid_t parent)
{
	struct worker_args args;
	int err, code;

	become_worker(keeper, fd, &args);
	err = spawn_drop_privileges(&keeper->ids, parent, keeper->worker_needs_bpf);
	if (err < 0) {
		log_error("event=worker-cannot-start error=\"%s%s\"",
			  err == -ENOTSUP ? "CAP_BPF is needed before Linux 5.19: add it to "
					    "CapabilityBoundingSet="
					  : "privileges cannot be dropped: ",
			  err == -ENOTSUP ? "" : strerror(-err));
		code = KEEPER_EXIT_OS;
	} else {
		/* The keeper decides: a terminal's Ctrl-C reaches both of us. */
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		code = worker_run(&args);
	}
	close_worker_args(&args);
	free_patterns(keeper);
	return code;
}

/* Forks. True in the worker's process, whose exit code is then in *ret_code. */
static bool spawn_worker(struct keeper *keeper, int *ret_code)
{
	struct child *child = &keeper->child;
	int pair[2], size = 256 * 1024;
	pid_t self = getpid(), pid;

	child->due_ns = clock_mono_ns() + BACKOFF_MAX_NS; /* if anything below fails */
	look_whether_maps_open(keeper);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("event=worker-not-started error=\"%s\"", strerror(errno));
		return false;
	}
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pid = fork();
	if (pid < 0) {
		log_error("event=worker-not-started error=\"%s\"", strerror(errno));
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	if (pid == 0) {
		close(pair[0]);
		*ret_code = run_worker(keeper, pair[1], self);
		return true;
	}
	close(pair[1]);
	child->pid = pid;
	child->fd = pair[0];
	child->ready = child->stopping = false;
	child->started_ns = child->heard_ns = clock_mono_ns();
	uv_poll_init(&keeper->loop, &child->poll, child->fd);
	child->poll.data = keeper;
	uv_poll_start(&child->poll, UV_READABLE, on_child);
	return false;
}

static void stop_gate(struct keeper *keeper)
{
	if (keeper->conf.detach_on_exit)
		slots_detach_all(&keeper->slots);
	else
		log_info("event=gate-left detail=\"detach_on_exit = false: it opens when the lease "
			 "lapses\"");
}

static int open_all(struct keeper *keeper)
{
	int code = open_state(keeper);

	if (code == 0)
		code = open_gate(keeper);
	if (code == 0)
		code = open_trigger(keeper);
	if (code == 0)
		code = open_socket(keeper);
	if (code != 0)
		return code;
	slots_configure(&keeper->slots, &keeper->conf);
	slots_reconcile(&keeper->slots, keeper->gate, false, NULL, NULL);
	return slots_any_usable(&keeper->slots) ? 0 : refuse_start(&keeper->slots);
}

static void close_all(struct keeper *keeper)
{
	free_patterns(keeper);
	trigger_done(&keeper->trigger);
	inner_free(keeper->tables);
	gate_close(keeper->gate);
	if (keeper->listen_fd >= 0) {
		unlink(keeper->conf.control.path);
		close(keeper->listen_fd);
	}
	if (keeper->fresh_fd >= 0) {
		unlink(keeper->fresh.control.path);
		close(keeper->fresh_fd);
	}
	if (keeper->lock_fd >= 0)
		close(keeper->lock_fd);
}

int keeper_run(const char *conf_path, const char *object)
{
	struct keeper keeper = {.conf_path = conf_path,
				.object = object,
				.listen_fd = -1,
				.fresh_fd = -1,
				.lock_fd = -1,
				.child = {.fd = -1, .backoff_ns = BACKOFF_MIN_NS},
				.started_ns = clock_mono_ns()};
	static char errors[CONF_ERRORS_MAX];
	int code;

	if (geteuid() != 0) {
		log_error("mxgated must be started as root: it loads the gate, then its worker "
			  "gives every privilege up");
		return KEEPER_EXIT_NOT_ROOT;
	}
	if (read_conf(&keeper, &keeper.conf, &keeper.patterns, errors) < 0)
		return KEEPER_EXIT_CONFIG;
	open_log(&keeper.conf, "mxgated");
	code = check_files();
	if (code == 0)
		code = open_all(&keeper);
	if (code != 0)
		goto out;
	if (start_loop(&keeper) < 0) {
		log_error("no event loop: out of resources");
		code = KEEPER_EXIT_OS;
		goto out;
	}
	do {
		keeper.spawn = false;
		uv_run(&keeper.loop, UV_RUN_DEFAULT);
		/* Both can come of one turn of the loop; then nobody would end the worker. */
		if (keeper.stopping)
			break;
		if (keeper.spawn && spawn_worker(&keeper, &code))
			return code;
	} while (keeper.spawn);
	stop_loop(&keeper);
	stop_gate(&keeper);
	code = keeper.exit_code;
out:
	close_all(&keeper);
	return code;
}
