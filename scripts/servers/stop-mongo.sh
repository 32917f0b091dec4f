#!/bin/bash
# Stops what ./start-mongo.sh started.
. "$(dirname "$0")/state.sh"
for name in gateway postgres; do halt "$SERVERS_DIR/mongo" "$name"; done
echo "mongo stopped"
