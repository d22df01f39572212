# The life of a host by docs/install.md, whatever the kind of the package: a fresh daemon that audits, the three commands,
# the drop-in for containers.

host_by_the_page() {
	check "the daemon runs" within 5 active
	check "it audits" within 5 audits
	followed "After the installation" 1 "status names the three commands" names_the_three
	a_nakama
	check "it finds the Nakama that came" within 40 found
	check "who is a stranger gets in" connects 192.0.2.2 7351
	check "nothing is refused" test "$(refused)" = 0
	check "it is quiet" within 5 quiet
	three_commands
	followed "Docker hosts" 1 "the drop-in for container hosts"
	check "the daemon may enter containers' networks" grep -q '^CapEff:.*2[0-9a-f]\{5\}$' "/proc/$(pid)/status"
	check "and still refuses" within 10 refuses
}

names_the_three() {
	local said
	said=$(follow "$@") || return
	for command in "$(block "Three commands to an enforced host" 1)" \
		"$(block "Three commands to an enforced host" 4)" \
		"$(block "Three commands to an enforced host" 5 | sed 's/ --why.*//')"; do
		grep -qF "$command" <<<"$said" || { echo "status does not name: $command"; echo "$said"; return 1; }
	done
}

three_commands() {
	local three="Three commands to an enforced host"
	followed "$three" 3 "a CockroachDB host's lines are valid" valid_lines
	echo "block: $three, 2"
	followed "$three" 1 "1: say who is who" edited "$three" 2 follow
	check "nothing is in force yet" connects 192.0.2.2 7351
	followed "$three" 4 "2: it names the stranger, with status 3" within 15 names_the_stranger
	followed "$three" 5 "3: with a no it is not kept" not_kept 'n\n'
	check "Ctrl-C is a no too" not_kept '\003' "$three" 5
	check "it stands for the time being" within 5 refuses
	check "and is taken back soon" grep -q 'taken back in' <(nakama-warden status)
	check "where it can be kept by another command" nakama-warden apply --confirm
	nakama-warden remove >/dev/null
	check "3: with a y it is" at_a_terminal 'y\n' follow "$three" 5
	check "strangers are refused, players and admins are not" within 5 refuses
	check "the kernel has it" grep -q 'drop' <(table)
	check "nothing waits to be taken back" not nakama-warden apply --confirm
	check "status begins with SAFE" within 5 safe
	check "explain says so" grep -q 'nakama-console' <(nakama-warden explain 203.0.113.7 7351)
	check "a restart leaves it so" systemctl restart nakama-warden
	check "enforced" within 5 refuses
}

not_kept() { # not_kept KEYS HEADING N
	local status=0
	at_a_terminal "$1" follow "${@:2}" || status=$?
	((status == 1)) && grep -q 'not kept' /run/screen
}
valid_lines() { block "$@" | nakama-warden check /dev/stdin; }
names_the_stranger() {
	local said status=0
	said=$(follow "$@") || status=$?
	((status == 3)) && grep -q 'nakama-console *192.0.2.2' <<<"$said" || { echo "status $status: $said"; return 1; }
}
