/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf_reader.h"

enum mxg_action conf_deny_action(const struct conf *conf)
{
	static const enum mxg_action actions[] = {MXG_ACTION_DROP, MXG_ACTION_RESET,
						  MXG_ACTION_REJECT};

	return actions[conf->deny];
}

bool conf_may_reject(const struct conf *conf)
{
	for (size_t i = 0; i < MXG_REASON_MAX; i++)
		if (conf->policy.row[i].action == MXG_ACTION_REJECT)
			return true;
	return conf_deny_action(conf) == MXG_ACTION_REJECT;
}

static void *field_of(const struct conf_key *key, struct conf *conf)
{
	return (char *)conf + key->offset;
}

void conf_defaults(struct conf *conf)
{
	const char *why;

	memset(conf, 0, sizeof(*conf));
	policy_defaults(&conf->policy);
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *key = &CONF_KEYS[i];

		if (!key->preset || !*key->preset)
			continue;
		conf_key_store(key, key->preset, 0, field_of(key, conf), &why);
		if (conf_key_is_list(key))
			*conf_key_count(key, conf) = 1;
	}
}

int conf_read(const char *path, struct conf *ret, char errors[static CONF_ERRORS_MAX])
{
	struct conf_reader reader = {.errors = errors};
	struct conf conf;
	int err;

	errors[0] = '\0';
	conf_defaults(&conf);
	reader.conf = &conf;
	err = conf_reader_run(&reader, path);
	if (err == 0 && reader.used == 0)
		conf_check(&reader);
	if (err == 0 && reader.used > 0)
		err = -EINVAL;
	if (err == -ENOMEM)
		snprintf(errors, CONF_ERRORS_MAX, "%s: out of memory\n", path);
	conf_reader_done(&reader);
	if (err == 0)
		*ret = conf;
	return err;
}

const char *conf_where(const char *path, const char *section, const char *name, char *buf,
		       size_t size)
{
	char errors[CONF_ERRORS_MAX] = "";
	struct conf_reader reader = {.errors = errors};
	const struct conf_place *place;
	struct conf conf;

	conf_defaults(&conf);
	reader.conf = &conf;
	snprintf(buf, size, "%s", path);
	if (conf_reader_run(&reader, path) == 0) {
		place = conf_reader_place(&reader, conf_key_find(section, name), 0);
		if (place->order)
			snprintf(buf, size, "%s:%u", reader.files[place->file].path, place->line);
	}
	conf_reader_done(&reader);
	return buf;
}
