"""Our fields beside those that tshark names, one by one (Wireshark's display filter reference, "rsvp").

A field of tshark's stands here with the key of ours that must have the same value, or among those
that are left out, with the reason; one that is in neither list is an error of the comparison.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any, TypeAlias

from rsvp.dissection import Dissection, WireObject
from rsvp.iana import SERVICE_NAMES
from rsvp.intserv import Tspec
from rsvp.jsonform import number, to_json
from tests.oracles.tshark import HEADER, SeenField, SeenMessage, SeenObject

Json: TypeAlias = dict[str, Any]
Ours: TypeAlias = str | Callable[[Json], Any]


def chunks(text: str, size: int) -> list[str]:
    return [text[n : n + size] for n in range(0, len(text), size)]


UNSURE = object()
"""In place of a value where tshark reads past what there is, or does not try."""


def bit(key: str, mask: int) -> Ours:
    """A bit of one of our fields."""
    return lambda form: int(bool(form[key] & mask))


def dlci(key: str) -> Ours:
    """tshark shows so many bits of a DLCI as the length indicator says, 10 or 23 (RFC 3209 section 4.2.3)."""

    def read(form: Json) -> Any:
        mask = {0: 0x3FF, 2: 0x7FFFFF}.get(form["least_dlci"] >> 23 & 3)
        return UNSURE if mask is None else form[key] & mask

    return read


FIELDS: dict[str, Ours] = {
    "session.ip": "destination endpoint",
    "session.destination_address": "destination",
    "session.proto": "protocol",
    "session.protocol": "protocol",
    "session.flags": "flags",
    "session.port": "port",
    "session.destination_port": "port",
    "session.tunnel_id": "tunnel_id",
    "session.ext_tunnel_id": "extended_tunnel_id",
    "session.ext_tunnel_id_ipv6": "extended_tunnel_id",
    "session.dscp": "dscp",
    "session.p2mp_id": "p2mp_id",
    "hop.neighbor_address_ipv4": "address",
    "neighbor_address_ipv6": "address",
    "hop.logical_interface": "lih",
    "integrity.flags": "flags",
    "integrity.key_identifier": "key_id",
    "integrity.sequence_number": "sequence",
    "integrity.hash": "digest",
    "refresh_interval": "refresh_ms",
    "error.error_node_ipv4": "node",
    "error.error_node_ipv6": "node",
    "error_flags": "flags",
    "error_flags.path_state_removed": bit("flags", 4),
    "error_flags.not_guilty": bit("flags", 2),
    "error_flags.in_place": bit("flags", 1),
    "error.error_code": "code",
    "error_value": "value",
    "scope.ipv4_address": "addresses",
    "scope.ipv6_address": "addresses",
    "style.flags": "flags",
    "style.style": "option_vector",
    "flowspec.service_header": "service",
    "flowspec.token_bucket_rate": "r",
    "flowspec.token_bucket_size": "b",
    "flowspec.peak_data_rate": "p",
    "flowspec.rate": "R",
    "flowspec.slack_term": "S",
    "tspec.token_bucket_rate": "r",
    "tspec.token_bucket_size": "b",
    "tspec.peak_data_rate": "p",
    "minimum_policed_unit": "m",
    "maximum_packet_size": "M",
    "sender.ip": "address sender",
    "sender.port": "port",
    "sender.lsp_id": "lsp_id",
    "template_filter.source_address_ipv6": "address",
    "template_filter.source_port": "port",
    "template_filter.ipv4_tunnel_sender_address": "sender",
    "template_filter.ipv6_tunnel_sender_address": "sender",
    "template_filter.sub_group_originator_id": "originator",
    "template_filter.sub_group_id": "sub_group_id",
    "confirm.receiver_address_ipv4": "receiver",
    "confirm.receiver_address_ipv6": "receiver",
    "label.label": "label",
    "label.generalized_label": lambda form: [int(word, 16) for word in chunks(form["label"], 8)],
    "label_request.l3pid": "l3pid",
    "label_request.m": bit("least_vpi", 0x8000),
    # RFC 3209 section 4.2.2 has VPIs of 12 bits; tshark shows the last 7.
    "label_request.min_vpi": lambda form: form["least_vpi"] & 0x7F,
    "label_request.min_vci": "least_vci",
    "label_request.max_vpi": lambda form: form["most_vpi"] & 0x7F,
    "label_request.max_vci": "most_vci",
    "label_request.min_dlci": dlci("least_dlci"),
    "label_request.max_dlci": dlci("most_dlci"),
    "label_request.lsp_encoding_type": "encoding",
    "label_request.switching_type": "switching",
    "label_request.g_pid": "gpid",
    "hello.source_instance": "source_instance",
    "hello.destination_instance": "destination_instance",
    **{
        f"message_id{kind}.{name}": name for kind in ("", "_ack") for name in ("flags", "epoch", "message_id")
    },
    "message_id_list.flags": "flags",
    "message_id_list.epoch": "epoch",
    "message_id_list.message_id": "message_ids",
    "label_set.action": "action",
    "label_set.type": "label_type",
    "label_set.subchannel": "labels",
    "pi.flags.secondary_lsp": bit("flags", 0x80),
    "protection_info.link_flags": "link_flags",
    "rfc4872.secondary": bit("flags", 0x80),
    "rfc4872.protecting": bit("flags", 0x40),
    "rfc4872.notification_msg": bit("flags", 0x20),
    "rfc4872.operational": bit("flags", 0x10),
    "pi_lsp.flags.full_rerouting": bit("lsp_flags", 1),
    "pi_lsp.flags.rerouting_extra": bit("lsp_flags", 2),
    "pi_lsp.flags.1_n_protection": bit("lsp_flags", 4),
    "pi_lsp.flags.1plus1_unidirectional": bit("lsp_flags", 8),
    "pi_lsp.flags.1plus1_bidirectional": bit("lsp_flags", 16),
    "pi_link.flags.extra": bit("link_flags", 1),
    "pi_link.flags.extra_traffic": bit("link_flags", 1),
    "pi_link.flags.unprotected": bit("link_flags", 2),
    "pi_link.flags.shared": bit("link_flags", 4),
    "pi_link.flags.dedicated_1_1": bit("link_flags", 8),
    "pi_link.flags.dedicated1_1": bit("link_flags", 8),
    "pi_link.flags.dedicated_1plus1": bit("link_flags", 16),
    "pi_link.flags.dedicated1plus1": bit("link_flags", 16),
    "pi_link.flags.enhanced": bit("link_flags", 32),
    "protection_info.in_place": bit("segment_flags", 0x80),
    "protection_info.required": bit("segment_flags", 0x40),
    "s2l_sub_lsp.destination_ipv4_address": "destination",
    "s2l_sub_lsp.destination_ipv6_address": "destination",
    "detour.plr_id": "detours",
    "detour.avoid_node_id": "detours",
    "restart_cap.restart_time": "restart_ms",
    "restart_cap.recovery_time": "recovery_ms",
    "lsp_tunnel_if_id.router_id": "router_id",
    "lsp_tunnel_if_id.interface_id": "interface",
    "notify_request.notify_node_address_ipv4": "address",
    "notify_request.notify_node_address_ipv6": "address",
    "admin_status.bits": "flags",
    "association.type": "association_type",
    "association.id": "association_id",
    "association.source_ipv4": "source",
    "association.source_ipv6": "source",
    **{f"fast_reroute.{name}": name for name in ("setup_priority", "hop_limit", "flags", "bandwidth")},
    "fast_reroute.hold_priority": "holding_priority",
    **{
        f"{kind}.{name}": name
        for kind in ("fast_reroute", "session_attribute")
        for name in ("include_any", "exclude_any", "include_all")
    },
    "session_attribute.setup_priority": "setup_priority",
    "session_attribute.hold_priority": "holding_priority",
    "session_attribute.flags": "flags",
    "session_attribute.name_length": lambda form: len(form["session_name"]),
    "session_attribute.name": "session_name",
    "dclass.dscp": "ds_octets",
}
"""tshark's field, without "rsvp." -> our key (the first of several that an object has), or how to find it."""

