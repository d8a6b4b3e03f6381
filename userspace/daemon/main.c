/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/conf.h"
#include "daemon/keeper.h"
#include "daemon/needs.h"

#define DEFAULT_CONF MXG_SYSCONFDIR "/mxgate/mxgate.conf"

static const char USAGE[] =
	"usage: mxgated [-c FILE] [-t] [--bpf-object FILE] [--version] [--help]\n"
	"\n"
	"Keeps the gate on the configured interfaces and fills its tables.\n"
	"Runs in the foreground; systemd or a supervisor keeps it running.\n"
	"\n"
	"  -c, --config FILE    configuration (default " DEFAULT_CONF ")\n"
	"  -t, --test           check the configuration and what it names, print what it\n"
	"                       comes to, and exit; changes nothing\n"
	"  --bpf-object FILE    the compiled gate, instead of the configuration's bpf_object\n"
	"  --dump-man           print mxgate.conf(5) as a manual page source\n"
	"\n"
	"SIGHUP reads the configuration again and keeps the old one if it is wrong;\n"
	"SIGTERM takes the gate off and ends. Exit codes are in mxgated(8).\n"
	"\n"
	"example: mxgated -t -c ./mxgate.conf && sudo mxgated -c ./mxgate.conf\n";

/* What was asked for must have been said: a full disk is no success. */
static int said(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return KEEPER_EXIT_OK;
	fprintf(stderr, "mxgated: cannot write the result: %s; make room, or write elsewhere\n",
		strerror(errno ? errno : EIO));
	return KEEPER_EXIT_IO;
}

/*
 * getopt_long() has refused the argument before optind; or one letter, and stands in the same
 * argument, at from, while there are letters behind it.
 */
static int refuse_option(int opt, char *const *argv, int from)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_long = optind != from && strncmp(argv[optind - 1], "--", 2) == 0;

	fprintf(stderr, "mxgated: %s %s; mxgated --help tells the options\n",
		is_long ? argv[optind - 1] : letter,
		opt == ':' ? "needs a value after it" : "is no option, or takes no value");
	return KEEPER_EXIT_USAGE;
}

static int test_conf(const char *path, const char *object)
{
	static char errors[CONF_ERRORS_MAX];
	static struct conf conf;

	if (conf_read(path, &conf, errors) < 0 || needs_check(path, &conf, object, errors) < 0) {
		fputs(errors, stderr);
		return KEEPER_EXIT_CONFIG;
	}
	conf_print(&conf, stdout);
	return said();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"test", no_argument, NULL, 't'},
		{"bpf-object", required_argument, NULL, 'b'},
		{"dump-man", no_argument, NULL, 'm'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *path = DEFAULT_CONF, *object = NULL;
	bool test = false;
	int opt, from;

	while (from = optind, (opt = getopt_long(argc, argv, ":c:th", options, NULL)) != -1)
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'b':
			object = optarg;
			break;
		case 'm':
			conf_print_man(stdout);
			return said();
		case 'V':
			puts("mxgated " MXG_VERSION);
			return said();
		case 'h':
			fputs(USAGE, stdout);
			return said();
		default:
			return refuse_option(opt, argv, from);
		}
	if (optind < argc) {
		fprintf(stderr,
			"mxgated: unexpected argument %s; mxgated --help tells the options\n",
			argv[optind]);
		return KEEPER_EXIT_USAGE;
	}
	if (test)
		return test_conf(path, object);
	log_open("mxgated", LOG_LEVEL_INFO);
	return keeper_run(path, object);
}
