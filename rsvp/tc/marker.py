"""DSCPs for reserved packets that keep to their Tspec (RFC 2998 sections 2.3.2 and 2.4).

A chain behind the classifier's looks a packet's class up in a set for each DSCP in use; where queues are
left alone, and no packet is told its class, it asks maps of its own first. An element of a set
meters the class by two of nftables' limits, and only what both let pass is marked. One counts bytes, but
its bucket always holds a second of the rate on top of b; the other counts packets, of which a flow that
keeps to its Tspec sends no more than (rt + b) / m. So packets that conform are always marked, and those
that do not are not, but for a second's worth in the worst case; where all packets are of size m, to the
packet. Others pass unmarked: they are best effort for whoever goes by the mark (RFC 2211 section 3).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pyroute2.netlink.nfnetlink.nftsocket import Meta

from ..intserv import Tspec
from ..netlink import Request
from . import nftables as nft
from .maps import Key, Maps, find, only_ip, version_of
from .nftables import Expression, Nftables

CHAIN = "mark"
TABLE = "rsvp-mark-"
"""What a table's name begins with; the interface's follows."""
AFTER_CLASSIFIER = 1
"""The chain's priority; the classifier's is 0."""
PRECISION = 3600
"""Seconds in which a rate is a whole number of packets, rounded up."""
MOST = 1 << 30
"""Bytes, or packets, that a limit's bucket or rate takes at most."""
DSCP_AT = {4: (b"\xff\x03", 2), 6: (b"\xf0\x3f", 6)}
"""By IP version: what else is in the header's first 16 bits, and how far from their end the DSCP is."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a flow may send: bytes/s and bytes as the kernel counts them; packets an hour, and at once."""

    rate: int
    burst: int
    packets: int
    packet_burst: int

    @classmethod
    def of(cls, tspec: Tspec, header: int, frame: int) -> Meter:
        """Of a Tspec, on a link with that header and largest frame."""
        smallest = max(tspec.m, 1)
        scale = (smallest + header) / smallest
        return cls(
            _within(tspec.rate * scale),
            _within(tspec.bucket * scale + frame),
            _within(tspec.rate / smallest * PRECISION),
            _within(tspec.bucket / smallest + 1),
        )


def _within(value: float) -> int:
    return MOST if value >= MOST else max(math.ceil(value), 1)


class _OwnMaps(Maps):
    """Maps in a table that is made with the first of them."""

    def _new_map(self, name: str, number: int) -> list[Request]:
        return [nft.put_table(self._table), *super()._new_map(name, number)]