PARTS: dict[str, Ours] = {
    "loose_hop": "loose",
    "xro.sobj.lbit": "loose",
    "ero_rro_subobjects.ipv4_hop": "address",
    "ero_rro_subobjects.ipv6_hop": "address",
    "ero_rro_subobjects.prefix_length": "prefix_length",
    "ero_rro_subobjects.flags": "flags",
    "ero_rro_subobjects.label": lambda form: (
        int(form["label"][:8], 16) if len(form["label"]) >= 8 else UNSURE
    ),
    "ero_rro_subobjects.router_id": "router_id",
    "ero_rro_subobjects.interface_id": "interface",
    "ero_rro_subobjects.autonomous_system": "number",
    "xro.sobj.ipv4.addr": "address",
    "xro.sobj.ipv4.prefix": "prefix_length",
    "xro.sobj.ipv4.attr": "attribute",
    "xro.sobj.ipv6.addr": "address",
    "xro.sobj.ipv6.prefix": "prefix_length",
    "xro.sobj.ipv6.attr": "attribute",
    "xro.sobj.srlg.id": "srlg",
    "ifid_tlv.ipv4_address": "address",
    "ifid_tlv.ipv6_address": "address",
    "ifid_tlv.interface_id": "interface",
}
"""The same for sub-objects."""

