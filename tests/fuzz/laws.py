"""What has to hold for any bytes: nothing raises, and what decodes encodes again."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import msgspec

from rsvp._wire import Dissection, WireError, decode, dissect, encode
from rsvp.capture import Frame
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.filter import matches, read_filter
from rsvp.capture.report import Reporter
from rsvp.capture.text import plain, summary, tree
from rsvp.iana import ClassNum
from rsvp.jsonform import to_json

HERE = IPv4Address("10.0.0.1")
THERE = IPv4Address("10.0.0.2")
HEADER = 8
REPAIR = 0x11
"""First byte of an input whose length and checksum are put right, so that its objects are reached."""

FILTERS = [read_filter("10.0.0.0/8"), read_filter("10.1.0.2:5000")]


def repaired(data: bytes) -> bytes:
    """The message that an input stands for."""
    if data[:1] != bytes((REPAIR,)) or len(data) < HEADER:
        return data
    size = len(data) & ~3 & 0xFFFF
    return b"\x10" + data[1:2] + b"\0\0" + data[4:6] + size.to_bytes(2, "big") + data[HEADER:size]


def check(data: bytes) -> None:
    """Read one message in every way there is, and hold the results against each other."""
    seen = dissect(data)
    end = 0
    for entry in seen.objects:
        assert entry.offset >= end
        end = entry.offset + entry.length
        assert end <= len(data)
        assert data[entry.offset + 4 : end] == entry.data
    refusal = None
    try:
        message = decode(data)
    except WireError as error:
        refusal = error
    if refusal is None:
        assert seen.error is None
        hash(message)
        again = encode(message)
        assert decode(again) == message
        # NULL objects, reserved bits and a checksum that was not sent are all that may differ.
        assert outline(dissect(again)) == outline(seen)
    else:
        assert str(refusal)
        assert refusal.offset <= max(len(data), HEADER)
    show(data)


def outline(seen: Dissection) -> list[tuple[int, int, int]]:
    """Class, C-Type and length of all objects that mean something."""
    return [
        (entry.class_num, entry.ctype, entry.length)
        for entry in seen.objects
        if entry.class_num != ClassNum.NULL
    ]


def show(data: bytes) -> None:
    """Whatever `rsvp decode` may be asked to print."""
    frame = Frame(1, 0, HERE, THERE, 63, True, False, data)
    found = dissect_frame(frame)
    line = Reporter().line(frame, found)
    assert len(json.loads(line)["objects"]) == len(found.objects)
    assert line.endswith(msgspec.json.encode(to_json(found))[1:])
    plain(summary(frame, found, 0))
    for line in tree(frame, found):
        plain(line)
    matches(FILTERS, frame, found)
