#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Options that every command has: what is said on stderr and how, and where passwords come from."""

import datetime
import json
import os
import pty
import signal
import subprocess
import time

import pika

import support
from support import BrokerTest, LEVERET, await_line, end, environment, leveret, start, start_consumer


def on_terminal(*args, seconds=0.0, stdin=b"", then=lambda: b"", **variables):
    """Runs the command with stderr on a terminal; returns what stood there. `then` gives more stdin."""
    ours, theirs = pty.openpty()
    env = dict(environment(support.RABBITMQ), TERM="xterm", **variables)
    process = subprocess.Popen([LEVERET, *args], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    process.stdin.write(stdin)
    process.stdin.flush()
    time.sleep(seconds)
    process.communicate(then(), timeout=20)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass
    os.close(ours)
    return seen


class Lines(BrokerTest):
    def test_json(self):
        ended = leveret("publish", "-r", self.name("nobody"), "--log-format", "json", "-v", "x")
        lines = [json.loads(line) for line in ended.err.splitlines()]
        self.assertEqual(ended.code, 3)
        self.assertEqual([sorted(line) for line in lines], [["message", "time"]] * 4)
        self.assertIn("1 returned (312 NO_ROUTE", lines[2]["message"])
        self.assertLess(abs(time.time() - datetime.datetime.fromisoformat(lines[0]["time"]).timestamp()), 60)

    def test_json_is_json_whatever_stands_in_it(self):
        name = b'a"b\\x\xff\xc3\xa4\x01'
        ended = leveret("consume", "--log-format=json", "-q", name)
        self.assertEqual(ended.code, 1)
        self.assertIn('consume from "a"b\\x\u00ff\u00e4?"', json.loads(ended.err)["message"])

    def test_colour_on_a_terminal_only(self):
        args = ("publish", "--bogus")
        self.assertIn(b"\x1b[1mleveret:\x1b[0m unknown option", on_terminal(*args))
        self.assertIn(b"\x1b[1mleveret:", on_terminal(*args, NO_COLOR=""))
        self.assertNotIn(b"\x1b", on_terminal(*args, NO_COLOR="1"))
        self.assertNotIn("\x1b", leveret(*args).err)

    def test_progress_on_a_terminal_only(self):
        queue = self.queue()
        publish = ("publish", "-q", queue, "-l")
        self.assertRegex(on_terminal(*publish, seconds=2.3, stdin=b"1\n2\n"),
                         rb"\r\x1b\[K2 published, 2 confirmed, .*/s\r\x1b\[K\Z")
        self.assertEqual(on_terminal(*publish, "--quiet", seconds=1.3, stdin=b"1\n2\n"), b"")
        self.assertRegex(on_terminal("consume", "-q", queue, "--idle", "1.5"), rb"\r\x1b\[K4 received, \d+/s")
        self.assertEqual(leveret("consume", "-q", queue, "--idle", "1.5").err, "")


    def test_a_line_wipes_the_progress(self):
        queue = self.queue()

        def then():
            self.channel.queue_delete(queue)
            return b"2\n"

        self.assertRegex(on_terminal("publish", "-q", queue, "-l", seconds=1.4, stdin=b"1\n", then=then, NO_COLOR="1"),
                         rb"1 confirmed, [^\r\n]*/s\r\x1b\[Kleveret: message 2 was returned")


class Closed(BrokerTest):
    """A standard descriptor that is closed is not taken by our pipes and connections."""

    def run_without(self, fd, *args):
        return leveret(*args, preexec_fn=lambda: os.close(fd))

    def test_stdin(self):
        queue = self.queue()
        self.assertEnded(self.run_without(0, "publish", "-q", queue, "-l"), 66, "cannot read stdin")
        self.assertEnded(self.run_without(0, "publish", "-q", queue, "x"), 0)
        self.await_depth(queue, 1)

    def test_stdout(self):
        queue = self.queue(b"1")
        self.assertEnded(self.run_without(1, "consume", "-q", queue, "-c1"), 74, "cannot write to stdout")
        self.await_depth(queue, 1)

    def test_stderr(self):
        queue = self.queue(b"1")
        ended = self.run_without(2, "consume", "-v", "-q", queue, "-c1")
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"1\n")
        self.await_depth(queue, 0)

    def test_all(self):
        queue = self.queue(b"1")
        ended = leveret("consume", "-v", "-q", queue, "-c1", "--", "sh", "-c", "cat; exit 75",
                        preexec_fn=lambda: os.closerange(0, 3), timeout=20)
        self.assertEqual(ended.code, 3)


class Counters(BrokerTest):
    def test_of_publish(self):
        queue = self.queue()
        publisher = start("publish", "-q", queue, "-l")
        publisher.stdin.write(b"1\n2\n")
        publisher.stdin.flush()
        self.await_depth(queue, 2)
        told = []
        while sum("2 confirmed" in line for line in told) < 2 and len(told) < 1000:
            publisher.send_signal(signal.SIGUSR1)
            told.append(await_line(publisher.stderr, "reconnects"))
        for line in told[-2:]:
            self.assertTrue(line.startswith("leveret: 2 published, 2 confirmed, 0 returned, 0 refused, 0 waiting\n"), line)
        self.assertEnded(end(publisher, b"3\n"), 0, r"\A\Z")
        self.assertEqual(self.depth(queue), 3)

    def test_of_consume(self):
        consumer = start_consumer("-q", self.queue(b"1", b"2"))
        self.assertEqual(consumer.stdout.read(4), b"1\n2\n")
        consumer.send_signal(signal.SIGUSR1)
        self.assertEqual(await_line(consumer.stderr, "received"), "leveret: 2 received\n")
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)


class Passwords(BrokerTest):
    def setUp(self):
        super().setUp()
        self.at = pika.URLParameters(self.url)
        self.login = self.at.credentials

    def with_descriptor(self, line, *args, url):
        ours, theirs = os.pipe()
        os.write(theirs, line)
        os.close(theirs)
        ended = leveret("publish", "-q", self.queue(), "x", "--password-fd", str(ours), *args, url=url, pass_fds=[ours])
        os.close(ours)
        return ended

    def test_from_a_descriptor(self):
        url = f"amqp://{self.login.username}@{self.at.host}:{self.at.port}"
        self.assertEnded(self.with_descriptor(self.login.password.encode() + b"\nrest", url=url), 0, r"\A\Z")
        self.assertEnded(self.with_descriptor(b"wrong\n", url=url), 77)
        ended = leveret("publish", "-q", "q", "x", "--password-fd", "77", url=url)
        self.assertEnded(ended, 66, "cannot read the password from descriptor 77: Bad file descriptor; check --password-fd")

    def test_from_a_file_for_the_url_of_the_environment(self):
        path = f"/tmp/leveret-{os.getpid()}-{self.name()}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.login.password + "\n")
        self.addCleanup(os.unlink, path)
        url = f"amqp://{self.login.username}:wrong@{self.at.host}:{self.at.port}"
        self.assertEnded(leveret("publish", "-q", self.queue(), "x", url=url), 77)
        self.assertEnded(leveret("publish", "-q", self.queue(), "x", "--password-file", path, url=url), 0)


if __name__ == "__main__":
    support.main()
