// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "named.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define V4   NAMED_V4
#define V6   NAMED_V6
#define BOTH NAMED_BOTH

#define PLAIN  NAMED_PLAIN
#define DECAP  NAMED_DECAP
#define ROUTER NAMED_ROUTER

#define ETH           14
#define IP4           20
#define IP6           40
#define TCP           20
#define VLAN          4
#define MF            0x2000
#define DF            0x4000
#define Q             ETH_P_8021Q
#define AD            ETH_P_8021AD
#define BAD           .host = HOST_NO_PTR
#define BAD_SYN       .flags = SYN, .host = HOST_NO_PTR
#define SYN_FROM      .flags = SYN, .host
#define IN4           .outer = {{.family = 4}}
#define IN6           .outer = {{.family = 6}}
#define IN4_FRAG(off) .outer = {{.family = 4, .frag_off = (off)}}

#define WOULD      MXG_CTR_WOULD_DROP_NO_PTR
#define NOT_IP     MXG_CTR_NOT_IP
#define NOT_TCP    MXG_CTR_NOT_TCP
#define NOT_PORT   MXG_CTR_NOT_PORT
#define NOT_SYN    MXG_CTR_NOT_SYN
#define NOT_DEST   MXG_CTR_NOT_DESTINATION
#define FRAGMENT   MXG_CTR_FRAGMENT
#define MALFORMED  MXG_CTR_MALFORMED
#define KNOWN_PASS MXG_CTR_KNOWN_PASS
#define UNKNOWN    MXG_CTR_UNKNOWN
#define WOULD_DENY MXG_CTR_WOULD_DROP_DENY

/* clang-format off */
#define MX_NETS                                                                                    \
	.dest_count = 4, .dests = {{4, 32, {203, 0, 113, 25}},                                     \
				   {4, 25, {203, 0, 113, 128}},                                    \
				   {6, 128, {0x20, 0x01, 0x0d, 0xb8, [15] = 25}},                  \
				   {6, 121, {0x20, 0x01, 0x0d, 0xb8, [15] = 128}}}

const struct named_shape NAMED_SHAPES[NAMED_CONFS] = {
	[NAMED_PLAIN] = {"plain", .port_count = 1, .ports = {25}},
	[NAMED_DECAP] = {"decap", .decap = true, .port_count = 1, .ports = {25}},
	[NAMED_ROUTER] = {"router", .port_count = 1, .ports = {25}, MX_NETS},
	[NAMED_DECAP_ROUTER] = {"decap router", .decap = true, .port_count = 1, .ports = {25}, MX_NETS},
	[NAMED_PORTS] = {"ports", .port_count = 8, .ports = {587, 465, 2525, 1, 65535, 6400, 25, 26}},
	[NAMED_NO_PORTS] = {"no ports", .port_count = 0},
	[NAMED_V4_ONLY] = {"v4 only", .port_count = 1, .ports = {25}, .dest_count = 2, .dests = {{4, 1, {128}}, {4, 16, {0x20, 0x01}}}},
};

