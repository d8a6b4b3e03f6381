/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *link_state_name(enum link_state state)
{
	static const char *const names[] = {"absent",  "attached", "external",
					    "missing", "foreign",  "failed"};

	return names[state];
}

int message_send(int fd, const struct message *message)
{
	if (send(fd, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

union passed {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int message_send_fd(int fd, struct message *message, int passed_fd)
{
	struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
	union passed passed = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS}};
	struct msghdr whole = {.msg_iov = &part,
			       .msg_iovlen = 1,
			       .msg_control = &passed,
			       .msg_controllen = sizeof(passed.room)};

	memcpy(CMSG_DATA(&passed.head), &passed_fd, sizeof(passed_fd));
	if (sendmsg(fd, &whole, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/* The descriptor that came with it, or -1. */
static int passed_with(struct msghdr *whole)
{
	const struct cmsghdr *head = CMSG_FIRSTHDR(whole);
	int fd = -1;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* One record, of whatever size. Where nobody asks for a descriptor, the kernel lets none in. */
static ssize_t receive_one(int fd, struct message *ret, int *ret_fd)
{
	struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
	union passed passed;
	struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (!ret_fd)
		return recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);
	whole.msg_control = &passed;
	whole.msg_controllen = sizeof(passed.room);
	n = recvmsg(fd, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*ret_fd = n > 0 ? passed_with(&whole) : -1;
	return n;
}

int message_receive(int fd, struct message *ret, int *ret_fd)
{
	ssize_t n;

	while ((n = receive_one(fd, ret, ret_fd)) > 0 && (size_t)n != sizeof(*ret))
		if (ret_fd && *ret_fd >= 0)
			close(*ret_fd);
	if (n > 0) {
		/* Whatever the peer has become, text ends. */
		ret->text[sizeof(ret->text) - 1] = '\0';
		ret->link.name[sizeof(ret->link.name) - 1] = '\0';
		ret->link.detail[sizeof(ret->link.detail) - 1] = '\0';
		return 1;
	}
	if (n == 0)
		return -EPIPE;
	return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
}
