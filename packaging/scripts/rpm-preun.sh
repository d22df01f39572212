#!/bin/sh
# $1 0 removal, 1 upgrade.
if [ "$1" -eq 0 ]; then
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now nakama-warden.service >/dev/null 2>&1 || :
		# A stop leaves the rules in place. Not asked in a chroot, whose kernel is somebody else's.
		if ! nakama-warden remove --why "the package is removed" >/dev/null; then
			echo "nakama-warden: the rules are still in the kernel; take them out with: nft delete table inet nakama_warden" >&2
		fi
	else
		systemctl --no-reload disable nakama-warden.service >/dev/null 2>&1 || :
	fi
fi
