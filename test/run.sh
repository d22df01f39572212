#!/usr/bin/env bash
# Runs every test and the demo.
#
# Packages that touch the kernel (those whose tests use test/lab) run without the race detector and one at a time:
# they measure how fast a rule is put right. All others run with it. When root calls, the kernel part and the demo run a
# second time as an ordinary user, from copies: that user need not be able to read the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go}
export PATH=$PATH:/usr/sbin:/sbin
user=nobody
failed=()
not_run=()

say() { printf '\n== %s\n' "$*"; }
run() { # run NAME COMMAND…
	local name=$1
	shift
	say "$name"
	"$@" </dev/null || failed+=("$name")
}

module=$("$go" list -m)
lab=$module/test/lab

# kernel_packages lists IMPORTPATH DIR of the packages whose tests use the lab, and of the lab itself.
kernel_packages() {
	"$go" list -f '{{.ImportPath}} {{.Dir}} {{.TestImports}} {{.XTestImports}}' ./... |
		tr -d '[]' | awk -v lab="$lab" '{ for (i = 1; i <= NF; i++) if (i != 2 && $i == lab) { print $1, $2; next } }'
}

as_user() { setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- env HOME="$scratch" TMPDIR="$scratch/tmp" "$@"; }

# in_package runs a compiled test binary as the ordinary user, beside a copy of its testdata.
in_package() { # in_package DIR BINARY
	local place=$2.d
	mkdir -p "$place"
	[[ ! -d $1/testdata ]] || cp -r "$1/testdata" "$place/"
	chown -R "$user" "$place"
	(cd "$place" && as_user "$2" -test.timeout=10m)
}

kernel=$(kernel_packages)
mapfile -t kernel_paths < <(awk 'NF { print $1 }' <<<"$kernel")
mapfile -t pure_paths < <("$go" list ./... | grep -vxF -f <(printf '%s\n' "${kernel_paths[@]:-none}"))

race=(-race)
if ! command -v gcc >/dev/null; then
	race=()
	not_run+=("the race detector: needs gcc")
fi
run "go test ${race[*]} (pure packages)" "$go" test "${race[@]}" -timeout 10m "${pure_paths[@]}"
if ((${#kernel_paths[@]})); then
	run "go test (packages that touch the kernel)" "$go" test -p 1 -timeout 10m "${kernel_paths[@]}"
fi
run "demo" bin/nakama-warden demo

if [[ $(id -u) != 0 ]]; then
	not_run+=("the tests as root: run \`make test\` as root")
else
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	mkdir "$scratch/tmp"
	chmod 755 "$scratch"
	chown "$user" "$scratch/tmp"
	if ! as_user unshare --user --map-root-user --net true; then
		not_run+=("the tests as $user: this kernel gives an ordinary user no user namespace (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)")
	else
		while read -r path dir; do
			[[ -n $path ]] || continue
			binary=$scratch/$(tr / _ <<<"${path#"$module"/}").test
			"$go" test -c -o "$binary" "$path"
			run "as $user: $path" in_package "$dir" "$binary"
		done <<<"$kernel"
		install -m 755 bin/nakama-warden "$scratch/nakama-warden"
		run "as $user: demo" as_user "$scratch/nakama-warden" demo
	fi
fi

say "result"
printf 'not run: %s\n' "${not_run[@]}" | sed '/^not run: $/d'
if ((${#failed[@]})); then
	printf 'FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo "all tests passed"
