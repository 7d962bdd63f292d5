#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The tutorial tells the truth: what stands below each of its commands is what they print, and a real RabbitMQ answers
the client of its session as the session says. tests/tools/test_tutorial.py --write prints the blocks anew."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
from urllib.parse import urlsplit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TUTORIAL = os.path.join(ROOT, "spec/tutorial.md")
SESSION = os.path.join(ROOT, "spec/session.jsonl")
LEVERET = os.path.abspath(os.environ.get("LEVERET", os.path.join(ROOT, "build/leveret")))
RABBITMQ = os.environ.get("LEVERET_RABBITMQ_URL")
BLOCK = re.compile(r"((?:^    .*\n)(?:^(?:    .*)?\n)*?)(?=^\S|\n(?!    )|\Z)", re.M)


def run(*args, stdin):
    return subprocess.run([LEVERET, *args], input=stdin, capture_output=True, check=True).stdout


def commands_of(block):
    """The lines of a block that somebody types, as the shell gets them."""
    lines = [line[4:] for line in block.splitlines()]
    return "\n".join(line[2:] for line in lines if line[:2] in ("$ ", "> "))


def printed(blocks):
    """What a shell prints for the commands of each block, all in one shell."""
    mark = "----8<----"
    script = f"\necho '{mark}'\n".join(commands_of(b) for b in blocks)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(LEVERET, os.path.join(folder, "leveret"))
        env = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
        out = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=ROOT, env=env, check=True,
                             capture_output=True, text=True).stdout
    return [part.strip("\n") for part in out.split(f"{mark}\n")]


def renewed():
    """The tutorial with all its blocks printed anew."""
    with open(TUTORIAL, encoding="utf-8") as file:
        text = file.read()
    blocks = [b for b in BLOCK.findall(text) if b.startswith("    $ ")]
    for block, out in zip(blocks, printed(blocks)):
        typed = [line for line in block.splitlines() if line[4:6] in ("$ ", "> ")]
        shown = [f"    {line}".rstrip() for line in out.splitlines()]
        text = text.replace(block, "\n".join(typed + shown) + "\n", 1)
    return text


class Tutorial(unittest.TestCase):
    def test_each_block_is_what_is_printed(self):
        with open(TUTORIAL, encoding="utf-8") as file:
            self.assertEqual(file.read(), renewed())

    @unittest.skipUnless(RABBITMQ, "LEVERET_RABBITMQ_URL is not set")
    def test_a_real_broker_says_the_same(self):
        with open(SESSION, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        url = urlsplit(RABBITMQ)
        with socket.create_connection((url.hostname, url.port), 10) as broker:
            broker.settimeout(10)
            for line in lines:
                told = json.loads(line)
                if told["from"] == "client":
                    broker.sendall(run("encode", stdin=line))
                    continue
                head = broker.recv(7, socket.MSG_WAITALL)
                frame = head + broker.recv(int.from_bytes(head[3:7], "big") + 1, socket.MSG_WAITALL)
                said = json.loads(run("dump", "--jsonl", stdin=frame))
                self.assertEqual([said.get(k) for k in ("type", "channel", "class", "method")],
                                 [told.get(k) for k in ("type", "channel", "class", "method")])
                if told.get("class") != "connection":
                    self.assertEqual({**said, "from": "server"}, told)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        new = renewed()
        with open(TUTORIAL, "w", encoding="utf-8") as tutorial:
            tutorial.write(new)
    else:
        unittest.main()
