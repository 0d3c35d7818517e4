#!/usr/bin/env bash
# guest-image.sh: the Debian kernel that guests boot, and the initramfs images made for it.
#
# Usage: guest-image.sh [--update] [--deb FILE] [--print WHAT]
#
#   --print WHAT   print one path only: kernel (bzImage, straight from the Debian package), modules (a directory),
#                  initramfs (the test guest's), lab-base (the laboratory's, completed by lab.sh)
#   --update       ask apt for a newer linux-image-cloud-amd64 even if one is cached
#   --deb FILE     take the kernel from this linux-image-*-cloud-amd64 package instead of asking apt
#
# Nothing is installed: the packages are downloaded, checked by apt and unpacked under $KVMSEV_CACHE (default
# $XDG_CACHE_HOME/kvmsev, ~/.cache/kvmsev). Once they are there no network is needed. The images are reproducible: the
# same packages and the same init script give the same bytes.
#
# The test guest's init obeys these words on the kernel command line:
#   kvmsev.action=poweroff   end the machine (the default): power off if there is ACPI, else reset it
#   kvmsev.action=reboot     reset the machine
#   kvmsev.action=wait       stay up and do nothing
#   kvmsev.action=shell      a shell on the console; the machine ends with it
#   kvmsev.action=devices    use every virtio device there is, say what came of it, and end the machine:
#                            kvmsev.disk-mib=N MiB of random bytes are written to vda, synced and read back (default 64);
#                            kvmsev.net-mib=N MiB go to 192.168.77.1:5000 by TCP, and what :5001 gives comes back (64);
#                            kvmsev.hvc-kib=N KiB of random bytes go to hvc0, raw (1024);
#                            /vsock, if somebody has added it to the image, is run as "/vsock echo 1024"
#   kvmsev.action=root       go on with /sbin/init of the root file system on vda (scripts/disk-image.sh makes one)
#   kvmsev.action=panic      panic, and so tell pvpanic
#   kvmsev.action=faults     use vda to vdd, eth0 and /vsock while the host takes them away, say what came of it, and end the machine
#   kvmsev.action=button     wait for the power button, then end the machine
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

readonly META_PACKAGE=linux-image-cloud-amd64
# A change here makes old caches unusable, so give it a new number.
readonly KERNEL_FORMAT=3 IMAGE_FORMAT=2
# Loaded in the laboratory, with what they depend on.
readonly LAB_MODULES=(kvm-amd virtio_pci virtio_console tun null_blk)
# In the test guest's image, with what they depend on; loaded by the actions that use devices.
readonly GUEST_MODULES=(
  virtio_mmio virtio_blk virtio_net virtio-rng vmw_vsock_virtio_transport virtio_console ext4 crc32c_generic evdev button
  pvpanic-mmio
)

# --- packages -----------------------------------------------------------------------------------------------------

# refresh_lists: apt-get update, for a machine that never had one or whose lists are old.
refresh_lists() {
  note "refreshing the package lists"
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "the package lists are absent or old; as root, run: apt-get update"
  fi
  quietly as_root apt-get -qq -o DPkg::Lock::Timeout=300 update || die "apt-get update failed; is there a network?"
}

# download_package NAME DIRECTORY: the package file into the directory; prints its path.
download_package() {
  local name=$1 directory=$2 file
  # As root apt would fetch as the user _apt, who may not write here.
  local download=(apt-get -qq -o APT::Sandbox::User=root download "$name")
  note "downloading $name"
  if ! (cd -- "$directory" && "${download[@]}" >/dev/null 2>&1); then
    refresh_lists
    (cd -- "$directory" && quietly "${download[@]}") || die "apt-get could not download $name; is there a network?"
  fi
  file=$(find "$directory" -maxdepth 1 -name "${name}_*.deb" | sort | tail -n 1)
  [[ -n $file ]] || die "apt-get download $name left no package file"
  printf '%s\n' "$file"
}

# kernel_package: prints the real package behind the meta-package.
kernel_package() {
  local name
  command -v apt-get >/dev/null || die "there is no apt-get here; give a $META_PACKAGE kernel package with --deb FILE"
  name=$(real_kernel_package)
  if [[ -z $name ]]; then
    refresh_lists
    name=$(real_kernel_package)
  fi
  [[ -n $name ]] || die "apt knows no $META_PACKAGE (is this Debian on amd64?); give the package with --deb FILE"
  printf '%s\n' "$name"
}

real_kernel_package() {
  apt-cache depends "$META_PACKAGE" 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
}

# --- kernel and modules -------------------------------------------------------------------------------------------

