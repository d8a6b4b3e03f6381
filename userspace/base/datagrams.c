/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

bool datagrams_put(struct datagrams *datagrams, int fd, void *user, const void *data, size_t len)
{
	unsigned int i = datagrams->count;

	if (i == DATAGRAMS_MAX || len > DATAGRAMS_SIZE_MAX)
		return false;
	memcpy(datagrams->bytes[i], data, len);
	datagrams->entry[i].fd = fd;
	datagrams->entry[i].user = user;
	datagrams->entry[i].len = (uint16_t)len;
	datagrams->entry[i].is_sent = false;
	datagrams->count++;
	return true;
}

/* A socket that has an error says so instead of sending, and is well again. */
static void send_one(const struct datagrams *datagrams, unsigned int i, datagrams_error_fn on_error)
{
	int fd = datagrams->entry[i].fd;

	if (send(fd, datagrams->bytes[i], datagrams->entry[i].len, MSG_NOSIGNAL) < 0)
		on_error(fd, datagrams->entry[i].user, errno);
}

/* All of vec have this length. */
static bool send_segments(int fd, struct iovec *vec, unsigned int count, uint16_t len)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = vec,
			     .msg_iovlen = count,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = IPPROTO_UDP;
	head->cmsg_type = UDP_SEGMENT;
	head->cmsg_len = CMSG_LEN(sizeof(len));
	memcpy(CMSG_DATA(head), &len, sizeof(len));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) >= 0;
}

/* An error of the kernel's abilities, not of the peer or the moment. */
static bool is_refusal(int error)
{
	return error == EINVAL || error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

/* From entry first on, all that are like it. */
static void send_alike(struct datagrams *datagrams, unsigned int first, datagrams_error_fn on_error)
{
	unsigned int which[DATAGRAMS_MAX], n = 0, i;
	struct iovec vec[DATAGRAMS_MAX];
	int fd = datagrams->entry[first].fd;
	uint16_t len = datagrams->entry[first].len;

	for (i = first; i < datagrams->count; i++) {
		if (datagrams->entry[i].is_sent || datagrams->entry[i].fd != fd ||
		    datagrams->entry[i].len != len)
			continue;
		datagrams->entry[i].is_sent = true;
		vec[n].iov_base = datagrams->bytes[i];
		vec[n].iov_len = len;
		which[n++] = i;
	}
	if (n > 1 && !datagrams->no_segments) {
		if (send_segments(fd, vec, n, len))
			return;
		if (is_refusal(errno))
			datagrams->no_segments = true;
		else
			on_error(fd, datagrams->entry[first].user, errno);
	}
	for (i = 0; i < n; i++)
		send_one(datagrams, which[i], on_error);
}

void datagrams_flush(struct datagrams *datagrams, datagrams_error_fn on_error)
{
	for (unsigned int i = 0; i < datagrams->count; i++)
		if (!datagrams->entry[i].is_sent)
			send_alike(datagrams, i, on_error);
	datagrams->count = 0;
}
