/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What keys must be to each other. Each value is right by itself already; a mistake is told
 * in the line of the key that was set last of those that do not agree.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/min.h"
#include "base/text.h"
#include "core/conf_reader.h"

static struct conf_place *place_of(struct conf_reader *reader, const char *section,
				   const char *name, unsigned int row)
{
	return conf_reader_place(reader, conf_key_find(section, name), row);
}

#define WHERE_MAX 320

/* Where the one place is, for a line about the other. */
static const char *where(const struct conf_reader *reader, const struct conf_place *place,
			 const struct conf_place *from, char buf[static WHERE_MAX])
{
	if (!place->order)
		return "the default";
	if (place->order == from->order)
		return "this line";
	if (place->file == from->file)
		snprintf(buf, WHERE_MAX, "line %u", place->line);
	else
		snprintf(buf, WHERE_MAX, "%s:%u", reader->files[place->file].path, place->line);
	return buf;
}

static const struct conf_place *later(const struct conf_place *a, const struct conf_place *b)
{
	return a->order > b->order ? a : b;
}

/* --- two numbers, of which one bounds the other --------------------------------------- */

struct pair {
	const char *section, *low, *high;
	bool is_span, is_strict; /* strict: nor may they be equal */
	size_t low_at, high_at;
};

#define AT(field) offsetof(struct conf, field)

static const struct pair PAIRS[] = {
	{"confirm", "apart", "within", true, true, AT(confirm.apart_sec), AT(confirm.within_sec)},
	{"verdicts", "start4", "max4", false, false, AT(verdicts.start4), AT(verdicts.max4)},
	{"verdicts", "start6", "max6", false, false, AT(verdicts.start6), AT(verdicts.max6)},
};

static const struct pair LIFE = {"policy",
				 "ttl_min",
				 "ttl_max",
				 true,
				 false,
				 offsetof(struct policy_row, ttl_min_sec),
				 offsetof(struct policy_row, ttl_max_sec)};

static uint32_t number_at(const void *base, size_t offset)
{
	uint32_t value;

	memcpy(&value, (const char *)base + offset, sizeof(value));
	return value;
}

static const char *number_format(bool is_span, uint32_t value, char buf[static TEXT_SPAN_MAX])
{
	if (is_span)
		return text_from_span(value, buf);
	snprintf(buf, TEXT_SPAN_MAX, "%" PRIu32, value);
	return buf;
}

/* row: of a policy, whose name is the title; else 0 and "". */
static void check_pair(struct conf_reader *reader, const struct pair *pair, unsigned int row,
		       const char *title, const void *base)
{
	const struct conf_place *low = place_of(reader, pair->section, pair->low, row);
	const struct conf_place *high = place_of(reader, pair->section, pair->high, row);
	uint32_t least = number_at(base, pair->low_at), most = number_at(base, pair->high_at);
	char texts[2][TEXT_SPAN_MAX], wheres[2][WHERE_MAX];
	const struct conf_place *at = later(low, high);

	if (least < most || (least == most && !pair->is_strict))
		return;
	conf_reader_error(
		reader, at, "%s%s: %s (%s, %s) must %s %s (%s, %s); change one of them",
		pair->section, title, pair->low, number_format(pair->is_span, least, texts[0]),
		where(reader, low, at, wheres[0]), pair->is_strict ? "be below" : "not be above",
		pair->high, number_format(pair->is_span, most, texts[1]),
		where(reader, high, at, wheres[1]));
}

static void check_pairs(struct conf_reader *reader)
{
	char title[32];

	for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++)
		check_pair(reader, &PAIRS[i], 0, "", reader->conf);
	for (unsigned int i = 0; i < CONF_POLICY_ROW_COUNT; i++) {
		snprintf(title, sizeof(title), " %s", policy_reason_name(CONF_POLICY_ROWS[i]));
		check_pair(reader, &LIFE, i, title, &reader->conf->policy.row[CONF_POLICY_ROWS[i]]);
	}
}

/* Who makes a table small has not asked for more room at first. */
static void follow_max(struct conf_reader *reader)
{
	struct conf *conf = reader->conf;

	if (!place_of(reader, "verdicts", "start4", 0)->order)
		conf->verdicts.start4 = min_u32(conf->verdicts.start4, conf->verdicts.max4);
	if (!place_of(reader, "verdicts", "start6", 0)->order)
		conf->verdicts.start6 = min_u32(conf->verdicts.start6, conf->verdicts.max6);
}

/* --- what is there, or goes together --------------------------------------------------- */

