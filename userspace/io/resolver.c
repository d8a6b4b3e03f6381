/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a question travels: a check (one address, or one name) has up to eleven queries,
 * a query has attempts, each of them one c-ares query on the channel of one server.
 *
 * A reply that is knowledge ends its query. Any other is kept as the query's
 * failure, and the next server is asked; each server at most twice, the second
 * time after a pause. A server that says nothing is not given up, but after a
 * while the next one is asked beside it, and whoever answers first counts.
 *
 * A burst is paced by the replies: so many attempts that are young and unanswered
 * fit the receive buffer that a resolver has by default, and the next wait their
 * turn. Old ones wait for a slow zone somewhere and hold nobody up.
 *
 * c-ares calls back from inside its own functions, so on_reply() only notes what
 * came and puts the check on the ready list; pump() does the rest afterwards.
 */
#define CARES_NO_DEPRECATED /* 1.34 deprecates ares_query(), 1.18 has nothing else */
#include "io/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* uthash ends the program when out of memory unless it is told to cope. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/datagrams.h"
#include "base/min.h"

#define RESOLV_CONF    "/etc/resolv.conf"
#define DNS_PORT       53
#define EDNS_SIZE      1232
#define RCVBUF_BYTES   (4 << 20) /* with less, windows over 500 lose replies */
#define NS_PER_MS      1000000ULL
#define TICK_MS        50                /* how often c-ares may see to its timeouts */
#define LATE_NS        (50 * NS_PER_MS)  /* by more, something kept us from running */
#define PAUSE_NS       (250 * NS_PER_MS) /* before a server is asked again */
#define CHANNEL_MS     10000             /* then another source port */
#define DOWN_NS        (5 * CLOCK_NS_PER_SEC)
#define QUERIES_A_PORT 1000 /* where c-ares can count them */
#define YOUNG_MAX      200  /* the default 208 KiB take some 270 small datagrams */
#define YOUNG_NS       (50 * NS_PER_MS)
#define ROOM_PART      8 /* who was told that there is no room hears of one part of so many */
#define SILENT_MAX     3 /* unanswered in a row, and a server is not asked first */
#define SMOOTH         8 /* a reply's weight in the smoothed time is one in so many */
#define TRIES_MAX      2 /* of one server for one query */
#define FIRST_MS_MAX   1500
#define FIRST_MS_MIN   100
#define ATTEMPTS_EACH  16 /* live attempts per address allowed, abandoned ones too */
#define ZONE_PARTS     8  /* one reverse zone has an eighth of max_outstanding, */
#define ZONE_MIN       16 /* but no less than this */
#define ZONE4_BYTES    3  /* /24, as reverse zones of IPv4 are cut */
#define ZONE6_BYTES    6  /* /48 */

/*
 * c-ares sends a query again after 1, 2, 4 times the first timeout, or more often
 * where that is at its most and the deadline is long: it must go on listening until
 * then. From 1.31 on the first timeout adapts to the server and may be as short as
 * 250 ms, so it takes more tries to last as long.
 */
#define FIRST_SHARE 7
#if ARES_VERSION >= 0x011f00
#define ARES_TRIES   8
#define ARES_LONGEST 4 /* of first timeouts is one try, ARES_OPT_MAXTIMEOUTMS */
#else
#define ARES_TRIES   3
#define ARES_LONGEST INT32_MAX
#endif

struct check;

/* One question to one server, alive until c-ares has called back. */
struct attempt {
	struct query *query; /* NULL: nobody waits for it any more */
	struct channel *channel;
	uint64_t start_ns;
	bool is_young;
	TAILQ_ENTRY(attempt) by_age; /* while is_young */
	LIST_ENTRY(attempt) link;    /* in query->attempts while query is set */
};

/* What a query waits for: each is a queue in the order in which the waits end. */
enum wait {
	WAIT_HEDGE_1, /* the server is silent: ask the next one beside it */
	WAIT_HEDGE_2,
	WAIT_HEDGE_4,
	WAIT_PAUSE, /* all servers failed: ask again */
	WAIT_TURN,  /* until there is room for a young attempt; its end is not known */
	WAIT_MAX,
	WAIT_NONE = WAIT_MAX
};

struct query {
	struct check *check;
	const char *qname; /* the report's */
	uint16_t qtype;
	uint8_t id;
	uint8_t hedges;
	uint8_t tried[RESOLVER_SERVERS_MAX];
	uint8_t asking; /* bit per server with a live attempt */
	bool ended;
	bool wants; /* pump() shall make the next attempt */
	bool paused;
	bool has_turn;
	enum wait wait;
	uint64_t due_ns; /* end of the wait */
	TAILQ_ENTRY(query) link;
	LIST_HEAD(, attempt) attempts;
	bool failed;
	struct dns_answer failure; /* the last that was not a timeout, if any */
	const struct server *failure_server;
	uint32_t failure_us;
};

struct waiter {
	resolver_done_fn on_done;
	void *user;
	struct waiter *next;
};

/* The addresses under way that share a reverse zone, as far as one can tell without asking. */
struct zone {
	struct addr addr; /* the first of its network */
	uint32_t count;
	UT_hash_handle hh;
};

struct check {
	struct resolver *resolver;
	struct addr addr; /* of a name: no family, and a number of its own */
	struct zone *zone;
	UT_hash_handle hh;
	uint64_t due_ns;
	TAILQ_ENTRY(check) by_deadline;
	TAILQ_ENTRY(check) by_ready;
	bool ready;
	uint8_t query_count;
	uint8_t avoid;       /* 1 + number of the server that is asked last; 0: none */
	struct waiter first; /* most have but one */
	struct waiter *waiters;
	resolver_forward_fn on_forward; /* of a name; else NULL */
	void *forward_user;
	/* What is below is set up as it comes into use, and most of it never is. */
	struct query queries[IPREV_STEPS_MAX];
	union {
		struct iprev iprev;
		struct forward forward;
	};
};

struct channel {
	struct resolver *resolver;
	struct server *server;
	ares_channel ares;
	uint64_t born_ns;
	uint32_t live; /* attempts that c-ares has not called back for */
	LIST_HEAD(, sock) socks;
	LIST_ENTRY(channel) link; /* in resolver->retired */
};

