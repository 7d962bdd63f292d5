#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""consume --coprocess: one handler for all messages, which acks and nacks by number."""

import json
import os
import signal
import tempfile
import time

import support
from support import BrokerTest, end, leveret, start

# Runs the lines of the test with `records`, an iterator over stdin, `settle(text, ...)`, and `log(text)`.
HANDLER = """
import json, os, signal, sys, time
def settle(*lines):
    os.write(4, "".join(line + "\\n" for line in lines).encode())
def log(text):
    with open(os.environ["LOG"], "a") as file:
        print(text, file=file)
records = (json.loads(line) for line in sys.stdin)
"""


class CoprocessTest(BrokerTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = os.path.join(folder.name, "log")

    def arguments(self, queue, script, options):
        return ("consume", "-q", queue, "--coprocess", "--jsonl", *options, "--", "env", f"LOG={self.log}",
                "/usr/bin/python3", "-c", HANDLER + script)

    def consume(self, queue, script, *options, **kwargs):
        return leveret(*self.arguments(queue, script, options), **kwargs)

    def start(self, queue, script, *options, **kwargs):
        return start(*self.arguments(queue, script, options), **kwargs)

    def logged(self):
        try:
            with open(self.log, encoding="utf-8") as log:
                return log.read().splitlines()
        except FileNotFoundError:
            return []

    def await_logged(self, line, timeout=20):
        deadline = time.monotonic() + timeout
        while line not in self.logged() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertIn(line, self.logged())


class Settles(CoprocessTest):
    def test_all_in_one_process(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = self.consume(queue, 'for r in records: log(f"{os.getpid()} {r[\'body\']}"); settle(f"ack {r[\'tag\']}")',
                             "--until-empty")
        self.assertEnded(ended, 0, r"\A\Z")
        pids, bodies = zip(*(line.split() for line in self.logged()))
        self.assertEqual(bodies, ("1", "2", "3"))
        self.assertEqual(len(set(pids)), 1)
        self.await_depth(queue, 0)

    def test_records_have_a_number_and_everything_else(self):
        queue = self.queue(b"1")
        ended = self.consume(queue, 'for r in records: log(json.dumps(r)); settle(f"ack {r[\'tag\']}")', "-c1")
        self.assertEnded(ended, 0)
        record = json.loads(self.logged()[0])
        self.assertTrue(record.pop("consumer_tag"))
        self.assertEqual(record, {"exchange": "", "routing_key": queue, "queue": queue, "tag": 1, "delivery_tag": 1,
                                  "redelivered": False, "properties": {}, "body": "1"})

    def test_a_last_batch_at_the_end_of_its_stdin(self):
        queue = self.queue(*[b"%d" % i for i in range(250)])
        ended = self.consume(queue, """
batch = []
for r in records:
    batch.append(f"ack {r['tag']}")
    if len(batch) == 40:
        settle(*batch); batch = []
settle(*batch)
""", "--until-empty")
        self.assertEnded(ended, 0, r"\A\Z")
        self.await_depth(queue, 0)

    def test_nack(self):
        dead = self.queue()
        queue = self.queue(arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
        self.fill(queue, b"bad", b"later", b"good")
        ended = self.consume(queue, """
for r in records:
    verb = {"bad": "nack {}", "later": "nack {} requeue", "good": "ack {}"}[r["body"]]
    log(f"{r['tag']} {r['body']} {r['redelivered']}")
    settle("ack {}".format(r["tag"]) if r["redelivered"] else verb.format(r["tag"]))
""", "-c4")
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(self.logged(), ["1 bad False", "2 later False", "3 good False", "4 later True"])
        self.assertEqual(self.drain(dead, 1)[0][2], b"bad")
        self.await_depth(queue, 0)

    def test_in_any_order(self):
        queue = self.queue(*[b"%d" % i for i in range(300)])
        ended = self.consume(queue, """
held = []
for r in records:
    held.append(r["tag"])
    if len(held) == 100:
        settle(*(f"ack {t}" for t in reversed(held))); held = []
""", "-c300")
        self.assertEnded(ended, 0, r"\A\Z")
        self.await_depth(queue, 0)

    def test_a_shell_loop(self):
        queue = self.queue(b"one", b"two words")
        loop = 'while read -r tag body; do echo "$body"; echo "ack $tag" >&4; done'
        ended = leveret("consume", "-q", queue, "-c2", "--format", r"%{tag} %s\n", "--coprocess", "--", "sh", "-c", loop)
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"one\ntwo words\n")
        self.await_depth(queue, 0)

    def test_what_was_not_settled_goes_back(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = self.consume(queue, 'for r in records: r["tag"] == 2 and settle("ack 2")', "-c3")
        self.assertEnded(ended, 3, "2 messages were not settled and back in the queue")
        self.await_depth(queue, 2)


class Misbehaves(CoprocessTest):
    def test_bad_lines(self):
        queue = self.queue(b"1")
        for line, text in (("acknowledge 1", 'wrote "acknowledge 1"'), ("ack", 'wrote "ack"'), ("ack 1 2", "should be"),
                           ("nack 1 request", "should be"), ("ack 0", "should be"), ("ack 18446744073709551616", "should"),
                           ("ack 2", "message 2, which it was never given"), ("x" * 400, "should be")):
            ended = self.consume(queue, f'for r in records: settle("{line}", "nack 1 requeue")', "-c1")
            self.assertEnded(ended, 3, text)
        self.await_depth(queue, 1)

    def test_acks_twice(self):
        queue = self.queue(b"1")
        ended = self.consume(queue, 'for r in records: settle("ack 1", "ack 1")', "-c1")
        self.assertEnded(ended, 0, "message 1 cannot be settled: it was settled before")

    def test_reads_nothing_and_heartbeats_go_on(self):
        queue = self.queue(*[bytes(100_000)] * 20)
        consumer = self.start(queue, "log('up'); time.sleep(60)", "--heartbeat=1")
        self.await_logged("up")
        time.sleep(3.5)
        self.assertIsNone(consumer.poll())
        self.assertEqual(self.depth(queue), 0)
        consumer.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        consumer.send_signal(signal.SIGTERM)
        self.assertEqual(end(consumer).code, 143)
        self.await_depth(queue, 20)

    def test_ends_by_itself(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = self.consume(queue, 'r = next(records); settle("ack 1"); time.sleep(0.1)', "--prefetch=1")
        self.assertEnded(ended, 3, "ended with 0; 1 message was not settled and back in the queue")
        self.await_depth(queue, 2)

    def test_one_that_is_killed_gets_a_successor(self):
        queue = self.queue(*[b"%d" % i for i in range(10)])
        ended = self.consume(queue, """
for r in records:
    if r["body"] == "5" and not r["redelivered"]:
        os.kill(os.getpid(), signal.SIGKILL)
    log(r["body"]); settle(f"ack {r['tag']}")
""", "--until-empty", "--prefetch=3")
        self.assertEnded(ended, 3, "the handler ended with 137")
        self.assertEqual(sorted(set(self.logged())), [str(i) for i in range(10)])
        self.await_depth(queue, 0)

    def test_on_failure_stop(self):
        queue = self.queue(b"1", b"2")
        ended = self.consume(queue, "next(records); sys.exit(5)", "--on-failure=stop")
        self.assertEnded(ended, 3, "ended with 5; 2 messages were not settled and back in the queue")
        self.await_depth(queue, 2)

    def test_max_failures(self):
        queue = self.queue(b"1", b"2")
        ended = self.consume(queue, 'log("x"); sys.exit(5)', "--max-failures=3")
        self.assertEnded(ended, 3, "ended with 5")
        self.assertEqual(self.logged(), ["x"] * 3)

    def test_one_that_does_not_end(self):
        queue = self.queue(b"1")
        script = 'next(records); settle("ack 1"); log("up"); [r for r in records]; time.sleep(60)'
        consumer = self.start(queue, script, "-c2", "--kill-after=0.3")
        self.await_logged("up")
        self.fill(queue, b"2")
        self.assertEnded(end(consumer), 3, "ended with 143; 1 message was not settled")
        self.await_depth(queue, 1)

    def test_an_unknown_command_is_127(self):
        queue = self.queue(b"1")
        ended = leveret("consume", "-q", queue, "--coprocess", "--jsonl", "--", "/nonexistent")
        self.assertEnded(ended, 127, 'cannot run "/nonexistent"')
        self.await_depth(queue, 1)


class Signals(CoprocessTest):
    def test_the_first_closes_its_stdin(self):
        queue = self.queue(b"1", b"2")
        consumer = self.start(queue, """
tags = []
for r in records:
    tags.append(r["tag"]); log("given")
time.sleep(0.3)
settle(*(f"ack {t}" for t in tags)); log("committed")
""")
        self.await_logged("given")
        time.sleep(0.2)
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143, r"\A\Z")
        self.assertEqual(self.logged()[-1], "committed")
        self.await_depth(queue, 0)


class Usage(CoprocessTest):
    def test_what_does_not_go_together(self):
        for args, text in ((["--coprocess"], "--coprocess goes with -- COMMAND"),
                           (["--coprocess", "--jsonl", "--jobs=2", "--", "cat"], "without --jobs"),
                           (["--coprocess", "--jsonl", "-A", "--", "cat"], "-A")):
            self.assertEnded(leveret("consume", "-q", "q", *args, url="amqp://127.0.0.1:1"), 64, text)


if __name__ == "__main__":
    support.main()
