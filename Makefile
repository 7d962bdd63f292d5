# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors
#
# make            build/leveret, build/libleveret.a, build/libleveret.so.N (TLS=no: without OpenSSL;
#                 JSON=no: the command without json-c, which then reads no JSON;
#                 COMMANDS="publish get": a command of these only)
# make static     build/static/leveret: one file, which needs no other, and its size
# make amalgamation   build/amalgamation/leveret.c and leveret.h: the library as one file
# make exports    src/leveret.map, the list of exported functions, again from the public headers
# make freestanding   codec and engine without an operating system, here and for a small Arm: sizes
# make musl       build/musl/leveret: publish and consume alone, static, under 300 KiB
# make deb        Debian packages in build/deb; make reference: the headers as HTML and man pages
# make demo       publish and subscribe through a real broker (BROKER=garagemq for the other one)
# make demo-activity   200,000 user-activity events into SQLite and PostgreSQL, and an action for each purchase
# make check      all tests that fit in ten minutes; check-all: the long ones too
# make compare    100,000 random structures each way with each of three other codecs
# make simulate   many seeds of the simulator (SEEDS=1000000)
# make ledger     a million messages through killed brokers and clients and cut connections; nothing may be lost;
#                 ledger-selftest, client-selftest: mistakes planted on purpose are found
# make cluster    three nodes and a quorum queue, whose leader is killed every 30 s for 5 minutes
# make bench      figures beside rabbitmq-c and the raw socket (BENCH_ARGS='--scale 0.1 publish'); make plot draws
#                 tests/bench/rate.svg; BENCH_ARGS='--markdown README.md' renews the tables of the README
# make fuzz       each fuzz target for a minute (FUZZ_SECONDS=60); fuzz-coverage, fuzz-selftest; fuzz/README.md
# make asan ubsan tsan asan-command m32 big-endian coverage lint format install uninstall clean

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := 0.1.0
SOVERSION := 1

BUILD ?= build
CC = gcc
PREFIX ?= /usr/local
prefix ?= $(PREFIX)
libdir ?= $(prefix)/lib
DESTDIR ?=
NDEBUG ?= -DNDEBUG
THREADS ?= yes
TLS ?= yes
JSON ?= yes

OPT ?= -O2 -g
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wswitch-enum
EXTRA ?=
CFLAGS ?=
ALL_CFLAGS = -std=c11 $(OPT) $(WARN) $(NDEBUG) -fvisibility=hidden -Iinclude -Ispec $(EXTRA) $(CFLAGS)
HOSTED = -D_GNU_SOURCE -pthread
ifeq ($(THREADS),no)
HOSTED += -DLEV_NO_THREADS
endif
LDLIBS := -pthread

# ---- sources ----------------------------------------------------------------------------------------

# The layers that are built and tested: `m32` and `coverage` take only the two that need no system.
LAYERS ?= codec engine net client

# TLS is OpenSSL 3; `make TLS=no BUILD=build/plain` does without it.
ifneq ($(filter net,$(LAYERS))$(TLS),netyes)
NOT_IN_TOOL := tools/guard.c
NOT_BUILT := src/net/tls.c src/net/tls_context.c src/net/tls_session.c src/net/tls_why.c tests/net/tls_peer.c \
             tests/net/test_tls.c tests/net/test_tls_context.c tests/net/test_tls_hostile.c tests/net/test_identity.c tests/net/test_resume.c \
             tests/client/test_tls.c
else
NOT_IN_TOOL := tools/guard_none.c
NOT_BUILT := src/net/tls_none.c
OPENSSL := $(shell pkg-config --libs 'openssl >= 3' 2>/dev/null)
HOSTED += $(shell pkg-config --cflags 'openssl >= 3' 2>/dev/null)
LDLIBS += $(OPENSSL)
endif

# The command reads JSON through json-c; the library knows nothing of it.
ifeq ($(JSON),no)
NOT_IN_TOOL += tools/json.c
NOT_BUILT += tests/tools/test_json.c
else
NOT_IN_TOOL += tools/json_none.c
JSON_C := $(shell pkg-config --libs json-c 2>/dev/null)
TOOL_CFLAGS := $(shell pkg-config --cflags json-c 2>/dev/null)
endif

