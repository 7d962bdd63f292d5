#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""TLS: whom the command trusts, what it says when it does not, and a RabbitMQ with EXTERNAL.

Each refusal must name the check that failed in one line, end with the documented code, and no byte of AMQP may
reach the other side: `openssl s_server` and Python's ssl show what did. Each is met twice: on the first connect, and
on a reconnect, after a gate has let the command through to a broker it trusts and then cut the connection.
"""

import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import support
from certificates import CLIENT, FUTURE, PAST, SERVER, Authority, openssl, read, self_sign, write
from support import BrokerTest, Listener, Relay, end, leveret, start
from test_secrets import sightings

CANARY = "canary-geheim"
BROKER = support.RABBITMQ and support.pika and support.pika.URLParameters(support.RABBITMQ).port
HERE = os.path.dirname(os.path.abspath(__file__))


class Certificates:
    """All that the tests present to each other."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="leveret-tls-")
        self.root = Authority(self.folder, "root")
        self.other = Authority(self.folder, "other")
        self.sub = Authority(self.folder, "sub", self.root)
        names = "DNS:localhost,IP:127.0.0.1"
        self.server = self.root.issue("server", names)
        every = f"{names},DNS:one.broker.test,DNS:a.b.broker.test"
        self.every = self.root.issue("every", every)
        self.every_other = self.other.issue("every_other", every)
        self.client = self.root.issue("client", "DNS:client", CLIENT)
        self.stranger = self.other.issue("stranger", "DNS:client", CLIENT)
        self.expired = self.root.issue("expired", names, dates=PAST)
        self.future = self.root.issue("future", names, dates=FUTURE)
        self.elsewhere = self.root.issue("elsewhere", "DNS:a.example,DNS:b.example,IP:10.1.2.3")
        self.subject = self.root.issue("localhost", None)
        self.partial = self.root.issue("partial", "DNS:on*.broker.test")
        self.top = self.root.issue("top", "DNS:*")
        self.wildcard = self.root.issue("wildcard", "DNS:*.broker.test")
        self.usage = self.root.issue("usage", names, CLIENT)
        self.leaf = self.sub.issue("leaf", names)
        self.chain = write(self.path("chain.pem"), read(self.leaf.cert, self.sub.cert))
        self.self_signed = self.root.issue("self", names)
        self_sign(self.self_signed, self.root.config, ["subjectAltName=" + names])
        self.empty = write(self.path("empty.pem"), "")
        self.locked = self.path("locked.key")
        openssl("ec", "-in", self.client.key, "-aes128", "-passout", "pass:sesam", "-out", self.locked)
        self.sesam = write(self.path("sesam"), "sesam\n")
        for secret in (self.sesam, self.empty):
            os.chmod(secret, 0o600)
        self.together = write(self.path("together.pem"), read(self.client.cert, self.client.key))

    def path(self, name):
        return os.path.join(self.folder, name)


MADE = None


def setUpModule():
    global MADE
    MADE = Certificates()
    for command in (["add_user", "user", CANARY], ["set_permissions", "user", ".*", ".*", ".*"]):
        subprocess.run([os.path.join(HERE, "rabbitmq"), "ctl", os.environ["LEVERET_RABBITMQ_DIR"], *command],
                       check=True, stdout=subprocess.DEVNULL)


def tearDownModule():
    shutil.rmtree(MADE.folder)


class Server:
    """`openssl s_server` with a certificate; `seen` is everything that it printed, what it received included."""

    def __init__(self, made=None, *args, cert=None):
        identity = ["-cert", cert or made.cert, "-key", made.key] if made else ["-nocert"]
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", *identity, *args], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.seen = support.await_line(self.process.stdout, "ACCEPT").encode()
        self.port = int(re.search(rb"ACCEPT .*:(\d+)", self.seen)[1])

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.seen += self.process.communicate()[0]
        return self.seen


def server_context(made, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert, made.key)
    for name, value in options.items():
        setattr(context, name, value)
    return context


