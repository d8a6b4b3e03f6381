/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/vmap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "core/table_hash.h"
#include "core/table_map.h"

/* Half of what the tables' count of time holds: so a verdict can live that long. */
#define REBASE_NS (6ULL * 86400 * CLOCK_NS_PER_SEC)

#define GROW_PART 16 /* a table wants to grow when less than one part of so many is free */

struct vmap {
	struct vmap_fds fds;
	struct table table4, table6;
	struct table heir4, heir6; /* larger ones, which the entries go to; no memory: none */
	bool is_hash;              /* then these two, and no table is in use */
	struct table_hash hash4, hash6;
};

union prefix_key {
	struct mxg_prefix4_key v4;
	struct mxg_prefix6_key v6;
};

/* --- verdicts ----------------------------------------------------------------- */

static struct table *table_of(struct vmap *vmap, unsigned int family)
{
	return family == 4 ? &vmap->table4 : &vmap->table6;
}

static const struct table *table_seen(const struct vmap *vmap, unsigned int family)
{
	return family == 4 ? &vmap->table4 : &vmap->table6;
}

/* NULL: there are lines. */
static struct table_hash *hash_of(struct vmap *vmap, unsigned int family)
{
	if (!vmap->is_hash)
		return NULL;
	return family == 4 ? &vmap->hash4 : &vmap->hash6;
}

static const struct table_hash *hash_seen(const struct vmap *vmap, unsigned int family)
{
	if (!vmap->is_hash)
		return NULL;
	return family == 4 ? &vmap->hash4 : &vmap->hash6;
}

static int open_family(struct vmap *vmap, unsigned int family, int fd)
{
	return vmap->is_hash ? table_hash_open(hash_of(vmap, family), family, fd)
			     : table_map_open(table_of(vmap, family), family, fd);
}

int vmap_new(const struct vmap_fds *fds, struct vmap **ret)
{
	struct vmap *vmap = calloc(1, sizeof(*vmap));
	int err;

	if (!vmap)
		return -ENOMEM;
	vmap->fds = *fds;
	vmap->is_hash = table_hash_max(4, fds->verdict4) != 0;
	err = open_family(vmap, 4, fds->verdict4);
	if (err == 0)
		err = open_family(vmap, 6, fds->verdict6);
	if (err < 0)
		vmap_free(vmap);
	else
		*ret = vmap;
	return err;
}

void vmap_free(struct vmap *vmap)
{
	if (!vmap)
		return;
	vmap_grow_stop(vmap, 4);
	vmap_grow_stop(vmap, 6);
	table_map_close(&vmap->table4);
	table_map_close(&vmap->table6);
	table_hash_close(&vmap->hash4);
	table_hash_close(&vmap->hash6);
	free(vmap);
}

bool vmap_is_hash(const struct vmap *vmap)
{
	return vmap->is_hash;
}

int vmap_get(const struct vmap *vmap, const struct addr *addr, struct mxg_verdict *ret)
{
	const struct table_hash *hash = hash_seen(vmap, addr->family);

	return hash ? table_hash_get(hash, addr, ret)
		    : table_get(table_seen(vmap, addr->family), addr, ret);
}

int vmap_put(struct vmap *vmap, const struct addr *addr, const struct mxg_verdict *verdict,
	     uint64_t now_ns)
{
	struct table_hash *hash = hash_of(vmap, addr->family);

	return hash ? table_hash_put(hash, addr, verdict, now_ns)
		    : table_put(table_of(vmap, addr->family), addr, verdict, now_ns);
}

int vmap_put_many(struct vmap *vmap, const struct table_entry *entries, int count, uint64_t now_ns)
{
	int placed = 0, n;

	for (int i = 0; vmap->is_hash && i < count; i++)
		placed += vmap_put(vmap, &entries[i].addr, &entries[i].verdict, now_ns) == 0;
	for (int i = 0; !vmap->is_hash && i < count; i += n) {
		unsigned int family = entries[i].addr.family;

		for (n = 1; i + n < count && entries[i + n].addr.family == family;)
			n++;
		placed += table_put_many(table_of(vmap, family), entries + i, n, now_ns);
	}
	return placed;
}