struct sock {
	uv_poll_t poll;
	struct resolver *resolver;
	struct channel *channel;
	ares_socket_t fd;
	bool is_stream;
	int error; /* met in sending what c-ares thinks is sent: it is to be told */
	LIST_ENTRY(sock) link;
};

struct server {
	struct endpoint endpoint;
	struct channel *channel;
	unsigned int silent;
	uint64_t down_ns; /* until then it is not asked first */
	struct resolver_server_stats stats;
};

struct resolver {
	uv_loop_t *loop;
	uint64_t deadline_ns;
	uint64_t channel_ns;
	uint32_t first_ms;
	uint32_t max_outstanding;
	unsigned int server_count;
	struct server servers[RESOLVER_SERVERS_MAX];
	LIST_HEAD(, channel) retired; /* replaced, with attempts still alive */
	uint32_t live;
	TAILQ_HEAD(, attempt) young; /* oldest first */
	uint32_t young_count;
	uint32_t turn_count;  /* queries that wait for a turn */
	uint32_t fresh_count; /* checks that have not asked anything yet */
	resolver_room_fn on_room;
	void *room_user;
	struct check *checks; /* uthash, by address */
	uint64_t names;       /* asked for so far: each has a number */
	struct zone *zones;   /* uthash, by network */
	TAILQ_HEAD(, check) deadlines;
	TAILQ_HEAD(, check) ready;
	TAILQ_HEAD(, check) spare; /* by by_ready: memory for the next ones */
	TAILQ_HEAD(query_queue, query) waits[WAIT_MAX];
	uv_timer_t alarm; /* for the deadlines and waits */
	uint64_t alarm_ns;
	uv_timer_t tick;  /* for c-ares, while anything is alive */
	uint64_t tick_ns; /* the last, or when it was begun */
	/* These were late, and come again after the sockets' turn. */
	bool alarm_put_off, tick_put_off;
	uv_idle_t idle; /* brings the loop round to what resolver_check() began */
	unsigned int handles;
	bool pumping;
	bool freeing;
	bool has_errors;  /* of some socket */
	bool has_refused; /* resolver_room() has said 0 since on_room() was called */
	struct resolver_stats stats;
	struct datagrams unsent;
	union dns_records records; /* of the reply being read */
};

static void pump(struct resolver *resolver);

/* --- c-ares' system calls ---------------------------------------------------------------- */

/*
 * Queries are collected and sent together at the end of pump(): of what a verdict
 * costs, sending each by itself was a fifth. Everything else is as c-ares does it.
 */

static struct sock *sock_find(const struct channel *channel, ares_socket_t fd)
{
	struct sock *sock;

	LIST_FOREACH(sock, &channel->socks, link)
	if (sock->fd == fd)
		break;
	return sock;
}

static void on_send_error(int fd, void *user, int error)
{
	struct channel *channel = user;
	struct sock *sock = sock_find(channel, fd);

	/* A full buffer is a datagram lost on the wire; it is asked again. */
	if (!sock || error == EAGAIN || error == ENOBUFS)
		return;
	sock->error = error;
	channel->resolver->has_errors = true;
}

static ares_socket_t call_socket(int domain, int type, int protocol, void *user)
{
	int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), one = 1;
	int size = RCVBUF_BYTES;

	(void)user;
	if (fd < 0)
		return ARES_SOCKET_BAD;
	/* Less than that is what an unprivileged process may have; see YOUNG_MAX. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int call_close(ares_socket_t fd, void *user)
{
	struct channel *channel = user;

	datagrams_flush(&channel->resolver->unsent, on_send_error);
	return close(fd);
}

static int call_connect(ares_socket_t fd, const struct sockaddr *addr, ares_socklen_t len,
			void *user)
{
	(void)user;
	return connect(fd, addr, len);
}

static ares_ssize_t call_recvfrom(ares_socket_t fd, void *buf, size_t size, int flags,
				  struct sockaddr *addr, ares_socklen_t *len, void *user)
{
	struct sock *sock = sock_find(user, fd);

	if (sock && sock->error) {
		errno = sock->error;
		sock->error = 0;
		return -1;
	}
	return recvfrom(fd, buf, size, flags, addr, len);
}

static bool is_stream(ares_socket_t fd)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type == SOCK_STREAM;
}

static ares_ssize_t call_sendv(ares_socket_t fd, const struct iovec *vec, int count, void *user)
{
	struct channel *channel = user;
	struct datagrams *unsent = &channel->resolver->unsent;
	const struct sock *sock = sock_find(channel, fd);

	/* One that is not watched yet, or over TCP: as it is. */
	if (!sock || sock->is_stream || count != 1 || vec->iov_len > DATAGRAMS_SIZE_MAX)
		return writev(fd, vec, count);
	if (!datagrams_put(unsent, fd, channel, vec->iov_base, vec->iov_len)) {
		datagrams_flush(unsent, on_send_error);
		datagrams_put(unsent, fd, channel, vec->iov_base, vec->iov_len);
	}
	return (ares_ssize_t)vec->iov_len;
}

static const struct ares_socket_functions calls = {
	.asocket = call_socket,
	.aclose = call_close,
	.aconnect = call_connect,
	.arecvfrom = call_recvfrom,
	.asendv = call_sendv,
};

/* --- sockets and channels ------------------------------------------------------------------- */

static void on_handle_closed(struct resolver *resolver)
{
	if (--resolver->handles > 0 || !resolver->freeing)
		return;
	ares_library_cleanup();
	free(resolver);
}

static void on_sock_closed(uv_handle_t *handle)
{
	struct sock *sock = handle->data;
	struct resolver *resolver = sock->resolver;

	free(sock);
	on_handle_closed(resolver);
}

static void on_sock_event(uv_poll_t *poll, int status, int events)
{
	struct sock *sock = poll->data;
	struct resolver *resolver = sock->resolver;
	ares_socket_t fd = sock->fd;
	bool readable = status < 0 || events & UV_READABLE;
	bool writable = status < 0 || events & UV_WRITABLE;

	/* The socket may be gone when this returns. */
	ares_process_fd(sock->channel->ares, readable ? fd : ARES_SOCKET_BAD,
			writable ? fd : ARES_SOCKET_BAD);
	pump(resolver);
}

