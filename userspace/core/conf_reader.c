/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/conf_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "core/conf_text.h"

/* A dropped source waits at most this long for its repaired PTR to count. */
#define NEGATIVE_TTL_MAX 3600

/* --- what is told, and where ------------------------------------------------------------ */

struct conf_place *conf_reader_place(struct conf_reader *reader, const struct conf_key *key,
				     unsigned int row)
{
	return &reader->places[key - CONF_KEYS][row];
}

/* Adds to the line that is being written; the whole line goes where it has no room. */
static void error_add(struct conf_reader *reader, const char *fmt, va_list ap)
{
	size_t room = CONF_ERRORS_MAX - reader->used;
	int n = vsnprintf(reader->errors + reader->used, room, fmt, ap);

	if (n > 0)
		reader->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void error_put(struct conf_reader *reader, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void error_put(struct conf_reader *reader, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_add(reader, fmt, ap);
	va_end(ap);
}

void conf_reader_error(struct conf_reader *reader, const struct conf_place *place, const char *fmt,
		       ...)
{
	size_t before = reader->used;
	va_list ap;

	error_put(reader, "%s", reader->files[place->file].path);
	if (place->line)
		error_put(reader, ":%u", place->line);
	error_put(reader, ": ");
	va_start(ap, fmt);
	error_add(reader, fmt, ap);
	va_end(ap);
	error_put(reader, "\n");
	/* Half a line would mislead, but the first is told as far as it goes. */
	if (before > 0 && reader->used == CONF_ERRORS_MAX - 1) {
		reader->used = before;
		reader->errors[before] = '\0';
	}
	reader->last_error = *place;
}

/* One file that is read, and the place of what is being read of it. */
struct reading {
	struct conf_reader *reader;
	struct conf_text text;
	unsigned int file;
};

static struct conf_place here(const struct reading *in)
{
	return (struct conf_place){.file = in->file, .line = in->text.line};
}

#define SHOWN_MAX 300

static const char *shown(const char *word, char buf[static SHOWN_MAX])
{
	return text_escape(word, strlen(word), buf, SHOWN_MAX);
}

/*
 * For a token that cannot stand where it does: nothing behind it can be understood. Says
 * nothing where the line has been told of already. wanted: for example "= behind mode".
 */
static int unexpected(struct reading *in, enum conf_token token, const char *wanted)
{
	const struct conf_place place = here(in), *last = &in->reader->last_error;
	char word[SHOWN_MAX];

	if (last->line == place.line && last->file == place.file)
		return -EINVAL;
	if (token == CONF_TOKEN_WRONG)
		conf_reader_error(in->reader, &place, "%s", in->text.why);
	else if (token == CONF_TOKEN_END)
		conf_reader_error(in->reader, &place, "the file ends and wants %s", wanted);
	else
		conf_reader_error(in->reader, &place, "'%s' stands where the file wants %s",
				  shown(in->text.word, word), wanted);
	return -EINVAL;
}

static bool is_section(const char *name)
{
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++)
		if (strcmp(CONF_SECTIONS[i], name) == 0)
			return true;
	return false;
}

/* opened: where the section begins that this is in; its } may be what is missing. */
static int no_such_key(struct reading *in, const char *section, unsigned int opened)
{
	char allowed[640] = "", word[SHOWN_MAX], hint[80] = "";
	const struct conf_place place = here(in);
	size_t used = 0;

	for (size_t i = 0; i < CONF_KEY_COUNT && used < sizeof(allowed); i++)
		if (strcmp(CONF_KEYS[i].section, section) == 0)
			used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
						 used ? ", " : "", CONF_KEYS[i].name);
	for (size_t i = 0; !*section && i < CONF_SECTION_COUNT && used < sizeof(allowed); i++)
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, ", %s {}",
					 CONF_SECTIONS[i]);
	if (*section && (conf_key_find("", in->text.word) || is_section(in->text.word)))
		snprintf(hint, sizeof(hint), "; or is the } of section %s, line %u, missing?",
			 section, opened);
	conf_reader_error(in->reader, &place, "no such option '%s'; allowed here: %s%s",
			  shown(in->text.word, word), allowed, hint);
	return -EINVAL;
}

