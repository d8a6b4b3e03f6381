/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What reading and writing whole files takes. Knows nothing of what is in them, and makes
 * nothing durable: whoever writes says when.
 */
#ifndef MXGATE_BASE_FILE_H
#define MXGATE_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Opens for reading. What is no plain file is refused, and not waited for: a pipe would hold
 * whoever opens it for ever. 0 and *ret, to be closed with fclose(); -EINVAL; -errno.
 */
int file_open(const char *path, FILE **ret);

/* All of size. 0, -EBADMSG where the file ends before, -EIO. */
int file_read(FILE *in, void *buf, size_t size);

/* All of size. 0 or -errno. */
int file_write(int fd, const void *buf, size_t size);

#endif
