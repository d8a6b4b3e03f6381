/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/snapfile.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

#define NAME       "verdicts"
#define MAGIC      0x3170616e7367786dULL /* "mxgsnap1", on this machine */
#define SEED       0x7665726469637473ULL
#define NS_PER_MS  1000000ULL
#define OLDEST_NS  (13ULL * 86400 * CLOCK_NS_PER_SEC) /* longer no table holds a verdict */
#define BLOCKS_MAX (2 * SNAPFILE_STEPS)               /* a step may be of both families */

struct head {
	uint64_t magic;
	uint64_t check; /* of the rest */
	int64_t wall_sec;
	uint64_t mono_ns; /* when the file was begun */
	char boot[CLOCK_BOOT_MAX];
	struct snapfile_about about;
};

/* IPv4 has 4 bytes of the address, and a record that is so much shorter. */
struct record {
	uint32_t left_ms; /* at head.mono_ns, cut off */
	uint32_t refresh_ms;
	uint8_t action, reason, note, zero;
	uint8_t addr[16];
};

struct block {
	uint32_t count;  /* 0: the last; check is of the records in all */
	uint32_t family; /* 4 or 6 */
	uint64_t check;
	uint8_t records[SNAPFILE_STEP * sizeof(struct record)];
};

_Static_assert(sizeof(struct head) == 32 + CLOCK_BOOT_MAX + 32 + SNAPFILE_RULES_MAX, "head layout");
_Static_assert(sizeof(struct record) == 28, "record layout");

#define BLOCK_HEAD offsetof(struct block, records)

struct snapfile {
	struct file_fresh fresh;
	struct head head;
	uint32_t count;
	unsigned int block_count;
	struct block blocks[BLOCKS_MAX];
};

struct snapfile_in {
	FILE *file;
	uint64_t now_ns, gone_ns;
	uint64_t count; /* given out */
	struct block block;
};

static size_t record_size(unsigned int family)
{
	return offsetof(struct record, addr) + (family == 4 ? 4 : 16);
}

static uint64_t check_of_head(const struct head *head)
{
	return hash_bytes(SEED, &head->wall_sec, sizeof(*head) - offsetof(struct head, wall_sec));
}

static uint64_t check_of(const struct block *block)
{
	return hash_bytes(SEED + block->count + ((uint64_t)block->family << 32), block->records,
			  block->count * record_size(block->family));
}

static uint64_t check_of_end(uint64_t count)
{
	return hash_bytes(SEED, &count, sizeof(count));
}

/* --- reading ------------------------------------------------------------------ */

/* 1, 0 for the last (count so far as it says), -EBADMSG, -errno. */
static int read_block(FILE *in, struct block *block, uint64_t count)
{
	int err = file_read(in, block, BLOCK_HEAD);

	if (err < 0)
		return err;
	if (block->count == 0)
		return block->family == 0 && block->check == check_of_end(count) ? 0 : -EBADMSG;
	if (block->count > SNAPFILE_STEP || (block->family != 4 && block->family != 6))
		return -EBADMSG;
	err = file_read(in, block->records, block->count * record_size(block->family));
	if (err < 0)
		return err;
	return block->check == check_of(block) ? 1 : -EBADMSG;
}

/* How long ago that was. 0, or -ESTALE. */
static int gone_since(const struct head *head, const struct snapfile_moment *now, uint64_t *ret)
{
	bool same_boot = *now->boot && strncmp(head->boot, now->boot, sizeof(head->boot)) == 0;
	uint64_t wall_ns = 0, wall_sec, gone;

	if (now->wall_sec >= head->wall_sec) {
		wall_sec = (uint64_t)now->wall_sec - (uint64_t)head->wall_sec;
		if (wall_sec > OLDEST_NS / CLOCK_NS_PER_SEC)
			return -ESTALE;
		/* Of both moments a part of a second is missing. */
		wall_ns = wall_sec * CLOCK_NS_PER_SEC;
		if (!same_boot)
			wall_ns += CLOCK_NS_PER_SEC;
	} else if (!same_boot) {
		return -ESTALE;
	}
	if (same_boot && now->mono_ns < head->mono_ns)
		return -ESTALE;
	gone = same_boot ? now->mono_ns - head->mono_ns : now->mono_ns;
	*ret = gone > wall_ns ? gone : wall_ns;
	return *ret > OLDEST_NS ? -ESTALE : 0;
}