TOOL_LIBS := $(JSON_C) -lm
# Two examples need the event loops that they are for.
LOOPS := $(foreach l,libuv libevent,$(if $(shell pkg-config --exists $(l) && echo yes),$(l)))
NOT_BUILT += $(patsubst %,tools/examples/loop_%.c,$(filter-out $(LOOPS),libuv libevent))

PURE_C := $(wildcard src/codec/*.c src/engine/*.c)
LIB_C := $(filter-out $(NOT_BUILT),$(foreach l,$(LAYERS),$(wildcard src/$(l)/*.c)))
TOOL_C := $(filter-out $(NOT_IN_TOOL),$(wildcard tools/*.c))
EXAMPLE_C := $(filter-out $(NOT_BUILT),$(wildcard tools/examples/*.c))
HEADERS := $(wildcard include/leveret/*.h)
ALL_FILES := $(LIB_C) $(TOOL_C) $(EXAMPLE_C) $(wildcard tools/examples/*/*.c) $(HEADERS) $(wildcard src/*/*.h tools/*.h) \
             $(wildcard tests/*.h tests/*/*.[ch] fuzz/*.[ch]) $(NOT_BUILT) $(NOT_IN_TOOL)

LIB_O := $(LIB_C:%.c=$(BUILD)/obj/%.o)
PIC_O := $(LIB_C:%.c=$(BUILD)/pic/%.o)
TOOL_O := $(TOOL_C:%.c=$(BUILD)/obj/%.o)
EXAMPLES := $(EXAMPLE_C:tools/examples/%.c=$(BUILD)/examples/%)

LIB_A := $(BUILD)/libleveret.a
LIB_SO := $(BUILD)/libleveret.so.$(SOVERSION)

# Goals such as `check asan lint` go one after the other: they share build/ and the machine. Each of them is a
# make of its own, which then builds side by side.
ifneq ($(filter static asan-command compare ledger ledger-selftest client-selftest cluster check check-all asan ubsan tsan m32 big-endian coverage lint bench plot fuzz \
                fuzz-merge fuzz-coverage fuzz-selftest,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
ifneq ($(filter freestanding musl deb reference,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

.PHONY: amalgamation exports freestanding musl deb reference
.PHONY: all demo demo-activity static compare check check-all asan ubsan tsan asan-command m32 big-endian coverage lint format install \
        uninstall clean \
        units unit-programs structure checked ledger ledger-selftest client-selftest cluster bench bench-programs plot simulate \
        fuzz fuzz-programs fuzz-merge fuzz-coverage fuzz-selftest replays
all: $(LIB_A) $(LIB_SO) $(BUILD)/leveret $(BUILD)/man/leveret.1 $(EXAMPLES)

# The codec and the engine know no operating system: they get no feature macro, and the compiler must not
# turn their loops and comparisons into calls of strlen or bcmp.
PURE := -fno-builtin-strlen -fno-builtin-bcmp
ifeq ($(findstring clang,$(shell $(CC) --version)),)
PURE += -fno-tree-loop-distribute-patterns
endif
$(BUILD)/obj/src/codec/%.o $(BUILD)/obj/src/engine/%.o $(BUILD)/pic/src/codec/%.o \
$(BUILD)/pic/src/engine/%.o: HOSTED = $(PURE)

$(BUILD)/obj/tools/%.o: HOSTED += $(TOOL_CFLAGS)

# COMMANDS="publish consume": a command of these only. The linker leaves out what the others need.
ifneq ($(COMMANDS),)
.PHONY: anew
$(BUILD)/obj/tools/commands.o: anew
$(BUILD)/obj/tools/commands.o: HOSTED += -D'COMMANDS(X)=$(foreach c,$(COMMANDS),X($c))'
endif

# Said before the compiler says it in its words.
ifeq ($(JSON)$(JSON_C),yes)
$(BUILD)/obj/tools/json.o: need-json-c
.PHONY: need-json-c
need-json-c:
	@echo "json-c is not there: install libjson-c-dev and pkg-config, or build without it: make JSON=no" >&2
	@exit 1
endif
ifeq ($(filter net,$(LAYERS))$(TLS)$(OPENSSL),netyes)
$(filter %/net/tls.o %/net/tls_context.o %/net/tls_session.o %/net/tls_why.o,$(LIB_O) $(PIC_O)): need-openssl
.PHONY: need-openssl
need-openssl:
	@echo "OpenSSL 3 is not there: install libssl-dev and pkg-config, or build without it: make TLS=no" >&2
	@exit 1
endif

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HOSTED) -MMD -MP -c $< -o $@

$(BUILD)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HOSTED) -fPIC -MMD -MP -c $< -o $@

$(LIB_A): $(LIB_O)
	@rm -f $@
	ar rcs $@ $^

EXPORTS := src/leveret.map
$(LIB_SO): $(PIC_O) $(EXPORTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs -Wl,--version-script=$(EXPORTS) \
	    $(PIC_O) $(LDLIBS) -o $@
	@ln -sf libleveret.so.$(SOVERSION) $(BUILD)/libleveret.so

# SHARED=yes: the command uses the shared library, as a distribution wants it.
$(BUILD)/leveret: $(TOOL_O) $(if $(filter yes,$(SHARED)),$(LIB_SO),$(LIB_A))
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(TOOL_LIBS) $(LDLIBS) -o $@

# The command writes its man pages and completions itself, from its tables of options.
$(BUILD)/man/leveret.1: $(BUILD)/leveret
	@mkdir -p $(BUILD)/man $(BUILD)/completions
	@for s in bash zsh fish; do $< help --completion $$s > $(BUILD)/completions/leveret.$$s || exit 1; done
	@for c in $$($< help --list); do $< help --man $$c > $(BUILD)/man/leveret-$$c.1 || exit 1; done
	$< help --man > $@.tmp
	@mv $@.tmp $@

# A loop's callbacks get more than an example needs.
$(LOOPS:%=$(BUILD)/obj/tools/examples/loop_%.o): HOSTED += -Wno-unused-parameter
$(foreach l,$(LOOPS),$(eval $(BUILD)/examples/loop_$(l): EXAMPLE_LIBS = $(shell pkg-config --libs $(l))))
$(BUILD)/examples/%: $(BUILD)/obj/tools/examples/%.o $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ $(EXAMPLE_LIBS) $(LDLIBS) -o $@

# ---- tests ------------------------------------------------------------------------------------------

# tests/DIR/test_X.c is a program; the other files of DIR are linked into each of them.
UNIT_DIRS := $(LAYERS) $(if $(filter engine,$(LAYERS)),simulator) $(if $(filter client,$(LAYERS)),tools)
UNIT_C := $(filter-out $(NOT_BUILT),$(foreach d,$(UNIT_DIRS),$(wildcard tests/$(d)/test_*.c)))
UNITS := $(UNIT_C:%.c=$(BUILD)/%)
helpers = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(NOT_BUILT) tests/$(1)/test_% %/compare.c,$(wildcard tests/$(1)/*.c)))

NO_CHECK ?= $(if $(shell pkg-config --exists check && echo yes),,1)
ifeq ($(NO_CHECK),)
CHECK_CFLAGS := -DHAVE_CHECK $(shell pkg-config --cflags check)
CHECK_LIBS := $(shell pkg-config --libs check)
endif
$(BUILD)/obj/tests/%.o: HOSTED += $(CHECK_CFLAGS)

# The client's tests see what went over the socket, and make calls fail: tests/client/tap.h, faults.h.
comma := ,
WRAP_client := lev_net_read lev_net_write lev_net_close malloc calloc realloc free socket close connect getsockopt \
               sendmsg recv poll
TAP_client := $(WRAP_client:%=-Wl$(comma)--wrap=%)

# The command's tests link its parts, all but main.
TOOL_PARTS ?= $(filter-out leveret,$(TOOL_C:tools/%.c=%))
PARTS_tools := $(TOOL_PARTS:%=$(BUILD)/obj/tools/%.o) $(BUILD)/obj/tests/codec/support.o
LIBS_tools = $(TOOL_LIBS)

define unit_rule
$(BUILD)/tests/$(1)/test_%: $(BUILD)/obj/tests/$(1)/test_%.o $(call helpers,$(1)) $(PARTS_$(1)) $(LIB_A)
	@mkdir -p $$(@D)
	$(CC) $$(ALL_CFLAGS) $$^ $(TAP_$(1)) $(CHECK_LIBS) $(LIBS_$(1)) $(LDLIBS) -o $$@
endef
$(foreach d,$(UNIT_DIRS),$(eval $(call unit_rule,$(d))))

# The hostile broker's scripts are played to an engine and to a client.
$(BUILD)/tests/client/test_hostile: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/engine/hostile*.c))
# A scripted broker over TLS.
$(BUILD)/tests/client/test_tls: $(patsubst %,$(BUILD)/obj/tests/net/%.o,tls_peer loopback)
.SECONDARY:

# fuzz/X.c is a fuzz target; with replay.c it is a program that replays fuzz/corpus/X.
FUZZ_TARGETS := frame method properties table encode session_login session $(if $(filter client,$(LAYERS)),uri)
FUZZ_COMMON := $(patsubst %,$(BUILD)/obj/fuzz/%.o,support drive ledger peer)
REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/replay/%)

$(BUILD)/replay/%: $(BUILD)/obj/fuzz/%.o $(BUILD)/obj/fuzz/replay.o $(FUZZ_COMMON) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

# Our side of the comparison with other codecs; `make compare` is the long run of what check does with samples.
COMPARE := $(BUILD)/tests/codec/compare
$(COMPARE): $(BUILD)/obj/tests/codec/compare.o $(BUILD)/obj/tests/codec/support.o $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

compare:
	tests/packages
	$(MAKE) $(COMPARE)
	COMPARE=$(COMPARE) COMPARE_ROUNDS=100000 /usr/bin/python3 tests/codec/test_compare.py -v

# Programs of the fault tests: tests/fault/X.c with what both ends of a ledger share.
FAULT_PROGRAMS := $(if $(filter client,$(LAYERS)),$(addprefix $(BUILD)/tests/fault/,producer consumer))
$(FAULT_PROGRAMS): $(BUILD)/tests/fault/%: $(BUILD)/obj/tests/fault/%.o $(BUILD)/obj/tests/fault/notes.o $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

# The program that tests/broker/test_recovery.py runs.
RECOVERER := $(if $(filter client,$(LAYERS)),$(BUILD)/tests/broker/recoverer)
$(RECOVERER): $(BUILD)/tests/broker/%: $(BUILD)/obj/tests/broker/%.o $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ $(LDLIBS) -o $@

# What dump does with damaged captures and nonsense, under the sanitizers: only what that needs is built.
CHECKED := $(BUILD)/checked/tests/tools/test_capture
CHECKED_PARTS := arena base64 buffer capture dissect $(if $(filter no,$(JSON)),json_none,json) json_fields json_frame_put json_put json_scan \
                 json_table_get json_table_put layout pcap print segment
checked:
	$(MAKE) $(CHECKED) BUILD=$(BUILD)/checked CHECKED= LAYERS=codec UNIT_DIRS=tools TOOL_PARTS='$(CHECKED_PARTS)' NDEBUG= \
	    OPT="-O1 -g" EXTRA="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

unit-programs: $(UNITS) $(REPLAYS) $(COMPARE) $(FAULT_PROGRAMS) $(RECOVERER)
units: unit-programs
	tests/run $(UNITS) $(REPLAYS)

# What a reader relies on without running anything: layers, symbols, budgets, and that these checks work.
structure: $(LIB_A) $(LIB_SO)
	tests/lint/layers
	tests/lint/symbols $(LIB_O)
	tests/lint/exports $(EXPORTS) $(LIB_SO) $(HEADERS)
	tests/lint/budgets
	tests/lint/selftest

BROKER_TESTS := $(wildcard tests/broker/test_*.py tests/broker/test_*.sh)
# The ledger run takes longest and mostly waits, so it comes first.
FAULT_TESTS := tests/fault/ledger $(if $(LEVERET_LONG),tests/fault/failover) $(wildcard tests/fault/test_*.py)
CODEC_TESTS := $(wildcard tests/codec/test_*.py)
TOOL_TESTS := $(wildcard tests/tools/test_*.py)
PACKAGE_TESTS := $(wildcard tests/package/test_*.sh)

check:
	tests/packages
	$(MAKE) all unit-programs structure checked amalgamation
	$(MAKE) tsan TSAN_TESTS=build/tsan/tests/client/test_outbox
	@rm -rf $(BUILD)/exchanged
	@mkdir -p $(BUILD)/exchanged
	LEVERET=$(BUILD)/leveret LEVERET_BUILD=$(BUILD) COMPARE=$(COMPARE) \
	    LEVERET_EXCHANGED=$(abspath $(BUILD)/exchanged) \
	    tests/broker/with-brokers tests/run $(FAULT_TESTS) $(CHECKED) $(UNITS) $(REPLAYS) $(CODEC_TESTS) $(TOOL_TESTS) $(BROKER_TESTS) \
	    $(PACKAGE_TESTS)
	tests/broker/exchanged $(BUILD)/exchanged

# The long runs with faults: a million messages while broker, network and clients fail; the leader of a quorum
# queue killed every 30 s. LEDGER_ARGS='--seed 7 --verbose' for others.
LEDGER_ARGS ?=
ledger cluster: export LEVERET_BUILD = $(BUILD)
ledger:
	tests/packages
	$(MAKE) $(FAULT_PROGRAMS)
	tests/fault/ledger --messages 1000000 --rate 2500 --broker-kills 50 --cuts 200 --client-kills 20 $(LEDGER_ARGS)
ledger-selftest:
	tests/packages
	tests/fault/selftest

# Mistakes in the client, planted on purpose, must be found by its tests.
client-selftest:
	tests/packages
	tests/client/selftest
cluster:
	tests/packages
	$(MAKE) $(FAULT_PROGRAMS)
	tests/fault/failover --kills 10 --every 30

# Many seeds of the simulator, over all processors: make simulate SEEDS=1000000
SEEDS ?= 100000
simulate: $(BUILD)/tests/simulator/test_simulator
	tests/simulator/many $< $(SEEDS)

check-all:
	$(MAKE) lint
	$(MAKE) asan
	$(MAKE) ubsan
	LEVERET_LONG=1 $(MAKE) tsan
	$(MAKE) asan-command
	$(MAKE) m32
	$(MAKE) big-endian
	$(MAKE) static
	$(MAKE) freestanding
	$(MAKE) musl
	$(MAKE) deb
	$(MAKE) reference
	$(MAKE) coverage
	$(MAKE) client-selftest
	$(MAKE) ledger-selftest
	LEVERET_LONG=1 $(MAKE) check

# The unit tests in other builds; each has a folder of its own.
asan:
	tests/packages
	$(MAKE) units BUILD=build/asan NDEBUG= OPT="-O1 -g" \
	    EXTRA="-fsanitize=address -fno-omit-frame-pointer"

ubsan:
	tests/packages
	$(MAKE) units BUILD=build/ubsan NDEBUG= OPT="-O1 -g" \
	    EXTRA="-fsanitize=undefined -fno-sanitize-recover=all"

# The tests in which threads share anything: 100,000 messages from eight threads, a million with LEVERET_LONG=1.
# The sanitizer cannot place its memory where the kernel spreads addresses widely; so they are not spread.
TSAN_TESTS := $(addprefix build/tsan/tests/,client/test_outbox client/test_loop net/test_lookup)
tsan:
	tests/packages
	$(MAKE) $(TSAN_TESTS) BUILD=build/tsan NDEBUG= OPT="-O1 -g" EXTRA=-fsanitize=thread
	setarch -R tests/run $(TSAN_TESTS)

M32_CC = $(if $(shell echo 'int main(void){return 0;}' | gcc -m32 -x c - -o /dev/null 2>&1),clang,gcc)
# There a size_t never passes 32 bits, and the compiler would say so at each such check.
m32:
	tests/packages
	$(MAKE) units BUILD=build/m32 NO_CHECK=1 CC=$(M32_CC) EXTRA="-m32 -Wno-type-limits" LAYERS="codec engine"

# The command's own tests with both.
asan-command:
	tests/packages
	$(MAKE) build/asan-command/leveret BUILD=build/asan-command NDEBUG= OPT="-O1 -g" \
	    EXTRA="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
	LEVERET=build/asan-command/leveret tests/broker/with-brokers tests/run $(BROKER_TESTS)

# On the other byte order, under an emulator.
big-endian:
	tests/packages gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user
	$(MAKE) unit-programs BUILD=build/s390x NO_CHECK=1 CC=s390x-linux-gnu-gcc EXTRA=-static LAYERS="codec engine"
	TEST_RUNNER=qemu-s390x COMPARE=build/s390x/tests/codec/compare tests/run tests/codec/test_compare.py \
	    $(patsubst %.c,build/s390x/%,$(wildcard tests/codec/test_*.c tests/engine/test_*.c))

GCOVR = gcovr --root . --filter 'src/(codec|engine)/' --exclude-unreachable-branches build/coverage/obj/src
coverage:
	tests/packages
	@rm -rf build/coverage
	$(MAKE) units BUILD=build/coverage OPT="-O0 -g" EXTRA=--coverage LAYERS="codec engine" REPLAYS=
	$(GCOVR) --branches
	$(GCOVR) --print-summary --fail-under-line 95 --fail-under-branch 90

# ---- fuzzing ----------------------------------------------------------------------------------------

FUZZ_SECONDS ?= 60
FUZZ_BUILD := CC=clang NDEBUG= OPT="-O1 -g" \
    EXTRA="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
FUZZERS := $(FUZZ_TARGETS:%=$(BUILD)/bin/%)

# fuzz/mutate_X.c says how libFuzzer changes the inputs of target X.
MUTATED := $(filter $(FUZZ_TARGETS),$(patsubst fuzz/mutate_%.c,%,$(wildcard fuzz/mutate_*.c)))
$(foreach t,$(MUTATED),$(eval $(BUILD)/bin/$(t): $(BUILD)/obj/fuzz/mutate_$(t).o))
$(BUILD)/bin/%: $(BUILD)/obj/fuzz/%.o $(FUZZ_COMMON) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -o $@

fuzz-programs: $(FUZZERS)
replays: $(REPLAYS)

# Findings and what was learnt stay in build/fuzz; fuzz-merge takes what reaches new code into fuzz/corpus.
fuzz:
	tests/packages
	$(MAKE) fuzz-programs BUILD=build/fuzz $(FUZZ_BUILD)
	fuzz/run build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fuzz-merge:
	$(MAKE) fuzz-programs BUILD=build/fuzz $(FUZZ_BUILD)
	fuzz/merge build/fuzz $(FUZZ_TARGETS)

# What the corpora alone reach.
fuzz-coverage:
	tests/packages
	@rm -rf build/fuzz-coverage
	$(MAKE) replays BUILD=build/fuzz-coverage OPT="-O0 -g" EXTRA=--coverage
	tests/run $(FUZZ_TARGETS:%=build/fuzz-coverage/replay/%)
	$(FUZZ_GCOVR) --print-summary --fail-under-line 95
FUZZ_GCOVR = gcovr --root . --filter 'src/(codec|engine)/' --exclude-unreachable-branches build/fuzz-coverage/obj/src

# Each of nine known mistakes, planted on purpose, must be found; the tree as it is must pass.
fuzz-selftest:
	tests/packages
	fuzz/selftest

# ---- benchmarks -------------------------------------------------------------------------------------

# The programs of the comparison. LIBRABBITMQ names another build of rabbitmq-c than Debian's.
BENCH := $(BUILD)/bench
LIBRABBITMQ ?= -lrabbitmq
BENCH_ARGS ?=
$(BENCH)/%_rabbitmqc: tests/bench/%_rabbitmqc.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(OPT) $(HOSTED) $< $(LIBRABBITMQ) -o $@
$(BENCH)/allocations.so: tests/bench/allocations.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(OPT) -shared -fPIC $< -o $@
$(BENCH)/%: tests/bench/%.c $(LIB_A) $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HOSTED) $< $(LIB_A) $(LDLIBS) -o $@

bench-programs: $(LIB_SO) $(BUILD)/leveret $(addprefix $(BENCH)/,peer bench_leveret bench_rabbitmqc bench_raw idle_leveret \
                idle_rabbitmqc codec study allocations.so)
bench:
	@tests/packages librabbitmq-dev amqp-tools libssl-dev openssl pkg-config binutils strace valgrind util-linux
	$(MAKE) bench-programs
	tests/broker/with-brokers tests/bench/run $(BENCH) $(BENCH_ARGS)

plot:
	@tests/packages librabbitmq-dev libssl-dev pkg-config gnuplot-nox util-linux
	$(MAKE) bench-programs
	tests/bench/plot $(BENCH) tests/bench/rate.svg

# ---- fits anywhere ----------------------------------------------------------------------------------

# The library as one file. It is always whole: whoever compiles it leaves out what he likes.
AMALGAMATION := $(BUILD)/amalgamation/leveret.c
amalgamation: $(AMALGAMATION)
$(AMALGAMATION): tools/amalgamate LICENSE spec/amqp091.def $(wildcard include/leveret/*.h src/*/*.[ch])
	tools/amalgamate $(@D)

