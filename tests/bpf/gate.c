// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "gate.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/pages.h"

#define CPUS_MAX    256
#define BASE_AGE_NS GATE_HOUR_NS /* of a table that is not new */
#define TABLE_ROOM  1024
#define DENY4_BITS  24
#define DENY6_BITS  48

union key {
	struct mxg_prefix4_key prefix4;
	struct mxg_prefix6_key prefix6;
};

const char *gate_path(void)
{
	const char *path = getenv("MXGATE_BPF_OBJ");

	return path ? path : "build/mxgate.bpf.o";
}

uint64_t gate_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * GATE_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void gate_sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

__attribute__((format(printf, 2, 0))) static int print_warnings(enum libbpf_print_level level,
								const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

void gate_quiet(void)
{
	libbpf_set_print(print_warnings);
}

static int fd_of(const struct gate *gate, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(gate->obj, name);

	cr_assert(prog, "no program %s", name);
	return bpf_program__fd(prog);
}

/* The verifier takes half a second for the program that rejects: it is left out or alone. */
static void load(struct gate *gate, bool rejects)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	memset(gate, 0, sizeof(*gate));
	gate->table4.fd = gate->table6.fd = -1;
	gate_quiet();
	gate->obj = bpf_object__open_file(gate_path(), NULL);
	cr_assert(gate->obj, "%s: %s", gate_path(), strerror(errno));
	bpf_object__for_each_map(map, gate->obj) cr_assert_eq(bpf_map__set_pin_path(map, NULL), 0);
	bpf_object__for_each_program(prog, gate->obj)
	{
		bool does = strcmp(bpf_program__name(prog), MXG_REJECT_NAME) == 0;

		bpf_program__set_autoload(prog, does == rejects);
	}
	gate->is_hash = bpf_object__find_map_by_name(gate->obj, MXG_MAP_HASH4) != NULL;
	cr_assert_eq(bpf_object__load(gate->obj), 0);
	gate->prog = fd_of(gate, rejects ? MXG_REJECT_NAME : MXG_PROG_NAME);
	gate->frags = gate->is_hash ? -1 : fd_of(gate, rejects ? MXG_REJECT_NAME : MXG_FRAGS_NAME);
}

void gate_load(struct gate *gate)
{
	load(gate, false);
}

void gate_load_reject(struct gate *gate)
{
	load(gate, true);
}

static void drop_table(struct gate_table *table)
{
	if (table->fd < 0)
		return;
	pages_free(table->table.memory, table->size);
	table_hash_close(&table->hash);
	close(table->fd);
}

void gate_free(struct gate *gate)
{
	drop_table(&gate->table4);
	drop_table(&gate->table6);
	bpf_object__close(gate->obj);
	memset(gate, 0, sizeof(*gate));
}

int gate_map(const struct gate *gate, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(gate->obj, name);

	cr_assert(fd >= 0, "no map %s", name);
	return fd;
}

int gate_tables(const struct gate *gate, unsigned int family)
{
	if (gate->is_hash)
		return gate_map(gate, family == 4 ? MXG_MAP_HASH4 : MXG_MAP_HASH6);
	return gate_map(gate, family == 4 ? MXG_MAP_VERDICT4 : MXG_MAP_VERDICT6);
}

void gate_configure(struct gate *gate)
{
	const uint32_t zero = 0;

	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_CONFIG), &zero, &gate->config, 0),
		     0);
}

void gate_set_lease(struct gate *gate, uint64_t lease_ns)
{
	const uint32_t zero = 0;

	cr_assert_eq(bpf_map_update_elem(gate_map(gate, MXG_MAP_LEASE), &zero, &lease_ns, 0), 0);
}

static void new_hash(unsigned int family, uint32_t entries, struct gate_table *ret)
{
	cr_assert_eq(table_hash_make(family, entries, &ret->fd), 0);
	cr_assert_eq(table_hash_open(&ret->hash, family, ret->fd), 0);
}