/* From the head to the end; the true numbers go into about. */
static int look_through(struct snapfile_in *in, struct snapfile_about *about)
{
	uint64_t count = 0;
	int err;

	about->count4 = about->count6 = 0;
	while ((err = read_block(in->file, &in->block, count)) > 0) {
		count += in->block.count;
		*(in->block.family == 4 ? &about->count4 : &about->count6) += in->block.count;
	}
	if (err == 0 && getc(in->file) != EOF)
		err = -EBADMSG;
	return err;
}

static int begin_reading(struct snapfile_in *in, const struct snapfile_moment *now,
			 struct snapfile_about *ret_about)
{
	struct snapfile_about about;
	struct head head;
	int err = file_read(in->file, &head, sizeof(head));

	if (err < 0)
		return err;
	if (head.magic != MAGIC)
		return -EPROTO;
	if (head.check != check_of_head(&head))
		return -EBADMSG;
	about = head.about;
	about.rules[SNAPFILE_RULES_MAX - 1] = '\0';
	err = look_through(in, &about);
	if (err == 0)
		err = gone_since(&head, now, &in->gone_ns);
	if (err == 0 && fseek(in->file, sizeof(head), SEEK_SET) < 0)
		err = -errno;
	if (err == 0)
		*ret_about = about;
	return err;
}

int snapfile_open_stream(FILE *file, const struct snapfile_moment *now, struct snapfile_in **ret,
			 struct snapfile_about *ret_about)
{
	struct snapfile_in *in = calloc(1, sizeof(*in));
	int err;

	if (!in) {
		fclose(file);
		return -ENOMEM;
	}
	in->file = file;
	in->now_ns = now->mono_ns;
	err = begin_reading(in, now, ret_about);
	if (err < 0)
		snapfile_close(in);
	else
		*ret = in;
	return err;
}

int snapfile_open(const char *dir, const struct snapfile_moment *now, struct snapfile_in **ret,
		  struct snapfile_about *ret_about)
{
	FILE *file = NULL;
	int err = file_open_in(dir, NAME, &file);

	return err < 0 ? err : snapfile_open_stream(file, now, ret, ret_about);
}

void snapfile_close(struct snapfile_in *in)
{
	if (!in)
		return;
	fclose(in->file);
	free(in);
}

/* False: it has ended meanwhile. */
static bool unpack(const struct snapfile_in *in, const uint8_t *at, struct table_entry *ret)
{
	uint64_t left_ns, refresh_ns;
	struct record record = {0};

	memcpy(&record, at, record_size(in->block.family));
	left_ns = record.left_ms * NS_PER_MS;
	refresh_ns = record.refresh_ms * NS_PER_MS;
	if (left_ns <= in->gone_ns)
		return false;
	*ret = (struct table_entry){
		.addr.family = (uint8_t)in->block.family,
		.verdict = {.expires_ns = in->now_ns + left_ns - in->gone_ns,
			    .refresh_ns = in->now_ns +
					  (refresh_ns > in->gone_ns ? refresh_ns - in->gone_ns : 0),
			    .action = record.action,
			    .reason = record.reason,
			    .note = record.note},
	};
	memcpy(ret->addr.bytes, record.addr, sizeof(record.addr));
	return true;
}

int snapfile_next(struct snapfile_in *in, struct table_entry *entries)
{
	int n = 0, err = 1;

	while (n == 0) {
		err = read_block(in->file, &in->block, in->count);
		if (err <= 0)
			break;
		in->count += in->block.count;
		for (uint32_t i = 0; i < in->block.count; i++)
			n += unpack(in, in->block.records + i * record_size(in->block.family),
				    &entries[n]);
	}
	return err < 0 ? err : n;
}

