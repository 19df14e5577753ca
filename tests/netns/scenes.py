"""Scenes of examples/scenes, played as programs, and what their captures say to two decoders."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from rsvp import Message, PathTear, Resv, ResvTear, decode
from rsvp import Path as PathMessage
from rsvp.capture import Capture, Frame
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
SCENES = ROOT / "examples" / "scenes"
DOCUMENTATION = ROOT / "docs" / "scenes.md"
SCREEN = 50
"""Lines."""

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Played:
    """What a scene printed, and the captures of its links by the host at their end."""

    text: str
    captures: Path

    def frames(self, wire: str, kind: type[Message] = Message) -> list[tuple[Frame, Message]]:
        """The RSVP packets of one kind on a link, refreshes left out."""
        found = [(frame, decode(frame.data)) for frame in Capture(self.captures / f"{wire}.pcap")]
        last: dict[object, bytes] = {}
        news = []
        for frame, message in found:
            about = (frame.source, message.session.key)
            if isinstance(message, PathTear | ResvTear):
                last = {key: said for key, said in last.items() if key[:2] != about}  # type: ignore[index]
            elif isinstance(message, PathMessage | Resv):
                sender = message.sender.template if isinstance(message, PathMessage) else None
                before, last[(*about, sender)] = last.get((*about, sender)), frame.data
                if before == frame.data:
                    continue
            news.append((frame, message))
        return [one for one in news if isinstance(one[1], kind)]

    def of(self, wire: str, kind: type[M]) -> list[M]:
        """The messages of one kind on a link, refreshes left out."""
        return [message for _, message in self.frames(wire, kind)]  # type: ignore[misc]

    def order(self, wire: str) -> list[str]:
        """The names of all messages on a link, refreshes left out."""
        return [message.name for _, message in self.frames(wire)]

    def says(self, *words: str) -> None:
        """Fail unless it printed these, in this order."""
        found = [-1]
        for word in words:
            found.append(self.text.find(word, found[-1] + 1))
            assert found[-1] >= 0, f"{word!r} is not said, or too early, in:\n{self.text}"
        assert all(one < other for one, other in pairwise(found))


def play(scene: str, captures: Path, *words: str) -> Played:
    """Play a scene to its end, and have tshark read what crossed its links, too."""
    command = [sys.executable, str(SCENES / f"{scene}.py"), "--captures", str(captures), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    for file in captures.glob("*.pcap"):
        agree(file)
    if not words:
        said = {_uncounted(line) for line in done.stdout.splitlines()}
        missing = [line for line in documented(scene) if _uncounted(line) not in said]
        assert not missing, f"not said any more: {missing}"
    return Played(done.stdout, captures)


def documented(scene: str) -> list[str]:
    """What the documentation has of a scene's words."""
    _, found, rest = DOCUMENTATION.read_text().partition(f"`examples/scenes/{scene}.py`\n\n```text\n")
    assert found, f"{DOCUMENTATION} has nothing of {scene}"
    return rest.partition("\n```\n")[0].splitlines()


def _uncounted(line: str) -> str:
    """A line of a table without its numbers, which are others each time."""
    return re.sub(r"( +\d+){3}$", "", line)


def agree(file: Path) -> None:
    """Both decoders find the same messages, and tshark no fault with them."""
    fields = ("-e", "rsvp.msg", "-e", "_ws.malformed")
    command = ["tshark", "-r", str(file), "-Y", "rsvp", "-T", "fields", *fields]
    read = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split("\t") for line in read] == [
        [str(decode(frame.data).type.value), ""] for frame in Capture(file)
    ]
