#!/usr/bin/env bash
# unit-trial.sh: tries the systemd unit under a real systemd.
#
# Usage: unit-trial.sh
#
# Makes the Debian package, installs it into a Debian with systemd, boots that in an emulated AMD machine with a real kvm_amd
# (as the laboratory is), and there starts kvmsev@demo with a simulated SEV guest: start, control socket, map, restart after
# a reset of the guest, stop. Prints what was seen; exit code 1, with the unit's journal on stderr, if it is not what it must be.
#
# Not a part of test.sh: debootstrap downloads some 150 MB and wants root. Takes some 3 minutes and 4 GB of disk.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take_no_arguments "$@"
((EUID == 0)) || die -77 "debootstrap wants root"

readonly SUITE=bookworm TRIAL_SECONDS=900
need qemu-system-x86_64=qemu-system-x86 debootstrap=debootstrap /usr/sbin/mke2fs=e2fsprogs
work=''
make_temp_dir work
root=$work/root

note "making the package"
"$REPO_ROOT/scripts/package.sh" --out "$work" deb >/dev/null
note "making a Debian with systemd"
quietly debootstrap --variant=minbase --include=systemd-sysv,udev,kmod,linux-image-cloud-amd64,libssl3 "$SUITE" "$root" \
  || die -69 "debootstrap failed"
cp -- "$work"/kvmsev_*.deb "$root/tmp/kvmsev.deb"
quietly chroot "$root" dpkg --install /tmp/kvmsev.deb || die "the package cannot be installed"
for name in kernel initramfs; do
  install -D -m 644 -- "$("$REPO_ROOT/scripts/guest-image.sh" --print "$name")" "$root/var/lib/guests/$name"
done
cat >"$root/etc/kvmsev/demo.conf" <<'CONF'
KVMSEV_ARGS=--kernel /var/lib/guests/kernel --initramfs /var/lib/guests/initramfs --memory 512M --sev simulated --cmdline "console=ttyS0 panic=-1 kvmsev.action=wait"
CONF
install -m 755 -- "$REPO_ROOT/scripts/unit/trial" "$root/usr/local/sbin/trial"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
After=basic.target
[Service]
ExecStart=/usr/local/sbin/trial
[Install]
WantedBy=multi-user.target
UNIT
quietly chroot "$root" systemctl enable trial.service
quietly mke2fs -q -t ext4 -d "$root" "$work/disk" 2500M

note "booting it"
kernel=("$root"/boot/vmlinuz-*) initrd=("$root"/boot/initrd.img-*)
code=0
run_limited "$TRIAL_SECONDS" qemu-system-x86_64 -accel tcg -cpu 'max,la57=off' -M q35 -m 3072 -nodefaults -no-user-config \
  -display none -no-reboot -kernel "${kernel[0]}" -initrd "${initrd[0]}" \
  -append 'root=/dev/vda rw console=ttyS0 mitigations=off tsc=reliable no_timer_check nohz=off highres=off' \
  -drive "file=$work/disk,format=raw,if=virtio" -serial "file:$work/console" >/dev/null || code=$?
((code == 0)) || die "the machine did not end by itself (exit code $code): $(tail -n 3 -- "$work/console")"
debugfs -R 'cat /var/log/trial' "$work/disk" 2>/dev/null >"$work/trial"
sed '/^--$/,$d' -- "$work/trial" >"$work/seen"
cat -- "$work/seen"
if ! diff - "$work/seen" >&2 <<'EXPECTED'; then
start: 0
state: active
user: its own
status: {"status":"running","running":true}
map: 0
restarts after a reset: 1, active
stop: 0, success, inactive
socket: gone
files: events.jsonl 600 map.json 600 result.json 600 
EXPECTED
  sed '1,/^--$/d' -- "$work/trial" >&2
  die "this is not what the unit must do"
fi
