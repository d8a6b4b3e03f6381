// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * tests/data/iprev, by itself: the recorded replies to each case's questions go
 * through the parser and the state machine, in 100 orders of the answers, and of the
 * records inside them wherever a message can be taken apart and put together again.
 * Each time result, reason, TTL and confirmed name must be those of cases.tsv.
 */
#include <arpa/nameser.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dnsmsg.h"
#include "core/iprev.h"
#include "core/policy.h"
#include "core/rdns.h"

#define CASES     "tests/data/iprev/cases.tsv"
#define ANSWERS   "tests/data/iprev/answers.tsv"
#define ORDERS    100
#define TTL_SLACK 2 /* seconds that lay between a resolver's questions while recording */
#define REPLIES   4
#define COLUMNS   12
#define QUESTION  12   /* where a message's question begins */
#define RECORDS   4096 /* no message has more */

struct corpus_case {
	char *line, *name, *addr, *iprev, *reason, *confirmed, *via;
	uint32_t ttl_sec;
};

struct reply {
	uint8_t *bytes; /* NULL: nobody answered */
	size_t len;
};

/* What came back to one question. */
struct recorded {
	char *line, *via, *qname, *qtype;
	struct reply replies[REPLIES];
	unsigned int count;
};

static struct recorded answers[1024];
static size_t answer_count;
static union dns_records records;

/* --- the files ------------------------------------------------------------------------------ */

static unsigned int split(char *line, char **columns, unsigned int max)
{
	unsigned int count = 0;

	line[strcspn(line, "\n")] = '\0';
	while (line && count < max)
		columns[count++] = strsep(&line, "\t");
	return count;
}

static bool parse_case(char *line, struct corpus_case *ret)
{
	char *columns[COLUMNS];

	if (*line == '#')
		return false;
	cr_assert_eq(split(line, columns, COLUMNS), COLUMNS, "%s", line);
	ret->name = columns[0];
	ret->addr = columns[1];
	ret->iprev = columns[2];
	ret->reason = columns[3];
	ret->confirmed = columns[4];
	ret->ttl_sec = (uint32_t)strtoul(columns[5], NULL, 10);
	ret->via = columns[10];
	return true;
}

static void parse_reply(const char *hex, struct reply *ret)
{
	unsigned int byte;

	if (strcmp(hex, "timeout") == 0)
		return;
	ret->len = strlen(hex) / 2;
	ret->bytes = malloc(ret->len + 1);
	cr_assert_not_null(ret->bytes);
	for (size_t i = 0; i < ret->len; i++) {
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		ret->bytes[i] = (uint8_t)byte;
	}
}

static void read_answers(void)
{
	FILE *file = fopen(ANSWERS, "re");
	char *line = NULL, *columns[3 + REPLIES];
	struct recorded *recorded;
	size_t room = 0;
	unsigned int count, i;

	cr_assert_not_null(file, "%s, from the top of the tree", ANSWERS);
	while (getline(&line, &room, file) > 0) {
		if (*line == '#')
			continue;
		cr_assert_lt(answer_count, sizeof(answers) / sizeof(answers[0]));
		recorded = &answers[answer_count++];
		recorded->line = line;
		count = split(line, columns, 3 + REPLIES);
		cr_assert_gt(count, 3, "%s", line);
		recorded->via = columns[0];
		recorded->qname = columns[1];
		recorded->qtype = columns[2];
		recorded->count = count - 3;
		for (i = 3; i < count; i++)
			parse_reply(columns[i], &recorded->replies[i - 3]);
		line = NULL;
	}
	free(line);
	fclose(file);
}

static void free_answers(void)
{
	for (size_t i = 0; i < answer_count; i++) {
		for (unsigned int n = 0; n < answers[i].count; n++)
			free(answers[i].replies[n].bytes);
		free(answers[i].line);
	}
	answer_count = 0;
}

static const struct recorded *find_answers(const char *via, const struct iprev_query *query)
{
	const char *qtype = query->qtype == ns_t_ptr ? "PTR"
			    : query->qtype == ns_t_a ? "A"
						     : "AAAA";

	for (size_t i = 0; i < answer_count; i++)
		if (strcmp(answers[i].via, via) == 0 && strcmp(answers[i].qtype, qtype) == 0 &&
		    strcmp(answers[i].qname, query->qname) == 0)
			return &answers[i];
	return NULL;
}

