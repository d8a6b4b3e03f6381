/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Reads what there is. Their number, or -1 and errno. */
static int fill(struct inbox *inbox, int fd)
{
	struct mmsghdr msgs[INBOX_MAX] = {0};
	struct iovec vec[INBOX_MAX];
	int n;

	for (unsigned int i = 0; i < INBOX_MAX; i++) {
		vec[i] = (struct iovec){.iov_base = inbox->bytes[i], .iov_len = INBOX_SIZE_MAX};
		msgs[i].msg_hdr.msg_iov = &vec[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &inbox->entry[i].addr;
		msgs[i].msg_hdr.msg_namelen = sizeof(inbox->entry[i].addr);
	}
	n = recvmmsg(fd, msgs, INBOX_MAX, MSG_DONTWAIT, NULL);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		inbox->entry[i].len = (uint16_t)msgs[i].msg_len;
		inbox->entry[i].addr_len = (uint16_t)msgs[i].msg_hdr.msg_namelen;
	}
	inbox->fd = fd;
	inbox->count = (unsigned int)n;
	inbox->next = 0;
	inbox->was_last = n < INBOX_MAX;
	return n;
}

unsigned int inbox_left(const struct inbox *inbox, int fd)
{
	return inbox->fd == fd ? inbox->count - inbox->next : 0;
}

void inbox_forget(struct inbox *inbox, int fd)
{
	if (inbox->fd != fd)
		return;
	inbox->next = inbox->count;
	inbox->was_last = false;
}

ssize_t inbox_take(struct inbox *inbox, int fd, void *buf, size_t size, struct sockaddr *addr,
		   socklen_t *len)
{
	unsigned int i = inbox->next;

	if (i < inbox->count && inbox->fd != fd)
		return recvfrom(fd, buf, size, MSG_DONTWAIT, addr, len);
	if (i == inbox->count) {
		if (inbox->fd == fd && inbox->was_last) {
			inbox->was_last = false;
			errno = EAGAIN;
			return -1;
		}
		if (fill(inbox, fd) < 0)
			return -1;
		i = 0;
	}
	inbox->next = i + 1;
	if (addr && len) {
		memcpy(addr, &inbox->entry[i].addr, lesser(*len, inbox->entry[i].addr_len));
		*len = inbox->entry[i].addr_len;
	}
	size = lesser(size, inbox->entry[i].len);
	memcpy(buf, inbox->bytes[i], size);
	return (ssize_t)size;
}
