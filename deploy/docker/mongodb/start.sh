#!/bin/bash
# Starts a replica set member that requires a login; members authenticate each other with the key file.
set -euo pipefail
umask 077
printf '%s' "$MONGODB_KEY" > /tmp/keyfile
unset MONGODB_KEY
exec docker-entrypoint.sh mongod --replSet rs0 --keyFile /tmp/keyfile --bind_ip_all
