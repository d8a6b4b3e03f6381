/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * IP addresses and prefixes: parse, print, compare, the reverse-zone name, and
 * the special-purpose registries (RFC 6890, RFC 8190).
 *
 * A v4-mapped IPv6 address (::ffff:192.0.2.1) is read as the IPv4 address, so
 * that one host has one spelling. Pure: no I/O, no allocation.
 */
#ifndef MXGATE_BASE_ADDR_H
#define MXGATE_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADDR_TEXT_MAX     46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_MAX   50
#define ADDR_REVERSE_MAX  74 /* 32 nibbles, "ip6.arpa.", NUL */
#define ENDPOINT_TEXT_MAX (ADDR_TEXT_MAX + 8)

struct addr {
	uint8_t family;    /* 4 or 6; 0 is "no address" */
	uint8_t bytes[16]; /* network byte order; IPv4 in the first 4, rest 0 */
};

struct prefix {
	struct addr addr;
	uint8_t bits; /* 0..32 or 0..128 */
};

/* A UDP or TCP port of an address, as a resolver has. */
struct endpoint {
	struct addr addr;
	uint16_t port; /* host byte order */
};

/* Bits of the address: 32 or 128. */
unsigned int addr_bits(const struct addr *addr);

/*
 * Reads a textual address (RFC 4291 or dotted quad; no zone id, no port).
 * 0, or -EINVAL and *ret untouched.
 */
int addr_parse(const char *text, struct addr *ret);

/* From the 4 or 16 bytes of a packet or an event; v4-mapped becomes IPv4. */
void addr_from_bytes(unsigned int family, const uint8_t *bytes, struct addr *ret);

/* Writes the canonical text (RFC 5952) and returns buf. */
const char *addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX]);

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->bytes, sizeof(x));
	memcpy(y, b->bytes, sizeof(y));
	return a->family == b->family && x[0] == y[0] && x[1] == y[1];
}

/*
 * The name to ask for PTR, absolute with its final dot: "1.2.0.192.in-addr.arpa."
 * (RFC 1035 §3.5) or nibbles below ip6.arpa (RFC 3596 §2.5). Returns buf.
 */
const char *addr_reverse_name(const struct addr *addr, char buf[static ADDR_REVERSE_MAX]);

/*
 * The registry's name for the block if the address is special-purpose and so
 * can be no mail host on the Internet ("private", "loopback", ...), else NULL.
 * Documentation and benchmarking blocks count as ordinary. Static string.
 */
const char *addr_special(const struct addr *addr);

/*
 * Reads "ADDR" (a host prefix) or "ADDR/BITS". 0, or -EINVAL with *ret_why set
 * to a static sentence a person can act on: not an address, bits out of range,
 * host bits set, or /0. *ret is untouched on failure.
 */
int prefix_parse(const char *text, struct prefix *ret, const char **ret_why);

/* Writes "ADDR/BITS", or "ADDR" alone for a host prefix, and returns buf. */
const char *prefix_format(const struct prefix *prefix, char buf[static PREFIX_TEXT_MAX]);

/* The bits of the prefix set, in the order of its address's bytes; beyond them 0. */
void prefix_mask(const struct prefix *prefix, uint8_t ret[static 16]);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);

/* Same family, same bits, same address. */
static inline bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && addr_equal(&a->addr, &b->addr);
}

/*
 * Reads "ADDR", "ADDR:PORT" or "[ADDR]:PORT"; a bare IPv6 address has no port.
 * 0 or -EINVAL.
 */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret);

/* "192.0.2.53:53", "[2001:db8::53]:53". Returns buf. */
const char *endpoint_format(const struct endpoint *endpoint, char buf[static ENDPOINT_TEXT_MAX]);

#endif
