"""Which packet belongs to which reservation: nftables maps on what leaves an interface.

A session's packets are told by destination, protocol and destination port, a sender's by its
address and source port (RFC 2205 sections 1.1, 3.2) or IPv6 flow label. Each combination of these
is a shape with a map of its own, which is a hash table: a packet costs one look-up for each shape
in use, however many reservations there are. Fragments but for the first have no ports and are best
effort, unless the session has none either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyroute2.netlink.nfnetlink import nftsocket
from pyroute2.netlink.nfnetlink.nftsocket import Meta

from ..iana import PROTOCOLS_WITH_PORTS, RSVP_PROTOCOL
from ..objects import Filter, FlowLabelFilterSpec, Session
from . import nftables as nft
from .nftables import Expression, MapKey, Nftables, Request

CHAIN = "classify"
NETWORK, TRANSPORT = 1, 2
"""What the kernel counts a header's offsets from."""

IPV4, IPV6, ARP = b"\x08\x00", b"\x86\xdd", b"\x08\x06"
ICMPV6 = 58
NEIGHBOR_DISCOVERY = (135, 136)
"""Neighbour solicitation and advertisement."""
FLOW_LABEL = b"\x00\x0f\xff\xff"
"""Its bits in the first word of an IPv6 header."""

Load: TypeAlias = Callable[[int], list[Expression]]


def _header(base: int, offset: int, size: int) -> Load:
    return lambda register: [nft.load_bytes(base, offset, size, register)]


def _flow_label(register: int) -> list[Expression]:
    return [nft.load_bytes(NETWORK, 0, 4, register), nft.mask(register, FLOW_LABEL)]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that tells packets apart, and how a rule loads it."""

    name: str
    key: MapKey
    load: Load


ADDRESS = {4: MapKey(nftsocket.DATA_TYPE_IPADDR, 4), 6: MapKey(nftsocket.DATA_TYPE_IP6ADDR, 16)}
SERVICE = MapKey(nftsocket.DATA_TYPE_INET_SERVICE, 2)
SOURCE = {
    4: Field("source", ADDRESS[4], _header(NETWORK, 12, 4)),
    6: Field("source", ADDRESS[6], _header(NETWORK, 8, 16)),
}
DESTINATION = {
    4: Field("destination", ADDRESS[4], _header(NETWORK, 16, 4)),
    6: Field("destination", ADDRESS[6], _header(NETWORK, 24, 16)),
}
PROTOCOL = Field(
    "protocol",
    MapKey(nftsocket.DATA_TYPE_INET_PROTOCOL, 1),
    lambda register: [nft.load_meta(Meta.NFT_META_L4PROTO, register)],
)
SOURCE_PORT = Field("sport", SERVICE, _header(TRANSPORT, 0, 2))
DESTINATION_PORT = Field("dport", SERVICE, _header(TRANSPORT, 2, 2))
LABEL = Field("flowlabel", MapKey(nftsocket.DATA_TYPE_MARK, 4), _flow_label)

Shape: TypeAlias = tuple[Field, ...]


def match(session: Session, filter: Filter | None) -> list[tuple[Field, bytes]]:
    """The fields that single out a session's packets, from one sender or from any, and their values."""
    version = session.destination.version
    told = [
        (DESTINATION[version], session.destination.packed),
        (PROTOCOL, bytes([session.protocol])),
    ]
    if filter is not None:
        told.append((SOURCE[version], filter.address.packed))
    if session.protocol in PROTOCOLS_WITH_PORTS and session.port:
        told.append((DESTINATION_PORT, session.port.to_bytes(2, "big")))
    if isinstance(filter, FlowLabelFilterSpec):
        told.append((LABEL, filter.flow_label.to_bytes(4, "big")))
    elif filter is not None and session.protocol in PROTOCOLS_WITH_PORTS and filter.port:
        told.append((SOURCE_PORT, filter.port.to_bytes(2, "big")))
    return told


@dataclass(frozen=True, slots=True)
class Entry:
    """An element of a map, and the class that it sends to."""

    map: str
    key: bytes
    class_id: int


