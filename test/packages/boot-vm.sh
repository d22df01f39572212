#!/bin/bash
# boot-vm.sh [-s SUITE] [-p PKG,PKG...] [-b SRC:DST]... [-c SETUP] [-t SECONDS] [-a KERNELARG]... [-N NETDEV] [-v] SCRIPT [ARG...]
#
# Like boot-root.sh, with Debian's own kernel under qemu instead of a
# container: a whole machine boots, with udev, a network card, cgroup v2 with
# every controller, kernel modules and real boot ordering. No KVM is used, so
# it takes some 40 s instead of 2. amd64 only.
#
# What -b names is copied in, not bound. -N is a qemu user netdev's options
# (default "restrict=on": a card with a DHCP server behind it and no way out).
#
# 124: timed out. 125: the harness itself failed.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
suite=bookworm pkgs=kmod,udev,ifupdown,isc-dhcp-client binds=() limit=170 verbose='' net=restrict=on kargs=() setup=''
die() { echo "boot-vm: $*" >&2; exit 125; }
while getopts s:p:b:c:t:a:N:v o; do
  case $o in
    s) suite=$OPTARG ;;
    p) pkgs+=,$OPTARG ;;
    b) binds+=("$OPTARG") ;;
    c) setup=$(realpath "$OPTARG") ;;
    t) limit=$OPTARG ;;
    a) kargs+=("$OPTARG") ;;
    N) net=$OPTARG ;;
    v) verbose=1 ;;
    *) exit 125 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "no script named"
[ -f "$1" ] || die "no such script: $1"
[ "$(id -u)" = 0 ] || die "must be root"
script=$(realpath "$1"); shift
for b in "${binds[@]}"; do [ -e "${b%%:*}" ] || die "nothing to copy at ${b%%:*}"; done

tarball=$("$here/boot-root.sh" -s "$suite" -p "$pkgs" -T) || die "no root"

