#!/bin/sh
# $1 remove, purge or upgrade. A purge keeps the user: files elsewhere may be its own.
set -e

if [ "$1" = remove ] || [ "$1" = purge ]; then
	if [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
	fi
fi
if [ "$1" = remove ] && command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper mask nakama-warden.service >/dev/null || true
fi
if [ "$1" = purge ]; then
	if command -v deb-systemd-helper >/dev/null; then
		deb-systemd-helper purge nakama-warden.service >/dev/null || true
		deb-systemd-helper unmask nakama-warden.service >/dev/null || true
	fi
	rm -rf /var/lib/nakama-warden /etc/nakama-warden
fi
