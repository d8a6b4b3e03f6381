// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * argv against the table of commands. Options may come anywhere, so which words
 * are values is decided first (an option's name means the same in every command;
 * a test holds that), then the command, then whether its options and operands
 * are its own. Refuses to guess: what is near is suggested, never taken.
 */
#include "ctl/ctl.h"

#include <limits.h>
#include <string.h>

#define WORDS_MAX   (2 + CTL_OPERANDS_MAX)
#define NAMES_MAX   64
#define COMPARE_MAX 24 /* longer words have no near neighbours */
#define NEAR        2  /* edits */

struct words {
	const char *word[WORDS_MAX];
	unsigned int count;
};

/* --- what is near ------------------------------------------------------------- */

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours to get from a to b. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[COMPARE_MAX + 1][COMPARE_MAX + 1];
	size_t na = strlen(a);
	size_t nb = strlen(b);

	if (na > COMPARE_MAX || nb > COMPARE_MAX)
		return UINT_MAX;
	for (unsigned int i = 0; i <= na; i++) {
		for (unsigned int j = 0; j <= nb; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			d[i][j] = least(d[i][j], least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

const char *args_nearest(const char *text, const char *const *words)
{
	const char *best = NULL;
	unsigned int best_distance = NEAR + 1;

	for (; *words; words++) {
		unsigned int d = distance(text, *words);

		/* a short word is not near to everything */
		if (d >= strlen(*words) || d >= strlen(text))
			d = UINT_MAX;
		if (strlen(text) >= 2 && strncmp(text, *words, strlen(text)) == 0)
			d = least(d, NEAR);
		if (d < best_distance) {
			best = *words;
			best_distance = d;
		}
	}
	return best;
}

/* --- the tables by name ------------------------------------------------------- */

static const struct ctl_option *find_option(const struct ctl_option *options, const char *name,
					    size_t len)
{
	for (; options->name; options++)
		if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

static const struct ctl_option *find_any_option(const char *name, size_t len)
{
	const struct ctl_option *found = find_option(ctl_global_options, name, len);

	for (const struct ctl_command *c = ctl_commands; !found && c->name; c++)
		found = find_option(c->options, name, len);
	return found;
}

static int refuse_option(struct ctl *ctl, const char *text)
{
	const char *names[NAMES_MAX] = {NULL};
	const char *near;
	unsigned int n = 0;

	for (const struct ctl_option *o = ctl_global_options; o->name; o++)
		names[n++] = o->name;
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		for (const struct ctl_option *o = c->options; o->name && n < NAMES_MAX - 1; o++)
			names[n++] = o->name;
	near = args_nearest(text + strspn(text, "-"), names);
	if (near)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
				"there is no option %s; did you mean --%s?", text, near);
	return ctl_fail(ctl, CTL_EXIT_USAGE, "see mxgate --help", "there is no option %s", text);
}

static int refuse_command(struct ctl *ctl, const char *first, const char *second)
{
	const char *names[NAMES_MAX] = {NULL};
	const char *near;
	unsigned int n = 0;
	size_t skip = second ? strlen(first) + 1 : 0;

	for (const struct ctl_command *c = ctl_commands; c->name && n < NAMES_MAX - 1; c++)
		if (!second || (strncmp(c->name, first, skip - 1) == 0 && c->name[skip - 1] == ' '))
			names[n++] = c->name + skip;
	if (!second)
		names[n++] = "exception";
	near = args_nearest(second ? second : first, names);
	if (near)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
				"there is no command \"%s%s%s\"; did you mean \"%s%s%s\"?", first,
				second ? " " : "", second ? second : "", second ? first : "",
				second ? " " : "", near);
	return ctl_fail(ctl, CTL_EXIT_USAGE, "see mxgate --help", "there is no command \"%s%s%s\"",
			first, second ? " " : "", second ? second : "");
}

/* --- parsing ------------------------------------------------------------------ */

static int put_value(struct ctl *ctl, const struct ctl_option *option, const char *value)
{
	if (!option->is_repeatable && ctl_has(ctl, option->name))
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "--%s is given twice", option->name);
	if (ctl->value_count == CTL_VALUES_MAX)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "too many options");
	ctl->value[ctl->value_count++] = (struct ctl_value){option, value};
	if (strcmp(option->name, "json") == 0)
		ctl->out = &out_json;
	if (strcmp(option->name, "socket") == 0)
		ctl->socket_path = value;
	return 0;
}

