#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret consume: when it ends, what it acks, what goes back to the queue, and the exit codes."""

import os
import signal
import subprocess
import time

import support
from support import BrokerTest, Ended, await_line, end, leveret, start, start_consumer


class Ends(BrokerTest):
    def test_count(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = leveret("consume", "-q", queue, "-c", "2")
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"1\n2\n")
        self.await_depth(queue, 1)

    def test_count_takes_no_more_from_the_broker_than_it_needs(self):
        queue = self.queue(b"1", b"2", b"3")
        self.assertEnded(leveret("consume", "-q", queue, "-c", "2"), 0)
        self.assertFalse(self.drain(queue, 1)[0][0].redelivered)

    def test_count_that_is_not_reached_is_2(self):
        ended = leveret("consume", "-q", self.queue(b"1"), "-c", "2", "--idle", "0.3")
        self.assertEnded(ended, 2)
        self.assertEqual(ended.out, b"1\n")

    def test_idle(self):
        began = time.monotonic()
        ended = leveret("consume", "-q", self.queue(b"1", b"2"), "--idle", "0.5")
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"1\n2\n")
        self.assertGreater(time.monotonic() - began, 0.5)

    def test_idle_counts_from_the_last_message(self):
        queue = self.queue()
        consumer = start_consumer("-q", queue, "--idle", "0.8")
        for body in (b"1", b"2", b"3", b"4"):
            self.connection.sleep(0.4)
            self.fill(queue, body)
        self.assertEqual(end(consumer).out, b"1\n2\n3\n4\n")

    def test_idle_and_nothing_came_is_2(self):
        self.assertEnded(leveret("consume", "-q", self.queue(), "--idle", "0.2"), 2, r"\A\Z")

    def test_until_empty(self):
        bodies = [b"%d" % i for i in range(1000)]
        queue = self.queue(*bodies)
        for option in (["-A"], ["--prefetch=3"], []):
            ended = leveret("consume", "-q", queue, "--until-empty", *option)
            self.assertEnded(ended, 0, r"\A\Z")
            self.assertEqual(ended.out.split(), bodies)
            self.await_depth(queue, 0)
            self.fill(queue, *bodies)

    def test_until_empty_and_nothing_was_there_is_2(self):
        self.assertEnded(leveret("consume", "-q", self.queue(), "--until-empty"), 2, r"\A\Z")

    def test_cancelled_by_the_broker_is_1(self):
        queue = self.queue(b"1")
        consumer = start_consumer("-q", queue)
        self.await_depth(queue, 0)
        self.channel.queue_delete(queue)
        ended = end(consumer)
        self.assertEnded(ended, 1, f'consume from "{queue}": .*the broker cancelled consumer .* was its queue deleted')
        self.assertEqual(ended.out, b"1\n")

    def test_missing_queue_is_1(self):
        ended = leveret("consume", "-q", self.name("nothing"))
        self.assertEnded(ended, 1, "404 NOT_FOUND - no queue 'nothing")
        self.assertOneLine(ended)

    def test_exclusive_queue_of_somebody_else_is_1(self):
        queue = self.channel.queue_declare("", exclusive=True).method.queue
        ended = leveret("consume", "-q", queue)
        self.assertEnded(ended, 1, "405 RESOURCE_LOCKED")
        self.assertOneLine(ended)

    def test_lost_connection_is_69(self):
        relay = self.relay()
        consumer = start_consumer("-q", self.queue(), "--retry", "0", url=relay.url)
        relay.cut()
        self.assertEnded(end(consumer), 69, "consume from")


