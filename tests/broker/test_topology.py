#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret declare, bind, unbind, purge, delete, get and ping."""

import json
import os
import signal
import tempfile

import pika

import support
from support import BrokerTest, Ended, leveret, start

NOWHERE = "amqp://127.0.0.1:1"


class Declare(BrokerTest):
    def declared(self, *args):
        """Declares a queue and returns its name as it was printed."""
        ended = leveret("declare", *args)
        self.assertEnded(ended, 0, r"\A\Z")
        name = ended.out.decode()
        self.assertTrue(name.endswith("\n"))
        self.made.append(name[:-1])
        return name[:-1]

    def exchange(self, *args):
        name = self.name("x")
        self.addCleanup(lambda: self.connection.is_open and self.connection.channel().exchange_delete(name))
        self.assertEnded(leveret("declare", "exchange", name, *args), 0, r"\A\Z")
        return name

    def assertMade(self, declare, name, **wanted):
        """Declared once more as it is wanted: the broker compares."""
        channel = self.connection.channel()
        getattr(channel, declare)(name, **wanted)
        channel.close()

    def test_a_queue_is_durable_and_its_name_is_printed(self):
        name = self.name()
        self.assertEqual(self.declared("queue", name), name)
        self.assertMade("queue_declare", name, durable=True)
        self.assertEqual(self.declared("-q", name, "-d"), name)

    def test_flags_of_a_queue(self):
        self.assertMade("queue_declare", self.declared("queue", self.name(), "--auto-delete"),
                        durable=True, auto_delete=True)
        self.declared("queue", self.name(), "--transient", "--exclusive")

    def test_arguments(self):
        name = self.declared("queue", self.name(), "--arg", "x-max-length:=1000", "--arg", "x-overflow=reject-publish",
                             "--arg", "x-single-active-consumer:=true", "--arg", "x-dead-letter-exchange: dead")
        self.assertMade("queue_declare", name, durable=True, arguments={
            "x-max-length": 1000, "x-overflow": "reject-publish", "x-single-active-consumer": True,
            "x-dead-letter-exchange": "dead"})

    def test_a_name_of_the_server(self):
        for args in (["queue"], ["queue", ""]):
            name = self.declared(*args)
            self.assertRegex(name, r"\Aamq\.gen-")
            self.assertEqual(self.depth(name), 0)

    def test_passive(self):
        name = self.queue(b"1", b"2")
        ended = leveret("declare", "queue", name, "--passive", "-v")
        self.assertEnded(ended, 0, "2 messages, 0 consumers")
        self.assertEqual(ended.out.decode(), name + "\n")
        missing = self.name("missing")
        for args in (["queue", missing], ["exchange", missing]):
            ended = leveret("declare", *args, "--passive")
            self.assertEnded(ended, 1, f'declare {args[0]} "{missing}": .*404 NOT_FOUND')
            self.assertOneLine(ended)

    def test_an_exchange(self):
        self.assertMade("exchange_declare", self.exchange("topic"), exchange_type="topic", durable=True)
        self.assertMade("exchange_declare", self.exchange(), exchange_type="direct", durable=True)
        self.assertMade("exchange_declare", self.exchange("--type=fanout", "--auto-delete", "--internal", "--transient",
                                                          "--arg", "alternate-exchange=amq.fanout"),
                        exchange_type="fanout", auto_delete=True, internal=True,
                        arguments={"alternate-exchange": "amq.fanout"})

    def test_what_differs_is_1(self):
        ended = leveret("declare", "queue", self.queue(), "--arg", "x-max-length:=5")
        self.assertEnded(ended, 1, "406 PRECONDITION_FAILED - inequivalent arg 'x-max-length'")
        self.assertOneLine(ended)


