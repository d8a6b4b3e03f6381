/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How results are shown: one struct of functions per format (out_text.c,
 * out_json.c). Each takes the object exactly as control.h documents it and
 * writes to ctl->to; a missing or odd key is left out, never a crash.
 *
 * Text fits 80 columns where the data allow it, uses no colours, and prints no
 * byte outside 0x20..0x7e. JSON is exactly the object, ASCII only; a list is one
 * array.
 */
#ifndef MXGATE_CTL_OUT_H
#define MXGATE_CTL_OUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

enum ctl_list {
	CTL_LIST_VERDICTS,
	CTL_LIST_EXCEPTIONS,
	CTL_LIST_AUDIT
};

struct ctl_out_state {
	enum ctl_list list;
	uint64_t items; /* of the list under way */
};

struct ctl_out {
	void (*status)(struct ctl *ctl, const json_t *result);
	/* check, why and recheck: the evidence object, with what the gate holds or without */
	void (*evidence)(struct ctl *ctl, const json_t *result);
	/* the generic object of an evidence, with the address */
	void (*rdns)(struct ctl *ctl, const json_t *result);
	void (*flush)(struct ctl *ctl, const json_t *result);
	void (*mode)(struct ctl *ctl, const json_t *result);
	void (*reload)(struct ctl *ctl, const json_t *result);
	void (*exception_add)(struct ctl *ctl, const json_t *result);
	void (*exception_show)(struct ctl *ctl, const json_t *result);
	void (*exception_remove)(struct ctl *ctl, const json_t *result);
	/* begin, any number of items, end with the result line (NULL when it broke off) */
	void (*list_begin)(struct ctl *ctl, enum ctl_list list);
	void (*list_item)(struct ctl *ctl, const json_t *item);
	void (*list_end)(struct ctl *ctl, const json_t *result);
	/* to ctl->err; code as in CONTROL_ERRORS, hint may be NULL */
	void (*error)(struct ctl *ctl, const char *code, const char *message, const char *hint);
};

extern const struct ctl_out out_text;
extern const struct ctl_out out_json;

#endif
