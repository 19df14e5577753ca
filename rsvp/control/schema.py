"""What goes over the control socket: requests, answers and events, one JSON object a line.

A request is {"verb", "id", ...}, its answer {"id", "result"} or {"id", "error": {"kind", "text"}}; an
event (the upcalls of RFC 2205 section 3.11.1) is {"handle", "event", "session", ...}, and
{"handle", "event": "closed"} the last one of a session. After a request to look on, log lines come as
{"log": {"time", "level", "topic", "text", ...}}. Objects are written as in `rsvp.jsonform`.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeAlias, TypeVar, assert_never

import msgspec

from .. import errors
from .._wire import decode_object, encode_object
from ..engine import outputs as o
from ..iana import DEFAULT_TTL, ClassNum
from ..intserv import (
    Adspec,
    ControlledLoadAdvert,
    Excess,
    Flowspec,
    General,
    GuaranteedAdvert,
    OtherAdvert,
    Overrides,
    Tspec,
)
from ..jsonform import (
    Json,
    adspec,
    filter_spec,
    flowspec,
    read_filter,
    read_flowspec,
    read_number,
    read_session,
    read_style,
    read_tspec,
    session,
    to_json,
    tspec,
)
from ..messages import Flow, Sender, base_filter, base_filters
from ..objects import ErrorSpec, Filter, IPAddress, PolicyData, Style

MAX_LINE = 1 << 20
"""The longest request that a daemon reads, bytes."""

CLOSED = "closed"

T = TypeVar("T")
Object: TypeAlias = dict[str, Any]


# --- requests -------------------------------------------------------------------------------------


class Request(msgspec.Struct, tag_field="verb", forbid_unknown_fields=True, kw_only=True):
    """One verb of `rsvp.api.Api`; `id` is the caller's own and comes back in the answer."""

    id: int


class OpenSession(Request, tag="open_session"):
    """Answered with the session's handle."""

    session: Object


class CloseSession(Request, tag="close_session"):
    """Ends a session and its events."""

    handle: int


class AddSender(Request, tag="add_sender"):
    """Answered with the sender's template; without `sender` the node picks the address."""

    handle: int
    tspec: Object
    sender: Object | None = None
    port: int = 0
    ttl: int = DEFAULT_TTL
    adspec: Object | None = None
    policy: list[Object] = []
    excess: Excess = Excess.BORROW
    incoming: str | None = None


class RemoveSender(Request, tag="remove_sender"):
    """Takes back what `AddSender` answered."""

    handle: int
    sender: Object


class Reserve(Request, tag="reserve"):
    """`flows` are {"flowspec", "filters"}."""

    handle: int
    style: str
    flows: list[Object]
    confirm: bool = False
    ttl: int | None = None
    policy: list[Object] = []
    joined: str | None = None
    outgoing: str | None = None


class Release(Request, tag="release"):
    """Without `filters`, all of the reservation."""

    handle: int
    filters: list[Object] | None = None


class Show(Request, tag="show"):
    """Answered with a list, as `rsvp show` has it."""

    what: str
    why: bool = False


class Admit(Request, tag="admit"):
    """Answered with a list, as `rsvp.api.Api.admit` returns it; no state is made."""

    session: Object
    style: str
    flows: list[Object]


class Clear(Request, tag="clear"):
    """Answered with numbers, as `rsvp.api.Api.clear` returns them; without `session`, of all sessions."""

    what: str
    session: Object | None = None


class Log(Request, tag="log"):
    """Answered with null, and from then on {"log": {...}} for each line of these topics.

    {"lost": n} says that n lines were left out there, because this end read too slowly.
    """

    topics: list[str]


AnyRequest: TypeAlias = (
    OpenSession | CloseSession | AddSender | RemoveSender | Reserve | Release | Show | Admit | Clear | Log
)

_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


def write_line(value: Any) -> bytes:
    """A request, an answer or an event as one line."""
    return msgspec.json.encode(value) + b"\n"


def read_line(line: bytes) -> Json:
    """An answer or an event. Raises ValueError for what is no JSON."""
    return msgspec.json.decode(line)


