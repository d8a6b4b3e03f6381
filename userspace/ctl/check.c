/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * `mxgate check`: evaluates an address now, by itself, with the same resolver,
 * state machine and policy as the daemon. It needs no daemon, changes nothing, and its
 * answer is not remembered.
 *
 * Policy and servers are those of mxgate.conf when there is one (--config names
 * another), else the defaults and /etc/resolv.conf; --dns overrides the servers.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/conf.h"
#include "core/evidence.h"
#include "core/policy.h"
#include "ctl/ctl.h"
#include "ctl/local.h"
#include "io/resolver.h"

#define DNS_PORT 53

struct checking {
	const struct policy *policy;
	struct patterns *patterns;
	json_t *evidence;
	enum iprev_result result;
	bool done;
};

static void on_done(const struct iprev_report *report, void *user)
{
	struct checking *checking = user;
	struct policy_decision decision;
	struct rdns_result names;
	bool has_names = rdns_judge(report, checking->patterns, &names);
	const struct rdns_result *judged = has_names ? &names : NULL;

	policy_decide(checking->policy, rdns_reason(report, judged), report->ttl_sec, &decision);
	checking->evidence =
		evidence_to_json(report, judged, checking->policy, &decision, clock_wall_sec());
	checking->result = report->result;
	checking->done = true;
}

/* HOST or HOST:PORT; the first address that the system has for it. -EINVAL if none. */
static int server_by_name(const char *text, struct endpoint *ret)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
	char host[NI_MAXHOST], number[NI_MAXHOST];
	const char *colon = strchr(text, ':');
	int err = -EINVAL;

	if (snprintf(host, sizeof(host), "%.*s", (int)strcspn(text, ":"), text) >=
		    (int)sizeof(host) ||
	    getaddrinfo(host, NULL, &hints, &found) != 0)
		return -EINVAL;
	/* With the port as it was written, so that one parser has the say on it. */
	if (getnameinfo(found->ai_addr, found->ai_addrlen, number, sizeof(number), NULL, 0,
			NI_NUMERICHOST) == 0) {
		char whole[NI_MAXHOST + 64];

		snprintf(whole, sizeof(whole),
			 found->ai_family == AF_INET6 ? "[%s]%.32s" : "%s%.32s", number,
			 colon ? colon : "");
		err = endpoint_parse(whole, DNS_PORT, ret);
	}
	freeaddrinfo(found);
	return err;
}

/* --dns in the order given, else what the configuration has. */
static int choose_servers(struct ctl *ctl, const struct conf *conf, struct resolver_conf *ret)
{
	const char *text;
	unsigned int n;

	ret->server_count = 0;
	for (n = 0; (text = ctl_option_nth(ctl, "dns", n)); n++) {
		if (n >= RESOLVER_SERVERS_MAX)
			return ctl_fail(ctl, CTL_EXIT_USAGE, NULL, "at most %d --dns",
					RESOLVER_SERVERS_MAX);
		if (endpoint_parse(text, DNS_PORT, &ret->servers[n]) < 0 &&
		    server_by_name(text, &ret->servers[n]) < 0)
			return ctl_fail(ctl, CTL_EXIT_DATA,
					"write HOST, HOST:PORT or [ADDR]:PORT, as 127.0.0.1:53",
					"--dns %s is no server that can be found", text);
		ret->server_count++;
	}
	if (n > 0)
		return 0;
	ret->server_count = conf->dns.server_count;
	memcpy(ret->servers, conf->dns.servers, sizeof(ret->servers));
	return 0;
}

/* Runs the loop until the answer is there; 0 or -errno. */
static int evaluate(uv_loop_t *loop, const struct resolver_conf *conf, const struct addr *addr,
		    struct checking *checking)
{
	struct resolver *resolver;
	int err;

	err = resolver_new(loop, conf, &resolver);
	if (err < 0)
		return err;
	err = resolver_check(resolver, addr, on_done, checking);
	while (err == 0 && !checking->done)
		uv_run(loop, UV_RUN_ONCE);
	resolver_free(resolver);
	uv_run(loop, UV_RUN_DEFAULT);
	return err;
}

static int check_addr(struct ctl *ctl, const struct resolver_conf *conf, const struct addr *addr,
		      struct checking *checking)
{
	uv_loop_t loop;
	int err = uv_loop_init(&loop);

	if (err == 0) {
		err = evaluate(&loop, conf, addr, checking);
		uv_loop_close(&loop);
	}
	if (err == -ENOENT)
		return ctl_fail(ctl, CTL_EXIT_UNAVAILABLE, "name one with --dns 127.0.0.1:53",
				"no DNS server is configured and /etc/resolv.conf names none");
	if (err < 0 || !checking->evidence)
		return ctl_fail(ctl, CTL_EXIT_INTERNAL, NULL, "cannot evaluate: %s",
				strerror(err < 0 ? -err : ENOMEM));
	return 0;
}

int check_run(struct ctl *ctl)
{
	struct resolver_conf servers = {.max_outstanding = 1};
	struct checking checking = {.done = false};
	struct conf conf;
	struct addr addr;
	int code;

	code = ctl_get_addr(ctl, ctl->operand[0], &addr);
	if (code == 0)
		code = local_load_conf(ctl, &conf);
	if (code == 0)
		code = choose_servers(ctl, &conf, &servers);
	if (code != 0)
		return code;
	servers.deadline_ms = conf.dns.deadline_sec * 1000;
	checking.policy = &conf.policy;
	code = local_load_patterns(ctl, &conf, &checking.patterns);
	if (code != 0)
		return code;
	code = check_addr(ctl, &servers, &addr, &checking);
	if (code == 0) {
		ctl->out->evidence(ctl, checking.evidence);
		code = checking.result == IPREV_TEMPERROR ? CTL_EXIT_BUSY : CTL_EXIT_OK;
	}
	json_decref(checking.evidence);
	patterns_free(checking.patterns);
	return code;
}
