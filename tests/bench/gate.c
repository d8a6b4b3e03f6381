/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The whole way: a SYN goes through the gate that is loaded on the interface, and the
 * verdict is looked for in the kernel's table, where the gate would find it.
 *
 * When the worker decided is read from the verdict itself (its expiry less its life,
 * which the zone's TTL fixes), so nobody has to poll for the time.
 *
 *   within a window   the oldest one outstanding is looked up now and then, to know that
 *                     there is room for more
 *   at a rate         nothing is looked up before all have been sent
 *   from a full ring  the worker is stopped while SYNs fill the ring buffer, and what it
 *                     does from then on is measured: nobody is beside it but the server
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <mxgate/abi.h>

#include "base/clock.h"
#include "base/pages.h"
#include "core/table.h"
#include "syns.h"

#define STALL_NS (3 * CLOCK_NS_PER_SEC)
#define GIVE_UP  10 /* stalls */

/* A table of verdicts as the gate has it now. */
struct watched {
	const char *name;
	unsigned int family;
	int outer;
	__u32 id;
	struct table table; /* mapped until the end, and so are those before it */
};

struct gate {
	struct bench *bench;
	struct syns syns;
	struct watched watched4, watched6;
	int worker_pid;
};

/* --- what the kernel has -------------------------------------------------------------------- */

/* The table that the gate looks into; another one after it has grown. */
static int watch(struct watched *watched)
{
	size_t element = table_element_size(watched->family), size;
	__u32 zero = 0, id = 0;
	void *memory;
	int fd, err;

	if (bpf_map_lookup_elem(watched->outer, &zero, &id) < 0)
		return -errno;
	if (id == watched->id)
		return 0;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	memory = pages_of_map(fd, element, &size);
	err = memory ? table_watch(&watched->table, watched->family, memory,
				   (uint32_t)(size / element))
		     : -errno;
	close(fd);
	if (err == 0)
		watched->id = id;
	return err;
}

static int open_watched(struct watched *watched)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", MXG_PIN_DIR, watched->name);
	watched->outer = bpf_obj_get(path);
	return watched->outer < 0 ? -errno : watch(watched);
}

static int open_gate(struct gate *gate)
{
	int err = syns_open(gate->bench, &gate->syns);

	gate->watched4 = (struct watched){.name = MXG_MAP_VERDICT4, .family = 4};
	gate->watched6 = (struct watched){.name = MXG_MAP_VERDICT6, .family = 6};
	if (err == 0)
		err = open_watched(&gate->watched4);
	return err < 0 ? err : open_watched(&gate->watched6);
}

static int follow_growth(struct gate *gate)
{
	int err = watch(&gate->watched4);

	return err < 0 ? err : watch(&gate->watched6);
}

static bool has_verdict(const struct gate *gate, uint32_t number, struct mxg_verdict *ret)
{
	struct addr addr;

	bench_host(gate->bench, number, &addr);
	return table_get(addr.family == 4 ? &gate->watched4.table : &gate->watched6.table, &addr,
			 ret) == 0;
}

