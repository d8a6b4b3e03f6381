/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/patternfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

/* The whole file, to be freed; NULL and errno. A pipe or a device could block us. */
static char *read_all(int fd, size_t *ret_size)
{
	size_t used = 0;
	struct stat st;
	ssize_t n = 1;
	char *text;

	if (fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
		return NULL;
	}
	text = malloc(FILE_MAX + 1);
	while (text && n > 0 && used <= FILE_MAX) {
		n = read(fd, text + used, FILE_MAX + 1 - used);
		if (n > 0)
			used += (size_t)n;
	}
	if (!text || n < 0 || used > FILE_MAX) {
		errno = !text ? ENOMEM : n < 0 ? errno : EFBIG;
		free(text);
		return NULL;
	}
	*ret_size = used;
	return text;
}

static int read_one(const char *path, struct patterns *patterns, char why[static PATTERN_WHY_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	char *text = NULL;
	size_t size = 0;

	if (fd >= 0)
		text = read_all(fd, &size);
	if (!text) {
		err = -errno;
		snprintf(
			why, PATTERN_WHY_MAX,
			"%s: cannot be read: %s; make it a readable file of at most 1 MiB, or take "
			"it out of rdns { patterns }\n",
			path, strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	if (err == 0)
		err = patterns_add(patterns, path, text, size, why);
	free(text);
	return err;
}

int patternfile_read(const char *const *paths, size_t count, struct patterns **ret,
		     char why[static PATTERN_WHY_MAX])
{
	struct patterns *patterns = NULL;
	int err = 0;

	if (count > 0)
		patterns = patterns_new();
	if (count > 0 && !patterns) {
		snprintf(why, PATTERN_WHY_MAX, "%s: out of memory; free some\n", paths[0]);
		return -ENOMEM;
	}
	for (size_t i = 0; err == 0 && i < count; i++)
		err = read_one(paths[i], patterns, why);
	if (err < 0) {
		patterns_free(patterns);
		return err;
	}
	*ret = patterns;
	return 0;
}

int patternfile_read_conf(const struct conf *conf, struct patterns **ret,
			  char why[static PATTERN_WHY_MAX])
{
	const char *paths[CONF_PATTERNS_MAX];

	for (unsigned int i = 0; i < conf->rdns.pattern_count; i++)
		paths[i] = conf->rdns.patterns[i];
	return patternfile_read(paths, conf->rdns.pattern_count, ret, why);
}
