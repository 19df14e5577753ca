"""A captured message taken apart, as far as the capture holds it (RFC 2205 section 3.1.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .._wire import dissect
from ..dissection import Dissection
from ..errors import WireError
from . import Frame

SNAPPED: Final = "cut off by the capture's snap length"
SHORT: Final = "cut off: IP promises more bytes than were captured"


def dissect_frame(frame: Frame) -> Dissection:
    """Take a captured packet apart; an error that the capture is to blame for says so."""
    found = dissect(frame.data)
    if frame.missing and found.length != len(frame.data):
        return replace(
            found, error=WireError(SNAPPED if frame.snapped else SHORT, None, None, len(frame.data))
        )
    return found
