#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret dump and leveret encode on files: recorded sessions, lines, values, and captures made by hand, in which
segments come twice, too early, in the wrong order, or not at all."""

import glob
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import tempfile
import unittest

LEVERET = os.path.abspath(os.environ.get("LEVERET", "build/leveret"))
LONG = os.environ.get("LEVERET_LONG") == "1"
TRANSCRIPTS = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../transcripts/*.txt")))
HEARTBEAT = bytes.fromhex("08000000000000ce")
OPEN = bytes.fromhex("010001000000050014000a00ce")
OPEN_OK = bytes.fromhex("010001000000080014000b00000000ce")


def run(*args, stdin=b"", code=0):
    ended = subprocess.run([LEVERET, *args], input=stdin, capture_output=True, timeout=120, check=False)
    if ended.returncode != code:
        raise AssertionError(f"{args}: {ended.returncode}, not {code}: {ended.stderr.decode()}")
    return ended.stdout


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def transcript(path):
    """What was said, as pairs of a side and bytes."""
    with open(path, encoding="ascii") as lines:
        return [(line[0], bytes.fromhex(line[2:])) for line in lines if line[0] in "CS"]


def side(said, letter):
    return b"".join(data for who, data in said if who == letter)


class Streams(unittest.TestCase):
    def test_recorded_sessions_come_back(self):
        self.assertGreater(len(TRANSCRIPTS), 5)
        for path in TRANSCRIPTS:
            for letter in "CS":
                with self.subTest(path=path, side=letter):
                    data = side(transcript(path), letter)
                    out = run("dump", "--jsonl", stdin=data)
                    self.assertEqual(run("encode", stdin=out), data)
                    self.assertEqual(run("dump", "--jsonl", "--hex", stdin=data.hex().encode()), out)
                    self.assertNotIn(b'"raw"', out)

    def test_encode_without_what_is_zero(self):
        line = b'{"type":"method","channel":1,"class":"channel","method":"open"}\n{"type":"heartbeat"}\n'
        self.assertEqual(run("encode", stdin=line), OPEN + HEARTBEAT)

    def test_hex(self):
        self.assertEqual(run("dump", "--hex", stdin=b" 0 8 0000\n000000\t00CE\n"), b"0 heartbeat\n")
        self.assertEqual(run("encode", "--hex", stdin=b'{"type":"heartbeat"}\n'), HEARTBEAT.hex().encode() + b"\n")
        for bad in (b"0", b"08 0", b"0g", b"08\n00\nx"):
            run("dump", "--hex", stdin=bad, code=65)

    def test_lines(self):
        data = OPEN.hex().encode() + b"\n\n" + HEARTBEAT.hex().encode() + OPEN.hex().encode() + b"\n"
        out = run("dump", "--lines", "--jsonl", stdin=data)
        self.assertEqual([(o["line"], o["type"]) for o in objects(out)],
                         [(1, "method"), (3, "heartbeat"), (3, "method")])
        self.assertEqual(run("encode", "--lines", stdin=out), data)
        out = run("dump", "--lines", "--jsonl", stdin=b"08\n" + data, code=65)
        self.assertEqual(objects(out)[0]["line"], 1)
        self.assertEqual(run("encode", "--lines", stdin=out), b"08\n" + data)

    def test_from(self):
        self.assertEqual(objects(run("dump", "--jsonl", "--from", "client", stdin=OPEN))[0]["from"], "client")
        self.assertEqual(run("dump", "--from", "server", stdin=OPEN_OK), b"server 1 channel.open-ok\n")

    def test_raw_is_preferred(self):
        stdin = b'{"type":"heartbeat","raw":"0102fF"}\n\n{"raw":""}\n{"raw":"aa","note":1}\n'
        self.assertEqual(run("encode", stdin=stdin), b"\x01\x02\xff\xaa")

    def test_bad_objects_name_their_line(self):
        ended = subprocess.run([LEVERET, "encode"], input=b'{"type":"heartbeat"}\n{"type":"hartbeat"}\n',
                               capture_output=True, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (65, HEARTBEAT))
        self.assertIn(b"line 2", ended.stderr)

    def test_values(self):
        for kind, data, shown in (
                ("table", "00000007 016b 49 00000005", {"k": {"@": "I", "v": 5}}),
                ("table", "00000000", {}),
                ("properties", "9000 03612f62 02", {"content_type": "a/b", "delivery_mode": 2}),
                ("properties", "0000", {})):
            data = bytes.fromhex(data)
            out = run("dump", "--value", kind, "--jsonl", stdin=data)
            self.assertEqual(json.loads(out), shown)
            self.assertEqual(run("encode", "--value", kind, stdin=out), data)
            lines = data.hex().encode() + b"\n"
            out = run("dump", "--value", kind, "--jsonl", "--lines", stdin=lines * 3)
            self.assertEqual(objects(out), [shown] * 3)
            self.assertEqual(run("encode", "--value", kind, "--lines", stdin=out), lines * 3)
        self.assertEqual(run("dump", "--value", "table", "--hex", stdin=b"00000003 016b 56"), b'{"k":V}\n')
        for bad in ("", "00000001", "00000003 016b", "00000003 016b 56 00"):
            out = run("dump", "--value", "table", "--hex", "--jsonl", stdin=bad.encode(), code=65)
            self.assertEqual(json.loads(out)["type"], "malformed")
        run("encode", "--value", "table", stdin=b"[]\n", code=65)

    def test_sequence(self):
        out = run("dump", "--sequence", "--hex", stdin=(b"AMQP\0\0\x09\1" + OPEN).hex().encode() + b"03 0001 00000003 3b233c ce")
        self.assertEqual(out.splitlines()[:3], [b"sequenceDiagram", b"    client->>server: AMQP 0-9-1",
                                                b"    client->>server: 1 channel.open"])
        self.assertIn(b"#59;#35;#60;", out)

    def test_usage(self):
        for args in (("--jsonl", "--hexdump"), ("--pcap", "--hex"), ("--value", "tables"), ("--from", "broker"),
                     ("--value", "table", "--sequence"), ("a", "b"), ("--colour",)):
            run("dump", *args, code=64)
        run("dump", "/no/such/file", code=66)
        run("encode", "/no/such/file", code=66)
        run("dump", "/", code=66)

    def test_a_closed_stdout_is_141_and_a_full_one_74(self):
        data = OPEN * 20000
        reader = subprocess.Popen([LEVERET, "dump"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        reader.stdout.close()
        try:
            reader.communicate(data, 20)
        except BrokenPipeError:
            pass
        self.assertEqual(reader.wait(20), 141)
        with open("/dev/full", "wb") as full:
            for command, stdin in (("dump", data), ("encode", run("dump", "--jsonl", stdin=OPEN))):
                ended = subprocess.run([LEVERET, command], input=stdin, stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(ended.returncode, 74)

    def test_memory_stays_flat(self):
        """Nonsense and good frames, as much as one likes, in little memory."""
        rng = random.Random(7)
        megabytes = 64 if LONG else 10
        nonsense = rng.randbytes(1 << 20)
        good = (OPEN + bytes.fromhex("03 0001 000003e8") + bytes(1000) + b"\xce") * 1000
        for piece in (nonsense, good):
            with tempfile.TemporaryFile() as file:
                for _ in range(megabytes):
                    file.write(piece)
                for form in ("--jsonl", "--hexdump"):
                    file.seek(0)
                    child = subprocess.Popen([LEVERET, "dump", form], stdin=file, stdout=subprocess.DEVNULL)
                    _, status, usage = os.wait4(child.pid, 0)
                    child.returncode = os.waitstatus_to_exitcode(status)
                    self.assertEqual(child.returncode, 65 if piece is nonsense else 0)
                    self.assertLess(usage.ru_maxrss, 50000)


class Spec(unittest.TestCase):
    methods = [line.split()[0].decode() for line in run("spec").splitlines()]

    def test_every_method_has_its_fields_and_an_example(self):
        self.assertEqual(len(self.methods), 64)
        for name in self.methods:
            out = run("spec", name).decode()
            head, example = out.split("    example\n")
            self.assertTrue(head.startswith(name + " "))
            frame = "".join(line[9:9 + 48].replace(" ", "") for line in example.splitlines())
            shown = objects(run("dump", "--jsonl", "--hex", stdin=frame.encode()))[0]
            self.assertEqual(f"{shown['class']}.{shown['method']}", name)
            for field in shown["fields"]:
                self.assertIn(f"\n        {field} ", head)

    def test_a_class_has_all_its_methods(self):
        out = run("spec", "basic").decode()
        for name in self.methods:
            self.assertEqual(f"\n{name} " in "\n" + out, name.startswith("basic."))
        self.assertIn("cluster_id           shortstr   flag 0004", out)

    def test_what_there_is_not(self):
        for args in (("queues",), ("queue.declair",), ("queue.",), ("a", "b"), ("--dot", "queue")):
            run("spec", *args, code=64)

    def test_dot(self):
        out = run("spec", "--dot")
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tsvg"], input=out, stdout=subprocess.DEVNULL, check=True)
        self.assertEqual(out.count(b"{"), out.count(b"}"))
        self.assertIn(b'[label="awaiting channel.close-ok"]', out)


# ---- captures -------------------------------------------------------------------------------------------------

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 5672)
SYN, ACK, FIN = 2, 16, 1


def tcp(source, target, seq, data=b"", flags=ACK):
    ports = struct.pack(">HHIIBBHHH", source[1], target[1], seq % 2 ** 32, 0, 0x50, flags, 65535, 0, 0)
    if ":" in source[0]:
        a, b = (bytes(15) + bytes([int(x[0][-1])]) for x in (source, target))
        return struct.pack(">IHBB", 6 << 28, len(ports) + len(data), 6, 64) + a + b + ports + data
    a, b = (bytes(int(n) for n in x[0].split(".")) for x in (source, target))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(ports) + len(data), 0, 0x4000, 64, 6, 0) + a + b + ports + data


def ethernet(packet, vlan=False):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
    head = bytes(12) + (b"\x81\0\0\7" if vlan else b"") + kind
    return head + packet + bytes(max(0, 60 - len(head) - len(packet)))


def pcap(packets, link=101, order="<", nano=False, snap=65536):
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)
    for packet in packets:
        out += struct.pack(order + "IIII", 0, 0, min(len(packet), snap), len(packet)) + packet[:snap]
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def pcapng(packets, link=1, order="<"):
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", 101, 0, 0)) + block(order, 5, bytes(12))
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0))
    for i, packet in enumerate(packets):
        if i % 3 == 2:
            out += block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, 0, len(packet), len(packet)) + packet)
        else:
            out += block(order, 6, struct.pack(order + "IIIII", 1, 0, 0, len(packet), len(packet)) + packet)
    return out


def session(said, client=CLIENT, server=SERVER, start=1000, step=1000):
    """A transcript as packets, each direction cut into segments of at most `step` bytes."""
    seq = {"C": start, "S": 5 * start}
    ends = {"C": (client, server), "S": (server, client)}
    packets = [tcp(client, server, start - 1, flags=SYN), tcp(server, client, 5 * start - 1, flags=SYN | ACK)]
    for who, data in said:
        for at in range(0, len(data), step):
            packets.append(tcp(*ends[who], seq[who], data[at:at + step]))
            seq[who] += len(data[at:at + step])
    return packets + [tcp(client, server, seq["C"], flags=FIN | ACK), tcp(server, client, seq["S"], flags=FIN | ACK)]


class Captures(unittest.TestCase):
    said = transcript([t for t in TRANSCRIPTS if t.endswith("/consume.txt")][0])

    def check(self, capture, *more, code=0):
        out = run("dump", "--pcap", "--jsonl", *more, stdin=capture, code=code)
        for letter, name in (("C", "client"), ("S", "server")):
            data = run("encode", "--stream", "0", "--from", name, stdin=out)
            if code == 0:
                self.assertEqual(data, side(self.said, letter))
        return objects(out)

    def test_forms_of_files(self):
        packets = session(self.said)
        expected = self.check(pcap(packets))
        self.assertEqual({(o["stream"], o["from"]) for o in expected}, {(0, "client"), (0, "server")})
        frames = [ethernet(p) for p in packets]
        for capture in (pcap(packets, order=">"), pcap(packets, nano=True), pcap(frames, link=1),
                        pcap([ethernet(p, vlan=True) for p in packets], link=1),
                        pcap([bytes(16) + p for p in packets], link=113),
                        pcap([bytes(20) + p for p in packets], link=276),
                        pcap([bytes(4) + p for p in packets], link=0),
                        pcapng(frames), pcapng(frames, order=">")):
            self.assertEqual(self.check(capture), expected)
        small = session(self.said, step=3)
        self.check(pcap([ethernet(p) for p in small], link=1))
        half = len(frames) // 2
        sections = pcapng(frames[:half]) + pcapng(packets[half:], link=101, order=">")
        self.assertEqual(self.check(sections), expected)

    def test_ipv6(self):
        self.check(pcap(session(self.said, ("::1", 40000), ("::2", 5672))))

    def test_both_directions_in_the_order_spoken(self):
        names = [o.get("method", o["type"]) for o in self.check(pcap(session(self.said)))]
        self.assertEqual(names[:6], ["protocol-header", "start", "start-ok", "tune", "tune-ok", "open"])

    def test_segments_of_any_size(self):
        for step in (1, 7, 100):
            self.check(pcap(session(self.said, step=step)))

    def test_sequence_numbers_that_wrap(self):
        self.check(pcap(session(self.said, start=2 ** 32 - 300, step=50)))

    def test_twice_too_early_and_shuffled(self):
        rng = random.Random(1)
        for n in range(20):
            packets = session(self.said, step=40, start=1000 if n % 2 else 2 ** 32 - 300)
            packets += rng.sample(packets, 20)
            head, rest = packets[:3], packets[3:]
            order = sorted(range(len(rest)), key=lambda i, r=rng: i + r.randrange(8))
            self.check(pcap(head + [rest[i] for i in order]))

    def test_overlapping_segments(self):
        data = side(self.said, "C")
        cut = [tcp(CLIENT, SERVER, 1000 + at, data[at:at + 100]) for at in range(0, len(data), 60)]
        only = [p for p in session(self.said) if p[12:16] == bytes([10, 0, 0, 2])]
        self.check(pcap([tcp(CLIENT, SERVER, 999, flags=SYN)] + only + cut))

    def test_a_missing_segment(self):
        packets = session(self.said, step=60)
        missing = next(i for i, p in enumerate(packets) if i > 12 and p[12:16] == bytes([10, 0, 0, 1]) and len(p) > 40)
        shown = self.check(pcap(packets[:missing] + packets[missing + 1:]), code=65)
        self.assertIn("60 bytes are missing here", [o.get("reason") for o in shown])
        self.assertEqual([o["method"] for o in shown if o.get("method") == "close"], ["close"])

    def test_packets_cut_by_the_capture(self):
        shown = self.check(pcap(session(self.said), snap=300), code=65)
        self.assertTrue(any("missing" in o.get("reason", "") for o in shown))

    def test_streams_are_numbered_as_wireshark_does(self):
        web = [tcp(("10.0.0.3", 5), ("10.0.0.4", 80), 1, b"GET / HTTP/1.0\r\n\r\n")]
        tls = [tcp(("10.0.0.3", 6), ("10.0.0.4", 5671), 1, b"\x16\x03\x01\x02\0\x01")]
        packets = web + session(self.said) + tls + session(self.said, ("10.0.0.9", 7), ("10.0.0.8", 9999))
        packets += session(self.said, start=77777)  # the first one's ports once more
        out = run("dump", "--pcap", "--jsonl", stdin=pcap(packets))
        self.assertEqual({o["stream"] for o in objects(out)}, {1, 3, 4})
        for number in "134":
            self.assertEqual(run("encode", "--stream", number, "--from", "client", stdin=out), side(self.said, "C"))
        only = objects(run("dump", "--pcap", "--jsonl", "--from", "server", stdin=pcap(packets)))
        self.assertEqual({o["from"] for o in only}, {"server"})

    def test_a_capture_that_began_later(self):
        packets = session(self.said)[6:]
        shown = objects(run("dump", "--pcap", "--jsonl", stdin=pcap(packets)))
        self.assertEqual([o["from"] for o in shown if o.get("method") == "consume"], ["client"])

    def test_text_and_diagram(self):
        capture = pcap(session(self.said))
        self.assertIn(b"#0 server 0 connection.tune channel_max=", run("dump", "--pcap", stdin=capture))
        self.assertIn(b"    server0->>client0: 0 connection.tune ", run("dump", "--pcap", "--sequence", stdin=capture))

    def test_no_capture(self):
        for bad in (b"", b"AMQP", bytes(100), pcap(session(self.said))[:-5], pcapng([])[:-1] + b"x" * 9):
            run("dump", "--pcap", stdin=bad, code=65)

    def test_broken_captures_do_no_harm(self):
        rng = random.Random(3)
        good = [pcap(session(self.said)), pcapng([ethernet(p) for p in session(self.said)])]
        for n in range(1000 if LONG else 100):
            broken = bytearray(good[n % 2])
            for _ in range(rng.randrange(1, 30)):
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            ended = subprocess.run([LEVERET, "dump", "--pcap", "--jsonl"], input=bytes(broken), capture_output=True,
                                   timeout=20, check=False)
            self.assertIn(ended.returncode, (0, 65), ended.stderr)
            objects(ended.stdout)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main()