const struct named NAMED[] = {
	/* what the gate knows of the source */
	{"syn, good", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD}},
	{"syn, no PTR", BOTH, PLAIN, WOULD, {BAD_SYN}},
	{"syn, unconfirmed", BOTH, PLAIN, MXG_CTR_WOULD_DROP_UNCONFIRMED, {SYN_FROM = HOST_UNCONFIRMED}},
	{"syn, generic", BOTH, PLAIN, MXG_CTR_WOULD_DROP_GENERIC, {SYN_FROM = HOST_GENERIC}},
	{"syn, temperror marked drop", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_TEMPERROR}},
	{"syn, expired", BOTH, PLAIN, MXG_CTR_EXPIRED, {SYN_FROM = HOST_EXPIRED}},
	{"syn, unknown", BOTH, PLAIN, UNKNOWN, {SYN_FROM = HOST_UNKNOWN}},
	{"syn, denied", BOTH, PLAIN, WOULD_DENY, {SYN_FROM = HOST_DENIED}},
	{"syn, allowed in a denied net", BOTH, PLAIN, MXG_CTR_ALLOW, {SYN_FROM = HOST_ALLOWED}},
	{"syn, expired exception", BOTH, PLAIN, UNKNOWN, {SYN_FROM = HOST_LAPSED}},
	{"syn, verdict before exception", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_BOTH}},

	/* flags: a SYN with any of ACK, RST, FIN is none */
	{"syn+ece", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | ECE}},
	{"syn+cwr", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | CWR}},
	{"syn that offers ecn (ece+cwr)", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | ECE | CWR}},
	{"syn that offers accurate ecn (ae+ece+cwr)", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | ECE | CWR, .reserved = 1}},
	{"syn, reserved bits set", BOTH, PLAIN, WOULD, {BAD_SYN, .reserved = 0xe}},
	{"syn+psh", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | PSH}},
	{"syn+urg", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | URG}},
	{"syn+psh+urg", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | PSH | URG}},
	{"syn+psh+urg+ece+cwr", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | PSH | URG | ECE | CWR}},
	{"syn+ack", BOTH, PLAIN, NOT_SYN, {BAD, .flags = SYN | ACK}},
	{"syn+ack+ece", BOTH, PLAIN, NOT_SYN, {BAD, .flags = SYN | ACK | ECE}},
	{"syn+ack, all reserved bits", BOTH, PLAIN, NOT_SYN, {BAD, .flags = SYN | ACK, .reserved = 0xf}},
	{"syn+rst", BOTH, PLAIN, NOT_SYN, {BAD, .flags = SYN | RST}},
	{"syn+fin", BOTH, PLAIN, NOT_SYN, {BAD, .flags = SYN | FIN}},
	{"every flag", BOTH, PLAIN, NOT_SYN, {BAD, .flags = 0xff}},
	{"no flag", BOTH, PLAIN, NOT_SYN, {BAD, .flags = 0}},
	{"no flag, all reserved bits", BOTH, PLAIN, NOT_SYN, {BAD, .flags = 0, .reserved = 0xf}},
	{"ack", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK}},
	{"ack+ece", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK | ECE}},
	{"data", BOTH, PLAIN, NOT_SYN, {BAD, .flags = PSH | ACK, .payload = 512}},
	{"fin+ack", BOTH, PLAIN, NOT_SYN, {BAD, .flags = FIN | ACK}},
	{"fin alone", BOTH, PLAIN, NOT_SYN, {BAD, .flags = FIN}},
	{"rst", BOTH, PLAIN, NOT_SYN, {BAD, .flags = RST}},
	{"rst+ack", BOTH, PLAIN, NOT_SYN, {BAD, .flags = RST | ACK}},
	{"ece+cwr alone", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ECE | CWR}},
	{"fin+psh+urg", BOTH, PLAIN, NOT_SYN, {BAD, .flags = FIN | PSH | URG}},

	/* ports */
	{"syn to 443", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = PORT_HTTPS}},
	{"syn to 587", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = PORT_SUBMISSION}},
	{"syn to 25 byte-swapped", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = 6400}},
	{"syn to 24", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = 24}},
	{"syn to 281, which ends in the same byte", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = 281}},
	{"syn to 65535", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .port = 65535}},
	{"syn from port 25", BOTH, PLAIN, WOULD, {BAD_SYN, .source_port = 25}},
	{"syn from port 25 to 443", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .source_port = 25, .port = PORT_HTTPS}},
	{"data to 443", BOTH, PLAIN, NOT_PORT, {BAD, .flags = ACK, .port = PORT_HTTPS}},
	{"eight ports, syn to the first", BOTH, NAMED_PORTS, WOULD, {BAD_SYN, .port = 587}},
	{"eight ports, syn to 65535", BOTH, NAMED_PORTS, WOULD, {BAD_SYN, .port = 65535}},
	{"eight ports, syn to the seventh", BOTH, NAMED_PORTS, WOULD, {BAD_SYN}},
	{"eight ports, syn to the last", BOTH, NAMED_PORTS, WOULD, {BAD_SYN, .port = 26}},
	{"eight ports, syn to none of them", BOTH, NAMED_PORTS, NOT_PORT, {BAD_SYN, .port = 27}},
	{"eight ports, data to the last", BOTH, NAMED_PORTS, NOT_SYN, {BAD, .flags = ACK, .port = 26}},
	{"no ports, syn to 25", BOTH, NAMED_NO_PORTS, NOT_PORT, {BAD_SYN}},

	/* TCP header and options: data and options change nothing about a SYN */
	{"tcp options", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 20}},
	{"tcp options, all 40", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 40}},
	{"tcp options as Linux has them", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 20, .tcp_kind = TCP_USUAL}},
	{"tcp options of a good host", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .tcp_options = 20, .tcp_kind = TCP_USUAL}},
	{"syn with data", BOTH, PLAIN, WOULD, {BAD_SYN, .payload = 100}},
	{"syn with one byte of data", BOTH, PLAIN, WOULD, {BAD_SYN, .payload = 1}},
	{"fast open, asks for a cookie", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 4, .tcp_kind = TCP_FAST_ASK}},
	{"fast open, cookie and data", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},
	{"fast open, cookie without data", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN}},
	{"fast open, long cookie, 1,200 bytes", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 20, .tcp_kind = TCP_FAST_LONG, .payload = 1200}},
	{"fast open, experimental option", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 12, .tcp_kind = TCP_FAST_OLD, .payload = 24}},
	{"fast open of a good host", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},
	{"fast open of an unknown host", BOTH, PLAIN, UNKNOWN, {SYN_FROM = HOST_UNKNOWN, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},
	{"fast open and ecn", BOTH, PLAIN, WOULD, {BAD, .flags = SYN | ECE | CWR, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},
	{"syn with md5 signature", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 20, .tcp_kind = TCP_MD5}},
	{"syn with authentication option", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 16, .tcp_kind = TCP_AUTH}},
	{"multipath syn", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 12, .tcp_kind = TCP_MPTCP}},
	{"tcp options that end at once", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 20, .tcp_kind = TCP_ZEROS}},
	{"tcp option of length 0", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 4, .tcp_kind = TCP_WRONG}},
	{"tcp option longer than the header", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 4, .tcp_kind = TCP_LONG}},
	{"tcp data offset 0", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 16}},
	{"tcp data offset 1", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 1}},
	{"tcp data offset 4", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 4}},
	{"tcp data offset past the end", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 6}},
	{"tcp data offset 15 past the end", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 15}},
	{"tcp data offset into the data", BOTH, PLAIN, WOULD, {BAD_SYN, .doff = 15, .payload = 40}},
	{"tcp data offset one byte too far", BOTH, PLAIN, MALFORMED, {BAD_SYN, .doff = 15, .payload = 39}},

	/* sizes */
	{"syn, padded to 60 bytes", BOTH, PLAIN, WOULD, {BAD_SYN, .trailer = 6}},
	{"syn, odd length", BOTH, PLAIN, WOULD, {BAD_SYN, .payload = 3}},
	{"syn, odd length and odd trailer", BOTH, PLAIN, WOULD, {BAD_SYN, .payload = 7, .trailer = 5}},
	{"data, odd length", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK, .payload = 1447}},
	{"syn of 1,500 bytes", V4, PLAIN, WOULD, {BAD_SYN, .payload = 1460}},
	{"syn of 1,500 bytes", V6, PLAIN, WOULD, {BAD_SYN, .payload = 1440}},
	{"jumbo syn, 9,000 bytes in several buffers", BOTH, PLAIN, WOULD, {BAD_SYN, .payload = 8900}},
	{"jumbo syn, tagged, all options", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {AD, Q}, .tcp_options = 40, .payload = 8900}},
	{"jumbo fast open", BOTH, PLAIN, WOULD, {BAD_SYN, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 8000}},
	{"jumbo syn, good", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .payload = 8900}},
	{"jumbo data", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK | PSH, .payload = 8948}},
	{"jumbo data, odd length", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK | PSH, .payload = 8947}},
	{"jumbo data to 443", BOTH, PLAIN, NOT_PORT, {BAD, .flags = ACK, .port = PORT_HTTPS, .payload = 8900}},
	{"jumbo udp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP, .payload = 8900}},
	{"jumbo first fragment", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = MF, .payload = 8900}},
	{"jumbo later fragment", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 1110, .payload = 8900}},
	{"a frame that just fits one buffer", V4, PLAIN, WOULD, {BAD_SYN, .payload = 3520 - ETH - IP4 - TCP}},
	{"a frame one byte larger than a buffer", V4, PLAIN, WOULD, {BAD_SYN, .payload = 3521 - ETH - IP4 - TCP}},
	{"tcp beyond the first buffer", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_HOP, EXT_DST_2048, EXT_DST_2048}}},
	{"an extension header over the end of the first buffer", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_DST_2048, EXT_DST_2048}, .payload = 4000}},
	{"one large extension header, in the first buffer", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_DST_2048}, .payload = 4000}},
	{"ip length says less", BOTH, PLAIN, WOULD, {BAD_SYN, .ip_len = 20}},
	{"ip length says more", BOTH, PLAIN, WOULD, {BAD_SYN, .ip_len = 65535}},

	/* other protocols */
	{"udp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP}},
	{"icmp", V4, PLAIN, NOT_TCP, {.host = HOST_NO_PTR, .proto = IPPROTO_ICMP}},
	{"icmp in IPv6", V6, PLAIN, NOT_TCP, {.host = HOST_NO_PTR, .proto = IPPROTO_ICMP}},
	{"icmpv6", V6, PLAIN, NOT_TCP, {.host = HOST_NO_PTR, .proto = IPPROTO_ICMPV6}},
	{"igmp", V4, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_IGMP}},
	{"sctp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_SCTP}},
	{"dccp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 33}},
	{"udp-lite", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 136}},
	{"gre", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_GRE}},
	{"esp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_ESP}},
	{"ah", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_AH}},
	{"ospf", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 89}},
	{"pim", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_PIM}},
	{"vrrp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 112}},
	{"etherip", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 97}},
	{"mpls in ip", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 137}},
	{"protocol 255", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .proto = 255}},
	{"hop-by-hop's number in IPv4", V4, PLAIN, NOT_TCP, {BAD_SYN, .proto = 43}},
	{"fragment's number in IPv4", V4, PLAIN, NOT_TCP, {BAD_SYN, .proto = 44}},

	/* Ethernet and VLAN */
	{"arp", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_ARP}},
	{"rarp", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_RARP}},
	{"llc length", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = 46}},
	{"llc length 1500", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = 1500}},
	{"ethertype 1", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = 1}},
	{"mpls", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_MPLS_UC}},
	{"mpls multicast", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_MPLS_MC}},
	{"pppoe session", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_PPP_SES}},
	{"lldp", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_LLDP}},
	{"macsec", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_MACSEC}},
	{"eapol", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_PAE}},
	{"service header (nsh)", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_NSH}},
	{"ethertype of IPv4 byte-swapped", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = 0x0008}},
	{"ethertype of IPv6 byte-swapped", V6, PLAIN, NOT_IP, {BAD_SYN, .ethertype = 0xdd86}},
	{"ip version 0", BOTH, PLAIN, MALFORMED, {BAD_SYN, .version = 16}},
	{"ip version 5", BOTH, PLAIN, MALFORMED, {BAD_SYN, .version = 5}},
	{"ip version 15", BOTH, PLAIN, MALFORMED, {BAD_SYN, .version = 15}},
	{"v4 as v6", V4, PLAIN, MALFORMED, {BAD_SYN, .ethertype = ETH_P_IPV6}},
	{"v6 as v4", V6, PLAIN, MALFORMED, {BAD_SYN, .ethertype = ETH_P_IP}},
	{"802.1q", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q}}},
	{"802.1q, priority only (vlan 0)", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q}, .tci = 0xe000}},
	{"802.1q, vlan 4095, drop eligible", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q}, .tci = 0xffff}},
	{"802.1ad", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {AD}}},
	{"802.1ad over 802.1q", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {AD, Q}}},
	{"802.1q over 802.1ad", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q, AD}}},
	{"802.1q twice", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q, Q}}},
	{"802.1ad twice", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {AD, AD}}},
	{"three tags", BOTH, PLAIN, NOT_IP, {BAD_SYN, .vlan = {AD, Q, Q}}},
	{"four tags", BOTH, PLAIN, NOT_IP, {BAD_SYN, .vlan = {AD, AD, Q, Q}}},
	{"old double tag 0x9100", BOTH, PLAIN, NOT_IP, {BAD_SYN, .vlan = {ETH_P_QINQ1, Q}}},
	{"old double tag 0x9200 inside", BOTH, PLAIN, NOT_IP, {BAD_SYN, .vlan = {Q, ETH_P_QINQ2}}},
	{"tagged arp", V4, PLAIN, NOT_IP, {BAD_SYN, .vlan = {Q}, .ethertype = ETH_P_ARP}},
	{"tagged llc", V4, PLAIN, NOT_IP, {BAD_SYN, .vlan = {Q}, .ethertype = 46}},
	{"double tagged mpls", V4, PLAIN, NOT_IP, {BAD_SYN, .vlan = {AD, Q}, .ethertype = ETH_P_MPLS_UC}},
	{"tagged data", BOTH, PLAIN, NOT_SYN, {BAD, .flags = ACK, .vlan = {Q}}},
	{"tagged syn to 443", BOTH, PLAIN, NOT_PORT, {BAD_SYN, .vlan = {Q}, .port = PORT_HTTPS}},
	{"tagged udp", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .vlan = {AD, Q}, .proto = IPPROTO_UDP}},
	{"tagged good", BOTH, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .vlan = {AD, Q}}},
	{"tagged unknown", BOTH, PLAIN, UNKNOWN, {SYN_FROM = HOST_UNKNOWN, .vlan = {Q}}},
	{"tagged fast open", BOTH, PLAIN, WOULD, {BAD_SYN, .vlan = {Q}, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},

	/* IPv4 header */
	{"ip options", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 4}},
	{"ip options, all 40", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 40}},
	{"router alert", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 4, .ip_kind = 148}},
	{"record route", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 40, .ip_kind = 7}},
	{"loose source route", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 12, .ip_kind = 131}},
	{"strict source route", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 12, .ip_kind = 137}},
	{"timestamps", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 36, .ip_kind = 68}},
	{"ip options of a good host", V4, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .ip_options = 24}},
	{"ip options, data", V4, PLAIN, NOT_SYN, {BAD, .flags = ACK, .ip_options = 24}},
	{"ip and tcp options, tagged", V4, PLAIN, WOULD, {BAD_SYN, .ip_options = 40, .tcp_options = 40, .vlan = {AD, Q}}},
	{"ip header length 0", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 16}},
	{"ip header length 1", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 1}},
	{"ip header length 4", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 4}},
	{"ip header length 4, udp", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 4, .proto = IPPROTO_UDP}},
	{"ip header length 0, data behind", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 16, .payload = 40}},
	{"ip header length past the end", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 15}},
	{"ip header length into tcp", V4, PLAIN, MALFORMED, {BAD_SYN, .ihl = 6}},
	{"ip options, udp", V4, PLAIN, NOT_TCP, {BAD_SYN, .ip_options = 8, .proto = IPPROTO_UDP}},

	/* fragments */
	{"don't fragment", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = DF}},
	{"reserved flag", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = 0x8000}},
	{"first fragment", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = MF}},
	{"first fragment, every ip flag", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = 0x8000 | DF | MF}},
	{"first fragment, ip options", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = MF, .ip_options = 12}},
	{"first fragment, tagged", V4, PLAIN, WOULD, {BAD_SYN, .frag_off = MF, .vlan = {Q}}},
	{"first fragment, good", V4, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .frag_off = MF}},
	{"first fragment, data", V4, PLAIN, NOT_SYN, {BAD, .flags = ACK, .frag_off = MF}},
	{"first fragment to 443", V4, PLAIN, NOT_PORT, {BAD_SYN, .frag_off = MF, .port = PORT_HTTPS}},
	{"first fragment, udp", V4, PLAIN, NOT_TCP, {BAD_SYN, .frag_off = MF, .proto = IPPROTO_UDP}},
	{"first fragment of 8 bytes", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .cut = ETH + IP4 + 8}},
	{"first fragment of 16 bytes, flags and all", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .cut = ETH + IP4 + 16}},
	{"first fragment without tcp", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .cut = ETH + IP4}},
	{"first fragment that ends in ip options", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .ip_options = 8, .cut = ETH + IP4 + 4}},
	{"first fragment that ends in tcp options", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .tcp_options = 20, .cut = ETH + IP4 + TCP + 4}},
	{"first fragment, data offset 4", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF, .doff = 4}},
	{"middle fragment", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = MF | 185}},
	{"last fragment", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 185}},
	{"last fragment of 3 bytes", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 185, .cut = ETH + IP4 + 3}},
	{"last fragment, offset 65528", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 0x1fff}},
	{"last fragment, offset 32768", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 0x1000}},
	{"last fragment, don't fragment", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = DF | 185}},
	{"later fragment that looks like a syn of a good host", V4, PLAIN, FRAGMENT, {SYN_FROM = HOST_GOOD, .frag_off = 185}},
	{"fragment at offset 8", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 1}},
	{"last fragment, udp", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 185, .proto = IPPROTO_UDP}},
	{"last fragment, tagged", V4, PLAIN, FRAGMENT, {BAD_SYN, .frag_off = 185, .vlan = {AD, Q}}},
	{"first fragment", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_FRAG_FIRST}}},
	{"first fragment, good", V6, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .ext = {EXT_FRAG_FIRST}}},
	{"first fragment, data", V6, PLAIN, NOT_SYN, {BAD, .flags = ACK, .ext = {EXT_FRAG_FIRST}}},
	{"atomic fragment", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_FRAG_ATOMIC}}},
	{"atomic fragment, reserved bits set", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_FRAG_RESERVED}}},
	{"first fragment, options after", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_FRAG_FIRST, EXT_DST}}},
	{"first fragment, options before and after", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_HOP, EXT_FRAG_FIRST, EXT_DST}}},
	{"two fragment headers", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_FRAG_ATOMIC, EXT_FRAG_ATOMIC}}},
	{"first fragment around a later one", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_FIRST, EXT_FRAG_LATER}}},
	{"first fragment of 8 bytes", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .cut = ETH + IP6 + 16}},
	{"first fragment without tcp", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .cut = ETH + IP6 + 8}},
	{"first fragment that ends in options", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_FIRST, EXT_DST}, .cut = ETH + IP6 + 12}},
	{"first fragment, data offset 4", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .doff = 4}},
	{"later fragment", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_LATER}}},
	{"later fragment at offset 8", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_NEXT}}},
	{"later fragment after options", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_HOP, EXT_FRAG_LATER}}},
	{"later fragment, udp", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_LATER}, .proto = IPPROTO_UDP}},
	{"later fragment without a byte", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_FRAG_LATER}, .cut = ETH + IP6 + 8}},
	{"first fragment, udp", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .proto = IPPROTO_UDP}},

	/* IPv6 extension headers */
	{"hop-by-hop", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_HOP}}},
	{"routing", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_ROUTE}}},
	{"segment routing", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_SEGMENTS}}},
	{"destination options", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_DST}}},
	{"264 bytes of options", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_DST_LONG}}},
	{"2,048 bytes of options", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_DST_2048}}},
	{"hop-by-hop not first", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_DST, EXT_HOP}}},
	{"four headers", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_FRAG_ATOMIC}}},
	{"four headers, good", V6, PLAIN, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_FRAG_ATOMIC}}},
	{"six headers", V6, PLAIN, WOULD, {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST}}},
	{"six headers, tagged, tcp options", V6, PLAIN, WOULD, {BAD_SYN, .vlan = {AD, Q}, .tcp_options = 40, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST_LONG}}},
	{"six headers, udp", V6, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST}}},
	{"seven headers", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"ten headers", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"seven headers, one a fragment's", V6, PLAIN, FRAGMENT, {BAD_SYN, .ext = {EXT_HOP, EXT_FRAG_FIRST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"seven headers, the last a later fragment's", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_FRAG_LATER}}},
	{"options, udp", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_DST}, .proto = IPPROTO_UDP}},
	{"authentication header", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_AUTH}}},
	{"esp header", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_ESP}}},
	{"no next header", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_NONE}}},
	{"options, no next header", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_DST, EXT_NONE}}},
	{"mobility header", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_MOBILITY}}},
	{"host identity protocol", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_HIP}}},
	{"shim6", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_SHIM6}}},
	{"header for experiments", V6, PLAIN, NOT_TCP, {BAD_SYN, .ext = {EXT_HOP, EXT_TEST}}},
	{"options, data", V6, PLAIN, NOT_SYN, {BAD, .flags = ACK, .ext = {EXT_HOP}}},
	{"options to 443", V6, PLAIN, NOT_PORT, {BAD_SYN, .port = PORT_HTTPS, .ext = {EXT_HOP}}},
	{"options, unknown", V6, PLAIN, UNKNOWN, {SYN_FROM = HOST_UNKNOWN, .ext = {EXT_HOP}}},

	/* cut at and inside every header */
	{"ends after ethernet", BOTH, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH}},
	{"ends in the vlan tag", BOTH, PLAIN, MALFORMED, {BAD_SYN, .vlan = {Q}, .cut = ETH + 3}},
	{"ends before the second tag", BOTH, PLAIN, MALFORMED, {BAD_SYN, .vlan = {AD, Q}, .cut = ETH + VLAN}},
	{"ends in the second tag", BOTH, PLAIN, MALFORMED, {BAD_SYN, .vlan = {AD, Q}, .cut = ETH + VLAN + 1}},
	{"ends after the tags", BOTH, PLAIN, MALFORMED, {BAD_SYN, .vlan = {AD, Q}, .cut = ETH + 2 * VLAN}},
	{"ends after two of three tags", BOTH, PLAIN, NOT_IP, {BAD_SYN, .vlan = {AD, Q, Q}, .cut = ETH + 2 * VLAN}},
	{"arp without a byte", V4, PLAIN, NOT_IP, {BAD_SYN, .ethertype = ETH_P_ARP, .cut = ETH}},
	{"one byte of ip", BOTH, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + 1}},
	{"ip less one byte", V4, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP4 - 1}},
	{"ip less one byte", V6, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP6 - 1}},
	{"ends after ip", V4, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP4}},
	{"ends after ip", V6, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP6}},
	{"ends in ip options", V4, PLAIN, MALFORMED, {BAD_SYN, .ip_options = 8, .cut = ETH + IP4 + 7}},
	{"ends in an extension header", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_HOP}, .cut = ETH + IP6 + 7}},
	{"ends in the second extension header", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_HOP, EXT_DST}, .cut = ETH + IP6 + 8}},
	{"ends in a long extension header", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_DST_LONG}, .cut = ETH + IP6 + 200}},
	{"ends in a fragment header", V6, PLAIN, MALFORMED, {BAD_SYN, .ext = {EXT_FRAG_FIRST}, .cut = ETH + IP6 + 4}},
	{"tcp ports only", V4, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP4 + 4}},
	{"tcp ports only", V6, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP6 + 4}},
	{"tcp as far as the flags", V4, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP4 + 14}},
	{"tcp as far as the flags", V6, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP6 + 14}},
	{"tcp less one byte", V4, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP4 + TCP - 1}},
	{"tcp less one byte", V6, PLAIN, MALFORMED, {BAD_SYN, .cut = ETH + IP6 + TCP - 1}},
	{"ends in tcp options", V4, PLAIN, MALFORMED, {BAD_SYN, .tcp_options = 20, .cut = ETH + IP4 + TCP + 19}},
	{"ends in tcp options", V6, PLAIN, MALFORMED, {BAD_SYN, .tcp_options = 20, .cut = ETH + IP6 + TCP + 19}},
	{"udp cut short", V4, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP, .cut = ETH + IP4 + 2}},
	{"udp without a byte", V6, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP, .cut = ETH + IP6}},
	{"udp, ends in ip options", V4, PLAIN, NOT_TCP, {BAD_SYN, .proto = IPPROTO_UDP, .ip_options = 8, .cut = ETH + IP4 + 2}},

	/* tunnels while decap is off: what they carry is not looked at */
	{"in IPv4, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, IN4}},
	{"in IPv6, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, IN6}},
	{"in IPv4, decap off, cut short", BOTH, PLAIN, NOT_TCP, {BAD_SYN, IN4, .cut = ETH + IP4}},
	{"in IPv6 with options, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_DST}}}}},
	{"in IPv4 with options cut short, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .outer = {{.family = 4, .ip_options = 8}}, .cut = ETH + IP4 + 2}},
	{"later fragment of a tunnel, decap off", BOTH, PLAIN, FRAGMENT, {BAD_SYN, IN4_FRAG(185)}},
	{"from a bad tunnel end, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .outer = {{.family = 4, .host = HOST_NO_PTR}}}},

	/* tunnels: the inner packet is judged, by its own source, one level deep */
	{"not in a tunnel, decap on", BOTH, DECAP, WOULD, {BAD_SYN}},
	{"in IPv4, no PTR", BOTH, DECAP, WOULD, {BAD_SYN, IN4}},
	{"in IPv6, no PTR", BOTH, DECAP, WOULD, {BAD_SYN, IN6}},
	{"in IPv4, good", BOTH, DECAP, KNOWN_PASS, {SYN_FROM = HOST_GOOD, IN4}},
	{"in IPv6, good", BOTH, DECAP, KNOWN_PASS, {SYN_FROM = HOST_GOOD, IN6}},
	{"in IPv4, good inside a bad tunnel end", BOTH, DECAP, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .outer = {{.family = 4, .host = HOST_NO_PTR}}}},
	{"in IPv6, good inside a bad tunnel end", BOTH, DECAP, KNOWN_PASS, {SYN_FROM = HOST_GOOD, .outer = {{.family = 6, .host = HOST_NO_PTR}}}},
	{"in IPv4, bad inside a good tunnel end", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 4, .host = HOST_GOOD}}}},
	{"in IPv4, bad inside an allowed tunnel end", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 4, .host = HOST_ALLOWED}}}},
	{"in IPv6, denied", BOTH, DECAP, WOULD_DENY, {SYN_FROM = HOST_DENIED, IN6}},
	{"in IPv4, allowed", BOTH, DECAP, MXG_CTR_ALLOW, {SYN_FROM = HOST_ALLOWED, IN4}},
	{"in IPv4, unknown", BOTH, DECAP, UNKNOWN, {SYN_FROM = HOST_UNKNOWN, IN4}},
	{"in IPv6, expired", BOTH, DECAP, MXG_CTR_EXPIRED, {SYN_FROM = HOST_EXPIRED, IN6}},
	{"in IPv4, data", BOTH, DECAP, NOT_SYN, {BAD, .flags = ACK, IN4}},
	{"in IPv6, syn+ack", BOTH, DECAP, NOT_SYN, {BAD, .flags = SYN | ACK, IN6}},
	{"in IPv4, to 443", BOTH, DECAP, NOT_PORT, {BAD_SYN, IN4, .port = PORT_HTTPS}},
	{"in IPv4, udp", BOTH, DECAP, NOT_TCP, {BAD_SYN, IN4, .proto = IPPROTO_UDP}},
	{"in IPv6, gre", BOTH, DECAP, NOT_TCP, {BAD_SYN, IN6, .proto = IPPROTO_GRE}},
	{"in IPv4, tagged", BOTH, DECAP, WOULD, {BAD_SYN, IN4, .vlan = {Q}}},
	{"in IPv6, double tagged", BOTH, DECAP, WOULD, {BAD_SYN, IN6, .vlan = {AD, Q}}},
	{"in IPv4 with options", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 4, .ip_options = 40}}}},
	{"in IPv6 with a tunnel limit (RFC 2473)", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_DST}}}}},
	{"in IPv6 with six headers", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST}}}}},
	{"in IPv6 with seven headers", BOTH, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_HOP, EXT_DST, EXT_ROUTE, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}}}},
	{"in IPv6 with 2,048 bytes of options", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_DST_2048}}}}},
	{"in IPv6 by segment routing", BOTH, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_SEGMENTS}}}}},
	{"in IPv4, inner ip options", V4, DECAP, WOULD, {BAD_SYN, IN4, .ip_options = 12}},
	{"in IPv4, inner extension headers", V6, DECAP, WOULD, {BAD_SYN, IN4, .ext = {EXT_HOP, EXT_DST}}},
	{"in IPv6, six headers outside and six inside", V6, DECAP, WOULD, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_HOP, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}}, .ext = {EXT_HOP, EXT_DST, EXT_DST, EXT_DST, EXT_DST, EXT_DST}}},
	{"in IPv4, fast open", BOTH, DECAP, WOULD, {BAD_SYN, IN4, .tcp_options = 12, .tcp_kind = TCP_FAST_OPEN, .payload = 24}},
	{"in IPv4, jumbo", BOTH, DECAP, WOULD, {BAD_SYN, IN4, .payload = 8800}},
	{"in IPv4, trailer", BOTH, DECAP, WOULD, {BAD_SYN, IN4, .trailer = 7}},
	{"in IPv4, first fragment of the tunnel", BOTH, DECAP, WOULD, {BAD_SYN, IN4_FRAG(MF)}},
	{"in IPv4, first fragment of the tunnel, cut in inner ip", BOTH, DECAP, FRAGMENT, {BAD_SYN, IN4_FRAG(MF), .cut = ETH + IP4 + 8}},
	{"in IPv4, first fragment of the tunnel, cut in tcp", V4, DECAP, FRAGMENT, {BAD_SYN, IN4_FRAG(MF), .cut = ETH + IP4 + IP4 + 12}},
	{"in IPv6, first fragment of the tunnel, cut in tcp", V4, DECAP, FRAGMENT, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_FRAG_FIRST}}}, .cut = ETH + IP6 + 8 + IP4 + 12}},
	{"in IPv4, later fragment of the tunnel", BOTH, DECAP, FRAGMENT, {BAD_SYN, IN4_FRAG(185)}},
	{"in IPv6, later fragment of the tunnel", BOTH, DECAP, FRAGMENT, {BAD_SYN, .outer = {{.family = 6, .ext = {EXT_FRAG_LATER}}}}},
	{"in IPv4, inner first fragment", V4, DECAP, WOULD, {BAD_SYN, IN4, .frag_off = MF}},
	{"in IPv4, inner first fragment of 8 bytes", V4, DECAP, FRAGMENT, {BAD_SYN, IN4, .frag_off = MF, .cut = ETH + IP4 + IP4 + 8}},
	{"in IPv6, inner later fragment", V4, DECAP, FRAGMENT, {BAD_SYN, IN6, .frag_off = 185}},
	{"in IPv4, inner later fragment", V6, DECAP, FRAGMENT, {BAD_SYN, IN4, .ext = {EXT_FRAG_LATER}}},
	{"in IPv4, without a byte inside", BOTH, DECAP, MALFORMED, {BAD_SYN, IN4, .cut = ETH + IP4}},
	{"in IPv6, without a byte inside", BOTH, DECAP, MALFORMED, {BAD_SYN, IN6, .cut = ETH + IP6}},
	{"in IPv4, inner ip cut short", BOTH, DECAP, MALFORMED, {BAD_SYN, IN4, .cut = ETH + IP4 + 19}},
	{"in IPv4, inner tcp cut short", V4, DECAP, MALFORMED, {BAD_SYN, IN4, .cut = ETH + IP4 + IP4 + 19}},
	{"in IPv4, outer options cut short", BOTH, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .ip_options = 8}}, .cut = ETH + IP4 + 7}},
	{"in IPv4, inner version wrong", BOTH, DECAP, MALFORMED, {BAD_SYN, IN4, .version = 5}},
	{"in IPv4, outer version wrong", BOTH, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .version = 6}}}},
	{"in IPv4, outer header length 4", BOTH, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .ihl = 4}}}},
	{"in IPv4, said to be IPv6", V4, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .proto = IPPROTO_IPV6}}}},
	{"in IPv4, said to be IPv4", V6, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .proto = IPPROTO_IPIP}}}},
	{"in IPv4, said to be tcp", V4, DECAP, NOT_PORT, {BAD_SYN, .outer = {{.family = 4, .proto = IPPROTO_TCP}}, .payload = 40}},
	{"in IPv4, said to be tcp", V6, DECAP, MALFORMED, {BAD_SYN, .outer = {{.family = 4, .proto = IPPROTO_TCP}}, .payload = 40}},
	{"in gre", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 4, .proto = IPPROTO_GRE}}}},
	{"in udp", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 6, .proto = IPPROTO_UDP}}}},
	{"two tunnels, IPv4 in IPv4", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 4}, {.family = 4}}}},
	{"two tunnels, IPv4 in IPv6", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 6}, {.family = 4}}}},
	{"two tunnels, IPv6 in IPv4", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 4}, {.family = 6}}}},
	{"two tunnels, IPv6 in IPv6", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 6}, {.family = 6}}}},
	{"two tunnels, the inner options cut short", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 4}, {.family = 4, .ip_options = 8}}, .cut = ETH + IP4 + IP4 + 4}},
	{"two tunnels, both ends bad", BOTH, DECAP, NOT_TCP, {BAD_SYN, .outer = {{.family = 4, .host = HOST_NO_PTR}, {.family = 4, .host = HOST_NO_PTR}}}},
	{"two tunnels, decap off", BOTH, PLAIN, NOT_TCP, {BAD_SYN, .outer = {{.family = 4}, {.family = 4}}}},

	/* a gate on a router: the mail of others passes */
	{"router, to the mx", BOTH, ROUTER, WOULD, {BAD_SYN}},
	{"router, to the mx, good", BOTH, ROUTER, KNOWN_PASS, {SYN_FROM = HOST_GOOD}},
	{"router, to the mx, unknown", BOTH, ROUTER, UNKNOWN, {SYN_FROM = HOST_UNKNOWN}},
	{"router, to the mx, denied", BOTH, ROUTER, WOULD_DENY, {SYN_FROM = HOST_DENIED}},
	{"router, to a host beside it", BOTH, ROUTER, NOT_DEST, {BAD_SYN, .dest = DEST_OTHER}},
	{"router, to a host beside it, denied", BOTH, ROUTER, NOT_DEST, {SYN_FROM = HOST_DENIED, .dest = DEST_OTHER}},
	{"router, to a host beside it, unknown", BOTH, ROUTER, NOT_DEST, {SYN_FROM = HOST_UNKNOWN, .dest = DEST_OTHER}},
	{"router, to a protected net", BOTH, ROUTER, WOULD, {BAD_SYN, .dest = DEST_NET}},
	{"router, to the first of a protected net", BOTH, ROUTER, WOULD, {BAD_SYN, .dest = 128}},
	{"router, to the last of a protected net", BOTH, ROUTER, WOULD, {BAD_SYN, .dest = 255}},
	{"router, to the one before a protected net", BOTH, ROUTER, NOT_DEST, {BAD_SYN, .dest = 127}},
	{"router, data to a host beside it", BOTH, ROUTER, NOT_SYN, {BAD, .flags = ACK, .dest = DEST_OTHER}},
	{"router, syn to 443 of a host beside it", BOTH, ROUTER, NOT_PORT, {BAD_SYN, .port = PORT_HTTPS, .dest = DEST_OTHER}},
	{"router, tagged, options, to a host beside it", BOTH, ROUTER, NOT_DEST, {BAD_SYN, .vlan = {AD, Q}, .tcp_options = 20, .dest = DEST_OTHER}},
	{"router, extension headers, to the mx", V6, ROUTER, WOULD, {BAD_SYN, .ext = {EXT_HOP, EXT_DST}}},
	{"router, extension headers, to a host beside it", V6, ROUTER, NOT_DEST, {BAD_SYN, .ext = {EXT_HOP, EXT_DST}, .dest = DEST_OTHER}},
	{"router, first fragment, to a host beside it", V4, ROUTER, NOT_DEST, {BAD_SYN, .frag_off = MF, .dest = DEST_OTHER}},
	{"router, tunnel", BOTH, ROUTER, NOT_TCP, {BAD_SYN, IN4}},
	{"router, IPv4 alone protected", V4, NAMED_V4_ONLY, WOULD, {BAD_SYN}},
	{"router, IPv4 alone protected", V6, NAMED_V4_ONLY, NOT_DEST, {BAD_SYN}},
	{"router with decap, inner to the mx", BOTH, NAMED_DECAP_ROUTER, WOULD, {BAD_SYN, IN4}},
	{"router with decap, inner to a host beside it", BOTH, NAMED_DECAP_ROUTER, NOT_DEST, {BAD_SYN, IN6, .dest = DEST_OTHER}},
	{"router with decap, inner to a protected net", BOTH, NAMED_DECAP_ROUTER, WOULD, {BAD_SYN, IN6, .dest = DEST_NET}},
	{"router with decap, no tunnel", BOTH, NAMED_DECAP_ROUTER, WOULD, {BAD_SYN}},
};
/* clang-format on */

