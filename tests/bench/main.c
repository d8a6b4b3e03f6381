/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One run of tests/bench/resolve, which knows what to run and what to make of it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static const char usage[] =
	"usage: bench-resolve zones DIR ADDR     zone files and nsd.conf for a server on ADDR\n"
	"       bench-resolve hosts|queries [-f FIRST] [-n COUNT]\n"
	"       bench-resolve pump|module [-s SERVER] [-f FIRST] [-n COUNT] [-w WINDOW]\n"
	"                                 [-r RATE]\n"
	"       bench-resolve gate [same] -i INTERFACE -p WORKER_PID [-t TTL] [-a] [-b BURST]\n"
	"       bench-resolve fed [same] -i INTERFACE -p WORKER_PID -c FEEDER_CPU\n";

struct args {
	struct bench bench;
	int worker_pid;
	uint32_t feeder_cpu;
};

static bool get_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool get_option(struct args *args, int option)
{
	struct bench *bench = &args->bench;
	uint32_t pid;

	switch (option) {
	case 'a':
		bench->absent = true;
		return true;
	case 'i':
		bench->interface = optarg;
		return true;
	case 's':
		return endpoint_parse(optarg, 53, &bench->server) == 0 &&
		       bench->server.addr.family == 4;
	case 'b':
		return get_number(optarg, &bench->burst) && bench->burst > 0;
	case 'c':
		return get_number(optarg, &args->feeder_cpu);
	case 'f':
		return get_number(optarg, &bench->first);
	case 'n':
		return get_number(optarg, &bench->count) && bench->count > 0;
	case 'w':
		return get_number(optarg, &bench->window) && bench->window > 0;
	case 'r':
		return get_number(optarg, &bench->rate);
	case 't':
		return get_number(optarg, &bench->ttl_sec);
	case 'p':
		if (!get_number(optarg, &pid))
			return false;
		args->worker_pid = (int)pid;
		return true;
	default:
		return false;
	}
}

static int run(const char *what, struct args *args)
{
	struct bench *bench = &args->bench;
	int err = -EINVAL;

	size_t size = bench->count * sizeof(bench->begun_ns[0]);

	bench->begun_ns =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench->took_ns = calloc(bench->count, sizeof(bench->took_ns[0]));
	if (bench->begun_ns == MAP_FAILED || !bench->took_ns)
		err = -ENOMEM;
	else if (strcmp(what, "pump") == 0)
		err = pump_run(bench);
	else if (strcmp(what, "module") == 0)
		err = module_run(bench);
	else if (strcmp(what, "gate") == 0 && bench->interface && args->worker_pid)
		err = gate_run(bench, args->worker_pid);
	else if (strcmp(what, "fed") == 0 && bench->interface && args->worker_pid)
		err = fed_run(bench, args->worker_pid, (int)args->feeder_cpu);
	else
		fputs(usage, stderr);
	if (err == 0)
		bench_report(bench, bench->burst ? "full ring" : what);
	if (bench->begun_ns != MAP_FAILED)
		munmap(bench->begun_ns, size);
	free(bench->took_ns);
	return err < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct args args = {
		.bench = {.count = BENCH_HOSTS,
			  .window = 100,
			  .ttl_sec = 3600,
			  .server = {.addr = {.family = 4, .bytes = {127, 0, 0, 1}}, .port = 53}}};
	const char *what = argc > 1 ? argv[1] : "";
	int option;

	if (strcmp(what, "zones") == 0 && argc == 4)
		return bench_write_zones(argv[2], argv[3]) < 0;
	optind = 2;
	while ((option = getopt(argc, argv, "ab:c:i:s:f:n:w:r:t:p:")) != -1)
		if (!get_option(&args, option)) {
			fputs(usage, stderr);
			return 64;
		}
	if (strcmp(what, "hosts") == 0 || strcmp(what, "queries") == 0) {
		bench_print_hosts(&args.bench, what[0] == 'q');
		return 0;
	}
	if (!args.bench.absent && args.bench.count > BENCH_HOSTS) {
		fprintf(stderr, "bench-resolve: there are %u hosts\n", BENCH_HOSTS);
		return 64;
	}
	return run(what, &args);
}
