// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Verdicts into a file and out of it: times, clocks, damage of every kind, kill -9. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/snapfile.h"
#include "tmpdir.h"

#define SEC  CLOCK_NS_PER_SEC
#define NOW  (1000000 * SEC)
#define WALL 1800000000
#define DAY  86400

static char dir[TMPDIR_MAX];
static char path[64], fresh[64];

static void make_dir(void)
{
	tmpdir_make(dir);
	snprintf(path, sizeof(path), "%s/verdicts", dir);
	snprintf(fresh, sizeof(fresh), "%s/verdicts.new", dir);
}

static void remove_dir(void)
{
	unlink(path);
	unlink(fresh);
	cr_expect_eq(rmdir(dir), 0, "something was left behind");
}

TestSuite(snapfile, .init = make_dir, .fini = remove_dir);

static struct snapfile_moment at(uint64_t mono_ns, int64_t wall_sec, const char *boot)
{
	struct snapfile_moment moment = {.mono_ns = mono_ns, .wall_sec = wall_sec};

	strcpy(moment.boot, boot);
	return moment;
}

static struct table_entry numbered(uint8_t family, uint32_t n)
{
	struct table_entry entry = {
		.addr.family = family,
		.verdict = {.expires_ns = NOW + (n + 1) * 60 * SEC,
			    .refresh_ns = NOW + n * 30 * SEC,
			    .action = (__u8)(n % 3),
			    .reason = (__u8)(1 + n % 5),
			    .note = (__u8)n},
	};

	memcpy(entry.addr.bytes, &n, sizeof(n));
	if (family == 6)
		entry.addr.bytes[15] = 6;
	return entry;
}

/* So many of IPv4 and then of IPv6. 0 or -errno. */
static int save(uint32_t count4, uint32_t count6, const struct snapfile_moment *now)
{
	const struct snapfile_about about = {
		.seed4 = 4444, .seed6 = 6666, .count4 = 1, .rules = "1:rules"};
	struct snapfile *file = NULL;
	struct table_entry entry;
	int err = snapfile_new(dir, now, &about, &file);

	for (uint32_t i = 0; i < count4 + count6 && err == 0; i++) {
		entry = i < count4 ? numbered(4, i) : numbered(6, i - count4);
		snapfile_add(file, &entry, 1);
		if (i % SNAPFILE_STEP == SNAPFILE_STEP - 1)
			err = snapfile_write(file, false);
	}
	if (err == 0)
		err = snapfile_write(file, true);
	if (err == 0)
		cr_expect_eq(snapfile_count(file), count4 + count6);
	snapfile_free(file);
	return err;
}

/* How many it gives, or -errno; entries may be NULL. */
static int load(const struct snapfile_moment *now, struct table_entry *entries, int max)
{
	static struct table_entry step[SNAPFILE_STEP];
	struct snapfile_about about = {0};
	struct snapfile_in *in = NULL;
	int n = 0, got, err = snapfile_open(dir, now, &in, &about);

	if (err < 0)
		return err;
	cr_expect(about.seed4 == 4444 && about.seed6 == 6666);
	cr_expect_str_eq(about.rules, "1:rules");
	while ((got = snapfile_next(in, step)) > 0)
		for (int i = 0; i < got; i++, n++)
			if (n < max)
				entries[n] = step[i];
	snapfile_close(in);
	return got < 0 ? got : n;
}

Test(snapfile, what_goes_in_comes_out)
{
	enum {
		COUNT4 = 3 * SNAPFILE_STEP + 7,
		COUNT6 = SNAPFILE_STEP + 1
	};
	static struct table_entry got[COUNT4 + COUNT6];
	const struct snapfile_moment now = at(NOW, WALL, "one");
	struct stat info;

	cr_assert_eq(load(&now, NULL, 0), -ENOENT);
	cr_assert_eq(save(COUNT4, COUNT6, &now), 0);
	cr_assert_eq(stat(path, &info), 0);
	cr_expect_eq(info.st_mode & 07777, 0600, "the seeds are nobody else's to read");
	cr_expect_lt(info.st_size, 16 * COUNT4 + 28 * COUNT6 + 400);
	cr_expect_neq(access(fresh, F_OK), 0);
	cr_assert_eq(load(&now, got, COUNT4 + COUNT6), COUNT4 + COUNT6);
	for (uint32_t i = 0; i < COUNT4 + COUNT6; i++) {
		struct table_entry want = i < COUNT4 ? numbered(4, i) : numbered(6, i - COUNT4);

		cr_assert(memcmp(&got[i], &want, sizeof(want)) == 0, "%u", i);
	}
	cr_assert_eq(save(0, 0, &now), 0);
	cr_expect_eq(load(&now, NULL, 0), 0);
	cr_expect_eq(snapfile_remove(dir), 0);
	cr_expect_eq(load(&now, NULL, 0), -ENOENT);
	cr_expect_eq(snapfile_remove(dir), 0);
}

