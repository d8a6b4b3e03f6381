// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* `mxgate mode` and `mxgate reload`: how the daemon is set, from now on. */
#include "ctl/client.h"
#include "ctl/ctl.h"

int mode_run(struct ctl *ctl)
{
	static const char *const modes[] = {"monitor", "enforce", "config", NULL};
	static const char *const reasons[] = {"no-ptr", "unconfirmed", "generic", "deny", NULL};
	const char *reason = ctl->operand[1];
	json_t *request;
	json_t *result = NULL;
	int code = ctl_get_word(ctl, "mode", ctl->operand[0], modes);

	if (!code && reason)
		code = ctl_get_word(ctl, "reason to enforce", reason, reasons);
	if (code)
		return code;
	request = client_request("mode");
	json_object_set_new(request, "mode", json_string(ctl->operand[0]));
	if (reason)
		json_object_set_new(request, "reason", json_string(reason));
	code = client_call(ctl, request, NULL, &result);
	if (!code)
		ctl->out->mode(ctl, result);
	json_decref(result);
	return code;
}

int mode_reload(struct ctl *ctl)
{
	json_t *result = NULL;
	int code = client_call(ctl, client_request("reload"), NULL, &result);

	if (!code)
		ctl->out->reload(ctl, result);
	json_decref(result);
	return code;
}
