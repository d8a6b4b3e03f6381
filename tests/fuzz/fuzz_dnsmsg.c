// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The reply parser on hostile bytes, beside a second reader of the same message that
 * was written for this and shares nothing with it: what the parser takes for knowledge
 * must be there. The first byte of the input says where the message comes from:
 *
 *   bit 0     the rest describes a reply, record by record, which is built and then
 *             damaged here and there; else the rest is the message
 *   bits 1-2  the type that was asked for, if it is not the one in the question
 *   bit 3     another name was asked for than the one in the question
 */
#include <arpa/nameser.h>
#include <ctype.h>
#include <string.h>

#include "core/dnsmsg.h"
#include "fuzz.h"

#define NAME_MAX_LEN 255
#define HEADER_LEN   12
#define SOA_NUMBERS  20

static const uint16_t types[] = {ns_t_ptr, ns_t_a, ns_t_aaaa, ns_t_ptr};
static union dns_records records, records_again;

/* --- the second reader ------------------------------------------------------------------------ */

/* A name in lower-case wire form, not compressed. */
struct wname {
	uint8_t bytes[NAME_MAX_LEN];
	size_t len;
};

struct wrec {
	struct wname owner;
	bool is_readable;     /* the owner; sections that nothing depends on may have broken ones */
	unsigned int section; /* 0 question, 1 answer, 2 authority, 3 additional */
	uint16_t type, class;
	uint32_t ttl;
	size_t rdata, rdlen; /* offsets in the message */
};

struct cursor {
	const uint8_t *msg;
	size_t len, at;
	unsigned int section, left;
};

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

/* The name at *at, which moves behind it; false when there is none. */
static bool read_name(const uint8_t *msg, size_t len, size_t *at, struct wname *ret)
{
	size_t pos = *at, hops = 0;

	ret->len = 0;
	while (pos < len) {
		unsigned int label = msg[pos];

		if ((label & 0xc0) == 0xc0) {
			if (pos + 1 >= len || ++hops > len / 2)
				return false;
			if (hops == 1)
				*at = pos + 2;
			pos = get16(msg + pos) & 0x3fff;
			continue;
		}
		if (label > 63 || pos + 1 + label > len || ret->len + 1 + label > NAME_MAX_LEN)
			return false;
		ret->bytes[ret->len++] = (uint8_t)label;
		for (unsigned int i = 1; i <= label; i++)
			ret->bytes[ret->len++] = (uint8_t)tolower(msg[pos + i]);
		pos += 1 + label;
		if (label == 0) {
			if (hops == 0)
				*at = pos;
			return true;
		}
	}
	return false;
}

static bool skip_name(const uint8_t *msg, size_t len, size_t *at)
{
	for (; *at < len; *at += 1u + msg[*at]) {
		if ((msg[*at] & 0xc0) == 0xc0 || msg[*at] == 0) {
			*at += msg[*at] ? 2 : 1;
			return true;
		}
	}
	return false;
}

