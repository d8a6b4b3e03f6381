/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The other trigger in the kernel: a program that tells of accepted connections, on the
 * sockets of a control group (cgroup v2). Needs root; used by the keeper only, after
 * gate_open(), whose pinned maps it takes. Other programs on the group stay in force.
 *
 * It is in force as long as it is held here: nothing is pinned, so it ends with the
 * process that started it. A group that is removed takes it along, which
 * established_is_attached() tells, and so does one made anew under the same name.
 */
#ifndef MXGATE_IO_ESTABLISHED_H
#define MXGATE_IO_ESTABLISHED_H

#include <stdbool.h>

#define ESTABLISHED_WHY_MAX 1024

struct established;

/* What stands in the way. */
enum established_fault {
	ESTABLISHED_FAULT_SYSTEM, /* the kernel, or what else is on the group */
	ESTABLISHED_FAULT_OBJECT, /* the program's file */
	ESTABLISHED_FAULT_CGROUP  /* there is no such group */
};

struct established_why {
	enum established_fault fault;
	char text[ESTABLISHED_WHY_MAX]; /* one line: the cause and the remedy */
};

/*
 * gate_object: the path of the gate, beside which MXG_ESTABLISHED_OBJECT lies; is_hash: as in
 * struct gate_fds, and it is MXG_ESTABLISHED_COMPAT. cgroup: as in /proc/PID/cgroup, "/" for all
 * of this system. 0, or -errno with *why filled.
 */
int established_start(const char *gate_object, bool is_hash, const char *cgroup,
		      struct established **ret, struct established_why *why);

/*
 * As much of it as can be told without loading or making anything, and without rights but to
 * read. 0, or -errno with *why filled.
 */
int established_check(const char *gate_object, bool is_hash, const char *cgroup,
		      struct established_why *why);

/* False when the group that now has this name is not the one that it is on. */
bool established_is_attached(const struct established *established);

/* As it was given to established_start(). */
const char *established_cgroup(const struct established *established);

/* NULL is fine. In another process that has inherited it, only the handle goes. */
void established_stop(struct established *established);

#endif
