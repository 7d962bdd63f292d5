# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# What the tests of packages share. Sourced from the root of the tree. shellcheck shell=bash

tmp=$(mktemp -d)
started=()
p=
trap 'for p in "${started[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$tmp"' EXIT

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# need_broker   ends as skipped where there is none
need_broker() {
    [ -n "${LEVERET_RABBITMQ_URL:-}" ] || { echo "skipped: LEVERET_RABBITMQ_URL is not set" >&2; exit 77; }
}

# examples   copies the classic pair to $tmp, with an exchange of its own: other tests use the same broker
examples() {
    local e
    for e in producer consumer; do
        sed "s/myexchange/package-$$/" "tools/examples/$e.c" >"$tmp/$e.c"
        grep -q "package-$$" "$tmp/$e.c" || fail "$e.c names no exchange"
    done
}

# pair PRODUCER CONSUMER   what is typed to one of the programs of `examples` the other one prints
pair() {
    local tries=0 marker="said-$RANDOM"
    "$2" "$LEVERET_RABBITMQ_URL" >"$tmp/heard" 2>"$tmp/why" &
    started+=($!)
    # Until the consumer is there, what is said is not heard.
    while ! grep -qx "$marker" "$tmp/heard"; do
        [ $((tries += 1)) -le 200 ] || fail "the consumer heard nothing: $(cat "$tmp/heard" "$tmp/why")"
        kill -0 $! 2>/dev/null || fail "the consumer ended: $(cat "$tmp/why")"
        echo "$marker"
        sleep 0.1
    done | "$1" "$LEVERET_RABBITMQ_URL" || fail "the pair $1 and $2"
    printf '%s\n' 'one' '' 'three' "end-$marker" | "$1" "$LEVERET_RABBITMQ_URL" || fail "$1 ended with $?"
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -qx "end-$marker" "$tmp/heard" || break
        sleep 0.1
    done
    kill $! 2>/dev/null || true
    [ "$(tail -n 4 "$tmp/heard" | tr '\n' /)" = "one//three/end-$marker/" ] || fail "heard: $(cat "$tmp/heard")"
}
