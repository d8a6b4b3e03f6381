// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate's look into a one-line table (bpf/line.h) beside the worker that writes to it
 * (core/table.c), both as they are: every store of a sequence of operations is recorded,
 * and the look is run once for everything that its loads can give when they fall between
 * the stores in any order. What it finds must be what the address had at some moment of
 * the look, or nothing; and what nobody touched, or only renewed once, is found always.
 *
 * Loads are taken to happen in the order in which they are written, stores too: the
 * fences, where a processor needs any, are not checked here.
 */
#include <criterion/criterion.h>
#include <stdio.h>

static void model_stored(void);

/* The writer under names of its own, so that the other suites get the library's. */
#define TABLE_STORE(at, value)                                                                     \
	do {                                                                                       \
		*(at) = (value);                                                                   \
		model_stored();                                                                    \
	} while (0)
#define table_lines        model_lines
#define table_max          model_max
#define table_base_ns      model_base_ns
#define table_element_size model_element_size
#define table_elements     model_elements
#define table_format       model_format
#define table_init         model_init
#define table_watch        model_watch
#define table_get          model_get
#define table_put          model_put
#define table_del          model_del
#define table_next         model_next
#define table_mark_due     model_mark_due
#define table_forget_hits  model_forget_hits
#define table_rebase       model_rebase
#define table_put_many     model_put_many
#define table_seed         model_seed
#define table_reseed       model_reseed
#define table_grow_begin   model_grow_begin
#define table_grow_step    model_grow_step
#define table_grow_end     model_grow_end
#include "core/table.c" // NOLINT(bugprone-suspicious-include)

/* And the reader. */
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
static const void *model_load(const void *at, size_t size);
#define LINE_AT(table, at) ((void *)((uint8_t *)(table) + (size_t)(at)*model.element))
#define LINE_READ(x)       (*(const __typeof__(x) *)model_load(&(x), sizeof(x)))
#define LINE_FENCE()       ((void)0)

#define STORES_MAX 1024
#define OPS_MAX    8
#define KEYS_MAX   320
#define LOADS_MAX  512

#define NOW_NS  (1000 * UNIT_NS)
#define LIFE_NS (100 * UNIT_NS)

/* What an address had after an operation. state 0: nothing. */
struct had {
	uint32_t state;
	uint64_t end_ns;
	struct place place;
};

static struct {
	struct table table;
	struct table first, heir; /* a table that grows: itself, and into what */
	uint8_t *memory;          /* all that is shared; a table that grows, its heir, and which */
	uint64_t *which; /* 0: the gate is led to the first, else so far behind it; or NULL */
	uint32_t elements;
	size_t element, size;
	uint8_t *images; /* the memory after each store */
	unsigned int stores;
	bool is_recording;
	unsigned int ops, mark[OPS_MAX + 1]; /* stores when each was done; 0: at the begin */
	struct addr keys[KEYS_MAX];
	unsigned int key_count;
	struct had had[OPS_MAX + 1][KEYS_MAX];
	uint64_t now_ns;
	bool moved_are_found; /* what is only moved, is moved further */
	bool base_moves;
	bool is_plain; /* each load at each moment, without thought */
	uint64_t looks, found;
	long double orders;
} model;

/* One way through a look: after how many stores each load happens, and what it loads. */
static struct {
	unsigned int loads, known;
	struct {
		unsigned int stores;
		size_t at, size;
	} load[LOADS_MAX];
} path;

#include "../../bpf/line.h"

/* --- the writer ----------------------------------------------------------------------------- */

static void model_stored(void)
{
	if (!model.is_recording)
		return;
	cr_assert_lt(++model.stores, STORES_MAX);
	memcpy(model.images + model.stores * model.size, model.memory, model.size);
}

/* behind: so many bytes after the table. */
static void begin_with(unsigned int family, uint32_t max, size_t behind)
{
	uint8_t *images = model.images;
	uint64_t looks = model.looks, seen = model.found;
	long double orders = model.orders;

	free(model.memory);
	free(images);
	memset(&model, 0, sizeof(model));
	model.looks = looks;
	model.found = seen;
	model.orders = orders;
	model.elements = model_elements(family, max);
	model.element = model_element_size(family);
	model.size = model.elements * model.element + behind;
	model.images = malloc(STORES_MAX * model.size);
	model.memory = calloc(1, model.size);
	cr_assert(model.images && model.memory);
	model_format(family, model.memory, max, UNIT_NS / 2, 7);
	cr_assert_eq(model_init(&model.table, family, model.memory, model.elements), 0);
	model.first = model.table;
	model.now_ns = NOW_NS;
}

