#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Compares our codec with three that others wrote: pamqp, py-amqp and, where node and npm's registry are there,
amqplib. Random methods, content headers and tables go both ways:

    ours    we encode, they decode: the same values
    theirs  they encode the same values, we decode: the same values, and the same bytes when we encode them again

A value here is [letter, value] as tests/codec/compare.c writes it. What a codec does differently is named in its
DEVIATIONS and comes true in test_deviations; no other difference passes. COMPARE names the C program, TEST_RUNNER
an emulator for it,
COMPARE_ROUNDS says how many structures (2000) go each way, COMPARE_SEED where they begin (0)."""

import calendar
import datetime
import decimal
import json
import logging
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest
from fractions import Fraction

try:
    import amqp
    import pamqp  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}; Debian's python3-pamqp and python3-amqp have it", file=sys.stderr)
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = [*os.environ.get("TEST_RUNNER", "").split(),
           os.environ.get("COMPARE", os.path.join(ROOT, "build/tests/codec/compare"))]
AMQPLIB = os.path.join(ROOT, "build/amqplib")
ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "2000"))
SEED = int(os.environ.get("COMPARE_SEED", "0"))
BATCH = 2000
YEAR_9999 = 253402300799
PROPERTIES = ["content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id",
              "reply_to", "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"]
INTEGERS = "bBsuIilLU"


def ask(command, lines):
    """Answers of a line filter, one for each line."""
    out = subprocess.run(command, input="".join(line + "\n" for line in lines), text=True, capture_output=True,
                         check=True).stdout.splitlines()
    if len(out) != len(lines):
        raise AssertionError(f"{command[0]}: {len(out)} answers to {len(lines)} lines")
    return [json.loads(line) for line in out]


def kind_of(item):
    return {"header": "H", "table": "T"}.get(item["name"], "M")


def signed(n, bits):
    return n - (1 << bits) if n >> (bits - 1) & 1 else n


def bits_of(number):
    return struct.pack(">d", number).hex()


def number_of(bits):
    return struct.unpack(">f" if len(bits) == 8 else ">d", bytes.fromhex(bits))[0]


def seconds(moment):
    return calendar.timegm(moment.utctimetuple())


def seen(x):
    """A Python value that was decoded, in the form that both sides are compared in."""
    if x is None:
        return ["V", None]
    if isinstance(x, bool):
        return ["t", x]
    if isinstance(x, int):
        return ["n", x]
    if isinstance(x, float):
        return ["f", bits_of(x)]
    if isinstance(x, str):
        return ["s", x.encode().hex()]
    if isinstance(x, (bytes, bytearray)):
        return ["s", x.hex()]
    if isinstance(x, decimal.Decimal):
        return ["D", str(Fraction(x))]
    if isinstance(x, datetime.datetime):
        return ["T", seconds(x)]
    if isinstance(x, list):
        return ["A", [seen(item) for item in x]]
    return ["F", sorted([key.encode().hex(), *seen(v)] for key, v in x.items())]


def in_order(letter, v):
    """A value with the entries of its tables in the order of their keys."""
    if letter == "A":
        return [letter, [in_order(*item) for item in v]]
    if letter == "F":
        return [letter, sorted([key, *in_order(*item)] for key, *item in v)]
    return [letter, v]


class Codec:
    """What pamqp and py-amqp have in common. `letters` are those that it reads as RabbitMQ does, or reads as a
    number with another sign, which `read` tells."""
    last = YEAR_9999

    def native(self, letter, v):
        """The Python value that stands for ours."""
        if letter in "fd":
            return number_of(v)
        if letter == "D":
            raw = signed(v[1], 32)
            return decimal.Decimal((int(raw < 0), [int(c) for c in str(abs(raw))], -v[0]))
        if letter == "S":
            return bytes.fromhex(v).decode()
        if letter == "x":
            return self.octets(bytes.fromhex(v))
        if letter == "T":
            return datetime.datetime.utcfromtimestamp(v)
        if letter == "A":
            return [self.native(*item) for item in v]
        if letter == "F":
            return {bytes.fromhex(key).decode(): self.native(*item) for key, *item in v}
        return v

    def native_field(self, wire, v):
        if wire == "table":
            return self.native("F", v)
        return bytes.fromhex(v).decode() if wire in ("shortstr", "longstr") else v

    def read(self, letter, v):
        """What it must see in our bytes, in the form of seen()."""
        if letter == "A":
            return ["A", [self.read(*item) for item in v]]
        if letter == "F":
            return ["F", sorted([key, *self.read(*item)] for key, *item in v)]
        return seen(self.native(letter, v))

    def read_field(self, wire, v):
        return self.read("F", v) if wire == "table" else seen(self.native_field(wire, v))

    def written(self, letter, v):
        """The letter and value nearest to ours that it can write."""
        if letter == "A":
            return ["A", [self.written(*item) for item in v]]
        if letter == "F":
            return ["F", [[self.key(key), *self.written(*item)] for key, *item in v]]
        return self.written_scalar(letter, v)

    def written_fields(self, item):
        return [[name, wire, self.written("F", v)[1] if wire == "table" else v] for name, wire, v in item["fields"]]

    @staticmethod
    def key(key):
        return key

    def encode_all(self, items):
        return [self.encode(item) for item in items]

    def decode_all(self, items):
        return [self.decode_or_tell(item) for item in items]

    def decode_or_tell(self, item):
        try:
            return self.decode(item)
        except (ValueError, LookupError, struct.error, amqp.AMQPError) as error:
            return {"error": repr(error)}

    def encode(self, item):
        kind = kind_of(item)
        if kind == "T":
            return self.encode_table(self.native("F", item["fields"][0][2]))[4:]
        fields = {name: self.native_field(wire, v) for name, wire, v in item["fields"]}
        if kind == "M":
            ids = bytes.fromhex(item["hex"][:8])
            return ids + self.encode_method(ids, list(fields.values()))
        return self.encode_header(item["size"], fields)

    def decode(self, item):
        """Pairs of a field's number and what it is seen to hold."""
        payload = bytes.fromhex(item["hex"])
        kind = kind_of(item)
        if kind == "T":
            return [[0, *seen(self.decode_table(struct.pack(">I", len(payload)) + payload))]]
        if kind == "M":
            values = self.decode_method(payload[:4], payload[4:])
            return [[i, *seen(v)] for i, v in enumerate(values)]
        return [[i, *seen(v)] for i, v in enumerate(self.decode_header(payload)) if v is not None]


