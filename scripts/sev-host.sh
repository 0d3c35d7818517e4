#!/usr/bin/env bash
# sev-host.sh: builds the simulated SEV host that the tests of the hardware path run under.
#
# Usage: sev-host.sh [--source DIR]
#
#   --source DIR   where its sources are (default: ../shared/tools/sevhost beside this repository)
#
# Prints the path of the program, artifacts/sevhost/sevhost, which KVMSEV_SEV_HOST gives to the tests. Exit code 3, with a
# line on stderr, where the sources are absent: they are not part of this repository. Installs make, gcc and OpenSSL's
# headers from Debian if they are missing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

sources=$REPO_ROOT/../shared/tools/sevhost
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --source)
      [[ -n ${2:-} ]] || usage_error "--source wants a directory"
      sources=$2
      shift
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done

[[ -e $sources/Makefile ]] || die -3 "there is no $sources: no simulated SEV host"
need_compiler
need make=make /usr/include/openssl/evp.h=libssl-dev
readonly program="$ARTIFACTS/sevhost/sevhost"
mkdir -p -- "${program%/*}"
quietly make --directory="$sources" O="${program%/*}" || die "cannot build the simulated SEV host in $sources"
[[ -x $program ]] || die "$sources built no $program"
printf '%s\n' "$program"