class Bindings(BrokerTest):
    def routed(self, queue, *keys, exchange="amq.topic", headers=None):
        """How many of the messages with these keys reach the queue."""
        before = self.depth(queue)
        for key in keys:
            self.channel.basic_publish(exchange, key, b"", pika.BasicProperties(headers=headers))
        self.connection.process_data_events()
        self.connection.sleep(0.1)
        return self.depth(queue) - before

    def test_a_queue(self):
        queue, prefix = self.queue(), self.name("k")
        keys = [f"{prefix}.a", f"{prefix}.b.#"]
        ends = [f"{prefix}.a", f"{prefix}.b.c", f"{prefix}.c"]
        self.assertEnded(leveret("bind", "queue", queue, "amq.topic", *keys), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, *ends), 2)
        self.assertEnded(leveret("unbind", "queue", queue, "amq.topic", keys[0]), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, *ends), 1)
        self.assertEnded(leveret("unbind", "-q", queue, "-e", "amq.topic", "-r", keys[1]), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, *ends), 0)
        self.assertEnded(leveret("bind", "-q", queue, "-e", "amq.topic", "-r", keys[0], "-r", keys[1]), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, *ends), 2)

    def test_without_a_key(self):
        queue = self.queue()
        self.assertEnded(leveret("bind", "queue", queue, "amq.fanout"), 0)
        self.assertEqual(self.routed(queue, "any", exchange="amq.fanout"), 1)
        self.assertEnded(leveret("unbind", "queue", queue, "amq.fanout"), 0)
        self.assertEqual(self.routed(queue, "any", exchange="amq.fanout"), 0)

    def test_arguments(self):
        queue, key = self.queue(), self.name("h")
        arguments = ["--arg", "x-match=all", "--arg", f"{key}:=5"]
        self.assertEnded(leveret("bind", "queue", queue, "amq.headers", *arguments), 0)
        self.assertEqual(self.routed(queue, "", exchange="amq.headers", headers={key: 5}), 1)
        self.assertEqual(self.routed(queue, "", exchange="amq.headers", headers={key: 6}), 0)
        self.assertEnded(leveret("unbind", "queue", queue, "amq.headers", *arguments), 0)
        self.assertEqual(self.routed(queue, "", exchange="amq.headers", headers={key: 5}), 0)

    def test_an_exchange(self):
        queue, exchange, key = self.queue(), self.name("x"), self.name("k")
        self.channel.exchange_declare(exchange, "fanout", auto_delete=True)
        self.channel.queue_bind(queue, exchange, "")
        self.assertEnded(leveret("bind", "exchange", exchange, "amq.topic", key), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, key, "other"), 1)
        self.assertEnded(leveret("unbind", "exchange", exchange, "amq.topic", key), 0, r"\A\Z")
        self.assertEqual(self.routed(queue, key), 0)

    def test_what_is_not_there_is_1(self):
        ended = leveret("bind", "queue", self.queue(), self.name("missing"))
        self.assertEnded(ended, 1, 'bind queue "q-.*": .*404 NOT_FOUND - no exchange')
        self.assertOneLine(ended)


class Removal(BrokerTest):
    def test_purge_prints_the_count(self):
        queue = self.queue(b"1", b"2", b"3")
        for args, out in (([queue], b"3\n"), (["queue", queue], b"0\n"), (["-q", queue], b"0\n")):
            ended = leveret("purge", *args)
            self.assertEnded(ended, 0, r"\A\Z")
            self.assertEqual(ended.out, out)
        self.assertEnded(leveret("purge", self.name("missing")), 1, 'purge queue "missing-.*404 NOT_FOUND')

    def test_delete_prints_the_count(self):
        queue = self.queue(b"1", b"2")
        ended = leveret("delete", "queue", queue)
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"2\n")
        self.assertEnded(leveret("declare", "queue", queue, "--passive"), 1)

    def test_delete_if_empty_and_if_unused(self):
        queue = self.queue(b"1")
        self.assertEnded(leveret("delete", "queue", queue, "--if-empty"), 1, "406 PRECONDITION_FAILED.*not empty")
        self.channel.basic_consume(queue, lambda *_: None)
        self.assertEnded(leveret("delete", "-q", queue, "--if-unused"), 1, "406 PRECONDITION_FAILED.*in use")
        self.assertEnded(leveret("delete", "-q", queue), 0)

    def test_delete_an_exchange(self):
        exchange, queue = self.name("x"), self.queue()
        self.channel.exchange_declare(exchange, "fanout")
        self.channel.queue_bind(queue, exchange, "")
        self.assertEnded(leveret("delete", "exchange", exchange, "--if-unused"), 1, "406 PRECONDITION_FAILED.*in use")
        ended = leveret("delete", "exchange", exchange)
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"")
        self.assertEnded(leveret("declare", "exchange", exchange, "--passive"), 1)


class Get(BrokerTest):
    def test_one(self):
        queue = self.queue(b"1", b"2")
        for args in (["-q", queue], [queue]):
            ended = leveret("get", *args)
            self.assertEnded(ended, 0, r"\A\Z")
            self.assertEqual(ended.out, b"1\n" if args[0] == "-q" else b"2\n")
        self.await_depth(queue, 0)
        ended = leveret("get", "-q", queue)
        self.assertEnded(ended, 2, r"\A\Z")
        self.assertEqual(ended.out, b"")

    def test_count(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = leveret("get", "-q", queue, "-c", "2")
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"1\n2\n")
        ended = leveret("get", "-q", queue, "-c", "2", "--raw")
        self.assertEnded(ended, 2)
        self.assertEqual(ended.out, b"3")

    def test_drain(self):
        bodies = [b"%d" % i for i in range(300)]
        for option in ([], ["-A"]):
            queue = self.queue(*bodies)
            ended = leveret("get", "-q", queue, "--until-empty", *option)
            self.assertEnded(ended, 0)
            self.assertEqual(ended.out.split(), bodies)
            self.await_depth(queue, 0)
            self.assertEnded(leveret("get", "-q", queue, "--until-empty", *option), 2)

    def test_formats(self):
        queue = self.queue(b"1", b"2", b"3")
        self.assertEqual(leveret("get", "-q", queue, "--format", "%s %k %q;").out.decode(), f"1 {queue} {queue};")
        self.assertEqual(json.loads(leveret("get", "-q", queue, "--jsonl").out)["body"], "2")
        with tempfile.TemporaryDirectory() as folder:
            self.assertEnded(leveret("get", "-q", queue, "--output-dir", folder), 0)
            with open(f"{folder}/{os.listdir(folder)[0]}", "rb") as file:
                self.assertEqual(file.read(), b"3")

    def test_missing_queue_is_1(self):
        ended = leveret("get", "-q", self.name("missing"))
        self.assertEnded(ended, 1, 'get from queue "missing-.*404 NOT_FOUND')
        self.assertOneLine(ended)

    def test_what_cannot_be_written_is_not_acked(self):
        queue = self.queue(b"1")
        with open("/dev/full", "wb") as full:
            getter = start("get", "-q", queue, stdout=full)
            _, err = getter.communicate(timeout=20)
        self.assertEnded(Ended(getter.returncode, b"", err), 74, "cannot write to stdout: No space left")
        self.await_depth(queue, 1)

    def test_a_signal(self):
        queue = self.queue(*[b"x" * 100_000] * 5)
        getter = start("get", "-q", queue, "--until-empty")
        self.assertEqual(getter.stdout.read(10), b"x" * 10)
        getter.send_signal(signal.SIGTERM)
        self.assertEnded(support.end(getter), 143, r"\A\Z")


