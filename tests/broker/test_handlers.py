#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""consume -- COMMAND: what a handler gets, what its end means, and that the connection goes on meanwhile."""

import json
import os
import signal
import tempfile
import time

import pika

import support
from support import BrokerTest, end, environment, leveret, start, start_consumer


class HandlerTest(BrokerTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = os.path.join(folder.name, "log")

    def consume(self, queue, script, *options, **kwargs):
        """Runs consume with a shell script, which finds the name of a log file in $0."""
        return leveret("consume", "-q", queue, *options, "--", "sh", "-c", script, self.log, **kwargs)

    def logged(self):
        try:
            with open(self.log, encoding="utf-8") as log:
                return log.read().split()
        except FileNotFoundError:
            return []

    def await_logged(self, count, timeout=20):
        deadline = time.monotonic() + timeout
        while len(self.logged()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(len(self.logged()), count)

    def dead_letters(self):
        """A queue, and another one for what is rejected there."""
        dead = self.queue()
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
        return self.queue(arguments=arguments), dead


class Gets(HandlerTest):
    def test_the_body_on_stdin(self):
        queue = self.queue(b"one", b"a\0b\n", b"")
        ended = self.consume(queue, "cat; echo .", "-c3")
        self.assertEnded(ended, 0, r"\A\Z")
        self.assertEqual(ended.out, b"one.\na\0b\n.\n.\n")
        self.await_depth(queue, 0)

    def test_a_large_body(self):
        queue = self.queue(bytes(5_000_000))
        self.assertEqual(self.consume(queue, "wc -c", "-c1").out.strip(), b"5000000")

    def test_metadata_in_its_environment(self):
        queue = self.queue()
        self.channel.basic_publish("", queue, b"x", pika.BasicProperties(
            content_type="text/plain", message_id="m1", correlation_id="c1", reply_to="r1"))
        self.channel.basic_publish("", queue, b"y")
        ended = self.consume(queue, "env | grep ^AMQP_ | sort; echo", "-c2")
        self.assertEnded(ended, 0)
        first, second = ended.out.decode().split("\n\n")[:2]
        self.assertEqual(first.split("\n"), [
            "AMQP_CONTENT_TYPE=text/plain", "AMQP_CORRELATION_ID=c1", "AMQP_EXCHANGE=", "AMQP_MESSAGE_ID=m1",
            f"AMQP_QUEUE={queue}", "AMQP_REDELIVERED=false", "AMQP_REPLY_TO=r1", f"AMQP_ROUTING_KEY={queue}",
            "AMQP_TAG=1"])
        self.assertEqual(second.split("\n"), [
            "AMQP_EXCHANGE=", f"AMQP_QUEUE={queue}", "AMQP_REDELIVERED=false", f"AMQP_ROUTING_KEY={queue}",
            "AMQP_TAG=2"])

    def test_metadata_as_json(self):
        queue = self.queue()
        self.channel.basic_publish("", queue, b"x", pika.BasicProperties(
            content_type="text/plain", headers={"n": 5, "big": "v" * 100_000}))
        ended = self.consume(queue, "cat <&3", "-c1")
        self.assertEnded(ended, 0)
        record = json.loads(ended.out)
        self.assertEqual(record.pop("properties"), {
            "content_type": "text/plain", "headers": {"n": {"@": "I", "v": 5}, "big": "v" * 100_000}})
        self.assertTrue(record.pop("consumer_tag"))
        self.assertEqual(record, {"exchange": "", "routing_key": queue, "queue": queue, "tag": 1, "delivery_tag": 1,
                                  "redelivered": False})

    def test_no_secrets(self):
        queue = self.queue(b"x")
        env = dict(environment(support.RABBITMQ), AMQP_PASSWORD="guest", AMQP_REPLY_TO="stale", OTHER="kept")
        ended = leveret("consume", "-q", queue, "-c1", "--", "env", env=env)
        self.assertEnded(ended, 0)
        names = [line.split(b"=")[0] for line in ended.out.split(b"\n")]
        for name in (b"AMQP_URL", b"AMQP_PASSWORD", b"AMQP_REPLY_TO"):
            self.assertNotIn(name, names)
        self.assertIn(b"OTHER", names)

    def test_nothing_of_ours_but_stdio_and_3(self):
        queue = self.queue(b"x")
        ended = self.consume(queue, "exec ls /proc/self/fd", "-c1")
        self.assertEqual(ended.out.split()[:4], [b"0", b"1", b"2", b"3"])
        self.assertEqual(len(ended.out.split()), 5, "and 4, which ls itself has opened")

    def test_sigpipe_as_usual(self):
        queue = self.queue(b"x")
        ended = self.consume(queue, 'yes | head -1; bash -c "yes | head -1; echo \\${PIPESTATUS[0]}"', "-c1")
        self.assertEqual(ended.out.split()[-1], b"141")


class Ignores(HandlerTest):
    def test_its_stdin(self):
        bodies = [bytes(1_000_000)] * 3
        queue = self.queue(*bodies)
        self.assertEnded(self.consume(queue, "exit 0", "-c3"), 0, r"\A\Z")
        self.await_depth(queue, 0)

    def test_its_stdin_and_stays(self):
        queue = self.queue(bytes(1_000_000))
        self.assertEnded(self.consume(queue, "sleep 0.3", "-c1"), 0, r"\A\Z")
        self.await_depth(queue, 0)

    def test_its_metadata_however_large(self):
        queue = self.queue()
        headers = {f"h{i}": "v" * 10_000 for i in range(10)}
        self.channel.basic_publish("", queue, b"body", pika.BasicProperties(headers=headers))
        ended = self.consume(queue, "cat", "-c1", timeout=20)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"body")


class Verdicts(HandlerTest):
    def test_65_rejects(self):
        queue, dead = self.dead_letters()
        self.fill(queue, b"bad")
        ended = self.consume(queue, "exit 65", "-c1")
        self.assertEnded(ended, 3, r"ended with 65; the message is rejected\n.*1 rejected, 0 requeued")
        self.assertEqual(self.drain(dead, 1)[0][2], b"bad")
        self.await_depth(queue, 0)

    def test_75_requeues(self):
        queue = self.queue(b"later")
        script = 'echo $AMQP_REDELIVERED >>"$0"; [ $AMQP_REDELIVERED = true ] || exit 75'
        ended = self.consume(queue, script, "--until-empty")
        self.assertEnded(ended, 3, "0 rejected, 1 requeued")
        self.assertEqual(self.logged(), ["false", "true"])
        self.await_depth(queue, 0)

    def test_other_codes_requeue_by_default(self):
        queue = self.queue(b"1")
        self.assertEnded(self.consume(queue, "exit 7", "-c1"), 3, "ended with 7; the message is requeued")
        self.assertTrue(self.drain(queue, 1)[0][0].redelivered)

    def test_a_signal_is_a_failure(self):
        queue = self.queue(b"1")
        self.assertEnded(self.consume(queue, "kill -9 $$", "-c1"), 3, "ended with 137")
        self.await_depth(queue, 1)

    def test_on_failure_reject_tries_all(self):
        queue, dead = self.dead_letters()
        self.fill(queue, b"1", b"2", b"3", b"4", b"5")
        ended = self.consume(queue, 'cat >>"$0"; echo >>"$0"; exit 1', "--prefetch=2", "--on-failure=reject",
                             "--until-empty")
        self.assertEnded(ended, 3, "of 5 messages 5 rejected")
        self.assertEqual(self.logged(), ["1", "2", "3", "4", "5"])
        self.await_depth(dead, 5)

    def test_requeued_ones_come_again_until_they_succeed(self):
        queue = self.queue(b"1", b"2", b"3", b"4", b"5")
        ended = self.consume(queue, 'cat >>"$0"; echo >>"$0"; $AMQP_REDELIVERED', "--prefetch=2", "--until-empty")
        self.assertEnded(ended, 3, "of 10 messages 0 rejected, 5 requeued")
        self.assertEqual(sorted(self.logged()), [str(n) for n in range(1, 6) for _ in range(2)])
        self.await_depth(queue, 0)

    def test_the_brokers_limit_lets_those_behind_through(self):
        """A requeued message comes before those behind it, a quorum queue only so often."""
        queue = self.queue(arguments={"x-queue-type": "quorum", "x-delivery-limit": 0})
        self.fill(queue, b"1", b"2", b"3", b"4", b"5")
        ended = self.consume(queue, 'cat >>"$0"; echo >>"$0"; exit 1', "--prefetch=2", "--until-empty")
        self.assertEnded(ended, 3, "of 5 messages 0 rejected, 5 requeued")
        self.assertEqual(self.logged(), ["1", "2", "3", "4", "5"])
        self.await_depth(queue, 0)

    def test_on_failure_stop(self):
        queue = self.queue(b"1", b"2", b"3")
        ended = self.consume(queue, 'cat >>"$0"; exit 1', "--on-failure", "stop", "--prefetch=3")
        self.assertEnded(ended, 3)
        self.assertEqual(self.logged(), ["1"])
        self.await_depth(queue, 3)

    def test_max_failures_in_a_row(self):
        queue = self.queue(*[b"%d" % i for i in (1, 0, 1, 1, 1, 1)])
        ended = self.consume(queue, 'read r; echo $r >>"$0"; exit $r', "--on-failure=reject", "--max-failures=3")
        self.assertEnded(ended, 3, "3 failures in a row; giving up")
        self.assertEqual(self.logged(), ["1", "0", "1", "1", "1"])
        self.await_depth(queue, 1)

    def test_pauses_between_failures(self):
        queue = self.queue(b"1")
        consumer = start("consume", "-q", queue, "--", "sh", "-c", 'echo >>"$0" x; exit 1', self.log)
        time.sleep(1.5)
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)
        self.assertIn(len(self.logged()), range(3, 6), "after 0, 0.1, 0.3, 0.7 and 1.5 s")

    def test_an_unknown_command_is_127(self):
        queue = self.queue(b"1")
        ended = leveret("consume", "-q", queue, "--", "/nonexistent/command")
        self.assertEnded(ended, 127, r'\Aleveret: cannot run "/nonexistent/command": No such file')
        self.await_depth(queue, 1)

    def test_what_cannot_be_executed_is_126(self):
        queue = self.queue(b"1")
        ended = leveret("consume", "-q", queue, "--", "/etc/passwd")
        self.assertEnded(ended, 126, r'\Aleveret: cannot run "/etc/passwd": Permission denied')
        self.await_depth(queue, 1)

    def test_kill_after(self):
        queue = self.queue(b"1")
        began = time.monotonic()
        ended = self.consume(queue, "sleep 30", "-c1", "--kill-after=0.3")
        self.assertEnded(ended, 3, "takes longer than --kill-after allows\n.*ended with 143")
        self.assertLess(time.monotonic() - began, 5)
        self.await_depth(queue, 1)


