#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret publish: where messages come from, what is on by default, and the exit codes."""

import os
import signal
import tempfile
import time

import support
from support import BrokerTest, await_line, end, leveret, start


class Input(BrokerTest):
    def bodies(self, queue, count):
        return [message[2] for message in self.drain(queue, count)]

    def test_arguments_are_messages(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "one", "two", ""), 0, r"\A\Z")
        self.assertEqual(self.bodies(queue, 3), [b"one", b"two", b""])

    def test_b_is_a_message(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-r", queue, "-b", "body"), 0)
        self.assertEqual(self.bodies(queue, 1), [b"body"])

    def test_empty_stdin_is_one_empty_message(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue), 0)
        self.assertEqual(self.bodies(queue, 1), [b""])

    def test_lines(self):
        queue = self.queue()
        long = b"x" * 3_000_000
        stdin = b"first\n\n\0\0\n" + long + b"\nno newline"
        self.assertEnded(leveret("publish", "-q", queue, "-l", stdin=stdin), 0)
        self.assertEqual(self.bodies(queue, 5), [b"first", b"", b"\0\0", long, b"no newline"])

    def test_no_lines_are_no_messages(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "-l"), 0)
        self.assertEqual(self.depth(queue), 0)

    def test_a_line_is_published_before_the_next_comes(self):
        queue = self.queue()
        publisher = start("publish", "-q", queue, "-l")
        publisher.stdin.write(b"one\ntw")
        publisher.stdin.flush()
        self.assertEqual(self.bodies(queue, 1), [b"one"])
        self.assertEnded(end(publisher, b"o\n"), 0)
        self.assertEqual(self.bodies(queue, 1), [b"two"])

    def test_prompt_on_stderr_before_each_line(self):
        queue = self.queue()
        publisher = start("publish", "-q", queue, "--prompt", "say> ")
        self.assertEqual(publisher.stderr.read(5), b"say> ")
        publisher.stdin.write(b"hello\n")
        publisher.stdin.flush()
        self.assertEqual(publisher.stderr.read(5), b"say> ")
        self.assertEqual(self.bodies(queue, 1), [b"hello"])
        ended = end(publisher, b"")
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"")

    def test_unreadable_stdin(self):
        queue = self.queue()
        directory = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, directory)
        for option in ([], ["-l"]):
            ended = leveret("publish", "-q", queue, *option, stdin=directory)
            self.assertEnded(ended, 66, "cannot read stdin: Is a directory")
            self.assertOneLine(ended)


class Files(BrokerTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, content):
        path = os.path.join(self.folder, self.name("file"))
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_each_file_is_a_message(self):
        queue = self.queue()
        contents = [b"one\ntwo\n", b"", bytes(range(256)) * 20_000]
        self.assertEnded(leveret("publish", "-q", queue, "-f", *map(self.file, contents)), 0, r"\A\Z")
        self.assertEqual([message[2] for message in self.drain(queue, 3)], contents)

    def test_files_are_cut_as_stdin_is(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "-l", "-f", self.file(b"1\n2\n"), self.file(b"3")), 0)
        self.assertEqual([message[2] for message in self.drain(queue, 3)], [b"1", b"2", b"3"])

    def test_a_file_that_cannot_be_read(self):
        queue = self.queue()
        for bad, why in ((self.folder, f"cannot read {self.folder}: Is a directory"),
                         (self.folder + "/no", f"cannot open {self.folder}/no: No such file")):
            ended = leveret("publish", "-q", queue, "-f", self.file(b"before"), bad, self.file(b"after"))
            self.assertEnded(ended, 66, why)
            self.assertOneLine(ended)
            self.assertEqual(self.drain(queue, 1)[0][2], b"before")
            self.assertEqual(self.depth(queue), 0)

    def test_returned_messages_are_kept_and_can_be_sent_again(self):
        key, kept = self.name("later"), os.path.join(self.folder, "kept")
        ended = leveret("publish", "-r", key, "-l", "--returned-to", kept, "--message-id", "m", "-H", "n:=5",
                        stdin=b"one\n\xff\n" + b"x" * 200_000 + b"\n")
        self.assertEnded(ended, 3, "of 3 messages, 3 returned")
        self.channel.queue_declare(key, durable=True)
        self.made.append(key)
        with open(kept, "rb") as file:
            self.assertEnded(leveret("publish", "--jsonl", stdin=file.fileno()), 0)
        got = self.drain(key, 3)
        self.assertEqual([message[2] for message in got], [b"one", b"\xff", b"x" * 200_000])
        self.assertEqual({(m[1].message_id, m[1].headers["n"], m[1].delivery_mode) for m in got}, {("m", 5, 2)})

    def test_nowhere_to_keep_returned_messages(self):
        ended = leveret("publish", "-q", self.queue(), "--returned-to", self.folder, "x")
        self.assertEnded(ended, 73, "cannot create .*: Is a directory; check --returned-to")
        self.assertOneLine(ended)
        ended = leveret("publish", "-r", self.name("nobody"), "--returned-to", "/dev/full", "x")
        self.assertEnded(ended, 74, "cannot write to /dev/full: No space left.*\n.*1 returned")


