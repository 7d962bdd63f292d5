#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""--trace, and the counters that SIGUSR1 asks for."""

import json
import re
import signal
import time
import unittest

from support import GARAGEMQ, BrokerTest, await_line, end, leveret, start, start_consumer

LINE = re.compile(r"(#[12] )?(client|server) (AMQP 0-9-1|\d+ [a-z-]+(\.[a-z-]+)?( .*)?)\Z")


def traced(err):
    """The lines of a trace; whatever else was said fails the test."""
    lines = err.splitlines()
    assert all(LINE.match(line) for line in lines), [line for line in lines if not LINE.match(line)]
    return lines


class Traces(BrokerTest):
    def test_of_publish(self):
        queue = self.queue()
        ended = leveret("publish", "--trace", "-q", queue, "hello\n\x1b[31m", url=self.url)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"")
        lines = traced(ended.err)
        self.assertEqual(lines[0], "client AMQP 0-9-1")
        self.assertRegex(lines[1], r"\Aserver 0 connection.start version_major=0 version_minor=9 ")
        self.assertRegex(lines[2], r'\Aclient 0 connection.start-ok .* mechanism="PLAIN" response="\*\*\*" ')
        self.assertIn('client 1 body 11 bytes "hello\\n\\x1b[31m"', lines)
        self.assertTrue(any(line.startswith("server 1 basic.ack delivery_tag=1 ") for line in lines))
        self.assertEqual(lines[-1], "server 0 connection.close-ok")
        self.assertNotIn("\x1b", ended.err)
        self.assertNotIn(r"\x00", ended.err)

    def test_of_every_command_that_connects(self):
        queue = self.queue(b"1", b"2")
        for args in (("get", "-q", queue), ("consume", "-q", queue, "-c", "1"), ("ping", "-c", "1"),
                     ("declare", "queue", queue, "--passive"), ("purge", queue)):
            lines = traced(leveret(*args, "--trace", url=self.url).err)
            self.assertIn("client 1 channel.open", lines, args)
            self.assertIn("server 0 connection.close-ok", lines, args)

    def test_as_json_is_what_dump_prints(self):
        ended = leveret("publish", "--trace", "--log-format", "json", "-q", self.queue(), "x", url=self.url)
        objects = [json.loads(line) for line in ended.err.splitlines()]
        self.assertEqual(objects[0], {"from": "client", "type": "protocol-header", "major": 0, "minor": 9,
                                      "revision": 1} | {k: v for k, v in objects[0].items() if k == "raw"})
        login = next(o for o in objects if o.get("method") == "start-ok")
        self.assertEqual(login["fields"]["response"], "***")
        self.assertNotIn("raw", login)
        self.assertTrue(any(o["type"] == "body" and o["body"] == "x" for o in objects))


class OnGaragemq(Traces):
    url = GARAGEMQ


class OnRabbitmq(BrokerTest):
    def test_of_both_connections_of_copy(self):
        source, target = self.queue(b"moved"), self.queue()
        ended = leveret("copy", "--trace", "-q", source, "--to-queue", target, "--until-empty")
        self.assertEnded(ended, 0)
        lines = traced(ended.err)
        self.assertIn('#1 server 1 body 5 bytes "moved"', lines)
        self.assertIn('#2 client 1 body 5 bytes "moved"', lines)

    def test_goes_on_after_a_reconnect(self):
        relay = self.relay()
        queue = self.queue()
        consumer = start_consumer("-q", queue, "--trace", url=relay.url)
        relay.cut()
        said = await_line(consumer.stderr, "connected again")
        self.assertEqual(said.count("client AMQP 0-9-1"), 1)
        self.assertIn("basic.consume-ok", said)
        self.assertNotRegex(said, r'response="(?!\*\*\*")')
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)


COUNTED = (r"leveret: connection to \S+: \d+ bytes sent, \d+ bytes came; messages: {} sent, {} delivered, 0 sent back, "
           r"{} unconfirmed; bytes kept: \d+ to be written, \d+ unread, \d+ unfinished, \d+ of events, \d+ until "
           r"confirmed; blocked for 0 ms, {} reconnects\n")


class Counters(BrokerTest):
    def test_of_publish_and_of_a_reconnect(self):
        relay = self.relay()
        queue = self.queue()
        publisher = start("publish", "-q", queue, "-l", url=relay.url)
        publisher.stdin.write(b"1\n2\n")
        publisher.stdin.flush()
        self.await_depth(queue, 2)
        time.sleep(0.2)
        publisher.send_signal(signal.SIGUSR1)
        self.assertRegex(await_line(publisher.stderr, "reconnects"), COUNTED.format(2, 0, 0, 0))
        relay.cut()
        await_line(publisher.stderr, "connected again")
        publisher.send_signal(signal.SIGUSR1)
        self.assertRegex(await_line(publisher.stderr, "reconnects"), COUNTED.format(2, 0, 0, 1))
        publisher.stdin.close()
        publisher.stdin = None
        self.assertEnded(end(publisher), 0)

    def test_of_consume_serve_and_copy(self):
        queue, target = self.queue(b"1", b"2"), self.queue()
        consumer = start_consumer("-q", queue)
        self.assertEqual(consumer.stdout.read(4), b"1\n2\n")
        consumer.send_signal(signal.SIGUSR1)
        self.assertRegex(await_line(consumer.stderr, "reconnects"), COUNTED.format(0, 2, 0, 0))
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)
        self.fill(queue, b"3")
        copier = start("copy", "-q", queue, "--to-queue", target)
        self.await_depth(target, 1)
        time.sleep(0.2)
        copier.send_signal(signal.SIGUSR1)
        self.assertRegex(await_line(copier.stderr, "reconnects"), COUNTED.format(0, 1, 0, 0))
        self.assertRegex(await_line(copier.stderr, "reconnects"), COUNTED.format(1, 0, 0, 0))
        copier.send_signal(signal.SIGTERM)
        self.assertEnded(end(copier), 143)
        server = start("serve", "-v", "-q", queue, "--", "cat")
        await_line(server.stderr, queue)
        server.send_signal(signal.SIGUSR1)
        self.assertRegex(await_line(server.stderr, "reconnects"), COUNTED.format(0, 0, 0, 0))
        server.send_signal(signal.SIGTERM)
        self.assertEnded(end(server), 143)


if __name__ == "__main__":
    unittest.main(verbosity=2)
