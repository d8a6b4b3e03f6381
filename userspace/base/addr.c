/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

unsigned int addr_bits(const struct addr *addr)
{
	return addr->family == 4 ? 32 : 128;
}

void addr_from_bytes(unsigned int family, const uint8_t *bytes, struct addr *ret)
{
	struct addr addr = {0};

	if (family == 6 && memcmp(bytes, V4_MAPPED, sizeof(V4_MAPPED)) == 0) {
		bytes += sizeof(V4_MAPPED);
		family = 4;
	}
	addr.family = family == 4 ? 4 : 6;
	memcpy(addr.bytes, bytes, family == 4 ? 4 : 16);
	*ret = addr;
}

int addr_parse(const char *text, struct addr *ret)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		addr_from_bytes(4, bytes, ret);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		addr_from_bytes(6, bytes, ret);
	else
		return -EINVAL;
	return 0;
}

const char *addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX])
{
	if (!addr->family)
		snprintf(buf, ADDR_TEXT_MAX, "none");
	else if (!inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->bytes, buf,
			    ADDR_TEXT_MAX))
		snprintf(buf, ADDR_TEXT_MAX, "invalid");
	return buf;
}

static char *put_octet(uint8_t octet, char *at)
{
	if (octet >= 100)
		*at++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*at++ = (char)('0' + octet / 10 % 10);
	*at++ = (char)('0' + octet % 10);
	*at++ = '.';
	return at;
}

