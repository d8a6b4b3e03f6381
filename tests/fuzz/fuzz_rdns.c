// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The name classifier: any text for a name, and names made of the pieces that real
 * ones are made of, the address in many notations among them. It must end, give the
 * same twice, add up to what it says, find nothing in the part that is the registry's
 * or the provider's, and let a whole evaluation be generic only if every name is.
 */
#include <string.h>

#include "core/rdns.h"
#include "fuzz.h"

#define NAMES_MAX 4

/* --- names ------------------------------------------------------------------------------------ */

struct text {
	char bytes[DNS_NAME_TEXT_MAX];
	size_t len;
};

static void put(struct text *text, const char *what)
{
	size_t len = strlen(what);

	if (text->len + len >= sizeof(text->bytes))
		return;
	memcpy(text->bytes + text->len, what, len + 1);
	text->len += len;
}

static const char *const words[] = {
	"dhcp", "dyn", "dynamic", "pool", "ppp",  "dsl", "cable", "static", "mail",   "mx",
	"smtp", "out", "host",    "cpe",  "user", "ip",  "x",     "a",      "mailer", "unassigned",
};
static const char *const tails[] = {
	"example.com", "example.co.uk",     "net.br",       "com",
	"example",     "a.b.c.kawasaki.jp", "in-addr.arpa", "compute.amazonaws.com"};

/* One octet of an IPv4 address, or two of an IPv6 one. */
static void put_part(struct text *text, const struct addr *addr, unsigned int which,
		     unsigned int form)
{
	static const char *const forms4[] = {"%u", "%03u", "%02x", "%x"};
	static const char *const forms6[] = {"%x", "%04x", "%02x", "%u"};
	unsigned int value = addr->bytes[which & 3];
	char part[16];

	if (addr->family == 6)
		value = (unsigned int)addr->bytes[2 * (which & 7)] << 8 |
			addr->bytes[2 * (which & 7) + 1];
	snprintf(part, sizeof(part), addr->family == 4 ? forms4[form & 3] : forms6[form & 3],
		 value);
	put(text, part);
}

static void put_address(struct text *text, const struct addr *addr, struct input *input)
{
	static const char *const separators[] = {"-", ".", "_", "", "x", "--", "-.", "a"};
	unsigned int parts = addr->family == 4 ? 4 : 8, how = take8(input), form = take8(input);

	for (unsigned int i = 0; i < parts; i++) {
		put_part(text, addr, how & 1 ? parts - 1 - i : i, form);
		if (i + 1 < parts)
			put(text, separators[form >> 2 & 7]);
	}
}

/* Text of a name, as struct dns_name has it: lower case, no byte that needs an escape. */
static void put_raw(struct text *text, struct input *input, unsigned int count)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	while (count-- > 0) {
		unsigned int which = take_below(input, 64);
		char one[2] = {which < sizeof(bytes) - 1 ? bytes[which] : '.', '\0'};

		put(text, one);
	}
}

static void make_name(struct input *input, const struct addr *addr, struct text *ret)
{
	unsigned int pieces = take_below(input, 12);

	ret->len = 0;
	ret->bytes[0] = '\0';
	while (pieces-- > 0) {
		unsigned int piece = take8(input);

		switch (piece & 7) {
		case 0:
			put_raw(ret, input, piece >> 3);
			break;
		case 1:
		case 2:
			put(ret, words[take_below(input, sizeof(words) / sizeof(words[0]))]);
			break;
		case 3:
			put_address(ret, addr, input);
			break;
		case 4:
			put_part(ret, addr, take8(input), piece >> 3);
			break;
		case 5:
			put(ret, "-");
			break;
		case 6:
			put(ret, piece >> 3 == 31 ? "\\046" : ".");
			break;
		default:
			put(ret, ".");
			put(ret, tails[take_below(input, sizeof(tails) / sizeof(tails[0]))]);
		}
	}
}

/* --- what must hold --------------------------------------------------------------------------- */

