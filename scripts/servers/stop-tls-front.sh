#!/bin/bash
# Stops what ./start-tls-front.sh started.
. "$(dirname "$0")/state.sh"
halt "$SERVERS_DIR/tls-front-${PORT:-19443}" nginx
echo "TLS front stopped"
