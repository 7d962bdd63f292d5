# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Beyond one connection: how rate and cost change with connections, channels, consumers, sizes and headers, and where
a real RabbitMQ becomes the limit."""

import os

from measure import Peer, figures, median, rate_and_cpu, table


def rounds(folder, options, ports, arguments, count, cores="0"):
    command = [f"{folder}/study", ",".join(map(str, ports)), *map(str, arguments[:2]), str(count), str(arguments[2])]
    return [figures(command, count, core=cores) for _ in range(options.rounds)]


def connections(folder, options):
    """N connections, a thread each, with a peer for each two; clients and peers share both cores."""
    rows = []
    peers = [Peer(folder, "0,1") for _ in range(4)]
    for n in (1, 2, 4, 8):
        ports = [p.port for p in peers[:max(1, n // 2)]]
        cells = [rate_and_cpu(rounds(folder, options, ports, ("threads", n, size), int(count * options.scale), "0,1"))
                 for size, count in ((16, 3_000_000), (1024, 600_000), (65536, 20_000))]
        rows.append([str(n), *cells])
    for p in peers:
        p.__exit__()
    return table(["connections, publishing", "16 B", "1 KiB", "64 KiB"], rows)


GROWS = [("channels", "publish 16 B over N channels", (1, 10, 100, 1000), 2_000_000),
         ("consumers", "consume 16 B beside N - 1 idle consumers", (1, 10, 100, 1000), 2_000_000),
         ("headers", "publish 16 B with N headers", (0, 1, 10, 100), 300_000)]


def growth(folder, options):
    rows = []
    with Peer(folder) as peer:
        for what, name, values, count in GROWS:
            cells = []
            for n in values:
                fewer = int(count * options.scale) // (10 if n == 100 and what == "headers" else 1)
                found = rounds(folder, options, [peer.port], (what, n, 16), fewer)
                cells.append(f"{n}: {median(found, 'cpu'):.3f}")
            rows.append([name, *cells])
    return table(["CPU us a message", "", "", "", ""], rows)


SIZES = (16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)


def sizes(folder, options):
    cells = {"publish": [], "consume": []}
    with Peer(folder) as peer:
        for size in SIZES:
            n = max(400, int(2_000_000 * options.scale * 64 / (64 + size)))
            for verb, found in cells.items():
                command = [f"{folder}/bench_leveret", str(peer.port), verb, str(n), str(size)]
                got = [figures(command, n) for _ in range(options.rounds)]
                found.append(f"{median(got, 'cpu'):.3g} / {size / median(got, 'cpu'):,.0f}")
    return table(["CPU us a message / MB a CPU second", *(f"{s:,} B" for s in SIZES)],
                 [[verb, *found] for verb, found in cells.items()])


def real(folder, options):
    """The rate of RabbitMQ, and how much of a core leveret needs for it."""
    port = os.environ["LEVERET_RABBITMQ_URL"].rsplit(":", 1)[1].split("/")[0]
    rows = []
    for n in (1, 2, 4):
        cells = []
        for size, count in ((16, 200_000), (1024, 100_000)):
            found = rounds(folder, options, [port], ("threads", n, size), int(count * options.scale), "0,1")
            cells.append(f"{median(found, 'rate') / 1000:,.1f} / {median(found, 'share') * 100:.1f} %")
        rows.append([str(n), *cells])
    return table(["connections, publishing to RabbitMQ: rate / share of a core", "16 B", "1 KiB"], rows)


def study(folder, options, _):
    tables = [connections(folder, options), growth(folder, options), sizes(folder, options)]
    if "LEVERET_RABBITMQ_URL" in os.environ:
        tables.append(real(folder, options))
    return "\n\n".join(tables)
