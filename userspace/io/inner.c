/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/inner.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/min.h"
#include "base/pages.h"
#include "core/table_hash.h"
#include "core/table_map.h"

#define ROOM_PART 4 /* a table that is made for what is there has a part of so many free */
#define IDLE_PART 8 /* one of which less than this part is in use is replaced */

struct one {
	unsigned int family;
	bool is_hash;
	int outer;
	struct inner_size size;
	int fd; /* -1: none yet */
	uint32_t max;
	int offered_fd; /* -1: none */
	uint32_t offered, offered_most, offered_before;
	bool is_again; /* that is what was offered before, too */
};

struct inner {
	struct one v4, v6;
	bool is_first;
};

struct mapped {
	int fd;
	uint32_t max;
	struct table table; /* of lines */
};

static struct one *one_of(struct inner *inner, unsigned int family)
{
	return family == 4 ? &inner->v4 : &inner->v6;
}

/* --- tables ------------------------------------------------------------------- */

static void unmap(struct mapped *mapped)
{
	table_map_close(&mapped->table);
	if (mapped->fd >= 0)
		close(mapped->fd);
	*mapped = (struct mapped){.fd = -1};
}

/* The lines of ret->fd. 0 or -errno. */
static int map_lines(const struct one *one, struct mapped *ret)
{
	int err = table_map_open(&ret->table, one->family, ret->fd);

	if (err == 0)
		ret->max = table_max(&ret->table);
	return err;
}

/* The table that is in the outer map: 0; there is none, or none that makes sense: -errno. */
static int find_current(const struct one *one, struct mapped *ret)
{
	__u32 zero = 0, id;

	*ret = (struct mapped){.fd = -1};
	if (bpf_map_lookup_elem(one->outer, &zero, &id) < 0)
		return -errno;
	ret->fd = bpf_map_get_fd_by_id(id);
	if (ret->fd < 0)
		return -errno;
	if (!one->is_hash)
		return map_lines(one, ret);
	ret->max = table_hash_max(one->family, ret->fd);
	return ret->max ? 0 : -EINVAL;
}

static int make(unsigned int family, uint32_t max, int *ret_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	const char *name = family == 4 ? "mxg3_table4" : "mxg3_table6";
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32),
				(__u32)table_element_size(family), table_elements(family, max),
				&opts);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Only the head is written, and nothing mapped: a large table is a matter of its zeroes. */
