"""Fragments: any order, repeats, overlaps, holes, and how much memory they may take."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.capture import Capture, Frame
from rsvp.iana import ROUTER_ALERT
from rsvp.ip.fragments import DATAGRAMS, TIMEOUT_NS, Reassembler
from rsvp.ip.headers import Datagram, Fragment, read_ip

from . import build

MESSAGE = build.path_message()
CUTS = (0, 24, 48, 72)


def frames(packets: Sequence[bytes], snap: int | None = None) -> list[Frame]:
    return list(Capture(io.BytesIO(build.pcap(packets, 101, snap=snap))))


def pieces_4(message: bytes = MESSAGE, cuts: Sequence[int] = CUTS, **fields: object) -> list[bytes]:
    """The fragments of an IPv4 datagram that begin at the cuts."""
    ends = [*cuts[1:], len(message)]
    return [
        build.ipv4(message[at:end], offset=at, more=end < len(message), **fields)  # type: ignore[arg-type]
        for at, end in zip(cuts, ends, strict=True)
    ]


def pieces_6(
    message: bytes = MESSAGE, cuts: Sequence[int] = CUTS, identification: int = 1, protocol: int = 46
) -> list[bytes]:
    ends = [*cuts[1:], len(message)]
    return [
        build.ipv6(build.ipv6_fragment(message[at:end], protocol, identification, at, end < len(message)), 44)
        for at, end in zip(cuts, ends, strict=True)
    ]


@pytest.mark.parametrize("pieces", [pieces_4(), pieces_6()], ids=["IPv4", "IPv6"])
def test_any_order(pieces: list[bytes]) -> None:
    for order in itertools.permutations(pieces):
        (frame,) = frames(order)
        assert frame.data == MESSAGE
        assert frame.number == 4
        assert frame.time_ns == 4_000_004_000
        assert frame.missing == 0


@pytest.mark.parametrize("pieces", [pieces_4(), pieces_6()], ids=["IPv4", "IPv6"])
def test_a_missing_piece_is_never_made_up(pieces: list[bytes]) -> None:
    for left_out in range(4):
        assert frames([piece for n, piece in enumerate(pieces) if n != left_out]) == []


@pytest.mark.parametrize("pieces", [pieces_4(), pieces_6()], ids=["IPv4", "IPv6"])
def test_a_piece_seen_twice_counts_once(pieces: list[bytes]) -> None:
    (frame,) = frames([pieces[0], pieces[0], pieces[3], pieces[1], pieces[3], pieces[2]])
    assert (frame.data, frame.number) == (MESSAGE, 6)


def test_the_next_datagram_with_the_same_identification() -> None:
    assert [frame.number for frame in frames(pieces_4() + pieces_4())] == [4, 8]


@pytest.mark.parametrize(
    "field", [{"source": "10.0.1.9"}, {"destination": "10.0.2.9"}, {"identification": 2}, {"protocol": 17}]
)
def test_pieces_of_different_datagrams_stay_apart(field: dict[str, object]) -> None:
    ours, theirs = pieces_4(), pieces_4(bytes(96), **field)
    mixed = [piece for pair in zip(ours, theirs, strict=True) for piece in pair]
    assert MESSAGE in [frame.data for frame in frames(mixed)]
    assert frames(ours[:2] + theirs[2:]) == []


@pytest.mark.parametrize(
    ("offset", "size", "more"),
    [(16, 24, True), (8, 8, True), (0, 32, True), (64, 24, False), (80, 16, True), (24, 24, True)],
)
def test_pieces_that_overlap_drop_their_datagram(offset: int, size: int, more: bool) -> None:
    pieces = pieces_4()
    forged = build.ipv4(b"\xee" * size, offset=offset, more=more)
    assert frames([*pieces[:2], pieces[3], forged, pieces[2]]) == []
    assert frames([*pieces[:2], pieces[3], forged, *pieces])[0].data == MESSAGE  # the next one is whole


@pytest.mark.parametrize(
    "forged",
    [
        build.ipv4(b"\xee" * 23, offset=48, more=True),  # no multiple of 8, and more to come
        build.ipv4(b"\xee" * 8, offset=96, more=True),  # behind the end
        build.ipv4(b"\xee" * 8, offset=96),  # a second end
        build.ipv4(b"\xee" * 8, offset=40),  # an end before other pieces
        build.ipv4(b"", offset=48, more=True),
        build.ipv4(b"\xee" * 80, offset=65456 + 32, more=True),  # beyond the largest datagram
    ],
)
def test_impossible_pieces_drop_their_datagram(forged: bytes) -> None:
    pieces = pieces_4()
    assert frames([pieces[0], pieces[1], pieces[3], forged, pieces[2]]) == []


def test_ttl_and_router_alert_are_the_first_pieces() -> None:
    first, *others = pieces_4(ttl=40)
    with_alert = build.ipv4(MESSAGE[:24], options=ROUTER_ALERT, ttl=63, more=True)
    (frame,) = frames([*others, with_alert])
    assert (frame.ip_ttl, frame.router_alert) == (63, True)
    (frame,) = frames([*others, first])
    assert (frame.ip_ttl, frame.router_alert) == (40, False)


def test_fragments_of_udp_and_of_ipv6_with_options_inside() -> None:
    datagram = build.udp(MESSAGE)
    (frame,) = frames(pieces_4(datagram, protocol=17))
    assert (frame.data, frame.udp_encapsulated) == (MESSAGE, True)
    options = bytes([46, 0]) + bytes(6)
    (frame,) = frames(pieces_6(options + MESSAGE, protocol=60))
    assert frame.data == MESSAGE


def test_an_ipv6_fragment_that_is_the_whole_needs_no_others() -> None:
    packet = build.ipv6(build.ipv6_fragment(MESSAGE, 46, 1, 0, False), 44)
    assert [frame.data for frame in frames([packet, packet])] == [MESSAGE, MESSAGE]


def test_a_first_piece_that_was_cut_off_stands_for_the_datagram() -> None:
    found = frames(pieces_4(cuts=(0, 48)), snap=60)
    assert [(frame.number, frame.data, frame.missing) for frame in found] == [(1, MESSAGE[:40], 8)]


def test_pieces_a_minute_apart_do_not_meet() -> None:
    first, second = (read_ip(piece, 0) for piece in pieces_4(cuts=(0, 48)))
    assert first is not None
    assert second is not None
    late, early = Reassembler(), Reassembler()
    assert late.add(first, 0, 0) is None
    assert late.add(second, 0, TIMEOUT_NS + 1) is None
    assert early.add(first, 0, 0) is None
    assert early.add(second, 0, TIMEOUT_NS) is not None


def test_the_same_datagram_at_two_interfaces_is_two() -> None:
    data = build.section() + build.interface(101) + build.interface(101)
    for piece in pieces_4(cuts=(0, 48)):
        data += build.enhanced(piece, 0) + build.enhanced(piece, 1)
    assert [frame.number for frame in Capture(io.BytesIO(data))] == [3, 4]


def test_the_oldest_make_room() -> None:
    def pieces(identification: int) -> list[bytes]:
        return pieces_4(cuts=(0, 48), identification=identification)

    starts = [pieces(n)[0] for n in range(DATAGRAMS + 1)]
    ends = [pieces(n)[1] for n in range(DATAGRAMS + 1)]
    # All at one time, so that none of them is too late.
    data = build.section() + build.interface(101)
    data += b"".join(build.enhanced(piece) for piece in [*starts, *ends[1:], ends[0]])
    found = list(Capture(io.BytesIO(data)))
    assert len(found) == DATAGRAMS  # the first datagram's pieces were given up
    assert found[0].number == DATAGRAMS + 2


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 40), st.booleans(), st.booleans()),
        max_size=30,
    )
)
def test_whatever_pieces_come_a_datagram_is_made_of_them_only(
    drawn: list[tuple[int, int, bool, bool]],
) -> None:
    """Against a plain model: no two bytes of one place differ, and none is missing."""
    reassembler = Reassembler()
    source = bytes(4)
    for place, size, last, other in drawn:
        payload = bytes((place * 8 + n + other) % 256 for n in range(size))
        whole = reassembler.add(
            Datagram(source, source, 1, False, 46, payload, 0, Fragment(1, place * 8, last)), 0, None
        )
        if whole is not None:
            assert whole.fragment is None
            assert all((byte - n) % 256 in (0, 1) for n, byte in enumerate(whole.payload))
