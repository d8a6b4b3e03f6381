/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(const char *path, FILE **ret)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat info = {.st_mode = 0};
	FILE *file = NULL;
	int err = fd < 0 || fstat(fd, &info) < 0 ? -errno : 0;

	if (err == 0 && !S_ISREG(info.st_mode))
		err = -EINVAL;
	if (err == 0 && !(file = fdopen(fd, "r")))
		err = -errno;
	if (err == 0)
		*ret = file;
	else if (fd >= 0)
		close(fd);
	return err;
}

int file_read(FILE *in, void *buf, size_t size)
{
	if (fread(buf, 1, size, in) == size)
		return 0;
	return ferror(in) ? -EIO : -EBADMSG;
}

int file_write(int fd, const void *buf, size_t size)
{
	const char *at = buf;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}
