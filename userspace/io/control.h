/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The server's side of the control socket: accepts, reads one line, checks the
 * peer's right, hands the request to a callback, writes the answer. Owns the
 * connections; knows no command beyond its name and access.
 *
 * A bad line (not JSON, not an object, unknown command, too long) gets one error
 * and never reaches the callback; an oversized one and a peer above its limits
 * are cut. Nothing a client does can block the loop or another client.
 *
 * A peer that may not even read is told so, with the group to join, and cut at
 * once: strangers hold no connection. A line must be complete within the idle
 * time of its first byte. A client may shut its sending side down and still read
 * its answers; requests are handed on one at a time, each when the answer before
 * it has been taken.
 */
#ifndef MXGATE_IO_CONTROL_H
#define MXGATE_IO_CONTROL_H

#include <jansson.h>
#include <mxgate/control.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct control;
struct control_request;

struct control_conf {
	gid_t read_gid;   /* (gid_t)-1: nobody but uid 0 and the admin group */
	gid_t change_gid; /* (gid_t)-1: uid 0 only */
	uint32_t idle_ms; /* 0: CONTROL_IDLE_SEC; what a client has for a line or to read on */
	unsigned int clients_max; /* 0: CONTROL_CLIENTS_MAX; uid 0 has CONTROL_ROOT_ROOM more */
	unsigned int per_uid_max; /* 0: CONTROL_PER_UID_MAX; not for uid 0 */
};

#define CONTROL_ROOT_ROOM 8 /* so that others cannot lock root out */

/* Bytes waiting for one client: above the first, items return -EAGAIN; above the second, cut. */
#define CONTROL_QUEUE_HIGH (256u << 10)
#define CONTROL_QUEUE_MAX  (8u << 20)

/*
 * Called for each well-formed, permitted request. It must end in exactly one
 * control_reply_ok() or control_reply_error(), now or later from the loop; until
 * then the request stays valid, also when the client has gone (replies are then
 * swallowed, and control_request_is_gone() says so).
 */
typedef void (*control_request_fn)(struct control_request *request, void *user);

/*
 * Makes the listening socket: removes a stale one (a live daemon behind it gives
 * -EADDRINUSE), creates the parent directory 0755, mode 0666, since credentials
 * decide and not the file mode. 0 with the fd in *ret_fd, or -errno.
 */
int control_listen(const char *path, int *ret_fd);

/*
 * Whether control_listen() could make it, as far as that can be told without making anything;
 * a daemon that answers there is none of the obstacles. 0 or -errno.
 */
int control_check(const char *path);

/*
 * Serves on listen_fd, which stays the caller's. 0 or -errno. Sets SIGPIPE to be
 * ignored: libuv writes with write(2).
 */
int control_new(uv_loop_t *loop, int listen_fd, const struct control_conf *conf,
		control_request_fn on_request, void *user, struct control **ret);

/*
 * Cuts every client. The loop must run once more to finish closing. NULL is fine.
 * Unanswered requests stay valid, and keep the loop's handles of their client open,
 * until they are replied to.
 */
void control_free(struct control *control);

enum control_command control_request_command(const struct control_request *request);
/* Borrowed; the whole request object. */
const json_t *control_request_args(const struct control_request *request);
/* A string argument, or NULL if absent or not a string. Borrowed. */
const char *control_request_string(const struct control_request *request, const char *key);
/* "uid=1000(alice)", for the audit; the name is of /etc/passwd, so that no directory
 * service can stall the loop. Borrowed. */
const char *control_request_who(const struct control_request *request);
bool control_request_is_gone(const struct control_request *request);

/*
 * One item line; steals item. Returns 0, or -EAGAIN when the client has fallen
 * behind: the item was queued, but wait for the drain callback before the next.
 */
int control_reply_item(struct control_request *request, json_t *item);
/* fn is called once, from the loop, when the client has caught up or has gone. */
void control_request_on_drain(struct control_request *request,
			      void (*fn)(struct control_request *request, void *user), void *user);

/* The last line; steals result (NULL for {}). The request is gone afterwards. */
void control_reply_ok(struct control_request *request, json_t *result);
/* hint may be NULL. The request is gone afterwards. */
void control_reply_error(struct control_request *request, enum control_error error,
			 const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Clients connected now. */
unsigned int control_clients(const struct control *control);

#endif
