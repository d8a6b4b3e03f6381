// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * `mxgate exception`: what operators decide over the head of DNS. Every argument
 * is checked here, so that a mistake is explained at the keyboard; the daemon
 * checks it again, since it trusts nobody.
 */
#include <string.h>

#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

/* An owner, a reason, a ticket: refused when empty, too long, or more than one line. */
static int put_text(struct ctl *ctl, json_t *request, const char *name)
{
	const char *text = ctl_option(ctl, name);

	if (!text)
		return 0;
	if (!*text || strspn(text, " ") == strlen(text))
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "--%s is empty", name);
	if (strlen(text) > CTL_TEXT_MAX)
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "--%s is longer than %d bytes", name,
				CTL_TEXT_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return ctl_fail(ctl, CTL_EXIT_DATA, NULL,
					"--%s holds a line break or another control character",
					name);
	if (json_object_set_new(request, name, json_string(text)))
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "--%s is not valid UTF-8", name);
	return 0;
}

static int put_expires(struct ctl *ctl, json_t *request)
{
	const char *text = ctl_option(ctl, "expires");
	char moment[TEXT_MOMENT_MAX];
	int64_t expires;

	if (!text)
		return 0;
	if (text_to_moment(text, ctl->now_sec, &expires))
		return ctl_fail(ctl, CTL_EXIT_DATA,
				"write 2026-12-31, 2026-12-31T18:00Z (UTC) or +30d",
				"--expires %s is not a time", text);
	if (expires <= ctl->now_sec)
		return ctl_fail(ctl, CTL_EXIT_DATA, "give a later time, or +30d",
				"--expires %s is in the past: that was %s", text,
				text_from_moment(expires, moment));
	json_object_set_new(request, "expires", json_integer(expires));
	return 0;
}

static int put_prefix(struct ctl *ctl, json_t *request, const char *text)
{
	char canonical[PREFIX_TEXT_MAX];
	struct prefix prefix;
	int code = ctl_get_prefix(ctl, text, &prefix);

	if (!code)
		json_object_set_new(request, "prefix",
				    json_string(prefix_format(&prefix, canonical)));
	return code;
}

/* A number is an exception's id, everything else a prefix. */
static int put_id_or_prefix(struct ctl *ctl, json_t *request, const char *text)
{
	uint64_t id;

	if (text[strspn(text, "0123456789")])
		return put_prefix(ctl, request, text);
	if (text_to_u64(text, 1, UINT32_MAX, &id))
		return ctl_fail(ctl, CTL_EXIT_DATA, "mxgate exception list shows the numbers",
				"\"%s\" is not the number of an exception", text);
	json_object_set_new(request, "id", json_integer((json_int_t)id));
	return 0;
}

static int fill_add(struct ctl *ctl, json_t *request)
{
	static const char *const needed[] = {"owner", "reason"};
	int code;

	for (size_t i = 0; i < 2; i++)
		if (!ctl_has(ctl, needed[i]))
			return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
					"an exception needs --%s: who asks later must find it",
					needed[i]);
	code = put_prefix(ctl, request, ctl->operand[0]);
	if (!code)
		code = put_text(ctl, request, "owner");
	if (!code)
		code = put_text(ctl, request, "reason");
	if (!code)
		code = put_text(ctl, request, "ticket");
	if (!code)
		code = put_expires(ctl, request);
	json_object_set_new(request, "kind", json_string(ctl_has(ctl, "deny") ? "deny" : "allow"));
	return code;
}

/* Sends request (stolen) unless filling it has failed, and shows the result. */
static int call(struct ctl *ctl, int code, json_t *request,
		void (*show)(struct ctl *ctl, const json_t *result))
{
	json_t *result = NULL;

	if (code) {
		json_decref(request);
		return code;
	}
	code = client_call(ctl, request, NULL, &result);
	if (!code)
		show(ctl, result);
	json_decref(result);
	return code;
}

int exception_add(struct ctl *ctl)
{
	json_t *request = client_request("exception-add");

	return call(ctl, fill_add(ctl, request), request, ctl->out->exception_add);
}

static void on_exception(struct ctl *ctl, const json_t *item)
{
	ctl->out->list_item(ctl, item);
}

int exception_list(struct ctl *ctl)
{
	json_t *request = client_request("exception-list");
	json_t *result = NULL;
	int code;

	if (ctl_has(ctl, "all"))
		json_object_set_new(request, "all", json_true());
	ctl->out->list_begin(ctl, CTL_LIST_EXCEPTIONS);
	code = client_call(ctl, request, on_exception, &result);
	ctl->out->list_end(ctl, result);
	json_decref(result);
	return code;
}

int exception_show(struct ctl *ctl)
{
	json_t *request = client_request("exception-show");

	return call(ctl, put_id_or_prefix(ctl, request, ctl->operand[0]), request,
		    ctl->out->exception_show);
}

int exception_remove(struct ctl *ctl)
{
	json_t *request = client_request("exception-remove");
	int code = put_id_or_prefix(ctl, request, ctl->operand[0]);

	if (!code && ctl_has(ctl, "deny") && json_object_get(request, "id"))
		code = ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
				"--deny goes with a prefix; a number says which one it is");
	if (!code && !json_object_get(request, "id"))
		json_object_set_new(request, "kind",
				    json_string(ctl_has(ctl, "deny") ? "deny" : "allow"));
	if (!code)
		code = put_text(ctl, request, "why");
	return call(ctl, code, request, ctl->out->exception_remove);
}
