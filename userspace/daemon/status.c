/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The keys are those of CONTROL_STATUS in control.h. */
#include <jansson.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/worker.h"

static json_t *links_json(const struct slots *slots)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < slots->count; i++) {
		const struct link_info *link = &slots->link[i];

		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s, s:i, s:s}", "name",
						      link->name, "ifindex", link->ifindex, "state",
						      link_state_name(link->state), "mode",
						      gate_mode_name(link->mode), "prog_id",
						      (int)link->prog_id, "detail", link->detail));
	}
	return list;
}

static json_t *counters_json(const struct worker *worker)
{
	static const char *const names[] = {
#define X(sym, kind, name, help) name,
		MXG_COUNTERS(X)
#undef X
	};
	uint64_t counts[MXG_CTR_MAX];
	json_t *object;

	if (vmap_counters_get(worker->vmap, counts) < 0)
		return json_null();
	object = json_object();
	for (int i = 0; i < MXG_CTR_MAX; i++)
		json_object_set_new(object, names[i], json_integer((json_int_t)counts[i]));
	return object;
}

static json_t *table_json(const struct worker *worker, unsigned int family)
{
	struct vmap_figures figures;
	json_t *led = json_array();

	vmap_figures(worker->vmap, family, &figures);
	for (int i = 0; i < MXG_LINES_PROBED; i++)
		json_array_append_new(led, json_integer(figures.led[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "entries",
			 (json_int_t)figures.count, "max", (json_int_t)growth_most(worker, family),
			 "size", (json_int_t)figures.max, "bytes", (json_int_t)figures.bytes,
			 "refused", (json_int_t)figures.refused, "lines_from_home", led, "growth",
			 growth_json(worker, family));
}

static json_t *server_json(const struct resolver_server_stats *server, uint64_t now_ns)
{
	json_t *object =
		json_pack("{s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:I}", "name", server->name, "state",
			  server->is_down ? "down" : "up", "state_sec",
			  (json_int_t)((now_ns - server->since_ns) / CLOCK_NS_PER_SEC), "first",
			  server->is_first, "queries", (json_int_t)server->queries, "answers",
			  (json_int_t)server->answers, "failures", (json_int_t)server->failures,
			  "timeouts", (json_int_t)server->timeouts);

	json_object_set_new(object, "last_answer_sec",
			    server->last_answer_ns
				    ? json_integer((json_int_t)((now_ns - server->last_answer_ns) /
								CLOCK_NS_PER_SEC))
				    : json_null());
	json_object_set_new(object, "reply_ms",
			    server->answer_us ? json_real(server->answer_us / 1000.0)
					      : json_null());
	return object;
}

static json_t *servers_json(const struct resolver_stats *stats)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < stats->server_count; i++)
		json_array_append_new(list, server_json(&stats->servers[i], clock_mono_ns()));
	return list;
}

static json_t *resolver_json(const struct worker *worker)
{
	struct resolver_stats stats;
	json_t *object;

	resolver_get_stats(worker->resolver, &stats);
	object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "outstanding",
			   (json_int_t)stats.outstanding, "started", (json_int_t)stats.started,
			   "refused_full", (json_int_t)stats.refused_full, "joined",
			   (json_int_t)stats.joined, "over_budget", (json_int_t)worker->over_budget,
			   "servers", servers_json(&stats));
	for (int i = IPREV_PASS; object && i <= IPREV_TEMPERROR; i++)
		json_object_set_new(object, iprev_result_name((enum iprev_result)i),
				    json_integer((json_int_t)stats.done[i]));
	return object;
}

struct tally {
	int64_t now;
	json_int_t active, total;
};

static int tally_exception(const struct exception *exception, void *user)
{
	struct tally *tally = user;

	tally->total++;
	tally->active += !exception->expires_sec || exception->expires_sec > tally->now;
	return 0;
}

static json_t *exceptions_json(const struct worker *worker)
{
	struct tally tally = {.now = clock_wall_sec()};

	exceptions_each(worker->exceptions, tally_exception, &tally);
	return json_pack("{s:I, s:I}", "active", tally.active, "total", tally.total);
}

static json_t *ports_json(const struct conf *conf)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < conf->port_count; i++)
		json_array_append_new(list, json_integer(conf->ports[i]));
	return list;
}

static json_t *destinations_json(const struct conf *conf)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];

	for (unsigned int i = 0; i < conf->destination_count; i++)
		json_array_append_new(list,
				      json_string(prefix_format(&conf->destinations[i], text)));
	return list;
}

static json_t *trigger_json(const struct worker *worker)
{
	const struct conf *conf = worker->conf;
	bool is_syn = conf->trigger == CONF_TRIGGER_SYN;

	return json_pack("{s:s, s:s, s:s}", "kind", is_syn ? "syn" : "established", "cgroup",
			 is_syn ? "" : conf->cgroup, "detail", worker->args.trigger.detail);
}

static json_t *hold_json(const struct worker *worker)
{
	const char *why_not = mode_hold_why_not(worker);

	return json_pack("{s:b, s:s}", "on", worker->conf->hold && worker->is_holding, "why_not",
			 why_not ? why_not : "");
}

json_t *status_json(struct worker *worker)
{
	uint64_t now = clock_mono_ns(), lease = 0;

	vmap_lease_get(worker->vmap, &lease);
	return json_pack("{s:s, s:i, s:i, s:I, s:i, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:b, "
			 "s:o, s:o, s:{s:s, s:o, s:o}, s:o, s:o, "
			 "s:o, s:o, s:o, s:o, s:o, s:o}",
			 "version", MXG_VERSION, "pid", (int)worker->args.keeper_pid, "worker_pid",
			 (int)getpid(), "uptime_sec",
			 (json_int_t)((now - worker->args.keeper_started_ns) / CLOCK_NS_PER_SEC),
			 "worker_restarts", (int)worker->args.restarts, "mode",
			 worker->enforce_mask ? "enforce" : "monitor", "mode_source",
			 worker->mode_is_command ? "command" : "config", "enforced",
			 mode_enforced_json(worker), "lease_sec",
			 (json_int_t)(lease > now ? (lease - now) / CLOCK_NS_PER_SEC : 0),
			 "interfaces", links_json(&worker->args.slots), "ports",
			 ports_json(worker->conf), "destinations", destinations_json(worker->conf),
			 "decap", (int)worker->conf->decap, "trigger", trigger_json(worker), "hold",
			 hold_json(worker), "table", "form",
			 vmap_is_hash(worker->vmap) ? "hash" : "lines", "v4", table_json(worker, 4),
			 "v6", table_json(worker, 6), "exceptions", exceptions_json(worker),
			 "counters", counters_json(worker), "resolver", resolver_json(worker),
			 "alarms", alarms_json(&worker->alarms), "confirm",
			 watch_confirm_json(worker), "breaker", watch_breaker_json(worker),
			 "rollup", rollups_json(worker), "evidence", ledger_json(worker));
}
