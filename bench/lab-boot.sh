#!/bin/sh
# Runs inside the laboratory (scripts/bench.sh sends it there): boots the same kernel with kvmsev and with the C baseline
# in turns, and prints "NAME CENTISECONDS" for each boot, from the start of the process to its end at the guest's init.
#
# Usage: lab-boot.sh ROUNDS KERNEL INITRAMFS
set -eu

rounds=$1 kernel=$2 initramfs=$3
cmdline='console=ttyS0 panic=-1 kvmsev.action=wait'
init_line='kvmsev-guest: init reached'

# The time since the laboratory's start, in 1/100 s: /proc/uptime has just that resolution.
now() {
  read -r uptime _ </proc/uptime
  echo "${uptime%.*}${uptime#*.}"
}

# measure NAME COMMAND...
measure() {
  name=$1
  shift
  from=$(now)
  if ! "$@" </dev/null >/tmp/console 2>/tmp/words; then
    echo "$name did not reach the guest's init:" >&2
    tail -n 5 /tmp/console /tmp/words >&2
    exit 1
  fi
  to=$(now)
  echo "$name $((to - from))"
}

round=0
while [ "$round" -lt "$rounds" ]; do
  measure baseline monitor "$kernel" "$initramfs" "$cmdline" 512 "$init_line"
  measure kvmsev kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --memory 512M --cpus 1 \
    --sev simulated --until "$init_line" --timeout 120s
  round=$((round + 1))
done
