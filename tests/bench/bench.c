/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define STRIDE 40503U /* odd: neighbours in the order of coming are of different networks */

/* --- hosts ---------------------------------------------------------------------------------- */

static void put32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void host4(uint32_t index, struct addr *ret)
{
	ret->family = 4;
	put32(ret->bytes, 0xc6100000U + index);
}

/* 2001:db8:HHHH:L::26: nobody is there. */
static void absent6(uint32_t index, struct addr *ret)
{
	ret->family = 6;
	put32(ret->bytes, 0x20010db8U);
	put32(ret->bytes + 4, index << 16 | index >> 16);
	ret->bytes[15] = 0x26;
}

void bench_host(const struct bench *bench, uint32_t number, struct addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (bench->absent)
		absent6(number, ret);
	else
		host4((uint32_t)((uint64_t)number * STRIDE % BENCH_HOSTS), ret);
}

void bench_name(const struct addr *addr, char buf[static BENCH_NAME])
{
	const uint8_t *b = addr->bytes;

	snprintf(buf, BENCH_NAME, "mta-%02x%02x%02x%02x.bench.example", b[0], b[1], b[2], b[3]);
}

static int write_pair(FILE *names, FILE *reverse, const struct addr *addr)
{
	char name[BENCH_NAME], text[ADDR_TEXT_MAX], owner[ADDR_REVERSE_MAX];

	bench_name(addr, name);
	fprintf(reverse, "%s PTR %s.\n", addr_reverse_name(addr, owner), name);
	return fprintf(names, "%s. A %s\n", name, addr_format(addr, text));
}

/* The first has the names, the next four the reverse names of 198.16 to 198.19; then nobody's. */
static const char *const zones[] = {"bench.example",       "16.198.in-addr.arpa",
				    "17.198.in-addr.arpa", "18.198.in-addr.arpa",
				    "19.198.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"};
#define ZONES (sizeof(zones) / sizeof(zones[0]))

static FILE *open_in(const char *dir, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	if (!file)
		fprintf(stderr, "bench-resolve: %s: %s\n", path, strerror(errno));
	return file;
}

static int write_nsd_conf(const char *dir, const char *listen)
{
	FILE *file = open_in(dir, "nsd.conf");

	if (!file)
		return -EIO;
	fprintf(file,
		"server:\n\tip-address: %s@53\n\tserver-count: 1\n\tusername: \"\"\n"
		"\tzonesdir: \"%s\"\n\tdatabase: \"\"\n\tpidfile: \"%s/nsd.pid\"\n"
		"\txfrdfile: \"%s/xfrd.state\"\n\tzonelistfile: \"%s/zone.list\"\n"
		"\trrl-ratelimit: 0\n\treceive-buffer-size: 4194304\n\tsend-buffer-size: 4194304\n"
		"remote-control:\n\tcontrol-enable: no\n",
		listen, dir, dir, dir, dir);
	for (size_t i = 0; i < ZONES; i++)
		fprintf(file, "zone:\n\tname: \"%s\"\n\tzonefile: \"%s.zone\"\n", zones[i],
			zones[i]);
	return fclose(file) == 0 ? 0 : -errno;
}

int bench_write_zones(const char *dir, const char *listen)
{
	static const struct bench all = {.count = BENCH_HOSTS};
	FILE *file[ZONES] = {NULL};
	struct addr addr;
	char path[64];
	int err = 0;

	for (size_t i = 0; i < ZONES && err == 0; i++) {
		snprintf(path, sizeof(path), "%s.zone", zones[i]);
		file[i] = open_in(dir, path);
		if (file[i])
			fprintf(file[i],
				"$TTL 3600\n%s. SOA ns.bench.example. root.bench.example. 1 3600 "
				"900 604800 3600\n%s. NS ns.bench.example.\n",
				zones[i], zones[i]);
		else
			err = -EIO;
	}
	for (uint32_t i = 0; i < BENCH_HOSTS && err == 0; i++) {
		bench_host(&all, i, &addr);
		if (write_pair(file[0], file[addr.bytes[1] - 15], &addr) < 0)
			err = -EIO;
	}
	if (file[0])
		fprintf(file[0], "ns.bench.example. A %s\n", listen);
	for (size_t i = 0; i < ZONES; i++)
		if (file[i] && fclose(file[i]) != 0)
			err = -EIO;
	return err < 0 ? err : write_nsd_conf(dir, listen);
}

