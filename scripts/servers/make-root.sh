#!/bin/bash
# Makes, or completes, a Debian root in $SERVERS_DIR/<suite> and installs packages in it, so that the servers' versions
# do not depend on the host's.
#   ./make-root.sh bookworm radosgw ceph-mon        then: ./in-root.sh bookworm radosgw --version
set -euo pipefail
. "$(dirname "$0")/state.sh"
suite=$1
shift
root=$SERVERS_DIR/$suite
# The host's own mirror; without one, mmdebstrap's default.
mirror=${DEBIAN_MIRROR:-$( (grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true) | head -n 1)}

exec 9>"$SERVERS_DIR/host.lock"
flock 9
if ! command -v mmdebstrap >/dev/null; then
  apt-get -o DPkg::Lock::Timeout=300 update >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends mmdebstrap >/dev/null
fi
exec 9>"$SERVERS_DIR/$suite.lock"
flock 9

if [ ! -f "$root/.made" ]; then
  if grep -qF " $root/" /proc/mounts; then
    echo "something is mounted under $root" >&2
    exit 1
  fi
  rm -rf --one-file-system "$root"
  # A mirror may be a frozen copy whose index is past its date: the date is not checked, the signatures are.
  mmdebstrap --variant=apt --mode=root \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$suite" "$root" ${mirror:+"$mirror"} >"$root.make.log" 2>&1 || {
    tail -n 20 "$root.make.log" >&2
    exit 1
  }
  # No package may start a daemon by itself.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  touch "$root/.made"
fi

# An interrupted installation leaves packages that are unpacked but not configured: those are missing too.
installed=$("$HERE/in-root.sh" "$suite" dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
missing=()
for package in "$@"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  {
    "$HERE/in-root.sh" "$suite" dpkg --configure -a
    "$HERE/in-root.sh" "$suite" apt-get update
    "$HERE/in-root.sh" "$suite" apt-get install -y --no-install-recommends "${missing[@]}"
    "$HERE/in-root.sh" "$suite" apt-get clean
  } >"$root.install.log" 2>&1 || {
    tail -n 20 "$root.install.log" >&2
    exit 1
  }
fi
