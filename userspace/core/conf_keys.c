/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "core/conf_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"

#define AT(field) offsetof(struct conf, field)
#define IN(field) offsetof(struct policy_row, field)
#define YEAR      31536000
#define NO_RANGE  0, 0

/* What unix(7) leaves of sun_path beside its NUL. */
#define SOCKET_PATH_MAX 107
_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == SOCKET_PATH_MAX + 1, "unix(7)");

#define REPLY_FORM                                                                                 \
	"5yz 5.x.y or 4yz 4.x.y and printable ASCII without quotes, backslashes and dollar "       \
	"signs, "                                                                                  \
	"with {address} and {url} once each at most and no other brace"

/* clang-format off */
const struct conf_key CONF_KEYS[] = {
	{"", "interfaces", KEY_IFACES, AT(interfaces), NO_RANGE, NULL, "",
	 "Interfaces to gate, for example {\"eth0\", \"eth1\"}. One that is not there yet is gated "
	 "as soon as it appears."},
	{"", "attach", KEY_CHOICE, AT(attach), NO_RANGE, "native|generic|external", "native",
	 "How the gate is put on an interface: native (in the driver), generic (slower, any driver), "
	 "or external (ip link, xdp-loader or another program does it and the daemon only fills the "
	 "tables). mxgated never falls back from native to generic by itself."},
	{"", "mode", KEY_CHOICE, AT(mode), NO_RANGE, "monitor|enforce", "monitor",
	 "monitor decides, counts and logs but lets every connection through; enforce acts."},
	{"", "ports", KEY_PORTS, AT(ports), NO_RANGE, NULL, "25",
	 "Protected TCP ports, at most 8."},
	{"", "destinations", KEY_NETS, AT(destinations), NO_RANGE, NULL, "",
	 "Where the protected ports are, for a gate on a router that other hosts' mail crosses, such as "
	 "{\"203.0.113.25\", \"2001:db8:25::/64\"}: a connection to any other address passes and "
	 "causes no lookup. None: every destination is protected."},
	{"", "decap", KEY_CHOICE, AT(decap), NO_RANGE, "false|true", "false",
	 "true: look into IP in IP (IPv4 or IPv6 in either, RFC 2003, 2473, 4213), as an MX behind a "
	 "load balancer that tunnels receives it. The inner packet's source is judged, and its "
	 "destination counts. One level only; what is packed deeper passes. false: tunnels pass."},
	{"", "deny", KEY_CHOICE, AT(deny), NO_RANGE, "drop|reset|reject", "drop",
	 "What happens to a SYN that a deny exception refuses, as policy's action says it of the others."},
	{"", "trigger", KEY_CHOICE, AT(trigger), NO_RANGE, "syn|established", "syn",
	 "What makes an unknown source be looked up: syn, its first packet, of which an address that is "
	 "forged costs a lookup too, as many as events, dns { budget4, budget6 } allow; or established, "
	 "a connection that this host has accepted, so that a flood of forged addresses costs none. "
	 "established is for a gate on the mail server itself and needs cgroup v2; on a router or a load "
	 "balancer nothing is ever accepted, and so nobody would be judged."},
	{"", "cgroup", KEY_PATH, AT(cgroup), NO_RANGE, "an absolute path", "/",
	 "The control group whose sockets trigger = established sees, as systemctl show -p ControlGroup "
	 "names it; / is all of this system, containers and other network namespaces included. The local "
	 "address of a connection must be one of destinations, if there are any."},
	{"", "hold", KEY_CHOICE, AT(hold), NO_RANGE, "false|true", "false",
	 "true: the first SYN of an unknown source is dropped while it is looked up, so that its verdict "
	 "counts when the client sends it again, after a second, and not only for its next connection. "
	 "Each new host that is good waits that second, once a minute at most; it is let in then, judged "
	 "or not. Nobody is held in monitor mode, whom an exception covers, while the DNS is in trouble or "
	 "no more can be asked, nor once the worker has been silent for three seconds. Where confirm needs "
	 "more than one look, the first refuses nobody and holding gains little. Needs trigger = syn. "
	 "The gate for older kernels, mxgate-compat.bpf.o, holds nobody."},
	{"", "bpf_object", KEY_PATH, AT(bpf_object), NO_RANGE, "an absolute path",
	 MXG_PREFIX "/lib/mxgate/mxgate.bpf.o", "The compiled gate. What trigger = established needs lies "
	 "beside it, mxgate-established.bpf.o, and for kernels that are too old for these (down to Linux 5.10) "
	 "mxgate-compat.bpf.o and mxgate-established-compat.bpf.o."},
	{"", "state_directory", KEY_PATH, AT(state_directory), NO_RANGE, "an absolute path",
	 "/var/lib/mxgate",
	 "Exceptions, audit trail and evidence; owned by user. The systemd unit can write only to "
	 "the default: another one needs ReadWritePaths= in a drop-in."},
	{"", "user", KEY_TEXT, AT(user), NO_RANGE, "a user name", "mxgate",
	 "The unprivileged user that the worker runs as."},
	{"", "lease", KEY_SPAN, AT(lease_sec), 5, 3600, NULL, "60s",
	 "How long the gate trusts its tables without a sign of life from the worker. Past it "
	 "everything passes."},
	{"", "detach_on_exit", KEY_CHOICE, AT(detach_on_exit), NO_RANGE, "false|true", "true",
	 "Take the gate off the interfaces when mxgated ends. With false it stays, and opens when "
	 "the lease has lapsed."},
	{"", "log_level", KEY_CHOICE, AT(log_level), NO_RANGE, "error|warn|info|debug", "info",
	 "The least important lines to log; info has one line per verdict change."},
	{"control", "path", KEY_PATH, AT(control.path), 0, SOCKET_PATH_MAX,
	 "an absolute path of at most 107 characters",
	 "/run/mxgate/control.sock",
	 "The control socket. Elsewhere than in /run/mxgate, the systemd unit needs "
	 "ReadWritePaths= in a drop-in."},
	{"control", "group", KEY_TEXT, AT(control.group), NO_RANGE, "a group name", "mxgate",
	 "Members may read: status, why, verdicts, exception list and show, audit. A group that does not exist has "
	 "no members."},
	{"control", "admin_group", KEY_TEXT, AT(control.admin_group), NO_RANGE, "a group name",
	 "mxgate-admin", "Members may change: mode, exceptions, recheck, flush, reload. So may root."},
	{"dns", "servers", KEY_SERVERS, AT(dns.servers), NO_RANGE, NULL, "",
	 "Recursive resolvers, ADDR or ADDR:PORT or [ADDR]:PORT, asked in this order; none: those of "
	 "/etc/resolv.conf. A validating resolver on loopback is recommended."},
	{"dns", "deadline", KEY_SPAN, AT(dns.deadline_sec), 1, 60, NULL, "10s",
	 "For one source address, over all its queries. Past it the result is temperror."},
	{"dns", "max_outstanding", KEY_NUMBER, AT(dns.max_outstanding), 1, 50000, NULL, "1000",
	 "Source addresses being looked up at once; the next ones wait in the ring buffer, and what "
	 "does not fit there asks again with its next SYN."},
	{"dns", "budget4", KEY_NUMBER, AT(dns.budget4), 1, 1000000, NULL, "600",
	 "Lookups that the hosts of an IPv4 /24 may cause in a minute, and as many refreshes of "
	 "verdicts that stand. Past it its unknown hosts pass without a verdict and the known ones "
	 "keep theirs."},
	{"dns", "budget6", KEY_NUMBER, AT(dns.budget6), 1, 1000000, NULL, "60",
	 "The same for an IPv6 /64, which has room for any number of made-up hosts."},
	{"verdicts", "max4", KEY_NUMBER, AT(verdicts.max4), 1, 100000000, NULL, "1000000",
	 "IPv4 verdicts that the gate can hold at most; a full table only means that new sources pass. "
	 "A table for a million takes 21 MiB, and while it takes the place of one half as large, both "
	 "are there."},
	{"verdicts", "start4", KEY_NUMBER, AT(verdicts.start4), 1, 100000000, NULL, "65536",
	 "For so many is there room at first (1.3 MiB). A table that fills is replaced by one twice as "
	 "large while packets flow, up to max4, and becomes smaller again at a reload or a new start "
	 "when it is nearly empty. With that of max4 all is taken at once; it may not be above it, "
	 "and its default is not where max4 is less."},
	{"verdicts", "max6", KEY_NUMBER, AT(verdicts.max6), 1, 100000000, NULL, "250000",
	 "IPv6 verdicts that the gate can hold at most; a million take 35 MiB."},
	{"verdicts", "start6", KEY_NUMBER, AT(verdicts.start6), 1, 100000000, NULL, "16384",
	 "For so many of IPv6 is there room at first; at most max6, as for start4."},
	{"events", "rate", KEY_NUMBER, AT(events.rate), 1, 1000000, NULL, "10000",
	 "Lookups that the gate may ask for, per second and CPU."},
	{"events", "burst", KEY_NUMBER, AT(events.burst), 1, 1000000, NULL, "2000",
	 "How many of them at once. An eighth of it, and of the ring buffer, is kept for verdicts that "
	 "near their end, so that no flood of unknown sources makes the known ones unknown."},
	{"events", "interval", KEY_SPAN, AT(events.interval_sec), 1, 600, NULL, "3s",
	 "A source is asked about at most once in this time."},
	{"confirm", "confirmations", KEY_NUMBER, AT(confirm.confirmations), 1, 10, NULL, "2",
	 "How often a source must be found bad before it is refused; until then it passes. 1 refuses "
	 "at the first time. When a reload raises it, who stands refused stays so until that verdict "
	 "ends (one that keeps trying is looked at again before that, and stays while it is found bad), "
	 "and needs the new number after that; mxgate flush lets go at once."},
	{"confirm", "apart", KEY_SPAN, AT(confirm.apart_sec), 0, 3600, NULL, "60s",
	 "At least so long between two times that count. The next one is made by the source's next "
	 "connection after that. A resolver may answer it from its cache: a longer time than its "
	 "negative answers live makes the two independent, and so does different_servers."},
	{"confirm", "within", KEY_SPAN, AT(confirm.within_sec), 60, HISTORY_BAD_SEC, NULL, "6h",
	 "At most so long between two times that count, so that two accidents on one day do not make a "
	 "refusal: after that it begins anew. Must be longer than apart. It is also how seldom a bad host "
	 "may connect and never be refused. Who has been confirmed is remembered for a day."},
	{"confirm", "different_servers", KEY_CHOICE, AT(confirm.different_servers), NO_RANGE,
	 "false|true", "false",
	 "true: each time that counts must have been answered by another server than the one before. "
	 "Needs two or more servers; while fewer than two give answers nobody is newly refused, and "
	 "the alarm no-second-opinion says so."},
	{"confirm", "hold", KEY_SPAN, AT(confirm.hold_sec), 0, 604800, NULL, "2h",
	 "A source that was good within the last two days is refused only after it has been found bad "
	 "for so long without a break. Who was good, and for how long he has been bad, is "
	 "known after a reload and a restart as well."},
	{"confirm", "per_minute", KEY_NUMBER, AT(confirm.per_minute), 1, 10000000, NULL, "10000",
	 "New refusals at most, against a mistake in the policy; who comes on top passes for now."},
	{"confirm", "proof", KEY_NUMBER, AT(confirm.proof), 0, 1000, NULL, "1",
	 "So many lookups must have found a host good since mxgated started, or asks other servers "
	 "since a reload, before anybody is newly refused: a resolver that denies everything refuses "
	 "nobody. What is found until then does not count, nor while a resolver may repeat it. 0 "
	 "believes it from the start."},
	{"confirm", "rollup", KEY_NUMBER, AT(confirm.rollup), 0, ROLLUP_ADDRESSES_MAX,
	 "0, or a whole number from 4 to 32", "0",
	 "So many addresses of one IPv6 /64 found bad within an hour, some of them (confirmations - 1) "
	 "times apart after the first or later, and none good for two days, roll the network up: it is "
	 "judged as one, since its holder may come from another address each time. That by itself "
	 "refuses nobody: such a network may have many holders, and its addresses can be forged. The "
	 "first SYN of a stranger there is dropped, and its own lookup done before it tries again a "
	 "second later; if that finds it bad, once is enough (but for different_servers), and if it "
	 "finds it good, it is late by that second and the network is rolled up no more. So does a flush "
	 "of it end that, and the breaker. 0 never rolls up: a packet of a host of which "
	 "nothing is known is dropped only where that is asked for."},
	{"breaker", "window", KEY_SPAN, AT(breaker.window_sec), 1, 86400, NULL, "30m",
	 "The time over which the breaker counts, one to two of these back. What was found bad in the "
	 "two before it opened does not count, nor in the two after it has closed (or for as long as "
	 "the absences of the hosts that turned bad may be remembered, if that is longer), nor, for a "
	 "day, the first look at a host there, until no resolver can repeat it. So much longer does a "
	 "bad host of that zone pass that was not refused before: for no more than a day from that "
	 "look on. A reload or a restart does not make that shorter."},
	{"breaker", "flips", KEY_NUMBER, AT(breaker.flips), 1, BREAKER_WATCHED_MAX, NULL, "3",
	 "So many hosts that were good and now are bad, of the eight that were good last in a reverse "
	 "zone (/24 and /16, /48 and /32), open the breaker for that zone: nobody in it is newly "
	 "refused until half of them are good again."},
	{"breaker", "share", KEY_NUMBER, AT(breaker.share_pct), 1, 100, NULL, "50",
	 "They must also be so many percent of those eight, or of as many as are known."},
	{"breaker", "total_flips", KEY_NUMBER, AT(breaker.total_flips), 1, 1000000, NULL, "50",
	 "So many hosts that were good and now are bad, in four networks (/16, /32) or more, open it "
	 "for everything: nobody at all is newly refused."},
	{"breaker", "total_share", KEY_NUMBER, AT(breaker.total_share_pct), 1, 100, NULL, "5",
	 "They must also be so many percent of all known-good hosts that were looked at again."},
	{"breaker", "longest", KEY_SPAN, AT(breaker.longest_sec), 60, 2592000, NULL, "24h",
	 "After so long the breaker closes even if nothing has become good again. A zone closes before "
	 "that if some hosts of it have lost their records for good and it is well otherwise: those of "
	 "the eight that could not tell, as the resolver only remembered them, are asked again when "
	 "their records of that time have run out, and it closes if the bad ones are fewer than share "
	 "then, who does not answer counted as bad. Where records live for a day that takes as long as this; "
	 "who knows better raises flips above the number of hosts lost and reloads, which begins anew."},
	{"breaker", "canaries", KEY_HOSTS, AT(breaker.canaries), NO_RANGE, NULL, "",
	 "Addresses, or names of hosts, whose reverse DNS is known to be right, such as those of "
	 "your own outbound servers and of large providers. They are looked at every minute; when "
	 "more than half of them are bad, the breaker opens for everything, and the alarm names the "
	 "bad ones. A name stands for its first four A and first four AAAA addresses: it is well "
	 "when one of them has confirmed reverse DNS, bad when all of them certainly have none or "
	 "when it has no address; a lookup without an answer changes nothing. One that has been bad "
	 "for longest no longer counts until it is well again, and one that was never found well "
	 "is warned of: it does not belong here."},
	{"rdns", "patterns", KEY_PATHS, AT(rdns.patterns), NO_RANGE, NULL, "",
	 "Files of your own patterns for reverse names, each line `generic REGEX` or `ordinary "
	 "REGEX` (Perl-compatible, matched anywhere in the whole name, whatever the case; # begins a "
	 "comment line). ordinary beats generic, and both beat mxgate's own judgement. A wrong line "
	 "is refused by mxgated -t and by a reload. mxgate rdns NAME ADDR shows what becomes of a "
	 "name."},
	{"reject", "host", KEY_HOST, AT(reject.host), NO_RANGE, 
	 "a name with its domain such as mx.example.net, or this host's address as [192.0.2.25] or "
	 "[IPv6:2001:db8::25], of at most 100 characters", "",
	 "The name in the greeting to a client that is rejected. None: this machine's."},
	{"reject", "url", KEY_URL, AT(reject.url), NO_RANGE,
	 "a URL without blanks and without braces other than one {address}", "",
	 "What {url} stands for in the texts below, such as a page for postmasters that says what to do "
	 "and whom to ask. It may have the {address} that the text has not."},
	{"reject", "no-ptr", KEY_REPLY, AT(reject.text[MXG_REASON_NO_PTR]), NO_RANGE, REPLY_FORM,
	 "554 5.7.25 No reverse DNS (PTR record) for " REFUSAL_ADDRESS "; its network's operator can add "
	 "one " REFUSAL_URL,
	 "The answer to EHLO and HELO of a client that is rejected for this reason; most senders' bounces "
	 "show it. {address} becomes the client's address; {url} what url says, or, where that is "
	 "none, nothing, and the blank before it goes, too. With the longest address (39 characters) it "
	 "may have 190, and 122 on either side of the address."},
	{"reject", "unconfirmed", KEY_REPLY, AT(reject.text[MXG_REASON_UNCONFIRMED]), NO_RANGE, REPLY_FORM,
	 "554 5.7.25 No name in the reverse DNS of " REFUSAL_ADDRESS " has that address; add an A or AAAA "
	 "record " REFUSAL_URL,
	 "The same for unconfirmed."},
	{"reject", "generic", KEY_REPLY, AT(reject.text[MXG_REASON_GENERIC]), NO_RANGE, REPLY_FORM,
	 "554 5.7.1 The name of " REFUSAL_ADDRESS " looks like a dynamic line's; mail servers need one of "
	 "their own " REFUSAL_URL,
	 "The same for generic."},
	{"reject", "deny", KEY_REPLY, AT(reject.text[MXG_REASON_DENY]), NO_RANGE, REPLY_FORM,
	 "554 5.7.1 Mail from " REFUSAL_ADDRESS " is refused by local policy " REFUSAL_URL,
	 "The same for deny exceptions, where deny = reject."},
	{"reject", "budget", KEY_NUMBER, AT(reject.budget), 0, REFUSAL_BUDGET_MAX, NULL, "100",
	 "So many connections of a rejected host are answered while its verdict lives; those on top are "
	 "dropped, until it has stayed away for the life of a verdict. mxgate flush ADDR begins anew, "
	 "mxgate recheck that finds it bad does not. 0: all are answered."},
	{"policy", "action", KEY_ACTION, IN(action), NO_RANGE, "pass|drop|reset|reject", NULL,
	 "What happens to a SYN of such a source: it passes, is dropped without a word, is answered "
	 "with a TCP reset, so that the client is told at once that the connection is refused, or is "
	 "rejected: the gate itself greets the client and refuses it in SMTP, so that the sender is told "
	 "why (section reject). One that cannot be answered is dropped instead: with IP options or "
	 "extension headers, in a fragment or a tunnel, in several buffers. pass and temperror can only "
	 "pass."},
	{"policy", "ttl_min", KEY_SPAN, IN(ttl_min_sec), 1, YEAR, NULL, NULL,
	 "The least life of such a verdict, whatever the DNS data's TTL; at most 1h for all but pass, "
	 "and never above ttl_max."},
	{"policy", "ttl_max", KEY_SPAN, IN(ttl_max_sec), 1, YEAR, NULL, NULL,
	 "The greatest life of such a verdict; at most 1h for all but pass, so that a "
	 "repaired PTR counts soon. Above 7d it may end sooner, after 7 to 13 days."},
	{"policy", "enforce", KEY_FLAG, IN(enforce), NO_RANGE, "false|true", NULL,
	 "false keeps this reason in monitor while mode = enforce acts on the others."},
};
/* clang-format on */

