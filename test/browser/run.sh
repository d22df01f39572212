#!/usr/bin/env bash
# Looks at the pages with a real browser. What is given goes to the test: -update takes the pictures of the docs anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "a Chromium is lacking: as root on Debian, test/setup.sh browser installs it" >&2
	exit 1
}
pictures=${ARTEFACTS:-${TMPDIR:-/tmp}/nakama-warden-pages}
mkdir -p "$pictures"
CHROMIUM=$chromium ARTEFACTS=$pictures "${GO:-go}" test -count=1 -v -timeout 10m . "$@"
echo "pictures of every state: $pictures"