LEFT_OUT = (
    # Structure, which is compared elsewhere: lengths, classes, C-Types, types of sub-objects.
    *("rsvp.length", "rsvp.object", "rsvp.ctype", "rsvp.type", "rsvp.class", "rsvp.data_length"),
    *(
        "rsvp.label_request.dlci_length",
        "rsvp.ifid_tlv.length",
        "rsvp.ero_rro_subobjects.length",
        "rsvp.xro.sobj.len",
    ),
    "rsvp.lsp_attributes_tlv",
    # Headers of integrated services, which have one right value each.
    *("rsvp.parameter", "rsvp.flowspec.message_format_version", "rsvp.tspec.message_format_version"),
    *("rsvp.adspec.message_format_version", "rsvp.tspec.service_header"),
    # What RFC 3209 reserves was a call identifier in one draft.
    *("rsvp.session.short_call_id", "rsvp.sender.short_call_id", "rsvp.xro.sobj.srlg.res"),
    # Bits of a field that is compared as a whole.
    *("rsvp.integrity.flags.", "rsvp.rro.flags.", "rsvp.sa.flags.", "rsvp.frr.flags.", "rsvp.admin_status."),
    "rsvp.lsp_attr.",
    # The same once more, by another name.
    "rsvp.extended_tunnel",
    # A type of protection to RFC 4873, of which tshark shows bits, and those of another field.
    "rsvp.pi_seg.flags.",
    # TLVs of RFC 4920, which we leave unread.
    *("rsvp.ifid_tlv.padding", "rsvp.ifid_tlv.autonomous_system", "rsvp.ifid_tlv.area"),
    # The enterprise's own contents, and tshark's remarks.
    *("rsvp.obj_private", "rsvp.enterprise", "_ws."),
)

WRONG: dict[tuple[int, int, str], str] = {
    (1, 8, "session.ip"): "the first four bytes of an IPv6 address",
    (10, 8, "sender.ip"): "the first four bytes of an IPv6 address",
    (11, 8, "sender.ip"): "the first four bytes of an IPv6 address",
    (63, 7, "detour.plr_id"): "bytes in the order of the host",
    (63, 7, "detour.avoid_node_id"): "bytes in the order of the host",
}
"""Class, C-Type, field: why tshark's text is not what the field's bytes, which are compared, say."""

NOT_OURS: dict[tuple[int, int, str], str] = {
    (21, 1, "loose_hop"): "a recorded hop is neither loose nor strict (RFC 3209 section 4.4.1)",
    (21, 1, "xro.sobj.lbit"): "a recorded hop is neither loose nor strict (RFC 3209 section 4.4.1)",
    (205, 7, "fast_reroute.flags"): "reserved in this C-Type (RFC 4090 section 4.1)",
}
"""Fields of tshark's that an object does not have."""

MISREAD: dict[tuple[int, int, int], str] = {
    (199, 4, 0): "as in a draft, with areas and nodes, where RFC 6780 has its extended association",
    (1, 8, 28): "one router's extended tunnel has four bytes; tshark reads sixteen, past the object's end",
}
"""Class, C-Type, length (0 for any) of objects whose fields tshark takes for others."""

NO_PARTS = {(6, 4): "tshark does not open the TLVs of an IPv6 IF_ID error"}


