/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

int file_open_in(const char *dir, const char *name, FILE **ret)
{
	char *path = NULL;
	int err;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	err = file_open(path, ret);
	free(path);
	return err;
}

int file_check_parent(const char *path)
{
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
	struct stat info;
	int err = 0;

	if (!dir)
		return -ENOMEM;
	if (slash)
		slash[slash == dir] = '\0';
	if (stat(slash ? dir : ".", &info) < 0)
		err = errno == EACCES && geteuid() != 0 ? 0 : -errno;
	else if (!S_ISDIR(info.st_mode))
		err = -ENOTDIR;
	else if (access(slash ? dir : ".", W_OK) < 0 && errno == EROFS)
		err = -EROFS;
	free(dir);
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

int file_fresh_init(struct file_fresh *fresh, const char *dir, const char *name)
{
	fresh->fd = -1;
	fresh->dir = strdup(dir);
	if (asprintf(&fresh->path, "%s/%s", dir, name) < 0)
		fresh->path = NULL;
	if (asprintf(&fresh->name, "%s/%s.new", dir, name) < 0)
		fresh->name = NULL;
	return fresh->dir && fresh->path && fresh->name ? 0 : -ENOMEM;
}

void file_fresh_done(struct file_fresh *fresh)
{
	if (fresh->fd >= 0) {
		close(fresh->fd);
		unlink(fresh->name);
	}
	free(fresh->dir);
	free(fresh->path);
	free(fresh->name);
}

int file_fresh_begin(struct file_fresh *fresh, mode_t mode)
{
	if (unlink(fresh->name) < 0 && errno != ENOENT)
		return -errno;
	fresh->fd = open(fresh->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return fresh->fd < 0 ? -errno : 0;
}

int file_sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return err;
}

int file_fresh_place(struct file_fresh *fresh)
{
	if (fdatasync(fresh->fd) < 0 || rename(fresh->name, fresh->path) < 0)
		return -errno;
	close(fresh->fd);
	fresh->fd = -1;
	return file_sync_directory(fresh->dir);
}
