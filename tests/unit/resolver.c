// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The resolver against DNS servers that do as they are told, on loopback and in
 * the same loop. Each server has a behaviour; it answers for two addresses:
 * 192.0.2.1 is mx.example and back, all else does not exist. Time is that of
 * stillclock.h, so that no bound here depends on what else the machine does.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/resolver.h"
#include "stillclock.h"

TestSuite(resolver, .init = stillclock_start);

enum behaviour {
	DO_GOOD,
	DO_SILENT,
	DO_SERVFAIL,
	DO_REFUSED,
	DO_GARBAGE,       /* our ID, then nonsense */
	DO_WRONG_NAME,    /* a good answer to another question */
	DO_NO_EDNS,       /* FORMERR to a query with OPT, good to one without */
	DO_ALWAYS_TC,     /* truncated over UDP, good over TCP */
	DO_TC_NO_TCP,     /* truncated over UDP, silent over TCP */
	DO_FIRST_FAILS,   /* SERVFAIL once, then good */
	DO_FORWARD_DIES,  /* PTR good, A never answered */
	DO_FORWARD_FAILS, /* PTR good, A SERVFAIL */
	DO_SLOW,          /* good, after SLOW_MS */
	DO_BADVERS,       /* NOERROR in the header, an error with what OPT adds */
	DO_CNAME_LOOP,
};

#define SLOW_MS 400

struct server {
	uv_loop_t *loop;
	enum behaviour behaviour;
	uv_udp_t udp;
	uv_tcp_t tcp;
	uv_tcp_t clients[8];
	unsigned int client_count;
	uint16_t port;
	unsigned int delay_ms; /* of every answer over UDP */
	unsigned int udp_queries, tcp_queries, with_edns;
	unsigned int udp_answers; /* sent */
	in_port_t last_port;      /* that a query came from over UDP */
	unsigned int port_changes;
	char udp_buf[65536], tcp_buf[65536];
};

struct late {
	uv_timer_t timer;
	struct server *server;
	struct sockaddr_in to;
	uint8_t msg[1024];
	size_t len;
};

static uv_loop_t loop;

/* --- what a server says --------------------------------------------------------------------- */

static size_t question_end(const uint8_t *msg)
{
	size_t at = 12;

	while (msg[at])
		at += msg[at] + 1u;
	return at + 5;
}

static size_t put_record(uint8_t *msg, size_t at, uint16_t type, const void *rdata, size_t len)
{
	const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 100, 0, (uint8_t)len};

	memcpy(msg + at, head, sizeof(head));
	memcpy(msg + at + sizeof(head), rdata, len);
	msg[7]++;
	return at + sizeof(head) + len;
}

static const uint8_t mx_example[] = "\2mx\7example";
static const uint8_t ptr_name[] = "\0011\0012\0010\003192";

/* The question begins with these octets of a name, in any case (c-ares may mix it). */
static bool asks_for(const uint8_t *msg, const uint8_t *name, size_t len)
{
	return strncasecmp((const char *)msg + 12, (const char *)name, len) == 0;
}

/* Turns the query into the good answer; returns its length. */
static size_t good(uint8_t *msg)
{
	size_t at = question_end(msg);
	uint16_t qtype = msg[at - 3];

	msg[2] |= 0x80;
	msg[3] = 0x80;
	memset(msg + 6, 0, 6);
	if (qtype == ns_t_ptr && asks_for(msg, ptr_name, sizeof(ptr_name) - 1))
		return put_record(msg, at, ns_t_ptr, mx_example, sizeof(mx_example));
	if (qtype == ns_t_a && asks_for(msg, mx_example, sizeof(mx_example)))
		return put_record(msg, at, ns_t_a, "\300\0\2\1", 4);
	msg[3] |= ns_r_nxdomain;
	return at;
}

static size_t failure(uint8_t *msg, unsigned int rcode)
{
	size_t at = question_end(msg);

	msg[2] |= 0x80;
	msg[3] = (uint8_t)(0x80 | rcode);
	memset(msg + 6, 0, 6);
	return at;
}

static size_t badvers(uint8_t *msg)
{
	static const uint8_t opt[] = {0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0};
	size_t at = failure(msg, 0);

	memcpy(msg + at, opt, sizeof(opt));
	msg[11] = 1;
	return at + sizeof(opt);
}

/* The answer of a behaviour, or 0 for none. */
static size_t answer(struct server *server, uint8_t *msg, bool tcp)
{
	bool edns = msg[11] > 0;
	size_t at;

	server->with_edns += edns;
	if (tcp)
		server->tcp_queries++;
	else
		server->udp_queries++;
	switch (server->behaviour) {
	case DO_SILENT:
		return 0;
	case DO_SERVFAIL:
		return failure(msg, ns_r_servfail);
	case DO_REFUSED:
		return failure(msg, ns_r_refused);
	case DO_FIRST_FAILS:
		return server->udp_queries == 1 ? failure(msg, ns_r_servfail) : good(msg);
	case DO_NO_EDNS:
		return edns ? failure(msg, ns_r_formerr) : good(msg);
	case DO_FORWARD_DIES:
		return msg[question_end(msg) - 3] == ns_t_a ? 0 : good(msg);
	case DO_FORWARD_FAILS:
		return msg[question_end(msg) - 3] == ns_t_a ? failure(msg, ns_r_servfail)
							    : good(msg);
	case DO_BADVERS:
		return badvers(msg);
	case DO_TC_NO_TCP:
		at = tcp ? 0 : failure(msg, 0);
		msg[2] |= 2;
		return at;
	case DO_ALWAYS_TC:
		at = tcp ? good(msg) : failure(msg, 0);
		msg[2] |= tcp ? 0 : 2;
		return at;
	case DO_WRONG_NAME:
		at = good(msg);
		msg[13] ^= 1;
		return at;
	case DO_GARBAGE:
		memset(msg + 2, 0xff, 30);
		return 32;
	case DO_CNAME_LOOP:
		at = failure(msg, 0);
		return put_record(msg, at, ns_t_cname, "\300\014", 2);
	case DO_GOOD:
	case DO_SLOW:
		break;
	}
	return good(msg);
}

