/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/min.h"
#include "base/pages.h"

#define SETS        2048u /* of zones remembered, of each family, by a keyed hash */
#define FAMILIES    2
#define WAYS        4u
#define WATCHED_MAX BREAKER_WATCHED_MAX
#define FLIPPED_MAX 4
#define ACTIVE_MAX  256 /* zones that are open or being looked at */
#define LEVELS      2
#define ROUND_SEC   30 /* between two looks at the canaries of an open scope */
#define BY_CANARIES "canaries"
#define SLACK_SEC   2 /* TTLs are whole seconds, and answers take their time */

/* How reverse zones are cut, the narrowest first. */
static const uint8_t CUT4[LEVELS] = {24, 16}, CUT6[LEVELS] = {48, 32};

struct watched {
	struct addr addr;
	bool is_bad;
	uint32_t at_sec;     /* when that was found */
	uint32_t memory_sec; /* of a good one: until then a resolver may say so from memory */
	uint32_t ttl_sec;    /* the longest that its record was seen to live */
};

/* One that was good from memory when it was asked: it has its say when that is over. */
struct silent {
	struct addr addr;
	bool is_good; /* it has had it */
	uint32_t memory_sec, ttl_sec;
};

struct scope {
	struct prefix prefix;
	const char *cause; /* while it is open */
	uint32_t opened_sec;
	uint32_t flips, stays; /* when it opened */
	uint32_t round_sec;    /* begin of the last round of looks */
	uint32_t touched_sec;
	uint32_t flip_sec;   /* the last flip */
	uint32_t memory_sec; /* so long a resolver may repeat what is bad there, at most */
	bool is_active;
	uint8_t count, next; /* of watched; next is where the oldest is */
	uint8_t at;          /* of the round: what is looked at next */
	struct watched watched[WATCHED_MAX];
	uint8_t flipped_count;
	struct watched flipped[FLIPPED_MAX]; /* flips that found no place there, oldest first */
	uint8_t silent_count;
	struct silent silent[WATCHED_MAX];
};

struct breaker {
	struct breaker_conf conf;
	uint64_t seed;
	breaker_fn on_change;
	void *user;
	struct scope total;
	uint32_t window_sec; /* begin of the present window */
	uint32_t flips[2], stays[2];
	uint32_t networks[2]; /* in which flips were */
	struct canaries canaries;
	struct aftermath aftermath;
	struct scope *active[ACTIVE_MAX];
	unsigned int active_count, active_at; /* whose turn it is */
	struct scope scopes[FAMILIES * SETS * WAYS];
};

const char *breaker_scope_name(const struct breaker_info *info, char buf[static BREAKER_SCOPE_MAX])
{
	if (info->scope.addr.family == 0)
		return strcpy(buf, "everything");
	return prefix_format(&info->scope, buf);
}

struct breaker *breaker_new(const struct breaker_conf *conf, uint64_t seed, breaker_fn on_change,
			    void *user)
{
	struct breaker *breaker = pages_new(sizeof(*breaker));

	if (!breaker)
		return NULL;
	breaker->conf = *conf;
	breaker->seed = seed;
	breaker->on_change = on_change;
	breaker->user = user;
	canaries_init(&breaker->canaries, conf->canaries, conf->canary_count, conf->longest_sec);
	return breaker;
}

void breaker_free(struct breaker *breaker)
{
	pages_free(breaker, sizeof(*breaker));
}

/* --- scopes ------------------------------------------------------------------------- */

static struct prefix cut(const struct addr *addr, unsigned int level)
{
	uint8_t bits = addr->family == 4 ? CUT4[level] : CUT6[level];
	struct prefix prefix = {.addr.family = addr->family, .bits = bits};

	memcpy(prefix.addr.bytes, addr->bytes, bits / 8u);
	return prefix;
}

static struct scope *set_of(const struct breaker *breaker, const struct prefix *prefix)
{
	uint64_t hash = hash_bytes(breaker->seed, prefix, sizeof(*prefix));

	/* Who has a large IPv6 network could crowd out all of IPv4. */
	hash = (hash & (SETS - 1)) + (prefix->addr.family == 6 ? SETS : 0);
	return (struct scope *)&breaker->scopes[hash * WAYS];
}

static struct scope *find_in(struct scope *set, const struct prefix *prefix)
{
	for (unsigned int i = 0; i < WAYS; i++)
		if (prefix_equal(&set[i].prefix, prefix))
			return &set[i];
	return NULL;
}

