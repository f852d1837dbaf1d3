#!/bin/sh
# Makes the data folder at the first start, runs the scripts beside a server that only its socket
# reaches, and then becomes the server. Arguments go to it.
set -eu
user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"
socket=/var/run/postgresql

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be given}"
    password_file=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
    # Made aside and moved when it is whole: a start that is cut off is begun anew.
    making="$PGDATA.making"
    rm -rf "$making"
    initdb --pgdata "$making" --username "$user" --pwfile "$password_file" --encoding UTF8 \
        --auth-local trust --auth-host scram-sha-256 >/dev/null
    rm -f "$password_file"
    echo "host all all all scram-sha-256" >>"$making/pg_hba.conf"
    pg_ctl --pgdata "$making" --silent --wait \
        --options "-c listen_addresses='' -c unix_socket_directories=$socket" start
    PGHOST="$socket"
    export PGHOST
    if [ "$database" != postgres ]; then
        createdb --username "$user" "$database"
    fi
    for script in /docker-entrypoint-initdb.d/*.sh; do
        # shellcheck disable=SC1090
        if [ -f "$script" ]; then . "$script"; fi
    done
    unset PGHOST
    pg_ctl --pgdata "$making" --silent --wait --mode fast stop
    if [ -d "$PGDATA" ]; then rmdir "$PGDATA"; fi
    mv "$making" "$PGDATA"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories="$socket" "$@"
