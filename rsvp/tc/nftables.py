"""How nftables is told about tables, chains, maps, rules and elements, and the one way to send it.

Whatever belongs together goes as one batch, which the kernel carries out as a whole or not at all.
The frames are pyroute2's, but for maps' elements, of which there may be thousands at a time.
Expressions are the kernel's own (linux/netfilter/nf_tables.h).
"""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyroute2.netlink import NETLINK_NETFILTER, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFPROTO_NETDEV,
    NFT_MSG_DELRULE,
    NFT_MSG_DELSETELEM,
    NFT_MSG_DELTABLE,
    NFT_MSG_GETSET,
    NFT_MSG_GETSETELEM,
    NFT_MSG_GETTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    NFT_MSG_NEWTABLE,
    Cmp,
    Meta,
    Regs,
    nft_chain_msg,
    nft_rule_msg,
    nft_set_msg,
    nft_table_msg,
)
from pyroute2.nftables.expressions import genex, verdict

from ..errors import TrafficControlError
from ..netlink import HEADER, Netlink, NetlinkError, Request, attribute, attributes

EGRESS_HOOK = 1
"""NF_NETDEV_EGRESS: what leaves an interface, just before its queues."""
BATCH_BEGIN, BATCH_END = 0x10, 0x11
MAP = "NFT_SET_MAP"
CLASSID = 23
"""The type of a map's values, as the nft command names and prints it."""
HOST_ENDIAN = (1).to_bytes(4, sys.byteorder)
"""How the nft command is to read a map's values: it takes them for big-endian when not told."""
TYPE_BITS = 6
"""A concatenated key's type is the types of its fields, six bits each."""
WORD = 4
NF_ACCEPT = 1
FIRST_REGISTER = int(Regs.NFT_REG32_00)

NFGENMSG = struct.Struct("=BBH")
"""struct nfgenmsg: family, version, resource."""
EDGE = struct.pack("!BBH", 0, 0, NFNL_SUBSYS_NFTABLES)
"""The same at both ends of a batch, which name who is to carry it out."""
# What the attributes of sets and their elements are, of linux/netfilter/nf_tables.h.
TABLE_NAME = 1
SET_TABLE, SET_NAME = 1, 2
ELEMENTS_TABLE, ELEMENTS_SET, ELEMENTS = 1, 2, 3
ELEMENT, ELEMENT_KEY, ELEMENT_DATA, ELEMENT_EXPRESSION, VALUE = 1, 1, 2, 7, 1
ELEMENT_EXPRESSIONS, EXPRESSION_NAME = 11, 1
LIMIT_RATE, LIMIT_UNIT, LIMIT_BURST, LIMIT_TYPE = 1, 2, 3, 4
EXPRESSION_DATA, COUNTER_BYTES, COUNTER_PACKETS = 2, 1, 2
NESTED = 0x8000
AT_ONCE = 400
"""Elements in one message: an attribute has at most 65,535 bytes."""

NETWORK, TRANSPORT = 1, 2
"""What the kernel counts a header's offsets from."""
INTERNET_CHECKSUM, IPV4_CHECKSUM_AT = 1, 10
IPV6_EXTENSION = 0
"""NFT_EXTHDR_OP_IPV6."""

