/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One run of tests/bench/resolve, which knows what to run and what to make of it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char usage[] =
	"usage: bench-resolve zones DIR ADDR     zone files and nsd.conf for a server on ADDR\n"
	"       bench-resolve hosts|queries [-4] [-f FIRST] [-n COUNT]\n"
	"       bench-resolve pump|module [-4] [-s SERVER] [-f FIRST] [-n COUNT] [-w WINDOW]\n"
	"                                 [-r RATE]\n"
	"       bench-resolve gate [same] -i INTERFACE -p WORKER_PID [-t TTL] [-a]\n";

struct args {
	struct bench bench;
	int worker_pid;
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
	case '4':
		bench->only4 = true;
		return true;
	case 'a':
		bench->absent = true;
		return true;
	case 'i':
		bench->interface = optarg;
		return true;
	case 's':
		return endpoint_parse(optarg, 53, &bench->server) == 0 &&
		       bench->server.addr.family == 4;
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

	bench->begun_ns = calloc(bench->count, sizeof(bench->begun_ns[0]));
	bench->took_ns = calloc(bench->count, sizeof(bench->took_ns[0]));
	if (!bench->begun_ns || !bench->took_ns)
		err = -ENOMEM;
	else if (strcmp(what, "pump") == 0)
		err = pump_run(bench);
	else if (strcmp(what, "module") == 0)
		err = module_run(bench);
	else if (strcmp(what, "gate") == 0 && bench->interface && args->worker_pid)
		err = gate_run(bench, args->worker_pid);
	else
		fputs(usage, stderr);
	if (err == 0)
		bench_report(bench, what);
	free(bench->begun_ns);
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
	while ((option = getopt(argc, argv, "4ai:s:f:n:w:r:t:p:")) != -1)
		if (!get_option(&args, option)) {
			fputs(usage, stderr);
			return 64;
		}
	if (strcmp(what, "hosts") == 0 || strcmp(what, "queries") == 0) {
		bench_print_hosts(&args.bench, what[0] == 'q');
		return 0;
	}
	return run(what, &args);
}
