#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""A peer that is gone without a word is found within two heartbeats and a second: while nothing happens, in the
middle of publishes and of deliveries, and with full buffers."""

import os
import threading
import time

from faults import Proxy, wait_until
import support
from support import BrokerTest, end, start, start_consumer

HEARTBEAT = 1
LIMIT = 2 * HEARTBEAT + 1
FAULTS = {"half-open": ("half-open",), "black hole": ("hole", "both"), "nothing comes any more": ("hole", "down")}


class Endless:
    """Feeds a program's stdin until it takes no more."""

    def __init__(self, process, line):
        self.stdin = os.dup(process.stdin.fileno())
        self.line = line
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                os.write(self.stdin, self.line)
        except OSError:
            os.close(self.stdin)


class HalfOpen(BrokerTest):
    def setUp(self):
        super().setUp()
        self.proxy = Proxy()
        self.addCleanup(self.proxy.close)

    def found(self, begin):
        """begin(route) starts a client; it is to end in time after each of the faults, all at once."""
        target = support.pika.URLParameters(self.url)
        clients = {}
        for fault in FAULTS:
            route = self.proxy.listen(fault.replace(" ", "-"), target.port, target.host)
            clients[fault] = (route, begin(route))
        times = {}
        threads = [threading.Thread(target=self.measure, args=(fault, *client, times))
                   for fault, client in clients.items()]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(set(times), set(FAULTS))
        print(f"{self.id()}: " + ", ".join(f"{fault} {seconds:.1f} s" for fault, (seconds, _) in times.items()))
        for fault, (seconds, ended) in times.items():
            with self.subTest(fault):
                self.assertEnded(ended, 69, "silent")
                self.assertLess(seconds, LIMIT)
                self.assertGreater(seconds, HEARTBEAT * 0.9)

    def measure(self, fault, route, process, times):
        self.proxy.command(route.name, *FAULTS[fault])
        began = time.monotonic()
        code = process.wait(20)
        seconds = time.monotonic() - began
        process.stdin.close()
        with process.stderr as stderr:
            times[fault] = seconds, support.Ended(code, b"", stderr.read())

    def publisher(self, route, line):
        process = start("publish", "-q", self.queue(), "-l", "--retry", "0", "--heartbeat", str(HEARTBEAT), url=route.url,
                        stdout=support.subprocess.DEVNULL)
        if line:
            Endless(process, line)
            wait_until(lambda: route.counts()["up"] > 100_000, what="a stream of publishes")
        else:
            wait_until(lambda: route.counts()["open"] == 1, what="a connection")
            time.sleep(0.5)
        return process

    def consumer(self, route, *bodies):
        queue = self.queue(*bodies)
        process = start_consumer("-q", queue, "--retry", "0", "--heartbeat", str(HEARTBEAT), url=route.url,
                                 stdout=support.subprocess.DEVNULL)
        if bodies:
            wait_until(lambda: route.counts()["down"] > len(bodies[0]) * 3, what="deliveries")
        return process

    def test_idle_consumer(self):
        self.found(self.consumer)

    def test_idle_publisher(self):
        self.found(lambda route: self.publisher(route, b""))

    def test_in_mid_publish(self):
        self.found(lambda route: self.publisher(route, b"x" * 100 + b"\n"))

    def test_with_full_buffers(self):
        """Eight megabytes are queued before publishing stops, and more in the sockets."""
        self.found(lambda route: self.publisher(route, b"x" * 1_000_000 + b"\n"))

    def test_in_mid_delivery(self):
        def begin(route):
            route.split("down", 1000)
            return self.consumer(route, *[b"x" * 1_000_000] * 40)
        self.found(begin)


if __name__ == "__main__":
    support.main()
