"""Whatever a peer sends, in whatever order: nothing raises, what goes out can be sent, and all of it passes.

The first law draws from a small world, so that messages meet each other's state; the second from the
codec's strategies, so that no field's value is out of bounds of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rsvp import engine as e
from rsvp._wire import decode, encode
from rsvp.engine.inputs import Input
from rsvp.errors import LocalError
from rsvp.intserv import DEFAULT_ADSPEC, controlled_load, guaranteed
from rsvp.messages import (
    Flow,
    Path,
    PathErr,
    PathTear,
    Resv,
    ResvConf,
    ResvErr,
    ResvTear,
    Sender,
)
from rsvp.objects import (
    FF,
    SE,
    WF,
    ErrorSpec,
    FilterSpec,
    FlowLabelFilterSpec,
    Hop,
    Opaque,
    ResvConfirm,
    Scope,
    Session,
    Style,
    TimeValues,
)

from .. import strategies
from .fabric import Router, a, of, router, tspec

ADDRESSES = [
    a(text)
    for text in (
        "10.1.0.1",
        "10.2.0.1",
        "10.3.0.1",
        "10.1.0.254",
        "10.2.0.254",
        "10.9.0.9",
        "224.1.1.1",
        "255.255.255.255",
        "0.0.0.0",
        "2001:db8::1",
        "fe80::1",
        "ff02::1",
    )
]
addresses = st.sampled_from(ADDRESSES)
real = st.sampled_from([one for one in ADDRESSES if int(one)])
ports = st.sampled_from([0, 1, 5000])
interfaces = st.sampled_from([0, 1, 2, 3, 9])
sessions = st.builds(Session, real, st.sampled_from([6, 17]), ports, st.sampled_from([0, 1]))
filters = st.one_of(
    st.builds(FilterSpec, real, ports),
    st.builds(FlowLabelFilterSpec, st.just(a("2001:db8::1")), st.sampled_from([0, 7])),
)
hops = st.builds(Hop, addresses, st.sampled_from([0, 1, 2, 3, 77]))
times = st.builds(TimeValues, st.sampled_from([0, 1, 1000, 30_000, 600_000]))
specs = st.sampled_from([tspec(), tspec(5000.0), tspec(M=9000), tspec(1e38), tspec(float("inf"))])
flowspecs = st.one_of(specs.map(controlled_load), specs.map(lambda spec: guaranteed(spec, 2000.0)))
styles = st.sampled_from([FF, SE, WF, Style(0x1B)])
extras = st.sampled_from([(), (Opaque(100, 1, b""),), (Opaque(170, 1, b""),), (Opaque(240, 1, b"abcd"),)])
senders = st.builds(Sender, filters, specs, st.sampled_from([None, DEFAULT_ADSPEC]))
scopes = st.one_of(
    st.none(),
    st.lists(st.sampled_from(ADDRESSES[:3]), min_size=1, unique=True).map(
        lambda found: Scope(tuple(sorted(found, key=int)))
    ),
)
errors = st.builds(ErrorSpec, addresses, st.integers(0, 25), st.integers(0, 3), st.integers(0, 3))
confirms = st.builds(ResvConfirm, addresses)
ttls = st.sampled_from([0, 1, 2, 63, 255])


@st.composite
def flow_lists(draw: Callable[[Any], Any], style: Style) -> tuple[Flow, ...]:
    if not style.explicit:
        return (Flow(draw(flowspecs)),)
    if style.shared:
        return (Flow(draw(flowspecs), tuple(draw(st.lists(filters, min_size=1, max_size=3)))),)
    return tuple(Flow(draw(flowspecs), (one,)) for one in draw(st.lists(filters, min_size=1, max_size=3)))


@st.composite
def small_messages(draw: Callable[[Any], Any]) -> Any:
    style = draw(styles)
    common = {"session": draw(sessions), "send_ttl": draw(ttls), "extra": draw(extras)}
    hop, sender, error = draw(hops), draw(senders), draw(errors)
    flows = draw(flow_lists(style))
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return Path(**common, hop=hop, time_values=draw(times), sender=sender)
    if kind == 1:
        return Resv(
            **common,
            hop=hop,
            time_values=draw(times),
            style=style,
            flows=flows,
            confirm=draw(st.one_of(st.none(), confirms)),
            scope=draw(scopes),
        )
    if kind == 2:
        return PathErr(**common, error=error, sender=draw(st.one_of(st.none(), st.just(sender))))
    if kind == 3:
        return ResvErr(**common, hop=hop, error=error, style=style, flow=flows[0], scope=draw(scopes))
    if kind == 4:
        return PathTear(**common, hop=hop, sender=sender)
    if kind == 5:
        return ResvTear(**common, hop=hop, style=style, flows=flows)
    return ResvConf(**common, error=error, confirm=draw(confirms), style=style, flows=flows)


def received(messages: st.SearchStrategy[Any]) -> st.SearchStrategy[Input]:
    to = st.one_of(st.just(a("10.1.0.254")), addresses)  # what is for others is only passed on
    return st.builds(e.Received, messages, interfaces, addresses, to, st.one_of(st.none(), ttls))


def interface(index: int, bandwidth: float, refresh: float) -> e.InterfaceUp:
    addresses = (a(f"10.{index}.0.254"),)
    return e.InterfaceUp(
        e.Interface(index, f"eth{index}", addresses, bandwidth=bandwidth, reservable=1.0, refresh=refresh)
    )


handles = st.sampled_from([1, 2])
verbs = st.one_of(
    st.builds(e.OpenSession, handles, sessions),
    st.builds(e.CloseSession, handles),
    st.builds(e.AddSender, handles, filters, specs, ttls, incoming=interfaces),
    st.builds(e.RemoveSender, handles, filters),
    styles.flatmap(
        lambda style: st.builds(
            e.Reserve,
            handles,
            st.just(style),
            flow_lists(style),
            st.booleans(),
            outgoing=interfaces,
        )
    ),
    st.builds(e.Release, handles, st.one_of(st.none(), st.tuples(filters))),
)
world = st.one_of(
    st.builds(
        e.RouteResolved,
        real,
        st.one_of(st.none(), real),
        st.lists(interfaces, max_size=2).map(tuple),
        st.one_of(st.none(), interfaces),
        st.booleans(),
    ),
    st.builds(e.InterfaceDown, interfaces),
    st.builds(e.FlowRejected, st.integers(1, 5), st.just(22), st.just(0), st.booleans()),
    st.builds(interface, st.sampled_from([1, 2, 3]), st.sampled_from([0.0, 900.0, 1e5]), st.floats(1, 90)),
    st.builds(e.RefuseSender, st.sampled_from([1, 2]), filters, st.integers(0, 40), st.just(0)),
    st.builds(
        e.Undecodable,
        interfaces,
        st.integers(0, 9),
        st.just("unknown C-Type"),
        st.just(14),
        st.just(0x0D09),
        st.one_of(st.none(), sessions),
        st.one_of(st.none(), hops),
        st.one_of(st.none(), senders),
        st.one_of(st.none(), styles),
    ),
)
happenings = st.one_of(
    received(small_messages()), received(small_messages()), verbs, world, st.floats(0, 200)
)


def node() -> Router:
    made = router(1, 2, 3)
    made.route("10.9.0.9", 2)
    made.route("224.1.1.1", 2, 3)
    made.route("10.1.0.254", local=True)
    made.route("2001:db8::1", 3)
    return made


def go_through(made: Router, events: list[Any]) -> None:
    """Let it all happen; every message that goes out is encoded and decoded."""
    for event in events:
        if isinstance(event, float):
            outputs = made.advance(event)
        elif isinstance(event, e.Received):
            outputs = made.feed(event)
        else:
            try:
                outputs = made.feed(event)
            except LocalError:
                continue
        for send in of(outputs, e.Send):
            assert decode(encode(send.message)) == send.message
            assert 0 < send.ttl < 256


@given(st.lists(happenings, max_size=40))
def test_any_history_is_survived_and_forgotten(events):
    made = node()
    go_through(made, events)
    for handle in list(made.engine._core.applications):
        made.feed(e.CloseSession(handle))
    made.advance(4000)
    core = made.engine._core
    assert made.flows == {}
    assert core.sessions == {}
    assert core.routes == {}
    assert core.alike == {}
    assert all(budget.reserved == 0.0 for budget in core.budgets.values())


@st.composite
def any_messages(draw: Callable[[Any], Any]) -> Any:
    return draw(draw(st.sampled_from(list(strategies.MESSAGES.values()))))


def test_the_longest_refresh_period_there_is():
    """2^32 - 1 milliseconds: 50 days, and state that lives for 261."""
    made = node()
    message = Path(
        session=Session(a("10.9.0.9"), 17, 5000),
        hop=Hop(a("10.1.0.1"), 1),
        time_values=TimeValues(2**32 - 1),
        sender=Sender(FilterSpec(a("10.1.0.1"), 4000), tspec()),
        send_ttl=63,
    )
    made.receive(message, 1)
    (view,) = made.engine.senders(0.0)
    assert view.expires_in == 3.5 * 1.5 * (2**32 - 1) / 1000


@given(st.lists(received(any_messages()), max_size=6))
def test_any_message_is_survived(events):
    go_through(node(), events)
