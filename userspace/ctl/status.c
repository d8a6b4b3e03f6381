// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* `mxgate status`: what the gate is doing now. */
#include "ctl/client.h"
#include "ctl/ctl.h"

int status_run(struct ctl *ctl)
{
	json_t *result = NULL;
	int code = client_call(ctl, client_request("status"), NULL, &result);

	if (!code)
		ctl->out->status(ctl, result);
	json_decref(result);
	return code;
}
