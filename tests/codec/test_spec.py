#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Compares spec/amqp091.def, row by row and both ways, with the machine-readable specifications in Debian's
package amqp-specs: the 0-9-1 file, and RabbitMQ's extended one."""

import ast
import os
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLAIN = "/usr/share/amqp/specs/0-9-1/amqp0-9-1.stripped.xml"
RABBIT = "/usr/share/amqp/specs/0-9-1-rabbit/amqp0-9-1.stripped.extended.xml"

# RabbitMQ speaks these, and neither file has them.
ABSENT = {"connection.blocked", "connection.unblocked", "connection.update-secret", "connection.update-secret-ok"}
# In the text of the specification (basic.return), not in the files.
ABSENT_CONSTANTS = {"no-route"}
# RabbitMQ's names for reserved fields are older than the XML's "reserved-N"; the rows are in wire order.
NOWAIT = {"no-wait": "nowait"}

ROWS = r"""
#define LEV_CONSTANT(N, name, value, what, closes) ROW("constant", name, value, #what, #closes)
#define LEV_DOMAIN(id, name, wire) ROW("domain", name, #wire)
#define LEV_CLASS(N, name, id) ROW("class", name, id)
#define LEV_METHOD(N, id, c, m, cid, mid, from, flags, send, recv, replies) \
    ROW("method", c, m, cid, mid, #from, #flags, #replies, #N)
#define LEV_FIELD(N, id, wire, field, domain, flags) ROW("field", #N, #wire, #field, #domain, #flags)
#define LEV_PROPERTY(N, id, wire, bit) ROW("property", #id, #wire, bit)
#include "amqp091.def"
"""


def rows():
    """Our rows, as the preprocessor sees them."""
    text = subprocess.run(["cc", "-E", "-P", "-I", os.path.join(ROOT, "spec"), "-"], input=ROWS, text=True,
                          capture_output=True, check=True).stdout
    lines = [line.strip() for line in text.replace(") ROW(", ")\nROW(").splitlines()]
    return [ast.literal_eval(line[3:]) for line in lines if line.startswith("ROW")]


def dashed(name):
    return name.replace("_", "-")


class Ours:
    def __init__(self):
        table = rows()
        self.constants = {r[1]: (int(r[2]), r[3], r[4]) for r in table if r[0] == "constant"}
        self.domains = {r[1]: r[2] for r in table if r[0] == "domain"}
        self.classes = {r[1]: int(r[2]) for r in table if r[0] == "class"}
        self.methods = {f"{r[1]}.{r[2]}": r[3:] for r in table if r[0] == "method"}
        self.fields = {}
        for r in table:
            if r[0] == "field":
                self.fields.setdefault(r[1], []).append(r[2:])
        self.properties = [r[1:] for r in table if r[0] == "property"]


class Spec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ours = Ours()
        cls.plain = ET.parse(PLAIN).getroot()
        cls.rabbit = ET.parse(RABBIT).getroot()
        cls.wire = {d.get("name"): d.get("type") for d in cls.rabbit.iter("domain")}

    def xml_methods(self, root):
        return {f"{c.get('name')}.{m.get('name')}": (c, m) for c in root.iter("class") for m in c.iter("method")}

    def test_constants(self):
        theirs = {c.get("name"): c for c in self.plain.iter("constant")}
        self.assertEqual(set(theirs), set(self.ours.constants) - ABSENT_CONSTANTS)
        closes = {"soft-error": "CHANNEL", "hard-error": "CONNECTION", None: "NOTHING"}
        for name, c in theirs.items():
            value, what, ends = self.ours.constants[name]
            self.assertEqual(value, int(c.get("value")), name)
            self.assertEqual(ends, closes[c.get("class")], name)
            frame = name.startswith("frame-") and name != "frame-error"
            self.assertEqual(what != "REPLY_CODE", frame, name)

    def test_domains(self):
        self.assertEqual(self.wire, self.ours.domains)

    def test_classes(self):
        theirs = {c.get("name"): int(c.get("index")) for c in self.rabbit.iter("class")}
        self.assertEqual(theirs, self.ours.classes)

    def test_methods(self):
        theirs = self.xml_methods(self.rabbit)
        self.assertEqual(set(theirs), set(self.ours.methods) - ABSENT)
        for name, (c, m) in theirs.items():
            class_id, method_id, sender, flags, replies, _ = self.ours.methods[name]
            self.assertEqual((int(class_id), int(method_id)), (int(c.get("index")), int(m.get("index"))), name)
            self.assertEqual("CONTENT" in flags, m.get("content") == "1", name)
            if name not in ("channel.flow-ok", "basic.recover"):  # the XML has the one not, the other async
                self.assertEqual("SYNC" in flags, m.get("synchronous") == "1", name)
            receivers = {x.get("name") for x in m.findall("chassis")}
            senders = {"SERVER": {"client"}, "CLIENT": {"server"}, "BOTH": {"client", "server"}}[sender]
            self.assertEqual(receivers, senders, name)

    def test_answers(self):
        for name, (c, m) in self.xml_methods(self.rabbit).items():
            named = {r.get("name") for r in m.findall("response")}
            ours = self.ours.methods[name][4]
            if name == "basic.recover":  # its recover-ok is a method of its own in the XML
                named = {"recover-ok"}
            wanted = {f"{c.get('name')}-{r}".upper().replace("-", "_") for r in named}
            inside = ours[ours.find("(") + 1:-1] if "(" in ours else ""
            self.assertEqual({x.strip() for x in inside.split(",") if x.strip()}, wanted, name)

    def test_extensions(self):
        plain = self.xml_methods(self.plain)
        for name, row in self.ours.methods.items():
            self.assertEqual("RABBIT" in row[3], name not in plain, name)

    def test_fields(self):
        for name, (_, m) in self.xml_methods(self.rabbit).items():
            ours = self.ours.fields.get(self.ours.methods[name][5], [])
            theirs = m.findall("field")
            self.assertEqual(len(ours), len(theirs), name)
            for (wire, field, domain, flag), f in zip(ours, theirs):
                where = f"{name} {field}"
                their_domain = f.get("domain") or f.get("type")
                self.assertEqual(wire, self.wire[their_domain], where)
                self.assertEqual(dashed(domain), their_domain, where)
                self.assertEqual(flag == "RESERVED", f.get("reserved") == "1", where)
                if flag != "RESERVED":
                    self.assertEqual(dashed(field), NOWAIT.get(f.get("name"), f.get("name")), where)
                self.assertEqual(flag == "NOWAIT", f.get("name") in ("no-wait", "nowait"), where)

    def test_properties(self):
        basic = next(c for c in self.rabbit.iter("class") if c.get("name") == "basic")
        theirs = basic.findall("field")
        self.assertEqual(len(theirs), 14)
        self.assertEqual(len(self.ours.properties), 14)
        for i, ((name, wire, bit), f) in enumerate(zip(self.ours.properties, theirs)):
            self.assertEqual(int(bit), 15 - i, name)
            self.assertEqual(wire, self.wire[f.get("domain") or f.get("type")], name)
            if f.get("name") != "reserved":
                self.assertEqual(dashed(name), f.get("name"))
        self.assertEqual(self.ours.properties[13][0], "cluster_id")


if __name__ == "__main__":
    if not os.path.exists(PLAIN) or not os.path.exists(RABBIT):
        print("skipped: Debian's amqp-specs is not installed", file=sys.stderr)
        sys.exit(77)
    unittest.main()
