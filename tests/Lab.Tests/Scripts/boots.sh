#!/bin/sh
# Boots the same kernel as three simulated SEV guests: wherever KASLR puts it, always at the same place, and with more memory. Runs in the
# laboratory.
set -eu

# boot NAME MEMORY WORD…: what it leaves in /out is named after it.
boot() {
  name=$1 memory=$2
  shift 2
  kvmsev run --kernel /in/vmlinuz --initramfs /in/initramfs --cmdline "console=ttyS0 panic=-1 kvmsev.action=wait $*" \
    --memory "$memory" --sev simulated --timeout 200s --until 'init reached' --serial off \
    --event-log "/out/$name.jsonl" --map-out "/out/$name.json"
}

boot kaslr 512M
boot nokaslr 512M nokaslr
boot large 1G