static struct sock *sock_new(struct channel *channel, ares_socket_t fd)
{
	struct resolver *resolver = channel->resolver;
	struct sock *sock = calloc(1, sizeof(*sock));

	if (!sock)
		return NULL;
	if (uv_poll_init(resolver->loop, &sock->poll, fd) < 0) {
		free(sock);
		return NULL;
	}
	sock->poll.data = sock;
	sock->resolver = resolver;
	sock->channel = channel;
	sock->fd = fd;
	sock->is_stream = is_stream(fd);
	resolver->handles++;
	LIST_INSERT_HEAD(&channel->socks, sock, link);
	return sock;
}

/*
 * c-ares opens, changes or is about to close a socket. If it cannot be watched,
 * its queries time out: missing knowledge, not a wrong answer.
 */
static void on_sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct channel *channel = data;
	struct sock *sock = sock_find(channel, fd);

	if (!readable && !writable) {
		if (!sock)
			return;
		LIST_REMOVE(sock, link);
		uv_poll_stop(&sock->poll);
		uv_close((uv_handle_t *)&sock->poll, on_sock_closed);
		return;
	}
	if (!sock)
		sock = sock_new(channel, fd);
	if (sock)
		uv_poll_start(&sock->poll,
			      (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
			      on_sock_event);
}

static int set_server(struct channel *channel, const struct endpoint *endpoint)
{
	struct ares_addr_port_node node = {.udp_port = endpoint->port, .tcp_port = endpoint->port};

	if (endpoint->addr.family == 4) {
		node.family = AF_INET;
		memcpy(&node.addr.addr4, endpoint->addr.bytes, sizeof(node.addr.addr4));
	} else {
		node.family = AF_INET6;
		memcpy(&node.addr.addr6, endpoint->addr.bytes, sizeof(node.addr.addr6));
	}
	return ares_set_servers_ports(channel->ares, &node) == ARES_SUCCESS ? 0 : -EIO;
}

static int tries_until_deadline(const struct resolver *resolver)
{
	uint64_t longest_ms = (uint64_t)resolver->first_ms * ARES_LONGEST;
	uint64_t step_ms = resolver->first_ms, sum_ms = 0;
	int tries = 0;

	while (sum_ms < resolver->deadline_ns / NS_PER_MS) {
		sum_ms += step_ms;
		step_ms = 2 * step_ms < longest_ms ? 2 * step_ms : longest_ms;
		tries++;
	}
	return tries > ARES_TRIES ? tries : ARES_TRIES;
}

static int ares_start(struct channel *channel)
{
	char lookups[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH |
			 ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN,
		.timeout = (int)channel->resolver->first_ms,
		.tries = tries_until_deadline(channel->resolver),
		.ednspsz = EDNS_SIZE,
		.lookups = lookups,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
		   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;

#ifdef ARES_OPT_QUERY_CACHE
	options.qcache_max_ttl = 0; /* what DNS says now, not what it said */
	mask |= ARES_OPT_QUERY_CACHE;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
	options.udp_max_queries = QUERIES_A_PORT;
	mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
#ifdef ARES_FLAG_DNS0x20
	options.flags |= ARES_FLAG_DNS0x20; /* the case of the question is to be guessed, too */
#endif
#ifdef ARES_OPT_MAXTIMEOUTMS
	/* A reply to anything but the last copy is lost there: see that one waits long. */
	options.maxtimeout = ARES_LONGEST * options.timeout;
	mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS)
		return -ENOMEM;
	ares_set_socket_functions(channel->ares, &calls, channel);
	return 0;
}

static void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	if (channel->ares)
		ares_destroy(channel->ares);
	free(channel);
}

static struct channel *channel_new(struct resolver *resolver, struct server *server)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return NULL;
	channel->resolver = resolver;
	channel->server = server;
	channel->born_ns = clock_mono_ns();
	if (ares_start(channel) < 0 || set_server(channel, &server->endpoint) < 0) {
		channel_free(channel);
		return NULL;
	}
	return channel;
}

/*
 * A channel serves for a while only: a fresh one has another source port, and tries
 * EDNS again, which 1.18 gives up for good after one FORMERR.
 */
static struct channel *channel_get(struct server *server, uint64_t now_ns)
{
	struct channel *old = server->channel, *fresh;

	if (now_ns - old->born_ns < old->resolver->channel_ns)
		return old;
	fresh = channel_new(old->resolver, server);
	if (!fresh)
		return old;
	LIST_INSERT_HEAD(&old->resolver->retired, old, link);
	server->channel = fresh;
	return fresh;
}

static void reap_retired(struct resolver *resolver)
{
	struct channel *channel, *next;

	for (channel = LIST_FIRST(&resolver->retired); channel; channel = next) {
		next = LIST_NEXT(channel, link);
		if (channel->live > 0)
			continue;
		LIST_REMOVE(channel, link);
		channel_free(channel);
	}
}

/* --- time ----------------------------------------------------------------------------------- */

static uint64_t wait_length_ns(const struct resolver *resolver, enum wait wait)
{
	return wait == WAIT_PAUSE ? PAUSE_NS : (resolver->first_ms * NS_PER_MS) << wait;
}

static void wait_end(struct query *query)
{
	if (query->wait == WAIT_NONE)
		return;
	TAILQ_REMOVE(&query->check->resolver->waits[query->wait], query, link);
	query->check->resolver->turn_count -= query->wait == WAIT_TURN;
	query->wait = WAIT_NONE;
}

static void wait_until(struct query *query, enum wait wait, uint64_t due_ns)
{
	wait_end(query);
	query->wait = wait;
	query->due_ns = due_ns;
	TAILQ_INSERT_TAIL(&query->check->resolver->waits[wait], query, link);
	query->check->resolver->turn_count += wait == WAIT_TURN;
}

/* The length is the same for all, so that the queue stays in order. */
static void wait_begin(struct query *query, enum wait wait, uint64_t now_ns)
{
	wait_until(query, wait, now_ns + wait_length_ns(query->check->resolver, wait));
}

static void attempt_ages(struct resolver *resolver, struct attempt *attempt)
{
	if (!attempt->is_young)
		return;
	attempt->is_young = false;
	resolver->young_count--;
	TAILQ_REMOVE(&resolver->young, attempt, by_age);
}

