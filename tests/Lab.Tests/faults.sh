#!/bin/sh
# faults.sh: runs in the laboratory. While a simulated SEV guest uses them, its first disk begins to fail with EIO, the file system of
# the second is full, the image of the third is removed and that of the fourth cut off, who talks to it by vsock is killed, and its
# tap interface is removed.
#
# Usage: faults.sh KERNEL INITRAMFS        with vsock, the program of vsock.c, beside it
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

# Room for one and a half of the guest's 64 KiB writes.
mkdir full
mount -t tmpfs -o size=96k none full
truncate -s 4M full/disk.img removed.img cut.img
cp "/in/$initramfs" initramfs
echo vsock | cpio -o -H newc 2>/dev/null >>initramfs

(
  until [ -d /sys/class/net/tap0 ]; do
    usleep 100000
  done
  ip addr add 192.168.77.1/24 dev tap0
  ip link set tap0 up
  ./vsock killed vsock.sock 1024 1
  until grep -q 'faults may come' /out/console.log 2>/dev/null; do
    usleep 100000
  done
  # 64 KiB at 1 MiB and at 2 MiB.
  echo +2048-2175 >/sys/kernel/config/nullb/faulty/badblocks
  echo +4096-4223 >/sys/kernel/config/nullb/faulty/badblocks
  rm removed.img
  truncate -s 1M cut.img
  ip link del tap0
  ./vsock send vsock.sock 1025 1 >/out/vsock
) &

kvmsev run --kernel "/in/$kernel" --initramfs initramfs --cmdline "console=ttyS0 panic=-1 kvmsev.action=faults" \
  --memory 256M --sev simulated --disk "$disk" --disk full/disk.img --disk removed.img --disk cut.img \
  --net tap=tap0 --vsock cid=3,socket=vsock.sock --serial file=/out/console.log --result /out/result.json --timeout 200s