static void begin(unsigned int family, uint32_t max)
{
	begin_with(family, max, 0);
}

/* The same with an heir for so many behind it. */
static void begin_growing(unsigned int family, uint32_t max, uint32_t heir_max)
{
	uint32_t elements = model_elements(family, heir_max);
	uint8_t *memory;

	begin_with(family, max, elements * model_element_size(family) + sizeof(*model.which));
	memory = model.memory + model.elements * model.element;
	model.which = (uint64_t *)(void *)(model.memory + model.size) - 1;
	model_format(family, memory, heir_max, UNIT_NS / 2, 7);
	cr_assert_eq(model_watch(&model.heir, family, memory, elements), 0);
}

static void end(void)
{
	if (model.looks)
		printf("  %llu looks that can differ, %llu found something, for %.3Lg orders\n",
		       (unsigned long long)model.looks, (unsigned long long)model.found,
		       model.orders);
	free(model.images);
	free(model.memory);
	memset(&model, 0, sizeof(model));
}

static void note_had(void)
{
	struct had *had;

	for (unsigned int i = 0; i < model.key_count; i++) {
		had = &model.had[model.ops][i];
		if (!find(&model.table, &model.keys[i], &had->place)) {
			*had = (struct had){0};
			continue;
		}
		had->state = state(&model.table, &had->place);
		had->end_ns = ns_of(&model.table, had->state >> MXG_STATE_UNITS_SHIFT);
	}
}

/* From here on stores are recorded; the keys are chosen. */
static void start(void)
{
	model.is_recording = true;
	model.stores = model.ops = model.mark[0] = 0;
	memcpy(model.images, model.memory, model.size);
	note_had();
}

static void op_done(void)
{
	if (!model.is_recording)
		return;
	cr_assert_leq(++model.ops, OPS_MAX);
	model.mark[model.ops] = model.stores;
	note_had();
}

/* The number n tells verdicts apart: an action, a reason and an expiry of its own. */
static int try_put(unsigned int key, unsigned int n)
{
	struct mxg_verdict verdict = {
		.expires_ns = model.now_ns + (n + 1) * LIFE_NS,
		.refresh_ns = model.now_ns + LIFE_NS / 2,
		.action = (uint8_t)(n % 2),
		.reason = (uint8_t)(1 + n % (MXG_REASON_MAX - 1)),
	};
	int err = model_put(&model.table, &model.keys[key], &verdict, model.now_ns);

	op_done();
	return err;
}

static void put(unsigned int key, unsigned int n)
{
	cr_assert_eq(try_put(key, n), 0);
}

static void del(unsigned int key)
{
	model_del(&model.table, &model.keys[key]);
	op_done();
}

static void mark_due(uint64_t now_ns)
{
	model_mark_due(&model.table, now_ns);
	op_done();
}

static void rebase(uint64_t now_ns)
{
	model.base_moves = true;
	model_rebase(&model.table, now_ns);
	model.now_ns = now_ns;
	op_done();
}

/* A new writer after one that was killed when it had made so many stores. */
static void restart(unsigned int stores)
{
	memcpy(model.memory, model.images + stores * model.size, model.size);
	model.is_recording = false;
	start();
	cr_assert_eq(model_init(&model.table, model.table.family, model.memory, model.elements), 0);
	op_done();
	for (unsigned int i = 0; i < model.key_count; i++)
		cr_assert_eq(model.had[1][i].state, model.had[0][i].state);
}

/* --- keys ----------------------------------------------------------------------------------- */

static struct addr addr_of(uint64_t upper, uint64_t lower)
{
	struct addr addr = {.family = (uint8_t)model.table.family};

	if (addr.family == 4) {
		memcpy(addr.bytes, &lower, 4);
	} else {
		memcpy(addr.bytes, &upper, 8);
		memcpy(addr.bytes + 8, &lower, 8);
	}
	return addr;
}

