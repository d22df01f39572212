#!/usr/bin/env bash
# Completions, in the shells that they are for: found by name where each shell looks, loaded, and right. /packages has the deb.
set -uo pipefail
. /suite/lib.sh

# in_bash LINE: what an interactive bash offers, with bash-completion as Debian sets it up.
in_bash() {
	bash --norc -c '
		. /usr/share/bash-completion/bash_completion
		read -ra COMP_WORDS <<<"$1"
		COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
		_completion_loader nakama-warden
		function=$(complete -p nakama-warden | sed -E "s/.* -F ([^ ]+) .*/\1/")
		"$function" nakama-warden "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

# in_zsh LINE: what is on the line after a person pressed the tabulator.
in_zsh() {
	zsh -f -c '
		zmodload zsh/zpty
		zpty shell "TERM=dumb zsh -f -i"
		zpty -w shell "PS1=; autoload -U compinit; compinit -u -d /tmp/zcompdump; print re\"\"ady"
		zpty -r shell said "*ready*"
		zpty -w -n shell "$1"$'"'\t'"'
		zpty -r shell said "*$2*" && print -r -- "$said"' zsh "$1" "$2"
}

in_fish() { fish --command "complete --do-complete '$1'"; }

offers() { # offers WANTED SHELL LINE
	local wanted=$1
	shift
	"$@" | tee /dev/stderr | grep -- "$wanted" # everything is read: a broken pipe is a failure here
}

apt-get install -qq -y --no-install-recommends /packages/nakama-warden_1.0.0-1_amd64.deb >/dev/null 2>&1
cd / || exit
check "bash completes a command" offers '^maintenance' in_bash 'nakama-warden mainten'
check "and a flag" offers '^--revert-after' in_bash 'nakama-warden apply --rev'
check "and a value" offers '^json' in_bash 'nakama-warden status --output js'
check "zsh completes a command" offers 'maintenance' in_zsh 'nakama-warden mainten' maintenance
check "and a value" offers 'json' in_zsh 'nakama-warden status --output js' json
check "fish completes a command" offers '^maintenance' in_fish 'nakama-warden mainten'
check "and a flag" offers '^--revert-after' in_fish 'nakama-warden apply --rev'
check "and a value" offers '^json' in_fish 'nakama-warden status --output js'

rm /usr/share/bash-completion/completions/nakama-warden /usr/share/zsh/vendor-completions/_nakama-warden \
	/usr/share/fish/vendor_completions.d/nakama-warden.fish
check "control: without the file bash offers nothing" not offers '^maintenance' in_bash 'nakama-warden mainten'
check "nor zsh" not timeout 5 bash -c "$(declare -f in_zsh offers); offers maintenance in_zsh 'nakama-warden mainten' maintenance"
check "nor fish" not offers '^maintenance' in_fish 'nakama-warden mainten'
closing
