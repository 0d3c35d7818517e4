#!/usr/bin/env bash
# disk-image.sh: a small Debian root file system in a disk image, out of Debian's own packages.
#
# Usage: disk-image.sh [--size MiB] [--package NAME]... IMAGE
#
#   --size MiB       size of the image (default 128; the file is sparse)
#   --package NAME   put this package in too, with what it depends on; may be repeated
#
# The image is one ext4 file system without a partition table. It holds Debian's essential packages, sysvinit, and a getty
# with login on the console; root has no password. There is no kernel in it: scripts/guest-image.sh has one, and an initial
# RAM disk that goes on to the image:
#
#   kvmsev run --kernel vmlinuz --initramfs initrd --cmdline "console=ttyS0 kvmsev.action=root" --disk IMAGE
#
# Needs no loop device, no mount and no root: packages are downloaded and checked by apt, unpacked, and put into the file
# system by mke2fs. Their maintainer scripts do not run: dpkg in the guest lists them as unpacked, and the few files that the
# scripts would have made are made here. The downloads stay in $KVMSEV_CACHE (see guest-image.sh).
#
# Exit code 69 if the packages cannot be had.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

readonly PACKAGES=(
  # The essential ones.
  base-files base-passwd bash bsdutils coreutils dash debianutils diffutils dpkg findutils grep gzip hostname
  init-system-helpers libc-bin login mawk ncurses-base ncurses-bin perl-base sed sysvinit-utils tar util-linux usr-is-merged
  # An init, and what a login needs.
  sysvinit-core initscripts sysv-rc mount passwd libpam-modules libpam-runtime
)

# --- packages -----------------------------------------------------------------------------------------------------

# download PACKAGE...: they and what they depend on, as for a machine that has nothing yet. Sets PACKAGE_FILES.
download() {
  local work=$1 name
  shift
  : >"$work/status"
  mkdir -p -- "$CACHE_DIR/packages/partial" "$work/cache"
  local apt=(apt-get -qq --yes -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o Dir::Cache::archives="$CACHE_DIR/packages" -o APT::Install-Recommends=0 -o APT::Sandbox::User=root
    -o Debug::NoLocking=1 install)
  if ! "${apt[@]}" --download-only -- "$@" >/dev/null 2>"$work/apt"; then
    # Package lists may be absent (a fresh container) or name files that are gone.
    if ((EUID == 0)) || command -v sudo >/dev/null; then
      note "refreshing the package lists"
      as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1 || true
    fi
    if ! "${apt[@]}" --download-only -- "$@" >/dev/null 2>"$work/apt"; then
      cat -- "$work/apt" >&2
      die -69 "apt-get could not download the packages; is there a network?"
    fi
  fi
  # What of the cache belongs to this image, in the order of their installation.
  "${apt[@]}" --simulate -- "$@" | awk '$1 == "Inst" { print $2 "_" substr($3, 2) }' >"$work/chosen"
  PACKAGE_FILES=()
  while read -r name; do
    PACKAGE_FILES+=("$(package_file "$name")")
  done <"$work/chosen"
}

# package_file NAME_VERSION: the downloaded package; apt writes a colon as %3a.
package_file() {
  local file
  for file in "$CACHE_DIR/packages/${1//:/%3a}"_{amd64,all}.deb; do
    if [[ -f $file ]]; then
      printf '%s\n' "$file"
      return 0
    fi
  done
  die "apt-get left no package file for $1"
}

# --- the root file system -----------------------------------------------------------------------------------------

# unpack ROOT DEB: its files, and its entry in dpkg's database as of a package that waits to be configured.
unpack() {
  local root=$1 deb=$2 name control=$1/control file
  dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory "$root" --keep-directory-symlink \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*'
  dpkg-deb --control "$deb" "$control"
  name=$(dpkg-deb --field "$deb" Package)
  if [[ $(dpkg-deb --field "$deb" Multi-Arch) == same ]]; then
    name+=:amd64
  fi
  for file in "$control"/*; do
    if [[ ${file##*/} != control ]]; then
      mv -- "$file" "$root/var/lib/dpkg/info/$name.${file##*/}"
    fi
  done
  dpkg-deb --fsys-tarfile "$deb" | tar --list | sed -e 's|^\.||' -e 's|/$||' -e 's|^$|/.|' >"$root/var/lib/dpkg/info/$name.list"
  awk '/^Package:/ { print; print "Status: install ok unpacked"; next } { print } END { print "" }' "$control/control" \
    >>"$root/var/lib/dpkg/status"
  rm -r -- "$control"
}

