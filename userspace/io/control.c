// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Owns the control socket's connections, their buffers and their timers.
 *
 * A client is in one of three states: sending a line (its timer bounds that),
 * waiting for the callback's reply (no timer: that is the daemon's time), or
 * reading an answer (the timer restarts with each write that the kernel takes).
 * One request per client is with the callback; what a client pipelines waits in
 * its buffer, and when that is full it is not read from.
 *
 * A client lives until its handles are closed and its request is answered, so a
 * request can outlive its connection and the server. Refuses to know what
 * commands mean, and to ask a directory service who somebody is.
 */
#include "io/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define BACKLOG      64
#define ACCEPT_BATCH 16
#define WHO_MAX      64
#define GROUPS_MAX   1024 /* of a peer in more groups only the primary one counts */
#define GROUP_TEXT   40
#define MESSAGE_MAX  512
#define DUMP_FLAGS   (JSON_COMPACT | JSON_ENSURE_ASCII)

struct client;

struct peer {
	uid_t uid;
	bool may_read;
	bool may_change;
};

struct control_request {
	struct client *client;
	json_t *args;
	enum control_command command;
	void (*on_drain)(struct control_request *request, void *user);
	void *drain_user;
};

struct write {
	uv_write_t req;
	struct client *client;
	char *text;
};

struct client {
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct control *control; /* NULL once that is gone */
	struct client *next;
	struct control_request *request; /* with the callback, or NULL */
	unsigned int writes;             /* under way */
	uint8_t handles;                 /* not yet closed */
	bool gone;                       /* the connection is closed or being closed */
	bool eof;                        /* it will send no more */
	bool is_reading;
	bool in_line;   /* the timer runs from a line's first byte */
	bool cut_after; /* close when what is written has left */
	struct peer peer;
	char who[WHO_MAX]; /* "" until somebody asks */
	uint32_t idle_ms;
	size_t in_len;
	char in[CONTROL_LINE_MAX];
};

struct control {
	uv_loop_t *loop;
	uv_poll_t listener;
	int listen_fd; /* our duplicate */
	int spare_fd;  /* given up to accept and turn away when descriptors run out */
	struct control_conf conf;
	char read_group[GROUP_TEXT];
	char change_group[GROUP_TEXT];
	control_request_fn on_request;
	void *user;
	struct client *clients;
	unsigned int client_count;
};

static const struct {
	const char *name;
	enum control_access access;
} commands[] = {
#define X(sym, name, access) {name, access},
	CONTROL_COMMANDS(X)
#undef X
};

static const char *const error_codes[] = {
#define X(sym, code, exit) code,
	CONTROL_ERRORS(X)
#undef X
};

static void client_advance(struct client *client);

/* --- who is it ---------------------------------------------------------------- */

/* Reads the file itself: getpwuid() could wait for a network. */
static void who_format(uid_t uid, char buf[static WHO_MAX])
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;
	char name[33];

	snprintf(buf, WHO_MAX, "uid=%u", (unsigned int)uid);
	while (file && (entry = fgetpwent(file))) {
		if (entry->pw_uid != uid)
			continue;
		text_escape(entry->pw_name, strlen(entry->pw_name), name, sizeof(name));
		snprintf(buf, WHO_MAX, "uid=%u(%s)", (unsigned int)uid, name);
		break;
	}
	if (file)
		fclose(file);
}

static void group_format(gid_t gid, char buf[static GROUP_TEXT])
{
	FILE *file = gid == (gid_t)-1 ? NULL : fopen("/etc/group", "re");
	struct group *entry;

	snprintf(buf, GROUP_TEXT, "%u", (unsigned int)gid);
	while (file && (entry = fgetgrent(file))) {
		if (entry->gr_gid != gid)
			continue;
		text_escape(entry->gr_name, strlen(entry->gr_name), buf, GROUP_TEXT);
		break;
	}
	if (file)
		fclose(file);
}

