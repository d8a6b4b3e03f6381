/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the gate in the kernel and the daemon agree on: map names, keys, values,
 * counters, events, version. With table.h, which has the form of the verdict tables, the
 * only headers that both sides include.
 *
 * Every value is explicit about its padding, has no pointers, and is laid out
 * the same by clang -target bpf and by the host's compiler; the assertions at
 * the end hold that. A change to any layout or map definition raises MXG_ABI
 * and with it the "mxg3_" in the map names, so that an old gate and a new
 * daemon never share a map.
 *
 * All-zero is a valid state of every map and means "pass everything": that is
 * what `ip link` creates before any daemon has run.
 */
#ifndef MXGATE_ABI_H
#define MXGATE_ABI_H

#include <linux/types.h>

#define MXG_ABI 3

/* Pinned by name below this directory, which iproute2 and xdp-loader -p use. */
#define MXG_PIN_DIR "/sys/fs/bpf/xdp/globals"

#define MXG_MAP_CONFIG   "mxg3_config"   /* ARRAY[1] struct mxg_config */
#define MXG_MAP_LEASE    "mxg3_lease"    /* ARRAY[1] __u64 */
#define MXG_MAP_COUNTERS "mxg3_counters" /* PERCPU_ARRAY[1] struct mxg_counters */
#define MXG_MAP_VERDICT4 "mxg3_verdict4" /* ARRAY_OF_MAPS[1] -> ARRAY of struct mxg_line4 */
#define MXG_MAP_VERDICT6 "mxg3_verdict6" /* ARRAY_OF_MAPS[1] -> ARRAY of struct mxg_line6 */
#define MXG_MAP_HASH4    "mxg3_hash4"    /* of older kernels: ARRAY_OF_MAPS[1] -> HASH */
#define MXG_MAP_HASH6    "mxg3_hash6"    /* of __be32 or struct mxg_key6, -> struct mxg_verdict */
#define MXG_MAP_PREFIX4  "mxg3_prefix4"  /* LPM_TRIE */
#define MXG_MAP_PREFIX6  "mxg3_prefix6"  /* LPM_TRIE */
#define MXG_MAP_EVENTS   "mxg3_events"   /* RINGBUF of struct mxg_event */
#define MXG_MAP_ASKED    "mxg3_asked"    /* ARRAY[MXG_ASKED_SLOTS] __u64 */
#define MXG_MAP_BUCKET   "mxg3_bucket"   /* PERCPU_ARRAY[1] struct mxg_bucket */
#define MXG_MAP_ROLLUP   "mxg3_rollup"   /* HASH of __be64, a /64, -> struct mxg_rollup */
#define MXG_MAP_SAY      "mxg3_say"      /* ARRAY[MXG_SAY_SLOTS] struct mxg_say */
#define MXG_MAP_SECRET   "mxg3_secret"   /* ARRAY[2] struct mxg_secret */

#define MXG_PROG_NAME   "mxgate_gate"   /* the XDP program's name, section "xdp" */
#define MXG_FRAGS_NAME  "mxgate_frags"  /* the same for jumbo frames, section "xdp.frags" */
#define MXG_REJECT_NAME "mxgate_reject" /* and the one that can reject: chosen by this name */

/* An object of its own, beside the gate's and with its maps: section "sockops". */
#define MXG_ESTABLISHED_NAME   "mxgate_established"
#define MXG_ESTABLISHED_OBJECT "mxgate-established.bpf.o"
#define MXG_ESTABLISHED_COMPAT "mxgate-established-compat.bpf.o" /* where the tables are hashes */

#define MXG_PORTS_MAX   8
#define MXG_DESTS_MAX   16
#define MXG_PREFIX_MAX  65536      /* entries of each prefix table */
#define MXG_ROLLUP_MAX  4096       /* networks in the roll-up table */
#define MXG_EVENTS_SIZE (1u << 20) /* bytes of the ring buffer */
#define MXG_ASKED_SLOTS (1u << 20) /* slots of the "asked lately" table */
#define MXG_NEVER       (~0ULL)    /* an expiry that does not come */

