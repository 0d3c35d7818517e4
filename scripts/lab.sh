#!/usr/bin/env bash
# lab.sh: runs a command inside the laboratory, an AMD host with a real kvm_amd and /dev/kvm, emulated by QEMU.
#
# Usage: lab.sh [OPTION]... -- COMMAND [ARGUMENT]...
#
#   --file PATH        put this file or directory, under its base name, into /in; may be repeated. The libraries that a
#                      program needs come along.
#   --out DIR          bring back what the command leaves in /out to DIR
#   --env NAME=VALUE   set an environment variable for the command; may be repeated
#   --memory MiB       memory of the laboratory (default 3072)
#   --cpus N           its processors (default 1: emulated processors are not faster for being many)
#   --timeout S        give up after S seconds, start of the laboratory included (default 300)
#   --count            let the laboratory's clock count its processor's instructions, 1 ns each: what is measured inside does
#                      not depend on how busy this machine is. Slower; with one processor only
#   --verbose          show the laboratory's own kernel log on stderr at the end
#
# The command runs as root in /in with no input; kvmsev (if scripts/build.sh has built it), /in and busybox are on its
# PATH. Its stdout and stderr arrive live, apart from each other and byte for byte.
#
# Exit code: the command's own; 124 if the time was up, 125 if the laboratory itself failed (both with a line on stderr).
# Needs no privilege and no /dev/kvm. Several may run at once.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

files=() environment=() out='' memory=3072 cpus=1 timeout=300 verbose=no clock=()
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --verbose)
      verbose=yes
      shift
      continue
      ;;
    --count)
      clock=(-icount 'shift=0,sleep=off')
      shift
      continue
      ;;
    --)
      shift
      break
      ;;
    --file | --out | --env | --memory | --cpus | --timeout)
      (($# >= 2)) || usage_error "$1 wants a value"
      ;;
    *) usage_error "unknown option '$1' (the command comes after --)" ;;
  esac
  case $1 in
    --file) files+=("$2") ;;
    --out) out=$2 ;;
    --env)
      [[ $2 =~ ^[A-Za-z_][A-Za-z_0-9]*= ]] || usage_error "--env wants NAME=VALUE, not '$2'"
      environment+=("$2")
      ;;
    --memory) memory=$2 ;;
    --cpus) cpus=$2 ;;
    --timeout) timeout=$2 ;;
  esac
  shift 2
