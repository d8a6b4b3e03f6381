# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A small Internet's DNS for tests and the quickstart, to be sourced: one NSD
# that serves every zone of a directory below a private signed root, and one
# Unbound that validates from that root's trust anchor.
#
#   dns_start DIR ZONEDIR NSD_ADDR UNBOUND_ADDR
#	Signs the zones, starts both servers on port 53 of the two addresses (v4
#	or v6, to exist already), waits until the chain is answered validated.
#	DIR is private to this instance: made here, removed by dns_stop. 0, or 1
#	with the reason on standard error and nothing left running.
#   dns_reload		after a change in ZONEDIR: signs and loads anew; does
#			not touch what Unbound has cached.
#   dns_flush_zone NAME	Unbound forgets NAME and everything below; "." is all.
#   dns_stop		ends both, removes DIR. Harmless when nothing runs.
#   dns_nsd_stop, dns_nsd_start, dns_unbound_stop, dns_unbound_start
#			one of the two alone, to play an outage.
#
# Variables: DNS_ENTER, an array put in front of every command, names another
# network namespace: DNS_ENTER=(nsenter --net=/run/netns/mxg-test-a). DNS_DIR
# tells instances apart, should one shell have several. $DIR/nsd.pid,
# unbound.pid, nsd.log and unbound.log are there to look at.
#
# ZONEDIR/*.zone are master files whose first line that begins with $ORIGIN
# names the zone. A top zone is delegated from the root by itself; a zone below
# another is delegated by NS records in that other's file, its DS is added here.
# Every zone has "@ NS ns.dns-root." which is NSD_ADDR. A comment line changes
# how a zone is served:
#   ; dns: unsigned	an insecure delegation
#   ; dns: bogus	its DS names a key that the zone does not have
#   ; dns: refused	NSD answers every question about it with REFUSED
# ZONEDIR/unbound.conf and ZONEDIR/nsd.conf, when there, are included at the end.
#
# Nothing of the system is used or changed: no user, no chroot, no /etc, no
# daemon; both servers are children of the shell, ended by their recorded pids.

DNS_TTL=300

dns_start() {
	DNS_DIR=$1
	if [ -e "$DNS_DIR" ]; then
		echo "dns: $DNS_DIR exists already" >&2
		return 1
	fi
	if ! [ -d "$2" ]; then
		echo "dns: $2 is no directory of zones" >&2
		return 1
	fi
	mkdir -p "$DNS_DIR/keys" "$DNS_DIR/zones" || return 1
	(cd "$2" && pwd) >"$DNS_DIR/zonedir"
	echo "$3" >"$DNS_DIR/nsd.addr"
	echo "$4" >"$DNS_DIR/unbound.addr"
	echo 1 >"$DNS_DIR/serial"
	if ! { dns__key . && dns__build && dns__nsd_conf && dns__unbound_conf && dns_nsd_start &&
		dns_unbound_start; }; then
		tail -n 5 "$DNS_DIR/nsd.log" "$DNS_DIR/unbound.log" >&2 2>/dev/null
		dns_stop
		return 1
	fi
}

dns_stop() {
	[ -n "${DNS_DIR:-}" ] && [ -e "$DNS_DIR/zonedir" ] || return 0
	dns_unbound_stop
	dns_nsd_stop
	rm -rf "$DNS_DIR"
}

dns_nsd_start() {
	dns__run nsd nsd -d -c "$DNS_DIR/nsd.conf" || return 1
	dns__wait_serial
}

dns_nsd_stop() {
	dns__end nsd
}

dns_unbound_start() {
	dns__run unbound unbound -d -c "$DNS_DIR/unbound.conf" || return 1
	dns__wait_ready
}

dns_unbound_stop() {
	dns__end unbound
}

dns_reload() {
	local before

	before=$(sha256sum <"$DNS_DIR/nsd.conf")
	dns__build && dns__nsd_conf || return 1
	if [ "$before" = "$(sha256sum <"$DNS_DIR/nsd.conf")" ]; then
		kill -HUP "$(cat "$DNS_DIR/nsd.pid")" && dns__wait_serial
	else
		dns_nsd_stop
		dns_nsd_start
	fi
}

dns_flush_zone() {
	# What failed lately is remembered apart from the names.
	dns__control flush_infra all && dns__control flush_bogus && dns__control flush_zone "$1"
}

# --- the rest is private ------------------------------------------------------

dns__enter() {
	PATH=$PATH:/usr/sbin:/sbin ${DNS_ENTER[@]+"${DNS_ENTER[@]}"} "$@"
}

dns__control() {
	dns__enter unbound-control -q -c "$DNS_DIR/unbound.conf" "$@"
}

