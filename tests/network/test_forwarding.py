"""Entries of the kernel's multicast forwarding cache, as bytes (linux/rtnetlink.h)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from rsvp.netlink import attribute
from rsvp.objects import IPAddress
from rsvp.routing.forwarding import RTNH_F_UNRESOLVED, TABLE, Entry, ForwardingCache, read_entry
from rsvp.routing.questions import DESTINATION, INCOMING, MULTIPATH, NEXT_HOP, NUMBER, RTMSG, SOURCE

NEW, GONE = 24, 25
S4, G4 = IPv4Address("10.0.1.1"), IPv4Address("239.1.1.1")
S6, G6 = IPv6Address("fd00:1::1"), IPv6Address("ff1e::1")


def entry(
    source: IPAddress, group: IPAddress, *hops: tuple[int, int], flags: int = 0, table: int | None = None
) -> bytes:
    """An entry from interface 2 to (interface, threshold)s."""
    default = 253 if source.version == 4 else 254
    body = RTMSG.pack(128 if source.version == 4 else 129, 0, 0, 0, 0, 17, 0, 5, flags)
    body += attribute(TABLE, NUMBER.pack(default if table is None else table))
    body += attribute(SOURCE, source.packed) + attribute(DESTINATION, group.packed)
    if not flags:
        body += attribute(INCOMING, NUMBER.pack(2))
    listed = b"".join(NEXT_HOP.pack(NEXT_HOP.size, 0, threshold, index) for index, threshold in hops)
    return body + attribute(MULTIPATH, listed)


@pytest.mark.parametrize(("source", "group"), [(S4, G4), (S6, G6)])
def test_where_data_comes_in_and_goes_out(source: IPAddress, group: IPAddress) -> None:
    assert read_entry(entry(source, group, (3, 1), (5, 16))) == ((source, group), Entry(2, (3, 5), (1, 16)))
    assert read_entry(entry(source, group)) == ((source, group), Entry(2, (), ())), "a negative one"


def test_anybodys_data_may_come_in_anywhere() -> None:
    """An entry for all senders forwards between all its interfaces."""
    anybody = IPv4Address(0)
    assert read_entry(entry(anybody, G4, (2, 1), (3, 1))) == ((anybody, G4), Entry(None, (2, 3), (1, 1)))


@pytest.mark.parametrize(
    "body",
    [
        entry(S4, G4, flags=RTNH_F_UNRESOLVED),
        entry(S4, G4, (3, 1), table=100),
        entry(S6, G6, (3, 1), table=253),
        RTMSG.pack(2, 32, 0, 0, 254, 0, 0, 1, 0) + attribute(DESTINATION, S4.packed),
        RTMSG.pack(128, 0, 0, 0, 0, 17, 0, 5, 0),
    ],
    ids=["unresolved", "another table", "another table, IPv6", "unicast", "nothing"],
)
def test_what_is_no_multicast_route(body: bytes) -> None:
    assert read_entry(body) is None


class Dump:
    """What stands in for the kernel: dumps the same entries each time, and counts."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = bodies
        self.asked = 0

    def dump_bytes(self, request: dict[str, int], kind: int) -> list[bytes]:
        self.asked += 1
        return [bytes(16) + body for body in self.bodies if body[0] == request["family"]]


def test_the_cache_is_read_once_and_follows_what_is_told() -> None:
    kernel = Dump(entry(S4, G4, (3, 1)), entry(IPv6Address(0), G6, (2, 1), (3, 1)))
    cache = ForwardingCache(kernel)  # type: ignore[arg-type]
    cache.watched = True
    assert cache.find(G4, S4) == Entry(2, (3,), (1,))
    assert cache.find(G6, S6) == Entry(None, (2, 3), (1, 1)), "anybody's, as there is none of its own"
    assert cache.find(G4, IPv4Address("10.0.1.2")) is None
    assert kernel.asked == 2, "once for each IP version"
    assert not cache.note(NEW, entry(S4, G4, (3, 1))), "no news"
    assert cache.note(NEW, entry(S4, G4, (3, 1), (4, 1)))
    assert cache.find(G4, S4) == Entry(2, (3, 4), (1, 1))
    assert not cache.note(NEW, entry(S4, G4, flags=RTNH_F_UNRESOLVED))
    assert cache.note(GONE, entry(S4, G4, (3, 1), (4, 1)))
    assert not cache.note(GONE, entry(S4, G4, (3, 1), (4, 1)))
    assert cache.find(G4, S4) is None
    cache.forget()
    assert cache.note(NEW, entry(S4, G4)), "who knows"
    assert cache.find(G4, S4) == Entry(2, (3,), (1,))