class Peer(Listener):
    """A peer in Python; `act` does with the accepted socket what the case needs."""

    def __init__(self, act):
        self.act = act
        self.seen = b""
        super().__init__()

    def serve(self, peer):
        self.silent.append(peer)
        try:
            self.act(self, peer)
        except (OSError, ssl.SSLError, ValueError):  # the last one: select of a socket that was closed here
            pass

    def heard(self):
        """All that came and was not decrypted: what nobody took is still there after the other side has gone."""
        for peer in self.silent:
            if not isinstance(peer, ssl.SSLSocket):
                try:
                    peer.settimeout(5)
                    while data := peer.recv(65536):
                        self.seen += data
                except OSError:
                    pass
        return self.seen

    def secure(self, peer, context=None):
        secure = (context or server_context(MADE.server)).wrap_socket(peer, server_side=True)
        self.silent.append(secure)
        return secure


class Burst(Peer):
    """TLS to the client, plain to the broker; what the broker says is kept until it pauses."""

    def __init__(self, broker, made=None, pause=0.1, **options):
        self.broker = broker
        self.pause = pause
        self.context = server_context(made or MADE.server, **options)
        self.reused = []
        super().__init__(Burst.relay)

    def relay(self, peer):
        secure = self.secure(peer, self.context)
        self.reused.append(secure.session_reused)
        broker = socket.create_connection(("127.0.0.1", self.broker))
        said = b""
        while True:
            ready = select.select([secure, broker], [], [], self.pause)[0]
            if secure in ready:
                data = secure.recv(65536)
                if not data:
                    broker.close()
                    return
                broker.sendall(data)
            if broker in ready:
                said += broker.recv(65536)
            if said and (not ready or self.pause is None):
                secure.sendall(said)
                said = b""


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class TlsTest(BrokerTest):
    def attempt(self, port, *args, host="localhost", ca=True, scheme="amqps", query="", again=None):
        """The first connect, and as `again` of what it returns the reconnect, for which the broker that is there
        first shows the certificate `again`; False: there can be none."""
        args = (["--cacert", MADE.root.cert] if ca else []) + list(args)
        url = f"{scheme}://user:{CANARY}@{host}:%d/%%2f{query}"
        ended = leveret("publish", "-q", "q", "-u", url % port, *args, "body", url=None, timeout=20)
        ended.again = None if again is False else self.attempt_again(url, port, again or MADE.every, args)
        return ended

    def attempt_again(self, url, port, made, args):
        good = Burst(BROKER, made, None)
        gate, process = self.through_a_gate(good.port if url.startswith("amqps") else BROKER, url, *args)
        self.addCleanup(good.close)
        gate.target = ("127.0.0.1", port)
        gate.cut()
        return end(process, timeout=20)

    def through_a_gate(self, port, url, *args):
        """A consumer whose connection can be cut."""
        gate = Relay(f"amqp://127.0.0.1:{port}")
        env = dict(support.environment(None), SSL_CERT_FILE=MADE.other.cert)
        process = start("consume", "-v", "-q", self.name(), "--declare", "--exclusive", "--retry", "1",
                        "-u", url % gate.port, *args, env=env)
        self.addCleanup(gate.close)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        support.await_line(process.stderr, "consuming from")
        return gate, process

    def assertRefused(self, ended, code, err):
        self.assertEnded(ended, code, err)
        self.assertOneLine(ended)
        self.assertNotIn(CANARY, ended.err)
        if ended.again:
            self.assertEnded(ended.again, code, err)
            self.assertNotIn(CANARY, ended.again.err)

    def refused(self, server, err, *args, code=78, **kwargs):
        """No byte of AMQP, let alone a password, reaches the server."""
        try:
            ended = self.attempt(server.port, *args, **kwargs)
        finally:
            seen = server.end()
        self.assertRefused(ended, code, err)
        for text in (b"AMQP", CANARY.encode(), b"PLAIN"):
            self.assertNotIn(text, seen)

    def accepted(self, server, *args, **kwargs):
        """The greeting comes through. s_server says nothing to it, so the command is ended."""
        trust = [] if "ca" in kwargs else ["--cacert", MADE.root.cert]
        url = f"amqps://user:{CANARY}@{kwargs.get('host', 'localhost')}:{server.port}{kwargs.get('query', '')}"
        env = dict(support.environment(None), **kwargs.get("env", {}))
        process = start("publish", "-q", "q", "-u", url, *trust, *args, "body", env=env)
        try:
            server.seen += support.await_line(server.process.stdout, "CIPHER is").encode()
            while b"AMQP\0\0\t\1" not in server.seen:
                byte = os.read(server.process.stdout.fileno(), 1)
                self.assertTrue(byte, server.seen)
                server.seen += byte
        finally:
            process.kill()
            ended = end(process)
            server.end()
        self.assertEqual(ended.err, "")


