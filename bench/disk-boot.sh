#!/bin/sh
# Runs inside the laboratory (scripts/bench.sh sends it there): boots a Debian disk image to its login prompt with one and with
# four vCPUs in turns, and prints "VCPUS CENTISECONDS" for each boot, from the start of kvmsev to its end at the prompt.
#
# Usage: disk-boot.sh ROUNDS KERNEL INITRAMFS IMAGE
set -eu

rounds=$1 kernel=$2 initramfs=$3 image=$4

# The time since the laboratory's start, in 1/100 s: /proc/uptime has just that resolution.
now() {
  read -r uptime _ </proc/uptime
  echo "${uptime%.*}${uptime#*.}"
}

round=0
while [ "$round" -lt "$rounds" ]; do
  for vcpus in 1 4; do
    # A guest that is stopped at its prompt leaves a file system to be repaired: each boot has its own.
    cp "$image" /tmp/disk.img
    from=$(now)
    if ! kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline 'console=ttyS0 panic=-1 kvmsev.action=root' \
      --memory 512M --cpus "$vcpus" --sev simulated --disk /tmp/disk.img --until 'login: ' --timeout 400s \
      </dev/null >/tmp/console 2>/tmp/words; then
      echo "no login prompt with $vcpus vCPUs:" >&2
      tail -n 5 /tmp/console /tmp/words >&2
      exit 1
    fi
    to=$(now)
    echo "$vcpus $((to - from))"
  done
  round=$((round + 1))
done
