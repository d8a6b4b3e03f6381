// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* One step of tests/bench/gate, which knows what to do and what to make of it. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/policy.h"
#include "packets.h"
#include "packets_sources.h"

static const char usage[] =
	"usage: bench-gate list -f 4|6 -n SOURCES [-x FIRST]\n"
	"       bench-gate drop|parse|tx|grow -i INTERFACE\n"
	"       bench-gate mxgate -o OBJECT -f 4|6 -n SOURCES [-i INTERFACE] [-c "
	"drop|reset|reject]\n"
	"       bench-gate updates -o OBJECT -f 4|6 -n VERDICTS\n"
	"       bench-gate xdp-filter -o OBJECT -f 4|6 -n SOURCES -i INTERFACE\n"
	"       bench-gate listen\n"
	"       bench-gate run -i INTERFACE -a MAC -p NAPI_PID -f 4|6 -n SOURCES [-t HOT]\n"
	"                      [-x FIRST] [-m MILLISECONDS] [-w WARM_MILLISECONDS] [-k "
	"syn|ack|ehlo]\n"
	"       bench-gate flood -i INTERFACE -a MAC -f 4|6 -n SOURCES [-x FIRST] [-r RATE]\n";

static bool get_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value > INT_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool get_mac(const char *text, uint8_t ret[static 6])
{
	char *end = NULL;

	for (int i = 0; i < 6; i++) {
		unsigned long byte = strtoul(text, &end, 16);

		if (end == text || byte > 0xff || *end != (i < 5 ? ':' : '\0'))
			return false;
		ret[i] = (uint8_t)byte;
		text = end + 1;
	}
	return true;
}

static bool get_kind(const char *text, enum packets_kind *ret)
{
	static const char *const names[] = {
		[PACKETS_SYN] = "syn", [PACKETS_ACK] = "ack", [PACKETS_EHLO] = "ehlo"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum packets_kind)i;
			return true;
		}
	return false;
}

static bool get_option(struct packets *packets, int option)
{
	uint32_t number = 0;

	switch (option) {
	case 'a':
		return get_mac(optarg, packets->mac);
	case 'c':
		return policy_action_parse(optarg, &packets->action) == 0;
	case 'k':
		return get_kind(optarg, &packets->kind);
	case 'i':
		packets->interface = optarg;
		return true;
	case 'o':
		return (size_t)snprintf(packets->object, sizeof(packets->object), "%s", optarg) <
		       sizeof(packets->object);
	}
	if (option == '?' || !get_number(optarg, &number))
		return false;
	switch (option) {
	case 'f':
		packets->family = number;
		return number == 4 || number == 6;
	case 'm':
		packets->millis = number;
		return true;
	case 'n':
		packets->sources = number;
		return number > 0 && number <= SOURCES_MAX;
	case 'p':
		packets->napi_pid = (int)number;
		return true;
	case 'r':
		packets->rate = number;
		return true;
	case 't':
		packets->hot = number;
		return true;
	case 'w':
		packets->warm = number;
		return true;
	case 'x':
		packets->first = number;
		return true;
	}
	return false;
}

/* Beside this program, unless something else is named. */
static void own_object(struct packets *packets)
{
	char self[200] = "";

	if (packets->object[0] || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return;
	snprintf(packets->object, sizeof(packets->object), "%s/bench-gate.bpf.o", dirname(self));
}

static int call(const char *what, const struct packets *packets)
{
	const bool has_interface = packets->interface;

	if (strcmp(what, "list") == 0)
		return packets_list(packets);
	if (strcmp(what, "mxgate") == 0)
		return packets_mxgate(packets);
	if (strcmp(what, "updates") == 0)
		return packets_updates(packets);
	if (strcmp(what, "listen") == 0)
		return packets_listen(packets);
	if (strcmp(what, "drop") == 0 && has_interface)
		return packets_attach(packets, "bench_drop");
	if (strcmp(what, "parse") == 0 && has_interface)
		return packets_attach(packets, "bench_parse");
	if (strcmp(what, "tx") == 0 && has_interface)
		return packets_attach(packets, "bench_tx");
	if (strcmp(what, "grow") == 0 && has_interface)
		return packets_attach(packets, "bench_grow");
	if (strcmp(what, "line") == 0 && has_interface)
		return packets_attach(packets, "bench_line");
	if (strcmp(what, "xdp-filter") == 0 && has_interface)
		return packets_xdp_filter(packets);
	if (strcmp(what, "run") == 0 && has_interface && packets->napi_pid &&
	    packets->hot <= packets->sources)
		return packets_run(packets);
	if (strcmp(what, "flood") == 0 && has_interface)
		return packets_flood(packets);
	fputs(usage, stderr);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct packets packets = {.family = 4,
				  .sources = 1000,
				  .millis = 500,
				  .warm = 100,
				  .action = MXG_ACTION_DROP};
	int option;

	optind = 2;
	while (argc > 1 && (option = getopt(argc, argv, "a:c:f:i:k:m:n:o:p:r:t:w:x:")) != -1)
		if (!get_option(&packets, option)) {
			fputs(usage, stderr);
			return 64;
		}
	own_object(&packets);
	return call(argc > 1 ? argv[1] : "", &packets) < 0 ? 1 : 0;
}
