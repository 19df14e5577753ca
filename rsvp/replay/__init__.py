"""What was recorded, gone through again: an engine's inputs, or the packets of a link (RFC 2205, RFC 2209).

- `recording` an engine of its own takes a recording's inputs and is looked at
- `link` a capture through the eyes of `rsvp.observer`
- `changes` what appeared, changed and went, and why
- `asked` which moment and which sessions people mean
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from ..capture import Capture
from ..jsonform import Json
from ..recorder import STDIN, Recording
from .changes import Change
from .link import LinkReplay
from .recording import RecordingReplay

__all__ = ["Change", "LinkReplay", "RecordingReplay", "Replay", "open_replay"]


class Replay(Protocol):
    """Something recorded, taken to a moment and looked at there.

    `what` are the words that `show` knows, `epoch` the time of day at the start, in seconds since 1970
    and None where nobody knows it. `time` is seconds from the start, `frame` the last packet or line
    that was taken, and `ended` whether there is no more.
    """

    what: tuple[str, ...]

    @property
    def epoch(self) -> float | None:
        """Seconds since 1970 at the start; None where that is not known."""

    @property
    def time(self) -> float:
        """Seconds from the start."""

    @property
    def frame(self) -> int:
        """How many packets or inputs have been taken."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to take."""

    def changes(self, until: float | None = None, frame: int | None = None) -> Iterator[Change]:
        """Go up to a time, in seconds from the start, or a frame; yields what happened on the way.

        Raises CaptureError or RecordingError where the file is damaged, after what could be read.
        """

    def run(self, until: float | None = None, frame: int | None = None) -> None:
        """The same, without telling."""

    def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """One of `what` as `rsvp show` has it."""

    def notes(self) -> list[str]:
        """What the reader has to know of the file, a sentence each: what was not understood."""


def open_replay(file: str) -> Replay:
    """Open a recording or a capture, whichever the file is; "-" is standard input.

    Raises CaptureError, RecordingError and OSError.
    """
    if file == STDIN:
        stream: Any = sys.stdin.buffer
        return _of(stream.peek(1)[:1], STDIN)
    with open(file, "rb") as opened:
        return _of(opened.read(1), file)


def _of(first: bytes, source: str | BinaryIO) -> Replay:
    """A recording begins with its header, an object; no capture begins with a brace."""
    if first == b"{":
        return RecordingReplay(Recording(source))
    return LinkReplay(Capture(source))
