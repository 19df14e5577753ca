"""Hypothesis strategies for policy, diagnostics, refresh reduction, IPsec and aggregate objects.

`tests.strategies` collects them; what they need of its own strategies they draw late.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rsvp import diagnostics as d
from rsvp import objects as o
from rsvp import policy as p
from rsvp import reduction as r
from rsvp import sessions as s
from rsvp.iana import ClassNum, CType
from rsvp.iana_policy import PolicyAttribute

u3 = st.integers(0, 7)
u4 = st.integers(0, 15)
u6 = st.integers(0, 63)
u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u24 = st.integers(0, 0xFFFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u48 = st.integers(0, 2**48 - 1)
u64 = st.integers(0, 2**64 - 1)
words = st.binary(max_size=16).map(lambda data: data[: len(data) & ~3])

V4, V6 = 4, 6
ADDRESSES: dict[int, SearchStrategy[Any]] = {
    V4: st.integers(0, 2**32 - 1).map(IPv4Address),
    V6: st.integers(0, 2**128 - 1).map(IPv6Address),
}


def real(version: int) -> SearchStrategy[Any]:
    """Addresses other than all zeroes."""
    return ADDRESSES[version].filter(int)


def gpi_sessions(version: int) -> SearchStrategy[o.GpiSession]:
    return st.builds(o.GpiSession, real(version), st.integers(1, 255), u16, u8)


def gpi_filters(version: int) -> SearchStrategy[o.GpiFilter]:
    return st.builds(o.GpiFilter, real(version), u32)


def aggregate_sessions(version: int) -> SearchStrategy[s.AggregateSession]:
    return st.builds(s.AggregateSession, real(version), u6, u8)


def aggregate_filters(version: int) -> SearchStrategy[s.AggregateFilter]:
    return st.builds(s.AggregateFilter, real(version))


def generic_sessions(version: int) -> SearchStrategy[s.GenericAggregateSession]:
    extended = st.integers(0, 2**32 - 1 if version == V4 else 2**128 - 1)
    return st.builds(s.GenericAggregateSession, real(version), u16, u16, extended, u8)


def interests(version: int) -> SearchStrategy[s.SessionOfInterest]:
    return st.builds(s.SessionOfInterest, generic_sessions(version))


dclasses = st.builds(s.Dclass, st.lists(u8, min_size=1, max_size=4).map(tuple))

message_ids = st.builds(r.MessageId, u24, u32, u8)
acks = st.builds(r.MessageIdAck, u24, u32, u8)
nacks = st.builds(r.MessageIdNack, u24, u32, u8)
id_lists = st.builds(r.MessageIdList, u24, st.lists(u32, max_size=4).map(tuple), u8)


def source_lists(version: int) -> SearchStrategy[r.SourceIdList]:
    entries = st.lists(st.builds(r.SourceId, u32, ADDRESSES[version]), max_size=3).map(tuple)
    return st.builds(r.SourceIdList, u24, entries, st.just(version), u8)


def multicast_lists(version: int) -> SearchStrategy[r.MulticastIdList]:
    entry = st.builds(r.MulticastId, u32, ADDRESSES[version], ADDRESSES[version])
    entries = st.lists(entry, max_size=3).map(tuple)
    return st.builds(r.MulticastIdList, u24, entries, st.just(version), u8)


challenges = st.builds(o.Challenge, u48, u64)

# --- objects inside objects --------------------------------------------------------------------------

CONTAINERS = {ClassNum.POLICY_DATA, ClassNum.DIAGNOSTIC, ClassNum.DIAG_RESPONSE}


@st.composite
def _nested(draw: st.DrawFn) -> o.Nested:
    # Drawn in steps, as a strategy that names all objects would have an overlong repr.
    from tests import strategies

    keys = [key for key in strategies.OBJECTS if key[0] not in CONTAINERS]
    key = draw(st.sampled_from([None, *keys]))
    if key is not None:
        return o.Nested(int(key[0]), draw(strategies.OBJECTS[key]))
    opaque = draw(st.builds(o.Opaque, u8, u8, words))
    if opaque.class_num not in CONTAINERS and (opaque.class_num, opaque.ctype) in o.REGISTRY:
        opaque = o.Opaque(int(ClassNum.POLICY_DATA), opaque.ctype, opaque.data)
    return o.Nested(opaque.class_num, opaque)


nested = _nested()

priorities = st.builds(p.PreemptionPriority, u16, u16, u8, u8, u8)
attributes = st.builds(
    p.Attribute, u8.filter(lambda a: a != PolicyAttribute.POLICY_ERROR), u8, st.binary(max_size=9)
) | st.builds(p.PolicyError, u16, st.binary(max_size=9), u8)
identities = st.builds(
    p.Identity, st.sampled_from((2, 3)), st.lists(attributes, min_size=1, max_size=3).map(tuple)
)
unknown_elements = st.builds(p.UnknownElement, u16.filter(lambda p_type: not 1 <= p_type <= 3), words)
empty_elements = st.builds(p.UnknownElement, st.integers(1, 3))
elements = priorities | identities | unknown_elements | empty_elements

policies = st.builds(
    o.PolicyData,
    st.none(),
    st.lists(nested, max_size=2).map(tuple),
    st.lists(elements, max_size=3).map(tuple),
)
unread_policies = words.filter(lambda data: data[2:4] != b"\0\0").map(o.PolicyData)


def diagnostics(version: int) -> SearchStrategy[d.Diagnostic]:
    from tests import strategies

    endpoints = strategies.filters(version) | gpi_filters(version)
    return st.builds(
        d.Diagnostic, u8, u8, u32, u16, ADDRESSES[version], endpoints, endpoints, u16, st.booleans()
    )


def routes(version: int) -> SearchStrategy[d.Route]:
    return st.builds(d.Route, st.lists(ADDRESSES[version], max_size=4).map(tuple), u8, st.just(version))


def responses(version: int) -> SearchStrategy[d.DiagResponse]:
    address = ADDRESSES[version]
    return st.builds(
        d.DiagResponse,
        u32,
        address,
        address,
        address,
        u8,
        u4,
        u16,
        st.booleans(),
        u3,
        st.lists(nested, max_size=3).map(tuple),
    )


selects = (
    st.lists(st.tuples(u8, u8), max_size=5)
    .map(tuple)
    .filter(lambda wanted: not wanted or len(wanted) % 2 or wanted[-1] != (0, 0))
    .map(d.DiagSelect)
)


def _tied() -> SearchStrategy[s.SessionAssociation]:
    from tests import strategies

    return st.builds(
        s.SessionAssociation,
        strategies.any_sessions(V4) | strategies.any_sessions(V6),
        strategies.any_filters(V4) | strategies.any_filters(V6),
    )


OBJECTS: dict[tuple[int, int], SearchStrategy[Any]] = {
    (ClassNum.SESSION, CType.SESSION_IPV4_GPI): gpi_sessions(V4),
    (ClassNum.SESSION, CType.SESSION_IPV6_GPI): gpi_sessions(V6),
    (ClassNum.SESSION, CType.AGGREGATE_IPV4): aggregate_sessions(V4),
    (ClassNum.SESSION, CType.AGGREGATE_IPV6): aggregate_sessions(V6),
    (ClassNum.SESSION, CType.GENERIC_AGGREGATE_IPV4): generic_sessions(V4),
    (ClassNum.SESSION, CType.GENERIC_AGGREGATE_IPV6): generic_sessions(V6),
    **{
        (class_num, ctype): strategy
        for class_num in (ClassNum.FILTER_SPEC, ClassNum.SENDER_TEMPLATE)
        for ctype, strategy in {
            CType.FILTER_IPV4_GPI: gpi_filters(V4),
            CType.FILTER_IPV6_GPI: gpi_filters(V6),
            CType.AGGREGATE_IPV4: aggregate_filters(V4),
            CType.AGGREGATE_IPV6: aggregate_filters(V6),
        }.items()
    },
    (ClassNum.SESSION_OF_INTEREST, CType.IPV4): interests(V4),
    (ClassNum.SESSION_OF_INTEREST, CType.IPV6): interests(V6),
    (ClassNum.DCLASS, CType.DCLASS): dclasses,
    (ClassNum.SESSION_ASSOC, CType.TUNNEL): st.deferred(_tied),
    (ClassNum.NODE_CHAR, CType.TUNNEL): st.builds(s.NodeCharacteristics, u32),
    (ClassNum.MESSAGE_ID, CType.MESSAGE_ID): message_ids,
    (ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_ACK): acks,
    (ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_NACK): nacks,
    (ClassNum.MESSAGE_ID_LIST, CType.MESSAGE_ID_LIST): id_lists,
    (ClassNum.MESSAGE_ID_LIST, CType.SRC_LIST_IPV4): source_lists(V4),
    (ClassNum.MESSAGE_ID_LIST, CType.SRC_LIST_IPV6): source_lists(V6),
    (ClassNum.MESSAGE_ID_LIST, CType.MCAST_LIST_IPV4): multicast_lists(V4),
    (ClassNum.MESSAGE_ID_LIST, CType.MCAST_LIST_IPV6): multicast_lists(V6),
    (ClassNum.CHALLENGE, CType.CHALLENGE): challenges,
    (ClassNum.POLICY_DATA, CType.POLICY_DATA): policies | unread_policies,
    (ClassNum.DIAGNOSTIC, CType.IPV4): st.deferred(lambda: diagnostics(V4)),
    (ClassNum.DIAGNOSTIC, CType.IPV6): st.deferred(lambda: diagnostics(V6)),
    (ClassNum.DIAG_SELECT, CType.DIAG_SELECT): selects,
    (ClassNum.ROUTE, CType.IPV4): routes(V4),
    (ClassNum.ROUTE, CType.IPV6): routes(V6),
    (ClassNum.DIAG_RESPONSE, CType.IPV4): responses(V4),
    (ClassNum.DIAG_RESPONSE, CType.IPV6): responses(V6),
}
"""(class number, C-Type) -> what such an object may hold."""