# configure ROOT: what the packages' scripts would have done, as far as a login needs it.
configure() {
  local root=$1 level action number
  cp -- "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  sed 's/^root:\*:/root:x:/' "$root/usr/share/base-passwd/passwd.master" >"$root/etc/passwd"
  sed 's/^\([^:]*\):.*/\1:*:19700:0:99999:7:::/; s/^root:\*:/root::/' "$root/etc/passwd" >"$root/etc/shadow"
  chown 0:42 "$root/etc/shadow" # group shadow
  chmod 640 "$root/etc/shadow"
  printf 'auth required pam_unix.so nullok\n' >"$root/etc/pam.d/common-auth"
  printf 'account required pam_unix.so\n' >"$root/etc/pam.d/common-account"
  printf 'password required pam_unix.so obscure yescrypt\n' >"$root/etc/pam.d/common-password"
  printf 'session required pam_unix.so\n' | tee "$root/etc/pam.d/common-session" >"$root/etc/pam.d/common-session-noninteractive"
  cp -- "$root/usr/share/base-files/profile" "$root/etc/profile"
  cp -- "$root/usr/share/base-files/dot.profile" "$root/root/.profile"
  cp -- "$root/usr/share/base-files/dot.bashrc" "$root/root/.bashrc"
  ln -sf mawk "$root/usr/bin/awk"
  printf 'debian\n' >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n' >"$root/etc/hosts"
  printf '/dev/vda / ext4 defaults 0 1\n' >"$root/etc/fstab"
  # One getty, on whatever the kernel's console is, and none on screens that are not there.
  {
    sed '/getty/d' "$root/usr/share/sysvinit/inittab"
    printf 'co:2345:respawn:/sbin/getty --noclear --keep-baud console 115200 vt220\n'
  } >"$root/etc/inittab"
  number=1
  for action in hostname.sh mountkernfs.sh bootmisc.sh; do
    link_script "$root" S $((number++)) "$action"
  done
  for level in 0 6; do
    number=1
    for action in sendsigs umountfs umountroot "$([[ $level == 0 ]] && echo halt || echo reboot)"; do
      link_script "$root" "$level" $((number++)) "$action"
    done
  done
}

# link_script ROOT RUNLEVEL NUMBER SCRIPT: a script of /etc/init.d runs in that level, in that place.
link_script() {
  mkdir -p -- "$1/etc/rc$2.d"
  ln -s -- "../init.d/$4" "$1/etc/rc$2.d/S0$3$4"
}

# assemble WORK IMAGE MIB DEB...: the image; as root, or as fakeroot's.
assemble() {
  local work=$1 image=$2 mib=$3 root=$1/root directory deb
  shift 3
  umask 022
  # One tree for / and /usr, as Debian has it; the links must be there before the packages.
  for directory in bin sbin lib lib64; do
    mkdir -p "$root/usr/$directory"
    ln -s "usr/$directory" "$root/$directory"
  done
  mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
  for deb in "$@"; do
    unpack "$root" "$deb"
  done
  configure "$root"
  rm -f -- "$image"
  truncate --size "${mib}M" -- "$image"
  if ! mke2fs -q -F -t ext4 -L debian-root -m 1 -E root_owner=0:0 -d "$root" "$image" >"$work/mke2fs" 2>&1; then
    cat -- "$work/mke2fs" >&2
    die -65 "the image could not be made; does $(du -sm "$root" | cut -f1) MiB of files need more than --size $mib?"
  fi
}

# --- main ---------------------------------------------------------------------------------------------------------

if [[ ${1:-} == --assemble ]]; then
  shift
  assemble "$@"
  exit 0
fi

size=128 extra=() image=''
while (($# > 0)); do
  case $1 in
    --help | -h)
      print_header_help
      exit 0
      ;;
    --size | --package)
      (($# >= 2)) || usage_error "$1 wants a value"
      case $1 in
        --size) size=$2 ;;
        --package) extra+=("$2") ;;
      esac
      shift
      ;;
    -*) usage_error "unknown option '$1'" ;;
    *)
      [[ -z $image ]] || usage_error "one image, not '$image' and '$1'"
      image=$1
      ;;
  esac
  shift
done
[[ -n $image ]] || usage_error "no image named"
check_number --size "$size" 64 1048576
[[ -d $(dirname -- "$image") ]] || die -73 "there is no directory for $image"
command -v apt-get >/dev/null || die -69 "there is no apt-get here, and so no Debian packages"
PATH="$PATH:/usr/sbin:/sbin"
need mke2fs=e2fsprogs
as_owner=()
if ((EUID != 0)); then
  # The files belong to root although nobody here does.
  need fakeroot=fakeroot
  as_owner=(fakeroot --)
fi

work=''
make_temp_dir work
cache_lock packages
download "$work" "${PACKAGES[@]}" ${extra[@]+"${extra[@]}"}
note "${#PACKAGE_FILES[@]} packages"
${as_owner[@]+"${as_owner[@]}"} bash "${BASH_SOURCE[0]}" --assemble "$work" "$work/image" "$size" "${PACKAGE_FILES[@]}"
mv -T -- "$work/image" "$image" || die -74 "cannot write $image"
