#!/usr/bin/env bash
# qmp-client.sh: fetches a QMP client that others wrote, for the tests of the control socket.
#
# Usage: qmp-client.sh
#
# The client is that of Ganeti, a manager of virtual machines: the package ganeti-3.0 is unpacked into artifacts/ganeti, not
# installed, for it would start services. Prints the folder that Python finds it in, which KVMSEV_QMP_CLIENT gives to the tests.
# Exit code 3, with a line on stderr, where Debian's packages cannot be had.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take_no_arguments "$@"

readonly FOLDER="$ARTIFACTS/ganeti" PACKAGE=ganeti-3.0
readonly LIBRARY="$FOLDER/usr/share/ganeti/3.0"
if [[ ! -e $LIBRARY/ganeti/hypervisor/hv_kvm/monitor.py ]]; then
  command -v apt-get >/dev/null || die -3 "there is no apt-get here: no QMP client of others"
  # What its modules import.
  need python3=python3 /usr/lib/python3/dist-packages/bitarray=python3-bitarray \
    /usr/lib/python3/dist-packages/simplejson=python3-simplejson /usr/lib/python3/dist-packages/curl=python3-pycurl \
    /usr/lib/python3/dist-packages/OpenSSL=python3-openssl /usr/lib/python3/dist-packages/pyparsing=python3-pyparsing
  work=''
  make_temp_dir work
  (cd -- "$work" && quietly apt-get -qq download "$PACKAGE") \
    || die -3 "Debian's package $PACKAGE cannot be had: no QMP client of others"
  rm -rf -- "$FOLDER"
  quietly dpkg-deb --extract "$work"/*.deb "$FOLDER" || die "cannot unpack $PACKAGE"
  [[ -e $LIBRARY/ganeti/hypervisor/hv_kvm/monitor.py ]] || die "$PACKAGE holds no $LIBRARY/ganeti/hypervisor/hv_kvm/monitor.py"
fi
printf '%s\n' "$LIBRARY"
