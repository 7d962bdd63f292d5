#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Much, large and long: 100,000 messages with confirms, a body of 10 MB, and heartbeats that hold a silent
connection."""

import os
import time

import support
from support import BrokerTest, end, leveret, start, start_consumer

SILENCE = 60 if support.LONG else 4
INTERVAL = "15" if support.LONG else "1"


class Many(BrokerTest):
    def test_100000_messages_with_confirms(self):
        queue = self.queue()
        lines = b"".join(b"message %d\n" % i for i in range(100_000))
        self.assertEnded(leveret("publish", "-q", queue, "-l", stdin=lines, timeout=300), 0, r"\A\Z")
        ended = leveret("consume", "-q", queue, "-c", "100000", "--prefetch", "1000", timeout=300)
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, lines)
        self.await_depth(queue, 0)

    def test_a_body_of_10_mb(self):
        queue = self.queue()
        body = os.urandom(10_000_000)
        self.assertEnded(leveret("publish", "-q", queue, stdin=body), 0)
        ended = leveret("consume", "-q", queue, "-c", "1", "--raw")
        self.assertEnded(ended, 0)
        self.assertTrue(ended.out == body)


class Silence(BrokerTest):
    """Both sides give up on a peer after two silent intervals; these are four."""

    def test_a_publisher_whose_stdin_is_silent(self):
        queue = self.queue()
        publisher = start("publish", "-q", queue, "-l", "--heartbeat", INTERVAL)
        time.sleep(SILENCE)
        self.assertEnded(end(publisher, b"still there\n"), 0, r"\A\Z")
        self.assertEqual(self.depth(queue), 1)

    def test_a_consumer_whose_queue_is_silent(self):
        queue = self.queue()
        consumer = start_consumer("-q", queue, "-c", "1", "--heartbeat", INTERVAL)
        self.connection.sleep(SILENCE)
        self.fill(queue, b"still there")
        ended = end(consumer)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"still there\n")

    def test_a_peer_that_falls_silent_is_69(self):
        relay = self.relay()
        consumer = start_consumer("-q", self.queue(), "--heartbeat", "1", "--retry", "0", url=relay.url)
        relay.stall()
        began = time.monotonic()
        self.assertEnded(end(consumer), 69, "silent")
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    support.main()
