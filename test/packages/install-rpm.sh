#!/usr/bin/env bash
# docs/install.md as an operator with dnf follows it: /packages has 1.0.0, 1.1.0 and base, which provides what Debian has
# no rpm of.
set -uo pipefail
. /suite/lib.sh
. /suite/install-lib.sh
. /suite/install-host.sh

line() { block "$1" "$2" | sed -n "$3p" >/run/line && bash -euo pipefail /run/line; }

check "a base" rpm --install /packages/base-1-1.x86_64.rpm
mkdir /srv/carried && cd /srv/carried
cp /packages/nakama-warden-1.0.0-1.x86_64.rpm .
followed "Fedora and RHEL" 1 "install" agreed follow
host_by_the_page
cp /packages/nakama-warden-1.1.0-1.x86_64.rpm .
echo "block: Upgrade and rollback, 2"
check "upgrade" agreed line "Upgrade and rollback" 2 1
check "to the other version, with the rules" test "$(nakama-warden version | grep -c 1.1.0)/$(refuses && echo refuses)" = 1/refuses
check "rollback" agreed line "Upgrade and rollback" 2 2
check "to the former version, with the rules" test "$(nakama-warden version | grep -c 1.0.0)/$(refuses && echo refuses)" = 1/refuses
check "remove" agreed dnf remove nakama-warden
check "the rules are gone" not table
check "the configuration is kept" cmp /run/lines /etc/nakama-warden/config.yaml.rpmsave
closing
