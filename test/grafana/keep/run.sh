#!/usr/bin/env bash
# Keeps the demo up and asks every question of the dashboards of a Prometheus that scrapes it. It takes a quarter of an hour, mostly waiting.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${NAKAMA_WARDEN_PROGRAM:=$(realpath ../../../bin/nakama-warden)}" # `make build` makes it
export NAKAMA_WARDEN_PROGRAM NAKAMA_WARDEN_KEEP=${NAKAMA_WARDEN_KEEP:-25m}
exec "${GO:-go}" test -count=1 -v -timeout 45m -run '^TestEveryPanelShowsData$' .
