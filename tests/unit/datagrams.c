// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Real sockets on loopback: what is put arrives, each as it was, with segments and without. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/datagrams.h"

#define PEERS 2

static int here[PEERS], there[PEERS];
static struct datagrams datagrams;
static int last_error, errors;
static void *last_user;

static void open_pairs(void)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	for (int i = 0; i < PEERS; i++) {
		addr = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		there[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		here[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		cr_assert_eq(bind(there[i], (struct sockaddr *)&addr, len), 0);
		cr_assert_eq(getsockname(there[i], (struct sockaddr *)&addr, &len), 0);
		cr_assert_eq(connect(here[i], (struct sockaddr *)&addr, len), 0);
	}
}

static void close_pairs(void)
{
	for (int i = 0; i < PEERS; i++) {
		close(here[i]);
		close(there[i]);
	}
}

static void on_error(int fd, void *user, int error)
{
	cr_expect_eq(fd, here[0]);
	last_user = user;
	last_error = error;
	errors++;
}

/* Lengths that repeat and lengths that do not; the first byte is the number. */
static size_t length_of(unsigned int i)
{
	return i % 4 == 3 ? 100 + i : 40 + i % 3;
}

/* How many arrived at this peer; each has come once, whole, and was meant for it. */
static unsigned int receive_all(int peer, bool seen[static DATAGRAMS_MAX])
{
	uint8_t bytes[DATAGRAMS_SIZE_MAX + 1];
	unsigned int n = 0;
	ssize_t got;

	while ((got = recv(there[peer], bytes, sizeof(bytes), 0)) > 0) {
		cr_assert_lt(bytes[0], DATAGRAMS_MAX);
		cr_expect_not(seen[bytes[0]], "%u twice", bytes[0]);
		cr_expect_eq((size_t)got, length_of(bytes[0]), "%u: %zd", bytes[0], got);
		cr_expect_eq(bytes[0] % PEERS, peer);
		cr_expect_eq(bytes[got - 1], got > 1 ? (uint8_t)(bytes[0] ^ 0x5a) : bytes[0]);
		seen[bytes[0]] = true;
		n++;
	}
	return n;
}

Test(datagrams, all_arrive_as_they_were, .init = open_pairs, .fini = close_pairs)
{
	static const unsigned int counts[] = {1, 2, 9, DATAGRAMS_MAX};
	uint8_t bytes[DATAGRAMS_SIZE_MAX] = {0};
	unsigned int i, n;

	for (size_t row = 0; row < 2 * sizeof(counts) / sizeof(counts[0]); row++) {
		bool seen[DATAGRAMS_MAX] = {false};

		n = counts[row / 2];
		datagrams.no_segments = row % 2;
		for (i = 0; i < n; i++) {
			bytes[0] = (uint8_t)i;
			bytes[length_of(i) - 1] = (uint8_t)(i ^ 0x5a);
			cr_assert(datagrams_put(&datagrams, here[i % PEERS], NULL, bytes,
						length_of(i)));
			bytes[length_of(i) - 1] = 0;
		}
		datagrams_flush(&datagrams, on_error);
		cr_expect_eq(receive_all(0, seen) + receive_all(1, seen), n, "%u, row %zu", n, row);
		cr_expect_eq(datagrams.no_segments, row % 2, "this kernel has segments");
		cr_expect_eq(datagrams.count, 0);
	}
	cr_expect_eq(errors, 0);
}

Test(datagrams, no_more_than_fit, .init = open_pairs, .fini = close_pairs)
{
	static uint8_t bytes[DATAGRAMS_SIZE_MAX + 1];

	cr_expect_not(datagrams_put(&datagrams, here[0], NULL, bytes, sizeof(bytes)));
	for (unsigned int i = 0; i < DATAGRAMS_MAX; i++)
		cr_assert(datagrams_put(&datagrams, here[0], NULL, bytes, 20));
	cr_expect_not(datagrams_put(&datagrams, here[0], NULL, bytes, 20));
	datagrams_flush(&datagrams, on_error);
	cr_expect(datagrams_put(&datagrams, here[0], NULL, bytes, 20));
}

/* Nobody is there: the next sending is told so, and the one after it goes again. */
Test(datagrams, an_error_is_told, .init = open_pairs, .fini = close_pairs)
{
	for (unsigned int count = 1; count <= 3; count++) {
		close(there[0]);
		there[0] = -1;
		errors = 0;
		send(here[0], "x", 1, 0);
		for (unsigned int i = 0; i < count; i++)
			datagrams_put(&datagrams, here[0], &datagrams, "abc", 3);
		datagrams_flush(&datagrams, on_error);
		cr_expect_geq(errors, 1);
		cr_expect_eq(last_error, ECONNREFUSED);
		cr_expect_eq(last_user, &datagrams);
		cr_expect_not(datagrams.no_segments, "that is not the kernel's refusal");
	}
}