static bool same_name(const struct wname *a, const struct wname *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* True when zone is name or above it. */
static bool is_within(const struct wname *name, const struct wname *zone)
{
	for (size_t at = 0; at < name->len; at += 1u + name->bytes[at])
		if (name->len - at == zone->len &&
		    memcmp(name->bytes + at, zone->bytes, zone->len) == 0)
			return true;
	return false;
}

static void rewind_to_start(struct cursor *cursor, const uint8_t *msg, size_t len)
{
	*cursor = (struct cursor){.msg = msg, .len = len, .at = HEADER_LEN};
	cursor->left = get16(msg + 4);
}

/* The next record, the question being one without data. False at the end. */
static bool next_record(struct cursor *cursor, struct wrec *ret)
{
	size_t at;

	while (cursor->left == 0) {
		if (++cursor->section > 3)
			return false;
		cursor->left = get16(cursor->msg + 4 + 2 * cursor->section);
	}
	cursor->left--;
	ret->section = cursor->section;
	at = cursor->at;
	ret->is_readable = read_name(cursor->msg, cursor->len, &at, &ret->owner);
	CHECK(skip_name(cursor->msg, cursor->len, &cursor->at));
	CHECK(!ret->is_readable || at == cursor->at);
	CHECK(cursor->at + 4 <= cursor->len);
	ret->type = (uint16_t)get16(cursor->msg + cursor->at);
	ret->class = (uint16_t)get16(cursor->msg + cursor->at + 2);
	cursor->at += 4;
	if (ret->section == 0)
		return true;
	CHECK(cursor->at + 6 <= cursor->len);
	ret->ttl = get16(cursor->msg + cursor->at) << 16 | get16(cursor->msg + cursor->at + 2);
	ret->rdlen = get16(cursor->msg + cursor->at + 4);
	ret->rdata = cursor->at + 6;
	cursor->at = ret->rdata + ret->rdlen;
	CHECK(cursor->at <= cursor->len);
	if (ret->ttl > DNS_TTL_MAX_SEC)
		ret->ttl = DNS_TTL_MAX_SEC;
	return true;
}

/* The label bytes as dnsmsg.h says that a name is written. */
static void write_text(const struct wname *name, char *out)
{
	const uint8_t *at = name->bytes;

	if (*at == 0)
		*out++ = '.';
	while (*at) {
		for (unsigned int i = *at++; i > 0; i--, at++) {
			if (strchr(".\\\"", *at) && *at)
				out += sprintf(out, "\\%c", *at);
			else if (*at > 0x20 && *at < 0x7f)
				*out++ = (char)*at;
			else
				out += sprintf(out, "\\%03u", *at);
		}
		if (*at)
			*out++ = '.';
	}
	*out = '\0';
}

/* --- what must hold --------------------------------------------------------------------------- */

struct asked {
	char text[NS_MAXDNAME];
	struct wname name;
	uint16_t type;
};

/* The chain of CNAMEs from the name that was asked for. */
struct chain {
	struct wname end;
	unsigned int hops;
	uint32_t ttl_sec;
	unsigned int data; /* records of the type asked for at the end of it */
	bool cname;        /* and a CNAME there, too */
};

static void look_at_owner(const uint8_t *msg, size_t len, uint16_t type, struct chain *chain,
			  struct wname *ret_target)
{
	struct cursor cursor;
	struct wrec rec;
	size_t at;

	chain->data = 0;
	chain->cname = false;
	rewind_to_start(&cursor, msg, len);
	while (next_record(&cursor, &rec)) {
		CHECK(rec.section != 1 || rec.is_readable);
		if (rec.section != 1 || rec.class != ns_c_in || !same_name(&rec.owner, &chain->end))
			continue;
		if (rec.type != type && rec.type != ns_t_cname)
			continue;
		if (rec.ttl < chain->ttl_sec)
			chain->ttl_sec = rec.ttl;
		if (rec.type == type) {
			chain->data++;
			continue;
		}
		at = rec.rdata;
		CHECK(read_name(msg, len, &at, ret_target));
		CHECK(at == rec.rdata + rec.rdlen);
		chain->cname = true;
	}
}

static void follow(const uint8_t *msg, size_t len, const struct asked *asked, struct chain *ret)
{
	struct wname target;

	*ret = (struct chain){.end = asked->name, .ttl_sec = DNS_TTL_MAX_SEC};
	for (;;) {
		look_at_owner(msg, len, asked->type, ret, &target);
		if (ret->data > 0 || !ret->cname)
			return;
		ret->hops++;
		CHECK(ret->hops <= DNS_CHAIN_MAX);
		ret->end = target;
	}
}

static bool has_name(const struct dns_answer *answer, const char *text)
{
	for (unsigned int i = 0; i < answer->count; i++)
		if (strcmp(answer->names[i].text, text) == 0)
			return true;
	return false;
}

static bool has_addr(const struct dns_answer *answer, const uint8_t *bytes, unsigned int family)
{
	struct addr addr;

	addr_from_bytes(family, bytes, &addr);
	for (unsigned int i = 0; i < answer->count; i++)
		if (addr_equal(&answer->addrs[i], &addr))
			return true;
	return false;
}

static bool may_be_host(const char *text)
{
	const char *last = strrchr(text, '.');

	last = last ? last + 1 : text;
	return strlen(text) < DNS_HOST_TEXT_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(text) &&
	       strspn(last, "0123456789") < strlen(last);
}

static bool has_others(const struct dns_answer *answer)
{
	for (unsigned int i = 0; i < answer->count; i++)
		if (!answer->names[i].is_host)
			return true;
	return false;
}

/* Each record at the chain's end is in the answer, and the answer has no more than those. */
static void check_data(const uint8_t *msg, size_t len, const struct asked *asked,
		       const struct chain *chain, const struct dns_answer *answer)
{
	static char texts[DNS_NAMES_MAX + 1][DNS_NAME_TEXT_MAX];
	unsigned int distinct = 0, found = 0, i;
	struct cursor cursor;
	struct wname target;
	struct wrec rec;
	size_t at;

	rewind_to_start(&cursor, msg, len);
	while (next_record(&cursor, &rec)) {
		if (rec.section != 1 || rec.class != ns_c_in || rec.type != asked->type ||
		    !same_name(&rec.owner, &chain->end))
			continue;
		found++;
		if (asked->type != ns_t_ptr) {
			CHECK(rec.rdlen == (asked->type == ns_t_a ? 4 : 16));
			CHECK(has_addr(answer, msg + rec.rdata, asked->type == ns_t_a ? 4 : 6));
			continue;
		}
		at = rec.rdata;
		CHECK(read_name(msg, len, &at, &target) && at == rec.rdata + rec.rdlen);
		write_text(&target, texts[distinct]);
		for (i = 0; i < distinct && strcmp(texts[i], texts[distinct]) != 0;)
			i++;
		distinct += i == distinct && distinct < DNS_NAMES_MAX;
		/* Of too many, those that can be no host go first. */
		if (answer->total <= DNS_NAMES_MAX || (may_be_host(texts[i]) && has_others(answer)))
			CHECK(has_name(answer, texts[i]));
	}
	if (asked->type == ns_t_ptr)
		CHECK(answer->count == distinct);
	else
		CHECK(answer->count == found);
}

/* An absence: proven by the SOA of a zone around the name, or claimed by one who may know. */
static void check_absence(const uint8_t *msg, size_t len, const struct chain *chain,
			  const struct dns_answer *answer)
{
	bool has_soa = false, has_ns = false, may_know = (msg[3] & 0x80) || (msg[2] & 0x04);
	struct cursor cursor;
	struct wrec rec;

	CHECK(chain->data == 0 && !chain->cname);
	rewind_to_start(&cursor, msg, len);
	while (next_record(&cursor, &rec)) {
		CHECK(rec.section != 2 || rec.is_readable);
		if (rec.section != 2 || rec.class != ns_c_in)
			continue;
		has_ns |= rec.type == ns_t_ns;
		if (rec.type != ns_t_soa || !is_within(&chain->end, &rec.owner))
			continue;
		has_soa = true;
		CHECK(rec.rdlen > SOA_NUMBERS);
		CHECK(answer->ttl_sec <= rec.ttl);
	}
	if (has_soa)
		return;
	CHECK(may_know);
	CHECK(answer->ttl_sec <= DNS_NEGATIVE_TTL_SEC);
	CHECK(chain->hops > 0 || get16(msg + 6) == 0);
	if (answer->status == DNS_NODATA)
		CHECK(chain->hops == 0 && !has_ns);
}

static void check_knowledge(const uint8_t *msg, size_t len, const struct asked *asked,
			    const struct dns_answer *answer)
{
	struct cursor cursor;
	struct chain chain;
	struct wrec rec;

	CHECK(len >= HEADER_LEN && msg[2] >> 7 == 1);
	CHECK((msg[2] >> 3 & 15) == ns_o_query && !(msg[2] & 0x02));
	CHECK((msg[3] & 15) == (answer->status == DNS_NXDOMAIN ? ns_r_nxdomain : ns_r_noerror));
	CHECK(answer->rcode == (msg[3] & 15));
	CHECK(get16(msg + 4) == 1);
	rewind_to_start(&cursor, msg, len);
	CHECK(next_record(&cursor, &rec) && rec.is_readable);
	CHECK(rec.type == asked->type && rec.class == ns_c_in);
	CHECK(same_name(&rec.owner, &asked->name));
	follow(msg, len, asked, &chain);
	CHECK(answer->ttl_sec <= chain.ttl_sec);
	if (answer->status != DNS_DATA) {
		check_absence(msg, len, &chain, answer);
		return;
	}
	CHECK(chain.data > 0 && answer->ttl_sec == chain.ttl_sec);
	check_data(msg, len, asked, &chain, answer);
}

static void check_name(const struct dns_name *name)
{
	size_t len = strnlen(name->text, sizeof(name->text));

	CHECK(len > 0 && len < sizeof(name->text));
	for (size_t i = 0; i < len; i++)
		CHECK(name->text[i] > 0x20 && name->text[i] < 0x7f && !isupper(name->text[i]));
	if (!name->is_host)
		return;
	CHECK(len < DNS_HOST_TEXT_MAX);
	CHECK(strspn(name->text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
	CHECK(!strstr(name->text, "..") && name->text[0] != '.' && name->text[len - 1] != '.');
}

static void check_shape(const struct asked *asked, const struct dns_answer *answer)
{
	CHECK(answer->status <= DNS_OTHER && answer->rcode <= 0xfff);
	CHECK(answer->ttl_sec <= DNS_TTL_MAX_SEC && answer->count <= answer->total);
	if (answer->status != DNS_DATA) {
		CHECK(answer->count == 0 && answer->total == 0);
		CHECK(dns_status_is_certain(answer->status) || answer->ttl_sec == 0);
		return;
	}
	CHECK(answer->count > 0 && answer->note == NULL);
	if (asked->type != ns_t_ptr) {
		CHECK(answer->count <= DNS_ADDRS_MAX && answer->total == answer->count);
		return;
	}
	CHECK(answer->count <= DNS_NAMES_MAX);
	CHECK(answer->total == answer->count || answer->count == DNS_NAMES_MAX);
	for (unsigned int i = 0; i < answer->count; i++) {
		check_name(&answer->names[i]);
		CHECK(i == 0 || strcmp(answer->names[i - 1].text, answer->names[i].text) < 0);
	}
}

static void check_same(uint16_t type, const struct dns_answer *a, const struct dns_answer *b)
{
	CHECK(a->status == b->status && a->rcode == b->rcode && a->ttl_sec == b->ttl_sec);
	CHECK(a->count == b->count && a->total == b->total && a->note == b->note);
	for (unsigned int i = 0; i < a->count; i++)
		if (type == ns_t_ptr)
			CHECK(strcmp(a->names[i].text, b->names[i].text) == 0 &&
			      a->names[i].is_host == b->names[i].is_host);
		else
			CHECK(addr_equal(&a->addrs[i], &b->addrs[i]));
}

/* What lies behind the message and the case of the question change nothing. */
static void check_again(const uint8_t *msg, size_t len, const struct asked *asked,
			const struct dns_answer *answer)
{
	char qname[NS_MAXDNAME];
	struct dns_answer again;
	uint8_t *longer = malloc(len + 64);

	CHECK(longer != NULL);
	memcpy(longer, msg, len);
	memset(longer + len, 0xc0, 64);
	for (size_t i = 0; i < sizeof(qname); i++)
		qname[i] = (char)toupper(asked->text[i]);
	dnsmsg_parse(longer, len, qname, asked->type, &records_again, &again);
	check_same(asked->type, answer, &again);
	/* A byte too many may make a good message unreadable, and nothing else of it. */
	dnsmsg_parse(longer, len + 1, asked->text, asked->type, &records_again, &again);
	if (dns_status_is_certain(answer->status) && again.status != DNS_MALFORMED)
		check_same(asked->type, answer, &again);
	free(longer);
}

/* --- a reply to be damaged -------------------------------------------------------------------- */

#define BUILT_MAX   4096
#define BUILT_ROOM  600 /* for one record */
#define BUILT_NAMES 8

static const char *const built_names[BUILT_NAMES] = {
	"\0011\0012\0010\003192\7in-addr\4arpa",
	"\0011\0050-127\0012\0010\003192\7in-addr\4arpa",
	"\2mx\7example",
	"\4mail\2mx\7example",
	"\7example",
	"",
	"\3a.b\1\\\2\377\1\4MAIL",
	"\3192\0010\0012\0011",
};

struct builder {
	uint8_t bytes[BUILT_MAX];
	size_t len;
};

static void put16(struct builder *b, unsigned int value)
{
	b->bytes[b->len++] = (uint8_t)(value >> 8);
	b->bytes[b->len++] = (uint8_t)value;
}

static void put_name(struct builder *b, struct input *input)
{
	unsigned int which = take_below(input, BUILT_NAMES + 2);
	const char *name;

	if (which >= BUILT_NAMES) {
		put16(b, 0xc000 + HEADER_LEN + (which > BUILT_NAMES ? take8(input) : 0));
		return;
	}
	name = built_names[which];
	memcpy(b->bytes + b->len, name, strlen(name) + 1);
	b->len += strlen(name) + 1;
}

static void put_rdata(struct builder *b, struct input *input, unsigned int type)
{
	size_t len = type == ns_t_a ? 4 : type == ns_t_aaaa ? 16 : SOA_NUMBERS;

	if (type == ns_t_ptr || type == ns_t_cname || type == ns_t_ns || type == ns_t_dname) {
		put_name(b, input);
		return;
	}
	if (type == ns_t_soa) {
		put_name(b, input);
		put_name(b, input);
		len = SOA_NUMBERS;
	} else if (type == ns_t_opt) {
		len = 0;
	}
	for (; len > 0; len--)
		b->bytes[b->len++] = take8(input);
}

static void put_record(struct builder *b, struct input *input, unsigned int section)
{
	static const uint16_t built_types[] = {ns_t_ptr, ns_t_a,  ns_t_aaaa,  ns_t_cname,
					       ns_t_soa, ns_t_ns, ns_t_dname, ns_t_opt};
	unsigned int type = built_types[take_below(input, 8)];
	uint32_t ttl;
	size_t at;

	put_name(b, input);
	put16(b, type);
	put16(b, type == ns_t_opt ? 1232 : take_below(input, 8) == 7 ? ns_c_chaos : ns_c_in);
	ttl = take_ttl(input);
	put16(b, ttl >> 16);
	put16(b, ttl);
	at = b->len;
	put16(b, 0);
	put_rdata(b, input, type);
	b->bytes[at] = (uint8_t)((b->len - at - 2) >> 8);
	b->bytes[at + 1] = (uint8_t)(b->len - at - 2);
	b->bytes[5 + 2 * section]++;
}

static void build(struct builder *b, struct input *input, uint16_t type)
{
	static const uint8_t rcodes[] = {0, 0, 0, 3, 3, 2, 5, 1};
	unsigned int section, damage = take_below(input, 4);

	memset(b->bytes, 0, HEADER_LEN);
	b->len = HEADER_LEN;
	b->bytes[2] = 0x80 | (take8(input) & 0x06);
	b->bytes[3] = (uint8_t)((take8(input) & 0x80) | rcodes[take_below(input, 8)]);
	b->bytes[5] = 1;
	put_name(b, input);
	put16(b, type);
	put16(b, ns_c_in);
	while (input->left > 16 && b->len + BUILT_ROOM < BUILT_MAX) {
		/* In the order of the sections, or counted in the wrong one. */
		for (section = 1; section < 3 && take_below(input, 3) == 2;)
			section++;
		put_record(b, input, section);
	}
	while (damage-- > 0 && b->len > 0)
		b->bytes[take32(input) % b->len] ^= take8(input);
}

/* --- one input -------------------------------------------------------------------------------- */

/* What was asked for: mostly what the message says. */
static void ask(const uint8_t *msg, size_t len, uint8_t how, struct asked *ret)
{
	size_t at = HEADER_LEN;

	ret->type = types[how >> 1 & 3];
	if (how & 8 || len <= HEADER_LEN || !read_name(msg, len, &at, &ret->name)) {
		memcpy(ret->name.bytes, built_names[0], strlen(built_names[0]) + 1);
		ret->name.len = strlen(built_names[0]) + 1;
	} else if (at + 2 <= len && (get16(msg + at) == ns_t_ptr || get16(msg + at) == ns_t_a ||
				     get16(msg + at) == ns_t_aaaa)) {
		ret->type = (uint16_t)get16(msg + at);
	}
	CHECK(ns_name_ntop(ret->name.bytes, ret->text, sizeof(ret->text)) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t how = take8(&input);
	struct builder builder;
	struct dns_answer answer;
	struct asked asked;
	uint8_t *msg;
	size_t len;

	if (how & 1)
		build(&builder, &input, types[how >> 1 & 3]);
	len = how & 1 ? builder.len : input.left;
	/* To the byte, so that the sanitizer sees what is read behind it. */
	msg = malloc(len ? len : 1);
	if (!msg)
		return 0;
	if (len > 0)
		memcpy(msg, how & 1 ? builder.bytes : input.data, len);
	ask(msg, len, how, &asked);
	dnsmsg_parse(msg, len, asked.text, asked.type, &records, &answer);
	check_shape(&asked, &answer);
	if (dns_status_is_certain(answer.status))
		check_knowledge(msg, len, &asked, &answer);
	check_again(msg, len, &asked, &answer);
	free(msg);
	return 0;
}