static void new_lines(unsigned int family, uint32_t entries, struct gate_table *ret)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	const uint32_t elements = table_elements(family, entries);
	const size_t element = table_element_size(family);
	const uint64_t now = gate_now_ns();
	void *memory;

	ret->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "mxg_test_table", sizeof(uint32_t),
				 (uint32_t)element, elements, &opts);
	cr_assert(ret->fd >= 0, "%s", strerror(errno));
	memory = pages_of_map(ret->fd, element, &ret->size);
	cr_assert(memory, "%s", strerror(errno));
	/* A machine may be younger than that. */
	table_format(family, memory, entries, now > BASE_AGE_NS ? now - BASE_AGE_NS : 0, 0x5eed);
	cr_assert_eq(table_init(&ret->table, family, memory, elements), 0);
}

void gate_new_table(const struct gate *gate, unsigned int family, uint32_t entries,
		    struct gate_table *ret)
{
	*ret = (struct gate_table){.fd = -1, .hash = {.fd = -1}};
	if (gate->is_hash)
		new_hash(family, entries, ret);
	else
		new_lines(family, entries, ret);
}

void gate_need_newer(struct gate *gate)
{
	if (!gate->is_hash)
		return;
	gate_free(gate);
	cr_skip("the gate for older kernels has no such thing");
}

static struct gate_table *table_of(struct gate *gate, unsigned int family)
{
	return family == 4 ? &gate->table4 : &gate->table6;
}

void gate_set_table(struct gate *gate, unsigned int family, const struct gate_table *table)
{
	const uint32_t zero = 0;

	cr_assert_eq(bpf_map_update_elem(gate_tables(gate, family), &zero, &table->fd, 0), 0, "%s",
		     strerror(errno));
	drop_table(table_of(gate, family));
	*table_of(gate, family) = *table;
}

void gate_setup(struct gate *gate, uint32_t enforce_mask)
{
	struct gate_table table;

	gate->config = (struct mxg_config){
		.abi = MXG_ABI,
		.enforce_mask = enforce_mask,
		.hash_seed = 0x5eed,
		.port_count = 1,
		.ports = {htons(PORT_SMTP)},
		.event_rate = 1000000,
		.event_burst = 1000000,
		.ask_interval_ns = GATE_HOUR_NS, /* no stall of the machine is as long */
	};
	for (unsigned int family = 4; family <= 6; family += 2) {
		gate_new_table(gate, family, TABLE_ROOM, &table);
		gate_set_table(gate, family, &table);
	}
	gate_set_lease(gate, gate_now_ns() + GATE_HOUR_NS);
	gate_configure(gate);
}

void gate_setup_holding(struct gate *gate, uint32_t enforce_mask, uint64_t lease_ns)
{
	gate_setup(gate, enforce_mask);
	gate->config.hold_left_ns = lease_ns - MXG_HOLD_BEAT_NS;
	gate_configure(gate);
	gate_set_lease(gate, gate_now_ns() + lease_ns);
}

static void host_addr(unsigned int family, unsigned int host, struct addr *ret)
{
	uint8_t bytes[16];

	if (family == 4)
		packet_addr4(host, bytes);
	else
		packet_addr6(host, bytes);
	addr_from_bytes((uint8_t)family, bytes, ret);
}

void gate_put(struct gate *gate, const struct addr *addr, const struct mxg_verdict *verdict)
{
	struct gate_table *table = table_of(gate, addr->family);

	cr_assert_eq(gate->is_hash ? table_hash_put(&table->hash, addr, verdict, gate_now_ns())
				   : table_put(&table->table, addr, verdict, gate_now_ns()),
		     0);
}

struct mxg_verdict gate_get(struct gate *gate, const struct addr *addr)
{
	struct gate_table *table = table_of(gate, addr->family);
	struct mxg_verdict verdict;

	cr_assert_eq(gate->is_hash ? table_hash_get(&table->hash, addr, &verdict)
				   : table_get(&table->table, addr, &verdict),
		     0);
	return verdict;
}

void gate_put_verdict(struct gate *gate, unsigned int family, unsigned int host,
		      const struct mxg_verdict *verdict)
{
	struct addr addr;

	host_addr(family, host, &addr);
	gate_put(gate, &addr, verdict);
}

void gate_del_verdict(struct gate *gate, unsigned int family, unsigned int host)
{
	struct gate_table *table = table_of(gate, family);
	struct addr addr;

	host_addr(family, host, &addr);
	cr_assert_eq(gate->is_hash ? table_hash_del(&table->hash, &addr)
				   : table_del(&table->table, &addr),
		     0);
}

struct mxg_verdict gate_get_verdict(struct gate *gate, unsigned int family, unsigned int host)
{
	struct addr addr;

