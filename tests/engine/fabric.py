"""Engines joined by a fake wire with a hand-made clock.

Every message is encoded and decoded on its way, so that all engine tests are codec tests, too. And every
engine has a twin that is given no fingerprints: all engine tests are tests of what is known by them.
`router()` gives one engine with interfaces whose other ends are the test itself; `Fabric` is a
network of engines.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random
from typing import Any, TypeVar

import pytest

from rsvp import engine as e
from rsvp._wire import decode, encode, fingerprint
from rsvp.engine.merge import request
from rsvp.errors import LocalError
from rsvp.intserv import Adspec, Flowspec, Tspec, controlled_load
from rsvp.messages import Flow, Message, Path, PathTear, Resv, ResvConf, ResvTear, Sender
from rsvp.objects import (
    AnyObject,
    FilterSpec,
    Hop,
    IPAddress,
    ResvConfirm,
    Scope,
    Session,
    Style,
    TimeValues,
)

T = TypeVar("T")
UDP = 17
TRAFFIC = (e.InstallFlow, e.ModifyFlow, e.AddFilter, e.RemoveFilter, e.RemoveFlow)


def a(text: str) -> IPAddress:
    return ip_address(text)


def session(text: str = "10.9.0.9", port: int = 5000, protocol: int = UDP) -> Session:
    return Session(a(text), protocol, port)


def sender(text: str = "10.1.0.1", port: int = 4000) -> FilterSpec:
    return FilterSpec(a(text), port)


def tspec(rate: float = 1000.0, **fields: Any) -> Tspec:
    return Tspec(rate, fields.pop("bucket", 3000.0), **fields)


def load(rate: float = 1000.0) -> Flowspec:
    return controlled_load(tspec(rate))


class Twins(e.Engine):
    """An engine and another one to which no message has a fingerprint: they do and show the same."""

    def __init__(self, config: e.Config | None = None, *, rng: Random) -> None:
        other = Random()
        other.setstate(rng.getstate())
        super().__init__(config, rng=rng)
        self.slow = e.Engine(config, rng=other)

    def handle(self, event: e.Input, now: float) -> list[e.Output]:
        self.slow._core.config = self._core.config
        plain = replace(event, fingerprint=None) if isinstance(event, e.Received) else event
        try:
            expected = self.slow.handle(plain, now)
        except LocalError as error:
            with pytest.raises(type(error)):
                super().handle(event, now)
            raise
        outputs = super().handle(event, now)
        assert outputs == expected
        self._shows_the_same(getattr(getattr(event, "message", None), "session", None), now)
        return outputs

    def handle_timeout(self, now: float) -> list[e.Output]:
        outputs = super().handle_timeout(now)
        assert outputs == self.slow.handle_timeout(now)
        return outputs

    def _shows_the_same(self, session: Any, now: float) -> None:
        assert self.next_timeout() == self.slow.next_timeout()
        if isinstance(session, Session):
            assert self.senders(now, session) == self.slow.senders(now, session)
            assert self.reservations(now, session) == self.slow.reservations(now, session)
        seen = len(self._core.paths_seen) + len(self._core.resvs_seen)
        assert seen <= 2 * self._core.held.total


@dataclass
class Router:
    """One engine; interface n has address 10.n.0.254 and, unless told, neighbour 10.n.0.1."""

    engine: e.Engine
    now: float = 0.0
    outputs: list[e.Output] = field(default_factory=list)
    flows: dict[int, e.InstallFlow] = field(default_factory=dict)
    routes: dict[IPAddress, e.RouteResolved] = field(default_factory=dict)
    trees: dict[tuple[IPAddress, IPAddress | None], e.RouteResolved] = field(default_factory=dict)

    def feed(self, event: e.Input) -> list[e.Output]:
        """Hand in an input, answer its questions to routing; returns everything that came out."""
        return self._settle(self.engine.handle(event, self.now))

    def _settle(self, outputs: list[e.Output]) -> list[e.Output]:
        done: list[e.Output] = []
        todo = list(outputs)
        while todo:
            output = todo.pop(0)
            done.append(output)
            self._track(output)
            if isinstance(output, e.ResolveRoute):
                known = self.trees.get(
                    (output.destination, output.source), self.routes.get(output.destination)
                )
                if known is not None:
                    answer = replace(known, source=output.source)
                    todo += self.engine.handle(answer, self.now)
        self.outputs += done
        self._told()
        return done

    def _told(self) -> None:
        """Previous hops heard of every change at once, but of what time alone changed (3.3, 3.5, 3.6)."""
        for state in itertools.islice(self.engine._core.sessions.values(), 8):
            for phop in state.phops.values():
                if phop.blockade is None and not any(psb.blockade or psb.held for psb in phop.psbs):
                    assert phop.request == request(state, phop, self.now)

    def _track(self, output: e.Output) -> None:
        if isinstance(output, e.InstallFlow):
            assert output.handle not in self.flows
            self.flows[output.handle] = output
        elif isinstance(output, e.ModifyFlow):
            self.flows[output.handle] = replace(
                self.flows[output.handle],
                flowspec=output.flowspec,
                tspec=output.tspec,
                police=output.police,
                extra=output.extra,
            )
        elif isinstance(output, e.AddFilter):
            flow = self.flows[output.handle]
            assert output.filter not in flow.filters
            self.flows[output.handle] = replace(flow, filters=(*flow.filters, output.filter))
        elif isinstance(output, e.RemoveFilter):
            flow = self.flows[output.handle]
            rest = tuple(one for one in flow.filters if one != output.filter)
            assert len(rest) == len(flow.filters) - 1
            self.flows[output.handle] = replace(flow, filters=rest)
        elif isinstance(output, e.RemoveFlow):
            del self.flows[output.handle]

    def receive(
        self,
        message: Message,
        interface: int,
        *,
        source: str | None = None,
        ttl: int | None = None,
        to: str | None = None,
    ) -> list[e.Output]:
        """A message comes in, through the codec; `to` where it is not for this router's address."""
        data = encode(message)
        message = decode(data)
        hop = getattr(message, "hop", None)
        came = a(source) if source else hop.address if hop else a(f"10.{interface}.0.1")
        if isinstance(message, Path | PathTear) and isinstance(message.session, Session):
            where = message.session.destination
        elif isinstance(message, ResvConf):
            where = message.confirm.receiver
        else:
            where = a(to or f"10.{interface}.0.254")
        left = message.send_ttl if ttl is None else ttl
        return self.feed(e.Received(message, interface, came, where, left, fingerprint(data)))

    def advance(self, seconds: float) -> list[e.Output]:
        """Let time pass; returns everything that came out on the way."""
        until, came = self.now + seconds, []
        while (due := self.engine.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            came += self._settle(self.engine.handle_timeout(self.now))
        self.now = until
        return came

    def route(
        self, destination: str, *outgoing: int, local: bool = False, incoming: int | None = None
    ) -> None:
        """Say where a destination is, before it is asked for."""
        to = a(destination)
        self.routes[to] = e.RouteResolved(to, None, outgoing, incoming, local)

    def tree(
        self, group: str, source: str, incoming: int | None, *outgoing: int, local: bool = False
    ) -> None:
        """Say where a group's data from one source comes in and goes out, before it is asked for."""
        key = (a(group), a(source))
        self.trees[key] = e.RouteResolved(*key, outgoing, incoming, local)

    @property
    def installed(self) -> set[tuple[int, tuple[str, ...], float]]:
        """(interface, filters as text, rate) of everything that traffic control was told."""
        return {
            (f.interface, tuple(str(one) for one in f.filters), f.flowspec.rate) for f in self.flows.values()
        }


def router(*interfaces: int, seed: int = 1, **fields: Any) -> Router:
    """An engine with these interfaces; `fields` go into each `Interface`."""
    node = Router(Twins(rng=Random(seed)))
    for index in interfaces:
        node.feed(
            e.InterfaceUp(
                e.Interface(
                    index,
                    f"eth{index}",
                    (a(f"10.{index}.0.254"),),
                    **{"bandwidth": 100_000.0, "reservable": 1.0, **fields},
                )
            )
        )
    node.outputs.clear()
    return node


def sends(outputs: list[e.Output], kind: type[T]) -> list[T]:
    """The messages of one kind among the outputs."""
    return [o.message for o in outputs if isinstance(o, e.Send) and isinstance(o.message, kind)]


def of(outputs: list[e.Output], kind: type[T]) -> list[T]:
    """The outputs of one kind."""
    return [o for o in outputs if isinstance(o, kind)]


def traffic(outputs: list[e.Output]) -> list[e.Output]:
    """The orders to traffic control."""
    return [o for o in outputs if isinstance(o, TRAFFIC)]


# --- messages as neighbours send them -----------------------------------------------------------


def path(
    who: FilterSpec | None = None,
    *,
    to: Session | None = None,
    hop: str = "10.1.0.1",
    lih: int = 7,
    refresh: float = 30.0,
    ttl: int = 60,
    spec: Tspec | None = None,
    adspec: Adspec | None = None,
    extra: tuple[AnyObject, ...] = (),
) -> Path:
    return Path(
        session=to or session(),
        hop=Hop(a(hop), lih),
        time_values=TimeValues(int(refresh * 1000)),
        sender=Sender(who or sender(), spec or tspec(), adspec),
        send_ttl=ttl,
        extra=extra,
    )


def path_tear(who: FilterSpec | None = None, *, to: Session | None = None, hop: str = "10.1.0.1") -> PathTear:
    return PathTear(session=to or session(), hop=Hop(a(hop), 7), sender=Sender(who or sender()), send_ttl=60)


def resv(
    style: Style,
    *flows: tuple[Flowspec, tuple[FilterSpec, ...]],
    to: Session | None = None,
    hop: str = "10.2.0.1",
    lih: int = 2,
    refresh: float = 30.0,
    confirm: str | None = None,
    scope: tuple[str, ...] | None = None,
    extra: tuple[AnyObject, ...] = (),
) -> Resv:
    return Resv(
        session=to or session(),
        hop=Hop(a(hop), lih),
        time_values=TimeValues(int(refresh * 1000)),
        style=style,
        flows=tuple(Flow(spec, filters) for spec, filters in flows),
        confirm=ResvConfirm(a(confirm)) if confirm else None,
        scope=Scope(tuple(a(one) for one in scope)) if scope else None,
        send_ttl=63,
        extra=extra,
    )


def resv_tear(
    style: Style,
    *filters: tuple[FilterSpec, ...],
    to: Session | None = None,
    hop: str = "10.2.0.1",
    lih: int = 2,
) -> ResvTear:
    return ResvTear(
        session=to or session(),
        hop=Hop(a(hop), lih),
        style=style,
        flows=tuple(Flow(None if not one else load(), one) for one in filters),
        send_ttl=63,
    )


# --- a network of engines ---------------------------------------------------------------------------


@dataclass
class Fabric:
    """Engines whose interfaces are joined; messages arrive at once and in order.

    `drop(n, message)` true loses the n-th message; `log` keeps (time, from, message) of all.
    """

    nodes: dict[str, Router] = field(default_factory=dict)
    links: dict[tuple[str, int], list[tuple[str, int]]] = field(default_factory=dict)
    now: float = 0.0
    log: list[tuple[float, str, e.Send]] = field(default_factory=list)
    drop: Callable[[int, Message], bool] = lambda n, message: False
    upcalls: dict[str, list[e.Output]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)

    def host_of(self, address: IPAddress) -> tuple[str, int] | None:
        """Whose address this is."""
        for name, node in self.nodes.items():
            for view in node.engine.interfaces():
                if address in view.addresses:
                    return name, view.index
        return None

    def carry(self, name: str, outputs: list[e.Output]) -> None:
        """Take what came out of a node to where it goes, and so on until all is quiet."""
        todo = [(name, output) for output in outputs]
        while todo:
            who, output = todo.pop(0)
            if not isinstance(output, e.Send):
                self.upcalls.setdefault(who, []).append(output)
                continue
            self.log.append((self.now, who, output))
            if self.drop(len(self.log) - 1, output.message):
                continue
            for other, iif in self._ends(who, output):
                if other in self.dead:
                    continue
                node = self.nodes[other]
                node.now = self.now
                data = encode(output.message)
                source = output.source or a("0.0.0.0")
                came = node.feed(
                    e.Received(decode(data), iif, source, output.destination, output.ttl, fingerprint(data))
                )
                todo += [(other, one) for one in came]

    def _ends(self, who: str, send: e.Send) -> list[tuple[str, int]]:
        if send.interface is not None:
            ends = self.links.get((who, send.interface), [])
        else:
            ends = [end for (name, _), ends in self.links.items() if name == who for end in ends]
        if send.router_alert or len(ends) == 1:
            if send.destination.is_multicast or len(ends) == 1:
                return ends
            return self._towards(ends, send)
        owner = self.host_of(send.destination)
        return [end for end in ends if owner is not None and end[0] == owner[0]]

    def _towards(self, ends: list[tuple[str, int]], send: e.Send) -> list[tuple[str, int]]:
        owner = self.host_of(send.destination)
        direct = [end for end in ends if owner is not None and end[0] == owner[0]]
        return direct or ends

    def feed(self, name: str, event: e.Input) -> None:
        """An input at one node, and all that follows."""
        node = self.nodes[name]
        node.now = self.now
        self.carry(name, node.feed(event))

    def advance(self, seconds: float) -> None:
        """Let time pass everywhere."""
        until = self.now + seconds
        while True:
            due = [
                (when, name)
                for name, node in self.nodes.items()
                if name not in self.dead and (when := node.engine.next_timeout()) is not None
            ]
            if not due or min(due)[0] > until:
                break
            when, name = min(due)
            self.now = max(self.now, when)
            node = self.nodes[name]
            node.now = self.now
            self.carry(name, node._settle(node.engine.handle_timeout(self.now)))
        self.now = until

    def events(self, name: str, kind: type[T]) -> list[T]:
        """One node's upcalls of one kind so far."""
        return of(self.upcalls.get(name, []), kind)

    @property
    def empty(self) -> bool:
        """Whether no live node remembers anything."""
        return all(
            not n.engine.sessions() and not n.flows for k, n in self.nodes.items() if k not in self.dead
        )


def line(refresh: float = 30.0, keep: int = 3, **fields: Any) -> Fabric:
    """h1 - r1 - r2 - h2; interface 1 looks towards h1, 2 towards h2; h1 10.1.0.1, h2 10.3.0.2."""
    fabric = Fabric()
    hops = {
        "h1": {2: "10.1.0.1"},
        "r1": {1: "10.1.0.2", 2: "10.2.0.1"},
        "r2": {1: "10.2.0.2", 2: "10.3.0.1"},
        "h2": {1: "10.3.0.2"},
    }
    names = list(hops)
    for number, (name, addresses) in enumerate(hops.items()):
        node = fabric.nodes[name] = Router(Twins(rng=Random(number)))
        for index, text in addresses.items():
            interface = e.Interface(
                index,
                f"eth{index}",
                (a(text),),
                **{"bandwidth": 100_000.0, "reservable": 1.0, "refresh": refresh, "keep": keep, **fields},
            )
            node.feed(e.InterfaceUp(interface))
        for far, text in (("h1", "10.1.0.1"), ("h2", "10.3.0.2")):
            if far == name:
                node.route(text, local=True)
            else:
                node.route(text, 2 if names.index(far) > number else 1)
    for left, right in itertools.pairwise(names):
        fabric.links[left, 2] = [(right, 1)]
        fabric.links[right, 1] = [(left, 2)]
    return fabric
