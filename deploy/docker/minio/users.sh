#!/bin/bash
# Creates the bucket and, for each service, a user with one policy. Another run updates passwords and policies.
set -euo pipefail
mc alias set echo http://minio:9000 "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" > /dev/null
mc mb --ignore-existing echo/echo
for service in auth feedback gateway listening synthesis voice; do
  variable="MINIO_${service^^}_PASSWORD"
  mc admin user add echo "$service" "${!variable}"
  mc admin policy create echo "$service" "/etc/echo/$service.json"
  mc admin policy detach echo "$service" --user "$service" > /dev/null 2>&1 || true  # attached by an earlier run
  mc admin policy attach echo "$service" --user "$service"
done