# dns__run NAME COMMAND...: the pid is that of the server itself, because every
# wrapper that DNS_ENTER may name ends in exec.
dns__run() {
	local name=$1
	shift
	PATH=$PATH:/usr/sbin:/sbin ${DNS_ENTER[@]+"${DNS_ENTER[@]}"} "$@" >>"$DNS_DIR/$name.log" 2>&1 \
		</dev/null &
	echo $! >"$DNS_DIR/$name.pid"
	sleep 0.05
	kill -0 "$(cat "$DNS_DIR/$name.pid")" 2>/dev/null && return 0
	echo "dns: $name did not start: $(tail -n 1 "$DNS_DIR/$name.log")" >&2
	return 1
}

dns__end() {
	local file="$DNS_DIR/$1.pid" pid i

	[ -e "$file" ] || return 0
	pid=$(cat "$file")
	rm -f "$file"
	kill -TERM "$pid" 2>/dev/null
	for ((i = 0; i < 100; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	[ "$i" -lt 100 ] || kill -KILL "$pid" 2>/dev/null
	# Only a child can be waited for; after a restart of the shell it is none.
	wait "$pid" 2>/dev/null || true
}

dns__ask() { # server, drill arguments
	local server=$1
	shift
	dns__enter timeout 2 drill "$@" "@$server" 2>/dev/null
}

dns__wait_serial() {
	local want addr i

	want=$(cat "$DNS_DIR/serial")
	addr=$(cat "$DNS_DIR/nsd.addr")
	for ((i = 0; i < 100; i++)); do
		if dns__ask "$addr" . SOA | grep -qE "hostmaster.dns-root. $want "; then
			dns__check_zones "$addr"
			return
		fi
		sleep 0.05
	done
	echo "dns: NSD on $addr does not serve the root zone: $(tail -n 1 "$DNS_DIR/nsd.log")" >&2
	return 1
}

# A zone with an error in it is served as SERVFAIL, which would pass for a test's intent.
dns__check_zones() { # server
	local zone file

	while read -r zone file; do
		dns__is "$file" refused || dns__ask "$1" "$zone" SOA | grep -q 'flags: qr aa' || {
			echo "dns: NSD does not serve $zone: $(grep -m 1 -F error "$DNS_DIR/nsd.log")" >&2
			return 1
		}
	done <"$DNS_DIR/list"
}

dns__wait_ready() {
	local addr i

	addr=$(cat "$DNS_DIR/unbound.addr")
	for ((i = 0; i < 100; i++)); do
		dns__ask "$addr" -D . SOA | grep -qE '^;; flags:.* ad ' && return 0
		sleep 0.05
	done
	echo "dns: Unbound on $addr does not answer validated: $(tail -n 1 "$DNS_DIR/unbound.log")" >&2
	return 1
}

dns__key() { # zone: makes its key once
	local base name

	base="$DNS_DIR/keys/$(dns__file "$1")"
	[ -e "$base.private" ] || (
		cd "$DNS_DIR/keys" &&
			name=$(ldns-keygen -k -a ECDSAP256SHA256 -r /dev/urandom "$1") &&
			mv "$name.key" "$base.key" && mv "$name.private" "$base.private" &&
			mv "$name.ds" "$base.ds"
	)
}

dns__file() { # zone name as a file name
	local name=${1//\//_} # NSD gives "%" a meaning of its own

	[ "$name" = . ] && name=root
	echo "${name%.}"
}

dns__list() { # "zone file" lines of ZONEDIR, deepest zones first
	local file zone

	for file in "$(cat "$DNS_DIR/zonedir")"/*.zone; do
		[ -e "$file" ] || continue
		zone=$(awk '$1 == "$ORIGIN" { print tolower($2); exit }' "$file")
		if [ -z "$zone" ]; then
			echo "dns: $file: no \$ORIGIN line names the zone" >&2
			return 1
		fi
		echo "$(tr -cd . <<<"$zone" | wc -c) $zone $file"
	done | sort -k1,1nr -k2,2 | cut -d' ' -f2-
}

dns__parent() { # zone: the closest zone above it in the list, or "."
	local zone=$1 above

	above=${zone#*.}
	while [ -n "$above" ] && [ "$above" != "$zone" ]; do
		if cut -d' ' -f1 "$DNS_DIR/list" | grep -qxF -- "$above"; then
			echo "$above"
			return
		fi
		zone=$above
		above=${zone#*.}
	done
	echo .
}

dns__is() { # file, mark
	grep -qE "^; dns: $2\$" "$1"
}

# Signs in zone order from the leaves up, so that a parent gets its DS records.
dns__build() {
	local zone file parent out serial

	dns__list >"$DNS_DIR/list" || return 1
	serial=$(($(cat "$DNS_DIR/serial") + 1))
	rm -f "$DNS_DIR"/zones/*.new
	dns__root "$serial" >"$DNS_DIR/zones/root.new"
	while read -r zone file; do
		out="$DNS_DIR/zones/$(dns__file "$zone")"
		parent=$(dns__parent "$zone")
		{
			cat "$file"
			echo
			cat "$out.new" 2>/dev/null
		} >"$out.all"
		rm -f "$out.new"
		[ "$parent" != . ] || echo "$zone $DNS_TTL IN NS ns.dns-root." >>"$DNS_DIR/zones/root.new"
		dns__sign "$zone" "$file" "$out" "$DNS_DIR/zones/$(dns__file "$parent").new" || return 1
	done <"$DNS_DIR/list"
	mv "$DNS_DIR/zones/root.new" "$DNS_DIR/zones/root.all"
	dns__sign . /dev/null "$DNS_DIR/zones/root" /dev/null || return 1
	echo "$serial" >"$DNS_DIR/serial"
}

dns__root() { # serial
	local addr type=A

	addr=$(cat "$DNS_DIR/nsd.addr")
	[[ $addr == *:* ]] && type=AAAA
	printf '. %s IN SOA ns.dns-root. hostmaster.dns-root. %s 3600 600 86400 60\n' "$DNS_TTL" "$1"
	printf '. %s IN NS ns.dns-root.\n' "$DNS_TTL"
	printf 'ns.dns-root. %s IN %s %s\n' "$DNS_TTL" "$type" "$addr"
}

dns__sign() { # zone, its file (for the marks), output base, where its DS goes
	local key

	key="$DNS_DIR/keys/$(dns__file "$1")"
	if dns__is "$2" unsigned; then
		mv "$3.all" "$3.zone"
		return
	fi
	dns__key "$1" || return 1
	if dns__is "$2" bogus; then
		# The digest of no key at all.
		sed -E 's/[0-9a-f]{64}/'"$(printf '0%.0s' {1..64})"'/' "$key.ds" >>"$4"
	else
		cat "$key.ds" >>"$4"
	fi
	if ! ldns-signzone -i "$(date -u -d '1 hour ago' +%Y%m%d%H%M%S)" -o "$1" -f "$3.zone.new" \
		"$3.all" "$key" 2>"$3.err"; then
		echo "dns: cannot sign $1: $(head -n 1 "$3.err")" >&2
		return 1
	fi
	rm -f "$3.err" "$3.all"
	mv "$3.zone.new" "$3.zone"
}

dns__nsd_conf() {
	local zone file

	{
		cat <<-CONF
			server:
				ip-address: $(cat "$DNS_DIR/nsd.addr")
				username: ""
				chroot: ""
				zonesdir: "$DNS_DIR/zones"
				database: ""
				pidfile: ""
				xfrdfile: "$DNS_DIR/xfrd.state"
				zonelistfile: "$DNS_DIR/zone.list"
				xfrdir: "$DNS_DIR"
				cookie-secret-file: "$DNS_DIR/cookie"
				server-count: 1
				hide-version: yes
				rrl-ratelimit: 0
			remote-control:
				control-enable: no
			zone:
				name: .
				zonefile: root.zone
		CONF
		while read -r zone file; do
			printf 'zone:\n\tname: "%s"\n\tzonefile: "%s.zone"\n' "$zone" "$(dns__file "$zone")"
			! dns__is "$file" refused ||
				printf '\tallow-query: 0.0.0.0/0 BLOCKED\n\tallow-query: ::/0 BLOCKED\n'
		done <"$DNS_DIR/list"
		dns__extra nsd.conf
	} >"$DNS_DIR/nsd.conf"
}

dns__extra() { # file of ZONEDIR
	local file
	file="$(cat "$DNS_DIR/zonedir")/$1"
	[ ! -e "$file" ] || cat "$file"
}

# The reverse zones of the documentation prefixes, and "test.", are answered by
# Unbound itself unless told not to (RFC 6303, RFC 6761).
dns__unbound_conf() {
	local zone

	{
		cat <<-CONF
			server:
				interface: $(cat "$DNS_DIR/unbound.addr")
				access-control: 0.0.0.0/0 allow
				access-control: ::/0 allow
				username: ""
				chroot: ""
				directory: "$DNS_DIR"
				pidfile: ""
				use-syslog: no
				num-threads: 1
				do-daemonize: no
				do-not-query-localhost: no
				module-config: "validator iterator"
				root-hints: "$DNS_DIR/root.hints"
				trust-anchor-file: "$DNS_DIR/keys/root.ds"
				trust-anchor-signaling: no
				# A changed zone must show at once after a flush.
				aggressive-nsec: no
				infra-host-ttl: 1
				val-bogus-ttl: 1
				outgoing-range: 512
				num-queries-per-thread: 256
		CONF
		for zone in 2.0.192.in-addr.arpa 100.51.198.in-addr.arpa 113.0.203.in-addr.arpa \
			8.b.d.0.1.0.0.2.ip6.arpa test invalid; do
			printf '\tlocal-zone: "%s." nodefault\n' "$zone"
		done
		printf 'remote-control:\n\tcontrol-enable: yes\n\tcontrol-use-cert: no\n'
		printf '\tcontrol-interface: "%s/unbound.sock"\n' "$DNS_DIR"
		dns__extra unbound.conf
	} >"$DNS_DIR/unbound.conf"
	dns__root 0 | sed 1d >"$DNS_DIR/root.hints"
}
