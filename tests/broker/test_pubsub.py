#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The classic pair: what one side publishes to a fanout exchange the other prints, unchanged, with leveret on
either side and pika on the other, on each broker."""

import os
import unittest

import support
from support import BrokerTest, end, leveret, start, start_consumer

BODIES = {
    "text": "Grüße, 世界\n".encode(),
    "empty": b"",
    "a newline at the end": b"line\n",
    "NUL bytes": b"\0a\0\0b\0",
    "every byte": bytes(range(256)),
    "1 MB": os.urandom(1_000_000),
}
EXAMPLES = os.path.join(os.path.dirname(support.LEVERET), "examples")


class PubSub:
    """Run on each broker by the classes below."""

    bodies = BODIES
    publish = ["publish"]

    def subscription(self, exchange):
        """What `leveret consume` needs to hear what is published to the exchange."""
        return ["-e", exchange]

    def exchange(self):
        exchange = self.name("fanout")
        self.channel.exchange_declare(exchange, "fanout", durable=True)
        self.addCleanup(self.delete_exchange, exchange)
        return exchange

    def delete_exchange(self, exchange):
        if self.connection.is_open and self.url != support.GARAGEMQ:  # it never answers once a queue was bound
            self.connection.channel().exchange_delete(exchange)

    def test_leveret_to_pika(self):
        exchange = self.exchange()
        queue = self.bound_queue(exchange)
        for what, body in self.bodies.items():
            with self.subTest(what):
                ended = leveret(*self.publish, "-e", exchange, stdin=body, url=self.url)
                self.assertEnded(ended, 0, r"\A\Z")
                self.assertEqual(self.drain(queue, 1)[0][2], body)

    def test_pika_to_leveret(self):
        exchange = self.exchange()
        for what, body in self.bodies.items():
            with self.subTest(what):
                consumer = start_consumer(*self.subscription(exchange), "-c", "1", "--raw", url=self.url)
                self.channel.basic_publish(exchange, "", body)
                ended = end(consumer)
                self.assertEnded(ended, 0)
                self.assertEqual(ended.out, body)

    def test_leveret_to_two_subscribers(self):
        exchange = self.exchange()
        consumers = [start_consumer(*self.subscription(exchange), "-c", "3", url=self.url) for _ in range(2)]
        ended = leveret(*self.publish, "-e", exchange, "-l", stdin=b"one\ntwo\nthree", url=self.url)
        self.assertEnded(ended, 0, r"\A\Z")
        for consumer in consumers:
            ended = end(consumer)
            self.assertEnded(ended, 0)
            self.assertEqual(ended.out, b"one\ntwo\nthree\n")

    def test_lines_keep_their_order(self):
        exchange = self.exchange()
        consumer = start_consumer(*self.subscription(exchange), "-c", "5000", url=self.url)
        lines = b"".join(b"%d\n" % i for i in range(5000))
        self.assertEnded(leveret(*self.publish, "-e", exchange, "-l", stdin=lines, url=self.url), 0)
        self.assertEqual(end(consumer).out, lines)


class OnRabbitMQ(PubSub, BrokerTest):
    url = support.RABBITMQ

    def test_both_sides_declare(self):
        exchange = self.name("fanout")
        self.addCleanup(self.delete_exchange, exchange)
        declare = ["-e", exchange, "--declare", "--type", "fanout"]
        consumer = start_consumer(*declare, "-c", "1")
        self.assertEnded(leveret("publish", *declare, "hello"), 0, r"\A\Z")
        self.assertEqual(end(consumer).out, b"hello\n")

    @unittest.skipUnless(os.path.exists(os.path.join(EXAMPLES, "consumer")), "examples are not built")
    def test_examples(self):
        """The example programs, with each other and with the command."""
        self.channel.exchange_declare("myexchange", "fanout", durable=True)
        probe = self.bound_queue("myexchange")
        consumer = start(program=os.path.join(EXAMPLES, "consumer"), url=self.url)
        marker = self.name().encode()
        lines = b"hello\n\n" + marker + b"\n"
        self.await_binding(consumer, probe)
        ended = leveret(program=os.path.join(EXAMPLES, "producer"), stdin=lines, url=self.url)
        self.assertEnded(ended, 0, r"\A\Z")
        seen = b""
        while marker not in seen:
            byte = consumer.stdout.read(1)
            self.assertNotEqual(byte, b"", f"the consumer ended early, after {seen}")
            seen += byte
        consumer.terminate()
        end(consumer)
        self.assertIn(b"hello\n\n" + marker, seen)

    def await_binding(self, consumer, probe):
        """Publishes until the example prints something: from then on it is subscribed."""
        byte = b""
        os.set_blocking(consumer.stdout.fileno(), False)
        for _ in range(200):
            self.channel.basic_publish("myexchange", "", b".")
            self.connection.sleep(0.05)
            byte = consumer.stdout.read(1)
            if byte:
                break
        os.set_blocking(consumer.stdout.fileno(), True)
        self.assertEqual(byte, b".")
        self.channel.queue_purge(probe)


@unittest.skipUnless(support.GARAGEMQ, "LEVERET_GARAGEMQ_URL is not set")
class OnGarageMQ(PubSub, BrokerTest):
    url = support.GARAGEMQ
    publish = ["publish", "--transient"]  # it loses the confirm of a persistent message that is acked too soon
    bodies = {what: body for what, body in BODIES.items() if body}  # it never completes an empty one

    def subscription(self, exchange):
        return ["-q", self.bound_queue(exchange)]


if __name__ == "__main__":
    support.main()
