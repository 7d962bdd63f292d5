#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret bench against RabbitMQ: what it counts, how it keeps to what it was told, what it writes into messages and
reads there. How fast it is, is no matter of these tests."""

import json
import os
import re
import shutil
import signal
import struct
import tempfile
import time
from urllib.parse import urlsplit
from xml.etree import ElementTree

import support
from support import RABBITMQ, BrokerTest, end, leveret, start
from test_shared import on_terminal

FIELDS = ["published", "consumed", "seconds", "publish_rate", "consume_rate", "publish_mb_s", "consume_mb_s",
          "cpu_us_per_message", "syscalls_per_message", "max_rss_kb", "latency_us", "confirm_us"]
SVG = "{http://www.w3.org/2000/svg}"
TIMES = ["min", "p50", "p95", "p99", "p999", "max"]


class Bench(BrokerTest):
    def bench(self, *args, code=0, **options):
        ended = leveret("bench", "--json", *args, **options)
        self.assertEnded(ended, code)
        found = json.loads(ended.out)
        self.assertEqual(list(found), FIELDS)
        for name in ("latency_us", "confirm_us"):
            self.assertEqual(list(found[name]), TIMES)
            times = [found[name][key] for key in TIMES]
            if None in times:
                self.assertEqual(times, [None] * len(TIMES))
            else:
                self.assertEqual(times, sorted(times))
        return found

    def durable(self):
        """A queue that bench can declare once more."""
        queue = self.name()
        self.made.append(queue)
        return queue, ("-u", queue, "-k", queue, "-f", "persistent", "--auto-delete", "false")

    def gone(self, queue):
        return leveret("get", "-q", queue).code == 1


class Counts(Bench):
    def test_one_of_each(self):
        found = self.bench("-C", "2000", "-D", "2000", "-s", "1000")
        self.assertEqual((found["published"], found["consumed"]), (2000, 2000))
        self.assertGreater(found["latency_us"]["min"], 0)
        self.assertLessEqual(found["latency_us"]["max"], found["seconds"] * 1e6)
        self.assertIsNone(found["confirm_us"]["max"])
        for what in ("publish", "consume"):
            rate = found[f"{what}_rate"]
            self.assertAlmostEqual(rate * found["seconds"] / 2000, 1, delta=0.01)
            self.assertAlmostEqual(found[f"{what}_mb_s"], rate / 1000, delta=0.01)
        self.assertGreater(found["cpu_us_per_message"], 0)
        self.assertGreater(found["max_rss_kb"], 1000)

    def test_many_of_each_share_a_queue(self):
        """A consumer that has its share leaves what the broker has sent it beyond that to the others."""
        queue = self.name()
        found = self.bench("-x", "2", "-y", "3", "-C", "1500", "-D", "1000", "-u", queue, "-q", "50", "-A", "20", "-c", "100")
        self.assertEqual((found["published"], found["consumed"]), (3000, 3000))
        self.assertGreater(found["confirm_us"]["min"], 0)
        self.assertTrue(self.gone(queue))

    def test_each_consumer_has_a_queue(self):
        found = self.bench("-y", "2", "-C", "500", "-D", "500", "-a")
        self.assertEqual((found["published"], found["consumed"]), (500, 1000))

    def test_what_was_not_asked_for_stays(self):
        queue, options = self.durable()
        self.bench("-y", "0", "-C", "300", "-c", "50", *options)
        self.assertEqual(self.depth(queue), 300)
        found = self.bench("-x", "0", "-D", "101", "-A", "10", *options)
        self.assertEqual((found["published"], found["consumed"]), (0, 101))
        self.await_depth(queue, 199)

    def test_the_rate_is_kept(self):
        found = self.bench("-y", "0", "-r", "1000", "-z", "2")
        self.assertGreaterEqual(found["seconds"], 2)
        self.assertLess(found["seconds"], 4)
        self.assertLessEqual(found["published"], 1000 * found["seconds"] + 1)
        self.assertGreater(found["published"], 1200)
        self.assertEqual(found["consumed"], 0)

    def test_system_calls_are_counted(self):
        """As strace counts them, but for those of connecting and closing."""
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        with tempfile.NamedTemporaryFile("r") as told:
            ended = end(start("-f", "-qq", "-e", "trace=poll,recvfrom,sendmsg", "-o", told.name, support.LEVERET, "bench",
                              "--json", "-C", "1000", "-D", "1000", "-r", "2000", "-c", "10", program="strace",
                              env=dict(support.environment(RABBITMQ), ASAN_OPTIONS="detect_leaks=0")))
            self.assertEnded(ended, 0)
            real = sum(1 for line in told if re.search(r" (poll|recvfrom|sendmsg)\(", line))
        found = json.loads(ended.out)
        self.assertAlmostEqual(found["syscalls_per_message"] * 2000, real, delta=150)


class Stamps(Bench):
    def read(self, queue, count, *options, size):
        bodies = [(properties.delivery_mode, body) for _, properties, body in self.drain(queue, count)]
        for number, (mode, body) in enumerate(bodies):
            self.assertEqual(len(body), size)
            self.assertEqual(body[12:], bytes(size - 12))
            self.assertEqual(mode, 2)
            self.assertEqual(struct.unpack_from(">i", body)[0], number)
        return [struct.unpack_from(">q", body, 4)[0] for _, body in bodies]

    def test_they_are_perf_tests(self):
        queue, options = self.durable()
        before = time.monotonic_ns()
        self.bench("-y", "0", "-C", "50", "-s", "30", "-c", "7", *options)
        times = self.read(queue, 50, size=30)
        self.assertEqual(times, sorted(times))
        self.assertTrue(before < times[0] and times[-1] < time.monotonic_ns())

    def test_milliseconds(self):
        queue, options = self.durable()
        before = time.time() * 1000
        self.bench("-y", "0", "-C", "5", "-c", "7", "--use-millis", *options)
        times = self.read(queue, 5, size=12)
        self.assertTrue(before - 1 <= times[0] <= times[-1] <= time.time() * 1000)

    def test_others_are_read(self):
        queue, options = self.durable()
        self.channel.queue_declare(queue, durable=True)
        sent = time.monotonic_ns()
        for number in range(20):
            self.channel.basic_publish("", queue, struct.pack(">iq", number, sent - 5_000_000_000) + b"xyz")
        self.channel.basic_publish("", queue, b"too short")
        found = self.bench("-x", "0", "-D", "21", *options)
        longest = 5e6 + (time.monotonic_ns() - sent) / 1000
        self.assertEqual(found["consumed"], 21)
        self.assertTrue(5e6 <= found["latency_us"]["min"] <= found["latency_us"]["max"] <= longest * 1.01, found)

    def test_two_processes(self):
        queue, options = self.durable()
        taker = start("bench", "-x", "0", "-D", "400", "--json", *options)
        began = time.monotonic()
        self.bench("-y", "0", "-C", "400", "-r", "1000", *options)
        ended = end(taker)
        found = json.loads(ended.out)
        self.assertEqual(found["consumed"], 400)
        self.assertTrue(10 < found["latency_us"]["min"] <= found["latency_us"]["max"] < (time.monotonic() - began) * 1e6)


class Words(Bench):
    def test_perf_tests_letters_win(self):
        for args in (["-v"], ["-e"], ["-x", "0", "-y", "0"], ["queue"], ["-c", "0"], ["-f", "urgent"], ["-p"]):
            self.assertEqual(leveret("bench", *args).code, 64, args)
        self.assertEnded(leveret("bench", "-h", RABBITMQ, "-s", "20", "-C", "1", "-y", "0", url=None), 0)
        self.assertEnded(leveret("bench", "-h", "amqp://127.0.0.1:1", "-C", "1"), 69)

    def test_predeclared(self):
        queue = self.queue()
        found = self.bench("-p", "-u", queue, "-e", "", "-C", "10", "-D", "10")
        self.assertEqual(found["consumed"], 10)
        self.assertEnded(leveret("bench", "-p", "-u", self.name(), "-e", "", "-z", "1"), 1, "NOT_FOUND")

    def test_returned(self):
        for confirms in ([], ["-c", "3"]):
            ended = leveret("bench", "-y", "0", "-C", "5", "-f", "mandatory", *confirms)
            self.assertEnded(ended, 3, "of 5 messages 5 were returned and 0 refused")

    def test_password_for_many(self):
        parts = urlsplit(RABBITMQ)
        bare = f"amqp://{parts.username}@{parts.hostname}:{parts.port}"
        ended = leveret("bench", "-h", bare, "--password-file", "-", "-x", "2", "-C", "5", "-y", "0",
                        stdin=f"{parts.password}\n".encode(), url=None)
        self.assertEnded(ended, 0)

    def test_table_and_lines(self):
        self.assertRegex(on_terminal("bench", "-z", "1.5", "-r", "100", "-c", "5", NO_COLOR="1"),
                         rb"\Aleveret: 1.0 s, sent \d+/s, confirmed \d+/s, received \d+/s, min/median/95th/99th latency [\d/]+ us")
        ended = leveret("bench", "-C", "20", "-D", "20", "-c", "5")
        self.assertEqual(ended.err, "")
        for line in (rb"published +20 ", rb"received +20 ", rb"latency( +[\d.]+){6}$", rb"confirm( +[\d.]+){6}$",
                     rb"took [\d.]+ us of CPU \(\d+ % of one\) and [\d.]+ system calls a message"):
            self.assertRegex(ended.out, rb"(?m)^(in [\d.]+ s; this program )?" + line)

    def test_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "x.svg")
            self.bench("-C", "300", "-D", "300", "-r", "1000", "-c", "10", "--svg", file)
            picture = ElementTree.parse(file).getroot()
            self.assertEnded(leveret("bench", "--svg", os.path.join(folder, "no/x.svg")), 73)
        texts = [e.text for e in picture.iter(SVG + "text")]
        for text in ("latency", "confirm", "received", "published", "time, seconds", "messages a second", "99 %"):
            self.assertIn(text, texts)
        self.assertIn("prefers-color-scheme: dark", picture.find(SVG + "style").text)
        for curve in picture.iter(SVG + "polyline"):
            points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
            self.assertGreater(len(points), 1)
            self.assertTrue(all(90 <= x <= 730 and 50 <= y <= 580 for x, y in points), points)


class Trouble(Bench):
    def test_stopped(self):
        running = start("bench", "--json", "-r", "100", "-c", "10")
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        ended = end(running)
        self.assertEnded(ended, 130)
        self.assertGreater(json.loads(ended.out)["consumed"], 10)

    def test_connection_lost(self):
        relay = self.relay()
        running = start("bench", "-r", "100", url=relay.url)
        time.sleep(0.7)
        relay.cut()
        self.assertEnded(end(running), 69)

    def test_nothing_is_confirmed(self):
        relay = self.relay()
        running = start("bench", "-y", "0", "-r", "100", "-c", "5", "--timeout", "1", url=relay.url)
        time.sleep(0.7)
        relay.stall()
        self.assertEnded(end(running), 75, "no message was confirmed for 1000 ms")


if __name__ == "__main__":
    support.main()
