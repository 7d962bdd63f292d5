#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What is written about the command agrees with the command: help, man pages, completions, README."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from support import leveret

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def said(*args):
    ended = leveret(*args)
    assert ended.code == 0 and ended.err == "", ended.err
    return ended.out.decode()


COMMANDS = said("help", "--list").split()
SHELLS = ("bash", "zsh", "fish")


def options_of(command):
    """(letter, name, value) of each row of a command's help."""
    rows = re.findall(r"^  (?:-(\w), |    )--([a-z0-9-]+)(?: (\S+))?(?:  .*|)$", said("help", command), re.M)
    assert len(rows) > 2, command
    return rows


def run(*args, **kwargs):
    return subprocess.run(args, capture_output=True, text=True, check=False, **kwargs)


class Pages(unittest.TestCase):
    def test_every_option_is_in_the_man_page(self):
        for command in COMMANDS:
            page = said("help", "--man", command).replace("\\-", "-")
            told = re.findall(r"^\.TP\n(?:\\fB-(\w)\\fR, )?\\fB--([a-z0-9-]+)\\fR(?: \\fI(\S+)\\fR)?$", page, re.M)
            self.assertEqual(told, options_of(command), command)

    def test_every_page_has_its_sections(self):
        for command in [None] + COMMANDS:
            page = said(*["help", "--man"] + ([command] if command else []))
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
                self.assertRegex(page, rf"(?m)^\.SH {section}\n[^.]|^\.SH {section}\n\.(TP|EX|BR)\n", command)

    def test_help_has_what_the_page_has(self):
        for command in COMMANDS:
            text = said("help", command)
            for title in ("Exit status", "Environment", "Examples"):
                self.assertRegex(text, rf"(?m)^{title}:\n  \S", command)
            self.assertEqual(text, said(command, "--help"))
            self.assertLess(max(map(len, text.splitlines())), 100, command)

    def test_the_overview_lists_every_command(self):
        text, page = said("help"), said("help", "--man").replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f"  leveret {command} ", text)
            self.assertIn(f"\\fB{command}\\fR\n", page)
            self.assertIn(f".BR leveret-{command} (1)", page)

    def test_pages_are_clean(self):
        tools = [tool for tool in (["mandoc", "-Tlint", "-Wstyle"], ["groff", "-man", "-Tutf8", "-ww", "-z"])
                 if shutil.which(tool[0])]
        if not tools:
            self.skipTest("neither mandoc nor groff is installed")
        for page in [said("help", "--man")] + [said("help", "--man", command) for command in COMMANDS]:
            for tool in tools:
                looked = run(*tool, input=page)
                # what other pages there are is not this page's matter, and the date is that of the release;
                # the width of lines is counted without their markup
                others = ("referenced manual not found", "more than 78", "line longer than 80 bytes")
                told = [line for line in (looked.stdout + looked.stderr).splitlines()
                        if not any(other in line for other in others)]
                self.assertEqual((looked.returncode if tool[0] == "groff" else 0, told), (0, []))

    def test_no_such_page(self):
        for args in (["--man", "bogus"], ["--completion", "csh"], ["--completion"], ["--bogus"]):
            self.assertEqual(leveret("help", *args).code, 64, args)


class Completions(unittest.TestCase):
    def script(self, shell):
        file = tempfile.NamedTemporaryFile("w", suffix=f".{shell}")
        self.addCleanup(file.close)
        file.write(said("help", "--completion", shell))
        file.flush()
        return file.name

    def bash(self, *words):
        line = " ".join(f"'{word}'" for word in words)
        shown = run("bash", "-c", f"source {self.script('bash')}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
                    '_leveret; printf "%s\\n" "${COMPREPLY[@]}"', cwd="/")
        self.assertEqual(shown.stderr, "")
        return shown.stdout.split()

    def test_every_option_is_in_every_completion(self):
        bash, zsh, fish = (said("help", "--completion", shell) for shell in SHELLS)
        for command in COMMANDS:
            sections = [re.search(rf"(?ms)^    {command}\)\n.*?;;\n(?=    \w|    esac)", text)[0] for text in (bash, zsh)]
            for letter, name, _ in options_of(command):
                self.assertRegex(sections[0], rf'words=".*--{name}{f" -{letter}" if letter else ""} .*"')
                self.assertIn((f"{{-{letter},--{name}}}'[" if letter else f"'--{name}["), sections[1])
                self.assertRegex(fish, rf"seen_subcommand_from {command}' -l {name} {f'-s {letter} ' if letter else ''}")

    def test_shells_accept_them(self):
        for shell in SHELLS:
            if shutil.which(shell):
                looked = run(shell, "-n", self.script(shell))
                self.assertEqual((looked.returncode, looked.stderr), (0, ""), shell)

    def test_bash(self):
        self.assertEqual(sorted(self.bash("leveret", "")), sorted(COMMANDS + ["help", "--help", "--version"]))
        self.assertEqual(self.bash("leveret", "publish", "--rout"), ["--routing-key"])
        self.assertEqual(self.bash("leveret", "consume", "--tls-min", ""), ["1.2", "1.3"])
        self.assertEqual(self.bash("leveret", "consume", "--cacert", "/et"), ["/etc"])
        self.assertEqual(self.bash("leveret", "consume", "-q", ""), [])


class Readme(unittest.TestCase):
    def test_it_shows_the_example_whole(self):
        example = text_of("tools", "examples", "consumer.c")
        program = example[example.index("#include"):]
        self.assertIn(f"```c\n{program}```\n", text_of("README.md"))


if __name__ == "__main__":
    unittest.main()
