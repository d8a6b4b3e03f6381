// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * One run from argv to the exit code, and what commands share: options by name,
 * complaints, and arguments refused with the reason before the daemon is asked
 * (which refuses them again). Knows no command; the table does.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const struct {
	const char *code;
	int exit;
} errors[] = {
#define X(sym, code, exit) {code, exit},
	CONTROL_ERRORS(X)
#undef X
};

int ctl_fail(struct ctl *ctl, int code, const char *hint, const char *fmt, ...)
{
	const char *name = "internal";
	char message[1024];
	va_list ap;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].exit == code) {
			name = errors[i].code;
			break;
		}
	}
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	ctl->out->error(ctl, name, message, hint);
	return code;
}

const char *ctl_option_nth(const struct ctl *ctl, const char *name, unsigned int nth)
{
	for (unsigned int i = 0; i < ctl->value_count; i++)
		if (strcmp(ctl->value[i].option->name, name) == 0 && nth-- == 0)
			return ctl->value[i].value;
	return NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	return ctl_option_nth(ctl, name, 0);
}

bool ctl_has(const struct ctl *ctl, const char *name)
{
	return ctl_option(ctl, name) != NULL;
}

int ctl_get_addr(struct ctl *ctl, const char *text, struct addr *ret)
{
	if (!addr_parse(text, ret))
		return 0;
	return ctl_fail(ctl, CTL_EXIT_DATA, "write one address, as 192.0.2.25 or 2001:db8::25",
			"\"%s\" is not an IP address", text);
}

/* The prefix that somebody meant who left host bits set, or "". */
static const char *without_host_bits(const char *text, char buf[static PREFIX_TEXT_MAX])
{
	const char *slash = strchr(text, '/');
	char address[ADDR_TEXT_MAX];
	struct prefix meant;
	uint64_t bits;

	buf[0] = '\0';
	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return buf;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (addr_parse(address, &meant.addr) ||
	    text_to_u64(slash + 1, 1, addr_bits(&meant.addr), &bits))
		return buf;
	meant.bits = (uint8_t)bits;
	for (unsigned int i = meant.bits; i < addr_bits(&meant.addr); i++)
		meant.addr.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return prefix_format(&meant, buf);
}

int ctl_get_prefix(struct ctl *ctl, const char *text, struct prefix *ret)
{
	const char *why = NULL;
	char meant[PREFIX_TEXT_MAX];

	if (!prefix_parse(text, ret, &why))
		return 0;
	if (*without_host_bits(text, meant))
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "\"%s\": %s; did you mean %s?", text, why,
				meant);
	return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "\"%s\": %s", text, why);
}

int ctl_get_limit(struct ctl *ctl, unsigned int max, json_int_t *ret)
{
	const char *text = ctl_option(ctl, "limit");
	uint64_t limit;

	if (!text)
		return 0;
	if (text_to_u64(text, 1, max, &limit))
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "--limit %s is not a number from 1 to %u",
				text, max);
	*ret = (json_int_t)limit;
	return 0;
}

int ctl_get_word(struct ctl *ctl, const char *what, const char *text, const char *const *words)
{
	char all[256] = "";
	const char *near;

	for (const char *const *word = words; *word; word++) {
		if (strcmp(*word, text) == 0)
			return 0;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", *all ? ", " : "",
			 *word);
	}
	near = args_nearest(text, words);
	if (near)
		return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "\"%s\" is no %s; did you mean %s?", text,
				what, near);
	return ctl_fail(ctl, CTL_EXIT_DATA, NULL, "\"%s\" is no %s; there are %s", text, what, all);
}

static int run_command(struct ctl *ctl)
{
	if (ctl_has(ctl, "version")) {
		fprintf(ctl->to, "mxgate %s\n", MXG_VERSION);
		return CTL_EXIT_OK;
	}
	if (ctl_has(ctl, "help")) {
		help_print(ctl, ctl->to);
		return CTL_EXIT_OK;
	}
	if (!ctl->command) {
		help_print(ctl, ctl->err);
		return CTL_EXIT_USAGE;
	}
	return ctl->command->run(ctl);
}

int ctl_run(int argc, char *const argv[], FILE *to, FILE *err)
{
	const char *env = getenv("MXGATE_SOCKET");
	struct ctl ctl = {
		.out = &out_text,
		.socket_path = env && *env ? env : CONTROL_DEFAULT_PATH,
		.now_sec = clock_wall_sec(),
		.to = to,
		.err = err,
	};
	int code;

	if (argc == 2 && strcmp(argv[1], "--dump-man") == 0) {
		help_man(to);
		code = CTL_EXIT_OK;
	} else {
		code = args_parse(&ctl, argc, argv);
		if (!code)
			code = run_command(&ctl);
	}
	errno = 0;
	if (fflush(to) || ferror(to))
		return ctl_fail(&ctl, CTL_EXIT_IO, NULL, "cannot write the result: %s",
				strerror(errno ? errno : EIO));
	return code;
}
