# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154
#
# Outage drills: hundreds of good hosts in several reverse zones, some bad ones, a
# gate in enforce mode, and trouble with DNS. To be sourced after rig.sh; drill_up
# comes first. What every drill must show: no good host is refused, an alarm stands
# within a minute, and all is well again without help.
#
#   net0: 198.18.N.0/24 good hosts, 198.19.0.0/24 without PTR; the name servers of both
#   are tests/hostile, which does what drill_script says; Unbound in front of it.
#
# Connections go to port 2525, where nobody listens: the RST of the MX's kernel says
# that the gate has let the SYN through, and no mail server limits how many there are.
# Times are those of a small world: a good verdict lives 4 s where the default is an
# hour and more, a good host is held for 60 s instead of 2 h.

DRILL_NS=198.51.100.54
DRILL_ZONES=8
DRILL_HOSTS=25
HOSTILE=$MXG_BUILD/hostile

conf_mode=enforce
conf_confirm='confirm { apart = 2s hold = 60s }'
conf_policy='policy pass { ttl_min = 4s ttl_max = 4s }
	policy no-ptr { action = drop ttl_min = 10s ttl_max = 10s }
	policy unconfirmed { action = drop ttl_min = 10s ttl_max = 10s }
	policy temperror { ttl_min = 2s ttl_max = 2s }'
conf_more='ports = { 25, 2525 }
	breaker { window = 60s }
	verdicts { max4 = 50000 max6 = 1000 }'

DRILL_GOOD=()
for ((zone = 1; zone <= DRILL_ZONES; zone++)); do
	for ((host = 1; host <= DRILL_HOSTS; host++)); do
		DRILL_GOOD+=("198.18.$zone.$host")
	done
done
DRILL_BAD=(198.19.0.{1..20})

# The zones that the name servers have, rules of their script before the usual ones, how
# many seconds their negative answers live, and how Unbound is to be otherwise.
drill_zones=(18.198.in-addr.arpa 19.198.in-addr.arpa crowd.example)
drill_rules=
drill_negative=1
drill_unbound='cache-max-ttl: 1
	cache-max-negative-ttl: 1'

# shellcheck disable=SC2120 # drills pass some
# drill_script [RULES]: what the name servers do; these rules before the usual ones.
drill_script() {
	local soa="ns.crowd.example hostmaster.crowd.example 1 3600 600 86400 $drill_negative"
	cat >"$RIG_DIR/hostile.script" <<-END
		${1:-}
		$drill_rules
		*.18.198.in-addr.arpa PTR
		 reflect crowd.example
		*.crowd.example A,AAAA
		 reflect crowd.example
		*.19.198.in-addr.arpa *
		 rcode 3
		 authority 19.198.in-addr.arpa $drill_negative SOA $soa
		* *
		 authority @ $drill_negative SOA $soa
	END
	[[ -z ${HOSTILE_PID:-} ]] || kill -HUP "$HOSTILE_PID"
}

drill_ns_start() {
	nsenter --net=/run/netns/$NET_NS -- "$HOSTILE" -l $DRILL_NS "$RIG_DIR/hostile.script" \
		</dev/null &>"$RIG_DIR/hostile.log" &
	HOSTILE_PID=$!
}

# drill_world: the networks, the name servers, a gate that knows nobody yet.
drill_world() {
	local zone
	rig_net_up || fail "the network namespaces cannot be made"
	cp -r "$RIG_TOP/tests/e2e/zones" "$ZONES" || fail "no zones"
	rm "$ZONES/198.18.5.zone"
	cat >"$ZONES/unbound.conf" <<-END
		server:
			$drill_unbound
			num-queries-per-thread: 4096
			outgoing-range: 8192
	END
	for zone in "${drill_zones[@]}"; do
		printf '\tdomain-insecure: "%s"\n' "$zone"
		[[ $zone != *.arpa ]] || printf '\tlocal-zone: "%s." nodefault\n' "$zone"
	done >>"$ZONES/unbound.conf"
	for zone in "${drill_zones[@]}"; do
		printf 'stub-zone:\n\tname: "%s"\n\tstub-addr: %s\n' "$zone" $DRILL_NS
	done >>"$ZONES/unbound.conf"
	drill_script
	drill_ns_start
	dns_start "$RIG_DIR/dns" "$ZONES" $NSD4 $RESOLVER || fail "NSD or Unbound does not come up"
	gate_start
	drill_tries=0
	drill_refused=0
}

