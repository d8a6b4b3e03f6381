/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/vmap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vmap {
	struct vmap_fds fds;
	uint32_t count4, count6;
	uint32_t max4, max6;
	/* Room for one piece of a walk; keys are at most 16 bytes. */
	uint8_t keys[VMAP_STEP * sizeof(struct mxg_key6)];
	struct mxg_verdict values[VMAP_STEP];
};

union prefix_key {
	struct mxg_prefix4_key v4;
	struct mxg_prefix6_key v6;
};

static size_t key_size(unsigned int family)
{
	return family == 4 ? sizeof(__be32) : sizeof(struct mxg_key6);
}

static int table_fd(const struct vmap *vmap, unsigned int family)
{
	return family == 4 ? vmap->fds.verdict4 : vmap->fds.verdict6;
}

static uint32_t *table_count(struct vmap *vmap, unsigned int family)
{
	return family == 4 ? &vmap->count4 : &vmap->count6;
}

static int table_max(int fd, uint32_t *ret)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	*ret = info.max_entries;
	return 0;
}

static int count_all(struct vmap *vmap)
{
	struct vmap_entry *entries = calloc(VMAP_STEP, sizeof(*entries));
	struct vmap_cursor cursor = {0};
	int n = -ENOMEM;

	while (entries && (n = vmap_next(vmap, &cursor, entries)) > 0)
		for (int i = 0; i < n; i++)
			++*table_count(vmap, entries[i].addr.family);
	free(entries);
	return n;
}

int vmap_new(const struct vmap_fds *fds, struct vmap **ret)
{
	struct vmap *vmap = calloc(1, sizeof(*vmap));
	int err;

	if (!vmap)
		return -ENOMEM;
	vmap->fds = *fds;
	err = table_max(fds->verdict4, &vmap->max4);
	if (err == 0)
		err = table_max(fds->verdict6, &vmap->max6);
	if (err == 0)
		err = count_all(vmap);
	if (err < 0)
		free(vmap);
	else
		*ret = vmap;
	return err;
}

void vmap_free(struct vmap *vmap)
{
	free(vmap);
}

int vmap_get(const struct vmap *vmap, const struct addr *addr, struct mxg_verdict *ret)
{
	struct mxg_verdict verdict;

	if (bpf_map_lookup_elem(table_fd(vmap, addr->family), addr->bytes, &verdict) < 0)
		return -errno;
	*ret = verdict;
	return 0;
}

static int update(struct vmap *vmap, const struct addr *addr, const struct mxg_verdict *verdict,
		  __u64 flags)
{
	int fd = table_fd(vmap, addr->family);

	return bpf_map_update_elem(fd, addr->bytes, verdict, flags) < 0 ? -errno : 0;
}

int vmap_replace(struct vmap *vmap, const struct addr *addr, const struct mxg_verdict *old,
		 const struct mxg_verdict *verdict)
{
	struct mxg_verdict value = *verdict;

	value.hits += old->hits;
	return update(vmap, addr, &value, BPF_ANY);
}

int vmap_put(struct vmap *vmap, const struct addr *addr, const struct mxg_verdict *verdict)
{
	struct mxg_verdict old = {0};
	int err = update(vmap, addr, verdict, BPF_NOEXIST);

	if (err == 0)
		++*table_count(vmap, addr->family);
	if (err != -EEXIST)
		return err;
	err = vmap_get(vmap, addr, &old);
	return err < 0 ? err : vmap_replace(vmap, addr, &old, verdict);
}

int vmap_del(struct vmap *vmap, const struct addr *addr)
{
	if (bpf_map_delete_elem(table_fd(vmap, addr->family), addr->bytes) < 0)
		return -errno;
	--*table_count(vmap, addr->family);
	return 0;
}

uint32_t vmap_count(const struct vmap *vmap, unsigned int family)
{
	return family == 4 ? vmap->count4 : vmap->count6;
}

uint32_t vmap_max(const struct vmap *vmap, unsigned int family)
{
	return family == 4 ? vmap->max4 : vmap->max6;
}

/* One piece of one family; 0 and a cursor on the next family at its end. */
static int step(struct vmap *vmap, struct vmap_cursor *cursor, __u32 *ret_count)
{
	__u32 count = VMAP_STEP, out = 0, in = cursor->token;
	int err =
		bpf_map_lookup_batch(table_fd(vmap, cursor->family), cursor->has_token ? &in : NULL,
				     &out, vmap->keys, vmap->values, &count, NULL);

	if (err < 0)
		err = -errno;
	if (err < 0 && err != -ENOENT)
		return err;
	cursor->token = out;
	cursor->has_token = true;
	*ret_count = count;
	if (err == -ENOENT) {
		cursor->family = cursor->family == 4 ? 6 : 7;
		cursor->has_token = false;
	}
	return 0;
}

int vmap_next(const struct vmap *vmap, struct vmap_cursor *cursor, struct vmap_entry *entries)
{
	struct vmap *scratch = (struct vmap *)vmap; /* keys and values are scratch space */
	unsigned int family;
	__u32 count = 0;
	int err;

	if (cursor->family == 0)
		cursor->family = 4;
	while (cursor->family <= 6 && count == 0) {
		family = cursor->family;
		err = step(scratch, cursor, &count);
		if (err < 0)
			return err;
		for (__u32 i = 0; i < count; i++) {
			memset(&entries[i].addr, 0, sizeof(entries[i].addr));
			entries[i].addr.family = (uint8_t)family;
			memcpy(entries[i].addr.bytes, scratch->keys + i * key_size(family),
			       key_size(family));
			entries[i].verdict = scratch->values[i];
		}
	}
	return (int)count;
}

