// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Real sockets on loopback: what was sent is had in order, each as it was, and nothing twice. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/inbox.h"

#define PEERS 2

static int here[PEERS], there[PEERS];
static struct inbox inbox;

static void open_pairs(void)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	for (int i = 0; i < PEERS; i++) {
		addr = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		here[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		there[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		cr_assert_eq(bind(here[i], (struct sockaddr *)&addr, len), 0);
		cr_assert_eq(getsockname(here[i], (struct sockaddr *)&addr, &len), 0);
		cr_assert_eq(connect(there[i], (struct sockaddr *)&addr, len), 0);
	}
	memset(&inbox, 0, sizeof(inbox));
}

static void close_pairs(void)
{
	for (int i = 0; i < PEERS; i++) {
		close(here[i]);
		close(there[i]);
	}
}

static size_t length_of(unsigned int i)
{
	return 12 + i % 50;
}

static void send_some(int peer, unsigned int first, unsigned int count)
{
	uint8_t bytes[64];

	for (unsigned int i = first; i < first + count; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		cr_assert_eq(send(there[peer], bytes, length_of(i), 0), (ssize_t)length_of(i));
	}
}

/* The next one of this peer is number i, whole, and from where it was sent. */
static void expect_next(int peer, unsigned int i)
{
	uint8_t bytes[100] = {0}, wanted[100] = {0};
	struct sockaddr_in from = {0}, sender;
	socklen_t len = sizeof(from), sender_len = sizeof(sender);

	memset(wanted, (int)i, length_of(i));
	getsockname(there[peer], (struct sockaddr *)&sender, &sender_len);
	cr_assert_eq(inbox_take(&inbox, here[peer], bytes, sizeof(bytes), (struct sockaddr *)&from,
				&len),
		     (ssize_t)length_of(i), "number %u", i);
	cr_expect_arr_eq(bytes, wanted, sizeof(bytes));
	cr_expect_eq(len, sizeof(from));
	cr_expect_eq(from.sin_port, sender.sin_port);
	cr_expect_eq(from.sin_addr.s_addr, sender.sin_addr.s_addr);
}

static void expect_none(int peer)
{
	uint8_t bytes[100];

	errno = 0;
	cr_expect_eq(inbox_take(&inbox, here[peer], bytes, sizeof(bytes), NULL, NULL), -1);
	cr_expect_eq(errno, EAGAIN);
}

Test(inbox, all_are_had_in_order, .init = open_pairs, .fini = close_pairs)
{
	static const unsigned int counts[] = {0, 1, INBOX_MAX - 1, INBOX_MAX, INBOX_MAX + 1, 100};

	for (size_t row = 0; row < sizeof(counts) / sizeof(counts[0]); row++) {
		send_some(0, 0, counts[row]);
		for (unsigned int i = 0; i < counts[row]; i++)
			expect_next(0, i);
		expect_none(0);
		expect_none(0);
		cr_expect_eq(inbox_left(&inbox, here[0]), 0);
	}
}

/* The end is told once: who stops before it misses nothing of what comes after. */
Test(inbox, what_comes_later_is_had, .init = open_pairs, .fini = close_pairs)
{
	send_some(0, 0, 2);
	expect_next(0, 0);
	expect_next(0, 1);
	send_some(0, 2, 1);
	expect_none(0);
	expect_next(0, 2);
	expect_none(0);
}

Test(inbox, sockets_are_not_mixed_up, .init = open_pairs, .fini = close_pairs)
{
	send_some(0, 0, 3);
	send_some(1, 10, 2);
	expect_next(0, 0);
	cr_expect_eq(inbox_left(&inbox, here[0]), 2);
	cr_expect_eq(inbox_left(&inbox, here[1]), 0);
	expect_next(1, 10);
	expect_next(0, 1);
	expect_next(0, 2);
	expect_next(1, 11);
	expect_none(1);
	expect_none(0);
}

/* The number of a closed socket is soon another's. */
Test(inbox, what_is_forgotten_does_not_come_back, .init = open_pairs, .fini = close_pairs)
{
	send_some(0, 0, 3);
	send_some(1, 7, 1);
	expect_next(0, 0);
	inbox_forget(&inbox, here[1]);
	cr_expect_eq(inbox_left(&inbox, here[0]), 2);
	inbox_forget(&inbox, here[0]);
	cr_expect_eq(inbox_left(&inbox, here[0]), 0);
	cr_assert_eq(dup2(here[1], here[0]), here[0]);
	cr_assert_eq(dup2(there[1], there[0]), there[0]);
	expect_next(0, 7);
}

Test(inbox, an_error_is_told_once, .init = open_pairs, .fini = close_pairs)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	uint8_t bytes[100];

	/* Nobody is at the port any more, and the kernel answers so. */
	cr_assert_eq(getsockname(there[1], (struct sockaddr *)&addr, &len), 0);
	close(there[1]);
	there[1] = -1;
	cr_assert_eq(connect(here[1], (struct sockaddr *)&addr, len), 0);
	cr_assert_eq(send(here[1], "x", 1, 0), 1);
	errno = 0;
	cr_expect_eq(inbox_take(&inbox, here[1], bytes, sizeof(bytes), NULL, NULL), -1);
	cr_expect_eq(errno, ECONNREFUSED);
	expect_none(1);
}

Test(inbox, a_small_buffer_takes_the_beginning, .init = open_pairs, .fini = close_pairs)
{
	uint8_t bytes[20];

	send_some(0, 30, 1);
	cr_expect_eq(inbox_take(&inbox, here[0], bytes, sizeof(bytes), NULL, NULL), 20);
	expect_none(0);
}
