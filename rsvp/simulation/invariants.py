"""What must hold at every moment on every node, computed slowly and plainly from what can be seen.

1. What traffic control was told is the merge of what is reserved (RFC 2205 section 2.2, RFC 2209);
   where slack was spent, at a lower rate R and with less slack (RFC 2212).
2. What was admitted on a link never exceeds what is reservable there, and its book is right.
3. No soft state outlives its lifetime (RFC 2205 section 3.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import TypeAlias

from ..engine.interfaces import LOCAL
from ..engine.views import ReservationView, SenderView
from ..intserv import Flowspec, effective, merge
from ..objects import Filter, Session
from .node import Node
from .simulation import Simulation

Key: TypeAlias = tuple[Session, int, Filter | None]
"""A session, an interface, and for a distinct reservation its sender."""

Reservation: TypeAlias = tuple[Flowspec, frozenset[Filter]]


def check(simulation: Simulation) -> list[str]:
    """What does not hold now, one sentence each; empty where all is well."""
    return [f"{node.name}: {one}" for node in simulation.nodes.values() for one in _check_node(node)]


def _check_node(node: Node) -> Iterator[str]:
    if node.engine is None:
        return
    yield from _installed_is_the_merge(node)
    yield from _admitted_fits(node)


def _installed_is_the_merge(node: Node) -> Iterator[str]:
    wanted = _merge(node.senders(), node.reservations())
    found = {}
    for interface, flow in node.ledger.flows.values():
        group = flow.filters[0] if flow.filters and not _shared(node, flow.session) else None
        found[flow.session, interface, group] = (flow.flowspec, frozenset(flow.filters))
    for key in wanted.keys() | found.keys():
        if not _stands_for(found.get(key), wanted.get(key)):
            yield f"installed {found.get(key)} for {key}, but reserved is {wanted.get(key)}"


def _stands_for(found: Reservation | None, wanted: Reservation | None) -> bool:
    """Whether what is installed is what should be, or the same with slack spent on it."""
    if found is None or wanted is None or found == wanted:
        return found == wanted
    (here, filters), (asked, others) = found, wanted
    return (
        filters == others
        and here.rspec is not None
        and asked.rspec is not None
        and replace(here, rspec=asked.rspec) == asked
        and here.rspec.rate < asked.rspec.rate
        and here.rspec.slack < asked.rspec.slack
    )


def _shared(node: Node, session: Session) -> bool:
    return any(view.style.shared for view in node.reservations() if view.session == session)


def _merge(senders: list[SenderView], reservations: list[ReservationView]) -> dict[Key, Reservation]:
    """What should be installed: for each group of reservations their merge."""
    asked: dict[Key, list[ReservationView]] = {}
    for view in reservations:
        if view.interface == LOCAL:
            continue
        for group in view.filters if not view.style.shared else (None,):
            asked.setdefault((view.session, view.interface, group), []).append(view)
    wanted = {}
    for (session, interface, group), views in asked.items():
        named = {one for view in views for one in view.filters}
        covered = [
            sender
            for sender in senders
            if sender.session == session and interface in sender.outgoing
            if not views[0].style.explicit or sender.sender in ({group} if group else named)
        ]
        if covered:
            flowspec = reduce(merge, (view.flowspec for view in views))
            filters = {one.sender for one in covered} if views[0].style.explicit else ()
            wanted[session, interface, group] = (flowspec, frozenset(filters))
    return wanted


def _admitted_fits(node: Node) -> Iterator[str]:
    for view in node.interfaces():
        taken = sum(effective(flow.flowspec, flow.tspec).rate for flow in node.ledger.on(view.index))
        if abs(taken - view.reserved) > 1e-6 * max(1.0, taken):
            yield f"{view.name} says {view.reserved} bytes/s are reserved, but flows take {taken}"
        if taken > view.limit * (1 + 1e-9):
            yield f"{view.name} has {taken} bytes/s reserved, above the limit of {view.limit}"
