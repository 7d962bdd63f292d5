#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# The library as one file (make amalgamation): compilers take it and its header without a word, whole and with
# each part left out, and the classic pair runs on it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/common.sh
need_broker
folder=${LEVERET_BUILD:-build}/amalgamation
[ -e "$folder/leveret.c" ] || fail "make amalgamation first"
[ "$(ls "$folder" | tr '\n' ' ')" = 'leveret.c leveret.h ' ] || fail "there is more than two files: $(ls "$folder")"
for file in include/leveret/*.h src/*/*.[ch]; do
    [ "$file" != include/leveret/leveret.h ] || continue
    [ "$(cat "$folder"/leveret.[ch] | grep -cxF "/* ---- $file ---- */")" -eq 1 ] || fail "$file is not there once"
done
strict=(-pedantic -Wall -Wextra -Werror)

compile() { # COMPILER OPTIONS...
    "$@" -std=c11 "${strict[@]}" -c "$folder/leveret.c" -o "$tmp/leveret.o" || fail "$*"
}

# The header in one file, and each compiler with all there is; what is left out only once.
echo '#include "leveret.h"' >"$tmp/header.cpp"
for without in '' -DLEV_ENGINE_ONLY; do
    g++ -std=c++11 "${strict[@]}" $without -I"$folder" -fsyntax-only "$tmp/header.cpp" || fail "g++ $without"
    clang++ "${strict[@]}" $without -I"$folder" -fsyntax-only "$tmp/header.cpp" || fail "clang++ $without"
done
compile clang -fsyntax-only
compile clang -fsyntax-only -DLEV_NO_TLS
compile gcc -fsyntax-only -DLEV_NO_THREADS
for word in openssl pthread socket malloc; do
    ! gcc -std=c11 -E -DLEV_ENGINE_ONLY "$folder/leveret.c" | grep "^extern.*$word" >/dev/null || fail "the engine knows $word"
done

# Programs include <leveret/leveret.h> with an installed copy and with this one.
examples
ln -s "$PWD/$folder" "$tmp/leveret"
for without in '' -DLEV_NO_TLS; do
    compile gcc -O1 $without
    libraries=-pthread
    [ -n "$without" ] || libraries+=" $(pkg-config --libs openssl)"
    for e in producer consumer; do
        gcc -D_GNU_SOURCE -std=c11 "${strict[@]}" -I"$tmp" "$tmp/$e.c" "$tmp/leveret.o" $libraries -o "$tmp/$e"
    done
    pair "$tmp/producer" "$tmp/consumer"
done