class Trust(TlsTest):
    """The certificate that the peer shows."""

    def test_good_ones(self):
        self.accepted(Server(MADE.server))
        self.accepted(Server(MADE.server), host="127.0.0.1")
        self.accepted(Server(MADE.server, "-tls1_2"))
        self.accepted(Server(MADE.server), "--tls-min", "1.3")
        self.accepted(Server(MADE.leaf, "-cert_chain", MADE.sub.cert))
        self.accepted(Server(MADE.elsewhere), "--sni", "a.example")
        self.accepted(Server(MADE.wildcard), "--sni", "one.broker.test")

    def test_trusted_for_itself(self):
        self.accepted(Server(MADE.self_signed), "--cacert", MADE.self_signed.cert, ca=False)

    def test_folder_of_authorities(self):
        folder = MADE.path("folder")
        os.mkdir(folder)
        shutil.copy(MADE.root.cert, folder)
        openssl("rehash", folder)
        self.accepted(Server(MADE.server), "--cacert", folder, ca=False)

    def test_unknown_authority(self):
        err = r'comes from a CA that is not trusted here.*"CN = root".*cacert'
        self.refused(Server(MADE.server), err, ca=False, again=MADE.every_other)
        self.refused(Server(MADE.server), err, "--cacert", MADE.other.cert, ca=False, again=MADE.every_other)

    def test_self_signed(self):
        self.refused(Server(MADE.self_signed), "self-signed and not trusted")

    def test_expired(self):
        self.refused(Server(MADE.expired), "has expired on Feb  1 00:00:00 2020 GMT")

    def test_not_yet_valid(self):
        self.refused(Server(MADE.future), "is not valid yet, only from Jan  1 00:00:00 2090 GMT")

    def test_another_host(self):
        self.refused(Server(MADE.elsewhere), "is for another host: a.example, b.example, 10.1.2.3, not localhost")

    def test_another_address(self):
        self.refused(Server(MADE.elsewhere), "is for another address: .*10.1.2.3, not 127.0.0.1", host="127.0.0.1")

    def test_name_in_the_subject_only(self):
        self.refused(Server(MADE.subject), 'names none .*"CN = localhost", not localhost')

    def test_wildcards(self):
        self.refused(Server(MADE.partial), r"is for another host: on\*.broker.test", "--sni", "one.broker.test")
        self.refused(Server(MADE.top), r"is for another host: \*, not localhost")
        self.refused(Server(MADE.wildcard), r"\*.broker.test, not a.b.broker.test", "--sni", "a.b.broker.test")

    def test_address_is_no_name(self):
        made = MADE.root.issue("address-as-name", "DNS:127.0.0.1")
        self.refused(Server(made), "is for another address: 127.0.0.1", host="127.0.0.1")

    def test_wrong_usage(self):
        self.refused(Server(MADE.usage), "may not be used by a server")

    def test_missing_intermediate(self):
        self.refused(Server(MADE.leaf), 'did not send the intermediate certificate: "CN = sub"')

    def test_depth(self):
        server = Server(MADE.leaf, "-cert_chain", MADE.sub.cert)
        self.refused(server, "longer than depth allows", query="?depth=0")

    def test_nobody_is_asked(self):
        self.refused(Server(MADE.server), "verify=verify_none.*--insecure", query="?verify=verify_none", again=False)
        self.accepted(Server(MADE.self_signed), "--insecure")
        self.accepted(Server(MADE.elsewhere), "--insecure", ca=False)
        self.accepted(Server(MADE.self_signed), "--insecure", query="?verify=verify_none")

    def test_parameters_of_the_url(self):
        self.accepted(Server(MADE.server), ca=False, query=f"?cacertfile={MADE.root.cert}&verify=verify_peer")
        self.accepted(Server(MADE.elsewhere), query="?server_name_indication=b.example")
        self.accepted(Server(MADE.leaf, "-cert_chain", MADE.sub.cert), query="?depth=1")
        self.refused(Server(MADE.elsewhere), "for another host: .*, not one.broker.test",
                     query="?server_name_indication=one.broker.test")

    def test_parameter_of_a_server(self):
        """fail_if_no_peer_cert is checked and means nothing, either way."""
        self.accepted(Server(MADE.server), query="?fail_if_no_peer_cert=true")
        self.refused(Server(MADE.self_signed), "self-signed and not trusted", query="?fail_if_no_peer_cert=false")

    def test_name_that_is_sent(self):
        names = []
        context = server_context(MADE.server)
        context.sni_callback = lambda _, name, __: names.append(name)
        peer = Peer(lambda self, connection: self.secure(connection, context).close())
        self.addCleanup(peer.close)
        for host, query, name in (("localhost", "", "localhost"), ("127.0.0.1", "", None), ("[::ffff:127.0.0.1]", "", None),
                                  ("127.0.0.1", "?server_name_indication=b.example", "b.example")):
            leveret("ping", "-u", f"amqps://{host}:{peer.port}{query}", "--insecure", url=None)
            self.assertEqual((host, names), (host, [name]))
            names.clear()


