// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Results as JSON: the object as it came, indented, ASCII only, one newline at
 * the end; a list is one array, written item by item. Errors are an object on
 * the error stream. Adds, renames and drops nothing.
 */
#include "ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/out_text.h"

/* jansson leaves DEL as it is. Strings only can hold one. */
static int put_ascii(const char *text, size_t len, void *user)
{
	FILE *to = user;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0x7f)
			fputs("\\u007f", to);
		else
			fputc(text[i], to);
	}
	return 0;
}

static void put(FILE *to, const json_t *value, size_t flags)
{
	json_dump_callback(value, put_ascii, to,
			   flags | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
}

static void object(struct ctl *ctl, const json_t *result)
{
	put(ctl->to, result, JSON_INDENT(2));
	fputc('\n', ctl->to);
}

static void list_begin(struct ctl *ctl, enum ctl_list list)
{
	ctl->out_state = (struct ctl_out_state){.list = list};
}

static void list_item(struct ctl *ctl, const json_t *item)
{
	fputs(ctl->out_state.items++ ? ",\n " : "[\n ", ctl->to);
	put(ctl->to, item, JSON_COMPACT);
}

/* A list that broke off is not closed: no reader takes it for the whole. */
static void list_end(struct ctl *ctl, const json_t *result)
{
	if (result)
		fputs(ctl->out_state.items ? "\n]\n" : "[]\n", ctl->to);
}

/* An argument that is quoted may not be UTF-8: then as the text output has it. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);
	char *safe = NULL;
	size_t size;
	FILE *to;

	if (string)
		return string;
	to = open_memstream(&safe, &size);
	if (!to)
		return NULL;
	out_text_put(to, text);
	fclose(to);
	string = json_string(safe);
	free(safe);
	return string;
}

static void error(struct ctl *ctl, const char *code, const char *message, const char *hint)
{
	json_t *body = json_pack("{s:s, s:o}", "code", code, "message", string_of(message));
	json_t *line;

	if (hint && body)
		json_object_set_new(body, "hint", string_of(hint));
	line = json_pack("{s:o}", "error", body);
	put(ctl->err, line, JSON_COMPACT);
	fputc('\n', ctl->err);
	json_decref(line);
}

const struct ctl_out out_json = {
	.status = object,
	.evidence = object,
	.rdns = object,
	.flush = object,
	.mode = object,
	.reload = object,
	.exception_add = object,
	.exception_show = object,
	.exception_remove = object,
	.list_begin = list_begin,
	.list_item = list_item,
	.list_end = list_end,
	.error = error,
};