/* Another key, at home in that line; its number. */
static unsigned int key_in(uint32_t line)
{
	static uint64_t n;
	struct addr addr;

	do {
		n++;
		addr = addr_of(0xb80d0120, n << 8 | 1);
	} while (home_of(&model.table, &addr) != line);
	cr_assert_lt(model.key_count, KEYS_MAX);
	model.keys[model.key_count] = addr;
	return model.key_count++;
}

/* So many keys at home in a line, in the table. */
static unsigned int put_in(uint32_t line, unsigned int count)
{
	unsigned int first = model.key_count;

	for (unsigned int i = 0; i < count; i++)
		put(key_in(line), i);
	return first;
}

/* Keys at home in one line made of two upper and two lower halves: 0 and 3 share none. */
static unsigned int four_keys_in(uint32_t line)
{
	unsigned int first = model.key_count, same;
	struct addr addr;

	if (model.table.family == 4) {
		for (int i = 0; i < 4; i++)
			key_in(line);
		return first;
	}
	for (uint64_t n = 1; model.key_count < first + 4; n++) {
		same = 0;
		for (unsigned int i = 0; i < 4; i++) {
			addr = addr_of(mxg_mix(n) + i / 2, mxg_mix(~n) + i % 2);
			same += home_of(&model.table, &addr) == line;
			model.keys[first + i] = addr;
		}
		if (same == 4)
			model.key_count += 4;
	}
	return first;
}

/* --- the reader ----------------------------------------------------------------------------- */

static const void *seen_at(unsigned int stores, unsigned int load)
{
	return model.images + stores * model.size + path.load[load].at;
}

/* Of a line's beyond, the only byte, the reader knows only whether it is 0. */
static uint64_t value_at(unsigned int stores, unsigned int load)
{
	uint64_t value = 0;

	memcpy(&value, seen_at(stores, load), path.load[load].size);
	return path.load[load].size == 1 ? value != 0 : value;
}

static const void *model_load(const void *at, size_t size)
{
	unsigned int n = path.loads++;

	cr_assert_lt(n, LOADS_MAX);
	if (n == path.known) {
		path.known++;
		path.load[n].stores = n ? path.load[n - 1].stores : 0;
		path.load[n].at = (size_t)((const uint8_t *)at - model.memory);
		path.load[n].size = size;
	}
	return seen_at(path.load[n].stores, n);
}

/*
 * Later loads see no less when a load that gives the same value happens sooner. So each
 * load happens as soon as it can give each of the values that it can give; only for the
 * first, with which the look begins, every moment counts.
 */
static bool is_new(unsigned int load, unsigned int stores)
{
	unsigned int before;

	if (load == 0 || model.is_plain)
		return true;
	for (before = path.load[load - 1].stores; before < stores; before++)
		if (value_at(before, load) == value_at(stores, load))
			return false;
	return true;
}

/* The next way, depth first; false when there is none. */
static bool next_path(void)
{
	while (path.known > 0) {
		unsigned int load = path.known - 1, stores = path.load[load].stores;

		while (++stores <= model.stores)
			if (is_new(load, stores)) {
				path.load[load].stores = stores;
				return true;
			}
		path.known--;
	}
	return false;
}

/* In how many orders of loads and stores this very look happens. */
static long double orders_of_path(void)
{
	long double ways[STORES_MAX] = {0}, sum;

	if (model.is_plain)
		return 1;
	ways[path.load[0].stores] = 1;
	for (unsigned int load = 1; load < path.loads; load++) {
		uint64_t value = value_at(path.load[load].stores, load);

		sum = 0;
		for (unsigned int i = path.load[0].stores; i <= model.stores; i++) {
			sum += ways[i];
			ways[i] = value_at(i, load) == value ? sum : 0;
		}
	}
	sum = 0;
	for (unsigned int i = 0; i <= model.stores; i++)
		sum += ways[i];
	return sum;
}

