// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The configuration, whatever is in it: it is taken, or refused with whole lines that begin
 * with its name and leave what was there alone. What is taken, printed, and read again is
 * the same, which is what `mxgated -t` and a reload promise.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/conf.h"
#include "fuzz.h"

#define FD_PATH_MAX 32

static int put(const void *data, size_t size, char path[static FD_PATH_MAX])
{
	int fd = memfd_create("mxg-test-conf", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, data, size) == (ssize_t)size);
	snprintf(path, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return fd;
}

/* Errors that had no room may be missing, but none is cut. */
static void check_errors(const char *errors)
{
	size_t len = strlen(errors);

	CHECK(len > 0 && len < CONF_ERRORS_MAX && errors[len - 1] == '\n');
	for (const char *line = errors; *line; line = strchr(line, '\n') + 1)
		CHECK(line[0] == '/' && strstr(line, ": "));
}

static void check_again(const struct conf *conf)
{
	static char errors[CONF_ERRORS_MAX];
	static struct conf again;
	char path[FD_PATH_MAX], *text = NULL, *more = NULL;
	size_t size = 0, more_size = 0;
	FILE *out = open_memstream(&text, &size);
	int fd;

	CHECK(out);
	conf_print(conf, out);
	fclose(out);
	fd = put(text, size, path);
	if (conf_read(path, &again, errors) != 0)
		fprintf(stderr, "%s%s", text, errors);
	CHECK(!*errors);
	close(fd);
	out = open_memstream(&more, &more_size);
	CHECK(out);
	conf_print(&again, out);
	fclose(out);
	CHECK(size == more_size && memcmp(text, more, size) == 0);
	free(text);
	free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char errors[CONF_ERRORS_MAX];
	static struct conf conf;
	char path[FD_PATH_MAX];
	int fd = put(data, size, path);

	memset(&conf, 0x5a, sizeof(conf));
	if (conf_read(path, &conf, errors) == 0) {
		CHECK(!*errors);
		check_again(&conf);
	} else {
		check_errors(errors);
		for (size_t i = 0; i < sizeof(conf); i++)
			CHECK(((const uint8_t *)&conf)[i] == 0x5a);
	}
	close(fd);
	return 0;
}
