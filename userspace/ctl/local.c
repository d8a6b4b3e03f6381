/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ctl/local.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/patternfile.h"

#define DEFAULT_CONFIG MXG_SYSCONFDIR "/mxgate/mxgate.conf"

int local_load_conf(struct ctl *ctl, struct conf *ret)
{
	const char *path = ctl_option(ctl, "config");
	char errors[CONF_ERRORS_MAX];
	int err;

	conf_defaults(ret);
	if (!path && access(DEFAULT_CONFIG, F_OK) != 0)
		return 0;
	if (!path)
		path = DEFAULT_CONFIG;
	err = conf_read(path, ret, errors);
	if (err == 0)
		return 0;
	errors[strcspn(errors, "\n")] = '\0';
	if (err == -EINVAL)
		return ctl_fail(ctl, CTL_EXIT_CONFIG,
				"correct the file, or name another with --config", "%s", errors);
	return ctl_fail(ctl, err == -EACCES ? CTL_EXIT_DENIED : CTL_EXIT_IO,
			"name a readable file with --config", "cannot read %s: %s", path,
			strerror(-err));
}

int local_load_patterns(struct ctl *ctl, const struct conf *conf, struct patterns **ret)
{
	const char *paths[CTL_VALUES_MAX];
	char why[PATTERN_WHY_MAX];
	unsigned int n = 0;
	int err;

	while (n < CTL_VALUES_MAX && (paths[n] = ctl_option_nth(ctl, "patterns", n)))
		n++;
	err = n > 0 ? patternfile_read(paths, n, ret, why) : patternfile_read_conf(conf, ret, why);
	if (err == 0)
		return 0;
	why[strcspn(why, "\n")] = '\0';
	return ctl_fail(ctl, err == -EACCES ? CTL_EXIT_DENIED : CTL_EXIT_CONFIG, NULL, "%s", why);
}
