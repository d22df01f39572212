#!/bin/bash
# boot-root.sh [-s SUITE] [-p PKG,PKG...] [-b SRC:DST]... [-c SETUP] [-t SECONDS] [-nv] SCRIPT [ARG...]
# boot-root.sh [-s SUITE] [-p PKG,PKG...] -T
#
# Boots a real systemd as PID 1 in a fresh, throw-away Debian root, runs SCRIPT
# in it as a systemd service once the boot has finished, prints what the script
# prints, and exits with the script's status. The root has its own network
# namespace (loopback only: no way out), so nftables inside is its own too.
#
#   -s  Debian suite (default bookworm)
#   -p  more packages for the root, comma separated (part of the cache key)
#   -b  bind a file or directory of this machine, read-only, at DST in the root
#   -c  a script run in a chroot of the root before it boots (no systemd there:
#       what an image builder does)
#   -t  seconds the boot and the script may take (default 150)
#   -v  print the console and the journal even when the script succeeds
#   -n  run SCRIPT without waiting for "systemctl is-system-running"
#   -T  only make the root's tarball, print its path, and stop
#
# Needs root. Needs nothing installed (mmdebstrap and systemd-container are
# fetched with apt-get when missing), no systemd on this machine, no cgroup
# set-up. Works with cgroup v1+v2 hybrid mounts and with pure cgroup v2.
# What stays behind: the cached root tarball, and nothing else.
#
# 124: timed out. 125: the harness itself failed (no verdict on SCRIPT).
set -euo pipefail

suite=bookworm pkgs=() binds=() limit=150 verbose='' nowait='' only_tar='' setup=''
die() { echo "boot-root: $*" >&2; exit 125; }
while getopts s:p:b:c:t:vnT o; do
  case $o in
    s) suite=$OPTARG ;;
    p) IFS=, read -ra more <<<"$OPTARG"; pkgs+=("${more[@]}") ;;
    b) binds+=("$OPTARG") ;;
    c) setup=$(realpath "$OPTARG") ;;
    t) limit=$OPTARG ;;
    v) verbose=1 ;;
    n) nowait=1 ;;
    T) only_tar=1 ;;
    *) exit 125 ;;
  esac
