// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Owns the operator's exceptions in memory. Two views of one set of entries: an
 * array sorted by number, and per family a path-compressed binary trie, in which
 * a node stands for a prefix and holds its allow and its deny.
 *
 * A node without either exists only where two branches part, so the trie has at
 * most twice as many nodes as exceptions, whatever the prefixes are. Refuses to
 * know the time or to drop what has expired: the store and the audit decide that.
 */
#include "core/exceptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum rule {
	RULE_ALLOW,
	RULE_DENY,
	RULE_COUNT
};

struct node {
	uint8_t key[16]; /* bits past the length are zero */
	uint8_t bits;
	struct node *child[2];
	struct exception *rule[RULE_COUNT]; /* borrowed from the array */
};

struct exceptions {
	struct exception **entry; /* by number, owned */
	size_t count;
	size_t room;
	struct node *root[2]; /* IPv4, IPv6 */
};

static enum rule rule_of(enum exception_kind kind)
{
	return kind == EXCEPTION_DENY ? RULE_DENY : RULE_ALLOW;
}

static bool is_live(const struct exception *exception, int64_t now_sec)
{
	return exception && (exception->expires_sec == 0 || now_sec < exception->expires_sec);
}

static struct node *const *root_of(const struct exceptions *set, const struct addr *addr)
{
	return &set->root[addr->family == 6];
}

static unsigned int bit_at(const uint8_t *key, unsigned int at)
{
	return ((unsigned int)key[at / 8] >> (7 - at % 8)) & 1u;
}

/* How many leading bits a and b share, at most max. */
static unsigned int common_bits(const uint8_t *a, const uint8_t *b, unsigned int max)
{
	for (unsigned int i = 0; i * 8 < max; i++) {
		unsigned int differ = a[i] ^ b[i];

		if (differ) {
			unsigned int common = i * 8 + (unsigned int)__builtin_clz(differ) - 24;

			return common < max ? common : max;
		}
	}
	return max;
}

static bool node_covers(const struct node *node, const uint8_t *key, unsigned int bits)
{
	return node->bits <= bits && common_bits(node->key, key, node->bits) == node->bits;
}

static struct node *node_new(const uint8_t *key, unsigned int bits)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->bits = (uint8_t)bits;
	memcpy(node->key, key, bits / 8);
	if (bits % 8)
		node->key[bits / 8] = (uint8_t)(key[bits / 8] & (0xff00u >> (bits % 8)));
	return node;
}

static const struct node *node_find(const struct node *node, const struct prefix *prefix)
{
	const uint8_t *key = prefix->addr.bytes;

	while (node && node_covers(node, key, prefix->bits)) {
		if (node->bits == prefix->bits)
			return node;
		node = node->child[bit_at(key, node->bits)];
	}
	return NULL;
}

/* Puts added, whose prefix is not in the trie, above or beside what stands at link. */
static int node_branch(struct node **link, struct node *added)
{
	struct node *other = *link;
	struct node *fork;
	unsigned int least = other->bits < added->bits ? other->bits : added->bits;
	unsigned int common = common_bits(other->key, added->key, least);

	if (common == added->bits) {
		added->child[bit_at(other->key, common)] = other;
		*link = added;
		return 0;
	}
	fork = node_new(added->key, common);
	if (!fork)
		return -ENOMEM;
	fork->child[bit_at(other->key, common)] = other;
	fork->child[bit_at(added->key, common)] = added;
	*link = fork;
	return 0;
}

/* The node of this prefix, made if need be; NULL when out of memory. */
static struct node *node_get(struct node **link, const struct prefix *prefix)
{
	const uint8_t *key = prefix->addr.bytes;
	struct node *added;

	while (*link && node_covers(*link, key, prefix->bits)) {
		if ((*link)->bits == prefix->bits)
			return *link;
		link = &(*link)->child[bit_at(key, (*link)->bits)];
	}
	added = node_new(key, prefix->bits);
	if (!added)
		return NULL;
	if (!*link) {
		*link = added;
	} else if (node_branch(link, added)) {
		free(added);
		return NULL;
	}
	return added;
}

/* Takes the node at link out if it neither rules nor parts two branches. */
static void node_prune(struct node **link)
{
	struct node *node = *link;

	if (node->rule[RULE_ALLOW] || node->rule[RULE_DENY] || (node->child[0] && node->child[1]))
		return;
	*link = node->child[0] ? node->child[0] : node->child[1];
	free(node);
}

