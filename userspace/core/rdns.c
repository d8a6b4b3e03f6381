/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/rdns.h"

#include <libpsl.h>
#include <stdio.h>
#include <string.h>

#include "core/rdns_words.h"

/* Digits of a host part are looked at in runs; a name has room for no more. */
#define NUMBERS_MAX (DNS_HOST_TEXT_MAX / 2)
#define GAP_MAX     2 /* separators between two octets */
#define LABELS_MAX  4 /* of a registry's suffix; the list has none deeper */

#define WEIGHT_ADDRESS 60
#define WEIGHT_ID      50 /* the half of an IPv6 address that names the host */
#define WEIGHT_THREE   40
#define WEIGHT_TWO     20
#define WEIGHT_LAST    15

/* A run of digits. */
struct number {
	uint8_t at, len;
	uint16_t value; /* above 999: no octet */
};

struct scan {
	const struct addr *addr;
	char host[DNS_HOST_TEXT_MAX];     /* the host part */
	uint8_t len, label_len;           /* of it, and of its first label */
	char squeezed[DNS_HOST_TEXT_MAX]; /* without separators */
	uint8_t from[DNS_HOST_TEXT_MAX];  /* where in host a byte of squeezed stands */
	uint8_t squeezed_len;
	struct number numbers[NUMBERS_MAX];
	unsigned int number_count;
	int most; /* neither this host part nor a shorter one has a greater score */
	struct rdns_result *result;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '_';
}

/* --- which part is the host's --------------------------------------------------------------- */

/* Only the registries' suffixes: a provider's own ("compute.example") is no boundary here. */
static bool is_public_suffix(const char *name)
{
	const psl_ctx_t *list = psl_builtin();

	return list ? psl_is_public_suffix2(list, name, PSL_TYPE_ICANN) : !strchr(name, '.');
}

/* The label before at, which is the end of the name or a dot in it. */
static const char *label_before(const char *name, const char *at)
{
	while (at > name && at[-1] != '.')
		at--;
	return at;
}

/* The host part of a name with this suffix: what is left of the label before it. */
static size_t left_of(const char *name, const char *suffix)
{
	const char *at = suffix > name ? label_before(name, suffix - 1) : name;

	return at > name ? (size_t)(at - name) - 1 : 0;
}

static size_t longest_host_part(const char *name)
{
	return left_of(name, label_before(name, name + strlen(name)));
}

size_t rdns_host_part(const char *name)
{
	const char *at = label_before(name, name + strlen(name)), *suffix = at;
	unsigned int labels, misses = 0, misses_max = strlen(at) == 2 ? 1 : 0;

	/* Below countries a suffix may have one in it that is none (valer.hedmark.no). */
	for (labels = 2; labels <= LABELS_MAX && at > name && misses <= misses_max; labels++) {
		at = label_before(name, at - 1);
		if (is_public_suffix(at))
			suffix = at;
		else
			misses++;
	}
	return left_of(name, suffix);
}

/* --- findings ------------------------------------------------------------------------------- */

static void found(struct scan *scan, const char *what, int weight, size_t at, size_t len)
{
	struct rdns_result *result = scan->result;
	struct rdns_finding *finding;

	if (result->finding_count == RDNS_FINDINGS_MAX)
		return;
	finding = &result->findings[result->finding_count++];
	finding->what = what;
	finding->weight = weight;
	if (len >= sizeof(finding->part)) {
		len = sizeof(finding->part) - 1;
		memcpy(finding->part + len - 3, "...", 3);
		memcpy(finding->part, scan->host + at, len - 3);
	} else {
		memcpy(finding->part, scan->host + at, len);
	}
	finding->part[len] = '\0';
	result->score += weight;
	if (weight > 0 || at < scan->label_len)
		scan->most += weight;
}

/* --- the address in figures ----------------------------------------------------------------- */

static void read_numbers(struct scan *scan)
{
	uint8_t i = 0, start;

	while (i < scan->len) {
		struct number *number = &scan->numbers[scan->number_count];

		if (!is_digit(scan->host[i])) {
			i++;
			continue;
		}
		start = i;
		number->value = 0;
		for (; i < scan->len && is_digit(scan->host[i]); i++)
			if (number->value <= 999)
				number->value =
					(uint16_t)(number->value * 10 + (scan->host[i] - '0'));
		number->at = start;
		number->len = (uint8_t)(i - start);
		if (number->len > 3)
			number->value = UINT16_MAX; /* "0000007" is no octet either */
		scan->number_count++;
	}
}

