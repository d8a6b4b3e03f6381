/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A name server that does what a script says, above all what no honest one does.
 * Tests put it where an authoritative server or a resolver is asked.
 *
 * One thread, epoll. A query that is dropped costs nothing, one that is delayed an
 * entry in a heap, so tens of thousands may hang. It trusts nobody and yet is a tool
 * for tests only: it listens where it is told and has no limits of its own.
 *
 *   hostile -l ADDR[:PORT] [-l ...] [-c COUNTS] SCRIPT
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "reply.h"

#define DNS_PORT    53
#define LISTEN_MAX  64
#define FD_MAX      65536
#define RCVBUF      (8 << 20)
#define BURST       256 /* datagrams read before anybody else has a turn */
#define NS_PER_MS   1000000ULL
#define PATIENCE_MS 1000 /* for an asker that does not read over TCP */
#define MSG_SIZE    65537

enum kind {
	KIND_NONE,
	KIND_UDP,
	KIND_LISTEN,
	KIND_TCP,
};

/* What an open descriptor is; found by its number. */
struct handle {
	enum kind kind;
	struct addr at;
	int other_fd;    /* UDP: the socket whose port nobody asked */
	uint32_t number; /* TCP: tells this connection from the next one on the same fd */
	uint8_t *in;
	size_t in_len;
};

struct pending {
	uint64_t due_ns;
	uint64_t order;
	int fd;
	uint32_t number;
	bool closes;
	struct sockaddr_storage to;
	socklen_t to_len;
	size_t len;
	uint8_t bytes[];
};

struct count {
	char key[NS_MAXDNAME + 24]; /* "name TYPE" */
	uint32_t count;
	UT_hash_handle hh;
};

static struct {
	const char *script_path, *counts_path;
	struct script *script;
	struct count *counts;
	int epoll_fd, signal_fd;
	uint32_t connections;
	struct pending **heap;
	size_t heap_len, heap_room;
	uint64_t order;
	bool stop;
} server;

static struct handle handles[FD_MAX];

/* --- counts --------------------------------------------------------------------------------- */

/* How often this was asked, this time included. */
static uint32_t count_query(const struct script_query *query)
{
	struct count *count;
	char key[sizeof(count->key)], type[16];

	snprintf(key, sizeof(key), "%s %s", query->name[0] ? query->name : ".",
		 script_type_name(query->type, type));
	HASH_FIND_STR(server.counts, key, count);
	if (!count) {
		count = calloc(1, sizeof(*count));
		if (!count)
			return 1;
		strcpy(count->key, key);
		HASH_ADD_STR(server.counts, key, count);
	}
	return ++count->count;
}

static void forget_counts(void)
{
	struct count *count = server.counts, *next;

	HASH_CLEAR(hh, server.counts);
	for (; count; count = next) {
		next = count->hh.next;
		free(count);
	}
}

/* Whole or not at all, so that a reader needs no lock. */
static void write_counts(void)
{
	char path[4096];
	struct count *count;
	FILE *file;

	if (!server.counts_path)
		return;
	snprintf(path, sizeof(path), "%s.new", server.counts_path);
	file = fopen(path, "we");
	if (!file) {
		fprintf(stderr, "hostile: %s: %s\n", path, strerror(errno));
		return;
	}
	for (count = server.counts; count; count = count->hh.next)
		fprintf(file, "%s %u\n", count->key, count->count);
	if (fclose(file) != 0 || rename(path, server.counts_path) != 0)
		fprintf(stderr, "hostile: %s: %s\n", server.counts_path, strerror(errno));
}

/* --- what waits ----------------------------------------------------------------------------- */

