#!/bin/sh
# The whole way of a simulated SEV guest that has an owner, by command line only; runs in the laboratory. The host's and the owner's steps take
# turns. Each step says what it saw; the first that sees something else ends the script.
set -u
cd /tmp

kernel=/in/vmlinuz
initramfs=/in/initramfs
cmdline='console=ttyS0 panic=-1'
sev=simulated,cbitpos=39,policy=1

fail() {
  echo "FAIL $*"
  cat run.log 2>/dev/null
  exit 1
}

# expect CODE STEP COMMAND…: runs a command and wants its exit code.
expect() {
  wanted=$1 step=$2
  shift 2
  "$@" >out.log 2>&1
  code=$?
  if [ "$code" -ne "$wanted" ]; then
    cat out.log
    fail "$step: exit code $code instead of $wanted"
  fi
  echo "PASS $step"
}

# The host gives its platform's certificates, the owner checks them and makes a session.
expect 0 'platform export' kvmsev platform export platform.chain --full --model model
expect 1 'a model is no AMD platform' kvmsev session create platform.chain --policy nodbg --name no
expect 0 'session create' kvmsev session create platform.chain --policy nodbg --name vm --allow-simulated
kvmsev session create platform.chain --policy nodbg --name other --allow-simulated >/dev/null 2>&1

# The host starts the guest, which waits.
kvmsev run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --secret-page --memory 512M \
  --sev "$sev,model=model,dh-cert-file=vm_godh.b64,session-file=vm_session.b64" \
  --api-socket guest.sock --wait-for-owner --launch-bundle /out/launch.json --result /out/result.json \
  --serial file=/out/console.log --until 'init reached' --timeout 300s >run.log 2>&1 &
machine=$!
until grep -q 'waiting for the owner' run.log; do
  kill -0 "$machine" 2>/dev/null || fail 'the machine has ended'
  sleep 0.2
done
measurement=$(sed -n 's/^  "measurement": "\(.*\)",$/\1/p' /out/launch.json)

# measure CODE STEP OPTION…: the owner's own computation from the owner's own files, compared with what the host says it measured.
measure() {
  wanted=$1 step=$2
  shift 2
  expect "$wanted" "$step" kvmsev measure --secret-page --memory 512M --firmware-version 1.55.25 --measurement "$measurement" "$@"
}

measure 0 'measure' --sev "$sev" --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --tik vm_tik.bin
measure 1 'another command line is seen' --sev "$sev" --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline x" --tik vm_tik.bin
measure 1 'another TIK is seen' --sev "$sev" --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --tik other_tik.bin
measure 1 'another policy is seen' \
  --sev simulated,cbitpos=39,policy=3 --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" --tik vm_tik.bin
cp "$kernel" changed
printf X | dd of=changed bs=1 seek=5000000 conv=notrunc 2>/dev/null
measure 1 'one changed byte of the kernel is seen' --sev "$sev" --kernel changed --initramfs "$initramfs" --cmdline "$cmdline" --tik vm_tik.bin

# The same out of the host's own account of the launch, which proves nothing without the owner's digest and TIK.
digest=$(kvmsev measure --secret-page --memory 512M --sev "$sev" --kernel "$kernel" --initramfs "$initramfs" --cmdline "$cmdline" 2>/dev/null)
verify() {
  wanted=$1 step=$2
  shift 2
  expect "$wanted" "$step" kvmsev attest verify --launch-bundle /out/launch.json --policy nodbg --tik vm_tik.bin "$@"
}
verify 0 'attest verify' --digest "$digest" --allow-simulated
verify 1 'a simulated launch is refused unless asked for' --digest "$digest"
verify 1 'attest verify without a digest is no proof' --allow-simulated

# The owner packs the secret for this launch and sends it; a changed one is refused, and the machine still waits.
printf 'the owner was here' >key
expect 0 'secret package' kvmsev secret package --measurement "$measurement" --tek vm_tek.bin --tik vm_tik.bin \
  --format cpio --file kvmsev-secret/key=key --header header --secret secret
cp secret changed
printf X | dd of=changed bs=1 seek=20 conv=notrunc 2>/dev/null
expect 1 'a changed secret is refused' kvmsev secret inject --socket guest.sock --header header --secret changed
expect 0 'secret inject' kvmsev secret inject --socket guest.sock --header header --secret secret
expect 1 'a second secret in the same place is refused' kvmsev secret inject --socket guest.sock --header header --secret secret
expect 0 'secret inject elsewhere, and continue' \
  kvmsev secret inject --socket guest.sock --header header --secret secret --gpa 0x10000 --continue

wait "$machine"
code=$?
[ "$code" -eq 0 ] || fail "the guest's run ended with $code"
[ ! -e guest.sock ] || fail 'the socket is still there'
echo "PASS the guest has booted"
