#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""tshark as a judge: it captures sessions of the command and decodes them on its own. No packet may be
malformed, and every method that was sent must be there under its name, in order."""

import base64
import contextlib
import datetime
import decimal
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from xml.etree import ElementTree

import support
from support import BrokerTest, await_line, end, leveret, pika, start_consumer

HANDSHAKE = ["Connection.Start-Ok", "Connection.Tune-Ok", "Connection.Open", "Channel.Open"]
WELCOME = ["Connection.Start", "Connection.Tune", "Connection.Open-Ok", "Channel.Open-Ok"]


# Values of all types that pika and amqplib write.
PIKA_HEADERS = {"h": "v", "empty": "", "small": 5, "negative": -7, "large": 2**40, "no": False, "nothing": None,
                "bytes": b"\0\xff", "decimal": decimal.Decimal("-3.14"), "then": datetime.datetime(2020, 5, 17, 1, 2, 3),
                "table": {"in": {"in": {}}}, "array": [], "mixed": [1, [2, {"x": "y"}]], "text": "\u00e4 \u20ac"}
AMQPLIB_HEADERS = """{byte: 100, short: -300, int: 70000, long: 1e12, double: 0.1, yes: true, text: "t", none: null,
    list: [1, 300, "x"], inner: {a: {b: 2}}, buffer: Buffer.from("ab"), float: {"!": "float", value: 0.5},
    stamp: {"!": "timestamp", value: 1600000000}, decimal: {"!": "decimal", value: {places: 2, digits: 314}}}"""

AMQPLIB = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "../amqplib")],
                         capture_output=True, check=False).stdout.decode().strip()

SHARK_NAMES = {"no_wait": "nowait", "filter": "arguments"}
SHARK_TABLES = {"arguments", "headers", "server_properties", "client_properties"}
SHARK_TYPES = {"b": "byte", "s": "short int", "I": "integer", "l": "long int", "S": "string", "t": "boolean",
               "f": "float", "d": "double", "D": "decimal", "T": "timestamp", "V": "void", "x": "byte array"}


def shark_frames(packet):
    """The methods and content headers in a packet of tshark's XML: their fields as shown, as hex digits, and whole."""
    def number(name):
        return int(packet.find(f".//field[@name='{name}']").get("show"))

    def named(field, kind):
        return re.search(r": ([A-Za-z-]+) \(", field[kind].get("showname"))[1].lower()
    for proto in packet.findall("proto[@name='amqp']"):
        fields = {f.get("name"): f for f in proto}
        frame = {"stream": number("tcp.stream"), "port": number("tcp.srcport"),
                 "channel": int(fields["amqp.channel"].get("show"))}
        if "amqp.method.method" in fields:
            frame["what"] = tuple(named(fields, f"amqp.method.{kind}") for kind in ("class", "method"))
            members = fields.get("amqp.method.arguments", ())
        elif "amqp.header.class" in fields:
            frame["what"] = (named(fields, "amqp.header.class"), int(fields["amqp.header.body-size"].get("show")))
            members = fields.get("amqp.header.properties", ())
        else:
            continue
        yield {**frame, "fields": {f.get("name").rpartition(".")[2]: f for f in members}}


def shark_table(field):
    """What stands in a table, as tshark shows it: a depth and a text for each entry."""
    return [row for entry in field for row in
            [(0, entry.get("showname"))] + [(depth + 1, text) for depth, text in shark_table(entry)]]


def as_shark_shows(value):
    """A value of our JSON: type and text of tshark's, and the entries of a table or an array.

    tshark 4.0 deviates in two points: it takes the number of a decimal for unsigned, where RabbitMQ and all clients
    take it for signed, and it shows a float or a double with six decimals, whatever it holds."""
    letter, plain = (value["@"], value.get("v")) if isinstance(value, dict) and "@" in value else (None, value)
    if letter == "D":
        return "decimal", f"{plain['value'] % 2**32 / 10 ** plain['scale']:f}", []
    if letter == "T":
        then = datetime.datetime.fromtimestamp(plain, datetime.timezone.utc)
        return "timestamp", f"{then:%b} {then.day:2d}, {then:%Y %H:%M:%S}.000000000 UTC", []
    if letter == "x":
        return "byte array", base64.b64decode(plain).hex(), []
    if isinstance(plain, dict):
        return "field table", None, list(plain.items())
    if isinstance(plain, list):
        return "array", None, [(f"[{place}]", item) for place, item in enumerate(plain)]
    natural = {bool: "t", str: "S", int: "l", float: "d", type(None): "V"}[type(plain)]
    text = {bool: str(plain).lower(), float: f"{plain:f}" if isinstance(plain, float) else "", type(None): ""}
    return SHARK_TYPES[letter or natural], text.get(type(plain), str(plain)), []


