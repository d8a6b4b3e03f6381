/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <criterion/criterion.h>
#include <string.h>

#include "base/addr.h"

static struct addr must_parse(const char *text)
{
	struct addr addr = {0};

	cr_assert_eq(addr_parse(text, &addr), 0, "%s does not parse", text);
	return addr;
}

Test(addr, parse_and_format)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} rows[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::", "::"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::ffff:c000:201", "192.0.2.1"},
		{"::192.0.2.1", "::192.0.2.1"},
		{"", NULL},
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.1.", NULL},
		{"192.0.2.01", NULL},
		{" 192.0.2.1", NULL},
		{"192.0.2.1 ", NULL},
		{"0xc0000201", NULL},
		{"3221225985", NULL},
		{"fe80::1%eth0", NULL},
		{"[2001:db8::1]", NULL},
		{"2001:db8:::1", NULL},
		{"mail.example", NULL},
	};
	char buf[ADDR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = {.family = 99};
		int err = addr_parse(rows[i].in, &addr);

		if (!rows[i].out) {
			cr_expect_lt(err, 0, "\"%s\" parses", rows[i].in);
			cr_expect_eq(addr.family, 99, "\"%s\" touched the result", rows[i].in);
			continue;
		}
		cr_expect_eq(err, 0, "\"%s\" refused", rows[i].in);
		cr_expect_str_eq(addr_format(&addr, buf), rows[i].out);
	}
}

