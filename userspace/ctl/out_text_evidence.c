// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * `mxgate why`, `recheck` and `check` as text. The first line is the answer;
 * then what the gate holds, what DNS said step by step, which row of the policy
 * and which exception applied; and at the end the sentence that says how to mend
 * it. check has no gate behind it and shows no line about one.
 */
#include <string.h>
#include <strings.h>

#include "ctl/ctl.h"
#include "ctl/out_text.h"

#define LABEL 12 /* columns of a label with its indent */
#define QUERY 30 /* a longer query name has a line of its own */

static const char *get(const json_t *object, const char *key)
{
	return out_text_string(object, key);
}

static void label(FILE *to, const char *name)
{
	fprintf(to, "  %-*s", LABEL - 2, name);
}

/* --- the first line ----------------------------------------------------------- */

static bool has_evidence(const json_t *result)
{
	const char *iprev = get(result, "iprev");

	return (*iprev && strcmp(iprev, "none") != 0) || json_object_get(result, "special");
}

static void because(FILE *to, const json_t *result)
{
	const char *special = get(result, "special");

	out_text_put(to, get(result, "reason"));
	if (*special) {
		fputs(" address: ", to);
		out_text_put(to, special);
	} else if (*get(result, "iprev")) {
		fputs(" (iprev ", to);
		out_text_put(to, get(result, "iprev"));
		fputc(')', to);
	}
}

/* What an action does to a SYN; NULL: nothing. */
static const char *done_by(const json_t *result)
{
	static const char *const done[][2] = {
		{"drop", "DROPPED"}, {"reset", "RESET"}, {"reject", "REJECTED"}};

	if (json_is_true(json_object_get(result, "hardened")))
		return "DROPPED, told often enough";
	for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++)
		if (strcmp(get(result, "action"), done[i][0]) == 0)
			return done[i][1];
	return NULL;
}

static void headline_exception(FILE *to, const json_t *exception, const json_t *result)
{
	bool is_deny = strcmp(get(exception, "kind"), "deny") == 0;
	const char *done = done_by(result);

	if (!is_deny || !done)
		fputs("PASSES", to);
	else if (json_is_true(json_object_get(result, "enforced")))
		fputs(done, to);
	else
		fprintf(to, "PASSES (monitor: would be %s)", done);
	fprintf(to, ", by exception %" JSON_INTEGER_FORMAT " (", out_text_integer(exception, "id"));
	out_text_cell(to, get(exception, "kind"), 0);
	out_text_put(to, get(exception, "prefix"));
	fputs(")\n", to);
}

static void headline_verdict(FILE *to, const json_t *result)
{
	bool enforced = json_is_true(json_object_get(result, "enforced"));
	const char *done = done_by(result);

	if (!done)
		fputs("PASSES: ", to);
	else
		fprintf(to, enforced ? "%s: " : "PASSES (monitor: would be %s): ", done);
	because(to, result);
	fputc('\n', to);
}

static void headline_rollup(FILE *to, const json_t *rollup)
{
	const json_t *not_held = json_object_get(rollup, "not_held");
	bool enforced = json_is_true(json_object_get(rollup, "enforced"));

	if (!enforced)
		fputs("PASSES (monitor: would be HELD): ", to);
	else
		fputs(json_is_string(not_held) ? "PASSES: " : "HELD: ", to);
	fputs("no live verdict, and its network is rolled up", to);
	if (enforced && json_is_string(not_held)) {
		fputs(", but nobody is held now: ", to);
		out_text_put(to, json_string_value(not_held));
	}
	fputc('\n', to);
}

