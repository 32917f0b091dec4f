#!/bin/bash
# Mounts a disk of a few megabytes in memory, which anyone may write to: to be filled.
#   ./mount-disk.sh DIRECTORY MEGABYTES
# Unmount: ./unmount-disk.sh DIRECTORY
set -euo pipefail
. "$(dirname "$0")/state.sh"
mount -t tmpfs -o "size=$2m,mode=1777" whatsapp-media-archive-disk "$1"
