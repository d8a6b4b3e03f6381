// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "packets.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mxgate/abi.h>
#include <mxgate/table.h>

#include "base/clock.h"
#include "core/conf.h"
#include "core/refusal.h"
#include "io/gate.h"
#include "io/inner.h"
#include "io/vmap.h"
#include "packets_sources.h"

#define MX_PORT     25
#define TABLE_LEAST 1024
#define DAY_NS      (86400 * CLOCK_NS_PER_SEC)
#define FILTER_SRC  1 /* xdp-filter: the address counts as a source */
#define CPUS_MAX    256

static int failed(const char *what, int err)
{
	fprintf(stderr, "bench-gate: %s: %s\n", what, strerror(-err));
	return err;
}

/* --- beside the others ------------------------------------------------------------------------ */

void packets_source(unsigned int family, uint32_t number, struct addr *ret)
{
	const uint32_t v4 = htonl(sources_addr4(number));
	uint64_t v6[2] = {sources_net6(number), sources_host6(number)};

	memset(ret, 0, sizeof(*ret));
	ret->family = (uint8_t)family;
	if (family == 4) {
		memcpy(ret->bytes, &v4, sizeof(v4));
		return;
	}
	for (size_t i = 0; i < sizeof(ret->bytes); i++)
		ret->bytes[i] = (uint8_t)(v6[i / 8] >> (56 - i % 8 * 8));
}

__attribute__((format(printf, 2, 0))) static int print_warnings(enum libbpf_print_level level,
								const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

struct bpf_object *packets_open(const char *path)
{
	struct bpf_object *object;
	struct bpf_map *map;

	libbpf_set_print(print_warnings);
	object = bpf_object__open_file(path, NULL);
	if (!object) {
		fprintf(stderr, "bench-gate: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	bpf_object__for_each_map(map, object)
	{
		bpf_map__set_pin_path(map, NULL);
	}
	return object;
}

uint64_t packets_map_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "memlock:", 8) == 0)
			bytes = strtoull(line + 8, NULL, 10);
	if (file)
		fclose(file);
	return bytes;
}

int packets_list(const struct packets *packets)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	for (uint32_t i = 0; i < packets->sources; i++) {
		packets_source(packets->family, packets->first + i, &addr);
		puts(addr_format(&addr, text));
	}
	return 0;
}

/* --- our own programs ------------------------------------------------------------------------- */

static int attach(const struct bpf_object *object, const char *program, const char *interface)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, program);
	int ifindex = (int)if_nametoindex(interface);

	if (!prog || !ifindex)
		return -ENOENT;
	return bpf_xdp_attach(ifindex, bpf_program__fd(prog), XDP_FLAGS_DRV_MODE, NULL);
}

/* As many lines as a table for the sources has, filled as far as it may be. */
static int size_lines(const struct bpf_object *object, const struct packets *packets)
{
	struct bpf_map *lines = bpf_object__find_map_by_name(object, LINES_MAP);
	struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");
	const uint32_t count = packets->family == 4 ? packets->sources / MXG_LINE4_SLOTS * 20 / 17
						    : packets->sources / MXG_LINE6_SLOTS * 5 / 4;
	const size_t size =
		packets->family == 4 ? sizeof(struct mxg_line4) : sizeof(struct mxg_line6);
	int err = lines && constants ? bpf_map__set_max_entries(lines, count + 1) : -ENOENT;

	if (err == 0)
		err = bpf_map__set_value_size(lines, (__u32)size);
	/* The one constant there is. */
	return err < 0 ? err : bpf_map__set_initial_value(constants, &count, sizeof(count));
}

int packets_attach(const struct packets *packets, const char *program)
{
	struct bpf_object *object = packets_open(packets->object);
	int err;

	if (!object)
		return -errno;
	err = size_lines(object, packets);
	if (err == 0)
		err = bpf_object__load(object);
	if (err == 0)
		err = attach(object, program, packets->interface);
	bpf_object__close(object);
	return err < 0 ? failed(program, err) : 0;
}

/* --- mxgate ----------------------------------------------------------------------------------- */

