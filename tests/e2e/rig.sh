# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# The private world that an end-to-end test or the quickstart runs in. Sourced;
# `rig_enter "$@"` comes first and starts the script again as process 1 of PID and
# mount namespaces of its own, with its own /run, its own bpffs and its own copies
# of /etc/passwd and /etc/group (plus a user mxgate and the groups of the control
# socket). Nothing outside is written, and when the script ends, however it ends
# (kill -9 too), the kernel takes all of it away: processes, pins, namespaces.
#
#   mxg-test-net                                   mxg-test-mx
#   senders: any address of 198.51.100.0/24,       MX4 MX6 on mx0: Postfix, mxgated,
#   203.0.113.0/24, 198.18.0.0/15    net0 ═══ mx0  Unbound on 127.0.0.1
#   and 2001:db8::/32; NSD
#
# A test: source this, rig_enter "$@", rig_up, gate_start, ..., and it has passed
# when it reaches its end. Exit 77 means skipped, with the reason printed.

RIG_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MXG_BUILD=${MXG_BUILD:-$RIG_TOP/build}
RIG_DIR=/run/mxg-test
RIG_CONF=$RIG_DIR/mxgate.conf
RIG_SOCK=/run/mxgate/control.sock
RIG_LOG=$RIG_DIR/mxgated.log
MX_NS=mxg-test-mx
NET_NS=mxg-test-net
MX4=192.0.2.25
MX6=2001:db8:25::25
MX_NAME=mx.example
RCPT=postmaster@$MX_NAME
PIN_DIR=/sys/fs/bpf/xdp/globals
BPF_OBJECT=${MXG_OBJECT:-$MXG_BUILD/mxgate.bpf.o}

# --- saying what happens --------------------------------------------------------

RIG_START=${EPOCHREALTIME/./}
step() {
	local ms=$(((${EPOCHREALTIME/./} - RIG_START) / 1000))
	printf '  %3d.%d  %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"
}

# fail TEXT: says so with the place, and ends the test.
fail() {
	printf '  FAIL %s:%s: %s\n' "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]}" "$*"
	exit 1
}

skip() {
	printf '  skip: %s\n' "$*"
	exit 77
}

# expect TEXT CMD...: the command must succeed.
expect() {
	local what=$1
	shift
	"$@" || fail "$what ($* gave $?)"
	step "$what"
}

# refuse TEXT CMD...: the command must fail.
refuse() {
	local what=$1
	shift
	! "$@" || fail "$what ($* succeeded)"
	step "$what"
}

