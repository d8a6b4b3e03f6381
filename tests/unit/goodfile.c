// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Who was good, from one history into the next: times, reboots, damage, a full disk. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/goodfile.h"
#include "tmpdir.h"

#define NOW  10000000u
#define WALL 1800000000

static char dir[TMPDIR_MAX];
static char path[64], fresh[64];

static void make_dir(void)
{
	tmpdir_make(dir);
	snprintf(path, sizeof(path), "%s/known-good", dir);
	snprintf(fresh, sizeof(fresh), "%s/known-good.new", dir);
}

static void remove_dir(void)
{
	unlink(path);
	unlink(fresh);
	cr_expect_eq(rmdir(dir), 0, "something was left behind");
}

TestSuite(goodfile, .init = make_dir, .fini = remove_dir);

static struct goodfile_moment at(uint32_t now_sec, int64_t wall_sec, const char *boot)
{
	struct goodfile_moment moment = {.now_sec = now_sec, .wall_sec = wall_sec};

	strcpy(moment.boot, boot);
	return moment;
}

static struct addr numbered(uint8_t family, unsigned int n)
{
	struct addr addr = {.family = family};

	memcpy(addr.bytes, &n, sizeof(n));
	if (family == 6)
		addr.bytes[15] = 1;
	return addr;
}

static void good(struct history *history, uint8_t family, unsigned int n, uint32_t sec)
{
	struct addr addr = numbered(family, n);

	history_on_good(history_get(history, &addr), sec);
}

/* When it was last good; 0: that is not known. */
static uint32_t good_sec(struct history *history, uint8_t family, unsigned int n)
{
	struct addr addr = numbered(family, n);
	const struct history_source *source = history_find(history, &addr);

	return source ? source->good_sec : 0;
}

/* How many, or -errno. */
static int save(const struct history *history, const struct goodfile_moment *now)
{
	struct goodfile *file = NULL;
	bool more = true;
	int err = goodfile_new(dir, now, &file), count;

	while (err == 0 && more) {
		more = goodfile_collect(file, history, now->now_sec);
		err = goodfile_write(file);
	}
	count = err == 0 ? (int)goodfile_count(file) : err;
	goodfile_free(file);
	return count;
}

Test(goodfile, times_are_true_whatever_the_clocks_do)
{
	static const struct {
		const char *label;
		uint32_t now_sec;
		int64_t wall_sec;
		const char *boot;
		uint32_t want[3]; /* good_sec of those that were good now, a day, two days ago */
	} rows[] = {
		{"at once", NOW, WALL, "one", {NOW, NOW - 86400, NOW - 172800}},
		{"an hour later", NOW + 3600, WALL + 3600, "one", {NOW, NOW - 86400, 0}},
		{"the wall clock jumps on", NOW + 60, WALL + 9999999, "one", {NOW, NOW - 86400, 0}},
		{"and back", NOW + 60, WALL - 9999999, "one", {NOW, NOW - 86400, 0}},
		{"two days later", NOW + 172800, WALL, "one", {NOW, 0, 0}},
		{"much later", NOW + 172801, WALL, "one", {0, 0, 0}},
		{"a reboot", 200000, WALL + 3600, "two", {196400, 110000, 0}},
		{"one long ago", 200000, WALL + 172801, "two", {0, 0, 0}},
		{"one after which the clock is wrong", 200000, 0, "two", {200000, 113600, 27200}},
		{"a boot that nobody can tell", 200000, WALL + 3600, "", {196400, 110000, 0}},
	};
	struct goodfile_moment now = at(NOW, WALL, "one"), then;
	struct history *from = history_new(1024, 1024, 1), *to;
	uint32_t count;

	for (unsigned int i = 0; i < 3; i++)
		good(from, i == 1 ? 6 : 4, i, NOW - i * 86400);
	cr_assert_eq(save(from, &now), 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		to = history_new(8192, 8192, 2);
		then = at(rows[i].now_sec, rows[i].wall_sec, rows[i].boot);
		count = 99;
		cr_assert_eq(goodfile_read(dir, &then, to, &count), 0, "%s", rows[i].label);
		for (unsigned int n = 0; n < 3; n++) {
			cr_expect_eq(good_sec(to, n == 1 ? 6 : 4, n), rows[i].want[n], "%s, %u: %u",
				     rows[i].label, n, good_sec(to, n == 1 ? 6 : 4, n));
			count -= rows[i].want[n] > 0;
		}
		cr_expect_eq(count, 0, "%s", rows[i].label);
		history_free(to);
	}
	history_free(from);
}

