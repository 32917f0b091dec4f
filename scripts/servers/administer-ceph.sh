#!/bin/bash
# Runs radosgw-admin on what ./start-ceph.sh 16|20 started, to make users, rotate their keys, and so on.
#   ./administer-ceph.sh 20 user list
set -euo pipefail
. "$(dirname "$0")/state.sh"
case ${1:-} in
  16) suite=bookworm ;;
  20) suite=sid ;;
  *)
    echo "usage: $0 16|20 ARGUMENT…" >&2
    exit 2
    ;;
esac
conf=$SERVERS_DIR/ceph$1/ceph.conf
shift
exec "$HERE/in-root.sh" "$suite" radosgw-admin -c "$conf" "$@"
