/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/conf_keys.h"

/* A dropped source waits at most this long for its repaired PTR to count. */
#define NEGATIVE_TTL_MAX 3600

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
	memset(conf, 0, sizeof(*conf));
	policy_defaults(&conf->policy);
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *key = &CONF_KEYS[i];

		if (!key->preset || !*key->preset)
			continue;
		conf_key_store(key, key->preset, 0, field_of(key, conf));
		if (conf_key_is_list(key))
			*conf_key_count(key, conf) = 1;
	}
}

/* libconfuse hands its callbacks no user pointer, so the parse in progress is here. */
static _Thread_local struct {
	char *errors;
	size_t used;
	const cfg_t *root; /* sections do not know which file they stand in */
} reading;

/*
 * libconfuse takes the end of the file for the end of every open section. This
 * key, put behind the last line, is known at the top level only.
 */
#define END_MARK "end-of-configuration"
#define FILE_MAX (1 << 20)

static const char *section_of(cfg_t *cfg)
{
	return strcmp(cfg_name(cfg), "root") == 0 ? "" : cfg_name(cfg);
}

static void error_append(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void error_append(const char *fmt, ...)
{
	size_t room = CONF_ERRORS_MAX - reading.used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(reading.errors + reading.used, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		reading.used += (size_t)n < room ? (size_t)n : room - 1;
}

static void error_list_keys(const char *section)
{
	const char *separator = "; allowed here: ";

	for (size_t i = 0; i < CONF_KEY_COUNT; i++)
		if (strcmp(CONF_KEYS[i].section, section) == 0) {
			error_append("%s%s", separator, CONF_KEYS[i].name);
			separator = ", ";
		}
	for (size_t i = 0; !*section && i < CONF_SECTION_COUNT; i++)
		error_append(", %s {}", CONF_SECTIONS[i]);
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	const char *file = cfg->filename ? cfg->filename : reading.root->filename;
	char text[512], safe[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, END_MARK)) {
		error_append("%s: section %s is not closed; a } is missing\n", file, cfg_name(cfg));
		return;
	}
	text_escape(text, strlen(text), safe, sizeof(safe));
	error_append("%s:%d: %s", file, cfg->line, safe);
	if (strncmp(fmt, "no such option", 14) == 0)
		error_list_keys(section_of(cfg));
	error_append("\n");
}

/* The row that a policy section's title names, or NULL. */
static struct policy_row *row_of(cfg_t *sec, struct conf *conf)
{
	enum mxg_reason reason;

	if (!cfg_title(sec) || policy_reason_parse(cfg_title(sec), &reason) < 0)
		return NULL;
	for (size_t i = 0; i < CONF_POLICY_ROW_COUNT; i++)
		if (CONF_POLICY_ROWS[i] == reason)
			return &conf->policy.row[reason];
	return NULL;
}

static int check_policy_value(cfg_t *sec, const struct conf_key *key, const void *value)
{
	static struct conf scratch;
	const struct policy_row *row = row_of(sec, &scratch);
	bool good;

	if (!row) {
		cfg_error(sec, "no such policy '%s'; allowed: " CONF_POLICY_ROW_NAMES,
			  cfg_title(sec));
		return -1;
	}
	good = row == &scratch.policy.row[MXG_REASON_PASS] ||
	       row == &scratch.policy.row[MXG_REASON_TEMPERROR];
	if (key->type == KEY_ACTION && good && *(const enum mxg_action *)value != MXG_ACTION_PASS) {
		cfg_error(sec,
			  "policy %s can only pass: mxgate never blocks a confirmed source whose "
			  "name "
			  "is not generic, nor on a temporary failure",
			  cfg_title(sec));
		return -1;
	}
	if (key->type == KEY_FLAG && good && !*(const bool *)value) {
		cfg_error(sec, "policy %s has nothing to enforce: it passes in every mode",
			  cfg_title(sec));
		return -1;
	}
	if (strcmp(key->name, "ttl_min") != 0 && strcmp(key->name, "ttl_max") != 0)
		return 0;
	if (row != &scratch.policy.row[MXG_REASON_PASS] &&
	    *(const uint32_t *)value > NEGATIVE_TTL_MAX) {
		cfg_error(sec, "%s of policy %s is above 1h; a repaired PTR must count soon",
			  key->name, cfg_title(sec));
		return -1;
	}
	return 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct conf_key *key = conf_key_find(section_of(cfg), cfg_opt_name(opt));
	unsigned int n = cfg_opt_size(opt) - 1;
	/* Big enough for every field, list fields included. */
	static struct conf scratch;
	char allowed[CONF_ALLOWED_MAX];
	const char *text;
	int err;

	if (!key || cfg_opt_size(opt) == 0)
		return 0;
	text = cfg_opt_getnstr(opt, n);
	err = text ? conf_key_store(key, text, n, field_of(key, &scratch)) : -EINVAL;
	if (err == -EEXIST) {
		cfg_error(cfg, "%s = %s: is in the list twice", key->name, text);
		return -1;
	}
	if (err < 0) {
		conf_key_allowed(key, allowed, sizeof(allowed));
		cfg_error(cfg, "%s = %s: not allowed; allowed: %s", key->name, text ? text : "",
			  allowed);
		return -1;
	}
	if (strcmp(key->section, "policy") == 0)
		return check_policy_value(cfg, key, field_of(key, &scratch));
	return 0;
}

static int on_policy(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	static struct conf scratch;

	if (row_of(sec, &scratch))
		return 0;
	cfg_error(cfg, "no such policy '%s'; allowed: " CONF_POLICY_ROW_NAMES, cfg_title(sec));
	return -1;
}

static size_t section_opts(const char *section, cfg_opt_t *opts)
{
	size_t used = 0;

	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		cfg_opt_t one = CFG_STR(CONF_KEYS[i].name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(CONF_KEYS[i].name, NULL, CFGF_NODEFAULT);

		if (strcmp(CONF_KEYS[i].section, section) == 0)
			opts[used++] = conf_key_is_list(&CONF_KEYS[i]) ? list : one;
	}
	opts[used] = (cfg_opt_t)CFG_END();
	return used;
}

static cfg_t *parser_new(void)
{
	cfg_opt_t sections[CONF_SECTION_MAX][CONF_KEY_MAX + 1];
	cfg_opt_t root[CONF_KEY_MAX + CONF_SECTION_MAX + 3];
	cfg_opt_t include = CFG_FUNC("include", &cfg_include);
	cfg_opt_t end = CFG_STR(END_MARK, NULL, CFGF_NODEFAULT);
	char path[64];
	size_t used;
	cfg_t *cfg;

	used = section_opts("", root);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++) {
		bool titled = strcmp(CONF_SECTIONS[i], "policy") == 0;
		cfg_opt_t sec = CFG_SEC(CONF_SECTIONS[i], sections[i],
					titled ? CFGF_MULTI | CFGF_TITLE : CFGF_NONE);

		section_opts(CONF_SECTIONS[i], sections[i]);
		root[used++] = sec;
	}
	root[used++] = include;
	root[used++] = end;
	root[used] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(root, CFGF_NONE);
	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		snprintf(path, sizeof(path), "%s%s%s", CONF_KEYS[i].section,
			 *CONF_KEYS[i].section ? "|" : "", CONF_KEYS[i].name);
		cfg_set_validate_func(cfg, path, on_value);
	}
	cfg_set_validate_func(cfg, "policy", on_policy);
	return cfg;
}

