/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "reply.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER     12
#define FLAG_TC    0x0200
#define FLAG_RD    0x0100
#define PLAIN_SIZE 512
#define QUESTION   (0xc000 | HEADER) /* a pointer to the name in the question */
#define TEXT_SIZE  1024
#define NIBBLE_0   'g' /* reflected names have letters g to v for the digits 0 to f */

/* --- octets --------------------------------------------------------------------------------- */

static void put(struct reply *reply, const void *bytes, size_t len)
{
	if (reply->len + len <= REPLY_MAX)
		memcpy(reply->bytes + reply->len, bytes, len);
	reply->len += len; /* past the end it is an error, found by the caller */
}

static void put16(struct reply *reply, unsigned int value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(reply, bytes, sizeof(bytes));
}

static void put32(struct reply *reply, uint32_t value)
{
	put16(reply, value >> 16);
	put16(reply, value & 0xffff);
}

static void set16(struct reply *reply, size_t at, unsigned int value)
{
	if (at + 2 > REPLY_MAX)
		return;
	reply->bytes[at] = (uint8_t)(value >> 8);
	reply->bytes[at + 1] = (uint8_t)value;
}

static bool put_hex(struct reply *reply, const char *hex)
{
	unsigned int value;
	uint8_t byte;

	for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
		sscanf(hex, "%2x", &value);
		byte = (uint8_t)value;
		put(reply, &byte, 1);
	}
	return *hex == '\0';
}

/* "hex:..." or a name in presentation form. */
static bool put_name(struct reply *reply, const char *text)
{
	uint8_t wire[NS_MAXCDNAME];
	size_t len = 0;

	if (strncmp(text, "hex:", 4) == 0)
		return put_hex(reply, text + 4);
	if (ns_name_pton(text, wire, sizeof(wire)) < 0)
		return false;
	while (wire[len])
		len += wire[len] + 1u;
	put(reply, wire, len + 1);
	return true;
}

/* --- the query ------------------------------------------------------------------------------ */

static bool has_opt(ns_msg *msg)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_ar); i++)
		if (ns_parserr(msg, ns_s_ar, i, &rr) == 0 && ns_rr_type(rr) == ns_t_opt)
			return true;
	return false;
}

bool reply_read_query(const uint8_t *bytes, size_t len, struct script_query *ret)
{
	size_t nlen;
	ns_msg msg;
	ns_rr rr;

	if (ns_initparse(bytes, (int)len, &msg) < 0 || ns_msg_getflag(msg, ns_f_qr) ||
	    ns_msg_count(msg, ns_s_qd) != 1 || ns_parserr(&msg, ns_s_qd, 0, &rr) < 0)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", ns_rr_name(rr));
	for (char *p = ret->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	nlen = strlen(ret->name);
	if (nlen > 0 && ret->name[nlen - 1] == '.')
		ret->name[nlen - 1] = '\0';
	ret->type = (uint16_t)ns_rr_type(rr);
	ret->has_edns = has_opt(&msg);
	return true;
}

/* What the asker has room for over UDP (RFC 6891 §6.2.3). */
static size_t udp_room(const uint8_t *bytes, size_t len)
{
	size_t room = PLAIN_SIZE;
	ns_msg msg;
	ns_rr rr;

	if (ns_initparse(bytes, (int)len, &msg) < 0)
		return room;
	for (int i = 0; i < ns_msg_count(msg, ns_s_ar); i++)
		if (ns_parserr(&msg, ns_s_ar, i, &rr) == 0 && ns_rr_type(rr) == ns_t_opt &&
		    (size_t)ns_rr_class(rr) > room)
			room = (size_t)ns_rr_class(rr);
	return room;
}

/* The end of the one question in a query that was read before. */
static size_t question_end(const uint8_t *msg)
{
	size_t at = HEADER;

	while (msg[at])
		at += msg[at] + 1u;
	return at + 1 + 4;
}

/* --- records -------------------------------------------------------------------------------- */

/* %n the number, %N with four digits, %h and %l its upper and lower eight bits. */
static void fill(const char *text, uint32_t number, char *buf)
{
	size_t used = 0;

	for (; *text && used < TEXT_SIZE - 16; text++) {
		if (text[0] != '%' || !text[1] || !strchr("nNhl", text[1])) {
			buf[used++] = *text;
			continue;
		}
		text++;
		used += (size_t)sprintf(buf + used, *text == 'N' ? "%04u" : "%u",
					*text == 'h'   ? number >> 8 & 0xff
					: *text == 'l' ? number & 0xff
						       : number);
	}
	buf[used] = '\0';
}

static bool put_address(struct reply *reply, uint16_t type, const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(type == ns_t_a ? AF_INET : AF_INET6, text, bytes) != 1)
		return false;
	put(reply, bytes, type == ns_t_a ? 4 : 16);
	return true;
}

