/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Evaluates iprev for addresses over c-ares on a libuv loop: sends what the
 * state machine asks for, feeds it what comes back, keeps the deadline. Asks for the
 * addresses of a name in the same way.
 *
 * One c-ares channel per server, so that the report can say who answered and a
 * SERVFAIL, REFUSED or timeout is asked again of the next server. Bounded: at
 * most max_outstanding addresses at once, of them an eighth (but 16) in one reverse
 * zone, taken to be a /24 or a /48, so that a dead one cannot starve the rest; one
 * evaluation per address (a second request for it joins the first). It decides
 * nothing and writes no verdict.
 */
#ifndef MXGATE_IO_RESOLVER_H
#define MXGATE_IO_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "core/forward.h"
#include "core/iprev.h"

#define RESOLVER_SERVERS_MAX 8

typedef void (*resolver_room_fn)(void *user);

struct resolver_conf {
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	unsigned int server_count; /* 0: those of /etc/resolv.conf */
	uint32_t deadline_ms;      /* per address, over all its queries */
	uint32_t max_outstanding;  /* addresses being evaluated at once */
	uint32_t channel_ms;       /* how long one source port serves; 0: 10 s */
	resolver_room_fn on_room;  /* there is some again, see resolver_room(); may be NULL */
	void *room_user;
};

struct resolver_server_stats {
	char name[ENDPOINT_TEXT_MAX]; /* "127.0.0.1:53", "[::1]:53" */
	uint64_t queries;
	uint64_t answers;  /* DATA, NODATA, NXDOMAIN */
	uint64_t failures; /* everything else, timeouts too */
	uint64_t timeouts;
	bool is_down;            /* so many queries in a row that it said nothing */
	bool is_first;           /* the next query goes to it first */
	uint64_t since_ns;       /* up or down since then, clock_mono_ns(); up until proven down */
	uint64_t last_answer_ns; /* 0: it has given none; knowledge only, no SERVFAIL */
	uint32_t answer_us;      /* how long a reply takes, smoothed; 0: there was none */
};

/* Names (resolver_forward) count in refused_full and outstanding only. */
struct resolver_stats {
	uint64_t started;
	uint64_t done[IPREV_SPECIAL + 1]; /* by enum iprev_result */
	uint64_t refused_full;            /* requests turned away: no room, or none for its zone */
	uint64_t joined;                  /* requests that joined one under way */
	uint32_t outstanding;
	unsigned int server_count;
	struct resolver_server_stats servers[RESOLVER_SERVERS_MAX];
};

struct resolver;

/* The report is valid during the call only. May call resolver_check() again. */
typedef void (*resolver_done_fn)(const struct iprev_report *report, void *user);

/*
 * 0 and *ret to be freed with resolver_free(), or -errno: -ENOENT when no server
 * is configured and /etc/resolv.conf names none, -EINVAL for a deadline or a
 * max_outstanding of 0. After -ENOMEM, too, the loop must run once more.
 */
int resolver_new(uv_loop_t *loop, const struct resolver_conf *conf, struct resolver **ret);

/*
 * Starts the evaluation of addr; on_done is called exactly once, from the loop,
 * never from inside this call, unless resolver_free() comes first (then not at
 * all). 0, -ENOMEM, or -EBUSY when max_outstanding or the zone's share of it is reached;
 * nothing is called then.
 */
int resolver_check(struct resolver *resolver, const struct addr *addr, resolver_done_fn on_done,
		   void *user);

/*
 * The same, but server number avoid (in the order of resolver_stats) is asked last: for a
 * second opinion. One that joins an evaluation under way takes what that gives.
 */
int resolver_check_avoiding(struct resolver *resolver, const struct addr *addr, unsigned int avoid,
			    resolver_done_fn on_done, void *user);

/* The report is valid during the call only. May call the functions that start something. */
typedef void (*resolver_forward_fn)(const struct forward_report *report, void *user);

/*
 * Asks for the addresses of name (a host name without final dot), of the same servers and
 * with the same deadline; what the report keeps of them says core/forward.h. on_forward is
 * called as on_done is. Names share one zone's share of max_outstanding, and none joins
 * another. 0, -EINVAL (the name is too long), -ENOMEM, -EBUSY.
 */
int resolver_forward(struct resolver *resolver, const char *name, resolver_forward_fn on_forward,
		     void *user);

/* The number of the server of this name, or -1. */
int resolver_server_number(const struct resolver *resolver, const char *name);

/*
 * How many addresses could be asked about at once; what one zone may have is another
 * question. More may be started, as long as max_outstanding allows, but a burst is paced and
 * they would wait here, where each costs memory and the time of its own deadline. After it
 * has said 0, on_room is called from the loop when there is room for some.
 */
uint32_t resolver_room(struct resolver *resolver);

/* How many more addresses may be under way at once, waiting for their turn or not. */
uint32_t resolver_places(const struct resolver *resolver);

void resolver_get_stats(const struct resolver *resolver, struct resolver_stats *ret);

/*
 * Drops everything under way without calling back, closes the sockets and
 * timers. The loop must run once more to let libuv finish closing; the memory is
 * freed then. NULL is fine. Not from inside on_done.
 */
void resolver_free(struct resolver *resolver);

#endif
