#!/bin/bash
# Redis on loopback, nothing on disk: empty at every start, and again when it is stopped. Refuses to evict keys
# (maxmemory-policy noeviction), as a queue needs it.
# Prints the environment to export. A second call with a live server only prints it. PORT sets the port.
# Stop: ./stop-redis.sh
set -euo pipefail
. "$(dirname "$0")/state.sh"
dir=$SERVERS_DIR/redis
port=${PORT:-19379}
if ! alive "$dir" redis; then
  "$HERE/make-root.sh" bookworm redis-server
  in_root=("$HERE/in-root.sh" bookworm)
  answers() {
    [ "$("${in_root[@]}" redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]
  }
  if answers; then
    echo "another Redis answers at port $port" >&2
    exit 1
  fi
  rm -rf "$dir"
  mkdir -p "$dir"
  spawn "$dir" redis "${in_root[@]}" redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" \
    --save '' --appendonly no --maxmemory-policy noeviction --daemonize no
  for _ in $(seq 300); do
    if answers || ! alive "$dir" redis; then break; fi
    sleep .1
  done
  answers || {
    tail -n 20 "$dir/redis.log" >&2
    exit 1
  }
fi
cat <<ENV
export REDIS_URL=redis://127.0.0.1:$port
ENV