exports:
	tests/lint/exports --write $(EXPORTS) $(HEADERS)

# Codec and engine as one object for machines without an operating system.
freestanding: $(AMALGAMATION)
	tests/packages gcc-arm-none-eabi libnewlib-dev
	tests/package/freestanding $(AMALGAMATION) "$(CC)" "arm-none-eabi-gcc -mthumb -mcpu=cortex-m3" \
	    "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4"

# A command of a few hundred kilobytes, which needs no other file: without TLS and JSON, on musl. The examples that
# need a loop's library are not for it.
MUSL_EXAMPLES = $(filter-out loop_lib%,$(EXAMPLE_C:tools/examples/%.c=%))
musl:
	tests/packages musl-tools binutils
	$(MAKE) build/musl/leveret $(MUSL_EXAMPLES:%=build/musl/examples/%) BUILD=build/musl CC=musl-gcc \
	    TLS=no JSON=no OPT=-Os COMMANDS="publish consume" \
	    EXTRA="-static -s -flto=auto -ffat-lto-objects -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	    -Wl,--gc-sections -Wl,-z,noseparate-code"
	tests/broker/with-brokers tests/package/musl build/musl

# Debian packages, from a copy of the tree: libleveret1, libleveret-dev and leveret in build/deb.
DEB := build/deb
deb:
	tests/packages debhelper dpkg-dev lintian libssl-dev libjson-c-dev pkg-config
	@rm -rf $(DEB)
	@mkdir -p $(DEB)/leveret-$(VERSION)
	tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C $(DEB)/leveret-$(VERSION)
	cd $(DEB)/leveret-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc >../log 2>&1 || { tail -50 ../log; exit 1; }
	lintian --fail-on error,warning --allow-root $(DEB)/leveret_$(VERSION)_*.changes
	tests/broker/with-brokers tests/package/debian $(DEB)

