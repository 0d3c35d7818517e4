#!/usr/bin/env bash
# fuzz.sh: a hostile guest at each virtio device, for as long as one likes.
#
# Usage: fuzz.sh [--seconds N] [--seed S] [--operations N] [--device NAME]...
#
#   --seconds N      go on with new rounds for so long (default: one round)
#   --seed S         the first round's seed, 0 to 999999999 (default: a random one); each further round has the next one
#   --operations N   queue operations of a round (default 1000000)
#   --device NAME    block, net, vsock, rng or console; may be repeated (default: all of them in turn)
#
# It is the fuzzer of QueueFuzzTests, in a process for each round. A line is printed for each round, the seed before it begins:
#
#   block, seed 7: 1000000 operations, fingerprint c0ffee0123456789
#
# A round that fails is printed with the command that repeats it, and ends the script with exit code 1. The same seed, device and
# number of operations give the same operations; a device whose answers hang on the host's time (vsock, console) may see them
# in another state, and then the fingerprint differs.
#
# KVMSEV_FUZZ_PROGRAM names a built Vmm.Tests; without it, it is built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# A round of a million operations takes seconds; one that takes this long hangs.
readonly ROUND_SECONDS=1800

seconds=0 seed=$((SRANDOM % 1000000000)) operations=1000000 devices=()
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --seconds | --seed | --operations)
      (($# >= 2)) || usage_error "$1 wants a number"
      declare -A least=([--seconds]=0 [--seed]=0 [--operations]=1)
      check_number "$1" "$2" "${least[$1]}" 999999999
      printf -v "${1#--}" '%d' "$((10#$2))"
      shift
      ;;
    --device)
      case ${2:-} in
        block | net | vsock | rng | console) devices+=("$2") ;;
        *) usage_error "--device wants block, net, vsock, rng or console" ;;
      esac
      shift
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
((${#devices[@]} > 0)) || devices=(block net vsock rng console)

program=${KVMSEV_FUZZ_PROGRAM:-}
if [[ -z $program ]]; then
  need_dotnet
  quietly dotnet build "$REPO_ROOT/tests/Vmm.Tests" --configuration Release || die "cannot build tests/Vmm.Tests"
  program="$REPO_ROOT/tests/Vmm.Tests/bin/Release/net10.0/Vmm.Tests"
fi

# run_round DEVICE: one round, and its line.
run_round() {
  local code=0
  rm -f -- "$work/report"
  printf '%s, seed %d: ' "$1" "$seed"
  KVMSEV_TEST_SEED=$seed KVMSEV_FUZZ_OPERATIONS=$operations KVMSEV_FUZZ_REPORT="$work/report" \
    run_limited "$ROUND_SECONDS" "$program" -noColor -noLogo -method "*.QueueFuzzTests.${1^}_*" >"$work/output" 2>&1 || code=$?
  if ((code != 0)) || [[ ! -s $work/report ]]; then
    printf 'FAILED\n'
    cat -- "$work/output" >&2
    die "repeat it with: scripts/fuzz.sh --device $1 --seed $seed --operations $operations"
  fi
  cat -- "$work/report"
}

work=''
make_temp_dir work
while true; do
  for device in "${devices[@]}"; do
    run_round "$device"
  done
  ((SECONDS < seconds)) || break
  seed=$(((seed + 1) % 1000000000))
done
