#!/usr/bin/env bash
# Builds a real Loki from the module proxy (some minutes of CPU, once) and runs the tests that want one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
go=${GO:-go}
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/nakama-warden
program=$cache/loki
mkdir -p "$cache"
# Go's own cache says whether there is anything to do.
(cd build && nice "$go" build -o "$program" github.com/grafana/loki/v3/cmd/loki)
LOKI_PROGRAM=$program "$go" test -count=1 -v -timeout 10m .
