#!/usr/bin/env bash
# package.sh: makes what is installed, out of what is built.
#
# Usage: package.sh [--program FILE] [--out DIR] [deb] [tool]
#
#   deb    DIR/kvmsev_VERSION_amd64.deb: program, manual page, completion for bash, zsh and fish, systemd unit
#   tool   DIR/KvmSevVmm.Tool*.nupkg: a dotnet tool ('dotnet tool install KvmSevVmm.Tool --add-source DIR')
#
# Both are made if none is named. DIR is artifacts/packages. The Debian package holds the native program FILE with the
# libraries beside it (artifacts/kvmsev, built first if it is missing); the tool is built from the sources, native too. The
# same files give the same Debian package, byte for byte: its times are those of the last commit, or SOURCE_DATE_EPOCH.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

program=$ARTIFACTS/kvmsev out=$ARTIFACTS/packages targets=()
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --program | --out)
      (($# > 1)) || usage_error "$1 needs a value"
      if [[ $1 == --out ]]; then out=$2; else program=$2; fi
      shift
      ;;
    deb | tool) targets+=("$1") ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
((${#targets[@]} > 0)) || targets=(deb tool)
mkdir -p -- "$out"
make_temp_dir work

# install_file MODE SOURCE DESTINATION: DESTINATION is a path inside the package.
install_file() {
  install -D -m "$1" -- "$2" "$work/root/$3"
}

make_deb() {
  local version epoch size library package
  need dpkg-deb=dpkg gzip=gzip
  if [[ ! -x $program ]]; then
    "$REPO_ROOT/scripts/build.sh" kvmsev >&2
  fi
  version=$("$program" version --json | sed -n 's/^ *"version": "\(.*\)",$/\1/p')
  [[ $version =~ ^[0-9] ]] || die "$program does not tell its version"
  epoch=${SOURCE_DATE_EPOCH:-$(git -C "$REPO_ROOT" log -1 --format=%ct 2>/dev/null || echo 0)}

  install_file 755 "$program" usr/lib/kvmsev/kvmsev
  for library in "$(dirname -- "$program")"/*.so; do
    [[ ! -f $library ]] || install_file 644 "$library" "usr/lib/kvmsev/${library##*/}"
  done
  mkdir -p -- "$work/root/usr/bin" "$work/root/etc/kvmsev" "$work/root/DEBIAN"
  ln -s ../lib/kvmsev/kvmsev "$work/root/usr/bin/kvmsev"

  "$program" man >"$work/kvmsev.1"
  gzip -9n -- "$work/kvmsev.1"
  install_file 644 "$work/kvmsev.1.gz" usr/share/man/man1/kvmsev.1.gz
  "$program" completion bash >"$work/completion"
  install_file 644 "$work/completion" usr/share/bash-completion/completions/kvmsev
  "$program" completion zsh >"$work/completion"
  install_file 644 "$work/completion" usr/share/zsh/vendor-completions/_kvmsev
  "$program" completion fish >"$work/completion"
  install_file 644 "$work/completion" usr/share/fish/vendor_completions.d/kvmsev.fish
  install_file 644 "$REPO_ROOT/packaging/kvmsev@.service" lib/systemd/system/kvmsev@.service
  install_file 644 "$REPO_ROOT/packaging/70-kvmsev.rules" usr/share/doc/kvmsev/examples/70-kvmsev.rules
  { cat -- "$REPO_ROOT/packaging/copyright"; sed 's/^$/./; s/^/ /' "$REPO_ROOT/LICENSE"; } >"$work/copyright"
  install_file 644 "$work/copyright" usr/share/doc/kvmsev/copyright
  gzip -9nc -- "$REPO_ROOT/CHANGELOG.md" >"$work/changelog.gz"
  install_file 644 "$work/changelog.gz" usr/share/doc/kvmsev/changelog.gz

  size=$(du --apparent-size --summarize --block-size=1024 "$work/root" | cut -f1)
  # libc6: what the native program links against is what the machine that built it has.
  cat >"$work/root/DEBIAN/control" <<EOF
Package: kvmsev
Version: $version
Section: admin
Priority: optional
Architecture: amd64
Maintainer: the KvmSevVmm authors <kvmsev@localhost>
Installed-Size: $size
Depends: libc6 (>= $(dpkg-query --show --showformat '${Version}' libc6 | sed 's/-.*//')), libgcc-s1
Description: virtual machine monitor for Linux KVM, made for AMD SEV guests
 Boots SEV guests, proves what was launched, and knows at every moment which
 guest page is private and which is shared. Without SEV hardware it runs
 simulated SEV guests.
EOF
  find "$work/root" -depth -print0 | xargs -0 touch --no-dereference --date="@$epoch"
  chmod -R u=rwX,go=rX -- "$work/root"
  package=$out/kvmsev_${version}_amd64.deb
  SOURCE_DATE_EPOCH=$epoch quietly dpkg-deb --root-owner-group -Zgzip --build "$work/root" "$package" || die "cannot make $package"
  printf '%s\n' "$package"
}

make_tool() {
  need_dotnet
  need_compiler
  quietly dotnet restore "$REPO_ROOT/src/Cli" --locked-mode || die "cannot restore the packages of src/Cli"
  rm -f -- "$out"/KvmSevVmm.Tool.*.nupkg
  # Two packages: one names the tool, the other has the program for this kind of machine.
  local pack=(dotnet pack "$REPO_ROOT/src/Cli" --configuration Release --no-restore -p:KvmSevTool=true --output "$out")
  quietly "${pack[@]}" || die "cannot make the dotnet tool"
  quietly "${pack[@]}" --runtime linux-x64 || die "cannot make the dotnet tool for linux-x64"
  printf '%s\n' "$out"/KvmSevVmm.Tool.*.nupkg
}

for target in "${targets[@]}"; do
  "make_$target"
done
