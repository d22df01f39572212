# The part of a package's life that does not depend on its kind: from a fresh install to a daemon that was hit hard.

life_after_install() {
	check "control: the console answers" answers
	check "the daemon runs after the install" within 5 active
	check "it runs as its own user" test "$(ps -o user:20= -p "$(pid)" | tr -d ' ')" = nakama-warden
	check "the default configuration is valid" nakama-warden check
	check "an audit refuses nobody" gets_in
	check "strangers cannot read the configuration" not setpriv --reuid=65534 --regid=65534 --clear-groups cat /etc/nakama-warden/config.yaml
	check "the daemon can" test "$(stat -c %G:%a /etc/nakama-warden)" = nakama-warden:750
	check "the manual is there" test -s /usr/share/man/man8/nakama-warden.8.gz
	check "the completion loads" bash -c '. /usr/share/bash-completion/completions/nakama-warden'
	check "status names three commands to protect this host" three_commands
	sees_others
	check "at most 40 MB" small_enough
}

# sees_others: the files of other users' processes are not the daemon's to read, and it tells of them. The console is root's.
sees_others() {
	install -m 755 "$(command -v perl)" /usr/local/bin/nakama
	systemd-run --quiet --unit=nakama --uid=65534 --setenv=GOMEMLIMIT=77MiB /usr/local/bin/nakama /suite/nakama.pl
	check "control: the daemon's user may not follow another's descriptors" not as_the_daemon ls "/proc/$(pid_of nakama)/fd"
	check "a service of another user is found" within 20 told '"program":"nakama","pid":'"$(pid_of nakama),"
	check "so has a port in other hands" within 20 told '"port":7351,"program":"perl","pid":'"$(pid_of console)"
	check "GOMEMLIMIT of another user is read" within 20 told '"go_limit_bytes":80740352'
	check "no note asks for more rights" not told 'CAP_|guessed|not shown'
	systemctl stop nakama
	rm /usr/local/bin/nakama
}

life_under_stress() {
	reloads
	starts_from_the_store
	is_hit
	hangs
	stops
	beside_a_plain_table
	check "at most 40 MB after all that" small_enough
}

reloads() {
	enforce
	check "a reload puts a configuration in force" systemctl reload nakama-warden
	check "the console is hidden" within 5 hidden
	check "status says so" within 5 enforcing
	# Where the kernel lets a table outlive its owner, a kill alone would not tell whether the socket is kept.
	check "systemd keeps the owning socket" within 5 socket_kept

	cp /etc/nakama-warden/config.yaml /run/good.yaml
	echo 'firewal: {}' >>/etc/nakama-warden/config.yaml
	check "a reload with a bad configuration fails" not systemctl reload nakama-warden
	check "and changes nothing" hidden
	check "and stops nothing" active
	cp /run/good.yaml /etc/nakama-warden/config.yaml
}

starts_from_the_store() {
	many_admins
	check "ready within a second with a thousand addresses stored" from_the_store
	cp /run/good.yaml /etc/nakama-warden/config.yaml
	systemctl reload nakama-warden
}

is_hit() {
	local before
	before=$(pid)
	check "nobody gets in over a kill -9" none_in_during killed_and_back "$before"
	check "nor over a restart" none_in_during systemctl restart nakama-warden
	check "nor over a restart of nftables" none_in_during systemctl restart nftables
	check "control: without the rules somebody does" some_in_during out_and_in
	check "which then stand again" within 5 hidden
}

hangs() {
	local before
	mkdir -p /run/systemd/system/nakama-warden.service.d
	printf '[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n' >/run/systemd/system/nakama-warden.service.d/impatient.conf
	systemctl daemon-reload
	systemctl restart nakama-warden
	before=$(pid)
	kill -STOP "$before"
	check "a daemon that hangs is replaced" within 15 another_than "$before"
	check "and the console stays hidden" hidden
	rm -r /run/systemd/system/nakama-warden.service.d
	systemctl daemon-reload
	systemctl restart nakama-warden
}

stops() {
	systemctl stop nakama-warden
	check "a stop leaves the rules" hidden
	check "in the kernel" table
	systemctl start nakama-warden
	check "a start takes them over" within 5 enforcing
}

