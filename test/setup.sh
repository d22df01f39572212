#!/usr/bin/env bash
# Makes sure that the programs the tests call are here: `setup.sh` those of `make test`, `setup.sh browser` those of
# `make test-browser` as well. As root on Debian what is missing is installed; elsewhere it is named.
set -euo pipefail

# program:Debian package. gcc is for the race detector; nft is the stranger who tampers with the rules.
wanted=(
	make:make
	git:git
	nft:nftables
	ip:iproute2
	iptables:iptables
	setpriv:util-linux
	gcc:gcc
)

# nft and ip live in sbin, which an ordinary user's PATH often lacks.
PATH=$PATH:/usr/sbin:/sbin:/usr/local/go/bin

missing=()
for pair in "${wanted[@]}"; do
	command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
# A fresh image has no fonts either, and would show boxes for letters.
if [[ ${1:-} == browser ]] && ! command -v chromium >/dev/null; then
	missing+=(chromium fonts-liberation fonts-dejavu-core)
fi
# gcc without the C library's headers cannot link the race detector.
[[ -e /usr/include/stdlib.h ]] || missing+=(libc6-dev)

if ((${#missing[@]})); then
	if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
		echo "setup: installing ${missing[*]}"
		export DEBIAN_FRONTEND=noninteractive
		install=(apt-get install -qq -y --no-install-recommends "${missing[@]}")
		# The package lists of a fresh image are empty or stale; fetch them only then.
		"${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; }
	else
		echo "setup: missing: ${missing[*]} (Debian's package names); tests that need them will fail" >&2
	fi
fi

if ! command -v go >/dev/null; then
	echo "setup: no go program; install Go 1.26 or newer from https://go.dev/dl and put its bin folder into PATH" >&2
	exit 1
fi

# Prometheus and promtool hold our metrics and rules to the real ones. They are unpacked, not installed: that would start a service.
if command -v apt-get >/dev/null && ! "$(dirname "${BASH_SOURCE[0]}")/prometheus/debian/fetch.sh" >/dev/null; then
	echo "setup: missing: prometheus (Debian's package name); tests of rules will name it as not run" >&2
fi
