# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The DNS of tests/data/iprev, to be sourced after dns.sh, with DNS_ENTER set: NSD and
# Unbound with the zones, the hostile servers with their script, and one address that
# nobody answers at. All of it on the loopback addresses below and one veth.
#
#   corpus_up DIR		starts everything; 0, or 1 with the reason on standard error
#   corpus_down			ends it
#   corpus_servers VIA		the resolvers of a case, one a line
#   corpus_cases [NAME...]	the rows of cases.tsv, all or those named. Without those via
#			"raw" where c-ares is 1.28 or newer: it reads a reply by itself and
#			hands on what it made of it, so that what was wrong cannot be seen

CORPUS_DATA=tests/data/iprev
CORPUS_NSD=127.0.0.2
CORPUS_UNBOUND=127.0.0.3
CORPUS_ZONE_SERVERS='127.0.0.4 127.0.0.5'
CORPUS_RESOLVERS='127.0.0.6 127.0.0.7'

corpus_servers() {
	case $1 in
	unbound) echo $CORPUS_UNBOUND ;;
	hostile | raw) echo ${CORPUS_RESOLVERS%% *} ;;
	two) printf '%s\n' $CORPUS_RESOLVERS ;;
	*)
		echo "corpus: via '$1' is none of unbound, hostile, raw, two" >&2
		return 1
		;;
	esac
}

corpus_cares_rewrites() {
	local version

	version=$(pkg-config --modversion libcares) &&
		[ "$(printf '%s\n' 1.28 "$version" | sort -V | head -n 1)" = 1.28 ]
}

corpus_cases() {
	local names=" $* " row raw=yes

	! corpus_cares_rewrites || raw=
	while IFS= read -r row; do
		[[ $raw || $row != *$'\t'raw$'\t'* ]] || continue
		[[ $names == "  " || $names == *" ${row%%$'\t'*} "* ]] && printf '%s\n' "$row"
	done < <(grep -v '^#' $CORPUS_DATA/cases.tsv)
}

corpus_up() { # directory, private to this
	# 198.18.0.53 is where a dead server would be: packets leave and nobody answers.
	"${DNS_ENTER[@]}" "$BASH" -c 'ip link set lo up &&
		ip link add mxgdead type veth peer name mxgnobody &&
		ip addr add 198.18.0.1/24 dev mxgdead &&
		ip link set mxgdead up && ip link set mxgnobody up &&
		ip neigh add 198.18.0.53 lladdr 02:00:00:00:00:53 dev mxgdead' || return 1
	corpus__hostile_start "$1" &&
		dns_start "$1/dns" "$CORPUS_DATA/zones" $CORPUS_NSD $CORPUS_UNBOUND
}

corpus_down() {
	dns_stop
	[ -z "${CORPUS_PID:-}" ] || {
		kill "$CORPUS_PID"
		wait "$CORPUS_PID"
	} 2>/dev/null
	CORPUS_PID=
}

corpus__hostile_start() {
	local addr args=() i

	for addr in $CORPUS_ZONE_SERVERS $CORPUS_RESOLVERS; do
		args+=(-l "$addr")
	done
	"${DNS_ENTER[@]}" "${MXG_BUILD:-build}/hostile" "${args[@]}" -c "$1/counts" \
		"$CORPUS_DATA/hostile.script" 2>"$1/hostile.log" &
	CORPUS_PID=$!
	for ((i = 0; i < 100; i++)); do
		kill -0 $CORPUS_PID 2>/dev/null || break
		dns__ask 127.0.0.6 nobody.invalid TXT | grep -q REFUSED && return 0
		sleep 0.05
	done
	echo "corpus: the hostile server does not answer: $(tail -n 1 "$1/hostile.log")" >&2
	return 1
}