class Jobs(HandlerTest):
    def test_side_by_side(self):
        queue = self.queue(*[b"%d" % i for i in range(8)])
        began = time.monotonic()
        ended = self.consume(queue, "sleep 1", "--jobs=8", "-c8")
        self.assertEnded(ended, 0)
        self.assertLess(time.monotonic() - began, 5)
        self.await_depth(queue, 0)

    def test_no_more_than_asked_for(self):
        queue = self.queue(*[b"%d" % i for i in range(6)])
        script = 'mkdir "$0.$$"; ls -d "$0".* | wc -l >>"$0"; sleep 0.2; rmdir "$0.$$"'
        self.assertEnded(self.consume(queue, script, "--jobs=2", "--prefetch=6", "-c6"), 0)
        self.assertEqual(max(map(int, self.logged())), 2)

    def test_one_at_a_time_takes_one_message(self):
        queue = self.queue(b"1", b"2")
        consumer = start_consumer("-q", queue, "--", "sleep", "2")
        time.sleep(0.3)
        self.assertEqual(self.depth(queue), 1, "for others")
        consumer.send_signal(signal.SIGTERM)
        self.assertEnded(end(consumer), 143)
        self.await_depth(queue, 1)

    def test_heartbeats_go_on(self):
        queue = self.queue(b"1")
        ended = self.consume(queue, "sleep 3.5", "-c1", "--heartbeat=1")
        self.assertEnded(ended, 0, r"\A\Z")
        self.await_depth(queue, 0)