/* --- one key ----------------------------------------------------------------------------- */

struct setting {
	const struct conf_key *key;
	unsigned int row; /* of CONF_POLICY_ROWS, or 0 */
	void *at;
	struct conf_place place;
	unsigned int n; /* of a list: the elements that are there, but for bad ones */
	bool is_bad;    /* that is told already */
	bool is_over;   /* and so is whatever follows: a key set twice, a list that is full */
};

static const char *row_name(const struct setting *set)
{
	return policy_reason_name(CONF_POLICY_ROWS[set->row]);
}

/* What a row of the policy may not be though the key may; NULL if it is right. */
static const char *policy_objection(const struct setting *set)
{
	enum mxg_reason reason = CONF_POLICY_ROWS[set->row];
	bool good = reason == MXG_REASON_PASS || reason == MXG_REASON_TEMPERROR;
	const struct conf_key *key = set->key;

	if (key->type == KEY_ACTION && good && *(const enum mxg_action *)set->at != MXG_ACTION_PASS)
		return "can only pass: mxgate never blocks a confirmed source whose name is not "
		       "generic, nor on a temporary failure";
	if (key->type == KEY_FLAG && good && !*(const bool *)set->at)
		return "has nothing to enforce: it passes in every mode";
	if (key->type == KEY_SPAN && reason != MXG_REASON_PASS &&
	    *(const uint32_t *)set->at > NEGATIVE_TTL_MAX)
		return "is above 1h; a repaired PTR must count soon";
	return NULL;
}

static void check_policy(struct reading *in, struct setting *set)
{
	const char *objection = policy_objection(set);
	const struct conf_place place = here(in);

	if (!objection)
		return;
	set->is_bad = true;
	if (set->key->type == KEY_SPAN)
		conf_reader_error(in->reader, &place, "%s of policy %s %s", set->key->name,
				  row_name(set), objection);
	else
		conf_reader_error(in->reader, &place, "policy %s %s", row_name(set), objection);
}

/* The word just read is the value, or an element of it. */
static void store(struct reading *in, struct setting *set)
{
	const struct conf_place place = here(in);
	char word[SHOWN_MAX], allowed[CONF_ALLOWED_MAX];
	const char *why = "not allowed";
	int err;

	if (set->is_over)
		return;
	err = conf_key_store(set->key, in->text.word, set->n, set->at, &why);
	if (err < 0)
		set->is_bad = true;
	else
		set->n++;
	set->is_over = err == -E2BIG;
	shown(in->text.word, word);
	conf_key_allowed(set->key, allowed, sizeof(allowed));
	if (err == -EEXIST)
		conf_reader_error(in->reader, &place, "%s = %s: is in the list twice",
				  set->key->name, word);
	else if (err < 0)
		conf_reader_error(in->reader, &place, "%s = %s: %s; allowed: %s", set->key->name,
				  word, why, allowed);
	else if (strcmp(set->key->section, "policy") == 0)
		check_policy(in, set);
}

/*
 * "mode =" and nothing behind it would take the name of the next key for its value, or that of
 * a section, or the word include.
 */
static bool is_next_key(const struct reading *in, unsigned int line)
{
	struct conf_text ahead = in->text;
	enum conf_token next = conf_text_next(&ahead);

	if (in->text.line == line)
		return false;
	if (next == CONF_TOKEN_WORD && strcmp(in->text.word, "policy") == 0)
		return conf_text_peek(&ahead) == CONF_TOKEN_OPEN;
	return next == CONF_TOKEN_SET || next == CONF_TOKEN_ADD ||
	       (next == CONF_TOKEN_OPEN && is_section(in->text.word)) ||
	       (next == CONF_TOKEN_LEFT && strcmp(in->text.word, "include") == 0);
}

