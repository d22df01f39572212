#!/usr/bin/env bash
# The local apt repository of docs/install.md, served on loopback as packages.internal: installed from, upgraded from,
# rolled back, upgraded unattended.
set -uo pipefail
. /suite/lib.sh
. /suite/install-lib.sh

repository="A local apt repository"
version() { dpkg-query -W -f '${Version}' nakama-warden; }
# changed makes the list a minute younger than it was: apt asks for what is younger than what it has, by whole seconds, and
# all that is done here takes two of them.
changed() {
	[[ -e /run/changed ]] || touch /run/changed
	touch --date="@$(($(stat --format=%Y /run/changed) + 60))" /run/changed
	touch --reference=/run/changed /srv/apt/InRelease
}
publish() { # publish VERSION…: what the page has, with these packages at hand
	cd ~ && rm -f nakama-warden_*.deb && for v in "$@"; do cp "/packages/nakama-warden_$v-1_amd64.deb" . || return; done
	follow "$repository" 2 && changed
}
refused_unsigned() {
	cp /srv/apt/InRelease /run/InRelease
	sed -i 's/^Date: .*/Date: Thu, 01 Jan 1970 00:00:00 UTC/' /srv/apt/InRelease
	changed
	local said
	said=$(apt-get update 2>&1)
	cp /run/InRelease /srv/apt/InRelease
	changed
	echo "$said"
	grep -qi '^[WE]:.*signature' <<<"$said"
}
unattended() { block "$repository" 6 >/etc/apt/apt.conf.d/60nakama-warden && unattended-upgrade --verbose; }

rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* # there is no way out
echo 127.0.0.1 packages.internal >>/etc/hosts
cd
followed "$repository" 1 "a key"
echo "block: $repository, 2"
check "a repository" publish 1.0.0
systemd-run --quiet --unit=web python3 -m http.server 80 --bind 127.0.0.1 --directory /srv
check "is served" within 10 curl --silent --fail --output /dev/null http://packages.internal/apt/InRelease

cd
followed "$repository" 3 "install from it"
check "the daemon runs" within 5 active
check "control: what the key did not sign is refused" refused_unsigned
check "a second version" publish 1.0.0 1.1.0
followed "$repository" 4 "upgrade"
check "to the second version" test "$(version)" = 1.1.0-1
followed "$repository" 5 "roll back" agreed follow
check "to the first version" test "$(version)" = 1.0.0-1
check "where it is held" test "$(apt-mark showhold)" = nakama-warden
apt-get upgrade -qq -y >/dev/null 2>&1
check "over an upgrade of everything" test "$(version)" = 1.0.0-1
apt-mark unhold nakama-warden >/dev/null
echo '# mine' >>/etc/nakama-warden/config.yaml
echo "block: $repository, 6"
check "unattended" unattended
check "to the newest" test "$(version)" = 1.1.0-1
check "with the host's own configuration" grep -q '^# mine' /etc/nakama-warden/config.yaml
check "and the daemon runs" within 5 active
closing
