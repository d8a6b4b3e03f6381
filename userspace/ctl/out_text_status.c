// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * `mxgate status` as text: alarms and mode first, then what the gate sits on, how full it
 * is, and what it has done, in the groups that an operator asks about.
 */
#include <mxgate/abi.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/out_text.h"

#define SERVER_INDENT 14

static const char *const counter_names[] = {
#define X(sym, kind, name, help) name,
	MXG_COUNTERS(X)
#undef X
};

static const enum mxg_counter_kind counter_kinds[] = {
#define X(sym, kind, name, help) MXG_KIND_##kind,
	MXG_COUNTERS(X)
#undef X
};

/* In the order in which they are shown. */
static const struct {
	const char *title;
	enum mxg_counter_kind kind;
} groups[] = {
	{"SYNs passed", MXG_KIND_PASSED},
	{"SYNs that enforcing would refuse", MXG_KIND_WOULD_DROP},
	{"SYNs dropped", MXG_KIND_DROPPED},
	{"SYNs reset", MXG_KIND_RESET},
	{"SYNs held until they come again", MXG_KIND_HELD},
	{"SYNs answered, to refuse in SMTP", MXG_KIND_REJECTED},
	{"packets of refused clients, answered", MXG_KIND_TOLD},
	{"packets of refused clients, swallowed", MXG_KIND_SILENT},
	{"packets not judged, passed", MXG_KIND_UNJUDGED},
	{"events to the daemon", MXG_KIND_BESIDE},
};
_Static_assert(sizeof(groups) / sizeof(groups[0]) == MXG_KIND_MAX, "each kind is shown");

static void alarms(FILE *to, const json_t *list)
{
	const json_t *alarm;
	char line[1024];
	size_t i;

	json_array_foreach (list, i, alarm) {
		snprintf(line, sizeof(line), "%s since %s: %s", out_text_string(alarm, "name"),
			 out_text_string(alarm, "since"), out_text_string(alarm, "detail"));
		fputs("ALARM       ", to);
		out_text_wrap(to, 12, line);
	}
}

static void head(FILE *to, const json_t *result)
{
	char span[OUT_TEXT_NUMBER_MAX];

	fputs("mxgated ", to);
	out_text_put(to, out_text_string(result, "version"));
	fprintf(to,
		", up %s, pid %" JSON_INTEGER_FORMAT ", worker %" JSON_INTEGER_FORMAT
		" (restarted %" JSON_INTEGER_FORMAT " times)\n",
		out_text_span(out_text_integer(result, "uptime_sec"), span),
		out_text_integer(result, "pid"), out_text_integer(result, "worker_pid"),
		out_text_integer(result, "worker_restarts"));
	fputs("mode        ", to);
	out_text_put(to, out_text_string(result, "mode"));
	fputs(" (by ", to);
	out_text_put(to, out_text_string(result, "mode_source"));
	fputs("), acting on: ", to);
	out_text_join(to, json_object_get(result, "enforced"));
	fprintf(to, "\nlease       %s, then the gate opens\n",
		out_text_span(out_text_integer(result, "lease_sec"), span));
}

static void ports(FILE *to, const json_t *result)
{
	const json_t *list = json_object_get(result, "ports"), *port;
	const json_t *destinations = json_object_get(result, "destinations");
	size_t i;

	fputs("ports       ", to);
	json_array_foreach (list, i, port)
		fprintf(to, "%s%" JSON_INTEGER_FORMAT, i ? ", " : "", json_integer_value(port));
	fputs(json_array_size(list) ? "" : "none", to);
	if (json_array_size(destinations)) {
		fputs(" of ", to);
		out_text_join(to, destinations);
	}
	fputs(json_is_true(json_object_get(result, "decap")) ? "; tunnels are looked into\n" : "\n",
	      to);
}

static void trigger(FILE *to, const json_t *object)
{
	const char *detail = out_text_string(object, "detail");
	char line[1024];

	if (!object)
		return;
	if (strcmp(out_text_string(object, "kind"), "syn") == 0)
		snprintf(line, sizeof(line), "syn");
	else
		snprintf(line, sizeof(line), "established, in cgroup %s%s%s",
			 out_text_string(object, "cgroup"), *detail ? "; not now: " : "", detail);
	fputs("trigger     ", to);
	out_text_wrap(to, 12, line);
}