done
shift $((OPTIND - 1))
[ "$(id -u)" = 0 ] || die "must be root"
if [ -z "$only_tar" ]; then
  [ $# -ge 1 ] || die "no script named"
  [ -f "$1" ] || die "no such script: $1"
  script=$(realpath "$1"); shift
fi
for b in "${binds[@]}"; do [ -e "${b%%:*}" ] || die "nothing to bind at ${b%%:*}"; done

base=(systemd systemd-sysv dbus init-system-helpers adduser nftables iproute2 procps curl)
cache=${BOOT_ROOT_CACHE:-/var/cache/boot-root}
key=$(printf '%s\n' v1 "$suite" "$(dpkg --print-architecture)" "${base[@]}" "${pkgs[@]}" | sha256sum | cut -c1-16)
tarball=$cache/$suite-$key.tar

# --- the tools --------------------------------------------------------------
need=()
command -v mmdebstrap >/dev/null || need+=(mmdebstrap)
command -v systemd-nspawn >/dev/null || need+=(systemd-container)
if [ ${#need[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "${need[@]}" >&2 ||
    { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "${need[@]}"; } >&2 ||
    die "cannot install ${need[*]}"
fi

# --- the root, made once ----------------------------------------------------
mkdir -p "$cache"
exec 9>"$cache/$suite-$key.lock"
flock 9
if [ ! -s "$tarball" ]; then
  echo "boot-root: making $tarball" >&2
  work=$(mktemp -d /dev/shm/boot-root.XXXXXX); chmod 755 "$work" # tmpfs: dpkg's fsyncs cost nothing
  inc=$(IFS=,; echo "${base[*]}${pkgs[*]:+,${pkgs[*]}}")
  if ! TMPDIR=$work mmdebstrap --quiet --variant=minbase --include="$inc" \
      --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/??/*' \
      "$suite" "$work/root.tar" >&2; then
    rm -rf "$work"; die "mmdebstrap failed"
  fi
  mv "$work/root.tar" "$tarball.new" && mv "$tarball.new" "$tarball"
  rm -rf "$work"
fi
flock -u 9; exec 9>&-
if [ -n "$only_tar" ]; then echo "$tarball"; exit 0; fi

# --- boot, in a mount namespace and a cgroup of our own ---------------------
# Everything below is mounted in the private namespace only, so it is gone
# when its last process is; the cgroup is emptied and removed by the trap.
cg2=/sys/fs/cgroup; [ -f $cg2/cgroup.controllers ] || cg2=/sys/fs/cgroup/unified
[ -f $cg2/cgroup.controllers ] || die "no cgroup v2 mounted"
# Where we are already (under a systemd, a delegated scope must be used), else the top.
up=$(sed -n 's/^0:://p' /proc/self/cgroup); up=${up%/}
cg=$cg2$up/boot-root-$$
for d in /dev/shm/boot-root-io.*; do # of runs that were killed
  p=${d#*-io.}; [ ! -d "$d" ] || [ -d "/proc/${p%%.*}" ] || rm -rf "$d"
done
for d in "$cg2$up"/boot-root-*; do
  [ ! -d "$d" ] || [ -d "/proc/${d##*-}" ] || find "$d" -depth -type d -exec rmdir {} + 2>/dev/null || true
done
mkdir "$cg" || die "cannot make a cgroup under $cg2$up"
io=$(mktemp -d /dev/shm/boot-root-io.$$.XXXXXX)

cleanup() {
  trap - EXIT INT TERM HUP
  if [ -d "$cg" ]; then
    [ ! -f "$cg/cgroup.kill" ] || echo 1 >"$cg/cgroup.kill" 2>/dev/null || true
    for _ in $(seq 50); do
      find "$cg" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done
  fi
  rm -rf "$io"
}
trap cleanup EXIT
trap 'exit 130' INT; trap 'exit 143' TERM HUP

mkdir "$io/share" "$io/root"
install -m 755 "$script" "$io/share/script"
printf '%q ' "$@" >"$io/args"
: >"$io/share/output"; : >"$io/console"
[ -z "$setup" ] || install -m 755 "$setup" "$io/setup"
export io tarball cg2 cg limit nowait
args=(); for b in "${binds[@]}"; do src=${b%%:*}; args+=("--bind-ro=$(realpath "$src"):${b#*:}"); done

cat >"$io/inner" <<'INNER'
set -euo pipefail
echo $$ >"$cg/cgroup.procs"
root=$io/root
mount -t tmpfs -o mode=755,size=4g boot-root "$root"
# /sys/fs/cgroup as a machine of today has it; nspawn then leaves cgroup v1 alone.
[ "$cg2" = /sys/fs/cgroup ] || mount --bind "$cg2" /sys/fs/cgroup
# Where this machine's /run is no tmpfs, nspawn would leave a directory there.
[ -d /run/systemd/system ] || mount -t tmpfs -o mode=755 tmpfs /run
tar -C "$root" --numeric-owner -xf "$tarball"
: >"$root/etc/machine-id"
echo 'boot-root' >"$root/etc/hostname"
printf '127.0.0.1 localhost boot-root\n::1 localhost\n' >"$root/etc/hosts"
ln -sf /dev/null "$root/etc/systemd/system/apt-daily.timer"
ln -sf /dev/null "$root/etc/systemd/system/apt-daily-upgrade.timer"
ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
cat >"$root/etc/systemd/system/boot-test.service" <<UNIT
[Unit]
Description=The script of boot-root.sh
After=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=simple
Environment=DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WorkingDirectory=/root
ExecStart=/bin/bash -c '${nowait:+true ||} systemctl is-system-running --wait >/dev/null || systemctl --failed --no-legend; exec /run/boot-test/script $(sed 's/%/%%/g; s/\\/\\\\/g; s/\$/$$/g; s/"/\\"/g; s/'\''/\\'\''/g' "$io/args")'
StandardOutput=append:/run/boot-test/output
StandardError=inherit
ExecStopPost=-/bin/sh -c 'journalctl -b --no-pager -o short-monotonic >/run/boot-test/journal; systemctl --failed --no-legend --plain >/run/boot-test/failed'
UNIT
ln -s ../boot-test.service "$root/etc/systemd/system/multi-user.target.wants/"
if [ -e "$io/setup" ]; then
  mount -t proc proc "$root/proc"; mount -t tmpfs tmpfs "$root/run"
  for a in "$@"; do
    a=${a#--bind-ro=}; src=${a%%:*} dst=$root${a#*:}
    if [ -d "$src" ]; then mkdir -p "$dst"; else mkdir -p "$(dirname "$dst")"; : >"$dst"; fi
    mount --bind "$src" "$dst"
  done
  cp "$io/setup" "$root/run/setup"
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive chroot "$root" /run/setup >>"$io/share/output" 2>&1 </dev/null ||
    { echo "boot-root: the set-up script failed" >>"$io/share/output"; exit 125; }
  for a in "$@"; do a=${a#--bind-ro=}; umount "$root${a#*:}"; done
  umount "$root/proc" "$root/run"
fi
rc=0
timeout --kill-after=10 "$limit" systemd-nspawn --quiet --directory="$root" --boot \
  --machine=boot-root --hostname=boot-root --register=no --keep-unit \
  --private-network --link-journal=no --resolv-conf=off --timezone=off \
  --system-call-filter=pidfd_getfd --console=read-only --bind="$io/share:/run/boot-test" "$@" \
  </dev/null >>"$io/console" 2>&1 || rc=$?
umount -l "$root"
exit $rc
INNER

rc=0
# The pid namespace makes sure that all of it ends when this script does, be it by SIGKILL.
setpriv --pdeathsig KILL \
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
  bash "$io/inner" "${args[@]}" &
pid=$!
tail -n +1 -s 0.2 -f --pid="$pid" "$io/share/output" &
tailpid=$!
wait "$pid" || rc=$?
wait "$tailpid" 2>/dev/null || true

if [ ! -e "$io/share/journal" ] && [ $rc -ne 124 ] && [ $rc -ne 137 ]; then
  echo "boot-root: the boot did not get as far as the script (status $rc)" >&2
  tail -n 60 "$io/console" >&2; exit 125
fi
if [ -n "$verbose" ] || [ $rc -ne 0 ]; then
  echo "--- console"; tail -n 100 "$io/console"
  echo "--- journal"; tail -n 150 "$io/share/journal" 2>/dev/null || true
fi >&2
[ $rc -ne 137 ] || rc=124
exit $rc