static void check_lists(struct conf_reader *reader)
{
	const struct conf *conf = reader->conf;

	if (conf->interface_count == 0 && conf->attach != CONF_ATTACH_EXTERNAL)
		conf_reader_error(reader, place_of(reader, "", "interfaces", 0),
				  "interfaces: none named; name at least one, for example "
				  "interfaces = {\"eth0\"}, or set attach = external");
	if (conf->port_count == 0)
		conf_reader_error(reader, place_of(reader, "", "ports", 0),
				  "ports: empty; name 1 to %d ports", MXG_PORTS_MAX);
}

static void check_hold(struct conf_reader *reader)
{
	const struct conf_place *hold = place_of(reader, "", "hold", 0);
	const struct conf_place *trigger = place_of(reader, "", "trigger", 0);
	const struct conf_place *at = later(hold, trigger);
	char buf[2][WHERE_MAX];

	if (reader->conf->hold && reader->conf->trigger == CONF_TRIGGER_ESTABLISHED)
		conf_reader_error(reader, at,
				  "hold = true (%s) needs trigger = syn (%s): when a connection is "
				  "established, there is no SYN left to hold; change one of them",
				  where(reader, hold, at, buf[0]),
				  where(reader, trigger, at, buf[1]));
}

static void check_confirm(struct conf_reader *reader)
{
	const struct conf_place *different = place_of(reader, "confirm", "different_servers", 0);
	const struct conf_place *servers = place_of(reader, "dns", "servers", 0);
	const struct conf *conf = reader->conf;

	if (conf->confirm.rollup && conf->confirm.rollup < ROLLUP_ADDRESSES_MIN)
		conf_reader_error(reader, place_of(reader, "confirm", "rollup", 0),
				  "rollup = %" PRIu32 ": not allowed; allowed: %s",
				  conf->confirm.rollup,
				  conf_key_find("confirm", "rollup")->allowed);
	if (conf->confirm.different_servers && conf->dns.server_count == 1)
		conf_reader_error(reader, later(different, servers),
				  "confirm: different_servers needs two servers; name another in "
				  "dns { servers }");
}

/* --- what is said to who is rejected ---------------------------------------------------- */

struct refusal_try {
	enum mxg_reason reason;
	int err;    /* of refusal_line() */
	size_t len; /* as it says */
};

static void try_line(const struct refusal_conf *conf, enum mxg_reason reason,
		     struct refusal_try *ret)
{
	struct mxg_say say;

	ret->reason = reason;
	ret->len = 0;
	ret->err = refusal_line(conf, reason, &say, &ret->len);
}

#define ROOM                                                                                       \
	"%zu characters with the longest address (%d); allowed: %d, and %d on either side of the " \
	"address; shorten %s"

/* True if the text has no room even without a url: then no url is to blame. */
static bool check_text(struct conf_reader *reader, enum mxg_reason reason)
{
	const char *name = policy_reason_name(reason);
	struct refusal_conf bare = reader->conf->reject;
	struct refusal_try found;

	bare.url[0] = '\0';
	try_line(&bare, reason, &found);
	if (found.err == 0)
		return false;
	conf_reader_error(reader, place_of(reader, "reject", name, 0), "reject: %s comes to " ROOM,
			  name, found.len, MXG_SAY_ADDR, REFUSAL_LINE_MAX, MXG_SAY_PART - 2, "it");
	return true;
}

/* One url stands in several texts: it is told of once, with the worst of them. */
static void check_refusals(struct conf_reader *reader)
{
	const struct conf_place *url = place_of(reader, "reject", "url", 0);
	struct refusal_try found, worst = {.err = 0};

	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++) {
		if (check_text(reader, REFUSAL_REASONS[i]))
			continue;
		try_line(&reader->conf->reject, REFUSAL_REASONS[i], &found);
		if (found.err == -EINVAL || (found.err < 0 && found.len > worst.len)) {
			worst = found;
			if (found.err == -EINVAL)
				break;
		}
	}
	if (worst.err == -EINVAL)
		conf_reader_error(reader, url,
				  "reject: url has an {address}, and so has the text of %s; one is "
				  "allowed, so take it out of url or write texts without it",
				  policy_reason_name(worst.reason));
	else if (worst.err < 0)
		conf_reader_error(reader, url,
				  "reject: with this url the text of %s comes to " ROOM,
				  policy_reason_name(worst.reason), worst.len, MXG_SAY_ADDR,
				  REFUSAL_LINE_MAX, MXG_SAY_PART - 2, "url or text");
}

void conf_check(struct conf_reader *reader)
{
	follow_max(reader);
	check_lists(reader);
	check_hold(reader);
	check_pairs(reader);
	check_confirm(reader);
	check_refusals(reader);
}
