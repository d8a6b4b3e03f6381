/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* io/resolver alone: what evaluating exactly, with deadlines and bounds, costs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bench.h"
#include "io/resolver.h"

#define DEADLINE_MS 10000
#define NS_PER_MS   1000000ULL

struct module {
	struct bench *bench;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_prepare_t prepare;
	struct resolver *resolver;
	uint32_t *number; /* each an on_done's user */
	int err;
};

struct asked {
	struct module *module;
	uint32_t number;
};

static struct asked asked[BENCH_HOSTS];

static void on_done(const struct iprev_report *report, void *user)
{
	struct asked *one = user;
	struct bench *bench = one->module->bench;

	bench_end(bench, one->number, report->result == IPREV_PASS, clock_mono_ns());
	if (bench_is_done(bench))
		uv_stop(&one->module->loop);
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* on_prepare() does the rest */
}

/* Before each sleep of the loop: begins what is due. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct module *module = prepare->data;
	struct bench *bench = module->bench;
	uint64_t now_ns = clock_mono_ns(), wait_ns;
	uint32_t due = bench_due(bench, now_ns);
	struct addr addr;

	while (due-- > 0 && module->err == 0) {
		struct asked *one = &asked[bench->begun % BENCH_HOSTS];

		*one = (struct asked){module, bench_begin(bench, now_ns)};
		bench_host(bench, one->number, &addr);
		module->err = resolver_check(module->resolver, &addr, on_done, one);
	}
	if (module->err < 0)
		uv_stop(&module->loop);
	wait_ns = bench_wait_ns(bench, now_ns);
	if (wait_ns != UINT64_MAX)
		uv_timer_start(&module->timer, on_timer, wait_ns / NS_PER_MS, 0);
}

static void close_all(struct module *module)
{
	resolver_free(module->resolver);
	uv_close((uv_handle_t *)&module->timer, NULL);
	uv_close((uv_handle_t *)&module->prepare, NULL);
	uv_run(&module->loop, UV_RUN_DEFAULT);
	uv_loop_close(&module->loop);
}

int module_run(struct bench *bench)
{
	struct resolver_conf conf = {.server_count = 1,
				     .deadline_ms = DEADLINE_MS,
				     .max_outstanding =
					     bench->window < 1000 ? 1000 : bench->window * 2};
	struct module module = {.bench = bench};
	struct resolver_stats stats = {0};
	uint64_t cpu_ns;

	conf.servers[0] = bench->server;
	uv_loop_init(&module.loop);
	uv_timer_init(&module.loop, &module.timer);
	uv_prepare_init(&module.loop, &module.prepare);
	module.timer.data = module.prepare.data = &module;
	module.err = resolver_new(&module.loop, &conf, &module.resolver);
	if (module.err == 0) {
		uv_prepare_start(&module.prepare, on_prepare);
		cpu_ns = bench_own_cpu_ns();
		bench->start_ns = clock_mono_ns();
		uv_run(&module.loop, UV_RUN_DEFAULT);
		bench->cpu_ns = bench_own_cpu_ns() - cpu_ns;
		resolver_get_stats(module.resolver, &stats);
		bench->again = (uint32_t)(stats.servers[0].queries - 2ULL * bench->pass);
	}
	close_all(&module);
	if (module.err < 0)
		fprintf(stderr, "bench-resolve: module: %s\n", strerror(-module.err));
	return module.err;
}