	host_addr(family, host, &addr);
	return gate_get(gate, &addr);
}

static int prefix_key(struct gate *gate, unsigned int family, unsigned int host, unsigned int bits,
		      union key *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (family == 4) {
		ret->prefix4.prefixlen = bits;
		packet_addr4(host, ret->prefix4.addr);
		return gate_map(gate, MXG_MAP_PREFIX4);
	}
	ret->prefix6.prefixlen = bits;
	packet_addr6(host, ret->prefix6.addr);
	return gate_map(gate, MXG_MAP_PREFIX6);
}

void gate_put_prefix(struct gate *gate, unsigned int family, unsigned int host, unsigned int bits,
		     const struct mxg_prefix *prefix)
{
	union key key;
	int fd = prefix_key(gate, family, host, bits, &key);

	cr_assert_eq(bpf_map_update_elem(fd, &key, prefix, 0), 0, "%s", strerror(errno));
}

struct mxg_prefix gate_get_prefix(struct gate *gate, unsigned int family, unsigned int host,
				  unsigned int bits)
{
	struct mxg_prefix prefix;
	union key key;
	int fd = prefix_key(gate, family, host, bits, &key);

	cr_assert_eq(bpf_map_lookup_elem(fd, &key, &prefix), 0);
	return prefix;
}

static void fill_verdicts(struct gate *gate, unsigned int family)
{
	const struct {
		unsigned int host;
		uint8_t action, reason;
	} rows[] = {
		{HOST_GOOD, MXG_ACTION_PASS, MXG_REASON_PASS},
		{HOST_BOTH, MXG_ACTION_PASS, MXG_REASON_PASS},
		{HOST_NO_PTR, MXG_ACTION_DROP, MXG_REASON_NO_PTR},
		{HOST_UNCONFIRMED, MXG_ACTION_DROP, MXG_REASON_UNCONFIRMED},
		{HOST_TEMPERROR, MXG_ACTION_DROP, MXG_REASON_TEMPERROR},
		{HOST_GENERIC, MXG_ACTION_DROP, MXG_REASON_GENERIC},
		{HOST_EXPIRED, MXG_ACTION_DROP, MXG_REASON_NO_PTR},
		{HOST_RESET, MXG_ACTION_RESET, MXG_REASON_NO_PTR},
		{HOST_RESET_UNCONFIRMED, MXG_ACTION_RESET, MXG_REASON_UNCONFIRMED},
		{HOST_RESET_GENERIC, MXG_ACTION_RESET, MXG_REASON_GENERIC},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mxg_verdict verdict = {
			.expires_ns = rows[i].host == HOST_EXPIRED ? gate_now_ns()
								   : gate_now_ns() + GATE_HOUR_NS,
			.refresh_ns = MXG_NEVER,
			.action = rows[i].action,
			.reason = rows[i].reason,
		};

		gate_put_verdict(gate, family, rows[i].host, &verdict);
	}
}

static void fill_exceptions(struct gate *gate, unsigned int family)
{
	const struct mxg_prefix allow = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_PASS, .reason = MXG_REASON_ALLOW};
	const struct mxg_prefix deny = {
		.expires_ns = MXG_NEVER, .action = MXG_ACTION_DROP, .reason = MXG_REASON_DENY};
	struct mxg_prefix lapsed = deny, reset = deny;
	const unsigned int all = family == 4 ? 32 : 128;

	lapsed.expires_ns = gate_now_ns();
	reset.action = MXG_ACTION_RESET;
	gate_put_prefix(gate, family, HOST_DENIED, family == 4 ? DENY4_BITS : DENY6_BITS, &deny);
	gate_put_prefix(gate, family, HOST_ALLOWED, all, &allow);
	gate_put_prefix(gate, family, HOST_LAPSED, all, &lapsed);
	gate_put_prefix(gate, family, HOST_RESET_DENY, all, &reset);
	gate_put_prefix(gate, family, HOST_BOTH, all, &deny);
}

void gate_fill_hosts(struct gate *gate)
{
	for (unsigned int family = 4; family <= 6; family += 2) {
		fill_verdicts(gate, family);
		fill_exceptions(gate, family);
	}
	gate->config.prefix4_count = 5;
	gate->config.prefix6_count = 5;
	gate_configure(gate);
}

