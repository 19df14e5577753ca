"""Every message of every capture and golden message, read by us and by `tcpdump -vvv`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rsvp._wire import dissect
from rsvp.capture import Capture
from rsvp.dissection import Dissection, WireObject
from rsvp.errors import CaptureError
from tests.oracles import tcpdump
from tests.wire.vectors import VECTORS

from .build import ipv4, pcap
from .test_tshark import CAPTURES

KNOWN_TO_TCPDUMP = {*range(1, 8), 12, 13, 15, 20}
"""Types of messages whose objects it prints; of all others only bytes."""

GIVES_UP = {
    (1, 8, 28): "one router's extended tunnel of four bytes, where tcpdump wants sixteen",
    (1, 14, 28): "tcpdump wants more than the 24 bytes that RFC 4875 section 19.1.2 has",
}
"""Objects of sound messages behind which tcpdump prints nothing."""


def sound_messages() -> dict[bytes, Dissection]:
    """Each message once, without the broken ones and those that tcpdump leaves alone."""
    found = {vector.data: None for vector in VECTORS}
    for path in CAPTURES:
        with suppress(CaptureError):
            found |= {frame.data: None for frame in Capture(path) if not frame.missing}
    taken = {data: dissect(data) for data in found}
    return {data: one for data, one in taken.items() if one.error is None and one.type in KNOWN_TO_TCPDUMP}


def objects(found: Dissection) -> list[WireObject]:
    return [*found.objects, *(one for inner in found.messages or () for one in objects(inner))]


def test_we_read_what_tcpdump_reads(tmp_path: Path) -> None:
    """Class, C-Type, length, order and bytes of all objects, and the values that it prints."""
    messages = sound_messages()
    file = tmp_path / "all.pcap"
    file.write_bytes(pcap([ipv4(data) for data in messages], 101))
    packets = tcpdump.read(file)
    assert len(packets) == len(messages)
    differences = []
    fields = 0
    for seen, message in zip(packets, messages.values(), strict=True):
        ours = objects(message)
        keys = [(one.class_num, one.ctype, one.length) for one in ours]
        if GIVES_UP.keys() & set(keys):
            keys = keys[: next(n for n, key in enumerate(keys) if key in GIVES_UP) + 1]
        if [one.key for one in seen] != keys:
            differences.append(f"{message.type}: {[one.key for one in seen]} by tcpdump, {keys} by us")
            continue
        for theirs, mine in zip(seen, ours, strict=False):
            if theirs.key in GIVES_UP:
                continue
            if theirs.data != mine.data.hex():
                differences.append(f"{theirs.key}: {theirs.data} by tcpdump, {mine.data.hex()} by us")
            count, found = tcpdump.compare(theirs, mine)
            fields += count
            differences += [f"{theirs.key}: {text}" for text in found]
    assert differences == []
    assert len(packets) > 150
    assert fields > 2000