@dataclasses.dataclass
class Comparison:
    """What has been compared so far, and where the two differ, in words."""

    messages: int = 0
    objects: int = 0
    fields: int = 0
    differences: list[str] = dataclasses.field(default_factory=list)

    def message(self, seen: SeenMessage, ours: Dissection, name: str) -> None:
        """Header, checksum, class, C-Type, length and order of the objects, their fields, inner messages."""
        self.messages += 1
        header = {key: getattr(ours, key) for key in HEADER}
        if seen.header != header:
            self.differences.append(f"{name}: header {seen.header} by tshark, {header} by us")
        judged = {"correct": "ok", "incorrect": "bad"}.get(seen.checksum.partition(",")[0])
        # A checksum of zero says that none was sent (RFC 2205 section 3.1.1); tshark adds it up all the same.
        if judged is not None and ours.checksum not in (judged, "absent"):
            self.differences.append(f"{name}: checksum {judged} by tshark, {ours.checksum} by us")
        keys = tuple((one.class_num, one.ctype, one.length) for one in ours.objects)
        if seen.keys != keys:
            self.differences.append(f"{name}: {seen.keys} by tshark, {keys} by us")
        for theirs, mine in zip(seen.objects, ours.objects, strict=False):
            if theirs.key != (mine.class_num, mine.ctype, mine.length):
                break
            count, found = compare(theirs, mine)
            self.objects += 1
            self.fields += count
            self.differences += [f"{name}: {theirs.key}: {text}" for text in found]
        inner, own = seen.messages or (), ours.messages or ()
        if len(inner) != len(own):
            self.differences.append(f"{name}: {len(inner)} messages inside by tshark, {len(own)} by us")
        for number_, (one, other) in enumerate(zip(inner, own, strict=False)):
            self.message(one, other, f"{name}.{number_}")


def compare(seen: SeenObject, ours: WireObject) -> tuple[int, list[str]]:
    """How many fields of an object were compared, and those that differ, in words."""
    key = (ours.class_num, ours.ctype)
    whole = [field for field in seen.field.walk() if field.name.endswith(".data")]
    if len(whole) == 1 and len(whole[0].raw) == 2 * len(ours.data):
        return 1, [] if whole[0].raw == ours.data.hex() else [f"contents: {whole[0].raw} by tshark"]
    if ours.value is None or {(*key, 0), (*key, ours.length)} & MISREAD.keys():
        return 0, []
    form = to_json(ours.value)
    if isinstance(ours.value, Tspec) and ours.value.null_M is not None:
        form["M"] = [form["M"], ours.value.null_M]
    if ours.class_num == 13:
        return _adspec(seen.field, form)
    if ours.class_num in (67, 197):
        return _attributes(seen.field, form)
    parts = _parts_of(form)
    sub_trees = [field for field in seen.field.fields if field.name == "" and field.fields]
    own = [field for field in seen.field.walk() if not any(field in set(tree.walk()) for tree in sub_trees)]
    if parts is None:
        own, sub_trees = list(seen.field.walk()), []
    count, found = _fields(own, _flat(form), FIELDS, key)
    for tree, part in zip(sub_trees, parts or (), strict=False):
        if part["kind"].startswith("unknown"):
            continue  # a type that only tshark knows
        more, worse = _fields(list(tree.walk()), part, PARTS, key)
        count += more
        found += worse
    if parts is not None and len(parts) != len(sub_trees) and key not in NO_PARTS:
        found.append(f"{len(sub_trees)} parts by tshark, {len(parts)} by us")
    return count, found


def _parts_of(form: Json) -> list[Json] | None:
    for name in ("hops", "records", "exclusions", "interfaces"):
        if name in form:
            return list(form[name])
    return None


def _flat(form: Json) -> Json:
    """With what a flowspec has inside raised to the top."""
    inner = {name: form[name] for name in ("tspec", "rspec") if isinstance(form.get(name), dict)}
    return form | {key: value for part in inner.values() for key, value in part.items()}


