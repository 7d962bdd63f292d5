# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Leveret beside rabbitmq-c and the raw socket: the tables of `make bench` that the goals are about."""

import os
import re

from measure import Peer, allocations, call, figures, median, rate_and_cpu, spread, system_calls, table

# name, work, message size, count of a round; what the raw program does for it; the goals: the rate beside
# rabbitmq-c, its CPU time by ours, and the rate beside the raw socket
WORKS = [
    ("publish 16 B", "publish", 16, 3_000_000, "publish", (40, None, 0.5)),
    ("publish 1 KiB", "publish", 1024, 600_000, "publish", (7.5, None, 0.85)),
    ("publish 64 KiB", "publish", 65536, 20_000, "publish", (1, None, 0.95)),
    ("publish 1 MiB", "publish", 1048576, 1500, "publish", (1, None, 0.95)),
    ("confirms, window 1,000, 16 B", "confirm", 16, 1_000_000, None, (15, None, None)),
    ("confirms, window 1,000, 1 KiB", "confirm", 1024, 400_000, None, (6, None, None)),
    ("consume 16 B", "consume", 16, 5_000_000, "consume", (None, 5, 0.5)),
    ("consume 1 KiB", "consume", 1024, 1_000_000, "consume", (None, 2.5, 0.85)),
    ("consume 64 KiB", "consume", 65536, 40_000, "consume", (None, 1.4, 0.95)),
    ("consume 1 MiB, assembled", "consume", 1048576, 2000, "consume", (None, None, None)),
    ("consume 1 MiB, streamed", "stream", 1048576, 2000, "consume", (None, 1.4, 0.95)),
    ("consume, acks of 100, 16 B", "ack", 16, 2_000_000, None, (None, None, None)),
    ("consume, acks of 100, 1 KiB", "ack", 1024, 600_000, None, (None, None, None)),
    ("ping-pong 16 B", "pingpong", 16, 20_000, "pingpong", (None, None, None)),
    ("ping-pong 1 KiB", "pingpong", 1024, 20_000, "pingpong", (None, None, None)),
]
SLOW = {"publish", "confirm"}  # where rabbitmq-c gets a tenth of the messages
HEAD = ["", "leveret", "rabbitmq-c", "raw socket", "to rabbitmq-c (goal)", "to the socket (goal)", "spread, %",
        "system calls", "allocations"]


def does(program, verb, raw=None):
    """What a program is asked to do: not all of them know all works."""
    return raw if program == "raw" else "consume" if program == "rabbitmqc" and verb == "stream" else verb


def measure(folder, port, work, options):
    """All rounds of a row, the programs in turn."""
    _, verb, size, count, raw, _ = work
    rounds = {p: [] for p in ("leveret", "rabbitmqc", *(["raw"] if raw else []))}
    for _ in range(options.rounds):
        for p, found in rounds.items():
            n = max(200, int(count * options.scale / (10 if p == "rabbitmqc" and verb in SLOW and size < 65536 else 1)))
            found.append(figures([f"{folder}/bench_{p}", str(port), does(p, verb, raw), str(n), str(size)], n))
    return rounds


def counted(folder, port, work):
    """System calls and allocations of both, a message."""
    _, verb, size, _, _, _ = work
    few = 40_000 if size < 65536 else 4000 if size == 65536 else 600
    commands = {p: lambda n, p=p: [f"{folder}/bench_{p}", str(port), does(p, verb), str(n), str(size)]
                for p in ("leveret", "rabbitmqc")}
    calls = [system_calls(c, few) for c in commands.values()]
    mallocs = [allocations(folder, c, few) for c in commands.values()]
    return f"{calls[0]:.4f} / {calls[1]:.3f}", f"{mallocs[0]:.4f} / {mallocs[1]:.3f}"


def with_goal(text, goal):
    return f"{text} ({goal:g})" if goal else text


def latencies(rounds):
    ours, theirs, raw = (rounds.get(p) for p in ("leveret", "rabbitmqc", "raw"))
    cells = [" / ".join(f"{median(r, q):.0f}" for q in ("p50", "p99", "p99.9")) + " us" for r in (ours, theirs, raw)]
    ratio = " / ".join(f"{median(ours, q) / median(theirs, q):.2f}" for q in ("p50", "p99"))
    return [*cells, f"p50 / p99 {ratio} (1 + spread)", f"p50 {median(ours, 'p50') / median(raw, 'p50'):.2f}"]


def rates(rounds, goals):
    ours, theirs, raw = (rounds.get(p) for p in ("leveret", "rabbitmqc", "raw"))
    rate, cpu, share = goals
    text = [with_goal(f"{median(ours, 'rate') / median(theirs, 'rate'):.1f} x", rate),
            with_goal(f"CPU 1/{median(theirs, 'cpu') / median(ours, 'cpu'):.1f}", cpu)]
    beside = ""
    if raw:
        beside = with_goal(f"{median(ours, 'rate') / median(raw, 'rate'):.2f}", share)
        beside += f", CPU x {median(ours, 'cpu') / median(raw, 'cpu'):.2f}"
    return [*(rate_and_cpu(r) for r in (ours, theirs, raw)), ", ".join(text), beside]


def comparison(folder, options, wanted):
    rows = []
    with Peer(folder) as peer:
        for work in [w for w in WORKS if wanted(w[0])]:
            rounds = measure(folder, peer.port, work, options)
            what = "p50" if work[1] == "pingpong" else "rate"
            cells = latencies(rounds) if what == "p50" else rates(rounds, work[5])
            noise = " / ".join(f"{spread(r, what):.0f}" for r in rounds.values())
            rows.append([work[0], *cells, noise, *counted(folder, peer.port, work)])
    return table(HEAD, rows)