drill_up() {
	drill_world
	drill_begin
}

# Everybody comes until all that is good is known to be so, and all that is bad refused.
drill_begin() {
	within 60 drill_is_whole ||
		fail "the world does not come up: $(status '.resolver | tostring') $(drill_count pass) good"
	equal "good hosts known" ${#DRILL_GOOD[@]} "$(drill_count pass)"
	equal "bad hosts refused" ${#DRILL_BAD[@]} "$(drill_knock "${DRILL_BAD[@]}")"
}

drill_is_whole() {
	drill_knock "${DRILL_GOOD[@]}" "${DRILL_BAD[@]}" >/dev/null
	sleep 0.3
	(($(drill_count pass) == ${#DRILL_GOOD[@]} && $(drill_count no-ptr --action drop) == ${#DRILL_BAD[@]}))
}

drill_count() { mxgate verdicts --json --reason "$@" 2>/dev/null | jq length; }

# Prints how many of these addresses got no answer to a SYN, their names in silent.
drill_knock() {
	printf '%s\n' "$@" | in_net "$RIG_TOP/tests/e2e/crowd" $MX4 2525 0.9 \
		>"$RIG_DIR/silent" 2>"$RIG_DIR/crowd.err"
	wc -l <"$RIG_DIR/silent"
}

# Every good host connects; what is refused is counted and shown.
drill_good() {
	local silent
	silent=$(drill_knock "${DRILL_GOOD[@]}")
	drill_tries=$((drill_tries + ${#DRILL_GOOD[@]}))
	drill_refused=$((drill_refused + silent))
	((silent == 0)) || fail "$silent good hosts are refused, such as $(head -n 1 "$RIG_DIR/silent"):
$(mxgate why "$(head -n 1 "$RIG_DIR/silent")")"
}

# drill_for SECS: the good hosts come all the time.
drill_for() {
	local end=$(($(now_ms) + $1 * 1000))
	while (($(now_ms) < end)); do
		drill_good
		drill_note_alarm
		sleep 0.2
	done
}

# The trouble begins now. When is it told?
drill_trouble() {
	drill_start=$(now_ms)
	drill_alarm=
	step "$*"
}

drill_note_alarm() {
	[[ -n $drill_alarm ]] || (($(status '.alarms | length') == 0)) || {
		drill_alarm=$(($(now_ms) - drill_start))
		drill_alarm_name=$(status '.alarms | map(.name) | join(" ")')
	}
}

drill_alarmed() { # name
	[[ -n $drill_alarm ]] || fail "no alarm after $(($(now_ms) - drill_start)) ms"
	((drill_alarm < 60000)) || fail "the alarm came after $drill_alarm ms"
	matches "an alarm after $((drill_alarm / 1000)).$((drill_alarm % 1000 / 100)) s: $drill_alarm_name" \
		"$1" "$drill_alarm_name"
}

# drill_recovers: the trouble is over; all becomes as it was, without help.
drill_recovers() {
	local start
	start=$(now_ms)
	step "$1"
	until drill_good && drill_is_whole; do
		(($(now_ms) - start < 60000)) || fail "not whole after a minute: $(status '.breaker, .alarms | tostring')"
	done
	step "whole again after $((($(now_ms) - start) / 1000)) s"
	equal "bad hosts refused again" ${#DRILL_BAD[@]} "$(drill_knock "${DRILL_BAD[@]}")"
	within 60 drill_is_calm || fail "an alarm stands on: $(status '.alarms | tostring')"
	step "no alarm $((($(now_ms) - start) / 1000)) s after the end"
	equal "of $drill_tries connections of good hosts refused" 0 $drill_refused
}

drill_is_calm() {
	drill_good
	(($(status '.alarms | length') == 0))
}