/* --- a server ------------------------------------------------------------------------------- */

static void give_udp_buf(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct server *server = handle->data;

	(void)size;
	*buf = uv_buf_init(server->udp_buf, sizeof(server->udp_buf));
}

static void give_tcp_buf(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct server *server = handle->data;

	(void)size;
	*buf = uv_buf_init(server->tcp_buf, sizeof(server->tcp_buf));
}

static void free_late(uv_handle_t *handle)
{
	free(handle->data);
}

static void send_late(uv_timer_t *timer)
{
	struct late *late = timer->data;
	uv_buf_t buf = uv_buf_init((char *)late->msg, (unsigned int)late->len);

	if (!uv_is_closing((uv_handle_t *)&late->server->udp))
		late->server->udp_answers += uv_udp_try_send(&late->server->udp, &buf, 1,
							     (struct sockaddr *)&late->to) > 0;
	uv_close((uv_handle_t *)timer, free_late);
}

static void on_udp(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		   unsigned int flags)
{
	struct server *server = udp->data;
	uint8_t *msg = (uint8_t *)buf->base;
	struct late *late;

	(void)flags;
	if (n < 17 || !from)
		return;
	server->port_changes += server->last_port != ((const struct sockaddr_in *)from)->sin_port;
	server->last_port = ((const struct sockaddr_in *)from)->sin_port;
	late = calloc(1, sizeof(*late));
	late->len = answer(server, msg, false);
	if (late->len == 0) {
		free(late);
		return;
	}
	late->server = server;
	memcpy(&late->to, from, sizeof(late->to));
	memcpy(late->msg, msg, late->len);
	uv_timer_init(&loop, &late->timer);
	late->timer.data = late;
	uv_timer_start(&late->timer, send_late, server->delay_ms, 0);
}

static void on_tcp_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct server *server = stream->data;
	uint8_t *msg = (uint8_t *)buf->base;
	uv_buf_t out;
	size_t len;

	if (n < 19)
		return;
	len = answer(server, msg + 2, true);
	if (len == 0)
		return;
	msg[0] = (uint8_t)(len >> 8);
	msg[1] = (uint8_t)len;
	out = uv_buf_init((char *)msg, (unsigned int)len + 2);
	uv_try_write(stream, &out, 1);
}

static void on_tcp(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	uv_tcp_t *client;

	if (status < 0 || server->client_count == 8)
		return;
	client = &server->clients[server->client_count++];
	uv_tcp_init(&loop, client);
	client->data = server;
	uv_unref((uv_handle_t *)client);
	uv_accept(listener, (uv_stream_t *)client);
	uv_read_start((uv_stream_t *)client, give_tcp_buf, on_tcp_read);
}

/* Both on one port of the kernel's choice; false if the other has it in use already. */
static bool bind_both(struct server *server)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	uv_udp_init(&loop, &server->udp);
	server->udp.data = server;
	cr_assert_eq(uv_udp_bind(&server->udp, (struct sockaddr *)&at, 0), 0);
	uv_udp_getsockname(&server->udp, (struct sockaddr *)&at, &len);
	server->port = ntohs(at.sin_port);
	uv_tcp_init(&loop, &server->tcp);
	server->tcp.data = server;
	return uv_tcp_bind(&server->tcp, (struct sockaddr *)&at, 0) == 0 &&
	       uv_listen((uv_stream_t *)&server->tcp, 8, on_tcp) == 0;
}

