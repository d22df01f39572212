#!/bin/sh
# $1 configure, $2 the version that was configured before, if any.
set -e

case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers nakama-warden.conf
fi
# The configuration can carry the secrets of receivers: for root and the daemon alone.
if getent group nakama-warden >/dev/null; then
	chown root:nakama-warden /etc/nakama-warden
	chmod 0750 /etc/nakama-warden
fi

if command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper unmask nakama-warden.service >/dev/null || true
	if deb-systemd-helper --quiet was-enabled nakama-warden.service; then
		deb-systemd-helper enable nakama-warden.service >/dev/null || true
	else
		deb-systemd-helper update-state nakama-warden.service >/dev/null || true
	fi
fi
if [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
	# A restart leaves the rules in place: the table is handed over, never taken down.
	if [ -n "$2" ]; then verb=restart; else verb=start; fi
	deb-systemd-invoke "$verb" nakama-warden.service >/dev/null || true
fi
