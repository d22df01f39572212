#!/usr/bin/env bash
# Prints the packages' version: of the tag v1.2.3 it is 1.2.3, of v1.2.3-rc.1 it is 1.2.3~rc.1, which sorts before 1.2.3, and
# four commits after v1.2.3 it is 1.2.3+4.gabcdef0, which sorts after. Before the first tag, 0.0.0~ and the commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version_of() { # version_of DESCRIPTION, as git describe writes it
	local tag=${1#v} commits=''
	if [[ $tag =~ ^(.+)-([0-9]+)-(g[0-9a-f]+)$ ]]; then
		tag=${BASH_REMATCH[1]}
		commits=+${BASH_REMATCH[2]}.${BASH_REMATCH[3]}
	fi
	printf '%s%s\n' "${tag/-/\~}" "$commits"
}

if (($#)); then
	version_of "$1"
elif description=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
	version_of "$description"
else
	printf '0.0.0~%s.g%s\n' "$(git log -1 --format=%cd --date=format:%Y%m%d%H%M%S)" "$(git rev-parse --short HEAD)"
fi