# equal TEXT WANTED GOT
equal() {
	[[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"
	step "$1: $3"
}

# matches TEXT REGEX GOT
matches() {
	[[ $3 =~ $2 ]] || fail "$1: wanted /$2/, got '$3'"
	step "$1"
}

# wait_until SECS CMD...: polls the command, 1 if it never succeeds. The time guards against
# hanging and is part of no promise, so a busy machine has four times as long.
wait_until() {
	local secs=$(($1 * 4))
	shift
	within "$secs" "$@"
}

# within SECS CMD...: the same where the time is what is promised.
within() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.02
	done
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# --- the world ------------------------------------------------------------------

rig_enter() {
	if [[ ${MXG_RIG_PID1:-} != "$$" ]]; then
		((EUID == 0)) || {
			echo "${0##*/}: needs root (network namespaces and XDP): try sudo $0" >&2
			exit 77
		}
		# In a plain chroot / is none, and no mount below it could be private.
		mountpoint -q / ||
			exec "$RIG_TOP/tools/root-mount" "$BASH" "$(realpath "$0")" "$@"
		MXG_RIG_PID1=1 exec unshare --mount --propagation private --pid --fork \
			--kill-child --mount-proc -- "$BASH" "$0" "$@"
	fi
	trap 'rig_exit $?' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	rig_mounts || {
		echo "${0##*/}: cannot build the private world (tmpfs and bpffs mounts)" >&2
		exit 77
	}
}

# Only what is below is touched, and only as this mount namespace sees it.
rig_mounts() {
	[[ -d /sys/fs/bpf ]] || mount -t sysfs sysfs /sys || return
	mount -t tmpfs -o mode=755 tmpfs /run &&
		mount -t bpf bpf /sys/fs/bpf &&
		mkdir -p /run/netns "$RIG_DIR" &&
		rig_people
}

# The users and groups that the tests speak of, without adding any to the system.
rig_people() {
	local file
	for file in passwd group; do
		cp /etc/$file "$RIG_DIR/$file" || return
	done
	sed -i '/^mxgate\(-[a-z]*\)*:/d' "$RIG_DIR/passwd" "$RIG_DIR/group"
	cat >>"$RIG_DIR/passwd" <<-END
		mxgate:x:61025:61025::/nonexistent:/usr/sbin/nologin
		mxgate-test-alice:x:61031:61031::/nonexistent:/usr/sbin/nologin
		mxgate-test-bob:x:61032:61032::/nonexistent:/usr/sbin/nologin
		mxgate-test-carol:x:61033:61033::/nonexistent:/usr/sbin/nologin
	END
	cat >>"$RIG_DIR/group" <<-END
		mxgate:x:61025:mxgate-test-alice
		mxgate-admin:x:61026:mxgate-test-bob
		mxgate-test-alice:x:61031:
		mxgate-test-bob:x:61032:
		mxgate-test-carol:x:61033:
	END
	for file in passwd group; do
		mount --bind "$RIG_DIR/$file" /etc/$file || return
	done
}

rig_exit() {
	local code=$1
	trap - EXIT
	gate_stop 2>/dev/null
	rig_cgroup_down
	if [[ -f $RIG_LOG ]]; then
		if grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$RIG_LOG"; then
			echo "  FAIL the daemon's sanitizer found something"
			code=1
		fi
		if ((code != 0 && code != 77)) && [[ -z ${RIG_QUIET:-} ]]; then
			echo "  --- mxgated"
			tail -n 60 "$RIG_LOG"
		fi
	fi
	exit "$code"
}

in_mx() { nsenter --net=/run/netns/$MX_NS -- "$@"; }
in_net() { nsenter --net=/run/netns/$NET_NS -- "$@"; }

# The two namespaces and the wire. No duplicate address detection, so that IPv6
# works at once; the senders' ranges are local as a whole, so each address is.
rig_net_up() {
	local ns range
	ip netns add $MX_NS && ip netns add $NET_NS || return
	for ns in $MX_NS $NET_NS; do
		# shellcheck disable=SC2016
		nsenter --net="/run/netns/$ns" -- "$BASH" -c '
			ip link set dev lo up
			cd /proc/sys/net/ipv6/conf
			for key in all default; do
				echo 0 >$key/accept_dad
				echo 0 >$key/accept_ra
			done' || return
	done
	rig_wire_up || return
	for range in 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15; do
		in_net ip route add local $range dev lo || return
	done
	in_net "$BASH" -c 'echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind' &&
		in_net ip -6 route add local 2001:db8::/32 dev lo table main
}

# Also makes the wire again after `ip link del`.
rig_wire_up() {
	in_mx ip link add mx0 type veth peer name net0 netns $NET_NS &&
		in_net ip link set dev net0 up &&
		in_net ip addr add 192.0.2.1/24 dev net0 &&
		in_net ip addr add 2001:db8:25::1/64 dev net0 nodad &&
		in_mx ip link set dev mx0 up &&
		in_mx ip addr add $MX4/24 dev mx0 &&
		in_mx ip addr add $MX6/64 dev mx0 nodad &&
		in_mx ip route add default via 192.0.2.1 &&
		in_mx ip -6 route add default via 2001:db8:25::1
}

# A control group of the test's own (cgroup v2), with all that it starts from here on in
# it: RIG_CGROUP is its path, as in /proc/PID/cgroup, and RIG_CGROUP_DIR where it is.
RIG_CGROUP=
RIG_CGROUP_DIR=
rig_cgroup_up() {
	local top=$RIG_DIR/cgroup left
	mkdir -p "$top" && mount -t cgroup2 cgroup2 "$top" 2>/dev/null || skip "cgroup v2 cannot be mounted"
	# Of a run that was killed: the kernel keeps the groups, with nobody in them.
	for left in "$top"/mxg-test-*; do
		[[ ! -d $left ]] || (($(($(date +%s) - $(stat -c %Y "$left"))) < 600)) || rig_rmdirs "$left"
	done
	RIG_CGROUP_DIR=$(mktemp -d "$top/mxg-test-XXXXXX") && chmod 755 "$RIG_CGROUP_DIR" &&
		echo 0 >"$RIG_CGROUP_DIR/cgroup.procs" || skip "no control group can be made"
	RIG_CGROUP=${RIG_CGROUP_DIR#"$top"}
}

# The group and those in it, the innermost first; one with somebody in it stays.
rig_rmdirs() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }

# Bash tells of each that was killed, which nobody needs to know.
rig_cgroup_down() {
	[[ $RIG_CGROUP_DIR ]] || return 0
	{
		echo 0 >"$RIG_DIR/cgroup/cgroup.procs"
		echo 1 >"$RIG_CGROUP_DIR/cgroup.kill"
		wait_until 5 rig_cgroup_is_empty
		rig_rmdirs "$RIG_CGROUP_DIR"
	} 2>/dev/null
}

rig_cgroup_is_empty() { grep -q '^populated 0' "$RIG_CGROUP_DIR/cgroup.events"; }

# A veth hands on what the other end sends by XDP_TX only if it has a program itself; else
# the frames are counted and vanish. An XDP gate without a configuration passes all.
rig_answers_up() {
	# shellcheck disable=SC2016
	in_net unshare --mount "$BASH" -c 'mount -t bpf bpf /sys/fs/bpf &&
		mkdir -p "$2" && exec ip link set dev net0 xdp obj "$1" sec xdp' \
		answers "$BPF_OBJECT" $PIN_DIR
}

# --- Postfix --------------------------------------------------------------------

MTA_DIR=$RIG_DIR/postfix
MTA_BOX=$RIG_DIR/mail/inbox

# One that listens and puts what it accepts into a maildir, apart from any other
# Postfix on this machine: own configuration, queue, data, log. What a test needs
# otherwise it says before in these two.
mta_peername_lookup=no
mta_more=

mta_start() {
	local queue=$MTA_DIR/spool dir service
	mkdir -p "$MTA_DIR" "$queue" "$MTA_BOX"/{new,cur,tmp} || return
	for dir in active bounce corrupt defer deferred flush hold incoming private saved trace; do
		install -d -o postfix -g root -m 700 "$queue/$dir" || return
	done
	install -d -o root -m 755 "$queue/pid" &&
		install -d -o postfix -g postdrop -m 730 "$queue/maildrop" &&
		install -d -o postfix -g postdrop -m 710 "$queue/public" &&
		install -d -o postfix -g root -m 700 "$MTA_DIR/data" || return
	chown -R 61025:61025 "$RIG_DIR/mail"
	cat >"$MTA_DIR/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $queue
		data_directory = $MTA_DIR/data
		maillog_file = $MTA_DIR/log
		maillog_file_prefixes = /run
		myhostname = $MX_NAME
		mydestination =
		mynetworks =
		alias_maps =
		local_recipient_maps =
		inet_interfaces = all
		inet_protocols = all
		biff = no
		smtpd_peername_lookup = $mta_peername_lookup
		smtpd_tls_security_level = none
		smtpd_relay_restrictions = reject_unauth_destination
		smtpd_client_connection_count_limit = 0
		virtual_mailbox_domains = $MX_NAME
		virtual_mailbox_base = $RIG_DIR/mail
		virtual_mailbox_maps = static:inbox/
		virtual_uid_maps = static:61025
		virtual_gid_maps = static:61025
		$mta_more
	END
	cat >"$MTA_DIR/master.cf" <<-END
		25 inet n - n - - smtpd
		cleanup unix n - n - 0 cleanup
		qmgr unix n - n 300 1 qmgr
		rewrite unix - - n - - trivial-rewrite
	END
	for service in bounce defer trace; do
		echo "$service unix - - n - 0 bounce"
	done >>"$MTA_DIR/master.cf"
	cat >>"$MTA_DIR/master.cf" <<-END
		proxymap unix - - n - - proxymap
		anvil unix - - n - 1 anvil
		error unix - - n - - error
		retry unix - - n - - error
		virtual unix - n n - - virtual
		postlog unix-dgram n - n - 1 postlogd
	END
	# Postfix waits until a file that changed this second has settled.
	touch -d '1 minute ago' "$MTA_DIR"/*.cf
	dir=$(postconf -c "$MTA_DIR" -dh daemon_directory) || return
	in_mx "$dir/master" -c "$MTA_DIR" </dev/null &>"$MTA_DIR/out" &
	wait_until 10 mta_is_up
}

mta_is_up() { sender_run tcp 192.0.2.1 "$MX4" 1 &>/dev/null; }

# --- senders --------------------------------------------------------------------

# The MX's address of the same family as ADDR.
mx_for() { if [[ $1 == *:* ]]; then echo "$MX6"; else echo "$MX4"; fi; }

# sender_run MODE FROM TO TIMEOUT: see tests/e2e/sender.
sender_run() { in_net "$RIG_TOP/tests/e2e/sender" "$@"; }

# send_mail ADDR [SUBJECT] [TIMEOUT]: one mail from ADDR, swaks' exit status. The
# dialogue is left in $RIG_DIR/swaks.
send_mail() {
	local family=-4
	[[ $1 != *:* ]] || family=-6
	in_net swaks $family --server "$(mx_for "$1")" --local-interface "$1" \
		--timeout "${3:-5}" --helo sender.example --from sender@sender.example \
		--to "$RCPT" --header "Subject: ${2:-test}" --body test \
		</dev/null &>"$RIG_DIR/swaks"
}

# Mails delivered under this subject.
mails() { cat "$MTA_BOX"/new/* 2>/dev/null | grep -c "^Subject: $1\$"; }
mail_is_there() { (($(mails "$1") >= ${2:-1})); }

# delivers ADDR SUBJECT: a mail from ADDR is accepted and reaches the mailbox.
delivers() {
	send_mail "$1" "$2" && wait_until 10 mail_is_there "$2"
}

# knock ADDR: 0 if the first SYN from ADDR is answered, well before the first retransmission
# at 1 s, and a banner comes.
knock() { sender_run tcp "$1" "$(mx_for "$1")" 0.7 &>/dev/null; }

# syns_of ADDR SECS: how many SYNs a connection from ADDR takes; nothing if none of those
# that its kernel sends in SECS is answered: one at once, the next after 1 s, and after 3.
syns_of() { sender_run syns "$1" "$(mx_for "$1")" "$2" 2>/dev/null; }

# traffic_start ADDR...: a SYN of each, twenty times a second, until traffic_stop: for what
# is promised to who keeps coming, however long each knock takes on a busy machine.
traffic_start() {
	: >"$RIG_DIR/traffic"
	while [[ -e $RIG_DIR/traffic ]]; do
		printf '%s\n' "$@"
		sleep 0.05
	done | in_net "$RIG_TOP/tests/e2e/syn" send net0 25 &
	TRAFFIC_PID=$!
}
traffic_stop() {
	rm "$RIG_DIR/traffic"
	wait "$TRAFFIC_PID"
}

# --- the gate -------------------------------------------------------------------

# What gate_conf writes; a test sets these before it. conf_events is short so that
# a source can be asked about again within a test. A host without a PTR is dropped, not
# rejected, so that knock tells who is refused.
conf_interfaces='"mx0"'
conf_attach=native
conf_mode=monitor
conf_lease=60s
conf_detach=true
conf_deadline=2s
conf_interval=1s
conf_confirm='confirm { confirmations = 1 hold = 0 proof = 0 }'
conf_no_ptr='policy no-ptr { action = drop }'
conf_policy='policy unconfirmed { action = drop }'
conf_more=

gate_conf() {
	local no_ptr=$conf_no_ptr

	# A test that says something of it says all of it.
	[[ $conf_policy$conf_more != *'policy no-ptr '* ]] || no_ptr=
	cat >"$RIG_CONF" <<-END
		interfaces = { $conf_interfaces }
		attach = $conf_attach
		mode = $conf_mode
		lease = $conf_lease
		detach_on_exit = $conf_detach
		bpf_object = "$BPF_OBJECT"
		state_directory = "$RIG_DIR/state"
		dns {
			servers = { "$RESOLVER" }
			deadline = $conf_deadline
		}
		events { interval = $conf_interval }
		$conf_confirm
		$no_ptr
		$conf_policy
		$conf_more
	END
}

mxgate() { "$MXG_BUILD/mxgate" "$@"; }
mxgated() { in_mx "$MXG_BUILD/mxgated" "$@"; }

# gate_start: writes the configuration, runs mxgated, waits until it is ready.
gate_start() {
	gate_conf
	gate_run
	wait_until 10 gate_is_ready || fail "mxgated does not come up: $(tail -n 3 "$RIG_LOG")"
}

# Not through in_mx: $! must be the daemon's pid.
gate_run() {
	nsenter --net=/run/netns/$MX_NS -- "$MXG_BUILD/mxgated" -c "$RIG_CONF" \
		</dev/null &>>"$RIG_LOG" &
	GATE_PID=$!
}

# It answers, and has put the gate where it can.
gate_is_ready() {
	local states
	states=$(status '.interfaces | map(.state) | join(" ")')
	[[ $states && ($conf_attach == external || $states != *missing*) ]]
}

# gate_stop: SIGTERM, the exit code.
gate_stop() {
	[[ -n ${GATE_PID:-} ]] || return 0
	local pid=$GATE_PID
	GATE_PID=
	kill -TERM "$pid" 2>/dev/null
	wait_until 10 gate_is_gone "$pid" || kill -KILL "$pid"
	wait "$pid"
}

gate_is_gone() { ! kill -0 "$1" 2>/dev/null || [[ $(ps -o stat= -p "$1") == Z* ]]; }

# status JQ-FILTER: one value of mxgate status.
status() { mxgate status --json 2>/dev/null | jq -r "$1"; }
counter() { status ".counters.$1"; }

# why ADDR JQ-FILTER
why() { mxgate why "$1" --json 2>/dev/null | jq -r "$2"; }

# verdict_is ADDR REASON [ACTION]: the gate holds this live verdict.
verdict_is() {
	[[ $(why "$1" '"\(.known) \(.reason) \(.action)"') == "true $2 ${3:-}"* ]]
}

# judge ADDR REASON [ACTION]: lets ADDR knock and waits for its verdict.
judge() {
	knock "$1"
	wait_until 8 verdict_is "$1" "$2" "${3:-}" ||
		fail "$1 is not judged $2: $(mxgate why "$1" 2>&1)"
}

# tried ADDR REASON: knocks, and has this verdict now or since before; to be waited for.
tried() {
	knock "$1"
	verdict_is "$1" "$2"
}

# The id of the XDP program on IFACE in the MX namespace, empty if none.
xdp_id() { in_mx ip -j -d link show dev "${1:-mx0}" 2>/dev/null | jq -r '.[0].xdp.prog.id // empty'; }
xdp_is_on() { [[ -n $(xdp_id "$@") ]]; }
xdp_is_off() { [[ -z $(xdp_id "$@") ]]; }

# --- DNS --------------------------------------------------------------------------

# shellcheck source=tests/e2e/dns.sh
. "$RIG_TOP/tests/e2e/dns.sh"

NSD4=198.51.100.53
RESOLVER=127.0.0.1
ZONES=$RIG_DIR/zones

# The name server is out there, all that asks it in the MX's namespace.
# shellcheck disable=SC2016
DNS_ENTER=("$BASH" -c 'ns=$1; [[ $3 != nsd ]] || ns=$2; shift 2
	exec nsenter --net="/run/netns/$ns" -- "$@"' dns-enter "$MX_NS" "$NET_NS")

rig_dns_up() {
	cp -r "$RIG_TOP/tests/e2e/zones" "$ZONES" &&
		dns_start "$RIG_DIR/dns" "$ZONES" $NSD4 $RESOLVER
}

# zone_edit FILE SED-SCRIPT: changes the zone, loads it, empties Unbound's cache.
zone_edit() {
	sed -i "$2" "$ZONES/$1" && dns_reload && dns_flush_zone .
}

# --- all of it ------------------------------------------------------------------

rig_up() {
	rig_net_up || fail "the network namespaces cannot be made"
	rig_dns_up || fail "NSD or Unbound does not come up"
	mta_start || fail "Postfix does not come up: $(tail -n 3 "$MTA_DIR/out" "$MTA_DIR/log" 2>&1)"
}
