// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#define ESP_PROTO 50
#define AH_PROTO  51

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

void packet_push(struct packet *pkt, const void *bytes, size_t len)
{
	cr_assert(pkt->len + len <= sizeof(pkt->data));
	memcpy(pkt->data + pkt->len, bytes, len);
	pkt->len += len;
}

void packet_push_zero(struct packet *pkt, size_t len)
{
	cr_assert(pkt->len + len <= sizeof(pkt->data));
	memset(pkt->data + pkt->len, 0, len);
	pkt->len += len;
}

void packet_push_ethernet(struct packet *pkt, uint16_t ethertype)
{
	uint8_t eth[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	put16(eth + 12, ethertype);
	packet_push(pkt, eth, sizeof(eth));
}

/* A tag comes after the ethertype that announces it; this one carries the next. */
void packet_push_vlan(struct packet *pkt, uint16_t ethertype)
{
	uint8_t tag[4] = {0x20, 42};

	put16(tag + 2, ethertype);
	packet_push(pkt, tag, sizeof(tag));
}

static uint8_t ext_proto(uint8_t ext)
{
	switch ((enum packet_ext)ext) {
	case EXT_HOP:
		return IPPROTO_HOPOPTS;
	case EXT_ROUTE:
		return IPPROTO_ROUTING;
	case EXT_DST:
	case EXT_DST_LONG:
		return IPPROTO_DSTOPTS;
	case EXT_FRAG_FIRST:
	case EXT_FRAG_ATOMIC:
	case EXT_FRAG_LATER:
		return IPPROTO_FRAGMENT;
	case EXT_AUTH:
		return AH_PROTO;
	case EXT_ESP:
		return ESP_PROTO;
	case EXT_NONE:
		return IPPROTO_NONE;
	}
	cr_assert_fail("no such extension header: %u", ext);
	return 0;
}

static uint8_t spec_proto(const struct packet_spec *spec)
{
	return spec->proto ? spec->proto : IPPROTO_TCP;
}

void packet_push_ipv4(struct packet *pkt, const struct packet_spec *spec)
{
	unsigned int version = spec->version ? spec->version : 4;
	unsigned int ihl = spec->ihl ? spec->ihl : 5U + spec->ip_options / 4U;
	uint8_t ip[20] = {[8] = 64};

	ip[0] = (uint8_t)(version << 4 | ihl);
	put16(ip + 2, 40U + spec->ip_options + spec->tcp_options + spec->payload);
	put16(ip + 6, spec->frag_off);
	ip[9] = spec_proto(spec);
	packet_addr4(spec->host, ip + 12);
	memcpy(ip + 16, (const uint8_t[]){203, 0, 113, 25}, 4);
	packet_push(pkt, ip, sizeof(ip));
	for (unsigned int i = 0; i < spec->ip_options; i++)
		packet_push(pkt, "\x01", 1); /* no-operation */
}

static void push_ext(struct packet *pkt, uint8_t ext, uint8_t next)
{
	uint8_t header[8] = {next};

	switch ((enum packet_ext)ext) {
	case EXT_FRAG_FIRST:
		put16(header + 2, 1);
		break;
	case EXT_FRAG_LATER:
		put16(header + 2, 185 << 3);
		break;
	case EXT_DST_LONG:
		header[1] = 32;
		break;
	default:
		break;
	}
	packet_push(pkt, header, sizeof(header));
	packet_push_zero(pkt, header[1] * 8U);
}

void packet_push_ipv6(struct packet *pkt, const struct packet_spec *spec)
{
	const size_t start = pkt->len;
	uint8_t ip[40] = {[7] = 64};

	ip[0] = (uint8_t)((spec->version ? spec->version : 6U) << 4);
	ip[6] = spec->ext[0] ? ext_proto(spec->ext[0]) : spec_proto(spec);
	packet_addr6(spec->host, ip + 8);
	packet_addr6(PORT_SMTP, ip + 24);
	packet_push(pkt, ip, sizeof(ip));
	for (unsigned int i = 0; i < PACKET_EXTS && spec->ext[i]; i++) {
		bool is_last = i + 1 == PACKET_EXTS || !spec->ext[i + 1];

		push_ext(pkt, spec->ext[i],
			 is_last ? spec_proto(spec) : ext_proto(spec->ext[i + 1]));
	}
	put16(pkt->data + start + 4,
	      (unsigned int)(pkt->len - start) - 20U + spec->tcp_options + spec->payload);
}

void packet_push_tcp(struct packet *pkt, const struct packet_spec *spec)
{
	unsigned int doff = spec->doff ? spec->doff : 5U + spec->tcp_options / 4U;
	uint8_t tcp[20] = {0xc0, 0x01};

	put16(tcp + 2, spec->port ? spec->port : (unsigned int)PORT_SMTP);
	tcp[12] = (uint8_t)(doff << 4);
	tcp[13] = spec->flags;
	put16(tcp + 14, 64240);
	packet_push(pkt, tcp, sizeof(tcp));
	for (unsigned int i = 0; i < spec->tcp_options; i++)
		packet_push(pkt, "\x01", 1);
	packet_push_zero(pkt, spec->payload);
}

static uint16_t family_ethertype(const struct packet_spec *spec)
{
	return spec->family == 4 ? ETH_P_IP : ETH_P_IPV6;
}

void packet_build(struct packet *pkt, const struct packet_spec *spec)
{
	uint16_t last = spec->ethertype ? spec->ethertype : family_ethertype(spec);

	pkt->len = 0;
	packet_push_ethernet(pkt, spec->vlan[0] ? spec->vlan[0] : last);
	for (unsigned int i = 0; i < PACKET_VLANS && spec->vlan[i]; i++) {
		bool is_last = i + 1 == PACKET_VLANS || !spec->vlan[i + 1];

		packet_push_vlan(pkt, is_last ? last : spec->vlan[i + 1]);
	}
	if (spec->family == 4)
		packet_push_ipv4(pkt, spec);
	else
		packet_push_ipv6(pkt, spec);
	packet_push_tcp(pkt, spec);
	if (spec->cut) {
		cr_assert(spec->cut < pkt->len, "nothing to cut");
		pkt->len = spec->cut;
	}
}
