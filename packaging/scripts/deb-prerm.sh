#!/bin/sh
# $1 remove or upgrade. On upgrade the daemon goes on until the postinst restarts it.
set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	deb-systemd-invoke stop nakama-warden.service >/dev/null || true
	# A stop leaves the rules in place. Not asked in a chroot, whose kernel is somebody else's.
	if ! nakama-warden remove --why "the package is removed" >/dev/null; then
		echo "nakama-warden: the rules are still in the kernel; take them out with: nft delete table inet nakama_warden" >&2
	fi
fi