class Marker:
    """Marks one interface's reserved packets. Not for two threads at once.

    `marks` are DSCPs by service, for flows that have none of their own; `sent` is whether a packet's
    priority is its class.
    """

    def __init__(self, nftables: Nftables, device: str, marks: Mapping[int, int], sent: bool = True) -> None:
        self.marks = dict(marks)
        self._nftables = nftables
        self._device = device
        self._table = TABLE + device
        self._wanted: dict[int, tuple[int, Meter]] = {}
        self._there: dict[int, tuple[int, Meter]] = {}
        self._changed: set[int] = set()
        self._sets: set[int] = set()
        """The DSCPs that the chain, which is hooked in with the first of them, has a set for."""
        self._rules: set[tuple[int, str]] = set()
        """The DSCPs, and the ways to a packet's class, that the chain has a rule for."""
        self._maps = None if sent else _OwnMaps(nftables, device, self._table)
        self._keys: dict[int, frozenset[Key]] = {}

    def uninstall(self) -> None:
        """Remove the chain and whatever an earlier run left of one. Raises TrafficControlError."""
        requests = [nft.put_table(self._table), nft.delete_table(self._table)]
        self._nftables.commit(f"to remove the marks of {self._device}", requests)

    def _chain(self) -> list[Request]:
        table = self._table
        return [nft.put_table(table), nft.add_egress_chain(table, CHAIN, self._device, AFTER_CLASSIFIER)]

    def _ways(self) -> dict[str, tuple[int, list[Expression]]]:
        """How a packet's class comes into the first register, and which IP version's."""
        if self._maps is not None:
            return {name: (version_of(name), find(name)) for name in self._maps.names}
        register = nft.FIRST_REGISTER
        load = nft.load_meta(Meta.NFT_META_PRIORITY, register)
        return {f"ip{version}": (version, [*only_ip(version), load]) for version in DSCP_AT}

    def _rule(self, dscp: int, version: int, way: list[Expression]) -> Request:
        register = nft.FIRST_REGISTER
        others, shift = DSCP_AT[version]
        bits = (dscp << shift).to_bytes(2, "big")
        return nft.add_rule(
            self._table,
            CHAIN,
            [
                *way,
                nft.only_in(_name(dscp), register),
                nft.load_bytes(nft.NETWORK, 0, 2, register),
                nft.mask(register, others, bits),
                nft.store_bytes(0, 2, register, checksum=version == 4),
            ],
        )

    def want(self, class_id: int, dscp: int | None, service: int, meter: Meter, keys: frozenset[Key]) -> None:
        """Mark what a class sends within its meter with `dscp`, else as its service is marked, if it is.

        `keys` are the packets that belong to the class.
        """
        if dscp is None:
            dscp = self.marks.get(service)
        if dscp is None:
            self.unwant(class_id)
            return
        self._sort(class_id, keys)
        if self._wanted.get(class_id) != (dscp, meter):
            self._wanted[class_id] = (dscp, meter)
            self._changed.add(class_id)

    def unwant(self, class_id: int) -> None:
        """Mark a class no more."""
        self._sort(class_id, frozenset())
        if self._wanted.pop(class_id, None) is not None:
            self._changed.add(class_id)

    def _sort(self, class_id: int, keys: frozenset[Key]) -> None:
        """Have these packets, and no others, belong to a class."""
        if self._maps is not None:
            for one in self._keys.pop(class_id, frozenset()) - keys:
                self._maps.unwant(one, class_id)
            for one in keys:
                self._maps.want(one, class_id)
            if keys:
                self._keys[class_id] = keys

    def settle(self) -> None:
        """Have the kernel carry out what was wanted since the last time. Raises TrafficControlError."""
        going: defaultdict[int, list[int]] = defaultdict(list)
        coming: defaultdict[int, list[tuple[int, Meter]]] = defaultdict(list)
        for class_id in self._changed:
            if class_id in self._there:
                going[self._there[class_id][0]].append(class_id)
            if class_id in self._wanted:
                dscp, meter = self._wanted[class_id]
                coming[dscp].append((class_id, meter))
        self._changed.clear()
        if self._maps is not None:
            self._maps.settle()
        new = sorted(coming.keys() - self._sets)
        requests = [] if self._sets or not new else self._chain()
        for number, dscp in enumerate(new, 1):
            requests.append(nft.add_class_set(self._table, _name(dscp), number))
        ways = self._ways()
        rules = {(dscp, way) for dscp in (*self._sets, *new) for way in ways} - self._rules
        requests += [self._rule(dscp, *ways[way]) for dscp, way in sorted(rules)]
        for dscp, gone in going.items():
            requests += nft.delete_elements(self._table, _name(dscp), map(nft.class_key, gone))
        for dscp, come in coming.items():
            requests += nft.add_metered(
                self._table, _name(dscp), [(class_id, _limits(meter)) for class_id, meter in come]
            )
        if requests:
            self._nftables.commit(f"marks on {self._device}", requests)
        self._sets.update(new)
        self._rules |= rules
        self._there = dict(self._wanted)


def _limits(meter: Meter) -> tuple[nft.Limit, nft.Limit]:
    return (
        nft.Limit(meter.rate, 1, meter.burst, of_bytes=True),
        nft.Limit(meter.packets, PRECISION, meter.packet_burst, of_bytes=False),
    )


def _name(dscp: int) -> str:
    return f"dscp_{dscp}"