static struct scope *find(const struct breaker *breaker, const struct addr *addr,
			  unsigned int level)
{
	struct prefix prefix = cut(addr, level);

	return find_in(set_of(breaker, &prefix), &prefix);
}

/* The scope of addr at this level; NULL when its places are taken by active ones. */
static struct scope *get(struct breaker *breaker, const struct addr *addr, unsigned int level)
{
	struct prefix prefix = cut(addr, level);
	struct scope *set = set_of(breaker, &prefix), *scope = find_in(set, &prefix);

	if (scope)
		return scope;
	for (unsigned int i = 0; i < WAYS; i++)
		if (!set[i].is_active && (!scope || set[i].touched_sec < scope->touched_sec))
			scope = &set[i];
	if (!scope)
		return NULL;
	memset(scope, 0, sizeof(*scope));
	scope->prefix = prefix;
	return scope;
}

/* The open scope that covers addr, the one opened first; or NULL. */
static const struct scope *covering(const struct breaker *breaker, const struct addr *addr)
{
	const struct scope *best = breaker->total.opened_sec ? &breaker->total : NULL, *scope;

	/* The usual case costs no lookup. */
	for (unsigned int level = 0; breaker->active_count > 0 && level < LEVELS; level++) {
		scope = find(breaker, addr, level);
		if (scope && scope->opened_sec && (!best || scope->opened_sec < best->opened_sec))
			best = scope;
	}
	return best;
}

static void roll_window(struct breaker *breaker, uint32_t now_sec)
{
	uint32_t gone = now_sec - breaker->window_sec;

	if (gone < breaker->conf.window_sec)
		return;
	breaker->flips[1] = gone < 2 * breaker->conf.window_sec ? breaker->flips[0] : 0;
	breaker->stays[1] = gone < 2 * breaker->conf.window_sec ? breaker->stays[0] : 0;
	breaker->networks[1] = gone < 2 * breaker->conf.window_sec ? breaker->networks[0] : 0;
	breaker->flips[0] = breaker->stays[0] = breaker->networks[0] = 0;
	breaker->window_sec = now_sec;
}

static struct watched *watched_find(struct watched *list, unsigned int count,
				    const struct addr *addr)
{
	for (unsigned int i = 0; i < count; i++)
		if (addr_equal(&list[i].addr, addr))
			return &list[i];
	return NULL;
}

/* Among those watched; a new one takes the place of the oldest. */
static struct watched *watch(struct scope *scope, const struct addr *addr, bool is_bad,
			     uint32_t now_sec)
{
	struct watched *at = watched_find(scope->watched, scope->count, addr);

	if (!at) {
		at = &scope->watched[scope->next];
		scope->next = (uint8_t)((scope->next + 1) % WATCHED_MAX);
		if (scope->count < WATCHED_MAX)
			scope->count++;
		*at = (struct watched){.addr = *addr};
	}
	at->is_bad = is_bad;
	at->at_sec = now_sec;
	return at;
}

static void unwatch(struct scope *scope, const struct watched *watched)
{
	uint8_t i = (uint8_t)(watched - scope->watched);

	scope->count--;
	memmove(&scope->watched[i], &scope->watched[i + 1],
		(size_t)(scope->count - i) * sizeof(*watched));
	scope->next = scope->count;
	if (scope->at > i)
		scope->at--;
}

static struct silent *silent_find(struct scope *scope, const struct addr *addr)
{
	for (unsigned int i = 0; i < scope->silent_count; i++)
		if (addr_equal(&scope->silent[i].addr, addr))
			return &scope->silent[i];
	return NULL;
}

static void silence(struct scope *scope, const struct watched *at)
{
	if (scope->silent_count == WATCHED_MAX || silent_find(scope, &at->addr))
		return;
	scope->silent[scope->silent_count++] = (struct silent){
		.addr = at->addr, .memory_sec = at->memory_sec, .ttl_sec = at->ttl_sec};
}

/* It has turned bad, or has spoken. */
static void unsilence(struct scope *scope, const struct addr *addr)
{
	struct silent *at = silent_find(scope, addr);

	if (at)
		*at = scope->silent[--scope->silent_count];
}

