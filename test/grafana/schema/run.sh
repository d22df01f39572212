#!/usr/bin/env bash
# Holds the dashboards to the types of Grafana 9.3 and of the newest one, and their queries to Grafana's own parser. The packages are
# fetched once, from npm's registry, into the user's cache: they are no part of this project. Newer ones: change package.json, and run
# `npm install --package-lock-only` beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v npm >/dev/null || { echo "npm is lacking, which fetches Grafana's types" >&2; exit 1; }
dashboards=$(realpath ../../../dashboards/json)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/nakama-warden
packages=$cache/grafana-$(sha256sum package.json package-lock.json | sha256sum | cut -c -12)
mkdir -p "$cache"
scratch=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
if [[ ! -d $packages ]]; then
	cp package.json package-lock.json .npmrc "$scratch"
	(cd "$scratch" && npm ci --loglevel=error)
	mkdir "$scratch/packages"
	mv "$scratch/node_modules" "$scratch/packages"
	mv -T "$scratch/packages" "$packages" || [[ -d $packages ]] # somebody else was quicker
fi
# Modules are looked for beside who imports them, and nothing is installed into the checkout.
cp -r -- *.mjs types "$scratch"
cp package.json "$scratch"
ln -s "$packages/node_modules" "$scratch"
cd "$scratch"
DASHBOARDS=$dashboards node --test --test-reporter=spec "$@"
