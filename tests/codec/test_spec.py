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

# RabbitMQ speaks these, and neither file has them: ids, sender, flags, answer, and (field, wire type) in order.
ABSENT = {
    "connection.blocked": (10, 60, "SERVER", "RABBIT", "NO_REPLY", [("reason", "shortstr")]),
    "connection.unblocked": (10, 61, "SERVER", "RABBIT", "NO_REPLY", []),
    "connection.update-secret": (10, 70, "CLIENT", "SYNC | RABBIT", "ONE(CONNECTION_UPDATE_SECRET_OK)",
                                 [("new_secret", "longstr"), ("reason", "shortstr")]),
    "connection.update-secret-ok": (10, 71, "SERVER", "SYNC | RABBIT", "NO_REPLY", []),
}
# In the text of the specification (basic.return), not in the files.
ABSENT_CONSTANTS = {"no-route": (312, "REPLY_CODE", "CHANNEL")}
# The XML has no answer to the one, and none to the other that is its own; in the text both have one.
SYNC_HERE = {"channel.flow-ok": False, "basic.recover": True}
# What the plain file lets only one side send, RabbitMQ lets both.
BOTH_HERE = {"basic.ack", "basic.cancel", "basic.cancel-ok"}
# Reserved in the plain file, in use again with RabbitMQ.
REVIVED = {("exchange.declare", "auto_delete"), ("exchange.declare", "internal")}
NOWAIT = {"no-wait": "nowait"}
# RabbitMQ's names for what the XML calls reserved-N, in wire order; every other reserved field is the ticket.
RESERVED = {
    "connection.open": ["capabilities", "insist"],
    "connection.open-ok": ["known_hosts"],
    "channel.open": ["out_of_band"],
    "channel.open-ok": ["channel_id"],
    "basic.get-empty": ["cluster_id"],
}

