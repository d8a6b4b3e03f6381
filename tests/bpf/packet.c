// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void packet_addr4(unsigned int host, uint8_t ret[static 4])
{
	const uint8_t net[2][4] = {{192, 0, 2}, {198, 51, 100}};

	memcpy(ret, net[host >= HOST_DENIED], 4);
	ret[3] = (uint8_t)host;
}

void packet_addr6(unsigned int host, uint8_t ret[static 16])
{
	memset(ret, 0, 16);
	memcpy(ret, (const uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	if (host >= HOST_DENIED)
		put16(ret + 4, 0x0bad);
	ret[15] = (uint8_t)host;
}

static void push(struct packet *pkt, const void *bytes, size_t len)
{
	cr_assert(pkt->len + len <= sizeof(pkt->data));
	memcpy(pkt->data + pkt->len, bytes, len);
	pkt->len += len;
}

static void push_fill(struct packet *pkt, uint8_t byte, size_t len)
{
	cr_assert(pkt->len + len <= sizeof(pkt->data));
	memset(pkt->data + pkt->len, byte, len);
	pkt->len += len;
}

static void push_ethernet(struct packet *pkt, uint16_t ethertype)
{
	uint8_t eth[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	put16(eth + 12, ethertype);
	push(pkt, eth, sizeof(eth));
}

/* A tag comes after the ethertype that announces it; this one carries the next. */
static void push_vlan(struct packet *pkt, uint16_t tci, uint16_t ethertype)
{
	uint8_t tag[4];

	put16(tag, tci ? tci : 0x202aU);
	put16(tag + 2, ethertype);
	push(pkt, tag, sizeof(tag));
}

static uint8_t ext_proto(uint8_t ext)
{
	static const uint8_t protos[EXT_COUNT] = {
		[EXT_HOP] = IPPROTO_HOPOPTS,
		[EXT_ROUTE] = IPPROTO_ROUTING,
		[EXT_SEGMENTS] = IPPROTO_ROUTING,
		[EXT_DST] = IPPROTO_DSTOPTS,
		[EXT_DST_LONG] = IPPROTO_DSTOPTS,
		[EXT_DST_2048] = IPPROTO_DSTOPTS,
		[EXT_FRAG_FIRST] = IPPROTO_FRAGMENT,
		[EXT_FRAG_ATOMIC] = IPPROTO_FRAGMENT,
		[EXT_FRAG_LATER] = IPPROTO_FRAGMENT,
		[EXT_FRAG_NEXT] = IPPROTO_FRAGMENT,
		[EXT_FRAG_RESERVED] = IPPROTO_FRAGMENT,
		[EXT_AUTH] = 51,
		[EXT_ESP] = 50,
		[EXT_NONE] = IPPROTO_NONE,
		[EXT_MOBILITY] = 135,
		[EXT_HIP] = 139,
		[EXT_SHIM6] = 140,
		[EXT_TEST] = 253,
	};

	cr_assert(ext < EXT_COUNT && (ext == EXT_HOP || protos[ext]), "extension header %u", ext);
	return protos[ext];
}

static uint8_t spec_proto(const struct packet_spec *spec)
{
	return spec->proto ? spec->proto : IPPROTO_TCP;
}

static uint8_t spec_dest(const struct packet_spec *spec)
{
	return spec->dest ? spec->dest : DEST_MX;
}

static void push_ipv4(struct packet *pkt, const struct packet_spec *spec)
{
	unsigned int version = spec->version ? spec->version : 4;
	unsigned int ihl = spec->ihl ? spec->ihl : 5U + spec->ip_options / 4U;
	uint8_t ip[20] = {[8] = 64, [16] = 203, [18] = 113, [19] = spec_dest(spec)};

	ip[0] = (uint8_t)(version << 4 | (ihl & 15));
	put16(ip + 6, spec->frag_off);
	ip[9] = spec_proto(spec);
	packet_addr4(spec->host, ip + 12);
	push(pkt, ip, sizeof(ip));
	push_fill(pkt, 1, spec->ip_options);
	if (spec->ip_kind) {
		pkt->data[pkt->len - spec->ip_options] = spec->ip_kind;
		pkt->data[pkt->len - spec->ip_options + 1U] = spec->ip_options;
	}
}

static void push_ext(struct packet *pkt, uint8_t ext, uint8_t next)
{
	static const struct {
		uint8_t at[4];
	} starts[EXT_COUNT] = {
		[EXT_FRAG_FIRST] = {{0, 0, 0, 1}},
		[EXT_FRAG_LATER] = {{0, 0, 1480 >> 8, 1480 & 0xff}},
		[EXT_FRAG_NEXT] = {{0, 0, 0, 8}},
		[EXT_FRAG_RESERVED] = {{0, 0xff, 0, 6}},
		[EXT_DST_LONG] = {{0, 32, 1, 4}},
		[EXT_DST_2048] = {{0, 255, 1, 4}},
		[EXT_SEGMENTS] = {{0, 2, 4, 0}},
		[EXT_AUTH] = {{0, 4, 0, 0}},
		[EXT_ROUTE] = {{0, 0, 2, 0}},
	};
	const uint8_t *start = starts[ext].at;
	uint8_t header[8] = {next, start[1], start[2], start[3]};

	push(pkt, header, sizeof(header));
	if (ext == EXT_AUTH)
		push_fill(pkt, 0, 16); /* its length is in words, less 2: RFC 4302 */
	else if (ext_proto(ext) != IPPROTO_FRAGMENT)
		push_fill(pkt, 0, header[1] * 8U);
}

static void push_ipv6(struct packet *pkt, const struct packet_spec *spec)
{
	uint8_t ip[40] = {[7] = 64};

	ip[0] = (uint8_t)((spec->version ? spec->version : 6U) << 4);
	ip[6] = spec->ext[0] ? ext_proto(spec->ext[0]) : spec_proto(spec);
	packet_addr6(spec->host, ip + 8);
	packet_addr6(0, ip + 24);
	ip[39] = spec_dest(spec);
	push(pkt, ip, sizeof(ip));
	for (unsigned int i = 0; i < PACKET_EXTS && spec->ext[i]; i++) {
		bool is_last = i + 1 == PACKET_EXTS || !spec->ext[i + 1];

		push_ext(pkt, spec->ext[i],
			 is_last ? spec_proto(spec) : ext_proto(spec->ext[i + 1]));
	}
}

static void push_ip(struct packet *pkt, const struct packet_spec *spec)
{
	if (spec->family == 4)
		push_ipv4(pkt, spec);
	else
		push_ipv6(pkt, spec);
}

static const struct {
	uint8_t len;
	uint8_t at[20];
} TCP_OPTIONS[TCP_KINDS] = {
	[TCP_USUAL] = {20, {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7}},
	[TCP_FAST_ASK] = {2, {34, 2}},
	[TCP_FAST_OPEN] = {10, {34, 10, 0xc0, 0x0c, 0x1e, 0xc0, 0x0c, 0x1e, 0xc0, 0x0c}},
	[TCP_FAST_LONG] = {18, {34, 18, 0x02, 0x19, 0x02, 0x19, 0x02}},
	[TCP_FAST_OLD] = {12, {254, 12, 0xf9, 0x89, 0xc0, 0x0c, 0x1e}},
	[TCP_MD5] = {18, {19, 18}},
	[TCP_AUTH] = {16, {29, 16, 1, 1}},
	[TCP_MPTCP] = {12, {30, 12, 0x01, 0x81}},
	[TCP_ZEROS] = {20, {0}},
	[TCP_WRONG] = {4, {2, 0, 0, 0}},
	[TCP_LONG] = {4, {8, 200, 0, 0}},
};

static void push_tcp(struct packet *pkt, const struct packet_spec *spec)
{
	unsigned int doff = spec->doff ? spec->doff : 5U + spec->tcp_options / 4U;
	uint8_t tcp[20] = {0}, kind = spec->tcp_kind;

	put16(tcp, spec->source_port ? spec->source_port : 49153U);
	put16(tcp + 2, spec->port ? spec->port : (unsigned int)PORT_SMTP);
	tcp[12] = (uint8_t)(doff << 4 | spec->reserved);
	tcp[13] = spec->flags;
	put16(tcp + 14, 64240);
	push(pkt, tcp, sizeof(tcp));
	push_fill(pkt, 1, spec->tcp_options);
	cr_assert(kind < TCP_KINDS && TCP_OPTIONS[kind].len <= spec->tcp_options);
	if (kind)
		memcpy(pkt->data + pkt->len - spec->tcp_options, TCP_OPTIONS[kind].at,
		       TCP_OPTIONS[kind].len);
	push_fill(pkt, 0, spec->payload);
}

/* The header around what has the family inside. */
static void push_outer(struct packet *pkt, const struct packet_outer *outer, uint8_t inside)
{
	struct packet_spec spec = {
		.family = outer->family,
		.host = outer->host ? outer->host : (uint8_t)HOST_UNKNOWN,
		.proto = outer->proto ? outer->proto
				      : (uint8_t)(inside == 4 ? IPPROTO_IPIP : IPPROTO_IPV6),
		.version = outer->version,
		.ihl = outer->ihl,
		.ip_options = outer->ip_options,
		.frag_off = outer->frag_off,
	};

	memcpy(spec.ext, outer->ext, sizeof(outer->ext));
	push_ip(pkt, &spec);
}

/* Writes the length of the IP packet that begins at start and ends where the frame does. */
static void fill_length(struct packet *pkt, size_t start, unsigned int family, unsigned int lie)
{
	unsigned int len = (unsigned int)(pkt->len - start);

	if (family == 4)
		put16(pkt->data + start + 2, lie ? lie : len);
	else
		put16(pkt->data + start + 4, lie ? lie : len - 40);
}

static void push_packet(struct packet *pkt, const struct packet_spec *spec)
{
	size_t starts[PACKET_OUTERS + 1];
	unsigned int count = 0;

	while (count < PACKET_OUTERS && spec->outer[count].family) {
		bool is_last = count + 1 == PACKET_OUTERS || !spec->outer[count + 1].family;

		starts[count] = pkt->len;
		push_outer(pkt, &spec->outer[count],
			   is_last ? spec->family : spec->outer[count + 1].family);
		count++;
	}
	starts[count] = pkt->len;
	push_ip(pkt, spec);
	push_tcp(pkt, spec);
	fill_length(pkt, starts[count], spec->family, spec->ip_len);
	while (count--)
		fill_length(pkt, starts[count], spec->outer[count].family, 0);
}

void packet_build(struct packet *pkt, const struct packet_spec *spec)
{
	const uint8_t family = spec->outer[0].family ? spec->outer[0].family : spec->family;
	uint16_t last =
		spec->ethertype ? spec->ethertype : (uint16_t)(family == 4 ? ETH_P_IP : ETH_P_IPV6);

	pkt->len = 0;
	push_ethernet(pkt, spec->vlan[0] ? spec->vlan[0] : last);
	for (unsigned int i = 0; i < PACKET_VLANS && spec->vlan[i]; i++) {
		bool is_last = i + 1 == PACKET_VLANS || !spec->vlan[i + 1];

		push_vlan(pkt, spec->tci, is_last ? last : spec->vlan[i + 1]);
	}
	push_packet(pkt, spec);
	push_fill(pkt, 0, spec->trailer);
	if (spec->cut) {
		cr_assert(spec->cut < pkt->len, "nothing to cut");
		pkt->len = spec->cut;
	}
}
