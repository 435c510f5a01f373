#!/bin/sh
# Starts RabbitMQ with one user per service, one for the backup, and the queues of all consumers. They come from definitions.json, which
# `make contracts` generates, and passwords from the environment, at every start; there is no other user.
set -eu
umask 077
cp /etc/echo/definitions.json /tmp/definitions.json
for service in AUTH BACKUP FEEDBACK GATEWAY LISTENING SYNTHESIS VOICE; do
  eval "password=\$RABBITMQ_${service}_PASSWORD"
  sed -i "s/\${RABBITMQ_${service}_PASSWORD}/$password/" /tmp/definitions.json
done
exec docker-entrypoint.sh rabbitmq-server
