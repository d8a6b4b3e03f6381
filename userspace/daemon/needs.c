/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "daemon/needs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/control.h"
#include "io/gate.h"
#include "io/patternfile.h"

void needs_place(const char *conf_path, const char *section, const char *name,
		 char why[static CONF_ERRORS_MAX])
{
	char text[CONF_ERRORS_MAX];
	size_t len;

	strcpy(text, why);
	len = strlen(conf_where(conf_path, section, name, why, CONF_ERRORS_MAX));
	snprintf(why + len, CONF_ERRORS_MAX - len, ": %s", text);
}

int needs_user(const char *conf_path, const struct conf *conf, struct spawn_ids *ret,
	       char why[static CONF_ERRORS_MAX])
{
	int err = spawn_resolve(conf, ret, why, CONF_ERRORS_MAX);

	if (err < 0)
		needs_place(conf_path, "", "user", why);
	return err;
}

int needs_directory(const char *conf_path, const struct conf *conf, const struct spawn_ids *ids,
		    char why[static CONF_ERRORS_MAX])
{
	int err = spawn_state_directory(conf, ids, why, CONF_ERRORS_MAX);

	if (err < 0)
		needs_place(conf_path, "", "state_directory", why);
	return err;
}

/* A wrong line has its own file; that there is no file, only ours. */
static int place_patterns(const char *conf_path, int err, char why[static CONF_ERRORS_MAX])
{
	if (err < 0 && err != -EINVAL)
		needs_place(conf_path, "rdns", "patterns", why);
	return err;
}

int needs_patterns(const char *conf_path, const struct conf *conf, struct patterns **ret,
		   char why[static CONF_ERRORS_MAX])
{
	return place_patterns(conf_path, patternfile_read_conf(conf, ret, why), why);
}

void needs_explain_trigger(const char *conf_path, const struct conf *conf,
			   const struct established_why *found, char why[static CONF_ERRORS_MAX])
{
	/* That of all has no place of its own. */
	bool is_named = found->fault == ESTABLISHED_FAULT_CGROUP && strcmp(conf->cgroup, "/") != 0;

	snprintf(why, CONF_ERRORS_MAX, "%s", found->text);
	needs_place(conf_path, "", is_named ? "cgroup" : "trigger", why);
}

static void explain_socket(const char *conf_path, const struct conf *conf, int err,
			   char why[static CONF_ERRORS_MAX])
{
	snprintf(why, CONF_ERRORS_MAX, "control socket %s cannot be made: %s; %s",
		 conf->control.path, strerror(-err),
		 err == -EADDRINUSE ? "another mxgated answers there: stop it, or set another path"
				    : "check control { path } and its directory");
	needs_place(conf_path, "control", "path", why);
}

int needs_socket(const char *conf_path, const struct conf *conf, int *ret_fd,
		 char why[static CONF_ERRORS_MAX])
{
	int err = control_listen(conf->control.path, ret_fd);

	if (err < 0)
		explain_socket(conf_path, conf, err, why);
	return err;
}

/* --- a check ----------------------------------------------------------------------- */

struct check {
	const char *conf_path;
	const struct conf *conf;
	const char *object; /* from the command line, or NULL */
	char *errors;       /* of CONF_ERRORS_MAX */
	size_t used;
	bool is_bad;
};

/* A line, whole or not at all: half of one would mislead. */
static void add(struct check *check, const char *line)
{
	size_t len = strcspn(line, "\n");

	check->is_bad = true;
	if (check->used + len + 2 > CONF_ERRORS_MAX)
		return;
	memcpy(check->errors + check->used, line, len);
	memcpy(check->errors + check->used + len, "\n", 2);
	check->used += len + 1;
}

static void check_worker(struct check *check)
{
	char why[CONF_ERRORS_MAX];
	struct spawn_ids ids;

	if (needs_user(check->conf_path, check->conf, &ids, why) < 0) {
		add(check, why);
	} else if (spawn_check_directory(check->conf, &ids, why, sizeof(why)) < 0) {
		needs_place(check->conf_path, "", "state_directory", why);
		add(check, why);
	}
}

static void check_socket(struct check *check)
{
	char why[CONF_ERRORS_MAX];
	int err = control_check(check->conf->control.path);

	if (err == 0)
		return;
	explain_socket(check->conf_path, check->conf, err, why);
	add(check, why);
}

static void check_objects(struct check *check)
{
	const char *object = check->object ? check->object : check->conf->bpf_object;
	struct established_why found;
	char why[CONF_ERRORS_MAX];
	bool is_hash = false;

	if (gate_check(object, &is_hash, why) < 0) {
		if (!check->object)
			needs_place(check->conf_path, "", "bpf_object", why);
		add(check, why);
	}
	if (check->conf->trigger != CONF_TRIGGER_ESTABLISHED ||
	    established_check(object, is_hash, check->conf->cgroup, &found) == 0)
		return;
	needs_explain_trigger(check->conf_path, check->conf, &found, why);
	add(check, why);
}

/* Each by itself, so that each is told of. */
static void check_patterns(struct check *check)
{
	for (unsigned int i = 0; i < check->conf->rdns.pattern_count; i++) {
		const char *path = check->conf->rdns.patterns[i];
		struct patterns *patterns = NULL;
		char why[CONF_ERRORS_MAX];
		int err = patternfile_read(&path, 1, &patterns, why);

		patterns_free(patterns);
		if (place_patterns(check->conf_path, err, why) < 0)
			add(check, why);
	}
}

int needs_check(const char *conf_path, const struct conf *conf, const char *object,
		char errors[static CONF_ERRORS_MAX])
{
	struct check check = {conf_path, conf, object, errors, 0, false};

	errors[0] = '\0';
	check_worker(&check);
	check_objects(&check);
	check_socket(&check);
	check_patterns(&check);
	return check.is_bad ? -ENOENT : 0;
}
