#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret uri: the parts of a URI as JSON, no password unless asked for, and one line for what is none."""

import json
import os
import subprocess
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LEVERET = os.path.abspath(os.environ.get("LEVERET", os.path.join(ROOT, "build/leveret")))
PARTS = ("scheme", "host", "port", "user", "password", "vhost", "query")
SECRET = "s3cr3t-w0rd"


def uri(*args):
    return subprocess.run([LEVERET, "uri", *args], capture_output=True, text=True, timeout=20)


class Parts(unittest.TestCase):
    def shown(self, *args):
        ended = uri(*args)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.count("\n"), 1)
        return json.loads(ended.stdout)

    def test_parts(self):
        for text, *parts in (
                ("amqp://", "amqp", None, None, None, None, None, None),
                ("AMQPS://:@/", "amqps", None, None, "", "***", "", None),
                ("amqp://h/", "amqp", "h", None, None, None, "", None),
                ("amqp://h/%2f?", "amqp", "h", None, None, None, "/", {}),
                ("amqp://us%61r:p%40w@ho%61st:10000/v%2Fh", "amqp", "hoast", 10000, "usar", "***", "v/h", None),
                ("amqp://%c3%a4@[::1]:1", "amqp", "::1", 1, "ä", None, None, None),
                ("amqp://u:p@%2Frun%2Fx.sock/v", "amqp", "/run/x.sock", None, "u", "***", "v", None),
                ("amqp://h/%ff%1b", "amqp", "h", None, None, None, {"base64": "/xs="}, None)):
            with self.subTest(text=text):
                self.assertEqual(self.shown(text), dict(zip(PARTS, parts)))

    def test_query(self):
        for query, parameters in (
                ("heartbeat=007&connection_timeout=5000&", {"heartbeat": "007", "connection_timeout": "5000"}),
                ("cacertfile=%2Fa%20b%3D=c?&depth=1", {"cacertfile": "/a b==c?", "depth": "1"}),
                ("auth_mechanism=plain&depth=1&auth_mechanism=EXTERNAL&auth%5fmechanism=plain",
                 {"auth_mechanism": ["plain", "EXTERNAL", "plain"], "depth": "1"}),
                ("verify=verify_none", {"verify": "verify_none"}),
                ("password=a%26b", {"password": "***"}), ("passw%6Frd=a", {"password": "***"})):
            with self.subTest(query=query):
                self.assertEqual(self.shown(f"amqps://h?{query}")["query"], parameters)

    def test_secrets_that_are_asked_for(self):
        text = "amqps://u:p%40%22w@h?password=a%26b"
        for args in ((text, "--show-secrets"), ("--show-secrets", "--", text)):
            parts = self.shown(*args)
            self.assertEqual((parts["password"], parts["query"]), ('p@"w', {"password": "a&b"}))


class Refused(unittest.TestCase):
    def refused(self, *args, err):
        ended = uri(*args)
        self.assertEqual((ended.returncode, ended.stdout), (64, ""))
        self.assertIn(err, ended.stderr)
        self.assertEqual(ended.stderr.count("\n"), 1)
        self.assertNotIn(SECRET, ended.stderr)

    def test_malformed(self):
        for text, err in (
                ("", "neither amqp:// nor amqps:// at offset 0"),
                (f"http://u:{SECRET}@h", "neither amqp:// nor amqps:// at offset 0"),
                (f"amqp://u:{SECRET}%zz@h", "'%' without two hexadecimal digits at offset 20"),
                (f"amqp://u:{SECRET}@h:99999", "the port is not a number from 1 to 65535"),
                (f"amqp://u:{SECRET}@h/a/b", "a second path segment"),
                (f"amqp://u:{SECRET}@h?colour=red", "parameter colour is unknown"),
                (f"amqp://h?password={SECRET}", "parameter password needs amqps://")):
            for args in ((text,), (text, "--show-secrets")):
                with self.subTest(args=args):
                    self.refused(*args, err=err)

    def test_mechanism_that_is_not_supported(self):
        self.refused(f"amqp://u:{SECRET}@h?auth_mechanism=scram", err="parameter auth_mechanism is not")

    def test_not_one_uri(self):
        self.refused(err="give one URI")
        self.refused(f"amqp://u:{SECRET}@h", f"amqp://v:{SECRET}@h", err="give one URI")

    def test_others_see_no_password(self):
        """A full pipe holds the command while its arguments are looked at."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        os.set_blocking(write, False)
        try:
            while os.write(write, b"x" * 4096):
                pass
        except BlockingIOError:
            os.set_blocking(write, True)
        command = subprocess.Popen([LEVERET, "uri", "--show-secrets", f"amqp://u:{SECRET}@h"], stdout=write)
        os.close(write)
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        cmdline = f"/proc/{command.pid}/cmdline"
        deadline = time.monotonic() + 10
        seen = SECRET.encode()
        while SECRET.encode() in seen and time.monotonic() < deadline:
            time.sleep(0.01)
            with open(cmdline, "rb") as file:
                seen = file.read()
        self.assertIsNone(command.poll())
        self.assertIn(b"amqp://u:***@h", seen)
        self.assertNotIn(SECRET.encode(), seen)


if __name__ == "__main__":
    unittest.main()
