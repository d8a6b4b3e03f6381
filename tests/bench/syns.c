/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "syns.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mxgate/abi.h>

#include "base/clock.h"

#define MX_PORT   25
#define BATCH     8 /* SYNs between two looks at what else there is to do */
#define NAP_NS    50000
#define FRAME_MAX 128
#define MAPS_MAX  32

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

int syns_send(const struct syns *syns, uint32_t number)
{
	uint8_t frame[FRAME_MAX] = {0};
	struct addr addr;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .repeat = 1);

	bench_host(syns->bench, number, &addr);
	opts.data_size_in = (__u32)make_syn(&addr, frame);
	return bpf_prog_test_run_opts(syns->prog, &opts) < 0 ? -errno : 0;
}

int syns_send_due(const struct syns *syns)
{
	struct bench *bench = syns->bench;
	uint32_t due = bench_due(bench, clock_mono_ns()), number;
	int err = 0;

	for (uint32_t i = 0; i < due && i < BATCH && err == 0; i++) {
		number = bench_begin(bench, clock_mono_ns());
		bench->begun_ns[number - bench->first] = clock_mono_ns();
		err = syns_send(syns, number);
	}
	return err;
}

void syns_stop_worker(int pid)
{
	char path[64], state = 0;
	FILE *file;

	kill(pid, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'T' && (file = fopen(path, "re"))) {
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 'T';
		fclose(file);
	}
}

void syns_nap(void)
{
	struct timespec ts = {.tv_nsec = NAP_NS};

	nanosleep(&ts, NULL);
}

int syns_ring(const struct syns *syns)
{
	__u32 ids[MAPS_MAX], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (__u64)(uintptr_t)ids};
	struct bpf_map_info map;

	if (bpf_obj_get_info_by_fd(syns->prog, &info, &len) < 0)
		return -errno;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		memset(&map, 0, sizeof(map));
		len = sizeof(map);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &len) == 0 &&
		    map.type == BPF_MAP_TYPE_RINGBUF)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

int syns_open(struct bench *bench, struct syns *ret)
{
	int err;
	__u32 id = 0;

	err = bpf_xdp_query_id((int)if_nametoindex(bench->interface), 0, &id);
	if (err < 0)
		return err;
	ret->bench = bench;
	ret->prog = bpf_prog_get_fd_by_id(id);
	return ret->prog < 0 ? -errno : 0;
}

void syns_close(struct syns *syns)
{
	close(syns->prog);
}
