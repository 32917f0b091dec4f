#!/bin/bash
# Stops what ./start-sqs.sh started.
. "$(dirname "$0")/state.sh"
halt "$SERVERS_DIR/sqs" sqs
echo "sqs stopped"