/* One argument that begins with a dash; *at moves on when the next one is its value. */
static int take_option(struct ctl *ctl, int argc, char *const argv[], int *at)
{
	const char *text = argv[*at];
	const char *name = text[1] == '-' ? text + 2 : text;
	const char *equals;
	const struct ctl_option *option;

	if (strcmp(text, "-h") == 0)
		name = "help";
	else if (strcmp(text, "-V") == 0)
		name = "version";
	equals = strchr(name, '=');
	option = find_any_option(name, equals ? (size_t)(equals - name) : strlen(name));
	if (!option)
		return refuse_option(ctl, text);
	if (!option->arg && equals)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "--%s takes no value", option->name);
	if (!option->arg)
		return put_value(ctl, option, "");
	if (equals)
		return put_value(ctl, option, equals + 1);
	if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "--%s needs its %s after it",
				option->name, option->arg);
	return put_value(ctl, option, argv[++*at]);
}

static int split(struct ctl *ctl, int argc, char *const argv[], struct words *words)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1])
			r = take_option(ctl, argc, argv, &i);
		else if (words->count == WORDS_MAX)
			r = ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "\"%s\" is one argument too many",
				     argv[i]);
		else
			words->word[words->count++] = argv[i];
		if (r)
			return r;
	}
	return 0;
}

/* The command whose name is the first words, and how many those are. */
static const struct ctl_command *match(const struct words *words, unsigned int *ret_used,
				       bool *ret_is_group)
{
	const char *first = words->word[0];
	size_t len = strlen(first);

	*ret_is_group = false;
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (strcmp(c->name, first) == 0) {
			*ret_used = 1;
			return c;
		}
		if (strncmp(c->name, first, len) != 0 || c->name[len] != ' ')
			continue;
		*ret_is_group = true;
		if (words->count > 1 && strcmp(c->name + len + 1, words->word[1]) == 0) {
			*ret_used = 2;
			return c;
		}
	}
	return NULL;
}

static int resolve(struct ctl *ctl, const struct words *words)
{
	unsigned int used = 0;
	bool is_group = false;

	if (!words->count)
		return 0;
	ctl->command = match(words, &used, &is_group);
	if (!ctl->command && is_group && words->count == 1) {
		ctl->group = words->word[0];
		return 0;
	}
	if (!ctl->command)
		return refuse_command(ctl, words->word[0], is_group ? words->word[1] : NULL);
	for (unsigned int i = used; i < words->count && i - used < CTL_OPERANDS_MAX; i++)
		ctl->operand[ctl->operand_count++] = words->word[i];
	return 0;
}

/* Binds each option given to the command's own row of it. */
static int check_options(struct ctl *ctl)
{
	for (unsigned int i = 0; i < ctl->value_count; i++) {
		struct ctl_value *value = &ctl->value[i];
		const char *name = value->option->name;
		const struct ctl_option *own =
			find_option(ctl->command->options, name, strlen(name));

		if (own)
			value->option = own;
		else if (!find_option(ctl_global_options, name, strlen(name)))
			return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
					"--%s is not an option of mxgate %s; see mxgate %s --help",
					name, ctl->command->name, ctl->command->name);
	}
	return 0;
}

static int check_operands(struct ctl *ctl)
{
	const struct ctl_command *command = ctl->command;

	if (ctl->operand_count < command->operand_min)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "mxgate %s needs %s, as in: %.*s",
				command->name, command->operands,
				(int)strcspn(command->example, "\n"), command->example);
	if (ctl->operand_count > command->operand_max)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
				"\"%s\" is one argument too many for mxgate %s",
				ctl->operand[command->operand_max], command->name);
	return 0;
}

int args_parse(struct ctl *ctl, int argc, char *const argv[])
{
	struct words words = {.count = 0};
	int r = split(ctl, argc, argv, &words);

	if (!r)
		r = resolve(ctl, &words);
	if (r || ctl_has(ctl, "help") || ctl_has(ctl, "version"))
		return r;
	if (!ctl->command && !ctl->group && !ctl->value_count)
		return 0;
	if (!ctl->command)
		return ctl_fail(ctl, CTL_EXIT_USAGE, NULL,
				"no command is given%s%s; see mxgate %s%s--help",
				ctl->group ? " after " : "", ctl->group ? ctl->group : "",
				ctl->group ? ctl->group : "", ctl->group ? " " : "");
	r = check_options(ctl);
	return r ? r : check_operands(ctl);
}