class Peers(TlsTest):
    """What else the other side may do."""

    def test_old_version(self):
        old = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        self.refused(Server(MADE.server, *old), "too old; it must offer TLS 1.2 or later")

    def test_version_below_the_wanted(self):
        self.refused(Server(MADE.server, "-tls1_2"), "too old", "--tls-min", "1.3")

    def test_anonymous(self):
        self.refused(Server(None, "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"), "no cipher in common")
        self.refused(Server(None, "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"), "no cipher in common", "--insecure")

    def test_plaintext_where_tls_is_expected(self):
        def greet(peer, connection):
            peer.seen += connection.recv(1)
            connection.sendall(b"AMQP\0\0\t\1")

        self.met(greet, 78, "does not speak TLS there; .* 5671")
        self.assertRefused(self.attempt(BROKER), 78, "does not speak TLS there; .* 5671")

    def test_tls_where_plaintext_is_expected(self):
        server = Server(MADE.server)
        ended = self.attempt(server.port, scheme="amqp", ca=False)
        seen = server.end()
        self.assertRefused(ended, 69, "the peer closed the connection")
        self.assertNotIn(CANARY.encode(), seen)

    def met(self, act, code, err, *args):
        """Meets a peer that does `act`, twice, and ends like this; nothing came to it in the clear."""
        peer = Peer(act)
        self.addCleanup(peer.close)
        ended = self.attempt(peer.port, *args)
        self.assertRefused(ended, code, err)
        self.assertNotIn(b"AMQP", peer.heard())
        self.assertNotIn(CANARY.encode(), peer.seen)
        return ended

    def test_reset_in_the_handshake(self):
        def act(_, connection):
            connection.recv(1)
            reset(connection)

        self.met(act, 69, "no TLS with localhost:.*: (Connection reset|.* without a word in the handshake)")

    def test_end_in_the_handshake(self):
        def act(_, connection):
            connection.recv(65536)
            connection.close()

        self.met(act, 69, "closed the connection without a word in the handshake")

    def test_stalls(self):
        """At nothing, inside the first record, before the Finished of TLS 1.2 and inside the flight of TLS 1.3; and a
        byte now and then, and words without meaning all the time."""
        def silent(*_):
            pass

        def half(_, connection):
            connection.recv(65536)
            connection.sendall(b"\x16\x03\x03\0\x7a\2")

        def drip(_, connection):
            connection.recv(65536)
            for byte in b"\x16\x03\x03\x40\0\2\0\x3f\xfc" + bytes(90):
                connection.sendall(bytes([byte]))
                time.sleep(0.2)

        def flight(connection, version):
            inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = server_context(MADE.server, maximum_version=version)
            session = context.wrap_bio(inside, outside, server_side=True)
            inside.write(connection.recv(65536))
            with self.assertRaises(ssl.SSLWantReadError):
                session.do_handshake()
            return outside.read()

        def without_finished(_, connection):
            connection.sendall(flight(connection, ssl.TLSVersion.TLSv1_2))

        def without_the_end(_, connection):
            connection.sendall(flight(connection, ssl.TLSVersion.TLSv1_3)[:-60])

        def chatter(_, connection):
            while True:
                connection.sendall(b"\x16\x03\x03\0\4\0\0\0\0" * 1000)

        for act in (silent, half, drip, without_finished, without_the_end, chatter):
            with self.subTest(act.__name__):
                before = time.monotonic()
                self.met(act, 69, "no TLS with localhost:.* no answer within 700 ms", "--connect-timeout", "0.7")
                self.assertLess(time.monotonic() - before, 4)

    def test_truncation(self):
        """The end of TCP is no end of TLS, also where it comes between two records."""
        def cut(peer, connection):
            secure = peer.secure(connection)
            secure.recv(8)
            socket.socket.shutdown(secure, socket.SHUT_WR)

        def goodbye(peer, connection):
            secure = peer.secure(connection)
            secure.recv(8)
            secure.unwrap()

        self.met(cut, 69, "without a word of goodbye")
        ended = self.met(goodbye, 69, "the peer closed the connection")
        self.assertNotIn("goodbye", ended.err + ended.again.err.splitlines()[-1])

    def test_renegotiation(self):
        """The server asks, which is answered with a no."""
        server = Server(MADE.server, "-tls1_2")
        process = start("publish", "-q", "q", "-u", f"amqps://localhost:{server.port}", "--cacert", MADE.root.cert,
                        "--connect-timeout", "2", "body", url=None)
        server.seen += support.await_line(server.process.stdout, "CIPHER is").encode()
        server.process.stdin.write(b"R\n")
        server.process.stdin.flush()
        time.sleep(0.5)
        process.kill()
        end(process)
        self.assertIn(b"no renegotiation", server.end())

    def test_garbage_after_the_handshake(self):
        def act(peer, connection):
            secure = peer.secure(connection)
            secure.recv(8)
            socket.socket.send(secure, b"\x17\x03\x03\0\x20" + bytes(32))

        self.met(act, 78, "changed on the way|bad record")


