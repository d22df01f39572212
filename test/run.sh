#!/usr/bin/env bash
# Runs every test and the demos.
#
# Packages that touch the kernel (those whose tests use test/lab) run without the race detector and one at a time:
# they measure how fast a rule is put right. All others run with it. When root calls, the kernel part and the demos run a
# second time as an ordinary user, from a copy of the source: that user need not be able to read the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go}
export PATH=$PATH:/usr/sbin:/sbin
# The scenarios take the program that was built, rather than build it again.
export NAKAMA_WARDEN_PROGRAM=$PWD/bin/nakama-warden
user=nobody
failed=()
not_run=()
scratch= packages_log= packages_job=

# Whoever is interrupted leaves nothing behind.
end() {
	[[ -z $packages_job ]] || kill "$packages_job" 2>/dev/null || true
	rm -rf ${scratch:+"$scratch"} ${packages_log:+"$packages_log"}
}
trap end EXIT

say() { printf '\n== %s\n' "$*"; }
run() { # run NAME COMMAND…
	local name=$1
	shift
	say "$name"
	local began=$SECONDS
	"$@" </dev/null || failed+=("$name")
	echo "took $((SECONDS - began)) s"
}

# told runs tests that say everything (-v) and prints what matters: the packages' outcome, everything of a failure, and each test
# that was skipped, with what it lacks.
told() {
	local log status=0
	log=$(mktemp)
	"$@" >"$log" 2>&1 || status=$?
	if ((status)); then
		grep -vE '^ *(=== |--- PASS)|^PASS$' "$log" || true
	else
		grep -E '^(ok|PASS)' "$log" | sort | uniq -c | sed 's/^ *1 //' || true
	fi
	awk '/^=== / { test = $3; next }
		/^ *--- SKIP/ { print "not run: " $3 ": " reason[$3] }
		!/^ *--- / { reason[test] = $0 }' "$log" | sed 's/:  *[a-z_0-9]*_test\.go:[0-9]*: \(not run: *\)\{0,1\}/: /'
	rm -f "$log"
	return "$status"
}

# both runs the demos that mostly wait, at once.
both() {
	local log status=0
	log=$(mktemp)
	"$@" demo alerts >"$log" 2>&1 &
	"$@" demo capacity || status=$?
	wait $! || status=$?
	cat "$log"
	rm -f "$log"
	return "$status"
}

module=$("$go" list -m)
lab=$module/test/lab

# kernel_packages lists the packages whose tests use the lab, and the lab itself.
kernel_packages() {
	"$go" list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... |
		tr -d '[]' | awk -v lab="$lab" '{ for (i = 1; i <= NF; i++) if ($i == lab) { print $1; next } }'
}

as_user() { setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- env HOME="$scratch" TMPDIR="$scratch/tmp" "$@"; }

# in_package runs a compiled test binary as the ordinary user, in the copy of its package's folder.
in_package() { # in_package FOLDER BINARY
	(cd "$scratch/source/$1" && told as_user "$2" -test.v -test.timeout=10m)
}

mapfile -t kernel_paths < <(kernel_packages)
mapfile -t pure_paths < <("$go" list ./... | grep -vxF -f <(printf '%s\n' "${kernel_paths[@]:-none}"))

race=(-race)
if ! command -v gcc >/dev/null; then
	race=()
	not_run+=("the race detector: needs gcc")
fi
run "go test ${race[*]} (pure packages)" told "$go" test -v "${race[@]}" -timeout 10m "${pure_paths[@]}"
if ((${#kernel_paths[@]})); then
	# Uncached: neither the kernel nor the program that was built is an input that Go knows of.
	run "go test (packages that touch the kernel)" told "$go" test -v -count=1 -p 1 -timeout 10m "${kernel_paths[@]}"
fi
run "demo" bin/nakama-warden demo
run "demo capacity, demo alerts" both bin/nakama-warden

# The deb is what a kill, a hang and a purge can be tried with: in one suite's root here, in the others by test-packages. It mostly
# waits, and does so beside the tests as the ordinary user.
if [[ $(id -u) != 0 ]]; then
	not_run+=("the deb in a booted root: needs root")
elif ! command -v apt-get >/dev/null; then
	not_run+=("the deb in a booted root: needs Debian's packages, for a root to boot")
else
	packages_log=$(mktemp)
	SUITES=bookworm test/packages/run.sh static deb holds >"$packages_log" 2>&1 </dev/null &
	packages_job=$!
	not_run+=("rpm, trixie, the boot, docs/install.md, arm64: \`make test-packages\`; another kernel: \`make test-vm\`")
fi

end_packages() {
	local status=0
	wait "$packages_job" || status=$?
	packages_job=
	say "packages"
	cat "$packages_log"
	case $status in
	0) ;;
	125) not_run+=("the deb in a booted root: nothing could be booted (see above)") ;;
	*) failed+=("packages") ;;
	esac
}

if [[ $(id -u) != 0 ]]; then
	not_run+=("the tests as root: run \`make test\` as root")
else
	scratch=$(mktemp -d)
	mkdir "$scratch/tmp" "$scratch/source" "$scratch/.cache"
	tar -c --exclude=./.git --exclude=./bin --exclude=./dist . | tar -x -C "$scratch/source"
	install -m 755 bin/nakama-warden "$scratch/nakama-warden"
	export NAKAMA_WARDEN_PROGRAM=$scratch/nakama-warden
	chmod 755 "$scratch"
	chown -R "$user" "$scratch/tmp" "$scratch/source" "$scratch/.cache"
	if ! as_user unshare --user --map-root-user --net true; then
		not_run+=("the tests as $user: this kernel gives an ordinary user no user namespace (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)")
	else
		for path in "${kernel_paths[@]}"; do
			folder=${path#"$module"/}
			binary=$scratch/${folder//\//_}.test
			"$go" test -c -o "$binary" "$path" || { failed+=("build the tests of $path"); continue; }
			run "as $user: $path" in_package "$folder" "$binary"
		done
		run "as $user: demo" as_user "$scratch/nakama-warden" demo
		run "as $user: demo capacity, demo alerts" both as_user "$scratch/nakama-warden"
	fi
fi

if [[ $packages_job ]]; then
	end_packages
fi

say "result"
printf 'not run: %s\n' "${not_run[@]}" | sed '/^not run: $/d'
if ((${#failed[@]})); then
	printf 'FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo "all tests passed"
