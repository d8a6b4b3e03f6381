/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* SYNs of the benchmark's hosts, sent through the gate that is loaded on an interface. */
#ifndef MXGATE_BENCH_SYNS_H
#define MXGATE_BENCH_SYNS_H

#include "bench.h"

struct syns {
	struct bench *bench;
	int prog;
};

/* Finds the program on bench->interface. 0 or -errno; close with syns_close(). */
int syns_open(struct bench *bench, struct syns *ret);
void syns_close(struct syns *syns);

/* The ring buffer that the program reports to: a file descriptor, or -errno. */
int syns_ring(const struct syns *syns);

/* Sends the SYN of this host. 0 or -errno. */
int syns_send(const struct syns *syns, uint32_t number);

/*
 * Some of those whose time has come, and notes for each when it was sent: that we
 * come late with it, beside the server, is nobody's doing who is measured.
 */
int syns_send_due(const struct syns *syns);

/* Stops the worker, and waits until it has; SIGCONT lets it go on. */
void syns_stop_worker(int pid);

/* A short sleep. */
void syns_nap(void);

#endif