static void check_findings(const struct rdns_result *result, size_t host_len)
{
	char host[DNS_HOST_TEXT_MAX];
	int sum = 0;

	CHECK(result->finding_count <= RDNS_FINDINGS_MAX && host_len < sizeof(host));
	memcpy(host, result->name, host_len);
	host[host_len] = '\0';
	for (unsigned int i = 0; i < result->finding_count; i++) {
		const struct rdns_finding *finding = &result->findings[i];
		size_t len = strnlen(finding->part, sizeof(finding->part));
		char part[RDNS_PART_MAX];

		CHECK(finding->what && finding->weight != 0);
		CHECK(len > 0 && len < sizeof(finding->part));
		strcpy(part, finding->part);
		if (len == RDNS_PART_MAX - 1 && strcmp(part + len - 3, "...") == 0)
			part[len - 3] = '\0';
		CHECK(strstr(host, part) != NULL);
		sum += finding->weight;
	}
	CHECK(sum == result->score);
}

static void check_host_part(const char *name, size_t host_len)
{
	size_t len = strlen(name);

	CHECK(host_len == 0 || (host_len < len && name[host_len] == '.'));
}

static void check_one(const char *name, const struct addr *addr, struct rdns_result *ret)
{
	struct rdns_result again;
	size_t host_len = rdns_host_part(name);

	memset(ret, 0x5a, sizeof(*ret));
	memset(&again, 0xa5, sizeof(again));
	rdns_classify(name, addr, NULL, ret);
	rdns_classify(name, addr, NULL, &again);
	CHECK(ret->is_generic == again.is_generic && ret->score == again.score);
	CHECK(ret->finding_count == again.finding_count && strcmp(ret->name, again.name) == 0);
	check_host_part(name, host_len);
	CHECK(ret->pattern[0] == '\0' && !ret->pattern_gave_up);
	CHECK(ret->is_generic == (ret->score >= RDNS_THRESHOLD));
	if (name[0] == '\0' || strlen(name) >= DNS_HOST_TEXT_MAX || strchr(name, '\\')) {
		CHECK(ret->name[0] == '\0' && !ret->is_generic && ret->finding_count == 0);
		return;
	}
	CHECK(strcmp(ret->name, name) == 0);
	check_findings(ret, host_len);
}

/* names have been judged one by one; the evaluation has them all, and one confirms. */
static void check_judged(const struct addr *addr, const struct text *names, unsigned int count,
			 const struct rdns_result *results, uint8_t how)
{
	static struct iprev_report report;
	struct rdns_result result;
	bool all_generic = true, any = false, is_judged;
	unsigned int i;

	memset(&report, 0, sizeof(report));
	report.addr = *addr;
	report.result = how & 1 ? IPREV_FAIL : IPREV_PASS;
	report.name_count = (uint8_t)count;
	report.names_total = (uint16_t)(count + (how >> 1 & 1));
	for (i = 0; i < count; i++) {
		report.names[i].text = names[i].bytes;
		report.names[i].queried = i == 0 || (how >> 4 >> i & 1);
		report.names[i].confirmed = i == (how >> 2) % count;
		if (!report.names[i].queried || !results[i].name[0])
			continue;
		any = true;
		all_generic = all_generic && results[i].is_generic;
	}
	is_judged = rdns_judge(&report, NULL, &result);
	if (report.result != IPREV_PASS)
		CHECK(!is_judged);
	if (!is_judged) {
		CHECK(result.name[0] == '\0' && !result.is_generic);
		return;
	}
	CHECK(any);
	CHECK(result.is_generic == (all_generic && report.names_total == count));
	rdns_explain(addr, &result);
	for (i = 0; strcmp(results[i].name, result.name) != 0; i++)
		CHECK(i + 1 < count);
	CHECK(result.score == results[i].score);
	CHECK(result.finding_count == results[i].finding_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rdns_result results[NAMES_MAX];
	static struct text names[NAMES_MAX];
	struct input input = {data, size};
	uint8_t how = take8(&input), bytes[16];
	unsigned int count = 1 + take_below(&input, NAMES_MAX), i;
	struct addr addr;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = take8(&input);
	addr_from_bytes(how & 128 ? 6 : 4, bytes, &addr);
	for (i = 0; i < count; i++) {
		make_name(&input, &addr, &names[i]);
		check_one(names[i].bytes, &addr, &results[i]);
	}
	check_judged(&addr, names, count, results, how);
	return 0;
}
