#!/bin/bash
# Redis on loopback, twice: a plain server, and at the port above it a Redis Cluster of one node. Nothing on disk: empty at
# every start. Neither evicts keys (maxmemory-policy noeviction), as a queue needs it.
# Prints the environment to export. A second call with live servers only prints it. PORT sets the port.
# Stop: ./stop-redis.sh
set -euo pipefail
. "$(dirname "$0")/state.sh"
dir=$SERVERS_DIR/redis
port=${PORT:-19379}
in_root=("$HERE/in-root.sh" bookworm)

ask() {
  "${in_root[@]}" redis-cli -h 127.0.0.1 -p "$@" 2>/dev/null
}

# start NAME PORT OPTION…
start() {
  local name=$1 port=$2
  shift 2
  if [ "$(ask "$port" ping)" = PONG ]; then
    echo "another Redis answers at port $port" >&2
    return 1
  fi
  spawn "$dir" "$name" "${in_root[@]}" redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" \
    --save '' --appendonly no --maxmemory-policy noeviction --daemonize no "$@"
  for _ in $(seq 300); do
    [ "$(ask "$port" ping)" = PONG ] && return
    alive "$dir" "$name" || break
    sleep .1
  done
  tail -n 20 "$dir/$name.log" >&2
  return 1
}

if ! { alive "$dir" redis && alive "$dir" cluster; }; then
  "$HERE/make-root.sh" bookworm redis-server
  "$HERE/stop-redis.sh" >/dev/null
  rm -rf "$dir"
  mkdir -p "$dir"
  start redis "$port"
  start cluster $((port + 1)) --cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-config-file cluster.conf --cluster-port $((port + 2))
  ask $((port + 1)) cluster addslotsrange 0 16383 >/dev/null
  for _ in $(seq 100); do
    ask $((port + 1)) cluster info | grep -q '^cluster_state:ok' && break
    sleep .1
  done
fi
cat <<ENV
export REDIS_URL=redis://127.0.0.1:$port
export REDIS_CLUSTER_URL=redis://127.0.0.1:$((port + 1))
ENV