# The public headers for reading: build/reference/html and build/reference/man.
reference: $(AMALGAMATION)
	tests/packages doxygen
	@rm -rf $(BUILD)/reference
	tools/reference $(AMALGAMATION:.c=.h) $(BUILD)/reference
	tests/package/reference $(BUILD)/reference $(EXPORTS) $(AMALGAMATION:.c=.h) $(HEADERS)

# ---- style ------------------------------------------------------------------------------------------

C_FILES := $(LIB_C) $(TOOL_C) $(EXAMPLE_C)

# Shell scripts go by their first line; shellcheck looks at them where it is installed.
SCRIPTS = $(shell grep -lsE '^\#!.*[ /](ba)?sh$$' .ci/* tools/* tools/examples/*/* fuzz/* tests/* tests/*/*)

lint:
	tests/packages
	$(MAKE) structure
	clang-format --dry-run -Werror $(ALL_FILES)
	$(MAKE) all unit-programs BUILD=build/lint-gcc CC=gcc EXTRA=-Werror
	$(MAKE) all unit-programs BUILD=build/lint-clang CC=clang EXTRA=-Werror
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
	    --suppress=missingIncludeSystem --suppress=varFuncNullUB -DLEV_API= -Iinclude -Ispec -j2 $(C_FILES)
	printf '%s\n' $(C_FILES) | xargs -P$$(nproc) -n4 sh -c \
	    'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- -std=c11 -D_GNU_SOURCE -Iinclude -Ispec' sh
	! command -v shellcheck >/dev/null || shellcheck -S warning -x $(SCRIPTS)

