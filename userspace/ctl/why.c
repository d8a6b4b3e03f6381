// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * `mxgate why` and `mxgate recheck`: one address, with all that is known about
 * it. The two differ in whether the daemon looks it up again first.
 */
#include <string.h>

#include "ctl/client.h"
#include "ctl/ctl.h"

static bool is_known(const json_t *result)
{
	const char *iprev = json_string_value(json_object_get(result, "iprev"));

	return json_is_true(json_object_get(result, "known")) ||
	       json_is_object(json_object_get(result, "exception")) ||
	       json_is_object(json_object_get(result, "rollup")) ||
	       json_object_get(result, "special") || (iprev && strcmp(iprev, "none") != 0);
}

static int ask(struct ctl *ctl, const char *cmd)
{
	char text[ADDR_TEXT_MAX];
	json_t *request;
	json_t *result = NULL;
	struct addr addr;
	int code = ctl_get_addr(ctl, ctl->operand[0], &addr);

	if (code)
		return code;
	request = client_request(cmd);
	json_object_set_new(request, "address", json_string(addr_format(&addr, text)));
	code = client_call(ctl, request, NULL, &result);
	if (!code) {
		ctl->out->evidence(ctl, result);
		code = is_known(result) ? CTL_EXIT_OK : CTL_EXIT_NO;
	}
	json_decref(result);
	return code;
}

int why_run(struct ctl *ctl)
{
	return ask(ctl, "why");
}

int why_recheck(struct ctl *ctl)
{
	return ask(ctl, "recheck");
}