/* MNAME RNAME and five numbers. */
static bool put_soa(struct reply *reply, char *text)
{
	char *save, *word = strtok_r(text, " \t", &save);

	for (unsigned int i = 0; i < 7; i++, word = strtok_r(NULL, " \t", &save)) {
		if (!word || (i < 2 && !put_name(reply, word)))
			return false;
		if (i >= 2)
			put32(reply, (uint32_t)strtoul(word, NULL, 10));
	}
	return true;
}

static bool put_mx(struct reply *reply, char *text)
{
	char *name;

	put16(reply, (unsigned int)strtoul(text, &name, 10));
	return put_name(reply, name + strspn(name, " \t"));
}

static bool put_rdata(struct reply *reply, uint16_t type, char *text)
{
	uint8_t len = (uint8_t)strlen(text);

	if (strncmp(text, "hex:", 4) == 0)
		return put_hex(reply, text + 4);
	switch (type) {
	case ns_t_a:
	case ns_t_aaaa:
		return put_address(reply, type, text);
	case ns_t_soa:
		return put_soa(reply, text);
	case ns_t_mx:
		return put_mx(reply, text);
	case ns_t_txt:
		put(reply, &len, 1);
		put(reply, text, len);
		return true;
	default:
		return put_name(reply, text);
	}
}

static bool put_record(struct reply *reply, const struct script_record *record, uint32_t number)
{
	char owner[TEXT_SIZE], rdata[TEXT_SIZE];
	size_t at;

	fill(record->owner, number, owner);
	if (strcmp(owner, "@") == 0)
		put16(reply, QUESTION);
	else if (!put_name(reply, owner))
		return false;
	put16(reply, record->type);
	put16(reply, record->rclass);
	put32(reply, record->ttl);
	at = reply->len;
	put16(reply, 0);
	if (strlen(record->rdata) < TEXT_SIZE) {
		fill(record->rdata, number, rdata);
		if (!put_rdata(reply, record->type, rdata))
			return false;
	} else if (!put_rdata(reply, record->type, record->rdata)) {
		return false;
	}
	set16(reply, at,
	      record->rdlength != SCRIPT_ANY ? record->rdlength
					     : (unsigned int)(reply->len - at - 2));
	return true;
}

struct place {
	const struct script_record *record;
	uint32_t number;
};

static size_t count_section(const struct script_rule *rule, enum script_section section)
{
	const struct script_record *record;
	size_t count = 0;

	for (record = rule->records; record; record = record->next)
		if (record->section == section)
			count += record->last - record->first + 1;
	return count;
}

static void shuffle(struct place *places, size_t count)
{
	struct place swap;
	size_t other;

	for (; count > 1; count--) {
		other = (size_t)random() % count;
		swap = places[count - 1];
		places[count - 1] = places[other];
		places[other] = swap;
	}
}

static bool put_section(struct reply *reply, const struct script_rule *rule,
			enum script_section section, size_t count)
{
	struct place *places = calloc(count + 1, sizeof(*places));
	const struct script_record *record;
	bool good = places != NULL;
	size_t used = 0, i;
	uint32_t n;

