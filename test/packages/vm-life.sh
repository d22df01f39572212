#!/usr/bin/env bash
# What only a whole machine with an older kernel shows: the held grip, whose table lives as long as a socket does.
set -uo pipefail
. /suite/lib.sh

deb() { apt-get install -qq -y --allow-downgrades --no-install-recommends -o Dpkg::Options::=--force-confold "/packages/nakama-warden_$1-1_amd64.deb"; }
held() { nakama-warden status -o json | grep -q '"grip":"held"'; }
killed_and_back() {
	local before
	before=$(pid)
	kill -KILL "$before" && within 60 back "$before"
}
back() { active && [[ $(pid) != "$1" ]]; }

uname -r
a_player_outside
check "install" deb 1.0.0
check "the daemon runs" within 30 active
enforce
check "reload" systemctl reload nakama-warden
check "the console is hidden" within 30 hidden
check "the grip is held" within 10 held
check "nobody gets in over a kill -9" none_in_during killed_and_back
check "nor over a restart of nftables" none_in_during systemctl restart nftables
check "nor over an upgrade" none_in_during deb 1.1.0
check "control: without the rules somebody does" some_in_during bash -c 'nakama-warden remove && sleep 1 && nakama-warden apply --yes'
check "which then stand again" within 10 hidden
systemctl stop nakama-warden
check "a stop leaves the rules" hidden
check "remove" apt-get remove -qq -y nakama-warden
check "the rules are gone" not table
closing
