#!/bin/sh
# Starts Grafana with the password of the lab's settings: start.sh PROGRAM HOME COMMAND...
#
# Grafana takes GF_SECURITY_ADMIN_PASSWORD only while it has no database. Where it has one, its own command line is told the
# password first, on its standard input. If that fails it is said, and Grafana starts all the same.
set -u
program=$1 home=$2
shift 2

password() {
    if [ -n "${GF_SECURITY_ADMIN_PASSWORD__FILE:-}" ]; then
        cat "$GF_SECURITY_ADMIN_PASSWORD__FILE"
    else
        printf '%s' "$GF_SECURITY_ADMIN_PASSWORD"
    fi
    echo
}

# Before there was one program for all, the command line was a program of its own.
case $program in
*grafana-server) tool=${program%-server}-cli command='' ;;
*) tool=$program command=cli ;;
esac

if [ -s "$GF_PATHS_DATA/grafana.db" ]; then
    # shellcheck disable=SC2086 # an empty word must vanish
    password | "$tool" $command ${home:+--homepath "$home"} ${GF_PATHS_CONFIG:+--config "$GF_PATHS_CONFIG"} \
        admin reset-admin-password --password-from-stdin >&2 ||
        echo "Grafana's password couldn't be set anew; it is the one that its database has." >&2
fi
exec "$@"
