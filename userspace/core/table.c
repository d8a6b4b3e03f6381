/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/min.h"

#ifndef TABLE_STORE
/* Others read: whole, and not before what was stored earlier. */
#define TABLE_STORE(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#endif

#define LOAD4_PERCENT 85
#define LOAD6_PERCENT 80   /* lines of five fill less evenly */
#define SEARCHED      1000 /* lines that are looked through for a free place */
#define UNIT_NS       (1ULL << MXG_UNIT_SHIFT)
#define STEP_SHIFT    3 /* steps to the next power of two among inexact hits */
#define PART6_SHIFT   (MXG_UNIT_SHIFT - 16)
#define BLOCK_LINES   60 /* that are looked through together; a multiple of MXG_NOTES6_LINES */
#define NOTE_BITS     8
#define FETCH_AHEAD   8 /* entries whose lines are on their way while one is put */
#define READY_LINES   (256 * BLOCK_LINES) /* of an heir in one step */
#define HAND_LINES    128                 /* whose entries an heir gets in one step */

_Static_assert(sizeof(void *) == 8, "a kernel of 32 bits reads a word of 64 in two halves");
_Static_assert(BLOCK_LINES % MXG_NOTES6_LINES == 0, "a block begins with an element");
_Static_assert(MXG_ACTION_MAX <= MXG_STATE_ACTION + 1, "an action fits its bits");
_Static_assert(MXG_REASON_MAX <= MXG_STATE_REASON + 1, "a reason fits its bits");

/* Where an entry lies, or could. */
struct place {
	uint32_t line;     /* its element */
	unsigned int slot; /* in the line */
	unsigned int led;  /* lines from home */
};

/* --- memory --------------------------------------------------------------------------------- */

static struct mxg_line4 *line4(const struct table *table, uint32_t line)
{
	return (struct mxg_line4 *)(void *)table->memory + line;
}

static struct mxg_line6 *line6(const struct table *table, uint32_t line)
{
	return (struct mxg_line6 *)(void *)table->memory + line;
}

static uint32_t all_lines(uint32_t homes)
{
	return homes + MXG_LINES_PROBED - 1;
}

uint32_t table_lines(const struct table *table)
{
	return all_lines(table->head.lines);
}

uint32_t table_max(const struct table *table)
{
	return table->head.max;
}

uint64_t table_base_ns(const struct table *table)
{
	return table->head.base_ns;
}

uint64_t table_seed(const struct table *table)
{
	return table->head.seed;
}

void table_reseed(struct table *table, uint64_t seed)
{
	if (table->count > 0)
		return;
	table->head.seed = seed;
	TABLE_STORE(&((struct mxg_table *)(void *)table->memory)->seed, seed);
}

static unsigned int slots_of(unsigned int family)
{
	return family == 4 ? MXG_LINE4_SLOTS : MXG_LINE6_SLOTS;
}

static uint8_t *beyond(const struct table *table, uint32_t line)
{
	return table->family == 4 ? &line4(table, line)->beyond : &line6(table, line)->beyond;
}

static uint8_t *hits(const struct table *table, const struct place *place)
{
	return table->family == 4 ? &line4(table, place->line)->hits[place->slot]
				  : &line6(table, place->line)->hits[place->slot];
}

static uint64_t *word(const struct table *table, const struct place *place)
{
	return (uint64_t *)(table->family == 4
				    ? &line4(table, place->line)->word[place->slot]
				    : &line6(table, place->line)->slot[place->slot].word);
}

static uint32_t state(const struct table *table, const struct place *place)
{
	return (uint32_t)*word(table, place);
}

static struct mxg_notes4 *notes4(const struct table *table, uint32_t line)
{
	return (struct mxg_notes4 *)(void *)table->memory + table_lines(table) + line;
}

static struct mxg_notes6 *notes6(const struct table *table, uint32_t line)
{
	uint32_t at = 1 + table_lines(table) + (line - 1) / MXG_NOTES6_LINES;

	return (struct mxg_notes6 *)(void *)table->memory + at;
}

