/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The gate under test: the built object, loaded without pins, so that it shares
 * nothing with a gate that runs on the same machine. Runs frames through it with
 * BPF_PROG_TEST_RUN and plays the worker's part in its maps. Any call that fails
 * fails the test.
 */
#ifndef MXGATE_TESTS_GATE_H
#define MXGATE_TESTS_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <bpf/libbpf.h>

#include <mxgate/abi.h>
#include "core/table.h"
#include "core/table_hash.h"
#include "packet.h"

#define GATE_NS_PER_SEC 1000000000ULL
#define GATE_HOUR_NS    (3600 * GATE_NS_PER_SEC)
#define GATE_ENFORCE    (~0U) /* enforce_mask: every bit, also those of no reason */

struct gate {
	struct bpf_object *obj;
	struct mxg_config config; /* as last written by gate_configure() */
	int prog;
	int frags; /* the program for frames in several buffers; that for older kernels: none, -1 */
	bool is_hash; /* the gate for older kernels, whose tables are hashes */
	struct gate_table {
		int fd; /* the inner map, mapped */
		struct table table;
		size_t size;
		struct table_hash hash; /* in the place of both, with its own fd */
	} table4, table6;
};

/* MXGATE_BPF_OBJ, or build/mxgate.bpf.o. */
const char *gate_path(void);

/* No remark of libbpf's but warnings; it has one on the section meant for libxdp. */
void gate_quiet(void);

/* Loads with all maps as they are created: no config, no tables. */
void gate_load(struct gate *gate);
/* The same with the program that can reject, as both of the programs. */
void gate_load_reject(struct gate *gate);
void gate_free(struct gate *gate);

/* Config for port 25 with generous event limits, tables, and a lease of an hour. */
void gate_setup(struct gate *gate, uint32_t enforce_mask);

/*
 * The same, of a worker that has renewed a lease of that length a moment ago and may hold:
 * whoever is of a network that is rolled up, and everybody if config.hold says so.
 */
void gate_setup_holding(struct gate *gate, uint32_t enforce_mask, uint64_t lease_ns);

/* Gives the named hosts of packet.h what they are named for. */
void gate_fill_hosts(struct gate *gate);

int gate_map(const struct gate *gate, const char *name);
/* The map that the table of a family hangs in. */
int gate_tables(const struct gate *gate, unsigned int family);
void gate_configure(struct gate *gate);
void gate_set_lease(struct gate *gate, uint64_t lease_ns);
void gate_new_table(const struct gate *gate, unsigned int family, uint32_t entries,
		    struct gate_table *ret);
/* What follows only the gate for newer kernels has, lines or frames in several buffers: or skips.
 */
void gate_need_newer(struct gate *gate);
/* Takes the table. */
void gate_set_table(struct gate *gate, unsigned int family, const struct gate_table *table);

/* The same by address, of whatever family. */
void gate_put(struct gate *gate, const struct addr *addr, const struct mxg_verdict *verdict);
struct mxg_verdict gate_get(struct gate *gate, const struct addr *addr);

void gate_put_verdict(struct gate *gate, unsigned int family, unsigned int host,
		      const struct mxg_verdict *verdict);
void gate_del_verdict(struct gate *gate, unsigned int family, unsigned int host);
struct mxg_verdict gate_get_verdict(struct gate *gate, unsigned int family, unsigned int host);
void gate_put_prefix(struct gate *gate, unsigned int family, unsigned int host, unsigned int bits,
		     const struct mxg_prefix *prefix);
struct mxg_prefix gate_get_prefix(struct gate *gate, unsigned int family, unsigned int host,
				  unsigned int bits);

/* Returns the XDP action. */
uint32_t gate_run(struct gate *gate, const struct packet *pkt, uint32_t repeat);
/* The same, and the frame as it is afterwards. */
uint32_t gate_run_out(struct gate *gate, const struct packet *pkt, struct packet *ret);
uint32_t gate_run_spec(struct gate *gate, const struct packet_spec *spec);

/* Sums over the CPUs. */
void gate_read_counters(const struct gate *gate, struct mxg_counters *ret);
uint64_t gate_counter(const struct gate *gate, enum mxg_counter counter);
const char *gate_counter_name(unsigned int counter);
enum mxg_counter_kind gate_counter_kind(unsigned int counter);
/* What XDP does with a packet that counts so. */
uint32_t gate_action_of(enum mxg_counter outcome);

/*
 * Runs one frame and expects its XDP action to be that of the outcome, and that
 * outcome counter, and no other, to move by one.
 */
void gate_expect(struct gate *gate, const struct packet *pkt, enum mxg_counter outcome,
		 const char *label);
void gate_expect_spec(struct gate *gate, const struct packet_spec *spec, enum mxg_counter outcome,
		      const char *label);

/* The clock the gate reads. */
uint64_t gate_now_ns(void);
void gate_sleep_ms(long ms);

/* The first CPUs this process may use; returns how many of the two there are. */
unsigned int gate_two_cpus(unsigned int ret[static 2]);
void gate_stay_on(unsigned int cpu);

#endif
