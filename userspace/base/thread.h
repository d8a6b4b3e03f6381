/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Threads beside the loop, for what may wait for a disk. It begins them and no more:
 * what they share with whoever began them, and when they end, is between those two.
 */
#ifndef MXGATE_BASE_THREAD_H
#define MXGATE_BASE_THREAD_H

#include <pthread.h>

/*
 * Runs fn(arg) in a thread that gets no signals: they are for the caller's loop. 0, or
 * -errno (-EAGAIN: there may not be one more), *ret untouched; else to be joined.
 */
int thread_start(pthread_t *ret, void *(*fn)(void *arg), void *arg);

#endif
