"""What people write for a moment and for a session (no RFC)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Final, TypeAlias

from ..capture.filter import DESTINATIONS, NUMBERS, read_session_word
from ..errors import RecordingError
from ..jsonform import Json
from ..units import parse_time

ABSOLUTE: Final = 1e8
"""A bare number this large is no time from a start (that would be years) but one since 1970."""

SessionTest: TypeAlias = Callable[[Mapping[str, Json]], bool]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written: `seconds` from the start, or since 1970 if `absolute`."""

    text: str
    seconds: float
    absolute: bool

    def since(self, epoch: float | None) -> float:
        """Seconds from a start that was at `epoch`. Raises RecordingError where that cannot be told."""
        if not self.absolute:
            return self.seconds
        if epoch is None:
            raise RecordingError("no time of day is known for this file: write seconds from its start")
        seconds = self.seconds - epoch
        if seconds < 0.0:
            begins = datetime.fromtimestamp(epoch, UTC).isoformat(" ", "milliseconds")
            raise RecordingError(f"{self.text} is before the start, which was at {begins}")
        return seconds


def read_moment(text: str) -> Moment:
    """Seconds from the start (12.5, 2min), since 1970, or a date and time (UTC). Raises ValueError."""
    try:
        seconds = parse_time(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(
                f"{text!r} is no time: write seconds from the start (12.5, 2min), or 2026-05-01T12:30:00"
            ) from None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return Moment(text, moment.timestamp(), True)
    return Moment(text, seconds, seconds >= ABSOLUTE)


def read_session_test(text: str) -> SessionTest:
    """A test of sessions in their JSON form, by a destination, a prefix, or one with its number.

    Raises ValueError.
    """
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        address, number, protocol = read_session_word(text.strip())
    else:
        return lambda session: any(
            name in session and ip_address(session[name]) in network for name in DESTINATIONS
        )
    return lambda session: (
        any(session.get(name) == str(address) for name in DESTINATIONS)
        and any(session.get(name) == number for name in NUMBERS)
        and protocol in (None, session.get("protocol"))
    )
