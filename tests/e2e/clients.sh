# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Sending mail servers, for the rig's network of senders: Postfix, Exim and OpenSMTPD,
# each from the addresses below and each in a mount namespace of its own, so that none
# finds a queue or an /etc of this system. Source it after rig.sh.
#
# A mail to anybody at refused4.example or refused6.example goes to the MX from CLIENT4
# or CLIENT6, all others, the bounces, from CLIENT_GOOD. Each server takes mails by SMTP
# on 127.0.0.1 of the senders' network, at its own port.

CLIENT4=203.0.113.66
CLIENT6=2001:db8::66
CLIENT_GOOD=198.51.100.10
CLIENT_FROM=sender@$MX_NAME # where its bounces go
CLIENT_DIR=$RIG_DIR/clients
declare -A CLIENT_PORTS=([postfix]=10025 [exim]=10026 [opensmtpd]=10027)
declare -A CLIENT_LOGS=(
	[postfix]=$CLIENT_DIR/postfix/log
	[exim]=$CLIENT_DIR/exim/mainlog
	[opensmtpd]=$CLIENT_DIR/opensmtpd/log
)

# client_path COMMAND: the command, installed or unpacked beside.
client_path() {
	command -v "$1" || command -v "${1%4}" || {
		[[ -x /var/cache/mxgate-test/bin/$1 ]] && echo "/var/cache/mxgate-test/bin/$1"
	}
}

# The users that these programs want, for this mount namespace.
client_users() {
	local name id=61050
	for name in Debian-exim opensmtpd opensmtpq; do
		((id++))
		grep -q "^$name:" /etc/passwd ||
			echo "$name:x:$id:$id::/var/lib/opensmtpd/empty:/usr/sbin/nologin" >>/etc/passwd
		grep -q "^$name:" /etc/group || echo "$name:x:$id:" >>/etc/group
	done
}

# client_run NAME COMMAND...: in the senders' network, with an empty /var/lib and
# /var/spool, and the senders' own name server.
client_run() {
	local name=$1
	shift
	# shellcheck disable=SC2016
	in_net unshare --mount "$BASH" -c '
		dir=$1 nsd=$2
		shift 2
		echo "nameserver $nsd" >"$dir/resolv.conf"
		mount --bind "$dir/resolv.conf" "$(realpath /etc/resolv.conf)" &&
			mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /var/spool &&
			mkdir -m 711 /var/spool/smtpd && mkdir -p /var/lib/opensmtpd/empty || exit
		# OpenSMTPD reads it, whether it needs it or not.
		if [[ -d /etc/ssl && ! -e /etc/ssl/certs/ca-certificates.crt ]]; then
			mount -t tmpfs tmpfs /etc/ssl && mkdir /etc/ssl/certs &&
				: >/etc/ssl/certs/ca-certificates.crt || exit
		fi
		exec "$@"' client "$CLIENT_DIR/$name" "$NSD4" "$@" \
		</dev/null &>"$CLIENT_DIR/$name/out" &
}

