#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""A client of the library's that comes back: to a broker that closes its connections or deletes its queue, and
to one that is killed and has forgotten exchange, queue and binding."""

import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from support import main, pika

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("LEVERET_BUILD", "build"))
PROGRAM = os.path.join(BUILD, "tests", "broker", "recoverer")
EXAMPLE = os.path.join(BUILD, "examples", "cluster")
STEP_SECONDS = 30


class Recovery(unittest.TestCase):
    """With a node of its own; starting it takes most of the time, so one case has it all."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="leveret-recovery-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.addCleanup(self.node, "kill")  # nobody needs its data any more
        self.node("start")
        self.url = self.node("url").strip()

    def node(self, *words):
        script = [os.path.join(HERE, "rabbitmq"), words[0], self.dir, *words[1:]]
        return subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self):
        self.lines = queue.Queue()
        self.process = subprocess.Popen([PROGRAM, self.url], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        threading.Thread(target=lambda: [self.lines.put(line.split()) for line in self.process.stdout],
                         daemon=True).start()

    def expect(self, *words):
        """The next line, which begins so; returns the rest of it."""
        try:
            line = self.lines.get(timeout=STEP_SECONDS)
        except queue.Empty:
            self.fail(f"nothing said within {STEP_SECONDS} s, but expected {words}")
        self.assertEqual(line[:len(words)], list(words))
        return line[len(words):]

    def publish(self, body):
        """To the exchange, which must lead to a queue."""
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("news", "", body, mandatory=True)

    def consumers(self):
        """Queue, tag and limit of each, as the broker tells them."""
        return self.node("ctl", "list_consumers", "--no-table-headers", "queue_name", "consumer_tag",
                         "prefetch_count").split()

    def back(self, old, tag):
        """What is there after a loss: a queue under a new name, and its consumer under the old tag."""
        new, same = self.expect("recovered")
        self.assertNotEqual(new, old)
        self.assertTrue(new.startswith("amq.gen-"), new)
        self.assertEqual(same, tag)
        self.assertEqual(self.consumers(), [new, tag, "5"])
        return new

    def test_it_all_comes_back(self):
        self.start()
        first, tag = self.expect("ready")
        self.publish("before")
        self.expect("got", tag, "before")
        self.publish("held")
        self.expect("got", tag, "held")

        self.node("ctl", "close_all_connections", "test")
        self.expect("recovering")
        second = self.back(first, tag)
        self.expect("stale")
        self.publish("between")
        self.expect("got", tag, "between")

        self.node("ctl", "delete_queue", second)
        self.expect("recovering")
        third = self.back(second, tag)
        self.publish("anew")
        self.expect("got", tag, "anew")

        self.node("kill")
        self.expect("recovering")
        time.sleep(0.5)
        self.assertTrue(self.lines.empty(), "nothing to come back to")
        self.node("start")
        fourth = self.back(third, tag)
        self.assertNotEqual(fourth, first)
        self.publish("after")
        self.expect("got", tag, "after")

        self.publish("end")
        self.expect("got", tag, "end")
        self.assertEqual(self.process.wait(STEP_SECONDS), 0)
        self.assertTrue(self.lines.empty())
        self.example()

    def example(self):
        """The example of a cluster: a first node that is dead, and a connection that is closed amid the lines."""
        with socket.socket() as dead:
            dead.bind(("127.0.0.1", 0))  # nobody listens there
            nowhere = f"amqp://127.0.0.1:{dead.getsockname()[1]}"
            process = subprocess.Popen([EXAMPLE, "lines", nowhere, self.url], stdin=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            process.stdin.writelines(f"{i}\n" for i in range(1500))
            process.stdin.flush()
            self.wait_for(lambda: self.arrived() >= 1000)
            self.node("ctl", "close_all_connections", "test")
            _, err = process.communicate("".join(f"{i}\n" for i in range(1500, 3000)), timeout=STEP_SECONDS)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("is the broker running there?; again in 0 ms", err)
        self.assertIn("CONNECTION_FORCED", err)
        self.assertEqual(list(dict.fromkeys(self.bodies())), [b"%d" % i for i in range(3000)])

    def arrived(self):
        listed = self.node("ctl", "list_queues", "--no-table-headers", "name", "messages").split()
        return int(listed[listed.index("lines") + 1]) if "lines" in listed else 0

    def wait_for(self, condition):
        until = time.monotonic() + STEP_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)

    def bodies(self):
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            for method, _, body in channel.consume("lines", auto_ack=True, inactivity_timeout=1):
                if method is None:
                    return
                yield body


if __name__ == "__main__":
    main((os.path.exists(PROGRAM), f"{PROGRAM} is not built"))
