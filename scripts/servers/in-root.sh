#!/bin/bash
# Runs a command inside a root made by make-root.sh: private mounts (the host keeps none, and removing the root stays
# safe), the host's network and processes, and $SERVERS_DIR at the same path. Ends by exec, so the pid is the command's.
#   ./in-root.sh <suite> command…
. "$(dirname "$0")/state.sh"
ROOT=$SERVERS_DIR/$1
export ROOT
shift
exec unshare --mount --propagation private /bin/bash -c '
  set -e
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mount -t tmpfs tmpfs "$ROOT/run"
  mkdir -p "$ROOT$SERVERS_DIR"
  mount --bind "$SERVERS_DIR" "$ROOT$SERVERS_DIR"
  exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
' - "$@"