def our_table(entries):
    rows = []
    for key, value in entries:
        kind, text, inner = as_shark_shows(value)
        rows.append((0, f"{key} ({kind})" + ("" if text is None else f": {text}")))
        rows += [(depth + 1, row) for depth, row in our_table(inner)]
    return rows


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

    def dumped(self):
        """What leveret dump makes of the capture; and encode makes of that what tshark finds in the streams."""
        found = leveret("dump", "--pcap", "--jsonl", "--quiet", self.file)
        self.assertEnded(found, 0)
        objects = [json.loads(line) for line in found.out.splitlines()]
        for number in {o["stream"] for o in objects}:
            said = re.findall(r"^(\t?)([0-9a-f]+)$", self.decode("-q", "-z", f"follow,tcp,raw,{number}"), re.M)
            for side, tab in (("client", ""), ("server", "\t")):
                encoded = leveret("encode", "--stream", str(number), "--from", side, stdin=found.out).out
                self.assertEqual(encoded.hex(), "".join(data for mark, data in said if mark == tab))
        return objects

    def test_dump_agrees(self):
        """Sessions of pika, rabbitmq-c and amqplib: each method that tshark names dump names, too, with the same
        fields."""
        queue, exchange = self.queue(), self.name("topic")
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(self.through.url))) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_qos(prefetch_count=7)
            channel.exchange_declare(exchange, "topic", auto_delete=True)
            channel.queue_bind(queue, exchange, "a.#", arguments={"x": 1, "nested": {"deep": [1, "two", True]}})
            properties = pika.BasicProperties(content_type="text/plain", headers=PIKA_HEADERS, priority=3)
            channel.basic_publish(exchange, "a.b", b"x" * 200_000, properties, mandatory=True)
            channel.basic_nack(channel.basic_get(queue)[0].delivery_tag, requeue=True)
            channel.queue_unbind(queue, exchange, "a.#")
            channel.queue_purge(queue)
        seen = {"pika"}
        if shutil.which("amqp-publish"):
            subprocess.run(["amqp-publish", "-u", self.through.url, "-r", queue, "-b", "hello"], check=True)
            subprocess.run(["amqp-consume", "-u", self.through.url, "-q", queue, "-c", "1", "cat"], check=True,
                           stdout=subprocess.DEVNULL)
            seen.add("rabbitmq-c")
        if AMQPLIB:
            script = """const amqp = require("amqplib");
                (async () => { const c = await amqp.connect(process.argv[1]); const ch = await c.createConfirmChannel();
                await ch.assertQueue(process.argv[2], {durable: true}); ch.sendToQueue(process.argv[2], Buffer.from("m"),
                {headers: """ + AMQPLIB_HEADERS + """});
                await ch.waitForConfirms(); await ch.get(process.argv[2], {noAck: true}); await c.close(); })();"""
            subprocess.run(["node", "-e", script, self.through.url, queue], cwd=AMQPLIB, check=True)
            seen.add("amqplib")
        ours = [o for o in self.dump_agrees() if o["type"] == "method" and o["method"] == "start-ok"]
        self.assertEqual(len(ours), len(seen) + (1 if "rabbitmq-c" in seen else 0))

    def dump_agrees(self):
        self.stop()
        ours = self.dumped()
        packets = ElementTree.fromstring(self.decode("-T", "pdml", "-Y", "amqp"))
        theirs = [frame for packet in packets for frame in shark_frames(packet)]
        self.assertGreater(len(theirs), 20)
        self.tables = 0
        frames = [o for o in ours if o["type"] in ("method", "header")]
        for number in {o["stream"] for o in frames}:
            for side in ("client", "server"):
                mine = [o for o in frames if (o["stream"], o["from"]) == (number, side)]
                others = [m for m in theirs if m["stream"] == number and (m["port"] == self.through.port) == (side == "server")]
                self.assertEqual([(o["channel"], o["class"], o.get("method", o.get("body_size"))) for o in mine],
                                 [(m["channel"], *m["what"]) for m in others])
                for o, m in zip(mine, others):
                    self.same_fields(o.get("fields", o.get("properties")), m["fields"])
        self.assertGreater(self.tables, 10)
        return ours

    def same_fields(self, ours, theirs):
        """What is reserved tshark shows always, we do where it says something. Its bytes of a string are with or
        without the length."""
        for name, field in theirs.items():
            name = SHARK_NAMES.get(name, name)
            value = ours.get(name, "")
            shown = field.get("show")
            if name in SHARK_TABLES:
                self.assertEqual(our_table(value.items()), shark_table(field), name)
                self.tables += len(value) > 0
            elif isinstance(value, bool):
                self.assertEqual(shown in ("1", "True"), value, name)
            elif isinstance(value, int):
                self.assertEqual(int(shown, 0), value, name)
            elif name in ours:
                text = value.encode()
                self.assertIn(bytes.fromhex(field.get("value") or ""),
                              [text, bytes([len(text) % 256]) + text, len(text).to_bytes(4, "big") + text], name)
        for name in ours:
            self.assertIn(name, {SHARK_NAMES.get(n, n) for n in theirs})

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
