"""Any interleaving of the same messages ends in the same state (RFC 2205 section 2.3).

Five neighbours each tell what they have to tell in an order of their own; how their messages mix on the
way in is drawn. After every neighbour has refreshed once what it stands for, the router shows the same
as if they had spoken one after the other.

Links have room for all: whom admission control refuses does depend on who came first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Message, Path, Resv, ResvTear
from rsvp.objects import FF, SE, WF, FilterSpec, Style

from .fabric import Router, path, path_tear, resv, resv_tear, router, sender, sends, session, traffic

GROUP = session("224.1.1.1")
A, B, C = sender(port=1), sender(port=2), sender("10.4.0.2", 3)
SPECS = [
    controlled_load(Tspec(500.0, 2000.0)),
    controlled_load(Tspec(3000.0, 1000.0, m=100, M=576)),
    controlled_load(Tspec(1000.0, 9000.0, 20_000.0)),
]


@dataclass
class Upstream:
    """A previous hop and what it says of its senders: a rate, or None for a tear."""

    interface: int
    says: list[tuple[FilterSpec, float | None]]
    stands: dict[FilterSpec, float] = field(default_factory=dict)

    def messages(self) -> list[tuple[int, Message]]:
        return [(self.interface, self._message(who, rate)) for who, rate in self.says]

    def refresh(self) -> list[tuple[int, Message]]:
        return [(self.interface, self._message(who, rate)) for who, rate in self.stands.items()]

    def _message(self, who: FilterSpec, rate: float | None) -> Message:
        hop = f"10.{self.interface}.0.1"
        if rate is None:
            self.stands.pop(who, None)
            return path_tear(who, to=GROUP, hop=hop)
        self.stands[who] = rate
        return path(who, to=GROUP, hop=hop, spec=Tspec(rate, 3000.0))


@dataclass
class Downstream:
    """A next hop and what it says: senders and the number of a flowspec, or None to give them back."""

    style: Style
    interface: int
    host: int
    says: list[tuple[tuple[FilterSpec, ...], int | None]]
    stands: dict[FilterSpec | None, int] = field(default_factory=dict)

    def messages(self) -> list[tuple[int, Message]]:
        said = [self._message(who if self.style.explicit else (), spec) for who, spec in self.says]
        return [(self.interface, message) for message in said]

    def refresh(self) -> list[tuple[int, Message]]:
        return [(self.interface, self._resv())] if self.stands else []

    def _message(self, who: tuple[FilterSpec, ...], spec: int | None) -> Message:
        for one in who or (None,):
            if spec is None:
                self.stands.pop(one, None)
            else:
                self.stands[one] = spec
        if self.style.shared and spec is not None:
            self.stands = dict.fromkeys(self.stands, spec)
        if spec is None:
            parts = [who] if self.style.shared else [(one,) for one in who]
            hop = f"10.{self.interface}.0.{self.host}"
            return resv_tear(self.style, *parts, to=GROUP, hop=hop, lih=self.interface)
        return self._resv()

    def _resv(self) -> Message:
        flows: list[Any] = [(SPECS[spec], (one,)) for one, spec in self.stands.items()]
        if self.style.shared:
            flows = [(SPECS[next(iter(self.stands.values()))], tuple(one for one in self.stands if one))]
        hop = f"10.{self.interface}.0.{self.host}"
        return resv(self.style, *flows, to=GROUP, hop=hop, lih=self.interface)


def upstream(interface: int, *who: FilterSpec) -> st.SearchStrategy[Upstream]:
    says = st.tuples(st.sampled_from(who), st.sampled_from([800.0, 2000.0, None]))
    return st.builds(Upstream, st.just(interface), st.lists(says, min_size=1, max_size=4))


def downstream(style: Style, interface: int, host: int) -> st.SearchStrategy[Downstream]:
    who = st.lists(st.sampled_from([A, B, C]), min_size=1, unique=True).map(tuple)
    says = st.tuples(who, st.sampled_from([0, 1, 2, None]))
    return st.builds(
        Downstream, st.just(style), st.just(interface), st.just(host), st.lists(says, min_size=1, max_size=4)
    )


neighbours = st.sampled_from([FF, SE, WF]).flatmap(
    lambda style: st.tuples(
        upstream(1, A, B),
        upstream(4, C),
        downstream(style, 2, 1),
        downstream(style, 2, 2),
        downstream(style, 3, 1),
    )
)


def node() -> Router:
    router_ = router(1, 2, 3, 4, bandwidth=1e9)
    router_.route("224.1.1.1", 2, 3)
    return router_


def shown(node: Router) -> list[set[Any]]:
    """All that operators see, but how long it will live, its order and its handles."""
    engine = node.engine
    return [
        {replace(view, expires_in=None) for view in engine.senders(node.now)},
        {
            replace(view, expires_in=None, filters=frozenset(view.filters))
            for view in engine.reservations(node.now)
        },
        {replace(view, filters=frozenset(view.filters)) for view in engine.requests()},
        {replace(view, handle=0) for view in engine.installed()},
        {(flow.interface, flow.flowspec, flow.tspec, flow.police) for flow in node.flows.values()},
    ]


@given(neighbours, st.data())
def test_any_interleaving_ends_in_the_same_state(neighbours, data):
    queues = [one.messages() for one in neighbours]
    turns = data.draw(st.permutations([n for n, queue in enumerate(queues) for _ in queue]))
    apart, mixed = node(), node()
    for queue in queues:
        for interface, message in queue:
            apart.receive(message, interface)
    waiting = [iter(queue) for queue in queues]
    for turn in turns:
        interface, message = next(waiting[turn])
        mixed.receive(message, interface)
    for one in neighbours:
        for interface, message in one.refresh():
            apart.receive(message, interface)
            mixed.receive(message, interface)
    assert shown(mixed) == shown(apart)


@given(neighbours, st.data())
def test_refreshes_in_any_order_change_nothing(neighbours, data):
    """State is what was said last; to say it again says nothing, and nothing is sent on (section 3.7)."""
    node_ = node()
    said = [pair for one in neighbours for pair in one.messages()]
    again = [pair for one in neighbours for pair in one.refresh()]
    for interface, message in said + again:
        node_.receive(message, interface)
    before = shown(node_)
    for turn in data.draw(st.permutations(range(len(again)))):
        interface, message = again[turn]
        outputs = node_.receive(message, interface)
        assert not sends(outputs, Path)
        assert not sends(outputs, Resv)
        assert not sends(outputs, ResvTear)
        assert not traffic(outputs)
    assert shown(node_) == before