static uint32_t *note(const struct table *table, const struct place *place)
{
	unsigned int row = (place->line - 1) % MXG_NOTES6_LINES;

	return table->family == 4 ? &notes4(table, place->line)->slot[place->slot].note
				  : &notes6(table, place->line)->note[row][place->slot];
}

static uint32_t *due(const struct table *table, uint32_t line)
{
	uint32_t first = line - (line - 1) % BLOCK_LINES;

	return table->family == 4 ? &notes4(table, first)->due : &notes6(table, first)->due;
}

size_t table_element_size(unsigned int family)
{
	return family == 4 ? sizeof(struct mxg_line4) : sizeof(struct mxg_line6);
}

static uint32_t homes_for(unsigned int family, uint32_t max)
{
	uint32_t percent = family == 4 ? LOAD4_PERCENT : LOAD6_PERCENT;

	return (uint32_t)(1 + (uint64_t)max * 100 / (percent * slots_of(family)));
}

static uint32_t elements_for(unsigned int family, uint32_t homes)
{
	uint32_t lines = all_lines(homes);

	return 1 + lines +
	       (family == 4 ? lines : (lines + MXG_NOTES6_LINES - 1) / MXG_NOTES6_LINES);
}

uint32_t table_elements(unsigned int family, uint32_t max)
{
	return elements_for(family, homes_for(family, max));
}

void table_format(unsigned int family, void *memory, uint32_t max, uint64_t base_ns, uint64_t seed)
{
	struct mxg_table *begun = memory;

	begun->base_ns = base_ns;
	begun->seed = seed;
	begun->lines = homes_for(family, max);
	begun->max = max;
}

/* --- time and hits -------------------------------------------------------------------------- */

static uint32_t units_of(const struct table *table, uint64_t ns)
{
	uint64_t base_ns = table->head.base_ns, units;

	if (ns <= base_ns)
		return 0;
	units = (ns - base_ns) >> MXG_UNIT_SHIFT;
	return units < MXG_UNITS_MAX ? (uint32_t)units : MXG_UNITS_MAX;
}

/* What units_of() cut off. */
static uint32_t part_of(const struct table *table, uint64_t ns)
{
	uint64_t base_ns = table->head.base_ns;

	if (ns <= base_ns || (ns - base_ns) >> MXG_UNIT_SHIFT >= MXG_UNITS_MAX)
		return 0;
	return (uint32_t)((ns - base_ns) & (UNIT_NS - 1));
}

static uint64_t ns_of(const struct table *table, uint32_t units)
{
	return table->head.base_ns + ((uint64_t)units << MXG_UNIT_SHIFT);
}

static uint32_t units_up(const struct table *table, uint64_t ns)
{
	uint32_t units = units_of(table, ns);

	return units < MXG_UNITS_MAX && part_of(table, ns) ? units + 1 : units;
}

static uint32_t hits_in(uint8_t byte)
{
	unsigned int over = byte - MXG_HITS_EXACT, eighths = over & ((1U << STEP_SHIFT) - 1);

	if (byte < MXG_HITS_EXACT)
		return byte;
	return (MXG_HITS_EXACT + eighths * (MXG_HITS_EXACT >> STEP_SHIFT)) << (over >> STEP_SHIFT);
}

/* The largest byte that says no more than this. */
static uint8_t hits_byte(uint32_t number)
{
	unsigned int byte = 0;

	if (number < MXG_HITS_EXACT)
		return (uint8_t)number;
	for (unsigned int bit = 1U << 7; bit; bit >>= 1)
		if (hits_in((uint8_t)(byte | bit)) <= number)
			byte |= bit;
	return (uint8_t)byte;
}

/* --- slots ---------------------------------------------------------------------------------- */

static bool is_addr(const struct table *table, const struct place *place, const struct addr *addr)
{
	if (state(table, place) == 0)
		return false;
	if (table->family == 4) {
		uint32_t key = (uint32_t)(*word(table, place) >> 32);

		return memcmp(&key, addr->bytes, sizeof(key)) == 0;
	}
	return memcmp(line6(table, place->line)->slot[place->slot].key, addr->bytes, 16) == 0;
}

