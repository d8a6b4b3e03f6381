/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * `mxgate rdns`: what the classifier and the operator's patterns make of one name, with
 * every reason. Asks neither daemon nor DNS: whether the name is confirmed is not its
 * question.
 */
#include <ctype.h>
#include <string.h>

#include "core/evidence.h"
#include "core/rdns.h"
#include "ctl/ctl.h"
#include "ctl/local.h"

/* As people write a name, to how the worker has it: lower case, no final dot. */
static int get_name(struct ctl *ctl, const char *text, char ret[static DNS_HOST_TEXT_MAX])
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len >= DNS_HOST_TEXT_MAX)
		return ctl_fail(ctl, CTL_EXIT_DATA, "write one as dhcp-17.example.net",
				"a host name has 1 to %d characters", DNS_HOST_TEXT_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!isascii(c) || (!isalnum(c) && !strchr("-_.", c)))
			return ctl_fail(ctl, CTL_EXIT_DATA,
					"it has letters, digits, - _ and . only; such a name is "
					"never held against a host",
					"\"%s\" is no host name", text);
		ret[i] = (char)tolower(c);
	}
	ret[len] = '\0';
	return 0;
}

static int show(struct ctl *ctl, const struct rdns_result *result, const struct addr *addr)
{
	json_t *object = evidence_generic_to_json(result);
	char text[ADDR_TEXT_MAX];

	if (!object)
		return ctl_fail(ctl, CTL_EXIT_INTERNAL, NULL, "out of memory");
	json_object_set_new(object, "address", json_string(addr_format(addr, text)));
	ctl->out->rdns(ctl, object);
	json_decref(object);
	return result->is_generic ? CTL_EXIT_NO : CTL_EXIT_OK;
}

int rdns_run(struct ctl *ctl)
{
	struct patterns *patterns = NULL;
	char name[DNS_HOST_TEXT_MAX];
	struct rdns_result result;
	struct conf conf;
	struct addr addr;
	int code = get_name(ctl, ctl->operand[0], name);

	if (code == 0)
		code = ctl_get_addr(ctl, ctl->operand[1], &addr);
	if (code == 0)
		code = local_load_conf(ctl, &conf);
	if (code == 0)
		code = local_load_patterns(ctl, &conf, &patterns);
	if (code != 0)
		return code;
	rdns_classify(name, &addr, patterns, &result);
	patterns_free(patterns);
	return show(ctl, &result, &addr);
}
