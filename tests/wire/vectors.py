"""Golden messages: `tests/vectors/*.json`, each with its bytes, what they say and where they come from.

`rfc.json` was worked out by hand from the figures of RFC 2205, 2210 and 2747; `captures.json` are
packets of recorded and crafted captures. `hex` has one object a line, `message` is an expression.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from rsvp import diagnostics, gmpls, intserv, messages, objects, policy, reduction, sessions, te

NAMES: dict[str, Any] = {
    **vars(objects),
    **vars(intserv),
    **vars(messages),
    **vars(sessions),
    **vars(reduction),
    **vars(policy),
    **vars(diagnostics),
    **vars(te),
    **vars(gmpls),
    "IPv4Address": IPv4Address,
    "IPv6Address": IPv6Address,
    "inf": math.inf,
}


@dataclass(frozen=True)
class Vector:
    """One golden message."""

    name: str
    source: str
    data: bytes
    expression: str

    @property
    def message(self) -> Any:
        """The message, built by calling its classes."""
        return eval(self.expression, NAMES)


def load() -> list[Vector]:
    """All golden messages, those worked out by hand first."""
    found = []
    for file in sorted((Path(__file__).parent.parent / "vectors").glob("*.json"), reverse=True):
        for entry in json.loads(file.read_text(encoding="utf-8")):
            data = bytes.fromhex("".join(entry["hex"]))
            found.append(Vector(entry["name"], entry["from"], data, entry["message"]))
    return found


VECTORS = load()


def split(data: bytes) -> list[bytes]:
    """The objects of a well-formed message, header and contents."""
    pieces = []
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        pieces.append(data[at : at + size])
        at += size
    return pieces


def joined(head: bytes, pieces: list[bytes]) -> bytes:
    """A message of these objects, with the right length and no checksum."""
    body = b"".join(pieces)
    return head[:2] + b"\0\0" + head[4:6] + (len(body) + 8).to_bytes(2, "big") + body
