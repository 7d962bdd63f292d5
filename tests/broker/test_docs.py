#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What is written about the command agrees with the command."""

import os
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class Docs(unittest.TestCase):
    def test_man_pages_have_their_sections(self):
        for page in ("leveret", "leveret-publish", "leveret-consume"):
            for section in ("EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
                self.assertIn(f".SH {section}\n", text_of("tools", "man", f"{page}.1"))

    def test_the_readme_shows_the_example_whole(self):
        example = text_of("tools", "examples", "consumer.c")
        program = example[example.index("#include"):]
        self.assertIn(f"```c\n{program}```\n", text_of("README.md"))


if __name__ == "__main__":
    unittest.main()
