// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The trigger that waits for a connection, with real ones: over loopback in a network
 * namespace of the test, to a listener in a control group of the test.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "gate.h"

#define GROUP_DIR  "mxg-test-XXXXXX"
#define MOUNT_DIR  "/run"
#define OBJECT_MAX 512
#define BACKLOG    16

/* What a host of a documentation prefix would be: all of 127/8 is the loopback's. */
#define CLIENT4 "127.0.0.9"
#define CLIENT6 "::1"
#define SERVER4 "127.0.0.25"

struct world {
	struct gate gate;
	struct bpf_object *object;
	struct ring_buffer *ring;
	struct mxg_event last;
	unsigned int count;
	char group[64];
	int link;
	int listener; /* of both families */
	in_port_t port;
};

static int on_event(void *ctx, void *data, size_t len)
{
	struct world *world = ctx;

	cr_assert_eq(len, sizeof(world->last));
	memcpy(&world->last, data, len);
	world->count++;
	return 0;
}

/* How many events have come since it was last asked. */
static unsigned int take(struct world *world)
{
	unsigned int count;

	cr_assert(ring_buffer__consume(world->ring) >= 0);
	count = world->count;
	world->count = 0;
	return count;
}

static void write_to(const char *dir, const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text), "%s", strerror(errno));
	close(fd);
}

/* Over /run, as nobody else sees it. False where there is no cgroup v2. */
static bool enter_group(struct world *world)
{
	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("cgroup2", MOUNT_DIR, "cgroup2", 0, NULL) < 0)
		return false;
	strcpy(world->group, MOUNT_DIR "/" GROUP_DIR);
	if (!mkdtemp(world->group))
		return false;
	write_to(world->group, "cgroup.procs", "0");
	return true;
}