/* What the gate does with a SYN. An action the gate does not know is a pass. */
enum mxg_action {
	MXG_ACTION_PASS = 0,
	MXG_ACTION_DROP = 1,
	MXG_ACTION_RESET = 2,  /* answered with a TCP reset, or dropped where that cannot be */
	MXG_ACTION_REJECT = 3, /* told in SMTP, or a reset where that cannot be */
	MXG_ACTION_MAX
};

/*
 * Why a verdict is what it is. The bit (1 << reason) in mxg_config.enforce_mask
 * makes an action other than pass real; without it the gate only counts.
 */
enum mxg_reason {
	MXG_REASON_NONE = 0,
	MXG_REASON_PASS = 1,        /* iprev pass */
	MXG_REASON_NO_PTR = 2,      /* iprev permerror: reverse NXDOMAIN or NODATA */
	MXG_REASON_UNCONFIRMED = 3, /* iprev fail: names exist, none confirms */
	MXG_REASON_TEMPERROR = 4,   /* iprev temperror */
	MXG_REASON_SPECIAL = 5,     /* special-purpose address, never looked up */
	MXG_REASON_ALLOW = 6,       /* an operator's exception */
	MXG_REASON_DENY = 7,        /* an operator's deny */
	MXG_REASON_GENERIC = 8,     /* iprev pass, but every name looks generic */
	MXG_REASON_MAX
};

/* A protected destination: (address & mask) == addr. IPv4 in the first 4 bytes, rest 0. */
struct mxg_dest {
	__be64 addr[2]; /* bytes as in the packet */
	__be64 mask[2];
	__u32 family; /* 4 or 6 */
	__u32 zero;   /* rounds it to 8 bytes */
};

/*
 * Written by the worker only. abi == 0 (no daemon yet): pass, count MXG_CTR_OFF. What a
 * packet that is not mail's needs of it stands in the first 64 bytes.
 */
struct mxg_config {
	__u32 abi;          /* MXG_ABI */
	__u32 enforce_mask; /* bit per mxg_reason; 0 is monitor mode */
	__u32 hash_seed;    /* random per daemon start, keys the asked table */
	__u32 port_count;   /* protected ports, 0..MXG_PORTS_MAX */
	__be16 ports[MXG_PORTS_MAX];
	__u32 prefix4_count; /* 0: the prefix table is not looked at */
	__u32 prefix6_count;
	__u32 event_rate;      /* events per second and CPU */
	__u32 event_burst;     /* bucket depth in events */
	__u64 ask_interval_ns; /* one event per source and interval */
	__u8 decap;            /* not 0: look into IP in IP, one level deep */
	__u8 reject;           /* not 0: something in force rejects; 0: only SYNs are looked at */
	__u8 reject_budget;    /* verdicts' hits that are told, 0..127, then drop; 0: all are */
	__u8 rollup;           /* not 0: there is something in the roll-up table */
	__u32 dest_count;      /* protected destinations, 0..MXG_DESTS_MAX; 0: any */
	struct mxg_dest dests[MXG_DESTS_MAX];
	__u32 established; /* not 0: of unknown sources mxgate_established tells, not the gate */
	__u32 hold;        /* not 0: every unknown source is to be held, not only where rolled up */
	__u64 hold_left_ns; /* not 0: who is to be held is, while the lease has more than so
			     * much left; see MXG_HOLD_BEAT_NS */
};

/*
 * The lease: CLOCK_MONOTONIC ns until which the worker's word holds. Past it
 * everything passes. One __u64 of its own, so that a heartbeat cannot tear.
 */

/*
 * To hold is to drop the first SYN of an unknown source, whose verdict is there when it is
 * sent again a second later. Only while somebody is at work on that: the heartbeat that
 * wrote the lease is MXG_HOLD_BEAT_NS old at most, so hold_left_ns is the lease's length
 * less that. And only once: not where the source, or another in its place of the asked
 * table, was asked about within MXG_HOLD_PERIOD_NS. In doubt the SYN passes.
 */
