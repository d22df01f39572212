#!/usr/bin/env bash
# Unpacks Debian's prometheus and promtool, and prints the folder of the two. Nothing is installed: that would start a service.
# They are kept in the user's cache.
set -euo pipefail
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/nakama-warden
programs=$cache/prometheus/usr/bin
if [[ ! -x $programs/promtool ]]; then
	mkdir -p "$cache"
	scratch=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	cd "$scratch"
	download=(apt-get -o APT::Sandbox::User= download prometheus)
	# The package lists of a fresh image are empty or stale; fetch them only then.
	"${download[@]}" >&2 || { apt-get update -qq >&2 && "${download[@]}" >&2; }
	dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --no-same-owner ./usr/bin
	mkdir unpacked && mv usr unpacked/
	# Another who fetched it meanwhile got the same.
	mv -T unpacked "$cache/prometheus" 2>/dev/null || [[ -x $programs/promtool ]]
fi
echo "$programs"
