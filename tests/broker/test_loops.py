#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The examples for event loops: each says a message every so often and prints what comes back. Heartbeats go on
while nothing else does, and a connection that is cut is the client's business alone."""

import os
import queue
import subprocess
import threading
import time
import unittest

from support import RABBITMQ, BrokerTest, Relay, main

EXAMPLES = os.path.join(os.path.abspath(os.environ.get("LEVERET_BUILD", "build")), "examples")
LOOPS = {"poll": "loop-poll", "epoll": "loop-epoll", "libuv": "uv", "libevent": "event"}
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

    def await_message(self, number, timeout=30):
        """Waits until that one has come, and notes each when it comes first: what was not acked comes again."""
        wanted = f"message {number}"
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
    def start(self, seconds):
        started = {}
        for name, queue_name in LOOPS.items():
            self.channel.queue_delete(queue_name)
            started[name] = Example(name, seconds)
            self.addCleanup(started[name].end)
        return started

    def test_heartbeats_go_on_while_idle(self):
        for name, example in self.start(IDLE_SECONDS).items():
            with self.subTest(name):
                example.await_message(2)
                self.assertEqual(example.seen, ["message 1", "message 2"])
                self.assertEqual(example.connections(), 1)

    def test_a_lost_connection_goes_unnoticed(self):
        examples = self.start(1)
        for lost in range(1, CUTS + 1):
            for example in examples.values():
                example.await_message(2 * lost)
            for example in examples.values():
                example.relay.cut()
        for name, example in examples.items():
            with self.subTest(name):
                last = 2 * CUTS + 2
                example.await_message(last)
                self.assertEqual(example.seen, [f"message {n}" for n in range(1, last + 1)])
                self.assertEqual(example.connections(), CUTS + 1)
                self.assertIsNone(example.process.poll())


if __name__ == "__main__":
    main((os.path.exists(os.path.join(EXAMPLES, "loop_libuv")), "libuv1-dev was not there for the examples"),
         (os.path.exists(os.path.join(EXAMPLES, "loop_libevent")), "libevent-dev was not there for the examples"))
