/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What keeper and worker say to each other: fixed-size records over a
 * SOCK_SEQPACKET socketpair. The keeper trusts the worker with nothing but these
 * kinds; a record of another size is ignored.
 */
#ifndef MXGATE_DAEMON_MESSAGE_H
#define MXGATE_DAEMON_MESSAGE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"

enum link_state {
	LINK_ABSENT,   /* no interface of this name */
	LINK_ATTACHED, /* by us, in the mode asked for */
	LINK_EXTERNAL, /* loaded by ip link or xdp-loader, same maps */
	LINK_MISSING,  /* attach = external, and nobody has loaded the gate yet */
	LINK_FOREIGN,  /* another XDP program is there */
	LINK_FAILED,   /* see detail */
};

/* One configured interface as the keeper last saw it. */
struct link_info {
	char name[IFNAMSIZ];
	int32_t ifindex; /* 0: absent */
	uint32_t state;  /* enum link_state */
	uint32_t mode;   /* enum gate_mode */
	uint32_t prog_id;
	uint32_t dispatcher_id; /* 0: the program is there without one */
	uint32_t mute_id;       /* the program that one which rejects could not take the place of */
	char detail[512];       /* one line; "" when all is well */
};

/* How the program of trigger = established stands; all zero: well, or not wanted. */
struct trigger_info {
	int32_t err;       /* -errno: it is not in force */
	char detail[1024]; /* one line, "" when all is well */
};

/* That DNS can find somebody good: for the next worker, if it asks the same servers. */
struct proof {
	uint32_t passes;  /* seen, as far as they are needed */
	uint32_t servers; /* a mark of who was asked */
};

enum message_kind {
	MESSAGE_ALIVE = 1, /* worker: ready, and again every second; with proof */
	MESSAGE_RELOAD,    /* worker: somebody asked for a reload */
	MESSAGE_RELOADED,  /* keeper: err and text say how that went */
	MESSAGE_LINK,      /* keeper: link number index of count is now so */
	MESSAGE_TRIGGER,   /* keeper: the trigger is now so */
	MESSAGE_STOP,      /* keeper: finish and exit; index is 1 if no other follows */
	MESSAGE_GROW,      /* worker: a table of family index for count entries is needed */
	MESSAGE_TABLE,     /* keeper: here it is, empty, for count; or err and text */
	MESSAGE_SWAP,      /* worker: that of count entries is filled: lead the gate to it */
	MESSAGE_SWAPPED,   /* keeper: done, or err */
};

struct message {
	uint32_t kind;
	int32_t err;
	uint32_t index, count;
	struct proof proof;
	struct link_info link;
	struct trigger_info trigger;
	char text[CONF_ERRORS_MAX];
};

/* "attached", "external", ... */
const char *link_state_name(enum link_state state);

/* 0, -EAGAIN when the peer reads too slowly, -EPIPE when it has gone, -errno. */
int message_send(int fd, const struct message *message);
/* The same with a descriptor, which stays the caller's, too. */
int message_send_fd(int fd, struct message *message, int passed_fd);
/*
 * 1 for a message, 0 when there is none now, -EPIPE when the peer has gone, -errno. With 1,
 * *ret_fd is the descriptor that came with it, or -1; NULL: none is taken.
 */
int message_receive(int fd, struct message *ret, int *ret_fd);

#endif
