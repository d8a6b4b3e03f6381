/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads the operator's pattern files into a set that core/patterns has compiled. Takes
 * only regular files of at most 1 MiB, and keeps none open: a change to a file counts
 * from the next reload.
 */
#ifndef MXGATE_IO_PATTERNFILE_H
#define MXGATE_IO_PATTERNFILE_H

#include <stddef.h>

#include "core/conf.h"
#include "core/patterns.h"

/*
 * All the files named, in this order, as one set, which the caller frees. 0, with
 * *ret NULL when count is 0; or -EINVAL (a line is wrong) or another -errno (a file
 * cannot be read) with one line in why and *ret untouched.
 */
int patternfile_read(const char *const *paths, size_t count, struct patterns **ret,
		     char why[static PATTERN_WHY_MAX]);

/* The same for the files that rdns { patterns } names. */
int patternfile_read_conf(const struct conf *conf, struct patterns **ret,
			  char why[static PATTERN_WHY_MAX]);

#endif
