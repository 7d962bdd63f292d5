#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The README's way from nothing to a verified connection with a client certificate, followed to the letter: its commands
are run in their order, and a RabbitMQ gets its configuration. Only places differ: a port that is free, a folder instead
of /etc/rabbitmq, the user who runs this instead of rabbitmq; and what would speak to the system's own node speaks to
one of the test's.
"""

import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import support
from support import LEVERET, environment

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = "/usr/lib/rabbitmq/bin"


def blocks():
    """The indented blocks of the section about TLS, each as it stands there."""
    with open(os.path.join(HERE, "..", "..", "README.md"), encoding="utf-8") as file:
        section = file.read().split("\n## TLS\n")[1].split("\n## ")[0]
    return [re.sub(r"(?m)^    ", "", block) for block in re.findall(r"(?m)(?:^    .*\n)+", section)]


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="leveret-readme-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.node = os.path.join(self.folder, "node")
        self.etc = os.path.join(self.folder, "etc")
        self.work = os.path.join(self.folder, "work")
        for folder in (self.node, self.etc, self.work, self.path("bin")):
            os.mkdir(folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        script = os.path.join(HERE, "rabbitmq")
        self.addCleanup(subprocess.run, [script, "kill", self.node], check=True)
        self.program("leveret", f'exec {LEVERET} "$@"')
        self.program("systemctl", f'[ "$*" = "restart rabbitmq-server" ] && exec {script} start {self.node}')
        for name in ("rabbitmqctl", "rabbitmq-plugins"):
            self.program(name, f'. {self.node}/env; exec {BIN}/{name} "$@"')

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def program(self, name, text):
        with open(self.path("bin", name), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/bash\n{text}\n")
        os.chmod(file.name, 0o755)

    def run_block(self, text):
        env = dict(environment(None), PATH=self.path("bin") + os.pathsep + os.environ["PATH"])
        run = subprocess.run(["bash", "-eu", "-c", text], cwd=self.work, env=env, check=False, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout.decode())
        return run.stdout.decode()

    def placed(self, text, **places):
        """Everything that is about a place stands in the README as expected, and is put elsewhere."""
        for old, new in places.values():
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def test_to_the_letter(self):
        _, issue, install, configuration, connect = blocks()
        etc = ("/etc/rabbitmq", self.etc)
        connect = self.placed(connect, url=("amqps://localhost", f"amqps://localhost:{self.port}"))
        self.run_block(issue)
        self.run_block(self.placed(install, etc=etc, user=("chown rabbitmq ", f"chown {getpass.getuser()} ")))
        with open(os.path.join(self.node, "extra.conf"), "w", encoding="utf-8") as file:
            file.write(self.placed(configuration, etc=etc, port=("default = 5671", f"1 = 127.0.0.1:{self.port}")))
        self.assertIn("1 confirmed", self.run_block(connect))
        self.was_what_it_says(connect)

    def was_what_it_says(self, connect):
        """As whom it was logged in, for a broker checks user-id; and what a word less would have led to."""
        last = connect[connect.index("leveret publish"):]
        self.run_block(self.placed(last, more=("-v", "--user-id worker")))
        for change, code, err in (((" --cacert ca.pem", ""), 78, "comes from a CA that is not trusted here"),
                                  ((" --cert worker.pem --key worker.key", ""), 77, "refused"),
                                  (("-v", "--user-id guest"), 1, "406 PRECONDITION_FAILED")):
            said = self.run_block(self.placed(last, change=change).rstrip() + " || echo ended with $?")
            self.assertIn(f"ended with {code}\n", said)
            self.assertRegex(said, err)
        got = self.run_block(last.replace("publish", "get").replace(" --declare -v 'a job'", ""))
        self.assertEqual(got, "a job\n")


if __name__ == "__main__":
    support.main((shutil.which("openssl"), "openssl is not installed"),
                 (os.path.exists(os.path.join(BIN, "rabbitmq-server")), "RabbitMQ is not installed"),
                 (support.has_tls(), "built without TLS"))
