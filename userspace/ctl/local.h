/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the commands share that do their work themselves, without the daemon (check.c,
 * rdns.c): the configuration, where there is one, and its pattern files. With them the
 * only files of ctl/ that see core/ and io/. Changes nothing.
 */
#ifndef MXGATE_CTL_LOCAL_H
#define MXGATE_CTL_LOCAL_H

#include "core/conf.h"
#include "core/patterns.h"
#include "ctl/ctl.h"

/*
 * --config, else mxgate.conf where it should be, else the defaults. 0, or the exit code
 * after the complaint.
 */
int local_load_conf(struct ctl *ctl, struct conf *ret);

/*
 * The files of --patterns if the command has that option and it is given, else those
 * of conf. *ret is the caller's to free; NULL when there are none. 0, or the exit code
 * after the complaint.
 */
int local_load_patterns(struct ctl *ctl, const struct conf *conf, struct patterns **ret);

#endif
