# What the scripts inside a booted root share. A check that fails is told and counted, and the script goes on.

passed=0
failed=0

# check NAME COMMAND… holds if the command succeeds.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok: $name$(sed -nE 's/^[0-9.-]+ (tries|microseconds|kB|of exposure).*/ (&)/p' <<<"$said")"
	else
		failed=$((failed + 1))
		printf 'NOT OK: %s\n%s\n' "$name" "$said"
	fi
}

not() { ! "$@"; }

# within SECONDS COMMAND… asks again, ten times a second, until the command succeeds.
within() {
	local rounds=$(($1 * 10)) round
	shift
	for ((round = 0; round < rounds; round++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	"$@"
}

# closing prints the line that a test ends with, and is its status.
closing() {
	echo "$passed passed, $failed failed"
	((failed == 0))
}

table() { nft list table inet nakama_warden; }
active() { systemctl --quiet is-active nakama-warden; }
pid() { systemctl show --property=MainPID --value nakama-warden; }

# a_player_outside makes a second network with one machine in it, 192.0.2.2, and a console on 192.0.2.1:7351 that takes
# connections as fast as they come: systemd's own sockets give up under a flood.
a_player_outside() {
	ip netns add player
	ip link add host0 type veth peer name eth0 netns player
	ip address add 192.0.2.1/24 dev host0
	ip link set host0 up
	ip -n player address add 192.0.2.2/24 dev eth0
	ip -n player link set eth0 up
	systemd-run --quiet --unit=console perl -MSocket -e '
		socket(S, PF_INET, SOCK_STREAM, 0) && setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
		bind(S, sockaddr_in(7351, INADDR_ANY)) && listen(S, 4096) or die $!;
		while (1) { accept(C, S) and close C }'
	within 10 answers
}

# answers: the console lives, as this host itself can tell. Without that, nobody who is refused proves anything.
answers() { timeout 2 bash -c ': >/dev/tcp/192.0.2.1/7351' 2>/dev/null; }
gets_in() { ip netns exec player timeout 2 bash -c ': >/dev/tcp/192.0.2.1/7351' 2>/dev/null; }
hidden() { answers && ! gets_in; }

# flood tries from outside, as fast as it can, until the file is gone; prints tries and how many of them got in.
flood() {
	ip netns exec player bash -c '
		while [[ -e $1 ]]; do
			tries=$((tries + 1))
			{ : >/dev/tcp/192.0.2.1/7351; } 2>/dev/null && let_in=$((let_in + 1))
		done
		echo "$tries ${let_in:-0}"' flood "$1"
}

# let_in_during COMMAND… floods while the command runs, and prints how many got in. Fails if the command did, or if there
# was no flood: nobody who got in would then mean nothing.
let_in_during() {
	local flag tries let_in status=0
	flag=$(mktemp)
	flood "$flag" >"$flag.result" &
	"$@" >"$flag.said" 2>&1 || status=$?
	rm "$flag"
	wait $!
	read -r tries let_in <"$flag.result"
	echo "$tries tries, $let_in let in" >&2
	((status == 0)) || { echo "$* ended with $status: $(<"$flag.said")" >&2; return 1; }
	((tries > 20)) || { echo "too few tries" >&2; return 1; }
	within 10 answers || { echo "the console itself is down" >&2; return 1; }
	echo "$let_in"
}

none_in_during() {
	local let_in
	let_in=$(let_in_during "$@") && ((let_in == 0))
}

some_in_during() {
	local let_in
	let_in=$(let_in_during "$@") && ((let_in > 0))
}

# enforce writes the configuration that hides the console. reject: a flood need not wait for its refusals.
enforce() {
	cat >/etc/nakama-warden/config.yaml <<-'YAML'
		roles: [nakama]
		fleet: {admins: {static: [10.9.0.0/24]}}
		firewall: {mode: enforce, refuse_with: reject}
	YAML
}

# enforcing is true when the kernel was read back.
enforcing() { nakama-warden status -o json | grep -q '"state":"enforcing"'; }

# small_enough holds while the daemon has at most 40 MB in memory; the kernel's kB are of 1,024 bytes.
small_enough() {
	local resident
	resident=$(awk '/VmRSS/ { print $2 }' "/proc/$(pid)/status")
	echo "$resident kB"
	((resident * 1024 <= 40000000))
}

# plain_table stands for a fence that nobody owns: its unit puts it in at the start and takes it out at the stop, as
# nftables.service does. Neither the daemon nor its table is there.
plain_table() {
	nft -f - <<-'NFT'
		table inet nakama_warden
		delete table inet nakama_warden
	NFT
	cat >/run/plain.nft <<-'NFT'
		table inet plain {
			chain input {
				type filter hook input priority filter
				iif lo accept
				tcp dport 7351 reject with tcp reset
				udp dport 9999 drop
			}
		}
	NFT
	cat >/run/systemd/system/plain.service <<-'UNIT'
		[Unit]
		StartLimitIntervalSec=0
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/usr/sbin/nft -f /run/plain.nft
		ExecStop=/usr/sbin/nft delete table inet plain
	UNIT
	systemctl daemon-reload
	systemctl restart plain
}
restart_plain() {
	local n
	for ((n = 0; n < 20; n++)); do systemctl restart plain || return; done
}
