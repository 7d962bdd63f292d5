#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""The checker finds each kind of harm in a pair of ledgers that is right otherwise."""

import unittest

import checker

# Ten messages; after a loss 4 to 6 had no outcome. 4 and 5 had arrived, so they come twice.
PRODUCER = """begin
intent 1 1 6
confirmed 1 1 3
blocked 1764000000000
lost 1764000000001
intent 1 7 8
recovered 1764000000002
confirmed 1 4 8
begin
intent 1 9 10
confirmed 1 9 9
confirmed 1 10 10
"""
CONSUMER = """begin
got 1 1 -
got 1 2 -
got 1 3 -
got 1 4 -
got 1 5 -
got 1 4 d
got 1 5 d
got 1 6 d
got 1 7 -
lost 1764000000001
recovered 1764000000002
got 1 7 r
got 1 8 -
got 1 9 -
got 1 10 -
"""


def rules(producer=PRODUCER, consumer=CONSUMER, count=10):
    findings = checker.check(producer.splitlines(True), consumer.splitlines(True), count)
    return [each.rule for each in findings]


class Ledgers(unittest.TestCase):
    def without(self, text, line):
        self.assertIn(line, text)
        return text.replace(line, "", 1)

    def instead(self, text, line, other):
        self.assertIn(line, text)
        return text.replace(line, other, 1)

    def test_what_is_right_passes(self):
        self.assertEqual(rules(), [])

    def test_confirmed_and_lost(self):
        self.assertEqual(rules(consumer=self.without(CONSUMER, "got 1 9 -\n")), ["lost"])

    def test_not_confirmed_and_lost(self):
        ledgers = self.without(PRODUCER, "confirmed 1 10 10\n"), self.without(CONSUMER, "got 1 10 -\n")
        self.assertEqual(rules(*ledgers, count=None), [])
        self.assertEqual(rules(*ledgers), ["unfinished"])

    def test_a_whole_channel_lost(self):
        self.assertEqual(set(rules(PRODUCER + "intent 2 1 2\nconfirmed 2 1 2\n", count=None)), {"lost"})
        findings = checker.check(PRODUCER.splitlines(True), CONSUMER.splitlines(True), 10, [1, 2])
        self.assertEqual({(each.rule, each.channel) for each in findings}, {("unfinished", 2)})

    def test_invented(self):
        self.assertEqual(rules(consumer=CONSUMER + "got 1 11 -\n"), ["invented"])
        self.assertEqual(rules(consumer=CONSUMER + "got 1 0 r\n"), ["invented"])
        self.assertEqual(rules(consumer=CONSUMER + "bad 1 a body of 3 bytes\n"), ["invented"])
        self.assertEqual(rules(consumer=CONSUMER + "got 2 1 -\n", count=None), ["invented"])

    def test_unexplained_duplicate(self):
        self.assertIn("duplicate", rules(consumer=self.instead(CONSUMER, "got 1 5 d", "got 1 5 -")))
        self.assertIn("duplicate", rules(consumer=self.instead(CONSUMER, "got 1 7 r", "got 1 7 -")))

    def test_a_mark_that_is_not_true(self):
        self.assertEqual(rules(consumer=self.instead(CONSUMER, "got 1 9 -", "got 1 9 d")), ["mark"])
        self.assertEqual(rules(consumer=self.instead(CONSUMER, "got 1 3 -", "got 1 3 d")), ["mark"])

    def test_broken_order(self):
        swapped = self.instead(CONSUMER, "got 1 9 -\ngot 1 10 -\n", "got 1 10 -\ngot 1 9 -\n")
        self.assertEqual(set(rules(consumer=swapped)), {"order"})
        swapped = self.instead(CONSUMER, "got 1 6 d\ngot 1 7 -\n", "got 1 7 -\ngot 1 6 d\n")
        self.assertEqual(rules(consumer=swapped), ["order"])
        late = self.instead(CONSUMER, "got 1 6 d\n", "") + "got 1 6 d\n"
        self.assertIn("order", rules(consumer=late))

    def test_duplicates_in_disorder(self):
        shuffled = "got 1 7 d\ngot 1 6 d\ngot 1 5 d\n"
        self.assertEqual(rules(consumer=CONSUMER + shuffled), ["order"])
        in_order = "got 1 5 d\ngot 1 6 d\ngot 1 7 d\n"
        self.assertEqual(rules(consumer=CONSUMER + in_order), [])

    def test_an_old_connection_and_a_new_one_at_a_time(self):
        """The broker still takes what the old one has sent: two ascending streams, mixed."""
        mixed = "got 1 5 d\ngot 1 9 d\ngot 1 6 d\ngot 1 10 d\ngot 1 7 d\n"
        producer = self.instead(PRODUCER, "confirmed 1 9 9\n", "").replace("confirmed 1 10 10\n", "") \
            + "lost 5\nagain 1 9 10\nconfirmed 1 9 10\n"
        self.assertEqual(rules(producer, CONSUMER + mixed), [])
        self.assertEqual(rules(producer, CONSUMER + "".join(f"got 1 {i} d\n" for i in (10, 9, 7, 6))), ["order"])

    def test_a_copy_before_what_is_delivered_once_more(self):
        """The original was on its way to a consumer that was killed; its copy comes at once."""
        late = self.instead(CONSUMER, "got 1 6 d\n", "") + "got 1 6 d\n"
        self.assertIn("order", rules(consumer=late))
        self.assertEqual(rules(consumer=late + "got 1 6 r\n"), [])

    def test_outcomes(self):
        self.assertEqual(rules(PRODUCER + "confirmed 1 4 4\n"), ["outcome"])
        self.assertEqual(rules(PRODUCER + "nacked 1 9 9\n"), ["outcome"])
        self.assertEqual(rules(PRODUCER + "confirmed 1 11 11\n"), ["lost", "outcome"])

    def test_intents(self):
        self.assertEqual(rules(PRODUCER + "intent 1 12 12\n"), ["outcome"])
        self.assertEqual(rules(self.instead(PRODUCER, "intent 1 9 10\n", "intent 1 9 10\nintent 1 9 9\n")), ["outcome"] * 2)

    def test_refused_and_published_again(self):
        refused = self.instead(PRODUCER, "confirmed 1 9 9\n", "nacked 1 9 9\nintent 1 9 9\n") + "confirmed 1 9 9\n"
        late = self.instead(CONSUMER, "got 1 9 -\ngot 1 10 -\n", "got 1 10 -\ngot 1 9 -\n")
        self.assertEqual(rules(refused, late), [])
        self.assertEqual(rules(refused, self.instead(late, "got 1 9 -", "got 1 9 d")), [])

    def test_killed_and_published_again(self):
        killed = self.instead(PRODUCER, "confirmed 1 10 10\n", "begin\nagain 1 10 10\nconfirmed 1 10 10\n")
        self.assertEqual(rules(killed), [])
        self.assertEqual(rules(killed, CONSUMER + "got 1 10 d\n"), [])
        self.assertEqual(set(rules(killed, CONSUMER + "got 1 10 -\n")), {"duplicate", "order"})

    def test_a_torn_line_did_not_happen(self):
        self.assertEqual(rules(PRODUCER + "intent 1 11 1", CONSUMER + "got 1 1"), [])
        self.assertEqual(rules(consumer=CONSUMER[:-1]), ["lost"])

    def test_unknown_words(self):
        for ledgers in ((PRODUCER + "maybe 1 1 1\n", CONSUMER), (PRODUCER, CONSUMER + "maybe 1\n")):
            with self.assertRaises(ValueError):
                rules(*ledgers)


if __name__ == "__main__":
    unittest.main()
