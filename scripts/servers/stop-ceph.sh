#!/bin/bash
# Stops what ./start-ceph.sh 16|20 started.
. "$(dirname "$0")/state.sh"
case ${1:-} in
  16 | 20) ;;
  *)
    echo "usage: $0 16|20" >&2
    exit 2
    ;;
esac
for name in gateway osd mon; do halt "$SERVERS_DIR/ceph$1" "$name"; done
echo "ceph$1 stopped"