#define MXG_HOLD_BEAT_NS   3000000000ULL
#define MXG_HOLD_PERIOD_NS 60000000000ULL

/*
 * One learned verdict, as the worker speaks of it; table.h has how it lies in a table.
 * Times are CLOCK_MONOTONIC; the gate compares them with a clock that is never ahead of it.
 * hits is counted by the gate and stays when the worker renews the entry, but for one that
 * is rejected from now on, which begins at 0; it is exact while it is small.
 */
struct mxg_verdict {
	__u64 expires_ns; /* at or past it the entry is a miss */
	__u64 refresh_ns; /* a hit at or past it asks for a new lookup */
	__u32 hits;
	__u8 action; /* enum mxg_action */
	__u8 reason; /* enum mxg_reason */
	__u8 note;   /* MXG_NOTE_*: the worker's, for the worker after it; the gate looks past it */
	__u8 zero;   /* rounds the value to 8 bytes */
};

#define MXG_NOTE_GOOD       1 /* the source is known to be good, whatever was found last */
#define MXG_NOTE_SEEN_SHIFT 4 /* above: observations behind a refusal; 0: not known */
#define MXG_NOTE_SEEN_MAX   15

struct mxg_key6 {
	__u8 addr[16];
};

/* LPM trie keys: prefixlen first, as the kernel wants it. */
struct mxg_prefix4_key {
	__u32 prefixlen;
	__u8 addr[4];
};

struct mxg_prefix6_key {
	__u32 prefixlen;
	__u8 addr[16];
};

/* One exception, allow or deny. */
struct mxg_prefix {
	__u64 expires_ns; /* CLOCK_MONOTONIC, MXG_NEVER */
	__u64 hits;
	__u32 id;    /* the exception's number in the store */
	__u8 action; /* enum mxg_action */
	__u8 reason; /* MXG_REASON_ALLOW or MXG_REASON_DENY */
	__u16 zero;  /* rounds the value to 8 bytes */
};

/*
 * The roll-up table: IPv6 /64s that are judged as one (core/rollup.h), by the first 8 bytes
 * of an address as they lie in the packet. Of a source there that has no verdict and no
 * exception it says that it is to be held.
 */
struct mxg_rollup {
	__u64 expires_ns; /* CLOCK_MONOTONIC: at or past it the entry is a miss */
	__u64 hits;       /* SYNs that were held for it */
};

enum mxg_event_kind {
	MXG_EVENT_UNKNOWN = 1, /* a SYN from a source without a live verdict */
	MXG_EVENT_REFRESH = 2, /* a hit in the refresh window */
};

struct mxg_event {
	__u16 abi;      /* MXG_ABI: the reader skips what it does not know */
	__u8 kind;      /* enum mxg_event_kind */
	__u8 family;    /* 4 or 6 */
	__u32 ifindex;  /* 0: of a connection that stands */
	__u8 saddr[16]; /* network byte order; IPv4 in the first 4 bytes, rest 0 */
	__u64 time_ns;  /* CLOCK_MONOTONIC, coarse (not so of the gate for older kernels) */
};

struct mxg_bucket {
	__u64 last_ns;
	__u64 credit_ns; /* one event costs 1e9 / event_rate */
};

/*
 * What is said in SMTP to who is rejected: the greeting to every one, then, to EHLO and
 * HELO, the text of the reason (its slot is the enum mxg_reason), 221 to QUIT, and to
 * anything else the reason once more, as a 503 (its slot is MXG_SAY_WRONG and the reason).
 * A line each, from its code to CR LF; the client's address may stand once in it, between
 * before and after. RFC 5321 §4.2 has the form, RFC 7372 the 5.7.25. The two lines of a
 * reason have one length: by how much of them has arrived the gate knows a talk.
 *
 * A slot that is all zero, or breaks a bound below, says nothing: without the greeting, or its
 * own line, a reason is a reset instead. Who needs a 221 or 503 that is not there, or a 503 of
 * another length, is left to the host, which has no such connection. Written whole at any
 * time; a talk that goes on meanwhile may end without its text.
 */
