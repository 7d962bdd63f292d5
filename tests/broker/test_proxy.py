#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret proxy between real clients and RabbitMQ: the bytes are the same on both of its sides, what it prints has
all of them, and with faults it is the network that a client has to survive."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support
from certificates import Authority
from support import BrokerTest, Relay, end, leveret, pika, start

SECRET = "proxied-canary"


class Tap(Relay):
    """Passes all on and keeps it: a pair of streams for each connection, in the order they came."""

    def __init__(self, url):
        self.streams = []
        super().__init__(url)

    def serve(self, peer):
        stream = {}
        self.streams.append(stream)
        broker = socket.create_connection(self.target)
        self.sockets += [peer, broker]
        for name, end_of in (("client", peer), ("server", broker)):
            stream[name], stream[end_of] = b"", name
        back = threading.Thread(target=self.copy, args=(broker, peer, stream), daemon=True)
        back.start()
        self.copy(peer, broker, stream)
        back.join()
        broker.close()
        peer.close()

    def copy(self, source, sink, stream):
        try:
            while data := source.recv(65536):
                stream[stream[source]] += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.shut(source, sink)


class Proxy:
    """A running proxy; `stop` returns how it ended."""

    def __init__(self, target, *options, listen="127.0.0.1:0"):
        self.process = start("proxy", *options, listen, target, url=None)
        while True:
            line = self.process.stderr.readline().decode()
            if found := re.search(r"listening on \S+ port (\d+)", line):
                break
            if not line:
                raise AssertionError(f"the proxy ended: {self.process.wait()}")
        self.port = int(found[1])
        self.out = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while data := self.process.stdout.read1(65536):
            self.out += data

    def url(self, login="guest:guest", scheme="amqp"):
        return f"{scheme}://{login}@localhost:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.reader.join(20)
        err = self.process.stderr.read().decode()
        self.process.stderr.close()
        self.process.stdout.close()
        self.process.stdin.close()
        return self.process.returncode, err