static void let_age(struct resolver *resolver, uint64_t now_ns)
{
	struct attempt *attempt;

	while ((attempt = TAILQ_FIRST(&resolver->young)) && attempt->start_ns + YOUNG_NS <= now_ns)
		attempt_ages(resolver, attempt);
}

/* True when the query may leave now; else it waits behind those who came first. */
static bool take_turn(struct query *query, uint64_t now_ns)
{
	struct resolver *resolver = query->check->resolver;

	if (!query->has_turn && (resolver->young_count >= YOUNG_MAX || resolver->turn_count > 0)) {
		wait_until(query, WAIT_TURN, now_ns);
		return false;
	}
	query->has_turn = false;
	return true;
}

/* When the queue for a turn moves on without a reply: the oldest young one ages. */
static uint64_t next_turn_ns(const struct resolver *resolver)
{
	const struct attempt *oldest = TAILQ_FIRST(&resolver->young);

	return oldest ? oldest->start_ns + YOUNG_NS : 0;
}

uint32_t resolver_places(const struct resolver *resolver)
{
	if (resolver->stats.outstanding >= resolver->max_outstanding ||
	    resolver->live / ATTEMPTS_EACH >= resolver->max_outstanding)
		return 0;
	return resolver->max_outstanding - resolver->stats.outstanding;
}

/* Those of them whose first query need not wait for a turn. */
static uint32_t room(const struct resolver *resolver)
{
	uint32_t taken = resolver->young_count + resolver->turn_count + resolver->fresh_count;

	return taken < YOUNG_MAX ? min_u32(YOUNG_MAX - taken, resolver_places(resolver)) : 0;
}

/* Whoever was told that there is none waits for more than one address' worth of it. */
static void tell_room(struct resolver *resolver)
{
	uint32_t enough = max_u32(min_u32(resolver->max_outstanding, YOUNG_MAX) / ROOM_PART, 1);

	if (!resolver->has_refused || room(resolver) < enough)
		return;
	resolver->has_refused = false;
	if (resolver->on_room)
		resolver->on_room(resolver->room_user);
}

static uint64_t earliest_ns(const struct resolver *resolver)
{
	const struct check *check = TAILQ_FIRST(&resolver->deadlines);
	uint64_t due_ns = check ? check->due_ns : UINT64_MAX, wait_ns;
	const struct query *query;
	unsigned int i;

	if (resolver->has_refused && resolver->young_count > 0 && next_turn_ns(resolver) < due_ns)
		due_ns = next_turn_ns(resolver);
	for (i = 0; i < WAIT_MAX; i++) {
		query = TAILQ_FIRST(&resolver->waits[i]);
		if (!query)
			continue;
		wait_ns = i == WAIT_TURN ? next_turn_ns(resolver) : query->due_ns;
		if (wait_ns < due_ns)
			due_ns = wait_ns;
	}
	return due_ns;
}

static void on_alarm(uv_timer_t *timer);
static void on_tick(uv_timer_t *timer);

/* The alarm is only ever moved forward: one that comes too early does nothing. */
static void set_timers(struct resolver *resolver)
{
	uint64_t due_ns = earliest_ns(resolver), now_ns;

	if (due_ns == UINT64_MAX) {
		uv_timer_stop(&resolver->alarm);
		resolver->alarm_ns = UINT64_MAX;
		resolver->alarm_put_off = false;
	} else if (due_ns < resolver->alarm_ns) {
		now_ns = clock_mono_ns();
		uv_update_time(resolver->loop);
		uv_timer_start(&resolver->alarm, on_alarm,
			       due_ns > now_ns ? (due_ns - now_ns) / NS_PER_MS + 1 : 0, 0);
		resolver->alarm_ns = due_ns;
	}
	if (resolver->live == 0)
		uv_timer_stop(&resolver->tick);
	else if (!uv_is_active((uv_handle_t *)&resolver->tick)) {
		resolver->tick_ns = clock_mono_ns();
		resolver->tick_put_off = false;
		uv_timer_start(&resolver->tick, on_tick, TICK_MS, TICK_MS);
	}
}

/* --- attempts ------------------------------------------------------------------------------- */

static void make_ready(struct check *check)
{
	if (check->ready)
		return;
	check->ready = true;
	TAILQ_INSERT_TAIL(&check->resolver->ready, check, by_ready);
}

static void query_end(struct query *query)
{
	struct attempt *attempt;

	query->ended = true;
	query->wants = false;
	wait_end(query);
	while ((attempt = LIST_FIRST(&query->attempts))) {
		LIST_REMOVE(attempt, link);
		attempt->query = NULL;
	}
}

static void query_want(struct query *query)
{
	query->wants = true;
	make_ready(query->check);
}

static void query_answer(struct query *query, const struct dns_answer *answer,
			 const struct server *server, uint32_t elapsed_us)
{
	if (query->check->on_forward)
		forward_answer(&query->check->forward, query->id, answer);
	else
		iprev_answer(&query->check->iprev, query->id, answer,
			     server ? server->stats.name : NULL, elapsed_us);
	query_end(query);
	make_ready(query->check);
}

/* No server has more to say: what the last one said is the outcome. */
static void query_give_up(struct query *query)
{
	query_answer(query, &query->failure, query->failure_server, query->failure_us);
}

/* A failure is remembered; one that says more than silence is not forgotten for it. */
static void query_fail(struct query *query, const struct dns_answer *answer,
		       const struct server *server, uint32_t elapsed_us)
{
	if (!query->failed || answer->status != DNS_TIMEOUT) {
		query->failed = true;
		query->failure = *answer;
		query->failure_server = server;
		query->failure_us = elapsed_us;
	}
	query_want(query);
}

/* Without bytes there is only what c-ares says; none of it is knowledge. */
static void answer_without_bytes(int status, struct dns_answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->status = DNS_OTHER;
	if (status == ARES_ETIMEOUT) {
		ret->status = DNS_TIMEOUT;
	} else if (status == ARES_EBADRESP) {
		ret->status = DNS_MALFORMED;
		ret->note = "unreadable message";
	} else if (status == ARES_ECONNREFUSED) {
		ret->note = "server cannot be reached";
	} else {
		ret->note = ares_strerror(status);
	}
}

