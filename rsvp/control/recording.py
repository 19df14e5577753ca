"""What stands in a recording: a header, then everything that entered the engine, one JSON object a line.

The header is {"recording", "version", "seed", "config", "epoch", "at", "follows"}; each line after it
{"at", "input", ...}, where `at` is seconds on the engine's clock and `input` the name of one of
`rsvp.engine.inputs`, or "timeout". Objects are written as over the control socket, messages as the
bytes that came, in hexadecimal, behind their name and session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from ipaddress import ip_address
from typing import Any, Final, TypeAlias, cast, get_args

import msgspec

from .. import jsonform as j
from .._wire import decode, decode_object, encode, encode_object
from ..engine import inputs as i
from ..engine.interfaces import Config, Interface
from ..errors import WireError
from ..intserv import Tspec
from ..jsonform import Json
from ..messages import Message, Sender, base_filter
from ..objects import AnyObject, Hop, Session, Style
from .schema import (
    Object,
    checked,
    filters_to_json,
    flow_to_json,
    policy_to_json,
    read_adspec,
    read_filters,
    read_flow,
    read_line,
    read_policy,
)

FORMAT: Final = 1
"""The number of this format; a recording of another one is refused."""

TIMEOUT: Final = "timeout"

Write: TypeAlias = Callable[[Any], Json]
Read: TypeAlias = Callable[[Json], Any]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line.

    `epoch` is the time of day, in seconds since 1970, at which the engine's clock showed `at`; None
    where that clock is not a real one. `config` holds the fields of the engine's `Config`, and
    `seed` is what its random numbers were made from. `follows` tells that an earlier part of the
    recording was put away: what stood then comes first, as inputs that make it again.
    """

    recording: int
    version: str
    seed: int | str
    config: Mapping[str, Any]
    at: float
    epoch: float | None = None
    follows: bool = False


class Checkpoint(msgspec.Struct, frozen=True, tag_field="input", tag="checkpoint", kw_only=True):
    """What traffic control's handles were when an earlier part of the recording was put away.

    `handles` are [handle, session, interface, filters]; `last` is the last that had been given out.
    """

    at: float
    last: int
    handles: list[tuple[int, Object, int, list[Object]]]


Entry: TypeAlias = tuple[float, i.Input | Checkpoint | None]
"""When, and what entered the engine; None for its timers."""

_headers = msgspec.json.Decoder(Header)


# --- parts of inputs --------------------------------------------------------------------------------


def _session(value: Session) -> Json:
    return j.session(value) | ({"flags": value.flags} if value.flags else {})


def _read_session(value: Json) -> Session:
    return replace(j.read_session(value), flags=int(value.get("flags", 0)))


def _style(value: Style) -> Json:
    return [value.option_vector, value.flags]


def _sender(value: Sender) -> Json:
    return {
        "template": j.filter_spec(base_filter(value.template)),
        "tspec": None if value.tspec is None else j.tspec(value.tspec),
        "adspec": None if value.adspec is None else j.adspec(value.adspec),
    }


def _read_sender(value: Json) -> Sender:
    tspec, adspec = value["tspec"], value["adspec"]
    return Sender(
        j.read_filter(value["template"]),
        None if tspec is None else _read_tspec(tspec),
        None if adspec is None else read_adspec(adspec),
    )


def _read_tspec(value: Json) -> Tspec:
    return replace(j.read_tspec(value), null_M=value.get("null_M"))


def _interface(value: Interface) -> Json:
    told: Object = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    adds = [[service, encode_object(one.class_num, one).hex()] for service, one in value.adds]
    return told | {"adds": adds}


def _read_interface(value: Json) -> Interface:
    known = {field.name for field in fields(Interface)}
    told: dict[str, Any] = {name: one for name, one in value.items() if name in known}
    told |= {name: j.read_number(one) for name, one in told.items() if one == "inf"}
    addresses = tuple(ip_address(one) for one in value["addresses"])
    adds = tuple((int(service), _read_object(octets)) for service, octets in value.get("adds", ()))
    return Interface(**{**told, "name": str(value["name"]), "addresses": addresses, "adds": adds})


def _read_object(octets: str) -> AnyObject:
    return cast(AnyObject, decode_object(bytes.fromhex(octets)))


def _plain(value: Any) -> Json:
    """Numbers stay of their own kind: 30.0 does not become 30, as in `jsonform`."""
    return value if isinstance(value, float) and math.isfinite(value) else j.to_json(value)


def _tuple(value: Json) -> Any:
    return tuple(value) if isinstance(value, list) else value