class ProxyTest(BrokerTest):
    def setUp(self):
        super().setUp()
        broker = pika.URLParameters(self.url)
        self.broker = f"{broker.host}:{broker.port}"
        self.dir = tempfile.mkdtemp(prefix="leveret-proxy-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def proxy(self, *options, target=None, **kwargs):
        proxy = Proxy(target or self.broker, *options, **kwargs)
        self.addCleanup(lambda: proxy.process.poll() is not None or proxy.stop())
        return proxy

    def stopped(self, proxy):
        code, err = proxy.stop()
        self.assertEqual(code, 143, err)
        return proxy.out.decode().splitlines()

    def work(self, url, queue):
        """What three clients do with a queue."""
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("", queue, os.urandom(300000), pika.BasicProperties(headers={"n": [1, None, "x"]}))
            self.assertEqual(len(channel.basic_get(queue, auto_ack=True)[2]), 300000)
        for words in (["amqp-publish", "-u", url, "-r", queue, "-b", "theirs"],
                      ["amqp-get", "-u", url, "-q", queue]):
            subprocess.run(words, check=True, timeout=20, stdout=subprocess.DEVNULL)
        self.assertEnded(leveret("publish", "-q", queue, "-l", stdin=b"1\n2\n3\n", url=url), 0)
        self.assertEqual(leveret("consume", "-q", queue, "-c", "3", url=url).out, b"1\n2\n3\n")


class Passing(ProxyTest):
    def test_bytes_are_the_same_on_both_sides(self):
        inner = Tap(self.url)
        self.addCleanup(inner.close)
        proxy = self.proxy("--jsonl", "--show-secrets", "--pcap", self.path("all.pcap"), target=f"localhost:{inner.port}")
        outer = Tap(proxy.url())
        self.addCleanup(outer.close)
        self.work(outer.url, self.queue())
        lines = self.stopped(proxy)
        self.assertEqual(len(inner.streams), 5)
        for number, (theirs, ours) in enumerate(zip(outer.streams, inner.streams)):
            for side in ("client", "server"):
                self.assertEqual(theirs[side], ours[side], (number, side))
                self.assertGreater(len(ours[side]), 400)
                encoded = leveret("encode", "--stream", str(number), "--from", side, stdin="\n".join(lines).encode())
                self.assertEqual(encoded.out, ours[side], (number, side))
        self.check_capture(self.path("all.pcap"), lines)

    def check_capture(self, path, lines):
        """The file says the same, to dump as well as to tshark."""
        again = leveret("dump", "--pcap", "--jsonl", path)
        self.assertEqual(again.code, 0, again.err)
        frames = [[line for line in (json.loads(text) for text in source) if line["stream"] == 0]
                  for source in (lines, again.out.decode().splitlines())]
        for side in ("client", "server"):
            said = [[dict(line, stream=0) for line in one if line["from"] == side] for one in frames]
            self.assertEqual(*said)
        if shutil.which("tshark") is None:
            return
        seen = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "amqp.method.method", "-e", "_ws.malformed",
                               "-e", "tcp.analysis.flags"], check=True, capture_output=True, text=True).stdout
        count = len(re.findall(r"\d+", "".join(line.split("\t")[0] + "," for line in seen.splitlines())))
        self.assertEqual(count, sum('"type":"method"' in line for line in lines))
        self.assertNotRegex(seen, r"Malformed|[a-z]")

    def test_secrets_are_left_out(self):
        for form in ((), ("--jsonl",), ("--hexdump",)):
            proxy = self.proxy(*form, "-v", target=f"amqp://nobody:{SECRET}@{self.broker}")
            with open(f"/proc/{proxy.process.pid}/cmdline", encoding="utf-8") as line:
                self.assertNotIn(SECRET, line.read())
            self.assertEnded(leveret("ping", url=proxy.url(f"nobody:{SECRET}")), 77)
            code, err = proxy.stop()
            self.assertEqual(code, 143)
            self.assertIn("start-ok", proxy.out.decode())
            self.assertNotIn(SECRET, proxy.out.decode() + err)
            self.assertNotIn(SECRET.encode().hex(), proxy.out.decode())
        proxy = self.proxy("--show-secrets")
        leveret("ping", url=proxy.url(f"nobody:{SECRET}"))
        self.assertIn(SECRET, "\n".join(self.stopped(proxy)))

    def test_what_is_no_amqp_passes_too(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        proxy = self.proxy(target=f"127.0.0.1:{listener.getsockname()[1]}")
        noise = random.Random(7).randbytes(1 << 20)
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            server = listener.accept()[0]
            sender = threading.Thread(target=lambda: (client.sendall(noise), client.shutdown(socket.SHUT_WR)))
            sender.start()
            came = b""
            while data := server.recv(65536):
                came += data
            sender.join()
            self.assertEqual(came, noise)
            server.sendall(b"still open this way")
            server.close()
            self.assertEqual(client.recv(100), b"still open this way")
            self.assertEqual(client.recv(100), b"")
        self.assertTrue(any("malformed" in line for line in self.stopped(proxy)))

    def test_a_slow_reader_slows_the_writer(self):
        """And not the memory of what is in between."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        proxy = self.proxy(target=f"127.0.0.1:{listener.getsockname()[1]}")
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            server = listener.accept()[0]
            client.settimeout(1)
            sent = 0
            with self.assertRaises(TimeoutError):
                while sent < 200 << 20:
                    sent += client.send(bytes(1 << 16))
            with open(f"/proc/{proxy.process.pid}/status", encoding="ascii") as status:
                peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
            self.assertLess(peak, 40000, "kB")
            server.close()
        self.stopped(proxy)

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as dead:
            port = dead.getsockname()[1]
        proxy = self.proxy(target=f"127.0.0.1:{port}")
        self.assertEnded(leveret("ping", url=proxy.url()), 69)
        code, err = proxy.stop()
        self.assertEqual(code, 143)
        self.assertIn(f"#0 target: cannot connect to 127.0.0.1:{port}", err)

    def test_wrong_usage(self):
        for words, text in (([], "give where to listen"), (["a:1"], "give where to listen"), (["a:x", "b:1"], "port"),
                            ([":0", "b:0"], "the target needs a port"), (["amqps://:0", "b:1"], "certfile=FILE"),
                            (["--flip-bits", "2", ":0", "b:1"], "0 to 1"), (["%2Fsocket", "b:1"], "HOST:PORT"),
                            (["--jsonl", "--hexdump", ":0", "b:1"], "exclude")):
            ended = leveret("proxy", *words, url=None)
            self.assertEnded(ended, 64)
            self.assertIn(text, ended.err)
        self.assertEnded(leveret("proxy", "--pcap", "/nowhere/file", ":0", "b:1", url=None), 73)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ended = leveret("proxy", f"127.0.0.1:{taken.getsockname()[1]}", "b:1", url=None)
        self.assertEnded(ended, 69)
        self.assertIn("in use", ended.err)


@unittest.skipUnless(support.has_tls(), "built without TLS")
class Secured(ProxyTest):
    """TLS towards the client, towards the target, and both."""

    def test_tls_on_either_side(self):
        authority = Authority(self.dir, "ca")
        made = authority.issue("server", "DNS:localhost")
        ca = f"?cacertfile={authority.cert}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        wrapped = self.proxy("--jsonl", listen=f"amqps://127.0.0.1:{port}?certfile={made.cert}&keyfile={made.key}")
        self.assertEnded(leveret("ping", url=wrapped.url(scheme="amqps") + ca), 0)
        self.assertEnded(leveret("ping", url=wrapped.url(scheme="amqps")), 78)
        outer = self.proxy("--jsonl", target=f"amqps://localhost:{port}{ca}")
        queue = self.queue()
        self.work(outer.url(), queue)
        inside, outside = self.stopped(wrapped), self.stopped(outer)
        for side in ("client", "server"):
            said = [[line.partition(",")[2] for line in lines if f'"from":"{side}"' in line]
                    for lines in (inside, outside)]
            self.assertEqual([re.sub(r'"stream":\d+,?', "", line) for line in said[0][-40:]],
                             [re.sub(r'"stream":\d+,?', "", line) for line in said[1][-40:]])

    def test_a_target_that_is_not_who_it_should_be(self):
        authority = Authority(self.dir, "ca")
        made = authority.issue("server", "DNS:other.example")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.proxy(listen=f"amqps://127.0.0.1:{port}?certfile={made.cert}&keyfile={made.key}")
        outer = self.proxy(target=f"amqps://localhost:{port}?cacertfile={authority.cert}")
        self.assertEnded(leveret("ping", url=outer.url()), 69)
        self.assertRegex(outer.stop()[1], "#0 target: .*localhost")


class Faults(ProxyTest):
    def test_a_client_survives_cuts(self):
        """Both ends of a queue reconnect again and again, and nothing is lost."""
        queue = self.queue()
        proxy = self.proxy("--cut-after", "40000", "--split", "1000", "--delay", "2")
        consumer = start("consume", "-q", queue, "--idle", "8", url=proxy.url())
        lines = [b"line %d" % i for i in range(4000)]
        published = leveret("publish", "-q", queue, "-l", "--window", "100", stdin=b"\n".join(lines), url=proxy.url())
        self.assertEnded(published, 0)
        self.assertGreater(published.err.count("connected again"), 2)
        consumed = end(consumer)
        self.assertEqual(list(dict.fromkeys(consumed.out.splitlines())), lines)
        self.stopped(proxy)

    def test_the_same_seed_turns_the_same_bits(self):
        text = bytes(100000)
        came = [self.through(text, "--flip-bits", "0.001", "--seed", seed) for seed in ("5", "5", "6")]
        self.assertEqual(came[0], came[1])
        self.assertNotEqual(came[0], came[2])
        turned = [byte for byte in came[0] if byte != 0]
        self.assertTrue(all(byte & (byte - 1) == 0 for byte in turned), "one bit each")
        self.assertTrue(50 < len(turned) < 200, len(turned))
        self.assertEqual(self.through(text), text)

    def test_no_turned_bit_shows_a_secret(self):
        login = {"type": "method", "channel": 0, "class": "connection", "method": "start-ok",
                 "fields": {"client_properties": {}, "mechanism": "PLAIN", "response": SECRET, "locale": "en_US"}}
        frames = leveret("encode", stdin=json.dumps(login).encode()).out * 2000
        for form in ((), ("--jsonl",), ("--hexdump",)):
            came = self.through(frames, *form, "--flip-bits", "0.02", "--seed", "3")
            self.assertGreater(came.count(SECRET.encode()), 500)
            self.assertLess(came.count(SECRET.encode()), 2000)
            self.assertGreater(self.shown.count("start-ok"), 500)
            self.assertNotIn(SECRET, self.shown)

    def through(self, text, *options):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            proxy = self.proxy(*options, target=f"127.0.0.1:{listener.getsockname()[1]}")
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                server = listener.accept()[0]
                threading.Thread(target=lambda: (client.sendall(text), client.shutdown(socket.SHUT_WR))).start()
                came = b""
                while data := server.recv(65536):
                    came += data
                server.close()
        self.shown = "\n".join(self.stopped(proxy))
        return came

    def test_delay(self):
        proxy = self.proxy("--delay", "150")
        began = time.monotonic()
        self.assertEnded(leveret("ping", "-c", "1", url=proxy.url()), 0)
        self.assertGreater(time.monotonic() - began, 6 * 0.15)
        self.stopped(proxy)

    def test_heartbeats_are_dropped(self):
        """So each side believes that the other is dead."""
        proxy = self.proxy("--drop-heartbeats")
        ended = leveret("consume", "-q", self.queue(), "--heartbeat", "1", "--retry", "0", url=proxy.url())
        self.assertEnded(ended, 69)
        self.assertIn("heartbeat", ended.err)
        self.assertTrue(any("heartbeat" in line for line in self.stopped(proxy)))


if __name__ == "__main__":
    support.main()
