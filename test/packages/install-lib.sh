# What the scripts share that follow docs/install.md, which is at /docs: its commands are taken out of it and run as they
# stand there.

page=/docs/install.md

# block HEADING N prints the Nth block of code below a heading of the page.
block() {
	awk -v heading="## $1" -v wanted="$2" '
		/^## / { here = $0 == heading }
		!here { next }
		!/^    / { inside = 0; next }
		!inside { inside = 1; n++ }
		n == wanted { print substr($0, 5) }' "$page" | grep .
}

# follow HEADING N runs that block, in the folder one is in. Its standard input answers what it asks.
follow() {
	local commands
	commands=$(mktemp)
	block "$@" >"$commands" || { echo "the page has no block $2 below $1"; return 1; }
	bash -euo pipefail "$commands"
}

# followed HEADING N NAME [COMMAND…] checks that the block does what the page says of it: `follow` unless told otherwise.
followed() {
	local heading=$1 n=$2 name=$3
	shift 3
	(($#)) || set -- follow
	echo "block: $heading, $n"
	check "$name" "$@" "$heading" "$n"
}

# agreed answers every question with yes, as apt and dnf ask.
agreed() { "$@" < <(yes 2>/dev/null); }

# at_a_terminal KEYS COMMAND… is a person who types KEYS, as `printf` has them, when the command asks something.
at_a_terminal() {
	local keys=$1 status=0
	shift
	rm -f /run/keys /run/screen
	mkfifo /run/keys
	script --quiet --return --flush --command "page=$page; $(declare -f block follow); $(printf '%q ' "$@")" /dev/null </run/keys >/run/screen &
	exec 9>/run/keys
	within 10 grep -qF '[y/N]' /run/screen
	printf "$keys" >&9
	wait $! || status=$?
	exec 9>&-
	cat /run/screen
	return "$status"
}

# edited makes the configuration what a block of the page has, by the editor that the operator chose.
edited() { # edited LINES-HEADING LINES-N COMMAND…
	block "$1" "$2" >/run/lines
	shift 2
	printf '#!/bin/sh\nexec cp /run/lines "$1"\n' >/run/editor
	chmod 755 /run/editor
	EDITOR=/run/editor "$@"
}

# a_nakama makes the player's network of lib.sh, and in it a process that is a Nakama to the daemon: it is called so, and
# holds the API and the console. An admin of the page's network is at the player's side too.
a_nakama() {
	a_player_outside
	systemctl stop console # a Perl: no Nakama to the daemon
	ip -n player address add 10.9.0.5/32 dev eth0
	ip route add 10.9.0.0/24 dev host0
	install -m 755 /usr/bin/perl /usr/local/bin/nakama
	cat >/usr/local/share/nakama.pl <<-'PERL'
		use Socket;
		for my $port (7350, 7351) {
			my ($s, $c);
			socket($s, PF_INET, SOCK_STREAM, 0) && setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
			bind($s, sockaddr_in($port, INADDR_ANY)) && listen($s, 128) or die $!;
			fork and next;
			while (1) { accept($c, $s) and close $c }
		}
		wait;
	PERL
	systemd-run --quiet --unit=nakama /usr/local/bin/nakama /usr/local/share/nakama.pl
	within 10 answers
}

found() { nakama-warden status -o json | grep -q '"role":"nakama"'; }

# connects ADDRESS PORT: curl says 52 where it was let in and heard nothing, 28 or 7 where it was not.
connects() {
	local status=0
	ip netns exec player curl --silent --interface "$1" --max-time 2 "http://192.0.2.1:$2" || status=$?
	((status == 52 || status == 56))
}

# refuses: strangers at the console, and neither players nor admins.
refuses() {
	connects 192.0.2.2 7350 && connects 10.9.0.5 7351 && connects 10.9.0.5 7350 && ! connects 192.0.2.2 7351
}

# quiet: nothing but what a host that only counts deserves. The daemon's own levels stand in its lines.
quiet() {
	local said
	said=$(journalctl --unit=nakama-warden --no-pager --output=cat | grep -E 'level=(WARN|ERROR)|^(panic|fatal)') && { echo "$said"; return 1; }
	said=$(journalctl --unit=nakama-warden --no-pager --priority=warning --output=cat --quiet | grep .) && { echo "$said"; return 1; }
	[[ $(conditions) == AuditOnly ]] || { echo "conditions: $(conditions)"; return 1; }
	[[ $(systemctl show --property=NRestarts --value nakama-warden) == 0 ]]
}
conditions() { metrics | sed -nE 's/^nakama_warden_condition_active\{.*condition="([A-Za-z]+)".*\} 1$/\1/p' | sort -u | paste -sd ' '; }
metrics() { curl --silent --fail http://127.0.0.1:9735/metrics; }
refused() { metrics | awk '/^nakama_warden_firewall_packets_total\{.*verdict="refused"/ { n += $NF } END { print n + 0 }'; }
audits() { nakama-warden status | head -n 1 | grep -q ^AUDIT; }
safe() { nakama-warden status | head -n 1 | grep ^SAFE; }
