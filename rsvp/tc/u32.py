"""Which packet belongs to which reservation: u32 filters in a hash table for each IP version.

A session's packets are told by destination, protocol and destination port, a sender's by its
address and source port (RFC 2205 sections 1.1, 3.2) or IPv6 flow label. Fragments but for the
first have no ports and are best effort, unless the session has none either.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any

from ..errors import TrafficControlError
from ..iana import PROTOCOLS_WITH_PORTS, RSVP_PROTOCOL
from ..objects import Filter, FlowLabelFilterSpec, IPAddress, Session
from .kernel import Kernel

TERMINAL, VAROFFSET = 1, 4
"""Flags of a u32 selector."""
NEXT_HEADER = -1
"""A key's offset mask that adds the length of the IP header to its offset."""
BUCKETS = 256
NODES = 0xFFF
"""Filters that one bucket can hold."""

SELECTOR = struct.Struct("=BBBxHHhh4s")
KEY = struct.Struct("!II")
OFFSETS = struct.Struct("=ii")


@dataclass(frozen=True, slots=True)
class Key:
    """One 32-bit comparison: the word at `offset`, under `mask`, is `value`."""

    mask: int
    value: int
    offset: int
    offset_mask: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where u32 finds things in one IP version's header, and our numbers for its tables."""

    ethertype: int
    prio: int
    table: int
    source: int
    destination: int
    protocol_word: int
    protocol_shift: int


LAYOUTS = {
    4: Layout(0x0800, 10, 1, 12, 16, 8, 16),
    6: Layout(0x86DD, 11, 2, 8, 24, 4, 8),
}
ARP = Layout(0x0806, 12, 0, 0, 0, 0, 0)
IPV6_HEADER = 40
ICMPV6 = 58
NEIGHBOR_DISCOVERY = (135, 136)
"""Neighbour solicitation and advertisement."""


class U32Classifier:
    """The filters of one interface. Not for two threads at once."""

    def __init__(self, kernel: Kernel, index: int, name: str, parent: int) -> None:
        self._kernel = kernel
        self._index = index
        self._name = name
        self._parent = parent
        self._handles: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._nodes: dict[tuple[int, int], set[int]] = {}

    def install(self, control: int) -> None:
        """Make the tables; RSVP's own messages and address resolution go to the class `control`.

        Without an answer to ARP or neighbour discovery no packet finds the next hop, reserved or not.
        """
        target = ["TCA_U32_CLASSID", control]
        every = selector([Key(0, 0, 0)])
        self._add(ARP, 1, {"attrs": [target, ["TCA_U32_SEL", every]]})
        for version, layout in LAYOUTS.items():
            table = layout.table << 20
            self._add(layout, table, {"attrs": [["TCA_U32_DIVISOR", BUCKETS]]})
            own = [[_protocol(layout, RSVP_PROTOCOL)]]
            if version == 6:
                # Behind a hop-by-hop header, where Router Alert is.
                own.append([_protocol(layout, 0), _first_byte(RSVP_PROTOCOL)])
                own += [[_protocol(layout, ICMPV6), _first_byte(kind)] for kind in NEIGHBOR_DISCOVERY]
            for node, keys in enumerate(own, start=1):
                self._add(layout, node, {"attrs": [target, ["TCA_U32_SEL", selector(keys)]]})
            last_word = layout.destination + (0 if version == 4 else 12)
            link = selector([], hash_word=last_word, header_length=version == 4)
            attrs = [["TCA_U32_LINK", table], ["TCA_U32_SEL", link]]
            self._add(layout, len(own) + 1, {"attrs": attrs})

    def add(self, session: Session, filter: Filter | None, class_id: int) -> None:
        """Send one sender's packets, or those of all senders if None, to a class; twice is once."""
        what = (session.key, filter)
        known = self._handles.get(what)
        if known is not None:
            if known[1] == class_id:
                return
            self.remove(session, filter)
        layout = LAYOUTS[session.destination.version]
        bucket = int(session.destination) & (BUCKETS - 1)
        used = self._nodes.setdefault((layout.table, bucket), set())
        node = next((n for n in range(1, NODES) if n not in used), None)
        if node is None:
            raise TrafficControlError(f"{self._name} has no room for one more filter to {session}")
        handle = layout.table << 20 | bucket << 12 | node
        keys = match(session, filter)
        attrs = [
            ["TCA_U32_HASH", handle & 0xFFFFF000],
            ["TCA_U32_CLASSID", class_id],
            ["TCA_U32_SEL", selector(keys)],
        ]
        self._add(layout, handle, {"attrs": attrs})
        used.add(node)
        self._handles[what] = (handle, class_id)

    def remove(self, session: Session, filter: Filter | None) -> None:
        """Take a filter out; one that is not there is none of our business."""
        known = self._handles.pop((session.key, filter), None)
        if known is None:
            return
        handle, _ = known
        layout = LAYOUTS[session.destination.version]
        self._nodes[layout.table, handle >> 12 & 0xFF].discard(handle & NODES)
        what = f"to remove a filter on {self._name}"
        self._kernel.delete_filter(what, self._index, self._parent, handle, _info(layout))

    def _add(self, layout: Layout, handle: int, options: Any) -> None:
        what = f"a filter on {self._name}"
        self._kernel.add_filter(what, self._index, self._parent, handle, _info(layout), options)