Expression: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class MapKey:
    """A field of a map's key: its type for the nft command, and its bytes."""

    datatype: int
    size: int

    @property
    def words(self) -> int:
        """The 32-bit registers that it takes."""
        return -(-self.size // WORD)


@dataclass(frozen=True, slots=True)
class Limit:
    """No more than `rate` bytes or packets in `unit` seconds, and `burst` more at a time."""

    rate: int
    unit: int
    burst: int
    of_bytes: bool

    def expression(self) -> bytes:
        """As an element of a set has it."""
        data = (
            attribute(LIMIT_RATE, self.rate.to_bytes(8, "big"))
            + attribute(LIMIT_UNIT, self.unit.to_bytes(8, "big"))
            + attribute(LIMIT_BURST, self.burst.to_bytes(4, "big"))
            + attribute(LIMIT_TYPE, self.of_bytes.to_bytes(4, "big"))
        )
        name = attribute(EXPRESSION_NAME, b"limit\0")
        return attribute(ELEMENT | NESTED, name, attribute(EXPRESSION_DATA | NESTED, data))


class Nftables:
    """Sends batches to nftables; a refusal is a TrafficControlError that says what and why."""

    def __init__(self) -> None:
        """Open a netlink socket in the network namespace of the caller."""
        self._netlink = Netlink(NETLINK_NETFILTER)

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def commit(self, what: str, requests: Sequence[Request]) -> None:
        """Have the kernel carry out all requests, or none. Raises TrafficControlError."""
        batch = [_edge(BATCH_BEGIN), *requests, _edge(BATCH_END)]
        try:
            self._netlink.batch(batch)
        except NetlinkError as problem:
            raise TrafficControlError(f"the kernel refused {what}: {problem.strerror}") from problem

    def tables(self) -> list[str]:
        """The names of all tables of this family, whoever's."""
        return [_name(one[TABLE_NAME]) for one in self._dump(NFT_MSG_GETTABLE, b"") or ()]

    def maps(self, table: str) -> list[str] | None:
        """The names of a table's sets and maps; None where there is no such table."""
        told = self._dump(NFT_MSG_GETSET, attribute(SET_TABLE, _text(table)))
        return None if told is None else [_name(one[SET_NAME]) for one in told]

    def elements(self, table: str, name: str) -> dict[bytes, int]:
        """A map's keys, and the class that each leads to."""
        return {
            attributes(element[ELEMENT_KEY])[VALUE]: _class_of(element)
            for element in self._elements(table, name)
        }

    def counts(self, table: str, name: str) -> list[tuple[int, int, int]]:
        """Of each element of a map that counts: its class, bytes, packets."""
        found = []
        for element in self._elements(table, name):
            counter = attributes(attributes(element[ELEMENT_EXPRESSION])[EXPRESSION_DATA])
            bytes_, packets = (
                int.from_bytes(counter[one], "big") for one in (COUNTER_BYTES, COUNTER_PACKETS)
            )
            found.append((_class_of(element), bytes_, packets))
        return found

    def _elements(self, table: str, name: str) -> list[dict[int, bytes]]:
        asked = attribute(ELEMENTS_TABLE, _text(table)) + attribute(ELEMENTS_SET, _text(name))
        answers = self._dump(NFT_MSG_GETSETELEM, asked) or ()
        return [element for told in answers for element in _each(told.get(ELEMENTS, b""))]

    def _dump(self, kind: int, asked: bytes) -> list[dict[int, bytes]] | None:
        request = NFGENMSG.pack(NFPROTO_NETDEV, 0, 0) + asked
        try:
            answers = self._netlink.dump_bytes(request, NFNL_SUBSYS_NFTABLES << 8 | kind)
        except NetlinkError as problem:
            if problem.errno == errno.ENOENT:
                return None
            raise TrafficControlError(f"the kernel does not tell its maps: {problem.strerror}") from problem
        return [attributes(answer, HEADER.size + NFGENMSG.size) for answer in answers]


def _each(elements: bytes) -> Iterable[dict[int, bytes]]:
    """The attributes of each element of a list."""
    at = 0
    while at + WORD <= len(elements):
        length, _ = struct.unpack_from("=HH", elements, at)
        if length < WORD:
            return
        yield attributes(elements[at + WORD : at + length])
        at += (length + 3) & ~3


def _class_of(element: dict[int, bytes]) -> int:
    return int.from_bytes(attributes(element[ELEMENT_DATA])[VALUE], sys.byteorder)


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _name(text: bytes) -> str:
    return text.rstrip(b"\0").decode()


def _edge(kind: int) -> Request:
    return EDGE, kind, 0


def _request(message: Any, kind: int, flags: int, attributes: list[tuple[str, Any]]) -> Request:
    message["nfgen_family"] = NFPROTO_NETDEV
    message["attrs"] = attributes
    return message, NFNL_SUBSYS_NFTABLES << 8 | kind, flags


# --- what can be asked -----------------------------------------------------------------------------


def put_table(table: str) -> Request:
    """Make a table, or leave it as it is."""
    return _request(nft_table_msg(), NFT_MSG_NEWTABLE, NLM_F_CREATE, [("NFTA_TABLE_NAME", table)])


def delete_table(table: str) -> Request:
    """Remove a table with all that is in it."""
    return _request(nft_table_msg(), NFT_MSG_DELTABLE, 0, [("NFTA_TABLE_NAME", table)])


def add_egress_chain(table: str, chain: str, device: str, priority: int = 0) -> Request:
    """Make a chain through which goes whatever leaves an interface, those of lower priority first."""
    hook = [
        ("NFTA_HOOK_HOOKNUM", EGRESS_HOOK),
        ("NFTA_HOOK_PRIORITY", priority),
        ("NFTA_HOOK_DEV", device),
    ]
    attributes = [
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain),
        ("NFTA_CHAIN_HOOK", {"attrs": hook}),
        ("NFTA_CHAIN_TYPE", "filter"),
    ]
    return _request(nft_chain_msg(), NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, attributes)


