#!/bin/bash
# An SQS server on loopback: fauxqs, an npm package of this project. Standard queues with visibility, delays, receive
# counts and redrive policies as AWS documents them. Empty at every start.
# moto's SQS won't do: a send that meets a delete can be lost there, and 6,000 messages take it minutes.
# Prints the environment to export. A second call with a live server only prints it. PORT sets the port.
# Stop: ./stop-sqs.sh
set -euo pipefail
# sudo's PATH may lack Node.
set -- "${1:-$(command -v node)}"
. "$(dirname "$0")/state.sh"
node=$1
dir=$SERVERS_DIR/sqs
port=${PORT:-19107}
if ! alive "$dir" sqs; then
  must_be_free "http://127.0.0.1:$port/"
  mkdir -p "$dir"
  # Its packages are this project's, and `npm ci` may be installing them at this moment.
  for _ in $(seq 120); do
    : >"$dir/sqs.log"
    spawn "$dir" sqs "$node" "$HERE/sqs-server.mjs" --port "$port"
    until_answers "http://127.0.0.1:$port/health" "$dir" sqs 2>"$dir/sqs.problem" && break
    halt "$dir" sqs
    sleep 1
  done
  alive "$dir" sqs || {
    cat "$dir/sqs.problem" >&2
    exit 1
  }
fi
cat <<ENV
export SQS_ENDPOINT=http://127.0.0.1:$port
ENV
