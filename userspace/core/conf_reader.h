/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A configuration while it is read: which files were opened, where each key was set, and
 * the lines about what is wrong. What cannot be understood ends the reading; what is
 * understood and not allowed does not. Shared by conf.c, which begins it, and conf_check.c,
 * which looks at keys together, and by nobody else.
 */
#ifndef MXGATE_CORE_CONF_READER_H
#define MXGATE_CORE_CONF_READER_H

#include <sys/types.h>

#include "core/conf_keys.h"

#define CONF_FILES_MAX 32

/* order: 1, 2, ... as they were set; 0: not set, what is there is the default. */
struct conf_place {
	unsigned int file, line, order;
};

struct conf_reader {
	struct conf *conf;
	char *errors; /* of CONF_ERRORS_MAX */
	size_t used;
	struct conf_place last_error;
	struct {
		char *path;
		dev_t dev;
		ino_t ino;
	} files[CONF_FILES_MAX];
	unsigned int file_count;
	unsigned int order; /* of the key that was set last */
	/* The second index is of CONF_POLICY_ROWS, 0 for keys that are not of "policy". */
	struct conf_place places[CONF_KEY_MAX][CONF_POLICY_ROW_COUNT];
};

/*
 * Reads path, and what it includes, over *reader->conf. reader is zero but for conf and
 * errors. 0, which with an error told is a wrong file, too; -EINVAL, told; -errno: path
 * cannot be read.
 */
int conf_reader_run(struct conf_reader *reader, const char *path);
void conf_reader_done(struct conf_reader *reader);

/* Where a key was set last; row as above. */
struct conf_place *conf_reader_place(struct conf_reader *reader, const struct conf_key *key,
				     unsigned int row);

/* Appends "FILE:LINE: ...\n"; without a line, "FILE: ...\n". What has no room is left out. */
void conf_reader_error(struct conf_reader *reader, const struct conf_place *place, const char *fmt,
		       ...) __attribute__((format(printf, 3, 4)));

/* What is wrong between keys, a line for each mistake; and defaults that follow others. */
void conf_check(struct conf_reader *reader);

#endif