_Static_assert(ROLLUP_ADDRESSES_MIN == 4 && ROLLUP_ADDRESSES_MAX == 32, "rollup's words");

const size_t CONF_KEY_COUNT = sizeof(CONF_KEYS) / sizeof(CONF_KEYS[0]);
_Static_assert(sizeof(CONF_KEYS) / sizeof(CONF_KEYS[0]) <= CONF_KEY_MAX, "raise CONF_KEY_MAX");

const enum mxg_reason CONF_POLICY_ROWS[CONF_POLICY_ROW_COUNT] = {
	MXG_REASON_PASS, MXG_REASON_NO_PTR, MXG_REASON_UNCONFIRMED, MXG_REASON_GENERIC,
	MXG_REASON_TEMPERROR};

const char *const CONF_SECTIONS[] = {"control", "dns",  "verdicts", "events", "confirm",
				     "breaker", "rdns", "reject",   "policy"};
const size_t CONF_SECTION_COUNT = sizeof(CONF_SECTIONS) / sizeof(CONF_SECTIONS[0]);
_Static_assert(sizeof(CONF_SECTIONS) / sizeof(CONF_SECTIONS[0]) <= CONF_SECTION_MAX, "raise it");

const struct conf_key *conf_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < CONF_KEY_COUNT; i++)
		if (strcmp(CONF_KEYS[i].section, section) == 0 &&
		    strcmp(CONF_KEYS[i].name, name) == 0)
			return &CONF_KEYS[i];
	return NULL;
}

