#!/bin/bash
# Stops what ./start-redis.sh started.
. "$(dirname "$0")/state.sh"
for name in sentinel watched-two watched-one pair-two pair-one cluster-replica cluster redis; do halt "$SERVERS_DIR/redis" "$name"; done
echo "redis stopped"
