#!/usr/bin/env bash
# build.sh: builds the programs as native executables.
#
# Usage: build.sh [kvmsev] [labprobe]
#
#   kvmsev     the monitor: artifacts/kvmsev (the default)
#   labprobe   the tiny guests of tests/Lab.Tests, run inside the laboratory: artifacts/labprobe
#
# Needs the .NET SDK of global.json and gcc, which links (gcc and libc6-dev are installed from Debian if missing). Packages
# are restored in locked mode: versions and hashes are those of the packages.lock.json files.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

targets=()
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    kvmsev | labprobe) targets+=("$1") ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
((${#targets[@]} > 0)) || targets=(kvmsev)

need_dotnet
need_compiler
for target in "${targets[@]}"; do
  case $target in
    kvmsev) project=src/Cli ;;
    labprobe) project=tests/LabProbe ;;
  esac
  quietly dotnet restore "$REPO_ROOT/$project" --locked-mode || die "cannot restore the packages of $project"
  publish_native "$project" "$target"
  printf '%s\n' "$ARTIFACTS/$target"
done