format:
	clang-format -i $(ALL_FILES)

# ---- installing -------------------------------------------------------------------------------------

LIBDIR := $(DESTDIR)$(libdir)
INCDIR := $(DESTDIR)$(prefix)/include/leveret
BINDIR := $(DESTDIR)$(prefix)/bin
SHARE := $(DESTDIR)$(prefix)/share
MANDIR := $(SHARE)/man/man1
BASHDIR := $(SHARE)/bash-completion/completions
ZSHDIR := $(SHARE)/zsh/site-functions
FISHDIR := $(SHARE)/fish/vendor_completions.d

# What tells other builds where the library is: for pkg-config and for CMake.
configured = sed -e 's|@PREFIX@|$(prefix)|g' -e 's|@LIBDIR@|$(libdir)|g' -e 's|@VERSION@|$(VERSION)|g' \
    -e 's|@SOVERSION@|$(SOVERSION)|g' -e 's|@REQUIRES@|$(if $(OPENSSL),openssl >= 3)|' \
    -e 's|@TLS@|$(if $(OPENSSL),ON,OFF)|' -e "s|@UP@|$$(realpath -m --relative-to=$(libdir)/cmake/leveret $(prefix))|" $(1) > $(2)

install: all
	install -d $(LIBDIR)/pkgconfig $(LIBDIR)/cmake/leveret $(INCDIR) $(BINDIR) $(MANDIR) $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	install -m 644 $(HEADERS) spec/amqp091.def $(INCDIR)
	install -m 644 $(LIB_A) $(LIBDIR)
	install -m 644 $(LIB_SO) $(LIBDIR)
	ln -sf libleveret.so.$(SOVERSION) $(LIBDIR)/libleveret.so
	install -m 755 $(BUILD)/leveret $(BINDIR)
	$(call configured,src/leveret.pc.in,$(LIBDIR)/pkgconfig/leveret.pc)
	$(call configured,src/leveret-config.cmake.in,$(LIBDIR)/cmake/leveret/leveret-config.cmake)
	$(call configured,src/leveret-config-version.cmake.in,$(LIBDIR)/cmake/leveret/leveret-config-version.cmake)
	install -m 644 $(BUILD)/man/*.1 $(MANDIR)
	install -m 644 $(BUILD)/completions/leveret.bash $(BASHDIR)/leveret
	install -m 644 $(BUILD)/completions/leveret.zsh $(ZSHDIR)/_leveret
	install -m 644 $(BUILD)/completions/leveret.fish $(FISHDIR)/leveret.fish

uninstall:
	rm -rf $(INCDIR) $(LIBDIR)/cmake/leveret
	rm -f $(LIBDIR)/libleveret.a $(LIBDIR)/libleveret.so $(LIBDIR)/libleveret.so.$(SOVERSION) \
	    $(LIBDIR)/pkgconfig/leveret.pc $(BINDIR)/leveret $(MANDIR)/leveret.1 $(MANDIR)/leveret-*.1 \
	    $(BASHDIR)/leveret $(ZSHDIR)/_leveret $(FISHDIR)/leveret.fish

demo:
	@[ "$(TLS)" = no ] || tests/packages libssl-dev libjson-c-dev pkg-config
	@$(MAKE) all
	@BUILD=$(BUILD) tools/demo

demo-activity:
	@[ "$(TLS)" = no ] || tests/packages libssl-dev libjson-c-dev pkg-config
	@$(MAKE) all
	@BUILD=$(BUILD) tools/examples/activity/demo

# The command in one file, tried in a root folder that is empty but for it.
static:
	@tests/packages libssl-dev libjson-c-dev pkg-config
	$(MAKE) build/static/leveret BUILD=build/static \
	    EXTRA="-static -s -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--no-warnings"
	tests/broker/with-brokers tests/broker/empty_root build/static/leveret

clean:
	rm -rf build

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -type f -name '*.d')