class Pamqp(Codec):
    letters = "tbBsuIilLfdDSxAFTV"
    octets = bytearray
    DEVIATIONS = {
        "reads no U": "pika and py-amqp do; RabbitMQ does not either",
        "no negative b": "-128 to -1 is packed as an unsigned octet, which fails; a defect, RabbitMQ's b is signed",
        "keys cut to 128": "in characters, the specification's limit for names; RabbitMQ takes 255 bytes",
        "reads D unsigned": "and writes it signed, as the specification's text and RabbitMQ's page have it",
        "loses small D": "a decimal that Python prints with an exponent is written as 0",
        "writes floats as f": "and so loses half of their bits",
        "longlong is signed": "a delivery tag from 2**63 on is negative; the specification has it unsigned",
        "omits empty properties": "an empty string is taken for an absent one; the specification tells them apart",
        "dates end in 9999": "Python's datetime does; the wire has 64 bits",
        "validates names": "names outside of the specification's pattern are refused; RabbitMQ takes them",
    }

    def __init__(self):
        from pamqp import commands, decode, encode, header
        self.commands, self.encoder, self.decoder, self.header = commands, encode, decode, header
        logging.getLogger("pamqp").setLevel(logging.CRITICAL)
        self.classes = {struct.pack(">I", i): c for i, c in commands.INDEX_MAPPING.items()}
        self.validates = {c: c.validate for c in self.classes.values()}
        for c in (*self.classes.values(), commands.Basic.Properties):
            c.validate = lambda _: None  # "validates names"

    @staticmethod
    def key(key):
        return bytes.fromhex(key).decode()[-100:].encode().hex()

    def written_scalar(self, letter, v):
        if letter in INTEGERS:
            v = v - 128 if -128 <= v < 0 else v
            ranges = (("b", 0, 127), ("s", -(1 << 15), (1 << 15) - 1), ("u", 0, (1 << 16) - 1),
                      ("I", -(1 << 31), (1 << 31) - 1), ("i", 0, (1 << 32) - 1), ("l", -(1 << 63), (1 << 63) - 1))
            return [next(x for x, low, high in ranges if low <= v <= high), v]
        if letter == "d":
            number = number_of(v)
            return ["f", struct.pack(">f", number if abs(number) < 3e38 else 0.5).hex()]
        return ["D", [v[0] % 7, v[1]]] if letter == "D" else [letter, v]

    def written_fields(self, item):
        fields = [[name, wire, v & (1 << 63) - 1 if wire == "longlong" else v]
                  for name, wire, v in super().written_fields(item)]
        return [f for f in fields if kind_of(item) != "H" or f[2] != ""]

    def read(self, letter, v):
        return ["D", str(Fraction(v[1], 10 ** v[0]))] if letter == "D" else super().read(letter, v)

    def read_field(self, wire, v):
        if wire == "timestamp":
            return ["T", v]
        return seen(signed(v, 64)) if wire == "longlong" else super().read_field(wire, v)

    def native_field(self, wire, v):
        return self.native("T", v) if wire == "timestamp" else super().native_field(wire, v)

    def encode_table(self, table):
        return self.encoder.field_table(table)

    def decode_table(self, table):
        return self.decoder.field_table(table)[1]

    def encode_method(self, ids, values):
        method = self.classes[ids]()
        for slot, v in zip(method.__slots__, values, strict=True):
            setattr(method, slot, v)
        return method.marshal()

    def decode_method(self, ids, arguments):
        method = self.classes[ids]()
        method.unmarshal(arguments)
        return [getattr(method, slot) for slot in method.__slots__]

    def encode_header(self, size, fields):
        properties = self.commands.Basic.Properties()
        for name, v in fields.items():
            setattr(properties, properties.__slots__[PROPERTIES.index(name)], v)
        return self.header.ContentHeader(0, size, properties).marshal()

    def decode_header(self, payload):
        header = self.header.ContentHeader()
        for slot in header.properties.__slots__:
            setattr(header.properties, slot, None)
        header.unmarshal(payload)
        return [getattr(header.properties, slot) for slot in header.properties.__slots__]


