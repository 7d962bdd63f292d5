#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret request and leveret serve: a call and its answer over direct reply-to."""

import signal
import threading
import time

import pika

import support
from support import BrokerTest, await_line, end, leveret, start


class RequestTest(BrokerTest):
    def serve(self, queue, *command, options=()):
        """Starts a server, which is stopped at the end of the test."""
        server = start("serve", "-v", "-q", queue, *options, "--", *command)
        self.addCleanup(self.stop, server)
        await_line(server.stderr, "consuming from")
        return server

    def stop(self, server):
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.stopped = end(server)


class Request(RequestTest):
    def test_gets_what_the_command_prints(self):
        queue = self.queue()
        self.serve(queue, "awk", "{print $1 * $1}")
        ended = leveret("request", "-q", queue, "--raw", "12")
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"144\n")
        self.assertEqual(leveret("request", "-q", queue, stdin=b"7").out, b"49\n\n")

    def test_bytes_of_any_kind_and_size(self):
        queue = self.queue()
        body = bytes(range(256)) * 8000
        self.serve(queue, "cat")
        self.assertEqual(leveret("request", "-q", queue, "--raw", stdin=body).out, body)
        self.assertEqual(leveret("request", "-q", queue, "--raw", stdin=b"").out, b"")

    def test_through_an_exchange(self):
        queue, exchange = self.queue(), self.name("e")
        self.channel.exchange_declare(exchange, "direct", auto_delete=True)
        self.channel.queue_bind(queue, exchange, "key")
        self.serve(queue, "cat")
        self.assertEqual(leveret("request", "-e", exchange, "-r", "key", "x").out, b"x\n")

    def test_nobody_answers(self):
        queue = self.queue()
        began = time.monotonic()
        ended = leveret("request", "-q", queue, "--timeout", "0.5", "x")
        self.assertEnded(ended, 2, "no reply for 500 ms")
        self.assertOneLine(ended)
        self.assertLess(time.monotonic() - began, 3)

    def test_no_queue(self):
        ended = leveret("request", "-q", self.name(), "x")
        self.assertEnded(ended, 2, "no queue takes the request: 312 NO_ROUTE")
        self.assertOneLine(ended)

    def test_no_exchange(self):
        self.assertEnded(leveret("request", "-e", self.name(), "x"), 1, "404 NOT_FOUND")

    def test_what_another_server_gets(self):
        queue = self.queue()
        caller = start("request", "-q", queue, "--content-type=text/plain", "--message-id=m", "ping")
        method, properties, body = self.drain(queue, 1)[0]
        self.assertEqual((body, properties.content_type, properties.message_id), (b"ping", "text/plain", "m"))
        self.assertTrue(properties.reply_to.startswith("amq.rabbitmq.reply-to."))
        self.channel.basic_publish("", properties.reply_to, b"other", pika.BasicProperties(correlation_id="other"))
        self.channel.basic_publish("", properties.reply_to, b"pong",
                                   pika.BasicProperties(correlation_id=properties.correlation_id))
        self.assertEqual(end(caller).out, b"pong\n")

    def test_a_reply_without_a_correlation_id(self):
        queue = self.queue()
        caller = start("request", "-q", queue, "ping")
        properties = self.drain(queue, 1)[0][1]
        self.channel.basic_publish("", properties.reply_to, b"pong")
        self.assertEqual(end(caller).out, b"pong\n")

    def test_usage(self):
        for args, text in (([], "where to"), (["-q", "q", "-r", "k"], "-q is the queue itself"),
                           (["-q", "q", "a", "b"], "one BODY"), (["-q", "q", "--reply-to", "x"], "reply comes here"),
                           (["-q", "q", "--password-file=-"], "stdin is the body")):
            self.assertEnded(leveret("request", *args, url="amqp://127.0.0.1:1"), 64, text)


class Serve(RequestTest):
    def test_many_callers(self):
        queue = self.queue()
        self.serve(queue, "sh", "-c", "sleep 0.1; cat", options=("--jobs=4",))
        answers = {}

        def call(number):
            answers[number] = leveret("request", "-q", queue, str(number)).out

        callers = [threading.Thread(target=call, args=(i,)) for i in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        self.assertEqual(answers, {i: b"%d\n" % i for i in range(12)})

    def test_reply_properties_and_a_named_queue(self):
        queue, replies = self.queue(), self.queue()
        self.channel.basic_publish("", queue, b"x", pika.BasicProperties(reply_to=replies, correlation_id="c"))
        ended = leveret("serve", "-q", queue, "-c1", "--content-type=text/x", "--", "cat")
        self.assertEnded(ended, 0, r"\A\Z")
        _, properties, body = self.drain(replies, 1)[0]
        self.assertEqual((body, properties.correlation_id, properties.content_type), (b"x", "c", "text/x"))
        self.await_depth(queue, 0)

    def test_no_reply_wanted(self):
        queue = self.queue(b"x")
        self.assertEnded(leveret("serve", "-q", queue, "-c1", "--", "cat"), 0, r"\A\Z")
        self.await_depth(queue, 0)

    def test_a_failing_handler_answers_nothing(self):
        queue, replies = self.queue(), self.queue()
        self.channel.basic_publish("", queue, b"x", pika.BasicProperties(reply_to=replies))
        self.assertEnded(leveret("serve", "-q", queue, "-c1", "--", "sh", "-c", "echo half; exit 65"), 3, "1 rejected")
        self.assertEqual(self.depth(replies), 0)
        self.await_depth(queue, 0)

    def test_a_caller_that_is_gone(self):
        queue = self.queue()
        self.channel.basic_publish("", queue, b"x", pika.BasicProperties(reply_to=self.name()))
        ended = leveret("serve", "-q", queue, "--until-empty", "--", "cat")
        self.assertEnded(ended, 3, "1 reply found nobody")
        self.await_depth(queue, 0)

    def test_declares(self):
        queue = self.name()
        self.made.append(queue)
        self.serve(queue, "cat", options=("--declare",))
        self.assertEqual(leveret("request", "-q", queue, "x").out, b"x\n")

    def test_signal(self):
        server = self.serve(self.queue(), "cat")
        self.stop(server)
        self.assertEnded(server.stopped, 143)

    def test_usage(self):
        for args, text in ((["--", "cat"], "where do requests come from"), (["-q", "q"], "who answers"),
                           (["-q", "q", "cat"], "who answers"), (["-q", "q", "-A", "--", "cat"], "-A")):
            self.assertEnded(leveret("serve", *args, url="amqp://127.0.0.1:1"), 64, text)


if __name__ == "__main__":
    support.main()
