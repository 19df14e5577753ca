"""What happens underneath: interfaces come and go, traffic control fails, bytes make no sense."""

from __future__ import annotations

from dataclasses import replace

from .._values import number
from ..iana import MessageType
from . import patherr, preempt, resv, resverr, upstream
from .admission import Budget
from .core import Core, Growth
from .inputs import FlowRejected, InterfaceDown, InterfaceUp, Undecodable
from .interfaces import LOCAL, Interface
from .outputs import Change
from .reject import Reject
from .timers import NEVER, Timer


def interface_up(core: Core, event: InterfaceUp, now: float) -> None:
    """An interface appeared, or its addresses, MTU, bandwidth or refresh period changed."""
    new = event.interface
    old = core.interfaces.get(new.index)
    if old is not None and new.refresh > old.refresh:
        new = _slowed(core, old, new, now)
    else:
        _end_growth(core, new.index)
    _adopt(core, new, now)


def _adopt(core: Core, new: Interface, now: float) -> None:
    old = core.interfaces.get(new.index)
    if old == new:
        return
    core.interfaces[new.index] = new
    if old is None:
        core.arrivals[new.index] = (now, core.losses)
    core.budgets.setdefault(new.index, Budget())
    _note_addresses(core)
    for state in core.sessions.values():
        for psb in state.psbs.values():
            psb.sent.clear()  # the hop address, R or the ADSPEC may be another now
        for phop in state.phops.values():
            phop.sent = None
    if old is None or old.enabled != new.enabled:
        _ask_again(core)
        upstream.resume(core, new.index, now)
    elif old.addresses != new.addresses:
        _tell_neighbors(core, new, now)
        _ask_for_senders_here(core)
    if old is not None and old.limits != new.limits:
        preempt.fit(core, new.index, now)


def _tell_neighbors(core: Core, changed: Interface, now: float) -> None:
    """Refresh what names this node by an address that changed: its neighbours would answer the old one.

    After W, as addresses tend to change together, and not later than it would have been (section 3.6).
    """
    soon = now + changed.route_delay
    for state in core.sessions.values():
        paths = [psb.refresh for psb in state.psbs.values() if changed.index in psb.outgoing]
        asked = [phop.refresh for phop in state.phops.values() if phop.iif == changed.index]
        for timer in (*paths, *asked):
            if soon < timer.deadline < NEVER:
                timer.deadline = soon
                core.timers.watch(timer)


def _slowed(core: Core, old: Interface, new: Interface, now: float) -> Interface:
    """The interface with a longer R, which grows to that in steps (RFC 2205 section 3.7)."""
    growth = core.growths.get(new.index)
    if growth is not None:
        growth.target = new.refresh
        return replace(new, refresh=old.refresh)
    growth = core.growths[new.index] = Growth(new.index, new.refresh)
    growth.timer = Timer(growth, _grow)
    return _step(core, growth, replace(new, refresh=old.refresh), now)


def _step(core: Core, growth: Growth, interface: Interface, now: float) -> Interface:
    """One step of at most Slew.Max; the next when all state was refreshed once at this pace."""
    refresh = min(growth.target, interface.refresh * (1 + interface.slew))
    if refresh < growth.target:
        growth.timer.deadline = now + 1.5 * refresh
        core.timers.watch(growth.timer)
    else:
        _end_growth(core, growth.index)
    return replace(interface, refresh=refresh)


def _grow(core: Core, growth: Growth, now: float) -> None:
    _adopt(core, _step(core, growth, core.interfaces[growth.index], now), now)


def _end_growth(core: Core, index: int) -> None:
    growth = core.growths.pop(index, None)
    if growth is not None:
        growth.timer.end()


def interface_down(core: Core, event: InterfaceDown, now: float) -> None:
    """An interface is gone, and with it what was reserved there; what came from it times out.

    Senders are likely to be heard of through another one within seconds, and what is reserved for
    them downstream is to stand until then (RFC 2205 section 3.6).
    """
    gone = core.interfaces.pop(event.index, None)
    if gone is None:
        return
    _end_growth(core, event.index)
    core.losses += 1
    core.arrivals.pop(event.index, None)
    _note_addresses(core)
    for state in list(core.sessions.values()):
        for psb in list(state.psbs.values()):
            if event.index in psb.outgoing:
                psb.outgoing = tuple(oi for oi in psb.outgoing if oi != event.index)
                psb.sent.pop(event.index, None)
                upstream.hold(core, psb, now + gone.route_delay)
        for rsb in list(state.reservations()):
            if rsb.oi == event.index and rsb.handle is None:
                resv.shrink(core, state, rsb, list(rsb.filters), now, Change.INTERFACE_GONE)
            elif rsb.oi == event.index:
                resv.settle(core, state, rsb, now)
    core.budgets.pop(event.index, None)
    _ask_again(core)


def _note_addresses(core: Core) -> None:
    core.made.clear()
    core.resvs_seen.clear()
    core.own = frozenset(a for interface in core.interfaces.values() for a in interface.addresses)
    core.own_numbers = frozenset(map(number, core.own))


def _ask_again(core: Core) -> None:
    """Other ways may be open now."""
    core.out.extend(core.routes)


def _ask_for_senders_here(core: Core) -> None:
    """To a group each sends from the interface that has its address, which may be another (section 3.9)."""
    mine = (psb for one in core.applications.values() for psb in one.senders.values() if psb.iif == LOCAL)
    core.out.extend(dict.fromkeys(psb.route.asked for psb in mine if psb.state.multicast))


def flow_rejected(core: Core, event: FlowRejected, now: float) -> None:
    """The kernel refused what admission had granted: the reservation goes the way of a refusal."""
    for state in list(core.sessions.values()):
        for tcsb in list(state.tcsbs.values()):
            if tcsb.handle != event.handle or tcsb.oi == LOCAL:
                continue
            refusal = Reject(event.code, event.value)
            if event.in_place and tcsb.before is not None:
                preempt.fall_back(core, state, tcsb, tcsb.before, refusal)
                return
            for rsb in list(state.rsbs[tcsb.oi, tcsb.group].values()):
                resverr.report(core, state, rsb, refusal)
                resv.shrink(core, state, rsb, list(rsb.filters), now, Change.REFUSED_BY_KERNEL)
            return


def undecodable(core: Core, event: Undecodable, now: float) -> None:
    """Answer a message that cannot be read, where RFC 2205 section 3.10 asks for it; count it."""
    refusal = Reject(event.code, event.value)
    if core.interface(event.interface) is not None and event.session and event.hop:
        version = event.session.destination.version
        if event.hop.address.version == version and not core.owns(event.hop.address, event.interface):
            if event.message_type == MessageType.PATH:
                patherr.send(core, event.interface, event.session, event.hop, event.sender, refusal)
            elif event.message_type == MessageType.RESV and event.style is not None:
                resverr.send(
                    core,
                    event.session,
                    event.interface,
                    event.hop.address,
                    event.style,
                    event.flow,
                    refusal,
                )
    core.drop(event.reason, event.interface, event.message_type)
