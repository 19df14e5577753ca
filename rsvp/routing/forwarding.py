"""The kernel's multicast forwarding cache: where a sender's data to a group comes in and goes out.

A multicast routing daemon fills it, and this is what answers Mcast_Route_Query and tells of
Mcast_Route_Change (RFC 2205 section 3.11.4) whatever that daemon is. Layout and numbers are those of
linux/rtnetlink.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from pyroute2.netlink.rtnl import RTM_DELROUTE, RTM_GETROUTE
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ..netlink import HEADER, Netlink, attributes
from ..objects import IPAddress
from .questions import DESTINATION, INCOMING, MULTIPATH, NEXT_HOP, NUMBER, RTMSG, SOURCE

RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR = 128, 129
RTNH_F_UNRESOLVED = 32
TABLE = 15
FAMILIES: dict[int, tuple[type[IPv4Address] | type[IPv6Address], int]] = {
    RTNL_FAMILY_IPMR: (IPv4Address, 253),
    RTNL_FAMILY_IP6MR: (IPv6Address, 254),
}
"""The class of addresses, and the table that routing daemons write if not told otherwise."""

Key: TypeAlias = tuple[IPAddress, IPAddress]
"""A sender, or the unspecified address for any, and a group."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one sender's data to a group is forwarded.

    `incoming` is the only interface from which it is, None for whichever. A packet leaves through an
    interface of `outgoing` if the TTL that it came with exceeds its number in `thresholds`.
    """

    incoming: int | None
    outgoing: tuple[int, ...]
    thresholds: tuple[int, ...]


class ForwardingCache:
    """What the cache holds: read for each question, or once if it is `watched` and `note` told of changes."""

    def __init__(self, netlink: Netlink) -> None:
        self.watched = False
        self._netlink = netlink
        self._entries: dict[Key, Entry] | None = None

    def find(self, group: IPAddress, source: IPAddress) -> Entry | None:
        """The entry for a sender to a group, or else for any sender to it; None where there is none."""
        entries = self._entries if self._entries is not None else self._read()
        if self.watched:
            self._entries = entries
        return entries.get((source, group)) or entries.get((type(source)(0), group))

    def _read(self) -> dict[Key, Entry]:
        entries = {}
        for family in FAMILIES:
            request = rtmsg()
            request["family"] = family
            for data in self._netlink.dump_bytes(request, RTM_GETROUTE):
                found = read_entry(data[HEADER.size :])
                if found is not None:
                    entries[found[0]] = found[1]
        return entries

    def note(self, kind: int, body: bytes) -> bool:
        """Take in an RTM_NEWROUTE or RTM_DELROUTE; whether it is news."""
        found = read_entry(body)
        if found is None:
            return False
        key, entry = found
        if self._entries is None:
            return True
        before = self._entries.get(key)
        if kind == RTM_DELROUTE:
            self._entries.pop(key, None)
            return before is not None
        self._entries[key] = entry
        return entry != before

    def forget(self) -> None:
        """News were lost: read it anew."""
        self._entries = None


def read_entry(body: bytes) -> tuple[Key, Entry] | None:
    """What a route message says of a sender and a group, from behind its header.

    None for what is of another table, or no route yet: data that the routing daemon has not said
    anything about waits in an unresolved entry.
    """
    family, *_, flags = RTMSG.unpack_from(body)
    told = attributes(body, RTMSG.size)
    if family not in FAMILIES or flags & RTNH_F_UNRESOLVED or not {SOURCE, DESTINATION} <= told.keys():
        return None
    address, table = FAMILIES[family]
    if TABLE in told and NUMBER.unpack(told[TABLE]) != (table,):
        return None
    source, group = address(told[SOURCE]), address(told[DESTINATION])
    hops = told.get(MULTIPATH, b"")
    outgoing: dict[int, int] = {}
    at = 0
    while at + NEXT_HOP.size <= len(hops):
        length, _, threshold, index = NEXT_HOP.unpack_from(hops, at)
        outgoing[index] = threshold
        at += max(length, NEXT_HOP.size)
    incoming = NUMBER.unpack(told[INCOMING])[0] if INCOMING in told and int(source) else None
    return (source, group), Entry(incoming, tuple(outgoing), tuple(outgoing.values()))