Test(goodfile, only_what_speaks_for_a_source_is_kept)
{
	struct goodfile_moment now = at(NOW, WALL, "one"), later = at(NOW + 90000, WALL, "one");
	struct history *from = history_new(1024, 1024, 1), *to = history_new(1024, 1024, 2);
	struct addr bad = numbered(4, 1), held = numbered(4, 2), old = numbered(4, 3);
	const struct history_source *source;
	uint32_t count = 0;

	history_on_bad(history_get(from, &bad), NOW);
	history_on_good(history_get(from, &held), NOW - 100000);
	history_on_bad(history_get(from, &held), NOW - 99000);
	history_get(from, &held)->seen = 1;
	history_on_good(history_get(from, &old), NOW - HISTORY_GOOD_SEC - 1);
	cr_expect_eq(save(from, &now), 1);
	cr_assert_eq(goodfile_read(dir, &later, to, &count), 0);
	cr_expect_eq(count, 1);
	cr_expect_null(history_find(to, &bad));
	cr_expect_null(history_find(to, &old));
	source = history_find(to, &held);
	cr_assert_not_null(source);
	cr_expect_eq(source->bad_sec, NOW + 90000 - 99000,
		     "as long as it had been when it was saved");
	cr_expect_eq(source->good_sec, source->bad_sec - 91000,
		     "with the time in which nobody looked");
	cr_expect_eq(source->seen, 0);
	history_free(from);
	history_free(to);
}

/* What is learned while it is written is in it or not, and no older than it is. */
Test(goodfile, many_in_steps)
{
	struct goodfile_moment now = at(NOW, WALL, "one");
	struct history *from = history_new(65536, 65536, 1), *to = history_new(8192, 65536, 2);
	struct goodfile *file = NULL;
	uint32_t count = 0, now_sec = NOW, found = 0;
	unsigned int steps = 1;

	for (unsigned int n = 0; n < 5000; n++) {
		good(from, 4, n, NOW - n % 1000);
		good(from, 6, n, NOW - n % 1000);
	}
	cr_assert_eq(goodfile_new(dir, &now, &file), 0);
	while (goodfile_collect(file, from, ++now_sec)) {
		good(from, 4, 10000 + steps, now_sec);
		steps++;
		cr_assert_eq(goodfile_write(file), 0);
		cr_assert_neq(access(path, F_OK), 0, "it is not whole");
	}
	cr_expect_gt(steps, 10);
	cr_assert_eq(goodfile_write(file), 0);
	cr_expect_geq(goodfile_count(file), 10000);
	goodfile_free(file);
	cr_expect_neq(access(fresh, F_OK), 0);
	cr_assert_eq(goodfile_read(dir, &now, to, &count), 0);
	for (unsigned int n = 0; n < 5000; n++) {
		cr_expect_eq(good_sec(to, 6, n), NOW - n % 1000);
		found += good_sec(to, 4, n) == NOW - n % 1000;
	}
	cr_expect_geq(found, 4500, "%u of 5000 into 8192 places", found);
	history_free(from);
	history_free(to);
}

static void tamper(off_t offset, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	cr_assert_eq(pwrite(fd, bytes, len, offset), (ssize_t)len);
	close(fd);
}

