/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The server's side of the control socket: accepts, reads one line, checks the
 * peer's right, hands the request to a callback, writes the answer. Owns the
 * connections; knows no command beyond its name and access.
 *
 * A bad line (not JSON, not an object, unknown command, too long) gets one error
 * and never reaches the callback; an oversized one and a peer above its limits
 * are cut. Nothing a client does can block the loop or another client.
 */
#ifndef MXGATE_IO_CONTROL_H
#define MXGATE_IO_CONTROL_H

#include <jansson.h>
#include <mxgate/control.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

struct control;
struct control_request;

struct control_conf {
	gid_t read_gid;   /* (gid_t)-1: nobody but uid 0 and the admin group */
	gid_t change_gid; /* (gid_t)-1: uid 0 only */
};

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

/* Serves on listen_fd, which stays the caller's. 0 or -errno. */
int control_new(uv_loop_t *loop, int listen_fd, const struct control_conf *conf,
		control_request_fn on_request, void *user, struct control **ret);

/* Cuts every client. The loop must run once more to finish closing. NULL is fine. */
void control_free(struct control *control);

/* As resolver_free: unanswered requests stay valid until they are replied to. */

enum control_command control_request_command(const struct control_request *request);
/* Borrowed; the whole request object. */
const json_t *control_request_args(const struct control_request *request);
/* A string argument, or NULL if absent or not a string. Borrowed. */
const char *control_request_string(const struct control_request *request, const char *key);
/* "uid=1000(alice)", for the audit. Borrowed. */
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
