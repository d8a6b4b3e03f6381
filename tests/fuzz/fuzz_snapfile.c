// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The file of verdicts, whatever is in it: no verdict that was not written, and none that
 * ends later than it would have. Checksums stop nearly every input at the door, so most are
 * given true ones here, by the format as io/snapfile.c has it: then it must be taken, unless
 * it is too old.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "fuzz.h"
#include "io/snapfile.h"

#define MAGIC     0x3170616e7367786dULL
#define SEED      0x7665726469637473ULL
#define HEAD      (32 + CLOCK_BOOT_MAX + sizeof(struct snapfile_about))
#define BLOCK     16 /* the head of one */
#define NS_PER_MS 1000000ULL

/* What the reader is told of now. */
static struct snapfile_moment moment(struct input *input, const uint8_t *head)
{
	struct snapfile_moment now = {.wall_sec = (int64_t)take32(input)};
	uint8_t how = take8(input);
	int64_t wall_sec;

	now.mono_ns = (uint64_t)take32(input) << (how & 31);
	strcpy(now.boot, "another");
	if (how & 32 && head) {
		memcpy(&wall_sec, head + 16, sizeof(wall_sec));
		memcpy(&now.mono_ns, head + 24, sizeof(now.mono_ns));
		memcpy(now.boot, head + 32, CLOCK_BOOT_MAX);
		now.boot[CLOCK_BOOT_MAX - 1] = '\0';
		now.mono_ns += (uint64_t)take32(input) << (how & 31);
		now.wall_sec = wall_sec;
	}
	now.mono_ns &= INT64_MAX; /* a clock that has run for less than 292 years */
	return now;
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static size_t record_size(uint32_t family)
{
	return family == 4 ? 16 : 28;
}

/* Makes the bytes from at on a block that has room, or the end of the file; where it ends. */
static size_t repair_block(uint8_t *file, size_t size, size_t at, uint64_t *count)
{
	uint32_t head[2] = {0}; /* records, family */

	memcpy(head, file + at, sizeof(head));
	head[1] = head[1] & 1 ? 6 : 4;
	head[0] %= 64;
	if (at + BLOCK + head[0] * record_size(head[1]) + BLOCK > size)
		head[0] = 0;
	if (head[0] == 0)
		head[1] = 0;
	memcpy(file + at, head, sizeof(head));
	if (head[0] == 0) {
		put64(file + at + 8, hash_bytes(SEED, count, sizeof(*count)));
		return at + BLOCK;
	}
	put64(file + at + 8, hash_bytes(SEED + head[0] + ((uint64_t)head[1] << 32),
					file + at + BLOCK, head[0] * record_size(head[1])));
	*count += head[0];
	return at + BLOCK + head[0] * record_size(head[1]);
}

/* A sound file of what is there; its length. */
static size_t repair(uint8_t *file, size_t size, uint64_t *ret_count)
{
	size_t at = HEAD, begun;
	uint64_t count = 0;

	put64(file, MAGIC);
	put64(file + 8, hash_bytes(SEED, file + 16, HEAD - 16));
	do {
		begun = at;
		at = repair_block(file, size, at, &count);
	} while (at > begun + BLOCK);
	*ret_count = count;
	return at;
}

/* The records one after the other, as they lie in a file that is sound. */
struct written {
	const uint8_t *at;
	uint32_t left, family; /* of the block */
};

static const uint8_t *next_written(struct written *written)
{
	const uint8_t *record;
	uint32_t head[2];

	while (written->left == 0) {
		memcpy(head, written->at, sizeof(head));
		CHECK(head[0] > 0);
		written->at += BLOCK;
		written->left = head[0];
		written->family = head[1];
	}
	record = written->at;
	written->at += record_size(written->family);
	written->left--;
	return record;
}

/* So much time has gone since it was written, at least. */
static uint64_t gone_since(const uint8_t *head, const struct snapfile_moment *now)
{
	bool is_same =
		*now->boot && strncmp((const char *)head + 32, now->boot, CLOCK_BOOT_MAX) == 0;
	uint64_t mono_ns, gone_ns, wall_ns;
	int64_t wall_sec;

	memcpy(&wall_sec, head + 16, sizeof(wall_sec));
	memcpy(&mono_ns, head + 24, sizeof(mono_ns));
	gone_ns = is_same ? now->mono_ns - mono_ns : now->mono_ns;
	if (now->wall_sec <= wall_sec)
		return gone_ns;
	wall_ns = (uint64_t)(now->wall_sec - wall_sec) * CLOCK_NS_PER_SEC;
	return gone_ns > wall_ns ? gone_ns : wall_ns;
}

/* It is one of those written, in their order, and ends no later. */
static void check_entry(const struct table_entry *entry, struct written *written, uint64_t now_ns,
			uint64_t gone_ns)
{
	const uint8_t *record;
	uint32_t left_ms;
	uint8_t addr[16];

	do {
		memset(addr, 0, sizeof(addr));
		record = next_written(written);
		memcpy(addr, record + 12, written->family == 4 ? 4 : 16);
		memcpy(&left_ms, record, sizeof(left_ms));
	} while (entry->verdict.expires_ns + gone_ns > now_ns + left_ms * NS_PER_MS ||
		 entry->addr.family != written->family ||
		 memcmp(addr, entry->addr.bytes, sizeof(addr)) != 0 ||
		 entry->verdict.action != record[8] || entry->verdict.reason != record[9] ||
		 entry->verdict.note != record[10]);
	CHECK(entry->verdict.expires_ns > now_ns);
	CHECK(entry->verdict.hits == 0);
}

static void read_all(const uint8_t *data, size_t size, const struct snapfile_moment *now,
		     bool is_sound, uint64_t count)
{
	static struct table_entry entries[SNAPFILE_STEP];
	struct written written = {.at = data + HEAD};
	uint64_t gone_ns;
	struct snapfile_about about = {.zero = 99};
	FILE *file = fmemopen((void *)data, size, "r");
	struct snapfile_in *in = NULL;
	int n, err;

	CHECK(file);
	err = snapfile_open_stream(file, now, &in, &about);
	if (err < 0) {
		CHECK(!in && about.zero == 99);
		CHECK(err == -ESTALE || (!is_sound && (err == -EBADMSG || err == -EPROTO)));
		return;
	}
	CHECK(!is_sound || (uint64_t)about.count4 + about.count6 == count);
	CHECK(memchr(about.rules, '\0', sizeof(about.rules)));
	gone_ns = gone_since(data, now);
	while ((n = snapfile_next(in, entries)) > 0) {
		CHECK(n <= SNAPFILE_STEP);
		for (int i = 0; i < n; i++)
			check_entry(&entries[i], &written, now->mono_ns, gone_ns);
	}
	CHECK(n == 0);
	snapfile_close(in);
}

/* A byte that says how, what time it is, then the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.data = data, .left = size};
	bool is_sound = take8(&input) & 3;
	struct input clock = input;
	struct snapfile_moment now;
	uint64_t count = 0;
	uint8_t *file;
	size_t length;

	for (int i = 0; i < 13; i++)
		take8(&input);
	length = input.left;
	if (length == 0 || (is_sound && length < HEAD + BLOCK))
		return 0;
	file = malloc(length);
	if (!file)
		return 0;
	memcpy(file, input.data, length);
	if (is_sound)
		length = repair(file, length, &count);
	now = moment(&clock, length >= HEAD ? file : NULL);
	read_all(file, length, &now, is_sound, count);
	free(file);
	return 0;
}
