"""Hypothesis strategies: one for each registered object and each message (RFC 2205 sections 3.1, A).

Everything drawn is in the form that `decode` gives back, so `decode(encode(x)) == x` must hold.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp.iana import BASE_CLASSES, ClassNum, CType, MessageType, Service

from . import strategies_intserv as e
from . import strategies_te as t

V4, V6 = 4, 6

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u64 = st.integers(0, 0xFFFFFFFFFFFFFFFF)
singles = st.floats(min_value=0.0, width=32, allow_nan=False)
words = st.binary(max_size=32).map(lambda data: data[: len(data) & ~3])

ADDRESSES: dict[int, SearchStrategy[Any]] = {
    V4: st.integers(1, 2**32 - 1).map(IPv4Address),
    V6: st.integers(1, 2**128 - 1).map(IPv6Address),
}
ANY_ADDRESSES: dict[int, SearchStrategy[Any]] = {
    V4: st.integers(0, 2**32 - 1).map(IPv4Address),
    V6: st.integers(0, 2**128 - 1).map(IPv6Address),
}


def sessions(version: int) -> SearchStrategy[o.Session]:
    return st.builds(o.Session, ADDRESSES[version], st.integers(1, 255), u16, u8)


def hops(version: int) -> SearchStrategy[o.Hop]:
    return st.builds(o.Hop, ANY_ADDRESSES[version], u32)


def error_specs(version: int) -> SearchStrategy[o.ErrorSpec]:
    return st.builds(o.ErrorSpec, ANY_ADDRESSES[version], u8, u16, u8)


def scopes(version: int) -> SearchStrategy[o.Scope]:
    addresses = st.lists(ANY_ADDRESSES[version], min_size=1, max_size=5)
    return addresses.map(lambda found: o.Scope(tuple(sorted(found, key=int))))


def confirms(version: int) -> SearchStrategy[o.ResvConfirm]:
    return st.builds(o.ResvConfirm, ANY_ADDRESSES[version])


def plain_filters(version: int) -> SearchStrategy[o.FilterSpec]:
    return st.builds(o.FilterSpec, ADDRESSES[version], u16)


labelled_filters = st.builds(o.FlowLabelFilterSpec, ADDRESSES[V6], st.integers(0, 0xFFFFFF))


def filters(version: int) -> SearchStrategy[o.Filter]:
    return plain_filters(V4) if version == V4 else plain_filters(V6) | labelled_filters


integrities = st.builds(
    o.Integrity,
    st.integers(0, 2**48 - 1),
    u64,
    st.sampled_from((4, 16, 20, 32)).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    u8,
)
time_values = st.builds(o.TimeValues, u32)
policies = e.policies | e.unread_policies
any_styles = st.builds(o.Style, st.integers(0, 0xFFFFFF), u8)

buckets = st.builds(i.Tspec, singles, singles, singles, u32, u32)
null_tspecs = st.builds(i.NullTspec, M=u32)
tspecs = st.builds(i.Tspec, singles, singles, singles, u32, u32, st.none() | u32) | null_tspecs
rspecs = st.builds(i.Rspec, singles, u32)
flowspecs = (
    st.builds(i.Flowspec, st.just(Service.CONTROLLED_LOAD), buckets)
    | st.builds(i.Flowspec, st.just(Service.GUARANTEED), buckets, rspecs)
    | st.builds(i.Flowspec, st.just(Service.NULL), null_tspecs)
)

KNOWN_PARAMETERS = {4, 6, 8, 10}
TERMS = {133, 134, 135, 136}


def overrides(known: set[int]) -> SearchStrategy[i.Overrides | None]:
    unknown = st.tuples(u8.filter(lambda number: number not in known), u8, words)
    drawn = st.builds(
        i.Overrides,
        st.none() | u32,
        st.none() | singles,
        st.none() | u32,
        st.none() | u32,
        st.lists(unknown, max_size=2).map(tuple),
    )
    return st.none() | drawn.filter(lambda value: value != i.Overrides())


generals = st.builds(i.General, u32, singles, u32, u32, st.booleans())
guaranteed_adverts = st.builds(
    i.GuaranteedAdvert,
    u32,
    u32,
    u32,
    u32,
    st.booleans(),
    st.just(False),
    overrides(KNOWN_PARAMETERS | TERMS),
) | st.builds(i.GuaranteedAdvert, broken=st.booleans(), empty=st.just(True))
controlled_load_adverts = st.builds(i.ControlledLoadAdvert, st.booleans(), overrides(KNOWN_PARAMETERS))
other_adverts = st.builds(
    i.OtherAdvert, u8.filter(lambda service: service not in (1, 2, 5)), st.booleans(), words
)
adspecs = st.builds(
    i.Adspec,
    generals,
    st.none() | guaranteed_adverts,
    st.none() | controlled_load_adverts,
    st.lists(other_adverts, max_size=2).map(tuple),
)

KNOWN_CLASSES = {int(number) for number in ClassNum}
opaques = st.builds(o.Opaque, u8.filter(lambda number: number not in KNOWN_CLASSES), u8, words)

OBJECTS: dict[tuple[int, int], SearchStrategy[Any]] = {
    (ClassNum.SESSION, CType.IPV4): sessions(V4),
    (ClassNum.SESSION, CType.IPV6): sessions(V6),
    (ClassNum.RSVP_HOP, CType.IPV4): hops(V4),
    (ClassNum.RSVP_HOP, CType.IPV6): hops(V6),
    (ClassNum.INTEGRITY, CType.INTEGRITY): integrities,
    (ClassNum.TIME_VALUES, CType.TIME_VALUES): time_values,
    (ClassNum.ERROR_SPEC, CType.IPV4): error_specs(V4),
    (ClassNum.ERROR_SPEC, CType.IPV6): error_specs(V6),
    (ClassNum.SCOPE, CType.IPV4): scopes(V4),
    (ClassNum.SCOPE, CType.IPV6): scopes(V6),
    (ClassNum.STYLE, CType.STYLE): any_styles,
    (ClassNum.FLOWSPEC, CType.INTSERV): flowspecs,
    (ClassNum.FILTER_SPEC, CType.IPV4): plain_filters(V4),
    (ClassNum.FILTER_SPEC, CType.IPV6): plain_filters(V6),
    (ClassNum.FILTER_SPEC, CType.IPV6_FLOW_LABEL): labelled_filters,
    (ClassNum.SENDER_TEMPLATE, CType.IPV4): plain_filters(V4),
    (ClassNum.SENDER_TEMPLATE, CType.IPV6): plain_filters(V6),
    (ClassNum.SENDER_TEMPLATE, CType.IPV6_FLOW_LABEL): labelled_filters,
    (ClassNum.SENDER_TSPEC, CType.INTSERV): tspecs,
    (ClassNum.ADSPEC, CType.INTSERV): adspecs,
    (ClassNum.POLICY_DATA, CType.POLICY_DATA): policies,
    (ClassNum.RESV_CONFIRM, CType.IPV4): confirms(V4),
    (ClassNum.RESV_CONFIRM, CType.IPV6): confirms(V6),
    **e.OBJECTS,
    **t.OBJECTS,
}
"""(class number, C-Type) -> what such an object may hold."""


# --- messages ---------------------------------------------------------------------------------------


# Composites, because what they choose from is too long to be shown when a test fails.


@st.composite
def any_sessions(draw: st.DrawFn, version: int) -> Any:
    """Sessions of every C-Type, the plain ones most often."""
    keys = [key for key in OBJECTS if key[0] == ClassNum.SESSION]
    return draw(OBJECTS[draw(st.sampled_from(keys))] if draw(st.booleans()) else sessions(version))


@st.composite
def any_filters(draw: st.DrawFn, version: int) -> Any:
    """Filters of every C-Type, the plain ones most often."""
    keys = [key for key in OBJECTS if key[0] == ClassNum.FILTER_SPEC]
    return draw(OBJECTS[draw(st.sampled_from(keys))] if draw(st.booleans()) else filters(version))


ATTACHED = (ClassNum.LABEL, ClassNum.RECORD_ROUTE, ClassNum.S2L_SUB_LSP, ClassNum.LSP_ATTRIBUTES)


@st.composite
def with_attached(draw: st.DrawFn, flow: m.Flow) -> m.Flow:
    """The flow, with objects of the extensions behind its filters or without."""
    keys = [key for key in t.OBJECTS if key[0] in ATTACHED]
    chosen = draw(st.lists(st.lists(st.sampled_from(keys), max_size=2), max_size=len(flow.filters)))
    chosen += [[]] * (len(flow.filters) - len(chosen))
    groups = tuple(tuple(draw(t.OBJECTS[key]) for key in group) for group in chosen)
    return replace(flow, attached=groups if any(groups) else ())


def _common(version: int) -> dict[str, SearchStrategy[Any]]:
    return {
        "session": any_sessions(version),
        "send_ttl": u8,
        "flags": st.integers(0, 15),
        "integrity": st.none() | integrities,
        "extra": extras(),
    }


@st.composite
def extras(draw: st.DrawFn, *but: int) -> tuple[Any, ...]:
    """Objects without a field of their own, none of the classes `but`, in the order of the wire."""
    keys = [key for key in OBJECTS if key[0] not in BASE_CLASSES and key[0] not in but]
    chosen = draw(st.lists(st.none() | st.sampled_from(keys), max_size=3))
    return in_wire_order([draw(opaques if key is None else OBJECTS[key]) for key in chosen])


def in_wire_order(found: list[Any]) -> tuple[Any, ...]:
    def place(one: Any) -> int:
        return 0 if one.class_num in m.FRONT else 1 if one.class_num in m.EARLY else 2

    return tuple(sorted(found, key=place))


def _policy() -> SearchStrategy[tuple[o.PolicyData, ...]]:
    return st.lists(policies, max_size=2).map(tuple)


def senders(version: int, tspec: SearchStrategy[Any] = tspecs) -> SearchStrategy[m.Sender]:
    return st.builds(m.Sender, any_filters(version), tspec, st.none() | adspecs)


def _flow_lists(
    style: o.Style, version: int, least: int, most: int, flowspec: SearchStrategy[Any]
) -> SearchStrategy[tuple[m.Flow, ...]]:
    one = st.lists(any_filters(version), min_size=1, max_size=4).map(tuple)
    if style == o.FF:
        flow = st.builds(m.Flow, flowspec, st.tuples(any_filters(version))).flatmap(with_attached)
        return st.lists(flow, min_size=least, max_size=most).map(tuple)
    if style == o.SE:
        return st.lists(
            st.builds(m.Flow, flowspec, one).flatmap(with_attached), min_size=least, max_size=1
        ).map(tuple)
    return st.lists(st.builds(m.Flow, flowspec), min_size=least, max_size=1).map(tuple)


@st.composite
def _with_style(
    draw: st.DrawFn,
    cls: type[Any],
    version: int,
    fields: dict[str, SearchStrategy[Any]],
    flowspec: SearchStrategy[Any] = flowspecs,
) -> Any:
    style = draw(st.sampled_from((o.FF, o.SE, o.WF)))
    values: dict[str, Any] = {name: draw(strategy) for name, strategy in fields.items()}
    if cls is m.ResvErr:
        flows = draw(_flow_lists(style, version, 0, 1, flowspec))
        values["flow"] = flows[0] if flows else None
    else:
        values["flows"] = draw(_flow_lists(style, version, 1, 4, flowspec))
    return cls(style=style, **values)


def messages_of(cls: type[Any], version: int) -> SearchStrategy[Any]:
    """Messages of one class about sessions of one IP version."""
    if cls in (m.DREQ, m.DREP):
        return _diagnostics(cls, version)
    if not hasattr(cls, "session"):
        return _sessionless(cls, version)
    common = _common(version)
    hop = hops(version) | t.interface_hops(version)
    error = error_specs(version) | t.interface_errors(version)
    if cls in (m.Path, m.RecoveryPath):
        return st.builds(
            cls, **common, hop=hop, time_values=time_values, sender=senders(version), policy=_policy()
        )
    if cls is m.PathTear:
        return st.builds(cls, **common, hop=hop, sender=senders(version, st.none() | tspecs))
    if cls is m.PathErr:
        return st.builds(cls, **common, error=error, sender=st.none() | senders(version), policy=_policy())
    scope = st.none() | scopes(version)
    if cls is m.Resv:
        resv = {"hop": hop, "time_values": time_values, "scope": scope, "policy": _policy()}
        return _with_style(cls, version, common | resv | {"confirm": st.none() | confirms(version)})
    if cls is m.ResvErr:
        fields = {"hop": hop, "error": error, "scope": scope, "policy": _policy()}
        return _with_style(cls, version, common | fields)
    if cls is m.ResvTear:
        return _with_style(cls, version, common | {"hop": hop, "scope": scope}, st.none() | flowspecs)
    if cls is m.ResvTearConfirm:
        parts = {"hop": hop, "error": error, "confirm": confirms(version), "scope": scopes(version)}
        optional = {name: st.none() | strategy for name, strategy in parts.items()}
        return _with_style(cls, version, common | optional, st.none() | flowspecs)
    return _with_style(cls, version, common | {"error": error, "confirm": confirms(version)})


def _diagnostics(cls: type[Any], version: int) -> SearchStrategy[Any]:
    own = {
        "diagnostic": e.diagnostics(version),
        "select": st.none() | e.selects,
        "route": st.none() | e.routes(version),
        "responses": st.lists(e.responses(version), max_size=2).map(tuple),
    }
    classes = (ClassNum.DIAGNOSTIC, ClassNum.DIAG_SELECT, ClassNum.ROUTE, ClassNum.DIAG_RESPONSE)
    return st.builds(cls, **_common(version) | {"extra": extras(*classes)}, hop=hops(version), **own)


def notified(version: int) -> SearchStrategy[m.Notified]:
    listed = st.lists(any_filters(version), min_size=1, max_size=3).map(tuple)
    flow = st.builds(m.Flow, flowspecs, listed).flatmap(with_attached)
    return st.builds(
        m.Notified,
        session=any_sessions(version),
        extra=st.lists(opaques | t.OBJECTS[ClassNum.ADMIN_STATUS, CType.GENERIC], max_size=2).map(tuple),
        policy=_policy(),
        sender=st.none() | senders(version, st.none() | tspecs),
        flows=st.lists(flow, max_size=2).map(tuple),
    )


def _sessionless(cls: type[Any], version: int) -> SearchStrategy[Any]:
    header = {"send_ttl": u8, "flags": st.integers(0, 15)}
    if cls is m.Bundle:
        inner = st.deferred(lambda: st.one_of(*(MESSAGES[n] for n in MESSAGES if n != MessageType.BUNDLE)))
        return st.builds(cls, messages=st.lists(inner, min_size=1, max_size=3).map(tuple), **header)
    signed = {"integrity": st.none() | integrities}
    if cls is m.Ack:
        acks = st.lists(e.acks | e.nacks, min_size=1, max_size=3).map(tuple)
        return st.builds(cls, acks=acks, extra=extras(ClassNum.MESSAGE_ID_ACK), **header, **signed)
    if cls is m.Srefresh:
        some = st.one_of(e.id_lists, e.source_lists(version), e.multicast_lists(version))
        lists = st.lists(some, min_size=1, max_size=3).map(tuple)
        return st.builds(cls, lists=lists, extra=extras(ClassNum.MESSAGE_ID_LIST), **header, **signed)
    if cls is m.Hello:
        return st.builds(cls, hello=t.hellos, extra=extras(ClassNum.HELLO), **header, **signed)
    if cls is m.Notify:
        some = st.lists(notified(version), min_size=1, max_size=3).map(tuple)
        error = error_specs(version) | t.interface_errors(version)
        return st.builds(cls, error=error, sessions=some, extra=extras(), **header, **signed)
    if cls is m.IntegrityResponse:
        signed = {"integrity": integrities}
    return st.builds(cls, challenge=e.challenges, extra=extras(ClassNum.CHALLENGE), **header, **signed)


MESSAGES: dict[int, SearchStrategy[Any]] = {
    number: messages_of(cls, V4) | messages_of(cls, V6) for number, cls in m.MESSAGES.items()
}
"""Message type -> messages of that type."""


@st.composite
def _messages(draw: st.DrawFn) -> Any:
    # In two steps, as a strategy that names all messages would have an overlong repr.
    return draw(MESSAGES[draw(st.sampled_from(sorted(MESSAGES)))])


messages = _messages()
"""Messages of every type."""

core_messages = st.one_of(
    *(MESSAGES[number] for number in range(MessageType.PATH, MessageType.RESV_CONF + 1))
)
"""Messages of RFC 2205 itself."""


def object_bytes(class_num: int, value: Any) -> bytes:
    """One object on the wire: encode a message that may hold it, and cut it out."""
    from rsvp import _wire

    session = o.Session(IPv4Address("10.1.0.2"), 17, 5000)
    hop = o.Hop(IPv4Address("10.0.0.1"))
    error = o.ErrorSpec(IPv4Address("10.0.0.1"), 0, 0)
    sender = m.Sender(o.FilterSpec(IPv4Address("10.1.0.1")))
    flow = m.Flow(i.Flowspec(Service.CONTROLLED_LOAD, i.Tspec(1, 1)), (sender.template,))
    resv: dict[str, Any] = {
        "session": session,
        "hop": hop,
        "time_values": o.TimeValues(30000),
        "style": o.FF,
        "flows": (flow,),
    }
    holder: Any = {
        ClassNum.SESSION: lambda: m.PathErr(session=value, error=error),
        ClassNum.RSVP_HOP: lambda: m.Resv(**resv | {"hop": value}),
        ClassNum.INTEGRITY: lambda: m.Resv(**resv, integrity=value),
        ClassNum.TIME_VALUES: lambda: m.Resv(**resv | {"time_values": value}),
        ClassNum.ERROR_SPEC: lambda: m.PathErr(session=session, error=value),
        ClassNum.SCOPE: lambda: m.Resv(**resv, scope=value),
        ClassNum.STYLE: lambda: m.ResvErr(session=session, hop=hop, error=error, style=value),
        ClassNum.FLOWSPEC: lambda: m.Resv(**resv | {"flows": (m.Flow(value, flow.filters),)}),
        ClassNum.FILTER_SPEC: lambda: m.Resv(**resv | {"flows": (m.Flow(flow.flowspec, (value,)),)}),
        ClassNum.SENDER_TEMPLATE: lambda: m.PathTear(session=session, hop=hop, sender=m.Sender(value)),
        ClassNum.SENDER_TSPEC: lambda: m.PathTear(
            session=session, hop=hop, sender=m.Sender(sender.template, value)
        ),
        ClassNum.ADSPEC: lambda: m.PathTear(
            session=session, hop=hop, sender=m.Sender(sender.template, None, value)
        ),
        ClassNum.POLICY_DATA: lambda: m.Resv(**resv, policy=(value,)),
        ClassNum.RESV_CONFIRM: lambda: m.Resv(**resv, confirm=value),
    }.get(ClassNum(class_num), lambda: m.Resv(**resv, extra=(value,)))()
    data = _wire.encode(holder)
    (found,) = [one for one in _wire.dissect(data).objects if one.class_num == class_num]
    assert found.value == value
    return data[found.offset : found.offset + found.length]
