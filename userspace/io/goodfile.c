/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/goodfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/min.h"

#define NAME      "known-good"
#define MAGIC     0x32646f6f6767786dULL /* "mxggood2", on this machine */
#define SEED      0x6b6e6f776e2d6764ULL
#define BLOCKS    4 /* in a part: HISTORY_STEP places each */
#define BLOCK_MAX HISTORY_STEP

struct head {
	uint64_t magic;
	uint64_t check; /* of the rest */
	int64_t wall_sec;
	uint32_t now_sec; /* when the file was begun */
	uint32_t zero;
	char boot[CLOCK_BOOT_MAX];
};

struct record {
	uint8_t family;
	uint8_t zero[3];
	uint32_t age_sec; /* at head.now_sec */
	uint32_t bad_sec; /* found bad for so long since; 0: it is not */
	uint8_t addr[16];
};

struct block {
	uint32_t count; /* 0: the last */
	uint32_t zero;
	uint64_t check;
	struct record records[BLOCK_MAX];
};

_Static_assert(sizeof(struct head) == 72, "head layout");
_Static_assert(sizeof(struct record) == 28, "record layout");

#define BLOCK_HEAD offsetof(struct block, records)

struct goodfile {
	struct file_fresh fresh;
	struct goodfile_moment begun;
	uint32_t count;
	size_t at;
	struct block blocks[BLOCKS]; /* the part: so many with a count, then perhaps the last */
	unsigned int block_count;
	bool is_last;
	struct history_good goods[HISTORY_STEP];
};

static uint64_t check_of_head(const struct head *head)
{
	return hash_bytes(SEED, &head->wall_sec, sizeof(*head) - offsetof(struct head, wall_sec));
}

static uint64_t check_of(const struct block *block)
{
	return hash_bytes(SEED + block->count, block->records,
			  block->count * sizeof(block->records[0]));
}

/* --- reading ------------------------------------------------------------------ */

/* 1, 0 for the last, -EBADMSG, -errno. */
static int read_block(FILE *in, struct block *block)
{
	int err = file_read(in, block, BLOCK_HEAD);

	if (err < 0)
		return err;
	if (block->count > BLOCK_MAX || block->zero)
		return -EBADMSG;
	err = file_read(in, block->records, block->count * sizeof(block->records[0]));
	if (err < 0)
		return err;
	if (block->check != check_of(block))
		return -EBADMSG;
	return block->count > 0;
}

/* How long ago that was. */
static uint64_t gone_since(const struct head *head, const struct goodfile_moment *now)
{
	if (*now->boot && strncmp(head->boot, now->boot, sizeof(head->boot)) == 0)
		return now->now_sec > head->now_sec ? now->now_sec - head->now_sec : 0;
	return now->wall_sec > head->wall_sec ? (uint64_t)now->wall_sec - (uint64_t)head->wall_sec
					      : 0;
}

static uint32_t take(const struct block *block, uint64_t gone_sec, uint32_t now_sec,
		     struct history *history)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < block->count; i++) {
		const struct record *record = &block->records[i];
		struct history_good good = {.addr.family = record->family,
					    .bad_sec = record->bad_sec};
		uint64_t age_sec = gone_sec + record->age_sec;

		if ((record->family != 4 && record->family != 6) || age_sec > HISTORY_GOOD_SEC)
			continue;
		good.age_sec = (uint32_t)age_sec;
		memcpy(good.addr.bytes, record->addr, record->family == 4 ? 4 : 16);
		count += history_restore(history, &good, now_sec);
	}
	return count;
}

static int read_file(FILE *in, const struct goodfile_moment *now, struct history *history,
		     uint32_t *ret_count)
{
	struct block *block = malloc(sizeof(*block));
	struct head head;
	int err = block ? file_read(in, &head, sizeof(head)) : -ENOMEM;

	if (err == 0 && (head.magic != MAGIC || head.check != check_of_head(&head)))
		err = -EBADMSG;
	while (err == 0 && (err = read_block(in, block)) > 0) {
		*ret_count += take(block, gone_since(&head, now), now->now_sec, history);
		err = 0;
	}
	free(block);
	return err;
}

int goodfile_read(const char *dir, const struct goodfile_moment *now, struct history *history,
		  uint32_t *ret_count)
{
	uint32_t count = 0;
	FILE *in = NULL;
	int err = file_open_in(dir, NAME, &in);

	if (err < 0)
		return err;
	err = read_file(in, now, history, &count);
	fclose(in);
	if (err == 0 || err == -EBADMSG)
		*ret_count = count;
	return err;
}

/* --- writing ------------------------------------------------------------------ */

static int write_block(int fd, struct block *block)
{
	block->check = check_of(block);
	return file_write(fd, block, BLOCK_HEAD + block->count * sizeof(block->records[0]));
}

/* later_sec: so long after the file was begun. */
static void fill(struct block *block, const struct history_good *goods, uint32_t count,
		 uint32_t later_sec)
{
	block->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct record *record = &block->records[i];

		memset(record, 0, sizeof(*record));
		record->family = goods[i].addr.family;
		record->age_sec = goods[i].age_sec;
		record->bad_sec = goods[i].bad_sec;
		if (!record->bad_sec) /* its clock goes on */
			record->age_sec -= min_u32(record->age_sec, later_sec);
		memcpy(record->addr, goods[i].addr.bytes, sizeof(record->addr));
	}
}

int goodfile_new(const char *dir, const struct goodfile_moment *now, struct goodfile **ret)
{
	struct goodfile *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->begun = *now;
	if (file_fresh_init(&file->fresh, dir, NAME) < 0) {
		goodfile_free(file);
		return -ENOMEM;
	}
	*ret = file;
	return 0;
}

void goodfile_free(struct goodfile *file)
{
	if (!file)
		return;
	file_fresh_done(&file->fresh);
	free(file);
}

bool goodfile_collect(struct goodfile *file, const struct history *history, uint32_t now_sec)
{
	struct block *block;
	int n = 0;

	file->block_count = 0;
	for (unsigned int i = 0; i < BLOCKS && n >= 0; i++) {
		n = history_next_good(history, &file->at, now_sec, file->goods);
		if (n == 0)
			continue;
		block = &file->blocks[file->block_count++];
		fill(block, file->goods, n > 0 ? (uint32_t)n : 0, now_sec - file->begun.now_sec);
		file->count += block->count;
	}
	file->is_last = n < 0;
	return !file->is_last;
}

static int begin(struct goodfile *file)
{
	const struct goodfile_moment *now = &file->begun;
	struct head head = {.magic = MAGIC, .wall_sec = now->wall_sec, .now_sec = now->now_sec};
	int err = file_fresh_begin(&file->fresh, 0640);

	snprintf(head.boot, sizeof(head.boot), "%s", now->boot);
	head.check = check_of_head(&head);
	return err < 0 ? err : file_write(file->fresh.fd, &head, sizeof(head));
}

int goodfile_write(struct goodfile *file)
{
	int err = file->fresh.fd < 0 ? begin(file) : 0;

	for (unsigned int i = 0; i < file->block_count && err == 0; i++)
		err = write_block(file->fresh.fd, &file->blocks[i]);
	return err == 0 && file->is_last ? file_fresh_place(&file->fresh) : err;
}

uint32_t goodfile_count(const struct goodfile *file)
{
	return file->count;
}
