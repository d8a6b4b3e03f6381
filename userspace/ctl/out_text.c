// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Results as text: lists, changes and errors here, the two long ones in
 * out_text_status.c and out_text_evidence.c. A list prints its heading with its
 * first item, so that a failure leaves standard output empty.
 */
#include "ctl/out_text.h"

#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"

/* --- what the renderings share ------------------------------------------------ */

static size_t put_bytes(FILE *to, const char *text, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		columns += (size_t)(c >= 0x20 && c <= 0x7e ? fprintf(to, "%c", c)
							   : fprintf(to, "\\%03u", c));
	}
	return columns;
}

size_t out_text_put(FILE *to, const char *text)
{
	return text ? put_bytes(to, text, strlen(text)) : 0;
}

void out_text_cell(FILE *to, const char *text, int width)
{
	int used = (int)out_text_put(to, text);

	fprintf(to, "%*s", used < width ? width - used + 1 : 1, "");
}

void out_text_wrap(FILE *to, unsigned int indent, const char *text)
{
	size_t column = indent;
	bool is_first = true;

	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		if (!is_first && column + 1 + len > OUT_TEXT_WIDTH) {
			fprintf(to, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!is_first) {
			fputc(' ', to);
			column++;
		}
		column += put_bytes(to, text, len);
		text += len;
		is_first = false;
	}
	fputc('\n', to);
}