/* Whatever a resolver learned of it before the scope opened has run out. */
static bool may_speak(const struct scope *scope, const struct silent *silent, uint32_t now_sec)
{
	return now_sec >= silent->memory_sec && now_sec - scope->opened_sec >= silent->ttl_sec;
}

static unsigned int count_good(const struct watched *list, unsigned int count)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < count; i++)
		good += !list[i].is_bad;
	return good;
}

/* --- opening and closing -------------------------------------------------------------- */

static struct breaker_info info_of(const struct breaker *breaker, const struct scope *scope)
{
	struct breaker_info info = {
		.scope = scope->prefix,
		.cause = scope->cause,
		.opened_sec = scope->opened_sec,
		.flips = scope->flips,
		.stays = scope->stays,
		.canaries = scope->count,
		.recovered = count_good(scope->watched, scope->count),
	};

	if (scope == &breaker->total) {
		info.canaries += canaries_counted(&breaker->canaries);
		info.recovered += canaries_recovered(&breaker->canaries);
	}
	return info;
}

static void deactivate(struct breaker *breaker, struct scope *scope)
{
	for (unsigned int i = 0; i < breaker->active_count; i++) {
		if (breaker->active[i] != scope)
			continue;
		breaker->active[i] = breaker->active[--breaker->active_count];
		break;
	}
	scope->is_active = false;
}

/* Puts the zone among those to look after; false when as many are open already. */
static bool activate(struct breaker *breaker, struct scope *scope)
{
	if (scope->is_active)
		return true;
	for (unsigned int i = 0; breaker->active_count == ACTIVE_MAX && i < ACTIVE_MAX; i++)
		if (!breaker->active[i]->opened_sec)
			deactivate(breaker, breaker->active[i]);
	if (breaker->active_count == ACTIVE_MAX)
		return false;
	breaker->active[breaker->active_count++] = scope;
	scope->is_active = true;
	return true;
}

/* What was bad two windows ago and nobody has looked at since is no news. */
static bool is_newly_bad(const struct breaker *breaker, const struct watched *watched,
			 uint32_t now_sec)
{
	return watched->is_bad && now_sec - watched->at_sec < 2 * breaker->conf.window_sec;
}

/* Those that turned bad are the ones whose recovery counts; who ended before that has none. */
static void keep_bad(const struct breaker *breaker, struct scope *scope, uint32_t now_sec)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < scope->count; i++)
		if (is_newly_bad(breaker, &scope->watched[i], now_sec))
			scope->watched[kept++] = scope->watched[i];
	scope->count = kept;
	scope->next = (uint8_t)(kept % WATCHED_MAX);
}

static void begin_round(struct scope *scope, uint32_t now_sec)
{
	scope->round_sec = now_sec;
	scope->at = 0;
}

static void count_then(const struct breaker *breaker, struct scope *scope)
{
	if (scope == &breaker->total) {
		scope->flips = breaker->flips[0] + breaker->flips[1];
		scope->stays = breaker->stays[0] + breaker->stays[1];
	} else {
		scope->stays = count_good(scope->watched, scope->count);
		scope->flips = scope->count - scope->stays;
	}
}

static void open_scope(struct breaker *breaker, struct scope *scope, const char *cause,
		       uint32_t now_sec)
{
	struct breaker_info info;

	/* So many zones at once that there is no room to look after each: it is everything. */
	if (scope != &breaker->total && !activate(breaker, scope)) {
		scope = &breaker->total;
		cause = "zones";
	}
	if (scope->opened_sec)
		return;
	scope->opened_sec = now_sec;
	scope->cause = cause;
	count_then(breaker, scope);
	keep_bad(breaker, scope, now_sec);
	begin_round(scope, now_sec);
	info = info_of(breaker, scope);
	breaker->on_change(&info, true, breaker->user);
}

/* Refusals of what was found bad before that are none of its doing. */
static uint32_t since_of(const struct breaker *breaker, const struct scope *scope)
{
	uint32_t back = 2 * breaker->conf.window_sec;

	return scope->opened_sec > back ? scope->opened_sec - back : 1;
}

/* As long after it as before it, or for as long as the zone's absences live. */
static uint32_t memory_of(const struct breaker *breaker, const struct scope *scope)
{
	return max_u32(2 * breaker->conf.window_sec, scope->memory_sec);
}

