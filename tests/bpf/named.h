/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The named packets: one table of every shape that the gate must tell from others, each
 * with the configuration it comes into and the outcome that it counts. Other tests run
 * it in other states of the gate, and damage what is in it.
 */
#ifndef MXGATE_TESTS_NAMED_H
#define MXGATE_TESTS_NAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mxgate/abi.h>
#include "packet.h"

#define NAMED_V4        1U
#define NAMED_V6        2U
#define NAMED_BOTH      (NAMED_V4 | NAMED_V6)
#define NAMED_LABEL_MAX 96

/* What the worker would write, told without the gate's words. */
enum named_conf {
	NAMED_PLAIN,  /* port 25 of every address */
	NAMED_DECAP,  /* and in tunnels */
	NAMED_ROUTER, /* port 25 of DEST_MX, and of those from 128 on in its network */
	NAMED_DECAP_ROUTER,
	NAMED_PORTS,    /* eight ports, 25 the last but one */
	NAMED_NO_PORTS, /* as before a worker has written any */
	NAMED_V4_ONLY,  /* port 25 of an IPv4 network alone */
	NAMED_CONFS
};

struct named_dest {
	uint8_t family;
	uint8_t bits;
	uint8_t addr[16]; /* IPv4 in the first 4 */
};

struct named_shape {
	const char *name;
	bool decap;
	unsigned int port_count;
	uint16_t ports[MXG_PORTS_MAX];
	unsigned int dest_count;
	struct named_dest dests[MXG_DESTS_MAX];
};

extern const struct named_shape NAMED_SHAPES[NAMED_CONFS];

struct named {
	const char *name;
	unsigned int families;
	enum named_conf conf;
	enum mxg_counter monitor; /* the outcome in monitor mode */
	struct packet_spec spec;  /* but for the family */
};

extern const struct named NAMED[];
extern const size_t NAMED_COUNT;

/* Whether the row is about this family, 4 or 6; then its frame and its whole name. */
bool named_build(const struct named *named, unsigned int family, struct packet *ret,
		 char ret_label[static NAMED_LABEL_MAX]);

/* Writes the shape into a configuration as the worker does, and leaves the rest of it. */
void named_configure(const struct named_shape *shape, struct mxg_config *config);

#endif