static int new_vmap(const struct gate_fds *fds, const struct inner *tables, struct vmap **ret)
{
	const struct vmap_fds vmap_fds = {
		.config = fds->config,
		.lease = fds->lease,
		.counters = fds->counters,
		.prefix4 = fds->prefix4,
		.prefix6 = fds->prefix6,
		.rollup = fds->rollup,
		.say = fds->say,
		.secret = fds->secret,
		.verdict4 = inner_fd(tables, 4),
		.verdict6 = inner_fd(tables, 6),
	};

	return vmap_new(&vmap_fds, ret);
}

static struct mxg_config enforced(void)
{
	return (struct mxg_config){
		.abi = MXG_ABI,
		.enforce_mask = 1U << MXG_REASON_NO_PTR,
		.hash_seed = 0x5eed,
		.port_count = 1,
		.ports = {htons(MX_PORT)},
		.event_rate = 1000,
		.event_burst = 1000,
		.ask_interval_ns = CLOCK_NS_PER_SEC,
	};
}

void packets_greeting(struct mxg_say *ret)
{
	static const struct refusal_conf conf;

	refusal_greeting(&conf, "mx.example", ret);
}

/* All that a gate needs for its talk with who is rejected: the text that it has by default. */
static int give_speech(struct vmap *vmap)
{
	const struct mxg_secret secret = TALK_SECRET;
	static struct conf conf;
	struct mxg_say says[4];
	const uint32_t slots[4] = {MXG_SAY_GREETING, MXG_SAY_BYE, MXG_REASON_NO_PTR,
				   MXG_SAY_WRONG + MXG_REASON_NO_PTR};
	int err;

	conf_defaults(&conf);
	strcpy(conf.reject.url, "https://mx.example/refused");
	packets_greeting(&says[0]);
	refusal_bye(&says[1]);
	err = refusal_line(&conf.reject, MXG_REASON_NO_PTR, &says[2], NULL);
	if (err == 0)
		err = refusal_wrong(&conf.reject, MXG_REASON_NO_PTR, &says[3]);
	for (size_t i = 0; i < 4 && err == 0; i++)
		err = vmap_say_put(vmap, slots[i], &says[i]);
	for (uint32_t i = 0; i < 2 && err == 0; i++)
		err = vmap_secret_put(vmap, i, &secret);
	return err;
}

static int enforce(struct vmap *vmap, enum mxg_action action)
{
	struct mxg_config config = enforced();
	int err = action == MXG_ACTION_REJECT ? give_speech(vmap) : 0;

	config.reject = action == MXG_ACTION_REJECT;
	if (err == 0)
		err = vmap_config_put(vmap, &config);
	return err < 0 ? err : vmap_lease_put(vmap, clock_mono_ns() + DAY_NS);
}

static struct mxg_verdict drop_of_a_day(void)
{
	const uint64_t end_ns = clock_mono_ns() + DAY_NS;

	return (struct mxg_verdict){
		.expires_ns = end_ns,
		.refresh_ns = end_ns,
		.action = MXG_ACTION_DROP,
		.reason = MXG_REASON_NO_PTR,
	};
}

/* A full table may refuse somebody, which is told: so few do not show in what is measured. */
static int put_all(struct vmap *vmap, const struct packets *packets)
{
	struct mxg_verdict verdict = drop_of_a_day();
	struct addr addr;
	uint32_t refused = 0;
	int err = 0;

	verdict.action = (__u8)packets->action;
	for (uint32_t i = 0; i < packets->sources && (err == 0 || err == -E2BIG); i++) {
		packets_source(packets->family, i, &addr);
		err = vmap_put(vmap, &addr, &verdict, verdict.expires_ns - DAY_NS);
		refused += err == -E2BIG;
	}
	if (refused)
		fprintf(stderr, "bench-gate: %u of %u verdicts found no place\n", refused,
			packets->sources);
	if (refused > packets->sources / 10000)
		return -E2BIG;
	return err == -E2BIG ? 0 : err;
}

