#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The gate on a distribution's kernel: in a libxdp dispatcher, alone and beside
# other programs, by every way of loading, through the death of each process and
# of the interface. tools/vm-run runs it as root of a machine that is thrown away.
#
#   namespace net                          mxgated, port 25
#   net0 192.0.2.2, 2001:db8::2       ════ mx0 192.0.2.1, 2001:db8::1
#   net1 198.51.100.2                 ════ mx1 198.51.100.1
#
# Emulated, on a busy host, all takes several times as long: where the end-to-end tests want
# 2 s (link-recreated), here it is 6.
set -u
PIN_DIR=/sys/fs/bpf/xdp/globals
OBJECT=$MXG_BUILD/mxgate.bpf.o
BY_HAND=$OBJECT # what ip and xdp-loader are given
# Passes what no AF_XDP socket is bound for: a program that is not ours and harms nobody.
FOREIGN=$(echo /usr/lib/*/bpf/xsk_def_xdp_prog.o)
LOG=/run/mxgated.log
export MXGATE_SOCKET=/run/ctl.sock
passed=0 failed=0 daemon=

# --- saying what happens --------------------------------------------------------

part() { printf '\n%s\n' "$*"; }

ok() {
	printf '  ok    %s\n' "$*"
	passed=$((passed + 1))
}

bad() {
	printf '  FAIL  %s\n' "$*"
	failed=$((failed + 1))
}

# check TEXT CMD...: the command must succeed.
check() {
	local text=$1
	shift
	if "$@"; then ok "$text"; else bad "$text"; fi
}

refuse() {
	local text=$1
	shift
	if "$@"; then bad "$text"; else ok "$text"; fi
}

equal() {
	if [ "$2" = "$3" ]; then ok "$1: $3"; else bad "$1: wanted '$2', got '$3'"; fi
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# until_true SECONDS CMD...: tries again until it succeeds.
until_true() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

show() {
	printf '  $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/    /'
}

# --- the world --------------------------------------------------------------------

wire_up() {
	ip link add mx0 type veth peer name net0 netns net
	ip addr add 192.0.2.1/24 dev mx0
	ip addr add 2001:db8::1/64 dev mx0 nodad
	ip link set mx0 up
	ip -n net addr add 192.0.2.2/24 dev net0
	ip -n net addr add 2001:db8::2/64 dev net0 nodad
	ip -n net link set net0 up
}

world_up() {
	ip netns add net
	ip -n net link set lo up
	wire_up
	ip link add mx1 type veth peer name net1 netns net
	ip addr add 198.51.100.1/24 dev mx1
	ip link set mx1 up
	ip -n net addr add 198.51.100.2/24 dev net1
	ip -n net link set net1 up
	nc -ll -p 25 -e true &
}

# knock [ADDRESS [SECONDS]]: a connection from the peer. Emulation can be slow, so
# that a good one has time; a refused one is not waited for (see "shut").
knock() { ip netns exec net nc -w "${2:-5}" "${1:-192.0.2.1}" 25 </dev/null >/dev/null 2>&1; }
shut() { ! knock "${1:-192.0.2.1}" 1; }

xdp_id() { ip -j -d link show dev "${1:-mx0}" | jq -r '.[0].xdp.prog.id // "none"'; }
xdp_mode() { ip -j -d link show dev mx0 | jq -r '.[0].xdp.mode // "none"'; }

# The programs in the dispatcher of an interface, by name, in order.
programs() {
	xdp-loader status "${1:-mx0}" | sed -n 's/^ => *[0-9]* *\([^ ]*\).*/\1/p' | xargs
}

# The number of a program in the dispatcher, by name.
program_id() {
	xdp-loader status mx0 | awk -v name="$1" '$1 == "=>" && $3 == name { print $4 }'
}

# --- the daemon -------------------------------------------------------------------