int vmap_del(struct vmap *vmap, const struct addr *addr)
{
	struct table_hash *hash = hash_of(vmap, addr->family);

	return hash ? table_hash_del(hash, addr) : table_del(table_of(vmap, addr->family), addr);
}

void vmap_figures(const struct vmap *vmap, unsigned int family, struct vmap_figures *ret)
{
	const struct table *table = table_seen(vmap, family);
	const struct table_hash *hash = hash_seen(vmap, family);

	*ret = (struct vmap_figures){0};
	if (hash) {
		ret->count = hash->count;
		ret->max = hash->max;
		ret->bytes = table_hash_bytes(hash);
		ret->refused = hash->refused;
		return;
	}
	ret->count = table->count;
	ret->max = table_max(table);
	ret->bytes = table_map_size(table);
	ret->refused = table->refused;
	memcpy(ret->led, table->led, sizeof(ret->led));
}

uint32_t vmap_count(const struct vmap *vmap, unsigned int family)
{
	const struct table_hash *hash = hash_seen(vmap, family);

	return hash ? hash->count : table_seen(vmap, family)->count;
}

uint32_t vmap_max(const struct vmap *vmap, unsigned int family)
{
	const struct table_hash *hash = hash_seen(vmap, family);

	return hash ? hash->max : table_max(table_seen(vmap, family));
}

uint64_t vmap_seed(const struct vmap *vmap, unsigned int family)
{
	uint64_t seed = 0;

	if (!vmap->is_hash)
		return table_seed(table_seen(vmap, family));
	/* The kernel keeps its own. Whoever makes lines of these entries is to have a secret. */
	while (getrandom(&seed, sizeof(seed), 0) < 0)
		;
	return seed;
}

void vmap_reseed(struct vmap *vmap, unsigned int family, uint64_t seed)
{
	if (!vmap->is_hash)
		table_reseed(table_of(vmap, family), seed);
}

static int next_of_family(const struct vmap *vmap, struct vmap_cursor *cursor,
			  struct table_entry *entries)
{
	const struct table_hash *hash = hash_seen(vmap, cursor->family);

	return hash ? table_hash_next(hash, &cursor->line, entries, VMAP_STEP)
		    : table_next(table_seen(vmap, cursor->family), &cursor->line, entries,
				 VMAP_STEP);
}

int vmap_next(const struct vmap *vmap, struct vmap_cursor *cursor, struct table_entry *entries)
{
	int n = 0;

	if (cursor->family == 0)
		cursor->family = 4;
	while (cursor->family <= 6 && n == 0) {
		n = next_of_family(vmap, cursor, entries);
		if (n == 0) {
			cursor->family += cursor->family == 4 ? 2 : 1;
			cursor->line = 0;
		}
	}
	return n;
}

static void mark_due(struct table *table, uint64_t now_ns)
{
	if (!table->heir && now_ns - table_base_ns(table) > REBASE_NS)
		table_rebase(table, now_ns - CLOCK_LAG_NS);
	table_mark_due(table, now_ns);
}

void vmap_mark_due(struct vmap *vmap, uint64_t now_ns)
{
	if (vmap->is_hash) /* the gate looks at the clock itself */
		return;
	mark_due(&vmap->table4, now_ns);
	mark_due(&vmap->table6, now_ns);
}

void vmap_forget_hits(struct vmap *vmap, enum mxg_action action)
{
	if (vmap->is_hash) {
		table_hash_forget_hits(&vmap->hash4, action);
		table_hash_forget_hits(&vmap->hash6, action);
		return;
	}
	table_forget_hits(&vmap->table4, action);
	table_forget_hits(&vmap->table6, action);
}

