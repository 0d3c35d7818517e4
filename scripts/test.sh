#!/usr/bin/env bash
# test.sh: everything a change must pass.
#
# Usage: test.sh
#
# Installs what is missing, restores in locked mode, builds with warnings as errors, checks the format of the C# code (lines of
# 140 columns too) and the shell scripts, builds the native executables and runs all tests: tier 0 (anywhere), tier 1 (with a
# /dev/kvm) and tier 2 (in the laboratory, which needs no /dev/kvm). The reports (CTRF) are left in artifacts/test-results. The
# tests of the hardware path run under the simulated SEV host that KVMSEV_SEV_HOST names or scripts/sev-host.sh builds; without
# one they are skipped. One test of the control socket needs the QMP client that KVMSEV_QMP_CLIENT names or
# scripts/qmp-client.sh fetches.
#
# Skipped and failed tests are listed with their reasons. The last line is always "N passed, N failed, N skipped", where
# failed also counts the steps before the tests and test projects that crash, hang or hold no test. Exit code 0 if nothing
# failed, else 1.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take_no_arguments "$@"

readonly SOLUTION="$REPO_ROOT/KvmSevVmm.sln"
readonly RESULTS="$ARTIFACTS/test-results"
# A test project that takes longer hangs.
readonly PROJECT_SECONDS=1800

finished=no passed=0 failed=0 skipped=0 failures=() skips=()

# summarize: the last word, however the script ends.
summarize() {
  local line
  if [[ $finished == no ]] && ((failed == 0)); then
    fail "test.sh was stopped before its end"
  fi
  for line in ${skips[@]+"${skips[@]}"}; do
    printf 'skipped: %s\n' "$line"
  done
  for line in ${failures[@]+"${failures[@]}"}; do
    printf 'failed: %s\n' "$line"
  done
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}
on_exit summarize

# fail WORDS...: counts one failure.
fail() {
  failed=$((failed + 1))
  failures+=("$*")
}

# step NAME COMMAND...: a step of the gate; its output is shown only if it fails, which counts as one failure.
step() {
  local name=$1 started=$SECONDS
  shift
  if quietly "$@"; then
    printf '%s: ok (%d s)\n' "$name" $((SECONDS - started))
  else
    fail "$name"
    return 1
  fi
}

# must_step NAME COMMAND...: a step without which the rest makes no sense.
must_step() {
  step "$@" || exit 1
}

# count REPORT FILTER: a number out of a CTRF report.
count() {
  jq --exit-status "$2" "$1"
}

# list REPORT STATUS: "project: test: first line of the reason" of each test with that status.
list() {
  jq --raw-output --arg project "$(basename -- "$1" .ctrf)" --arg status "$2" \
    '.results.tests[] | select(.status == $status)
     | "\($project): \(.name)" + (if .message then ": " + (.message | split("\n")[0]) else "" end)' "$1"
}

# check_line_lengths: what max_line_length of .editorconfig says of C#, which dotnet format does not look at.
check_line_lengths() {
  ! LC_ALL=C.UTF-8 grep --recursive --line-number --include='*.cs' --exclude-dir=bin --exclude-dir=obj \
    --extended-regexp '.{141,}' src tests
}

# provide VARIABLE SCRIPT: exports what a script prints for the tests, unless it is set already. Where the script cannot have it
# (exit code 3) it says so; the tests that need it are skipped and say so too.
provide() {
  local value code=0
  [[ -z ${!1:-} ]] || return 0
  value=$("scripts/$2.sh") || code=$?
  case $code in
    0) export "$1=$value" ;;
    3) unset "$1" ;;
    *)
      unset "$1"
      fail "scripts/$2.sh"
      ;;
  esac
}

# run_tests PROJECT: one test project, and its numbers into the sums. Projects run one after the other: laboratories and
# deadlines do not mix with a machine that is busy with other tests.
run_tests() {
  local project=$1 name report code=0 ran_failed
  name=$(basename -- "$project" .csproj)
  report="$RESULTS/$name.ctrf"
  printf '\n== %s\n' "$name"
  run_limited "$PROJECT_SECONDS" dotnet test --project "$project" --configuration Release --no-build --no-progress \
    --results-directory "$RESULTS" --report-xunit-ctrf --report-xunit-ctrf-filename "$name.ctrf" || code=$?
  if ((code == 124 || code == 137)); then
    fail "$name: not finished after $PROJECT_SECONDS s"
    return 0
  fi
  if ! count "$report" '.results.summary.tests' >/dev/null 2>&1; then
    fail "$name: ended without a report (exit code $code)"
    return 0
  fi
  if (($(count "$report" '.results.summary.tests') == 0)); then
    fail "$name: holds no test"
    return 0
  fi
  ran_failed=$(count "$report" '.results.summary | .tests - .passed - .skipped - .pending')
  passed=$((passed + $(count "$report" '.results.summary.passed')))
  skipped=$((skipped + $(count "$report" '.results.summary | .skipped + .pending')))
  failed=$((failed + ran_failed))
  mapfile -t -O "${#skips[@]}" skips < <(list "$report" skipped; list "$report" pending)
  mapfile -t -O "${#failures[@]}" failures < <(list "$report" failed; list "$report" other)
  # A fixture that could not be cleaned up fails the run without failing a test.
  if ((code != 0 && ran_failed == 0)); then
    fail "$name: exit code $code though no test failed"
  fi
}

cd -- "$REPO_ROOT"
need_dotnet
need_compiler
need jq=jq cpio=cpio qemu-system-x86_64=qemu-system-x86 shellcheck=shellcheck chromium=chromium chromedriver=chromium-driver \
  iasl=acpica-tools mandoc=mandoc groff=groff zsh=zsh fish=fish socat=socat
# Firmware, and libvirt's verifier with what its package only recommends: tests compare with them.
need /usr/share/ovmf/OVMF.fd=ovmf virt-qemu-sev-validate=libvirt-clients-qemu \
  /usr/lib/python3/dist-packages/lxml=python3-lxml /usr/lib/python3/dist-packages/cryptography=python3-cryptography
# Prometheus' own reader of its text format.
need /usr/lib/python3/dist-packages/prometheus_client=python3-prometheus-client
rm -rf -- "$RESULTS"
mkdir -p -- "$RESULTS"

must_step restore dotnet restore "$SOLUTION" --locked-mode
must_step build dotnet build "$SOLUTION" --configuration Release --no-restore -warnaserror
step format dotnet format "$SOLUTION" --no-restore --verify-no-changes || true
step 'line lengths' check_line_lengths || true
step shellcheck shellcheck --external-sources scripts/*.sh bench/*.sh .ci/run || true
step 'shellcheck of what runs in guests' shellcheck --shell=dash scripts/guest/init scripts/lab/init scripts/unit/trial || true
must_step 'native build' scripts/build.sh kvmsev labprobe
must_step 'guest image' scripts/guest-image.sh
KVMSEV_TEST_KERNEL=$(scripts/guest-image.sh --print kernel)
export KVMSEV_TEST_KERNEL
# Some hundred processes: the native program starts ten times as fast as the one beside the tests.
export KVMSEV_TEST_PROGRAM="$ARTIFACTS/kvmsev"
provide KVMSEV_SEV_HOST sev-host
provide KVMSEV_QMP_CLIENT qmp-client

mapfile -t projects < <(dotnet sln "$SOLUTION" list | grep '\.Tests\.csproj$')
for project in ${projects[@]+"${projects[@]}"}; do
  run_tests "$project"
done
printf '\n'
finished=yes
if ((passed == 0 && failed == 0)); then
  fail "no test ran"
fi
((failed == 0))
