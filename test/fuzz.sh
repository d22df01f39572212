#!/usr/bin/env bash
# Runs each fuzz target of the module for FUZZTIME, one after another: Go fuzzes one target at a time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go}

# `go test -list` prints the targets of a package and then a line "ok PACKAGE TIME".
targets=$("$go" test -list '^Fuzz' ./... | awk '/^Fuzz/ { names[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')
while read -r package name; do
	[[ -n $name ]] || continue
	echo "fuzz: $package $name"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$package"
done <<<"$targets"
