"""The one JSON form of objects, messages and what the engine reports.

Used by `rsvp decode`, `rsvp show`, the control socket and the event stream. Rates are bytes/s,
sizes bytes, times seconds (Rspec slack and ADSPEC latencies microseconds, as on the wire);
addresses are text; anything infinite is the string "inf", anything absent is null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, TypeAlias

from . import flagnames
from . import objects as o
from .dissection import Dissection, WireObject
from .errors import WireError
from .gmpls import InterfaceErrorSpec
from .iana import (
    CLASS_NAMES,
    MESSAGE_NAMES,
    SERVICE_NAMES,
    STYLE_NAMES,
    ErrorFlag,
    SessionFlag,
    error_text,
)
from .intserv import (
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    NullTspec,
    OtherAdvert,
    Rspec,
    Tspec,
)

Json: TypeAlias = Any

UNKNOWN: Final = "UNKNOWN"
"""The name of message types and object classes that IANA does not list."""


class Named:
    """Gives the name that a table has for an attribute's number, UNKNOWN where it has none."""

    __slots__ = ("attribute", "names")

    def __init__(self, attribute: str, names: Mapping[int, str]) -> None:
        self.attribute = attribute
        self.names = names

    def __call__(self, value: Any) -> str:
        return self.names.get(getattr(value, self.attribute), UNKNOWN)


class Bit:
    """Tells whether a bit of an attribute is set."""

    __slots__ = ("attribute", "mask")

    def __init__(self, attribute: str, mask: int) -> None:
        self.attribute = attribute
        self.mask = int(mask)

    def __call__(self, value: Any) -> bool:
        return bool(getattr(value, self.attribute) & self.mask)


class Instead:
    """Gives an attribute where another one has nothing."""

    __slots__ = ("attribute", "other")

    def __init__(self, attribute: str, other: str) -> None:
        self.attribute = attribute
        self.other = other

    def __call__(self, value: Any) -> Any:
        return getattr(value, self.attribute) if getattr(value, self.other) is None else None


Form: TypeAlias = Mapping[str, "str | Callable[[Any], Any]"]
"""JSON key -> the attribute that it shows, or what works it out. A key that ends in a question mark is
left out where there is nothing to show."""


def _same(*names: str) -> Form:
    """A form whose keys are the attributes' own names."""
    return {name: name for name in names}


def _error_text(value: o.ErrorSpec | InterfaceErrorSpec) -> str:
    return error_text(value.code, value.value)


def _flag_names(kind: type[Any]) -> Form:
    """Beside each field that holds flags what they are called: "flags" has "flag_names"."""

    def words(name: str, write: Callable[[Any], list[str]]) -> Callable[[Any], tuple[str, ...]]:
        known = lru_cache(256)(lambda flags: tuple(write(flags)))
        return lambda value: known(getattr(value, name))

    found = flagnames.writers(kind).items()
    return {f"{name.removesuffix('s')}_names": words(name, write) for name, write in found}


TSPEC: Final[Form] = {"r": "rate", "b": "bucket", "p": "peak", "m": "m", "M": "M", "null_M?": "null_M"}

FORMS: Final[Mapping[type[Any], Form]] = {
    Dissection: {
        **_same("version", "flags", "type"),
        "message": Named("type", MESSAGE_NAMES),
        **_same("send_ttl", "length", "checksum", "objects", "messages", "error"),
    },
    WireObject: {
        "class": "class_num",
        "ctype": "ctype",
        "name": Named("class_num", CLASS_NAMES),
        "length": "length",
        "value": "value",
        "data?": Instead("data", "value"),
    },
    WireError: {"reason": "reason", "offset": "offset", "class": "class_num", "ctype": "ctype"},
    o.Session: {
        **_same("destination", "protocol", "port", "flags"),
        "e_police": Bit("flags", SessionFlag.E_POLICE),
    },
    # The port of an encrypted flow is virtual and goes by the name of `gpi`.
    o.GpiSession: {
        **_same("destination", "protocol"),
        "gpi": "port",
        "flags": "flags",
        "e_police": Bit("flags", SessionFlag.E_POLICE),
    },
    o.ErrorSpec: {
        **_same("node", "code", "value", "flags"),
        "in_place": Bit("flags", ErrorFlag.IN_PLACE),
        "not_guilty": Bit("flags", ErrorFlag.NOT_GUILTY),
        "text": _error_text,
        **_flag_names(o.ErrorSpec),
    },
    InterfaceErrorSpec: {
        **_same("node", "code", "value", "flags"),
        "text": _error_text,
        "interfaces": "interfaces",
        **_flag_names(InterfaceErrorSpec),
    },
    o.Style: {"style": "name", "option_vector": "option_vector", "flags": "flags"},
    o.Challenge: {
        "key_id": lambda value: f"{value.key_id:012x}",
        "cookie": lambda value: f"{value.cookie:016x}",
    },
    o.Integrity: {
        "flags": "flags",
        "key_id": lambda value: f"{value.key_id:012x}",
        "sequence": "sequence",
        "digest": "digest",
        **_flag_names(o.Integrity),
    },
    o.Nested: {"class": "class_num", "value": "value"},
    o.Opaque: {"class": "class_num", "ctype": "ctype", "data": "data"},
    o.FilterSpec: _same("address", "port"),
    o.FlowLabelFilterSpec: _same("address", "flow_label"),
    o.GpiFilter: _same("address", "gpi"),
    Tspec: TSPEC,
    NullTspec: TSPEC,
    Rspec: {"R": "rate", "S": "slack"},
    Flowspec: {"service": "service_name", "tspec": "tspec", "rspec": "rspec"},
    Adspec: _same("general", "guaranteed", "controlled_load", "others"),
    General: {**_same("is_hops", "bandwidth", "latency", "mtu"), "break": "broken"},
    GuaranteedAdvert: {
        **_same("c_tot", "d_tot", "c_sum", "d_sum"),
        "break": "broken",
        **_same("empty", "overrides"),
    },
    ControlledLoadAdvert: {"break": "broken", "overrides": "overrides"},
    OtherAdvert: _same("service", "broken", "data"),
}
"""Classes whose JSON form is not just their fields. `_json` writes text by the same table."""