static bool is_before(const struct pending *a, const struct pending *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static bool heap_put(struct pending *pending)
{
	size_t at = server.heap_len, up;
	struct pending **heap;

	if (at == server.heap_room) {
		server.heap_room = at ? 2 * at : 1024;
		heap = realloc(server.heap, server.heap_room * sizeof(struct pending *));
		if (!heap)
			return false;
		server.heap = heap;
	}
	server.heap_len++;
	for (; at > 0 && is_before(pending, server.heap[up = (at - 1) / 2]); at = up)
		server.heap[at] = server.heap[up];
	server.heap[at] = pending;
	return true;
}

static struct pending *heap_take(void)
{
	struct pending *first = server.heap[0], *last = server.heap[--server.heap_len];
	size_t at = 0, down;

	while ((down = 2 * at + 1) < server.heap_len) {
		if (down + 1 < server.heap_len &&
		    is_before(server.heap[down + 1], server.heap[down]))
			down++;
		if (!is_before(server.heap[down], last))
			break;
		server.heap[at] = server.heap[down];
		at = down;
	}
	server.heap[at] = last;
	return first;
}

/* --- sending -------------------------------------------------------------------------------- */

static void tcp_close(int fd)
{
	free(handles[fd].in);
	memset(&handles[fd], 0, sizeof(handles[fd]));
	close(fd);
}

static bool tcp_send(int fd, const uint8_t *bytes, size_t len)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	ssize_t sent;

	while (len > 0) {
		sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN && poll(&wait, 1, PATIENCE_MS) == 1)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

static void deliver(const struct pending *pending)
{
	struct handle *handle = &handles[pending->fd];

	if (handle->kind != KIND_TCP) {
		/* What cannot be sent is lost, as on any network. */
		sendto(pending->fd, pending->bytes, pending->len, MSG_NOSIGNAL,
		       (const struct sockaddr *)&pending->to, pending->to_len);
		return;
	}
	if (handle->number != pending->number)
		return;
	if (!tcp_send(pending->fd, pending->bytes, pending->len) || pending->closes)
		tcp_close(pending->fd);
}

static void deliver_due(void)
{
	uint64_t now_ns = clock_mono_ns();
	struct pending *pending;

	while (server.heap_len > 0 && server.heap[0]->due_ns <= now_ns) {
		pending = heap_take();
		deliver(pending);
		free(pending);
	}
}

/* --- answering ------------------------------------------------------------------------------ */

static struct pending *pending_new(const struct script_rule *rule, const struct reply *reply,
				   bool is_tcp)
{
	size_t len = reply->len, prefix = is_tcp ? 2 : 0;
	struct pending *pending;

	if (rule && rule->cut < len)
		len = rule->cut;
	if (rule && rule->close)
		len = prefix = 0;
	pending = calloc(1, sizeof(*pending) + prefix + len);
	if (!pending)
		return NULL;
	if (prefix) {
		pending->bytes[0] = (uint8_t)(reply->len >> 8);
		pending->bytes[1] = (uint8_t)reply->len;
	}
	memcpy(pending->bytes + prefix, reply->bytes, len);
	pending->len = prefix + len;
	pending->closes = rule && (rule->close || rule->cut != SCRIPT_ANY);
	return pending;
}

/* Answers one query that came on fd; to is NULL for TCP. */
static void answer(int fd, const uint8_t *msg, size_t len, const struct sockaddr_storage *to,
		   socklen_t to_len)
{
	static struct reply reply;
	struct script_query query = {.is_tcp = !to, .at = handles[fd].at};
	const struct script_rule *rule;
	struct pending *pending;

	if (!reply_read_query(msg, len, &query))
		return;
	query.seen = count_query(&query);
	rule = script_find(server.script, &query);
	if (rule && (rule->drop || (rule->close && to)))
		return;
	if (!reply_write(rule, &query, msg, len, &reply) ||
	    !(pending = pending_new(rule, &reply, !to)))
		return;
	pending->fd = rule && rule->wrong_source && to ? handles[fd].other_fd : fd;
	pending->number = handles[fd].number;
	pending->order = server.order++;
	if (to) {
		pending->to = *to;
		pending->to_len = to_len;
	}
	if (rule && rule->delay_ms > 0) {
		pending->due_ns = clock_mono_ns() + rule->delay_ms * NS_PER_MS;
		if (heap_put(pending))
			return;
	} else {
		deliver(pending);
	}
	free(pending);
}

static void on_udp(int fd)
{
	static uint8_t msg[MSG_SIZE];
	struct sockaddr_storage from;
	socklen_t from_len;
	ssize_t len;

	for (unsigned int i = 0; i < BURST; i++) {
		from_len = sizeof(from);
		len = recvfrom(fd, msg, sizeof(msg), MSG_DONTWAIT, (struct sockaddr *)&from,
			       &from_len);
		if (len < 0)
			return;
		answer(fd, msg, (size_t)len, &from, from_len);
	}
}

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void on_listen(int fd)
{
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (conn < 0)
		return;
	if (conn >= FD_MAX || !(handles[conn].in = malloc(MSG_SIZE))) {
		close(conn);
		return;
	}
	handles[conn].kind = KIND_TCP;
	handles[conn].at = handles[fd].at;
	handles[conn].number = ++server.connections;
	handles[conn].in_len = 0;
	watch(conn);
}

static void on_tcp(int fd)
{
	struct handle *handle = &handles[fd];
	uint32_t number = handle->number;
	ssize_t got = recv(fd, handle->in + handle->in_len, MSG_SIZE - handle->in_len, 0);
	size_t len;

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			tcp_close(fd);
		return;
	}
	handle->in_len += (size_t)got;
	while (handle->in_len >= 2) {
		len = (size_t)handle->in[0] << 8 | handle->in[1];
		if (handle->in_len < len + 2)
			return;
		answer(fd, handle->in + 2, len, NULL, 0);
		if (handle->kind != KIND_TCP || handle->number != number)
			return; /* the answer closed it */
		handle->in_len -= len + 2;
		memmove(handle->in, handle->in + len + 2, handle->in_len);
	}
}