class Defaults(BrokerTest):
    def test_persistent_unless_transient(self):
        queue = self.queue()
        for options, mode in (([], 2), (["-p"], 2), (["--transient"], None), (["--delivery-mode=1"], 1)):
            self.assertEnded(leveret("publish", "-q", queue, *options, "x"), 0)
            self.assertEqual(self.drain(queue, 1)[0][1].delivery_mode, mode)

    def test_properties(self):
        queue = self.queue()
        wanted = {
            "content_type": "text/plain", "content_encoding": "utf-8", "priority": 7,
            "correlation_id": "c", "reply_to": "r", "expiration": "60000", "message_id": "m",
            "timestamp": 1234567890, "user_id": "guest", "app_id": "a", "cluster_id": "k",
        }
        options = [f"--{name.replace('_', '-')}={value}" for name, value in wanted.items()]
        self.assertEnded(leveret("publish", "-q", queue, *options, "--message-type", "t", "x"), 0)
        properties = self.drain(queue, 1)[0][1]
        for name, value in dict(wanted, type="t").items():
            self.assertEqual(getattr(properties, name), value, name)

    def test_headers(self):
        """The first separator from the left decides."""
        queue = self.queue()
        wanted = {"n": ("n:=5", 5), "two": ("two:=2.0", 2), "yes": ("yes:=true", True), "none": ("none:=null", None),
                  "list": ('list:=[1,"a",{"b":false}]', [1, "a", {"b": False}]), "text": ('text:="t"', "t"),
                  "plain": ("plain=a: b:=c=d", "a: b:=c=d"), "empty": ("empty=", ""), "X-Name": ("X-Name: v=w:=1", "v=w:=1"),
                  "a:b": ("a:b=c", "c"), "tight": ("tight:v", "v"), "typed": ('typed:={"@":"I","v":7}', 7)}
        options = [part for text, _ in wanted.values() for part in ("-H", text)]
        self.assertEnded(leveret("publish", "-q", queue, *options, "x"), 0, r"\A\Z")
        self.assertEqual(self.drain(queue, 1)[0][1].headers, {key: value for key, (_, value) in wanted.items()})

    def test_letters_of_properties(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "-Ctext/plain", "-E", "gzip", "-t", "back", "x"), 0)
        properties = self.drain(queue, 1)[0][1]
        self.assertEqual((properties.content_type, properties.content_encoding, properties.reply_to),
                         ("text/plain", "gzip", "back"))

    def test_declare_makes_a_durable_queue(self):
        queue = self.name()
        self.made.append(queue)
        self.assertEnded(leveret("publish", "-q", queue, "--declare", "x"), 0)
        declared = self.channel.queue_declare(queue, durable=True)
        self.assertEqual(declared.method.message_count, 1)