static void server_start(struct server *server, enum behaviour behaviour)
{
	int tries = 0;

	memset(server, 0, sizeof(*server));
	server->behaviour = behaviour;
	server->delay_ms = behaviour == DO_SLOW ? SLOW_MS : 0;
	/* A port that is free for UDP may be somebody's for TCP. */
	while (!bind_both(server)) {
		cr_assert_lt(++tries, 100, "no port is free for both");
		uv_close((uv_handle_t *)&server->udp, NULL);
		uv_close((uv_handle_t *)&server->tcp, NULL);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	uv_udp_recv_start(&server->udp, give_udp_buf, on_udp);
	uv_unref((uv_handle_t *)&server->udp);
	uv_unref((uv_handle_t *)&server->tcp);
}

static void server_stop(struct server *server)
{
	uv_close((uv_handle_t *)&server->udp, NULL);
	uv_close((uv_handle_t *)&server->tcp, NULL);
	while (server->client_count > 0)
		uv_close((uv_handle_t *)&server->clients[--server->client_count], NULL);
}

/* --- a run ---------------------------------------------------------------------------------- */

#define SERVERS 3

static struct server servers[SERVERS];
static struct iprev_report report;
static unsigned int done;

static void on_done(const struct iprev_report *got, void *user)
{
	cr_expect_eq(user, &done);
	iprev_report_copy(got, &report);
	done++;
}

static uint32_t channel_ms;
static unsigned int rooms;

static void on_room(void *user)
{
	cr_expect_eq(user, &rooms);
	rooms++;
}

static struct resolver *resolver_start(unsigned int count, const enum behaviour *behaviours,
				       uint32_t deadline_ms, uint32_t max)
{
	struct resolver_conf conf = {.server_count = count,
				     .deadline_ms = deadline_ms,
				     .max_outstanding = max,
				     .channel_ms = channel_ms,
				     .on_room = on_room,
				     .room_user = &rooms};
	struct resolver *resolver = NULL;
	unsigned int i;

	uv_loop_init(&loop);
	for (i = 0; i < count; i++) {
		server_start(&servers[i], behaviours[i]);
		addr_parse("127.0.0.1", &conf.servers[i].addr);
		conf.servers[i].port = servers[i].port;
	}
	cr_assert_eq(resolver_new(&loop, &conf, &resolver), 0);
	return resolver;
}

/* Ends everything; a handle that stays open is a leak. */
static void resolver_end(struct resolver *resolver, unsigned int count)
{
	unsigned int i;

	resolver_free(resolver);
	for (i = 0; i < count; i++)
		server_stop(&servers[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0, "a handle is left open");
}

static void check_addr(struct resolver *resolver, const char *text)
{
	struct addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	cr_assert_eq(resolver_check(resolver, &addr, on_done, &done), 0);
}

static uint32_t wait_for(unsigned int count)
{
	uint64_t start_ns = clock_mono_ns();

	while (done < count && clock_mono_ns() - start_ns < 20 * CLOCK_NS_PER_SEC)
		uv_run(&loop, UV_RUN_ONCE);
	cr_assert_eq(done, count);
	return (uint32_t)((clock_mono_ns() - start_ns) / 1000000);
}

static uint16_t port_of(const char *server)
{
	const char *colon = strrchr(server, ':');

	return colon ? (uint16_t)atoi(colon + 1) : 0;
}

#define ANY 0xff

Test(resolver, servers_that_fail_in_every_way)
{
	static const struct {
		const char *label;
		enum behaviour behaviours[SERVERS];
		unsigned int count;
		const char *addr;
		enum iprev_result result;
		enum dns_status status; /* of the last step */
		unsigned int by;        /* which server answered it; ANY */
		uint32_t min_ms, max_ms;
	} rows[] = {
		{"good", {DO_GOOD}, 1, "192.0.2.1", IPREV_PASS, DNS_DATA, 0, 0, 1500},
		{"no such PTR",
		 {DO_GOOD},
		 1,
		 "192.0.2.2",
		 IPREV_PERMERROR,
		 DNS_NXDOMAIN,
		 0,
		 0,
		 1500},
		{"SERVFAIL, then the next",
		 {DO_SERVFAIL, DO_GOOD},
		 2,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 1,
		 0,
		 1500},
		{"REFUSED, SERVFAIL, then the third",
		 {DO_REFUSED, DO_SERVFAIL, DO_GOOD},
		 3,
		 "192.0.2.2",
		 IPREV_PERMERROR,
		 DNS_NXDOMAIN,
		 2,
		 0,
		 1500},
		{"SERVFAIL from all",
		 {DO_SERVFAIL, DO_SERVFAIL},
		 2,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_SERVFAIL,
		 ANY,
		 200,
		 1500},
		{"REFUSED from the only one",
		 {DO_REFUSED},
		 1,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_REFUSED,
		 0,
		 200,
		 1500},
		{"fails once, asked again",
		 {DO_FIRST_FAILS},
		 1,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 0,
		 200,
		 1500},
		{"silent, then the next beside it",
		 {DO_SILENT, DO_GOOD},
		 2,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 1,
		 250,
		 1700},
		{"silent, all of them",
		 {DO_SILENT, DO_SILENT},
		 2,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_TIMEOUT,
		 ANY,
		 2000,
		 2200},
		{"SERVFAIL is told, though the other is silent",
		 {DO_SERVFAIL, DO_SILENT},
		 2,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_SERVFAIL,
		 0,
		 2000,
		 2200},
		{"garbage, then the next",
		 {DO_GARBAGE, DO_GOOD},
		 2,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 1,
		 0,
		 1700},
		{"garbage from the only one",
		 {DO_GARBAGE},
		 1,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 ANY,
		 ANY,
		 0,
		 2200},
		{"an answer to another question is none",
		 {DO_WRONG_NAME},
		 1,
		 "192.0.2.2",
		 IPREV_TEMPERROR,
		 ANY,
		 ANY,
		 0,
		 2200},
		{"FORMERR to EDNS", {DO_NO_EDNS}, 1, "192.0.2.1", IPREV_PASS, DNS_DATA, 0, 0, 1500},
		{"truncated, then TCP",
		 {DO_ALWAYS_TC},
		 1,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 0,
		 0,
		 1500},
		{"truncated and nothing over TCP, then the next",
		 {DO_TC_NO_TCP, DO_GOOD},
		 2,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 1,
		 250,
		 1700},
		{"truncated and nothing over TCP, from the only one: part of an answer is none",
		 {DO_TC_NO_TCP},
		 1,
		 "192.0.2.2",
		 IPREV_TEMPERROR,
		 ANY,
		 ANY,
		 200,
		 2200},
		{"SERVFAIL to the second question only, then the next",
		 {DO_FORWARD_FAILS, DO_GOOD},
		 2,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 1,
		 0,
		 1500},
		{"SERVFAIL to the second question from all",
		 {DO_FORWARD_FAILS, DO_FORWARD_FAILS},
		 2,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_SERVFAIL,
		 ANY,
		 200,
		 1500},
		{"BADVERS",
		 {DO_BADVERS, DO_GOOD},
		 2,
		 "192.0.2.2",
		 IPREV_PERMERROR,
		 DNS_NXDOMAIN,
		 1,
		 0,
		 1500},
		{"a CNAME loop",
		 {DO_CNAME_LOOP},
		 1,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_LAME,
		 0,
		 0,
		 1500},
		{"the forward lookup is not answered",
		 {DO_FORWARD_DIES},
		 1,
		 "192.0.2.1",
		 IPREV_TEMPERROR,
		 DNS_TIMEOUT,
		 ANY,
		 2000,
		 2200},
		{"slower than the first timeout, and it still counts",
		 {DO_SLOW},
		 1,
		 "192.0.2.1",
		 IPREV_PASS,
		 DNS_DATA,
		 0,
		 2 * SLOW_MS - 10, /* two clocks, each rounded to a millisecond */
		 1950},            /* c-ares 1.34 hears the answer to its second copy only */
	};
	const struct iprev_step *step;
	struct resolver *resolver;
	uint32_t ms;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		done = 0;
		resolver = resolver_start(rows[i].count, rows[i].behaviours, 2000, 10);
		check_addr(resolver, rows[i].addr);
		ms = wait_for(1);
		step = &report.steps[report.step_count - 1];
		cr_expect_eq(report.result, rows[i].result, "%s: %s", rows[i].label,
			     iprev_result_name(report.result));
		if ((unsigned int)rows[i].status != ANY)
			cr_expect_eq(step->status, rows[i].status, "%s: %s %s", rows[i].label,
				     dns_status_name(step->status), step->note);
		if (rows[i].by != ANY)
			cr_expect_eq(port_of(step->server), servers[rows[i].by].port, "%s: %s",
				     rows[i].label, step->server);
		cr_expect(ms >= rows[i].min_ms && ms <= rows[i].max_ms, "%s: %u ms", rows[i].label,
			  ms);
		resolver_end(resolver, rows[i].count);
	}
}

Test(resolver, truncated_goes_over_tcp_and_edns_is_given_up)
{
	struct resolver *resolver =
		resolver_start(1, (const enum behaviour[]){DO_ALWAYS_TC}, 2000, 10);

	check_addr(resolver, "192.0.2.1");
	wait_for(1);
	cr_expect_eq(servers[0].tcp_queries, 2);
	cr_expect_eq(servers[0].with_edns, 4, "EDNS is offered each time");
	resolver_end(resolver, 1);
	done = 0;
	resolver = resolver_start(1, (const enum behaviour[]){DO_NO_EDNS}, 2000, 10);
	check_addr(resolver, "192.0.2.1");
	wait_for(1);
	cr_expect_lt(servers[0].with_edns, servers[0].udp_queries);
	resolver_end(resolver, 1);
}

Test(resolver, deadline_is_kept)
{
	static const uint32_t deadlines_ms[] = {300, 1000, 2500};
	struct resolver *resolver;
	uint32_t ms;
	size_t i;

	for (i = 0; i < sizeof(deadlines_ms) / sizeof(deadlines_ms[0]); i++) {
		done = 0;
		resolver =
			resolver_start(1, (const enum behaviour[]){DO_SILENT}, deadlines_ms[i], 10);
		check_addr(resolver, "192.0.2.1");
		ms = wait_for(1);
		cr_expect(ms >= deadlines_ms[i] && ms <= deadlines_ms[i] * 11 / 10, "%u ms for %u",
			  ms, deadlines_ms[i]);
		cr_expect_geq(servers[0].udp_queries, 2, "asked again meanwhile");
		resolver_end(resolver, 1);
	}
}

/* --- many resolvers at once ------------------------------------------------------------------ */

struct rig {
	const char *label;
	enum behaviour behaviours[SERVERS];
	unsigned int count;
	unsigned int late_percent; /* of the deadline is what an answer takes */
	uint32_t deadline_ms;
	struct server servers[SERVERS];
	struct resolver *resolver;
	uint64_t start_ns;
	uint32_t took_ms;
	enum iprev_result result;
};

static void on_rig_done(const struct iprev_report *got, void *user)
{
	struct rig *rig = user;

	rig->took_ms = (uint32_t)((clock_mono_ns() - rig->start_ns) / 1000000);
	rig->result = got->result;
	done++;
}

static void rig_start(struct rig *rig)
{
	struct resolver_conf conf = {
		.server_count = rig->count, .deadline_ms = rig->deadline_ms, .max_outstanding = 10};
	struct addr addr;
	unsigned int i;

	for (i = 0; i < rig->count; i++) {
		server_start(&rig->servers[i], rig->behaviours[i]);
		rig->servers[i].delay_ms = rig->deadline_ms * rig->late_percent / 100;
		addr_parse("127.0.0.1", &conf.servers[i].addr);
		conf.servers[i].port = rig->servers[i].port;
	}
	cr_assert_eq(resolver_new(&loop, &conf, &rig->resolver), 0);
	addr_parse("192.0.2.1", &addr);
	rig->start_ns = clock_mono_ns();
	cr_assert_eq(resolver_check(rig->resolver, &addr, on_rig_done, rig), 0);
}

static void rig_end(struct rig *rig)
{
	unsigned int i;

	resolver_free(rig->resolver);
	for (i = 0; i < rig->count; i++)
		server_stop(&rig->servers[i]);
}

/* What the servers would still say is said now, to nobody. */
static void hurry(uv_handle_t *handle, void *user)
{
	(void)user;
	if (handle->type == UV_TIMER && !uv_is_closing(handle))
		uv_timer_start((uv_timer_t *)handle, send_late, 0, 0);
}

/* Whatever the servers leave out, the report comes at the deadline: not before, 10 % after at most.
 */
Test(resolver, deadline_holds_over_all_queries)
{
	static const struct {
		const char *label;
		enum behaviour behaviours[SERVERS];
		unsigned int count, late_percent;
	} kinds[] = {
		{"silent", {DO_SILENT}, 1, 0},
		{"silent, all three", {DO_SILENT, DO_SILENT, DO_SILENT}, 3, 0},
		{"each answer after 6/10 of the time", {DO_GOOD}, 1, 60},
		{"so from all three", {DO_GOOD, DO_GOOD, DO_GOOD}, 3, 60},
		{"half an answer", {DO_FORWARD_DIES}, 1, 0},
		{"half of one from all", {DO_FORWARD_DIES, DO_FORWARD_DIES, DO_FORWARD_DIES}, 3, 0},
		{"failure and silence", {DO_SERVFAIL, DO_SILENT, DO_REFUSED}, 3, 0},
		{"late failure, late silence", {DO_SERVFAIL, DO_FORWARD_DIES, DO_SILENT}, 3, 70},
	};
	static const uint32_t deadlines_ms[] = {1000, 2000, 5000};
	static struct rig rigs[sizeof(kinds) / sizeof(kinds[0])][3];
	struct rig *rig;
	size_t i, j;

	uv_loop_init(&loop);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (j = 0; j < 3; j++) {
			rig = &rigs[i][j];
			rig->label = kinds[i].label;
			memcpy(rig->behaviours, kinds[i].behaviours, sizeof(rig->behaviours));
			rig->count = kinds[i].count;
			rig->late_percent = kinds[i].late_percent;
			rig->deadline_ms = deadlines_ms[j];
			rig_start(rig);
		}
	wait_for(sizeof(rigs) / sizeof(rigs[0][0]));
	for (rig = rigs[0]; rig < rigs[0] + sizeof(rigs) / sizeof(rigs[0][0]); rig++) {
		cr_expect_eq(rig->result, IPREV_TEMPERROR, "%s: %s", rig->label,
			     iprev_result_name(rig->result));
		cr_expect(rig->took_ms >= rig->deadline_ms &&
				  rig->took_ms <= rig->deadline_ms * 11 / 10,
			  "%s: %u ms for %u", rig->label, rig->took_ms, rig->deadline_ms);
		rig_end(rig);
	}
	uv_walk(&loop, hurry, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0, "a handle is left open");
}

/* --- who may come next -------------------------------------------------------------------------
 */

/* Starts checks while there is room. */
static unsigned int fill(struct resolver *resolver)
{
	struct addr addr = {.family = 4, .bytes = {198, 18}};
	static uint8_t next;
	unsigned int count = 0;

	while (resolver_room(resolver) > 0) {
		addr.bytes[2] = (uint8_t)(next + count / 256);
		addr.bytes[3] = (uint8_t)count++;
		cr_assert_eq(resolver_check(resolver, &addr, on_done, &done), 0);
	}
	next = (uint8_t)(next + 16);
	return count;
}

/* A burst is let in as it can be sent; what nobody answers does not keep the next out. */
Test(resolver, room_is_what_can_be_sent)
{
	static const enum behaviour behaviours[] = {DO_GOOD, DO_SILENT};
	struct resolver *resolver;
	unsigned int started, i;

	for (i = 0; i < 2; i++) {
		done = rooms = 0;
		resolver = resolver_start(1, &behaviours[i], 1500, 4000);
		started = fill(resolver);
		cr_expect_eq(started, 200);
		cr_expect_eq(rooms, 0, "nothing has been sent");
		/* Whoever cannot wait comes in all the same. */
		check_addr(resolver, "192.0.2.1");
		while (rooms == 0)
			uv_run(&loop, UV_RUN_ONCE);
		cr_expect_geq(resolver_room(resolver), 25);
		cr_expect(behaviours[i] == DO_GOOD || done == 0, "they are still under way");
		uv_run(&loop, UV_RUN_NOWAIT);
		cr_expect_eq(rooms, 1, "told once");
		started += fill(resolver);
		wait_for(started + 1);
		cr_expect_eq(rooms, 2);
		resolver_end(resolver, 1);
	}
	/* Where fewer are wanted at once, there is no more room than that. */
	resolver = resolver_start(1, &behaviours[1], 1500, 7);
	cr_expect_eq(fill(resolver), 7);
	resolver_end(resolver, 1);
}

/* --- what is told of the servers -------------------------------------------------------------- */

Test(resolver, health_of_the_servers)
{
	struct resolver *resolver =
		resolver_start(2, (const enum behaviour[]){DO_SILENT, DO_SLOW}, 2000, 100);
	uint64_t start_ns = clock_mono_ns(), down_ns;
	struct resolver_stats stats;
	unsigned int i;

	resolver_get_stats(resolver, &stats);
	for (i = 0; i < 2; i++) {
		cr_expect_not(stats.servers[i].is_down, "innocent until proven silent");
		cr_expect_leq(stats.servers[i].since_ns, start_ns);
		cr_expect_eq(stats.servers[i].last_answer_ns, 0);
		cr_expect_eq(stats.servers[i].answer_us, 0);
		cr_expect_eq(stats.servers[i].is_first, i == 0);
	}
	for (i = 1; i <= 3; i++) {
		check_addr(resolver, "192.0.2.1");
		wait_for(i);
	}
	resolver_get_stats(resolver, &stats);
	down_ns = stats.servers[0].since_ns;
	cr_expect(stats.servers[0].is_down);
	cr_expect_not(stats.servers[0].is_first);
	cr_expect_gt(down_ns, start_ns);
	cr_expect_eq(stats.servers[0].last_answer_ns, 0);
	cr_expect_eq(stats.servers[0].answer_us, 0);
	cr_expect_not(stats.servers[1].is_down);
	cr_expect(stats.servers[1].is_first, "the next query goes to the one that answers");
	cr_expect_leq(stats.servers[1].since_ns, start_ns);
	cr_expect_gt(stats.servers[1].last_answer_ns, start_ns);
	cr_expect_geq(stats.servers[1].answer_us, (SLOW_MS - 10) * 1000, "%u",
		      stats.servers[1].answer_us);
	/* A copy of a query that c-ares sends again is what tells that it is back. */
	servers[0].behaviour = DO_GOOD;
	for (start_ns = clock_mono_ns();
	     stats.servers[0].is_down && clock_mono_ns() - start_ns < 5 * CLOCK_NS_PER_SEC;
	     resolver_get_stats(resolver, &stats))
		uv_run(&loop, UV_RUN_ONCE);
	cr_expect_not(stats.servers[0].is_down);
	cr_expect(stats.servers[0].is_first);
	cr_expect_not(stats.servers[1].is_first);
	cr_expect_gt(stats.servers[0].since_ns, down_ns);
	resolver_end(resolver, 2);
}

/*
 * The machine kept us from running for longer than the deadline, and the answer came
 * meanwhile: it counts, and the server was not silent.
 */
Test(resolver, what_has_come_is_read_before_the_clock)
{
	struct resolver *resolver =
		resolver_start(2, (const enum behaviour[]){DO_GOOD, DO_SILENT}, 2000, 10);
	struct resolver_stats stats;
	unsigned int i;

	for (i = 1; i <= 4; i++) {
		check_addr(resolver, "192.0.2.2");
		while (servers[0].udp_answers < i)
			uv_run(&loop, UV_RUN_ONCE);
		cr_assert_eq(done, i - 1, "it is in the socket");
		stillclock_pass(5000);
		wait_for(i);
		cr_expect_eq(report.result, IPREV_PERMERROR, "%s",
			     iprev_result_name(report.result));
	}
	resolver_get_stats(resolver, &stats);
	cr_expect_not(stats.servers[0].is_down);
	cr_expect_eq(servers[0].udp_queries, 4, "none was asked twice: %u", servers[0].udp_queries);
	cr_expect_eq(servers[1].udp_queries, 0, "nor another server");
	resolver_end(resolver, 2);
}

/* One slow answer among quick ones moves the figure by an eighth of itself. */
Test(resolver, answer_time_is_smoothed)
{
	struct resolver *resolver = resolver_start(1, (const enum behaviour[]){DO_GOOD}, 5000, 10);
	struct resolver_stats stats;
	const uint32_t late_ms = 200; /* newer c-ares asks anew after 250 ms */
	uint32_t quick_us;
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		check_addr(resolver, "192.0.2.2");
		wait_for(i);
	}
	resolver_get_stats(resolver, &stats);
	quick_us = stats.servers[0].answer_us;
	servers[0].delay_ms = late_ms;
	check_addr(resolver, "192.0.2.2");
	wait_for(6);
	resolver_get_stats(resolver, &stats);
	cr_expect_gt(quick_us, 0);
	cr_expect_lt(quick_us, late_ms * 1000 / 8);
	cr_expect_geq(stats.servers[0].answer_us, (late_ms - 10) * 1000 / 8);
	cr_expect_leq(stats.servers[0].answer_us, 2 * late_ms * 1000 / 8 + quick_us + 1, "%u",
		      stats.servers[0].answer_us);
	resolver_end(resolver, 1);
}

