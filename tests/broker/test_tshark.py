#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""tshark as a judge: it captures sessions of the command and decodes them on its own. No packet may be
malformed, and every method that was sent must be there under its name, in order."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import support
from support import BrokerTest, await_line, end, leveret, start_consumer

HANDSHAKE = ["Connection.Start-Ok", "Connection.Tune-Ok", "Connection.Open", "Channel.Open"]
WELCOME = ["Connection.Start", "Connection.Tune", "Connection.Open-Ok", "Channel.Open-Ok"]


def capture_works():
    """Not everybody may capture on the loopback."""
    if shutil.which("tshark") is None:
        return False
    probe = subprocess.run(["tshark", "-q", "-i", "lo", "-a", "duration:1", "-w", "/dev/null"],
                           capture_output=True, check=False)
    return probe.returncode == 0


class Capture(BrokerTest):
    """The sessions go through a relay, so that their port is theirs alone."""

    def setUp(self):
        super().setUp()
        self.through = self.relay()
        handle, self.file = tempfile.mkstemp(suffix=".pcapng")
        os.close(handle)
        self.addCleanup(os.unlink, self.file)
        self.shark = subprocess.Popen(
            ["tshark", "-q", "-i", "lo", "-f", f"tcp port {self.through.port}", "-w", self.file],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        await_line(self.shark.stderr, "Capturing on")
        time.sleep(0.5)

    def stop(self):
        if self.shark.poll() is None:
            time.sleep(1)
            self.shark.send_signal(signal.SIGINT)
            self.shark.wait(20)
            self.shark.stderr.close()

    def decode(self, *options):
        self.stop()
        run = subprocess.run(
            ["tshark", "-r", self.file, "-d", f"tcp.port=={self.through.port},amqp", *options],
            capture_output=True, check=True)
        return run.stdout.decode()

    def methods(self, direction):
        """The methods that went to the broker ("dst") or came from it ("src"), by tshark's names."""
        text = self.decode("-V", "-Y", f"tcp.{direction}port=={self.through.port} && amqp")
        return [f"{c}.{m}" for c, m in re.findall(r"Class: ([A-Za-z]+) \(\d+\)\n\s*Method: ([A-Za-z-]+) \(", text)]

    def judge(self, sent, received):
        self.assertEqual(self.decode("-Y", "_ws.malformed"), "")
        self.assertNotIn("alformed", self.decode("-V"))
        self.assertEqual(self.methods("dst"), sent)
        if received is not None:
            self.assertEqual(self.methods("src"), received)

    def test_publish(self):
        exchange = self.name("fanout")
        ended = leveret("publish", "-e", exchange, "--declare", "--type", "fanout", "--no-mandatory",
                        "--content-type", "text/plain", "--timestamp", "1", "one", "", "x" * 300,
                        url=self.through.url)
        self.assertEnded(ended, 0)
        self.channel.exchange_delete(exchange)
        self.judge(HANDSHAKE + ["Exchange.Declare", "Confirm.Select"] + ["Basic.Publish"] * 3 +
                   ["Connection.Close"], None)
        text = self.decode("-V", "-Y", "amqp")
        for wanted in (f"Exchange: {exchange}", "Type: fanout", "Content-Type: text/plain", "Body size: 300"):
            self.assertIn(wanted, text)

    def test_consume(self):
        consumer = start_consumer("-e", "amq.fanout", "-c", "2", "--prefetch", "1", url=self.through.url)
        self.channel.basic_publish("amq.fanout", "", b"one")
        time.sleep(0.5)
        self.channel.basic_publish("amq.fanout", "", b"two")
        self.assertEnded(end(consumer), 0)
        self.judge(HANDSHAKE + ["Queue.Declare", "Queue.Bind", "Basic.Qos", "Basic.Consume", "Basic.Ack",
                                "Basic.Cancel", "Basic.Ack", "Connection.Close"],
                   WELCOME + ["Queue.Declare-Ok", "Queue.Bind-Ok", "Basic.Qos-Ok", "Basic.Consume-Ok",
                              "Basic.Deliver", "Basic.Deliver", "Basic.Cancel-Ok", "Connection.Close-Ok"])

    def test_large_body(self):
        queue = self.queue()
        self.assertEnded(leveret("publish", "-q", queue, stdin=b"x" * 300_000, url=self.through.url), 0)
        self.assertEnded(leveret("consume", "-q", queue, "-c", "1", url=self.through.url), 0)
        self.judge(HANDSHAKE + ["Confirm.Select", "Basic.Publish", "Connection.Close"] +
                   HANDSHAKE + ["Basic.Qos", "Basic.Consume", "Basic.Cancel", "Basic.Ack", "Connection.Close"],
                   None)

    def test_trouble(self):
        """A return, a channel closed by the broker, and its close-ok."""
        self.assertEnded(leveret("publish", "-r", self.name("nobody"), "x", url=self.through.url), 3)
        self.assertEnded(leveret("publish", "-e", self.name("nowhere"), "x", url=self.through.url), 1)
        self.judge(HANDSHAKE + ["Confirm.Select", "Basic.Publish", "Connection.Close"] +
                   HANDSHAKE + ["Confirm.Select", "Basic.Publish", "Channel.Close-Ok", "Connection.Close"],
                   WELCOME + ["Confirm.Select-Ok", "Basic.Return", "Basic.Ack", "Connection.Close-Ok"] +
                   WELCOME + ["Confirm.Select-Ok", "Channel.Close", "Connection.Close-Ok"])

    def test_the_judge_sees_a_malformed_packet(self):
        """A start-ok with a table whose length lies."""
        with socket.create_connection(("127.0.0.1", self.through.port)) as peer:
            peer.sendall(b"AMQP\0\0\x09\1")
            peer.recv(4096)
            peer.sendall(b"\1\0\0\0\0\0\x0c\0\x0a\0\x0b\0\0\xff\xff\5PLAI\xce")
            peer.recv(4096)
        self.assertIn("Malformed", self.decode("-Y", "_ws.malformed"))

    def test_heartbeats(self):
        consumer = start_consumer("-e", "amq.fanout", "--heartbeat", "1", "--idle", "3", url=self.through.url)
        self.assertEnded(end(consumer), 2)
        text = self.decode("-V", "-Y", f"tcp.dstport=={self.through.port} && amqp")
        self.assertGreaterEqual(text.count("Type: Heartbeat (8)"), 3)
        self.assertEqual(self.decode("-Y", "_ws.malformed"), "")


if __name__ == "__main__":
    support.main((capture_works(), "tshark cannot capture on the loopback"))
