#!/bin/sh
# Runs inside the laboratory (scripts/bench.sh sends it there): boots the same kernel in several ways in turns, and prints
# "NAME CENTISECONDS" for each boot.
#
# Usage: lab-boot.sh ROUNDS KERNEL INITRAMFS NAME...
#
# From the start of the process to its end at the guest's init:
#   baseline   the C monitor
#   kvmsev     kvmsev
# Processor time of the vCPU's thread, from its start to the guest's init:
#   alone      kvmsev with a control socket that nobody uses
#   watched    kvmsev, whose map and journal labprobe takes from the control socket every 100 ms
set -eu

rounds=$1 kernel=$2 initramfs=$3
shift 3
# nokaslr: a kernel at another address takes another time.
cmdline='console=ttyS0 panic=-1 nokaslr kvmsev.action=wait'
init_line='kvmsev-guest: init reached'

# The time since the laboratory's start, in 1/100 s: /proc/uptime has just that resolution.
now() {
  read -r uptime _ </proc/uptime
  echo "${uptime%.*}${uptime#*.}"
}

# lost NAME: says of a boot that did not get far enough what is known, and ends this script.
lost() {
  echo "$1 did not reach the guest's init:" >&2
  tail -n 5 /tmp/console /tmp/words >&2
  exit 1
}

# measure NAME COMMAND...
measure() {
  name=$1
  shift
  from=$(now)
  "$@" </dev/null >/tmp/console 2>/tmp/words || lost "$name"
  to=$(now)
  echo "$name $((to - from))"
}

# measure_vcpu NAME: prints NAME and what the vCPU's thread has run, in 1/100 s, when the guest has reached its init: it only waits then, so
# that the moment of the look does not matter.
measure_vcpu() {
  rm -f /tmp/console
  kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --memory 512M --cpus 1 --sev simulated --timeout 120s \
    --api-socket /tmp/socket --serial file=/tmp/console </dev/null >/dev/null 2>/tmp/words &
  machine=$!
  watcher=
  if [ "$1" = watched ]; then
    labprobe watch /tmp/socket /tmp/maps /tmp/journal >&2 &
    watcher=$!
  fi
  until grep -q "$init_line" /tmp/console 2>/dev/null; do
    kill -0 "$machine" 2>/dev/null || lost "$1"
    sleep 0.2
  done
  for thread in /proc/"$machine"/task/*; do
    if grep -qx vcpu0 "$thread/comm" 2>/dev/null; then
      read -r nanoseconds _ <"$thread/schedstat"
      echo "$1 $((nanoseconds / 10000000))"
    fi
  done
  kill "$machine"
  wait "$machine" $watcher || true
}

round=0
while [ "$round" -lt "$rounds" ]; do
  for way in "$@"; do
    case $way in
      baseline) measure baseline monitor "$kernel" "$initramfs" "$cmdline" 512 "$init_line" ;;
      kvmsev)
        measure kvmsev kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --memory 512M --cpus 1 \
          --sev simulated --until "$init_line" --timeout 120s
        ;;
      alone | watched) measure_vcpu "$way" ;;
      *)
        echo "there is no way '$way'" >&2
        exit 64
        ;;
    esac
  done
  round=$((round + 1))
done
