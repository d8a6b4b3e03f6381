/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory for a large table that is looked into at random: zeroed, resident from the
 * start, so that what a program takes does not grow while the table fills, and in
 * huge pages where the kernel has them, so that a look costs no walk of page tables.
 */
#ifndef MXGATE_BASE_PAGES_H
#define MXGATE_BASE_PAGES_H

#include <stddef.h>

/* size bytes for pages_free(), or NULL when out of memory. */
void *pages_new(size_t size);

/*
 * The memory of a BPF array whose elements have that size, shared with the kernel and all who
 * map it. NULL and errno; EINVAL: its elements have another size.
 */
void *pages_of_map(int fd, size_t element_size, size_t *ret_size);

/* NULL is fine; size as it was asked for. */
void pages_free(void *pages, size_t size);

#endif
