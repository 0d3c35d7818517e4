#!/bin/sh
# unit-tests.sh: runs images of kvm-unit-tests, in the laboratory or on a host whose KVM can.
#
# Usage: unit-tests.sh FOLDER LIST OUT        with kvmsev on the PATH
#   FOLDER holds the images; each line of the file LIST is a run: NAME IMAGE CPUS MIB SECONDS [ARGUMENT...]
#   OUT gets, of each run, NAME.console, NAME.json (the result) and NAME.words (what the monitor said)
# Prints a line for each run that has ended.
set -u
folder=$1 list=$2 out=$3

# up: seconds since the machine's start.
up() {
  cut -d. -f1 /proc/uptime
}

while read -r name image cpus mib seconds arguments; do
  case $arguments in
    *NOW) arguments=${arguments%NOW}$(date +%s) ;;
  esac
  before=$(up)
  kvmsev run --kernel "$folder/$image.flat" --smp "$cpus" --memory "${mib}M" --append "$arguments" --timeout "${seconds}s" \
    --serial "file=$out/$name.console" --result "$out/$name.json" </dev/null >"$out/$name.words" 2>&1
  echo "$name: exit code $?, $(($(up) - before)) s"
done <"$list"