static void headline(FILE *to, const json_t *result)
{
	const json_t *exception = json_object_get(result, "exception");
	const json_t *known = json_object_get(result, "known");

	out_text_put(to, get(result, "address"));
	fputs("  ", to);
	if (json_is_object(exception)) {
		headline_exception(to, exception, result);
	} else if (json_is_true(known)) {
		headline_verdict(to, result);
	} else if (json_is_object(json_object_get(result, "rollup"))) {
		headline_rollup(to, json_object_get(result, "rollup"));
	} else if (known && has_evidence(result) && !json_object_get(result, "special")) {
		fputs("PASSES: the gate holds no live verdict; the last was ", to);
		out_text_cell(to, get(result, "action"), 0);
		because(to, result);
		fputc('\n', to);
	} else if (has_evidence(result)) {
		if (done_by(result))
			fprintf(to, "would be %s: ", done_by(result));
		else
			fputs("PASSES: ", to);
		because(to, result);
		fputc('\n', to);
	} else {
		fputs("PASSES: nothing is known about it\n", to);
	}
}

/* --- what the gate holds ------------------------------------------------------ */

/* One line, as it is: somebody will look for it in a log. */
static void told(FILE *to, const json_t *result)
{
	if (!*get(result, "told"))
		return;
	label(to, "told");
	out_text_put(to, get(result, "told"));
	fputc('\n', to);
}

static void gate(FILE *to, const json_t *result)
{
	const json_t *known = json_object_get(result, "known");
	char number[OUT_TEXT_NUMBER_MAX];

	if (!known || (!json_is_true(known) && !has_evidence(result)))
		return;
	label(to, "verdict");
	if (json_is_object(json_object_get(result, "exception"))) {
		fputs("none learned, since the exception rules\n", to);
		return;
	}
	if (!json_is_true(known)) {
		fputs("none live: it has expired or been flushed\n", to);
		return;
	}
	out_text_put(to, get(result, "action"));
	fputs(json_is_true(json_object_get(result, "enforced")) ? ", live, enforced\n"
								: ", live, not enforced\n",
	      to);
	label(to, "hits");
	fprintf(to, "%s\n", out_text_number(out_text_integer(result, "hits"), number));
	label(to, "expires");
	fprintf(to, "in %s", out_text_span(out_text_integer(result, "expires_in_sec"), number));
	if (out_text_integer(result, "refresh_in_sec") > 0)
		fprintf(to, "; a hit after %s asks DNS again",
			out_text_span(out_text_integer(result, "refresh_in_sec"), number));
	else if (json_object_get(result, "refresh_in_sec"))
		fputs("; the next hit asks DNS again", to);
	fputc('\n', to);
}

/* --- what DNS said ------------------------------------------------------------ */

static bool is_confirmed(const json_t *result, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(result, "confirmed"), i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
			return true;
	return false;
}

static void names(FILE *to, const json_t *result)
{
	const json_t *list = json_object_get(result, "names");
	json_int_t total = out_text_integer(result, "names_total");
	const json_t *name;
	size_t i;

	json_array_foreach (list, i, name) {
		const char *text = json_is_string(name) ? json_string_value(name) : "";

		label(to, i ? "" : "names");
		out_text_put(to, text);
		fputs(is_confirmed(result, text) ? "  confirmed\n" : "  not confirmed\n", to);
	}
	if (total > (json_int_t)json_array_size(list)) {
		label(to, "");
		fprintf(to, "(%zu of %" JSON_INTEGER_FORMAT " names are evaluated)\n",
			json_array_size(list), total);
	}
}

static void step_outcome(FILE *to, const json_t *step)
{
	char span[OUT_TEXT_NUMBER_MAX];
	const char *status = get(step, "status");
	const char *rcode = get(step, "rcode");
	const char *server = get(step, "server");
	json_int_t records = out_text_integer(step, "records");

	out_text_put(to, status);
	if (*rcode && strcasecmp(rcode, status) != 0 && strcasecmp(rcode, "NOERROR") != 0) {
		fputc('/', to);
		out_text_put(to, rcode);
	}
	if (records)
		fprintf(to, " (%" JSON_INTEGER_FORMAT ")", records);
	if (strcmp(status, "data") == 0 || out_text_integer(step, "ttl_sec"))
		fprintf(to, ", TTL %s", out_text_span(out_text_integer(step, "ttl_sec"), span));
	if (*server) {
		fputs(", ", to);
		out_text_put(to, server);
	}
	fprintf(to, ", %.1f ms\n", json_number_value(json_object_get(step, "elapsed_ms")));
}

