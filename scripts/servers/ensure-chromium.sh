#!/bin/bash
# Chromium for the browser tests, from Debian's package chromium, unless there is one. Prints the environment to export.
set -euo pipefail
find_it() { command -v chromium || command -v chromium-browser; }
if ! find_it >/dev/null; then
  [ "$(id -u)" = 0 ] || exec sudo "$0" "$@"
  apt-get -o DPkg::Lock::Timeout=300 update >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium >/dev/null
fi
echo "export CHROMIUM=$(find_it)"