class Classifier:
    """The rules and maps of one interface. Not for two threads at once."""

    def __init__(self, nftables: Nftables, device: str) -> None:
        self._nftables = nftables
        self._device = device
        self._table = f"rsvp-{device}"
        self._maps: set[str] = set()
        self._entries: dict[tuple[Any, Filter | None], Entry] = {}

    def install(self, control: int, best_effort: int) -> None:
        """Hook the chain in; RSVP's own messages and address resolution go to the class `control`.

        Without an answer to ARP or neighbour discovery no packet finds the next hop, reserved or
        not. Everything else is `best_effort` until a rule says otherwise: a priority that an
        application set, or another interface's rules, are not to choose a class here. Replaces what
        a crash left behind.
        """
        reg = nft.FIRST_REGISTER
        self._maps.clear()
        self._entries.clear()
        own: list[list[Expression]] = [
            [nft.load_meta(Meta.NFT_META_PROTOCOL, reg), nft.only_if(reg, ARP)],
            [nft.load_meta(Meta.NFT_META_L4PROTO, reg), nft.only_if(reg, bytes([RSVP_PROTOCOL]))],
        ]
        own += [
            [
                nft.load_meta(Meta.NFT_META_L4PROTO, reg),
                nft.only_if(reg, bytes([ICMPV6])),
                nft.load_bytes(TRANSPORT, 0, 1, reg),
                nft.only_if(reg, bytes([kind])),
            ]
            for kind in NEIGHBOR_DISCOVERY
        ]
        table = self._table
        rules = [[nft.load_class(best_effort, reg), nft.send_to_class(reg)]]
        rules += [[*told, nft.load_class(control, reg), nft.send_to_class(reg), nft.done()] for told in own]
        self._commit(
            f"an nftables chain for what leaves {self._device}",
            [
                nft.put_table(table),  # so that there is one to delete
                nft.delete_table(table),
                nft.put_table(table),
                nft.add_egress_chain(table, CHAIN, self._device),
                *(nft.add_rule(table, CHAIN, rule) for rule in rules),
            ],
        )

    def uninstall(self) -> None:
        """Remove chain and maps."""
        requests = [nft.put_table(self._table), nft.delete_table(self._table)]
        self._commit(f"to remove the nftables chain of {self._device}", requests)

    def add(self, session: Session, filter: Filter | None, class_id: int) -> None:
        """Send one sender's packets, or those of all senders if None, to a class; twice is once."""
        what = (session.key, filter)
        told = match(session, filter)
        shape = tuple(field for field, _ in told)
        version = session.destination.version
        name = "_".join([f"ip{version}", *(field.name for field in shape)])
        key = b"".join(value.ljust(field.key.words * nft.WORD, b"\0") for field, value in told)
        known, entry = self._entries.get(what), Entry(name, key, class_id)
        if known == entry:
            return
        requests = [] if name in self._maps else self._add_shape(name, version, shape)
        if known is not None:
            requests.append(nft.delete_element(self._table, known.map, known.key))
        requests.append(nft.add_element(self._table, name, key, class_id))
        self._commit(f"a filter on {self._device}", requests)
        self._maps.add(name)
        self._entries[what] = entry

    def remove(self, session: Session, filter: Filter | None) -> None:
        """Take a filter out; one that is not there is none of our business."""
        known = self._entries.pop((session.key, filter), None)
        if known is not None:
            request = nft.delete_element(self._table, known.map, known.key)
            self._commit(f"to remove a filter on {self._device}", [request])

    def _add_shape(self, name: str, version: int, shape: Shape) -> list[Request]:
        register = nft.FIRST_REGISTER
        expressions = [
            nft.load_meta(Meta.NFT_META_PROTOCOL, register),
            nft.only_if(register, IPV4 if version == 4 else IPV6),
        ]
        for field in shape:
            expressions += field.load(register)
            register += field.key.words
        first = nft.FIRST_REGISTER
        expressions += [nft.look_up(name, first), nft.send_to_class(first), nft.done()]
        return [
            nft.add_map(self._table, name, len(self._maps) + 1, [field.key for field in shape]),
            nft.add_rule(self._table, CHAIN, expressions),
        ]

    def _commit(self, what: str, requests: list[Request]) -> None:
        self._nftables.commit(what, requests)