def number(value: float) -> float | int | str:
    """A number as JSON can hold it: "inf" where infinite, an integer where it is one."""
    if isinstance(value, int):
        return value
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if math.isnan(value):
        return "nan"
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def session(value: o.Session) -> dict[str, Json]:
    """{"destination", "protocol", "port" or "gpi"}; flags are the object's, not the session's."""
    port = "gpi" if isinstance(value, o.GpiSession) else "port"
    return {"destination": str(value.destination), "protocol": value.protocol, port: value.port}


def filter_spec(value: o.Filter) -> dict[str, Json]:
    """{"address", "port"}, {"address", "flow_label"} or {"address", "gpi"}."""
    return _written(value, FORMS[type(value)])


def tspec(value: Tspec) -> dict[str, Json]:
    """{"r", "b", "p", "m", "M"}, and "null_M" where the null service is offered beside others."""
    return _written(value, TSPEC)


def flowspec(value: Flowspec) -> dict[str, Json]:
    """{"service", "tspec", "rspec"}."""
    return _written(value, FORMS[Flowspec])


def adspec(value: Adspec) -> dict[str, Json]:
    """{"general", "guaranteed", "controlled_load", "others"}."""
    return _written(value, FORMS[Adspec])


def _fields(kind: type[Any]) -> Form:
    return {**_same(*(field.name for field in fields(kind))), **_flag_names(kind)}


_known: dict[type[Any], Form | None] = dict(FORMS)


def form_of(kind: type[Any]) -> Form | None:
    """How values of a class are written: as `FORMS` says, else their fields; None for no dataclass."""
    if kind not in _known:
        _known[kind] = _fields(kind) if is_dataclass(kind) else None
    return _known[kind]


def kind_of(kind: type[Any]) -> str | None:
    """What sub-objects, which differ within one list, say in "kind": PrefixHop is "prefix-hop"."""
    if kind in FORMS or not is_dataclass(kind):
        return None
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def _written(value: object, form: Form) -> dict[str, Json]:
    found = {}
    for key, getter in form.items():
        content = getattr(value, getter) if isinstance(getter, str) else getter(value)
        if content is not None or not key.endswith("?"):
            found[key.rstrip("?")] = to_json(content)
    return found


def _member(value: object) -> Json:
    """One of a list."""
    kind = kind_of(type(value))
    return to_json(value) if kind is None else {"kind": kind, **to_json(value)}


def to_json(value: object) -> Json:
    """Turn any value of this package into what `json.dumps` accepts."""
    form = form_of(type(value))
    if form is not None:
        return _written(value, form)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, IPv4Address | IPv6Address):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_member(item) for item in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")


# --- and back: what applications may send over the control socket --------------------------------


def read_number(value: Json) -> float:
    """A JSON number, or "inf"."""
    return math.inf if value == "inf" else float(value)


def read_session(value: Json) -> o.Session:
    """A session from {"destination", "protocol", "port"}, or one of IPsec with "gpi" in place of "port"."""
    kind, port = (o.GpiSession, "gpi") if "gpi" in value else (o.Session, "port")
    return kind(ip_address(value["destination"]), int(value["protocol"]), int(value[port]))


def read_filter(value: Json) -> o.Filter:
    """A filter from {"address", "port"}, {"address", "flow_label"} or {"address", "gpi"}."""
    address = ip_address(value["address"])
    if "flow_label" in value:
        if not isinstance(address, IPv6Address):
            raise ValueError("a flow label goes with an IPv6 address")
        return o.FlowLabelFilterSpec(address, int(value["flow_label"]))
    if "gpi" in value:
        return o.GpiFilter(address, int(value["gpi"]))
    return o.FilterSpec(address, int(value["port"]))


def read_tspec(value: Json) -> Tspec:
    """A Tspec from {"r", "b", "p", "m", "M"}."""
    return Tspec(
        read_number(value["r"]),
        read_number(value["b"]),
        read_number(value["p"]),
        int(value["m"]),
        int(value["M"]),
    )


def read_flowspec(value: Json) -> Flowspec:
    """A flowspec from {"service", "tspec", "rspec"}."""
    services = {name: service for service, name in SERVICE_NAMES.items()}
    if value["service"] not in services:
        raise ValueError(f"no such service: {value['service']!r}; one of {', '.join(services)}")
    spec = value.get("rspec")
    return Flowspec(
        services[value["service"]],
        read_tspec(value["tspec"]),
        None if spec is None else Rspec(read_number(spec["R"]), int(spec["S"])),
    )


def read_style(value: Json) -> o.Style:
    """A style from "FF", "WF" or "SE"."""
    vectors = {name: vector for vector, name in STYLE_NAMES.items()}
    if value not in vectors:
        raise ValueError(f"no such style: {value!r}; one of {', '.join(vectors)}")
    return o.Style(vectors[value])
