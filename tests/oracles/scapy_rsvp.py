"""scapy as an oracle: its RSVP header and objects, and layers for the C-Types that it lacks.

scapy 2.8 knows the common header, the object header, RSVP_HOP for IPv4, TIME_VALUES and the outside of
SENDER_TSPEC. The other layers of RFC 2205 appendix A and RFC 2210 section 3 are written down here in
scapy's own terms. The reader of the numbers is scapy in all of them.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
with warnings.catch_warnings():
    # Its optional parts warn about what they do not find.
    warnings.simplefilter("ignore")
    from scapy.contrib.rsvp import RSVP, RSVP_HOP, RSVP_Object, RSVP_SenderTSPEC, RSVP_Time
    from scapy.fields import (
        BitField,
        ByteField,
        ConditionalField,
        Field,
        FieldListField,
        IEEEFloatField,
        IntField,
        IP6Field,
        IPField,
        LongField,
        PacketListField,
        ShortField,
        StrField,
        StrLenField,
        X3BytesField,
    )
    from scapy.packet import Packet
    from scapy.utils import checksum

__all__ = [
    "LAYERS",
    "RSVP",
    "RSVP_HOP",
    "RSVP_Object",
    "RSVP_SenderTSPEC",
    "RSVP_Time",
    "checksum",
    "take_apart",
]


class Contents(Packet):  # type: ignore[misc]
    """What stands behind an object's header."""

    def extract_padding(self, data: bytes) -> tuple[bytes, bytes]:
        return b"", data


def address(name: str, ctype: int) -> Field:
    return IPField(name, "0.0.0.0") if ctype == 1 else IP6Field(name, "::")


def layer(name: str, *fields: Field) -> type[Contents]:
    return type(name, (Contents,), {"name": name, "fields_desc": list(fields)})


def session(ctype: int) -> type[Contents]:
    rest = ByteField("protocol", 0), ByteField("flags", 0), ShortField("port", 0)
    return layer(f"Session{ctype}", address("destination", ctype), *rest)


def hop(ctype: int) -> type[Contents]:
    return layer(f"Hop{ctype}", address("address", ctype), IntField("lih", 0))


def error_spec(ctype: int) -> type[Contents]:
    rest = ByteField("flags", 0), ByteField("code", 0), ShortField("value", 0)
    return layer(f"ErrorSpec{ctype}", address("node", ctype), *rest)


def scope(ctype: int) -> type[Contents]:
    return layer(f"Scope{ctype}", FieldListField("addresses", [], address("", ctype)))


def filter_spec(ctype: int) -> type[Contents]:
    if ctype == 3:
        rest = [ByteField("reserved", 0), X3BytesField("flow_label", 0)]
    else:
        rest = [ShortField("reserved", 0), ShortField("port", 0)]
    return layer(f"Filter{ctype}", address("address", ctype), *rest)


def confirm(ctype: int) -> type[Contents]:
    return layer(f"Confirm{ctype}", address("receiver", ctype))


INTEGRITY = layer(
    "Integrity",
    ByteField("flags", 0),
    ByteField("reserved", 0),
    BitField("key_id", 0, 48),
    LongField("sequence", 0),
    StrField("digest", b""),
)
TIME_VALUES = layer("TimeValues", IntField("refresh_ms", 0))
STYLE = layer("Style", ByteField("flags", 0), X3BytesField("option_vector", 0))
POLICY_DATA = layer("PolicyData", StrField("data", b""))

# --- the extensions, as far as their objects have fields of fixed sizes ---------------------------------


def numbers(name: str, *names: str) -> type[Contents]:
    """Words of 32 bits."""
    return layer(name, *(IntField(one, 0) for one in names))


def tunnel(v6: int) -> type[Contents]:
    """LSP_TUNNEL sessions (RFC 3209 section 4.6.1)."""
    middle = ShortField("reserved", 0), ShortField("tunnel_id", 0)
    ends = address("endpoint", v6), *middle, address("extended_tunnel_id", v6)
    return layer(f"Tunnel{v6}", *ends)


def tunnel_filter(v6: int) -> type[Contents]:
    return layer(f"Lsp{v6}", address("sender", v6), ShortField("reserved", 0), ShortField("lsp_id", 0))


