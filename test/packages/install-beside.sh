#!/usr/bin/env bash
# The packaged configuration beside the firewalls that hosts have: it is quiet, enforces when told to, touches no rule of
# theirs, and is not touched by their restart.
set -uo pipefail
. /suite/lib.sh
. /suite/install-lib.sh

install_package() { apt-get install -qq -y --no-install-recommends /packages/nakama-warden_1.0.0-1_amd64.deb; }
theirs() { nft --stateless list ruleset | awk '/^table inet nakama_warden/ { ours = 1 } !ours; /^}/ { ours = 0 }'; }
untouched() { diff /run/theirs <(theirs); }
enforce_here() {
	block "Three commands to an enforced host" 2 >/etc/nakama-warden/config.yaml && nakama-warden apply --yes
}
# By root itself: where the kernel has iptables-legacy, the daemon may not see whether that has rules.
theirs_in_explain() { nakama-warden --state /nonexistent explain 192.0.2.2 7351 | grep "$1"; }

# beside WHAT CHAIN COMMAND…: CHAIN is one of theirs on the way to the console, COMMAND makes them anew.
beside() {
	local what=$1 chain=$2
	shift 2
	theirs >/run/theirs
	check "$what: control: it has rules" grep -q hook /run/theirs
	check "$what: install" install_package
	check "$what: the daemon runs" within 5 active
	check "$what: it finds Nakama" within 40 found
	check "$what: audit refuses nobody" connects 192.0.2.2 7351
	check "$what: quiet" within 5 quiet
	check "$what: explain names its chain" theirs_in_explain "$chain"
	check "$what: enforce" enforce_here
	check "$what: enforced" within 5 refuses
	check "$what: its rules are as they were" untouched
	check "$what: made anew" "$@"
	check "$what: strangers are still refused" within 5 refuses
	check "$what: nothing had to be repaired" test "$(nakama-warden events --kind drift -o json | wc -l)" = 0
	check "$what: purge" apt-get purge -qq -y nakama-warden
	check "$what: leaves its rules as they were" untouched
}

own_rules() {
	cat >/etc/nftables.conf <<-'NFT'
		flush ruleset
		table inet filter {
			chain input {
				type filter hook input priority filter; policy drop;
				iif lo accept
				ct state established,related accept
				tcp dport { 22, 7350, 7351 } accept
			}
		}
	NFT
	systemctl enable --quiet --now nftables
}
saved_with_ours() {
	install_package && within 5 active
	nft list ruleset >/etc/nftables.conf
	within 40 eval 'nakama-warden status | grep -q /etc/nftables.conf'
}

# What Docker makes for a container whose console is published, its rules made by iptables.
a_container() {
	ip link add docker0 type bridge
	ip address add 172.17.0.1/16 dev docker0
	ip link set docker0 up
	sysctl --quiet net.ipv4.ip_forward=1
	iptables -t nat -N DOCKER
	iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
	iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
	iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 17351 -j DNAT --to-destination 172.17.0.2:7351
	iptables -N DOCKER-USER
	iptables -A FORWARD -j DOCKER-USER
	iptables -A DOCKER-USER -j RETURN
}
docker_anew() { iptables -t nat -F DOCKER && iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 17351 -j DNAT --to-destination 172.17.0.2:7351; }

systemctl disable --quiet --now firewalld ufw nftables 2>/dev/null
a_nakama

own_rules
beside nftables.service "inet filter input" systemctl restart nftables
check "nftables.service: status tells of a saved ruleset with ours in it" saved_with_ours
apt-get purge -qq -y nakama-warden >/dev/null 2>&1
systemctl disable --quiet --now nftables
nft flush ruleset

a_container
beside "Docker's rules" "ip nat PREROUTING" docker_anew
nft flush ruleset

ufw_on() { ufw allow 22/tcp && ufw allow 7350:7351/tcp && ufw --force enable; }
check "ufw" ufw_on
beside ufw "ufw\|ip filter INPUT" ufw reload
ufw --force disable >/dev/null
nft flush ruleset

firewalld_on() {
	systemctl start firewalld && firewall-cmd --quiet --permanent --add-port=7350-7351/tcp && firewall-cmd --quiet --reload
}
check "firewalld" firewalld_on
beside firewalld "inet firewalld" firewall-cmd --reload
closing
