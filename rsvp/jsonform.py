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
from typing import Any, TypeAlias

from . import flagnames
from . import objects as o
from .gmpls import InterfaceErrorSpec
from .iana import SERVICE_NAMES, STYLE_NAMES, ErrorFlag, SessionFlag, error_text
from .intserv import Adspec, ControlledLoadAdvert, Flowspec, General, GuaranteedAdvert, Rspec, Tspec
from .sessions import GpiSession

Json: TypeAlias = Any


def number(value: float) -> float | int | str:
    """A number as JSON can hold it: "inf" where infinite, an integer where it is one."""
    if isinstance(value, int):
        return value
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if math.isnan(value):
        return "nan"
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def address_text(value: o.IPAddress) -> str:
    """An address as text; IPv4's own way to it takes four times as long."""
    if type(value) is not IPv4Address:
        return str(value)
    bits = int(value)
    return f"{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


def session(value: o.Session) -> dict[str, Json]:
    """{"destination", "protocol", "port"}; flags are the object's, not the session's."""
    return {"destination": address_text(value.destination), "protocol": value.protocol, "port": value.port}


def filter_spec(value: o.Filter) -> dict[str, Json]:
    """{"address", "port"}, or {"address", "flow_label"}."""
    if isinstance(value, o.FlowLabelFilterSpec):
        return {"address": address_text(value.address), "flow_label": value.flow_label}
    return {"address": address_text(value.address), "port": value.port}


def tspec(value: Tspec) -> dict[str, Json]:
    """{"r", "b", "p", "m", "M"}, and "null_M" where the null service is offered as well."""
    form = {
        "r": number(value.rate),
        "b": number(value.bucket),
        "p": number(value.peak),
        "m": value.m,
        "M": value.M,
    }
    if value.null_M is not None:
        form["null_M"] = value.null_M
    return form


def rspec(value: Rspec) -> dict[str, Json]:
    """{"R", "S"}."""
    return {"R": number(value.rate), "S": value.slack}


def flowspec(value: Flowspec) -> dict[str, Json]:
    """{"service", "tspec", "rspec"}."""
    return {
        "service": value.service_name,
        "tspec": tspec(value.tspec),
        "rspec": None if value.rspec is None else rspec(value.rspec),
    }


def _general(value: General) -> dict[str, Json]:
    return {
        "is_hops": value.is_hops,
        "bandwidth": number(value.bandwidth),
        "latency": value.latency,
        "mtu": value.mtu,
        "break": value.broken,
    }


def _guaranteed(value: GuaranteedAdvert) -> dict[str, Json]:
    return {
        "c_tot": value.c_tot,
        "d_tot": value.d_tot,
        "c_sum": value.c_sum,
        "d_sum": value.d_sum,
        "break": value.broken,
        "empty": value.empty,
        "overrides": to_json(value.overrides),
    }


def _controlled_load(value: ControlledLoadAdvert) -> dict[str, Json]:
    return {"break": value.broken, "overrides": to_json(value.overrides)}


def adspec(value: Adspec) -> dict[str, Json]:
    """{"general", "guaranteed", "controlled_load", "others"}."""
    return {
        "general": _general(value.general),
        "guaranteed": to_json(value.guaranteed),
        "controlled_load": to_json(value.controlled_load),
        "others": [to_json(other) for other in value.others],
    }


def flag_names(value: Any) -> dict[str, Json]:
    """Beside each field that holds flags what they are called: "flags" has "flag_names"."""
    found = flagnames.writers(type(value)).items()
    return {f"{name.removesuffix('s')}_names": write(getattr(value, name)) for name, write in found}


def _session_object(value: o.Session) -> dict[str, Json]:
    return {**session(value), "flags": value.flags, "e_police": bool(value.flags & SessionFlag.E_POLICE)}


def _error_spec(value: o.ErrorSpec) -> dict[str, Json]:
    return {
        "node": str(value.node),
        "code": value.code,
        "value": value.value,
        "flags": value.flags,
        "in_place": bool(value.flags & ErrorFlag.IN_PLACE),
        "not_guilty": bool(value.flags & ErrorFlag.NOT_GUILTY),
        "text": error_text(value.code, value.value),
        **flag_names(value),
    }