static bool is_in_group(int fd, const struct ucred *cred, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (gid == (gid_t)-1)
		return false;
	if (cred->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Decided once, by the credentials at connect time. 0 or -errno. */
static int peer_identify(const struct control *control, int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return -errno;
	ret->uid = cred.uid;
	ret->may_change = cred.uid == 0 || is_in_group(fd, &cred, control->conf.change_gid);
	ret->may_read = ret->may_change || is_in_group(fd, &cred, control->conf.read_gid);
	return 0;
}

static void denied_hint(const struct control *control, enum control_access access,
			char buf[static MESSAGE_MAX])
{
	bool reads = access == CONTROL_READ && control->conf.read_gid != (gid_t)-1;
	gid_t gid = reads ? control->conf.read_gid : control->conf.change_gid;

	if (gid == (gid_t)-1)
		snprintf(buf, MESSAGE_MAX, "run it as root: no group is configured for this");
	else
		snprintf(buf, MESSAGE_MAX, "join the group %s and log in again, or run it as root",
			 reads ? control->read_group : control->change_group);
}

/* --- the life of a client ----------------------------------------------------- */

static void client_release(struct client *client)
{
	if (client->handles || client->request || client->writes)
		return;
	free(client);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->handles--;
	client_release(client);
}

static void client_unlink(struct client *client)
{
	struct client **link;

	if (!client->control)
		return;
	for (link = &client->control->clients; *link != client; link = &(*link)->next)
		;
	*link = client->next;
	client->control->client_count--;
	client->control = NULL;
}

/* The timer stays while a request is out: it delivers that one's drain call. */
static void client_close_timer(struct client *client)
{
	if (!client->request && !uv_is_closing((uv_handle_t *)&client->timer))
		uv_close((uv_handle_t *)&client->timer, on_handle_closed);
}

static void on_drain_due(uv_timer_t *timer)
{
	struct client *client = timer->data;
	struct control_request *request = client->request;
	void (*fn)(struct control_request *, void *) = request ? request->on_drain : NULL;

	if (!fn)
		return;
	request->on_drain = NULL;
	fn(request, request->drain_user);
}

static void client_cut(struct client *client)
{
	if (client->gone)
		return;
	client->gone = true;
	client_unlink(client);
	uv_timer_stop(&client->timer);
	uv_close((uv_handle_t *)&client->pipe, on_handle_closed);
	if (client->request && client->request->on_drain)
		uv_timer_start(&client->timer, on_drain_due, 0, 0);
	client_close_timer(client);
}

static void on_idle(uv_timer_t *timer)
{
	client_cut(timer->data);
}

static void client_watch(struct client *client)
{
	uv_timer_start(&client->timer, on_idle, client->idle_ms, 0);
}

/* --- answers ------------------------------------------------------------------ */

static void on_written(uv_write_t *req, int status)
{
	struct write *write = (struct write *)req->data;
	struct client *client = write->client;

	free(write->text);
	free(write);
	client->writes--;
	if (client->gone) {
		client_release(client);
		return;
	}
	if (status < 0) {
		client_cut(client);
		return;
	}
	if (client->writes) {
		client_watch(client);
		return;
	}
	uv_timer_stop(&client->timer);
	if (client->request && client->request->on_drain)
		uv_timer_start(&client->timer, on_drain_due, 0, 0);
	client_advance(client);
}

/* Takes text, which ends in a newline. */
static void client_write(struct client *client, char *text, size_t len)
{
	struct write *write = calloc(1, sizeof(*write));
	uv_buf_t buf = uv_buf_init(text, (unsigned int)len);

	if (!write) {
		free(text);
		client_cut(client);
		return;
	}
	write->req.data = write;
	write->client = client;
	write->text = text;
	if (uv_write(&write->req, (uv_stream_t *)&client->pipe, &buf, 1, on_written)) {
		free(text);
		free(write);
		client_cut(client);
		return;
	}
	if (client->writes++ == 0)
		client_watch(client);
	if (uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe) > CONTROL_QUEUE_MAX)
		client_cut(client);
}

/* Steals object; an object that cannot be written cuts the client. */
static void client_send(struct client *client, json_t *object)
{
	size_t len = 0;
	char *text = NULL;

	if (client->gone)
		goto out;
	len = object ? json_dumpb(object, NULL, 0, DUMP_FLAGS) : 0;
	text = len ? malloc(len + 1) : NULL;
	if (!text) {
		client_cut(client);
		goto out;
	}
	json_dumpb(object, text, len, DUMP_FLAGS);
	text[len] = '\n';
	client_write(client, text, len + 1);
out:
	json_decref(object);
}

/* A message may hold what somebody typed, cut anywhere: only ASCII is sure to be JSON. */
static json_t *plain_string(const char *text)
{
	char buf[MESSAGE_MAX];
	size_t i;

	for (i = 0; i < sizeof(buf) - 1 && text[i]; i++)
		buf[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	buf[i] = '\0';
	return json_string(buf);
}

static json_t *error_object(enum control_error error, const char *message, const char *hint)
{
	json_t *body = json_pack("{s:s, s:o}", "code", error_codes[error], "message",
				 plain_string(message));

	if (hint && body)
		json_object_set_new(body, "hint", plain_string(hint));
	return json_pack("{s:b, s:o}", "ok", 0, "error", body);
}

static void client_refuse(struct client *client, enum control_error error, const char *hint,
			  const char *message)
{
	client_send(client, error_object(error, message, hint));
}

static const char *client_who(struct client *client)
{
	if (!client->who[0])
		who_format(client->peer.uid, client->who);
	return client->who;
}

/* --- requests ----------------------------------------------------------------- */

static int find_command(const char *name, enum control_command *ret)
{
	for (unsigned int i = 0; name && i < CONTROL_CMD_MAX; i++) {
		if (strcmp(name, commands[i].name) == 0) {
			*ret = (enum control_command)i;
			return 0;
		}
	}
	return -ENOENT;
}

static void refuse_unknown(struct client *client, const json_t *cmd)
{
	char name[40];
	char message[MESSAGE_MAX];
	const char *text = json_is_string(cmd) ? json_string_value(cmd) : "";

	text_escape(text, strlen(text), name, sizeof(name));
	snprintf(message, sizeof(message), "there is no command \"%s\"", name);
	client_refuse(client, CONTROL_ERR_USAGE, NULL, message);
}

static void refuse_change(struct client *client)
{
	char hint[MESSAGE_MAX];
	char message[MESSAGE_MAX];

	denied_hint(client->control, CONTROL_CHANGE, hint);
	snprintf(message, sizeof(message), "%s may read, but not change anything",
		 client_who(client));
	client_refuse(client, CONTROL_ERR_DENIED, hint, message);
}

/* Checks what is common to all requests. False after it has refused. */
static bool request_check(struct client *client, const json_t *args, enum control_command *ret)
{
	const json_t *cmd = json_object_get(args, "cmd");

	if (json_integer_value(json_object_get(args, "v")) != CONTROL_VERSION) {
		client_refuse(client, CONTROL_ERR_USAGE,
			      "use mxgate and mxgated of the same release",
			      "the request is not of a protocol version that is spoken here");
		return false;
	}
	if (find_command(json_string_value(cmd), ret)) {
		refuse_unknown(client, cmd);
		return false;
	}
	if (commands[*ret].access == CONTROL_CHANGE && !client->peer.may_change) {
		refuse_change(client);
		return false;
	}
	return true;
}

/* Steals args. */
static void request_start(struct client *client, json_t *args, enum control_command command)
{
	struct control *control = client->control;
	struct control_request *request = calloc(1, sizeof(*request));

	if (!request) {
		json_decref(args);
		client_cut(client);
		return;
	}
	request->client = client;
	request->args = args;
	request->command = command;
	client->request = request;
	uv_timer_stop(&client->timer);
	control->on_request(request, control->user);
}

static void client_line(struct client *client, const char *line, size_t len)
{
	enum control_command command = CONTROL_CMD_MAX;
	json_t *args = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	client->in_line = false;
	if (!json_is_object(args))
		client_refuse(client, CONTROL_ERR_USAGE, NULL,
			      "a request is one JSON object on one line");
	else if (request_check(client, args, &command))
		request_start(client, json_incref(args), command);
	json_decref(args);
}

/* No whole line is there: wait for the rest, or refuse what cannot become one. */
static void client_partial(struct client *client)
{
	if (client->in_len < sizeof(client->in) && !client->eof) {
		if (!client->in_line)
			client_watch(client);
		client->in_line = client->in_len > 0;
		return;
	}
	if (client->in_len == 0) {
		client_cut(client);
		return;
	}
	client->cut_after = true;
	client_refuse(client, CONTROL_ERR_USAGE, NULL,
		      client->eof ? "the connection ended within a request"
				  : "the request is too long");
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)suggested;
	*buf = uv_buf_init(client->in + client->in_len,
			   (unsigned int)(sizeof(client->in) - client->in_len));
}

/* True when the peer has closed its socket, not just shut down its sending side. */
static bool is_hung_up(const struct client *client)
{
	struct pollfd poll_fd = {.events = 0};

	if (uv_fileno((const uv_handle_t *)&client->pipe, &poll_fd.fd))
		return true;
	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
}

static void client_read_stop(struct client *client)
{
	uv_read_stop((uv_stream_t *)&client->pipe);
	client->is_reading = false;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	(void)buf;
	if (got > 0) {
		client->in_len += (size_t)got;
		client_advance(client);
	} else if (got == UV_ENOBUFS) {
		client_read_stop(client); /* full of what is pipelined */
	} else if (got == UV_EOF && !is_hung_up(client)) {
		client->eof = true;
		client_read_stop(client);
		client_advance(client);
	} else if (got < 0) {
		client_cut(client);
	}
}

static void client_read_start(struct client *client)
{
	if (client->is_reading || client->eof)
		return;
	if (uv_read_start((uv_stream_t *)&client->pipe, on_buffer, on_read))
		client_cut(client);
	else
		client->is_reading = true;
}

/* Goes on with the next line, if there is one and its turn has come. */
static void client_advance(struct client *client)
{
	char line[CONTROL_LINE_MAX];
	char *end;
	size_t len;

	if (client->gone || client->request || client->writes)
		return;
	if (client->cut_after) {
		client_cut(client);
		return;
	}
	end = memchr(client->in, '\n', client->in_len);
	if (!end) {
		client_partial(client);
		return;
	}
	len = (size_t)(end - client->in);
	memcpy(line, client->in, len);
	client->in_len -= len + 1;
	memmove(client->in, end + 1, client->in_len);
	client_read_start(client);
	if (!client->gone)
		client_line(client, line, len);
}

/* --- accepting ---------------------------------------------------------------- */

/* One error line to a peer that gets no connection. What it sends is not read. */
static void turn_away(int fd, enum control_error error, const char *hint, const char *message)
{
	json_t *object = error_object(error, message, hint);
	char line[2 * MESSAGE_MAX];
	size_t len = object ? json_dumpb(object, line, sizeof(line) - 1, DUMP_FLAGS) : 0;

	if (len && len < sizeof(line)) {
		line[len] = '\n';
		send(fd, line, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	json_decref(object);
	close(fd);
}

static bool is_full(const struct control *control, const struct peer *peer)
{
	unsigned int same = 0;

	if (peer->uid == 0)
		return control->client_count >= control->conf.clients_max + CONTROL_ROOT_ROOM;
	for (const struct client *c = control->clients; c; c = c->next)
		same += c->peer.uid == peer->uid;
	return same >= control->conf.per_uid_max ||
	       control->client_count >= control->conf.clients_max;
}

/* Takes fd. */
static void client_new(struct control *control, int fd, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->peer = *peer;
	client->idle_ms = control->conf.idle_ms;
	client->pipe.data = client;
	client->timer.data = client;
	uv_timer_init(control->loop, &client->timer);
	uv_pipe_init(control->loop, &client->pipe, 0);
	client->handles = 2;
	client->control = control;
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
	if (uv_pipe_open(&client->pipe, fd)) {
		close(fd);
		client_cut(client);
		return;
	}
	client_watch(client);
	client_read_start(client);
}

/* Takes fd. */
static void admit(struct control *control, int fd)
{
	struct peer peer = {0};
	char hint[MESSAGE_MAX];

	if (peer_identify(control, fd, &peer)) {
		close(fd);
	} else if (!peer.may_read) {
		denied_hint(control, CONTROL_READ, hint);
		turn_away(fd, CONTROL_ERR_DENIED, hint, "you may not talk to mxgated");
	} else if (is_full(control, &peer)) {
		turn_away(fd, CONTROL_ERR_BUSY, "try again in a moment",
			  "too many connections to mxgated");
	} else {
		client_new(control, fd, &peer);
	}
}

/* Without a descriptor the peer would wait and wake us for ever: take it on the spare one. */
static void shed(struct control *control)
{
	int fd;

	log_warn("event=control-descriptors hint=\"raise LimitNOFILE\"");
	close(control->spare_fd);
	fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		turn_away(fd, CONTROL_ERR_BUSY, "try again in a moment",
			  "mxgated has run out of file descriptors");
	control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_poll_t *poll_handle, int status, int events)
{
	struct control *control = poll_handle->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			admit(control, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			shed(control);
		return;
	}
}

/* --- the socket --------------------------------------------------------------- */

/* 0 when path is free to bind, after removing a socket that nobody listens on. */
static int remove_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd;
	int r;

	if (lstat(sun->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ? -errno : 0;
	close(fd);
	if (r != -ECONNREFUSED)
		return r == 0 || r == -EAGAIN ? -EADDRINUSE : r;
	return unlink(sun->sun_path) && errno != ENOENT ? -errno : 0;
}

#define PATH_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

/* The directory above, as the path has it; false if that is none that could be made. */
static bool parent_of(const char *path, char ret[static PATH_ROOM])
{
	char *slash;

	snprintf(ret, PATH_ROOM, "%s", path);
	slash = strrchr(ret, '/');
	if (!slash || slash == ret)
		return false;
	*slash = '\0';
	return true;
}

static int make_parent(const char *path)
{
	char dir[PATH_ROOM];

	if (!parent_of(path, dir))
		return 0;
	if (mkdir(dir, 0755))
		return errno == EEXIST ? 0 : -errno;
	return chmod(dir, 0755) ? -errno : 0; /* whatever the umask was */
}

int control_check(const char *path)
{
	char dir[PATH_ROOM];
	struct stat st;
	int r;

	if (lstat(path, &st) == 0)
		return S_ISSOCK(st.st_mode) ? 0 : -EEXIST;
	r = file_check_parent(path);
	/* That level is made. */
	return r == -ENOENT && parent_of(path, dir) ? file_check_parent(dir) : r;
}

int control_listen(const char *path, int *ret_fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = -1;
	int r;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path));
	r = make_parent(path);
	if (r)
		return r;
	r = remove_stale(&sun);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		r = -errno;
		close(fd);
		return r;
	}
	if (chmod(path, 0666) || listen(fd, BACKLOG)) {
		r = -errno;
		unlink(path);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* --- the server --------------------------------------------------------------- */

static void conf_fill(struct control *control, const struct control_conf *conf)
{
	control->conf = *conf;
	if (!conf->idle_ms)
		control->conf.idle_ms = CONTROL_IDLE_SEC * 1000;
	if (!conf->clients_max)
		control->conf.clients_max = CONTROL_CLIENTS_MAX;
	if (!conf->per_uid_max)
		control->conf.per_uid_max = CONTROL_PER_UID_MAX;
	group_format(conf->read_gid, control->read_group);
	group_format(conf->change_gid, control->change_group);
}

static void control_dispose(struct control *control)
{
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->spare_fd >= 0)
		close(control->spare_fd);
	free(control);
}

static void on_listener_closed(uv_handle_t *handle)
{
	control_dispose(handle->data);
}

int control_new(uv_loop_t *loop, int listen_fd, const struct control_conf *conf,
		control_request_fn on_request, void *user, struct control **ret)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error code, not a death */
	control->loop = loop;
	control->on_request = on_request;
	control->user = user;
	conf_fill(control, conf);
	control->listen_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
	control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r = control->listen_fd < 0 || control->spare_fd < 0 ? -errno : 0;
	if (!r)
		r = uv_poll_init(loop, &control->listener, control->listen_fd);
	if (r) {
		control_dispose(control);
		return r;
	}
	control->listener.data = control;
	r = uv_poll_start(&control->listener, UV_READABLE, on_connection);
	if (r) {
		uv_close((uv_handle_t *)&control->listener, on_listener_closed);
		return r;
	}
	*ret = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		client_cut(control->clients);
	uv_close((uv_handle_t *)&control->listener, on_listener_closed);
}

unsigned int control_clients(const struct control *control)
{
	return control->client_count;
}

/* --- what a callback may do with its request ---------------------------------- */

enum control_command control_request_command(const struct control_request *request)
{
	return request->command;
}

const json_t *control_request_args(const struct control_request *request)
{
	return request->args;
}

const char *control_request_string(const struct control_request *request, const char *key)
{
	return json_string_value(json_object_get(request->args, key));
}

const char *control_request_who(const struct control_request *request)
{
	return client_who(request->client);
}

bool control_request_is_gone(const struct control_request *request)
{
	return request->client->gone;
}

int control_reply_item(struct control_request *request, json_t *item)
{
	struct client *client = request->client;

	client_send(client, json_pack("{s:o}", "item", item));
	if (client->gone)
		return 0;
	return uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe) > CONTROL_QUEUE_HIGH
		       ? -EAGAIN
		       : 0;
}

void control_request_on_drain(struct control_request *request,
			      void (*fn)(struct control_request *request, void *user), void *user)
{
	struct client *client = request->client;

	request->on_drain = fn;
	request->drain_user = user;
	/* Not at once: libuv before 1.45 would see to nothing else until fn is through. */
	if (client->gone || !client->writes)
		uv_timer_start(&client->timer, on_drain_due, 1, 0);
}

/* Steals last. */
static void request_finish(struct control_request *request, json_t *last)
{
	struct client *client = request->client;

	client->request = NULL;
	json_decref(request->args);
	free(request);
	client_send(client, last);
	if (client->gone)
		client_close_timer(client);
}

void control_reply_ok(struct control_request *request, json_t *result)
{
	request_finish(request,
		       json_pack("{s:b, s:o}", "ok", 1, "result", result ? result : json_object()));
}

void control_reply_error(struct control_request *request, enum control_error error,
			 const char *hint, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	request_finish(request, error_object(error, message, hint));
}
