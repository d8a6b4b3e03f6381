/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/links.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/log.h"

struct links {
	struct nl_sock *sock;
	uv_poll_t poll;
	void (*on_change)(void *user);
	void *user;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct links *links = poll->data;
	int err;

	(void)events;
	if (status < 0)
		return;
	/* Until the socket is empty. An overrun (-NLE_NOMEM) is a change like any other. */
	do {
		err = nl_recvmsgs_default(links->sock);
	} while (err == 0);
	if (err != -NLE_AGAIN)
		log_debug("netlink=\"%s\"", nl_geterror(err));
	links->on_change(links->user);
}

static int nl_to_errno(int err)
{
	return err == -NLE_NOMEM ? -ENOMEM : err == -NLE_PERM ? -EPERM : -EIO;
}

int links_new(uv_loop_t *loop, void (*on_change)(void *user), void *user, struct links **ret)
{
	struct links *links = calloc(1, sizeof(*links));
	int err;

	if (!links)
		return -ENOMEM;
	links->on_change = on_change;
	links->user = user;
	links->poll.data = links;
	links->sock = nl_socket_alloc();
	if (!links->sock) {
		err = -ENOMEM;
		goto out;
	}
	nl_socket_disable_seq_check(links->sock);
	err = nl_connect(links->sock, NETLINK_ROUTE);
	if (err == 0)
		err = nl_socket_add_memberships(links->sock, RTNLGRP_LINK, 0);
	if (err == 0)
		err = nl_socket_set_nonblocking(links->sock);
	if (err < 0) {
		err = nl_to_errno(err);
		goto out;
	}
	err = uv_poll_init(loop, &links->poll, nl_socket_get_fd(links->sock));
	if (err < 0)
		goto out;
	uv_poll_start(&links->poll, UV_READABLE, on_readable);
	*ret = links;
	return 0;
out:
	if (links->sock)
		nl_socket_free(links->sock);
	free(links);
	return err;
}

static void on_closed(uv_handle_t *handle)
{
	struct links *links = handle->data;

	nl_socket_free(links->sock);
	free(links);
}

void links_free(struct links *links)
{
	if (!links)
		return;
	uv_poll_stop(&links->poll);
	uv_close((uv_handle_t *)&links->poll, on_closed);
}
