# What the packages say without being installed. Sourced by run.sh: $packages has them, $work is for scratch.

# small prints the largest package of all that were built. The budget is in decimal megabytes.
small() {
	local name bytes
	read -r bytes name < <(find "$packages" -name 'nakama-warden*' -printf '%s %f\n' | sort -rn)
	echo "largest: $name, $bytes bytes, at most 15,000,000"
	((bytes <= 15000000))
}

reproducible() { # reproducible ARCHITECTURE DEB RPM
	(umask 077 && OUT=$work/again PKG_VERSION=1.0.0 packaging/build.sh "$1" >/dev/null)
	cmp "$packages/$2" "$work/again/$2"
	cmp "$packages/$3" "$work/again/$3"
	(cd "$packages" && sha256sum "$2" "$3")
}

lint_deb() { # lint_deb FILE
	need lintian lintian
	lintian --allow-root --display-info --pedantic --fail-on error,warning,info "$packages/$1"
	echo "lintian: nothing at error, warning, info"
}

lint_rpm() {
	cp packaging/rpmlintrc "$packages/"
	booted bookworm -p "$rpm_tools" "$here/rpm-lint.sh"
}

# versions come from the tag, and each sorts before the next, in the order of tags and of commits after them.
versions() {
	local lower='' version tag repository=$work/tagged
	mkdir -p "$repository/packaging"
	cp packaging/version.sh "$repository/packaging/"
	commit init --quiet
	for tag in '' v1.2.3-rc.1 '' v1.2.3-rc.2 v1.2.3 '' v1.2.4; do
		commit commit --quiet --allow-empty --message 'a change'
		[[ -z $tag ]] || commit tag "$tag"
		version=$("$repository/packaging/version.sh")
		echo "${tag:-no tag}: $version"
		[[ -z $tag || $version == "$(sed 's/^v//; s/-/~/' <<<"$tag")" ]]
		[[ -z $lower ]] || dpkg --compare-versions "$lower" lt "$version" || { echo "$lower does not sort before $version"; return 1; }
		lower=$version
	done
}
commit() { git -C "$repository" -c user.name=Tests -c user.email=tests@example.invalid -c commit.gpgsign=false "$@"; }

confined() {
	need systemd-analyze systemd
	systemd-analyze security --offline=yes --no-pager --threshold=19 packaging/systemd/nakama-warden.service | tail -n 1
}

# manual: the page is rendered without a word on standard error. Control: a page with an error in it is not.
manual() {
	need man man-db
	need groff groff-base
	dpkg-deb --fsys-tarfile "$packages/$deb" | tar -xO ./usr/share/man/man8/nakama-warden.8.gz | gunzip >"$work/nakama-warden.8"
	said_of_page "$work/nakama-warden.8"
	[[ -z $said ]] || { echo "$said"; return 1; }
	sed 's/^\.SH EXIT STATUS/.nonsense\n&/' "$work/nakama-warden.8" >"$work/bad.8"
	said_of_page "$work/bad.8"
	[[ $said ]] || { echo "control: an unknown macro was not noticed"; return 1; }
	echo "nothing to warn of in $(wc -l <"$work/rendered") lines"
}
said_of_page() { said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w --local-file --encoding=UTF-8 "$1" 2>&1 >"$work/rendered"); }

# checksums hold, of every package that a build makes; of one that was changed they do not.
checksums() {
	cp -r "$packages" "$work/sums"
	(
		cd "$work/sums"
		sha256sum --check --strict SHA256SUMS
		echo >>"$(awk 'NR == 1 { print $2 }' SHA256SUMS)"
		if sha256sum --check --status SHA256SUMS; then
			echo "control: a byte more was not noticed"
			return 1
		fi
	)
}

# signed: with a key that a passphrase protects both packages verify, by what the distributions verify with. Without one,
# they have no signature and do not.
signed() {
	need gpg gpg
	need debsig-verify debsig-verify
	need rpmkeys rpm
	local keys=$work/keys id
	mkdir -m 700 "$keys"
	throw_away_key "$keys"
	id=$(<"$keys/id")
	NFPM_PASSPHRASE=secret PKG_SIGNING_KEY=$keys/secret.asc OUT=$work/signed PKG_VERSION=1.0.0 packaging/build.sh amd64 >/dev/null
	policy "$keys" "$id"
	debsig-verify --root "$keys/root" "$work/signed/$deb"
	rpmkeys --dbpath "$keys/rpm" --import "$keys/public.asc"
	rpmkeys --dbpath "$keys/rpm" --define '_pkgverify_level all' --checksig "$work/signed/$rpm"
	(cd "$work/signed" && sha256sum --check --quiet SHA256SUMS)

	if debsig-verify --quiet --root "$keys/root" "$packages/$deb"; then
		echo "control: a deb without a key verifies"
		return 1
	fi
	if rpmkeys --dbpath "$keys/rpm" --define '_pkgverify_level all' --checksig "$packages/$rpm" >/dev/null; then
		echo "control: a rpm without a key verifies"
		return 1
	fi
}

throw_away_key() {
	local gpg=(gpg --homedir "$1" --batch --quiet --pinentry-mode loopback --passphrase secret)
	"${gpg[@]}" --quick-generate-key 'Tests <tests@example.invalid>' rsa3072 sign 1d
	"${gpg[@]}" --armor --export-secret-keys >"$1/secret.asc"
	"${gpg[@]}" --armor --export >"$1/public.asc"
	"${gpg[@]}" --export >"$1/public.gpg"
	"${gpg[@]}" --list-keys --with-colons | awk -F: '$1 == "pub" { print $5 }' >"$1/id"
	gpgconf --homedir "$1" --kill gpg-agent
}

# policy writes what an operator writes for debsig-verify, below a root of its own.
policy() {
	local policies=$1/root/etc/debsig/policies/$2 keyrings=$1/root/usr/share/debsig/keyrings/$2
	mkdir -p "$policies" "$keyrings"
	cp "$1/public.gpg" "$keyrings/tests.gpg"
	cat >"$policies/tests.pol" <<-XML
		<?xml version="1.0"?>
		<!DOCTYPE Policy SYSTEM "https://www.debian.org/debsig/1.0/policy.dtd">
		<Policy xmlns="https://www.debian.org/debsig/1.0/">
		  <Origin Name="tests" id="$2" Description="tests"/>
		  <Selection><Required Type="origin" File="tests.gpg" id="$2"/></Selection>
		  <Verification MinOptional="0"><Required Type="origin" File="tests.gpg" id="$2"/></Verification>
		</Policy>
	XML
}