const char *out_text_number(json_int_t value, char buf[static OUT_TEXT_NUMBER_MAX])
{
	char digits[OUT_TEXT_NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, value);
	char *out = buf;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

const char *out_text_span(json_int_t sec, char buf[static OUT_TEXT_NUMBER_MAX])
{
	static const struct {
		json_int_t sec;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	int used;

	if (sec <= 0)
		return strcpy(buf, "0s");
	while (sec < units[i].sec)
		i++;
	used = snprintf(buf, OUT_TEXT_NUMBER_MAX, "%" JSON_INTEGER_FORMAT "%c", sec / units[i].sec,
			units[i].unit);
	sec %= units[i].sec;
	if (units[i].unit != 's' && sec >= units[i + 1].sec)
		snprintf(buf + used, OUT_TEXT_NUMBER_MAX - (size_t)used,
			 "%" JSON_INTEGER_FORMAT "%c", sec / units[i + 1].sec, units[i + 1].unit);
	return buf;
}

const char *out_text_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t out_text_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void out_text_join(FILE *to, const json_t *array)
{
	const json_t *value;
	size_t i;

	json_array_foreach (array, i, value) {
		fputs(i ? ", " : "", to);
		out_text_put(to, json_string_value(value));
	}
	if (!json_array_size(array))
		fputs("none", to);
}

/* --- lists -------------------------------------------------------------------- */

static void verdict_item(FILE *to, const json_t *item)
{
	char number[OUT_TEXT_NUMBER_MAX];

	out_text_cell(to, out_text_string(item, "address"), 39);
	out_text_cell(to, out_text_string(item, "action"), 6);
	out_text_cell(to, out_text_string(item, "reason"), 11);
	fprintf(to, "%9s ", out_text_number(out_text_integer(item, "hits"), number));
	fprintf(to, "%7s\n", out_text_span(out_text_integer(item, "expires_in_sec"), number));
}

/* The day is enough for a list; "never" for null. */
static const char *day_of(const json_t *item, char buf[static 11])
{
	const char *expires = out_text_string(item, "expires");

	snprintf(buf, 11, "%.10s", *expires ? expires : "never");
	return buf;
}

static void exception_item(FILE *to, const json_t *item)
{
	char day[11];
	char reason[26];
	const char *text = out_text_string(item, "reason");
	bool is_active = json_is_true(json_object_get(item, "active"));

	fprintf(to, "%5" JSON_INTEGER_FORMAT " ", out_text_integer(item, "id"));
	out_text_cell(to, out_text_string(item, "kind"), 5);
	out_text_cell(to, out_text_string(item, "prefix"), 18);
	out_text_cell(to, is_active ? day_of(item, day) : "expired", 10);
	out_text_cell(to, out_text_string(item, "owner"), 12);
	if (strlen(text) < sizeof(reason))
		snprintf(reason, sizeof(reason), "%s", text);
	else
		snprintf(reason, sizeof(reason), "%.22s...", text);
	out_text_put(to, reason);
	fputc('\n', to);
}

static void audit_item(FILE *to, const json_t *item)
{
	const char *detail = out_text_string(item, "detail");

	out_text_cell(to, out_text_string(item, "time"), 20);
	out_text_cell(to, out_text_string(item, "who"), 15);
	out_text_cell(to, out_text_string(item, "what"), 16);
	out_text_put(to, out_text_string(item, "object"));
	fputc('\n', to);
	if (*detail) {
		fputs("    ", to);
		out_text_wrap(to, 4, detail);
	}
}

static const struct {
	const char *heading;
	const char *none;
	void (*item)(FILE *to, const json_t *item);
} lists[] = {
	[CTL_LIST_VERDICTS] = {"ADDRESS                                 ACTION REASON           "
			       "HITS EXPIRES",
			       "no verdicts", verdict_item},
	[CTL_LIST_EXCEPTIONS] = {"   ID KIND  PREFIX             EXPIRES    OWNER        REASON",
				 "no exceptions", exception_item},
	[CTL_LIST_AUDIT] = {"TIME                 WHO             WHAT             OBJECT",
			    "nothing has been changed by command", audit_item},
};

static void list_begin(struct ctl *ctl, enum ctl_list list)
{
	ctl->out_state = (struct ctl_out_state){.list = list};
}

static void list_item(struct ctl *ctl, const json_t *item)
{
	if (ctl->out_state.items++ == 0)
		fprintf(ctl->to, "%s\n", lists[ctl->out_state.list].heading);
	lists[ctl->out_state.list].item(ctl->to, item);
}

static void list_end(struct ctl *ctl, const json_t *result)
{
	if (result && !ctl->out_state.items)
		fprintf(ctl->to, "%s\n", lists[ctl->out_state.list].none);
	if (json_is_true(json_object_get(result, "more")))
		fputs("(there are more: raise --limit or narrow the selection)\n", ctl->to);
}

/* --- changes ------------------------------------------------------------------ */

static void flush(struct ctl *ctl, const json_t *result)
{
	char number[OUT_TEXT_NUMBER_MAX];
	json_int_t removed = out_text_integer(result, "removed");

	fprintf(ctl->to, "%s verdict%s forgotten\n", out_text_number(removed, number),
		removed == 1 ? "" : "s");
}

static void mode(struct ctl *ctl, const json_t *result)
{
	fputs("mode ", ctl->to);
	out_text_put(ctl->to, out_text_string(result, "mode"));
	fputs(" (by ", ctl->to);
	out_text_put(ctl->to, out_text_string(result, "source"));
	fputs("), acting on: ", ctl->to);
	out_text_join(ctl->to, json_object_get(result, "enforced"));
	fputc('\n', ctl->to);
}

static void reload(struct ctl *ctl, const json_t *result)
{
	const char *message = out_text_string(result, "message");

	out_text_put(ctl->to, *message ? message : "configuration read again");
	fputc('\n', ctl->to);
}

static void field(FILE *to, const char *name, const char *text)
{
	if (!*text)
		return;
	fprintf(to, "  %-9s ", name);
	out_text_wrap(to, 12, text);
}

static void exception_block(FILE *to, const json_t *exception)
{
	char number[OUT_TEXT_NUMBER_MAX];
	const char *expires = out_text_string(exception, "expires");

	fprintf(to, "exception %" JSON_INTEGER_FORMAT ": ", out_text_integer(exception, "id"));
	out_text_cell(to, out_text_string(exception, "kind"), 0);
	out_text_put(to, out_text_string(exception, "prefix"));
	fputs(json_is_true(json_object_get(exception, "active")) ? "\n" : " (not in force)\n", to);
	field(to, "owner", out_text_string(exception, "owner"));
	field(to, "reason", out_text_string(exception, "reason"));
	field(to, "ticket", out_text_string(exception, "ticket"));
	field(to, "created", out_text_string(exception, "created"));
	field(to, "by", out_text_string(exception, "created_by"));
	field(to, "expires", *expires ? expires : "never");
	if (json_is_integer(json_object_get(exception, "hits")))
		field(to, "hits", out_text_number(out_text_integer(exception, "hits"), number));
}

static void exception_add_text(struct ctl *ctl, const json_t *result)
{
	json_int_t removed = out_text_integer(result, "verdicts_removed");

	exception_block(ctl->to, json_object_get(result, "exception"));
	if (removed > 0)
		fprintf(ctl->to, "in force; %" JSON_INTEGER_FORMAT " learned verdict%s removed\n",
			removed, removed == 1 ? "" : "s");
	else
		fputs("in force\n", ctl->to);
}

static void exception_show_text(struct ctl *ctl, const json_t *result)
{
	const json_t *rows = json_object_get(result, "audit");
	const json_t *value;
	size_t i;

	json_array_foreach (json_object_get(result, "exceptions"), i, value)
		exception_block(ctl->to, value);
	if (json_array_size(rows))
		fputs("history\n", ctl->to);
	json_array_foreach (rows, i, value)
		audit_item(ctl->to, value);
}

static void exception_remove_text(struct ctl *ctl, const json_t *result)
{
	const json_t *exception = json_object_get(result, "exception");

	fprintf(ctl->to, "removed exception %" JSON_INTEGER_FORMAT ": ",
		out_text_integer(exception, "id"));
	out_text_cell(ctl->to, out_text_string(exception, "kind"), 0);
	out_text_put(ctl->to, out_text_string(exception, "prefix"));
	fputc('\n', ctl->to);
}

static void error(struct ctl *ctl, const char *code, const char *message, const char *hint)
{
	(void)code;
	fputs("mxgate: ", ctl->err);
	out_text_put(ctl->err, message);
	if (hint) {
		fputs("; ", ctl->err);
		out_text_put(ctl->err, hint);
	}
	fputc('\n', ctl->err);
}

const struct ctl_out out_text = {
	.status = out_text_status,
	.evidence = out_text_evidence,
	.rdns = out_text_rdns,
	.flush = flush,
	.mode = mode,
	.reload = reload,
	.exception_add = exception_add_text,
	.exception_show = exception_show_text,
	.exception_remove = exception_remove_text,
	.list_begin = list_begin,
	.list_item = list_item,
	.list_end = list_end,
	.error = error,
};
