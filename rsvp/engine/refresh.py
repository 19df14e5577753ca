"""Messages that repeat what is known, as almost all do: a deadline is put off (RFC 2205 section 3.7).

What passed every rule when it was news need not be asked again. Here it is only made sure that it is
the same; whatever differs in anything goes the long way.

Where the shell takes fingerprints, a message that came before is known by its own, and no look is taken
at what its state says: most of that is in memory which no cache has any more. Whatever a repetition
depends on forgets it when it changes: a PSB its Paths; a session, with its senders, their ways and its
reservations, its Resvs; an interface all Resvs.
"""

from __future__ import annotations

from ..messages import Path, Resv, base_filter, base_filters
from ..objects import Filter
from . import path, resv
from .core import Core
from .inputs import Received
from .rsb import ReservationStateBlock
from .session import SessionState


def repeats_path(core: Core, received: Received, message: Path, now: float) -> bool:
    """Whether a Path is the one that a sender's state was made from; if so, that lives on."""
    iif = received.interface
    psb = core.paths_seen.find(received.fingerprint, iif, received.ttl)
    if psb is not None:
        path.watch_expiry(core, psb, message.time_values, now)
        return True
    state = core.find_session(message.session)
    if state is None:
        return False
    psb = state.find_psb(base_filter(message.sender.template), iif)
    if psb is None or psb.path != message or psb.iif != iif or psb.handle is not None:
        return False
    if psb.ttl != (message.send_ttl if received.ttl is None else received.ttl):
        return False
    path.watch_expiry(core, psb, message.time_values, now)
    _keep_few(core)
    core.paths_seen.note(received.fingerprint, iif, received.ttl, psb, psb)
    return True


def repeats_resv(core: Core, received: Received, message: Resv, now: float) -> bool:
    """Whether a Resv asks for what its next hop has reserved already; if so, all of that lives on."""
    rsb = core.resvs_seen.find(received.fingerprint, received.interface, received.ttl)
    if rsb is not None:
        # The same message, period and K: this is later than the last time.
        resv.prolong_all(rsb, resv.good_until(core, message, rsb.oi, now))
        return True
    state = core.find_session(message.session)
    if state is None or not state.rsbs or message.time_values.refresh_ms == 0:
        return False
    oi, nhop = resv.outgoing_interface(core, received, message.hop.lih), message.hop.address
    shared = message.style.shared
    known: list[ReservationStateBlock] = []
    filters: list[Filter] = []
    for flow in message.flows:
        listed = base_filters(flow.filters)
        for group in (None,) if shared else listed:
            rsb = state.find_rsb(oi, group, nhop)
            if rsb is None or not resv.repeats(core, rsb, message, flow):
                return False
            tcsb = state.tcsbs.get((oi, rsb.group))
            if tcsb is None or tcsb.granted is not None:  # who asks for more than stands is told
                return False
            if rsb.group is not None:
                filters.append(rsb.group)
            elif all(one in rsb.filters for one in listed):
                filters += listed
            else:
                return False
            known.append(rsb)
    if not known or not _leave(state, oi, filters):
        return False
    until = resv.good_until(core, message, oi, now)
    for rsb in known:
        resv.prolong(core, rsb, filters, until)
    if len(known) == 1:
        _keep_few(core)
        resv.note(core, received, message, known[0], tuple(filters))
    return True


def _leave(state: SessionState, oi: int, filters: list[Filter]) -> bool:
    """Whether data of all these senders leaves through an interface; without filters, of any."""
    if state.multicast or not filters:
        leaving = {psb.template for psb in state.senders(oi)}
        return leaving.issuperset(filters) and bool(leaving)
    for one in filters:
        psb = state.find_psb(one, oi)
        if psb is None or not psb.routes_to(oi):
            return False
    return True


def _keep_few(core: Core) -> None:
    """No more than there are state blocks, however many ways a neighbour finds to say the same."""
    for seen in (core.paths_seen, core.resvs_seen):
        if len(seen) >= core.held.total:
            seen.clear()
