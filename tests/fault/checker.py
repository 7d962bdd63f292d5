#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Compares the ledger of a producer with that of a consumer, and says what is wrong.

    checker.py PRODUCER CONSUMER [COUNT]     COUNT: so many messages on each channel must have come through

Messages have ids 1, 2, 3 ... on each channel, published in this order. What a producer writes to its ledger:

    begin                     it has started, or started again after it was killed
    intent CH FIRST LAST      before it publishes these
    again CH FIRST LAST       before it publishes these once more, marked as in doubt, since it does not know
    confirmed CH FIRST LAST   their outcome; so also returned, nacked, not-sent, in-doubt
    lost MS, recovered MS     what the client tells about the connection, and when
    blocked MS, unblocked MS  what the broker tells; nothing follows from it here

and a consumer:

    begin, lost, recovered    as above
    got CH ID MARKS           before it acks; MARKS: r redelivered, d in doubt, - neither
    bad CH TEXT               something that no producer has made

The rules, for each channel:

    lost        what was confirmed has been got
    invented    what was got had an intent; nothing was bad
    duplicate   of the times that an id was got, one at most bears no mark
    mark        in doubt was marked only what had no outcome at the moment of a loss or of a new begin, or had
                one that is no confirm
    outcome     an intent has one outcome at most, and no outcome is without an intent
    order       ids come for the first time in their order, and without a mark in their order; all together they can be
                a mixture of as many ascending streams as there were connections, for a broker may still take what
                an old one has sent while the next one sends it once more. What the broker delivers once more (r)
                has been on its way to a connection of the consumer's that was lost, and may come at any time; that,
                and what it has refused before (nacked, returned), is out of this
    unfinished  with COUNT: all of them are confirmed
"""

import bisect
import collections
import sys

Finding = collections.namedtuple("Finding", "rule channel text")
OUTCOMES = {"confirmed", "returned", "nacked", "not-sent", "in-doubt"}


def words(lines):
    """The words of each line; the last one may be torn by a kill, and what it announces did not happen."""
    for line in lines:
        if line.endswith("\n"):
            yield line.split()


class Sent:
    """What the producer's ledger says of one channel."""

    def __init__(self):
        self.last = 0
        self.pending = {}
        self.confirmed = set()
        self.refused = set()
        self.doubtful = set()
        self.problems = []

    def intend(self, first, last, again):
        for i in range(first, last + 1):
            if i in self.pending and not again:
                self.problems.append(f"{i} was published twice at a time")
            if i != self.last + 1 and not again and i not in self.refused:
                self.problems.append(f"{i} was published after {self.last}")
            self.last = max(self.last, i)
            self.pending[i] = True

    def settle(self, outcome, first, last):
        for i in range(first, last + 1):
            if self.pending.pop(i, None) is None:
                self.problems.append(f"{i} has an outcome, {outcome}, but awaits none")
            if outcome == "confirmed":
                self.confirmed.add(i)
            else:
                self.refused.add(i)

    def interrupt(self):
        self.doubtful.update(self.pending)


def read_producer(lines):
    """Returns the channels, and how often the connection or the process was lost."""
    channels = collections.defaultdict(Sent)
    losses = 0
    for word, *rest in words(lines):
        if word in ("blocked", "unblocked"):
            continue
        if word in ("begin", "lost", "recovered"):
            losses += word != "recovered"
            for sent in channels.values():
                sent.interrupt()
            continue
        channel, first, last = map(int, rest)
        if word in ("intent", "again"):
            channels[channel].intend(first, last, word == "again")
        elif word in OUTCOMES:
            channels[channel].settle(word, first, last)
        else:
            raise ValueError(f"producer: {word}")
    return channels, losses


def read_consumer(lines):
    """Returns for each channel what was got, as (id, marks), and what was bad."""
    got = collections.defaultdict(list)
    bad = collections.defaultdict(list)
    for word, *rest in words(lines):
        if word == "got":
            got[int(rest[0])].append((int(rest[1]), rest[2]))
        elif word == "bad":
            bad[int(rest[0])].append(" ".join(rest[1:]))
        elif word not in ("begin", "lost", "recovered"):
            raise ValueError(f"consumer: {word}")
    return got, bad