def _info(layout: Layout) -> int:
    return layout.prio << 16 | socket.htons(layout.ethertype)


def _protocol(layout: Layout, protocol: int) -> Key:
    return Key(0xFF << layout.protocol_shift, protocol << layout.protocol_shift, layout.protocol_word)


def _first_byte(value: int) -> Key:
    """The byte behind an IPv6 header."""
    return Key(0xFF000000, value << 24, IPV6_HEADER)


def _address(address: IPAddress, offset: int) -> list[Key]:
    words = struct.unpack(f"!{len(address.packed) // 4}I", address.packed)
    return [Key(0xFFFFFFFF, word, offset + 4 * number) for number, word in enumerate(words)]


def match(session: Session, filter: Filter | None) -> list[Key]:
    """The comparisons that single out a session's packets, from one sender or from any."""
    version = session.destination.version
    layout = LAYOUTS[version]
    keys = [*_address(session.destination, layout.destination), _protocol(layout, session.protocol)]
    source_port = 0
    if isinstance(filter, FlowLabelFilterSpec):
        keys.append(Key(0x000FFFFF, filter.flow_label & 0x000FFFFF, 0))
    elif filter is not None:
        source_port = filter.port
    if filter is not None:
        keys += _address(filter.address, layout.source)
    if session.protocol not in PROTOCOLS_WITH_PORTS:
        return keys
    mask = (0xFFFF0000 if source_port else 0) | (0x0000FFFF if session.port else 0)
    if mask:
        ports = source_port << 16 | session.port
        if version == 4:
            keys.append(Key(0x00001FFF, 0, 4))  # the fragment offset: only the first has ports
            keys.append(Key(mask, ports, 0, NEXT_HEADER))
        else:
            keys.append(Key(mask, ports, IPV6_HEADER))
    return keys


def selector(keys: list[Key], hash_word: int | None = None, header_length: bool = False) -> bytes:
    """A struct tc_u32_sel of terminal comparisons, or one that links to a table.

    A link hashes by the last byte of the word at `hash_word`; `header_length` has it note the
    length of the IPv4 header for keys that count from its end.
    """
    if hash_word is None:
        head = SELECTOR.pack(TERMINAL, 0, len(keys), 0, 0, 0, 0, bytes(4))
    else:
        keys = keys or [Key(0, 0, 0)]
        flags = VAROFFSET if header_length else 0
        # The header's length in words are the low 4 bits of its first byte: (word & 0x0f00) >> 6 bytes.
        offset_mask = socket.htons(0x0F00) if header_length else 0
        shift = 6 if header_length else 0
        head = SELECTOR.pack(flags, shift, len(keys), offset_mask, 0, 0, hash_word, b"\0\0\0\xff")
    return head + b"".join(
        KEY.pack(key.mask, key.value) + OFFSETS.pack(key.offset, key.offset_mask) for key in keys
    )
