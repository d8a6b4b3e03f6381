// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* `mxgate audit`: who changed what. */
#include "ctl/client.h"
#include "ctl/ctl.h"

#define LIMIT_MAX 1000 /* the daemon gives no more */

static void on_row(struct ctl *ctl, const json_t *item)
{
	ctl->out->list_item(ctl, item);
}

int audit_run(struct ctl *ctl)
{
	json_t *request;
	json_t *result = NULL;
	json_int_t limit = 0;
	int code = ctl_get_limit(ctl, LIMIT_MAX, &limit);

	if (code)
		return code;
	request = client_request("audit");
	if (limit)
		json_object_set_new(request, "limit", json_integer(limit));
	ctl->out->list_begin(ctl, CTL_LIST_AUDIT);
	code = client_call(ctl, request, on_row, &result);
	ctl->out->list_end(ctl, result);
	json_decref(result);
	return code;
}
