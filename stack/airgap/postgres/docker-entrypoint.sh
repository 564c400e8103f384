#!/bin/sh
# What the official image's entrypoint does, as far as the Compose stack relies on it: a new database cluster is made
# with the password in POSTGRES_PASSWORD_FILE, and scripts in /docker-entrypoint-initdb.d provision it.
set -eu

case "${1:-}" in
'' | -*) set -- postgres "$@" ;;
esac
[ "$1" = postgres ] || exec "$@"

# initdb and libpq want the user to have a name.
if ! getent passwd "$(id -u)" >/dev/null; then
    printf 'postgres:x:%s:%s:PostgreSQL:%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" >/tmp/passwd
    printf 'postgres:x:%s:\n' "$(id -g)" >/tmp/group
    export LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD=/tmp/passwd NSS_WRAPPER_GROUP=/tmp/group
fi

provision() {
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sql) psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc -U "$user" -d "$database" -f "$file" ;;
        *.sh) if [ -x "$file" ]; then "$file"; else sh "$file"; fi ;;
        esac
    done
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
    if [ ! -s "${POSTGRES_PASSWORD_FILE:-}" ]; then
        echo 'error: POSTGRES_PASSWORD_FILE names no file with the password of the superuser' >&2
        exit 1
    fi
    mkdir -p -m 0700 "$PGDATA"
    # shellcheck disable=SC2086 # options, as the official image takes them
    initdb --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 \
        ${POSTGRES_INITDB_ARGS:-}
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    # Nobody else gets in while it is being provisioned.
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
    if [ "$database" != postgres ]; then
        createdb --no-password -U "$user" "$database"
    fi
    export POSTGRES_USER="$user" POSTGRES_DB="$database"
    provision
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
unset POSTGRES_PASSWORD_FILE
exec "$@"
