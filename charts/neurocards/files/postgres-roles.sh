#!/bin/sh
# Runs once, when the server makes its data folder: one login per process, and the database's owner.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v database="$POSTGRES_DB" \
    -v bot_role="$BOT_ROLE" -v bot_password="$BOT_PASSWORD" \
    -v worker_role="$WORKER_ROLE" -v worker_password="$WORKER_PASSWORD" \
    -v operator_role="$OPERATOR_ROLE" -v operator_password="$OPERATOR_PASSWORD" \
    -v ops_role="$OPS_ROLE" -v ops_password="$OPS_PASSWORD" \
    -v migrate_role="$MIGRATE_ROLE" -v migrate_password="$MIGRATE_PASSWORD" \
    -v page_password="${PAGE_PASSWORD:-}" \
    --file /etc/neurocards/roles.sql