class PyAmqp(Codec):
    letters = "tbBuIilLUfdDSxAFTV"
    octets = bytes
    DEVIATIONS = {
        "reads s as a short string": "the specification's text has it so; RabbitMQ and all others read an int16",
        "swaps b and B": "b is read unsigned and B signed; a defect, against the specification and RabbitMQ",
        "reads l unsigned": "the specification's text has it so; RabbitMQ reads and writes it signed",
        "writes L": "for integers over 31 bits; the specification's letter, which RabbitMQ reads like l",
        "writes no x": "bytes are written as S",
        "challenge is a shortstr": "of connection.secure; a defect, it is a longstr",
        "dates end in 9999": "Python's datetime does; the wire has 64 bits",
    }
    FORMATS = {"bit": "b", "octet": "o", "short": "B", "long": "l", "longlong": "L", "shortstr": "s",
               "longstr": "S", "table": "F"}

    def __init__(self):
        from amqp import basic_message, serialization
        from pamqp import commands
        self.codec, self.message = serialization, basic_message.Message
        # It has each method's format where the method is used; the fields' types are pamqp's, not ours.
        self.formats = {struct.pack(">I", i): "".join(self.FORMATS[c.amqp_type(slot)] for slot in c.__slots__)
                        for i, c in commands.INDEX_MAPPING.items()}

    def written_scalar(self, letter, v):
        if letter in INTEGERS:
            return ["I" if abs(v) < 1 << 31 else "L", v]
        if letter == "f":
            return ["d", bits_of(number_of(v))]
        return ["S", v] if letter == "x" else [letter, v]

    def read(self, letter, v):
        if letter in "bBl":
            return ["n", v & 0xFF if letter == "b" else signed(v, 8) if letter == "B" else v & (1 << 64) - 1]
        return super().read(letter, v)

    def native(self, letter, v):
        try:
            return super().native(letter, v)
        except UnicodeDecodeError:
            return bytes.fromhex(v)  # "writes no x"

    def encode_table(self, table):
        return self.codec.dumps("F", [table])

    def decode_table(self, table):
        return self.codec.loads("F", table, 0)[0][0]

    def encode_method(self, ids, values):
        return self.codec.dumps(self.formats[ids], values)

    def decode_method(self, ids, arguments):
        values, end = self.codec.loads(self.formats[ids], arguments, 0)
        if end != len(arguments):
            raise AssertionError(f"{end} of {len(arguments)} bytes read")
        return values

    def name(self, i):
        return self.message.PROPERTIES[i][0]

    def encode_header(self, size, fields):
        message = self.message("", **{self.name(PROPERTIES.index(name)): v for name, v in fields.items()})
        return struct.pack(">HHQ", 60, 0, size) + message._serialize_properties()

    def decode_header(self, payload):
        message = self.message()
        message.inbound_header(payload)
        return [message.properties.get(self.name(i)) for i in range(len(PROPERTIES))]


