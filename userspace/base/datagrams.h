/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams that are sent together: those of one length to one peer go through the
 * kernel as one (UDP_SEGMENT), which costs a third at eight of them. What the wire
 * carries is the same. Where the kernel cannot do it each is sent by itself.
 *
 * Sockets are the caller's, connected and not blocking. A datagram that cannot be
 * sent is lost, as on the wire, and the caller is told the error.
 */
#ifndef MXGATE_BASE_DATAGRAMS_H
#define MXGATE_BASE_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATAGRAMS_MAX      64
#define DATAGRAMS_SIZE_MAX 320 /* any DNS query without options has 282 bytes at most */

struct datagrams {
	unsigned int count;
	bool no_segments; /* the kernel has refused them */
	struct {
		int fd;
		uint16_t len;
		bool is_sent;
		void *user;
	} entry[DATAGRAMS_MAX];
	uint8_t bytes[DATAGRAMS_MAX][DATAGRAMS_SIZE_MAX];
};

/* The socket has an error (positive errno), which is taken off it with this. */
typedef void (*datagrams_error_fn)(int fd, void *user, int error);

/* Copies one. False when it is too long or there is no room: flush, or send it yourself. */
bool datagrams_put(struct datagrams *datagrams, int fd, void *user, const void *data, size_t len);

/* Sends all. on_error is called for each that the kernel has not taken. */
void datagrams_flush(struct datagrams *datagrams, datagrams_error_fn on_error);

#endif
