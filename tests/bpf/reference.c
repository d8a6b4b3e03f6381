// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "reference.h"

#include <string.h>

/* The rest of a frame. Nothing is read from it but by these three. */
struct rest {
	const uint8_t *bytes;
	size_t len;
};

static unsigned int octet(struct rest rest, size_t at)
{
	return at < rest.len ? rest.bytes[at] : 0;
}

static unsigned int pair(struct rest rest, size_t at)
{
	return octet(rest, at) * 256 + octet(rest, at + 1);
}

/* What comes after so many octets; nothing if there are not so many. */
static struct rest after(struct rest rest, size_t octets)
{
	if (octets >= rest.len)
		return (struct rest){NULL, 0};
	return (struct rest){rest.bytes + octets, rest.len - octets};
}

/* What is known of the packet so far. */
struct reading {
	const struct named_shape *shape;
	unsigned int packets;  /* IP headers, one in another */
	unsigned int chain;    /* extension headers of the last */
	bool is_first_of_some; /* a first fragment: that it ends early is no wonder */
	unsigned int family;
	const uint8_t *source, *destination;
	bool is_answerable; /* as far as it is read */
	size_t said, there; /* octets after the last IP header: as it says, and in the frame */
};

static enum mxg_counter ends_early(const struct reading *reading)
{
	return reading->is_first_of_some ? MXG_CTR_FRAGMENT : MXG_CTR_MALFORMED;
}

/* --- who ------------------------------------------------------------------------------- */

static bool is_host(const struct reading *reading, enum packet_host host, size_t octets)
{
	uint8_t addr[16];

	if (reading->family == 4)
		packet_addr4(host, addr);
	else
		packet_addr6(host, addr);
	return memcmp(reading->source, addr, octets) == 0;
}

/* What gate_fill_hosts() has told the gate of the source. */
static enum mxg_counter by_source(const struct reading *reading)
{
	static const struct {
		enum packet_host host;
		enum mxg_counter outcome;
	} hosts[] = {
		{HOST_GOOD, MXG_CTR_KNOWN_PASS},
		{HOST_BOTH, MXG_CTR_KNOWN_PASS},
		{HOST_NO_PTR, MXG_CTR_DROP_NO_PTR},
		{HOST_UNCONFIRMED, MXG_CTR_DROP_UNCONFIRMED},
		{HOST_GENERIC, MXG_CTR_DROP_GENERIC},
		{HOST_TEMPERROR, MXG_CTR_KNOWN_PASS},
		{HOST_EXPIRED, MXG_CTR_EXPIRED},
		{HOST_ALLOWED, MXG_CTR_ALLOW},
		{HOST_LAPSED, MXG_CTR_UNKNOWN},
		{HOST_RESET, MXG_CTR_RESET_NO_PTR},
		{HOST_RESET_UNCONFIRMED, MXG_CTR_RESET_UNCONFIRMED},
		{HOST_RESET_GENERIC, MXG_CTR_RESET_GENERIC},
		{HOST_RESET_DENY, MXG_CTR_RESET_DENY},
	};
	const bool is_v4 = reading->family == 4;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (is_host(reading, hosts[i].host, is_v4 ? 4 : 16))
			return hosts[i].outcome;
	/* The denied networks are a /24 and a /48. */
	return is_host(reading, HOST_DENIED, is_v4 ? 3 : 6) ? MXG_CTR_DROP_DENY : MXG_CTR_UNKNOWN;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++)
		if ((a[i / 8] >> (7 - i % 8) & 1) != (b[i / 8] >> (7 - i % 8) & 1))
			return false;
	return true;
}

static bool is_protected(const struct reading *reading)
{
	const struct named_shape *shape = reading->shape;

	for (unsigned int i = 0; i < shape->dest_count; i++)
		if (shape->dests[i].family == reading->family &&
		    bits_equal(shape->dests[i].addr, reading->destination, shape->dests[i].bits))
			return true;
	return shape->dest_count == 0;
}

static bool is_port(const struct named_shape *shape, unsigned int port)
{
	for (unsigned int i = 0; i < shape->port_count; i++)
		if (shape->ports[i] == port)
			return true;
	return false;
}

/* What is to be reset but cannot be answered is dropped. */
static enum mxg_counter unanswered(enum mxg_counter outcome)
{
	switch (outcome) {
	case MXG_CTR_RESET_NO_PTR:
		return MXG_CTR_DROP_NO_PTR;
	case MXG_CTR_RESET_UNCONFIRMED:
		return MXG_CTR_DROP_UNCONFIRMED;
	case MXG_CTR_RESET_GENERIC:
		return MXG_CTR_DROP_GENERIC;
	case MXG_CTR_RESET_DENY:
		return MXG_CTR_DROP_DENY;
	default:
		return outcome;
	}
}

