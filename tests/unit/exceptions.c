// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The exceptions' trie, by table and against a list that is searched from end to end. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/exceptions.h"

static struct exception make(uint32_t id, enum exception_kind kind, const char *prefix,
			     int64_t expires)
{
	struct exception e = {.id = id, .kind = kind, .expires_sec = expires};
	const char *why = NULL;

	cr_assert_eq(prefix_parse(prefix, &e.prefix, &why), 0, "%s: %s", prefix, why);
	return e;
}

static void put(struct exceptions *set, uint32_t id, enum exception_kind kind, const char *prefix,
		int64_t expires)
{
	struct exception e = make(id, kind, prefix, expires);

	cr_assert_eq(exceptions_put(set, &e), 0, "put %s", prefix);
}

static struct exceptions *sample(void)
{
	struct exceptions *set = exceptions_new();

	put(set, 1, EXCEPTION_DENY, "192.0.2.0/24", 0);
	put(set, 2, EXCEPTION_ALLOW, "192.0.2.25", 0);
	put(set, 3, EXCEPTION_ALLOW, "198.51.100.0/24", 0);
	put(set, 4, EXCEPTION_DENY, "198.51.100.128/25", 0);
	put(set, 5, EXCEPTION_ALLOW, "203.0.113.0/24", 0);
	put(set, 6, EXCEPTION_DENY, "203.0.113.0/24", 0);
	put(set, 7, EXCEPTION_ALLOW, "203.0.113.7", 100);
	put(set, 8, EXCEPTION_DENY, "203.0.113.7", 200);
	put(set, 9, EXCEPTION_DENY, "2001:db8::/32", 0);
	put(set, 10, EXCEPTION_ALLOW, "2001:db8:0:1::/64", 50);
	return set;
}

Test(exceptions, longest_live_prefix_rules_and_allow_beats_deny)
{
	static const struct {
		const char *label;
		const char *addr;
		int64_t now;
		uint32_t id; /* 0: none */
	} rows[] = {
		{"outside everything", "192.0.3.1", 10, 0},
		{"the deny", "192.0.2.24", 10, 1},
		{"the host allowed inside it", "192.0.2.25", 10, 2},
		{"the wider allow", "198.51.100.1", 10, 3},
		{"a deny inside an allow is longer", "198.51.100.129", 10, 4},
		{"same prefix: allow", "203.0.113.1", 10, 5},
		{"same host: allow while it lives", "203.0.113.7", 99, 7},
		{"at its expiry the deny of the host rules", "203.0.113.7", 100, 8},
		{"then the shorter allow", "203.0.113.7", 200, 5},
		{"IPv6 longest", "2001:db8:0:1::25", 49, 10},
		{"IPv6 after expiry", "2001:db8:0:1::25", 50, 9},
		{"IPv6 outside", "2001:db9::1", 10, 0},
		{"same bytes, other family", "c000:219::", 10, 0},
	};
	struct exceptions *set = sample();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct exception *e;
		struct addr addr;

		cr_assert_eq(addr_parse(rows[i].addr, &addr), 0);
		e = exceptions_match(set, &addr, rows[i].now);
		cr_expect_eq(e ? e->id : 0, rows[i].id, "%s: %u", rows[i].label, e ? e->id : 0);
	}
	exceptions_free(set);
}

Test(exceptions, effective_is_for_exactly_this_prefix)
{
	struct exceptions *set = sample();
	struct exception host = make(0, EXCEPTION_ALLOW, "203.0.113.7", 0);
	struct exception none = make(0, EXCEPTION_ALLOW, "203.0.113.6", 0);

	cr_expect_eq(exceptions_effective(set, &host.prefix, 99)->id, 7);
	cr_expect_eq(exceptions_effective(set, &host.prefix, 100)->id, 8);
	cr_expect_null(exceptions_effective(set, &host.prefix, 200));
	cr_expect_null(exceptions_effective(set, &none.prefix, 10));
	exceptions_free(set);
}

Test(exceptions, put_get_find_del)
{
	struct exceptions *set = sample();
	struct exception same = make(99, EXCEPTION_DENY, "192.0.2.0/24", 0);
	struct exception taken = make(2, EXCEPTION_DENY, "192.0.2.77", 0);

	cr_expect_eq(exceptions_put(set, &same), -EEXIST, "same prefix and kind");
	cr_expect_eq(exceptions_put(set, &taken), -EEXIST, "same number");
	cr_expect_null(exceptions_find(set, &taken.prefix, EXCEPTION_DENY));
	cr_expect_eq(exceptions_count(set), 10);
	cr_expect_eq(exceptions_get(set, 9)->kind, EXCEPTION_DENY);
	cr_expect_null(exceptions_get(set, 11));
	cr_expect_eq(exceptions_find(set, &same.prefix, EXCEPTION_DENY)->id, 1);
	cr_expect_null(exceptions_find(set, &same.prefix, EXCEPTION_ALLOW));
	cr_expect_eq(exceptions_del(set, 11), -ENOENT);
	cr_expect_eq(exceptions_del(set, 1), 0);
	cr_expect_eq(exceptions_del(set, 1), -ENOENT);
	cr_expect_null(exceptions_find(set, &same.prefix, EXCEPTION_DENY));
	cr_expect_eq(exceptions_put(set, &same), 0, "free again after removal");
	exceptions_free(set);
	exceptions_free(NULL);
}

