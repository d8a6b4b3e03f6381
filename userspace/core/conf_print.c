/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "core/conf_keys.h"

static void value_print(const struct conf_key *key, const void *at, unsigned int count, FILE *out)
{
	char span[TEXT_SPAN_MAX], name[32], address[ENDPOINT_TEXT_MAX], host[DNS_HOST_TEXT_MAX];
	char net[PREFIX_TEXT_MAX];
	const char *separator = "";

	switch (key->type) {
	case KEY_CHOICE:
		conf_key_choice(key->allowed, *(const uint32_t *)at, name, sizeof(name));
		fputs(name, out);
		return;
	case KEY_FLAG:
		fputs(*(const bool *)at ? "true" : "false", out);
		return;
	case KEY_ACTION:
		fputs(policy_action_name(*(const enum mxg_action *)at), out);
		return;
	case KEY_NUMBER:
		fprintf(out, "%" PRIu32, *(const uint32_t *)at);
		return;
	case KEY_SPAN:
		fputs(text_from_span(*(const uint32_t *)at, span), out);
		return;
	case KEY_TEXT:
	case KEY_PATH:
	case KEY_HOST:
	case KEY_URL:
	case KEY_REPLY:
		fprintf(out, "\"%s\"", (const char *)at);
		return;
	case KEY_IFACES:
	case KEY_PORTS:
	case KEY_SERVERS:
	case KEY_HOSTS:
	case KEY_NETS:
	case KEY_PATHS:
		break;
	}
	fputc('{', out);
	for (unsigned int n = 0; n < count; n++, separator = ", ")
		if (key->type == KEY_IFACES)
			fprintf(out, "%s\"%s\"", separator, ((const char(*)[IFNAMSIZ])at)[n]);
		else if (key->type == KEY_PORTS)
			fprintf(out, "%s%u", separator, ((const uint16_t *)at)[n]);
		else if (key->type == KEY_PATHS)
			fprintf(out, "%s\"%s\"", separator, ((const char(*)[CONF_TEXT_MAX])at)[n]);
		else if (key->type == KEY_NETS)
			fprintf(out, "%s\"%s\"", separator,
				prefix_format(&((const struct prefix *)at)[n], net));
		else if (key->type == KEY_HOSTS)
			fprintf(out, "%s\"%s\"", separator,
				canary_host_format(&((const struct canary_host *)at)[n], host));
		else
			fprintf(out, "%s\"%s\"", separator,
				endpoint_format(&((const struct endpoint *)at)[n], address));
	fputc('}', out);
}

static void section_print(const char *section, const void *base, struct conf *conf, FILE *out)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++) {
		const struct conf_key *key = &CONF_KEYS[i];

		if (strcmp(key->section, section) != 0)
			continue;
		fprintf(out, "%s%s = ", *section ? "\t" : "", key->name);
		value_print(key, (const char *)base + key->offset,
			    conf_key_is_list(key) ? *conf_key_count(key, conf) : 0, out);
		fputc('\n', out);
	}
}

void conf_print(const struct conf *conf, FILE *out)
{
	struct conf copy = *conf;

	section_print("", &copy, &copy, out);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++) {
		if (strcmp(CONF_SECTIONS[i], "policy") == 0)
			continue;
		fprintf(out, "\n%s {\n", CONF_SECTIONS[i]);
		section_print(CONF_SECTIONS[i], &copy, &copy, out);
		fputs("}\n", out);
	}
	for (size_t i = 0; i < CONF_POLICY_ROW_COUNT; i++) {
		fprintf(out, "\npolicy %s {\n", policy_reason_name(CONF_POLICY_ROWS[i]));
		section_print("policy", &copy.policy.row[CONF_POLICY_ROWS[i]], &copy, out);
		fputs("}\n", out);
	}
}

static void man_key(const struct conf_key *key, FILE *out)
{
	char allowed[CONF_ALLOWED_MAX];

	conf_key_allowed(key, allowed, sizeof(allowed));
	fprintf(out, ".TP\n.B %s\n%s\n", key->name, key->help);
	fprintf(out, "Allowed: %s.\n", allowed);
	if (key->preset)
		fprintf(out, "Default: %s.\n", *key->preset ? key->preset : "none");
}

static void man_section(const char *section, FILE *out)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++)
		if (strcmp(CONF_KEYS[i].section, section) == 0)
			man_key(&CONF_KEYS[i], out);
}

static void man_policy_defaults(FILE *out)
{
	char min[TEXT_SPAN_MAX], max[TEXT_SPAN_MAX];
	struct policy policy;

	policy_defaults(&policy);
	fputs(".PP\nDefaults:\n", out);
	for (size_t i = 0; i < CONF_POLICY_ROW_COUNT; i++) {
		const struct policy_row *row = &policy.row[CONF_POLICY_ROWS[i]];

		fprintf(out, ".TP\n.B %s\naction %s, ttl_min %s, ttl_max %s, enforce %s.\n",
			policy_reason_name(CONF_POLICY_ROWS[i]), policy_action_name(row->action),
			text_from_span(row->ttl_min_sec, min),
			text_from_span(row->ttl_max_sec, max), row->enforce ? "true" : "false");
	}
}

void conf_print_man(FILE *out)
{
	fputs(".TH MXGATE.CONF 5 \"\" \"mxgate " MXG_VERSION "\" \"File formats\"\n"
	      ".SH NAME\nmxgate.conf \\- configuration of mxgated(8)\n"
	      ".SH SYNOPSIS\n.I " MXG_SYSCONFDIR "/mxgate/mxgate.conf\n"
	      ".SH DESCRIPTION\n"
	      "Keys with values, some of them in sections. What is not set has its default; a key "
	      "is set "
	      "once in a file, and a section may stand in several places. Texts need quotes only "
	      "when "
	      "they have blanks, quotes or one of # = { } ( ) , in them, or begin with // or /*. "
	      "Lists are written {\"a\", \"b\"}, "
	      "and "
	      "KEY += {\"c\"} adds to what the list has already, its default included. Times take "
	      "s, m, "
	      "h, d or w and are seconds without a unit. # and // begin a comment, and /* and */ "
	      "enclose "
	      "one.\n.PP\n"
	      "include(\"FILE\"), outside of sections, reads another file at that place, once; "
	      "what "
	      "comes behind it may set anew what that file has set. A relative FILE is beside the "
	      "one "
	      "that names it.\n.PP\n"
	      ".B mxgated \\-t\nchecks a file and what it names, and prints the whole "
	      "configuration that it gives. "
	      "Each mistake is a line with file and line. On SIGHUP or \n.B mxgate reload\nthe "
	      "file is "
	      "read again; when it is wrong, the running configuration stays.\n"
	      ".SH KEYS\n",
	      out);
	man_section("", out);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++) {
		bool policy = strcmp(CONF_SECTIONS[i], "policy") == 0;

		fprintf(out, ".SS %s%s {}\n", CONF_SECTIONS[i], policy ? " NAME" : "");
		if (policy)
			fputs("One section per reason: " CONF_POLICY_ROW_NAMES " (RFC 8601 iprev "
			      "pass, permerror, fail, pass with nothing but generic names, and "
			      "temperror).\n",
			      out);
		man_section(CONF_SECTIONS[i], out);
		if (policy)
			man_policy_defaults(out);
	}
	fputs(".SH SEE ALSO\nmxgated(8), mxgate(1)\n", out);
}