class Signals(HandlerTest):
    def test_the_first_lets_handlers_finish(self):
        queue = self.queue(b"1", b"2", b"3")
        consumer = start("consume", "-q", queue, "--prefetch=3", "--", "sh", "-c",
                         'echo began >>"$0"; sleep 0.7; echo ended >>"$0"', self.log)
        self.await_logged(1)
        os.killpg(os.getpgid(consumer.pid), 0)
        consumer.send_signal(signal.SIGINT)
        self.await_depth(queue, 2, timeout=0.6)
        self.assertEnded(end(consumer), 130, r"\A\Z")
        self.assertEqual(self.logged(), ["began", "ended"])
        self.await_depth(queue, 2)

    def test_ctrl_c_is_not_for_handlers(self):
        queue = self.queue(b"1")
        consumer = start("consume", "-q", queue, "--", "sh", "-c", 'echo began >>"$0"; sleep 0.5; echo ended >>"$0"',
                         self.log, start_new_session=True)
        self.await_logged(1)
        os.killpg(consumer.pid, signal.SIGINT)
        self.assertEnded(end(consumer), 130, r"\A\Z")
        self.assertEqual(self.logged(), ["began", "ended"])

    def test_the_second_ends_at_once(self):
        queue = self.queue(b"1")
        consumer = start("consume", "-q", queue, "--", "sh", "-c",
                         'trap "echo told >>\\"$0\\"; exit" TERM; echo began >>"$0"; while :; do sleep 0.1; done',
                         self.log)
        self.await_logged(1)
        consumer.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        began = time.monotonic()
        consumer.send_signal(signal.SIGTERM)
        self.assertEqual(consumer.wait(10), 143)
        self.assertLess(time.monotonic() - began, 1)
        end(consumer)
        self.await_logged(2)
        self.assertEqual(self.logged(), ["began", "told"])
        self.await_depth(queue, 1)