static int choice_index(const char *allowed, const char *text, uint32_t *ret)
{
	size_t len = strlen(text);
	uint32_t index = 0;

	for (const char *p = allowed;; p++, index++) {
		const char *end = p + strcspn(p, "|");

		if ((size_t)(end - p) == len && strncmp(p, text, len) == 0) {
			*ret = index;
			return 0;
		}
		if (!*end)
			return -EINVAL;
		p = end;
	}
}

void conf_key_choice(const char *allowed, uint32_t index, char *buf, size_t size)
{
	while (index--)
		allowed += strcspn(allowed, "|") + 1;
	snprintf(buf, size, "%.*s", (int)strcspn(allowed, "|"), allowed);
}

static bool is_iface(const char *text)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	/* What the kernel refuses (/ and :), and what would break the printer. */
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("/:\"\\$", *text))
			return false;
	return true;
}

static int text_store(const struct conf_key *key, const char *text, void *at, const char **ret_why)
{
	/* Quotes and the others would break the printer. */
	bool may_be_none = key->type == KEY_HOST || key->type == KEY_URL;

	if (!*text && may_be_none) {
		*(char *)at = '\0';
		return 0;
	}
	if (strlen(text) >= CONF_TEXT_MAX || (key->max && strlen(text) > key->max)) {
		*ret_why = "too long";
		return -EINVAL;
	}
	if (!*text || !text_is_printable(text) || strpbrk(text, "\"\\$"))
		return -EINVAL;
	if ((key->type == KEY_PATH || key->type == KEY_PATHS) && *text != '/')
		return -EINVAL;
	if ((key->type == KEY_HOST && !refusal_host_is_valid(text)) ||
	    (key->type == KEY_URL && !refusal_url_is_valid(text)) ||
	    (key->type == KEY_REPLY && !refusal_text_is_valid(text)))
		return -EINVAL;
	strcpy(at, text);
	return 0;
}

