#!/usr/bin/env bash
# The life of the deb in a booted root, from install to purge: /packages has 1.0.0 and 1.1.0.
set -uo pipefail
. /suite/lib.sh
. /suite/common-life.sh

deb() { echo /packages/nakama-warden_"$1"-1_amd64.deb; }
install_deb() { apt-get install -qq -y --allow-downgrades --no-install-recommends -o Dpkg::Options::=--force-confold "$(deb "$1")"; }
reinstall() { apt-get install -qq -y --reinstall -o Dpkg::Options::=--force-confold "$(deb 1.0.0)"; }
version() { dpkg-query -W -f '${Version}' nakama-warden; }

a_player_outside
check "install" install_deb 1.0.0
life_after_install
life_under_stress
life_as_configured /etc/default/nakama-warden

check "nobody gets in over an upgrade" none_in_during install_deb 1.1.0
check "the new version runs" test "$(nakama-warden version | grep -c 1.1.0)/$(version)" = 1/1.1.0-1
check "from its own file" test "$(readlink "/proc/$(pid)/exe")" = /usr/bin/nakama-warden
check "nobody gets in over a downgrade" none_in_during install_deb 1.0.0
check "the old version runs" active
check "nobody gets in over a reinstallation" none_in_during reinstall

systemctl disable --quiet --now nakama-warden
check "an upgrade over a disabled unit" install_deb 1.1.0
check "does not start it" not active
check "nor enable it" not systemctl --quiet is-enabled nakama-warden
systemctl mask --quiet nakama-warden
check "an upgrade over a masked unit" install_deb 1.0.0
check "does not start it either" not active
systemctl unmask --quiet nakama-warden
systemctl enable --quiet --now nakama-warden

check "remove" apt-get remove -qq -y nakama-warden
check "the rules are gone" not table
check "the configuration is not" test -s /etc/nakama-warden/config.yaml
check "nor the state" test -s /var/lib/nakama-warden/warden.db
check "install again" install_deb 1.1.0
check "the daemon runs" within 5 active
check "with the configuration of before" within 5 enforcing
check "purge" apt-get purge -qq -y nakama-warden
check "the rules are gone" not table
check "so is the configuration" test ! -e /etc/nakama-warden
check "and the state" test ! -e /var/lib/nakama-warden
check "no unit is left" not systemctl --quiet is-enabled nakama-warden
check "the user stays" getent passwd nakama-warden
closing
