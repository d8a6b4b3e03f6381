/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The whole way: a SYN goes through the gate that is loaded on the interface, and the
 * verdict is looked for in the kernel's table, where the gate would find it.
 *
 * When the worker decided is read from the verdict itself (its expiry less its life,
 * which the zone's TTL fixes), so nobody has to poll for the time. To know that there
 * is room for more, the oldest one outstanding is looked up now and then.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <mxgate/abi.h>

#include "base/clock.h"
#include "bench.h"

#define MX_PORT   25
#define NAP_NS    50000
#define BATCH     8 /* SYNs between two looks at the table */
#define STALL_NS  (3 * CLOCK_NS_PER_SEC)
#define GIVE_UP   10 /* stalls */
#define FRAME_MAX 128

struct gate {
	struct bench *bench;
	int prog;
	int table4, table6;
	int worker_pid;
};

/* --- SYNs ----------------------------------------------------------------------------------- */

static size_t put_tcp(uint8_t *at)
{
	struct tcphdr tcp = {.source = htons(40000), .dest = htons(MX_PORT), .doff = 5, .syn = 1};

	memcpy(at, &tcp, sizeof(tcp));
	return sizeof(tcp);
}

static size_t make_syn(const struct addr *from, uint8_t frame[static FRAME_MAX])
{
	struct ethhdr eth = {.h_proto = htons(from->family == 4 ? ETH_P_IP : ETH_P_IPV6)};
	struct iphdr ip4 = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
	struct ip6_hdr ip6 = {.ip6_flow = htonl(6U << 28), .ip6_nxt = IPPROTO_TCP, .ip6_hlim = 64};
	size_t len = sizeof(eth);

	memcpy(frame, &eth, sizeof(eth));
	if (from->family == 4) {
		ip4.tot_len = htons(sizeof(ip4) + sizeof(struct tcphdr));
		memcpy(&ip4.saddr, from->bytes, sizeof(ip4.saddr));
		memcpy(frame + len, &ip4, sizeof(ip4));
		len += sizeof(ip4);
	} else {
		ip6.ip6_plen = htons(sizeof(struct tcphdr));
		memcpy(&ip6.ip6_src, from->bytes, sizeof(ip6.ip6_src));
		memcpy(frame + len, &ip6, sizeof(ip6));
		len += sizeof(ip6);
	}
	return len + put_tcp(frame + len);
}

static int send_syn(const struct gate *gate, uint32_t number)
{
	uint8_t frame[FRAME_MAX] = {0};
	struct addr addr;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .repeat = 1);

	bench_host(gate->bench, number, &addr);
	opts.data_size_in = (__u32)make_syn(&addr, frame);
	return bpf_prog_test_run_opts(gate->prog, &opts) < 0 ? -errno : 0;
}

/* --- what the kernel has -------------------------------------------------------------------- */

static int inner_table(const char *name)
{
	char path[256];
	__u32 zero = 0, id = 0;
	int outer, fd;

	snprintf(path, sizeof(path), "%s/%s", MXG_PIN_DIR, name);
	outer = bpf_obj_get(path);
	if (outer < 0)
		return -errno;
	fd = bpf_map_lookup_elem(outer, &zero, &id) < 0 ? -errno : bpf_map_get_fd_by_id(id);
	close(outer);
	return fd;
}

static int open_gate(struct gate *gate)
{
	int ifindex = (int)if_nametoindex(gate->bench->interface), err;
	__u32 id = 0;

	err = bpf_xdp_query_id(ifindex, 0, &id);
	if (err < 0)
		return err;
	gate->prog = bpf_prog_get_fd_by_id(id);
	gate->table4 = inner_table(MXG_MAP_VERDICT4);
	gate->table6 = inner_table(MXG_MAP_VERDICT6);
	if (gate->prog < 0)
		return -errno;
	return gate->table4 < 0 ? gate->table4 : gate->table6 < 0 ? gate->table6 : 0;
}

static bool has_verdict(const struct gate *gate, uint32_t number, struct mxg_verdict *ret)
{
	struct addr addr;

	bench_host(gate->bench, number, &addr);
	return bpf_map_lookup_elem(addr.family == 4 ? gate->table4 : gate->table6, addr.bytes,
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

static void nap(void)
{
	struct timespec ts = {.tv_nsec = NAP_NS};

	nanosleep(&ts, NULL);
}

/* Goes on from the oldest one outstanding. When it decided is read at the end. */
static bool see(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	struct mxg_verdict verdict;
	uint32_t before = bench->ended;

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
			err = send_syn(gate, bench->first + i);
		}
	return err;
}

static int begin_due(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	uint32_t due = bench_due(bench, clock_mono_ns()), number;
	int err = 0;

	for (uint32_t i = 0; i < due && i < BATCH && err == 0; i++) {
		number = bench_begin(bench, clock_mono_ns());
		/* That we come late with it, beside the server, is not the gate's doing. */
		bench->begun_ns[number - bench->first] = clock_mono_ns();
		err = send_syn(gate, number);
	}
	return err;
}

static int run(const struct gate *gate)
{
	struct bench *bench = gate->bench;
	uint64_t moved_ns = clock_mono_ns();
	unsigned int stalls = 0;
	uint32_t begun;
	int err = 0;

	while (err == 0 && !bench_is_done(bench)) {
		begun = bench->begun;
		err = begin_due(gate);
		if (see(gate))
			moved_ns = clock_mono_ns();
		else if (bench->begun == begun && bench->window > 1)
			nap();
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
	struct mxg_verdict verdict;

	bench->ended = 0;
	for (uint32_t i = 0; i < seen; i++)
		if (has_verdict(gate, bench->first + i, &verdict))
			bench_end(bench, bench->first + i, verdict.reason == MXG_REASON_PASS,
				  verdict.expires_ns - bench->ttl_sec * CLOCK_NS_PER_SEC);
}

int gate_run(struct bench *bench, int worker_pid)
{
	struct gate gate = {.bench = bench, .prog = -1, .table4 = -1, .table6 = -1};
	uint64_t cpu_ns;
	int err = open_gate(&gate);

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
	close(gate.prog);
	close(gate.table4);
	close(gate.table6);
	return err;
}
