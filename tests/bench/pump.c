/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The least that a c-ares user can do: PTR, then the address record of the first
 * name, and a comparison. No deadline, no second server, no second name, no policy,
 * and nothing is written down. What mxgate costs is measured against this.
 *
 * It goes by the clock, or is fed: then it stands in the worker's place, behind the same
 * ring buffer, and meets the arrivals that the worker would meet.
 */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <bpf/libbpf.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mxgate/abi.h>

#include "base/clock.h"
#include "syns.h"

#define RCVBUF_BYTES (4 << 20)
#define EVENTS       16
#define TICK_MS      50
#define NS_PER_MS    1000000ULL
#define GIVE_UP_NS   (5 * CLOCK_NS_PER_SEC)

struct pump {
	struct bench *bench;
	ares_channel ares;
	int epoll;
	struct ring_buffer *ring; /* if it is fed */
	int err;
};

struct asked {
	struct pump *pump;
	uint32_t number;
	struct addr addr;
};

static void on_sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct pump *pump = data;
	struct epoll_event event = {
		.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u), .data.fd = fd};

	if (!readable && !writable)
		epoll_ctl(pump->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(pump->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		epoll_ctl(pump->epoll, EPOLL_CTL_MOD, fd, &event);
}

static void asked_end(struct asked *asked, bool passed)
{
	bench_end(asked->pump->bench, asked->number, passed, clock_mono_ns());
	free(asked);
}

static void on_forward(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct asked *asked = arg;
	struct hostent *host = NULL;
	bool passed = false;

	asked->pump->bench->again += (uint32_t)timeouts;
	if (status == ARES_SUCCESS)
		status = asked->addr.family == 4
				 ? ares_parse_a_reply(bytes, len, &host, NULL, NULL)
				 : ares_parse_aaaa_reply(bytes, len, &host, NULL, NULL);
	for (char **at = host ? host->h_addr_list : NULL; at && *at; at++)
		if (memcmp(*at, asked->addr.bytes, (size_t)host->h_length) == 0)
			passed = true;
	if (host)
		ares_free_hostent(host);
	asked_end(asked, passed);
}

static void on_ptr(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct asked *asked = arg;
	bool is4 = asked->addr.family == 4;
	struct hostent *host = NULL;

	asked->pump->bench->again += (uint32_t)timeouts;
	if (status == ARES_SUCCESS)
		status = ares_parse_ptr_reply(bytes, len, asked->addr.bytes, is4 ? 4 : 16,
					      is4 ? AF_INET : AF_INET6, &host);
	if (status == ARES_SUCCESS && host && host->h_name)
		ares_query(asked->pump->ares, host->h_name, ns_c_in, is4 ? ns_t_a : ns_t_aaaa,
			   on_forward, asked);
	else
		asked_end(asked, false);
	if (host)
		ares_free_hostent(host);
}

static int begin(struct pump *pump, uint32_t number)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	char qname[ADDR_REVERSE_MAX];

	if (!asked)
		return -ENOMEM;
	asked->pump = pump;
	asked->number = number;
	bench_host(pump->bench, asked->number, &asked->addr);
	ares_query(pump->ares, addr_reverse_name(&asked->addr, qname), ns_c_in, ns_t_ptr, on_ptr,
		   asked);
	return 0;
}

static int start(struct pump *pump)
{
	const struct endpoint *server = &pump->bench->server;
	struct ares_addr_port_node node = {
		.family = AF_INET, .udp_port = server->port, .tcp_port = server->port};
	char lookups[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = 1000,
		.tries = 4,
		.lookups = lookups,
		.socket_receive_buffer_size = RCVBUF_BYTES,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = pump,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	memcpy(&node.addr.addr4, server->addr.bytes, sizeof(node.addr.addr4));
	pump->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pump->epoll < 0)
		return -errno;
	ares_library_init(ARES_LIB_INIT_ALL);
	if (ares_init_options(&pump->ares, &options, mask) != ARES_SUCCESS)
		return -ENOMEM;
	return ares_set_servers_ports(pump->ares, &node) == ARES_SUCCESS ? 0 : -EIO;
}

static int wait_ms(const struct bench *bench)
{
	uint64_t ns = bench_wait_ns(bench, clock_mono_ns());

	return ns < TICK_MS * NS_PER_MS ? (int)(ns / NS_PER_MS) : TICK_MS;
}