static void close_scope(struct breaker *breaker, struct scope *scope, uint32_t now_sec)
{
	struct breaker_info info = info_of(breaker, scope);

	aftermath_add(&breaker->aftermath, &scope->prefix, since_of(breaker, scope),
		      memory_of(breaker, scope), now_sec);
	scope->opened_sec = 0;
	scope->cause = NULL;
	scope->count = scope->next = 0;
	scope->flipped_count = scope->silent_count = 0;
	scope->memory_sec = 0;
	if (scope == &breaker->total) {
		memset(breaker->flips, 0, sizeof(breaker->flips));
		memset(breaker->stays, 0, sizeof(breaker->stays));
		memset(breaker->networks, 0, sizeof(breaker->networks));
		breaker->window_sec = now_sec;
	}
	deactivate(breaker, scope); /* everything is never among them */
	breaker->on_change(&info, false, breaker->user);
}

static bool is_much(uint64_t flips, uint64_t stays, uint32_t least, uint32_t share_pct)
{
	return flips >= least && flips * 100 >= (flips + stays) * share_pct;
}

static void consider_zone(struct breaker *breaker, struct scope *scope, uint32_t now_sec)
{
	unsigned int bad = 0, good = count_good(scope->watched, scope->count);

	for (unsigned int i = 0; i < scope->count; i++)
		bad += is_newly_bad(breaker, &scope->watched[i], now_sec);
	if (is_much(bad, good, breaker->conf.flips, breaker->conf.share_pct))
		open_scope(breaker, scope, "flips", now_sec);
}

/* Also by the present window alone: what was well before it has no say in what is not now. */
static void consider_total(struct breaker *breaker, uint32_t now_sec)
{
	uint32_t least = breaker->conf.total_flips, share = breaker->conf.total_share_pct;

	/* Not the sum: a network that had flips in both windows would count twice. */
	if (breaker->networks[0] < BREAKER_NETWORKS_MIN &&
	    breaker->networks[1] < BREAKER_NETWORKS_MIN)
		return;
	if (is_much(breaker->flips[0], breaker->stays[0], least, share) ||
	    is_much(breaker->flips[0] + breaker->flips[1], breaker->stays[0] + breaker->stays[1],
		    least, share))
		open_scope(breaker, &breaker->total, "flips", now_sec);
}

/*
 * With those that have their say only now, and say that they are well, it would not have
 * opened, whatever the others will say. Where as many are bad as are told apart, it may be
 * any number.
 */
static bool is_outvoted(const struct breaker *breaker, const struct scope *scope)
{
	unsigned int good = 0, bad = scope->count + scope->flipped_count;

	for (unsigned int i = 0; i < scope->silent_count; i++)
		good += scope->silent[i].is_good;
	return good > 0 && bad < WATCHED_MAX &&
	       !is_much(bad + scope->silent_count - good, scope->stays + good, breaker->conf.flips,
			breaker->conf.share_pct);
}

/* Half of those looked at, and of the operator's own, must be good. */
static void consider_closing(struct breaker *breaker, struct scope *scope, uint32_t now_sec)
{
	const struct canaries *canaries = &breaker->canaries;

	if (!scope->opened_sec)
		return;
	if (now_sec - scope->opened_sec < breaker->conf.longest_sec &&
	    !is_outvoted(breaker, scope) &&
	    (2 * count_good(scope->watched, scope->count) < scope->count ||
	     (scope == &breaker->total &&
	      2 * canaries_recovered(canaries) < canaries_counted(canaries))))
		return;
	close_scope(breaker, scope, now_sec);
}

/* --- results in ------------------------------------------------------------------------- */

/* More than half of the operator's canaries bad: it is we who do not see the DNS. */
static void on_canaries(struct breaker *breaker, uint32_t now_sec)
{
	if (2 * canaries_well(&breaker->canaries) < canaries_counted(&breaker->canaries))
		open_scope(breaker, &breaker->total, BY_CANARIES, now_sec);
	else
		consider_closing(breaker, &breaker->total, now_sec);
}

/* Its records are those that it was found good by before: nobody has asked its zone since. */
static bool is_from_memory(const struct watched *at, uint32_t memory_sec, uint32_t now_sec)
{
	return !at->is_bad && now_sec < at->memory_sec && memory_sec <= at->memory_sec + SLACK_SEC;
}

static void drop_flipped(struct scope *scope, unsigned int i)
{
	scope->flipped_count--;
	memmove(&scope->flipped[i], &scope->flipped[i + 1],
		(scope->flipped_count - i) * sizeof(scope->flipped[0]));
}