#define MXG_SAY_GREETING 0
#define MXG_SAY_BYE      32
#define MXG_SAY_WRONG    32 /* and the reason, which is above 0 */
#define MXG_SAY_SLOTS    64
#define MXG_SAY_PART     124 /* bytes of a part: in all, 192 with the longest address */
#define MXG_SAY_MAX      192
#define MXG_SAY_ADDR     39 /* the longest address: 2001:db8:1111:2222:3333:4444:5555:6666 */

/* All in one word, so that it is read at one moment: it says what the rest must be. */
struct mxg_say_head {
	__u8 before_len; /* 0..MXG_SAY_PART */
	__u8 after_len;  /* 0..MXG_SAY_PART */
	__u8 has_addr;   /* 0 or 1: the client's address, as RFC 5952 writes it, between them */
	__u8 zero;
	__u16 before_sum; /* RFC 1071: of the bytes, as they lie in memory, not inverted */
	__u16 after_sum;
};

struct mxg_say {
	struct mxg_say_head head;
	char before[MXG_SAY_PART]; /* the rest of each is 0 */
	char after[MXG_SAY_PART];
};

/*
 * What keys the cookies by which the gate knows the connections that it opened itself.
 * Slot (time >> MXG_SECRET_SHIFT) & 1 is the one in use, of CLOCK_MONOTONIC ns; the other
 * is that of before for one more cookie slot, and then the next one's, to be written anew.
 */
#define MXG_COOKIE_SHIFT 36 /* 69 s: a cookie is good for that and the slot after it */
#define MXG_SECRET_SHIFT 42 /* 73 min, whole cookie slots */

struct mxg_secret {
	__u64 key[2]; /* random */
};

/*
 * Counters. All but the last kind are the outcome of a packet: each packet adds one to
 * exactly one of them. The last kind counts what happened beside it. The names are those
 * of `mxgate status` and of the metrics.
 *
 * A new one goes last and moves no other, and that needs no new ABI, also for a new
 * outcome with a reason of its own: a gate from before it does not know the reason, so
 * act_on() passes such a source and counts it as known_pass, whatever the enforce mask
 * says, and leaves the new slots at 0; a daemon from before it never writes the reason,
 * removes verdicts that have it when it starts, and reads only the slots it knows. So
 * the worst that a mixture of old and new does is to pass. To change what an outcome
 * means, or to make an old gate drop, is a new ABI.
 *
 *   X(symbol, kind, "name", "help")
 */
enum mxg_counter_kind {
	MXG_KIND_UNJUDGED,   /* passed: not a SYN to a protected port, or no daemon yet */
	MXG_KIND_PASSED,     /* a SYN that was passed */
	MXG_KIND_WOULD_DROP, /* a SYN that was passed because its reason is not enforced */
	MXG_KIND_DROPPED,    /* a SYN that was dropped */
	MXG_KIND_RESET,      /* a SYN that was answered with a reset */
	MXG_KIND_HELD,       /* a SYN that was dropped, to be judged when it comes again */
	MXG_KIND_REJECTED,   /* a SYN that was answered, to be told in SMTP */
	MXG_KIND_TOLD,       /* a later packet of such a connection that was answered */
	MXG_KIND_SILENT,     /* one that needed no answer and went no further */
	MXG_KIND_BESIDE,     /* no outcome */
	MXG_KIND_MAX
};