Test(goodfile, damage)
{
	static const unsigned char junk[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct goodfile_moment now = at(NOW, WALL, "one");
	struct history *from = history_new(8192, 1024, 1), *to;
	uint32_t count = 77;
	struct stat st;

	for (unsigned int n = 0; n < 4000; n++)
		good(from, 4, n, NOW);
	to = history_new(8192, 1024, 2);
	cr_expect_eq(goodfile_read(dir, &now, to, &count), -ENOENT);
	cr_expect_eq(count, 77, "untouched");
	cr_assert_geq(save(from, &now), 3900);
	stat(path, &st);
	cr_expect_eq(st.st_mode & 07777, 0640);
	for (off_t offset = 0; offset < st.st_size; offset += offset < 96 ? 4 : 997) {
		cr_assert_geq(save(from, &now), 3900);
		tamper(offset, junk, 1);
		history_free(to);
		to = history_new(8192, 1024, 2);
		cr_expect_eq(goodfile_read(dir, &now, to, &count), -EBADMSG, "byte %ld",
			     (long)offset);
		cr_expect_lt(count, 3900);
	}
	for (off_t size = st.st_size - 1; size >= 0; size -= size > 80 ? 1001 : 1) {
		cr_assert_geq(save(from, &now), 3900);
		cr_assert_eq(truncate(path, size), 0);
		history_free(to);
		to = history_new(8192, 1024, 2);
		cr_expect_eq(goodfile_read(dir, &now, to, &count), -EBADMSG, "%ld bytes",
			     (long)size);
	}
	cr_assert_eq(truncate(path, 0), 0);
	cr_expect_eq(goodfile_read(dir, &now, to, &count), -EBADMSG);
	history_free(from);
	history_free(to);
}

Test(goodfile, the_older_one_stays_until_the_new_one_is_whole)
{
	struct goodfile_moment now = at(NOW, WALL, "one");
	struct history *history = history_new(8192, 1024, 1), *to = history_new(8192, 1024, 2);
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
	struct goodfile *file = NULL;
	uint32_t count = 0;

	good(history, 4, 1, NOW);
	cr_assert_eq(save(history, &now), 1);
	for (unsigned int n = 0; n < 4000; n++)
		good(history, 4, n, NOW);
	cr_assert_eq(goodfile_new(dir, &now, &file), 0);
	cr_expect(goodfile_collect(file, history, NOW));
	cr_expect_eq(goodfile_write(file), 0);
	cr_expect_eq(access(fresh, F_OK), 0, "begun");
	goodfile_free(file);
	cr_expect_eq(access(fresh, F_OK), -1, "dropped");
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	cr_expect_eq(save(history, &now), -EFBIG, "no room");
	cr_expect_eq(access(fresh, F_OK), -1, "nothing is left of it");
	cr_expect_eq(goodfile_read(dir, &now, to, &count), 0);
	cr_expect_eq(count, 1);
	goodfile_free(NULL);
	history_free(history);
	history_free(to);
}

/* Nobody waits for the other end of a pipe, or writes through a link. */
Test(goodfile, what_is_no_plain_file, .timeout = 10)
{
	struct goodfile_moment now = at(NOW, WALL, "one");
	struct history *from = history_new(1024, 1024, 1), *to = history_new(1024, 1024, 2);
	struct stat info;
	uint32_t count = 99;

	good(from, 4, 1, NOW);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(goodfile_read(dir, &now, to, &count), -EINVAL);
	cr_expect_eq(count, 99);
	cr_assert_eq(mkfifo(fresh, 0600), 0);
	cr_expect_eq(save(from, &now), 1);
	cr_assert_eq(goodfile_read(dir, &now, to, &count), 0);
	cr_expect_eq(count, 1);
	cr_assert_eq(symlink("elsewhere", fresh), 0);
	cr_expect_eq(save(from, &now), 1);
	cr_assert_eq(lstat(path, &info), 0);
	cr_expect(S_ISREG(info.st_mode));
	history_free(from);
	history_free(to);
}