/* Copies what the file set from one section; every value was checked while parsing. */
static void section_store(cfg_t *sec, const char *section, void *base, struct conf *conf)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *key = &CONF_KEYS[i];
		cfg_opt_t *opt;
		unsigned int n;

		if (strcmp(key->section, section) != 0)
			continue;
		opt = cfg_getopt(sec, key->name);
		if (!opt || (cfg_opt_size(opt) == 0 && !(opt->flags & CFGF_MODIFIED)))
			continue;
		if (!conf_key_is_list(key) && !cfg_opt_getnstr(opt, 0))
			continue;
		for (n = 0; n < cfg_opt_size(opt); n++)
			conf_key_store(key, cfg_opt_getnstr(opt, n), n, (char *)base + key->offset);
		if (conf_key_is_list(key))
			*conf_key_count(key, conf) = n;
	}
}

static void all_store(cfg_t *cfg, struct conf *conf)
{
	section_store(cfg, "", conf, conf);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++)
		for (unsigned int n = 0; n < cfg_size(cfg, CONF_SECTIONS[i]); n++) {
			cfg_t *sec = cfg_getnsec(cfg, CONF_SECTIONS[i], n);

			if (strcmp(CONF_SECTIONS[i], "policy") == 0)
				section_store(sec, CONF_SECTIONS[i], row_of(sec, conf), conf);
			else
				section_store(sec, CONF_SECTIONS[i], conf, conf);
		}
}