class Amqplib(Codec):
    letters = "tbBsuIilfdDSxAFTV"
    last = (1 << 64) - 1
    DEVIATIONS = {
        "reads no U and no L": "pika and py-amqp read both, RabbitMQ reads L",
        "numbers are doubles": "integers over 53 bits are rounded when read, and so are delivery tags and times",
        "loses __proto__": "as a key; a defect",
        "takes ! for its own": "a nested table with that key is written as one typed value, or not at all",
        "replaces what is not UTF-8": "in S; RabbitMQ passes any bytes on",
        "D is unsigned": "as in the specification's grammar; its text and RabbitMQ's page have it signed",
    }

    def __init__(self):
        node = shutil.which("node")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare.js")
        self.command = [node, script, AMQPLIB]

    def written_scalar(self, letter, v):
        return [letter, v]

    def written_fields(self, item):
        return [[name, wire, v % (1 << 53) if wire in ("longlong", "timestamp") else v]
                for name, wire, v in super().written_fields(item)]

    def read(self, letter, v):
        if letter in INTEGERS:
            return ["f", bits_of(float(v))]
        if letter == "T":
            return ["T", bits_of(float(v))]
        return ["D", v] if letter == "D" else super().read(letter, v)

    def octets(self, v):
        return v

    def read_field(self, wire, v):
        if wire in ("octet", "short", "long", "longlong", "timestamp"):
            return ["f", bits_of(float(v))]
        return super().read_field(wire, v)

    def texts(self, letter, v):
        """JSON numbers are doubles in JavaScript: what needs 64 bits goes as text."""
        if letter == "A":
            return ["A", [self.texts(*item) for item in v]]
        if letter == "F":
            return ["F", [[key, *self.texts(*item)] for key, *item in v]]
        return [letter, str(v) if letter in "lT" else v]

    def encode_all(self, items):
        lines = []
        for item in items:
            kind = kind_of(item)
            fields = [[PROPERTIES.index(name) if kind == "H" else i, wire,
                       self.texts("F", v)[1] if wire == "table" else v]
                      for i, (name, wire, v) in enumerate(item["fields"])]
            about = int(item["hex"][:8], 16) if kind == "M" else str(item.get("size"))
            lines.append(json.dumps(["encode", kind, about, fields]))
        answers = ask(self.command, lines)
        for line, answer in zip(lines, answers):
            if not isinstance(answer, str):
                raise AssertionError(f"amqplib: {answer} to {line}")
        return [bytes.fromhex(answer) for answer in answers]

    def decode_all(self, items):
        answers = ask(self.command, [json.dumps(["decode", kind_of(x), x["hex"]]) for x in items])
        return [x if isinstance(x, dict) else [[i, *in_order(*v)] for i, *v in x] for x in answers]