need=()
command -v qemu-system-x86_64 >/dev/null || need+=(qemu-system-x86)
command -v cpio >/dev/null || need+=(cpio)
if [ ${#need[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "${need[@]}" >&2 ||
    { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "${need[@]}"; } >&2 ||
    die "cannot install ${need[*]}"
fi

work=$(mktemp -d /dev/shm/boot-vm.XXXXXX); chmod 755 "$work"
pid=''
cleanup() { trap - EXIT; [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" || true; }; rm -rf "$work"; }
trap cleanup EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP

# The root with Debian's kernel modules, and the kernel: made once.
exec 9>"$tarball.vm.lock"; flock 9
if [ ! -s "$tarball.vm" ] || [ ! -s "$tarball.vmlinuz" ]; then
  echo "boot-vm: making $tarball.vm" >&2
  mkdir "$work/root" "$work/k"
  tar -C "$work/root" --numeric-owner -xf "$tarball"
  newest() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/{print $2; exit}'; }
  image=$(newest); [ -n "$image" ] || { apt-get update -qq >&2; image=$(newest); }
  (cd "$work" && apt-get download -qq "$image" 2>/dev/null) || die "cannot download $image"
  dpkg-deb -x "$work"/linux-image-*.deb "$work/k"
  k=$(ls "$work/k/lib/modules")
  mkdir -p "$work/root/lib/modules/$k/kernel"
  cp -a "$work/k/lib/modules/$k"/modules.* "$work/root/lib/modules/$k/"
  for d in net drivers/net drivers/virtio lib crypto arch fs/autofs; do
    [ ! -d "$work/k/lib/modules/$k/kernel/$d" ] || {
      mkdir -p "$work/root/lib/modules/$k/kernel/$d"
      cp -a "$work/k/lib/modules/$k/kernel/$d/." "$work/root/lib/modules/$k/kernel/$d/"
    }
  done
  chroot "$work/root" depmod -a "$k"
  rm -rf "$work/root/var/lib/apt/lists"/* "$work/root/usr/share/doc" "$work/root/usr/share/man"
  cp "$work"/k/boot/vmlinuz-* "$tarball.vmlinuz.new" && mv "$tarball.vmlinuz.new" "$tarball.vmlinuz"
  tar -C "$work/root" --numeric-owner -cf "$tarball.vm.new" . && mv "$tarball.vm.new" "$tarball.vm"
  rm -rf "$work/root" "$work/k"
fi
flock -u 9; exec 9>&-

# This run's root. It becomes the initrd as a whole: no disk, no initramfs-tools.
x=$work/x; mkdir "$x"
tar -C "$x" --numeric-owner -xf "$tarball.vm"
mkdir -p "$x/boot-test" "$x/etc/systemd/system/multi-user.target.wants"
install -m 755 "$script" "$x/boot-test/script"
printf '%q ' "$@" >"$x/boot-test/args"
for b in "${binds[@]}"; do
  dst=${b#*:}; mkdir -p "$x$(dirname "$dst")"; cp -aL "${b%%:*}" "$x$dst"
done
: >"$x/etc/machine-id"; echo boot-vm >"$x/etc/hostname"
printf '127.0.0.1 localhost boot-vm\n::1 localhost\n' >"$x/etc/hosts"
for u in apt-daily.timer apt-daily-upgrade.timer serial-getty@ttyS0.service getty@tty1.service e2scrub_reap.service; do
  ln -sf /dev/null "$x/etc/systemd/system/$u"
done
cat >"$x/boot-test/run" <<'RUN'
#!/bin/bash
eval "set -- $(cat /boot-test/args)"
systemctl is-system-running --wait >/dev/null || systemctl --failed --no-legend
/boot-test/script "$@"; rc=$?
printf '\n\001EXIT %d\n' $rc
journalctl -b --no-pager -o short-monotonic
RUN
chmod 755 "$x/boot-test/run"
cat >"$x/etc/systemd/system/boot-test.service" <<'UNIT'
[Unit]
Description=The script of boot-vm.sh
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Environment=DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WorkingDirectory=/root
ExecStartPre=/bin/stty -F /dev/ttyS1 raw -echo
ExecStart=/boot-test/run
StandardOutput=file:/dev/ttyS1
StandardError=inherit
UNIT
ln -s ../boot-test.service "$x/etc/systemd/system/multi-user.target.wants/"
if [ -n "$setup" ]; then
  install -m 755 "$setup" "$x/boot-test/setup"
  unshare --mount --propagation private bash -c 'mount -t proc proc "$1/proc" && exec env -i HOME=/root LC_ALL=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    chroot "$1" /boot-test/setup' - "$x" </dev/null || die "the set-up script failed"
fi
(cd "$x" && find . -print0 | cpio -0 -o -H newc --quiet) >"$work/initrd"
rm -rf "$x"

: >"$work/out"
rc=0
setpriv --pdeathsig TERM timeout --kill-after=5 "$limit" qemu-system-x86_64 -machine pc -accel tcg,thread=multi -cpu max -smp 2 -m 1800 \
  -display none -nodefaults -no-reboot \
  -kernel "$tarball.vmlinuz" -initrd "$work/initrd" \
  -append "console=ttyS0 rdinit=/sbin/init quiet loglevel=3 systemd.show_status=true mitigations=off ${kargs[*]}" \
  -netdev "user,id=n0,$net" -device virtio-net-pci,netdev=n0,romfile= \
  -serial "file:$work/console" -serial "file:$work/out" </dev/null >"$work/qemu" 2>&1 &
pid=$!
# print what the script prints, up to the marker
tail -n +1 -s 0.2 -f --pid="$pid" "$work/out" | sed -u '/^\x01EXIT /Q' &
tailpid=$!
wait "$pid" || rc=$?; pid=''
wait "$tailpid" 2>/dev/null || true
status=$(sed -n 's/^\x01EXIT \([0-9]*\).*/\1/p' "$work/out" | tail -1)
if [ -n "$verbose" ] || [ "${status:-1}" != 0 ]; then
  echo "--- console"; tail -n 60 "$work/console"; cat "$work/qemu"
  echo "--- journal"; sed '1,/^\x01EXIT /d' "$work/out" | tail -n 150
fi >&2
[ $rc -ne 124 ] && [ $rc -ne 137 ] || exit 124
[ -n "$status" ] || die "the machine stopped before the script was done (qemu: $rc)"
exit "$status"
