#!/usr/bin/env bash
# Prints the path of axe-core, which finds what people with a screen reader or weak eyes would stumble over. It is fetched once, from
# npm's registry, into the user's cache: it is no part of this project.
set -euo pipefail
version=4.14.1
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/nakama-warden
program=$cache/axe-core-$version.min.js
if [[ ! -s $program ]]; then
	command -v npm >/dev/null || { echo "npm is lacking, which fetches axe-core" >&2; exit 1; }
	mkdir -p "$cache"
	scratch=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	(cd "$scratch" && npm pack --silent "axe-core@$version" >/dev/null && tar -xf axe-core-*.tgz package/axe.min.js)
	mv -T "$scratch/package/axe.min.js" "$program"
fi
echo "$program"