/* Bare headers, lengths that are true, and no group (224.0.0.0/3 and above, ff00::/8). */
static bool is_answerable(const struct reading *reading, size_t tcp_header)
{
	const uint8_t group = reading->family == 4 ? 224 : 255;

	return reading->is_answerable && reading->packets == 1 && reading->chain == 0 &&
	       !reading->is_first_of_some && reading->destination[0] < group &&
	       reading->said <= reading->there && reading->said >= tcp_header;
}

/* --- layer by layer -------------------------------------------------------------------- */

/* RFC 9293 §3.1: the data offset counts words of 32 bits; the flags are octet 13. */
static enum mxg_counter read_tcp(const struct reading *reading, struct rest tcp)
{
	unsigned int words = octet(tcp, 12) / 16, flags = octet(tcp, 13);

	if (tcp.len < 20 || words < 5 || tcp.len < words * 4)
		return ends_early(reading);
	if (!is_port(reading->shape, pair(tcp, 2)))
		return MXG_CTR_NOT_PORT;
	/* From the lowest: FIN SYN RST PSH ACK URG ECE CWR. */
	if (flags % 2 || !(flags / 2 % 2) || flags / 4 % 2 || flags / 16 % 2)
		return MXG_CTR_NOT_SYN;
	if (!is_protected(reading))
		return MXG_CTR_NOT_DESTINATION;
	if (!is_answerable(reading, (size_t)words * 4))
		return unanswered(by_source(reading));
	return by_source(reading);
}

static enum mxg_counter read_ip(struct reading *reading, unsigned int version, struct rest ip);

static bool is_tunnel(const struct reading *reading, unsigned int protocol)
{
	return reading->shape->decap && reading->packets == 1 && (protocol == 4 || protocol == 41);
}

/* The numbers are IANA's: 4 is IPv4, 6 TCP, 41 IPv6. */
static enum mxg_counter read_payload(struct reading *reading, unsigned int protocol,
				     struct rest payload)
{
	if (protocol == 6)
		return read_tcp(reading, payload);
	if (is_tunnel(reading, protocol))
		return read_ip(reading, protocol == 4 ? 4 : 6, payload);
	return MXG_CTR_NOT_TCP;
}

/* RFC 791 §3.1: IHL in words; 3 bits of flags, the last "more", and 13 of offset. */
static enum mxg_counter read_ipv4(struct reading *reading, struct rest ip)
{
	unsigned int header = octet(ip, 0) % 16 * 4, protocol = octet(ip, 9);

	if (header < 20)
		return ends_early(reading);
	reading->source = ip.bytes + 12;
	reading->destination = ip.bytes + 16;
	reading->is_answerable = reading->is_answerable && header == 20;
	/* Too little is no length at all. */
	reading->said = pair(ip, 2) < header ? 0 : pair(ip, 2) - header;
	reading->there = ip.len - 20;
	if (pair(ip, 6) % 8192 > 0)
		return MXG_CTR_FRAGMENT;
	if (pair(ip, 6) / 8192 % 2)
		reading->is_first_of_some = true;
	/* Of what is not looked into, options that are cut short do not matter. */
	if (ip.len < header && (protocol == 6 || is_tunnel(reading, protocol)))
		return ends_early(reading);
	return read_payload(reading, protocol, after(ip, header));
}

/* RFC 8200 §4: 0 hop-by-hop, 43 routing, 44 fragment, 60 destination; six are read. */
static enum mxg_counter read_chain(struct reading *reading, unsigned int type, struct rest header)
{
	size_t octets = 8;

	if (type != 0 && type != 43 && type != 44 && type != 60)
		return read_payload(reading, type, header);
	if (reading->chain++ == 6 || header.len < 8)
		return ends_early(reading);
	if (type == 44) {
		reading->is_first_of_some = true;
		if (pair(header, 2) / 8 > 0)
			return MXG_CTR_FRAGMENT;
	} else {
		octets += (size_t)octet(header, 1) * 8;
	}
	if (header.len < octets)
		return ends_early(reading);
	return read_chain(reading, octet(header, 0), after(header, octets));
}

static enum mxg_counter read_ip(struct reading *reading, unsigned int version, struct rest ip)
{
	if (ip.len < (version == 4 ? 20U : 40U) || octet(ip, 0) / 16 != version)
		return ends_early(reading);
	reading->packets++;
	reading->family = version;
	reading->chain = 0;
	if (version == 4)
		return read_ipv4(reading, ip);
	reading->source = ip.bytes + 8;
	reading->destination = ip.bytes + 24;
	reading->said = pair(ip, 4);
	reading->there = ip.len - 40;
	return read_chain(reading, octet(ip, 6), after(ip, 40));
}