static void addr_at(const struct table *table, const struct place *place, struct addr *ret)
{
	uint32_t key = (uint32_t)(*word(table, place) >> 32);

	if (table->family == 4)
		addr_from_bytes(4, (const uint8_t *)&key, ret);
	else
		addr_from_bytes(
			6, (const uint8_t *)line6(table, place->line)->slot[place->slot].key, ret);
}

static uint32_t home_of(const struct table *table, const struct addr *addr)
{
	__u64 key6[2];
	uint32_t key4;

	if (table->family == 4) {
		memcpy(&key4, addr->bytes, sizeof(key4));
		return mxg_home4(&table->head, key4);
	}
	memcpy(key6, addr->bytes, sizeof(key6));
	return mxg_home6(&table->head, key6);
}

static void verdict_at(const struct table *table, const struct place *place,
		       struct mxg_verdict *ret)
{
	uint32_t bits = state(table, place), kept = *note(table, place);

	memset(ret, 0, sizeof(*ret));
	if (table->family == 4)
		ret->expires_ns =
			notes4(table, place->line)->slot[place->slot].part_ns & (UNIT_NS - 1);
	else
		ret->expires_ns = *word(table, place) >> MXG_WORD6_PART_SHIFT << PART6_SHIFT;
	ret->expires_ns += ns_of(table, bits >> MXG_STATE_UNITS_SHIFT);
	ret->refresh_ns = ns_of(table, kept >> NOTE_BITS);
	ret->note = (__u8)kept;
	ret->hits = hits_in(*hits(table, place));
	ret->action = bits & MXG_STATE_ACTION;
	ret->reason = bits >> MXG_STATE_REASON_SHIFT & MXG_STATE_REASON;
}

static uint32_t state_of(const struct table *table, const struct mxg_verdict *verdict,
			 uint64_t now_ns)
{
	return units_of(table, verdict->expires_ns) << MXG_STATE_UNITS_SHIFT |
	       (verdict->refresh_ns <= now_ns ? MXG_STATE_REFRESH : 0) |
	       (uint32_t)verdict->reason << MXG_STATE_REASON_SHIFT | verdict->action;
}

/* The word's upper half when the slot is used once more. */
static uint64_t next_use(const struct table *table, const struct place *place)
{
	return (uint64_t)(uint16_t)((*word(table, place) >> MXG_WORD6_USE_SHIFT) + 1)
	       << MXG_WORD6_USE_SHIFT;
}

/* An address in a free slot, or again in its own: the word comes last. */
static void write_slot(struct table *table, const struct place *place, const struct addr *addr,
		       const struct mxg_verdict *verdict, uint64_t now_ns)
{
	uint32_t part = part_of(table, verdict->expires_ns), key4;
	uint64_t bits = state_of(table, verdict, now_ns), key6[2];
	struct mxg_slot6 *slot;

	*note(table, place) = units_up(table, verdict->refresh_ns) << NOTE_BITS | verdict->note;
	*due(table, place->line) =
		min_u32(*due(table, place->line), *note(table, place) >> NOTE_BITS);
	if (table->family == 4) {
		notes4(table, place->line)->slot[place->slot].part_ns = part;
		memcpy(&key4, addr->bytes, sizeof(key4));
		TABLE_STORE(word(table, place), (uint64_t)key4 << 32 | bits);
		return;
	}
	if (!is_addr(table, place, addr)) {
		slot = &line6(table, place->line)->slot[place->slot];
		memcpy(key6, addr->bytes, sizeof(key6));
		TABLE_STORE(&slot->key[0], key6[0]);
		TABLE_STORE(&slot->key[1], key6[1]);
	}
	TABLE_STORE(word(table, place),
		    next_use(table, place) |
			    (uint64_t)(part >> PART6_SHIFT) << MXG_WORD6_PART_SHIFT | bits);
}