Test(resolver, one_evaluation_for_all_who_ask)
{
	struct resolver *resolver = resolver_start(1, (const enum behaviour[]){DO_GOOD}, 2000, 1);
	struct resolver_stats stats;
	struct addr other;

	addr_parse("192.0.2.9", &other);
	check_addr(resolver, "192.0.2.1");
	check_addr(resolver, "192.0.2.1");
	check_addr(resolver, "192.0.2.1");
	cr_expect_eq(done, 0, "never from inside the call");
	cr_expect_eq(resolver_check(resolver, &other, on_done, &done), -EBUSY);
	wait_for(3);
	resolver_get_stats(resolver, &stats);
	cr_expect_eq(stats.started, 1);
	cr_expect_eq(stats.joined, 2);
	cr_expect_eq(stats.refused_full, 1);
	cr_expect_eq(stats.outstanding, 0);
	cr_expect_eq(stats.done[IPREV_PASS], 1);
	cr_expect_eq(stats.servers[0].queries, 2);
	cr_expect_eq(stats.servers[0].answers, 2);
	cr_expect_eq(stats.servers[0].failures, 0);
	cr_expect_eq(servers[0].udp_queries, 2);
	cr_expect_eq(resolver_check(resolver, &other, on_done, &done), 0, "there is room again");
	wait_for(4);
	resolver_end(resolver, 1);
}

