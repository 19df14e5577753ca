"""Fields beside tshark's, one by one: what both name has to be the same value, in every capture at hand.

`tests/oracles/tshark_fields.py` says which field is which, and explains what tshark takes for something else.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from rsvp.capture import Capture
from rsvp.capture.dissected import dissect_frame
from rsvp.errors import CaptureError
from tests.oracles import tshark
from tests.oracles.tshark_fields import Comparison

from .test_tshark import CAPTURES, EXPLAINED


def compared(path: Path) -> Comparison:
    """A whole capture, but for the packets that the two take apart differently for a known reason."""
    seen = {packet.frame: packet.message for packet in tshark.read(path)}
    found = Comparison()
    with suppress(CaptureError):
        for frame in Capture(path):
            if frame.number in seen and (path.stem, frame.number) not in EXPLAINED:
                found.message(seen[frame.number], dissect_frame(frame), f"frame {frame.number}")
    return found


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fields_are_what_tshark_reads(path: Path) -> None:
    found = compared(path)
    assert found.differences == []
    if path.parent.name == "captures":
        assert found.fields > 30
