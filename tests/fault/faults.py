# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What the fault tests share: the proxy, brokers and clients that can be killed, ledgers that grow."""

import collections
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BROKER = os.path.join(HERE, "..", "broker")
sys.path.insert(0, BROKER)
BUILD = os.path.abspath(os.environ.get("LEVERET_BUILD", "build"))
LONG = os.environ.get("LEVERET_LONG") == "1"
NEVER_OPEN, REFUSED = 69, 3


def end_in_order(number, _frame):
    """What a test has started must not outlive it."""
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, end_in_order)


def wait_until(condition, timeout=30, what="a condition", every=0.02):
    """Waits until the condition is true and returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(every)
    return value


class Proxy:
    """A process of proxy.py; methods of the names of its commands."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "proxy.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def command(self, *words):
        with self.lock:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise ValueError(f"proxy: {words}: {' '.join(answer)}")
        return answer[1:]

    def listen(self, name, port, host="127.0.0.1"):
        return Route(self, name, int(self.command("listen", name, f"{host}:{port}")[0]))

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Route:
    """One listener of the proxy: route.cut("up", 100), route.half_open() and so on."""

    def __init__(self, proxy, name, port):
        self.proxy = proxy
        self.name = name
        self.port = port
        self.url = f"amqp://guest:guest@127.0.0.1:{port}"

    def __getattr__(self, verb):
        return lambda *words: self.proxy.command(self.name, verb.replace("_", "-"), *words)

    def counts(self):
        """A dictionary of what the command count tells."""
        return dict(zip(("connections", "open", "cuts", "up", "down"), map(int, self.count())))


class Node:
    """A RabbitMQ node of the test's own that may be killed: tests/broker/rabbitmq."""

    def __init__(self, folder, extra=""):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        if extra:
            with open(os.path.join(folder, "extra.conf"), "w", encoding="utf-8") as conf:
                conf.write(extra)

    def script(self, verb, *words, **kwargs):
        return subprocess.run([os.path.join(BROKER, "rabbitmq"), verb, self.folder, *words], check=True,
                              stdout=subprocess.PIPE, text=True, **kwargs).stdout.strip()

    def start(self):
        self.script("start")

    def stop(self):
        """At once and with its epmd: nobody needs its data any more."""
        self.script("kill")

    def ctl(self, *words):
        return self.script("ctl", *words)

    @property
    def url(self):
        return self.script("url")

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def kill(self):
        """kill -9 of the node; the processes around it end by themselves."""
        with open(os.path.join(self.folder, "pid"), encoding="utf-8") as pid:
            os.kill(int(pid.read()), signal.SIGKILL)


class Tail:
    """Follows a ledger that grows."""

    def __init__(self, path, prefix):
        self.path = path
        self.prefix = prefix
        self.at = 0
        self.seen = collections.defaultdict(set)
        self.sum = 0

    def read(self):
        """Takes the new lines and returns how many different messages they speak of so far."""
        with open(self.path, "rb") as ledger:
            ledger.seek(self.at)
            text = ledger.read()
        text = text[:text.rfind(b"\n") + 1]
        self.at += len(text)
        for line in text.splitlines():
            if line.startswith(self.prefix):
                self.take(*line.split()[1:4])
        return self.sum

    def take(self, channel, first, last):
        """A consumer's line has marks instead of a last id."""
        ids = {int(first)} if self.prefix == b"got" else range(int(first), int(last) + 1)
        fresh = set(ids) - self.seen[channel]
        self.seen[channel] |= fresh
        self.sum += len(fresh)


class Client:
    """A producer or a consumer, which is started again when it was killed. One that ends by itself has failed,
    unless it never got as far as to have a connection to recover, or is refused for good."""

    def __init__(self, program, urls, ledger, *arguments):
        self.name = program
        self.command = [os.path.join(BUILD, "tests/fault", program), urls, ledger, *map(str, arguments)]
        self.process = None
        with open(ledger, "ab"):
            self.start()

    def start(self):
        self.process = subprocess.Popen(self.command)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def done(self):
        """Whether it has ended well."""
        code = self.process.poll()
        if code in (NEVER_OPEN, REFUSED):
            time.sleep(0.2)
            self.start()
        elif code:
            raise AssertionError(f"the {self.name} ended with {code}")
        return code == 0

    def end(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)