/* Nothing but separators, or one x as in 192x0x2x1, between two numbers. */
static bool are_neighbours(const struct scan *scan, const struct number *a, const struct number *b)
{
	size_t gap = (size_t)(b->at - a->at - a->len);
	const char *text = scan->host + a->at + a->len;

	if (gap == 1 && *text == 'x')
		return true;
	if (gap > GAP_MAX)
		return false;
	for (size_t i = 0; i < gap; i++)
		if (!is_separator(text[i]))
			return false;
	return true;
}

struct sequence {
	const char *what;
	int weight;
	uint8_t count, octet[4];
};

/* The first that is found anywhere counts, and only that. */
static const struct sequence WHOLE[] = {
	{"the address", WEIGHT_ADDRESS, 4, {0, 1, 2, 3}},
	{"the address reversed", WEIGHT_ADDRESS, 4, {3, 2, 1, 0}},
	{"the address in halves", WEIGHT_ADDRESS, 4, {2, 3, 0, 1}},
	{"the address in halves", WEIGHT_ADDRESS, 4, {3, 2, 0, 1}},
};

static const struct sequence PARTS[] = {
	{"three octets of the address", WEIGHT_THREE, 3, {1, 2, 3}},
	{"three octets of the address", WEIGHT_THREE, 3, {3, 2, 1}},
	{"three octets of the address", WEIGHT_THREE, 3, {0, 1, 2}},
	{"three octets of the address", WEIGHT_THREE, 3, {2, 1, 0}},
	{"two octets of the address", WEIGHT_TWO, 2, {2, 3}},
	{"two octets of the address", WEIGHT_TWO, 2, {3, 2}},
};

static bool is_sequence(const struct scan *scan, unsigned int first, const struct sequence *seq)
{
	for (unsigned int i = 0; i < seq->count; i++) {
		const struct number *number = &scan->numbers[first + i];

		if (number->value != scan->addr->bytes[seq->octet[i]])
			return false;
		if (i > 0 && !are_neighbours(scan, number - 1, number))
			return false;
	}
	return true;
}

static bool find_sequence(struct scan *scan, const struct sequence *list, size_t count)
{
	for (const struct sequence *seq = list; seq < list + count; seq++)
		for (unsigned int i = 0; i + seq->count <= scan->number_count; i++)
			if (is_sequence(scan, i, seq)) {
				const struct number *last = &scan->numbers[i + seq->count - 1];
				size_t at = scan->numbers[i].at;

				found(scan, seq->what, seq->weight, at,
				      (size_t)(last->at + last->len) - at);
				return true;
			}
	return false;
}

/* One run of digits that is the address without separators, or part of it, or its number. */
struct form {
	char text[16];
	const char *what;
	int weight;
};

#define FORMS_MAX 10

