// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The iprev machine: the input is a world (a client, what DNS says of it and of every
 * name) and schedules, in which queries are taken and answered in any order, twice,
 * unasked, too late, and cut short by the deadline. Whatever the schedule, the result is
 * the one that RFC 8601 gives for that world, worked out here by itself; with a deadline
 * it is that or temperror. What is kept of the report as evidence says the same.
 */
#include <arpa/nameser.h>
#include <string.h>

#include "core/evidence.h"
#include "core/iprev.h"
#include "fuzz.h"

#define HOST_LABEL "a23456789012345678901234567890123456789012345678901234567890123"
#define HOST_LONGEST                                                                               \
	HOST_LABEL "." HOST_LABEL "." HOST_LABEL                                                   \
		   ".a2345678901234567890123456789012345678901234567890123456.host"

/* As a PTR answer has them: distinct, sorted by strcmp(). */
static const struct {
	const char *text;
	bool is_host;
} pool[] = {
	{".", false},
	{"1.2.3.4", false},
	{"123", false},
	{"192-0-2-1.example", true},
	{"192.0.2.1.example", true},
	{"\\000\\255.example", false},
	{"_under.example", true},
	{"a", true},
	{"a.example", true},
	{HOST_LONGEST, true},
	{"b.example", true},
	{"c\\.d.example", false},
	{"d.example", true},
	{"e.example", true},
	{"f.example", true},
	{"g.example", true},
	{"h.example", true},
	{"i\\\"j.example", false},
	{"mx.example", true},
	{"mx1.example", true},
	{"mx2.example", true},
	{"x\\010y.example", false},
	{"xn--bcher-kva.example", true},
	{"z.example", true},
};

#define POOL      (sizeof(pool) / sizeof(pool[0]))
#define ADDRS_MAX 6
#define TURNS_MAX 200 /* of a schedule; what is open after it is answered in order */

struct world {
	struct addr client;
	struct dns_answer ptr;
	struct dns_name names[POOL];
	struct dns_answer forward[POOL]; /* by pool index */
	struct addr addrs[POOL][ADDRS_MAX];
};

/* --- the world -------------------------------------------------------------------------------- */

static struct addr addr_of(const char *text)
{
	struct addr addr = {0};

	CHECK(addr_parse(text, &addr) == 0);
	return addr;
}

static void make_client(struct input *input, struct world *world)
{
	static const char *const special[] = {"10.1.2.3", "127.0.0.1", "fe80::1", "::1", "fd00::1"};
	unsigned int which = take_below(input, 32);
	uint8_t bytes[16];

	if (which < sizeof(special) / sizeof(special[0])) {
		world->client = addr_of(special[which]);
		return;
	}
	if (which == 31) {
		for (unsigned int i = 0; i < sizeof(bytes); i++)
			bytes[i] = take8(input);
		addr_from_bytes(bytes[0] & 1 ? 4 : 6, bytes, &world->client);
		return;
	}
	world->client = addr_of(which & 1 ? "192.0.2.1" : "2001:db8::1");
}

/* An answer's status, mostly the one that leads on. */
static void make_status(struct input *input, struct dns_answer *answer)
{
	static const char *const notes[] = {
		NULL, "absence without SOA", "truncated answer",
		"from a server that neither resolves nor has authority"};
	static const uint16_t rcodes[] = {0, 0, 3, 2, 5, 0, 0, 0, 9};
	unsigned int which = take_below(input, 16);

	answer->status = which <= DNS_OTHER ? (enum dns_status)which : DNS_DATA;
	answer->rcode = rcodes[answer->status];
	answer->note = answer->status == DNS_DATA ? NULL : notes[take_below(input, 4)];
	if (dns_status_is_certain(answer->status))
		answer->ttl_sec = take_ttl(input) & INT32_MAX;
}

static void make_ptr(struct input *input, struct world *world)
{
	uint32_t mask = take32(input);
	struct dns_answer *ptr = &world->ptr;

	make_status(input, ptr);
	if (ptr->status != DNS_DATA)
		return;
	for (unsigned int i = 0; i < POOL; i++) {
		if (!(mask >> i & 1))
			continue;
		world->names[ptr->count].is_host = pool[i].is_host;
		strcpy(world->names[ptr->count++].text, pool[i].text);
	}
	if (ptr->count == 0) {
		ptr->status = DNS_NODATA;
		return;
	}
	ptr->names = world->names;
	/* The answer had more names than were kept of it. */
	ptr->total = (uint16_t)(ptr->count + (mask >> 31 ? take8(input) : 0));
}

