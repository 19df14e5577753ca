"""What the tree calls the fields of the extensions' objects (RFC 2207, 2745, 2961, 3209, 3473, 4090, 4875).

A field that is not listed goes by its own name; sub-objects stand a level deeper, each under the
name of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from .. import flagnames
from .. import iana_names as names
from ..iana import CLASS_NAMES, error_text
from ..objects import Nested
from . import units

Writer: TypeAlias = Callable[[Any], str]

WRITERS: Final[Mapping[str, Writer]] = {
    "bandwidth": units.byte_rate,
    "restart_ms": units.milliseconds,
    "recovery_ms": units.milliseconds,
    "protocol": units.protocol,
    "gpi": units.hexadecimal,
    "l3pid": units.hexadecimal,
    "lih": units.hexadecimal,
    "epoch": units.hexadecimal,
    "cookie": units.hexadecimal,
    "phb_id": units.hexadecimal,
    "exclude_any": units.hexadecimal,
    "include_any": units.hexadecimal,
    "include_all": units.hexadecimal,
    "source_instance": units.hexadecimal,
    "destination_instance": units.hexadecimal,
    "path_mtu": units.size,
    "timer": lambda value: f"{value} seconds",
    "session_name": repr,
    "description": repr,
    "encoding": units.named(names.ENCODINGS),
    "switching": units.named(names.SWITCHINGS),
    "action": units.named(names.LABEL_SET_ACTIONS),
    "attribute": units.named(names.EXCLUSION_ATTRIBUTES),
    "association_type": units.named(names.ASSOCIATIONS),
    "p_type": units.named(names.POLICY_ELEMENTS),
}
"""Field -> how it is written, whatever class it is in."""

LABELS: Final[Mapping[str, str]] = {
    "lih": "logical interface handle",
    "gpi": "generalized port identifier (SPI)",
    "l3pid": "carried protocol (Ethernet type)",
    "gpid": "carried payload (G-PID)",
    "restart_ms": "restart time",
    "recovery_ms": "recovery time",
    "dscp": "DSCP",
    "ds_octets": "DSCPs",
    "p2mp_id": "P2MP identifier",
    "lsp_id": "LSP identifier",
    "tunnel_id": "tunnel identifier",
    "extended_id": "extended identifier",
    "group_id": "bypass group",
    "group_ids": "bypass groups",
    "extended_tunnel_id": "extended tunnel identifier",
    "message_id": "message identifier",
    "message_ids": "message identifiers",
    "request_id": "request identifier",
    "d_ttl": "TTL lost since the hop before",
    "srlg": "shared risk link group",
    "phb_id": "PHB identifier",
    "p_type": "element type",
    "a_type": "attribute type",
    "last_hop": "last hop asked",
    "data": "contents",
    "k": "lifetime multiplier K",
    "timer": "refresh period R",
    "path_mtu": "path MTU",
    "include_any": "affinities, one of",
    "include_all": "affinities, all of",
    "exclude_any": "affinities, none of",
}
"""Field -> what people call it."""

SILENT: Final = frozenset({"padding", "version", "class_num", "ctype"})
"""Fields that keep the bytes in shape and mean nothing."""


Rows: TypeAlias = Callable[[object], Iterator[tuple[int, str]]]


def generic_rows(value: Any, rows: Rows) -> Iterator[tuple[int, str]]:
    """The fields of any decoded object as (depth, text); `rows` writes what is inside it."""
    flags = flagnames.writers(type(value))
    for name in _fields(type(value)):
        content = getattr(value, name)
        if content is None or name in SILENT:
            continue
        label = LABELS.get(name) or name.replace("_", " ")
        if name in flags:
            yield 0, f"{label}: {units.flags(content, flags[name](content))}"
        elif name == "loose":
            yield 0, "loose hop" if content else "strict hop"
        elif name in WRITERS and isinstance(content, int | float | str):
            yield 0, f"{label}: {WRITERS[name](content)}"
        else:
            yield from _content(label, content, rows)
    code = getattr(value, "code", None)
    if isinstance(code, int) and isinstance(getattr(value, "value", None), int):
        yield 0, f"error: {error_text(code, getattr(value, 'value', 0))}"


def _content(label: str, content: object, rows: Rows) -> Iterator[tuple[int, str]]:
    if is_dataclass(content):
        yield 0, label
        for depth, text in rows(content):
            yield depth + 1, text
    elif isinstance(content, tuple) and any(is_dataclass(part) for part in content):
        yield 0, label
        for part in content:
            inner = part.value if isinstance(part, Nested) else part
            yield 1, _class_name(part.class_num) if isinstance(part, Nested) else kind_name(type(part))
            for depth, text in rows(inner):
                yield depth + 2, text
    elif content != ():
        yield 0, f"{label}: {_plain(content)}"


def _class_name(class_num: int) -> str:
    return CLASS_NAMES.get(class_num, f"class {class_num}")


def _plain(content: object) -> str:
    if isinstance(content, bool):
        return units.yes(content)
    if isinstance(content, bytes):
        return content.hex() if content else "none"
    if isinstance(content, Enum):
        return str(content.value)
    if isinstance(content, tuple):
        return ", ".join(_plain(part) for part in content) or "none"
    if isinstance(content, float):
        return units.count(content)
    return str(content)


def wanted_rows(value: Any) -> Iterator[tuple[int, str]]:
    """DIAG_SELECT: the objects that a diagnostic request asks for, by name (RFC 2745 section 3.4)."""
    for class_num, ctype in value.wanted:
        which = f"C-Type {ctype}" if ctype else "any C-Type"
        yield 0, f"wanted: {CLASS_NAMES.get(class_num, f'class {class_num}')}, {which}"


def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def kind_name(kind: type[Any]) -> str:
    """A class's name in words: PrefixHop is a prefix hop."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.__name__).lower()