/* The oldest flip that is still news takes a place that is free now. */
static void place_flipped(struct breaker *breaker, struct scope *scope, uint32_t now_sec)
{
	struct watched flipped;

	while (scope->flipped_count > 0) {
		flipped = scope->flipped[0];
		drop_flipped(scope, 0);
		if (!is_newly_bad(breaker, &flipped, now_sec) ||
		    watched_find(scope->watched, scope->count, &flipped.addr))
			continue;
		*watch(scope, &flipped.addr, true, now_sec) = flipped;
		return;
	}
}

/* A wider scope is open, so that this one need not. */
static bool is_inside_open(const struct breaker *breaker, const struct scope *scope)
{
	const struct scope *wider;

	for (unsigned int level = LEVELS; level-- > 0;) {
		wider = find(breaker, &scope->prefix.addr, level);
		if (wider && wider->opened_sec && wider->prefix.bits < scope->prefix.bits)
			return true;
	}
	return breaker->total.opened_sec != 0;
}

/*
 * It was asked whether its zone is well, and only its own past has answered. It cannot
 * speak for the others; a flip that it was asked for can now be counted.
 */
static void dismiss(struct breaker *breaker, struct scope *scope, const struct watched *at,
		    uint32_t now_sec)
{
	silence(scope, at);
	unwatch(scope, at);
	place_flipped(breaker, scope, now_sec);
	if (!is_inside_open(breaker, scope))
		consider_zone(breaker, scope, now_sec);
}

/*
 * A silent one is good. In the first round after the opening it is asked what a resolver
 * remembers of it then; what it says when that is over, it says of its zone as it is now.
 */
static void hear(struct scope *scope, const struct addr *addr, uint32_t memory_sec,
		 uint32_t now_sec)
{
	struct silent *silent = silent_find(scope, addr);

	if (!silent || !scope->opened_sec)
		return;
	silent->is_good |= may_speak(scope, silent, now_sec);
	if (now_sec - scope->opened_sec < ROUND_SEC)
		silent->memory_sec = max_u32(silent->memory_sec, memory_sec);
}

static void zone_on_good(struct breaker *breaker, struct scope *scope, const struct addr *addr,
			 uint32_t memory_sec, uint32_t now_sec)
{
	struct watched *at = watched_find(scope->watched, scope->count, addr);
	bool is_doubted = scope->flip_sec && now_sec - scope->flip_sec < breaker->conf.window_sec;

	scope->touched_sec = now_sec;
	for (unsigned int i = scope->flipped_count; i-- > 0;)
		if (addr_equal(&scope->flipped[i].addr, addr))
			drop_flipped(scope, i);
	hear(scope, addr, memory_sec, now_sec);
	if (at && !scope->opened_sec && is_doubted && is_from_memory(at, memory_sec, now_sec)) {
		dismiss(breaker, scope, at, now_sec);
		return;
	}
	/*
	 * While it is open, those stay that it was opened for; and while it is in doubt,
	 * those that are asked: who comes by in the meantime may be good from memory, too.
	 */
	if (at || (!scope->opened_sec && !(is_doubted && scope->count == WATCHED_MAX))) {
		if (!scope->opened_sec)
			unsilence(scope, addr);
		at = watch(scope, addr, false, now_sec);
		at->memory_sec = memory_sec;
		at->ttl_sec = max_u32(at->ttl_sec, memory_sec - now_sec);
	}
	consider_closing(breaker, scope, now_sec);
}

void breaker_on_good(struct breaker *breaker, const struct addr *addr, bool was_good,
		     uint32_t ttl_sec, uint32_t now_sec)
{
	struct watched *seen = watched_find(breaker->total.watched, breaker->total.count, addr);
	struct scope *scope;

	if (canaries_on_good(&breaker->canaries, addr))
		on_canaries(breaker, now_sec);
	for (unsigned int level = 0; level < LEVELS; level++) {
		scope = get(breaker, addr, level);
		if (scope)
			zone_on_good(breaker, scope, addr, now_sec + ttl_sec, now_sec);
	}
	roll_window(breaker, now_sec);
	breaker->stays[0] += was_good;
	if (seen)
		seen->is_bad = false;
	consider_closing(breaker, &breaker->total, now_sec);
}

