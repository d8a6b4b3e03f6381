/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who the worker runs as, and how it gets there: names to ids, the directories
 * it needs, and the one-way road from root to nobody.
 */
#ifndef MXGATE_DAEMON_SPAWN_H
#define MXGATE_DAEMON_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/conf.h"

struct spawn_ids {
	uid_t uid;
	gid_t gid;
	gid_t read_gid, change_gid; /* (gid_t)-1: no such group */
};

/* 0, or -ENOENT with a line in why when the user does not exist or is root. */
int spawn_resolve(const struct conf *conf, struct spawn_ids *ret, char *why, size_t why_size);

/* Makes the state directory (0750) the user's. 0 or -errno with a line in why. */
int spawn_state_directory(const struct conf *conf, const struct spawn_ids *ids, char *why,
			  size_t why_size);

/* Whether that can be done, as far as that can be told without doing it. The same. */
int spawn_check_directory(const struct conf *conf, const struct spawn_ids *ids, char *why,
			  size_t why_size);

/* What step says without the capabilities that BPF asks for; or -errno. Root's, one thread. */
int spawn_try_bare(int (*step)(void *user), void *user);

/*
 * Gives up root for good: no supplementary groups, no capability in any set, no
 * new privileges, not dumpable; dies with the parent. keeps_bpf: but for CAP_BPF, which
 * before Linux 5.19 whoever holds a map may need to use it. 0; -ENOTSUP: we have not got it;
 * -errno.
 */
int spawn_drop_privileges(const struct spawn_ids *ids, pid_t parent, bool keeps_bpf);

#endif