done
(($# > 0)) || usage_error "no command"
check_number --memory "$memory" 256 262144
check_number --cpus "$cpus" 1 64
check_number --timeout "$timeout" 1 86400
((${#clock[@]} == 0 || cpus == 1)) || usage_error "--count wants one processor"

need qemu-system-x86_64=qemu-system-x86 cpio=cpio
kernel=$("$REPO_ROOT/scripts/guest-image.sh" --print kernel)
base=$("$REPO_ROOT/scripts/guest-image.sh" --print lab-base)
work=''
make_temp_dir work

# --- what goes in -------------------------------------------------------------------------------------------------

readonly root="$work/root"
readonly programs="$root/usr/local/bin"
# The loader looks here without being told, whatever directory a library came from.
readonly libraries="$root/lib/x86_64-linux-gnu"
mkdir -p "$root/in" "$root/lab" "$programs" "$libraries"

# quote WORD: so that the shell of the laboratory reads exactly WORD.
quote() {
  printf "'%s'" "${1//\'/\'\\\'\'}"
}

# add_library PATH: one shared library, unless it is there already.
add_library() {
  if [[ ! -e $libraries/${1##*/} ]]; then
    cp -L -- "$1" "$libraries/"
  fi
}

# add_libraries FILE: what a dynamically linked program or library needs.
add_libraries() {
  local file=$1 magic line path
  IFS= read -r -d '' -n 4 magic <"$file" 2>/dev/null || true
  if [[ $magic != $'\177ELF' ]] || ! ldd "$file" >"$work/ldd" 2>/dev/null; then
    return 0
  fi
  while read -r line; do
    case $line in
      *'not found'*) die "$file needs the library ${line%% *}, which is not on this machine" ;;
      *' => /'*)
        path=${line#* => }
        add_library "${path% (*}"
        ;;
      /*)
        # The loader: its path is written in the program.
        path=${line% (*}
        mkdir -p "$root${path%/*}"
        cp -L -- "$path" "$root$path"
        ;;
    esac
  done <"$work/ldd"
  # .NET opens OpenSSL by name when it first hashes, so no list of needed libraries names it.
  if grep -q libssl -- "$file"; then
    while read -r path; do
      add_library "$path"
    done < <(ldconfig_path libssl.so.3 && ldconfig_path libcrypto.so.3)
  fi
}

# ldconfig_path NAME: where this machine keeps a library; prints nothing if it does not. It reads the whole list, since a
# list that is cut off would fail.
ldconfig_path() {
  PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | awk -v name="$1" '$1 == name && /x86-64/ && !found++ { print $NF }'
}

# add_tree PATH DIRECTORY: a file or directory with its mode, links followed, and what its programs need.
add_tree() {
  local name=${1%/} file
  name=${name##*/}
  [[ -r $1 ]] || die -66 "cannot read $1"
  [[ ! -e $2/$name ]] || die -64 "two --file arguments are called $name"
  cp -rL --preserve=mode -- "$1" "$2/$name" || die -66 "cannot copy $1"
  while IFS= read -r -d '' file; do
    add_libraries "$file"
  done < <(find -L "$1" -type f -print0)
}

for file in ${files[@]+"${files[@]}"}; do
  add_tree "$file" "$root/in"
done
if [[ -x $ARTIFACTS/kvmsev ]]; then
  for file in "$ARTIFACTS/kvmsev" "$ARTIFACTS"/*.so; do
    [[ ! -e $file ]] || add_tree "$file" "$programs"
  done
fi
{
  for file in ${environment[@]+"${environment[@]}"}; do
    printf 'export %s=%s\n' "${file%%=*}" "$(quote "${file#*=}")"
  done
  printf 'exec'
  for file in "$@"; do
    printf ' %s' "$(quote "$file")"
  done
  printf '\n'
} >"$root/lab/command"
# The kernel unpacks one archive after the other into the same tree.
(cd -- "$root" && find . -mindepth 1 -print0 | cpio --quiet --null --create --format=newc --owner=0:0) >"$work/overlay"
cat -- "$base" "$work/overlay" >"$work/initrd"
rm -rf -- "$root" "$work/overlay"

# --- the machine --------------------------------------------------------------------------------------------------

# mitigations=off and no la57: fewer emulated instructions a system call and a page walk; the laboratory holds no secret.
# ioeventfd=off: a write to a port has reached its file before the guest's next instruction.
# nohz=off highres=off: a periodic tick. With one-shot timers a single interrupt that gets lost between the emulated host and
# its guest leaves the laboratory asleep for hours.
loglevel=3
if [[ $verbose == yes ]]; then
  loglevel=7
fi
cmdline="console=ttyS0 loglevel=$loglevel panic=-1 oops=panic mitigations=off"
cmdline+=' tsc=reliable no_timer_check nohz=off highres=off'
# shellcheck disable=SC2054  # commas are QEMU's
machine=(
  qemu-system-x86_64 -accel tcg ${clock[@]+"${clock[@]}"} -cpu 'max,la57=off' -M q35 -m "$memory" -smp "$cpus"
  -nodefaults -no-user-config -display none -no-reboot
  -kernel "$kernel" -initrd "$work/initrd"
  -append "$cmdline"
  -serial "file:$work/log"
  -device virtio-serial-pci,ioeventfd=off
)
for port in stdout stderr files status; do
  : >"$work/$port"
  machine+=(-chardev "file,id=$port,path=$work/$port" -device "virtserialport,chardev=$port,name=$port")
done

# Each dies with its parent, so that nothing is left even if this script is killed outright.
setpriv --pdeathsig TERM timeout --kill-after=5 "$timeout" setpriv --pdeathsig KILL "${machine[@]}" </dev/null >"$work/qemu" 2>&1 &
emulator=$!
on_exit stop_process "$emulator"

# follow FILE: prints what arrives until the emulator has ended. Files, not pipes: the emulator never waits for a reader.
follow() {
  exec setpriv --pdeathsig TERM tail --follow --bytes=+1 --sleep-interval=0.05 --pid="$emulator" -- "$1"
}
follow "$work/stdout" 2>/dev/null &
stdout_reader=$!
on_exit stop_process "$stdout_reader"
follow "$work/stderr" >&2 2>/dev/null &
stderr_reader=$!
on_exit stop_process "$stderr_reader"

ended=0 first=''
wait -n -p first "$emulator" "$stdout_reader" || ended=$?
if [[ $first == "$stdout_reader" ]]; then
  # Either the emulator has just ended too, or nobody reads our stdout any more: as a command would, end with it.
  kill -0 "$emulator" 2>/dev/null && exit 141
  ended=0
  wait "$emulator" || ended=$?
fi
wait "$stdout_reader" || true
wait "$stderr_reader" || true

# --- what comes back ----------------------------------------------------------------------------------------------

if [[ $verbose == yes ]]; then
  tr -d '\r' <"$work/log" >&2
fi
code=$(<"$work/status")
if [[ -n $code ]]; then
  if [[ -n $out ]]; then
    mkdir -p -- "$out" || die -74 "cannot make $out"
    # The laboratory's clock may be a moment ahead (--touch), and DIR keeps its own mode (--no-overwrite-dir).
    tar --extract --file "$work/files" --directory "$out" --no-same-owner --touch --no-overwrite-dir \
      || die -74 "cannot write what came back to $out"
  fi
  exit "$code"
fi
if ((ended == 124 || ended == 137)); then
  die -124 "time is up after $timeout s"
fi
# The laboratory ended without an answer: the emulator did not start, or its kernel died.
{
  cat -- "$work/qemu"
  tail -n 20 -- "$work/log" | tr -d '\r'
} >&2
die -125 "the laboratory ended before the command did (QEMU's exit code $ended)"