def read_request(line: bytes) -> AnyRequest:
    """Read a line from a client. Raises ValueError with what is wrong."""
    try:
        return _requests.decode(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def request_id(line: bytes) -> int | None:
    """The id of a request that is wrong otherwise, as far as it can be told."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    number = found.get("id") if isinstance(found, dict) else None
    return number if type(number) is int else None


def checked(read: Callable[[Json], T], value: Json) -> T:
    """Apply a reader of `rsvp.jsonform` to what came over the wire; only ValueError gets out."""
    try:
        return read(value)
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is missing") from None
    except (TypeError, AttributeError, OverflowError):
        raise ValueError("not the JSON form that is wanted here") from None


def filters_to_json(filters: tuple[Filter, ...]) -> list[Json]:
    """A list of {"address", "port"}."""
    return [filter_spec(f) for f in filters]


def read_filters(value: Json) -> tuple[Filter, ...]:
    """Filters from a list of {"address", "port"}."""
    return tuple(read_filter(f) for f in value)


def flow_to_json(flow: Flow) -> Object:
    """{"flowspec", "filters"}."""
    return {
        "flowspec": None if flow.flowspec is None else flowspec(flow.flowspec),
        "filters": filters_to_json(base_filters(flow.filters)),
    }


def read_flow(value: Json) -> Flow:
    """A flow from {"flowspec", "filters"}."""
    return Flow(_maybe(read_flowspec, value["flowspec"]), read_filters(value["filters"]))


def policy_to_json(policy: tuple[PolicyData, ...]) -> list[Json]:
    """POLICY_DATA as `rsvp decode` shows it, each with its octets: whatever it holds has to come back."""
    return [{"octets": encode_object(ClassNum.POLICY_DATA, one).hex(), **to_json(one)} for one in policy]


def read_policy(value: Json) -> tuple[PolicyData, ...]:
    """POLICY_DATA from its octets."""
    return tuple(_read_policy_data(bytes.fromhex(one["octets"])) for one in value)


def _read_policy_data(octets: bytes) -> PolicyData:
    try:
        found = decode_object(octets)
    except errors.WireError as error:
        raise ValueError(f"policy data with {error}") from None
    if not isinstance(found, PolicyData):
        raise ValueError("the octets of policy data are those of another object")
    return found


def read_adspec(value: Json) -> Adspec:
    """An ADSPEC from {"general", "guaranteed", "controlled_load", "others"}."""
    general = value["general"]
    return Adspec(
        General(
            int(general["is_hops"]),
            read_number(general["bandwidth"]),
            int(general["latency"]),
            int(general["mtu"]),
            bool(general["break"]),
        ),
        _maybe(_read_guaranteed, value["guaranteed"]),
        _maybe(_read_controlled_load, value["controlled_load"]),
        tuple(
            OtherAdvert(int(other["service"]), bool(other["broken"]), bytes.fromhex(other["data"]))
            for other in value["others"]
        ),
    )


def _read_guaranteed(value: Json) -> GuaranteedAdvert:
    c_tot, d_tot, c_sum, d_sum = (int(value[name]) for name in ("c_tot", "d_tot", "c_sum", "d_sum"))
    overrides = _maybe(_read_overrides, value["overrides"])
    return GuaranteedAdvert(c_tot, d_tot, c_sum, d_sum, bool(value["break"]), bool(value["empty"]), overrides)


def _read_controlled_load(value: Json) -> ControlledLoadAdvert:
    return ControlledLoadAdvert(bool(value["break"]), _maybe(_read_overrides, value["overrides"]))


def _read_overrides(value: Json) -> Overrides:
    return Overrides(
        _maybe(int, value["is_hops"]),
        _maybe(read_number, value["bandwidth"]),
        _maybe(int, value["latency"]),
        _maybe(int, value["mtu"]),
        tuple((int(n), int(flags), bytes.fromhex(data)) for n, flags, data in value["unknown"]),
    )


def _maybe(read: Callable[[Json], T], value: Json) -> T | None:
    return None if value is None else read(value)


# --- answers --------------------------------------------------------------------------------------

_KINDS: dict[str, type[errors.RsvpError]] = {
    kind.__name__: kind
    for kind in (
        errors.LocalError,
        errors.UnknownSession,
        errors.StyleConflict,
        errors.NoRoute,
        errors.Unavailable,
        errors.TrafficControlError,
        errors.ConfigError,
        errors.ControlError,
    )
}


def error_to_json(error: Exception) -> Object:
    """{"kind", "text"}, and "code" and "value" of an error that the network sent."""
    if isinstance(error, errors.Rejected):
        return {"kind": "Rejected", "text": str(error), "code": error.code, "value": error.value}
    if isinstance(error, errors.RsvpError):
        # A subclass that this table does not name goes over as the nearest one that it does.
        kind = next((c.__name__ for c in type(error).__mro__ if c.__name__ in _KINDS), "ControlError")
        return {"kind": kind, "text": str(error)}
    return {"kind": "LocalError" if isinstance(error, ValueError) else "ControlError", "text": str(error)}


def read_error(value: Json) -> errors.RsvpError:
    """The exception that the other end would have raised here."""
    if value["kind"] == "Rejected":
        return errors.Rejected(value["text"], value["code"], value["value"])
    return _KINDS.get(value["kind"], errors.ControlError)(value["text"])


# --- events ---------------------------------------------------------------------------------------


def upcall_to_json(upcall: o.Upcall) -> Object:
    """One event, as `rsvp send` and `rsvp reserve` print it: {"event", "session", ...}."""
    match upcall:
        case o.PathEvent(sender=sender, policy=policy):
            name, rest = "path", _sender_to_json(sender) | _policy(policy)
        case o.PathGone(template=template):
            name, rest = "path_gone", {"sender": filter_spec(template)}
        case o.ResvEvent(policy=policy):
            name, rest = "resv", _reservation_to_json(upcall) | _policy(policy)
        case o.ResvGone(style=style, filters=filters):
            name, rest = "resv_gone", {"style": style.name, "filters": filters_to_json(filters)}
        case o.PathError(sender=sender, policy=policy):
            name, rest = "path_error", _error(upcall) | _sender_to_json(sender) | _policy(policy)
        case o.ResvError(policy=policy):
            name, rest = "resv_error", _error(upcall) | _reservation_to_json(upcall) | _policy(policy)
        case o.ResvConfirmed(node=node):
            name, rest = "confirm", {"node": str(node), **_reservation_to_json(upcall)}
        case _:
            assert_never(upcall)
    return {"event": name, "session": session(upcall.session), **rest}


def _error(upcall: o.PathError | o.ResvError) -> Object:
    found: Object = to_json(ErrorSpec(upcall.node, upcall.code, upcall.value, upcall.flags))
    return found


def _policy(policy: tuple[PolicyData, ...]) -> Object:
    return {"policy": policy_to_json(policy)}


def _sender_to_json(sender: Sender | None) -> Object:
    if sender is None:
        return {"sender": None, "tspec": None, "adspec": None}
    return {
        "sender": filter_spec(base_filter(sender.template)),
        "tspec": _maybe(tspec, sender.tspec),
        "adspec": _maybe(adspec, sender.adspec),
    }


def _reservation_to_json(upcall: o.ResvEvent | o.ResvError | o.ResvConfirmed) -> Object:
    return {
        "style": upcall.style.name,
        "flowspec": _maybe(flowspec, upcall.flowspec),
        "filters": filters_to_json(upcall.filters),
    }


def read_upcall(value: Json, handle: int) -> o.Upcall:
    """The upcall that `upcall_to_json` wrote, for a session's handle."""
    name, about = value["event"], read_session(value["session"])
    match name:
        case "path":
            sender = Sender(read_filter(value["sender"]), *_read_offer(value))
            return o.PathEvent(handle, about, sender, read_policy(value["policy"]))
        case "path_gone":
            return o.PathGone(handle, about, read_filter(value["sender"]))
        case "resv":
            style, asked, filters = (
                read_style(value["style"]),
                read_flowspec(value["flowspec"]),
                value["filters"],
            )
            policy = read_policy(value["policy"])
            return o.ResvEvent(handle, about, style, asked, read_filters(filters), policy)
        case "resv_gone":
            return o.ResvGone(handle, about, read_style(value["style"]), read_filters(value["filters"]))
        case "path_error":
            template = _maybe(read_filter, value["sender"])
            about_sender = None if template is None else Sender(template, *_read_offer(value))
            node, code, number, flags = _read_error_spec(value)
            policy = read_policy(value["policy"])
            return o.PathError(handle, about, node, code, number, about_sender, policy, flags)
        case "resv_error":
            error, policy = _read_error_spec(value), read_policy(value["policy"])
            return o.ResvError(handle, about, *error, *_read_reservation(value), policy)
        case "confirm":
            return o.ResvConfirmed(handle, about, ip_address(value["node"]), *_read_reservation(value))
    raise ValueError(f"no such event: {name!r}")


def _read_error_spec(value: Json) -> tuple[IPAddress, int, int, int]:
    return ip_address(value["node"]), value["code"], value["value"], value["flags"]


def _read_offer(value: Json) -> tuple[Tspec | None, Adspec | None]:
    return _maybe(read_tspec, value["tspec"]), _maybe(read_adspec, value["adspec"])


def _read_reservation(value: Json) -> tuple[Style, Flowspec | None, tuple[Filter, ...]]:
    asked = _maybe(read_flowspec, value["flowspec"])
    return read_style(value["style"]), asked, read_filters(value["filters"])