class Reconnect(TlsTest):
    def connect(self, **options):
        ca = MADE.path("now.pem")
        shutil.copy(MADE.root.cert, ca)
        good = Burst(BROKER, MADE.every, None, **options)
        self.addCleanup(good.close)
        return good, *self.through_a_gate(good.port, f"amqps://user:{CANARY}@localhost:%d/%%2f", "--cacert", ca)

    def test_session_is_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            good, gate, process = self.connect(maximum_version=version)
            for _ in range(2):
                gate.cut()
                support.await_line(process.stderr, "connected again")
            self.assertEqual(good.reused, [False, True, True])

    def test_resumed_session_is_verified(self):
        """Nobody shows a certificate any more, but its CA is no longer trusted."""
        good, gate, process = self.connect()
        shutil.copy(MADE.other.cert, MADE.path("now.pem"))
        gate.cut()
        self.assertEnded(end(process), 78, "comes from a CA that is not trusted here")
        self.assertEqual(good.reused, [False, True])

    def test_address(self):
        good = Burst(BROKER, MADE.server, None)
        self.addCleanup(good.close)
        gate, process = self.through_a_gate(good.port, f"amqps://user:{CANARY}@127.0.0.1:%d", "--cacert", MADE.root.cert)
        gate.cut()
        support.await_line(process.stderr, "connected again")

    def now(self):
        """Files that can be changed: CAs, client certificate and key."""
        files = []
        for name, source in (("ca", MADE.root.cert), ("cert", MADE.client.cert), ("key", MADE.client.key)):
            files.append(MADE.path(f"{self.name()}-{name}"))
            shutil.copy(source, files[-1])
        return files

    def test_files_are_read_anew(self):
        """What is wrong with them by then is said as on the first connect, before anything is connected."""
        ca, cert, key = range(3)
        for which, source, err in (
                (ca, None, "the CA file .* cannot be read: No such file"),
                (ca, MADE.empty, "the CA file .* holds no certificate in PEM"),
                (cert, MADE.empty, "the client certificate .* holds no certificate"),
                (key, None, "the key .* cannot be read: No such file"),
                (key, MADE.empty, "the key .* holds no private key in PEM"),
                (key, MADE.locked, "the key .* is encrypted; give its password"),
                (key, MADE.stranger.key, "the key .* does not belong to the client certificate")):
            with self.subTest(err):
                now = self.now()
                good = Burst(BROKER, MADE.every, None)
                gate, process = self.through_a_gate(good.port, f"amqps://user:{CANARY}@localhost:%d", "--cacert", now[ca],
                                                    "--cert", now[cert], "--key", now[key])
                os.unlink(now[which])
                if source:
                    shutil.copy(source, now[which])
                gate.cut()
                ended = end(process)
                self.assertEnded(ended, 78, err)
                self.assertNotIn(CANARY, ended.err)
                self.assertEqual(good.reused, [False])
                good.close()


