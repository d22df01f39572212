#!/usr/bin/env bash
# Makes dist/: deb and rpm for each architecture, and their checksums.
#
#   packaging/build.sh [ARCHITECTURE…]        amd64 arm64
#
# The same commit gives the same bytes: times come from the commit, nothing from the machine. PKG_VERSION overrides the
# version, PKG_SIGNING_KEY names a file with an OpenPGP key to sign with (NFPM_PASSPHRASE opens it), OUT another folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go=${GO:-go}
out=${OUT:-dist}
architectures=("$@")
(($#)) || architectures=(amd64 arm64)

umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
PKG_VERSION=${PKG_VERSION:-$(packaging/version.sh)}
PKG_SIGNING_KEY=${PKG_SIGNING_KEY:-}
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
export SOURCE_DATE_EPOCH PKG_VERSION PKG_SIGNING_KEY STAGE

program() { # program ARCHITECTURE FILE
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 "$go" build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$PKG_VERSION" -o "$2" ./cmd/nakama-warden
}

# What the program says about itself is asked from one that runs here.
pages() {
	program "$("$go" env GOHOSTARCH)" "$STAGE/nakama-warden"
	local shell date
	date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)
	"$go" run ./packaging/man "$STAGE/nakama-warden" "$PKG_VERSION" "$date" <packaging/man/end.roff | gzip -9n >"$STAGE/nakama-warden.8.gz"
	for shell in bash zsh fish; do
		"$STAGE/nakama-warden" completion "$shell" >"$STAGE/nakama-warden.$shell"
	done
	# By the packaged configuration: a build machine may have one of its own.
	"$STAGE/nakama-warden" export rules --config packaging/config.yaml --output "$STAGE/rules.yml"
	"$STAGE/nakama-warden" export dashboards --config packaging/config.yaml --dir "$STAGE/dashboards" --path /usr/share/nakama-warden/dashboards
}

mkdir -p "$out"
pages
made=()
for PKG_ARCH in "${architectures[@]}"; do
	export PKG_ARCH # not GOARCH: nfpm itself would be built for it
	program "$PKG_ARCH" "$STAGE/$PKG_ARCH/nakama-warden"
	for packager in deb rpm; do
		# nfpm names the file as users of that kind of package expect it.
		said=$("$go" tool -modfile=tools/go.mod nfpm package -f nfpm.yaml -p "$packager" -t "$out/")
		made+=("$(basename "${said##*: }")")
	done
done
cd "$out"
sha256sum "${made[@]}" >SHA256SUMS
ls -l "${made[@]}" SHA256SUMS
