#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# An installed copy (make install): programs find it through pkg-config and through CMake, shared and static, run
# on it, and nothing is left of it after make uninstall.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/package/common.sh
need_broker
export BUILD=${LEVERET_BUILD:-build}
root=$tmp/root
multiarch=lib/$(gcc -print-multiarch)
into=(BUILD="$BUILD" DESTDIR="$root" prefix=/opt/leveret libdir=/opt/leveret/"$multiarch")
make --silent install "${into[@]}"

lib=$root/opt/leveret/$multiarch
version=$(sed -n 's/^#define LEV_VERSION "\(.*\)"/\1/p' include/leveret/status.h)
soname=$(objdump -p "$lib/libleveret.so" | awk '$1 == "SONAME" { print $2 }')
[[ $soname =~ ^libleveret\.so\.[0-9]+$ && -f $lib/$soname ]] || fail "the soname is $soname"

# pkg-config, of a copy that lies in a root folder of its own
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$lib/pkgconfig
[ "$(pkg-config --modversion leveret)" = "$version" ] || fail "leveret.pc has another version than the headers"
examples
for e in producer consumer; do
    # shellcheck disable=SC2046 # words
    gcc "$tmp/$e.c" $(pkg-config --cflags --libs leveret) -Wl,-rpath,"$lib" -o "$tmp/$e"
done
readelf -d "$tmp/producer" | grep "NEEDED.*\[$soname\]" >/dev/null || fail "the program is not linked to $soname"
LD_LIBRARY_PATH='' pair "$tmp/producer" "$tmp/consumer"
unset PKG_CONFIG_SYSROOT_DIR
needs=$(PKG_CONFIG_SYSTEM_LIBRARY_PATH='' pkg-config --static --libs leveret)
[[ $needs == *-lssl* && $needs == *-pthread* ]] || fail "leveret.pc for static programs: $needs"

# CMake, of a copy that was moved
mv "$root/opt/leveret" "$tmp/moved"
mkdir "$tmp/cmake"
cat >"$tmp/cmake/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.13)
project(pair C)
find_package(leveret ${WANTED} REQUIRED)
add_executable(producer ../producer.c)
target_link_libraries(producer leveret::leveret)
add_executable(consumer ../consumer.c)
target_link_libraries(consumer leveret::static)
C
configure() { # VERSION
    cmake -S "$tmp/cmake" -B "$tmp/cmake/build" -DCMAKE_PREFIX_PATH="$tmp/moved" -DWANTED="$1" >"$tmp/said" 2>&1
}
configure "${version%.*}" || fail "CMake: $(cat "$tmp/said")"
cmake --build "$tmp/cmake/build" >"$tmp/said" 2>&1 || fail "CMake: $(cat "$tmp/said")"
readelf -d "$tmp/cmake/build/producer" | grep "NEEDED.*\[$soname\]" >/dev/null || fail "leveret::leveret is not $soname"
! readelf -d "$tmp/cmake/build/consumer" | grep 'NEEDED.*leveret' >/dev/null || fail 'leveret::static is shared'
pair "$tmp/cmake/build/producer" "$tmp/cmake/build/consumer"
for other in 0.0 "${version%.*}.99" 77; do
    rm -rf "$tmp/cmake/build"
    ! configure "$other" || fail "CMake takes version $version for $other"
    grep -q 'compatible with requested version' "$tmp/said" || fail "CMake: $(cat "$tmp/said")"
done

# and nothing is left
mv "$tmp/moved" "$root/opt/leveret"
make --silent uninstall "${into[@]}"
[ -z "$(find "$root" -type f -o -type l)" ] || fail "make uninstall leaves $(find "$root" -type f -o -type l)"