static int by_number(const struct exception *e, void *user)
{
	uint32_t *last = user;

	cr_expect_gt(e->id, *last);
	*last = e->id;
	return e->id == 8 ? 42 : 0;
}

Test(exceptions, each_goes_by_number_and_stops)
{
	struct exceptions *set = sample();
	uint32_t last = 0;

	cr_expect_eq(exceptions_each(set, by_number, &last), 42);
	cr_expect_eq(last, 8);
	exceptions_free(set);
}

/* --- the oracle --------------------------------------------------------------- */

#define ORACLE_MAX 300

struct oracle {
	struct exception entry[ORACLE_MAX];
	size_t count;
};

static uint32_t random_state = 20260101;

static uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

/* Few distinct bytes, so that prefixes nest and collide. */
static struct addr random_addr(void)
{
	static const uint8_t few[] = {0x00, 0x01, 0x80, 0xff, 0x55, 0xc0};
	struct addr addr = {.family = rnd(2) ? 6 : 4};
	unsigned int size = addr.family == 6 ? 16 : 4;

	for (unsigned int i = 0; i < size; i++)
		addr.bytes[i] = few[rnd(i < 2 ? 2 : sizeof(few))];
	return addr;
}

static struct exception random_exception(uint32_t id)
{
	struct exception e = {.id = id, .kind = rnd(2) ? EXCEPTION_ALLOW : EXCEPTION_DENY};
	unsigned int bits;

	e.prefix.addr = random_addr();
	bits = 1 + rnd(addr_bits(&e.prefix.addr));
	e.prefix.bits = (uint8_t)bits;
	for (unsigned int i = bits; i < addr_bits(&e.prefix.addr); i++)
		e.prefix.addr.bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	e.expires_sec = rnd(3) ? 1 + rnd(1000) : 0;
	return e;
}

static uint32_t oracle_match(const struct oracle *o, const struct addr *addr, int64_t now)
{
	const struct exception *best = NULL;

	for (size_t i = 0; i < o->count; i++) {
		const struct exception *e = &o->entry[i];

		if (!prefix_contains(&e->prefix, addr) || (e->expires_sec && e->expires_sec <= now))
			continue;
		if (!best || e->prefix.bits > best->prefix.bits ||
		    (e->prefix.bits == best->prefix.bits && e->kind == EXCEPTION_ALLOW))
			best = e;
	}
	return best ? best->id : 0;
}

static const struct exception *oracle_find(const struct oracle *o, const struct prefix *prefix,
					   enum exception_kind kind)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->entry[i].kind == kind && prefix_equal(&o->entry[i].prefix, prefix))
			return &o->entry[i];
	return NULL;
}

static void oracle_change(struct oracle *o, struct exceptions *set, uint32_t id)
{
	if (o->count < ORACLE_MAX && rnd(100) < 55) {
		struct exception e = random_exception(id);
		bool there = oracle_find(o, &e.prefix, e.kind);

		cr_assert_eq(exceptions_put(set, &e), there ? -EEXIST : 0);
		if (!there)
			o->entry[o->count++] = e;
	} else if (o->count) {
		size_t at = rnd((uint32_t)o->count);

		cr_assert_eq(exceptions_del(set, o->entry[at].id), 0);
		o->entry[at] = o->entry[--o->count];
	}
	cr_assert_eq(exceptions_count(set), o->count);
}

Test(exceptions, agrees_with_a_linear_search)
{
	static struct oracle o;
	struct exceptions *set = exceptions_new();
	size_t hits = 0;

	for (uint32_t round = 1; round <= 4000; round++) {
		oracle_change(&o, set, round);
		for (int i = 0; i < 50; i++) {
			int64_t now = rnd(1100);
			struct addr addr = random_addr();
			const struct exception *e = exceptions_match(set, &addr, now);
			uint32_t want = oracle_match(&o, &addr, now);

			hits += want != 0;
			cr_assert_eq(e ? e->id : 0, want, "round %u: %u, want %u", round,
				     e ? e->id : 0, want);
		}
	}
	cr_assert_gt(hits, 50000, "the random prefixes must match often: %zu", hits);
	while (o.count)
		cr_assert_eq(exceptions_del(set, o.entry[--o.count].id), 0);
	cr_assert_eq(exceptions_count(set), 0);
	exceptions_free(set); /* under ASan: no node outlives its exception */
}