static unsigned int write_forms(const struct addr *addr, struct form forms[static FORMS_MAX])
{
	const uint8_t *b = addr->bytes;
	uint32_t value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	uint32_t swapped = (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
	unsigned int n = 0;

#define FORM(says, points, ...)                                                                    \
	do {                                                                                       \
		snprintf(forms[n].text, sizeof(forms[n].text), __VA_ARGS__);                       \
		forms[n].what = says;                                                              \
		forms[n++].weight = points;                                                        \
	} while (0)
	FORM("the address without separators", WEIGHT_ADDRESS, "%03u%03u%03u%03u", b[0], b[1], b[2],
	     b[3]);
	FORM("the address reversed", WEIGHT_ADDRESS, "%03u%03u%03u%03u", b[3], b[2], b[1], b[0]);
	FORM("the address without separators", WEIGHT_ADDRESS, "%u%u%u%u", b[0], b[1], b[2], b[3]);
	FORM("the address reversed", WEIGHT_ADDRESS, "%u%u%u%u", b[3], b[2], b[1], b[0]);
	FORM("the address as one number", WEIGHT_ADDRESS, "%u", value);
	FORM("the address as one number", WEIGHT_ADDRESS, "%u", swapped);
	FORM("three octets of the address", WEIGHT_THREE, "%03u%03u%03u", b[1], b[2], b[3]);
	FORM("three octets of the address", WEIGHT_THREE, "%03u%03u%03u", b[3], b[2], b[1]);
	FORM("two octets of the address", WEIGHT_TWO, "%03u%03u", b[2], b[3]);
	FORM("two octets of the address", WEIGHT_TWO, "%03u%03u", b[3], b[2]);
#undef FORM
	return n;
}

#define FORM_MIN 6 /* fewer digits are a number as any other */

static bool find_form(struct scan *scan)
{
	struct form forms[FORMS_MAX];
	unsigned int count = 0;

	for (unsigned int i = 0; i < scan->number_count; i++) {
		const struct number *number = &scan->numbers[i];

		if (number->len < FORM_MIN)
			continue;
		if (count == 0)
			count = write_forms(scan->addr, forms);
		for (unsigned int k = 0; k < count; k++)
			if (strlen(forms[k].text) == number->len &&
			    memcmp(forms[k].text, scan->host + number->at, number->len) == 0) {
				found(scan, forms[k].what, forms[k].weight, number->at,
				      number->len);
				return true;
			}
	}
	return false;
}

/* --- the address in hexadecimal ------------------------------------------------------------- */

static void squeeze(struct scan *scan)
{
	for (uint8_t i = 0; i < scan->len; i++) {
		if (is_separator(scan->host[i]))
			continue;
		scan->from[scan->squeezed_len] = i;
		scan->squeezed[scan->squeezed_len++] = scan->host[i];
	}
	scan->squeezed[scan->squeezed_len] = '\0';
}

static bool find_squeezed(struct scan *scan, const char *hex, const char *what, int weight)
{
	const char *hit = strstr(scan->squeezed, hex);
	size_t first, last;

	if (!hit)
		return false;
	first = scan->from[hit - scan->squeezed];
	last = scan->from[(size_t)(hit - scan->squeezed) + strlen(hex) - 1];
	found(scan, what, weight, first, last - first + 1);
	return true;
}

/* Bytes as hexadecimal; reversed by bytes for IPv4, by nibbles (as in ip6.arpa) for IPv6. */
static void write_hex(const uint8_t *bytes, size_t count, char *buf)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*buf++ = digits[bytes[i] >> 4];
		*buf++ = digits[bytes[i] & 15];
	}
	*buf = '\0';
}

static void reverse_text(const char *text, char *buf)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		buf[i] = text[len - 1 - i];
	buf[len] = '\0';
}

static bool find_hex4(struct scan *scan)
{
	const uint8_t *b = scan->addr->bytes;
	const uint8_t swapped[4] = {b[3], b[2], b[1], b[0]};
	char hex[9];

	write_hex(b, 4, hex);
	if (find_squeezed(scan, hex, "the address in hexadecimal", WEIGHT_ADDRESS))
		return true;
	write_hex(swapped, 4, hex);
	return find_squeezed(scan, hex, "the address in hexadecimal, reversed", WEIGHT_ADDRESS);
}

static bool find_ipv4(struct scan *scan)
{
	return find_sequence(scan, WHOLE, sizeof(WHOLE) / sizeof(WHOLE[0])) || find_hex4(scan) ||
	       find_form(scan) || find_sequence(scan, PARTS, sizeof(PARTS) / sizeof(PARTS[0]));
}

/* --- IPv6 ----------------------------------------------------------------------------------- */

/* text has dashes where an address has colons; any separator of the name will do for one. */
static bool is_dashed_at(const struct scan *scan, size_t at, const char *text, size_t len)
{
	if (at + len > scan->len || (at > 0 && is_digit(scan->host[at - 1])) ||
	    (at + len < scan->len && is_hex(scan->host[at + len])))
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '-' ? !is_separator(scan->host[at + i])
				   : text[i] != scan->host[at + i])
			return false;
	return true;
}

static bool find_dashed(struct scan *scan, const char *text, const char *what, int weight)
{
	size_t len = strlen(text);

	for (size_t at = 0; at + len <= scan->len; at++)
		if (is_dashed_at(scan, at, text, len)) {
			found(scan, what, weight, at, len);
			return true;
		}
	return false;
}

static void write_groups(const uint8_t *bytes, unsigned int groups, char *buf, size_t size)
{
	size_t used = 0;

	for (unsigned int i = 0; i < groups; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%x", i ? "-" : "",
					 (unsigned int)(bytes[2 * i] << 8 | bytes[2 * i + 1]));
}

