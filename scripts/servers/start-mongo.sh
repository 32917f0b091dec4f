#!/bin/bash
# A MongoDB-compatible server on loopback: PostgreSQL 18 with Microsoft's DocumentDB extension, behind mongo-gateway.mjs,
# which speaks the wire protocol. Empty at every start. Differs from MongoDB: no transactions, and duplicate key errors
# lack keyPattern and keyValue.
# Prints the environment to export. A second call with a live server only prints it. PORT sets the port; PostgreSQL's is
# 405 above it.
# Stop: ./stop-mongo.sh
set -euo pipefail
# sudo's PATH may lack Node.
set -- "${1:-$(command -v node)}"
. "$(dirname "$0")/state.sh"
node=$1
dir=$SERVERS_DIR/mongo
port=${PORT:-19027}
postgres_port=$((port + 405))
bin=/usr/lib/postgresql/18/bin
if ! { alive "$dir" gateway && alive "$dir" postgres; }; then
  "$HERE/make-root.sh" sid postgresql-18-documentdb
  in_root=("$HERE/in-root.sh" sid)
  # PostgreSQL refuses to run as root.
  as_postgres=("${in_root[@]}" setpriv --reuid postgres --regid postgres --clear-groups)
  "$HERE/stop-mongo.sh" >/dev/null
  must_be_free "http://127.0.0.1:$port/"
  rm -rf "$dir"
  mkdir -p "$dir"
  {
    "${in_root[@]}" install -d -o postgres -g postgres -m 700 "$dir/data" "$dir/run"
    "${as_postgres[@]}" $bin/initdb -D "$dir/data" -U postgres --auth=trust --no-sync -E UTF8 --locale=C.UTF-8
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $postgres_port
unix_socket_directories = '$dir/run'
shared_preload_libraries = 'pg_cron, pg_documentdb_core, pg_documentdb'
cron.database_name = 'postgres'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
CONF
    spawn "$dir" postgres "${as_postgres[@]}" $bin/postgres -D "$dir/data"
    for _ in $(seq 600); do
      if "${as_postgres[@]}" $bin/pg_isready -h 127.0.0.1 -p $postgres_port -q || ! alive "$dir" postgres; then break; fi
      sleep .1
    done
    "${as_postgres[@]}" psql -h 127.0.0.1 -p $postgres_port -U postgres -qc 'create extension documentdb cascade'
  } >"$dir/boot.log" 2>&1 || {
    tail -n 20 "$dir/boot.log" "$dir/postgres.log" >&2
    exit 1
  }
  # The gateway's packages are this project's, and `npm ci` may be installing them at this moment.
  for _ in $(seq 120); do
    spawn "$dir" gateway "$node" "$HERE/mongo-gateway.mjs" --port "$port" --postgres "$postgres_port"
    until_answers "http://127.0.0.1:$port/" "$dir" gateway 2>"$dir/gateway.problem" && break
    halt "$dir" gateway
    sleep 1
  done
  alive "$dir" gateway || {
    cat "$dir/gateway.problem" >&2
    exit 1
  }
fi
cat <<ENV
export MONGODB_URL=mongodb://127.0.0.1:$port/?directConnection=true
ENV
