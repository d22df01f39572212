#!/usr/bin/env bash
# The playbook of docs/install.md, with the page's own inventory, whose host nakama-1 is this one. The package comes from a
# repository of files.
set -uo pipefail
. /suite/lib.sh
. /suite/install-lib.sh

config=/etc/nakama-warden/config.yaml

# repository_of VERSION… holds these packages; whoever wants to see them has to update first.
repository_of() {
	mkdir -p /srv/apt
	for v in "$@"; do cp "/packages/nakama-warden_$v-1_amd64.deb" /srv/apt; done
	(cd /srv/apt && apt-ftparchive packages . >Packages)
}
version() { dpkg-query -W -f '${Version}' nakama-warden; }

# only_this_host follows a block of the page on the one host of the inventory that is here. play is the playbook there,
# with arguments of the test's own.
only_this_host() { bash -euo pipefail -c "$(block "$@") --limit nakama-1" 2>&1 | tee /run/played; }
play() { ansible-playbook -i inventory.yaml playbook.yml --limit nakama-1 "$@" 2>&1 | tee /run/played; }
changed() { sed -nE "s/^nakama-1 .*changed=([0-9]+).*/\1/p" /run/played; }
unchanged() { cmp $config /run/before.yaml && nakama-warden plan; }
mode_is() { nakama-warden status -o json | grep -q "\"mode\":\"$1\""; }

three_hosts() { ansible-playbook -i three.yaml playbook.yml 2>&1 | tee /run/played; }
stopped_at_the_second() {
	grep -q '^nakama-1 .*failed=0' /run/played && grep -q '^nakama-2 .*failed=1' /run/played && ! grep -q '^nakama-3 ' /run/played
}

export ANSIBLE_TRANSPORT=local ANSIBLE_NOCOLOR=1
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/apt ./' >/etc/apt/sources.list.d/here.list
mkdir -p /usr/share/nakama-warden/examples # as on the machine that commands the fleet, where a package is as well
cp -r /ansible /usr/share/nakama-warden/examples/ansible
cd
followed "Ansible" 1 "a copy of the playbook"
cd warden || exit
echo "block: Ansible, 2"
block Ansible 2 >inventory.yaml
check "the inventory" ansible-inventory -i inventory.yaml --list

repository_of 1.0.0
apt-get update -qq
followed "Ansible" 3 "a look before the first installation" only_this_host
check "installs nothing" not command -v nakama-warden
followed "Ansible" 4 "the playbook" only_this_host
check "installs, and the daemon runs" within 5 active
check "by this configuration" grep -q '"10.0.1.11", "10.0.1.12"' $config
check "in audit" mode_is audit
check "a second run" play
check "changes nothing" test "$(changed)" = 0

cp $config /run/before.yaml
a_nakama
check "a stranger is let in" connects 192.0.2.2 7351
check "a look at another roster" play --check --diff -e '{"warden_admins": ["10.8.0.0/24"]}'
check "shows the configuration's difference" grep -q '^+ *admins: .*10.8.0.0/24' /run/played
check "and the kernel's" grep -q '+ element admins4 { 10.8.0.0/24 }' /run/played
check "and changes neither" unchanged
check "a configuration that is none is refused" not play -e warden_mode=nonsense
check "by the check" grep -q 'want one of audit, enforce, off' /run/played
check "and the old one stays" unchanged
check "so is it where one only looks" not play --check -e warden_mode=nonsense

sed -i 's|{ansible_host: 10.0.1.11}|{ansible_host: 10.0.1.11, warden_mode: enforce}|' inventory.yaml
check "from audit to enforce: not while the stranger would be refused" within 15 not play
check "who is named" grep -q 192.0.2.2 /run/played
check "the old one stays" unchanged
check "but by the word of who looked" play -e warden_looked=true
check "it refuses the stranger, not the player" within 5 refuses
check "a second run asks no more" play
check "and changes nothing" test "$(changed)" = 0

repository_of 1.0.0 1.1.0
check "an upgrade" play -e warden_package=nakama-warden=1.1.0-1
check "is there, with the rules" test "$(version)/$(refuses && echo refuses)" = 1.1.0-1/refuses
check "again, nothing changes" play -e warden_package=nakama-warden=1.1.0-1
check "at all" test "$(changed)" = 0
followed "Ansible" 5 "a rollback" only_this_host
check "is there, with the rules" test "$(version)/$(refuses && echo refuses)" = 1.0.0-1/refuses

# Three hosts, all of them this one: the second fails, and the third is not touched.
cat >three.yaml <<'YAML'
nakama:
  vars: {warden_admins: [10.9.0.0/24], warden_mode: enforce}
  hosts:
    nakama-1: {ansible_host: 10.0.1.11}
    nakama-2: {ansible_host: 10.0.1.12, warden_mode: nonsense}
    nakama-3: {ansible_host: 10.0.1.13}
YAML
check "a host that fails stops the rollout" not three_hosts
check "after the first, before the third" stopped_at_the_second
closing
