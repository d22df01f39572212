#!/usr/bin/env bash
# The life of the rpm in a booted root, with dnf: /packages has 1.0.0, 1.1.0 and base, which provides what Debian has no
# rpm of.
set -uo pipefail
. /suite/lib.sh
. /suite/common-life.sh

install_rpm() { dnf --quiet --assumeyes --nogpgcheck "$1" /packages/nakama-warden-"$2"-1.x86_64.rpm; }

# unchanged: rpm knows every file of the package as it is, but for the configuration, the folder that %post gave to the
# daemon's group, and times.
unchanged() { ! rpm --verify --nomtime nakama-warden | grep -v -E ' c /etc/|/etc/nakama-warden$'; }

a_player_outside
check "a base" rpm --install /packages/base-1-1.x86_64.rpm
check "install" install_rpm install 1.0.0
life_after_install
life_under_stress
life_as_configured /etc/sysconfig/nakama-warden
check "nothing was changed but what was meant to be" unchanged

check "nobody gets in over an upgrade" none_in_during install_rpm upgrade 1.1.0
check "the new version runs" test "$(nakama-warden version | grep -c 1.1.0)" = 1
check "from its own file" test "$(readlink "/proc/$(pid)/exe")" = /usr/bin/nakama-warden
check "a changed configuration stays" cmp /run/good.yaml /etc/nakama-warden/config.yaml
check "nobody gets in over a downgrade" none_in_during install_rpm downgrade 1.0.0
systemctl disable --quiet --now nakama-warden
check "an upgrade over a disabled unit" install_rpm upgrade 1.1.0
check "does not start it" not active
check "nor enable it" not systemctl --quiet is-enabled nakama-warden
systemctl mask --quiet nakama-warden
check "a downgrade over a masked unit" install_rpm downgrade 1.0.0
check "does not start it either" not active
systemctl unmask --quiet nakama-warden
systemctl enable --quiet --now nakama-warden

check "nobody gets in over a reinstallation" none_in_during install_rpm reinstall 1.0.0

check "remove" dnf --quiet --assumeyes remove nakama-warden
check "the rules are gone" not table
check "no unit is left" not systemctl --quiet is-enabled nakama-warden
check "a changed configuration is kept" test -s /etc/nakama-warden/config.yaml.rpmsave
check "and the state" test -s /var/lib/nakama-warden/warden.db
check "install again" install_rpm install 1.1.0
check "the daemon runs" within 5 active
mkdir -p /etc/systemd/system-preset
echo 'disable nakama-warden.service' >/etc/systemd/system-preset/10-ours.preset
check "remove" dnf --quiet --assumeyes remove nakama-warden
check "install where a preset disables it" install_rpm install 1.1.0
check "does not start it" not active
closing