beside_a_plain_table() {
	systemctl stop nakama-warden
	plain_table
	check "control: a plain table hides the console" hidden
	check "control: but somebody gets in while its unit is stopped and started" some_in_during restart_plain
	systemctl stop plain
	systemctl start nakama-warden
	check "the daemon's is back" within 5 hidden
}

# life_as_configured: what an operator changes about the unit. $1 has the arguments of its start.
life_as_configured() {
	sed 's|10\.9\.0|10.8.0|' /etc/nakama-warden/config.yaml >/etc/nakama-warden/other.yaml
	cp "$1" /run/arguments
	echo 'NAKAMA_WARDEN_ARGS="--config /etc/nakama-warden/other.yaml"' >>"$1"
	systemctl restart nakama-warden
	check "the arguments of the start are read" within 5 admits 10.8.0.0/24
	echo 'firewal: {}' >>/etc/nakama-warden/other.yaml
	check "by the reload too" not systemctl reload nakama-warden
	cp /run/arguments "$1"

	local drop_in=/etc/systemd/system/nakama-warden.service.d/container-host.conf
	install -D -m 644 /usr/share/nakama-warden/examples/container-host.conf $drop_in
	systemctl daemon-reload
	systemctl restart nakama-warden
	check "with the drop-in for container hosts it runs" within 5 admits 10.9.0.0/24
	check "may enter a container's network" enters_namespaces
	check "and no other namespace" test "$(systemctl show --property=RestrictNamespaces --value nakama-warden)" = net
	rm $drop_in
	systemctl daemon-reload
	systemctl restart nakama-warden
	check "without it it may not" not enters_namespaces
	check "systemd understands all of the unit" quiet_verify
	check "exposure at most 1.9" confined
}

told() { nakama-warden status -o json | grep -E -- "$1"; }
pid_of() { systemctl show --property=MainPID --value "$1"; }
as_the_daemon() {
	setpriv --reuid=nakama-warden --regid=nakama-warden --clear-groups --inh-caps=-all,+sys_ptrace,+net_admin \
		--ambient-caps=-all,+sys_ptrace,+net_admin --bounding-set=-all,+sys_ptrace,+net_admin "$@"
}
socket_kept() { (($(systemctl show --property=NFileDescriptorStore --value nakama-warden) >= 1)); }

three_commands() {
	local said
	said=$(nakama-warden status | sed -n '/^TO PROTECT THIS HOST/,/^$/p' | grep -c '^  [123]  ')
	((said == 3))
}

admits() { nft list set inet nakama_warden admins4 | grep -F "$1"; }
enters_namespaces() { # CAP_SYS_ADMIN has bit 21
	(((16#$(awk '/CapEff/ { print $2 }' "/proc/$(pid)/status") >> 21) & 1))
}
confined() {
	systemd-analyze security --no-pager --threshold=19 nakama-warden.service | sed -nE 's/.* exposure level.*: ([0-9.]+).*/\1 of exposure/p'
}
quiet_verify() {
	local said
	said=$(systemd-analyze verify --man=no nakama-warden.service 2>&1)
	echo "$said"
	[[ ! $said ]]
}

# many_admins come from a file that is gone again: the store alone has them. None of them meets another, so that the kernel
# gets a thousand elements.
many_admins() {
	local n addresses=''
	for ((n = 0; n < 1000; n++)); do addresses+="\"10.$((n / 100)).$((n % 100 * 2)).1\", "; done
	echo "[{\"targets\": [${addresses%, }]}]" >/run/admins.json
	sed -i 's|static: .*]|files: [/run/admins.json]|' /etc/nakama-warden/config.yaml
	systemctl reload nakama-warden
	within 5 admits 10.9.198.1
	rm /run/admins.json
}

from_the_store() {
	local took
	admits 10.9.198.1 && systemctl stop nakama-warden && nft delete table inet nakama_warden || return
	systemctl start nakama-warden
	took=$(systemctl show --property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic nakama-warden |
		awk -F= '{ t[$1] = $2 } END { print t["ActiveEnterTimestampMonotonic"] - t["InactiveExitTimestampMonotonic"] }')
	echo "$took microseconds"
	admits 10.9.198.1 && ((took <= 1000000))
}

another_than() {
	local now
	now=$(pid)
	[[ $now != 0 && $now != "$1" ]] && active
}

killed_and_back() { kill -KILL "$1" && within 10 another_than "$1"; }
out_and_in() { nakama-warden remove && sleep 0.3 && nakama-warden apply --yes; }
