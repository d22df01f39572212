#!/usr/bin/env bash
# What a boot does with an installed package: boot.sh good|broken|hanging, prepared by boot-setup.sh.
set -uo pipefail
. /suite/lib.sh

state() { systemctl show --property=ActiveState,Result,ExecMainStatus --value nakama-warden | paste -sd ' '; }

check "the network is up" systemctl --quiet is-active network.target
case $1 in
good)
	check "the rules were there before it" grep -q 'dport 7351\|7351' /run/before-the-network
	check "the daemon runs" active
	;;
broken) check "the daemon gave up with status 78" test "$(state)" = "exit-code 78 failed" -o "$(state)" = "failed exit-code 78" ;;
hanging) check "the daemon never got ready" not active ;;
esac
closing
