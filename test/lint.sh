#!/usr/bin/env bash
# Every check of the source text. All of them run, so that one round shows everything there is to mend.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go}
status=0

check() { # check NAME COMMAND…
	local name=$1
	shift
	"$@" || { echo "lint: $name failed" >&2; status=1; }
}

formatted() {
	local files
	files=$(find . -name '*.go' -not -path './bin/*' -not -path './dist/*' -exec gofmt -l {} +) || return 1
	[[ -z $files ]] || { printf '%s: not formatted; run gofmt -w\n' $files >&2; return 1; }
}

# A long file is usually two things; it is said, not refused.
long_files() {
	find . -name '*.go' -not -path '*/testdata/*' -exec wc -l {} + | awk '
		$2 != "total" && $1 > 400 { printf "lint: warning: %s has %d lines; a file about one thing has at most 400\n", $2, $1 }'
}

check gofmt formatted
check vet "$go" vet ./...
check staticcheck "$go" tool staticcheck ./...
check house "$go" test -count=1 ./test/lint
long_files
exit "$status"
