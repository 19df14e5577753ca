"""Slow and obvious readers of the objects of GMPLS (RFC 3473, 3477, 4872, 4873, 4875, 5063, 5284).

Part of `tests.reference`: written from the RFCs' figures, sharing nothing with the codec.
"""

from __future__ import annotations

import struct
from typing import Any

from rsvp import gmpls, te
from tests.reference_objects import Reader, address, chunks, need, reserved, whole
from tests.reference_te import PART, explicit_route, label, pieces, record_route, text, tlvs


def label_request(data: bytes, ctype: int) -> gmpls.GeneralizedLabelRequest:
    """RFC 3473 section 2.1: encoding, switching type, payload."""
    need(len(data) == 4)
    return gmpls.GeneralizedLabelRequest(data[0], data[1], whole(data[2:]))


def label_set(cls: type[Any]) -> Reader:
    """RFC 3473 section 2.6: action, reserved, label type (only its last 8 bits are used), sub-channels."""

    def read(data: bytes, ctype: int) -> Any:
        need(len(data) >= 4)
        reserved(data[1:3])
        return cls(data[0], data[3], tuple(whole(word) for word in chunks(data[4:], 4)))

    return read


def protection(data: bytes, ctype: int) -> Any:
    """RFC 3473 section 6.1; RFC 4872 section 14 with RFC 4873 section 6.1."""
    need(len(data) == (4 if ctype == 1 else 8))
    if ctype == 1:
        reserved(data[1:3])
        return gmpls.LinkProtection(data[0], data[3])
    reserved(data[2:3] + data[6:8])
    return gmpls.LspProtection(data[0], data[1], data[3], data[4], data[5])


def notify_request(data: bytes, ctype: int) -> gmpls.NotifyRequest:
    """RFC 3473 section 4.2.1."""
    need(len(data) == (4 if ctype == 1 else 16))
    return gmpls.NotifyRequest(address(data))


def one_word(cls: type[Any]) -> Reader:
    """ADMIN_STATUS and CAPABILITY: 32 bits of flags (RFC 3473 section 7.1, RFC 5063 section 4.2)."""

    def read(data: bytes, ctype: int) -> Any:
        need(len(data) == 4)
        return cls(whole(data))

    return read


def restart(data: bytes, ctype: int) -> gmpls.RestartCapability:
    """RFC 3473 section 9.1."""
    need(len(data) == 8)
    return gmpls.RestartCapability(whole(data[:4]), whole(data[4:]))


def tunnel_interface(data: bytes, ctype: int) -> gmpls.LspTunnelInterfaceId:
    """RFC 3477 section 3.1."""
    need(len(data) == 8)
    return gmpls.LspTunnelInterfaceId(address(data[:4]), whole(data[4:]))


def interfaces(data: bytes) -> tuple[Any, ...]:
    """The TLVs of RFC 3471 section 9.1.1."""
    found: list[Any] = []
    for kind, contents in tlvs(data):
        if kind in (1, 2):
            need(len(contents) == (4 if kind == 1 else 16), PART)
            found.append(gmpls.InterfaceAddress(address(contents)))
        elif kind in (3, 4, 5):
            need(len(contents) == 8, PART)
            cls: type[Any] = {
                3: gmpls.InterfaceIndex,
                4: gmpls.DownstreamComponent,
                5: gmpls.UpstreamComponent,
            }[kind]
            found.append(cls(address(contents[:4]), whole(contents[4:])))
        else:
            found.append(gmpls.UnknownInterface(kind, contents))
    return tuple(found)


def interface_hop(data: bytes, ctype: int) -> gmpls.InterfaceHop:
    """RFC 3473 section 8.1.1: as RSVP_HOP, then TLVs."""
    n = 4 if ctype == 3 else 16
    need(len(data) >= n + 4)
    return gmpls.InterfaceHop(address(data[:n]), whole(data[n : n + 4]), interfaces(data[n + 4 :]))


def interface_error(data: bytes, ctype: int) -> gmpls.InterfaceErrorSpec:
    """RFC 3473 section 8.2.1: as ERROR_SPEC, then TLVs."""
    n = 4 if ctype == 3 else 16
    need(len(data) >= n + 4)
    flags, code, value = struct.unpack("!BBH", data[n : n + 4])
    return gmpls.InterfaceErrorSpec(address(data[:n]), code, value, flags, interfaces(data[n + 4 :]))


def association(data: bytes, ctype: int) -> gmpls.Association:
    """RFC 4872 section 16."""
    need(len(data) == (8 if ctype == 1 else 20))
    return gmpls.Association(whole(data[:2]), whole(data[2:4]), address(data[4:]))


def user_error(data: bytes, ctype: int) -> gmpls.UserErrorSpec:
    """RFC 5284 section 3."""
    need(len(data) >= 8)
    enterprise, organisation, size, value = struct.unpack("!IBBH", data[:8])
    description, rest = text(data[8:], size, "utf-8")
    parts = tuple(te.UnknownRecord(kind, contents) for kind, contents in pieces(rest))
    return gmpls.UserErrorSpec(enterprise, organisation, value, description, parts)


READERS: dict[tuple[int, int], Reader] = {
    (class_num, ctype): reader
    for class_num, ctypes, reader in (
        (3, (3, 4), interface_hop),
        (6, (3, 4), interface_error),
        (19, (4,), label_request),
        (
            34,
            (1, 2, 3),
            label(gmpls.RecoveryLabel, gmpls.RecoveryGeneralizedLabel, gmpls.RecoveryWavebandLabel),
        ),
        (
            35,
            (1, 2, 3),
            label(gmpls.UpstreamLabel, gmpls.UpstreamGeneralizedLabel, gmpls.UpstreamWavebandLabel),
        ),
        (36, (1,), label_set(gmpls.LabelSet)),
        (37, (1, 2), protection),
        (38, (1,), explicit_route(gmpls.PrimaryPathRoute)),
        (
            129,
            (1, 2, 3),
            label(gmpls.SuggestedLabel, gmpls.SuggestedGeneralizedLabel, gmpls.SuggestedWavebandLabel),
        ),
        (130, (1,), label_set(gmpls.AcceptableLabelSet)),
        (131, (1,), restart),
        (134, (1,), one_word(gmpls.Capability)),
        (193, (1,), tunnel_interface),
        (194, (1,), user_error),
        (195, (1, 2), notify_request),
        (196, (1,), one_word(gmpls.AdminStatus)),
        (199, (1, 2), association),
        (200, (1,), explicit_route(gmpls.SecondaryExplicitRoute)),
        (200, (2,), explicit_route(gmpls.P2mpSecondaryExplicitRoute)),
        (201, (1,), record_route(gmpls.SecondaryRecordRoute)),
        (201, (2,), record_route(gmpls.P2mpSecondaryRecordRoute)),
    )
    for ctype in ctypes
}
"""(class number, C-Type) -> its reader."""