/* A second opinion comes from the other server; from the same only if that one fails. */
Test(resolver, a_server_can_be_avoided)
{
	static const struct {
		enum behaviour other;
		unsigned int avoid;
		int answered_by;
	} rows[] = {{DO_GOOD, 0, 1}, {DO_GOOD, 1, 0}, {DO_SERVFAIL, 0, 0}, {DO_GOOD, 7, 0}};
	enum behaviour behaviours[2] = {DO_GOOD, DO_GOOD};
	struct resolver_stats stats;
	struct resolver *resolver;
	struct addr addr;
	size_t i;

	addr_parse("192.0.2.1", &addr);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		behaviours[1] = rows[i].other;
		done = 0;
		resolver = resolver_start(2, behaviours, 2000, 10);
		resolver_get_stats(resolver, &stats);
		cr_expect_eq(stats.server_count, 2);
		cr_assert_eq(
			resolver_check_avoiding(resolver, &addr, rows[i].avoid, on_done, &done), 0);
		wait_for(1);
		cr_expect_eq(report.result, IPREV_PASS, "row %zu", i);
		cr_expect_eq(resolver_server_number(resolver, report.steps[0].server),
			     rows[i].answered_by, "row %zu: %s", i, report.steps[0].server);
		cr_expect_eq(resolver_server_number(resolver, report.steps[1].server),
			     rows[i].answered_by, "row %zu: %s", i, report.steps[1].server);
		resolver_end(resolver, 2);
	}
}

