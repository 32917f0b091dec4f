#!/bin/bash
# Stops what ./start-redis.sh started.
. "$(dirname "$0")/state.sh"
halt "$SERVERS_DIR/redis" redis
echo "redis stopped"
