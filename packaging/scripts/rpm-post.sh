#!/bin/sh
# $1 1 install, 2 upgrade; a restart on upgrade is the business of postun, when the old package is gone.
systemd-sysusers nakama-warden.conf || :
if getent group nakama-warden >/dev/null; then
	chown root:nakama-warden /etc/nakama-warden
	chmod 0750 /etc/nakama-warden
fi
if [ "$1" -eq 1 ]; then
	systemctl --no-reload preset nakama-warden.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || :
	if [ "$1" -eq 1 ] && systemctl --quiet is-enabled nakama-warden.service 2>/dev/null; then
		systemctl start nakama-warden.service >/dev/null || :
	fi
fi