static int iface_store(const char *text, unsigned int n, char (*list)[IFNAMSIZ])
{
	if (n >= CONF_INTERFACES_MAX)
		return -E2BIG;
	if (!is_iface(text))
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(list[i], text) == 0)
			return -EEXIST;
	strcpy(list[n], text);
	return 0;
}

static int port_store(const char *text, unsigned int n, uint16_t *list)
{
	uint64_t port;

	if (n >= MXG_PORTS_MAX)
		return -E2BIG;
	if (text_to_u64(text, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++)
		if (list[i] == port)
			return -EEXIST;
	list[n] = (uint16_t)port;
	return 0;
}

/* Where nothing can answer: not what somebody means who writes it, but "any". */
static bool is_nowhere(const struct addr *addr)
{
	const char *special = addr_special(addr);

	return special &&
	       (strcmp(special, "this-network") == 0 || strcmp(special, "unspecified") == 0 ||
		strcmp(special, "multicast") == 0 || strcmp(special, "reserved") == 0);
}

/* The same server twice would be its own second opinion. */
static int server_store(const char *text, unsigned int n, struct endpoint *list,
			const char **ret_why)
{
	struct endpoint endpoint;

	if (n >= CONF_SERVERS_MAX)
		return -E2BIG;
	if (endpoint_parse(text, 53, &endpoint) < 0)
		return -EINVAL;
	if (is_nowhere(&endpoint.addr)) {
		*ret_why = "no server can have that address";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < n; i++)
		if (addr_equal(&list[i].addr, &endpoint.addr) && list[i].port == endpoint.port)
			return -EEXIST;
	list[n] = endpoint;
	return 0;
}

static int path_store(const struct conf_key *key, const char *text, unsigned int n,
		      char (*list)[CONF_TEXT_MAX], const char **ret_why)
{
	if (n >= CONF_PATTERNS_MAX)
		return -E2BIG;
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(list[i], text) == 0)
			return -EEXIST;
	return text_store(key, text, list + n, ret_why);
}

