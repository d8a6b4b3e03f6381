/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * mxgate.conf: one table of keys feeds the parser, the defaults, the printer and
 * the man page. Every value is checked where it stands, and against the others when all
 * is read, so an error names file and line and what is allowed.
 *
 * It opens no socket, looks up no user or interface and changes nothing: what
 * the machine must have for a valid configuration is the keeper's to check.
 */
#ifndef MXGATE_CORE_CONF_H
#define MXGATE_CORE_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "core/breaker.h"
#include "core/confirm.h"
#include "core/policy.h"
#include "core/refusal.h"
#include "core/rollup.h"

#define CONF_INTERFACES_MAX 16
#define CONF_SERVERS_MAX    8
#define CONF_PATTERNS_MAX   8
#define CONF_TEXT_MAX       256
#define CONF_ERRORS_MAX     4096

enum conf_attach {
	CONF_ATTACH_NATIVE,
	CONF_ATTACH_GENERIC,
	CONF_ATTACH_EXTERNAL
};

enum conf_trigger {
	CONF_TRIGGER_SYN,
	CONF_TRIGGER_ESTABLISHED
};

struct conf {
	char interfaces[CONF_INTERFACES_MAX][IFNAMSIZ];
	unsigned int interface_count;
	uint32_t attach; /* enum conf_attach */
	uint32_t mode;   /* 0 monitor, 1 enforce */
	uint16_t ports[MXG_PORTS_MAX];
	unsigned int port_count;
	struct prefix destinations[MXG_DESTS_MAX];
	unsigned int destination_count; /* 0: any destination is protected */
	uint32_t decap;                 /* bool */
	uint32_t deny;                  /* 0 drop, 1 reset, 2 reject; conf_deny_action() */
	uint32_t trigger;               /* enum conf_trigger */
	uint32_t hold;                  /* bool */
	char cgroup[CONF_TEXT_MAX];     /* of the sockets that trigger = established sees */
	char bpf_object[CONF_TEXT_MAX];
	char state_directory[CONF_TEXT_MAX];
	char user[CONF_TEXT_MAX];
	uint32_t lease_sec;
	uint32_t detach_on_exit; /* bool */
	uint32_t log_level;      /* 0 error, 1 warn, 2 info, 3 debug */
	struct {
		char path[CONF_TEXT_MAX];
		char group[CONF_TEXT_MAX];
		char admin_group[CONF_TEXT_MAX];
	} control;
	struct {
		struct endpoint servers[CONF_SERVERS_MAX];
		unsigned int server_count; /* 0: those of /etc/resolv.conf */
		uint32_t deadline_sec;
		uint32_t max_outstanding;
		uint32_t budget4; /* per minute and /24 */
		uint32_t budget6; /* per minute and /64 */
	} dns;
	struct {
		char patterns[CONF_PATTERNS_MAX][CONF_TEXT_MAX]; /* files; io/patternfile.h */
		unsigned int pattern_count;
	} rdns;
	struct {
		uint32_t max4, start4;
		uint32_t max6, start6;
	} verdicts;
	struct {
		uint32_t rate; /* per second and CPU */
		uint32_t burst;
		uint32_t interval_sec;
	} events;
	struct confirm_conf confirm;
	struct breaker_conf breaker;
	struct refusal_conf reject;
	struct policy policy;
};

void conf_defaults(struct conf *conf);

/*
 * Reads path over the defaults. 0 and *ret filled; or -EINVAL (the file is
 * wrong) or another -errno (it cannot be read), *ret untouched, with one line
 * per error in errors ("FILE:LINE: what is wrong; what is allowed\n").
 */
int conf_read(const char *path, struct conf *ret, char errors[static CONF_ERRORS_MAX]);

/*
 * Where the file that path is, or one that it includes, sets a key: "FILE:LINE", or "FILE"
 * where it does not, for a line about what the machine lacks. Reads it again. Returns buf.
 */
const char *conf_where(const char *path, const char *section, const char *name, char *buf,
		       size_t size);

/* True if some source may be rejected, in whatever mode. */
bool conf_may_reject(const struct conf *conf);

/* What a deny exception does to a SYN. */
enum mxg_action conf_deny_action(const struct conf *conf);

/* The whole configuration as a file that reads back to the same struct. */
void conf_print(const struct conf *conf, FILE *out);

/* mxgate.conf(5) in man(7) macros. */
void conf_print_man(FILE *out);

#endif
