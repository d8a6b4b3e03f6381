/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A directory of a test's own, whose name says so; the test removes it. */
#ifndef MXGATE_UNIT_TMPDIR_H
#define MXGATE_UNIT_TMPDIR_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TMPDIR_MAX 32

static inline void tmpdir_make(char dir[static TMPDIR_MAX])
{
	strcpy(dir, P_tmpdir "/mxg-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

#endif
