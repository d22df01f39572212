#!/bin/sh
# $1 0 removal, 1 or more upgrade. A restart leaves the rules in place: the table is handed over, never taken down.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || :
	if [ "$1" -ge 1 ]; then
		systemctl try-restart nakama-warden.service >/dev/null 2>&1 || :
	fi
fi
