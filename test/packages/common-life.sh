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
	check "at most 40 MB" test "$(awk '/VmRSS/ { print $2 }' "/proc/$(pid)/status")" -le 40960
}

life_under_stress() {
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

	many_admins
	systemctl restart nakama-warden
	check "ready within a second with a thousand addresses stored" ready_within_a_second
	cp /run/good.yaml /etc/nakama-warden/config.yaml
	systemctl reload nakama-warden

	local before
	before=$(pid)
	check "nobody gets in over a kill -9" none_in_during killed_and_back "$before"
	check "nor over a restart" none_in_during systemctl restart nakama-warden
	check "nor over a restart of nftables" none_in_during systemctl restart nftables
	check "control: without the rules somebody does" some_in_during out_and_in
	check "which then stand again" within 5 hidden

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

	systemctl stop nakama-warden
	check "a stop leaves the rules" hidden
	check "in the kernel" table
	systemctl start nakama-warden
	check "a start takes them over" within 5 enforcing
}

socket_kept() { (($(systemctl show --property=NFileDescriptorStore --value nakama-warden) >= 1)); }

# many_admins: none of them meets another, so that the kernel gets a thousand elements.
many_admins() {
	local n addresses=''
	for ((n = 0; n < 1000; n++)); do addresses+="10.$((n / 100)).$((n % 100 * 2)).1, "; done
	sed -i "s|10.9.0.0/24|${addresses%, }|" /etc/nakama-warden/config.yaml
	systemctl reload nakama-warden
	within 5 many_stored
}

many_stored() { nft list set inet nakama_warden admins4 | grep -q '10\.9\.198\.1'; }

ready_within_a_second() {
	local took
	many_stored || return
	took=$(systemctl show --property=ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic nakama-warden |
		awk -F= '{ t[$1] = $2 } END { print t["ActiveEnterTimestampMonotonic"] - t["ExecMainStartTimestampMonotonic"] }')
	echo "$took microseconds"
	((took <= 1000000))
}

another_than() {
	local now
	now=$(pid)
	[[ $now != 0 && $now != "$1" ]] && active
}

killed_and_back() { kill -KILL "$1" && within 10 another_than "$1"; }
out_and_in() { nakama-warden remove && sleep 0.3 && nakama-warden apply --yes; }
