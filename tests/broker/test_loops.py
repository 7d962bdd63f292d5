#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The examples for event loops: each says a message every so often and prints what comes back. Heartbeats go on
while nothing else does, and a connection that is cut is the client's business alone: it comes back between two
messages, when the loop has no reason of its own to wake up."""

import os
import queue
import subprocess
import threading
import time
import unittest

from support import RABBITMQ, BrokerTest, Relay, main

EXAMPLES = os.path.join(os.path.abspath(os.environ.get("LEVERET_BUILD", "build")), "examples")
LOOPS = {"poll": "loop-poll", "epoll": "loop-epoll", "libuv": "uv", "libevent": "event"}
EVERY_SECONDS = 15
IDLE_SECONDS = 6  # a broker gives up after some 3 silent heartbeats of a second
CUTS = 3


class Example:
    """One of them, behind a relay of its own."""

    def __init__(self, name, seconds):
        self.relay = Relay(RABBITMQ)
        self.lines = queue.Queue()
        self.seen = []
        program = ["stdbuf", "-oL", os.path.join(EXAMPLES, f"loop_{name}"), str(seconds)]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "AMQP_URL": self.relay.url + "?heartbeat=1"})
        threading.Thread(target=lambda: [self.lines.put(line.strip()) for line in self.process.stdout],
                         daemon=True).start()

    def await_message(self, wanted, timeout=30):
        """Waits until that one has come, and notes each when it comes first: what was not acked comes again."""
        deadline = time.monotonic() + timeout
        while wanted not in self.seen:
            line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            if line not in self.seen:
                self.seen.append(line)

    def connections(self):
        return len(self.relay.sockets) // 2

    def end(self):
        self.process.kill()
        self.process.communicate()
        self.relay.cut()
        self.relay.close()


class Loops(BrokerTest):
    def setUp(self):
        super().setUp()
        self.examples = {}
        for name, where in LOOPS.items():
            self.channel.queue_delete(where)
        for name, where in LOOPS.items():
            self.examples[where] = Example(name, EVERY_SECONDS)
            self.addCleanup(self.examples[where].end)

    def say(self, what):
        """From outside, to each of them."""
        for where, example in self.examples.items():
            self.channel.basic_publish("", where, what.encode())
            with self.subTest(where):
                example.await_message(what, EVERY_SECONDS)

    def test_idle_and_cut_and_cut_again(self):
        expected = ["message 1"]
        for example in self.examples.values():
            example.await_message("message 1")
        self.connection.sleep(IDLE_SECONDS)
        for where, example in self.examples.items():
            with self.subTest(where):
                self.assertEqual(example.connections(), 1, "heartbeats go on while idle")
        for cut in range(CUTS):
            self.say(f"before cut {cut}")
            self.connection.sleep(0.3)  # for its ack
            for example in self.examples.values():
                example.relay.cut()
            self.say(f"after cut {cut}")
            expected += [f"before cut {cut}", f"after cut {cut}"]
        for where, example in self.examples.items():
            with self.subTest(where):
                example.await_message("message 2")
                self.assertEqual(example.seen, expected + ["message 2"])
                self.assertEqual(example.connections(), CUTS + 1)
                self.assertIsNone(example.process.poll())


class Threads(BrokerTest):
    def test_threads_share_a_client(self):
        self.channel.queue_delete("threads")
        ended = subprocess.run([os.path.join(EXAMPLES, "threads"), "4", "500"], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "AMQP_URL": RABBITMQ}, timeout=60, check=True)
        self.assertTrue(ended.stdout.startswith("2000 confirmed, 0 not"), ended.stdout)
        self.await_depth("threads", 2000)
        self.channel.queue_delete("threads")


if __name__ == "__main__":
    main((os.path.exists(os.path.join(EXAMPLES, "loop_libuv")), "libuv1-dev was not there for the examples"),
         (os.path.exists(os.path.join(EXAMPLES, "loop_libevent")), "libevent-dev was not there for the examples"))