Test(snapfile, nothing_ends_later_than_it_would_have)
{
	static const struct {
		const char *label;
		uint64_t mono_sec; /* since NOW, or since the boot */
		int64_t wall_sec;  /* since WALL */
		const char *boot;
		int count; /* of those that end after 1, 2, ... minutes; -errno */
		uint64_t gone_sec;
	} rows[] = {
		{"at once", 0, 0, "one", 100, 0},
		{"a minute and a half later", 90, 90, "one", 99, 90},
		{"after the hour", 3600, 3600, "one", 40, 3600},
		{"after all have ended", 6000, 6000, "one", 0, 6000},
		{"the wall clock has gone on: a sleep, perhaps", 60, 3600, "one", 40, 3600},
		{"the wall clock has gone back in this boot", 90, -5000, "one", 99, 90},
		{"a reboot", 30, 90, "two", 99, 91},
		{"a reboot at once", 1, 0, "two", 100, 1},
		{"a reboot, and a clock that has stood still", 600, 0, "two", 90, 600},
		{"a reboot, and a clock that has gone back", 30, -1, "two", -ESTALE, 0},
		{"a reboot, and a clock of 1970", 30, -WALL, "two", -ESTALE, 0},
		{"a boot that nobody can tell", 30, 90, "", 99, 91},
		{"a fortnight later", 14 * DAY, 14 * DAY, "one", -ESTALE, 0},
		{"years later", 30, 2000LL * DAY, "two", -ESTALE, 0},
	};
	const struct snapfile_moment now = at(NOW, WALL, "one");
	struct table_entry got[100], first;
	uint64_t end_ns;

	cr_assert_eq(save(100, 0, &now), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool same = strcmp(rows[i].boot, "one") == 0;
		struct snapfile_moment then = at((same ? NOW : 0) + rows[i].mono_sec * SEC,
						 WALL + rows[i].wall_sec, rows[i].boot);
		int n = load(&then, got, 100);

		cr_assert_eq(n, rows[i].count, "%s: %d", rows[i].label, n);
		if (n <= 0)
			continue;
		first = numbered(4, 100 - (uint32_t)n);
		cr_expect(addr_equal(&got[0].addr, &first.addr), "%s", rows[i].label);
		end_ns = then.mono_ns + first.verdict.expires_ns - NOW - rows[i].gone_sec * SEC;
		cr_expect_eq(got[0].verdict.expires_ns, end_ns, "%s", rows[i].label);
		cr_expect_geq(got[0].verdict.refresh_ns, then.mono_ns);
	}
}

/* No clock shows that, but a file can. */
Test(snapfile, a_moment_before_all_time)
{
	struct snapfile_moment then = at(NOW, INT64_MIN, "one"), now = at(NOW, WALL, "one");

	cr_assert_eq(save(1, 1, &then), 0);
	cr_expect_eq(load(&now, NULL, 0), -ESTALE);
}

static uint8_t *read_file(size_t *ret_size)
{
	struct stat info;
	uint8_t *bytes;
	int fd = open(path, O_RDONLY);

	cr_assert(fd >= 0 && fstat(fd, &info) == 0);
	bytes = malloc((size_t)info.st_size);
	cr_assert_eq(read(fd, bytes, (size_t)info.st_size), info.st_size);
	close(fd);
	*ret_size = (size_t)info.st_size;
	return bytes;
}

