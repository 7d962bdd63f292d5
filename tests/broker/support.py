# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What the tests of the command share: running it, pika as the other side, small peers.

The brokers come from with-brokers, which says where they are in the environment. Tests run side by side on
one broker, so each one makes up its own names.
"""

import os
import select
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid

RABBITMQ = os.environ.get("LEVERET_RABBITMQ_URL")
GARAGEMQ = os.environ.get("LEVERET_GARAGEMQ_URL")
LEVERET = os.path.abspath(os.environ.get("LEVERET", "build/leveret"))
LONG = os.environ.get("LEVERET_LONG") == "1"
SKIP = 77

try:
    import pika
except ImportError:
    pika = None


def main(*needed):
    """Runs the tests of the calling file, or ends with 77 where what they need is not there."""
    for thing, text in ((RABBITMQ, "LEVERET_RABBITMQ_URL is not set"),
                        (pika, "python3-pika is not installed")) + needed:
        if not thing:
            print(f"skipped: {text}", file=sys.stderr)
            sys.exit(SKIP)
    unittest.main()


class Ended:
    """How a run of the command ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err.decode(errors="replace")


def environment(url):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AMQP_")}
    if url is not None:
        env["AMQP_URL"] = url
    return env


def start(*args, url=RABBITMQ, program=LEVERET, **kwargs):
    """Starts the command, or another program, with pipes."""
    for stream in ("stdin", "stdout", "stderr"):
        kwargs.setdefault(stream, subprocess.PIPE)
    kwargs.setdefault("env", environment(url))
    return subprocess.Popen([program, *args], **kwargs)


def end(process, stdin=None, timeout=60):
    """Waits for a started program and returns how it ended."""
    try:
        out, err = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args} did not end in {timeout} s; stderr: {err}") from None
    return Ended(process.returncode, out, err or b"")


def leveret(*args, stdin=b"", url=RABBITMQ, timeout=60, **kwargs):
    """Runs the command to its end; `stdin` is what it reads, or a descriptor."""
    if isinstance(stdin, int):
        return end(start(*args, url=url, stdin=stdin, **kwargs), None, timeout)
    return end(start(*args, url=url, **kwargs), stdin, timeout)


def has_tls():
    """Whether the command was built with TLS."""
    return "built without it" not in leveret("ping", url="amqps://localhost?cacertfile=/nonexistent").err


def await_line(stream, text, timeout=20):
    """Reads lines of a program's stderr until one holds the text; returns everything read."""
    seen = b""
    deadline = time.monotonic() + timeout
    while text.encode() not in seen or not seen.endswith(b"\n"):
        left = deadline - time.monotonic()
        ready = left > 0 and select.select([stream], [], [], left)[0]
        byte = os.read(stream.fileno(), 1) if ready else b""
        if not byte:
            raise AssertionError(f"no {text!r} in {seen}")
        seen += byte
    return seen.decode(errors="replace")


def start_consumer(*args, url=RABBITMQ, **kwargs):
    """Starts `leveret consume` and waits until the broker has accepted the consumer."""
    process = start("consume", "-v", *args, url=url, **kwargs)
    await_line(process.stderr, "consuming from")
    return process


class BrokerTest(unittest.TestCase):
    """A connection of pika's to the broker, and names of the test's own."""

    url = RABBITMQ

    def setUp(self):
        self.connection = pika.BlockingConnection(pika.URLParameters(self.url))
        self.addCleanup(self.disconnect)
        self.channel = self.connection.channel()
        self.made = []

    def disconnect(self):
        if self.connection.is_open:
            channel = self.connection.channel()
            for queue in self.made:
                channel.queue_delete(queue)
            self.connection.close()

    def name(self, kind="q"):
        return f"{kind}-{uuid.uuid4().hex[:12]}"

    def queue(self, *bodies, **arguments):
        """Makes a durable queue that holds the bodies."""
        queue = self.name()
        self.channel.queue_declare(queue, durable=True, **arguments)
        self.made.append(queue)
        self.fill(queue, *bodies)
        return queue

    def fill(self, queue, *bodies):
        for body in bodies:
            self.channel.basic_publish("", queue, body)
        self.channel.exchange_declare("amq.direct", passive=True)  # answered when all of them are in the queue

    def bound_queue(self, exchange):
        """A queue bound to the exchange, with a name of its own: garagemq makes none. It is durable, since
        garagemq never confirms a persistent message that only a transient queue takes."""
        queue = self.name()
        self.channel.queue_declare(queue, durable=True)
        self.made.append(queue)
        self.channel.queue_bind(queue, exchange, "")
        return queue

    def depth(self, queue):
        return self.channel.queue_declare(queue, durable=True, passive=True).method.message_count

    def relay(self):
        relay = Relay(self.url)
        self.addCleanup(relay.cut)
        self.addCleanup(relay.close)
        return relay

    def await_depth(self, queue, depth, timeout=10):
        """Messages go back to a queue a moment after their consumer is gone."""
        deadline = time.monotonic() + timeout
        while self.depth(queue) != depth and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.depth(queue), depth)

    def drain(self, queue, count, timeout=20):
        """Takes messages off a queue until `count` came; returns (method, properties, body) of each."""
        got = []
        deadline = time.monotonic() + timeout
        while len(got) < count and time.monotonic() < deadline:
            message = self.channel.basic_get(queue, auto_ack=True)
            if message[0] is None:
                time.sleep(0.01)
            else:
                got.append(message)
        self.assertEqual(len(got), count, "messages in the queue")
        return got

    def assertEnded(self, ended, code, err=None):
        self.assertEqual(ended.code, code, f"exit code; stderr: {ended.err}")
        if err is not None:
            self.assertRegex(ended.err, err)

    def assertOneLine(self, ended):
        """One line on stderr, nothing on stdout."""
        self.assertRegex(ended.err, r"\Aleveret: [^\n]+\n\Z")
        self.assertEqual(ended.out, b"")


class Listener:
    """A listening socket on the loopback, and a thread for each connection that runs `serve`."""

    def __init__(self, backlog=8):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(backlog)
        self.port = self.socket.getsockname()[1]
        self.url = f"amqp://127.0.0.1:{self.port}"
        self.silent = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        """For subclasses; this one holds its tongue."""
        self.silent.append(peer)

    def close(self):
        for each in [self.socket] + self.silent:
            each.close()


class Relay(Listener):
    """Stands between the command and the broker, on a port of its own, and can misbehave."""

    def __init__(self, url):
        target = pika.URLParameters(url)
        self.target = (target.host, target.port)
        self.going = threading.Event()
        self.going.set()
        self.sockets = []
        super().__init__()
        login = f"{target.credentials.username}:{target.credentials.password}"
        self.url = f"amqp://{login}@127.0.0.1:{self.port}"

    def serve(self, peer):
        broker = socket.create_connection(self.target)
        self.sockets += [peer, broker]
        threading.Thread(target=self.pump, args=(broker, peer), daemon=True).start()
        self.pump(peer, broker)
        broker.close()
        peer.close()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.going.wait()
                sink.sendall(data)
        except OSError:
            pass
        self.shut(source, sink)

    def shut(self, *sockets):
        for side in sockets:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stall(self):
        """From now on nothing comes through, either way."""
        self.going.clear()

    def resume(self):
        self.going.set()

    def cut(self):
        """Ends all connections."""
        self.shut(*self.sockets)
