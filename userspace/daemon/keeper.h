/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The keeper: the root process. Loads the gate, puts it on the interfaces and
 * keeps it there, runs the worker and restarts it, reloads the configuration.
 * It reads nothing that comes from outside the machine.
 */
#ifndef MXGATE_DAEMON_KEEPER_H
#define MXGATE_DAEMON_KEEPER_H

/* Exit codes of mxgated; the rest of sysexits.h keeps its meaning. */
enum keeper_exit {
	KEEPER_EXIT_OK = 0,
	KEEPER_EXIT_USAGE = 64,
	KEEPER_EXIT_NO_INTERFACE = 66, /* none of the configured ones can be gated */
	KEEPER_EXIT_NO_KERNEL = 69,    /* no native mode, no BPF, too old */
	KEEPER_EXIT_INTERNAL = 70,
	KEEPER_EXIT_OS = 71,      /* no bpffs, out of resources */
	KEEPER_EXIT_FOREIGN = 73, /* another XDP program holds every interface */
	KEEPER_EXIT_IO = 74,      /* the result, or the state, cannot be read or written */
	KEEPER_EXIT_RUNNING = 75, /* another mxgated has these tables */
	KEEPER_EXIT_NOT_ROOT = 77,
	KEEPER_EXIT_CONFIG = 78,
};

/*
 * Runs until SIGTERM or SIGINT. object (may be NULL) stands for the
 * configuration's bpf_object. Returns the exit code, in the worker's process too.
 */
int keeper_run(const char *conf_path, const char *object);

#endif
