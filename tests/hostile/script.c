/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define LINE_SIZE 16384
#define AA        0x0400

struct script {
	struct script_rule *rules, *last;
};

static const struct {
	const char *name;
	uint16_t type;
} types[] = {
	{"A", ns_t_a},         {"AAAA", ns_t_aaaa}, {"PTR", ns_t_ptr}, {"CNAME", ns_t_cname},
	{"DNAME", ns_t_dname}, {"NS", ns_t_ns},     {"SOA", ns_t_soa}, {"TXT", ns_t_txt},
	{"MX", ns_t_mx},       {"OPT", ns_t_opt},   {"DS", ns_t_ds},   {"DNSKEY", ns_t_dnskey},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

const char *script_type_name(uint16_t type, char *buf)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	snprintf(buf, 16, "TYPE%u", type);
	return buf;
}

uint16_t script_type_parse(const char *text)
{
	uint64_t number;

	for (size_t i = 0; i < TYPES; i++)
		if (strcasecmp(types[i].name, text) == 0)
			return types[i].type;
	if (strncmp(text, "TYPE", 4) == 0 && text_to_u64(text + 4, 1, UINT16_MAX, &number) == 0)
		return (uint16_t)number;
	return 0;
}

/* --- words ---------------------------------------------------------------------------------- */

