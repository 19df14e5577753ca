"""Real packets: every capture at hand, decoded, and written back byte for byte where it decodes.

The captures lie in the folder that RSVP_CAPTURES names, or in ../shared/captures beside the
repository; a checkout without them skips these tests, as the golden messages hold the best of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rsvp import _wire
from rsvp.capture import Capture
from rsvp.errors import CaptureError
from tests import reference

from .test_reference import outcome

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("RSVP_CAPTURES", ROOT.parent / "shared" / "captures"))
FILES = sorted(file for file in FOLDER.rglob("*") if file.suffix in (".pcap", ".pcapng", ".cap"))

pytestmark = pytest.mark.skipif(not FILES, reason="no captures at hand")


def payloads(file: Path) -> Iterator[bytes]:
    """The RSVP messages of a capture; what a damaged file holds before the damage."""
    with suppress(CaptureError):
        for frame in Capture(file):
            yield frame.data


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_replay(file: Path) -> None:
    for data in payloads(file):
        found = _wire.dissect(data)
        message = outcome(_wire.decode, data)
        assert message == outcome(reference.decode, data)
        if isinstance(message, tuple):
            continue
        assert found.error is None
        unsent = found.checksum == "absent" and message.integrity is None
        written = _wire.encode(message)
        # A message without a checksum gets one; all others come out as they went in.
        assert (written[:2] + b"\0\0" + written[4:] if unsent else written) == data


def test_there_were_messages_of_every_type() -> None:
    types = {_wire.dissect(data).type for file in FILES for data in payloads(file)}
    assert types >= set(range(1, 8))
