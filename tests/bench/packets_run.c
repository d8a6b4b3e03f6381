// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sends packets as fast as one core can, and takes what the receiving thread's polls cost.
 *
 * A poll that ends with a full budget (64 packets) is followed by the next at once. The
 * time from the end of one to the end of the next is all that 64 packets cost: driver,
 * filter, stack, the loop itself. Polls that ended early are not looked at, so it does
 * not matter whether the sender keeps up, and a median over some ten thousand polls does
 * not see those that an interrupt or a neighbour made longer. The thread's CPU time for
 * each packet stands beside it: with a slow filter, where the thread never sleeps, both
 * must say the same.
 */
#include "packets_frame.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "packets_sources.h"

#define CALL     (SEND_BATCH * 256) /* frames in one BPF_PROG_TEST_RUN */
#define DRAIN_NS 5000000
#define BUDGET   64
#define STRAY    64 /* packets that are not ours */

struct rig {
	struct bpf_object *object;
	struct bpf_link *link;
	struct bench_send *send;
	struct bench_meter *meter;
	uint64_t *samples;
	int prog;
};

/* What a stretch of time was like. */
struct stretch {
	uint64_t sent, stalls, packets, polls, samples, cpu_ns, took_ns;
};

/* --- the programs ----------------------------------------------------------------------------- */

static int map_shared(const struct bpf_object *object, const char *name, size_t size, void **ret)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	void *at;

	if (fd < 0)
		return fd;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

static int map_all(struct rig *rig)
{
	void *send = NULL, *meter = NULL, *samples = NULL;
	int err = map_shared(rig->object, SEND_MAP, sizeof(*rig->send), &send);

	if (err == 0)
		err = map_shared(rig->object, METER_MAP, sizeof(*rig->meter), &meter);
	if (err == 0)
		err = map_shared(rig->object, SAMPLES_MAP, SAMPLES_MAX * sizeof(uint64_t),
				 &samples);
	rig->send = send;
	rig->meter = meter;
	rig->samples = samples;
	return err;
}

/* The sender's own copy of it, which is in no file system. */
static int give_secret(const struct bpf_object *object)
{
	const struct mxg_secret secret = TALK_SECRET;
	int fd = bpf_object__find_map_fd_by_name(object, MXG_MAP_SECRET), err = fd < 0 ? fd : 0;

	for (__u32 i = 0; i < 2 && err == 0; i++)
		err = bpf_map_update_elem(fd, &i, &secret, BPF_ANY);
	return err;
}

static int rig_load(struct rig *rig, const struct packets *packets)
{
	static const char *const senders[][2] = {{"bench_send4", "bench_send6"},
						 {"bench_talk4", "bench_talk6"}};
	const char *sender = senders[packets->kind != PACKETS_SYN][packets->family == 6];
	struct bpf_program *prog;
	int err;

	rig->object = packets_open(packets->object);
	if (!rig->object)
		return -errno;
	err = bpf_object__load(rig->object);
	if (err == 0)
		err = give_secret(rig->object);
	if (err < 0)
		return err;
	rig->prog = bpf_program__fd(bpf_object__find_program_by_name(rig->object, sender));
	prog = bpf_object__find_program_by_name(rig->object, "bench_on_poll");
	rig->link = bpf_program__attach(prog);
	if (!rig->link)
		return -errno;
	return map_all(rig);
}

static void rig_done(struct rig *rig)
{
	bpf_link__destroy(rig->link);
	bpf_object__close(rig->object);
}

static void tell_sender(const struct rig *rig, const struct packets *packets,
			const struct frame *frame)
{
	const uint32_t hot = packets->hot ? packets->hot : packets->sources;
	struct mxg_say greeting;

	*rig->send = (struct bench_send){
		.random = clock_mono_ns(),
		.ifindex = if_nametoindex(packets->interface),
		.first = packets->first,
		.stride = packets->sources / hot,
		.hot = hot,
		.ip_sum = frame->ip_sum,
		.tcp_sum = frame->tcp_sum,
		.acked = 1,
		.len = frame->len,
	};
	memcpy(rig->send->frame, frame->data, frame->len);
	packets_greeting(&greeting);
	if (packets->kind == PACKETS_EHLO)
		rig->send->acked += (__u32)greeting.head.before_len + greeting.head.after_len;
}

/* --- sending and measuring -------------------------------------------------------------------- */

static uint64_t thread_cpu_ns(int pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int send_for(const struct rig *rig, struct frame *frame, uint32_t millis, uint64_t *ret_sent)
{
	const uint64_t end_ns = clock_mono_ns() + millis * 1000000ULL;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = frame->len,
		    .repeat = CALL, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = SEND_BATCH);

	for (*ret_sent = 0; clock_mono_ns() < end_ns; *ret_sent += CALL)
		if (bpf_prog_test_run_opts(rig->prog, &opts) < 0)
			return -errno;
	return 0;
}