def add_map(table: str, name: str, number: int, key: Sequence[MapKey], counts: bool) -> Request:
    """Make a hash map from a concatenated key to a class; `number` is unlike any other map's.

    If it `counts`, each of its elements counts the packets that find it.
    """
    datatype = 0
    for field in key:
        datatype = datatype << TYPE_BITS | field.datatype
    attributes = [
        ("NFTA_SET_TABLE", table),
        ("NFTA_SET_NAME", name),
        ("NFTA_SET_ID", number),
        ("NFTA_SET_FLAGS", (MAP,)),
        ("NFTA_SET_KEY_TYPE", datatype),
        ("NFTA_SET_KEY_LEN", WORD * sum(field.words for field in key)),
        ("NFTA_SET_DATA_TYPE", CLASSID),
        ("NFTA_SET_DATA_LEN", WORD),
        ("NFTA_SET_USERDATA", [("NFTNL_UDATA_SET_DATABYTEORDER", HOST_ENDIAN)]),
    ]
    if counts:
        attributes.append(("NFTA_SET_EXPR", {"attrs": [("NFTA_EXPR_NAME", "counter")]}))
    return _request(nft_set_msg(), NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, attributes)


def add_class_set(table: str, name: str, number: int) -> Request:
    """Make a hash set of classes, whose elements may have limits."""
    attributes = [
        ("NFTA_SET_TABLE", table),
        ("NFTA_SET_NAME", name),
        ("NFTA_SET_ID", number),
        ("NFTA_SET_FLAGS", ()),
        ("NFTA_SET_KEY_TYPE", CLASSID),
        ("NFTA_SET_KEY_LEN", WORD),
        ("NFTA_SET_USERDATA", [("NFTNL_UDATA_SET_KEYBYTEORDER", HOST_ENDIAN)]),
    ]
    return _request(nft_set_msg(), NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, attributes)


def add_rule(table: str, chain: str, expressions: Sequence[Expression]) -> Request:
    """Append a rule to a chain."""
    attributes = [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", list(expressions)),
    ]
    return _request(nft_rule_msg(), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, attributes)


def delete_rules(table: str, chain: str) -> Request:
    """Remove all rules of a chain."""
    attributes = [("NFTA_RULE_TABLE", table), ("NFTA_RULE_CHAIN", chain)]
    return _request(nft_rule_msg(), NFT_MSG_DELRULE, 0, attributes)


def add_elements(table: str, name: str, classes: Sequence[tuple[bytes, int]]) -> list[Request]:
    """Map keys to classes; none of the keys is in the map yet."""
    elements = [
        attribute(
            ELEMENT | NESTED,
            attribute(ELEMENT_KEY | NESTED, attribute(VALUE, key)),
            attribute(ELEMENT_DATA | NESTED, attribute(VALUE, class_key(class_id))),
        )
        for key, class_id in classes
    ]
    return _elements(table, name, elements, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL)


