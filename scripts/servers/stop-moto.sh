#!/bin/bash
# Stops what ./start-moto.sh started.
. "$(dirname "$0")/state.sh"
halt "$SERVERS_DIR/moto" moto
echo "moto stopped"
