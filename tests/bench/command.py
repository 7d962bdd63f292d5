# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Lines through the command beside amqp-tools, with the peer as a broker that keeps up: a table of `make bench`."""

import os
import subprocess
import sys
import tempfile
import time

from measure import Peer, median, rate_and_cpu, spread, table

LINES, SIZE, GOAL = 1_000_000, 16, 500_000


def run(command, count, source, sink):
    """Runs a command between two pipes; returns its figures and what the sink printed."""
    with subprocess.Popen(source, stdout=subprocess.PIPE) as feeder, \
            subprocess.Popen(sink, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as drain:
        began = time.monotonic()
        with subprocess.Popen(command, stdin=feeder.stdout, stdout=drain.stdin) as worker:
            feeder.stdout.close()
            drain.stdin.close()
            _, status, used = os.wait4(worker.pid, 0)
            seconds = time.monotonic() - began
            worker.returncode = os.waitstatus_to_exitcode(status)
        told = drain.stdout.read()
    if worker.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {worker.returncode}")
    return {"rate": count / seconds, "cpu": (used.ru_utime + used.ru_stime) / count * 1e6}, told


def published(program, url, lines, count):
    options = ["-q", "bench", "-l"] if "leveret" in program[0] else ["-r", "bench", "-l"]
    return run([*program, "-u", url, *options], count, ["head", f"-{count}", lines], ["cat"])[0]


def consumed(program, url, _, count):
    """Bodies come one a line from ours; theirs runs a command for each."""
    ours = "leveret" in program[0]
    queue = f"bench-{SIZE}-{count}"
    found, told = run([*program, "-u", url, "-q", queue, "-c", str(count), *([] if ours else ["cat"])], count, ["true"],
                      ["wc", "-c"])
    if int(told) != count * (SIZE + ours):
        sys.exit(f"{program[0]} wrote {told} bytes of {count} messages")
    return found


def command(folder, options, _):
    works = [("publish -l", published, ["amqp-publish"], 10), ("consume", consumed, ["amqp-consume"], 1000)]
    rows = []
    with Peer(folder) as peer, tempfile.NamedTemporaryFile("w") as lines:
        url = f"amqp://127.0.0.1:{peer.port}"
        lines.writelines(f"{i:0{SIZE}}\n" for i in range(LINES))
        lines.flush()
        for name, work, theirs, fewer in works:
            count = int(LINES * options.scale)
            ours = [f"{folder}/../leveret", name.split()[0]]
            rounds = [(work(ours, url, lines.name, count), work(theirs, url, lines.name, max(100, count // fewer)))
                      for _ in range(options.rounds)]
            own, other = zip(*rounds)
            rows.append([name, f"{rate_and_cpu(own)} ({GOAL / 1000:g})", rate_and_cpu(other),
                         f"{median(own, 'rate') / median(other, 'rate'):,.1f} x", f"{spread(own, 'rate'):.0f} / {spread(other, 'rate'):.0f}"])
    return table([f"lines of {SIZE} B through the command", "leveret (goal)", "amqp-tools", "ratio", "spread, %"], rows)