class Compared:
    """The tests of one codec."""

    def made(self, first, count):
        lines = [f"G {seed} {self.codec.letters} {self.codec.last}" for seed in range(first, first + count)]
        items = ask(PROGRAM, lines)
        for item in items:
            self.assertNotIn("error", item)
        return items

    def batches(self):
        for first in range(SEED, SEED + ROUNDS, BATCH):
            yield first, self.made(first, min(BATCH, SEED + ROUNDS - first))

    def index(self, item, i):
        return PROPERTIES.index(item["fields"][i][0]) if kind_of(item) == "H" else i

    def test_ours(self):
        """What we encode, they decode."""
        for first, items in self.batches():
            for item, got in zip(items, self.codec.decode_all(items), strict=True):
                wanted = [[self.index(item, i), *self.codec.read_field(wire, v)]
                          for i, (_, wire, v) in enumerate(item["fields"])]
                self.assertEqual(got, wanted, f"{item['name']}, seeds from {first}: {item['hex']}")

    def test_theirs(self):
        """What they encode, we decode, and encode to the same bytes."""
        for first, items in self.batches():
            wanted = [{**item, "fields": self.codec.written_fields(item)} for item in items]
            payloads = self.codec.encode_all(wanted)
            answers = ask(PROGRAM, [f"{kind_of(item)} {payload.hex()}" for item, payload in zip(items, payloads)])
            for item, payload, answer in zip(wanted, payloads, answers, strict=True):
                where = f"{item['name']}, seeds from {first}: {payload.hex()}"
                self.assertEqual(answer.get("name"), item["name"], where)
                self.assertEqual(answer.get("size"), item.get("size"), where)
                self.assertEqual(self.ordered(answer), self.ordered(item), where)
                self.assertEqual(answer["hex"], payload.hex(), where)

    def ordered(self, item):
        return [[name, wire, in_order("F", v) if wire == "table" else v] for name, wire, v in item["fields"]]


    def read(self, entry):
        """What they see in a table with the one given value, hexadecimal with its letter, under the key k."""
        got, = self.codec.decode_all([{"name": "table", "hex": "016b" + entry}])
        return got if isinstance(got, dict) else got[0][2][0][1:]

    def check_deviations(self, **checked):
        """Each deviation has a check that tells whether it is still there."""
        self.assertEqual(set(checked), {name.replace(" ", "_") for name in self.codec.DEVIATIONS})
        for name, holds in checked.items():
            self.assertTrue(holds, name)


def fails(error, call, *args):
    """Whether the call ends with the error."""
    try:
        call(*args)
    except error:
        return True
    return False


