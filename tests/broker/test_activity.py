#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""A small run of tools/examples/activity: events into SQLite, a loader that is killed, receipts for purchases."""

import os
import subprocess
import unittest

import support

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "examples", "activity", "demo")


class Activity(unittest.TestCase):
    def test_every_event_is_stored_once(self):
        env = dict(os.environ, ACTIVITY_URL=support.RABBITMQ, LEVERET=support.LEVERET)
        demo = subprocess.run([DEMO, "8000", "sqlite"], env=env, capture_output=True, text=True, timeout=500, check=False)
        self.assertEqual(demo.returncode, 0, demo.stdout + demo.stderr)
        self.assertIn("sqlite: 8000 events", demo.stdout)
        self.assertIn("loaders that were killed and followed: 1", demo.stdout)
        self.assertIn("Every event is stored exactly once", demo.stdout)


if __name__ == "__main__":
    support.main()
