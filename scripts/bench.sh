#!/usr/bin/env bash
# bench.sh: the benchmarks, as ratios against a C baseline compiled on the spot.
#
# Usage: bench.sh [--rounds N] [--no-lab] [--baseline-only]
#
#   --rounds N        boots of each monitor in the laboratory (default 5)
#   --no-lab          leave out the boots
#   --baseline-only   compile the C baseline into artifacts/bench and stop
#
# 1. tests/Bench, if there is a /dev/kvm: one exit round trip C# against C, the tracker, launch digests against openssl
#    speed, virtio disks and networks against the host's file and socket, a queue's kick, start-up, memory. It is called as
#      artifacts/kvmsev-bench --pio-library artifacts/bench/libpiobaseline.so --kvmsev artifacts/kvmsev
#    and prints its own lines; its exit code is not 0 if a limit was passed.
# 2. Boot to init in the laboratory, kvmsev against bench/c-baseline/monitor.c in turns.
# 3. The same boot with its map dumped every 100 ms against without: the processor time that the vCPU needs, counted in instructions. The
#    laboratory has one processor, and the dumps are not to be measured by what they take of that.
# 4. Boot of a Debian disk image to its login prompt in the laboratory, one vCPU against four: no limit, for the laboratory has
#    one emulated processor, on which four vCPUs can only be slower.
#
# Exit code: 0, or 1 if a limit was passed. Run it on a machine that has nothing else to do.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

readonly BENCH="$ARTIFACTS/bench" BASELINE="$REPO_ROOT/bench/c-baseline"
# Boot to init: kvmsev may take as long as the C monitor, rounded to a hundredth.
readonly BOOT_LIMIT=1.005
# Processor time of the vCPU to init with a client that dumps the map every 100 ms, against the same boot without.
readonly WATCHED_LIMIT=1.02
# Boots of the disk image with each number of vCPUs.
readonly DISK_ROUNDS=2

rounds=5 lab=yes baseline_only=no
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --rounds)
      (($# >= 2)) || usage_error "--rounds wants a number"
      check_number --rounds "$2" 1 100
      rounds=$2
      shift
      ;;
    --no-lab) lab=no ;;
    --baseline-only) baseline_only=yes ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done

# compile OUTPUT SOURCE FLAG...: into artifacts/bench; replaced in one step, since a copy may be running.
compile() {
  local output=$1 source=$2
  shift 2
  gcc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror "$@" -o "$BENCH/.$output" \
    "$BASELINE/$source" || die "cannot compile $BASELINE/$source"
  mv -- "$BENCH/.$output" "$BENCH/$output"
}

# boot_in_lab FIRST SECOND OPTION...: boots in two ways in turns in the laboratory; the times go to $work/times.
boot_in_lab() {
  local first=$1 second=$2
  shift 2
  "$REPO_ROOT/scripts/lab.sh" --timeout $((60 + 240 * rounds)) --file "$REPO_ROOT/bench/lab-boot.sh" --file "$kernel" --file "$initramfs" \
    "$@" -- sh lab-boot.sh "$rounds" "/in/${kernel##*/}" "/in/${initramfs##*/}" "$first" "$second" >"$work/times" \
    || die "the boots in the laboratory failed"
}

# compare FIRST SECOND FORMAT LIMIT: prints the medians of both in FORMAT, and their ratios; fails if that of the medians is over LIMIT.
compare() {
  sort -k1,1 -k2,2n "$work/times" | awk -v first="$1" -v second="$2" -v format="$3" -v limit="$4" '
    { times[$1, ++count[$1]] = $2 / 100 }
    function median(name) {
      return (times[name, int((count[name] + 1) / 2)] + times[name, int(count[name] / 2) + 1]) / 2
    }
    END {
      ratio = median(second) / median(first)
      printf format " (medians of %d), ratio %.3f, limit %s; best of each %.2f s, %.2f s, ratio %.3f\n",
        median(first), median(second), count[first], ratio, limit, times[first, 1], times[second, 1], times[second, 1] / times[first, 1]
      exit sprintf("%.3f", ratio) + 0 > limit
    }'
}

need_compiler
mkdir -p -- "$BENCH"
compile monitor monitor.c
compile pio_exit pio_exit.c -DPIO_PROGRAM
compile libpiobaseline.so pio_exit.c -shared -fPIC -fvisibility=hidden
if [[ $baseline_only == yes ]]; then
  printf '%s\n' "$BENCH"/{monitor,pio_exit,libpiobaseline.so}
  exit 0
fi

over=0
"$REPO_ROOT/scripts/build.sh" kvmsev >/dev/null

if [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
  note "no usable /dev/kvm: the benchmarks of tests/Bench are left out"
else
  need_dotnet
  need openssl=openssl
  quietly dotnet restore "$REPO_ROOT/tests/Bench" --locked-mode || die "cannot restore the packages of tests/Bench"
  publish_native tests/Bench kvmsev-bench
  "$ARTIFACTS/kvmsev-bench" --pio-library "$BENCH/libpiobaseline.so" --kvmsev "$ARTIFACTS/kvmsev" || over=1
fi

if [[ $lab == yes ]]; then
  kernel=$("$REPO_ROOT/scripts/guest-image.sh" --print kernel)
  initramfs=$("$REPO_ROOT/scripts/guest-image.sh" --print initramfs)
  work=''
  make_temp_dir work
  note "booting $rounds times with each monitor in the laboratory"
  boot_in_lab baseline kvmsev --file "$BENCH/monitor"
  compare baseline kvmsev 'boot to init in the laboratory: C %.2f s, kvmsev %.2f s' "$BOOT_LIMIT" || over=1

  "$REPO_ROOT/scripts/build.sh" labprobe >/dev/null
  note "booting $rounds times with and without a client that dumps the map every 100 ms"
  boot_in_lab alone watched --count --file "$ARTIFACTS/labprobe" --file "$ARTIFACTS/libMonoPosixHelper.so"
  compare alone watched "the vCPU's processor time to init: alone %.2f s, with its map dumped every 100 ms %.2f s" "$WATCHED_LIMIT" || over=1

  image_code=0
  quietly "$REPO_ROOT/scripts/disk-image.sh" "$work/debian.img" || image_code=$?
  if ((image_code == 69)); then
    note "Debian's packages cannot be had: the boots to a login prompt are left out"
  else
    ((image_code == 0)) || die "the disk image cannot be made"
    note "booting a disk image to its login prompt $DISK_ROUNDS times with one and with four vCPUs in the laboratory"
    "$REPO_ROOT/scripts/lab.sh" --timeout $((60 + 800 * DISK_ROUNDS)) --file "$REPO_ROOT/bench/disk-boot.sh" \
      --file "$kernel" --file "$initramfs" --file "$work/debian.img" -- sh disk-boot.sh "$DISK_ROUNDS" \
      "/in/${kernel##*/}" "/in/${initramfs##*/}" /in/debian.img >"$work/times" || die "the boots to a login prompt failed"
    awk '
      !($1 in best) || $2 < best[$1] { best[$1] = $2 }
      END {
        printf "boot to a login prompt from virtio-blk in the laboratory: 1 vCPU %.2f s, 4 vCPUs %.2f s (best), ratio %.2f\n",
          best[1] / 100, best[4] / 100, best[4] / best[1]
      }' "$work/times"
  fi
fi
exit "$over"