_PARTS: Final[Mapping[str, tuple[Write, Read]]] = {
    "session": (_session, _read_session),
    "template": (j.filter_spec, j.read_filter),
    "filters": (filters_to_json, read_filters),
    "tspec": (j.tspec, _read_tspec),
    "adspec": (j.adspec, read_adspec),
    "style": (_style, lambda value: Style(*value)),
    "flow": (flow_to_json, read_flow),
    "flows": (lambda flows: [flow_to_json(one) for one in flows], lambda value: tuple(map(read_flow, value))),
    "sender": (_sender, _read_sender),
    "hop": (lambda hop: [str(hop.address), hop.lih], lambda value: Hop(ip_address(value[0]), value[1])),
    "policy": (policy_to_json, read_policy),
    **dict.fromkeys(("source", "destination"), (str, ip_address)),
}
"""What an input's field is written and read with; any other is a number, a truth value or a text."""

_OWN_PARTS: Final[Mapping[type[Any], Mapping[str, tuple[Write, Read]]]] = {
    i.InterfaceUp: {"interface": (_interface, _read_interface)},
    i.RouteResolved: {
        **{name: _PARTS[name] for name in ("source", "destination")},
        "flow": (asdict, lambda value: i.DataFlow(**value)),
    },
    i.Configure: {"config": (asdict, lambda value: read_config(value))},
}
"""Inputs whose fields of the same name are something else."""


def _parts(kind: type[Any]) -> Mapping[str, tuple[Write, Read]]:
    return _OWN_PARTS.get(kind, _PARTS)


# --- lines ----------------------------------------------------------------------------------------------

_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in get_args(i.Input)}


def input_to_json(event: i.Input) -> Object:
    """One input as {"input", ...}, without its time."""
    if isinstance(event, i.Received):
        return _received(event)
    kind = type(event)
    parts = _parts(kind)
    line: Object = {"input": kind.__name__}
    for field in fields(event):
        value = getattr(event, field.name)
        write = parts[field.name][0] if field.name in parts else _plain
        line[field.name] = None if value is None else write(value)
    return line


def _received(event: i.Received) -> Object:
    message = event.message
    about = getattr(message, "session", None)
    line: Object = {"input": "Received", "message": message.name}
    if about is not None:
        line["session"] = str(about)
    line |= {
        "interface": event.interface,
        "source": str(event.source),
        "destination": str(event.destination),
        "ttl": event.ttl,
        "data": encode(message).hex(),
    }
    return line


def read_input(value: Json) -> i.Input:
    """What `input_to_json` wrote. Raises ValueError with what is wrong."""
    try:
        return checked(_read_input, value)
    except WireError as error:
        raise ValueError(str(error)) from None


def _read_input(value: Json) -> i.Input:
    name = value["input"]
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"no such input: {name!r}")
    if kind is i.Received:
        message: Message = decode(bytes.fromhex(value["data"]))
        source, destination = ip_address(value["source"]), ip_address(value["destination"])
        return i.Received(message, int(value["interface"]), source, destination, value["ttl"])
    parts = _parts(kind)
    told = {}
    for field in fields(kind):
        if field.name in value:  # an earlier version may not have known it
            found, read = value[field.name], parts[field.name][1] if field.name in parts else _tuple
            told[field.name] = None if found is None else read(found)
    event: i.Input = kind(**told)
    return event


def entry_to_json(at: float, event: i.Input | None) -> Object:
    """One line after the header."""
    return {"at": at, "input": TIMEOUT} if event is None else {"at": at, **input_to_json(event)}


def read_entry(line: bytes) -> Entry:
    """A line after the header. Raises ValueError with what is wrong."""
    try:
        value = read_line(line)
        at = float(value["at"])
        if value["input"] == TIMEOUT:
            return at, None
        if value["input"] == "checkpoint":
            return at, msgspec.convert(value, Checkpoint)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no line of a recording ({error})") from None
    return at, read_input(value)


def config_to_json(config: Config) -> Object:
    """The engine's configuration."""
    return asdict(config)


def read_config(value: Mapping[str, Any]) -> Config:
    """The engine's configuration; what a later version has added is left out. Raises ValueError."""
    try:
        return msgspec.convert(value, Config)
    except msgspec.MsgspecError as error:
        raise ValueError(f"configuration: {error}") from None


def read_header(line: bytes) -> Header:
    """The first line. Raises ValueError where it is none."""
    try:
        header = _headers.decode(line)
        read_config(header.config)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"no recording ({error})") from None
    if header.recording != FORMAT:
        raise ValueError(f"a recording of format {header.recording}, where this version reads {FORMAT}")
    return header


def checkpoint_handle(value: tuple[int, Object, int, list[Object]]) -> tuple[int, tuple[Session, int, Any]]:
    """A handle of a checkpoint, and which installed flow it stood for."""
    handle, about, interface, filters = value
    return handle, (_read_session(about), interface, frozenset(read_filters(filters)))
