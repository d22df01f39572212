#!/usr/bin/env bash
# Keeps the demos up and asks every question of the dashboards of a Prometheus that scrapes them. It takes eight minutes, mostly waiting.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${NAKAMA_WARDEN_PROGRAM:=$(realpath ../../../bin/nakama-warden)}" # `make build` makes it
export NAKAMA_WARDEN_PROGRAM NAKAMA_WARDEN_KEEP=${NAKAMA_WARDEN_KEEP:-10m}
exec "${GO:-go}" test -count=1 -v -timeout 30m -run '^TestEveryPanelShowsData$' .
