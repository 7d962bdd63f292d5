#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret copy: from queue to queue or exchange, between connections; the source acked behind the target."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

import pika

import support
from support import BrokerTest, await_line, end, leveret, start


class CopyTest(BrokerTest):
    def bodies(self, queue, count):
        ended = leveret("consume", "-q", queue, "-c", str(count), "--idle", "10")
        self.assertEnded(ended, 0)
        return ended.out.split()


class Moves(CopyTest):
    def test_everything_and_unchanged(self):
        source, target = self.queue(), self.queue()
        properties = pika.BasicProperties(
            content_type="text/plain", content_encoding="gzip", delivery_mode=1, priority=3, correlation_id="c",
            reply_to="r", expiration="600000", message_id="m", timestamp=1, type="t", user_id="guest", app_id="a",
            headers={"n": 5, "text": "x", "nested": {"list": [1, "two", None, True]}})
        self.channel.basic_publish("", source, bytes(range(256)), properties)
        self.channel.basic_publish("", source, b"")
        ended = leveret("copy", "-q", source, "--to-queue", target, "--until-empty")
        self.assertEnded(ended, 0, r"\A\Z")
        first, second = self.drain(target, 2)
        self.assertEqual((first[1], first[2]), (properties, bytes(range(256))))
        self.assertEqual((second[1], second[2]), (pika.BasicProperties(), b""))
        self.await_depth(source, 0)

    def test_in_order(self):
        bodies = [b"%d" % i for i in range(2000)]
        source, target = self.queue(*bodies), self.queue()
        self.assertEnded(leveret("copy", "-v", "-q", source, "--to-queue", target, "-c2000"), 0, "2000 messages copied")
        self.assertEqual(self.bodies(target, 2000), bodies)

    def test_to_an_exchange_with_each_own_key(self):
        source, target, exchange = self.queue(), self.queue(), self.name("e")
        self.channel.exchange_declare(exchange, "topic", auto_delete=True)
        self.channel.queue_bind(target, exchange, "a.#")
        self.channel.queue_bind(source, "amq.topic", f"a.{source}")
        self.channel.basic_publish("amq.topic", f"a.{source}", b"1")
        self.assertEnded(leveret("copy", "-q", source, "-e", exchange, "-c1"), 0)
        method, _, body = self.drain(target, 1)[0]
        self.assertEqual((method.exchange, method.routing_key, body), (exchange, f"a.{source}", b"1"))
        self.fill(source, b"2")
        self.assertEnded(leveret("copy", "-q", source, "-e", exchange, "-r", "a.b", "-c1"), 0)
        self.assertEqual(self.drain(target, 1)[0][0].routing_key, "a.b")

    def test_count(self):
        source, target = self.queue(b"1", b"2", b"3"), self.queue()
        self.assertEnded(leveret("copy", "-q", source, "--to-queue", target, "-c2", "--move"), 0)
        self.await_depth(source, 1)
        self.await_depth(target, 2)

    def test_nothing_there_is_2(self):
        source, target = self.queue(), self.queue()
        self.assertEnded(leveret("copy", "-q", source, "--to-queue", target, "--until-empty"), 2)

    def test_keep(self):
        bodies = [b"%d" % i for i in range(300)]
        source, target = self.queue(*bodies), self.queue()
        self.assertEnded(leveret("copy", "-q", source, "--to-queue", target, "--keep", "--until-empty"), 0)
        self.await_depth(source, 300)
        self.assertEqual(self.bodies(target, 300), bodies)
        self.assertEqual(self.bodies(source, 300), bodies)

    def test_declares(self):
        source, target = self.queue(b"1"), self.name()
        self.made.append(target)
        self.assertEnded(leveret("copy", "-q", source, "--to-queue", target, "--declare", "-c1"), 0)
        self.await_depth(target, 1)

    def test_signal(self):
        source, target = self.queue(b"1"), self.queue()
        copy = start("copy", "-q", source, "--to-queue", target)
        self.await_depth(target, 1)
        copy.send_signal(signal.SIGINT)
        self.assertEnded(end(copy), 130, r"\A\Z")
        self.await_depth(source, 0)