class Acks(BrokerTest):
    def test_what_was_written_is_acked_while_it_goes_on(self):
        queue = self.queue(b"1", b"2")
        consumer = start_consumer("-q", queue)
        self.assertEqual(consumer.stdout.read(4), b"1\n2\n")
        time.sleep(0.3)
        consumer.kill()
        end(consumer)
        time.sleep(0.3)
        self.assertEqual(self.depth(queue), 0)

    def test_what_was_not_written_comes_again(self):
        """The reader stops, the pipe fills, the process dies: what was not written is still in the queue."""
        bodies = [b"%03d" % i + b"x" * 9997 for i in range(50)]
        queue = self.queue(*bodies)
        consumer = start_consumer("-q", queue, "--prefetch", "50")
        first = consumer.stdout.read(10001)
        time.sleep(0.5)
        consumer.kill()
        rest = consumer.stdout.read()
        end(consumer)
        self.assertLess(len(rest), 200_000)
        written = (len(first) + len(rest)) // 10001
        time.sleep(0.3)
        left = self.depth(queue)
        self.assertGreaterEqual(left, len(bodies) - written)
        message = self.drain(queue, left)[0]
        self.assertTrue(message[0].redelivered)

    def test_a_slow_reader_does_not_starve_heartbeats(self):
        queue = self.queue(*[b"x" * 10000] * 30)
        consumer = start_consumer("-q", queue, "--heartbeat", "1", "-c", "30")
        time.sleep(4)
        ended = end(consumer)
        self.assertEnded(ended, 0)
        self.assertEqual(len(ended.out), 30 * 10001)

    def test_auto_ack(self):
        queue = self.queue(b"1", b"2")
        self.assertEnded(leveret("consume", "-q", queue, "-A", "--idle", "0.2"), 0)
        self.assertEqual(self.depth(queue), 0)

    def test_auto_ack_with_count_counts_what_is_lost(self):
        queue = self.queue(*[b"x"] * 10)
        ended = leveret("consume", "-q", queue, "-A", "-c", "4")
        self.assertEqual(ended.out, b"x\n" * 4)
        self.assertEnded(ended, 3, "6 more messages had been delivered already and are lost")

    def test_prefetch(self):
        queue = self.queue(*[b"x" * 100_000] * 20)
        consumer = start_consumer("-q", queue, "--prefetch", "5")
        time.sleep(0.5)
        self.assertEqual(self.depth(queue), 20 - 5)
        consumer.kill()
        end(consumer)

    def test_raw(self):
        ended = leveret("consume", "-q", self.queue(b"1", b"", b"2\n"), "-c", "3", "--raw")
        self.assertEqual(ended.out, b"12\n")

    def test_declare(self):
        queue = self.name()
        self.made.append(queue)
        self.assertEnded(leveret("consume", "-q", queue, "--declare", "--until-empty"), 2)
        self.assertEqual(self.depth(queue), 0)

    def test_private_queue_with_a_key(self):
        consumer = start_consumer("-e", "amq.topic", "-r", f"{self.name()}.*", "-c", "1")
        consumer.kill()
        end(consumer)
        key = self.name("key")
        consumer = start_consumer("-e", "amq.direct", "-r", key, "-c", "1")
        self.channel.basic_publish("amq.direct", key, b"for this key")
        self.assertEqual(end(consumer).out, b"for this key\n")


class Origins(BrokerTest):
    def received(self, *args, publish, count):
        """What a private queue with these options gets of (exchange, key, body)..."""
        consumer = start_consumer(*args, "-c", str(count))
        for exchange, key, body in publish:
            self.channel.basic_publish(exchange, key, body)
        return end(consumer).out.split()

    def test_without_a_key(self):
        self.assertEqual(self.received("-e", "amq.fanout", publish=[("amq.fanout", "any", b"1")], count=1), [b"1"])

    def test_keys_may_contain_anything(self):
        a, b = self.name("a,b:c d"), self.name("'\"{};,")
        got = self.received("-e", "amq.direct", "-r", a, "-r", b, count=2,
                            publish=[("amq.direct", a[:3], b"no"), ("amq.direct", a, b"1"), ("amq.direct", b, b"2")])
        self.assertEqual(got, [b"1", b"2"])

    def test_bindings(self):
        key, topic = self.name("k,1:2"), self.name("t")
        got = self.received("--bind", f"amq.direct:{key}", "--bind", f"amq.topic:{topic}.#", "--bind", "amq.fanout",
                            count=3, publish=[("amq.direct", key, b"1"), ("amq.topic", f"{topic}.x.y", b"2"),
                                              ("amq.topic", "other", b"no"), ("amq.fanout", "", b"3")])
        self.assertEqual(got, [b"1", b"2", b"3"])
        got = self.received("-e", "amq.direct", "-r", key, "--bind", f"amq.topic:{topic}", count=2,
                            publish=[("amq.topic", topic, b"1"), ("amq.direct", key, b"2")])
        self.assertEqual(got, [b"1", b"2"])

    def test_declare_makes_the_exchanges(self):
        names = [self.name("x"), self.name("x")]
        for name in names:
            self.addCleanup(lambda name=name: self.connection.is_open and
                            self.connection.channel().exchange_delete(name))
        got = self.received("-e", names[0], "--bind", f"{names[1]}:k", "--declare", "--type", "fanout", count=2,
                            publish=[(name, "any", b"1") for name in names])
        self.assertEqual(got, [b"1", b"1"])
        for name in names:
            self.channel.exchange_declare(name, "fanout", durable=True)

    def test_the_private_queue_is_gone_with_the_consumer(self):
        consumer = start("consume", "-v", "-e", "amq.fanout", "--idle", "0.2")
        name = await_line(consumer.stderr, "consuming from").split()[-1]
        self.assertEnded(end(consumer), 2)
        self.assertEnded(leveret("get", "-q", name), 1, "404")

    def test_exclusive(self):
        queue = self.queue()
        consumer = start_consumer("-q", queue, "-x")
        self.assertEnded(leveret("consume", "-q", queue), 77, "403 ACCESS_REFUSED.*exclusive")
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)
        self.assertEnded(leveret("consume", "-q", queue, "--until-empty"), 2)

    def test_exclusive_and_declared(self):
        queue = self.name()
        consumer = start_consumer("-q", queue, "-x", "--declare")
        self.assertEnded(leveret("get", "-q", queue), 1, "405 RESOURCE_LOCKED")
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)
        self.assertEnded(leveret("get", "-q", queue), 1, "404 NOT_FOUND")

    def test_priority(self):
        queue = self.queue()
        plain = start_consumer("-q", queue, "--idle", "2")
        high = start_consumer("-q", queue, "--priority", "5", "-c", "2")
        highest = start_consumer("-q", queue, "--arg", "x-priority:=9", "-c", "2")
        for consumer, bodies in ((highest, [b"1", b"2"]), (high, [b"3", b"4"]), (plain, [b"5", b"6"])):
            self.fill(queue, *bodies)
            self.assertEqual(end(consumer).out.split(), bodies)

    def test_offsets_of_a_stream(self):
        before = time.time()
        queue = self.queue(*[b"%d" % i for i in range(5)], arguments={"x-queue-type": "stream"})
        hour = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before - 3600))
        for offset, first in (("first", b"0"), ("0", b"0"), ("3", b"3"), (hour, b"0"), (f"@{int(before) - 9}", b"0"),
                              ("1h", b"0")):
            ended = leveret("consume", "-q", queue, "--offset", offset, "-c", "1")
            self.assertEnded(ended, 0, r"\A\Z")
            self.assertEqual(ended.out, first + b"\n", offset)
        for offset in ("next", f"@{int(before) + 3600}"):
            self.assertEnded(leveret("consume", "-q", queue, "--offset", offset, "--idle", "0.5"), 2)


