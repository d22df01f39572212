#!/usr/bin/env bash
# The fence holds: what befalls a host, under a flood from outside, on each grip. /packages has the deb, /tools the flood.
#
#   holds.sh PART…        upgraded, watched, owned, held, unkept, stopped, reloaded, overflowed, paused, invalid
set -uo pipefail
. /suite/lib.sh
. /suite/common-life.sh
. /suite/flood.sh

state=/var/lib/nakama-warden
drop_ins=/run/systemd/system/nakama-warden.service.d

# configure GRIP [MODE] writes three lines, and guards beside the console a port whose single packets are counted.
configure() {
	cat >/etc/nakama-warden/config.yaml <<-YAML
		roles: [nakama]
		environment: testing
		firewall: {mode: ${2:-enforce}, grip: $1, services: {flooded: {role: nakama, ports: [9999], protocol: udp, from: []}}}
	YAML
}

# begin GRIP: the rules stand on that rung.
begin() {
	configure "$1"
	systemctl restart nakama-warden
	check "$1: enforced on this rung" within 10 enforced_as "$1"
	check "$1: nobody gets in" within 10 closed
}
enforced_as() { enforcing && nakama-warden status -o json | grep -q "\"grip\":\"$1\""; }

# unit NAME LINE… changes the unit; without lines it takes the change back.
unit() {
	local name=$1
	shift
	mkdir -p $drop_ins
	rm -f "$drop_ins/$name.conf"
	(($# == 0)) || printf '%s\n' '[Service]' "$@" >"$drop_ins/$name.conf"
	systemctl daemon-reload
}

patient() { unit patience RestartSec=100ms; }

# hasty: fifty deaths of the packaged second would take a minute, and a hang half of one.
hasty() { unit patience RestartSec=100ms WatchdogSec=2s TimeoutAbortSec=1s TimeoutStopSec=1s; }

# What befalls.

times() { # times N COMMAND…
	local n many=$1
	shift
	for ((n = 0; n < many; n++)); do "$@" || return; done
}
flush() { nft flush ruleset; }
kill_and_back() { killed_and_back "$(pid)"; }
kill_and_flush() {
	local before
	before=$(pid)
	flush &
	kill -KILL "$before"
	wait $!
	flush # once more, while nobody is there
	within 10 another_than "$before"
}
restart_nftables() { systemctl restart nftables; }
hang_and_flush() {
	local before
	before=$(pid)
	kill -STOP "$before"
	flush
	within 20 another_than "$before"
}
stop_and_start() {
	systemctl stop nakama-warden && systemctl start nakama-warden && systemctl restart nakama-warden && within 10 enforcing
}
flush_while_stopped() { systemctl stop nakama-warden && flush && sleep 0.2 && systemctl start nakama-warden; }
kill_and_stop() {
	kill -KILL "$(pid)" && within 1 dead && systemctl stop nakama-warden && sleep 0.2 && systemctl start nakama-warden
}
dead() { [[ $(pid) == 0 ]]; }
reload() { systemctl reload nakama-warden; }
# overflow_and_kill: the daemon is stopped, so that it does not read what fills its sockets.
overflow_and_kill() {
	local before
	before=$(pid)
	kill -STOP "$before"
	/tools/overflow "$before" || return
	sleep 0.3 # systemd notices, if it looks
	kill -KILL "$before"
	within 10 another_than "$before"
}

# The story, in parts. Each zero stands beside the control that shows that it could have been more.

watched() {
	begin watched
	measure some "watched: 200 × nft flush ruleset" times 200 flush
	check "watched: repaired" within 10 closed
	measure any "watched: 50 × kill -9" times 50 kill_and_back
	measure some "watched: 20 × kill -9 and flush at once" times 20 kill_and_flush
	measure some "watched: 3 × restart of nftables" times 3 restart_nftables
	measure some "watched: a hang and a flush, until the watchdog" hang_and_flush
	check "watched: repaired" within 10 closed
}

owned() { attacked owned; }
held() { attacked held; }
attacked() { # attacked GRIP
	begin "$1"
	check "$1: systemd keeps the owning socket" within 5 socket_kept
	measure none "$1: 200 × nft flush ruleset" times 200 flush
	measure none "$1: 50 × kill -9" times 50 kill_and_back
	measure none "$1: 20 × kill -9 and flush at once" times 20 kill_and_flush
	measure none "$1: 3 × restart of nftables" times 3 restart_nftables
	measure none "$1: a hang and a flush, until the watchdog" hang_and_flush
	check "$1: enforced still" within 10 enforced_as "$1"
	check "$1: at most 40 MB after all that" small_enough
}

upgraded() {
	local grip
	for grip in owned held watched; do
		begin "$grip"
		measure none "$grip: upgrade" install_deb 1.1.0
		check "$grip: the daemon is the upgraded one" within 10 enforced_by 1.1.0
		measure none "$grip: downgrade" install_deb 1.0.0
		check "$grip: the daemon is the old one" within 10 enforced_by 1.0.0
	done
	systemctl stop nakama-warden
	plain_table
	check "control: a plain table refuses" within 5 closed
	measure some "control: a plain table, 20 × stop and start of its unit" restart_plain
	systemctl stop plain
}
install_deb() {
	apt-get install -qq -y --allow-downgrades --no-install-recommends -o Dpkg::Options::=--force-confold "/packages/nakama-warden_$1-1_amd64.deb"
}
enforced_by() { enforcing && nakama-warden status -o json | grep -q "\"version\":\"$1\""; }

# Without a descriptor holder an owned table is an orphan for a moment, and a held one is gone with its socket.
unkept() {
	unit unkept FileDescriptorStoreMax=0
	begin owned
	check "systemd keeps nothing" not socket_kept
	measure some "control: owned without a descriptor holder, 5 × kill -9 and flush at once" times 5 kill_and_flush
	begin held
	check "systemd keeps nothing" not socket_kept
	measure some "control: held without a descriptor holder, 5 × kill -9 and flush at once" times 5 kill_and_flush
	measure some "control: held without a descriptor holder, 5 × kill -9" times 5 kill_and_back
	unit unkept
}

stopped() {
	begin held
	measure none "stop, start, restart" stop_and_start
	systemctl stop nakama-warden
	check "a stop leaves a table" table
	check "that has no owner" owned_by_nobody
	check "and refuses" closed
	systemctl start nakama-warden
	check "a start takes it over" within 10 enforced_as held
	measure some "control: a flush while stopped" flush_while_stopped
	check "a start mends it" within 10 closed
	# A dead daemon cannot make its table a plain one, and systemd before 254 lets go of the socket at a stop.
	unit slow RestartSec=5s
	measure any "held: kill -9, and a stop before it is back" kill_and_stop
	begin owned
	measure none "owned: kill -9, and a stop before it is back" kill_and_stop
	unit slow
}
owned_by_nobody() { table && ! table | grep -E 'flags .*owner|progname'; }

reloaded() {
	begin owned
	echo 'firewal: {}' >>/etc/nakama-warden/config.yaml
	measure none "a reload of a bad configuration" not reload
	check "stops nothing" active
	configure auto audit
	measure some "control: a reload that means it (audit)" reload_until open
	configure auto
	check "a reload takes it back" reload_until closed
}
reload_until() { reload && within 10 "$@"; }

overflowed() {
	patient
	begin held
	kill -STOP "$(pid)"
	check "the owning socket overflows" /tools/overflow "$(pid)"
	kill -CONT "$(pid)"
	check "the stored copy stays" socket_kept
	configure held audit
	check "a daemon whose buffers overflowed still reloads" reload_until open
	configure held
	check "and back" reload_until closed
	measure none "held: the owning socket overflows, then kill -9" overflow_and_kill
	# The same daemon, asking systemd to watch the descriptor, as it does when it is not told otherwise.
	cp /usr/bin/nakama-warden /run/installed
	LC_ALL=C sed 's/FDPOLL=0/FDPOLL=1/' /run/installed >/run/polled
	install -m 755 /run/polled /usr/bin/nakama-warden
	begin held
	measure some "control: the same with FDPOLL=1" overflow_and_kill
	install -m 755 /run/installed /usr/bin/nakama-warden
	hasty
}

paused() {
	patient
	begin owned
	pause_a_hung_one
	# With an impatient watchdog it is systemd that kills the daemon, before the pause counts it as hung.
	hasty
	begin held
	pause_a_hung_one
}
pause_a_hung_one() {
	kill -STOP "$(pid)"
	check "a hung daemon goes on refusing" closed
	nakama-warden pause --for 5s --why test >/run/pause.said 2>&1 &
	check "a pause on a hung daemon lets everybody in within 10 s" within 10 open
	wait $!
	check "the command says so" told_of_pause $?
	check "it ends by itself" within 15 closed
	check "enforced again" within 10 enforcing
}
told_of_pause() { cat /run/pause.said && (($1 == 0)) && grep -q PAUSED /run/pause.said; }

invalid() {
	begin owned
	echo 'firewal: {}' >/etc/nakama-warden/config.yaml
	measure none "a restart with an invalid configuration and a stored policy" systemctl restart nakama-warden
	check "which is enforced" within 10 enforcing
	systemctl stop nakama-warden
	flush
	printf 'nonsense %.0s' {1..8000} >$state/warden.db
	configure owned
	measure some "control: without rules" sleep 0.3
	systemctl start nakama-warden
	check "a corrupt store does not keep the rules out" within 10 enforced_as owned
	measure none "a restart with a store that was corrupt" systemctl restart nakama-warden
	systemctl stop nakama-warden
	flush
	rm -r ${state:?}/*
	check "root applies without a daemon" nakama-warden apply --yes
	systemctl start nakama-warden
	check "a store that root's command made is the daemon's" stored_by_the_daemon
	systemctl stop nakama-warden
	flush
	rm -r ${state:?}/*
	echo 'firewal: {}' >/etc/nakama-warden/config.yaml
	systemctl start nakama-warden 2>/dev/null
	sleep 1 # a restart would have come ten times
	check "nothing stored and an invalid configuration: status 78" test "$(show ExecMainStatus)" = 78
	check "not restarted" test "$(show NRestarts)/$(show ActiveState)" = 0/failed
	measure some "control: nothing to enforce, and the network is up" sleep 0.3
}
stored_by_the_daemon() {
	within 10 enforced_as owned && ! nakama-warden events | grep -q store_degraded && [[ $(stat -c %U $state/warden.db) == nakama-warden ]]
}
show() { systemctl show --property="$1" --value nakama-warden; }

install_deb 1.0.0 >/dev/null 2>&1
a_player_outside
start_flood
check "control: without rules the flood arrives" open
hasty
for part in "$@"; do "$part"; done
print_figures
closing