const char *addr_reverse_name(const struct addr *addr, char buf[static ADDR_REVERSE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = addr->bytes;
	char *p = buf;
	int i;

	if (addr->family == 4) {
		for (i = 3; i >= 0; i--)
			p = put_octet(b[i], p);
		memcpy(p, "in-addr.arpa.", sizeof("in-addr.arpa."));
		return buf;
	}
	for (i = 15; i >= 0; i--) {
		*p++ = hex[b[i] & 15];
		*p++ = '.';
		*p++ = hex[b[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa.", sizeof("ip6.arpa."));
	return buf;
}

/*
 * RFC 6890 §2.2 with the later entries of the IANA registries. The documentation
 * blocks (RFC 5737, RFC 3849, RFC 9637) and the benchmarking ones (RFC 2544,
 * RFC 5180) are left out on purpose: they behave like any network, and tests
 * live in them. 6to4 and Teredo are reachable addresses and so are ordinary.
 * Within a family the first match counts.
 */
static const struct special_block {
	uint8_t family;
	uint8_t bits;
	uint8_t bytes[16];
	const char *name;
} SPECIAL[] = {
	{4, 8, {0}, "this-network"},
	{4, 8, {10}, "private"},
	{4, 10, {100, 64}, "shared"},
	{4, 8, {127}, "loopback"},
	{4, 16, {169, 254}, "link-local"},
	{4, 12, {172, 16}, "private"},
	{4, 24, {192, 0, 0}, "ietf-protocol"},
	{4, 16, {192, 168}, "private"},
	{4, 4, {224}, "multicast"},
	{4, 4, {240}, "reserved"},
	{6, 128, {0}, "unspecified"},
	{6, 128, {[15] = 1}, "loopback"},
	{6, 96, {[10] = 0xff, [11] = 0xff}, "v4-mapped"},
	{6, 96, {0x00, 0x64, 0xff, 0x9b}, "nat64"},
	{6, 48, {0x00, 0x64, 0xff, 0x9b, 0, 1}, "nat64"},
	{6, 64, {0x01}, "discard"},
	{6, 7, {0xfc}, "unique-local"},
	{6, 10, {0xfe, 0x80}, "link-local"},
	{6, 8, {0xff}, "multicast"},
	{6, 8, {0}, "reserved"},
};

static bool bits_match(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (whole > 0 && (a[0] != b[0] || memcmp(a, b, whole) != 0))
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

const char *addr_special(const struct addr *addr)
{
	size_t i;

	for (i = 0; i < sizeof(SPECIAL) / sizeof(SPECIAL[0]); i++)
		if (SPECIAL[i].family == addr->family &&
		    bits_match(addr->bytes, SPECIAL[i].bytes, SPECIAL[i].bits))
			return SPECIAL[i].name;
	return NULL;
}

static bool has_host_bits(const struct addr *addr, unsigned int bits)
{
	unsigned int i;

	for (i = bits; i < addr_bits(addr); i++)
		if (addr->bytes[i / 8] & (0x80 >> (i % 8)))
			return true;
	return false;
}

int prefix_parse(const char *text, struct prefix *ret, const char **ret_why)
{
	char copy[PREFIX_TEXT_MAX];
	struct prefix prefix = {0};
	uint64_t bits;
	char *slash;

	*ret_why = "not an IPv4 or IPv6 address or prefix, such as 192.0.2.1 or 2001:db8::/32";
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (addr_parse(copy, &prefix.addr) < 0)
		return -EINVAL;
	bits = addr_bits(&prefix.addr);
	/* "::ffff:192.0.2.0/120" would need its length moved too: say no, not guess. */
	if (slash && prefix.addr.family == 4 && strchr(copy, ':'))
		return -EINVAL;
	/* As in the address, where it could be octal. */
	if (slash && slash[0] == '0' && slash[1]) {
		*ret_why = "the prefix length begins with a zero";
		return -EINVAL;
	}
	if (slash && text_to_u64(slash, 0, bits, &bits) < 0) {
		*ret_why = "prefix length out of range (1 to 32 for IPv4, 1 to 128 for IPv6)";
		return -EINVAL;
	}
	if (bits == 0) {
		*ret_why = "a /0 would cover every address; switch to monitor mode instead";
		return -EINVAL;
	}
	if (has_host_bits(&prefix.addr, (unsigned int)bits)) {
		*ret_why = "host bits are set: the address does not begin the prefix";
		return -EINVAL;
	}
	prefix.bits = (uint8_t)bits;
	*ret = prefix;
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char buf[static PREFIX_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	addr_format(&prefix->addr, addr);
	if (prefix->bits == addr_bits(&prefix->addr))
		snprintf(buf, PREFIX_TEXT_MAX, "%s", addr);
	else
		snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", addr, prefix->bits);
	return buf;
}

void prefix_mask(const struct prefix *prefix, uint8_t ret[static 16])
{
	memset(ret, 0, 16);
	memset(ret, 0xff, prefix->bits / 8);
	if (prefix->bits % 8)
		ret[prefix->bits / 8] = (uint8_t)(0xff00U >> prefix->bits % 8);
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	return prefix->addr.family == addr->family &&
	       bits_match(prefix->addr.bytes, addr->bytes, prefix->bits);
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret)
{
	char copy[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint = {.port = default_port};
	char *host = copy, *port = NULL;
	uint64_t number;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (*copy == '[') {
		host = copy + 1;
		port = strchr(host, ']');
		if (!port)
			return -EINVAL;
		*port++ = '\0';
		if (*port && *port != ':')
			return -EINVAL;
		port = *port ? port + 1 : NULL;
	} else if (strchr(copy, ':') == strrchr(copy, ':') && strchr(copy, ':')) {
		port = strchr(copy, ':');
		*port++ = '\0';
	}
	if (addr_parse(host, &endpoint.addr) < 0)
		return -EINVAL;
	if (port) {
		if (text_to_u64(port, 1, UINT16_MAX, &number) < 0)
			return -EINVAL;
		endpoint.port = (uint16_t)number;
	}
	*ret = endpoint;
	return 0;
}

const char *endpoint_format(const struct endpoint *endpoint, char buf[static ENDPOINT_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	addr_format(&endpoint->addr, addr);
	snprintf(buf, ENDPOINT_TEXT_MAX, endpoint->addr.family == 6 ? "[%s]:%u" : "%s:%u", addr,
		 (unsigned int)endpoint->port);
	return buf;
}