static int host_store(const char *text, unsigned int n, struct canary_host *list)
{
	if (n >= CANARIES_MAX)
		return -E2BIG;
	if (canary_host_parse(text, &list[n]) < 0)
		return -EINVAL;
	/* Twice is not twice as well. */
	for (unsigned int i = 0; i < n; i++)
		if (canary_host_equal(&list[i], &list[n]))
			return -EEXIST;
	return 0;
}

static int net_store(const char *text, unsigned int n, struct prefix *list, const char **ret_why)
{
	const char *slash = strchr(text, '/');
	struct prefix net;

	if (n >= MXG_DESTS_MAX)
		return -E2BIG;
	if (slash && strcmp(slash, "/0") == 0) {
		*ret_why = "that is every address; leave the key out for that";
		return -EINVAL;
	}
	if (prefix_parse(text, &net, ret_why) < 0)
		return -EINVAL;
	if (is_nowhere(&net.addr)) {
		*ret_why = "no mail server can have that address; leave the key out for any";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < n; i++)
		if (prefix_equal(&list[i], &net))
			return -EEXIST;
	list[n] = net;
	return 0;
}

static int list_store(const struct conf_key *key, const char *text, unsigned int n, void *at,
		      const char **ret_why)
{
	switch (key->type) {
	case KEY_IFACES:
		return iface_store(text, n, at);
	case KEY_PORTS:
		return port_store(text, n, at);
	case KEY_SERVERS:
		return server_store(text, n, at, ret_why);
	case KEY_PATHS:
		return path_store(key, text, n, at, ret_why);
	case KEY_HOSTS:
		return host_store(text, n, at);
	case KEY_NETS:
		return net_store(text, n, at, ret_why);
	default:
		return -EINVAL;
	}
}

