#!/bin/bash
# Redis on loopback: a plain server; a Redis Cluster of one primary with its replica; a primary with its replica; and the
# same watched by a Sentinel. Nothing on disk: empty at every start. None evicts keys (maxmemory-policy noeviction), as a
# queue needs it.
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

# start_node NAME PORT: a node of the cluster, whose own bus is at the port above.
start_node() {
  start "$1" "$2" --cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-config-file "$1.conf" --cluster-port $(($2 + 1))
}

# until_says WORD PORT COMMAND…
until_says() {
  local word=$1
  shift
  for _ in $(seq 300); do
    ask "$@" | grep -q "$word" && return
    sleep .1
  done
  echo "redis at port $1 never said $word" >&2
  return 1
}

# start_pair NAME PORT: a primary, and its replica at the port above.
start_pair() {
  start "$1-one" "$2" --repl-diskless-sync-delay 0
  start "$1-two" $(($2 + 1)) --repl-diskless-sync-delay 0 --replicaof "127.0.0.1 $2"
  until_says master_link_status:up $(($2 + 1)) info replication
}

names=(redis cluster cluster-replica pair-one pair-two watched-one watched-two sentinel)
is_complete() {
  local name
  for name in "${names[@]}"; do alive "$dir" "$name" || return 1; done
}

if ! is_complete; then
  "$HERE/make-root.sh" bookworm redis-server
  "$HERE/stop-redis.sh" >/dev/null
  rm -rf "$dir"
  mkdir -p "$dir"
  start redis "$port"
  start_node cluster $((port + 1))
  start_node cluster-replica $((port + 3))
  ask $((port + 1)) cluster addslotsrange 0 16383 >/dev/null
  ask $((port + 1)) cluster meet 127.0.0.1 $((port + 3)) $((port + 4)) >/dev/null
  until_says '^cluster_state:ok' $((port + 1)) cluster info
  until_says '^cluster_known_nodes:2' $((port + 3)) cluster info
  until_says OK $((port + 3)) cluster replicate "$(ask $((port + 1)) cluster myid)"
  until_says master_link_status:up $((port + 3)) info replication
  start_pair pair $((port + 5))
  start_pair watched $((port + 7))
  printf 'sentinel monitor media 127.0.0.1 %s 1\nsentinel down-after-milliseconds media 1000\n' $((port + 7)) >"$dir/sentinel.conf"
  spawn "$dir" sentinel "${in_root[@]}" redis-server "$dir/sentinel.conf" --sentinel --bind 127.0.0.1 --port $((port + 9))
  until_says slaves=1 $((port + 9)) info sentinel
fi
cat <<ENV
export REDIS_URL=redis://127.0.0.1:$port
export REDIS_CLUSTER_URL=redis://127.0.0.1:$((port + 1))
export REDIS_CLUSTER_REPLICA_URL=redis://127.0.0.1:$((port + 3))
export REDIS_PAIR_URLS=redis://127.0.0.1:$((port + 5)),redis://127.0.0.1:$((port + 6))
export REDIS_SENTINEL_URL=redis://127.0.0.1:$((port + 9))
ENV