int packets_gate(const struct packets *packets, struct packets_gate *ret)
{
	const uint32_t max = packets->sources > TABLE_LEAST ? packets->sources : TABLE_LEAST;
	const struct inner_size full = {max, max}, least = {TABLE_LEAST, TABLE_LEAST};
	char why[GATE_WHY_MAX] = "";
	int err = gate_open(packets->object, &ret->gate, why);
	const struct gate_fds *fds = NULL;

	if (err == 0) {
		fds = gate_get_fds(ret->gate);
		err = inner_new(fds->outer4, fds->outer6, fds->is_hash, &ret->tables);
	}
	if (err == 0)
		err = inner_configure(ret->tables, packets->family == 4 ? &full : &least,
				      packets->family == 4 ? &least : &full, why);
	if (err < 0)
		fprintf(stderr, "bench-gate: %s\n", why);
	return err < 0 ? err : new_vmap(fds, ret->tables, &ret->vmap);
}

void packets_gate_free(struct packets_gate *gate)
{
	vmap_free(gate->vmap);
	inner_free(gate->tables);
	gate_close(gate->gate);
}

static int attach_gate(struct gate *gate, const struct packets *packets)
{
	const int ifindex = (int)if_nametoindex(packets->interface);
	char why[GATE_WHY_MAX] = "";
	bool is_alone;
	int err;

	if (packets->action == MXG_ACTION_REJECT)
		err = gate_attach_reject(gate, ifindex, GATE_MODE_NATIVE, &is_alone, why);
	else
		err = gate_attach(gate, ifindex, GATE_MODE_NATIVE, why);

	if (err < 0)
		fprintf(stderr, "bench-gate: %s\n", why);
	return err;
}

static void report_table(int fd)
{
	printf("{\"table_bytes\": %llu}\n", (unsigned long long)packets_map_bytes(fd));
}

int packets_mxgate(const struct packets *packets)
{
	struct packets_gate gate = {0};
	int err = packets_gate(packets, &gate);

	if (err == 0)
		err = put_all(gate.vmap, packets);
	if (err == 0)
		err = enforce(gate.vmap, packets->action);
	if (err == 0 && packets->interface)
		err = attach_gate(gate.gate, packets);
	if (err == 0)
		report_table(inner_fd(gate.tables, packets->family));
	packets_gate_free(&gate);
	return err < 0 ? failed(packets->object, err) : 0;
}

/* --- xdp-filter ------------------------------------------------------------------------------- */

static int filter_fill(int map, const struct packets *packets)
{
	const int cpus = libbpf_num_possible_cpus();
	__u64 flags[CPUS_MAX];
	struct addr addr;

	if (cpus < 0 || cpus > CPUS_MAX)
		return -E2BIG;
	for (int i = 0; i < cpus; i++)
		flags[i] = FILTER_SRC;
	for (uint32_t i = 0; i < packets->sources; i++) {
		packets_source(packets->family, i, &addr);
		if (bpf_map_update_elem(map, addr.bytes, flags, BPF_NOEXIST) < 0)
			return -errno;
	}
	return 0;
}

/* It asks for 10,000 entries and has no option for more. */
static int filter_size(struct bpf_object *object, const char *name, uint32_t entries)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, object)
	{
		if (err == 0 && strcmp(bpf_map__name(map), name) == 0)
			err = bpf_map__set_max_entries(map, entries);
	}
	return err;
}

int packets_xdp_filter(const struct packets *packets)
{
	const char *name = packets->family == 4 ? "filter_ipv4" : "filter_ipv6";
	struct bpf_object *object = packets_open(packets->object);
	struct bpf_program *prog;
	int err, fd;

	if (!object)
		return -errno;
	err = filter_size(object, name, packets->sources);
	if (err == 0)
		err = bpf_object__load(object);
	fd = err == 0 ? bpf_object__find_map_fd_by_name(object, name) : -1;
	if (err == 0)
		err = fd < 0 ? fd : filter_fill(fd, packets);
	prog = bpf_object__next_program(object, NULL);
	if (err == 0)
		err = attach(object, bpf_program__name(prog), packets->interface);
	if (err == 0)
		report_table(fd);
	bpf_object__close(object);
	return err < 0 ? failed(packets->object, err) : 0;
}

/* --- no filter -------------------------------------------------------------------------------- */

int packets_listen(const struct packets *packets)
{
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(MX_PORT)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 128) < 0)
		return failed(packets->interface, -errno);
	for (;;)
		pause();
}