class Files(TlsTest):
    """What is wrong with the files is said before anything is connected."""

    def file(self, err, *args, **kwargs):
        self.assertRefused(self.attempt(1, *args, again=False, **kwargs), 78, err)

    def test_authorities(self):
        self.file(f'CA file "{MADE.empty}" holds no certificate in PEM', "--cacert", MADE.empty, ca=False)
        self.file('CA file "/nonexistent" cannot be read: No such file', "--cacert", "/nonexistent", ca=False)
        broken = write(MADE.path("broken.pem"), read(MADE.root.cert)[:-60])
        self.file("holds no certificate", "--cacert", broken, ca=False)
        half = write(MADE.path("half.pem"), read(MADE.other.cert) + read(MADE.root.cert)[:-60])
        self.file("holds a certificate that cannot be read", "--cacert", half, ca=False)

    def test_certificate_and_key(self):
        cert = ("--cert", MADE.client.cert)
        self.file("key .* does not belong to the client certificate", *cert, "--key", MADE.stranger.key)
        self.file('key "/nonexistent" cannot be read: No such file', *cert, "--key", "/nonexistent")
        self.file(f'key "{MADE.folder}" cannot be read: Is a directory', *cert, "--key", MADE.folder)
        self.file("client certificate .*empty.pem.* holds no certificate", "--cert", MADE.empty)
        self.file("holds no private key in PEM", *cert)
        self.file("holds no private key in PEM", *cert, "--key", MADE.empty)
        self.file("without its client certificate", "--key", MADE.client.key)

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_permissions(self):
        locked = write(MADE.path("unreadable.key"), "")
        os.chmod(locked, 0)
        self.file("cannot be read: Permission denied", "--cert", MADE.client.cert, "--key", locked)

    def test_encrypted_key(self):
        identity = ("--cert", MADE.client.cert, "--key", MADE.locked)
        self.file("is encrypted; give its password", *identity)
        self.file("does not open with the password", *identity, "--key-password-file", MADE.empty)
        self.file("does not open with the password", query=f"?certfile={MADE.client.cert}&keyfile={MADE.locked}"
                  f"&password={CANARY}")

    def test_key_log(self):
        log = MADE.path("keys")
        for args, env in ((["--keylog", log], {}), ([], {"SSLKEYLOGFILE": log}),
                          (["--keylog", log], {"SSLKEYLOGFILE": "/nonexistent"})):
            self.accepted(Server(MADE.server), *args, env=env)
            self.assertRegex(read(log), r"(?m)^CLIENT_HANDSHAKE_TRAFFIC_SECRET [0-9a-f]+ [0-9a-f]+$")
            self.assertEqual(os.stat(log).st_mode & 0o777, 0o600)
            os.unlink(log)
        self.accepted(Server(MADE.server), env={"SSLKEYLOGFILE": ""})
        self.file('key log "/nonexistent/keys" cannot be written: No such file', "--keylog", "/nonexistent/keys")
        self.assertEnded(leveret("ping", "-u", "amqp://127.0.0.1:1", env={"SSLKEYLOGFILE": "/nonexistent/keys"}), 69)

    def test_options_without_tls(self):
        """They would be silently of no use, and what was to be protected would travel as it is."""
        for option in (["--cacert", MADE.root.cert], ["--cert", MADE.client.cert], ["--key", MADE.client.key], ["--insecure"],
                       ["--key-password-file", MADE.sesam], ["--sni", "x"], ["--tls-min=1.3"], ["--keylog", "keys"]):
            for where in (["-u", "amqp://localhost:1"], ["-u", "amqps://localhost:1", "-u", "amqp://localhost:1"],
                          ["--host", "localhost", "--port", "1"]):
                ended = leveret("publish", "-q", "q", *where, *option, "x", url=None)
                self.assertEnded(ended, 64, f"{option[0].split('=')[0]} is about TLS, .* write it as amqps://HOST")
                self.assertOneLine(ended)

    def test_copy_with_tls_on_one_side(self):
        """The options are for the side that has it."""
        trust, plain, secure = ["--cacert", MADE.root.cert], "amqp://localhost:1", "amqps://localhost:1"
        for source, to, code in ((plain, secure, 69), (secure, plain, 69), (plain, plain, 64)):
            for how in (["-u", source], []):
                env = {} if how else {"AMQP_URL": source}
                self.assertEnded(leveret("copy", *how, "--to", to, "-q", "q", "--to-queue", "q", *trust,
                                         env=dict(support.environment(None), **env)), code)