class Losses(HandlerTest):
    def test_the_queue_is_deleted(self):
        queue = self.queue(b"1")
        consumer = start_consumer("-q", queue, "--", "sh", "-c", 'echo b >>"$0"; sleep 0.3; echo e >>"$0"', self.log)
        self.await_logged(1)
        self.channel.queue_delete(queue)
        self.assertEnded(end(consumer), 1, "cancelled")
        self.assertEqual(self.logged(), ["b", "e"])

    def test_the_connection_is_lost(self):
        queue = self.queue(b"1")
        relay = self.relay()
        consumer = start("consume", "-q", queue, "--retry", "0", "--", "sh", "-c",
                         'echo b >>"$0"; sleep 0.5; echo e >>"$0"', self.log, url=relay.url)
        self.await_logged(1)
        relay.cut()
        self.assertEnded(end(consumer), 69, "message 1 cannot be settled: its connection was lost")
        self.assertEqual(self.logged(), ["b", "e"])
        self.await_depth(queue, 1)


class Usage(HandlerTest):
    def test_what_does_not_go_together(self):
        for args, text in ((["--"], "which command"),
                           (["--jobs", "2"], "go with -- COMMAND"),
                           (["-A", "--", "true"], "exit code would mean nothing"),
                           (["true"], "a command goes behind --"),
                           (["--on-failure", "retry", "--", "true"], "is not requeue.reject.stop"),
                           (["--jobs", "0", "--", "true"], "a number from 1")):
            ended = leveret("consume", "-q", "q", *args, url="amqp://127.0.0.1:1")
            self.assertEnded(ended, 64, text)


if __name__ == "__main__":
    support.main()