# daemon_run [LINE]...: with these lines added to the configuration.
daemon_run() {
	cat >/run/mxgate.conf <<-END
		interfaces = {"mx0", "mx1"}
		user = nobody
		bpf_object = "$OBJECT"
		state_directory = "/run/state"
		lease = 5s
		control { path = "$MXGATE_SOCKET" group = nogroup }
		dns { servers = {"127.0.0.1:5353"} deadline = 1s }
		confirm { confirmations = 1 proof = 0 }
		policy no-ptr { action = drop }
	END
	[ $# -eq 0 ] || printf '%s\n' "$@" >>/run/mxgate.conf
	mxgated -c /run/mxgate.conf >"$LOG" 2>&1 &
	daemon=$!
}

daemon_start() {
	daemon_run "$@"
	until_true 5 eval 'mxgate status >/dev/null 2>&1' || bad "no answer: $(cat "$LOG")"
}

daemon_stop() {
	local code
	kill -TERM "$daemon"
	wait "$daemon"
	code=$?
	equal "SIGTERM: exit code" 0 $code
}

status() { mxgate status --json | jq -r "$1"; }
state() { status ".interfaces[] | select(.name == \"${1:-mx0}\") | \"\\(.state) \\(.mode)\""; }
state_is() { [ "$(state mx0)" = "$1" ]; }
both_are() { [ "$(state mx0), $(state mx1)" = "$1, $1" ]; }
our_id() { status '.interfaces[] | select(.name == "mx0") | .prog_id'; }
count() { status ".counters.$1"; }
deny() { mxgate exception add "$1" --deny --owner x --reason y >/dev/null; }

undeny() {
	local id
	id=$(mxgate exception list --json |
		jq -r --arg p "$1" 'first(.. | objects | select(.prefix? == $p) | .id)')
	mxgate exception remove "$id" --why z >/dev/null
}

# What the gate does on mx0, whoever loaded it: refuses a denied source, else not.
acts() {
	deny 192.0.2.2
	check "$1: a denied source is refused" shut
	undeny 192.0.2.2
	check "$1: and let in again when the denial is gone" knock
}

# --- what is shown ------------------------------------------------------------------

in_a_dispatcher() {
	part "alone in a dispatcher"
	daemon_start
	check "both interfaces: attached native" until_true 20 both_are 'attached native'
	show mxgate status
	show xdp-loader status
	if [ "$(status .table.form)" = hash ]; then
		BY_HAND=$MXG_BUILD/mxgate-compat.bpf.o
		check "the log: this kernel takes another gate" grep "event=gate-compat" "$LOG"
		refuse "for it does not take the first" bpftool prog loadall "$OBJECT" /sys/fs/bpf/none
	fi
	equal "in the dispatcher" mxgate_gate "$(programs)"
	equal "on the other interface" mxgate_gate "$(programs mx1)"
	equal "the kernel's word (1 is native)" 1 "$(xdp_mode)"
	equal "loaded as" ext "$(bpftool -j prog show id "$(our_id)" | jq -r .type)"
}

# What a process must have to use a map that it was given: CAP_BPF before Linux 5.19.
capability_for_maps() {
	local major minor
	IFS=.- read -r major minor _ <<<"$(uname -r)"
	if [ $((major * 100 + minor)) -lt 519 ]; then
		echo 0000008000000000
	else
		echo 0000000000000000
	fi
}

worker_is_bare() {
	local pid caps
	caps=$(capability_for_maps)
	pid=$(status .worker_pid)
	part "the worker"
	equal "unprivileged_bpf_disabled" 2 "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)"
	equal "user" 65534 "$(awk '/^Uid:/ { print $2 }' /proc/"$pid"/status)"
	equal "capabilities, effective and permitted" "$caps $caps" \
		"$(awk '/^Cap(Prm|Eff)/ { print $2 }' /proc/"$pid"/status | xargs)"
	equal "no new privileges" 1 "$(awk '/^NoNewPrivs/ { print $2 }' /proc/"$pid"/status)"
}

refuses_and_counts() {
	local before
	part "monitor and enforce"
	before=$(count unknown)
	check "monitor: a source that is not known is let in" knock
	equal "and counted unknown" $((before + 1)) "$(count unknown)"
	check "it gets a verdict" until_true 5 eval '[ "$(status .table.v4.entries)" = 1 ]'
	deny 192.0.2.2
	check "monitor: a denied source is let in" knock
	equal "and counted would_drop_deny" 1 "$(count would_drop_deny)"
	mxgate mode enforce >/dev/null
	check "enforce: it is refused" shut
	check "and counted drop_deny" [ "$(count drop_deny)" -ge 1 ]
	undeny 192.0.2.2
	check "it is let in when the denial is gone" knock
	deny 2001:db8::/64
	check "IPv6: a denied source is refused" shut 2001:db8::1
	undeny 2001:db8::/64
	check "and let in" knock 2001:db8::1
	deny 198.51.100.2
	check "the other interface, the same tables: refused" shut 198.51.100.1
	undeny 198.51.100.2
	check "and let in" knock 198.51.100.1
}

stays_beside_others() {
	local ours filter
	part "beside xdp-filter"
	ours=$(our_id)
	xdp-filter load mx0 || bad "xdp-filter load"
	filter=$(program_id xdpfilt_alw_all)
	equal "in the dispatcher" "xdpfilt_alw_all mxgate_gate" "$(programs)"
	check "status: attached native" state_is 'attached native'
	equal "ours is the same program" "$ours" "$(our_id)"
	acts "beside it"
	daemon_stop
	equal "only ours is gone" "xdpfilt_alw_all" "$(programs)"
	equal "the other is the same program" "$filter" "$(program_id xdpfilt_alw_all)"
	check "and lets in" knock
	daemon_start
	check "started beside it: attached native" until_true 10 state_is 'attached native'
	equal "in the dispatcher" "xdpfilt_alw_all mxgate_gate" "$(programs)"
	ours=$(our_id)
	xdp-filter unload mx0 || bad "xdp-filter unload"
	equal "it goes, ours stays" mxgate_gate "$(programs)"
	sleep 1
	equal "the same program" "$ours attached native" "$(our_id) $(state)"
	acts "alone again"
}

beside_a_third() {
	part "a program loaded by xdp-loader, and ours taken off"
	xdp-loader load -m native mx0 "$FOREIGN" || bad "xdp-loader load"
	equal "in the dispatcher" "mxgate_gate xsk_def_prog" "$(programs)"
	xdp-loader unload mx0 -i "$(our_id)" || bad "xdp-loader unload -i"
	check "ours is back within 6 s" until_true 6 eval '[ "$(programs)" = "mxgate_gate xsk_def_prog" ]'
	check "status: attached native" until_true 1 state_is 'attached native'
	xdp-loader unload mx0 --all || bad "xdp-loader unload --all"
	check "all taken off: ours is back within 6 s" until_true 6 eval '[ "$(programs)" = mxgate_gate ]'
	check "status: attached native" until_true 1 state_is 'attached native'
	equal "attached no more often than it was taken off" 3 "$(grep -c 'interface=mx0 .*event=attached' "$LOG")"
}

killed() {
	local ours worker
	part "kill -9"
	ours=$(our_id) worker=$(status .worker_pid)
	deny 192.0.2.2
	kill -KILL "$worker"
	check "worker killed: a denied source is refused all the same" shut
	check "another worker comes" until_true 5 \
		eval '[ "$(status .worker_restarts 2>/dev/null)" = 1 ]'
	equal "the same program" "$ours" "$(our_id)"
	worker=$(status .worker_pid)
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	check "keeper killed: its worker ends" until_true 5 eval "! [ -d /proc/$worker ]"
	check "the gate stays and refuses" shut
	check "until the lease has lapsed" until_true 10 knock
	equal "the gate is still there" "$ours" "$(program_id mxgate_gate)"
	daemon_start
	check "started again: attached native" until_true 10 state_is 'attached native'
	equal "adopted, not loaded again" "$ours" "$(our_id)"
	refuse "log: nothing was replaced" grep -q event=replacing "$LOG"
	check "the denied source is refused" shut
	undeny 192.0.2.2
	check "and let in when the denial is gone" knock
}

replaced() {
	local ours filter
	part "left on the interface, and its maps lost"
	daemon_stop
	daemon_start 'detach_on_exit = false'
	check "attached native" until_true 10 state_is 'attached native'
	xdp-filter load mx0 || bad "xdp-filter load"
	ours=$(our_id) filter=$(program_id xdpfilt_alw_all)
	daemon_stop
	equal "detach_on_exit = false leaves it" "$ours" "$(program_id mxgate_gate)"
	rm -f $PIN_DIR/mxg3_*
	daemon_start
	check "without the old maps: attached native" until_true 10 state_is 'attached native'
	check "by another program" [ "$(our_id)" != "$ours" ]
	equal "in the dispatcher" "xdpfilt_alw_all mxgate_gate" "$(programs)"
	equal "the other is the same program" "$filter" "$(program_id xdpfilt_alw_all)"
	acts "with new maps"
	xdp-filter unload mx0 || bad "xdp-filter unload"
}

interface_again() {
	part "the interface is deleted and made again"
	ip link del mx0
	check "status: absent" until_true 3 state_is 'absent none'
	wire_up
	check "attached native within 6 s" until_true 6 state_is 'attached native'
	equal "in the dispatcher" mxgate_gate "$(programs)"
	acts "again"
	daemon_stop
	equal "nothing is left on mx0" none "$(xdp_id)"
	equal "nothing is left on mx1" none "$(xdp_id mx1)"
}

foreign_stays() {
	local theirs kind
	for kind in xdp xdpgeneric; do
		part "a program that is not ours, by ip link set dev mx0 $kind"
		ip link set dev mx0 $kind obj "$FOREIGN" sec xdp || bad "ip link set $kind"
		theirs=$(xdp_id)
		mxgated_alone
		equal "it is still there" "$theirs" "$(xdp_id)"
		ip link set dev mx0 $kind off
		equal "and taken off" none "$(xdp_id)"
	done
	part "a program that is not ours, forced over ours"
	daemon_start
	check "attached native" until_true 10 state_is 'attached native'
	ip -force link set dev mx0 xdp obj "$FOREIGN" sec xdp || bad "ip -force link set xdp"
	theirs=$(xdp_id)
	check "status: foreign" until_true 3 eval '[[ $(state) == foreign* ]]'
	sleep 1
	equal "it is still there" "$theirs" "$(xdp_id)"
	ip link set dev mx0 xdp off
	check "it goes, ours is back within 6 s" until_true 6 state_is 'attached native'
	acts "back"
	daemon_stop
	equal "nothing is left" none "$(xdp_id)"
}

# With mx0 as its only interface and that one taken.
mxgated_alone() {
	local code
	sed 's/^interfaces.*/interfaces = {"mx0"}/' /run/mxgate.conf >/run/alone.conf
	timeout 10 mxgated -c /run/alone.conf >/run/alone.log 2>&1
	code=$?
	equal "mxgated refuses: exit code" 73 $code
	show cat /run/alone.log
}

loaded_by_others() {
	part "attach = external, ip link"
	daemon_start 'attach = external'
	check "before it is loaded: missing" until_true 3 state_is 'missing none'
	ip link set dev mx0 xdp obj "$BY_HAND" sec xdp || bad "ip link set xdp"
	check "loaded: external native" until_true 3 state_is 'external native'
	acts "by ip link"
	daemon_stop
	check "it stays when the daemon ends" [ "$(xdp_id)" != none ]
	ip link set dev mx0 xdp off
	equal "taken off" none "$(xdp_id)"

	part "attach = external, xdp-loader"
	xdp-loader load -m native -p "$PIN_DIR" mx0 "$BY_HAND" || bad "xdp-loader load -p"
	xdp-filter load mx0 || bad "xdp-filter load"
	check "without a daemon everybody is let in" knock
	daemon_start 'attach = external'
	check "external native" until_true 3 state_is 'external native'
	equal "in the dispatcher" "xdpfilt_alw_all mxgate_gate" "$(programs)"
	acts "by xdp-loader"
	daemon_stop
	equal "both stay when the daemon ends" "xdpfilt_alw_all mxgate_gate" "$(programs)"
	xdp-loader unload mx0 --all || bad "xdp-loader unload --all"
}

# talk: what a client on the peer is told.
talk() {
	{
		for line in EHLO\ a QUIT; do
			sleep 0.5
			printf '%s\r\n' "$line"
		done
		sleep 0.5
	} | ip netns exec net nc -w 5 192.0.2.1 25
}
told() { talk | tr -d '\r\n' | grep -qE '^220 .*554 5.7.1 .*192.0.2.2.*221 '; }

# reload LINE: with this one more in the configuration. Under emulation the verifier may
# keep the keeper from answering for more than the 10 s that mxgate waits.
reload() {
	printf '%s\n' "$1" >>/run/mxgate.conf
	mxgate reload >/dev/null 2>&1
}

# A kernel whose dispatcher lets no program grow frames gets the gate alone there.
rejects() {
	local ours
	part "deny = reject, begun by a reload"
	# Who answers by XDP_TX needs a program at the other end.
	ip -n net link set dev net0 xdp obj "$FOREIGN" sec xdp || bad "a program for net0"
	daemon_start
	check "attached native" until_true 60 state_is 'attached native'
	ours=$(our_id)
	deny 192.0.2.2
	check "a denied source is refused" shut
	reload 'deny = reject'
	check "by another program" until_true 60 eval '[ "$(our_id)" != "$ours" ]'
	check "attached native" until_true 60 state_is 'attached native'
	ours=$(our_id)
	if grep -q event=attached-alone "$LOG"; then
		equal "alone: the kernel's program" "$ours" "$(xdp_id)"
		refuse "nothing of the dispatcher is left" \
			compgen -G "/sys/fs/bpf/xdp/dispatch-$(</sys/class/net/mx0/ifindex)-*" >/dev/null
	else
		equal "in the dispatcher" mxgate_reject "$(programs)"
	fi
	check "it is told" until_true 5 told
	sed -i 's/^deny = reject/deny = drop/' /run/mxgate.conf
	mxgate reload >/dev/null 2>&1
	check "and dropped after another reload" until_true 5 shut
	equal "by the same program" "$ours" "$(our_id)"
	daemon_stop
	equal "nothing is left" none "$(xdp_id)"

	part "deny = reject beside xdp-filter"
	xdp-filter load mx0 || bad "xdp-filter load"
	daemon_start 'deny = reject'
	check "attached native" until_true 60 state_is 'attached native'
	if grep -q event=cannot-reject "$LOG"; then
		equal "the gate that cannot" "xdpfilt_alw_all mxgate_gate" "$(programs)"
		check "status says so" eval 'mxgate status | grep -q "rejected is reset"'
		check "a denied source is refused" shut
	else
		equal "the gate that can" "xdpfilt_alw_all mxgate_reject" "$(programs)"
		check "it is told" until_true 5 told
	fi
	undeny 192.0.2.2
	check "let in when the denial is gone" knock
	daemon_stop
	equal "only ours is gone" "xdpfilt_alw_all" "$(programs)"
	xdp-filter unload mx0 || bad "xdp-filter unload"
	ip -n net link set dev net0 xdp off
}

generic() {
	part "attach = generic"
	daemon_start 'attach = generic'
	check "attached generic" until_true 10 state_is 'attached generic'
	equal "the kernel's word (2 is generic)" 2 "$(xdp_mode)"
	acts "generic"
	daemon_stop
	equal "nothing is left" none "$(xdp_id)"
}

uname -sr
world_up
in_a_dispatcher
worker_is_bare
refuses_and_counts
stays_beside_others
beside_a_third
killed
replaced
interface_again
foreign_stays
loaded_by_others
rejects
generic
if [ $failed -gt 0 ]; then
	part "the last daemon's log"
	tail -n 20 "$LOG"
fi
part "$passed passed, $failed failed"
[ $failed -eq 0 ]
