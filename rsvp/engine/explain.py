"""Why state is what it is: the messages it came from, and the rules that made it so of them.

Nothing here changes state, and nothing is remembered for it but the last refusals: whatever the rules
decided can be read from the blocks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .core import Core
from .interfaces import LOCAL
from .merge import blockaded, wanting
from .outputs import Police
from .path import onward_ttl
from .phop import PreviousHop
from .psb import PathStateBlock
from .refusals import rule
from .rsb import ReservationStateBlock
from .tcsb import TrafficControlStateBlock
from .views import (
    Explained,
    Explanation,
    InstalledView,
    RefusalView,
    RequestView,
    ReservationView,
    SenderView,
    Source,
)

Reasons = Iterator[Explanation]


def explain(core: Core, view: Explained, now: float) -> tuple[Explanation, ...]:
    """Every reason for what a view shows, the message it came from first.

    Empty where the state is gone since the view was taken.
    """
    return tuple(_EXPLAIN[type(view)](core, view, now))


def _name(core: Core, index: int) -> str:
    if index == LOCAL:
        return "applications here"
    interface = core.interfaces.get(index)
    return interface.name if interface is not None else f"interface {index}"


def _names(core: Core, indexes: Iterable[int]) -> str:
    return ", ".join(_name(core, index) for index in indexes)


# --- senders ----------------------------------------------------------------------------------------


def _sender(core: Core, view: SenderView, now: float) -> Reasons:
    state = core.find_session(view.session)
    for psb in state.psbs.values() if state is not None else ():
        if (psb.template, psb.iif, psb.phop.address) == (view.sender, view.interface, view.phop):
            yield from _path(core, psb)
            yield from _blockades((psb,), now)


def _path(core: Core, psb: PathStateBlock) -> Reasons:
    source = Source("Path", psb.phop.address, psb.iif, (psb.template,), psb.tspec)
    if psb.handle is not None:
        yield Explanation("an application here sends", "RFC 2205 section 3.11.1", (source,))
    else:
        yield Explanation("a Path made it, and refreshes keep it", "RFC 2205 section 3.1.3", (source,))
    if psb.local_only:
        yield Explanation(
            "it came another way than routing expects the data, so that it is for applications here only "
            "and not forwarded",
            "RFC 2205 section 3.9",
        )
    elif psb.outgoing:
        where = _names(core, psb.outgoing)
        yield Explanation(f"routing sends data of this session to {where}", "RFC 2205 section 3.1.3")
        if onward_ttl(psb) <= 0:
            yield Explanation(
                "its Path came with the last of its TTL, and is not forwarded",
                "RFC 2209 section 2, PATH REFRESH",
            )
    else:
        yield Explanation(
            "routing knows no way on for data of this session: it is not forwarded", "RFC 2205 section 3.1.3"
        )
    if psb.non_rsvp:
        yield Explanation(
            f"it came with IP TTL {psb.ttl} and Send_TTL {psb.path.send_ttl}: "
            "a node without RSVP is on the way",
            "RFC 2205 section 3.8",
        )
    if psb.held is not None:
        yield Explanation(
            "its route changed: what upstream was asked for stands until receivers could reserve anew",
            "RFC 2205 section 3.6",
        )


def _blockades(psbs: Iterable[PathStateBlock], now: float) -> Reasons:
    """What was refused upstream for some senders a short while ago, each once."""
    found: dict[Source, float] = {}
    for psb in psbs:
        for bsb, filters in ((psb.blockade, (psb.template,)), (psb.phop.blockade, ())):
            if bsb is not None and now < bsb.until:
                source = Source("ResvErr", psb.phop.address, psb.iif, filters, bsb.flowspec)
                found[source] = bsb.until
    for source, until in found.items():
        yield Explanation(
            "admission control refused as much as this upstream: reservations that are not smaller are left "
            f"out of the merge for another {until - now:.0f} s",
            "RFC 2205 section 3.5",
            (source,),
        )


# --- reservations -----------------------------------------------------------------------------------


def _source(rsb: ReservationStateBlock) -> Source:
    return Source("Resv", rsb.nhop, rsb.oi, tuple(rsb.filters), rsb.flowspec)


def _reservation(core: Core, view: ReservationView, now: float) -> Reasons:
    state = core.find_session(view.session)
    for rsb in list(state.reservations()) if state is not None else ():
        if (rsb.oi, rsb.nhop, tuple(rsb.filters)) == (view.interface, view.nhop, view.filters):
            yield from _reserved(core, rsb, now)


def _reserved(core: Core, rsb: ReservationStateBlock, now: float) -> Reasons:
    if rsb.handle is not None:
        yield Explanation("an application here reserved it", "RFC 2205 section 3.11.1", (_source(rsb),))
    else:
        yield Explanation("a Resv made it, and refreshes keep it", "RFC 2205 section 3.1.4", (_source(rsb),))
    tcsb = rsb.state.tcsbs.get((rsb.oi, rsb.group))
    if tcsb is None:
        yield Explanation(
            "nothing is installed for it: no data of its senders leaves there", "RFC 2209 section 2"
        )
    elif tcsb.granted is not None:
        yield _reduced(tcsb)
    asked_of = [
        psb for psb in rsb.state.psbs.values() if any(rsb in rsbs for _, rsbs in wanting(rsb.state, psb))
    ]
    yield from _blockades((psb for psb in asked_of if blockaded(rsb.flowspec, psb, now)), now)
    if rsb.scope is not None:
        yield Explanation("it goes upstream only towards the senders of its SCOPE", "RFC 2205 section 3.4")


def _reduced(tcsb: TrafficControlStateBlock) -> Explanation:
    return Explanation("it was preempted in part: what the link has left for it stands", "RFC 4495 section 5")


# --- requests ---------------------------------------------------------------------------------------


def _request(core: Core, view: RequestView, now: float) -> Reasons:
    state = core.find_session(view.session)
    for phop in state.phops.values() if state is not None else ():
        if (phop.iif, phop.address) == (view.interface, view.phop) and phop.request is not None:
            yield from _asked(phop, view, now)


def _asked(phop: PreviousHop, view: RequestView, now: float) -> Reasons:
    asking: dict[ReservationStateBlock, None] = {}
    left_out: dict[ReservationStateBlock, None] = {}
    psbs = [psb for psb in phop.psbs if not view.filters or psb.template in view.filters]
    for psb in psbs:
        for _, rsbs in wanting(phop.state, psb):
            for rsb in rsbs:
                (left_out if blockaded(rsb.flowspec, psb, now) else asking)[rsb] = None
    if asking:
        alone = len(asking) == 1
        text = "the only reservation" if alone else f"the least upper bound of {len(asking)} reservations"
        which = " that is not blockaded" if alone else " that are not blockaded"
        section = "RFC 2209 section 2" if alone else "RFC 2205 section 2.2"
        yield Explanation(text + which * bool(left_out), section, _all(asking))
        if left_out:
            yield Explanation(
                "blockaded, and so left out of the merge", "RFC 2205 section 3.5", _all(left_out)
            )
    elif left_out:
        text = "all reservations are blockaded: their greatest lower bound is tried again"
        yield Explanation(text, "RFC 2205 section 3.5", _all(left_out))
    if left_out:
        yield from _blockades(psbs, now)
    if not (asking or left_out) and any(psb.held is not None and now < psb.held.until for psb in psbs):
        yield Explanation(
            "the route changed: what was asked for stands until receivers could reserve anew",
            "RFC 2205 section 3.6",
        )
    if view.style.shared and len(view.filters) > 1:
        yield Explanation(
            "senders that share a reservation get one as large as the largest that any of them needs",
            "RFC 2205 section 1.3",
        )
    request = phop.request
    if request is not None and request.scope is not None:
        yield Explanation(
            "it names its senders in a SCOPE, or wildcard reservations could go round in a loop",
            "RFC 2205 section 3.4",
        )


def _all(rsbs: Iterable[ReservationStateBlock]) -> tuple[Source, ...]:
    return tuple(_source(rsb) for rsb in rsbs)


# --- what is installed ------------------------------------------------------------------------------

_POLICED = {
    Police.ENTRY: "no node upstream has policed this flow: it is policed where it enters",
    Police.MERGE: "several senders share the reservation: it is policed where their data comes together",
    Police.BRANCH: "another interface has more of the same flow reserved: it is policed where it branches",
}


def _installed(core: Core, view: InstalledView, now: float) -> Reasons:
    state = core.find_session(view.session)
    for tcsb in state.tcsbs.values() if state is not None else ():
        if tcsb.handle != view.handle or tcsb.oi != view.interface or state is None:
            continue
        rsbs = list(state.rsbs[tcsb.oi, tcsb.group].values())
        what = "as reserved" if len(rsbs) == 1 else f"the least upper bound of {len(rsbs)} reservations"
        yield Explanation(what, "RFC 2209 section 2, UPDATE TRAFFIC CONTROL", _all(rsbs))
        if tcsb.filters:
            text = "for the senders that reservations list and whose data leaves there"
        else:
            text = "a wildcard reservation is for every sender of the session"
        yield Explanation(text, "RFC 2205 section 1.3")
        for flag, text in _POLICED.items():
            if flag in tcsb.police:
                yield Explanation(text, "RFC 2205 section 3.8")
        if tcsb.granted is not None:
            yield _reduced(tcsb)
        elif tcsb.forward != tcsb.flowspec:
            yield Explanation(
                "the link has less left than was asked for: slack was spent on a lower rate",
                "RFC 2212, Guidelines for Implementors",
            )


# --- what was refused -------------------------------------------------------------------------------


def _refused(core: Core, view: RefusalView, now: float) -> Reasons:
    text, section = rule(view.code, view.value)
    source = Source(view.message, view.neighbor, view.interface, view.filters, view.flowspec)
    yield Explanation(text, section, (source,))
    if view.in_place:
        yield Explanation("an earlier reservation stands as it was", "RFC 2205 section 3.5")


_EXPLAIN: dict[type[Any], Callable[[Core, Any, float], Reasons]] = {
    SenderView: _sender,
    ReservationView: _reservation,
    RequestView: _request,
    InstalledView: _installed,
    RefusalView: _refused,
}