/* Nothing where nobody has asked for it. */
static void hold(FILE *to, const json_t *object)
{
	const char *why_not = out_text_string(object, "why_not");
	bool is_on = json_is_true(json_object_get(object, "on"));

	if (!is_on && !*why_not)
		return;
	fputs(is_on ? "hold        on" : "hold        off: ", to);
	if (!is_on)
		out_text_put(to, why_not);
	fputc('\n', to);
}

static void interfaces(FILE *to, const json_t *list)
{
	const json_t *link;
	size_t i;

	json_array_foreach (list, i, link) {
		const char *detail = out_text_string(link, "detail");
		json_int_t prog = out_text_integer(link, "prog_id");

		fputs(i ? "            " : "interfaces  ", to);
		out_text_cell(to, out_text_string(link, "name"), 15);
		out_text_cell(to, out_text_string(link, "state"), 8);
		out_text_cell(to, out_text_string(link, "mode"), 7);
		if (prog)
			fprintf(to, "program %" JSON_INTEGER_FORMAT "%s", prog, *detail ? " " : "");
		out_text_put(to, detail);
		fputc('\n', to);
	}
	if (!json_array_size(list))
		fputs("interfaces  none\n", to);
}

static void fill(FILE *to, const json_t *table, const char *family)
{
	const json_t *one = json_object_get(table, family);
	char entries[OUT_TEXT_NUMBER_MAX];
	char max[OUT_TEXT_NUMBER_MAX];

	fprintf(to, "%s %s of %s", family,
		out_text_number(out_text_integer(one, "entries"), entries),
		out_text_number(out_text_integer(one, "max"), max));
}

/* What a table costs: its memory, and the lines that the gate reads to find an entry. */
static void cost(FILE *to, const json_t *table, const char *family)
{
	const json_t *one = json_object_get(table, family), *count;
	char size[OUT_TEXT_NUMBER_MAX];
	double entries = 0, looks = 0;
	size_t led, most = 0;

	json_array_foreach (json_object_get(one, "lines_from_home"), led, count) {
		entries += (double)json_integer_value(count);
		looks += (double)json_integer_value(count) * (double)(1 + led);
		if (json_integer_value(count) > 0)
			most = led;
	}
	fputs(family, to);
	if (out_text_integer(one, "bytes") > 0)
		fprintf(to, " %.1f MiB", (double)out_text_integer(one, "bytes") / (1 << 20));
	fprintf(to, " for %s", out_text_number(out_text_integer(one, "size"), size));
	if (json_is_true(json_object_get(json_object_get(one, "growth"), "growing")))
		fputs(" (growing)", to);
	if (entries > 0)
		fprintf(to, ", %.2f lines a look (%zu at most)", looks / entries, most + 1);
}

static bool is_hash(const json_t *table)
{
	const char *form = json_string_value(json_object_get(table, "form"));

	return form && strcmp(form, "hash") == 0;
}

static void tables(FILE *to, const json_t *result)
{
	const json_t *exceptions = json_object_get(result, "exceptions");
	const json_t *table = json_object_get(result, "table");

	fputs("verdicts    ", to);
	fill(to, table, "v4");
	fputs(", ", to);
	fill(to, table, "v6");
	fputs("\ntables      ", to);
	if (is_hash(table))
		fputs("the kernel's own hash: ", to);
	cost(to, table, "v4");
	fputs("; ", to);
	cost(to, table, "v6");
	fprintf(to, "\nexceptions  %" JSON_INTEGER_FORMAT " active of %" JSON_INTEGER_FORMAT "\n",
		out_text_integer(exceptions, "active"), out_text_integer(exceptions, "total"));
}

static void counter(FILE *to, const char *name, json_int_t value)
{
	char number[OUT_TEXT_NUMBER_MAX];

	fputs("  ", to);
	out_text_cell(to, name, 23);
	fprintf(to, "%16s\n", out_text_number(value, number));
}

