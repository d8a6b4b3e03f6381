/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the runs of tests/bench/resolve have in common: the hosts, the order in which
 * they come, how many at once or how many a second, the times taken, one JSON line.
 *
 * A runner (pump, module, gate) is told by bench_due() how many hosts it may begin
 * now, begins them with bench_begin(), and ends each with bench_end(). It owns its
 * own loop; nothing here waits.
 */
#ifndef MXGATE_TESTS_BENCH_H
#define MXGATE_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define BENCH_HOSTS 200000U /* 198.16.0.0 and on */
#define BENCH_NAME  32

struct bench {
	/* what is asked for */
	struct endpoint server;
	uint32_t first, count; /* hosts, by their number in the order of coming */
	uint32_t window;       /* at most so many at once */
	uint32_t rate;         /* so many a second; 0: as fast as the window allows */
	uint32_t burst;        /* gate: so many are in the ring before any is looked at */
	const char *interface; /* gate: where it is */
	uint32_t ttl_sec;      /* gate: the life of a verdict */
	bool absent;           /* of addresses that have no name: any number of them */
	/* what happened */
	uint32_t begun, ended;
	uint32_t pass, other, again;
	uint64_t start_ns, end_ns;
	uint64_t busy_ns;   /* if the run was in pieces, what they took */
	uint64_t *begun_ns; /* by number - first; memory that a child shares */
	uint64_t *took_ns;  /* in the order of ending */
	uint64_t cpu_ns;    /* of whom the run is about */
};

/*
 * The host of this number: its address, and the name that it should have. Numbers that
 * are BENCH_HOSTS apart are the same host: no run may have more.
 */
void bench_host(const struct bench *bench, uint32_t number, struct addr *ret);
void bench_name(const struct addr *addr, char buf[static BENCH_NAME]);

/* Writes the zones of all hosts and the NSD configuration for them into dir. 0 or -errno. */
int bench_write_zones(const char *dir, const char *listen);
/* Prints each host's address, or with queries what dnsperf reads. */
void bench_print_hosts(const struct bench *bench, bool queries);

/* How many hosts may begin now. */
uint32_t bench_due(const struct bench *bench, uint64_t now_ns);
/* ns until the next one is due by the rate, UINT64_MAX if only an end makes room. */
uint64_t bench_wait_ns(const struct bench *bench, uint64_t now_ns);
uint32_t bench_begin(struct bench *bench, uint64_t now_ns);
void bench_end(struct bench *bench, uint32_t number, bool passed, uint64_t now_ns);
bool bench_is_done(const struct bench *bench);

/* CPU time of this process, user and system. */
uint64_t bench_own_cpu_ns(void);

/* One JSON object on a line. */
void bench_report(const struct bench *bench, const char *what);

/* The runners. 0, or -errno with a line on standard error. */
int pump_run(struct bench *bench);
int fed_run(struct bench *bench, int worker_pid, int feeder_cpu);
int module_run(struct bench *bench);
int gate_run(struct bench *bench, int worker_pid);

#endif