/* 1 when it was there, 0 when not, or -errno. */
static int remove_one(struct vmap *vmap, const struct addr *addr)
{
	int err = vmap_del(vmap, addr);

	return err == 0 ? 1 : err == -ENOENT ? 0 : err;
}

/* Of the first n entries those inside prefix (NULL: all). Their number, or -errno. */
static int remove_inside(struct vmap *vmap, const struct prefix *prefix,
			 const struct vmap_entry *entries, int n)
{
	int removed = 0, one;

	for (int i = 0; i < n; i++) {
		if (prefix && !prefix_contains(prefix, &entries[i].addr))
			continue;
		one = remove_one(vmap, &entries[i].addr);
		if (one < 0)
			return one;
		removed += one;
	}
	return removed;
}

int vmap_flush(struct vmap *vmap, const struct prefix *prefix)
{
	struct vmap_entry *entries;
	struct vmap_cursor cursor = {0};
	int n = 0, piece = 0, removed = 0;

	if (prefix && prefix->bits == addr_bits(&prefix->addr))
		return remove_one(vmap, &prefix->addr);
	entries = calloc(VMAP_STEP, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	if (prefix)
		cursor.family = prefix->addr.family;
	while (piece >= 0 && (n = vmap_next(vmap, &cursor, entries)) > 0) {
		piece = remove_inside(vmap, prefix, entries, n);
		removed += piece;
	}
	free(entries);
	return piece < 0 ? piece : n < 0 ? n : removed;
}

/* --- exceptions --------------------------------------------------------------- */

static int prefix_fd(const struct vmap *vmap, const struct prefix *prefix)
{
	return prefix->addr.family == 4 ? vmap->fds.prefix4 : vmap->fds.prefix6;
}

static void prefix_to_key(const struct prefix *prefix, union prefix_key *key)
{
	memset(key, 0, sizeof(*key));
	if (prefix->addr.family == 4) {
		key->v4.prefixlen = prefix->bits;
		memcpy(key->v4.addr, prefix->addr.bytes, sizeof(key->v4.addr));
	} else {
		key->v6.prefixlen = prefix->bits;
		memcpy(key->v6.addr, prefix->addr.bytes, sizeof(key->v6.addr));
	}
}

int vmap_prefix_get(const struct vmap *vmap, const struct prefix *prefix, struct mxg_prefix *ret)
{
	struct mxg_prefix value;
	union prefix_key key;

	prefix_to_key(prefix, &key);
	if (bpf_map_lookup_elem(prefix_fd(vmap, prefix), &key, &value) < 0)
		return -errno;
	*ret = value;
	return 0;
}

int vmap_prefix_put(struct vmap *vmap, const struct prefix *prefix, const struct mxg_prefix *value)
{
	union prefix_key key;

	prefix_to_key(prefix, &key);
	return bpf_map_update_elem(prefix_fd(vmap, prefix), &key, value, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_prefix_del(struct vmap *vmap, const struct prefix *prefix)
{
	union prefix_key key;

	prefix_to_key(prefix, &key);
	return bpf_map_delete_elem(prefix_fd(vmap, prefix), &key) < 0 ? -errno : 0;
}

int vmap_prefix_next(const struct vmap *vmap, const struct prefix *prefix, struct prefix *ret)
{
	unsigned int family = prefix->addr.family;
	union prefix_key key, next;
	struct prefix found = {0};

	prefix_to_key(prefix, &key);
	if (bpf_map_get_next_key(prefix_fd(vmap, prefix), prefix->bits ? &key : NULL, &next) < 0)
		return -errno;
	found.bits = (uint8_t)(family == 4 ? next.v4.prefixlen : next.v6.prefixlen);
	found.addr.family = (uint8_t)family;
	memcpy(found.addr.bytes, family == 4 ? next.v4.addr : next.v6.addr, family == 4 ? 4 : 16);
	*ret = found;
	return 0;
}

/* --- configuration, lease, counters --------------------------------------------- */

int vmap_config_put(struct vmap *vmap, const struct mxg_config *config)
{
	__u32 zero = 0;

	return bpf_map_update_elem(vmap->fds.config, &zero, config, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_lease_put(struct vmap *vmap, uint64_t until_ns)
{
	__u32 zero = 0;

	return bpf_map_update_elem(vmap->fds.lease, &zero, &until_ns, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_lease_get(const struct vmap *vmap, uint64_t *ret_until_ns)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(vmap->fds.lease, &zero, ret_until_ns) < 0 ? -errno : 0;
}

int vmap_counters_get(const struct vmap *vmap, uint64_t ret[MXG_CTR_MAX])
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	struct mxg_counters *per_cpu;
	__u32 zero = 0;

	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(vmap->fds.counters, &zero, per_cpu) < 0)
		err = -errno;
	memset(ret, 0, MXG_CTR_MAX * sizeof(ret[0]));
	for (int cpu = 0; err == 0 && cpu < cpus; cpu++)
		for (int i = 0; i < MXG_CTR_MAX; i++)
			ret[i] += per_cpu[cpu].count[i];
	free(per_cpu);
	return err;
}