/* --- a message with its answers in another order ---------------------------------------------- */

struct message {
	uint8_t bytes[NS_MAXMSG];
	size_t len;
};

static bool put(struct message *m, const void *bytes, size_t len)
{
	if (len > sizeof(m->bytes) - m->len)
		return false;
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
	return true;
}

static bool put16(struct message *m, unsigned int value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	return put(m, bytes, sizeof(bytes));
}

/* The name at *at of the message being read, whole; *at moves behind it. */
static bool put_name(struct message *m, ns_msg *msg, const uint8_t **at)
{
	uint8_t wire[NS_MAXCDNAME];
	size_t len = 0;
	int used = ns_name_unpack(ns_msg_base(*msg), ns_msg_end(*msg), *at, wire, sizeof(wire));

	if (used < 0)
		return false;
	*at += used;
	while (wire[len])
		len += wire[len] + 1u;
	return put(m, wire, len + 1);
}

static bool put_rdata(struct message *m, ns_msg *msg, ns_rr *rr)
{
	const uint8_t *at = ns_rr_rdata(*rr), *end = at + ns_rr_rdlen(*rr);
	unsigned int names = 0, i;
	size_t length = m->len;

	if (ns_rr_type(*rr) == ns_t_ptr || ns_rr_type(*rr) == ns_t_cname ||
	    ns_rr_type(*rr) == ns_t_ns)
		names = 1;
	else if (ns_rr_type(*rr) == ns_t_soa)
		names = 2;
	if (!put16(m, 0))
		return false;
	for (i = 0; i < names; i++)
		if (!put_name(m, msg, &at) || at > end)
			return false;
	/* What is left of a PTR record would be lost on the parser. */
	if ((names == 1 && at != end) || !put(m, at, (size_t)(end - at)))
		return false;
	m->bytes[length] = (uint8_t)((m->len - length - 2) >> 8);
	m->bytes[length + 1] = (uint8_t)(m->len - length - 2);
	return true;
}

static bool put_record(struct message *m, ns_msg *msg, ns_rr *rr)
{
	uint8_t name[NS_MAXCDNAME];
	size_t len = 0;

	if (ns_name_pton(ns_rr_name(*rr), name, sizeof(name)) < 0)
		return false;
	while (name[len])
		len += name[len] + 1u;
	/* The owner is most often the question's name, and then the record stays small. */
	if (len > 0 && memcmp(name, m->bytes + QUESTION, len + 1) == 0)
		put16(m, 0xc000 | QUESTION);
	else if (!put(m, name, len + 1))
		return false;
	return put16(m, ns_rr_type(*rr)) && put16(m, ns_rr_class(*rr)) &&
	       put16(m, ns_rr_ttl(*rr) >> 16) && put16(m, ns_rr_ttl(*rr) & 0xffff) &&
	       put_rdata(m, msg, rr);
}

static void shuffle(int *order, int count)
{
	for (int i = 0; i < count; i++)
		order[i] = i;
	for (; count > 1; count--) {
		int other = rand() % count, swap = order[count - 1];

		order[count - 1] = order[other];
		order[other] = swap;
	}
}

static bool put_section(struct message *m, ns_msg *msg, ns_sect section)
{
	static int order[RECORDS];
	static ns_rr rrs[RECORDS];
	int count = ns_msg_count(*msg, section), i;

	if (count > RECORDS)
		return false;
	for (i = 0; i < count; i++)
		if (ns_parserr(msg, section, i, &rrs[i]) < 0)
			return false;
	shuffle(order, count);
	for (i = 0; i < count; i++)
		if (!put_record(m, msg, &rrs[section == ns_s_an ? order[i] : i]))
			return false;
	return true;
}

/* False when the message is not whole, and then it is to be taken as it is. */
static bool reorder(const struct reply *reply, struct message *m)
{
	const uint8_t *at;
	ns_msg msg;

	m->len = 0;
	if (ns_initparse(reply->bytes, (int)reply->len, &msg) < 0 ||
	    ns_msg_count(msg, ns_s_qd) != 1 || ns_msg_count(msg, ns_s_an) < 2)
		return false;
	put(m, reply->bytes, QUESTION);
	at = reply->bytes + QUESTION;
	return put_name(m, &msg, &at) && put(m, at, 4) && put_section(m, &msg, ns_s_an) &&
	       put_section(m, &msg, ns_s_ns) && put_section(m, &msg, ns_s_ar);
}

