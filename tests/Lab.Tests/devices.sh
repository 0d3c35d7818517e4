#!/bin/sh
# devices.sh: runs in the laboratory. A simulated SEV guest uses every virtio device it has; what the host's side of each got is left
# in /out.
#
# Usage: devices.sh KERNEL INITRAMFS CPUS MIB        with vsock, the program of vsock.c, beside it
#   MIB of random bytes go to the disk and back, and each way by TCP
set -u
kernel=$1 initramfs=$2 cpus=$3 mib=$4

truncate -s "${mib}M" disk.img
cp "/in/$initramfs" initramfs
echo vsock | cpio -o -H newc 2>/dev/null >>initramfs
dd if=/dev/urandom of=to-guest bs=1M count="$mib" 2>/dev/null

# The interface comes with the monitor; it must be there before the guest asks for it, which takes the guest some seconds.
(
  until [ -d /sys/class/net/tap0 ]; do
    sleep 0.1
  done
  ip addr add 192.168.77.1/24 dev tap0
  ip link set tap0 up
) &
# A standard input that never ends: at its end nc would tell the guest to stop.
mkfifo silence
nc -l -p 5000 <>silence >from-guest &
nc -l -p 5001 <to-guest >/dev/null &

./vsock send vsock.sock 1024 16 >vsock.out 2>&1 &

kvmsev run --kernel "/in/$kernel" --initramfs initramfs --cpus "$cpus" \
  --cmdline "console=ttyS0 panic=-1 kvmsev.action=devices kvmsev.disk-mib=$mib kvmsev.net-mib=$mib" \
  --memory 512M --sev simulated --disk disk.img,queues=2 --net tap=tap0,mac=02:00:00:00:00:02 \
  --vsock cid=3,socket=vsock.sock --rng --console file=/out/hvc0.bin \
  --serial file=/out/console.log --result /out/result.json --timeout 1500s
echo "exit $?" >/out/summary
cat vsock.out >>/out/summary
mv /out/hvc0.bin hvc0
for file in disk.img to-guest from-guest hvc0; do
  echo "$file $(sha256sum "$file" | cut -c1-64)" >>/out/summary
done
