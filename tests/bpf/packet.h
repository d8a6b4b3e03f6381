/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Frames for the gate's tests. A packet_spec says what is special about a
 * frame, all else being an ordinary one from a named host to the MX. Checksums
 * are 0: the gate does not look at them.
 *
 * Hosts are named for what the gate knows of them (gate_fill_hosts()); the name
 * is the last byte of an address in 192.0.2.0/24 and 2001:db8::/32, or of the
 * denied networks 198.51.100.0/24 and 2001:db8:bad::/48.
 */
#ifndef MXGATE_TESTS_PACKET_H
#define MXGATE_TESTS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_host {
	HOST_GOOD = 1,    /* verdict: pass */
	HOST_NO_PTR,      /* verdict: drop, no-ptr */
	HOST_UNCONFIRMED, /* verdict: drop, unconfirmed */
	HOST_TEMPERROR,   /* verdict: drop, temperror: never acted on */
	HOST_EXPIRED,     /* verdict: drop, no-ptr, past its expiry */
	HOST_UNKNOWN,     /* nothing */
	HOST_GENERIC,     /* verdict: drop, generic */
	HOST_BOTH,        /* verdict: pass; and an exception that denies it */
	HOST_RESET,       /* verdict: reset, no-ptr */
	HOST_RESET_UNCONFIRMED,
	HOST_RESET_GENERIC,
	HOST_DENIED = 100, /* covered by the deny prefix */
	HOST_ALLOWED,      /* an allow exception inside the deny prefix */
	HOST_LAPSED,       /* an expired deny of its own inside the deny prefix */
	HOST_RESET_DENY,   /* a deny of its own that resets, inside the deny prefix */
};

enum packet_flag {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
};

enum packet_port {
	PORT_SMTP = 25,
	PORT_SUBMISSION = 587,
	PORT_HTTPS = 443,
};

/* Where the packet goes. Both families end the address so. */
enum packet_dest {
	DEST_MX = 25, /* 203.0.113.25, 2001:db8::19 */
	DEST_OTHER = 26,
	DEST_NET = 200, /* the other half of the /24 and the /120 */
};

/* IPv6 extension headers; 0 ends the list. */
enum packet_ext {
	EXT_HOP = 1,
	EXT_ROUTE,
	EXT_DST,
	EXT_DST_LONG,      /* 264 bytes */
	EXT_FRAG_FIRST,    /* offset 0, more fragments */
	EXT_FRAG_ATOMIC,   /* offset 0, no more: RFC 6946 */
	EXT_FRAG_LATER,    /* offset 1480 */
	EXT_FRAG_NEXT,     /* offset 8, the least there is */
	EXT_FRAG_RESERVED, /* offset 0, no more, both reserved bits set */
	EXT_SEGMENTS,      /* RFC 8754, one segment */
	EXT_DST_2048,      /* the largest there is */
	EXT_AUTH,
	EXT_ESP,
	EXT_NONE, /* no next header, RFC 8200 §4.7 */
	EXT_MOBILITY,
	EXT_HIP,
	EXT_SHIM6,
	EXT_TEST, /* RFC 4727 */
	EXT_COUNT
};

/* What the TCP options are; they fill tcp_options, and no-operation the rest. */
enum packet_tcp_kind {
	TCP_NOPS,
	TCP_USUAL,     /* as Linux sends them, 20 bytes */
	TCP_FAST_ASK,  /* RFC 7413: the client asks for a cookie */
	TCP_FAST_OPEN, /* the client has one, of 8 bytes */
	TCP_FAST_LONG, /* of 16 bytes */
	TCP_FAST_OLD,  /* the experimental option of RFC 6994 */
	TCP_MD5,
	TCP_AUTH,  /* RFC 5925 */
	TCP_MPTCP, /* RFC 8684, MP_CAPABLE */
	TCP_ZEROS, /* end of options at once */
	TCP_WRONG, /* a length of 0 */
	TCP_LONG,  /* a length beyond the header */
	TCP_KINDS
};

#define PACKET_VLANS  4
#define PACKET_EXTS   10
#define PACKET_OUTERS 2
#define PACKET_ROOM   16384

/* An IP header around the packet. */
struct packet_outer {
	uint8_t family;     /* 0: there is none */
	uint8_t host;       /* default HOST_UNKNOWN */
	uint8_t proto;      /* default: what is inside */
	uint8_t version;    /* default: the family's */
	uint8_t ihl;        /* in words; default: what fits ip_options */
	uint8_t ip_options; /* bytes */
	uint16_t frag_off;  /* IPv4, host order */
	uint8_t ext[8];
};

struct packet_spec {
	uint8_t family; /* 4 or 6 */
	uint8_t host;
	uint8_t dest; /* enum packet_dest, default DEST_MX */
	uint8_t flags;
	uint16_t port;                            /* default PORT_SMTP */
	uint16_t source_port;                     /* default 49153 */
	uint16_t vlan[PACKET_VLANS];              /* ethertypes of tags, outermost first */
	uint16_t tci;                             /* of the tags, default VLAN 42 and priority 1 */
	uint16_t ethertype;                       /* default: the family's */
	struct packet_outer outer[PACKET_OUTERS]; /* outermost first */
	uint8_t version;                          /* default: the family's */
	uint8_t ihl;                              /* in words; default: what fits ip_options */
	uint8_t ip_options;                       /* bytes */
	uint8_t ip_kind;                          /* the first of them, default no-operation */
	uint16_t ip_len;   /* what the length field says; default: the truth */
	uint16_t frag_off; /* IPv4, host order */
	uint8_t ext[PACKET_EXTS];
	uint8_t proto;       /* default TCP */
	uint8_t doff;        /* in words; default: what fits tcp_options */
	uint8_t reserved;    /* the 4 bits beside it; the lowest is AE of RFC 9768 */
	uint8_t tcp_options; /* bytes */
	uint8_t tcp_kind;    /* enum packet_tcp_kind */
	uint16_t payload;    /* bytes */
	uint16_t trailer;    /* bytes behind the IP packet, which are not part of it */
	uint16_t cut;        /* the frame ends after so many bytes; 0: nothing is cut */
};

struct packet {
	uint8_t data[PACKET_ROOM];
	size_t len;
};

void packet_addr4(unsigned int host, uint8_t ret[static 4]);
void packet_addr6(unsigned int host, uint8_t ret[static 16]);

void packet_build(struct packet *pkt, const struct packet_spec *spec);

#endif