static void server_is_silent(struct server *server, uint64_t now_ns)
{
	if (++server->silent == SILENT_MAX)
		server->stats.since_ns = now_ns;
}

static void server_speaks(struct server *server, uint64_t now_ns)
{
	if (server->silent >= SILENT_MAX)
		server->stats.since_ns = now_ns;
	server->silent = 0;
}

/* A failure to ask that is our own says nothing about the server. */
static void note_life(struct server *server, int status, bool has_bytes, uint32_t elapsed_us,
		      uint64_t now_ns)
{
	uint32_t *us = &server->stats.answer_us;

	if (has_bytes || status == ARES_EBADRESP)
		server_speaks(server, now_ns);
	else if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
		server_is_silent(server, now_ns);
	if (has_bytes)
		*us = *us ? *us - *us / SMOOTH + elapsed_us / SMOOTH : elapsed_us;
}

static void count_reply(struct server *server, const struct dns_answer *answer, uint64_t now_ns)
{
	server->stats.timeouts += answer->status == DNS_TIMEOUT;
	if (dns_status_is_certain(answer->status)) {
		server->stats.answers++;
		server->stats.last_answer_ns = now_ns;
	} else {
		server->stats.failures++;
	}
}

static void on_reply(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct attempt *attempt = arg;
	struct channel *channel = attempt->channel;
	struct resolver *resolver = channel->resolver;
	struct query *query = attempt->query;
	uint64_t now_ns = clock_mono_ns();
	uint32_t elapsed_us = (uint32_t)((now_ns - attempt->start_ns) / 1000);
	struct dns_answer answer;

	(void)timeouts;
	attempt_ages(resolver, attempt);
	channel->live--;
	resolver->live--;
	if (query) {
		LIST_REMOVE(attempt, link);
		query->asking &= (uint8_t) ~(1u << (channel->server - resolver->servers));
	}
	free(attempt);
	if (resolver->freeing)
		return;
	/* Also of a late one: it tells whether the server lives. */
	note_life(channel->server, status, bytes != NULL, elapsed_us, now_ns);
	answer_without_bytes(status, &answer);
	if (!query) {
		channel->server->stats.timeouts += status == ARES_ETIMEOUT;
		return;
	}
	if (bytes && len > 0)
		dnsmsg_parse(bytes, (size_t)len, query->qname, query->qtype, &resolver->records,
			     &answer);
	count_reply(channel->server, &answer, now_ns);
	if (dns_status_is_certain(answer.status))
		query_answer(query, &answer, channel->server, elapsed_us);
	else
		query_fail(query, &answer, channel->server, elapsed_us);
}

/*
 * The server that this query has asked least, in the order configured, but one
 * that has been silent lately last. Every few seconds one query tries that, too.
 */
static struct server *choose_server(struct query *query, uint64_t now_ns)
{
	struct resolver *resolver = query->check->resolver;
	struct server *best = NULL, *server;
	unsigned int i, rank, best_rank = UINT_MAX;

	for (i = 0; i < resolver->server_count; i++) {
		server = &resolver->servers[i];
		if (query->asking & 1u << i || query->tried[i] >= TRIES_MAX)
			continue;
		rank = 4u * query->tried[i] + 2u * (i + 1 == query->check->avoid) +
		       (server->silent >= SILENT_MAX && now_ns < server->down_ns);
		if (rank < best_rank) {
			best = server;
			best_rank = rank;
		}
	}
	if (best && best->silent >= SILENT_MAX && now_ns >= best->down_ns)
		best->down_ns = now_ns + DOWN_NS;
	return best;
}

static void attempt_start(struct query *query, struct server *server, uint64_t now_ns)
{
	static const struct dns_answer no_memory = {.status = DNS_OTHER, .note = "out of memory"};
	struct resolver *resolver = query->check->resolver;
	unsigned int index = (unsigned int)(server - resolver->servers);
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	query->tried[index]++;
	wait_end(query);
	if (!attempt) {
		query_fail(query, &no_memory, server, 0);
		return;
	}
	attempt->query = query;
	attempt->channel = channel_get(server, now_ns);
	attempt->start_ns = now_ns;
	LIST_INSERT_HEAD(&query->attempts, attempt, link);
	query->asking |= (uint8_t)(1u << index);
	attempt->channel->live++;
	resolver->live++;
	attempt->is_young = true;
	resolver->young_count++;
	TAILQ_INSERT_TAIL(&resolver->young, attempt, by_age);
	server->stats.queries++;
	if (resolver->server_count > 1 && query->hedges < WAIT_PAUSE)
		wait_begin(query, (enum wait)query->hedges++, now_ns);
	/* It may call back at once, and the attempt is gone then. */
	ares_query(attempt->channel->ares, query->qname, ns_c_in, query->qtype, on_reply, attempt);
}

/* Makes the next attempt, or begins the pause before it, or gives up. */
static void query_next(struct query *query)
{
	uint64_t now_ns = clock_mono_ns();
	struct server *server = choose_server(query, now_ns);

	query->wants = false;
	if (!server) {
		if (!query->asking)
			query_give_up(query);
		return;
	}
	if (query->tried[server - query->check->resolver->servers] > 0 && !query->paused) {
		if (!query->asking) {
			query->paused = true;
			wait_begin(query, WAIT_PAUSE, now_ns);
		}
		return;
	}
	if (take_turn(query, now_ns))
		attempt_start(query, server, now_ns);
}

/* --- zones ---------------------------------------------------------------------------------- */

/* The zone of addr or NULL, and the network that it is known by. */
static struct zone *zone_find(const struct resolver *resolver, const struct addr *addr,
			      struct addr *ret_network)
{
	struct zone *zone;

	memset(ret_network, 0, sizeof(*ret_network));
	ret_network->family = addr->family;
	memcpy(ret_network->bytes, addr->bytes, addr->family == 4 ? ZONE4_BYTES : ZONE6_BYTES);
	HASH_FIND(hh, resolver->zones, ret_network, sizeof(*ret_network), zone);
	return zone;
}