int conf_key_store(const struct conf_key *key, const char *text, unsigned int n, void *at,
		   const char **ret_why)
{
	uint32_t index;
	uint64_t number;

	switch (key->type) {
	case KEY_CHOICE:
		return choice_index(key->allowed, text, at);
	case KEY_FLAG:
		if (choice_index(key->allowed, text, &index) < 0)
			return -EINVAL;
		*(bool *)at = index == 1;
		return 0;
	case KEY_ACTION:
		return policy_action_parse(text, at);
	case KEY_NUMBER:
	case KEY_SPAN:
		if ((key->type == KEY_SPAN ? text_to_span(text, &number)
					   : text_to_u64(text, 0, UINT32_MAX, &number)) < 0 ||
		    number < key->min || number > key->max)
			return -EINVAL;
		*(uint32_t *)at = (uint32_t)number;
		return 0;
	case KEY_TEXT:
	case KEY_PATH:
	case KEY_HOST:
	case KEY_URL:
	case KEY_REPLY:
		return text_store(key, text, at, ret_why);
	case KEY_IFACES:
	case KEY_PORTS:
	case KEY_SERVERS:
	case KEY_HOSTS:
	case KEY_NETS:
	case KEY_PATHS:
		return list_store(key, text, n, at, ret_why);
	}
	return -EINVAL;
}

