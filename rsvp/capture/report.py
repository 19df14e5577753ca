"""What `rsvp decode --json` prints: one JSON object for each RSVP packet (RFC 2205 section 3.1)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .._json import json_text
from ..dissection import Dissection
from . import Frame
from .dissected import dissect_frame

KEPT: Final = 4096
"""Distinct messages whose JSON is kept: soft state says the same again every refresh period."""

KEPT_BYTES: Final = 512
"""What is longer than this is not kept: it is rare, and memory has to have a bound."""


class Reporter:
    """Turns frames into lines of JSON."""

    def __init__(self) -> None:
        self._messages: dict[bytes, bytes] = {}

    def line(self, frame: Frame, found: Dissection | None = None) -> bytes:
        """One frame's JSON object, without a newline; `found` saves taking it apart again."""
        data = frame.data
        # A message that the capture cut has an error that its bytes do not tell.
        text = None if frame.missing else self._messages.get(data)
        if text is None:
            text = json_text(found or dissect_frame(frame))
            if not frame.missing and len(data) <= KEPT_BYTES:
                if len(self._messages) >= KEPT:
                    self._messages.clear()
                self._messages[data] = text
        return b'{"frame":%d,"time":%b,"source":%b,"destination":%b,%b,%b' % (
            frame.number,
            time_text(frame.time_ns),
            json_text(frame.source),
            json_text(frame.destination),
            _ip_facts(frame.ip_ttl, frame.router_alert, frame.udp_encapsulated),
            text[1:],
        )


@lru_cache(1024)
def _ip_facts(ttl: int, router_alert: bool, in_udp: bool) -> bytes:
    return b'"ip_ttl":%d,"router_alert":%b,"udp_encapsulated":%b' % (
        ttl,
        json_text(router_alert),
        json_text(in_udp),
    )


def time_text(time_ns: int | None) -> bytes:
    """Nanoseconds as a JSON number of seconds: six decimals, nine where the clock had them."""
    if time_ns is None:
        return b"null"
    sign = b"-" if time_ns < 0 else b""
    seconds, rest = divmod(abs(time_ns), 1_000_000_000)
    if rest % 1000:
        return b"%b%d.%09d" % (sign, seconds, rest)
    return b"%b%d.%06d" % (sign, seconds, rest // 1000)
