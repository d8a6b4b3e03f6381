/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams that one system call has read, to be had one by one as recvfrom() gives
 * them: for a library that reads each by itself until there are none.
 *
 * One socket at a time: what is left of it must be had, or forgotten before it is
 * closed. Where another's are left, a datagram is read as ever.
 */
#ifndef MXGATE_BASE_INBOX_H
#define MXGATE_BASE_INBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define INBOX_MAX      32
#define INBOX_SIZE_MAX 4097 /* what c-ares asks for: an EDNS buffer, and one more to tell */

struct inbox {
	int fd; /* whose they are */
	unsigned int count, next;
	bool was_last; /* there were no more */
	struct {
		uint16_t len;
		uint16_t addr_len;
		struct sockaddr_in6 addr; /* of whichever family */
	} entry[INBOX_MAX];
	uint8_t bytes[INBOX_MAX][INBOX_SIZE_MAX];
};

/*
 * As recvfrom(fd, buf, size, MSG_DONTWAIT, addr, len); but -1 with EAGAIN is also the
 * answer once after a reading that found fewer than there is room for.
 */
ssize_t inbox_take(struct inbox *inbox, int fd, void *buf, size_t size, struct sockaddr *addr,
		   socklen_t *len);

/* How many of this socket's are left. */
unsigned int inbox_left(const struct inbox *inbox, int fd);

/* This socket's are lost, as they are with a socket that is closed. */
void inbox_forget(struct inbox *inbox, int fd);

#endif