# module_file TREE NAME: the path of a module, whichever way its name spells - and _; empty if it is built in.
module_file() {
  local tree=$1 name=$2 pattern file
  pattern=${name//[-_]/[-_]}
  file=$(find "$tree" -name "$pattern.ko" -o -name "$pattern.ko.xz" -o -name "$pattern.ko.zst" -o -name "$pattern.ko.gz" \
    | sort | head -n 1)
  if [[ -z $file ]] && ! grep -qsE "/$pattern\.ko$" "$tree"/modules.builtin; then
    die "the kernel package has no module $name"
  fi
  printf '%s\n' "$file"
}

# add_module TREE NAME DIRECTORY ORDER: unpacks a module after those it depends on, and appends it to the file ORDER.
add_module() {
  local tree=$1 name=$2 directory=$3 order=$4 file plain dependencies dependency
  file=$(module_file "$tree" "$name")
  if [[ -z $file ]]; then
    return 0
  fi
  plain=${file##*/}
  plain=${plain%%.ko*}.ko
  if grep -qsxF -- "$plain" "$order"; then
    return 0
  fi
  case $file in
    *.xz) need xz=xz-utils && xz -dc -- "$file" >"$directory/$plain" ;;
    *.zst) need zstd=zstd && zstd -qdc -- "$file" >"$directory/$plain" ;;
    *.gz) gzip -dc -- "$file" >"$directory/$plain" ;;
    *) cp -- "$file" "$directory/$plain" ;;
  esac
  dependencies=$(tr '\0' '\n' <"$directory/$plain" | sed -n 's/^depends=//p' | tr ',' ' ')
  for dependency in $dependencies; do
    add_module "$tree" "$dependency" "$directory" "$order"
  done
  printf '%s\n' "$plain" >>"$order"
}

# unpack_kernel DEB: into the cache; makes it the current kernel.
unpack_kernel() {
  local deb=$1 package version work tree='' directory module destination
  package=$(dpkg-deb --field "$deb" Package 2>/dev/null) || die "$deb is not a Debian package"
  version=$(dpkg-deb --field "$deb" Version)
  destination="$CACHE_DIR/kernels/${package}_$version"
  mkdir -p -- "$CACHE_DIR/kernels"
  work=$(mktemp -d "$CACHE_DIR/kernels/.new.XXXXXXXX")
  on_exit rm -rf -- "$work"

  dpkg-deb --extract "$deb" "$work/package" || die "cannot unpack $deb"
  mkdir -p "$work/result/modules"
  cp -- "$work"/package/boot/vmlinuz-* "$work/result/vmlinuz" 2>/dev/null || die "$deb holds no boot/vmlinuz"
  # Debian 13 keeps modules under usr/lib.
  for directory in "$work"/package/lib/modules/* "$work"/package/usr/lib/modules/*; do
    [[ ! -d $directory ]] || tree=$directory
  done
  [[ -n $tree ]] || die "$deb holds no lib/modules"
  for module in "${LAB_MODULES[@]}"; do
    add_module "$tree" "$module" "$work/result/modules" "$work/result/modules/lab-order"
  done
  for module in "${GUEST_MODULES[@]}"; do
    add_module "$tree" "$module" "$work/result/modules" "$work/result/modules/guest-order"
  done
  printf '%s %s %s\n' "$KERNEL_FORMAT" "$package" "$version" >"$work/result/stamp"

  # Never replace a directory that may be in use; the same version holds the same files.
  if ! cmp --quiet "$work/result/stamp" "$destination/stamp"; then
    publish "$work/result" "$destination"
  fi
  ln -s -- "kernels/${destination##*/}" "$work/current"
  publish "$work/current" "$CACHE_DIR/kernel"
}

# kernel_is_cached: whether a kernel unpacked by this version of the script is there.
kernel_is_cached() {
  local format
  read -r format _ 2>/dev/null <"$CACHE_DIR/kernel/stamp" && [[ $format == "$KERNEL_FORMAT" ]]
}

# --- busybox ------------------------------------------------------------------------------------------------------

# is_static FILE: an executable that asks for no loader.
is_static() {
  [[ -x $1 ]] && ! LC_ALL=C ldd "$1" >/dev/null 2>&1
}

# provide_busybox: a statically linked busybox in the cache, from the machine or from the Debian package. The package is
# unpacked, not installed: it would conflict with an installed busybox.
provide_busybox() {
  local source work deb
  if [[ -x $CACHE_DIR/busybox ]]; then
    return 0
  fi
  mkdir -p -- "$CACHE_DIR"
  work=$(mktemp -d "$CACHE_DIR/.busybox.XXXXXXXX")
  on_exit rm -rf -- "$work"
  source=$(command -v busybox || true)
  if [[ -z $source ]] || ! is_static "$source"; then
    command -v apt-get >/dev/null || die "there is no static busybox and no apt-get here; put one on the PATH"
    deb=$(download_package busybox-static "$work")
    dpkg-deb --extract "$deb" "$work/package"
    source=$(find "$work/package" -type f -path '*/bin/busybox')
    is_static "$source" || die "the package busybox-static holds no static busybox"
  fi
  install -m 755 -- "$source" "$work/busybox"
  publish "$work/busybox" "$CACHE_DIR/busybox"
}