/* The entries that were led past the lines before place: one more or less. */
static void lead(const struct table *table, const struct place *place, int change)
{
	for (uint32_t line = place->line - place->led; line < place->line; line++) {
		uint8_t *count = beyond(table, line);

		if (*count < MXG_BEYOND_MAX)
			TABLE_STORE(count, (uint8_t)(*count + change));
	}
}

static void clear_slot(struct table *table, const struct place *place)
{
	TABLE_STORE(word(table, place), table->family == 4 ? 0 : next_use(table, place));
	lead(table, place, -1);
	table->led[place->led]--;
	table->count--;
}

static void fill_slot(struct table *table, const struct place *place, const struct addr *addr,
		      const struct mxg_verdict *verdict, uint64_t now_ns)
{
	lead(table, place, 1);
	TABLE_STORE(hits(table, place), hits_byte(verdict->hits));
	write_slot(table, place, addr, verdict, now_ns);
	table->led[place->led]++;
	table->count++;
}

/* --- finding -------------------------------------------------------------------------------- */

/* The slot of the address in that line; their number if it is in none. */
static unsigned int slot_of4(const struct mxg_line4 *line, const struct addr *addr)
{
	unsigned int slot = 0;
	uint32_t key;

	memcpy(&key, addr->bytes, sizeof(key));
	while (slot < MXG_LINE4_SLOTS &&
	       ((uint32_t)(line->word[slot] >> 32) != key || (uint32_t)line->word[slot] == 0))
		slot++;
	return slot;
}

static unsigned int slot_of6(const struct mxg_line6 *line, const struct addr *addr)
{
	unsigned int slot = 0;

	while (slot < MXG_LINE6_SLOTS && ((uint32_t)line->slot[slot].word == 0 ||
					  memcmp(line->slot[slot].key, addr->bytes, 16) != 0))
		slot++;
	return slot;
}

static bool find_from(const struct table *table, uint32_t home, const struct addr *addr,
		      struct place *ret)
{
	for (unsigned int led = 0; led < MXG_LINES_PROBED; led++) {
		uint32_t line = home + led;
		unsigned int slot = table->family == 4 ? slot_of4(line4(table, line), addr)
						       : slot_of6(line6(table, line), addr);

		if (slot < slots_of(table->family)) {
			*ret = (struct place){.line = line, .slot = slot, .led = led};
			return true;
		}
		if (*beyond(table, line) == 0)
			return false;
	}
	return false;
}

static bool find(const struct table *table, const struct addr *addr, struct place *ret)
{
	return find_from(table, home_of(table, addr), addr, ret);
}

/* The nearest free slot among so many lines from home. */
static bool find_free(const struct table *table, uint32_t home, unsigned int lines,
		      struct place *ret)
{
	for (unsigned int led = 0; led < lines; led++) {
		struct place at = {.line = home + led, .led = led};

		for (; at.slot < slots_of(table->family); at.slot++)
			if (state(table, &at) == 0) {
				*ret = at;
				return true;
			}
	}
	return false;
}

static struct place place_of(const struct table *table, uint32_t line, unsigned int slot)
{
	struct place at = {.line = line, .slot = slot};
	struct addr addr;

	addr_at(table, &at, &addr);
	at.led = line - home_of(table, &addr);
	return at;
}

/* The entry goes to a free place on its own way; the gate may miss it once meanwhile. */
static void move(struct table *table, const struct place *from, struct place *to)
{
	struct mxg_verdict verdict;
	bool is_due = state(table, from) & MXG_STATE_REFRESH;
	struct addr addr;

	addr_at(table, from, &addr);
	verdict_at(table, from, &verdict);
	to->led = from->led + to->line - from->line;
	fill_slot(table, to, &addr, &verdict, is_due ? verdict.refresh_ns : 0);
	clear_slot(table, from);
}

