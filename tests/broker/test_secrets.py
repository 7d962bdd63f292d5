#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""A canary for a password, through every command and every way that a password can come and a connection can
fail: it must not be seen in the list of processes, in any output, nor more often in memory than it is needed."""

import os
import pty
import select
import signal
import socket
import subprocess
import tempfile
import termios
import time

import support
from support import BrokerTest, LEVERET, Listener, end, environment, leveret, start

CANARY = "a-password-that-is-long-and-ends-in-a-canary-w0rd"
REST = CANARY[24:].encode()  # what the allocator leaves of it in a block that was freed
HERE = os.path.dirname(os.path.abspath(__file__))
BROKER = support.RABBITMQ and support.pika and support.pika.URLParameters(support.RABBITMQ).port

# What each command needs to get as far as connecting. The others never connect.
CONNECTING = {
    "publish": ["-q", "q", "x"], "consume": ["-q", "q"], "get": ["-q", "q"], "declare": ["queue", "q"],
    "bind": ["queue", "q", "e"], "unbind": ["queue", "q", "e"], "purge": ["q"], "delete": ["queue", "q"],
    "ping": [], "request": ["-q", "q", "x"], "serve": ["-q", "q", "--", "true"], "copy": ["-q", "q", "--to-queue", "t"],
    "bench": ["-z", "1"], "send": ["--login"],
}
LETTERS = {"bench": "-h"}  # of --url, where it is not -u
OTHERS = {"dump", "encode", "spec", "help", "uri", "proxy"}


def setUpModule():
    for command in (["add_user", "canary", CANARY], ["set_permissions", "canary", ".*", ".*", ".*"]):
        subprocess.run([os.path.join(HERE, "rabbitmq"), "ctl", os.environ["LEVERET_RABBITMQ_DIR"], *command],
                       check=True, stdout=subprocess.DEVNULL)


def url(port=BROKER, password=":" + CANARY, query="", scheme="amqp"):
    return f"{scheme}://canary{password}@127.0.0.1:{port}/%2f{query}"


def sightings(process, secret=REST):
    """How often the canary stands in the memory of a process: all that a core file would hold, and more."""
    count = 0
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps, open(f"/proc/{process.pid}/mem", "rb") as memory:
        for line in maps:
            begin, stop = (int(part, 16) for part in line.split()[0].split("-"))
            if "[v" not in line and line.split()[1][0] == "r":
                memory.seek(begin)
                count += memory.read(stop - begin).count(secret)
    return count


class SecretTest(BrokerTest):
    def assertUnseen(self, ended):
        for text in (ended.err, (ended.out or b"").decode(errors="replace")):
            self.assertNotIn(CANARY, text)

    def file(self, text, mode=0o600):
        handle, path = tempfile.mkstemp(prefix="leveret-secret-")
        self.addCleanup(os.unlink, path)
        os.write(handle, text.encode())
        os.fchmod(handle, mode)
        os.close(handle)
        return path

    def sources(self):
        """Each way to give the password: arguments, the environment, stdin."""
        plain = url(password="")
        return {
            "--url": (["--url", url()], {}, b""),
            "--url=": (["--url=" + url()], {}, b""),
            "-u": (["-u" + url()], {}, b""),
            "AMQP_URL": ([], {"AMQP_URL": url()}, b""),
            "AMQP_PASSWORD": (["-u", plain], {"AMQP_PASSWORD": CANARY}, b""),
            "file": (["-u", plain, "--password-file", self.file(CANARY + "\n")], {}, b""),
            "stdin": (["-u", plain, "--password-file", "-"], {}, CANARY.encode() + b"\n"),
        }


class Commands(SecretTest):
    def test_every_command_is_here(self):
        listed = subprocess.run([LEVERET, "help", "--list"], check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(set(listed) - OTHERS, set(CONNECTING))

    def test_list_of_processes(self):
        """The peer accepts and holds its tongue, so each command stays where it has read its arguments."""
        silent = Listener(backlog=64)
        self.addCleanup(silent.close)
        runs = []
        for command, args in CONNECTING.items():
            letter, given = LETTERS.get(command, "-u"), url(silent.port)
            ways = [[letter, given], ["--url=" + given], [letter + given]]
            if support.has_tls():
                ways.append([letter, url(silent.port, scheme="amqps", query=f"?heartbeat=9&password={CANARY}")])
            for how in ways:
                runs.append(start(command, *how, *args, url=None, stdin=subprocess.DEVNULL))
        runs.append(start("copy", "-u", url(silent.port), "--to", url(), "--to=" + url(), *CONNECTING["copy"], url=None))
        deadline = time.monotonic() + 20
        while len(silent.silent) < len(runs) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(len(silent.silent), len(runs))
        for process in runs:
            with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as line:
                shown = line.read()
            self.assertNotIn(CANARY, shown)
            self.assertEqual(shown.count("canary:***@127.0.0.1"), 3 if "--to" in shown.split("\0") else 1)
            process.kill()
            self.assertUnseen(end(process))
            process.stderr.close()

    def test_every_failure_of_every_command(self):
        """No broker, no such user, no such host, a malformed URL, a missing file; told in text and in JSON."""
        dead = socket.socket()
        self.addCleanup(dead.close)
        dead.bind(("127.0.0.1", 0))
        wrong = url().replace(CANARY, CANARY + "x")
        bad = [(url(dead.getsockname()[1]), 69), (wrong, 77), (url() + "x/y", 64), (url(password=":%zz" + CANARY), 64),
               (url(query="?password=" + CANARY), 64), (url(scheme="amqps", query="?cacertfile=/" + "n" * 9), 78),
               (url("1" + CANARY), 64), (f"amqp:{CANARY}", 64), (url(query="?heartbeat=" + CANARY), 64)]
        for command, args in CONNECTING.items():
            for where, code in bad:
                more = ["--trace", "--log-format", "json"] if code % 2 else ["--trace", "--verbose"]
                ended = leveret(command, LETTERS.get(command, "-u"), where, *more, *args, url=None)
                self.assertUnseen(ended)
                self.assertEnded(ended, code)
                self.assertUnseen(leveret(command, *args, url=where))

    def test_failures_of_the_other_side_of_copy(self):
        source, queue = url(), self.queue()
        for to, code in ((url(1), 69), (url().replace(CANARY, CANARY + "x"), 77), (url() + "x/y", 64), (f"amqp:{CANARY}", 64)):
            for more in (["-v"], ["--log-format", "json"]):
                ended = leveret("copy", "-u", source, "--to", to, "-q", queue, "--to-queue", "t", "--until-empty", *more, url=None)
                self.assertUnseen(ended)
                self.assertEnded(ended, code)

    def test_what_is_shown_when_all_is_well(self):
        """Told of everything, on both sides, in text and in JSON."""
        queue = self.queue()
        for args in (["ping"], ["ping", "--json"], ["declare", "queue", queue, "--durable"], ["publish", "-q", queue, "x"],
                     ["get", "-q", queue], ["publish", "-q", queue, "x"], ["copy", "-q", queue, "--to", url(), "--to-queue",
                     queue, "-c", "1"], ["consume", "-q", queue, "-c", "1", "--jsonl"], ["purge", queue]):
            for more in (["-v"], ["-v", "--log-format", "json"]):
                ended = leveret(*args, *more, "-u", url(query="?heartbeat=5"), url=None)
                self.assertUnseen(ended)
                if args[0] not in ("get", "copy", "consume", "declare"):
                    self.assertEnded(ended, 0)

    def test_refusals_by_the_broker(self):
        """Beyond the login: what has no right, is not there, is of another kind."""
        for args, code in ((["get", "-q", "nowhere"], 1), (["declare", "exchange", "amq.direct", "fanout"], 1),
                           (["delete", "exchange", "amq.direct"], 77), (["bind", "queue", "nowhere", "amq.direct"], 1),
                           (["consume", "-q", "nowhere"], 1), (["publish", "-e", "nowhere", "x"], 1),
                           (["ping", "--vhost", "nowhere", "--host", "127.0.0.1", "--port", str(BROKER), "--user", "canary"], 77)):
            where = None if "--vhost" in args else url()
            env = dict(environment(where), AMQP_PASSWORD=CANARY)
            ended = leveret(*args, "-v", url=where, env=env)
            self.assertUnseen(ended)
            self.assertEnded(ended, code)


class Sources(SecretTest):
    def start(self, args, env, stdin, *more):
        process = start("consume", "-v", "-q", self.name(), "--declare", "--exclusive", *args, *more,
                        env=dict(environment(None), **env))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdin.write(stdin)
        process.stdin.flush()
        support.await_line(process.stderr, "consuming from")
        return process

    def test_memory_after_the_login(self):
        """Without reconnects nobody needs it any more: it stands where it came from, if it stands anywhere. A copy of
        an argument and the environment stay; what was read does not. With reconnects the client keeps one copy."""
        stays = {"--url": 1, "--url=": 1, "-u": 1, "AMQP_URL": 1, "AMQP_PASSWORD": 1, "file": 0, "stdin": 0}
        for name, source in self.sources().items():
            with self.subTest(name):
                self.assertEqual(sightings(self.start(*source, "--retry", "0")), stays[name])
                self.assertEqual(sightings(self.start(*source)), stays[name] + 1)

    def test_handlers_do_not_inherit_it(self):
        for name, (args, env, stdin) in self.sources().items():
            if stdin:
                continue
            with self.subTest(name):
                queue = self.queue("x")
                ended = leveret("consume", "-q", queue, "-c", "1", *args, "--", "sh", "-c", "env; cat /proc/$PPID/cmdline",
                                env=dict(environment(None), **env))
                self.assertEnded(ended, 0)
                self.assertIn(b"AMQP_TAG=1", ended.out)
                self.assertUnseen(ended)

    def test_file_that_is_no_password(self):
        """Neither a part of it nor the rest is taken."""
        for text, why in ((CANARY[:10] + "\0" + CANARY[10:] + "\n", "Invalid"), ("\0" + CANARY, "Invalid"),
                          (2000 * CANARY, "File too large")):
            ended = leveret("ping", "-u", url(password=""), "--password-file", self.file(text), url=None)
            self.assertEnded(ended, 66, f"cannot read the password from .*: {why}")
            self.assertNotIn(CANARY[10:], ended.err)

    def test_readable_file(self):
        path = self.file(CANARY, 0o644)
        ended = leveret("ping", "-u", url(password=""), "--password-file", path, url=None)
        self.assertEnded(ended, 0, rf"\Aleveret: {path} can be read by other users; run: chmod 600 {path}\n\Z")
        os.chmod(path, 0o600)
        self.assertEnded(leveret("ping", "-u", url(password=""), "--password-file", path, url=None), 0, r"\A\Z")
        os.chmod(path, 0o640)
        self.assertEnded(leveret("ping", "-u", url(password=""), "--password-file", path, url=None), 0, "chmod 600")
        self.assertEnded(leveret("ping", "-u", url(password=""), "--password-file", path, "--quiet", url=None), 0, r"\A\Z")


class Terminal(SecretTest):
    """A person is asked, and nothing is shown of what is typed."""

    def setUp(self):
        super().setUp()
        self.ours, self.theirs = pty.openpty()
        self.addCleanup(os.close, self.ours)
        self.addCleanup(os.close, self.theirs)
        self.process = start("ping", "-u", url(password=""), "--password-file", "-", url=None, stdin=self.theirs,
                             stderr=self.theirs)
        self.seen = b""
        self.until(b"Password: ")

    def until(self, text):
        deadline = time.monotonic() + 10
        while text not in self.seen and select.select([self.ours], [], [], deadline - time.monotonic())[0]:
            self.seen += os.read(self.ours, 4096)
        self.assertIn(text, self.seen)

    def echoes(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def mute(self):
        deadline = time.monotonic() + 10
        while self.echoes() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(self.echoes())

    def test_asks(self):
        self.mute()
        os.write(self.ours, CANARY.encode() + b"\n")
        out, _ = self.process.communicate(timeout=20)
        self.assertEqual(self.process.returncode, 0, self.seen)
        self.assertIn(b"RabbitMQ", out)
        self.assertTrue(self.echoes())
        self.until(b"\n")
        self.assertNotIn(CANARY.encode(), self.seen)

    def test_gives_the_terminal_back_before_a_signal_ends_it(self):
        self.mute()
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(20), 130)
        self.assertTrue(self.echoes())


if __name__ == "__main__":
    support.main((os.path.isdir("/proc/self"), "there is no /proc"))