class Ping(BrokerTest):
    def test_text(self):
        ended = leveret("ping", "-c", "3")
        self.assertEnded(ended, 0, r"\A\Z")
        at = pika.URLParameters(self.url)
        self.assertRegex(ended.out.decode(), rf"""\Abroker        amqp://{at.host}:{at.port}
product       RabbitMQ
version       \d+\.\d+\.\d+
platform      Erlang.*
cluster_name  \S+
capabilities  (?=.*publisher_confirms)(?=.*basic.nack)[a-z_., ]+
mechanisms    [A-Z ]*PLAIN[A-Z ]*
agreed        channels \d+, frames 131072 bytes, heartbeat 30 s
connected in  \d+\.\d{{3}} ms
round trip    \d+\.\d{{3}} ms \(least \d+\.\d{{3}}, most \d+\.\d{{3}}, of 3\)
\Z""")

    def test_json(self):
        ended = leveret("ping", "--json", "--heartbeat", "7")
        told = json.loads(ended.out)
        self.assertEnded(ended, 0)
        self.assertEqual(told["properties"]["product"], "RabbitMQ")
        self.assertEqual((told["heartbeat"], told["frame_max"], told["round_trip_us"]["count"]), (7, 131072, 5))
        self.assertTrue(0 < told["round_trip_us"]["min"] <= told["round_trip_us"]["mean"] <= told["round_trip_us"]["max"])

    def test_nobody_there(self):
        ended = leveret("ping", url=NOWHERE)
        self.assertEnded(ended, 69, "connect: ")
        self.assertOneLine(ended)


class Usage(BrokerTest):
    """Refused before anything is connected."""

    def test_refused(self):
        for args, err in (
                (["declare"], "declare what"), (["declare", "bogus", "x"], "declare what"),
                (["declare", "exchange"], "an exchange needs a name"),
                (["declare", "queue", "q", "extra"], '"extra" is one argument too many'),
                (["declare", "exchange", "x", "topic", "extra"], '"extra" is one argument too many'),
                (["declare", "queue", "q", "--type", "topic"], "--type and --internal are for exchanges"),
                (["declare", "exchange", "x", "--exclusive"], "--exclusive is for queues"),
                (["declare", "queue", "q", "-d", "--transient"], "exclude each other"),
                (["declare", "queue", "q", "--arg", "novalue"], '--arg: "novalue" is not KEY:=JSON'),
                (["declare", "queue", "q", "--arg", "=v"], '--arg: "=v" is not KEY:=JSON'),
                (["declare", "queue", "q", "--arg", "n:=[1"], '--arg: "n:=.1": '),
                (["declare", "queue", "q", "--arg", "k" * 256 + "=v"], "at most 255 bytes"),
                (["declare", "queue", "q", "--arg", "k" * 256 + ":=1"], "255 bytes"),
                (["bind"], "bind what"), (["bind", "queue", "q"], "bind needs two names: queue NAME EXCHANGE"),
                (["unbind", "exchange", "x"], "unbind needs two names: exchange NAME EXCHANGE"),
                (["bind", "-q", "q", "-e", "e", "-r", "k", "k2"], '"k2" is one argument too many'),
                (["purge"], "purge what"), (["purge", "q", "extra"], '"extra" is one argument'),
                (["delete", "queue"], "delete needs a name"), (["delete", "x"], "delete what"),
                (["delete", "exchange", "x", "--if-empty"], "--if-empty is for queues"),
                (["get"], "where from"), (["get", "-q", "q", "extra"], '"extra" is one argument'),
                (["get", "-q", "q", "-c", "0"], "is not a number from 1"),
                (["get", "-q", "q", "--format", "%Q"], "--format"),
                (["get", "-q", "q", "--raw", "--jsonl"], "--jsonl"),
                (["ping", "host"], '"host" is one argument too many')):
            with self.subTest(args=args):
                ended = leveret(*args, url=NOWHERE)
                self.assertEnded(ended, 64, err)
                self.assertOneLine(ended)


if __name__ == "__main__":
    support.main()