/* --- writing ------------------------------------------------------------------ */

int snapfile_new(const char *dir, const struct snapfile_moment *now,
		 const struct snapfile_about *about, struct snapfile **ret)
{
	struct snapfile *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->head = (struct head){.magic = MAGIC,
				   .wall_sec = now->wall_sec,
				   .mono_ns = now->mono_ns,
				   .about = *about};
	memcpy(file->head.boot, now->boot, sizeof(file->head.boot));
	file->head.check = check_of_head(&file->head);
	if (file_fresh_init(&file->fresh, dir, NAME) < 0) {
		snapfile_free(file);
		return -ENOMEM;
	}
	*ret = file;
	return 0;
}

void snapfile_free(struct snapfile *file)
{
	if (!file)
		return;
	file_fresh_done(&file->fresh);
	free(file);
}

static uint32_t ms_until(uint64_t then_ns, uint64_t now_ns)
{
	uint64_t ms = then_ns > now_ns ? (then_ns - now_ns) / NS_PER_MS : 0;

	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* The block that takes verdicts of the family now, or NULL when there is no room for another. */
static struct block *block_for(struct snapfile *file, unsigned int family)
{
	struct block *block = file->block_count ? &file->blocks[file->block_count - 1] : NULL;

	if (block && block->family == family && block->count < SNAPFILE_STEP)
		return block;
	if (file->block_count == BLOCKS_MAX)
		return NULL;
	block = &file->blocks[file->block_count++];
	block->family = family;
	block->count = 0;
	return block;
}

void snapfile_add(struct snapfile *file, const struct table_entry *entries, int count)
{
	struct record record;
	struct block *block;

	for (int i = 0; i < count; i++) {
		const struct mxg_verdict *verdict = &entries[i].verdict;

		record = (struct record){
			.left_ms = ms_until(verdict->expires_ns, file->head.mono_ns),
			.refresh_ms = ms_until(verdict->refresh_ns, file->head.mono_ns),
			.action = verdict->action,
			.reason = verdict->reason,
			.note = verdict->note,
		};
		block = record.left_ms ? block_for(file, entries[i].addr.family) : NULL;
		if (!block)
			continue;
		memcpy(record.addr, entries[i].addr.bytes, sizeof(record.addr));
		memcpy(block->records + block->count++ * record_size(block->family), &record,
		       record_size(block->family));
		file->count++;
	}
}

static int begin_writing(struct snapfile *file)
{
	int err = file_fresh_begin(&file->fresh, 0600);

	return err < 0 ? err : file_write(file->fresh.fd, &file->head, sizeof(file->head));
}

static int write_end(struct snapfile *file)
{
	struct block *last = &file->blocks[0];

	last->count = last->family = 0;
	last->check = check_of_end(file->count);
	return file_write(file->fresh.fd, last, BLOCK_HEAD);
}

int snapfile_write(struct snapfile *file, bool is_last)
{
	int err = file->fresh.fd < 0 ? begin_writing(file) : 0;

	for (unsigned int i = 0; i < file->block_count && err == 0; i++) {
		struct block *block = &file->blocks[i];

		block->check = check_of(block);
		err = file_write(file->fresh.fd, block,
				 BLOCK_HEAD + block->count * record_size(block->family));
	}
	file->block_count = 0;
	if (err == 0 && is_last)
		err = write_end(file);
	return err == 0 && is_last ? file_fresh_place(&file->fresh) : err;
}

uint32_t snapfile_count(const struct snapfile *file)
{
	return file->count;
}

int snapfile_remove(const char *dir)
{
	char *path = NULL;
	int err = 0;

	if (asprintf(&path, "%s/" NAME, dir) < 0)
		return -ENOMEM;
	if (unlink(path) == 0)
		err = file_sync_directory(dir); /* or a loss of power brings it back */
	else if (errno != ENOENT)
		err = -errno;
	free(path);
	return err;
}
