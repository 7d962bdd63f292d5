#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The broker behind a unix socket. RabbitMQ can't listen on one, so a relay does."""

import os
import socket
import tempfile
import threading
import unittest
import urllib.parse

import support
from support import BrokerTest, Relay, leveret


class UnixRelay(Relay):
    """A relay that listens at a path."""

    def __init__(self, url, path):
        super().__init__(url)
        self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.run, daemon=True).start()
        self.url = self.url.replace(f"127.0.0.1:{self.port}", urllib.parse.quote(path, safe=""))


class Unix(BrokerTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="leveret-unix-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "a broker")
        self.relay = UnixRelay(self.url, self.path)
        self.addCleanup(self.relay.cut)
        self.addCleanup(self.relay.close)

    def test_there_and_back(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, "by path", url=self.relay.url), 0)
        ended = leveret("consume", "-q", queue, "-c", "1", url=self.relay.url)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"by path\n")

    def test_host_option(self):
        """A path is a host like any other, and a port beside it says nothing."""
        ended = leveret("ping", "--host", self.path, "--port", "1", url=None)
        self.assertEnded(ended, 0)

    def test_refused_password(self):
        url = self.relay.url.replace("guest:guest", "guest:wrong")
        ended = leveret("ping", url=url)
        self.assertEnded(ended, 77, "a broker: ")
        self.assertOneLine(ended)
        self.assertNotIn("wrong", ended.err)

    def test_nobody_there(self):
        self.relay.close()
        os.unlink(self.path)
        self.assertEnded(leveret("ping", url=self.relay.url), 69, "a broker: No such file or directory")

    def test_path_that_does_not_fit(self):
        ended = leveret("ping", "--host", "/" + 107 * "x", url=None)
        self.assertEnded(ended, 69, r"cannot connect to /xxx.*: File name too long; a unix socket needs a shorter path\n")

    @unittest.skipUnless(support.has_tls(), "built without TLS")
    def test_tls_needs_a_name(self):
        url = self.relay.url.replace("amqp:", "amqps:")
        self.assertEnded(leveret("ping", url=url), 78, "no host name to verify; set server_name")
        self.assertEnded(leveret("ping", "--sni", "localhost", url=url), 78, "not TLS|no TLS")


if __name__ == "__main__":
    support.main()