static int make_formatted(unsigned int family, uint32_t max, uint64_t seed, int *ret_fd)
{
	union {
		struct mxg_table head;
		struct mxg_line4 line4;
		struct mxg_line6 line6;
	} first = {0};
	__u32 zero = 0;
	int fd = -1, err = make(family, max, &fd);

	if (err < 0)
		return err;
	/* To the gate a table of the future holds nothing but what has expired. */
	table_format(family, &first, max, clock_mono_ns() - CLOCK_LAG_NS, seed);
	if (bpf_map_update_elem(fd, &zero, &first, BPF_ANY) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int explain(const struct one *one, uint32_t max, int err, char why[static INNER_WHY_MAX])
{
	const unsigned int family = one->family;
	double mib = (double)table_elements(family, max) * (double)table_element_size(family);

	if (one->is_hash)
		snprintf(why, INNER_WHY_MAX,
			 "no memory for an IPv%u hash of %" PRIu32 " verdicts: %s", family, max,
			 strerror(-err));
	else
		snprintf(why, INNER_WHY_MAX,
			 "no memory for an IPv%u verdict table of %" PRIu32
			 " entries (%.1f MiB): %s",
			 family, max, mib / (1 << 20), strerror(-err));
	return err;
}

/* --- sizes -------------------------------------------------------------------- */

static uint32_t size_for(const struct inner_size *size, uint32_t entries)
{
	uint64_t max = size->least;

	while (max < entries && max < size->most)
		max *= 2;
	return max < size->most ? (uint32_t)max : size->most;
}

static uint32_t live_in(const struct table *table, uint64_t now_ns)
{
	struct table_entry entries[MXG_LINE4_SLOTS];
	uint32_t line = 0, live = 0;
	int n;

	while ((n = table_next(table, &line, entries, MXG_LINE4_SLOTS)) > 0)
		for (int i = 0; i < n; i++)
			live += now_ns < entries[i].verdict.expires_ns;
	return live;
}

/* What size the family's table should have, with so many live verdicts in one of max. */
static uint32_t size_wanted(const struct inner_size *size, uint32_t max, uint32_t live)
{
	uint32_t wanted = size_for(size, live + live / (ROOM_PART - 1));

	if (max < size->least || max > size->most || max < wanted)
		return wanted;
	return live < max / IDLE_PART ? wanted : max;
}

/* What has expired stays behind, too. */
static void copy_table(struct table *from, struct table *to)
{
	uint64_t now = clock_mono_ns();

	table_grow_begin(from, to);
	while (table_grow_step(from, now))
		;
	table_grow_end(from);
}

/* --- both, at the start and after a reload -------------------------------------- */

/* Lines of max entries, with what is live in old (NULL: nothing). */
static int prepare_lines(const struct one *one, uint32_t max, struct mapped *old,
			 struct mapped *ret)
{
	uint64_t seed = old ? table_seed(&old->table) : 0;
	int err = !old && getrandom(&seed, sizeof(seed), 0) < 0 ? -errno : 0;

	if (err == 0)
		err = make_formatted(one->family, max, seed, &ret->fd);
	if (err == 0)
		err = map_lines(one, ret);
	if (err == 0 && old)
		copy_table(&old->table, &ret->table);
	return err;
}

/* The same of a hash. */
static int prepare_hash(const struct one *one, uint32_t max, const struct mapped *old,
			struct mapped *ret)
{
	int err = table_hash_make(one->family, max, &ret->fd);

	ret->max = max;
	if (err == 0 && old)
		err = table_hash_copy(one->family, old->fd, ret->fd, clock_mono_ns());
	return err;
}

/* A hash has its size from the start, as an entry takes its memory when it comes. */
static uint32_t size_now(const struct one *one, const struct inner_size *size,
			 const struct mapped *old)
{
	if (one->is_hash)
		return size->most;
	return old ? size_wanted(size, old->max, live_in(&old->table, clock_mono_ns()))
		   : size->least;
}

/* The table that the family is to have, in ret->fd: that which is there, or a copy of it. */
static int prepare(const struct one *one, const struct inner_size *size, struct mapped *current,
		   struct mapped *ret, char why[static INNER_WHY_MAX])
{
	int err = find_current(one, current);
	struct mapped *old = err == 0 ? current : NULL;
	uint32_t max;

	*ret = (struct mapped){.fd = -1};
	/* What cannot be read now may be sound: it is not to be replaced by nothing. */
	if (err < 0 && err != -ENOENT && err != -EINVAL)
		return explain(one, size->least, err, why);
	max = size_now(one, size, old);
	if (old && max == old->max)
		return 0;
	err = one->is_hash ? prepare_hash(one, max, old, ret) : prepare_lines(one, max, old, ret);
	return err < 0 ? explain(one, max, err, why) : 0;
}

static int put_into(int outer, int fd)
{
	__u32 zero = 0;

	return bpf_map_update_elem(outer, &zero, &fd, BPF_ANY) < 0 ? -errno : 0;
}

/* Takes the fd. */
static void take(struct one *one, const struct inner_size *size, struct mapped *from)
{
	if (one->fd >= 0)
		close(one->fd);
	one->fd = from->fd;
	one->max = from->max;
	one->size = *size;
	from->fd = -1;
}

/* Where there is a fresh one, it takes the old one's place. */
static int swap_both(struct inner *inner, const struct mapped old[2], const struct mapped fresh[2],
		     char why[static INNER_WHY_MAX])
{
	int err = fresh[0].fd >= 0 ? put_into(inner->v4.outer, fresh[0].fd) : 0;

	if (err == 0 && fresh[1].fd >= 0) {
		err = put_into(inner->v6.outer, fresh[1].fd);
		/* Nobody has written meanwhile: the old one is as good as before. */
		if (err < 0 && fresh[0].fd >= 0 && old[0].fd >= 0)
			put_into(inner->v4.outer, old[0].fd);
	}
	if (err < 0)
		snprintf(why, INNER_WHY_MAX, "cannot install a verdict table: %s", strerror(-err));
	return err;
}

int inner_configure(struct inner *inner, const struct inner_size *v4, const struct inner_size *v6,
		    char why[static INNER_WHY_MAX])
{
	struct mapped old[2] = {{.fd = -1}, {.fd = -1}}, fresh[2] = {{.fd = -1}, {.fd = -1}};
	int err;

	inner_withdraw(inner);
	err = prepare(&inner->v4, v4, &old[0], &fresh[0], why);
	if (err == 0)
		err = prepare(&inner->v6, v6, &old[1], &fresh[1], why);
	if (err == 0)
		err = swap_both(inner, old, fresh, why);
	if (err == 0) {
		inner->is_first = old[0].fd < 0 && old[1].fd < 0;
		take(&inner->v4, v4, fresh[0].fd >= 0 ? &fresh[0] : &old[0]);
		take(&inner->v6, v6, fresh[1].fd >= 0 ? &fresh[1] : &old[1]);
	}
	for (int i = 0; i < 2; i++) {
		unmap(&old[i]);
		unmap(&fresh[i]);
	}
	return err;
}

/* --- larger ones -------------------------------------------------------------- */

static void withdraw(struct one *one)
{
	if (one->offered_fd >= 0)
		close(one->offered_fd);
	one->offered_fd = -1;
	one->offered = 0;
}

void inner_withdraw(struct inner *inner)
{
	withdraw(&inner->v4);
	withdraw(&inner->v6);
	inner->v4.offered_most = inner->v6.offered_most = 0;
}

static int seed_of(const struct one *one, uint64_t *ret)
{
	union {
		struct mxg_table head;
		struct mxg_line4 line4;
		struct mxg_line6 line6;
	} first;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(one->fd, &zero, &first) < 0)
		return -errno;
	*ret = first.head.seed;
	return 0;
}

/* As it was made, whatever has been written to it. */
static int empty(const struct one *one, uint64_t seed)
{
	size_t size;
	void *memory = pages_of_map(one->offered_fd, table_element_size(one->family), &size);

	if (!memory)
		return -errno;
	memset(memory, 0, size);
	table_format(one->family, memory, one->offered, clock_mono_ns() - CLOCK_LAG_NS, seed);
	pages_free(memory, size);
	return 0;
}

/* The one that nobody has put in place, or a larger one. */
static int prepare_offer(struct one *one, uint32_t wanted, char why[static INNER_WHY_MAX])
{
	uint32_t max;
	uint64_t seed = 0;
	int fd = -1, err = seed_of(one, &seed);

	one->is_again = one->offered_fd >= 0 && wanted <= one->offered;
	if (one->is_again) {
		err = err < 0 ? err : empty(one, seed);
		return err < 0 ? explain(one, one->offered, err, why) : 0;
	}
	max = size_for(&one->size, max_u32(wanted, max_u32(one->max, one->offered_most) + 1));
	if (err == 0)
		err = make_formatted(one->family, max, seed, &fd);
	if (err < 0)
		return explain(one, max, err, why);
	withdraw(one);
	one->offered_before = one->offered_most;
	one->offered_fd = fd;
	one->offered = one->offered_most = max;
	return 0;
}

int inner_offer(struct inner *inner, unsigned int family, uint32_t wanted, int *ret_fd,
		uint32_t *ret_max, char why[static INNER_WHY_MAX])
{
	struct one *one = one_of(inner, family);
	int err;

	if (one->max >= one->size.most) {
		snprintf(why, INNER_WHY_MAX, "the IPv%u verdict table is as large as it may be",
			 family);
		return -E2BIG;
	}
	err = prepare_offer(one, min_u32(wanted, one->size.most), why);
	if (err < 0)
		return err;
	*ret_fd = one->offered_fd;
	*ret_max = one->offered;
	return 0;
}

void inner_take_back(struct inner *inner, unsigned int family)
{
	struct one *one = one_of(inner, family);

	if (one->is_again)
		return;
	withdraw(one);
	one->offered_most = one->offered_before;
}

int inner_install(struct inner *inner, unsigned int family, uint32_t max)
{
	struct one *one = one_of(inner, family);
	int err;

	if (one->offered_fd < 0 || one->offered != max)
		return one->max == max ? 0 : -ENOENT;
	/* The kernel waits here until no program looks into the old one any more. */
	err = put_into(one->outer, one->offered_fd);
	if (err < 0)
		return err;
	close(one->fd);
	one->fd = one->offered_fd;
	one->max = max;
	one->offered_fd = -1;
	one->offered = 0;
	return 0;
}

/* --- all of them -------------------------------------------------------------- */

int inner_new(int outer4, int outer6, bool is_hash, struct inner **ret)
{
	struct inner *inner = calloc(1, sizeof(*inner));

	if (!inner)
		return -ENOMEM;
	inner->v4 = (struct one){
		.family = 4, .is_hash = is_hash, .outer = outer4, .fd = -1, .offered_fd = -1};
	inner->v6 = (struct one){
		.family = 6, .is_hash = is_hash, .outer = outer6, .fd = -1, .offered_fd = -1};
	*ret = inner;
	return 0;
}

void inner_free(struct inner *inner)
{
	if (!inner)
		return;
	inner_withdraw(inner);
	if (inner->v4.fd >= 0)
		close(inner->v4.fd);
	if (inner->v6.fd >= 0)
		close(inner->v6.fd);
	free(inner);
}

int inner_fd(const struct inner *inner, unsigned int family)
{
	return family == 4 ? inner->v4.fd : inner->v6.fd;
}

bool inner_is_first(const struct inner *inner)
{
	return inner->is_first;
}
