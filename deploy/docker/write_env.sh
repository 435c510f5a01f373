#!/bin/sh
# Writes a secret to .env for each variable that the compose files require and .env lacks; only the owner can read it.
set -eu
umask 077
touch .env
chmod 600 .env
[ -z "$(tail -c1 .env)" ] || echo >> .env
added=
for name in $(grep -oh '\${[A-Z_]*:?' docker-compose.yml deploy/observability/docker-compose.yml | tr -d '${:?' | sort -u); do
  grep -q "^$name=" .env || { printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >> .env; added=1; }
done
[ -z "$added" ] || echo "Wrote .env; the first admin is admin@echo.internal with ECHO_AUTH_ADMIN_PASSWORD."
