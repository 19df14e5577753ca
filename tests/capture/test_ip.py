"""IPv4 and IPv6 headers around RSVP: options, extension headers, lengths that lie, UDP."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.capture import Capture, Frame
from rsvp.iana import ROUTER_ALERT

from . import build

MESSAGE = build.path_message()


def frames(*packets: bytes, snap: int | None = None) -> list[Frame]:
    """What is found in raw IP packets."""
    return list(Capture(io.BytesIO(build.pcap(packets, 101, snap=snap))))


def frame(packet: bytes) -> Frame:
    (found,) = frames(packet)
    return found


def test_a_plain_packet() -> None:
    found = frame(build.ipv4(MESSAGE, ttl=17))
    assert (str(found.source), str(found.destination)) == ("10.0.1.1", "10.0.2.2")
    assert (found.ip_ttl, found.router_alert, found.udp_encapsulated) == (17, False, False)
    assert (found.data, found.missing) == (MESSAGE, 0)
    assert (found.number, found.time_ns, found.time) == (1, 1_000_001_000, 1.000001)


@pytest.mark.parametrize(
    ("options", "alert"),
    [
        (ROUTER_ALERT, True),
        (b"\x94\x04\x00\x05", True),  # another value than "examine packet"
        (b"\x01\x01\x01\x01" + ROUTER_ALERT, True),
        (b"\x07\x07\x04\x00\x00\x00\x00\x01" + ROUTER_ALERT, True),  # after a record route
        (b"\x07\x08\x04" + ROUTER_ALERT + b"\x00", False),  # its bytes inside a record route
        (b"\x00\x00\x00\x00" + ROUTER_ALERT, False),  # after the end of the options
        (b"\x07\x00\x00\x00" + ROUTER_ALERT, False),  # behind an option of length 0
        (b"\x01\x01\x01\x07", False),  # an option without its length
        (b"\x07\xff\x00\x00", False),
    ],
)
def test_router_alert_among_ipv4_options(options: bytes, alert: bool) -> None:
    found = frame(build.ipv4(MESSAGE, options=options))
    assert found.router_alert is alert
    assert found.data == MESSAGE


HOP_BY_HOP_ALERT = b"\x05\x02\x00\x00"


@pytest.mark.parametrize(
    ("options", "alert"),
    [
        (HOP_BY_HOP_ALERT + b"\x01\x00", True),
        (b"\x00" + HOP_BY_HOP_ALERT + b"\x00", True),
        (b"\x01\x06" + bytes(6) + HOP_BY_HOP_ALERT + b"\x00\x00", True),
        (b"\x1e\x04" + HOP_BY_HOP_ALERT, False),  # its bytes inside another option
        (bytes(6), False),
        (b"\x00\x00\x00\x00\x00\x07", False),
    ],
)
def test_router_alert_among_ipv6_hop_by_hop_options(options: bytes, alert: bool) -> None:
    header = bytes([46, (len(options) + 2) // 8 - 1]) + options
    found = frame(build.ipv6(header + MESSAGE, 0, hop_limit=9))
    assert found.router_alert is alert
    assert (found.data, found.ip_ttl) == (MESSAGE, 9)


def test_a_router_alert_in_destination_options_is_none() -> None:
    header = b"\x2e\x00" + HOP_BY_HOP_ALERT + b"\x00\x00"
    assert frame(build.ipv6(header + MESSAGE, 60)).router_alert is False


def test_ipv6_extension_headers_one_after_another() -> None:
    hop_by_hop = b"\x3c\x00" + HOP_BY_HOP_ALERT + b"\x00\x00"
    destination = b"\x2b\x01" + bytes(14)
    routing = b"\x33\x00" + bytes(6)
    authentication = b"\x2e\x04" + bytes(22)
    found = frame(build.ipv6(hop_by_hop + destination + routing + authentication + MESSAGE, 0))
    assert found.data == MESSAGE
    assert found.router_alert


def test_ipv4_authentication_header() -> None:
    assert frame(build.ipv4(b"\x2e\x04" + bytes(22) + MESSAGE, 51)).data == MESSAGE


@pytest.mark.parametrize("port", [1698, 1699])
@pytest.mark.parametrize("version", [4, 6])
def test_udp_encapsulation(port: int, version: int) -> None:
    payload = build.udp(MESSAGE, port)
    found = frame(build.ipv4(payload, 17) if version == 4 else build.ipv6(payload, 17))
    assert found.udp_encapsulated
    assert found.data == MESSAGE


def test_udp_says_how_long_the_message_is() -> None:
    assert frame(build.ipv4(build.udp(MESSAGE) + b"behind", 17)).data == MESSAGE


@pytest.mark.parametrize(
    "packet",
    [
        build.ipv4(build.udp(MESSAGE, 53), 17),
        build.ipv4(struct.pack(">HHHH", 1698, 53, 96, 0) + MESSAGE, 17),  # the port is the source's
        build.ipv4(b"\x06\xa2\x06\xa2", 17),
        build.ipv4(MESSAGE, 6),
        build.ipv4(MESSAGE, 1),
        build.ipv6(MESSAGE, 58),
        build.ipv6(MESSAGE, 59),
        build.ipv4(MESSAGE)[:15],
        build.ipv6(MESSAGE)[:39],
        build.ipv6(b"\x2e", 0),
        build.ipv6(b"\x2e\x05" + bytes(6), 0),  # an extension header longer than the packet
        build.ipv6(bytes(4), 44),
        build.ipv4(b"\x2e\x04" + bytes(4), 51),
        b"\x42" + build.ipv4(MESSAGE)[1:],  # a header of 8 bytes
        b"\x46" + build.ipv4(MESSAGE, total=20)[1:],  # a header longer than the packet
        b"\x50" + build.ipv4(MESSAGE)[1:],
    ],
)
def test_what_is_not_rsvp_is_passed_over(packet: bytes) -> None:
    assert frames(packet) == []


def test_padding_after_the_ip_packet_is_cut() -> None:
    assert frame(build.ipv4(MESSAGE) + bytes(30)).data == MESSAGE
    assert frame(build.ipv6(MESSAGE) + bytes(30)).data == MESSAGE


def test_a_total_length_that_the_network_card_was_to_fill_in() -> None:
    assert frame(build.ipv4(MESSAGE, total=0)).data == MESSAGE


@pytest.mark.parametrize(
    ("packet", "header"),
    [
        (build.ipv4(MESSAGE), 20),
        (build.ipv4(MESSAGE, options=ROUTER_ALERT), 24),
        (build.ipv6(MESSAGE), 40),
        (build.ipv4(build.udp(MESSAGE), 17), 28),
        (build.ipv6(build.udp(MESSAGE), 17), 48),
    ],
)
def test_every_snap_length_leaves_a_frame_that_counts_what_is_missing(packet: bytes, header: int) -> None:
    for snap in range(header, len(packet)):
        (found,) = frames(packet, snap=snap)
        assert found.data == MESSAGE[: snap - header]
        assert (found.missing, found.snapped) == (len(packet) - snap, True)


def test_an_ip_packet_longer_than_its_frame_is_not_the_snap_lengths_doing() -> None:
    found = frame(build.ipv4(MESSAGE)[:-8])
    assert (found.missing, found.snapped) == (8, False)


@given(st.sampled_from([0x45, 0x46, 0x4F, 0x60]), st.binary(max_size=120))
def test_any_bytes_after_any_version_are_read(first: int, rest: bytes) -> None:
    assert len(frames(bytes([first]) + rest)) <= 1


@given(st.lists(st.tuples(st.sampled_from([0, 43, 44, 51, 60, 17, 46]), st.binary(min_size=7, max_size=7))))
def test_any_chain_of_ipv6_headers_is_read(chain: list[tuple[int, bytes]]) -> None:
    payload = b"".join(bytes([protocol]) + rest for protocol, rest in chain)
    for first in (0, 43, 44, 51, 60):
        assert len(frames(build.ipv6(payload, first))) <= 1
