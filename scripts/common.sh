# shellcheck shell=bash
# What the scripts share. Sourced, never run; the sourcing script has set -euo pipefail.

# The repository, whatever directory the caller stands in.
REPO_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly REPO_ROOT

# Where the built programs are put (scripts/build.sh), inside the tree and ignored by git.
# shellcheck disable=SC2034  # for the scripts that source this
readonly ARTIFACTS="$REPO_ROOT/artifacts"

# Downloads and images live outside the tree, shared by all checkouts of this user.
CACHE_DIR=${KVMSEV_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set KVMSEV_CACHE}/.cache}/kvmsev}
readonly CACHE_DIR

SCRIPT_NAME=${0##*/}
readonly SCRIPT_NAME

# note WORDS...: one line for people, on stderr.
note() {
  printf '%s: %s\n' "$SCRIPT_NAME" "$*" >&2
}

# die [-CODE] WORDS...: one line on stderr, then exit with CODE (1 if not given).
die() {
  local code=1
  if [[ ${1:-} =~ ^-[0-9]+$ ]]; then
    code=${1#-}
    shift
  fi
  note "$@"
  exit "$code"
}

# usage_error WORDS...: a wrong command line; sysexits' EX_USAGE.
usage_error() {
  die -64 "$*; see $SCRIPT_NAME --help"
}

# print_header_help: --help is the comment at the head of the script, so that the two cannot differ.
print_header_help() {
  awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

# --- clean-up -----------------------------------------------------------------------------------------------------

# take_no_arguments "$@": for a script that has none; --help is answered.
take_no_arguments() {
  case ${1:-} in
    '') ;;
    --help | -h)
      print_header_help
      exit 0
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
}

CLEANUPS=()

# on_exit COMMAND [ARGUMENT...]: runs the command when the script ends, however it ends; last registered, first run.
on_exit() {
  CLEANUPS+=("$(printf '%q ' "$@")")
}

run_cleanups() {
  local status=$? index
  trap - EXIT
  trap '' INT TERM HUP
  for ((index = ${#CLEANUPS[@]} - 1; index >= 0; index--)); do
    eval "${CLEANUPS[index]}" || true
  done
  exit "$status"
}

trap run_cleanups EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# make_temp_dir VARIABLE: a private directory that is removed when the script ends.
make_temp_dir() {
  local -n made=$1
  made=$(mktemp -d "${TMPDIR:-/tmp}/kvmsev-${SCRIPT_NAME%.sh}.XXXXXXXX")
  on_exit rm -rf -- "$made"
}

# stop_process PID: ends a background process of this shell, if it still runs, and waits for it.
stop_process() {
  # Asking the shell, not the kernel: the number of a process that has been waited for may belong to another by now.
  if jobs -pr | grep -qx -- "$1"; then
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
  fi
}

# run_limited SECONDS COMMAND [ARGUMENT...]: runs it without input; 124 or 137 if it had to be ended. Ending this script,
# even with SIGKILL, ends the command and the processes it started.
run_limited() {
  local process code=0
  setpriv --pdeathsig TERM timeout --kill-after=10 "$@" </dev/null &
  process=$!
  on_exit stop_process "$process"
  wait "$process" || code=$?
  return "$code"
}

# --- the cache ----------------------------------------------------------------------------------------------------

# cache_lock NAME: one holder at a time on this machine, until the script ends.
cache_lock() {
  local lock
  mkdir -p -- "$CACHE_DIR" || die "cannot make the cache directory $CACHE_DIR; set KVMSEV_CACHE to a writable one"
  exec {lock}>"$CACHE_DIR/$1.lock"
  if ! flock --nonblock "$lock"; then
    note "waiting for another run that fills $CACHE_DIR"
    flock --timeout 900 "$lock" || die "the lock $CACHE_DIR/$1.lock is still held after 15 minutes"
  fi
}

# publish SOURCE DESTINATION: moves a finished file or directory into the cache in one step; a reader sees all of it or
# nothing. SOURCE must be on the cache's file system.
publish() {
  if [[ -d $2 && ! -L $2 ]]; then
    rm -rf -- "$2"
  fi
  mv -T -- "$1" "$2"
}

# --- Debian packages ----------------------------------------------------------------------------------------------

# as_root COMMAND...: runs it with the rights of root, by sudo if need be.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo -- "$@"
  fi
}

# quietly COMMAND...: the command's output is shown only if it fails.
quietly() {
  local log status=0
  log=$(mktemp "${TMPDIR:-/tmp}/kvmsev-log.XXXXXXXX")
  on_exit rm -f -- "$log"
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    cat -- "$log" >&2
  fi
  rm -f -- "$log"
  return "$status"
}

# is_present WHAT: WHAT is a tool on the PATH, or an absolute path (a header, say) that must exist.
is_present() {
  case $1 in
    /*) [[ -e $1 ]] ;;
    *) command -v -- "$1" >/dev/null ;;
  esac
}

# need WHAT=PACKAGE...: installs the Debian packages whose WHAT (see is_present) is missing. Does nothing, and asks
# nobody, when all are there.
need() {
  local pair missing=() packages=()
  for pair in "$@"; do
    if ! is_present "${pair%%=*}"; then
      missing+=("${pair%%=*}")
      packages+=("${pair#*=}")
    fi
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    die "missing: ${missing[*]}; install what Debian calls: ${packages[*]} (there is no apt-get here to do it)"
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "missing: ${missing[*]}; as root, run: apt-get install ${packages[*]}"
  fi
  note "installing ${packages[*]}"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300
    install --yes --no-install-recommends "${packages[@]}")
  # Package lists may be absent (a fresh container) or name files that are gone: refresh them only then.
  if ! as_root "${install[@]}" >/dev/null 2>&1; then
    note "refreshing the package lists"
    quietly as_root apt-get -qq -o DPkg::Lock::Timeout=300 update || die "apt-get update failed; is there a network?"
    quietly as_root "${install[@]}" || die "apt-get could not install ${packages[*]}"
  fi
  for pair in "$@"; do
    is_present "${pair%%=*}" || die "${pair#*=} is installed, but ${pair%%=*} is still missing"
  done
}

# need_compiler: a C compiler with the headers of the C library, for C programs and for NativeAOT's linking.
need_compiler() {
  need gcc=gcc /usr/include/stdio.h=libc6-dev
}

# need_dotnet: the .NET SDK that global.json asks for. No Debian package has it, so it is not installed here.
need_dotnet() {
  command -v dotnet >/dev/null || die "no dotnet on the PATH; install the .NET 10 SDK: https://dotnet.microsoft.com/download"
  (cd -- "$REPO_ROOT" && dotnet --version >/dev/null 2>&1) \
    || die "global.json asks for another .NET SDK than the installed $(dotnet --list-sdks | awk '{ printf "%s%s", s, $1; s = ", " }')"
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
  # No build server may outlive the script.
  export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false DOTNET_CLI_USE_MSBUILD_SERVER=0
}

# publish_native PROJECT NAME: NativeAOT executable artifacts/NAME (with NAME.dbg and the libraries it loads). A running copy
# of the old one is not disturbed. The project must be restored.
publish_native() {
  local project=$1 name=$2 work file
  mkdir -p -- "$ARTIFACTS"
  work=$(mktemp -d "$ARTIFACTS/.publish.XXXXXXXX")
  on_exit rm -rf -- "$work"
  note "building $name (NativeAOT)"
  quietly dotnet publish "$REPO_ROOT/$project" --configuration Release --runtime linux-x64 --no-restore --output "$work" \
    || die "cannot build $project"
  for file in "$work/$name" "$work/$name.dbg" "$work"/*.so; do
    if [[ -f $file ]]; then
      chmod 755 -- "$file"
      mv -- "$file" "$ARTIFACTS/"
    fi
  done
  rm -rf -- "$work"
  [[ -x $ARTIFACTS/$name ]] || die "$project built no $name"
}

# --- the host -----------------------------------------------------------------------------------------------------

# choose_host DOCTOR_JSON: where a SEV guest runs best. DOCTOR_JSON is what kvmsev doctor --json printed (a file; empty if it
# printed nothing). Prints one line, HOST and WHY, separated by a tab:
#   sev   this machine has SEV and kvmsev can use it
#   svm   this machine's KVM runs SVM guests whose hypercalls arrive: SEV is simulated on it
#   lab   neither: the laboratory
# Read are .run.sev and .run.simulated, each {"usable": true|false, "reason": "..."}. What is not said is not usable.
choose_host() {
  local report
  report=$(jq --raw-output --slurp '
    (.[0].run // {}) as $run
    | def reason($mode): $run[$mode].reason // "kvmsev doctor does not say so";
    if $run.sev.usable == true then "sev\t\(reason("sev"))"
    elif $run.simulated.usable == true then "svm\tno SEV (\(reason("sev"))), but \(reason("simulated"))"
    else "lab\tno SEV (\(reason("sev"))) and no SVM to simulate it on (\(reason("simulated")))"
    end | gsub("\n"; " ")' "$1" 2>/dev/null) \
    || report=$'lab\tkvmsev doctor gave no report that can be read'
  printf '%s\n' "$report"
}

# --- numbers ------------------------------------------------------------------------------------------------------

# check_number NAME VALUE MIN MAX: dies with a usage error unless VALUE is a decimal integer within the bounds.
check_number() {
  if ! [[ $2 =~ ^[0-9]{1,9}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
    usage_error "$1 wants a number from $3 to $4, not '$2'"
  fi
}
