#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""events.py COUNT   user-activity events as records for `leveret publish --jsonl`, the same ones each time.

An event is a JSON object with an id of its own; its kind is the routing key, too. One in a hundred is a purchase."""

import json
import random
import sys


def events(count):
    chance = random.Random(count)
    for number in range(1, count + 1):
        kind = chance.choices(("app-opened", "product-viewed", "purchase"), (30, 69, 1))[0]
        event = {"id": f"e{number}", "kind": kind, "user": chance.randrange(1, 5000), "at": 1_700_000_000 + number}
        if kind != "app-opened":
            event["product"] = chance.randrange(1, 300)
        if kind == "purchase":
            event["cents"] = chance.randrange(99, 99_999)
        yield event


def main(count):
    for event in events(count):
        print(json.dumps({
            "routing_key": event["kind"],
            "properties": {"content_type": "application/json", "delivery_mode": 2, "message_id": event["id"]},
            "body": json.dumps(event),
        }))


if __name__ == "__main__":
    main(int(sys.argv[1]))
