#!/usr/bin/env bash
# Unpacks Debian's prometheus and prometheus-alertmanager, and prints the folder of both. Nothing is installed: that would start
# services. They are kept in the user's cache.
set -euo pipefail
packages=(prometheus prometheus-alertmanager)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/nakama-warden
root=$cache/debian
complete() { [[ -x $root/usr/bin/promtool && -x $root/usr/bin/prometheus-alertmanager ]]; }
if ! complete; then
	mkdir -p "$cache"
	scratch=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	cd "$scratch"
	download=(apt-get -o APT::Sandbox::User= download "${packages[@]}")
	# The package lists of a fresh image are empty or stale; fetch them only then.
	if ! "${download[@]}" >&2; then
		apt-get update -qq >&2
		"${download[@]}" >&2
	fi
	mkdir unpacked
	for deb in *.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --no-same-owner --exclude=./usr/share/doc -C unpacked ./usr
	done
	# Another who fetched them meanwhile got the same.
	mv -T unpacked "$root" 2>/dev/null || complete
fi
echo "$root"