@unittest.skipUnless(support.LONG, "builds the command anew")
class Without(unittest.TestCase):
    def test_says_so(self):
        build = MADE.path("build")
        made = subprocess.run(["make", "-j2", "TLS=no", f"BUILD={build}", f"{build}/leveret"], check=False,
                              cwd=os.path.dirname(os.path.dirname(HERE)), capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        program = os.path.join(build, "leveret")
        self.assertNotIn(b"libssl", subprocess.run(["ldd", program], check=True, capture_output=True).stdout)
        ended = end(start("publish", "-q", "q", "x", url="amqps://localhost:1", program=program))
        self.assertEqual(ended.code, 78)
        self.assertRegex(ended.err, "built without it")


class Broker(TlsTest):
    """A RabbitMQ with TLS that knows client certificates."""

    @classmethod
    def setUpClass(cls):
        cls.folder = MADE.path("rabbitmq")
        os.mkdir(cls.folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            cls.port = free.getsockname()[1]
        write(os.path.join(cls.folder, "extra.plugins"), "rabbitmq_auth_mechanism_ssl")
        write(os.path.join(cls.folder, "extra.conf"), "\n".join((
            f"listeners.ssl.1 = 127.0.0.1:{cls.port}",
            f"ssl_options.cacertfile = {MADE.root.cert}",
            f"ssl_options.certfile = {MADE.server.cert}",
            f"ssl_options.keyfile = {MADE.server.key}",
            "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = false",
            "ssl_cert_login_from = common_name",
            "auth_mechanisms.1 = PLAIN",
            "auth_mechanisms.2 = EXTERNAL\n")))
        cls.node = os.path.join(HERE, "rabbitmq")
        subprocess.run([cls.node, "start", cls.folder], check=True)
        cls.ctl("add_user", "client", "x")
        cls.ctl("set_permissions", "client", ".*", ".*", ".*")

    @classmethod
    def tearDownClass(cls):
        subprocess.run([cls.node, "kill", cls.folder], check=True)

    @classmethod
    def ctl(cls, *args):
        subprocess.run([cls.node, "ctl", cls.folder, *args], check=True, stdout=subprocess.DEVNULL)

    def run_it(self, *args, login="guest:guest@", query="", port=None, **kwargs):
        url = f"amqps://{login}localhost:{port or self.port}?cacertfile={MADE.root.cert}{query}"
        return leveret(*args, url=url, **kwargs)

    def test_there_and_back(self):
        for size in (0, 1, 16383, 16384, 16385, 100_000, 5_000_000):
            body = os.urandom(size)
            sent = self.run_it("publish", "-q", "bytes", "--declare", stdin=body)
            self.assertEnded(sent, 0, r"\A\Z")
            got = self.run_it("consume", "-q", "bytes", "-c", "1", "--raw")
            self.assertEnded(got, 0, r"\A\Z")
            self.assertEqual(got.out == body, True, f"{size} bytes")

    def test_many_small_ones(self):
        lines = b"".join(b"%d\n" % i for i in range(5000))
        self.assertEnded(self.run_it("publish", "-q", "lines", "--declare", "-l", stdin=lines), 0, r"\A\Z")
        got = self.run_it("consume", "-q", "lines", "-c", "5000")
        self.assertEnded(got, 0, r"\A\Z")
        self.assertEqual(got.out == lines, True)

    def test_bursts(self):
        """What TLS has read and nobody has asked for yet is not slept on: bursts larger than any buffer, then silence."""
        burst = Burst(self.broker_port())
        self.addCleanup(burst.close)
        bodies = b"".join(b"%01999d\n" % i for i in range(150))
        self.assertEnded(self.run_it("publish", "-q", "burst", "--declare", "-l", stdin=bodies), 0, r"\A\Z")
        before = time.monotonic()
        got = self.run_it("consume", "-q", "burst", "-c", "150", "--prefetch", "150", port=burst.port)
        self.assertEnded(got, 0, r"\A\Z")
        self.assertEqual(got.out == bodies, True)
        self.assertLess(time.monotonic() - before, 8)

    def broker_port(self):
        url = subprocess.run([self.node, "url", self.folder], check=True, stdout=subprocess.PIPE, text=True).stdout
        return support.pika.URLParameters(url.strip()).port

    def test_external(self):
        identity = f"&certfile={MADE.client.cert}&keyfile={MADE.client.key}&auth_mechanism=external"
        sent = self.run_it("publish", "-q", "external", "--declare", "x", "-v", login="", query=identity)
        self.assertEnded(sent, 0, "1 confirmed")
        sent = self.run_it("publish", "-q", "external", "x", "--cert", MADE.together, "--sasl", "external", login="")
        self.assertEnded(sent, 0)
        sent = self.run_it("publish", "-q", "external", "x", "--cert", MADE.client.cert, "--key", MADE.locked,
                           "--key-password-file", MADE.sesam, "--sasl", "external", login="")
        self.assertEnded(sent, 0)
        without = self.run_it("publish", "-q", "external", "x", "--sasl", "external", login="")
        self.assertEnded(without, 77)

    def test_memory_of_the_password_of_a_key(self):
        """Once the key is open nobody needs it, but for the next connect."""
        key, secret = MADE.path("canary.key"), "the-password-of-the-key-is-a-canary-in-a-cage"
        openssl("ec", "-in", MADE.client.key, "-aes128", "-passout", "pass:" + secret, "-out", key)
        file = write(MADE.path("canary"), secret + "\n")
        os.chmod(file, 0o600)
        for more, stays in ((["--retry", "0"], 0), ([], 1)):
            process = start("consume", "-v", "-q", self.name(), "--declare", "--exclusive", "--cert", MADE.client.cert,
                            "--key", key, "--key-password-file", file, "--sasl", "external", *more,
                            url=f"amqps://localhost:{self.port}?cacertfile={MADE.root.cert}")
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            support.await_line(process.stderr, "consuming from")
            self.assertEqual(sightings(process, secret[24:].encode()), stays)

    def test_copy_to_a_broker_without_tls(self):
        queue = self.name()
        self.assertEnded(self.run_it("publish", "-q", queue, "--declare", "x"), 0)
        ended = self.run_it("copy", "-q", queue, "--until-empty", "--cacert", MADE.root.cert, "--to", support.RABBITMQ,
                            "--to-queue", self.queue())
        self.assertEnded(ended, 0)

    def test_stranger(self):
        ended = self.run_it("publish", "-q", "external", "x", "--cert", MADE.stranger.cert, "--key",
                            MADE.stranger.key, "--sasl", "external", login="")
        self.assertEnded(ended, 78, "refused the client certificate: it does not trust its CA")

    def test_plain_amqp_to_its_tls_port(self):
        ended = self.attempt(self.port, scheme="amqp", ca=False)
        self.assertRefused(ended, 76, "this port wants amqps")

    def test_certificate_required(self):
        for version in ("-tls1_2", "-tls1_3"):
            server = Server(MADE.server, version, "-Verify", "1", "-CAfile", MADE.root.cert)
            self.refused_late(server, "wants a client certificate")

    def refused_late(self, server, err):
        """TLS 1.3 tells of it after the handshake; the greeting has left by then, but no login."""
        ended = self.attempt(server.port)
        seen = server.end()
        self.assertRefused(ended, 78, err)
        self.assertNotIn(CANARY.encode(), seen)

    def test_through_a_slow_relay(self):
        """Records arrive and leave in pieces."""
        relay = Relay(f"amqp://guest:guest@127.0.0.1:{self.port}")
        self.addCleanup(relay.cut)
        self.addCleanup(relay.close)
        body = os.urandom(3_000_000)
        process = start("publish", "-q", "slow", "--declare", "-v",
                        url=f"amqps://guest:guest@localhost:{relay.port}?cacertfile={MADE.root.cert}")
        process.stdin.write(body[:1000])
        threading.Timer(0.5, relay.stall).start()
        threading.Timer(1.5, relay.resume).start()
        time.sleep(0.7)
        ended = end(process, body[1000:])
        self.assertEnded(ended, 0, "1 confirmed")
        got = self.run_it("consume", "-q", "slow", "-c", "1", "--raw", port=relay.port)
        self.assertEqual(got.out == body, True)


if __name__ == "__main__":
    support.main((shutil.which("openssl"), "openssl is not installed"),
                 (support.has_tls(), "built without TLS"))
