#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""How messages are cut from an input and written to an output: lines, NULs, delimiters, lengths, JSON lines,
formats and files."""

import base64
import json
import os
import struct
import tempfile
import unittest

from support import BrokerTest, leveret, main, pika

BODIES = [b"one", b"", b"with\0NUL", b"two\nlines", b"\xff\xfe", b"x" * 40000, "ünï".encode()]

# A header of every type letter that RabbitMQ knows, with the values that are awkward in JSON.
HEADERS = {
    "t": True, "f": False, "l": -5, "most": 2 ** 63 - 1, "least": -2 ** 63, "d": 0.1, "whole": 1.0, "tiny": 5e-324,
    "S": "text", "empty": "", "control": "\0\x1b\x7f\u009b", "none": None, "not UTF-8": {"@": "S", "base64": "/w=="},
    "b": {"@": "b", "v": -128}, "B": {"@": "B", "v": 255}, "s": {"@": "s", "v": -32768},
    "u": {"@": "u", "v": 65535}, "I": {"@": "I", "v": -2147483648}, "i": {"@": "i", "v": 4294967295},
    "float": {"@": "f", "v": 0.1}, "x": {"@": "x", "v": "AP8="}, "T": {"@": "T", "v": 18446744073709551615},
    "D": {"@": "D", "v": {"scale": 2, "value": 314}}, "A": [1, "two", {"@": "I", "v": 3}, [], {}],
    "F": {"in": {"@": "B", "v": 1}, "deeper": {"@": "F", "v": {"@": "at"}}},
    "twice": {"@": "F", "entries": [["k", 1], ["k", 2], [{"base64": "/w=="}, None]]},
}


def record(body, **properties):
    return {"exchange": "", "routing_key": "", "properties": properties, "body": body}


def lines_of(records):
    return "".join(json.dumps(r) + "\n" for r in records).encode()


class Input(BrokerTest):
    def publish(self, stdin, *args, code=0):
        queue = self.queue()
        ended = leveret("publish", "-q", queue, *args, stdin=stdin)
        self.assertEqual(ended.code, code, ended.err)
        return self.bodies(queue)

    def bodies(self, queue):
        found = []
        while (body := self.channel.basic_get(queue, auto_ack=True)[2]) is not None:
            found.append(body)
        return found

    def test_lines_of_any_length_with_any_byte(self):
        lines = [b"x" * 40000, b"a\0b", b"", b"\xff\r", b"y" * 3000000, b"last"]
        self.assertEqual(self.publish(b"\n".join(lines), "-l"), lines)

    def test_null(self):
        self.assertEqual(self.publish(b"a\nb\0\0c" + b"z" * 40000 + b"\0", "-0"), [b"a\nb", b"", b"c" + b"z" * 40000])

    def test_delimiters(self):
        self.assertEqual(self.publish(b"a|b||c", "-D", "|"), [b"a", b"b", b"", b"c"])
        self.assertEqual(self.publish(b"a\r\nb\nc\r\n", "-D", "\\r\\n"), [b"a", b"b\nc"])
        self.assertEqual(self.publish(b"a--b---c", "--delimiter=--"), [b"a", b"b", b"-c"])
        self.assertEqual(self.publish(b"a\x01b\\c", "-D", "\\x01"), [b"a", b"b\\c"])

    def test_a_delimiter_across_reads(self):
        pieces = [bytes([65 + i % 26]) * (65536 * 2 - 2 + i % 5) for i in range(12)]
        self.assertEqual(self.publish(b"<-->".join(pieces), "-D", "<-->"), pieces)

    def test_length_prefix(self):
        stdin = b"".join(struct.pack(">I", len(b)) + b for b in BODIES)
        self.assertEqual(self.publish(stdin, "--length-prefix"), BODIES)

    def test_a_length_that_lies_is_65(self):
        stdin = struct.pack(">I", 2) + b"ok" + struct.pack(">I", 4000000000) + b"short"
        self.assertEqual(self.publish(stdin, "--length-prefix", code=65), [b"ok"])
        ended = leveret("publish", "-q", self.queue(), "--length-prefix", stdin=stdin)
        self.assertIn("record 2", ended.err)

    def test_jsonl_overrides(self):
        first, second, third = self.queue(), self.queue(), self.queue()
        stdin = lines_of([{"routing_key": first, "body": "a"}, {"exchange": "", "routing_key": second, "body": "b"}])
        self.assertEqual(leveret("publish", "--jsonl", stdin=stdin).code, 0)
        self.assertEqual((self.bodies(first), self.bodies(second)), ([b"a"], [b"b"]))
        self.assertEqual(leveret("publish", "--jsonl", "-r", third, stdin=stdin).code, 0)
        self.assertEqual(self.bodies(third), [b"a", b"b"])
        stdin = lines_of([{"exchange": "no such exchange", "routing_key": first, "body": "c"}])
        self.assertEqual(leveret("publish", "--jsonl", stdin=stdin).code, 1)
        self.assertEqual(leveret("publish", "--jsonl", "-q", third, stdin=stdin).code, 0)
        self.assertEqual(self.bodies(third), [b"c"])

    def test_jsonl_has_no_properties_but_its_own(self):
        queue = self.queue()
        stdin = lines_of([record("none"), record("some", priority=0, content_type="")])
        self.assertEqual(leveret("publish", "--jsonl", "-q", queue, stdin=stdin).code, 0)
        none = self.channel.basic_get(queue, auto_ack=True)[1]
        some = self.channel.basic_get(queue, auto_ack=True)[1]
        self.assertEqual((none.delivery_mode, none.headers, none.content_type), (None, None, None))
        self.assertEqual((some.delivery_mode, some.priority, some.content_type), (None, 0, ""))

    def test_a_bad_record_is_65_and_named(self):
        good = lines_of([record("good")])
        for bad in (b"{\"body\":\"cut", b"[]", b"{\"colour\":1}", b"{\"properties\":{\"priority\":256}}",
                    b"{\"body\":\"\xff\"}", b"{\"properties\":{\"headers\":{\"a\":18446744073709551615}}}",
                    b"{\"properties\":{\"headers\":{\"nan\":{\"@\":\"d\",\"bits\":\"7ff8000000000000\"}}}}",
                    b"{\"properties\":{\"headers\":{\"long\":\"" + b"x" * 300000 + b"\"}}}"):
            with self.subTest(bad=bad[:60]):
                queue = self.queue()
                ended = leveret("publish", "--jsonl", "-q", queue, stdin=good + b"\n" + good + bad + b"\n" + good)
                self.assertEqual((ended.code, self.bodies(queue)), (65, [b"good"] * 2), ended.err)
                self.assertIn("line 4", ended.err)

    def test_options_that_exclude_each_other(self):
        for args in (("-l", "-0"), ("-D", "|", "--jsonl"), ("-D", ""), ("-D", "\\q"), ("-l", "body"),
                     ("--jsonl", "--content-type", "x"), ("--jsonl", "-p"), ("--jsonl", "--transient")):
            self.assertEqual(leveret("publish", "-q", "q", *args, url="amqp://127.0.0.1:1").code, 64, args)
        self.assertEqual(leveret("publish", "--jsonl", "--declare", url="amqp://127.0.0.1:1").code, 64)


class Output(BrokerTest):
    def consume(self, queue, *args, code=0):
        ended = leveret("consume", "-q", queue, "--until-empty", *args)
        self.assertEqual(ended.code, code, ended.err)
        self.assertIsNone(self.channel.basic_get(queue)[0])
        return ended.out

    def test_ways_to_part_records(self):
        for args, expected in (
                ((), b"".join(b + b"\n" for b in BODIES)),
                (("--raw",), b"".join(BODIES)),
                (("-0",), b"".join(b + b"\0" for b in BODIES)),
                (("-D", "<\\n\\x00>"), b"".join(b + b"<\n\0>" for b in BODIES)),
                (("--length-prefix",), b"".join(struct.pack(">I", len(b)) + b for b in BODIES)),
                (("--format", "%S\\n%s\\0"), b"".join(b"%d\n%s\0" % (len(b), b) for b in BODIES))):
            with self.subTest(args=args):
                self.assertEqual(self.consume(self.queue(*BODIES), *args), expected)

    def test_what_is_cut_is_what_was_written(self):
        for args in (("-0",), ("--length-prefix",), ("--jsonl",), ("-D", "\\xff\\xfe\\xfd")):
            bodies = [b for b in BODIES if b"\0" not in b or args != ("-0",)]
            source, copy = self.queue(*bodies), self.queue()
            out = self.consume(source, *args)
            self.assertEqual(leveret("publish", "-q", copy, *args, stdin=out).code, 0)
            self.assertEqual(self.consume(copy, "--length-prefix"),
                             b"".join(struct.pack(">I", len(b)) + b for b in bodies))

    def test_jsonl(self):
        queue = self.queue("hello", b"\xff")
        first, second = (json.loads(line) for line in self.consume(queue, "--jsonl").splitlines())
        self.assertEqual(list(first), ["exchange", "routing_key", "queue", "consumer_tag", "tag", "delivery_tag",
                                       "redelivered", "properties", "body"])
        self.assertEqual((first["exchange"], first["routing_key"], first["queue"]), ("", queue, queue))
        self.assertEqual((first["tag"], first["delivery_tag"], first["redelivered"]), (1, 1, False))
        self.assertEqual((first["properties"], first["body"]), ({}, "hello"))
        self.assertEqual((second["tag"], second["body_base64"], "body" in second), (2, "/w==", False))

    def test_record_publish_record(self):
        """Each property, each header type, bodies of any bytes: what comes out goes in and comes out again."""
        every = dict(content_type="text/plain", content_encoding="gzip", headers=HEADERS, delivery_mode=1, priority=3,
                     correlation_id="c", reply_to="r", expiration="600000", message_id="m\0\"", timestamp=2 ** 63,
                     type="t", user_id="guest", app_id="a", cluster_id="")
        records = [record("all", **every), record("none"), record("no headers", headers={})]
        records += [{"exchange": "", "routing_key": "", "properties": {"message_id": {"base64": "/w=="}},
                     "body_base64": base64.b64encode(b).decode()} for b in BODIES]
        source, copy = self.queue(), self.queue()
        ended = leveret("publish", "--jsonl", "-q", source, stdin=lines_of(records))
        self.assertEqual(ended.code, 0, ended.err)
        recorded = self.consume(source, "--jsonl")
        ended = leveret("publish", "--jsonl", "-q", copy, stdin=recorded)
        self.assertEqual(ended.code, 0, ended.err)
        again = self.consume(copy, "--jsonl")

        def properties(lines):
            return [line[line.index(b'"properties":'):] for line in lines.splitlines()]
        self.assertEqual(properties(again), properties(recorded))
        self.assertEqual(json.loads(recorded.splitlines()[0])["properties"], every)
        self.assertEqual([json.loads(line)["properties"] for line in recorded.splitlines()],
                         [r["properties"] for r in records])
        bodies = [r.get("body", "").encode() or base64.b64decode(r.get("body_base64", "")) for r in records]
        self.assertEqual([self.body(line) for line in again.splitlines()], bodies)

    def body(self, line):
        r = json.loads(line)
        return r["body"].encode() if "body" in r else base64.b64decode(r["body_base64"])

    def test_format(self):
        queue = self.queue()
        properties = pika.BasicProperties(content_type="a/b", timestamp=5, message_id="id", priority=0,
                                          headers={"n": 5, "s": "te xt", "l": [1], "t": True, "B": b"\0\xff"})
        self.channel.basic_publish("", queue, b"body", properties)
        self.channel.basic_publish("", queue, b"bare")
        out = self.consume(queue, "--format",
                           "%s|%S|%e|%k|%q|%t|%T|%d|%r|%{message_id}|%{priority}|%{header:n}|%{header:s}|"
                           "%{header:l}|%{header:t}|%{header:B}|%{header:none}|%%|\\x41\\t\\r\\\\|%h\\n")
        self.assertEqual(out.split(b"\n")[:2], [
            b'body|4||%s|%s|a/b|5|1|false|id|0|5|te xt|[{"@":"I","v":1}]|true|\0\xff||%%|A\t\r\\|' %
            (queue.encode(), queue.encode()) +
            b'{"n":{"@":"I","v":5},"s":"te xt","l":[{"@":"I","v":1}],"t":true,"B":{"@":"x","v":"AP8="}}',
            b"bare|4||%s|%s|||2|false|||||||||%%|A\t\r\\|{}" % (queue.encode(), queue.encode())])

    def test_format_as_json(self):
        queue = self.queue("a")
        self.assertEqual(json.loads(self.consume(queue, "--format", "[%j]"))[0]["body"], "a")

    def test_bad_formats(self):
        for args in (("--format", "%x"), ("--format", "%"), ("--format", "%{colour}"), ("--format", "%{header:x"),
                     ("--format", "\\q"), ("--format", "\\x4"), ("--format", "%s", "--raw"), ("-0", "--jsonl"),
                     ("-D", "")):
            ended = leveret("consume", "-q", "q", *args, url="amqp://127.0.0.1:1")
            self.assertEqual(ended.code, 64, args)

    def test_a_file_for_each(self):
        with tempfile.TemporaryDirectory() as folder:
            where = os.path.join(folder, "new")
            self.assertEqual(self.consume(self.queue(*BODIES), "--output-dir", where), b"")
            self.consume(self.queue("next"), "--output-dir", where, "--jsonl")
            self.assertEqual(sorted(os.listdir(where), key=int), [str(i + 1) for i in range(len(BODIES) + 1)])
            for i, body in enumerate(BODIES):
                self.assertEqual(self.file(where, i + 1), body)
            self.assertEqual(json.loads(self.file(where, len(BODIES) + 1))["body"], "next")

    def file(self, folder, number):
        with open(os.path.join(folder, str(number)), "rb") as found:
            return found.read()

    def test_a_folder_that_cannot_be(self):
        queue = self.queue("a")
        ended = leveret("consume", "-q", queue, "-c", "1", "--output-dir", "/dev/null/x")
        self.assertEqual(ended.code, 73, ended.err)
        self.assertEqual(self.channel.basic_get(queue)[2], b"a")

    def test_a_file_above_the_limit_is_74(self):
        queue = self.queue("small", "x" * 100000, "after")
        with tempfile.TemporaryDirectory() as folder:
            command = 'ulimit -f 8; trap "" XFSZ; exec "$0" "$@"'
            ended = leveret("-c", command, os.environ.get("LEVERET", "build/leveret"), "consume", "-q", queue, "-c", "3",
                            "--output-dir", folder, program="/bin/bash")
            self.assertEqual(ended.code, 74, ended.err)
            self.assertEqual(os.listdir(folder), ["1"])
        self.assertEqual(self.consume(queue), b"x" * 100000 + b"\nafter\n")

    def test_a_full_disk_leaves_all_in_the_queue(self):
        for args in ((), ("--jsonl",), ("--length-prefix",)):
            queue = self.queue("a", "b")
            with open("/dev/full", "wb") as full:
                ended = leveret("consume", "-q", queue, "-c", "2", *args, stdout=full)
            self.assertEqual(ended.code, 74, ended.err)
            self.assertEqual(self.consume(queue), b"a\nb\n")


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    main()
