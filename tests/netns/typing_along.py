"""Somebody who types what a page shows, in one shell, and sees whether the same comes back.

A `console` block has commands after `$ ` or `# `, continued after `> `, and what they print. A `python`
block whose first line is a comment with a file's name is saved as that file.

Numbers that depend on the machine or the clock may differ (`MEASURED`), and `...` stands for any lines. A
command is typed again until the page is right, as a reader would who was too quick; so what a page
shows the output of should only look.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from rsvp.lab import PACKAGE_ROOT
from tests.pages import Block
from tests.patience import until

PROMPTS = ("$ ", "# ")
MEASURED = re.compile(
    r"""
    ^\d\d:\d\d:\d\d\.\d+                   # the time of day
    | \b\d+\.\d{6,9}\b                      # seconds in a capture
    | \b\d+(\.\d+)?\ ?(m?s\b|%)             # times, shares
    | (?<=2e:1\d)(\ +\d+){3}                # what a class has counted
    | (?<=^packets)\ [a-z]+(\ +\d+){2}       # what the demonstration has counted
    """,
    re.VERBOSE,
)


class Terminal:
    """A shell in a directory of its own, with this package's command and Python on its path."""

    def __init__(self, home: Path) -> None:
        words = home / "bin"
        words.mkdir()
        for name, words_after in (("rsvp", "-P -m rsvp"), ("python", "-P")):
            file = words / name
            python = shlex.quote(sys.executable)
            file.write_text(f'#!/bin/sh\nexec {python} {words_after} "$@"\n')
            file.chmod(0o755)
        # A shell at a terminal has job control: a job that is killed is killed as a whole.
        start = home / "start"
        start.write_text("set -m\n")
        environment = {
            "BASH_ENV": str(start),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{words}:{os.environ['PATH']}",
            "PYTHONPATH": str(PACKAGE_ROOT),
            "SHELL": "/bin/bash",
            "COLUMNS": "200",
        }
        self._turn = 0
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.kill()
        self._shell.wait()
        for pipe in (self._shell.stdin, self._shell.stdout):
            assert pipe is not None
            pipe.close()

    def type(self, command: str) -> str:
        """Run a command in the shell; what it printed. Raises AssertionError where the shell ends."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._turn += 1
        done = f"--- {self._turn} done ---"
        self._shell.stdin.write(f"{command}\necho; echo {shlex.quote(done)}\n".encode())
        out, printed = self._shell.stdout.fileno(), b""
        while not printed.endswith(f"\n{done}\n".encode()):
            # What runs in the background has the same pipe, so its end does not tell of the shell's.
            if select.select([out], [], [], 1.0)[0]:
                printed += os.read(out, 1 << 16)
            elif self._shell.poll() is not None:
                raise AssertionError(f"the shell ended at: {command}\n{printed.decode()}")
        return printed.decode().removesuffix(f"{done}\n")

    def follow(self, block: Block) -> None:
        """Do what a block shows."""
        first, _, rest = block.text.partition("\n")
        if block.language == "python" and first.startswith("# "):
            self.type(f"cat > {first.removeprefix('# ')} <<'END OF FILE'\n{rest}END OF FILE")
        elif block.language == "console":
            for command, shown in commands(block.text):
                self._follow(block, command, shown)

    def _follow(self, block: Block, command: str, shown: str) -> None:
        if not shown:  # what a shell says of its jobs is no part of the page
            self.type(command)
            return
        printed: list[str] = []

        def right() -> bool:
            printed.append(self.type(command))
            return agree(printed[-1], shown)

        try:
            until(right, "")
        except AssertionError:
            place = f"docs/{block.page}, block of line {block.line}: {command}"
            raise AssertionError(f"{place}\nshows\n{shown}\nand prints\n{printed[-1]}") from None


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with what it prints."""
    command: list[str] = []
    shown: list[str] = []
    for line in text.splitlines():
        if line.startswith(PROMPTS):
            if command:
                yield "\n".join(command), "\n".join(shown)
            command, shown = [line[2:]], []
        elif line.startswith("> ") and not shown:
            command.append(line[2:])
        else:
            shown.append(line)
    if command:
        yield "\n".join(command), "\n".join(shown)


def agree(printed: str, shown: str) -> bool:
    """Whether what was printed is what a page shows, but for what is measured and for blanks at ends."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else re.escape(plain(line)) + r"\n" for line in lines(shown)
    )
    return re.fullmatch(pattern, "".join(f"{plain(line)}\n" for line in lines(printed))) is not None


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def plain(line: str) -> str:
    return re.sub(r" +", " ", MEASURED.sub("N", line))
