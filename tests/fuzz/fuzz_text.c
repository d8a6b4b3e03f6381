// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What people and files write: addresses, prefixes, endpoints, numbers, spans, moments.
 * What is read is written and read again to the same; what is not, leaves the result
 * alone; what is escaped is safe to print.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/text.h"
#include "fuzz.h"

#define TEXT_MAX 512

static void check_addr(const char *text)
{
	struct addr addr = {.family = 99}, again;
	char buf[ADDR_TEXT_MAX], reverse[ADDR_REVERSE_MAX];

	if (addr_parse(text, &addr) < 0) {
		CHECK(addr.family == 99);
		return;
	}
	CHECK(addr.family == 4 || addr.family == 6);
	CHECK(addr_parse(addr_format(&addr, buf), &again) == 0 && addr_equal(&addr, &again));
	CHECK(addr_equal(&addr, &again));
	CHECK(strlen(addr_reverse_name(&addr, reverse)) < sizeof(reverse));
	CHECK(strstr(reverse, ".arpa.") != NULL);
	for (size_t i = 4; addr.family == 4 && i < sizeof(addr.bytes); i++)
		CHECK(addr.bytes[i] == 0);
}

static void check_prefix(const char *text)
{
	struct prefix prefix = {.bits = 255}, again;
	char buf[PREFIX_TEXT_MAX];
	const char *why = NULL;

	if (prefix_parse(text, &prefix, &why) < 0) {
		CHECK(prefix.bits == 255 && why != NULL);
		return;
	}
	CHECK(prefix.bits > 0 && prefix.bits <= addr_bits(&prefix.addr));
	CHECK(prefix_contains(&prefix, &prefix.addr));
	CHECK(prefix_parse(prefix_format(&prefix, buf), &again, &why) == 0);
	CHECK(prefix_equal(&prefix, &again));
}

static void check_endpoint(const char *text)
{
	struct endpoint endpoint = {.port = 7}, again;
	char buf[ENDPOINT_TEXT_MAX];

	if (endpoint_parse(text, 53, &endpoint) < 0)
		return;
	CHECK(endpoint_parse(endpoint_format(&endpoint, buf), 1, &again) == 0);
	CHECK(endpoint.port == again.port && addr_equal(&endpoint.addr, &again.addr));
}

static void check_numbers(const char *text)
{
	char span[TEXT_SPAN_MAX], moment[TEXT_MOMENT_MAX], digits[24];
	uint64_t number = 0, sec = 0, again;
	int64_t when, then;

	if (text_to_u64(text, 5, 1000000, &number) == 0) {
		CHECK(number >= 5 && number <= 1000000);
		snprintf(digits, sizeof(digits), "%" PRIu64, number);
		CHECK(text_to_u64(digits, 5, 1000000, &again) == 0 && again == number);
	} else {
		CHECK(number == 0);
	}
	if (text_to_span(text, &sec) == 0)
		CHECK(text_to_span(text_from_span(sec, span), &again) == 0 && again == sec);
	else
		CHECK(sec == 0);
	if (text_to_moment(text, 1700000000, &when) == 0)
		CHECK(text_to_moment(text_from_moment(when, moment), 0, &then) == 0 &&
		      then == when);
}

static void check_escaped(const uint8_t *data, size_t size)
{
	static char buf[4 * TEXT_MAX + 1];
	size_t room = size > 0 ? 8 + data[0] : 8;

	text_escape(data, size, buf, sizeof(buf));
	CHECK(text_is_printable(buf) && strlen(buf) >= size);
	CHECK(strlen(text_escape(data, size, buf, room)) < room);
	CHECK(text_is_printable(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size > TEXT_MAX)
		size = TEXT_MAX;
	text = strndup((const char *)data, size);
	if (!text)
		return 0;
	check_addr(text);
	check_prefix(text);
	check_endpoint(text);
	check_numbers(text);
	check_escaped(data, size);
	free(text);
	return 0;
}