def add_metered(table: str, name: str, classes: Iterable[tuple[int, tuple[Limit, ...]]]) -> list[Request]:
    """Put classes into a set, each with limits that a packet has to keep to be found."""
    elements = [
        attribute(
            ELEMENT | NESTED,
            attribute(ELEMENT_KEY | NESTED, attribute(VALUE, class_key(class_id))),
            attribute(ELEMENT_EXPRESSIONS | NESTED, *(limit.expression() for limit in limits)),
        )
        for class_id, limits in classes
    ]
    return _elements(table, name, elements, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL)


def delete_elements(table: str, name: str, keys: Iterable[bytes]) -> list[Request]:
    """Take keys out of a map; all of them are there."""
    elements = [
        attribute(ELEMENT | NESTED, attribute(ELEMENT_KEY | NESTED, attribute(VALUE, key))) for key in keys
    ]
    return _elements(table, name, elements, NFT_MSG_DELSETELEM, 0)


def _elements(table: str, name: str, elements: list[bytes], kind: int, flags: int) -> list[Request]:
    head = NFGENMSG.pack(NFPROTO_NETDEV, 0, 0)
    head += attribute(ELEMENTS_TABLE, _text(table)) + attribute(ELEMENTS_SET, _text(name))
    return [
        (
            head + attribute(ELEMENTS | NESTED, *elements[start : start + AT_ONCE]),
            NFNL_SUBSYS_NFTABLES << 8 | kind,
            flags,
        )
        for start in range(0, len(elements), AT_ONCE)
    ]


def _data(value: bytes) -> Any:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}


def class_key(class_id: int) -> bytes:
    """A class as a register holds it: the host's own byte order, like any packet's priority."""
    return class_id.to_bytes(WORD, sys.byteorder)


# --- what a rule does ------------------------------------------------------------------------------


def load_meta(what: Meta, register: int) -> Expression:
    """What the kernel knows of the packet, into a register."""
    return genex("meta", {"key": what, "dreg": register})


def load_bytes(base: int, offset: int, size: int, register: int) -> Expression:
    """Bytes of a header, into a register; a packet that has no such header leaves the rule."""
    return genex("payload", {"dreg": register, "base": base, "offset": offset, "len": size})


def load_extension(kind: int, offset: int, size: int, register: int) -> Expression:
    """Bytes of an IPv6 extension header, into a register; a packet that has none such leaves the rule."""
    where = {"dreg": register, "type": kind, "offset": offset, "len": size}
    return genex("exthdr", where | {"flags": (), "op": IPV6_EXTENSION})


def mask(register: int, value: bytes, bits: bytes = b"") -> Expression:
    """Keep only some of a register's bits, and set others."""
    bits = bits or bytes(len(value))
    return genex(
        "bitwise",
        {"sreg": register, "dreg": register, "len": len(value), "mask": _data(value), "xor": _data(bits)},
    )


def store_bytes(offset: int, size: int, register: int, *, checksum: bool) -> Expression:
    """Write a register into the network header, and bring IPv4's header checksum up to date."""
    what = {"sreg": register, "base": NETWORK, "offset": offset, "len": size}
    if checksum:
        what |= {"csum_type": INTERNET_CHECKSUM, "csum_offset": IPV4_CHECKSUM_AT}
    return genex("payload", what)


def only_if(register: int, value: bytes) -> Expression:
    """Leave the rule unless a register starts with these bytes."""
    return genex("cmp", {"sreg": register, "op": Cmp.NFT_CMP_EQ, "data": _data(value)})


def only_in(name: str, register: int) -> Expression:
    """Leave the rule unless a set has what a register holds, and its limits let the packet pass."""
    return genex("lookup", {"set": name, "sreg": register})


def look_up(name: str, register: int) -> Expression:
    """Replace the key at a register by what a map has for it; leave the rule if that is nothing."""
    return genex("lookup", {"set": name, "sreg": register, "dreg": register})


def load_class(class_id: int, register: int) -> Expression:
    """A class, into a register."""
    return genex("immediate", {"dreg": register, "data": _data(class_key(class_id))})


def send_to_class(register: int) -> Expression:
    """The packet's priority is the class at a register: HTB obeys it."""
    return genex("meta", {"key": Meta.NFT_META_PRIORITY, "sreg": register})


def done() -> Expression:
    """Let the packet go; no further rule sees it."""
    return verdict(NF_ACCEPT)[0]
