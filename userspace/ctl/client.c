// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One connection, one request, one answer; blocking, with a limit on silence.
 * Owns the descriptor and the line buffer for the time of client_call(). What
 * the daemon sends is checked like anybody's input: it may be another release.
 */
#include "ctl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define READ_SIZE 65536
#define UNREACHED                                                                                  \
	"is it running (systemctl status mxgated)? With its socket elsewhere, give --socket PATH"

struct stream {
	int fd;
	int wait_sec; /* silence after which we give up */
	char *buf;
	size_t start; /* of the next line */
	size_t end;
	size_t room;
};

static const struct {
	const char *code;
	int exit;
} errors[] = {
#define X(sym, code, exit) {code, exit},
	CONTROL_ERRORS(X)
#undef X
};

json_t *client_request(const char *cmd)
{
	return json_pack("{s:i, s:s}", "v", CONTROL_VERSION, "cmd", cmd);
}

static int dial(struct ctl *ctl, int wait_sec, int *ret_fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = wait_sec};
	const char *path = ctl->socket_path;
	int fd;

	if (!*path || strlen(path) >= sizeof(sun.sun_path))
		return ctl_fail(ctl, CTL_EXIT_DATA,
				"give --socket the path that control { path } has",
				"the socket path \"%s\" does not have 1 to %zu characters", path,
				sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ctl_fail(ctl, CTL_EXIT_INTERNAL, NULL, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0) {
		*ret_fd = fd;
		return 0;
	}
	close(fd);
	if (errno == EACCES)
		return ctl_fail(ctl, CTL_EXIT_DENIED, "try it as root",
				"the socket %s is out of your reach: %s", path, strerror(errno));
	return ctl_fail(ctl, CTL_EXIT_UNAVAILABLE, UNREACHED, "cannot reach mxgated at %s: %s",
			path, strerror(errno));
}

/* A daemon that has cut us already may have said why: failure to send is no end. */
static int send_request(struct ctl *ctl, int fd, const json_t *request)
{
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	size_t sent = 0;
	ssize_t n = 0;

	if (!text)
		return ctl_fail(ctl, CTL_EXIT_INTERNAL, NULL, "out of memory");
	if (len + 1 > CONTROL_LINE_MAX) {
		free(text);
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "the request is too long");
	}
	text[len++] = '\n'; /* in the place of the NUL */
	while (sent < len && (n = send(fd, text + sent, len - sent, MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	free(text);
	return 0;
}

static int make_room(struct stream *stream)
{
	char *buf;

	if (stream->start > 0)
		memmove(stream->buf, stream->buf + stream->start, stream->end - stream->start);
	stream->end -= stream->start;
	stream->start = 0;
	if (stream->room - stream->end >= READ_SIZE)
		return 0;
	if (stream->end > CLIENT_LINE_MAX)
		return -EMSGSIZE;
	buf = realloc(stream->buf, stream->end + 2 * READ_SIZE);
	if (!buf)
		return -ENOMEM;
	stream->buf = buf;
	stream->room = stream->end + 2 * READ_SIZE;
	return 0;
}

/* The next line, without its newline. 0, -ENODATA at the end, or -errno. */
static int next_line(struct stream *stream, const char **ret, size_t *ret_len)
{
	size_t scanned = stream->start;

	for (;;) {
		char *end = stream->end > scanned
				    ? memchr(stream->buf + scanned, '\n', stream->end - scanned)
				    : NULL;
		ssize_t n;
		int r;

		if (end) {
			*ret = stream->buf + stream->start;
			*ret_len = (size_t)(end - *ret);
			stream->start += *ret_len + 1;
			return 0;
		}
		r = make_room(stream);
		if (r)
			return r;
		scanned = stream->end;
		n = recv(stream->fd, stream->buf + stream->end, READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? -ENODATA : -errno;
		stream->end += (size_t)n;
	}
}

static int refused(struct ctl *ctl, const json_t *error)
{
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *hint = json_string_value(json_object_get(error, "hint"));
	int exit_code = CTL_EXIT_INTERNAL;

	for (size_t i = 0; code && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(code, errors[i].code) == 0)
			exit_code = errors[i].exit;
	ctl->out->error(ctl, code ? code : "internal",
			message ? message : "mxgated refused without a reason", hint);
	return exit_code;
}

/* -1: it was an item and there is more to come; else the exit code of the whole. */
static int take_line(struct ctl *ctl, const json_t *line,
		     void (*on_item)(struct ctl *, const json_t *), json_t **ret)
{
	const json_t *item = json_object_get(line, "item");
	const json_t *ok = json_object_get(line, "ok");

	if (item) {
		if (on_item)
			on_item(ctl, item);
		return -1;
	}
	if (json_is_true(ok)) {
		if (ret)
			*ret = json_incref(json_object_get(line, "result"));
		return 0;
	}
	if (json_is_false(ok))
		return refused(ctl, json_object_get(line, "error"));
	return ctl_fail(ctl, CTL_EXIT_INTERNAL, "use mxgate and mxgated of the same release",
			"mxgated answered what this mxgate does not understand");
}

static int receive(struct ctl *ctl, struct stream *stream,
		   void (*on_item)(struct ctl *, const json_t *), json_t **ret)
{
	int code = -1;

	while (code < 0) {
		const char *text = NULL;
		size_t len = 0;
		json_t *line;
		int r = next_line(stream, &text, &len);

		if (r == -ENODATA)
			return ctl_fail(
				ctl, CTL_EXIT_UNAVAILABLE,
				"see what it logged: journalctl -u mxgated",
				"mxgated closed the connection before its answer was whole");
		if (r == -EAGAIN)
			return ctl_fail(ctl, CTL_EXIT_UNAVAILABLE,
					"see what it logs: journalctl -u mxgated",
					"mxgated has not answered for %d s", stream->wait_sec);
		if (r)
			return ctl_fail(ctl, CTL_EXIT_IO, NULL, "reading from mxgated: %s",
					strerror(-r));
		line = json_loadb(text, len, 0, NULL);
		code = take_line(ctl, line, on_item, ret);
		json_decref(line);
	}
	return code;
}

int client_call(struct ctl *ctl, json_t *request, void (*on_item)(struct ctl *, const json_t *),
		json_t **ret)
{
	struct stream stream = {
		.fd = -1,
		.wait_sec = ctl->command->waits_for_dns ? CLIENT_DNS_SEC : CLIENT_WAIT_SEC,
	};
	int code = dial(ctl, stream.wait_sec, &stream.fd);

	if (!code)
		code = send_request(ctl, stream.fd, request);
	if (!code)
		code = receive(ctl, &stream, on_item, ret);
	if (stream.fd >= 0)
		close(stream.fd);
	free(stream.buf);
	json_decref(request);
	return code;
}
