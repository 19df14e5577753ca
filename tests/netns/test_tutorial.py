"""The tutorial, typed as it stands, but for its installation: what it installs is what runs the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.pages import blocks

from .typing_along import Terminal, agree, commands


@pytest.mark.alone
def test_the_tutorial() -> None:
    # Not below /run, which the tutorial replaces; gone with the test's own mounts.
    home = Path("/mnt")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home], check=True)
    with Terminal(home) as terminal:
        for block in blocks("tutorial.md"):
            terminal.follow(block)


def test_what_is_measured_may_differ_and_nothing_else() -> None:
    assert agree("3 packets, 157 s  left\n\n", "3 packets, 12 s left")
    assert not agree("4 packets, 157 s left\n", "3 packets, 12 s left")
    assert agree("one\ntwo\nthree\n", "one\n...")
    assert not agree("one\ntwo\nthree\n", "one\n...\nfour")
    assert not agree("", "one")


def test_a_console_block_is_commands_and_what_they_print() -> None:
    text = "$ cat <<END\n> one\n> END\none\n# true\n"
    assert list(commands(text)) == [("cat <<END\none\nEND", "one"), ("true", "")]
