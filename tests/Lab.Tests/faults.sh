#!/bin/sh
# faults.sh: runs in the laboratory. While a simulated SEV guest uses them, its disk begins to fail with EIO, and its tap interface
# is removed.
#
# Usage: faults.sh KERNEL INITRAMFS
set -u
kernel=$1 initramfs=$2

mount -t configfs none /sys/kernel/config
mkdir /sys/kernel/config/nullb/faulty
cd /sys/kernel/config/nullb/faulty || exit 70
echo 16 >size
echo 1 >memory_backed
echo 1 >power
# Named after its directory, or by its number by older kernels.
disk=/dev/faulty
[ -b "$disk" ] || disk=/dev/nullb$(cat index)
cd /in || exit 70

(
  until [ -d /sys/class/net/tap0 ]; do
    usleep 100000
  done
  ip addr add 192.168.77.1/24 dev tap0
  ip link set tap0 up
  until grep -q 'faults may come' /out/console.log 2>/dev/null; do
    usleep 100000
  done
  # 64 KiB at 1 MiB and at 2 MiB.
  echo +2048-2175 >/sys/kernel/config/nullb/faulty/badblocks
  echo +4096-4223 >/sys/kernel/config/nullb/faulty/badblocks
  ip link del tap0
) &

kvmsev run --kernel "/in/$kernel" --initramfs "/in/$initramfs" --cmdline "console=ttyS0 panic=-1 kvmsev.action=faults" \
  --memory 256M --sev simulated --disk "$disk" --net tap=tap0 --serial file=/out/console.log --result /out/result.json --timeout 200s