static void make_forward(struct input *input, struct world *world, unsigned int index)
{
	static const struct addr others[2][3] = {
		{{4, {192, 0, 2, 9}}, {4, {10, 0, 0, 1}}, {4, {198, 51, 100, 1}}},
		{{6, {0x20, 1, 0xd, 0xb8, 9}}, {6, {0xfe, 0x80}}, {6, {0x20, 1, 0xd, 0xb8}}}};
	struct dns_answer *answer = &world->forward[index];
	unsigned int which;

	make_status(input, answer);
	if (answer->status != DNS_DATA)
		return;
	answer->count = (uint16_t)(1 + take_below(input, ADDRS_MAX));
	answer->total = answer->count;
	answer->addrs = world->addrs[index];
	for (unsigned int i = 0; i < answer->count; i++) {
		which = take_below(input, 16);
		world->addrs[index][i] =
			which == 0 ? world->client : others[world->client.family == 6][which % 3];
	}
}

static void make_world(struct input *input, struct world *world)
{
	memset(&world->ptr, 0, sizeof(world->ptr));
	memset(world->forward, 0, sizeof(world->forward));
	make_client(input, world);
	make_ptr(input, world);
	for (unsigned int i = 0; i < POOL; i++)
		make_forward(input, world, i);
}

static unsigned int pool_index(const char *name)
{
	unsigned int i = 0;

	while (i < POOL && strcmp(pool[i].text, name) != 0)
		i++;
	CHECK(i < POOL);
	return i;
}

/* --- what must come of it --------------------------------------------------------------------- */

struct expected {
	enum iprev_result result;
	uint32_t ttl_sec;        /* of fail and permerror */
	unsigned int name_count; /* evaluated */
	bool is_evaluated[POOL];
	bool confirms[POOL];
};

/* Ten names at most, those that can have an address before those that cannot. */
static void expect_names(const struct world *world, struct expected *ret)
{
	for (int hosts = 1; hosts >= 0; hosts--)
		for (unsigned int i = 0; i < world->ptr.count; i++) {
			const struct dns_name *name = &world->names[i];

			if (name->is_host != hosts || ret->name_count == IPREV_NAMES_MAX)
				continue;
			ret->name_count++;
			ret->is_evaluated[pool_index(name->text)] = true;
		}
}

static bool names_client(const struct world *world, const struct dns_answer *answer)
{
	for (unsigned int i = 0; answer->status == DNS_DATA && i < answer->count; i++)
		if (addr_equal(&answer->addrs[i], &world->client))
			return true;
	return false;
}

static void expect(const struct world *world, struct expected *ret)
{
	const struct dns_answer *ptr = &world->ptr;
	bool uncertain, confirmed = false;
	uint32_t ttl = ptr->ttl_sec;
	unsigned int hosts = 0;

	memset(ret, 0, sizeof(*ret));
	ret->result = IPREV_SPECIAL;
	if (addr_special(&world->client))
		return;
	ret->result = IPREV_TEMPERROR;
	if (!dns_status_is_certain(world->ptr.status))
		return;
	ret->result = IPREV_PERMERROR;
	ret->ttl_sec = ttl;
	if (world->ptr.status != DNS_DATA)
		return;
	expect_names(world, ret);
	for (unsigned int i = 0; i < ptr->count; i++)
		hosts += world->names[i].is_host;
	/* One that is left out and might be a host; what is none goes first. */
	uncertain = hosts > IPREV_NAMES_MAX || (ptr->total > ptr->count && hosts == ptr->count);
	for (unsigned int i = 0; i < POOL; i++) {
		if (!ret->is_evaluated[i] || !pool[i].is_host)
			continue;
		ret->confirms[i] = names_client(world, &world->forward[i]);
		confirmed |= ret->confirms[i];
		uncertain |= !dns_status_is_certain(world->forward[i].status);
		ttl = ttl < world->forward[i].ttl_sec ? ttl : world->forward[i].ttl_sec;
	}
	ret->ttl_sec = ttl;
	ret->result = confirmed ? IPREV_PASS : uncertain ? IPREV_TEMPERROR : IPREV_FAIL;
}

