#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Signals at random instants while records go through a pipe: what was acked is what the reader has received,
whole and nothing else. LEVERET_SEED chooses other instants."""

import os
import random
import signal
import time

import faults
import support
from support import BrokerTest, start

ROUNDS = 1000 if faults.LONG else 100
SEED = int(os.environ.get("LEVERET_SEED", "1"))
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def record(i):
    """Mostly short; some are larger than a pipe, so that a write of them is cut short by a reader that waits."""
    return b"%d " % i + b"." * (150_000 if i % 50 == 10 else i * 7919 % 300)


class Signals(BrokerTest):
    def fill_to(self, queue, depth):
        """Keeps so many messages waiting that no round runs out of them."""
        while self.published - self.received < depth:
            self.channel.basic_publish("", queue, record(self.published))
            self.published += 1
        self.connection.process_data_events()

    def test_what_was_acked_is_what_was_received(self):
        chance = random.Random(SEED)
        queue = self.queue()
        self.published = self.received = 0
        rounds_with_records = 0
        for turn in range(ROUNDS):
            self.fill_to(queue, 3000)
            self.await_depth(queue, self.published - self.received)
            number = chance.choice(SIGNALS)
            after, waits, prefetch = chance.uniform(0, 0.06), chance.uniform(0, 0.02), chance.choice((1, 10, 100))
            got = self.turn(queue, prefetch, number, after, waits)
            with self.subTest(seed=SEED, turn=turn, signal=number, prefetch=prefetch):
                self.assertEqual(got[-1], b"", "a record without its end")
                expected = [record(self.received + i) for i in range(len(got) - 1)]
                self.assertTrue(got[:-1] == expected, f"{len(expected)} records after {self.received}: not these")
                self.received += len(expected)
                rounds_with_records += bool(expected)
                self.await_depth(queue, self.published - self.received)
        self.assertGreater(rounds_with_records, ROUNDS / 4)
        print(f"{ROUNDS} signals, {rounds_with_records} while records went through, {self.received} records")

    def turn(self, queue, prefetch, number, after, waits):
        """Consumes until the signal and returns what came out of the pipe, split into records."""
        process = start("consume", "-q", queue, "--prefetch", str(prefetch), stderr=support.subprocess.DEVNULL)
        process.stdin.close()
        began = time.monotonic()
        out = b""
        os.set_blocking(process.stdout.fileno(), False)
        while time.monotonic() < began + after:
            out += process.stdout.read() or b""
            time.sleep(waits / 4)
        process.send_signal(number)
        os.set_blocking(process.stdout.fileno(), True)
        time.sleep(waits)
        with process.stdout as stdout:
            out += stdout.read()
        self.assertIn(process.wait(20), (0, 128 + number, -number))
        return out.split(b"\n")


if __name__ == "__main__":
    support.main()