def p2mp_session(v6: int) -> type[Contents]:
    """RFC 4875 section 19.1."""
    front = IntField("p2mp_id", 0), ShortField("reserved", 0), ShortField("tunnel_id", 0)
    return layer(f"P2mpSession{v6}", *front, address("extended_tunnel_id", v6))


def p2mp_filter(v6: int) -> type[Contents]:
    """RFC 4875 section 19.2."""
    lsp = address("sender", v6), ShortField("reserved", 0), ShortField("lsp_id", 0)
    group = address("originator", v6), ShortField("reserved2", 0), ShortField("sub_group_id", 0)
    return layer(f"P2mpFilter{v6}", *lsp, *group)


def gpi_session(v6: int) -> type[Contents]:
    rest = ByteField("protocol", 0), ByteField("flags", 0), ShortField("port", 0)
    return layer(f"GpiSession{v6}", address("destination", v6), *rest)


def association(v6: int) -> type[Contents]:
    """RFC 4872 section 16."""
    front = ShortField("association_type", 0), ShortField("association_id", 0)
    return layer(f"Association{v6}", *front, address("source", v6))


MESSAGE_ID = layer("MessageId", ByteField("flags", 0), X3BytesField("epoch", 0), IntField("message_id", 0))
LABEL = numbers("Label", "label")
WAVEBAND = numbers("Waveband", "waveband", "first", "last")
HELLO = numbers("Hello", "source_instance", "destination_instance")
PRIORITIES = ByteField("setup_priority", 0), ByteField("holding_priority", 0), ByteField("hop_limit", 0)
COLOURS = IntField("include_any", 0), IntField("exclude_any", 0)
BANDWIDTH = IEEEFloatField("bandwidth", 0)
LABEL_REQUEST = ShortField("reserved", 0), ShortField("l3pid", 0)
CHALLENGE = layer("Challenge", ShortField("reserved", 0), BitField("key_id", 0, 48), LongField("cookie", 0))

EXTENSIONS: dict[tuple[int, int], type[Packet]] = {
    **{(1, 2 + ctype): gpi_session(ctype) for ctype in (1, 2)},
    **{(1, 6 + ctype): tunnel(ctype) for ctype in (1, 2)},
    **{(1, 12 + ctype): p2mp_session(ctype) for ctype in (1, 2)},
    **{
        (number, 3 + ctype): layer(f"Gpi{ctype}", address("address", ctype), IntField("gpi", 0))
        for number in (10, 11)
        for ctype in (1, 2)
    },
    **{(number, 6 + ctype): tunnel_filter(ctype) for number in (10, 11) for ctype in (1, 2)},
    **{
        (number, 8 + ctype): layer(f"Aggregate{ctype}", address("address", ctype))
        for number in (10, 11)
        for ctype in (1, 2)
    },
    **{(number, 11 + ctype): p2mp_filter(ctype) for number in (10, 11) for ctype in (1, 2)},
    **{(number, 1): LABEL for number in (16, 34, 35, 129)},
    **{(number, 3): WAVEBAND for number in (16, 34, 35, 129)},
    (19, 1): layer("LabelRequest", *LABEL_REQUEST),
    (19, 2): layer(
        "AtmLabelRequest",
        *LABEL_REQUEST,
        *(ShortField(name, 0) for name in ("least_vpi", "least_vci", "most_vpi", "most_vci")),
    ),
    (19, 3): layer("FrameLabelRequest", *LABEL_REQUEST, IntField("least_dlci", 0), IntField("most_dlci", 0)),
    (19, 4): layer("Generalized", ByteField("encoding", 0), ByteField("switching", 0), ShortField("gpid", 0)),
    (22, 1): HELLO,
    (22, 2): HELLO,
    (23, 1): MESSAGE_ID,
    (24, 1): MESSAGE_ID,
    (24, 2): MESSAGE_ID,
    **{(50, ctype): layer(f"Leaf{ctype}", address("destination", ctype)) for ctype in (1, 2)},
    (64, 1): CHALLENGE,
    (131, 1): numbers("Restart", "restart_ms", "recovery_ms"),
    (134, 1): numbers("Capability", "flags"),
    (193, 1): layer("TunnelInterface", address("router_id", 1), IntField("interface", 0)),
    **{(195, ctype): layer(f"NotifyRequest{ctype}", address("address", ctype)) for ctype in (1, 2)},
    (196, 1): numbers("AdminStatus", "flags"),
    **{(199, ctype): association(ctype) for ctype in (1, 2)},
    (205, 1): layer(
        "FastReroute", *PRIORITIES, ByteField("flags", 0), BANDWIDTH, *COLOURS, IntField("include_all", 0)
    ),
    (205, 7): layer("OldFastReroute", *PRIORITIES, ByteField("reserved", 0), BANDWIDTH, *COLOURS),
}

