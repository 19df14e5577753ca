"""Which packet belongs to which reservation: nftables maps from what tells packets apart to classes.

A session's packets are told by destination, protocol and destination port, a sender's by its
address and source port (RFC 2205 sections 1.1, 3.2), IPv6 flow label, or, where the ports are encrypted,
by the SPI of ESP or AH (RFC 2207 section 2). Each combination of these
is a shape with a map of its own, which is a hash table: a packet costs one look-up for each shape
in use, however many reservations there are. Fragments but for the first have no ports and are best
effort, unless the session has none either; those of an encrypted flow have no SPI, and are, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pyroute2.netlink.nfnetlink import nftsocket
from pyroute2.netlink.nfnetlink.nftsocket import Meta

from ..iana import PROTOCOLS_WITH_PORTS, Protocol
from ..netlink import Request
from ..objects import Filter, FlowLabelFilterSpec, GpiFilter, GpiSession, Session
from . import nftables as nft
from .nftables import NETWORK, TRANSPORT, Expression, MapKey, Nftables

ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
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

SPI = MapKey(nftsocket.DATA_TYPE_MARK, 4)
ESP_SPI = Field("espspi", SPI, _header(TRANSPORT, 0, 4))
AH_SPI = {
    4: Field("ahspi", SPI, _header(TRANSPORT, 4, 4)),
    # The kernel takes AH for one of IPv6's extension headers, and looks for the transport behind it.
    6: Field("ahspi", SPI, lambda register: [nft.load_extension(Protocol.AH, 4, 4, register)]),
}
AH_RESERVED = Field(
    "ahreserved",
    SERVICE,
    lambda register: [nft.load_extension(Protocol.AH, 2, 2, register)],
)
"""Two bytes of AH that are zero: there is one (RFC 4302 section 2.3)."""

Shape: TypeAlias = tuple[Field, ...]


def match(session: Session, filter: Filter | None) -> list[tuple[Field, bytes]]:
    """The fields that single out a session's packets, from one sender or from any, and their values."""
    version = session.destination.version
    told = [(DESTINATION[version], session.destination.packed)]
    if (version, session.protocol) == (6, Protocol.AH):
        told.append((AH_RESERVED, bytes(2)))
    else:
        told.append((PROTOCOL, bytes([session.protocol])))
    if filter is not None:
        told.append((SOURCE[version], filter.address.packed))
    if isinstance(session, GpiSession) or isinstance(filter, GpiFilter):
        return told + _spi(session, filter)
    if session.protocol in PROTOCOLS_WITH_PORTS and session.port:
        told.append((DESTINATION_PORT, session.port.to_bytes(2, "big")))
    if isinstance(filter, FlowLabelFilterSpec):
        told.append((LABEL, filter.flow_label.to_bytes(4, "big")))
    elif filter is not None and session.protocol in PROTOCOLS_WITH_PORTS and filter.port:
        told.append((SOURCE_PORT, filter.port.to_bytes(2, "big")))
    return told


def _spi(session: Session, filter: Filter | None) -> list[tuple[Field, bytes]]:
    """What tells an encrypted flow; its session's virtual port is in no packet (RFC 2207 section 4.1)."""
    if not isinstance(filter, GpiFilter) or session.protocol not in (Protocol.ESP, Protocol.AH):
        return []
    field = ESP_SPI if session.protocol == Protocol.ESP else AH_SPI[session.destination.version]
    return [(field, filter.gpi.to_bytes(4, "big"))]


Key: TypeAlias = tuple[str, bytes]
"""A map's name, and a key in it."""
FIELDS = {
    version: {
        field.name: field
        for field in (
            *(DESTINATION[version], PROTOCOL, SOURCE[version], DESTINATION_PORT, SOURCE_PORT, LABEL),
            *(ESP_SPI, AH_SPI[version], AH_RESERVED),
        )
    }
    for version in (4, 6)
}
AT_ONCE = 2000
"""Elements that one batch changes: more would not fit a netlink socket's buffer."""


def key(session: Session, filter: Filter | None) -> Key:
    """The element that stands for one sender's packets, or for those of all senders if None."""
    told = match(session, filter)
    name = "_".join([f"ip{session.destination.version}", *(field.name for field, _ in told)])
    return name, b"".join(value.ljust(field.key.words * nft.WORD, b"\0") for field, value in told)


