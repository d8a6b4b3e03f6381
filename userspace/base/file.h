/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What reading and writing whole files takes. Knows nothing of what is in them.
 */
#ifndef MXGATE_BASE_FILE_H
#define MXGATE_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Opens for reading. What is no plain file is refused, and not waited for: a pipe would hold
 * whoever opens it for ever. 0 and *ret, to be closed with fclose(); -EINVAL; -errno.
 */
int file_open(const char *path, FILE **ret);

/* The same by its name in a directory. Also -ENOMEM. */
int file_open_in(const char *dir, const char *name, FILE **ret);

/*
 * Whether path could be made, as far as that can be told without trying: it stands in a
 * directory, on a file system that can be written to. 0, too, where only root may look; -errno.
 */
int file_check_parent(const char *path);

/* All of size. 0, -EBADMSG where the file ends before, -EIO. */
int file_read(FILE *in, void *buf, size_t size);

/* All of size. 0 or -errno. */
int file_write(int fd, const void *buf, size_t size);

/* What has been renamed and removed there outlives a loss of power. 0 or -errno. */
int file_sync_directory(const char *dir);

/*
 * One that takes the place of an older one when it is whole, and until then has another
 * name: at any moment there is one that is complete, or none.
 */
struct file_fresh {
	int fd; /* to be written to; -1: not begun, or in place */
	char *dir, *path, *name;
};

/* Touches no disk. 0 or -ENOMEM; done in any case. */
int file_fresh_init(struct file_fresh *fresh, const char *dir, const char *name);
/* If it is not in place, it goes, and the older one stays. */
void file_fresh_done(struct file_fresh *fresh);
/* Makes it, empty: what lies there is neither followed nor written to. 0 or -errno. */
int file_fresh_begin(struct file_fresh *fresh, mode_t mode);
/* Makes it durable, then puts it in place. 0 or -errno. */
int file_fresh_place(struct file_fresh *fresh);

#endif