	for (record = rule->records; good && record; record = record->next)
		for (n = record->first; record->section == section && n <= record->last; n++)
			places[used++] = (struct place){record, n};
	if (rule->shuffle && section == SECTION_ANSWER && good)
		shuffle(places, used);
	for (i = 0; good && i < used; i++) {
		good = put_record(reply, places[i].record, places[i].number);
		if (!good)
			fprintf(stderr, "hostile: %s: no record: %s %s\n", rule->name,
				places[i].record->owner, places[i].record->rdata);
	}
	free(places);
	return good;
}

/* --- names made from addresses -------------------------------------------------------------- */

static const char *below(const char *name, const char *zone)
{
	size_t nlen = strlen(name), zlen = strlen(zone);

	if (nlen <= zlen + 1 || strcmp(name + nlen - zlen, zone) != 0 ||
	    name[nlen - zlen - 1] != '.')
		return NULL;
	return name + nlen - zlen - 1;
}

/* The address in "4.3.2.1.in-addr.arpa" or in nibbles; its length, 0 if there is none. */
static size_t reverse_address(const char *name, uint8_t bytes[static 16])
{
	unsigned int a, b, c, d;
	int end = 0;

	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &d, &c, &b, &a, &end) == 4 && end > 0 &&
	    !name[end]) {
		bytes[0] = (uint8_t)a, bytes[1] = (uint8_t)b, bytes[2] = (uint8_t)c;
		bytes[3] = (uint8_t)d;
		return 4;
	}
	if (strlen(name) != 72 || strcmp(name + 64, "ip6.arpa") != 0)
		return 0;
	for (size_t i = 0; i < 16; i++) {
		if (sscanf(name + 60 - 4 * i, "%1x.%1x.", &b, &a) != 2)
			return 0;
		bytes[i] = (uint8_t)(a << 4 | b);
	}
	return 16;
}

/* PTR: letters for the address's digits, below the zone. */
static bool put_reflected_name(struct reply *reply, const struct script_rule *rule,
			       const struct script_query *query)
{
	char text[TEXT_SIZE];
	uint8_t bytes[16];
	size_t len = reverse_address(query->name, bytes), i;

	if (len == 0 || strlen(rule->reflect) > 200)
		return false;
	for (i = 0; i < len; i++) {
		text[2 * i] = (char)(NIBBLE_0 + (bytes[i] >> 4));
		text[2 * i + 1] = (char)(NIBBLE_0 + (bytes[i] & 15));
	}
	sprintf(text + 2 * len, ".%s", rule->reflect);
	put16(reply, QUESTION);
	put16(reply, ns_t_ptr);
	put16(reply, ns_c_in);
	put32(reply, 300);
	put16(reply, (unsigned int)strlen(text) + 2);
	return put_name(reply, text);
}

static bool put_reflected_address(struct reply *reply, const struct script_rule *rule,
				  const struct script_query *query)
{
	const char *dot = below(query->name, rule->reflect);
	size_t len = query->type == ns_t_a ? 4 : 16, i;
	uint8_t bytes[16];

	if (!dot || (size_t)(dot - query->name) != 2 * len)
		return false;
	for (i = 0; i < 2 * len; i++) {
		unsigned int nibble = (unsigned int)(query->name[i] - NIBBLE_0);

		if (nibble > 15)
			return false;
		bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | nibble : nibble << 4);
	}
	put16(reply, QUESTION);
	put16(reply, query->type);
	put16(reply, ns_c_in);
	put32(reply, 300);
	put16(reply, (unsigned int)len);
	put(reply, bytes, len);
	return true;
}

static bool put_reflected(struct reply *reply, const struct script_rule *rule,
			  const struct script_query *query)
{
	if (!rule->reflect)
		return false;
	if (query->type == ns_t_ptr)
		return put_reflected_name(reply, rule, query);
	if (query->type == ns_t_a || query->type == ns_t_aaaa)
		return put_reflected_address(reply, rule, query);
	return false;
}

/* --- the message ---------------------------------------------------------------------------- */