static void steps(FILE *to, const json_t *list)
{
	const json_t *step;
	size_t i;

	json_array_foreach (list, i, step) {
		const char *query = get(step, "query");
		const char *note = get(step, "note");

		label(to, i ? "" : "DNS");
		out_text_cell(to, get(step, "type"), 4);
		if (strlen(query) > QUERY) {
			out_text_put(to, query);
			fprintf(to, "\n%*s", LABEL + 5, "");
		} else {
			out_text_cell(to, query, 24);
		}
		step_outcome(to, step);
		if (*note) {
			fprintf(to, "%*s", LABEL + 5, "");
			out_text_wrap(to, LABEL + 5, note);
		}
	}
}

/* --- what was made of the names ------------------------------------------------ */

static void findings(FILE *to, const json_t *list)
{
	const json_t *finding;
	size_t i;

	json_array_foreach (list, i, finding) {
		fprintf(to, "%*s%+4d  ", LABEL, "", (int)out_text_integer(finding, "weight"));
		out_text_put(to, get(finding, "what"));
		fputs(": ", to);
		out_text_put(to, get(finding, "part"));
		fputc('\n', to);
	}
}

static void score(FILE *to, const json_t *generic)
{
	if (*get(generic, "pattern")) {
		fputs("by the pattern at ", to);
		out_text_put(to, get(generic, "pattern"));
		if (json_is_true(json_object_get(generic, "pattern_gave_up")))
			fputs(", which ran into its limit", to);
		fputs("; ", to);
	}
	fprintf(to, "score %" JSON_INTEGER_FORMAT ", generic from %" JSON_INTEGER_FORMAT "\n",
		out_text_integer(generic, "score"), out_text_integer(generic, "threshold"));
	findings(to, json_object_get(generic, "findings"));
}

/* Silent about a name of which there is nothing to say. */
static void generic(FILE *to, const json_t *result)
{
	const json_t *generic = json_object_get(result, "generic");

	if (!json_array_size(json_object_get(generic, "findings")) && !*get(generic, "pattern"))
		return;
	label(to, "name");
	out_text_put(to, get(generic, "verdict"));
	fputs(", ", to);
	score(to, generic);
}

void out_text_rdns(struct ctl *ctl, const json_t *result)
{
	bool is_generic = strcmp(get(result, "verdict"), "generic") == 0;

	out_text_put(ctl->to, get(result, "name"));
	fputs("  ", ctl->to);
	out_text_put(ctl->to, is_generic ? "GENERIC" : "ordinary");
	fputs(" for ", ctl->to);
	out_text_put(ctl->to, get(result, "address"));
	fputc('\n', ctl->to);
	label(ctl->to, "because");
	score(ctl->to, result);
}

/* --- what was made of it ------------------------------------------------------ */

/* The policy's name for an iprev result: the reason on top may be an exception's. */
static const char *reason_of(const json_t *result)
{
	static const char *const names[][2] = {{"pass", "pass"},
					       {"fail", "unconfirmed"},
					       {"permerror", "no-ptr"},
					       {"temperror", "temperror"}};
	const char *iprev = get(result, "iprev");

	if (strcmp(get(json_object_get(result, "generic"), "verdict"), "generic") == 0)
		return "generic";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(iprev, names[i][0]) == 0)
			return names[i][1];
	return get(result, "reason");
}

static void decision(FILE *to, const json_t *result)
{
	const json_t *row = json_object_get(result, "policy");
	char span[2][OUT_TEXT_NUMBER_MAX];

	label(to, "decided");
	out_text_put(to, get(result, "decided"));
	fputs(", for ", to);
	fputs(out_text_span(out_text_integer(result, "ttl_sec"), span[0]), to);
	if (json_object_get(result, "dns_ttl_sec"))
		fprintf(to, " (DNS: %s)",
			out_text_span(out_text_integer(result, "dns_ttl_sec"), span[0]));
	fputc('\n', to);
	if (!json_is_object(row))
		return;
	label(to, "policy");
	out_text_put(to, reason_of(result));
	fputs(" -> ", to);
	out_text_put(to, get(row, "action"));
	fprintf(to, ", TTL %s to %s%s\n", out_text_span(out_text_integer(row, "ttl_min"), span[0]),
		out_text_span(out_text_integer(row, "ttl_max"), span[1]),
		json_is_false(json_object_get(row, "enforce")) ? ", monitored only" : "");
}

