// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A frame that cannot grow at its tail does so at its head. One that cannot there either:
 * what was to be told has no room, and the talk ends with a reset. It takes a packet that lies
 * in a buffer of its own size, as on a veth, and a program before the gate that fills the head
 * with metadata. No frame of BPF_PROG_TEST_RUN is so small. All of it is in a network of the
 * test's own.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include "gate.h"
#include "talk.h"

#define HERE  "mxg-test-a" /* the client's end */
#define THERE "mxg-test-b" /* the gate's */

#define ANSWER_MS 2000
#define META_MAX  252
#define META_OLD  32  /* more than this older kernels do not give */
#define FILLED    192 /* bytes of a packet that ends with its cache line */
#define CLIENT    HOST_RESET_GENERIC

/* One instruction each, of those that are needed. */
#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV(d, s)   INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_I(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define CALL(f)     INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define MAP(d, fd)  INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define EXIT        INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct room {
	struct gate gate;
	struct talk talk;
	int packets; /* a socket for frames at HERE */
	int next;    /* where the program before it finds the gate */
};

/* A program that takes so much room before the packet, and hands on to the gate. */
static int load_before(const struct room *room, int meta)
{
	const struct bpf_insn insns[] = {
		MOV(BPF_REG_6, BPF_REG_1),
		MOV_I(BPF_REG_2, -(meta < META_OLD ? meta : META_OLD)),
		CALL(BPF_FUNC_xdp_adjust_meta),
		MOV(BPF_REG_1, BPF_REG_6),
		MOV_I(BPF_REG_2, -(meta < META_OLD ? 0 : meta - META_OLD)),
		CALL(BPF_FUNC_xdp_adjust_meta),
		MOV(BPF_REG_1, BPF_REG_6),
		MAP(BPF_REG_2, room->next),
		MOV_I(BPF_REG_3, 0),
		CALL(BPF_FUNC_tail_call),
		MOV_I(BPF_REG_0, XDP_ABORTED),
		EXIT,
	};
	/* Only one of the gate's kind may lead to it. */
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .prog_flags = room->gate.is_hash ? 0 : BPF_F_XDP_HAS_FRAGS,
		    .expected_attach_type = BPF_XDP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "mxg_test_before", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), &opts);

	cr_assert_geq(fd, 0, "%s", strerror(errno));
	return fd;
}

/* What a veth wants of its other end, or it drops what is sent back. */
static int load_pass(void)
{
	const struct bpf_insn insns[] = {MOV_I(BPF_REG_0, XDP_PASS), EXIT};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "mxg_test_pass", "GPL", insns, 2, NULL);

	cr_assert_geq(fd, 0, "%s", strerror(errno));
	return fd;
}

static void attach(const char *name, int prog, __u32 flags)
{
	cr_assert_eq(bpf_xdp_attach((int)if_nametoindex(name), prog, flags, NULL), 0, "%s: %s",
		     name, strerror(errno));
}