static void node_clear(struct node **root, const struct exception *exception)
{
	const uint8_t *key = exception->prefix.addr.bytes;
	struct node **above = NULL;
	struct node **link = root;

	while ((*link)->bits != exception->prefix.bits) {
		above = link;
		link = &(*link)->child[bit_at(key, (*link)->bits)];
	}
	(*link)->rule[rule_of(exception->kind)] = NULL;
	node_prune(link);
	if (above)
		node_prune(above);
}

/* Depth is bounded by the bits of an address. */
static void node_free(struct node *node)
{
	if (!node)
		return;
	node_free(node->child[0]);
	node_free(node->child[1]);
	free(node);
}

static const struct exception *node_rule(const struct node *node, int64_t now_sec)
{
	for (int i = 0; i < RULE_COUNT; i++)
		if (is_live(node->rule[i], now_sec))
			return node->rule[i];
	return NULL;
}

struct exceptions *exceptions_new(void)
{
	return calloc(1, sizeof(struct exceptions));
}

void exceptions_free(struct exceptions *set)
{
	if (!set)
		return;
	node_free(set->root[0]);
	node_free(set->root[1]);
	for (size_t i = 0; i < set->count; i++)
		free(set->entry[i]);
	free(set->entry);
	free(set);
}

/* Where number id is, or would be put. */
static size_t index_of(const struct exceptions *set, uint32_t id)
{
	size_t low = 0;
	size_t high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->entry[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_room(struct exceptions *set)
{
	struct exception **entry;
	size_t room = set->room ? set->room * 2 : 16;

	if (set->count < set->room)
		return 0;
	entry = reallocarray(set->entry, room, sizeof(struct exception *));
	if (!entry)
		return -ENOMEM;
	set->entry = entry;
	set->room = room;
	return 0;
}

int exceptions_put(struct exceptions *set, const struct exception *exception)
{
	struct node **root = &set->root[exception->prefix.addr.family == 6];
	size_t at = index_of(set, exception->id);
	struct exception *copy;
	struct node *node;

	if (exceptions_find(set, &exception->prefix, exception->kind) ||
	    (at < set->count && set->entry[at]->id == exception->id))
		return -EEXIST;
	copy = malloc(sizeof(*copy));
	if (!copy || make_room(set)) {
		free(copy);
		return -ENOMEM;
	}
	node = node_get(root, &exception->prefix);
	if (!node) {
		free(copy);
		return -ENOMEM;
	}
	*copy = *exception;
	node->rule[rule_of(copy->kind)] = copy;
	memmove(&set->entry[at + 1], &set->entry[at], (set->count - at) * sizeof(copy));
	set->entry[at] = copy;
	set->count++;
	return 0;
}

int exceptions_del(struct exceptions *set, uint32_t id)
{
	size_t at = index_of(set, id);
	struct exception *gone;

	if (at == set->count || set->entry[at]->id != id)
		return -ENOENT;
	gone = set->entry[at];
	node_clear(&set->root[gone->prefix.addr.family == 6], gone);
	set->count--;
	memmove(&set->entry[at], &set->entry[at + 1], (set->count - at) * sizeof(gone));
	free(gone);
	return 0;
}

const struct exception *exceptions_get(const struct exceptions *set, uint32_t id)
{
	size_t at = index_of(set, id);

	return at < set->count && set->entry[at]->id == id ? set->entry[at] : NULL;
}

const struct exception *exceptions_find(const struct exceptions *set, const struct prefix *prefix,
					enum exception_kind kind)
{
	const struct node *node = node_find(*root_of(set, &prefix->addr), prefix);

	return node ? node->rule[rule_of(kind)] : NULL;
}

const struct exception *exceptions_match(const struct exceptions *set, const struct addr *addr,
					 int64_t now_sec)
{
	const struct exception *found = NULL;
	const struct node *node = *root_of(set, addr);
	unsigned int bits = addr_bits(addr);

	while (node && node_covers(node, addr->bytes, bits)) {
		const struct exception *rule = node_rule(node, now_sec);

		if (rule)
			found = rule;
		if (node->bits == bits)
			break;
		node = node->child[bit_at(addr->bytes, node->bits)];
	}
	return found;
}

const struct exception *exceptions_effective(const struct exceptions *set,
					     const struct prefix *prefix, int64_t now_sec)
{
	const struct node *node = node_find(*root_of(set, &prefix->addr), prefix);

	return node ? node_rule(node, now_sec) : NULL;
}

size_t exceptions_count(const struct exceptions *set)
{
	return set->count;
}

int exceptions_each(const struct exceptions *set,
		    int (*fn)(const struct exception *exception, void *user), void *user)
{
	for (size_t i = 0; i < set->count; i++) {
		int r = fn(set->entry[i], user);

		if (r)
			return r;
	}
	return 0;
}