static void look(const struct addr *addr, struct line_found *ret)
{
	uint8_t *memory = model.memory;
	__u64 key[2];

	memcpy(key, addr->bytes, sizeof(key));
	path.loads = 0;
	*ret = (struct line_found){0};
	if (model.which)
		memory += LINE_READ(*model.which);
	if (model.table.family == 4)
		line4_find(memory, (uint32_t)key[0], ret);
	else
		line6_find(memory, key, ret);
}

/* --- what must hold ------------------------------------------------------------------------- */

/* The same action, reason and mark; the same end, or an earlier one while the base moves. */
static bool is_that(const struct line_found *found, const struct had *had)
{
	uint64_t end_ns = found->base_ns +
			  ((uint64_t)(found->state >> MXG_STATE_UNITS_SHIFT) << MXG_UNIT_SHIFT);

	return had->state && (uint8_t)found->state == (uint8_t)had->state &&
	       (end_ns == had->end_ns || (model.base_moves && end_ns < had->end_ns));
}

/* Whether it was so at some moment of the look. */
static bool is_true(unsigned int key, const struct line_found *found)
{
	unsigned int first = path.load[0].stores, last = path.load[path.loads - 1].stores;

	for (unsigned int op = 0; op <= model.ops; op++) {
		/* From when its result may be seen, until the next may have replaced it. */
		unsigned int from = op ? model.mark[op - 1] + 1 : 0;
		unsigned int until = op < model.ops ? model.mark[op + 1] - 1 : model.stores;

		if (op && model.mark[op] == model.mark[op - 1])
			from = model.mark[op];
		if (op < model.ops && model.mark[op + 1] == model.mark[op])
			until = model.mark[op];
		if (last >= from && first <= until && is_that(found, &model.had[op][key]))
			return true;
	}
	return false;
}

static bool is_same_slot(const struct place *a, const struct place *b)
{
	return a->line == b->line && a->slot == b->slot;
}

/* There all the time: in one slot that nobody wrote to, or only moved away from home. */
static bool is_untouched(unsigned int key)
{
	const struct had *first = &model.had[0][key], *now;
	const uint8_t *at = (const uint8_t *)word(&model.first, &first->place);
	size_t offset = (size_t)(at - model.memory);
	bool is_moved = false;

	for (unsigned int op = 0; op <= model.ops; op++) {
		now = &model.had[op][key];
		if (now->state == 0 || now->state != first->state || now->end_ns != first->end_ns)
			return false;
		is_moved |= !is_same_slot(&now->place, &first->place);
	}
	if (is_moved)
		return model.moved_are_found;
	for (unsigned int i = 1; i <= model.stores; i++)
		if (memcmp(model.images + i * model.size + offset, model.images + offset, 8) != 0)
			return false;
	return true;
}

/* There all the time in one slot, and renewed there: of IPv6 once. */
static bool is_renewed(unsigned int key)
{
	const struct had *first = &model.had[0][key];
	const uint8_t *at = (const uint8_t *)word(&model.first, &first->place);
	size_t offset = (size_t)(at - model.memory);
	unsigned int renewals = 0;
	uint64_t was, now = 0;

	if (model.which)
		return false;
	for (unsigned int op = 0; op <= model.ops; op++)
		if (model.had[op][key].state == 0 ||
		    !is_same_slot(&model.had[op][key].place, &first->place))
			return false;
	for (unsigned int i = 0; i <= model.stores; i++) {
		was = now;
		memcpy(&now, model.images + i * model.size + offset, sizeof(now));
		if (!(uint32_t)now)
			return false;
		renewals += i > 0 && now != was;
	}
	return model.table.family == 4 || renewals <= 1;
}

static const char *told(const struct addr *addr, const struct line_found *found)
{
	static char text[4096], name[ADDR_TEXT_MAX];
	int len = snprintf(text, sizeof(text),
			   "%s: state %#x; stores before each load:", addr_format(addr, name),
			   found->state);

	for (unsigned int i = 0; i < path.loads && len < (int)sizeof(text) - 16; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, " %u", path.load[i].stores);
	return text;
}

static void check_key(unsigned int key)
{
	bool must_find = is_untouched(key) || is_renewed(key);
	struct line_found found;

	path.known = 0;
	do {
		look(&model.keys[key], &found);
		model.looks++;
		model.found += found.state != 0;
		model.orders += orders_of_path();
		if (found.state ? !is_true(key, &found) : must_find)
			cr_assert_fail("%s", told(&model.keys[key], &found));
	} while (next_path());
}