Test(resolver, special_purpose_asks_nobody)
{
	struct resolver *resolver = resolver_start(1, (const enum behaviour[]){DO_GOOD}, 2000, 10);

	check_addr(resolver, "10.0.0.1");
	cr_expect_eq(done, 0, "never from inside the call");
	wait_for(1);
	cr_expect_eq(report.result, IPREV_SPECIAL);
	cr_expect_eq(servers[0].udp_queries, 0);
	resolver_end(resolver, 1);
}

static struct resolver *chained;

static void check_again(const struct iprev_report *got, void *user)
{
	(void)user;
	if (++done < 50)
		cr_expect_eq(resolver_check(chained, &got->addr, check_again, NULL), 0);
}

Test(resolver, may_be_asked_again_from_the_callback)
{
	struct addr addr;

	chained = resolver_start(1, (const enum behaviour[]){DO_GOOD}, 2000, 1);
	addr_parse("192.0.2.1", &addr);
	cr_assert_eq(resolver_check(chained, &addr, check_again, NULL), 0);
	wait_for(50);
	resolver_end(chained, 1);
}

/* A dead first server costs the first few queries their wait, not all of them. */
Test(resolver, silent_server_is_not_asked_first_for_long)
{
	struct resolver *resolver =
		resolver_start(2, (const enum behaviour[]){DO_SILENT, DO_GOOD}, 2000, 100);
	uint32_t ms;
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		check_addr(resolver, "192.0.2.1");
		wait_for(i);
	}
	check_addr(resolver, "192.0.2.1");
	ms = wait_for(4);
	cr_expect_lt(ms, 100, "%u ms", ms);
	resolver_end(resolver, 2);
}

