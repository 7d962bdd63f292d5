#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Everything that can be given wrong: one line on stderr that says what, where and what to do, the exit code
of the contract, nothing on stdout, and no password anywhere."""

import socket
import struct
import tempfile
import time
import unittest

import pika

import support
from support import BrokerTest, Listener, leveret, start

SECRET = "s3cr3t-w0rd"
TLS = support.has_tls()


class Usage(BrokerTest):
    """Refused before anything is connected: the URL leads nowhere."""

    def refused(self, *args, code=64, err=None, **kwargs):
        kwargs.setdefault("url", "amqp://127.0.0.1:1")
        ended = leveret(*args, **kwargs)
        self.assertEnded(ended, code, err)
        self.assertOneLine(ended)
        self.assertNotIn(SECRET, ended.err)

    def test_options(self):
        for args, err in (
                (["--bogus"], "unknown option --bogus; see: leveret help publish"),
                (["-Z"], "unknown option -Z"),
                (["-lZ"], "unknown option -Z"),
                (["--window", "0"], '--window: "0" is not a number from 1 to 1000000'),
                (["--window=1x"], '--window: "1x" is not a number'),
                (["--window", "-1"], '--window: "-1" is not a number'),
                (["--window", "99999999999999999999"], "is not a number"),
                (["--timeout", "soon"], '--timeout: "soon" is not a time in seconds'),
                (["--timeout", "0"], "is not a time"),
                (["--window"], "--window needs a value"),
                (["--lines=yes"], "--lines takes no value"),
                (["--priority", "256"], "is not a number from 0 to 255"),
                (["--message-id", "x" * 256], "is not a text of at most 255 bytes"),
                (["--type", "fanout"], "--type goes with --declare and -e"),
                (["-l", "body"], "read stdin and go without a BODY"),
                (["-q", "other"], "-q is the queue itself"),
                (["-f"], "-f goes with names of files"), (["-f", "a", "-b", "b"], "-f goes with names of files"),
                (["--rate", "0"], '--rate: "0" is not a number from 1'), (["--rate", "5/m"], '--rate: "5/m" is not'),
                (["-H", "novalue"], '--header: "novalue" is not KEY:=JSON'), (["-H", "k:={"], '--header: "k:={": '),
                (["--jsonl", "-H", "k=v"], "with --jsonl each record has its own properties"),
                (["--transient", "-p"], "exclude each other")):
            with self.subTest(args=args):
                self.refused("publish", "-r", "key", *args, err=err)

    def test_commands(self):
        self.refused("bogus", err='unknown command "bogus"')
        self.refused("help", "bogus", err='unknown command "bogus"')
        self.refused("publish", err="where to")
        self.refused("consume", err="where from")
        self.refused("consume", "-q", "q", "-e", "e", err="where from")
        self.refused("consume", "-q", "q", "--bind", "e", err="where from")
        self.refused("consume", "-q", "q", "-r", "k", err="-r goes with -e")
        self.refused("consume", "-q", "q", "--priority", "1.5", err='--priority: "1.5" is not a whole number')
        for offset in ("", "-1", "soon", "12x", "@", "@x", "2026-13-01", "1 ", "99999999999999999999"):
            self.refused("consume", "-q", "q", "--offset", offset, err=f'--offset: "@?{offset.strip("@")}" is not')
        self.refused("consume", "-q", "q", "extra", err='"extra": consume takes no arguments')
        self.refused("consume", "-q", "q", "-c", "0", err="is not a number from 1")
        self.assertEnded(leveret(), 64, "leveret publish")

    def test_help_and_version(self):
        for args, text in ((["help"], b"leveret publish"), (["--help"], b"leveret consume"),
                           (["help", "publish"], b"--routing-key KEY"), (["consume", "--help"], b"--until-empty"),
                           (["--version"], b"leveret 0.")):
            ended = leveret(*args)
            self.assertEnded(ended, 0, r"\A\Z")
            self.assertIn(text, ended.out)

    def test_malformed_urls(self):
        for url in (f"amqp://user:{SECRET}@host:port", f"http://user:{SECRET}@host", f"user:{SECRET}@host",
                    f"amqp://user:{SECRET}@host:99999", f"amqp://user:{SECRET}%zz@host",
                    f"amqp://user:{SECRET}@[::1", f"amqp://user:{SECRET}@host/a/b", f"amqp:{SECRET}"):
            with self.subTest(url=url):
                self.refused("publish", "-q", "q", "-u", url, "x", err="--url: .*amqp://USER:PASSWORD@HOST")
                self.refused("consume", "-q", "q", url=url, err="AMQP_URL: .*amqp://USER:PASSWORD@HOST")

    def test_tls_that_cannot_be_set_up(self):
        url = f"amqps://user:{SECRET}@localhost"
        for args, err in ((["--url", url + "?verify=verify_none"], "--insecure"),
                          (["--url", url + "?certfile=/nonexistent"], '"/nonexistent" cannot be read: No such file'),
                          (["--cacert", "/dev/null"], 'CA file "/dev/null" holds no certificate'),
                          (["--key", "/dev/null"], "without its client certificate")):
            err = err if TLS or err == "--insecure" else "built without it .make TLS=no.; use amqp through a tunnel"
            self.refused("publish", "-q", "q", "x", *args, url=url, code=78, err=err)
        self.refused("publish", "-q", "q", "x", "--tls-min", "1.1", url=url, err="--tls-min: .* is not 1.2 or 1.3")
        self.refused("publish", "-q", "q", "x", "--url", f"amqp://user:{SECRET}@h?depth=1", err="needs amqps://")

    def test_password_file_that_is_not_there(self):
        self.refused("publish", "-q", "q", "--password-file", "/nonexistent", "x", code=66,
                     err="cannot read the password from /nonexistent: No such file")

    def test_password_that_is_too_long(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"p" * 65537 + b"\n")
            file.flush()
            self.refused("publish", "-q", "q", "--password-file", file.name, "x", code=66,
                         err=f"cannot read the password from {file.name}: File too large")

    def test_host_with_a_long_name(self):
        host = "h" * 250
        self.refused("publish", "-q", "q", "x", url=f"amqp://{host}", code=69,
                     err="cannot resolve h{128}\\.\\.\\.: .*; check the host name")


class Hosts(BrokerTest):
    def refused(self, code, err, *args, url, **kwargs):
        for command in (["publish", "-q", "q", "x"], ["consume", "-q", "q"]):
            ended = leveret(*command, *args, url=url, **kwargs)
            self.assertEnded(ended, code, err)
            self.assertOneLine(ended)
            self.assertNotIn(SECRET, ended.err)

    def test_nobody_listens(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            self.refused(69, f"connect: .* 127.0.0.1:{port}: Connection refused; is the broker running there",
                         url=f"amqp://u:{SECRET}@127.0.0.1:{port}")

    def test_a_host_that_does_not_answer(self):
        """The backlog is full: the kernel drops further attempts."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                self.addCleanup(each.close)
                each.setblocking(False)
                each.connect_ex(address)
            time.sleep(0.2)
            began = time.monotonic()
            self.refused(69, "connect: .*: no answer within 500 ms; check the address", "--connect-timeout", "0.5",
                         url=f"amqp://u:{SECRET}@127.0.0.1:{address[1]}")
            self.assertLess(time.monotonic() - began, 4)

    @unittest.skipUnless(support.LONG, "takes 20 s; set LEVERET_LONG=1")
    def test_a_peer_that_says_nothing(self):
        listener = Listener()
        self.addCleanup(listener.close)
        self.refused(69, "connect: .*; check the broker|connect: .*; is this", url=listener.url)

    def test_a_name_that_does_not_exist(self):
        self.refused(69, "no-such-host.invalid", url=f"amqp://u:{SECRET}@no-such-host.invalid")

    def test_a_peer_that_speaks_http(self):
        class Http(Listener):
            def serve(self, peer):
                peer.recv(100)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                peer.close()

        listener = Http()
        self.addCleanup(listener.close)
        self.refused(76, f"connect: 127.0.0.1:{listener.port}: .*HTTP/1.1 400.*; check the port",
                     url=listener.url)

    def test_a_peer_of_another_protocol_version(self):
        class Other(Listener):
            def serve(self, peer):
                peer.recv(8)
                peer.sendall(b"AMQP\3\1\0\0")
                peer.close()

        listener = Other()
        self.addCleanup(listener.close)
        self.refused(76, "connect: .*offers: AMQP.*; check the port", url=listener.url)

    def test_a_peer_that_hangs_up(self):
        class Mute(Listener):
            def serve(self, peer):
                peer.close()

        listener = Mute()
        self.addCleanup(listener.close)
        self.refused(69, "connect: .*; check the broker|connect: .*; is this", url=listener.url)

    def test_the_next_host_is_tried(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            queue = self.queue()
            dead = f"amqp://127.0.0.1:{bound.getsockname()[1]}"
            ended = leveret("publish", "-q", queue, "-u", dead, "-u", self.url, "x", url=None)
        self.assertEnded(ended, 0, "Connection refused")
        self.assertEqual(self.depth(queue), 1)


class Credentials(BrokerTest):
    def setUp(self):
        super().setUp()
        self.at = pika.URLParameters(self.url)

    def refused(self, *args, url=None, code=77, err="connect: .*; check user, password", stdin=b""):
        for command in (["publish", "-q", "q"], ["consume", "-q", "q"]):
            ended = leveret(*command, *args, url=url, stdin=stdin)
            self.assertEnded(ended, code, err)
            self.assertOneLine(ended)
            self.assertNotIn(SECRET, ended.err)

    def test_refused_login(self):
        self.refused(url=f"amqp://guest:{SECRET}@{self.at.host}:{self.at.port}", err="403 ACCESS_REFUSED")

    def test_refused_login_with_a_password_from_elsewhere(self):
        at = ["--host", self.at.host, "--port", str(self.at.port)]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(SECRET + "\nnot this\n")
            file.flush()
            self.refused(*at, "--user", "guest", "--password-file", file.name)
        self.refused(*at, "--password-file", "-", stdin=SECRET.encode() + b"\nbody")

    def test_ipv6_zone(self):
        self.refused("--connect-timeout", "1", url="amqp://[fe80::1%25lo]:1", code=69, err=r"to \[fe80::1%lo\]:1: ")

    def test_a_mechanism_that_the_broker_does_not_offer(self):
        at = f"amqp://{self.at.host}:{self.at.port}"
        err = r"none of the mechanisms asked for \(EXTERNAL, ANONYMOUS\); it offers: (AMQPLAIN PLAIN|PLAIN AMQPLAIN)"
        self.refused("--sasl", "external", "--sasl", "ANONYMOUS", url=at, code=78, err=err)
        self.refused(url=f"{at}?auth_mechanism=external&auth_mechanism=anonymous", code=78, err=err)
        external = r"asked for \(EXTERNAL\)"
        self.refused("--sasl", "plain", "-u", f"{at}?auth_mechanism=external", code=78, err=external)
        self.refused("--sasl", "external", url=f"{at}?auth_mechanism=plain", code=78, err=external)
        self.refused("--sasl=scram", url=at, code=64,
                     err='--sasl: "scram" is not plain, amqplain, external or anonymous')
        self.refused(url=f"{at}?auth_mechanism=scram", code=64, err="leave that part out")

    def test_a_login_that_is_longer_than_the_broker_takes(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("x" * 5000)
            file.flush()
            self.refused("--password-file", file.name, url=f"amqp://{self.at.host}:{self.at.port}", code=1,
                         err="the login is too long, a frame of 5[0-9]{3} bytes where the broker takes at most 4096")

    def test_amqplain(self):
        queue = self.queue()
        user, password = self.at.credentials.username, self.at.credentials.password
        at = f"amqp://{user}:{password}@{self.at.host}:{self.at.port}"
        self.assertEnded(leveret("publish", "-q", queue, "--sasl", "amqplain", "one", url=at), 0)
        self.assertEnded(leveret("publish", "-q", queue, "two", url=f"{at}?auth_mechanism=amqplain"), 0)
        self.assertEqual(self.depth(queue), 2)

    def test_text_of_a_broker(self):
        """It ends on a terminal: what could steer that is escaped, and what looks like a format is none."""
        def frame(method, *parts):
            body = struct.pack(">HH", 10, method) + b"".join(parts)
            return struct.pack(">BHI", 1, 0, len(body)) + body + b"\xce"

        class Hostile(Listener):
            def serve(self, peer):
                text = b"\x1b]0;x\x07 %s%n%99999d \xff\x9b\r\n\x7f"
                peer.recv(8)
                peer.sendall(frame(10, b"\0\x09", struct.pack(">I", 0), b"\0\0\0\5PLAIN\0\0\0\5en_US"))
                peer.recv(65536)
                peer.sendall(frame(50, b"\1\x93", bytes([len(text)]), text, bytes(4)))
                self.silent.append(peer)

        hostile = Hostile()
        self.addCleanup(hostile.close)
        for more in ([], ["-v"], ["--log-format", "json"]):
            ended = leveret("publish", "-q", "q", *more, "x", url=hostile.url)
            self.assertEnded(ended, 77, r"403 \\+x1b\]0;x\\+x07 %s%n%99999d \\+xff\\+x9b\\+x0d\\+n\\+x7f")
            self.assertRegex(ended.err, r"\A[ -~]+\n\Z")

    def test_unknown_vhost(self):
        self.refused("--vhost", "nowhere", url=f"amqp://{self.at.host}:{self.at.port}",
                     err="530 NOT_ALLOWED - vhost nowhere not found; check user, password and virtual host")

    def test_password_file_and_body_from_one_stdin(self):
        queue = self.queue()
        user, password = self.at.credentials.username, self.at.credentials.password
        ended = leveret("publish", "-q", queue, "--user", user, "--password-file", "-", "--host", self.at.host,
                        "--port", str(self.at.port), url=None, stdin=password.encode() + b"\nbody\n")
        self.assertEnded(ended, 0)
        self.assertEqual(self.drain(queue, 1)[0][2], b"body\n")

    def test_a_password_in_an_argument_does_not_stay_there(self):
        listener = Listener()
        self.addCleanup(listener.close)
        for args in (["-u", f"amqp://user:{SECRET}@127.0.0.1:{listener.port}"],
                     [f"--url=amqp://user:{SECRET}@127.0.0.1:{listener.port}"],
                     [f"-uamqp://user:{SECRET}@127.0.0.1:{listener.port}"]):
            publisher = start("publish", "-q", "q", *args, "x", url=None)
            time.sleep(0.3)
            with open(f"/proc/{publisher.pid}/cmdline", "rb") as file:
                line = file.read()
            publisher.kill()
            support.end(publisher)
            self.assertIn(b"publish", line)
            self.assertNotIn(SECRET.encode(), line)
            self.assertIn(b"user:***", line)


class TooLarge(BrokerTest):
    def test_a_body_above_the_limit_of_the_broker(self):
        ended = leveret("publish", "-q", self.queue(), stdin=b"x" * (134217728 + 1))
        self.assertEnded(ended, 1, "406 PRECONDITION_FAILED - message size .*; of 1 message, 1 in doubt; ")
        self.assertOneLine(ended)


if __name__ == "__main__":
    support.main()