/* The next word of *line, or NULL at its end. */
static char *word(char **line)
{
	char *start = *line + strspn(*line, " \t"), *end;

	if (!*start)
		return NULL;
	end = start + strcspn(start, " \t");
	*line = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

static bool number(char **line, uint32_t max, uint32_t *ret)
{
	const char *text = word(line);
	uint64_t value;

	if (!text || text_to_u64(text, 0, max, &value) < 0)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool number16(char **line, uint16_t max, uint16_t *ret)
{
	uint32_t value;

	if (!number(line, max, &value))
		return false;
	*ret = (uint16_t)value;
	return true;
}

/* "3", "3-5" or "3-". */
static bool range(const char *text, uint32_t *ret_first, uint32_t *ret_last)
{
	uint64_t first, last;
	char copy[32], *dash;

	if (!text || strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	if (text_to_u64(copy, 0, UINT32_MAX, &first) < 0)
		return false;
	last = dash && !*dash ? UINT32_MAX : first;
	if (dash && *dash && text_to_u64(dash, first, UINT32_MAX, &last) < 0)
		return false;
	*ret_first = (uint32_t)first;
	*ret_last = (uint32_t)last;
	return true;
}

static char *lower(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* --- what is done --------------------------------------------------------------------------- */

static struct script_record *add_record(struct script_rule *rule, enum script_section section)
{
	struct script_record *record = calloc(1, sizeof(*record));

	if (!record)
		return NULL;
	record->section = section;
	record->rclass = ns_c_in;
	record->rdlength = SCRIPT_ANY;
	record->first = record->last = 1;
	*rule->tail = record;
	rule->tail = &record->next;
	return record;
}

/* OWNER TTL [CH] TYPE RDATA */
static bool read_record(struct script_rule *rule, enum script_section section, char *line)
{
	struct script_record *record = add_record(rule, section);
	const char *owner = word(&line), *type;

	if (!record || !owner || !number(&line, UINT32_MAX, &record->ttl))
		return false;
	type = word(&line);
	if (type && strcmp(type, "CH") == 0) {
		record->rclass = ns_c_chaos;
		type = word(&line);
	}
	record->type = type ? script_type_parse(type) : 0;
	record->owner = strdup(owner);
	record->rdata = strdup(line + strspn(line, " \t"));
	return record->type != 0 && record->owner && record->rdata;
}

static bool read_section(struct script_rule *rule, const char *what, char *line)
{
	static const char *const sections[SECTION_MAX] = {"answer", "authority", "additional"};

	for (unsigned int i = 0; i < SECTION_MAX; i++)
		if (what && strcmp(what, sections[i]) == 0)
			return read_record(rule, (enum script_section)i, line);
	return false;
}

static bool do_answer(struct script_rule *rule, char *line)
{
	return read_record(rule, SECTION_ANSWER, line);
}

static bool do_authority(struct script_rule *rule, char *line)
{
	return read_record(rule, SECTION_AUTHORITY, line);
}

static bool do_additional(struct script_rule *rule, char *line)
{
	return read_record(rule, SECTION_ADDITIONAL, line);
}

static bool do_repeat(struct script_rule *rule, char *line)
{
	struct script_record **at = rule->tail;
	uint32_t first, last;
	const char *what;

	if (!range(word(&line), &first, &last) || last == UINT32_MAX)
		return false;
	what = word(&line);
	if (!read_section(rule, what, line))
		return false;
	(*at)->first = first;
	(*at)->last = last;
	return true;
}

static bool do_rdlength(struct script_rule *rule, char *line)
{
	struct script_record *record = rule->records;

	while (record && record->next)
		record = record->next;
	return record && number(&line, UINT16_MAX, &record->rdlength);
}

static bool do_count(struct script_rule *rule, char *line)
{
	static const char *const sections[SECTION_MAX] = {"answer", "authority", "additional"};
	const char *what = word(&line);

	for (unsigned int i = 0; i < SECTION_MAX; i++)
		if (what && strcmp(what, sections[i]) == 0)
			return number(&line, UINT16_MAX, &rule->counts[i]);
	return false;
}

static bool do_flags(struct script_rule *rule, char *line)
{
	static const struct {
		const char *name;
		uint16_t bits;
	} flags[] = {{"aa", AA}, {"tc", 0x0200}, {"ra", 0x0080}, {"ad", 0x0020}};
	const char *name;
	size_t i;

	rule->flags = 0x8000;
	while ((name = word(&line))) {
		for (i = 0; i < 4 && strcmp(name, flags[i].name) != 0; i++)
			;
		if (i < 4)
			rule->flags |= flags[i].bits;
		else if (strcmp(name, "query") == 0)
			rule->flags &= 0x7fff;
		else if (strcmp(name, "none") != 0)
			return false;
	}
	return true;
}

static bool do_question(struct script_rule *rule, char *line)
{
	const char *what = word(&line), *name, *type;

	if (what && strcmp(what, "none") == 0)
		rule->question = QUESTION_NONE;
	else if (what && strcmp(what, "twice") == 0)
		rule->question = QUESTION_TWICE;
	else if (what && strcmp(what, "other") == 0)
		rule->question = QUESTION_OTHER;
	else
		return false;
	if (rule->question != QUESTION_OTHER)
		return true;
	name = word(&line);
	type = word(&line);
	rule->question_name = name ? strdup(name) : NULL;
	rule->question_type = type ? script_type_parse(type) : 0;
	return rule->question_name && rule->question_type;
}

static bool do_wrong(struct script_rule *rule, char *line)
{
	const char *what = word(&line);

	if (what && strcmp(what, "id") == 0)
		rule->wrong_id = true;
	else if (what && strcmp(what, "source") == 0)
		rule->wrong_source = true;
	else
		return false;
	return true;
}

static bool do_delay(struct script_rule *rule, char *line)
{
	return number(&line, 3600000, &rule->delay_ms);
}

static bool do_rcode(struct script_rule *rule, char *line)
{
	return number16(&line, 4095, &rule->rcode);
}

static bool do_opcode(struct script_rule *rule, char *line)
{
	return number16(&line, 15, &rule->opcode);
}

static bool do_opt(struct script_rule *rule, char *line)
{
	return number(&line, 9, &rule->opts);
}

static bool do_cut(struct script_rule *rule, char *line)
{
	return number(&line, UINT16_MAX, &rule->cut);
}

static bool do_noise(struct script_rule *rule, char *line)
{
	return number(&line, 4096, &rule->noise);
}

static bool do_raw(struct script_rule *rule, char *line)
{
	const char *hex = word(&line);

	return hex && (rule->raw = strdup(hex));
}

static bool do_reflect(struct script_rule *rule, char *line)
{
	const char *zone = word(&line);

	return zone && (rule->reflect = lower(zone));
}

static const struct {
	const char *name;
	bool (*read)(struct script_rule *rule, char *line);
} deeds[] = {
	{"answer", do_answer},
	{"authority", do_authority},
	{"additional", do_additional},
	{"repeat", do_repeat},
	{"rdlength", do_rdlength},
	{"count", do_count},
	{"flags", do_flags},
	{"question", do_question},
	{"wrong", do_wrong},
	{"delay", do_delay},
	{"rcode", do_rcode},
	{"opcode", do_opcode},
	{"opt", do_opt},
	{"cut", do_cut},
	{"noise", do_noise},
	{"raw", do_raw},
	{"reflect", do_reflect},
};

/* What is said by one word alone, or NULL. */
static bool *flag_of(struct script_rule *rule, const char *name)
{
	if (strcmp(name, "drop") == 0)
		return &rule->drop;
	if (strcmp(name, "close") == 0)
		return &rule->close;
	if (strcmp(name, "shuffle") == 0)
		return &rule->shuffle;
	return NULL;
}

static bool read_deed(struct script_rule *rule, char *line)
{
	const char *name = word(&line);
	bool *flag = name ? flag_of(rule, name) : NULL;

	if (flag)
		return *flag = true;
	for (size_t i = 0; name && i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, name) == 0)
			return deeds[i].read(rule, line);
	return false;
}

/* --- which queries -------------------------------------------------------------------------- */

static bool read_types(struct script_rule *rule, char *list)
{
	char *save, *text;

	if (strcmp(list, "*") == 0)
		return true;
	for (text = strtok_r(list, ",", &save); text; text = strtok_r(NULL, ",", &save)) {
		if (rule->type_count == SCRIPT_TYPES_MAX)
			return false;
		rule->types[rule->type_count] = script_type_parse(text);
		if (rule->types[rule->type_count++] == 0)
			return false;
	}
	return rule->type_count > 0;
}

static bool read_condition(struct script_rule *rule, const char *what, char **line)
{
	const char *text;

	if (strcmp(what, "udp") == 0)
		return rule->only_udp = true;
	if (strcmp(what, "tcp") == 0)
		return rule->only_tcp = true;
	if (strcmp(what, "edns") == 0)
		return rule->only_edns = true;
	if (strcmp(what, "plain") == 0)
		return rule->only_plain = true;
	text = word(line);
	if (strcmp(what, "at") == 0)
		return text && addr_parse(text, &rule->at) == 0;
	if (strcmp(what, "seen") == 0)
		return range(text, &rule->seen_min, &rule->seen_max);
	return false;
}

static bool read_pattern(struct script *script, char *line)
{
	struct script_rule *rule = calloc(1, sizeof(*rule));
	const char *name = word(&line), *what;
	char *list = word(&line);
	size_t len;

	if (!rule)
		return false;
	*(script->last ? &script->last->next : &script->rules) = rule;
	script->last = rule;
	rule->tail = &rule->records;
	rule->flags = 0x8000 | AA;
	rule->seen_max = UINT32_MAX;
	rule->opts = rule->cut = SCRIPT_ANY;
	for (unsigned int i = 0; i < SECTION_MAX; i++)
		rule->counts[i] = SCRIPT_ANY;
	if (!name || strchr(name, ',') || !list || !(rule->name = lower(name)) ||
	    !read_types(rule, list))
		return false;
	len = strlen(rule->name);
	if (len > 0 && rule->name[len - 1] == '.')
		rule->name[len - 1] = '\0';
	while ((what = word(&line)))
		if (!read_condition(rule, what, &line))
			return false;
	return true;
}

static bool read_line(struct script *script, char *line)
{
	bool is_deed = *line == ' ' || *line == '\t';

	if (!strchr(line, '\n'))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return true;
	if (!is_deed)
		return read_pattern(script, line);
	return script->last && read_deed(script->last, line);
}

struct script *script_read(const char *path)
{
	struct script *script = calloc(1, sizeof(*script));
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE], copy[LINE_SIZE];
	unsigned int at = 0;
	bool good = script && file;

	if (!good)
		fprintf(stderr, "hostile: %s: %s\n", path, strerror(errno));
	while (good && fgets(line, sizeof(line), file)) {
		at++;
		strcpy(copy, line);
		good = read_line(script, line);
		if (!good)
			fprintf(stderr, "hostile: %s:%u: cannot read: %s", path, at, copy);
	}
	if (file)
		fclose(file);
	if (good)
		return script;
	script_free(script);
	return NULL;
}

static void rule_free(struct script_rule *rule)
{
	struct script_record *record;

	while ((record = rule->records)) {
		rule->records = record->next;
		free(record->owner);
		free(record->rdata);
		free(record);
	}
	free(rule->name);
	free(rule->question_name);
	free(rule->raw);
	free(rule->reflect);
	free(rule);
}

void script_free(struct script *script)
{
	struct script_rule *rule;

	if (!script)
		return;
	while ((rule = script->rules)) {
		script->rules = rule->next;
		rule_free(rule);
	}
	free(script);
}

/* --- finding -------------------------------------------------------------------------------- */

static bool name_matches(const char *pattern, const char *name)
{
	size_t plen, nlen = strlen(name);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) != 0)
		return strcmp(pattern, name) == 0;
	plen = strlen(++pattern);
	return nlen > plen && strcmp(name + nlen - plen, pattern) == 0;
}

static bool type_matches(const struct script_rule *rule, uint16_t type)
{
	for (unsigned int i = 0; i < rule->type_count; i++)
		if (rule->types[i] == type)
			return true;
	return rule->type_count == 0;
}

static bool rule_matches(const struct script_rule *rule, const struct script_query *query)
{
	return type_matches(rule, query->type) && !(rule->only_udp && query->is_tcp) &&
	       !(rule->only_tcp && !query->is_tcp) && !(rule->only_edns && !query->has_edns) &&
	       !(rule->only_plain && query->has_edns) &&
	       (!rule->at.family || addr_equal(&rule->at, &query->at)) &&
	       query->seen >= rule->seen_min && query->seen <= rule->seen_max &&
	       name_matches(rule->name, query->name);
}

const struct script_rule *script_find(const struct script *script, const struct script_query *query)
{
	const struct script_rule *rule = script->rules;

	while (rule && !rule_matches(rule, query))
		rule = rule->next;
	return rule;
}