static bool find_nibbles(struct scan *scan, const uint8_t *bytes, size_t count, const char *what,
			 int weight)
{
	char hex[33], reversed[33];

	write_hex(bytes, count, hex);
	reverse_text(hex, reversed);
	return find_squeezed(scan, hex, what, weight) ||
	       find_squeezed(scan, reversed, what, weight);
}

/* The address of the interface's card, where the low half was made of it (RFC 4291 A). */
static bool find_mac(struct scan *scan)
{
	const uint8_t *id = scan->addr->bytes + 8;
	const uint8_t mac[6] = {id[0] ^ 2, id[1], id[2], id[5], id[6], id[7]};
	char hex[13];

	if (id[3] != 0xff || id[4] != 0xfe)
		return false;
	write_hex(mac, 6, hex);
	return find_squeezed(scan, hex, "the hardware address in the address", WEIGHT_ID);
}

static bool find_ipv6(struct scan *scan)
{
	static const char whole[] = "the address", id[] = "the interface identifier";
	const uint8_t *b = scan->addr->bytes;
	char text[ADDR_TEXT_MAX], groups[8 * 5];

	if (scan->number_count == 0)
		return false; /* hardly an address, and most names end here */
	addr_format(scan->addr, text);
	for (char *p = text; *p; p++)
		if (*p == ':')
			*p = '-';
	write_groups(b, 8, groups, sizeof(groups));
	if (find_nibbles(scan, b, 16, whole, WEIGHT_ADDRESS) ||
	    find_dashed(scan, text, whole, WEIGHT_ADDRESS) ||
	    find_dashed(scan, groups, whole, WEIGHT_ADDRESS))
		return true;
	write_groups(b + 8, 4, groups, sizeof(groups));
	return find_nibbles(scan, b + 8, 8, id, WEIGHT_ID) || find_mac(scan) ||
	       find_dashed(scan, groups, id, WEIGHT_ID);
}

/* --- words ---------------------------------------------------------------------------------- */

/* As strcmp() does, of a text without NUL. */
static int compare(const char *text, size_t len, const char *word)
{
	size_t i = 0;

	while (i < len && text[i] == word[i])
		i++;
	return i < len ? text[i] - word[i] : -word[i];
}

static int word_weight(const char *text, size_t len)
{
	unsigned int low = 0, high = RDNS_WORD_COUNT;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		int order = compare(text, len, RDNS_WORDS[mid].text);

		if (order == 0)
			return RDNS_WORDS[mid].weight;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	for (unsigned int i = 0; i < RDNS_STEM_COUNT; i++) {
		const struct rdns_stem *stem = &RDNS_STEMS[i];
		size_t stem_len = strlen(stem->text);

		if (len < stem_len)
			continue;
		if (memcmp(text, stem->text, stem_len) == 0 ||
		    (stem->anywhere && memcmp(text + len - stem_len, stem->text, stem_len) == 0))
			return stem->weight;
	}
	return 0;
}

/* The same word a second time says nothing new. */
static bool is_known(const struct rdns_result *result, const char *text, size_t len)
{
	for (unsigned int i = 0; i < result->finding_count; i++)
		if (compare(text, len, result->findings[i].part) == 0)
			return true;
	return false;
}

/* True if any word speaks for an access line. */
static bool find_words(struct scan *scan)
{
	bool any = false;
	size_t i = 0, start;

	while (i < scan->len) {
		int weight;

		for (start = i; i < scan->len && is_letter(scan->host[i]);)
			i++;
		if (i == start) {
			i++;
			continue;
		}
		weight = word_weight(scan->host + start, i - start);
		if (weight == 0 || is_known(scan->result, scan->host + start, i - start))
			continue;
		found(scan, weight > 0 ? "a word of access lines" : "a word of servers", weight,
		      start, i - start);
		any |= weight > 0;
	}
	return any;
}

/* dhcp12 on an address that ends in 12: a line's number more likely than a server's. */
static void find_last_octet(struct scan *scan)
{
	for (unsigned int i = 0; i < scan->number_count; i++)
		if (scan->numbers[i].value == scan->addr->bytes[3]) {
			found(scan, "the last octet of the address, beside such a word",
			      WEIGHT_LAST, scan->numbers[i].at, scan->numbers[i].len);
			return;
		}
}

