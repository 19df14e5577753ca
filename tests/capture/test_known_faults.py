"""What broke other readers of captures: each test bears the name of what it stands for."""

from __future__ import annotations

import io
import json
import struct
from random import Random

import pytest

from rsvp.capture import Capture, Frame
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.report import Reporter
from rsvp.capture.text import plain, summary, tree
from tests.fuzz.corpus import messages

from . import build

MESSAGE = build.path_message()
SEEDS = list(messages())


def frames(packets: list[bytes]) -> list[Frame]:
    """What is found in raw IP packets."""
    return list(Capture(io.BytesIO(build.pcap(packets, 101))))


def shown(frame: Frame) -> tuple[str, str, list[str]]:
    """A frame as JSON, as a line and as a tree, each by a reader that has seen nothing else."""
    found = dissect_frame(frame)
    return (
        Reporter().line(frame, found).decode(),
        plain(summary(frame, found, 0)),
        [plain(line) for line in tree(frame, found)],
    )


def test_cve_2015_8727_nothing_is_kept_from_one_packet_for_the_next():
    """Wireshark used what it knew of an earlier packet of the same conversation after it was freed."""
    packets = [build.ipv4(data) for data in SEEDS] * 2
    Random(8727).shuffle(packets)
    reporter = Reporter()
    for frame in frames(packets):
        assert reporter.line(frame).decode() == shown(frame)[0]


@pytest.mark.parametrize("port", [1698, 1699])
def test_cve_2013_5478_rsvp_in_udp_cut_anywhere(port):
    """IOS got stuck on RSVP to UDP port 1698; here every cut, in the header and behind it, is told."""
    datagram = build.udp(MESSAGE, port)
    for end in range(len(datagram)):
        for frame in frames([build.ipv4(datagram[:end], 17)]):
            assert frame.udp_encapsulated
            report = json.loads(shown(frame)[0])
            assert report["error"] is not None
    (whole,) = frames([build.ipv4(datagram, 17)])
    assert json.loads(shown(whole)[0])["error"] is None


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 95, 97, 0xFFFF])
def test_cve_2013_5478_udp_lengths_that_lie(length):
    datagram = build.udp(MESSAGE)
    for frame in frames([build.ipv4(datagram[:4] + struct.pack(">H", length) + datagram[6:], 17)]):
        assert shown(frame)


@pytest.mark.parametrize("by", [-40, -8, -4, -1, 1, 4, 8, 40])
def test_length_more_or_less_than_the_ip_payload(by):
    data = MESSAGE[:by] if by < 0 else MESSAGE + bytes(by)
    (frame,) = frames([build.ipv4(data)])
    report = json.loads(shown(frame)[0])
    assert report["length"] == len(MESSAGE)
    assert report["error"]["reason"] == "wrong length"
    # What was decoded before it stays.
    assert [one["class"] for one in report["objects"]][:2] == [1, 3]


def test_wrong_ttl_is_told():
    """A hop that does not speak RSVP lowers one of the two TTLs only."""
    (frame,) = frames([build.ipv4(MESSAGE, ttl=61)])
    assert "IP TTL 61 but Send_TTL 63" in shown(frame)[1]