const size_t NAMED_COUNT = sizeof(NAMED) / sizeof(NAMED[0]);

bool named_build(const struct named *named, unsigned int family, struct packet *ret,
		 char ret_label[static NAMED_LABEL_MAX])
{
	struct packet_spec spec = named->spec;

	if (!(named->families & (family == 4 ? V4 : V6)))
		return false;
	spec.family = (uint8_t)family;
	packet_build(ret, &spec);
	snprintf(ret_label, NAMED_LABEL_MAX, "v%u %s", family, named->name);
	return true;
}

void named_configure(const struct named_shape *shape, struct mxg_config *config)
{
	config->decap = shape->decap;
	config->port_count = shape->port_count;
	memset(config->ports, 0, sizeof(config->ports));
	for (unsigned int i = 0; i < shape->port_count; i++)
		config->ports[i] = htons(shape->ports[i]);
	config->dest_count = shape->dest_count;
	memset(config->dests, 0, sizeof(config->dests));
	for (unsigned int i = 0; i < shape->dest_count; i++) {
		const struct named_dest *dest = &shape->dests[i];
		uint8_t mask[16] = {0};

		for (unsigned int bit = 0; bit < dest->bits; bit++)
			mask[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
		config->dests[i].family = dest->family;
		memcpy(config->dests[i].addr, dest->addr, sizeof(dest->addr));
		memcpy(config->dests[i].mask, mask, sizeof(mask));
	}
}
