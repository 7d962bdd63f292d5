#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The table for users of amqp-tools in leveret(1): both lines of each row are run and do the same."""

import re
import shutil
import subprocess
import tempfile
import time

import pika

import support
from support import BrokerTest, LEVERET, environment, leveret


def rows():
    page = leveret("help", "--man").out.decode()
    section = re.search(r"(?ms)^\.SH FOR USERS OF AMQP\\-TOOLS\n(.*?)^\.SH", page)[1]
    section = re.sub(r"\\f[BRI]", "", section).replace("\\-", "-").replace("\\(aq", "'")
    return [(theirs, " ".join(ours.split())) for theirs, ours in
            re.findall(r"(?ms)^\.TP\n([^\n]*)\n(.*?)(?=^\.|\Z)", section)]


class Table(BrokerTest):
    def setUp(self):
        super().setUp()
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        file.write(b"one\ntwo\n")
        file.flush()
        at = pika.URLParameters(self.url)
        self.words = {"HOST": at.host, "PORT": str(at.port), "URL": self.url, "FILE": file.name, "EXCHANGE": "amq.topic"}

    def words_of_its_own(self):
        words = dict(self.words, QUEUE=self.queue(), KEY=self.name("key"), NEW=self.name("new"))
        self.made.append(words["NEW"])
        self.channel.queue_bind(words["QUEUE"], "amq.topic", words["KEY"])
        return words

    def run_line(self, line, words):
        """Runs a line of the table, and what it needs to have something to do; returns what came of it."""
        for word, meaning in words.items():
            line = re.sub(rf"\b{word}\b", meaning, line)
        line = re.sub(r"\Aleveret", LEVERET, line)
        if not re.search("consume |get ", line):
            done = subprocess.run(line, shell=True, env=environment(None), capture_output=True, timeout=30, check=False)
            return done.returncode, done.stdout if "declare" in line else b"", self.took(words)
        if words["NEW"] not in line and words["KEY"] not in line:
            self.fill(words["QUEUE"], b"1", b"2")
        process = subprocess.Popen("exec " + line, shell=True, env=environment(None), stdout=subprocess.PIPE)
        time.sleep(0.7)
        if words["NEW"] in line:
            self.fill(words["NEW"], b"1")
        if words["KEY"] in line:
            self.channel.basic_publish("amq.topic", words["KEY"], b"1")
            self.connection.process_data_events()
        ends = re.search(" -c |get ", line)
        time.sleep(0 if ends else 0.5)
        if not ends:
            process.terminate()
        out = process.communicate(timeout=20)[0]
        return process.returncode if ends else None, out, self.took(words)

    def took(self, words):
        """Everything in the queues, and which of them are there."""
        found = []
        for queue in (words["QUEUE"], words["NEW"]):
            channel = self.connection.channel()
            try:
                channel.queue_declare(queue, passive=True)
            except pika.exceptions.ChannelClosedByBroker:
                found.append(None)
                continue
            time.sleep(0.1)
            while (message := channel.basic_get(queue, auto_ack=True))[0]:
                p = message[1]
                found.append((message[2].rstrip(b"\n"), p.content_type, p.content_encoding, p.reply_to, p.headers))
            channel.close()
        return found

    def test_each_row(self):
        table = rows()
        self.assertGreater(len(table), 10)
        for theirs, ours in table:
            with self.subTest(line=ours):
                results = []
                for line in (theirs, ours):
                    words = self.words_of_its_own()
                    code, out, found = self.run_line(line, words)
                    results.append((code, out.replace(words["NEW"].encode(), b"NEW"), found))
                # our stdin is one message with its newline, their last one, too; a declared name is a line
                self.assertEqual(results[0], results[1])

    def test_the_letters_are_the_same(self):
        """What a line of theirs has, ours has, in the same order."""
        for theirs, ours in rows():
            letters = [re.findall(r"(?<!\S)-([a-zA-Z])\b", line) for line in (theirs, ours)]
            self.assertEqual([l for l in letters[1] if l in letters[0]], letters[0], ours)


if __name__ == "__main__":
    support.main((shutil.which("amqp-publish"), "amqp-tools is not installed"))
