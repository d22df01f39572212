#!/usr/bin/env bash
# Builds the packages and lives their lives with them, in booted systemds of their own: needs root and Debian's packages.
#
#   test/packages/run.sh [PART…]      static, deb, rpm, boot, holds; all of these when none is named; install, arm64, vm
#
# static: reproducible, lintian, rpmlint, size, exposure, manual, checksums, signatures, completions. deb and boot: on each
# of SUITES (bookworm trixie). rpm: with dnf.
# holds: what befalls a host under a flood, on each grip, on bookworm, and on the other SUITES an upgrade; HOLDS names parts
# of it. arm64: under qemu-user.
# install: docs/install.md by its own words, on SUITES, with dnf, and beside other firewalls.
# vm: with Debian's own kernel, which knows the held grip only, and memory.max, under qemu.
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
deb=nakama-warden_1.0.0-1_amd64.deb
rpm=nakama-warden-1.0.0-1.x86_64.rpm
. "$here/static.sh"
. "$here/install.sh"
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

arm64() {
	local deb=nakama-warden_1.0.0-1_arm64.deb rpm=nakama-warden-1.0.0-1.aarch64.rpm
	local packages=$work/packages-arm64 # with checksums of their own
	need qemu-aarch64-static qemu-user-static
	need rpm rpm
	OUT=$packages PKG_VERSION=1.0.0 packaging/build.sh arm64 >/dev/null
	reproducible arm64 "$deb" "$rpm"
	lint_deb "$deb"
	[[ $(dpkg-deb --field "$packages/$deb" Architecture) == arm64 ]]
	[[ $(rpm --query --package --queryformat '%{ARCH}' "$packages/$rpm" 2>/dev/null) == aarch64 ]]
	dpkg-deb --extract "$packages/$deb" "$work/arm64"
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
holds() { # holds SUITE BEFALLS…
	local tool suite=$1
	shift
	for tool in flood overflow; do
		CGO_ENABLED=0 "$go" build -trimpath -o "$work/tools/$tool" "./$here/$tool"
	done
	booted "$suite" -b "$work/tools:/tools" "$here/holds.sh" "$@"
}

boots() { # boots SUITE CASE
	local case=$work/case-$2
	mkdir -p "$case"
	echo "$2" >"$case/name"
	booted "$1" -n -p ifupdown,cloud-init -b "$case:/case" -c "$here/boot-setup.sh" "$here/boot.sh" "$2"
}

in_vm() { "$here/boot-vm.sh" -s bookworm -t 400 -b "$packages:/packages" -b "$PWD/$here:/suite" "$@"; }

# vm_memory has the collector's own test of the kernel's files beside the deb: few machines let it make cgroups.
vm_memory() {
	CGO_ENABLED=0 "$go" test -c -o "$work/tools/cgroup.test" ./collector/cgroup
	in_vm -p jq -b "$work/tools:/tools" "$here/vm-memory.sh"
}

# vm_boots with a network card behind which somebody answers DHCP: cloud-init configures it.
vm_boots() {
	local case=$work/case-vm
	mkdir -p "$case"
	echo cloud >"$case/name"
	touch "$case/slow"
	in_vm -p cloud-init -b "$case:/case" -c "$here/boot-setup.sh" "$here/boot.sh" cloud
}

printf '== build\n'
build
for name in "${parts[@]}"; do
	case $name in
	static)
		part "the same commit gives the same bytes" reproducible amd64 "$deb" "$rpm"
		part "versions sort" versions
		part lintian lint_deb "$deb"
		part rpmlint lint_rpm
		part "at most 15 MB" small
		part "exposure at most 1.9" confined
		part "the manual" manual
		part "checksums" checksums
		part "signatures" signed
		part "completions" booted bookworm -p bash-completion,zsh,fish "$here/shells.sh"
		;;
	deb) for suite in "${suites[@]}"; do part "deb on $suite" booted "$suite" "$here/deb-life.sh"; done ;;
	rpm)
		"$go" tool -modfile=tools/go.mod nfpm package -f "$here/base.nfpm.yaml" -p rpm -t "$packages/" >/dev/null
		part "rpm with dnf" booted bookworm -p "$rpm_tools" "$here/rpm-life.sh"
		;;
	boot)
		for suite in "${suites[@]}"; do
			for boot in good broken hanging cloud cycle; do part "boot on $suite: $boot" boots "$suite" "$boot"; done
		done
		;;
	holds)
		read -ra befalls <<<"${HOLDS:-upgraded watched owned held unkept stopped reloaded overflowed paused invalid}"
		part "the fence holds under a flood" holds bookworm "${befalls[@]}"
		for suite in "${suites[@]}"; do
			[[ $suite == bookworm ]] || part "an upgrade under a flood on $suite" holds "$suite" upgraded
		done
		;;
	install) installs ;;
	arm64) part "arm64 under qemu-user" arm64 ;;
	vm)
		part "deb on bookworm's own kernel" in_vm "$here/vm-life.sh"
		part "memory.max there" vm_memory
		part "boot there, with cloud-init" vm_boots
		;;
	*)
		echo "test-packages: no part $name; want static, deb, rpm, boot, holds, install, arm64, vm" >&2
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
