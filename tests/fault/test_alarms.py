#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Memory and disk alarms under load, on a node of the test's own: a blocked publisher hears of it at once, keeps
its memory bounded and its connection alive, and nothing is lost."""

import datetime
import glob
import os
import signal
import subprocess
import tempfile
import time
import unittest

import checker
from faults import BUILD, LONG, Node, wait_until

CYCLES = 10 if LONG else 2
BLOCKED_SECONDS = 10 if LONG else 4
RATE = 2000
QUEUE = "classic-alarms"
MEMORY_KB = 40_000
ALARMS = ((("set_vm_memory_high_watermark", "absolute", "1"), ("set_vm_memory_high_watermark", "0.6")),
          (("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "1MB")))


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Alarms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="leveret-alarms-")
        self.addCleanup(folder.cleanup)
        self.node = Node(os.path.join(folder.name, "node"))
        self.addCleanup(self.node.stop)
        self.node.start()
        self.ledgers = {who: os.path.join(folder.name, who) for who in ("producer", "consumer")}
        for ledger in self.ledgers.values():
            with open(ledger, "xb"):
                pass

    def start(self, who, *arguments):
        process = subprocess.Popen([os.path.join(BUILD, "tests/fault", who), f"{self.node.url}?heartbeat=1",
                                    self.ledgers[who], *map(str, arguments)])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def lines(self, who):
        with open(self.ledgers[who], encoding="ascii") as ledger:
            return ledger.readlines()

    def count(self, word):
        return sum(line.startswith(word) for line in self.lines("producer"))

    def raised(self):
        """When the node raised its last alarm, in seconds since the epoch, by its own log."""
        log, = glob.glob(os.path.join(self.node.folder, "log", "*@localhost.log"))
        with open(log, encoding="utf-8", errors="replace") as lines:
            last = [line for line in lines if "resource limit alarm set on node" in line][-1]
        return datetime.datetime.fromisoformat(last[:last.index(" [")].strip()).timestamp()

    def cycle(self, producer, turn):
        """One alarm on and off again. Returns how soon it was heard of, in seconds from when the node had it (a
        publish follows within milliseconds), and the greatest memory meanwhile."""
        on, off = ALARMS[turn % len(ALARMS)]
        self.node.ctl(*on)
        wait_until(lambda: self.count("blocked") == turn + 1, 10, "connection.blocked")
        heard = [line for line in self.lines("producer") if line.startswith("blocked")][-1]
        most = 0
        until = time.monotonic() + BLOCKED_SECONDS
        while time.monotonic() < until:
            most = max(most, memory_kb(producer.pid))
            time.sleep(0.1)
        heard = int(heard.split()[1]) / 1000 - self.raised()
        self.node.ctl(*off)
        wait_until(lambda: self.count("unblocked") == turn + 1, 10, "connection.unblocked")
        return heard, most

    def test_cycles(self):
        count = RATE * 10 * CYCLES  # rabbitmqctl takes its time on a busy machine
        consumer = self.start("consumer", QUEUE)
        producer = self.start("producer", count, RATE, "refuse", QUEUE)
        wait_until(lambda: self.count("confirmed") > 10, 10, "confirms")
        cycles = [self.cycle(producer, turn) for turn in range(CYCLES)]
        print(f"blocked heard of after {max(heard for heard, _ in cycles):.2f} s at most, "
              f"{max(most for _, most in cycles)} KB at most")
        for turn, (heard, most) in enumerate(cycles):
            with self.subTest(turn=turn):
                self.assertLess(heard, 1)
                self.assertLess(most, MEMORY_KB)
        self.assertEqual(producer.wait(120), 0)
        wait_until(lambda: len(self.lines("consumer")) > count, 30, "all messages")
        consumer.send_signal(signal.SIGTERM)
        self.assertEqual(consumer.wait(10), 0)
        for who in self.ledgers:
            self.assertEqual([line for line in self.lines(who) if line.startswith("lost")], [])
        self.assertEqual(checker.check(self.lines("producer"), self.lines("consumer"), count), [])


if __name__ == "__main__":
    unittest.main()