/* A text is right by itself: what it comes to with the url. */
static void check_refusal(const char *path, const struct refusal_conf *conf, enum mxg_reason reason)
{
	const char *name = policy_reason_name(reason);
	struct mxg_say say;
	size_t len;
	int err = refusal_line(conf, reason, &say, &len);

	if (err == -EINVAL)
		error_append("%s: reject: %s and url have an {address} each; one is allowed\n",
			     path, name);
	else if (err < 0)
		error_append("%s: reject: %s comes to %zu characters with url and the longest "
			     "address (%d); allowed: %d, and %d on either side of the address\n",
			     path, name, len, MXG_SAY_ADDR, REFUSAL_LINE_MAX, MXG_SAY_PART - 2);
}

/* What no single line can be blamed for. */
static int check_whole(const char *path, const struct conf *conf)
{
	if (conf->interface_count == 0 && conf->attach != CONF_ATTACH_EXTERNAL)
		error_append("%s: interfaces: none named; name at least one, for example "
			     "interfaces = {\"eth0\"}, or set attach = external\n",
			     path);
	if (conf->port_count == 0)
		error_append("%s: ports: empty; name 1 to %d ports\n", path, MXG_PORTS_MAX);
	if (conf->hold && conf->trigger == CONF_TRIGGER_ESTABLISHED)
		error_append(
			"%s: hold: needs trigger = syn; when a connection is established, there "
			"is no SYN left to hold\n",
			path);
	if (conf->confirm.within_sec <= conf->confirm.apart_sec)
		error_append("%s: confirm: within is not above apart\n", path);
	if (conf->confirm.rollup && conf->confirm.rollup < ROLLUP_ADDRESSES_MIN)
		error_append("%s: confirm: rollup is below %d; 0 is never\n", path,
			     ROLLUP_ADDRESSES_MIN);
	if (conf->confirm.different_servers && conf->dns.server_count == 1)
		error_append(
			"%s: confirm: different_servers needs two servers; name another in dns "
			"{ servers }\n",
			path);
	for (size_t i = 0; i < CONF_POLICY_ROW_COUNT; i++) {
		const struct policy_row *row = &conf->policy.row[CONF_POLICY_ROWS[i]];

		if (row->ttl_min_sec > row->ttl_max_sec)
			error_append("%s: policy %s: ttl_min is above ttl_max\n", path,
				     policy_reason_name(CONF_POLICY_ROWS[i]));
	}
	for (size_t i = 0; i < REFUSAL_REASON_COUNT; i++)
		check_refusal(path, &conf->reject, REFUSAL_REASONS[i]);
	return reading.used ? -EINVAL : 0;
}

/* The file with END_MARK behind it, to be freed; NULL and errno. */
static char *file_read(const char *path, size_t *ret_size)
{
	static const char end[] = "\n" END_MARK " = yes\n";
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t n = 0;
	int err = 0;

	if (!file)
		return NULL;
	text = malloc(FILE_MAX + sizeof(end));
	if (text)
		n = fread(text, 1, FILE_MAX, file);
	if (!text || ferror(file))
		err = text ? errno : ENOMEM;
	else if (!feof(file))
		err = EFBIG;
	fclose(file);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	memcpy(text + n, end, sizeof(end));
	*ret_size = n + sizeof(end) - 1;
	return text;
}

static int text_parse(const char *path, char *text, size_t size, struct conf *conf)
{
	FILE *file = fmemopen(text, size, "r");
	cfg_t *cfg = parser_new();
	int err = 0;

	if (!file || !cfg) {
		err = -ENOMEM;
		goto out;
	}
	reading.root = cfg;
	cfg->filename = strdup(path); /* cfg_free() frees it */
	if (cfg_parse_fp(cfg, file) != CFG_SUCCESS || reading.used) {
		if (!reading.used)
			error_append("%s: not a configuration\n", path);
		err = -EINVAL;
		goto out;
	}
	all_store(cfg, conf);
	err = check_whole(path, conf);
out:
	if (cfg)
		cfg_free(cfg);
	if (file)
		fclose(file);
	return err;
}

int conf_read(const char *path, struct conf *ret, char errors[static CONF_ERRORS_MAX])
{
	struct conf conf;
	size_t size;
	char *text;
	int err;

	errors[0] = '\0';
	reading.errors = errors;
	reading.used = 0;
	text = file_read(path, &size);
	if (!text) {
		err = -errno;
		error_append("%s: cannot be read: %s\n", path, strerror(-err));
		return err;
	}
	conf_defaults(&conf);
	err = text_parse(path, text, size, &conf);
	free(text);
	if (err == 0)
		*ret = conf;
	return err;
}
