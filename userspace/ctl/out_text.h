/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the text renderings share. Everything that came from the daemon passes
 * through out_text_put(), which lets no byte outside 0x20..0x7e out; what the
 * daemon has escaped already (names) stays as it is.
 */
#ifndef MXGATE_CTL_OUT_TEXT_H
#define MXGATE_CTL_OUT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct ctl;

#define OUT_TEXT_WIDTH      78
#define OUT_TEXT_NUMBER_MAX 32

/* Prints text safely; how many columns it took. NULL prints nothing. */
size_t out_text_put(FILE *to, const char *text);
/* The same, padded to width with at least one space after it. */
void out_text_cell(FILE *to, const char *text, int width);
/* Breaks text at spaces to the page's width; the cursor stands at column indent. */
void out_text_wrap(FILE *to, unsigned int indent, const char *text);

/* "1234567" as "1,234,567". Returns buf. */
const char *out_text_number(json_int_t value, char buf[static OUT_TEXT_NUMBER_MAX]);
/* Seconds in at most two units: "1h20m", "45s", "3d". Returns buf. */
const char *out_text_span(json_int_t sec, char buf[static OUT_TEXT_NUMBER_MAX]);
/* A string of an object, "" when it has none. Borrowed. */
const char *out_text_string(const json_t *object, const char *key);
json_int_t out_text_integer(const json_t *object, const char *key);
/* The strings of an array with ", " between; "none" for none. */
void out_text_join(FILE *to, const json_t *array);

void out_text_status(struct ctl *ctl, const json_t *result);
void out_text_rdns(struct ctl *ctl, const json_t *result);
void out_text_evidence(struct ctl *ctl, const json_t *result);

#endif