class PamqpCompared(Compared, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.codec = Pamqp()

    def test_deviations(self):
        codec = self.codec
        write = codec.encoder.encode_table_value
        declare, ack, properties = (codec.commands.Queue.Declare, codec.commands.Basic.Ack,
                                    codec.commands.Basic.Properties)
        self.check_deviations(**{
            "reads_no_U": "error" in self.read("550001"),
            "no_negative_b": fails(struct.error, write, -1),
            "keys_cut_to_128": codec.encode_table({"k" * 129: None})[4] == 128,
            "reads_D_unsigned": (self.read("4400ffffffff") == ["D", str(0xFFFFFFFF)]
                                 and write(decimal.Decimal(-1)).hex() == "4400ffffffff"),
            "loses_small_D": write(decimal.Decimal("0.0000001")).hex() == "440000000000",
            "writes_floats_as_f": write(0.1)[:1] == b"f",
            "longlong_is_signed": (codec.decode_method(b"\0\x3c\0\x50", b"\xff" * 8 + b"\0")[0] == -1
                                   and fails(TypeError, ack(1 << 63).marshal)),
            "omits_empty_properties": properties(content_type="").marshal() == b"\0\0",
            "dates_end_in_9999": "error" in self.read("54%016x" % (YEAR_9999 + 1)),
            "validates_names": fails(ValueError, codec.validates[declare], declare(queue="\n")),
        })


    def test_names(self):
        """Every method is there, with the names and wire types that pamqp gives to its fields."""
        lines = [f"G {3 * n + 2} S 0" for n in range(len(self.codec.classes))]
        ours = {item["hex"][:8]: [item["name"], *(field[:2] for field in item["fields"])]
                for item in ask(PROGRAM, lines)}
        theirs = {ids.hex(): [self.dashed(c.name), *([self.RENAMED.get((c.name, slot), slot), c.amqp_type(slot)]
                                                     for slot in c.__slots__)]
                  for ids, c in self.codec.classes.items()}
        self.assertEqual(ours, theirs)

    RENAMED = {("Exchange.Declare", "exchange_type"): "type", ("Basic.Qos", "global_"): "global"}

    @staticmethod
    def dashed(name):
        return re.sub("([a-z])([A-Z])", r"\1-\2", name).lower()


class PyAmqpCompared(Compared, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.codec = PyAmqp()

    def test_deviations(self):
        self.check_deviations(**{
            "reads_s_as_a_short_string": self.read("730161") == ["s", "61"],
            "swaps_b_and_B": (self.read("62ff"), self.read("42ff")) == (["n", 255], ["n", -1]),
            "reads_l_unsigned": self.read("6c" + "ff" * 8) == ["n", (1 << 64) - 1],
            "writes_L": self.codec.encode_table({"k": 1 << 31}).hex()[12:] == "4c0000000080000000",
            "challenge_is_a_shortstr": amqp.Connection._METHODS[amqp.spec.Connection.Secure].args == "s",
            "writes_no_x": self.codec.encode_table({"k": b"a"}).hex()[12:] == "530000000161",
            "dates_end_in_9999": "error" in self.read("54%016x" % (YEAR_9999 + 1)),
        })


class AmqplibCompared(Compared, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        found = subprocess.run([os.path.join(ROOT, "tests/amqplib")], capture_output=True, check=False)
        if found.returncode != 0:
            raise unittest.SkipTest("amqplib: it is not there, and npm could not install it")
        cls.codec = Amqplib()

    def written(self, table):
        """What it writes of a table, hexadecimal; nothing where it cannot."""
        try:
            return self.codec.encode_all([{"name": "table", "fields": [["table", "table", table]]}])[0].hex()
        except AssertionError:
            return ""

    def test_deviations(self):
        self.check_deviations(**{
            "reads_no_U_and_no_L": "error" in self.read("550001") and "error" in self.read("4c" + "00" * 8),
            "loses___proto__": self.codec.decode_all([{"name": "table", "hex": b"\x09__proto__V".hex()}])[0]
                               == [[0, "F", []]],
            "takes_!_for_its_own": [self.written([["6b", "F", [[key, "t", True]]]]) == f"016b460000000401{key}7401"
                                    for key in ("21", "22")] == [False, True],
            "replaces_what_is_not_UTF-8": self.read("5300000001e9") == ["s", "\ufffd".encode().hex()],
            "numbers_are_doubles": self.read("6c0020000000000001") == ["f", bits_of(float(1 << 53))],
            "D_is_unsigned": self.read("4400ffffffff") == ["D", [0, 0xFFFFFFFF]],
        })


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # pamqp and datetime warn of what is deprecated
