#!/usr/bin/env bash
# Runs in the root before it boots, as an image builder would: installs the package and writes the case that /case/name names.
set -euo pipefail
dpkg --install /packages/nakama-warden_1.0.0-1_amd64.deb
. /suite/lib.sh
enforce
case $(cat /case/name) in
broken) echo 'firewal: {}' >/etc/nakama-warden/config.yaml ;;
hanging)
	mkdir -p /etc/systemd/system/nakama-warden.service.d
	printf '[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nNoExecPaths=\nExecPaths=\n' \
		>/etc/systemd/system/nakama-warden.service.d/hanging.conf
	;;
esac
# The first thing that comes after network-pre.target, where interfaces are brought up.
cat >/etc/systemd/system/first-interface.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=network-pre.target
Before=network.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'nft list table inet nakama_warden >/run/before-the-network 2>&1; true'
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable first-interface.service
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf /lib/systemd/system/network.target /etc/systemd/system/multi-user.target.wants/network.target
