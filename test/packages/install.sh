# The part `install` of run.sh, which sources this: docs/install.md, followed by its own words on clean hosts. A block of
# commands that nobody follows is a failure.

# page boots a root that has the page, and keeps which of its blocks were followed there.
page() { # page SUITE [OPTION…] SCRIPT
	booted "$1" -b "$PWD/docs:/docs" "${@:2}" | tee -a "$work/page"
}

installs() {
	local with_ansible=ansible-core,apt-utils,gnupg,python3-apt,sudo,unattended-upgrades suite
	: >"$work/page"
	for suite in "${suites[@]}"; do
		part "install.md on $suite" page "$suite" "$here/install-deb.sh"
		part "an apt repository on $suite" page "$suite" -p "$with_ansible" "$here/install-repository.sh"
		part "Ansible on $suite" page "$suite" -p "$with_ansible" -b "$PWD/packaging/ansible:/ansible" "$here/install-ansible.sh"
	done
	"$go" tool -modfile=tools/go.mod nfpm package -f "$here/base.nfpm.yaml" -p rpm -t "$packages/" >/dev/null
	part "install.md with dnf" page bookworm -p "$rpm_tools" "$here/install-rpm.sh"
	part "beside other firewalls" page bookworm -p firewalld,ufw "$here/install-beside.sh"
	part "every block of install.md is followed" all_followed
}

# all_followed compares the blocks of the page with those that the scripts said they follow. The last is what run.sh did.
all_followed() {
	local blocks
	blocks=$(awk '
		/^## / { heading = substr($0, 4); n = 0 }
		!/^    / { inside = 0; next }
		!inside { inside = 1; print heading ", " ++n }' docs/install.md)
	diff <(sort <<<"$blocks") <({ sed -n 's/^block: //p' "$work/page"; echo "Building the packages, 1"; } | sort -u)
}
