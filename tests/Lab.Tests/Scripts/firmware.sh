#!/bin/sh
# Linux through OVMF, as an ordinary guest and as a simulated SEV guest with RAM above 4 GiB; runs in the laboratory.
#
# min_timer_period_us: OVMF's timer ticks each 10 ms, and an interrupt handler may take as long here. Its end then writes CR8 while the next
# tick is pending, which ends QEMU 7.2 and 10.0 (assertion in tcg_handle_interrupt). KVM itself can hold periodic timers back.
set -u
echo 200000 >/sys/module/kvm/parameters/min_timer_period_us

# boot NAME OPTION…: to the guest's own power-off.
boot() {
  name=$1
  shift
  kvmsev run --firmware /in/OVMF.fd --kernel /in/vmlinuz --initramfs /in/initramfs --cmdline 'console=ttyS0' --timeout 200s \
    --serial "file=/out/$name.log" --debug-console "/out/$name.debug" --result "/out/$name.json" --map-out "/out/$name.map.json" \
    --event-log "/out/$name.jsonl" "$@"
  echo "$name: exit code $?"
}

boot plain --memory 256M
boot simulated --memory 5G --cpus 2 --sev simulated