def _fields(
    fields: list[SeenField], form: Json, table: dict[str, Ours], key: tuple[int, int]
) -> tuple[int, list[str]]:
    theirs: dict[Any, list[SeenField]] = {}
    found = []
    for field in fields:
        name = field.name.removeprefix("rsvp.")
        if (*key, name) in NOT_OURS:
            continue
        if name in table:
            ours = table[name]
            theirs.setdefault(_key(ours, form) if isinstance(ours, str) else ours, []).append(field)
        elif field.name and not field.name.endswith(".data") and not field.name.startswith(LEFT_OUT):
            found.append(f"{field.name}: a field of tshark's that is not in the list")
    count = 0
    for ours, some in theirs.items():
        value = form.get(ours) if isinstance(ours, str) else ours(form)
        if value is UNSURE:
            continue
        # Some of tshark's fields stand in its tree twice, by two names.
        mine = list(_leaves(value)) if isinstance(value, list) else [value] * len(some)
        if len(mine) != len(some):
            found.append(f"{some[0].name}: {[one.show for one in some]} by tshark, {mine} by us")
            continue
        for value, field in zip(mine, some, strict=True):
            count += 1
            wrong = (*key, field.name.removeprefix("rsvp.")) in WRONG
            if not _same(value, field, by_bytes=wrong):
                found.append(f"{field.name}: {field.show} by tshark, {value!r} by us")
    return count, found


def _key(names: str, form: Json) -> str:
    return next((name for name in names.split() if name in form), names)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _same(ours: Any, field: SeenField, by_bytes: bool) -> bool:
    """Whether a value of our JSON is what tshark shows; reals and text are read from its bytes."""
    raw = bytes.fromhex(field.raw) if len(field.raw) % 2 == 0 else b""
    if field.name in ("rsvp.flowspec.service_header",):
        return bool(ours == SERVICE_NAMES[int(field.show)])
    if field.name.endswith(("rate", "size", "bandwidth", "float")) and "packet" not in field.name:
        return bool(ours == number(struct.unpack("!f", raw[-4:])[0]))
    if field.name.endswith("_attribute.name"):
        return bool(ours == raw.decode("latin-1"))
    if isinstance(ours, int):
        return int(field.raw if by_bytes else field.show, 0) == ours
    if by_bytes or re.fullmatch("([0-9a-f]{2}:)*[0-9a-f]{2}", field.show):
        return ours in (raw.hex(), str(ip_address(raw)) if len(raw) in (4, 16) else "")
    if field.show.isdecimal() and _is_hex(ours):
        return ours == field.raw
    shown = ip_address(int(field.show)) if field.show.isdecimal() else ip_address(field.show)
    return str(shown) == ours


def _is_hex(text: str) -> bool:
    return set(text) <= set("0123456789abcdef")


# --- integrated services' own and attributes, which are nested differently there ------------------------

PARAMETERS = {
    4: "is_hops",
    6: "bandwidth",
    8: "latency",
    10: "mtu",
    133: "c_tot",
    134: "d_tot",
    135: "c_sum",
    136: "d_sum",
}


def _adspec(seen: SeenField, form: Json) -> tuple[int, list[str]]:
    """Service by service, parameter by parameter."""
    services = {1: form["general"], 2: form["guaranteed"], 5: form["controlled_load"]}
    count = 0
    found = []
    for tree in seen.fields:
        header = [field for field in tree.fields if field.name == "rsvp.adspec.service_header"]
        ours = services.get(int(header[0].show)) if header else None
        if ours is None:
            continue
        flat = {**ours, **{k: v for k, v in (ours.get("overrides") or {}).items() if v is not None}}
        for field in tree.fields:
            if field.name == "rsvp.adspec.break_bit":
                count += 1
                if int(field.show) != int(flat["break"]):
                    found.append(f"break bit {field.show} by tshark")
            if field.name != "rsvp.adspec.type" or PARAMETERS.get(int(field.show)) not in flat:
                continue  # a parameter that is another service's
            name = PARAMETERS[int(field.show)]
            (value,) = [one for one in field.fields if one.name in ("rsvp.adspec.uint", "rsvp.adspec.float")]
            count += 1
            if not _same(flat[name], value, by_bytes=False):
                found.append(f"{name}: {value.show} by tshark, {flat[name]} by us")
    return count, found


def _attributes(seen: SeenField, form: Json) -> tuple[int, list[str]]:
    """The first word of flags that come first: tshark does not know its way behind them."""
    theirs = [int(field.show, 0) for field in seen.walk() if field.name == "rsvp.lsp_attr"]
    ours = form["attributes"][0].get("flags", [])[:1] if form["attributes"] else []
    if not ours or not theirs:
        return 0, []
    return 1, [] if theirs[:1] == ours else [f"flags {theirs} by tshark, {ours} by us"]
