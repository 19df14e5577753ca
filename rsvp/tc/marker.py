"""DSCPs for reserved packets that keep to their Tspec (RFC 2998 sections 2.3.2 and 2.4).

A chain behind the classifier's looks a packet's class up in a set for each DSCP in use. An element of it
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
from .nftables import Nftables

CHAIN = "mark"
TABLE = "rsvp-mark-"
"""What a table's name begins with; the interface's follows."""
AFTER_CLASSIFIER = 1
"""The chain's priority; the classifier's is 0."""
PRECISION = 3600
"""Seconds in which a rate is a whole number of packets, rounded up."""
MOST = 1 << 30
"""Bytes, or packets, that a limit's bucket or rate takes at most."""
# The first 16 bits of both IP headers hold the DSCP, at different places.
IPV4, IPV6 = (b"\x08\x00", b"\xff\x03", 2), (b"\x86\xdd", b"\xf0\x3f", 6)


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


class Marker:
    """Marks one interface's reserved packets. Not for two threads at once.

    `marks` are DSCPs by service, for flows that have none of their own.
    """

    def __init__(self, nftables: Nftables, device: str, marks: Mapping[int, int]) -> None:
        self.marks = dict(marks)
        self._nftables = nftables
        self._device = device
        self._table = TABLE + device
        self._wanted: dict[int, tuple[int, Meter]] = {}
        self._there: dict[int, tuple[int, Meter]] = {}
        self._changed: set[int] = set()
        self._sets: set[int] = set()
        """The DSCPs that the chain, which is hooked in with the first of them, has a set for."""

    def uninstall(self) -> None:
        """Remove the chain and whatever an earlier run left of one. Raises TrafficControlError."""
        requests = [nft.put_table(self._table), nft.delete_table(self._table)]
        self._nftables.commit(f"to remove the marks of {self._device}", requests)

    def _chain(self) -> list[Request]:
        table = self._table
        return [nft.put_table(table), nft.add_egress_chain(table, CHAIN, self._device, AFTER_CLASSIFIER)]

    def _set(self, dscp: int, number: int) -> list[Request]:
        rules = [self._rule(dscp, *version) for version in (IPV4, IPV6)]
        return [nft.add_class_set(self._table, _name(dscp), number), *rules]

    def _rule(self, dscp: int, protocol: bytes, others: bytes, shift: int) -> Request:
        register = nft.FIRST_REGISTER
        bits = (dscp << shift).to_bytes(2, "big")
        return nft.add_rule(
            self._table,
            CHAIN,
            [
                nft.load_meta(Meta.NFT_META_PROTOCOL, register),
                nft.only_if(register, protocol),
                nft.load_meta(Meta.NFT_META_PRIORITY, register),
                nft.only_in(_name(dscp), register),
                nft.load_bytes(nft.NETWORK, 0, 2, register),
                nft.mask(register, others, bits),
                nft.store_bytes(0, 2, register, checksum=protocol == IPV4[0]),
            ],
        )

    def want(self, class_id: int, dscp: int | None, service: int, meter: Meter) -> None:
        """Mark what a class sends within its meter with `dscp`, else as its service is marked, if it is."""
        if dscp is None:
            dscp = self.marks.get(service)
        if dscp is None:
            self.unwant(class_id)
        elif self._wanted.get(class_id) != (dscp, meter):
            self._wanted[class_id] = (dscp, meter)
            self._changed.add(class_id)

    def unwant(self, class_id: int) -> None:
        """Mark a class no more."""
        if self._wanted.pop(class_id, None) is not None:
            self._changed.add(class_id)

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
        new = sorted(coming.keys() - self._sets)
        requests = [] if self._sets or not new else self._chain()
        for number, dscp in enumerate(new, 1):
            requests += self._set(dscp, number)
        for dscp, gone in going.items():
            requests += nft.delete_elements(self._table, _name(dscp), map(nft.class_key, gone))
        for dscp, come in coming.items():
            requests += nft.add_metered(
                self._table, _name(dscp), [(class_id, _limits(meter)) for class_id, meter in come]
            )
        if requests:
            self._nftables.commit(f"marks on {self._device}", requests)
        self._sets.update(new)
        self._there = dict(self._wanted)


def _limits(meter: Meter) -> tuple[nft.Limit, nft.Limit]:
    return (
        nft.Limit(meter.rate, 1, meter.burst, of_bytes=True),
        nft.Limit(meter.packets, PRECISION, meter.packet_burst, of_bytes=False),
    )


def _name(dscp: int) -> str:
    return f"dscp_{dscp}"