/* Every key, and of IPv6 every address made of halves of the first few. */
static void check(void)
{
	unsigned int keys = model.key_count, some = keys < 6 ? keys : 6;
	struct addr addr;

	model.is_recording = false;
	for (unsigned int i = 0; i < keys; i++)
		check_key(i);
	for (unsigned int i = 0; model.table.family == 6 && i < some * some; i++) {
		addr = model.keys[i / some];
		memcpy(addr.bytes + 8, model.keys[i % some].bytes + 8, 8);
		model.keys[keys] = addr;
		for (unsigned int op = 0; op <= model.ops; op++)
			model.had[op][keys] = (struct had){0};
		for (unsigned int j = 0; j < keys; j++)
			if (addr_equal(&addr, &model.keys[j]))
				addr.family = 0;
		if (addr.family)
			check_key(keys);
	}
}

/* --- sequences ------------------------------------------------------------------------------ */

/* One key, and what can happen to it alone. */
static void one_key(unsigned int family)
{
	begin(family, 20);
	key_in(1);
	start();
	put(0, 1);
	put(0, 2);
	del(0);
	put(0, 3);
	mark_due(NOW_NS + LIFE_NS);
	rebase(NOW_NS + LIFE_NS);
	del(0);
	check();
}

/* One slot, used by keys that share halves, one after the other, and by the first again. */
static void one_slot(unsigned int family)
{
	static const unsigned int ORDER[][3] = {{0, 1, 2}, {0, 2, 1}, {0, 3, 1}, {1, 2, 3},
						{3, 0, 3}, {0, 1, 0}, {2, 0, 2}, {1, 3, 2}};
	unsigned int first;

	/* Each with a verdict of its own, and then all with the same. */
	for (unsigned int i = 0; i < 2 * sizeof(ORDER) / sizeof(ORDER[0]); i++) {
		const unsigned int *order = ORDER[i / 2], differ = i % 2;

		begin(family, 20);
		first = four_keys_in(1);
		put_in(1, 2);
		put(first + order[0], 1);
		start();
		del(first + order[0]);
		put(first + order[1], 1 + differ);
		del(first + order[1]);
		put(first + order[2], 1 + 2 * differ);
		check();
	}
}

/* A slot changes hands before that of a key made of the halves of both, which stays. */
static void beside(unsigned int family)
{
	for (unsigned int stays = 0; stays < 4; stays++)
		for (unsigned int goes = 0; goes < 4; goes++) {
			unsigned int comes = 3 - goes, first;

			begin(family, 20);
			first = four_keys_in(1);
			if (stays == goes || stays == comes)
				continue;
			put(first + goes, 1);
			put(first + stays, 2);
			start();
			del(first + goes);
			put(first + comes, 3);
			put(first + comes, 4);
			check();
		}
}

/* Led past one full line, and past two; renewed there, deleted there. */
static void led_past(unsigned int family)
{
	for (unsigned int lines = 1; lines <= 2; lines++) {
		begin(family, 60);
		put_in(1, lines * slots_of(family));
		key_in(1);
		key_in(2);
		start();
		put(model.key_count - 2, 1);
		put(model.key_count - 1, 2);
		put(model.key_count - 2, 3);
		del(model.key_count - 1);
		del(model.key_count - 2);
		check();
	}
}

/* Renewed when there is room nearer to its home; then another takes its old slot. */
static void nearer(unsigned int family)
{
	unsigned int first, other;

	begin(family, 60);
	first = put_in(1, 2 * slots_of(family) + 1);
	other = key_in(3);
	start();
	del(first + 1);
	put(first + 2 * slots_of(family), 7);
	del(first + slots_of(family));
	put(first + 2 * slots_of(family), 8);
	put(other, 9);
	check();
}

/* A full table, one of whose entries has expired. */
static void expired(unsigned int family)
{
	unsigned int key;

	begin(family, 2 * slots_of(family) + 3);
	model.now_ns = NOW_NS - 2 * LIFE_NS;
	put_in(1, 1);
	model.now_ns = NOW_NS;
	put_in(1, model_max(&model.table) - 1);
	key = key_in(1);
	start();
	put(key, 5);
	cr_assert_eq(try_put(key_in(1), 6), -E2BIG);
	check();
}