/* --- the verdict ---------------------------------------------------------------------------- */

/* What speaks for and against the first len bytes of name, its host part. */
static void add_up(struct scan *scan, const char *name, size_t len)
{
	bool has_address, has_word;

	scan->result->score = scan->result->finding_count = 0;
	scan->number_count = scan->squeezed_len = 0;
	scan->len = (uint8_t)len;
	scan->label_len = (uint8_t)strcspn(name, ".");
	memcpy(scan->host, name, len);
	read_numbers(scan);
	squeeze(scan);
	has_address = scan->addr->family == 4 ? find_ipv4(scan) : find_ipv6(scan);
	/* A shorter part may have less of the address, and find more in that. */
	scan->most = has_address ? WEIGHT_ADDRESS : 0;
	has_word = find_words(scan);
	if (!has_address && has_word && scan->addr->family == 4)
		find_last_octet(scan);
}

static void ask_patterns(const struct patterns *patterns, struct rdns_result *result)
{
	struct pattern_match match;

	patterns_find(patterns, result->name, &match);
	if (match.says == PATTERN_NOTHING)
		return;
	result->is_generic = match.says == PATTERN_GENERIC;
	result->pattern_gave_up = match.gave_up;
	strcpy(result->pattern, match.at);
}

/* Not the findings, of which none is said to be there: this is done for every host. */
static void clear(struct rdns_result *result)
{
	result->name[0] = result->pattern[0] = '\0';
	result->is_generic = result->pattern_gave_up = false;
	result->score = result->finding_count = 0;
}

/*
 * Whether the name is generic, and why if is_close. Most are ordinary wherever their host
 * part ends; the list that says where it does is half of what a close look costs.
 */
static void look_at(const char *name, const struct addr *addr, const struct patterns *patterns,
		    bool is_close, struct rdns_result *ret)
{
	struct scan scan = {.addr = addr, .result = ret};
	size_t len = strlen(name);

	clear(ret);
	if (len == 0 || len >= sizeof(ret->name) || strchr(name, '\\'))
		return;
	memcpy(ret->name, name, len + 1);
	if (!is_close)
		add_up(&scan, name, longest_host_part(name));
	if (is_close || scan.most >= RDNS_THRESHOLD)
		add_up(&scan, name, rdns_host_part(name));
	ret->is_generic = ret->score >= RDNS_THRESHOLD;
	ask_patterns(patterns, ret);
}

void rdns_classify(const char *name, const struct addr *addr, const struct patterns *patterns,
		   struct rdns_result *ret)
{
	look_at(name, addr, patterns, true, ret);
}

void rdns_explain(const struct addr *addr, struct rdns_result *judged)
{
	struct rdns_result why;

	look_at(judged->name, addr, NULL, true, &why);
	judged->score = why.score;
	judged->finding_count = why.finding_count;
	memcpy(judged->findings, why.findings, why.finding_count * sizeof(why.findings[0]));
}

/* Whether a person would want to hear of that name rather than of the one before. */
static bool is_better(const struct rdns_result *result, bool is_confirmed)
{
	return result->name[0] && (!result->is_generic || is_confirmed);
}

bool rdns_judge(const struct iprev_report *report, const struct patterns *patterns,
		struct rdns_result *ret)
{
	struct rdns_result one;
	unsigned int i;

	clear(ret);
	if (report->result != IPREV_PASS)
		return false;
	for (i = 0; i < report->name_count; i++) {
		if (!report->names[i].queried)
			continue;
		look_at(report->names[i].text, &report->addr, patterns, false, &one);
		if (is_better(&one, report->names[i].confirmed))
			memcpy(ret, &one, offsetof(struct rdns_result, findings));
		if (one.name[0] && !one.is_generic)
			break;
	}
	ret->score = ret->finding_count = 0; /* rdns_explain() finds them */
	if (report->names_total > report->name_count)
		ret->is_generic = false; /* the names left out might be ordinary */
	return ret->name[0] != '\0';
}

enum mxg_reason rdns_reason(const struct iprev_report *report, const struct rdns_result *judged)
{
	if (report->result == IPREV_PASS && judged && judged->is_generic)
		return MXG_REASON_GENERIC;
	return policy_reason(report->result);
}