/* Why it passes although the row above refuses; the sentence at the end says more. */
static void caution(FILE *to, const json_t *result)
{
	const json_t *caution = json_object_get(result, "caution");
	json_int_t hold = out_text_integer(caution, "hold_sec");
	const char *state = get(caution, "state");
	char span[OUT_TEXT_NUMBER_MAX];

	if (!json_is_object(caution))
		return;
	label(to, "caution");
	out_text_put(to, state);
	if (strcmp(state, "waiting") == 0)
		fprintf(to,
			", found bad %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " times",
			out_text_integer(caution, "seen"), out_text_integer(caution, "needed"));
	if (hold > 0)
		fprintf(to, ", for %s more at most", out_text_span(hold, span));
	fputc('\n', to);
}

static void exception(FILE *to, const json_t *result)
{
	const json_t *rule = json_object_get(result, "exception");
	const char *expires = get(rule, "expires");

	if (!rule)
		return;
	label(to, "exception");
	if (!json_is_object(rule)) {
		fputs("none\n", to);
		return;
	}
	fprintf(to, "%" JSON_INTEGER_FORMAT " ", out_text_integer(rule, "id"));
	out_text_cell(to, get(rule, "kind"), 0);
	out_text_put(to, get(rule, "prefix"));
	fputs(", owner ", to);
	out_text_put(to, get(rule, "owner"));
	if (*get(rule, "ticket")) {
		fputs(", ticket ", to);
		out_text_put(to, get(rule, "ticket"));
	}
	fprintf(to, "\n%*sexpires ", LABEL, "");
	out_text_put(to, *expires ? expires : "never");
	fprintf(to, "\n%*s", LABEL, "");
	out_text_wrap(to, LABEL, get(rule, "reason"));
}

/* What its network says of it, and how to end that. */
static void rollup(FILE *to, const json_t *result)
{
	const json_t *rollup = json_object_get(result, "rollup"), *one;
	char span[OUT_TEXT_NUMBER_MAX], line[512];
	size_t i;

	if (!json_is_object(rollup))
		return;
	label(to, "rolled up");
	snprintf(line, sizeof(line), "%s since %s, for %s unless more are found bad%s",
		 get(rollup, "net"), get(rollup, "since"),
		 out_text_span(out_text_integer(rollup, "expires_in_sec"), span),
		 json_is_true(json_object_get(rollup, "enforced")) ? "" : "; monitored only");
	out_text_wrap(to, LABEL, line);
	json_array_foreach (json_object_get(rollup, "addresses"), i, one) {
		snprintf(line, sizeof(line), "%s found bad %s, counts for %s", get(one, "address"),
			 get(one, "found"),
			 out_text_span(out_text_integer(one, "counts_sec"), span));
		fprintf(to, "%*s", LABEL, "");
		out_text_wrap(to, LABEL, line);
	}
	snprintf(
		line, sizeof(line),
		"The first SYN of a stranger there is dropped and looked up, and passes when it is "
		"tried again unless that finds it bad: once is enough. An address found good ends "
		"it (mxgate recheck ADDR looks one up), and so does mxgate flush %s.",
		get(rollup, "net"));
	fprintf(to, "%*s", LABEL, "");
	out_text_wrap(to, LABEL, line);
}

void out_text_evidence(struct ctl *ctl, const json_t *result)
{
	FILE *to = ctl->to;
	const char *explain = get(result, "explain");

	headline(to, result);
	gate(to, result);
	told(to, result);
	if (has_evidence(result)) {
		names(to, result);
		steps(to, json_object_get(result, "steps"));
		generic(to, result);
		decision(to, result);
		caution(to, result);
	}
	exception(to, result);
	rollup(to, result);
	if (*explain) {
		fputs("\n  ", to);
		out_text_wrap(to, 2, explain);
	}
}