/* Sixteen full lines: one hop brings a free slot near, or two. */
static void make_way(unsigned int family)
{
	unsigned int slots = slots_of(family);

	for (unsigned int hops = 1; hops <= 2; hops++) {
		begin(family, 50 * slots);
		put_in(1, (MXG_LINES_PROBED - 1) * slots);
		for (uint32_t line = 0; line < (hops == 1 ? 3 : MXG_LINES_PROBED + 3); line++)
			put_in(MXG_LINES_PROBED + line, slots);
		key_in(1);
		start();
		model.moved_are_found = true;
		put(model.key_count - 1, 3);
		cr_assert_eq(model.had[1][model.key_count - 1].place.led, MXG_LINES_PROBED - 1);
		check();
	}
}

/* Refresh times come, and the base moves, while some have expired. */
static void time_goes(unsigned int family)
{
	begin(family, 60);
	put_in(1, slots_of(family) + 2);
	put_in(2, 2);
	start();
	mark_due(NOW_NS + LIFE_NS / 2 + UNIT_NS);
	rebase(NOW_NS + 2 * LIFE_NS);
	put_in(1, 1);
	put(slots_of(family) + 1, 9);
	rebase(NOW_NS + 4 * LIFE_NS);
	check();
}

/* The writer was killed at any store, and the next begins beside the gate. */
static void again(unsigned int family)
{
	unsigned int first, stores;

	begin(family, 60);
	first = put_in(1, 2 * slots_of(family) + 1);
	start();
	del(first + 1);
	put(first + 2 * slots_of(family), 7);
	put(first + 3, 8);
	put(first + 1, 9);
	stores = model.stores;
	for (unsigned int i = 0; i <= stores; i++) {
		uint8_t *images = model.images;

		model.images = malloc(STORES_MAX * model.size);
		cr_assert_not_null(model.images);
		memcpy(model.images + i * model.size, images + i * model.size, model.size);
		restart(i);
		check();
		free(model.images);
		model.images = images;
	}
}

/* Counts are those of a scan, each entry is where it is found, and is what it was. */
static void check_begun(unsigned int stores, unsigned int op)
{
	struct table *table = &model.table;
	uint32_t past[KEYS_MAX] = {0}, led[MXG_LINES_PROBED] = {0}, count = 0;
	struct place at, found;
	struct addr addr;

	for (uint32_t line = 1; line <= table_lines(table); line++)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			at = (struct place){.line = line, .slot = slot};
			if (state(table, &at) == 0)
				continue;
			at = place_of(table, line, slot);
			addr_at(table, &at, &addr);
			cr_assert(find(table, &addr, &found) && is_same_slot(&at, &found));
			led[at.led]++;
			count++;
			for (uint32_t i = line - at.led; i < line; i++)
				past[i]++;
		}
	cr_assert_eq(table->count, count);
	cr_assert_arr_eq(table->led, led, sizeof(led));
	for (uint32_t line = 1; line <= table_lines(table); line++)
		cr_assert_eq(*beyond(table, line), past[line], "line %u, %u stores", line, stores);
	for (unsigned int i = 0; i < model.key_count; i++) {
		uint32_t now = find(table, &model.keys[i], &at) ? state(table, &at) : 0;

		cr_assert(now == model.had[op][i].state || now == model.had[op + 1][i].state,
			  "%u stores", stores);
	}
}

/* Killed at any store of what moves entries, by making way, by leaving, by being renewed. */
static void killed(unsigned int family)
{
	unsigned int slots = slots_of(family), first, op = 0;

	begin(family, 50 * slots);
	put_in(1, (MXG_LINES_PROBED - 1) * slots);
	for (uint32_t line = 0; line < MXG_LINES_PROBED + 3; line++)
		put_in(MXG_LINES_PROBED + line, slots);
	first = key_in(1);
	four_keys_in(2);
	start();
	put(first, 3);
	put(first + 1, 4);
	put(first, 5);
	del(2);
	del(first + 1);
	mark_due(NOW_NS + LIFE_NS);
	put(first + 2, 6);
	del(first);
	model.is_recording = false;
	cr_assert_gt(model.stores, 100);
	for (unsigned int i = 0; i <= model.stores; i++) {
		while (op + 1 < model.ops && model.mark[op + 1] <= i)
			op++;
		memcpy(model.memory, model.images + i * model.size, model.size);
		cr_assert_eq(model_init(&model.table, family, model.memory, model.elements), 0);
		check_begun(i, op);
	}
}

