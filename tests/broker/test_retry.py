#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Reconnecting: what publish, consume and serve do when a connection that once was open is lost."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from support import RABBITMQ, BrokerTest, await_line, end, leveret, main, pika, start, start_consumer

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rabbitmq")
NOWHERE = "amqp://guest:guest@127.0.0.1:1"


def in_order_but_for_repeats(lines):
    """The lines as they came first."""
    return list(dict.fromkeys(lines))


class OwnNode(unittest.TestCase):
    """With a broker of its own, which it may end."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="leveret-retry-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.addCleanup(self.node, "stop")
        self.node("start")
        self.url = self.node("url").strip()

    def node(self, verb, *args):
        return subprocess.run([SCRIPT, verb, self.dir, *args], check=True, stdout=subprocess.PIPE, text=True).stdout

    def test_publish_and_consume_survive(self):
        lines = [b"line %d" % i for i in range(400)]
        leveret("declare", "queue", "lines", url=self.url)
        consumer = start_consumer("-q", "lines", url=self.url)
        publisher = start("publish", "-q", "lines", "-l", url=self.url)
        taken = []

        def read():
            """Until the last line is there, however much later than the consumer the publisher comes back."""
            for line in consumer.stdout:
                taken.append(line.rstrip(b"\n"))
                if taken[-1] == lines[-1]:
                    consumer.send_signal(signal.SIGTERM)

        reader = threading.Thread(target=read)
        reader.start()
        err = {publisher: "", consumer: ""}

        def feed(part):
            publisher.stdin.write(b"".join(line + b"\n" for line in part))
            publisher.stdin.flush()

        def await_both():
            for process in err:
                err[process] += await_line(process.stderr, "connected again", timeout=120)

        feed(lines[:100])
        self.node("ctl", "close_all_connections", "test")
        feed(lines[100:200])
        await_both()
        feed(lines[200:250])
        self.node("kill")
        feed(lines[250:300])
        self.node("start")
        await_both()
        ended = end(publisher, b"".join(line + b"\n" for line in lines[300:]))
        reader.join()
        consumer.wait(20)
        err[publisher] += ended.err
        err[consumer] += consumer.stderr.read().decode()
        self.assertEqual((ended.code, consumer.returncode), (0, 143), err)
        for text in err.values():
            self.assertEqual(text.count("connection lost: "), 2, text)
            self.assertEqual(text.count("connected again"), 2, text)
        self.assertEqual(in_order_but_for_repeats(taken), lines)


class Retry(BrokerTest):
    def lose(self, relay):
        """For good: nobody listens there any more."""
        relay.shut(relay.socket)
        relay.close()
        relay.cut()

    def falls_silent(self, relay):
        """Connections are taken, and then nothing comes."""
        relay.stall()
        relay.cut()

    def start_lines(self, relay, queue, *args):
        publisher = start("publish", "-v", "-q", queue, "-l", *args, url=relay.url)
        await_line(publisher.stderr, "connected to")
        publisher.stdin.write(b"one\n")
        publisher.stdin.flush()
        self.await_depth(queue, 1)
        return publisher

    def test_publish_goes_on(self):
        queue, relay = self.queue(), self.relay()
        publisher = self.start_lines(relay, queue)
        relay.cut()
        self.assertIn("connection lost: ", await_line(publisher.stderr, "connected again"))
        self.assertEqual(end(publisher, b"two\nthree\n").code, 0)
        self.assertEqual([body for _, _, body in self.drain(queue, 3)], [b"one", b"two", b"three"])

    def test_a_fast_stream_is_cut(self):
        """Publisher and consumer at full speed, so that every call of theirs meets a lost connection some time."""
        queue, relay = self.queue(), self.relay()
        lines = [b"%d" % i for i in range(60_000)]
        consumer = start_consumer("-q", queue, "--idle", "3", url=relay.url)
        publisher = start("publish", "-q", queue, "-l", url=relay.url)
        taken = []
        reader = threading.Thread(target=lambda: taken.extend(consumer.stdout.read().split()))
        reader.start()
        ends = []
        feeder = threading.Thread(target=lambda: ends.append(end(publisher, b"\n".join(lines))))
        feeder.start()
        cuts = 0
        while feeder.is_alive() and cuts < 8:
            time.sleep(0.2)
            relay.cut()
            cuts += 1
        feeder.join()
        self.assertEnded(ends[0], 0, "connected again")
        reader.join()
        consumer.wait(20)
        err = consumer.stderr.read().decode()
        self.assertEqual(consumer.returncode, 0, err)
        self.assertIn("connected again", err)
        self.assertEqual(set(taken), set(lines))

    def test_what_was_not_confirmed_is_sent_again(self):
        queue, relay = self.queue(), self.relay()
        publisher = self.start_lines(relay, queue)
        relay.stall()
        publisher.stdin.write(b"two\nthree\n")
        publisher.stdin.flush()
        time.sleep(0.5)
        relay.cut()
        relay.resume()
        await_line(publisher.stderr, "connected again")
        self.await_depth(queue, 3)
        ended = end(publisher, b"four\n")
        self.assertEnded(ended, 0, "4 published, 4 confirmed")
        self.assertEqual([body for _, _, body in self.drain(queue, 4)], [b"one", b"two", b"three", b"four"])

    def test_the_time_limit_does_not_count_meanwhile(self):
        queue, relay = self.queue(), self.relay()
        publisher = self.start_lines(relay, queue, "--timeout", "1", "--connect-timeout", "5")
        relay.stall()
        relay.cut()
        publisher.stdin.write(b"two\n")
        publisher.stdin.flush()
        time.sleep(2.5)
        self.assertIsNone(publisher.poll())
        relay.resume()
        self.assertEnded(end(publisher, b"three\n"), 0)
        self.assertEqual([body for _, _, body in self.drain(queue, 3)], [b"one", b"two", b"three"])

    def test_attempts_are_counted(self):
        relay = self.relay()
        publisher = self.start_lines(relay, self.queue(), "--retry", "2")
        self.lose(relay)
        ended = end(publisher, b"two\n", timeout=20)
        self.assertEnded(ended, 69, "attempt 2 ")
        self.assertNotIn("attempt 3 ", ended.err)

    def test_none_is_69(self):
        queue, relay = self.queue(b"1"), self.relay()
        publisher = start("publish", "-q", queue, "-l", "--retry", "0", url=relay.url)
        consumer = start_consumer("-q", self.queue(), "--retry", "0", url=relay.url)
        publisher.stdin.write(b"2\n")
        publisher.stdin.flush()
        self.await_depth(queue, 2)
        relay.cut()
        self.assertEqual(publisher.wait(10), 69)
        ended = end(consumer)
        self.assertEnded(ended, 69)
        self.assertNotIn("reconnecting", ended.err)
        end(publisher)

    def test_without_confirms_nothing_is_sent_again(self):
        relay = self.relay()
        publisher = self.start_lines(relay, self.queue(), "--no-confirm")
        relay.cut()
        self.assertEqual(publisher.wait(10), 69)
        end(publisher)

    def test_the_first_connect_is_tried_once(self):
        for args in (("publish", "-q", "q", "x"), ("consume", "-q", "q")):
            began = time.monotonic()
            self.assertEnded(leveret(*args, "-u", NOWHERE, "-u", NOWHERE), 69, "connect: .*refused")
            self.assertLess(time.monotonic() - began, 3)

    def test_a_signal_meanwhile_ends_at_once(self):
        queue = self.queue()
        for command in (("consume", "-v", "-q", queue), ("publish", "-v", "-q", queue, "-l")):
            for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
                with self.subTest(command=command[0], signal=number):
                    relay = self.relay()
                    process = start(*command, url=relay.url)
                    await_line(process.stderr, "consuming" if command[0] == "consume" else "connected to")
                    time.sleep(0.2)
                    if number == signal.SIGINT:
                        self.lose(relay)
                        await_line(process.stderr, "attempt 2")
                    else:
                        self.falls_silent(relay)
                        await_line(process.stderr, "attempt 1")
                        time.sleep(0.4)
                    began = time.monotonic()
                    process.send_signal(number)
                    self.assertEqual(process.wait(5), code)
                    self.assertLess(time.monotonic() - began, 0.5)
                    end(process)

    def test_a_signal_leaves_doubt_to_the_counters(self):
        queue, relay = self.queue(), self.relay()
        publisher = self.start_lines(relay, queue)
        self.lose(relay)
        await_line(publisher.stderr, "attempt 1")
        publisher.stdin.write(b"two\n")
        publisher.stdin.flush()
        publisher.send_signal(signal.SIGTERM)
        self.assertEqual(publisher.wait(5), 143)
        end(publisher)

    def test_consume_goes_on_and_counts_records(self):
        queue, relay = self.queue(b"1", b"2"), self.relay()
        consumer = start_consumer("-q", queue, "-c", "4", url=relay.url)
        self.assertEqual(consumer.stdout.readline() + consumer.stdout.readline(), b"1\n2\n")
        time.sleep(0.3)
        relay.cut()
        self.assertIn("connection lost: ", await_line(consumer.stderr, "connected again"))
        self.fill(queue, b"3", b"4", b"5")
        ended = end(consumer)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"3\n4\n")
        self.await_depth(queue, 1)

    def test_a_private_queue_is_made_again(self):
        relay, exchange = self.relay(), self.name("fanout")
        self.channel.exchange_declare(exchange, "fanout")
        self.addCleanup(lambda: self.connection.channel().exchange_delete(exchange))
        consumer = start_consumer("-e", exchange, "--format", "%s %q\\n", url=relay.url)
        self.channel.basic_publish(exchange, "", b"1")
        first = consumer.stdout.readline().split()
        relay.cut()
        await_line(consumer.stderr, "connected again")
        self.channel.basic_publish(exchange, "", b"2")
        second = consumer.stdout.readline().split()
        consumer.terminate()
        self.assertEnded(end(consumer), 143)
        self.assertEqual((first[0], second[0]), (b"1", b"2"))
        self.assertNotEqual(first[1], second[1])
        self.assertTrue(second[1].startswith(b"amq.gen-"))

    def test_a_handler_of_before_settles_nothing(self):
        queue, relay = self.queue(b"1"), self.relay()
        consumer = start("consume", "-v", "-q", queue, "-c", "2", "--jobs", "2", "--", "sleep", "1", url=relay.url)
        await_line(consumer.stderr, "consuming from")
        time.sleep(0.5)
        relay.cut()
        ended = end(consumer)
        self.assertEnded(ended, 0, "message 1 cannot be settled: its connection was lost")
        self.await_depth(queue, 0)

    def test_a_coprocess_acks_by_number(self):
        queue, relay = self.queue(b"1"), self.relay()
        slow = "while read -r line; do n=$((n + 1)); [ $n = 1 ] && sleep 1; echo ack $n >&4; done"
        consumer = start("consume", "-v", "-q", queue, "-c", "2", "--coprocess", "--", "sh", "-c", slow, url=relay.url)
        await_line(consumer.stderr, "consuming from")
        time.sleep(0.5)
        relay.cut()
        self.assertEnded(end(consumer), 0, "message 1 cannot be settled: .*connection was lost; nothing was sent")
        self.await_depth(queue, 0)

    def test_another_host_with_its_own_credentials(self):
        relay, other, queue = self.relay(), self.relay(), self.queue()
        user = self.name("user")
        self.add_user(user, "a/b@c")
        second = f"amqp://{user}:a%2Fb%40c@127.0.0.1:{other.port}/%2F"
        publisher = start("publish", "-v", "-q", queue, "-l", "-u", relay.url, "-u", second, url=None)
        publisher.stdin.write(b"here\n")
        publisher.stdin.flush()
        self.await_depth(queue, 1)
        self.lose(relay)
        await_line(publisher.stderr, "connected again")
        self.assertEnded(end(publisher, b"there\n"), 0)
        self.assertEqual([body for _, _, body in self.drain(queue, 2)], [b"here", b"there"])

    def add_user(self, user, password):
        node = os.environ["LEVERET_RABBITMQ_DIR"]
        for args in (("add_user", user, password), ("set_permissions", user, ".*", ".*", ".*")):
            subprocess.run([SCRIPT, "ctl", node, *args], check=True)
        self.addCleanup(subprocess.run, [SCRIPT, "ctl", node, "delete_user", user], check=True)

    def test_serve_goes_on(self):
        queue, relay = self.queue(), self.relay()
        server = start("serve", "-v", "-q", queue, "--", "cat", url=relay.url)
        await_line(server.stderr, "consuming from")
        relay.cut()
        await_line(server.stderr, "connected again")
        self.assertEqual(leveret("request", "-q", queue, "echo").out, b"echo\n")
        server.terminate()
        self.assertEnded(end(server), 143)

    def test_others_have_no_such_option(self):
        self.assertEnded(leveret("get", "--retry", "1", "q"), 64, "unknown option --retry")


if __name__ == "__main__":
    main()