static void note_flipped(struct scope *scope, const struct addr *addr, uint32_t now_sec)
{
	if (scope->flipped_count == FLIPPED_MAX)
		drop_flipped(scope, 0);
	scope->flipped[scope->flipped_count++] =
		(struct watched){.addr = *addr, .is_bad = true, .at_sec = now_sec};
}

/* Only those that the zone is judged by say how long its absences live: a stranger may lie. */
static void note_memory(const struct breaker *breaker, struct scope *scope, const struct addr *addr,
			bool is_flip, uint32_t memory_sec, uint32_t now_sec)
{
	if (!is_flip && !watched_find(scope->watched, scope->count, addr))
		return;
	/* What an old flip said of it is no news. */
	if (!scope->opened_sec && now_sec - scope->flip_sec >= 2 * breaker->conf.window_sec)
		scope->memory_sec = 0;
	if (memory_sec > scope->memory_sec)
		scope->memory_sec = memory_sec;
}

/*
 * One that is watched has turned bad, or one more where few are known. Where many are,
 * those watched are a sample of them: are they still well?
 */
static void zone_on_flip(struct breaker *breaker, struct scope *scope, const struct addr *addr,
			 bool is_covered, uint32_t now_sec)
{
	if (!scope->opened_sec && now_sec - scope->flip_sec >= breaker->conf.window_sec)
		scope->silent_count = 0; /* another doubt */
	unsilence(scope, addr);
	scope->touched_sec = scope->flip_sec = now_sec;
	if (scope->opened_sec || scope->count < WATCHED_MAX ||
	    watched_find(scope->watched, scope->count, addr))
		watch(scope, addr, true, now_sec);
	else
		note_flipped(scope, addr, now_sec);
	if (is_covered)
		return;
	consider_zone(breaker, scope, now_sec);
	if (!scope->opened_sec && now_sec - scope->round_sec >= ROUND_SEC &&
	    activate(breaker, scope))
		begin_round(scope, now_sec);
}

/* Found bad once more; true if it is one of those watched. */
static bool scope_on_bad(struct scope *scope, const struct addr *addr, uint32_t now_sec)
{
	struct watched *at = watched_find(scope->watched, scope->count, addr);

	if (!at)
		return false;
	at->is_bad = true;
	at->at_sec = now_sec;
	return true;
}

/*
 * From the widest to the narrowest: what a wider scope covers need not open, so that
 * the holder of a large network opens one scope and not its thousands of zones.
 */
static void zones_on_bad(struct breaker *breaker, const struct addr *addr, bool is_flip,
			 uint32_t memory_sec, uint32_t now_sec)
{
	bool is_covered = false;
	struct scope *scope;

	for (unsigned int level = LEVELS; level-- > 0;) {
		scope = is_flip ? get(breaker, addr, level) : find(breaker, addr, level);
		if (!scope)
			continue;
		if (is_flip && level == LEVELS - 1 &&
		    (!scope->flip_sec || scope->flip_sec < breaker->window_sec))
			breaker->networks[0]++;
		note_memory(breaker, scope, addr, is_flip, memory_sec, now_sec);
		if (is_flip)
			zone_on_flip(breaker, scope, addr, is_covered, now_sec);
		else if (scope_on_bad(scope, addr, now_sec) && !is_covered)
			consider_zone(breaker, scope, now_sec);
		is_covered |= scope->opened_sec != 0;
	}
}

void breaker_on_bad(struct breaker *breaker, const struct addr *addr, bool is_flip,
		    uint32_t memory_sec, uint32_t now_sec)
{
	if (canaries_on_bad(&breaker->canaries, addr, now_sec))
		on_canaries(breaker, now_sec);
	roll_window(breaker, now_sec);
	zones_on_bad(breaker, addr, is_flip, memory_sec, now_sec);
	if (!is_flip) {
		scope_on_bad(&breaker->total, addr, now_sec);
		return;
	}
	breaker->flips[0]++;
	watch(&breaker->total, addr, true, now_sec);
	consider_total(breaker, now_sec);
}

void breaker_on_forward(struct breaker *breaker, const struct forward_report *report,
			uint32_t now_sec)
{
	canaries_on_forward(&breaker->canaries, report, now_sec);
	on_canaries(breaker, now_sec);
}

/* --- answers out -------------------------------------------------------------------------- */

bool breaker_since(const struct breaker *breaker, const struct addr *addr, uint32_t *ret_since)
{
	const struct scope *scope = covering(breaker, addr);

	if (!scope)
		return false;
	*ret_since = since_of(breaker, scope);
	return true;
}

