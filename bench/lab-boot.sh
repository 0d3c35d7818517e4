#!/bin/sh
# Runs inside the laboratory (scripts/bench.sh sends it there): boots the same kernel in several ways in turns, and prints
# "NAME CENTISECONDS" for each boot, from the start of the process to its end at the guest's init.
#
# Usage: lab-boot.sh ROUNDS KERNEL INITRAMFS NAME...
#
#   baseline   the C monitor
#   kvmsev     kvmsev
#   socket     kvmsev with a control socket that nobody uses
#   watched    kvmsev, whose map and journal labprobe takes from the control socket every 100 ms
set -eu

rounds=$1 kernel=$2 initramfs=$3
shift 3
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

# boot NAME OPTION...: with kvmsev.
boot() {
  name=$1
  shift
  measure "$name" kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --memory 512M --cpus 1 \
    --sev simulated --until "$init_line" --timeout 120s "$@"
}

round=0
while [ "$round" -lt "$rounds" ]; do
  for way in "$@"; do
    case $way in
      baseline) measure baseline monitor "$kernel" "$initramfs" "$cmdline" 512 "$init_line" ;;
      kvmsev) boot kvmsev ;;
      socket) boot socket --api-socket /tmp/socket.sock ;;
      watched)
        labprobe watch /tmp/watched.sock /tmp/maps /tmp/journal >&2 &
        watcher=$!
        boot watched --api-socket /tmp/watched.sock
        wait "$watcher"
        ;;
      *)
        echo "there is no way '$way'" >&2
        exit 64
        ;;
    esac
  done
  round=$((round + 1))
done
