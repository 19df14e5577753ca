"""The unit with which systemd runs the daemon, with this installation's own command in it."""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files


def unit(config: str | None) -> str:
    """The text of rsvp.service; the daemon reads `config`, if there is one."""
    command = [*_command(), "daemon", *(("--config", config) if config else ())]
    text = (files(__package__) / "rsvp.service").read_text(encoding="utf-8")
    return text.replace("@COMMAND@", " ".join(_quoted(word) for word in command))


def _command() -> list[str]:
    installed = shutil.which("rsvp")
    return [installed] if installed else [sys.executable, "-m", "rsvp"]


def _quoted(word: str) -> str:
    """One word of a command line in a unit: systemd expands % and $ and parts words at blanks."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if " " in word or "\t" in word else word
