/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The command's side of the control socket: connect, one request, its items and
 * its last line. Turns every way this can fail into one complaint that says what
 * to do, and the exit code of CONTROL_ERRORS.
 */
#ifndef MXGATE_CTL_CLIENT_H
#define MXGATE_CTL_CLIENT_H

#include <jansson.h>

struct ctl;

#define CLIENT_LINE_MAX (1u << 20) /* bytes of one line from the daemon */
#define CLIENT_WAIT_SEC 10         /* silence after which we give up */
#define CLIENT_DNS_SEC  65         /* of a command that waits for DNS: its longest deadline */

/* A request for this command, to which arguments are added; NULL when out of memory. */
json_t *client_request(const char *cmd);

/*
 * Sends request (stolen) and calls on_item (may be NULL) for each item. 0 and the
 * result as a new reference in *ret (may be NULL), or the exit code after a complaint.
 */
int client_call(struct ctl *ctl, json_t *request, void (*on_item)(struct ctl *, const json_t *),
		json_t **ret);

#endif