static void grow(void)
{
	while (model_grow_step(&model.table, model.now_ns))
		;
	op_done();
}

static void lead_to_heir(void)
{
	TABLE_STORE(model.which, (uint64_t)(model.heir.memory - model.memory));
	model_grow_end(&model.table);
	model.table = model.heir;
	op_done();
	for (unsigned int i = 0; i < model.key_count; i++) {
		cr_assert_eq(model.had[model.ops][i].state & 0xff,
			     model.had[model.ops - 1][i].state & 0xff);
		cr_assert_eq(model.had[model.ops][i].end_ns, model.had[model.ops - 1][i].end_ns);
	}
}

/* Some change before they have gone over, some meanwhile, some after; most do not. */
static void growing(unsigned int family)
{
	unsigned int first;

	begin_growing(family, 20, 40);
	first = put_in(1, slots_of(family) + 2);
	put_in(2, 2);
	four_keys_in(2);
	start();
	model_grow_begin(&model.table, &model.heir);
	put(first, 3);
	grow();
	put(first, 4);
	del(first + slots_of(family) + 1); /* nobody comes nearer to his home for that */
	put(model.key_count - 1, 5);
	model.moved_are_found = true;
	lead_to_heir();
	put(first + 2, 6);
	cr_assert(is_untouched(first + 3) && !is_untouched(first));
	check();
}

static void any(unsigned int family)
{
	uint64_t chance = family;

	for (unsigned int i = 0; i < 300; i++) {
		unsigned int slots = slots_of(family);

		begin(family, 4 * slots);
		four_keys_in(1);
		four_keys_in(1);
		for (unsigned int key = 0; key < 4; key++)
			key_in(2);
		for (unsigned int n = 0; n < 5 + 8; n++) {
			unsigned int key, what;

			if (n == 8)
				start();
			chance = mxg_mix(chance + 0x9e3779b97f4a7c15);
			key = (unsigned int)(chance >> 32) % model.key_count;
			what = (unsigned int)(chance >> 8) % 8;
			if (n < 8 || what < 5)
				try_put(key, n);
			else if (what < 7)
				del(key);
			else
				mark_due(NOW_NS + LIFE_NS);
		}
		check();
	}
}

static void both(void (*sequence)(unsigned int family))
{
	sequence(4);
	sequence(6);
	end();
}

Test(table_model, one_key)
{
	both(one_key);
}

Test(table_model, one_slot_of_keys_that_share_halves)
{
	both(one_slot);
}

Test(table_model, one_beside_a_slot_that_changes_hands)
{
	both(beside);
}

Test(table_model, led_past_one_and_two_lines)
{
	both(led_past);
}

Test(table_model, moved_nearer)
{
	both(nearer);
}

Test(table_model, an_expired_one_gives_way)
{
	both(expired);
}

Test(table_model, others_make_way)
{
	both(make_way);
}

Test(table_model, refresh_and_base)
{
	both(time_goes);
}

Test(table_model, a_new_writer)
{
	both(again);
}

Test(table_model, killed_at_any_store)
{
	both(killed);
}

Test(table_model, growing_into_another)
{
	both(growing);
}

Test(table_model, any_sequences)
{
	both(any);
}

/* That the looks are all: each load at each moment finds the same, as often. */
Test(table_model, plainly)
{
	uint64_t looks;
	long double orders;

	begin(6, 20);
	four_keys_in(1);
	put(0, 1);
	start();
	del(0);
	put(3, 2);
	check();
	looks = model.looks;
	orders = model.orders;
	model.looks = 0;
	model.orders = 0;
	model.is_plain = true;
	check();
	cr_assert_lt(looks, model.looks);
	cr_assert_eq((uint64_t)orders, model.looks);
	end();
}
