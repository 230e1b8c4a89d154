#!/bin/sh
# Makes the secrets that compose.yaml mounts, once; what is there already stays.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }
make rabbitmq_password "$(random)"
make mongodb_password "$(random)"
make token "$(random)"
make secret "$(random)"
make bus "amqp://leat:$(cat secrets/rabbitmq_password)@rabbitmq/"
make records "mongodb://leat:$(cat secrets/mongodb_password)@mongodb/leat?authSource=admin"
# Containers run as another user than the one who made the files.
chmod 755 secrets && chmod 644 secrets/*
echo "secrets are in $(pwd)/secrets; the administrator's token is in secrets/token"