def streams(ids):
    """Returns into how few ascending streams the ids can be parted."""
    tails = []
    for i in ids:
        at = bisect.bisect_left(tails, i)
        if at > 0:
            tails[at - 1] = i
        else:
            tails.insert(0, i)
    return len(tails)


def check_order(sent, got, losses):
    again = {i for i, marks in got if "r" in marks} | sent.refused
    came = [(i, marks) for i, marks in got if "r" not in marks and i not in sent.refused]
    seen = set()
    newest = plain = 0
    for i, marks in came:
        if i not in seen and i not in again and i < newest:
            yield f"{i} came for the first time after {newest}"
        if "d" not in marks and i <= plain:
            yield f"{i} came after {plain}, both without a mark"
        seen.add(i)
        newest = max(newest, i)
        plain = i if "d" not in marks else plain
    count = streams(i for i, _ in came)
    if count > losses:
        yield f"{count} streams of ascending ids, but {losses} connections"


def check_duplicates(got):
    unmarked = collections.Counter(i for i, marks in got if marks == "-")
    for i, times in unmarked.items():
        if times > 1:
            yield f"{i} was got {times} times without a mark"


def check_channel(sent, got, bad, losses):
    """Yields (rule, text) for all that is wrong on one channel."""
    ids = {i for i, _ in got}
    known = set(range(1, sent.last + 1))
    for i in sorted(sent.confirmed - ids):
        yield "lost", f"{i} was confirmed but never got"
    for i in sorted(ids - known):
        yield "invented", f"{i} was got but never published"
    for text in bad:
        yield "invented", text
    for text in check_duplicates(got):
        yield "duplicate", text
    for i in sorted({i for i, marks in got if "d" in marks} - sent.doubtful - sent.refused):
        yield "mark", f"{i} was marked as in doubt but never was"
    for text in sent.problems:
        yield "outcome", text
    for text in check_order(sent, got, losses):
        yield "order", text


def check(producer, consumer, count=None, channels=()):
    """Returns the findings for two ledgers, given as lines."""
    sent, losses = read_producer(producer)
    got, bad = read_consumer(consumer)
    findings = []
    for channel in sorted(set(sent) | set(got) | set(bad) | set(channels)):
        here = sent[channel]
        findings += [Finding(rule, channel, text)
                     for rule, text in check_channel(here, got[channel], bad[channel], losses)]
        if count is not None:
            missing = sorted(set(range(1, count + 1)) - here.confirmed)
            if missing:
                text = f"{len(missing)} of {count} were not confirmed, the first is {missing[0]}"
                findings.append(Finding("unfinished", channel, text))
    return findings


def summary(producer, consumer):
    """Figures of two ledgers for people."""
    sent, losses = read_producer(producer)
    got, _ = read_consumer(consumer)
    received = [entry for entries in got.values() for entry in entries]
    first = sum(len({i for i, _ in entries}) for entries in got.values())
    return {
        "published": sum(each.last for each in sent.values()),
        "confirmed": sum(len(each.confirmed) for each in sent.values()),
        "received": first,
        "duplicates": len(received) - first,
        "redelivered": sum("r" in marks for _, marks in received),
        "in doubt": sum("d" in marks for _, marks in received),
        "losses seen": losses,
    }


def main(producer, consumer, count=None):
    with open(producer, encoding="ascii") as one, open(consumer, encoding="ascii") as other:
        sent, got = one.readlines(), other.readlines()
    findings = check(sent, got, int(count) if count else None)
    for each in findings[:50]:
        print(f"{each.rule}: channel {each.channel}: {each.text}")
    print(f"{len(findings)} findings; " + ", ".join(f"{v} {k}" for k, v in summary(sent, got).items()))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