struct breaker_trouble breaker_trouble(const struct breaker *breaker, const struct addr *addr,
				       uint32_t now_sec)
{
	struct breaker_trouble trouble = {0};
	uint32_t since, counts;
	bool is_open = breaker_since(breaker, addr, &trouble.since_sec);

	if (!aftermath_find(&breaker->aftermath, addr, now_sec, &since, &counts))
		return trouble;
	if (!is_open)
		trouble = (struct breaker_trouble){since, counts};
	else if (since < trouble.since_sec) /* of one trouble, for all that we know */
		trouble.since_sec = since;
	return trouble;
}

/* All of them when it has just opened, then those who may speak. */
static bool next_silent(struct scope *scope, uint32_t now_sec, struct addr *ret)
{
	const struct silent *silent;

	while (scope->at < scope->count + scope->silent_count) {
		silent = &scope->silent[scope->at++ - scope->count];
		if (scope->round_sec == scope->opened_sec || may_speak(scope, silent, now_sec)) {
			*ret = silent->addr;
			return true;
		}
	}
	return false;
}

static bool next_of(struct breaker *breaker, struct scope *scope, uint32_t now_sec,
		    struct addr *ret)
{
	if (scope->opened_sec && scope->at >= scope->count + scope->silent_count &&
	    now_sec - scope->round_sec >= ROUND_SEC)
		begin_round(scope, now_sec);
	/* A neighbour that is known to be bad has been looked at. */
	while (!scope->opened_sec && scope->at < scope->count && scope->watched[scope->at].is_bad)
		scope->at++;
	if (scope->at < scope->count) {
		*ret = scope->watched[scope->at++].addr;
		return true;
	}
	if (scope->opened_sec && next_silent(scope, now_sec, ret))
		return true;
	if (!scope->opened_sec)
		deactivate(breaker, scope);
	else
		consider_closing(breaker, scope, now_sec);
	return false;
}

bool breaker_next(struct breaker *breaker, uint32_t now_sec, struct addr *ret)
{
	struct scope *scope;

	if (canaries_next(&breaker->canaries, breaker->total.opened_sec != 0, now_sec, ret))
		return true;
	if (breaker->total.opened_sec && next_of(breaker, &breaker->total, now_sec, ret))
		return true;
	for (unsigned int left = breaker->active_count; left > 0; left--) {
		if (breaker->active_at >= breaker->active_count)
			breaker->active_at = 0;
		scope = breaker->active[breaker->active_at];
		if (next_of(breaker, scope, now_sec, ret))
			return true;
		/* One that is done gives its place to the last, whose turn it is then. */
		breaker->active_at += scope->is_active;
	}
	return false;
}

const char *breaker_next_name(struct breaker *breaker)
{
	return canaries_next_name(&breaker->canaries);
}

const struct canaries *breaker_canaries(const struct breaker *breaker)
{
	return &breaker->canaries;
}

static void add_open(const struct breaker *breaker, const struct scope *scope, uint32_t now_sec,
		     struct aftermath *ret)
{
	if (scope->opened_sec)
		aftermath_add_open(ret, &scope->prefix, since_of(breaker, scope),
				   memory_of(breaker, scope), now_sec);
}

void breaker_hand_over(const struct breaker *breaker, uint32_t now_sec, struct aftermath *ret)
{
	const char *cause = breaker->total.cause;

	*ret = breaker->aftermath;
	if (cause && strcmp(cause, BY_CANARIES) != 0)
		add_open(breaker, &breaker->total, now_sec, ret);
	for (unsigned int i = 0; i < breaker->active_count; i++)
		add_open(breaker, breaker->active[i], now_sec, ret);
}

void breaker_take_over(struct breaker *breaker, const struct aftermath *aftermath)
{
	breaker->aftermath = *aftermath;
}

int breaker_each(const struct breaker *breaker, int (*fn)(const struct breaker_info *, void *),
		 void *user)
{
	struct breaker_info info = info_of(breaker, &breaker->total);
	int err = breaker->total.opened_sec ? fn(&info, user) : 0;

	for (unsigned int i = 0; err == 0 && i < breaker->active_count; i++) {
		if (!breaker->active[i]->opened_sec)
			continue;
		info = info_of(breaker, breaker->active[i]);
		err = fn(&info, user);
	}
	return err;
}