static bool zone_is_full(const struct resolver *resolver, const struct addr *addr)
{
	uint32_t share = resolver->max_outstanding / ZONE_PARTS;
	struct addr network;
	const struct zone *zone = zone_find(resolver, addr, &network);

	return zone && zone->count >= (share > ZONE_MIN ? share : ZONE_MIN);
}

/* The zone of addr with one more in it, or NULL when out of memory. */
static struct zone *zone_enter(struct resolver *resolver, const struct addr *addr)
{
	struct addr network;
	struct zone *zone = zone_find(resolver, addr, &network);

	if (!zone) {
		zone = calloc(1, sizeof(*zone));
		if (!zone)
			return NULL;
		zone->addr = network;
		HASH_ADD(hh, resolver->zones, addr, sizeof(zone->addr), zone);
		if (!zone->hh.tbl) {
			free(zone);
			return NULL;
		}
	}
	zone->count++;
	return zone;
}

static void zone_leave(struct resolver *resolver, struct zone *zone)
{
	if (--zone->count > 0)
		return;
	HASH_DEL(resolver->zones, zone);
	free(zone);
}

/* --- checks --------------------------------------------------------------------------------- */

static void check_free(struct check *check)
{
	struct resolver *resolver = check->resolver;
	struct waiter *waiter;

	while ((waiter = check->waiters)) {
		check->waiters = waiter->next;
		if (waiter != &check->first)
			free(waiter);
	}
	/* As many as were ever in use at once are kept: malloc() takes its time over these. */
	TAILQ_INSERT_HEAD(&resolver->spare, check, by_ready);
}

static void free_spare(struct resolver *resolver)
{
	struct check *check;

	while ((check = TAILQ_FIRST(&resolver->spare))) {
		TAILQ_REMOVE(&resolver->spare, check, by_ready);
		free(check);
	}
}

static struct check *check_alloc(struct resolver *resolver)
{
	struct check *check = TAILQ_FIRST(&resolver->spare);

	if (check)
		TAILQ_REMOVE(&resolver->spare, check, by_ready);
	else
		check = malloc(sizeof(*check));
	if (check)
		memset(check, 0, offsetof(struct check, queries));
	return check;
}

static void check_unlink(struct check *check)
{
	struct resolver *resolver = check->resolver;
	unsigned int i;

	HASH_DEL(resolver->checks, check);
	zone_leave(resolver, check->zone);
	TAILQ_REMOVE(&resolver->deadlines, check, by_deadline);
	if (check->ready)
		TAILQ_REMOVE(&resolver->ready, check, by_ready);
	check->ready = false;
	for (i = 0; i < check->query_count; i++)
		query_end(&check->queries[i]);
	resolver->stats.outstanding--;
}

/* A waiter may start checks, of this address, too: the check is out of reach by then. */
static void check_finish(struct check *check)
{
	const struct iprev_report *report = &check->iprev.report;
	struct waiter *waiter;

	check_unlink(check);
	if (check->on_forward) {
		check->on_forward(&check->forward.report, check->forward_user);
	} else {
		check->resolver->stats.done[report->result]++;
		for (waiter = check->waiters; waiter; waiter = waiter->next)
			waiter->on_done(report, waiter->user);
	}
	check_free(check);
}

static bool check_next(struct check *check, struct iprev_query *ret)
{
	return check->on_forward ? forward_next(&check->forward, ret)
				 : iprev_next(&check->iprev, ret);
}

static bool check_is_done(const struct check *check)
{
	return check->on_forward ? forward_is_done(&check->forward) : iprev_is_done(&check->iprev);
}

static void query_start(struct check *check, const struct iprev_query *asked)
{
	struct query *query = &check->queries[check->query_count++];

	*query = (struct query){.check = check,
				.id = asked->id,
				.qtype = asked->qtype,
				.qname = asked->qname,
				.wait = WAIT_NONE,
				.wants = true};
}

static void check_step(struct check *check)
{
	struct iprev_query asked;
	unsigned int i;

	while (check_next(check, &asked))
		query_start(check, &asked);
	for (i = 0; i < check->query_count; i++)
		if (check->queries[i].wants)
			query_next(&check->queries[i]);
	if (check_is_done(check))
		check_finish(check);
}

/* What failed is reported as it failed; only what nobody answered has timed out. */
static void check_expire(struct check *check)
{
	unsigned int i;

	for (i = 0; i < check->query_count; i++)
		if (!check->queries[i].ended && check->queries[i].failed)
			query_give_up(&check->queries[i]);
	if (check->on_forward)
		forward_expire(&check->forward);
	else
		iprev_expire(&check->iprev);
	make_ready(check);
}

static void give_turns(struct resolver *resolver)
{
	struct query *query;
	unsigned int room;

	for (room = resolver->young_count; room < YOUNG_MAX; room++) {
		query = TAILQ_FIRST(&resolver->waits[WAIT_TURN]);
		if (!query)
			return;
		wait_end(query);
		query->has_turn = true;
		query_want(query);
	}
}

/* A socket's error is met when c-ares reads. It may close that socket, and others. */
static void tell_errors(struct channel *channel)
{
	struct sock *sock = LIST_FIRST(&channel->socks);
	ares_socket_t fd;

	while (sock) {
		if (!sock->error) {
			sock = LIST_NEXT(sock, link);
			continue;
		}
		fd = sock->fd;
		ares_process_fd(channel->ares, fd, ARES_SOCKET_BAD);
		sock = sock_find(channel, fd);
		if (sock)
			sock->error = 0;
		sock = LIST_FIRST(&channel->socks);
	}
}

static void send_all(struct resolver *resolver)
{
	struct channel *channel;
	unsigned int i;

	datagrams_flush(&resolver->unsent, on_send_error);
	if (!resolver->has_errors)
		return;
	resolver->has_errors = false;
	for (i = 0; i < resolver->server_count; i++)
		tell_errors(resolver->servers[i].channel);
	LIST_FOREACH(channel, &resolver->retired, link)
	tell_errors(channel);
}