/* --- the receiving core ----------------------------------------------------------------------- */

struct spinner {
	pthread_t thread;
	atomic_bool is_over;
};

static void *spin(void *arg)
{
	struct spinner *spinner = arg;

	while (!atomic_load_explicit(&spinner->is_over, memory_order_relaxed))
		;
	return NULL;
}

/*
 * Keeps the receiving core from everybody else while the receiving thread waits: a
 * compiler that runs there for a moment leaves it with cold caches. That thread must have
 * a higher real-time priority.
 */
static int spinner_start(struct spinner *spinner, int napi_pid)
{
	const struct sched_param priority = {.sched_priority = 1};
	pthread_attr_t attr;
	cpu_set_t cpus;
	int err;

	if (sched_getaffinity(napi_pid, sizeof(cpus), &cpus) < 0)
		return -errno;
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &priority);
	err = pthread_create(&spinner->thread, &attr, spin, spinner);
	pthread_attr_destroy(&attr);
	return -err;
}

static void spinner_stop(struct spinner *spinner)
{
	atomic_store(&spinner->is_over, true);
	pthread_join(spinner->thread, NULL);
}

/* What is in the ring is received. */
static void drain(void)
{
	struct timespec ts = {.tv_nsec = DRAIN_NS};

	nanosleep(&ts, NULL);
}

static int measure(const struct rig *rig, const struct packets *packets, struct frame *frame,
		   uint32_t millis, struct stretch *ret)
{
	uint64_t cpu_ns, start_ns;
	int err;

	rig->send->due = rig->send->stalls = 0;
	*rig->meter = (struct bench_meter){.pid = (__u32)packets->napi_pid};
	cpu_ns = thread_cpu_ns(packets->napi_pid);
	start_ns = clock_mono_ns();
	err = send_for(rig, frame, millis, &ret->sent);
	ret->took_ns = clock_mono_ns() - start_ns;
	drain();
	ret->cpu_ns = thread_cpu_ns(packets->napi_pid) - cpu_ns;
	rig->meter->pid = 0;
	ret->packets = rig->meter->received;
	ret->stalls = rig->send->stalls;
	ret->polls = rig->meter->polls;
	ret->samples = rig->meter->samples < SAMPLES_MAX ? rig->meter->samples : SAMPLES_MAX;
	/* Then the thread does something else beside, which was taken for its work. */
	return err == 0 && ret->packets > ret->sent + STRAY ? -EBADMSG : err;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* ns of a packet, of the sorted samples. */
static double quantile(const struct rig *rig, uint64_t samples, double q)
{
	return samples ? (double)rig->samples[(uint64_t)((double)(samples - 1) * q)] / BUDGET : 0;
}

static void report(const struct rig *rig, const struct stretch *stretch, uint64_t warm_packets)
{
	const double packets = stretch->packets ? (double)stretch->packets : 1;

	qsort(rig->samples, stretch->samples, sizeof(rig->samples[0]), by_size);
	printf("{\"ns_median\": %.2f, \"ns_q1\": %.2f, \"ns_q3\": %.2f, \"cpu_ns\": %.2f, "
	       "\"packets\": %llu, \"all_packets\": %llu, \"polls\": %llu, \"full_polls\": %llu, "
	       "\"sent\": %llu, \"stalls\": %llu, \"mpps\": %.2f}\n",
	       quantile(rig, stretch->samples, 0.5), quantile(rig, stretch->samples, 0.25),
	       quantile(rig, stretch->samples, 0.75), (double)stretch->cpu_ns / packets,
	       (unsigned long long)stretch->packets,
	       (unsigned long long)(stretch->packets + warm_packets),
	       (unsigned long long)stretch->polls, (unsigned long long)stretch->samples,
	       (unsigned long long)stretch->sent, (unsigned long long)stretch->stalls,
	       (double)stretch->packets * 1e3 / (double)stretch->took_ns);
}

int packets_run(const struct packets *packets)
{
	struct stretch warm = {0}, stretch = {0};
	struct spinner spinner = {0};
	struct rig rig = {0};
	struct frame frame;
	int err = rig_load(&rig, packets);

	if (err == 0) {
		packets_frame(packets, &frame);
		tell_sender(&rig, packets, &frame);
		err = spinner_start(&spinner, packets->napi_pid);
	}
	if (err == 0) {
		err = measure(&rig, packets, &frame, packets->warm, &warm);
		if (err == 0)
			err = measure(&rig, packets, &frame, packets->millis, &stretch);
		spinner_stop(&spinner);
	}
	if (err == 0)
		report(&rig, &stretch, warm.packets);
	else
		fprintf(stderr, "bench-gate: run: %s\n", strerror(-err));
	rig_done(&rig);
	return err;
}