def ignore_hangup():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Stops(BrokerTest):
    def test_signals(self):
        for number, code in ((signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
            queue = self.queue(b"1")
            consumer = start_consumer("-q", queue)
            self.assertEqual(consumer.stdout.read(2), b"1\n")
            consumer.send_signal(number)
            self.assertEnded(end(consumer), code, r"\A\Z")
            self.await_depth(queue, 0)

    def test_nohup(self):
        queue = self.queue(b"1")
        consumer = start("consume", "-v", "-q", queue, "-c2", "--raw", preexec_fn=ignore_hangup)
        await_line(consumer.stderr, "consuming from")
        consumer.send_signal(signal.SIGHUP)
        self.assertEqual(consumer.stdout.read(1), b"1")
        consumer.send_signal(signal.SIGHUP)
        self.fill(queue, b"2")
        ended = end(consumer)
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"2")

    def test_the_second_signal_ends_at_once(self):
        """The pipe is full, so that the first signal has something to wait for."""
        consumer = start_consumer("-q", self.queue(*[b"x" * 100_000] * 5))
        time.sleep(0.5)
        consumer.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(consumer.poll())
        consumer.send_signal(signal.SIGINT)
        self.assertEqual(consumer.wait(2), 130)
        end(consumer)

    def test_closed_stdout_is_141(self):
        """As with `leveret consume | head -1`: one message is read, the rest stays."""
        queue = self.queue(b"one", *[b"x" * 10_000] * 30)
        consumer = start_consumer("-q", queue)
        head = subprocess.run(["head", "-1"], stdin=consumer.stdout, capture_output=True, check=True)
        consumer.stdout.close()
        self.assertEqual(head.stdout, b"one\n")
        self.assertEqual(consumer.wait(10), 141)
        self.assertEqual(consumer.stderr.read(), b"")
        consumer.stderr.close()
        consumer.stdin.close()
        time.sleep(0.3)
        self.assertGreater(self.depth(queue), 10)

    def test_closed_stdout_is_noticed_while_idle(self):
        queue = self.queue()
        consumer = start_consumer("-q", queue)
        consumer.stdout.close()
        self.assertEqual(consumer.wait(5), 141)
        consumer.stderr.close()
        consumer.stdin.close()
        self.fill(queue, b"kept")
        self.await_depth(queue, 1)

    def test_full_disk_is_74(self):
        queue = self.queue(b"1")
        with open("/dev/full", "wb") as full:
            consumer = start("consume", "-q", queue, stdout=full)
            _, err = consumer.communicate(timeout=20)
        self.assertEnded(Ended(consumer.returncode, b"", err), 74, "cannot write to stdout: No space left")
        self.await_depth(queue, 1)

    def test_output_to_a_file(self):
        path = f"/tmp/leveret-{os.getpid()}-{self.name()}"
        self.addCleanup(os.unlink, path)
        with open(path, "wb") as file:
            consumer = start("consume", "-q", self.queue(b"1", b"2"), "-c2", stdout=file)
            self.assertEqual(consumer.wait(20), 0)
            end(consumer)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"1\n2\n")


class Verbose(BrokerTest):
    def test_says_what_happens(self):
        queue = self.queue()
        consumer = start("consume", "-v", "-q", queue, "--idle", "0.2")
        self.assertRegex(await_line(consumer.stderr, "consuming"),
                         rf"\Aleveret: connected to amqp://[^@]+\nleveret: consuming from {queue}\n\Z")
        self.assertEnded(end(consumer), 2)


if __name__ == "__main__":
    support.main()