static void group(FILE *to, const json_t *counters, unsigned int at, bool all)
{
	char number[OUT_TEXT_NUMBER_MAX];
	json_int_t sum = 0;

	for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
		if (counter_kinds[i] == groups[at].kind)
			sum += out_text_integer(counters, counter_names[i]);
	if (!sum && !all)
		return;
	fprintf(to, "%-32s %9s\n", groups[at].title, out_text_number(sum, number));
	for (unsigned int i = 0; i < MXG_CTR_MAX; i++) {
		json_int_t value = out_text_integer(counters, counter_names[i]);

		if (counter_kinds[i] == groups[at].kind && (value || all))
			counter(to, counter_names[i], value);
	}
}

/* Counters of a daemon that is newer than this program. */
static void other_counters(FILE *to, json_t *counters, bool all)
{
	const char *name;
	json_t *value;

	json_object_foreach (counters, name, value) {
		bool is_known = false;

		for (unsigned int i = 0; i < MXG_CTR_MAX; i++)
			is_known |= strcmp(name, counter_names[i]) == 0;
		if (!is_known && (all || json_integer_value(value)))
			counter(to, name, json_integer_value(value));
	}
}

/* A line "LABEL word n, word n, ..."; label is 12 columns wide. */
static void numbers(FILE *to, const char *label, const json_t *object, const char *const *keys,
		    const char *const *words, size_t count)
{
	char number[OUT_TEXT_NUMBER_MAX];
	char line[512];
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(
			line + used, sizeof(line) - used, "%s%s %s", i ? ", " : "", words[i],
			out_text_number(out_text_integer(object, keys[i]), number));
	fputs(label, to);
	out_text_wrap(to, 12, line);
}

static void evaluations(FILE *to, const json_t *resolver)
{
	static const char *const keys[] = {"started",   "outstanding",  "joined",
					   "pass",      "fail",         "permerror",
					   "temperror", "refused_full", "over_budget"};
	static const char *const words[] = {"started",   "under way",   "joined",
					    "pass",      "fail",        "permerror",
					    "temperror", "turned away", "over budget"};

	numbers(to, "lookups     ", resolver, keys, words, sizeof(keys) / sizeof(keys[0]));
}

/* "up 3h20m, asked first, replies in 0.4 ms" */
static void health(FILE *to, const json_t *server)
{
	const json_t *reply_ms = json_object_get(server, "reply_ms");
	char span[OUT_TEXT_NUMBER_MAX];

	out_text_put(to, out_text_string(server, "state"));
	fprintf(to, " %s", out_text_span(out_text_integer(server, "state_sec"), span));
	if (json_is_true(json_object_get(server, "first")))
		fputs(", asked first", to);
	if (json_is_number(reply_ms))
		fprintf(to, ", replies in %.1f ms", json_number_value(reply_ms));
	fputc('\n', to);
}

static void asked(FILE *to, const json_t *server)
{
	const json_t *last = json_object_get(server, "last_answer_sec");
	char number[4][OUT_TEXT_NUMBER_MAX], span[OUT_TEXT_NUMBER_MAX], line[256];

	snprintf(line, sizeof(line), "%s asked, %s answers%s%s%s, %s failures, %s timeouts",
		 out_text_number(out_text_integer(server, "queries"), number[0]),
		 out_text_number(out_text_integer(server, "answers"), number[1]),
		 json_is_integer(last) ? " (last " : "",
		 json_is_integer(last) ? out_text_span(json_integer_value(last), span) : "",
		 json_is_integer(last) ? " ago)" : "",
		 out_text_number(out_text_integer(server, "failures"), number[2]),
		 out_text_number(out_text_integer(server, "timeouts"), number[3]));
	fprintf(to, "%*s", SERVER_INDENT, "");
	out_text_wrap(to, SERVER_INDENT, line);
}

static void servers(FILE *to, const json_t *list)
{
	const json_t *server;
	size_t i;

	json_array_foreach (list, i, server) {
		fputs(i ? "            " : "servers     ", to);
		out_text_cell(to, out_text_string(server, "name"), 21);
		health(to, server);
		asked(to, server);
	}
}

