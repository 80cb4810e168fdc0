# Sourced by the scripts beside it: where things are, root, stages with their elapsed time.
# shellcheck shell=bash

: "${HOME:=/root}"
export HOME LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

VENV=.venv
if [ "$EUID" -eq 0 ]; then
    CACHE=/var/cache/quarterdeck
else
    CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck
fi
LOG=$CACHE/setup.log
mkdir -p "$CACHE"
: >>"$LOG"

# as_root COMMAND...: run it as root, with sudo where we are somebody else.
as_root() {
    if [ "$EUID" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "This needs root, and there is no sudo: run it as root." >&2
        return 1
    fi
}

# seconds_since MICROSECONDS: tenths of a second that have passed.
seconds_since() {
    local passed=$((${EPOCHREALTIME/[.,]/} - $1))
    printf '%d.%d' $((passed / 1000000)) $((passed / 100000 % 10))
}

# stage NAME COMMAND...: run it with its output in the log; one line says how it went. On a terminal
# the line lives meanwhile. Upon failure the log's tail is shown.
stage() {
    local name=$1 began=${EPOCHREALTIME/[.,]/} status=0 job start room
    shift
    start=$(wc -l 2>/dev/null <"$LOG" || echo 0)
    printf '\n== %s, %s\n' "$name" "$(date)" >>"$LOG"
    if [ -t 1 ]; then
        # What is left of the line; a full one would wrap, and each update begin a new one.
        room=$(($(tput cols 2>/dev/null || echo 80) - 44))
        [ "$room" -gt 0 ] || room=1
        "$@" >>"$LOG" 2>&1 &
        job=$!
        # A job in the background does not hear the keyboard's interrupt by itself.
        trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
        while kill -0 "$job" 2>/dev/null; do
            printf '\r\033[K  %-28s %8s s  %.*s' "$name" "$(seconds_since "$began")" "$room" \
                "$(tail -n 1 "$LOG" | tr -cd '[:print:]')"
            sleep 0.1
        done
        wait "$job" || status=$?
        trap - INT TERM
        printf '\r\033[K'
    else
        printf '  %s ...\n' "$name"
        "$@" >>"$LOG" 2>&1 || status=$?
    fi
    if [ "$status" -eq 0 ]; then
        printf '  %-28s %8s s\n' "$name" "$(seconds_since "$began")"
    else
        printf '  %-28s failed after %s s; the end of %s:\n' \
            "$name" "$(seconds_since "$began")" "$LOG" >&2
        tail -n "+$((start + 3))" "$LOG" | tail -n 20 | sed 's/^/    /' >&2
    fi
    return "$status"
}
