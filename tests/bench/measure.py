# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What the tables of tests/bench/run are made of: the peer, programs that are run and counted, medians."""

import os
import re
import statistics
import subprocess
import sys


class Peer:
    """The scripted peer, on the second core; with TLS where it is given a certificate and its key."""

    def __init__(self, folder, core="1", tls=()):
        self.process = subprocess.Popen(["taskset", "-c", core, f"{folder}/peer", *tls], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def call(command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {ended.stderr.strip()}")
    return ended


def figures(command, count, core="0"):
    """Runs one program; returns its figures for one message."""
    numbers = [float(x) for x in call(["taskset", "-c", core, *command]).stdout.split()]
    found = {"rate": count / numbers[0], "cpu": numbers[1] / count * 1e6, "share": numbers[1] / numbers[0]}
    if len(numbers) > 2:
        found.update(zip(("p50", "p99", "p99.9"), numbers[2:]))
    return found


def system_calls(command, count):
    """System calls a message of `command(n)`: those of a long run less those of one of half as many messages."""
    totals = []
    for n in (count // 2, count):
        err = call(["strace", "-f", "-c", "-o", "/dev/stderr", *command(n)]).stderr
        totals.append(int(re.search(r"^\s*100\.00\s+\S+\s+\S*\s+(\d+)", err, re.M).group(1)))
    return max(0, totals[1] - totals[0]) / (count - count // 2)


def allocations(folder, command, count):
    """Allocations a message, in the same way."""
    preload = {**os.environ, "LD_PRELOAD": os.path.abspath(f"{folder}/allocations.so")}
    totals = [int(re.search(r"(\d+) allocations", call(command(n), env=preload).stderr).group(1)) for n in (count // 2, count)]
    return max(0, totals[1] - totals[0]) / (count - count // 2)


def median(rounds, what):
    return statistics.median(r[what] for r in rounds)


def spread(rounds, what):
    """Half the distance from the lowest to the highest, in percent of the median."""
    values = [r[what] for r in rounds]
    return (max(values) - min(values)) / 2 / statistics.median(values) * 100


def rate_and_cpu(rounds):
    """Thousands of messages a second / CPU microseconds a message."""
    if not rounds:
        return ""
    rate, cpu = median(rounds, "rate") / 1000, median(rounds, "cpu")
    return f"{rate:,.{0 if rate >= 1000 else 1}f} / {cpu:,.{0 if cpu >= 100 else 3 if cpu < 10 else 1}f}"


def table(head, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