static unsigned int put_question(struct reply *reply, const struct script_rule *rule,
				 const uint8_t *msg)
{
	size_t len = question_end(msg) - HEADER;

	switch (rule->question) {
	case QUESTION_NONE:
		return 0;
	case QUESTION_OTHER:
		if (!put_name(reply, rule->question_name))
			fprintf(stderr, "hostile: %s: no name\n", rule->question_name);
		put16(reply, rule->question_type);
		put16(reply, ns_c_in);
		return 1;
	case QUESTION_TWICE:
		put(reply, msg + HEADER, len);
		break;
	case QUESTION_COPY:
		break;
	}
	put(reply, msg + HEADER, len);
	return rule->question == QUESTION_TWICE ? 2 : 1;
}

static void put_opt(struct reply *reply, uint16_t rcode)
{
	uint8_t root = 0;

	put(reply, &root, 1);
	put16(reply, ns_t_opt);
	put16(reply, 1232);
	put32(reply, (uint32_t)(rcode >> 4) << 24);
	put16(reply, 0);
}

static void put_header(struct reply *reply, const struct script_rule *rule, const uint8_t *msg)
{
	unsigned int id = ns_get16(msg), asked = ns_get16(msg + 2);

	put16(reply, rule->wrong_id ? id ^ 0x5555 : id);
	put16(reply, (unsigned int)rule->flags | (asked & FLAG_RD) | (rule->opcode & 15u) << 11 |
			     (rule->rcode & 15u));
	for (unsigned int i = 0; i < 4; i++)
		put16(reply, 0);
}

static void cut_to_question(struct reply *reply, const uint8_t *msg)
{
	reply->len = question_end(msg);
	memcpy(reply->bytes + HEADER, msg + HEADER, reply->len - HEADER);
	reply->bytes[2] |= FLAG_TC >> 8;
	memset(reply->bytes + 4, 0, 8);
	set16(reply, 4, 1);
}

static bool write_message(const struct script_rule *rule, const struct script_query *query,
			  const uint8_t *msg, struct reply *reply)
{
	uint32_t opts = rule->opts == SCRIPT_ANY ? query->has_edns : rule->opts;
	size_t counts[SECTION_MAX];
	unsigned int i;

	put_header(reply, rule, msg);
	set16(reply, 4, put_question(reply, rule, msg));
	for (i = 0; i < SECTION_MAX; i++) {
		counts[i] = count_section(rule, (enum script_section)i);
		if (i == SECTION_ANSWER && put_reflected(reply, rule, query))
			counts[i]++;
		if (!put_section(reply, rule, (enum script_section)i, counts[i]))
			return false;
	}
	for (i = 0; i < opts; i++)
		put_opt(reply, rule->rcode);
	counts[SECTION_ADDITIONAL] += opts;
	for (i = 0; i < SECTION_MAX; i++)
		set16(reply, 6 + 2 * i,
		      rule->counts[i] != SCRIPT_ANY ? rule->counts[i] : (unsigned int)counts[i]);
	return true;
}

static bool write_raw(const struct script_rule *rule, const uint8_t *msg, struct reply *reply)
{
	put(reply, msg, 2);
	if (rule->raw)
		return put_hex(reply, rule->raw);
	for (uint32_t i = 0; i < rule->noise; i++) {
		uint8_t byte = (uint8_t)random();

		put(reply, &byte, 1);
	}
	return true;
}

bool reply_write(const struct script_rule *rule, const struct script_query *query,
		 const uint8_t *msg, size_t len, struct reply *reply)
{
	static const struct script_rule nobody = {
		.flags = 0x8000,
		.rcode = ns_r_refused,
		.opts = SCRIPT_ANY,
		.counts = {SCRIPT_ANY, SCRIPT_ANY, SCRIPT_ANY},
		.cut = SCRIPT_ANY,
	};
	bool good;

	if (!rule)
		rule = &nobody;
	reply->len = 0;
	good = rule->raw || rule->noise ? write_raw(rule, msg, reply)
					: write_message(rule, query, msg, reply);
	if (good && reply->len > REPLY_MAX)
		fprintf(stderr, "hostile: %s: more than a message can hold\n", rule->name);
	if (!good || reply->len > REPLY_MAX)
		return false;
	if (!query->is_tcp && !rule->raw && !rule->noise && reply->len > udp_room(msg, len))
		cut_to_question(reply, msg);
	return true;
}
