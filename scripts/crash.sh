#!/usr/bin/env bash
# The crash tests in their long form, 100 kills each: on SQLite, on PostgreSQL, and on PostgreSQL with Redis as broker.
# The servers are of this run alone (Debian's packages; as root), so that they can be restarted and emptied in the middle.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
unset DATABASE_URL REDIS_URL
port=${POSTGRESQL_PORT:-5499} redis_port=${REDIS_PORT:-6399}
version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
folder=$(mktemp -d)
cleanup() {
    redis-cli -p "$redis_port" shutdown nosave >/dev/null 2>&1
    pg_dropcluster --stop "$version" crash >/dev/null 2>&1
    rm -rf "$folder"
}
trap cleanup EXIT
pg_createcluster --port "$port" "$version" crash -- --auth=trust >/dev/null || exit 1
pg_ctlcluster "$version" crash start || exit 1
redis-server --daemonize yes --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$folder" >/dev/null || exit 1

# immediate: as if the machine had lost its power.
export RESTART_POSTGRESQL="pg_ctlcluster $version crash restart -m immediate"
url=postgres://postgres@127.0.0.1:$port/crash
failed=0
run() { # name, setting …
    printf '\n== %s\n' "$1"
    env "${@:2}" RELIABILITY=long .venv/bin/python -m pytest -q -s --timeout=7200 tests/reliability/test_crash.py || failed=1
}
run SQLite DATA_DIR="$folder"
run PostgreSQL DATABASE_URL="$url"
run 'PostgreSQL and Redis' DATABASE_URL="$url" REDIS_URL="redis://127.0.0.1:$redis_port/0"
exit "$failed"