/* Nanoseconds on a CPU, of all threads that the process has. */
static uint64_t process_cpu_ns(int pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- the run -------------------------------------------------------------------------------- */

/* Goes on from the oldest one outstanding. When it decided is read at the end. */
static bool see(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	struct mxg_verdict verdict;
	uint32_t before = bench->ended;

	/* Of a burst the last one tells, and the rest is gone through when it is there. */
	if (bench->burst && !has_verdict(gate, bench->first + bench->begun - 1, &verdict))
		return false;
	while (bench->ended < bench->begun &&
	       has_verdict(gate, bench->first + bench->ended, &verdict))
		bench->ended++;
	return bench->ended > before;
}

/* As the sources themselves would: whoever has no verdict yet tries again. */
static int send_again(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	struct mxg_verdict verdict;
	int err = 0;

	for (uint32_t i = bench->ended; i < bench->begun && err == 0; i++)
		if (!has_verdict(gate, bench->first + i, &verdict)) {
			bench->again++;
			if (bench->burst) /* its 3 s are not what the burst took */
				bench->begun_ns[i] = clock_mono_ns();
			err = syns_send(&gate->syns, bench->first + i);
		}
	return err;
}

/* As many as the ring holds, or all that are left; they all begin when the worker does. */
static int fill_ring(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	uint32_t first = bench->begun, end = first + bench->burst;
	int err = 0;

	if (end > bench->count)
		end = bench->count;
	syns_stop_worker(gate->worker_pid);
	while (err == 0 && bench->begun < end)
		err = syns_send(&gate->syns, bench_begin(bench, 0));
	for (uint32_t i = first; i < bench->begun; i++)
		bench->begun_ns[i] = clock_mono_ns();
	kill(gate->worker_pid, SIGCONT);
	return err;
}

static int send_some(const struct gate *gate)
{
	if (!gate->bench->burst)
		return syns_send_due(&gate->syns);
	return gate->bench->ended == gate->bench->begun ? fill_ring(gate) : 0;
}

static int run(struct gate *gate)
{
	struct bench *bench = gate->bench;
	uint64_t moved_ns = clock_mono_ns();
	unsigned int stalls = 0;
	bool is_sending, moved;
	uint32_t begun;
	int err = 0;

	while (err == 0 && !bench_is_done(bench)) {
		begun = bench->begun;
		err = send_some(gate);
		is_sending = bench->rate && bench->begun < bench->count;
		moved = !is_sending && see(gate);
		if (is_sending || moved)
			moved_ns = clock_mono_ns();
		if (!moved && bench->begun == begun && err == 0) {
			err = follow_growth(gate);
			if (bench->window > 1)
				syns_nap();
		}
		if (err < 0 || clock_mono_ns() - moved_ns < STALL_NS)
			continue;
		if (++stalls == GIVE_UP)
			return -ETIMEDOUT;
		err = send_again(gate);
		moved_ns = clock_mono_ns();
	}
	return err;
}

/* Now the times, from what was written into the verdicts. */
static void read_times(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	uint32_t seen = bench->ended;
	uint64_t decided_ns, burst_ns = 0;
	struct mxg_verdict verdict;

	bench->ended = 0;
	for (uint32_t i = 0; i < seen; i++) {
		if (bench->burst && i % bench->burst == 0) {
			bench->busy_ns += burst_ns;
			burst_ns = 0;
		}
		if (!has_verdict(gate, bench->first + i, &verdict))
			continue;
		decided_ns = verdict.expires_ns - bench->ttl_sec * CLOCK_NS_PER_SEC;
		bench_end(bench, bench->first + i, verdict.reason == MXG_REASON_PASS, decided_ns);
		if (bench->burst && decided_ns - bench->begun_ns[i] > burst_ns)
			burst_ns = decided_ns - bench->begun_ns[i];
	}
	bench->busy_ns += burst_ns;
}

int gate_run(struct bench *bench, int worker_pid)
{
	struct gate gate = {.bench = bench, .syns.prog = -1};
	uint64_t cpu_ns;
	int err = open_gate(&gate);

	if (bench->rate)
		bench->window = bench->count;
	gate.worker_pid = worker_pid;
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* a nap that is late makes a burst of SYNs */
	cpu_ns = process_cpu_ns(worker_pid);
	bench->start_ns = clock_mono_ns();
	if (err == 0)
		err = run(&gate);
	bench->cpu_ns = process_cpu_ns(worker_pid) - cpu_ns;
	if (err < 0)
		fprintf(stderr, "bench-resolve: gate: %s after %" PRIu32 " of %" PRIu32 "\n",
			strerror(-err), bench->ended, bench->count);
	read_times(&gate);
	syns_close(&gate.syns);
	return err;
}
