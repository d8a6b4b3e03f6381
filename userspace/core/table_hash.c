/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/table_hash.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/min.h"

#define STEP 4096       /* entries that one system call gives */
#define OVER UINT32_MAX /* where a walk is then */

#define MEMLOCK "memlock:" /* proc(5): in fdinfo */

static size_t key_size(unsigned int family)
{
	return family == 4 ? sizeof(__be32) : sizeof(struct mxg_key6);
}

int table_hash_make(unsigned int family, uint32_t max, int *ret_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	const char *name = family == 4 ? "mxg3_hash_of_4" : "mxg3_hash_of_6";
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, name, (__u32)key_size(family),
				sizeof(struct mxg_verdict), max, &opts);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

uint32_t table_hash_max(unsigned int family, int fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.type != BPF_MAP_TYPE_HASH ||
	    info.key_size != key_size(family) || info.value_size != sizeof(struct mxg_verdict))
		return 0;
	return info.max_entries;
}

/* --- a walk ------------------------------------------------------------------- */

/* A piece of it: keys and values are there then. Their number, 0 at the end, or -errno. */
static int step(const struct table_hash *hash, uint32_t *at, int max)
{
	__u32 count = max < STEP ? (__u32)max : STEP, next = 0;
	int err;

	if (*at == OVER)
		return 0;
	err = bpf_map_lookup_batch(hash->fd, *at ? at : NULL, &next, hash->keys, hash->values,
				   &count, NULL);
	if (err < 0 && errno != ENOENT)
		return -errno;
	*at = err < 0 ? OVER : next;
	return (int)count;
}

int table_hash_next(const struct table_hash *hash, uint32_t *at, struct table_entry *entries,
		    int max)
{
	const size_t size = key_size(hash->family);
	int n = step(hash, at, max);

	for (int i = 0; i < n; i++) {
		addr_from_bytes((uint8_t)hash->family, hash->keys + (size_t)i * size,
				&entries[i].addr);
		entries[i].verdict = hash->values[i];
	}
	return n < 0 ? 0 : n;
}

static int count_all(struct table_hash *hash)
{
	uint32_t at = 0;
	int n;

	while ((n = step(hash, &at, STEP)) > 0)
		hash->count += (uint32_t)n;
	return n;
}

int table_hash_open(struct table_hash *hash, unsigned int family, int fd)
{
	int err;

	*hash = (struct table_hash){.family = family, .fd = -1, .max = table_hash_max(family, fd)};
	if (!hash->max)
		return -EINVAL;
	hash->keys = calloc(STEP, key_size(family));
	hash->values = calloc(STEP, sizeof(*hash->values));
	hash->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!hash->keys || !hash->values)
		err = -ENOMEM;
	else
		err = hash->fd < 0 ? -errno : count_all(hash);
	if (err < 0)
		table_hash_close(hash);
	return err;
}

void table_hash_close(struct table_hash *hash)
{
	if (hash->max && hash->fd >= 0)
		close(hash->fd);
	free(hash->keys);
	free(hash->values);
	*hash = (struct table_hash){.fd = -1};
}

/* --- one entry ---------------------------------------------------------------- */

int table_hash_get(const struct table_hash *hash, const struct addr *addr, struct mxg_verdict *ret)
{
	struct mxg_verdict verdict;

	if (bpf_map_lookup_elem(hash->fd, addr->bytes, &verdict) < 0)
		return -errno;
	*ret = verdict;
	return 0;
}

/* As in a table of lines: who is rejected from now on has been told of it no times. */
static uint32_t hits_kept(const struct mxg_verdict *old, const struct mxg_verdict *verdict,
			  uint64_t now_ns)
{
	if (verdict->action == MXG_ACTION_REJECT &&
	    (old->action != MXG_ACTION_REJECT || now_ns >= old->expires_ns))
		return 0;
	return min_u32(old->hits, UINT32_MAX - verdict->hits);
}

/* 0 or -errno; then none is there, as an older one may say what is not true any more. */
static int update(struct table_hash *hash, const struct addr *addr, const struct mxg_verdict *value,
		  bool is_there)
{
	int err;

	if (bpf_map_update_elem(hash->fd, addr->bytes, value, BPF_ANY) == 0)
		return 0;
	err = -errno;
	if (is_there)
		table_hash_del(hash, addr);
	return err == -ENOMEM ? -E2BIG : err;
}

int table_hash_put(struct table_hash *hash, const struct addr *addr,
		   const struct mxg_verdict *verdict, uint64_t now_ns)
{
	struct mxg_verdict value = *verdict, old = {0};
	bool is_there;
	int err;

	if (verdict->reason == MXG_REASON_NONE || verdict->reason > MXG_STATE_REASON ||
	    verdict->action > MXG_STATE_ACTION)
		return -EINVAL;
	is_there = table_hash_get(hash, addr, &old) == 0;
	value.hits += hits_kept(&old, verdict, now_ns);
	err = update(hash, addr, &value, is_there);
	if (err < 0)
		hash->refused++;
	else
		hash->count += !is_there;
	return err;
}

int table_hash_del(struct table_hash *hash, const struct addr *addr)
{
	if (bpf_map_delete_elem(hash->fd, addr->bytes) < 0)
		return -errno;
	hash->count--;
	return 0;
}

void table_hash_forget_hits(struct table_hash *hash, enum mxg_action action)
{
	const size_t size = key_size(hash->family);
	uint32_t at = 0;
	int n;

	while ((n = step(hash, &at, STEP)) > 0)
		for (int i = 0; i < n; i++) {
			if (hash->values[i].action != action || !hash->values[i].hits)
				continue;
			hash->values[i].hits = 0;
			bpf_map_update_elem(hash->fd, hash->keys + (size_t)i * size,
					    &hash->values[i], BPF_EXIST);
		}
}

uint64_t table_hash_bytes(const struct table_hash *hash)
{
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", hash->fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, MEMLOCK, strlen(MEMLOCK)) == 0)
			bytes = strtoull(line + strlen(MEMLOCK), NULL, 10);
	fclose(file);
	return bytes;
}

/* Of n entries of a walk those that live on. One for which there is no room stays behind. */
static int copy_piece(const struct table_hash *hash, int n, int to, uint64_t now_ns)
{
	const size_t size = key_size(hash->family);

	for (int i = 0; i < n; i++)
		if (now_ns < hash->values[i].expires_ns &&
		    bpf_map_update_elem(to, hash->keys + (size_t)i * size, &hash->values[i],
					BPF_ANY) < 0 &&
		    errno != E2BIG)
			return -errno;
	return 0;
}

int table_hash_copy(unsigned int family, int from, int to, uint64_t now_ns)
{
	struct table_hash hash;
	uint32_t at = 0;
	int err = table_hash_open(&hash, family, from), n;

	if (err < 0)
		return err;
	while (err == 0 && (n = step(&hash, &at, STEP)) != 0)
		err = n < 0 ? n : copy_piece(&hash, n, to, now_ns);
	table_hash_close(&hash);
	return err;
}