uint32_t gate_run(struct gate *gate, const struct packet *pkt, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->data, .data_size_in = (__u32)pkt->len,
		    .repeat = (int)repeat);

	cr_assert_eq(bpf_prog_test_run_opts(gate->prog, &opts), 0, "%zu bytes: %s", pkt->len,
		     strerror(errno));
	return opts.retval;
}

uint32_t gate_run_out(struct gate *gate, const struct packet *pkt, struct packet *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->data, .data_size_in = (__u32)pkt->len,
		    .data_out = ret->data, .data_size_out = sizeof(ret->data), .repeat = 1);

	cr_assert_eq(bpf_prog_test_run_opts(gate->prog, &opts), 0, "%zu bytes: %s", pkt->len,
		     strerror(errno));
	ret->len = opts.data_size_out;
	return opts.retval;
}

uint32_t gate_run_spec(struct gate *gate, const struct packet_spec *spec)
{
	struct packet pkt;

	packet_build(&pkt, spec);
	return gate_run(gate, &pkt, 1);
}

void gate_read_counters(const struct gate *gate, struct mxg_counters *ret)
{
	static struct mxg_counters cpus[CPUS_MAX];
	const uint32_t zero = 0;
	int count = libbpf_num_possible_cpus();

	cr_assert(count > 0 && count <= CPUS_MAX);
	cr_assert_eq(bpf_map_lookup_elem(gate_map(gate, MXG_MAP_COUNTERS), &zero, cpus), 0);
	memset(ret, 0, sizeof(*ret));
	for (int cpu = 0; cpu < count; cpu++) {
		for (unsigned int i = 0; i < MXG_CTR_ROOM; i++)
			ret->count[i] += cpus[cpu].count[i];
	}
}

uint64_t gate_counter(const struct gate *gate, enum mxg_counter counter)
{
	struct mxg_counters counters;

	gate_read_counters(gate, &counters);
	return counters.count[counter];
}

const char *gate_counter_name(unsigned int counter)
{
	static const char *const names[] = {
#define X(sym, kind, name, help) name,
		MXG_COUNTERS(X)
#undef X
	};

	return counter < MXG_CTR_MAX ? names[counter] : "unassigned";
}

enum mxg_counter_kind gate_counter_kind(unsigned int counter)
{
	static const enum mxg_counter_kind kinds[] = {
#define X(sym, kind, name, help) MXG_KIND_##kind,
		MXG_COUNTERS(X)
#undef X
	};

	return counter < MXG_CTR_MAX ? kinds[counter] : MXG_KIND_BESIDE;
}

uint32_t gate_action_of(enum mxg_counter outcome)
{
	switch (gate_counter_kind(outcome)) {
	case MXG_KIND_DROPPED:
	case MXG_KIND_HELD:
	case MXG_KIND_SILENT:
		return XDP_DROP;
	case MXG_KIND_RESET:
	case MXG_KIND_REJECTED:
	case MXG_KIND_TOLD:
		return XDP_TX;
	default:
		return XDP_PASS;
	}
}

void gate_expect(struct gate *gate, const struct packet *pkt, enum mxg_counter outcome,
		 const char *label)
{
	const uint32_t want = gate_action_of(outcome);
	struct mxg_counters before, after;
	uint32_t got;

	gate_read_counters(gate, &before);
	got = gate_run(gate, pkt, 1);
	gate_read_counters(gate, &after);
	cr_expect_eq(got, want, "%s: XDP action %u, expected %u", label, got, want);
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++) {
		uint64_t moved = after.count[i] - before.count[i];

		if (gate_counter_kind(i) == MXG_KIND_BESIDE)
			continue;
		cr_expect_eq(moved, i == outcome, "%s: %s moved by %llu, expected %s", label,
			     gate_counter_name(i), (unsigned long long)moved,
			     gate_counter_name(outcome));
	}
}

void gate_expect_spec(struct gate *gate, const struct packet_spec *spec, enum mxg_counter outcome,
		      const char *label)
{
	struct packet pkt;

	packet_build(&pkt, spec);
	gate_expect(gate, &pkt, outcome, label);
}

unsigned int gate_two_cpus(unsigned int ret[static 2])
{
	unsigned int found = 0;
	cpu_set_t set;

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
		if (CPU_ISSET(cpu, &set))
			ret[found++] = cpu;
	}
	return found;
}

void gate_stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}