/* What does not follow a key or a section is told of in their line. */
static int missing(struct reading *in, enum conf_token token, const struct conf_place *place,
		   const char *wanted)
{
	if (token != CONF_TOKEN_WRONG)
		in->text.line = place->line;
	return unexpected(in, token, wanted);
}

static int wrong_in_list(struct reading *in, enum conf_token token, const struct setting *set)
{
	char wanted[128];

	if (token == CONF_TOKEN_END)
		return missing(in, token, &set->place, "a } behind the list");
	snprintf(wanted, sizeof(wanted), "a comma or a } in the list of %s, line %u",
		 set->key->name, set->place.line);
	return unexpected(in, token, wanted);
}

static int read_list(struct reading *in, struct setting *set)
{
	enum conf_token token = conf_text_next(&in->text);

	while (token != CONF_TOKEN_CLOSE) {
		if (token != CONF_TOKEN_WORD)
			return wrong_in_list(in, token, set);
		store(in, set);
		token = conf_text_next(&in->text);
		if (token == CONF_TOKEN_COMMA)
			token = conf_text_next(&in->text);
		else if (token != CONF_TOKEN_CLOSE)
			return wrong_in_list(in, token, set);
	}
	return 0;
}

static int read_value(struct reading *in, struct setting *set)
{
	bool is_list = conf_key_is_list(set->key);
	enum conf_token token = conf_text_next(&in->text);
	char wanted[128];

	if (is_list && token == CONF_TOKEN_OPEN)
		return read_list(in, set);
	if (token == CONF_TOKEN_WORD && !is_next_key(in, set->place.line)) {
		store(in, set);
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "a value of %s%s", set->key->name,
		 is_list ? ", for example in { }" : ", one and without braces");
	return missing(in, token, &set->place, wanted);
}

/* Twice in one file is a mistake; another file may set what an included one has set. */
static void check_twice(struct reading *in, struct setting *set)
{
	const struct conf_place *old = conf_reader_place(in->reader, set->key, set->row);

	if (!old->order || old->file != in->file)
		return;
	conf_reader_error(in->reader, &set->place, "%s is set in line %u already; keep one of them",
			  set->key->name, old->line);
	set->is_bad = set->is_over = true;
}

/* Its name was read. base: struct conf, or a row of its policy. */
static int read_key(struct reading *in, const struct conf_key *key, unsigned int row, void *base)
{
	struct setting set = {key, row, (char *)base + key->offset, here(in), 0, false, false};
	unsigned int *count = conf_key_count(key, in->reader->conf);
	enum conf_token token = conf_text_next(&in->text);
	char wanted[128];
	int err;

	snprintf(wanted, sizeof(wanted), "= and a value behind %s", key->name);
	if (token != CONF_TOKEN_SET && (token != CONF_TOKEN_ADD || !count))
		return missing(in, token, &set.place, wanted);
	if (token == CONF_TOKEN_SET)
		check_twice(in, &set);
	else
		set.n = *count;
	err = read_value(in, &set);
	if (count && !set.is_bad)
		*count = set.n;
	set.place.order = ++in->reader->order;
	*conf_reader_place(in->reader, key, row) = set.place;
	return err;
}

/* --- sections ------------------------------------------------------------------------------ */

/* The row that a title names; negative: none. */
static int row_of(const char *title)
{
	enum mxg_reason reason;

	if (policy_reason_parse(title, &reason) == 0)
		for (unsigned int i = 0; i < CONF_POLICY_ROW_COUNT; i++)
			if (CONF_POLICY_ROWS[i] == reason)
				return (int)i;
	return -EINVAL;
}