Test(resolver, many_at_once)
{
	struct resolver *resolver =
		resolver_start(1, (const enum behaviour[]){DO_GOOD}, 5000, 2000);
	struct resolver_stats stats;
	char text[ADDR_TEXT_MAX];
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "198.51.%u.%u", 100 + i / 250, i % 250);
		check_addr(resolver, text);
	}
	wait_for(2000);
	resolver_get_stats(resolver, &stats);
	cr_expect_eq(stats.done[IPREV_PERMERROR], 2000, "%lu; %lu timeouts",
		     stats.done[IPREV_PERMERROR], stats.servers[0].timeouts);
	resolver_end(resolver, 1);
}

/* How many of count addresses, each with its number between head and tail, are taken. */
static unsigned int take(struct resolver *resolver, const char *head, const char *tail,
			 unsigned int count)
{
	unsigned int taken = 0, i;
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%u%s", head, i, tail);
		cr_assert_eq(addr_parse(text, &addr), 0);
		taken += resolver_check(resolver, &addr, on_done, &done) == 0;
	}
	return taken;
}

/* Sources whose reverse zone is dead must not take all the room there is. */
Test(resolver, one_zone_has_its_share)
{
	struct resolver *resolver =
		resolver_start(1, (const enum behaviour[]){DO_SILENT}, 300, 160);

	cr_expect_eq(take(resolver, "198.51.100.", "", 100), 20, "a /24");
	cr_expect_eq(take(resolver, "198.51.101.", "", 1), 1, "the next /24");
	cr_expect_eq(take(resolver, "2001:db8:1:", "::25", 100), 20, "a /48");
	cr_expect_eq(take(resolver, "2001:db8:2:", "::25", 1), 1, "the next /48");
	wait_for(42);
	cr_expect_eq(take(resolver, "198.51.100.", "", 100), 20, "there is room again");
	wait_for(62);
	resolver_end(resolver, 1);
}

/* A source port is not kept; what is under way on the old one is not lost with it. */
Test(resolver, source_ports_change)
{
	struct resolver *resolver;
	char text[ADDR_TEXT_MAX];
	unsigned int i;

	channel_ms = 20;
	resolver = resolver_start(1, (const enum behaviour[]){DO_SLOW}, 5000, 100);
	for (i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "198.51.100.%u", i);
		check_addr(resolver, text);
		uv_run(&loop, UV_RUN_NOWAIT);
		stillclock_pass(25);
	}
	wait_for(10);
	cr_expect_eq(report.result, IPREV_PERMERROR);
	cr_expect_eq(servers[0].udp_queries, 10, "none was asked twice");
	cr_expect_geq(servers[0].port_changes, 8, "%u", servers[0].port_changes);
	check_addr(resolver, "192.0.2.1");
	uv_run(&loop, UV_RUN_NOWAIT);
	resolver_end(resolver, 1);
}

/* Freed at every stage of an evaluation: nobody is called, nothing leaks. */
Test(resolver, freed_while_busy)
{
	static const enum behaviour kinds[] = {DO_SILENT, DO_SERVFAIL, DO_GOOD, DO_FORWARD_DIES,
					       DO_ALWAYS_TC};
	enum behaviour pair[2] = {DO_SILENT, DO_SILENT};
	struct resolver *resolver;
	unsigned int kind, turns, turn;

	for (kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		for (turns = 0; turns < 5; turns++) {
			done = 0;
			pair[0] = kinds[kind];
			resolver = resolver_start(2, pair, 2000, 10);
			check_addr(resolver, "192.0.2.1");
			check_addr(resolver, "192.0.2.1");
			check_addr(resolver, "10.0.0.1");
			for (turn = 0; turn < turns; turn++)
				uv_run(&loop, UV_RUN_ONCE);
			turn = done;
			resolver_end(resolver, 2);
			cr_expect_eq(done, turn, "nobody is called afterwards");
		}
	}
}

