/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A monotonic clock that stands still while a test runs, for tests of timeouts on a
 * busy machine. It moves in two ways only: when the event loop has nothing to do but to
 * wait, by just as long as it asks to wait (which takes a fraction of that in truth), and
 * by stillclock_pass(). So what a test measures is how long the code meant to wait, not
 * for how long the machine had other things to do.
 *
 * It stands in front of libc's clock_gettime(), epoll_wait() and epoll_pwait() for the
 * whole program, libuv and c-ares included, and passes them on untouched unless
 * one of the functions below was called in this process. Only for loops whose partners
 * are in the same process: another one's answer would come too late.
 */
#ifndef MXGATE_TESTS_UNIT_STILLCLOCK_H
#define MXGATE_TESTS_UNIT_STILLCLOCK_H

#include <stdint.h>

/* From now on, for the rest of the process. Criterion gives each test one of its own. */
void stillclock_start(void);

/* The machine has kept us from running for so long. */
void stillclock_pass(uint32_t ms);

/* The wall clock reads so much later than the kernel's, as before it is set back. */
void stillclock_put_wall_ahead(uint32_t sec);

#endif
