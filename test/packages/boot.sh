#!/usr/bin/env bash
# What a boot does with an installed package, prepared by boot-setup.sh.
#
#   boot.sh good|broken|hanging|cloud|cycle
set -uo pipefail
. /suite/lib.sh

show() { systemctl show --property="$1" --value "$2"; }
up() { systemctl --quiet is-active networking.service network.target && ip -br address show host0 | grep -F 192.0.2.1/24; }
guarded() { grep -q 'dport 7351\|7351' "$1"; }

# before_all: whatever interface was brought up, the rules were there.
before_all() {
	local seen
	for seen in /run/before-*; do
		[[ $seen == */before-lo ]] || guarded "$seen" || { echo "$seen: $(<"$seen")"; return 1; }
	done
	ls /run/before-*
}
began_before() { # began_before UNIT UNIT: the first was active when the second began
	local first second
	first=$(show ActiveEnterTimestampMonotonic "$1") second=$(show InactiveExitTimestampMonotonic "$2")
	echo "$((second - first)) microseconds before"
	((first > 0 && first <= second))
}

# left_out: where units wait for each other in a circle, systemd leaves one of them out of the boot, whichever it meets
# first, and says so before there is a journal. These are those that can be in one with ours.
left_out() {
	local unit status=1
	for unit in nakama-warden.service networking.service network-pre.target sysinit.target basic.target $(early_cloud_init); do
		(($(show InactiveExitTimestampMonotonic "$unit") > 0)) || { echo "$unit never began"; status=0; }
	done
	return $status
}
early_cloud_init() { (cd /usr/lib/systemd/system && ls cloud-init*.service) | grep -v hotplug; }

# cloud_init_did its job: status --wait is 2 where it only had something to warn of.
cloud_init_did() {
	cloud-init status --wait --long
	(($? != 1)) && [[ -e /run/cloud-init-ran ]]
}

if [[ $1 == cycle ]]; then # which unit, and so whether there is a network, is systemd's choice
	check "control: with default dependencies, systemd leaves a unit out" left_out
	closing
	exit
fi
within 60 up
case $1 in
good | cloud)
	check "the daemon runs" within 10 active
	check "its rules stood before each interface" before_all
	check "control: there was an interface" guarded /run/before-host0
	check "it was ready before the network began" began_before nakama-warden.service networking.service
	check "Nakama began after it" began_before nakama-warden.service nakama.service
	check "and behind the fence" guarded /run/before-nakama
	;;
broken)
	check "the daemon gave up with status 78" test "$(show ActiveState nakama-warden)/$(show ExecMainStatus nakama-warden)" = failed/78
	check "control: it has no rules" not guarded /run/before-host0
	;;
hanging)
	check "the daemon never got ready" not active
	check "control: it has no rules" not guarded /run/before-host0
	;;
esac
if [[ $1 == cloud ]]; then
	check "cloud-init did its job" cloud_init_did
	check "no unit was left out of the boot" not left_out
fi
check "the network is up" up
check "Nakama runs" systemctl --quiet is-active nakama.service
closing