def shape(name: str) -> tuple[int, Shape] | None:
    """The IP version and the fields that a map's name stands for; None for a name that `key` never gives."""
    first, *names = name.split("_")
    version = {"ip4": 4, "ip6": 6}.get(first)
    if version is None or not all(name in FIELDS[version] for name in names):
        return None
    return version, tuple(FIELDS[version][name] for name in names)


def version_of(name: str) -> int:
    """The IP version that a map is for."""
    return _known(name)[0]


def _known(name: str) -> tuple[int, Shape]:
    found = shape(name)
    assert found is not None, name
    return found


def only_ip(version: int) -> list[Expression]:
    """Leave the rule unless a packet is of that version."""
    register = nft.FIRST_REGISTER
    return [nft.load_meta(Meta.NFT_META_PROTOCOL, register), nft.only_if(register, ETHERTYPE[version])]


def find(name: str) -> list[Expression]:
    """Leave the class that a map has for a packet at the first register; leave the rule if it has none."""
    version, fields = _known(name)
    register = nft.FIRST_REGISTER
    expressions = only_ip(version)
    for field in fields:
        expressions += field.load(register)
        register += field.key.words
    return [*expressions, nft.look_up(name, nft.FIRST_REGISTER)]


class Maps:
    """The maps of one interface, in a table. Not for two threads at once.

    `want` and `unwant` say what is to be; `settle` has the kernel do it.
    """

    def __init__(self, nftables: Nftables, device: str, table: str, counts: bool = False) -> None:
        """If they `count`, each element counts the packets that find it."""
        self.names: set[str] = set()
        self._nftables = nftables
        self._device = device
        self._table = table
        self._counting = counts
        self._wanted: dict[Key, int] = {}
        self._there: dict[Key, int] = {}
        self._changed: set[Key] = set()

    def want(self, one: Key, class_id: int) -> None:
        """Have packets belong to a class."""
        if self._wanted.get(one) != class_id:
            self._wanted[one] = class_id
            self._changed.add(one)

    def unwant(self, one: Key, class_id: int) -> None:
        """No more packets belong to that class; if they belong to another by now, they go on doing so."""
        if self._wanted.get(one) == class_id:
            del self._wanted[one]
            self._changed.add(one)

    def settle(self, only: Iterable[Key] | None = None) -> None:
        """Make the maps hold what is wanted, or in `only` some places. Raises TrafficControlError.

        Every `AT_ONCE` elements change in one batch; those of a batch that is refused stay as they were.
        """
        changing = [
            one
            for one in (self._changed if only is None else self._changed.intersection(only))
            if self._wanted.get(one) != self._there.get(one)
        ]
        for start in range(0, len(changing), AT_ONCE):
            self._settle(changing[start : start + AT_ONCE])
        self._changed = set() if only is None else self._changed.difference(only)

    def _settle(self, changing: list[Key]) -> None:
        new = sorted({name for name, _ in changing} - self.names)
        going: defaultdict[str, list[bytes]] = defaultdict(list)
        coming: defaultdict[str, list[tuple[bytes, int]]] = defaultdict(list)
        for name, where in changing:
            if (name, where) in self._there:
                going[name].append(where)
            if (name, where) in self._wanted:
                coming[name].append((where, self._wanted[name, where]))
        requests: list[Request] = []
        for number, name in enumerate(new, len(self.names) + 1):
            requests += self._new_map(name, number)
        for name, places in going.items():
            requests += nft.delete_elements(self._table, name, places)
        for name, classes in coming.items():
            requests += nft.add_elements(self._table, name, classes)
        self._nftables.commit(f"filters on {self._device}", requests)
        self.names.update(new)
        for one in changing:
            self._there.pop(one, None)
            if one in self._wanted:
                self._there[one] = self._wanted[one]

    def _new_map(self, name: str, number: int) -> list[Request]:
        """What it takes to have one more map, in a batch in which it is the only one of this number."""
        keys = [field.key for field in _known(name)[1]]
        return [nft.add_map(self._table, name, number, keys, self._counting)]