UNREAD = layer("Unread", StrField("data", b""))
"""Contents of C-Types that have no layer here."""

HEADER = (
    BitField("version", 0, 4),
    BitField("reserved", 0, 12),
    ShortField("words", 0),
    ByteField("service", 0),
    BitField("break_bit", 0, 1),
    BitField("reserved2", 0, 7),
    ShortField("service_words", 0),
)
BUCKET = (
    ByteField("parameter", 127),
    ByteField("parameter_flags", 0),
    ShortField("parameter_words", 5),
    IEEEFloatField("rate", 0),
    IEEEFloatField("bucket", 0),
    IEEEFloatField("peak", 0),
    IntField("m", 0),
    IntField("M", 0),
)
TSPEC = layer("Tspec", *HEADER, *BUCKET)


def is_guaranteed(packet: Packet) -> bool:
    return bool(packet.service == 2)


FLOWSPEC = layer(
    "Flowspec",
    *HEADER,
    *BUCKET,
    ConditionalField(ByteField("rspec_parameter", 130), is_guaranteed),
    ConditionalField(ByteField("rspec_flags", 0), is_guaranteed),
    ConditionalField(ShortField("rspec_words", 2), is_guaranteed),
    ConditionalField(IEEEFloatField("R", 0), is_guaranteed),
    ConditionalField(IntField("S", 0), is_guaranteed),
)
PARAMETER = layer(
    "Parameter",
    ByteField("number", 0),
    ByteField("flags", 0),
    ShortField("words", 0),
    StrLenField("contents", b"", length_from=lambda packet: 4 * packet.words),
)
SERVICE = layer(
    "Service",
    ByteField("number", 0),
    BitField("broken", 0, 1),
    BitField("reserved", 0, 7),
    ShortField("words", 0),
    StrLenField("contents", b"", length_from=lambda packet: 4 * packet.words),
)
PARAMETERS = layer("Parameters", PacketListField("parameters", [], PARAMETER))
ADSPEC = layer(
    "Adspec",
    BitField("version", 0, 4),
    BitField("reserved", 0, 12),
    ShortField("words", 0),
    PacketListField("services", [], SERVICE),
)

LAYERS: dict[tuple[int, int], type[Packet]] = {
    **{(1, ctype): session(ctype) for ctype in (1, 2)},
    **{(3, ctype): hop(ctype) for ctype in (1, 2)},
    (4, 1): INTEGRITY,
    (5, 1): TIME_VALUES,
    **{(6, ctype): error_spec(ctype) for ctype in (1, 2)},
    **{(7, ctype): scope(ctype) for ctype in (1, 2)},
    (8, 1): STYLE,
    (9, 2): FLOWSPEC,
    **{(10, ctype): filter_spec(ctype) for ctype in (1, 2, 3)},
    **{(11, ctype): filter_spec(ctype) for ctype in (1, 2, 3)},
    (12, 2): TSPEC,
    (13, 2): ADSPEC,
    (14, 1): POLICY_DATA,
    **{(15, ctype): confirm(ctype) for ctype in (1, 2)},
    **EXTENSIONS,
}
"""(class number, C-Type) -> layer of the contents."""


def take_apart(data: bytes) -> tuple[RSVP, list[tuple[RSVP_Object, Packet]]]:
    """The common header as scapy's own layer, and every object: its header and its contents."""
    return RSVP(data[:8]), list(objects(data[8:]))


def objects(data: bytes) -> Iterator[tuple[RSVP_Object, Packet]]:
    while data:
        header = RSVP_Object(data[:4])
        try:
            contents = LAYERS.get((header.Class, header.C_Type), UNREAD)(data[4 : header.Length])
        except struct.error:  # contents of another service, shorter than those that the layer knows
            contents = UNREAD(data[4 : header.Length])
        yield header, contents
        data = data[header.Length :]
