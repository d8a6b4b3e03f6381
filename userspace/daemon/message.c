/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/message.h"

#include <errno.h>
#include <sys/socket.h>

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

int message_receive(int fd, struct message *ret)
{
	ssize_t n;

	do {
		n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);
	} while (n > 0 && (size_t)n != sizeof(*ret));
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
