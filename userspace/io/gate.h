/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The gate in the kernel: loads the object, makes and pins its maps,
 * attaches it to interfaces and finds out what is attached.
 * Needs root; used by the keeper only. It writes no verdict and no counter.
 *
 * What is on an interface is read from the kernel each time and never
 * remembered, so a restarted keeper adopts what its predecessor left. A program
 * that is not ours is never replaced, and generic mode is used only when asked.
 */
#ifndef MXGATE_IO_GATE_H
#define MXGATE_IO_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_WHY_MAX 512

enum gate_mode {
	GATE_MODE_NONE,
	GATE_MODE_NATIVE,
	GATE_MODE_GENERIC,
	GATE_MODE_OFFLOAD
};

/* What an interface carries. */
struct gate_found {
	bool is_ours;    /* our program, alone or in a libxdp dispatcher */
	bool is_current; /* and the very code and maps that this process loaded */
	bool can_reject; /* and it is the one that tells in SMTP */
	bool is_foreign; /* another program without a dispatcher: left alone */
	enum gate_mode mode;
	uint32_t prog_id;       /* ours if is_ours, else the foreign one; 0: none */
	uint32_t dispatcher_id; /* libxdp's program that calls ours and others; 0: none */
};

/* Open for the life of the gate; -1 is "not there". */
struct gate_fds {
	int config, lease, counters, prefix4, prefix6, rollup, events, say, secret;
	int outer4, outer6; /* where the verdict tables hang: io/inner.h */
	bool is_hash;       /* these are the kernel's own hash: the gate for older kernels */
};

struct gate;

/*
 * Checks for bpffs, creates the pin directory, loads the object once (so its
 * maps are made or found by their pins and the verifier has spoken). Where the kernel lacks
 * something that "x.bpf.o" is made of, "x-compat.bpf.o" beside it is loaded instead, and a line
 * in the log says so. 0, or -errno with one line in why: the cause and the remedy. -ENOEXEC: it
 * is the object's file, which cannot be opened or is no gate of this release.
 */
int gate_open(const char *object, struct gate **ret, char why[static GATE_WHY_MAX]);

/*
 * As much of it as the file tells: nothing is loaded or made, and it takes no right but to
 * read it. 0, or -ENOEXEC with one line in why. *ret_is_hash: as in struct gate_fds.
 */
int gate_check(const char *object, bool *ret_is_hash, char why[static GATE_WHY_MAX]);

/* Closes the handles. Pins and attached programs stay. NULL is fine. */
void gate_close(struct gate *gate);

/* Borrowed; valid until gate_close(). */
const struct gate_fds *gate_get_fds(const struct gate *gate);

/* The name of the file that it is loaded from, without its directory. Borrowed. */
const char *gate_object(const struct gate *gate);

/* Reads from one of its maps. 0 or -errno. */
int gate_touch(const struct gate *gate);

/*
 * What the gate that was loaded before with the other kind of table has pinned of that. Where it is
 * still attached it knows nobody from then on, as nobody tells it any more who is forgiven.
 */
void gate_unpin_others(const struct gate *gate);

/* 0 or -errno. */
int gate_find(struct gate *gate, int ifindex, struct gate_found *ret);

/*
 * Puts the gate on the interface in exactly this mode: 0; -EBUSY when a foreign
 * program is there; -EOPNOTSUPP when the driver has no native mode; -errno.
 */
int gate_attach(struct gate *gate, int ifindex, enum gate_mode mode, char why[static GATE_WHY_MAX]);

/*
 * The same with the program that can reject, and at no moment without any: in the place
 * of the other one, where that is, else anew. It grows frames, which some dispatchers of
 * libxdp do not let a program do; then it is put there alone, *ret_is_alone, unless
 * others share the interface with us (-EBUSY). On failure all is as it was.
 */
int gate_attach_reject(struct gate *gate, int ifindex, enum gate_mode mode, bool *ret_is_alone,
		       char why[static GATE_WHY_MAX]);

/* Takes our program off, and nothing else. 0, -ENOENT when it is not there, -errno. */
int gate_detach(int ifindex);

/*
 * Unpins our program from a dispatcher that the interface does not carry any more
 * and does nothing if it does. libxdp cleans up only what it took off itself: an
 * interface that is deleted would leave the gate in the kernel's memory for good.
 */
void gate_unpin(int ifindex, uint32_t dispatcher_id);

/* "native", "generic", "offload", "none". */
const char *gate_mode_name(enum gate_mode mode);

#endif