/* Waits for something, and sees to it. */
static void serve(struct pump *pump, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(pump->epoll, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) {
		if (pump->ring && events[i].data.fd == ring_buffer__epoll_fd(pump->ring)) {
			ring_buffer__consume(pump->ring);
			continue;
		}
		ares_process_fd(pump->ares,
				events[i].events & ~(uint32_t)EPOLLOUT ? events[i].data.fd
								       : ARES_SOCKET_BAD,
				events[i].events & EPOLLOUT ? events[i].data.fd : ARES_SOCKET_BAD);
	}
	if (n <= 0)
		ares_process_fd(pump->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static int turn(struct pump *pump)
{
	uint64_t now_ns = clock_mono_ns();
	uint32_t due = bench_due(pump->bench, now_ns);
	int err = 0;

	while (due-- > 0 && err == 0)
		err = begin(pump, bench_begin(pump->bench, now_ns));
	serve(pump, wait_ms(pump->bench));
	return err;
}

static void finish(struct pump *pump, uint64_t cpu_ns, int err)
{
	pump->bench->cpu_ns = bench_own_cpu_ns() - cpu_ns;
	if (err < 0)
		fprintf(stderr, "bench-resolve: pump: %s\n", strerror(-err));
	if (pump->ares)
		ares_destroy(pump->ares);
	close(pump->epoll);
}

int pump_run(struct bench *bench)
{
	struct pump pump = {.bench = bench};
	uint64_t cpu_ns;
	int err = start(&pump);

	cpu_ns = bench_own_cpu_ns();
	bench->start_ns = clock_mono_ns();
	while (err == 0 && !bench_is_done(bench))
		err = turn(&pump);
	finish(&pump, cpu_ns, err);
	return err;
}

/* --- fed ------------------------------------------------------------------------------------ */

/* They come in the order in which they were sent, and none is missing. */
static int on_event(void *ctx, void *data, size_t size)
{
	const struct mxg_event *event = data;
	struct pump *pump = ctx;
	struct addr addr;

	bench_host(pump->bench, pump->bench->first + pump->bench->begun, &addr);
	if (size < sizeof(*event) || pump->bench->begun == pump->bench->count ||
	    memcmp(event->saddr, addr.bytes, 4) != 0)
		pump->err = -EBADMSG;
	else
		pump->err = begin(pump, pump->bench->first + pump->bench->begun++);
	return pump->err;
}

static int take_ring(struct pump *pump, const struct syns *syns)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = syns_ring(syns);

	if (fd < 0)
		return fd;
	pump->ring = ring_buffer__new(fd, on_event, pump, NULL);
	close(fd);
	if (!pump->ring)
		return -errno;
	event.data.fd = ring_buffer__epoll_fd(pump->ring);
	return epoll_ctl(pump->epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0 ? -errno : 0;
}

/* As the SYNs of the worker come: at idle priority, from the core of the server. */
static void feed(const struct syns *syns, int cpu)
{
	struct sched_param param = {0};
	cpu_set_t cpus;
	int err = 0;

	CPU_ZERO(&cpus);
	CPU_SET((unsigned int)cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ||
	    sched_setscheduler(0, SCHED_IDLE, &param) < 0)
		_exit(1);
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	while (err == 0 && syns->bench->begun < syns->bench->count) {
		uint32_t begun = syns->bench->begun;

		err = syns_send_due(syns);
		if (syns->bench->begun == begun)
			syns_nap();
	}
	_exit(err < 0);
}

static int serve_all(struct pump *pump)
{
	struct bench *bench = pump->bench;
	uint64_t moved_ns = clock_mono_ns();
	uint32_t ended;

	while (pump->err == 0 && !bench_is_done(bench)) {
		ended = bench->ended;
		serve(pump, TICK_MS);
		if (bench->ended > ended)
			moved_ns = clock_mono_ns();
		else if (clock_mono_ns() - moved_ns > GIVE_UP_NS)
			return -ETIMEDOUT;
	}
	return pump->err;
}

int fed_run(struct bench *bench, int worker_pid, int feeder_cpu)
{
	struct pump pump = {.bench = bench};
	struct syns syns = {.prog = -1};
	uint64_t cpu_ns = 0;
	int err = start(&pump);
	pid_t feeder = -1;

	bench->window = bench->count; /* the rate alone says when */
	syns_stop_worker(worker_pid);
	if (err == 0)
		err = syns_open(bench, &syns);
	if (err == 0)
		err = take_ring(&pump, &syns);
	cpu_ns = bench_own_cpu_ns();
	bench->start_ns = clock_mono_ns();
	if (err == 0 && (feeder = fork()) == 0)
		feed(&syns, feeder_cpu);
	if (err == 0)
		err = feeder < 0 ? -errno : serve_all(&pump);
	finish(&pump, cpu_ns, err);
	if (feeder > 0) {
		kill(feeder, SIGKILL);
		waitpid(feeder, NULL, 0);
	}
	ring_buffer__free(pump.ring);
	syns_close(&syns);
	kill(worker_pid, SIGCONT);
	return err;
}
