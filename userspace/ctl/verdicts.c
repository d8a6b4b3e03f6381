// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* `mxgate verdicts` and `mxgate flush`: what the gate has learned, shown and forgotten. */
#include "ctl/client.h"
#include "ctl/ctl.h"

#define LIMIT_MAX 100000000

static void on_verdict(struct ctl *ctl, const json_t *item)
{
	ctl->out->list_item(ctl, item);
}

/* A prefix as the daemon spells it, if text is not NULL. 0 or the exit code. */
static int put_prefix(struct ctl *ctl, json_t *request, const char *text)
{
	char canonical[PREFIX_TEXT_MAX];
	struct prefix prefix;
	int code;

	if (!text)
		return 0;
	code = ctl_get_prefix(ctl, text, &prefix);
	if (!code)
		json_object_set_new(request, "prefix",
				    json_string(prefix_format(&prefix, canonical)));
	return code;
}

static int put_word(struct ctl *ctl, json_t *request, const char *name, const char *const *words)
{
	const char *text = ctl_option(ctl, name);
	int code = text ? ctl_get_word(ctl, name, text, words) : 0;

	if (text && !code)
		json_object_set_new(request, name, json_string(text));
	return code;
}

static int fill(struct ctl *ctl, json_t *request)
{
	static const char *const actions[] = {"pass", "drop", "reset", "reject", NULL};
	json_int_t limit = 0;
	int code = put_prefix(ctl, request, ctl_option(ctl, "prefix"));

	if (!code)
		code = put_word(ctl, request, "reason", ctl_reasons);
	if (!code)
		code = put_word(ctl, request, "action", actions);
	if (!code)
		code = ctl_get_limit(ctl, LIMIT_MAX, &limit);
	if (!code && limit)
		json_object_set_new(request, "limit", json_integer(limit));
	return code;
}

int verdicts_run(struct ctl *ctl)
{
	json_t *request = client_request("verdicts");
	json_t *result = NULL;
	int code = fill(ctl, request);

	if (code) {
		json_decref(request);
		return code;
	}
	ctl->out->list_begin(ctl, CTL_LIST_VERDICTS);
	code = client_call(ctl, request, on_verdict, &result);
	ctl->out->list_end(ctl, result);
	json_decref(result);
	return code;
}

int verdicts_flush(struct ctl *ctl)
{
	json_t *request = client_request("flush");
	json_t *result = NULL;
	int code = put_prefix(ctl, request, ctl->operand[0]);

	if (code) {
		json_decref(request);
		return code;
	}
	code = client_call(ctl, request, NULL, &result);
	if (!code)
		ctl->out->flush(ctl, result);
	json_decref(result);
	return code;
}