/* --- the evaluation --------------------------------------------------------------------------- */

static void parse_one(const struct reply *reply, const struct iprev_query *query, bool shuffled,
		      struct dns_answer *ret)
{
	static struct message m;

	memset(ret, 0, sizeof(*ret));
	ret->status = DNS_TIMEOUT;
	if (!reply->bytes)
		return;
	if (shuffled && reorder(reply, &m))
		dnsmsg_parse(m.bytes, m.len, query->qname, query->qtype, &records, ret);
	else
		dnsmsg_parse(reply->bytes, reply->len, query->qname, query->qtype, &records, ret);
}

/* As the resolver has it: the first reply that is knowledge, else the last that was one. */
static void answer_query(struct iprev *iprev, const struct iprev_query *query,
			 const struct corpus_case *row, bool shuffled)
{
	const struct recorded *recorded = find_answers(row->via, query);
	struct dns_answer answer = {.status = DNS_TIMEOUT}, next;
	unsigned int i;

	cr_assert_not_null(recorded, "%s: no reply is recorded for %s (check-corpus --record)",
			   row->name, query->qname);
	for (i = 0; i < recorded->count && !dns_status_is_certain(answer.status); i++) {
		parse_one(&recorded->replies[i], query, shuffled, &next);
		if (next.status != DNS_TIMEOUT)
			answer = next;
	}
	iprev_answer(iprev, query->id, &answer, "recorded", 0);
}

/* Asks for all there is to ask and answers in any order, until it is done. */
static void evaluate(struct iprev *iprev, const struct corpus_case *row, bool shuffled)
{
	struct iprev_query open[IPREV_STEPS_MAX], query;
	unsigned int count = 0, at;
	struct addr addr;

	cr_assert_eq(addr_parse(row->addr, &addr), 0, "%s", row->addr);
	iprev_init(iprev, &addr);
	while (!iprev_is_done(iprev)) {
		while (iprev_next(iprev, &query))
			open[count++] = query;
		cr_assert_gt(count, 0, "%s: neither done nor asking", row->name);
		at = shuffled ? (unsigned int)rand() % count : 0;
		query = open[at];
		open[at] = open[--count];
		answer_query(iprev, &query, row, shuffled);
	}
}

static bool is_one_of(const char *text, const char *list)
{
	size_t len = strlen(text);

	for (; list; list = strchr(list, '|') ? strchr(list, '|') + 1 : NULL)
		if (strncmp(list, text, len) == 0 && (list[len] == '|' || !list[len]))
			return true;
	return false;
}

static void compare(const struct iprev_report *report, const struct corpus_case *row, int turn)
{
	struct rdns_result judged;
	bool has_names = rdns_judge(report, NULL, &judged);
	const char *reason = policy_reason_name(rdns_reason(report, has_names ? &judged : NULL));
	const char *confirmed = "-";

	for (unsigned int i = 0; i < report->name_count; i++)
		if (report->names[i].confirmed)
			confirmed = report->names[i].text;
	cr_expect_str_eq(iprev_result_name(report->result), row->iprev, "%s, order %d: %s",
			 row->name, turn, iprev_result_name(report->result));
	cr_expect_str_eq(reason, row->reason, "%s, order %d: %s", row->name, turn, reason);
	cr_expect(is_one_of(confirmed, row->confirmed), "%s, order %d: %s", row->name, turn,
		  confirmed);
	cr_expect(report->ttl_sec <= row->ttl_sec && report->ttl_sec + TTL_SLACK >= row->ttl_sec,
		  "%s, order %d: TTL %u", row->name, turn, report->ttl_sec);
}

Test(corpus, every_case_in_a_hundred_orders)
{
	static struct iprev iprev;
	FILE *file = fopen(CASES, "re");
	struct corpus_case row;
	unsigned int cases = 0;
	char *line = NULL;
	size_t room = 0;

	cr_assert_not_null(file, "%s, from the top of the tree", CASES);
	srand(1);
	read_answers();
	while (getline(&line, &room, file) > 0) {
		if (!parse_case(line, &row))
			continue;
		cases++;
		for (int turn = 0; turn < ORDERS; turn++) {
			evaluate(&iprev, &row, turn > 0);
			compare(&iprev.report, &row, turn);
		}
	}
	cr_expect_geq(cases, 120);
	free(line);
	fclose(file);
	free_answers();
}
