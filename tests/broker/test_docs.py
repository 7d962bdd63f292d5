#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What is written about the command agrees with the command."""

import os
import re
import unittest

from support import leveret

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class Docs(unittest.TestCase):
    def test_man_pages_list_the_options_that_help_lists(self):
        for command in ("publish", "consume"):
            text = leveret("help", command).out.decode()
            rows = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z]+))?  +(.+)$", text, re.M)
            page = text_of("tools", "man", f"leveret-{command}.1").replace("\\-", "-").replace("\\(aq", "'")
            told = re.findall(r'^\.TP\n\.BR (?:-(\w) ", " )?--([a-z-]+)(?: " " \\fI([A-Z]+)\\fR)?\n(.+)\.$', page, re.M)
            self.assertGreater(len(rows), 20)
            self.assertEqual([(r[0], r[1], r[2], r[3].lower()) for r in rows],
                             [(t[0], t[1], t[2], t[3].lower()) for t in told])

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
