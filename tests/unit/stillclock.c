// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "stillclock.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS  1000000LL
#define STEP_NS    1000 /* between two readings: no two moments are the same */
/* What a wait takes in truth: the kernel may want a moment to deliver what was sent. */
#define PART     8
#define LEAST_MS 2

static bool is_still;
static int64_t now_ns;
static int64_t ahead_sec; /* of the wall clock */

static int real_gettime(clockid_t id, struct timespec *ts)
{
	return (int)syscall(SYS_clock_gettime, id, ts);
}

void stillclock_start(void)
{
	struct timespec ts;

	real_gettime(CLOCK_MONOTONIC, &ts);
	now_ns = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	is_still = true;
}

void stillclock_pass(uint32_t ms)
{
	now_ns += ms * NS_PER_MS;
}

void stillclock_put_wall_ahead(uint32_t sec)
{
	ahead_sec = sec;
}

/* Under names of our own, as libc's declarations name the parameters otherwise. */
int still_gettime(clockid_t id, struct timespec *ts) __asm__("clock_gettime");
int still_pwait(int fd, struct epoll_event *events, int count, int ms,
		const sigset_t *signals) __asm__("epoll_pwait");
int still_wait(int fd, struct epoll_event *events, int count, int ms) __asm__("epoll_wait");

int still_gettime(clockid_t id, struct timespec *ts)
{
	int ret;

	if (!is_still || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)) {
		ret = real_gettime(id, ts);
		ts->tv_sec += id == CLOCK_REALTIME ? ahead_sec : 0;
		return ret;
	}
	now_ns += STEP_NS;
	ts->tv_sec = now_ns / NS_PER_SEC;
	ts->tv_nsec = now_ns % NS_PER_SEC;
	return 0;
}

static int real_wait(int fd, struct epoll_event *events, int count, int ms, const sigset_t *signals)
{
	return (int)syscall(SYS_epoll_pwait, fd, events, count, ms, signals, _NSIG / 8);
}

int still_pwait(int fd, struct epoll_event *events, int count, int ms, const sigset_t *signals)
{
	int got;

	if (!is_still || ms <= 0)
		return real_wait(fd, events, count, ms, signals);
	do {
		got = real_wait(fd, events, count, ms / PART + LEAST_MS, signals);
	} while (got < 0 && errno == EINTR); /* the test was stopped and goes on */
	if (got == 0)
		now_ns += ms * NS_PER_MS;
	return got;
}

int still_wait(int fd, struct epoll_event *events, int count, int ms)
{
	return still_pwait(fd, events, count, ms, NULL);
}