/* Of the entries that were led past the line of a free place, the furthest. */
static bool find_led(const struct table *table, const struct place *free, struct place *ret)
{
	bool is_found = false;

	for (uint32_t line = free->line; line < table_lines(table) && *beyond(table, line) &&
					 line + 1 < free->line + MXG_LINES_PROBED;
	     line++)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			struct place at = place_of(table, line + 1, slot);

			if (state(table, &at) == 0 || at.led < at.line - free->line)
				continue;
			*ret = at;
			is_found = true;
		}
	return is_found;
}

/*
 * The entry goes, and nobody stays further from home for its sake: else coming and going
 * would leave half of the entries of a full table away from home, and some without a place.
 */
static void take_out(struct table *table, const struct place *place)
{
	struct place free = *place, at;

	clear_slot(table, place);
	while (find_led(table, &free, &at)) {
		move(table, &at, &free);
		free = at;
	}
}

/* Takes one that has expired out of the address's way, if there is one. */
static bool drop_expired(struct table *table, uint32_t home, uint64_t now_ns)
{
	for (uint32_t line = home; line < home + MXG_LINES_PROBED; line++)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			struct place at = {.line = line, .slot = slot};

			if (state(table, &at) == 0 ||
			    units_of(table, now_ns) < state(table, &at) >> MXG_STATE_UNITS_SHIFT)
				continue;
			at = place_of(table, line, slot);
			take_out(table, &at);
			return true;
		}
	return false;
}

static void hand_on(const struct table *table, const struct place *from);

/* Some entry from before the free place goes there, from as far as one may. */
static bool pull(struct table *table, struct place *free)
{
	uint32_t first = free->line < MXG_LINES_PROBED ? 1 : free->line - MXG_LINES_PROBED + 1;

	for (uint32_t line = first; line < free->line; line++)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			struct place at = place_of(table, line, slot);

			if (at.led + free->line - line >= MXG_LINES_PROBED)
				continue;
			move(table, &at, free);
			/* Perhaps from where the heir is still to get it to where it has been. */
			hand_on(table, free);
			*free = (struct place){.line = line, .slot = slot};
			return true;
		}
	return false;
}

/* Brings the nearest free place within reach of home, step by step (as in hopscotch hashing). */
static bool make_room(struct table *table, uint32_t home)
{
	uint32_t left = 1 + table_lines(table) - home;
	struct place free;

	if (!find_free(table, home, min_u32(left, SEARCHED), &free))
		return false;
	while (free.line >= home + MXG_LINES_PROBED)
		if (!pull(table, &free))
			return false;
	return true;
}

/* --- the table ------------------------------------------------------------------------------ */

int table_get(const struct table *table, const struct addr *addr, struct mxg_verdict *ret)
{
	struct place at;

	if (!find(table, addr, &at))
		return -ENOENT;
	verdict_at(table, &at, ret);
	return 0;
}

static bool find_place(struct table *table, uint32_t home, uint64_t now_ns, struct place *ret)
{
	if (table->count >= table_max(table) && !drop_expired(table, home, now_ns))
		return false;
	if (find_free(table, home, MXG_LINES_PROBED, ret))
		return true;
	drop_expired(table, home, now_ns);
	return make_room(table, home) && find_free(table, home, MXG_LINES_PROBED, ret);
}

/* --- growth: the heir ----------------------------------------------------------------------- */

/* Once an heir is ready for entries, every change goes there, too. */
static struct table *heir_of(const struct table *table)
{
	return table->readied > 0 && table->readied >= table_lines(table->heir) ? table->heir
										: NULL;
}

/* The entry as it is now, whether the heir has an older form of it or none. */
static void hand_on(const struct table *table, const struct place *from)
{
	bool is_due = state(table, from) & MXG_STATE_REFRESH;
	struct table *heir = heir_of(table);
	struct mxg_verdict verdict;
	struct addr addr;
	struct place at;
	uint64_t now_ns;

	if (!heir)
		return;
	addr_at(table, from, &addr);
	verdict_at(table, from, &verdict);
	now_ns = is_due ? verdict.refresh_ns : 0;
	if (find(heir, &addr, &at)) {
		write_slot(heir, &at, &addr, &verdict, now_ns);
		TABLE_STORE(hits(heir, &at), hits_byte(verdict.hits));
	} else if (find_place(heir, home_of(heir, &addr), now_ns, &at)) {
		fill_slot(heir, &at, &addr, &verdict, now_ns);
	} else {
		heir->refused++;
	}
}

