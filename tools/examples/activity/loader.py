#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""loader.py --sqlite FILE --postgresql CONNECTION   stores events, for `leveret consume --coprocess --jsonl`.

Reads a record a line, inserts batches into each database, and acks a batch on descriptor 4 only after every
database has committed it. Whatever ends the loader in between, what was not acked comes again: an event is
inserted by its own id, and one that is there already is left as it is, so nothing is lost and nothing is doubled.

--crash-once MARKER   end with SIGKILL after the fifth commit, before its acks, unless MARKER is there"""

import argparse
import json
import os
import select
import signal
import sqlite3

BATCH = 1000
PATIENCE = 0.2  # seconds until a batch that is not full is stored, too
TABLE = "CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL)"


class SQLite:
    def __init__(self, path):
        self.connection = sqlite3.connect(path, timeout=60)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute(TABLE)
        self.connection.commit()

    def store(self, rows):
        with self.connection:
            self.connection.executemany("INSERT INTO event VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)


class PostgreSQL:
    def __init__(self, where):
        import psycopg2
        import psycopg2.extras
        self.insert_all = psycopg2.extras.execute_values
        self.connection = psycopg2.connect(where)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(1)")  # two may start at once
            cursor.execute(TABLE)

    def store(self, rows):
        with self.connection, self.connection.cursor() as cursor:
            self.insert_all(cursor, "INSERT INTO event VALUES %s ON CONFLICT DO NOTHING", sorted(rows), page_size=BATCH)


def batches():
    """Yields lists of lines from stdin: full ones, and what is there when nothing more comes for a while."""
    lines, rest, ended = [], b"", False
    while not ended:
        ready = select.select([0], [], [], PATIENCE if lines else None)[0]
        if ready:
            chunk = os.read(0, 1 << 20)
            ended = not chunk
            *whole, rest = (rest + chunk).split(b"\n")
            lines += whole
        while len(lines) >= BATCH or (lines and (ended or not ready)):
            yield lines[:BATCH]
            lines = lines[BATCH:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sqlite")
    parser.add_argument("--postgresql")
    parser.add_argument("--crash-once")
    options = parser.parse_args()
    stores = [kind(where) for kind, where in ((SQLite, options.sqlite), (PostgreSQL, options.postgresql)) if where]
    for number, lines in enumerate(batches(), 1):
        records = [json.loads(line) for line in lines]
        events = [json.loads(record["body"]) for record in records]
        rows = [(event["id"], event["kind"], record["body"]) for event, record in zip(events, records)]
        for store in stores:
            store.store(rows)
        if options.crash_once and number == 5 and not os.path.exists(options.crash_once):
            with open(options.crash_once, "w", encoding="ascii"):
                os.kill(os.getpid(), signal.SIGKILL)
        acks = "".join(f"ack {record['tag']}\n" for record in records).encode()
        while acks:
            acks = acks[os.write(4, acks):]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
