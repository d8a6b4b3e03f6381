// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A SYN from each source, by a packet socket: the gate at the other end of the veth sees
 * each as it is sent, on the same processor, so none is lost between.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "packets_frame.h"

#define BATCH 64

struct flood {
	int fd;
	struct frame frame[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH];
};

static int open_socket(const struct packets *packets, int *ret)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex(packets->interface)};
	const int yes = 1;

	*ret = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (*ret < 0)
		return -errno;
	if (!at.sll_ifindex || bind(*ret, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setsockopt(*ret, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) < 0)
		return -errno;
	return 0;
}

static void prepare(struct flood *flood, const struct packets *packets)
{
	for (int i = 0; i < BATCH; i++) {
		struct frame *frame = &flood->frame[i];

		packets_frame(packets, frame);
		flood->iov[i] = (struct iovec){.iov_base = frame->data, .iov_len = frame->len};
		flood->messages[i].msg_hdr.msg_iov = &flood->iov[i];
		flood->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static void set_source(const struct packets *packets, uint32_t number, struct frame *frame)
{
	struct iphdr *ip4 = (void *)(frame->data + sizeof(struct ethhdr));
	struct ip6_hdr *ip6 = (void *)ip4;
	const bool is_ip4 = packets->family == 4;
	struct tcphdr *tcp = is_ip4 ? (void *)(ip4 + 1) : (void *)(ip6 + 1);
	const size_t len = is_ip4 ? sizeof(ip4->saddr) : sizeof(ip6->ip6_src);
	struct addr addr;
	__u32 sum;

	packets_source(packets->family, number, &addr);
	sum = packets_sum(addr.bytes, len);
	memcpy(is_ip4 ? (void *)&ip4->saddr : (void *)&ip6->ip6_src, addr.bytes, len);
	if (is_ip4)
		ip4->check = fold(frame->ip_sum + sum);
	tcp->check = fold(frame->tcp_sum + sum);
}

static int send_batch(struct flood *flood, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int n = sendmmsg(flood->fd, flood->messages + done, count - done, 0);

		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return -errno;
		done += n > 0 ? (unsigned int)n : 0;
	}
	return 0;
}

/* Until so many should have been sent; one that is late does not hurry. */
static void pace(const struct packets *packets, uint32_t sent, uint64_t start_ns)
{
	uint64_t due_ns = packets->rate ? start_ns + sent * CLOCK_NS_PER_SEC / packets->rate : 0;
	uint64_t now_ns = clock_mono_ns();
	struct timespec ts;

	if (due_ns <= now_ns)
		return;
	ts.tv_sec = (time_t)((due_ns - now_ns) / CLOCK_NS_PER_SEC);
	ts.tv_nsec = (long)((due_ns - now_ns) % CLOCK_NS_PER_SEC);
	nanosleep(&ts, NULL);
}

static int send_all(struct flood *flood, const struct packets *packets)
{
	const uint64_t start_ns = clock_mono_ns();
	uint32_t sent = 0;
	int err = 0;

	while (sent < packets->sources && err == 0) {
		uint32_t left = packets->sources - sent, count = left < BATCH ? left : BATCH;

		for (uint32_t i = 0; i < count; i++)
			set_source(packets, packets->first + sent + i, &flood->frame[i]);
		err = send_batch(flood, count);
		sent += count;
		pace(packets, sent, start_ns);
	}
	return err;
}

int packets_flood(const struct packets *packets)
{
	static struct flood flood;
	int err = open_socket(packets, &flood.fd);

	if (err == 0) {
		prepare(&flood, packets);
		err = send_all(&flood, packets);
	}
	if (err < 0)
		fprintf(stderr, "bench-gate: flood: %s\n", strerror(-err));
	if (flood.fd >= 0)
		close(flood.fd);
	return err;
}
