/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/patterns.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

/* Far above what a sane pattern needs for 253 bytes, and a millisecond's work or so. */
#define MATCH_LIMIT 20000
#define DEPTH_LIMIT 2000
#define HEAP_KIB    256

struct pattern {
	pcre2_code *code;
	enum pattern_says says;
	unsigned int line;
	char *file; /* of the file's first pattern, which owns it */
	bool owns_file;
};

struct patterns {
	struct pattern *list;
	size_t count, room;
	uint64_t fingerprint;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static const struct {
	const char *word;
	enum pattern_says says;
} SIGNS[] = {{"generic", PATTERN_GENERIC}, {"ordinary", PATTERN_ORDINARY}};

struct patterns *patterns_new(void)
{
	struct patterns *patterns = calloc(1, sizeof(*patterns));

	if (!patterns)
		return NULL;
	patterns->data = pcre2_match_data_create(1, NULL);
	patterns->limits = pcre2_match_context_create(NULL);
	if (!patterns->data || !patterns->limits) {
		patterns_free(patterns);
		return NULL;
	}
	pcre2_set_match_limit(patterns->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(patterns->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(patterns->limits, HEAP_KIB);
	return patterns;
}

void patterns_free(struct patterns *patterns)
{
	if (!patterns)
		return;
	for (size_t i = 0; i < patterns->count; i++) {
		pcre2_code_free(patterns->list[i].code);
		if (patterns->list[i].owns_file)
			free(patterns->list[i].file);
	}
	free(patterns->list);
	pcre2_match_data_free(patterns->data);
	pcre2_match_context_free(patterns->limits);
	free(patterns);
}

size_t patterns_count(const struct patterns *patterns)
{
	return patterns ? patterns->count : 0;
}

uint64_t patterns_fingerprint(const struct patterns *patterns)
{
	return patterns ? patterns->fingerprint : 0;
}

/* --- compiling ------------------------------------------------------------------------------ */

struct line {
	const char *file;
	unsigned int number;
	char text[PATTERN_LINE_MAX];
	char why[PATTERN_WHY_MAX];
};

static int complain(struct line *line, int err, const char *what, const char *hint)
{
	snprintf(line->why, sizeof(line->why), "%s:%u: %s; %s\n", line->file, line->number, what,
		 hint);
	return err;
}

static struct pattern *add_room(struct patterns *patterns)
{
	size_t room = patterns->room ? patterns->room * 2 : 16;
	struct pattern *list;

	if (patterns->count == patterns->room) {
		list = realloc(patterns->list, room * sizeof(*list));
		if (!list)
			return NULL;
		patterns->list = list;
		patterns->room = room;
	}
	return &patterns->list[patterns->count];
}

static void mix(struct patterns *patterns, enum pattern_says says, const char *regex)
{
	uint64_t seed = mxg_mix(patterns->fingerprint + (uint64_t)says);
	uint64_t hash = hash_bytes(seed, regex, strlen(regex));

	patterns->fingerprint = hash ? hash : 1;
}

/* What pcre2 thinks of the expression, and where in it. */
static int complain_regex(struct line *line, int code, size_t at)
{
	char what[200], text[256];

	if (pcre2_get_error_message(code, (PCRE2_UCHAR *)what, sizeof(what)) < 0)
		strcpy(what, "not a regular expression");
	snprintf(text, sizeof(text), "%s (at character %zu of the expression)", what, at + 1);
	return complain(line, -EINVAL, text, "correct it, or put a # before the line");
}

static int add_regex(struct patterns *patterns, struct line *line, enum pattern_says says,
		     const char *regex)
{
	struct pattern *pattern = add_room(patterns);
	bool is_first = patterns->count == 0 ||
			strcmp(patterns->list[patterns->count - 1].file, line->file) != 0;
	PCRE2_SIZE at;
	int code;

	if (!pattern)
		return complain(line, -ENOMEM, "out of memory", "shorten the list");
	memset(pattern, 0, sizeof(*pattern));
	pattern->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
				      PCRE2_CASELESS | PCRE2_DOLLAR_ENDONLY |
					      PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF,
				      &code, &at, NULL);
	if (!pattern->code)
		return complain_regex(line, code, at);
	/* Where memory may not be both written and run this fails, and pcre2 interprets. */
	pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->says = says;
	pattern->line = line->number;
	pattern->owns_file = is_first;
	pattern->file = is_first ? strdup(line->file) : pattern[-1].file;
	if (!pattern->file) {
		pcre2_code_free(pattern->code);
		return complain(line, -ENOMEM, "out of memory", "shorten the list");
	}
	patterns->count++;
	mix(patterns, says, regex);
	return 0;
}

static int add_line(struct patterns *patterns, struct line *line)
{
	static const char hint[] =
		"write `generic REGEX` or `ordinary REGEX`, or # before a comment";
	char *text = line->text + strspn(line->text, " \t"), *regex;
	size_t len = strlen(text), sign;

	while (len > 0 && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	if (!*text || *text == '#')
		return 0;
	len = strcspn(text, " \t");
	for (sign = 0; sign < sizeof(SIGNS) / sizeof(SIGNS[0]); sign++)
		if (strlen(SIGNS[sign].word) == len && memcmp(SIGNS[sign].word, text, len) == 0)
			break;
	if (sign == sizeof(SIGNS) / sizeof(SIGNS[0]))
		return complain(line, -EINVAL, "neither generic nor ordinary", hint);
	regex = text + len + strspn(text + len, " \t");
	if (!*regex)
		return complain(line, -EINVAL, "no expression after the word", hint);
	if (!text_is_printable(regex))
		return complain(line, -EINVAL, "a byte that is not printable ASCII",
				"host names have none; write \\xHH or remove it");
	if (patterns->count >= PATTERNS_MAX)
		return complain(line, -E2BIG, "more than 2000 patterns",
				"join some of them with |, or drop some");
	return add_regex(patterns, line, SIGNS[sign].says, regex);
}

_Static_assert(PATTERNS_MAX == 2000, "the complaint above says the number");

static int add_lines(struct patterns *patterns, struct line *line, const char *text, size_t size)
{
	const char *end = text + size, *stop;
	int err = 0;

	for (; err == 0 && text < end; text = stop + 1) {
		line->number++;
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		if ((size_t)(stop - text) >= sizeof(line->text))
			return complain(line, -EINVAL, "longer than 1023 bytes",
					"make two patterns of it");
		if (memchr(text, '\0', (size_t)(stop - text)))
			return complain(line, -EINVAL, "a NUL byte", "is this a text file?");
		memcpy(line->text, text, (size_t)(stop - text));
		line->text[stop - text] = '\0';
		err = add_line(patterns, line);
	}
	return err;
}

int patterns_add(struct patterns *patterns, const char *name, const char *text, size_t size,
		 char why[static PATTERN_WHY_MAX])
{
	struct line line = {.file = name};
	int err = add_lines(patterns, &line, text, size);

	if (err < 0)
		strcpy(why, line.why);
	return err;
}

_Static_assert(PATTERN_LINE_MAX == 1024, "the complaint above says the number");

/* --- matching ------------------------------------------------------------------------------- */

/* 1 matches, 0 does not, -1 gave up. */
static int match_one(const struct patterns *patterns, const struct pattern *pattern,
		     const char *name, size_t len)
{
	int n = pcre2_match(pattern->code, (PCRE2_SPTR)name, len, 0, 0, patterns->data,
			    patterns->limits);

	return n >= 0 ? 1 : n == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

static bool find_first(const struct patterns *patterns, enum pattern_says says, const char *name,
		       struct pattern_match *ret)
{
	size_t len = strlen(name);
	int hit = 0;

	for (size_t i = 0; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->list[i];

		if (pattern->says != says)
			continue;
		hit = match_one(patterns, pattern, name, len);
		if (hit == 0)
			continue;
		/* Without an answer, neither kind may hold anything against a host. */
		ret->says = hit < 0 ? PATTERN_ORDINARY : says;
		ret->gave_up = hit < 0;
		snprintf(ret->at, sizeof(ret->at), "%s:%u", pattern->file, pattern->line);
		return true;
	}
	return false;
}

void patterns_find(const struct patterns *patterns, const char *name, struct pattern_match *ret)
{
	*ret = (struct pattern_match){.says = PATTERN_NOTHING};
	if (!patterns || patterns->count == 0)
		return;
	if (!find_first(patterns, PATTERN_ORDINARY, name, ret))
		find_first(patterns, PATTERN_GENERIC, name, ret);
}