int vmap_flush(struct vmap *vmap, const struct prefix *prefix)
{
	struct table_entry *entries;
	struct vmap_cursor cursor = {0};
	int n, removed = 0;

	if (prefix && prefix->bits == addr_bits(&prefix->addr))
		return vmap_del(vmap, &prefix->addr) == 0;
	entries = calloc(VMAP_STEP, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	if (prefix)
		cursor.family = prefix->addr.family;
	while ((n = vmap_next(vmap, &cursor, entries)) > 0)
		for (int i = 0; i < n; i++)
			if (!prefix || prefix_contains(prefix, &entries[i].addr))
				removed += vmap_del(vmap, &entries[i].addr) == 0;
	free(entries);
	return removed;
}

/* --- growth ------------------------------------------------------------------- */

static struct table *heir_of(struct vmap *vmap, unsigned int family)
{
	return family == 4 ? &vmap->heir4 : &vmap->heir6;
}

bool vmap_is_filling(const struct vmap *vmap, unsigned int family)
{
	const struct table *table = table_seen(vmap, family);

	if (vmap->is_hash)
		return false;
	return table->count >= table_max(table) - table_max(table) / GROW_PART;
}

int vmap_grow_begin(struct vmap *vmap, unsigned int family, int fd)
{
	struct table *heir = heir_of(vmap, family);
	int err =
		vmap->is_hash ? -EINVAL : table_map_watch(heir, family, fd); /* nothing to count */

	if (err == 0)
		table_grow_begin(table_of(vmap, family), heir);
	return err;
}

bool vmap_grow_step(struct vmap *vmap, unsigned int family, uint64_t now_ns)
{
	return table_grow_step(table_of(vmap, family), now_ns);
}

void vmap_grow_done(struct vmap *vmap, unsigned int family)
{
	struct table *heir = heir_of(vmap, family), *table = table_of(vmap, family);

	table_grow_end(table);
	heir->refused += table->refused;
	table_map_close(table);
	*table = *heir;
	heir->memory = NULL;
}

void vmap_grow_stop(struct vmap *vmap, unsigned int family)
{
	table_grow_end(table_of(vmap, family));
	table_map_close(heir_of(vmap, family));
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

/* --- networks that are rolled up ------------------------------------------------ */

int vmap_rollup_get(const struct vmap *vmap, const struct prefix *net, struct mxg_rollup *ret)
{
	struct mxg_rollup value;
	__u64 key;

	memcpy(&key, net->addr.bytes, sizeof(key));
	if (bpf_map_lookup_elem(vmap->fds.rollup, &key, &value) < 0)
		return -errno;
	*ret = value;
	return 0;
}

int vmap_rollup_put(struct vmap *vmap, const struct prefix *net, uint64_t expires_ns)
{
	struct mxg_rollup value = {0};
	__u64 key;

	vmap_rollup_get(vmap, net, &value);
	value.expires_ns = expires_ns;
	memcpy(&key, net->addr.bytes, sizeof(key));
	return bpf_map_update_elem(vmap->fds.rollup, &key, &value, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_rollup_del(struct vmap *vmap, const struct prefix *net)
{
	__u64 key;

	memcpy(&key, net->addr.bytes, sizeof(key));
	return bpf_map_delete_elem(vmap->fds.rollup, &key) < 0 ? -errno : 0;
}

int vmap_rollup_clear(struct vmap *vmap)
{
	__u64 key;

	while (bpf_map_get_next_key(vmap->fds.rollup, NULL, &key) == 0)
		if (bpf_map_delete_elem(vmap->fds.rollup, &key) < 0)
			return -errno;
	return errno == ENOENT ? 0 : -errno;
}

/* --- configuration, lease, counters --------------------------------------------- */

int vmap_config_put(struct vmap *vmap, const struct mxg_config *config)
{
	__u32 zero = 0;

	return bpf_map_update_elem(vmap->fds.config, &zero, config, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_say_put(struct vmap *vmap, uint32_t slot, const struct mxg_say *say)
{
	return bpf_map_update_elem(vmap->fds.say, &slot, say, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_secret_put(struct vmap *vmap, uint32_t slot, const struct mxg_secret *secret)
{
	return bpf_map_update_elem(vmap->fds.secret, &slot, secret, BPF_ANY) < 0 ? -errno : 0;
}

int vmap_secret_get(const struct vmap *vmap, uint32_t slot, struct mxg_secret *ret)
{
	return bpf_map_lookup_elem(vmap->fds.secret, &slot, ret) < 0 ? -errno : 0;
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
