#!/usr/bin/env bash
# boot.sh: boots an unmodified Debian kernel as a SEV guest and shows which of its pages are private and which are shared.
#
# Usage: boot.sh [--host sev|svm|lab] [--out DIR] [--no-build]
#
#   --host HOST   where to run, instead of the best place found:
#                   sev   this machine, with its SEV hardware
#                   svm   this machine's KVM, with SEV simulated: nothing is encrypted
#                   lab   the same simulation inside an emulated AMD host (QEMU); works anywhere
#   --out DIR     where the files go (default artifacts/boot): console.log, map.json, events.jsonl, result.json
#   --no-build    take artifacts/kvmsev as it is
#
# Does everything on a fresh Debian machine with the .NET SDK: installs the packages it needs, builds kvmsev, downloads the
# kernel, picks the host and says why, boots, and prints the guest's console live and the encryption map as a table.
#
# Exit code 0 only if the guest's kernel said that SEV is active, its init was reached, at least 500 hypercalls were
# accepted and the guest had declared itself ready to migrate; 1 if one of these failed (it says which).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

readonly MEMORY=512M CPUS=1 GUEST_SECONDS=120 MIN_HYPERCALLS=500
# For what lies outside the guest's own deadline: the laboratory's start and end.
readonly LAB_SECONDS=$((GUEST_SECONDS + 60))
readonly SEV_LINE='Memory Encryption Features active: AMD SEV' INIT_LINE='kvmsev-guest: init reached'
# The guest stays as it is when init is reached: a guest that ends takes back that it is ready to migrate.
readonly CMDLINE='console=ttyS0 panic=-1 kvmsev.action=wait'

host='' out=$ARTIFACTS/boot build=yes
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --no-build) build=no ;;
    --host)
      [[ ${2:-} =~ ^(sev|svm|lab)$ ]] || usage_error "--host wants sev, svm or lab, not '${2:-}'"
      host=$2
      shift
      ;;
    --out)
      [[ -n ${2:-} ]] || usage_error "--out wants a directory"
      out=$2
      shift
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done

need jq=jq
if [[ $build == yes ]]; then
  "$REPO_ROOT/scripts/build.sh" kvmsev >/dev/null
fi
readonly KVMSEV="$ARTIFACTS/kvmsev"
[[ -x $KVMSEV ]] || die "there is no $KVMSEV; run scripts/build.sh"
kernel=$("$REPO_ROOT/scripts/guest-image.sh" --print kernel)
initramfs=$("$REPO_ROOT/scripts/guest-image.sh" --print initramfs)

mkdir -p -- "$out" || die "cannot make the directory $out"
out=$(cd -- "$out" && pwd)
rm -f -- "$out"/{console.log,map.json,events.jsonl,result.json}
work=''
make_temp_dir work

if [[ -n $host ]]; then
  why='asked for by --host'
else
  # doctor's exit code says whether any mode can be run; what counts here is its report.
  "$KVMSEV" doctor --json >"$work/doctor.json" 2>/dev/null </dev/null || true
  IFS=$'\t' read -r host why < <(choose_host "$work/doctor.json")
fi
case $host in
  sev) name='SEV hardware' ;;
  svm) name='the KVM of this machine, SEV simulated' ;;
  lab) name='the laboratory (an emulated AMD host), SEV simulated' ;;
esac
note "host: $name: $why"

# boot MODE DIRECTORY KERNEL INITRAMFS PROGRAM...: the run, its console live on stdout and in console.log; the other files
# go to DIRECTORY, as PROGRAM sees it. Returns kvmsev's exit code.
boot() {
  local mode=$1 directory=$2 kernel=$3 initramfs=$4 console reader process code=0
  shift 4
  exec {console}> >(exec tee -- "$out/console.log")
  reader=$!
  # In the background, so that a signal to this script ends the run at once; and with it, should this script be killed.
  setpriv --pdeathsig TERM "$@" run --kernel "$kernel" --initramfs "$initramfs" --cmdline "$CMDLINE" \
    --memory "$MEMORY" --cpus "$CPUS" --sev "$mode" \
    --map-out "$directory/map.json" --event-log "$directory/events.jsonl" --result "$directory/result.json" \
    --until "$INIT_LINE" --timeout "${GUEST_SECONDS}s" </dev/null >&"$console" &
  process=$!
  exec {console}>&-
  on_exit stop_process "$process"
  wait "$process" || code=$?
  wait "$reader" || true
  return "$code"
}

started=$SECONDS
code=0
case $host in
  sev) boot sev "$out" "$kernel" "$initramfs" "$KVMSEV" || code=$? ;;
  svm) boot simulated "$out" "$kernel" "$initramfs" "$KVMSEV" || code=$? ;;
  lab)
    boot simulated /out "/in/${kernel##*/}" "/in/${initramfs##*/}" \
      "$REPO_ROOT/scripts/lab.sh" --file "$kernel" --file "$initramfs" --out "$out" --timeout "$LAB_SECONDS" -- kvmsev || code=$?
    ;;
esac
note "the run took $((SECONDS - started)) s"

# --- was it what it should be? ------------------------------------------------------------------------------------

problems=0

# problem WORDS...: a check that failed.
problem() {
  note "FAILED: $*"
  problems=$((problems + 1))
}

# check WHAT CONDITION...: says what is wrong if the condition does not hold.
check() {
  local what=$1
  shift
  "$@" >/dev/null 2>&1 || problem "$what"
}

hypercalls=$(jq '.hypercalls.accepted // 0' "$out/result.json" 2>/dev/null) || hypercalls=0
check "kvmsev run ended with exit code $code" test "$code" -eq 0
check "the guest's kernel did not print '$SEV_LINE'" grep -qF "$SEV_LINE" "$out/console.log"
check "the guest did not print '$INIT_LINE'" grep -qF "$INIT_LINE" "$out/console.log"
check "only $hypercalls hypercalls were accepted, not $MIN_HYPERCALLS" test "$hypercalls" -ge "$MIN_HYPERCALLS"
check "the guest did not declare itself ready to migrate (map.json)" jq --exit-status '.migrationReady == true' "$out/map.json"
check "no event was logged (events.jsonl)" test -s "$out/events.jsonl"

if [[ -s $out/map.json ]]; then
  printf '\n'
  "$KVMSEV" map show "$out/map.json" || problem "kvmsev map show refused map.json"
fi
printf '\n'
for file in console.log map.json events.jsonl result.json; do
  if [[ -e $out/$file ]]; then
    printf '%s\n' "$out/$file"
  fi
done
((problems == 0)) || die "$problems of the checks failed"
note "SEV guest booted ($name): $hypercalls hypercalls accepted, ready to migrate"