/* Nothing in it is due before it is put there: nobody has to look through it for that. */
static void ready_lines(struct table *table)
{
	struct table *heir = table->heir;
	uint32_t end = min_u32(table->readied + READY_LINES, table_lines(heir));

	for (uint32_t line = table->readied + 1; line <= end; line += BLOCK_LINES)
		*due(heir, line) = MXG_UNITS_MAX;
	table->readied = end;
}

/* From the end to the first line, as entries that go nearer to their home go. */
static void hand_on_lines(struct table *table, uint64_t now_ns)
{
	uint32_t left = table->handing > HAND_LINES ? table->handing - HAND_LINES : 0;
	uint32_t now = units_of(table, now_ns);
	struct place at;

	for (uint32_t line = table->handing; line > left; line--)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			at = (struct place){.line = line, .slot = slot};
			if (state(table, &at) >> MXG_STATE_UNITS_SHIFT > now)
				hand_on(table, &at);
		}
	table->handing = left;
}

void table_grow_begin(struct table *table, struct table *heir)
{
	table->heir = heir;
	table->readied = 0;
	table->handing = table_lines(table);
}

bool table_grow_step(struct table *table, uint64_t now_ns)
{
	if (!heir_of(table))
		ready_lines(table);
	else
		hand_on_lines(table, now_ns);
	return table->handing > 0;
}

void table_grow_end(struct table *table)
{
	table->heir = NULL;
	table->readied = table->handing = 0;
}

/* --- putting and deleting ------------------------------------------------------------------- */

/*
 * Hits count how often its source was told what is in force now. Of an action that tells
 * nobody why, or of one that has expired, none were.
 */
static bool begins_to_tell(const struct table *table, const struct place *was,
			   const struct mxg_verdict *verdict, uint64_t now_ns)
{
	uint32_t old = state(table, was);

	return verdict->action == MXG_ACTION_REJECT &&
	       ((old & MXG_STATE_ACTION) != MXG_ACTION_REJECT ||
		old >> MXG_STATE_UNITS_SHIFT <= units_of(table, now_ns));
}

/* In its place, or in one nearer to its home that has become free: in *was afterwards. */
static void renew(struct table *table, struct place *was, const struct addr *addr,
		  const struct mxg_verdict *verdict, uint64_t now_ns)
{
	struct mxg_verdict renewed = *verdict;
	uint8_t counted = *hits(table, was);
	struct place nearer;

	if (begins_to_tell(table, was, verdict, now_ns)) {
		counted = 0;
		TABLE_STORE(hits(table, was), 0);
	}
	renewed.hits += min_u32(hits_in(counted), UINT32_MAX - verdict->hits);
	if (find_free(table, was->line - was->led, was->led, &nearer)) {
		fill_slot(table, &nearer, addr, &renewed, now_ns);
		clear_slot(table, was);
		*was = nearer;
		return;
	}
	write_slot(table, was, addr, verdict, now_ns);
	if (verdict->hits)
		TABLE_STORE(hits(table, was), hits_byte(renewed.hits));
}

int table_put(struct table *table, const struct addr *addr, const struct mxg_verdict *verdict,
	      uint64_t now_ns)
{
	uint32_t home = home_of(table, addr);
	struct place at;

	if (verdict->action > MXG_STATE_ACTION || verdict->reason > MXG_STATE_REASON ||
	    verdict->reason == MXG_REASON_NONE)
		return -EINVAL;
	if (find_from(table, home, addr, &at)) {
		renew(table, &at, addr, verdict, now_ns);
	} else if (find_place(table, home, now_ns, &at)) {
		fill_slot(table, &at, addr, verdict, now_ns);
	} else {
		table->refused++;
		return -E2BIG;
	}
	hand_on(table, &at);
	return 0;
}

