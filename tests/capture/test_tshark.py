"""Every capture at hand, read by us and by tshark: the same packets, the same objects.

tshark is an oracle, not the truth: where the two part, `EXPLAINED` says why, and a difference that
is no more there has to be taken out of it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rsvp.capture import Capture
from rsvp.capture.report import Reporter
from rsvp.errors import CaptureError
from tests.oracles.tshark import SeenMessage, read

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "captures"
OTHERS = Path(os.environ.get("RSVP_CAPTURES") or ROOT.parent / "shared" / "captures")

CAPTURES = sorted(
    path
    for folder in (OWN, OTHERS)
    for path in folder.rglob("*")
    if path.suffix in (".pcap", ".pcapng", ".cap")
)

PAST_THE_END = "tshark reads objects past the message's own length, and past the end of the packet"
EXPLAINED: dict[tuple[str, int], str] = {
    ("scapy_malformed", 6): PAST_THE_END,
    ("scapy_malformed", 9): PAST_THE_END,
    ("scapy_malformed", 12): "tshark steps into an object whose length is no multiple of 4",
    ("scapy_malformed", 13): "tshark lists an object that is longer than the message",
    ("scapy_malformed", 14): "tshark reads on inside a SESSION too short for its own contents",
    ("scapy_malformed", 16): "a header of 7 bytes: tshark shows no RSVP at all, we show a broken packet",
    ("scapy_malformed", 17): "tshark lists the object in which the message ends",
    ("scapy_malformed", 35): "a Bundle inside a Bundle: tshark opens it, RFC 2961 section 3.2 forbids it",
    ("scapy_malformed", 36): "a message longer than its Bundle: tshark shows it all the same",
    ("scapy_malformed", 38): "tshark stops after an INTEGRITY without digest, the next objects can be read",
    ("scapy_native_sessionattr_bug", 1): "an object of 17 bytes, which RFC 2205 section 3.1.2 does not allow",
}


def read_ours(path: Path) -> dict[int, dict[str, Any]]:
    """What we print, by frame number, up to where the file is damaged."""
    reporter = Reporter()
    found = {}
    with suppress(CaptureError):
        for frame in Capture(path):
            found[frame.number] = json.loads(reporter.line(frame))
    return found


def objects(message: dict[str, Any]) -> tuple[tuple[int, int, int], ...]:
    return tuple((entry["class"], entry["ctype"], entry["length"]) for entry in message["objects"])


def differences(seen: SeenMessage, ours: dict[str, Any]) -> list[str]:
    """Where one message differs between the two, in words."""
    found = []
    if seen.type != ours["type"]:
        found.append(f"type {seen.type} by tshark, {ours['type']} by us")
    if seen.keys != objects(ours):
        found.append(f"objects {seen.keys} by tshark, {objects(ours)} by us")
    theirs, mine = seen.messages or (), ours["messages"] or ()
    if len(theirs) != len(mine):
        found.append(f"{len(theirs)} inner messages by tshark, {len(mine)} by us")
    for one, other in zip(theirs, mine, strict=False):
        found.extend(differences(one, other))
    return found


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_we_read_what_tshark_reads(path: Path) -> None:
    seen = {packet.frame: packet for packet in read(path)}
    ours = read_ours(path)
    differ: dict[int, list[str]] = {}
    for number in seen.keys() | ours.keys():
        if number not in seen or number not in ours:
            differ[number] = [f"shown by {'us' if number in ours else 'tshark'} only"]
            continue
        theirs, mine = seen[number], ours[number]
        found = differences(theirs.message, mine)
        place = (theirs.source, theirs.destination, theirs.ip_ttl)
        if place != (mine["source"], mine["destination"], mine["ip_ttl"]):
            found.append(f"{place} by tshark, other addresses or TTL by us")
        if found:
            differ[number] = found
    explained = {number for name, number in EXPLAINED if name == path.stem}
    assert differ.keys() == explained, {n: differ.get(n, "no difference") for n in differ.keys() ^ explained}


def test_there_is_something_to_compare() -> None:
    """An empty folder must not look like agreement."""
    assert len([path for path in CAPTURES if path.is_relative_to(OWN)]) >= 11
    assert sum(len(read_ours(path)) for path in CAPTURES) > 150
