"""The compiled JSON writer against the obvious way: dictionaries, then an encoder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire
from rsvp import messages as m
from rsvp._json import json_text
from rsvp.capture import Capture, Frame
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.report import Reporter
from rsvp.errors import CaptureError, WireError
from rsvp.iana import ClassNum, SessionFlag
from rsvp.jsonform import to_json
from rsvp.objects import Nested, Opaque, Session
from rsvp.te import ExplicitRoute, PrefixHop
from tests import strategies
from tests.wire.test_replay import FILES

sparse = st.lists(st.sampled_from((0, 0, 1, 0x20, 0x300, 0xFFFF)), min_size=8, max_size=8).map(
    lambda groups: IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
)
"""IPv6 addresses with runs of zeroes."""

CAPTURES = sorted((Path(__file__).parent.parent / "captures").glob("*.pcap"))


def reference_line(frame: Frame) -> bytes:
    """A line of `rsvp decode --json` as CONTRACT has it, key by key."""
    nanoseconds = frame.time_ns or 0
    form = {
        "frame": frame.number,
        "time": None,
        "source": str(frame.source),
        "destination": str(frame.destination),
        "ip_ttl": frame.ip_ttl,
        "router_alert": frame.router_alert,
        "udp_encapsulated": frame.udp_encapsulated,
        **to_json(dissect_frame(frame)),
    }
    digits = 9 if nanoseconds % 1000 else 6
    seconds, rest = divmod(nanoseconds, 10**9)
    time = "null" if frame.time_ns is None else f"{seconds}.{f'{rest:09d}'[:digits]}"
    return msgspec.json.encode(form).replace(b'"time":null', f'"time":{time}'.encode(), 1)


@pytest.mark.parametrize("file", [*CAPTURES, *FILES], ids=lambda file: file.name)
def test_every_line_of_every_capture(file: Path) -> None:
    line = Reporter().line
    for frame in _frames(file):
        assert line(frame) == reference_line(frame)


def _frames(file: Path) -> Iterator[Frame]:
    """What can be read of a capture: some are cut off."""
    with suppress(CaptureError):
        yield from Capture(file)


@pytest.mark.parametrize("number", m.MESSAGES)
def test_drawn_messages(number: int) -> None:
    @given(strategies.MESSAGES[number])
    def check(message: m.Message) -> None:
        found = _wire.dissect(_wire.encode(message))
        assert json_text(found) == msgspec.json.encode(to_json(found))
        assert json_text(message) == msgspec.json.encode(to_json(message))

    check()


@given(st.integers(0, 255), st.binary(max_size=64))
def test_broken_messages(kind: int, contents: bytes) -> None:
    found = _wire.dissect(
        bytes((0x10, kind, 0, 0, 63, 0)) + (len(contents) + 8).to_bytes(2, "big") + contents
    )
    assert json_text(found) == msgspec.json.encode(to_json(found))


@given(st.integers() | st.floats() | st.text() | st.binary() | st.none() | st.booleans())
def test_plain_values(value: Any) -> None:
    assert json_text(value) == msgspec.json.encode(to_json(value))


@given(st.ip_addresses() | st.integers(0, 2**32).map(IPv6Address) | sparse)
def test_addresses(address: IPv4Address | IPv6Address) -> None:
    assert json_text(address) == b'"%b"' % str(address).encode()


@pytest.mark.parametrize(
    "value",
    [
        *(0.0, -0.0, 0.5, 1e15, 1e15 - 1, -1e15, 1e16, 3.4e38, math.inf, -math.inf, math.nan),
        *(2**63 - 1, 2**63, -(2**63), 2**128),
        *("", 'a "quoted" \\ text', "line\nbreak", "\x7f", "čeština", "\u2028", "caf\udce9", "\ud83d"),
        SessionFlag.E_POLICE,
        ClassNum.SESSION,
        [1, (2.5,)],
        {"a": 1},
        (),
        Nested(5, Opaque(5, 1, b"\0\0\0\0")),
        ExplicitRoute((PrefixHop(IPv4Address("10.0.0.1"), 32, True),)),
        WireError("bad number", 12, 2, 8),
        Session(IPv6Address("fe80::1%eth0"), 17, 1),
    ],
    ids=repr,
)
def test_values_that_are_out_of_the_ordinary(value: Any) -> None:
    text = json_text(value)
    assert text == msgspec.json.encode(to_json(value))
    json.loads(text)


def test_text_that_a_peer_made_of_anything() -> None:
    """Bytes that are not UTF-8 stand in JSON as in Python's source; other text as it is."""
    assert json.loads(json_text("bien, caf\udce9 ☕")) == "bien, caf\\udce9 ☕"


def test_more_text_than_has_room_at_first() -> None:
    value = tuple(Session(IPv4Address(n), 17, n) for n in range(1, 2000))
    assert json.loads(json_text(value)) == to_json(value)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON form for object"):
        json_text(object())
    with pytest.raises(TypeError, match="no JSON form for object"):
        json_text((1, object()))
