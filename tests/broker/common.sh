# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# What the scripts that start brokers share. shellcheck shell=bash

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# free_ports N   N different ports of loopback that nobody listens on: chosen by chance, and below those that the
# system gives to outgoing connections, so that a broker that was killed finds its port free again
free_ports() {
    /usr/bin/python3 - "$1" <<'PY'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    try:
        held.append(socket.create_server(("127.0.0.1", random.randrange(10000, 32000))))
    except OSError:
        pass
print(*[s.getsockname()[1] for s in held])
PY
}

# greets PORT   whether what listens there answers the protocol header with a method frame
greets() {
    local first
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'AMQP\0\0\011\001' >&3
    first=$(timeout 2 head -c 1 <&3 | od -An -tx1 | tr -d ' ')
    exec 3>&-
    [ "$first" = 01 ]
}

# await_greeting PORT PID SECONDS   waits until PORT greets; fails early when PID is gone
await_greeting() {
    local tries=$(($3 * 10))
    while [ $((tries -= 1)) -ge 0 ]; do
        ! greets "$1" 2>/dev/null || return 0
        [ -d "/proc/$2" ] || return 1
        sleep 0.1
    done
    return 1
}

# ended PID SECONDS   waits until the process is gone
ended() {
    local tries=$(($2 * 10))
    while [ -d "/proc/$1" ]; do
        [ $((tries -= 1)) -ge 0 ] || return 1
        sleep 0.1
    done
}

# owns PID FOLDER   whether the process still is the one that was started with its state in FOLDER
owns() {
    local cwd
    cwd=$(readlink "/proc/$1/cwd" 2>/dev/null) && [[ $cwd/ == "$2"/* || $cwd == "$2 (deleted)" ]]
}