Test(addr, reverse_name)
{
	char buf[ADDR_REVERSE_MAX];
	struct addr addr = must_parse("192.0.2.1");

	cr_expect_str_eq(addr_reverse_name(&addr, buf), "1.2.0.192.in-addr.arpa.");
	addr = must_parse("2001:db8::567:89ab"); /* the example of RFC 3596 §2.5, renumbered */
	cr_expect_str_eq(addr_reverse_name(&addr, buf), "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0."
							"0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
}

Test(addr, special_purpose_edges)
{
	static const struct {
		const char *addr, *name; /* NULL: ordinary */
	} rows[] = {
		{"0.255.255.255", "this-network"},
		{"1.0.0.0", NULL},
		{"9.255.255.255", NULL},
		{"10.0.0.0", "private"},
		{"10.255.255.255", "private"},
		{"11.0.0.0", NULL},
		{"100.63.255.255", NULL},
		{"100.64.0.0", "shared"},
		{"100.127.255.255", "shared"},
		{"100.128.0.0", NULL},
		{"127.0.0.1", "loopback"},
		{"128.0.0.0", NULL},
		{"169.254.1.1", "link-local"},
		{"172.15.255.255", NULL},
		{"172.16.0.0", "private"},
		{"172.31.255.255", "private"},
		{"172.32.0.0", NULL},
		{"192.0.0.255", "ietf-protocol"},
		{"192.0.2.1", NULL}, /* documentation counts as ordinary */
		{"192.168.0.1", "private"},
		{"198.18.0.1", NULL}, /* and so does benchmarking */
		{"198.51.100.1", NULL},
		{"203.0.113.1", NULL},
		{"223.255.255.255", NULL},
		{"224.0.0.1", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.255", "reserved"},
		{"::", "unspecified"},
		{"::1", "loopback"},
		{"::2", "reserved"},
		{"64:ff9b::1", "nat64"},
		{"64:ff9b:1::1", "nat64"},
		{"100::1", "discard"},
		{"100:0:0:1::1", NULL},
		{"2001:db8::1", NULL},
		{"2002:c000:201::1", NULL},
		{"fbff::1", NULL},
		{"fc00::1", "unique-local"},
		{"fdff::1", "unique-local"},
		{"fe80::1", "link-local"},
		{"febf::1", "link-local"},
		{"fec0::1", NULL},
		{"ff02::1", "multicast"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = must_parse(rows[i].addr);
		const char *name = addr_special(&addr);

		if (rows[i].name)
			cr_expect(name && strcmp(name, rows[i].name) == 0, "%s is %s", rows[i].addr,
				  name ? name : "ordinary");
		else
			cr_expect_null(name, "%s is %s", rows[i].addr, name);
	}
}

Test(addr, prefix_parse)
{
	static const struct {
		const char *in, *out, *why; /* out NULL: refused, why begins so */
	} rows[] = {
		{"192.0.2.1", "192.0.2.1", NULL},
		{"192.0.2.1/32", "192.0.2.1", NULL},
		{"192.0.2.0/24", "192.0.2.0/24", NULL},
		{"128.0.0.0/1", "128.0.0.0/1", NULL},
		{"2001:db8::/32", "2001:db8::/32", NULL},
		{"2001:db8::1/128", "2001:db8::1", NULL},
		{"2001:db8::8000/113", "2001:db8::8000/113", NULL},
		{"192.0.2.1/24", NULL, "host bits are set"},
		{"192.0.2.128/24", NULL, "host bits are set"},
		{"2001:db8::1/127", NULL, "host bits are set"},
		{"0.0.0.0/0", NULL, "a /0"},
		{"::/0", NULL, "a /0"},
		{"192.0.2.1/0", NULL, "a /0"},
		{"192.0.2.0/33", NULL, "prefix length"},
		{"2001:db8::/129", NULL, "prefix length"},
		{"192.0.2.0/", NULL, "prefix length"},
		{"192.0.2.0/-1", NULL, "prefix length"},
		{"192.0.2.0/+4", NULL, "prefix length"},
		{"192.0.2.0/24x", NULL, "prefix length"},
		{"192.0.2.0/4294967320", NULL, "prefix length"},
		{"192.0.2.0/024", NULL, "the prefix length begins with a zero"},
		{"0.0.0.0/00", NULL, "the prefix length begins with a zero"},
		{"2001:db8::/032", NULL, "the prefix length begins with a zero"},
		{"192.0.2.0/24/24", NULL, "prefix length"},
		{"::ffff:192.0.2.0/120", NULL, "not an IPv4"},
		{"192.0.2/24", NULL, "not an IPv4"},
		{"/24", NULL, "not an IPv4"},
		{"", NULL, "not an IPv4"},
		{"2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/32", NULL, "not an"},
	};
	char buf[PREFIX_TEXT_MAX];
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix prefix = {0};
		int err = prefix_parse(rows[i].in, &prefix, &why);

		if (rows[i].out) {
			cr_expect_eq(err, 0, "\"%s\": %s", rows[i].in, why);
			cr_expect_str_eq(prefix_format(&prefix, buf), rows[i].out);
		} else {
			cr_expect_lt(err, 0, "\"%s\" parses", rows[i].in);
			cr_expect_eq(strncmp(why, rows[i].why, strlen(rows[i].why)), 0,
				     "\"%s\" says %s", rows[i].in, why);
			cr_expect_eq(prefix.bits, 0);
		}
	}
}

Test(addr, prefix_contains)
{
	struct prefix v4, v6;
	const char *why;
	struct addr in4 = must_parse("192.0.3.255"), out4 = must_parse("192.0.4.0");
	struct addr in6 = must_parse("2001:db8:7fff::1"), out6 = must_parse("2001:db8:8000::1");

	cr_assert_eq(prefix_parse("192.0.2.0/23", &v4, &why), 0);
	cr_assert_eq(prefix_parse("2001:db8::/33", &v6, &why), 0);
	cr_expect(prefix_contains(&v4, &in4));
	cr_expect_not(prefix_contains(&v4, &out4));
	cr_expect(prefix_contains(&v6, &in6));
	cr_expect_not(prefix_contains(&v6, &out6));
	cr_expect_not(prefix_contains(&v6, &in4), "families do not mix");
	cr_expect_not(prefix_contains(&v4, &in6));
}

/* Lengths of two addresses: with the mask, and by the bit that it ends at. */
Test(addr, prefix_mask)
{
	static const char *const texts[] = {"203.0.113.93", "2001:db8:a5a5:5a5a:ffff:1:8000:77"};

	for (size_t n = 0; n < 2; n++) {
		struct prefix prefix = {.addr = must_parse(texts[n])};
		uint8_t mask[16];

		for (prefix.bits = 1; prefix.bits <= addr_bits(&prefix.addr); prefix.bits++) {
			struct addr inside = prefix.addr;

			prefix_mask(&prefix, mask);
			for (size_t i = 0; i < 16; i++)
				inside.bytes[i] ^= (uint8_t)~mask[i];
			cr_expect(prefix_contains(&prefix, &inside), "/%u: too few", prefix.bits);
			inside = prefix.addr;
			inside.bytes[(prefix.bits - 1) / 8] ^=
				mask[(prefix.bits - 1) / 8] & (uint8_t)-mask[(prefix.bits - 1) / 8];
			cr_expect_not(prefix_contains(&prefix, &inside), "/%u: its last bit",
				      prefix.bits);
		}
	}
}

Test(addr, endpoint)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"127.0.0.1", "127.0.0.1:53"},
		{"127.0.0.1:5353", "127.0.0.1:5353"},
		{"::1", "[::1]:53"},
		{"[::1]", "[::1]:53"},
		{"[::1]:853", "[::1]:853"},
		{"127.0.0.1:", NULL},
		{"127.0.0.1:0", NULL},
		{"127.0.0.1:65536", NULL},
		{"127.0.0.1:53x", NULL},
		{"[::1", NULL},
		{"[::1]53", NULL},
		{"localhost:53", NULL},
		{":53", NULL},
		{"", NULL},
	};
	char buf[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint;
		int err = endpoint_parse(rows[i].in, 53, &endpoint);

		if (rows[i].out) {
			cr_expect_eq(err, 0, "\"%s\" refused", rows[i].in);
			cr_expect_str_eq(endpoint_format(&endpoint, buf), rows[i].out);
		} else {
			cr_expect_lt(err, 0, "\"%s\" parses", rows[i].in);
		}
	}
}