class Outcomes(BrokerTest):
    def test_unroutable_is_3(self):
        ended = leveret("publish", "-r", self.name("nobody"), "one", "two")
        self.assertEnded(ended, 3, "of 2 messages, 2 returned .*312 NO_ROUTE.*bind")
        self.assertOneLine(ended)

    def test_unroutable_with_long_names_is_told_whole(self):
        key = "k" * 250
        ended = leveret("publish", "-v", "-r", key, "one")
        self.assertEnded(ended, 3, f'message 1 was returned: 312 NO_ROUTE, exchange "", key "{key}"; bind')
        self.assertRegex(ended.err, f'1 returned .312 NO_ROUTE, exchange "", key "{key}".; bind')
        ended = leveret("publish", "-v", "-r", b"\xff" * 255, "one")
        self.assertEnded(ended, 3, "message 1 was returned: 312; bind")

    def test_unroutable_among_lines_is_told_at_once(self):
        publisher = start("publish", "-r", self.name("nobody"), "-l")
        publisher.stdin.write(b"one\n")
        publisher.stdin.flush()
        await_line(publisher.stderr, "message 1 was returned: 312 NO_ROUTE")
        self.assertEnded(end(publisher, b"two\n"), 3, "of 2 messages, 2 returned")

    def test_unroutable_is_fine_where_not_mandatory(self):
        self.assertEnded(leveret("publish", "-r", self.name("nobody"), "--no-mandatory", "x"), 0, r"\A\Z")

    def test_unroutable_is_noticed_without_confirms(self):
        ended = leveret("publish", "-r", self.name("nobody"), "--no-confirm", "x", "y")
        self.assertEnded(ended, 3, "2 returned")

    def test_rejected_by_a_full_queue_is_3(self):
        queue = self.queue(arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        ended = leveret("publish", "-q", queue, "-l", stdin=b"1\n2\n3\n")
        self.assertEnded(ended, 3, "of 3 messages, 2 refused by the broker")

    def test_missing_exchange_is_1(self):
        for option in ([], ["--no-confirm"]):
            ended = leveret("publish", "-e", self.name("nowhere"), *option, "x")
            self.assertEnded(ended, 1, "404 NOT_FOUND - no exchange 'nowhere")
            self.assertOneLine(ended)

    def test_forbidden_exchange_is_77(self):
        ended = leveret("publish", "-e", "amq.forbidden", "--declare", "x")
        self.assertEnded(ended, 77, "403 ACCESS_REFUSED")
        self.assertOneLine(ended)

    def test_failed_precondition_is_1(self):
        ended = leveret("publish", "-e", "amq.fanout", "--declare", "--type", "topic", "x")
        self.assertEnded(ended, 1, "406 PRECONDITION_FAILED - inequivalent arg 'type'")
        self.assertOneLine(ended)

    def test_small_windows(self):
        queue = self.queue()
        lines = b"".join(b"%d\n" % i for i in range(100))
        self.assertEnded(leveret("publish", "-q", queue, "-l", "--window", "1", stdin=lines), 0)
        self.assertEqual(self.depth(queue), 100)

    def test_rate(self):
        queue = self.queue()
        for rate, lines, least in (("20/s", 21, 1.0), ("8000", 8000, 0.95)):
            began = time.monotonic()
            ended = leveret("publish", "-q", queue, "-l", "--transient", "--rate", rate, stdin=b"x\n" * lines)
            took = time.monotonic() - began
            self.assertEnded(ended, 0)
            self.assertTrue(least <= took < least + 6, (rate, took))
        self.assertEqual(self.depth(queue), 8021)

    def test_a_slow_rate_can_be_stopped(self):
        publisher = start("publish", "-q", self.queue(), "-l", "--rate", "1")
        publisher.stdin.write(b"x\n" * 100)
        publisher.stdin.flush()
        time.sleep(0.5)
        publisher.send_signal(signal.SIGTERM)
        self.assertEqual(publisher.wait(5), 143)
        self.assertEnded(end(publisher), 143, r"\A\Z")

    def test_no_confirm_publishes_all(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "-l", "--no-confirm", stdin=b"x\n" * 20000), 0)
        self.await_depth(queue, 20000)


class Trouble(BrokerTest):
    def start_lines(self, relay, *options):
        publisher = start("publish", "-q", self.queue(), "-l", "-v", *options, url=relay.url)
        await_line(publisher.stderr, "connected")
        publisher.stdin.write(b"one\n")
        publisher.stdin.flush()
        return publisher

    def test_no_confirm_in_time_is_75(self):
        relay = self.relay()
        publisher = self.start_lines(relay, "--timeout", "1")
        time.sleep(0.3)
        relay.stall()
        self.assertEnded(end(publisher, b"two\n"), 75, "no message was confirmed for 1000 ms; of 2 .* 1 in doubt")

    def test_without_confirms_a_slow_broker_is_waited_for(self):
        """Longer than the five seconds that a close may take."""
        relay = self.relay()
        publisher = self.start_lines(relay, "--no-confirm")
        time.sleep(0.3)
        relay.stall()
        publisher.stdin.close()
        publisher.stdin = None
        time.sleep(6)
        relay.resume()
        self.assertEnded(end(publisher), 0)

    def test_lost_connection_is_69(self):
        relay = self.relay()
        publisher = self.start_lines(relay, "--retry", "0")
        time.sleep(0.3)
        relay.cut()
        self.assertEqual(publisher.wait(10), 69)
        self.assertRegex(end(publisher).err, "leveret: publish: 127.0.0.1:.*; check the broker")

    def test_signals(self):
        """The first signal confirms what was sent and leaves the unfinished line."""
        for number, code in ((signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
            queue = self.queue()
            publisher = start("publish", "-q", queue, "-l")
            publisher.stdin.write(b"one\ntwo\nunfinished")
            publisher.stdin.flush()
            self.await_depth(queue, 2)
            publisher.send_signal(number)
            self.assertEqual(publisher.wait(10), code)
            self.assertEqual(end(publisher).err, "")
            self.assertEqual(self.depth(queue), 2)

    def test_the_second_signal_ends_at_once(self):
        relay = self.relay()
        publisher = self.start_lines(relay)
        time.sleep(0.3)
        relay.stall()
        publisher.stdin.write(b"two\n")
        publisher.stdin.flush()
        time.sleep(0.3)
        publisher.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(publisher.poll())
        publisher.send_signal(signal.SIGINT)
        self.assertEqual(publisher.wait(2), 130)
        end(publisher)


if __name__ == "__main__":
    support.main()