def _interface_error(value: InterfaceErrorSpec) -> dict[str, Json]:
    return {
        "node": address_text(value.node),
        "code": value.code,
        "value": value.value,
        "flags": value.flags,
        "text": error_text(value.code, value.value),
        "interfaces": to_json(value.interfaces),
        **flag_names(value),
    }


def _gpi_session(value: GpiSession) -> dict[str, Json]:
    """As `session`, but the port of an encrypted flow is virtual and goes by the name of `gpi`."""
    return {
        "destination": address_text(value.destination),
        "protocol": value.protocol,
        "gpi": value.virtual_port,
        "flags": value.flags,
        "e_police": bool(value.flags & SessionFlag.E_POLICE),
    }


def _style(value: o.Style) -> dict[str, Json]:
    return {"style": value.name, "option_vector": value.option_vector, "flags": value.flags}


def _integrity(value: o.Integrity) -> dict[str, Json]:
    return {
        "flags": value.flags,
        "key_id": f"{value.key_id:012x}",
        "sequence": value.sequence,
        "digest": value.digest.hex(),
        **flag_names(value),
    }


def _opaque(value: o.Opaque) -> dict[str, Json]:
    return {"class": value.class_num, "ctype": value.ctype, "data": value.data.hex()}


FORMS: Mapping[type[Any], Callable[[Any], Json]] = {
    o.Session: _session_object,
    o.ErrorSpec: _error_spec,
    o.Style: _style,
    o.Challenge: lambda value: {"key_id": f"{value.key_id:012x}", "cookie": f"{value.cookie:016x}"},
    GpiSession: _gpi_session,
    InterfaceErrorSpec: _interface_error,
    o.Nested: lambda value: {"class": value.class_num, "value": to_json(value.value)},
    o.Integrity: _integrity,
    o.Opaque: _opaque,
    o.FilterSpec: filter_spec,
    o.FlowLabelFilterSpec: filter_spec,
    Tspec: tspec,
    Rspec: rspec,
    Flowspec: flowspec,
    Adspec: adspec,
    General: _general,
    GuaranteedAdvert: _guaranteed,
    ControlledLoadAdvert: _controlled_load,
}
"""Classes whose JSON form is not just their fields."""


def _member(value: Any) -> Json:
    """One of a list; a sub-object says of which kind it is, as those of one list differ."""
    form = to_json(value)
    kind = type(value)
    if isinstance(form, dict) and kind not in FORMS and is_dataclass(kind):
        return {"kind": _kind(kind), **form}
    return form


@lru_cache(1024)
def _kind(kind: type[Any]) -> str:
    """PrefixHop is "prefix-hop"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


@lru_cache(1024)
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def to_json(value: Any) -> Json:
    """Turn any value of this package into what `json.dumps` accepts."""
    special = FORMS.get(type(value))
    if special is not None:
        return special(value)
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) is int:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, IPv4Address | IPv6Address):
        return address_text(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_member(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        form = {name: to_json(getattr(value, name)) for name in _names(type(value))}
        form.update(flag_names(value))
        return form
    raise TypeError(f"no JSON form for {type(value).__name__}")


# --- and back: what applications may send over the control socket --------------------------------


def read_number(value: Json) -> float:
    """A JSON number, or "inf"."""
    return math.inf if value == "inf" else float(value)


def read_session(value: Json) -> o.Session:
    """A session from {"destination", "protocol", "port"}."""
    return o.Session(ip_address(value["destination"]), int(value["protocol"]), int(value["port"]))


def read_filter(value: Json) -> o.Filter:
    """A filter from {"address", "port"} or {"address", "flow_label"}."""
    address = ip_address(value["address"])
    if "flow_label" in value:
        if not isinstance(address, IPv6Address):
            raise ValueError("a flow label goes with an IPv6 address")
        return o.FlowLabelFilterSpec(address, int(value["flow_label"]))
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