static void leave_group(const struct world *world)
{
	write_to(MOUNT_DIR, "cgroup.procs", "0");
	cr_expect_eq(rmdir(world->group), 0, "%s: %s", world->group, strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

static void listen_on_both(struct world *world)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(any);
	const int off = 0;

	world->listener = socket(AF_INET6, SOCK_STREAM, 0);
	cr_assert_eq(setsockopt(world->listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	cr_assert_eq(bind(world->listener, (struct sockaddr *)&any, sizeof(any)), 0);
	cr_assert_eq(listen(world->listener, BACKLOG), 0);
	cr_assert_eq(getsockname(world->listener, (struct sockaddr *)&any, &len), 0);
	world->port = any.sin6_port;
}

/* The gate's maps are its maps: here by descriptor, as the test pins nothing. */
static void load(struct world *world)
{
	const char *slash = strrchr(gate_path(), '/');
	struct bpf_program *prog;
	char path[OBJECT_MAX];
	struct bpf_map *map;

	snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash + 1 - gate_path()) : 0,
		 gate_path(),
		 world->gate.is_hash ? MXG_ESTABLISHED_COMPAT : MXG_ESTABLISHED_OBJECT);
	world->object = bpf_object__open_file(path, NULL);
	cr_assert(world->object, "%s: %s", path, strerror(errno));
	bpf_object__for_each_map(map, world->object)
	{
		cr_assert_eq(bpf_map__set_pin_path(map, NULL), 0);
		cr_assert_eq(bpf_map__reuse_fd(map, gate_map(&world->gate, bpf_map__name(map))), 0);
	}
	cr_assert_eq(bpf_object__load(world->object), 0);
	prog = bpf_object__next_program(world->object, NULL);
	cr_assert_str_eq(bpf_program__name(prog), MXG_ESTABLISHED_NAME);
	cr_assert_null(bpf_object__next_program(world->object, prog));
}

static void attach(struct world *world)
{
	struct bpf_program *prog = bpf_object__next_program(world->object, NULL);
	int group = open(world->group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	cr_assert(group >= 0);
	world->link = bpf_link_create(bpf_program__fd(prog), group, BPF_CGROUP_SOCK_OPS, NULL);
	cr_assert(world->link >= 0, "%s", strerror(errno));
	close(group);
}

static void setup(struct world *world)
{
	memset(world, 0, sizeof(*world));
	if (!enter_group(world))
		cr_skip_test("no cgroup v2 can be mounted here");
	loopback_up();
	gate_load(&world->gate);
	gate_setup(&world->gate, GATE_ENFORCE);
	load(world);
	attach(world);
	world->ring =
		ring_buffer__new(gate_map(&world->gate, MXG_MAP_EVENTS), on_event, world, NULL);
	cr_assert(world->ring);
	listen_on_both(world);
	world->gate.config.established = 1;
	world->gate.config.ports[0] = world->port;
	gate_configure(&world->gate);
}

static void done(struct world *world)
{
	close(world->listener);
	close(world->link);
	ring_buffer__free(world->ring);
	bpf_object__close(world->object);
	gate_free(&world->gate);
	leave_group(world);
}

/* Connects from a source to the listener, by an address of this family, and is accepted. */
static void come(const struct world *world, int family, const char *from, const char *to)
{
	struct sockaddr_in in = {.sin_family = AF_INET}, server = in;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6}, server6 = in6;
	int fd = socket(family, SOCK_STREAM, 0), peer;

	server.sin_port = server6.sin6_port = world->port;
	if (family == AF_INET) {
		inet_pton(AF_INET, from, &in.sin_addr);
		inet_pton(AF_INET, to, &server.sin_addr);
		cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
		cr_assert_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
	} else {
		inet_pton(AF_INET6, from, &in6.sin6_addr);
		inet_pton(AF_INET6, to, &server6.sin6_addr);
		cr_assert_eq(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
		cr_assert_eq(connect(fd, (struct sockaddr *)&server6, sizeof(server6)), 0);
	}
	peer = accept(world->listener, NULL, NULL);
	cr_assert(peer >= 0);
	close(peer);
	close(fd);
}

static void come4(const struct world *world)
{
	come(world, AF_INET, CLIENT4, SERVER4);
}

static void come6(const struct world *world)
{
	come(world, AF_INET6, CLIENT6, CLIENT6);
}

static uint64_t counter(const struct world *world, enum mxg_counter which)
{
	struct mxg_counters counters;

	gate_read_counters(&world->gate, &counters);
	return counters.count[which];
}

static void expect_event(const struct world *world, int family, const char *from)
{
	struct mxg_event want = {.abi = MXG_ABI,
				 .kind = MXG_EVENT_UNKNOWN,
				 .family = family == AF_INET ? 4 : 6,
				 .time_ns = world->last.time_ns};

	inet_pton(family, from, want.saddr);
	cr_expect_eq(memcmp(&world->last, &want, sizeof(want)), 0, "%s: v%u, kind %u, ifindex %u",
		     from, world->last.family, world->last.kind, world->last.ifindex);
	cr_expect_leq(world->last.time_ns, clock_mono_ns());
}

Test(established, tells_of_a_connection)
{
	struct world world;

	setup(&world);
	come4(&world);
	cr_expect_eq(take(&world), 1, "IPv4, at a socket of IPv6");
	expect_event(&world, AF_INET, CLIENT4);
	come6(&world);
	cr_expect_eq(take(&world), 1, "IPv6");
	expect_event(&world, AF_INET6, CLIENT6);
	cr_expect_eq(counter(&world, MXG_CTR_EVENT_UNKNOWN), 2);
	come4(&world);
	come6(&world);
	cr_expect_eq(take(&world), 0, "asked about lately");
	cr_expect_eq(counter(&world, MXG_CTR_EVENT_ASKED), 2);
	done(&world);
}

/* Of the same connection the accepting end is told of, and the connecting one not. */
Test(established, a_connection_of_ours_is_none)
{
	struct sockaddr_in in = {.sin_family = AF_INET}, server = in;
	struct world world;
	int fd, peer;

	setup(&world);
	inet_pton(AF_INET, CLIENT4, &in.sin_addr);
	inet_pton(AF_INET, SERVER4, &server.sin_addr);
	server.sin_port = world.port;
	/* Now the port that is protected is the one that we come from. */
	in.sin_port = world.gate.config.ports[0] = htons(2500);
	gate_configure(&world.gate);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
	peer = accept(world.listener, NULL, NULL);
	cr_expect_eq(take(&world), 0);
	close(peer);
	close(fd);
	done(&world);
}

Test(established, what_is_not_protected_is_not_told_of)
{
	struct mxg_dest *dest;
	struct world world;

	setup(&world);
	world.gate.config.ports[0] = htons(25);
	gate_configure(&world.gate);
	come4(&world);
	cr_expect_eq(take(&world), 0, "another port");
	world.gate.config.ports[0] = world.port;
	dest = &world.gate.config.dests[0];
	world.gate.config.dest_count = 1;
	*dest = (struct mxg_dest){.family = 4, .mask = {0xffffffff}};
	inet_pton(AF_INET, "127.0.0.26", dest->addr);
	gate_configure(&world.gate);
	come4(&world);
	come6(&world);
	cr_expect_eq(take(&world), 0, "another destination");
	inet_pton(AF_INET, SERVER4, dest->addr);
	gate_configure(&world.gate);
	come6(&world);
	cr_expect_eq(take(&world), 0, "one of the other family");
	come4(&world);
	cr_expect_eq(take(&world), 1, "the destination");
	done(&world);
}

static void put(struct world *world, uint64_t expires_ns)
{
	const struct mxg_verdict verdict = {.expires_ns = expires_ns,
					    .refresh_ns = MXG_NEVER,
					    .action = MXG_ACTION_PASS,
					    .reason = MXG_REASON_PASS};
	struct addr addr;
	uint8_t bytes[16];

	inet_pton(AF_INET, CLIENT4, bytes);
	addr_from_bytes(4, bytes, &addr);
	gate_put(&world->gate, &addr, &verdict);
	inet_pton(AF_INET6, CLIENT6, bytes);
	addr_from_bytes(6, bytes, &addr);
	gate_put(&world->gate, &addr, &verdict);
}

static uint32_t hits(struct world *world)
{
	struct addr addr;
	uint8_t bytes[4];

	inet_pton(AF_INET, CLIENT4, bytes);
	addr_from_bytes(4, bytes, &addr);
	return gate_get(&world->gate, &addr).hits;
}

Test(established, a_source_with_a_verdict_is_not_told_of)
{
	struct world world;

	setup(&world);
	put(&world, gate_now_ns() + GATE_HOUR_NS);
	come4(&world);
	come6(&world);
	cr_expect_eq(take(&world), 0, "a verdict");
	cr_expect_eq(hits(&world), 0, "which has not been hit: the SYN was that");
	put(&world, gate_now_ns());
	come4(&world);
	come6(&world);
	cr_expect_eq(take(&world), 2, "one that has run out");
	done(&world);
}

Test(established, a_source_with_an_exception_is_not_told_of)
{
	struct mxg_prefix allow = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_PASS, .reason = MXG_REASON_ALLOW};
	struct mxg_prefix4_key key = {.prefixlen = 24};
	struct world world;
	int fd;

	setup(&world);
	inet_pton(AF_INET, "127.0.0.0", key.addr);
	fd = gate_map(&world.gate, MXG_MAP_PREFIX4);
	cr_assert_eq(bpf_map_update_elem(fd, &key, &allow, 0), 0);
	world.gate.config.prefix4_count = 1;
	gate_configure(&world.gate);
	come4(&world);
	cr_expect_eq(take(&world), 0, "an exception");
	cr_assert_eq(bpf_map_lookup_elem(fd, &key, &allow), 0);
	cr_expect_eq(allow.hits, 0, "which has not been hit: the SYN was that");
	allow.expires_ns = gate_now_ns();
	cr_assert_eq(bpf_map_update_elem(fd, &key, &allow, 0), 0);
	come4(&world);
	cr_expect_eq(take(&world), 1, "one that has run out");
	done(&world);
}

Test(established, nothing_without_word_from_the_worker)
{
	struct world world;

	setup(&world);
	world.gate.config.established = 0;
	gate_configure(&world.gate);
	come4(&world);
	cr_expect_eq(take(&world), 0, "the other trigger");
	world.gate.config.established = 1;
	world.gate.config.abi = MXG_ABI - 1;
	gate_configure(&world.gate);
	come4(&world);
	cr_expect_eq(take(&world), 0, "a configuration of another ABI");
	world.gate.config.abi = MXG_ABI;
	gate_configure(&world.gate);
	gate_set_lease(&world.gate, gate_now_ns());
	come4(&world);
	cr_expect_eq(take(&world), 0, "a lease that has lapsed");
	gate_set_lease(&world.gate, MXG_NEVER);
	world.gate.config.event_rate = 0;
	gate_configure(&world.gate);
	come4(&world);
	cr_expect_eq(take(&world), 0, "no rate");
	cr_expect_eq(counter(&world, MXG_CTR_EVENT_LIMITED), 1);
	done(&world);
}

static int count_maps(const struct bpf_object *object)
{
	struct bpf_map *map;
	int count = 0;

	bpf_object__for_each_map(map, object) count++;
	return count;
}

/* Also: no map but those of the gate, so nothing new is pinned. */
Test(established, is_a_program_for_sockets)
{
	struct bpf_program *prog;
	struct world world;

	setup(&world);
	prog = bpf_object__next_program(world.object, NULL);
	cr_expect_str_eq(bpf_program__section_name(prog), "sockops");
	cr_expect_eq(bpf_program__type(prog), BPF_PROG_TYPE_SOCK_OPS);
	cr_expect_leq(count_maps(world.object), count_maps(world.gate.obj));
	done(&world);
}