# --- images -------------------------------------------------------------------------------------------------------

# pack DIRECTORY FILE: a cpio archive whose bytes depend on the contents only.
pack() {
  find "$1" -exec touch --no-dereference --date=@0 {} +
  (cd -- "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z \
    | cpio --quiet --null --create --format=newc --reproducible --owner=0:0) >"$2"
}

# install_modules KIND DIRECTORY: the modules of lab or guest, and the order in which they are loaded.
install_modules() {
  local kind=$1 directory=$2 module
  mkdir -p "$directory"
  while read -r module; do
    install -m 644 -- "$CACHE_DIR/kernel/modules/$module" "$directory/$module"
  done <"$CACHE_DIR/kernel/modules/$kind-order"
  install -m 644 -- "$CACHE_DIR/kernel/modules/$kind-order" "$directory/order"
}

# build_image KIND DESTINATION: KIND is guest or lab.
build_image() {
  local kind=$1 destination=$2 work root applet
  mkdir -p -- "$CACHE_DIR/images"
  work=$(mktemp -d "$CACHE_DIR/images/.new.XXXXXXXX")
  on_exit rm -rf -- "$work"
  root=$work/root
  (
    umask 022
    mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
    # A launch secret that is an archive of kvmsev-secret/NAME finds its directory here.
    [[ $kind != guest ]] || mkdir -p "$root/kvmsev-secret"
    chmod 1777 "$root/tmp"
    install -m 755 -- "$CACHE_DIR/busybox" "$root/bin/busybox"
    for applet in $("$CACHE_DIR/busybox" --list); do
      [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
    done
    install -m 755 -- "$REPO_ROOT/scripts/$kind/init" "$root/init"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    if [[ $kind == lab ]]; then
      mkdir -p "$root"/{in,out,lab,usr/local/bin}
      install_modules lab "$root/lab/modules"
    else
      install_modules guest "$root/modules"
    fi
  )
  pack "$root" "$work/image"
  publish "$work/image" "$destination"
}

# image_path KIND: where the image of this kernel, this busybox and this init script is, or will be.
image_path() {
  local kind=$1 key
  key=$({
    printf '%s %s\n' "$IMAGE_FORMAT" "$kind"
    cat -- "$CACHE_DIR/busybox" "$REPO_ROOT/scripts/$kind/init" "$CACHE_DIR/kernel/stamp"
  } | sha256sum)
  printf '%s/images/%s-%s.cpio\n' "$CACHE_DIR" "$kind" "${key:0:16}"
}

# --- main ---------------------------------------------------------------------------------------------------------

update=no deb='' print=''
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --update) update=yes ;;
    --deb)
      (($# >= 2)) || usage_error "--deb wants a file"
      deb=$2
      shift
      ;;
    --print)
      print=${2:-}
      [[ $print =~ ^(kernel|modules|initramfs|lab-base)$ ]] \
        || usage_error "--print wants kernel, modules, initramfs or lab-base, not '$print'"
      shift
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
[[ -z $deb || -f $deb ]] || die -65 "no such package file: $deb"

if [[ -n $deb || $update == yes ]] || ! kernel_is_cached || [[ ! -x $CACHE_DIR/busybox ]]; then
  need dpkg-deb=dpkg
  cache_lock images
  # Another run may have filled the cache while this one waited.
  if [[ -n $deb ]]; then
    unpack_kernel "$deb"
  elif [[ $update == yes ]] || ! kernel_is_cached; then
    downloads=''
    make_temp_dir downloads
    package=$(kernel_package)
    package_file=$(download_package "$package" "$downloads")
    unpack_kernel "$package_file"
  fi
  provide_busybox
fi

guest_image=$(image_path guest)
lab_image=$(image_path lab)
if [[ ! -f $guest_image || ! -f $lab_image ]]; then
  need cpio=cpio
  [[ -f $guest_image ]] || build_image guest "$guest_image"
  [[ -f $lab_image ]] || build_image lab "$lab_image"
fi

case $print in
  kernel) readlink -f -- "$CACHE_DIR/kernel/vmlinuz" ;;
  modules) readlink -f -- "$CACHE_DIR/kernel/modules" ;;
  initramfs) printf '%s\n' "$guest_image" ;;
  lab-base) printf '%s\n' "$lab_image" ;;
  *)
    printf 'kernel     %s\nmodules    %s\ninitramfs  %s\nlab-base   %s\n' "$(readlink -f -- "$CACHE_DIR/kernel/vmlinuz")" \
      "$(readlink -f -- "$CACHE_DIR/kernel/modules")" "$guest_image" "$lab_image"
    read -r _ package version <"$CACHE_DIR/kernel/stamp"
    note "kernel package $package $version"
    ;;
esac