/* IEEE 802.1Q: a tag is two octets and the type of what follows. */
static enum mxg_counter read_typed(struct reading *reading, unsigned int type, struct rest rest,
				   unsigned int tags)
{
	if (tags && (type == 0x8100 || type == 0x88a8)) {
		if (rest.len < 4)
			return MXG_CTR_MALFORMED;
		return read_typed(reading, pair(rest, 2), after(rest, 4), tags - 1);
	}
	if (type == 0x0800)
		return read_ip(reading, 4, rest);
	if (type == 0x86dd)
		return read_ip(reading, 6, rest);
	return MXG_CTR_NOT_IP;
}

enum mxg_counter reference_judge(const struct named_shape *shape, const uint8_t *frame, size_t len)
{
	struct rest all = {frame, len < REFERENCE_BUFFER ? len : REFERENCE_BUFFER};
	struct reading reading = {.shape = shape};

	if (all.len < 14)
		return MXG_CTR_MALFORMED;
	/* In one buffer, and for one station: the first bit on the wire is the group's. */
	reading.is_answerable = len <= REFERENCE_BUFFER && frame[0] % 2 == 0;
	return read_typed(&reading, pair(all, 12), after(all, 14), 2);
}

/* --- the answer ------------------------------------------------------------------------ */

/* RFC 1071, octet by octet. */
static unsigned long add_up(unsigned long sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256UL;
	return sum;
}

static void put_checksum(uint8_t *at, unsigned long sum)
{
	while (sum > 65535)
		sum = sum % 65536 + sum / 65536;
	at[0] = (uint8_t)((65535 - sum) / 256);
	at[1] = (uint8_t)((65535 - sum) % 256);
}

/* RFC 9293 §3.1: both addresses, the protocol, and the length are part of the sum. */
static void put_tcp_checksum(uint8_t *tcp, const uint8_t *addresses, size_t octets)
{
	put_checksum(tcp + 16, add_up(add_up(6 + 20, addresses, octets), tcp, 20));
}

/* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where a SYN counts one. */
static void answer_tcp(struct rest tcp, size_t len, uint8_t *ret)
{
	unsigned long seq = pair(tcp, 4) * 65536UL + pair(tcp, 6);
	unsigned long ack = seq + 1 + (len - octet(tcp, 12) / 16 * 4);

	memset(ret, 0, 20);
	memcpy(ret, tcp.bytes + 2, 2);
	memcpy(ret + 2, tcp.bytes, 2);
	for (unsigned int i = 0; i < 4; i++)
		ret[8 + i] = (uint8_t)(ack >> (24 - 8 * i));
	ret[12] = 0x50;
	ret[13] = 0x14;
}

static void answer_ipv4(struct rest ip, uint8_t *ret)
{
	static const uint8_t start[12] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6};

	memcpy(ret, start, sizeof(start));
	memcpy(ret + 12, ip.bytes + 16, 4);
	memcpy(ret + 16, ip.bytes + 12, 4);
	put_checksum(ret + 10, add_up(0, ret, 20));
	answer_tcp(after(ip, 20), pair(ip, 2) - 20, ret + 20);
	put_tcp_checksum(ret + 20, ret + 12, 8);
}

static void answer_ipv6(struct rest ip, uint8_t *ret)
{
	static const uint8_t start[8] = {0x60, 0, 0, 0, 0, 20, 6, 64};

	memcpy(ret, start, sizeof(start));
	memcpy(ret + 8, ip.bytes + 24, 16);
	memcpy(ret + 24, ip.bytes + 8, 16);
	answer_tcp(after(ip, 40), pair(ip, 4), ret + 40);
	put_tcp_checksum(ret + 40, ret + 8, 32);
}

void reference_answer(const uint8_t *frame, size_t len, uint8_t *ret)
{
	struct rest all = {frame, len};
	size_t at = 14;

	memcpy(ret, frame, len);
	memcpy(ret, frame + 6, 6);
	memcpy(ret + 6, frame, 6);
	while (pair(all, at - 2) == 0x8100 || pair(all, at - 2) == 0x88a8)
		at += 4;
	if (pair(all, at - 2) == 0x0800)
		answer_ipv4(after(all, at), ret + at);
	else
		answer_ipv6(after(all, at), ret + at);
}

bool reference_has_syn(const struct named_shape *shape, const uint8_t *frame, size_t len)
{
	for (size_t at = 14; at + 20 <= len; at++)
		if ((frame[at + 13] & 0x17) == 0x02 &&
		    is_port(shape, frame[at + 2] * 256U + frame[at + 3]))
			return true;
	return false;
}