static void write_file(const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

/* Every bit is of consequence, and so is where it ends. */
Test(snapfile, damage)
{
	const struct snapfile_moment now = at(NOW, WALL, "one");
	uint8_t *bytes, *longer;
	size_t size;
	int err;

	cr_assert_eq(save(20, 10, &now), 0);
	bytes = read_file(&size);
	for (size_t i = 0; i < size; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			write_file(bytes, size);
			err = load(&now, NULL, 0);
			cr_assert(err == (i < 8 ? -EPROTO : -EBADMSG), "byte %zu, bit %u: %d", i,
				  bit, err);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
	for (size_t end = 0; end < size; end++) {
		write_file(bytes, end);
		cr_assert_eq(load(&now, NULL, 0), -EBADMSG, "cut at %zu", end);
	}
	longer = calloc(1, size + 1);
	memcpy(longer, bytes, size);
	write_file(longer, size + 1);
	cr_expect_eq(load(&now, NULL, 0), -EBADMSG, "a byte too many");
	write_file(bytes, size);
	cr_expect_eq(load(&now, NULL, 0), 30, "whole again");
	free(bytes);
	free(longer);
}

/* Blocks of one file are none of another's. */
Test(snapfile, blocks_that_are_missing_or_twice)
{
	enum {
		BLOCK = 16 + 16 * SNAPFILE_STEP,
		HEAD = 136
	};
	const struct snapfile_moment now = at(NOW, WALL, "one");
	uint8_t *bytes, *other;
	size_t size;

	cr_assert_eq(save(2 * SNAPFILE_STEP, 0, &now), 0);
	bytes = read_file(&size);
	cr_assert_eq(size, HEAD + 2 * BLOCK + 16);
	other = calloc(1, size + BLOCK);
	memcpy(other, bytes, HEAD);
	memcpy(other + HEAD, bytes + HEAD + BLOCK, size - HEAD - BLOCK);
	write_file(other, size - BLOCK);
	cr_expect_eq(load(&now, NULL, 0), -EBADMSG, "one is missing");
	memcpy(other, bytes, HEAD + BLOCK);
	memcpy(other + HEAD + BLOCK, bytes + HEAD, size - HEAD);
	write_file(other, size + BLOCK);
	cr_expect_eq(load(&now, NULL, 0), -EBADMSG, "one is there twice");
	free(bytes);
	free(other);
}

Test(snapfile, garbage)
{
	const struct snapfile_moment now = at(NOW, WALL, "one");
	uint8_t bytes[4096];
	uint64_t chance = 1;

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(load(&now, NULL, 0), -EINVAL, "nobody waits for a pipe");
	unlink(path);
	cr_assert_eq(save(20, 10, &now), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		size_t size, from;
		uint8_t *whole = read_file(&size);

		memcpy(bytes, whole, size < sizeof(bytes) ? size : sizeof(bytes));
		chance = mxg_mix(chance + 1);
		from = i % 3 == 0 ? 0 : i % 3 == 1 ? 8 : 128;
		for (size_t at_byte = from; at_byte < size; at_byte++) {
			chance = mxg_mix(chance + at_byte);
			bytes[at_byte] = (uint8_t)chance;
		}
		write_file(bytes, size);
		cr_assert_lt(load(&now, NULL, 0), 0);
		write_file(whole, size);
		free(whole);
	}
}

Test(snapfile, the_older_one_stays_until_the_next_is_whole)
{
	const struct snapfile_moment now = at(NOW, WALL, "one");
	const struct rlimit small = {.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};
	const struct rlimit large = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	cr_assert_eq(save(5, 5, &now), 0);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	cr_expect_eq(save(5000, 0, &now), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &large);
	cr_expect_neq(access(fresh, F_OK), 0);
	cr_expect_eq(load(&now, NULL, 0), 10);
	cr_assert_eq(symlink("/dev/null", fresh), 0);
	cr_expect_eq(save(7, 0, &now), 0, "what lay there is not followed");
	cr_expect_eq(load(&now, NULL, 0), 7);
}

/* As long to write, one as the other; how long that is, is the disk's affair. */
static void save_on_and_on(atomic_uint *saves, const struct snapfile_moment *now)
{
	while (save(atomic_load(saves) % 2 ? 59000 : 60000, 0, now) >= 0)
		atomic_fetch_add(saves, 1);
	_exit(1);
}

Test(snapfile, killed_while_it_writes)
{
	const struct snapfile_moment now = at(NOW, WALL, "one");
	atomic_uint *saves = mmap(NULL, sizeof(*saves), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int n, seen[2] = {0};
	pid_t pid;

	cr_assert_neq(saves, MAP_FAILED);
	cr_assert_eq(save(59000, 0, &now), 0);
	for (unsigned int i = 0; i < 40; i++) {
		atomic_store(saves, 0);
		pid = fork();
		cr_assert_geq(pid, 0);
		if (pid == 0)
			save_on_and_on(saves, &now);
		while (atomic_load(saves) < i % 3 && waitpid(pid, &n, WNOHANG) == 0)
			usleep(100);
		usleep(i * 500);
		cr_assert_eq(kill(pid, SIGKILL), 0, "it could not write");
		waitpid(pid, &n, 0);
		cr_assert(WIFSIGNALED(n), "it could not write");
		n = load(&now, NULL, 0);
		cr_assert(n == 59000 || n == 60000, "the %u. time: %d", i, n);
		seen[n == 60000]++;
	}
	munmap(saves, sizeof(*saves));
	cr_expect(seen[0] > 0 && seen[1] > 0, "only one of both was ever found");
}