/*
 * What a put looks at and writes, if the address has room at home. Always inlined: a function
 * that only fetches is one without effect to gcc, which leaves its calls out.
 */
static inline __attribute__((always_inline)) void fetch(const struct table *table,
							const struct addr *addr)
{
	struct place home = {.line = home_of(table, addr)};

	__builtin_prefetch(beyond(table, home.line), 1);
	if (table->family == 6)
		__builtin_prefetch(&line6(table, home.line)->slot[MXG_LINE6_SLOTS - 1], 1);
	__builtin_prefetch(note(table, &home), 1);
	__builtin_prefetch(due(table, home.line), 1);
}

int table_put_many(struct table *table, const struct table_entry *entries, int count,
		   uint64_t now_ns)
{
	int placed = 0;

	for (int i = 0; i < count && i < FETCH_AHEAD; i++)
		fetch(table, &entries[i].addr);
	for (int i = 0; i < count; i++) {
		if (i + FETCH_AHEAD < count)
			fetch(table, &entries[i + FETCH_AHEAD].addr);
		placed += table_put(table, &entries[i].addr, &entries[i].verdict, now_ns) == 0;
	}
	return placed;
}

int table_del(struct table *table, const struct addr *addr)
{
	struct place at;

	if (heir_of(table))
		table_del(heir_of(table), addr);
	if (!find(table, addr, &at))
		return -ENOENT;
	take_out(table, &at);
	return 0;
}

int table_next(const struct table *table, uint32_t *line, struct table_entry *entries, int max)
{
	int slots = (int)slots_of(table->family), n = 0;

	for (; *line < table_lines(table) && (n == 0 || n + slots <= max); ++*line)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			struct place at = {.line = table_lines(table) - *line, .slot = slot};

			if (state(table, &at) == 0)
				continue;
			addr_at(table, &at, &entries[n].addr);
			verdict_at(table, &at, &entries[n++].verdict);
		}
	return n;
}

/* Marks what is due; the first refresh time of those that are not. */
static uint32_t mark_line(const struct table *table, uint32_t line, uint32_t now)
{
	struct place at = {.line = line};
	uint32_t first = MXG_UNITS_MAX;

	for (; at.slot < slots_of(table->family); at.slot++) {
		uint32_t units = *note(table, &at) >> NOTE_BITS;

		if (state(table, &at) == 0 || state(table, &at) & MXG_STATE_REFRESH)
			continue;
		if (units <= now)
			TABLE_STORE(word(table, &at), *word(table, &at) | MXG_STATE_REFRESH);
		else
			first = min_u32(first, units);
	}
	return first;
}

void table_mark_due(struct table *table, uint64_t now_ns)
{
	uint32_t now = units_of(table, now_ns), end, first;

	for (uint32_t line = 1; line <= table_lines(table); line += BLOCK_LINES) {
		if (*due(table, line) > now)
			continue;
		end = min_u32(line + BLOCK_LINES, table_lines(table) + 1);
		first = MXG_UNITS_MAX;
		for (uint32_t at = line; at < end; at++)
			first = min_u32(first, mark_line(table, at, now));
		*due(table, line) = first;
	}
}

void table_forget_hits(struct table *table, enum mxg_action action)
{
	struct place at;

	if (heir_of(table))
		table_forget_hits(heir_of(table), action);
	for (at.line = 1; at.line <= table_lines(table); at.line++)
		for (at.slot = 0; at.slot < slots_of(table->family); at.slot++)
			if (state(table, &at) && (state(table, &at) & MXG_STATE_ACTION) == action)
				TABLE_STORE(hits(table, &at), 0);
}

/* --- beginning, and beginning anew ---------------------------------------------------------- */

static bool is_sound(unsigned int family, const struct mxg_table *begun, uint32_t elements)
{
	return begun->lines > 0 && begun->lines < UINT32_MAX / 4 && begun->max > 0 &&
	       homes_for(family, begun->max) == begun->lines &&
	       elements_for(family, begun->lines) == elements;
}