class Refused(CopyTest):
    def test_no_queue_at_the_target(self):
        source = self.queue(b"1", b"2")
        ended = leveret("copy", "-q", source, "--to-queue", self.name(), "--until-empty")
        self.assertEnded(ended, 3, "no queue for a message: 312 NO_ROUTE.*\n.* came back")
        self.await_depth(source, 2)

    def test_no_exchange_at_the_target(self):
        source = self.queue(b"1", b"2")
        self.assertEnded(leveret("copy", "-q", source, "-e", self.name()), 1, "404 NOT_FOUND")
        self.await_depth(source, 2)

    def test_a_full_target(self):
        source = self.queue(b"1", b"2", b"3")
        target = self.queue(arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        ended = leveret("copy", "-q", source, "--to-queue", target, "--prefetch=1", "--until-empty")
        self.assertEnded(ended, 3, "1 refused by the target; 1 not copied, back in the queue")
        self.await_depth(source, 2)
        self.await_depth(target, 1)

    def test_no_source(self):
        self.assertEnded(leveret("copy", "-q", self.name(), "--to-queue", "x"), 1, "404 NOT_FOUND")

    def test_no_target_broker(self):
        source = self.queue(b"1")
        ended = leveret("copy", "-q", source, "--to-queue", "x", "--to", "amqp://u:hidden@127.0.0.1:1")
        self.assertEnded(ended, 69, "refused")
        self.assertNotIn("hidden", ended.err)
        self.await_depth(source, 1)

    def test_usage(self):
        for args, text in ((["--to-queue", "t"], "where from"), (["-q", "s"], "where to"),
                           (["-q", "s", "--to-queue", "t", "-e", "e"], "where to"),
                           (["-q", "s", "--to-queue", "t", "--keep"], "--keep goes with"),
                           (["-q", "s", "-e", "t", "--declare"], "--declare goes with"),
                           (["-q", "s", "--to-queue", "t", "-A"], "would be lost"),
                           (["-q", "s", "--to-queue", "t", "x"], "no arguments"),
                           (["-q", "s", "--to-queue", "t", "--password-file=-"], "needed twice")):
            self.assertEnded(leveret("copy", *args, url="amqp://127.0.0.1:1"), 64, text)


class Breaks(CopyTest):
    """Nothing is lost, whichever connection breaks and whenever; both are made again."""

    count = 5_000

    def copy(self, relay, options, source_url):
        """Copies while the relay's connections are cut, three times."""
        source, target = self.queue(*[b"%d" % i for i in range(self.count)]), self.queue()
        copy = start("copy", "-q", source, "--to-queue", target, "--until-empty", "--prefetch=100", *options,
                     url=source_url)
        for cut in range(3):
            while copy.poll() is None and self.depth(target) < self.count * (cut + 1) / 50:
                time.sleep(0.01)
            relay.cut()
        ended = end(copy)
        self.assertEnded(ended, 0, "(?s)connection lost: .*connected again")
        lost = set(range(self.count)) - {int(body) for body in self.bodies(target, self.depth(target))}
        self.assertFalse(lost, f"{len(lost)} of {self.count} are lost")
        self.await_depth(source, 0)

    def test_the_target(self):
        relay = self.relay()
        self.copy(relay, ["--to", relay.url], self.url)

    def test_the_source(self):
        relay = self.relay()
        self.copy(relay, ["--to", self.url], relay.url)

    def test_what_comes_again_counts_once(self):
        """The target holds its confirms back while the source is lost and comes back."""
        source, target = self.queue(b"1", b"2", b"3"), self.queue()
        near, far = self.relay(), self.relay()
        copy = start("copy", "-v", "-q", source, "--to-queue", target, "--to", far.url, "-c5", url=near.url)
        await_line(copy.stderr, "consuming from")
        self.await_depth(target, 3)
        far.stall()
        self.fill(source, b"4")
        self.await_depth(source, 0)
        near.cut()
        await_line(copy.stderr, "connected again")
        self.await_depth(source, 0)
        far.resume()
        self.await_depth(target, 5)  # 4 is there twice
        self.assertIsNone(copy.poll(), "4 of 5")
        self.fill(source, b"5")
        self.assertEnded(end(copy), 0, "5 messages copied")
        self.assertEqual(sorted(self.bodies(target, 6)), [b"1", b"2", b"3", b"4", b"4", b"5"])
        self.await_depth(source, 0)

    def test_retry_0(self):
        source, target = self.queue(b"1"), self.queue()
        relay = self.relay()
        copy = start("copy", "-q", source, "--to-queue", target, "--retry=0", "--to", relay.url)
        self.await_depth(target, 1)
        relay.cut()
        self.assertEnded(end(copy), 69)

    def test_a_target_that_stays_away(self):
        """What comes meanwhile is held, and goes back when we are told to stop."""
        source, target = self.queue(b"1"), self.queue()
        relay = self.relay()
        copy = start("copy", "-v", "-q", source, "--to-queue", target, "--to", relay.url)
        self.await_depth(target, 1)
        relay.close()
        relay.cut()
        await_line(copy.stderr, "connection lost")
        self.fill(source, b"2", b"3")
        told = ""
        while "3 received" not in told:
            copy.send_signal(signal.SIGUSR1)
            told = await_line(copy.stderr, "received")
        copy.send_signal(signal.SIGTERM)
        self.assertEnded(end(copy), 143, "of 3 messages .* 2 not copied, back in the queue")
        self.await_depth(source, 2)


@unittest.skipUnless(support.LONG, "LEVERET_LONG=1 starts a broker of its own, and kills it twice")
class Restarts(CopyTest):
    """Between two RabbitMQ, one of which is killed and started again."""

    count = 100_000

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = os.path.join(folder.name, "other")
        self.other("start")
        self.addCleanup(self.other, "stop")
        self.other_url = self.other("url").strip()

    def other(self, verb):
        ended = subprocess.run([os.path.join(os.path.dirname(__file__), "rabbitmq"), verb, self.dir],
                               stdout=subprocess.PIPE, text=True, check=True)
        return ended.stdout

    def publish(self, url, queue):
        lines = b"".join(b"%d\n" % i for i in range(self.count))
        ended = leveret("publish", "-u", url, "-q", queue, "--declare", "-l", stdin=lines)
        self.assertEnded(ended, 0)

    def copy(self, source_url, target_url):
        """Copies while the other broker is killed and comes back, and returns what the target has."""
        queue = self.name()
        self.made.append(queue)
        self.assertEnded(leveret("declare", "queue", queue, url=target_url), 0)
        self.publish(source_url, queue)
        time.sleep(5)  # RabbitMQ that is killed within 2 s of a declare may have forgotten the queue, and all in it
        args = ("copy", "-q", queue, "--to-queue", queue, "--to", target_url, "--idle", "5")
        copy = start(*args, url=source_url)
        time.sleep(1)
        self.assertIsNone(copy.poll(), "still copying")
        self.other("kill")
        self.other("start")
        self.assertEnded(end(copy, timeout=200), 0, "(?s)connection lost: .*connected again")
        self.assertEnded(leveret("consume", "-q", queue, "--until-empty", url=source_url), 2)
        numbers = leveret("consume", "-q", queue, "--until-empty", url=target_url).out.split()
        lost = set(range(self.count)) - {int(n) for n in numbers}
        self.assertFalse(lost, f"{len(lost)} of {self.count} are lost, {min(lost, default=0)} to {max(lost, default=0)}")

    def test_the_target(self):
        self.copy(self.url, self.other_url)

    def test_the_source(self):
        self.copy(self.other_url, self.url)


if __name__ == "__main__":
    support.main()
