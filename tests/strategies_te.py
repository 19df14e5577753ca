"""Hypothesis strategies for the objects of RSVP-TE and GMPLS (RFC 3209, RFC 3473 and what extends them)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rsvp import gmpls, objects, reduction, te
from rsvp.iana import ClassNum, CType

V4, V6 = 4, 6

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
singles = st.floats(min_value=0.0, width=32, allow_nan=False)
words = st.binary(max_size=32).map(lambda data: data[: len(data) & ~3])
latin1 = st.binary(max_size=20).map(lambda data: data.decode("latin-1"))
utf8 = st.text(max_size=20) | st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
numbers = st.lists(u32, max_size=4).map(tuple)
v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
ADDRESSES: dict[int, SearchStrategy[Any]] = {V4: v4, V6: st.integers(0, 2**128 - 1).map(IPv6Address)}
any_address = ADDRESSES[V4] | ADDRESSES[V6]


message_ids = st.builds(reduction.MessageId, st.integers(0, 0xFFFFFF), u32, u8)


def several(*kinds: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.one_of(*kinds), max_size=4).map(tuple)


def routed(cls: type[Any], *known: int) -> SearchStrategy[Any]:
    """Sub-objects of types that are not known, with a loose bit."""
    number = st.integers(0, 0x7F).filter(lambda n: n not in known)
    return st.builds(cls, number, odd_words, st.booleans())


odd_words = st.sampled_from((2, 6, 10)).flatmap(lambda size: st.binary(min_size=size, max_size=size))
systems = st.builds(te.AutonomousSystemHop, u16, st.booleans())
exclusions = several(
    st.builds(te.ExcludedPrefix, any_address, u8, u8, st.booleans()),
    st.builds(te.ExcludedInterface, u8, v4, u32, st.booleans()),
    st.builds(te.ExcludedRiskGroup, u32, st.booleans()),
    systems,
    routed(te.UnknownHop, 1, 2, 4, 32, 34),
)
attributes = several(
    st.builds(te.AttributeFlags, numbers),
    st.builds(te.UnknownAttribute, u16.filter(lambda n: n != 1), st.binary(max_size=9)),
)
hops = several(
    st.builds(te.PrefixHop, any_address, u8, st.booleans()),
    st.builds(te.LabelHop, u8, u8, words, st.booleans()),
    st.builds(te.UnnumberedHop, v4, u32, st.booleans()),
    st.builds(te.ProtectionHop, u8, words, st.booleans()),
    st.builds(te.ExclusionHop, exclusions, st.booleans()),
    st.builds(te.AttributesHop, u8, attributes, st.booleans()),
    systems,
    routed(te.UnknownHop, 1, 2, 3, 4, 32, 33, 35, 37),
)
records = several(
    st.builds(te.AddressRecord, any_address, u8, u8),
    st.builds(te.LabelRecord, u8, u8, words),
    st.builds(te.UnnumberedRecord, u8, v4, u32),
    st.builds(te.AttributesRecord, numbers),
    st.builds(te.HopAttributesRecord, attributes),
    st.builds(te.UnknownRecord, u8.filter(lambda n: n not in (1, 2, 3, 4, 5, 35)), odd_words),
)
interfaces = several(
    st.builds(gmpls.InterfaceAddress, any_address),
    st.builds(gmpls.InterfaceIndex, v4, u32),
    st.builds(gmpls.DownstreamComponent, v4, u32),
    st.builds(gmpls.UpstreamComponent, v4, u32),
    st.builds(gmpls.UnknownInterface, u16.filter(lambda n: not 1 <= n <= 5), st.binary(max_size=9)),
)
spare = st.sampled_from((0, 0, 0, 4, 8))


def tunnels(version: int) -> SearchStrategy[te.LspTunnelSession]:
    other = any_address if version == V6 else v4
    return st.builds(te.LspTunnelSession, ADDRESSES[version], u16, other)


def tunnel_filters(version: int) -> SearchStrategy[te.LspTunnelFilter]:
    return st.builds(te.LspTunnelFilter, ADDRESSES[version], u16)


def p2mp_sessions(version: int) -> SearchStrategy[te.P2mpSession]:
    return st.builds(te.P2mpSession, u32, u16, ADDRESSES[version])


def p2mp_filters(version: int) -> SearchStrategy[te.P2mpFilter]:
    return st.builds(te.P2mpFilter, ADDRESSES[version], u16, ADDRESSES[version], u16)


def interface_hops(version: int) -> SearchStrategy[gmpls.InterfaceHop]:
    return st.builds(gmpls.InterfaceHop, ADDRESSES[version], u32, interfaces)


def interface_errors(version: int) -> SearchStrategy[gmpls.InterfaceErrorSpec]:
    return st.builds(gmpls.InterfaceErrorSpec, ADDRESSES[version], u8, u16, u8, interfaces)


def detours(version: int) -> SearchStrategy[te.Detour]:
    pair = st.tuples(ADDRESSES[version], ADDRESSES[version])
    return st.builds(te.Detour, st.lists(pair, min_size=1, max_size=3).map(tuple))


hellos = st.builds(te.HelloRequest, u32, u32) | st.builds(te.HelloAck, u32, u32)


def _both(class_num: ClassNum, ipv4: int, ipv6: int, make: Any) -> dict[tuple[int, int], SearchStrategy[Any]]:
    return {(class_num, ipv4): make(V4), (class_num, ipv6): make(V6)}


def _labels(class_num: ClassNum, *classes: type[Any]) -> dict[tuple[int, int], SearchStrategy[Any]]:
    plain, generalized, waveband = classes
    return {
        (class_num, CType.LABEL): st.builds(plain, u32),
        (class_num, CType.GENERALIZED_LABEL): st.builds(generalized, words),
        (class_num, CType.WAVEBAND_LABEL): st.builds(waveband, u32, u32, u32),
    }


def _associations(version: int) -> SearchStrategy[gmpls.Association]:
    return st.builds(gmpls.Association, u16, u16, ADDRESSES[version])


def _extended(version: int) -> SearchStrategy[gmpls.ExtendedAssociation]:
    address = ADDRESSES[version]
    ready = st.builds(gmpls.SummaryReady, u16, address, address, u32, message_ids)
    hop = st.builds(objects.Hop, address, u32)
    active = st.builds(gmpls.SummaryActive, numbers, hop, st.builds(objects.TimeValues, u32), address)
    contents = st.tuples(u16, words) | st.tuples(st.just(5), ready) | st.tuples(st.just(6), active)
    return st.builds(
        lambda both, number, source, system: gmpls.ExtendedAssociation(
            both[0], number, source, system, both[1]
        ),
        contents,
        u16,
        address,
        u32,
    )


OBJECTS: dict[tuple[int, int], SearchStrategy[Any]] = {
    **_both(ClassNum.SESSION, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6, tunnels),
    **_both(ClassNum.SESSION, CType.P2MP_SESSION_IPV4, CType.P2MP_SESSION_IPV6, p2mp_sessions),
    **_both(ClassNum.FILTER_SPEC, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6, tunnel_filters),
    **_both(ClassNum.SENDER_TEMPLATE, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6, tunnel_filters),
    **_both(ClassNum.FILTER_SPEC, CType.P2MP_LSP_IPV4, CType.P2MP_LSP_IPV6, p2mp_filters),
    **_both(ClassNum.SENDER_TEMPLATE, CType.P2MP_LSP_IPV4, CType.P2MP_LSP_IPV6, p2mp_filters),
    **_both(ClassNum.RSVP_HOP, CType.IF_ID_IPV4, CType.IF_ID_IPV6, interface_hops),
    **_both(ClassNum.ERROR_SPEC, CType.IF_ID_IPV4, CType.IF_ID_IPV6, interface_errors),
    **_both(ClassNum.S2L_SUB_LSP, CType.IPV4, CType.IPV6, lambda v: st.builds(te.S2lSubLsp, ADDRESSES[v])),
    **_both(
        ClassNum.NOTIFY_REQUEST,
        CType.IPV4,
        CType.IPV6,
        lambda v: st.builds(gmpls.NotifyRequest, ADDRESSES[v]),
    ),
    **_both(ClassNum.DETOUR, CType.DETOUR_IPV4, CType.DETOUR_IPV6, detours),
    **_both(ClassNum.ASSOCIATION, CType.IPV4, CType.IPV6, _associations),
    **_both(ClassNum.ASSOCIATION, CType.EXTENDED_IPV4, CType.EXTENDED_IPV6, _extended),
    **_labels(ClassNum.LABEL, te.Label, te.GeneralizedLabel, te.WavebandLabel),
    **_labels(
        ClassNum.SUGGESTED_LABEL,
        gmpls.SuggestedLabel,
        gmpls.SuggestedGeneralizedLabel,
        gmpls.SuggestedWavebandLabel,
    ),
    **_labels(
        ClassNum.UPSTREAM_LABEL,
        gmpls.UpstreamLabel,
        gmpls.UpstreamGeneralizedLabel,
        gmpls.UpstreamWavebandLabel,
    ),
    **_labels(
        ClassNum.RECOVERY_LABEL,
        gmpls.RecoveryLabel,
        gmpls.RecoveryGeneralizedLabel,
        gmpls.RecoveryWavebandLabel,
    ),
    (ClassNum.LABEL_REQUEST, CType.LABEL_REQUEST): st.builds(te.LabelRequest, u16),
    (ClassNum.LABEL_REQUEST, CType.ATM_LABEL_REQUEST): st.builds(te.AtmLabelRequest, u16, u16, u16, u16, u16),
    (ClassNum.LABEL_REQUEST, CType.FRAME_RELAY_LABEL_REQUEST): st.builds(
        te.FrameRelayLabelRequest, u16, u32, u32
    ),
    (ClassNum.LABEL_REQUEST, CType.GENERALIZED_LABEL_REQUEST): st.builds(
        gmpls.GeneralizedLabelRequest, u8, u8, u16
    ),
    (ClassNum.EXPLICIT_ROUTE, CType.GENERIC): st.builds(te.ExplicitRoute, hops),
    (ClassNum.EXCLUDE_ROUTE, CType.GENERIC): st.builds(te.ExcludeRoute, exclusions),
    (ClassNum.RECORD_ROUTE, CType.GENERIC): st.builds(te.RecordRoute, records),
    (ClassNum.PRIMARY_PATH_ROUTE, CType.GENERIC): st.builds(gmpls.PrimaryPathRoute, hops),
    (ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.GENERIC): st.builds(gmpls.SecondaryExplicitRoute, hops),
    (ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.P2MP_ROUTE): st.builds(gmpls.P2mpSecondaryExplicitRoute, hops),
    (ClassNum.SECONDARY_RECORD_ROUTE, CType.GENERIC): st.builds(gmpls.SecondaryRecordRoute, records),
    (ClassNum.SECONDARY_RECORD_ROUTE, CType.P2MP_ROUTE): st.builds(gmpls.P2mpSecondaryRecordRoute, records),
    (ClassNum.SESSION_ATTRIBUTE, CType.SESSION_ATTRIBUTE): st.builds(
        te.SessionAttribute, u8, u8, u8, latin1, spare
    ),
    (ClassNum.SESSION_ATTRIBUTE, CType.AFFINITIES): st.builds(
        te.AffinitySessionAttribute, u32, u32, u32, u8, u8, u8, latin1, spare
    ),
    (ClassNum.FAST_REROUTE, CType.GENERIC): st.builds(te.FastReroute, u8, u8, u8, u8, singles, u32, u32, u32),
    (ClassNum.FAST_REROUTE, CType.FAST_REROUTE_OLD): st.builds(
        te.OldFastReroute, u8, u8, u8, singles, u32, u32
    ),
    (ClassNum.LSP_ATTRIBUTES, CType.GENERIC): st.builds(te.LspAttributes, attributes),
    (ClassNum.LSP_REQUIRED_ATTRIBUTES, CType.GENERIC): st.builds(te.LspRequiredAttributes, attributes),
    (ClassNum.HELLO, CType.HELLO_REQUEST): st.builds(te.HelloRequest, u32, u32),
    (ClassNum.HELLO, CType.HELLO_ACK): st.builds(te.HelloAck, u32, u32),
    (ClassNum.LABEL_SET, CType.GENERIC): st.builds(gmpls.LabelSet, u8, u8, numbers),
    (ClassNum.ACCEPTABLE_LABEL_SET, CType.GENERIC): st.builds(gmpls.AcceptableLabelSet, u8, u8, numbers),
    (ClassNum.PROTECTION, CType.LINK_PROTECTION): st.builds(gmpls.LinkProtection, u8, u8),
    (ClassNum.PROTECTION, CType.LSP_PROTECTION): st.builds(gmpls.LspProtection, u8, u8, u8, u8, u8),
    (ClassNum.ADMIN_STATUS, CType.GENERIC): st.builds(gmpls.AdminStatus, u32),
    (ClassNum.RESTART_CAP, CType.GENERIC): st.builds(gmpls.RestartCapability, u32, u32),
    (ClassNum.CAPABILITY, CType.GENERIC): st.builds(gmpls.Capability, u32),
    (ClassNum.LSP_TUNNEL_INTERFACE_ID, CType.GENERIC): st.builds(gmpls.LspTunnelInterfaceId, v4, u32),
    (ClassNum.USER_ERROR_SPEC, CType.GENERIC): st.builds(
        gmpls.UserErrorSpec, u32, u8, u16, utf8, several(st.builds(te.UnknownRecord, u8, odd_words))
    ),
}
"""(class number, C-Type) -> what such an object may hold."""