/* Never from inside c-ares, and never inside itself. */
static void pump(struct resolver *resolver)
{
	struct check *check;

	if (resolver->pumping || resolver->freeing)
		return;
	resolver->pumping = true;
	let_age(resolver, clock_mono_ns());
	do {
		if (resolver->turn_count > 0)
			give_turns(resolver);
		while ((check = TAILQ_FIRST(&resolver->ready))) {
			TAILQ_REMOVE(&resolver->ready, check, by_ready);
			check->ready = false;
			check_step(check);
		}
		resolver->fresh_count = 0;
		send_all(resolver);
	} while (resolver->unsent.count > 0 || !TAILQ_EMPTY(&resolver->ready));
	resolver->pumping = false;
	uv_idle_stop(&resolver->idle);
	reap_retired(resolver);
	tell_room(resolver);
	set_timers(resolver);
}

static void on_idle(uv_idle_t *idle)
{
	pump(idle->data);
}

static void on_hedge_due(struct query *query, uint64_t now_ns)
{
	struct resolver *resolver = query->check->resolver;
	unsigned int i;

	for (i = 0; i < resolver->server_count; i++)
		if (query->asking & 1u << i)
			server_is_silent(&resolver->servers[i], now_ns);
	query_want(query);
}

/*
 * Whoever was kept from running for long finds timers due whose answers lie in the
 * sockets. libuv looks at the timers first; so a late one waits for the sockets, once.
 */
static bool put_off(bool *was_put_off, uint64_t due_ns, uint64_t now_ns)
{
	*was_put_off = !*was_put_off && now_ns > due_ns && now_ns - due_ns > LATE_NS;
	return *was_put_off;
}

static void on_alarm(uv_timer_t *timer)
{
	struct resolver *resolver = timer->data;
	uint64_t now_ns = clock_mono_ns();
	struct check *check;
	struct query *query;
	unsigned int i;

	if (put_off(&resolver->alarm_put_off, resolver->alarm_ns, now_ns)) {
		uv_timer_start(timer, on_alarm, 1, 0);
		return;
	}
	resolver->alarm_ns = UINT64_MAX;
	for (i = 0; i < WAIT_TURN; i++) {
		while ((query = TAILQ_FIRST(&resolver->waits[i])) && query->due_ns <= now_ns) {
			wait_end(query);
			if (i == WAIT_PAUSE)
				query_want(query);
			else
				on_hedge_due(query, now_ns);
		}
	}
	TAILQ_FOREACH(check, &resolver->deadlines, by_deadline)
	{
		if (check->due_ns > now_ns)
			break;
		check_expire(check);
	}
	pump(resolver);
}

/* ares_timeout() walks every query in 1.18; a tick costs less and is exact enough. */
static void on_tick(uv_timer_t *timer)
{
	struct resolver *resolver = timer->data;
	uint64_t now_ns = clock_mono_ns(), due_ns = resolver->tick_ns + TICK_MS * NS_PER_MS;
	struct channel *channel;
	unsigned int i;

	resolver->tick_ns = now_ns;
	if (put_off(&resolver->tick_put_off, due_ns, now_ns))
		return;
	for (i = 0; i < resolver->server_count; i++)
		if (resolver->servers[i].channel->live > 0)
			ares_process_fd(resolver->servers[i].channel->ares, ARES_SOCKET_BAD,
					ARES_SOCKET_BAD);
	LIST_FOREACH(channel, &resolver->retired, link)
	ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	pump(resolver);
}

/* --- the public side ------------------------------------------------------------------------ */

static bool read_nameserver(char *line, struct endpoint *ret)
{
	char *save, *word = strtok_r(line, " \t\r\n", &save);

	if (!word || strcmp(word, "nameserver") != 0)
		return false;
	word = strtok_r(NULL, " \t\r\n", &save);
	return word && endpoint_parse(word, DNS_PORT, ret) == 0;
}

static int read_resolv_conf(struct resolver_conf *conf)
{
	char line[512];
	FILE *file = fopen(RESOLV_CONF, "re");

	if (!file)
		return -ENOENT;
	while (conf->server_count < RESOLVER_SERVERS_MAX && fgets(line, sizeof(line), file))
		if (read_nameserver(line, &conf->servers[conf->server_count]))
			conf->server_count++;
	fclose(file);
	return conf->server_count > 0 ? 0 : -ENOENT;
}

static void init_timer(struct resolver *resolver, uv_timer_t *timer)
{
	uv_timer_init(resolver->loop, timer);
	timer->data = resolver;
	resolver->handles++;
}

static void init_lists(struct resolver *resolver)
{
	unsigned int i;

	LIST_INIT(&resolver->retired);
	TAILQ_INIT(&resolver->deadlines);
	TAILQ_INIT(&resolver->ready);
	TAILQ_INIT(&resolver->spare);
	TAILQ_INIT(&resolver->young);
	for (i = 0; i < WAIT_MAX; i++)
		TAILQ_INIT(&resolver->waits[i]);
}

static void init_conf(struct resolver *resolver, const struct resolver_conf *conf)
{
	uint32_t first_ms = conf->deadline_ms / FIRST_SHARE;

	resolver->deadline_ns = conf->deadline_ms * NS_PER_MS;
	resolver->channel_ns = (conf->channel_ms ? conf->channel_ms : CHANNEL_MS) * NS_PER_MS;
	resolver->max_outstanding = conf->max_outstanding;
	resolver->on_room = conf->on_room;
	resolver->room_user = conf->room_user;
	if (first_ms > FIRST_MS_MAX)
		first_ms = FIRST_MS_MAX;
	resolver->first_ms = first_ms < FIRST_MS_MIN ? FIRST_MS_MIN : first_ms;
	resolver->alarm_ns = UINT64_MAX;
}

static int init_servers(struct resolver *resolver, const struct resolver_conf *conf)
{
	struct server *server;
	unsigned int i;

	for (i = 0; i < conf->server_count; i++) {
		server = &resolver->servers[i];
		server->endpoint = conf->servers[i];
		server->stats.since_ns = clock_mono_ns();
		endpoint_format(&server->endpoint, server->stats.name);
		server->channel = channel_new(resolver, server);
		if (!server->channel)
			return -ENOMEM;
		resolver->server_count++;
	}
	return 0;
}

