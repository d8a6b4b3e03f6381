/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

struct events {
	struct ring_buffer *ring;
	uv_poll_t poll;
	events_fn on_event;
	void *user;
	bool is_paused;
};

static int on_record(void *ctx, void *data, size_t size)
{
	const struct mxg_event *event = data;
	struct events *events = ctx;
	struct addr addr;

	if (size < sizeof(*event) || event->abi != MXG_ABI ||
	    (event->family != 4 && event->family != 6) ||
	    (event->kind != MXG_EVENT_UNKNOWN && event->kind != MXG_EVENT_REFRESH))
		return 0;
	addr_from_bytes(event->family, event->saddr, &addr);
	/* A v4-mapped source on the wire is nobody's: it must not stand for the IPv4 host. */
	if (addr.family != event->family)
		return 0;
	/* This one is done with all the same; the next ones stay where they are. */
	return events->on_event(event->kind, &addr, event->time_ns, events->user) ? 0 : -EAGAIN;
}

static void on_readable(uv_poll_t *poll, int status, int what)
{
	struct events *events = poll->data;

	(void)what;
	if (status == 0 && ring_buffer__consume(events->ring) == -EAGAIN) {
		events->is_paused = true;
		uv_poll_stop(poll);
	}
}

static void await(struct events *events)
{
	uv_poll_start(&events->poll, UV_READABLE, on_readable);
}

void events_resume(struct events *events)
{
	if (!events->is_paused)
		return;
	events->is_paused = false;
	await(events);
}

int events_new(uv_loop_t *loop, int map_fd, events_fn on_event, void *user, struct events **ret)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return -ENOMEM;
	events->on_event = on_event;
	events->user = user;
	events->poll.data = events;
	events->ring = ring_buffer__new(map_fd, on_record, events, NULL);
	if (!events->ring) {
		err = -errno;
		goto out;
	}
	err = uv_poll_init(loop, &events->poll, ring_buffer__epoll_fd(events->ring));
	if (err < 0)
		goto out;
	await(events);
	*ret = events;
	return 0;
out:
	ring_buffer__free(events->ring);
	free(events);
	return err;
}

static void on_closed(uv_handle_t *handle)
{
	struct events *events = handle->data;

	ring_buffer__free(events->ring);
	free(events);
}

void events_free(struct events *events)
{
	if (!events)
		return;
	uv_poll_stop(&events->poll);
	uv_close((uv_handle_t *)&events->poll, on_closed);
}
