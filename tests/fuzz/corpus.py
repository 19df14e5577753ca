"""The seeds: golden messages and those of the project's captures, whole, repaired and taken out of Bundles.

`python -m tests.fuzz.corpus FOLDER` writes them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from rsvp._wire import dissect
from rsvp.capture import Capture
from tests.fuzz.laws import HEADER, REPAIR
from tests.wire.vectors import VECTORS

CAPTURES = Path(__file__).parent.parent / "captures"


def messages() -> Iterator[bytes]:
    """Each message once."""
    known: set[bytes] = set()
    captured = (frame.data for file in sorted(CAPTURES.glob("*.pcap")) for frame in Capture(file))
    for whole in (*captured, *(vector.data for vector in VECTORS)):
        at, pieces = HEADER, [whole]
        for inner in dissect(whole).messages or ():
            pieces.append(whole[at : at + inner.length])
            at += inner.length
        for data in pieces:
            if data not in known:
                known.add(data)
                yield data


def main() -> None:
    """Write the seeds."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for data in messages():
        for seed in (data, bytes((REPAIR,)) + data[1:]):
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main()
