#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The proxy does what it says, between a socket and a listener of the test's own."""

import socket
import struct
import time
import unittest

from faults import Proxy, wait_until
import proxy


def frame(kind, payload):
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


class Faults(unittest.TestCase):
    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.proxy = Proxy()
        self.addCleanup(self.proxy.close)
        self.route = self.proxy.listen("here", self.server.getsockname()[1])

    def connect(self):
        """Both ends of a connection through the proxy."""
        before = self.route.counts()["connections"]
        client = socket.create_connection(("127.0.0.1", self.route.port), 5)
        broker, _ = self.server.accept()
        wait_until(lambda: self.route.counts()["connections"] > before, what="the proxy to know of it")
        for side in (client, broker):
            side.settimeout(5)
            self.addCleanup(side.close)
        return client, broker

    def take(self, side, size):
        got = b""
        while len(got) < size and (more := side.recv(size - len(got))):
            got += more
        return got

    def assertSilent(self, side, seconds=0.2):
        side.settimeout(seconds)
        with self.assertRaises(TimeoutError):
            side.recv(1)
        side.settimeout(5)

    def assertReset(self, side):
        with self.assertRaises(ConnectionResetError):
            side.recv(1)

    def test_passes_both_ways_to_the_end(self):
        client, broker = self.connect()
        client.sendall(b"a" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.take(broker, 1_000_001), b"a" * 1_000_000)
        broker.sendall(b"late")
        broker.close()
        self.assertEqual(self.take(client, 5), b"late")
        self.assertEqual(self.route.counts(), {"connections": 1, "open": 0, "cuts": 0, "up": 1_000_000, "down": 4})

    def test_delay(self):
        client, broker = self.connect()
        self.route.delay("down", 200)
        began = time.monotonic()
        client.sendall(b"up")
        self.assertEqual(self.take(broker, 2), b"up")
        self.assertLess(time.monotonic() - began, 0.15)
        broker.sendall(b"down")
        self.assertEqual(self.take(client, 4), b"down")
        self.assertGreater(time.monotonic() - began, 0.2)

    def test_split(self):
        client, broker = self.connect()
        self.route.split("up", 10)
        data = bytes(range(200)) * 100
        client.sendall(data)
        parts = []
        while sum(map(len, parts)) < len(data):
            parts.append(broker.recv(len(data)))
        self.assertEqual(b"".join(parts), data)
        self.assertGreater(len(parts), 1)

    def test_pieces(self):
        way = proxy.Way()
        self.assertEqual(list(way.pieces(b"0123456789")), [b"0123456789"])
        way.split = 3
        pieces = list(way.pieces(b"0123456789"))
        self.assertEqual(b"".join(pieces), b"0123456789")
        self.assertLessEqual(max(map(len, pieces)), 3)

    def test_end_resets_both_sides(self):
        client, broker = self.connect()
        self.route.end()
        self.assertReset(client)
        self.assertReset(broker)

    def test_end_can_be_an_orderly_close(self):
        client, broker = self.connect()
        self.route.end("close")
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(broker.recv(1), b"")

    def test_cut_to_the_byte_in_each_direction(self):
        for way, sender, receiver in (("up", 0, 1), ("down", 1, 0)):
            for size in (1, 999, 100_000):
                sides = self.connect()
                self.route.cut(way, size)
                try:
                    sides[sender].sendall(b"b" * 200_000)
                except OSError:
                    pass
                got = b""
                with self.assertRaises(ConnectionResetError):
                    while True:
                        got += sides[receiver].recv(65536)
                self.assertEqual(len(got), size, way)
        self.assertEqual(self.route.counts()["cuts"], 6)

    def test_cut_waits_for_the_next_connection(self):
        self.route.cut("up", 3, "close")
        client, broker = self.connect()
        client.sendall(b"abcdef")
        self.assertEqual(self.take(broker, 6), b"abc")
        client, broker = self.connect()
        client.sendall(b"abcdef")
        self.assertEqual(self.take(broker, 6), b"abcdef")

    def test_cut_between_header_and_body(self):
        head = b"AMQP\0\0\x09\x01" + frame(1, b"\x02method") + frame(2, b"\x02\xcetwo")
        stream = head + frame(3, b"body") + frame(2, b"again")
        for pieces in (0, 1):
            client, broker = self.connect()
            self.route.split("up", pieces)
            self.route.cut("up", "header", "close")
            for i in range(0, len(stream), 5 if pieces else len(stream)):
                try:
                    client.sendall(stream[i:i + 5] if pieces else stream)
                except OSError:
                    break
            self.assertEqual(self.take(broker, len(stream)), head)

    def test_hole_keeps_the_bytes_until_it_is_healed(self):
        client, broker = self.connect()
        self.route.hole("up")
        client.sendall(b"kept")
        broker.sendall(b"other way")
        self.assertEqual(self.take(client, 9), b"other way")
        self.assertSilent(broker)
        client.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            client.sendall(b"x" * 20_000_000)
        self.route.heal()
        self.assertEqual(self.take(broker, 5), b"keptx")

    def test_half_open_ends_one_side_only(self):
        client, broker = self.connect()
        self.route.half_open()
        self.assertEqual(broker.recv(1), b"")
        client.sendall(b"x" * 1_000_000)
        self.assertSilent(client)
        self.assertEqual(self.route.counts()["open"], 1)
        client.close()
        wait_until(lambda: self.route.counts()["open"] == 0)

    def test_refuse(self):
        client, broker = self.connect()
        self.route.refuse("on")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.route.port), 5)
        client.sendall(b"the old one stays")
        self.assertEqual(self.take(broker, 17), b"the old one stays")
        self.route.refuse("off")
        self.connect()

    def test_a_dead_broker_is_a_connection_that_ends(self):
        self.server.close()
        with self.assertRaises(ConnectionResetError), \
                socket.create_connection(("127.0.0.1", self.route.port), 5) as client:
            client.recv(1)

    def test_unknown_commands(self):
        for words in (("here", "explode"), ("there", "end"), ("here", "cut", "up"), ("here", "cut", "up", "x")):
            with self.assertRaises(ValueError):
                self.proxy.command(*words)


if __name__ == "__main__":
    unittest.main()