/* --- signals -------------------------------------------------------------------------------- */

/* An unreadable script changes nothing. */
static void reread(void)
{
	struct script *fresh = script_read(server.script_path);

	if (!fresh)
		return;
	script_free(server.script);
	server.script = fresh;
	forget_counts();
}

static void on_signal(void)
{
	struct signalfd_siginfo info;

	while (read(server.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reread();
		else if (info.ssi_signo == SIGUSR1)
			write_counts();
		else
			server.stop = true;
	}
}

static bool take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	server.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server.signal_fd < 0)
		return false;
	watch(server.signal_fd);
	return true;
}

/* --- starting ------------------------------------------------------------------------------- */

static socklen_t sockaddr_of(const struct endpoint *at, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (at->addr.family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(at->port);
		memcpy(&in->sin_addr, at->addr.bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(at->port);
	memcpy(&in6->sin6_addr, at->addr.bytes, 16);
	return sizeof(*in6);
}

static int open_socket(const struct endpoint *at, int type)
{
	struct sockaddr_storage addr;
	socklen_t len = sockaddr_of(at, &addr);
	int one = 1, room = RCVBUF;
	int fd = socket(addr.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (type == SOCK_DGRAM &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (fd >= FD_MAX || bind(fd, (struct sockaddr *)&addr, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1024) < 0)) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static bool listen_at(const char *text)
{
	struct endpoint at, other;
	int udp, tcp, aside;

	if (endpoint_parse(text, DNS_PORT, &at) < 0) {
		fprintf(stderr, "hostile: %s: not ADDR or ADDR:PORT\n", text);
		return false;
	}
	other = at;
	other.port = 0;
	udp = open_socket(&at, SOCK_DGRAM);
	tcp = open_socket(&at, SOCK_STREAM);
	aside = open_socket(&other, SOCK_DGRAM);
	if (udp < 0 || tcp < 0 || aside < 0) {
		fprintf(stderr, "hostile: %s: %s\n", text,
			strerror(udp < 0   ? -udp
				 : tcp < 0 ? -tcp
					   : -aside));
		return false;
	}
	handles[udp] = (struct handle){.kind = KIND_UDP, .at = at.addr, .other_fd = aside};
	handles[tcp] = (struct handle){.kind = KIND_LISTEN, .at = at.addr};
	watch(udp);
	watch(tcp);
	return true;
}

static int wait_ms(void)
{
	uint64_t now_ns = clock_mono_ns();

	if (server.heap_len == 0)
		return -1;
	if (server.heap[0]->due_ns <= now_ns)
		return 0;
	return (int)((server.heap[0]->due_ns - now_ns) / NS_PER_MS) + 1;
}

static void on_ready(int fd)
{
	if (fd == server.signal_fd)
		on_signal();
	else if (handles[fd].kind == KIND_UDP)
		on_udp(fd);
	else if (handles[fd].kind == KIND_LISTEN)
		on_listen(fd);
	else if (handles[fd].kind == KIND_TCP)
		on_tcp(fd);
}

static void serve(void)
{
	struct epoll_event events[64];
	int count;

	while (!server.stop) {
		count = epoll_wait(server.epoll_fd, events, 64, wait_ms());
		for (int i = 0; i < count; i++)
			on_ready(events[i].data.fd);
		deliver_due();
	}
}

static int usage(void)
{
	fputs("usage: hostile -l ADDR[:PORT] [-l ...] [-c COUNTS] SCRIPT\n", stderr);
	return 64;
}

int main(int argc, char **argv)
{
	const char *at[LISTEN_MAX];
	unsigned int count = 0, i;
	int option;

	while ((option = getopt(argc, argv, "l:c:")) != -1) {
		if (option == 'l' && count < LISTEN_MAX)
			at[count++] = optarg;
		else if (option == 'c')
			server.counts_path = optarg;
		else
			return usage();
	}
	if (count == 0 || optind != argc - 1)
		return usage();
	server.script_path = argv[optind];
	server.script = script_read(server.script_path);
	server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!server.script || server.epoll_fd < 0 || !take_signals())
		return 78;
	for (i = 0; i < count; i++)
		if (!listen_at(at[i]))
			return 71;
	serve();
	write_counts();
	forget_counts();
	while (server.heap_len > 0)
		free(heap_take());
	free(server.heap);
	script_free(server.script);
	return 0;
}