/*
 * Of an entry that was being moved there are two, and the further is the older. One that
 * is where it cannot be found is nobody's.
 */
static bool is_whole(const struct table *table, const struct place *at)
{
	struct place first;
	struct addr addr;

	addr_at(table, at, &addr);
	return at->led < MXG_LINES_PROBED && find(table, &addr, &first) && first.line == at->line &&
	       first.slot == at->slot;
}

/* All that may be led past anybody is taken to be so, until it has been counted. */
static void count_places(struct table *table, uint8_t *led_past)
{
	uint32_t lines = table_lines(table);
	struct place at;

	for (uint32_t line = 1; line <= lines; line++) {
		TABLE_STORE(beyond(table, line), (uint8_t)MXG_BEYOND_MAX);
		*due(table, line) = 0;
	}
	for (uint32_t line = 1; line <= lines; line++)
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			at = (struct place){.line = line, .slot = slot};
			if (state(table, &at) == 0)
				continue;
			at = place_of(table, line, slot);
			if (!is_whole(table, &at)) {
				TABLE_STORE(word(table, &at),
					    table->family == 4 ? 0 : next_use(table, &at));
				continue;
			}
			table->count++;
			table->led[at.led]++;
			for (uint32_t past = line - at.led; past < line; past++)
				led_past[past] =
					(uint8_t)min_u32(led_past[past] + 1U, MXG_BEYOND_MAX);
		}
	for (uint32_t line = 1; line <= lines; line++)
		TABLE_STORE(beyond(table, line), led_past[line]);
}

/* Each word once: the memory is shared with processes that have less rights. */
static struct mxg_table head_of(const volatile struct mxg_table *memory)
{
	return (struct mxg_table){.base_ns = memory->base_ns,
				  .seed = memory->seed,
				  .lines = memory->lines,
				  .max = memory->max};
}

int table_watch(struct table *table, unsigned int family, void *memory, uint32_t elements)
{
	struct mxg_table begun;

	if (elements == 0)
		return -EINVAL;
	begun = head_of(memory);
	if (!is_sound(family, &begun, elements))
		return -EINVAL;
	*table = (struct table){.family = family, .memory = memory, .head = begun};
	return 0;
}

int table_init(struct table *table, unsigned int family, void *memory, uint32_t elements)
{
	struct table begun;
	uint8_t *led_past;
	int err = table_watch(&begun, family, memory, elements);

	if (err < 0)
		return err;
	led_past = calloc(table_lines(&begun) + 1, 1);
	if (!led_past)
		return -ENOMEM;
	count_places(&begun, led_past);
	free(led_past);
	*table = begun;
	return 0;
}

static uint32_t earlier(uint32_t units, uint32_t by)
{
	return units > by ? units - by : 0;
}

void table_rebase(struct table *table, uint64_t now_ns)
{
	uint32_t by = units_of(table, now_ns), bits;
	struct place at;

	for (uint32_t line = 1; line <= table_lines(table); line++) {
		*due(table, line) = 0;
		for (unsigned int slot = 0; slot < slots_of(table->family); slot++) {
			at = (struct place){.line = line, .slot = slot};
			bits = state(table, &at);
			if (bits == 0)
				continue;
			if (bits >> MXG_STATE_UNITS_SHIFT <= by) {
				at = place_of(table, line, slot);
				clear_slot(table, &at);
				continue;
			}
			*note(table, &at) = earlier(*note(table, &at) >> NOTE_BITS, by)
						    << NOTE_BITS |
					    (*note(table, &at) & ((1U << NOTE_BITS) - 1));
			TABLE_STORE(word(table, &at),
				    *word(table, &at) - ((uint64_t)by << MXG_STATE_UNITS_SHIFT));
		}
	}
	table->head.base_ns = ns_of(table, by);
	TABLE_STORE(&((struct mxg_table *)(void *)table->memory)->base_ns, table->head.base_ns);
}
