/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The parts of bench-gate, which tests/bench/gate calls: it lays the cables and knows
 * what to compare; here one thing is set up, or one measurement taken. Each call works
 * in the network namespace it is started in, pins below the /sys/fs/bpf it sees, and
 * leaves attached what it attached.
 */
#ifndef MXGATE_TESTS_PACKETS_H
#define MXGATE_TESTS_PACKETS_H

#include <stdint.h>

#include <mxgate/abi.h>

#include "base/addr.h"

#define PACKETS_MX4 "192.0.2.25"
#define PACKETS_MX6 "2001:db8:25::25"

struct bpf_object;
struct gate;
struct inner;
struct vmap;

/* A packet of the talk with who is rejected, by the order in which they come. */
enum packets_kind {
	PACKETS_SYN,
	PACKETS_ACK,  /* that of the gate's SYN-ACK; 220 is the answer */
	PACKETS_EHLO, /* 554 is */
};

struct packets {
	char object[256];      /* bench-gate.bpf.o, or what the subcommand sets up */
	const char *interface; /* NULL: none */
	unsigned int family;
	uint32_t sources;       /* so many have a verdict: numbers 0 and on */
	uint32_t first;         /* run, flood: the first that sends */
	uint32_t hot;           /* run: so many of the sources send, 0: all */
	uint32_t millis;        /* run: how long */
	uint32_t warm;          /* run: ms before that */
	int napi_pid;           /* run: the receiving thread */
	uint8_t mac[6];         /* run, flood: the receiving interface's address */
	enum mxg_action action; /* mxgate: of every source */
	enum packets_kind kind; /* run: what is sent */
	uint32_t rate;          /* flood: SYNs a second at most, 0: as fast as they go */
};

/* Every function: 0, or -errno with a line on standard error. */

/* Prints the sources' addresses. */
int packets_list(const struct packets *packets);

/* Attaches a program of bench-gate.bpf.o in native mode. */
int packets_attach(const struct packets *packets, const char *program);

/*
 * Makes a gate's tables, enforces no-ptr and gives every source a refusal for it, through
 * io/gate and io/vmap as the daemon does; or, if the object is built with the kernel's
 * HASH, by itself. Attaches through libxdp if there is an interface (not with a HASH). Prints a
 * JSON line: the bytes of the table.
 */
int packets_mxgate(const struct packets *packets);

/* How fast verdicts are put into such tables. Prints a JSON line. */
int packets_updates(const struct packets *packets);

/* Attaches xdp-filter's program with tables of the size needed, and the sources in it. */
int packets_xdp_filter(const struct packets *packets);

/* Accepts nothing on port 25, so that a SYN that arrives there finds a listener. */
int packets_listen(const struct packets *packets);

/* Sends and measures. Prints a JSON line. */
int packets_run(const struct packets *packets);

/* Sends one SYN from each source and measures nothing. */
int packets_flood(const struct packets *packets);

/* Beside the others: the address of a source; an object whose maps have no pins, with libbpf told
 * to say warnings only. */
void packets_source(unsigned int family, uint32_t number, struct addr *ret);
struct bpf_object *packets_open(const char *path);
/* Loads a gate, with tables that hold the sources. Half made, they are to be freed too. */
struct packets_gate {
	struct gate *gate;
	struct inner *tables;
	struct vmap *vmap;
};
int packets_gate(const struct packets *packets, struct packets_gate *ret);
void packets_gate_free(struct packets_gate *gate);
/* The memory that the kernel accounts to a map, 0 if it does not say. */
uint64_t packets_map_bytes(int fd);
/* What a gate of packets_mxgate() says first. */
void packets_greeting(struct mxg_say *ret);

#endif