static void caution(FILE *to, const json_t *confirm)
{
	static const char *const keys[] = {"refused", "waiting",  "held",     "frozen",
					   "capped",  "unproven", "released", "stale_served"};
	static const char *const words[] = {"refused", "waiting",  "held",     "frozen",
					    "capped",  "unproven", "released", "stale passes"};

	if (json_is_object(confirm))
		numbers(to, "judged bad  ", confirm, keys, words, sizeof(keys) / sizeof(keys[0]));
}

/* Only where networks are ever rolled up. */
static void rollup(FILE *to, const json_t *object)
{
	static const char *const keys[] = {"networks", "begun", "undone"};
	static const char *const words[] = {"networks now", "since the start",
					    "ended by a good address"};

	if (out_text_integer(object, "needed") > 0)
		numbers(to, "rolled up   ", object, keys, words, sizeof(keys) / sizeof(keys[0]));
}

static void breaker(FILE *to, const json_t *object)
{
	const json_t *scope;
	size_t i;

	json_array_foreach (json_object_get(object, "open"), i, scope) {
		char line[512];

		snprintf(line, sizeof(line),
			 "open for %s since %s (%s: %" JSON_INTEGER_FORMAT
			 " turned bad, %" JSON_INTEGER_FORMAT " stayed good; %" JSON_INTEGER_FORMAT
			 " of %" JSON_INTEGER_FORMAT " canaries are good)",
			 out_text_string(scope, "scope"), out_text_string(scope, "since"),
			 out_text_string(scope, "cause"), out_text_integer(scope, "flips"),
			 out_text_integer(scope, "stays"), out_text_integer(scope, "good"),
			 out_text_integer(scope, "canaries"));
		fputs(i ? "            " : "breaker     ", to);
		out_text_wrap(to, 12, line);
	}
}

/* The operator's own, those that are not well. */
static void canaries(FILE *to, const json_t *list)
{
	const json_t *canary;
	char line[512];
	size_t i;

	json_array_foreach (list, i, canary) {
		const char *state = out_text_string(canary, "state");

		if (strcmp(state, "good") == 0)
			continue;
		snprintf(line, sizeof(line), "%s: %s%s", out_text_string(canary, "canary"),
			 out_text_string(canary, "why"),
			 strcmp(state, "aside") == 0 ? " (set aside)" : "");
		fputs("canary      ", to);
		out_text_wrap(to, 12, line);
	}
}

/* Only when there is something to say: in life all of it is written. */
static void evidence(FILE *to, const json_t *object)
{
	json_int_t shed = out_text_integer(object, "shed");
	json_int_t not_logged = out_text_integer(object, "not_logged");
	char number[2][OUT_TEXT_NUMBER_MAX], line[256];

	if (shed == 0 && not_logged == 0)
		return;
	snprintf(line, sizeof(line),
		 "of %s verdicts not written, %s not logged: too fast, or the disk was full",
		 out_text_number(shed, number[0]), out_text_number(not_logged, number[1]));
	fputs("evidence    ", to);
	out_text_wrap(to, 12, line);
}

void out_text_status(struct ctl *ctl, const json_t *result)
{
	json_t *counters = json_object_get(result, "counters");
	const json_t *resolver = json_object_get(result, "resolver");
	bool all = ctl_has(ctl, "all");

	alarms(ctl->to, json_object_get(result, "alarms"));
	head(ctl->to, result);
	ports(ctl->to, result);
	trigger(ctl->to, json_object_get(result, "trigger"));
	hold(ctl->to, json_object_get(result, "hold"));
	interfaces(ctl->to, json_object_get(result, "interfaces"));
	tables(ctl->to, result);
	evaluations(ctl->to, resolver);
	servers(ctl->to, json_object_get(resolver, "servers"));
	evidence(ctl->to, json_object_get(result, "evidence"));
	caution(ctl->to, json_object_get(result, "confirm"));
	rollup(ctl->to, json_object_get(result, "rollup"));
	breaker(ctl->to, json_object_get(result, "breaker"));
	canaries(ctl->to, json_object_get(json_object_get(result, "breaker"), "canaries"));
	fputc('\n', ctl->to);
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		group(ctl->to, counters, i, all);
	other_counters(ctl->to, counters, all);
}
