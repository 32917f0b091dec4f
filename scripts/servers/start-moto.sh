#!/bin/bash
# moto on loopback: S3 with AWS's own error words, state in memory. It does not check signatures.
# Prints the environment to export. A second call with a live server only prints it. PORT sets the port.
# Stop: ./stop-moto.sh
set -euo pipefail
. "$(dirname "$0")/state.sh"
dir=$SERVERS_DIR/moto
port=${PORT:-19105}
if ! alive "$dir" moto; then
  # From flask-cors on: what moto imports and Debian only suggests.
  "$HERE/make-root.sh" sid python3-moto python3-flask-cors \
    python3-yaml python3-jsonpath-ng python3-pyparsing python3-joserfc python3-docker python3-graphql-core python3-jsondiff python3-openapi-spec-validator
  must_be_free "http://127.0.0.1:$port/"
  mkdir -p "$dir"
  : >"$dir/moto.log"
  spawn "$dir" moto "$HERE/in-root.sh" sid moto_server -H 127.0.0.1 -p "$port"
  until_answers "http://127.0.0.1:$port/moto-api/" "$dir" moto
fi
cat <<ENV
export S3_SERVER=moto
export S3_ENDPOINT=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=testing
export AWS_SECRET_ACCESS_KEY=testing
export AWS_REGION=us-east-1
ENV