#define MXG_COUNTERS(X)                                                                            \
	X(OFF, UNJUDGED, "off", "packets passed because no daemon has configured the gate")        \
	X(NOT_IP, UNJUDGED, "not_ip", "packets that are neither IPv4 nor IPv6")                    \
	X(MALFORMED, UNJUDGED, "malformed", "packets whose headers are cut short or impossible")   \
	X(FRAGMENT, UNJUDGED, "fragment", "fragments without a TCP header")                        \
	X(NOT_TCP, UNJUDGED, "not_tcp", "IP packets that are not TCP")                             \
	X(NOT_PORT, UNJUDGED, "not_port", "TCP packets to ports that are not protected")           \
	X(NOT_SYN, UNJUDGED, "not_syn", "packets to a protected port that are not a pure SYN")     \
	X(NO_LEASE, PASSED, "no_lease", "SYNs passed because the worker's lease has lapsed")       \
	X(UNKNOWN, PASSED, "unknown", "SYNs passed from sources without a verdict")                \
	X(EXPIRED, PASSED, "expired", "SYNs passed because the source's verdict has expired")      \
	X(KNOWN_PASS, PASSED, "known_pass", "SYNs passed by a verdict")                            \
	X(ALLOW, PASSED, "allow", "SYNs passed by an exception")                                   \
	X(WOULD_DROP_NO_PTR, WOULD_DROP, "would_drop_no_ptr",                                      \
	  "SYNs that enforcing no-ptr would refuse")                                               \
	X(WOULD_DROP_UNCONFIRMED, WOULD_DROP, "would_drop_unconfirmed",                            \
	  "SYNs that enforcing unconfirmed would refuse")                                          \
	X(WOULD_DROP_DENY, WOULD_DROP, "would_drop_deny",                                          \
	  "SYNs that enforcing deny exceptions would drop")                                        \
	X(DROP_NO_PTR, DROPPED, "drop_no_ptr", "SYNs dropped: no PTR (iprev permerror)")           \
	X(DROP_UNCONFIRMED, DROPPED, "drop_unconfirmed",                                           \
	  "SYNs dropped: PTR not confirmed (iprev fail)")                                          \
	X(DROP_DENY, DROPPED, "drop_deny", "SYNs dropped by a deny exception")                     \
	X(EVENT_UNKNOWN, BESIDE, "event_unknown", "events sent for unknown sources")               \
	X(EVENT_REFRESH, BESIDE, "event_refresh",                                                  \
	  "events sent for verdicts that near their expiry")                                       \
	X(EVENT_ASKED, BESIDE, "event_asked",                                                      \
	  "events held back: the source was asked about lately")                                   \
	X(EVENT_LIMITED, BESIDE, "event_limited", "events held back by the token bucket")          \
	X(EVENT_LOST, BESIDE, "event_lost", "events lost because the ring buffer was full")        \
	X(WOULD_DROP_GENERIC, WOULD_DROP, "would_drop_generic",                                    \
	  "SYNs that enforcing generic would refuse")                                              \
	X(DROP_GENERIC, DROPPED, "drop_generic",                                                   \
	  "SYNs dropped: PTR confirmed, but the name looks generic")                               \
	X(NOT_DESTINATION, UNJUDGED, "not_destination",                                            \
	  "SYNs to a protected port of an address that is not protected")                          \
	X(RESET_NO_PTR, RESET, "reset_no_ptr", "SYNs reset: no PTR (iprev permerror)")             \
	X(RESET_UNCONFIRMED, RESET, "reset_unconfirmed",                                           \
	  "SYNs reset: PTR not confirmed (iprev fail)")                                            \
	X(RESET_GENERIC, RESET, "reset_generic",                                                   \
	  "SYNs reset: PTR confirmed, but the name looks generic")                                 \
	X(RESET_DENY, RESET, "reset_deny", "SYNs reset by a deny exception")                       \
	X(WOULD_HOLD_ROLLUP, WOULD_DROP, "would_hold_rollup",                                      \
	  "first SYNs of strangers in a network that is rolled up, which enforcing would hold")    \
	X(HELD_ROLLUP, HELD, "held_rollup",                                                        \
	  "first SYNs of strangers in a network that is rolled up, dropped once")                  \
	X(HELD, HELD, "held", "first SYNs of unknown sources, dropped once while they are judged") \
	X(NOT_HELD, BESIDE, "not_held",                                                            \
	  "SYNs of unknown sources passed although hold is on: nothing could be promised")         \
	X(REJECT_NO_PTR, REJECTED, "reject_no_ptr",                                                \
	  "SYNs answered, to be told in SMTP: no PTR (iprev permerror)")                           \
	X(REJECT_UNCONFIRMED, REJECTED, "reject_unconfirmed",                                      \
	  "SYNs answered, to be told in SMTP: PTR not confirmed (iprev fail)")                     \
	X(REJECT_GENERIC, REJECTED, "reject_generic",                                              \
	  "SYNs answered, to be told in SMTP: PTR confirmed, but the name looks generic")          \
	X(REJECT_DENY, REJECTED, "reject_deny",                                                    \
	  "SYNs answered, to be told in SMTP: a deny exception")                                   \
	X(REJECT_GREETED, TOLD, "reject_greeted", "refused clients greeted with 220")              \
	X(REJECT_TOLD, TOLD, "reject_told", "EHLOs and HELOs answered with 554 and the reason")    \
	X(REJECT_QUIT, TOLD, "reject_quit", "QUITs answered with 221")                             \
	X(REJECT_WRONG, TOLD, "reject_wrong", "other lines answered with 503 and the reason")      \
	X(REJECT_ACKED, TOLD, "reject_acked",                                                      \
	  "halves of lines and closes acknowledged, of refused clients")                           \
	X(REJECT_BROKEN, TOLD, "reject_broken",                                                    \
	  "refused connections reset, since a text found no room in the frame")                    \
	X(REJECT_SILENT, SILENT, "reject_silent",                                                  \
	  "packets of refused clients that wanted no answer")                                      \
	X(REJECT_LEFT, BESIDE, "reject_left",                                                      \
	  "packets passed to the host, of connections opened to be refused that are not any more") \
	X(REJECT_UNABLE, BESIDE, "reject_unable",                                                  \
	  "SYNs reset or dropped that could not be told in SMTP")                                  \
	X(REJECT_HARDENED, BESIDE, "reject_hardened",                                              \
	  "SYNs dropped because their source had been told often enough")