Test(resolver, conf_that_cannot_work)
{
	struct resolver_conf conf = {.server_count = 1, .deadline_ms = 1000, .max_outstanding = 1};
	struct resolver *resolver = NULL;

	uv_loop_init(&loop);
	addr_parse("127.0.0.1", &conf.servers[0].addr);
	conf.servers[0].port = 53;
	conf.deadline_ms = 0;
	cr_expect_eq(resolver_new(&loop, &conf, &resolver), -EINVAL);
	conf.deadline_ms = 1000;
	conf.max_outstanding = 0;
	cr_expect_eq(resolver_new(&loop, &conf, &resolver), -EINVAL);
	cr_expect_eq(resolver, NULL);
	resolver_free(NULL);
}

/* Nothing listens there: the ICMP error is no answer either. */
Test(resolver, nobody_listens)
{
	struct resolver_conf conf = {.server_count = 1, .deadline_ms = 1000, .max_outstanding = 1};
	struct resolver_stats stats;
	struct resolver *resolver;
	unsigned int i;

	uv_loop_init(&loop);
	server_start(&servers[0], DO_GOOD);
	addr_parse("127.0.0.1", &conf.servers[0].addr);
	conf.servers[0].port = servers[0].port;
	server_stop(&servers[0]);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert_eq(resolver_new(&loop, &conf, &resolver), 0);
	for (i = 1; i <= 2; i++) {
		check_addr(resolver, "192.0.2.1");
		wait_for(i);
		cr_expect_eq(report.result, IPREV_TEMPERROR);
	}
	resolver_get_stats(resolver, &stats);
	cr_expect(stats.servers[0].is_down);
	resolver_end(resolver, 0);
}

static struct forward_report forwarded;

static void on_forward(const struct forward_report *got, void *user)
{
	cr_expect_eq(user, &done);
	forwarded = *got;
	done++;
}

Test(resolver, the_addresses_of_a_name)
{
	static const struct {
		const char *label;
		enum behaviour behaviours[SERVERS];
		unsigned int count;
		const char *name;
		unsigned int addrs;
		bool is_certain;
		uint32_t min_ms, max_ms;
	} rows[] = {
		{"one A", {DO_GOOD}, 1, "mx.example", 1, true, 0, 900},
		{"no such name", {DO_GOOD}, 1, "no.example", 0, true, 0, 900},
		{"the next server", {DO_SERVFAIL, DO_GOOD}, 2, "mx.example", 1, true, 0, 900},
		{"over TCP", {DO_ALWAYS_TC}, 1, "mx.example", 1, true, 0, 900},
		{"SERVFAIL", {DO_SERVFAIL}, 1, "mx.example", 0, false, 0, 900},
		{"another's answer", {DO_WRONG_NAME}, 1, "mx.example", 0, false, 0, 1100},
		{"no A, an AAAA that fails", {DO_FORWARD_FAILS}, 1, "mx.example", 0, false, 0, 900},
		{"A is never answered", {DO_FORWARD_DIES}, 1, "mx.example", 0, false, 900, 1100},
		{"silence", {DO_SILENT}, 1, "mx.example", 0, false, 900, 1100},
	};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resolver *resolver =
			resolver_start(rows[i].count, rows[i].behaviours, 1000, 1);
		struct resolver_stats stats;
		uint32_t ms;

		done = 0;
		cr_assert_eq(resolver_forward(resolver, rows[i].name, on_forward, &done), 0);
		cr_expect_eq(done, 0, "never from inside the call");
		cr_expect_eq(resolver_room(resolver), 0, "it takes a place");
		cr_expect_eq(resolver_forward(resolver, rows[i].name, on_forward, &done), -EBUSY);
		ms = wait_for(1);
		cr_expect(ms >= rows[i].min_ms && ms <= rows[i].max_ms, "%s: %u ms", rows[i].label,
			  ms);
		cr_expect_str_eq(forwarded.name, rows[i].name);
		cr_expect_eq(forwarded.count, rows[i].addrs, "%s", rows[i].label);
		cr_expect_eq(forwarded.is_certain, rows[i].is_certain, "%s", rows[i].label);
		if (rows[i].addrs)
			cr_expect_str_eq(addr_format(&forwarded.addrs[0], text), "192.0.2.1");
		resolver_get_stats(resolver, &stats);
		cr_expect_eq(stats.outstanding, 0);
		cr_expect_eq(stats.started, 0);
		resolver_end(resolver, rows[i].count);
	}
}

/* Names are in nobody's way, and the same one twice is two. */
Test(resolver, names_beside_addresses)
{
	struct resolver *resolver = resolver_start(1, (const enum behaviour[]){DO_GOOD}, 2000, 20);
	char longest[DNS_HOST_TEXT_MAX + 1];

	memset(longest, 'a', DNS_HOST_TEXT_MAX);
	longest[DNS_HOST_TEXT_MAX] = '\0';
	cr_expect_eq(resolver_forward(resolver, longest, on_forward, &done), -EINVAL);
	for (unsigned int i = 0; i < 16; i++)
		cr_expect_eq(resolver_forward(resolver, "mx.example", on_forward, &done), 0);
	cr_expect_eq(resolver_forward(resolver, "mx.example", on_forward, &done), -EBUSY,
		     "their share is used up");
	check_addr(resolver, "192.0.2.1");
	wait_for(17);
	cr_expect_eq(report.result, IPREV_PASS);
	cr_expect_eq(forwarded.count, 1);
	cr_expect_eq(servers[0].udp_queries, 34);
	resolver_end(resolver, 1);
}

Test(resolver, names_under_way_when_it_ends)
{
	struct resolver *resolver =
		resolver_start(1, (const enum behaviour[]){DO_SILENT}, 2000, 20);

	resolver_forward(resolver, "mx.example", on_forward, &done);
	resolver_forward(resolver, "no.example", on_forward, &done);
	uv_run(&loop, UV_RUN_NOWAIT);
	resolver_end(resolver, 1);
	cr_expect_eq(done, 0);
}