void bench_print_hosts(const struct bench *bench, bool queries)
{
	char text[ADDR_REVERSE_MAX], name[BENCH_NAME];
	struct addr addr;

	for (uint32_t i = 0; i < bench->count; i++) {
		bench_host(bench, bench->first + i, &addr);
		if (!queries) {
			puts(addr_format(&addr, text));
			continue;
		}
		bench_name(&addr, name);
		printf("%s PTR\n%s A\n", addr_reverse_name(&addr, text), name);
	}
}

/* --- when ----------------------------------------------------------------------------------- */

/* Of how many the time has come, going by the rate. */
static uint64_t scheduled(const struct bench *bench, uint64_t now_ns)
{
	if (bench->rate == 0)
		return bench->count;
	return (now_ns - bench->start_ns) * bench->rate / CLOCK_NS_PER_SEC + 1;
}

uint32_t bench_due(const struct bench *bench, uint64_t now_ns)
{
	uint64_t due = scheduled(bench, now_ns), room = bench->window;

	if (due > bench->count)
		due = bench->count;
	due -= bench->begun;
	room -= bench->begun - bench->ended;
	return (uint32_t)(due < room ? due : room);
}

uint64_t bench_wait_ns(const struct bench *bench, uint64_t now_ns)
{
	uint64_t next_ns;

	if (bench->rate == 0 || bench->begun == bench->count ||
	    bench->begun - bench->ended >= bench->window)
		return UINT64_MAX;
	next_ns = bench->start_ns + bench->begun * CLOCK_NS_PER_SEC / bench->rate;
	return next_ns > now_ns ? next_ns - now_ns : 0;
}

/* With a rate the time runs from when it was due, also if nobody was there to begin it. */
uint32_t bench_begin(struct bench *bench, uint64_t now_ns)
{
	uint32_t at = bench->begun++;

	bench->begun_ns[at] =
		bench->rate ? bench->start_ns + at * CLOCK_NS_PER_SEC / bench->rate : now_ns;
	return bench->first + at;
}

void bench_end(struct bench *bench, uint32_t number, bool passed, uint64_t now_ns)
{
	uint64_t begun_ns = bench->begun_ns[number - bench->first];

	bench->took_ns[bench->ended++] = now_ns > begun_ns ? now_ns - begun_ns : 0;
	bench->pass += passed;
	bench->other += !passed;
	if (now_ns > bench->end_ns)
		bench->end_ns = now_ns;
}

bool bench_is_done(const struct bench *bench)
{
	return bench->ended == bench->count;
}

/* --- what came of it ------------------------------------------------------------------------ */

uint64_t bench_own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_us(const struct bench *bench, uint32_t percent)
{
	uint64_t at = (uint64_t)(bench->ended - 1) * percent / 100;

	return bench->ended ? (double)bench->took_ns[at] / 1000.0 : 0;
}

void bench_report(const struct bench *bench, const char *what)
{
	uint64_t busy_ns = bench->busy_ns ? bench->busy_ns : bench->end_ns - bench->start_ns;
	double seconds = (double)busy_ns / (double)CLOCK_NS_PER_SEC;

	qsort(bench->took_ns, bench->ended, sizeof(bench->took_ns[0]), by_value);
	printf("{\"what\":\"%s\",\"window\":%" PRIu32 ",\"load\":%" PRIu32 ",\"hosts\":%" PRIu32
	       ",\"seconds\":%.6f,\"rate\":%.0f,\"cpu_us\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"max_us\":%.1f,\"pass\":%" PRIu32 ",\"other\":%" PRIu32 ",\"again\":%" PRIu32
	       "}\n",
	       what, bench->window, bench->rate, bench->ended, seconds,
	       seconds > 0 ? bench->ended / seconds : 0,
	       bench->ended ? (double)bench->cpu_ns / bench->ended / 1000.0 : 0,
	       percentile_us(bench, 50), percentile_us(bench, 99), percentile_us(bench, 100),
	       bench->pass, bench->other, bench->again);
}