static void open_packets(struct room *room)
{
	const int one = 1;
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(HERE)};

	room->packets = socket(AF_PACKET, SOCK_RAW, 0);
	cr_assert_geq(room->packets, 0);
	cr_assert_eq(setsockopt(room->packets, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	cr_assert_eq(bind(room->packets, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void set_up(struct room *room)
{
	const __u32 zero = 0;

	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	cr_assert_eq(system("ip link add " HERE " type veth peer name " THERE
			    " && ip link set " HERE " up && ip link set " THERE " up"),
		     0);
	gate_load_reject(&room->gate);
	talk_init(&room->talk, &room->gate, 4, CLIENT);
	room->next = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "mxg_test_next", 4, 4, 1, NULL);
	cr_assert_geq(room->next, 0);
	cr_assert_eq(bpf_map_update_elem(room->next, &zero, &room->gate.prog, 0), 0);
	open_packets(room);
}

/* A tag that the kernel has taken out of the frame, into it again. */
static void put_tag(struct packet *pkt, const struct tpacket_auxdata *aux)
{
	const uint16_t tag[2] = {htons(aux->tp_vlan_tpid), htons(aux->tp_vlan_tci)};

	if (!(aux->tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(pkt->data + 16, pkt->data + 12, pkt->len - 12);
	memcpy(pkt->data + 12, tag, sizeof(tag));
	pkt->len += sizeof(tag);
}

static void receive_one(const struct room *room, struct packet *ret)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = {.iov_base = ret->data, .iov_len = sizeof(ret->data) - 4};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct tpacket_auxdata aux = {0};
	ssize_t len = recvmsg(room->packets, &msg, 0);
	const struct cmsghdr *cmsg = len > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	cr_assert_gt(len, 16);
	ret->len = (size_t)len;
	if (cmsg && cmsg->cmsg_type == PACKET_AUXDATA)
		memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
	put_tag(ret, &aux);
}

/* What comes back from the station that the packet was for, or nothing. */
static bool receive(const struct room *room, const struct packet *pkt, struct packet *ret)
{
	struct pollfd wait = {.fd = room->packets, .events = POLLIN};

	while (poll(&wait, 1, ANSWER_MS) == 1) {
		receive_one(room, ret);
		if (memcmp(ret->data + 6, pkt->data, 6) == 0)
			return true;
	}
	return false;
}

/* The handshake's last packet, through a gate behind so much metadata, and its answer. */
static uint8_t greet(struct room *room, __u32 mode, int meta, struct talk_answer *ret)
{
	const uint32_t ack = talk_cookie(&room->talk, talk_slot()) + 1;
	static struct packet pkt, out;
	int before = load_before(room, meta);

	attach(THERE, before, mode);
	talk_build(&room->talk, ACK, TALK_SEQ, ack, NULL, &pkt);
	cr_assert_eq(send(room->packets, pkt.data, pkt.len, 0), (ssize_t)pkt.len);
	cr_assert(receive(room, &pkt, &out), "no answer");
	attach(THERE, -1, mode);
	close(before);
	talk_read(&room->talk, &pkt, &out, ret);
	cr_expect_eq(ret->seq, ack, "its number is not ours");
	return ret->flags;
}

static uint64_t count(const struct room *room, enum mxg_counter counter)
{
	struct mxg_counters counters;

	gate_read_counters(&room->gate, &counters);
	return counters.count[counter];
}

static void set_greeting(struct gate *gate, size_t len)
{
	char before[MXG_SAY_PART + 1] = "", after[MXG_SAY_PART + 1] = "";

	memset(before, 'x', len < MXG_SAY_PART ? len : MXG_SAY_PART);
	memset(after, 'y', len < MXG_SAY_PART ? 0 : len - MXG_SAY_PART);
	talk_set_say(gate, MXG_SAY_GREETING, before, after, false);
}

/* The longest there is, so that 32 bytes of 216 are missed, too. */
static void expect_reset_without_room(__u32 mode, const char *label)
{
	struct talk_answer got;
	struct room room;
	uint8_t flags;

	set_up(&room);
	set_greeting(&room.gate, MXG_SAY_MAX);
	attach(HERE, load_pass(), mode);
	cr_expect_eq(greet(&room, mode, 0, &got), ACK | PSH, "%s", label);
	cr_expect_eq(got.len, MXG_SAY_MAX, "%s: %zu bytes", label, got.len);
	cr_expect_eq(count(&room, MXG_CTR_REJECT_GREETED), 1, "%s", label);
	flags = greet(&room, mode, META_MAX, &got);
	if (flags == (ACK | PSH) && count(&room, MXG_CTR_REJECT_GREETED) == 2)
		cr_skip_test("this kernel leaves room behind each packet");
	cr_expect_eq(flags, RST, "%s: without room", label);
	cr_expect_eq(got.ack, 0, "%s", label);
	cr_expect_eq(got.len, 0, "%s: %zu bytes", label, got.len);
	cr_expect_eq(count(&room, MXG_CTR_REJECT_BROKEN), 1, "%s", label);
	cr_expect_eq(count(&room, MXG_CTR_REJECT_GREETED), 1, "%s", label);
	gate_free(&room.gate);
}

Test(gate_room, a_frame_without_room_is_reset_in_native_mode)
{
	expect_reset_without_room(XDP_FLAGS_DRV_MODE, "native");
}

Test(gate_room, a_frame_without_room_is_reset_in_generic_mode)
{
	expect_reset_without_room(XDP_FLAGS_SKB_MODE, "generic");
}

/*
 * A veth's copy of a packet ends with its cache line, so one that ends there itself lacks
 * all of its text at its tail. Each length of headers, and growth by less than a word and by more:
 * what is moved to the head overlaps where it was.
 */
static void expect_moved(struct room *room, unsigned int family, __u32 mode)
{
	static const uint16_t tags[3][PACKET_VLANS] = {
		{0}, {ETH_P_8021Q}, {ETH_P_8021AD, ETH_P_8021Q}};
	static const uint16_t lacks[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 30, 50};
	struct talk_answer got;

	for (uint16_t i = 0; i < 3; i++) {
		const uint16_t headers = (uint16_t)((family == 4 ? 54 : 74) + 4 * i);

		talk_init(&room->talk, &room->gate, family, CLIENT);
		memcpy(room->talk.spec.vlan, tags[i], sizeof(tags[i]));
		room->talk.spec.trailer = (uint16_t)(FILLED - headers);
		for (size_t j = 0; j < sizeof(lacks) / sizeof(lacks[0]); j++) {
			const size_t len = (size_t)(FILLED - headers) + lacks[j];

			set_greeting(&room->gate, len);
			cr_expect_eq(greet(room, mode, 0, &got), ACK | PSH, "IPv%u, %u tags: %u",
				     family, i, lacks[j]);
			cr_expect_eq(got.len, len, "IPv%u: %zu bytes", family, got.len);
		}
	}
}

Test(gate_room, a_frame_that_grows_at_its_head)
{
	struct talk_answer got;
	struct room room;

	set_up(&room);
	attach(HERE, load_pass(), XDP_FLAGS_DRV_MODE);
	set_greeting(&room.gate, MXG_SAY_MAX);
	if (greet(&room, XDP_FLAGS_DRV_MODE, META_MAX, &got) != RST)
		cr_skip_test("this kernel leaves room behind each packet");
	expect_moved(&room, 4, XDP_FLAGS_DRV_MODE);
	expect_moved(&room, 6, XDP_FLAGS_DRV_MODE);
	gate_free(&room.gate);
}