static void check_text(const char *text, size_t max)
{
	size_t len;

	CHECK(text != NULL);
	len = strnlen(text, max);
	CHECK(len < max);
	for (size_t i = 0; i < len; i++)
		CHECK(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void check_steps(const struct world *world, const struct iprev_report *report)
{
	uint16_t forward = world->client.family == 4 ? ns_t_a : ns_t_aaaa;
	unsigned int queried = 0, i;

	for (i = 0; i < report->name_count; i++)
		queried += report->names[i].queried;
	CHECK(report->step_count == (report->result == IPREV_SPECIAL ? 0 : 1 + queried));
	for (i = 0; i < report->step_count; i++) {
		const struct iprev_step *step = &report->steps[i];

		check_text(step->qname, DNS_HOST_TEXT_MAX);
		check_text(step->server, ENDPOINT_TEXT_MAX);
		check_text(step->note, 256);
		CHECK(step->qtype == (i == 0 ? ns_t_ptr : forward));
		if (i > 0)
			CHECK(step->name < report->name_count &&
			      report->names[step->name].queried &&
			      strcmp(report->names[step->name].text, step->qname) == 0);
	}
}

static void check_report(const struct world *world, const struct expected *expected,
			 const struct iprev_report *report)
{
	unsigned int confirmed = 0, i, at;

	CHECK(report->name_count <= IPREV_NAMES_MAX && report->step_count <= IPREV_STEPS_MAX);
	CHECK(report->text_used <= IPREV_TEXT_MAX);
	CHECK((report->special != NULL) == (report->result == IPREV_SPECIAL));
	check_steps(world, report);
	for (i = 0; i < report->name_count; i++) {
		check_text(report->names[i].text, DNS_NAME_TEXT_MAX);
		at = pool_index(report->names[i].text);
		CHECK(expected->is_evaluated[at] && report->names[i].queried == pool[at].is_host);
		CHECK(i == 0 || strcmp(report->names[i - 1].text, report->names[i].text) < 0);
		if (!report->names[i].confirmed)
			continue;
		confirmed++;
		CHECK(expected->confirms[at]);
		CHECK(report->ttl_sec == (world->ptr.ttl_sec < world->forward[at].ttl_sec
						  ? world->ptr.ttl_sec
						  : world->forward[at].ttl_sec));
	}
	CHECK(confirmed == (report->result == IPREV_PASS));
}

/* --- a schedule ------------------------------------------------------------------------------- */

struct run {
	struct iprev iprev;
	uint8_t open[IPREV_STEPS_MAX];
	unsigned int open_count, asked;
	bool is_cut; /* the deadline came */
};

/* One that would make the result certain, were it taken. */
static const struct dns_answer *tempting(const struct world *world, bool is_ptr)
{
	static struct dns_answer answer;

	answer = (struct dns_answer){.status = DNS_DATA, .count = 1, .total = 1, .ttl_sec = 1};
	answer.addrs = &world->client;
	if (is_ptr)
		answer = (struct dns_answer){.status = DNS_NXDOMAIN, .ttl_sec = 1, .rcode = 3};
	return &answer;
}

static void take_query(const struct world *world, struct run *run)
{
	struct iprev_query query;

	if (!iprev_next(&run->iprev, &query))
		return;
	CHECK(!iprev_is_done(&run->iprev));
	CHECK(query.id == run->asked && run->asked < IPREV_STEPS_MAX);
	CHECK(query.qtype == (run->asked == 0             ? ns_t_ptr
			      : world->client.family == 4 ? ns_t_a
							  : ns_t_aaaa));
	run->open[run->open_count++] = query.id;
	run->asked++;
}

static void answer_query(const struct world *world, struct run *run, unsigned int which)
{
	const struct dns_answer *answer = &world->ptr;
	uint8_t id;

	if (run->open_count == 0)
		return;
	which %= run->open_count--;
	id = run->open[which];
	run->open[which] = run->open[run->open_count];
	if (id > 0)
		answer = &world->forward[pool_index(run->iprev.report.steps[id].qname)];
	iprev_answer(&run->iprev, id, answer, "192.0.2.53:53", 1000);
}

static bool is_open(const struct run *run, uint8_t id)
{
	for (unsigned int i = 0; i < run->open_count; i++)
		if (run->open[i] == id)
			return true;
	return false;
}

/* What nobody waits for must not change anything. */
static void disturb(const struct world *world, struct run *run, uint8_t id)
{
	static struct iprev before;

	if (is_open(run, id) && !iprev_is_done(&run->iprev))
		return;
	memcpy(&before, &run->iprev, offsetof(struct iprev, report.text));
	iprev_answer(&run->iprev, id, tempting(world, id == 0), NULL, 1);
	CHECK(memcmp(&before, &run->iprev, offsetof(struct iprev, report.text)) == 0);
}

static void play(const struct world *world, struct input *input, bool may_cut, struct run *run)
{
	unsigned int turns = take_below(input, TURNS_MAX);

	while (turns-- > 0 && !iprev_is_done(&run->iprev)) {
		unsigned int turn = take8(input);

		switch (turn >> 5) {
		case 0:
			disturb(world, run, take8(input));
			break;
		case 1:
			disturb(world, run, (uint8_t)(turn & 15));
			break;
		case 2:
			if (may_cut && (turn & 31) == 0) {
				iprev_expire(&run->iprev);
				run->is_cut = true;
			}
			break;
		case 3:
		case 4:
			take_query(world, run);
			break;
		default:
			answer_query(world, run, turn & 31);
		}
	}
	for (turns = 0; !iprev_is_done(&run->iprev); turns++) {
		CHECK(turns <= 2 * IPREV_STEPS_MAX);
		take_query(world, run);
		answer_query(world, run, 0);
	}
}

static void run_once(const struct world *world, const struct expected *expected,
		     struct input *input, bool may_cut, struct run *run)
{
	struct iprev_report *report = &run->iprev.report;
	struct iprev_query query;

	memset(run, 0xa5, sizeof(*run));
	run->open_count = run->asked = 0;
	run->is_cut = false;
	iprev_init(&run->iprev, &world->client);
	play(world, input, may_cut, run);
	CHECK(!iprev_next(&run->iprev, &query));
	for (unsigned int id = 0; id < 256; id += id < IPREV_STEPS_MAX ? 1 : 61)
		disturb(world, run, (uint8_t)id);
	if (run->is_cut)
		CHECK(report->result == IPREV_TEMPERROR);
	else
		CHECK(report->result == expected->result);
	if (report->result == IPREV_FAIL || report->result == IPREV_PERMERROR)
		CHECK(report->ttl_sec == expected->ttl_sec);
	if (report->result == IPREV_TEMPERROR)
		CHECK(report->ttl_sec == 0);
	check_report(world, expected, report);
}

/* --- the evidence ----------------------------------------------------------------------------- */

static void check_evidence(const struct iprev_report *report)
{
	static uint8_t packed[EVIDENCE_PACKED_MAX];
	static struct iprev_report copy;
	const struct rdns_result *judged;
	struct policy_decision decision;
	struct rdns_result names;
	struct policy policy;
	json_t *direct, *unpacked, *copied;
	size_t len;

	policy_defaults(&policy);
	policy_decide(&policy, policy_reason(report->result), report->ttl_sec, &decision);
	iprev_report_copy(report, &copy);
	judged = rdns_judge(report, NULL, &names) ? &names : NULL;
	direct = evidence_to_json(report, judged, &policy, &decision, 1700000000);
	copied = evidence_to_json(&copy, judged, &policy, &decision, 1700000000);
	len = evidence_pack(report, judged, &policy, &decision, 1700000000, packed);
	CHECK(len <= EVIDENCE_PACKED_MAX);
	unpacked = evidence_unpack(&report->addr, packed, len);
	CHECK(direct != NULL && json_equal(direct, copied) && json_equal(direct, unpacked));
	json_decref(direct);
	json_decref(copied);
	json_decref(unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	static struct world world;
	static struct run run;
	struct expected expected;
	unsigned int look = take_below(&input, 64);

	make_world(&input, &world);
	expect(&world, &expected);
	run_once(&world, &expected, &input, false, &run);
	run_once(&world, &expected, &input, false, &run);
	if (look == 0)
		check_evidence(&run.iprev.report);
	run_once(&world, &expected, &input, true, &run);
	if (look == 1)
		check_evidence(&run.iprev.report);
	return 0;
}
