#!/usr/bin/env bash
# docs/install.md as an operator of Debian follows it, from the file to the purge: /packages has 1.0.0 and 1.1.0.
set -uo pipefail
. /suite/lib.sh
. /suite/install-lib.sh
. /suite/install-host.sh

version() { dpkg-query -W -f '${Version}' nakama-warden; }
carried() { # carried VERSION: the file and the checksums, as they are carried to a host
	rm -rf /srv/carried && mkdir /srv/carried && cd /srv/carried || return
	cp "/packages/nakama-warden_$1-1_amd64.deb" /packages/SHA256SUMS .
}

carried 1.1.0
followed "Without a way out" 1 "the checksums hold"
printf x >>nakama-warden_1.1.0-1_amd64.deb
check "control: of a file that was changed they do not" not follow "Without a way out" 1
carried 1.0.0
followed "Debian and Ubuntu" 1 "install"
host_by_the_page

cp /packages/nakama-warden_1.1.0-1_amd64.deb .
line() { block "$1" "$2" | sed -n "$3p" >/run/line && bash -euo pipefail /run/line; }
echo "block: Upgrade and rollback, 1"
check "upgrade" agreed line "Upgrade and rollback" 1 1
check "to the other version, with the rules" test "$(version)/$(refuses && echo refuses)" = 1.1.0-1/refuses
check "rollback" agreed line "Upgrade and rollback" 1 2
check "to the former version, with the rules" test "$(version)/$(refuses && echo refuses)" = 1.0.0-1/refuses

# A package whose configuration is another one, as is the host's.
mkdir /srv/other && cd /srv/other
dpkg-deb --raw-extract /packages/nakama-warden_1.1.0-1_amd64.deb tree
sed -i 's/^Version:.*/Version: 1.2.0-1/' tree/DEBIAN/control
echo '# another comment' >>tree/etc/nakama-warden/config.yaml
dpkg-deb --build --root-owner-group tree nakama-warden_1.2.0-1_amd64.deb >/dev/null
check "control: unattended, apt stops at a configuration that both changed" not apt-get install -qq -y ./nakama-warden_1.2.0-1_amd64.deb </dev/null
dpkg --configure --pending --force-confold >/dev/null 2>&1
apt-get install -qq -y --allow-downgrades /packages/nakama-warden_1.1.0-1_amd64.deb >/dev/null 2>&1
followed "Upgrade and rollback" 3 "by the page's options it goes on"
check "keeps what the host had" cmp /run/lines /etc/nakama-warden/config.yaml
check "and enforces it" within 5 refuses
check "in the other version" test "$(version)" = 1.2.0-1

removal() { grep -qF "$1" <(sed -n '/^## Removal/,/^## /p' "$page"); } # the page names it
check "the page names the removal" removal 'apt remove nakama-warden'
check "remove" agreed apt remove nakama-warden
check "the rules are gone, the configuration is not" test "$(table 2>/dev/null | wc -l)/$(cmp /run/lines /etc/nakama-warden/config.yaml && echo kept)" = 0/kept
check "and purge" removal 'apt purge nakama-warden'
check "purge" agreed apt purge nakama-warden
check "deletes configuration and state" test ! -e /etc/nakama-warden -a ! -e /var/lib/nakama-warden
closing
