#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# The codec and the engine of the one file need no operating system, and what checks it finds what does.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/common.sh
tests/package/freestanding "${LEVERET_BUILD:-build}/amalgamation/leveret.c" gcc

finds() { # TEXT, in a program on stdin
    cat >"$tmp/bad.c"
    ! tests/package/freestanding "$tmp/bad.c" gcc >"$tmp/out" 2>&1 || fail "passes: $(cat "$tmp/bad.c")"
    grep -q "$1" "$tmp/out" || fail "$(cat "$tmp/bad.c" "$tmp/out")"
}
finds 'needs strlen' <<<'unsigned long strlen(const char *); unsigned long lev_x(const char *s) { return strlen(s); }'
finds 'it has state' <<<'int lev_x(void) { static int n; return n++; }'
