"""Slow and obvious readers of the objects of RSVP-TE (RFC 3209, 3477, 4090, 4874, 4875, 5420, 7570).

Part of `tests.reference`: written from the RFCs' figures, sharing nothing with the codec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rsvp import te
from tests.reference_objects import Reader, address, chunks, need, real, reserved, whole

PART = "wrong sub-object length"
TEXT = "wrong text length"
PartReader: TypeAlias = Callable[[bytes], Any]


# --- sessions and senders -------------------------------------------------------------------------------


def tunnel_session(data: bytes, ctype: int) -> te.LspTunnelSession:
    """RFC 3209 section 4.6.1: endpoint, 16 zeroes, tunnel, extended tunnel."""
    if ctype == 7:
        need(len(data) == 12)
        n = 4
    else:
        need(len(data) in (36, 24))  # one router's extended tunnel has four bytes
        n = 16
    reserved(data[n : n + 2])
    return te.LspTunnelSession(address(data[:n]), whole(data[n + 2 : n + 4]), address(data[n + 4 :]))


def tunnel_filter(data: bytes, ctype: int) -> te.LspTunnelFilter:
    """RFC 3209 section 4.6.2: sender, 16 zeroes, LSP."""
    n = 4 if ctype == 7 else 16
    need(len(data) == n + 4)
    reserved(data[n : n + 2])
    return te.LspTunnelFilter(address(data[:n]), whole(data[n + 2 :]))


def p2mp_session(data: bytes, ctype: int) -> te.P2mpSession:
    """RFC 4875 section 19.1: P2MP, 16 zeroes, tunnel, extended tunnel."""
    need(len(data) == (12 if ctype == 13 else 24))
    reserved(data[4:6])
    return te.P2mpSession(whole(data[:4]), whole(data[6:8]), address(data[8:]))


def p2mp_filter(data: bytes, ctype: int) -> te.P2mpFilter:
    """RFC 4875 section 19.2: sender, 16 zeroes, LSP, then the sub-group in the same form."""
    n = 4 if ctype == 12 else 16
    need(len(data) == 2 * (n + 4))
    sender, group = data[: n + 4], data[n + 4 :]
    reserved(sender[n : n + 2] + group[n : n + 2])
    return te.P2mpFilter(
        address(sender[:n]), whole(sender[n + 2 :]), address(group[:n]), whole(group[n + 2 :])
    )


def leaf(data: bytes, ctype: int) -> te.S2lSubLsp:
    """RFC 4875 section 19.3."""
    need(len(data) == (4 if ctype == 1 else 16))
    return te.S2lSubLsp(address(data))


# --- labels -----------------------------------------------------------------------------------------------


def label(plain: type[Any], generalized: type[Any], waveband: type[Any]) -> Reader:
    """RFC 3209 section 4.1, RFC 3473 sections 2.3 and 2.4."""

    def read(data: bytes, ctype: int) -> Any:
        if ctype == 2:
            return generalized(data)
        need(len(data) == (4 if ctype == 1 else 12))
        return (plain if ctype == 1 else waveband)(*map(whole, chunks(data, 4)))

    return read


def label_request(data: bytes, ctype: int) -> Any:
    """RFC 3209 section 4.2: 16 zeroes, L3PID, and a range of circuits or none."""
    need(len(data) == {1: 4, 2: 12, 3: 12}[ctype])
    reserved(data[:2])
    halves = [whole(half) for half in chunks(data[2:], 2)]
    if ctype == 1:
        return te.LabelRequest(*halves)
    if ctype == 2:
        return te.AtmLabelRequest(*halves)
    return te.FrameRelayLabelRequest(halves[0], halves[1] << 16 | halves[2], halves[3] << 16 | halves[4])


# --- routes -----------------------------------------------------------------------------------------------


def pieces(data: bytes) -> list[tuple[int, bytes]]:
    """Sub-objects with one byte of type and one of length (RFC 3209 sections 4.3.3 and 4.4.1)."""
    found = []
    while data:
        need(len(data) >= 2, PART)
        kind, size = data[:2]
        need(2 <= size <= len(data) and size % 4 == 0, PART)
        found.append((kind, data[2:size]))
        data = data[size:]
    return found


def route(data: bytes, readers: dict[int, PartReader]) -> tuple[Any, ...]:
    """Sub-objects whose type has the L bit at its top."""
    found = []
    for kind, contents in pieces(data):
        loose = kind >= 128
        known = readers.get(kind % 128)
        found.append(known(contents)(loose) if known else te.UnknownHop(kind % 128, contents, loose))
    return tuple(found)


def exactly(data: bytes, size: int) -> None:
    need(len(data) == size, PART)


def prefix(size: int) -> PartReader:
    def read(data: bytes) -> Any:
        exactly(data, size + 2)
        reserved(data[size + 1 :])
        return lambda loose: te.PrefixHop(address(data[:size]), data[size], loose)

    return read


def label_hop(data: bytes) -> Any:
    """RFC 3473 section 5.1: U bit and seven zeroes, C-Type, label."""
    need(len(data) >= 2, PART)
    return lambda loose: te.LabelHop(data[0], data[1], data[2:], loose)


def unnumbered_hop(data: bytes) -> Any:
    """RFC 3477 section 4: 16 zeroes, router, interface."""
    exactly(data, 10)
    reserved(data[:2])
    return lambda loose: te.UnnumberedHop(address(data[2:6]), whole(data[6:]), loose)


def system_hop(data: bytes) -> Any:
    """RFC 3209 section 4.3.3.4."""
    exactly(data, 2)
    return lambda loose: te.AutonomousSystemHop(whole(data), loose)


def protection_hop(data: bytes) -> Any:
    """RFC 4873 section 4.1: eight zeroes, C-Type, contents of that PROTECTION object."""
    need(len(data) >= 2, PART)
    reserved(data[:1])
    return lambda loose: te.ProtectionHop(data[1], data[2:], loose)


def attributes_hop(data: bytes) -> Any:
    """RFC 7570 section 2.1: eight zeroes, flags, TLVs as in LSP_ATTRIBUTES."""
    need(len(data) >= 2, PART)
    reserved(data[:1])
    found = attributes(data[2:])
    return lambda loose: te.AttributesHop(data[1], found, loose)


def exclusion_hop(data: bytes) -> Any:
    """RFC 4874 section 3.1: 16 zeroes and sub-objects."""
    need(len(data) >= 2, PART)
    reserved(data[:2])
    exclusions = route(data[2:], EXCLUSIONS)
    return lambda loose: te.ExclusionHop(exclusions, loose)


def excluded_prefix(size: int) -> PartReader:
    def read(data: bytes) -> Any:
        exactly(data, size + 2)
        return lambda loose: te.ExcludedPrefix(address(data[:size]), data[size], data[size + 1], loose)

    return read


def excluded_interface(data: bytes) -> Any:
    """RFC 4874 section 2.1: eight zeroes, attribute, router, interface."""
    exactly(data, 10)
    reserved(data[:1])
    return lambda loose: te.ExcludedInterface(data[1], address(data[2:6]), whole(data[6:]), loose)


def excluded_group(data: bytes) -> Any:
    """RFC 4874 section 2.1: group, 16 zeroes."""
    exactly(data, 6)
    reserved(data[4:])
    return lambda loose: te.ExcludedRiskGroup(whole(data[:4]), loose)


HOPS = {
    1: prefix(4),
    2: prefix(16),
    3: label_hop,
    4: unnumbered_hop,
    32: system_hop,
    33: exclusion_hop,
    35: attributes_hop,
    37: protection_hop,
}
EXCLUSIONS = {
    1: excluded_prefix(4),
    2: excluded_prefix(16),
    4: excluded_interface,
    32: system_hop,
    34: excluded_group,
}


def explicit_route(cls: type[Any]) -> Reader:
    return lambda data, ctype: cls(route(data, HOPS))


def exclude_route(data: bytes, ctype: int) -> te.ExcludeRoute:
    return te.ExcludeRoute(route(data, EXCLUSIONS))


def record(kind: int, data: bytes) -> Any:
    """RFC 3209 section 4.4.1, RFC 3477 section 5, RFC 5420 section 7.2, RFC 7570 section 3.1."""
    if kind in (1, 2):
        size = 4 if kind == 1 else 16
        exactly(data, size + 2)
        return te.AddressRecord(address(data[:size]), data[size], data[size + 1])
    if kind == 3:
        need(len(data) >= 2, PART)
        return te.LabelRecord(data[0], data[1], data[2:])
    if kind == 4:
        exactly(data, 10)
        reserved(data[1:2])
        return te.UnnumberedRecord(data[0], address(data[2:6]), whole(data[6:]))
    if kind == 5:
        need(len(data) >= 2, PART)
        reserved(data[:2])
        return te.AttributesRecord(flag_words(data[2:]))
    if kind == 35:
        need(len(data) >= 2, PART)
        reserved(data[:2])
        return te.HopAttributesRecord(attributes(data[2:]))
    return te.UnknownRecord(kind, data)


def record_route(cls: type[Any]) -> Reader:
    return lambda data, ctype: cls(tuple(record(kind, contents) for kind, contents in pieces(data)))


# --- about the tunnel ---------------------------------------------------------------------------------


def text(data: bytes, size: int, coding: str) -> tuple[str, bytes]:
    """Text of `size` bytes, padded with zeroes to whole words, and what follows."""
    padded = (size + 3) // 4 * 4
    need(padded <= len(data), TEXT)
    reserved(data[size:padded])
    return data[:size].decode(coding, "surrogateescape"), data[padded:]


def session_attribute(data: bytes, ctype: int) -> Any:
    """RFC 3209 section 4.7: three sets of affinities or none, priorities, flags, name."""
    fixed = 16 if ctype == 1 else 4
    need(len(data) >= fixed)
    affinities = [whole(word) for word in chunks(data[: fixed - 4], 4)]
    setup, holding, flags, size = data[fixed - 4 : fixed]
    name, rest = text(data[fixed:], size, "latin-1")
    need(not any(rest), TEXT)
    cls: type[Any] = te.AffinitySessionAttribute if ctype == 1 else te.SessionAttribute
    return cls(*affinities, setup, holding, flags, name, len(rest))


def fast_reroute(data: bytes, ctype: int) -> Any:
    """RFC 4090 section 4.1."""
    need(len(data) == (20 if ctype == 1 else 16))
    bandwidth = real(data[4:8])
    colours = [whole(word) for word in chunks(data[8:], 4)]
    if ctype == 1:
        return te.FastReroute(*data[:4], bandwidth, *colours)
    reserved(data[3:4])
    return te.OldFastReroute(*data[:3], bandwidth, *colours)


def detour(data: bytes, ctype: int) -> te.Detour:
    """RFC 4090 section 4.2: pairs of where a detour begins and what it avoids."""
    size = 4 if ctype == 7 else 16
    need(len(data) > 0 and len(data) % (2 * size) == 0)
    return te.Detour(tuple((address(pair[:size]), address(pair[size:])) for pair in chunks(data, 2 * size)))


def tlvs(data: bytes) -> list[tuple[int, bytes]]:
    """Type and length of 16 bits each; contents padded to whole words (RFC 5420 section 3)."""
    found = []
    while data:
        need(len(data) >= 4, PART)
        kind, size = whole(data[:2]), whole(data[2:4])
        padded = (size + 3) // 4 * 4
        need(size >= 4 and padded <= len(data), PART)
        reserved(data[size:padded])
        found.append((kind, data[4:size]))
        data = data[padded:]
    return found


def flag_words(data: bytes) -> tuple[int, ...]:
    need(len(data) % 4 == 0, PART)
    return tuple(map(whole, chunks(data, 4)))


def attributes(data: bytes) -> tuple[te.Attributes, ...]:
    """RFC 5420 section 3."""
    found: list[te.Attributes] = []
    for kind, contents in tlvs(data):
        if kind == 1:
            found.append(te.AttributeFlags(flag_words(contents)))
        else:
            found.append(te.UnknownAttribute(kind, contents))
    return tuple(found)


def lsp_attributes(cls: type[Any]) -> Reader:
    """RFC 5420 sections 4 and 5."""
    return lambda data, ctype: cls(attributes(data))


def hello(data: bytes, ctype: int) -> Any:
    """RFC 3209 section 5.2."""
    need(len(data) == 8)
    cls: type[Any] = te.HelloRequest if ctype == 1 else te.HelloAck
    return cls(whole(data[:4]), whole(data[4:]))


READERS: dict[tuple[int, int], Reader] = {
    (class_num, ctype): reader
    for class_num, ctypes, reader in (
        (1, (7, 8), tunnel_session),
        (1, (13, 14), p2mp_session),
        (10, (7, 8), tunnel_filter),
        (10, (12, 13), p2mp_filter),
        (11, (7, 8), tunnel_filter),
        (11, (12, 13), p2mp_filter),
        (16, (1, 2, 3), label(te.Label, te.GeneralizedLabel, te.WavebandLabel)),
        (19, (1, 2, 3), label_request),
        (20, (1,), explicit_route(te.ExplicitRoute)),
        (21, (1,), record_route(te.RecordRoute)),
        (22, (1, 2), hello),
        (50, (1, 2), leaf),
        (63, (7, 8), detour),
        (67, (1,), lsp_attributes(te.LspRequiredAttributes)),
        (197, (1,), lsp_attributes(te.LspAttributes)),
        (205, (1, 7), fast_reroute),
        (207, (1, 7), session_attribute),
        (232, (1,), exclude_route),
    )
    for ctype in ctypes
}
"""(class number, C-Type) -> its reader."""
