#!/usr/bin/env bash
# Builds the packages and lives their lives with them, in booted systemds of their own: needs root and Debian's packages.
#
#   test/packages/run.sh [PART…]      static, deb, rpm, boot, holds; all of these when none is named; arm64, vm
#
# static: reproducible, lintian, rpmlint, size, exposure. deb and boot: on each of SUITES (bookworm trixie). rpm: with dnf.
# holds: what befalls a host under a flood, on each grip, on bookworm; HOLDS names parts of it. arm64: under qemu-user.
# vm: with Debian's own kernel, which knows the held grip only, under qemu.
#
# Exit status 125: nothing failed, but something could not be booted here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=test/packages
go=${GO:-go}
read -ra suites <<<"${SUITES:-bookworm trixie}"
rpm_tools=rpm,dnf,rpmlint,cpio
parts=("$@")
(($#)) || parts=(static deb rpm boot holds)

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "test-packages: needs root on Debian, for a systemd of its own; not run" >&2
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=$work/packages
failed=()
not_run=()

part() { # part NAME COMMAND…
	local name=$1
	shift
	printf '\n== %s\n' "$name"
	local status
	set +e # in a condition, bash would go on after the first failure within
	(set -e; "$@")
	status=$?
	set -e
	case $status in
	0) ;;
	125) not_run+=("$name") ;; # boot-root.sh and boot-vm.sh: nothing could be booted
	*) failed+=("$name") ;;
	esac
}

need() { # need PROGRAM PACKAGE
	command -v "$1" >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >/dev/null
}

build() {
	OUT=$packages PKG_VERSION=1.0.0 packaging/build.sh amd64
	OUT=$packages PKG_VERSION=1.1.0 packaging/build.sh amd64
}

reproducible() {
	(umask 077 && OUT=$work/again PKG_VERSION=1.0.0 packaging/build.sh amd64 >/dev/null)
	cmp "$packages/nakama-warden_1.0.0-1_amd64.deb" "$work/again/nakama-warden_1.0.0-1_amd64.deb"
	cmp "$packages/nakama-warden-1.0.0-1.x86_64.rpm" "$work/again/nakama-warden-1.0.0-1.x86_64.rpm"
}

lint_deb() {
	need lintian lintian
	lintian --allow-root --display-info --pedantic \
		--fail-on error,warning,info "$packages/nakama-warden_1.0.0-1_amd64.deb"
}

lint_rpm() {
	cp packaging/rpmlintrc "$packages/"
	booted bookworm -p "$rpm_tools" "$here/rpm-lint.sh"
}

# versions: each sorts before the next, in the order of tags and of commits after them.
versions() {
	local lower='' version description
	for description in v1.2.3-rc.1 v1.2.3-rc.1-2-gabcdef0 v1.2.3-rc.2 v1.2.3 v1.2.3-4-gabcdef0 v1.2.4; do
		version=$(packaging/version.sh "$description")
		[[ -z $lower ]] || dpkg --compare-versions "$lower" lt "$version" || { echo "$lower does not sort before $version"; return 1; }
		lower=$version
	done
}

small() {
	local large
	large=$(find "$packages" -name 'nakama-warden*' -size +15M)
	[[ -z $large ]] || { echo "over 15 MiB: $large"; return 1; }
}

confined() {
	need systemd-analyze systemd
	systemd-analyze security --offline=yes --no-pager --threshold=19 packaging/systemd/nakama-warden.service | tail -n 1
}

arm64() {
	need qemu-aarch64-static qemu-user-static
	OUT=$packages PKG_VERSION=1.0.0 packaging/build.sh arm64 >/dev/null
	dpkg-deb --extract "$packages/nakama-warden_1.0.0-1_arm64.deb" "$work/arm64"
	[[ $(dpkg-deb --field "$packages/nakama-warden_1.0.0-1_arm64.deb" Architecture) == arm64 ]]
	local program=(qemu-aarch64-static "$work/arm64/usr/bin/nakama-warden")
	"${program[@]}" version | grep 1.0.0
	"${program[@]}" check "$work/arm64/etc/nakama-warden/config.yaml"
}

# booted boots a root with the packages and this folder in it.
booted() { # booted SUITE [OPTION…] SCRIPT [ARGUMENT…]
	local suite=$1
	shift
	"$here/boot-root.sh" -s "$suite" -t 300 -b "$packages:/packages" -b "$PWD/$here:/suite" "$@"
}

# holds has what attacks beside the deb; it makes its own network, and needs nothing of the host's.
holds() {
	local tool
	for tool in flood overflow; do
		CGO_ENABLED=0 "$go" build -trimpath -o "$work/tools/$tool" "./$here/$tool"
	done
	local befalls
	read -ra befalls <<<"${HOLDS:-watched owned held unkept stopped reloaded overflowed paused invalid}"
	booted bookworm -b "$work/tools:/tools" "$here/holds.sh" "${befalls[@]}"
}

boots() { # boots SUITE CASE
	mkdir -p "$work/case-$2"
	echo "$2" >"$work/case-$2/name"
	booted "$1" -n -b "$work/case-$2:/case" -c "$here/boot-setup.sh" "$here/boot.sh" "$2"
}

printf '== build\n'
build
for name in "${parts[@]}"; do
	case $name in
	static)
		part "the same commit gives the same bytes" reproducible
		part "versions sort" versions
		part lintian lint_deb
		part rpmlint lint_rpm
		part "at most 15 MiB" small
		part "exposure at most 1.9" confined
		;;
	deb) for suite in "${suites[@]}"; do part "deb on $suite" booted "$suite" "$here/deb-life.sh"; done ;;
	rpm)
		"$go" tool -modfile=tools/go.mod nfpm package -f "$here/base.nfpm.yaml" -p rpm -t "$packages/" >/dev/null
		part "rpm with dnf" booted bookworm -p "$rpm_tools" "$here/rpm-life.sh"
		;;
	boot)
		for suite in "${suites[@]}"; do
			for name in good broken hanging; do part "boot on $suite: $name" boots "$suite" "$name"; done
		done
		;;
	holds) part "the fence holds under a flood" holds ;;
	arm64) part "arm64 under qemu-user" arm64 ;;
	vm) part "deb on bookworm's own kernel" "$here/boot-vm.sh" -s bookworm -t 400 -b "$packages:/packages" -b "$PWD/$here:/suite" "$here/vm-life.sh" ;;
	*)
		echo "test-packages: no part $name; want static, deb, rpm, boot, holds, arm64, vm" >&2
		exit 1
		;;
	esac
done

printf '\n== result\n'
printf 'not run, since nothing could be booted: %s\n' "${not_run[@]}" | sed '/: $/d'
if ((${#failed[@]})); then
	printf 'FAILED: %s\n' "${failed[@]}"
	exit 1
fi
((${#not_run[@]} == 0)) || exit 125
echo "the packages hold"
