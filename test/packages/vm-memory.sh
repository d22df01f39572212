#!/usr/bin/env bash
# The limit that binds, of a unit under Debian's own kernel, where systemd hands out memory.max: what status and metrics say
# beside what the kernel says. Kills for want of memory are told, and of the right unit. /tools has the collector's test.
set -uo pipefail
. /suite/lib.sh

mib=$((1 << 20))
cgroups=/sys/fs/cgroup

# told JQ_EXPRESSION holds of the host's status; u is Nakama's unit in it.
told() { nakama-warden status -o json | jq -e '((.sample.units // [])[] | select(.name == "nakama.service")) as $u | '"$1"; }
# is EXPRESSION: the same without a unit.
is() { nakama-warden status -o json | jq -e "$1"; }
metric() { curl -s localhost:9735/metrics | grep -E "^nakama_warden_$1\$"; }
limited_to() { told "\$u.memory.limit_bytes == $1 and \$u.memory.limit_by == \"$2\""; }

# ask COMMAND… asks the server, which answers when it has done it; a server that is killed does not.
ask() {
	exec {server}<>/dev/tcp/127.0.0.1/7350 || return
	echo "$*" >&"$server"
	read -r -t 60 -u "$server" answer || answer=''
	exec {server}<&-
	[[ $answer == "done" ]]
}

events() { nakama-warden events -o json | jq -s -e "$1"; }
kills_of_nakama() { events "map(select(.kind == \"oom_kill\" and .fields.unit == \"nakama.service\")) | length == $1"; }
kills_of_the_host() { events "map(select(.kind == \"oom_kill\" and .fields.unit == null)) | length == $1"; }

# stat_of CGROUP KEY… is the sum of these numbers of its memory.stat.
stat_of() {
	local group=$1
	shift
	awk -v keys=" $* " 'index(keys, " " $1 " ") { sum += $2 } END { print sum }' "$cgroups/$group/memory.stat"
}

# near A B: within a twentieth and a megabyte, since time passes between two looks.
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a > b ? a - b : b - a; exit !(d <= b / 20 + 1048576) }' || { echo "$1 is not near $2"; return 1; }; }
same_memory() {
	local unit
	unit=$(nakama-warden status -o json | jq -r '.sample.units[] | select(.name == "nakama.service").memory | "\(.anonymous_bytes) \(.kernel_bytes)"')
	near "${unit% *}" "$(stat_of games.slice/nakama.service anon)" &&
		near "${unit#* }" "$(stat_of games.slice/nakama.service kernel sock)"
}

frugal() {
	local charged
	charged=$(systemctl show --property=MemoryCurrent --value nakama-warden)
	echo "$((charged / 1024)) kB"
	((charged <= 40000000))
}

install -m 755 /usr/bin/perl /usr/local/bin/nakama
cat >/etc/systemd/system/nakama.service <<'UNIT'
[Service]
ExecStart=/usr/local/bin/nakama /suite/nakama.pl
Slice=games.slice
MemoryMax=256M
OOMPolicy=continue
Restart=always
UNIT
systemctl daemon-reload
systemctl start nakama
apt-get install -qq -y --no-install-recommends /packages/nakama-warden_1.0.0-1_amd64.deb >/dev/null 2>&1
enforce
systemctl reload nakama-warden

uname -r
check "control: the server runs, and the kernel has its limit" grep -x $((256 * mib)) $cgroups/games.slice/nakama.service/memory.max
((failed == 0)) || exit 1
check "the unit's limit binds" within 30 limited_to $((256 * mib)) "cgroup /games.slice/nakama.service"
check "a metric says so" metric 'memory_limit_bytes\{source="cgroup",unit="nakama.service"\} 2.68435456e\+08'
check "nothing was killed" told '$u.memory.oom_kills == 0 and $u.memory.oom_killed == null'

check "100 MiB more" ask grow 100
check "are seen" within 30 told "\$u.memory.anonymous_bytes >= $((100 * mib))"
check "as the kernel counts them" within 30 same_memory
check "are far from too many" is '[.conditions[].name] | index("MemoryNearlyExhausted") == null'

systemctl set-property --runtime games.slice MemoryMax=128M
check "a smaller limit of the slice binds" within 30 limited_to $((128 * mib)) "cgroup /games.slice"
systemctl set-property --runtime games.slice MemoryMax=infinity
systemctl set-property --runtime nakama.service MemoryMax=64G
check "a limit above the host's memory is none" within 30 told '$u.memory.limit_by == "host" and $u.memory.limit_bytes < 2e9'
systemctl set-property --runtime nakama.service MemoryMax=256M
check "the unit's again" within 30 limited_to $((256 * mib)) "cgroup /games.slice/nakama.service"

check "140 MiB more" ask grow 140
check "are nearly too many" within 30 is '.conditions[] | select(.name == "MemoryNearlyExhausted") | .subject == "nakama.service"'
before=$(systemctl show --property=MainPID --value nakama)
check "a child that grows is killed, and Nakama goes on" ask child 200
check "control: the kernel counted it" grep -x 'oom_kill 1' $cgroups/games.slice/nakama.service/memory.events
check "it is the same Nakama" test "$(systemctl show --property=MainPID --value nakama)" = "$before"
check "the kill is told of the unit" within 30 told '$u.memory.oom_kills == 1 and $u.memory.oom_killed != null'
check "as an event" within 10 kills_of_nakama 1
check "as a condition" within 10 is '.conditions[] | select(.name == "OutOfMemoryKill") | .subject == "nakama.service"'
check "as a metric" within 10 metric 'condition_active\{condition="OutOfMemoryKill".*\} 1'

check "control: more than fits kills Nakama itself" not ask grow 200
check "systemd starts another" within 30 ask wait
check "whose cgroup counts afresh" grep -x 'oom_kill 0' $cgroups/games.slice/nakama.service/memory.events
check "that kill is told of the unit too" within 30 kills_of_nakama 2
check "its count is the other cgroup's" within 30 told '$u.memory.oom_kills == 0 and $u.memory.oom_killed != null'
check "nobody else was blamed" kills_of_the_host 0

cat >/etc/systemd/system/stranger.service <<'UNIT'
[Service]
Type=oneshot
MemoryMax=32M
ExecStart=/usr/bin/perl -e '$$held = "x" x (64 << 20)'
UNIT
check "control: a stranger with too little is killed" not systemctl start stranger
check "a kill of a stranger is the host's" within 30 kills_of_the_host 1
check "and not Nakama's" kills_of_nakama 2

reads_the_kernel() {
	local said
	said=$(cd /run && /tools/cgroup.test -test.v -test.run 'OfTheKernel$')
	echo "$said"
	grep -q '^--- PASS: TestReadOfTheKernel' <<<"$said"
}
check "the collector's own test passes here" reads_the_kernel
check "the daemon's own unit: at most 40 MB of memory.current" frugal
echo "of which its process has $(awk '/^(VmRSS|RssAnon|RssFile|RssShmem)/ { printf "%s %s kB ", $1, $2 }' "/proc/$(pid)/status")"
closing
