#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# The guide for programs of rabbitmq-c: both of its programs do the same, and its table names every function of
# librabbitmq and none that Leveret lacks.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/common.sh
need_broker
build=${LEVERET_BUILD:-build}
leveret=${LEVERET:-$build/leveret}
guide=tools/examples/rabbitmq-c

strict=(-std=c11 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wswitch-enum -Werror)
# shellcheck disable=SC2046 # words
gcc "${strict[@]}" "$guide/listen_rabbitmqc.c" $(pkg-config --cflags --libs librabbitmq) -o "$tmp/rabbitmqc"
gcc "${strict[@]}" -Iinclude -Ispec "$guide/listen_leveret.c" "$build/libleveret.so" -Wl,-rpath,"$PWD/$build" -o "$tmp/leveret"

# both hear the same
exchange=amq.topic
key=moved-$$
say() { "$leveret" publish -u "$LEVERET_RABBITMQ_URL" -e $exchange -r "$1" "${@:2}"; }
for one in rabbitmqc leveret; do
    "$tmp/$one" "$LEVERET_RABBITMQ_URL" $exchange "$key.#" >"$tmp/$one.out" 2>"$tmp/$one.err" &
    started+=($!)
done
for ((tries = 0; tries < 200; tries++)); do
    ! { grep -q . "$tmp/rabbitmqc.out" && grep -q . "$tmp/leveret.out"; } || break
    say "$key.probe" probe 2>/dev/null || true
    sleep 0.05
done
printf 'one\ntwo three\n' | say "$key.a.b" -l --content-type text/plain
head -c 200000 /dev/zero | tr '\0' x | say "$key" --content-type application/x
say "$key.end" ''
for one in rabbitmqc leveret; do
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -q "^$exchange $key.end " "$tmp/$one.out" || break
        sleep 0.05
    done
    sed "/ $key.probe /d" "$tmp/$one.out" >"$tmp/$one.heard"
done
cmp "$tmp/rabbitmqc.heard" "$tmp/leveret.heard" || fail "the two programs print different things"
[ "$(wc -l <"$tmp/leveret.heard")" -eq 4 ] || fail "not all was heard: $(cut -c1-80 "$tmp/leveret.heard")"
grep -qx "$exchange $key.a.b (text/plain) two three" "$tmp/leveret.heard" || fail "$(cut -c1-80 "$tmp/leveret.heard")"

# and end the same way where they cannot
for one in rabbitmqc leveret; do
    ! "$tmp/$one" "$LEVERET_RABBITMQ_URL" "none-$$" x 2>"$tmp/$one.err" || fail "$one listens to what is not there"
    grep -q "^listen: .*NOT_FOUND - no exchange 'none-$$'" "$tmp/$one.err" || fail "$one says: $(cat "$tmp/$one.err")"
done

# The table: theirs on the left, ours on the right.
grep '^|' "$guide/README.md" >"$tmp/table"
library=$(ldd "$tmp/rabbitmqc" | awk '$1 ~ /^librabbitmq/ { print $3 }')
nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | sort >"$tmp/theirs"
awk -F'|' '{ print $2 }' "$tmp/table" | grep -oE '\b[a-z]*_?amqp_[a-z0-9_]+' | sort -u >"$tmp/told"
different=$(comm -3 "$tmp/theirs" "$tmp/told")
[ -z "$different" ] || fail "functions of librabbitmq, and those of the table:" $different
gcc -E -Iinclude -Ispec -dD include/leveret/leveret.h | grep -oE '\b(lev|LEV)_[A-Za-z0-9_]+' | sort -u >"$tmp/ours"
unknown=$(grep -oE '\b(lev|LEV)_[A-Za-z0-9_]+' "$guide/README.md" | sort -u | comm -23 - "$tmp/ours")
[ -z "$unknown" ] || fail "Leveret has no" $unknown
for one in rabbitmqc leveret; do
    lines=$(wc -l <"$guide/listen_$one.c")
    grep -q "(listen_$one.c), $lines lines" <(tr '\n' ' ' <"$guide/README.md") || fail "listen_$one.c has $lines lines"
done