client_postfix_start() {
	local dir=$CLIENT_DIR/postfix queue=$CLIENT_DIR/postfix/spool daemons name routes
	routes="{ refused4.example = refused4:[$MX4] } { refused6.example = refused6:[$MX6] }
		{ tls4.example = tls4:[$MX4] } { tls6.example = tls6:[$MX6] }"
	mkdir -p "$queue" || return
	for name in active bounce corrupt defer deferred flush hold incoming private saved trace; do
		install -d -o postfix -g root -m 700 "$queue/$name" || return
	done
	install -d -o root -m 755 "$queue/pid" &&
		install -d -o postfix -g postdrop -m 730 "$queue/maildrop" &&
		install -d -o postfix -g postdrop -m 710 "$queue/public" &&
		install -d -o postfix -g root -m 700 "$dir/data" || return
	cat >"$dir/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $queue
		data_directory = $dir/data
		maillog_file = ${CLIENT_LOGS[postfix]}
		maillog_file_prefixes = /run
		myhostname = client.example
		mydestination =
		alias_maps =
		inet_interfaces = 127.0.0.1
		inet_protocols = all
		disable_dns_lookups = yes
		smtp_host_lookup = native
		smtp_tls_security_level = none
		smtpd_tls_security_level = none
		smtpd_peername_lookup = no
		mynetworks = 127.0.0.0/8
		smtpd_relay_restrictions = permit_mynetworks, reject
		transport_maps = inline:{ $routes }
		default_transport = smtp:[$MX4]
	END
	cat >"$dir/master.cf" <<-END
		${CLIENT_PORTS[postfix]} inet n - n - - smtpd
		cleanup unix n - n - 0 cleanup
		qmgr unix n - n 300 1 qmgr
		rewrite unix - - n - - trivial-rewrite
		bounce unix - - n - 0 bounce
		defer unix - - n - 0 bounce
		trace unix - - n - 0 bounce
		proxymap unix - - n - - proxymap
		anvil unix - - n - 1 anvil
		error unix - - n - - error
		retry unix - - n - - error
		smtp unix - - n - - smtp -o smtp_bind_address=$CLIENT_GOOD
		refused4 unix - - n - - smtp -o smtp_bind_address=$CLIENT4
		refused6 unix - - n - - smtp -o smtp_bind_address6=$CLIENT6
		tls4 unix - - n - - smtp -o smtp_bind_address=$CLIENT4 -o smtp_tls_security_level=encrypt
		tls6 unix - - n - - smtp -o smtp_bind_address6=$CLIENT6 -o smtp_tls_security_level=encrypt
		postlog unix-dgram n - n - 1 postlogd
	END
	touch -d '1 minute ago' "$dir"/*.cf
	daemons=$(postconf -c "$dir" -dh daemon_directory) &&
		client_run postfix "$daemons/master" -c "$dir"
}

client_exim_start() {
	local dir=$CLIENT_DIR/exim exim name
	exim=$(client_path exim4) || return
	install -d -o Debian-exim "$dir" "$dir/spool" || return
	cat >"$dir/conf" <<-END
		primary_hostname = client.example
		spool_directory = $dir/spool
		log_file_path = $dir/%slog
		pid_file_path = $dir/pid
		exim_path = $exim
		keep_environment =
		exim_user = Debian-exim
		local_interfaces = 127.0.0.1
		daemon_smtp_ports = ${CLIENT_PORTS[exim]}
		tls_advertise_hosts =
		host_lookup =
		rfc1413_query_timeout = 0s
		acl_smtp_rcpt = accept
		begin routers
		refused4:
		  driver = manualroute
		  domains = refused4.example
		  transport = refused4
		  route_data = $MX4
		refused6:
		  driver = manualroute
		  domains = refused6.example
		  transport = refused6
		  route_data = ${MX6//:/::}
		others:
		  driver = manualroute
		  transport = others
		  route_data = $MX4
		begin transports
		refused4:
		  driver = smtp
		  interface = $CLIENT4
		refused6:
		  driver = smtp
		  interface = <; $CLIENT6
		others:
		  driver = smtp
		  interface = $CLIENT_GOOD
	END
	client_run exim "$exim" -C "$dir/conf" -bdf
}

client_opensmtpd_start() {
	local dir=$CLIENT_DIR/opensmtpd smtpd
	smtpd=$(client_path smtpd) || return
	mkdir -p "$dir" || return
	cat >"$dir/conf" <<-END
		listen on 127.0.0.1 port ${CLIENT_PORTS[opensmtpd]} hostname client.example
		action refused4 relay helo client.example host smtp://$MX4 src $CLIENT4
		action refused6 relay helo client.example host "smtp://[$MX6]" src $CLIENT6
		action others relay helo client.example host smtp://$MX4 src $CLIENT_GOOD
		match from any for domain refused4.example action refused4
		match from any for domain refused6.example action refused6
		match from any for any action others
	END
	chmod 600 "$dir/conf"
	ln -sf out "${CLIENT_LOGS[opensmtpd]}"
	client_run opensmtpd "$smtpd" -d -f "$dir/conf"
}

# client_start NAME: 0, or 1 when it does not come up; what it said is in CLIENT_DIR/NAME/out.
client_start() {
	mkdir -p "$CLIENT_DIR/$1" && chmod 755 "$CLIENT_DIR" && "client_$1_start" &&
		wait_until 10 client_is_up "$1"
}

client_is_up() { sender_run tcp 127.0.0.1 127.0.0.1 1 "${CLIENT_PORTS[$1]}" &>/dev/null; }

# client_mail NAME TO SUBJECT: hands a mail to that server, which takes it from there.
client_mail() {
	in_net swaks -4 --server 127.0.0.1 --port "${CLIENT_PORTS[$1]}" --timeout 5 \
		--helo sender.example --from "$CLIENT_FROM" --to "$2" --header "Subject: $3" \
		--body "$3" </dev/null &>"$CLIENT_DIR/$1/swaks"
}
