#!/bin/sh
# Three simulated SEV guests with a control socket; runs in the laboratory. The map of the first is dumped all the time while it boots, the
# second is stopped in the middle of its boot, goes on and is shut down by its power button, the third is ended by quit.
set -u
cd /tmp

# start NAME ACTION OPTION…: starts a guest whose files are named after it.
start() {
  name=$1 action=$2
  shift 2
  kvmsev run --kernel /in/vmlinuz --initramfs /in/initramfs --cmdline "console=ttyS0 panic=-1 kvmsev.action=$action" \
    --memory 512M --cpus 2 --sev simulated --timeout 200s --api-socket "$name.sock" \
    --serial "file=/out/$name.log" --result "/out/$name.json" "$@" 2>"/out/$name.err" &
  machine=$!
}

# finish: waits for the guest, and says how it ended.
finish() {
  wait "$machine"
  echo "$name: exit code $?, socket $([ -e "$name.sock" ] && echo left || echo gone)"
}

start watched wait --until 'init reached' --event-log /out/events.jsonl --map-out /out/map.json
labprobe watch watched.sock /out/maps.jsonl /out/journal.jsonl
finish

start driven button
labprobe drive driven.sock /out/driven.log 'Power Button, waits'
finish

start ended wait
until [ -S ended.sock ]; do sleep 0.1; done
labprobe say ended.sock quit
finish
