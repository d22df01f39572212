#!/usr/bin/env bash
# Runs in the root before it boots, as an image builder would: installs the package and writes the case that /case/name names.
# Where there is a file /case/slow, the machine is an emulated one.
set -euo pipefail
dpkg --install /packages/nakama-warden_1.0.0-1_amd64.deb
. /suite/lib.sh
enforce
drop_ins=/etc/systemd/system/nakama-warden.service.d
case $(cat /case/name) in
broken) echo 'firewal: {}' >/etc/nakama-warden/config.yaml ;;
hanging)
	mkdir -p $drop_ins
	printf '[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nNoExecPaths=\nExecPaths=\n' >$drop_ins/hanging.conf
	;;
cycle) # what boot.sh must be able to see
	mkdir -p $drop_ins
	printf '[Unit]\nDefaultDependencies=yes\n' >$drop_ins/late.conf
	;;
esac

# Emulated, a start takes some thirty times longer, and most of it the loading of the kernel's modules.
if [[ -e /case/slow ]]; then
	mkdir -p $drop_ins
	printf '[Service]\nTimeoutStartSec=120s\n' >$drop_ins/slow.conf
fi

# cloud-init finds its data here and looks no further.
case $(cat /case/name) in
cloud | cycle)
	mkdir -p /var/lib/cloud/seed/nocloud
	echo 'instance-id: boot-test' >/var/lib/cloud/seed/nocloud/meta-data
	printf '#cloud-config\nruncmd: [[touch, /run/cloud-init-ran]]\n' >/var/lib/cloud/seed/nocloud/user-data
	cat >/etc/cloud/cloud.cfg.d/99-boot-test.cfg <<-'YAML'
		datasource_list: [NoCloud]
		cloud_init_modules: [bootcmd]
		cloud_config_modules: [runcmd]
		cloud_final_modules: [scripts-user]
	YAML
	;;
*) touch /etc/cloud/cloud-init.disabled ;;
esac

# An interface that is brought up as others are, and what the kernel holds just before each.
printf 'source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n' >/etc/network/interfaces
cat >/etc/network/interfaces.d/host0 <<'INTERFACES'
auto host0
iface host0 inet static
	address 192.0.2.1/24
	pre-up ip link add host0 type veth peer name peer0
INTERFACES
install -m 755 /dev/stdin /etc/network/if-pre-up.d/what-stands <<'SH'
#!/bin/sh
nft list table inet nakama_warden >"/run/before-$IFACE" 2>&1
true
SH

# A Nakama whose unit is an operator's; the package's drop-in makes it wait for the fence.
cat >/etc/systemd/system/nakama.service <<'UNIT'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nft list table inet nakama_warden >/run/before-nakama 2>&1; true'
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable nakama.service
