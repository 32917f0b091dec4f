#!/bin/bash
# Unmounts what ./mount-disk.sh mounted.
set -euo pipefail
. "$(dirname "$0")/state.sh"
grep -q "^whatsapp-media-archive-disk $1 tmpfs " /proc/mounts || {
  echo "no disk of mount-disk.sh is at $1" >&2
  exit 1
}
# Lazily: a process that was killed a moment ago may still hold a file.
umount --lazy "$1"
