# How the fence is measured: a flood goes on all the time, and what a command does to the rules is read off what arrives.

figures=()

# start_flood needs a_player_outside. It listens on the console's port too, so the console of that one goes.
start_flood() {
	systemctl stop console
	coproc FLOOD { exec /tools/flood 2>/run/flood.said; }
	# bash closes a coprocess's own descriptors in subshells, where half of the questions are asked.
	exec {asking}>&"${FLOOD[1]}" {answering}<&"${FLOOD[0]}"
	arriving_since >/dev/null
}

# arriving_since prints "PROBES LET_IN" since it was asked last.
arriving_since() {
	local datagrams arrived openings accepted
	echo >&"$asking"
	read -t 10 -r datagrams arrived openings accepted <&"$answering" || { cat /run/flood.said >&2; return 1; }
	echo "$((datagrams + openings)) $((arrived + accepted))"
}

# let_in prints "PROBES LET_IN" of a tenth of a second.
let_in() {
	arriving_since >/dev/null
	sleep 0.1
	arriving_since
}
open() { let_in | { read -r probes in && ((in > 0)); }; }
closed() { let_in | { read -r probes in && ((probes > 100 && in == 0)); }; }

# measure WANTED NAME COMMAND… counts those who get in while the command runs. WANTED: none; some, which is the control
# that shows what would have been seen; any, where nothing is promised.
measure() {
	local wanted=$1 name=$2 status=0 probes in
	shift 2
	arriving_since >/dev/null
	"$@" >/run/measured.said 2>&1 || status=$?
	sleep 0.05 # what is on its way arrives
	read -r probes in < <(arriving_since)
	figures+=("| $name | $wanted | ${probes:-0} | ${in:-0} |")
	check "$name: ${in:-?} of ${probes:-?} let in, wanted $wanted" judge
}

judge() {
	((status == 0)) || { echo "it ended with $status: $(</run/measured.said)"; return 1; }
	((${probes:-0} > 500)) || { echo "too few probes to say anything"; return 1; }
	case $wanted in
	none) ((in == 0)) ;;
	some) ((in > 0)) ;;
	any) ;;
	esac
}

print_figures() {
	printf '\n| %s, Linux %s, %s | wanted | probes | let in |\n|---|---|---|---|\n' \
		"$(. /etc/os-release && echo "$PRETTY_NAME")" "$(uname -r)" "$(systemctl --version | awk 'NR == 1 { print $1, $2 }')"
	printf '%s\n' "${figures[@]}" ''
}