int resolver_new(uv_loop_t *loop, const struct resolver_conf *conf, struct resolver **ret)
{
	struct resolver_conf full = *conf;
	struct resolver *resolver;
	int err;

	if (full.deadline_ms == 0 || full.max_outstanding == 0 ||
	    full.server_count > RESOLVER_SERVERS_MAX)
		return -EINVAL;
	err = full.server_count == 0 ? read_resolv_conf(&full) : 0;
	if (err < 0)
		return err;
	resolver = calloc(1, sizeof(*resolver));
	if (!resolver)
		return -ENOMEM;
	resolver->loop = loop;
	init_conf(resolver, &full);
	init_lists(resolver);
	init_timer(resolver, &resolver->alarm);
	init_timer(resolver, &resolver->tick);
	uv_idle_init(loop, &resolver->idle);
	resolver->idle.data = resolver;
	resolver->handles++;
	ares_library_init(ARES_LIB_INIT_ALL);
	err = init_servers(resolver, &full);
	if (err < 0)
		resolver_free(resolver);
	else
		*ret = resolver;
	return err;
}

static int add_waiter(struct check *check, resolver_done_fn on_done, void *user)
{
	struct waiter *waiter = check->waiters ? malloc(sizeof(*waiter)) : &check->first;
	struct waiter **at = &check->waiters;

	if (!waiter)
		return -ENOMEM;
	*waiter = (struct waiter){.on_done = on_done, .user = user};
	while (*at)
		at = &(*at)->next;
	*at = waiter;
	return 0;
}

/* Under way from now on; whose it is and what it asks are the caller's to set. */
static struct check *check_new(struct resolver *resolver, const struct addr *addr)
{
	struct check *check = check_alloc(resolver);

	if (!check)
		return NULL;
	check->resolver = resolver;
	check->addr = *addr;
	check->zone = zone_enter(resolver, addr);
	if (check->zone)
		HASH_ADD(hh, resolver->checks, addr, sizeof(check->addr), check);
	if (!check->hh.tbl) {
		if (check->zone)
			zone_leave(resolver, check->zone);
		check_free(check);
		return NULL;
	}
	check->due_ns = clock_mono_ns() + resolver->deadline_ns;
	TAILQ_INSERT_TAIL(&resolver->deadlines, check, by_deadline);
	resolver->stats.outstanding++;
	resolver->fresh_count++;
	make_ready(check);
	uv_idle_start(&resolver->idle, on_idle);
	return check;
}

uint32_t resolver_room(struct resolver *resolver)
{
	uint32_t count = room(resolver);

	resolver->has_refused |= count == 0;
	return count;
}

static bool is_full(const struct resolver *resolver, const struct addr *addr)
{
	return resolver_places(resolver) == 0 || zone_is_full(resolver, addr);
}

static int check_start(struct resolver *resolver, const struct addr *addr, unsigned int avoid,
		       resolver_done_fn on_done, void *user)
{
	struct check *check;
	int err;

	HASH_FIND(hh, resolver->checks, addr, sizeof(*addr), check);
	if (check) {
		err = add_waiter(check, on_done, user);
		if (err == 0)
			resolver->stats.joined++;
		return err;
	}
	if (is_full(resolver, addr)) {
		resolver->stats.refused_full++;
		return -EBUSY;
	}
	check = check_new(resolver, addr);
	if (!check)
		return -ENOMEM;
	add_waiter(check, on_done, user); /* the first, for which there is room */
	iprev_init(&check->iprev, addr);
	check->avoid = (uint8_t)avoid;
	resolver->stats.started++;
	return 0;
}

int resolver_check(struct resolver *resolver, const struct addr *addr, resolver_done_fn on_done,
		   void *user)
{
	return check_start(resolver, addr, 0, on_done, user);
}

int resolver_check_avoiding(struct resolver *resolver, const struct addr *addr, unsigned int avoid,
			    resolver_done_fn on_done, void *user)
{
	return check_start(resolver, addr, 1 + avoid, on_done, user);
}

int resolver_forward(struct resolver *resolver, const char *name, resolver_forward_fn on_forward,
		     void *user)
{
	struct addr number = {.family = 0};
	struct check *check;

	if (strlen(name) >= DNS_HOST_TEXT_MAX)
		return -EINVAL;
	/* Behind what a zone is known by: all names are in one. */
	memcpy(number.bytes + sizeof(number.bytes) - sizeof(resolver->names), &resolver->names,
	       sizeof(resolver->names));
	if (is_full(resolver, &number)) {
		resolver->stats.refused_full++;
		return -EBUSY;
	}
	check = check_new(resolver, &number);
	if (!check)
		return -ENOMEM;
	resolver->names++;
	check->on_forward = on_forward;
	check->forward_user = user;
	forward_init(&check->forward, name);
	return 0;
}

int resolver_server_number(const struct resolver *resolver, const char *name)
{
	for (unsigned int i = 0; i < resolver->server_count; i++)
		if (strcmp(resolver->servers[i].stats.name, name) == 0)
			return (int)i;
	return -1;
}

void resolver_get_stats(const struct resolver *resolver, struct resolver_stats *ret)
{
	unsigned int i, first = 0;

	*ret = resolver->stats;
	ret->server_count = resolver->server_count;
	for (i = 0; i < resolver->server_count; i++) {
		ret->servers[i] = resolver->servers[i].stats;
		ret->servers[i].is_down = resolver->servers[i].silent >= SILENT_MAX;
		if (ret->servers[first].is_down && !ret->servers[i].is_down)
			first = i;
	}
	ret->servers[first].is_first = true;
}

static void on_own_closed(uv_handle_t *handle)
{
	on_handle_closed(handle->data);
}

void resolver_free(struct resolver *resolver)
{
	struct channel *channel;
	struct check *check;
	unsigned int i;

	if (!resolver)
		return;
	resolver->freeing = true;
	for (i = 0; i < resolver->server_count; i++)
		channel_free(resolver->servers[i].channel);
	while ((channel = LIST_FIRST(&resolver->retired))) {
		LIST_REMOVE(channel, link);
		channel_free(channel);
	}
	while ((check = resolver->checks)) {
		check_unlink(check);
		check_free(check);
	}
	free_spare(resolver);
	uv_close((uv_handle_t *)&resolver->alarm, on_own_closed);
	uv_close((uv_handle_t *)&resolver->tick, on_own_closed);
	uv_close((uv_handle_t *)&resolver->idle, on_own_closed);
}