/* "policy" was read; its name follows. */
static int read_title(struct reading *in, unsigned int *ret_row)
{
	const struct conf_place policy = here(in);
	enum conf_token token = conf_text_next(&in->text);
	const struct conf_place place = here(in);
	char word[SHOWN_MAX];
	int row;

	if (token != CONF_TOKEN_WORD)
		return missing(in, token, &policy,
			       "a name behind policy; allowed: " CONF_POLICY_ROW_NAMES);
	row = row_of(in->text.word);
	if (row < 0) {
		conf_reader_error(in->reader, &place,
				  "no such policy '%s'; allowed: " CONF_POLICY_ROW_NAMES,
				  shown(in->text.word, word));
		return -EINVAL;
	}
	*ret_row = (unsigned int)row;
	return 0;
}

/* What is between { and }. */
static int read_keys(struct reading *in, const char *section, unsigned int row, void *base,
		     const struct conf_place *opened)
{
	const struct conf_key *key;
	enum conf_token token;
	int err;

	while ((token = conf_text_next(&in->text)) != CONF_TOKEN_CLOSE) {
		if (token == CONF_TOKEN_END) {
			conf_reader_error(in->reader, opened,
					  "section %s is not closed; a } is missing", section);
			return -EINVAL;
		}
		if (token != CONF_TOKEN_WORD)
			return unexpected(in, token, "a key or }");
		key = conf_key_find(section, in->text.word);
		if (!key)
			return no_such_key(in, section, opened->line);
		err = read_key(in, key, row, base);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Its name was read. */
static int read_section(struct reading *in, const char *section)
{
	const struct conf_place opened = here(in);
	bool is_policy = strcmp(section, "policy") == 0;
	struct conf *conf = in->reader->conf;
	enum conf_token token;
	unsigned int row = 0;
	char wanted[64];
	int err;

	if (is_policy) {
		err = read_title(in, &row);
		if (err < 0)
			return err;
	}
	token = conf_text_next(&in->text);
	snprintf(wanted, sizeof(wanted), "{ behind %s%s", section,
		 is_policy ? " and its name" : "");
	if (token != CONF_TOKEN_OPEN)
		return missing(in, token, &opened, wanted);
	return read_keys(in, section, row,
			 is_policy ? (void *)&conf->policy.row[CONF_POLICY_ROWS[row]] : conf,
			 &opened);
}

/* --- files ---------------------------------------------------------------------------------- */

#define FILE_MAX (1 << 20)

/* The bytes of an open file, to be freed. 0 or -errno. */
static int bytes_read(FILE *file, char **ret, size_t *ret_size)
{
	char *bytes = malloc(FILE_MAX + 1);
	size_t n;

	if (!bytes)
		return -ENOMEM;
	n = fread(bytes, 1, FILE_MAX + 1, file);
	if (ferror(file) || n > FILE_MAX) {
		free(bytes);
		return n > FILE_MAX ? -EFBIG : -EIO;
	}
	*ret = bytes;
	*ret_size = n;
	return 0;
}

/* Whether it was read before; notes it if not. */
static bool is_known_file(struct conf_reader *reader, unsigned int n, const struct stat *info)
{
	for (unsigned int i = 0; i < n; i++)
		if (reader->files[i].dev == info->st_dev && reader->files[i].ino == info->st_ino)
			return true;
	reader->files[n].dev = info->st_dev;
	reader->files[n].ino = info->st_ino;
	return false;
}

static int file_load(struct conf_reader *reader, unsigned int n, char **ret, size_t *ret_size)
{
	struct stat info;
	FILE *file;
	int err = file_open(reader->files[n].path, &file);

	if (err < 0)
		return err;
	if (fstat(fileno(file), &info) < 0)
		err = -errno;
	else if (is_known_file(reader, n, &info))
		err = -EEXIST;
	else
		err = bytes_read(file, ret, ret_size);
	fclose(file);
	return err;
}

static const char *load_error(int err)
{
	switch (err) {
	case -EINVAL:
		return "it is no plain file";
	case -EEXIST:
		return "it is read already, and once is enough";
	case -EFBIG:
		return "it is larger than 1 MiB";
	default:
		return strerror(-err);
	}
}

static int read_statements(struct reading *in);

/* The file that was put down last. 0, -EINVAL when told what is wrong, or -errno. */
static int file_parse(struct conf_reader *reader, const struct conf_place *from)
{
	struct reading in = {.reader = reader, .file = reader->file_count - 1};
	const char *path = reader->files[in.file].path;
	const struct conf_place nowhere = {.file = in.file};
	char *bytes = NULL;
	size_t size = 0;
	int err = file_load(reader, in.file, &bytes, &size);

	if (err == 0) {
		conf_text_init(&in.text, bytes, size);
		err = read_statements(&in);
		free(bytes);
	} else if (from) {
		conf_reader_error(reader, from,
				  "include: %s cannot be read: %s; name another or take this "
				  "line out",
				  path, load_error(err));
		err = -EINVAL;
	} else {
		conf_reader_error(reader, &nowhere,
				  "cannot be read: %s; make it a readable file, or name another",
				  load_error(err));
	}
	return err;
}

/* A relative path is beside the file that names it, wherever the daemon was started. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *joined;

	if (*path == '/' || !slash)
		return strdup(path);
	if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0)
		return NULL;
	return joined;
}

/* The word include was read; the name is left in the text. */
static int read_file_name(struct reading *in, char **ret)
{
	static const char wanted[] = "include(\"FILE\")";
	const struct conf_place place = here(in);
	enum conf_token token = conf_text_next(&in->text);
	char *path;

	if (token != CONF_TOKEN_LEFT)
		return missing(in, token, &place, wanted);
	token = conf_text_next(&in->text);
	if (token != CONF_TOKEN_WORD || !*in->text.word || !text_is_printable(in->text.word))
		return missing(in, token, &place, wanted);
	path = path_beside(in->reader->files[in->file].path, in->text.word);
	if (!path)
		return -ENOMEM;
	token = conf_text_next(&in->text);
	if (token != CONF_TOKEN_RIGHT) {
		free(path);
		return missing(in, token, &place, wanted);
	}
	*ret = path;
	return 0;
}

static int read_include(struct reading *in)
{
	struct conf_reader *reader = in->reader;
	const struct conf_place place = here(in);
	char *path = NULL;
	int err = read_file_name(in, &path);

	if (err < 0)
		return err;
	if (reader->file_count == CONF_FILES_MAX) {
		conf_reader_error(reader, &place, "include: more than %d files; put some together",
				  CONF_FILES_MAX - 1);
		free(path);
		return -EINVAL;
	}
	reader->files[reader->file_count++].path = path;
	return file_parse(reader, &place);
}

static int read_statement(struct reading *in)
{
	const struct conf_key *key = conf_key_find("", in->text.word);

	if (key)
		return read_key(in, key, 0, in->reader->conf);
	for (size_t i = 0; i < CONF_SECTION_COUNT; i++)
		if (strcmp(CONF_SECTIONS[i], in->text.word) == 0)
			return read_section(in, CONF_SECTIONS[i]);
	if (strcmp(in->text.word, "include") == 0)
		return read_include(in);
	return no_such_key(in, "", 0);
}

static int read_statements(struct reading *in)
{
	enum conf_token token;
	int err = 0;

	while (err == 0 && (token = conf_text_next(&in->text)) != CONF_TOKEN_END)
		err = token == CONF_TOKEN_WORD ? read_statement(in)
					       : unexpected(in, token, "a key or a section");
	return err;
}

int conf_reader_run(struct conf_reader *reader, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	reader->files[reader->file_count++].path = copy;
	return file_parse(reader, NULL);
}

void conf_reader_done(struct conf_reader *reader)
{
	while (reader->file_count > 0)
		free(reader->files[--reader->file_count].path);
}