void conf_key_allowed(const struct conf_key *key, char *buf, size_t size)
{
	char min[TEXT_SPAN_MAX], max[TEXT_SPAN_MAX];

	switch (key->type) {
	case KEY_NUMBER:
		if (key->allowed) {
			snprintf(buf, size, "%s", key->allowed);
			return;
		}
		snprintf(buf, size, "a whole number from %" PRIu64 " to %" PRIu64, key->min,
			 key->max);
		break;
	case KEY_SPAN:
		snprintf(buf, size, "a time from %s to %s, such as 90s, 15m, 1h",
			 text_from_span(key->min, min), text_from_span(key->max, max));
		break;
	case KEY_IFACES:
		snprintf(buf, size, "a list of at most %d interface names of at most %d characters",
			 CONF_INTERFACES_MAX, IFNAMSIZ - 1);
		break;
	case KEY_PORTS:
		snprintf(buf, size, "a list of 1 to %d ports, each 1 to 65535", MXG_PORTS_MAX);
		break;
	case KEY_NETS:
		snprintf(buf, size,
			 "a list of at most %d addresses and prefixes, ADDR or ADDR/BITS, with no "
			 "bits set behind the prefix",
			 MXG_DESTS_MAX);
		break;
	case KEY_SERVERS:
		snprintf(buf, size,
			 "a list of at most %d addresses, each ADDR, ADDR:PORT or "
			 "[ADDR]:PORT",
			 CONF_SERVERS_MAX);
		break;
	case KEY_PATHS:
		snprintf(buf, size, "a list of at most %d absolute paths", CONF_PATTERNS_MAX);
		break;
	case KEY_HOSTS:
		snprintf(buf, size,
			 "a list of at most %d addresses, none of them private or special, and "
			 "names of hosts, with their domain",
			 CANARIES_MAX);
		break;
	default:
		snprintf(buf, size, "%s", key->allowed);
		for (char *p = buf; *p; p++)
			if (*p == '|')
				memmove(p + 4, p + 1, strlen(p)), memcpy(p, " or ", 4);
	}
}

unsigned int *conf_key_count(const struct conf_key *key, struct conf *conf)
{
	switch (key->type) {
	case KEY_IFACES:
		return &conf->interface_count;
	case KEY_PORTS:
		return &conf->port_count;
	case KEY_NETS:
		return &conf->destination_count;
	case KEY_SERVERS:
		return &conf->dns.server_count;
	case KEY_HOSTS:
		return &conf->breaker.canary_count;
	case KEY_PATHS:
		return &conf->rdns.pattern_count;
	default:
		return NULL;
	}
}

bool conf_key_is_list(const struct conf_key *key)
{
	return key->type == KEY_IFACES || key->type == KEY_PORTS || key->type == KEY_SERVERS ||
	       key->type == KEY_HOSTS || key->type == KEY_NETS || key->type == KEY_PATHS;
}