enum mxg_counter {
#define X(sym, kind, name, help) MXG_CTR_##sym,
	MXG_COUNTERS(X)
#undef X
	MXG_CTR_MAX
};

#define MXG_CTR_ROOM 125 /* slots in the pinned map: room to add without a new ABI */

struct mxg_counters {
	__u64 count[MXG_CTR_ROOM];
	/* These count nothing: each CPU keeps them for itself. */
	__u64 draw; /* where its row of random numbers is */
	__u64 tick; /* of the kernel, and the time when it began */
	__u64 now_ns;
};

_Static_assert(sizeof(struct mxg_dest) == 40, "mxg_dest layout");
_Static_assert(sizeof(struct mxg_config) == 64 + 40 * MXG_DESTS_MAX + 16, "mxg_config layout");
_Static_assert(sizeof(struct mxg_verdict) == 24, "mxg_verdict layout");
_Static_assert(sizeof(struct mxg_key6) == 16, "mxg_key6 layout");
_Static_assert(sizeof(struct mxg_prefix4_key) == 8, "mxg_prefix4_key layout");
_Static_assert(sizeof(struct mxg_prefix6_key) == 20, "mxg_prefix6_key layout");
_Static_assert(sizeof(struct mxg_prefix) == 24, "mxg_prefix layout");
_Static_assert(sizeof(struct mxg_rollup) == 16, "mxg_rollup layout");
_Static_assert(sizeof(struct mxg_event) == 32, "mxg_event layout");
_Static_assert(sizeof(struct mxg_bucket) == 16, "mxg_bucket layout");
_Static_assert(sizeof(struct mxg_say_head) == 8, "mxg_say_head layout");
_Static_assert(sizeof(struct mxg_say) == 256, "mxg_say layout");
_Static_assert(sizeof(struct mxg_secret) == 16, "mxg_secret layout");
_Static_assert(MXG_REASON_MAX <= MXG_SAY_BYE, "a reason has a text");
_Static_assert(sizeof(struct mxg_counters) == 1024, "mxg_counters layout");
_Static_assert(MXG_CTR_MAX <= MXG_CTR_ROOM, "counters outgrew the pinned map");
_Static_assert(MXG_REASON_MAX <= 32, "enforce_mask has a bit per reason");

#endif