TLS_WORKS = [("publish 1 KiB", "publish", 1024, 300_000), ("publish 64 KiB", "publish", 65536, 8000),
             ("consume 1 KiB", "consume", 1024, 300_000), ("consume 64 KiB", "consume", 65536, 8000)]


def tls(folder, options, _):
    """Over TLS (1.3, as both libraries and the peer's OpenSSL agree), beside the same without."""
    cert, key = f"{folder}/peer.pem", f"{folder}/peer.key"
    call(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
          "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert])
    rows = []
    with Peer(folder) as plain, Peer(folder, tls=(cert, key)) as secure:
        ways = [("leveret", secure.port, [cert]), ("leveret", plain.port, []), ("rabbitmqc", secure.port, [cert])]
        for name, verb, size, count in TLS_WORKS:
            n = max(200, int(count * options.scale))
            rounds = [[] for _ in ways]
            for _ in range(options.rounds):
                for found, (program, port, ca) in zip(rounds, ways):
                    found.append(figures([f"{folder}/bench_{program}", str(port), verb, str(n), str(size), *ca], n))
            ours, open_, theirs = rounds
            rows.append([name, *map(rate_and_cpu, rounds), f"CPU x {median(ours, 'cpu') / median(open_, 'cpu'):.1f}",
                         f"{median(ours, 'rate') / median(theirs, 'rate'):.1f} x, "
                         f"CPU 1/{median(theirs, 'cpu') / median(ours, 'cpu'):.1f}"])
    return table(["over TLS", "leveret", "leveret, plain", "rabbitmq-c", "to plain", "to rabbitmq-c"], rows)


BROKER_WORKS = ["publish", "confirm", "ack", "consume", "pingpong"]


def broker(folder, options, _):
    """Against a real RabbitMQ, 16 bytes: publish and confirm fill the queue that ack and consume empty."""
    port = os.environ["LEVERET_RABBITMQ_URL"].rsplit(":", 1)[1].split("/")[0]
    rounds = {(p, w): [] for p in ("leveret", "rabbitmqc") for w in BROKER_WORKS}
    count = int(200_000 * options.scale)
    for _ in range(options.rounds):
        for p, w in rounds:
            n = count // 20 if w == "pingpong" else count
            rounds[p, w].append(figures([f"{folder}/bench_{p}", port, w, str(n), "16"], n, core="0,1"))
    rows = []
    for w in BROKER_WORKS:
        ours, theirs = rounds["leveret", w], rounds["rabbitmqc", w]
        cells = [rate_and_cpu(r) for r in (ours, theirs)]
        if w == "pingpong":
            cells = [f"p50 {median(r, 'p50'):.0f} us / {median(r, 'cpu'):.2f}" for r in (ours, theirs)]
        ratio = with_goal(f"1/{median(theirs, 'cpu') / median(ours, 'cpu'):.1f}", 8 if w == "publish" else None)
        command = lambda n, w=w: [f"{folder}/bench_leveret", port, w, str(n), "16"]
        rows.append([w, *cells, ratio, f"{system_calls(command, 20_000):.4f}" if w == "publish" else ""])
    return table(["RabbitMQ, 16 B", "leveret", "rabbitmq-c", "CPU (goal)", "system calls of leveret"], rows)


def idle(folder, *_):
    """Seconds to open connections with a channel each, and resident bytes of one that rests."""
    rows = []
    with Peer(folder) as peer:
        for count in ("1000", "10000"):
            cells = []
            sizes = []
            for p in ("leveret", "rabbitmqc"):
                seconds, size = call(["taskset", "-c", "0", f"{folder}/idle_{p}", str(peer.port), count]).stdout.split()
                sizes.append(int(size))
                cells.append(f"{seconds} / {int(size):,}")
            rows.append([f"{int(count):,}", *cells, f"1/{sizes[1] / sizes[0]:.1f} (10)"])
    return table(["idle connections", "leveret: s to open / bytes each", "rabbitmq-c", "bytes (goal)"], rows)


CODEC_WORKS = ["publish-encode", "deliver-decode", "ack-encode", "ack-decode", "table-encode", "table-decode",
               "publish-described", "deliver-described"]


def codec(folder, options, _):
    """Nanoseconds (the best of the rounds) and instructions of the codec alone."""
    rows = []
    for w in CODEC_WORKS:
        best = min(float(call(["taskset", "-c", "0", f"{folder}/codec", w, "2000000"]).stdout) for _ in range(options.rounds))
        counts = []
        for n in ("1000", "11000"):
            err = call(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"{folder}/codec", w, n]).stderr
            counts.append(int(re.search(r"Collected : (\d+)", err).group(1)))
        rows.append([w, f"{best:.1f}", f"{(counts[1] - counts[0]) / 10_000:.0f}"])
    return table(["codec", "ns", "instructions"], rows)


def size(folder, *_):
    """The shared libraries without symbols for a debugger, on disk; rabbitmq-c's is the one that was linked."""
    linked = re.search(r"=> (\S*librabbitmq\S*)", call(["ldd", f"{folder}/bench_rabbitmqc"]).stdout)
    found = []
    for library in (f"{folder}/../libleveret.so", linked.group(1) if linked else None):
        if library is None:
            return table(["shared library"], [["rabbitmq-c is linked statically"]])
        call(["strip", "-o", f"{folder}/stripped.so", library])
        found.append(os.path.getsize(f"{folder}/stripped.so"))
    ratio = f"{found[0] / found[1]:.2f} (1.5)"
    return table(["shared library, stripped", "leveret", "rabbitmq-c", "ratio (goal)"],
                 [["bytes", f"{found[0]:,}", f"{found[1]:,}", ratio]])