ROWS = r"""
#define LEV_CONSTANT(N, name, value, what, closes) ROW("constant", name, value, #what, #closes) \
    ROW("name", #N, name)
#define LEV_DOMAIN(id, name, wire) ROW("domain", name, #wire)
#define LEV_CLASS(N, name, id) ROW("class", name, id) ROW("name", #N, name)
#define LEV_METHOD(N, id, c, m, cid, mid, from, flags, send, recv, replies) \
    ROW("method", c, m, cid, mid, #from, #flags, #replies, #N) ROW("name", #N, #id)
#define LEV_FIELD(N, id, wire, field, domain, flags) ROW("field", #N, #wire, #field, #domain, #flags)
#define LEV_PROPERTY(N, id, wire, bit) ROW("property", #id, #wire, bit) ROW("name", #N, #id)
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
        self.names = [r[1:] for r in table if r[0] == "name"]
        self.rows = [r[:3] if r[0] == "method" else r[:2] for r in table if r[0] not in ("field", "name")]


class Spec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ours = Ours()
        cls.plain = ET.parse(PLAIN).getroot()
        cls.rabbit = ET.parse(RABBIT).getroot()
        cls.wire = {d.get("name"): d.get("type") for d in cls.rabbit.iter("domain")}

    def xml_methods(self, root):
        return {f"{c.get('name')}.{m.get('name')}": (c, m) for c in root.iter("class") for m in c.iter("method")}

    def test_names(self):
        """What a row is called in C is what the protocol calls it, and no row comes twice."""
        for macro, name in self.ours.names:
            self.assertEqual(macro, name.upper().replace("-", "_"))
        self.assertEqual(len(self.ours.rows), len(set(self.ours.rows)))

    def test_constants(self):
        theirs = {c.get("name"): c for c in self.plain.iter("constant")}
        extended = {c.get("name"): c.attrib for c in self.rabbit.iter("constant")}
        self.assertEqual({name: c.attrib for name, c in theirs.items()}, extended)
        self.assertEqual(set(theirs) | set(ABSENT_CONSTANTS), set(self.ours.constants))
        for name, row in ABSENT_CONSTANTS.items():
            self.assertEqual(self.ours.constants[name], row)
        closes = {"soft-error": "CHANNEL", "hard-error": "CONNECTION", None: "NOTHING"}
        for name, c in theirs.items():
            value, what, ends = self.ours.constants[name]
            self.assertEqual(value, int(c.get("value")), name)
            self.assertEqual(ends, closes[c.get("class")], name)
            frame = name.startswith("frame-") and name != "frame-error"
            kind = {"frame-end": "FRAME_OCTET", "frame-min-size": "FRAME_SIZE"}.get(name, "FRAME_TYPE")
            self.assertEqual(what, kind if frame else "REPLY_CODE", name)

    def test_domains(self):
        self.assertEqual(self.wire, self.ours.domains)
        self.assertEqual({d.get("name"): d.get("type") for d in self.plain.iter("domain")}, self.ours.domains)

    def test_classes(self):
        theirs = {c.get("name"): int(c.get("index")) for c in self.rabbit.iter("class")}
        self.assertEqual(theirs, self.ours.classes)
        plain = {c.get("name"): int(c.get("index")) for c in self.plain.iter("class")}
        self.assertEqual(plain, {n: i for n, i in self.ours.classes.items() if n != "confirm"})

    def check_method(self, name, c, m, sides):
        class_id, method_id, sender, flags, _, macro = self.ours.methods[name]
        self.assertEqual((int(class_id), int(method_id)), (int(c.get("index")), int(m.get("index"))), name)
        self.assertEqual(macro, name.upper().replace(".", "_").replace("-", "_"), name)
        self.assertEqual("CONTENT" in flags, m.get("content") == "1", name)
        self.assertEqual("SYNC" in flags, SYNC_HERE.get(name, m.get("synchronous") == "1"), name)
        receivers = sides or {x.get("name") for x in m.findall("chassis")}
        senders = {"SERVER": {"client"}, "CLIENT": {"server"}, "BOTH": {"client", "server"}}[sender]
        self.assertEqual(receivers, senders, name)

    def test_methods(self):
        theirs = self.xml_methods(self.rabbit)
        self.assertEqual(set(theirs) | set(ABSENT), set(self.ours.methods))
        for name, (c, m) in theirs.items():
            self.check_method(name, c, m, None)
        for name, (c, m) in self.xml_methods(self.plain).items():
            self.check_method(name, c, m, {"client", "server"} if name in BOTH_HERE else None)

    def test_methods_that_no_file_has(self):
        for name, (*row, fields) in ABSENT.items():
            *ours, macro = self.ours.methods[name]
            self.assertEqual(list(ours), row, name)
            rows = [(field, wire) for wire, field, _, _ in self.ours.fields.get(macro, [])]
            self.assertEqual(rows, fields, name)
            self.assertEqual({flag for *_, flag in self.ours.fields.get(macro, [])} - {"PLAIN", "SECRET"}, set(), name)

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

    def check_fields(self, name, m, revived):
        ours = self.ours.fields.get(self.ours.methods[name][5], [])
        theirs = m.findall("field")
        self.assertEqual(len(ours), len(theirs), name)
        reserved = iter(RESERVED.get(name, ["ticket"]))
        for (wire, field, domain, flag), f in zip(ours, theirs):
            where = f"{name} {field}"
            their_domain = f.get("domain") or f.get("type")
            self.assertEqual(wire, self.wire[their_domain], where)
            self.assertEqual(dashed(domain), their_domain, where)
            self.assertEqual(flag == "NOWAIT", f.get("name") in ("no-wait", "nowait"), where)
            if (name, field) in revived:
                self.assertEqual((flag, f.get("reserved")), ("PLAIN", "1"), where)
            elif f.get("reserved") == "1":
                self.assertEqual((flag, field), ("RESERVED", next(reserved)), where)
            else:
                self.assertNotEqual(flag, "RESERVED", where)
                self.assertEqual(dashed(field), NOWAIT.get(f.get("name"), f.get("name")), where)

    def test_fields(self):
        for name, (_, m) in self.xml_methods(self.rabbit).items():
            self.check_fields(name, m, set())
        for name, (_, m) in self.xml_methods(self.plain).items():
            self.check_fields(name, m, REVIVED)

    def test_properties(self):
        for root in (self.plain, self.rabbit):
            basic = next(c for c in root.iter("class") if c.get("name") == "basic")
            theirs = basic.findall("field")
            self.assertEqual(len(theirs), 14)
            self.assertEqual(len(self.ours.properties), 14)
            for i, ((name, wire, bit), f) in enumerate(zip(self.ours.properties, theirs)):
                self.assertEqual(int(bit), 15 - i, name)
                self.assertEqual(wire, self.wire[f.get("domain") or f.get("type")], name)
                self.assertEqual(dashed(name), {"reserved": "cluster-id"}.get(f.get("name"), f.get("name")))


if __name__ == "__main__":
    if not os.path.exists(PLAIN) or not os.path.exists(RABBIT):
        print("skipped: Debian's amqp-specs is not installed", file=sys.stderr)
        sys.exit(77)
    unittest.main()
